"""EXCHANGES: what a buyer gets in place of what comes back: held from approval on, sent once.

A replacement is an order of ours beside the buyer's: its units are held as those of any order, it is
reviewed, routed, asked for and followed as any, and never confirmed to the channel, which knows of
none. Where the channel itself makes the exchange a line of the buyer's order, ours only holds the
units until that line is there.
"""

from __future__ import annotations

from dataclasses import replace

from core.model.money import Money
from core.model.orders import Order, OrderLine, OrderStage, PaymentStatus
from core.model.reasons import Reason
from core.model.returns import Resolution, ReturnState
from core.rules.returns import Moment
from jobs import refunds
from jobs.bought import order_of_buyer
from jobs.claims import hold_units
from jobs.naming import sold_as
from jobs.store.orders import OrderRecord, Orders, Resolved
from jobs.store.refunds import Refunds
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: What makes an order one that replaces another, in the words of a channel that says so.
REPLACES = "replaces"
_LEFT = (OrderStage.SHIPPED, OrderStage.DELIVERED)
_APPROVED = (ReturnState.EXPECTED, ReturnState.RECEIVED, ReturnState.INSPECTED, ReturnState.CLOSED)


def follow(tx: Tx, wiring: Wiring, one: ReturnRecord, record: OrderRecord) -> None:
    """Have the replacement be there, be looked at again, or be gone."""
    number = Returns(tx).replacement_of(one)
    replaced = [row for row in one.lines if row.resolution is Resolution.REPLACEMENT]
    wanted = one.state in _APPROVED and bool(replaced) and bool(missing(one))
    if one.state is ReturnState.CLOSED and not is_out(tx, one):
        # What a closed return lacks will not come, and is not replaced.
        wanted &= all(row.received >= row.quantity for row in replaced)
    if number is None:
        if wanted and one.live:
            _make(tx, wiring, one, record)
    elif not wanted:
        _take_back(tx, wiring, number)
    else:
        _follow_address(tx, wiring, number, record)
        # What it waits for may have come.
        Orders(tx).decide_again([number])
        tx.wake("core/orders")
    if wanted and one.live:
        _give_back_difference(tx, wiring, one, record)


def missing(one: ReturnRecord) -> list[str]:
    """What the channel did not make lines of its own order (yet)."""
    return [line.remote_id for line in one.exchanged if line.remote_id not in one.there]


def left(tx: Tx, one: ReturnRecord) -> bool:
    """What replaces it left the house, or is the channel's own line now."""
    if not missing(one):
        return True
    number = Returns(tx).replacement_of(one)
    return number is not None and Orders(tx).load([number])[0].stage in _LEFT


def is_out(tx: Tx, one: ReturnRecord) -> bool:
    """Somebody was asked to ship what replaces it, or may have been; or the channel has it."""
    if one.there:
        return True
    number = Returns(tx).replacement_of(one)
    if number is None:
        return False
    (record,) = Orders(tx).load([number])
    return record.stage in _LEFT or any(row.sent for row in record.fulfillments)


def _make(tx: Tx, wiring: Wiring, one: ReturnRecord, record: OrderRecord) -> None:
    order = record.order
    lines = [line for line in one.exchanged if line.remote_id not in one.there]
    remote_id = f"{order.remote_id}:{one.rma}"
    made = Order(
        channel=order.channel,
        remote_id=remote_id,
        name=f"{order.name}-{one.rma}",
        placed_at=tx.now,
        updated_at=tx.now,
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=order.test,
        currency=order.currency,
        total=None,
        lines=tuple(
            OrderLine(
                remote_id=line.remote_id,
                remote_sku=line.remote_sku,
                listing_remote_id=line.listing_remote_id,
                title=line.remote_sku,
                ordered=line.quantity,
                current=line.quantity,
                fulfilled=0,
                unit_price=line.unit_price,
                # The channel sold nothing: none of its figures lacks these units.
                taken_from=(),
            )
            for line in lines
        ),
        ship_to=order.ship_to,
        service=order.service,
        attributes={REPLACES: order.remote_id},
    )
    orders = Orders(tx)
    meant = sold_as(
        tx,
        wiring,
        order.channel,
        {line.remote_id: (line.listing_remote_id, line.remote_sku) for line in lines},
    )
    resolve = {(remote_id, line): Resolved(known.sku, known.units) for line, known in meant.items()}
    orders.record([made], resolve=resolve)
    number = orders.find(order.channel, remote_id)
    assert number is not None, remote_id
    orders.replace(number, one.id)
    hold_units(tx, wiring, orders.load([number]))
    tx.decide(record.subject, Reason.of("replacement_held", rma=one.rma, order=made.name))
    tx.wake("core/orders")


def _follow_address(tx: Tx, wiring: Wiring, number: int, record: OrderRecord) -> None:
    """Where the buyer's order goes now, what replaces it goes too."""
    (ours,) = Orders(tx).load([number])
    if record.order.ship_to in (None, ours.order.ship_to):
        return
    moved = replace(ours.order, ship_to=record.order.ship_to, updated_at=tx.now)
    resolve = {(moved.remote_id, line): known for line, known in ours.resolved.items()}
    Orders(tx).record([moved], resolve=resolve)


def _take_back(tx: Tx, wiring: Wiring, number: int) -> None:
    """Nothing replaces it any more: as an order that its channel canceled."""
    orders = Orders(tx)
    (record,) = orders.load([number])
    if record.order.canceled_at is not None:
        return
    ended = replace(record.order, canceled_at=tx.now, updated_at=tx.now)
    resolve = {(ended.remote_id, line): known for line, known in record.resolved.items()}
    orders.record([ended], resolve=resolve)
    hold_units(tx, wiring, orders.load([number]))
    tx.wake("core/orders")


# --- when it may leave, and what it costs --------------------------------------------------------


def waits(tx: Tx, wiring: Wiring, record: OrderRecord) -> list[Reason]:
    """Why a replacement may not leave yet."""
    if record.replaces is None:
        return []
    one = Returns(tx).get(record.replaces)
    if one.remote_id is not None and missing(one):
        # Sent by us it would be sent twice: the channel makes it a line of its order.
        return [
            Reason.of("exchange_open", order=record.order.name, name=one.name, channel=one.channel)
        ]
    found = []
    original = Orders(tx).load([one.order_id])[0] if one.order_id is not None else None
    late = max((row.late_days for row in one.lines), default=0)
    if late:
        found.append(Reason.of("return_late", name=one.name, rma=one.rma, days=late))
    found += _paid_for(tx, original, record)
    coming = [
        row
        for row in one.lines
        if row.resolution is Resolution.REPLACEMENT
        and row.received < row.quantity
        and refunds.terms_of(wiring, original, row.line).replace_when is not Moment.APPROVAL
    ]
    if coming:
        units = sum(row.quantity - row.received for row in coming)
        found.append(Reason.of("return_awaited", order=record.order.name, rma=one.rma, units=units))
    due = difference(one, original)
    if due is not None and due.amount > 0 and original is not None:
        waived = min(refunds.terms_of(wiring, original, row.line).waive for row in one.lines)
        if due > waived:
            found.append(
                Reason.of("difference_due", order=record.order.name, rma=one.rma, amount=str(due))
            )
    return found


def _paid_for(tx: Tx, original: OrderRecord | None, record: OrderRecord) -> list[Reason]:
    """Money that went back on the buyer's order already, for no units of it."""
    number = order_of_buyer(tx, original).id if original is not None else 0
    paid, bank = Refunds(tx).elsewhere([number]).get(number, (0, False))
    if bank:
        return [Reason.of("charged_back", order=record.order.name, amount="")]
    if paid > 0:
        amount = str(Money(paid, record.order.currency))
        return [Reason.of("paid_back", order=record.order.name, amount=amount)]
    return []


def difference(one: ReturnRecord, record: OrderRecord | None) -> Money | None:
    """What the buyer gets less what comes back for it, at the prices of both, tax left out; None:
    a price is not known, or they are in several currencies."""
    if record is None:
        return None
    prices = {line.remote_id: line.unit_price for line in record.order.lines}
    back = [
        (prices.get(row.line), row.quantity)
        for row in one.lines
        if row.resolution is Resolution.REPLACEMENT
    ]
    instead = [(line.unit_price, line.quantity) for line in one.exchanged]
    known = [price.currency for price, _ in (*back, *instead) if price is not None]
    if len(known) < len(back) + len(instead) or len(set(known)) != 1:
        return None
    total = sum(price.amount * units for price, units in instead if price) - sum(
        price.amount * units for price, units in back if price
    )
    return Money(total, known[0])


def _give_back_difference(tx: Tx, wiring: Wiring, one: ReturnRecord, record: OrderRecord) -> None:
    """What the buyer gets is cheaper: the rest is paid back, when the replacement may leave."""
    due = difference(one, record)
    if due is None or due.amount >= 0 or one.remote_id is not None:
        return
    if any(
        row.received < row.quantity
        for row in one.lines
        if refunds.terms_of(wiring, record, row.line).replace_when is not Moment.APPROVAL
    ):
        return
    refunds.want_difference(tx, one, record, Money(-due.amount, due.currency))
