"""Open days and closures, as suppliers really have them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import EVERY_DAY, MONDAY_TO_FRIDAY, Calendar, Closure
from core.rules.calendars import (
    NeverOpen,
    after_open_days,
    closures,
    is_open,
    last_open,
    next_open,
    open_days,
)

WEEK = Calendar(weekdays=MONDAY_TO_FRIDAY)
SPRING = Calendar(
    weekdays=MONDAY_TO_FRIDAY,
    closed=frozenset(date(2027, 2, day) for day in range(4, 13)),
    opened=frozenset({date(2027, 2, 14)}),
)


def test_a_weekend_is_passed_over_and_a_worked_sunday_is_not() -> None:
    saturday = date(2027, 2, 13)

    assert next_open(WEEK, saturday) == date(2027, 2, 15)
    assert next_open(SPRING, saturday) == date(2027, 2, 14)
    assert last_open(SPRING, saturday) == date(2027, 2, 3)


def test_a_closure_is_told_whole_with_the_weekend_it_runs_into() -> None:
    found = list(closures(SPRING, date(2027, 2, 8), date(2027, 3, 1)))

    assert found == [Closure(date(2027, 2, 4), date(2027, 2, 13))]
    assert found[0].days == 10


def test_usual_weekends_are_no_closures() -> None:
    assert not list(closures(WEEK, date(2027, 1, 1), date(2027, 12, 31)))


def test_five_open_days_take_a_week() -> None:
    monday = date(2027, 3, 1)

    assert after_open_days(WEEK, monday, 5) == date(2027, 3, 8)
    assert after_open_days(WEEK, date(2027, 3, 6), 0) == date(2027, 3, 8)


@pytest.mark.parametrize("walk", [next_open, last_open])
def test_a_calendar_without_an_open_day_is_an_error_not_a_wait(walk) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NeverOpen):
        walk(Calendar(weekdays=frozenset()), date(2027, 1, 1))


@given(
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.dates(date(2026, 1, 1), date(2028, 1, 1)),
    count=st.integers(0, 60),
)
def test_counting_forward_and_back_agree(weekdays: frozenset[int], start: date, count: int) -> None:
    calendar = Calendar(weekdays=weekdays)
    first = next_open(calendar, start)

    reached = after_open_days(calendar, start, count)

    assert is_open(calendar, reached)
    assert open_days(calendar, first, reached) == count + 1
    assert open_days(calendar, reached, first - timedelta(days=1)) == 0
    assert open_days(Calendar(weekdays=EVERY_DAY), first, reached) == (reached - first).days + 1
