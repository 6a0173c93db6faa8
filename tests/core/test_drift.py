"""Why a shown number is not the one we knew, and when repair must stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.catalog import OfferChange, OfferKey
from core.rules.bulk import by_file
from core.rules.drift import (
    Bought,
    Cause,
    Difference,
    Trade,
    WriterGuard,
    judge,
    left_over,
    may_judge,
    overwritten,
    slice_size,
    trade_at,
)
from tests.core.strategies import NOON

MINUTE = timedelta(minutes=1)
#: shown 5, now 9; nothing explains it
SEEN = Difference(
    expected=5, found=9, unconfirmed=False, before=None, ours=(), sold=0, returned=0, moved=False
)


@pytest.mark.parametrize(
    ("changes", "cause", "unexplained"),
    [
        ({}, Cause.HAND, 4),
        ({"found": 2}, Cause.HAND, -3),
        ({"found": 2, "sold": 1}, Cause.HAND, -2),
        ({"found": 3, "sold": 2}, Cause.SALE, 0),
        ({"found": 4, "sold": 2}, Cause.SALE, 0),
        ({"found": 7, "returned": 2}, Cause.SALE, 0),
        ({"found": 9, "returned": 2}, Cause.HAND, 2),
        ({"found": 9, "ours": (9, 5)}, Cause.LOST, 4),
        ({"found": 3, "unconfirmed": True, "before": 3}, Cause.LOST, -2),
        ({"found": 9, "unconfirmed": True, "before": 3}, Cause.HAND, 4),
        ({"found": None}, Cause.NOT_SHOWN, -5),
        ({"found": 40, "moved": True}, Cause.MAPPING, 35),
        ({"found": None, "moved": True}, Cause.MAPPING, -5),
    ],
)
def test_the_cause_follows_from_what_is_known(changes, cause, unexplained):
    found = judge(replace(SEEN, **changes))

    assert (found.cause, found.unexplained) == (cause, unexplained)
    assert found.explained is (cause is Cause.SALE)
    assert found.reason.code == f"drift_{cause}"
    assert found.reason.args["found"] == changes.get("found", 9)


@given(
    expected=st.integers(0, 50), found=st.integers(0, 50), sold=st.integers(0, 20),
    returned=st.integers(0, 20),
)  # fmt: skip
def test_orders_never_explain_more_than_they_moved(expected, found, sold, returned):
    told = judge(replace(SEEN, expected=expected, found=found, sold=sold, returned=returned))

    assert told.explained == (expected - sold <= found <= expected + returned)
    assert abs(told.unexplained) <= abs(found - expected)


@pytest.mark.parametrize(
    ("complete", "undecided", "ready"),
    [
        (None, False, False),
        (NOON + MINUTE, False, False),
        (NOON + 2 * MINUTE, False, True),
        (NOON + 2 * MINUTE, True, False),
    ],
)
def test_nothing_is_judged_before_its_orders_are_known_and_counted(complete, undecided, ready):
    found = may_judge(NOON, orders_complete_to=complete, lag=2 * MINUTE, undecided=undecided)

    assert found is ready


def key(name: str) -> OfferKey:
    return OfferKey("shop", name)


def test_an_offer_overwritten_often_enough_lately_is_another_writers():
    guard = WriterGuard(overwrites=3, within=timedelta(hours=1), offers=1)
    lately = [NOON - n * MINUTE for n in range(3)]
    times = {key("often"): lately, key("twice"): lately[:2], key("old"): [NOON - 99 * MINUTE] * 5}

    assert overwritten(times, now=NOON, guard=guard) == {key("often")}


def test_one_offer_is_nobodys_where_the_guard_asks_for_more():
    guard = WriterGuard(overwrites=1, within=timedelta(hours=1), offers=2)

    assert overwritten({key("a"): [NOON]}, now=NOON, guard=guard) == frozenset()
    both = {key("a"): [NOON], key("b"): [NOON]}
    assert overwritten(both, now=NOON, guard=guard) == set(both)


SLICE = {"rate": 5.0, "share": 20, "every": MINUTE, "offers": 1000, "whole": None, "most": 5000}


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, 60),
        ({"offers": 7}, 7),
        ({"share": 100}, 300),
        ({"most": 20}, 20),
        ({"rate": 0.001}, 1),
        # 43,200 in a day are 30 a minute: the share is enough
        ({"whole": timedelta(days=1), "offers": 43_200}, 60),
        # 144,000 in a day are 100 a minute: more than the share
        ({"whole": timedelta(days=1), "offers": 144_000}, 100),
        # never more than the channel allows
        ({"whole": timedelta(days=1), "offers": 14_400_000}, 300),
    ],
)
def test_a_slice_keeps_to_its_share_unless_it_could_not_be_whole(changes, size):
    assert slice_size(**{**SLICE, **changes}) == size


def change(quantity: int, shown: int | None) -> OfferChange:
    return OfferChange(OfferKey("shop", f"{quantity} {shown}"), quantity, shown)


def files(changes, *, waiting=10, least=2, compare_and_set=False):
    return by_file(changes, waiting=waiting, least=least, compare_and_set=compare_and_set)


def test_few_changes_go_one_by_one():
    raising = [change(9, 5)] * 3

    assert files(raising, waiting=1) == frozenset()
    assert files(raising, least=0) == frozenset()
    assert files(raising) == {0, 1, 2}


def test_what_sells_out_never_goes_by_file():
    assert files([change(0, 5), change(0, 5), change(0, 5), change(0, 0)]) == {3}


def test_few_that_lower_go_by_themselves_and_many_by_file():
    assert files([change(3, 5), change(9, 5)]) == {1}
    assert files([change(3, 5), change(4, 5), change(9, 5)]) == {0, 1, 2}


def test_what_was_never_read_is_in_no_file_that_compares():
    never = [change(3, None), change(4, None)]

    assert files(never) == {0, 1}
    assert files(never, compare_and_set=True) == frozenset()


#: 5 bought of which 1 came back; the places vary
FIVE = Bought(taken=5, returned=1, places={})


@pytest.mark.parametrize(
    ("place", "places", "trade"),
    [
        # one number for all places: wherever it was
        ("", {"L1": 5}, Trade(5, 1, 0, 0)),
        ("", {}, Trade(5, 1, 0, 0)),
        # the channel tells one place
        ("L1", {"L1": 5}, Trade(5, 1, 0, 0)),
        ("L2", {"L1": 5}, Trade(0, 0, 0, 0)),
        # several: the units of each, and one that came back to any of them
        ("L1", {"L1": 2, "L2": 3}, Trade(2, 0, 0, 1)),
        ("L3", {"L1": 2, "L2": 3}, Trade(0, 0, 0, 1)),
        # of one unit it does not say
        ("L1", {"L1": 2, "L2": 2}, Trade(2, 0, 1, 1)),
        # of none
        ("L1", {}, Trade(0, 0, 5, 1)),
    ],
)
def test_an_order_takes_units_at_the_places_the_channel_tells(place, places, trade):
    assert trade_at(place, [replace(FIVE, places=places)]) == trade


def test_an_order_bought_earlier_takes_nothing_and_may_give_back():
    assert trade_at("L1", [Bought(0, 2, {"L1": 2})]) == Trade(0, 2, 0, 0)


@pytest.mark.parametrize(
    ("change", "used"),
    [(-2, 0), (-3, 1), (-5, 3), (-9, 4), (0, 0), (1, 0), (2, 1), (9, 2)],
)
def test_a_place_uses_up_only_what_its_own_orders_do_not_explain(change, used):
    # 2 sold and 1 given back here, 4 sold and 2 given back nobody knows where
    left = left_over(change, Trade(2, 1, 4, 2))

    assert (left.taken_somewhere, left.returned_somewhere) == (
        (used, 0) if change < 0 else (0, used)
    )
