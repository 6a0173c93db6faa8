"""A place will not ship what it was asked for: its units go to others, and its figures are doubted."""

from __future__ import annotations

from datetime import datetime

from core.model.cases import Case, Severity
from core.model.catalog import LocationId
from core.model.fulfillment import FulfillmentState
from core.model.reasons import Reason
from jobs.claims import hold_units
from jobs.store.orders import Orders
from jobs.store.parcels import Parcels, Requested
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.untrusted import KIND as UNTRUSTED
from jobs.store.untrusted import refusals, subject_of
from jobs.wiring import Wiring

#: Cases about one request; they end where the place does not ship it after all.
CASES = (
    "call_off_refused",
    "request_overdue", "shipment_overdue", "request_backordered", "request_breaks_kit",
    "request_answer_strange", "request_repriced", "request_status_unreadable", "reminder_call",
    "request_words", "request_bounced", "call_off_unanswered", "call_off_unsent",
)  # fmt: skip


def reject(
    tx: Tx, wiring: Wiring, found: Requested, *, word: str, at: datetime, reference: str = ""
) -> None:
    """All of a request: the place said no, at that instant."""
    _end(tx, found, FulfillmentState.REJECTED, at=at, reference=reference)
    tx.decide(
        found.subject,
        Reason.of("request_rejected", key=found.key, location=found.location, word=word),
    )
    doubt(tx, wiring, found.location)
    route_again(tx, wiring, found)


def open_unknown_request(tx: Tx, connection: str, key: str) -> None:
    """A place speaks of a request that is none of ours, or none of its own."""
    reason = Reason.of("unknown_request", source=connection, key=key)
    tx.open_case(Case("unknown_request", f"request {connection} {key}", reason))


def take_back(tx: Tx, wiring: Wiring, found: Requested, *, elsewhere: bool) -> None:
    """All of a request: the place confirmed that it will not ship what we called off.

    `elsewhere`: it took too long, so that others are asked for the same.
    """
    state = FulfillmentState.REJECTED if elsewhere else FulfillmentState.CANCELED
    _end(tx, found, state, at=tx.now, call_off="confirmed")
    tx.decide(
        found.subject,
        Reason.of("request_called_off", key=found.key, location=found.location),
    )
    route_again(tx, wiring, found)


def called_off(tx: Tx, wiring: Wiring, found: Requested, *, confirmed: bool) -> None:
    """What a place said to being told not to ship it; only a yes frees its units."""
    if found.state not in (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED):
        return
    # What only took too long is still wanted: it is not to be stopped, and nobody else is asked.
    late = found.called_off == "overdue"
    if confirmed:
        take_back(tx, wiring, found, elsewhere=late)
        return
    Parcels(tx).mark(found.order_id, found.number, call_off="refused")
    args = {"key": found.key, "location": found.location}
    reason = (
        Reason.of("call_off_refused_late", **args)
        if late
        else Reason.of("call_off_refused", **args)
    )
    tx.decide(found.subject, reason)
    tx.close_case("call_off_unanswered", f"request {found.key}")
    if found.called_off != "change":
        # What the buyer took back is told when the order is decided again.
        tx.open_case(Case("call_off_refused", f"request {found.key}", reason, Severity.CRITICAL))
    Orders(tx).decide_again([found.order_id])
    tx.wake("core/orders")


def _end(tx: Tx, found: Requested, state: FulfillmentState, *, at: datetime, **values: str) -> None:
    parcels = Parcels(tx)
    # What it says later is news: a yes to what others are asked for by then.
    parcels.mark(found.order_id, found.number, state=str(state), acknowledged_at=at, **values)
    for kind in CASES:
        tx.close_case(kind, f"request {found.key}")
    Stock(tx).release([row.id for row in parcels.open_reservations(found.order_id, found.number)])


def route_again(tx: Tx, wiring: Wiring, found: Requested) -> None:
    """Units of this request are the order's again."""
    orders = Orders(tx)
    orders.decide_again([found.order_id])
    # Never without a claim, not even until it is routed again (I3).
    hold_units(tx, wiring, orders.load([found.order_id]))
    tx.wake("core/orders")


def doubt(tx: Tx, wiring: Wiring, place: LocationId) -> None:
    """A place that refuses again and again does not have what its figures say."""
    rule = wiring.config.routing.untrusted
    refused, sent = refusals(tx, place, since=tx.now - rule.within)
    if not rule.refusals or refused < rule.refusals or refused * 100 < rule.share * sent:
        return
    reason = Reason.of(
        "location_untrusted", location=place, refused=refused, sent=sent, within=str(rule.within)
    )
    if tx.open_case(Case(UNTRUSTED, subject_of(place), reason, Severity.CRITICAL)):
        tx.decide(subject_of(place), reason)
        tx.wake("core/dates")
