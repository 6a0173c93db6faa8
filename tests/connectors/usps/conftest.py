"""A simulated USPS and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.usps.connector import Usps, connect
from connectors.usps.settings import Settings
from connectors.usps.simulator import UspsSimulator
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
def carrier(clock: ManualClock) -> Iterator[UspsSimulator]:
    # The quota has tests of its own.
    made = UspsSimulator(clock=clock, seed=7, transit=(86_400, 86_400), per_hour=600, at_once=600)
    made.start()
    yield made
    made.stop()


def connection(carrier: UspsSimulator, inside: Inside, **settings: object) -> Usps:
    told = {
        "type": "usps",
        "client_id": carrier.client_id,
        "client_secret": carrier.client_secret,
        "base_url": carrier.url,
    }
    return connect("usps", Settings.model_validate(told | settings), inside)


@pytest.fixture
def usps(carrier: UspsSimulator, inside: Inside) -> Iterator[Usps]:
    made = connection(carrier, inside)
    yield made
    made.close()
