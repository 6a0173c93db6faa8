"""Requests to places that take them by mail: mailed once, and never in doubt again.

Nobody can be asked whether a mail came. One whose outcome is unknown is not repeated: two mails may
be two parcels to whoever keys them in. A person decides, or the place's answer proves that it came.
To be told twice not to ship does no harm: that mail is repeated under its one Message-ID.
"""

from __future__ import annotations

from functools import partial

from core.model.fulfillment import CallOff, FulfillmentState
from core.model.reasons import Reason
from core.ports import AnswerPages, MailedRequestTarget
from core.rules.effects import EffectState, EffectStep, short_key
from jobs import links
from jobs.correspondence import BOUNCED
from jobs.once import Write, each_effect, send
from jobs.overdue import CALL_OFF
from jobs.push import Requests
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.parcels import Parcels
from jobs.store.store import Tx


def mail_requests(run: Run, connection: str) -> None:
    """Mail what is planned, each exactly once (I4), and what is wanted no more."""
    target = run.wiring.connector(connection, MailedRequestTarget)
    requests = Requests(run, connection, target.request_document)

    def ready(tx: Tx, effect: EffectRow) -> tuple[bytes, AnswerPages] | None:
        document = requests.document(tx, effect)
        if document is None:
            return None
        return document, links.pages_of(
            tx, run.wiring, connection, effect.key, open_for=target.answer_page_for
        )

    def mail(effect: EffectRow, what: tuple[bytes, AnswerPages]) -> str:
        document, pages = what
        return target.mail_request(effect.key, document, pages=pages)

    def sent(effect: EffectRow, _: object, reference: str) -> None:
        with run.transaction() as tx:
            requests.handed_over(tx, effect, reference)
            tx.close_case(BOUNCED, f"request {effect.key}")

    _record_answered(run, connection)
    write = Write(
        "requests", ready, mail, sent, unwritable=requests.unwritable, document=lambda what: what[0]
    )
    steps = {EffectStep.SEND: partial(send, run, write)}
    each_effect(run, connection, "request", can_ask=False, steps=steps)
    _call_off(run, connection, target)


def _record_answered(run: Run, connection: str) -> None:
    """Who answers a request has it, whatever became of the call that told it."""
    with run.transaction() as tx:
        for effect in Effects(tx).live(connection, "request"):
            in_doubt = effect.state in (EffectState.SENDING, EffectState.UNKNOWN)
            found = Parcels(tx).requested(effect.key) if in_doubt else None
            if found is not None and found.state is not FulfillmentState.PLANNED:
                Effects(tx).handed_over(effect, remote_ref=effect.remote_ref)


def _call_off(run: Run, connection: str, target: MailedRequestTarget) -> None:
    """Ask not to ship what is wanted no more, or takes too long; only a yes frees its units."""

    def ready(tx: Tx, effect: EffectRow) -> tuple[CallOff, str] | None:
        key = effect.key.removeprefix(f"{CALL_OFF}:")
        found = Parcels(tx).requested(key)
        if found is None or not found.called_off:
            Effects(tx).cancel_unsent(effect.key)
            return None
        open_for = target.answer_page_for
        page = links.issue(tx, run.wiring, connection, effect.key, open_for=open_for)
        return CallOff(key, short_key(key)), page

    def sent(effect: EffectRow, _: object, reference: str) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            key = effect.key.removeprefix(f"{CALL_OFF}:")
            tx.decide(effect.subject, Reason.of("call_off_mailed", key=key, location=connection))

    _plan_call_offs(run, connection)
    write = Write(
        "requests", ready, lambda _, what: target.mail_call_off(what[0], answer_at=what[1]), sent
    )
    steps = {EffectStep.SEND: partial(send, run, write)}
    each_effect(run, connection, CALL_OFF, repeat_is_edit=True, can_ask=False, steps=steps)


def _plan_call_offs(run: Run, connection: str) -> None:
    places = [one.id for one in run.wiring.locations if one.ships_through == connection]
    with run.transaction() as tx:
        effects = Effects(tx)
        for one in Parcels(tx).to_call_off(places):
            request = effects.latest_as(one.key)
            assert request is not None, one.key
            key = f"{CALL_OFF}:{one.key}"
            effects.plan(
                [
                    Intent(
                        kind=CALL_OFF,
                        connection=connection,
                        scope=one.scope,
                        subject=request.subject,
                        order_id=None,
                        number=0,
                        key=key,
                        request=key,
                    )
                ]
            )
