"""Where a parcel is, and when to ask its carrier again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.fulfillment import TrackingEvent, TrackingStatus
from core.rules.parcels import TERMINAL, ask_again, status_of
from tests.core.strategies import NOON, instants

S = TrackingStatus
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def scan(status, hours=0):
    return event(status, NOON + hours * HOUR)


def event(status, at):
    return TrackingEvent(
        tracking_number="1Z",
        at=at,
        local_time="",
        status=status,
        raw_type="I",
        raw_code="",
        raw_status_code="",
        text="",
    )


def wait(status, *, age=DAY, silent=HOUR):
    """Hours until the next question, or None."""
    found = ask_again(
        status,
        last_asked=NOON,
        last_event=None if silent is None else NOON - silent,
        shipped_at=NOON - age,
        now=NOON,
    )
    return None if found is None else (found - NOON) / HOUR


# --- status --------------------------------------------------------------------------------------


def test_a_parcel_without_a_scan_is_not_found():
    assert status_of([]) is S.NOT_FOUND


def test_the_newest_scan_counts_in_whatever_order_they_came():
    scans = [scan(S.OUT_FOR_DELIVERY, 9), scan(S.LABEL_CREATED, 0), scan(S.IN_TRANSIT, 5)]

    assert status_of(scans) is S.OUT_FOR_DELIVERY


def test_scans_of_the_same_instant_are_settled_by_how_far_along_they_are():
    assert status_of([scan(S.DELIVERED), scan(S.OUT_FOR_DELIVERY)]) is S.DELIVERED
    assert status_of([scan(S.OUT_FOR_DELIVERY), scan(S.DELIVERED)]) is S.DELIVERED


def test_a_late_scan_does_not_undo_a_delivery():
    assert status_of([scan(S.DELIVERED, 1), scan(S.IN_TRANSIT, 2)]) is S.DELIVERED


def test_a_return_reopens_a_delivered_parcel():
    back = [scan(S.DELIVERED, 1), scan(S.RETURNING, 2)]

    assert status_of(back) is S.RETURNING
    assert status_of([*back, scan(S.RETURNED, 3)]) is S.RETURNED
    assert status_of([*back, scan(S.IN_TRANSIT, 3)]) is S.IN_TRANSIT
    # Carriers have one code for both doors.
    assert status_of([*back, scan(S.IN_TRANSIT, 3), scan(S.DELIVERED, 4)]) is S.RETURNED


def test_a_returned_parcel_is_not_delivered_afterwards():
    assert status_of([scan(S.RETURNED, 1), scan(S.DELIVERED, 2)]) is S.RETURNED


def test_an_unknown_word_stays_unknown():
    assert status_of([scan(S.IN_TRANSIT, 1), scan(S.UNKNOWN, 2)]) is S.UNKNOWN


scans = st.lists(st.builds(event, st.sampled_from(S), instants), max_size=8)


@given(scans, st.randoms(use_true_random=False))
def test_the_order_and_number_of_equal_scans_do_not_matter(found, chance):
    before = status_of(found)

    again = [*found, *chance.sample(found, len(found))]
    chance.shuffle(again)

    assert status_of(again) is before


@given(scans, st.sampled_from(sorted(set(S) - {S.RETURNING, S.RETURNED})))
def test_a_delivery_stands_unless_a_return_follows(found, later):
    end = NOON + timedelta(days=1)

    before = (one for one in found if one.status not in (S.RETURNING, S.RETURNED))
    delivered = [*before, event(S.DELIVERED, end)]

    assert status_of([*delivered, event(later, end + HOUR)]) is S.DELIVERED


# --- asking again --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "hours"),
    [
        (S.LABEL_CREATED, 12),
        (S.PICKED_UP, 4),
        (S.IN_TRANSIT, 4),
        (S.DELAYED, 4),
        (S.EXCEPTION, 4),
        (S.RETURNING, 4),
        (S.UNKNOWN, 4),
        (S.OUT_FOR_DELIVERY, 0.75),
        (S.DELIVERED, None),
        (S.RETURNED, None),
        (S.VOIDED, None),
        (S.LOST, None),
    ],
)
def test_how_often_a_carrier_is_asked_depends_on_where_the_parcel_is(status, hours):
    assert wait(status) == hours


@pytest.mark.parametrize(("age", "hours"), [(0, 2), (12, 2), (24, 4), (48, 8), (72, 12), (999, 12)])
def test_a_number_the_carrier_does_not_know_is_asked_for_less_and_less(age, hours):
    assert wait(S.NOT_FOUND, age=age * HOUR, silent=None) == hours


def test_a_parcel_silent_for_a_week_is_asked_about_less():
    assert wait(S.IN_TRANSIT, age=9 * DAY, silent=7 * DAY) == 4
    assert wait(S.IN_TRANSIT, age=9 * DAY, silent=7 * DAY + HOUR) == 12
    assert wait(S.OUT_FOR_DELIVERY, age=9 * DAY, silent=8 * DAY) == 12


def test_a_parcel_is_given_up_after_four_months():
    assert wait(S.IN_TRANSIT, age=120 * DAY) == 4
    assert wait(S.IN_TRANSIT, age=120 * DAY + HOUR) is None


@given(st.sampled_from(S), instants, st.none() | instants, instants, instants)
def test_the_next_question_is_always_later_than_the_last(status, asked, seen, shipped, now):
    found = ask_again(status, last_asked=asked, last_event=seen, shipped_at=shipped, now=now)

    if status in TERMINAL:
        assert found is None
    else:
        assert found is not None
        assert timedelta(minutes=45) <= found - asked <= 12 * HOUR
