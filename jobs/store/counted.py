"""What remotes that count for us say of their own items, in their own words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from core.model.catalog import LocationId, Sku
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import counted_item


@dataclass(frozen=True, slots=True)
class CountedItem:
    """One of a remote's items at a place it counts."""

    #: what the remote calls it
    item: str
    sku: Sku
    #: of the Sku: a pack counts as what is in it
    units: int
    #: (the remote's own word, quantity of the item): ("committed", 3)
    words: tuple[tuple[str, int], ...] = ()


class CountedItems:
    """Statements about counted items, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def keep(
        self, location: LocationId, items: Sequence[CountedItem], *, as_of: datetime, complete: bool
    ) -> None:
        """Remember what was said; of a complete figure, also that the others are gone."""
        upsert(
            self._connection,
            counted_item,
            [
                {
                    "location": location,
                    "item": one.item,
                    "sku": one.sku,
                    "units": one.units,
                    "words": dict(one.words),
                    "as_of": as_of,
                }
                for one in items
            ],
            key=["location", "item"],
            returning=[],
        )
        if complete:
            self._connection.execute(
                delete(counted_item).where(
                    counted_item.c.location == location, counted_item.c.as_of < as_of
                )
            )

    def told(self, location: LocationId, items: Iterable[str]) -> dict[str, tuple[Sku, datetime]]:
        """(Sku, instant of its figure) of those of these items that are known."""
        return {
            row.item: (row.sku, row.as_of)
            for chunk in chunks(sorted(set(items)))
            for row in self._connection.execute(
                select(counted_item).where(
                    counted_item.c.location == location, counted_item.c.item.in_(chunk)
                )
            )
        }

    def of_skus(self, location: LocationId, skus: Iterable[Sku]) -> list[CountedItem]:
        """All items of these Skus at a location."""
        return [
            CountedItem(row.item, row.sku, row.units, tuple(sorted(row.words.items())))
            for chunk in chunks(sorted(set(skus)))
            for row in self._connection.execute(
                select(counted_item)
                .where(counted_item.c.location == location, counted_item.c.sku.in_(chunk))
                .order_by(counted_item.c.item)
            )
        ]
