"""Listings that draw on the same units and must not promise them twice: who may show how many.

Units are handed out in proportion to the listings' weights, the scarcest component first. Of one
component this is the method of D'Hondt: a listing's next sale comes the sooner, the fewer it has
for its weight. It is the only fair division in whole units under which nobody ever loses a unit
because there is one more of it (Balinski and Young, Fair Representation, 1982).

What holds, and is proven by tests/core/test_sharing.py:

- all that is promised can be kept at the same time: of every component, no location gives more
  than the listing may take from it, nor more than it has, and every Kit and pack leaves one
  location whole;
- nothing is left over that any of the listings could still show;
- a listing that shares with nobody gets what it would get alone, and none ever gets more;
- the outcome does not depend on the order in which listings come.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from core.model.catalog import LocationId, OfferKey, Sku
from core.rules.together import may_wait, sales_at, single

#: location -> units of one component that one listing may take there
View = Mapping[LocationId, int]
#: So many different views of one component are told apart exactly; each further one doubles the
#: limits to watch, so beyond it two become the smaller of both.
MOST_VIEWS = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """One listing that shares."""

    key: OfferKey
    #: component -> units in one sale
    components: Mapping[Sku, int]
    #: component -> where it may take how many
    views: Mapping[Sku, View]
    #: sales a day; None: nobody knows
    rate: float | None = None
    #: more sales than this its policy would not show; None: no limit
    most: int | None = None

    def by_place(self) -> dict[LocationId, int]:
        """Place -> sales whose units it has all, if nobody else took any."""
        return sales_at(self.components, lambda sku: self.views[sku].items())


@dataclass(frozen=True, slots=True)
class Part:
    """What is left for a listing that shares."""

    sales: int
    #: listings that draw on the same units
    others: int


@dataclass(frozen=True, slots=True)
class _Branch:
    """What one listing sells from one location, or from wherever there is."""

    #: number of the listing
    of: int
    weight: int
    #: None: from any
    place: LocationId | None = None


@dataclass(slots=True)
class _Limit:
    """Units that some branches draw on together."""

    left: int
    #: (number of the branch, units in one sale)
    users: list[tuple[int, int]] = field(default_factory=list)
    #: units used when every branch that still draws on it gets its weight in sales
    rate: int = 0
    #: grows with each change, so that an older level is known as such
    changes: int = 0


def share_out(wishes: Sequence[Wish], *, promised: Mapping[Sku, int]) -> dict[OfferKey, Part]:
    """What each listing may show. `promised`: units of a component that waiting orders get first."""
    parts: dict[OfferKey, Part] = {}
    for group in _connected(sorted(wishes, key=_place)):
        users = Counter(sku for wish in group for sku in wish.components)
        if _places_matter(group):
            branches = _by_place(group)
            # Unless orders wait for units, the limits of the places say all there is to say of them.
            waiting = [sku for sku in users if promised.get(sku, 0) > 0]
            whole = [*_of_units(group, promised, waiting), *_of_listings(group, promised)]
            limits = [*_of_branches(whole, branches), *_of_places(group, branches)]
        else:
            branches = [_Branch(at, weight) for at, weight in enumerate(_weights(group))]
            limits = [*_of_units(group, promised, users), *_of_listings(group, promised)]
        filled = _Filling(branches, limits).filled()
        sales = [0] * len(group)
        for branch, found in zip(branches, filled, strict=True):
            sales[branch.of] += found
        for wish, found in zip(group, sales, strict=True):
            parts[wish.key] = Part(found, max(users[sku] for sku in wish.components) - 1)
    return parts


def _place(wish: Wish) -> tuple[str, str, str]:
    return wish.key.channel, wish.key.remote_id, wish.key.remote_location


def _connected(wishes: Sequence[Wish]) -> list[list[Wish]]:
    """Apart what shares nothing: weights compare only listings that draw on the same units."""
    root: dict[Sku, Sku] = {}

    def find(sku: Sku) -> Sku:
        while root.setdefault(sku, sku) != sku:
            root[sku] = sku = root[root[sku]]
        return sku

    for wish in wishes:
        first, *rest = wish.components
        for sku in rest:
            root[find(sku)] = find(first)
    groups: dict[Sku, list[Wish]] = {}
    for wish in wishes:
        groups.setdefault(find(next(iter(wish.components))), []).append(wish)
    return list(groups.values())


def _weights(wishes: Sequence[Wish]) -> list[int]:
    return weights([wish.rate for wish in wishes])


def _places_matter(wishes: Sequence[Wish]) -> bool:
    """Whether it matters from which place units come: several have some, and Kits or packs want them."""
    places = {
        place
        for wish in wishes
        for view in wish.views.values()
        for place, units in view.items()
        if units > 0
    }
    return len(places) > 1 and not all(single(wish.components) for wish in wishes)


def _by_place(wishes: Sequence[Wish]) -> list[_Branch]:
    """One branch for each place a listing can sell from: what a place gives to whom is settled there.

    The weight of a listing is divided among its branches by what each of them could sell.
    """
    found = []
    for number, (wish, weight) in enumerate(zip(wishes, _weights(wishes), strict=True)):
        by_place = wish.by_place()
        total = sum(by_place.values())
        found += [
            _Branch(number, max(1, 100 * weight * sales // total), place)
            for place, sales in sorted(by_place.items())
        ]
    return found


def _of_units(
    wishes: Sequence[Wish], promised: Mapping[Sku, int], skus: Iterable[Sku]
) -> Iterator[_Limit]:
    """What there is of these components for whole listings, whatever place they sell from."""
    users: dict[Sku, list[int]] = {sku: [] for sku in skus}
    for number, wish in enumerate(wishes):
        for sku in wish.components:
            if sku in users:
                users[sku].append(number)
    for sku, numbers in users.items():
        yield from _of_component(sku, numbers, wishes, promised.get(sku, 0))


def _of_listings(wishes: Sequence[Wish], promised: Mapping[Sku, int]) -> Iterator[_Limit]:
    """What each listing would not go beyond if it were alone."""
    for number, wish in enumerate(wishes):
        if wish.most is not None:
            yield _Limit(wish.most, [(number, 1)])
        if not single(wish.components) and (waiting := may_wait(wish.components, promised)):
            together = sum(wish.by_place().values())
            yield _Limit(max(0, together - waiting), [(number, 1)])


def _of_branches(limits: Sequence[_Limit], branches: Sequence[_Branch]) -> list[_Limit]:
    """The same limits, on all branches of each listing together."""
    of: dict[int, list[int]] = {}
    for at, branch in enumerate(branches):
        of.setdefault(branch.of, []).append(at)
    return [
        _Limit(one.left, [(at, per) for number, per in one.users for at in of.get(number, ())])
        for one in limits
    ]


def _of_places(wishes: Sequence[Wish], branches: Sequence[_Branch]) -> Iterator[_Limit]:
    """What each place has of each component, for those who may take all of it, and for those who may
    take less: one within the other, so it can be handed out from the least on."""
    users: dict[tuple[LocationId, Sku], list[tuple[int, int, int]]] = {}
    for at, branch in enumerate(branches):
        assert branch.place is not None, "branches of places"
        wish = wishes[branch.of]
        for sku, per in wish.components.items():
            units = wish.views[sku][branch.place]
            users.setdefault((branch.place, sku), []).append((units, at, per))
    for found in users.values():
        for most in sorted({units for units, _, _ in found}):
            yield _Limit(most, [(at, per) for units, at, per in found if units <= most])


def _of_component(
    sku: Sku, numbers: Sequence[int], wishes: Sequence[Wish], promised: int
) -> list[_Limit]:
    """A limit for every set of views: together, listings never take more than all of them see.

    Hall's condition: where it holds for every set, units can be assigned location by location.
    """
    seen = _views([wishes[number].views[sku] for number in numbers])
    limits = []
    for size in range(1, len(seen) + 1):
        for together in combinations(range(len(seen)), size):
            most: dict[LocationId, int] = {}
            for view in together:
                for location, units in seen[view][0].items():
                    most[location] = max(most.get(location, 0), units)
            limit = _Limit(max(0, sum(most.values()) - promised))
            for view in together:
                for at in seen[view][1]:
                    limit.users.append((numbers[at], wishes[numbers[at]].components[sku]))
            limits.append(limit)
    return limits


def _views(views: Sequence[View]) -> list[tuple[dict[LocationId, int], list[int]]]:
    """(view, who has it) of the different ones, at most MOST_VIEWS of them."""
    by_content: dict[tuple[tuple[LocationId, int], ...], list[int]] = {}
    for at, view in enumerate(views):
        content = tuple(sorted((place, units) for place, units in view.items() if units > 0))
        by_content.setdefault(content, []).append(at)
    seen = [(dict(content), has) for content, has in sorted(by_content.items())]
    while len(seen) > MOST_VIEWS:
        (one, has_one), (other, has_other) = seen.pop(), seen.pop()
        smaller = {place: min(units, other.get(place, 0)) for place, units in one.items()}
        seen.append((smaller, has_one + has_other))
    return seen


class _Filling:
    """The limits, and how full they are: the one that is reached first settles its branches."""

    def __init__(self, branches: Sequence[_Branch], limits: Sequence[_Limit]) -> None:
        self._weights = [branch.weight for branch in branches]
        self._limits = limits
        self._sales = [0] * len(branches)
        self._open = [True] * len(branches)
        self._draws: list[list[tuple[int, int]]] = [[] for _ in branches]
        self._levels: list[tuple[Fraction, int, int]] = []
        for at, limit in enumerate(limits):
            for number, per_sale in limit.users:
                self._draws[number].append((at, per_sale))
                limit.rate += per_sale * self._weights[number]
            self._push(at)

    def filled(self) -> list[int]:
        """Sales of each branch, in their order."""
        while self._levels:
            level, at, changes = heapq.heappop(self._levels)
            if changes == self._limits[at].changes:
                self._settle(level, self._limits[at])
        return self._sales

    def _push(self, at: int) -> None:
        limit = self._limits[at]
        if limit.rate:
            heapq.heappush(self._levels, (Fraction(limit.left, limit.rate), at, limit.changes))

    def _settle(self, level: Fraction, limit: _Limit) -> None:
        """Every branch that draws on this limit gets its part, and what is left one by one."""
        takers = [number for number, _ in limit.users if self._open[number]]
        touched: set[int] = set()
        for number in takers:
            self._take(number, self._weights[number] * level.numerator // level.denominator)
        turns = [self._turn(number) for number in takers]
        heapq.heapify(turns)
        while turns:
            _, number = heapq.heappop(turns)
            if self._fits(number):
                self._take(number, 1)
                heapq.heappush(turns, self._turn(number))
        for number in takers:
            self._open[number] = False
            for at, per_sale in self._draws[number]:
                self._limits[at].rate -= per_sale * self._weights[number]
                touched.add(at)
        for at in sorted(touched):
            self._limits[at].changes += 1
            self._push(at)

    def _turn(self, number: int) -> tuple[Fraction, int]:
        return Fraction(self._sales[number] + 1, self._weights[number]), number

    def _take(self, number: int, sales: int) -> None:
        self._sales[number] += sales
        for at, per_sale in self._draws[number]:
            self._limits[at].left -= sales * per_sale

    def _fits(self, number: int) -> bool:
        return all(self._limits[at].left >= per_sale for at, per_sale in self._draws[number])


def weights(rates: Sequence[float | None]) -> list[int]:
    """Weights of 1 to 100 for listings that sell so many a day; one of which nobody knows it weighs
    as the others do on average."""
    known = [rate for rate in rates if rate is not None]
    fastest = max(known, default=0.0)
    if fastest <= 0:
        return [1] * len(rates)
    usual = sum(known) / len(known)
    return [max(1, round(100 * (usual if rate is None else rate) / fastest)) for rate in rates]
