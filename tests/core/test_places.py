"""What a location's units count for when it is silent, closes, or has a policy of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import MONDAY_TO_FRIDAY, Calendar, Closure
from core.model.reasons import Reason
from core.rules.freshness import Freshness, Rhythm, freshness
from core.rules.places import (
    ClosingRule,
    StaleRule,
    Term,
    closed,
    closing,
    handling_days,
    narrowed,
    staleness,
)
from tests.core.strategies import NOON

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
WORD = Reason.of("place_policy", location="acme", quantity=0)
#: A figure is due every day, and is stale a day after that.
DAILY = Rhythm(DAY, DAY, Calendar(), UTC)
GROWING = StaleRule(DAILY, 20)


def at(age: timedelta, rule: StaleRule = GROWING):
    return judged(NOON - age, NOON, rule)


def judged(as_of, now, rule):
    return staleness("acme", as_of=as_of, watched_from=NOON, now=now, rule=rule)


# --- silence -------------------------------------------------------------------------------------


def test_a_figure_is_believed_until_it_is_too_old():
    fresh = at(2 * DAY - timedelta(seconds=1))

    assert fresh.term is None
    assert fresh.changes_at == NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "percent", "next_change"),
    [
        (2 * DAY, 80, DAY),
        (3 * DAY - HOUR, 80, HOUR),
        (3 * DAY, 60, DAY),
        (6 * DAY, 0, None),
        (400 * DAY, 0, None),
    ],
)
def test_a_silent_places_units_count_less_every_day(age, percent, next_change):
    stale = at(age)

    assert stale.term is not None
    assert stale.term.percent == percent
    assert stale.term.reason.args["percent"] == 100 - percent
    assert stale.changes_at == (NOON + next_change if next_change else None)


def test_by_policy_a_silent_place_shows_nothing_at_once():
    stale = at(2 * DAY, StaleRule(DAILY, 100))

    assert stale.term is not None
    assert stale.term.left_of(50) == 0
    assert stale.changes_at is None


@given(
    st.timedeltas(timedelta(0), 20 * DAY),
    st.timedeltas(timedelta(0), 5 * DAY),
    st.integers(1, 100),
    st.sampled_from([Calendar(), Calendar(MONDAY_TO_FRIDAY)]),
)
def test_nothing_changes_before_the_instant_that_was_named_and_something_does_then(
    age, after, percent, open_on
):
    rule = StaleRule(Rhythm(timedelta(0), after, open_on, UTC), percent)
    found = judged(NOON - age, NOON, rule)

    if found.changes_at is None:
        later = judged(NOON - age, NOON + 99 * DAY, rule)
        assert later.term is not None
        assert found.term is not None
        assert later.term.percent == found.term.percent
        return
    just_before = found.changes_at - timedelta(microseconds=1)
    before = judged(NOON - age, just_before, rule)
    then = judged(NOON - age, found.changes_at, rule)
    percents = [one.term.percent if one.term else 101 for one in (found, before, then)]
    assert percents[0] == percents[1] > percents[2]


OFFICE = Rhythm(DAY, 2 * DAY, Calendar(MONDAY_TO_FRIDAY), UTC)
#: a Friday
FRIDAY = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


def test_a_weekend_takes_nothing_off_a_fridays_figure():
    none = StaleRule(OFFICE, 100)

    # six hours of Friday, Monday, Tuesday, and Wednesday until 18:00
    assert judged(FRIDAY, FRIDAY + 4.9 * DAY, none).term is None
    assert judged(FRIDAY, FRIDAY + 4.9 * DAY, none).changes_at == FRIDAY + 5 * DAY
    assert judged(FRIDAY, FRIDAY + 5 * DAY, none).term is not None


def test_what_is_held_back_does_not_grow_while_the_place_is_closed():
    # stale on the Friday after, at 18:00
    growing, stale = StaleRule(OFFICE, 20), FRIDAY + 7 * DAY
    as_of = FRIDAY + 4 * DAY

    percents = [
        found.term.percent if (found := judged(as_of, stale + hours * HOUR, growing)).term else 100
        for hours in (-90, 0, 60, 71.9, 72, 96)
    ]

    assert percents == [100, 80, 80, 80, 60, 40]


def test_a_place_that_will_not_open_again_stays_as_it_is():
    # open until the very moment it is stale, and never after
    days = frozenset(FRIDAY.date() + DAY * number for number in range(3))
    last = Rhythm(DAY, DAY, Calendar(frozenset(), opened=days), UTC)

    found = judged(FRIDAY, FRIDAY + 400 * DAY, StaleRule(last, 20))

    assert found.term is not None
    assert (found.term.percent, found.changes_at) == (80, None)


def test_a_place_that_never_told_anything_counts_from_when_it_was_watched():
    found = judged(None, NOON + 2 * DAY, GROWING)

    assert judged(None, NOON + 2 * DAY - HOUR, GROWING).term is None
    assert found.term is not None
    assert found.term.reason.code == "place_stale_never"


@given(
    st.timedeltas(timedelta(0), 30 * DAY),
    st.sampled_from(
        [DAILY, OFFICE, Rhythm(DAY, HOUR, Calendar(MONDAY_TO_FRIDAY), timezone(8 * HOUR))]
    ),
)
def test_a_place_is_narrowed_exactly_while_it_is_told_as_stale(age, rhythm):
    told = freshness(
        "acme",
        received_at=NOON,
        as_of=NOON,
        watched_from=NOON,
        rhythm=rhythm,
        now=NOON + age,
    )

    found = judged(NOON, NOON + age, StaleRule(rhythm, 100))

    assert (found.term is not None) == (told.state is Freshness.STALE)


# --- closures ------------------------------------------------------------------------------------

#: Monday to Friday, and closed for ten days around the Spring Festival.
WORKS = Calendar(
    frozenset(range(5)), frozenset(date(2027, 2, 5) + DAY * number for number in range(10))
)
RULE = ClosingRule(notice=3, at_least=3)
FESTIVAL = Closure(date(2027, 2, 5), date(2027, 2, 14))


@pytest.mark.parametrize(
    ("today", "found"),
    [
        (date(2027, 2, 1), None),
        (date(2027, 2, 2), FESTIVAL),
        (date(2027, 2, 9), FESTIVAL),
        (date(2027, 2, 14), FESTIVAL),
        (date(2027, 2, 15), None),
        # a usual weekend is no closure
        (date(2027, 3, 6), None),
    ],
)
def test_a_place_counts_as_closing_from_its_notice_to_its_last_closed_day(today, found):
    assert closing(WORKS, today=today, rule=RULE) == found


def test_a_place_that_never_opens_again_is_closed():
    never = Calendar(frozenset())

    found = closing(never, today=date(2027, 2, 2), rule=RULE)

    assert found == Closure(date(2027, 2, 2), date.max)


def test_nothing_of_a_closed_place_is_counted():
    term = closed("acme", FESTIVAL)

    assert term.left_of(80) == 0
    assert term.reason.args["first"] == "2027-02-05"
    assert term.reason.args["last"] == "2027-02-14"


def test_an_order_ships_on_the_first_day_after_the_closure():
    assert handling_days(FESTIVAL, date(2027, 2, 2)) == 13
    assert handling_days(FESTIVAL, date(2027, 2, 14)) == 1


# --- terms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "left"),
    [
        (Term(WORD), 10),
        (Term(WORD, percent=55), 5),
        (Term(WORD, buffer=3), 7),
        (Term(WORD, buffer=11), 0),
        (Term(WORD, cap=4), 4),
        (Term(WORD, cap=10), 10),
        (Term(WORD, percent=50, buffer=1, cap=3), 3),
    ],
)
def test_a_term_narrows_what_is_there(term, left):
    assert term.left_of(10) == left
    assert narrowed(10, [term]) == left


def test_a_place_in_the_red_is_not_made_redder():
    assert narrowed(-4, [Term(WORD, buffer=3)]) == 0
    assert narrowed(-4, []) == 0


def test_terms_are_applied_one_after_the_other():
    assert narrowed(100, [Term(WORD, percent=50), Term(WORD, percent=20)]) == 10
