"""Start-up time of commands and daemon, and the memory of a daemon that has nothing to do.

Every connector is configured (Shopify, Amazon, two places over SFTP, UPS, mail) and answered by its
simulator, which runs in this process; the daemon is a process of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figures, memory_of
from bench.world import folder
from jobs.clock import CLOCK_VARIABLE, ScaledClock
from jobs.demo.world import World, goods

REPEATS = 7
#: Real seconds until the first pulls are over and the daemon only looks whether something is due.
IDLE_AFTER = 30.0
PATIENCE = 60.0
ROOT = Path(__file__).parent.parent


def measure(*, seed: int, idle_after: float = IDLE_AFTER) -> Figures:
    found = Figures("start-up and idle memory", "goal: idle daemon 150 MB")
    clock = ScaledClock.starting(datetime.fromtimestamp(int(time.time()), UTC), speed=1.0)
    remotes = World(clock=clock, seed=seed, goods=goods(scarce=False))
    remotes.start()
    try:
        with folder() as within:
            config = remotes.write_config(within, language="en")
            told = {CLOCK_VARIABLE: str(clock.scale), "LOCKSTEP_CONFIG": str(config)}
            beat, idle = _daemon(within / "lockstep.db.heartbeat", told, idle_after)
            for name in ("--help", "status"):
                found.add(what=f"lockstep {name}", figure=_command(name, told), unit="s")
    finally:
        remotes.stop()
    found.add(what="daemon to its first heartbeat", figure=beat, unit="s")
    found.add(what=f"daemon idle after {idle_after:.0f} s", figure=idle, unit="MB")
    return found


def _start(*words: str, told: dict[str, str]) -> subprocess.Popen[bytes]:
    """As the launcher does: this interpreter, this checkout."""
    environment = {**os.environ, **told, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *words],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _command(name: str, told: dict[str, str]) -> float:
    """The median of several runs, seconds. The first, which reads files from disk, is dropped."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        code = _start(name, told=told).wait(PATIENCE)
        times.append(time.perf_counter() - began)
        # `status` says 1 when something needs a person; anything above could not run.
        assert code in (0, 1), f"lockstep {name} ended with {code}"
    return statistics.median(times[1:])


def _daemon(beat: Path, told: dict[str, str], idle_after: float) -> tuple[float, float]:
    """(seconds to the first heartbeat, MB when idle)."""
    began = time.perf_counter()
    daemon = _start("run", told=told)
    try:
        while not beat.exists():
            assert daemon.poll() is None, f"the daemon ended with {daemon.returncode}"
            assert time.perf_counter() - began < PATIENCE, "no heartbeat"
            time.sleep(0.005)
        first = time.perf_counter() - began
        time.sleep(idle_after)
        return first, memory_of(daemon.pid)
    finally:
        daemon.terminate()
        daemon.wait(15)
