"""Units held at places that a remote counts: when its figure lacks them, and when they left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, literal, or_, select, update

from core.model.catalog import LocationId, Sku
from core.model.stock import HELD, ReservationState
from jobs.store.bulk import chunks
from jobs.store.stock import Stock, figure_instants, held_back
from jobs.store.store import Tx
from jobs.store.tables import reservation, set_aside
from jobs.store.types import Instant

#: Given up first: what no figure lacks yet, then what the next one will lack.
_LOOSEST = (
    case((reservation.c.state == ReservationState.ABSORBED, 2), else_=0)
    + case((reservation.c.absorbed_after.is_(None), 0), else_=1),
    reservation.c.id.desc(),
)


class Held:
    """Statements about reservations at places of others, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection
        self._stock = Stock(tx)

    def absorb(self, order_id: int, number: int, *, after: datetime) -> None:
        """A remote took a fulfillment's units off its own figure at `after`; the earliest counts."""
        earlier = reservation.c.absorbed_after < after
        self._connection.execute(
            update(reservation)
            .where(
                reservation.c.order_id == order_id,
                reservation.c.fulfillment == number,
                reservation.c.state == ReservationState.OPEN,
            )
            .values(
                absorbed_after=case(
                    (earlier, reservation.c.absorbed_after), else_=literal(after, Instant())
                )
            )
        )
        self._stock.end_counts(reservation.c.order_id == order_id)

    def absorb_units(
        self, order_id: int, location: LocationId, units: Mapping[Sku, int], *, after: datetime
    ) -> None:
        """A remote took so many units of an order off its figure of this location at `after`."""
        left = dict(units)
        for row in self._rows(
            reservation.c.order_id == order_id,
            reservation.c.location == location,
            reservation.c.state == ReservationState.OPEN,
            reservation.c.absorbed_after.is_(None),
        ):
            taken = min(row.quantity, left.get(row.sku, 0))
            if taken > 0:
                left[row.sku] -= taken
                self._stock.mark_absorbed(row, taken, after=after)
        self._stock.end_counts(reservation.c.order_id == order_id)

    def kept(
        self, orders: Iterable[int]
    ) -> dict[int, dict[tuple[Sku, LocationId], tuple[int, datetime]]]:
        """Units on their shelves that counting remotes keep for these orders, and since when."""
        gone = (
            select(func.coalesce(func.sum(reservation.c.quantity), 0))
            .where(
                reservation.c.order_id == set_aside.c.order_id,
                reservation.c.location == set_aside.c.location,
                reservation.c.sku == set_aside.c.sku,
                or_(
                    reservation.c.shipped.is_(True),
                    reservation.c.state == ReservationState.CONSUMED,
                ),
            )
            .scalar_subquery()
        )
        found: dict[int, dict[tuple[Sku, LocationId], tuple[int, datetime]]] = defaultdict(dict)
        for chunk in chunks(sorted(set(orders)), 500):
            for row in self._connection.execute(
                select(set_aside, gone.label("gone")).where(
                    set_aside.c.order_id.in_(chunk),
                    set_aside.c.kept > 0,
                    set_aside.c.since.is_not(None),
                )
            ):
                # What was shipped and not told yet is kept there only by name.
                units = row.kept - (int(row.gone) - row.told)
                found[row.order_id][row.sku, row.location] = (units, row.since)
        return found

    def cover(
        self, order_id: int, kept: Mapping[tuple[Sku, LocationId], tuple[int, datetime]]
    ) -> None:
        """Units held anew of which the remote keeps some already: those are off its figure."""
        for (sku, location), (units, since) in sorted(kept.items()):
            covered = self._connection.execute(
                select(func.coalesce(func.sum(reservation.c.quantity), 0)).where(
                    reservation.c.order_id == order_id,
                    reservation.c.sku == sku,
                    reservation.c.location == location,
                    reservation.c.state.in_(HELD),
                    reservation.c.shipped.is_(False),
                    reservation.c.absorbed_after.is_not(None),
                )
            ).scalar_one()
            if units > covered:
                self.absorb_units(order_id, location, {sku: units - int(covered)}, after=since)

    def ship(
        self,
        order_id: int,
        number: int,
        taken: Mapping[tuple[str, Sku], int],
        *,
        after: datetime | None,
    ) -> None:
        """Units (by line and Sku) left their place; its figure lacks them from `after` on.

        None: an Effect of ours tells it. What stays behind is kept.
        """
        left = dict(taken)
        for row in self._rows(
            reservation.c.order_id == order_id,
            reservation.c.fulfillment == number,
            reservation.c.state.in_(HELD),
            reservation.c.shipped.is_(False),
        ):
            units = min(row.quantity, left.get((row.line, row.sku), 0))
            if units > 0:
                left[row.line, row.sku] -= units
                self._stock.left_place(row, units, after=after)

    def give_up(
        self, order_id: int, line: str, sku: Sku, location: LocationId | None, units: int
    ) -> None:
        """Let go of some of the units an order line holds and that are not routed."""
        rows = self._connection.execute(
            select(reservation)
            .where(
                reservation.c.order_id == order_id,
                reservation.c.line == line,
                reservation.c.sku == sku,
                reservation.c.location == location,
                reservation.c.fulfillment.is_(None),
                reservation.c.state.in_(HELD),
                reservation.c.shipped.is_(False),
            )
            .order_by(*_LOOSEST)
        ).all()
        for row in rows:
            taken = min(units, row.quantity)
            if taken <= 0:
                return
            units -= taken
            self._stock.shorten(row, taken, ReservationState.RELEASED)

    def figures(
        self, skus: Iterable[Sku], locations: Iterable[LocationId]
    ) -> dict[tuple[Sku, LocationId], datetime]:
        """What instant the figures in force of these speak of."""
        return figure_instants(self._tx, skus, locations)

    def end_counts(self, orders: Iterable[int]) -> None:
        """New reservations that a figure in force lacks already."""
        self._stock.end_counts(reservation.c.order_id.in_(sorted(set(orders))))

    def _rows(self, *which: Any) -> Sequence[Row[Any]]:
        query = select(reservation).where(and_(*which)).order_by(reservation.c.id)
        return self._tx.rows(held_back(self._connection, query))
