"""The one clock. Everything else takes an instant as an argument or asks the Clock it was handed.

Leases, socket time-outs and lock waits use real time; schedules, back-off, settle delays, buckets,
token expiry and ages use the project clock, which the demo and the tests scale.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: The environment variable that hands a scaled clock to a child process.
CLOCK_VARIABLE = "LOCKSTEP_CLOCK"


@dataclass(frozen=True, slots=True)
class Scale:
    """Clock time = `origin` + (real time - `real_origin`) x `speed`."""

    origin: datetime
    #: seconds since the epoch, real
    real_origin: float
    speed: float

    def __str__(self) -> str:
        return f"{self.origin.isoformat()}|{self.real_origin!r}|{self.speed!r}"

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read what `str` wrote. Raises ValueError."""
        origin, real_origin, speed = text.split("|")
        return cls(datetime.fromisoformat(origin), float(real_origin), float(speed))


class ScaledClock:
    """A clock that runs `speed` times as fast as the real one; every process with the same scale agrees."""

    def __init__(self, scale: Scale, *, stopped: threading.Event | None = None) -> None:
        self._scale = scale
        self._stopped = stopped or threading.Event()

    @classmethod
    def starting(cls, at: datetime, *, speed: float) -> ScaledClock:
        return cls(Scale(at, time.time(), speed))

    @property
    def scale(self) -> Scale:
        return self._scale

    def now(self) -> datetime:
        passed = (time.time() - self._scale.real_origin) * self._scale.speed
        return self._scale.origin + timedelta(seconds=passed)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._stopped.wait(seconds / self._scale.speed)

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock take."""
        return seconds / self._scale.speed

    def set(self, *, at: datetime | None = None, speed: float | None = None) -> None:
        """Jump or change pace. Only simulators and tests do that."""
        self._scale = Scale(at or self.now(), time.time(), speed or self._scale.speed)


class SystemClock(ScaledClock):
    """The machine's own clock."""

    def __init__(self, *, stopped: threading.Event | None = None) -> None:
        super().__init__(Scale(datetime.fromtimestamp(0, UTC), 0.0, 1.0), stopped=stopped)


class ManualClock:
    """Stands still until moved; sleeping moves it. For tests."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._lock = threading.Lock()
        #: called after every move
        self.on_move: Callable[[], None] | None = None

    def now(self) -> datetime:
        with self._lock:
            return self._at

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.advance(seconds)

    def real_seconds(self, seconds: float) -> float:
        return 0.0

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._at += timedelta(seconds=seconds)
        if self.on_move:
            self.on_move()

    def set(self, *, at: datetime | None = None, speed: float | None = None) -> None:
        if at is not None:
            with self._lock:
                self._at = at


def clock_from(environment: dict[str, str], *, stopped: threading.Event) -> ScaledClock:
    """The process's clock: scaled where `LOCKSTEP_CLOCK` says so, else the machine's."""
    text = environment.get(CLOCK_VARIABLE)
    return ScaledClock(Scale.parse(text), stopped=stopped) if text else SystemClock(stopped=stopped)
