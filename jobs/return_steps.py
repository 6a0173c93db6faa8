"""RETURN STEPS: a channel's return is approved or declined there, and ended there as it ended here (I4).

What a person decides of a request is told to the channel once. Whatever else is to be done there
follows from where the return stands here and there: it is decided afresh in each run.
"""

from __future__ import annotations

import json
from functools import partial

from core.errors import Rejected
from core.model.catalog import ChannelId
from core.model.reasons import Reason
from core.model.returns import (
    REACHED,
    RefundState,
    Resolution,
    ReturnMove,
    ReturnState,
    ReturnStatus,
    ReturnStep,
)
from core.ports import ReturnTarget
from core.rules.effects import EffectState, EffectStep, return_key
from core.rules.modes import may_write
from jobs import returns
from jobs.once import Write, each_effect, refuse, send, send_again
from jobs.returns import NoReturn, held, look, named
from jobs.run import Run
from jobs.store.effects import LIVE, EffectRow, Effects, Intent
from jobs.store.permissions import RETURNS, Permissions
from jobs.store.refunds import Refunds
from jobs.store.returns import OVER, ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

KIND = "return"
REFUSED = "return_refused"
_DECISIONS = (ReturnStep.APPROVE, ReturnStep.DECLINE)
#: Where a step leads to.
_LEADS_TO = {
    ReturnStep.APPROVE: ReturnStatus.OPEN,
    ReturnStep.DECLINE: ReturnStatus.DECLINED,
    ReturnStep.CLOSE: ReturnStatus.CLOSED,
    ReturnStep.CANCEL: ReturnStatus.CANCELED,
    ReturnStep.REOPEN: ReturnStatus.OPEN,
}
_UNPAID = (RefundState.WANTED, RefundState.PROPOSED, RefundState.APPROVED)
_HERE = (ReturnState.RECEIVED, ReturnState.INSPECTED)


# --- what a person decides of a request ----------------------------------------------------------


def accept(tx: Tx, wiring: Wiring, name: str, *, by: str, note: str) -> bool:
    """A person takes it back: one that was disputed, or that its buyer asked for.

    Whether its channel has to be told. Raises NoReturn.
    """
    one = held(tx, name)
    if one.status is not ReturnStatus.REQUESTED or not _is_asked(one):
        returns.accept(tx, wiring, name, by=by, note=note)
        return False
    if one.state is ReturnState.DISPUTED:
        returns.must_have_order(tx, one)
    _decide(tx, wiring, one, ReturnMove(one.remote_id or "", ReturnStep.APPROVE), by=by)
    tx.close_case(returns.DISPUTED, one.subject, by=by, note=note)
    tx.audit(by, "accept return", one.subject, note=note)
    return True


def decline(
    tx: Tx, wiring: Wiring, name: str, *, by: str, note: str, reason: str = "", words: str = ""
) -> bool:
    """A person does not take it back. `words` are for the buyer; `reason` is one of the channel's.

    Whether its channel has to be told. Raises NoReturn.
    """
    one = held(tx, name)
    if one.remote_id is None or one.status is not ReturnStatus.REQUESTED or not _is_asked(one):
        if reason or words:
            raise NoReturn(f"{one.rma} is no request of a buyer's at {one.channel}: nobody is told")
        returns.end(tx, wiring, name, ReturnState.DECLINED, by=by, note=note)
        return False
    known = _target(wiring, one).decline_reasons
    if reason not in known:
        raise NoReturn(f"say why it is declined, as {one.channel} does: --reason {'|'.join(known)}")
    move = ReturnMove(one.remote_id, ReturnStep.DECLINE, reason, words)
    _decide(tx, wiring, one, move, by=by)
    tx.close_case(returns.DISPUTED, one.subject, by=by, note=note)
    tx.audit(by, "decline return", one.subject, after={"reason": reason}, note=note)
    return True


def _is_asked(one: ReturnRecord) -> bool:
    return one.state in (ReturnState.REQUESTED, ReturnState.DISPUTED)


def _target(wiring: Wiring, one: ReturnRecord) -> ReturnTarget:
    """Raises NoReturn."""
    connector = wiring.connectors.get(wiring.connection_of.get(one.channel, ""))
    if not isinstance(connector, ReturnTarget):
        raise NoReturn(f"{one.rma} waits for the channel: decide it on {one.channel}")
    return connector


def _decide(tx: Tx, wiring: Wiring, one: ReturnRecord, move: ReturnMove, *, by: str) -> None:
    """Have the channel told, unless it is told the opposite already. Raises NoReturn."""
    _target(wiring, one)
    returns.must_write(tx, one)
    effects = Effects(tx)
    (other,) = (step for step in _DECISIONS if step is not move.step)
    opposite = effects.latest_as(return_key(one.channel, move.remote_id, other))
    if opposite is not None and opposite.state is not EffectState.CANCELED:
        if not effects.cancel_unsent(opposite.key):
            raise NoReturn(f"{one.channel} is told to {other} {one.rma} already")
        tx.close_case(REFUSED, f"{KIND} {opposite.key}")
    effect = _plan(tx, wiring, one, move, 0, proposed=False)
    effects.wish_again(effect, told=_told(move))
    tx.close_case(REFUSED, f"{KIND} {effect}")
    reason = Reason.of(
        "return_step_wanted", rma=one.rma, channel=one.channel, step=str(move.step), by=by
    )
    tx.decide(one.subject, reason)
    tx.wake(f"{one.channel}/{RETURNS}")


def _plan(
    tx: Tx, wiring: Wiring, one: ReturnRecord, move: ReturnMove, number: int, *, proposed: bool
) -> str:
    """The key of the Effect, which is there now."""
    key = return_key(one.channel, move.remote_id, move.step, number)
    text = _told(move)
    Effects(tx).plan(
        [
            Intent(
                kind=KIND,
                connection=wiring.connection_of[one.channel],
                scope=one.channel,
                subject=one.subject,
                order_id=one.order_id,
                number=number,
                key=key,
                request=text,
                told=text,
                proposed=proposed,
            )
        ]
    )
    return key


def _told(move: ReturnMove) -> str:
    return json_text([move.remote_id, str(move.step), move.reason, move.note])


def _move_of(effect: EffectRow) -> ReturnMove:
    remote_id, step, reason, note = json.loads(effect.told or "")
    return ReturnMove(remote_id, ReturnStep(step), reason, note)


# --- what follows from where it stands -----------------------------------------------------------


def wanted(tx: Tx, one: ReturnRecord) -> tuple[ReturnStep, int] | None:
    """What its channel is to do with it now, and the number that names it; None: nothing.

    What was closed or canceled here is that there. A person who opens it again there has it open:
    it is closed once, and once more after we opened it for units that came after all.
    """
    if one.remote_id is None or one.handled_there:
        return None
    closed, opened = _so_far(tx, one)
    if one.state is ReturnState.CANCELED:
        asked = one.status in (ReturnStatus.OPEN, ReturnStatus.REQUESTED)
        return (ReturnStep.CANCEL, 0) if asked else None
    if one.state is ReturnState.CLOSED and one.status is ReturnStatus.OPEN:
        # Settled there means paid there: a return that is closed takes no refund.
        return (ReturnStep.CLOSE, opened) if not _owes(tx, one) else None
    if one.state in _HERE and one.status is ReturnStatus.CLOSED and closed:
        unpaid = [row for row in Refunds(tx).of_return(one.id) if row.state in _UNPAID]
        return (ReturnStep.REOPEN, unpaid[0].number) if unpaid else None
    return None


def _so_far(tx: Tx, one: ReturnRecord) -> tuple[bool, int]:
    """Whether we closed it there, and how often we opened it again."""
    made = Effects(tx).made_of(KIND, one.subject)
    steps = [_move_of(effect).step for effect in made]
    return ReturnStep.CLOSE in steps, steps.count(ReturnStep.REOPEN)


def _owes(tx: Tx, one: ReturnRecord) -> bool:
    """Money for it is decided and not paid, or was refused by the channel and is owed still."""
    found = Refunds(tx).of_return(one.id)
    lacking = any(
        row.resolution is Resolution.REFUND and row.refunded < row.inspected for row in one.lines
    )
    refused = lacking and any(row.state is RefundState.REFUSED for row in found)
    return refused or any(row.state in _UNPAID for row in found)


def will_reopen(tx: Tx, one: ReturnRecord) -> bool:
    """It has to be opened there before anything is paid for it, and will be."""
    found = wanted(tx, one)
    if found is None or found[0] is not ReturnStep.REOPEN:
        return False
    effect = Effects(tx).latest_as(return_key(one.channel, one.remote_id or "", *found))
    if effect is not None:
        return effect.state in (*LIVE, EffectState.PROPOSED)
    permission = may_write(Permissions(tx).scope(one.channel, RETURNS), sku=None)
    return permission.allowed or permission.reason.code == "mode_propose"


# --- what is made there --------------------------------------------------------------------------


def push_returns(run: Run, channel: ChannelId) -> None:
    """Have each step made that is wanted, once."""
    _plan_wanted(run, channel)
    flow = _Flow(run, channel)
    each_effect(
        run, flow.connection, KIND,
        steps={EffectStep.SEND: partial(send, run, flow.write), EffectStep.ASK: flow.ask},
    )  # fmt: skip


def _plan_wanted(run: Run, channel: ChannelId) -> None:
    """While nothing may be written nothing is decided: wants are decided afresh then (I10)."""
    with run.transaction() as tx:
        permission = may_write(Permissions(tx).scope(channel, RETURNS), sku=None)
        proposed = permission.reason.code == "mode_propose"
        if not permission.allowed and not proposed:
            return
        for one in Returns(tx).unlike_there(channel):
            found = wanted(tx, one)
            if found is None:
                continue
            step, number = found
            move = ReturnMove(one.remote_id or "", step)
            key = _plan(tx, run.wiring, one, move, number, proposed=proposed)
            before = Effects(tx).latest_as(key)
            if before is not None and before.state is EffectState.CANCELED:
                # It stood otherwise in between.
                Effects(tx).wish_again(key, told=_told(move))


class _Flow:
    """One channel's returns, step by step."""

    def __init__(self, run: Run, channel: ChannelId) -> None:
        self._run = run
        self.connection = run.wiring.connection_of[channel]
        self._target = run.wiring.channel(channel, ReturnTarget)
        self.write = Write(
            RETURNS,
            self._ready,
            lambda effect, move: self._target.push_return_step(move, key=effect.key),
            self._landed,
            refused=lambda tx, effect, _: _stands_as_before(tx, run.wiring, effect),
            settle=run.wiring.config.channels[channel].settle,
        )

    def _ready(self, tx: Tx, effect: EffectRow) -> ReturnMove | None:
        """The step; None where it stands so there already, or is to stand otherwise by now."""
        one, move = _return_of(tx, effect), _move_of(effect)
        if one.status in REACHED[move.step]:
            _made(tx, self._run.wiring, effect, one, one.status)
            return None
        if not _is_due(tx, one, move.step):
            Effects(tx).cancel_unsent(effect.key)
            return None
        return move

    def _landed(self, effect: EffectRow, move: ReturnMove, _: str) -> None:
        self._stands(effect, _LEADS_TO[move.step])

    def _stands(self, effect: EffectRow, status: ReturnStatus) -> None:
        with self._run.transaction() as tx:
            _made(tx, self._run.wiring, effect, _return_of(tx, effect), status)

    def ask(self, effect: EffectRow) -> None:
        """Its call may have landed: the return itself tells."""
        move = _move_of(effect)
        try:
            status = self._target.find_return_status(move.remote_id)
        except Rejected as error:
            with self._run.transaction() as tx:
                refuse(tx, effect, error)
                _stands_as_before(tx, self._run.wiring, effect)
            return
        if status in REACHED[move.step]:
            self._stands(effect, status)
        else:
            send_again(self._run, self.write, effect)


def _return_of(tx: Tx, effect: EffectRow) -> ReturnRecord:
    """The return of an Effect, kept from others until the end of the transaction."""
    found = Returns(tx).known(effect.scope, _move_of(effect).remote_id)
    assert found is not None, effect.key
    return held(tx, found.rma)


def _is_due(tx: Tx, one: ReturnRecord, step: ReturnStep) -> bool:
    """Whether it may be sent as things stand now."""
    if step in _DECISIONS:
        return one.status is ReturnStatus.REQUESTED and _is_asked(one)
    found = wanted(tx, one)
    return found is not None and found[0] is step


def _made(
    tx: Tx, wiring: Wiring, effect: EffectRow, one: ReturnRecord, status: ReturnStatus
) -> None:
    """It stands so there now, whoever did it."""
    step = _move_of(effect).step
    Effects(tx).done(effect, remote_ref=one.remote_id or "")
    tx.close_case(REFUSED, f"{KIND} {effect.key}")
    if step in _DECISIONS and _is_asked(one):
        state = returns.STATES.get(status, ReturnState.EXPECTED)
        ended = tx.now if state in OVER else None
        one = Returns(tx).mark(one, status=str(status), state=str(state), closed_at=ended)
    else:
        one = Returns(tx).mark(one, status=str(status))
    reason = Reason.of("return_step_made", channel=one.channel, rma=one.rma, step=str(step))
    tx.decide(one.subject, reason)
    look(tx, wiring, one)


def record_landed(tx: Tx, wiring: Wiring, effect: EffectRow) -> None:
    """A person saw at the channel that a step in doubt was made."""
    _made(tx, wiring, effect, _return_of(tx, effect), _LEADS_TO[_move_of(effect).step])


def _stands_as_before(tx: Tx, wiring: Wiring, effect: EffectRow) -> None:
    """The channel does not cancel it: it is coming, as the channel has it."""
    one = _return_of(tx, effect)
    if _move_of(effect).step is not ReturnStep.CANCEL or one.state is not ReturnState.CANCELED:
        return
    state = returns.STATES.get(one.status, ReturnState.EXPECTED)
    one = Returns(tx).mark(one, state=str(state), closed_at=None)
    tx.decide(one.subject, Reason.of("return_recorded", **named(one)))
    look(tx, wiring, one)
