"""Writes that must happen exactly once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.effects import (
    EffectFacts,
    EffectState,
    EffectStep,
    cancel_key,
    confirm_key,
    message_id,
    next_move,
    request_key,
)
from tests.core.strategies import NOON, instants

SENDING = EffectFacts(
    EffectState.SENDING,
    attempts=1,
    settle_until=NOON,
    repeat_is_edit=False,
    can_ask=True,
    staged_kind=False,
)
EARLY = NOON - timedelta(microseconds=1)


# --- examples ------------------------------------------------------------------------------------


def test_a_planned_effect_is_sent():
    planned = replace(SENDING, state=EffectState.PLANNED, attempts=0, settle_until=None)

    assert next_move(planned, now=NOON).step is EffectStep.SEND


@pytest.mark.parametrize("state", [EffectState.SENDING, EffectState.UNKNOWN, EffectState.STAGED])
def test_nobody_looks_or_sends_again_before_it_has_settled(state):
    move = next_move(replace(SENDING, state=state, repeat_is_edit=True), now=EARLY)

    assert move.step is EffectStep.WAIT
    assert move.reason.args == {"until": NOON.isoformat()}


@pytest.mark.parametrize("state", [EffectState.SENDING, EffectState.UNKNOWN])
@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({"repeat_is_edit": True, "can_ask": True}, EffectStep.SEND),
        ({"repeat_is_edit": True, "can_ask": False}, EffectStep.SEND),
        ({"repeat_is_edit": False, "can_ask": True}, EffectStep.ASK),
        ({"repeat_is_edit": False, "can_ask": False}, EffectStep.PARK),
    ],
)
def test_an_unknown_outcome_is_repeated_only_where_that_is_safe(state, facts, step):
    assert next_move(replace(SENDING, state=state, **facts), now=NOON).step is step


def test_a_doubt_without_a_settle_instant_is_settled_now():
    assert next_move(replace(SENDING, settle_until=None), now=NOON).step is EffectStep.ASK


def test_a_staged_file_is_handed_over():
    staged = replace(SENDING, state=EffectState.STAGED, settle_until=None, staged_kind=True)

    assert next_move(staged, now=NOON).step is EffectStep.RELEASE


def test_after_a_try_to_rename_the_place_is_asked_first():
    staged = replace(SENDING, state=EffectState.STAGED, staged_kind=True)

    assert next_move(staged, now=NOON).step is EffectStep.ASK
    assert next_move(replace(staged, can_ask=False), now=NOON).step is EffectStep.PARK


def test_an_upload_under_a_staging_name_may_be_repeated_but_not_once_its_outcome_is_unknown():
    upload = replace(SENDING, staged_kind=True, can_ask=False)

    assert next_move(upload, now=NOON).step is EffectStep.SEND
    unknown = replace(upload, state=EffectState.UNKNOWN)
    assert next_move(unknown, now=NOON).step is EffectStep.PARK


@pytest.mark.parametrize(
    "state",
    [
        EffectState.PROPOSED,
        EffectState.DONE,
        EffectState.REFUSED,
        EffectState.PARKED,
        EffectState.CANCELED,
    ],
)
def test_a_settled_effect_is_left_alone(state):
    move = next_move(replace(SENDING, state=state), now=NOON)

    assert move.step is EffectStep.NOTHING
    assert move.reason.args == {"state": str(state)}


def test_what_was_accepted_is_looked_at_and_never_sent_again():
    # given a write that the remote took in, to be looked at in a minute
    accepted = replace(SENDING, state=EffectState.ACCEPTED, repeat_is_edit=True)

    # when its time has come, and before
    look = next_move(replace(accepted, settle_until=None), now=NOON)
    wait = next_move(replace(accepted, settle_until=NOON + timedelta(minutes=1)), now=NOON)

    # then it is looked at, or waits
    assert look.step is EffectStep.LOOK
    assert wait.step is EffectStep.WAIT


def test_a_cancellation_of_lines_has_a_name_of_its_own():
    assert cancel_key("amazon-us", "902-1") == "cancel:amazon-us:902-1"
    assert cancel_key("amazon-us", "902-1", ["7", "3"]) == "cancel:amazon-us:902-1:3+7"


def test_keys_are_made_of_remote_ids():
    assert request_key("shopify-us", "5501", 1) == "shopify-us:5501:F1"
    assert confirm_key("shopify-us", "5501", 1) == "confirm:shopify-us:5501:1"


def test_a_message_id_is_fixed_and_shows_no_address():
    made = message_id("low_stock|sku=MUG", 1, "ops@example.com", "shop.example")

    assert made == message_id("low_stock|sku=MUG", 1, "ops@example.com", "shop.example")
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", made)


# --- properties ----------------------------------------------------------------------------------

effects = st.builds(
    EffectFacts,
    st.sampled_from(EffectState),
    st.integers(0, 5),
    st.none() | instants,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(effects, instants)
def test_nothing_under_way_is_touched_before_it_has_settled(effect, now):
    move = next_move(effect, now=now)

    under_way = effect.state not in (EffectState.PLANNED, EffectState.PROPOSED)
    if under_way and effect.settle_until is not None and now < effect.settle_until:
        assert move.step in (EffectStep.WAIT, EffectStep.NOTHING)


@given(effects, instants)
def test_a_repeat_is_only_ever_sent_where_it_cannot_happen_twice(effect, now):
    move = next_move(effect, now=now)

    if move.step is EffectStep.SEND and effect.state is not EffectState.PLANNED:
        assert effect.repeat_is_edit or (effect.staged_kind and effect.state is EffectState.SENDING)


@given(effects)
def test_every_doubt_ends_in_a_step(effect):
    move = next_move(effect, now=NOON + timedelta(days=1))

    live = {
        EffectState.PLANNED,
        EffectState.SENDING,
        EffectState.STAGED,
        EffectState.ACCEPTED,
        EffectState.UNKNOWN,
    }
    assert (move.step is EffectStep.NOTHING) == (effect.state not in live)
    assert move.step is not EffectStep.WAIT


mails = st.tuples(st.text(max_size=5), st.integers(0, 30), st.text(max_size=5))


@given(mails, mails)
def test_two_mails_never_share_a_message_id(one, other):
    same = message_id(*one, "shop.example") == message_id(*other, "shop.example")

    assert same == (one == other)
