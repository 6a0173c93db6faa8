"""Goods under way, as tests make and look at them: consignments, and an FBA that tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from core.model.catalog import FulfilledBy
from core.model.inbound import InboundItem, InboundReport, InboundState, Leg
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.ports import Batch, InboundSource
from jobs import booked_in, consignments, replenish
from jobs.clock import ManualClock
from jobs.runner import Runner
from jobs.store.consignments import ConsignmentRecord, Consignments
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.tables import cases
from tests.jobs.builders import line, order, rows
from tests.jobs.buying import Market
from tests.jobs.shop import Remote

FBA = """
  fba:
    counted_by: amazon-us
    channels: [amazon-us]
    refill: {origins: [home], lane: truck, review_days: 7, order_days: 14, keep_days: 7}
"""
LANES = """
lanes:
  sea: {legs: {ready: 10, sailed: 5, port: 15, receiving: 3}, settle_days: 5, claim_days: 40}
  truck: {legs: {loaded: 1, delivered: 4, receiving: 3}, settle_days: 10, claim_days: 60}
"""


class Fba(Remote, InboundSource):
    """A channel that receives: it says of shipments what it was told to say."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("amazon-us", clock)
        self.reports: list[InboundReport] = []

    def pull_inbound(self, *, since: str | None) -> Iterator[Batch[InboundReport]]:
        yield Batch(tuple(self.reports), "end")


def receiving(market: Market) -> Fba:
    """Amazon tells what it receives."""
    made = Fba(market.shop.clock)
    wiring = market.shop.wiring
    market.shop.channels["amazon-us"] = made
    market.shop.wiring = replace(wiring, connectors={**wiring.connectors, "amazon-us": made})
    market.shop.runner = Runner(market.shop.store, market.shop.wiring, market.shop.runner._log)
    market.shop.runner.declare()
    return made


def bought(market: Market, units: int = 48) -> str:
    """A purchase order that the supplier has."""
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    plan = market.plans()["mill"][0]
    made = market.approve(plan, skus=["TEA"], quantities={"TEA": units})
    market.send()
    return made.number


def ship(market: Market, number: str, *orders: str, **more: object) -> ConsignmentRecord:
    with market.shop.store.transaction() as tx:
        return consignments.ship(tx, market.shop.wiring, number, orders, by="olga", **more)  # type: ignore[arg-type]


def leg(market: Market, number: str, name: Leg, **days: date) -> ConsignmentRecord:
    with market.shop.store.transaction() as tx:
        return consignments.tell_leg(tx, market.shop.wiring, number, name, by="olga", **days)


def come(market: Market, number: str, slip: str, **units: int) -> None:
    with market.shop.store.transaction() as tx:
        consignments.receive_goods(tx, market.shop.wiring, number, units, slip=slip, by="olga")


def now(market: Market, number: str) -> ConsignmentRecord:
    with market.shop.store.reading() as tx:
        assert [*Stock(tx).verify(), *Purchases(tx).verify()] == []
        found = Consignments(tx).get(number)
    assert found is not None
    return found


def told(
    market: Market, fba: Fba, state: InboundState, *items: InboundItem, **more: object
) -> None:
    at = market.shop.clock.now()
    report = InboundReport("FBA15", "", state, str(state).upper(), at, items)
    fba.reports = [replace(report, **more)]  # type: ignore[arg-type]
    booked_in.pull_inbound(market.shop.run("amazon-us/inbound"), "amazon-us")


def pass_days(market: Market, days: int) -> None:
    market.shop.clock.advance(days * 86_400)
    replenish.refresh_plans(market.shop.run("core/replenishment"))


def open_cases(market: Market) -> dict[str, dict[str, object]]:
    return {
        row["kind"]: {"code": row["code"], **row["args"]}
        for row in rows(market.shop.store, cases)
        if row["state"] == "open"
    }


def coming(market: Market, sku: str = "TEA") -> dict[str, tuple[tuple[date, int], ...]]:
    with market.shop.store.reading() as tx:
        found = Purchases(tx).incoming([sku])
    return {place: days for (_, place), days in found.items()}


def po(
    market: Market, number: str, *, to: str = "fba", supplier: str = "mill",
    currency: str = "USD", price: int = 150, **units: int,
) -> str:  # fmt: skip
    """A purchase order that the supplier has, whatever the plans say."""
    at = market.shop.clock.now()
    lines = tuple(
        PurchaseLine(sku, sku, count, Money(price, currency)) for sku, count in units.items()
    )
    order = PurchaseOrder(number, supplier, to, lines, at)
    with market.shop.store.transaction() as tx:
        Purchases(tx).add(
            order, connection="home-files", currency=currency, by="olga",
            expected_on=at.date() + timedelta(days=10),
        )  # fmt: skip
        Purchases(tx).sent(number)
    return number


def link(market: Market, number: str, ref: str = "FBA15") -> ConsignmentRecord:
    with market.shop.store.transaction() as tx:
        return booked_in.link(tx, market.shop.wiring, number, ref, by="olga")


def received(market: Market, number: str) -> dict[str, int]:
    """What a purchase order has taken in."""
    with market.shop.store.reading() as tx:
        order = Purchases(tx).get(number)
    assert order is not None
    return {line.sku: line.received for line in order.lines}


def sell_at_fba(market: Market, units: int, *, days: int = 35) -> None:
    """So many units of tea a day, fulfilled by Amazon."""
    at = market.shop.clock.now()
    market.shop.record(
        *(
            order(
                f"A{back}",
                line(f"AL{back}", units=units, fulfilled=units, fulfilled_by=FulfilledBy.AMAZON),
                channel="amazon-us",
                placed_at=at - timedelta(days=back),
                updated_at=at - timedelta(days=back),
            )
            for back in range(1, days + 1)
        )
    )
