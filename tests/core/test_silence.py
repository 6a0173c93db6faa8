"""A channel that normally sells: a quiet night is none, a Monday noon without orders is silence."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from bench.silence import BEGAN, ZONE, hours_until_told, judged, shop
from core.rules.silence import Rhythm


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
        (200, 10, timedelta(hours=4)),
        (200, 24, timedelta(hours=12)),
        (20, 10, timedelta(hours=36)),
        (2, 10, timedelta(days=15)),
    ],
)
def test_a_channel_that_breaks_is_told_within_hours_or_as_soon_as_its_pace_allows(
    per_day: float, stops_at: int, within: timedelta
):
    # given a shop whose buyers cannot order any more from some hour on
    stopped = BEGAN + timedelta(days=70, hours=stops_at)

    found = hours_until_told(shop(per_day, days=72, seed=3), stopped)

    assert found is not None
    assert timedelta(hours=found) <= within
    # and never at once: the chance of such a gap is what is judged
    assert found >= 1


def test_a_young_or_slow_channel_is_never_called_silent():
    # given a shop of twelve days, and one that sells once in four days
    young = shop(50, days=12, seed=1)
    slow = shop(0.25, days=60, seed=1)

    assert not judged(young, BEGAN + timedelta(days=40))
    assert not judged(slow, BEGAN + timedelta(days=90))
    assert Rhythm({}, last=None, zone=ZONE).silence(BEGAN) is None


def test_a_night_counts_for_what_a_night_sells():
    orders = shop(200, days=70, seed=5, swing=0.0)
    # given no order since nine in the evening of the last day
    evening = (BEGAN + timedelta(days=69, hours=21)).replace(minute=0)
    orders = [at for at in orders if at < evening]

    expected = [
        Rhythm(
            Counter(at.replace(minute=0, second=0, microsecond=0) for at in orders),
            last=max(orders), zone=ZONE,
        ).silence(evening + timedelta(hours=hours))
        for hours in (3, 8)
    ]  # fmt: skip

    at_midnight, at_five = (one.expected if one else 0 for one in expected)
    assert at_five - at_midnight < at_midnight / 2
