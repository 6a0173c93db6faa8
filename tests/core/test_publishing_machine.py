"""Quantities against a remote that is late, loses writes, and lets earlier ones overtake later ones (I5, I6).

The remote is a model: it sells, it applies what it was sent after a while in any order, or never. A
bulk feed holds a number meanwhile and lands when it ends.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.rules.publishing import Move, OfferState, Pace, next_step
from tests.core.strategies import NOON

SECOND = timedelta(seconds=1)
PACE = Pace(
    settle=60 * SECOND,
    verify_after=180 * SECOND,
    read_every=timedelta(hours=6),
    compare_and_set=False,
    index_lag=30 * SECOND,
)
#: What is sent lands within this, or never.
LONGEST = 170


class Channel(RuleBasedStateMachine):
    """One offer on one channel that overwrites whatever it shows (Amazon)."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.shown = 0
        self.sold: list[tuple[object, int]] = []
        self.offer = OfferState(0, None, None, None, None, True)
        self.stock = 0
        self.complete = NOON
        #: (when it lands, quantity) of what is on its way
        self.landing: list[tuple[object, int]] = []
        self.feed: int | None = None
        self.hidden_at_raise = 0
        self.last: int | None = None

    # the world

    @rule(units=st.integers(1, 6))
    def receive(self, units: int) -> None:
        self.stock += units
        self._want()

    @precondition(lambda self: self.shown > 0)
    @rule(units=st.integers(1, 3))
    def sell(self, units: int) -> None:
        units = min(units, self.shown)
        self.shown -= units
        self.sold.append((self.now, units))

    @rule(seconds=st.integers(1, 200))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += SECOND
            due = [one for one in self.landing if one[0] <= self.now]
            self.landing = [one for one in self.landing if one[0] > self.now]
            for _, quantity in due:
                self.shown = quantity

    @rule()
    def pull_orders(self) -> None:
        """Orders older than the lag of their index are known now."""
        self.complete = max(self.complete, self.now - PACE.index_lag)
        known = [units for at, units in self.sold if at <= self.complete]
        self.sold = [one for one in self.sold if one[0] > self.complete]
        if known:
            self.stock -= sum(known)
            self.offer = replace(self.offer, read_due=True)
            self._want()

    @precondition(lambda self: self.feed is None and self.offer.wanted)
    @rule()
    def submit_feed(self) -> None:
        self.feed = self.offer.wanted
        self.offer = replace(self.offer, held_by_feed=True)

    @precondition(lambda self: self.feed is not None)
    @rule(lands=st.booleans())
    def end_feed(self, lands: bool) -> None:
        """Whoever ends a feed has its offers read again."""
        if lands:
            assert self.feed is not None
            self.shown = self.feed
        self.feed = None
        self.offer = replace(self.offer, held_by_feed=False, read_due=True, sent=None)

    # ours

    def _want(self) -> None:
        self.offer = replace(self.offer, wanted=max(0, self.stock))

    @rule(
        delay=st.integers(0, LONGEST),
        fate=st.sampled_from(["applied", "applied", "lost", "unknown"]),
        unseen=st.integers(0, 2),
    )
    def look(self, delay: int, fate: str, unseen: int) -> None:
        self._step(delay, fate, unseen)

    @rule(
        rounds=st.integers(2, 6),
        seconds=st.integers(20, 90),
        delay=st.integers(0, LONGEST),
        fate=st.sampled_from(["applied", "applied", "lost", "unknown"]),
    )
    def work(self, rounds: int, seconds: int, delay: int, fate: str) -> None:
        for _ in range(rounds):
            self.pull_orders()
            self._step(delay, fate, 0)
            self.pass_time(seconds)

    def _step(self, delay: int, fate: str, unseen: int) -> Move:
        aim = self.offer.less(unseen)
        step = next_step(aim, orders_complete_to=self.complete, now=self.now, pace=PACE)
        if step.move is Move.READ:
            self.offer = replace(
                self.offer, shown=self.shown, shown_at=self.now, sent=None, read_due=False,
            )  # fmt: skip
        elif step.move is Move.PUSH:
            assert aim.wanted is not None
            self._check_raise(aim)
            if fate != "lost":
                self.landing.append((self.now + delay * SECOND, aim.wanted))
            self.offer = replace(self.offer, sent=aim.wanted, sent_at=self.now)
            if fate == "unknown":
                self.offer = replace(self.offer, sent=None, read_due=True)
        return step.move

    def _check_raise(self, aim: OfferState) -> None:
        """A raise is only ever made on a reading whose orders are all known, and while no feed runs."""
        assert aim.wanted is not None
        if aim.before is not None and aim.wanted > aim.before:
            assert not aim.held_by_feed
            assert aim.shown_at is not None
            assert self.complete >= aim.shown_at + PACE.index_lag
            assert not [one for one in self.sold if one[0] <= aim.shown_at]

    @invariant()
    def never_aims_above_what_is_there(self) -> None:
        assert self.offer.wanted is not None
        assert self.offer.wanted <= max(0, self.stock)
        assert self.offer.sent is None or self.offer.sent >= 0

    def teardown(self) -> None:
        """Nothing changes any more: the channel shows what is wanted, and nothing more is written."""
        if self.feed is not None:
            self.end_feed(lands=True)
        self.pass_time(LONGEST + 30)
        quiet = 0
        for _ in range(60):
            self.pull_orders()
            moved = self._step(LONGEST, "applied", 0)
            self.pass_time(60)
            quiet = quiet + 1 if moved in (Move.NOTHING, Move.WAIT) else 0
        assert quiet > 20
        assert self.offer.wanted == max(0, self.stock)
        assert self.shown == self.offer.wanted
        assert self.landing == []


Channel.TestCase.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)
TestChannel = Channel.TestCase
