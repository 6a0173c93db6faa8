"""A shop with a supplier that takes purchase orders, and goods that sell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from core.model.purchasing import PurchaseAnswer, PurchaseOrder, PurchaseVerdict
from core.ports import (
    Batch,
    CheckReport,
    Handover,
    PurchaseAnswerSource,
    PurchaseOrderTarget,
)
from core.rules.modes import Mode
from jobs import demand, purchase, replenish
from jobs.buying import Line
from jobs.clock import ManualClock
from jobs.runner import Runner
from jobs.store.permissions import PURCHASES, Permissions
from jobs.store.store import Store
from jobs.store.types import json_text
from tests.jobs.builders import line, order
from tests.jobs.shop import Shop, open_shop

#: How the first supplier is reminded.
CALLED = '    remind: {call: "Bo, 555 0100"}\n'
SUPPLIERS = """
suppliers:
  mill:
    connection: home-files
    restocks: home
    lead_days: 10
    order_minimum: "20.00"
    returns_days: 40
    remind: {call: "Bo, 555 0100"}
    items:
      TEA: {item: T-1, pack: 12, least: 24, cost: "1.50", breaks: {240: "1.20"}}
      CUP: {item: C-9, cost: "3.00"}
  dear:
    restocks: home
    mail: orders@dear.example
    lead_days: 3
    items:
      TEA: {cost: "9.00"}
replenishment: {alert: reorder_point, order_days: 20, slow: {cover_days: 90, silent_days: 30}}
"""


class Mill(PurchaseOrderTarget, PurchaseAnswerSource):
    """A supplier in memory. `trouble` is raised once by the next call of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.staged: dict[str, bytes] = {}
        self.received: dict[str, bytes] = {}
        self.trouble: dict[str, BaseException] = {}
        #: raised after the next call of that name has done its work
        self.late_trouble: dict[str, BaseException] = {}
        self.answers: list[PurchaseAnswer | PurchaseVerdict] = []

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def purchase_document(self, order: PurchaseOrder, *, serial: int) -> bytes:
        lines = [[one.item, one.quantity] for one in order.lines]
        return json_text([order.number, lines]).encode()

    def stage_purchase(self, key: str, document: bytes) -> None:
        self._before("stage")
        self.staged[key] = document
        self._after("stage")

    def release_purchase(self, key: str) -> str:
        self._before("release")
        assert key not in self.received, "handed over twice"
        self.received[key] = self.staged.pop(key)
        self._after("release")
        return key

    def find_purchase(self, key: str, document: bytes) -> Handover:
        self._before("find")
        if key in self.received:
            return Handover.DELIVERED
        if key not in self.staged:
            return Handover.ABSENT
        return Handover.STAGED if self.staged[key] == document else Handover.PARTIAL

    def pull_purchase_answers(
        self, *, since: str | None
    ) -> Iterator[Batch[PurchaseAnswer | PurchaseVerdict]]:
        yield Batch(tuple(self.answers), "end")

    def _before(self, operation: str) -> None:
        if operation in self.trouble:
            raise self.trouble.pop(operation)

    def _after(self, operation: str) -> None:
        if operation in self.late_trouble:
            raise self.late_trouble.pop(operation)


@dataclass
class Market:
    """The shop, its supplier, and what a person does."""

    shop: Shop
    mill: Mill

    def sell(self, sku: str, per_day: int, *, days: int = 35) -> None:
        """So many units a day until yesterday, and the rates worked out."""
        now = self.shop.clock.now()
        sold = []
        for back in range(days, 0, -1):
            at, number = now - timedelta(days=back), f"{sku}{back}"
            units = line(f"L{number}", sku=sku, units=per_day, fulfilled=per_day)
            sold.append(order(number, units, placed_at=at, updated_at=at))
        self.shop.record(*sold)
        self.look()

    def look(self) -> None:
        demand.decide_demand(self.shop.run("core/demand"))

    def plans(self) -> dict[str, tuple[int, dict[str, Line]]]:
        replenish.refresh_plans(self.shop.run("core/replenishment"))
        with self.shop.store.reading() as tx:
            return replenish.planned(tx)

    def approve(self, plan: int, **wishes: object) -> PurchaseOrder:
        with self.shop.store.transaction() as tx:
            return purchase.approve(tx, self.shop.wiring, plan, by="olga", **wishes)  # type: ignore[arg-type]

    def send(self) -> None:
        purchase.push_purchases(self.shop.run("home-files/purchases"), "home-files")

    def answer(self, *answers: PurchaseAnswer | PurchaseVerdict) -> None:
        self.mill.answers = list(answers)
        purchase.pull_answers(self.shop.run("home-files/purchase-answers"), "home-files")

    def switch(self, to: Mode) -> None:
        with self.shop.store.transaction() as tx:
            Permissions(tx).set_mode("home-files", PURCHASES, to, skus=None, share=None, by="t")


def open_market(
    store: Store,
    clock: ManualClock,
    folder: Path,
    *,
    more: str = SUPPLIERS,
    locations: str = "",
    changes: Mapping[str, str] = {},
) -> Market:
    """In the mode `act`, with shelves that are empty. `locations` are YAML after the shop's own."""
    shop = open_shop(store, clock, folder, more=more, more_locations=locations, changes=changes)
    mill = Mill("home-files")
    shop.wiring = replace(shop.wiring, connectors={**shop.wiring.connectors, "home-files": mill})
    shop.runner = Runner(store, shop.wiring, shop.runner._log)
    shop.runner.declare()
    market = Market(shop, mill)
    market.switch(Mode.ACT)
    return market
