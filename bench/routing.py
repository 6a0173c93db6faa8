"""What shipping orders costs: the router, three ways that shops are routed by elsewhere, and HiGHS.

Orders are made up: warehouses whose goods cost the same and suppliers whose do not, carriage by zone
and weight in steps, places with working days, holidays, time zones and cut-offs of which the product's
own rules work out how late a service is, some Skus scarce, some in parcels of their own, some refused by
air. Every plan is priced by the same sum.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.dispatch import POUND, dispatch_of, order_of, ways_of
from bench.figures import Figures
from bench.milp import cheapest
from core.model.catalog import LocationId, Sku
from core.model.routing import Origin, Piece, Way
from core.rules.allocation import Demand
from core.rules.routing import Routing, route

MOST_PLACES = 3
#: (fewest and most places, fewest and most lines of an order, scarce stock, orders of each number of
#: places with each number of lines)
Case = tuple[tuple[int, int], tuple[int, int], bool, int]
CASES: Sequence[Case] = tuple(
    (places, lines, scarce, orders)
    for scarce in (False, True)
    for lines, orders in (
        ((1, 1), 30), ((2, 2), 15), ((3, 3), 10), ((4, 6), 5), ((7, 12), 2), ((13, 20), 1)
    )
    for places in ((2, 5), (6, 12))
)  # fmt: skip
#: Lines of orders in a shop, and how often.
SIZES, WEIGHTS = (1, 2, 3, 5, 10), (60, 22, 12, 5, 1)


@dataclass(frozen=True)
class Instance:
    """One order, and where it may come from."""

    demands: Sequence[Demand]
    origins: Sequence[Origin]
    have: Mapping[tuple[Sku, LocationId], int]
    pieces: Mapping[Sku, Piece]

    def routed(self) -> Routing:
        return route(
            self.demands, origins=self.origins, available=self.have, pieces=self.pieces,
            most_places=MOST_PLACES,
        )  # fmt: skip

    def least(self) -> int | None:
        return cheapest(self.demands, self.origins, self.have, self.pieces, MOST_PLACES)


def instance(chance: random.Random, *, places: int, lines: int, scarce: bool) -> Instance:
    """One order of so many lines in a shop of so many places, each with a calendar."""
    skus = [f"S{number}" for number in range(lines)]
    names = [f"P{number}" for number in range(places)]
    shelf = (0, 0, 1, 2) if scarce else (0, 6, 20, 20)
    now, buyer = order_of(chance)
    shop = [
        replace(
            origin_of(chance, name, at, skus), ways=ways_of(dispatch_of(chance, name), now, buyer)
        )
        for at, name in enumerate(names)
    ]
    return Instance(
        [Demand(sku, {sku: 1}, chance.choices((1, 2, 3), (8, 1, 1))[0]) for sku in skus],
        shop,
        {(sku, name): chance.choice(shelf) for sku in skus for name in names},
        {sku: piece_of(chance) for sku in skus},
    )


def piece_of(chance: random.Random) -> Piece:
    return Piece(
        round(chance.lognormvariate(6.5, 0.9)),
        round(chance.lognormvariate(8, 0.9)),
        alone=chance.random() < 0.05,
        refused_by=frozenset({"air"}) if chance.random() < 0.1 else frozenset(),
    )


def origin_of(chance: random.Random, name: str, priority: int, skus: Sequence[Sku]) -> Origin:
    """What a place asks. Its distance and lateness are drawn: `instance` puts those of a calendar there."""
    zone, supplier = chance.randrange(1, 9), chance.random() < 0.3
    ways = tuple(
        Way(
            service,
            tuple(
                (POUND * pounds, factor * (700 + 20 * zone + (35 + 7 * zone) * pounds) // 10)
                for pounds in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
            ),
            volume_per_kilogram=5_022,
            lateness=chance.choice((0, 0, 350)) if service == "ground" else 0,
        )
        for service, factor in (("ground", 10), ("air", 24))
    )
    return Origin(
        name,
        priority,
        ways,
        parcel=chance.randrange(60, 180),
        line=chance.randrange(10, 50),
        preference=chance.choice((0, 0, 50)),
        goods={sku: chance.randrange(0, 400) for sku in skus} if supplier else {},
        scarcity={sku: (20, 90, 300) for sku in skus if chance.random() < 0.1},
    )


# --- how others choose ---------------------------------------------------------------------------


def _in_turn(one: Instance, order: Sequence[Origin]) -> int | None:
    """Cents when each place ships what it has of what is left, in this order; None: not everything."""
    left = {demand.line: demand for demand in one.demands}
    cents = 0
    for origin in order:
        mine = [
            replace(demand, units=units)
            for demand in left.values()
            if (units := min(demand.units, max(0, one.have[demand.line, origin.place]))) > 0
        ]
        if not mine:
            continue
        found = route(mine, origins=[origin], available=one.have, pieces=one.pieces)
        if found.plan is None:
            continue
        cents += found.plan.costs.total
        for taken in mine:
            rest = left.pop(taken.line)
            if rest.units > taken.units:
                left[taken.line] = replace(rest, units=rest.units - taken.units)
    return None if left else cents


def by_priority(one: Instance) -> int | None:
    return _in_turn(one, sorted(one.origins, key=lambda origin: origin.priority))


def nearest_first(one: Instance) -> int | None:
    return _in_turn(one, sorted(one.origins, key=lambda origin: origin.ways[0].rates[0][1]))


def fewest_splits(one: Instance) -> int | None:
    """Fewest places, whatever it costs; of equal ones the better priorities."""
    free = [Origin(origin.place, origin.priority) for origin in one.origins]
    chosen = route(
        one.demands, origins=free, available=one.have, pieces={}, most_places=MOST_PLACES
    ).plan
    if chosen is None:
        return None
    places = [next(o for o in one.origins if o.place == part.place) for part in chosen.parts]
    return _in_turn(one, places)


# --- measuring -----------------------------------------------------------------------------------


def measure(*, seed: int, cases: Sequence[Case] = CASES) -> Figures:
    found = Figures("routing: one order", "goal: equal to the oracle to the cent")
    for places, lines, scarce, orders in cases:
        asked = [
            instance(chance, places=there, lines=length, scarce=scarce)
            for there in range(places[0], places[1] + 1)
            for length in range(lines[0], lines[1] + 1)
            for chance in [random.Random(f"{seed} {there} {length} {scarce}")]
            for _ in range(orders)
        ]
        _measure(found, asked, places=_span(places), lines=_span(lines), scarce=scarce)
    return found


def _span(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"


def without_calendars(one: Instance) -> Instance:
    """The same order, in a world without calendars."""
    origins = [
        replace(origin, ways=tuple(replace(way, lateness=0) for way in origin.ways))
        for origin in one.origins
    ]
    return replace(one, origins=origins)


def _chosen(found: Routing) -> list[tuple[object, ...]]:
    parts = found.plan.parts if found.plan else ()
    return sorted((part.place, part.service, tuple(sorted(part.units.items()))) for part in parts)


def _measure(found: Figures, asked: Sequence[Instance], **case: object) -> None:
    began = time.process_time()
    routed = [one.routed() for one in asked]
    seconds = time.process_time() - began
    ours = least = equal = feasible = proved = worst = moved = 0
    peers = {"priority": 0, "nearest": 0, "fewest": 0}
    both = 0
    for one, mine in zip(asked, routed, strict=True):
        best = one.least()
        if best is None:
            assert mine.plan is None, "the oracle finds every plan"
            continue
        assert mine.plan is not None, "what the oracle ships can be shipped"
        cents = mine.plan.costs.total
        feasible, proved = feasible + 1, proved + mine.proved
        equal, worst = equal + (cents == best), max(worst, cents - best)
        moved += _chosen(mine) != _chosen(without_calendars(one).routed())
        theirs = (by_priority(one), nearest_first(one), fewest_splits(one))
        if None not in theirs:
            both, ours, least = both + 1, ours + cents, least + best
            for name, total in zip(peers, theirs, strict=True):
                peers[name] += total or 0
    found.add(
        **case,
        orders=len(asked),
        feasible=feasible,
        equal=equal,
        proved=proved,
        worst_cents=worst,
        moved_by_calendars=moved,
        ms_per_order=seconds / len(asked) * 1_000,
        compared=both,
        oracle_cents=least,
        ours_percent=100 * ours / max(1, least),
        **{f"{name}_percent": 100 * total / max(1, least) for name, total in peers.items()},
    )


def measure_speed(*, seed: int, orders: int = 4_000, places: int = 5) -> Figures:
    """Orders a second on one core, of the sizes that a shop has."""
    found = Figures("routing: speed", "goal: 1,000 orders/s on one core")
    for scarce in (False, True):
        chance = random.Random(seed)
        asked = [
            instance(chance, places=places, lines=chance.choices(SIZES, WEIGHTS)[0], scarce=scarce)
            for _ in range(orders)
        ]
        times = []
        for one in asked:
            began = time.process_time()
            one.routed()
            times.append(time.process_time() - began)
        times.sort()
        found.add(
            places=places,
            scarce=scarce,
            orders=orders,
            orders_per_s=orders / sum(times),
            p50_ms=times[len(times) // 2] * 1_000,
            p99_ms=times[len(times) * 99 // 100] * 1_000,
        )
    return found
