"""What a counting remote says, in our words: its items as Skus, its places as our locations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.stock import SnapshotRow, StockSnapshot
from core.rules.snapshots import Guard, Previous, change_suspicions, suspicions, whole_after
from jobs.store.counted import CountedItem, CountedItems
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring


@dataclass(frozen=True)
class Counted:
    """A snapshot in Skus, and the remote's own items it was added up from."""

    snapshot: StockSnapshot
    items: tuple[CountedItem, ...] = ()


def in_our_words(tx: Tx, wiring: Wiring, snapshot: StockSnapshot) -> Counted:
    """A remote's items as our Skus; what we do not know is left out of the figure.

    Where the remote counts items of its own, several of them may be of one Sku, and a change may
    name one of these alone: the others' last figures are added.
    """
    if not any(row.item for row in snapshot.rows):
        return Counted(_by_catalog(wiring, snapshot))
    place = wiring.location(snapshot.location)
    channel = (place.counting_channel if place else None) or ""
    items = []
    for row in snapshot.rows:
        sku, units = wiring.sku_of(channel, row.item, row.sku)
        # Kits are counted by their components alone.
        if sku is not None and not wiring.loaded.catalog.components_of(sku):
            items.append(CountedItem(row.item, sku, row.quantity * units, row.words))
    named = _newest(tx, snapshot, items)
    figures = Counter[Sku]()
    for one in named.values():
        figures[one.sku] += one.units
    if not snapshot.complete:
        _add_others(tx, snapshot.location, named, figures)
    rows = tuple(SnapshotRow(sku, units) for sku, units in sorted(figures.items()))
    return Counted(replace(snapshot, rows=rows), tuple(named.values()))


def _by_catalog(wiring: Wiring, snapshot: StockSnapshot) -> StockSnapshot:
    rows: dict[Sku, int] = {}
    for row in snapshot.rows:
        sku = wiring.loaded.catalog.sku_for(row.sku)
        if sku is not None:
            rows[sku] = rows.get(sku, 0) + row.quantity
    return replace(snapshot, rows=tuple(SnapshotRow(sku, units) for sku, units in rows.items()))


def _newest(tx: Tx, snapshot: StockSnapshot, items: list[CountedItem]) -> dict[str, CountedItem]:
    """The items this snapshot is the newest word on; one that is named twice counts once."""
    named = {one.item: one for one in items}
    if snapshot.complete:
        return named
    known = CountedItems(tx).told(snapshot.location, named)
    return {
        item: one
        for item, one in named.items()
        if item not in known or known[item][1] <= snapshot.as_of
    }


def _add_others(
    tx: Tx, location: LocationId, named: Mapping[str, CountedItem], figures: Counter[Sku]
) -> None:
    kept = CountedItems(tx)
    before = {sku for sku, _ in kept.told(location, named).values()}
    for other in kept.of_skus(location, {*figures, *before}):
        figures[other.sku] += 0 if other.item in named else other.units


def doubts(
    stock: Stock,
    taken: StockSnapshot,
    *,
    previous: Previous | None,
    guard: Guard,
) -> tuple[Reason, ...]:
    """Every reason not to believe a snapshot: a whole one for itself, a change in the whole it makes."""
    if not taken.complete:
        before = stock.on_hand(taken.location, [row.sku for row in taken.rows])
        return change_suspicions(
            taken, previous=previous, before=before, guard=guard, now=stock.now
        )
    known = stock.known_at(taken.location)
    return suspicions(
        taken,
        previous=previous,
        known_rows=len(known),
        kept_rows=len(known & {row.sku for row in taken.rows}),
        guard=guard,
        now=stock.now,
    )


def totals(stock: Stock, taken: StockSnapshot, previous: Previous | None) -> Previous:
    """Rows, units and zeros of the whole location once this snapshot is in force."""
    if taken.complete or previous is None:
        quantities = [row.quantity for row in taken.rows]
        return Previous(len(quantities), sum(quantities), quantities.count(0), as_of=taken.as_of)
    before = stock.on_hand(taken.location, [row.sku for row in taken.rows])
    return whole_after(taken, previous=previous, before=before)
