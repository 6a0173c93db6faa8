"""From a history to what is expected on a day, many Skus in one go."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from core.model.demand import FLAT_WEEK, Forecast, Method, Pattern
from core.model.reasons import Reason
from core.rules.forecasting import method_of
from jobs.forecast import methods
from jobs.forecast.history import Flags, Floats, History, Shop
from jobs.store.bulk import chunks

#: Skus worked out together: their days fit into a processor's cache.
TOGETHER = 1_000
#: A new Sku's rate is that of a week at least: a first day is no pattern.
LEAST_NEW = 7
#: Units of its own after which a Sku's week counts as much as the shop's.
WEEK_WORTH = 60.0
#: Days of which the shop's week is told.
SHOP_WEEKS = 26

_DAY = timedelta(days=1)
_NEVER = np.iinfo(np.int64).max


def forecast(history: History, *, today: date, seed: int) -> Forecast:
    """What is expected of this Sku from `today` on; nothing of `today` or later is looked at."""
    return forecasts([history], today=today, seed=seed)[0]


def forecasts(found: Sequence[History], *, today: date, seed: int) -> list[Forecast]:
    """The same for many Skus, in their order."""
    return [
        made
        for chunk in chunks([one.until(today) for one in found], TOGETHER)
        for made in _Batch(chunk, today, seed).forecasts()
    ]


class _Batch:
    """Histories that end on the same day, as columns of one array."""

    def __init__(self, found: Sequence[History], today: date, seed: int) -> None:
        self._found, self._today, self._seed = found, today, seed
        days = max((len(one.units) for one in found), default=0)
        self._units = np.zeros((days, len(found)))
        self._observed = np.zeros((days, len(found)), dtype=bool)
        for number, one in enumerate(found):
            start = days - (today - one.first).days
            stop = start + len(one.units)
            self._units[start:stop, number] = one.usual
            self._observed[start:stop, number] = one.observed
        self._units[~self._observed] = 0.0
        first = today - _DAY * days
        self._weekdays = (np.arange(days, dtype=np.int64) + first.weekday()) % 7
        self._sold = self._observed & (self._units > 0)

    def forecasts(self) -> Iterator[Forecast]:
        days = self._observed.sum(axis=0)
        sold = self._sold.sum(axis=0)
        silent = np.cumsum(self._observed[::-1], axis=0)[::-1]
        # The observed days after the last sale: the count from it on, without itself.
        last = np.where(self._sold, silent, _NEVER).min(axis=0, initial=_NEVER)
        patterns = [
            Pattern(int(observed), int(count), int(since) - 1 if count else int(observed))
            for observed, count, since in zip(days, sold, last, strict=True)
        ]
        total = self._units.sum(axis=0)
        week = self._week()
        weight = methods.weights(self._observed)
        level = self._levels(patterns, week, weight)
        variance = self._variance(level, week, weight)
        for number, (one, pattern) in enumerate(zip(self._found, patterns, strict=True)):
            method, reason = method_of(pattern)
            reasons = [reason]
            hidden = len(one.units) - pattern.observed
            if hidden:
                reasons.append(Reason.of("forecast_hidden", days=hidden))
            rate, spread = float(level[number]), float(variance[number])
            if method is Method.NONE:
                rate, spread = 0.0, 0.0
            elif method is Method.NEW:
                rate = float(total[number]) / max(pattern.observed, LEAST_NEW)
                spread = max(spread, rate)
            yield Forecast(
                one.sku,
                method,
                rate,
                spread,
                tuple(map(float, week[:, number])) if method is Method.FAST else FLAT_WEEK,
                pattern.observed,
                tuple(reasons),
                self._today,
                _seed_of(self._seed, one.sku),
            )

    def _week(self) -> Floats:
        shop = _shop_week(self._found[0].shop, self._today)
        return methods.week(self._units, self._observed, self._weekdays, shop, worth=WEEK_WORTH)

    def _levels(self, patterns: Sequence[Pattern], week: Floats, weight: Floats) -> Floats:
        level = methods.smoothed(self._units, week[self._weekdays], weight)
        for method, rates in ((Method.INTERMITTENT, self._tsb), (Method.RARE, self._sba)):
            mine = np.flatnonzero([method_of(one)[0] is method for one in patterns])
            if len(mine):
                level[mine] = rates(self._units[:, mine], self._observed[:, mine])
        return level

    @staticmethod
    def _sba(units: Floats, observed: Flags) -> Floats:
        sold = (units > 0).sum(axis=0)
        return methods.sba(
            units, observed, pause=observed.sum(axis=0) / sold, size=units.sum(axis=0) / sold
        )

    @staticmethod
    def _tsb(units: Floats, observed: Flags) -> Floats:
        sold = (units > 0).sum(axis=0)
        return methods.tsb(
            units, observed, chance=sold / observed.sum(axis=0), size=units.sum(axis=0) / sold
        )

    def _variance(self, level: Floats, week: Floats, weight: Floats) -> Floats:
        """Of one day's units around what was expected of that weekday."""
        off = self._units - level * week[self._weekdays]
        variance: Floats = (weight * off * off).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
        return variance


def _shop_week(shop: Shop, today: date) -> Floats:
    """The factor of each weekday over all Skus; flat where there are no full weeks."""
    days = min(SHOP_WEEKS * 7, len(shop.units) // 7 * 7)
    units = shop.between(today - _DAY * days, days)
    if units is None or not units.sum():
        return np.ones(7)
    by_weekday = units.reshape(-1, 7).sum(axis=0)
    return np.roll(by_weekday / by_weekday.mean(), today.weekday())


def _seed_of(seed: int, sku: str) -> int:
    """Different draws for different Skus, the same in every process."""
    return zlib.crc32(f"{seed}/{sku}".encode())
