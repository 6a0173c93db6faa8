"""What is known of the figures a location's remote sends: when the last came, and how fresh they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.rules.freshness import Freshness, Verdict
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import freshness, listing, snapshot


@dataclass(frozen=True, slots=True)
class FeedState:
    """How fresh a location's figures are, as last decided."""

    location: LocationId
    state: Freshness
    #: in this state since
    since: datetime
    reason: Reason
    #: its first figure was due from here
    watched_from: datetime


class Feeds:
    """Statements about the figures of remotes, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def last(self, location: LocationId) -> tuple[datetime | None, datetime | None]:
        """(when the last figure came, as_of of the one in force); a late repeat is no new figure."""
        received = self._connection.execute(
            select(snapshot.c.received_at)
            .where(snapshot.c.location == location, snapshot.c.state != "late")
            .order_by(snapshot.c.id.desc())
            .limit(1)
        ).scalar()
        in_force = self._connection.execute(
            select(func.max(snapshot.c.as_of)).where(
                snapshot.c.location == location, snapshot.c.state == "applied"
            )
        ).scalar()
        return received, in_force

    def unknown_in_force(self, location: LocationId) -> int:
        """Rows of the snapshot in force whose Sku nobody here knows."""
        found = self._connection.execute(
            select(snapshot.c.unknown)
            .where(
                snapshot.c.location == location, snapshot.c.state == "applied", snapshot.c.complete
            )
            .order_by(snapshot.c.as_of.desc(), snapshot.c.id.desc())
            .limit(1)
        ).scalar()
        return int(found or 0)

    def unlisted(self, skus: Iterable[Sku]) -> int:
        """How many of these Skus no channel lists."""
        asked = set(skus)
        for chunk in chunks(sorted(asked), 5_000):
            asked.difference_update(
                self._connection.execute(
                    select(listing.c.sku).where(listing.c.sku.in_(chunk)).distinct()
                ).scalars()
            )
        return len(asked)

    def state_of(self, location: LocationId) -> FeedState | None:
        """How fresh the location's figures are; None: nobody waits for its figures."""
        row = self._connection.execute(
            select(freshness).where(freshness.c.location == location)
        ).first()
        return None if row is None else _state(row)

    def states(self) -> dict[LocationId, FeedState]:
        """Every location whose figures are waited for."""
        rows = self._tx.rows(select(freshness).order_by(freshness.c.location))
        return {row.location: _state(row) for row in rows}

    def set_state(self, location: LocationId, verdict: Verdict, *, watched_from: datetime) -> None:
        upsert(
            self._connection,
            freshness,
            [
                {
                    "location": location,
                    "state": str(verdict.state),
                    "since": verdict.since,
                    "code": verdict.reason.code,
                    "args": dict(verdict.reason.args),
                    "watched_from": watched_from,
                }
            ],
            key=["location"],
            returning=[],
        )

    def forget(self, location: LocationId) -> None:
        """Nobody waits for its figures any more."""
        self._connection.execute(freshness.delete().where(freshness.c.location == location))


def _state(row: Row[Any]) -> FeedState:
    return FeedState(
        row.location,
        Freshness(row.state),
        row.since,
        Reason(row.code, row.args),
        row.watched_from,
    )
