"""Requests to places that take them by a call: submitted once, then asked what became of them."""

from __future__ import annotations

from functools import partial

from core.errors import Rejected, UnknownOutcome
from core.model.cases import Case, Severity
from core.model.reasons import Reason
from core.ports import AskedFor, RequestService
from core.rules.effects import EffectStep, short_key
from core.rules.modes import may_write
from jobs.answers import record_acknowledgment
from jobs.notices import record_notices
from jobs.once import Write, each_effect, send, send_again
from jobs.push import Requests
from jobs.rejections import called_off, doubt
from jobs.run import Run, Stopped
from jobs.store.effects import EffectRow
from jobs.store.parcels import Parcels
from jobs.store.permissions import Permissions
from jobs.store.store import Tx

#: Requests asked about in one run.
ASKED_AT_ONCE = 200
#: HTTP statuses (RFC 9110, 15.5.10 and 15.5.21) of a place that read a request and will not do it;
#: the others (400, 404, 413, 415 ...) speak of how we asked, not of what it has.
NOT_SHIPPED = frozenset({"409", "422"})


def submit_requests(run: Run, connection: str) -> None:
    """Submit what is planned, each exactly once (I4)."""
    target = run.wiring.connector(connection, RequestService)
    requests = Requests(run, connection, target.request_document)

    def ask(effect: EffectRow) -> None:
        found = target.find_submitted(asked_for(effect.key, effect.remote_ref))
        if found is not None:
            landed(effect, found)
            return
        send_again(run, write, effect)

    def landed(effect: EffectRow, reference: str) -> None:
        with run.transaction() as tx:
            requests.handed_over(tx, effect, reference)

    write = Write(
        "requests",
        requests.document,
        lambda effect, document: target.submit_request(effect.key, document),
        lambda effect, _, reference: landed(effect, reference),
        refused=lambda tx, effect, error: _refused_at_once(tx, run, effect, error),
        unwritable=requests.unwritable,
        settle=target.request_settle,
    )
    each_effect(
        run,
        connection,
        "request",
        repeat_is_edit=target.request_repeat_is_same,
        can_ask=target.can_find_requests,
        steps={EffectStep.SEND: partial(send, run, write), EffectStep.ASK: ask},
    )
    if target.can_cancel_requests:
        call_off_requests(run, connection)


def _refused_at_once(tx: Tx, run: Run, effect: EffectRow, error: Rejected) -> None:
    """A place that will not take a request fails it as much as one that says no to it later."""
    if error.code not in NOT_SHIPPED:
        return
    parcels = Parcels(tx)
    found = parcels.requested(effect.key)
    assert found is not None, effect.key
    # It was asked: planned, and yet asked for, is what counts as refused (store.untrusted).
    parcels.mark(found.order_id, found.number, requested_at=tx.now)
    doubt(tx, run.wiring, found.location)


def call_off_requests(run: Run, connection: str) -> None:
    """Tell places not to ship what is wanted no more, or takes too long; only a yes frees its units."""
    target = run.wiring.connector(connection, RequestService)
    places = [one.id for one in run.wiring.locations if one.ships_through == connection]
    with run.reading() as tx:
        due = Parcels(tx).to_call_off(places)
    for one in due:
        with run.reading() as tx:
            permission = may_write(Permissions(tx).scope(one.scope, "requests"), sku=None)
        if not permission.allowed and permission.reason.code != "mode_propose":
            continue
        try:
            run.before_write(one.scope, "requests")
            confirmed = target.cancel_request(asked_for(one.key, one.reference))
        except Stopped:
            continue
        except UnknownOutcome as error:
            # Said again with the next run: what is canceled stays canceled.
            run.log.info("call-off in doubt", key=one.key, problem=str(error))
            continue
        except Rejected as error:
            run.log.info("call-off refused", key=one.key, problem=str(error))
            confirmed = False
        with run.transaction() as tx:
            found = Parcels(tx).requested(one.key)
            assert found is not None, one.key
            called_off(tx, run.wiring, found, confirmed=confirmed)


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
            record_notices(tx, run.wiring, connection, told.notices)
