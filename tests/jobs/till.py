"""A shop whose channel pays buyers back, and remembers what it paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.errors import ConnectorError, Rejected
from core.model.fulfillment import AcknowledgmentStatus
from core.model.money import Money
from core.model.orders import OrderLine
from core.model.reasons import Reason
from core.model.returns import (
    Disposition,
    ExchangedLine,
    QuotedLine,
    Refund,
    RefundedLine,
    RefundQuote,
    RefundRequest,
    Return,
    ReturnedLine,
    ReturnMove,
    ReturnReason,
    ReturnStatus,
    ReturnStep,
)
from core.ports import RefundTarget, ReturnTarget
from core.rules.sentences import render
from jobs import push, refunds, repay, return_steps, returned, returns
from jobs.clock import ManualClock
from jobs.store.orders import Orders
from jobs.store.refunds import RefundRow, Refunds
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Store
from jobs.store.tables import cases
from tests.jobs.builders import SHOP, line, order
from tests.jobs.shop import Remote, Shop, open_shop


def usd(cents: int) -> Money:
    return Money(cents, "USD")


#: In which status a step is possible, and where it leads to.
STEPS = {
    ReturnStep.APPROVE: (ReturnStatus.REQUESTED, ReturnStatus.OPEN),
    ReturnStep.DECLINE: (ReturnStatus.REQUESTED, ReturnStatus.DECLINED),
    ReturnStep.CLOSE: (ReturnStatus.OPEN, ReturnStatus.CLOSED),
    ReturnStep.CANCEL: (ReturnStatus.OPEN, ReturnStatus.CANCELED),
    ReturnStep.REOPEN: (ReturnStatus.CLOSED, ReturnStatus.OPEN),
}


class Till(Remote, ReturnTarget, RefundTarget):
    """It sold each unit for 19.99 and 1.60 tax, and shipping for 5.00; `trouble` is raised once by
    the next payment, after the money moved where `late` is set."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.paid: dict[str, RefundRequest] = {}
        self.most = 100_000
        self.trouble: ConnectorError | None = None
        self.late = False
        #: how each return stands there, and each step that was made
        self.standing: dict[str, ReturnStatus] = {}
        self.steps: list[tuple[ReturnStep, str]] = []

    @property
    def decline_reasons(self) -> tuple[str, ...]:
        return ("LATE", "OTHER")

    def push_return_step(self, move: ReturnMove, *, key: str) -> str:
        error, self.trouble = self.trouble, None
        before, after = STEPS[move.step]
        if error is None or self.late:
            if self.standing[move.remote_id] is not before:
                raise Rejected("it stands otherwise", connector=self.name, operation="step")
            self.standing[move.remote_id] = after
            self.steps.append((move.step, move.reason or move.remote_id))
        if error is not None:
            raise error
        return move.remote_id

    def find_return_status(self, remote_id: str) -> ReturnStatus:
        return self.standing[remote_id]

    def quote_refund(
        self, order: str, units: Mapping[str, int], *, return_remote_id: str
    ) -> RefundQuote:
        gone = sum(one.total.amount for one in self.paid.values())
        if gone >= self.most:
            raise Rejected("nothing is left to pay back", connector=self.name, operation="quote")
        lines = [
            QuotedLine(name, count, usd(1999 * count), usd(160 * count))
            for name, count in units.items()
        ]
        return RefundQuote(tuple(lines), usd(500), usd(self.most - gone))

    def push_refund(self, refund: RefundRequest, *, key: str) -> str:
        error, self.trouble = self.trouble, None
        if error is None or self.late:
            assert key not in self.paid, "paid twice"
            self.paid[key] = refund
        if error is not None:
            raise error
        return f"gid/{key}"

    def find_refund(self, refund: RefundRequest, *, key: str) -> str | None:
        return f"gid/{key}" if key in self.paid else None

    @property
    def units(self) -> Counter[str]:
        """Units of each line that were paid back, by its own book."""
        book = Counter[str]()
        for one in self.paid.values():
            for line_ in one.lines:
                book[line_.line] += line_.quantity
        return book


def open_till(store: Store, clock: ManualClock, folder: Path, *, more: str = "") -> Shop:
    shop = open_shop(store, clock, folder, more=more)
    till = Till(SHOP, clock)
    shop.channels[SHOP] = till
    shop.wiring = replace(shop.wiring, connectors={**shop.wiring.connectors, SHOP: till})
    shop.__post_init__()
    shop.receive("TEA", 50)
    shop.receive("CUP", 50)
    return shop


def till(shop: Shop) -> Till:
    found = shop.channels[SHOP]
    assert isinstance(found, Till)
    return found


def sold(shop: Shop, remote_id: str = "1", *lines: OrderLine) -> None:
    """An order that was shipped as a whole."""
    lines = lines or (line(units=2),)
    shop.record(order(remote_id, *lines))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    key = f"shopify-us:{remote_id}:F1"
    shop.answer(key, AcknowledgmentStatus.ACCEPTED)
    parts = Counter[str]()
    for one in lines:
        for sku, count in shop.wiring.components(one.remote_sku, one.ordered).items():
            parts[sku] += count
    shop.ship(key, *parts.items(), number=f"1Z{remote_id}")
    shop.decide()


def announced(
    shop: Shop, *lines: ReturnedLine, order_id: str = "1", remote_id: str = "R1",
    status: ReturnStatus = ReturnStatus.OPEN, instead: tuple[ExchangedLine, ...] = (),
    **changes: Any,
) -> ReturnRecord:  # fmt: skip
    """A return as the channel states it."""
    one = Return(
        SHOP, remote_id, f"#{order_id}-{remote_id}", order_id, status, shop.clock.now(),
        lines or (back(),), instead,
    )  # fmt: skip
    if isinstance(there := shop.channels[SHOP], Till):
        there.standing[remote_id] = status
    with shop.store.transaction() as tx:
        made = returns.record_return(tx, shop.wiring, replace(one, **changes))
    assert made is not None
    return made


def back(
    name: str = "L1", units: int = 1, reason: ReturnReason = ReturnReason.UNWANTED,
    *, sku: str = "TEA", remote_id: str = "RL1", **changes: Any,
) -> ReturnedLine:  # fmt: skip
    return ReturnedLine(remote_id, name, sku, units, reason, **changes)


def paid_elsewhere(
    shop: Shop, name: str, units: int, cents: int, *, remote_id: str = "X1", order_id: str = "1",
    **changes: Any,
) -> None:  # fmt: skip
    one = Refund(
        SHOP, remote_id, order_id, shop.clock.now(), usd(cents),
        (RefundedLine(name, units, usd(cents)),),
    )  # fmt: skip
    with shop.store.transaction() as tx:
        for number in refunds.record_refund(tx, shop.wiring, replace(one, **changes)):
            returns.look(tx, shop.wiring, Returns(tx).get(number))


def pay(shop: Shop) -> None:
    repay.push_refunds(shop.run(f"{SHOP}/refunds"), SHOP)


def move_on(shop: Shop) -> list[tuple[ReturnStep, str]]:
    """Have the channel told what is to be told; every step that was made there so far."""
    # Any unit of its: that of returns pulls, and this channel tells none.
    return_steps.push_returns(shop.run(f"{SHOP}/refunds"), SHOP)
    return till(shop).steps


def receive(shop: Shop, name: str, **units: int) -> ReturnRecord:
    with shop.store.transaction() as tx:
        return returned.receive(tx, shop.wiring, name, units, by="ann", note="")


def inspect(
    shop: Shop, name: str, found: Disposition = Disposition.RESTOCK, **units: int
) -> ReturnRecord:
    with shop.store.transaction() as tx:
        return returned.inspect(tx, shop.wiring, name, found, units, by="ann", note="")


def look(shop: Shop, name: str) -> ReturnRecord:
    with shop.store.reading() as tx:
        return returns.the_one(tx, name)


def all_refunds(shop: Shop) -> list[RefundRow]:
    with shop.store.reading() as tx:
        return Refunds(tx).listed(every=True)


def told(shop: Shop, kind: str) -> list[str]:
    query = select(cases).where(cases.c.kind == kind, cases.c.state == "open")
    with shop.store.reading() as tx:
        return [render(Reason(one.code, one.args), "en") for one in tx.connection.execute(query)]


def on_hand(shop: Shop, sku: str) -> int:
    from jobs.store.stock import Stock

    with shop.store.reading() as tx:
        return Stock(tx).on_hand("home", [sku]).get(sku, 0)


def order_named(shop: Shop, name: str) -> Any:
    with shop.store.reading() as tx:
        (found,) = Orders(tx).load(Orders(tx).named(name))
        return found
