"""How many of the last units are not shown."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules import risk
from core.rules.risk import (
    NONE,
    Amount,
    Held,
    Kept,
    Rate,
    Situation,
    chances,
    coarse,
    depth,
    kept,
    withheld,
)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def situation(
    *per_day: float,
    window: timedelta = 20 * MINUTE,
    age: timedelta = timedelta(0),
    each: float = 1.0,
    target: float = 1.0,
) -> Situation:
    """Offers that sell so much a day, corrected within the window; others sell as much from a figure
    of this age."""
    rates = [Rate(one, one * each, 60) for one in per_day]
    total = sum(per_day)
    return Situation(
        tuple(one.within(window) for one in rates),
        Rate(total, total * each, 60).within(age),
        total * 14,
        target,
    )


# --- examples ------------------------------------------------------------------------------------


def test_the_last_unit_is_shown_in_one_place_only():
    found = withheld(situation(3.0, 2.0), units=1)

    assert found == (0, 1)


def test_deep_stock_is_shown_whole():
    busy = situation(30.0, 20.0, age=DAY)

    assert withheld(busy, units=10_000) == (0, 0)
    assert withheld(busy, units=depth(busy) + 1) == (0, 0)
    assert any(withheld(busy, units=depth(busy)))


def test_nothing_is_there_to_hold_back_of_nothing():
    assert withheld(situation(3.0, 2.0), units=0) == (0, 0)
    assert withheld(situation(3.0, 2.0), units=-4) == (0, 0)


def test_one_offer_alone_has_no_race():
    assert depth(situation(50.0)) == 0


def test_one_offer_alone_holds_back_what_others_may_have_taken():
    found = situation(2.0, age=DAY)

    assert withheld(found, units=1) == (1,)
    assert withheld(found, units=50) == (0,)


def test_what_sells_once_a_month_has_no_race_within_minutes():
    assert depth(situation(1 / 30, 1 / 30, window=2 * MINUTE)) == 0


def test_what_never_sells_is_never_oversold():
    nothing = Situation((NONE, NONE), Amount(3.0, 3.0), 1.0, 1.0)

    assert withheld(nothing, units=1) == (0, 0)
    assert Situation((NONE,), NONE, 1.0, 1.0).far == 0


def test_an_older_figure_and_a_stricter_target_hold_more_back():
    hour, day = situation(5.0, 4.0, age=DAY / 24), situation(5.0, 4.0, age=DAY)

    assert depth(hour) < depth(day)
    assert depth(situation(5.0, 4.0, age=DAY, target=100.0)) < depth(day)


def test_a_rate_with_little_history_is_less_sure():
    long, short = Rate(1.0, 1.0, 100).within(DAY), Rate(1.0, 1.0, 2).within(DAY)

    assert long.mean == short.mean
    assert long.variance < short.variance


def test_uneven_days_hardly_show_within_minutes_but_orders_of_many_units_do():
    uneven, bulk = Rate(20.0, 20.0 + 0.25 * 400, 1_000), Rate(0.2, 0.2 * 6, 1_000)

    within = [one.within(5 * MINUTE) for one in (uneven, bulk)]

    assert within[0].variance / within[0].mean < 1.1
    assert within[1].variance / within[1].mean > 5


def test_what_is_risked_once_may_be_shown_where_what_is_risked_with_every_sale_may_not():
    always = Situation((Amount(0.02, 0.02),), Amount(0.02, 0.02), 14.0, 1.0)

    assert withheld(always, units=1) == (1,)
    assert withheld(replace(always, once=True), units=1) == (0,)


def test_no_more_is_held_back_for_others_than_there_is_where_they_take_it():
    ours, theirs = Held(situation(3.0, 2.0)), Held(situation(3.0, 2.0, age=DAY))
    ask = partial(kept, ours, theirs, units=5)

    assert ask(counted=5) == (Kept(5, True), Kept(5, True))
    assert ask(counted=2) == (Kept(2, True), Kept(2, True))
    assert ask(counted=0) == (Kept(0, False), Kept(0, False))
    assert kept(ours, theirs, units=1, counted=0) == (Kept(0, False), Kept(1, False))


def test_a_rate_of_nothing_has_no_units():
    assert Rate(0.0, 0.0, 9).within(DAY) == NONE


def test_small_moves_of_a_rate_move_nothing():
    assert coarse(1.01) == coarse(1.2) == 1.25
    assert coarse(0) == 0
    assert Amount(1.02, 1.02).coarse() == Amount(1.2, 1.2).coarse()


def test_a_distribution_that_never_ends_is_cut():
    found = chances(Amount(3_990.0, 3_990.0 * 50))

    assert len(found) == 4_000
    assert sum(found) == pytest.approx(1.0)


# --- properties ----------------------------------------------------------------------------------

per_days = st.floats(0.01, 60)
situations = st.builds(
    lambda rates, window, age, each: situation(
        *rates, window=timedelta(minutes=window), age=timedelta(hours=age), each=each
    ),
    st.lists(per_days, min_size=1, max_size=3),
    st.floats(0.1, 60),
    st.sampled_from([0, 0, 1, 6]),
    st.sampled_from([1.0, 1.3, 2.5]),
)


@given(st.floats(0.001, 300), st.sampled_from([1.0, 1.01, 1.5, 4.0]))
def test_chances_add_up_and_have_the_mean_they_were_made_of(mean, each):
    found = chances(Amount(mean, mean * each))

    assert sum(found) == pytest.approx(1.0, abs=1e-9)
    assert sum(n * one for n, one in enumerate(found)) == pytest.approx(mean, rel=1e-4)
    if each > 1.001:
        variance = sum((n - mean) ** 2 * one for n, one in enumerate(found))
        assert variance == pytest.approx(mean * each, rel=1e-3)


@given(situations)
def test_more_stock_never_shows_less(found):
    before = (0,) * len(found.offers)
    for units in range(1, depth(found) + 3):
        shown = tuple(units - kept for kept in withheld(found, units=units))
        assert all(now >= then for now, then in zip(shown, before, strict=True))
        assert all(0 <= one <= units for one in shown)
        before = shown


@given(situations)
def test_what_is_oversold_while_it_sells_down_stays_within_the_share_of_the_target(found):
    rounded = found.coarse
    exact = risk._Risk(rounded)

    spent = sum(
        exact.per_unit(units, [units - kept for kept in withheld(found, units=units)])
        for units in range(1, len(risk._levels(rounded)) + 1)
    )

    assert spent <= rounded.target / 10_000 * rounded.sold + 1e-12


def test_the_rule_agrees_with_buyers_that_are_drawn():
    """Two places, the last two units, an hour's blindness: the expectation is the average."""
    chance = random.Random(7)
    mean = 0.4
    one = Situation((Amount(mean, mean), Amount(mean, mean)), NONE, 1.0, 1.0)

    def drawn() -> int:
        units, at = 0, chance.expovariate(1.0)
        while at < mean:
            units, at = units + 1, at + chance.expovariate(1.0)
        return units

    times = 40_000
    oversold = sum(max(0, min(2, drawn()) + min(2, drawn()) - 2) for _ in range(times))

    expected = risk._Risk(one).per_unit(2, (2, 2)) * 2 * mean
    assert oversold / times == pytest.approx(expected, rel=0.15)
