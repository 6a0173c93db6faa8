"""What a buyer's (or the channel's) change means for what we have already set going."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.model.cases import Case, Severity
from core.model.catalog import FulfilledBy
from core.model.fulfillment import FulfillmentState
from core.model.orders import Order
from core.model.reasons import Reason

_DEAD = frozenset({FulfillmentState.CANCELED, FulfillmentState.REJECTED})
#: Nothing more can leave: what happens to these parcels is a return's business.
_OUT = frozenset({FulfillmentState.SHIPPED, FulfillmentState.DELIVERED})
_OURS_ON_THE_CHANNEL = _OUT | {FulfillmentState.PARTIALLY_SHIPPED}


@dataclass(frozen=True, slots=True)
class FulfillmentFacts:
    number: int
    state: FulfillmentState
    #: the request may be at the place already
    sent: bool
    #: order line's remote id -> units of the line (not of components)
    units: Mapping[str, int]
    #: its place can be told not to ship it, and has not said yet that it is too late
    may_call_off: bool = False


@dataclass(frozen=True, slots=True)
class ChangePlan:
    #: numbers of fulfillments to cancel; none of them was sent
    cancel: tuple[int, ...]
    case: Case | None
    #: units are left (or new) that need a place
    reroute: bool
    reason: Reason
    #: numbers of fulfillments whose places are told not to ship: nothing else is known to be undone
    call_off: tuple[int, ...] = ()


def on_change(
    order: Order, fulfillments: Sequence[FulfillmentFacts], *, was_current: Mapping[str, int]
) -> ChangePlan:
    """Compare what the channel says now with what is planned.

    `was_current` are the current units per line when the order was last decided. Units the channel
    knows to be fulfilled beyond our own parcels were shipped by others and are wanted no more.
    """
    live = [one for one in fulfillments if one.state not in _DEAD]
    planned: Counter[str] = Counter()
    shipped: Counter[str] = Counter()
    for one in live:
        planned.update(one.units)
        if one.state in _OURS_ON_THE_CHANNEL:
            shipped.update(one.units)
    surplus: dict[str, int] = {}
    grew = False
    for line in order.lines:
        current = 0 if order.canceled_at is not None else line.current
        by_others = max(0, line.fulfilled - shipped[line.remote_id])
        over = planned[line.remote_id] - max(0, current - by_others)
        if over > 0:
            surplus[line.remote_id] = over
        ours = line.fulfilled_by is FulfilledBy.US and line.requires_shipping
        grew = grew or (ours and current > was_current.get(line.remote_id, 0))
    subject = f"order {order.channel} {order.remote_id}"
    plan = on_surplus(live, surplus=surplus, subject=subject, order=order.name)
    if not grew:
        return plan
    reason = plan.reason
    if not surplus:
        reason = Reason.of("change_more_units", order=order.name)
    return ChangePlan(plan.cancel, plan.case, True, reason, plan.call_off)


def on_surplus(
    fulfillments: Sequence[FulfillmentFacts],
    *,
    surplus: Mapping[str, int],
    subject: str,
    order: str,
) -> ChangePlan:
    """Undo what is not sent, ask a person about what is.

    `surplus` maps an order line to units that are planned but wanted no more; `subject` names the
    order for the Case, `order` is what people call it. The newest fulfillments are canceled first,
    and only as many as the surplus needs.
    """
    left = Counter({line: units for line, units in surplus.items() if units > 0})
    if not left:
        return ChangePlan((), None, False, Reason.of("change_none", order=order))
    total = left.total()
    newest_first = sorted(
        (one for one in fulfillments if one.state not in _DEAD), key=lambda one: -one.number
    )
    cancel: list[int] = []
    reroute = False
    for one in newest_first:
        if not one.sent and _overlap(one, left):
            cancel.append(one.number)
            reroute = reroute or any(units > left[line] for line, units in one.units.items())
            left -= Counter(one.units)
    doubtful = [
        one for one in newest_first if one.sent and one.state not in _OUT and _overlap(one, left)
    ]
    called_off = tuple(sorted(one.number for one in doubtful if one.may_call_off))
    doubtful = [one for one in doubtful if not one.may_call_off]
    may_ship = sum((Counter(one.units) for one in doubtful), Counter[str]()) & left
    case = _case(doubtful, may_ship, subject=subject, order=order) if may_ship else None
    if cancel:
        count = total - left.total()
        reason = Reason.of("canceled_before_request", order=order, quantity=count)
    elif case:
        reason = case.reason
    elif called_off:
        reason = Reason.of("called_off", order=order, quantity=total)
    else:
        reason = Reason.of("changed_after_shipping", order=order, quantity=total)
    return ChangePlan(tuple(sorted(cancel)), case, reroute, reason, called_off)


def _overlap(one: FulfillmentFacts, left: Mapping[str, int]) -> bool:
    return any(units > 0 and left.get(line, 0) > 0 for line, units in one.units.items())


def _case(
    doubtful: Sequence[FulfillmentFacts], may_ship: Counter[str], *, subject: str, order: str
) -> Case:
    reason = Reason.of(
        "canceled_after_request",
        order=order,
        quantity=may_ship.total(),
        units=", ".join(f"{line} x{units}" for line, units in sorted(may_ship.items())),
        requests=", ".join(f"F{number}" for number in sorted(one.number for one in doubtful)),
    )
    return Case("canceled_after_request", subject, reason, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class FreeingPlan:
    """What must be undone before units can end at the channel."""

    #: numbers of fulfillments that nobody was asked for yet
    take_back: tuple[int, ...] = ()
    #: numbers of those whose places are told not to ship
    call_off: tuple[int, ...] = ()
    #: numbers of those whose places only a person can ask
    ask: tuple[int, ...] = ()
    #: line -> units that will ship, or did, whatever is undone
    too_late: Mapping[str, int] = field(default_factory=dict)


def free_units(
    fulfillments: Sequence[FulfillmentFacts], *, lacking: Mapping[str, int]
) -> FreeingPlan:
    """Undo as little as frees these units (line -> units) of what is planned and asked for.

    What nobody was asked for comes first, then what can be told by machine, each the newest first.
    `units` of a fulfillment are those that can still be kept from shipping.
    """
    left = +Counter(lacking)
    newest_first = sorted(
        (one for one in fulfillments if one.state not in _DEAD | _OUT),
        key=lambda one: -one.number,
    )
    take_back = _covering((one for one in newest_first if not one.sent), left)
    call_off = _covering((one for one in newest_first if one.sent and one.may_call_off), left)
    ask = _covering((one for one in newest_first if one.sent and not one.may_call_off), left)
    return FreeingPlan(take_back, call_off, ask, dict(+left))


def _covering(some: Iterable[FulfillmentFacts], left: Counter[str]) -> tuple[int, ...]:
    """Numbers of those that are needed; what they hold is taken from `left`."""
    numbers = []
    for one in some:
        if _overlap(one, left):
            numbers.append(one.number)
            left.subtract({line: min(units, left[line]) for line, units in one.units.items()})
    return tuple(sorted(numbers))
