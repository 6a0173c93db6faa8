"""The next step for one shown quantity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.publishing import Move, OfferState, Pace, Repair, next_step
from tests.core.strategies import NOON, instants, spans

MINUTE = timedelta(minutes=1)
PACE = Pace(
    settle=3 * MINUTE,
    verify_after=5 * MINUTE,
    read_every=timedelta(hours=6),
    compare_and_set=True,
    index_lag=2 * MINUTE,
)
NOT_COMPARING = replace(PACE, compare_and_set=False)
#: shown 5, read a minute ago
OFFER = OfferState(
    wanted=5, shown=5, shown_at=NOON - MINUTE, sent=None, sent_at=None, read_due=False
)
#: orders are known well past the reading and its lag
CAUGHT_UP = NOON + MINUTE


def step(offer, *, complete=CAUGHT_UP, now=NOON, pace=PACE):
    return next_step(offer, orders_complete_to=complete, now=now, pace=pace)


# --- examples ------------------------------------------------------------------------------------


def test_what_is_not_ours_is_left_alone():
    found = step(replace(OFFER, wanted=None, read_due=True))

    assert (found.move, found.reason.code) == (Move.NOTHING, "offer_not_ours")


def test_what_is_shown_as_wanted_is_looked_at_again_when_the_reading_is_old():
    found = step(OFFER)

    assert found.move is Move.NOTHING
    assert found.not_before == NOON - MINUTE + timedelta(hours=6)


def test_an_offer_never_read_is_read_first():
    found = step(replace(OFFER, shown=None, shown_at=None))

    assert (found.move, found.reason.code) == (Move.READ, "never_read")


def test_an_offer_an_order_moved_is_read_again():
    found = step(replace(OFFER, read_due=True))

    assert (found.move, found.reason.code) == (Move.READ, "reading_due")


@pytest.mark.parametrize(
    ("age", "move"),
    [(timedelta(hours=6) - MINUTE, Move.NOTHING), (timedelta(hours=6), Move.READ)],
)
def test_an_old_reading_is_not_trusted(age, move):
    found = step(replace(OFFER, shown_at=NOON - age))

    assert found.move is move


def test_lowering_never_waits():
    found = step(replace(OFFER, wanted=4), complete=None)

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_lowers")
    assert found.reason.args == {"before": 5, "wanted": 4}


def test_raising_waits_for_orders_the_reading_may_hide():
    behind = OFFER.shown_at + PACE.index_lag - timedelta(microseconds=1)

    found = step(replace(OFFER, wanted=6), complete=behind)

    assert (found.move, found.reason.code) == (Move.WAIT, "orders_behind")
    assert found.not_before == NOON + PACE.settle


def test_raising_goes_out_once_orders_are_known_past_the_reading_and_its_lag():
    found = step(replace(OFFER, wanted=6), complete=OFFER.shown_at + PACE.index_lag)

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_raises")


def test_raising_waits_when_no_walk_over_the_orders_was_ever_complete():
    found = step(replace(OFFER, wanted=6), complete=None)

    assert found.move is Move.WAIT


def test_a_wait_is_never_empty():
    hasty = replace(PACE, settle=timedelta(0))

    found = step(replace(OFFER, wanted=6), complete=None, pace=hasty)

    assert found.not_before == NOON + timedelta(seconds=1)


def test_while_a_feed_holds_it_an_offer_is_only_lowered():
    held = replace(OFFER, held_by_feed=True)

    assert step(replace(held, wanted=4)).move is Move.PUSH
    assert step(replace(held, wanted=6)).reason.code == "feed_running"


def test_a_listing_not_stocked_at_this_place_has_nothing_to_compare_with():
    found = step(replace(OFFER, shown=None))

    assert (found.move, found.reason.code) == (Move.WAIT, "offer_not_stocked")
    assert found.not_before == NOON - MINUTE + timedelta(hours=6)


def test_where_nothing_is_compared_a_missing_number_is_simply_written():
    missing = replace(OFFER, shown=None)

    assert step(missing, pace=NOT_COMPARING).reason.code == "offer_raises"
    assert step(missing, pace=NOT_COMPARING, complete=None).move is Move.WAIT
    assert step(replace(missing, wanted=0), pace=NOT_COMPARING, complete=None).move is Move.PUSH


SENT = replace(OFFER, shown=9, sent=5, sent_at=NOON)


def test_a_sent_number_is_read_back_after_its_time():
    early, late = NOON + 5 * MINUTE - timedelta(seconds=1), NOON + 5 * MINUTE

    assert step(SENT, now=early).move is Move.WAIT
    assert step(SENT, now=early).not_before == late
    assert step(SENT, now=late).move is Move.READ


def test_a_reading_made_before_the_last_write_has_landed_is_made_again():
    early = replace(OFFER, sent_at=NOON - 2 * MINUTE)

    found = step(early, pace=NOT_COMPARING)
    assert (found.move, found.not_before) == (Move.WAIT, NOON + 3 * MINUTE)
    assert step(early, pace=NOT_COMPARING, now=NOON + 3 * MINUTE).move is Move.READ
    late = replace(early, shown_at=NOON + 3 * MINUTE)
    assert step(late, pace=NOT_COMPARING, now=NOON + 3 * MINUTE).move is Move.NOTHING
    assert step(early).move is Move.NOTHING


def test_raising_waits_until_other_offers_of_the_same_units_are_lowered():
    found = step(replace(OFFER, wanted=6, others_lower=True))

    assert (found.move, found.reason.code) == (Move.WAIT, "others_lower_first")
    assert step(replace(OFFER, wanted=4, others_lower=True)).move is Move.PUSH


def test_what_was_sent_last_says_whether_a_number_lowers():
    assert replace(SENT, wanted=4).lowers
    assert not replace(SENT, wanted=7).lowers
    assert replace(OFFER, shown=None).lowers
    assert replace(OFFER, wanted=0, shown=0).lowers
    assert replace(OFFER, wanted=None).lowers


def test_orders_not_heard_of_are_taken_off_only_where_something_is_written():
    assert OFFER.less(2) is OFFER
    assert replace(OFFER, wanted=9).less(2).wanted == 7
    assert replace(OFFER, wanted=9).less(0).wanted == 9
    assert replace(OFFER, wanted=3).less(2).wanted == 1
    assert replace(OFFER, wanted=3).less(8).wanted == 0
    # Less than is shown would lower what the channel counted down itself.
    assert replace(OFFER, wanted=6).less(4).wanted == 5
    assert replace(OFFER, shown=None, wanted=6).less(4).wanted == 2
    assert replace(OFFER, wanted=None).less(4).wanted is None


def test_a_sent_number_whose_instant_is_lost_is_read_back_now():
    assert step(replace(SENT, sent_at=None)).move is Move.READ


def test_a_lower_number_replaces_a_sent_one_at_once():
    found = step(replace(SENT, wanted=4), complete=None)

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_lowers")


def test_a_higher_number_replaces_a_sent_one_when_orders_are_known():
    found = step(replace(SENT, wanted=6))

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_raises")


def test_a_higher_number_that_must_wait_does_not_keep_the_sent_one_from_being_read_back():
    raised = replace(SENT, wanted=6)

    assert step(raised, complete=None).move is Move.WAIT
    assert step(raised, complete=None, now=NOON + 5 * MINUTE).move is Move.READ
    assert step(replace(raised, held_by_feed=True)).move is Move.WAIT


def test_a_sent_number_is_not_raised_before_anything_was_ever_read():
    blind = replace(SENT, wanted=6, shown=None, shown_at=None)

    assert step(blind).move is Move.WAIT


RESTATED = replace(OFFER, handling_due=True)


def test_another_handling_time_goes_out_with_the_number_that_is_shown():
    found = step(RESTATED)

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_restated")


def test_a_number_that_orders_may_have_lowered_is_not_written_again_for_its_handling_time():
    behind = step(RESTATED, complete=OFFER.shown_at)

    assert (behind.move, behind.reason.code) == (Move.WAIT, "orders_behind")
    assert behind.not_before == NOON + PACE.settle
    assert step(replace(RESTATED, held_by_feed=True)).move is Move.WAIT


def test_nothing_shown_can_be_restated_at_once():
    nothing = replace(RESTATED, wanted=0, shown=0)

    assert step(nothing, complete=None).move is Move.PUSH


# --- properties ----------------------------------------------------------------------------------

numbers = st.integers(0, 9)
offers = st.builds(
    OfferState,
    wanted=st.none() | numbers,
    shown=st.none() | numbers,
    shown_at=st.none() | instants,
    sent=st.none() | numbers,
    sent_at=st.none() | instants,
    read_due=st.booleans(),
    held_by_feed=st.booleans(),
    handling_due=st.booleans(),
)
paces = st.builds(Pace, spans, spans, spans, st.booleans(), spans)
completions = st.none() | instants


def before_write(offer: OfferState) -> int:
    """What the channel shows, or is about to show, if nothing is written."""
    return offer.sent if offer.sent is not None else (offer.shown or 0)


@given(offers, completions, instants, paces)
def test_no_raise_goes_out_while_orders_are_behind_or_a_feed_runs(offer, complete, now, pace):
    found = step(offer, complete=complete, now=now, pace=pace)

    raises = found.move is Move.PUSH and offer.wanted > before_write(offer)
    if raises or (found.reason.code == "offer_restated" and offer.wanted):
        assert not offer.held_by_feed
        assert complete is not None
        assert complete >= offer.shown_at + pace.index_lag


@given(offers, completions, instants, paces)
def test_a_push_always_changes_something_and_compares_with_a_reading(offer, complete, now, pace):
    found = step(offer, complete=complete, now=now, pace=pace)

    if found.move is Move.PUSH:
        differs = offer.wanted != (offer.sent if offer.sent is not None else offer.shown)
        assert differs or (offer.handling_due and offer.sent is None)
        if pace.compare_and_set and offer.sent is None:
            assert offer.shown is not None


@given(offers, completions, instants, paces)
def test_a_wait_names_a_later_instant(offer, complete, now, pace):
    found = step(offer, complete=complete, now=now, pace=pace)

    assert found.move is not Move.WAIT or found.not_before > now


@given(offers, completions, instants, paces, st.integers(0, 30))
def test_what_is_wanted_is_shown_in_the_end(offer, complete, now, pace, wanted):
    """A channel that shows what is written, and orders that catch up, converge (I5)."""
    offer = replace(offer, wanted=wanted, held_by_feed=False)
    pace = replace(pace, read_every=timedelta(days=1))
    really, restated = before_write(offer), False

    for _ in range(8):
        found = step(offer, complete=now + timedelta(days=1), now=now, pace=pace)
        match found.move:
            case Move.PUSH:
                really, restated = wanted, True
                offer = replace(offer, sent=wanted, sent_at=now)
            case Move.READ:
                offer = replace(
                    offer,
                    shown=really,
                    shown_at=now,
                    sent=None,
                    sent_at=None,
                    read_due=False,
                    handling_due=offer.handling_due and not restated,
                )
            case Move.WAIT:
                now = found.not_before
            case Move.NOTHING:
                break

    assert (found.move, offer.shown, offer.handling_due) == (Move.NOTHING, wanted, False)


# --- held by a file, or by a Case ----------------------------------------------------------------


def test_what_a_file_holds_is_not_read_back_before_the_file_ends():
    held = replace(OFFER, sent=5, sent_at=NOON - 60 * MINUTE, held_by_feed=True)

    found = step(held)

    assert (found.move, found.reason.code) == (Move.WAIT, "in_feed")
    assert found.not_before == NOON + PACE.verify_after


def test_a_number_that_others_overwrote_again_and_again_is_not_written_again():
    found = step(replace(OFFER, wanted=4, repair=Repair.STOPPED))

    assert (found.move, found.reason.code) == (Move.WAIT, "repair_stopped")


def test_a_newer_number_lowers_where_repair_is_stopped():
    found = step(replace(OFFER, wanted=4, repair=Repair.LOWER_ONLY))

    assert (found.move, found.reason.code) == (Move.PUSH, "offer_lowers")


def test_a_newer_number_does_not_raise_where_repair_is_stopped():
    found = step(replace(OFFER, wanted=6, repair=Repair.LOWER_ONLY))

    assert (found.move, found.reason.code) == (Move.WAIT, "repair_stopped")
