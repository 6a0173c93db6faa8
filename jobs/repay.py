"""REPAY: ask the channel what it would pay back, decide, and have it paid once (I4)."""

from __future__ import annotations

import json
from collections import Counter

from core.errors import Rejected
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId
from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import (
    LIVE_REFUNDS,
    RefundedLine,
    RefundQuote,
    RefundRequest,
    RefundState,
)
from core.ports import RefundTarget
from core.rules.effects import EffectState, EffectStep
from core.rules.modes import may_write
from core.rules.returns import Back, Proposal, propose
from core.rules.sentences import render
from jobs import refunds, returns
from jobs.push import CALL, carry_out, each_effect, permitted, planned_again
from jobs.refunds import terms_of
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects
from jobs.store.orders import OrderRecord, Orders
from jobs.store.permissions import REFUNDS, Permissions
from jobs.store.refunds import RefundLineRow, RefundRow, Refunds
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Tx

#: Money that is given although nothing comes back for it: no channel is asked what it would pay.
_WITHOUT_GOODS = ("difference", "goodwill")


def push_refunds(run: Run, channel: ChannelId) -> None:
    """Decide each wanted refund, and have each decided one paid."""
    connection = run.wiring.connection_of[channel]
    target = run.wiring.channel(channel, RefundTarget)
    settle = run.wiring.config.channels[channel].settle
    _decide_wanted(run, channel, target)

    def send(effect: EffectRow) -> None:
        if not permitted(run, effect, REFUNDS):
            return
        with run.transaction() as tx:
            row = _of(tx, effect)
            if row.state is RefundState.MADE:
                Effects(tx).done(effect, remote_ref=row.remote_id or "")
                return
            if row.state is not RefundState.APPROVED:
                return
            if not Effects(tx).sending(
                effect, settle_until=tx.now + CALL + settle, fence=run.lease.fence
            ):
                return
        run.before_write(channel, REFUNDS)
        asked = _read(effect.told or "")
        reference = carry_out(run, effect, lambda: target.push_refund(asked, key=effect.key))
        if reference is not None:
            paid(effect, reference)
            return
        with run.transaction() as tx:
            if Effects(tx).get(effect.id).state is EffectState.REFUSED:
                Refunds(tx).mark(_of(tx, effect), state=str(RefundState.REFUSED))

    def ask(effect: EffectRow) -> None:
        reference = target.find_refund(_read(effect.told or ""), key=effect.key)
        if reference is not None:
            paid(effect, reference)
            return
        send(planned_again(run, effect))

    def paid(effect: EffectRow, reference: str) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            row = _of(tx, effect)
            if row.state is not RefundState.MADE:
                refunds.paid(tx, row, reference)
            if row.return_id is not None:
                returns.look(tx, run.wiring, Returns(tx).get(row.return_id))
            tx.wake(f"{channel}/orders")

    each_effect(
        run, connection, refunds.KIND, repeat_is_edit=False, staged=False,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask},
    )  # fmt: skip


def _of(tx: Tx, effect: EffectRow) -> RefundRow:
    row = Refunds(tx).keyed(effect.key)
    assert row is not None, effect.key
    return row


def _read(text: str) -> RefundRequest:
    """The inverse of `refunds.told`."""
    said = json.loads(text)
    currency = said["currency"]
    return RefundRequest(
        order=said["order"],
        lines=tuple(
            RefundedLine(line, units, Money(amount, currency))
            for line, units, amount in said["lines"]
        ),
        shipping=Money(said["shipping"], currency),
        total=Money(said["total"], currency),
        return_remote_id=said["return"],
        note=said["note"],
        cancels=said["cancels"],
    )


# --- deciding ------------------------------------------------------------------------------------


def _decide_wanted(run: Run, channel: ChannelId, target: RefundTarget) -> None:
    """While nothing may be written nothing is decided: wants are decided afresh then (I10)."""
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(channel, REFUNDS), sku=None)
        if not permission.allowed and permission.reason.code != "mode_propose":
            return
        wanted = Refunds(tx).wanted(channel)
    for row in wanted:
        if row.cause in _WITHOUT_GOODS:
            with run.transaction() as tx:
                _decide(tx, run, row, None)
            continue
        units = Counter[str]()
        for line in row.lines:
            units[line.line] += line.quantity
        with run.reading() as tx:
            asked = refunds.request_of(tx, row)
        try:
            quote = target.quote_refund(row.order, units, return_remote_id=asked.return_remote_id)
        except Rejected as error:
            with run.transaction() as tx:
                _refused(tx, row, error)
            continue
        with run.transaction() as tx:
            _decide(tx, run, row, quote)


def _refused(tx: Tx, row: RefundRow, error: Rejected) -> None:
    Refunds(tx).mark(row, state=str(RefundState.REFUSED))
    reason = Reason.of("refund_refused", key=row.key or "", words=str(error)[:200])
    tx.decide(f"order {row.channel} {row.order}", reason)
    tx.open_case(Case("refund_refused", row.subject, reason, Severity.CRITICAL))


def _decide(tx: Tx, run: Run, row: RefundRow, quote: RefundQuote | None) -> None:
    """What it comes to, and whether a person has to see it."""
    current = Refunds(tx).get(row.id)
    if current is None or current.state is not RefundState.WANTED or row.order_id is None:
        return
    (record,) = Orders(tx).load([row.order_id])
    one = Returns(tx).get(row.return_id) if row.return_id is not None else None
    if quote is None:
        total, shipping, lines = row.total, row.shipping, list(row.lines)
        limit = min(terms_of(run.wiring, record, line.line).approve_above for line in row.lines)
        kept: tuple[Reason, ...] = ()
        ask = [Reason.of("refund_large", amount=str(total), limit=str(limit))] * (total > limit)
    else:
        found = _proposed(tx, run, row, record, one, quote)
        total, shipping, kept, ask = found.total, found.shipping, found.kept, list(found.ask)
        lines = _split(row, found)
    if one is not None and (days := max((line.late_days for line in one.lines), default=0)):
        ask.append(Reason.of("return_late", name=one.name, rma=one.rma, days=days))
    refunds_ = Refunds(tx)
    if total.amount == 0:
        made = refunds_.decide(
            row, RefundState.MADE, lines=lines, shipping=shipping, total=total, why=kept
        )
        refunds_.mark(made, made_at=tx.now)
        tx.decide(f"order {row.channel} {row.order}", Reason.of("refund_nothing", number=row.id))
        if one is not None:
            returns.look(tx, run.wiring, Returns(tx).get(one.id))
        return
    decided = refunds_.decide(
        row, RefundState.PROPOSED, lines=lines, shipping=shipping, total=total, why=[*kept, *ask]
    )
    if not ask:
        refunds.carry_on(tx, run.wiring, decided, by=None)
        return
    language = run.wiring.config.shop.language
    words = " ".join(render(reason, language) for reason in (*ask, *kept))
    reason = Reason.of(
        refunds.TO_APPROVE, number=row.id, order=record.order.name, amount=str(total), words=words
    )
    tx.decide(record.subject, reason)
    tx.open_case(Case(refunds.TO_APPROVE, row.subject, reason))


def _proposed(
    tx: Tx, run: Run, row: RefundRow, record: OrderRecord, one: ReturnRecord | None,
    quote: RefundQuote,
) -> Proposal:  # fmt: skip
    reasons = {line.place: line.reason for line in one.lines} if one else {}
    back = [
        Back(
            line.line, line.quantity,
            reasons[line.return_place], line.found, terms_of(run.wiring, record, line.line),
        )
        for line in row.lines
        if line.return_place is not None
    ]  # fmt: skip
    earlier = [
        other
        for other in Refunds(tx).of_order(record.id)
        if other.id != row.id and other.state in LIVE_REFUNDS
    ]
    labelled = any(other.return_id == row.return_id for other in earlier)
    return propose(
        back, quote, everything=_everything(record, [*earlier, row]),
        labels=int(one is not None and one.our_label and not labelled),
    )  # fmt: skip


def _everything(record: OrderRecord, paid: list[RefundRow]) -> bool:
    """Nothing of the order stays with the buyer once these are paid."""
    back = Counter[str]()
    for row in paid:
        for line in row.lines:
            back[line.line] += line.quantity
    return all(
        back[line.remote_id] >= max(line.ordered, line.current) or line.current == 0
        for line in record.order.lines
    )


def _split(row: RefundRow, found: Proposal) -> list[RefundLineRow]:
    """The amount of each order line over the rows that speak of it; together exactly all of it."""
    made = []
    for due in found.lines:
        before = 0
        for line in (one for one in row.lines if one.line == due.line):
            until = before + line.quantity
            amount = (
                due.amount.amount * until // due.quantity
                - due.amount.amount * before // due.quantity
            )
            made.append(
                RefundLineRow(
                    line.line, line.quantity, Money(amount, due.amount.currency),
                    line.return_place, line.found,
                )
            )  # fmt: skip
            before = until
    return made
