"""Every balance against the rows it is made of (I2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from core.model.catalog import LocationId, Sku
from jobs.store.tables import movement, reservation, stock_level, transfer

Key = tuple[Sku, LocationId]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a balance is not what its rows add up to."""

    sku: Sku
    location: LocationId
    field: str
    kept: int
    recomputed: int


def differences(connection: Connection) -> list[Difference]:
    """Recompute every balance from its rows; the differences, none when all is well.

    on_hand: movements. committed: open reservations. in_transit: what open transfers still carry.
    And each transfer against the ledger: what it says left and arrived is what was written there.
    """
    kept = {
        field: _sums(
            connection, select(stock_level.c.sku, stock_level.c.location, stock_level.c[field])
        )
        for field in ("on_hand", "committed", "in_transit")
    }
    return [
        *_compare("on_hand", kept["on_hand"], _sums(connection, _MOVED)),
        *_compare("committed", kept["committed"], _sums(connection, _HELD)),
        *_compare("in_transit", kept["in_transit"], _sums(connection, _ON_THE_WAY)),
        *_transfers(connection),
    ]


_MOVED = select(movement.c.sku, movement.c.location, func.sum(movement.c.quantity)).group_by(
    movement.c.sku, movement.c.location
)
_HELD = (
    select(reservation.c.sku, reservation.c.location, func.sum(reservation.c.quantity))
    .where(reservation.c.state == "open", reservation.c.location.is_not(None))
    .group_by(reservation.c.sku, reservation.c.location)
)
_ON_THE_WAY = (
    select(
        transfer.c.sku,
        transfer.c.destination,
        func.sum(transfer.c.quantity - transfer.c.arrived - transfer.c.lost),
    )
    .where(transfer.c.state == "open")
    .group_by(transfer.c.sku, transfer.c.destination)
)


def _sums(connection: Connection, query: Select[Any]) -> dict[Key, int]:
    return {(sku, location): int(units) for sku, location, units in connection.execute(query)}


def _compare(
    field: str, kept: Mapping[Key, int], made_of: Mapping[Key, int]
) -> Iterator[Difference]:
    for key in sorted(kept.keys() | made_of.keys()):
        if kept.get(key, 0) != made_of.get(key, 0):
            yield Difference(*key, field, kept.get(key, 0), made_of.get(key, 0))


def _transfers(connection: Connection) -> Iterator[Difference]:
    """A transfer's two ends: the units it took are off the origin, those that arrived are there."""
    # A transfer's lines are named transfer/7 and, for each arrival, transfer/7/3.
    number = func.substr(movement.c.reference, len("transfer/") + 1)
    out: Counter[int] = Counter()
    arrived: Counter[int] = Counter()
    for reference, left, came in connection.execute(
        select(
            number,
            func.sum(case((movement.c.quantity < 0, -movement.c.quantity), else_=0)),
            func.sum(case((movement.c.quantity > 0, movement.c.quantity), else_=0)),
        )
        .where(movement.c.kind == "transfer", movement.c.reference.like("transfer/%"))
        .group_by(number)
    ):
        one = int(str(reference).partition("/")[0])
        out[one] += int(left)
        arrived[one] += int(came)
    for row in connection.execute(select(transfer).order_by(transfer.c.id)):
        if out[row.id] != row.quantity:
            yield Difference(
                row.sku, row.origin, f"transfer {row.id} left", row.quantity, out[row.id]
            )
        came_here = row.arrived if row.counted_here else 0
        if arrived[row.id] != came_here:
            yield Difference(
                row.sku,
                row.destination,
                f"transfer {row.id} arrived",
                came_here,
                arrived[row.id],
            )
