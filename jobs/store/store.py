"""The store: transactions a run writes in, and what every transaction can do.

A transaction of a run checks its fence first and writes its wakes last. Domain statements live in
the modules beside this one (orders, stock, offers, effects, people), each a small class over one
`Tx`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from core.model.cases import Case
from core.model.reasons import Reason
from core.ports import Clock, Reject
from jobs.store.bulk import upsert
from jobs.store.database import Database
from jobs.store.tables import audit, cases, decision, dirty_sku, payload
from jobs.store.units import Lease, Rates, Units

#: Raw records are kept this long unless the configuration says otherwise.
KEEP_RAW = timedelta(days=30)


class Tx:
    """One transaction: a connection, an instant, and the wakes it will write."""

    def __init__(
        self,
        connection: Connection,
        *,
        now: datetime,
        units: Units,
        lease: Lease | None,
        run: str | None,
        keep_raw: timedelta = KEEP_RAW,
    ) -> None:
        self.connection = connection
        self.now = now
        self.run = run
        self.keep_raw = keep_raw
        self._units = units
        self._lease = lease
        self._wakes: set[str] = set()
        self._dirty: set[str] = set()
        self._advance: tuple[str, datetime | None] | None = None
        self._decisions: list[dict[str, Any]] = []

    def rows(self, query: Select[Any]) -> list[Row[Any]]:
        return list(self.connection.execute(query).all())

    def wake(self, *units: str) -> None:
        """These units have work now; written at the end of the transaction."""
        self._wakes.update(units)

    def advance(self, cursor: str, *, complete_to: datetime | None = None) -> None:
        """Save the walk's place together with what it recorded; written with the wakes."""
        assert self._lease, "only a run has a cursor"
        before = self._advance[1] if self._advance else None
        self._advance = (cursor, complete_to or before)

    def mark_dirty(self, skus: Iterable[str]) -> None:
        """What channels should show of these Skus must be decided again."""
        self._dirty.update(skus)

    def decide(self, subject: str, reason: Reason) -> None:
        """Keep why something was decided or done (I7)."""
        self._decisions.append(
            {
                "at": self.now,
                "subject": subject,
                "code": reason.code,
                "args": dict(reason.args),
                "run": self.run,
            }
        )

    def decide_once(
        self, subject: str, reason: Reason, *, among: Collection[str], named: str
    ) -> bool:
        """Keep it, unless it was the last of these codes about this subject that has the same
        argument of this name. False: it was."""
        query = select(decision.c.code, decision.c.args).where(
            decision.c.subject == subject, decision.c.code.in_(among)
        )
        rows = self.rows(query.order_by(decision.c.id.desc()))
        last = next((row for row in rows if row.args.get(named) == reason.args[named]), None)
        if last is not None and (last.code, last.args) == (reason.code, dict(reason.args)):
            return False
        self.decide(subject, reason)
        return True

    def audit(
        self,
        who: str,
        action: str,
        subject: str,
        *,
        before: Any = None,
        after: Any = None,
        note: str | None = None,
    ) -> None:
        """Keep who changed what."""
        self.connection.execute(
            insert(audit).values(
                at=self.now,
                who=who,
                action=action,
                subject=subject,
                before=before,
                after=after,
                note=note,
            )
        )

    # --- raw records and cases -------------------------------------------------------------------

    def keep_payloads(
        self, source: str, kind: str, raw: Iterator[tuple[str, str]] | list[tuple[str, str]]
    ) -> None:
        """Keep remotes' raw records, the last of each id, until their retention ends."""
        last = dict(raw)
        upsert(
            self.connection,
            payload,
            [
                {
                    "source": source,
                    "kind": kind,
                    "remote_id": remote_id,
                    "body": body,
                    "received_at": self.now,
                    "erase_after": self.now + self.keep_raw,
                }
                for remote_id, body in last.items()
            ],
            key=["source", "kind", "remote_id"],
            returning=[],
        )

    def keep_payload(self, source: str, kind: str, remote_id: str, body: str) -> int:
        """Keep one raw record; its id, for the Case that is about it."""
        self.keep_payloads(source, kind, [(remote_id, body)])
        return int(
            self.connection.execute(
                select(payload.c.id).where(
                    payload.c.source == source,
                    payload.c.kind == kind,
                    payload.c.remote_id == remote_id,
                )
            ).scalar_one()
        )

    def open_case(self, case: Case, *, payload_id: int | None = None, once: bool = False) -> bool:
        """Open a Case unless one is open for this kind and subject. True when it is new.

        `once`: nor when the very same one was closed already, by whoever settled it.
        """
        if once and self._was_settled(case):
            return False
        opened = upsert(
            self.connection,
            cases,
            [
                {
                    "kind": case.kind,
                    "subject": case.subject,
                    "code": case.reason.code,
                    "args": dict(case.reason.args),
                    "severity": str(case.severity),
                    "state": "open",
                    "opened_at": self.now,
                    "payload_id": payload_id,
                }
            ],
            key=["kind", "subject"],
            keep=["code", "args", "severity", "state", "opened_at", "payload_id"],
            where_open=True,
            returning=["id"],
        )
        if opened:
            self.wake("core/alerts")
        return bool(opened)

    def renew_case(self, case: Case) -> bool:
        """Open a Case in the words of now: an older one of its kind and subject gives way to it.

        The very same one is left as it is, open or settled by whoever settled it.
        """
        said = self.connection.execute(
            select(cases.c.code, cases.c.args).where(
                cases.c.kind == case.kind, cases.c.subject == case.subject, cases.c.state == "open"
            )
        ).first()
        if said is None:
            return self.open_case(case, once=True)
        if (said.code, said.args) == (case.reason.code, dict(case.reason.args)):
            return False
        self.close_case(case.kind, case.subject)
        return self.open_case(case)

    def _was_settled(self, case: Case) -> bool:
        """By somebody: what went away by itself and came back is told again."""
        settled = self.connection.execute(
            select(cases.c.args).where(
                cases.c.kind == case.kind,
                cases.c.subject == case.subject,
                cases.c.state == "closed",
                cases.c.closed_by.is_not(None),
            )
        ).scalars()
        return dict(case.reason.args) in list(settled)

    def has_open_case(self, kind: str, subject: str) -> bool:
        return (
            self.connection.execute(
                select(cases.c.id).where(
                    cases.c.kind == kind, cases.c.subject == subject, cases.c.state == "open"
                )
            ).first()
            is not None
        )

    def open_rejects(self, source: str, rejects: Iterable[Reject]) -> None:
        """Unreadable records: kept raw, one Case each; the others went through."""
        for reject in rejects:
            self._open_reject(source, reject)

    def _open_reject(self, source: str, reject: Reject) -> None:
        payload_id = self.keep_payload(source, reject.kind, reject.remote_id, reject.raw)
        reason = Reason.of(
            "unreadable_record",
            source=source,
            kind=reject.kind,
            record=reject.remote_id,
            problem=reject.problem,
        )
        subject = f"{reject.kind} {source} {reject.remote_id}"
        self.open_case(Case("unreadable_record", subject, reason), payload_id=payload_id)

    def keep_rejects(self, source: str, kind: str, rejects: Collection[Reject]) -> None:
        """These are all that cannot be read of a kind: others of it read well now."""
        now = {f"{kind} {source} {one.remote_id}" for one in rejects}
        for subject in self._rejected(f"{kind} {source} "):
            if subject not in now:
                self.close_case("unreadable_record", subject)
        self.open_rejects(source, rejects)

    def close_rejects(
        self, source: str, kind: str, remote_ids: Iterable[str] | None = None
    ) -> None:
        """What could not be read before reads well now (None: all of this kind): close its Cases."""
        start = f"{kind} {source} "
        wanted = None if remote_ids is None else {f"{start}{one}" for one in remote_ids}
        for subject in self._rejected(start):
            if wanted is None or subject in wanted:
                self.close_case("unreadable_record", subject)

    def _rejected(self, start: str) -> list[str]:
        """What open Cases about unreadable records are about, of those that begin so."""
        found = select(cases.c.subject).where(
            cases.c.kind == "unreadable_record",
            cases.c.state == "open",
            cases.c.subject.startswith(start, autoescape=True),
        )
        return list(self.connection.execute(found).scalars())

    def is_open(self, kind: str, subject: str) -> bool:
        """Whether a Case of this kind and subject is open."""
        query = select(cases.c.id).where(
            cases.c.kind == kind, cases.c.subject == subject, cases.c.state == "open"
        )
        return self.connection.execute(query).first() is not None

    def close_case(
        self, kind: str, subject: str, *, by: str | None = None, note: str | None = None
    ) -> bool:
        """Close the open Case of this kind and subject, if there is one."""
        closed = self.connection.execute(
            update(cases)
            .where(cases.c.kind == kind, cases.c.subject == subject, cases.c.state == "open")
            .values(state="closed", closed_at=self.now, closed_by=by, note=note)
        ).rowcount
        if closed:
            self.wake("core/alerts")
        return bool(closed)

    def finish(self) -> None:
        """Write what was gathered. Called once, at the end of the transaction.

        Rows that other runs write too come last and in one order everywhere: marks of Skus, then
        units (our own with its cursor among them). Two runs deadlock on PostgreSQL otherwise.
        """
        if self._decisions:
            self.connection.execute(insert(decision), self._decisions)
        if self._dirty:
            self._write_dirty()
            self._wakes.add("core/offers")
        self._units.wake(
            self.connection,
            self._wakes,
            now=self.now,
            advance=(self._lease, *self._advance) if self._lease and self._advance else None,
        )

    def _write_dirty(self) -> None:
        # Where the mark is there already it is locked all the same: whoever takes it now would decide
        # without our change, and take the mark with it.
        upsert(
            self.connection,
            dirty_sku,
            [{"sku": sku} for sku in sorted(self._dirty)],
            key=["sku"],
            returning=[],
            hold=True,
        )


class Store:
    """The database, its units and its buckets. One per process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.units = Units(database)
        self.rates = Rates(database, now=clock.now)
        self.keep_raw = KEEP_RAW

    @contextlib.contextmanager
    def transaction(self, lease: Lease | None = None, *, run: str | None = None) -> Iterator[Tx]:
        """A write transaction. With a lease: raises LeaseLost, and writes nothing, when it is lost."""
        with self.database.write() as connection:
            if lease is not None:
                self.units.check(connection, lease)
            tx = Tx(
                connection,
                now=self.clock.now(),
                units=self.units,
                lease=lease,
                run=run,
                keep_raw=self.keep_raw,
            )
            yield tx
            tx.finish()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        """A consistent view. What is gathered in it is dropped."""
        with self.database.read() as connection:
            yield Tx(connection, now=self.clock.now(), units=self.units, lease=None, run=None)

    def close(self) -> None:
        self.database.close()
