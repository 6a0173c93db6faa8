"""Which units were hurried, kept until the engine looks: a thousand hints are one write."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from core.ports import HintSource
from jobs.store.parcels import Parcels
from jobs.store.store import Store
from jobs.wiring import Wiring

#: A remote calls before its own search knows (Shopify's index lags by seconds): it is looked at again.
ECHO = timedelta(seconds=20)
#: Requests of one connection that are hurried at once; the others are asked about in their turn.
MOST_NAMED = 1_000


class Hints:
    """Filled by requests, written by the engine's tick. What is lost with the process is pulled anyway."""

    def __init__(self, store: Store, wiring: Wiring, units: frozenset[str]) -> None:
        self._store = store
        self._wiring = wiring
        self._units = units
        self._pending: set[str] = set()
        #: unit -> when it is looked at once more
        self._again: dict[str, datetime] = {}
        #: connection -> the requests that its calls named, now and for once more
        self._named: dict[str, set[str]] = defaultdict(set)
        self._named_again: dict[str, tuple[datetime, set[str]]] = {}
        self._lock = threading.Lock()

    def receive(self, connection: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises KeyError for a connection that sends none, Unauthorized for what is not its own."""
        source = self._wiring.connectors[connection]
        if not isinstance(source, HintSource):
            raise KeyError(connection)
        owners = {connection, *self._wiring.channels_of(connection)}
        hurried = {f"{owner}/{flow}" for flow in source.hinted(headers, body) for owner in owners}
        named = source.requests_named(body)
        again = self._store.clock.now() + ECHO
        with self._lock:
            if named and len(self._named[connection]) < MOST_NAMED:
                self._named[connection] |= named
                known = self._named_again.get(connection, (again, set()))[1]
                self._named_again[connection] = (again, known | named)
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
            named, self._named = self._named, defaultdict(set)
            for connection, (at, names) in list(self._named_again.items()):
                if at <= now:
                    named[connection] |= names
                    del self._named_again[connection]
        if not found and not named:
            return False
        with self._store.transaction() as tx:
            for connection, names in named.items():
                places = [
                    one.id for one in self._wiring.locations if one.ships_through == connection
                ]
                Parcels(tx).ask_soon(places, names)
            tx.wake(*found)
        return True
