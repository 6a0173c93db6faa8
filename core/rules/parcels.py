"""Where a parcel is, and when to ask its carrier again."""

from __future__ import annotations

from collections.abc import Sequence
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
_MOVING = timedelta(hours=4)
#: A parcel without a scan for this long is asked about less often.
_SILENT_AFTER = timedelta(days=7)
_SLOW = timedelta(hours=12)
_EVERY = {
    TrackingStatus.LABEL_CREATED: _SLOW,
    TrackingStatus.OUT_FOR_DELIVERY: timedelta(minutes=45),
}
_UNFOUND_FIRST = timedelta(hours=2)


def status_of(events: Sequence[TrackingEvent]) -> TrackingStatus:
    """The newest scan by UTC, in whatever order they came; NOT_FOUND where there is none.

    Delivered and returned are final, except that a return may follow: carriers add late and
    repeated scans after the delivery.
    """
    status = TrackingStatus.NOT_FOUND
    for event in sorted(events, key=lambda one: (one.at, _RANK[one.status])):
        if status not in _ARRIVED or event.status in _GOING_BACK:
            status = event.status
    return status


def ask_again(
    status: TrackingStatus,
    *,
    last_asked: datetime,
    last_event: datetime | None,
    shipped_at: datetime,
    now: datetime,
) -> datetime | None:
    """When the carrier's next answer is worth asking for; None: never again."""
    age = now - shipped_at
    if status in TERMINAL or age > FORGOTTEN_AFTER:
        return None
    if status is TrackingStatus.NOT_FOUND:
        # Numbers come before the first scan; later ever fewer of them still turn up.
        return last_asked + min(max(age / 6, _UNFOUND_FIRST), _SLOW)
    pace = _EVERY.get(status, _MOVING)
    if last_event is not None and now - last_event > _SILENT_AFTER:
        pace = max(pace, _SLOW)
    return last_asked + pace
