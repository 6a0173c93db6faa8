"""Returns and what was found, as rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from core.model.catalog import ChannelId, LocationId, Sku
from core.model.money import Money
from core.model.orders import OrderStage
from core.model.returns import (
    Disposition,
    ExchangedLine,
    RefundState,
    Resolution,
    Return,
    ReturnedLine,
    ReturnReason,
    ReturnState,
    ReturnStatus,
)
from core.rules.returns import Sold
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import (
    exchange_line,
    inspection,
    orders,
    refund,
    refund_line,
    return_line,
    returns,
    shipment,
    shipment_line,
    supplier_claim,
)

#: States in which nothing more is to be done.
OVER = (
    ReturnState.CLOSED,
    ReturnState.DECLINED,
    ReturnState.CANCELED,
)
_IN_PARCEL = (shipment.c.order_id == shipment_line.c.order_id) & (
    shipment.c.package_number == shipment_line.c.package_number
)
_SETTLED = (str(RefundState.MADE), str(RefundState.DECLINED))


@dataclass(frozen=True, slots=True)
class ReturnLineRow:
    place: int
    remote_id: str
    #: the order line; "": it is not known which
    line: str
    remote_sku: str
    quantity: int
    received: int
    reason: ReturnReason
    raw_reason: str
    resolution: Resolution
    #: days after the end of its window; 0: in time
    late_days: int
    #: what was found, in units of the order line
    found: Mapping[Disposition, int]
    #: (what was found, or None) -> units in refunds, whatever became of them but for withdrawn ones
    refunding: Mapping[Disposition | None, int]
    #: units paid back, or refused to be by a person
    refunded: int

    @property
    def inspected(self) -> int:
        return sum(self.found.values())


@dataclass(frozen=True, slots=True)
class ReturnRecord:
    id: int
    channel: ChannelId
    #: None: the channel knows of no return
    remote_id: str | None
    rma: str
    name: str
    order: str
    order_id: int | None
    status: ReturnStatus
    state: ReturnState
    handled_there: bool
    our_label: bool
    carrier: str
    tracking_number: str
    label: str
    created_at: datetime
    lines: tuple[ReturnLineRow, ...]
    #: what people call the order; its id where we know none
    order_name: str
    exchanged: tuple[ExchangedLine, ...] = ()
    #: remote ids of exchanged lines that the channel made lines of its order
    there: frozenset[str] = field(default=frozenset())

    @property
    def subject(self) -> str:
        return f"return {self.rma}"

    @property
    def live(self) -> bool:
        return self.state not in OVER


@dataclass(frozen=True, slots=True)
class ClaimRow:
    id: int
    rma: str
    supplier: str
    sku: Sku
    quantity: int
    cost: Money | None
    reason: ReturnReason
    state: str
    opened_at: datetime
    note: str

    @property
    def subject(self) -> str:
        return f"claim {self.id}"


class Returns:
    """Statements about returns, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- reading ---------------------------------------------------------------------------------

    def known(self, channel: ChannelId, remote_id: str) -> ReturnRecord | None:
        return self._one(returns.c.channel == channel, returns.c.remote_id == remote_id)

    def named(self, rma: str) -> list[ReturnRecord]:
        """By our number, the channel's name or its id."""
        query = (returns.c.rma == rma) | (returns.c.name == rma) | (returns.c.remote_id == rma)
        return self._records(query)

    def get(self, return_id: int) -> ReturnRecord:
        found = self._one(returns.c.id == return_id)
        assert found is not None, return_id
        return found

    def of_order(self, order_id: int) -> list[ReturnRecord]:
        return self._records(returns.c.order_id == order_id)

    def listed(self, *, every: bool = False) -> list[ReturnRecord]:
        """Those that are not over (or all), oldest first."""
        if every:
            return self._records()
        return self._records(returns.c.state.not_in([str(one) for one in OVER]))

    def of_no_order(self, channel: ChannelId) -> list[ReturnRecord]:
        """Disputed ones of orders that were not known when they were told."""
        disputed = returns.c.state == str(ReturnState.DISPUTED)
        return self._records(returns.c.channel == channel, disputed, returns.c.order_id.is_(None))

    def replaced(self, channel: ChannelId) -> list[ReturnRecord]:
        """Inspected ones, with something that left in place of their units."""
        left = [str(OrderStage.SHIPPED), str(OrderStage.DELIVERED)]
        gone = select(orders.c.replaces).where(
            orders.c.replaces.is_not(None), orders.c.stage.in_(left)
        )
        inspected = returns.c.state == str(ReturnState.INSPECTED)
        return self._records(returns.c.channel == channel, inspected, returns.c.id.in_(gone))

    def unlike_there(self, channel: ChannelId) -> list[ReturnRecord]:
        """The channel's returns that it has open and we have not, or the other way around."""
        state, status = returns.c.state, returns.c.status
        here = [str(ReturnState.RECEIVED), str(ReturnState.INSPECTED)]
        return self._records(
            returns.c.channel == channel,
            returns.c.remote_id.is_not(None),
            returns.c.handled_there.is_(False),
            (state.in_([str(ReturnState.CLOSED), str(ReturnState.CANCELED)])
             & status.in_([str(ReturnStatus.OPEN), str(ReturnStatus.REQUESTED)]))
            | (state.in_(here) & (status == str(ReturnStatus.CLOSED))),
        )  # fmt: skip

    def sold(
        self, order_id: int, *, fulfilled: Mapping[str, int], without: int | None = None
    ) -> dict[str, Sold]:
        """Order line -> what became of it; `without` one return that is being judged.

        `fulfilled` is what the channel knows of each line of the order, by whomever it was shipped.
        """
        shipped = Counter[str]()
        at: dict[str, tuple[datetime, bool]] = {}
        for row in self._tx.rows(
            select(
                shipment_line.c.line, shipment_line.c.quantity, shipment.c.shipped_at,
                shipment.c.delivered_at,
            )
            .join(shipment, _IN_PARCEL)
            .where(shipment.c.order_id == order_id)
        ):  # fmt: skip
            shipped[row.line] += row.quantity
            when = (row.delivered_at or row.shipped_at, row.delivered_at is not None)
            at[row.line] = max(at.get(row.line, when), when)
        coming = self._coming(order_id, without)
        settled = self._paid_after_it_left(order_id)
        return {
            line: Sold(
                max(shipped[line], units), coming[line], settled[line],
                *(at.get(line) or (None, False)),
            )
            for line, units in fulfilled.items()
        }  # fmt: skip

    def settled(self, order_id: int) -> Counter[str]:
        """Order line -> units that come back, or that were paid back after they had left.

        What was paid back before its parcel left was not to leave at all.
        """
        return self._coming(order_id, None) + self._paid_after_it_left(order_id)

    def _coming(self, order_id: int, without: int | None) -> Counter[str]:
        """Units that are on their way, here, or settled by a return, whatever became of that.

        Of a return that is closed only what came or was settled; of one that was declined or canceled
        only what was paid for it all the same; of one that is disputed nothing.
        """
        units = Counter[str]()
        for one in self.of_order(order_id):
            if one.id == without or one.state is ReturnState.DISPUTED:
                continue
            for row in one.lines:
                if one.live or (
                    one.state is ReturnState.CLOSED and row.resolution is Resolution.REPLACEMENT
                ):
                    units[row.line] += row.quantity
                elif one.state is ReturnState.CLOSED:
                    units[row.line] += max(row.received, row.refunded)
                elif row.resolution is Resolution.REPLACEMENT and self._was_replaced(one):
                    units[row.line] += row.quantity
                else:
                    units[row.line] += row.refunded
        return units

    def _was_replaced(self, one: ReturnRecord) -> bool:
        """A parcel with what replaces its units left."""
        number = self.replacement_of(one)
        sent = select(shipment.c.order_id).where(shipment.c.order_id == number).limit(1)
        return number is not None and self._connection.execute(sent).first() is not None

    def _paid_after_it_left(self, order_id: int) -> Counter[str]:
        """Units paid back that no return is behind, after their parcel had left."""
        left = {
            row.line: row.at
            for row in self._tx.rows(
                select(shipment_line.c.line, func.min(shipment.c.shipped_at).label("at"))
                .join(shipment, _IN_PARCEL)
                .where(shipment.c.order_id == order_id)
                .group_by(shipment_line.c.line)
            )
        }
        paid = Counter[str]()
        for row in self._tx.rows(
            select(refund_line.c.line, refund_line.c.quantity, refund.c.made_at)
            .join(refund, refund.c.id == refund_line.c.refund_id)
            .where(
                refund.c.order_id == order_id,
                refund.c.cause == "elsewhere",
                refund_line.c.return_place.is_(None),
            )
        ):
            if row.line not in left or row.made_at >= left[row.line]:
                paid[row.line] += row.quantity
        return paid

    # --- writing ---------------------------------------------------------------------------------

    def add(
        self, one: Return, *, rma: str, order_id: int | None, state: ReturnState,
        lines: Sequence[str], resolutions: Sequence[Resolution], late: Sequence[int],
        remote: bool, our_label: bool = False, person: str | None = None, note: str | None = None,
    ) -> ReturnRecord:  # fmt: skip
        """A new one; `lines` are the order lines of its rows, in their order."""
        (number,) = upsert(
            self._connection,
            returns,
            [
                {
                    "channel": one.channel,
                    "remote_id": one.remote_id if remote else None,
                    "rma": rma,
                    "name": one.name,
                    "order_remote_id": one.order,
                    "order_id": order_id,
                    "status": str(one.status),
                    "state": str(state),
                    "handled_there": one.handled_there,
                    "carrier": one.carrier,
                    "tracking_number": one.tracking_number,
                    "label": one.label,
                    "our_label": our_label,
                    "created_at": one.created_at,
                    "recorded_at": self._tx.now,
                    "person": person,
                    "note": note,
                }
            ],
            key=["rma"],
            returning=["id"],
        )
        self._connection.execute(
            insert(return_line),
            [
                {
                    "return_id": number.id,
                    "place": place,
                    "remote_id": row.remote_id,
                    "line": lines[place - 1],
                    "remote_sku": row.remote_sku,
                    "quantity": row.quantity,
                    "received": 0,
                    "reason": str(row.reason),
                    "raw_reason": row.raw_reason,
                    "resolution": str(resolutions[place - 1]),
                    "late_days": late[place - 1],
                }
                for place, row in enumerate(one.lines, start=1)
            ],
        )
        self.exchange(number.id, one.exchanged)
        return self.get(number.id)

    def exchange(self, return_id: int, lines: Iterable[ExchangedLine]) -> None:
        """What the buyer gets instead, as it is now."""
        lines = list(lines)
        self._connection.execute(
            delete(exchange_line).where(
                exchange_line.c.return_id == return_id,
                exchange_line.c.remote_id.not_in([one.remote_id for one in lines]),
            )
        )
        upsert(
            self._connection,
            exchange_line,
            [
                {
                    "return_id": return_id,
                    "remote_id": one.remote_id,
                    "remote_sku": one.remote_sku,
                    "listing_remote_id": one.listing_remote_id,
                    "quantity": one.quantity,
                    "price": one.unit_price.amount if one.unit_price else None,
                    "currency": one.unit_price.currency if one.unit_price else None,
                    "there": bool(one.lines),
                }
                for one in lines
            ],
            key=["return_id", "remote_id"],
            returning=[],
        )

    def mark(self, one: ReturnRecord, **values: Any) -> ReturnRecord:
        """Set columns of it; the record as it is then."""
        self._connection.execute(update(returns).where(returns.c.id == one.id).values(**values))
        return self.get(one.id)

    def receive(self, one: ReturnRecord, place: int, units: int) -> bool:
        """So many more are here. False: more than are expected."""
        return bool(
            self._connection.execute(
                update(return_line)
                .where(
                    return_line.c.return_id == one.id,
                    return_line.c.place == place,
                    return_line.c.received + units <= return_line.c.quantity,
                )
                .values(received=return_line.c.received + units)
            ).rowcount
        )

    def add_line(self, one: ReturnRecord, row: ReturnedLine, line: str, what: Resolution) -> None:
        """The channel added units to a return it stated before."""
        self._connection.execute(
            insert(return_line).values(
                return_id=one.id,
                place=max((each.place for each in one.lines), default=0) + 1,
                remote_id=row.remote_id,
                line=line,
                remote_sku=row.remote_sku,
                quantity=row.quantity,
                received=0,
                reason=str(row.reason),
                raw_reason=row.raw_reason,
                resolution=str(what),
                late_days=0,
            )
        )

    def mark_line(self, one: ReturnRecord, place: int, **values: Any) -> None:
        self._connection.execute(
            update(return_line)
            .where(return_line.c.return_id == one.id, return_line.c.place == place)
            .values(**values)
        )

    def inspect(
        self, one: ReturnRecord, place: int, what: Disposition, units: int, *,
        location: LocationId, person: str | None, note: str,
    ) -> int:  # fmt: skip
        """Write down what was found; the number of that line of the book."""
        return int(
            self._connection.execute(
                insert(inspection)
                .values(
                    return_id=one.id,
                    place=place,
                    disposition=str(what),
                    quantity=units,
                    location=location,
                    at=self._tx.now,
                    person=person,
                    note=note or None,
                )
                .returning(inspection.c.id)
            ).scalar_one()
        )

    # --- claims ----------------------------------------------------------------------------------

    def claim(
        self, one: ReturnRecord, place: int, *, supplier: str, sku: Sku, quantity: int,
        cost: Money | None, reason: ReturnReason,
    ) -> ClaimRow:  # fmt: skip
        """What a supplier answers for; more units of the same line of the return make it larger."""
        where = (
            supplier_claim.c.return_id == one.id,
            supplier_claim.c.place == place,
            supplier_claim.c.sku == sku,
            supplier_claim.c.state == "open",
        )
        grown = self._connection.execute(
            update(supplier_claim)
            .where(*where)
            .values(quantity=supplier_claim.c.quantity + quantity)
            .returning(supplier_claim.c.id)
        ).scalar()
        if grown is not None:
            return self.claims(number=grown)[0]
        made = self._connection.execute(
            insert(supplier_claim)
            .values(
                return_id=one.id,
                place=place,
                supplier=supplier,
                sku=sku,
                quantity=quantity,
                cost=cost.amount if cost else None,
                currency=cost.currency if cost else None,
                reason=str(reason),
                state="open",
                opened_at=self._tx.now,
            )
            .returning(supplier_claim.c.id)
        ).scalar_one()
        return self.claims(number=made)[0]

    def claims(self, *, every: bool = False, number: int | None = None) -> list[ClaimRow]:
        query = (
            select(supplier_claim, returns.c.rma)
            .join(returns, returns.c.id == supplier_claim.c.return_id)
            .order_by(supplier_claim.c.supplier, supplier_claim.c.id)
        )
        if not every and number is None:
            query = query.where(supplier_claim.c.state == "open")
        if number is not None:
            query = query.where(supplier_claim.c.id == number)
        return [
            ClaimRow(
                row.id, row.rma, row.supplier, row.sku, row.quantity,
                None if row.cost is None else Money(row.cost, row.currency),
                ReturnReason(row.reason), row.state, row.opened_at, row.note or "",
            )
            for row in self._tx.rows(query)
        ]  # fmt: skip

    def close_claim(self, number: int, state: str, *, by: str, note: str) -> None:
        self._connection.execute(
            update(supplier_claim)
            .where(supplier_claim.c.id == number)
            .values(state=state, closed_at=self._tx.now, person=by, note=note)
        )

    # --- records ---------------------------------------------------------------------------------

    def _one(self, *where: Any) -> ReturnRecord | None:
        found = self._records(*where)
        return found[0] if found else None

    def _records(self, *where: Any) -> list[ReturnRecord]:
        rows = self._tx.rows(
            select(returns, orders.c.name.label("order_name"))
            .outerjoin(orders, orders.c.id == returns.c.order_id)
            .where(*where)
            .order_by(returns.c.created_at, returns.c.id)
        )
        numbers = select(returns.c.id).where(*where)
        lines = self._lines(numbers)
        instead: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in self._tx.rows(
            select(exchange_line)
            .where(exchange_line.c.return_id.in_(numbers))
            .order_by(exchange_line.c.remote_id)
        ):
            instead[row.return_id].append(row)
        return [
            ReturnRecord(
                row.id, row.channel, row.remote_id, row.rma, row.name, row.order_remote_id,
                row.order_id, ReturnStatus(row.status), ReturnState(row.state), row.handled_there,
                row.our_label, row.carrier, row.tracking_number, row.label, row.created_at,
                tuple(lines[row.id]),
                row.order_name or row.order_remote_id,
                tuple(
                    ExchangedLine(
                        one.remote_id, one.remote_sku, one.listing_remote_id, one.quantity,
                        None if one.price is None else Money(one.price, one.currency),
                    )
                    for one in instead[row.id]
                ),
                frozenset(one.remote_id for one in instead[row.id] if one.there),
            )
            for row in rows
        ]  # fmt: skip

    def _lines(self, numbers: Select[Any]) -> dict[int, list[ReturnLineRow]]:
        found: dict[tuple[int, int], Counter[Disposition]] = defaultdict(Counter)
        for row in self._tx.rows(select(inspection).where(inspection.c.return_id.in_(numbers))):
            found[row.return_id, row.place][Disposition(row.disposition)] += row.quantity
        live: dict[tuple[int, int], Counter[Disposition | None]] = defaultdict(Counter)
        paid = Counter[tuple[int, int]]()
        for row in self._tx.rows(
            select(
                refund_line.c.return_id, refund.c.state, refund_line.c.return_place,
                refund_line.c.disposition, refund_line.c.quantity,
            )
            .join(refund_line, refund_line.c.refund_id == refund.c.id)
            .where(
                refund_line.c.return_id.in_(numbers),
                refund_line.c.return_place.is_not(None),
                refund.c.state != str(RefundState.WITHDRAWN),
            )
        ):  # fmt: skip
            key = (row.return_id, row.return_place)
            what = Disposition(row.disposition) if row.disposition else None
            live[key][what] += row.quantity
            if row.state in _SETTLED:
                paid[key] += row.quantity
        made: dict[int, list[ReturnLineRow]] = defaultdict(list)
        for row in self._tx.rows(
            select(return_line)
            .where(return_line.c.return_id.in_(numbers))
            .order_by(return_line.c.return_id, return_line.c.place)
        ):
            key = (row.return_id, row.place)
            made[row.return_id].append(
                ReturnLineRow(
                    row.place, row.remote_id, row.line, row.remote_sku, row.quantity, row.received,
                    ReturnReason(row.reason), row.raw_reason, Resolution(row.resolution),
                    row.late_days, found[key], live[key], paid[key],
                )
            )  # fmt: skip
        return made

    def replacement_of(self, one: ReturnRecord) -> int | None:
        """The order of ours that replaces its units; None: there is none."""
        return self._connection.execute(
            select(orders.c.id).where(orders.c.replaces == one.id)
        ).scalar()
