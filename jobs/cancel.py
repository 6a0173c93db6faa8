"""CANCEL: orders that a person ends at their channel: nothing of them ships, the buyer is paid back.

An order that waits to be canceled is held, so that nobody is asked to ship it; where a place was
asked already, it must have said first that it will not.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ConfigError
from core.model.cases import Case, Severity
from core.model.fulfillment import FulfillmentState
from core.model.orders import CancelReason
from core.model.reasons import Reason
from core.ports import CancellationTarget
from core.rules.effects import EffectState, EffectStep, cancel_key
from core.rules.modes import may_write
from jobs.claims import hold_units
from jobs.goods import can_call_off, ships_through
from jobs.push import CALL, carry_out, each_effect, permitted, planned_again
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.orders import FulfillmentRow, OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import CANCELLATIONS, Permissions
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

KIND = "cancellation"
_OVER = (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
_LEFT = (
    FulfillmentState.PARTIALLY_SHIPPED,
    FulfillmentState.SHIPPED,
    FulfillmentState.DELIVERED,
)


class CannotCancel(ConfigError):
    """What a person asked for cannot be canceled as it stands."""


def cancel(tx: Tx, wiring: Wiring, name: str, reason: CancelReason, *, by: str, note: str) -> str:
    """Have an order canceled at its channel, all of it. Its channel. Raises CannotCancel."""
    record = _the_one(tx, name)
    channel = record.order.channel
    if record.replaces is not None:
        raise CannotCancel(
            f"{name} replaces what came back, and {channel} knows nothing of it: end its return, "
            "`lockstep returns cancel`"
        )
    if not isinstance(wiring.connectors[wiring.connection_of[channel]], CancellationTarget):
        raise CannotCancel(f"{channel} takes no cancellations from us: cancel {name} there")
    if may_write(Permissions(tx).scope(channel, CANCELLATIONS), sku=None).reason.code == (
        "mode_observe"
    ):
        raise CannotCancel(
            f"{CANCELLATIONS} on {channel!r} are only observed: nothing would be canceled; "
            f"`lockstep mode act --channel {channel} --flow {CANCELLATIONS}` switches"
        )
    if record.order.canceled_at is not None:
        raise CannotCancel(f"{name} is canceled already")
    asked = [one for one in _live(record) if one.sent]
    if any(one.state in _LEFT for one in asked) or any(
        line.fulfilled for line in record.order.lines
    ):
        raise CannotCancel(f"{name} was shipped, in part at least: what is left is a return")
    for one in asked:
        if not can_call_off(wiring, one.location):
            raise CannotCancel(
                f"{one.location} was asked to ship {name}: ask it first, then say that it will not "
                f"by `lockstep withdraw {one.key} --note WHO_SAID_SO`, and cancel"
            )
    orders, effects = Orders(tx), Effects(tx)
    key = cancel_key(channel, record.order.remote_id)
    for one in asked:
        Parcels(tx).call_off(record.id, one.number, why="canceling")
        tx.wake(f"{ships_through(wiring, one.location)}/requests")
    _take_back_unsent(tx, wiring, record, [one for one in _live(record) if not one.sent])
    orders.end_at_channel(record.id, str(reason))
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
                request=str(reason),
            )
        ]
    )
    effects.wish_again(key)
    tx.decide(
        record.subject,
        Reason.of("cancellation_wanted", order=record.order.name, why=str(reason), by=by),
    )
    tx.audit(by, "cancel order", record.subject, after={"reason": str(reason)}, note=note)
    orders.decide_again([record.id])
    tx.wake("core/orders", f"{channel}/{CANCELLATIONS}")
    return channel


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
    key = cancel_key(record.order.channel, record.order.remote_id)
    if not record.canceling:
        raise CannotCancel(f"nobody asked to cancel {name}")
    if not Effects(tx).cancel_unsent(key):
        raise CannotCancel(f"{record.order.channel} was told already, or is being told")
    _let_live(tx, record)
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


def _live(record: OrderRecord) -> list[FulfillmentRow]:
    return [one for one in record.fulfillments if one.state not in _OVER and not one.shadow]


def _let_live(tx: Tx, record: OrderRecord) -> None:
    Orders(tx).end_at_channel(record.id, None)
    Orders(tx).decide_again([record.id])
    tx.wake("core/orders")


def push_cancellations(run: Run, channel: str) -> None:
    """Have each wanted cancellation made, once, when nobody is asked to ship any more."""
    connection = run.wiring.connection_of[channel]
    target = run.wiring.channel(channel, CancellationTarget)
    settle = run.wiring.config.channels[channel].settle

    def send(effect: EffectRow) -> None:
        if not permitted(run, effect, CANCELLATIONS):
            return
        with run.transaction() as tx:
            record = Orders(tx).load([effect.of_order])[0]
            if record.order.canceled_at is not None:
                Effects(tx).done(effect, remote_ref="canceled before")
                return
            asked = [one for one in _live(record) if one.sent]
            if any(one.state in _LEFT for one in asked):
                _too_late(tx, effect, record)
                return
            if asked or not record.canceling:
                return
            reason = CancelReason(record.canceling)
            if not Effects(tx).sending(
                effect, settle_until=tx.now + CALL + settle, fence=run.lease.fence
            ):
                return
        run.before_write(channel, CANCELLATIONS)
        remote = record.order.remote_id
        reference = carry_out(run, effect, lambda: target.push_cancellation(remote, reason))
        if reference is not None:
            canceled(effect, reference)
            return
        with run.transaction() as tx:
            if Effects(tx).get(effect.id).state is EffectState.REFUSED:
                _let_live(tx, Orders(tx).load([effect.of_order])[0])

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            record = Orders(tx).load([effect.of_order])[0]
        if target.find_cancellation(record.order.remote_id):
            canceled(effect, "found")
            return
        send(planned_again(run, effect))

    def canceled(effect: EffectRow, reference: str) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            tx.decide(effect.subject, Reason.of("cancellation_made", channel=channel))
            tx.wake(f"{channel}/orders")

    each_effect(
        run, connection, KIND, repeat_is_edit=False, staged=False,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask},
    )  # fmt: skip


def _too_late(tx: Tx, effect: EffectRow, record: OrderRecord) -> None:
    Effects(tx).refused(effect, response="shipped meanwhile")
    reason = Reason.of(
        "cancellation_too_late", order=record.order.name, channel=record.order.channel
    )
    tx.decide(effect.subject, reason)
    tx.open_case(Case("cancellation_too_late", record.subject, reason, Severity.CRITICAL))
    _let_live(tx, record)
