"""Units: the ledger adds up whatever happens (I2), and nothing is promised twice (I3)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select, update

from config.catalog import Catalog
from config.reviewing import Restrictions
from config.shipping import Routing
from core.model.calendars import Calendar
from core.model.carriage import Dispatch
from core.model.orders import OrderLine
from core.model.stock import (
    Claim,
    CountedBy,
    MovementKind,
    SnapshotRow,
    StockLocation,
    StockMovement,
    StockSnapshot,
)
from jobs.claims import Claims
from jobs.store.held import Held
from jobs.store.orders import Orders
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import dirty_sku, movement, reservation, snapshot, stock_level
from jobs.wiring import Wiring
from tests.jobs.builders import (
    NOON,
    line,
    many,
    minutes,
    number_of,
    order,
    receipt,
    record,
    rows,
    together,
    unlock_ledger,
)
from tests.jobs.conftest import Open

HOME = StockLocation("home", CountedBy.LOCKSTEP, 1, ships_through="acme")


class OnePlace:
    """The least wiring that `jobs.claims` asks: every Sku is itself, one place ships everything."""

    reservation_units = ()
    config = SimpleNamespace(
        locations={}, channels={}, routing=Routing(), shop=SimpleNamespace(currency="USD")
    )
    catalog = Catalog((), accept_channel_skus=True)
    loaded = SimpleNamespace(
        services={}, catalog=catalog, restrictions=Restrictions((), (), catalog)
    )
    locations = (HOME,)
    owned_places = frozenset({HOME.id})

    def day(self, at: datetime) -> date:
        return at.date()

    def dispatch(self, location: str, *, today: date) -> Dispatch:
        return Dispatch(location, "", ZoneInfo("UTC"), Calendar())

    def barred(self, sku: str, channel: str, *, at: datetime) -> frozenset[str]:
        return frozenset()

    def components(self, sku: str, units_per_sale: int) -> dict[str, int]:
        return {sku: units_per_sale}

    def eligible(self, channel: str, *, routing: bool) -> tuple[StockLocation, ...]:
        return (HOME,)

    def location(self, location: str) -> StockLocation | None:
        return HOME if location == HOME.id else None

    def counted_by_channel(self, channel: str) -> tuple[StockLocation, ...]:
        return ()

    def taken_from(self, channel: str, line: OrderLine) -> dict[str, int]:
        return {}


def feed(as_of: float, name: str = "stock.csv", digest: str = "", **units: int) -> StockSnapshot:
    """Taken at so many minutes after noon: {Sku: units}."""
    return StockSnapshot(
        location="home",
        as_of=minutes(as_of),
        name=name,
        digest=digest or "".join(f"{sku}{n}" for sku, n in units.items()),
        rows=tuple(SnapshotRow(sku, count) for sku, count in units.items()),
    )


def apply(store: Store, taken: StockSnapshot) -> int | None:
    """The number of Skus that moved; None: these bytes were taken before."""
    with store.transaction() as tx:
        if Stock(tx).keep_snapshot(taken, state="applied", reasons=()) is None:
            return None
        return Stock(tx).apply_snapshot(taken)


def reserve(
    store: Store, number: int, units: int, *, sku: str = "TEA", absorbed_after: float | None = None
) -> None:
    after = None if absorbed_after is None else minutes(absorbed_after)
    with store.transaction() as tx:
        Stock(tx).reserve([(number, Claim("L1", sku, "home", units), after)])


def level(store: Store, sku: str = "TEA") -> tuple[int, int]:
    """(on hand, committed)."""
    with store.reading() as tx:
        assert Stock(tx).verify() == []
        found = Stock(tx).levels([sku])[sku]
    return (found[0].on_hand, found[0].committed) if found else (0, 0)


def claim_units(store: Store, number: int) -> bool:
    """What recording an order does: True when all its units were found."""
    with store.transaction() as tx:
        records = Orders(tx).load([number])
        claims = Claims.open(tx, cast(Wiring, OnePlace()), records)
        allocation = claims.settle(records[0])
        claims.write()
        return allocation.complete


# --- the ledger ----------------------------------------------------------------------------------


def test_a_repeated_movement_is_a_no_op(store: Store) -> None:
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 5)])
    with store.transaction() as tx:
        again = Stock(tx).move([receipt("TEA", 5), receipt("TEA", 2, reference="R2")])

    assert [one.reference for one in again] == ["R2"]
    assert level(store) == (7, 0)


def test_a_reservation_is_committed_until_it_is_released(store: Store) -> None:
    number = record(store, order())[0]
    reserve(store, number, 3)
    assert level(store) == (0, 3)

    with store.transaction() as tx:
        ids = list(tx.connection.execute(select(reservation.c.id)).scalars())
        Stock(tx).release(ids)
        Stock(tx).release(ids)

    assert level(store) == (0, 0)


def test_verify_finds_a_balance_that_its_rows_do_not_explain(store: Store) -> None:
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 5)])
        tx.connection.execute(update(stock_level).values(on_hand=6, committed=1))

    with store.reading() as tx:
        found = {(one.field, one.kept, one.recomputed) for one in Stock(tx).verify()}
    assert found == {("on_hand", 6, 5), ("committed", 1, 0)}

    with store.transaction() as tx:
        tx.connection.execute(delete(stock_level))
    with store.reading() as tx:
        assert [(one.kept, one.recomputed) for one in Stock(tx).verify()] == [(0, 5)]


def test_unallocated_demand_is_counted_and_commits_nothing(store: Store) -> None:
    number = record(store, order())[0]

    with store.transaction() as tx:
        Stock(tx).reserve([(number, Claim("L1", "TEA", None, 4), None)])

    with store.reading() as tx:
        assert Stock(tx).unallocated(["TEA", "MUG"]) == Counter(TEA=4)
    assert level(store) == (0, 0)


def test_a_part_that_shipped_leaves_the_rest_held(store: Store) -> None:
    number = record(store, order("1", line(units=5)))[0]
    reserve(store, number, 5)
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 9)])
        Stock(tx).assign([(number, "home", 1)])

        Stock(tx).consume(number, 1, {("L1", "TEA"): 2})

    assert level(store) == (9, 3)
    assert sorted((r["state"], r["quantity"]) for r in rows(store, reservation)) == [
        ("consumed", 2),
        ("open", 3),
    ]


def test_units_that_others_shipped_leave_our_shelf_once(store: Store) -> None:
    number = record(store, order("1", line(units=5)))[0]
    reserve(store, number, 2)
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 9)])
    how: dict[str, Any] = {"reference": "external/1/L1/2", "counted_here": lambda _: True}

    with store.transaction() as tx:
        first = Stock(tx).ship_held(number, "L1", "TEA", 2, **how)
    with store.transaction() as tx:
        again = Stock(tx).ship_held(number, "L1", "TEA", 2, **how)

    assert (first, again) == (True, False)
    assert level(store) == (7, 0)


def test_reservations_that_move_to_another_place_are_committed_there(store: Store) -> None:
    number = record(store, order())[0]
    reserve(store, number, 3)

    with store.transaction() as tx:
        Stock(tx).move_reservations(number, to="east", number=1)

    assert sorted((r["location"], r["committed"]) for r in rows(store, stock_level)) == [
        ("east", 3),
        ("home", 0),
    ]


# --- snapshots -----------------------------------------------------------------------------------


def test_a_snapshot_sets_what_is_there_and_what_it_does_not_name_is_gone(store: Store) -> None:
    apply(store, feed(0, TEA=5, MUG=2))

    moved = apply(store, feed(10, TEA=7, JAR=0))

    assert moved == 2
    assert (level(store), level(store, "MUG"), level(store, "JAR")) == ((7, 0), (0, 0), (0, 0))


def test_only_a_later_snapshot_ends_the_count_of_an_absorbed_reservation(store: Store) -> None:
    number = record(store, order())[0]
    reserve(store, number, 2, absorbed_after=10)
    reserve(store, number, 3)

    apply(store, feed(10, TEA=9))
    at_that_instant = level(store)
    apply(store, feed(11, TEA=7))

    assert at_that_instant == (9, 5), "a figure of that very instant may not know of it"
    assert level(store) == (7, 3), "what was not absorbed is held until it ships"


def test_the_same_bytes_of_the_same_instant_are_taken_once(store: Store) -> None:
    apply(store, feed(0, TEA=5))

    assert apply(store, feed(0, TEA=5)) is None
    assert level(store) == (5, 0)
    assert len(rows(store, movement)) == 1


def test_a_feed_that_says_five_then_seven_then_five_is_believed_three_times(store: Store) -> None:
    for at, units in ((0, 5), (10, 7), (20, 5), (30, 7)):
        assert apply(store, feed(at, TEA=units)) == 1
        assert level(store) == (units, 0)

    assert len(rows(store, snapshot)) == 4


def test_the_snapshot_in_force_is_the_last_that_was_applied(store: Store) -> None:
    apply(store, feed(0, TEA=5, MUG=0))
    with store.transaction() as tx:
        Stock(tx).keep_snapshot(feed(9, TEA=0), state="quarantined", reasons=(), content={"x": 1})

    with store.reading() as tx:
        assert Stock(tx).in_force("home") == (2, 5, 1, NOON)
        assert Stock(tx).in_force("east") is None
        assert Stock(tx).known_at("home") == {"TEA", "MUG"}


# --- what must be decided again ------------------------------------------------------------------


def test_marks_are_taken_once_and_wake_whoever_decides(store: Store) -> None:
    store.units.declare(["core/offers"], now=minutes(60))
    with store.transaction() as tx:
        Stock(tx).mark_dirty(["TEA", "MUG", "TEA"])
    due = store.units.rows()[0].due_at

    with store.transaction() as tx:
        first = Stock(tx).take_dirty(1)
    with store.transaction() as tx:
        rest = Stock(tx).take_dirty(10)

    assert (first, rest, due) == (["MUG"], ["TEA"], NOON)
    assert rows(store, dirty_sku) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_mark_that_is_there_already_is_not_taken_before_the_change_it_stands_for(
    store: Store,
) -> None:
    with store.transaction() as tx:
        tx.mark_dirty(["TEA"])

    def taken() -> list[str]:
        with store.transaction() as beside:
            return Stock(beside).take_dirty(10)

    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 5)])
        tx.finish()  # the change and its mark are written, and not yet committed
        meanwhile = taken()

    assert meanwhile == []
    assert taken() == ["TEA"]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_snapshots_and_reservations_at_one_place_do_not_deadlock(
    store: Store, open_store: Open
) -> None:
    skus = [f"S{n:02}" for n in range(12)]
    apply(store, feed(0, **dict.fromkeys(skus, 100)))
    numbers = record(
        store, *(order(f"{n}", *(line(s, sku=s) for s in skus[n % 5 :])) for n in range(30))
    )
    beside = open_store()

    def snapshots() -> None:
        for at in range(1, 16):
            apply(beside, feed(at, **{s: 100 - at * (n % 2) for n, s in enumerate(skus[::-1])}))

    def orders() -> None:
        for number in numbers:
            claim_units(store, number)

    together(snapshots, orders)

    for sku in skus:
        level(store, sku)


# --- the last unit -------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 3])
def test_of_many_workers_only_as_many_get_a_unit_as_there_are(
    store: Store, open_store: Open, units: int
) -> None:
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", units)])
    numbers = record(store, *(order(str(n)) for n in range(8)))
    workers = [store, open_store()]

    won = many(8, lambda n: claim_units(workers[n % 2], numbers[n]))

    assert sum(won) == units
    assert level(store) == (units, units)
    with store.reading() as tx:
        assert Stock(tx).unallocated(["TEA"]) == Counter(TEA=8 - units)


_WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from jobs.clock import ManualClock
from jobs.store.database import Database
from jobs.store.store import Store
from tests.jobs.builders import NOON
from tests.jobs.store.test_stock import claim_units
store = Store(Database(sys.argv[2]), ManualClock(NOON))
print("ready", flush=True)
sys.stdin.readline()
print(sum(claim_units(store, int(number)) for number in sys.argv[3:]))
"""


def test_of_two_processes_only_as_many_orders_get_a_unit_as_there_are(
    store: Store, store_url: str
) -> None:
    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 11)])
    numbers = [str(n) for n in record(store, *(order(str(n)) for n in range(20)))]
    root = str(Path(__file__).parents[3])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, root, store_url, *numbers[half::2]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for half in (0, 1)
    ]  # fmt: skip
    for one in workers:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"

    for one in workers:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    won = [int(one.communicate(timeout=60)[0]) for one in workers]

    assert sum(won) == 11
    assert level(store) == (11, 11)


# --- any order of events -------------------------------------------------------------------------

SKUS = ("TEA", "MUG")
skus = st.sampled_from(SKUS)
few = st.integers(1, 4)


def machine(store: Store) -> type[RuleBasedStateMachine]:
    class Shelf(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            with store.database.write() as connection:
                unlock_ledger(connection)
                for table in (reservation, movement, stock_level, snapshot, dirty_sku):
                    connection.execute(delete(table))
            record(store, order())
            self.order = number_of(store, order())
            self.count = 0
            self.at = 0
            self.on_hand: Counter[str] = Counter()

        def open_ids(self) -> list[int]:
            query = select(reservation.c.id).where(reservation.c.state == "open")
            with store.reading() as tx:
                return list(tx.connection.execute(query.order_by(reservation.c.id)).scalars())

        @rule(sku=skus, units=few, absorbed=st.booleans(), there=st.booleans())
        def reserve(self, sku: str, units: int, absorbed: bool, there: bool) -> None:
            claim = Claim("L1", sku, "home" if there else None, units)
            with store.transaction() as tx:
                Stock(tx).reserve([(self.order, claim, minutes(self.at) if absorbed else None)])

        @rule(pick=st.integers(0, 9))
        def release(self, pick: int) -> None:
            if ids := self.open_ids():
                with store.transaction() as tx:
                    Stock(tx).release([ids[pick % len(ids)]])

        @rule(sku=skus, units=st.integers(-3, 5), again=st.booleans())
        def move(self, sku: str, units: int, again: bool) -> None:
            self.count += not again
            one = StockMovement(sku, "home", MovementKind.COUNT, units, f"C{self.count}", NOON)
            with store.transaction() as tx:
                for new in Stock(tx).move([one]):
                    self.on_hand[new.sku] += new.quantity

        @rule(number=st.integers(1, 2))
        def assign(self, number: int) -> None:
            with store.transaction() as tx:
                Stock(tx).assign([(self.order, "home", number)])

        @rule(number=st.integers(1, 2), sku=skus, units=few)
        def consume(self, number: int, sku: str, units: int) -> None:
            with store.transaction() as tx:
                Stock(tx).consume(self.order, number, {("L1", sku): units})

        @rule(number=st.integers(1, 2))
        def absorb(self, number: int) -> None:
            with store.transaction() as tx:
                Held(tx).absorb(self.order, number, after=minutes(self.at))

        @rule(sku=skus, units=few)
        def ship_held(self, sku: str, units: int) -> None:
            self.count += 1
            with store.transaction() as tx:
                # A shelf of our own has no figure of others: nothing of it is absorbed.
                if tx.rows(select(reservation.c.id).where(reservation.c.state == "absorbed")):
                    return
                before = Stock(tx).available([sku]).get((sku, "home"), 0)
                Stock(tx).ship_held(self.order, "L1", sku, units, reference=f"E{self.count}",
                                    counted_here=lambda _: True)  # fmt: skip
                # Held units leave the shelf and the promise at once: nothing more is free, nor less.
                assert Stock(tx).available([sku]).get((sku, "home"), 0) == before
                found = Stock(tx).levels([sku])[sku]
                self.on_hand[sku] = found[0].on_hand if found else 0

        @rule(units=st.dictionaries(skus, st.integers(0, 6)))
        def snapshot(self, units: dict[str, int]) -> None:
            self.at += 1
            apply(store, feed(self.at, **units))
            for sku in SKUS:
                self.on_hand[sku] = units.get(sku, 0)

        @invariant()
        def the_books_add_up(self) -> None:
            with store.reading() as tx:
                assert Stock(tx).verify() == []
                for sku, levels in Stock(tx).levels(SKUS).items():
                    for one in levels:
                        assert one.committed >= 0
                        assert one.on_hand == self.on_hand[sku]
                absorbed = tx.rows(
                    select(reservation.c.id).where(
                        reservation.c.state == "open",
                        reservation.c.location.is_not(None),
                        reservation.c.absorbed_after < minutes(self.at),
                    )
                )
            # Whatever is absorbed after the newest snapshot was taken was reserved since.
            assert not absorbed

    return Shelf


def test_no_order_of_events_makes_the_books_differ(store: Store) -> None:
    run_state_machine_as_test(
        machine(store),
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
