"""Ending orders at their channels: what buyers ask for by policy, and every wanted end made once (I4).

Where a channel takes cancellations as submissions, one is over when the remote says so and the order
itself shows it; nothing else is believed.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from core.errors import Rejected
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId
from core.model.orders import Cancellation, CancelReason
from core.model.reasons import Reason
from core.ports import CancellationTarget, OrderSource, SubmissionTarget, Verdict
from core.rules.effects import EffectStep
from core.rules.modes import may_write
from jobs.cancel import (
    KIND,
    NOT_SHOWN,
    AskFirst,
    TooLate,
    call_off,
    let_live,
    undoing,
    want,
)
from jobs.endings import CannotCancel, cancellation_of, ending, key_of, wanted_by
from jobs.once import Write, each_effect, park, refuse, send, send_again
from jobs.pull import record_orders
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects
from jobs.store.orders import OrderRecord, Orders
from jobs.store.permissions import CANCELLATIONS, Permissions
from jobs.store.store import Tx

#: By whom a buyer's request is followed where no person said so.
POLICY = "policy"
_AT_PLACE = "cancel_request_at_place"
#: A feed that was created may be listed with an instant a little before ours.
_MARGIN = timedelta(minutes=2)
#: A remote says that it was carried out: the order is expected to show it so soon.
_SHOWN_WITHIN = timedelta(hours=1)


def push_cancellations(run: Run, channel: ChannelId) -> None:
    """Follow buyers' requests, and have each wanted cancellation made, once."""
    _follow_buyers(run, channel)
    _watch_unshown(run, channel)
    flow = _Flow(run, channel)
    each_effect(
        run, flow.connection, KIND,
        steps={
            EffectStep.SEND: partial(send, run, flow.write), EffectStep.ASK: flow.ask,
            EffectStep.LOOK: flow.look,
        },
    )  # fmt: skip


# --- what buyers ask for -------------------------------------------------------------------------


def _follow_buyers(run: Run, channel: ChannelId) -> None:
    """What a buyer wants to end is ended, where the channel's policy says so and nothing ships it."""
    if run.wiring.config.channels[channel].cancel_requests != "automatic":
        return
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(channel, CANCELLATIONS), sku=None)
        held = Orders(tx).held_for("cancel_requested", channel)
    proposed = permission.reason.code == "mode_propose"
    if not permission.allowed and not proposed:
        return
    for number in held:
        try:
            with run.transaction() as tx:
                _follow(tx, run, Orders(tx).load([number])[0], proposed=proposed)
        except CannotCancel as error:
            with run.transaction() as tx:
                _tell_unfollowed(tx, Orders(tx).load([number])[0], error)


def _follow(tx: Tx, run: Run, record: OrderRecord, *, proposed: bool) -> None:
    """Raises CannotCancel."""
    asking = [one for one in record.order.lines if one.cancel_requested]
    if record.canceling or "cancel_requested" not in record.open_holds or not asking:
        return
    units = {one.remote_id: one.current for one in asking}
    wanted = cancellation_of(record, CancelReason.BUYER, units)
    if Effects(tx).exists(key_of(record, wanted)):
        # Refused, or a person kept it: a second time only a person says so.
        return
    want(tx, run.wiring, record, wanted, by=POLICY, proposed=proposed)
    tx.close_case(_AT_PLACE, record.subject)
    tx.decide(record.subject, Reason.of("cancel_request_followed", channel=record.order.channel))


def _tell_unfollowed(tx: Tx, record: OrderRecord, error: CannotCancel) -> None:
    order, channel = record.order.name, record.order.channel
    if isinstance(error, AskFirst):
        place, key = error.one.location, error.one.key
        reason = Reason.of(
            "cancel_request_at_place", order=order, channel=channel, location=place, key=key
        )
        tx.open_case(Case(_AT_PLACE, record.subject, reason, Severity.CRITICAL), once=True)
    elif isinstance(error, TooLate):
        places = {one.location for one in record.fulfillments if one.sent}
        reason = Reason.of(
            "cancel_request_too_late", order=order, channel=channel,
            location=", ".join(sorted(places)),
        )  # fmt: skip
        case = Case("cancel_request_too_late", record.subject, reason, Severity.CRITICAL)
        tx.close_case(_AT_PLACE, record.subject)
        tx.open_case(case, once=True)
    # Whatever else stands against it: the Hold stays, and tells a person.


def _watch_unshown(run: Run, channel: ChannelId) -> None:
    """An end that the channel took long ago and does not show: all of the order waits for it."""
    with run.reading() as tx:
        late = [
            one
            for one in Effects(tx).unshown(KIND, channel, sent_before=tx.now - _SHOWN_WITHIN)
            if wanted_by(one, Orders(tx).load([one.of_order])[0]).whole
            and not tx.is_open(NOT_SHOWN, one.subject)
        ]
    for one in late:
        with run.transaction() as tx:
            _tell_unshown(tx, one, channel)


def _tell_unshown(tx: Tx, effect: EffectRow, channel: ChannelId) -> None:
    reason = Reason.of(
        "cancellation_not_shown", channel=channel, key=effect.key, reference=effect.remote_ref
    )
    tx.open_case(Case(NOT_SHOWN, effect.subject, reason, Severity.CRITICAL), once=True)


# --- what is made there --------------------------------------------------------------------------


class _Flow:
    """One channel's cancellations, step by step."""

    def __init__(self, run: Run, channel: ChannelId) -> None:
        self._run, self._channel = run, channel
        self.connection = run.wiring.connection_of[channel]
        self._target = run.wiring.channel(channel, CancellationTarget)
        self._submits = self._target if isinstance(self._target, SubmissionTarget) else None
        settle: timedelta = run.wiring.config.channels[channel].settle
        if self._submits is not None:
            settle = max(settle, self._submits.submission_settle)
        self.write = Write(
            CANCELLATIONS,
            self._ready,
            lambda effect, wanted: self._target.push_cancellation(wanted, key=effect.key),
            self._landed,
            refused=lambda tx, effect, _: let_live(tx, Orders(tx).load([effect.of_order])[0]),
            settle=settle,
        )

    def _landed(self, effect: EffectRow, wanted: Cancellation, reference: str) -> None:
        if self._submits is None:
            self._made(effect, wanted, reference)
            return
        with self._run.transaction() as tx:
            Effects(tx).accepted(
                effect, remote_ref=reference, look_at=tx.now + self._submits.look_every
            )
            tx.decide(
                effect.subject,
                Reason.of("cancellation_accepted", channel=self._channel, reference=reference),
            )

    def _again(self, effect: EffectRow) -> None:
        """It is proved not to have landed."""
        send_again(self._run, self.write, effect)

    def _ready(self, tx: Tx, effect: EffectRow) -> Cancellation | None:
        """What is to be ended now; None where a place may still ship it, or nobody wants it."""
        record = Orders(tx).load([effect.of_order])[0]
        wanted = wanted_by(effect, record)
        if _is_over(record, wanted):
            Effects(tx).done(effect, remote_ref="canceled before")
            let_live(tx, record)
            return None
        if not record.canceling:
            return None
        plan = undoing(self._run.wiring, record, ending(record, wanted))
        if plan.too_late or plan.ask:
            _too_late(tx, effect, record)
            return None
        # Of what another place was asked for meanwhile; what was told before is not told again.
        call_off(tx, self._run.wiring, record, plan)
        return None if plan.call_off else wanted

    def ask(self, effect: EffectRow) -> None:
        """Its call may have landed: the order itself tells, and what was begun since."""
        wanted = self._wanted(effect)
        if self._target.find_cancellation(wanted, key=effect.key):
            self._made(effect, wanted, "found")
        elif self._submits is None:
            self._again(effect)
        else:
            self._ask_submissions(effect, self._submits)

    def _ask_submissions(self, effect: EffectRow, submits: SubmissionTarget) -> None:
        """Sent again only when everything that could be it is over, and the order is as it was.

        An order that is canceled a second time stays canceled; so what is taken for ours by mistake
        costs time and nothing else.
        """
        assert effect.sent_at is not None, "it was sent"
        with self._run.reading() as tx:
            known = Effects(tx).references(KIND, self.connection)
        for ref in submits.find_submissions(KIND, since=effect.sent_at - _MARGIN, known=known):
            told = submits.look_at_submission(ref, key=effect.key)
            if told.verdict is Verdict.WAITING:
                self._wait(effect, submits)
                return
            if told.verdict is Verdict.REFUSED:
                self._refuse(effect, told.words, told.code)
                return
        # One of them may have ended it a moment ago.
        wanted = self._wanted(effect)
        if self._target.find_cancellation(wanted, key=effect.key):
            self._made(effect, wanted, "found")
        else:
            self._again(effect)

    def look(self, effect: EffectRow) -> None:
        """What became of the submission that was answered with this reference."""
        assert self._submits is not None, "only submissions are accepted"
        told = self._submits.look_at_submission(effect.remote_ref, key=effect.key)
        wanted = self._wanted(effect)
        if told.verdict is Verdict.WAITING:
            self._wait(effect, self._submits)
        elif self._target.find_cancellation(wanted, key=effect.key):
            # Whatever was said of it: the buyer or the channel may have been faster.
            self._made(effect, wanted, effect.remote_ref)
        elif told.verdict is Verdict.REFUSED:
            self._refuse(effect, told.words, told.code)
        elif told.verdict is Verdict.DROPPED:
            self._again(effect)
        elif told.verdict is Verdict.TAKEN:
            self._wait(effect, self._submits, taken=True)
        else:
            park(self._run, effect)

    def _wait(self, effect: EffectRow, submits: SubmissionTarget, *, taken: bool = False) -> None:
        with self._run.transaction() as tx:
            Effects(tx).wait(effect, until=tx.now + submits.look_every)
            if taken and effect.sent_at and tx.now - effect.sent_at > _SHOWN_WITHIN:
                _tell_unshown(tx, effect, self._channel)

    def _refuse(self, effect: EffectRow, words: str, code: str) -> None:
        with self._run.transaction() as tx:
            error = Rejected(words, connector=self.connection, operation="cancel", code=code)
            refuse(tx, effect, error)
            let_live(tx, Orders(tx).load([effect.of_order])[0])

    def _wanted(self, effect: EffectRow) -> Cancellation:
        with self._run.reading() as tx:
            return wanted_by(effect, Orders(tx).load([effect.of_order])[0])

    def _made(self, effect: EffectRow, wanted: Cancellation, reference: str) -> None:
        """It is over. What is left of the order is recorded as it is now, before it goes on."""
        run, channel = self._run, self._channel
        batch = None
        if not wanted.whole:
            batch = run.wiring.channel(channel, OrderSource).get_order(wanted.order)
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            tx.decide(effect.subject, Reason.of("cancellation_made", channel=channel))
            tx.close_case(NOT_SHOWN, effect.subject)
            if batch is not None:
                record_orders(tx, run, channel, batch.items, raw=batch.raw)
                let_live(tx, Orders(tx).load([effect.of_order])[0])
            tx.wake(f"{channel}/orders")


def _is_over(record: OrderRecord, wanted: Cancellation) -> bool:
    """Somebody else was faster."""
    if wanted.whole:
        return record.order.canceled_at is not None
    return not ending(record, wanted)


def _too_late(tx: Tx, effect: EffectRow, record: OrderRecord) -> None:
    Effects(tx).refused(effect, response="shipped meanwhile")
    reason = Reason.of(
        "cancellation_too_late", order=record.order.name, channel=record.order.channel
    )
    tx.decide(effect.subject, reason)
    tx.open_case(Case("cancellation_too_late", record.subject, reason, Severity.CRITICAL))
    let_live(tx, record)
