"""What a change means for what is already set going."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.cases import Severity
from core.model.fulfillment import FulfillmentState
from core.rules.changes import FulfillmentFacts, free_units, on_change, on_surplus
from tests.core.strategies import NOON, line, order

PLANNED = FulfillmentState.PLANNED
REQUESTED = FulfillmentState.REQUESTED


def facts(number=1, units=2, *, sent=False, state=PLANNED, name="1"):
    return FulfillmentFacts(number, state, sent, {name: units})


# --- examples ------------------------------------------------------------------------------------


def test_an_unchanged_order_changes_nothing():
    plan = on_change(order(line(units=2)), [facts()], was_current={"1": 2})

    assert (plan.cancel, plan.case, plan.reroute) == ((), None, False)
    assert plan.reason.code == "change_none"


def test_what_was_canceled_in_time_is_not_asked_for():
    plan = on_change(order(line(current=0)), [facts()], was_current={"1": 2})

    assert plan.cancel == (1,)
    assert plan.case is None
    assert not plan.reroute
    assert plan.reason.code == "canceled_before_request"


def test_an_order_canceled_whole_wants_nothing_any_more():
    plan = on_change(order(line(), canceled_at=NOON), [facts()], was_current={"1": 2})

    assert plan.cancel == (1,)
    assert not plan.reroute
    assert plan.reason.args == {"order": "#1001", "quantity": 2}


def test_the_rest_of_a_canceled_fulfillment_is_routed_again():
    plan = on_change(order(line(units=2, current=1)), [facts(units=2)], was_current={"1": 2})

    assert plan.cancel == (1,)
    assert plan.reroute


def test_a_sent_request_is_called_off_where_its_place_can_be_told():
    # given two requests, of which only one place can be told
    sent = [
        FulfillmentFacts(1, REQUESTED, True, {"1": 2}, may_call_off=True),
        facts(2, sent=True, state=REQUESTED, name="2"),
    ]

    both = on_surplus(sent, surplus={"1": 1, "2": 2}, subject="order x", order="#1")
    assert both.call_off == (1,)
    assert both.case is not None
    assert both.case.reason.args["units"] == "2 x2"

    alone = on_surplus(sent[:1], surplus={"1": 1}, subject="order x", order="#1")
    assert (alone.call_off, alone.case, alone.cancel) == ((1,), None, ())
    assert alone.reason.code == "called_off"


def test_a_sent_request_that_may_ship_too_much_becomes_a_case():
    sent = facts(sent=True, state=REQUESTED)

    plan = on_change(order(line(current=0)), [sent], was_current={"1": 2})

    assert plan.cancel == ()
    assert plan.case is not None
    assert plan.case.kind == "canceled_after_request"
    assert plan.case.subject == "order shopify-us 5501"
    assert plan.case.severity is Severity.CRITICAL
    assert plan.case.reason.args == {
        "order": "#1001",
        "quantity": 2,
        "units": "1 x2",
        "requests": "F1",
    }


def test_what_is_not_sent_gives_way_before_anybody_is_asked_to_stop():
    sent, unsent = facts(1, 1, sent=True, state=REQUESTED), facts(2, 1)

    plan = on_change(order(line(current=1)), [sent, unsent], was_current={"1": 2})

    assert plan.cancel == (2,)
    assert plan.case is None


def test_only_as_many_fulfillments_are_canceled_as_the_change_needs():
    plan = on_change(order(line(current=3)), [facts(1, 2), facts(2, 2)], was_current={"1": 4})

    assert plan.cancel == (2,)
    assert plan.reroute


def test_both_can_be_needed():
    sent, unsent = facts(1, 2, sent=True, state=REQUESTED), facts(2, 1)

    plan = on_change(order(line(current=1)), [sent, unsent], was_current={"1": 3})

    assert plan.cancel == (2,)
    assert plan.reason.args["quantity"] == 1
    assert plan.case is not None
    assert plan.case.reason.args["units"] == "1 x1"


@pytest.mark.parametrize("state", [FulfillmentState.SHIPPED, FulfillmentState.DELIVERED])
def test_a_refund_after_shipping_is_a_return_and_no_case(state):
    shipped = facts(sent=True, state=state)

    plan = on_change(order(line(current=0, fulfilled=2)), [shipped], was_current={"1": 2})

    assert (plan.cancel, plan.case, plan.reroute) == ((), None, False)
    assert plan.reason.code == "changed_after_shipping"


def test_a_half_shipped_fulfillment_may_still_ship_too_much():
    half = facts(sent=True, state=FulfillmentState.PARTIALLY_SHIPPED)

    plan = on_change(order(line(current=1, fulfilled=1)), [half], was_current={"1": 2})

    assert plan.case is not None


def test_units_somebody_else_shipped_are_not_shipped_twice():
    plan = on_change(order(line(units=2, fulfilled=2)), [facts()], was_current={"1": 2})

    assert plan.cancel == (1,)


def test_our_own_parcels_are_not_taken_for_somebody_elses():
    shipped = facts(1, 1, sent=True, state=FulfillmentState.SHIPPED)
    waiting = facts(2, 1)

    plan = on_change(order(line(units=2, fulfilled=1)), [shipped, waiting], was_current={"1": 2})

    assert plan.reason.code == "change_none"


@pytest.mark.parametrize("state", [FulfillmentState.CANCELED, FulfillmentState.REJECTED])
def test_dead_fulfillments_plan_nothing(state):
    plan = on_change(order(line(current=0)), [facts(state=state)], was_current={"1": 2})

    assert plan.reason.code == "change_none"


def test_more_units_than_before_need_a_place():
    plan = on_change(order(line(units=3)), [facts(units=2)], was_current={"1": 2})

    assert plan.reroute
    assert plan.cancel == ()
    assert plan.reason.code == "change_more_units"


def test_one_line_may_grow_while_another_shrinks():
    one = order(line("1", units=3), line("2", current=0))

    plan = on_change(one, [facts(1, 2), facts(2, 2, name="2")], was_current={"1": 2, "2": 2})

    assert plan.cancel == (2,)
    assert plan.reroute
    assert plan.reason.code == "canceled_before_request"


def test_a_new_line_needs_a_place_from_its_first_unit():
    one = order(line("1"), line("2", units=1))

    plan = on_change(one, [facts()], was_current={"1": 2})

    assert plan.reroute


def test_a_new_line_that_needs_no_shipping_needs_no_place():
    one = order(line("1"), line("2", requires_shipping=False))

    plan = on_change(one, [facts()], was_current={"1": 2})

    assert not plan.reroute


def test_a_unit_is_freed_where_it_costs_least():
    # given units of a line at three places: one asked by mail, one that can be told, one not asked yet
    planned = [
        facts(1, 2, sent=True, state=REQUESTED),
        FulfillmentFacts(2, REQUESTED, True, {"1": 1}, may_call_off=True),
        facts(3, 1),
        facts(4, 5, state=FulfillmentState.SHIPPED, sent=True),
    ]

    # when more and more of them end, then nobody is bothered before it must be
    def freed(units):
        plan = free_units(planned, lacking={"1": units})
        return plan.take_back, plan.call_off, plan.ask, plan.too_late

    assert freed(0) == ((), (), (), {})
    assert freed(1) == ((3,), (), (), {})
    assert freed(2) == ((3,), (2,), (), {})
    assert freed(3) == freed(4) == ((3,), (2,), (1,), {})
    assert freed(6) == ((3,), (2,), (1,), {"1": 2})


# --- properties ----------------------------------------------------------------------------------

units = st.dictionaries(st.sampled_from("12"), st.integers(1, 4), min_size=1)
going = st.lists(
    st.builds(
        FulfillmentFacts, st.integers(1, 9), st.sampled_from(FulfillmentState), st.booleans(), units
    ),
    unique_by=lambda one: one.number,
    max_size=4,
)
surpluses = st.dictionaries(st.sampled_from("12"), st.integers(0, 6))


def undo(found, surplus):
    return on_surplus(found, surplus=surplus, subject="order shopify-us 5501", order="#1001")


@given(going, surpluses)
def test_nothing_sent_is_ever_canceled(found, surplus):
    plan = undo(found, surplus)

    sent = {one.number for one in found if one.sent}
    assert not sent & set(plan.cancel)


@given(going, surpluses)
def test_every_unit_of_the_surplus_is_canceled_asked_about_or_out_already(found, surplus):
    plan = undo(found, surplus)

    canceled: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for one in found:
        if one.number in plan.cancel:
            canceled.update(one.units)
        elif one.sent and one.state in (FulfillmentState.SHIPPED, FulfillmentState.DELIVERED):
            out.update(one.units)
    live = [
        one
        for one in found
        if one.state not in (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
    ]
    planned = sum((Counter(one.units) for one in live), Counter())
    wanted_gone = Counter(surplus) & planned
    case = plan.case.reason.args["quantity"] if plan.case else 0
    assert (wanted_gone - canceled - out).total() <= case
    assert case <= (Counter(surplus) - canceled).total()


@given(going, surpluses, st.randoms(use_true_random=False))
def test_the_order_of_fulfillments_does_not_matter(found, surplus, chance):
    before = undo(found, surplus)

    chance.shuffle(found)

    assert undo(found, surplus) == before


@given(going)
def test_no_surplus_means_no_plan(found):
    plan = undo(found, {"1": 0})

    assert (plan.cancel, plan.case, plan.reroute) == ((), None, False)
    assert plan.reason.code == "change_none"
