"""One run of one unit: its lease, its transactions, its log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import LeaseLost
from core.ports import Clock
from core.rules.modes import Mode
from jobs.store.permissions import Permissions
from jobs.store.store import Store, Tx
from jobs.store.units import Lease
from jobs.wiring import Wiring

#: Real seconds a lease must still last before an outside write: the longest call we allow.
CALL_MARGIN = 5.0


class Stopped(LeaseLost):
    """Writes are stopped here; nothing more is written by this run."""


@dataclass
class Run:
    """Handed to a flow. No flow keeps anything in memory between runs."""

    id: str
    store: Store
    lease: Lease
    wiring: Wiring
    log: Any

    @property
    def clock(self) -> Clock:
        return self.store.clock

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A write transaction that checks the fence. Raises LeaseLost."""
        with self.store.transaction(self.lease, run=self.id) as tx:
            yield tx

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        with self.store.reading() as tx:
            yield tx

    def before_write(self, channel: str, flow: str) -> None:
        """Asked just before every outside write: the lease lasts, nobody stopped writes or observes.

        Raises LeaseLost or Stopped. A stop (or a mode) is read from the store each time, so it takes effect
        with the next write, in every process.
        """
        if not self.store.units.holds(self.lease, margin=CALL_MARGIN):
            raise LeaseLost
        with self.store.reading() as tx:
            scope = Permissions(tx).scope(channel, flow)
            if scope.stopped or scope.mode is Mode.OBSERVE:
                raise Stopped
