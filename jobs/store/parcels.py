"""Fulfillments on their way: answers from places, parcels, scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from core.model.catalog import ChannelId, LocationId, Sku
from core.model.fulfillment import (
    ConfirmedLine,
    FulfillmentState,
    Shipment,
    ToldBeside,
    TrackingEvent,
    TrackingStatus,
)
from core.model.stock import HELD
from core.rules.effects import EffectState, short_key
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import (
    effect,
    fulfillment,
    fulfillment_line,
    orders,
    reservation,
    shipment,
    shipment_line,
    tracking_event,
)

#: Open requests of one connection that are looked through for a name.
_MOST_OPEN = 20_000


@dataclass(frozen=True, slots=True)
class Requested:
    """A fulfillment as its place's answers find it, by key."""

    order_id: int
    number: int
    channel: ChannelId
    order: str
    location: LocationId
    state: FulfillmentState
    acknowledged_at: datetime | None
    #: (line, sku) -> (quantity, per unit, shipped)
    lines: dict[tuple[str, Sku], tuple[int, int, int]]
    key: str = ""
    #: (line, sku) -> units the place said it will not ship, in `lines` no more
    declined: Mapping[tuple[str, Sku], int] = field(default_factory=dict)
    #: why we are telling its place not to ship it; "": we are not
    called_off: str = ""

    @property
    def subject(self) -> str:
        return f"order {self.channel} {self.order}"


@dataclass(frozen=True, slots=True)
class RequestToAsk:
    """A request whose place is asked what became of it."""

    order_id: int
    number: int
    key: str
    #: the place's own id for it
    reference: str
    #: the channel whose modes rule what is written about it
    scope: str = ""
    #: why its place is to be told not to ship it
    why: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as tracking looks at it."""

    order_id: int
    package_number: int
    channel: ChannelId
    order: str
    carrier: str
    tracking_number: str
    shipped_at: datetime
    status: TrackingStatus


def _of_line(one: Requested, line: str, sku: Sku) -> tuple[ColumnElement[bool], ...]:
    return (
        fulfillment_line.c.order_id == one.order_id,
        fulfillment_line.c.number == one.number,
        fulfillment_line.c.line == line,
        fulfillment_line.c.sku == sku,
    )


def _is_confirmation_of(one: FromClause) -> ColumnElement[bool]:
    """Of a row of `shipment`, or an alias of it."""
    return and_(
        effect.c.order_id == one.c.order_id,
        effect.c.number == one.c.package_number,
        effect.c.kind == "confirmation",
    )


class Parcels:
    """Statements about fulfillments under way, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def requested(self, key: str) -> Requested | None:
        """By its key, or by its short one."""
        row = self._connection.execute(
            select(fulfillment, orders.c.channel, orders.c.remote_id)
            .join(orders, orders.c.id == fulfillment.c.order_id)
            .where(or_(fulfillment.c.key == key, fulfillment.c.short_key == key))
        ).first()
        if row is None:
            return None
        lines = {}
        declined = {}
        for line in self._connection.execute(
            select(fulfillment_line).where(
                fulfillment_line.c.order_id == row.order_id,
                fulfillment_line.c.number == row.number,
            )
        ):
            lines[line.line, line.sku] = (line.quantity, line.per_unit, line.shipped)
            if line.declined:
                declined[line.line, line.sku] = line.declined
        return Requested(
            row.order_id,
            row.number,
            row.channel,
            row.remote_id,
            row.location,
            FulfillmentState(row.state),
            row.acknowledged_at,
            lines,
            row.key,
            declined,
            row.call_off_why if row.call_off == "wanted" else "",
        )

    def hold(self, key: str) -> None:
        """Whoever else holds it waits until this transaction ends."""
        if self._connection.dialect.name != "sqlite":
            query = select(fulfillment.c.order_id).where(fulfillment.c.key == key)
            self._connection.execute(query.with_for_update())

    def mark(self, order_id: int, number: int, **values: Any) -> None:
        """Set columns of one fulfillment."""
        self._connection.execute(
            update(fulfillment)
            .where(fulfillment.c.order_id == order_id, fulfillment.c.number == number)
            .values(**values)
        )

    def add_shipped(self, one: Requested, line: str, sku: Sku, quantity: int) -> None:
        self._connection.execute(
            update(fulfillment_line)
            .where(*_of_line(one, line, sku))
            .values(shipped=fulfillment_line.c.shipped + quantity)
        )

    def to_ask_about(
        self, places: Sequence[LocationId], *, before: datetime, limit: int
    ) -> list[RequestToAsk]:
        """Requests at these places that are not over and were not asked about since."""
        under_way = [
            str(one)
            for one in (
                FulfillmentState.REQUESTED,
                FulfillmentState.ACKNOWLEDGED,
                FulfillmentState.PARTIALLY_SHIPPED,
            )
        ]
        rows = self._tx.rows(
            select(fulfillment, effect.c.remote_ref)
            .join(effect, and_(effect.c.key == fulfillment.c.key, effect.c.kind == "request"))
            .where(
                fulfillment.c.location.in_(places),
                fulfillment.c.state.in_(under_way),
                effect.c.state == "done",
                or_(fulfillment.c.asked_at.is_(None), fulfillment.c.asked_at <= before),
            )
            .order_by(
                fulfillment.c.asked_at.is_not(None), fulfillment.c.asked_at, fulfillment.c.key
            )
            .limit(limit)
        )
        return [RequestToAsk(row.order_id, row.number, row.key, row.remote_ref) for row in rows]

    def call_off(self, order_id: int, number: int, *, why: str) -> bool:
        """Its place is to be told not to ship it. False: it was told, or is being told, before."""
        return bool(
            self._connection.execute(
                update(fulfillment)
                .where(
                    fulfillment.c.order_id == order_id,
                    fulfillment.c.number == number,
                    fulfillment.c.call_off.is_(None),
                )
                .values(call_off="wanted", call_off_why=why)
            ).rowcount
        )

    def to_call_off(self, places: Sequence[LocationId]) -> list[RequestToAsk]:
        """Requests whose places are to be told not to ship, and that are not over."""
        rows = self._tx.rows(
            select(fulfillment, effect.c.remote_ref, effect.c.scope)
            .join(effect, and_(effect.c.key == fulfillment.c.key, effect.c.kind == "request"))
            .where(
                fulfillment.c.location.in_(places),
                fulfillment.c.call_off == "wanted",
                fulfillment.c.state.in_(
                    [str(FulfillmentState.REQUESTED), str(FulfillmentState.ACKNOWLEDGED)]
                ),
                effect.c.state == "done",
            )
            .order_by(fulfillment.c.key)
        )
        return [
            RequestToAsk(
                row.order_id, row.number, row.key, row.remote_ref, row.scope, row.call_off_why
            )
            for row in rows
        ]

    def ask_soon(self, places: Sequence[LocationId], names: Set[str]) -> None:
        """Those of these names (our keys, long or short, or their ids) are asked about next."""
        open_ones = self.to_ask_about(places, before=self._tx.now, limit=_MOST_OPEN)
        for one in open_ones:
            if names & {one.key, short_key(one.key), one.reference}:
                self.mark(one.order_id, one.number, asked_at=None)

    def asked_about(self, one: RequestToAsk) -> None:
        self.mark(one.order_id, one.number, asked_at=self._tx.now)

    def decline(self, one: Requested, units: Mapping[tuple[str, Sku], int]) -> None:
        """The place will not ship these: they are asked of it no more, and stay in its record."""
        for (line, sku), count in units.items():
            self._connection.execute(
                update(fulfillment_line)
                .where(*_of_line(one, line, sku))
                .values(
                    quantity=fulfillment_line.c.quantity - count,
                    declined=fulfillment_line.c.declined + count,
                )
            )

    def lines_of_parcel(self, one: Requested, tracking_number: str) -> dict[str, int] | None:
        """Units by order line that went under this number for a request; None: nothing did."""
        numbers = self._connection.execute(
            select(shipment.c.package_number).where(
                shipment.c.order_id == one.order_id,
                shipment.c.fulfillment == one.number,
                shipment.c.tracking_number == tracking_number,
            )
        ).scalars()
        known = list(numbers)
        if not known:
            return None
        units: Counter[str] = Counter()
        for row in self._tx.rows(
            select(shipment_line.c.line, shipment_line.c.quantity).where(
                shipment_line.c.order_id == one.order_id,
                shipment_line.c.package_number.in_(known),
            )
        ):
            units[row.line] += row.quantity
        return dict(units)

    def with_lines(self, order_id: int, lines: Collection[str]) -> list[tuple[str, str]]:
        """(carrier, number) of the parcels of an order that units of these lines are in."""
        query = (
            select(shipment.c.carrier, shipment.c.tracking_number)
            .join(
                shipment_line,
                (shipment_line.c.order_id == shipment.c.order_id)
                & (shipment_line.c.package_number == shipment.c.package_number),
            )
            .where(shipment.c.order_id == order_id, shipment_line.c.line.in_(lines))
            .order_by(shipment.c.package_number)
        )
        rows = self._connection.execute(query)
        return list(dict.fromkeys((row.carrier, row.tracking_number) for row in rows))

    def add_parcel(
        self,
        one: Requested,
        *,
        carrier: str,
        tracking_number: str,
        service: str,
        shipped_at: datetime,
        remote_location: str,
        lines: Sequence[ConfirmedLine],
        ask_at: datetime | None,
        tell_at: datetime | None,
    ) -> int:
        """A parcel of this fulfillment; returns its package number, counted within the order."""
        last = self._connection.execute(
            select(func.max(shipment.c.package_number)).where(shipment.c.order_id == one.order_id)
        ).scalar_one()
        number = (last or 0) + 1
        self._connection.execute(
            insert(shipment).values(
                order_id=one.order_id,
                package_number=number,
                fulfillment=one.number,
                location=one.location,
                carrier=carrier,
                tracking_number=tracking_number,
                service=service,
                shipped_at=shipped_at,
                remote_location=remote_location,
                status=str(TrackingStatus.UNKNOWN),
                ask_at=ask_at,
                tell_at=tell_at,
            )
        )
        if lines:
            self._connection.execute(
                insert(shipment_line),
                [
                    {"order_id": one.order_id, "package_number": number, "line": line.line, "quantity": line.quantity}
                    for line in lines
                ],
            )  # fmt: skip
        return number

    def open_reservations(self, order_id: int, number: int) -> list[Row[Any]]:
        """(id, line, sku, location, quantity) still held for this fulfillment."""
        return self._tx.rows(
            select(
                reservation.c.id,
                reservation.c.line,
                reservation.c.sku,
                reservation.c.location,
                reservation.c.quantity,
            ).where(
                reservation.c.order_id == order_id,
                reservation.c.fulfillment == number,
                reservation.c.state.in_(HELD),
            )
        )

    # --- confirming ------------------------------------------------------------------------------

    def unconfirmed(self, channel: ChannelId, *, limit: int) -> list[Shipment]:
        """Parcels of this channel's orders that no confirmation was ever planned for."""
        rows = self._connection.execute(
            select(shipment, orders.c.channel, orders.c.remote_id, orders.c.placed_at)
            .join(orders, orders.c.id == shipment.c.order_id)
            .join(
                fulfillment,
                and_(
                    fulfillment.c.order_id == shipment.c.order_id,
                    fulfillment.c.number == shipment.c.fulfillment,
                ),
            )
            .outerjoin(
                effect,
                _is_confirmation_of(shipment),
            )
            .where(
                orders.c.channel == channel,
                # The channel knows nothing of an order that replaces what came back.
                orders.c.replaces.is_(None),
                # A canceled order takes no confirmation; its parcel is a Case.
                orders.c.canceled_at.is_(None),
                effect.c.id.is_(None),
                or_(shipment.c.tell_at.is_(None), shipment.c.tell_at <= self._tx.now),
                # Part of a Kit alone is no unit of a line: the parcel that makes it whole is told.
                exists().where(
                    shipment_line.c.order_id == shipment.c.order_id,
                    shipment_line.c.package_number == shipment.c.package_number,
                ),
                fulfillment.c.reference != "elsewhere",
            )
            .order_by(shipment.c.order_id, shipment.c.package_number)
            .limit(limit)
        ).all()
        return [self._shipment(row) for row in rows]

    def shipment(self, order_id: int, package_number: int) -> Shipment:
        row = self._connection.execute(
            select(shipment, orders.c.channel, orders.c.remote_id, orders.c.placed_at)
            .join(orders, orders.c.id == shipment.c.order_id)
            .where(shipment.c.order_id == order_id, shipment.c.package_number == package_number)
        ).one()
        return self._shipment(row)

    def beside(
        self, order_id: int, package_number: int, *, states: Sequence[EffectState]
    ) -> list[Row[Any]]:
        """(package number, remote ref) of confirmations under the same number that stand like this."""
        mine, other = shipment.alias(), shipment.alias()
        return self._tx.rows(
            select(other.c.package_number, effect.c.remote_ref)
            .select_from(mine)
            .join(
                other,
                and_(
                    other.c.order_id == mine.c.order_id,
                    other.c.tracking_number == mine.c.tracking_number,
                    other.c.package_number != mine.c.package_number,
                ),
            )
            .join(
                effect,
                _is_confirmation_of(other),
            )
            .where(
                mine.c.order_id == order_id,
                mine.c.package_number == package_number,
                effect.c.state.in_([str(one) for one in states]),
            )
            .order_by(other.c.package_number)
        )

    def _contents(self, order_id: int, package_number: int) -> tuple[ConfirmedLine, ...]:
        found = self._connection.execute(
            select(shipment_line.c.line, shipment_line.c.quantity)
            .where(
                shipment_line.c.order_id == order_id,
                shipment_line.c.package_number == package_number,
            )
            .order_by(shipment_line.c.line)
        )
        return tuple(ConfirmedLine(row.line, row.quantity) for row in found)

    def _shipment(self, row: Row[Any]) -> Shipment:
        told = self.beside(row.order_id, row.package_number, states=[EffectState.DONE])
        return Shipment(
            channel=row.channel,
            order=row.remote_id,
            package_number=row.package_number,
            location=row.location,
            carrier=row.carrier,
            tracking_number=row.tracking_number,
            # A place that writes dates only may name a midnight before the order was placed.
            shipped_at=max(row.shipped_at, row.placed_at),
            lines=self._contents(row.order_id, row.package_number),
            remote_location=row.remote_location,
            service=row.service,
            beside=tuple(
                ToldBeside(one.remote_ref, self._contents(row.order_id, one.package_number))
                for one in told
            ),
        )

    # --- tracking --------------------------------------------------------------------------------

    def to_ask(self, carriers: Sequence[str], *, limit: int) -> list[Parcel]:
        """Parcels whose question is due, the longest due first."""
        rows = self._connection.execute(
            select(shipment, orders.c.channel, orders.c.remote_id)
            .join(orders, orders.c.id == shipment.c.order_id)
            .where(shipment.c.ask_at <= self._tx.now, shipment.c.carrier.in_(carriers))
            .order_by(shipment.c.ask_at)
            .limit(limit)
        )
        return [
            Parcel(
                row.order_id,
                row.package_number,
                row.channel,
                row.remote_id,
                row.carrier,
                row.tracking_number,
                row.shipped_at,
                TrackingStatus(row.status),
            )
            for row in rows
        ]

    def add_events(self, parcel: Parcel, events: Sequence[TrackingEvent]) -> int:
        """Keep scans; a repeat is a no-op. Returns how many were new."""
        rows = {
            (event.at, event.raw_type, event.raw_code): {
                "order_id": parcel.order_id,
                "package_number": parcel.package_number,
                "at": event.at,
                "raw_type": event.raw_type,
                "raw_code": event.raw_code,
                "raw_status_code": event.raw_status_code,
                "status": str(event.status),
                "local_time": event.local_time,
                "text": event.text,
                "place": event.place,
            }
            for event in events
        }
        return len(
            upsert(
                self._connection,
                tracking_event,
                list(rows.values()),
                key=["order_id", "package_number", "at", "raw_type", "raw_code"],
                returning=["at"],
            )
        )

    def asked(
        self,
        parcel: Parcel,
        *,
        status: TrackingStatus,
        status_at: datetime | None,
        ask_at: datetime | None,
    ) -> None:
        """What the carrier answered, and when it is asked again."""
        values: dict[str, Any] = {
            "status": str(status),
            "status_at": status_at,
            "asked_at": self._tx.now,
            "ask_at": ask_at,
        }
        if status is TrackingStatus.DELIVERED:
            values["delivered_at"] = status_at
        self._connection.execute(
            update(shipment)
            .where(
                shipment.c.order_id == parcel.order_id,
                shipment.c.package_number == parcel.package_number,
            )
            .values(**values)
        )
