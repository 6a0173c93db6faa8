"""What a unit really cost, to the cent."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from core.rules.landed_cost import (
    Duty,
    Pool,
    ReceivedLine,
    ShareBy,
    averaged,
    duty_for,
    in_force,
    landed,
    nearest,
    shared,
)

DAY = date(2026, 11, 25)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)


@given(st.integers(0, 10**12), weights)
def test_shares_add_up_to_what_was_shared(total, parts):
    assert sum(shared(total, parts)) == total


@given(st.integers(0, 10**9), weights)
def test_no_share_is_further_from_its_weight_than_a_cent(total, parts):
    whole = sum(parts)

    for part, share in zip(parts, shared(total, parts), strict=True):
        exact = Fraction(total * part, whole) if whole else Fraction(total, len(parts))
        assert abs(share - exact) < 1


def test_nothing_is_shared_among_nobody_and_evenly_where_nothing_weighs():
    assert shared(100, []) == []
    assert shared(100, [0, 0, 0]) == [34, 33, 33]


lines = st.lists(
    st.builds(
        ReceivedLine,
        sku=st.text("ABC", min_size=1),
        units=st.integers(1, 10_000),
        price=st.integers(0, 10**8),
        volume=st.integers(0, 10**5),
        weight=st.integers(0, 10**5),
        duty=st.fractions(0, 100),
        fee=st.fractions(0, 500),
    ),
    min_size=1,
    max_size=8,
)


@given(
    lines, st.fractions(Fraction(1, 1000), 1000), st.integers(0, 10**8), st.sampled_from(ShareBy)
)
def test_nothing_is_lost_between_the_receipt_and_its_lines(received, rate, freight, by):
    found = landed(received, rate=rate, freight=freight, by=by)

    assert sum(line.freight for line in found) == freight
    assert sum(line.goods for line in found) == nearest(sum(line.price for line in received) * rate)
    for line in found:
        assert line.total == line.goods + line.freight + line.duty + line.fees


def test_a_receipt_in_yuan_with_freight_by_volume_duty_and_fees():
    # given 48 small things and 24 large ones for 1,480.00 yuan at 0.14
    small = ReceivedLine("S", 48, 100_000, volume=500, duty=Fraction(25), fee=Fraction(35))
    large = ReceivedLine("L", 24, 48_000, volume=3_000)

    one, other = landed([small, large], rate=Fraction(14, 100), freight=9_600, by=ShareBy.VOLUME)

    # then each bears its own
    assert (one.goods, one.freight, one.duty, one.fees) == (14_000, 2_400, 3_500, 1_680)
    assert (other.goods, other.freight, other.duty, other.fees) == (6_720, 7_200, 0, 0)


def test_freight_is_shared_by_value_where_one_volume_is_not_known():
    known = ReceivedLine("S", 10, 3_000, volume=500)
    unknown = ReceivedLine("L", 10, 1_000)

    found = landed([known, unknown], rate=Fraction(1), freight=400, by=ShareBy.VOLUME)

    assert [line.freight for line in found] == [300, 100]


def test_weight_shares_freight_where_it_is_asked_to():
    light = ReceivedLine("S", 10, 1_000, weight=100)
    heavy = ReceivedLine("L", 10, 1_000, weight=300)

    found = landed([light, heavy], rate=Fraction(1), freight=400, by=ShareBy.WEIGHT)

    assert [line.freight for line in found] == [100, 300]


# --- what an admin wrote -------------------------------------------------------------------------


def test_the_newest_rate_that_has_begun_holds():
    dated = {date(2026, 10, 1): "old", date(2026, 11, 1): "now", date(2026, 12, 1): "later"}

    assert in_force(dated, DAY) == (date(2026, 11, 1), "now")
    assert in_force(dated, date(2026, 9, 30)) is None


def test_the_longest_tariff_code_wins_then_the_country_then_the_newest():
    anywhere = Duty("6911", "", date(2026, 1, 1), Fraction(6))
    longer = Duty("691110", "", date(2026, 1, 1), Fraction(8))
    china = Duty("691110", "CN", date(2026, 1, 1), Fraction(20))
    newer = Duty("691110", "CN", date(2026, 9, 1), Fraction(26))
    later = Duty("691110", "CN", date(2027, 1, 1), Fraction(99))
    duties = [anywhere, longer, china, newer, later]

    assert duty_for(duties, hts="6911.10.37", origin="CN", day=DAY) == newer
    assert duty_for(duties, hts="6911.10.37", origin="VN", day=DAY) == longer
    assert duty_for(duties, hts="6911.90", origin="CN", day=DAY) == anywhere
    assert duty_for(duties, hts="3406.00", origin="CN", day=DAY) is None


# --- the average ---------------------------------------------------------------------------------


def test_an_average_moves_with_each_receipt_by_what_is_left_of_the_earlier_ones():
    first = averaged(None, on_hand=0, units=100, cost=50_000)
    second = averaged(first, on_hand=40, units=60, cost=48_000)

    assert first == Pool(100, 50_000)
    assert second == Pool(100, 20_000 + 48_000)
    assert second.of(1) == 680


def test_units_whose_cost_nobody_knows_do_not_make_the_receipt_cheaper():
    assert averaged(None, on_hand=500, units=10, cost=1_000) == Pool(10, 1_000)


@given(
    st.integers(1, 1000),
    st.integers(0, 10**6),
    st.integers(-50, 2000),
    st.integers(1, 1000),
    st.integers(0, 10**6),
)
def test_an_average_lies_between_what_it_is_made_of(kept, value, there, came, cost):
    before = Pool(kept, value)

    pool = averaged(before, on_hand=there, units=came, cost=cost)

    low, high = sorted([Fraction(value, kept), Fraction(cost, came)])
    slack = Fraction(1, pool.units)
    assert low - slack <= Fraction(pool.value, pool.units) <= high + slack


def test_an_empty_pool_is_worth_nothing():
    assert Pool(0, 0).of(5) == 0
