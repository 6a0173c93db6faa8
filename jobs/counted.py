"""What a counting remote says, in our words: its items as Skus, its places as our locations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from core.model.cases import Case
from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.stock import Figures, SnapshotRow, StockSnapshot
from core.rules.names import Understood
from core.rules.snapshots import Guard, Previous, change_suspicions, suspicions, whole_after
from jobs.naming import Naming, by_all_names
from jobs.store.bulk import chunks
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
    #: names that may be several Skus each, as they are told; see `tell_doubt`
    doubtful: tuple[str, ...] = ()
    #: item and quantity of the first rows, as the remote wrote them and nothing else: for a Case
    head: str = ""


def in_our_words(tx: Tx, wiring: Wiring, snapshot: StockSnapshot) -> Counted:
    """A remote's items as our Skus; what we do not know is left out of the figure.

    Where the remote counts items of its own, several of them may be of one Sku, and a change may
    name one of these alone: the others' last figures are added. What may be of one Sku or another
    changes the figure of neither.
    """
    head = ", ".join(
        f"{(row.sku or row.item)[:40]}={row.quantity}" for row in islice(snapshot.rows, FIRST_LINES)
    )
    naming = Naming(tx, wiring)
    if isinstance(snapshot.rows, Figures) or not any(row.item for row in snapshot.rows):
        return _by_name(tx, wiring, naming, snapshot, head)
    place = wiring.location(snapshot.location)
    channel = (place.counting_channel if place else None) or ""
    goods = by_all_names(tx, [(channel, row.item, row.sku) for row in snapshot.rows])
    meant = naming.sold(goods)
    items, unknown, doubt = [], 0, _Doubt()
    for row, one in zip(snapshot.rows, map(meant.__getitem__, goods), strict=True):
        unknown += one.sku is None
        doubt.add(row.sku or row.item, one)
        # Kits are counted by their components alone.
        if one.sku is not None and not wiring.loaded.catalog.components_of(one.sku):
            items.append(CountedItem(row.item, one.sku, row.quantity * one.units, row.words))
    named = _newest(tx, snapshot, items)
    figures = Counter[Sku]()
    for counted in named.values():
        figures[counted.sku] += counted.units
    if not snapshot.complete:
        _add_others(tx, snapshot.location, named, figures)
    doubt.leave(tx, snapshot, figures)
    rows = tuple(SnapshotRow(sku, units) for sku, units in sorted(figures.items()))
    return Counted(
        replace(snapshot, rows=rows), tuple(named.values()), unknown, len(snapshot.rows),
        doubt.names, head,
    )  # fmt: skip


def _by_name(tx: Tx, wiring: Wiring, naming: Naming, snapshot: StockSnapshot, head: str) -> Counted:
    connection = wiring.counted_by(snapshot.location)
    if isinstance(snapshot.rows, Figures) and naming.plain(connection, snapshot.by_sku):
        return Counted(
            snapshot, rows=len(snapshot.rows), head=head
        )  # the usual case, and a large file is not held twice
    rows: dict[Sku, int] = {}
    unknown, doubt = 0, _Doubt()
    for chunk in chunks(snapshot.rows):
        meant = naming.supplied(connection, (row.sku for row in chunk))
        for row in chunk:
            one = meant[row.sku]
            doubt.add(row.sku, one)
            if one.sku is None:
                unknown += 1
            else:
                rows[one.sku] = rows.get(one.sku, 0) + row.quantity * one.units
    doubt.leave(tx, snapshot, rows)
    return Counted(
        replace(snapshot, rows=Figures(rows)), unknown=unknown, rows=len(snapshot.rows),
        doubtful=doubt.names, head=head,
    )  # fmt: skip


class _Doubt:
    """Rows that may be of one Sku or another."""

    def __init__(self) -> None:
        self._skus: dict[str, tuple[Sku, ...]] = {}

    def add(self, name: str, one: Understood) -> None:
        if one.perhaps:
            self._skus[name] = one.perhaps

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{name} ({' / '.join(skus)})" for name, skus in self._skus.items())

    def leave(self, tx: Tx, snapshot: StockSnapshot, figures: dict[Sku, int]) -> None:
        """None of the Skus they may be gets another figure."""
        perhaps = {sku for skus in self._skus.values() for sku in skus}
        for sku in perhaps:
            figures.pop(sku, None)
        if perhaps and snapshot.complete:
            figures |= Stock(tx).on_hand(snapshot.location, perhaps)


def tell_doubt(tx: Tx, found: Counted) -> None:
    """One Case for the place while its figures name what may be several Skus."""
    location = found.snapshot.location
    subject = f"names {location}"
    if found.doubtful:
        told = ", ".join(found.doubtful[:FIRST_LINES])
        reason = Reason.of(
            "figures_in_doubt", location=location, count=len(found.doubtful), names=told
        )
        tx.renew_case(Case("figures_in_doubt", subject, reason))
    elif found.snapshot.complete:
        tx.close_case("figures_in_doubt", subject)


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
