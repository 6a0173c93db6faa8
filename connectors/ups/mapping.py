"""UPS's Track v1 answer as our events. Pure; statuses by codes, never by words.

Shape: reference/carriers/payloads/ups_tracking_openapi.yaml, schema TrackApiResponse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from connectors.parts import object_of, objects, place, same_number, text
from core.model.fulfillment import TrackingEvent, TrackingStatus
from core.ports import TrackingReport

S = TrackingStatus

#: By the three-digit statusCode, UPS's finest word (customers' copy of its table, UPS-API issue 7;
#: 014, 015, 016 and 038 are from memory and to be rechecked with real parcels).
BY_STATUS_CODE: Mapping[str, TrackingStatus] = {
    "003": S.LABEL_CREATED,
    "005": S.IN_TRANSIT,
    "011": S.DELIVERED,
    "012": S.IN_TRANSIT,  # in customs
    "013": S.EXCEPTION,
    "014": S.ATTEMPTED,
    "015": S.ATTEMPTED,
    "016": S.RETURNED,
    "017": S.AVAILABLE_FOR_PICKUP,
    "019": S.DELAYED,  # held for a later delivery
    "021": S.OUT_FOR_DELIVERY,
    "028": S.IN_TRANSIT,  # address changed
    "029": S.ACTION_REQUIRED,  # address information needed
    "032": S.DELAYED,
    "035": S.RETURNING,
    "038": S.PICKED_UP,
    # UPS's own milestone says DELIVERED here; the buyer has not got it.
    "040": S.AVAILABLE_FOR_PICKUP,
    "048": S.DELAYED,
    "051": S.DELAYED,
    "052": S.DELAYED,
    "053": S.DELAYED,
    "054": S.IN_TRANSIT,  # a change was requested
    "058": S.ACTION_REQUIRED,  # clearance information needed
    "071": S.IN_TRANSIT,  # preparing for delivery
}

#: By the two-character code, where the statusCode is absent or new.
BY_CODE: Mapping[str, TrackingStatus] = {
    "MP": S.LABEL_CREATED,
    "OR": S.IN_TRANSIT,
    "AR": S.IN_TRANSIT,
    "DP": S.IN_TRANSIT,
    "OT": S.OUT_FOR_DELIVERY,
    "ZP": S.AVAILABLE_FOR_PICKUP,  # at an Access Point
}

#: By the type alone. D is absent on purpose: its group covers loaded and out for delivery too.
#: U (update) and NA say nothing about where the parcel is.
BY_TYPE: Mapping[str, TrackingStatus] = {
    "M": S.LABEL_CREATED,
    "MV": S.VOIDED,
    "P": S.PICKED_UP,
    "I": S.IN_TRANSIT,
    "O": S.OUT_FOR_DELIVERY,
    "X": S.EXCEPTION,
    "RS": S.RETURNED,
}


def status_of(*, type_: str, code: str, status_code: str) -> TrackingStatus:
    """UNKNOWN where no table has it: the raw triple is kept with the event."""
    padded = status_code.zfill(3) if status_code.isdigit() else status_code
    for table, word in ((BY_STATUS_CODE, padded), (BY_CODE, code), (BY_TYPE, type_)):
        if word in table:
            return table[word]
    return S.UNKNOWN


def report(tracking_number: str, body: Mapping[str, Any]) -> TrackingReport:
    """Every scan, oldest first by UTC. Without events: UPS does not know the number (yet).

    A scan without a readable date is left out of the events; `raw` has it.
    """
    packages = list(_packages(body))
    mine = [p for p in packages if same_number(p.get("trackingNumber"), tracking_number)]
    # One package under another number: the parcel was handed on (Mail Innovations to USPS).
    chosen = mine or (packages if len(packages) == 1 else [])
    events = [
        event
        for package in chosen
        for activity in objects(package.get("activity"))
        if (event := event_of(tracking_number, activity)) is not None
    ]
    events.sort(key=lambda event: event.at)
    return TrackingReport(
        tracking_number=tracking_number,
        events=tuple(events),
        estimated_delivery=_estimate(chosen[0]) if chosen else None,
        raw=json.dumps(body, ensure_ascii=False),
    )


def event_of(tracking_number: str, activity: Mapping[str, Any]) -> TrackingEvent | None:
    """One activity; None where it has no readable date."""
    at, local = _instant(activity), _wall_clock(activity.get("date"), activity.get("time"))
    if at is None:
        return None
    status = object_of(activity.get("status"))
    type_, code, status_code = (text(status.get(k)) for k in ("type", "code", "statusCode"))
    return TrackingEvent(
        tracking_number=tracking_number,
        at=at,
        local_time=local.isoformat() if local else "",
        status=status_of(type_=type_, code=code, status_code=status_code),
        raw_type=type_,
        raw_code=code,
        raw_status_code=status_code,
        text=text(status.get("description")),
        place=place(
            object_of(object_of(activity.get("location")).get("address")),
            "city",
            "stateProvince",
            "countryCode",
        ),
    )


def _instant(activity: Mapping[str, Any]) -> datetime | None:
    """UTC: the GMT fields, else the local wall clock with its offset.

    Without either the wall clock is read as UTC: in the US that is 4 to 10 hours early, which
    keeps a parcel's own scans in order unless it crosses zones.
    """
    gmt = _wall_clock(activity.get("gmtDate"), activity.get("gmtTime"))
    if gmt is not None:
        return gmt.replace(tzinfo=UTC)
    local = _wall_clock(activity.get("date"), activity.get("time"))
    if local is None:
        return None
    return local.replace(tzinfo=_offset(activity.get("gmtOffset")) or UTC).astimezone(UTC)


def _wall_clock(date: object, time: object) -> datetime | None:
    """YYYYMMDD and HHMMSS; UPS drops leading zeros (74700) and sometimes writes colons."""
    digits = text(time).replace(":", "").zfill(6)
    try:
        return datetime.strptime(text(date) + digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - no zone yet
    except ValueError:
        return None


def _offset(value: object) -> timezone | None:
    """-05:00"""
    sign, hours, minutes = text(value)[:1], text(value)[1:3], text(value)[4:6]
    if sign not in ("+", "-") or not (hours.isdigit() and minutes.isdigit()):
        return None
    span = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-span if sign == "-" else span) if span < timedelta(hours=24) else None


def _estimate(package: Mapping[str, Any]) -> datetime | None:
    """The rescheduled (RDD), else the scheduled (SDD) day: the end of its window or of the day.

    Local at the destination; the offset is that of the newest scan, which is nearest to it.
    """
    dates = {text(d.get("type")): d.get("date") for d in objects(package.get("deliveryDate"))}
    day = dates.get("RDD") or dates.get("SDD")
    window = object_of(package.get("deliveryTime"))
    end = window.get("endTime") if window.get("type") != "DEL" else None
    local = _wall_clock(day, end or "235959")
    if day is None or local is None:
        return None
    offsets = (_offset(a.get("gmtOffset")) for a in objects(package.get("activity")))
    return local.replace(tzinfo=next(filter(None, offsets), UTC)).astimezone(UTC)


def _packages(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for shipment in objects(object_of(body.get("trackResponse")).get("shipment")):
        yield from objects(shipment.get("package"))
