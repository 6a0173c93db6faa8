"""Which quantities leave one by one, and which as one file."""

from __future__ import annotations

from collections.abc import Sequence

from core.model.catalog import OfferChange


def by_file(
    changes: Sequence[OfferChange], *, waiting: int, least: int, compare_and_set: bool
) -> frozenset[int]:
    """Positions of the changes that go as a file; empty where too few wait.

    What sells out is written by itself, at once: a file takes minutes, and a buyer seconds. So is
    all that lowers, as long as it is few. What was never read has nothing to compare with.
    """
    if least == 0 or waiting < least:
        return frozenset()
    lowering = sum(_lowers(change) for change in changes)
    return frozenset(
        position
        for position, change in enumerate(changes)
        if not (change.quantity == 0 and _lowers(change))
        and not (_lowers(change) and lowering < least)
        and not (compare_and_set and change.shown is None)
    )


def _lowers(change: OfferChange) -> bool:
    return change.shown is None or change.quantity < change.shown
