"""The daemon: one process, one store, units until SIGTERM."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.bootstrap import Application
from jobs.engine.embedded import Embedded
from jobs.inbound.hints import Hints
from jobs.log import get
from jobs.runner import Runner
from jobs.signals import stop_on_signals

if TYPE_CHECKING:
    from jobs.inbound.server import Receiver

#: Real seconds a stopping daemon lets its runs finish.
DRAIN = 9.0


def serve(application: Application) -> None:
    """Run until SIGTERM or SIGINT; the current transactions finish, and within 10 s it is over.

    Raises Busy when another daemon works on the same data directory.
    """
    log = get()
    store = application.store
    store.database.claim_daemon()
    runner = Runner(store, application.wiring, log)
    runner.declare()
    if store.database.is_sqlite:
        # Nobody else can hold a lease on this file: what a killed daemon held is free at once.
        store.units.free_all()
    hints = Hints(store, application.wiring, frozenset(runner.units))
    engine = Embedded(
        run=lambda unit: _run(runner, unit),
        due=lambda: _due(runner, hints),
        beat=lambda: beat(store.database.path),
        threads=application.wiring.config.running.threads,
    )
    # Whatever a run that hangs was doing is found again by the next start, as after a crash.
    stop_on_signals(application.stopped, drain=DRAIN)
    receiver = _receiver(application, hints, log)
    beat(store.database.path)
    log.info("running", units=len(runner.units), store=store.database.url.get_backend_name())
    engine.serve(application.stopped)
    if receiver is not None:
        receiver.stop()
    rest(store.database.path)
    application.close()
    log.info("stopped")


def _receiver(application: Application, hints: Hints, log: Any) -> Receiver | None:
    """The server for what comes from outside, listening; None where the configuration names none."""
    section = application.wiring.config.inbound
    if section.port is None:
        return None
    # Half a second to import, and most shops are behind a firewall.
    from jobs.inbound.answering import Answers
    from jobs.inbound.server import Receiver

    answers = Answers(application.store, application.wiring)
    made = Receiver(hints, log, host=section.host, port=section.port, answers=answers)
    made.start()
    return made


def _due(runner: Runner, hints: Hints) -> Sequence[str]:
    hints.flush()
    return runner.due()


def _run(runner: Runner, unit: str) -> None:
    runner.run(unit)


def heartbeat_file(database_path: Path | None) -> Path | None:
    return None if database_path is None else Path(f"{database_path}.heartbeat")


def beat(database_path: Path | None) -> None:
    """Leave a sign of life for the health check. Real time."""
    file = heartbeat_file(database_path)
    if file is not None:
        file.write_text(f"{os.getpid()} {time.time():.0f}\n")


def rest(database_path: Path | None) -> None:
    """A daemon that stopped of its own leaves no sign of life."""
    file = heartbeat_file(database_path)
    if file is not None:
        file.unlink(missing_ok=True)


def once(application: Application, *, rounds: int = 20) -> bool:
    """Every unit once, and again those that were woken by it: for cron and scheduled containers.

    True when none of them failed.
    """
    store = application.store
    store.database.claim_daemon()
    runner = Runner(store, application.wiring, get())
    runner.declare()
    if store.database.is_sqlite:
        store.units.free_all()
    well = True
    for unit in runner.units:
        well &= runner.run(unit, whenever=True)
    for _ in range(rounds):
        due = runner.due()
        if not due:
            break
        for unit in sorted(due):
            well &= runner.run(unit)
    return well
