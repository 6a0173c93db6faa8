"""Snapshots that are not believed: put aside whole, shown as one Case, and what a person makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from core.model.cases import Case, Severity
from core.model.catalog import LocationId
from core.model.reasons import Reason
from core.model.stock import Figures, StockSnapshot
from core.rules.snapshots import Previous
from jobs import counted
from jobs.store.counted import CountedItem, CountedItems
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import snapshot
from jobs.terms import Reader, kept_terms, ours, record_terms, told_terms

KIND = "snapshot_quarantined"


def put_aside(
    tx: Tx, found: counted.Counted, doubts: Sequence[Reason], previous: Previous | None, *,
    meant: Reader,
) -> None:  # fmt: skip
    """Keep a snapshot with all it tells, and ask a person; the last good one stays in force.

    The Case always speaks of the newest one: a yes must not let in what nobody was shown.
    """
    taken = found.snapshot
    content = {
        "as_of": taken.as_of.isoformat(),
        "rows": list(taken.by_sku.items()),
        "items": [[one.item, one.sku, one.units, dict(one.words)] for one in found.items],
        "complete": taken.complete,
        "terms": kept_terms(tx, taken, meant=meant),
    }
    number = Stock(tx).keep_snapshot(
        taken, state="quarantined", reasons=doubts, content=content, unknown=found.unknown
    )
    if number is None:
        return
    if taken.complete:
        _reject(tx, taken.location, until=taken.as_of, but=number)
    subject = f"snapshot {taken.location}"
    reason = Reason.of(
        KIND,
        location=taken.location,
        name=taken.name,
        doubts="; ".join(doubt.code for doubt in doubts),
        rows=len(taken.rows),
        units=taken.units,
        zeros=taken.zeros,
        unknown=found.unknown,
        unreadable=taken.odd_lines,
        before=previous.rows if previous else 0,
        units_before=previous.units if previous else 0,
        head=found.head,
        snapshot=number,
    )
    tx.decide(subject, reason)
    for doubt in doubts:
        tx.decide(subject, doubt)
    tx.close_case(KIND, subject)
    tx.open_case(Case(KIND, subject, reason, Severity.CRITICAL))


def approve(tx: Tx, location: LocationId, asked: Mapping[str, Any]) -> bool:
    """What the Case showed comes into force; of changes, all that wait, in their order.

    `asked` are the arguments of the Case's reason. False: nothing waits any more.
    """
    waiting = _waiting(tx, location)
    shown = next((row for row in waiting if row.id == asked.get("snapshot")), None)
    chosen = shown or (waiting[-1] if waiting else None)
    if chosen is None:
        return False
    for row in [chosen] if chosen.complete else [one for one in waiting if not one.complete]:
        _put_in_force(tx, row)
    _reject(tx, location, until=chosen.as_of)
    tx.wake("core/offers", "core/upkeep")
    return True


def _put_in_force(tx: Tx, row: Row[Any]) -> None:
    stock = Stock(tx)
    taken = StockSnapshot(
        location=row.location,
        as_of=row.as_of,
        name=row.name,
        digest=row.digest,
        rows=Figures(dict(row.content["rows"])),
        complete=row.complete,
        terms=told_terms(tx, row.content.get("terms", ()), at=row.received_at),
    )
    in_force = stock.in_force(row.location)
    whole = counted.totals(stock, taken, Previous(*in_force) if in_force else None)
    stock.apply_snapshot(taken)
    # They were kept in our words already.
    record_terms(tx, taken, meant=ours)
    items = [
        CountedItem(item, sku, units, tuple(words.items()))
        for item, sku, units, words in row.content.get("items", ())
    ]
    kept = CountedItems(tx)
    newer = {
        item
        for item, (_, at) in kept.told(row.location, [one.item for one in items]).items()
        if at > row.as_of
    }
    kept.keep(
        row.location,
        [one for one in items if one.item not in newer],
        as_of=row.as_of,
        complete=row.complete,
    )
    tx.connection.execute(
        update(snapshot)
        .where(snapshot.c.id == row.id)
        .values(
            state="applied", content=None, rows=whole.rows, units=whole.units, zeros=whole.zeros
        )
    )


def good_came(tx: Tx, taken: StockSnapshot) -> None:
    """A whole one is in force: what was put aside before it is of no use to anybody."""
    _reject(tx, taken.location, until=taken.as_of)
    if not _waiting(tx, taken.location):
        tx.close_case(KIND, f"snapshot {taken.location}")


def dismiss(tx: Tx, location: LocationId) -> None:
    """A person closed the Case: what it showed never comes into force."""
    _reject(tx, location, until=None)


def _waiting(tx: Tx, location: LocationId) -> list[Row[Any]]:
    return tx.rows(
        select(snapshot)
        .where(snapshot.c.location == location, snapshot.c.state == "quarantined")
        .order_by(snapshot.c.as_of, snapshot.c.id)
    )


def _reject(
    tx: Tx, location: LocationId, *, until: datetime | None, but: int | None = None
) -> None:
    """Give up what waits and speaks of no later instant than `until` (None: everything)."""
    given_up = [snapshot.c.location == location, snapshot.c.state == "quarantined"]
    if until is not None:
        given_up.append(snapshot.c.as_of <= until)
    if but is not None:
        given_up.append(snapshot.c.id != but)
    tx.connection.execute(update(snapshot).where(*given_up).values(state="rejected", content=None))
