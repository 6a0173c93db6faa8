"""Requests that places do not answer or ship in time, and purchase orders that suppliers do not answer:
told, told louder, called off where that can be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, literal, select

from config.model import Location
from config.reminding import Reminding
from core.model.cases import Case, Severity
from core.model.catalog import LocationId
from core.model.fulfillment import FulfillmentState
from core.model.purchasing import PurchaseState
from core.model.reasons import Reason
from jobs.deadlines import WorkingTime, of_place, of_supplier
from jobs.goods import can_call_off, ships_through
from jobs.run import Run
from jobs.store.parcels import Parcels
from jobs.store.purchases import Purchases
from jobs.store.store import Tx
from jobs.store.tables import cases, effect, fulfillment

#: A Case about a purchase order that its supplier says nothing about.
PURCHASE_UNANSWERED = "purchase_unanswered"

#: The kind of the mail that asks a place not to ship; its key is this and the request's.
CALL_OFF = "call-off"

_UNANSWERED = (FulfillmentState.REQUESTED,)
_UNTOUCHED = (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED)
UNSHIPPED = (*_UNTOUCHED, FulfillmentState.PARTIALLY_SHIPPED)


def watch_requests(tx: Tx, run: Run) -> None:
    """Look at every place's requests."""
    for name, described in run.wiring.config.locations.items():
        _tell(tx, run, name, described)
        if can_call_off(run.wiring, name):
            _call_off(tx, run, name, described)
        _tell_call_offs(tx, run, name, described)
    _end_refusals(tx)


def _tell(tx: Tx, run: Run, place: LocationId, described: Location) -> None:
    """One Case for each; when it has been open for long, it gives way to one that says so."""
    time, louder = of_place(run.wiring, described), described.escalate_after
    whom = to_ask(place, described.remind)
    term = described.acknowledge_within
    for row in _waiting(tx, place, time, _UNANSWERED, term):
        subject = f"request {row.key}"
        if time.after(row.requested_at, term + louder) < tx.now:
            reason = Reason.of("request_overdue_long", key=row.key, location=whom)
            tx.renew_case(Case("request_overdue", subject, reason, Severity.CRITICAL))
        else:
            reason = Reason.of("request_overdue", key=row.key, location=whom)
            tx.renew_case(Case("request_overdue", subject, reason))
    term = described.ship_within
    for row in _waiting(tx, place, time, UNSHIPPED, term):
        subject = f"request {row.key}"
        if time.after(row.requested_at, term + louder) < tx.now:
            reason = Reason.of("shipment_overdue_long", key=row.key, location=whom)
        else:
            reason = Reason.of("shipment_overdue", key=row.key, location=whom)
        tx.renew_case(Case("shipment_overdue", subject, reason, Severity.CRITICAL))


def to_ask(partner: str, remind: Reminding) -> str:
    """The partner, with whom to call there where that is known."""
    return f"{partner} ({remind.call})" if remind.call else partner


def watch_purchases(tx: Tx, run: Run) -> None:
    """Look at the orders that suppliers take by machine: one Case for each that they do not answer.

    It ends with whatever they say or send. Nothing is ordered elsewhere by itself: goods for the shelf
    can wait for a person, and a second order may come beside the first.
    """
    suppliers = run.wiring.config.suppliers
    silent: set[str] = set()
    for order in Purchases(tx).listed():
        terms = suppliers.get(order.supplier)
        if order.state is not PurchaseState.SENT or order.sent_at is None or terms is None:
            continue
        term = terms.acknowledge_within
        if not terms.connection or term is None:
            continue
        time = of_supplier(run.wiring, terms)
        if time.after(order.sent_at, term) >= tx.now:
            continue
        subject = f"purchase {order.number}"
        silent.add(subject)
        args = {"number": order.number, "supplier": to_ask(order.supplier, terms.remind)}
        if time.after(order.sent_at, 2 * term) < tx.now:
            reason = Reason.of("purchase_unanswered_long", **args)
            tx.renew_case(Case(PURCHASE_UNANSWERED, subject, reason, Severity.CRITICAL))
        else:
            reason = Reason.of("purchase_unanswered", **args)
            tx.renew_case(Case(PURCHASE_UNANSWERED, subject, reason))
    told = select(cases.c.subject).where(
        cases.c.kind == PURCHASE_UNANSWERED, cases.c.state == "open"
    )
    for row in tx.rows(told):
        if row.subject not in silent:
            tx.close_case(PURCHASE_UNANSWERED, row.subject)


def _call_off(tx: Tx, run: Run, place: LocationId, described: Location) -> None:
    """Never asked of others before the place confirmed that it will not ship it."""
    if described.reroute_after is None:
        return
    parcels, time = Parcels(tx), of_place(run.wiring, described)
    for row in _waiting(tx, place, time, _UNTOUCHED, described.reroute_after):
        if parcels.call_off(row.order_id, row.number, why="overdue"):
            found = parcels.requested(row.key)
            assert found is not None, row.key
            tx.decide(
                found.subject, Reason.of("request_called_off_late", key=row.key, location=place)
            )
            tx.wake(f"{ships_through(run.wiring, place)}/requests")


def _tell_call_offs(tx: Tx, run: Run, place: LocationId, described: Location) -> None:
    """A place that was mailed not to ship and says nothing is asked by a person."""
    time = of_place(run.wiring, described)
    wanted = tx.rows(
        select(fulfillment.c.key, effect.c.sent_at)
        .join(effect, effect.c.key == literal(f"{CALL_OFF}:").concat(fulfillment.c.key))
        .where(
            fulfillment.c.location == place,
            fulfillment.c.call_off == "wanted",
            fulfillment.c.state.in_([str(one) for one in _UNTOUCHED]),
            effect.c.kind == CALL_OFF,
            effect.c.sent_at.is_not(None),
        )
    )
    for row in wanted:
        if time.after(row.sent_at, described.acknowledge_within) < tx.now:
            whom = to_ask(place, described.remind)
            reason = Reason.of("call_off_unanswered", key=row.key, location=whom)
            case = Case("call_off_unanswered", f"request {row.key}", reason, Severity.CRITICAL)
            tx.renew_case(case)


def _end_refusals(tx: Tx) -> None:
    """What was called off too late for having waited too long, and is shipped, bothers nobody more."""
    told = select(cases.c.subject).where(
        cases.c.kind == "call_off_refused",
        cases.c.code == "call_off_refused_late",
        cases.c.state == "open",
    )
    subjects = {row.subject.removeprefix("request "): row.subject for row in tx.rows(told)}
    over = (FulfillmentState.SHIPPED, FulfillmentState.DELIVERED)
    found = select(fulfillment.c.key).where(
        fulfillment.c.key.in_(list(subjects)), fulfillment.c.state.in_([str(one) for one in over])
    )
    for row in tx.rows(found) if subjects else ():
        tx.close_case("call_off_refused", subjects[row.key])


def _waiting(
    tx: Tx, place: LocationId, time: WorkingTime, states: Sequence[FulfillmentState],
    longer_than: timedelta,
) -> list[Row[Any]]:  # fmt: skip
    asked = tx.rows(
        select(fulfillment).where(
            fulfillment.c.location == place,
            fulfillment.c.state.in_([str(one) for one in states]),
            # Working time is never shorter than time.
            fulfillment.c.requested_at < tx.now - longer_than,
        )
    )
    return [row for row in asked if time.after(row.requested_at, longer_than) < tx.now]
