"""A plan can refuse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.plans import Behind, sold_out, unsafe
from core.rules.sentences import render


def judge(zeroed, live, *, most=30, least=20):
    return unsafe(zeroed=zeroed, live=live, most_zeroed=most, least_offers=least, channel="amazon")


@pytest.mark.parametrize(("zeroed", "refused"), [(0, False), (30, False), (31, True), (100, True)])
def test_a_plan_may_zero_its_share_and_no_more(zeroed, refused):
    assert (judge(zeroed, 100) is not None) == refused


def test_a_refusal_says_how_much():
    reason = judge(31, 100)

    assert reason is not None
    assert reason.code == "unsafe_plan"
    assert reason.args == {"channel": "amazon", "zeroed": 31, "live": 100, "percent": 30}


@pytest.mark.parametrize(
    ("zeroed", "before", "live", "refused"),
    [
        # 100 were live, 29 of them went
        (1, 29, 71, False),
        (2, 29, 71, True),
        # all that was allowed is gone: one more is too much, and none is nothing
        (1, 30, 70, True),
        (0, 50, 50, False),
        # nineteen were live, so nobody is asked; twenty, and somebody is
        (9, 5, 14, False),
        (9, 5, 15, True),
    ],
)
def test_what_went_before_counts_with_what_would_go_now(zeroed, before, live, refused):
    reason = unsafe(zeroed=zeroed, before=before, live=live, most_zeroed=30, least_offers=20)

    assert (reason is not None) == refused
    assert reason is None or reason.args["live"] == live + before


def test_a_refusal_of_many_small_plans_says_what_went_before():
    reason = unsafe(
        zeroed=2,
        before=29,
        live=71,
        most_zeroed=30,
        least_offers=20,
        within=timedelta(hours=12),
        channel="amazon",
    )

    assert reason is not None
    assert render(reason) == (
        "The plan for amazon would set 2 offers to 0 after 29 others in the last 12 hours, together "
        "more than 30 % of the 100 that were live. A person must approve it."
    )


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 100))
def test_in_pieces_no_more_goes_out_than_at_once(first, second, live, most):
    # what two plans do one after the other, and what one does that does both
    live = max(live, first + second)
    once = unsafe(zeroed=first + second, live=live, most_zeroed=most, least_offers=0)
    then = unsafe(zeroed=second, before=first, live=live - first, most_zeroed=most, least_offers=0)

    assert (once is None) == (then is None) or second == 0


@pytest.mark.parametrize(("live", "refused"), [(19, False), (20, True)])
def test_a_small_channel_may_sell_out(live, refused):
    assert (judge(live, live) is not None) == refused


def test_a_channel_that_shows_nothing_cannot_be_zeroed():
    assert judge(0, 0, most=0, least=0) is None
    assert judge(5, 0, most=0, least=0) is None


def test_one_live_offer_is_guarded_where_the_guard_never_sleeps():
    assert judge(1, 1, most=99, least=0) is not None


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 100), st.integers(0, 50))
def test_zeroing_less_is_never_less_safe(zeroed, live, most, least):
    if judge(zeroed, live, most=most, least=least) is None and zeroed:
        assert judge(zeroed - 1, live, most=most, least=least) is None


@given(st.integers(0, 200), st.integers(0, 50))
def test_a_limit_of_all_refuses_nothing_that_is_possible(live, least):
    assert judge(live, live, most=100, least=least) is None


@pytest.mark.parametrize(
    ("on_hand", "held", "sold"),
    [(5, 5, True), (5, 4, False), (0, 5, False), (5, 0, False), (9, 6, True)],
)
def test_orders_take_a_shelf_to_nothing_only_where_it_holds_their_units(on_hand, held, sold):
    # five are shown; a shelf that a figure emptied, or that no order holds, is no sale
    assert sold_out(5, [Behind(1, on_hand, held)]) is sold


def test_a_kit_is_sold_out_with_its_scarcest_component():
    assert sold_out(2, [Behind(3, 6, 6), Behind(1, 50, 0)])
    assert not sold_out(2, [Behind(3, 6, 5), Behind(1, 50, 1)])
    assert not sold_out(2, [])
