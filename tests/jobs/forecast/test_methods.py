"""Croston's family against series worked out by hand, and what must hold for any series."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.forecast import methods
from jobs.forecast.history import Floats


def column(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)[:, None]


def seen(units: Floats) -> np.ndarray:
    return np.ones_like(units, dtype=bool)


def test_tsb_as_worked_out_by_hand() -> None:
    units = column(0, 4, 0)

    rate = methods.tsb(
        units, seen(units), chance=np.array([0.5]), size=np.array([2.0]),
        alpha_chance=0.1, alpha_size=0.5,
    )  # fmt: skip

    # chance 0.5 → 0.45 → 0.505 → 0.4545; size 2 → 3 at the sale
    assert rate == pytest.approx([0.4545 * 3])


def test_sba_as_worked_out_by_hand() -> None:
    units = column(0, 2, 0, 0, 5, 0)

    rate = methods.sba(units, seen(units), pause=np.array([4.0]), size=np.array([3.0]), alpha=0.2)

    # size 3 → 2.8 → 3.24; pause 4, the first wait is not known whole → 4 + 0.2 (3 - 4) = 3.8
    assert rate == pytest.approx([0.9 * 3.24 / 3.8])


def test_tsb_falls_in_silence_and_sba_does_not() -> None:
    start = column(1, 0, 0, 1, 0, 0, 1)
    silent = np.concatenate([start, np.zeros((60, 1))])
    chance, size = np.array([1 / 3]), np.array([1.0])

    falling = [
        methods.tsb(units, seen(units), chance=chance, size=size)[0] for units in (start, silent)
    ]
    standing = [
        methods.sba(units, seen(units), pause=1 / chance, size=size)[0] for units in (start, silent)
    ]

    assert falling[1] < falling[0] / 2
    assert standing[1] == standing[0]


series = st.lists(st.integers(0, 50), min_size=5, max_size=60).filter(any)
factors = st.sampled_from([0.5, 2.0, 10.0, 1000.0])


@settings(max_examples=50)
@given(values=series, hidden=st.lists(st.booleans(), min_size=60, max_size=60), factor=factors)
def test_twice_the_units_are_twice_the_rate(
    values: list[int], hidden: list[bool], factor: float
) -> None:
    units = column(*values)
    observed = ~np.array(hidden[: len(values)])[:, None] | (units > 0)
    start = {"size": np.array([3.0])}
    more = {"size": np.array([3.0 * factor])}
    flat = np.ones_like(units)
    weight = methods.weights(observed)

    for one, other in (
        (
            methods.tsb(units, observed, chance=np.array([0.3]), **start),
            methods.tsb(units * factor, observed, chance=np.array([0.3]), **more),
        ),
        (
            methods.sba(units, observed, pause=np.array([4.0]), **start),
            methods.sba(units * factor, observed, pause=np.array([4.0]), **more),
        ),
        (
            methods.smoothed(units, flat, weight),
            methods.smoothed(units * factor, flat, weight),
        ),
    ):
        assert other == pytest.approx(one * factor)


@settings(max_examples=50)
@given(values=series, hidden=st.lists(st.booleans(), min_size=60, max_size=60))
def test_leaving_out_days_without_a_sale_never_lowers_a_rate(
    values: list[int], hidden: list[bool]
) -> None:
    units = column(*values)
    everything = seen(units)
    fewer = ~np.array(hidden[: len(values)])[:, None] | (units > 0)
    flat = np.ones_like(units)

    def tsb(observed: np.ndarray) -> Floats:
        return methods.tsb(units, observed, chance=np.array([0.3]), size=np.array([3.0]))

    def sba(observed: np.ndarray) -> Floats:
        return methods.sba(units, observed, pause=np.array([4.0]), size=np.array([3.0]))

    def average(observed: np.ndarray) -> Floats:
        # Every day counts alike: with weights that fall with age, leaving out a day makes the
        # days before it younger, which is right and may move the rate either way.
        weight = methods.weights(observed, half_life=1e12)
        return methods.smoothed(units * observed, flat, weight)

    for rate in (tsb, sba, average):
        assert rate(fewer)[0] >= rate(everything)[0] - 1e-9


def test_days_that_were_not_observed_change_nothing() -> None:
    units = column(1, 0, 0, 3, 0, 0)
    observed = column(1, 0, 0, 1, 0, 0).astype(bool)
    told = units[observed[:, 0]]

    weight = methods.weights(observed)
    flat = np.ones_like(units)

    assert weight[:, 0] == pytest.approx([0.5 ** (1 / methods.HALF_LIFE), 0, 0, 1, 0, 0])
    assert methods.smoothed(units, flat, weight) == pytest.approx(
        methods.smoothed(told, np.ones_like(told), methods.weights(seen(told)))
    )


def test_a_week_is_found_again_and_a_sku_that_sold_little_follows_the_shops() -> None:
    true = np.array([0.5, 0.5, 0.5, 1.0, 1.5, 2.0, 1.0])
    weekdays = np.arange(364) % 7
    much, little = 100 * true[weekdays], np.zeros(364)
    little[10] = 1
    units = np.stack([much, little], axis=1)

    found = methods.week(units, seen(units), weekdays, true[::-1], worth=60)

    assert found[:, 0] == pytest.approx(true, abs=0.02)
    assert found[:, 1] == pytest.approx(true[::-1], abs=0.15)
    assert found.mean(axis=0) == pytest.approx([1, 1])


def test_fifty_thousand_series_are_a_matter_of_a_moment() -> None:
    """No timing is tested, only that no loop over Skus is left: that took minutes."""
    units = np.random.default_rng(1).poisson(0.1, (90, 50_000)).astype(np.float64)
    began = time.process_time()

    rate = methods.tsb(units, seen(units), chance=np.full(50_000, 0.1), size=np.full(50_000, 1.0))

    assert rate.mean() == pytest.approx(0.1, abs=0.01)
    assert time.process_time() - began < 20
