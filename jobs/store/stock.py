"""Units: the ledger, the balances kept with it, reservations, snapshots."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.stock import (
    HELD,
    Claim,
    MovementKind,
    ReservationState,
    StockLevel,
    StockMovement,
    StockSnapshot,
)
from core.rules.snapshots import Previous
from jobs.store.bulk import CHUNK, chunks, upsert
from jobs.store.counting import counted_already
from jobs.store.proof import Difference, differences
from jobs.store.store import Tx
from jobs.store.tables import dirty_sku, movement, reservation, snapshot, stock_level
from jobs.store.types import instant_text

#: SQLite checks the row it would insert even when it updates: a release must not look negative.
_ADD = {
    column: (
        "INSERT INTO stock_level (sku, location, on_hand, committed, safety_stock, incoming) "
        f"VALUES (:sku, :location, {on_hand}, {committed}, 0, 0) "
        f"ON CONFLICT (sku, location) DO UPDATE SET {column} = stock_level.{column} + :delta"
    )
    for column, on_hand, committed in (
        ("on_hand", ":delta", "0"),
        ("committed", "0", "CASE WHEN :delta > 0 THEN :delta ELSE 0 END"),
    )
}


def _whole_as_of(location: Any) -> ScalarSelect[datetime | None]:
    """What instant the last snapshot of this whole location speaks of. One look at the index."""
    return (
        select(snapshot.c.as_of)
        .where(snapshot.c.location == location, snapshot.c.state == "applied", snapshot.c.complete)
        .order_by(snapshot.c.as_of.desc())
        .limit(1)
        .scalar_subquery()
    )


#: The columns of a StockLevel, in its order.
_LEVEL = tuple(stock_level.c[one.name] for one in fields(StockLevel))


@dataclass(frozen=True, slots=True)
class Compared:
    """A snapshot beside the levels of its location."""

    #: Skus that have a level there
    known: int
    #: those of them that are in the snapshot
    kept: int
    #: those whose figure is another now, gone ones among them
    changed: Sequence[Sku]
    #: Skus of the snapshot without a level there
    new: Sequence[Sku]
    #: Skus of which a newer figure is known than this snapshot's
    newer: frozenset[Sku] = frozenset()


class Stock:
    """Statements about units, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection
        self.now = tx.now

    # --- reading ---------------------------------------------------------------------------------

    def levels(self, skus: Iterable[Sku], *, lock: bool = False) -> dict[Sku, list[StockLevel]]:
        """The levels of these Skus; `lock` holds them until the end of the transaction."""
        found: dict[Sku, list[StockLevel]] = defaultdict(list)
        for chunk in chunks(sorted(set(skus))):
            query = (
                select(*_LEVEL)
                .where(stock_level.c.sku.in_(chunk))
                .order_by(stock_level.c.sku, stock_level.c.location)
            )
            if lock and self._connection.dialect.name != "sqlite":
                query = query.with_for_update()
            for row in self._connection.execute(query).all():
                found[row[0]].append(StockLevel(*row))
        return found

    def available(
        self, skus: Iterable[Sku], *, lock: bool = False
    ) -> dict[tuple[Sku, LocationId], int]:
        return {
            (level.sku, level.location): level.available
            for levels in self.levels(skus, lock=lock).values()
            for level in levels
        }

    def unallocated(self, skus: Iterable[Sku]) -> Counter[Sku]:
        """Units promised that no location has."""
        found: Counter[Sku] = Counter()
        for chunk in chunks(sorted(set(skus))):
            for row in self._connection.execute(
                select(reservation.c.sku, func.sum(reservation.c.quantity).label("units"))
                .where(
                    reservation.c.sku.in_(chunk),
                    reservation.c.state == "open",
                    reservation.c.location.is_(None),
                )
                .group_by(reservation.c.sku)
            ):
                found[row.sku] = int(row.units)
        return found

    # --- reserving -------------------------------------------------------------------------------

    def reserve(
        self,
        claims: Sequence[tuple[int, Claim, datetime | None]],
        *,
        fulfillments: Mapping[tuple[int, LocationId], int] | None = None,
    ) -> None:
        """Hold units: (order, claim, absorbed_after). Balances move in the same transaction."""
        if not claims:
            return
        self._connection.execute(
            insert(reservation),
            [
                {
                    "order_id": order_id,
                    "line": claim.line,
                    "sku": claim.sku,
                    "location": claim.location,
                    "quantity": claim.quantity,
                    "fulfillment": (fulfillments or {}).get((order_id, claim.location))
                    if claim.location
                    else None,
                    "state": "open",
                    "absorbed_after": absorbed_after,
                    "at": self._tx.now,
                }
                for order_id, claim, absorbed_after in claims
            ],
        )
        self._commit(
            (claim.sku, claim.location, claim.quantity) for _, claim, _ in claims if claim.location
        )
        self.mark_dirty(claim.sku for _, claim, _ in claims)

    def release(self, ids: Sequence[int], *, state: str = "released") -> None:
        """Let go of reservations (or end them as `consumed`, `expired`; or their count, as `absorbed`)."""
        for chunk in chunks(sorted(set(ids)), 5_000):
            if state != ReservationState.ABSORBED:
                # No balance counts these any more.
                self._connection.execute(
                    update(reservation)
                    .where(
                        reservation.c.id.in_(chunk),
                        reservation.c.state == ReservationState.ABSORBED,
                    )
                    .values(state=state)
                )
            rows = self._connection.execute(
                update(reservation)
                .where(reservation.c.id.in_(chunk), reservation.c.state == "open")
                .values(state=state)
                .returning(reservation.c.sku, reservation.c.location, reservation.c.quantity)
            ).all()
            self._commit((row.sku, row.location, -row.quantity) for row in rows if row.location)
            self.mark_dirty(row.sku for row in rows)

    def _commit(self, deltas: Iterable[tuple[Sku, LocationId, int]]) -> None:
        total: Counter[tuple[Sku, LocationId]] = Counter()
        for sku, location, units in deltas:
            total[sku, location] += units
        self._add("committed", total)

    def _add(self, column: str, deltas: Mapping[tuple[Sku, LocationId], int]) -> None:
        """Move balances by deltas, in one order everywhere, so that two writers never deadlock."""
        rows = [
            {"sku": sku, "location": location, "delta": units}
            for (sku, location), units in sorted(deltas.items())
            if units
        ]
        if rows:
            self._connection.execute(
                text(_ADD[column]),
                rows,
            )

    def mark_dirty(self, skus: Iterable[Sku]) -> None:
        """What channels should show of these Skus must be decided again."""
        self._tx.mark_dirty(skus)

    def take_dirty(self, limit: int) -> list[Sku]:
        """The Skus to decide again; whoever takes them decides in this transaction.

        One whose mark is being written right now is left: the writer's commit wakes us.
        """
        query = select(dirty_sku.c.sku).order_by(dirty_sku.c.sku).limit(limit)
        if self._connection.dialect.name != "sqlite":
            query = query.with_for_update(skip_locked=True)
        skus = list(self._connection.execute(query).scalars())
        for chunk in chunks(skus):
            self._connection.execute(delete(dirty_sku).where(dirty_sku.c.sku.in_(chunk)))
        return skus

    # --- the ledger ------------------------------------------------------------------------------

    def move(self, movements: Sequence[StockMovement]) -> list[StockMovement]:
        """Append ledger lines and their balances; a repeat is a no-op. Returns those that were new."""
        by_key = {(str(m.kind), m.reference, m.sku, m.location): m for m in movements if m.quantity}
        rows = [
            {
                "kind": kind,
                "reference": reference,
                "sku": sku,
                "location": location,
                "quantity": one.quantity,
                "at": one.at,
                "cause": one.cause,
                "person": one.person or None,
                "note": one.note or None,
            }
            for (kind, reference, sku, location), one in by_key.items()
        ]
        key = ["kind", "reference", "sku", "location"]
        said = ["quantity", "at", "cause", "person", "note"]
        new = upsert(self._connection, movement, rows, key=key, keep=said)
        written = [by_key[row.kind, row.reference, row.sku, row.location] for row in new]
        total: Counter[tuple[Sku, LocationId]] = Counter()
        for one in written:
            total[one.sku, one.location] += one.quantity
        self._add("on_hand", total)
        self.mark_dirty(one.sku for one in written)
        # Read after the balances are locked: a count that is being applied right now is seen.
        seen = counted_already(self._connection, written)
        return written + self.move(seen) if seen else written

    def opened(self) -> set[LocationId]:
        """Locations whose ledger has lines."""
        return set(self._connection.execute(select(movement.c.location).distinct()).scalars())

    # --- snapshots -------------------------------------------------------------------------------

    def in_force(self, location: LocationId) -> tuple[int, int, int, datetime] | None:
        """(rows, units, zeros, as_of) of the last snapshot applied at this location."""
        row = self._connection.execute(
            select(snapshot)
            .where(snapshot.c.location == location, snapshot.c.state == "applied")
            .order_by(snapshot.c.as_of.desc(), snapshot.c.id.desc())
            .limit(1)
        ).first()
        return None if row is None else (row.rows, row.units, row.zeros, row.as_of)

    def known_at(self, location: LocationId) -> set[Sku]:
        """Skus the location has a level for."""
        return set(
            self._connection.execute(
                select(stock_level.c.sku).where(stock_level.c.location == location)
            ).scalars()
        )

    def on_hand(self, location: LocationId, skus: Iterable[Sku]) -> dict[Sku, int]:
        """The figures in force of these Skus at a location."""
        return {
            row.sku: row.on_hand
            for chunk in chunks(sorted(set(skus)))
            for row in self._connection.execute(
                select(stock_level.c.sku, stock_level.c.on_hand).where(
                    stock_level.c.location == location, stock_level.c.sku.in_(chunk)
                )
            )
        }

    def keep_snapshot(
        self,
        taken: StockSnapshot,
        *,
        state: str,
        reasons: Sequence[Reason],
        content: Any = None,
        unknown: int = 0,
        whole: Previous | None = None,
    ) -> int | None:
        """Remember a snapshot; None when these very bytes of this instant were taken before.

        `whole` is its location once it is in force, where the snapshot is only a part of it.
        """
        whole = whole or Previous(len(taken.rows), taken.units, taken.zeros, taken.as_of)
        rows = upsert(
            self._connection,
            snapshot,
            [
                {
                    "location": taken.location,
                    "name": taken.name,
                    "digest": taken.digest,
                    "as_of": taken.as_of,
                    "received_at": self._tx.now,
                    "rows": whole.rows,
                    "units": whole.units,
                    "zeros": whole.zeros,
                    "state": state,
                    "complete": taken.complete,
                    "reasons": [[reason.code, dict(reason.args)] for reason in reasons],
                    "content": content,
                    "unknown": unknown,
                }
            ],
            key=["location", "name", "digest", "as_of"],
            keep=[
                "received_at",
                "rows",
                "units",
                "zeros",
                "state",
                "complete",
                "reasons",
                "content",
                "unknown",
            ],
            returning=["id"],
        )
        return rows[0].id if rows else None

    def compare(self, taken: StockSnapshot) -> Compared:
        """The snapshot beside the levels of its location, a page of them at a time.

        Nobody else brings a snapshot of this location into force until the transaction ends.
        """
        if self._connection.dialect.name != "sqlite":
            self._connection.execute(
                select(func.pg_advisory_xact_lock(func.hashtext(f"snapshot {taken.location}")))
            )
        if not taken.complete:
            return self._compare_change(taken)
        figures, known, kept, changed = taken.by_sku, 0, 0, []
        newer = self._newer(taken)
        for page in self._figures_at(taken.location):
            known += len(page)
            for sku, on_hand in page:
                kept += sku in figures
                if figures.get(sku, 0) != on_hand and sku not in newer:
                    changed.append(sku)
        new = self._without_level(taken) if kept < len(figures) else []
        return Compared(known, kept, changed, new, newer)

    def _compare_change(self, taken: StockSnapshot) -> Compared:
        """A few Skus beside theirs; the rest of the location is not looked at."""
        figures = taken.by_sku
        there = self.on_hand(taken.location, figures)
        newer = self._newer(taken) & figures.keys()
        changed = [
            sku for sku, units in there.items() if units != figures[sku] and sku not in newer
        ]
        new = [sku for sku in figures if sku not in there]
        return Compared(len(there), len(there), changed, new, frozenset(newer))

    def _newer(self, taken: StockSnapshot) -> frozenset[Sku]:
        """Skus of the location of which something newer was told, one by one."""
        query = select(stock_level.c.sku).where(
            stock_level.c.location == taken.location, stock_level.c.as_of > taken.as_of
        )
        return frozenset(self._connection.execute(query).scalars())

    def told_since(self, taken: StockSnapshot) -> bool:
        """Whether the whole location was told since this snapshot's instant, or at it."""
        query = select(_whole_as_of(taken.location))
        whole = self._connection.execute(query).scalar()
        if whole is None:
            return False
        return bool(taken.as_of <= whole if taken.complete else taken.as_of < whole)

    def _figures_at(self, location: LocationId) -> Iterator[Sequence[Row[str, int]]]:
        query = (
            select(stock_level.c.sku, stock_level.c.on_hand)
            .where(stock_level.c.location == location)
            .order_by(stock_level.c.sku)
            .limit(CHUNK)
        )
        page = self._connection.execute(query).all()
        while page:
            yield page
            query_on = query.where(stock_level.c.sku > page[-1].sku)
            page = self._connection.execute(query_on).all() if len(page) == CHUNK else []

    def _without_level(self, taken: StockSnapshot) -> list[Sku]:
        new = []
        for chunk in chunks(taken.by_sku):
            there = set(
                self._connection.execute(
                    select(stock_level.c.sku).where(
                        stock_level.c.location == taken.location, stock_level.c.sku.in_(chunk)
                    )
                ).scalars()
            )
            new += [sku for sku in chunk if sku not in there]
        return new

    def apply_snapshot(self, taken: StockSnapshot, *, compared: Compared | None = None) -> int:
        """Put a snapshot in force: on_hand of the Skus it speaks of; what it shows counts no more.

        A Sku that a complete snapshot does not name is no longer there: 0. Returns how many moved.
        Only what differs is written. `compared` is what `compare` said in this transaction.
        """
        compared = compared or self.compare(taken)
        figures = taken.by_sku
        told = () if taken.complete else [sku for sku in figures if sku not in compared.newer]
        touched = {*compared.changed, *compared.new, *told}
        # With its instant: a feed may say 5, then 7, then 5 again in the very same bytes.
        reference = f"{taken.name}#{taken.digest[:12]}@{instant_text(taken.as_of)}"
        # All of them first, in the order in which orders reserve: see `levels`.
        before = self._held(taken.location, touched)
        moved = 0
        for chunk in chunks(sorted({*compared.changed, *compared.new})):
            moved += len(
                self.move(
                    [
                        StockMovement(
                            sku,
                            taken.location,
                            MovementKind.SNAPSHOT,
                            figures.get(sku, 0) - before.get(sku, 0),
                            reference,
                            taken.as_of,
                            cause="figure",
                        )
                        for sku in chunk
                    ]
                )
            )
        self._open_levels(
            taken.location, sorted(sku for sku in compared.new if not figures.get(sku))
        )
        if not taken.complete:
            # Each of them is as new as this now, whatever the whole location's instant is.
            for chunk in chunks(told):
                self._connection.execute(
                    update(stock_level)
                    .where(stock_level.c.location == taken.location, stock_level.c.sku.in_(chunk))
                    .values(as_of=taken.as_of)
                )
        self.end_counts(reservation.c.location == taken.location)
        # What was held back because the place was silent may be shown again.
        self._tx.wake("core/dates")
        return moved

    def _held(self, location: LocationId, skus: Iterable[Sku]) -> dict[Sku, int]:
        """Sku -> on_hand at the location, locked until the end of the transaction."""
        found: dict[Sku, int] = {}
        for chunk in chunks(sorted(skus)):
            query = (
                select(stock_level.c.sku, stock_level.c.on_hand)
                .where(stock_level.c.location == location, stock_level.c.sku.in_(chunk))
                .order_by(stock_level.c.sku)
            )
            if self._connection.dialect.name != "sqlite":
                query = query.with_for_update()
            found.update((sku, on_hand) for sku, on_hand in self._connection.execute(query).all())
        return found

    def _open_levels(self, location: LocationId, skus: Sequence[Sku]) -> None:
        """Levels for Skus of which nothing is there."""
        for chunk in chunks(skus):
            upsert(
                self._connection,
                stock_level,
                [
                    {"sku": sku, "location": location, "on_hand": 0, "committed": 0, "safety_stock": 0, "incoming": 0}
                    for sku in chunk
                ],
                key=["sku", "location"],
                keep=["on_hand", "committed", "safety_stock", "incoming"],
                returning=[],
            )  # fmt: skip

    def end_counts(self, *which: ColumnElement[bool]) -> None:
        """Reservations whose units the figure in force lacks already are not subtracted once more.

        What decides are two instants and nothing else: when the remote took the units off, and
        what instant its figure speaks of. So it does not matter which of them was told first.
        """
        rows = self._tx.rows(
            select(reservation.c.id, reservation.c.shipped)
            .join(
                stock_level,
                (stock_level.c.sku == reservation.c.sku)
                & (stock_level.c.location == reservation.c.location),
            )
            .where(
                reservation.c.state == ReservationState.OPEN,
                # core.rules.snapshots.counts
                or_(
                    reservation.c.absorbed_after < stock_level.c.as_of,
                    reservation.c.absorbed_after < _whole_as_of(reservation.c.location),
                ),
                *which,
            )
        )
        for shipped, state in (
            (True, ReservationState.CONSUMED),
            (False, ReservationState.ABSORBED),
        ):
            self.release([row.id for row in rows if row.shipped is shipped], state=state)

    def _held_for(self, order_id: int, number: int, states: Collection[str]) -> Sequence[Row[Any]]:
        query = select(reservation).where(
            reservation.c.order_id == order_id,
            reservation.c.fulfillment == number,
            reservation.c.state.in_(states),
        )
        return self._tx.rows(held_back(self._connection, query.order_by(reservation.c.id)))

    def consume(self, order_id: int, number: int, taken: Mapping[tuple[str, Sku], int]) -> None:
        """Shipped units (by line and Sku) end their fulfillment's reservations, wholly or in part."""
        self._shorten_all(self._held_for(order_id, number, ("open",)), taken, "consumed")

    def _shorten_all(
        self, rows: Iterable[Row[Any]], units: Mapping[tuple[str, Sku], int], state: str
    ) -> None:
        left = dict(units)
        for row in rows:
            some = min(row.quantity, left.get((row.line, row.sku), 0))
            if some <= 0:
                continue
            left[row.line, row.sku] -= some
            self.shorten(row, some, state)

    def let_go(self, order_id: int, number: int, units: Mapping[tuple[str, Sku], int]) -> None:
        """Units (by line and Sku) of a fulfillment's reservations are held for it no more."""
        self._shorten_all(self._held_for(order_id, number, HELD), units, "released")

    def ship_held(
        self,
        order_id: int,
        line: str,
        sku: Sku,
        units: int,
        *,
        reference: str,
        counted_here: Callable[[LocationId], bool],
        learns_from_us: Callable[[LocationId], bool] = lambda _: False,
    ) -> bool:
        """Units held for a line were shipped by others: consume them, and the ledger where it is ours.

        Units that a policy had let go lay on a shelf all the same: they are gone from it now.
        `learns_from_us`: whoever counts the place does not know of the sale until we tell it.
        """
        left, gone = units, Counter[LocationId]()
        query = (
            select(reservation)
            .where(
                reservation.c.order_id == order_id,
                reservation.c.line == line,
                reservation.c.sku == sku,
                reservation.c.state.in_([*HELD, ReservationState.EXPIRED]),
                reservation.c.shipped.is_(False),
            )
            .order_by(
                reservation.c.state == ReservationState.EXPIRED,
                reservation.c.location.is_(None),
                reservation.c.id,
            )
        )
        for row in self._tx.rows(held_back(self._connection, query)):
            taken = min(left, row.quantity)
            if taken <= 0:
                break
            left -= taken
            if row.location and not counted_here(row.location):
                # Whoever counts the place shows it in a figure of later.
                untold = learns_from_us(row.location)
                self.left_place(row, taken, after=None if untold else self._tx.now)
                continue
            self.shorten(row, taken, "consumed")
            if row.location:
                gone[row.location] += taken
        self.move(
            [
                StockMovement(
                    sku,
                    location,
                    MovementKind.SHIPMENT,
                    -quantity,
                    reference,
                    self._tx.now,
                    cause="shipped_by_others",
                )
                for location, quantity in sorted(gone.items())
            ]
        )
        return left < units

    def left_place(self, row: Row[Any], units: int, *, after: datetime | None) -> None:
        """Units of a reservation left a place that a remote counts, which shows it from `after` on.

        None: it is not known since when. What its figure lacks already is done with.
        """
        if row.state != ReservationState.OPEN:
            self.shorten(row, units, "consumed")
            return
        since = row.absorbed_after or after
        if units < row.quantity:
            self._split(row, units, state="open", absorbed_after=since, shipped=True)
        else:
            self._connection.execute(
                update(reservation)
                .where(reservation.c.id == row.id)
                .values(absorbed_after=since, shipped=True)
            )
        self.end_counts(reservation.c.order_id == row.order_id)

    def mark_absorbed(self, row: Row[Any], units: int, *, after: datetime) -> None:
        """The counting remote took units of an open reservation off its figure at `after`."""
        if units < row.quantity:
            self._split(row, units, state="open", absorbed_after=after, shipped=row.shipped)
        else:
            self._connection.execute(
                update(reservation).where(reservation.c.id == row.id).values(absorbed_after=after)
            )

    def shorten(self, row: Row[Any], units: int, state: str) -> None:
        """Let `units` of a held (or expired) reservation end as `state`; what is left stays as it is."""
        if units < row.quantity:
            self._split(row, units, state=state, absorbed_after=row.absorbed_after)
        elif row.state == ReservationState.EXPIRED:
            self._connection.execute(
                update(reservation).where(reservation.c.id == row.id).values(state=state)
            )
        else:
            self.release([row.id], state=state)
            return
        if row.location and row.state == ReservationState.OPEN:
            self._commit([(row.sku, row.location, -units)])
        self.mark_dirty([row.sku])

    def _split(
        self,
        row: Row[Any],
        units: int,
        *,
        state: str,
        absorbed_after: datetime | None,
        shipped: bool = False,
    ) -> None:
        """`units` of a reservation become one of their own."""
        self._connection.execute(
            update(reservation)
            .where(reservation.c.id == row.id)
            .values(quantity=row.quantity - units)
        )
        self._connection.execute(
            insert(reservation).values(
                order_id=row.order_id,
                line=row.line,
                sku=row.sku,
                location=row.location,
                quantity=units,
                fulfillment=row.fulfillment,
                state=state,
                absorbed_after=absorbed_after,
                shipped=shipped,
                at=self._tx.now,
            )
        )

    def move_reservations(self, order_id: int, *, to: LocationId, number: int) -> None:
        """The order's unrouted units are kept at another location, for this fulfillment."""
        rows = self._connection.execute(
            select(reservation).where(
                reservation.c.order_id == order_id,
                reservation.c.fulfillment.is_(None),
                reservation.c.state.in_(HELD),
                reservation.c.shipped.is_(False),
            )
        ).all()
        staying = [row.id for row in rows if row.location == to]
        moving = [row for row in rows if row.location != to]
        self._connection.execute(
            update(reservation).where(reservation.c.id.in_(staying)).values(fulfillment=number)
        )
        self._connection.execute(
            update(reservation)
            .where(reservation.c.id.in_([row.id for row in moving]))
            # No figure of the other place lacks them.
            .values(location=to, fulfillment=number, state="open", absorbed_after=None)
        )
        self._commit(
            [
                *(
                    (row.sku, row.location, -row.quantity)
                    for row in moving
                    if row.location and row.state == ReservationState.OPEN
                ),
                *((row.sku, to, row.quantity) for row in moving),
            ]
        )
        self.mark_dirty(row.sku for row in rows)

    def assign(self, made: Sequence[tuple[int, LocationId, int]]) -> None:
        """(order, location, number): the order's unrouted units there now belong to a fulfillment."""
        if not made:
            return
        numbers = {(order_id, location): number for order_id, location, number in made}
        unrouted = self._tx.rows(
            select(reservation.c.id, reservation.c.order_id, reservation.c.location).where(
                reservation.c.order_id.in_({order_id for order_id, _, _ in made}),
                reservation.c.fulfillment.is_(None),
                reservation.c.state.in_(HELD),
                reservation.c.shipped.is_(False),
            )
        )
        mine = [
            {"b_id": row.id, "number": numbers[row.order_id, row.location]}
            for row in unrouted
            if (row.order_id, row.location) in numbers
        ]
        # By number: PostgreSQL without statistics would scan all open ones for each of them.
        if mine:
            self._connection.execute(
                update(reservation)
                .where(
                    reservation.c.id == bindparam("b_id"),
                    # No list of states: it cannot be given to many at once.
                    or_(*(reservation.c.state == state for state in HELD)),
                )
                .values(fulfillment=bindparam("number")),
                mine,
            )

    def unassign(self, order_id: int, number: int) -> None:
        """The units of a fulfillment that is not sent are the order's again, where they are."""
        self._connection.execute(
            update(reservation)
            .where(
                reservation.c.order_id == order_id,
                reservation.c.fulfillment == number,
                reservation.c.state.in_(HELD),
                reservation.c.shipped.is_(False),
            )
            .values(fulfillment=None)
        )

    # --- proving ---------------------------------------------------------------------------------

    def verify(self) -> list[Difference]:
        """Recompute every balance from its rows (I2); the differences, none when all is well."""
        return differences(self._connection)


def figure_instants(
    tx: Tx, skus: Iterable[Sku], locations: Iterable[LocationId]
) -> dict[tuple[Sku, LocationId], datetime]:
    """What instant the figures in force of these speak of: their own, or their whole location's."""
    places = sorted(set(locations))
    found: dict[tuple[Sku, LocationId], datetime] = {}
    for chunk in chunks(sorted(set(skus))):
        query = select(
            stock_level.c.sku,
            stock_level.c.location,
            stock_level.c.as_of,
            _whole_as_of(stock_level.c.location).label("whole"),
        ).where(stock_level.c.sku.in_(chunk), stock_level.c.location.in_(places))
        for row in tx.rows(query):
            told = [at for at in (row.as_of, row.whole) if at is not None]
            if told:
                found[row.sku, row.location] = max(told)
    return found


def held_back(connection: Connection, query: Select[Any]) -> Select[Any]:
    """The same rows, kept from other writers until the end of the transaction.

    A reservation that is read to be split must not end meanwhile: what is left of it would be open,
    and no balance would hold it.
    """
    return query if connection.dialect.name == "sqlite" else query.with_for_update()
