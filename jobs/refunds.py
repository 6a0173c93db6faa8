"""REFUNDS: what buyers are to be paid back, decided once; and what was paid back elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from core.errors import ConfigError
from core.model.cases import Case, Severity
from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import (
    Disposition,
    Refund,
    RefundedLine,
    RefundRequest,
    RefundState,
    Resolution,
    ReturnState,
)
from core.ports import SubmissionTarget
from core.rules.effects import EffectState, cancel_key, refund_key
from core.rules.modes import Permission, may_write
from core.rules.returns import Moment, ReturnTerms, reduced
from jobs.bought import as_bought, line_of_buyer, order_of_buyer, returns_of
from jobs.store.effects import Effects, Intent
from jobs.store.orders import OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import REFUNDS, Permissions
from jobs.store.refunds import RefundLineRow, RefundRow, Refunds
from jobs.store.returns import ReturnLineRow, ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

KIND = "refund"
#: What the Effect of a payment is answered with that is known by the channel showing it alone.
SHOWN = "shown"
#: Of an Effect that may have been carried out.
_IN_FLIGHT = (
    EffectState.SENDING,
    EffectState.UNKNOWN,
    EffectState.ACCEPTED,
    EffectState.PARKED,
)
#: Clocks differ: a payment is not of before it was asked for, give or take this.
_EARLIER = timedelta(minutes=5)
TO_APPROVE = "refund_to_approve"


#: Not paid, and not refused.
_UNDECIDED = (RefundState.WANTED, RefundState.PROPOSED, RefundState.APPROVED)
#: Nothing is due for a return that stands there.
_NOT_DUE = (
    ReturnState.REQUESTED,
    ReturnState.DISPUTED,
    ReturnState.DECLINED,
    ReturnState.CANCELED,
)
#: Effects that were carried out, or may be.
_TAKEN = (
    EffectState.SENDING,
    EffectState.UNKNOWN,
    EffectState.ACCEPTED,
    EffectState.DONE,
    EffectState.PARKED,
)


class NoRefund(ConfigError):
    """What a person asked for cannot be done with a refund."""


def terms_of(wiring: Wiring, record: OrderRecord | None, line: str) -> ReturnTerms:
    """What holds for the goods of an order line that come back."""
    resolved = record.resolved.get(line) if record else None
    channel = record.order.channel if record else ""
    return wiring.loaded.returns.of(resolved.sku if resolved else None, channel)


# --- what is due ---------------------------------------------------------------------------------


def want(tx: Tx, wiring: Wiring, one: ReturnRecord, record: OrderRecord) -> bool:
    """Have wanted what is due for a return now, no more and no less.

    What was wanted and is not due any more is withdrawn. False: some of that is on its way already.
    """
    gone = True
    if any(_over(wiring, one, record, row) for row in one.lines):
        gone = withdraw(tx, one)
        one = Returns(tx).get(one.id)
    lines = [
        RefundLineRow(row.line, units, Money(0, record.order.currency), row.place, found, one.id)
        for row in one.lines
        for found, units in _missing(row, _due(wiring, one, record, row))
    ]
    bought = as_bought(tx, record, lines)
    if bought:
        _add(tx, order_of_buyer(tx, record), "return", bought, settles=one)
    return gone


def _due(
    wiring: Wiring, one: ReturnRecord, record: OrderRecord, row: ReturnLineRow
) -> dict[Disposition | None, int]:
    """What was found (None: nobody looked, or need not) -> units that money is due for by now."""
    if row.resolution is not Resolution.REFUND or not row.line or one.state in _NOT_DUE:
        return {}
    when = terms_of(wiring, record, row.line).refund_when
    if when is Moment.INSPECTION:
        seen: dict[Disposition | None, int] = {}
        for what, units in row.found.items():
            seen[what] = units
        return seen
    # What a closed return lacks will not come.
    expected = when is Moment.APPROVAL and one.state is not ReturnState.CLOSED
    return {None: row.quantity if expected else row.received}


def _over(wiring: Wiring, one: ReturnRecord, record: OrderRecord, row: ReturnLineRow) -> bool:
    """More of it is wanted, or paid, than is due."""
    return sum(row.refunding.values()) > sum(_due(wiring, one, record, row).values())


def _missing(
    row: ReturnLineRow, due: Mapping[Disposition | None, int]
) -> list[tuple[Disposition | None, int]]:
    """What is due and in no refund yet; what was paid without a look counts for any of it."""
    left = sum(due.values()) - sum(row.refunding.values())
    found: list[tuple[Disposition | None, int]] = []
    for what, units in due.items():
        lacking = min(left, units - row.refunding.get(what, 0))
        if lacking > 0:
            found.append((what, lacking))
            left -= lacking
    return found


def still_due(tx: Tx, wiring: Wiring, row: RefundRow) -> bool:
    """Whether it may be paid as things stand now: nobody paid for its units meanwhile, and its
    return was not taken back."""
    if row.return_id is None or row.order_id is None:
        return True
    one = Returns(tx).get(row.return_id)
    if row.cause == "difference":
        return one.state not in _NOT_DUE and any(
            line.resolution is Resolution.REPLACEMENT for line in one.lines
        )
    # Its own order: what replaces goods is paid back on the order that was paid for.
    (record,) = Orders(tx).load([one.order_id or row.order_id])
    places = {line.return_place for line in row.lines}
    return not any(_over(wiring, one, record, line) for line in one.lines if line.place in places)


def want_difference(tx: Tx, one: ReturnRecord, record: OrderRecord, amount: Money) -> None:
    """What the buyer gets instead is cheaper by so much."""
    if any(
        row.cause == "difference" and row.state is not RefundState.WITHDRAWN
        for row in Refunds(tx).of_return(one.id)
    ):
        return
    line = next(row.line for row in one.lines if row.resolution is Resolution.REPLACEMENT)
    paid = RefundLineRow(line_of_buyer(tx, record, line), 0, amount)
    _add(tx, order_of_buyer(tx, record), "difference", [paid], settles=one)


def want_money(
    tx: Tx, record: OrderRecord, line: str, amount: Money, *, by: str, note: str
) -> RefundRow:
    """A person wants money paid back without goods coming: it waits as any refund. Raises NoRefund."""
    _permission(tx, record.order.channel)
    if amount.amount <= 0 or amount.currency != record.order.currency:
        raise NoRefund(f"say how much, in {record.order.currency}: --amount 10.00")
    if record.replaces is not None:
        raise NoRefund(f"{record.order.name} replaces what came back: nobody paid for it")
    lines = {one.remote_id: one.remote_sku for one in record.order.lines}
    named = [name for name, sku in lines.items() if line in (name, sku)] or list(lines)[:1]
    if (line and line not in (*lines, *lines.values())) or len(named) != 1:
        raise NoRefund(f"{line!r} is no one line of {record.order.name}; it has {', '.join(lines)}")
    (line,) = named
    made = _add(tx, record, "goodwill", [RefundLineRow(line, 0, amount)], by=by, note=note)
    tx.audit(by, "want refund", record.subject, after={"amount": str(amount)}, note=note)
    return made


def _add(
    tx: Tx, record: OrderRecord, cause: str, lines: Sequence[RefundLineRow], *,
    settles: ReturnRecord | None = None, by: str | None = None, note: str = "",
) -> RefundRow:  # fmt: skip
    channel, order = record.order.channel, record.order.remote_id
    nothing = Money(0, record.order.currency)
    refunds = Refunds(tx)
    number = refunds.next_number(channel, order)
    what = json_text(
        [
            cause,
            settles.rma if settles else note,
            [
                [one.line, one.quantity, one.amount.amount, one.return_place, str(one.found or "")]
                for one in lines
            ],
        ]
    )
    made = refunds.add(
        channel=channel, order=order, order_id=record.id, number=number, state=RefundState.WANTED,
        cause=cause, lines=lines, shipping=nothing,
        total=sum((one.amount for one in lines), nothing),
        key=refund_key(channel, order, number, what),
        return_id=settles.id if settles else None, by=by, note=note,
    )  # fmt: skip
    tx.wake(f"{channel}/refunds")
    return made


def withdraw(tx: Tx, one: ReturnRecord) -> bool:
    """What was wanted for it is not to be paid. False: some of it was, or is on its way."""
    gone = True
    for row in Refunds(tx).of_return(one.id):
        if row.return_id == one.id and row.state in _UNDECIDED:
            gone &= withdraw_one(tx, row)
    return gone


def withdraw_one(tx: Tx, row: RefundRow) -> bool:
    """It is not to be paid. False: it is on its way already."""
    if row.state is RefundState.APPROVED and not Effects(tx).cancel_unsent(row.key or ""):
        return False
    Refunds(tx).mark(row, state=str(RefundState.WITHDRAWN))
    tx.close_case(TO_APPROVE, row.subject)
    return True


# --- approved ------------------------------------------------------------------------------------


def _permission(tx: Tx, channel: str) -> Permission:
    """Raises NoRefund where nothing would be paid."""
    permission = may_write(Permissions(tx).scope(channel, REFUNDS), sku=None)
    if permission.reason.code == "mode_observe":
        raise NoRefund(
            f"{REFUNDS} on {channel!r} are only observed: nothing would be paid back; "
            f"`lockstep mode act --channel {channel} --flow {REFUNDS}` switches"
        )
    return permission


def approve(
    tx: Tx, wiring: Wiring, number: int, *, by: str, note: str, amount: Money | None = None
) -> RefundRow:
    """A person says that it is to be paid, or that so much of it is; what is not due any more is
    withdrawn instead. Raises NoRefund."""
    row = _waiting(tx, number, RefundState.PROPOSED)
    _permission(tx, row.channel)
    if not still_due(tx, wiring, row):
        # Not by raising: with the transaction the withdrawal would be undone, and its Case stay open.
        withdraw_one(tx, row)
        tx.decide(f"order {row.channel} {row.order}", Reason.of("refund_withdrawn", number=row.id))
        return replace(row, state=RefundState.WITHDRAWN)
    if amount is not None:
        if not Money(0, row.total.currency) < amount <= row.total:
            raise NoRefund(f"refund {number} is {row.total}: approve that, or less of it")
        lines = [RefundedLine(one.line, one.quantity, one.amount) for one in row.lines]
        cut, shipping = reduced(lines, row.shipping, to=amount)
        row = Refunds(tx).decide(
            row, RefundState.PROPOSED, shipping=shipping, total=amount, why=row.why,
            lines=[
                replace(one, amount=less.amount)
                for one, less in zip(row.lines, cut, strict=True)
            ],
        )  # fmt: skip
    tx.close_case(TO_APPROVE, row.subject, by=by, note=note)
    tx.audit(by, "approve refund", row.subject, after={"amount": str(row.total)}, note=note)
    return carry_on(tx, wiring, row, by=by)


def refuse(tx: Tx, number: int, *, by: str, note: str) -> RefundRow:
    """A person says that it is not to be paid. Its units are settled by that. Raises NoRefund."""
    row = _waiting(tx, number, RefundState.PROPOSED, RefundState.WANTED)
    tx.close_case(TO_APPROVE, row.subject, by=by, note=note)
    tx.audit(by, "refuse refund", row.subject, note=note)
    return Refunds(tx).mark(row, state=str(RefundState.DECLINED), decided_by=by, note=note)


def again(tx: Tx, number: int, *, by: str, note: str) -> RefundRow:
    """What the channel refused is wanted afresh, under a new number. Raises NoRefund."""
    row = _waiting(tx, number, RefundState.REFUSED)
    tx.close_case("refund_refused", row.subject, by=by, note=note)
    tx.audit(by, "want refund again", row.subject, note=note)
    Refunds(tx).mark(row, state=str(RefundState.WITHDRAWN), decided_by=by, note=note)
    assert row.order_id is not None, row.subject
    (record,) = Orders(tx).load([row.order_id])
    settles = Returns(tx).get(row.return_id) if row.return_id is not None else None
    nothing = Money(0, row.total.currency)
    lines = [replace(one, amount=nothing) if one.quantity else one for one in row.lines]
    return _add(tx, record, row.cause, lines, settles=settles, by=by, note=note)


def _waiting(tx: Tx, number: int, *states: RefundState) -> RefundRow:
    """The row, kept from others until the end of the transaction. Raises NoRefund."""
    row = Refunds(tx).get(number)
    Orders(tx).lock(row.order_id if row else None)
    row = Refunds(tx).get(number)
    if row is None:
        raise NoRefund(f"there is no refund {number}; `lockstep refunds list` shows all")
    if row.state not in states:
        raise NoRefund(f"refund {number} is {row.state}: nothing is to be decided")
    return row


def carry_on(tx: Tx, wiring: Wiring, row: RefundRow, *, by: str | None) -> RefundRow:
    """It is decided: from here on it is paid once."""
    assert row.key is not None, row.subject
    permission = may_write(Permissions(tx).scope(row.channel, REFUNDS), sku=None)
    text = told(request_of(tx, row))
    Effects(tx).plan(
        [
            Intent(
                kind=KIND,
                connection=wiring.connection_of[row.channel],
                scope=row.channel,
                subject=f"order {row.channel} {row.order}",
                order_id=row.order_id,
                number=row.number,
                key=row.key,
                request=text,
                told=text,
                proposed=permission.reason.code == "mode_propose",
            )
        ]
    )
    tx.decide(
        f"order {row.channel} {row.order}",
        Reason.of("refund_approved", number=row.id, amount=str(row.total), by=by or "rules"),
    )
    tx.wake(f"{row.channel}/refunds")
    return Refunds(tx).mark(row, state=str(RefundState.APPROVED), decided_by=by)


def request_of(tx: Tx, row: RefundRow) -> RefundRequest:
    """What the channel is asked for; lines of the same order line are one."""
    units, money = Counter[str](), dict[str, Money]()
    for one in row.lines:
        units[one.line] += one.quantity
        money[one.line] = money.get(one.line, Money(0, one.amount.currency)) + one.amount
    settled = Returns(tx).get(row.return_id) if row.return_id is not None else None
    return RefundRequest(
        order=row.order,
        lines=tuple(RefundedLine(line, units[line], amount) for line, amount in money.items()),
        shipping=row.shipping,
        total=row.total,
        return_remote_id=(settled.remote_id or "") if settled else "",
        note=settled.rma if settled else "",
    )


def told(one: RefundRequest) -> str:
    """A request in a stable text: what is sent is what was decided, whatever happens in between."""
    return json_text(
        {
            "order": one.order,
            "lines": [[line.line, line.quantity, line.amount.amount] for line in one.lines],
            "shipping": one.shipping.amount,
            "total": one.total.amount,
            "currency": one.total.currency,
            "return": one.return_remote_id,
            "note": one.note,
        }
    )


# --- paid ----------------------------------------------------------------------------------------


def paid(tx: Tx, row: RefundRow, reference: str) -> None:
    """The channel paid it."""
    refunds = Refunds(tx)
    twin = refunds.known(row.channel, reference)
    if twin is not None and twin.id != row.id:
        # It was pulled before the answer to our call came.
        refunds.drop(twin)
    refunds.mark(row, state=str(RefundState.MADE), remote_id=reference, made_at=tx.now)
    tx.decide(
        f"order {row.channel} {row.order}",
        Reason.of("refund_made", channel=row.channel, amount=str(row.total), number=row.id),
    )


def record_refund(tx: Tx, wiring: Wiring, one: Refund) -> list[int]:
    """What the channel says it paid; the returns it changes something for."""
    refunds = Refunds(tx)
    Orders(tx).lock(Orders(tx).find(one.channel, one.order))
    ours = refunds.keyed(one.key) if one.key else None
    if ours is not None:
        if ours.state is not RefundState.MADE:
            paid(tx, ours, one.remote_id)
        if one.total != ours.total:
            reason = Reason.of(
                "refund_differs", number=ours.id, wanted=str(ours.total), made=str(one.total)
            )
            tx.open_case(Case("refund_differs", ours.subject, reason, Severity.WARNING), once=True)
        return [ours.return_id] if ours.return_id is not None else []
    if refunds.known(one.channel, one.remote_id) is not None:
        return []
    ours = _told_without_key(tx, wiring, one)
    if ours is not None:
        _is_shown(tx, ours, one)
        return [ours.return_id] if ours.return_id is not None else []
    order_id = Orders(tx).find(one.channel, one.order)
    # Of units that were canceled nothing left, so that nothing of theirs comes back.
    canceled = bool(one.key) and _by_our_cancellation(tx, one)
    lines = _against(tx, None if canceled else order_id, one)
    touched = sorted({line.return_id for line in lines if line.return_id is not None})
    canceled = canceled or (not touched and not one.chargeback and _by_our_cancellation(tx, one))
    refunds.add(
        channel=one.channel, order=one.order, order_id=order_id,
        number=refunds.next_number(one.channel, one.order), state=RefundState.MADE,
        cause="cancellation" if canceled else "elsewhere", lines=lines, shipping=_rest(one),
        total=one.total, remote_id=one.remote_id, made_at=one.made_at, chargeback=one.chargeback,
        return_id=touched[0] if touched else None,
    )  # fmt: skip
    subject = f"order {one.channel} {one.order}"
    if canceled:
        look_for_sent(tx, Orders(tx).load([order_id] if order_id is not None else []))
        return []
    if one.chargeback:
        reason = Reason.of("charged_back", order=one.order, amount=str(one.total))
        tx.open_case(Case("charged_back", subject, reason, Severity.CRITICAL))
    else:
        reason = Reason.of("refund_elsewhere", channel=one.channel, amount=str(one.total))
    tx.decide(subject, reason)
    if order_id is None:
        return touched
    # What is paid back is not to be sent any more, nor is what replaces it.
    Orders(tx).decide_again([order_id])
    tx.wake("core/orders")
    for number in touched:
        settled = Returns(tx).get(number)
        (record,) = Orders(tx).load([settled.order_id or order_id])
        # Whatever of ours is not sent is withdrawn; what may be on its way is a Case until it is known.
        if not want(tx, wiring, settled, record):
            twice = Reason.of(
                "refunded_twice", rma=settled.rma, order=one.order, amount=str(one.total)
            )
            tx.open_case(Case("refunded_twice", settled.subject, twice, Severity.CRITICAL))
    return touched or [row.id for row in Returns(tx).of_order(order_id)]


def look_for_sent(tx: Tx, records: Sequence[OrderRecord]) -> None:
    """A Case for units that were paid back as canceled, and were sent all the same.

    Who pays back at Shopify states no count of what was sent so far (`refundCreate` compares nothing):
    units that somebody fulfills between our look and our write are both. What the channel shows
    afterwards tells: more left, and were canceled, than were bought.
    """
    ended = Refunds(tx).ended([record.id for record in records])
    for record in records:
        both: dict[str, int] = {}
        amount = Money(0, record.order.currency)
        for line in record.order.lines:
            units, money = ended.get(record.id, {}).get(line.remote_id, (0, amount))
            over = min(units, line.fulfilled + line.returned + units - line.ordered)
            if units and over > 0:
                both[line.remote_id] = over
                amount += Money(money.amount * over // units, money.currency)
        if both:
            _tell_sent(tx, record, both, amount)


def _tell_sent(tx: Tx, record: OrderRecord, both: Mapping[str, int], amount: Money) -> None:
    code = "paid_back_and_sent"
    parcels = [" ".join(one) for one in Parcels(tx).with_lines(record.id, both)]
    args: dict[str, str | int] = {
        "order": record.order.name, "channel": record.order.channel, "units": sum(both.values()),
        "amount": str(amount),
    }  # fmt: skip
    if parcels:
        reason = Reason.of("paid_back_and_sent", parcels=", ".join(parcels), **args)
    else:
        reason = Reason.of("paid_back_and_sent_there", **args)
    if not tx.is_open(code, record.subject):
        tx.decide(record.subject, reason)
    tx.open_case(Case(code, record.subject, reason, Severity.CRITICAL), once=True)


def _by_our_cancellation(tx: Tx, one: Refund) -> bool:
    """A cancellation that we pushed, of lines or of all, pays back as well."""
    for key in (one.key, cancel_key(one.channel, one.order)):
        sent = Effects(tx).latest_as(key) if key else None
        if sent is not None and sent.state in _TAKEN:
            return True
    return False


def _rest(one: Refund) -> Money:
    """What of it was for no line: shipping, and whatever else."""
    lines = sum(line.amount.amount for line in one.lines)
    return Money(max(0, one.total.amount - lines), one.total.currency)


def _against(tx: Tx, order_id: int | None, one: Refund) -> list[RefundLineRow]:
    """Its lines, each with the line of the return it settles, as far as that can be told.

    Returns it names come first, then those that are still open; what was declined or canceled is
    settled by a payment only where that names it. Units that never left settle none.
    """
    found = returns_of(tx, order_id) if order_id is not None else []
    named = [each for each in found if each.remote_id == one.return_remote_id != ""]
    over = (ReturnState.DECLINED, ReturnState.CANCELED)
    others = [each for each in found if each not in named and each.state not in over]
    others.sort(key=lambda each: (not each.live, each.order_id == order_id, each.id))
    left = Counter[tuple[int, int, str]]()
    for each in (*named, *others):
        for row in each.lines:
            for paid in _paid_as(tx, order_id, each, row):
                left[each.id, row.place, paid.line] += paid.quantity
    made: list[RefundLineRow] = []
    for line in one.lines:
        units, rest = line.quantity, line.amount.amount
        settling = units - _never_left(tx, order_id, line)
        for each in (*named, *others):
            for row in each.lines:
                taken = min(units, settling, left[each.id, row.place, line.line])
                if taken <= 0:
                    continue
                left[each.id, row.place, line.line] -= taken
                units, settling = units - taken, settling - taken
                part = line.amount.amount * taken // line.quantity
                rest -= part
                made.append(
                    RefundLineRow(
                        line.line,
                        taken,
                        Money(part, line.amount.currency),
                        row.place,
                        None,
                        each.id,
                    )
                )
        if units or not line.quantity:
            made.append(RefundLineRow(line.line, units, Money(rest, line.amount.currency)))
        elif made and rest:
            made[-1] = replace(made[-1], amount=made[-1].amount + Money(rest, line.amount.currency))
    return made


def _never_left(tx: Tx, order_id: int | None, line: RefundedLine) -> int:
    """Units of what is told as canceled that can be: nothing keeps a person from telling so of units
    that left, and what a buyer holds in hand is not paid back twice."""
    if not line.canceled or order_id is None:
        return 0
    (record,) = Orders(tx).load([order_id])
    bought = next((one for one in record.order.lines if one.remote_id == line.line), None)
    if bought is None:
        return 0
    gone = max(record.shipped.get(line.line, 0), bought.fulfilled + bought.returned)
    before = sum(
        part.quantity
        for row in Refunds(tx).of_order(order_id)
        if row.state is RefundState.MADE
        for part in row.lines
        if part.line == line.line and part.return_id is None
    )
    return max(0, min(line.quantity, bought.ordered - gone - before))


def _paid_as(
    tx: Tx, order_id: int | None, each: ReturnRecord, row: ReturnLineRow
) -> list[RefundLineRow]:
    """Units of a row that nothing was paid for, as units of the order they were paid for with."""
    lacking = row.quantity - row.refunded
    one = RefundLineRow(row.line, lacking, Money(0, ""), row.place, None, each.id)
    if lacking <= 0 or each.order_id is None or each.order_id == order_id:
        return [one] if lacking > 0 else []
    (record,) = Orders(tx).load([each.order_id])
    return as_bought(tx, record, [one], again=True)


def is_unshown(tx: Tx, row: RefundRow) -> bool:
    """A refund of ours that was submitted, and that the channel did not show as paid yet."""
    sent = Effects(tx).latest_as(row.key) if row.key else None
    if sent is None or sent.sent_at is None:
        return False
    if row.state is RefundState.MADE:
        # It is known by its submission until the payment itself has a name.
        return row.remote_id == sent.remote_ref
    return row.state is RefundState.APPROVED and sent.state in _IN_FLIGHT


def _told_without_key(tx: Tx, wiring: Wiring, one: Refund) -> RefundRow | None:
    """The refund of ours that this is, at a channel that takes submissions and shows no keys.

    It is ours by order, amounts and time. A person who pays the same amount back there while ours is
    on its way has it taken for ours: then the buyer has the money once, and if ours is paid too, it
    shows as a second one, made elsewhere.
    """
    connector = wiring.connectors.get(wiring.connection_of[one.channel])
    order_id = Orders(tx).find(one.channel, one.order)
    if one.chargeback or order_id is None or not isinstance(connector, SubmissionTarget):
        return None
    amounts = _by_line(one.lines)
    for row in sorted(Refunds(tx).of_order(order_id), key=lambda row: row.number):
        sent = Effects(tx).latest_as(row.key) if row.key else None
        if sent is None or sent.sent_at is None or one.made_at < sent.sent_at - _EARLIER:
            continue
        if row.total == one.total and _by_line(row.lines) == amounts and is_unshown(tx, row):
            return row
    return None


def _by_line(lines: Sequence[RefundedLine | RefundLineRow]) -> Counter[str]:
    """Line -> minor units; units are not compared, as a payment need not state them."""
    amounts = Counter[str]()
    for line in lines:
        amounts[line.line] += line.amount.amount
    return amounts


def _is_shown(tx: Tx, row: RefundRow, one: Refund) -> None:
    """A refund of ours has its name at the channel. One in doubt is over with that."""
    sent = Effects(tx).latest_as(row.key or "")
    assert sent is not None, row.key
    if sent.state in _IN_FLIGHT:
        Effects(tx).done(sent, remote_ref=sent.remote_ref or SHOWN)
        tx.close_case("effect_parked", f"{KIND} {row.key}")
    if row.state is RefundState.MADE:
        Refunds(tx).mark(row, remote_id=one.remote_id, made_at=one.made_at)
    else:
        paid(tx, row, one.remote_id)
