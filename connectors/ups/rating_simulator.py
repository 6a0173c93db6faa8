"""The part of the UPS simulator that prices parcels, as strict as Rating.yaml says it is.

What is required, and how long values may be, is that file's (github.com/UPS-API/api-documentation,
v2409), and so is the answer's shape. Prices are made up: a table by service, zone and pound. The
file has no list of error codes: those of refusals are of UPS's kind and nobody should read them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

FAULTS = {
    "foreign-currency": "operation rate: all prices are in CAD",
    "negative-price": "operation rate: all prices are below nothing",
    "absurd-price": "operation rate: all prices are a thousand times what they were",
    "unreadable-price": "operation rate: all prices are the word N/A",
    "missing-service": "operation rate: Ground is missing from the answer",
}
_OPTIONS = ("Rate", "Shop", "Ratetimeintransit", "Shoptimeintransit")
_POUNDS = {"LBS": 1.0, "KGS": 2.2046226, "OZS": 1 / 16}
_HEAVIEST = 150.0


@dataclass(frozen=True)
class Tariff:
    """What one service costs: cents of the first pound, of each more, and of each zone beyond 2."""

    text: str
    first: int
    pound: int
    zone: int
    days: int


#: Made up, and dearer the sooner it comes.
TARIFFS = {
    "01": Tariff("UPS Next Day Air", 4_200, 210, 450, 1),
    "02": Tariff("UPS 2nd Day Air", 2_300, 140, 240, 2),
    "03": Tariff("UPS Ground", 980, 42, 70, 4),
    "12": Tariff("UPS 3 Day Select", 1_700, 95, 150, 3),
    "13": Tariff("UPS Next Day Air Saver", 3_900, 195, 420, 1),
}


class Refused(Exception):
    """UPS does not price this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RatingDesk:
    """`tariffs` may be changed; `discount` is the account's, in percent; homes cost `residential`."""

    def __init__(self, account_number: str) -> None:
        self.account_number = account_number
        self.tariffs = dict(TARIFFS)
        self.discount = 20
        self.residential = 150
        #: every RateRequest that was answered, as it came
        self.asked: list[dict[str, Any]] = []

    def rate(
        self, version: str, option: str, body: bytes, *, now: datetime, fault: str
    ) -> dict[str, Any]:
        """The RateResponse. Raises Refused."""
        if version != "v2409":
            raise Refused("10404", "Invalid version")
        if option not in _OPTIONS:
            raise Refused("110100", "Invalid request option")
        try:
            request = json.loads(body)
        except ValueError:
            raise Refused("9380", "The request is not well-formed") from None
        for missing in _missing(request, option, now):
            raise Refused("110003", missing)
        shipment = request["RateRequest"]["Shipment"]
        self._check_account(shipment)
        codes = sorted(self.tariffs)
        if option.startswith("Rate"):
            codes = [shipment["Service"]["Code"]]
            if codes[0] not in self.tariffs:
                raise Refused(
                    "111210", "The requested service is unavailable between the selected locations."
                )
        self.asked.append(request["RateRequest"])
        if fault == "missing-service":
            codes = [code for code in codes if code != "03"]
        rated = [self._rated(code, shipment, option, fault) for code in codes]
        status = {"Code": "1", "Description": "Success"}
        return {"RateResponse": {"Response": {"ResponseStatus": status}, "RatedShipment": rated}}

    def _check_account(self, shipment: dict[str, Any]) -> None:
        number = shipment["Shipper"].get("ShipperNumber")
        if number is not None and number != self.account_number:
            raise Refused("111580", "The shipper number is not valid.")
        asks = "NegotiatedRatesIndicator" in shipment.get("ShipmentRatingOptions", {})
        origin = shipment.get("ShipFrom", shipment["Shipper"])["Address"]
        if asks and (number is None or not origin.get("StateProvinceCode")):
            raise Refused(
                "111581", "Negotiated rates need a shipper number and the origin's state."
            )

    def _rated(
        self, code: str, shipment: dict[str, Any], option: str, fault: str
    ) -> dict[str, Any]:
        tariff = self.tariffs[code]
        origin = shipment.get("ShipFrom", shipment["Shipper"])["Address"]
        to = shipment["ShipTo"]["Address"]
        zone = zone_of(origin["PostalCode"], to["PostalCode"])
        weights = [_billed(one) for one in shipment["Package"]]
        cents = sum(
            tariff.first + tariff.pound * (one - 1) + tariff.zone * (zone - 2) for one in weights
        )
        home = self.residential if "ResidentialAddressIndicator" in to else 0
        total = cents + home * len(weights)
        charge = _charges(fault)
        rated: dict[str, Any] = {
            "Service": {"Code": code, "Description": tariff.text},
            "BillingWeight": _pounds(sum(weights)),
            "TransportationCharges": charge(cents),
            "ServiceOptionsCharges": charge(0),
            "TotalCharges": charge(total),
            "RatedPackage": [
                {"TotalCharges": charge(total // len(weights)), "BillingWeight": _pounds(one)}
                for one in weights
            ],
        }
        if "NegotiatedRatesIndicator" in shipment.get("ShipmentRatingOptions", {}):
            ours = total * (100 - self.discount) // 100
            rated["NegotiatedRateCharges"] = {"TotalCharge": charge(ours)}
        if option.endswith("timeintransit"):
            rated["TimeInTransit"] = _in_transit(shipment, tariff)
        return rated


def zone_of(origin: str, to: str) -> int:
    """2 to 8, by how far the first digits of two ZIP codes lie apart."""
    return 2 + min(6, abs(int(origin[0]) - int(to[0])))


def _charges(fault: str) -> Any:
    currency = "CAD" if fault == "foreign-currency" else "USD"
    times = {"negative-price": -1, "absurd-price": 1_000}.get(fault, 1)

    def charge(cents: int) -> dict[str, str]:
        value = "N/A" if fault == "unreadable-price" else f"{cents * times / 100:.2f}"
        return {"CurrencyCode": currency, "MonetaryValue": value}

    return charge


def _pounds(weight: int) -> dict[str, Any]:
    unit = {"Code": "LBS", "Description": "Pounds"}
    return {"UnitOfMeasurement": unit, "Weight": f"{weight:.1f}"}


def _billed(package: dict[str, Any]) -> int:
    """Whole pounds: of its weight, or of its room at 139 cubic inches a pound, if that is more."""
    weight = package["PackageWeight"]
    pounds = float(weight["Weight"]) * _POUNDS[weight["UnitOfMeasurement"]["Code"]]
    if (box := package.get("Dimensions")) is not None:
        per = 139.0 if box["UnitOfMeasurement"]["Code"] == "IN" else 139.0 * 16.387064
        pounds = max(
            pounds, math.prod(float(box[side]) for side in ("Length", "Width", "Height")) / per
        )
    return max(1, math.ceil(round(pounds, 6)))


def _in_transit(shipment: dict[str, Any], tariff: Tariff) -> dict[str, Any]:
    told = shipment["DeliveryTimeInformation"]["Pickup"]["Date"]
    day = datetime.strptime(told, "%Y%m%d")  # noqa: DTZ007 - a day
    left = tariff.days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return {
        "PickupDate": told,
        "PackageBillType": "03",
        "ServiceSummary": {
            "Service": {"Description": tariff.text},
            "EstimatedArrival": {
                "Arrival": {"Date": f"{day:%Y%m%d}", "Time": "230000"},
                "BusinessDaysInTransit": str(tariff.days),
                "Pickup": {"Date": told, "Time": "170000"},
                "DayOfWeek": f"{day:%a}".upper(),
            },
        },
    }


# --- what a request must have ----------------------------------------------------------------------


def _missing(request: Any, option: str, now: datetime) -> Iterator[str]:
    """What is wrong with it, the first thing first."""
    asked = _of(request, "RateRequest")
    if not _of(asked, "Request").get("RequestOption"):
        yield "Missing or invalid Request/RequestOption"
    shipment = _of(asked, "Shipment")
    for part in ("Shipper", "ShipTo"):
        address = _of(_of(shipment, part), "Address")
        if not isinstance(address.get("AddressLine"), list):
            yield f"Missing {part}/Address/AddressLine"
        yield from _wrong_address(part, address)
    if "ShipFrom" in shipment:
        yield from _wrong_address("ShipFrom", _of(_of(shipment, "ShipFrom"), "Address"))
    number = _of(shipment, "Shipper").get("ShipperNumber")
    if number is not None and not _text(number, 6, 6):
        yield "Invalid Shipper/ShipperNumber"
    packages = shipment.get("Package")
    if not isinstance(packages, list) or not 1 <= len(packages) <= 200:
        yield "Missing Package"
    else:
        for one in packages:
            yield from _wrong_package(one)
    if option.startswith("Rate") and not _of(shipment, "Service").get("Code"):
        yield "Missing Service/Code"
    if option.endswith("timeintransit"):
        yield from _wrong_day(_of(shipment, "DeliveryTimeInformation"), now)


def _wrong_address(part: str, address: dict[str, Any]) -> Iterator[str]:
    if address.get("CountryCode") != "US":
        yield f"Missing or foreign {part}/Address/CountryCode"
    code = address.get("PostalCode")
    if not (isinstance(code, str) and code.isdigit() and len(code) in (5, 9)):
        yield f"Missing or invalid {part}/Address/PostalCode"
    if "StateProvinceCode" in address and not _text(address["StateProvinceCode"], 2, 2):
        yield f"Invalid {part}/Address/StateProvinceCode"


def _wrong_package(package: Any) -> Iterator[str]:
    if not _text(_of(package, "PackagingType").get("Code"), 2, 2):
        yield "Missing Package/PackagingType/Code"
    weight = _of(package, "PackageWeight")
    unit = _of(weight, "UnitOfMeasurement")
    if unit.get("Code") not in _POUNDS or not _text(unit.get("Description"), 1, 35):
        yield "Missing or invalid PackageWeight/UnitOfMeasurement"
    elif not (_text(weight.get("Weight"), 1, 6) and _positive(weight["Weight"])):
        yield "Missing or invalid PackageWeight/Weight"
    elif float(weight["Weight"]) * _POUNDS[unit["Code"]] > _HEAVIEST:
        yield "Package exceeds the maximum size total constraints of 150 pounds"
    if "Dimensions" in package:
        box = _of(package, "Dimensions")
        unit = _of(box, "UnitOfMeasurement")
        sides = [box.get(side) for side in ("Length", "Width", "Height")]
        if unit.get("Code") not in ("IN", "CM") or not _text(unit.get("Description"), 1, 35):
            yield "Missing or invalid Dimensions/UnitOfMeasurement"
        elif not all(_text(side, 1, 9) and _positive(side) for side in sides):
            yield "Missing or invalid Dimensions"


def _wrong_day(told: dict[str, Any], now: datetime) -> Iterator[str]:
    """Time in transit needs a day, no more than 35 days back or 60 ahead."""
    if told.get("PackageBillType") not in ("02", "03", "04", "07"):
        yield "Missing or invalid DeliveryTimeInformation/PackageBillType"
    try:
        day = datetime.strptime(_of(told, "Pickup").get("Date", ""), "%Y%m%d").replace(
            tzinfo=now.tzinfo
        )
    except (TypeError, ValueError):
        yield "Missing or invalid DeliveryTimeInformation/Pickup/Date"
        return
    if not timedelta(days=-36) < day - now < timedelta(days=60):
        yield "DeliveryTimeInformation/Pickup/Date is too far away"


def _of(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: Any, least: int, most: int) -> bool:
    return isinstance(value, str) and least <= len(value) <= most


def _positive(value: Any) -> bool:
    try:
        return float(value) > 0 and math.isfinite(float(value))
    except ValueError:
        return False
