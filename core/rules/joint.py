"""Orders that compete for the same units, routed together: what one order gives up another may gain.

One after the other, each order takes the cheapest units there are, and a later one may be left with
far dearer ones. Here the units are dealt out anew by what they are worth (`core.rules.unit_prices`);
then a few orders that want the same units give theirs back and share them as cheaply as can be, again
and again (ruin and recreate: Schrimpf and others, 2000). No order loses its plan to another, and all
of them never cost more than before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from core.model.catalog import Sku
from core.model.routing import Piece, Plan
from core.rules.unit_prices import Asking, Cell, Column, Contender, Worth, worth_of

T = TypeVar("T")

#: Rounds, and orders routed anew, for each order that would like other units.
ROUNDS_EACH, _CALLS_EACH = 50, 3
#: Orders that share units anew in one round, and plans of each that are looked at.
_MOST_OUT, _MOST_COLUMNS = 10, 8
#: Of the plans an order knows, those that may name the units it would like.
_LIKED = 4


class Chance(Protocol):
    """Where chance comes from: a `random.Random` with a seed. The core has none of its own."""

    def randint(self, a: int, b: int, /) -> int: ...

    def choice(self, seq: Sequence[T], /) -> T: ...

    def choices(self, population: Sequence[T], *, k: int = 1) -> list[T]: ...

    def sample(self, population: Sequence[T], k: int) -> list[T]: ...


def route_together(
    contenders: Sequence[Contender],
    *,
    free: Mapping[Cell, int],
    pieces: Mapping[Sku, Piece],
    chance: Chance,
    most_places: int = 3,
    rounds_each: int = ROUNDS_EACH,
) -> tuple[Plan, ...]:
    """Plans for all of them, in their order, that cost no more together than those they have.

    `free`: units that none of their plans takes. The same arguments, with the same seed of `chance`,
    give the same plans: the search ends after so many steps, never after so much time. It costs next
    to nothing where there is enough for all; else it grows with the number of orders that would like
    other units, of which each is looked at `rounds_each` times.
    """
    search = _Search(contenders, free, pieces, most_places, chance)
    search.improve(rounds_each)
    return tuple(column.plan for column in search.now)


class _Search:
    """All of them, with the plans they have at this moment."""

    def __init__(
        self, contenders: Sequence[Contender], free: Mapping[Cell, int],
        pieces: Mapping[Sku, Piece], most_places: int, chance: Chance,
    ) -> None:  # fmt: skip
        self._asking = [Asking(one, pieces, most_places) for one in contenders]
        self._chance = chance
        self._left: Counter[Cell] = Counter({cell: max(0, n) for cell, n in free.items()})
        self._holders: dict[Cell, set[int]] = defaultdict(set)
        self._calls = 0
        self.now = [one.first for one in self._asking]
        self._everything = Counter(self._left)
        for number, column in enumerate(self.now):
            self._everything.update(dict(column.takes))
            for cell, _ in column.takes:
                self._holders[cell].add(number)

    def improve(self, rounds_each: int) -> None:
        wishes = self._wishes()
        if not wishes:
            return
        known = sum(column.cents for column in self.now)
        self._deal_out(worth_of(self._asking, self._everything, known=known))
        self._calls = _CALLS_EACH * len(wishes)
        rounds = rounds_each * len(wishes)
        while rounds > 0:
            unhappy = [n for n in wishes if self.now[n].cents > self._asking[n].columns[0].cents]
            if not unhappy:
                return
            for number in self._chance.choices(unhappy, k=min(rounds, len(wishes))):
                self._share_anew(number)
            rounds -= len(wishes)

    def _wishes(self) -> list[int]:
        """Orders that would ship otherwise if there were no others."""
        found = []
        for number, asking in enumerate(self._asking):
            alone = asking.can_have(self._everything, {})
            if alone == asking.can_have(self._left, dict(self.now[number].takes)):
                continue
            asking.learn(alone)
            if asking.columns[0].cents < self.now[number].cents:
                found.append(number)
        return found

    def _deal_out(self, worth: Worth) -> None:
        """All anew: those first of which it is clearest what they have when units cost their worth."""
        before = list(self.now)
        for number in range(len(before)):
            self._take_back(number)
        dealt: list[int] = []
        for number in sorted(
            range(len(before)), key=lambda n: (-max(worth.often[n].values(), default=0), n)
        ):
            column = self._clearest(number, worth)
            if column is None:
                break
            self._give(number, column)
            dealt.append(number)
        whole = len(dealt) == len(before)
        if whole and sum(c.cents for c in self.now) < sum(c.cents for c in before):
            return
        for number in dealt:
            self._take_back(number)
        for number, column in enumerate(before):
            self._give(number, column)

    def _clearest(self, number: int, worth: Worth) -> Column | None:
        """The plan that was its cheapest most often; where no such has its units, any that has."""
        asking, often = self._asking[number], worth.often[number]
        fitting = [column for column in asking.columns if self._fits(column)]
        chosen = [column for column in fitting if often.get(column)]
        if chosen:
            return max(chosen, key=lambda column: often[column])
        if not fitting:
            asking.learn(asking.can_have(self._left, {}), worth.prices)
            fitting = [column for column in asking.columns if self._fits(column)]
        return min(fitting, key=lambda column: column.at(worth.prices), default=None)

    # --- ruin and recreate -----------------------------------------------------------------------

    def _share_anew(self, wishing: int) -> None:
        """Some orders give their units back and share them as cheaply as can be."""
        out = self._wanting_the_same(wishing)
        before = [self.now[number] for number in out]
        for number in out:
            self._take_back(number)
        # What costs the same is another place to go on from.
        shared = self._shared(out, sum(column.cents for column in before) + 1)
        for number, column in zip(out, shared or before, strict=True):
            self._give(number, column)

    def _wanting_the_same(self, wishing: int) -> list[int]:
        """An order, those that hold what it would like, those that hold what they would, and so on."""
        out, at = [wishing], 0
        most = self._chance.randint(2, _MOST_OUT)
        while at < len(out) < most:
            mine = dict(self.now[out[at]].takes)
            known = self._asking[out[at]].columns
            liked = known[0] if at == 0 else self._chance.choice(known[:_LIKED])
            lacking = [
                cell for cell, units in liked.takes if self._left[cell] + mine.get(cell, 0) < units
            ]
            holders = sorted({n for cell in lacking for n in self._holders[cell]}.difference(out))
            count = min(len(holders), self._chance.randint(1, 3), most - len(out))
            out += self._chance.sample(holders, count)
            at += 1
        return out

    def _shared(self, out: Sequence[int], below: int) -> list[Column] | None:
        """The cheapest plans for these orders together; None: none cost less than that."""
        choices = []
        for number in out:
            asking = self._asking[number]
            if self._calls > 0 and not self._fits(asking.columns[0]):
                self._calls -= asking.learn(asking.can_have(self._left, {}))
            fitting = [column for column in asking.columns if self._fits(column)]
            if not fitting:
                return None
            choices.append(fitting[:_MOST_COLUMNS])
        rest = [0]
        for fitting in reversed(choices):
            rest.append(rest[-1] + fitting[0].cents)
        return _Share(choices, rest[::-1], self._left, below).best()

    def _fits(self, column: Column) -> bool:
        left = self._left
        return all(left[cell] >= units for cell, units in column.takes)

    def _take_back(self, number: int) -> None:
        for cell, units in self.now[number].takes:
            self._left[cell] += units
            self._holders[cell].discard(number)

    def _give(self, number: int, column: Column) -> None:
        self.now[number] = column
        for cell, units in column.takes:
            self._left[cell] -= units
            self._holders[cell].add(number)


class _Share:
    """A few orders and the plans each may have, dealt out by branch and bound."""

    def __init__(
        self, choices: Sequence[Sequence[Column]], rest: Sequence[int], left: Counter[Cell],
        below: int,
    ) -> None:  # fmt: skip
        self._choices = choices
        #: cents the orders from each one on cost at least
        self._rest = rest
        self._left = left
        self._below = below
        self._picked: list[Column] = []
        self._best: list[Column] | None = None

    def best(self) -> list[Column] | None:
        self._branch(0, 0)
        return self._best

    def _branch(self, at: int, cents: int) -> None:
        if at == len(self._choices):
            self._best, self._below = list(self._picked), cents
            return
        left, rest = self._left, self._rest[at + 1]
        for column in self._choices[at]:
            if cents + column.cents + rest >= self._below:
                return
            if any(left[cell] < units for cell, units in column.takes):
                continue
            for cell, units in column.takes:
                left[cell] -= units
            self._picked.append(column)
            self._branch(at + 1, cents + column.cents)
            self._picked.pop()
            for cell, units in column.takes:
                left[cell] += units
