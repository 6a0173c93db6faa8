"""Forecasts and covers from histories, without a store."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.demand import FLAT_WEEK, Method, Uplift
from jobs.forecast import History, Shop, cover, forecast, forecasts
from jobs.forecast.covering import expected_days
from jobs.forecast.history import NO_SHOP, Floats

DAY = timedelta(days=1)
TODAY = date(2027, 4, 5)


def history(
    units: Floats | list[float],
    *,
    sku: str = "A",
    observed: np.ndarray | None = None,
    shop: Shop = NO_SHOP,
    lifted: Floats | None = None,
) -> History:
    """These days, up to yesterday."""
    values = np.asarray(units, dtype=np.float64)
    there = np.ones(len(values), dtype=bool) if observed is None else observed
    return History(sku, TODAY - len(values) * DAY, values, there, {}, lifted, shop)


def poisson(mean: float, days: int = 300, *, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).poisson(mean, days).astype(np.float64)


def level(one: History, *, days: int = 14, service: float = 0.9, seed: int = 7) -> int:
    made = forecast(one, today=TODAY, seed=seed)
    return cover(made, one, first=TODAY, days=days, service=service).level


# --- forecasts -----------------------------------------------------------------------------------


def test_each_method_comes_near_the_true_rate() -> None:
    rare = np.zeros(360)
    rare[::40] = 2

    found = [
        forecast(history(units), today=TODAY, seed=7)
        for units in (poisson(5), poisson(0.3), rare, poisson(4, 10), np.zeros(0))
    ]

    assert [one.method for one in found] == [
        Method.FAST, Method.INTERMITTENT, Method.RARE, Method.NEW, Method.NONE,
    ]  # fmt: skip
    assert [one.level for one in found] == [
        pytest.approx(5, rel=0.1), pytest.approx(0.3, rel=0.3), pytest.approx(0.05, rel=0.1),
        pytest.approx(4, rel=0.3), 0.0,
    ]  # fmt: skip


def test_many_skus_are_told_what_each_would_be_told_alone() -> None:
    several = [
        history(poisson(mean, days, seed=days), sku=f"S{days}")
        for mean, days in ((5, 300), (0.3, 200), (0.02, 250), (4, 10), (1, 0))
    ]

    together = forecasts(several, today=TODAY, seed=7)

    for one, alone in zip(together, several, strict=True):
        by_itself = forecast(alone, today=TODAY, seed=7)
        assert one.level == pytest.approx(by_itself.level)
        assert one.variance == pytest.approx(by_itself.variance)
        assert (one.method, one.reasons, one.seed) == (
            by_itself.method, by_itself.reasons, by_itself.seed,
        )  # fmt: skip


def test_nothing_of_today_or_later_is_looked_at() -> None:
    known = poisson(3)
    later = History(
        "A", TODAY - 300 * DAY, np.concatenate([known, [900.0] * 30]), np.ones(330, dtype=bool)
    )

    made = forecast(later, today=TODAY, seed=7)

    assert made == forecast(history(known), today=TODAY, seed=7)
    assert cover(made, later, first=TODAY, days=9, service=0.9) == cover(
        made, history(known), first=TODAY, days=9, service=0.9
    )


def test_a_first_day_is_no_pattern() -> None:
    made = forecast(history([70.0]), today=TODAY, seed=7)

    assert (made.method, made.level) == (Method.NEW, 10.0)


def test_days_without_stock_are_no_days_without_demand() -> None:
    units = poisson(2, 200)
    out = np.zeros(200, dtype=bool)
    out[100:180] = True
    sold = np.where(out, 0, units)

    blind = forecast(history(sold), today=TODAY, seed=7)
    seeing = forecast(history(sold, observed=~out), today=TODAY, seed=7)

    assert blind.level < 1.2
    assert seeing.level == pytest.approx(2, rel=0.15)
    assert seeing.days == 120
    assert [reason.code for reason in seeing.reasons] == ["forecast_fast", "forecast_hidden"]


def test_last_years_event_is_not_taken_for_a_usual_day() -> None:
    units, lifted = np.full(100, 10.0), np.ones(100)
    units[60:90], lifted[60:90] = 20.0, 2.0

    made = forecast(history(units, lifted=lifted), today=TODAY, seed=7)

    assert made.level == pytest.approx(10)


# --- covers --------------------------------------------------------------------------------------


def test_the_newsvendors_figure() -> None:
    """stockpyl 1.0.2: newsvendor_normal(holding 0.18, shortage 0.70, mean 50, deviation 8) = 56.604."""
    normal = np.random.default_rng(3).normal(50, 8, 4_000).clip(0)

    found = level(history(normal), days=1, service=0.70 / (0.70 + 0.18))

    assert found == pytest.approx(56.604, abs=2.5)


def test_the_same_forecast_gives_the_same_answer_each_time() -> None:
    one = history(poisson(0.4))

    assert level(one) == level(one)
    assert level(one, days=65, seed=8) == pytest.approx(level(one, days=65), rel=0.15)


@settings(max_examples=25, deadline=None)
@given(
    mean=st.sampled_from([0.02, 0.3, 4.0]),
    known=st.sampled_from([5, 20, 60, 400]),
    days=st.integers(1, 80),
    low=st.floats(0.05, 0.95),
    more=st.floats(0, 0.04),
)
def test_more_service_never_asks_for_less(
    mean: float, known: int, days: int, low: float, more: float
) -> None:
    one = history(poisson(mean, known))
    made = forecast(one, today=TODAY, seed=7)

    less_sure = cover(made, one, first=TODAY, days=days, service=low)
    surer = cover(made, one, first=TODAY, days=days, service=low + more)

    assert 0 <= less_sure.level <= surer.level
    assert less_sure.expected == surer.expected


@settings(max_examples=25, deadline=None)
@given(
    mean=st.sampled_from([0.02, 0.3, 4.0]),
    days=st.integers(1, 80),
    factor=st.sampled_from([2, 10, 24]),
)
def test_a_sku_sold_in_dozens_needs_as_many_dozens(mean: float, days: int, factor: int) -> None:
    one, dozens = history(poisson(mean)), history(poisson(mean) * factor)
    plain = cover(forecast(one, today=TODAY, seed=7), one, first=TODAY, days=days, service=0.9)
    made = forecast(dozens, today=TODAY, seed=7)

    scaled = cover(made, dozens, first=TODAY, days=days, service=0.9)

    # More units make the week surer, which moves a single day a little.
    assert scaled.expected == pytest.approx(plain.expected * factor, rel=0.1 / days)
    # What is enough is whole units of either.
    assert abs(scaled.level - factor * plain.level) <= factor * (1 + 0.02 * plain.level)


@settings(max_examples=25, deadline=None)
@given(hidden=st.lists(st.booleans(), min_size=120, max_size=120), seed=st.integers(0, 9))
def test_knowing_of_days_without_stock_does_not_lower_what_is_expected(
    hidden: list[bool], seed: int
) -> None:
    units = poisson(0.4, 120, seed=seed)
    fewer = ~np.array(hidden) | (units > 0)
    blind = forecast(history(units), today=TODAY, seed=7)

    seeing = forecast(history(units, observed=fewer), today=TODAY, seed=7)

    if seeing.method is blind.method is Method.INTERMITTENT:
        assert seeing.level >= blind.level - 1e-9


def test_weekdays_are_followed() -> None:
    weekend = np.array(
        [1.0 if (TODAY - (300 - n) * DAY).weekday() < 5 else 8.0 for n in range(300)]
    )
    one = history(weekend)
    made = forecast(one, today=TODAY, seed=7)

    monday = cover(made, one, first=TODAY, days=1, service=0.5)
    saturday = cover(made, one, first=TODAY + 5 * DAY, days=1, service=0.5)

    assert TODAY.weekday() == 0
    assert monday.expected == pytest.approx(1, abs=0.3)
    assert saturday.expected == pytest.approx(8, abs=0.5)


def test_an_event_ahead_is_bought_for() -> None:
    one = history(np.full(100, 10.0))
    made = forecast(one, today=TODAY, seed=7)
    event = Uplift(TODAY + 20 * DAY, TODAY + 24 * DAY, 100)

    plain = cover(made, one, first=TODAY, days=30, service=0.9)
    lifted = cover(made, one, first=TODAY, days=30, service=0.9, uplifts=[event])

    assert lifted.expected == pytest.approx(plain.expected + 50)
    assert lifted.level > plain.level


def test_far_ahead_a_good_month_counts_less_than_the_months_before_it() -> None:
    one = history(np.concatenate([np.full(200, 10.0), np.full(30, 30.0)]))
    made = forecast(one, today=TODAY, seed=7)

    near, far = expected_days(made, one, first=TODAY, days=200)[[0, 199]]

    assert near == pytest.approx(made.level, rel=0.01)
    assert one.units.mean() < far < near - 0.8 * (near - one.units.mean())


def test_what_falls_silent_is_not_bought_for_its_better_days() -> None:
    units = np.zeros(330)
    units[:200:40] = 5
    one = history(units)
    made = forecast(one, today=TODAY, seed=7)

    far = expected_days(made, one, first=TODAY + 200 * DAY, days=1)

    assert made.reasons[0].code == "forecast_fading"
    assert far == pytest.approx([made.level])


def season(days: int = 440) -> Floats:
    """Ten a day, from June to August forty."""
    ahead = (TODAY - (days - number) * DAY for number in range(days))
    return np.array([40.0 if day.month in (6, 7, 8) else 10.0 for day in ahead])


def test_a_sku_with_a_long_lead_time_is_bought_for_its_season_not_for_last_week() -> None:
    one = history(season())
    made = forecast(one, today=TODAY, seed=7)

    now = expected_days(made, one, first=TODAY, days=7)
    later = expected_days(made, one, first=TODAY + 65 * DAY, days=30)

    # The level still remembers a little of the summer before.
    assert now.mean() == pytest.approx(10, rel=0.2)
    assert later.mean() / now.mean() == pytest.approx(4, rel=0.1)


def test_a_sku_without_a_year_of_its_own_follows_the_shops_half_way() -> None:
    shop = Shop(TODAY - 440 * DAY, 100 * season())
    one = history(np.full(120, 10.0), shop=shop)
    made = forecast(one, today=TODAY, seed=7)

    later = expected_days(made, one, first=TODAY + 65 * DAY, days=30)

    assert later.mean() == pytest.approx(20, rel=0.1)


def test_a_configured_event_is_not_counted_a_second_time_as_last_years_shape() -> None:
    one = history(season())
    made = forecast(one, today=TODAY, seed=7)
    july = Uplift(date(2027, 7, 1), date(2027, 7, 31), 100)

    found = expected_days(made, one, first=july.first, days=31, uplifts=[july])

    assert found.mean() == pytest.approx(2 * made.level, rel=0.05)


@pytest.mark.parametrize("service", [0.0, 1.0, 95])
def test_a_service_that_is_no_chance_is_refused(service: float) -> None:
    one = history(poisson(1))

    with pytest.raises(ValueError, match="no chance"):
        cover(forecast(one, today=TODAY, seed=7), one, first=TODAY, days=7, service=service)


def test_what_never_sold_needs_nothing() -> None:
    one = history(np.zeros(300))
    made = forecast(one, today=TODAY, seed=7)

    assert (made.level, made.weekday) == (0.0, FLAT_WEEK)
    assert cover(made, one, first=TODAY, days=65, service=0.99).level == 0


def test_one_sale_in_four_months_is_no_reason_to_fall_over() -> None:
    for at in (0, 60, 119):
        units = np.zeros(120)
        units[at] = 3

        assert 0 <= level(history(units), days=65, service=0.95) < 30
