"""Which places ship which lines of one order, at the least cost: proved, not guessed.

Each place that ships pays for its own parcels, so sets of places are looked at, those that promise
most first, and within a set the units of each line are dealt out by branch and bound (as in Land and
Doig 1960). What carriers ask rises in steps with weight; a straight line below the steps gives the
bounds. Costs are whole cents. An order whose search takes too long gets the best plan that was found,
and is told so.

Where no set of places has everything, nothing is routed here: `core.rules.allocation` then claims
what there is.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations

from core.model.catalog import LocationId, Sku
from core.model.routing import Costs, Origin, Part, Piece, Plan, Way
from core.rules.allocation import Demand

#: Branches after which the search of one order ends. An order of ordinary size needs some dozens.
MOST_BRANCHES = 20_000
#: Lines that are dealt out exactly over several places; beyond, each goes where it adds least.
_MOST_ROWS = 100
#: Ways to deal the units of one line that are all looked at; beyond, only whole shelves are.
_MOST_WAYS = 300
#: From so many lines on a good plan is looked for before the best one is, over so many sets.
_MANY_ROWS, _TRIED = 5, 24
#: Other plans that are told beside the best one.
_TOLD = 3

_UNKNOWN = Piece()
_NEVER = math.inf
#: No carrier is known: any load is one parcel, and its carriage counts as nothing.
_NO_WAY = (Way("", ((1 << 60, 0),)),)
#: (cents, number of places, places by priority): the lower is preferred
_Rank = tuple[float, int, tuple[int, ...]]
_NO_RANK: _Rank = (_NEVER, 0, ())


@dataclass(frozen=True, slots=True)
class Routing:
    """Who ships an order, and who would have otherwise."""

    #: None: these places do not have everything, or may not ship it
    plan: Plan | None
    #: the best plan of other sets of places, cheapest first; of many sets only some were worked out
    others: tuple[Plan, ...] = ()
    #: False: the search was cut short, a cheaper plan may exist
    proved: bool = True


def route(
    demands: Sequence[Demand],
    *,
    origins: Sequence[Origin],
    available: Mapping[tuple[Sku, LocationId], int],
    pieces: Mapping[Sku, Piece],
    most_places: int = 3,
    most_branches: int = MOST_BRANCHES,
) -> Routing:
    """The cheapest plan that ships everything from at most `most_places` places.

    `available` may be negative, which is as good as none; `pieces` may lack Skus, which then weigh
    nothing. Of equal plans that of fewer places wins, then that of the better priorities. A unit of a
    Kit is never taken apart: all its components come from one place. Neither the order of `demands`
    nor that of `origins` matters.
    """
    wanted = sorted((one for one in demands if one.units > 0), key=lambda one: one.line)
    if not wanted:
        return Routing(Plan(()))
    return _Search(wanted, origins, available, pieces, most_branches).best(most_places)


# --- what parcels cost ---------------------------------------------------------------------------


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
class _Load:
    """What one place is to ship: units that travel together, and units that travel alone."""

    grams: int = 0
    volume: int = 0
    together: int = 0
    #: ((grams, volume), units), sorted
    alone: tuple[tuple[tuple[int, int], int], ...] = ()
    refused_by: frozenset[str] = frozenset()


class _Row:
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

    def onto(self, load: _Load, units: int) -> _Load:
        """The load with so many units of this line."""
        alone = load.alone
        if self.alone:
            found = dict(alone)
            for box, per in self.alone:
                found[box] = found.get(box, 0) + per * units
            alone = tuple(sorted(found.items()))
        return _Load(
            load.grams + self.grams * units,
            load.volume + self.volume * units,
            load.together + self.together * units,
            alone,
            load.refused_by | self.refused_by if self.refused_by else load.refused_by,
        )


class _Loads:
    """The loads an order can make, by number, so that each is put together once. 0 is no load."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._rows = rows
        self._loads = [_Load()]
        self._numbers = {self._loads[0]: 0}
        self._next: dict[tuple[int, int, int], int] = {}

    def __getitem__(self, number: int) -> _Load:
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


class _Desk:
    """One origin while an order is routed: what loads cost there, each worked out once."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.place = origin.place
        self._ways = origin.ways or _NO_WAY
        self._known: dict[int, float] = {}
        #: what opening it costs at least, whatever it ships
        self.least = origin.preference + origin.parcel + min(
            way.rates[0][1] + way.lateness for way in self._ways
        )  # fmt: skip
        # A straight line below what any of its services asks: cents at no weight, cents a gram.
        lines = [(_below_rates(way.rates), way) for way in self._ways]
        self._slope = min(slope for (_, slope), _ in lines)
        self._start = origin.preference + origin.parcel + min(
            start + way.lateness for (start, _), way in lines
        )  # fmt: skip
        self._late = origin.preference + min(way.lateness for way in self._ways)
        # 0: some service bills no room, and weight alone makes the bound.
        self._volume_per_kilogram = (
            max(way.volume_per_kilogram for way in self._ways)
            if all(way.volume_per_kilogram for way in self._ways)
            else 0
        )

    def start(self, *, alone: bool) -> float:
        """What opening it adds to a bound; `alone`: it may ship nothing but units that travel alone."""
        return min(self._start, self._late) if alone else self._start

    def a_unit(self, row: _Row, *, by_volume: bool) -> float:
        """What carrying one unit of a line adds to a bound, by its weight or by its room."""
        weight: float = row.grams
        if by_volume:
            per = self._volume_per_kilogram
            weight = row.volume * 1000 / per if per else 0.0
        return self._slope * weight + sum(
            count * min(self._parcels(way, _Load(alone=((box, 1),))) for way in self._ways)[0]
            + count * self.origin.parcel
            for box, count in row.alone
        )

    def cost(self, load: int, loads: _Loads) -> float:
        """Cents of carriage, lateness, parcels and preference; infinite where no service takes it."""
        known = self._known.get(load)
        if known is None:
            what = loads[load]
            known = min(
                (self._with(way, what).total for way in self._ways
                 if way.service not in what.refused_by),
                default=_NEVER,
            )  # fmt: skip
            self._known[load] = known
        return known

    def part(self, load: _Load, units: Mapping[str, int], more: Costs) -> Part:
        """The load as it is told, by the cheapest service; `more` are the costs of its goods."""
        ways = [way for way in self._ways if way.service not in load.refused_by]
        way = min(ways, key=lambda one: (self._with(one, load).total, one.service))
        _, parcels = self._parcels(way, load)
        return Part(self.place, way.service, parcels, units, self._with(way, load) + more)

    def _with(self, way: Way, load: _Load) -> Costs:
        cents, parcels = self._parcels(way, load)
        return Costs(
            carriage=cents,
            handling=parcels * self.origin.parcel,
            lateness=way.lateness,
            preference=self.origin.preference,
        )

    @staticmethod
    def _parcels(way: Way, load: _Load) -> tuple[int, int]:
        cents, parcels = carriage(way, load.grams, load.volume) if load.together else (0, 0)
        for (grams, volume), units in load.alone:
            each, of_one = carriage(way, grams, volume)
            cents, parcels = cents + each * units, parcels + of_one * units
        return cents, parcels


# --- the search ----------------------------------------------------------------------------------


class _Search:
    """One order over all sets of places."""

    def __init__(
        self, wanted: Sequence[Demand], origins: Sequence[Origin],
        available: Mapping[tuple[Sku, LocationId], int], pieces: Mapping[Sku, Piece], branches: int,
    ) -> None:  # fmt: skip
        # Heavy lines first: where they go decides most of what a plan costs.
        self.rows = sorted(
            (_Row(one, pieces) for one in wanted),
            key=lambda row: (-(row.grams + row.volume) * row.units, row.line),
        )
        self.loads = _Loads(self.rows)
        skus = [sku for row in self.rows for sku, _ in row.components]
        #: components that several lines ask for: what one takes the other cannot have
        self.shared = frozenset(sku for sku in skus if skus.count(sku) > 1)
        self.desks = [
            _Desk(one)
            for one in sorted(origins, key=lambda one: (one.priority, one.place))
            if any(available.get((sku, one.place), 0) > 0 for sku in skus)
        ]
        self.have = [
            {sku: max(0, available.get((sku, desk.place), 0)) for sku in skus}
            for desk in self.desks
        ]
        #: units of each row that each place has by itself
        self.most = [
            [
                0 if desk.place in row.barred
                else min(row.units, *(have[sku] // per for sku, per in row.components))
                for desk, have in zip(self.desks, self.have, strict=True)
            ]
            for row in self.rows
        ]  # fmt: skip
        #: cents of the goods in one unit of a row, by place
        self.goods = [
            [
                sum(desk.origin.goods.get(sku, 0) * per for sku, per in row.components)
                for desk in self.desks
            ]
            for row in self.rows
        ]
        self._left = branches
        self._cut = False
        self._bounds()

    def _bounds(self) -> None:
        weight = sum(row.grams * row.units for row in self.rows)
        by_volume = sum(row.volume * row.units for row in self.rows) > 5 * weight
        alone = any(row.alone for row in self.rows)
        self.starts = [desk.start(alone=alone) for desk in self.desks]
        #: what each unit of a row adds to a bound, by place; infinite where there is none
        self.each = [
            [
                goods + desk.a_unit(row, by_volume=by_volume) if most else _NEVER
                for desk, goods, most in zip(self.desks, of_goods, of_most, strict=True)
            ]
            for row, of_goods, of_most in zip(self.rows, self.goods, self.most, strict=True)
        ]

    def best(self, most_places: int) -> Routing:
        """Look at the sets of places, those first that promise most."""
        found: list[tuple[_Rank, tuple[tuple[int, ...], ...]]] = []
        best = _NO_RANK
        for at in range(len(self.desks)):
            # Alternatives of one place are cheap to know, and worth telling.
            if deal := self._deal((at,), _NEVER):
                found.append(deal)
                best = min(best, deal[0])
        ranks = self._sets(most_places, best[0])
        if len(self.rows) >= _MANY_ROWS:
            # What is good already cuts most branches off.
            for rank in ranks[:_TRIED]:
                if rank < best and (deal := self._deal(rank[2], _NEVER, guess=True)):
                    found.append(deal)
                    best = min(best, deal[0])
        for rank in ranks:
            if rank >= best:
                break
            tied = 1 if rank[1:] < best[1:] else 0
            if deal := self._deal(rank[2], best[0] + tied):
                found.append(deal)
                best = min(best, deal[0])
        if len(found) == 1:
            found += self._another(found[0][0][2], min(2, most_places))
        of_set = {rank[2]: (rank, dealt) for rank, dealt in sorted(found, reverse=True)}
        found = sorted(of_set.values())
        plans = [self._plan(rank[2], dealt) for rank, dealt in found[: _TOLD + 1]]
        proved = self._left > 0 and not self._cut
        if not plans:
            return Routing(None, proved=proved)
        return Routing(plans[0], tuple(plans[1:]), proved)

    def _another(
        self, chosen: tuple[int, ...], most_places: int
    ) -> list[tuple[_Rank, tuple[tuple[int, ...], ...]]]:
        """Some plan of another set of places, to compare with, though it was never worth a look."""
        for rank in self._sets(most_places, _NEVER):
            if rank[2] != chosen and (deal := self._deal(rank[2], _NEVER, guess=True)):
                return [deal]
        return []

    def _sets(self, most_places: int, best: float) -> list[_Rank]:
        """(least cents, size, places) of the sets of two places and more that may be better."""
        places = range(len(self.desks))
        units = [row.units for row in self.rows]
        rows = list(zip(self.each, units, self.most, strict=True))
        lines = sum(min(each, default=_NEVER) * count for each, count, _ in rows)
        opening = sorted(self.starts)
        ranks: list[_Rank] = []
        for size in range(2, min(most_places, len(places)) + 1):
            if _whole(sum(opening[:size]) + lines) > best:
                break
            for chosen in combinations(places, size):
                bound = sum([self.starts[at] for at in chosen])
                for each, count, most in rows:
                    if sum([most[at] for at in chosen]) < count:
                        break
                    bound += min([each[at] for at in chosen]) * count
                    if bound > best:
                        break
                else:
                    ranks.append((_whole(bound), size, chosen))
        ranks.sort()
        return ranks

    def _deal(
        self, chosen: tuple[int, ...], below: float, *, guess: bool = False
    ) -> tuple[_Rank, tuple[tuple[int, ...], ...]] | None:
        """The cheapest way to deal the lines out over these places, all of them used; None where
        there is none below so many cents. `guess`: a good one, soon."""
        if any(sum([most[at] for at in chosen]) < row.units
               for row, most in zip(self.rows, self.most, strict=True)):  # fmt: skip
            return None
        deal = _Deal(self, chosen, below)
        if guess:
            deal.guess()
        else:
            deal.search()
        return ((deal.below, len(chosen), chosen), deal.dealt) if deal.dealt is not None else None

    def spend(self) -> bool:
        """Count a branch. False: there were too many."""
        self._left -= 1
        return self._left > 0

    def give_up(self) -> None:
        """Not everything is looked at: the plan may not be the cheapest."""
        self._cut = True

    def _plan(self, chosen: tuple[int, ...], dealt: tuple[tuple[int, ...], ...]) -> Plan:
        parts = []
        for seat, at in enumerate(chosen):
            origin, load, units = self.desks[at].origin, _Load(), {}
            goods = lines = 0
            taken: dict[Sku, int] = {}
            for row, cents, given in zip(self.rows, self.goods, dealt, strict=True):
                if not given[seat]:
                    continue
                load = row.onto(load, given[seat])
                units[row.line] = given[seat]
                goods += cents[at] * given[seat]
                lines += origin.line
                for sku, per in row.components:
                    taken[sku] = taken.get(sku, 0) + per * given[seat]
            scarce = sum(lost(origin.scarcity.get(sku, ()), 0, n) for sku, n in taken.items())
            more = Costs(goods=goods, handling=lines, scarcity=scarce)
            parts.append(self.desks[at].part(load, dict(sorted(units.items())), more))
        return Plan(tuple(parts))


def _whole(bound: float) -> float:
    """A bound of whole cents: what costs more than 1799.2 costs 1800."""
    return math.ceil(bound - 1e-6) if bound < _NEVER else bound


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to deal the units of a row out."""

    given: tuple[int, ...]
    #: what it adds to the bound by straight lines
    straight: float
    #: cents of its goods and lines, and of scarce units of Skus that no other row takes
    linear: int
    #: (seat, units) of the places that give any
    seats: tuple[tuple[int, int], ...]


class _Deal:
    """The lines of an order dealt out over one set of places."""

    def __init__(self, search: _Search, chosen: tuple[int, ...], below: float) -> None:
        self._search = search
        self._loads = search.loads
        self._desks = [search.desks[at] for at in chosen]
        self._have = [search.have[at] for at in chosen]
        self._taken: list[dict[Sku, int]] = [{} for _ in chosen]
        #: cents that a deal has to stay below: those of the best one so far
        self.below = below
        #: units by row and by place of the best one
        self.dealt: tuple[tuple[int, ...], ...] | None = None
        self._choices = [self._choices_of(number, chosen) for number in range(len(search.rows))]
        self._sharing = [
            not search.shared.isdisjoint(sku for sku, _ in row.components) for row in search.rows
        ]
        self._start = sum(search.starts[at] for at in chosen)
        # What the lines from each one on add to a bound: by straight lines, and beside parcels.
        self._rest = _sums(min(one.straight for one in choices) for choices in self._choices)
        self._plain = _sums(min(one.linear for one in choices) for choices in self._choices)

    def _choices_of(self, number: int, chosen: Sequence[int]) -> list[_Choice]:
        search, row = self._search, self._search.rows[number]
        most = tuple([search.most[number][at] for at in chosen])
        each, goods = search.each[number], search.goods[number]
        found = []
        for given in self._ways_to_give(row.units, most):
            straight, linear = 0.0, 0
            seats = tuple([(seat, units) for seat, units in enumerate(given) if units])
            for seat, units in seats:
                at, origin = chosen[seat], self._desks[seat].origin
                straight += each[at] * units + origin.line
                linear += goods[at] * units + origin.line
                if origin.scarcity:
                    for sku, per in row.components:
                        if sku not in search.shared:
                            linear += lost(origin.scarcity.get(sku, ()), 0, per * units)
            found.append(_Choice(given, straight, linear, seats))
        found.sort(key=lambda one: one.straight)
        return found

    def _ways_to_give(self, units: int, most: tuple[int, ...]) -> Sequence[tuple[int, ...]]:
        """Every way to deal so many units out; those from few and from early places first."""
        if units > 1 and math.comb(units + len(most) - 1, len(most) - 1) > _MOST_WAYS:
            self._search.give_up()
            return _fillings(units, most)
        return _compositions(units, most)

    def search(self) -> None:
        """Find the best deal."""
        if len(self._desks) > 1 and len(self._choices) <= _MOST_ROWS:
            self._branch(0, [0] * len(self._desks), self._start, 0, [])
            return
        if len(self._desks) > 1:
            self._search.give_up()
        self.guess()

    def guess(self) -> None:
        """Deal each line where it adds least, then move lines while that helps."""
        picks = self._dive()
        if picks and len(self._desks) > 1:
            self._mend(picks)

    def _branch(
        self, number: int, loads: list[int], straight: float, linear: int,
        dealt: list[tuple[int, ...]],
    ) -> None:  # fmt: skip
        """Deal the next line in every way that may still end below the best."""
        if number == len(self._choices):
            self._keep(loads, linear, dealt)
            return
        rest, plain = self._rest[number + 1], self._plain[number + 1]
        for one in self._choices[number]:
            now = straight + one.straight
            if _whole(now + rest) >= self.below or not self._search.spend():
                return
            if (more := self._takes(number, one)) is None:
                continue
            onto = list(loads)
            for seat, units in one.seats:
                onto[seat] = self._loads.onto(loads[seat], number, units)
            cents = linear + one.linear + more
            if self._parcels(onto) + cents + plain < self.below:
                dealt.append(one.given)
                self._take(number, one, 1)
                self._branch(number + 1, onto, now, cents, dealt)
                self._take(number, one, -1)
                dealt.pop()

    def _dive(self) -> list[_Choice]:
        """Deal each line where it adds least, and never look back; empty where that does not go."""
        loads, linear, picks = [0] * len(self._desks), 0, []
        for number, choices in enumerate(self._choices):
            best: tuple[float, list[int], int, _Choice] | None = None
            for one in choices:
                if (more := self._takes(number, one)) is None:
                    continue
                onto = list(loads)
                for seat, units in one.seats:
                    onto[seat] = self._loads.onto(loads[seat], number, units)
                cents = self._parcels(onto) + one.linear + more
                if best is None or cents < best[0]:
                    best = (cents, onto, one.linear + more, one)
            if best is None:
                return []
            _, loads, more, one = best
            linear += more
            picks.append(one)
            self._take(number, one, 1)
        self._keep(loads, linear, [one.given for one in picks])
        return picks

    def _mend(self, picks: list[_Choice]) -> None:
        """Deal one line otherwise as long as that is cheaper."""
        self._taken = [{} for _ in self._desks]
        best, better = self._worth(picks), True
        while better:
            better = False
            for number, choices in enumerate(self._choices):
                before = picks[number]
                for one in choices:
                    picks[number] = one
                    cents = self._worth(picks)
                    if cents < best:
                        best, before, better = cents, one, True
                picks[number] = before

    def _worth(self, picks: Sequence[_Choice]) -> float:
        """Cents of a whole deal, kept if it is the best; infinite where units are lacking."""
        loads, linear = [0] * len(self._desks), 0.0
        for number, one in enumerate(picks):
            for seat, units in one.seats:
                loads[seat] = self._loads.onto(loads[seat], number, units)
            linear += one.linear
        if self._search.shared:
            for number, one in enumerate(picks):
                more = self._takes(number, one)
                self._take(number, one, 1)
                linear += _NEVER if more is None else more
            for number, one in enumerate(picks):
                self._take(number, one, -1)
        cents = self._parcels(loads) + linear
        if cents < self.below and all(loads):
            self.below, self.dealt = cents, tuple(one.given for one in picks)
        return cents

    def _parcels(self, loads: Sequence[int]) -> float:
        """Cents of the parcels so far; an empty place counts with the least it may cost."""
        known = self._loads
        return sum(
            [
                desk.cost(load, known) if load else desk.least
                for desk, load in zip(self._desks, loads, strict=True)
            ]
        )

    def _keep(self, loads: Sequence[int], linear: float, dealt: Sequence[tuple[int, ...]]) -> None:
        """Remember a whole deal that is cheaper; one that leaves a place empty belongs to fewer."""
        cents = self._parcels(loads) + linear
        if cents < self.below and all(loads):
            self.below, self.dealt = cents, tuple(dealt)

    # Lines that ask for the same component: what one takes the other cannot have.

    def _takes(self, number: int, choice: _Choice) -> int | None:
        """Cents of scarce units that other lines took some of; None: there are not enough units."""
        if not self._sharing[number]:
            return 0
        cents = 0
        for seat, units in choice.seats:
            taken, scarcity = self._taken[seat], self._desks[seat].origin.scarcity
            for sku, per in self._search.rows[number].components:
                if sku in self._search.shared:
                    before = taken.get(sku, 0)
                    if before + per * units > self._have[seat][sku]:
                        return None
                    cents += lost(scarcity.get(sku, ()), before, per * units)
        return cents

    def _take(self, number: int, choice: _Choice, sign: int) -> None:
        if self._sharing[number]:
            for seat, units in choice.seats:
                taken = self._taken[seat]
                for sku, per in self._search.rows[number].components:
                    taken[sku] = taken.get(sku, 0) + sign * per * units


def _sums(values: Iterator[float]) -> list[float]:
    """The sums of the values from each one on, and 0 at the end."""
    found = [0.0]
    for value in reversed(list(values)):
        found.append(found[-1] + value)
    return found[::-1]


@lru_cache(maxsize=4_096)
def _compositions(units: int, most: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Every way to write `units` as a sum with at most so many from each, large first parts first."""
    if len(most) == 1:
        return ((units,),) if units <= most[0] else ()
    rest = sum(most[1:])
    return tuple(
        (first, *others)
        for first in range(min(units, most[0]), max(0, units - rest) - 1, -1)
        for others in _compositions(units - first, most[1:])
    )


def _fillings(units: int, most: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The ways to deal `units` out that empty one place after the other, in every order of places."""
    found: dict[tuple[int, ...], None] = {}
    for order in permutations(range(len(most))):
        given, left = [0] * len(most), units
        for seat in order:
            given[seat] = min(left, most[seat])
            left -= given[seat]
        if not left:
            found[tuple(given)] = None
    return tuple(found)
