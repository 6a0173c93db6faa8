"""ONCE: the one way to the outside for a write that must happen exactly once (I4).

A write is an intent first, in the transaction that decided it (`Effects.plan`). Then `send`:

1. In one transaction it is looked at whether it is still wanted, and `sending` is committed: from
   here on it may have landed, and nobody looks or sends again before the call is over and settled.
2. The lease lasts as long as the longest call, and nobody stopped writes (`Run.before_write`).
3. The call.
4. What came of it is recorded: done or taken in; planned as before, where the remote's answer proves
   that nothing took effect; refused, with a Case; else unknown.

A process that dies leaves it planned, and nothing happened, or `sending`, which is as good as unknown.
What is unknown goes on with `each_effect` by `core.rules.effects.next_move`: the remote is asked
first, a repeat is made only where it is the same write there, and where neither is safe a person
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.model.cases import Case, Severity
from core.model.reasons import Reason
from core.rules.effects import EffectFacts, EffectStep, next_move
from core.rules.modes import may_write
from jobs.run import Run, Stopped
from jobs.store.effects import EffectRow, Effects
from jobs.store.permissions import Permissions
from jobs.store.store import Tx

#: Effects read at once.
EFFECTS_AT_ONCE = 500
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: What a connector calls it when its format has no way to say a document (core.errors.Rejected).
UNWRITABLE = "unwritable"

What = TypeVar("What")


@dataclass(frozen=True)
class Write(Generic[What]):
    """How writes of one kind go out, and what it means that they did."""

    flow: str
    #: what to send, of what is known now; None: it is not wanted (any more, or yet). Raises Rejected
    #: where it cannot be said: then it never goes out
    ready: Callable[[Tx, EffectRow], What | None]
    #: made once; what the remote calls it
    call: Callable[[EffectRow, What], str]
    landed: Callable[[EffectRow, What, str], None]
    #: what it means besides that the remote said no, recorded with it
    refused: Callable[[Tx, EffectRow, Rejected], None] | None = None
    #: what it means that it cannot be said; nobody ever saw it
    unwritable: Callable[[Tx, EffectRow, str], None] | None = None
    #: how long after the longest call the remote may show nothing of it yet
    settle: timedelta = timedelta(0)
    #: the document that is kept as it goes out
    document: Callable[[What], bytes | None] = lambda what: (
        what if isinstance(what, bytes) else None
    )


def send(run: Run, write: Write[What], effect: EffectRow) -> None:
    """Make this write, if it is still wanted and allowed. See the module for what is promised.

    Raises LeaseLost, Stopped, or what says that the remote as a whole is in trouble.
    """
    if not permitted(run, effect, write.flow):
        return
    try:
        with run.transaction() as tx:
            what = write.ready(tx, effect)
            if what is None or not Effects(tx).sending(
                effect,
                settle_until=tx.now + CALL + write.settle,
                fence=run.lease.fence,
                document=write.document(what),
            ):
                return
    except Rejected as error:
        with run.transaction() as tx:
            refuse(tx, effect, error)
            if write.unwritable is not None:
                write.unwritable(tx, effect, str(error))
        return
    run.before_write(effect.scope, write.flow)
    try:
        reference = write.call(effect, what)
    except (RateLimited, Unavailable, Unauthorized) as error:
        # These say that nothing of ours took effect (core.errors): planned as before.
        with run.transaction() as tx:
            Effects(tx).planned_again(effect, response=str(error))
        raise
    except Rejected as error:
        with run.transaction() as tx:
            refuse(tx, effect, error)
            if write.refused is not None:
                write.refused(tx, effect, error)
    except UnknownOutcome as error:
        with run.transaction() as tx:
            Effects(tx).unknown(effect, response=str(error))
            tx.decide(effect.subject, Reason.of("effect_unknown", key=effect.key, kind=effect.kind))
    else:
        write.landed(effect, what, reference)


def each_effect(
    run: Run, connection: str, kind: str, *, steps: Mapping[EffectStep, Callable[[EffectRow], None]],
    repeat_is_edit: bool = False, staged: bool = False, can_ask: bool = True,
) -> None:  # fmt: skip
    """Carry every live effect one step on; one that fails does not stop the others."""
    for effect in _live(run, connection, kind):
        move = next_move(
            EffectFacts(
                state=effect.state,
                attempts=effect.attempts,
                settle_until=effect.settle_until,
                repeat_is_edit=repeat_is_edit,
                can_ask=can_ask,
                staged_kind=staged,
            ),
            now=run.clock.now(),
        )
        step = steps.get(move.step)
        if move.step is EffectStep.PARK:
            park(run, effect)
        if step is None:
            continue
        try:
            step(effect)
        except Stopped:
            continue
        except (RateLimited, Unavailable, Unauthorized):
            # The remote is in trouble as a whole: the unit backs off, the effects stay as they are.
            raise
        except ConnectorError as error:
            # This one alone could not be asked about, or made; it is looked at again.
            run.log.info("effect left as it is", key=effect.key, problem=str(error))


def _live(run: Run, connection: str, kind: str) -> Iterator[EffectRow]:
    """Every live effect, page by page: what may not go out now keeps nothing else waiting."""
    last = 0
    while True:
        with run.reading() as tx:
            page = Effects(tx).live(connection, kind, after=last, limit=EFFECTS_AT_ONCE)
        yield from page
        if len(page) < EFFECTS_AT_ONCE:
            return
        last = page[-1].id


def send_again(run: Run, write: Write[What], effect: EffectRow) -> None:
    """It is proved not to have landed: as before its first call. Raises as `send` does."""
    with run.transaction() as tx:
        Effects(tx).planned_again(effect)
        effect = Effects(tx).get(effect.id)
    send(run, write, effect)


def permitted(run: Run, effect: EffectRow, flow: str) -> bool:
    """An effect that is planned in the mode `propose` was released by a person."""
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(effect.scope, flow), sku=effect.sku)
    return permission.allowed or permission.reason.code == "mode_propose"


def _refusal(kind: str) -> str:
    """What it is called when the remote says no to a write of this kind."""
    return {
        "confirmation": "confirmation_refused",
        "purchase": "purchase_refused",
        "reservation": "reservation_refused",
        "receipt": "receipt_refused",
        "cancellation": "cancellation_refused",
        "refund": "refund_refused",
        "return": "return_refused",
        "reminder": "reminder_refused",
        "call-off": "call_off_unsent",
    }.get(kind, "request_refused")


def refuse(tx: Tx, effect: EffectRow, error: Rejected) -> None:
    """It is over, with a Case: the remote said no to it, or it cannot be said there."""
    Effects(tx).refused(effect, response=str(error))
    code = _refusal(effect.kind)
    if error.code == UNWRITABLE:
        # Nobody refused it: nobody saw it.
        code = "request_unwritable" if effect.kind == "request" else "document_unwritable"
    reason = Reason.of(code, key=effect.key, words=str(error)[:200])
    tx.decide(effect.subject, reason)
    tx.open_case(Case(code, f"{effect.kind} {effect.key}", reason, Severity.CRITICAL))


def park(run: Run, effect: EffectRow) -> None:
    """Neither a repeat nor a question is safe: a person decides."""
    with run.transaction() as tx:
        Effects(tx).parked(effect, response=effect.response)
        reason = Reason.of("effect_parked", key=effect.key, kind=effect.kind)
        tx.decide(effect.subject, reason)
        tx.open_case(
            Case("effect_parked", f"{effect.kind} {effect.key}", reason, Severity.CRITICAL)
        )
