"""The engine inside one process: APScheduler ticks, a thread pool runs.

APScheduler keeps its jobs in memory only: its database store runs ticks twice with two processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from apscheduler.schedulers.background import BackgroundScheduler

#: Real seconds between two looks for due units.
TICK = 0.25


class Embedded:
    """`run` runs one unit and never raises; `due` lists the units to offer."""

    def __init__(
        self,
        *,
        run: Callable[[str], None],
        due: Callable[[], Sequence[str]],
        beat: Callable[[], None],
        threads: int,
    ) -> None:
        self._run = run
        self._due = due
        self._beat = beat
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="unit")
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def send(self, unit_ids: Sequence[str]) -> None:
        for unit in unit_ids:
            with self._lock:
                if unit in self._running:
                    continue
                self._running.add(unit)
            self._pool.submit(self._work, unit)

    def _work(self, unit: str) -> None:
        try:
            self._run(unit)
        finally:
            with self._lock:
                self._running.discard(unit)

    def serve(self, stop: threading.Event) -> None:
        scheduler = BackgroundScheduler(timezone="UTC")
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(lambda: self.send(self._due()), "interval", seconds=TICK, **options)
        scheduler.add_job(self._beat, "interval", seconds=5, **options)
        scheduler.start()
        try:
            stop.wait()
        finally:
            scheduler.shutdown(wait=True)
            self._pool.shutdown(wait=True, cancel_futures=True)
