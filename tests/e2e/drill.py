"""The simulated world with a daemon in a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from jobs.bootstrap import Application, build
from jobs.clock import CLOCK_VARIABLE, ScaledClock
from jobs.demo.world import Pace, World, goods

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@contextmanager
def world(
    *, speed: float, seed: int, scarce: bool = False, pace: Pace | None = None
) -> Iterator[World]:
    """Every remote, started; stopped at the end."""
    clock = ScaledClock.starting(START, speed=speed)
    made = World(clock=clock, seed=seed, goods=goods(scarce=scarce), pace=pace or Pace())
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def application(path: Path, made: World) -> Iterator[Application]:
    """The store and wiring of this configuration, on the world's clock."""
    opened = build(path, environment=dict(os.environ), clock=made.clock)
    try:
        yield opened
    finally:
        opened.close()


class Daemon:
    """`lockstep run` as a child process; its log is kept beside the configuration."""

    def __init__(self, path: Path, made: World) -> None:
        self.path = path
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "PYTHONFAULTHANDLER": "1",
            CLOCK_VARIABLE: str(made.clock.scale),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.path.parent / "daemon.log").open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jobs", "run", "--config", str(self.path)],
                env=self._environment,
                stdout=out,
                stderr=out,
            )

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut would, as far as a process can tell."""
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def terminate(self) -> int:
        """Ask it to stop; its exit code. Raises AssertionError after 20 s, with what each thread did.

        A daemon ends within 10 s by itself; the rest is for a machine that other tests keep busy.
        """
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(10)
            raise AssertionError(f"still running 20 s after SIGTERM\n{self.log()}") from None

    def log(self) -> str:
        return (self.path.parent / "daemon.log").read_text()


def restore(copy_of: Path, into: Path, made: World) -> Path:
    """A copy of the data directory, as a backup taken at this instant would be; its configuration."""
    into.mkdir()
    for file in copy_of.glob("lockstep.db*"):
        shutil.copy(file, into / file.name)
    return made.write_config(into, language="en")


def wait_until(condition, *, patience: float) -> bool:  # type: ignore[no-untyped-def]
    """Poll a condition in real time: a daemon in another process works on it."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return False
