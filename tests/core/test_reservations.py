"""What a counting remote is told next about a sale made elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.reservations import ReservationStep, Standing, Telling
from core.rules.reservations import after, next_telling, reservation_key

RESERVE, RELEASE, SHIP = ReservationStep


@pytest.mark.parametrize(
    ("held", "shipped", "kept", "told", "step", "units"),
    [
        (2, 0, 0, 0, RESERVE, 2),
        (3, 0, 2, 0, RESERVE, 1),
        (1, 0, 2, 0, RELEASE, 1),
        (0, 0, 2, 0, RELEASE, 2),
        (0, 2, 2, 0, SHIP, 2),
        (1, 1, 2, 0, SHIP, 1),
        # shipped before anything was told: set aside first
        (0, 2, 0, 0, RESERVE, 2),
        # part was shipped, the rest canceled
        (0, 1, 3, 0, RELEASE, 2),
    ],
)
def test_the_next_step_closes_the_gap(held, shipped, kept, told, step, units):
    found = next_telling({"TEA": Standing(held, shipped, kept, told)})

    assert found == Telling(step, {"TEA": units})


def test_nothing_is_told_where_the_remote_knows_everything():
    assert next_telling({"TEA": Standing(2, 1, 2, 1), "CUP": Standing(0, 0, 0, 0)}) is None
    assert next_telling({}) is None


def test_one_step_takes_all_skus_that_need_it_and_no_other():
    found = next_telling(
        {
            "CUP": Standing(1, 0, 0, 0),
            "POT": Standing(0, 0, 4, 0),
            "TEA": Standing(2, 0, 1, 0),
        }
    )

    assert found == Telling(RESERVE, {"CUP": 1, "TEA": 1})


counts = st.integers(0, 9)


@given(st.dictionaries(st.sampled_from("ABC"), st.tuples(counts, counts, counts, counts)))
def test_steps_end_with_the_remote_keeping_what_is_held_and_knowing_what_was_shipped(facts):
    standings = {sku: Standing(h, told + s, k, told) for sku, (h, s, k, told) in facts.items()}

    steps = 0
    while (telling := next_telling(standings)) is not None:
        steps += 1
        assert steps <= 3
        for sku, units in telling.units.items():
            one = standings[sku]
            kept, told = after(telling.step, units, kept=one.kept, told=one.told)
            assert kept >= 0, "never lets go of more than it keeps"
            standings[sku] = Standing(one.held, one.shipped, kept, told)

    assert all(one.kept == one.held and one.told == one.shipped for one in standings.values())


def test_a_key_is_made_of_remote_names_only():
    assert reservation_key("shopify-us", "gid://1", "amazon-us", "114-1", 2) == (
        "reserve:shopify-us:gid://1:amazon-us:114-1:2"
    )
