"""A buyer sends something back to a Shopify shop: looked at here, paid back there, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.model.returns import Disposition
from jobs import returned
from jobs.store.tables import hold, orders, refund, returns, stock_level
from tests.e2e.house import House, house
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_trading import QUICK, is_over, proved

WORK = (
    "shopify-us/orders", "shopify-us/returns", "core/offers", "core/orders", "warehouse/requests",
    "warehouse/acknowledgments", "warehouse/notices", "shopify-us/shipments", "shopify-us/refunds",
)  # fmt: skip
NOTE = ("--note", "as agreed", "--by", "ann")


def by_rules(tree: dict[str, Any]) -> None:
    tree["returns"] = {"approve_above": "500.00"}
    tree["connections"]["shopify-us"]["returns"] = True


def work(shop: House, minutes: int = 4) -> None:
    for _ in range(minutes):
        shop.clock.advance(60)
        shop.run(*WORK)


def at_channel(shop: House, name: str) -> dict[str, Any]:
    (found,) = (one for one in shop.world.shopify.books()["orders"] if one["name"] == name)
    return dict(found)


def paid(shop: House, name: str) -> list[tuple[int, int]]:
    """(how often, units) paid back for each line, by the channel's own book."""
    return [(one["refunds"], one["refunded_quantity"]) for one in at_channel(shop, name)["lines"]]


def shipped(shop: House, sku: str = "MUG-BLUE", units: int = 2) -> str:
    name = sell(shop, sku, units)
    shop.until(lambda: is_over(shop, name) and bool(at_channel(shop, name)["fulfillments"]))
    return name


def asked_back(shop: House, name: str, sku: str = "MUG-BLUE", units: int = 1, **more: Any) -> str:
    """Asked for by the buyer; its name at the channel."""
    lines = [{"sku": sku, "quantity": units, "reason": more.pop("reason", "unwanted")}]
    told = shop.world.shopify.place_order({"send_back": name, "lines": lines})["returns"][-1]
    return str(told["name"])


def sent_back(shop: House, name: str, sku: str = "MUG-BLUE", units: int = 1, **more: Any) -> str:
    """Asked for by the buyer, approved by the shop, on its way; its name at the channel."""
    do = shop.world.shopify.place_order
    back = asked_back(shop, name, sku, units, reason=more.pop("reason", "unwanted"))
    do({"approve": back, **more})
    do({"post_return": back, "carrier": "UPS", "number": "1Z999AA10123456784"})
    return back


def there(shop: House, name: str) -> list[str]:
    """How the returns of an order stand, by the channel's own book."""
    return [one["status"] for one in at_channel(shop, name)["returns"]]


def steps(shop: House) -> list[str]:
    """Each step of a return that was made at the channel, in order."""
    return [
        entry.operation
        for entry in shop.world.shopify.log.entries()
        if entry.took_effect and entry.operation.startswith("Return")
    ]


def looked_at(shop: House, back: str, found: Disposition = Disposition.RESTOCK) -> None:
    """It is here, and somebody looked at it."""
    with shop.app.store.transaction() as tx:
        wiring = shop.app.wiring
        returned.receive(tx, wiring, back, {}, by="ann", note="")
        returned.inspect(tx, wiring, back, found, {}, by="ann", note="")


def states(shop: House) -> list[str]:
    return [row.state for row in shop.rows(select(returns.c.state).order_by(returns.c.id))]


def test_what_comes_back_is_looked_at_here_and_paid_back_there(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given a parcel of which the buyer asks to send one unit back, which is approved here
        shop.go_live()
        name = shipped(shop)
        back = asked_back(shop, name)
        work(shop, 2)
        lost = {"operation": "ReturnApprove", "kind": "lost-answer", "nth": [1]}
        shop.world.shopify.faults.set([lost])
        shop.cli("returns", "accept", back, *NOTE)
        shop.until(lambda: states(shop) == ["expected"], step=60)
        on_its_way = {"post_return": back, "carrier": "UPS", "number": "1Z999AA10123456784"}
        shop.world.shopify.place_order(on_its_way)
        work(shop, 2)
        assert "1Z999AA10123456784" in shop.cli("returns", "list").stdout

        # when it is here and in order
        shop.cli("returns", "receive", back, "--by", "ann")
        shop.cli("returns", "inspect", back, "restock", "--by", "ann")
        work(shop)

        # then the channel paid it once, and says that it settled the return
        assert paid(shop, name) == [(1, 1)]
        told = at_channel(shop, name)
        assert told["payment"] == "PARTIALLY_REFUNDED"
        assert states(shop) == ["closed"]
        assert there(shop, name) == ["CLOSED"]
        assert steps(shop) == ["ReturnApprove", "ReturnProcess", "ReturnClose"]

        # and the order that is smaller now is no mistake to anybody
        work(shop, 10)
        assert shop.cases() == []
        assert paid(shop, name) == [(1, 1)]
        assert proved(shop)
        assert "restock" in shop.cli("returns", "show", back).stdout
        words = shop.cli("explain", "order", name).stdout
        assert "on the way back" in words
        assert "paid" in words


@pytest.mark.parametrize("kind", ["lost-answer", "lost-request"])
def test_through_a_lost_answer_it_is_paid_once(tmp_path: Path, kind: str) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given a return at the channel, and one that only we know of
        shop.go_live()
        name, other = shipped(shop), shipped(shop, "MUG-GREEN", 1)
        back = sent_back(shop, name)
        opened = shop.cli(
            "returns", "open", other, "--line", "MUG-GREEN=1", "--reason", "damaged", *NOTE
        ).stdout
        work(shop)
        shop.world.shopify.faults.set(
            [
                {"operation": one, "kind": kind, "nth": [1]}
                for one in ("ReturnProcess", "RefundCreate")
            ]
        )

        # when both are due
        for one in (back, opened.split(":")[0]):
            looked_at(shop, one, Disposition.DAMAGED)
        shop.until(lambda: states(shop) == ["closed", "closed"], seconds=7200, step=120)

        # then each is paid once, by the channel's own book
        assert paid(shop, name) == [(1, 1)]
        assert paid(shop, other) == [(1, 1)]
        assert shop.cases() == []
        assert proved(shop)


def test_what_is_paid_back_there_is_known_here_and_not_paid_again(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given a return that somebody processes and pays at the channel
        shop.go_live()
        name = shipped(shop)
        back = sent_back(shop, name)
        work(shop)
        amount = "10.00"
        shop.world.shopify.place_order({"process_return": back, "amount": amount})
        work(shop)

        # when the unit is looked at here
        looked_at(shop, back)
        work(shop, 8)

        # then nothing more is paid
        assert paid(shop, name) == [(1, 1)]
        (row,) = shop.rows(select(refund))
        assert (row.cause, row.total) == ("elsewhere", 1000)
        assert states(shop) == ["closed"]
        assert shop.cases() == []


def test_an_exchange_of_ours_is_sent_once_and_never_confirmed_to_the_channel(
    tmp_path: Path,
) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given a buyer who wants another color
        shop.go_live()
        name = shipped(shop, "MUG-BLUE", 1)
        opened = shop.cli(
            "returns", "open", name, "--line", "MUG-BLUE=1", "--reason", "fit",
            "--instead", "MUG-GREEN=1@12.00", *NOTE,
        ).stdout.split(":")[0]  # fmt: skip
        work(shop)
        assert len(shop.world.warehouse.books()["requests"]) == 1

        # when the first one is here
        looked_at(shop, opened)
        shop.until(lambda: states(shop) == ["closed"], seconds=7200)
        work(shop, 10)

        # then the other one was asked for once, and the channel knows one parcel
        asked = shop.world.warehouse.books()["requests"]
        assert sorted(one["count"] for one in asked.values()) == [1, 1]
        assert len(at_channel(shop, name)["fulfillments"]) == 1
        (row,) = shop.rows(select(orders.c.stage).where(orders.c.replaces.is_not(None)))
        assert row.stage == "shipped"
        assert paid(shop, name)[0][1] == 0
        assert proved(shop)


def test_an_exchange_made_at_the_channel_holds_its_units_until_it_is_processed_there(
    tmp_path: Path,
) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given an exchange that was approved at the channel, and is not processed there
        shop.go_live()
        name = shipped(shop, "MUG-BLUE", 1)
        back = sent_back(shop, name, exchange=[{"sku": "MUG-GREEN", "quantity": 1}])
        work(shop, 6)
        held = shop.rows(select(stock_level.c.committed).where(stock_level.c.sku == "MUG-GREEN"))
        assert sum(row.committed for row in held) == 1
        assert len(shop.world.warehouse.books()["requests"]) == 1
        (stopped,) = shop.rows(select(hold.c.code).where(hold.c.released_at.is_(None)))
        assert stopped.code == "exchange_open"

        # when the unit is here, and the channel makes the exchange a line of its order
        looked_at(shop, back)
        shop.world.shopify.place_order({"process_return": back})
        shop.until(lambda: len(at_channel(shop, name)["fulfillments"]) == 2)
        work(shop, 6)

        # then it is sent once, as that line, and nobody is paid back as well
        asked = shop.world.warehouse.books()["requests"]
        assert sorted(one["count"] for one in asked.values()) == [1, 1]
        assert [units for _, units in paid(shop, name)] == [0, 0]
        held = shop.rows(select(stock_level.c.committed).where(stock_level.c.sku == "MUG-GREEN"))
        assert sum(row.committed for row in held) == 0
        assert states(shop) == ["closed"]
        assert proved(shop)


def test_a_shop_that_only_looks_on_pays_nothing(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUICK, edit=by_rules) as shop:
        # given a shop that lets refunds be observed only
        shop.go_live()
        name = shipped(shop)
        shop.cli("mode", "observe", "--channel", "shopify-us", "--flow", "refunds")
        back = sent_back(shop, name)
        work(shop)
        looked_at(shop, back)
        work(shop)
        assert paid(shop, name) == [(0, 0)]

        # when it acts
        shop.cli("mode", "act", "--channel", "shopify-us", "--flow", "refunds")
        work(shop)

        # then what is due is decided afresh, and paid
        assert paid(shop, name) == [(1, 1)]
