"""Calendars as an admin writes them."""

from __future__ import annotations

from datetime import date

import holidays
import pytest

from config.calendars import YEARS, OpenDays, calendar_of
from core.rules.calendars import closures, is_open


def test_chinese_new_year_closes_and_its_worked_saturday_does_not() -> None:
    calendar = calendar_of(OpenDays(holidays="CN"), first_year=2026)

    assert not is_open(calendar, date(2026, 2, 17))
    assert is_open(calendar, date(2026, 2, 14))


def test_what_is_announced_yearly_is_known_as_far_as_days_worked_instead_are() -> None:
    # given the years that the package knows make-up days of
    package = holidays.country_holidays("CN", years=range(2025, 2033))
    announced = max(day.year for day in package.weekend_workdays)

    calendar = calendar_of(OpenDays(holidays="CN"), first_year=2025)

    assert calendar.known_until == date(announced, 12, 31)
    assert announced < 2025 + YEARS - 1
    # the holidays themselves are fixed by law
    assert not is_open(calendar, date(announced + 1, 10, 1))


def test_of_years_that_are_all_unannounced_nothing_is_claimed_to_be_known() -> None:
    calendar = calendar_of(OpenDays(holidays="CN"), first_year=2060)

    assert calendar.known_until == date(2059, 12, 31)


def test_holidays_that_a_law_fixes_are_known_for_years() -> None:
    calendar = calendar_of(OpenDays(holidays="US"), first_year=2026)

    assert calendar.known_until == date(2026 + YEARS - 1, 12, 31)


def test_their_own_closure_wins_over_a_worked_saturday() -> None:
    written = {"holidays": "CN", "closed": [{"first": "2026-02-09", "last": "2026-02-25"}]}

    calendar = calendar_of(OpenDays.model_validate(written), first_year=2026)

    (closure,) = closures(calendar, date(2026, 2, 10), date(2026, 2, 20))
    assert (closure.first, closure.last) == (date(2026, 2, 7), date(2026, 2, 25))


def test_a_single_day_may_be_written_alone_and_opened_again() -> None:
    written = {"closed": ["2026-03-02"], "opened": ["2026-03-07"]}

    calendar = calendar_of(OpenDays.model_validate(written), first_year=2026)

    assert not is_open(calendar, date(2026, 3, 2))
    assert is_open(calendar, date(2026, 3, 7))
    assert calendar.known_until is None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"holidays": "XX"}, "no holidays are known of 'XX'"),
        ({"closed": [{"first": "2026-03-02", "last": "2026-03-01"}]}, "comes before"),
        ({"closed": [20260302]}, "is no day"),
    ],
)
def test_what_cannot_be_is_told(written: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OpenDays.model_validate(written)
