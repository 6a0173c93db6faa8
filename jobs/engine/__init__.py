"""Engines carry hints, which may be lost or doubled, never truth.

`send` offers units to be run; `serve` runs what was sent until `stop` is set, then lets running
units finish. One line of YAML will swap them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol


class Engine(Protocol):
    def send(self, unit_ids: Sequence[str]) -> None:
        """A hint that these units are due."""

    def serve(self, stop: threading.Event) -> None:
        """Run hints until `stop`, then drain."""
