"""A supplier on loopback and a connection to it, on a clock that only tests move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.settings import Settings
from connectors.supplier_file.simulator import SupplierSimulator
from jobs.clock import ManualClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

FOLDERS = {
    "stock_in": {"path": "stock"},
    "requests_out": "requests",
    "acknowledgments_in": {"path": "acknowledgments"},
    "shipments_in": {"path": "shipments"},
}


class Inside:
    """What bootstrap hands in. This connector takes no tokens."""

    rates: Any = None

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._lock = threading.Lock()

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._lock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def supplier(clock: ManualClock) -> Iterator[SupplierSimulator]:
    made = SupplierSimulator(
        clock=clock, seed=7, stock={"MUG-1": 5, "MUG-2": 0, "CUP-9": 40}, autonomous=False
    )
    made.start()
    yield made
    made.stop()


Connect = Callable[..., SupplierFile]


@pytest.fixture
def over_sftp(supplier: SupplierSimulator, clock: ManualClock) -> Iterator[Connect]:
    """Makes connections to the supplier; keyword arguments change the transport's settings."""
    made: list[SupplierFile] = []

    def make(
        *, stable_after: float = 10.0, papers: dict[str, Any] | None = None, **transport: Any
    ) -> SupplierFile:
        reached = {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": supplier.port,
            "username": supplier.username,
            "password": supplier.password,
            "host_key": supplier.host_key,
            "call_timeout": 5,
        }
        settings = Settings.model_validate(
            {
                "type": "supplier_file",
                "transport": reached | transport,
                "folders": FOLDERS,
                "location": "acme",
                "stable_after": stable_after,
                "papers": papers,
            }
        )
        made.append(connect("acme", settings, Inside(clock)))
        return made[-1]

    yield make
    for connector in made:
        connector.close()


@pytest.fixture
def acme(over_sftp: Connect) -> SupplierFile:
    return over_sftp()
