"""Whether a channel has been without orders for longer than its own history makes plausible.

A shop sells by the hour of the week: a night without orders says nothing, a Monday noon does. What it
would have sold since its last order, at the pace of its slow days, is the measure: with so many expected
none comes by chance once in thousands of times (the Poisson chance of none is e to the minus of them).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

#: So far back a channel's own history counts, and so much of it must there be.
LOOK_BACK, _LEAST_DAYS, _LEAST_ORDERS = timedelta(days=56), 14, 30
_HOUR = timedelta(hours=1)
_HOURS_A_WEEK = 168
#: Of ten days the slowest one is still usual; days are taken together where they have few orders.
_SLOW, _STRETCH = 0.1, 10


@dataclass(frozen=True, slots=True)
class Silence:
    """No order since `since`, where `expected` would have come even on slow days."""

    since: datetime
    expected: float


class Rhythm:
    """How many orders a channel gets in each hour of its week, and how much slower its slow days are."""

    def __init__(
        self, hours: Mapping[datetime, int], *, last: datetime | None, zone: tzinfo
    ) -> None:
        """`hours`: beginning of an hour -> orders placed in it; `last`: when the last one was placed."""
        self._zone = zone
        self._last = last
        self._rates = [0.0] * _HOURS_A_WEEK
        self._slow = 1.0
        self.enough = False
        if last is None or not hours:
            return
        # Whole days between the first and the last: those two were seen in part.
        first = min(hours).astimezone(zone).date() + timedelta(days=1)
        end = last.astimezone(zone).date()
        counted = {
            local: units
            for hour, units in hours.items()
            if first <= (local := hour.astimezone(zone)).date() < end
        }
        days = (end - first).days
        self.enough = days >= _LEAST_DAYS and sum(counted.values()) >= _LEAST_ORDERS
        if self.enough:
            self._learn(counted, first, days)

    def silence(self, until: datetime) -> Silence | None:
        """What its silence until then means; None: there is none, or too little is known of it."""
        if not self.enough or self._last is None or until <= self._last:
            return None
        return Silence(self._last, self._slow * self._expected(self._last, until))

    def _learn(self, counted: Mapping[datetime, int], first: date, days: int) -> None:
        by_week, by_day, sold = Counter[int](), Counter[int](), Counter[date]()
        for at, units in counted.items():
            by_week[_hour_of_week(at)] += units
            by_day[at.hour] += units
            sold[at.date()] += units
        weekdays = Counter((first + timedelta(days=n)).weekday() for n in range(days))
        for hour in range(_HOURS_A_WEEK):
            seen = weekdays[hour // 24]
            near = sum(
                share * by_week[(hour + step) % _HOURS_A_WEEK]
                for step, share in ((-1, 0.25), (0, 0.5), (1, 0.25))
            )
            own = near / seen if seen else 0.0
            # An hour of the week was seen a few times only: the same hour of all days steadies it.
            self._rates[hour] = (own + by_day[hour % 24] / days) / 2
        self._slow = self._slowest(sold, first, days)

    def _slowest(self, sold: Mapping[date, int], first: date, days: int) -> float:
        """What a slow stretch sells of what is usual. It is so long that chance alone makes none empty."""
        of_weekday = [sum(self._rates[day * 24 : day * 24 + 24]) for day in range(7)]
        usual = [of_weekday[(first + timedelta(days=n)).weekday()] for n in range(days)]
        length = max(1, math.ceil(_STRETCH * days / max(sum(usual), 1e-9)))
        shares = []
        for begin in range(0, days - length + 1, length):
            stretch = range(begin, begin + length)
            came = sum(sold.get(first + timedelta(days=n), 0) for n in stretch)
            shares.append(min(1.0, came / max(sum(usual[n] for n in stretch), 1e-9)))
        return sorted(shares)[math.floor(_SLOW * len(shares))] if shares else 1.0

    def _expected(self, since: datetime, until: datetime) -> float:
        total, at = 0.0, since
        while at < until:
            local = at.astimezone(self._zone)
            rest = _HOUR - timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            step = min(rest, until - at)
            total += self._rates[_hour_of_week(local)] * (step / _HOUR)
            at += step
        return total


def _hour_of_week(local: datetime) -> int:
    return local.weekday() * 24 + local.hour


def is_silent(silence: Silence | None, *, least: float) -> bool:
    """`least`: orders that would have come by now at the least, for their absence to mean something."""
    return silence is not None and silence.expected >= least
