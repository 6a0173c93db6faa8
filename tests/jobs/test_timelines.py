"""Snapshots and our own reservations are never subtracted twice, whatever is told first.

A shelf of a remote lives its life: it takes a request off its figure, ships, is counted. What is
told of that (the acknowledgment, the notice, each count) arrives in any order, late, or twice.
After every arrival the units we would promise are compared with an oracle that knows only the
shelf and which of its facts were told so far.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    ShipmentNotice,
    ShippedLine,
)
from core.model.stock import SnapshotBasis, SnapshotRow, StockSnapshot
from jobs import answers, decide, notices, pull, push
from jobs.clock import ManualClock
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import movement, snapshot, stock_level
from tests.jobs.builders import line, order, unlock_ledger
from tests.jobs.shop import Place, Shop, open_shop

UNITS = 10
SOLD = 3
THROUGH = "acme-files"
#: What the shelf does, in this order, a minute apart; between them it is counted: c0 .. c4.
LIFE = ("c0", "sold", "c1", "accept", "c2", "ship", "c3")
#: What is told of it, each once it has happened.
TOLD_OF = {"ack": "accept", "notice": "ship", **{count: count for count in LIFE if count[0] == "c"}}

BASES = tuple(SnapshotBasis)


@dataclass
class Shelf:
    """The place as it really is: units on it, and units it has promised to ship for us."""

    basis: SnapshotBasis
    on_it: int = UNITS
    accepted: int = 0
    at: dict[str, datetime] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    def live(self, event: str, now: datetime) -> None:
        self.at[event] = now
        if event == "accept":
            self.accepted = SOLD
        elif event == "ship":
            self.on_it -= SOLD
            self.accepted = 0
        elif event in TOLD_OF:
            net = self.basis is SnapshotBasis.NET
            self.counted[event] = self.on_it - (self.accepted if net else 0)


def expected(shelf: Shelf, told: Sequence[str]) -> int:
    """What we may promise, from the shelf's facts that were told and nothing else.

    The newest count that was told, less what we sold unless we were told that it left the figure
    before that count. A net figure lacks it from its acceptance on, and a parcel of it proves that
    it was accepted; a gross figure lacks it from its shipment on.
    """
    counts = [shelf.at[one] for one in told if one in shelf.counted]
    newest = max(counts, default=None)
    figure = next((n for c, n in shelf.counted.items() if shelf.at[c] == newest), 0)
    if "sold" not in shelf.at:
        return figure
    left = [shelf.at["ship"]] if "notice" in told else []
    if "ack" in told and shelf.basis is SnapshotBasis.NET:
        left.append(shelf.at["accept"])
    gone = newest is not None and bool(left) and min(left) < newest
    return figure - (0 if gone else SOLD)


class Timeline:
    """One order from acme, on a shop of its own time."""

    def __init__(self, shop: Shop, basis: SnapshotBasis, name: str, through: str = THROUGH) -> None:
        self.shop = shop
        self.through = through
        self.shelf = Shelf(basis)
        self.name = name
        self.told: list[str] = []

    def live(self, event: str) -> None:
        self.shop.clock.advance(60)
        now = self.shop.clock.now()
        self.shelf.live(event, now)
        if event == "sold":
            self.shop.record(order(self.name, line(units=SOLD), placed_at=now, updated_at=now))
            decide.decide_orders(self.shop.run("core/orders"))
            push.push_requests(self.shop.run(f"{self.through}/requests"), self.through)

    def tell(self, fact: str) -> None:
        self.shop.clock.advance(7)
        self.told.append(fact)
        key = f"shopify-us:{self.name}:F1"
        at = self.shelf.at[TOLD_OF[fact]]
        if fact == "ack":
            run = self.shop.run(f"{self.through}/acknowledgments")
            with run.transaction() as tx:
                answer = Acknowledgment(key, AcknowledgmentStatus.ACCEPTED, at)
                answers.record_acknowledgment(tx, run.wiring, self.through, answer)
        elif fact == "notice":
            run = self.shop.run(f"{self.through}/notices")
            with run.transaction() as tx:
                parcel = ShipmentNotice(key, "other", "1Z1", at, (ShippedLine("TEA", SOLD),))
                notices.record_notice(tx, run.wiring, self.through, parcel)
        else:
            run = self.shop.run(f"{self.through}/stock")
            figure = self.shelf.counted[fact]
            taken = StockSnapshot(
                "acme", at, f"{fact}.csv", f"{self.name}{fact}", (SnapshotRow("TEA", figure),)
            )
            with run.transaction() as tx:
                pull.record_snapshot(tx, run, taken)

    def check(self) -> None:
        with self.shop.store.reading() as tx:
            free = Stock(tx).available(["TEA"]).get(("TEA", "acme"), 0)
            assert Stock(tx).verify() == []
        so_far = f"{self.shelf.basis}: {self.told}"
        assert free == expected(self.shelf, self.told), so_far
        # And never more than there is for anybody else.
        promised = SOLD if "sold" in self.shelf.at and "ship" not in self.shelf.at else 0
        assert free <= self.shelf.on_it - promised, so_far


@pytest.fixture(params=BASES)
def basis(request: pytest.FixtureRequest) -> SnapshotBasis:
    return SnapshotBasis(request.param)


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path, basis: SnapshotBasis) -> Shop:
    wide = {"rows_gone": 100, "units_fallen": 100, "zeros": 100}
    return open_shop(store, clock, tmp_path, acme_basis=str(basis), acme_guard=wide)


def empty(shop: Shop) -> None:
    """The next timeline begins with nothing known; yesterday's orders stay, shipped."""
    shop.clock.advance(timedelta(days=1).total_seconds())
    with shop.store.database.write() as connection:
        unlock_ledger(connection)
        for table in (stock_level, snapshot, movement):
            connection.execute(delete(table))


def begin(shop: Shop, basis: SnapshotBasis, name: str, through: str = THROUGH) -> Timeline:
    """Counted and told once before anything is sold."""
    timeline = Timeline(shop, basis, name, through)
    timeline.live("c0")
    timeline.tell("c0")
    timeline.check()
    timeline.live("sold")
    timeline.check()
    return timeline


def finish_in_every_order(shop: Shop, basis: SnapshotBasis, through: str = THROUGH) -> None:
    # given a shelf that was counted, sold from, asked, counted again, ... and has shipped
    facts = ("ack", "notice", "c2", "c3")
    for number, arrivals in enumerate(itertools.permutations(facts)):
        timeline = begin(shop, basis, f"{number}", through)
        for event in LIFE[2:]:
            timeline.live(event)

        # when all of that is told afterwards, in any order
        for fact in arrivals:
            timeline.tell(fact)

            # then after each of them we promise what the facts told so far allow
            timeline.check()
        assert expected(timeline.shelf, timeline.told) == UNITS - SOLD
        empty(shop)


# Nothing in it that the databases do differently: the other test runs on both.
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_order_in_which_a_finished_life_is_told_ends_in_the_same_units(
    shop: Shop, basis: SnapshotBasis
):
    finish_in_every_order(shop, basis)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_amazon_counts_and_ships_for_others_is_told_in_every_order_too(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a place whose figure is Amazon's, and lacks what Amazon was asked for and took
    shop = open_shop(
        store, clock, tmp_path,
        changes={
            "ships_through: acme-files, counted_by: acme-files": "ships_through: amazon-us, counted_by: amazon-us, channels: [shopify-us]",
            "location: acme}": "location: depot}",
        },
        more_locations="  depot: {counted_by: acme-files}",
        acme_basis="net",
        acme_guard={"rows_gone": 100, "units_fallen": 100, "zeros": 100},
    )  # fmt: skip
    connectors = {**shop.wiring.connectors, "amazon-us": Place("amazon-us")}
    shop = replace(shop, wiring=replace(shop.wiring, connectors=connectors))

    finish_in_every_order(shop, SnapshotBasis.NET, "amazon-us")


def interleavings() -> st.SearchStrategy[list[str]]:
    """Life and what is told of it, each fact some time after it happened, counts perhaps twice."""
    return st.lists(st.integers(0, 99), min_size=16, max_size=16)


def woven(choices: Sequence[int]) -> Iterator[tuple[str, str]]:
    """(live or tell, what), until everything has happened and was told."""
    living = list(LIFE[2:])
    happened: list[str] = []
    left = ["ack", "notice", "c1", "c2", "c3", "c1", "c2", "c3"]
    picks = iter(itertools.cycle(choices))
    while living or left:
        open_facts = [fact for fact in left if TOLD_OF[fact] in happened]
        options = [("tell", fact) for fact in open_facts]
        if living:
            options += [("live", living[0])] * 2
        verb, what = options[next(picks) % len(options)]
        yield verb, what
        if verb == "live":
            happened.append(living.pop(0))
        else:
            left.remove(what)


def test_facts_told_while_life_goes_on_late_twice_or_out_of_order_never_count_twice(
    shop: Shop, basis: SnapshotBasis
):
    numbers = itertools.count()

    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(interleavings())
    def one(choices: list[int]) -> None:
        # given a shelf that was counted and sold from
        timeline = begin(shop, basis, f"w{next(numbers)}")

        # when its life goes on, and what happened is told at any later moment
        for verb, what in woven(choices):
            timeline.live(what) if verb == "live" else timeline.tell(what)

            # then we promise what the facts told so far allow, and never more than there is
            timeline.check()
        empty(shop)

    one()
