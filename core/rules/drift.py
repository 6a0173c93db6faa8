"""Drift: what a channel shows differs from what we knew, and why; when repair must stop.

A difference is judged only after the orders it may stem from are known. What orders do not explain
is repaired, unless somebody else keeps writing the same offers: two systems that each put theirs
back never end, and buyers see either number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.model.catalog import OfferKey
from core.model.reasons import Reason


class Cause(StrEnum):
    """Why a shown number is not the one we knew."""

    #: buyers took units, or canceled orders gave them back
    SALE = "channel_sale"
    #: a number of ours never came to be, or an older one of ours came true late
    LOST = "lost_write"
    #: the listing stands for another Sku or another stock item than when it was read last
    MAPPING = "mapping_moved"
    #: none of our numbers, and no order explains it: a person or another system set it
    HAND = "by_hand"
    #: the channel keeps no number here any more
    NOT_SHOWN = "not_shown"


@dataclass(frozen=True, slots=True)
class Difference:
    """One reading that is not what was expected, and what is known about the time between."""

    #: what we sent last, or else read last
    expected: int
    #: None: the channel shows none
    found: int | None
    #: it was sent, and had not been read back
    unconfirmed: bool
    #: what was shown before that
    before: int | None
    #: other numbers of ours for this offer, lately
    ours: Collection[int]
    #: units buyers took in the meantime, in orders we know
    sold: int
    #: units that orders gave back in the meantime
    returned: int
    #: the listing's Sku or stock item changed in the meantime
    moved: bool


@dataclass(frozen=True, slots=True)
class Bought:
    """One order line of a listing, in the time a difference is from."""

    #: units buyers took in this time; 0: it was bought before, or later
    taken: int
    #: units it gave back, now or before
    returned: int
    #: the channel's own place -> units taken there; empty: it does not say
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trade:
    """Units that orders took from one place's number and gave back to it, never negative."""

    taken: int
    returned: int
    #: at this place or at another one: nobody says
    taken_somewhere: int
    returned_somewhere: int


def trade_at(place: str, lines: Iterable[Bought]) -> Trade:
    """What order lines did to the number of one place; "": the listing has one number for all."""
    taken = returned = taken_somewhere = returned_somewhere = 0
    for line in lines:
        if not place or line.places.keys() == {place}:
            taken += line.taken
            returned += line.returned
        elif len(line.places) == 1:
            continue
        else:
            here = min(line.taken, line.places.get(place, 0))
            taken += here
            # What is told of other places is not here; what is told of none may be.
            taken_somewhere += max(0, line.taken - sum(line.places.values()))
            # Which of its places the units came back to is not told.
            returned_somewhere += line.returned
    return Trade(taken, returned, taken_somewhere, returned_somewhere)


def left_over(change: int, trade: Trade) -> Trade:
    """The part of a place's change, signed, that only units of no told place explain."""
    fell = min(max(0, -change - trade.taken), trade.taken_somewhere)
    rose = min(max(0, change - trade.returned), trade.returned_somewhere)
    return Trade(0, 0, fell, rose)


@dataclass(frozen=True, slots=True)
class Judgment:
    cause: Cause
    #: units that orders do not explain; signed, positive: too many are shown
    unexplained: int
    reason: Reason

    @property
    def explained(self) -> bool:
        return self.cause is Cause.SALE


def judge(difference: Difference) -> Judgment:
    """The cause, as far as it can be known. A mapping that moved explains any number."""
    found, expected = difference.found, difference.expected
    if difference.moved:
        return _judged(Cause.MAPPING, (found or 0) - expected, difference)
    if found is None:
        return _judged(Cause.NOT_SHOWN, -expected, difference)
    least, most = expected - difference.sold, expected + difference.returned
    if least <= found <= most:
        return _judged(Cause.SALE, 0, difference)
    unexplained = found - (least if found < least else most)
    if difference.unconfirmed and found == difference.before:
        return _judged(Cause.LOST, unexplained, difference)
    if found in difference.ours:
        return _judged(Cause.LOST, unexplained, difference)
    return _judged(Cause.HAND, unexplained, difference)


def _judged(cause: Cause, unexplained: int, difference: Difference) -> Judgment:
    reason = Reason(
        _CODES[cause],
        {
            "expected": difference.expected,
            "found": difference.found,
            "sold": difference.sold,
            "returned": difference.returned,
            "unexplained": unexplained,
        },
    )
    return Judgment(cause, unexplained, reason)


_CODES = {
    Cause.SALE: "drift_channel_sale",
    Cause.LOST: "drift_lost_write",
    Cause.MAPPING: "drift_mapping_moved",
    Cause.HAND: "drift_by_hand",
    Cause.NOT_SHOWN: "drift_not_shown",
}


def may_judge(
    found_at: datetime, *, orders_complete_to: datetime | None, lag: timedelta, undecided: bool
) -> bool:
    """Whether every order the reading may hide is known and the number was computed with them."""
    if undecided or orders_complete_to is None:
        return False
    return orders_complete_to >= found_at + lag


@dataclass(frozen=True, slots=True)
class WriterGuard:
    """When somebody else writes the same offers: so many overwrites of ours, of so many offers."""

    overwrites: int
    within: timedelta
    offers: int


def overwritten(
    times: Mapping[OfferKey, Sequence[datetime]], *, now: datetime, guard: WriterGuard
) -> frozenset[OfferKey]:
    """Offers another writer sets again and again; empty below the guard's count of offers.

    `times`: when a number that we had set was found overwritten, since a person last looked.
    """
    since = now - guard.within
    found = frozenset(
        key for key, each in times.items() if sum(at > since for at in each) >= guard.overwrites
    )
    return found if len(found) >= guard.offers else frozenset()


def slice_size(
    *,
    rate: float,
    share: int,
    every: timedelta,
    offers: int,
    whole: timedelta | None,
    most: int,
) -> int:
    """How many offers one slice may read.

    `rate`: offers a second the channel lets us read in all; `share`: percent of it that may be used;
    `whole`: all must be read in this time, at the full rate if need be (None: a report does that).
    """
    seconds = every.total_seconds()
    allowed = rate * share / 100
    if whole is not None:
        allowed = min(rate, max(allowed, offers / whole.total_seconds()))
    return min(most, offers, max(1, int(allowed * seconds)))
