"""Open days and closures, as suppliers really have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import EVERY_DAY, MONDAY_TO_FRIDAY, Calendar, Closure
from core.rules.calendars import (
    NeverOpen,
    after_open_days,
    after_open_time,
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


# --- open time -----------------------------------------------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")
#: Clocks that jump over midnight, and back over it; half an hour; none at all.
ZONES = [ZoneInfo(n) for n in ("America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "UTC")]
CHRISTMAS = Calendar(weekdays=MONDAY_TO_FRIDAY, closed=frozenset({date(2026, 12, 25)}))


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-12-04T17:00", 24, "2026-12-07T17:00"),  # Friday: Monday, not Saturday
        ("2026-12-05T12:00", 24, "2026-12-08T00:00"),  # Saturday: all of Monday is theirs
        ("2026-12-05T12:00", 0, "2026-12-07T00:00"),
        ("2026-12-04T00:00", 24, "2026-12-07T00:00"),  # Friday is over when Monday begins
        ("2026-12-24T17:00", 24, "2026-12-28T17:00"),  # Christmas is a Friday that year
        ("2026-10-30T17:00", 24, "2026-11-02T17:00"),  # the clocks go back on the Sunday
        ("2027-03-12T17:00", 24, "2027-03-15T17:00"),  # and forward
    ],
)
def test_time_passes_on_open_days_alone(start: str, hours: int, due: str) -> None:
    told = after_open_time(CHRISTMAS, at(start), timedelta(hours=hours), zone=NEW_YORK)

    assert told == at(due)
    assert told.tzinfo is UTC


def test_whose_midnight_it_is_makes_the_difference() -> None:
    # given a Friday evening in New York that is Saturday in Shanghai
    start, day = at("2026-12-04T17:00"), timedelta(days=1)

    # then theirs begins with their Monday
    shanghai = ZoneInfo("Asia/Shanghai")
    assert after_open_time(WEEK, start, day, zone=shanghai) == at("2026-12-08T00:00", shanghai)


#: Three years of instants.
instants = st.integers(0, 3 * 365 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
lengths = st.timedeltas(timedelta(0), timedelta(days=20))


@given(
    st.sampled_from([WEEK, SPRING, CHRISTMAS, Calendar()]),
    instants, st.timedeltas(timedelta(0), timedelta(days=9)), lengths, lengths,
    st.sampled_from(ZONES),
)  # fmt: skip
def test_later_asked_is_never_due_sooner_nor_on_a_closed_day(
    calendar: Calendar, start: datetime, wait: timedelta, length: timedelta, more: timedelta,
    zone: ZoneInfo,
) -> None:  # fmt: skip
    def due(begun: datetime, term: timedelta) -> datetime:
        return after_open_time(calendar, begun, term, zone=zone)

    told = due(start, length)
    assert told >= start + length
    assert is_open(calendar, told.astimezone(zone).date())
    assert told <= due(start + wait, length)
    # Two terms one after the other are their sum.
    assert due(told, more) == due(start, length + more)
    if calendar == Calendar():
        assert told == start + length
