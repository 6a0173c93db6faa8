"""What units that too many orders would like are worth, and the plans orders would have at such prices.

An order that pays for a scarce unit what it is worth to another leaves it to that other by itself.
Prices are Lagrange's multipliers, raised and lowered by subgradients with the step of Polyak (1969)
over the plans that are known; then each order is asked for its cheapest plan at those prices, which
makes the known plans more (columns, as in Gilmore and Gomory 1961).
"""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.model.catalog import LocationId, Sku
from core.model.routing import Origin, Piece, Plan
from core.rules.allocation import Demand
from core.rules.routing import route

#: (component Sku, place)
Cell = tuple[Sku, LocationId]

#: Times that all are asked for a plan at new prices, and steps to find those prices.
_PRICINGS, _STEPS = 3, 60
#: Steps that find nothing better before they are halved, and how far above the known cost they aim.
_PATIENCE, _AIM = 4, 0.02
#: Branches of one search; a plan that is not the best for sure is one all the same.
_MOST_BRANCHES = 2_000

_FREE_OF_CHARGE: Mapping[Cell, int] = {}


@dataclass(frozen=True, slots=True)
class Contender:
    """One order among those that compete for units, with the plan it has."""

    demands: tuple[Demand, ...]
    #: places that may ship it
    origins: tuple[Origin, ...]
    plan: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A plan an order may have, and the units it takes."""

    cents: int
    plan: Plan
    takes: tuple[tuple[Cell, int], ...]

    def at(self, prices: Mapping[Cell, float]) -> float:
        """Cents with what its units are worth."""
        return self.cents + sum([prices.get(cell, 0) * units for cell, units in self.takes])


class Asking:
    """One order: which units it may take, and the plans that are known for it."""

    def __init__(
        self,
        one: Contender,
        pieces: Mapping[Sku, Piece],
        most_places: int,
        *,
        most_branches: int = _MOST_BRANCHES,
    ) -> None:
        #: every search so far went to its end: what it found is the cheapest there is
        self.proved = True
        self._most_branches = most_branches
        self._one = one
        self._pieces = pieces
        self._most_places = most_places
        self._components = {demand.line: demand.components for demand in one.demands}
        wanted: Counter[Sku] = Counter()
        for demand in one.demands:
            for sku, per in demand.components.items():
                wanted[sku] += per * demand.units
        self._skus = sorted(wanted)
        self.cells: tuple[Cell, ...] = tuple(
            (sku, origin.place) for sku in self._skus for origin in one.origins
        )
        self._needs = tuple(wanted[sku] for sku, _ in self.cells)
        self._asked: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
        self._seen: dict[tuple[tuple[Cell, int], ...], Column] = {}
        #: the cheapest first
        self.columns: list[Column] = []
        self.first = self.add(one.plan)

    def can_have(self, left: Mapping[Cell, int], mine: Mapping[Cell, int]) -> tuple[int, ...]:
        """Units it can have cell by cell; more than it asks for makes no difference."""
        return tuple(
            [
                min(max(0, left.get(cell, 0)) + mine.get(cell, 0), need)
                for cell, need in zip(self.cells, self._needs, strict=True)
            ]
        )

    def learn(self, have: tuple[int, ...], prices: Mapping[Cell, int] = _FREE_OF_CHARGE) -> bool:
        """Find the cheapest plan with these units at these prices. False: it was looked for before."""
        asked = (have, tuple([prices.get(cell, 0) for cell in self.cells]))
        if asked in self._asked:
            return False
        self._asked.add(asked)
        found = route(
            self._one.demands,
            origins=[self._priced(origin, prices) for origin in self._one.origins],
            available=dict(zip(self.cells, have, strict=True)),
            pieces=self._pieces,
            most_places=self._most_places,
            most_branches=self._most_branches,
        )
        self.proved &= found.proved
        for plan in (found.plan, *found.others):
            if plan is not None:
                self.add(plan, prices)
        return True

    def cheapest(self, prices: Mapping[Cell, float]) -> tuple[float, Column]:
        """The known plan that is cheapest at these prices, and its cents with them."""
        best, least = self.first, math.inf
        for column in self.columns:
            if column.cents >= least:
                break
            cents = column.at(prices)
            if cents < least:
                best, least = column, cents
        return least, best

    def _priced(self, origin: Origin, prices: Mapping[Cell, int]) -> Origin:
        more = {sku: price for sku in self._skus if (price := prices.get((sku, origin.place), 0))}
        if not more:
            return origin
        goods = {sku: origin.goods.get(sku, 0) + price for sku, price in more.items()}
        return replace(origin, goods={**origin.goods, **goods})

    def add(self, plan: Plan, prices: Mapping[Cell, int] = _FREE_OF_CHARGE) -> Column:
        """Keep a plan at its own cost, without what its units were said to be worth."""
        parts, taken = [], Counter[Cell]()
        for part in plan.parts:
            worth = 0
            for line, units in part.units.items():
                for sku, per in self._components[line].items():
                    taken[sku, part.place] += per * units
                    worth += prices.get((sku, part.place), 0) * per * units
            costs = replace(part.costs, goods=part.costs.goods - worth)
            parts.append(replace(part, costs=costs) if worth else part)
        made = Plan(tuple(parts)) if prices else plan
        column = Column(made.costs.total, made, tuple(sorted(taken.items())))
        # Of two that take the same units the first one is the cheapest of its places.
        known = self._seen.setdefault(column.takes, column)
        if known is column:
            insort(self.columns, column, key=lambda one: one.cents)
        return known


@dataclass(frozen=True, slots=True)
class Worth:
    """What was learned of the units that are short."""

    #: cents of one more unit
    prices: Mapping[Cell, int]
    #: by order, how often each plan was its cheapest while prices were found
    often: Sequence[Mapping[Column, int]]
    #: searches that were made
    calls: int


def worth_of(asking: Sequence[Asking], units: Mapping[Cell, int], *, known: int) -> Worth:
    """Find prices at which about as many would like each unit as there are; orders learn plans by it.

    `units` are all there are for them; `known` is what they cost together in plans that go.
    """
    prices: dict[Cell, float] = {}
    calls, often = 0, list[Counter[Column]]()
    for _ in range(_PRICINGS):
        prices, often = _settled(asking, units, prices, known)
        whole = {cell: round(price) for cell, price in prices.items() if round(price)}
        for one in asking:
            if any(cell in whole for cell in one.cells):
                calls += one.learn(one.can_have(units, {}), whole)
    return Worth({cell: round(price) for cell, price in prices.items()}, often, calls)


def _settled(
    asking: Sequence[Asking], units: Mapping[Cell, int], prices: Mapping[Cell, float], known: int
) -> tuple[dict[Cell, float], list[Counter[Column]]]:
    """The prices that prove most about what all must cost, over the plans that are known."""
    often = [Counter[Column]() for _ in asking]
    now: dict[Cell, float] = defaultdict(float, prices)
    best, proved, step, stale = dict(prices), -math.inf, 1.0, 0
    for _ in range(_STEPS):
        used: Counter[Cell] = Counter()
        total = -sum(price * units.get(cell, 0) for cell, price in now.items())
        for one, counted in zip(asking, often, strict=True):
            cents, column = one.cheapest(now)
            total += cents
            counted[column] += 1
            for cell, count in column.takes:
                used[cell] += count
        if total > proved:
            best, proved, stale = dict(now), total, 0
        elif (stale := stale + 1) % _PATIENCE == 0:
            step /= 2
        lacking = {
            cell: lack
            for cell in {**used, **now}
            if (lack := used[cell] - units.get(cell, 0)) > 0 or now.get(cell)
        }
        if not (norm := sum(lack * lack for lack in lacking.values())):
            break
        move = step * max(1.0, (1 + _AIM) * known - total) / norm
        for cell, lack in lacking.items():
            now[cell] = max(0.0, now[cell] + move * lack)
    return best, often
