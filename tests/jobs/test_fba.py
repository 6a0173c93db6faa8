"""FBA as a place that ships other channels' orders: whose orders, whose units, and how many are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model.stock import SnapshotRow, StockSnapshot
from jobs import pull
from jobs.clock import ManualClock
from jobs.store.demand import DemandRate, Demands
from jobs.store.store import Store
from jobs.store.tables import offer, reservation, stock_level
from tests.jobs.builders import line, order, rows
from tests.jobs.shop import Shop, open_shop

# Nothing in it that the databases do differently.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SHOPIFY, AMAZON = "shopify-us", "amazon-us"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """TEA lies at FBA alone, from which Shopify sells too."""
    fba = (
        "  fba: {counted_by: amazon-us, ships_through: amazon-us, snapshot: {units_fallen: 100, "
        "zeros: 100}}"
    )
    return open_shop(store, clock, tmp_path, more_locations=fba)


def count(shop: Shop, units: int) -> None:
    """Amazon tells so many, a moment from now."""
    shop.clock.advance(1)
    run = shop.run("amazon-us/orders")
    now = shop.clock.now()
    taken = StockSnapshot(
        "fba", now, "summaries", f"{now}", (SnapshotRow("TEA", units, item="TEA"),)
    )
    with run.transaction() as tx:
        pull.record_snapshot(tx, run, taken)


def held(shop: Shop) -> list[tuple[str | None, int, str]]:
    return [
        (row["location"], row["quantity"], row["state"])
        for row in rows(shop.store, reservation)
    ]  # fmt: skip


def free(shop: Shop) -> int:
    (row,) = [one for one in rows(shop.store, stock_level) if one["location"] == "fba"]
    return int(row["on_hand"] - row["committed"])


def shown(shop: Shop) -> int:
    (row,) = rows(shop.store, offer)
    return int(row["wanted"])


def test_what_amazon_sold_for_us_to_ship_is_never_taken_from_its_own_shelf(shop: Shop) -> None:
    # given an order that Amazon leaves to us, and a figure from after it
    shop.record(order("A1", line(units=2), channel=AMAZON))
    count(shop, 10)

    shop.decide()

    # then it waits for units of ours, and FBA's are others' to have
    assert held(shop) == [(None, 2, "open")]
    assert free(shop) == 10


def test_what_somebody_else_had_amazon_ship_is_off_its_next_figure(shop: Shop) -> None:
    # given an order of the shop whose units are held at FBA, and that waits
    count(shop, 10)
    shop.record(order("S1", line(units=2)))
    assert held(shop) == [("fba", 2, "open")]

    # when a person had it shipped from there by hand
    shop.clock.advance(60)
    shop.record(order("S1", line(units=2, fulfilled=2), updated_at=shop.clock.now()))
    shop.decide()
    assert free(shop) == 8

    # then the figure that lacks them ends the count
    shop.clock.advance(60)
    count(shop, 8)
    assert free(shop) == 8
    assert [state for _, _, state in held(shop)] == ["consumed"]


def test_what_amazon_sells_there_itself_is_reckoned_with_where_the_figure_is_old(
    shop: Shop,
) -> None:
    # given a Sku that sells here and there, and one that Amazon's buyers hardly want
    shop.list("v1", "TEA")
    count(shop, 12)

    def sells(amazon: float) -> int:
        with shop.store.transaction() as tx:
            rates = [
                DemandRate("TEA", SHOPIFY, 2.0, 2.0, 90),
                DemandRate("TEA", AMAZON, amazon, amazon, 90),
            ]
            Demands(tx).set_rates(rates)
            tx.mark_dirty({"TEA"})
        shop.decide()
        return shown(shop)

    # then the faster Amazon sells it, the fewer Shopify shows
    slow, fast = sells(0.1), sells(60.0)
    assert 0 <= fast < slow <= 12
