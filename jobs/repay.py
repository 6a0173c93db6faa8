"""REPAY: ask the channel what it would pay back, decide, and have it paid once (I4)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

from core.errors import ConnectorError, RateLimited, Rejected, Unauthorized, Unavailable
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
from core.ports import RefundTarget, SubmissionTarget, Told, Verdict
from core.rules.effects import EffectStep
from core.rules.modes import may_write
from core.rules.returns import Back, Proposal, propose
from core.rules.sentences import render
from jobs import refunds, returns
from jobs.once import Write, each_effect, park, refuse, send, send_again
from jobs.refunds import terms_of
from jobs.return_steps import will_reopen
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects
from jobs.store.orders import OrderRecord, Orders
from jobs.store.permissions import REFUNDS, Permissions
from jobs.store.refunds import RefundRow, Refunds
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Money that is given although nothing comes back for it: no channel is asked what it would pay.
_WITHOUT_GOODS = ("difference", "goodwill")
#: A submission that was begun may be listed with an instant a little before ours.
_MARGIN = timedelta(minutes=2)
#: Amazon's Finances may lack what happened in the last 48 hours; a day more for what it says late.
_SHOWN_WITHIN = timedelta(hours=72)
_LOOK_AGAIN = timedelta(hours=1)


def push_refunds(run: Run, channel: ChannelId) -> None:
    """Decide each wanted refund, and have each decided one paid."""
    flow = _Flow(run, channel)
    _decide_wanted(run, channel, flow.target)
    each_effect(
        run, flow.connection, refunds.KIND,
        steps={
            EffectStep.SEND: partial(send, run, flow.write), EffectStep.ASK: flow.ask,
            EffectStep.LOOK: flow.look,
        },
    )  # fmt: skip


class _Flow:
    """One channel's payments, step by step.

    Where a channel takes them as submissions, a repeat would pay again, a submission does not tell
    what it was made of, and what the channel shows as paid comes days later. So one is paid when its
    own report says so, or when the channel shows the payment; it is sent again only when nothing was
    begun since the call, or all that was begun was dropped unread. Whatever is taken by then and may
    be ours is waited for; after that a person decides. Money is never sent on a guess.
    """

    def __init__(self, run: Run, channel: ChannelId) -> None:
        self._run, self._channel = run, channel
        self.connection = run.wiring.connection_of[channel]
        self.target = run.wiring.channel(channel, RefundTarget)
        self._submits = self.target if isinstance(self.target, SubmissionTarget) else None
        settle: timedelta = run.wiring.config.channels[channel].settle
        if self._submits is not None:
            settle = max(settle, self._submits.submission_settle)
        self.write = Write(
            REFUNDS,
            self._ready,
            lambda effect, asked: self.target.push_refund(asked, key=effect.key),
            self._landed,
            refused=lambda tx, effect, _: _mark_refused(tx, effect),
            settle=settle,
        )

    def _ready(self, tx: Tx, effect: EffectRow) -> RefundRequest | None:
        """What is to be paid; None where it is paid, or not due (any more)."""
        Orders(tx).lock(effect.order_id)
        row = _of(tx, effect)
        if row.state is RefundState.MADE:
            Effects(tx).done(effect, remote_ref=self._answer(row.remote_id or ""))
            return None
        if row.state is not RefundState.APPROVED:
            return None
        if not refunds.still_due(tx, self._run.wiring, row):
            _not_due(tx, self._run, row)
            return None
        return _read(effect.told or "")

    def _again(self, effect: EffectRow) -> None:
        """It is proved not to have landed."""
        send_again(self._run, self.write, effect)

    def _landed(self, effect: EffectRow, _: RefundRequest, reference: str) -> None:
        if self._submits is None:
            self._paid(effect, reference)
        else:
            with self._run.transaction() as tx:
                Effects(tx).accepted(
                    effect, remote_ref=reference, look_at=tx.now + self._submits.look_every
                )
                tx.decide(
                    effect.subject,
                    Reason.of("refund_accepted", channel=self._channel, reference=reference),
                )

    def ask(self, effect: EffectRow) -> None:
        """Its call may have landed."""
        if self._shown(effect):
            return
        if self._submits is not None:
            # Not by a search: an equal payment that was made elsewhere before would pass for ours. The
            # pull knows when each was made, and `_shown` what it found.
            self._ask_submissions(effect, self._submits)
            return
        reference = self.target.find_refund(_read(effect.told or ""), key=effect.key)
        if reference is not None:
            self._paid(effect, reference)
        else:
            self._again(effect)

    def _ask_submissions(self, effect: EffectRow, submits: SubmissionTarget) -> None:
        assert effect.sent_at is not None, "it was sent"
        with self._run.reading() as tx:
            known = Effects(tx).references(refunds.KIND, self.connection)
        since = effect.sent_at - _MARGIN
        begun = submits.find_submissions(refunds.KIND, since=since, known=known)
        told = [submits.look_at_submission(ref, key=effect.key) for ref in begun]
        refused = [one for one in told if one.verdict is Verdict.REFUSED]
        if refused:
            # It names our message: that was ours, and nothing was paid with it.
            self._refuse(effect, refused[0])
        elif any(one.verdict is Verdict.WAITING for one in told):
            self._wait(effect, submits.look_every)
        elif all(one.verdict is Verdict.DROPPED for one in told):
            self._again(effect)
        else:
            self._wait_to_be_shown(effect)

    def look(self, effect: EffectRow) -> None:
        """What became of the submission that was answered with this reference."""
        assert self._submits is not None, "only submissions are accepted"
        if self._shown(effect):
            return
        told = self._submits.look_at_submission(effect.remote_ref, key=effect.key)
        if told.verdict is Verdict.TAKEN:
            self._paid(effect, effect.remote_ref)
        elif told.verdict is Verdict.REFUSED:
            self._refuse(effect, told)
        elif told.verdict is Verdict.DROPPED:
            self._again(effect)
        elif told.verdict is Verdict.WAITING:
            self._wait(effect, self._submits.look_every)
        else:
            self._wait_to_be_shown(effect)

    def _shown(self, effect: EffectRow) -> bool:
        """Whether the channel showed it as paid meanwhile: whatever is said of it, it is over."""
        with self._run.reading() as tx:
            row = _of(tx, effect)
        if row.state is RefundState.MADE:
            answer = effect.remote_ref or self._answer(row.remote_id or "")
            self._paid(effect, row.remote_id or "", answer=answer)
            return True
        return False

    def _wait(self, effect: EffectRow, so_long: timedelta) -> None:
        with self._run.transaction() as tx:
            Effects(tx).wait(effect, until=tx.now + so_long)

    def _wait_to_be_shown(self, effect: EffectRow) -> None:
        """The pull of what was paid settles it; what is not shown by then a person settles."""
        assert effect.sent_at is not None, "it was sent"
        if self._run.clock.now() - effect.sent_at > _SHOWN_WITHIN:
            park(self._run, effect)
        else:
            self._wait(effect, _LOOK_AGAIN)

    def _refuse(self, effect: EffectRow, told: Told) -> None:
        with self._run.transaction() as tx:
            error = Rejected(
                told.words, connector=self.connection, operation=refunds.KIND, code=told.code
            )
            refuse(tx, effect, error)
            _mark_refused(tx, effect)

    def _answer(self, reference: str) -> str:
        """What an Effect is answered with that is known by its payment and not by its submission."""
        return reference if self._submits is None else refunds.SHOWN

    def _paid(self, effect: EffectRow, reference: str, *, answer: str = "") -> None:
        with self._run.transaction() as tx:
            Orders(tx).lock(effect.order_id)
            Effects(tx).done(effect, remote_ref=answer or reference)
            row = _of(tx, effect)
            if row.state is not RefundState.MADE:
                refunds.paid(tx, row, reference)
            if row.return_id is not None:
                returns.look(tx, self._run.wiring, Returns(tx).get(row.return_id))
            tx.wake(f"{self._channel}/orders")


def record_landed(tx: Tx, wiring: Wiring, effect: EffectRow) -> None:
    """A person saw at the channel that a payment in doubt was made. Its own name there is not known:
    until the channel shows it, it goes by the answer of its Effect."""
    row = _of(tx, effect)
    if row.state is not RefundState.MADE:
        refunds.paid(tx, row, Effects(tx).get(effect.id).remote_ref)
    if row.return_id is not None:
        returns.look(tx, wiring, Returns(tx).get(row.return_id))


def _of(tx: Tx, effect: EffectRow) -> RefundRow:
    row = Refunds(tx).keyed(effect.key)
    assert row is not None, effect.key
    return row


def _mark_refused(tx: Tx, effect: EffectRow) -> None:
    Refunds(tx).mark(_of(tx, effect), state=str(RefundState.REFUSED))


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
            if row.return_id is not None and will_reopen(tx, Returns(tx).get(row.return_id)):
                # A return that is closed there tells no worth and takes no money.
                continue
            asked = refunds.request_of(tx, row)
        try:
            quote = target.quote_refund(row.order, units, return_remote_id=asked.return_remote_id)
            with run.transaction() as tx:
                _decide(tx, run, row, quote)
        except (RateLimited, Unavailable, Unauthorized):
            # The channel as a whole is in trouble: the unit backs off.
            raise
        except (ConnectorError, LookupError, ValueError) as error:
            # This one alone cannot be reckoned; the others go on.
            with run.transaction() as tx:
                _refused(tx, row, str(error))


def _not_due(tx: Tx, run: Run, row: RefundRow) -> None:
    """Somebody paid for its units meanwhile, or its return was taken back: it is not sent."""
    if not refunds.withdraw_one(tx, row):
        return
    tx.decide(f"order {row.channel} {row.order}", Reason.of("refund_withdrawn", number=row.id))
    if row.return_id is not None:
        one = Returns(tx).get(row.return_id)
        tx.close_case("refunded_twice", one.subject)
        returns.look(tx, run.wiring, one)


def _refused(tx: Tx, row: RefundRow, words: str) -> None:
    Refunds(tx).mark(row, state=str(RefundState.REFUSED))
    reason = Reason.of("refund_refused", key=row.key or "", words=words[:200])
    tx.decide(f"order {row.channel} {row.order}", reason)
    tx.open_case(Case("refund_refused", row.subject, reason, Severity.CRITICAL))


def _decide(tx: Tx, run: Run, row: RefundRow, quote: RefundQuote | None) -> None:
    """What it comes to, and whether a person has to see it."""
    Orders(tx).lock(row.order_id)
    current = Refunds(tx).get(row.id)
    if current is None or current.state is not RefundState.WANTED or row.order_id is None:
        return
    if not refunds.still_due(tx, run.wiring, current):
        _not_due(tx, run, current)
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
        lines = [
            replace(line, amount=due.amount)
            for line, due in zip(row.lines, found.lines, strict=True)
        ]
    if one is not None and (days := max((line.late_days for line in one.lines), default=0)):
        ask.append(Reason.of("return_late", name=one.name, rma=one.rma, days=days))
    refunds_ = Refunds(tx)
    given = refunds_.beside(record.id, without=row.id)
    if given > 0 and total.amount:
        ask.append(Reason.of("refund_beside", amount=str(Money(given, total.currency))))
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
    # Those that are not decided yet see this one.
    earlier = [
        other
        for other in Refunds(tx).of_order(record.id)
        if other.id != row.id
        and other.state in LIVE_REFUNDS
        and other.state is not RefundState.WANTED
    ]
    labelled = any(other.return_id == row.return_id for other in earlier)
    return propose(
        back, quote, everything=_everything(record, [*earlier, row]),
        labels=int(one is not None and one.our_label and not labelled),
    )  # fmt: skip


def _everything(record: OrderRecord, paid: list[RefundRow]) -> bool:
    """Nothing of what was sent stays with the buyer once these are paid."""
    back = Counter[str]()
    for row in paid:
        for line in row.lines:
            back[line.line] += line.quantity
    return all(
        back[line.remote_id] >= record.shipped.get(line.remote_id, line.fulfilled)
        for line in record.order.lines
    )
