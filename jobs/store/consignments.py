"""Goods on their way to our locations: what is in a consignment, and how far it has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from core.model.catalog import LocationId, Sku
from core.model.inbound import Leg
from core.rules.consignments import WAY, LegState
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import consignment, consignment_leg, consignment_line

OPEN, RECEIVED, CLOSED, CANCELED = "open", "received", "closed", "canceled"


@dataclass(frozen=True, slots=True)
class ConsignmentLine:
    """One thing in a consignment. Units are of the Sku."""

    #: the receiver's word for it; our Sku where nobody else names it
    item: str
    #: None: nobody here knows the item
    sku: Sku | None
    units: int
    received: int = 0
    #: the purchase order it was bought with; "": our own stock
    purchase: str = ""
    #: the transfer that took it off the origin's shelf
    transfer: int | None = None

    @property
    def left(self) -> int:
        """Units still to come; what came beyond what was sent owes nothing."""
        return max(0, self.units - self.received)


@dataclass(frozen=True, slots=True)
class ConsignmentRecord:
    """A consignment as it stands."""

    number: str
    destination: LocationId
    lane: str
    connection: str
    ref: str
    state: str
    told: str
    started_on: date
    watched: bool
    expected_on: date
    late_on: date
    lines: tuple[ConsignmentLine, ...]
    legs: tuple[LegState, ...]

    @property
    def open(self) -> bool:
        return self.state == OPEN

    @property
    def sent(self) -> int:
        return sum(line.units for line in self.lines)

    @property
    def received(self) -> int:
        return sum(line.received for line in self.lines)

    @property
    def missing(self) -> dict[str, int]:
        """Item -> units that were sent and not received; what came too many covers nothing else."""
        short: dict[str, int] = defaultdict(int)
        for line in self.lines:
            short[line.sku or line.item] += line.left
        return {name: units for name, units in sorted(short.items()) if units}


class Consignments:
    """Statements about consignments, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- reading ---------------------------------------------------------------------------------

    def get(self, number: str, *, lock: bool = False) -> ConsignmentRecord | None:
        """One consignment; `lock` holds it until the end of the transaction."""
        query = select(consignment).where(consignment.c.number == number)
        if lock and self._connection.dialect.name != "sqlite":
            query = query.with_for_update()
        found = self._records(self._tx.rows(query))
        return found[0] if found else None

    def told_by(self, connection: str, ref: str) -> ConsignmentRecord | None:
        """The one that this receiver calls so, held until the end of the transaction."""
        number = self._connection.execute(
            select(consignment.c.number).where(
                consignment.c.connection == connection, consignment.c.ref == ref
            )
        ).scalar()
        return None if number is None else self.get(number, lock=True)

    def listed(self, *, closed: bool = False) -> list[ConsignmentRecord]:
        """Open ones (or all), the next to come first."""
        query = select(consignment).order_by(consignment.c.expected_on, consignment.c.number)
        if not closed:
            query = query.where(consignment.c.state == OPEN)
        return self._records(self._tx.rows(query))

    def carrying(self, purchase: str) -> list[ConsignmentRecord]:
        """Open ones with goods of this purchase order, the next to come first, all held."""
        query = (
            select(consignment)
            .where(
                consignment.c.state == OPEN,
                consignment.c.number.in_(
                    select(consignment_line.c.consignment).where(
                        consignment_line.c.purchase == purchase
                    )
                ),
            )
            .order_by(consignment.c.expected_on, consignment.c.number)
        )
        if self._connection.dialect.name != "sqlite":
            query = query.with_for_update()
        return self._records(self._tx.rows(query))

    def _records(self, found: Sequence[Row[Any]]) -> list[ConsignmentRecord]:
        numbers = [row.number for row in found]
        lines: dict[str, list[ConsignmentLine]] = defaultdict(list)
        legs: dict[str, list[LegState]] = defaultdict(list)
        for chunk in chunks(numbers, 5_000):
            for row in self._tx.rows(
                select(consignment_line)
                .where(consignment_line.c.consignment.in_(chunk))
                .order_by(consignment_line.c.item, consignment_line.c.purchase)
            ):
                lines[row.consignment].append(
                    ConsignmentLine(
                        row.item, row.sku, row.units, row.received, row.purchase, row.transfer
                    )
                )
            for row in self._tx.rows(
                select(consignment_leg).where(consignment_leg.c.consignment.in_(chunk))
            ):
                legs[row.consignment].append(LegState(Leg(row.leg), row.planned, row.actual))
        return [
            ConsignmentRecord(
                number=row.number,
                destination=row.destination,
                lane=row.lane,
                connection=row.connection,
                ref=row.ref,
                state=row.state,
                told=row.told,
                started_on=row.started_on,
                watched=row.watched,
                expected_on=row.expected_on,
                late_on=row.late_on,
                lines=tuple(lines[row.number]),
                legs=tuple(sorted(legs[row.number], key=lambda one: WAY.index(one.leg))),
            )
            for row in found
        ]

    def ways(self, lane: str, *, last: int = 20) -> list[tuple[date, tuple[LegState, ...]]]:
        """The last ways along a lane that were watched from their first day, oldest first."""
        found = self._tx.rows(
            select(consignment)
            .where(
                consignment.c.lane == lane,
                consignment.c.watched,
                consignment.c.state.not_in([CANCELED]),
            )
            .order_by(consignment.c.started_on.desc(), consignment.c.number.desc())
            .limit(last)
        )
        return [(one.started_on, one.legs) for one in reversed(self._records(found))]

    def incoming(
        self, skus: Iterable[Sku]
    ) -> dict[tuple[Sku, LocationId], list[tuple[date, int, str]]]:
        """(day it is expected, units still to come, purchase order or "") of what is under way."""
        found: dict[tuple[Sku, LocationId], list[tuple[date, int, str]]] = defaultdict(list)
        line = consignment_line.c
        for chunk in chunks(sorted(set(skus)), 5_000):
            for row in self._connection.execute(
                select(
                    line.sku, consignment.c.destination, consignment.c.expected_on, line.purchase,
                    (line.units - line.received).label("left"),
                )
                .join(consignment, consignment.c.number == line.consignment)
                .where(
                    line.sku.in_(chunk),
                    consignment.c.state == OPEN,
                    line.units > line.received,
                )
                .order_by(consignment.c.expected_on, line.consignment, line.purchase)
            ):  # fmt: skip
                found[row.sku, row.destination].append((row.expected_on, row.left, row.purchase))
        return found

    def mark(self) -> tuple[tuple[str, date, int], ...]:
        """Changes whenever something leaves, comes, or is expected on another day."""
        left = func.sum(consignment_line.c.units - consignment_line.c.received)
        rows = self._connection.execute(
            select(consignment.c.number, consignment.c.expected_on, left)
            .join(consignment_line, consignment_line.c.consignment == consignment.c.number)
            .where(consignment.c.state == OPEN)
            .group_by(consignment.c.number, consignment.c.expected_on)
            .order_by(consignment.c.number)
        )
        return tuple((number, day, int(units)) for number, day, units in rows)

    # --- changing --------------------------------------------------------------------------------

    def add(
        self,
        number: str,
        *,
        destination: LocationId,
        lane: str,
        started_on: date,
        by: str,
        connection: str = "",
        ref: str = "",
        watched: bool = True,
    ) -> None:
        """A consignment without lines; the days it is expected on follow (`expect`)."""
        self._connection.execute(
            insert(consignment).values(
                number=number,
                destination=destination,
                lane=lane,
                connection=connection,
                ref=ref,
                state=OPEN,
                told="",
                started_on=started_on,
                watched=watched,
                expected_on=started_on,
                late_on=started_on,
                created_at=self._tx.now,
                created_by=by,
            )
        )

    def put(self, number: str, lines: Iterable[ConsignmentLine]) -> None:
        """Write these lines as they are now; the others stay."""
        rows = [
            {
                "consignment": number,
                "item": line.item,
                "purchase": line.purchase,
                "sku": line.sku,
                "units": line.units,
                "received": line.received,
                "transfer": line.transfer,
            }
            for line in lines
        ]
        key = ["consignment", "item", "purchase"]
        upsert(self._connection, consignment_line, rows, key=key, returning=[])

    def set_leg(
        self, number: str, leg: Leg, *, planned: date | None = None, actual: date | None = None
    ) -> None:
        """Tell a leg's planned or actual day; what is not told stays."""
        row = {"consignment": number, "leg": str(leg), "planned": planned, "actual": actual}
        before = self._connection.execute(
            select(consignment_leg).where(
                consignment_leg.c.consignment == number, consignment_leg.c.leg == str(leg)
            )
        ).first()
        if before is None:
            self._connection.execute(insert(consignment_leg).values(row))
            return
        self._connection.execute(
            update(consignment_leg)
            .where(consignment_leg.c.consignment == number, consignment_leg.c.leg == str(leg))
            .values(planned=planned or before.planned, actual=actual or before.actual)
        )

    def expect(self, number: str, *, expected_on: date, late_on: date) -> None:
        """When it will be there."""
        self._set(number, expected_on=expected_on, late_on=late_on)

    def tell(self, number: str, word: str) -> None:
        """What its receiver last said."""
        self._set(number, told=word)

    def link(self, number: str, *, connection: str, ref: str) -> None:
        """Who receives it, and what they call it."""
        self._set(number, connection=connection, ref=ref)

    def forget(self, number: str) -> None:
        """Take one out that stood for the same goods as another."""
        self._connection.execute(consignment.delete().where(consignment.c.number == number))

    def settle(self, number: str, state: str) -> None:
        """Nothing more is expected of it; or OPEN again, where its receiver says so."""
        self._set(number, state=state, settled_at=None if state == OPEN else self._tx.now)

    def _set(self, number: str, **values: object) -> None:
        self._connection.execute(
            update(consignment).where(consignment.c.number == number).values(**values)
        )
