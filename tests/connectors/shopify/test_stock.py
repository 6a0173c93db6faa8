"""Levels of locations that Shopify counts: everything once a day, in between what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import Rejected
from core.model.stock import StockSnapshot
from tests.contracts.rigs import SKU, UNITS, ShopifyRig, rig_of

DAY = 86_400.0


@pytest.fixture
def rig() -> Iterator[ShopifyRig]:
    with rig_of("shopify") as made:
        yield made


def pull(rig: ShopifyRig, since: str | None = None) -> tuple[list[StockSnapshot], str]:
    told: list[StockSnapshot] = []
    for batch in rig.connector.pull_stock(since=since, places=rig.places):
        told.extend(batch.items)
        since = batch.cursor
    assert since is not None
    return told, since


def set_quantity(rig: ShopifyRig, name: str, quantity: int) -> None:
    rig.simulator.place_order({"set_quantity": {"sku": SKU, "name": name, "quantity": quantity}})


def words(told: list[StockSnapshot]) -> dict[str, int]:
    (row,) = [row for row in told[-1].rows if row.sku == SKU]
    return dict(row.words)


def test_available_is_the_figure_and_all_eight_are_kept(rig: ShopifyRig) -> None:
    # given every one of the eight quantities, and two units sold
    for number, name in enumerate(("reserved", "incoming", "damaged", "safety_stock"), start=1):
        set_quantity(rig, name, number)
    set_quantity(rig, "quality_control", 5)
    rig.sell(quantity=2)

    # when the location is walked
    told, _ = pull(rig)

    # then what may be sold is the figure, and the others are told beside it
    (row,) = [row for row in told[0].rows if row.sku == SKU]
    assert row.quantity == UNITS - 2
    assert row.item.startswith("gid://shopify/InventoryItem/")
    assert words(told) == {
        "available": UNITS - 2,
        "on_hand": UNITS + 1 + 3 + 4 + 5,
        "committed": 2,
        "reserved": 1,
        "incoming": 2,
        "damaged": 3,
        "safety_stock": 4,
        "quality_control": 5,
    }


def test_what_is_sold_beyond_the_shelf_counts_as_nothing(rig: ShopifyRig) -> None:
    # given a negative quantity, when it is told, then nothing is there, and the word says why
    set_quantity(rig, "available", -3)
    told, _ = pull(rig)

    (row,) = [row for row in told[0].rows if row.sku == SKU]
    assert row.quantity == 0
    assert words(told)["available"] == -3


def test_in_between_only_what_changed_is_told_and_everything_again_after_a_day(
    rig: ShopifyRig,
) -> None:
    # given a location that was stocked, and walked whole a while ago
    rig.pass_time(3600)
    first, cursor = pull(rig)
    rig.pass_time(3600)

    # when one thing changes, hours pass, and a day
    rig.recount(3)
    changed, cursor = pull(rig, cursor)
    rig.pass_time(3600)
    # Walks overlap: what changed just before the last one is told once more.
    _, cursor = pull(rig, cursor)
    rig.pass_time(3600)
    nothing, cursor = pull(rig, cursor)
    rig.pass_time(DAY)
    whole, _ = pull(rig, cursor)

    # then it alone is told, then nothing, then all of it
    assert first[0].complete
    assert len(first[0].rows) == 3
    assert [(one.complete, [(row.sku, row.quantity) for row in one.rows]) for one in changed] == [
        (False, [(SKU, 3)])
    ]
    assert nothing == []
    assert whole[0].complete
    assert len(whole[0].rows) == 3


def test_a_walk_that_breaks_off_loses_nothing(rig: ShopifyRig) -> None:
    # given a change, and a walk that is left before its end
    rig.pass_time(3600)
    _, cursor = pull(rig)
    rig.pass_time(3600)
    rig.recount(3)
    batches = rig.connector.pull_stock(since=cursor, places=rig.places)
    left_at = next(iter(batches)).cursor

    # when it is taken up from there, then the change is told (again)
    told, _ = pull(rig, left_at)
    assert [(row.sku, row.quantity) for one in told for row in one.rows] == [(SKU, 3)]


def test_each_location_is_walked_by_itself_and_a_figure_is_never_younger_than_it_is(
    rig: ShopifyRig,
) -> None:
    # given a second location
    back = rig.simulator.add_location("Back")
    rig.simulator.place_order({"set_quantity": {"sku": SKU, "location": "Back", "quantity": 7}})

    # when both are walked
    told, _ = pull(rig)

    # then each has its own figures, as of a moment before it was asked
    figures = {one.location: {row.sku: row.quantity for row in one.rows} for one in told}
    assert figures[back.id] == {SKU: 7}
    assert len(figures) == 2
    assert all(one.as_of < rig.clock.now() for one in told)


def test_a_location_that_is_not_there_is_an_error_that_names_it(rig: ShopifyRig) -> None:
    # given a location the shop does not have, when it is pulled, then it says which
    gone: Any = "gid://shopify/Location/999999"
    with pytest.raises(Rejected) as refused:
        list(rig.connector.pull_stock(since=None, places=(gone,)))

    assert refused.value.code == "location_not_found"
    assert gone in str(refused.value)
