"""A buyer on Amazon sends something back: paid back once, by Amazon's own book, whatever gets lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from jobs.store.tables import effect, inspection, movement, payload, refund, return_line, returns
from tests.e2e.house import House, house
from tests.e2e.test_cancel_amazon import book
from tests.e2e.test_returns import looked_at
from tests.e2e.test_trading import QUICK

SKU = "MUG-BLUE"
NOTE = ("--note", "seen in Seller Central", "--by", "ann")
SHIPPING = (
    "amazon-us/orders", "core/orders", "warehouse/requests", "warehouse/acknowledgments",
    "warehouse/notices", "amazon-us/shipments",
)  # fmt: skip


def by_rules(tree: dict[str, Any]) -> None:
    tree["returns"] = {"approve_above": "500.00"}
    tree["connections"]["amazon-us"]["returns"] = True


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One shop for all: each test has an order of its own."""
    with house(tmp_path_factory.mktemp("amazon"), pace=QUICK, edit=by_rules) as made:
        made.go_live()
        yield made


def shipped(shop: House, units: int = 2) -> str:
    """An order on Amazon with tax and shipping, that our warehouse sent."""
    line = {"sku": SKU, "quantity": units, "tax": "1.57", "shipping": "4.99"}
    name = str(shop.world.amazon.place_order({"lines": [line]})["id"])
    for _ in range(30):
        shop.clock.advance(60)
        shop.run(*SHIPPING)
        if book(shop, name)["status"] == "SHIPPED":
            shop.clock.advance(300)
            shop.run("amazon-us/orders", "core/orders")
            return name
    raise AssertionError((shop.errors(), shop.cases()))


def paid(shop: House, order: str) -> list[tuple[str, int]]:
    """(by whom, cents) of each payment back, by Amazon's own book."""
    return [
        (one["by"], sum(item["total"] for item in one["items"]))
        for one in shop.world.amazon.books()["refunds"]
        if one["order"] == order
    ]


def sent_back(shop: House, order: str, units: int = 1, **more: Any) -> str:
    wish = {"send_back": order, "sku": SKU, "quantity": units} | more
    return str(shop.world.amazon.place_order(wish)["id"])


def feeds(shop: House) -> int:
    kinds = [one["type"] for one in shop.world.amazon.books()["feeds"]]
    return kinds.count("POST_PAYMENT_ADJUSTMENT_DATA")


def go_on(shop: House, over: Callable[[], object], *, step: float = 600, most: int = 40) -> None:
    for _ in range(most):
        if over():
            return
        shop.clock.advance(step)
        shop.run("amazon-us/returns", "amazon-us/refunds")
    raise AssertionError((shop.errors(), shop.cases()))


def states(shop: House, order: str) -> list[str]:
    query = select(returns.c.state).where(returns.c.order_remote_id == order)
    return [row.state for row in shop.rows(query)]


def refunds(shop: House, order: str) -> list[Any]:
    return shop.rows(select(refund).where(refund.c.order_remote_id == order))


def sent(shop: House, order: str) -> list[Any]:
    """Payments of ours, as writes."""
    key = f"refund:amazon-us:{order}:"
    return shop.rows(select(effect).where(effect.c.key.startswith(key)))


def cases(shop: House, order: str) -> list[str]:
    return [one for one in shop.cases() if order in one]


def rows(shop: House, order: str) -> list[tuple[str, str]]:
    return [(row.cause, row.state) for row in refunds(shop, order)]


def is_made(shop: House, name: str) -> bool:
    return [state for _, state in rows(shop, name)] == ["made"]


def test_what_comes_back_is_looked_at_here_and_paid_back_at_amazon_once(shop: House) -> None:
    # given a parcel of which the buyer sends one unit back
    name = shipped(shop)
    back = sent_back(shop, name)
    go_on(shop, lambda: states(shop, name) == ["expected"])

    # when it is here and in order
    looked_at(shop, back)
    go_on(shop, lambda: is_made(shop, name))

    # then Amazon paid it once, and what Finances shows of it later is known to be ours
    ((by, cents),) = paid(shop, name)
    assert by == "feed"
    (row,) = refunds(shop, name)
    assert (row.cause, row.total) == ("return", cents)
    (told,) = sent(shop, name)
    go_on(shop, lambda: refunds(shop, name)[0].remote_id != told.remote_ref)
    assert is_made(shop, name)
    assert states(shop, name) == ["closed"]
    assert len(paid(shop, name)) == 1
    assert cases(shop, name) == []


@pytest.mark.parametrize("kind", ["lost-answer", "lost-request", "503-html"])
def test_through_a_lost_answer_amazon_pays_once(shop: House, kind: str) -> None:
    # given a return that is due, and a feed whose answer is lost
    name = shipped(shop)
    back = sent_back(shop, name)
    go_on(shop, lambda: states(shop, name) == ["expected"])
    shop.world.amazon.faults.set([{"operation": "createFeed", "kind": kind, "nth": [1]}])

    # when it is paid back
    looked_at(shop, back)
    go_on(shop, lambda: is_made(shop, name))
    for _ in range(8):
        shop.clock.advance(3600)
        shop.run("amazon-us/returns", "amazon-us/refunds")

    # then it was paid once, by Amazon's own book, and is known as ours
    assert [by for by, _ in paid(shop, name)] == ["feed"]
    assert rows(shop, name) == [("return", "made")]
    assert cases(shop, name) == []


@pytest.mark.parametrize("seen", ["--landed", "--again"])
def test_what_nothing_proves_waits_for_a_person(shop: House, seen: str) -> None:
    # given a feed whose answer is lost, that ends without a report, and pays nothing
    name = shipped(shop)
    back = sent_back(shop, name)
    go_on(shop, lambda: states(shop, name) == ["expected"])
    shop.world.amazon.faults.set([{"operation": "createFeed", "kind": "lost-answer", "nth": [1]}])
    shop.world.amazon.place_order({"next_feed": "broken"})
    before = feeds(shop)
    looked_at(shop, back)

    # when three days pass in which Finances shows nothing
    go_on(shop, lambda: [one.state for one in sent(shop, name)] == ["parked"], step=6 * 3600)

    # then nothing was sent a second time, and a person is asked
    assert "Nobody can tell whether the refund" in cases(shop, name)[0]
    assert (feeds(shop) - before, paid(shop, name)) == (1, [])

    # and what they say holds: it is there, or it is sent again
    shop.cli("settle", sent(shop, name)[0].key, seen, *NOTE)
    go_on(shop, lambda: is_made(shop, name))
    begun = feeds(shop) - before
    assert begun == (1 if seen == "--landed" else 2)
    assert len(paid(shop, name)) == begun - 1
    assert cases(shop, name) == []
    assert states(shop, name) == ["closed"]


def test_what_is_refunded_in_seller_central_is_not_paid_again(shop: House) -> None:
    # given a return whose unit somebody pays back in Seller Central
    name = shipped(shop)
    back = sent_back(shop, name)
    go_on(shop, lambda: states(shop, name) == ["expected"])
    shop.world.amazon.place_order({"pay_back": name, "sku": SKU, "quantity": 1})
    go_on(shop, lambda: rows(shop, name) == [("elsewhere", "made")])

    # when the unit is looked at here
    looked_at(shop, back)
    for _ in range(3):
        shop.clock.advance(3600)
        shop.run("amazon-us/returns", "amazon-us/refunds")

    # then nothing more is paid
    assert [by for by, _ in paid(shop, name)] == ["seller"]
    assert rows(shop, name) == [("elsewhere", "made")]
    assert states(shop, name) == ["closed"]
    assert cases(shop, name) == []


def test_a_refused_adjustment_is_told_and_pays_nothing(shop: House) -> None:
    # given a refund that was sent, while all of the order is paid back at Amazon
    name = shipped(shop)
    back = sent_back(shop, name)
    go_on(shop, lambda: states(shop, name) == ["expected"])
    looked_at(shop, back)
    shop.run("amazon-us/refunds")
    shop.world.amazon.place_order({"pay_back": name, "sku": SKU, "quantity": 2})

    # when Amazon has judged it
    go_on(shop, lambda: rows(shop, name)[0] == ("return", "refused"))

    # then a person is told, and it paid nothing
    assert any("exceeds what was paid" in one for one in cases(shop, name))
    assert [by for by, _ in paid(shop, name)] == ["seller"]


def test_what_fba_took_back_is_written_down_and_moves_nothing_of_ours(shop: House) -> None:
    # given an order that Amazon shipped out of its own warehouse
    fba = shop.world.fba_skus()[0]
    line = {"sku": fba, "quantity": 1}
    name = str(shop.world.amazon.place_order({"lines": [line]})["id"])
    shop.clock.advance(7 * 3600)
    shop.run("amazon-us/orders", "core/orders")
    before = shop.rows(select(movement.c.id))

    # when its buyer sends the unit back to Amazon
    sent_back(shop, name, sku=fba, disposition="CUSTOMER_DAMAGED")
    go_on(shop, lambda: rows(shop, name) and states(shop, name))

    # then what Amazon found is known, and neither units nor money of ours move
    assert states(shop, name) == ["closed"]
    (back,) = shop.rows(select(returns.c.id).where(returns.c.order_remote_id == name))
    (found,) = shop.rows(select(return_line).where(return_line.c.return_id == back.id))
    assert (found.received, found.raw_reason) == (1, "UNWANTED_ITEM")
    (seen,) = shop.rows(select(inspection).where(inspection.c.return_id == back.id))
    assert seen.disposition == "damaged"
    assert shop.rows(select(movement.c.id)) == before
    assert rows(shop, name) == [("elsewhere", "made")]
    assert sent(shop, name) == []
    assert [by for by, _ in paid(shop, name)] == ["amazon"]
    kept = "".join(str(row) for row in shop.rows(select(payload)))
    assert "call me" not in kept
