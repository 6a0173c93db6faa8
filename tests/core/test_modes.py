"""What may be written to the outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.modes import Mode, Scope, bucket, may_write


def ask(mode=Mode.ACT, *, skus=None, share=None, stopped=False, sku="MUG"):
    found = may_write(Scope(mode, skus, share, stopped), sku=sku)
    return found.allowed, found.reason.code


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (Mode.OBSERVE, (False, "mode_observe")),
        (Mode.PROPOSE, (False, "mode_propose")),
        (Mode.ACT, (True, "mode_act")),
    ],
)
def test_only_act_writes(mode, answer):
    assert ask(mode) == answer
    assert ask(mode, sku=None) == answer


def test_a_stop_stops_what_would_write_and_observe_stays_observe():
    assert ask(Mode.ACT, stopped=True) == (False, "writes_stopped")
    assert ask(Mode.PROPOSE, stopped=True) == (False, "writes_stopped")
    assert ask(Mode.OBSERVE, stopped=True) == (False, "mode_observe")


def test_a_list_of_skus_limits_what_acts():
    only = frozenset({"MUG"})

    assert ask(skus=only) == (True, "mode_act")
    assert ask(skus=only, sku="TEE") == (False, "outside_share")
    assert ask(skus=frozenset()) == (False, "outside_share")


def test_a_sku_outside_the_list_is_not_even_proposed():
    assert ask(Mode.PROPOSE, skus=frozenset({"TEE"})) == (False, "outside_share")
    assert ask(Mode.PROPOSE, skus=frozenset({"MUG"})) == (False, "mode_propose")


def test_a_write_about_no_single_sku_follows_the_mode():
    assert ask(skus=frozenset(), share=0, sku=None) == (True, "mode_act")


def test_a_list_and_a_share_add_up():
    outside = next(f"S{n}" for n in range(100) if bucket(f"S{n}") >= 50)

    assert ask(share=50, sku=outside) == (False, "outside_share")
    assert ask(share=50, skus=frozenset({outside}), sku=outside) == (True, "mode_act")


def test_the_bucket_of_a_sku_is_fixed_for_ever():
    # Changing these moves Skus in and out of a running roll-out.
    assert [bucket(sku) for sku in ("MUG", "TEE", "BOX")] == [30, 51, 47]


def test_a_share_of_n_percent_takes_the_first_n_buckets():
    first_outside = bucket("MUG")

    assert ask(share=first_outside) == (False, "outside_share")
    assert ask(share=first_outside + 1) == (True, "mode_act")


def test_a_share_is_about_that_many_skus():
    inside = sum(ask(share=20, sku=f"SKU-{n}")[0] for n in range(2_000))

    assert 350 < inside < 450


@given(st.text(), st.integers(0, 100), st.integers(0, 100))
def test_a_growing_share_only_ever_adds_skus(sku, one, other):
    small, large = sorted([one, other])

    assert ask(share=large, sku=sku)[0] or not ask(share=small, sku=sku)[0]


@given(st.text())
def test_none_is_none_and_all_is_all(sku):
    assert not ask(share=0, sku=sku)[0]
    assert ask(share=100, sku=sku)[0]


@given(
    st.sampled_from(Mode),
    st.none() | st.frozensets(st.text(max_size=2)),
    st.none() | st.integers(0, 100),
    st.booleans(),
    st.none() | st.text(max_size=2),
)
def test_nothing_but_act_ever_writes_and_the_reason_says_so(mode, skus, share, stopped, sku):
    found = may_write(Scope(mode, skus, share, stopped), sku=sku)

    assert found.allowed == (found.reason.code == "mode_act")
    assert not found.allowed or (mode is Mode.ACT and not stopped)
