"""Units on their way between two locations of ours: two movements, at once or with a way between."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, text, update

from core.model.catalog import LocationId, Sku
from core.model.stock import MovementKind, StockMovement
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import transfer

_ON_THE_WAY = text(
    "INSERT INTO stock_level (sku, location, on_hand, committed, safety_stock, incoming, in_transit) "
    "VALUES (:sku, :location, 0, 0, 0, 0, :delta) "
    "ON CONFLICT (sku, location) DO UPDATE SET in_transit = stock_level.in_transit + :delta"
)


class Transfers:
    """Statements about transfers, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def send(
        self,
        sku: Sku,
        units: int,
        *,
        origin: LocationId,
        destination: LocationId,
        counted_here: bool,
        cause: str,
        person: str,
        note: str = "",
    ) -> int:
        """Units leave the origin and are on their way; the transfer's number.

        `counted_here` False: a remote counts the destination, its figure will say when they are there.
        """
        number = int(
            self._connection.execute(
                insert(transfer)
                .values(
                    sku=sku,
                    origin=origin,
                    destination=destination,
                    quantity=units,
                    arrived=0,
                    lost=0,
                    counted_here=counted_here,
                    state="open",
                    cause=cause,
                    sent_at=self._tx.now,
                    person=person,
                    note=note or None,
                )
                .returning(transfer.c.id)
            ).scalar_one()
        )
        self._write(sku, origin, -units, f"transfer/{number}", cause, person, note)
        self._on_the_way(sku, destination, units)
        return number

    def add(self, number: int, units: int, *, person: str, note: str = "") -> Row[Any]:
        """So many more units left the same origin with it; the transfer as it is now."""
        row = self.get(number, lock=True)
        assert row is not None
        reference = f"transfer/{number}/more/{row.quantity + units}"
        self._write(row.sku, row.origin, -units, reference, row.cause, person, note)
        self._on_the_way(row.sku, row.destination, units)
        return self._settle(row, quantity=row.quantity + units, arrived=row.arrived, lost=row.lost)

    def arrive(self, number: int, units: int, *, person: str, note: str = "") -> Row[Any]:
        """So many of a transfer's units are there; the transfer as it is now."""
        row = self.get(number, lock=True)
        assert row is not None
        assert 0 < units <= row.quantity - row.arrived - row.lost
        arrived = row.arrived + units
        if row.counted_here:
            # Named by how many are there with it: the same arrival told twice is one.
            reference = f"transfer/{number}/{arrived}"
            self._write(row.sku, row.destination, units, reference, row.cause, person, note)
        self._on_the_way(row.sku, row.destination, -units)
        return self._settle(row, arrived=arrived, lost=row.lost)

    def lose(self, number: int, *, person: str) -> Row[Any]:
        """What has not arrived never will; the transfer as it is now."""
        row = self.get(number, lock=True)
        assert row is not None
        rest = row.quantity - row.arrived - row.lost
        self._on_the_way(row.sku, row.destination, -rest)
        return self._settle(row, arrived=row.arrived, lost=row.lost + rest)

    def regain(self, number: int, units: int) -> None:
        """So many units that were taken for lost are on their way after all."""
        row = self.get(number, lock=True)
        assert row is not None
        assert 0 < units <= row.lost
        self._on_the_way(row.sku, row.destination, units)
        self._settle(row, arrived=row.arrived, lost=row.lost - units)

    def get(self, number: int, *, lock: bool = False) -> Row[Any] | None:
        query = select(transfer).where(transfer.c.id == number)
        if lock and self._connection.dialect.name != "sqlite":
            query = query.with_for_update()
        return self._connection.execute(query).first()

    def on_the_way(self) -> list[Row[Any]]:
        return self._tx.rows(
            select(transfer).where(transfer.c.state == "open").order_by(transfer.c.id)
        )

    def _settle(
        self, row: Row[Any], *, arrived: int, lost: int, quantity: int | None = None
    ) -> Row[Any]:
        quantity = row.quantity if quantity is None else quantity
        whole = arrived + lost == quantity
        return self._connection.execute(
            update(transfer)
            .where(transfer.c.id == row.id)
            .values(
                quantity=quantity,
                arrived=arrived,
                lost=lost,
                state="closed" if whole else "open",
                closed_at=self._tx.now if whole else None,
            )
            .returning(transfer)
        ).one()

    def _write(
        self,
        sku: Sku,
        location: LocationId,
        units: int,
        reference: str,
        cause: str,
        person: str,
        note: str,
    ) -> None:
        Stock(self._tx).move(
            [
                StockMovement(
                    sku, location, MovementKind.TRANSFER, units, reference, self._tx.now,
                    cause=cause, person=person, note=note,
                )
            ]
        )  # fmt: skip

    def _on_the_way(self, sku: Sku, destination: LocationId, units: int) -> None:
        self._connection.execute(_ON_THE_WAY, {"sku": sku, "location": destination, "delta": units})
