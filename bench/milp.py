"""What shipping costs, as a mixed-integer program for HiGHS: an independent judge.

Of one order, or of several that share units.

It shares with `core.rules.routing` only the model of what things cost, not how the least is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix

from core.model.catalog import LocationId, Sku
from core.model.routing import Origin, Piece, Way
from core.rules.allocation import Demand
from core.rules.loads import carriage

_ANY = Way("", ((1 << 40, 0),))


class Program:
    """Variables with their cost, and sums of them within limits."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.most: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def number(self, cost: float, most: float, *, whole: bool = True) -> int:
        self.costs.append(cost)
        self.most.append(most)
        self.whole.append(int(whole))
        return len(self.costs) - 1

    def within(self, terms: Mapping[int, float], low: float, high: float) -> None:
        self.rows.append((dict(terms), low, high))

    def least(self) -> int | None:
        """The least cost in whole cents; None: there is no way."""
        entries = [(row, at, value) for row, (terms, _, _) in enumerate(self.rows)
                   for at, value in terms.items()]  # fmt: skip
        rows, columns, values = zip(*entries, strict=True)
        sums = coo_matrix((values, (rows, columns)), shape=(len(self.rows), len(self.costs)))
        limits = LinearConstraint(
            sums.tocsr(), [low for _, low, _ in self.rows], [high for _, _, high in self.rows]
        )
        found = milp(
            self.costs, integrality=self.whole, constraints=limits,
            bounds=Bounds(numpy.zeros(len(self.most)), numpy.array(self.most)),
            options={"mip_rel_gap": 0},
        )  # fmt: skip
        return round(found.fun) if found.status == 0 else None


def cheapest(
    demands: Sequence[Demand],
    origins: Sequence[Origin],
    have: Mapping[tuple[Sku, LocationId], int],
    pieces: Mapping[Sku, Piece],
    most_places: int,
) -> int | None:
    """Cents of the cheapest plan that ships everything; None: there is none."""
    return cheapest_together([(demands, origins)], have, pieces, most_places)


def cheapest_together(
    orders: Sequence[tuple[Sequence[Demand], Sequence[Origin]]],
    have: Mapping[tuple[Sku, LocationId], int],
    pieces: Mapping[Sku, Piece],
    most_places: int,
) -> int | None:
    """Cents of the cheapest plans that ship all of these orders; None: there are none."""
    program = Program()
    taken: dict[tuple[Sku, LocationId], dict[int, float]] = defaultdict(dict)
    for demands, origins in orders:
        given: dict[int, dict[int, float]] = defaultdict(dict)
        opened: dict[int, float] = {}
        for one in origins:
            mine = _place(program, one, demands, pieces, given, opened)
            for sku, units in mine.items():
                taken[sku, one.place].update(units)
        for number, demand in enumerate(demands):
            if not given[number]:
                return None
            program.within(given[number], demand.units, demand.units)
        program.within(opened, 0, most_places)
    for cell, units in taken.items():
        program.within(units, 0, max(0, have.get(cell, 0)))
    return program.least()


def _place(
    program: Program, one: Origin, demands: Sequence[Demand], pieces: Mapping[Sku, Piece],
    given: dict[int, dict[int, float]], opened: dict[int, float],
) -> dict[Sku, dict[int, float]]:  # fmt: skip
    """Put one place that may ship an order in; Sku -> the variables that take units of it there."""
    chosen: dict[int, float] = {}
    taken: dict[Sku, dict[int, float]] = defaultdict(dict)
    touched: dict[int, dict[int, float]] = defaultdict(dict)
    for way in one.ways or (_ANY,):
        used = program.number(one.preference + way.lateness, 1)
        chosen[used] = opened[used] = 1
        most, dearest = way.rates[-1]
        full = program.number(dearest + one.parcel, 1_000)
        bands = [(program.number(cents + one.parcel, 1), grams) for grams, cents in way.rates]
        program.within({band: 1 for band, _ in bands}, 0, 1)
        room = {full: -float(most), **{band: -float(grams) for band, grams in bands}}
        weight, volume = dict(room), dict(room)
        for number, demand in enumerate(demands):
            parts = [(pieces.get(sku, Piece()), per) for sku, per in demand.components.items()]
            if one.place in demand.barred or any(way.service in p.refused_by for p, _ in parts):
                continue
            cents = sum(one.goods.get(sku, 0) * per for sku, per in demand.components.items())
            for piece, per in parts:
                if piece.alone:
                    carried, parcels = carriage(way, piece.grams, piece.volume)
                    cents += per * (carried + parcels * one.parcel)
            units = program.number(cents, demand.units)
            given[number][units] = touched[number][units] = 1
            program.within({units: 1, used: -demand.units}, -numpy.inf, 0)
            together = [(piece, per) for piece, per in parts if not piece.alone]
            weight[units] = sum(piece.grams * per for piece, per in together)
            volume[units] = sum(
                piece.volume * per * 1000 / (way.volume_per_kilogram or 1e12)
                for piece, per in together
            )
            if together:
                parcels_there = {full: -demand.units, **{band: -demand.units for band, _ in bands}}
                program.within({units: 1, **parcels_there}, -numpy.inf, 0)
            for sku, per in demand.components.items():
                taken[sku][units] = per
        program.within(weight, -numpy.inf, 0)
        program.within(volume, -numpy.inf, 0)
    program.within(chosen, 0, 1)
    for number, units in touched.items():
        line = program.number(one.line, 1)
        program.within({**units, line: -demands[number].units}, -numpy.inf, 0)
    for sku, units in taken.items():
        if steps := one.scarcity.get(sku):
            each = [program.number(step, 1, whole=False) for step in steps]
            each.append(program.number(steps[-1], 1e6, whole=False))
            program.within({**units, **dict.fromkeys(each, -1.0)}, -numpy.inf, 0)
    return taken
