"""What a location's units count for when it is silent, closes, or has a policy of its own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import Calendar, Closure
from core.model.reasons import Reason
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
GROWING = StaleRule(2 * DAY, 20)


def at(age: timedelta, rule: StaleRule = GROWING):
    return staleness("acme", as_of=NOON - age, now=NOON, rule=rule)


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
    stale = at(2 * DAY, StaleRule(2 * DAY, 100))

    assert stale.term is not None
    assert stale.term.left_of(50) == 0
    assert stale.changes_at is None


@given(
    st.timedeltas(timedelta(0), 20 * DAY), st.timedeltas(timedelta(0), 5 * DAY), st.integers(1, 100)
)
def test_nothing_changes_before_the_instant_that_was_named_and_something_does_then(
    age, after, percent
):
    rule = StaleRule(after, percent)
    found = staleness("acme", as_of=NOON - age, now=NOON, rule=rule)

    if found.changes_at is None:
        later = staleness("acme", as_of=NOON - age, now=NOON + 99 * DAY, rule=rule)
        assert later.term is not None
        assert found.term is not None
        assert later.term.percent == found.term.percent
        return
    just_before = found.changes_at - timedelta(microseconds=1)
    before = staleness("acme", as_of=NOON - age, now=just_before, rule=rule)
    then = staleness("acme", as_of=NOON - age, now=found.changes_at, rule=rule)
    percents = [one.term.percent if one.term else 101 for one in (found, before, then)]
    assert percents[0] == percents[1] > percents[2]


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
