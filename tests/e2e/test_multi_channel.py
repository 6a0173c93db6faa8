"""A Shopify order that Amazon ships from FBA: one supply, told once, its stock subtracted once.

What was supplied is read from Amazon's own books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.amazon.simulator import AmazonSimulator
from connectors.amazon.simulator.outbound_state import OutboundPace
from core.rules.effects import short_key
from jobs.demo.world import World
from jobs.store.tables import effect, stock_level
from tests.e2e.house import House, house
from tests.e2e.mortal import Mortal
from tests.e2e.test_modes_and_stops import count, sell, sell_on_amazon
from tests.e2e.test_trading import QUICK, by_place, is_over, proved, requests

#: Sold on Amazon, shipped by Amazon, and sold on Shopify under our own name for it.
SKU, THEIRS, UNITS = "SOCKS", "FBA-SOCKS", 300
FAST = OutboundPace(receive=(5.0,) * 2, plan=(5.0,) * 2, pick=(5.0,) * 2, ship=(5.0,) * 2)
#: Time enough to change one's mind.
SLOW = OutboundPace(receive=(60.0,) * 2, plan=(60.0,) * 2, pick=(7200.0,) * 2, ship=(300.0,) * 2)


@contextmanager
def with_fba(
    folder: Path,
    *,
    pace: OutboundPace = FAST,
    **multi_channel: Any,
) -> Iterator[House]:
    """Shopify sells SKU from Amazon's warehouses, before our own."""

    def prepare(world: World) -> None:
        world.amazon = AmazonSimulator(
            clock=world.clock, seed=5, outbound=pace, on_ship=world.ups.register
        )

    def edit(tree: dict[str, Any]) -> None:
        tree["connections"]["amazon-us"]["multi_channel"] = {"ask_every": 1, **multi_channel}
        tree["locations"]["fba"] = {
            "counted_by": "amazon-us", "ships_through": "amazon-us", "priority": 1,
            "snapshot": {"units_fallen": 100, "zeros": 100},
        }  # fmt: skip
        tree["skus"]["items"][SKU] = {"title": "Wool socks", "aliases": [THEIRS]}

    with house(folder, pace=QUICK, prepare=prepare, edit=edit) as shop:
        (place,) = shop.world.shopify.shop.locations
        shop.world.shopify.add_product(
            SKU, title="Wool socks", price="16.00", quantities={place: 0}
        )
        shop.go_live()
        shop.until(lambda: shown(shop) > 0)
        yield shop


def shown(shop: House) -> int:
    """Units that Shopify shows."""
    books = shop.world.shopify.books()["quantities"]
    return sum(one["available"] for one in books if one["sku"] == SKU)


def fulfillment_orders(shop: House) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = shop.world.amazon.books()["fulfillment_orders"]
    return made


def shipped(shop: House) -> int:
    return sum(sum(one["shipped"].values()) for one in fulfillment_orders(shop))


def trade(
    shop: House, condition: Callable[[], object], *, look: Callable[[], object] = bool
) -> None:
    """Minute by minute, until the condition holds; `look` at the end of each."""
    for _ in range(60):
        shop.clock.advance(60)
        shop.run(
            "shopify-us/orders", "amazon-us/orders", "core/orders", "amazon-us/requests",
            "amazon-us/statuses", "core/orders", "warehouse/requests", "warehouse/acknowledgments",
            "warehouse/notices", "core/orders", "shopify-us/shipments", "amazon-us/stock",
        )  # fmt: skip
        look()
        if condition():
            return
    raise AssertionError((requests(shop), fulfillment_orders(shop), shop.errors(), shop.cases()))


def free(shop: House) -> int:
    """Units of ours at FBA that may still be promised."""
    (row,) = shop.rows(
        select(stock_level.c.on_hand - stock_level.c.committed).where(
            stock_level.c.sku == SKU, stock_level.c.location == "fba"
        )
    )
    return int(row[0])


def test_an_order_is_shipped_by_amazon_once_and_its_units_are_subtracted_once(
    tmp_path: Path,
) -> None:
    with with_fba(tmp_path, features={"BLANK_BOX": "Required"}) as shop:
        # given orders of the shop, one that Amazon sells and ships itself, one that it leaves to us
        lost = ("lost-answer", "lost-request", "502-applied", "internal-failure")
        # and an Amazon that loses answers, or the request itself, in every way there is
        shop.world.amazon.faults.set(
            [
                {"operation": "createFulfillmentOrder", "kind": kind, "nth": number}
                for number, kind in enumerate(lost, start=2)
            ]
        )
        names = [sell(shop, SKU, 3) for _ in range(5)]
        theirs, ours = sell_on_amazon(shop, THEIRS), sell_on_amazon(shop, "TRAY-OAK")
        seen: list[int] = []

        # when everybody does their part
        trade(
            shop,
            lambda: all(is_over(shop, name) for name in names),
            look=lambda: seen.append(free(shop)),
        )
        trade(shop, lambda: free(shop) == UNITS - 16)

        # then Amazon shipped each once, and the shop knows the parcels
        made = {one["displayed"]: one for one in fulfillment_orders(shop)}
        assert sorted(made) == sorted(names)
        assert len(fulfillment_orders(shop)) == len(names)
        told = str(shop.world.shopify.books()["orders"])
        for one in made.values():
            assert (one["status"], one["shipped"]) == ("Complete", {THEIRS: 3})
            assert one["features"] == {"BLANK_BOX": "Required"}
            assert one["tracking_numbers"][0] in told
        asked = {short_key(key): key for key in requests(shop)}
        assert {one["id"] for one in made.values()} <= set(asked)
        tries = shop.rows(select(effect.c.attempts).where(effect.c.connection == "amazon-us"))
        assert {row.attempts for row in tries} == {1, 2}
        # and its units were promised to nobody else at any moment
        assert max(seen) <= UNITS - 15
        # what Amazon sold there is nobody's to ask for, what it left to us is not Amazon's
        assert theirs not in str(asked)
        assert ours in str(asked)
        assert set(by_place(shop)["newark"]) <= {"TRAY-OAK"}
        assert shop.cases() == []
        assert proved(shop)


def test_what_a_buyer_takes_back_is_called_off_until_it_is_being_picked(tmp_path: Path) -> None:
    with with_fba(tmp_path, pace=SLOW) as shop:
        # given two orders that Amazon accepted, one of them taken back
        early, late = sell(shop, SKU, 2), sell(shop, SKU, 1)
        trade(shop, lambda: list(requests(shop).values()) == ["acknowledged"] * 2)
        # the answer to the call-off is lost, once
        shop.world.amazon.faults.set(
            [{"operation": "cancelFulfillmentOrder", "kind": "lost-answer", "nth": 1}]
        )
        shop.world.shopify.place_order({"cancel": early})
        trade(shop, lambda: "canceled" in requests(shop).values())

        # then it is canceled there too, and its units are anybody's again
        assert {one["status"] for one in fulfillment_orders(shop)} == {"Cancelled", "Planning"}
        trade(shop, lambda: free(shop) == UNITS - 1)
        assert shop.cases() == []

        # when the other one is taken back while it is picked
        shop.clock.advance(2 * 3600)
        shop.world.shopify.place_order({"cancel": late})
        trade(shop, lambda: shop.cases("canceled_after_request"))

        # then a person is told, and it is not asked of anybody else
        assert shipped(shop) <= 1
        assert len(fulfillment_orders(shop)) == 2
        assert proved(shop)


def test_what_amazon_has_not_got_after_all_comes_from_elsewhere(tmp_path: Path) -> None:
    with with_fba(tmp_path, fill="FillAllAvailable") as shop:
        count(shop, **{SKU: 50})
        amazon = shop.world.amazon
        # given units that Amazon's own buyers were faster to take
        first = sell(shop, SKU, 2)
        amazon.place_order({"lines": [{"sku": THEIRS, "quantity": UNITS}]})
        trade(shop, lambda: is_over(shop, first))
        assert [one["status"] for one in fulfillment_orders(shop)] == ["Invalid"]
        assert by_place(shop) == {"newark": {SKU: 2}}

        # given a shelf that has fewer than the books
        amazon.place_order({"set_quantity": {"sku": THEIRS, "quantity": 10}})
        trade(shop, lambda: free(shop) == 10)
        amazon.place_order({"lose": {"sku": THEIRS, "units": 3}})
        second = sell(shop, SKU, 5)
        trade(shop, lambda: is_over(shop, second))

        # then Amazon sends what it found, and the rest comes from the warehouse
        assert [one["status"] for one in fulfillment_orders(shop)][1:] == ["CompletePartialled"]
        assert shipped(shop) == 2
        assert by_place(shop) == {"newark": {SKU: 5}}
        assert shop.cases() == []
        assert proved(shop)


@pytest.mark.slow
def test_an_order_is_there_once_wherever_its_submission_is_killed(tmp_path: Path) -> None:
    with with_fba(tmp_path) as shop:
        mortal, there, killed = Mortal(shop), list[bool](), True
        try:
            while killed:
                # given an order for each step
                at, before = len(there) + 1, len(fulfillment_orders(shop))
                name = sell(
                    shop, SKU, email=f"{at}@buyers.example", address={"address1": f"{at} Oak Ave"}
                )
                shop.clock.advance(60)
                shop.run("shopify-us/orders", "core/orders")

                # when the process dies at that step, and the next one goes on
                killed = mortal.run(at, ["amazon-us/requests"])
                there.append(len(fulfillment_orders(shop)) > before)
                trade(shop, lambda name=name: is_over(shop, name))  # type: ignore[misc]
        finally:
            mortal.close()

        # then each is there once, whether it was there when the process died or not
        assert set(there[:-1]) == {False, True}
        assert len(fulfillment_orders(shop)) == len(there)
        assert shipped(shop) == len(there)
        told = [len(one["fulfillments"]) for one in shop.world.shopify.books()["orders"]]
        assert set(told) == {1}
        assert proved(shop)
