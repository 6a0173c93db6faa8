"""How many of the last units a place that sells must not show, so that hardly any is sold twice.

Several offers share the same units. Each is lowered only some time after another one sold, and a
figure that others count is old: meanwhile the same last unit can be bought twice. What is expected
to be oversold while a Sku sells down is kept under the Sku's share of the target, by showing the
last units in one place only or nowhere. Stock nobody can sell out in that time is shown whole.

The units somebody takes within a while follow a negative binomial distribution with the rate's own
variance (Poisson where it is no larger than the mean), as sales of single units and of bulk do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

_DAY = timedelta(days=1)
#: What is rarer than this is left out of a distribution.
_NEVER = 1e-12
#: A distribution ends here at the latest; what is left stands at its end.
_LONGEST = 4_000
#: Amounts are rounded up to powers of these: a small change moves no quantity.
_STEP = 1.25
_VARIANCE_STEP = 1.1
#: Days differ by about half of their mean (0.5 squared): variance up to there comes from uneven days
#: and hardly shows within minutes. Variance beyond comes from orders of several units and does.
_UNEVEN = 0.25
#: Levels whose risk is below this part of the budget count as deep.
_NOTHING = 1e-3


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one Sku sells in one place."""

    #: units
    per_day: float
    #: of the units of one day
    variance: float
    #: days of history it rests on
    days: int

    def within(self, span: timedelta) -> Amount:
        """The units of a span of time, with what is not known of the rate itself."""
        mean = self.per_day * (span / _DAY)
        if mean <= 0:
            return NONE
        beyond = max(0.0, self.variance - self.per_day)
        uneven = min(_UNEVEN, beyond / self.per_day**2)
        bulk = (beyond - uneven * self.per_day**2) / self.per_day
        unsure = self.variance / max(1, self.days) / self.per_day**2
        return Amount(mean, mean * (1.0 + bulk) + mean * mean * (uneven + unsure))


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of units that is not known."""

    mean: float
    variance: float

    def coarse(self) -> Amount:
        """The same or a little more: one of few values, so that tables are made once."""
        if self.mean <= 0:
            return NONE
        mean = coarse(self.mean)
        return Amount(mean, mean * coarse(max(1.0, self.variance / self.mean), _VARIANCE_STEP))


NONE = Amount(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Situation:
    """What may happen to the units of one Sku before its offers can be corrected."""

    #: what each offer sells within the window; the first one shows the last units
    offers: tuple[Amount, ...]
    #: what others took since the figure behind was true, and we have not seen
    taken: Amount
    #: units sold between two times the stock is low: the share of the target is spent in the low time
    sold: float
    #: oversold units allowed among 10,000 sold
    target: float
    #: one write is at stake, which happens once at a level; else it is risked with every sale there
    once: bool = False

    @property
    def coarse(self) -> Situation:
        """Rounded to the safe side; situations that are nearly the same become the same."""
        return Situation(
            tuple(one.coarse() for one in self.offers),
            self.taken.coarse(),
            max(1.0, coarse(self.sold) / _STEP),
            self.target,
            self.once,
        )

    @property
    def far(self) -> int:
        """Units that all together could never take: a cheap answer for most Skus."""
        amounts = [one for one in (*self.offers, self.taken) if one.mean > 0]
        if not amounts:
            return 0
        mean = sum(one.mean for one in amounts)
        each = max(one.variance / one.mean for one in amounts)
        return len(chances(Amount(mean, mean * each).coarse()))


def coarse(value: float, step: float = _STEP) -> float:
    """The value rounded up to a power of the step, so that small moves change nothing."""
    if value <= 0:
        return 0.0
    return float(step ** math.ceil(math.log(value, step) - 1e-9))


class Held:
    """What offers must not show in one situation, by how many units there are."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._far = situation.far
        self._levels: tuple[tuple[int, ...], ...] | None = None

    def at(self, units: int) -> tuple[int, ...]:
        """Units each offer must not show of these `units`, in the order of the situation's offers.

        The smallest numbers with which the units expected to be oversold, from the deepest level
        where that is possible down to this one, stay within the Sku's share of the target.
        """
        if 0 < units < self._far:
            if self._levels is None:
                self._levels = _levels(self._situation.coarse)
            if units <= len(self._levels):
                return self._levels[units - 1]
        return (0,) * len(self._situation.offers)


def withheld(situation: Situation, *, units: int) -> tuple[int, ...]:
    """Units each offer must not show of these `units`: see `Held.at`."""
    return Held(situation).at(units)


@dataclass(frozen=True, slots=True)
class Kept:
    """Units one offer does not show."""

    units: int
    #: because the figure behind them is old, and not because another offer may have sold them
    figure: bool


def kept(ours: Held, theirs: Held, *, units: int, counted: int) -> tuple[Kept, ...]:
    """What each offer must not show of `units`, of which others count and take `counted`.

    `ours`: nobody but our offers takes any. `theirs`: the same with what others may have taken;
    never more is held back for them than there is where they take it.
    """
    race = ours.at(units)
    old = theirs.at(units) if counted > 0 else race
    return tuple(
        Kept(max(sold, min(taken, counted)), min(taken, counted) > sold)
        for sold, taken in zip(race, old, strict=True)
    )


def depth(situation: Situation) -> int:
    """The highest level at which anything is withheld: all above it is shown whole."""
    return next(
        (
            level
            for level, row in reversed(list(enumerate(_levels(situation.coarse), start=1)))
            if any(row)
        ),
        0,
    )


@lru_cache(maxsize=50_000)
def _levels(situation: Situation) -> tuple[tuple[int, ...], ...]:
    """What is withheld at 1, 2, 3, ... units. Each level is passed once while a Sku sells down, so
    what is expected to be oversold at each of them adds up; the budget is spent from the top."""
    risk = _Risk(situation)
    left = situation.target / 10_000 * situation.sold
    rows: list[tuple[int, ...]] = []
    for level in range(risk.deepest(left * _NOTHING), 0, -1):
        row, spent = _row(risk, level, left)
        left -= spent
        rows.append(row)
    return tuple(reversed(rows))


def _row(risk: _Risk, level: int, left: float) -> tuple[tuple[int, ...], float]:
    """(what each offer withholds at this level, the budget that takes)."""
    others = risk.count - 1

    def spent(first: int, rest: int) -> float:
        return risk.per_unit(level, (level - first, *((level - rest,) * others)))

    rest = _least(level, lambda kept: spent(0, kept) <= left)
    if rest is not None:
        return (0, *((rest,) * others)), spent(0, rest)
    first = _least(level, lambda kept: spent(kept, level) <= left)
    assert first is not None, "what shows nothing sells nothing"
    return (first, *((level,) * others)), spent(first, level)


def _least(most: int, enough: Callable[[int], bool]) -> int | None:
    """The smallest number up to `most` that is enough; more is never worse."""
    if not enough(most):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


class _Risk:
    """What is expected to be oversold in a situation, by what is there and what is shown."""

    def __init__(self, situation: Situation) -> None:
        self.count = len(situation.offers)
        self._sales = [chances(one) for one in situation.offers]
        self._sold = sum(one.mean for one in situation.offers)
        self._per = 1.0 if situation.once else self._sold
        taken = chances(situation.taken)
        self._beyond = _beyond(taken)
        self._most = len(taken) - 1 + sum(len(one) - 1 for one in self._sales)
        self._whole = _sum(self._sales)

    def deepest(self, negligible: float) -> int:
        """The highest level at which showing everything is a risk worth a thought."""
        if self._sold <= 0:
            return 0
        first_deep = _least(
            self._most + 1,
            lambda level: self.per_unit(level, (level,) * self.count) <= negligible,
        )
        assert first_deep is not None, "more than everybody could take is there"
        return max(0, first_deep - 1)

    def per_unit(self, units: int, shown: Sequence[int]) -> float:
        """Expected oversold units for each unit sold here, with these `units` there and this shown."""
        if all(one >= len(sales) - 1 for one, sales in zip(shown, self._sales, strict=True)):
            total = self._whole
        else:
            total = _sum(
                [_at_most(sales, one) for sales, one in zip(self._sales, shown, strict=True)]
            )
        before = self._lacking(units)
        found = sum(
            chance * (self._lacking(units - sold) - before) for sold, chance in enumerate(total)
        )
        return found / self._per

    def _lacking(self, units: int) -> float:
        """Expected units that others took beyond these."""
        if units < 0:
            return self._beyond[0] - units
        return self._beyond[units] if units < len(self._beyond) else 0.0


@lru_cache(maxsize=10_000)
def chances(amount: Amount) -> tuple[float, ...]:
    """The chance of 0, 1, 2, ... units; they add up to 1."""
    mean = amount.mean
    if mean <= 0:
        return (1.0,)
    each = amount.variance / mean
    found: list[float] = []
    left = 1.0
    while left > 0 and len(found) < _LONGEST:
        chance = min(left, math.exp(_log_chance(len(found), mean, each)))
        if len(found) > mean and chance < _NEVER:
            break
        found.append(chance)
        left -= chance
    # What is left out stands at the end: more would only be sold out all the same.
    found[-1] += max(0.0, left)
    return tuple(found)


def _log_chance(units: int, mean: float, each: float) -> float:
    if each < 1.001:
        return units * math.log(mean) - mean - math.lgamma(units + 1)
    size = mean / (each - 1)
    return (
        math.lgamma(size + units)
        - math.lgamma(size)
        - math.lgamma(units + 1)
        - size * math.log(each)
        + units * math.log1p(-1 / each)
    )


def _beyond(taken: Sequence[float]) -> list[float]:
    """The expected units beyond 0, 1, 2, ...: sums from the end."""
    found = [0.0] * len(taken)
    more = 0.0
    for units in range(len(taken) - 2, -1, -1):
        more += taken[units + 1]
        found[units] = found[units + 1] + more
    return found


def _at_most(sales: Sequence[float], shown: int) -> list[float]:
    """Sales of an offer that sells no more than it shows."""
    if shown >= len(sales) - 1:
        return list(sales)
    return [*sales[:shown], sum(sales[shown:])]


def _sum(parts: Sequence[Sequence[float]]) -> list[float]:
    """The distribution of the sum of independent amounts."""
    total = [1.0]
    for part in parts:
        made = [0.0] * (len(total) + len(part) - 1)
        for left, chance in enumerate(total):
            for right, other in enumerate(part):
                made[left + right] += chance * other
        total = made
    return total
