"""Where a parcel is, and when to ask its carrier again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.model.fulfillment import TrackingEvent, TrackingStatus

#: How far along a status is; decides between scans of the same instant only.
_RANK = {
    status: rank
    for rank, status in enumerate(
        [
            TrackingStatus.UNKNOWN,
            TrackingStatus.NOT_FOUND,
            TrackingStatus.LABEL_CREATED,
            TrackingStatus.PICKED_UP,
            TrackingStatus.IN_TRANSIT,
            TrackingStatus.DELAYED,
            TrackingStatus.EXCEPTION,
            TrackingStatus.ACTION_REQUIRED,
            TrackingStatus.OUT_FOR_DELIVERY,
            TrackingStatus.ATTEMPTED,
            TrackingStatus.AVAILABLE_FOR_PICKUP,
            TrackingStatus.VOIDED,
            TrackingStatus.LOST,
            TrackingStatus.DELIVERED,
            TrackingStatus.RETURNING,
            TrackingStatus.RETURNED,
        ]
    )
}
_ARRIVED = frozenset({TrackingStatus.DELIVERED, TrackingStatus.RETURNED})
_GOING_BACK = frozenset({TrackingStatus.RETURNING, TrackingStatus.RETURNED})
#: Nothing more is expected.
TERMINAL = _ARRIVED | {TrackingStatus.VOIDED, TrackingStatus.LOST}

#: Carriers forget numbers, and use them again.
FORGOTTEN_AFTER = timedelta(days=120)
#: A parcel without a scan for this long is asked about less often.
_SILENT_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Asking:
    """How often a carrier is asked about a parcel, by where it is."""

    #: a label without a scan; also any parcel that has long been silent
    label: timedelta = timedelta(hours=12)
    moving: timedelta = timedelta(hours=4)
    out_for_delivery: timedelta = timedelta(minutes=45)
    #: a number the carrier does not know yet; grows with its age up to `label`
    not_found: timedelta = timedelta(hours=2)

    def about(self, status: TrackingStatus) -> timedelta:
        """The pace for a parcel that moves, or soon will."""
        if status is TrackingStatus.LABEL_CREATED:
            return self.label
        return self.out_for_delivery if status is TrackingStatus.OUT_FOR_DELIVERY else self.moving


def status_of(events: Sequence[TrackingEvent]) -> TrackingStatus:
    """The newest scan by UTC, in whatever order they came; NOT_FOUND where there is none.

    Delivered and returned are final, except that a return may follow: carriers add late and
    repeated scans after the delivery. What is delivered once it was on its way back is returned:
    carriers have one code for the door of the buyer and for that of the sender.
    """
    status, back = TrackingStatus.NOT_FOUND, False
    for event in sorted(events, key=lambda one: (one.at, _RANK[one.status])):
        back = back or event.status in _GOING_BACK
        told = TrackingStatus.RETURNED if back and event.status in _ARRIVED else event.status
        if status not in _ARRIVED or told in _GOING_BACK:
            status = told
    return status


_USUAL = Asking()


def ask_again(
    status: TrackingStatus,
    *,
    last_asked: datetime,
    last_event: datetime | None,
    shipped_at: datetime,
    now: datetime,
    asking: Asking = _USUAL,
) -> datetime | None:
    """When the carrier's next answer is worth asking for; None: never again."""
    age = now - shipped_at
    if status in TERMINAL or age > FORGOTTEN_AFTER:
        return None
    if status is TrackingStatus.NOT_FOUND:
        # Numbers come before the first scan; later ever fewer of them still turn up.
        return last_asked + min(max(age / 6, asking.not_found), asking.label)
    pace = asking.about(status)
    if last_event is not None and now - last_event > _SILENT_AFTER:
        pace = max(pace, asking.label)
    return last_asked + pace
