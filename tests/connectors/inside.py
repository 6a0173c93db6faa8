"""What a connector gets from the inside, for tests of one connector alone."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from core.ports import AskedParcel, TrackingReport, TrackingSource
from jobs.clock import ManualClock


class Rates:
    """Counts what was taken; `wait` is what the next call must wait."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.wait = 0.0

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        self.taken.append(cost)
        return self.wait

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None: ...


class Buckets(Rates):
    """Buckets as the store keeps them."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        #: bucket -> when it would be full again
        self._full: dict[str, datetime] = {}

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        now = self._clock.now()
        full = max(self._full.get(bucket, now), now) + timedelta(seconds=cost / rate)
        self._full[bucket] = full
        return max(0.0, (full - now).total_seconds() - burst / rate)


class Inside:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.rates: Rates = Rates()
        self._locks: dict[str, threading.Lock] = {}

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._locks.setdefault(name, threading.Lock())


def track(
    carrier: TrackingSource, number: str, shipped_at: datetime = datetime(2026, 11, 24, tzinfo=UTC)
) -> TrackingReport:
    """What a carrier tells of one parcel."""
    [report] = carrier.pull_tracking([AskedParcel(number, shipped_at)])
    return report
