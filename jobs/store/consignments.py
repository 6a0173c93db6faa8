"""Goods on their way to our locations: what is in a consignment, and how far it has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Row, func, insert, select, tuple_, update

from core.model.catalog import LocationId, Sku
from core.model.inbound import Leg
from core.rules.consignments import WAY, LegState
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import (
    consignment,
    consignment_leg,
    consignment_line,
    consignment_slip,
)

OPEN, RECEIVED, CLOSED, CANCELED = "open", "received", "closed", "canceled"


@dataclass(frozen=True, slots=True)
class ConsignmentLine:
    """One thing in a consignment. Units are of the Sku."""

    #: the receiver's word for it; our Sku where nobody else names it
    item: str
    #: None: nobody here knows the item
    sku: Sku | None
    units: int
    #: as the receiver has it: fewer again where it takes some off
    received: int = 0
    #: the purchase order it was bought with; "": our own stock
    purchase: str = ""
    #: the transfer that took it off the origin's shelf
    transfer: int | None = None
    #: units somebody here put on it; 0: only the receiver speaks of them
    loaded: int = 0
    #: units the order or the transfer took in: in our books, and never taken back by a report
    booked: int = 0

    @property
    def left(self) -> int:
        """Units still to come; what came beyond what was sent owes nothing."""
        return max(0, self.units - self.received)

    @property
    def owed(self) -> int:
        """Units of the order or transfer that are on it and not in our books yet."""
        return max(0, self.units - self.booked)

    @property
    def bound(self) -> bool:
        """We know whose goods they are, or which shelf they left."""
        return bool(self.purchase) or self.transfer is not None

    @property
    def unsaid(self) -> int:
        """Units of our own that left a shelf, and nobody said which one."""
        return 0 if self.purchase else max(0, self.units - self.loaded)

    def came(self, units: int) -> ConsignmentLine:
        """So many of it were booked in here."""
        return replace(self, received=self.received + units, booked=self.booked + units)


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
    told_name: str
    undelivered_on: date | None
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

    def made_there(self, destination: LocationId) -> list[ConsignmentRecord]:
        """Open ones that only their receiver speaks of: nobody said whose goods they are."""
        return [
            one
            for one in self.listed()
            if one.destination == destination
            and one.ref
            and not any(line.bound for line in one.lines)
        ]

    def unbooked(self, skus: Iterable[Sku]) -> dict[tuple[Sku, str], int]:
        """(Sku, purchase order) -> units its receiver has that the order did not take in yet."""
        line = consignment_line.c
        query = (
            select(line.sku, line.purchase, func.sum(line.received - line.booked))
            .where(line.purchase != "", line.sku.is_not(None), line.received > line.booked)
            .group_by(line.sku, line.purchase)
        )
        found: dict[tuple[Sku, str], int] = {}
        for chunk in chunks(sorted(set(skus)), 5_000):
            for sku, purchase, units in self._connection.execute(query.where(line.sku.in_(chunk))):
                found[sku, purchase] = int(units)
        return found

    def to_book(self) -> list[str]:
        """Numbers of those of which the receiver has units that an order did not take in yet, over or not."""
        line = consignment_line.c
        waiting = (
            select(line.consignment)
            .where(line.purchase != "", line.sku.is_not(None), line.received > line.booked)
            .distinct()
        )
        query = (
            select(consignment.c.number)
            .where(consignment.c.number.in_(waiting))
            .order_by(consignment.c.number)
        )
        return list(self._connection.execute(query).scalars())

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
                        row.item,
                        row.sku,
                        row.units,
                        row.received,
                        row.purchase,
                        row.transfer,
                        row.loaded,
                        row.booked,
                    )
                )
            for row in self._tx.rows(
                select(consignment_leg).where(consignment_leg.c.consignment.in_(chunk))
            ):
                legs[row.consignment].append(
                    LegState(Leg(row.leg), row.planned, row.actual, row.not_before)
                )
        return [
            ConsignmentRecord(
                number=row.number,
                destination=row.destination,
                lane=row.lane,
                connection=row.connection,
                ref=row.ref,
                state=row.state,
                told=row.told,
                told_name=row.told_name,
                undelivered_on=row.undelivered_on,
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

    def rewrite(self, number: str, lines: Sequence[ConsignmentLine]) -> None:
        """Write these lines as they are now; there are no others any more."""
        line = consignment_line.c
        kept = [(one.item, one.purchase) for one in lines]
        self._connection.execute(
            consignment_line.delete().where(
                line.consignment == number, tuple_(line.item, line.purchase).not_in(kept)
            )
        )
        self.put(number, lines)

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
                "loaded": line.loaded,
                "booked": line.booked,
            }
            for line in lines
        ]
        key = ["consignment", "item", "purchase"]
        upsert(self._connection, consignment_line, rows, key=key, returning=[])

    def take_slip(self, number: str, slip: str, *, by: str) -> bool:
        """Keep a packing slip of this consignment; False: its goods were booked in before."""
        row = {"consignment": number, "slip": slip, "at": self._tx.now, "person": by}
        key, once = ["consignment", "slip"], ["at", "person"]
        return bool(upsert(self._connection, consignment_slip, [row], key=key, keep=once))

    def set_leg(
        self,
        number: str,
        leg: Leg,
        *,
        planned: date | None = None,
        actual: date | None = None,
        not_before: date | None = None,
    ) -> None:
        """Tell a leg's planned day, or its actual one with the earliest it can have been.

        What is not told stays.
        """
        row = {
            "consignment": number, "leg": str(leg), "planned": planned, "actual": actual,
            "not_before": not_before,
        }  # fmt: skip
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
            .values(
                planned=planned or before.planned,
                actual=actual or before.actual,
                not_before=not_before if actual else before.not_before,
            )
        )

    def expect(self, number: str, *, expected_on: date, late_on: date) -> None:
        """When it will be there."""
        self._set(number, expected_on=expected_on, late_on=late_on)

    def tell(self, number: str, word: str, *, name: str, undelivered_on: date | None) -> None:
        """What its receiver last said, what its own pages call it, and that it was not there yet."""
        seen = {} if undelivered_on is None else {"undelivered_on": undelivered_on}
        self._set(number, told=word, told_name=name, **seen)

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
