"""What goes from one of our places to another: what it needs, what the origin spares, whole cartons."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.refill import Refilled, transfer_of

LOW = Refilled(there=10, coming=5, level=20, target=60, days=30, spare_of=200, keep=50.0)


def test_a_place_above_its_level_gets_nothing_and_says_so():
    # 15 are there or on the way; 15 are enough
    assert not transfer_of(replace(LOW, level=14.0)).low
    assert transfer_of(replace(LOW, level=14.0)).units == 0
    # at the level itself it is low
    assert transfer_of(replace(LOW, level=15.0)).low


def test_what_is_low_is_filled_to_its_target_in_words_that_add_up():
    sent = transfer_of(LOW)

    assert sent.units == 60 - 15
    assert [step.code for step in sent.steps] == ["refill_position", "refill_level", "refill_spare"]


@pytest.mark.parametrize(
    ("spare_of", "keep", "units"), [(70, 50.0, 20), (50, 50.0, 0), (40, 50.0, 0), (51, 50.4, 0)]
)
def test_the_origin_keeps_what_its_other_sales_need(spare_of: int, keep: float, units: int):
    sent = transfer_of(replace(LOW, spare_of=spare_of, keep=keep))

    assert (sent.units, sent.low) == (units, True)


def test_cartons_are_rounded_up_where_the_origin_has_them_else_down():
    assert transfer_of(replace(LOW, pack=12)).units == 48
    # 47 can be spared: 48 would break into what stays
    assert transfer_of(replace(LOW, pack=12, spare_of=97)).units == 36


@given(
    st.builds(
        Refilled,
        there=st.integers(-20, 500), coming=st.integers(0, 500),
        level=st.floats(0, 400), target=st.floats(400, 900), days=st.integers(1, 90),
        spare_of=st.integers(-20, 900), keep=st.floats(0, 900), pack=st.integers(1, 48),
    )
)  # fmt: skip
def test_never_more_is_sent_than_can_be_spared_and_only_whole_cartons(one: Refilled):
    sent = transfer_of(one)

    assert 0 <= sent.units <= max(0, one.spare_of - one.keep)
    assert sent.units % one.pack == 0
    assert sent.low == (one.there + one.coming <= -(-one.level // 1))
    # and never a carton more than it needs
    assert sent.units < max(0, one.target + 1 - one.there - one.coming) + one.pack
