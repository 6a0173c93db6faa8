"""What the goods of one order cost to carry from a place, in whole cents: loads, parcels, and bounds.

What carriers ask rises in steps with what they bill. Two bounds lie below it: a straight line below
the steps, and the steps themselves, bought for all places together, that have room for everything.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.model.catalog import Sku
from core.model.routing import Costs, Origin, Part, Piece, Way
from core.rules.allocation import Demand

NEVER = math.inf
#: Steps of one place that a bound tells apart; of more, neighbors count as one.
_MOST_STEPS = 40

_UNKNOWN = Piece()
#: No carrier is known: any load is one parcel, and its carriage counts as nothing.
_NO_WAY = (Way("", ((1 << 60, 0),)),)


def billable(way: Way, grams: int, volume: int) -> int:
    """The grams a carrier bills for one parcel: its weight, or its room if that is more."""
    if way.volume_per_kilogram:
        return max(grams, -(-volume * 1000 // way.volume_per_kilogram))
    return grams


def carriage(way: Way, grams: int, volume: int) -> tuple[int, int]:
    """(cents, parcels) of goods that travel together; what is too heavy for one parcel fills several."""
    rates = way.rates
    weight = billable(way, grams, volume)
    most, dearest = rates[-1]
    full, rest = divmod(weight, most) if weight > most else (0, weight)
    if full and not rest:
        return full * dearest, full
    return full * dearest + rates[bisect_left(rates, (rest,))][1], full + 1


def lost(steps: Sequence[int], before: int, units: int) -> int:
    """Cents expected to be lost by taking `units` more, when `before` were taken already."""
    if not steps:
        return 0
    last = len(steps) - 1
    return sum(steps[min(at, last)] for at in range(before, before + units))


@dataclass(frozen=True, slots=True)
class Load:
    """What one place is to ship: units that travel together, and units that travel alone."""

    grams: int = 0
    volume: int = 0
    together: int = 0
    #: ((grams, volume), units), sorted
    alone: tuple[tuple[tuple[int, int], int], ...] = ()
    refused_by: frozenset[str] = frozenset()


class Row:
    """One order line: what a unit of it takes and weighs."""

    def __init__(self, demand: Demand, pieces: Mapping[Sku, Piece]) -> None:
        self.line = demand.line
        self.units = demand.units
        self.barred = demand.barred
        self.components = tuple(sorted(demand.components.items()))
        self.grams = self.volume = self.together = 0
        alone: dict[tuple[int, int], int] = {}
        refused: frozenset[str] = frozenset()
        for sku, per in self.components:
            piece = pieces.get(sku, _UNKNOWN)
            refused |= piece.refused_by
            if piece.alone:
                box = (piece.grams, piece.volume)
                alone[box] = alone.get(box, 0) + per
            else:
                self.grams += piece.grams * per
                self.volume += piece.volume * per
                self.together += per
        self.alone = tuple(sorted(alone.items()))
        self.refused_by = refused

    def onto(self, load: Load, units: int) -> Load:
        """The load with so many units of this line, or, if they are negative, without so many of those
        in it; services that refuse the line refuse the load still."""
        alone = load.alone
        if self.alone:
            found = dict(alone)
            for box, per in self.alone:
                found[box] = found.get(box, 0) + per * units
            alone = tuple(sorted((box, count) for box, count in found.items() if count))
        return Load(
            load.grams + self.grams * units,
            load.volume + self.volume * units,
            load.together + self.together * units,
            alone,
            load.refused_by | self.refused_by if self.refused_by else load.refused_by,
        )


class Loads:
    """The loads an order can make, by number, so that each is put together once. 0 is no load."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._loads = [Load()]
        self._numbers = {self._loads[0]: 0}
        self._next: dict[tuple[int, int, int], int] = {}

    def __getitem__(self, number: int) -> Load:
        return self._loads[number]

    def onto(self, load: int, row: int, units: int) -> int:
        """The load with so many units of a row."""
        key = (load, row, units)
        found = self._next.get(key)
        if found is None:
            made = self._rows[row].onto(self._loads[load], units)
            found = self._numbers.setdefault(made, len(self._loads))
            if found == len(self._loads):
                self._loads.append(made)
            self._next[key] = found
        return found


def _below_rates(rates: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """(cents at no weight, cents a gram) of a line that no parcel's price falls below.

    It passes through the first price and as near as it can to all later ones; several parcels cost
    no less than the heaviest one for each of its grams.
    """
    first, cents = rates[0]
    slopes = [(price - cents) / (grams - first) for grams, price in rates[1:]]
    slope = min([*slopes, rates[-1][1] / rates[-1][0]])
    return cents - slope * first, slope


@dataclass(frozen=True, slots=True)
class Step:
    """What goods that travel together cost at least from a place, up to so much weight and room."""

    cents: int
    grams: int
    #: cubic centimeters
    volume: int


class Desk:
    """One origin while an order is routed: what loads cost there, each worked out once.

    Its bounds hold for loads of which some units travel together; with `only_alone`, for loads of
    which none do.
    """

    def __init__(self, origin: Origin, everything: Load, *, only_alone: bool = False) -> None:
        self.origin = origin
        self.place = origin.place
        self.only_alone = only_alone
        self._everything = everything
        self._ways = origin.ways or _NO_WAY
        self._known: dict[int, float] = {}
        self._step_of: dict[int, int] = {}
        # A straight line below what any of its services asks: cents at no weight, cents a gram.
        lines = [(_below_rates(way.rates), way) for way in self._ways]
        self._slope = min(slope for (_, slope), _ in lines)
        if only_alone:
            #: what opening it costs at least, and what it adds to the straight bound
            self.least = origin.preference + min(way.lateness for way in self._ways)
            self.start = float(self.least)
        else:
            self.least = origin.preference + origin.parcel + min(
                way.rates[0][1] + way.lateness for way in self._ways
            )  # fmt: skip
            self.start = origin.preference + origin.parcel + min(
                start + way.lateness for (start, _), way in lines
            )  # fmt: skip
        # 0: some service bills no room, and weight alone makes the bounds.
        self._volume_per_kilogram = (
            max(way.volume_per_kilogram for way in self._ways)
            if all(way.volume_per_kilogram for way in self._ways)
            else 0
        )

    def lone(self, row: Row) -> int:
        """What a parcel of its own costs at least for each unit of a line that travels alone."""
        return sum(
            count * min(self._parcels(way, Load(alone=((box, 1),)))[0] for way in self._ways)
            + count * self.origin.parcel
            for box, count in row.alone
        )

    def shared(self, row: Row, *, by_volume: bool) -> float:
        """What carrying one unit of a line in shared parcels adds to the straight bound, by its weight
        or by its room."""
        if not by_volume:
            return self._slope * row.grams
        per = self._volume_per_kilogram
        return self._slope * row.volume * 1000 / per if per else 0.0

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What loads cost at least, by rising cents, until there is room for the whole order."""
        if self.only_alone:
            return (Step(self.least, 0, 0),)
        per = self._volume_per_kilogram
        needed = self._billable(self._everything)
        asked = sorted(
            (cents + way.lateness + self.origin.preference, -grams)
            for way in self._ways
            for cents, grams in _parcels_up_to(way, needed, self.origin.parcel)
        )
        steps: list[Step] = []
        for cents, grams in asked:
            if not steps or -grams > steps[-1].grams:
                steps.append(Step(cents, -grams, -grams * per // 1000 if per else 1 << 60))
        while len(steps) > _MOST_STEPS:
            # Two as one: for the cents of the smaller the room of the larger.
            steps = [
                Step(low.cents, high.grams, high.volume)
                for low, high in zip(steps[::2], steps[1::2] + steps[-1:], strict=False)
            ]
        return tuple(steps)

    def step(self, load: int, loads: Loads) -> int:
        """The number of the first step that has room for a load."""
        known = self._step_of.get(load)
        if known is None:
            known = 0
            if not self.only_alone:
                weight = self._billable(loads[load])
                known = bisect_left(self.steps, weight, key=lambda step: step.grams)
            self._step_of[load] = known
        return known

    def _billable(self, load: Load) -> int:
        """No more grams than any of its services bills."""
        per = self._volume_per_kilogram
        return max(load.grams, -(-load.volume * 1000 // per)) if per else load.grams

    def cost(self, load: int, loads: Loads) -> float:
        """Cents of carriage, lateness, parcels and preference; infinite where no service takes it."""
        known = self._known.get(load)
        if known is None:
            what = loads[load]
            known = min(
                (self._with(way, what).total for way in self._ways
                 if way.service not in what.refused_by),
                default=NEVER,
            )  # fmt: skip
            self._known[load] = known
        return known

    def part(self, load: Load, units: Mapping[str, int], more: Costs) -> Part:
        """The load as it is told, by the cheapest service; `more` are the costs of its goods."""
        ways = [way for way in self._ways if way.service not in load.refused_by]
        way = min(ways, key=lambda one: (self._with(one, load).total, one.service))
        _, parcels = self._parcels(way, load)
        return Part(self.place, way.service, parcels, units, self._with(way, load) + more)

    def _with(self, way: Way, load: Load) -> Costs:
        cents, parcels = self._parcels(way, load)
        return Costs(
            carriage=cents,
            handling=parcels * self.origin.parcel,
            lateness=way.lateness,
            preference=self.origin.preference,
        )

    @staticmethod
    def _parcels(way: Way, load: Load) -> tuple[int, int]:
        cents, parcels = carriage(way, load.grams, load.volume) if load.together else (0, 0)
        for (grams, volume), units in load.alone:
            each, of_one = carriage(way, grams, volume)
            cents, parcels = cents + each * units, parcels + of_one * units
        return cents, parcels


def _parcels_up_to(way: Way, grams: int, parcel: int) -> list[tuple[int, int]]:
    """(cents with handling, billable grams) of one parcel and more, until so many grams have room."""
    most, dearest = way.rates[-1]
    full = max(0, -(-grams // most) - 1)
    return [
        (before * (dearest + parcel) + cents + parcel, before * most + upto)
        for before in range(full + 1)
        for upto, cents in way.rates
    ]


class Room:
    """The least that some places ask for room for a whole order, whoever ships what of it."""

    def __init__(self, desks: Sequence[Desk], everything: Load) -> None:
        self._steps = [desk.steps for desk in desks]
        self._grams, self._volume = everything.grams, everything.volume
        self._known: dict[tuple[int, ...], float] = {}

    def least(self, steps: tuple[int, ...]) -> float:
        """Cents of the cheapest steps, each place at one so high, that together have room for
        everything; infinite where there are none."""
        known = self._known.get(steps)
        if known is None:
            known = self._known[steps] = self._buy(0, steps, self._grams, self._volume)
        return known

    def _buy(self, seat: int, least: Sequence[int], grams: int, volume: int) -> float:
        """Cents of the cheapest steps of the places from one on, with room for so much."""
        steps, first = self._steps[seat], least[seat]
        if seat == len(self._steps) - 1:
            at = bisect_left(steps, grams, first, key=_grams_of)
            at = bisect_left(steps, volume, at, key=_volume_of)
            return steps[at].cents if at < len(steps) else NEVER
        rest = sum(self._steps[at][least[at]].cents for at in range(seat + 1, len(self._steps)))
        best = NEVER
        for step in steps[first:]:
            if step.cents + rest >= best:
                break
            others = self._buy(seat + 1, least, grams - step.grams, volume - step.volume)
            best = min(best, step.cents + others)
        return best


def _grams_of(step: Step) -> int:
    return step.grams


def _volume_of(step: Step) -> int:
    return step.volume
