"""Requests to places that take them by a call: submitted once, then asked what became of them."""

from __future__ import annotations

from core.errors import Rejected
from core.model.cases import Case, Severity
from core.model.reasons import Reason
from core.ports import AskedFor, RequestService
from core.rules.effects import EffectStep, short_key
from jobs.answers import record_acknowledgment, record_notice
from jobs.push import CALL, Requests, carry_out, each_effect, permitted, refuse
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects
from jobs.store.parcels import Parcels

#: Requests asked about in one run.
ASKED_AT_ONCE = 200


def submit_requests(run: Run, connection: str) -> None:
    """Submit what is planned, each exactly once (I4)."""
    target = run.wiring.connector(connection, RequestService)
    requests = Requests(run, connection, target.request_document)

    def send(effect: EffectRow) -> None:
        if not permitted(run, effect, "requests"):
            return
        try:
            with run.transaction() as tx:
                document = requests.document(tx, effect)
                settle = tx.now + CALL + target.request_settle
                if document is None or not Effects(tx).sending(
                    effect, settle_until=settle, fence=run.lease.fence, document=document
                ):
                    return
        except Rejected as error:
            refuse(run, effect, error, requests.unwritable)
            return
        run.before_write(effect.scope, "requests")
        reference = carry_out(run, effect, lambda: target.submit_request(effect.key, document))
        if reference is not None:
            landed(effect, reference)

    def ask(effect: EffectRow) -> None:
        found = target.find_submitted(asked_for(effect.key, effect.remote_ref))
        if found is not None:
            landed(effect, found)
            return
        with run.transaction() as tx:
            Effects(tx).planned_again(effect)
            effect = Effects(tx).get(effect.id)
        send(effect)

    def landed(effect: EffectRow, reference: str) -> None:
        with run.transaction() as tx:
            requests.handed_over(tx, effect, reference)

    each_effect(
        run,
        connection,
        "request",
        repeat_is_edit=target.request_repeat_is_same,
        staged=False,
        can_ask=target.can_find_requests,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask},
    )


def asked_for(key: str, reference: str) -> AskedFor:
    return AskedFor(key, short_key(key), reference)


def ask_about_requests(run: Run, connection: str) -> None:
    """Ask what became of each request that is not over, those that waited longest first."""
    source = run.wiring.connector(connection, RequestService)
    every = source.ask_every
    assert every is not None, "such a unit is made only for those that can be asked"
    places = [one.id for one in run.wiring.locations if one.ships_through == connection]
    with run.reading() as tx:
        due = Parcels(tx).to_ask_about(places, before=tx.now - every, limit=ASKED_AT_ONCE)
    for one in due:
        try:
            told = source.request_status(asked_for(one.key, one.reference))
        except Rejected as error:
            with run.transaction() as tx:
                # Asked again with the next round: whoever mends it need not tell us.
                Parcels(tx).asked_about(one)
                reason = Reason.of(
                    "request_status_unreadable",
                    key=one.key,
                    source=connection,
                    words=str(error)[:200],
                )
                case = Case(
                    "request_status_unreadable", f"request {one.key}", reason, Severity.WARNING
                )
                tx.open_case(case)
            continue
        with run.transaction() as tx:
            Parcels(tx).asked_about(one)
            tx.close_case("request_status_unreadable", f"request {one.key}")
            tx.keep_payloads(connection, "request status", [(one.key, told.raw)])
            if told.acknowledgment is not None:
                record_acknowledgment(tx, run.wiring, connection, told.acknowledgment)
            for notice in told.notices:
                record_notice(tx, run, connection, notice)
