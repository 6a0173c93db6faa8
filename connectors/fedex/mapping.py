"""FedEx's Track v1 as our events. Pure; statuses by codes, never by words.

Shape: reference/carriers/payloads/fedex_track_v1_openapi.json, schema CompleteTrackResult; codes as
gathered in reference/carriers_suppliers.md A.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.parts import clock, object_of, objects, place, same_number, text
from core.model.fulfillment import TrackingEvent, TrackingStatus, Untold
from core.ports import AskedParcel, TrackingReport

S = TrackingStatus

#: By derivedStatusCode, else by eventType.
BY_CODE: Mapping[str, TrackingStatus] = {
    "IN": S.LABEL_CREATED,
    "OC": S.LABEL_CREATED,
    "PU": S.PICKED_UP,
    **dict.fromkeys(("IT", "AR", "DP", "AF", "AO", "AE", "TR", "CD"), S.IN_TRANSIT),
    "OD": S.OUT_FOR_DELIVERY,
    "DL": S.DELIVERED,
    "DE": S.ATTEMPTED,
    "SE": S.EXCEPTION,
    "DY": S.DELAYED,
    "RL": S.DELAYED,
    "HL": S.AVAILABLE_FOR_PICKUP,
    "HP": S.AVAILABLE_FOR_PICKUP,
    "RS": S.RETURNING,
    "RT": S.RETURNING,
    "CA": S.VOIDED,
}
#: error.code of one number's result, in a 200, that it could not be a number of FedEx's.
_NO_NUMBER = frozenset({"TRACKING.TRACKINGNUMBER.INVALID", "TRACKING.TRACKINGNUMBER.EMPTY"})
#: A number is used again after months: a label may be made this long before its parcel ships, and a
#: parcel told as shipped this long before it is.
_ABOUT = timedelta(days=14)


def question(asked: AskedParcel) -> dict[str, Any]:
    """A trackingInfo. The days keep older parcels of the same number out."""
    return {
        "trackingNumberInfo": {"trackingNumber": asked.number},
        "shipDateBegin": f"{asked.shipped_at - _ABOUT:%Y-%m-%d}",
        "shipDateEnd": f"{asked.shipped_at + _ABOUT:%Y-%m-%d}",
    }


def report(asked: AskedParcel, results: Iterable[Mapping[str, Any]]) -> TrackingReport:
    """Every scan of the parcel, oldest first by UTC, chosen among those of its number."""
    parcels = [
        parcel
        for result in results
        if same_number(result.get("trackingNumber"), asked.number)
        for parcel in objects(result.get("trackResults"))
    ]
    told = [(parcel, _events(asked.number, parcel)) for parcel in parcels]
    scanned = [one for one in told if one[1]]
    if not scanned:
        codes = {text(object_of(parcel.get("error")).get("code")) for parcel in parcels}
        untold = Untold.NO_NUMBER if codes & _NO_NUMBER else None
        return TrackingReport(asked.number, (), untold=untold, raw=_raw(parcels))
    chosen, events = min(scanned, key=lambda one: abs(one[1][0].at - asked.shipped_at))
    return TrackingReport(
        tracking_number=asked.number,
        events=tuple(events),
        estimated_delivery=_estimate(chosen),
        raw=_raw(parcels),
    )


def _events(number: str, parcel: Mapping[str, Any]) -> list[TrackingEvent]:
    """Oldest first. A scan without a readable instant is left out."""
    made = [event_of(number, one) for one in objects(parcel.get("scanEvents"))]
    return sorted((one for one in made if one is not None), key=lambda one: one.at)


def event_of(number: str, told: Mapping[str, Any]) -> TrackingEvent | None:
    """One scan; None where it has no readable instant."""
    local = clock(told.get("date"))
    if local is None:
        return None
    derived, code = text(told.get("derivedStatusCode")), text(told.get("eventType"))
    return TrackingEvent(
        tracking_number=number,
        # Without an offset the wall clock is read as UTC: at most ten hours early in the US.
        at=(local if local.tzinfo else local.replace(tzinfo=UTC)).astimezone(UTC),
        local_time=local.replace(tzinfo=None).isoformat(),
        status=status_of(derived, code, object_of(told.get("delayDetail"))),
        raw_type=derived,
        raw_code=code,
        raw_status_code=text(told.get("exceptionCode")),
        text=text(told.get("eventDescription")),
        place=place(
            object_of(told.get("scanLocation")), "city", "stateOrProvinceCode", "countryCode"
        ),
    )


def status_of(derived: str, code: str, delay: Mapping[str, Any]) -> TrackingStatus:
    """UNKNOWN where the table has neither code; a parcel on its way that FedEx calls late is delayed."""
    status = BY_CODE.get(derived) or BY_CODE.get(code, S.UNKNOWN)
    late = text(delay.get("status")) == "DELAYED"
    return S.DELAYED if late and status is S.IN_TRANSIT else status


def _estimate(parcel: Mapping[str, Any]) -> datetime | None:
    """The end of the estimated window, else the estimated instant, if they have an offset."""
    window = object_of(object_of(parcel.get("estimatedDeliveryTimeWindow")).get("window"))
    dates = {
        text(one.get("type")): one.get("dateTime") for one in objects(parcel.get("dateAndTimes"))
    }
    for value in (window.get("ends"), dates.get("ESTIMATED_DELIVERY")):
        told = clock(value)
        if told is not None and told.tzinfo is not None:
            return told.astimezone(UTC)
    return None


def _raw(parcels: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(parcels, ensure_ascii=False)
