"""How long things take, remembered without keeping samples."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.rules.lags import BUCKETS, HALF_LIFE, MOST_WEIGHT, Lag, lag_of, moved

NOW = timedelta(0)
MINUTE = timedelta(minutes=1)
delays = st.floats(-10, 5e6).map(lambda seconds: timedelta(seconds=seconds))


def test_before_anything_is_seen_what_is_assumed_holds():
    found = Lag().quantile(0.8, prior=timedelta(minutes=5))

    assert timedelta(minutes=5) <= found < timedelta(minutes=7.5)


def test_what_is_seen_outweighs_what_was_assumed():
    lag = Lag().seen([MINUTE] * 30, since=NOW)

    found = lag.quantile(0.8, prior=timedelta(hours=1))

    assert MINUTE <= found < 1.5 * MINUTE


def test_the_average_leans_on_what_is_assumed_until_enough_is_seen():
    lag = Lag().seen([MINUTE] * 97, since=NOW)

    assert Lag().mean(prior=5 * MINUTE) == 5 * MINUTE
    assert 0.7 * MINUTE < lag.mean(prior=MINUTE) < 1.3 * MINUTE
    assert lag.mean(prior=timedelta(hours=10)) > 15 * MINUTE


def test_what_was_seen_long_ago_gives_way():
    old = Lag().seen([timedelta(hours=2)] * 40, since=NOW)

    lag = old.seen([MINUTE] * 40, since=6 * HALF_LIFE)

    assert lag.median < 2 * MINUTE
    assert lag.ninth < 2 * MINUTE


def test_a_new_pace_shows_after_some_hundred_observations_however_long_the_past_was():
    lag = Lag().seen([MINUTE] * 10_000, since=NOW)
    assert lag.weight <= MOST_WEIGHT + 0.01

    for _ in range(100):
        lag = lag.seen([timedelta(hours=1)] * 5, since=NOW)

    assert lag.median >= timedelta(hours=1)


def test_an_estimate_moves_only_when_it_differs_much():
    assert moved(None, MINUTE)
    assert not moved(MINUTE, 1.5 * MINUTE)
    assert not moved(1.5 * MINUTE, MINUTE)
    assert moved(MINUTE, 2.25 * MINUTE)
    assert moved(2.25 * MINUTE, MINUTE)


def test_a_histogram_of_another_size_is_forgotten():
    assert lag_of([1.0, 2.0]) == Lag()
    assert lag_of([1.0] * BUCKETS).weight == BUCKETS


@given(st.lists(delays, min_size=1, max_size=30), st.floats(0.1, 1))
def test_a_quantile_is_never_shorter_than_that_share_of_what_was_seen(seen, share):
    lag = Lag().seen(seen, since=NOW)

    found = lag.quantile(share, prior=seen[0])

    within = sum(1 for one in [*seen, seen[0], seen[0], seen[0]] if one <= found)
    longest = timedelta(seconds=1.5 ** (BUCKETS - 1))
    assert within >= share * (len(seen) + 3) - 1e-6 or found >= longest - MINUTE
