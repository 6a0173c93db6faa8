"""CANCEL: orders, lines or units of them, that we end at their channel: they do not ship, the buyer is
paid.

An order that waits for it is held as a whole, so that nobody is asked to ship it; where a place was
asked for what ends, it must have said first that it will not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.model.orders import Cancellation, CancelReason
from core.model.reasons import Reason
from core.ports import CancellationTarget
from core.rules.changes import FreeingPlan, free_units
from core.rules.effects import EffectState
from core.rules.modes import may_write
from jobs.claims import ELSEWHERE, hold_units
from jobs.endings import (
    CannotCancel,
    cancellation_of,
    ending,
    facts_of,
    key_of,
    lacking,
    live,
    text_of,
    units_named,
    wanted_by,
)
from jobs.goods import ships_through
from jobs.store.effects import Effects, Intent
from jobs.store.orders import FulfillmentRow, OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import CANCELLATIONS, Permissions
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

KIND = "cancellation"
#: The Case of one that a channel says it made, and does not show.
NOT_SHOWN = "cancellation_not_shown"
_SETTLED = (EffectState.CANCELED, EffectState.REFUSED)


class AskFirst(CannotCancel):
    """A place was asked to ship it and cannot be told by machine: a person asks there."""

    def __init__(self, name: str, one: FulfillmentRow) -> None:
        super().__init__(
            f"{one.location} was asked to ship {name}: ask it first, then say that it will not "
            f"by `lockstep withdraw {one.key} --note WHO_SAID_SO`, and cancel"
        )
        self.one = one


class TooLate(CannotCancel):
    """It was shipped, in part at least, or its place said that it will be."""


def cancel(
    tx: Tx, wiring: Wiring, name: str, reason: CancelReason, *, by: str, note: str,
    lines: Sequence[str] = (), units: Sequence[int] = (),
) -> str:  # fmt: skip
    """Have an order canceled at its channel, or these lines of it, or so many units of each.

    Its channel. Raises CannotCancel.
    """
    record = _the_one(tx, name)
    named = units_named(record, lines, units)
    wanted = cancellation_of(record, reason, named)
    want(tx, wiring, record, wanted, by=by, proposed=False)
    tx.audit(
        by, "cancel order", record.subject,
        after={"reason": str(reason), "units": {} if wanted.whole else named},
        note=note,
    )  # fmt: skip
    return record.order.channel


def want(
    tx: Tx, wiring: Wiring, record: OrderRecord, wanted: Cancellation, *, by: str, proposed: bool
) -> None:
    """Have it canceled as soon as nobody is asked to ship it. `proposed`: a person releases it first.

    Raises CannotCancel.
    """
    channel = record.order.channel
    _must_be_possible(tx, wiring, record, wanted)
    plan = undoing(wiring, record, ending(record, wanted))
    if plan.too_late:
        raise TooLate(
            f"{record.order.name} was shipped, in part at least, or will be: what is left is a return"
        )
    rows = {one.number: one for one in record.fulfillments}
    for number in plan.ask:
        raise _asking(record, rows[number])
    call_off(tx, wiring, record, plan)
    _take_back_unsent(tx, wiring, record, [rows[number] for number in plan.take_back])
    Orders(tx).end_at_channel(record.id, str(wanted.reason))
    _plan_effect(tx, wiring, record, wanted, proposed=proposed)
    reason = Reason.of("cancellation_wanted", order=record.order.name, why=_why(wanted), by=by)
    tx.decide(record.subject, reason)
    Orders(tx).decide_again([record.id])
    tx.wake("core/orders", f"{channel}/{CANCELLATIONS}")


def undoing(wiring: Wiring, record: OrderRecord, units: Mapping[str, int]) -> FreeingPlan:
    """What of it is to be undone before these units of lines end."""
    return free_units(
        [facts_of(wiring, one) for one in live(record)], lacking=lacking(record, units)
    )


def call_off(tx: Tx, wiring: Wiring, record: OrderRecord, plan: FreeingPlan) -> None:
    """Have the places told that can be told by machine."""
    for one in record.fulfillments:
        if one.number in plan.call_off:
            Parcels(tx).call_off(record.id, one.number, why="canceling")
            tx.wake(f"{ships_through(wiring, one.location)}/requests")


def _asking(record: OrderRecord, one: FulfillmentRow) -> CannotCancel:
    if one.reference == ELSEWHERE:
        return CannotCancel(
            f"{record.order.name} was handed over to {one.location} before Lockstep took over: "
            f"end it there, and at {record.order.channel}"
        )
    return AskFirst(record.order.name, one)


def _plan_effect(
    tx: Tx, wiring: Wiring, record: OrderRecord, wanted: Cancellation, *, proposed: bool
) -> None:
    effects, channel, told = Effects(tx), record.order.channel, text_of(wanted)
    key = _unused(effects, key_of(record, wanted))
    effects.plan(
        [
            Intent(
                kind=KIND,
                connection=wiring.connection_of[channel],
                scope=channel,
                subject=record.subject,
                order_id=record.id,
                number=0,
                key=key,
                request=told,
                proposed=proposed,
                told=told,
            )
        ]
    )
    effects.wish_again(key, told=told)


def _unused(effects: Effects, key: str) -> str:
    """The name, or one of its like: what was ended once and is on the order again is another deed."""
    name, number = key, 1
    while (made := effects.latest_as(name)) is not None and made.state is EffectState.DONE:
        number += 1
        name = f"{key}:{number}"
    return name


def _why(wanted: Cancellation) -> str:
    if wanted.whole:
        return str(wanted.reason)
    parts = [f"{one.line} x{one.quantity}" for one in wanted.parts]
    return f"{wanted.reason}, {', '.join([*wanted.lines, *parts])}"


def _must_be_possible(tx: Tx, wiring: Wiring, record: OrderRecord, wanted: Cancellation) -> None:
    channel, name = record.order.channel, record.order.name
    if record.replaces is not None:
        raise CannotCancel(
            f"{name} replaces what came back, and {channel} knows nothing of it: end its return, "
            "`lockstep returns cancel`"
        )
    target = wiring.connectors[wiring.connection_of[channel]]
    if not isinstance(target, CancellationTarget):
        raise CannotCancel(f"{channel} takes no cancellations from us: cancel {name} there")
    if not wanted.whole and not target.cancels_lines:
        raise CannotCancel(f"{channel} cancels only whole orders for us: cancel the lines there")
    if wanted.parts and not target.cancels_units:
        raise CannotCancel(
            f"{channel} cancels only whole lines for us: leave --units out and cancel all of the "
            f"line, or write to the buyer, and end the units at {channel} by hand"
        )
    if may_write(Permissions(tx).scope(channel, CANCELLATIONS), sku=None).reason.code == (
        "mode_observe"
    ):
        raise CannotCancel(
            f"{CANCELLATIONS} on {channel!r} are only observed: nothing would be canceled; "
            f"`lockstep mode act --channel {channel} --flow {CANCELLATIONS}` switches"
        )
    if record.order.canceled_at is not None:
        raise CannotCancel(f"{name} is canceled already")
    if record.canceling:
        raise CannotCancel(f"{name} is being canceled already, see `lockstep explain order`")
    if not wanted.whole and not ending(record, wanted):
        raise CannotCancel(f"nothing of {name} is left to be canceled")


def _take_back_unsent(
    tx: Tx, wiring: Wiring, record: OrderRecord, planned: Sequence[FulfillmentRow]
) -> None:
    """What nobody was asked for yet is asked of nobody; its units stay the order's."""
    for one in planned:
        if one.effect and not Effects(tx).cancel_unsent(one.key):
            raise CannotCancel(
                f"{one.location} is being asked to ship it at this moment; try again in a minute"
            )
    numbers = {one.number for one in planned}
    Orders(tx).cancel_fulfillments((record.id, number) for number in numbers)
    Stock(tx).release([one.id for one in record.reservations if one.fulfillment in numbers])
    hold_units(tx, wiring, Orders(tx).load([record.id]))


def keep(tx: Tx, name: str, *, by: str, note: str) -> None:
    """It is not to be canceled after all. Raises CannotCancel where that is too late."""
    record = _the_one(tx, name)
    if not record.canceling:
        raise CannotCancel(f"nobody asked to cancel {name}")
    effects = Effects(tx)
    unshown = tx.is_open(NOT_SHOWN, record.subject)
    for one in effects.of_order(record.id, KIND):
        if one.state in _SETTLED:
            continue
        if one.state is EffectState.DONE and (unshown or not wanted_by(one, record).whole):
            # An earlier one; or the channel took it and did not do it.
            continue
        if not effects.cancel_unsent(one.key):
            raise CannotCancel(f"{record.order.channel} was told already, or is being told")
    let_live(tx, record)
    tx.close_case(NOT_SHOWN, record.subject, by=by, note=note)
    tx.audit(by, "keep order", record.subject, note=note)


def _the_one(tx: Tx, name: str) -> OrderRecord:
    found = Orders(tx).load(Orders(tx).named(name))
    if len(found) != 1:
        many = ", ".join(f"{one.order.channel} {one.order.remote_id}" for one in found)
        raise CannotCancel(
            f"{name!r} is {len(found)} orders: {many}; name the one by its id"
            if found
            else f"there is no order {name!r}"
        )
    return found[0]


def let_live(tx: Tx, record: OrderRecord) -> None:
    """Nothing of it is to be ended (any more)."""
    Orders(tx).end_at_channel(record.id, None)
    Orders(tx).decide_again([record.id])
    tx.wake("core/orders")
