"""What places that are written to write back, beside yes, no and parcels; and that who writes has it."""

from __future__ import annotations

import hashlib

from core.model.cases import Case, Severity
from core.model.fulfillment import CallOffAnswer, FulfillmentState, RequestBounce, RequestLetter
from core.model.reasons import Reason
from core.rules.effects import short_key
from jobs.goods import ships_through
from jobs.rejections import called_off
from jobs.store.effects import Effects
from jobs.store.parcels import Parcels, Requested
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: A place's words about a request: a person reads them.
WORDS = "request_words"
BOUNCED = "request_bounced"


def heard_of(tx: Tx, found: Requested) -> None:
    """A place speaks of a request: it has it, whatever became of the call that told it."""
    for kind in (WORDS, BOUNCED):
        tx.close_case(kind, f"request {found.key}")
    parked = Effects(tx).parked_as(found.key)
    if parked is not None and parked.kind == "request":
        Effects(tx).handed_over(parked, remote_ref=parked.remote_ref)
        tx.close_case("effect_parked", f"request {found.key}")


def record_written(
    tx: Tx, wiring: Wiring, connection: str, one: CallOffAnswer | RequestLetter | RequestBounce
) -> None:
    """Words about a request, the news that it never arrived, or a yes or no to our not wanting it."""
    found = Parcels(tx).requested(one.key)
    if found is None or ships_through(wiring, found.location) != connection:
        reason = Reason.of("unknown_request", source=connection, key=one.key)
        tx.open_case(Case("unknown_request", f"request {connection} {one.key}", reason))
    elif isinstance(one, CallOffAnswer):
        record_call_off_answer(tx, wiring, found, stopped=one.stopped)
    else:
        _open_letter(tx, connection, found, one)


def record_call_off_answer(tx: Tx, wiring: Wiring, found: Requested, *, stopped: bool) -> None:
    """What they say to a question that we did not ask, or that is settled, changes nothing."""
    if not found.called_off:
        if stopped and found.state in (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED):
            _open_stopped(tx, found)
        return
    heard_of(tx, found)
    called_off(tx, wiring, found, confirmed=stopped)


def _open_stopped(tx: Tx, found: Requested) -> None:
    """They stopped what we want: a person asks, before anybody else ships it."""
    reason = Reason.of("request_stopped", key=found.key, location=found.location)
    tx.open_case(Case(WORDS, f"request {found.key}", reason, Severity.WARNING))
    tx.decide(found.subject, reason)


def _open_letter(
    tx: Tx, connection: str, found: Requested, letter: RequestLetter | RequestBounce
) -> None:
    """The text is kept apart, for a while."""
    args = {"key": found.key, "short": short_key(found.key), "location": found.location}
    if isinstance(letter, RequestLetter):
        reason = Reason.of("request_words", **args, sender=letter.sender)
        case = Case(WORDS, f"request {found.key}", reason, Severity.WARNING)
    elif letter.later:
        # The request came before it, by the same address: nobody can tell whether they have it.
        reason = Reason.of("request_mail_bounced", **args, status=letter.code)
        case = Case(BOUNCED, f"request {found.key}", reason, Severity.CRITICAL)
    else:
        reason = Reason.of("request_bounced", **args, status=letter.code)
        case = Case(BOUNCED, f"request {found.key}", reason, Severity.CRITICAL)
        _came_back(tx, found, letter.code)
    digest = hashlib.sha256(letter.text.encode()).hexdigest()[:16]
    kept = tx.keep_payload(connection, "request letter", f"{found.key} {digest}", letter.text)
    tx.open_case(case, payload_id=kept)
    tx.decide(found.subject, reason)


def _came_back(tx: Tx, found: Requested, code: str) -> None:
    """As one of which nobody can tell: another of their addresses may have it. A person says which.

    Who answered it has it all the same.
    """
    told = Effects(tx).done_as(found.key)
    if told is None or found.state is not FulfillmentState.REQUESTED:
        return
    Effects(tx).parked(told, response=f"the mail came back: {code}")
    planned = str(FulfillmentState.PLANNED)
    Parcels(tx).mark(found.order_id, found.number, state=planned, requested_at=None)
