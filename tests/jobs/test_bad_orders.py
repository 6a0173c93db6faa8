"""Orders nobody would expect: each is told or waits, none is lost, and the next one goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.model.money import Money
from core.model.orders import Address, Order
from jobs import push
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import orders, reservation
from tests.jobs.builders import HOME, line, order, rows
from tests.jobs.shop import Shop, open_shop

ODD = ["MUG/1", "TEA POT 2", "杯-1", "CUP ☕", "=1+1", "A" * 120]
ABROAD = replace(HOME, name="王小明", line1="中山路 1 号", city="Київ", region="", country="UA")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    names = "".join(f"\n    {one!r}: {{}}" for one in ODD)
    made = open_shop(store, clock, tmp_path, changes={"    TEA: {}\n": f"    TEA: {{}}{names}\n"})
    for number, sku in enumerate(["TEA", "CUP", *ODD]):
        made.receive(sku, 500, reference=f"R{number}")
    return made


def odd(number: str, **changes: object) -> Order:
    return order(number, **changes)  # type: ignore[arg-type]


BAD = {
    "no lines": replace(order("1"), lines=()),
    "nothing of a line": order("1", line(units=0)),
    "fewer than nothing": order("1", line(units=1, ordered=1, current=-2)),
    "more fulfilled than ordered": order("1", line(units=1, fulfilled=5)),
    "foreign currency": order("1", line(unit_price=Money(19_99, "EUR"))),
    "no Sku": order("1", line(sku="")),
    "a Sku nobody knows": order("1", line(sku="'; DROP TABLE orders; --")),
    "other scripts": replace(order("1"), ship_to=ABROAD),
    "no address": replace(order("1"), ship_to=None),
    "an empty address": replace(order("1"), ship_to=Address()),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_order_is_kept_and_the_next_one_goes_on(shop: Shop, name: str) -> None:
    # given it together with a good one
    shop.record(BAD[name])
    shop.record(order("2", line(units=1)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")

    # then both are kept, the good one is asked for, and the books are right
    stages = {one["remote_id"]: one["stage"] for one in rows(shop.store, orders)}
    assert set(stages) == {"1", "2"}
    assert stages["2"] == "routed"
    assert "shopify-us:2:F1" in shop.places["home-files"].received
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []
        held = tx.connection.execute(select(reservation.c.quantity)).scalars().all()
    assert all(units > 0 for units in held)


def test_an_order_of_four_hundred_lines_is_one_request(shop: Shop) -> None:
    many = [line(f"L{number}", units=1) for number in range(400)]
    shop.record(order("1", *many))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    (document,) = shop.places["home-files"].received.values()
    assert document.count(b"FulfillmentLine(") == 400
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []


@pytest.mark.parametrize("sku", ODD)
def test_a_sku_of_odd_letters_is_shipped_like_any_other(shop: Shop, sku: str) -> None:
    shop.record(order("1", line(sku=sku, units=2)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    assert list(shop.places["home-files"].received) == ["shopify-us:1:F1"]
    shop.ship("shopify-us:1:F1", (sku, 2))
    shop.decide()
    (row,) = rows(shop.store, orders)
    assert row["stage"] == "shipped"
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []
