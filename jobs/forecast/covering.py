"""The demand of a span of days: its average, and the units that are enough with a given chance.

The average is the forecast's level day by day: the weekday, then the event of the day or, where no
event is configured for it, the shape of the same weeks a year ago. What is enough is a quantile of
draws: weeks of the Sku's own history put together at random (a moving-block bootstrap), so that
nothing is taken to be normal, times how wrong a level may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np

from core.model.demand import Cover, Forecast, Method, Uplift
from core.rules.forecasting import uplift_on
from jobs.forecast.history import Floats, History

DRAWS = 2_000
#: Days drawn together: a whole week keeps its weekdays and what one day does to the next.
BLOCK = 7
#: Draws come from the last year.
DRAWN_FROM = 365
#: Days whose averages show how far a level wanders, and the least and most that is taken for it:
#: (standard deviation / level) squared.
MONTH, LEAST_UNSURE, MOST_UNSURE = 28, 0.001, 0.25
#: The same where fewer than three months are known.
UNSURE = 0.05
#: One year ago, to the weekday.
YEAR = 364
#: Days averaged around a day of last year; weeks before it that it is compared with.
AROUND, BEFORE = 15, 56
#: Own units last year after which they count as much as the shop's shape, and how far from 1 a
#: shape may go.
SHAPE_WORTH, FURTHEST = 100.0, 5.0
#: A Sku does not follow the shop's season all the way.
FOLLOWS = 0.5

#: Days ahead on which the mean counts as much as the level.
REVERTS = 20

_DAY = timedelta(days=1)


def cover(
    forecast: Forecast,
    history: History,
    *,
    first: date,
    days: int,
    service: float,
    uplifts: Iterable[Uplift] = (),
) -> Cover:
    """What `days` days from `first` on will ask for.

    `service`: the chance, above 0 and below 1, that the level is enough. The same forecast gives
    the same answer each time. Raises ValueError for a service that is no chance.
    """
    if not 0 < service < 1:
        raise ValueError(f"a service of {service} is no chance between 0 and 1")
    if days <= 0 or forecast.level <= 0:
        return Cover(0.0, 0)
    expected = float(
        expected_days(forecast, history, first=first, days=days, uplifts=uplifts).sum()
    )
    drawn = draws(forecast, history, days=days, expected=expected)
    return Cover(expected, int(enough(drawn, [service])[0]))


def enough(drawn: Floats, services: Sequence[float]) -> Floats:
    """The whole units that are enough in these shares of the draws."""
    units: Floats = np.ceil(np.quantile(drawn, services, method="higher") - 1e-6)
    return units


def expected_days(
    forecast: Forecast,
    history: History,
    *,
    first: date,
    days: int,
    uplifts: Iterable[Uplift] = (),
) -> Floats:
    """Units expected on each of these days."""
    known = tuple(uplifts)
    ahead = [first + _DAY * number for number in range(days)]
    week = np.array([forecast.weekday[day.weekday()] for day in ahead])
    shape = last_year(history.until(forecast.today), forecast.today, ahead)
    events = [uplift_on(known, day) for day in ahead]
    # An event says what its days are like; last year's figures may hold the very same event.
    factor = np.array(
        [usual if event is None else event for event, usual in zip(events, shape, strict=True)]
    )
    units: Floats = levels(forecast, history.until(forecast.today), ahead) * week * factor
    return units


def levels(forecast: Forecast, history: History, days: Sequence[date]) -> Floats:
    """The level of each of these days: the further ahead, the nearer to the mean of the last year.

    A Sku that is known for a year has its season for that, and one that may be dying stays low.
    """
    units = history.usual[history.observed][-DRAWN_FROM:]
    dying = any(reason.code == "forecast_fading" for reason in forecast.reasons)
    if forecast.method is Method.NEW or dying or len(history.units) >= YEAR + BEFORE:
        return np.full(len(days), forecast.level)
    ahead = np.array([(day - forecast.today).days for day in days])
    made: Floats = forecast.level + (units.mean() - forecast.level) * ahead / (ahead + REVERTS)
    return made


def draws(forecast: Forecast, history: History, *, days: int, expected: float) -> Floats:
    """DRAWS demands that `days` days with this average may have."""
    history = history.until(forecast.today)
    chance = np.random.default_rng(forecast.seed)
    if forecast.method is Method.NEW or history.observed.sum() < 2 * BLOCK:
        # A rate known from few days: Poisson, its rate Gamma after what was seen.
        seen = float(history.usual[history.observed].sum()) + 1
        return chance.poisson(chance.gamma(seen, expected / seen, DRAWS)).astype(np.float64)
    sums = _blocks(history, chance, days)
    mean = sums.mean()
    if mean <= 0:
        return np.zeros(DRAWS)
    unsure = _unsure(history)
    drawn: Floats = sums * (expected / mean) * chance.gamma(1 / unsure, unsure, DRAWS)
    return drawn


def _unsure(history: History) -> float:
    """How far the Sku's own months were from one another: so far may the level be off."""
    units = history.usual[history.observed][-DRAWN_FROM:]
    months = len(units) // MONTH
    if months < 3:
        return UNSURE
    means = units[-months * MONTH :].reshape(months, MONTH).mean(axis=1)
    apart = float(means.var(ddof=1) / means.mean() ** 2) if means.any() else UNSURE
    return min(max(apart, LEAST_UNSURE), MOST_UNSURE)


def _blocks(history: History, chance: np.random.Generator, days: int) -> Floats:
    """DRAWS sums of `days` observed days, drawn as weeks and a rest."""
    units = history.usual[history.observed][-DRAWN_FROM:]
    summed = np.concatenate(([0.0], np.cumsum(units)))
    whole, rest = divmod(days, BLOCK)
    weeks = summed[BLOCK:] - summed[:-BLOCK]
    drawn = weeks[chance.integers(0, len(weeks), (DRAWS, whole))].sum(axis=1)
    if rest:
        parts = summed[rest:] - summed[:-rest]
        drawn = drawn + parts[chance.integers(0, len(parts), DRAWS)]
    return np.asarray(drawn)


def last_year(history: History, today: date, days: Sequence[date]) -> Floats:
    """How these days of last year stood out from the weeks before this day of last year.

    1 where last year is not known. The Sku's own shape counts by what it sold then; what is missing
    is taken from the shop's, which it is taken to follow half-way.
    """
    then = [day - _DAY * YEAR for day in days]
    base = today - _DAY * (YEAR + BEFORE)
    shop = _shape(
        history.shop.first, history.shop.units, np.ones(len(history.shop.units), bool), base, then
    )
    own = _shape(history.first, history.usual, history.observed, base, then)
    of_shop = np.ones(len(days)) if shop is None else shop[0] ** FOLLOWS
    if own is None:
        return of_shop
    shape, seen = own
    trust = seen / (seen + SHAPE_WORTH)
    made = shape**trust * of_shop ** (1 - trust)
    return np.clip(made, 1 / FURTHEST, FURTHEST)


def _shape(
    first: date, units: Floats, observed: np.ndarray, base: date, then: Sequence[date]
) -> tuple[Floats, float] | None:
    """(factor of each of the days `then` over the weeks from `base` on, units it rests on)."""
    half = AROUND // 2
    start = (base - first).days
    low = min((day - first).days for day in then) - half
    high = max((day - first).days for day in then) + half + 1
    if start < 0 or low < 0 or min(low, start) < 0:
        return None
    high = min(high, len(units))
    seen = observed.astype(np.float64)
    sums = np.concatenate(([0.0], np.cumsum(units * seen)))
    counts = np.concatenate(([0.0], np.cumsum(seen)))
    before = slice(start, start + BEFORE)
    days_before = seen[before].sum()
    if not days_before:
        return None
    usual = (units * seen)[before].sum() / days_before
    at = np.array([(day - first).days for day in then])
    left, right = np.maximum(at - half, 0), np.minimum(at + half + 1, len(units))
    around = counts[right] - counts[left]
    mean = np.divide(
        sums[right] - sums[left], around, out=np.full(len(at), usual), where=around > 0
    )
    total = (units * seen)[before].sum() + sums[high] - sums[low]
    # One unit on either side, so that a first sale is no season.
    prior = 1.0 / BEFORE
    return np.clip((mean + prior) / (usual + prior), 1 / FURTHEST, FURTHEST), float(total)
