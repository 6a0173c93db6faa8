"""Wiring: configuration, store, connectors. Nothing connects here; connectors call when they are used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from config.formulas import formula
from config.load import Loaded, load
from connectors import registry
from core.ports import Clock, Connector, RateGate, TrackingSource
from jobs.clock import clock_from
from jobs.store.database import Database
from jobs.store.migrate import upgrade
from jobs.store.store import Store
from jobs.wiring import Wiring, stock_locations

#: Where the configuration is, unless the command line says otherwise.
CONFIG_VARIABLE = "LOCKSTEP_CONFIG"
DEFAULT_CONFIG = "lockstep.yaml"


@dataclass
class InsideOf:
    """What connectors may ask of the inside (core.ports.Inside)."""

    clock: Clock
    rates: RateGate
    _locks: dict[str, threading.RLock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def lock(self, name: str) -> AbstractContextManager[object]:
        with self._guard:
            return self._locks.setdefault(name, threading.RLock())

    def formula(
        self, source: str, sample: Mapping[str, object]
    ) -> Callable[[Mapping[str, object]], object]:
        return formula(source, sample)


@dataclass
class Application:
    """A process's store and wiring."""

    store: Store
    wiring: Wiring
    stopped: threading.Event

    def close(self) -> None:
        for connector in self.wiring.connectors.values():
            connector.close()
        self.store.close()


def config_path(given: str | None, environment: Mapping[str, str]) -> Path:
    return Path(given or environment.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def build(
    path: Path, *, environment: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Application:
    """Load the configuration, open (and migrate) the store, build the configured connectors.

    Raises ConfigError with every problem of the configuration at once.
    """
    environment = os.environ if environment is None else environment
    stopped = threading.Event()
    loaded = load(path, environment=environment)
    the_clock = clock or clock_from(dict(environment), stopped=stopped)
    database = Database(loaded.config.store.url.get_secret_value())
    upgrade(database)
    store = Store(database, the_clock)
    store.keep_raw = loaded.config.orders.keep_raw_records
    return Application(store, wire(loaded, store), stopped)


def wire(loaded: Loaded, store: Store) -> Wiring:
    """Only configured connectors are imported."""
    inside = InsideOf(store.clock, store.rates)
    connectors: dict[str, Connector] = {
        name: registry.connect(settings.type, name, settings, inside)
        for name, settings in loaded.config.connections.items()
    }
    return Wiring(
        loaded=loaded,
        connectors=connectors,
        locations=stock_locations(loaded),
        connection_of={name: one.connection for name, one in loaded.config.channels.items()},
        tracked_by={
            carrier: name
            for name, connector in connectors.items()
            if isinstance(connector, TrackingSource)
            for carrier in connector.carriers
        },
    )
