"""Holding units for orders: at once when recorded, again whenever what they need changes (I3)."""

from __future__ import annotations

from collections import ChainMap, Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.model.calendars import Closure
from core.model.catalog import FulfilledBy, LocationId, Sku
from core.model.fulfillment import FulfillmentState
from core.model.orders import Order
from core.model.stock import Claim
from core.rules.allocation import Allocation, Demand
from core.rules.snapshots import counts
from jobs.places import closed_now
from jobs.routing import Routes
from jobs.store.held import Held
from jobs.store.orders import OrderRecord, Orders
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.untrusted import untrusted
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
        # A unit that came back stands for none that is still to ship: it is one of those that left.
        current = 0 if record.order.canceled_at else sold.current + sold.returned
        left_there = sold.fulfilled + sold.returned
        external = max(0, left_there - record.shipped.get(name, 0), elsewhere[name])
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
        line.remote_id: max(
            0, line.fulfilled + line.returned - record.shipped.get(line.remote_id, 0)
        )
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
                learns_from_us=lambda name: _learns_from_us(wiring, name),
            )
    Orders(tx).set_external(record.id, grown)
    return moved


def hold_units(tx: Tx, wiring: Wiring, records: Sequence[OrderRecord]) -> dict[int, Allocation]:
    """Bring the reservations of these orders in line with what they need; order id -> allocation.

    What they no longer need is freed first, and older orders that wait for units are served before
    newer ones (I3): those are decided again.
    """
    orders = Orders(tx)
    asking = [one for one in records if demands(one, wiring)]
    freeing = Claims.open(tx, wiring, [one for one in records if one not in asking])
    allocations = {one.id: freeing.settle(one) for one in records if one not in asking}
    freeing.write()
    mine = {one.id for one in asking}
    older = [number for number in orders.waiting(asked_for(asking, wiring)) if number not in mine]
    if older:
        orders.decide_again(older)
        tx.wake("core/orders")
        asking = sorted([*orders.load(older), *asking], key=lambda one: one.id)
    claims = Claims.open(tx, wiring, asking)
    allocations |= {one.id: claims.settle(one) for one in asking}
    claims.write()
    return allocations


def _counted_here(wiring: Wiring, location: LocationId) -> bool:
    found = wiring.location(location)
    return found is not None and found.basis is None


def _learns_from_us(wiring: Wiring, location: LocationId) -> bool:
    """Only sales of its own are in its figure; one that is, is marked so already."""
    found = wiring.location(location)
    return found is not None and found.learns_from_us


@dataclass
class Availability:
    """Units free to promise, kept current while several orders are decided in one transaction."""

    units: dict[tuple[Sku, LocationId], int]

    def give_back(self, record: OrderRecord) -> None:
        """Count the order's own unrouted reservations as free."""
        for one in record.reservations:
            # What the place's figure lacks already is nobody else's to have.
            if one.fulfillment is None and one.location is not None and one.counted:
                key = (one.sku, one.location)
                self.units[key] = self.units.get(key, 0) + one.quantity

    def take_back(self, claims: Iterable[Claim]) -> None:
        """Count these claims as free again; none of them were units of an order's own."""
        for one in claims:
            if one.location is not None:
                self.units[one.sku, one.location] += one.quantity

    def take(self, claims: Iterable[Claim], own: Mapping[tuple[Sku, LocationId], int]) -> None:
        """Count these claims as taken; `own` units were never among the free ones."""
        mine = Counter(own)
        for one in claims:
            if one.location is not None:
                key = (one.sku, one.location)
                spared = min(mine[key], one.quantity)
                mine[key] -= spared
                self.units[key] = self.units.get(key, 0) - one.quantity + spared


@dataclass
class Claims:
    """The reservations of a batch of orders, brought in line with what they need."""

    stock: Stock
    held: Held
    wiring: Wiring
    available: Availability
    #: what instant the figure in force speaks of, at places that a channel counts
    figures: Mapping[tuple[Sku, LocationId], datetime]
    #: order -> what counting remotes keep for it already, and since when their figures lack it
    kept: Mapping[int, Mapping[tuple[Sku, LocationId], tuple[int, datetime]]]
    now: datetime
    #: places that ship nothing now
    closed: Mapping[LocationId, Closure]
    #: places that get no orders until a person says so
    untrusted: frozenset[LocationId]
    #: what shipping from each place costs
    routes: Routes
    _release: list[int] = field(default_factory=list)
    _give_up: list[tuple[int, str, Sku, LocationId | None, int]] = field(default_factory=list)
    _reserve: list[tuple[int, Claim, Order]] = field(default_factory=list)

    @classmethod
    def open(cls, tx: Tx, wiring: Wiring, records: Sequence[OrderRecord]) -> Claims:
        """Read (and hold) the levels of every Sku these orders may touch."""
        stock, held = Stock(tx), Held(tx)
        skus: set[Sku] = set()
        for record in records:
            skus.update(one.sku for one in record.reservations)
            for demand in demands(record, wiring):
                skus.update(demand.components)
        available = Availability(stock.available(skus, lock=True))
        counted = {
            one.id for record in records for one in wiring.counted_by_channel(record.order.channel)
        }
        kept = held.kept(one.id for one in records) if wiring.reservation_units else {}
        counted |= {location for of_order in kept.values() for _, location in of_order}
        figures = held.figures(skus, counted) if counted else {}
        closed = closed_now(wiring, tx.now)
        routes = Routes.open(tx, wiring, skus)
        doubted = untrusted(tx)
        return cls(stock, held, wiring, available, figures, kept, tx.now, closed, doubted, routes)

    def settle_together(
        self, records: Sequence[OrderRecord], *, moving: Collection[int],
        routes: Callable[[OrderRecord, Allocation], bool],
    ) -> dict[int, Allocation]:  # fmt: skip
        """Settle these orders in their turn; then `moving` ones may change places for the sake of all.

        `routes` says whether an order is now sent to the places it was allocated, which take no more
        orders a day than they can.
        """
        made: dict[int, Allocation] = {}
        for record in records:
            made[record.id] = self._allocate(record, shared=record.id in moving)
            if routes(record, made[record.id]):
                self.routes.count(made[record.id])
        for number, allocation in self.routes.together(self.available.units).items():
            self.available.take_back(made[number].claims)
            self.available.take(allocation.claims, {})
            made[number] = allocation
        for record in records:
            self._hold(record, made[record.id])
        return made

    def settle(self, record: OrderRecord) -> Allocation:
        """Allocate what the order needs; keep reservations that fit, change those that do not."""
        allocation = self._allocate(record, shared=False)
        self._hold(record, allocation)
        return allocation

    def _allocate(self, record: OrderRecord, *, shared: bool) -> Allocation:
        self.available.give_back(record)
        refused = {
            one.location
            for one in record.fulfillments
            if one.state is FulfillmentState.REJECTED or one.declined
        }
        locations = [
            one
            for one in self.wiring.eligible(record.order.channel, routing=True)
            if one.id not in refused and one.id not in self.untrusted
        ]
        asked = [self._barred(record, one) for one in demands(record, self.wiring)]
        taken = self._taken_units(record, asked)
        own = self._own(record, taken)
        free = self._free(record, asked, taken, own)
        allocation = self.routes.allocation(
            record,
            asked,
            locations=locations,
            available=free,
            closed=self.closed,
            shared=shared and free is self.available.units,
        )
        self.available.take(allocation.claims, own)
        return allocation

    def _hold(self, record: OrderRecord, allocation: Allocation) -> None:
        """Keep reservations that fit, change those that do not."""
        held = Counter[tuple[str, Sku, LocationId | None]]()
        ids: dict[tuple[str, Sku, LocationId | None], list[int]] = defaultdict(list)
        for one in record.reservations:
            if one.fulfillment is None:
                held[one.line, one.sku, one.location] += one.quantity
                ids[one.line, one.sku, one.location].append(one.id)
        wanted = Counter[tuple[str, Sku, LocationId | None]]()
        for claim in allocation.claims:
            wanted[claim.line, claim.sku, claim.location] += claim.quantity
        for key, units in held.items():
            if not wanted[key]:
                self._release.extend(ids[key])
            elif wanted[key] < units:
                self._give_up.append((record.id, *key, units - wanted[key]))
        self._reserve.extend(
            (record.id, Claim(*key, units - held[key]), record.order)
            for key, units in wanted.items()
            if units > held[key]
        )

    def _barred(self, record: OrderRecord, demand: Demand) -> Demand:
        """The demand, with the places that a policy keeps from it."""
        sku = record.resolved[demand.line].sku
        assert sku is not None, "only lines whose Sku we know ask for units"
        barred = self.wiring.barred(sku, record.order.channel, at=self.now)
        return replace(demand, barred=barred) if barred else demand

    def write(self) -> None:
        """Put the reservations in place."""
        self.stock.release(self._release)
        for one in self._give_up:
            self.held.give_up(*one)
        reserved = [
            (number, claim, self._absorbed(claim, order)) for number, claim, order in self._reserve
        ]
        self.stock.reserve(reserved)
        self.held.end_counts(number for number, _, absorbed in reserved if absorbed)
        for number in sorted({number for number, _, _ in reserved} & self.kept.keys()):
            self.held.cover(number, self.kept[number])

    # A channel that counts a place has taken its own sale off its figure of that place already.

    def _absorbed(self, claim: Claim, order: Order) -> datetime | None:
        if claim.location is None:
            return None
        (line,) = (one for one in order.lines if one.remote_id == claim.line)
        sold = self.wiring.taken_from(order.channel, line)
        return (order.taken_at or order.placed_at) if sold.get(claim.location) else None

    def _taken_units(
        self, record: OrderRecord, asked: Sequence[Demand]
    ) -> Counter[tuple[Sku, LocationId]]:
        """Component units that the order's channel took off its figures for what is asked for."""
        lines = {one.remote_id: one for one in record.order.lines}
        units: Counter[tuple[Sku, LocationId]] = Counter()
        for demand in asked:
            sold = self.wiring.taken_from(record.order.channel, lines[demand.line])
            for location, count in sold.items():
                for sku, per_unit in demand.components.items():
                    units[sku, location] += min(count, demand.units) * per_unit
        return units

    def _own(
        self, record: OrderRecord, taken: Mapping[tuple[Sku, LocationId], int]
    ) -> Counter[tuple[Sku, LocationId]]:
        """Units that are not in any figure any more, but for this order they are there."""
        own: Counter[tuple[Sku, LocationId]] = Counter()
        here: Counter[tuple[Sku, LocationId]] = Counter()
        everywhere: Counter[tuple[Sku, LocationId]] = Counter()
        for one in record.reservations:
            if one.location is None:
                continue
            everywhere[one.sku, one.location] += one.quantity
            if one.fulfillment is None:
                here[one.sku, one.location] += one.quantity
                if not one.counted:
                    own[one.sku, one.location] += one.quantity
        for key, (units, since) in self.kept.get(record.id, {}).items():
            as_of = self.figures.get(key)
            if as_of is not None and not counts(since, as_of):
                own[key] += max(0, units - everywhere[key])
        for key, units in taken.items():
            as_of = self.figures.get(key)
            taken_at = record.order.taken_at or record.order.placed_at
            if as_of is not None and not counts(taken_at, as_of):
                own[key] += max(0, units - here[key])
        return own

    def _free(
        self,
        record: OrderRecord,
        asked: Sequence[Demand],
        taken: Mapping[tuple[Sku, LocationId], int],
        own: Mapping[tuple[Sku, LocationId], int],
    ) -> Mapping[tuple[Sku, LocationId], int]:
        """What this order may have, place by place."""
        units = self.available.units
        mine = {key: units.get(key, 0) + count for key, count in own.items() if count}
        for place in self.wiring.counted_by_channel(record.order.channel):
            for sku in {sku for demand in asked for sku in demand.components}:
                key = (sku, place.id)
                # What it took off elsewhere it promised from there: not from here as well.
                mine[key] = min(mine.get(key, units.get(key, 0)), taken.get(key, 0))
        return ChainMap(mine, units) if mine else units
