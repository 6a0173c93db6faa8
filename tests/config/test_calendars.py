"""Calendars as an admin writes them."""

from __future__ import annotations

from datetime import date

import pytest

from config.calendars import OpenDays, calendar_of
from core.rules.calendars import closures, is_open


def test_chinese_new_year_closes_and_its_worked_saturday_does_not() -> None:
    calendar = calendar_of(OpenDays(holidays="CN"), first_year=2026)

    assert not is_open(calendar, date(2026, 2, 17))
    assert is_open(calendar, date(2026, 2, 14))
    assert calendar.known_until == date(2033, 12, 31)


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
