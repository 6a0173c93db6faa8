"""When to buy, how much, and what it costs not to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.rules.landed_cost import LandedLine
from core.rules.replenishment import (
    AlertKind,
    Bid,
    Need,
    Position,
    Quantity,
    Room,
    SlowLimits,
    SlowStep,
    alert_level,
    cheapest,
    landed_reason,
    order_quantity,
    runs_out,
    shortage,
    slow_mover,
    waiting,
)
from tests.core.test_sentences import complete

TODAY = date(2026, 11, 25)
ITEM = SupplierItem("acme", "MUG", "AC-7", pack=24, least=48, cost=Money(310, "USD"))


def days(count: int) -> date:
    return TODAY + timedelta(days=count)


def codes(found: Quantity) -> list[str]:
    return [one.code for one in found.steps]


@st.composite
def items(draw: st.DrawFn) -> SupplierItem:
    """Terms as suppliers have them: prices only fall with the quantity."""
    prices = sorted(draw(st.lists(st.integers(1, 500), min_size=1, max_size=4)), reverse=True)
    froms = sorted(draw(st.sets(st.integers(2, 400), min_size=3, max_size=3)))
    breaks = tuple(
        (least, Money(price, "USD")) for least, price in zip(froms, prices[1:], strict=False)
    )
    return SupplierItem(
        "acme", "MUG", "AC-7",
        pack=draw(st.integers(1, 50)),
        least=draw(st.integers(0, 200)),
        cost=draw(st.none() | st.just(Money(prices[0], "USD"))),
        breaks=breaks,
    )  # fmt: skip


needs = st.integers(1, 1_000)
rooms = st.none() | st.builds(Room, st.integers(-50, 1_000), st.integers(1, 365))


# --- how much ------------------------------------------------------------------------------------


@given(needs, items(), rooms)
def test_an_order_is_whole_packs_never_below_the_minimum_and_never_over_the_room(need, item, room):
    found = order_quantity(need, item, room=room)

    assert found.units == found.packs * item.pack
    if found.units:
        assert found.units >= item.least
        assert room is None or found.units <= room.units
    else:
        assert room is not None
        assert codes(found)[-1] == "replenish_minimum_too_much"


@given(needs, items())
def test_without_a_cap_an_order_brings_what_is_needed(need, item):
    assert order_quantity(need, item).units >= need


@given(needs, needs, items(), rooms)
def test_who_needs_more_never_orders_less(one, other, item, room):
    less, more = sorted([one, other])

    smaller, larger = (order_quantity(need, item, room=room) for need in (less, more))

    # Where the room is too small for one of them, it is too small for both or caps the larger.
    assert larger.units >= smaller.units


@given(needs, items())
def test_no_other_order_that_brings_enough_is_cheaper(need, item):
    found = order_quantity(need, item)

    if found.cost is not None:
        enough = order_quantity(need, replace(item, breaks=())).units
        for packs in range(enough // item.pack, enough // item.pack + 60):
            units = packs * item.pack
            price = item.price(units)
            assert price is not None
            assert found.cost.amount <= price.amount * units


@given(needs, items(), rooms)
def test_every_step_of_a_quantity_can_be_read(need, item, room):
    assert all(complete(step) for step in order_quantity(need, item, room=room).steps)


def test_a_price_break_is_taken_where_the_whole_order_becomes_cheaper_by_it():
    item = replace(ITEM, breaks=((144, Money(200, "USD")),))

    taken, left = order_quantity(97, item), order_quantity(49, item)

    assert (taken.units, taken.cost) == (144, Money(28_800, "USD"))
    assert codes(taken)[-1] == "replenish_break"
    assert (left.units, left.cost) == (72, Money(22_320, "USD"))


def test_a_price_break_beyond_the_room_is_left():
    item = replace(ITEM, breaks=((144, Money(200, "USD")),))

    assert order_quantity(97, item, room=Room(130, 60)).units == 120


def test_a_shelf_life_caps_the_order_and_says_so():
    found = order_quantity(300, ITEM, room=Room(100, 90))

    assert found.units == 96
    assert "replenish_capped" in codes(found)


# --- the level -----------------------------------------------------------------------------------


def level(kind: AlertKind) -> tuple[int, str]:
    found = alert_level(
        kind, static=12, cover=Need(14, 27.2, 40.0), lead=Need(52, 99.0, 130.5),
        service=95, lead_days=45,
    )  # fmt: skip
    assert complete(found.reason)
    return found.units, found.reason.code


def test_a_level_is_what_a_person_wrote_days_of_demand_or_demand_until_an_order_is_here():
    assert level(AlertKind.STATIC) == (12, "replenish_static")
    assert level(AlertKind.DAYS_OF_COVER) == (28, "replenish_days_of_cover")
    assert level(AlertKind.REORDER_POINT) == (131, "replenish_reorder_point")


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_reorder_point_grows_with_demand(one, other):
    less, more = sorted([one, other])
    kind, none = AlertKind.REORDER_POINT, Need(1, 0.0, 0.0)

    low, high = (
        alert_level(kind, static=0, cover=none, lead=Need(9, x, x), service=95, lead_days=2)
        for x in (less, more)
    )

    assert low.units <= high.units


def test_the_position_counts_what_is_on_the_way_and_what_is_promised():
    position = Position(40, ((days(5), 24), (days(9), 24)), promised=8)

    assert (position.total, position.coming) == (80, 48)
    assert [position.by(days(n)) for n in (0, 5, 9)] == [32, 56, 80]
    assert complete(position.reason())


# --- by when, and what waiting costs -------------------------------------------------------------


def test_units_run_out_on_the_first_day_whose_demand_may_be_more():
    position = Position(10)

    assert runs_out(position, lambda n: 3.0 * n, today=TODAY, most=60) == days(3)
    assert runs_out(position, lambda n: 0.0, today=TODAY, most=60) == days(60)
    assert runs_out(Position(0), lambda n: 1.0 * n, today=TODAY, most=60) == TODAY


def test_what_comes_before_the_shelf_is_empty_puts_the_day_off():
    position = Position(10, ((days(2), 30),))

    assert runs_out(position, lambda n: 3.0 * n, today=TODAY, most=60) == days(13)


@given(st.integers(0, 300), st.floats(0, 200), st.floats(0, 100), st.integers(51, 99))
def test_a_shortage_is_never_negative_and_falls_with_the_stock(stock, expected, above, service):
    need = Need(10, expected, expected + above)

    here, more = (shortage(units, need, service=service) for units in (stock, stock + 1))

    assert here >= -1e-9
    assert more <= here + 1e-9
    assert here >= expected - stock - 1e-9


def test_a_certain_demand_is_missed_exactly():
    assert shortage(6, Need(3, 10.0, 10.0), service=95) == 4.0
    assert shortage(60, Need(3, 10.0, 10.0), service=95) == 0.0


def test_waiting_costs_what_cannot_be_sold_until_the_later_order_is_here():
    now, later = (days(10), Need(10, 20.0, 20.0)), (days(17), Need(17, 34.0, 34.0))
    position = Position(20, ((days(15), 4),))

    found = waiting(position, now=now, later=later, service=95, margin=Money(250, "USD"))
    unknown = waiting(position, now=now, later=later, service=95, margin=None)

    assert (found.units, found.loss, found.arrives) == (10, Money(2_500, "USD"), days(17))
    assert unknown.loss is None


# --- from whom -----------------------------------------------------------------------------------


def bid(supplier: str, cost: int | None, *, units: int = 48, lead: int = 10) -> Bid:
    quantity = Quantity(units, 2, None, None, ())
    return Bid(supplier, quantity, None if cost is None else Money(cost, "USD"), lead)


def test_the_cheapest_unit_wins_then_the_shorter_way():
    # given a cheap unit in a large order, a dear one in a small order, and one without a price
    best = cheapest([bid("dear", 900, units=48), bid("cheap", 1_600, units=96), bid("none", None)])
    even = cheapest([bid("slow", 900, lead=30), bid("near", 900, lead=5)])

    assert best is not None
    assert even is not None
    assert best[0].supplier == "cheap"
    assert complete(best[1][0])
    assert even[0].supplier == "near"


def test_the_cost_of_a_unit_is_a_sum_a_person_can_follow():
    line = LandedLine("MUG", units=48, goods=4_800, freight=9_600, duty=1_272, fees=4_800)

    reason = landed_reason(line, "USD")

    assert complete(reason)
    assert (reason.args["total"], reason.args["each"]) == ("204.72 USD", "4.27 USD")


def test_nobody_is_the_cheapest_of_none_and_the_only_one_needs_no_reason():
    assert cheapest([]) is None
    assert cheapest([bid("acme", None)]) == (bid("acme", None), ())


def test_who_cannot_be_ordered_from_comes_last():
    best = cheapest([bid("blocked", 1, units=0), bid("acme", None)])

    assert best is not None
    assert best[0].supplier == "acme"


# --- what nobody buys ----------------------------------------------------------------------------

LIMITS = SlowLimits(cover_days=180, silent_days=60)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        # sells, and lasts a fortnight
        ({"per_day": 1.0, "units": 14, "unsold_days": 1, "age_days": 200}, None),
        # sells, and lasts for ever
        ({"per_day": 0.1, "units": 90, "unsold_days": 3, "age_days": 200}, SlowStep.PROMOTE),
        # the same, but it came lately
        ({"per_day": 0.1, "units": 90, "unsold_days": 3, "age_days": 20}, None),
        # silent for two months, for four
        ({"per_day": 0.0, "units": 9, "unsold_days": 70, "age_days": 200}, SlowStep.PROMOTE),
        ({"per_day": 0.0, "units": 9, "unsold_days": 130, "age_days": None}, SlowStep.STOP),
        # known since yesterday: nobody can say
        ({"per_day": 0.0, "units": 9, "unsold_days": 1, "age_days": None}, None),
        # the supplier still takes it back
        ({"per_day": 0.0, "units": 9, "unsold_days": 70, "age_days": 75}, SlowStep.RETURN),
        # an old silence, and goods that came yesterday on top
        ({"per_day": 0.0, "units": 9, "unsold_days": 130, "age_days": 1}, SlowStep.RETURN),
        # nothing there
        ({"per_day": 0.0, "units": 0, "unsold_days": 130, "age_days": None}, None),
    ],
)
def test_stock_that_lies_gets_a_proposal(facts, step):
    found = slow_mover("MUG", returns_days=90, limits=LIMITS, **facts)

    assert (found.step if found else None) == step
    assert found is None or complete(found.reason)


def test_a_supplier_that_takes_nothing_back_is_not_sent_what_came_today():
    found = slow_mover(
        "MUG", units=9, per_day=0.0, unsold_days=70, age_days=0, returns_days=0, limits=LIMITS
    )

    assert found is not None
    assert found.step is SlowStep.PROMOTE
