"""Counts against the ledger, and what a shelf can give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.money import Money
from core.rules.counting import (
    Counted,
    CountLimits,
    Variance,
    Worth,
    cannot_take,
    impossible,
    too_far,
)
from core.rules.sentences import render
from tests.core.strategies import NOON

COST = Worth(Money(500, "USD"), "cost", "acme")


def variance(ledger, counted, *, on_hand=None, worth=COST, superseded=False):
    return Variance(
        Counted("TEA", "home", counted, NOON),
        ledger,
        ledger if on_hand is None else on_hand,
        0,
        worth,
        superseded,
    )


def judge(*variances, units=10, value=None):
    return too_far(variances, CountLimits(units, value), currency="USD", plan=7, location="home")


def test_what_moved_after_the_count_is_not_undone():
    # counted 8 where the ledger said 10; since then 5 came in
    one = variance(10, 8, on_hand=15)

    assert one.units == -2
    assert one.after == 13
    assert one.value == Money(-1000, "USD")


def test_a_count_that_is_older_than_another_changes_nothing():
    one = variance(10, 8, superseded=True)

    assert one.units == 0
    assert one.after == 10
    assert judge(one, units=0) is None


@pytest.mark.parametrize(("counted", "case"), [(90, False), (89, True), (110, False), (111, True)])
def test_a_count_may_differ_by_its_share_and_no_more(counted, case):
    assert (judge(variance(100, counted)) is not None) == case


def test_found_units_do_not_make_up_for_missing_ones():
    assert judge(variance(50, 40), variance(50, 60)) is not None


def test_a_find_where_nothing_should_be_is_told():
    assert judge(variance(0, 1)) is not None


def test_value_counts_where_it_is_asked_for_and_in_the_shops_money_only():
    assert judge(variance(100, 99), value=499) is not None
    assert judge(variance(100, 99), value=500) is None
    abroad = Worth(Money(90_000, "CNY"), "cost", "acme")
    assert judge(variance(100, 99, worth=abroad), value=499) is None
    assert judge(variance(100, 99, worth=None), value=499) is None


def test_a_case_says_how_much():
    reason = judge(variance(100, 50))

    assert reason is not None
    assert reason.code == "count_variance"
    assert reason.args["plan"] == 7
    assert reason.args["location"] == "home"
    assert (reason.args["units"], reason.args["ledger"]) == (50, 100)
    assert (reason.args["percent"], reason.args["value"]) == (10, "250.00 USD")


def test_a_case_says_how_many_units_nobody_knows_the_worth_of():
    abroad = Worth(Money(90_000, "CNY"), "cost", "acme")

    reason = judge(variance(100, 90), variance(100, 70, worth=None), variance(10, 8, worth=abroad))

    assert reason is not None
    assert reason.args["value"] == "50.00 USD"
    assert reason.args["unknown"] == 32
    assert "32 units more whose worth nobody knows" in render(reason)


def test_a_shelf_with_less_than_nothing_is_impossible():
    # counted 0, and 3 have left since by the ledger
    wrong = variance(5, 0, on_hand=2)

    assert impossible([wrong, variance(5, 0), variance(5, 5, on_hand=-1)]) == [wrong]


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-50, 50))
def test_the_balance_after_is_the_count_and_what_moved_since(ledger, counted, since):
    assert variance(ledger, counted, on_hand=ledger + since).after == counted + since


@pytest.mark.parametrize(
    ("units", "by_choice", "code"),
    [
        (10, False, None),
        (11, False, "cannot_take_more"),
        (6, True, None),
        (7, True, "cannot_take_promised"),
        (11, True, "cannot_take_more"),
    ],
)
def test_a_shelf_gives_what_is_there_and_by_choice_only_what_is_free(units, by_choice, code):
    refused = cannot_take(
        sku="TEA", location="home", on_hand=10, committed=4, units=units, by_choice=by_choice
    )

    assert (refused.code if refused else None) == code
