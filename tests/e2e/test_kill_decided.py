"""kill -9 at every step of what was decided here: a step of a return, a refund, a cancellation, a
purchase order.

Each is done once, by the other side's own book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.model.orders import CancelReason
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.model.returns import Disposition, Resolution, ReturnReason, ReturnState
from jobs import cancel, purchase, return_steps, returned, returns
from jobs.store.store import Tx
from jobs.wiring import Wiring
from tests.e2e.house import House, house
from tests.e2e.mortal import Mortal
from tests.e2e.test_buying import SKU, sells_to_us
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_returns import asked_back, at_channel, by_rules, looked_at, sent_back, work
from tests.e2e.test_trading import QUICK, is_over, proved

#: Fewer steps than these and the drill looks at nothing.
LEAST = 4
#: More than there are of any kind.
MOST = 16


@dataclass
class Deed:
    """Something that is decided here and done once elsewhere."""

    shop: House
    unit: str
    #: has the nth one be decided; its name
    decide: Callable[[int], str]
    #: how often the other side did it, by its own book
    done: Callable[[str], int]


def buyers(shop: House, sku: str, units: int = 1, *, orders: int = MOST) -> list[str]:
    """Orders of different buyers, of so many units each."""
    return [
        sell(
            shop, sku, units, email=f"buyer{number}@buyers.example",
            address={"address1": f"{number} Main Street", "phone": f"+1212555{number:04d}"},
        )
        for number in range(orders)
    ]  # fmt: skip


def made_there(shop: House, name: str) -> None:
    """A return that only we know of, of an order, is here and in order."""
    asked = returns.Opening(name, {"MUG-BLUE": 1}, ReturnReason.UNWANTED, Resolution.REFUND)
    with shop.app.store.transaction() as tx:
        back = returns.open_return(tx, shop.app.wiring, asked, by="ann", note="called").rma
    looked_at(shop, back)


@contextmanager
def refunds(folder: Path) -> Iterator[list[Deed]]:
    """Of returns that only we know of (`refundCreate`)."""
    with house(folder, pace=QUICK, edit=by_rules) as shop:
        shop.go_live()
        names = buyers(shop, "MUG-BLUE")
        shop.until(lambda: all(is_over(shop, name) for name in names))
        work(shop)

        def decide(number: int) -> str:
            made_there(shop, names[number - 1])
            return names[number - 1]

        yield [Deed(shop, "shopify-us/refunds", decide, partial(units_refunded, shop))]


@contextmanager
def returns_there(folder: Path) -> Iterator[list[Deed]]:
    """Every step of returns that the channel knows, and a refund of one (`returnProcess`).

    Of each order four units come back, in returns of their own: one that comes and is paid, one that
    is approved and then taken back, one that is declined, and one that is ended without its unit and
    opened again when that comes.
    """
    with house(folder, pace=QUICK, edit=by_rules) as shop:
        shop.go_live()
        names = buyers(shop, "MUG-BLUE", 4, orders=9)
        shop.until(lambda: all(is_over(shop, name) for name in names))
        paid = [sent_back(shop, name) for name in names]
        kept = [asked_back(shop, name) for name in names]
        declined = [asked_back(shop, name) for name in names]
        late = [sent_back(shop, name) for name in names]
        work(shop)

        def deed(operation: str, backs: list[str], decide: Callable[..., Any], **how: Any) -> Deed:
            def decided(number: int) -> str:
                with shop.app.store.transaction() as tx:
                    back = backs[number - 1]
                    decide(tx, shop.app.wiring, back, by="ann", note="as agreed", **how)
                return back

            def done(name: str) -> int:
                (back,) = (one["id"] for one in all_returns(shop) if one["name"] == name)
                return sum(
                    one.operation == operation
                    and one.took_effect
                    and back in one.subject.split(",")
                    for one in shop.world.shopify.log.entries()
                )

            unit = "refunds" if operation == "ReturnProcess" else "returns"
            return Deed(shop, f"shopify-us/{unit}", decided, done)

        def comes(tx: Tx, wiring: Wiring, back: str, *, by: str, note: str) -> None:
            returned.receive(tx, wiring, back, {}, by=by, note=note)
            returned.inspect(tx, wiring, back, Disposition.RESTOCK, {}, by=by, note=note)

        yield [
            deed("ReturnProcess", paid, comes),
            deed("ReturnApprove", kept, return_steps.accept),
            deed("ReturnDecline", declined, return_steps.decline, reason="OTHER"),
            deed("ReturnClose", late, returns.end, state=ReturnState.CLOSED),
            deed("ReturnReopen", late, comes),
            deed("ReturnCancel", kept, returns.end, state=ReturnState.CANCELED),
        ]


def all_returns(shop: House) -> list[dict[str, Any]]:
    return [one for order in shop.world.shopify.books()["orders"] for one in order["returns"]]


@contextmanager
def cancellations(
    folder: Path, *, bought: int, done: Callable[[House, str], int], **what: Any
) -> Iterator[list[Deed]]:
    """Of orders of so many units; `what` of each ends is said as to `cancel`."""
    with house(folder, pace=QUICK) as shop:
        shop.go_live()
        names = buyers(shop, "MUG-BLUE", bought)
        shop.clock.advance(60)
        shop.run("shopify-us/orders", "core/orders")

        def decide(number: int) -> str:
            with shop.app.store.transaction() as tx:
                cancel.cancel(
                    tx, shop.app.wiring, names[number - 1], CancelReason.OUT_OF_STOCK, by="ann",
                    note="none left", **what,
                )  # fmt: skip
            return names[number - 1]

        yield [Deed(shop, "shopify-us/cancellations", decide, partial(done, shop))]


def times_canceled(shop: House, name: str) -> int:
    order = at_channel(shop, name)
    return sum(
        one.operation == "OrderCancel" and one.took_effect and one.subject == order["id"]
        for one in shop.world.shopify.log.entries()
    ) or int(bool(order["canceled"]))


def units_refunded(shop: House, name: str) -> int:
    (line,) = at_channel(shop, name)["lines"]
    return int(line["refunded_quantity"])


@contextmanager
def purchases(folder: Path) -> Iterator[list[Deed]]:
    with house(folder, edit=sells_to_us) as shop:
        shop.go_live()
        shop.cli("mode", "act", "--connection", "acme")
        seller = shop.app.wiring.config.suppliers["acme"]

        def decide(number: int) -> str:
            name = f"PO-20261124-{number:08d}"
            order = PurchaseOrder(
                name, "acme", "newark", (PurchaseLine(SKU, "AC-77", 48 + number, None),),
                shop.clock.now(),
            )  # fmt: skip
            with shop.app.store.transaction() as tx:
                purchase.add(tx, shop.app.wiring, seller, order, by="ann")
            return name

        def done(name: str) -> int:
            shop.world.acme.live()
            taken: dict[str, Any] = shop.world.acme.desk.books()
            return int(taken[name]["count"]) if name in taken else 0

        yield [Deed(shop, "acme/purchases", decide, done)]


DEEDS: dict[str, Callable[[Path], Any]] = {
    "returns there": returns_there,
    "refund of a return of ours": refunds,
    "cancellation": partial(cancellations, bought=1, done=times_canceled),
    "cancellation of a unit": partial(
        cancellations, bought=2, done=units_refunded, lines=["MUG-BLUE"], units=[1]
    ),
    "purchase order": purchases,
}


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_decided_is_done_once_wherever_it_is_killed(tmp_path: Path, deed: str) -> None:
    with DEEDS[deed](tmp_path) as deeds:
        shop = deeds[0].shop
        mortal = Mortal(shop)
        try:
            for one in deeds:
                drill(one, mortal)
        finally:
            mortal.close()
        assert proved(shop)


def drill(one: Deed, mortal: Mortal) -> None:
    shop, names, killed = one.shop, list[str](), True
    while killed:
        # given something that was decided
        names.append(one.decide(len(names) + 1))

        # when the process dies at its nth step, and the next one goes on
        killed = mortal.run(len(names), [one.unit])
        deadline = shop.clock.now() + timedelta(hours=2)
        settled = False
        while not settled and shop.clock.now() < deadline:
            settled = bool(one.done(names[-1]))
            shop.clock.advance(240)
            shop.run(one.unit)

        # then it was done once
        assert one.done(names[-1]) == 1, (names, shop.errors(), shop.cases())
    assert len(names) > LEAST

    # and once it stays
    for _ in range(2):
        shop.clock.advance(240)
        shop.run(one.unit)
    assert {one.done(name) for name in names} == {1}, (names, shop.cases())
