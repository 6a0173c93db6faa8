"""Units of work and their leases: schedule, exclusivity, wakes (design, section 7).

Two tables on purpose: in one, two flows that wake each other deadlock on PostgreSQL. A claim raises
the fence; every commit of the run checks the fence in the same transaction, so a paused worker that
wakes up writes nothing. A wake raises `wake_seq` in the transaction of the change that made the
work: that is the outbox. The engine carries hints that may be lost or doubled, never truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from core.errors import LeaseLost
from jobs.store.bulk import upsert
from jobs.store.database import Database
from jobs.store.tables import lease, rate_bucket, unit

#: Real seconds an offered unit is not offered again, so that a slow engine is not flooded.
OFFER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Lease:
    """What a run holds: its unit, its fence, what it saw when it began."""

    unit: str
    owner: str
    fence: int
    wake_seq: int
    cursor: str | None
    failures: int


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit as `lockstep status` shows it."""

    id: str
    due_at: datetime
    failures: int
    last_ok_at: datetime | None
    last_error: str | None
    complete_to: datetime | None
    leased: bool


class Units:
    """All unit and lease statements. `real` is the process clock, used for leases on SQLite only."""

    def __init__(self, database: Database, *, real: Callable[[], float] = time.time) -> None:
        self._database = database
        self._real = real

    def _now(self, connection: Connection) -> float:
        """Real time: the database's own on PostgreSQL, so that workers agree."""
        if self._database.is_sqlite:
            return self._real()
        return float(
            connection.execute(
                select(func.extract("epoch", func.clock_timestamp()).cast(Float))
            ).scalar_one()
        )

    def declare(self, ids: Iterable[str], *, now: datetime) -> None:
        """Make sure these units exist and no others; new ones are due now."""
        wanted = sorted(set(ids))
        with self._database.write() as connection:
            upsert(
                connection,
                unit,
                [{"id": name, "due_at": now, "wake_seq": 0, "failures": 0} for name in wanted],
                key=["id"],
                keep=["due_at", "wake_seq", "failures"],
            )
            upsert(
                connection,
                lease,
                [{"unit": name, "fence": 0} for name in wanted],
                key=["unit"],
                keep=["fence"],
            )
            connection.execute(unit.delete().where(unit.c.id.not_in(wanted)))

    def free_all(self) -> None:
        """Take every lease away: only the one daemon of a data directory may, at its start."""
        with self._database.write() as connection:
            connection.execute(update(lease).values(owner=None, until=None))
            connection.execute(update(unit).values(offered_until=None))

    def offer(self, *, now: datetime, limit: int = 100) -> list[str]:
        """Due units that nobody holds, each offered to one engine at a time."""
        with self._database.read() as connection:
            if not connection.execute(self._due(self._now(connection), now).limit(1)).first():
                return []
        with self._database.write() as connection:
            real = self._now(connection)
            query = self._due(real, now).order_by(unit.c.due_at).limit(limit)
            if not self._database.is_sqlite:
                query = query.with_for_update(skip_locked=True, of=unit)
            ids = list(connection.execute(query).scalars())
            if ids:
                connection.execute(
                    update(unit)
                    .where(unit.c.id.in_(ids))
                    .values(offered_until=real + OFFER_SECONDS)
                )
            return ids

    def _due(self, real: float, now: datetime):  # type: ignore[no-untyped-def]  # a Select of ids
        return (
            select(unit.c.id)
            .join(lease, lease.c.unit == unit.c.id)
            .where(
                unit.c.due_at <= now,
                or_(unit.c.offered_until.is_(None), unit.c.offered_until <= real),
                or_(lease.c.until.is_(None), lease.c.until <= real),
            )
        )

    def claim(self, unit_id: str, *, owner: str, ttl: float, now: datetime | None) -> Lease | None:
        """Take the lease if it is free and the unit due (`now` None: whenever). None: someone has it."""
        with self._database.write() as connection:
            real = self._now(connection)
            fence = connection.execute(
                update(lease)
                .where(
                    lease.c.unit == unit_id,
                    or_(lease.c.until.is_(None), lease.c.until <= real),
                )
                .values(owner=owner, until=real + ttl, fence=lease.c.fence + 1)
                .returning(lease.c.fence)
            ).scalar_one_or_none()
            if fence is None:
                return None
            # wake_seq is read after the claim: a wake that commits later is seen at release.
            row = connection.execute(
                select(unit.c.wake_seq, unit.c.cursor, unit.c.failures, unit.c.due_at).where(
                    unit.c.id == unit_id
                )
            ).one()
            if now is not None and row.due_at > now:
                connection.execute(
                    update(lease).where(lease.c.unit == unit_id).values(owner=None, until=None)
                )
                return None
            if now is not None:
                connection.execute(update(unit).where(unit.c.id == unit_id).values(last_run_at=now))
            return Lease(unit_id, owner, fence, row.wake_seq, row.cursor, row.failures)

    def renew(self, held: Lease, *, ttl: float) -> bool:
        """Keep the lease; names its owner, or it would re-lease a unit just released."""
        with self._database.write() as connection:
            real = self._now(connection)
            return bool(
                connection.execute(
                    update(lease)
                    .where(
                        lease.c.unit == held.unit,
                        lease.c.fence == held.fence,
                        lease.c.owner == held.owner,
                    )
                    .values(until=real + ttl)
                ).rowcount
            )

    def holds(self, held: Lease, *, margin: float) -> bool:
        """Whether the lease lasts `margin` more real seconds: asked just before an outside write."""
        with self._database.read() as connection:
            until = connection.execute(
                select(lease.c.until).where(
                    lease.c.unit == held.unit,
                    lease.c.fence == held.fence,
                    lease.c.owner == held.owner,
                )
            ).scalar_one_or_none()
            return until is not None and until > self._now(connection) + margin

    def check(self, connection: Connection, held: Lease) -> None:
        """First statement of every commit of a run. Raises LeaseLost when a newer fence exists."""
        query = select(lease.c.fence).where(lease.c.unit == held.unit, lease.c.fence == held.fence)
        if not self._database.is_sqlite:
            query = query.with_for_update(read=True)
        if connection.execute(query).scalar_one_or_none() is None:
            raise LeaseLost

    def release(
        self,
        held: Lease,
        *,
        now: datetime,
        next_due: datetime,
        error: str | None = None,
        failed: bool = False,
        waiting: bool = False,
    ) -> None:
        """Give the lease back. A wake that came during the run makes the unit due at once.

        `failed`: the run broke, `next_due` is its back-off. `waiting`: it ran out of tokens and goes
        on at `next_due`, whoever wakes it.
        """
        with self._database.write() as connection:
            owned = connection.execute(
                update(lease)
                .where(
                    lease.c.unit == held.unit,
                    lease.c.fence == held.fence,
                    lease.c.owner == held.owner,
                )
                .values(owner=None, until=None)
            ).rowcount
            if not owned:
                return
            due: ColumnElement[datetime] = literal(next_due, unit.c.due_at.type)
            if not failed and not waiting:
                due = case(
                    (unit.c.wake_seq != held.wake_seq, literal(now, unit.c.due_at.type)), else_=due
                )
            connection.execute(
                update(unit)
                .where(unit.c.id == held.unit)
                .values(
                    due_at=due,
                    offered_until=None,
                    failures=held.failures + failed if failed or waiting else 0,
                    last_error=error,
                    waiting=waiting,
                    **({} if failed or waiting else {"last_ok_at": now}),
                )
            )

    def wake(
        self,
        connection: Connection,
        ids: Iterable[str],
        *,
        now: datetime,
        advance: tuple[Lease, str, datetime | None] | None = None,
    ) -> None:
        """Make these units due, in the transaction of the change that made their work.

        Written last and in order of id, with the run's own place (`advance`: lease, cursor, complete
        to) in the same order: two runs that wake each other's units deadlock otherwise. A unit that
        fails is not hurried out of its back-off, nor one that a remote asked to wait.
        """
        woken = set(ids)
        for name in sorted(woken | {advance[0].unit} if advance else woken):
            if advance and name == advance[0].unit:
                self._advance(connection, *advance)
            if name not in woken:
                continue
            connection.execute(
                update(unit)
                .where(unit.c.id == name)
                .values(
                    wake_seq=unit.c.wake_seq + 1,
                    due_at=case(
                        (
                            and_(unit.c.failures == 0, not_(unit.c.waiting), unit.c.due_at > now),
                            literal(now, unit.c.due_at.type),
                        ),
                        else_=unit.c.due_at,
                    ),
                    offered_until=None,
                )
            )

    def _advance(
        self, connection: Connection, held: Lease, cursor: str, complete_to: datetime | None
    ) -> None:
        """Move the unit's cursor, in the transaction that recorded what the cursor passed."""
        values: dict[str, object] = {"cursor": cursor}
        if complete_to is not None:
            values["complete_to"] = complete_to
        connection.execute(update(unit).where(unit.c.id == held.unit).values(values))

    def complete_to(self, connection: Connection, unit_id: str) -> datetime | None:
        return connection.execute(
            select(unit.c.complete_to).where(unit.c.id == unit_id)
        ).scalar_one_or_none()

    def rows(self) -> Sequence[UnitRow]:
        with self._database.read() as connection:
            real = self._now(connection)
            found = connection.execute(
                select(unit, lease.c.until)
                .join(lease, lease.c.unit == unit.c.id)
                .order_by(unit.c.id)
            ).all()
        return [
            UnitRow(
                row.id,
                row.due_at,
                row.failures,
                row.last_ok_at,
                row.last_error,
                row.complete_to,
                row.until is not None and row.until > real,
            )
            for row in found
        ]


class Rates:
    """GCRA buckets: one row each, taken by one upsert, shared by all threads and workers.

    `tat` is the theoretical arrival time: the instant the bucket would be full again.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        """Seconds to wait before going on; the tokens are taken either way (core.ports.RateGate)."""
        now = self._now().timestamp()
        statement = text(
            "INSERT INTO rate_bucket (key, tat) VALUES (:key, :now + :step) "
            "ON CONFLICT (key) DO UPDATE SET tat = "
            "CASE WHEN rate_bucket.tat > :now THEN rate_bucket.tat ELSE :now END + :step "
            "RETURNING tat"
        )
        with self._database.write() as connection:
            tat = connection.execute(
                statement, {"key": bucket, "now": now, "step": cost / rate}
            ).scalar_one()
        return max(0.0, float(tat) - now - burst / rate)

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None:
        """Believe the remote: `available` tokens are left now."""
        now = self._now().timestamp()
        tat = now + max(0.0, burst - available) / rate
        with self._database.write() as connection:
            upsert(connection, rate_bucket, [{"key": bucket, "tat": tat}], key=["key"])


def backoff(failures: int, *, base: timedelta, longest: timedelta, jitter: float) -> timedelta:
    """Exponential, capped, spread by `jitter` in 0..1 (the caller's chance)."""
    wait = min(longest, base * float(2 ** min(failures, 16)))
    return wait * (0.75 + jitter / 2)
