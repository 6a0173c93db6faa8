"""Running one unit: claim, flow, release. Identical in every engine."""

from __future__ import annotations

import os
import random
import socket
import threading
import uuid
from datetime import timedelta
from typing import Any

from core.errors import LeaseLost, RateLimited, Unauthorized
from core.model.cases import Case, Severity
from core.model.reasons import Reason
from jobs.run import Run, Stopped
from jobs.schedule import Unit, units_of
from jobs.store.store import Store
from jobs.store.units import Lease, backoff
from jobs.wiring import Wiring

#: The first wait after a failure, in clock time.
FIRST_BACKOFF = timedelta(seconds=5)
#: When a run that ended early goes on.
SOON = timedelta(seconds=1)


class Runner:
    """Runs units of one wiring against one store. Keeps no state of a unit between runs."""

    def __init__(self, store: Store, wiring: Wiring, log: Any) -> None:
        self.store = store
        self.wiring = wiring
        self.units = units_of(wiring)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._log = log
        self._ttl = wiring.config.running.lease.total_seconds()
        self._chance = random.Random()
        self._in_trouble = False

    def declare(self) -> None:
        """Make the store's units those of this configuration."""
        self.store.units.declare(self.units, now=self.store.clock.now())

    def due(self) -> list[str]:
        """Units to run now; none while the store is in trouble, which is logged when it begins."""
        try:
            found = self.store.units.offer(now=self.store.clock.now())
        except Exception as error:
            if not self._in_trouble:
                self._log.error("store in trouble", problem=_words(error))
            self._in_trouble = True
            return []
        if self._in_trouble:
            self._log.info("store back in order")
        self._in_trouble = False
        return found

    def run(self, unit_id: str, *, whenever: bool = False) -> bool:
        """Run a unit if it is due and free; True when it ran without failing. Never raises."""
        try:
            return self._run(unit_id, whenever)
        except Exception as error:
            # The store itself is in trouble (disk full, connection lost): the unit stays due.
            self._log.error("run broke", unit=unit_id, problem=_words(error))
            return False

    def _run(self, unit_id: str, whenever: bool) -> bool:
        unit = self.units.get(unit_id)
        if unit is None:
            return False
        now = None if whenever else self.store.clock.now()
        held = self.store.units.claim(unit_id, owner=self.owner, ttl=self._ttl, now=now)
        if held is None:
            return False
        run_id = uuid.uuid4().hex[:12]
        log = self._log.bind(unit=unit_id, run=run_id)
        run = Run(id=run_id, store=self.store, lease=held, wiring=self.wiring, log=log)
        with _Renewal(self.store, held, self._ttl, log):
            return self._carry(unit, run, log)

    def _carry(self, unit: Unit, run: Run, log: Any) -> bool:
        held = run.lease
        try:
            again = unit.flow(run)
        except LeaseLost as lost:
            # A newer fence exists and this run may write nothing (the release is a no-op then), or
            # another run overtook its decision, or writes are stopped here.
            log.info("run ended early", reason=str(lost))
            self._release(unit, held, again=None if isinstance(lost, Stopped) else SOON)
            return True
        except Exception as error:
            self._fail(unit, held, error, log)
            return False
        if held.failures:
            log.info("back in order", failures=held.failures)
        self._release(unit, held, again=again)
        self._close_unauthorized(unit)
        return True

    def _release(self, unit: Unit, held: Lease, *, again: timedelta | None = None) -> None:
        now = self.store.clock.now()
        self.store.units.release(
            held, now=now, next_due=now + (unit.every if again is None else again)
        )

    def _fail(self, unit: Unit, held: Lease, error: Exception, log: Any) -> None:
        now = self.store.clock.now()
        wait = backoff(
            held.failures,
            base=FIRST_BACKOFF,
            longest=self.wiring.config.running.longest_backoff,
            jitter=self._chance.random(),
        )
        if isinstance(error, RateLimited):
            # Waiting for tokens is no failure; nothing is logged and nobody is told.
            again = now + timedelta(seconds=max(error.retry_after, 0.5))
            self.store.units.release(held, now=now, next_due=again, waiting=True)
            return
        if isinstance(error, Unauthorized):
            wait = self.wiring.config.running.longest_backoff
        if held.failures == 0:
            # Quiet when well, loud once when not: the flip is logged, not every try.
            expected = type(error).__module__ == "core.errors"
            log.warning("run failed", problem=str(error), exc_info=None if expected else error)
        problem = _words(error)[:500]
        self.store.units.release(held, now=now, next_due=now + wait, error=problem, failed=True)
        if isinstance(error, Unauthorized):
            # After the release: a sibling that works sees that this one is refused, and keeps the Case.
            self._open_unauthorized(error)

    def _open_unauthorized(self, error: Unauthorized) -> None:
        reason = Reason.of(
            "connection_unauthorized",
            connection=error.connector,
            operation=error.operation,
            missing=error.missing or "",
        )
        with self.store.transaction() as tx:
            tx.open_case(
                Case(
                    "connection_unauthorized",
                    f"connection {error.connector}",
                    reason,
                    Severity.CRITICAL,
                )
            )

    def _close_unauthorized(self, unit: Unit) -> None:
        """The connection works again: its Case closes once none of its units is refused any more."""
        connection = self.wiring.connection_of.get(unit.id.split("/")[0], unit.id.split("/")[0])
        with self.store.reading() as tx:
            if not tx.has_open_case("connection_unauthorized", f"connection {connection}"):
                return
        refused = any(
            (row.last_error or "").startswith("Unauthorized")
            for row in self.store.units.rows()
            if self.wiring.connection_of.get(row.id.split("/")[0], row.id.split("/")[0])
            == connection
        )
        if not refused:
            with self.store.transaction() as tx:
                tx.close_case("connection_unauthorized", f"connection {connection}")


class _Renewal:
    """Keeps a lease alive while its run lasts. Real time: leases are not scaled."""

    def __init__(self, store: Store, held: Lease, ttl: float, log: Any) -> None:
        self._store = store
        self._log = log
        self._held = held
        self._ttl = ttl
        self._over = threading.Event()
        self._timer = threading.Timer(ttl / 3, self._start)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._timer.cancel()

    def _start(self) -> None:
        while not self._over.is_set():
            try:
                if not self._store.units.renew(self._held, ttl=self._ttl):
                    return
            except Exception as error:
                # The lease runs on; if it ends, the fence keeps this run from writing.
                self._log.warning("lease not renewed", problem=_words(error))
            self._over.wait(self._ttl / 3)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
