"""What a backlog costs to ship: order by order, all of them together, and what it costs at least.

A thousand orders want the same few hundred Skus from five places, and not every shelf has enough for
all that would like it. Small backlogs are judged by HiGHS on the whole problem. Of large ones HiGHS
solves the linear program over plans, which grows until no order knows a better plan at its prices
(column generation): no plans for all of them cost less than what it proves.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_matrix, csr_matrix

from bench.figures import Figures
from bench.milp import cheapest_together
from bench.routing import MOST_PLACES, SIZES, WEIGHTS, origin_of, piece_of
from core.model.catalog import Sku
from core.model.routing import Piece, Plan
from core.rules import joint
from core.rules.allocation import Demand
from core.rules.routing import route
from core.rules.unit_prices import Asking, Cell, Contender
from jobs.decide import ORDERS_AT_ONCE
from jobs.routing import ROUNDS_EACH

#: Units there are for each one that is asked for, over all places.
FILLS = (1.2, 1.5, 3.0)
#: Branches in which every order here is proved.
_TO_THE_END = 5_000_000


@dataclass(frozen=True)
class Backlog:
    """Orders that wait, as they are routed one after the other."""

    contenders: Sequence[Contender]
    #: units before any of them took some, and after
    have: Mapping[Cell, int]
    free: Mapping[Cell, int]
    pieces: Mapping[Sku, Piece]
    #: orders that are left without a plan when they are routed in turn
    unrouted: int

    @property
    def cents(self) -> int:
        return sum(one.plan.costs.total for one in self.contenders)

    def together(self, *, rounds_each: int = joint.ROUNDS_EACH) -> tuple[Plan, ...]:
        return joint.route_together(
            self.contenders, free=self.free, pieces=self.pieces, chance=random.Random(0),
            most_places=MOST_PLACES, rounds_each=rounds_each,
        )  # fmt: skip

    def oracle(self) -> int | None:
        """The least cost of all of them, by HiGHS; for some dozen orders."""
        asked = [(one.demands, one.origins) for one in self.contenders]
        return cheapest_together(asked, self.have, self.pieces, MOST_PLACES)


def backlog(
    chance: random.Random, *, orders: int, places: int, skus: int, fill: float, longest: int = 10
) -> Backlog:
    """So many orders of a shop's sizes; `fill`: units there are for each one that is asked for."""
    names = [f"P{number}" for number in range(places)]
    items = [f"S{number}" for number in range(skus)]
    pieces = {sku: piece_of(chance) for sku in items}
    asked = [
        tuple(
            Demand(sku, {sku: 1}, chance.choices((1, 2, 3), (8, 1, 1))[0])
            for sku in chance.sample(items, min(longest, chance.choices(SIZES, WEIGHTS)[0]))
        )
        for _ in range(orders)
    ]
    wanted = Counter[Sku]()
    for demands in asked:
        wanted.update({demand.line: demand.units for demand in demands})
    have: dict[Cell, int] = {}
    for sku in items:
        parts = [chance.random() for _ in names]
        for name, part in zip(names, parts, strict=True):
            have[sku, name] = round(wanted[sku] * fill * part / sum(parts))
    # What a place asks for its work and goods is the same for all; how far it is, is not.
    shop = [origin_of(chance, name, at, items) for at, name in enumerate(names)]
    left, contenders, unrouted = dict(have), [], 0
    for demands in asked:
        origins = tuple(
            replace(one, ways=origin_of(chance, one.place, 0, ()).ways, scarcity={}) for one in shop
        )
        plan = route(
            demands, origins=origins, available=left, pieces=pieces, most_places=MOST_PLACES
        ).plan
        if plan is None:
            unrouted += 1
            continue
        for part in plan.parts:
            for sku, units in part.units.items():
                left[sku, part.place] -= units
        contenders.append(Contender(demands, origins, plan))
    return Backlog(contenders, have, left, pieces, unrouted)


def least(one: Backlog, *starts: Sequence[Plan], rounds: int = 40) -> float:
    """Cents below which no plans for all of them are: the best bound by prices of the units.

    At any prices, all orders at their cheapest with the units' worth, less the worth of all units,
    cost no more than any plans that go. HiGHS finds the prices; each order's cheapest is proved.
    """
    return _priced(one, *starts, rounds=rounds)[0]


def best_known(one: Backlog, *starts: Sequence[Plan], rounds: int = 40) -> tuple[float, float]:
    """(the bound of `least`, the least that HiGHS finds with whole plans of those that it priced).

    What all of them cost at least lies between the two.
    """
    bound, asking = _priced(one, *starts, rounds=rounds)
    program = _Program(asking, sorted(one.have), one.have)
    found = milp(
        program.costs,
        integrality=numpy.ones(len(program.costs)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(program.taken, -numpy.inf, program.have),
            LinearConstraint(program.of_order, 1, 1),
        ],
        options={"mip_rel_gap": 1e-4},
    )
    assert found.status == 0, "the plans they have are a solution"
    return bound, float(found.fun)


def _priced(one: Backlog, *starts: Sequence[Plan], rounds: int) -> tuple[float, Sequence[Asking]]:
    asking = [
        Asking(contender, one.pieces, MOST_PLACES, most_branches=_TO_THE_END)
        for contender in one.contenders
    ]
    for plans in starts:
        for each, plan in zip(asking, plans, strict=True):
            each.add(plan)
    cells = sorted(one.have)
    if not asking:
        return 0.0, asking
    best = 0.0
    for _ in range(rounds):
        prices = _prices(asking, cells, one.have)
        total = -sum(price * one.have[cell] for cell, price in prices.items())
        more = False
        for each in asking:
            more |= each.learn(each.can_have(one.have, {}), prices)
            total += each.cheapest(prices)[0]
        best = max(best, total)
        if not more:
            break
    assert all(each.proved for each in asking), "a bound needs the cheapest plan of every order"
    return best, asking


class _Program:
    """The plans that are known, the units they take, and the orders they are of."""

    def __init__(
        self, asking: Sequence[Asking], cells: Sequence[Cell], have: Mapping[Cell, int]
    ) -> None:
        columns = [(number, plan) for number, each in enumerate(asking) for plan in each.columns]
        at = {cell: row for row, cell in enumerate(cells)}
        entries = [
            (units, at[cell], place)
            for place, (_, column) in enumerate(columns)
            for cell, units in column.takes
        ]
        units, rows, places = zip(*entries, strict=True)
        ones = (numpy.ones(len(columns)), ([n for n, _ in columns], range(len(columns))))
        self.costs = [column.cents for _, column in columns]
        self.taken: csr_matrix = coo_matrix(
            (units, (rows, places)), shape=(len(cells), len(columns))
        ).tocsr()
        self.have = [have[cell] for cell in cells]
        self.of_order: csr_matrix = coo_matrix(ones, shape=(len(asking), len(columns))).tocsr()


def _prices(
    asking: Sequence[Asking], cells: Sequence[Cell], have: Mapping[Cell, int]
) -> dict[Cell, int]:
    """What one more unit of each would save, by the linear program over the plans that are known."""
    program = _Program(asking, cells, have)
    found = linprog(
        program.costs,
        A_ub=program.taken,
        b_ub=program.have,
        A_eq=program.of_order,
        b_eq=numpy.ones(len(asking)),
        method="highs",
    )
    return {
        cell: price
        for cell, saved in zip(cells, found.ineqlin.marginals, strict=True)
        if (price := max(0, round(-saved)))
    }


def measure(
    *,
    seed: int,
    sizes: Sequence[tuple[int, int, int]] = (
        (1_000, 200, joint.ROUNDS_EACH),
        (ORDERS_AT_ONCE, 40, ROUNDS_EACH),
    ),
    places: int = 5,
) -> Figures:
    """A large backlog, and a batch as orders are decided in, against what they cost at least.

    `sizes`: orders, Skus they compete for, rounds for each order.
    """
    found = Figures("routing: a backlog", "goal: within 1 % of the oracle in 5 s")
    for (orders, skus, rounds), fill in itertools.product(sizes, FILLS):
        one = backlog(random.Random(seed), orders=orders, places=places, skus=skus, fill=fill)
        began = time.process_time()
        plans = one.together(rounds_each=rounds)
        seconds = time.process_time() - began
        cents = sum(plan.costs.total for plan in plans)
        bound, whole = best_known(one, [each.plan for each in one.contenders], plans)
        found.add(
            orders=orders,
            places=places,
            units_for_each_asked=fill,
            unrouted=one.unrouted,
            in_turn_percent=100 * one.cents / bound,
            together_percent=100 * cents / bound,
            best_known_percent=100 * whole / bound,
            seconds=seconds,
        )
    return found


def measure_oracle(*, seed: int, backlogs: int = 20, orders: int = 12) -> Figures:
    """Small backlogs, against HiGHS on the whole problem."""
    found = Figures("routing: small backlogs", "goal: within 1 % of the oracle")
    for fill in FILLS[:2]:
        chance = random.Random(f"{seed} {fill}")
        ones = [
            backlog(chance, orders=orders, places=3, skus=6, fill=fill, longest=3)
            for _ in range(backlogs)
        ]
        ours = [sum(plan.costs.total for plan in one.together()) for one in ones]
        best = [one.oracle() for one in ones]
        assert None not in best, "what is shipped in turn can be shipped"
        total = sum(cents or 0 for cents in best)
        found.add(
            backlogs=backlogs,
            orders=orders,
            units_for_each_asked=fill,
            equal=sum(mine == least for mine, least in zip(ours, best, strict=True)),
            in_turn_percent=100 * sum(one.cents for one in ones) / total,
            together_percent=100 * sum(ours) / total,
        )
    return found
