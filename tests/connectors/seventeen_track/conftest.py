"""A simulated 17TRACK and a connection to it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.seventeen_track.connector import SeventeenTrack, connect
from connectors.seventeen_track.settings import Settings
from connectors.seventeen_track.simulator import SeventeenTrackSimulator
from jobs.clock import ManualClock
from tests.connectors.inside import Buckets, Inside

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def inside(clock: ManualClock) -> Inside:
    made = Inside(clock)
    # Its three calls a second bind in every test.
    made.rates = Buckets(clock)
    return made


@pytest.fixture
def aggregator(clock: ManualClock) -> Iterator[SeventeenTrackSimulator]:
    made = SeventeenTrackSimulator(clock=clock, seed=7, transit=(864_000, 864_000))
    made.start()
    yield made
    made.stop()


def connection(
    aggregator: SeventeenTrackSimulator, inside: Inside, **settings: object
) -> SeventeenTrack:
    told = {
        "type": "seventeen_track",
        "token": aggregator.token,
        "base_url": aggregator.url,
        "carriers": ["yunexpress", "yanwen"],
    }
    return connect("seventeen", Settings.model_validate(told | settings), inside)


@pytest.fixture
def seventeen(aggregator: SeventeenTrackSimulator, inside: Inside) -> Iterator[SeventeenTrack]:
    made = connection(aggregator, inside)
    yield made
    made.close()
