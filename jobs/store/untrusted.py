"""Places that do not find what their figures say they have: who they are, and how it shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, exists, func, or_, select

from core.model.catalog import LocationId
from core.model.fulfillment import FulfillmentState
from jobs.store.store import Tx
from jobs.store.tables import cases, fulfillment, fulfillment_line

#: The Case that is the state: open, the place gets no more orders.
KIND = "location_untrusted"
_SUBJECT = "location "
#: A request that was canceled says nothing about the place.
_TOLD = [str(one) for one in FulfillmentState if one is not FulfillmentState.CANCELED]


def subject_of(place: LocationId) -> str:
    return f"{_SUBJECT}{place}"


def untrusted(tx: Tx) -> frozenset[LocationId]:
    """Places that get no orders until a person closes their Case."""
    found = tx.connection.execute(
        select(cases.c.subject).where(cases.c.kind == KIND, cases.c.state == "open")
    ).scalars()
    return frozenset(subject.removeprefix(_SUBJECT) for subject in found)


def refusals(tx: Tx, place: LocationId, *, since: datetime) -> tuple[int, int]:
    """(requests refused, requests sent) of those it was sent since then, or since it was trusted again.

    One that it will ship in part only counts as refused.
    """
    again = tx.connection.execute(
        select(func.max(cases.c.closed_at)).where(
            cases.c.kind == KIND, cases.c.subject == subject_of(place), cases.c.state == "closed"
        )
    ).scalar()
    begins = max(since, again) if again is not None else since
    short = (
        exists()
        .where(
            fulfillment_line.c.order_id == fulfillment.c.order_id,
            fulfillment_line.c.number == fulfillment.c.number,
            fulfillment_line.c.declined > 0,
        )
        .correlate(fulfillment)
    )
    # Asked for and planned still: its place refused to take it (jobs.requests).
    ended = [str(FulfillmentState.REJECTED), str(FulfillmentState.PLANNED)]
    refused = or_(fulfillment.c.state.in_(ended), short)
    sent, bad = tx.connection.execute(
        select(func.count(), func.sum(case((refused, 1), else_=0))).where(
            fulfillment.c.location == place,
            fulfillment.c.requested_at > begins,
            fulfillment.c.state.in_(_TOLD),
        )
    ).one()
    return int(bad or 0), int(sent)
