"""Holding units for orders: at once when recorded, again whenever what they need changes (I3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.model.catalog import FulfilledBy, LocationId, Sku
from core.model.fulfillment import FulfillmentState
from core.model.orders import Order
from core.model.stock import Claim
from core.rules.allocation import Allocation, Demand, allocate
from jobs.store.orders import OrderRecord, Orders
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Fulfillments that ship nothing.
_DEAD = (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
ELSEWHERE = "elsewhere"


def needs(record: OrderRecord) -> dict[str, int]:
    """Units of each line that nobody is set to ship yet; negative: too many are planned.

    Only lines we fulfill whose Sku we know. What the channel knows to be fulfilled beyond our own
    parcels was shipped by others.
    """
    planned: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for one in record.fulfillments:
        if one.state in _DEAD or one.shadow:
            continue
        units: dict[str, int] = defaultdict(int)
        for (line, _), (quantity, per_unit, _) in one.lines.items():
            units[line] = max(units[line], -(-quantity // per_unit))
        (elsewhere if one.reference == ELSEWHERE else planned).update(units)
    left: dict[str, int] = {}
    for sold in record.order.lines:
        known = record.resolved.get(sold.remote_id)
        if known is None or known.sku is None or not sold.requires_shipping:
            continue
        if sold.fulfilled_by is not FulfilledBy.US:
            continue
        name = sold.remote_id
        current = 0 if record.order.canceled_at else sold.current
        external = max(0, sold.fulfilled - record.shipped.get(name, 0), elsewhere[name])
        left[name] = current - external - planned[name]
    return left


def demands(record: OrderRecord, wiring: Wiring) -> list[Demand]:
    """What the order still asks for, in component Skus."""
    made: list[Demand] = []
    if record.expired_at is not None:
        return made
    for name, units in needs(record).items():
        known = record.resolved[name]
        if units > 0 and known.sku is not None:
            made.append(Demand(name, wiring.components(known.sku, known.units_per_sale), units))
    return made


def asked_for(records: Iterable[OrderRecord], wiring: Wiring) -> set[Sku]:
    """The component Skus these orders still ask for."""
    return {sku for one in records for demand in demands(one, wiring) for sku in demand.components}


def external_units(record: OrderRecord) -> dict[str, int]:
    """Line -> units the channel knows to be fulfilled beyond our own parcels."""
    return {
        line.remote_id: max(0, line.fulfilled - record.shipped.get(line.remote_id, 0))
        for line in record.order.lines
    }


def ship_external(tx: Tx, wiring: Wiring, record: OrderRecord) -> bool:
    """Take what others shipped off our ledger, as far as we held units for it. True: something moved.

    Somebody fulfilled by hand, an old system still ships, another app did: the units we kept for
    the line are gone from the shelf all the same.
    """
    now = external_units(record)
    grown = {line: units for line, units in now.items() if units > record.external.get(line, 0)}
    if not grown:
        return False
    stock, moved = Stock(tx), False
    for line, units in grown.items():
        known = record.resolved[line]
        if known.sku is None:
            continue
        step = units - record.external.get(line, 0)
        for sku, per_unit in wiring.components(known.sku, known.units_per_sale).items():
            reference = f"external/{record.order.channel}/{record.order.remote_id}/{line}/{units}"
            moved |= stock.ship_held(
                record.id,
                line,
                sku,
                step * per_unit,
                reference=reference,
                counted_here=lambda name: _counted_here(wiring, name),
            )
    Orders(tx).set_external(record.id, grown)
    return moved


def hold_units(tx: Tx, wiring: Wiring, records: Sequence[OrderRecord]) -> dict[int, Allocation]:
    """Bring the reservations of these orders in line with what they need; order id -> allocation.

    What they no longer need is freed first, and older orders that wait for units are served before
    newer ones (I3): those are decided again.
    """
    stock, orders = Stock(tx), Orders(tx)
    asking = [one for one in records if demands(one, wiring)]
    freeing = Claims.open(stock, wiring, [one for one in records if one not in asking])
    allocations = {one.id: freeing.settle(one) for one in records if one not in asking}
    freeing.write()
    mine = {one.id for one in asking}
    older = [number for number in orders.waiting(asked_for(asking, wiring)) if number not in mine]
    if older:
        orders.decide_again(older)
        tx.wake("core/orders")
        asking = sorted([*orders.load(older), *asking], key=lambda one: one.id)
    claims = Claims.open(stock, wiring, asking)
    allocations |= {one.id: claims.settle(one) for one in asking}
    claims.write()
    return allocations


def _counted_here(wiring: Wiring, location: LocationId) -> bool:
    found = wiring.location(location)
    return found is not None and found.basis is None


@dataclass
class Availability:
    """Units free to promise, kept current while several orders are decided in one transaction."""

    units: dict[tuple[Sku, LocationId], int]

    def give_back(self, record: OrderRecord) -> None:
        """Count the order's own unrouted reservations as free."""
        for one in record.reservations:
            if one.fulfillment is None and one.location is not None:
                key = (one.sku, one.location)
                self.units[key] = self.units.get(key, 0) + one.quantity

    def take(self, claims: Iterable[Claim]) -> None:
        for one in claims:
            if one.location is not None:
                key = (one.sku, one.location)
                self.units[key] = self.units.get(key, 0) - one.quantity


@dataclass
class Claims:
    """The reservations of a batch of orders, brought in line with what they need."""

    stock: Stock
    wiring: Wiring
    available: Availability
    _release: list[int] = field(default_factory=list)
    _reserve: list[tuple[int, Claim, Order]] = field(default_factory=list)

    @classmethod
    def open(cls, stock: Stock, wiring: Wiring, records: Sequence[OrderRecord]) -> Claims:
        """Read (and hold) the levels of every Sku these orders may touch."""
        skus: set[Sku] = set()
        for record in records:
            skus.update(one.sku for one in record.reservations)
            for demand in demands(record, wiring):
                skus.update(demand.components)
        return cls(stock, wiring, Availability(stock.available(skus, lock=True)))

    def settle(self, record: OrderRecord) -> Allocation:
        """Allocate what the order needs; keep reservations that fit, change those that do not."""
        self.available.give_back(record)
        refused = {
            one.location for one in record.fulfillments if one.state is FulfillmentState.REJECTED
        }
        locations = [
            one
            for one in self.wiring.eligible(record.order.channel, routing=True)
            if one.id not in refused
        ]
        allocation = allocate(
            demands(record, self.wiring), locations=locations, available=self.available.units
        )
        self.available.take(allocation.claims)
        held = Counter[tuple[str, Sku, LocationId | None]]()
        for one in record.reservations:
            if one.fulfillment is None:
                held[one.line, one.sku, one.location] += one.quantity
        wanted = Counter[tuple[str, Sku, LocationId | None]]()
        for claim in allocation.claims:
            wanted[claim.line, claim.sku, claim.location] += claim.quantity
        if held != wanted:
            self._release.extend(one.id for one in record.reservations if one.fulfillment is None)
            self._reserve.extend((record.id, claim, record.order) for claim in allocation.claims)
        return allocation

    def write(self) -> None:
        """Put the reservations in place."""
        self.stock.release(self._release)
        self.stock.reserve(
            [
                (number, claim, self._absorbed(claim, order))
                for number, claim, order in self._reserve
            ]
        )

    def _absorbed(self, claim: Claim, order: Order) -> datetime | None:
        """A channel that counts a location has taken its own sale off its figure already."""
        location = self.wiring.location(claim.location) if claim.location else None
        if location and location.counting_channel == order.channel:
            return order.placed_at
        return None
