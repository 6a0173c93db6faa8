"""kill -9 at every step of what was decided here: a refund, a cancellation, a purchase order.

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
from core.model.returns import Disposition, Resolution, ReturnReason
from jobs import cancel, purchase, returned, returns
from tests.e2e.house import House, house
from tests.e2e.test_buying import SKU, sells_to_us
from tests.e2e.test_kill_steps import Mortal
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_returns import at_channel, by_rules, sent_back, work
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


def buyers(shop: House, sku: str, units: int = 1) -> list[str]:
    """Orders of different buyers, of so many units each."""
    return [
        sell(
            shop, sku, units, email=f"buyer{number}@buyers.example",
            address={"address1": f"{number} Main Street", "phone": f"+1212555{number:04d}"},
        )
        for number in range(MOST)
    ]  # fmt: skip


@contextmanager
def refunds(folder: Path, *, there: bool) -> Iterator[Deed]:
    """Of returns that the channel knows (`returnProcess`), or that only we know (`refundCreate`)."""
    with house(folder, pace=QUICK, edit=by_rules) as shop:
        shop.go_live()
        names = buyers(shop, "MUG-BLUE")
        shop.until(lambda: all(is_over(shop, name) for name in names))
        backs = [sent_back(shop, name) for name in names] if there else []
        work(shop)

        def decide(number: int) -> str:
            name = names[number - 1]
            with shop.app.store.transaction() as tx:
                if there:
                    back = backs[number - 1]
                else:
                    asked = returns.Opening(
                        name, {"MUG-BLUE": 1}, ReturnReason.UNWANTED, Resolution.REFUND
                    )
                    back = returns.open_return(
                        tx, shop.app.wiring, asked, by="ann", note="called"
                    ).rma
                returned.receive(tx, shop.app.wiring, back, {}, by="ann", note="")
                returned.inspect(
                    tx, shop.app.wiring, back, Disposition.RESTOCK, {}, by="ann", note=""
                )
            return name

        yield Deed(shop, "shopify-us/refunds", decide, partial(units_refunded, shop))


@contextmanager
def cancellations(
    folder: Path, *, bought: int, done: Callable[[House, str], int], **what: Any
) -> Iterator[Deed]:
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

        yield Deed(shop, "shopify-us/cancellations", decide, partial(done, shop))


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
def purchases(folder: Path) -> Iterator[Deed]:
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

        yield Deed(shop, "acme/purchases", decide, done)


DEEDS: dict[str, Callable[[Path], Any]] = {
    "refund of a return there": lambda folder: refunds(folder, there=True),
    "refund of a return of ours": lambda folder: refunds(folder, there=False),
    "cancellation": partial(cancellations, bought=1, done=times_canceled),
    "cancellation of a unit": partial(
        cancellations, bought=2, done=units_refunded, lines=["MUG-BLUE"], units=[1]
    ),
    "purchase order": purchases,
}


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_decided_is_done_once_wherever_it_is_killed(tmp_path: Path, deed: str) -> None:
    with DEEDS[deed](tmp_path) as one:
        shop = one.shop
        mortal = Mortal(shop)
        try:
            at, killed = 0, True
            while killed:
                at += 1
                # given something that was decided
                name = one.decide(at)

                # when the process dies at its nth step, and the next one goes on
                killed = mortal.run(at, [one.unit])
                deadline = shop.clock.now() + timedelta(hours=2)
                while not one.done(name) and shop.clock.now() < deadline:
                    shop.clock.advance(60)
                    shop.run(one.unit)
                for _ in range(3):
                    shop.clock.advance(120)
                    shop.run(one.unit)

                # then it was done once
                assert one.done(name) == 1, (at, name, shop.errors(), shop.cases())
        finally:
            mortal.close()
        assert at > LEAST
        assert proved(shop)
