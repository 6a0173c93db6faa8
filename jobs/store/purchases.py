"""Purchase orders that restock us, and the units that are on their way with them.

`stock_level.incoming` of a Sku at a location is what its open purchase orders still owe there; it
is kept with every change, and `verify` recomputes it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, case, func, insert, select, text, update

from core.model.catalog import LocationId, Sku
from core.model.money import Money
from core.model.purchasing import (
    OPEN_PURCHASES,
    PurchaseAnswer,
    PurchaseLine,
    PurchaseOrder,
    PurchaseState,
)
from jobs.store.bulk import chunks
from jobs.store.consignments import Consignments
from jobs.store.proof import Difference
from jobs.store.store import Tx
from jobs.store.tables import purchase_order, purchase_order_line, receipt_cost, stock_level

#: What a column of whole numbers holds on PostgreSQL.
LARGEST = 2**31 - 1
_OPEN = [str(state) for state in OPEN_PURCHASES]
_COMING = (
    "INSERT INTO stock_level (sku, location, on_hand, committed, safety_stock, incoming) "
    "VALUES (:sku, :location, 0, 0, 0, :delta) "
    "ON CONFLICT (sku, location) DO UPDATE SET incoming = stock_level.incoming + :delta"
)


@dataclass(frozen=True, slots=True)
class LineRecord:
    sku: Sku
    item: str
    quantity: int
    pack: int
    price: Money | None
    #: None: the supplier has not answered
    confirmed: int | None
    received: int

    @property
    def coming(self) -> int:
        """Units still owed; what came beyond the order owes nothing."""
        return max(0, self.quantity - self.received)


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """A purchase order as it stands."""

    number: str
    supplier: str
    connection: str
    location: LocationId
    state: PurchaseState
    currency: str
    needed_on: date | None
    expected_on: date
    confirmed_on: date | None
    reference: str
    created_at: datetime
    sent_at: datetime | None
    #: the instant that the newest answer speaks of; None: the supplier has not answered
    acknowledged_at: datetime | None
    lines: tuple[LineRecord, ...]

    @property
    def open(self) -> bool:
        return self.state in OPEN_PURCHASES

    def order(self) -> PurchaseOrder:
        """What the supplier is told."""
        return PurchaseOrder(
            number=self.number,
            supplier=self.supplier,
            location=self.location,
            lines=tuple(
                PurchaseLine(one.sku, one.item, one.quantity, one.price, one.pack)
                for one in self.lines
            ),
            ordered_at=self.created_at,
            needed_on=self.needed_on,
        )


class Purchases:
    """Statements about purchase orders, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- reading ---------------------------------------------------------------------------------

    def get(self, number: str, *, lock: bool = False) -> PurchaseRecord | None:
        """One purchase order; `lock` holds it until the end of the transaction."""
        query = select(purchase_order).where(purchase_order.c.number == number)
        if lock and self._connection.dialect.name != "sqlite":
            query = query.with_for_update()
        row = self._connection.execute(query).first()
        return None if row is None else self._records([row])[0]

    def listed(self, *, closed: bool = False, supplier: str | None = None) -> list[PurchaseRecord]:
        """Open ones (or all), oldest first."""
        query = select(purchase_order).order_by(
            purchase_order.c.created_at, purchase_order.c.number
        )
        if not closed:
            query = query.where(purchase_order.c.state.in_(_OPEN))
        if supplier is not None:
            query = query.where(purchase_order.c.supplier == supplier)
        return self._records(self._tx.rows(query))

    def _records(self, orders: list[Row[Any]]) -> list[PurchaseRecord]:
        lines: dict[str, list[LineRecord]] = defaultdict(list)
        currency = {row.number: row.currency for row in orders}
        for row in self._tx.rows(
            select(purchase_order_line)
            .where(purchase_order_line.c.purchase.in_(list(currency)))
            .order_by(purchase_order_line.c.purchase, purchase_order_line.c.sku)
        ):
            price = None if row.price is None else Money(row.price, currency[row.purchase])
            lines[row.purchase].append(
                LineRecord(
                    row.sku, row.item, row.quantity, row.pack, price, row.confirmed, row.received
                )
            )
        return [
            PurchaseRecord(
                number=row.number,
                supplier=row.supplier,
                connection=row.connection,
                location=row.location,
                state=PurchaseState(row.state),
                currency=row.currency,
                needed_on=row.needed_on,
                expected_on=row.expected_on,
                confirmed_on=row.confirmed_on,
                reference=row.reference,
                created_at=row.created_at,
                sent_at=row.sent_at,
                acknowledged_at=row.acknowledged_at,
                lines=tuple(lines[row.number]),
            )
            for row in orders
        ]

    def mark(self) -> tuple[object, ...]:
        """Changes whenever something is ordered, under way, received, or expected no more."""
        line = purchase_order_line.c
        orders = self._connection.execute(
            select(func.count(), func.count(purchase_order.c.settled_at))
        ).one()
        received = self._connection.execute(select(func.coalesce(func.sum(line.received), 0)))
        whole = int(orders[0]), int(orders[1]), int(received.scalar_one())
        return *whole, Consignments(self._tx).mark()

    def lead_days(self, supplier: str, *, last: int = 20) -> list[int]:
        """Calendar days from sending to the first receipt of its last purchase orders."""
        arrived = (
            select(receipt_cost.c.purchase, func.min(receipt_cost.c.at).label("at"))
            .group_by(receipt_cost.c.purchase)
            .subquery()
        )
        rows = self._tx.rows(
            select(purchase_order.c.sent_at, arrived.c.at)
            .join(arrived, arrived.c.purchase == purchase_order.c.number)
            .where(purchase_order.c.supplier == supplier, purchase_order.c.sent_at.is_not(None))
            .order_by(purchase_order.c.sent_at.desc())
            .limit(last)
        )
        return [max(0, (row.at - row.sent_at).days) for row in rows]

    def incoming(
        self, skus: Iterable[Sku]
    ) -> dict[tuple[Sku, LocationId], tuple[tuple[date, int], ...]]:
        """(day it is expected, units) of what is bought, or sent here, and not received.

        Goods under way come when their consignment does, the rest of a purchase order when that is
        expected; where the supplier said that fewer will come, only those are reckoned with.
        """
        asked = sorted(set(skus))
        found: dict[tuple[Sku, LocationId], list[tuple[date, int]]] = defaultdict(list)
        under_way: dict[tuple[Sku, str], list[tuple[date, int]]] = defaultdict(list)
        for (sku, place), coming in Consignments(self._tx).incoming(asked).items():
            for day, units, purchase in coming:
                if purchase:
                    under_way[sku, purchase].append((day, units))
                else:
                    found[sku, place].append((day, units))
        there = Consignments(self._tx).unbooked(asked)
        line = purchase_order_line.c
        for chunk in chunks(asked, 5_000):
            for row in self._tx.rows(
                select(purchase_order.c.location, purchase_order.c.expected_on, purchase_order_line)
                .join(purchase_order, purchase_order.c.number == line.purchase)
                .where(line.sku.in_(chunk), purchase_order.c.state.in_(_OPEN))
                .order_by(purchase_order.c.expected_on, line.purchase)
            ):
                told = row.quantity if row.confirmed is None else min(row.quantity, row.confirmed)
                # What the receiver has stands on its shelf, though our books cannot take it yet.
                rest = told - row.received - there.get((row.sku, row.purchase), 0)
                for day, units in [
                    *under_way[row.sku, row.purchase],
                    (row.expected_on, max(0, rest)),
                ]:
                    came = min(units, rest)
                    if came > 0:
                        found[row.sku, row.location].append((day, came))
                    rest -= came
        return {key: tuple(sorted(each)) for key, each in found.items()}

    # --- changing --------------------------------------------------------------------------------

    def add(
        self, order: PurchaseOrder, *, connection: str, currency: str, expected_on: date, by: str
    ) -> bool:
        """A draft that a person approved. False: this very order was made before."""
        if self.get(order.number) is not None:
            return False
        self._connection.execute(
            insert(purchase_order).values(
                number=order.number,
                supplier=order.supplier,
                connection=connection,
                location=order.location,
                state=str(PurchaseState.DRAFT),
                currency=currency,
                needed_on=order.needed_on,
                expected_on=expected_on,
                reference="",
                created_at=order.ordered_at,
                created_by=by,
            )
        )
        self._connection.execute(
            insert(purchase_order_line),
            [
                {
                    "purchase": order.number,
                    "sku": one.sku,
                    "item": one.item,
                    "quantity": one.quantity,
                    "pack": one.pack,
                    "price": None if one.price is None else one.price.amount,
                    "received": 0,
                }
                for one in order.lines
            ],
        )
        self._move_coming({(one.sku, order.location): one.quantity for one in order.lines})
        return True

    def sent(self, number: str) -> None:
        """It is where the supplier picks it up. An answer may have been faster than this record."""
        draft = purchase_order.c.state == str(PurchaseState.DRAFT)
        self._connection.execute(
            update(purchase_order)
            .where(purchase_order.c.number == number)
            .values(
                state=case((draft, str(PurchaseState.SENT)), else_=purchase_order.c.state),
                sent_at=self._tx.now,
            )
        )

    def shipped(self, number: str) -> None:
        """The supplier sends something of it: that is an answer, though it says nothing of the rest."""
        self._connection.execute(
            update(purchase_order)
            .where(
                purchase_order.c.number == number,
                purchase_order.c.state == str(PurchaseState.SENT),
            )
            .values(state=str(PurchaseState.ACKNOWLEDGED))
        )

    def came_back(self, number: str) -> None:
        """It did not reach the supplier: as before it was sent."""
        self._connection.execute(
            update(purchase_order)
            .where(
                purchase_order.c.number == number,
                purchase_order.c.state == str(PurchaseState.SENT),
            )
            .values(state=str(PurchaseState.DRAFT), sent_at=None)
        )

    def confirmed(
        self,
        order: PurchaseRecord,
        answers: Mapping[Sku, PurchaseAnswer],
        *,
        expected_on: date,
    ) -> None:
        """What the supplier said will come, and when it leaves them."""
        for sku, answer in sorted(answers.items()):
            self._connection.execute(
                update(purchase_order_line)
                .where(
                    purchase_order_line.c.purchase == order.number,
                    purchase_order_line.c.sku == sku,
                )
                .values(confirmed=min(answer.quantity, LARGEST))
            )
        ready = max((one.ready_on for one in answers.values() if one.ready_on), default=None)
        reference = next((one.reference for one in answers.values() if one.reference), "")
        waiting = order.state in (PurchaseState.DRAFT, PurchaseState.SENT)
        state = PurchaseState.ACKNOWLEDGED if waiting else order.state
        given = [one.at for one in answers.values()]
        if order.acknowledged_at:
            given.append(order.acknowledged_at)
        self._connection.execute(
            update(purchase_order)
            .where(purchase_order.c.number == order.number)
            .values(
                state=str(state),
                confirmed_on=ready or order.confirmed_on,
                expected_on=expected_on,
                reference=reference or order.reference,
                acknowledged_at=max(given),
            )
        )

    def received(self, order: PurchaseRecord, units: Mapping[Sku, int]) -> PurchaseState:
        """Units came; what is still owed stays open. Returns the state it has now."""
        owed: Counter[tuple[Sku, LocationId]] = Counter()
        left = 0
        for one in order.lines:
            came = units.get(one.sku, 0)
            after = max(0, one.quantity - one.received - came)
            owed[one.sku, order.location] += after - one.coming
            left += after
            if came:
                self._connection.execute(
                    update(purchase_order_line)
                    .where(
                        purchase_order_line.c.purchase == order.number,
                        purchase_order_line.c.sku == one.sku,
                    )
                    .values(received=purchase_order_line.c.received + came)
                )
        if not order.open:
            return order.state
        self._move_coming(owed)
        state = PurchaseState.PARTLY_RECEIVED if left else PurchaseState.RECEIVED
        self._set_state(order.number, state)
        return state

    def settle(self, order: PurchaseRecord, state: PurchaseState) -> None:
        """Nothing more is expected of it: closed or canceled."""
        self._move_coming({(one.sku, order.location): -one.coming for one in order.lines})
        self._set_state(order.number, state)

    def _set_state(self, number: str, state: PurchaseState) -> None:
        settled = None if state in OPEN_PURCHASES else self._tx.now
        self._connection.execute(
            update(purchase_order)
            .where(purchase_order.c.number == number)
            .values(state=str(state), settled_at=settled)
        )

    def _move_coming(self, deltas: Mapping[tuple[Sku, LocationId], int]) -> None:
        """In one order everywhere, so that two writers never deadlock."""
        rows = [
            {"sku": sku, "location": location, "delta": units}
            for (sku, location), units in sorted(deltas.items())
            if units
        ]
        if rows:
            self._connection.execute(text(_COMING), rows)

    # --- proving ---------------------------------------------------------------------------------

    def verify(self) -> list[Difference]:
        """Where `incoming` is not what open purchase orders owe (I2); none when all is well."""
        line, left = (
            purchase_order_line.c,
            purchase_order_line.c.quantity - purchase_order_line.c.received,
        )
        owed = {
            (row.sku, row.location): int(row.units)
            for row in self._connection.execute(
                select(line.sku, purchase_order.c.location, func.sum(left).label("units"))
                .join(purchase_order, purchase_order.c.number == line.purchase)
                .where(purchase_order.c.state.in_(_OPEN), left > 0)
                .group_by(line.sku, purchase_order.c.location)
            )
        }
        kept = {
            (row.sku, row.location): row.incoming
            for row in self._connection.execute(
                select(stock_level.c.sku, stock_level.c.location, stock_level.c.incoming)
            )
        }
        return [
            Difference(*key, "incoming", kept.get(key, 0), owed.get(key, 0))
            for key in sorted(kept.keys() | owed.keys())
            if kept.get(key, 0) != owed.get(key, 0)
        ]
