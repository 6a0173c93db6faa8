"""DHL's two answers as our events. Pure; statuses by codes, never by words.

Shapes: reference/carriers/payloads, dhl_unified_tracking_sample.json and mydhl_3.1.1.yaml (schema
supermodelIoLogisticsExpressTrackingResponse); codes as gathered in reference/carriers_suppliers.md A.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from connectors.namesakes import meant
from connectors.parts import clock, object_of, objects, place, text
from core.model.fulfillment import TrackingEvent, TrackingStatus
from core.ports import AskedParcel, TrackingReport

S = TrackingStatus

#: Unified's statusCode, one word for all of DHL's divisions: out for delivery is `transit` there.
BY_CODE: Mapping[str, TrackingStatus] = {
    "pre-transit": S.LABEL_CREATED,
    "transit": S.IN_TRANSIT,
    "delivered": S.DELIVERED,
    "failure": S.EXCEPTION,
    "unknown": S.UNKNOWN,
}

#: MyDHL's typeCode.
BY_TYPE_CODE: Mapping[str, TrackingStatus] = {
    "PU": S.PICKED_UP,
    **dict.fromkeys(("PL", "DF", "AF", "AR", "CR", "RR"), S.IN_TRANSIT),  # RR: customs
    "WC": S.OUT_FOR_DELIVERY,
    "OK": S.DELIVERED,
    "CA": S.ATTEMPTED,  # closed on arrival
    "NH": S.ATTEMPTED,  # nobody at home
    "BA": S.EXCEPTION,  # bad address
    "RD": S.EXCEPTION,  # refused
    "RT": S.RETURNED,
    "OH": S.EXCEPTION,  # on hold
}

#: Where wall clocks without an offset are read, by ISO country: where a country has several zones, in
#: its easternmost large one, so that no scan is later than it was, and the farthest a few hours early.
ZONES: Mapping[str, str] = {
    "US": "America/New_York",
    "CA": "America/Halifax",
    "MX": "America/Mexico_City",
    "CN": "Asia/Shanghai",
    "HK": "Asia/Hong_Kong",
    "TW": "Asia/Taipei",
    "SG": "Asia/Singapore",
    "JP": "Asia/Tokyo",
    "KR": "Asia/Seoul",
    "VN": "Asia/Ho_Chi_Minh",
    "IN": "Asia/Kolkata",
    "AU": "Australia/Sydney",
    "NZ": "Pacific/Auckland",
    "GB": "Europe/London",
    **dict.fromkeys(("DE", "NL", "BE", "FR", "IT", "ES", "PL", "AT", "CZ"), "Europe/Berlin"),
}

_WAYBILL = re.compile(r"\d{9,10}\d")
_SERVICE = re.compile(r"[a-z][a-z-]{1,30}")


def is_express(number: str) -> bool:
    """Whether it has the form of a waybill of DHL Express, and its check digit.

    >>> is_express("3318810025"), is_express("3318810026"), is_express("GM2951173225174494")
    (True, False, False)
    """
    told = "".join(number.split())
    return bool(_WAYBILL.fullmatch(told)) and told.isascii() and int(told[:-1]) % 7 == int(told[-1])


def report(asked: AskedParcel, shipments: Sequence[Mapping[str, Any]]) -> TrackingReport:
    """Every scan Unified has of the parcel, oldest first by UTC, chosen among those of its number."""
    return _report(asked, shipments, event_of, _estimate)


def express_report(asked: AskedParcel, body: Mapping[str, Any]) -> TrackingReport:
    """Every scan MyDHL has of the parcel, as `report`."""
    return _report(asked, objects(body.get("shipments")), express_event_of, _express_estimate)


def _report(
    asked: AskedParcel,
    shipments: Sequence[Mapping[str, Any]],
    event_of: Callable[[str, Mapping[str, Any]], TrackingEvent | None],
    estimate: Callable[[Mapping[str, Any]], datetime | None],
) -> TrackingReport:
    told = [
        (one, _sorted(event_of(asked.number, scan) for scan in objects(one.get("events"))))
        for one in shipments
    ]
    chosen = meant(asked, told)
    return TrackingReport(
        tracking_number=asked.number,
        events=tuple(chosen[1]) if chosen else (),
        estimated_delivery=estimate(chosen[0]) if chosen else None,
        raw=json.dumps(shipments, ensure_ascii=False),
    )


def shipments_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of an answer, which the published sample wraps."""
    return objects(object_of(body.get("trackingResponse") or body).get("shipments"))


def other_services(body: Mapping[str, Any]) -> list[str]:
    """DHL's services that may know the number too, from the addresses it gives.

    The addresses themselves are not followed: what a remote names would get our key.
    """
    told = object_of(body.get("trackingResponse") or body).get("possibleAdditionalShipmentsUrl")
    named = (
        parse_qs(urlsplit(text(one)).query).get("service", [""])[0]
        for one in (told if isinstance(told, list) else [])
    )
    return list(dict.fromkeys(one for one in named if _SERVICE.fullmatch(one)))


def event_of(number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan of Unified's; None where it has no readable instant."""
    address = object_of(object_of(told.get("location")).get("address"))
    local = clock(told.get("timestamp"))
    if local is None:
        return None
    code = text(told.get("statusCode"))
    status = BY_CODE.get(code, S.UNKNOWN)
    return TrackingEvent(
        tracking_number=number,
        at=_instant(local, text(address.get("countryCode"))),
        local_time=local.replace(tzinfo=None).isoformat(),
        status=status,
        raw_type=code,
        # The division's own word.
        raw_code=text(told.get("status")),
        raw_status_code="",
        text=_words(told, status),
        place=place(address, "addressLocality", "countryCode"),
    )


def express_event_of(number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan of MyDHL's; None where it has no readable instant."""
    local = clock(f"{text(told.get('date'))}T{text(told.get('time'))}{text(told.get('GMTOffset'))}")
    if local is None:
        return None
    # "AUCKLAND-NZ"
    area = text(next(iter(objects(told.get("serviceArea"))), {}).get("description"))
    code = text(told.get("typeCode"))
    status = BY_TYPE_CODE.get(code, S.UNKNOWN)
    return TrackingEvent(
        tracking_number=number,
        at=_instant(local, area.rpartition("-")[2]),
        local_time=local.replace(tzinfo=None).isoformat(),
        status=status,
        raw_type="",
        raw_code=code,
        raw_status_code="",
        text=_words(told, status),
        place=area,
    )


def _sorted(events: Iterable[TrackingEvent | None]) -> list[TrackingEvent]:
    """Oldest first. A scan without a readable instant is left out; `raw` has it."""
    return sorted((one for one in events if one is not None), key=lambda one: one.at)


def _words(told: Mapping[str, Any], status: TrackingStatus) -> str:
    """What DHL says beside the code; of a delivery nothing: the name of who signed stands there."""
    return "" if status is S.DELIVERED else text(told.get("description"))


def _instant(local: datetime, country: str) -> datetime:
    """UTC. A wall clock without an offset is read where its country is, of an unknown one as UTC."""
    if local.tzinfo is None:
        zone = ZONES.get(country)
        local = local.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    return local.astimezone(UTC)


def _estimate(shipment: Mapping[str, Any]) -> datetime | None:
    """The end of the estimated window, else the estimated instant; local at the destination."""
    window = object_of(shipment.get("estimatedDeliveryTimeFrame"))
    address = object_of(object_of(shipment.get("destination")).get("address"))
    told = clock(window.get("estimatedThrough") or shipment.get("estimatedTimeOfDelivery"))
    return _instant(told, text(address.get("countryCode"))) if told else None


def _express_estimate(shipment: Mapping[str, Any]) -> datetime | None:
    """The estimated instant, of a day its end; local at the receiver."""
    day = text(shipment.get("estimatedDeliveryDate"))
    address = object_of(object_of(shipment.get("receiverDetails")).get("postalAddress"))
    told = clock(day if "T" in day else f"{day}T23:59:59")
    return _instant(told, text(address.get("countryCode"))) if told else None
