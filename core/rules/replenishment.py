"""When to buy a Sku, how much of it, and what it costs not to.

The demand of a stretch of days comes in as a figure (`Need`): what is expected, and the level that
covers it as often as the shop wants. Everything here is whole units and integer minor units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from statistics import NormalDist

from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.model.reasons import Arg, Reason
from core.rules.landed_cost import LandedLine, nearest


class AlertKind(StrEnum):
    """What makes a Sku low."""

    #: fewer units than a number a person wrote
    STATIC = "static"
    #: units for fewer days than a person wrote
    DAYS_OF_COVER = "days_of_cover"
    #: fewer units than may be asked for until the next order could be here
    REORDER_POINT = "reorder_point"


@dataclass(frozen=True, slots=True)
class Need:
    """What buyers ask for in `days` days from today."""

    days: int
    expected: float
    #: units that are enough in as many cases as the service level says; never below `expected`
    level: float


@dataclass(frozen=True, slots=True)
class Position:
    """Units that will meet demand, before anything new is bought."""

    #: free units at the places that count
    available: int
    #: (day it is due, units) of what is bought and not received
    incoming: tuple[tuple[date, int], ...] = ()
    #: units promised that no place has
    promised: int = 0

    @property
    def coming(self) -> int:
        return sum(units for _, units in self.incoming)

    @property
    def total(self) -> int:
        return self.available + self.coming - self.promised

    def by(self, day: date) -> int:
        """Units that are there by then."""
        there = sum(units for due, units in self.incoming if due <= day)
        return self.available + there - self.promised

    def reason(self) -> Reason:
        return Reason.of(
            "replenish_position",
            available=self.available,
            incoming=self.coming,
            promised=self.promised,
            position=self.total,
        )


@dataclass(frozen=True, slots=True)
class Level:
    """At or below `units` a Sku is low."""

    units: int
    reason: Reason


def alert_level(
    kind: AlertKind, *, static: int, cover: Need, lead: Need, service: int, lead_days: int
) -> Level:
    """The level of one Sku. `cover` is the demand of the days a person wants to have in stock,
    `lead` that of the lead time and the days until the next look; `service` in percent."""
    if kind is AlertKind.STATIC:
        return Level(static, Reason.of("replenish_static", level=static))
    if kind is AlertKind.DAYS_OF_COVER:
        units = _whole(cover.expected)
        return Level(units, Reason.of("replenish_days_of_cover", level=units, days=cover.days))
    units = _whole(lead.level)
    reason = Reason.of(
        "replenish_reorder_point",
        level=units,
        days=lead.days,
        lead=lead_days,
        review=lead.days - lead_days,
        service=service,
    )
    return Level(units, reason)


def _whole(units: float) -> int:
    """Rounded up: a half unit of demand is one that somebody may ask for."""
    return max(0, -int(-units // 1))


@dataclass(frozen=True, slots=True)
class Quantity:
    """What to order of one Sku from one supplier. `units` 0: nothing can be ordered sensibly."""

    units: int
    packs: int
    #: of one unit; None: not known
    price: Money | None
    #: of all of them
    cost: Money | None
    steps: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """No more than `units` may be bought: more would lie longer than `days`."""

    units: int
    days: int


def order_quantity(need: int, item: SupplierItem, *, room: Room | None = None) -> Quantity:
    """The cheapest order that brings at least `need` units (1 or more).

    Whole packs, never below the supplier's minimum; a price break is taken where the whole order
    becomes cheaper by it. `room` caps it; where not even the minimum fits in, nothing is ordered
    and the reason says so.
    """
    steps = []
    units = _packs_up(need, item.pack)
    if item.pack > 1:
        steps.append(Reason.of("replenish_packs", pack=item.pack, quantity=units))
    if units < item.least:
        units = _packs_up(item.least, item.pack)
        steps.append(Reason.of("replenish_minimum", least=item.least, quantity=units))
    if room is not None and units > room.units:
        units = max(0, room.units) // item.pack * item.pack
        if units < max(item.least, 1):
            over = Reason.of(
                "replenish_minimum_too_much",
                least=_packs_up(max(item.least, 1), item.pack),
                days=room.days,
                room=max(0, room.units),
            )
            return Quantity(0, 0, item.price(item.least), None, (*steps, over))
        steps.append(Reason.of("replenish_capped", days=room.days, quantity=units))
    better = _cheaper(units, item, room)
    if better is not None:
        units, reason = better
        steps.append(reason)
    price = item.price(units)
    cost = None if price is None else price * units
    return Quantity(units, units // item.pack, price, cost, tuple(steps))


def _packs_up(units: int, pack: int) -> int:
    return -(-units // pack) * pack


def _cheaper(units: int, item: SupplierItem, room: Room | None) -> tuple[int, Reason] | None:
    """More units for less money, where a price break makes that so."""
    price = item.price(units)
    if price is None:
        return None
    found = None
    best = price * units
    for least, lower in item.breaks:
        more = _packs_up(least, item.pack)
        if more <= units or (room is not None and more > room.units):
            continue
        if (total := lower * more).amount < best.amount:
            reason = Reason.of(
                "replenish_break",
                least=least,
                price=str(lower),
                total=str(total),
                before=str(best),
                quantity=more,
            )
            found, best = (more, reason), total
    return found


# --- by when, and what waiting costs -------------------------------------------------------------


def runs_out(position: Position, level: Callable[[int], float], *, today: date, most: int) -> date:
    """The first day on which demand may be more than what is there; at the latest `most` days on.

    `level(days)` are the units that cover so many days, and grows with them. What is incoming
    counts from its day.
    """
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if level(middle + 1) > position.by(today + timedelta(days=middle)):
            high = middle
        else:
            low = middle + 1
    return today + timedelta(days=low)


#: A spread of fewer units is none.
_CERTAIN = 1e-6


def shortage(stock: int, need: Need, *, service: int) -> float:
    """Units that `need` is expected to miss with this stock.

    `service` in percent, above 50. The spread is read back from the level: E[(D - stock)+] of a normal distribution (Silver, Pyke,
    Thomas, Inventory and Production Management, 4th ed., appendix II).
    """
    normal = NormalDist()
    spread = (need.level - need.expected) / normal.inv_cdf(service / 100)
    if spread < _CERTAIN:
        return max(0.0, need.expected - stock)
    distance = (stock - need.expected) / spread
    return max(0.0, spread * (normal.pdf(distance) - distance * (1 - normal.cdf(distance))))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What it costs to leave an order to the next time."""

    #: expected units that could not be sold
    units: int
    #: their margin; None: not known
    loss: Money | None
    #: the day the later order would be here
    arrives: date


def waiting(
    position: Position, *, now: tuple[date, Need], later: tuple[date, Need],
    service: int, margin: Money | None,
) -> Waiting:  # fmt: skip
    """`now` and `later`: the day an order made then arrives, and the demand until that day."""
    (here, until_here), (there, until_there) = now, later
    missed = shortage(position.by(there), until_there, service=service)
    missed -= shortage(position.by(here), until_here, service=service)
    units = round(max(0.0, missed))
    return Waiting(units, None if margin is None else margin * units, there)


# --- from whom -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bid:
    """What one supplier would get."""

    supplier: str
    quantity: Quantity
    #: of all units at landed cost, in the shop's own money; None: not known
    landed: Money | None
    lead_days: int

    @property
    def each(self) -> Money | None:
        """One unit at landed cost, to the nearest minor unit."""
        if self.landed is None or not self.quantity.units:
            return None
        each = nearest(Fraction(self.landed.amount, self.quantity.units))
        return Money(each, self.landed.currency)


def landed_reason(line: LandedLine, currency: str) -> Reason:
    """What one unit of an order costs when it lies on our shelf, as a sum."""
    return Reason.of(
        "replenish_landed",
        goods=str(Money(line.goods, currency)),
        freight=str(Money(line.freight, currency)),
        duty=str(Money(line.duty, currency)),
        fees=str(Money(line.fees, currency)),
        total=str(Money(line.total, currency)),
        units=line.units,
        each=str(Money(nearest(Fraction(line.total, line.units)), currency)),
    )


def cheapest(bids: Iterable[Bid]) -> tuple[Bid, tuple[Reason, ...]] | None:
    """The supplier to buy from: the lowest landed cost of a unit, then the shorter way, then the name.

    A price that is not known comes after all that are; a supplier from whom nothing can be ordered
    sensibly comes last.
    """
    ordered = sorted(bids, key=_rank)
    if not ordered:
        return None
    first = ordered[0]
    if len(ordered) == 1 or first.each is None:
        return first, ()
    second = ordered[1]
    reason = Reason.of(
        "replenish_cheapest",
        supplier=first.supplier,
        each=str(first.each),
        other=second.supplier,
        than=str(second.each) if second.each else "",
    )
    return first, (reason,)


def _rank(bid: Bid) -> tuple[bool, bool, Fraction, int, str]:
    units = bid.quantity.units
    each = Fraction(bid.landed.amount, units) if bid.landed and units else Fraction(0)
    return (units == 0, bid.landed is None, each, bid.lead_days, bid.supplier)


# --- what nobody buys ----------------------------------------------------------------------------


class SlowStep(StrEnum):
    PROMOTE = "promote"
    RETURN = "return_to_supplier"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class SlowLimits:
    #: more days of cover than this are too many
    cover_days: int
    #: no sale in so many days is silence
    silent_days: int


@dataclass(frozen=True, slots=True)
class Slow:
    sku: Sku
    #: days the stock lasts; None: nothing sells
    cover_days: int | None
    step: SlowStep
    reason: Reason


def slow_mover(
    sku: Sku, *, units: int, per_day: float, unsold_days: int, age_days: int | None,
    returns_days: int, limits: SlowLimits,
) -> Slow | None:  # fmt: skip
    """What to do about stock that lies; None where it moves, or is not known for long enough.

    `unsold_days` since the last sale, or since the Sku was first known; `age_days` since the last
    receipt (None: not known); `returns_days`: how long after it the supplier takes it back (0: not
    at all).
    """
    silent = unsold_days >= limits.silent_days
    lately = age_days is not None and age_days < limits.silent_days
    cover = None if per_day <= 0 else int(units / per_day)
    too_much = cover is not None and cover > limits.cover_days and not lately
    if units <= 0 or not (silent or too_much):
        return None
    args: dict[str, Arg] = {
        "units": units,
        "cover": "endless" if cover is None else cover,
        "unsold": unsold_days,
    }
    if returns_days and age_days is not None and age_days <= returns_days:
        reason = Reason("slow_return", {**args, "left": returns_days - age_days})
        return Slow(sku, cover, SlowStep.RETURN, reason)
    if unsold_days >= 2 * limits.silent_days:
        return Slow(sku, cover, SlowStep.STOP, Reason("slow_stop", args))
    return Slow(sku, cover, SlowStep.PROMOTE, Reason("slow_promote", args))
