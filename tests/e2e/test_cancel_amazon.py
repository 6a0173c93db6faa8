"""Orders on Amazon that end before they ship: by a person, by line, by their buyers; once, and never shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.amazon.simulator.shipments import confirm
from core.model.orders import CancelReason
from core.rules.modes import Mode
from jobs import cancel as wanting
from jobs.store.tables import effect
from tests.e2e.house import Edit, House, house
from tests.e2e.test_fulfiller import SLOW, with_cedar
from tests.e2e.test_modes_and_stops import QUIET, handed_over, stage
from tests.e2e.test_trading import proved, requests

WHY = ("--reason", "out_of_stock", "--note", "none left", "--by", "ann")
#: What a person is told where a request comes too late: before we tried to stop it, or after.
LATE = ("cancel_request_too_late", "cancellation_too_late")
CEDAR = ("cedar/requests", "cedar/statuses", "amazon-us/shipments", "acme/stock")
NONE_LEFT = CancelReason.OUT_OF_STOCK
FEED = "POST_ORDER_ACKNOWLEDGEMENT_DATA"


def patient(tree: dict[str, Any]) -> None:
    """New orders wait an hour, and single lines may end."""
    tree["channels"]["amazon-us"]["release_window"] = "1h"
    tree["connections"]["amazon-us"]["cancels_lines"] = True


def follows(tree: dict[str, Any]) -> None:
    """Buyers' requests are followed."""
    tree["channels"]["amazon-us"]["cancel_requests"] = "automatic"


def both(tree: dict[str, Any]) -> None:
    patient(tree)
    follows(tree)


@contextmanager
def amazon(path: Path, edit: Edit | None = None) -> Iterator[House]:
    with house(path, pace=QUIET, edit=edit) as shop:
        shop.go_live()
        yield shop


def sell(shop: House, *skus: str) -> str:
    """A buyer on Amazon; the order's id, once it is pulled and decided."""
    lines = [{"sku": sku, "quantity": 2} for sku in skus]
    placed = shop.world.amazon.place_order({"lines": lines})
    return str(placed["id"])


def cancel(shop: House, order: str, *lines: str, why: CancelReason = NONE_LEFT) -> None:
    """What `lockstep cancel` does, without a process of its own."""
    with shop.app.store.transaction() as tx:
        wanting.cancel(tx, shop.app.wiring, order, why, by="ann", note="as said", lines=lines)


def keep(shop: House, order: str) -> None:
    with shop.app.store.transaction() as tx:
        wanting.keep(tx, order, by="ann", note="found one")


def pulled(shop: House) -> None:
    shop.clock.advance(200)
    shop.run("amazon-us/orders", "core/orders")


def go_on(shop: House, over: Callable[[], object], *also: str, step: float = 180) -> None:
    """Time passes, and only what cancels lives: a whole shop would cost a minute of the machine's."""
    for _ in range(60):
        if over():
            return
        shop.clock.advance(step)
        shop.run("amazon-us/cancellations", "amazon-us/orders", "core/orders", *also)
    raise AssertionError((shop.errors(), shop.cases(), requests(shop)))


def book(shop: House, order: str) -> dict[str, Any]:
    (found,) = (one for one in shop.world.amazon.books()["orders"] if one["id"] == order)
    return dict(found)


def ended(shop: House, order: str) -> list[tuple[str, str]]:
    """(by whom, why) of each line."""
    return [(one["canceled_by"], one["canceled_why"]) for one in book(shop, order)["lines"]]


def feeds(shop: House) -> int:
    return sum(one["type"] == FEED for one in shop.world.amazon.books()["feeds"])


def made(shop: House, order: str) -> str:
    """How far its cancellation is."""
    key = effect.c.key.startswith(f"cancel:amazon-us:{order}")
    (row,) = shop.rows(select(effect).where(key))
    return str(row.state)


def canceled(shop: House, order: str) -> bool:
    return stage(shop, order) == "canceled" and made(shop, order) == "done"


def times(shop: House) -> int:
    """How many cancellations Amazon carried out for the seller."""
    return int(shop.world.amazon.books()["counts"].get("orders canceled by the seller", 0))


def test_a_person_ends_orders_and_lines_and_amazon_says_later_what_became_of_them(
    tmp_path: Path,
) -> None:
    with amazon(tmp_path, patient) as shop:
        # given orders of which no request has left; one of them somebody confirmed as shipped there
        whole, part, gone = (
            sell(shop, *skus) for skus in (["MUG-BLUE"], ["MUG-GREEN", "TRAY-OAK"], ["VASE-TALL"])
        )
        asked = sell(shop, "CANDLE-3")
        shop.world.amazon.place_order({"request_cancel": asked})
        pulled(shop)
        confirm_elsewhere(shop, gone)
        assert stage(shop, asked) == "held"

        # when a person cancels one, a line of one, the one that was shipped, and the one whose buyer asked
        with pytest.raises(wanting.CannotCancel, match="'NOTHING' is 0 lines"):
            cancel(shop, part, "NOTHING")
        shop.cli("cancel", part, "--line", "MUG-GREEN", "--units", "1", *WHY, check=2)
        shop.cli("cancel", part, "--line", "MUG-GREEN", *WHY)
        cancel(shop, whole)
        cancel(shop, gone)
        cancel(shop, asked, why=CancelReason.BUYER)
        shop.run("amazon-us/cancellations")

        # then feeds are on their way, and nothing is believed before their reports and the orders say so
        assert (made(shop, whole), stage(shop, whole)) == ("accepted", "held")
        with pytest.raises(wanting.CannotCancel, match="told already"):
            keep(shop, whole)
        go_on(shop, lambda: made(shop, gone) == "refused")
        go_on(shop, lambda: canceled(shop, whole) and canceled(shop, asked))
        assert ended(shop, whole) == [("MERCHANT", "NoInventory")]
        assert ended(shop, asked) == [("MERCHANT", "BuyerCanceled")]
        (said,) = shop.cases("cancellation_refused")
        assert "has been shipped" in said

        # and the rest of what ended in part is asked for, and nothing else
        go_on(shop, lambda: handed_over(shop), "warehouse/requests", step=1200)
        assert ended(shop, part) == [("MERCHANT", "NoInventory"), ("", "")]
        (request,) = shop.world.warehouse.books()["requests"].values()
        assert [(line["sku"], line["quantity"]) for line in request["lines"]] == [("TRAY-OAK", 2)]
        assert (feeds(shop), times(shop)) == (4, 3)
        assert proved(shop)


def test_lost_answers_and_feeds_that_fail_end_in_one_cancellation_each(tmp_path: Path) -> None:
    with amazon(tmp_path, patient) as shop:
        # given orders to be canceled, one after the other
        faults = ["lost-answer", "lost-request", "502-applied"]
        for fault in faults:
            order = sell(shop, "MUG-BLUE")
            pulled(shop)
            rule = {"operation": "createFeed", "kind": fault, "nth": [1]}
            shop.world.amazon.faults.set([rule])
            cancel(shop, order)
            go_on(shop, partial(canceled, shop, order))
        assert (feeds(shop), times(shop)) == (3, 3)

        # when the answer to a feed is lost that does not end
        order = sell(shop, "MUG-BLUE")
        pulled(shop)
        shop.world.amazon.place_order({"next_feed": "stuck"})
        shop.world.amazon.faults.set(
            [{"operation": "createFeed", "kind": "lost-answer", "nth": [1]}]
        )
        cancel(shop, order)
        started = shop.clock.now()
        go_on(shop, lambda: shop.clock.now() - started > timedelta(minutes=40))

        # then no second one is sent, and when it ends it is done
        assert (feeds(shop), made(shop, order)) == (4, "unknown")
        shop.world.amazon.place_order({"free_feeds": True})
        go_on(shop, partial(canceled, shop, order))

        # and one that ends without a word about its message is a person's business
        order = sell(shop, "MUG-BLUE")
        pulled(shop)
        shop.world.amazon.place_order({"next_feed": "broken"})
        cancel(shop, order)
        go_on(shop, lambda: made(shop, order) == "parked")
        assert shop.cases("effect_parked")
        shop.cli("settle", f"cancel:amazon-us:{order}", "--again", "--note", "not canceled there")
        go_on(shop, partial(canceled, shop, order))
        assert (feeds(shop), times(shop)) == (6, 5)
        assert handed_over(shop) == {}
        assert shop.cases() == []
        assert proved(shop)


def test_a_buyer_is_followed_before_a_place_was_asked_and_after_it_said_no(tmp_path: Path) -> None:
    with amazon(tmp_path, both) as shop:
        # given an order that a warehouse has on its list, and one that nobody was asked for
        late = sell(shop, "MUG-BLUE")
        pulled(shop)
        go_on(shop, lambda: handed_over(shop), "warehouse/requests", step=1200)
        (key,) = handed_over(shop)
        soon, part = sell(shop, "CANDLE-3"), sell(shop, "MUG-GREEN", "TRAY-OAK")
        pulled(shop)

        # when their buyers ask to cancel, one of them a part
        for order in (late, soon):
            shop.world.amazon.place_order({"request_cancel": order})
        shop.world.amazon.place_order({"request_cancel": part, "skus": ["TRAY-OAK"]})
        go_on(shop, lambda: shop.cases("cancel_request_at_place") and canceled(shop, soon))

        # then what nobody ships is canceled in the buyer's name, and a person asks the warehouse
        assert ended(shop, soon) == [("MERCHANT", "BuyerCanceled")]
        assert ended(shop, late) == [("", "")]
        shop.cli("withdraw", key, "--note", "Bob took it off the pile")
        go_on(shop, partial(canceled, shop, late))
        assert shop.cases() == []
        go_on(shop, lambda: len(handed_over(shop)) == 2, "warehouse/requests", step=1200)
        assert ended(shop, part) == [("", ""), ("MERCHANT", "BuyerCanceled")]
        assert times(shop) == 3

        # and where a person releases each, one that a person keeps is not wanted a second time
        shop.switch(Mode.PROPOSE)
        kept = sell(shop, "CANDLE-3")
        pulled(shop)
        shop.world.amazon.place_order({"request_cancel": kept})
        go_on(shop, lambda: shop.rows(select(effect).where(effect.c.state == "proposed")))
        keep(shop, kept)
        go_on(shop, lambda: made(shop, kept) == "canceled")
        pulled(shop)
        shop.run("amazon-us/cancellations", "core/orders", "amazon-us/cancellations")
        assert (made(shop, kept), stage(shop, kept), times(shop)) == ("canceled", "held", 3)
        assert proved(shop)


def test_a_place_is_told_to_stop_first_and_one_that_shipped_is_told_of(tmp_path: Path) -> None:
    with with_cedar(tmp_path, also=follows, ship_after=SLOW) as (shop, cedars):
        # given an order that a place was asked to ship, which can be told not to
        order = sell(shop, "MUG-BLUE")
        go_on(shop, lambda: "acknowledged" in requests(shop).values(), *CEDAR, step=60)

        # when its buyer asks to cancel
        shop.world.amazon.place_order({"request_cancel": order})
        go_on(shop, lambda: stage(shop, order) == "canceled", *CEDAR)

        # then the place stopped, and only then Amazon was told
        assert [one["status"] for one in cedars.books()["orders"]] == ["cancelled"]
        assert ended(shop, order) == [("MERCHANT", "BuyerCanceled")]
        assert shop.cases() == []

        # and one that the place shipped a moment before its buyer asked ships, and a person is told
        second = sell(shop, "MUG-BLUE")
        go_on(shop, lambda: "acknowledged" in requests(shop).values(), *CEDAR, step=60)
        shop.clock.advance(3700)
        cedars.live()
        shop.world.amazon.place_order({"request_cancel": second})
        go_on(shop, lambda: book(shop, second)["status"] == "SHIPPED", *CEDAR)
        go_on(shop, lambda: stage(shop, second) == "shipped", *CEDAR)
        assert (feeds(shop), times(shop)) == (1, 1)
        assert [bool(shop.cases(kind)) for kind in LATE].count(True) == 1
        assert proved(shop)


def confirm_elsewhere(shop: House, order: str) -> None:
    """A person confirms the parcel in Seller Central."""
    account = shop.world.amazon.account
    items = [
        {"orderItemId": one.item_id, "quantity": one.quantity}
        for one in account.orders[order].now.items
    ]
    now = shop.clock.now()
    detail = {
        "packageReferenceId": "1", "carrierCode": "UPS", "trackingNumber": "1Z999AA10123456784",
        "shipDate": now.isoformat(), "orderItems": items,
    }  # fmt: skip
    body = {"marketplaceId": account.marketplace_id, "packageDetail": detail}
    with shop.world.amazon.lock:
        confirm(account, order, body, now=now)
