"""A simulated UPS and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.ups.connector import Ups, connect
from connectors.ups.settings import Settings
from connectors.ups.simulator import UpsSimulator
from jobs.clock import ManualClock
from tests.connectors.inside import Inside

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


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
