"""A process that runs units and is killed at a step of theirs."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import update

from jobs.store.tables import lease
from tests.e2e.house import ROOT, House, environment


class Mortal:
    """Runs units in a process of its own, to be killed at a step. See tests/e2e/dying.py."""

    def __init__(self, shop: House) -> None:
        self._shop = shop
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.dying"],
            cwd=ROOT,
            env=environment(None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, at: int, units: list[str]) -> bool:
        """False: it came to the end before that step."""
        assert self._process.stdin
        assert self._process.stdout
        words = [str(self._shop.path), str(self._shop.clock.scale), str(at), *units]
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        answer = ""
        # Units may print log lines to the same pipe.
        while not answer.startswith(("killed", "done")):
            answer = self._process.stdout.readline()
            assert answer, "the drill's process died itself"
        assert answer.strip() != "done ?"
        # Leases run out by the machine's clock, which no test waits for.
        with self._shop.app.store.database.write() as connection:
            connection.execute(update(lease).values(owner=None, until=None))
        return answer.startswith("killed")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
