"""Counts in the ledger: fixed points that nothing recorded later about before can move.

A count says what was on the shelf at one instant. Its line in the ledger is dated to that instant
and makes up the difference to what the ledger said then, so that everything that moved afterwards
stays. What is recorded later and speaks of a moment before the count (a parcel that left in the
morning, told in the evening) was seen by the count already: a second line takes it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from core.model.catalog import LocationId, Sku
from core.model.stock import MovementKind, StockMovement
from core.rules.counting import Counted
from jobs.store.bulk import chunks
from jobs.store.tables import movement, stock_level

#: Kinds that are figures themselves: a count is no news for them.
_FIGURES = (MovementKind.COUNT, MovementKind.SNAPSHOT)


@dataclass(frozen=True, slots=True)
class Balance:
    """What the ledger says of one counted Sku."""

    #: at the counted instant
    then: int
    #: now
    on_hand: int
    committed: int
    #: of the last count applied here; None: never counted
    counted_at: datetime | None


def counted_already(connection: Connection, moved: Sequence[StockMovement]) -> list[StockMovement]:
    """The lines that take back what an applied count had seen on the shelf, or gone from it."""
    late = [one for one in moved if one.kind not in _FIGURES]
    counted: dict[tuple[Sku, LocationId], datetime] = {}
    for chunk in chunks(sorted({one.sku for one in late}), 5_000):
        for row in connection.execute(
            select(stock_level.c.sku, stock_level.c.location, stock_level.c.counted_at).where(
                stock_level.c.sku.in_(chunk), stock_level.c.counted_at.is_not(None)
            )
        ):
            counted[row.sku, row.location] = row.counted_at
    return [
        StockMovement(
            one.sku,
            one.location,
            MovementKind.COUNT,
            -one.quantity,
            f"seen by the count/{one.kind}/{one.reference}",
            counted[one.sku, one.location],
            cause="counted_already",
        )
        for one in late
        if (one.sku, one.location) in counted and one.at <= counted[one.sku, one.location]
    ]


def balances(
    connection: Connection, lines: Iterable[Counted]
) -> dict[tuple[Sku, LocationId], Balance]:
    """The ledger at each line's own instant, and now. All zero where nothing ever moved."""
    by_moment: dict[tuple[LocationId, datetime], list[Sku]] = defaultdict(list)
    for one in lines:
        by_moment[one.location, one.at].append(one.sku)
    found: dict[tuple[Sku, LocationId], Balance] = {}
    for (location, at), skus in by_moment.items():
        for chunk in chunks(sorted(set(skus)), 5_000):
            then = _then(connection, location, at, chunk)
            now = {
                row.sku: row
                for row in connection.execute(
                    select(stock_level).where(
                        stock_level.c.location == location, stock_level.c.sku.in_(chunk)
                    )
                )
            }
            for sku in chunk:
                row = now.get(sku)
                found[sku, location] = Balance(
                    then.get(sku, 0),
                    row.on_hand if row else 0,
                    row.committed if row else 0,
                    row.counted_at if row else None,
                )
    return found


def _then(
    connection: Connection, location: LocationId, at: datetime, skus: Sequence[Sku]
) -> Mapping[Sku, int]:
    return {
        row.sku: int(row.units)
        for row in connection.execute(
            select(movement.c.sku, func.sum(movement.c.quantity).label("units"))
            .where(movement.c.location == location, movement.c.sku.in_(skus), movement.c.at <= at)
            .group_by(movement.c.sku)
        )
    }


def set_counted(connection: Connection, lines: Iterable[Counted]) -> None:
    """These are the last counts of their Skus now; a newer one stays."""
    by_moment: dict[tuple[LocationId, datetime], list[Sku]] = defaultdict(list)
    for one in lines:
        by_moment[one.location, one.at].append(one.sku)
    for (location, at), skus in sorted(by_moment.items()):
        for chunk in chunks(sorted(skus), 5_000):
            connection.execute(
                update(stock_level)
                .where(
                    stock_level.c.location == location,
                    stock_level.c.sku.in_(chunk),
                    or_(stock_level.c.counted_at.is_(None), stock_level.c.counted_at < at),
                )
                .values(counted_at=at)
            )
