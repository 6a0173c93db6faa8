"""The next step for one shown quantity: read, write, wait, or nothing (I5, I6).

A quantity is a level: wanted, sent, shown. Lowering is always safe and never waits. Raising waits
until every order that the last reading may hide is known, and until no other offer shows units of
the same Sku that it must not show any more; it would sell units twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.model.reasons import Reason

#: The soonest to look again at what only waits, whatever is configured: a wait that is over at once
#: would be looked at without end.
SOON = timedelta(minutes=1)


class Move(StrEnum):
    NOTHING = "nothing"
    READ = "read"
    PUSH = "push"
    WAIT = "wait"


class Repair(StrEnum):
    """Whether a difference may be written over (see core/rules/drift.py)."""

    FREE = "free"
    #: this very number was overwritten by others; it is not written again
    STOPPED = "stopped"
    #: decided since then: it may lower, and nothing else
    LOWER_ONLY = "lower_only"


@dataclass(frozen=True, slots=True)
class OfferState:
    #: None: not ours to set
    wanted: int | None
    #: what was read there last; None: never read, or the channel shows none
    shown: int | None
    shown_at: datetime | None
    #: written and not read back yet
    sent: int | None
    sent_at: datetime | None
    #: an order moved it, or a push was stale
    read_due: bool
    #: a bulk feed that holds it is not terminal
    held_by_feed: bool = False
    #: another offer of the same units is still to be lowered
    others_lower: bool = False
    repair: Repair = Repair.FREE
    #: the days from order to shipment it states are not those we want
    handling_due: bool = False

    @property
    def before(self) -> int | None:
        """What the channel shows if nothing more is written: what was sent counts as shown."""
        return self.shown if self.sent is None else self.sent

    @property
    def lowers(self) -> bool:
        """Whether what is wanted takes units away; where nobody knows, it might."""
        if self.wanted is None or self.wanted == 0:
            return True
        return self.before is None or self.wanted < self.before

    def less(self, unseen: int) -> OfferState:
        """Aiming lower by units the channel may have sold that we have not heard of.

        The channel took those off its own number already: one that is as wanted, or lower, is left
        alone, unless its days are to be stated: that write carries the number too. Only a write,
        which would put them back, is lower by them.
        """
        if self.wanted is None or unseen <= 0:
            return self
        if self.before == self.wanted and not self.handling_due:
            return self
        least = max(0, self.wanted - unseen)
        if self.before is not None and self.before < self.wanted:
            least = max(least, self.before)
        return replace(self, wanted=least)


@dataclass(frozen=True, slots=True)
class Pace:
    #: how long a remote write may take to be seen
    settle: timedelta
    #: a sent quantity is read back after this
    verify_after: timedelta
    #: a reading older than this is not trusted
    read_every: timedelta
    #: the channel compares with what we last read, so a reading must come first
    compare_and_set: bool
    #: how long an order may take to show up in a pull
    index_lag: timedelta


@dataclass(frozen=True, slots=True)
class Step:
    move: Move
    reason: Reason
    #: no need to look again before; None: until something changes
    not_before: datetime | None


def next_step(
    offer: OfferState, *, orders_complete_to: datetime | None, now: datetime, pace: Pace
) -> Step:
    """What to do about one offer now. `orders_complete_to`: all changes up to there are pulled."""
    if offer.wanted is None:
        return Step(Move.NOTHING, Reason.of("offer_not_ours"), None)
    if offer.sent is not None:
        return _unconfirmed(offer, offer.wanted, offer.sent, orders_complete_to, now, pace)
    if offer.read_due:
        return Step(Move.READ, Reason.of("reading_due"), None)
    if offer.shown_at is None:
        return Step(Move.READ, Reason.of("never_read"), None)
    stale_at = offer.shown_at + pace.read_every
    if now >= stale_at:
        return Step(Move.READ, Reason.of("reading_old", read=offer.shown_at.isoformat()), None)
    if offer.shown == offer.wanted and offer.handling_due:
        return _restate(offer, offer.wanted, orders_complete_to, now, pace)
    if offer.shown == offer.wanted:
        return _as_wanted(offer, offer.wanted, offer.shown_at, stale_at, now, pace)
    if offer.shown is None and pace.compare_and_set:
        # It was read, and there is no number to compare with: the listing is not stocked there.
        return Step(Move.WAIT, Reason.of("offer_not_stocked"), stale_at)
    if offer.repair is Repair.STOPPED:
        reason = _change("repair_stopped", offer.shown, offer.wanted)
        return Step(Move.WAIT, reason, stale_at)
    return _differs(offer, offer.wanted, orders_complete_to, now, pace)


def _as_wanted(
    offer: OfferState,
    wanted: int,
    shown_at: datetime,
    stale_at: datetime,
    now: datetime,
    pace: Pace,
) -> Step:
    """Shown as wanted, unless a write that nobody knows the outcome of lands after the reading.

    Where the channel compares, such a write fails; where it overwrites, it is read once more.
    """
    if offer.sent_at is not None and not pace.compare_and_set:
        landed_at = offer.sent_at + pace.verify_after
        if shown_at < landed_at <= now:
            return Step(Move.READ, Reason.of("verify_due", sent=wanted), None)
        if shown_at < landed_at:
            return Step(Move.WAIT, Reason.of("verify_later", sent=wanted), landed_at)
    return Step(Move.NOTHING, Reason.of("offer_as_wanted", quantity=wanted), stale_at)


def _unconfirmed(
    offer: OfferState,
    wanted: int,
    sent: int,
    orders_complete_to: datetime | None,
    now: datetime,
    pace: Pace,
) -> Step:
    """Sent and not read back. A newer number replaces it: writes are applied in order."""
    if wanted < sent:
        return Step(Move.PUSH, _change("offer_lowers", sent, wanted), None)
    if wanted > sent and _raise_waits_for(offer, orders_complete_to, pace) is None:
        return Step(Move.PUSH, _change("offer_raises", sent, wanted), None)
    if offer.held_by_feed:
        # The feed may still put its own number there: reading now would prove nothing.
        return Step(Move.WAIT, Reason.of("in_feed", sent=sent), now + max(pace.verify_after, SOON))
    verify_at = now if offer.sent_at is None else offer.sent_at + pace.verify_after
    if now >= verify_at:
        return Step(Move.READ, Reason.of("verify_due", sent=sent), None)
    return Step(Move.WAIT, Reason.of("verify_later", sent=sent), verify_at)


def _differs(
    offer: OfferState, wanted: int, orders_complete_to: datetime | None, now: datetime, pace: Pace
) -> Step:
    if wanted < (offer.shown or 0) or wanted == 0:
        return Step(Move.PUSH, _change("offer_lowers", offer.shown, wanted), None)
    waits_for = _raise_waits_for(offer, orders_complete_to, pace)
    if waits_for is not None:
        reason = _change(waits_for, offer.shown, wanted)
        return Step(Move.WAIT, reason, now + max(pace.settle, timedelta(seconds=1)))
    return Step(Move.PUSH, _change("offer_raises", offer.shown, wanted), None)


def _restate(
    offer: OfferState, wanted: int, orders_complete_to: datetime | None, now: datetime, pace: Pace
) -> Step:
    """Another handling time goes out with the number it was read with. An order that reading hides
    lowered the number since, so writing it again is raising it."""
    waits_for = _raise_waits_for(offer, orders_complete_to, pace) if wanted else None
    if waits_for is not None:
        reason = _change(waits_for, offer.shown, wanted)
        return Step(Move.WAIT, reason, now + max(pace.settle, timedelta(seconds=1)))
    return Step(Move.PUSH, Reason.of("offer_restated", quantity=wanted), None)


def _raise_waits_for(
    offer: OfferState, orders_complete_to: datetime | None, pace: Pace
) -> str | None:
    """What keeps a higher number from being written now."""
    if offer.repair is not Repair.FREE:
        return "repair_stopped"
    if offer.held_by_feed:
        return "feed_running"
    if offer.others_lower:
        return "others_lower_first"
    if offer.shown_at is None or orders_complete_to is None:
        return "orders_behind"
    if orders_complete_to < offer.shown_at + pace.index_lag:
        return "orders_behind"
    return None


def _change(code: str, before: int | None, wanted: int) -> Reason:
    return Reason.of(code, before=before, wanted=wanted)
