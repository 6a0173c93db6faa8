"""What a counting remote says, in our words: its items as Skus, its places as our locations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.stock import Figures, SnapshotRow, StockSnapshot
from core.rules.snapshots import Guard, Previous, change_suspicions, suspicions, whole_after
from jobs.store.counted import CountedItem, CountedItems
from jobs.store.stock import Compared, Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Rows of a doubtful file that its Case shows.
FIRST_LINES = 5


@dataclass(frozen=True)
class Counted:
    """A snapshot in Skus, and the remote's own items it was added up from."""

    snapshot: StockSnapshot
    items: tuple[CountedItem, ...] = ()
    #: rows whose item nobody here knows; the snapshot is without most of them
    unknown: int = 0
    #: rows that the remote told
    rows: int = 0
    #: item and quantity of the first rows, as the remote wrote them and nothing else: for a Case
    head: str = ""


def in_our_words(tx: Tx, wiring: Wiring, snapshot: StockSnapshot) -> Counted:
    """A remote's items as our Skus; what we do not know is left out of the figure.

    Where the remote counts items of its own, several of them may be of one Sku, and a change may
    name one of these alone: the others' last figures are added.
    """
    head = ", ".join(
        f"{(row.sku or row.item)[:40]}={row.quantity}" for row in islice(snapshot.rows, FIRST_LINES)
    )
    if isinstance(snapshot.rows, Figures) or not any(row.item for row in snapshot.rows):
        return _by_catalog(wiring, snapshot, head)
    place = wiring.location(snapshot.location)
    channel = (place.counting_channel if place else None) or ""
    items, unknown = [], 0
    for row in snapshot.rows:
        sku, units = wiring.sku_of(channel, row.item, row.sku)
        unknown += sku is None
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
    return Counted(
        replace(snapshot, rows=rows), tuple(named.values()), unknown, len(snapshot.rows), head
    )


def _by_catalog(wiring: Wiring, snapshot: StockSnapshot, head: str) -> Counted:
    sku_for = wiring.loaded.catalog.sku_for
    if isinstance(snapshot.rows, Figures) and all(
        sku_for(name) == name for name in snapshot.by_sku
    ):
        return Counted(
            snapshot, rows=len(snapshot.rows), head=head
        )  # the usual case, and a large file is not held twice
    rows: dict[Sku, int] = {}
    unknown = 0
    for row in snapshot.rows:
        sku = sku_for(row.sku)
        if sku is None:
            unknown += 1
        else:
            rows[sku] = rows.get(sku, 0) + row.quantity
    return Counted(
        replace(snapshot, rows=Figures(rows)), unknown=unknown, rows=len(snapshot.rows), head=head
    )


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
    found: Counted,
    *,
    compared: Compared,
    previous: Previous | None,
    guard: Guard,
) -> tuple[Reason, ...]:
    """Every reason not to believe a snapshot: a whole one for itself, a change in the whole it makes."""
    taken = found.snapshot
    if not taken.complete:
        before = stock.on_hand(taken.location, [row.sku for row in taken.rows])
        return change_suspicions(
            taken, previous=previous, before=before, guard=guard, now=stock.now
        )
    return suspicions(
        taken,
        previous=previous,
        known_rows=compared.known,
        kept_rows=compared.kept,
        guard=guard,
        now=stock.now,
        unknown=found.unknown,
        source_rows=found.rows,
    )


def totals(stock: Stock, taken: StockSnapshot, previous: Previous | None) -> Previous:
    """Rows, units and zeros of the whole location once this snapshot is in force."""
    if taken.complete or previous is None:
        return Previous(len(taken.rows), taken.units, taken.zeros, taken.as_of)
    before = stock.on_hand(taken.location, [row.sku for row in taken.rows])
    return whole_after(taken, previous=previous, before=before)
