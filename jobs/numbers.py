"""Tracking numbers are looked at before a channel hears them, and set right by people.

A number that is none, or that another buyer's parcel has, counts against a seller at its channel
and tells the buyer nothing. Its parcel is told later: when a person has set the number right or says
that it is, or as it stands, just before the order would be late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select, update

from core.errors import LockstepError
from core.model.cases import Case
from core.model.fulfillment import ShipmentNotice, TrackingStatus
from core.model.reasons import Reason
from core.rules.tracking_numbers import judge
from jobs.store.parcels import Requested
from jobs.store.store import Tx
from jobs.store.tables import effect, orders, party, shipment
from jobs.wiring import Wiring

KIND = "number_doubtful"
#: Carriers use a number again after months.
_USED_WITHIN = timedelta(days=120)


def judged(
    tx: Tx, wiring: Wiring, found: Requested, notice: ShipmentNotice
) -> tuple[str, datetime | None]:
    """(our word for the carrier, when its channel is told at the earliest; None: at once)."""
    number = notice.tracking_number
    verdict = judge(number, told=notice.carrier)
    used = _used_by_another(tx, found.order_id, number)
    if used is None and verdict.valid:
        if verdict.reason.code == "number_of_another":
            tx.decide(found.subject, verdict.reason)
        return verdict.carrier, None
    carrier = verdict.carrier or notice.carrier
    tell_at = _told_at(tx, wiring, found)
    about = {
        "order": found.order,
        "location": found.location,
        "number": number,
        "until": max(tell_at, tx.now).isoformat(timespec="minutes"),
    }
    if used is not None:
        reason = Reason.of("parcel_number_used", other=used, **about)
    elif carrier:
        reason = Reason.of("parcel_number_wrong", carrier=carrier, **about)
    else:
        reason = Reason.of("parcel_number_nobodys", **about)
    tx.decide(found.subject, reason)
    tx.open_case(Case(KIND, _subject(found.channel, found.order, number), reason))
    return carrier, tell_at


def _told_at(tx: Tx, wiring: Wiring, found: Requested) -> datetime:
    """When its channel is told of it as it stands."""
    terms = wiring.config.doubtful_numbers
    ship_by = tx.connection.execute(
        select(orders.c.ship_by).where(orders.c.id == found.order_id)
    ).scalar_one()
    waited = tx.now + terms.wait
    return waited if ship_by is None else min(waited, ship_by - terms.before_ship_by)


def _subject(channel: str, order: str, number: str) -> str:
    return f"order {channel} {order} parcel {number}"


def _used_by_another(tx: Tx, order_id: int, number: str) -> str | None:
    """An order to another door, and of another buyer, whose parcel has this number; None: there is
    none. One parcel may hold two orders of one buyer."""
    mine, theirs = party.alias(), party.alias()
    row = tx.connection.execute(
        select(orders.c.remote_id)
        .select_from(shipment)
        .join(orders, orders.c.id == shipment.c.order_id)
        .join(theirs, and_(theirs.c.order_id == orders.c.id, theirs.c.role == "ship_to"))
        .join(mine, and_(mine.c.order_id == order_id, mine.c.role == "ship_to"))
        .where(
            shipment.c.tracking_number == number,
            shipment.c.order_id != order_id,
            shipment.c.shipped_at > tx.now - _USED_WITHIN,
            or_(
                theirs.c.door_mark.is_(None),
                mine.c.door_mark.is_(None),
                theirs.c.door_mark != mine.c.door_mark,
            ),
            or_(
                theirs.c.buyer_mark.is_(None),
                mine.c.buyer_mark.is_(None),
                theirs.c.buyer_mark != mine.c.buyer_mark,
            ),
        )
        .order_by(orders.c.id)
        .limit(1)
    ).first()
    return None if row is None else str(row.remote_id)


# --- people --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doubted:
    """A parcel whose channel is not told of it yet."""

    channel: str
    order: str
    location: str
    carrier: str
    number: str
    tell_at: datetime


def doubted(tx: Tx) -> list[Doubted]:
    """Parcels that wait for a person, the first to be told first."""
    rows = tx.rows(
        select(shipment, orders.c.channel, orders.c.remote_id)
        .join(orders, orders.c.id == shipment.c.order_id)
        .outerjoin(effect, _confirms())
        .where(shipment.c.tell_at > tx.now, effect.c.id.is_(None), orders.c.canceled_at.is_(None))
        .order_by(shipment.c.tell_at, shipment.c.order_id, shipment.c.package_number)
    )
    return [
        Doubted(
            row.channel, row.remote_id, row.location, row.carrier, row.tracking_number, row.tell_at
        )
        for row in rows
    ]


def accept(tx: Tx, order: str, number: str, *, by: str, note: str) -> None:
    """A person says that the number is right: its channel is told. Raises LockstepError."""
    rows = _parcels(tx, order, number)
    reason = Reason.of("number_accepted", number=number, by=by, note=note)
    _settle(tx, rows, number, reason, by=by, note=note, tell_at=None)


def correct(
    tx: Tx, wiring: Wiring, order: str, number: str, *, right: str, carrier: str, by: str, note: str
) -> None:  # fmt: skip
    """A person gives the right number, before the channel was told. Raises LockstepError."""
    rows = _parcels(tx, order, number)
    right = "".join(right.split()).upper()
    verdict = judge(right, told=carrier)
    if not verdict.valid:
        raise LockstepError(f"{right!r} cannot be the number either: nothing was changed")
    if any(row.confirmed for row in rows):
        raise LockstepError(
            f"the channel of order {order} knows {number} already: correct it there, and have its "
            "carrier's link tried"
        )
    reason = Reason.of(
        "number_corrected", number=number, right=right, carrier=verdict.carrier, by=by, note=note
    )
    _settle(
        tx, rows, number, reason, by=by, note=note, tell_at=None, tracking_number=right,
        carrier=verdict.carrier, status=str(TrackingStatus.UNKNOWN), status_at=None, asked_at=None,
        ask_at=tx.now if verdict.carrier in wiring.carriers else None,
    )  # fmt: skip
    tx.wake(*wiring.tracking_units)


def _confirms() -> Any:
    return and_(
        effect.c.order_id == shipment.c.order_id,
        effect.c.number == shipment.c.package_number,
        effect.c.kind == "confirmation",
    )


def _parcels(tx: Tx, order: str, number: str) -> Sequence[Row[Any]]:
    """Rows of the parcel of an order, by its remote id or name. Raises LockstepError: there is none."""
    rows = tx.rows(
        select(
            shipment.c.order_id,
            shipment.c.package_number,
            orders.c.channel,
            orders.c.remote_id,
            effect.c.id.is_not(None).label("confirmed"),
        )
        .join(orders, orders.c.id == shipment.c.order_id)
        .outerjoin(effect, _confirms())
        .where(
            or_(orders.c.remote_id == order, orders.c.name == order),
            shipment.c.tracking_number == number,
        )
    )
    if not rows:
        raise LockstepError(f"order {order} has no parcel {number}: see lockstep parcels list")
    if len({row.order_id for row in rows}) > 1:
        raise LockstepError(f"several orders are called {order}: name it by its remote id")
    return rows


def _settle(
    tx: Tx, rows: Sequence[Row[Any]], number: str, reason: Reason, *, by: str, note: str,
    **changes: object,
) -> None:  # fmt: skip
    first = rows[0]
    tx.connection.execute(
        update(shipment)
        .where(
            shipment.c.order_id == first.order_id,
            shipment.c.package_number.in_([row.package_number for row in rows]),
        )
        .values(**changes)
    )
    subject = _subject(first.channel, first.remote_id, number)
    tx.audit(by, reason.code, subject, note=note)
    tx.decide(f"order {first.channel} {first.remote_id}", reason)
    tx.close_case(KIND, subject, by=by, note=note)
    tx.wake(f"{first.channel}/shipments")
