"""Which method fits which Sku, and what events add."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.demand import Cover, Method, Pattern, Uplift
from core.rules.forecasting import material, method_of, uplift_on

MAY = Uplift(date(2027, 5, 1), date(2027, 5, 31), 50)


@pytest.mark.parametrize(
    ("pattern", "method", "code"),
    [
        (Pattern(0, 0, 0), Method.NONE, "forecast_none"),
        (Pattern(400, 0, 400), Method.NONE, "forecast_none"),
        (Pattern(27, 27, 0), Method.NEW, "forecast_new"),
        (Pattern(28, 28, 0), Method.FAST, "forecast_fast"),
        (Pattern(300, 200, 0), Method.FAST, "forecast_fast"),
        (Pattern(300, 199, 0), Method.INTERMITTENT, "forecast_intermittent"),
        (Pattern(300, 11, 200), Method.INTERMITTENT, "forecast_intermittent"),
        (Pattern(300, 10, 69), Method.RARE, "forecast_rare"),
        (Pattern(300, 10, 70), Method.INTERMITTENT, "forecast_fading"),
    ],
)
def test_the_method_follows_from_how_a_sku_sells(
    pattern: Pattern, method: Method, code: str
) -> None:
    chosen, reason = method_of(pattern)

    assert (chosen, reason.code) == (method, code)


def test_a_day_without_an_event_has_no_factor_which_is_not_the_factor_one() -> None:
    plain = Uplift(date(2027, 6, 1), date(2027, 6, 1), 0)

    assert uplift_on([MAY, plain], date(2027, 4, 30)) is None
    assert uplift_on([MAY, plain], date(2027, 6, 1)) == 1.0
    assert uplift_on([MAY], date(2027, 5, 31)) == 1.5


def test_events_of_the_same_day_are_multiplied_and_never_make_it_negative() -> None:
    closed = Uplift(date(2027, 5, 9), date(2027, 5, 9), -100)
    double = Uplift(date(2027, 5, 8), date(2027, 5, 9), 100)

    assert uplift_on([MAY, double], date(2027, 5, 8)) == 3.0
    assert uplift_on([MAY, double, closed], date(2027, 5, 9)) == 0.0


@given(before=st.floats(0, 1e6), after=st.floats(0, 1e6))
def test_a_rate_moved_in_earnest_when_it_moved_by_a_tenth(before: float, after: float) -> None:
    moved = material(before, after)

    assert moved == (abs(after - before) > max(0.005, before / 10))
    assert not material(before, before)


def test_the_first_sale_and_the_last_are_told() -> None:
    assert material(0.0, 0.1)
    assert material(0.1, 0.0)
    assert not material(0.001, 0.0)


def test_safety_stock_is_what_stands_above_the_average() -> None:
    assert Cover(10.5, 16).safety_stock == 5.5
