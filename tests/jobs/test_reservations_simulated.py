"""A sale elsewhere, told to a simulated Shopify over HTTP, from the count to the parcel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import log, pull, push
from jobs.reservations import push_reservations
from jobs.runner import Runner
from jobs.store.database import Database
from jobs.store.stock import Stock
from jobs.store.store import Store
from tests.contracts.rigs import SKU, UNITS, ShopifyRig, rig_of
from tests.jobs.builders import line, order
from tests.jobs.shop import Shop, open_shop


@pytest.fixture
def rig() -> Iterator[ShopifyRig]:
    with rig_of("shopify") as made:
        yield made


@pytest.fixture
def shop(rig: ShopifyRig, store_url: str, tmp_path: Path) -> Iterator[Shop]:
    store = Store(Database(store_url), rig.clock)
    front = (
        f'  front: {{counted_by: shopify-us, remote_id: "{rig.places[0]}", priority: 1, '
        "ships_through: home-files}"
    )
    made = open_shop(store, rig.clock, tmp_path, more_locations=front)
    connectors = {**made.wiring.connectors, "shopify-us": rig.connector}
    made.wiring = replace(made.wiring, connectors=connectors)
    made.runner = Runner(store, made.wiring, log.get())
    made.runner.declare()
    yield made
    store.close()


def count(shop: Shop) -> None:
    shop.clock.advance(600)
    pull.pull_stock(shop.run("shopify-us/stock"), "shopify-us")


def settle(shop: Shop) -> None:
    shop.decide()
    for _ in range(4):
        shop.clock.advance(120)
        push_reservations(shop.run("shopify-us/reservations"), "shopify-us")


def free(shop: Shop) -> int:
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
        return Stock(tx).available([SKU])[SKU, "front"]


# Both databases are held to the flow elsewhere; this is about what goes over the wire.
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_sale_on_amazon_leaves_shopifys_shelf_once_whatever_becomes_of_the_answers(
    shop: Shop, rig: ShopifyRig
):
    # given a location that Shopify counts
    count(shop)
    assert free(shop) == UNITS

    # when Amazon sells three, the answer about them is lost, and Shopify sells one meanwhile
    shop.record(order("A1", line(sku=SKU, units=3), channel="amazon-us"))
    rig.lose_answers("InventoryMove")
    settle(shop)
    rig.sell()
    count(shop)

    # then they are set aside once, and both sales are subtracted once
    assert rig.standing() == (UNITS - 4, 3, UNITS)
    assert free(shop) == UNITS - 4

    # and when they are shipped, they are off the shelf
    push.push_requests(shop.run("home-files/requests"), "home-files")
    shop.ship("amazon-us:A1:F1", (SKU, 3))
    settle(shop)
    count(shop)
    assert rig.standing() == (UNITS - 4, 0, UNITS - 3)
    assert free(shop) == UNITS - 4
