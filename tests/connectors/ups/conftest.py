"""A simulated UPS and a connection to it, on a clock that only tests move."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest

from connectors.ups.connector import Ups, connect
from connectors.ups.settings import Settings
from connectors.ups.simulator import UpsSimulator
from jobs.clock import ManualClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Rates:
    """Counts what was taken; `wait` is what the next call must wait."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.wait = 0.0

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        self.taken.append(cost)
        return self.wait

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None: ...


class Inside:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.rates = Rates()
        self._locks: dict[str, threading.Lock] = {}

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._locks.setdefault(name, threading.Lock())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def inside(clock: ManualClock) -> Inside:
    return Inside(clock)


@pytest.fixture
def carrier(clock: ManualClock) -> Iterator[UpsSimulator]:
    made = UpsSimulator(clock=clock, seed=7, transit=(86_400, 86_400))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def ups(carrier: UpsSimulator, inside: Inside) -> Iterator[Ups]:
    settings = Settings.model_validate(
        {
            "type": "ups",
            "client_id": carrier.client_id,
            "client_secret": carrier.client_secret,
            "base_url": carrier.url,
        }
    )
    made = connect("ups", settings, inside)
    yield made
    made.close()
