"""Which units were hurried, kept until the engine looks: a thousand hints are one write."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from core.ports import HintSource
from jobs.store.store import Store
from jobs.wiring import Wiring

#: A remote calls before its own search knows (Shopify's index lags by seconds): it is looked at again.
ECHO = timedelta(seconds=20)


class Hints:
    """Filled by requests, written by the engine's tick. What is lost with the process is pulled anyway."""

    def __init__(self, store: Store, wiring: Wiring, units: frozenset[str]) -> None:
        self._store = store
        self._wiring = wiring
        self._units = units
        self._pending: set[str] = set()
        #: unit -> when it is looked at once more
        self._again: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def receive(self, connection: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises KeyError for a connection that sends none, Unauthorized for what is not its own."""
        source = self._wiring.connectors[connection]
        if not isinstance(source, HintSource):
            raise KeyError(connection)
        owners = {connection, *self._wiring.channels_of(connection)}
        hurried = {f"{owner}/{flow}" for flow in source.hinted(headers, body) for owner in owners}
        again = self._store.clock.now() + ECHO
        with self._lock:
            for unit in hurried & self._units:
                self._pending.add(unit)
                self._again[unit] = again

    def flush(self) -> bool:
        """Make the hurried units due, now and once more. True: there were some."""
        now = self._store.clock.now()
        with self._lock:
            echoes = {unit for unit, at in self._again.items() if at <= now}
            found, self._pending = self._pending | echoes, set()
            for unit in echoes:
                del self._again[unit]
        if not found:
            return False
        with self._store.transaction() as tx:
            tx.wake(*found)
        return True
