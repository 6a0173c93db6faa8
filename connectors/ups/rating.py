"""A question for prices as UPS's RateRequest, and its RateResponse as our answers. Pure.

Shape: Rating.yaml of github.com/UPS-API/api-documentation, schemas RATERequestWrapper and
RATEResponseWrapper, version v2409. Two things in it contradict the examples beside it: a Service code
has "03", not three characters, and `Request` needs a RequestOption, which it does not describe.
`AddressLine` is required of addresses and may be an empty list: no street, name or city is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.parts import object_of
from core.errors import Unavailable
from core.model.carriage import RateAnswer, RateQuestion
from core.model.money import Money

OPTION = "Shoptimeintransit"
_GRAMS_A_POUND = 453.59237


def request(question: RateQuestion, *, account_number: str, residential: bool) -> dict[str, Any]:
    """One package of the customer's own, no document, by all services, with times in transit.

    Room counts in the weight that is asked for, so no dimensions are sent: UPS bills the greater of
    the two, and that is what `question.grams` is.
    """
    lane = question.lane
    origin = _address(lane.origin, lane.origin_state)
    destination = _address(lane.destination, lane.destination_state)
    shipper: dict[str, Any] = {"Address": origin}
    shipment: dict[str, Any] = {
        "Shipper": shipper,
        "ShipFrom": {"Address": origin},
        "ShipTo": {"Address": destination},
        "Package": [
            {
                "PackagingType": {"Code": "02", "Description": "Package"},
                "PackageWeight": {
                    "UnitOfMeasurement": {"Code": "LBS", "Description": "Pounds"},
                    "Weight": pounds(question.grams),
                },
            }
        ],
        "DeliveryTimeInformation": {
            "PackageBillType": "03",
            "Pickup": {"Date": f"{question.ships_on:%Y%m%d}"},
        },
    }
    if residential:
        destination["ResidentialAddressIndicator"] = "Y"
    if account_number:
        shipper["ShipperNumber"] = account_number
        shipment["ShipmentRatingOptions"] = {"NegotiatedRatesIndicator": "Y"}
    return {"RateRequest": {"Request": {"RequestOption": OPTION}, "Shipment": shipment}}


def _address(postal_code: str, state: str) -> dict[str, Any]:
    return {
        "AddressLine": [],
        "StateProvinceCode": state,
        "PostalCode": postal_code,
        "CountryCode": "US",
    }


def pounds(grams: int) -> str:
    """Tenths of a pound, rounded up: of a step that ends at a whole pound, that pound."""
    return f"{max(1, math.ceil(grams / _GRAMS_A_POUND * 10)) / 10:.1f}"


def answers(body: Mapping[str, Any], *, connector: str = "ups") -> Sequence[RateAnswer]:
    """Every service UPS rated, once each. Raises Unavailable for an answer of another shape."""
    found = object_of(body.get("RateResponse")).get("RatedShipment")
    if not isinstance(found, list):
        raise Unavailable("an answer without RatedShipment", connector=connector, operation="rate")
    made: dict[str, RateAnswer] = {}
    for rated in found:
        code = object_of(object_of(rated).get("Service")).get("Code")
        if isinstance(code, str) and code:
            made.setdefault(
                code, RateAnswer(code, _price(object_of(rated)), _days(object_of(rated)))
            )
    return tuple(made.values())


def _price(rated: Mapping[str, Any]) -> Money | None:
    """The negotiated total where UPS gives one, else its list price: what this account would pay."""
    negotiated = object_of(rated.get("NegotiatedRateCharges")).get("TotalCharge")
    charge = object_of(negotiated if negotiated is not None else rated.get("TotalCharges"))
    currency, value = charge.get("CurrencyCode"), charge.get("MonetaryValue")
    if not isinstance(currency, str) or not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    # Wider than any price: what cannot be money must not become a number of a million digits.
    if not amount.is_finite() or abs(amount) > Decimal(10) ** 12:
        return None
    return Money.rounded(amount, currency)


def _days(rated: Mapping[str, Any]) -> int | None:
    summary = object_of(object_of(rated.get("TimeInTransit")).get("ServiceSummary"))
    told = object_of(summary.get("EstimatedArrival")).get("BusinessDaysInTransit")
    text = told if isinstance(told, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else None
