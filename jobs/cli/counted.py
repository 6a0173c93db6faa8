"""What counting remotes say beside the figure we use, for tables and explanations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select

from core.model.catalog import LocationId, Sku
from core.model.stock import ReservationState
from jobs.store.bulk import chunks
from jobs.store.store import Tx
from jobs.store.tables import counted_item, reservation

Key = tuple[Sku, LocationId]


def remote_words(tx: Tx, keys: Iterable[Key]) -> dict[Key, dict[str, int]]:
    """Everything the remote that counts a place says of a Sku there, in its own words.

    Shopify: `available` is the figure we use; `committed`, `reserved`, `damaged`, `safety_stock`
    and `quality_control` are off it, `incoming` is not in it, `on_hand` is the sum on the shelf.
    Amazon: `fulfillable` is the figure; `reserved` and the rest are not in it.
    """
    wanted = set(keys)
    found: dict[Key, Counter[str]] = defaultdict(Counter)
    for chunk in chunks(sorted({sku for sku, _ in wanted})):
        for row in tx.rows(select(counted_item).where(counted_item.c.sku.in_(chunk))):
            if (row.sku, row.location) in wanted:
                found[row.sku, row.location].update(row.words)
    return {key: dict(words) for key, words in found.items()}


def in_the_figure(tx: Tx, sku: Sku) -> dict[LocationId, int]:
    """Units held for orders that the place's own figure lacks already: not subtracted again."""
    query = (
        select(reservation.c.location, func.sum(reservation.c.quantity).label("units"))
        .where(reservation.c.sku == sku, reservation.c.state == ReservationState.ABSORBED)
        .group_by(reservation.c.location)
    )
    return {row.location: int(row.units) for row in tx.rows(query)}


def words_text(words: dict[str, Any]) -> str:
    """ "available 8, committed 3", zeros left out."""
    return ", ".join(f"{name} {units}" for name, units in sorted(words.items()) if units)
