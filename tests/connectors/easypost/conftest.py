"""A simulated EasyPost and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.easypost.connector import Easypost, connect
from connectors.easypost.settings import Settings
from connectors.easypost.simulator import EasypostSimulator
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
def aggregator(clock: ManualClock) -> Iterator[EasypostSimulator]:
    made = EasypostSimulator(clock=clock, seed=7, transit=(86_400, 86_400))
    made.start()
    yield made
    made.stop()


def connection(aggregator: EasypostSimulator, inside: Inside, **settings: object) -> Easypost:
    told = {
        "type": "easypost",
        "api_key": aggregator.api_key,
        "base_url": aggregator.url,
        "carriers": ["usps", "ontrac"],
    }
    return connect("easypost", Settings.model_validate(told | settings), inside)


@pytest.fixture
def easypost(aggregator: EasypostSimulator, inside: Inside) -> Iterator[Easypost]:
    made = connection(aggregator, inside)
    yield made
    made.close()
