"""When goods that are under way will be here, and what is missing of those that came.

A leg takes so many days from the end of the one before it: half of the times at most `p50`, nine
times of ten at most `p90`. Legs are late independently of one another, so their delays beyond the
usual add up as their squares do; adding the worst of each would expect a ship that never sails.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.model.demand import LeadTime
from core.model.inbound import InboundState, Leg

_DAY = timedelta(days=1)
#: Legs in the order of the way.
WAY = tuple(Leg)
#: The last leg that is surely done when a receiver says this.
_DONE_WITH = {
    InboundState.ON_THE_WAY: Leg.LOADED,
    InboundState.DELIVERED: Leg.DELIVERED,
    InboundState.RECEIVING: Leg.DELIVERED,
    InboundState.CLOSED: Leg.RECEIVING,
}


@dataclass(frozen=True, slots=True)
class LegState:
    """One leg of one consignment."""

    leg: Leg
    #: what somebody said: the forwarder, the carrier; None: nobody did
    planned: date | None = None
    actual: date | None = None
    #: the earliest day it can have been done; None: nobody saw when that was
    not_before: date | None = None


@dataclass(frozen=True, slots=True)
class LegForecast:
    """One leg with the day it is done, or is expected to be done."""

    leg: Leg
    planned: date | None
    actual: date | None
    #: days it takes; None for legs this way does not have
    days: LeadTime | None
    #: half of the times it is done by then, nine times of ten by `late`
    usual: date
    late: date


def forecast_legs(
    legs: Sequence[LegState], days: Mapping[Leg, LeadTime], *, started: date, today: date
) -> tuple[LegForecast, ...]:
    """Every leg of the way, those that are done with their day, the others with when they will be.

    `days` names the legs this way has. What is done ends the legs before it, told or not. A planned
    day is believed over the average as long as it is still to come; what is overdue is expected
    today at the soonest.
    """
    known = {one.leg: one for one in legs}
    wanted = [leg for leg in WAY if leg in days or leg in known]
    reached = max((WAY.index(one.leg) for one in legs if one.actual), default=-1)
    made: list[LegForecast] = []
    usual, slack = started, 0.0
    for leg in wanted:
        state = known.get(leg, LegState(leg))
        takes = days.get(leg)
        if WAY.index(leg) <= reached:
            usual, slack = state.actual or usual, 0.0
        else:
            after = max(usual + _DAY * (takes.p50 if takes else 0), today)
            usual = state.planned if state.planned and state.planned >= today else after
            slack = math.hypot(slack, takes.p90 - takes.p50 if takes else 0)
        late = usual + _DAY * math.ceil(slack - 1e-9)
        made.append(LegForecast(leg, state.planned, state.actual, takes, usual, late))
    # Who says when the ship arrives says, too, that the legs before that are done by then.
    for index in range(len(made) - 2, -1, -1):
        if WAY.index(made[index].leg) > reached and made[index].usual > made[index + 1].usual:
            made[index] = replace(made[index], usual=made[index + 1].usual)
    return tuple(made)


def observed_days(
    ways: Sequence[tuple[date, Sequence[LegState]]], legs: Iterable[Leg]
) -> dict[Leg, list[int]]:
    """Days that each of these legs took on earlier ways (the day one began, what is known of it).

    Only a leg that follows a known day tells: two days with one leg between them.
    """
    found: dict[Leg, list[int]] = {}
    wanted = sorted(set(legs), key=WAY.index)
    for started, way in ways:
        done = {one.leg: one.actual for one in way}
        before: date | None = started
        for leg in wanted:
            end = done.get(leg)
            if before is not None and end is not None:
                found.setdefault(leg, []).append(max(0, (end - before).days))
            before = end
    return found


def overdue(legs: Sequence[LegState], *, today: date, by: int) -> LegState | None:
    """The first leg that was planned for more than `by` days ago and is not done; None: none is."""
    reached = max((WAY.index(one.leg) for one in legs if one.actual), default=-1)
    for one in sorted(legs, key=lambda state: WAY.index(state.leg)):
        waits = WAY.index(one.leg) > reached and one.planned is not None
        if waits and one.planned and one.planned + _DAY * by < today:
            return one
    return None


def done_with(state: InboundState) -> Leg | None:
    """The last leg that is done when a receiver says this; None: it does not tell."""
    return _DONE_WITH.get(state)


def leg_done(legs: Sequence[LegState], leg: Leg) -> date | None:
    """The day this leg, or a later one, was done; None: it is not."""
    days = [one.actual for one in legs if one.actual and WAY.index(one.leg) >= WAY.index(leg)]
    return min(days, default=None)


def delivered_not_before(legs: Sequence[LegState]) -> date | None:
    """The earliest day the goods can have been delivered; None: nobody saw when that was.

    Where only a later leg is known, what was seen of that one tells: the delivery and it came
    between the same two looks.
    """
    done = [one for one in legs if one.actual and WAY.index(one.leg) >= WAY.index(Leg.DELIVERED)]
    first = min(done, key=lambda one: WAY.index(one.leg), default=None)
    return first.not_before if first else None


@dataclass(frozen=True, slots=True)
class Missing:
    """Units that were sent and not received, and until when somebody can be asked for them."""

    units: int
    #: the last day that is surely in time; None: nobody knows when they were delivered
    claim_by: date | None


def missing(
    *, sent: int, received: int, legs: Sequence[LegState], ended: bool,
    settle_days: int, claim_days: int, today: date,
) -> Missing | None:  # fmt: skip
    """What is missing of a consignment; None: nothing, or it is too soon to say.

    Receivers book goods in for days: until they say that they are done, `settle_days` after the
    delivery pass first. A claim may be made for `claim_days` after the delivery: counted from the
    earliest day it can have been, for a claim a day late is no claim.
    """
    if received >= sent:
        return None
    delivered = leg_done(legs, Leg.DELIVERED)
    waited = delivered is not None and delivered + _DAY * settle_days < today
    if not ended and not waited:
        return None
    since = delivered_not_before(legs)
    return Missing(sent - received, since + _DAY * claim_days if since else None)


# --- what a receiver tells, shared out ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """What one order, transfer, or nobody put on a consignment of one Sku."""

    #: units that were put on it; 0: only the receiver speaks of them
    loaded: int
    #: units our books took in by it
    booked: int


def shared_out(parts: Sequence[Part], *, sent: int, received: int) -> list[tuple[int, int]]:
    """(units sent, units received) of each part, where a receiver tells only their sums.

    A function of the sums and of what is booked alone, so that a report told again, in whatever
    order, never books a unit under a second order. What was received is first what is booked, then
    fills each part in turn; what is beyond goes to the last. Where the receiver takes units off
    again, the last part loses them first.
    """
    got = [part.booked for part in parts]
    rest = received - sum(got)
    for index, part in enumerate(parts):
        more = max(0, min(rest, part.loaded - part.booked))
        got[index] += more
        rest -= more
    for index in reversed(range(len(parts))):
        change = max(rest, -got[index])
        got[index] += change
        rest -= change
    units = [0] * len(parts)
    rest = sent
    for upto in (got, [part.loaded for part in parts]):
        for index, most in enumerate(upto):
            more = max(0, min(rest, most - units[index]))
            units[index] += more
            rest -= more
    units[-1] += rest
    return list(zip(units, got, strict=True))
