"""Orders that compete for units: together they never cost more, and no unit is promised twice."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.joint import Backlog, backlog, least
from core.model.routing import Origin, Plan, Way
from core.rules.allocation import Demand
from core.rules.joint import route_together
from core.rules.routing import route
from core.rules.unit_prices import Contender


def cents(plans: tuple[Plan, ...]) -> int:
    return sum(plan.costs.total for plan in plans)


def place(name: str, price: int) -> Origin:
    """A place from which a parcel costs so much."""
    return Origin(name, ways=(Way("ground", ((1_000_000, price),)),))


def wishing(line: str, near: int, far: int, plan_from: str) -> Contender:
    """An order of one unit of tea, for which the two places cost so much."""
    demands = (Demand(line, {"TEA": 1}, 1),)
    origins = (place("near", near), place("far", far))
    free = {("TEA", plan_from): 1}
    plan = route(demands, origins=origins, available=free, pieces={}).plan
    assert plan is not None
    return Contender(demands, origins, plan)


def test_the_last_unit_near_by_goes_to_the_order_that_would_pay_most_without_it():
    # given one unit near by that the first order took, which could be had from afar for 10 more
    first = wishing("1", near=500, far=510, plan_from="near")
    # and a second order for which afar costs 900 more
    second = wishing("2", near=500, far=1_400, plan_from="far")

    plans = route_together(
        [first, second], free={("TEA", "far"): 5}, pieces={}, chance=random.Random(0)
    )

    assert [sorted(plan.places) for plan in plans] == [["far"], ["near"]]
    assert cents(plans) == 1_010


def test_where_there_is_enough_for_all_every_plan_stays_the_same_object():
    orders = [wishing(str(n), near=500, far=900, plan_from="near") for n in range(5)]

    plans = route_together(orders, free={("TEA", "near"): 3}, pieces={}, chance=random.Random(0))

    assert all(plan is one.plan for plan, one in zip(plans, orders, strict=True))


def test_a_chain_of_three_is_untangled():
    # given each order on the shelf that the next one would like best
    def order(line: str, costs: dict[str, int], now: str) -> Contender:
        demands = (Demand(line, {"TEA": 1}, 1),)
        origins = tuple(place(name, price) for name, price in costs.items())
        plan = route(demands, origins=origins, available={("TEA", now): 1}, pieces={}).plan
        assert plan is not None
        return Contender(demands, origins, plan)

    orders = [
        order("1", {"a": 100, "b": 300, "c": 900}, "b"),
        order("2", {"a": 900, "b": 100, "c": 300}, "c"),
        order("3", {"a": 300, "b": 900, "c": 100}, "a"),
    ]

    plans = route_together(orders, free={}, pieces={}, chance=random.Random(0))

    assert [next(iter(plan.places)) for plan in plans] == ["a", "b", "c"]


def checked(one: Backlog) -> tuple[Plan, ...]:
    """The plans, each of which ships its order whole, and all of which there are units for."""
    plans = one.together()
    taken = Counter[tuple[str, str]]()
    for contender, plan in zip(one.contenders, plans, strict=True):
        shipped = Counter[str]()
        for part in plan.parts:
            shipped.update(part.units)
            for line, units in part.units.items():
                taken[line, part.place] += units
        assert shipped == {demand.line: demand.units for demand in contender.demands}
    assert all(units <= one.have.get(cell, 0) for cell, units in taken.items())
    assert cents(plans) <= one.cents
    # and what a plan says it costs is what that very plan costs an order that is alone
    for contender, plan in zip(one.contenders, plans, strict=True):
        have = Counter[tuple[str, str]]()
        for part in plan.parts:
            have.update({(line, part.place): units for line, units in part.units.items()})
        alone = route(
            contender.demands, origins=contender.origins, available=have, pieces=one.pieces
        ).plan
        assert alone is not None
        assert alone.costs.total <= plan.costs.total
    return plans


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    orders=st.integers(1, 25),
    places=st.integers(1, 5),
    skus=st.integers(1, 8),
    fill=st.sampled_from([1.0, 1.2, 1.5, 3.0]),
)
def test_plans_together_go_and_cost_no_more(
    seed: int, orders: int, places: int, skus: int, fill: float
):
    chance = random.Random(seed)
    one = backlog(chance, orders=orders, places=places, skus=skus, fill=fill, longest=min(3, skus))

    plans = checked(one)

    # and never less than what HiGHS proves that they cost
    assert cents(plans) >= least(one, [each.plan for each in one.contenders], plans) - 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_a_small_backlog_costs_what_the_oracle_says_or_nearly(seed: int):
    one = backlog(random.Random(seed), orders=10, places=3, skus=5, fill=1.2, longest=3)
    oracle = one.oracle()
    assert oracle is not None

    assert oracle <= cents(checked(one)) <= oracle * 1.01


def test_a_backlog_is_within_two_percent_of_what_it_costs_at_least():
    one = backlog(random.Random(3), orders=150, places=4, skus=40, fill=1.5)
    plans = checked(one)
    bound = least(one, [each.plan for each in one.contenders], plans)

    assert one.cents > bound * 1.02, "in turn is far from it, or the test shows nothing"
    assert cents(plans) <= bound * 1.02


def test_the_same_backlog_is_routed_the_same_twice():
    one = backlog(random.Random(4), orders=60, places=4, skus=15, fill=1.3)
    assert one.together() == one.together()
