"""What will happen later: accepted is not applied. Everything due runs before the next answer."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

#: Called with the instant it was due, which may lie before the clock's now.
Happening = Callable[[datetime], None]


class Agenda:
    """Happenings in order of their instants; equal instants in the order they were entered."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Happening]] = []
        self._numbers = count()

    def at(self, instant: datetime, happening: Happening) -> None:
        heapq.heappush(self._entries, (instant, next(self._numbers), happening))

    def run_due(self, now: datetime) -> None:
        """Run what is due, and what that makes due."""
        while self._entries and self._entries[0][0] <= now:
            due, _, happening = heapq.heappop(self._entries)
            happening(due)

    def __len__(self) -> int:
        return len(self._entries)
