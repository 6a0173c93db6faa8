"""A process that runs some units and is killed at its nth step, as kill -9 would: at once, anywhere.

A step is a commit, or a side of a call that writes to a remote. Dying before a commit is dying
after whatever stood before it, so every moment that anything outside can tell apart is one of them.
Commits of nothing but a claim or a rate limit are none: they say nothing of what was done.

Started once (`python -m tests.e2e.dying`), it forks for each line on its standard input: the path of
a configuration, the clock, the step to die at, and the units. It answers with a line: `killed`, or
`done N` with the number of steps there were.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from connectors.amazon.connector import Amazon
from connectors.folders.outbox import Outbox
from connectors.fulfiller.connector import Fulfiller
from connectors.shopify.client import Client as Shopify
from connectors.supplier_email.connector import SupplierEmail
from jobs import log
from jobs.bootstrap import build
from jobs.clock import CLOCK_VARIABLE
from jobs.runner import Runner


class Death:
    """Counts steps, and comes at the one it was told."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.steps = 0

    def step(self, *_: Any) -> None:
        self.steps += 1
        if self.steps == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type, name: str, *, writes: Callable[..., bool]) -> None:
        """Both sides of a method of a connector."""
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not writes(*args, **kwargs):
                return real(*args, **kwargs)
            self.step()
            answer = real(*args, **kwargs)
            self.step()
            return answer

        setattr(owner, name, call)


def always(*_: Any, **__: Any) -> bool:
    return True


def _note(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    words = statement.split(None, 3)
    if words[0].upper() not in ("INSERT", "UPDATE", "DELETE"):
        return
    table = words[1] if words[0].upper() == "UPDATE" else words[2]
    if table.strip('"') not in ("lease", "unit", "rate_bucket"):
        connection.info["told"] = True


def _commit(death: Death, connection: Connection) -> None:
    if connection.info.pop("told", False):
        death.step()


def work(path: str, at: int, units: list[str]) -> int:
    """Run the units in turn; the number of steps there were."""
    death = Death(at)
    app = build(Path(path), environment=dict(os.environ))
    for owner, name in (
        (Outbox, "stage"), (Outbox, "release"), (Shopify, "write"), (Fulfiller, "submit_request"),
        (Fulfiller, "cancel_request"), (SupplierEmail, "submit_purchase"),
        (SupplierEmail, "mail_request"),
        (Amazon, "submit_request"), (Amazon, "cancel_request"),
    ):  # fmt: skip
        death.around(owner, name, writes=always)
    event.listen(app.store.database.engine, "before_cursor_execute", _note)
    event.listen(app.store.database.engine, "commit", lambda connection: _commit(death, connection))
    runner = Runner(app.store, app.wiring, log.get())
    for unit in units:
        runner.run(unit, whenever=True)
    app.close()
    return death.steps


def main() -> None:
    warm = False
    for line in sys.stdin:
        path, clock, at, *units = line.split()
        os.environ[CLOCK_VARIABLE] = clock
        if not warm:
            # What is imported, and compiled of a configuration, is so once and not in every child.
            build(Path(path), environment=dict(os.environ)).close()
            warm = True
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            steps = work(path, int(at), units)
            os.write(writing, str(steps).encode())
            os._exit(0)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        steps_told = os.read(reading, 20).decode()
        os.close(reading)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else f"done {steps_told or '?'}", flush=True)


if __name__ == "__main__":
    main()
