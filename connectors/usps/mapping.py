"""USPS's TrackingDetails as our events. Pure; statuses by codes, never by words.

Shape: reference/carriers/payloads/usps_tracking_v3_openapi.yaml, schema TrackingDetails; codes: Pub 199,
appendix G-4, as gathered in reference/carriers_suppliers.md A.4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from connectors.parts import clock, objects, place, text
from core.model.fulfillment import TrackingEvent, TrackingStatus
from core.ports import TrackingReport

S = TrackingStatus

#: By eventCode.
BY_CODE: Mapping[str, TrackingStatus] = {
    "GX": S.LABEL_CREATED,
    "MA": S.LABEL_CREATED,
    "03": S.PICKED_UP,
    "OA": S.PICKED_UP,  # from memory, as are 14 and 16
    "07": S.IN_TRANSIT,
    "10": S.IN_TRANSIT,
    "A1": S.IN_TRANSIT,
    "T1": S.IN_TRANSIT,
    "TL": S.IN_TRANSIT,
    "SF": S.IN_TRANSIT,
    "OF": S.OUT_FOR_DELIVERY,
    "01": S.DELIVERED,
    "02": S.ATTEMPTED,
    **dict.fromkeys(("52", "53", "54", "55", "56", "H0"), S.ATTEMPTED),
    "14": S.AVAILABLE_FOR_PICKUP,
    "16": S.AVAILABLE_FOR_PICKUP,
    "04": S.RETURNING,  # refused
    "05": S.RETURNING,  # undeliverable as addressed
    "09": S.RETURNING,
    **{f"{code}": S.RETURNING for code in (*range(21, 30), 31)},
}


def report(tracking_number: str, body: Mapping[str, Any]) -> TrackingReport:
    """Every scan, oldest first by UTC. A scan without a readable instant is left out; `raw` has it."""
    events = [
        event
        for told in objects(body.get("trackingEvents"))
        if (event := event_of(tracking_number, told)) is not None
    ]
    events.sort(key=lambda event: event.at)
    return TrackingReport(
        tracking_number=tracking_number,
        events=tuple(events),
        estimated_delivery=_estimate(body),
        raw=json.dumps(body, ensure_ascii=False),
    )


def event_of(tracking_number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan; None where it has no readable instant."""
    at, local = _instant(told), clock(told.get("eventTimestamp"))
    if at is None:
        return None
    code = text(told.get("eventCode")).upper()
    return TrackingEvent(
        tracking_number=tracking_number,
        at=at,
        local_time=local.replace(tzinfo=None).isoformat() if local else "",
        status=BY_CODE.get(code, S.UNKNOWN),
        raw_type="",
        raw_code=code,
        raw_status_code="",
        text=text(told.get("eventType")),
        # No country is written where it is the US.
        place=place(told, "eventCity", "eventState", "eventCountry"),
    )


def _instant(told: Mapping[str, Any]) -> datetime | None:
    """UTC: the GMT field, else the local wall clock with its offset; without one it is read as UTC."""
    gmt = clock(told.get("GMTTimestamp"))
    if gmt is not None:
        return gmt.astimezone(UTC) if gmt.tzinfo else gmt.replace(tzinfo=UTC)
    local = clock(told.get("eventTimestamp"))
    if local is None or local.tzinfo:
        return local.astimezone(UTC) if local else None
    return local.replace(tzinfo=_offset(told.get("GMTOffset")) or UTC).astimezone(UTC)


def _offset(value: object) -> timezone | None:
    """-05:00 as its answers have it, or minutes (-300) as its specification says."""
    told = text(value)
    digits = told.lstrip("+-")
    if ":" in digits:
        hours, _, rest = digits.partition(":")
    else:
        hours, rest = "0", digits
    if not (hours.isdecimal() and rest.isdecimal() and len(hours) <= 2 and len(rest) <= 4):
        return None
    span = timedelta(hours=int(hours), minutes=int(rest))
    return timezone(-span if told.startswith("-") else span) if span < timedelta(hours=24) else None


def _estimate(body: Mapping[str, Any]) -> datetime | None:
    """The end of the predicted day, else the expected instant; local at the destination.

    The offset is that of the newest scan, which is nearest to it.
    """
    day = text(body.get("predictedDeliveryDate"))
    told = clock(
        body.get("predictedDeliveryTimeStamp")
        or (f"{day[:10]}T23:59:59" if day else "")
        or body.get("expectedDeliveryTimeStamp")
    )
    if told is None or told.tzinfo:
        return told.astimezone(UTC) if told else None
    newest = next(iter(objects(body.get("trackingEvents"))), {})
    return told.replace(tzinfo=_offset(newest.get("GMTOffset")) or UTC).astimezone(UTC)
