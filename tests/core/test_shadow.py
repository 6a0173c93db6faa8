"""What we would have done beside what was done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.shadow import Quantity, Route, compare_quantities, compare_routes, percent


def quantity(ours, theirs, *, price=100, sku="TEA"):
    return Quantity(sku, f"v-{sku}", "", ours, theirs, price)


def route(ours=("home",), theirs=("home",), *, value=1000, order="#1"):
    return Route(order, ours, theirs, value)


def test_units_too_many_and_too_few_are_two_sums():
    found = compare_quantities(
        [quantity(5, 5), quantity(3, 7, sku="CUP"), quantity(9, 8, sku="OIL", price=None)]
    )

    assert (found.compared, found.same) == (3, 1)
    assert (found.more, found.more_value) == (4, 400)
    assert (found.less, found.less_value) == (1, 0)
    assert [one.sku for one in found.differences] == ["CUP", "OIL"]


def test_a_route_agrees_where_the_channels_place_stands_for_ours():
    assert route(("home",), ("home", "annex")).same
    assert not route(("acme",), ("home",)).same
    assert not route(("home", "acme"), ("home",)).same


def test_an_order_nobody_says_the_origin_of_is_not_compared():
    found = compare_routes(
        [route(), route(theirs=(), order="#2"), route(("acme",), order="#3", value=2500)]
    )

    assert (found.compared, found.same, found.unknown, found.value) == (2, 1, 1, 2500)
    assert [one.order for one in found.differences] == ["#3"]


def test_an_order_of_unknown_worth_adds_nothing():
    assert compare_routes([route(("acme",), value=None)]).value == 0


@pytest.mark.parametrize(("same", "compared", "told"), [(999, 1000, 99), (2, 2, 100), (0, 3, 0)])
def test_a_hundred_percent_is_a_whole_agreement(same, compared, told):
    assert percent(same, compared) == told


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 99))))
def test_the_sums_are_of_the_differences(found):
    made = [quantity(*pair, price=price, sku=f"S{n}") for n, (*pair, price) in enumerate(found)]
    told = compare_quantities(made)

    assert told.same + len(told.differences) == told.compared == len(made)
    assert told.more - told.less == sum(one.theirs - one.ours for one in made)
