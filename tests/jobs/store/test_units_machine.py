"""Any order of claims, crashes, wakes and zombies: no wake is lost, no zombie writes, fences grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from core.errors import LeaseLost
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import audit, lease, unit
from jobs.store.units import Lease
from tests.jobs.builders import NOON
from tests.jobs.store.test_units import pass_real_time

UNITS = ("a/x", "b/y")
TTL = 100.0
EVERY = timedelta(minutes=10)
BACKOFF = timedelta(minutes=3)

units = st.sampled_from(UNITS)
which = st.integers(0, 30)


@dataclass
class Expected:
    """What must be true of one unit."""

    fence: int = 0
    #: the lease of `fence` was not given back
    held: bool = False
    #: real seconds the lease still lasts
    left: float = 0.0
    wakes: int = 0
    #: wakes that the run which released last had seen at its claim
    seen: int = 0
    failing: bool = False
    waiting: bool = False
    #: the latest instant at which the unit must be due when nothing wakes it
    due_by: Any = NOON
    committed: list[int] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return self.held and self.left > 0


def machine(store: Store) -> type[RuleBasedStateMachine]:
    clock = store.clock
    assert isinstance(clock, ManualClock)

    class Leases(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            clock.set(at=NOON)
            with store.database.write() as connection:
                for table in (audit, lease, unit):
                    connection.execute(delete(table))
            store.units.declare(UNITS, now=NOON)
            self.expected = {name: Expected() for name in UNITS}
            #: every lease there ever was, with the wakes its run had seen: zombies never die
            self.leases: list[tuple[Lease, int]] = []

        def lease_of(self, number: int) -> tuple[Lease, int] | None:
            return self.leases[number % len(self.leases)] if self.leases else None

        def is_newest(self, held: Lease) -> bool:
            return self.expected[held.unit].fence == held.fence

        @rule(seconds=st.sampled_from([1, 61, 200, 700]))
        def tick(self, seconds: int) -> None:
            clock.advance(seconds)

        @rule(seconds=st.sampled_from([11.0, TTL / 2, TTL + 1]))
        def real_time_passes(self, seconds: float) -> None:
            pass_real_time(store, seconds)
            for one in self.expected.values():
                one.left -= seconds

        @rule()
        def offer(self) -> None:
            for name in store.units.offer(now=clock.now()):
                assert not self.expected[name].taken

        @rule(name=units, whenever=st.booleans())
        def claim(self, name: str, whenever: bool) -> None:
            one = self.expected[name]
            now = clock.now()
            held = store.units.claim(name, owner="w", ttl=TTL, now=None if whenever else now)
            if one.taken:
                assert held is None
                return
            if held is None:
                assert not whenever, "a released unit can be claimed"
                assert not self.must_be_due(one)
                # The look at the schedule cost the fence a step.
                one.fence, one.held = self.fence_of(name), False
                return
            assert held.fence > one.fence
            one.fence, one.held, one.left = held.fence, True, TTL
            self.leases.append((held, one.wakes))

        @rule(number=which, wakes=st.sets(units))
        def commit(self, number: int, wakes: set[str]) -> None:
            if not (found := self.lease_of(number)):
                return
            held, _ = found
            try:
                with store.transaction(held) as tx:
                    tx.audit("run", "commit", held.unit, after=held.fence)
                    tx.advance(str(held.fence))
                    tx.wake(*wakes)
            except LeaseLost:
                assert not self.is_newest(held)
                return
            assert self.is_newest(held), "a zombie committed"
            for name in wakes:
                self.expected[name].wakes += 1

        @rule(name=units)
        def wake(self, name: str) -> None:
            with store.transaction() as tx:
                tx.wake(name)
            self.expected[name].wakes += 1

        @rule(number=which)
        def renew(self, number: int) -> None:
            if not (found := self.lease_of(number)):
                return
            held, _ = found
            one = self.expected[held.unit]
            renewed = store.units.renew(held, ttl=TTL)
            assert renewed == (self.is_newest(held) and one.held), "a stale renewal leased again"
            if renewed:
                one.left = TTL

        @rule(number=which, end=st.sampled_from(["well", "failed", "waiting"]))
        def release(self, number: int, end: str) -> None:
            if not (found := self.lease_of(number)):
                return
            held, seen = found
            one, now = self.expected[held.unit], clock.now()
            wait = EVERY if end == "well" else BACKOFF
            store.units.release(
                held, now=now, next_due=now + wait, failed=end == "failed", waiting=end == "waiting"
            )
            if self.is_newest(held) and one.held:
                one.held, one.seen, one.due_by = False, seen, now + wait
                one.failing = end == "failed" or (end == "waiting" and held.failures > 0)
                one.waiting = end == "waiting"

        @rule()
        def daemon_restarts(self) -> None:
            store.units.free_all()
            for one in self.expected.values():
                one.held = False

        def fence_of(self, name: str) -> int:
            with store.reading() as tx:
                query = select(lease.c.fence).where(lease.c.unit == name)
                return int(tx.connection.execute(query).scalar_one())

        def must_be_due(self, one: Expected) -> bool:
            if clock.now() >= one.due_by:
                return True
            return one.wakes > one.seen and not one.failing and not one.waiting

        @invariant()
        def no_wake_is_lost(self) -> None:
            with store.reading() as tx:
                rows = {row.id: row for row in tx.rows(select(unit))}
            for name, one in self.expected.items():
                assert rows[name].wake_seq == one.wakes
                if not one.held and self.must_be_due(one):
                    assert rows[name].due_at <= clock.now(), f"a wake of {name} was lost"

        @invariant()
        def committed_fences_only_grow(self) -> None:
            with store.reading() as tx:
                found = tx.rows(select(audit.c.subject, audit.c.after).order_by(audit.c.id))
            for name in UNITS:
                fences = [row.after for row in found if row.subject == name]
                assert fences == sorted(fences)

    return Leases


def test_no_order_of_events_loses_a_wake_or_lets_a_zombie_write(store: Store) -> None:
    run_state_machine_as_test(
        machine(store),
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
