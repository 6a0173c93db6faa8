"""Whether a remote's stock figure may be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.stock import SnapshotRow, StockSnapshot
from core.rules.snapshots import (
    Guard,
    Previous,
    change_suspicions,
    counts,
    suspicions,
    whole_after,
)
from tests.core.strategies import NOON, instants

GUARD = Guard(rows_gone=40, units_fallen=60, zeros=70, oldest=timedelta(days=2), largest=1_000)


def snapshot(*quantities, as_of=NOON, problems=0, skus=None):
    names = skus or [f"S{number}" for number in range(len(quantities))]
    return StockSnapshot(
        location="acme",
        as_of=as_of,
        name="stock.csv",
        digest="d",
        rows=tuple(SnapshotRow(sku, units) for sku, units in zip(names, quantities, strict=True)),
        problems=tuple((number, "?", "no number") for number in range(problems)),
    )


def doubts(
    one,
    *,
    unknown=0,
    before=0,
    rows=10,
    units=100,
    zeros=0,
    kept=10,
    known=10,
    previous=True,
    guard=GUARD,
):
    found = suspicions(
        one,
        previous=Previous(rows, units, zeros, NOON, before) if previous else None,
        known_rows=known,
        kept_rows=kept,
        guard=guard,
        now=NOON,
        unknown=unknown,
        source_rows=len(one.rows) + unknown,
    )
    return [reason.code for reason in found]


# --- examples ------------------------------------------------------------------------------------


def test_a_usual_snapshot_is_believed():
    assert doubts(snapshot(*[10] * 10)) == []


def test_an_empty_file_is_not_believed_and_is_all_there_is_to_say():
    assert doubts(snapshot(), kept=0) == ["snapshot_empty"]


def test_a_first_file_that_is_empty_is_not_believed_either():
    assert doubts(snapshot(), previous=False, known=0, kept=0) == ["snapshot_empty"]


@pytest.mark.parametrize(("kept", "found"), [(6, []), (5, ["snapshot_rows_gone"])])
def test_rows_may_go_but_not_too_many(kept, found):
    assert doubts(snapshot(*[20] * kept), kept=kept) == found


def test_a_file_of_strangers_is_not_a_file_of_the_known_skus():
    assert doubts(snapshot(*[10] * 10), kept=0) == ["snapshot_rows_gone"]


@pytest.mark.parametrize(("total", "found"), [(40, []), (39, ["snapshot_units_fallen"])])
def test_the_total_may_fall_but_not_too_far(total, found):
    assert doubts(snapshot(total - 9, *[1] * 9)) == found


def test_a_total_that_rises_is_welcome():
    assert doubts(snapshot(*[100] * 10)) == []


@pytest.mark.parametrize(("zeros", "found"), [(7, []), (8, ["snapshot_zeros"])])
def test_rows_may_go_to_zero_but_not_too_many_at_once(zeros, found):
    assert doubts(snapshot(*[0] * zeros, *[50] * (10 - zeros))) == found


def test_zeros_that_were_there_before_are_no_news():
    assert doubts(snapshot(*[0] * 9, 100), zeros=5) == []


def test_all_zeros_after_units_is_suspicious_twice():
    assert doubts(snapshot(*[0] * 10)) == ["snapshot_units_fallen", "snapshot_zeros"]


def test_a_first_snapshot_has_nothing_to_be_compared_with():
    assert doubts(snapshot(0, 0, 5), previous=False, known=0, kept=0) == []


def test_an_old_figure_is_not_believed():
    edge, older = timedelta(days=2), timedelta(days=2, microseconds=1)

    assert doubts(snapshot(*[10] * 10, as_of=NOON - edge)) == []
    assert doubts(snapshot(*[10] * 10, as_of=NOON - older)) == ["snapshot_old"]


def test_a_figure_from_the_future_would_shut_out_all_later_ones():
    tolerable, absurd = timedelta(minutes=15), timedelta(minutes=16)

    assert doubts(snapshot(*[10] * 10, as_of=NOON + tolerable)) == []
    assert doubts(snapshot(*[10] * 10, as_of=NOON + absurd)) == ["snapshot_ahead"]


@pytest.mark.parametrize(("quantity", "found"), [(1_000, []), (1_001, ["snapshot_absurd"])])
def test_an_absurd_quantity_is_not_believed(quantity, found):
    assert doubts(snapshot(quantity, *[10] * 9)) == found


def test_a_negative_quantity_is_absurd():
    assert doubts(snapshot(-1, *[20] * 9)) == ["snapshot_absurd"]


def test_a_sku_that_comes_twice_leaves_open_which_is_right():
    assert doubts(snapshot(*[20] * 6, skus=["A", "A", "B", "C", "D", "E"])) == ["snapshot_repeats"]


@pytest.mark.parametrize(("problems", "found"), [(4, []), (5, ["snapshot_unreadable"])])
def test_some_lines_may_be_unreadable_but_not_too_many(problems, found):
    assert doubts(snapshot(*[20] * 6, problems=problems)) == found


def test_the_words_say_how_much():
    (reason,) = suspicions(
        snapshot(*[20] * 5),
        previous=None,
        known_rows=10,
        kept_rows=5,
        guard=GUARD,
        now=NOON + timedelta(hours=1),
    )

    assert reason.args == {"gone": 5, "known": 10, "percent": 40}


@pytest.mark.parametrize(
    ("one", "args"),
    [
        (
            snapshot(5, as_of=NOON - timedelta(hours=72, minutes=59)),
            {"as_of": "2026-11-21T11:01:00+00:00", "hours": 72},
        ),
        (
            snapshot(5, as_of=NOON + timedelta(minutes=90)),
            {"as_of": "2026-11-24T13:30:00+00:00", "minutes": 90},
        ),
        (snapshot(5, problems=3), {"count": 3, "lines": 4}),
        (snapshot(5, 9_999, -1), {"sku": "S1", "quantity": 9_999, "count": 2}),
    ],
)
def test_the_words_say_what_was_seen(one, args):
    (reason,) = suspicions(one, previous=None, known_rows=0, kept_rows=0, guard=GUARD, now=NOON)

    assert reason.args == args


def test_the_only_sku_of_a_place_does_not_go_unseen():
    assert doubts(snapshot(5), previous=False, known=1, kept=0) == ["snapshot_rows_gone"]


def test_a_reservation_counts_until_the_remote_has_taken_it_off():
    assert counts(None, NOON)
    assert counts(NOON, NOON - timedelta(seconds=1))
    assert counts(NOON, NOON)
    assert not counts(NOON, NOON + timedelta(seconds=1))


# --- properties ----------------------------------------------------------------------------------

quantities = st.lists(st.integers(0, 50), min_size=1, max_size=12)


@given(quantities)
def test_the_same_figure_again_is_never_suspicious(units):
    same = snapshot(*units)

    found = doubts(
        same,
        rows=len(units),
        units=sum(units),
        zeros=units.count(0),
        kept=len(units),
        known=len(units),
    )

    assert found == []


@given(quantities, st.integers(0, 600), st.integers(0, 12), st.integers(0, 12))
def test_a_wider_guard_never_finds_more(units, before, zeros, kept):
    wide = Guard(100, 100, 100, timedelta(days=9), 10_000)
    arguments = {"units": before, "zeros": zeros, "kept": kept, "known": 12}

    strict = doubts(snapshot(*units), **arguments)
    loose = doubts(snapshot(*units), guard=wide, **arguments)

    assert set(loose) <= set(strict)


@given(st.none() | instants, instants, instants)
def test_once_a_reservation_has_ended_a_newer_figure_does_not_revive_it(absorbed, first, second):
    earlier, later = sorted([first, second])

    assert counts(absorbed, earlier) or not counts(absorbed, later)


# --- unknown Skus, Skus named twice, less than nothing -------------------------------------------

STRICT = replace(GUARD, unknown=20, repeated=5, negative=10)


@pytest.mark.parametrize(
    ("unknown", "before", "found"), [(2, 0, []), (3, 0, ["snapshot_unknown"]), (90, 89, [])]
)
def test_what_is_newly_unknown_says_that_something_broke(unknown, before, found):
    one = snapshot(*[10] * 10)

    assert doubts(one, unknown=unknown, before=before, guard=STRICT) == found


def test_a_first_file_may_list_what_we_do_not_sell():
    one = snapshot(*[10] * 10)

    assert doubts(one, unknown=500, previous=False, guard=STRICT) == []


def test_a_file_of_nothing_but_unknown_skus_is_not_believed():
    assert doubts(snapshot(), unknown=9, kept=0, guard=STRICT) == ["snapshot_all_unknown"]


@pytest.mark.parametrize(
    ("field", "count", "found"),
    [
        ("repeated", 1, []),
        ("repeated", 2, ["snapshot_named_twice"]),
        ("negative", 2, []),
        ("negative", 3, ["snapshot_negative"]),
    ],
)
def test_odd_rows_may_be_few(field, count, found):
    # twenty lines, of which so many are odd
    one = replace(snapshot(*[10] * (20 - count), problems=count), **{field: count})

    assert doubts(one, kept=10, guard=STRICT) == found


def test_lines_that_are_only_counted_are_unreadable_too():
    one = replace(snapshot(*[10] * 10, problems=2), more_problems=18)

    assert doubts(one) == ["snapshot_unreadable"]


# --- changes -------------------------------------------------------------------------------------

BEFORE = {f"S{number}": 10 for number in range(10)}


def change_doubts(one, *, before=BEFORE, previous=True):
    found = change_suspicions(
        one,
        previous=Previous(10, 100, 0, NOON) if previous else None,
        before=before,
        guard=GUARD,
        now=NOON,
    )
    return [reason.code for reason in found]


def test_one_row_that_falls_to_nothing_is_trade():
    assert change_doubts(snapshot(0)) == []


def test_changes_that_empty_most_of_the_place_are_not_believed():
    assert change_doubts(snapshot(*[0] * 8)) == ["snapshot_units_fallen", "snapshot_zeros"]


def test_a_change_is_judged_for_itself_where_nothing_is_in_force():
    assert change_doubts(snapshot(0, 0), previous=False, before={}) == []
    assert change_doubts(snapshot(5000), previous=False, before={}) == ["snapshot_absurd"]
    assert change_doubts(snapshot(5, as_of=NOON - timedelta(days=3))) == ["snapshot_old"]


def test_the_whole_after_a_change_is_the_whole_with_its_rows_replaced():
    change = snapshot(0, 4, 7, skus=["S0", "S1", "NEW"])

    after = whole_after(change, previous=Previous(10, 100, 0, NOON), before=BEFORE)

    assert (after.rows, after.units, after.zeros) == (11, 91, 1)
