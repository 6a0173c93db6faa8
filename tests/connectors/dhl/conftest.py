"""A simulated DHL and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.dhl.connector import Dhl, connect
from connectors.dhl.settings import Settings
from connectors.dhl.simulator import DhlSimulator
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
def carrier(clock: ManualClock) -> Iterator[DhlSimulator]:
    # The quota and its spacing have a test of their own.
    made = DhlSimulator(clock=clock, seed=7, transit=(86_400, 86_400), spacing=timedelta(0))
    made.start()
    yield made
    made.stop()


def connection(carrier: DhlSimulator, inside: Inside, **settings: object) -> Dhl:
    told = {"type": "dhl", "api_key": carrier.api_key, "base_url": carrier.url}
    return connect("dhl", Settings.model_validate(told | settings), inside)


def mydhl(carrier: DhlSimulator) -> dict[str, str]:
    """The settings of MyDHL."""
    return {
        "username": carrier.username,
        "password": carrier.password,
        "base_url": f"{carrier.url}/mydhlapi",
    }


@pytest.fixture
def dhl(carrier: DhlSimulator, inside: Inside) -> Iterator[Dhl]:
    made = connection(carrier, inside)
    yield made
    made.close()
