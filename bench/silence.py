"""How soon a channel that stopped selling is told, and how often one that sells is told for nothing.

Shops of a few to thousands of orders a day: by the hour of the week, with days that are far better or
worse than others. The rule looks every hour.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bench.figures import Figures
from core.rules.silence import LOOK_BACK, Rhythm, is_silent

ZONE = ZoneInfo("America/New_York")
#: A midnight in that zone.
BEGAN = datetime(2026, 8, 3, 4, tzinfo=UTC)
#: Of a day's orders, by local hour: next to nothing at night, most in the evening.
_HOURS = (1, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 4, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 9, 9, 8, 5, 3)
_WEEKDAYS = (1.1, 1.0, 1.0, 1.0, 0.9, 0.8, 1.2)
_HOUR = timedelta(hours=1)


def shop(per_day: float, *, days: int, seed: int, swing: float = 0.35) -> list[datetime]:
    """When its orders were placed. `swing`: how far days differ, as the deviation of a logarithm."""
    chance = random.Random(f"{per_day} {seed}")
    found = []
    for number in range(days * 24):
        hour = BEGAN + _HOUR * number
        local = hour.astimezone(ZONE)
        day = random.Random(f"{seed} {local.date()}").lognormvariate(0, swing)
        rate = per_day * _WEEKDAYS[local.weekday()] * _HOURS[local.hour] / sum(_HOURS) * day
        at = chance.expovariate(rate)
        while at < 1:
            found.append(hour + _HOUR * at)
            at += chance.expovariate(rate)
    return found


def judged(orders: Sequence[datetime], until: datetime, *, least: float = 10) -> bool:
    """Whether a shop with these orders, the earliest first, is called silent at that instant."""
    begin, end = bisect_right(orders, until - LOOK_BACK), bisect_right(orders, until)
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in orders[begin:end])
    last = orders[end - 1] if end else None
    return is_silent(Rhythm(hours, last=last, zone=ZONE).silence(until), least=least)


def hours_until_told(orders: Sequence[datetime], stopped: datetime) -> int | None:
    """Looks, one an hour, until the silence that begins then is told; None: not within forty days."""
    before = [at for at in orders if at < stopped]
    return next((n for n in range(24 * 40) if judged(before, stopped + _HOUR * n)), None)


def measure(*, seed: int, rates: Sequence[float] = (2, 20, 200, 2_000), shops: int = 3) -> Figures:
    found = Figures("silence", "goal: no false alarm in 30 days")
    for per_day in rates:
        alarms = 0
        for number in range(shops):
            orders = shop(per_day, days=86, seed=seed + number)
            looks = (BEGAN + timedelta(days=56, hours=hours) for hours in range(0, 30 * 24, 3))
            alarms += sum(judged(orders, at) for at in looks)
        orders = shop(per_day, days=72, seed=seed)
        told = {
            f"told_after_h_stopped_at_{hour:02}": hours_until_told(
                orders, BEGAN + timedelta(days=70, hours=hour)
            )
            for hour in (0, 6, 10, 16)
        }
        found.add(orders_a_day=per_day, shops=shops, false_alarms=alarms, **told)
    return found
