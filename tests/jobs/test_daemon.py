"""The daemon as its users see it: a process, its signals, its exit code, what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.clock import ManualClock
from jobs.store.database import Database
from jobs.store.permissions import Permissions
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import lease, unit
from tests.jobs.builders import NOON

ROOT = Path(__file__).parents[2]

CONFIG = """
shop: {name: Acme}
orders: {route_from: 2026-11-24T00:00:00Z}
store: {url: "sqlite:///data/lockstep.db"}
connections:
  acme:
    type: supplier_file
    location: acme-east
    transport: {kind: local, root: acme}
    folders: {stock_in: {path: stock}}
    stable_after: 0
locations:
  acme-east: {counted_by: acme, basis: gross}
pace: {stock: 1s}
"""


class Shop:
    """A data folder, and commands run in it as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "acme" / "stock").mkdir(parents=True)
        (folder / "lockstep.yaml").write_text(CONFIG)
        self.daemons: list[subprocess.Popen[str]] = []
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jobs", *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """A daemon that says it runs."""
        log = (self.folder / "log").open("a")
        daemon = subprocess.Popen(
            [sys.executable, "-m", "jobs", "run"], cwd=self.folder, env=self.environment,
            stdout=log, stderr=log, text=True,
        )  # fmt: skip
        self.daemons.append(daemon)
        count = len(self.daemons)
        until(lambda: self.events().count("running") == count, daemon)
        return daemon

    def lines(self) -> list[dict[str, Any]]:
        # What comes after the last line break is a line that is being written.
        whole = (self.folder / "log").read_text().split("\n")[:-1]
        assert all(line.startswith("{") for line in whole), whole
        return [json.loads(line) for line in whole]

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines()]

    def store(self) -> Store:
        return Store(
            Database(f"sqlite:///{self.folder / 'data' / 'lockstep.db'}"), ManualClock(NOON)
        )


def until(true: Callable[[], bool], daemon: subprocess.Popen[str] | None = None) -> None:
    """Wait for another process, up to half a minute of real time."""
    end = time.monotonic() + 30
    while not true():
        assert daemon is None or daemon.poll() is None, "the daemon ended"
        assert time.monotonic() < end, "it did not happen within 30 s"
        time.sleep(0.05)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    for daemon in made.daemons:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait(timeout=10)


def on_hand(store: Store) -> dict[str, int]:
    with store.reading() as tx:
        return {sku: found[0].on_hand for sku, found in Stock(tx).levels(["TEA"]).items()}


def test_it_works_until_it_is_told_to_stop_and_then_stops_within_ten_seconds(shop: Shop) -> None:
    daemon = shop.start()
    store = shop.store()
    (shop.folder / "acme" / "stock" / "stock.csv").write_text("sku,quantity\nTEA,12\n")
    until(lambda: on_hand(store) == {"TEA": 12}, daemon)
    alive = shop.command("status", "--health")

    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(timeout=15)

    assert (code, alive.returncode) == (0, 0), alive.stdout + alive.stderr
    assert time.monotonic() - began < 10
    assert shop.events()[-1] == "stopped"
    assert shop.command("status", "--health").returncode == 1
    with store.reading() as tx:
        assert set(tx.connection.execute(select(lease.c.owner)).scalars()) == {None}
        assert Stock(tx).verify() == []
    store.close()


def test_a_killed_daemon_is_seen_at_once_and_its_leases_are_free_at_the_next_start(
    shop: Shop,
) -> None:
    first = shop.start()
    store = shop.store()
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=10)
    dead = shop.command("status", "--health")
    with store.database.write() as connection:
        # What it was in the middle of: a unit that nobody else may touch for an hour.
        connection.execute(update(lease).values(owner="killed", until=time.time() + 3600))
        connection.execute(update(unit).values(due_at=NOON - timedelta(days=9), last_ok_at=None))

    began = time.monotonic()
    second = shop.start()
    until(lambda: all(row.last_ok_at for row in store.units.rows()), second)

    assert time.monotonic() - began < 20, "far less than the lease"
    assert dead.returncode == 1
    assert shop.command("status", "--health").returncode == 0
    store.close()


def test_a_second_daemon_is_refused_and_the_first_goes_on(shop: Shop) -> None:
    first = shop.start()

    second = shop.command("run")

    assert second.returncode not in (0, None)
    assert "another Lockstep daemon" in second.stdout + second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert first.poll() is None


def test_stopping_writes_beside_a_running_daemon_is_seen_by_every_process(shop: Shop) -> None:
    shop.start()
    store = shop.store()
    stopped = shop.command("stop", "writes")

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    with store.reading() as tx:
        assert Permissions(tx).scope("anything", "offers").stopped
    store.close()


def test_every_line_of_its_log_is_json_and_a_failing_unit_is_told_once(shop: Shop) -> None:
    daemon = shop.start()
    folder = shop.folder / "acme" / "stock"
    folder.rmdir()
    until(lambda: "run failed" in shop.events(), daemon)
    folder.mkdir()
    until(lambda: "back in order" in shop.events(), daemon)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=15) == 0

    about = [line for line in shop.lines() if line.get("unit") == "acme/stock"]
    assert [line["event"] for line in about] == ["run failed", "back in order"]
    assert all(line["run"] for line in about)


def test_once_runs_every_unit_and_says_whether_all_were_well(shop: Shop) -> None:
    (shop.folder / "acme" / "stock" / "stock.csv").write_text("sku,quantity\nTEA,3\n")

    # A file is read when it was seen twice and had not grown.
    assert shop.command("once").returncode == 0
    well = shop.command("once")
    (shop.folder / "acme" / "stock" / "stock.csv").unlink()
    (shop.folder / "acme" / "stock").rmdir()
    ill = shop.command("once")

    assert (well.returncode, ill.returncode) == (0, 1), well.stderr + ill.stderr
    store = shop.store()
    assert on_hand(store) == {"TEA": 3}
    store.close()


STOPPED_ELSEWHERE = """
import signal, threading, time
from jobs.signals import stop_on_signals

stopped = threading.Event()
stop_on_signals(stopped, drain=9)
threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()
stopped.wait()
print("stopped")
"""


def test_a_signal_the_system_hands_to_another_thread_stops_it_all_the_same(shop: Shop) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_ELSEWHERE], cwd=ROOT, env=shop.environment,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


def test_a_run_that_hangs_in_foreign_code_does_not_keep_it_from_ending(shop: Shop) -> None:
    hangs = STOPPED_ELSEWHERE.replace("stopped.wait()", "time.sleep(60)").replace("9)", "0.2)")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", hangs], cwd=ROOT, env=shop.environment,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 20
