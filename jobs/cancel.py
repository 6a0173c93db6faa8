"""CANCEL: orders, or lines of them, that we end at their channel: they do not ship, the buyer is paid.

An order that waits for it is held as a whole, so that nobody is asked to ship it; where a place was
asked for what ends, it must have said first that it will not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.errors import ConfigError
from core.model.fulfillment import FulfillmentState
from core.model.orders import Cancellation, CancelReason, OrderLine
from core.model.reasons import Reason
from core.ports import CancellationTarget
from core.rules.effects import cancel_key
from core.rules.modes import may_write
from jobs.claims import hold_units
from jobs.goods import can_call_off, ships_through
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.orders import FulfillmentRow, OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import CANCELLATIONS, Permissions
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

KIND = "cancellation"
_OVER = (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
LEFT = (
    FulfillmentState.PARTIALLY_SHIPPED,
    FulfillmentState.SHIPPED,
    FulfillmentState.DELIVERED,
)


class CannotCancel(ConfigError):
    """What is asked for cannot be canceled as it stands."""


class AskFirst(CannotCancel):
    """A place was asked to ship it and cannot be told by machine: a person asks there."""

    def __init__(self, name: str, one: FulfillmentRow) -> None:
        super().__init__(
            f"{one.location} was asked to ship {name}: ask it first, then say that it will not "
            f"by `lockstep withdraw {one.key} --note WHO_SAID_SO`, and cancel"
        )
        self.one = one


class TooLate(CannotCancel):
    """It was shipped, in part at least."""


def cancel(
    tx: Tx, wiring: Wiring, name: str, reason: CancelReason, *, by: str, note: str,
    lines: Sequence[str] = (),
) -> str:  # fmt: skip
    """Have an order canceled at its channel, or these lines of it. Its channel. Raises CannotCancel."""
    record = _the_one(tx, name)
    wanted = cancellation_of(record, reason, _named(record, lines))
    want(tx, wiring, record, wanted, by=by, proposed=False)
    tx.audit(
        by, "cancel order", record.subject,
        after={"reason": str(reason), "lines": [] if wanted.whole else list(wanted.lines)},
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
    asked = [one for one in touched(record, wanted) if one.sent]
    for one in asked:
        if not can_call_off(wiring, one.location):
            raise AskFirst(record.order.name, one)
    for one in asked:
        Parcels(tx).call_off(record.id, one.number, why="canceling")
        tx.wake(f"{ships_through(wiring, one.location)}/requests")
    unsent = [one for one in touched(record, wanted) if not one.sent]
    _take_back_unsent(tx, wiring, record, unsent)
    Orders(tx).end_at_channel(record.id, str(wanted.reason))
    told = json_text([str(wanted.reason), list(wanted.lines), wanted.whole])
    key = key_of(record, wanted)
    effects = Effects(tx)
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
    reason = Reason.of("cancellation_wanted", order=record.order.name, why=_why(wanted), by=by)
    tx.decide(record.subject, reason)
    Orders(tx).decide_again([record.id])
    tx.wake("core/orders", f"{channel}/{CANCELLATIONS}")


def _why(wanted: Cancellation) -> str:
    return str(wanted.reason) if wanted.whole else f"{wanted.reason}, {', '.join(wanted.lines)}"


def key_of(record: OrderRecord, wanted: Cancellation) -> str:
    """The name of the effect that makes it."""
    lines = () if wanted.whole else wanted.lines
    return cancel_key(record.order.channel, wanted.order, lines)


def wanted_by(effect: EffectRow, record: OrderRecord) -> Cancellation:
    """What an effect of this kind is to end."""
    if effect.told is None:
        # Written before lines could be ended: all of it.
        return cancellation_of(record, CancelReason(record.canceling), record.order.lines)
    reason, lines, whole = json.loads(effect.told)
    return Cancellation(record.order.remote_id, CancelReason(reason), tuple(lines), bool(whole))


def touched(record: OrderRecord, wanted: Cancellation) -> list[FulfillmentRow]:
    """What is planned, asked for or shipped of what ends."""
    return [
        one
        for one in record.fulfillments
        if one.state not in _OVER
        and not one.shadow
        and (wanted.whole or any(line in wanted.lines for line, _ in one.lines))
    ]


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
    ending = [line for line in record.order.lines if line.remote_id in wanted.lines]
    if any(one.state in LEFT for one in touched(record, wanted)) or any(
        line.fulfilled for line in (record.order.lines if wanted.whole else ending)
    ):
        raise TooLate(f"{name} was shipped, in part at least: what is left is a return")


def cancellation_of(
    record: OrderRecord, reason: CancelReason, lines: Sequence[OrderLine]
) -> Cancellation:
    """Of these lines. An order of which nothing is left without them ends as a whole."""
    ending = tuple(line.remote_id for line in lines if line.current > 0)
    rest = [one for one in record.order.lines if one.current > 0 and one.remote_id not in ending]
    return Cancellation(record.order.remote_id, reason, ending, whole=not rest)


def _named(record: OrderRecord, names: Sequence[str]) -> Sequence[OrderLine]:
    """Lines by their remote ids or Skus, all of them where none is named. Raises CannotCancel."""
    found: list[OrderLine] = []
    for name in names:
        meant = [
            line
            for line in record.order.lines
            if name in (line.remote_id, line.remote_sku, record.resolved[line.remote_id].sku)
        ]
        if len(meant) != 1:
            known = ", ".join(f"{one.remote_id} ({one.remote_sku})" for one in record.order.lines)
            raise CannotCancel(
                f"{name!r} is {len(meant)} lines of {record.order.name}; it has {known}"
            )
        if meant[0].current <= 0:
            raise CannotCancel(f"line {name!r} of {record.order.name} is canceled already")
        found += [one for one in meant if one not in found]
    return found if names else record.order.lines


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
    for one in effects.open_of(record.id, KIND):
        if not effects.cancel_unsent(one.key):
            raise CannotCancel(f"{record.order.channel} was told already, or is being told")
    let_live(tx, record)
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
