"""A person ends an order at its channel: nothing ships, the buyer is paid back, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.model.orders import CancelReason
from jobs import cancel as wanting
from jobs.endings import CannotCancel
from jobs.store.tables import effect, refund
from tests.e2e.house import House, house
from tests.e2e.test_fulfiller import SLOW, asked, with_cedar
from tests.e2e.test_modes_and_stops import QUIET, committed, handed_over, sell, stage
from tests.e2e.test_trading import proved, requests

WHY = ("--reason", "out_of_stock", "--note", "none left", "--by", "ann")


def at_channel(shop: House, name: str) -> dict[str, Any]:
    (found,) = (one for one in shop.world.shopify.books()["orders"] if one["name"] == name)
    return dict(found)


def canceled(shop: House, name: str) -> bool:
    return stage(shop, name) == "canceled"


def cancel(shop: House, name: str, **what: Any) -> None:
    """What `lockstep cancel` does, without a process of its own."""
    with shop.app.store.transaction() as tx:
        wanting.cancel(
            tx, shop.app.wiring, name, CancelReason.OTHER, by="ann", note="as said", **what
        )


def keep(shop: House, name: str) -> None:
    with shop.app.store.transaction() as tx:
        wanting.keep(tx, name, by="ann", note="as said")


def made(shop: House) -> str:
    (row,) = shop.rows(select(effect).where(effect.c.kind == "cancellation"))
    return str(row.state)


def recorded(shop: House, *, units: int) -> str:
    """The name of an order for mugs that is decided, and of which no request has left."""
    shop.go_live()
    name = sell(shop, "MUG-BLUE", units)
    shop.clock.advance(60)
    shop.run("shopify-us/orders", "core/orders")
    return name


def cancellations(shop: House) -> int:
    """How many cancellations the channel carried out for us."""
    entries = shop.world.shopify.log.entries()
    return sum(one.operation == "OrderCancel" and one.took_effect for one in entries)


def test_an_order_nobody_was_asked_for_is_canceled_at_its_channel(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a paid order of which no request has left
        name = recorded(shop, units=2)

        # when a person cancels it
        shop.cli("cancel", name, *WHY)
        shop.until(lambda: canceled(shop, name), seconds=900)

        # then the channel has it canceled for want of stock, its units are free, and nobody ships
        told = at_channel(shop, name)
        assert told["canceled"]
        with shop.world.shopify.lock:
            (order,) = shop.world.shopify.shop.orders.values()
            assert order.cancel_reason == "INVENTORY"
        assert cancellations(shop) == 1
        assert committed(shop) == 0
        assert handed_over(shop) == {}
        assert shop.cases() == []
        assert proved(shop)
        words = shop.cli("explain", "order", name).stdout
        assert "as ann said" in words
        shop.cli("cancel", name, *WHY, check=2)


def test_one_that_a_place_was_asked_for_waits_for_its_word(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order that a warehouse was asked to ship, which cannot be called off by machine
        shop.go_live()
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: handed_over(shop))

        # then the person is sent there first
        refused = shop.cli("cancel", name, *WHY, check=2)
        (key,) = handed_over(shop)
        assert f"lockstep withdraw {key}" in refused.stderr
        shop.cli("withdraw", key, "--note", "Bob took it off the pile")
        shop.cli("cancel", name, *WHY)
        shop.until(lambda: canceled(shop, name), seconds=900)
        assert cancellations(shop) == 1
        assert len(handed_over(shop)) == 1
        assert proved(shop)


def test_a_place_that_can_be_told_is_told_first(tmp_path: Path) -> None:
    with with_cedar(tmp_path, ship_after=SLOW) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: "acknowledged" in requests(shop).values())
        shop.cli("cancel", name, *WHY)
        shop.until(lambda: canceled(shop, name), seconds=900)
        assert asked(shop, cedars) == {}
        assert cancellations(shop) == 1
        assert shop.cases() == []
        assert proved(shop)


def test_where_it_ships_all_the_same_the_order_goes_on_and_a_person_is_told(tmp_path: Path) -> None:
    with with_cedar(tmp_path, connection={"ask_every": 2}) as (shop, cedars):
        # given a place that shipped a moment ago
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: "acknowledged" in requests(shop).values())
        shop.clock.advance(600)
        cedars.live()
        shop.cli("cancel", name, *WHY)
        shop.live(1800)
        assert cancellations(shop) == 0
        assert stage(shop, name) in ("shipped", "delivered")
        assert shop.cases("cancellation_too_late")
        assert proved(shop)


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "502-applied"])
def test_through_a_lost_answer_it_is_canceled_once(tmp_path: Path, fault: str) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        name = recorded(shop, units=2)
        shop.world.shopify.faults.set([{"operation": "OrderCancel", "kind": fault, "nth": [1]}])
        shop.cli("cancel", name, *WHY)
        shop.until(lambda: canceled(shop, name) and made(shop) == "done", seconds=7200, step=120)
        assert cancellations(shop) == 1
        assert handed_over(shop) == {}
        assert proved(shop)


@pytest.mark.parametrize("fault", [None, "lost-answer"])
def test_a_line_is_taken_off_and_the_rest_is_shipped(tmp_path: Path, fault: str | None) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order of two things
        shop.go_live()
        lines = [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "MUG-GREEN", "quantity": 1}]
        name = str(shop.world.shopify.place_order({"lines": lines})["name"])
        shop.clock.advance(60)
        shop.run("shopify-us/orders", "core/orders")
        blue, _ = at_channel(shop, name)["lines"]
        if fault:
            shop.world.shopify.faults.set(
                [{"operation": "RefundCreate", "kind": fault, "nth": [1]}]
            )

        # when a person cancels one of its lines
        shop.cli("cancel", name, "--line", blue["id"], *WHY)
        shop.until(lambda: handed_over(shop), seconds=7200, step=120)

        # then that line is off the order and paid back once, and the other is asked for
        was, stays = at_channel(shop, name)["lines"]
        assert (was["current_quantity"], was["refunds"], was["refunded_quantity"]) == (0, 1, 2)
        assert (stays["current_quantity"], stays["refunds"]) == (1, 0)
        (asked,) = (one["lines"] for one in shop.world.warehouse.books()["requests"].values())
        assert [one["sku"] for one in asked] == ["MUG-GREEN"]
        shop.run("shopify-us/returns", "core/orders")
        assert shop.cases() == []
        assert proved(shop)


@pytest.mark.parametrize("fault", [None, "lost-answer"])
def test_a_unit_is_taken_off_and_the_others_are_shipped(tmp_path: Path, fault: str | None) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order of three of a thing
        name = recorded(shop, units=3)
        if fault:
            shop.world.shopify.faults.set(
                [{"operation": "RefundCreate", "kind": fault, "nth": [1]}]
            )

        # when one of them cannot be supplied
        with pytest.raises(CannotCancel, match="has 3 of it left"):
            cancel(shop, name, lines=["MUG-BLUE"], units=[4])
        with pytest.raises(CannotCancel, match="once for each --line"):
            cancel(shop, name, units=[1])
        shop.cli("cancel", name, "--line", "MUG-BLUE", "--units", "1", *WHY)
        shop.until(lambda: handed_over(shop), seconds=7200, step=120)

        # then it is off the order and paid back once, and two are asked for
        (line,) = at_channel(shop, name)["lines"]
        assert (line["current_quantity"], line["refunds"], line["refunded_quantity"]) == (2, 1, 1)
        (request,) = shop.world.warehouse.books()["requests"].values()
        assert [(one["sku"], one["quantity"]) for one in request["lines"]] == [("MUG-BLUE", 2)]
        assert committed(shop) == 2
        shop.run("shopify-us/returns", "core/orders")
        assert {row.cause for row in shop.rows(select(refund))} == {"cancellation"}
        assert shop.cases() == []
        assert proved(shop)


def test_it_is_taken_back_before_the_channel_was_told(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        name = recorded(shop, units=2)
        shop.cli("cancel", name, *WHY)
        shop.cli("keep", name, "--note", "found a box")
        shop.until(lambda: handed_over(shop), seconds=900)
        assert cancellations(shop) == 0

        # and what nobody wants canceled cannot be kept
        shop.cli("keep", name, "--note", "again", check=2)


def test_what_the_channel_took_and_did_not_do_is_told_and_can_be_kept(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a channel that takes a cancellation, and does nothing for hours
        name = recorded(shop, units=2)
        with shop.world.shopify.lock:
            shop.world.shopify.shop.job_seconds = 1e6
        cancel(shop, name)
        shop.run("shopify-us/cancellations")
        assert made(shop) == "done"

        # then it cannot be kept, as the channel may do it at any moment
        with pytest.raises(CannotCancel, match="was told already"):
            keep(shop, name)
        shop.clock.advance(4000)
        shop.run("shopify-us/cancellations", "core/orders")
        assert shop.cases("cancellation_not_shown")
        assert handed_over(shop) == {}

        # and once a person looked there, it goes on
        keep(shop, name)
        shop.until(lambda: handed_over(shop), seconds=900)
        assert shop.cases() == []
