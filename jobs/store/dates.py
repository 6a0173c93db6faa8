"""What is asked when time alone changes a number: ages of figures, and whose numbers they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import select

from core.model.catalog import ChannelId, LocationId, Sku
from jobs.store.store import Tx
from jobs.store.tables import listing, snapshot, stock_level


class Dates:
    """Statements within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def last_figures(self, locations: Iterable[LocationId]) -> dict[LocationId, datetime]:
        """Of what instant the figures in force speak; a location that never told any has none."""
        found = {}
        for location in locations:
            as_of = self._tx.connection.execute(
                select(snapshot.c.as_of)
                .where(snapshot.c.location == location, snapshot.c.state == "applied")
                .order_by(snapshot.c.as_of.desc())
                .limit(1)
            ).scalar()
            if as_of is not None:
                found[location] = as_of
        return found

    def stocked_at(self, location: LocationId) -> set[Sku]:
        """Skus of which the location has units."""
        query = select(stock_level.c.sku).where(
            stock_level.c.location == location, stock_level.c.on_hand > 0
        )
        return set(self._tx.connection.execute(query).scalars())

    def listed(self) -> Iterator[tuple[Sku, ChannelId]]:
        """Every Sku that has a listing, with its channel."""
        query = (
            select(listing.c.sku, listing.c.channel).where(listing.c.sku.is_not(None)).distinct()
        )
        for row in self._tx.connection.execute(query):
            yield row.sku, row.channel
