"""The simulated world on a clock that only tests move, its units run in this process, its command line as a child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Row, select

from core.model.reasons import Reason
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import adopt, log
from jobs.bootstrap import Application, build
from jobs.clock import CLOCK_VARIABLE, ManualClock, Scale, ScaledClock
from jobs.demo.world import Pace, World, goods
from jobs.runner import Runner
from jobs.store.permissions import WRITING_FLOWS, Permissions
from jobs.store.tables import cases

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
#: What changes nothing a seller has: tokens, reports, and files a place writes for itself.
THEIR_OWN = (
    "token", "createReport", "stock-file", "acknowledgment-file", "shipment-file", "pick-up", "data",
)  # fmt: skip
Edit = Callable[[dict[str, Any]], None]


class StandingClock(ManualClock):
    """A ManualClock that a child process can be given: it reads the instant of its start."""

    @property
    def scale(self) -> Scale:
        return Scale(self.now(), time.time(), 1.0)


@dataclass
class House:
    """One shop with its remotes. `live` lets clock time pass; due units run at every step."""

    world: World
    clock: StandingClock
    path: Path
    app: Application
    runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self.runner = Runner(self.app.store, self.app.wiring, log.get())
        self.runner.declare()

    def live(self, seconds: float, *, step: float = 30.0) -> None:
        """Clock seconds pass in steps."""
        end = self.clock.now().timestamp() + seconds
        while self.clock.now().timestamp() < end:
            self.work()
            self.clock.advance(step)
        self.work()

    def work(self) -> None:
        """Run what is due, and what that woke."""
        for _ in range(12):
            due = self.runner.due()
            if not due:
                return
            for unit in sorted(due):
                self.runner.run(unit)

    def run(self, *units: str) -> list[bool]:
        """Run these units, due or not."""
        return [self.runner.run(unit, whenever=True) for unit in units]

    def until(
        self, condition: Callable[[], object], *, seconds: float = 7200.0, step: float = 30.0
    ) -> None:
        """Live until the condition holds; AssertionError with the failing units when it does not."""
        end = self.clock.now().timestamp() + seconds
        while not condition():
            assert self.clock.now().timestamp() < end, (self.errors(), self.cases())
            self.live(step, step=step)

    def errors(self) -> dict[str, str]:
        return {row.id: row.last_error for row in self.app.store.units.rows() if row.last_error}

    def rows(self, query: Any) -> list[Row[Any]]:
        with self.app.store.reading() as tx:
            return list(tx.connection.execute(query).all())

    def cases(self, kind: str | None = None, *, state: str = "open") -> list[str]:
        """What open Cases say, in English."""
        query = select(cases).where(cases.c.state == state).order_by(cases.c.id)
        return [
            render(Reason(row.code, row.args), "en")
            for row in self.rows(query)
            if kind is None or row.kind == kind
        ]

    def case_id(self, kind: str) -> int:
        (row,) = self.rows(select(cases).where(cases.c.kind == kind, cases.c.state == "open"))
        return int(row.id)

    def switch(self, to: Mode, **limits: Any) -> None:
        """Every channel and flow, without the command line."""
        with self.app.store.transaction() as tx:
            for channel in self.app.wiring.config.channels:
                for flow in WRITING_FLOWS:
                    wanted = {"skus": None, "share": None, **limits}
                    Permissions(tx).set_mode(channel, flow, to, by="tester", **wanted)

    def go_live(self) -> None:
        """First import in observe, opening stock, then act."""
        self.first_import()
        count = {(one.sku, "newark"): one.warehouse for one in self.world.goods}
        wish = adopt.Wish("shopify-us", self.app.wiring.config.orders.route_from, count, (), ())
        plan, _ = adopt.propose(self.app.store, self.app.wiring, wish, by="tester")
        adopt.apply(self.app.store, self.app.wiring, plan, by="tester")
        self.switch(Mode.ACT)

    def first_import(self) -> None:
        walks = {
            f"{name}/{flow}"
            for name in self.app.wiring.config.channels
            for flow in ("orders", "listings")
        }

        def walked() -> bool:
            rows = self.app.store.units.rows()
            stocked = all(row.last_ok_at for row in rows if row.id.endswith("/stock"))
            return stocked and walks <= {row.id for row in rows if row.complete_to is not None}

        self.until(walked)

    def writes(self) -> list[str]:
        """Every request that changed something at a remote, in order; mails are not counted."""
        return [
            f"{name}: {entry.operation} {entry.subject}".strip()
            for name, simulator in self.world.simulators.items()
            for entry in simulator.log.entries()
            if entry.took_effect and entry.operation not in THEIR_OWN
        ]

    def cli(self, *words: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        """`./lockstep WORDS` on this configuration; `check` is the exit code it must have."""
        return cli(*words, path=self.path, clock=self.clock, check=check)


def environment(clock: StandingClock | ScaledClock | None) -> dict[str, str]:
    """A child's: this tree, this instant, a terminal of a plain width."""
    made = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "COLUMNS": "200"}
    made.pop("FORCE_COLOR", None)
    if clock is not None:
        made[CLOCK_VARIABLE] = str(clock.scale)
    return made


def cli(
    *words: str, path: Path, clock: StandingClock | ScaledClock | None = None, check: int | None = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *words],
        env={**environment(clock), "LOCKSTEP_CONFIG": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    return done


def edit_config(path: Path, edit: Edit) -> None:
    """Change the YAML file as an admin would."""
    tree = yaml.safe_load(path.read_text())
    edit(tree)
    path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


@contextmanager
def opened(path: Path, made: World, clock: StandingClock) -> Iterator[House]:
    app = build(path, environment=dict(os.environ), clock=clock)
    try:
        yield House(made, clock, path, app)
    finally:
        app.close()


@contextmanager
def house(
    folder: Path, *, seed: int = 5, language: str = "en", pace: Pace | None = None,
    edit: Edit | None = None, prepare: Callable[[World], None] | None = None,
) -> Iterator[House]:  # fmt: skip
    """A started world and its application; `prepare` sees the remotes before they listen."""
    clock = StandingClock(START)
    made = World(clock=clock, seed=seed, goods=goods(scarce=False), pace=pace or Pace())  # type: ignore[arg-type]  # the same methods
    for place in (made.warehouse, made.acme):
        place._autonomous = False  # its life is called at every move of the clock
    if prepare:
        prepare(made)
    made.start()
    clock.on_move = lambda: (made.warehouse.live(), made.acme.live())  # type: ignore[assignment,return-value,func-returns-value]
    made.acme.live()
    try:
        path = made.write_config(folder / "shop", language=language)
        if edit:
            edit_config(path, edit)
        with opened(path, made, clock) as one:
            yield one
    finally:
        clock.on_move = None
        made.stop()
