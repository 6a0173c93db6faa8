"""A simulated FedEx and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.fedex.connector import Fedex, connect
from connectors.fedex.settings import Settings
from connectors.fedex.simulator import FedexSimulator
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
def carrier(clock: ManualClock) -> Iterator[FedexSimulator]:
    made = FedexSimulator(clock=clock, seed=7, transit=(86_400, 86_400))
    made.start()
    yield made
    made.stop()


def connection(carrier: FedexSimulator, inside: Inside, **settings: object) -> Fedex:
    told = {
        "type": "fedex",
        "client_id": carrier.client_id,
        "client_secret": carrier.client_secret,
        "base_url": carrier.url,
    }
    return connect("fedex", Settings.model_validate(told | settings), inside)


@pytest.fixture
def fedex(carrier: FedexSimulator, inside: Inside) -> Iterator[Fedex]:
    made = connection(carrier, inside)
    yield made
    made.close()
