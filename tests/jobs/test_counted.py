"""Figures of remotes that tell only what changed, by items of their own, at several places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import Batch, StockSource
from jobs import log, pull
from jobs.approve import approve
from jobs.cli.counted import remote_words, words_text
from jobs.clock import ManualClock
from jobs.runner import Runner
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, snapshot
from tests.jobs.builders import minutes, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Remote, Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

FRONT, BACK = "gid://shopify/Location/1", "gid://shopify/Location/2"
PLACES = f"""
  front: {{counted_by: shopify-us, remote_id: "{FRONT}"}}
  back: {{counted_by: shopify-us, remote_id: "{BACK}"}}
"""
SKUS = tuple(f"S{number}" for number in range(10))


class Counting(Remote, StockSource):
    """A channel that tells whatever figures it is given."""

    figures: StockSnapshot

    def pull_stock(
        self, *, since: str | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        assert set(places) == {FRONT, BACK}
        yield Batch((self.figures,), "on")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path, more_locations=PLACES)
    made.channels["shopify-us"] = Counting("shopify-us", clock)
    connectors = {**made.wiring.connectors, **made.channels}
    made.wiring = replace(made.wiring, connectors=connectors)
    made.runner = Runner(store, made.wiring, log.get())
    made.runner.declare()
    return made


def told(
    shop: Shop,
    at: float,
    *figures: tuple[str, int],
    place: str = FRONT,
    complete: bool = False,
    items: Sequence[str] = (),
) -> None:
    """The remote tells these at so many minutes after noon; item names follow the Skus'."""
    shop.clock.advance(60)
    names = items or [f"item-{sku}" for sku, _ in figures]
    taken = StockSnapshot(
        place,
        minutes(at),
        "levels",
        f"{at}{figures}{names}",
        tuple(
            SnapshotRow(sku, units, name, (("available", units), ("committed", 1)))
            for (sku, units), name in zip(figures, names, strict=True)
        ),
        complete=complete,
    )
    channel = shop.channels["shopify-us"]
    assert isinstance(channel, Counting)
    channel.figures = taken
    pull.pull_stock(shop.run("shopify-us/stock"), "shopify-us")


def figures(shop: Shop, location: str = "front") -> dict[str, int]:
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
        found = Stock(tx).levels([*SKUS, "TEA", "GIFT"])
    return {
        one.sku: one.on_hand
        for levels in found.values()
        for one in levels
        if one.location == location
    }


def test_a_change_says_nothing_of_what_it_does_not_name(shop: Shop):
    # given a place that was counted whole
    told(shop, 1, ("S1", 5), ("S2", 2), ("S3", 9), complete=True)

    # when only what changed is told, and later everything again
    told(shop, 2, ("S1", 4))
    after_change = figures(shop)
    told(shop, 3, ("S1", 4), ("S3", 9), complete=True)

    # then what was not named stays, until a whole count does not name it
    assert after_change == {"S1": 4, "S2": 2, "S3": 9}
    assert figures(shop) == {"S1": 4, "S2": 0, "S3": 9}


def test_each_place_has_figures_of_its_own(shop: Shop):
    # given two places of one remote, when both are told, then neither touches the other
    told(shop, 1, ("S1", 5), ("S2", 1), complete=True)
    told(shop, 2, ("S1", 9), place=BACK, complete=True)

    assert figures(shop) == {"S1": 5, "S2": 1}
    assert figures(shop, "back") == {"S1": 9}


@BOTH
def test_a_place_nobody_named_is_left_alone(shop: Shop):
    # given a figure of a place that is none of ours, when it is told, then nothing happens
    told(shop, 1, ("S1", 5), place="gid://shopify/Location/9", complete=True)

    assert figures(shop) == {}
    assert rows(shop.store, snapshot) == []


def test_a_change_that_arrives_late_replaces_only_what_is_older(shop: Shop):
    # given two changes of one count
    told(shop, 1, ("S1", 5), ("S2", 5), complete=True)
    told(shop, 4, ("S1", 3))

    # when one of before comes late
    told(shop, 3, ("S1", 9), ("S2", 4))

    # then it is the newest word on the other one alone
    assert figures(shop) == {"S1": 3, "S2": 4}


@BOTH
def test_items_of_one_sku_are_added_up_though_only_one_of_them_changed(shop: Shop):
    # given two items of the remote that are both our S1
    told(shop, 1, ("S1", 5), ("S1", 2), items=("a", "b"), complete=True)
    assert figures(shop) == {"S1": 7}

    # when one of them is told
    told(shop, 2, ("S1", 1), items=("b",))

    # then the other one's last figure is added
    assert figures(shop) == {"S1": 6}
    with shop.store.reading() as tx:
        words = remote_words(tx, [("S1", "front")])
    assert words_text(words["S1", "front"]) == "available 6, committed 2"


def test_a_kit_has_no_figure_of_its_own(shop: Shop):
    # given a remote that counts a kit as a thing, when it is told, then it is left out
    told(shop, 1, ("TEA", 5), ("GIFT", 3), complete=True)

    assert figures(shop) == {"TEA": 5}


@BOTH
def test_changes_that_empty_the_place_are_put_aside_until_a_person_approves(shop: Shop):
    # given a place with ten full shelves
    told(shop, 1, *((sku, 10) for sku in SKUS), complete=True)

    # when most of them fall to nothing in one change, and something else changes after that
    told(shop, 2, *((sku, 0) for sku in SKUS[:8]))
    told(shop, 3, ("S9", 9))

    # then the first change is a Case, the second is in force
    assert figures(shop) == {**dict.fromkeys(SKUS, 10), "S9": 9}
    (case,) = [row for row in rows(shop.store, cases) if row["state"] == "open"]
    assert case["kind"] == "snapshot_quarantined"

    # and approved it applies to what it named, and nothing else
    with shop.store.transaction() as tx:
        (row,) = tx.rows(cases.select().where(cases.c.state == "open"))
        assert approve(tx, row, by="tester", note=None)
    assert figures(shop) == {**dict.fromkeys(SKUS[:8], 0), "S8": 10, "S9": 9}
