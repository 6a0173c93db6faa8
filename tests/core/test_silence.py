"""A channel that normally sells: a quiet night is none, a Monday noon without orders is silence."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.rules.silence import LOOK_BACK, Rhythm, is_silent

EAST = ZoneInfo("America/New_York")
BEGAN = datetime(2026, 8, 3, 4, tzinfo=UTC)
#: Of a day's orders, by local hour: next to nothing at night, most in the evening.
HOURS = [1, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 4, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 9, 9, 8, 5, 3]
WEEKDAYS = [1.1, 1.0, 1.0, 1.0, 0.9, 0.8, 1.2]


def shop(per_day: float, *, days: int, seed: int, swing: float = 0.35) -> list[datetime]:
    """Orders of so many days: by the hour of the week, some days far better or worse than others."""
    chance = random.Random(f"{per_day} {seed}")
    found = []
    for number in range(days * 24):
        hour = BEGAN + timedelta(hours=number)
        local = hour.astimezone(EAST)
        day = random.Random(f"{seed} {local.date()}").lognormvariate(0, swing)
        rate = per_day * WEEKDAYS[local.weekday()] * HOURS[local.hour] / sum(HOURS) * day
        at = chance.expovariate(rate)
        while at < 1:
            found.append(hour + timedelta(hours=at))
            at += chance.expovariate(rate)
    return found


def judged(orders: list[datetime], until: datetime) -> bool:
    known = [at for at in orders if until - LOOK_BACK < at <= until]
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in known)
    last = max((at for at in orders if at <= until), default=None)
    return is_silent(Rhythm(hours, last=last, zone=EAST).silence(until), least=10)


@pytest.mark.parametrize("per_day", [2, 20, 200])
@pytest.mark.parametrize("seed", range(2))
def test_thirty_days_of_a_selling_shop_raise_no_alarm(per_day: float, seed: int):
    # given eight weeks of orders, then thirty days more in which nothing is wrong
    orders = shop(per_day, days=86, seed=seed)

    looks = [BEGAN + timedelta(days=56, hours=hours) for hours in range(0, 30 * 24, 2)]

    assert [at for at in looks if judged(orders, at)] == []


@pytest.mark.parametrize(
    ("per_day", "stops_at", "within"),
    [
        # a shop of 200 a day that breaks at ten in the morning, or at midnight, and one of 20, of 2
        (200, 14, timedelta(hours=4)),
        (200, 28, timedelta(hours=12)),
        (20, 14, timedelta(hours=36)),
        (2, 14, timedelta(days=15)),
    ],
)
def test_a_channel_that_breaks_is_told_within_hours_or_as_soon_as_its_pace_allows(
    per_day: float, stops_at: int, within: timedelta
):
    # given a shop whose buyers cannot order any more from some hour on
    stopped = BEGAN + timedelta(days=70, hours=stops_at - 4)
    orders = [at for at in shop(per_day, days=72, seed=3) if at < stopped]

    found = next(
        hours for hours in range(24 * 30) if judged(orders, stopped + timedelta(hours=hours))
    )

    assert timedelta(hours=found) <= within
    # and never at once: the chance of such a gap is what is judged
    assert found >= 1


def test_a_young_or_slow_channel_is_never_called_silent():
    # given a shop of twelve days, and one that sells once in four days
    young = shop(50, days=12, seed=1)
    slow = shop(0.25, days=60, seed=1)

    assert not judged(young, BEGAN + timedelta(days=40))
    assert not judged(slow, BEGAN + timedelta(days=90))
    assert Rhythm({}, last=None, zone=EAST).silence(BEGAN) is None


def test_a_night_counts_for_what_a_night_sells():
    orders = shop(200, days=70, seed=5, swing=0.0)
    # given no order since nine in the evening of the last day
    evening = (BEGAN + timedelta(days=69, hours=21)).replace(minute=0)
    orders = [at for at in orders if at < evening]

    expected = [
        Rhythm(
            Counter(at.replace(minute=0, second=0, microsecond=0) for at in orders),
            last=max(orders), zone=EAST,
        ).silence(evening + timedelta(hours=hours))
        for hours in (3, 8)
    ]  # fmt: skip

    at_midnight, at_five = (one.expected if one else 0 for one in expected)
    assert at_five - at_midnight < at_midnight / 2
