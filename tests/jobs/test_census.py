"""Orders that no pull brings in are found by the channel's own list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConnectorError, Rejected, Unavailable
from core.model.orders import Order
from core.ports import Batch, Listed, OrderCensus, OrderCount, Reject
from core.rules.modes import Mode
from jobs import census
from jobs.clock import ManualClock
from jobs.store.lags import Kind, Lags
from jobs.store.store import Store
from jobs.store.tables import cases, census_day, decision, orders
from tests.jobs.builders import NOON, SHOP, minutes, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Remote, Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@dataclass
class _Told:
    """What the channel lists and shows."""

    listed: list[Listed] = field(default_factory=list)
    shown: dict[str, Order] = field(default_factory=dict)
    rejects: dict[str, Reject] = field(default_factory=dict)
    #: what asking for an order raises
    broken: dict[str, Exception] = field(default_factory=dict)
    #: the list ends with it
    breaks_off: Exception | None = None
    asked: list[str] = field(default_factory=list)
    #: empty pages before the list is there, as of a report
    waits: int = 0
    first: list[datetime] = field(default_factory=list)
    #: orders it counts beside those it lists, by when they were placed; None: it counts none
    uncounted: list[datetime] | None = None
    counts: int = 0


class Listing(Remote, OrderCensus, OrderCount):
    """A channel that lists its orders, and may count them."""

    def __init__(self, name: str, clock: ManualClock, told: _Told) -> None:
        super().__init__(name, clock)
        self.told = told

    def list_orders(self, *, since: str | None, first: datetime) -> Iterator[Batch[Listed]]:
        self.told.first.append(first)
        if self.told.waits:
            self.told.waits -= 1
            yield Batch((), "waits")
            return
        half = len(self.told.listed) // 2
        yield Batch(tuple(self.told.listed[:half]), "half")
        if self.told.breaks_off:
            raise self.told.breaks_off
        yield Batch(tuple(self.told.listed[half:]), "", complete_to=self.clock.now())

    def count_orders(self, *, first: datetime, until: datetime) -> int | None:
        self.told.counts += 1
        if self.told.uncounted is None:
            return None
        there = [*self.told.uncounted, *(one.placed_at for one in self.told.listed)]
        return sum(first <= at < until for at in there)

    def get_order(self, remote_id: str) -> Batch[Order]:
        self.told.asked.append(remote_id)
        if remote_id in self.told.broken:
            raise self.told.broken[remote_id]
        shown = self.told.shown.get(remote_id)
        reject = self.told.rejects.get(remote_id)
        return Batch((shown,) if shown else (), "", (reject,) if reject else ())


@pytest.fixture
def told() -> _Told:
    return _Told()


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path, told: _Told) -> Shop:
    plain = open_shop(store, clock, tmp_path)
    channels = {**plain.channels, SHOP: Listing(SHOP, clock, told)}
    wiring = replace(plain.wiring, connectors={**plain.wiring.connectors, **channels})
    made = Shop(store, clock, wiring, channels, plain.places)
    made.switch(Mode.ACT)
    return made


def pulled_to(shop: Shop, at: datetime) -> None:
    run = shop.run(f"{SHOP}/orders")
    with run.transaction() as tx:
        tx.advance("end", complete_to=at)


def place(shop: Shop, told: _Told, *found: tuple[str, float], seen: Sequence[str] = ()) -> None:
    """Orders placed so many minutes after noon; those `seen` came with a pull."""
    for remote_id, at in found:
        made = order(remote_id, placed_at=minutes(at), updated_at=minutes(at))
        told.listed.append(Listed(remote_id, minutes(at)))
        told.shown[remote_id] = made
        if remote_id in seen:
            shop.record(made)


def take(shop: Shop) -> timedelta | None:
    return census.take_census(shop.run(f"{SHOP}/census"), SHOP)


def recorded(shop: Shop) -> set[str]:
    return {row["remote_id"] for row in rows(shop.store, orders)}


def open_cases(shop: Shop) -> list[dict[str, Any]]:
    return [row for row in rows(shop.store, cases) if row["state"] == "open"]


@BOTH
def test_an_order_no_pull_brought_in_is_recorded_and_told_with_how_late_it_is(
    shop: Shop, told: _Told, clock: ManualClock
):
    # given three orders of which a pull showed two
    shop.receive("TEA", 5)
    place(shop, told, ("1", 0), ("2", 1), ("3", 2), seen=["1", "3"])
    clock.advance(3600)
    pulled_to(shop, minutes(58))

    # when the channel is asked for its list
    assert take(shop) is None

    # then the third is recorded, holds its unit, and is told once
    assert recorded(shop) == {"1", "2", "3"}
    assert told.asked == ["2"]
    shop.decide()
    assert {row["remote_id"]: row["stage"] for row in rows(shop.store, orders)}["2"] == "routed"
    (case,) = open_cases(shop)
    assert (case["kind"], case["subject"]) == ("orders_missed", f"channel {SHOP}")
    assert case["args"] == {
        "channel": SHOP, "count": 1, "listed": 3, "minutes": 59, "orders": "2"
    }  # fmt: skip
    (why,) = (one for one in rows(shop.store, decision) if one["code"] == "order_was_missing")
    assert why["args"]["minutes"] == 59
    with shop.store.reading() as tx:
        (lag,) = Lags(tx).rows(Kind.MISSED)
    assert lag.lag.weight == 1

    # and the next census finds nothing more
    assert take(shop) is None
    assert told.asked == ["2"]
    assert len(open_cases(shop)) == 1


def test_what_was_placed_since_the_last_pull_is_not_missing(
    shop: Shop, told: _Told, clock: ManualClock
):
    place(shop, told, ("1", 10), ("2", 11))
    clock.advance(3600)
    pulled_to(shop, minutes(10))

    take(shop)

    assert told.asked == []
    assert open_cases(shop) == []


def test_before_the_first_walk_is_over_nothing_is_missing(shop: Shop, told: _Told):
    place(shop, told, ("1", -10))

    assert take(shop) is None

    assert told.first == []


@BOTH
def test_the_last_days_are_asked_for_and_a_list_that_is_being_made_is_waited_for(
    shop: Shop, told: _Told, clock: ManualClock
):
    place(shop, told, ("1", -10))
    pulled_to(shop, NOON)
    told.waits = 1

    assert take(shop) == census.SOON
    assert recorded(shop) == set()
    with shop.store.reading():
        assert shop.run(f"{SHOP}/census").lease.cursor == "waits"

    assert take(shop) is None
    assert recorded(shop) == {"1"}
    assert told.first == [datetime(2026, 11, 21, 5, tzinfo=UTC)] * 2, "midnight in New York"


def test_an_order_that_is_listed_and_not_shown_is_one_case_until_it_is(
    shop: Shop, told: _Told, clock: ManualClock
):
    place(shop, told, ("1", -10), ("2", -9))
    hidden = told.shown.pop("1")
    pulled_to(shop, NOON)

    take(shop)
    take(shop)

    assert recorded(shop) == {"2"}
    assert told.asked == ["1", "2", "1"], "it is tried again, and told once"
    assert {(one["kind"], one["subject"]) for one in open_cases(shop)} == {
        ("orders_missed", f"channel {SHOP}"), ("census_day_differs", f"channel {SHOP} 2026-11-24")
    }  # fmt: skip

    shop.record(hidden)
    take(shop)
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed"}


def test_a_poisoned_order_is_kept_aside_and_blocks_no_other(shop: Shop, told: _Told):
    place(shop, told, ("1", -10), ("2", -9), ("3", -8))
    del told.shown["1"]
    told.rejects["1"] = Reject("order", "1", "an order without lines", "{}")
    pulled_to(shop, NOON)

    take(shop)
    take(shop)

    assert recorded(shop) == {"2", "3"}
    assert told.asked == ["1", "2", "3", "1"], "it is tried again"
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed", "unreadable_record"}

    del told.rejects["1"]
    told.shown["1"] = order("1", placed_at=minutes(-10))
    take(shop)
    assert recorded(shop) == {"1", "2", "3"}
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed"}


def _error(kind: type[ConnectorError]) -> ConnectorError:
    return kind("no", connector=SHOP, operation="orders")


def test_an_order_that_cannot_be_asked_for_keeps_no_other_out(shop: Shop, told: _Told):
    place(shop, told, ("1", -10), ("2", -9), ("3", -8))
    told.broken = {"1": _error(Unavailable), "2": _error(Rejected)}
    pulled_to(shop, NOON)

    for _ in range(2):
        with pytest.raises(Unavailable):
            take(shop)

    assert recorded(shop) == {"3"}
    assert told.asked == ["1", "2", "3", "1", "2"]
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed", "census_day_differs"}
    told.broken.clear()
    take(shop)
    assert recorded(shop) == {"1", "2", "3"}
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed"}


def test_a_channel_that_is_down_is_not_asked_for_every_order(shop: Shop, told: _Told):
    place(shop, told, *((str(n), -n) for n in range(1, 20)))
    told.broken = {str(n): _error(Unavailable) for n in range(1, 20)}
    pulled_to(shop, NOON)

    with pytest.raises(Unavailable):
        take(shop)

    assert len(told.asked) == census.MOST_FAILED + 1


def test_a_list_that_disagrees_with_the_channel_s_own_count_is_used_as_far_as_it_goes(
    shop: Shop, told: _Told
):
    place(shop, told, ("1", -10), ("2", -9), ("3", -8), ("4", -7))
    told.breaks_off = _error(Unavailable)
    pulled_to(shop, NOON)

    with pytest.raises(Unavailable):
        take(shop)

    assert recorded(shop) == {"1", "2"}


def test_after_days_without_a_census_the_list_begins_where_the_last_one_ended(
    shop: Shop, told: _Told, clock: ManualClock
):
    pulled_to(shop, NOON)
    take(shop)
    place(shop, told, ("1", 60))

    clock.advance(10 * 24 * 3600)
    pulled_to(shop, clock.now())
    take(shop)

    assert told.first[-1] == datetime(2026, 11, 24, 5, tzinfo=UTC), "its whole day"
    assert recorded(shop) == {"1"}
    clock.advance(90 * 24 * 3600)
    take(shop)
    assert clock.now() - census.FURTHEST <= told.first[-1], "no channel lists more"
    assert told.first[-1] < clock.now() - census.FURTHEST + timedelta(days=1)


def test_many_missing_orders_come_in_turn(shop: Shop, told: _Told, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(census, "MOST", 2)
    place(shop, told, *((str(n), -n) for n in range(1, 6)))
    pulled_to(shop, NOON)

    assert take(shop) == census.SOON
    assert recorded(shop) == {"5", "4"}, "the oldest first"
    assert take(shop) == census.SOON
    assert take(shop) is None
    assert len(recorded(shop)) == 5


# --- day by day ----------------------------------------------------------------------------------


def days(shop: Shop) -> dict[str, tuple[int, int | None, int, int, list[str]]]:
    """Day -> what they list, what they state, what we have, what was fetched, what is missing."""
    return {
        str(one["day"]): (
            one["theirs"], one["stated"], one["ours"], one["fetched"], one["missing"]
        )
        for one in rows(shop.store, census_day)
    }  # fmt: skip


def test_each_day_of_the_shop_is_compared_by_ids_and_by_the_channel_s_own_count(
    shop: Shop, told: _Told
):
    # given orders on both sides of midnight in New York, of which one came, and one that is not shown
    midnight = -7 * 60
    place(shop, told, ("1", midnight - 2), ("2", midnight - 1), ("3", midnight), seen=["1"])
    place(shop, told, ("4", -1))
    del told.shown["4"]
    told.uncounted = []
    pulled_to(shop, NOON)

    # when they are compared
    take(shop)

    # then every day says how it stands, and the day that stays different is a Case with its orders
    assert days(shop) == {
        "2026-11-21": (0, 0, 0, 0, []),
        "2026-11-22": (0, 0, 0, 0, []),
        "2026-11-23": (2, 2, 2, 1, []),
        "2026-11-24": (2, 2, 1, 1, ["4"]),
    }
    assert told.counts == 4
    (case,) = (one for one in open_cases(shop) if one["kind"] == "census_day_differs")
    assert case["args"] == {
        "channel": SHOP, "day": "2026-11-24", "orders": "4", "uncounted": 0
    }  # fmt: skip

    # and what came of it is seen days later, when that day is compared no more
    shop.record(order("4", placed_at=minutes(-1)))
    told.listed.clear()
    shop.clock.advance(6 * 86_400)
    pulled_to(shop, shop.clock.now())
    with shop.run(f"{SHOP}/census").transaction() as tx:
        tx.advance("", complete_to=shop.clock.now())
    take(shop)
    assert days(shop)["2026-11-24"] == (2, 2, 1, 1, [])
    assert {one["kind"] for one in open_cases(shop)} == {"orders_missed"}


def test_a_day_of_which_the_channel_counts_more_than_it_lists_is_told_until_it_does_not(
    shop: Shop, told: _Told
):
    place(shop, told, ("1", -10), seen=["1"])
    told.uncounted = [minutes(-5)]
    pulled_to(shop, NOON)
    before = told.first

    take(shop)
    take(shop)

    (case,) = open_cases(shop)
    assert (case["subject"], case["args"]["uncounted"]) == (f"channel {SHOP} 2026-11-24", 1)
    told.uncounted = []
    take(shop)
    assert open_cases(shop) == []
    assert before[0] == before[-1], "what was not listed is looked for again"
