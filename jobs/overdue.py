"""Requests that places do not answer or ship in time: told, told louder, called off where that can be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from config.model import Location
from core.model.cases import Case, Severity
from core.model.catalog import LocationId
from core.model.fulfillment import FulfillmentState
from core.model.reasons import Reason
from jobs.goods import can_call_off, ships_through
from jobs.run import Run
from jobs.store.parcels import Parcels
from jobs.store.store import Tx
from jobs.store.tables import fulfillment

_UNANSWERED = (FulfillmentState.REQUESTED,)
_UNTOUCHED = (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED)
_UNSHIPPED = (*_UNTOUCHED, FulfillmentState.PARTIALLY_SHIPPED)


def watch_requests(tx: Tx, run: Run) -> None:
    """Look at every place's requests."""
    for name, described in run.wiring.config.locations.items():
        _remind(tx, name, described)
        if described.reroute_after is not None and can_call_off(run.wiring, name):
            _call_off(tx, run, name, described.reroute_after)


def _remind(tx: Tx, place: LocationId, described: Location) -> None:
    """One Case for each; when it has been open for long, it gives way to one that says so."""
    louder = described.escalate_after
    for row in _waiting(tx, place, _UNANSWERED, described.acknowledge_within):
        subject = f"request {row.key}"
        if row.requested_at < tx.now - described.acknowledge_within - louder:
            reason = Reason.of("request_overdue_long", key=row.key, location=place)
            tx.renew_case(Case("request_overdue", subject, reason, Severity.CRITICAL))
        else:
            reason = Reason.of("request_overdue", key=row.key, location=place)
            tx.renew_case(Case("request_overdue", subject, reason))
    for row in _waiting(tx, place, _UNSHIPPED, described.ship_within):
        subject = f"request {row.key}"
        if row.requested_at < tx.now - described.ship_within - louder:
            reason = Reason.of("shipment_overdue_long", key=row.key, location=place)
        else:
            reason = Reason.of("shipment_overdue", key=row.key, location=place)
        tx.renew_case(Case("shipment_overdue", subject, reason, Severity.CRITICAL))


def _call_off(tx: Tx, run: Run, place: LocationId, after: timedelta) -> None:
    """Never asked of others before the place confirmed that it will not ship it."""
    parcels = Parcels(tx)
    for row in _waiting(tx, place, _UNTOUCHED, after):
        if parcels.call_off(row.order_id, row.number, why="overdue"):
            found = parcels.requested(row.key)
            assert found is not None, row.key
            tx.decide(
                found.subject, Reason.of("request_called_off_late", key=row.key, location=place)
            )
            tx.wake(f"{ships_through(run.wiring, place)}/requests")


def _waiting(
    tx: Tx, place: LocationId, states: Sequence[FulfillmentState], longer_than: timedelta
) -> list[Row[Any]]:
    return tx.rows(
        select(fulfillment).where(
            fulfillment.c.location == place,
            fulfillment.c.state.in_([str(one) for one in states]),
            fulfillment.c.requested_at < tx.now - longer_than,
        )
    )
