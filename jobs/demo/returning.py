"""Somebody at the shop, and two buyers who send something back: one for money, one for another.

The buyers ask at the channel, or call; whatever is done about it is done as at the command line, and
what was paid and sent for it is read from the simulators' own books.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from core.model.orders import OrderStage
from core.model.returns import (
    Disposition,
    ExchangedLine,
    Resolution,
    ReturnReason,
    ReturnState,
)
from jobs import return_steps, returned, returns
from jobs.bootstrap import Application
from jobs.demo.reckoning import shown
from jobs.demo.world import World
from jobs.store.orders import OrderRecord, Orders
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.tables import orders

CHANNEL = "shopify-us"
BY = {"by": "demo", "note": "as the demo plays it"}
#: A replacement is promised only where the channel shows so many more.
_PLENTY = 4


@dataclass
class Returning:
    """Watch orders arrive; have one unit come back broken and exchanged, and one paid back."""

    application: Application
    world: World
    #: sku -> units that are on the shelf again
    restocked: Counter[str] = field(default_factory=Counter)
    #: order of the unit that was paid back, and what was sent in place of the other: sku -> units
    refunded: str = ""
    replaced: dict[str, Counter[str]] = field(default_factory=dict)
    _exchanged: str = ""
    _approved: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="returning", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(5)

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            self.step()

    def step(self) -> None:
        """Whatever is to be done at the shop now."""
        arrived = self._arrived()
        if arrived and not self._exchanged:
            self._exchange(arrived)
        left = [one for one in arrived if one.order.name != self._exchanged]
        if left and not self.refunded:
            self._ask(left[0])
        for one in self._known():
            self._look_at(one)

    def waits(self) -> bool:
        """Whether something is on its way back, or could still be sent back."""
        arrived = self._arrived()
        begun = bool(self._exchanged) + bool(self.refunded)
        known = self._known()
        return (
            begun < min(2, len(arrived))
            or len(known) < begun
            or any(one.state is not ReturnState.CLOSED for one in known)
        )

    def _arrived(self) -> list[OrderRecord]:
        """Buyers' orders that were delivered, the first first."""
        with self.application.store.reading() as tx:
            rows = tx.rows(
                select(orders.c.id)
                .where(
                    orders.c.channel == CHANNEL,
                    orders.c.stage == str(OrderStage.DELIVERED),
                    orders.c.replaces.is_(None),
                )
                .order_by(orders.c.id)
            )
            return Orders(tx).load([row.id for row in rows])

    def _known(self) -> list[ReturnRecord]:
        with self.application.store.reading() as tx:
            return Returns(tx).listed(every=True)

    # --- the buyers

    def _exchange(self, arrived: list[OrderRecord]) -> None:
        """One calls: it came broken. The same thing is sent again."""
        plenty = shown(self.world)
        for record in arrived:
            for line in record.order.lines:
                if plenty.get((CHANNEL, line.remote_sku), 0) >= _PLENTY:
                    self._open(record, line.remote_sku)
                    return

    def _open(self, record: OrderRecord, sku: str) -> None:
        with self.application.store.transaction() as tx:
            price = returns.price_of(tx, record, sku)
            asked = returns.Opening(
                order=record.order.name,
                units={sku: 1},
                reason=ReturnReason.DAMAGED,
                resolution=Resolution.REPLACEMENT,
                instead=(ExchangedLine("1", sku, "", 1, price),),
            )
            made = returns.open_return(tx, self.application.wiring, asked, **BY)
        self._exchanged = record.order.name
        self.replaced[f"{CHANNEL}:{record.order.remote_id}:{made.rma}"] = Counter({sku: 1})

    def _ask(self, record: OrderRecord) -> None:
        """The other asks at the channel, and waits for an answer."""
        row: Mapping[str, Any] = {
            "sku": record.order.lines[0].remote_sku, "quantity": 1, "reason": "changed-my-mind"
        }  # fmt: skip
        try:
            with self.world.shopify.lock:
                self.world.shopify.place_order({"send_back": record.order.name, "lines": [row]})
        except ValueError:
            # The channel was not told of the parcel yet.
            return
        self.refunded = record.order.name

    # --- the shop

    def _look_at(self, one: ReturnRecord) -> None:
        """What is asked for is approved; what is expected comes, and is looked at."""
        wiring = self.application.wiring
        with self.application.store.transaction() as tx:
            if one.state is ReturnState.REQUESTED and self._approved != one.rma:
                return_steps.accept(tx, wiring, one.rma, **BY)
                self._approved = one.rma
            elif one.state is ReturnState.EXPECTED:
                returned.receive(tx, wiring, one.rma, {}, **BY)
            elif one.state is ReturnState.RECEIVED:
                broken = one.remote_id is None
                found = Disposition.DAMAGED if broken else Disposition.RESTOCK
                returned.inspect(tx, wiring, one.rma, found, {}, **BY)
                if not broken:
                    for line in one.lines:
                        self.restocked[line.remote_sku] += line.received
