"""Which location holds the units an order asks for, and which units nobody has (I3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from core.model.calendars import Closure
from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.routing import Plan
from core.model.stock import Claim, StockLocation

#: Units that may still be promised.
Free = dict[tuple[Sku, LocationId], int]


_NONE_CLOSED: Mapping[LocationId, Closure] = {}


@dataclass(frozen=True, slots=True)
class Demand:
    """What one order line still asks for."""

    #: the order line's remote id
    line: str
    #: units of each component Sku in ONE unit of the line; {sku: 1} for a plain line
    components: Mapping[Sku, int]
    #: units of the line
    units: int
    #: places that must not ship it, whatever they have
    barred: frozenset[LocationId] = frozenset()


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where every unit comes from. Per line and Sku the claims add up to what was asked for."""

    claims: tuple[Claim, ...]
    #: locations used
    splits: int
    reasons: tuple[Reason, ...]
    #: by which service each location's parcels should go; one that is not in it: nobody says
    services: Mapping[LocationId, str] = field(default_factory=dict)
    #: the day on which each location ships, by its own calendar, where that is known
    ship_on: Mapping[LocationId, date] = field(default_factory=dict)
    #: why it must not be routed although no unit is missing; None: nothing is in the way
    blocked: Reason | None = None
    #: units that have a place ship before the others are there
    partly: bool = False

    @property
    def complete(self) -> bool:
        """No unit is left unallocated."""
        return all(claim.location is not None for claim in self.claims)


def allocate(
    demands: Sequence[Demand],
    *,
    locations: Sequence[StockLocation],
    available: Mapping[tuple[Sku, LocationId], int],
    closed: Mapping[LocationId, Closure] = _NONE_CLOSED,
) -> Allocation:
    """Find units for the demands; `available` may be negative, which is as good as none.

    `closed` are places that do not ship now: they give only what no open place has, so that it is
    claimed all the same (I3) and waits for nothing but their return.

    The first location by (priority, id) that has everything ships everything. Where none has, the
    location that covers most units comes next, until nothing more can be covered: few parcels, not
    provably fewest. A unit of a Kit is never taken apart: all its components come from one place.
    The order of `demands` and `locations` does not matter.
    """
    wanted = sorted((one for one in demands if one.units > 0), key=lambda one: one.line)
    if not wanted:
        return Allocation((), 0, (Reason.of("allocated_nothing"),))
    places = [one.id for one in sorted(locations, key=lambda one: (one.priority, one.id))]
    # Only what is asked for: `available` may hold the levels of a whole batch of orders.
    free = {
        (sku, place): units
        for sku in {sku for one in wanted for sku in one.components}
        for place in places
        if (units := available.get((sku, place), 0)) > 0
    }
    total = sum(one.units for one in wanted)
    left = [one.units for one in wanted]
    open_now = [place for place in places if place not in closed]
    whole = _has_everything(wanted, open_now, free)
    if whole is not None:
        taken = {whole: Counter({at: one.units for at, one in enumerate(wanted)})}
        reasons = [Reason.of("allocated_whole", location=whole, units=total)]
    else:
        taken = _cover(wanted, open_now, free, left)
        taken |= _cover(wanted, [place for place in places if place in closed], free, left)
        reasons = _reasons(taken, total)
    reasons += [
        Reason.of("allocated_closed", location=place, last=closed[place].last.isoformat())
        for place in taken
        if place in closed
    ]
    claims, missing = _claims(wanted, taken)
    reasons += [
        Reason.of("allocated_none", sku=sku, quantity=units)
        for sku, units in sorted(missing.items())
    ]
    if missing:
        reasons += _barred(wanted, left, places, free)
    return Allocation(claims, len(taken), tuple(reasons))


def allocation_of(demands: Sequence[Demand], plan: Plan) -> Allocation:
    """The claims of a plan that ships everything."""
    wanted = sorted((one for one in demands if one.units > 0), key=lambda one: one.line)
    total = sum(one.units for one in wanted)
    taken = {
        part.place: Counter({at: units for at, one in enumerate(wanted)
                             if (units := part.units.get(one.line, 0))})
        for part in plan.parts
    }  # fmt: skip
    claims, missing = _claims(wanted, taken)
    assert not missing, "a plan ships everything"
    services = {part.place: part.service for part in plan.parts if part.service}
    return Allocation(claims, len(taken), tuple(_reasons(taken, total)), services)


def available_part(demands: Sequence[Demand], allocation: Allocation) -> list[Demand]:
    """What of the demands an allocation has a place for: whole units, a Kit with all it is made of."""
    held: Counter[tuple[str, Sku]] = Counter()
    for claim in allocation.claims:
        if claim.location is not None:
            held[claim.line, claim.sku] += claim.quantity
    return [
        replace(one, units=units)
        for one in demands
        if (units := min(held[one.line, sku] // per for sku, per in one.components.items())) > 0
    ]


def _reasons(taken: Mapping[LocationId, Counter[int]], total: int) -> list[Reason]:
    if len(taken) == 1:
        ((place, units),) = taken.items()
        if units.total() == total:
            return [Reason.of("allocated_whole", location=place, units=total)]
    return [
        Reason.of("allocated_part", location=place, units=units.total(), wanted=total)
        for place, units in taken.items()
    ]


def _barred(
    wanted: Sequence[Demand], left: Sequence[int], places: Sequence[LocationId], free: Free
) -> list[Reason]:
    """The places that have units of what is missing and must not ship them."""
    kept = {
        (place, sku)
        for one, units in zip(wanted, left, strict=True)
        if units
        for place in one.barred.intersection(places)
        for sku in one.components
        if (sku, place) in free
    }
    return [Reason.of("allocated_barred", location=place, sku=sku) for place, sku in sorted(kept)]


def _has_everything(
    wanted: Sequence[Demand], places: Sequence[LocationId], free: Free
) -> LocationId | None:
    need: Counter[Sku] = Counter()
    for one in wanted:
        for sku, per_unit in one.components.items():
            need[sku] += one.units * per_unit
    for place in places:
        if any(place in one.barred for one in wanted):
            continue
        if all(free.get((sku, place), 0) >= units for sku, units in need.items()):
            return place
    return None


def _cover(
    wanted: Sequence[Demand], places: Sequence[LocationId], free: Free, left: list[int]
) -> dict[LocationId, Counter[int]]:
    """Location -> line units by index of the demand, in the order the locations were chosen.

    What is covered is taken off `left`, the units of each demand that are still to be found.
    """
    rest = list(places)
    taken: dict[LocationId, Counter[int]] = {}
    while rest and any(left):
        offers = {place: _most(wanted, left, place, free) for place in rest}
        # `max` keeps the first of equals: the better priority.
        best = max(rest, key=lambda place: offers[place].total())
        if not offers[best].total():
            break
        taken[best] = offers[best]
        for at, units in offers[best].items():
            left[at] -= units
        rest.remove(best)
    return taken


def _most(
    wanted: Sequence[Demand], left: Sequence[int], place: LocationId, free: Free
) -> Counter[int]:
    """What this location can give of what is left, whole line units only."""
    have: dict[Sku, int] = {}
    given: Counter[int] = Counter()
    for at, one in enumerate(wanted):
        units = left[at] if place not in one.barred else 0
        for sku, per_unit in one.components.items():
            units = min(units, have.setdefault(sku, free.get((sku, place), 0)) // per_unit)
        if units:
            given[at] = units
            for sku, per_unit in one.components.items():
                have[sku] -= units * per_unit
    return given


def _claims(
    wanted: Sequence[Demand], taken: Mapping[LocationId, Counter[int]]
) -> tuple[tuple[Claim, ...], Counter[Sku]]:
    claims: list[Claim] = []
    missing: Counter[Sku] = Counter()
    for at, one in enumerate(wanted):
        shares: list[tuple[LocationId | None, int]] = [
            (place, units[at]) for place, units in taken.items() if units[at]
        ]
        short = one.units - sum(units for _, units in shares)
        if short:
            shares.append((None, short))
        for sku, per_unit in sorted(one.components.items()):
            missing[sku] += short * per_unit
            claims += [Claim(one.line, sku, place, units * per_unit) for place, units in shares]
    return tuple(claims), +missing
