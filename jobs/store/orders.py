"""Orders as channels state them, recorded once; and how far we are with each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from core.errors import LeaseLost
from core.model.catalog import ChannelId, FulfilledBy, Sku
from core.model.fulfillment import FulfillmentState, TrackingStatus
from core.model.money import Money
from core.model.orders import (
    Address,
    Asked,
    Hold,
    Order,
    OrderLine,
    OrderStage,
    PaymentStatus,
    Risk,
)
from core.model.reasons import Arg
from core.model.stock import HELD, ReservationState
from core.rules.addresses import buyer_mark, door_mark
from core.rules.effects import short_key
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import (
    effect,
    fulfillment,
    fulfillment_line,
    hold,
    order_line,
    orders,
    party,
    reservation,
    returns,
    shipment,
    shipment_line,
    stock_level,
)

#: What rules may ask of an order, beside its priority.
_ASKED = ("tags", "notes", "services")
#: Columns of a line whose change alone changes no order.
_NO_NEWS = frozenset({"order_id", "remote_id", "external", "assigned"})
#: States of a request that left, or may have.
_LEFT = ("sending", "staged", "done", "unknown", "parked")


def _undecided(limit: int, but: Collection[int]) -> Select[int]:
    due = select(orders.c.id).where(orders.c.decide, orders.c.id.not_in(sorted(but)))
    return due.order_by(orders.c.id).limit(limit)


class Overtaken(LeaseLost):
    """Another run acted on this since it was read; what was decided is void."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a channel's line is in our words: the Sku (None: unknown) and units of it in one sale."""

    sku: Sku | None
    units_per_sale: int = 1


@dataclass(frozen=True, slots=True)
class ReservationRow:
    id: int
    line: str
    sku: Sku
    location: str | None
    quantity: int
    fulfillment: int | None
    #: False: the figure of the place lacks these units already
    counted: bool = True


@dataclass(frozen=True, slots=True)
class FulfillmentRow:
    number: int
    location: str
    state: FulfillmentState
    shadow: bool
    key: str
    #: (line, sku) -> (quantity, units of the Sku per unit of the line, shipped quantity)
    lines: Mapping[tuple[str, Sku], tuple[int, int, int]]
    #: the state of its request's effect; "" where it has none
    effect: str
    #: the place's own word for it; "elsewhere": handed over before we took over
    reference: str = ""
    #: by which service routing wants it shipped; "": as the channel says
    service: str = ""
    #: of the address its request was made with; None: none was made
    label_mark: str | None = None
    #: the place said of some units that it will not ship them; they are in `lines` no more
    declined: bool = False
    #: whether its place is to be told not to ship: wanted, confirmed, refused; "": it is not
    call_off: str = ""

    @property
    def sent(self) -> bool:
        """Its request left, or may have."""
        return self.effect in _LEFT


@dataclass(frozen=True, slots=True)
class NewFulfillment:
    """What one place is to ship of an order."""

    order_id: int
    number: int
    location: str
    key: str
    #: only observed: never sent
    shadow: bool
    #: (line, Sku, quantity, units of the Sku per unit of the line)
    lines: Sequence[tuple[str, Sku, int, int]]
    service: str = ""
    #: the place's day on which it counts
    ship_on: date | None = None


@dataclass(slots=True)
class OrderRecord:
    """An order with everything a decision about it needs."""

    id: int
    order: Order
    stage: OrderStage
    listed: bool
    shadow: bool
    recorded_at: datetime
    resolved: dict[str, Resolved] = field(default_factory=dict)
    reservations: list[ReservationRow] = field(default_factory=list)
    fulfillments: list[FulfillmentRow] = field(default_factory=list)
    #: line -> units others shipped that are off our ledger already
    external: dict[str, int] = field(default_factory=dict)
    #: (fulfillment number, parcel status) of every parcel
    parcels: list[tuple[int, TrackingStatus]] = field(default_factory=list)
    #: line -> units in parcels of ours
    shipped: dict[str, int] = field(default_factory=dict)
    #: code -> what it says
    open_holds: dict[str, Mapping[str, Arg]] = field(default_factory=dict)
    #: holds a person released: code -> what each said then
    released_holds: dict[str, Mapping[str, Arg]] = field(default_factory=dict)
    #: what rules ask of it
    asked: Asked = field(default_factory=Asked)
    #: what all orders to this address, and all orders of this buyer, share; None: not known
    door_mark: str | None = None
    buyer_mark: str | None = None
    #: why we are ending it at its channel; "": we are not
    canceling: str = ""
    #: the return whose units it replaces: an order of ours; None: a buyer placed it
    replaces: int | None = None
    #: a policy let its units go: it asks for none until it is no longer held
    expired_at: datetime | None = None

    @property
    def subject(self) -> str:
        return f"order {self.order.channel} {self.order.remote_id}"


class Orders:
    """Statements about orders, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def record(
        self,
        items: Sequence[Order],
        *,
        resolve: Mapping[tuple[str, str], Resolved],
    ) -> list[int]:
        """Record new and changed orders; an older version never replaces a newer one.

        `resolve` maps (order remote id, line remote id). Returns the numbers of orders that are new
        or changed, in the order given.
        """
        latest: dict[tuple[str, str], Order] = {}
        for order in items:
            key = (order.channel, order.remote_id)
            if key not in latest or latest[key].updated_at <= order.updated_at:
                latest[key] = order
        changed = {
            row.id
            for row in upsert(
                self._connection,
                orders,
                # In one order everywhere, so that two workers with the same page never deadlock.
                [self._facts(order) for _, order in sorted(latest.items())],
                key=["channel", "remote_id"],
                keep=["recorded_at", "stage", "decide", "listed", "shadow", "priority"],
                newer="updated_at",
                returning=["id"],
            )
        }
        stored = self._numbers(list(latest))
        current = [
            (stored[key][0], order)
            for key, order in latest.items()
            if stored[key][1] <= order.updated_at
        ]
        changed.update(self._record_lines(current, resolve))
        changed.update(self._record_parties(current))
        if changed:
            for chunk in chunks(sorted(changed), 500):
                self._connection.execute(
                    update(orders)
                    .where(orders.c.id.in_(chunk))
                    # What changed may be what it waited for: it asks for its units at once.
                    .values(decide=True, expired_at=None)
                )
        return [number for number, _ in current if number in changed]

    def _facts(self, order: Order) -> dict[str, Any]:
        return {
            "channel": order.channel,
            "remote_id": order.remote_id,
            "name": order.name,
            "placed_at": order.placed_at,
            "taken_at": order.taken_at,
            "updated_at": order.updated_at,
            "recorded_at": self._tx.now,
            "payment": str(order.payment),
            "canceled_at": order.canceled_at,
            "cancel_reason": order.cancel_reason,
            "pending": order.pending,
            "test": order.test,
            "currency": order.currency,
            "presentment_currency": order.presentment_currency,
            "total": order.total.amount if order.total else None,
            "service": order.service,
            "ship_by": order.ship_by,
            "deliver_by": order.deliver_by,
            "tags": list(order.tags),
            "attributes": dict(order.attributes),
            "risk": str(order.risk),
            "priority": 0,
            "stage": str(OrderStage.NEW),
            "decide": True,
            "listed": False,
            "shadow": False,
        }

    def _numbers(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[int, datetime]]:
        found: dict[tuple[str, str], tuple[int, datetime]] = {}
        for chunk in chunks(keys, 400):
            for row in self._connection.execute(
                select(
                    orders.c.id, orders.c.channel, orders.c.remote_id, orders.c.updated_at
                ).where(tuple_(orders.c.channel, orders.c.remote_id).in_(chunk))
            ):
                found[row.channel, row.remote_id] = (row.id, row.updated_at)
        return found

    def _record_lines(
        self, items: Sequence[tuple[int, Order]], resolve: Mapping[tuple[str, str], Resolved]
    ) -> set[int]:
        rows = []
        for number, order in items:
            for line in order.lines:
                known = resolve.get((order.remote_id, line.remote_id), Resolved(None))
                rows.append(
                    {
                        "order_id": number,
                        "remote_id": line.remote_id,
                        "remote_sku": line.remote_sku,
                        "sku": known.sku,
                        "units_per_sale": known.units_per_sale,
                        "listing_remote_id": line.listing_remote_id,
                        "title": line.title,
                        "ordered": line.ordered,
                        "current": line.current,
                        "fulfilled": line.fulfilled,
                        "unit_price": line.unit_price.amount if line.unit_price else None,
                        "currency": line.unit_price.currency if line.unit_price else None,
                        "presentment_price": line.presentment_price.amount
                        if line.presentment_price
                        else None,
                        "presentment_currency": line.presentment_price.currency
                        if line.presentment_price
                        else None,
                        "requires_shipping": line.requires_shipping,
                        "fulfilled_by": str(line.fulfilled_by),
                        "cancel_requested": line.cancel_requested,
                        "returned": line.returned,
                        "external": 0,
                        "assigned": line.assigned or None,
                        "taken_from": None
                        if line.taken_from is None
                        else [list(one) for one in line.taken_from],
                    }
                )
        return {
            row.order_id
            for row in upsert(
                self._connection,
                order_line,
                rows,
                key=["order_id", "remote_id"],
                # Ours, not the channel's: a repeated page must not bring back units that are gone.
                keep=["external"],
                # Where the channel lays a line is news of no order.
                compare=[name for name in rows[0] if name not in _NO_NEWS] if rows else (),
                returning=["order_id"],
            )
        }

    def _record_parties(self, items: Sequence[tuple[int, Order]]) -> set[int]:
        rows = [
            {
                "order_id": number,
                "role": role,
                "name": address.name,
                "company": address.company,
                "line1": address.line1,
                "line2": address.line2,
                "line3": address.line3,
                "city": address.city,
                "region": address.region,
                "postal_code": address.postal_code,
                "country": address.country,
                "phone": address.phone,
                "email": address.email,
                "door_mark": door_mark(address) if role == "ship_to" else None,
                "buyer_mark": buyer_mark(address) if role == "ship_to" else None,
            }
            for number, order in items
            for role, address in (("ship_to", order.ship_to), ("bill_to", _coarse(order.bill_to)))
            # A remote that no longer shows an address (Amazon after delivery) takes none away.
            if address
        ]
        return {
            row.order_id
            for row in upsert(
                self._connection, party, rows, key=["order_id", "role"], returning=["order_id"]
            )
        }

    # --- reading ---------------------------------------------------------------------------------

    def undecided(self, *, limit: int, but: Collection[int] = ()) -> list[int]:
        """Orders to decide (`but` these), held until the end of the transaction.

        An order that changes meanwhile would lose its mark to `settle` otherwise. One that is being
        changed right now is left for the run which that change wakes.
        """
        query = _undecided(limit, but)
        if self._connection.dialect.name != "sqlite":
            query = query.with_for_update(skip_locked=True, key_share=True)
        return list(self._connection.execute(query).scalars())

    def foreseen(self, *, limit: int, but: Collection[int] = ()) -> list[int]:
        """The orders that `undecided` would give now, kept from nobody."""
        return list(self._connection.execute(_undecided(limit, but)).scalars())

    def is_undecided(self, number: int) -> bool:
        """It changed since it was decided, or never was."""
        query = select(orders.c.decide).where(orders.c.id == number)
        return bool(self._connection.execute(query).scalar_one())

    def understood(
        self, channel: ChannelId, remote_ids: Iterable[str]
    ) -> dict[tuple[str, str], Resolved]:
        """(order, line), by their remote ids, of those lines whose Sku is known -> what they are."""
        found: dict[tuple[str, str], Resolved] = {}
        for chunk in chunks(sorted(set(remote_ids)), 5_000):
            for row in self._connection.execute(
                select(
                    orders.c.remote_id,
                    order_line.c.remote_id.label("line"),
                    order_line.c.sku,
                    order_line.c.units_per_sale,
                )
                .join(orders, orders.c.id == order_line.c.order_id)
                .where(
                    orders.c.channel == channel,
                    orders.c.remote_id.in_(chunk),
                    order_line.c.sku.is_not(None),
                )
            ):
                found[row.remote_id, row.line] = Resolved(row.sku, row.units_per_sale)
        return found

    def named(self, name: str) -> list[int]:
        """Orders a person may mean: by name, with or without Shopify's '#', or by remote id."""
        return list(
            self._connection.execute(
                select(orders.c.id)
                .where(or_(orders.c.name.in_([name, f"#{name}"]), orders.c.remote_id == name))
                .order_by(orders.c.id)
            ).scalars()
        )

    def waiting(self, skus: Iterable[Sku]) -> list[int]:
        """Orders that wait for units of these Skus, held ones too, where some location has some.

        The oldest first, kept from other runs until the end of the transaction; one that another
        run decides right now is left to it.
        """
        found: set[int] = set()
        free = stock_level.c.on_hand - stock_level.c.committed - stock_level.c.safety_stock
        for chunk in chunks(sorted(set(skus)), 5_000):
            asking = select(reservation.c.order_id).where(
                reservation.c.sku.in_(chunk),
                reservation.c.state == "open",
                reservation.c.location.is_(None),
                exists().where(stock_level.c.sku == reservation.c.sku, free > 0),
            )
            query = select(orders.c.id).where(orders.c.id.in_(asking)).order_by(orders.c.id)
            if self._connection.dialect.name != "sqlite":
                query = query.with_for_update(skip_locked=True, key_share=True)
            found.update(self._connection.execute(query).scalars())
        return sorted(found)

    def unroutable(self, skus: Iterable[Sku] | None = None) -> list[int]:
        """Orders that wait though no unit is missing, with these Skus among them; None: all of them.

        Kept from other runs as in `waiting`.
        """
        held = select(reservation.c.order_id).where(
            reservation.c.state == "open", reservation.c.order_id == orders.c.id
        )
        waits = [
            orders.c.stage == str(OrderStage.WAITING),
            ~held.where(reservation.c.location.is_(None)).exists(),
        ]
        parts = [held] if skus is None else [
            held.where(reservation.c.sku.in_(chunk)) for chunk in chunks(sorted(set(skus)), 5_000)
        ]  # fmt: skip
        found: set[int] = set()
        for part in parts:
            query = select(orders.c.id).where(*waits, part.exists()).order_by(orders.c.id)
            if self._connection.dialect.name != "sqlite":
                query = query.with_for_update(skip_locked=True, key_share=True)
            found.update(self._connection.execute(query).scalars())
        return sorted(found)

    def unsent(self) -> list[int]:
        """Orders that may still be shipped otherwise: all of them, or some place was not asked yet."""
        asked = select(effect.c.id).where(
            effect.c.order_id == fulfillment.c.order_id,
            effect.c.number == fulfillment.c.number,
            effect.c.kind == "request",
            effect.c.state.in_(_LEFT),
        )
        planned = select(fulfillment.c.order_id).where(
            fulfillment.c.order_id == orders.c.id,
            fulfillment.c.state == str(FulfillmentState.PLANNED),
            ~asked.exists(),
        )
        waits = [str(one) for one in (OrderStage.NEW, OrderStage.HELD, OrderStage.WAITING)]
        query = select(orders.c.id).where(
            or_(
                orders.c.stage.in_(waits),
                and_(orders.c.stage == str(OrderStage.ROUTED), planned.exists()),
            )
        )
        return list(self._connection.execute(query.order_by(orders.c.id)).scalars())

    def in_part(self, channel: ChannelId, *, placed_before: datetime) -> list[int]:
        """Orders of a channel that wait for some of their units, and hold others that could ship."""
        open_now = select(reservation.c.order_id).where(
            reservation.c.state == "open",
            reservation.c.order_id == orders.c.id,
            reservation.c.fulfillment.is_(None),
        )
        return list(
            self._connection.execute(
                select(orders.c.id)
                .where(
                    orders.c.channel == channel,
                    orders.c.stage == str(OrderStage.WAITING),
                    orders.c.placed_at <= placed_before,
                    open_now.where(reservation.c.location.is_(None)).exists(),
                    open_now.where(reservation.c.location.is_not(None)).exists(),
                )
                .order_by(orders.c.id)
            ).scalars()
        )

    def short(self) -> dict[int, set[Sku]]:
        """Orders that wait for units that no location has -> the component Skus they lack."""
        found: dict[int, set[Sku]] = defaultdict(set)
        for row in self._tx.rows(
            select(reservation.c.order_id, reservation.c.sku)
            .join(orders, orders.c.id == reservation.c.order_id)
            .where(
                orders.c.stage == str(OrderStage.WAITING),
                reservation.c.state == "open",
                reservation.c.location.is_(None),
            )
        ):
            found[row.order_id].add(row.sku)
        return found

    def find(self, channel: str, remote_id: str) -> int | None:
        return self._connection.execute(
            select(orders.c.id).where(orders.c.channel == channel, orders.c.remote_id == remote_id)
        ).scalar_one_or_none()

    def load(self, numbers: Sequence[int]) -> list[OrderRecord]:
        """These orders with lines, address, reservations, fulfillments, holds; in number order."""
        records: dict[int, OrderRecord] = {}
        for chunk in chunks(numbers, 500):
            records.update(self._load(chunk))
        return [records[number] for number in sorted(records)]

    def _load(self, chunk: Sequence[int]) -> dict[int, OrderRecord]:
        rows = self._tx.rows
        lines: dict[int, list[OrderLine]] = defaultdict(list)
        resolved: dict[int, dict[str, Resolved]] = defaultdict(dict)
        external: dict[int, dict[str, int]] = defaultdict(dict)
        for row in rows(select(order_line).where(order_line.c.order_id.in_(chunk))):
            lines[row.order_id].append(_line(row))
            resolved[row.order_id][row.remote_id] = Resolved(row.sku, row.units_per_sale)
            external[row.order_id][row.remote_id] = row.external
        parties: dict[tuple[int, str], Row[Any]] = {
            (row.order_id, row.role): row
            for row in rows(select(party).where(party.c.order_id.in_(chunk)))
        }
        records = {
            row.id: OrderRecord(
                id=row.id,
                order=_order(
                    row,
                    tuple(lines[row.id]),
                    _address(parties.get((row.id, "ship_to"))),
                    _address(parties.get((row.id, "bill_to"))),
                ),
                stage=OrderStage(row.stage),
                listed=row.listed,
                shadow=row.shadow,
                recorded_at=row.recorded_at,
                resolved=resolved[row.id],
                external=external[row.id],
                expired_at=row.expired_at,
                asked=_asked(row),
                canceling=row.canceling or "",
                replaces=row.replaces,
            )
            for row in rows(select(orders).where(orders.c.id.in_(chunk)))
        }
        for (number, role), row in parties.items():
            if role == "ship_to":
                records[number].door_mark = row.door_mark
                records[number].buyer_mark = row.buyer_mark
        for row in rows(
            select(reservation)
            .where(
                reservation.c.order_id.in_(chunk),
                reservation.c.state.in_(HELD),
                reservation.c.shipped.is_(False),
            )
            .order_by(reservation.c.id)
        ):
            records[row.order_id].reservations.append(
                ReservationRow(
                    row.id,
                    row.line,
                    row.sku,
                    row.location,
                    row.quantity,
                    row.fulfillment,
                    row.state == ReservationState.OPEN,
                )
            )
        for row in rows(select(hold).where(hold.c.order_id.in_(chunk))):
            record = records[row.order_id]
            if row.released_at is None:
                record.open_holds[row.code] = row.args
            elif row.released_by is not None:
                record.released_holds[row.code] = row.args
        self._load_fulfillments(chunk, records)
        return records

    def _load_fulfillments(self, chunk: Sequence[int], records: Mapping[int, OrderRecord]) -> None:
        rows = self._tx.rows
        units: dict[tuple[int, int], dict[tuple[str, Sku], tuple[int, int, int]]] = defaultdict(
            dict
        )
        declined: set[tuple[int, int]] = set()
        for row in rows(select(fulfillment_line).where(fulfillment_line.c.order_id.in_(chunk))):
            units[row.order_id, row.number][row.line, row.sku] = (
                row.quantity,
                row.per_unit,
                row.shipped,
            )
            if row.declined:
                declined.add((row.order_id, row.number))
        states = {
            (row.order_id, row.number): row.state
            for row in rows(
                select(effect.c.order_id, effect.c.number, effect.c.state).where(
                    effect.c.order_id.in_(chunk), effect.c.kind == "request"
                )
            )
        }
        for row in rows(
            select(fulfillment)
            .where(fulfillment.c.order_id.in_(chunk))
            .order_by(fulfillment.c.order_id, fulfillment.c.number)
        ):
            key = (row.order_id, row.number)
            records[row.order_id].fulfillments.append(
                FulfillmentRow(
                    row.number,
                    row.location,
                    FulfillmentState(row.state),
                    row.shadow,
                    row.key,
                    units[key],
                    states.get(key, ""),
                    row.reference,
                    row.service,
                    row.label_mark,
                    key in declined,
                    row.call_off or "",
                )
            )
        for row in rows(
            select(shipment.c.order_id, shipment.c.fulfillment, shipment.c.status).where(
                shipment.c.order_id.in_(chunk)
            )
        ):
            records[row.order_id].parcels.append((row.fulfillment, TrackingStatus(row.status)))
        for row in rows(
            select(
                shipment_line.c.order_id,
                shipment_line.c.line,
                func.sum(shipment_line.c.quantity).label("units"),
            )
            .where(shipment_line.c.order_id.in_(chunk))
            .group_by(shipment_line.c.order_id, shipment_line.c.line)
        ):
            records[row.order_id].shipped[row.line] = int(row.units)

    # --- deciding --------------------------------------------------------------------------------

    def settle(self, decided: Iterable[tuple[int, OrderStage, bool]]) -> None:
        """(order, stage, shadow): the decision is made; nothing is left to decide for now."""
        rows = [
            {"b_id": number, "stage": str(stage), "shadow": shadow}
            for number, stage, shadow in decided
        ]
        if rows:
            self._connection.execute(
                update(orders)
                .where(orders.c.id == bindparam("b_id"))
                .values(stage=bindparam("stage"), shadow=bindparam("shadow"), decide=False),
                rows,
            )

    def decide_again(self, numbers: Iterable[int]) -> None:
        for chunk in chunks(sorted(set(numbers)), 500):
            self._connection.execute(
                update(orders).where(orders.c.id.in_(chunk)).values(decide=True)
            )

    def ask_again(self, numbers: Sequence[int]) -> None:
        """What a policy let go is asked for again."""
        for chunk in chunks(numbers, 500):
            self._connection.execute(
                update(orders).where(orders.c.id.in_(chunk)).values(expired_at=None)
            )

    def set_holds(self, found: Iterable[tuple[OrderRecord, Sequence[Hold]]]) -> None:
        """Open the holds that are new, release those whose cause went."""
        opening: list[dict[str, Any]] = []
        for record, holds in found:
            wanted = {item.code for item in holds}
            gone = record.open_holds.keys() - wanted
            if gone:
                self._connection.execute(
                    update(hold)
                    .where(
                        hold.c.order_id == record.id,
                        hold.c.code.in_(gone),
                        hold.c.released_at.is_(None),
                    )
                    .values(released_at=self._tx.now, released_by=None)
                )
            opening.extend(
                {
                    "order_id": record.id,
                    "code": item.code,
                    "args": dict(item.reason.args),
                    "opened_at": self._tx.now,
                    "until": item.until,
                    "released_at": None,
                    "released_by": None,
                    "note": None,
                }
                for item in holds
                if item.code not in record.open_holds
            )
            for item in holds:
                if record.open_holds.get(item.code, item.reason.args) != item.reason.args:
                    self._connection.execute(
                        update(hold)
                        .where(hold.c.order_id == record.id, hold.c.code == item.code)
                        .values(args=dict(item.reason.args), until=item.until)
                    )
        upsert(self._connection, hold, opening, key=["order_id", "code"], returning=[])

    def keep_releases(
        self, found: Iterable[tuple[OrderRecord, Mapping[str, Mapping[str, Arg]] | None]]
    ) -> None:
        """What people released covers no more than this; None: all of it still. What it does not cover
        any more ended as if its cause had gone, which it had."""
        for record, kept in found:
            for code, said in record.released_holds.items():
                if kept is None or kept.get(code) == said:
                    continue
                row = [hold.c.order_id == record.id, hold.c.code == code]
                now = {"args": dict(kept[code])} if code in kept else {"released_by": None}
                self._connection.execute(
                    update(hold).where(*row, hold.c.released_at.is_not(None)).values(**now)
                )

    def set_asked(self, found: Iterable[tuple[int, Asked]]) -> None:
        """Keep what rules ask of orders."""
        rows = [
            {
                "b_id": number,
                "priority": asked.priority,
                "asked": _told(asked),
            }
            for number, asked in found
        ]
        if rows:
            self._connection.execute(
                update(orders)
                .where(orders.c.id == bindparam("b_id"))
                .values(priority=bindparam("priority"), asked=bindparam("asked")),
                rows,
            )

    def held_until(self, at: datetime) -> list[int]:
        """Orders with a Hold that has ended of itself by then."""
        return list(
            self._connection.execute(
                select(hold.c.order_id)
                .where(hold.c.until <= at, hold.c.released_at.is_(None))
                .distinct()
                .order_by(hold.c.order_id)
            ).scalars()
        )

    def next_end(self) -> datetime | None:
        """When the next Hold ends of itself; None: none of the open ones does."""
        soonest: datetime | None = self._connection.execute(
            select(func.min(hold.c.until)).where(hold.c.released_at.is_(None))
        ).scalar_one()
        return soonest

    def held_like(self, names: Collection[str]) -> list[int]:
        """Orders that are held as look-alikes of one of these."""
        query = select(hold.c.order_id, hold.c.args).where(
            hold.c.code == "duplicate", hold.c.released_at.is_(None)
        )
        rows = self._tx.rows(query.order_by(hold.c.order_id))
        return [row.order_id for row in rows if row.args.get("other") in names]

    def held_for(self, code: str, channel: ChannelId) -> list[int]:
        """Orders of a channel that this Hold keeps."""
        query = (
            select(hold.c.order_id)
            .join(orders, orders.c.id == hold.c.order_id)
            .where(hold.c.code == code, hold.c.released_at.is_(None), orders.c.channel == channel)
            .order_by(hold.c.order_id)
        )
        return list(self._connection.execute(query).scalars())

    def add_fulfillments(self, made: Sequence[NewFulfillment]) -> None:
        """Keep who ships what, not yet asked."""
        if not made:
            return
        self._connection.execute(
            insert(fulfillment),
            [
                {
                    "order_id": one.order_id,
                    "number": one.number,
                    "location": one.location,
                    "state": str(FulfillmentState.PLANNED),
                    "shadow": one.shadow,
                    "key": one.key,
                    "short_key": short_key(one.key),
                    "created_at": self._tx.now,
                    "reference": "",
                    "service": one.service,
                    "ship_on": one.ship_on,
                }
                for one in made
            ],
        )
        self._connection.execute(
            insert(fulfillment_line),
            [
                {
                    "order_id": one.order_id,
                    "number": one.number,
                    "line": line,
                    "sku": sku,
                    "quantity": quantity,
                    "per_unit": per_unit,
                    "shipped": 0,
                }
                for one in made
                for line, sku, quantity, per_unit in one.lines
            ],
        )

    def end_at_channel(self, order_id: int, reason: str | None) -> None:
        """We are ending it at its channel, and why; None: we are not any more."""
        self._connection.execute(
            update(orders).where(orders.c.id == order_id).values(canceling=reason)
        )

    def lock(self, order_id: int | None) -> None:
        """What is decided about its returns and payments is decided by one at a time until the end of
        this transaction, and with it what is decided about what replaces its units. SQLite has one
        writer anyway."""
        if order_id is not None and self._connection.dialect.name != "sqlite":
            order_id = self._bought_with(order_id)
            self._connection.execute(
                select(orders.c.id).where(orders.c.id == order_id).with_for_update()
            )

    def _bought_with(self, order_id: int) -> int:
        """The order that a buyer paid for: itself, or the one whose units it replaces."""
        query = (
            select(returns.c.order_id)
            .join(orders, orders.c.replaces == returns.c.id)
            .where(returns.c.order_id.is_not(None))
        )
        while of := self._connection.execute(query.where(orders.c.id == order_id)).scalar():
            order_id = int(of)
        return order_id

    def replace(self, order_id: int, return_id: int) -> None:
        """It is one of ours, in place of what came back."""
        self._connection.execute(
            update(orders).where(orders.c.id == order_id).values(replaces=return_id)
        )

    def label(self, order_id: int, number: int, mark: str | None) -> None:
        """The request of a fulfillment is made with this address."""
        self._connection.execute(
            update(fulfillment)
            .where(fulfillment.c.order_id == order_id, fulfillment.c.number == number)
            .values(label_mark=mark)
        )

    def cancel_fulfillments(self, which: Iterable[tuple[int, int]]) -> None:
        """Cancel fulfillments whose request was not sent.

        Raises Overtaken when one is being sent since the order was read: decide again, and ask.
        """
        for order_id, number in which:
            request = (
                effect.c.order_id == order_id,
                effect.c.number == number,
                effect.c.kind == "request",
            )
            self._connection.execute(
                update(effect)
                .where(*request, effect.c.state.in_(["planned", "proposed"]))
                .values(state="canceled")
            )
            if self._connection.execute(
                select(effect.c.id).where(*request, effect.c.state.in_(["sending", "staged"]))
            ).first():
                raise Overtaken(f"fulfillment {number} of order {order_id} is being requested")
            self._connection.execute(
                update(fulfillment)
                .where(fulfillment.c.order_id == order_id, fulfillment.c.number == number)
                .values(state=str(FulfillmentState.CANCELED))
            )

    def set_external(self, order_id: int, units: Mapping[str, int]) -> None:
        """Line -> units others shipped that are off our ledger now."""
        for line, quantity in units.items():
            self._connection.execute(
                update(order_line)
                .where(order_line.c.order_id == order_id, order_line.c.remote_id == line)
                .values(external=quantity)
            )

    def drop_shadow(self, numbers: Sequence[int]) -> None:
        """Forget what was decided while only observing: wants are decided afresh (I10)."""
        for chunk in chunks(numbers, 500):
            self._connection.execute(
                delete(fulfillment).where(fulfillment.c.order_id.in_(chunk), fulfillment.c.shadow)
            )


def _coarse(address: Address | None) -> Address | None:
    """No more of it than is compared with where the order ships to."""
    if address is None:
        return None
    return Address(region=address.region, postal_code=address.postal_code, country=address.country)


def _line(row: Row[Any]) -> OrderLine:
    return OrderLine(
        remote_id=row.remote_id,
        remote_sku=row.remote_sku,
        listing_remote_id=row.listing_remote_id,
        title=row.title,
        ordered=row.ordered,
        current=row.current,
        fulfilled=row.fulfilled,
        unit_price=None if row.unit_price is None else Money(row.unit_price, row.currency),
        requires_shipping=row.requires_shipping,
        fulfilled_by=FulfilledBy(row.fulfilled_by),
        presentment_price=None
        if row.presentment_price is None
        else Money(row.presentment_price, row.presentment_currency),
        cancel_requested=row.cancel_requested,
        returned=row.returned,
        assigned=row.assigned or "",
        taken_from=None
        if row.taken_from is None
        else tuple((place, units) for place, units in row.taken_from),
    )


def _address(row: Row[Any] | None) -> Address | None:
    if row is None:
        return None
    return Address(
        row.name, row.company, row.line1, row.line2, row.line3, row.city, row.region,
        row.postal_code, row.country, row.phone, row.email,
    )  # fmt: skip


def _told(asked: Asked) -> dict[str, list[str]] | None:
    """What is not as it is where no rule asks for anything."""
    usual = Asked()
    return {
        name: list(getattr(asked, name))
        for name in _ASKED
        if getattr(asked, name) != getattr(usual, name)
    } or None


def _asked(row: Row[Any]) -> Asked:
    told = row.asked or {}
    return Asked(row.priority, **{name: tuple(told[name]) for name in _ASKED if name in told})


def _order(
    row: Row[Any], lines: tuple[OrderLine, ...], ship_to: Address | None, bill_to: Address | None
) -> Order:
    return Order(
        channel=row.channel,
        remote_id=row.remote_id,
        name=row.name,
        placed_at=row.placed_at,
        taken_at=row.taken_at,
        updated_at=row.updated_at,
        payment=PaymentStatus(row.payment),
        canceled_at=row.canceled_at,
        pending=row.pending,
        test=row.test,
        currency=row.currency,
        total=None if row.total is None else Money(row.total, row.currency),
        lines=lines,
        ship_to=ship_to,
        ship_by=row.ship_by,
        deliver_by=row.deliver_by,
        service=row.service,
        tags=tuple(row.tags),
        presentment_currency=row.presentment_currency,
        cancel_reason=row.cancel_reason,
        risk=Risk(row.risk),
        bill_to=bill_to,
        attributes=row.attributes,
    )
