"""Whether a remote's figure may be believed, and what it says about our own reservations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.model.catalog import Sku
from core.model.reasons import Reason
from core.model.stock import StockSnapshot

#: Clocks differ a little. A figure from further ahead would shut out every later one, because an
#: older `as_of` never replaces a newer one; a wrong time zone does just that.
CLOCK_TOLERANCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Guard:
    """Percent limits are exclusive: exactly the limit is still believed."""

    #: percent of the known rows that may be missing, or be unreadable
    rows_gone: int
    #: percent the total may fall
    units_fallen: int
    #: percent of the rows that may be zero now and were not before
    zeros: int
    #: an older figure is not believed
    oldest: timedelta
    #: a larger quantity for one Sku is absurd
    largest: int
    #: percent of the rows whose Sku may be unknown here now and was not before
    unknown: int = 100
    #: percent of the rows that may name a Sku a second time
    repeated: int = 100
    #: percent of the rows that may say less than nothing
    negative: int = 100


@dataclass(frozen=True, slots=True)
class Previous:
    """The snapshot in force."""

    rows: int
    units: int
    #: rows that say 0
    zeros: int
    as_of: datetime
    #: rows whose Sku nobody here knew
    unknown: int = 0


def suspicions(
    snapshot: StockSnapshot,
    *,
    previous: Previous | None,
    known_rows: int,
    kept_rows: int,
    guard: Guard,
    now: datetime,
    unknown: int = 0,
    source_rows: int = 0,
) -> tuple[Reason, ...]:
    """Every reason not to believe this snapshot; () is fine.

    `known_rows` counts the Skus known at the location, `kept_rows` those of them that the snapshot
    still has. `unknown` counts those of the `source_rows` whose Sku nobody here knows, whether the
    snapshot has them or not.
    """
    found = _time(snapshot, guard, now) + _content(snapshot, guard)
    if not snapshot.rows and unknown:
        return (Reason.of("snapshot_all_unknown", count=unknown), *found)
    if not snapshot.rows:
        # What is missing, fallen or zero in an empty file needs no further words.
        return (Reason.of("snapshot_empty"), *found)
    gone = max(0, known_rows - kept_rows)
    if _over(gone, known_rows, guard.rows_gone):
        found.append(
            Reason.of("snapshot_rows_gone", gone=gone, known=known_rows, percent=guard.rows_gone)
        )
    if previous is not None:
        found += _compare(_whole(snapshot), previous, guard)
        lines = max(source_rows, len(snapshot.rows))
        if _over(unknown - previous.unknown, lines, guard.unknown):
            # A supplier lists much that we do not sell: only what is new says that something broke.
            found.append(
                Reason.of("snapshot_unknown", count=unknown, lines=lines, before=previous.unknown)
            )
    return tuple(found)


def change_suspicions(
    change: StockSnapshot,
    *,
    previous: Previous | None,
    before: Mapping[Sku, int],
    guard: Guard,
    now: datetime,
) -> tuple[Reason, ...]:
    """Every reason not to believe a snapshot that is not complete; () is fine.

    A change is judged by the whole it makes of the location: one row that falls to 0 is trade, a
    third of the location falling to 0 row by row is not. `before` has the figures in force of the
    Skus it names, as far as there are any.
    """
    found = _time(change, guard, now) + _content(change, guard)
    if previous is not None:
        found += _compare(whole_after(change, previous=previous, before=before), previous, guard)
    return tuple(found)


def _whole(snapshot: StockSnapshot) -> Previous:
    return Previous(len(snapshot.rows), snapshot.units, snapshot.zeros, snapshot.as_of)


def whole_after(
    change: StockSnapshot, *, previous: Previous, before: Mapping[Sku, int]
) -> Previous:
    """The location as it is once a change is in force."""
    rows, units, zeros = previous.rows, previous.units, previous.zeros
    for row in change.rows:
        old = before.get(row.sku)
        rows += old is None
        units += row.quantity - (old or 0)
        zeros += (row.quantity == 0) - (old == 0)
    return Previous(rows, units, zeros, change.as_of)


def _time(snapshot: StockSnapshot, guard: Guard, now: datetime) -> list[Reason]:
    age = now - snapshot.as_of
    if age > guard.oldest:
        return [
            Reason.of(
                "snapshot_old", as_of=snapshot.as_of.isoformat(), hours=age // timedelta(hours=1)
            )
        ]
    if -age > CLOCK_TOLERANCE:
        minutes = -age // timedelta(minutes=1)
        return [Reason.of("snapshot_ahead", as_of=snapshot.as_of.isoformat(), minutes=minutes)]
    return []


def _content(snapshot: StockSnapshot, guard: Guard) -> list[Reason]:
    found = []
    quantities = snapshot.quantities
    if quantities and (min(quantities) < 0 or max(quantities) > guard.largest):
        absurd = [row for row in snapshot.rows if not 0 <= row.quantity <= guard.largest]
        first = absurd[0]
        found.append(
            Reason.of("snapshot_absurd", sku=first.sku, quantity=first.quantity, count=len(absurd))
        )
    repeated = len(snapshot.rows) - len(snapshot.by_sku)
    if repeated:
        found.append(Reason.of("snapshot_repeats", count=repeated))
    unreadable = snapshot.odd_lines - snapshot.repeated - snapshot.negative
    lines = len(snapshot.rows) + snapshot.odd_lines
    for code, count, percent in (
        ("snapshot_named_twice", snapshot.repeated, guard.repeated),
        ("snapshot_negative", snapshot.negative, guard.negative),
    ):
        if _over(count, lines, percent):
            found.append(Reason(code, {"count": count, "lines": lines}))
    if _over(unreadable, unreadable + len(snapshot.rows), guard.rows_gone):
        lines = unreadable + len(snapshot.rows)
        found.append(Reason.of("snapshot_unreadable", count=unreadable, lines=lines))
    return found


def _compare(after: Previous, previous: Previous, guard: Guard) -> list[Reason]:
    found = []
    units, zeros = after.units, after.zeros
    if _over(previous.units - units, previous.units, guard.units_fallen):
        found.append(
            Reason.of(
                "snapshot_units_fallen",
                before=previous.units,
                units=units,
                percent=guard.units_fallen,
            )
        )
    if _over(zeros - previous.zeros, after.rows, guard.zeros):
        found.append(
            Reason.of("snapshot_zeros", zeros=zeros, before=previous.zeros, rows=after.rows)
        )
    return found


def _over(part: int, whole: int, percent: int) -> bool:
    """More than `percent` of the whole, in integers; nothing is more than a share of nothing."""
    return whole > 0 and part * 100 > whole * percent


def counts(reservation_absorbed_after: datetime | None, as_of: datetime) -> bool:
    """Whether a reservation still counts against a snapshot's figure (design, section 5).

    `reservation_absorbed_after` is when the remote took the units off (acknowledged, or shipped on
    a gross list); None: it has not yet. Only a figure that speaks of a later moment ends the count.
    """
    return reservation_absorbed_after is None or as_of <= reservation_absorbed_after
