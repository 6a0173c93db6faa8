"""Lead times from what suppliers say and do, and the last day on which to order."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.calendars import EVERY_DAY, MONDAY_TO_FRIDAY, Calendar
from core.rules.calendars import is_open
from core.rules.lead_times import arrives, closure_before, lead_time, order_by, unannounced

DAY = timedelta(days=1)
ALWAYS = Calendar(weekdays=EVERY_DAY)
#: Chinese New Year 2027 is February 6; factories close for weeks around it.
FACTORY = Calendar(
    weekdays=frozenset(range(6)),
    closed=frozenset(date(2027, 1, 25) + number * DAY for number in range(28)),
)


def test_a_suppliers_word_stands_until_its_deeds_are_known() -> None:
    only_said = lead_time([], stated=30, assumed=14)
    after_one = lead_time([50], stated=30, assumed=14)
    after_many = lead_time([48, 50, 52] * 7, stated=30, assumed=14)

    assert (only_said.p50, only_said.p90, only_said.reason.code) == (30, 42, "lead_stated")
    assert (after_one.p50, after_one.p90, after_one.reason.code) == (30, 50, "lead_mixed")
    assert (after_many.p50, after_many.p90, after_many.observed) == (50, 52, 21)


def test_few_receipts_do_not_show_the_slowest() -> None:
    found = lead_time([20, 10], stated=None, assumed=14)

    assert (found.p50, found.p90, found.reason.code) == (20, 28, "lead_observed")


def test_many_receipts_need_no_word() -> None:
    found = lead_time(list(range(1, 11)), stated=None, assumed=14)

    assert (found.p50, found.p90) == (5, 9)


def test_nothing_known_is_said_to_be_assumed() -> None:
    found = lead_time([], stated=None, assumed=14)

    assert (found.p50, found.p90, found.observed, found.reason.code) == (14, 20, 0, "lead_assumed")


@given(
    observed=st.lists(st.integers(0, 300), max_size=30),
    stated=st.none() | st.integers(0, 200),
)
def test_nine_of_ten_take_no_less_than_half(observed: list[int], stated: int | None) -> None:
    found = lead_time(observed, stated=stated, assumed=14)

    assert 0 <= found.p50 <= found.p90


def test_order_by_falls_before_the_closure_and_covers_it() -> None:
    needed = date(2027, 3, 1)

    last = order_by(FACTORY, needed, 30)

    # Eight days after the closure, 22 before it, the Sunday that it begins with not counted.
    assert last == date(2027, 1, 1)
    assert arrives(FACTORY, last, 30) <= needed
    assert arrives(FACTORY, last + DAY, 30) > needed
    assert order_by(ALWAYS, needed, 30) == date(2027, 1, 30)


def test_a_ship_sails_through_a_closure() -> None:
    needed = date(2027, 2, 20)

    assert order_by(FACTORY, needed, 10, transit=30) == date(2027, 1, 11)
    assert arrives(FACTORY, date(2027, 1, 11), 10, transit=30) == needed


def test_usual_weekends_are_in_the_lead_time_already() -> None:
    week = Calendar(weekdays=MONDAY_TO_FRIDAY)

    assert order_by(week, date(2027, 3, 15), 14) == date(2027, 3, 1)
    # A Sunday on which nobody reads an order: the Friday before.
    assert order_by(week, date(2027, 3, 14), 14) == date(2027, 2, 26)


def test_goods_needed_within_a_closure_are_ordered_before_it() -> None:
    within = date(2027, 2, 10)

    assert order_by(FACTORY, within, 5) == date(2027, 1, 18)
    assert order_by(FACTORY, within, 0) == date(2027, 1, 23)


def test_the_closure_that_must_be_covered_is_named() -> None:
    told = closure_before(FACTORY, date(2027, 1, 2), date(2027, 3, 1))

    assert told is not None
    # The Sunday before belongs to it.
    assert told.args == {"first": "2027-01-24", "last": "2027-02-21", "days": 29}
    assert closure_before(FACTORY, date(2027, 3, 1), date(2027, 3, 20)) is None


@settings(max_examples=60)
@given(
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    closed=st.frozensets(st.dates(date(2027, 1, 1), date(2027, 3, 1)), max_size=25),
    needed=st.dates(date(2027, 1, 20), date(2027, 3, 20)),
    lead=st.integers(0, 40),
    transit=st.integers(0, 20),
)
def test_order_by_is_the_last_open_day_that_is_early_enough(
    weekdays: frozenset[int], closed: frozenset[date], needed: date, lead: int, transit: int
) -> None:
    calendar = Calendar(weekdays=weekdays, closed=closed)

    last = order_by(calendar, needed, lead, transit=transit)

    assert is_open(calendar, last)
    assert arrives(calendar, last, lead, transit=transit) <= needed
    later = (last + number * DAY for number in range(1, 30))
    assert all(
        arrives(calendar, day, lead, transit=transit) > needed
        for day in later
        if is_open(calendar, day)
    )


@pytest.mark.parametrize("lead", [7, 21, 65])
def test_without_closures_a_lead_time_is_that_many_days(lead: int) -> None:
    assert arrives(ALWAYS, date(2027, 1, 1), lead) == date(2027, 1, 1) + lead * DAY


def test_an_arrival_after_the_last_day_that_is_announced_is_told():
    announced = Calendar(known_until=date(2026, 12, 31))

    assert unannounced(announced, date(2026, 12, 31)) is None
    assert unannounced(Calendar(), date(2030, 1, 1)) is None
    told = unannounced(announced, date(2027, 1, 1))
    assert told is not None
    assert told.args == {"known_until": "2026-12-31", "arrives": "2027-01-01"}
