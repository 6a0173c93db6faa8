"""Fresh, silent, stale."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import MONDAY_TO_FRIDAY, Calendar
from core.rules.calendars import NeverOpen
from core.rules.freshness import Freshness, Rhythm, after_open_time, freshness

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: a Tuesday
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALWAYS = Rhythm(DAY, 2 * DAY, Calendar(), UTC)
OFFICE = Rhythm(DAY, 2 * DAY, Calendar(weekdays=MONDAY_TO_FRIDAY), UTC)


def judge(now, *, received=NOON, as_of=NOON, rhythm=ALWAYS):
    return freshness(
        "acme", received_at=received, as_of=as_of, watched_from=NOON, rhythm=rhythm, now=now
    )


@pytest.mark.parametrize(
    ("hours", "state"),
    [
        (0, "fresh"),
        (23.9, "fresh"),
        (24, "silent"),
        (71.9, "silent"),
        (72, "stale"),
        (999, "stale"),
    ],
)
def test_a_place_falls_silent_when_due_and_stale_after_its_second_time(hours, state):
    assert judge(NOON + hours * HOUR).state == state


def test_each_state_says_since_when():
    assert judge(NOON + HOUR).since == NOON
    assert judge(NOON + 30 * HOUR).since == NOON + DAY
    assert judge(NOON + 90 * HOUR).since == NOON + 3 * DAY


def test_files_that_are_put_aside_are_no_silence_but_grow_stale_all_the_same():
    later = NOON + 71 * HOUR

    assert judge(later, received=later - HOUR).state is Freshness.FRESH
    assert judge(later + HOUR, received=later).state is Freshness.STALE


def test_a_place_that_never_sent_anything_is_told_differently():
    silent = judge(NOON + DAY, received=None, as_of=None)
    stale = judge(NOON + 3 * DAY, received=None, as_of=None)

    assert (silent.state, silent.reason.code) == (Freshness.SILENT, "feed_never")
    assert (stale.state, stale.reason.code) == (Freshness.STALE, "feed_stale_never")
    assert judge(NOON, received=None, as_of=None).state is Freshness.FRESH


def test_a_weekend_is_no_silence():
    # Friday noon, due Monday noon
    friday = NOON + 3 * DAY
    told = judge(friday + 2.9 * DAY, received=friday, as_of=friday, rhythm=OFFICE)

    assert told.state is Freshness.FRESH
    assert after_open_time(friday, DAY, OFFICE) == friday + 3 * DAY


def test_what_comes_on_a_closed_day_counts_from_the_next_open_one():
    saturday = NOON + 4 * DAY

    assert after_open_time(saturday, 6 * HOUR, OFFICE) == datetime(2026, 11, 30, 6, tzinfo=UTC)


def test_days_are_days_there():
    # Monday 07:00 in Shanghai is Sunday evening in UTC
    shanghai = Rhythm(DAY, DAY, Calendar(weekdays=MONDAY_TO_FRIDAY), timezone(8 * HOUR))
    monday = datetime(2026, 11, 22, 23, tzinfo=UTC)

    assert after_open_time(monday, HOUR, shanghai) == monday + HOUR


def test_a_day_of_a_clock_change_has_the_hours_it_has():
    # clocks go back in New York on 2026-11-01: that Sunday has 25 hours
    york = ZoneInfo("America/New_York")
    closed = Calendar(closed=frozenset({date(2026, 11, 2)}))
    start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)

    assert after_open_time(start, 25 * HOUR, Rhythm(DAY, DAY, closed, york)) == start + 25 * HOUR
    # one second more waits for the Tuesday
    late = after_open_time(start, 25 * HOUR + timedelta(seconds=1), Rhythm(DAY, DAY, closed, york))
    assert late == start + 49 * HOUR + timedelta(seconds=1)


def test_a_place_that_never_opens_owes_nothing():
    never = Rhythm(DAY, DAY, Calendar(weekdays=frozenset()), UTC)

    with pytest.raises(NeverOpen):
        judge(NOON, rhythm=never)


@given(st.integers(0, 400), st.integers(0, 400))
def test_waiting_longer_never_makes_fresher(first, more):
    order = ["fresh", "silent", "stale"]
    states = [judge(NOON + hours * HOUR, rhythm=OFFICE).state for hours in (first, first + more)]

    assert order.index(states[0]) <= order.index(states[1])
