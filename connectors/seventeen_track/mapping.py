"""17TRACK's track_info as our events. Pure; statuses by codes, never by words.

Shape: https://asset.17track.net/api/document/v2.2_en/index.html, gettrackinfo; statuses:
https://help.17track.net/hc/en-us/articles/37471096573337-Understanding-Tracking-Status-Main-Status-Substatus.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.namesakes import meant
from connectors.parts import clock, object_of, objects, place, same_number, text
from core.model.fulfillment import TrackingEvent, TrackingStatus, Untold
from core.ports import AskedParcel, TrackingReport

S = TrackingStatus

#: By sub_status: all thirty.
BY_SUB_STATUS: Mapping[str, TrackingStatus] = {
    "NotFound_Other": S.NOT_FOUND,
    "NotFound_InvalidCode": S.NOT_FOUND,
    "InfoReceived": S.LABEL_CREATED,
    "InTransit_PickedUp": S.PICKED_UP,
    "InTransit_Other": S.IN_TRANSIT,
    "InTransit_Departure": S.IN_TRANSIT,
    "InTransit_Arrival": S.IN_TRANSIT,
    "InTransit_CustomsProcessing": S.IN_TRANSIT,
    "InTransit_CustomsReleased": S.IN_TRANSIT,
    "InTransit_CustomsRequiringInformation": S.ACTION_REQUIRED,
    "Expired_Other": S.DELAYED,
    "AvailableForPickup_Other": S.AVAILABLE_FOR_PICKUP,
    "OutForDelivery_Other": S.OUT_FOR_DELIVERY,
    "DeliveryFailure_Other": S.ATTEMPTED,
    "DeliveryFailure_NoBody": S.ATTEMPTED,
    "DeliveryFailure_Security": S.EXCEPTION,
    "DeliveryFailure_Rejected": S.EXCEPTION,
    "DeliveryFailure_InvalidAddress": S.EXCEPTION,
    "Delivered_Other": S.DELIVERED,
    "Exception_Other": S.EXCEPTION,
    "Exception_Returning": S.RETURNING,
    "Exception_Returned": S.RETURNED,
    "Exception_NoBody": S.EXCEPTION,
    "Exception_Security": S.EXCEPTION,
    "Exception_Damage": S.EXCEPTION,
    "Exception_Rejected": S.EXCEPTION,
    "Exception_Delayed": S.DELAYED,
    "Exception_Lost": S.LOST,
    "Exception_Destroyed": S.LOST,
    "Exception_Cancel": S.VOIDED,
}

#: By stage, which some scans have without a sub_status, and milestones alone have.
BY_STAGE: Mapping[str, TrackingStatus] = {
    "InfoReceived": S.LABEL_CREATED,
    "PickedUp": S.PICKED_UP,
    "Departure": S.IN_TRANSIT,
    "Arrival": S.IN_TRANSIT,
    "AvailableForPickup": S.AVAILABLE_FOR_PICKUP,
    "OutForDelivery": S.OUT_FOR_DELIVERY,
    "Delivered": S.DELIVERED,
    "Returning": S.RETURNING,
    "Returned": S.RETURNED,
}

NOT_REGISTERED = -18019902
#: Codes of one number that it will never be followed for; any other may pass.
REFUSALS: Mapping[int, Untold] = {
    -18010011: Untold.NO_NUMBER,  # the value is invalid
    -18010012: Untold.NO_NUMBER,  # its form is
    -18019903: Untold.NO_NUMBER,  # no carrier has such
    # The carrier wants the buyer's postal code or telephone number, which are not given away.
    -18010018: Untold.NOT_YOURS,
    -18010019: Untold.NOT_YOURS,
    -18010020: Untold.NOT_YOURS,
}


def question(asked: AskedParcel, key: int) -> dict[str, Any]:
    """Without a carrier's key, 17TRACK finds out whose number it is."""
    return {"number": _number(asked)} | ({"carrier": key} if key else {})


def refusal(asked: AskedParcel, rejected: Mapping[str, int]) -> int | None:
    """The code of this parcel's number, if it was refused."""
    codes = (code for number, code in rejected.items() if same_number(number, asked.number))
    return next(codes, None)


def report(asked: AskedParcel, accepted: Iterable[Mapping[str, Any]]) -> TrackingReport:
    """Every scan of everybody who had the parcel, oldest first by UTC."""
    own = [one for one in accepted if same_number(one.get("number"), asked.number)]
    infos = [object_of(one.get("track_info")) for one in own]
    chosen = meant(asked, [(info, _events(asked.number, info)) for info in infos])
    if chosen is None:
        return TrackingReport(asked.number, (), raw=_raw(own))
    info, events = chosen
    last_mile = text(object_of(info.get("misc_info")).get("local_number"))
    return TrackingReport(
        tracking_number=asked.number,
        events=tuple(events),
        estimated_delivery=_estimate(info),
        raw=_raw(own),
        also_known_as=(
            (last_mile,) if last_mile and not same_number(last_mile, asked.number) else ()
        ),
    )


def _events(number: str, info: Mapping[str, Any]) -> list[TrackingEvent]:
    """The line's scans and the last mile's, merged: what both tell is one scan, the first one's words kept."""
    made: dict[tuple[datetime, str, str], TrackingEvent] = {}
    for provider in objects(object_of(info.get("tracking")).get("providers")):
        for told in objects(provider.get("events")):
            event = event_of(number, told)
            if event is not None:
                made.setdefault((event.at, event.raw_type, event.raw_code), event)
    return sorted(made.values(), key=lambda one: one.at)


def event_of(number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan; None where it has no readable instant."""
    local, utc = clock(told.get("time_iso")), clock(told.get("time_utc"))
    at = utc or local
    if at is None:
        return None
    stage, code = text(told.get("stage")), text(told.get("sub_status"))
    status = BY_SUB_STATUS.get(code) or BY_STAGE.get(stage, S.UNKNOWN)
    address = object_of(told.get("address"))
    return TrackingEvent(
        tracking_number=number,
        # Without an offset the wall clock is read as UTC.
        at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
        local_time=local.replace(tzinfo=None).isoformat() if local else "",
        status=status,
        raw_type=stage,
        raw_code=code,
        raw_status_code="",
        # Of a delivery who signed may stand there.
        text="" if status is S.DELIVERED else text(told.get("description")),
        place=place(address, "city", "state", "country") or text(told.get("location")),
    )


def _estimate(info: Mapping[str, Any]) -> datetime | None:
    """The end of the estimated window, if it has an offset."""
    metrics = object_of(info.get("time_metrics"))
    told = clock(object_of(metrics.get("estimated_delivery_date")).get("to"))
    return told.astimezone(UTC) if told and told.tzinfo else None


def _number(asked: AskedParcel) -> str:
    return "".join(asked.number.split())


def _raw(accepted: list[Mapping[str, Any]]) -> str:
    return json.dumps(accepted, ensure_ascii=False)
