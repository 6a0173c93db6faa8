"""When goods that are under way come, and what is missing of those that came."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.model.inbound import InboundState, Leg
from core.rules.consignments import (
    WAY,
    LegState,
    Missing,
    Part,
    done_with,
    forecast_legs,
    leg_done,
    missing,
    observed_days,
    overdue,
    shared_out,
)
from core.rules.lead_times import lead_time

BEGAN = date(2026, 11, 2)
SEA = {Leg.READY: 10, Leg.LOADED: 3, Leg.SAILED: 4, Leg.PORT: 16, Leg.CUSTOMS: 3, Leg.RECEIVING: 4}


def days(written: dict[Leg, int]):
    return {leg: lead_time([], stated=n, assumed=n) for leg, n in written.items()}


def day(number: int) -> date:
    return BEGAN + timedelta(days=number)


def test_a_way_nobody_has_told_of_takes_what_its_legs_usually_take():
    legs = forecast_legs([], days(SEA), started=BEGAN, today=BEGAN)

    assert [one.leg for one in legs] == list(SEA)
    assert legs[-1].usual == day(sum(SEA.values()))


def test_legs_are_late_one_by_one_and_not_all_together():
    # given legs of which one in ten takes 40 % longer
    legs = forecast_legs([], days(SEA), started=BEGAN, today=BEGAN)

    # then the way is late by more than its longest leg, and by less than all of them
    slack = (legs[-1].late - legs[-1].usual).days
    each = [one.p90 - one.p50 for one in days(SEA).values()]
    assert max(each) <= slack < sum(each)


def test_a_leg_that_is_done_moves_everything_after_it():
    # given goods that were ready five days late
    done = [LegState(Leg.READY, actual=day(15))]

    legs = forecast_legs(done, days(SEA), started=BEGAN, today=day(16))

    assert legs[-1].usual == day(45)


def test_a_planned_day_is_believed_until_it_has_passed():
    # given a ship whose owner says when it arrives
    told = [LegState(Leg.SAILED, actual=day(17)), LegState(Leg.PORT, planned=day(40))]

    before = forecast_legs(told, days(SEA), started=BEGAN, today=day(20))
    after = forecast_legs(told, days(SEA), started=BEGAN, today=day(44))

    # then its word counts, and what is overdue comes today at the soonest
    assert {one.leg: one.usual for one in before}[Leg.PORT] == day(40)
    assert before[-1].usual == day(47)
    assert {one.leg: one.usual for one in after}[Leg.PORT] == day(44)


def test_legs_before_a_planned_one_are_done_by_then():
    # given goods that should take seventeen days to sail, and a ship that arrives in ten
    told = [LegState(Leg.PORT, planned=day(10))]

    legs = {
        one.leg: one.usual for one in forecast_legs(told, days(SEA), started=BEGAN, today=day(1))
    }

    assert legs[Leg.SAILED] == legs[Leg.PORT] == day(10)
    assert legs[Leg.RECEIVING] == day(17)


def test_a_leg_told_out_of_turn_ends_the_ones_before_it():
    legs = forecast_legs(
        [LegState(Leg.CUSTOMS, actual=day(30))], days(SEA), started=BEGAN, today=day(31)
    )

    assert legs[-1].usual == day(34)


@given(
    done=st.integers(0, 6),
    gaps=st.lists(st.integers(0, 30), min_size=7, max_size=7),
    ahead=st.integers(0, 60),
)
def test_days_of_a_way_never_go_back(done: int, gaps: list[int], ahead: int):
    # given the first legs of a way done, one after the other
    at, states = BEGAN, []
    for leg, gap in list(zip(WAY, gaps, strict=True))[:done]:
        at += timedelta(days=gap)
        states.append(LegState(leg, actual=at))
    today = at + timedelta(days=ahead)

    legs = forecast_legs(states, days(SEA), started=BEGAN, today=today)

    # then each leg ends no sooner than the one before, and what is to come not before today
    open_legs = [one for one in legs if WAY.index(one.leg) >= done]
    assert all(one.usual >= today for one in open_legs)
    assert [one.usual for one in legs] == sorted(one.usual for one in legs)
    assert all(one.late >= one.usual for one in legs)


def test_earlier_ways_teach_each_leg_that_lies_between_two_known_days():
    ways = [
        (BEGAN, [LegState(Leg.READY, actual=day(12)), LegState(Leg.LOADED, actual=day(14))]),
        # nobody told when these were loaded
        (BEGAN, [LegState(Leg.READY, actual=day(9)), LegState(Leg.SAILED, actual=day(20))]),
    ]

    found = observed_days(ways, SEA)

    assert found == {Leg.READY: [12, 9], Leg.LOADED: [2]}


def test_only_a_leg_that_was_planned_and_is_not_done_is_overdue():
    legs = [
        LegState(Leg.READY, planned=day(10), actual=day(14)),
        LegState(Leg.SAILED, planned=day(20)),
    ]

    assert overdue(legs, today=day(23), by=3) is None
    assert overdue(legs, today=day(24), by=3) == legs[1]
    # a later leg that is done ends it
    done = [*legs, LegState(Leg.PORT, actual=day(24))]
    assert overdue(done, today=day(30), by=3) is None


def test_units_are_missing_when_the_receiver_is_done_or_has_had_its_days():
    asked = {"sent": 100, "received": 96, "settle_days": 14, "claim_days": 60}
    seen = [LegState(Leg.DELIVERED, actual=day(0), not_before=day(-1))]

    # a receiver that is still booking in has its days
    assert missing(**asked, legs=seen, ended=False, today=day(14)) is None
    # then, or as soon as it says that it is done, they are missing, and the day is surely in time
    due = Missing(4, day(59))
    assert missing(**asked, legs=seen, ended=False, today=day(15)) == due
    assert missing(**asked, legs=seen, ended=True, today=day(2)) == due
    assert missing(**{**asked, "received": 100}, legs=seen, ended=True, today=day(90)) is None


def test_nobody_can_say_until_when_where_the_delivery_was_not_seen():
    asked = {"sent": 100, "received": 96, "settle_days": 14, "claim_days": 60, "today": day(2)}
    # heard of when it had been delivered; its end was seen, which says nothing of the delivery
    heard = [
        LegState(Leg.DELIVERED, actual=day(0)),
        LegState(Leg.RECEIVING, actual=day(1), not_before=day(1)),
    ]

    assert missing(**asked, legs=[], ended=True) == Missing(4, None)
    assert missing(**asked, legs=heard, ended=True) == Missing(4, None)
    # where nobody told of the delivery, it and the end came between the same two looks
    assert missing(**asked, legs=heard[1:], ended=True) == Missing(4, day(61))


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=4),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_shares_add_up_to_what_was_told(loads: list[tuple[int, int]], sent: int, received: int):
    parts = [Part(loaded, booked) for loaded, booked in loads]

    shares = shared_out(parts, sent=sent, received=received)

    assert sum(units for units, _ in shares) == sent
    assert sum(came for _, came in shares) == received
    assert all(units >= 0 and came >= 0 for units, came in shares)
    # what is booked stays where it is booked, as long as the receiver has that many
    if received >= sum(part.booked for part in parts):
        assert all(came >= part.booked for (_, came), part in zip(shares, parts, strict=True))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 30), st.integers(0, 30))
def test_no_unit_is_booked_twice_however_often_a_sum_goes_up_and_down(
    told: list[int], first: int, second: int
):
    # given two orders on one shipment whose received sum rises and falls
    parts = [Part(first, 0), Part(second, 0)]
    for received in told:
        shares = shared_out(parts, sent=first + second, received=received)
        parts = [
            Part(part.loaded, max(part.booked, came))
            for part, (_, came) in zip(parts, shares, strict=True)
        ]

    # then as many are booked as it ever had, no more
    assert sum(part.booked for part in parts) == max(told)


def test_a_sum_that_falls_and_comes_back_is_shared_as_before():
    parts = [Part(20, 0), Part(28, 0)]
    assert shared_out(parts, sent=48, received=0) == [(20, 0), (28, 0)]
    assert shared_out(parts, sent=10, received=0) == [(10, 0), (0, 0)]
    assert shared_out(parts, sent=48, received=48) == [(20, 20), (28, 28)]


def test_what_a_receiver_says_ends_the_legs_it_speaks_of():
    assert done_with(InboundState.PLANNED) is None
    assert done_with(InboundState.ON_THE_WAY) is Leg.LOADED
    assert done_with(InboundState.CLOSED) is Leg.RECEIVING
    # goods that are being booked in have been delivered, whoever told it
    assert leg_done([LegState(Leg.RECEIVING, actual=day(5))], Leg.DELIVERED) == day(5)
    assert leg_done([LegState(Leg.PORT, actual=day(5))], Leg.DELIVERED) is None
