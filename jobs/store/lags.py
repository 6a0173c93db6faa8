"""Measured delays, and those that quantities reckon with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from core.rules.lags import Lag, lag_of
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import lag


class Kind(StrEnum):
    """What takes time. The place is a channel for the first two, a location for the others."""

    #: an order is placed -> it is recorded
    ORDERS = "orders"
    #: an order that no pull brought in is placed -> the census finds it
    MISSED = "missed"
    #: a quantity is written -> the channel shows it (a reading, or its own answer, says so)
    OFFERS = "offers"
    #: a figure is true -> its file is here
    SNAPSHOT = "snapshot"
    #: a figure is true -> the next one replaces it: how old it gets
    FIGURE = "figure"


#: What is assumed before anything was measured. Orders: two minutes between pulls and Amazon's three
#: until a search shows them. Offers: Amazon applies a patch within minutes (selling-partner-api-docs
#: issue #2167) and is read back after five. Figures: a file each night.
PRIOR = {
    Kind.ORDERS: timedelta(minutes=5),
    Kind.MISSED: timedelta(hours=1),
    Kind.OFFERS: timedelta(minutes=5),
    Kind.SNAPSHOT: timedelta(hours=1),
    Kind.FIGURE: timedelta(hours=24),
}


@dataclass(frozen=True, slots=True)
class LagRow:
    """One measured delay, as it is remembered."""

    kind: Kind
    place: str
    lag: Lag
    at: datetime
    in_force: timedelta | None


class Lags:
    """Statements about delays, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def seen(self, kind: Kind, place: str, delays: Sequence[timedelta]) -> None:
        """Remember new observations; negative ones (a remote's clock is ahead) count as none."""
        if not delays:
            return
        before = next(iter(self.rows(kind, place)), None)
        found = before.lag if before else Lag()
        since = self._tx.now - before.at if before else timedelta(0)
        upsert(
            self._tx.connection,
            lag,
            [
                {
                    "kind": str(kind),
                    "place": place,
                    "counts": list(found.seen(delays, since=since).counts),
                    "at": self._tx.now,
                }
            ],
            key=["kind", "place"],
            returning=[],
        )

    def rows(self, kind: Kind | None = None, place: str | None = None) -> list[LagRow]:
        """What is remembered, by kind and place."""
        query = select(lag).order_by(lag.c.kind, lag.c.place)
        if kind is not None:
            query = query.where(lag.c.kind == str(kind))
        if place is not None:
            query = query.where(lag.c.place == place)
        return [
            LagRow(
                Kind(row.kind),
                row.place,
                lag_of(row.counts),
                row.at,
                None if row.in_force is None else timedelta(seconds=row.in_force),
            )
            for row in self._tx.rows(query)
        ]

    def in_force(self) -> dict[tuple[Kind, str], timedelta]:
        """What quantities reckon with, where anything was measured."""
        return {
            (row.kind, row.place): row.in_force for row in self.rows() if row.in_force is not None
        }

    def reckon_with(self, found: Iterable[tuple[Kind, str, timedelta]]) -> None:
        """From now on quantities reckon with these."""
        upsert(
            self._tx.connection,
            lag,
            [
                {
                    "kind": str(kind),
                    "place": place,
                    "counts": list(Lag().counts),
                    "at": self._tx.now,
                    "in_force": delay.total_seconds(),
                }
                for kind, place, delay in found
            ],
            key=["kind", "place"],
            keep=["counts", "at"],
            returning=[],
        )
