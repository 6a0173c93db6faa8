"""EasyPost's trackers as our events. Pure; statuses by codes, never by words.

Shape and codes: https://docs.easypost.com/docs/trackers (Tracker, TrackingDetail); statuses also in
reference/carriers_suppliers.md A.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.namesakes import meant
from connectors.parts import clock, object_of, objects, place, same_number, text
from core.model.fulfillment import TrackingEvent, TrackingStatus, Untold
from core.ports import AskedParcel, TrackingReport

S = TrackingStatus

BY_STATUS: Mapping[str, TrackingStatus] = {
    "unknown": S.UNKNOWN,
    "pre_transit": S.LABEL_CREATED,
    "in_transit": S.IN_TRANSIT,
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "delivered": S.DELIVERED,
    "available_for_pickup": S.AVAILABLE_FOR_PICKUP,
    "return_to_sender": S.RETURNING,
    "failure": S.EXCEPTION,
    "cancelled": S.VOIDED,
    # EasyPost could not read the carrier: nothing is said about the parcel.
    "error": S.UNKNOWN,
}

#: These say only roughly where a parcel is; status_detail says it finer.
_ROUGH = frozenset({"unknown", "pre_transit", "in_transit", "failure"})

#: By status_detail; None: it says no more than the status does.
BY_DETAIL: Mapping[str, TrackingStatus | None] = {
    "address_correction": S.EXCEPTION,
    "arrived_at_destination": None,
    "arrived_at_facility": None,
    "arrived_at_pickup_location": S.AVAILABLE_FOR_PICKUP,
    "awaiting_information": S.ACTION_REQUIRED,
    "cancelled": S.VOIDED,
    "damaged": S.EXCEPTION,
    "delayed": S.DELAYED,
    "delivery_exception": S.EXCEPTION,
    "departed_facility": None,
    "departed_origin_facility": None,
    # Of the tracker, which hears no more.
    "expired": None,
    "failure": None,
    "held": S.EXCEPTION,
    "in_transit": None,
    "label_created": None,
    "lost": S.LOST,
    "missorted": S.DELAYED,
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "received_at_destination_facility": None,
    "received_at_origin_facility": None,
    "refused": None,
    "return": S.RETURNING,
    "status_update": None,
    "transferred_to_destination_carrier": None,
    "transit_exception": S.EXCEPTION,
    "unknown": None,
    "weather_delay": S.DELAYED,
}

#: error.code of a tracker that is not made; any other may be made later.
REFUSALS: Mapping[str, Untold] = {
    "TRACKER.NO_CARRIER_FOR_CODE": Untold.NO_NUMBER,
    "TRACKER.CARRIER_CODE_MISMATCH": Untold.NO_NUMBER,
    "TRACKER.UNSUPPORTED_CARRIER": Untold.NO_NUMBER,
    # The carrier tells only those who ship with it.
    "TRACKER.NO_CARRIER_ACCOUNT": Untold.NOT_YOURS,
}


def of_parcel(
    asked: AskedParcel, carrier: str, trackers: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Those that may be this parcel's: its number, its carrier in EasyPost's word, and no older one."""
    named = [
        one
        for one in trackers
        if same_number(one.get("tracking_code"), asked.number)
        and (not carrier or text(one.get("carrier")) == carrier)
    ]
    told = [(one, _events(asked.number, one)) for one in named]
    chosen = meant(asked, told)
    return [chosen[0]] if chosen else [one for one, events in told if not events]


def report(asked: AskedParcel, trackers: Sequence[Mapping[str, Any]]) -> TrackingReport:
    """Every scan EasyPost has of the parcel, oldest first by UTC."""
    told = [(one, _events(asked.number, one)) for one in trackers]
    chosen = meant(asked, told)
    return TrackingReport(
        tracking_number=asked.number,
        events=tuple(chosen[1]) if chosen else (),
        estimated_delivery=_estimate(chosen[0]) if chosen else None,
        raw=json.dumps(trackers, ensure_ascii=False),
    )


def _events(number: str, tracker: Mapping[str, Any]) -> list[TrackingEvent]:
    """Oldest first. A scan without a readable instant is left out."""
    made = [event_of(number, one) for one in objects(tracker.get("tracking_details"))]
    return sorted((one for one in made if one is not None), key=lambda one: one.at)


def event_of(number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan; None where it has no readable instant."""
    at = clock(told.get("datetime"))
    if at is None:
        return None
    status, detail = text(told.get("status")), text(told.get("status_detail"))
    # Where EasyPost knows too little of the place it writes UTC, which is no wall clock of the place.
    local = at.replace(tzinfo=None).isoformat() if at.utcoffset() else ""
    return TrackingEvent(
        tracking_number=number,
        at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
        local_time=local,
        status=status_of(status, detail),
        raw_type=status,
        raw_code=detail,
        # The carrier's own code, where EasyPost hands it on.
        raw_status_code=text(told.get("carrier_code")),
        text=text(told.get("message")),
        place=place(object_of(told.get("tracking_location")), "city", "state", "country"),
    )


def status_of(status: str, detail: str) -> TrackingStatus:
    """By status, by its detail where the status is a rough one; UNKNOWN where the tables have neither."""
    finer = BY_DETAIL.get(detail) if status in _ROUGH else None
    return finer or BY_STATUS.get(status, S.UNKNOWN)


def _estimate(tracker: Mapping[str, Any]) -> datetime | None:
    told = clock(tracker.get("est_delivery_date"))
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC) if told else None
