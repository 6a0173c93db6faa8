"""Which places ship which lines of one order, at the least cost: proved, not guessed.

Each place that ships pays for its own parcels, so sets of places are looked at, those that promise
most first, and within a set the units of each line are dealt out by branch and bound (as in Land and
Doig 1960). A place that ships only units which travel alone pays for no parcel beside theirs: it counts
as a place of its own kind, since one bound for both would hold for neither. Costs are whole cents. An
order whose search takes too long gets the best plan that was found, and is told so.

Where no set of places has everything, nothing is routed here: `core.rules.allocation` then claims
what there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations, permutations, product

from core.model.catalog import LocationId, Sku
from core.model.routing import Costs, Origin, Piece, Plan
from core.rules.allocation import Demand
from core.rules.loads import NEVER, Desk, Load, Loads, Room, Row, lost

#: Branches after which the search of one order ends. An order of ordinary size needs some dozens.
MOST_BRANCHES = 100_000
#: Lines that are dealt out exactly over several places; beyond, each goes where it adds least.
_MOST_ROWS = 100
#: Ways to deal the units of one line that are all looked at; beyond, only whole shelves are.
_MOST_WAYS = 300
#: From so many lines on more is worked out before the search, which would end sooner without it:
#: a good plan over so many sets, and the least that parcels for everything may cost.
_MANY_ROWS, _TRIED = 5, 24
#: Other plans that are told beside the best one.
_TOLD = 3

#: (cents, number of places, places by priority): the lower is preferred
_Rank = tuple[float, int, tuple[int, ...]]
_NO_RANK: _Rank = (NEVER, 0, ())
#: desks, by the priority of their places
_Chosen = tuple[int, ...]
#: units by row and by chosen desk
_Dealt = tuple[tuple[int, ...], ...]
_Found = tuple[_Rank, _Chosen, _Dealt]


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


class _Search:
    """One order over all sets of places."""

    def __init__(
        self, wanted: Sequence[Demand], origins: Sequence[Origin],
        available: Mapping[tuple[Sku, LocationId], int], pieces: Mapping[Sku, Piece], branches: int,
    ) -> None:  # fmt: skip
        # Heavy lines first: where they go decides most of what a plan costs.
        self.rows = sorted(
            (Row(one, pieces) for one in wanted),
            key=lambda row: (-(row.grams + row.volume) * row.units, row.line),
        )
        self.loads = Loads(self.rows)
        skus = [sku for row in self.rows for sku, _ in row.components]
        #: components that several lines ask for: what one takes the other cannot have
        self.shared = frozenset(sku for sku in skus if skus.count(sku) > 1)
        self.everything = Load()
        for row in self.rows:
            self.everything = row.onto(self.everything, row.units)
        places = [
            one
            for one in sorted(origins, key=lambda one: (one.priority, one.place))
            if any(available.get((sku, one.place), 0) > 0 for sku in skus)
        ]
        self.desks = [Desk(one, self.everything) for one in places]
        self._places = len(places)
        if any(not row.together for row in self.rows):
            self.desks += [Desk(one, self.everything, only_alone=True) for one in places]
        self.have = [
            {sku: max(0, available.get((sku, desk.place), 0)) for sku in skus}
            for desk in self.desks
        ]
        #: units of each row that each place has by itself
        self.most = [
            [
                0 if desk.place in row.barred or (desk.only_alone and row.together)
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
        everything = self.everything
        by_volume = everything.volume > 5 * everything.grams
        none = [0] * len(self.desks)
        #: what parcels of its own cost at least for a unit of a row, by place
        self.lone = [
            [desk.lone(row) for desk in self.desks] if row.alone else none for row in self.rows
        ]
        #: what each unit of a row adds to the straight bound, by place; infinite where there is none
        self.each = [
            [
                goods + lone + desk.shared(row, by_volume=by_volume) if most else NEVER
                for desk, goods, lone, most in zip(
                    self.desks, of_goods, of_lone, of_most, strict=True
                )
            ]
            for row, of_goods, of_lone, of_most in zip(
                self.rows, self.goods, self.lone, self.most, strict=True
            )
        ]

    def best(self, most_places: int) -> Routing:
        """Look at the sets of places, those first that promise most."""
        found: list[_Found] = []
        best = _NO_RANK
        for at in range(len(self.desks)):
            # Alternatives of one place are cheap to know, and worth telling.
            if deal := self._deal((at,), NEVER):
                found.append(deal)
                best = min(best, deal[0])
        sets = self._sets(most_places, best[0])
        if len(self.rows) >= _MANY_ROWS:
            # What is good already cuts most branches off.
            for rank, chosen in sets[:_TRIED]:
                if rank < best and (deal := self._deal(chosen, NEVER, guess=True)):
                    found.append(deal)
                    best = min(best, deal[0])
        for rank, chosen in sets:
            if rank >= best:
                break
            tied = 1 if rank[1:] < best[1:] else 0
            if deal := self._deal(chosen, best[0] + tied):
                found.append(deal)
                best = min(best, deal[0])
        if len({rank[2] for rank, _, _ in found}) == 1:
            found += self._another(found[0][0][2], min(2, most_places))
        of_places = {one[0][2]: one for one in sorted(found, reverse=True)}
        found = sorted(of_places.values())
        plans = [self._plan(chosen, dealt) for _, chosen, dealt in found[: _TOLD + 1]]
        proved = self._left > 0 and not self._cut
        if not plans:
            return Routing(None, proved=proved)
        return Routing(plans[0], tuple(plans[1:]), proved)

    def _another(self, places: tuple[int, ...], most_places: int) -> list[_Found]:
        """Some plan of another set of places, to compare with, though it was never worth a look."""
        for rank, chosen in self._sets(most_places, NEVER):
            if rank[2] != places and (deal := self._deal(chosen, NEVER, guess=True)):
                return [deal]
        return []

    def _sets(self, most_places: int, best: float) -> list[tuple[_Rank, _Chosen]]:
        """The sets of two places and more that may be better, by the least they may cost."""
        starts = [desk.start for desk in self.desks]
        lines = [desk.origin.line for desk in self.desks]
        rows = [
            (
                [unit * row.units + line for unit, line in zip(each, lines, strict=True)],
                row.units,
                most,
            )
            for row, each, most in zip(self.rows, self.each, self.most, strict=True)
        ]
        least = sum([min(straight, default=NEVER) for straight, _, _ in rows])
        opening = sorted(starts)
        sets: list[tuple[_Rank, _Chosen]] = []
        for size in range(2, min(most_places, self._places) + 1):
            if _whole(sum(opening[:size]) + least) > best:
                break
            for chosen in self._combinations(size):
                bound = sum([starts[at] for at in chosen])
                for straight, count, most in rows:
                    if sum([most[at] for at in chosen]) < count:
                        break
                    bound += min([straight[at] for at in chosen])
                    if bound > best:
                        break
                else:
                    sets.append(((_whole(bound), *self._rank_of(chosen)), chosen))
        sets.sort()
        return sets

    def _combinations(self, size: int) -> Iterator[_Chosen]:
        """The sets of so many places, each as one of its kinds that may ship something."""
        if len(self.desks) == self._places:
            return combinations(range(self._places), size)
        able = [any(most[at] for most in self.most) for at in range(len(self.desks))]
        kinds = [
            [at for at in range(place, len(self.desks), self._places) if able[at]]
            for place in range(self._places)
        ]
        return chain.from_iterable(product(*some) for some in combinations(kinds, size))

    def _rank_of(self, chosen: _Chosen) -> tuple[int, tuple[int, ...]]:
        return len(chosen), tuple([at % self._places for at in chosen])

    def _deal(self, chosen: _Chosen, below: float, *, guess: bool = False) -> _Found | None:
        """The cheapest way to deal the lines out over these places, all of them used; None where
        there is none below so many cents. `guess`: a good one, soon."""
        if any(sum([most[at] for at in chosen]) < row.units
               for row, most in zip(self.rows, self.most, strict=True)):  # fmt: skip
            return None
        many = len(self.rows) >= _MANY_ROWS
        room = Room([self.desks[at] for at in chosen], self.everything) if many else None
        if (
            room
            and below < NEVER
            and room.least((0,) * len(chosen)) + self._beside(chosen) >= below
        ):
            return None
        deal = _Deal(self, chosen, room, below)
        if guess:
            deal.guess()
        else:
            deal.search()
        if deal.dealt is None:
            return None
        return (deal.below, *self._rank_of(chosen)), chosen, deal.dealt

    def _beside(self, chosen: _Chosen) -> int:
        """What the goods of all rows cost at least, beside the parcels that they share."""
        lines = [self.desks[at].origin.line for at in chosen]
        return sum(
            [
                min(
                    (goods[at] + lone[at]) * row.units + line
                    for at, line in zip(chosen, lines, strict=True)
                    if most[at]
                )
                for row, goods, lone, most in zip(
                    self.rows, self.goods, self.lone, self.most, strict=True
                )
            ]
        )

    def spend(self) -> bool:
        """Count a branch. False: there were too many."""
        self._left -= 1
        return self._left > 0

    def give_up(self) -> None:
        """Not everything is looked at: the plan may not be the cheapest."""
        self._cut = True

    def _plan(self, chosen: _Chosen, dealt: _Dealt) -> Plan:
        parts = []
        for seat, at in enumerate(chosen):
            origin, load, units = self.desks[at].origin, Load(), {}
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
    return math.ceil(bound - 1e-6) if bound < NEVER else bound


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to deal the units of a row out."""

    given: tuple[int, ...]
    #: what it adds to the bound by straight lines
    straight: float
    #: cents of its goods and lines, and of scarce units of Skus that no other row takes
    linear: int
    #: cents of parcels for its units that travel alone, at least
    lone: int
    #: (seat, units) of the places that give any
    seats: tuple[tuple[int, int], ...]


class _Deal:
    """The lines of an order dealt out over one set of places."""

    def __init__(self, search: _Search, chosen: _Chosen, room: Room | None, below: float) -> None:
        self._search = search
        self._room = room
        self._loads = search.loads
        self._desks = [search.desks[at] for at in chosen]
        self._have = [search.have[at] for at in chosen]
        self._taken: list[dict[Sku, int]] = [{} for _ in chosen]
        #: cents that a deal has to stay below: those of the best one so far
        self.below = below
        #: units by row and by place of the best one
        self.dealt: _Dealt | None = None
        self._choices = [self._choices_of(number, chosen) for number in range(len(search.rows))]
        self._sharing = [
            not search.shared.isdisjoint(sku for sku, _ in row.components) for row in search.rows
        ]
        self._start = sum(desk.start for desk in self._desks)
        # What the lines from each one on add to a bound: by straight lines, beside all parcels, and
        # beside those that goods share.
        self._rest = _sums(min(one.straight for one in choices) for choices in self._choices)
        self._plain = _sums(min(one.linear for one in choices) for choices in self._choices)
        self._beside = _sums(
            min(one.linear + one.lone for one in choices) for choices in self._choices
        )

    def _choices_of(self, number: int, chosen: Sequence[int]) -> list[_Choice]:
        search, row = self._search, self._search.rows[number]
        most = tuple([search.most[number][at] for at in chosen])
        each, goods, of_lone = search.each[number], search.goods[number], search.lone[number]
        found = []
        for given in self._ways_to_give(row.units, most):
            straight, linear, lone = 0.0, 0, 0
            seats = tuple([(seat, units) for seat, units in enumerate(given) if units])
            for seat, units in seats:
                at, origin = chosen[seat], self._desks[seat].origin
                straight += each[at] * units + origin.line
                linear += goods[at] * units + origin.line
                lone += of_lone[at] * units
                if origin.scarcity:
                    for sku, per in row.components:
                        if sku not in search.shared:
                            linear += lost(origin.scarcity.get(sku, ()), 0, per * units)
            found.append(_Choice(given, straight, linear, lone, seats))
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
            self._branch(0, [0] * len(self._desks), self._start, 0, 0, [])
            return
        if len(self._desks) > 1:
            self._search.give_up()
        self.guess()

    def guess(self) -> None:
        """Deal each line where it adds least, then move lines while that helps."""
        found = self._dive()
        if found and len(self._desks) > 1:
            self._mend(*found)

    def _branch(
        self, number: int, loads: list[int], straight: float, linear: int, lone: int,
        dealt: list[tuple[int, ...]],
    ) -> None:  # fmt: skip
        """Deal the next line in every way that may still end below the best."""
        if number == len(self._choices):
            self._keep(loads, linear, dealt)
            return
        rest, plain, beside = (
            sums[number + 1] for sums in (self._rest, self._plain, self._beside)
        )  # fmt: skip
        for one in self._choices[number]:
            now = straight + one.straight
            if _whole(now + rest) >= self.below or not self._search.spend():
                return
            if (more := self._takes(number, one)) is None:
                continue
            onto = self._onto(loads, number, one)
            cents = linear + one.linear + more
            alone = lone + one.lone
            if (self._parcels(onto) + cents + plain < self.below
                    and self._room_for(onto) + cents + alone + beside < self.below):  # fmt: skip
                dealt.append(one.given)
                self._take(number, one, 1)
                self._branch(number + 1, onto, now, cents, alone, dealt)
                self._take(number, one, -1)
                dealt.pop()

    def _dive(self) -> tuple[list[_Choice], list[int], int] | None:
        """Deal each line where it adds least, and never look back; None where that does not go.

        What was chosen by row, the loads by place, and the cents beside their parcels.
        """
        loads, linear, picks = [0] * len(self._desks), 0, []
        for number, choices in enumerate(self._choices):
            best: tuple[float, list[int], int, _Choice] | None = None
            for one in choices:
                if (more := self._takes(number, one)) is None:
                    continue
                onto = self._onto(loads, number, one)
                cents = self._parcels(onto) + one.linear + more
                if best is None or cents < best[0]:
                    best = (cents, onto, one.linear + more, one)
            if best is None:
                return None
            _, loads, more, one = best
            linear += more
            picks.append(one)
            self._take(number, one, 1)
        self._keep(loads, linear, [one.given for one in picks])
        return picks, loads, linear

    def _mend(self, picks: list[_Choice], loads: list[int], linear: int) -> None:
        """Deal one line otherwise as long as that is cheaper."""
        best, better = self._parcels(loads) + linear, True
        while better:
            better = False
            for number, choices in enumerate(self._choices):
                chosen = picks[number]
                self._take(number, chosen, -1)
                bare = self._without(number, picks, loads)
                linear -= chosen.linear + (self._takes(number, chosen) or 0)
                for one in choices:
                    if (more := self._takes(number, one)) is None:
                        continue
                    cents = (
                        self._parcels(self._onto(bare, number, one)) + linear + one.linear + more
                    )
                    if cents < best:
                        best, chosen, better = cents, one, True
                picks[number], loads = chosen, self._onto(bare, number, chosen)
                linear += chosen.linear + (self._takes(number, chosen) or 0)
                self._take(number, chosen, 1)
            self._keep(loads, linear, [one.given for one in picks])

    def _onto(self, loads: Sequence[int], number: int, choice: _Choice) -> list[int]:
        """The loads by place with one more row."""
        onto = list(loads)
        for seat, units in choice.seats:
            onto[seat] = self._loads.onto(loads[seat], number, units)
        return onto

    def _without(self, number: int, picks: Sequence[_Choice], loads: Sequence[int]) -> list[int]:
        """The loads by place without one of their rows."""
        bare = list(loads)
        for seat, units in picks[number].seats:
            if not self._search.rows[number].refused_by:
                bare[seat] = self._loads.onto(loads[seat], number, -units)
                continue
            # Another row may be refused by the same services.
            bare[seat] = 0
            for other, one in enumerate(picks):
                if other != number and one.given[seat]:
                    bare[seat] = self._loads.onto(bare[seat], other, one.given[seat])
        return bare

    def _parcels(self, loads: Sequence[int]) -> float:
        """Cents of the parcels so far; an empty place counts with the least it may cost."""
        known = self._loads
        return sum(
            [
                desk.cost(load, known) if load else desk.least
                for desk, load in zip(self._desks, loads, strict=True)
            ]
        )

    def _room_for(self, loads: Sequence[int]) -> float:
        """Cents of parcels, at least, that have room for the loads and for all that is left."""
        if self._room is None:
            return 0
        known = self._loads
        steps = [
            desk.step(load, known) if load else 0
            for desk, load in zip(self._desks, loads, strict=True)
        ]
        return self._room.least(tuple(steps))

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
