"""Which of several parcels of one number is meant: carriers use numbers again after months."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from core.model.fulfillment import TrackingEvent
from core.ports import AskedParcel

#: What was over this long before a parcel is told as shipped is another parcel: labels are made early,
#: and some shippers tell late.
_BEFORE = timedelta(days=14)

Told = TypeVar("Told")


def meant(
    asked: AskedParcel, told: Iterable[tuple[Told, Sequence[TrackingEvent]]]
) -> tuple[Told, Sequence[TrackingEvent]] | None:
    """Of parcels with their events, oldest first, the one that was shipped about then; None: none was."""
    likely = [
        one for one in told if one[1] and one[1][-1].at >= asked.shipped_at - _BEFORE
    ]  # fmt: skip
    return min(likely, key=lambda one: abs(one[1][0].at - asked.shipped_at), default=None)
