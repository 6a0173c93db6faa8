"""Where a walk over a folder stands: which files were taken, which were seen and may still grow.

JSON text: {"taken": {name: [size, mtime_ns, sha256]}, "seen": {name: [size, mtime_ns, instant]}}.
Pure: what a listing means for the cursor is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.folders.transport import Entry
from core.ports import Cursor

#: Files that are gone from the folder are remembered this many long: a mount that shows nothing
#: for a while must not make every file new again.
REMEMBERED = 5_000


@dataclass
class Walk:
    #: name -> (size, mtime_ns, sha256), in the order they were taken
    taken: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    #: name -> (size, mtime_ns, instant of the first look that saw exactly this)
    seen: dict[str, tuple[int, int, datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None) -> Walk:
        if cursor is None:
            return cls()
        stored = json.loads(cursor)
        return cls(
            {name: (size, at, digest) for name, (size, at, digest) in stored["taken"].items()},
            {
                name: (size, at, datetime.fromisoformat(first))
                for name, (size, at, first) in stored["seen"].items()
            },
        )

    def cursor(self) -> Cursor:
        seen = {n: (size, at, first.isoformat()) for n, (size, at, first) in self.seen.items()}
        return json.dumps({"taken": self.taken, "seen": seen}, separators=(",", ":"))

    def look(
        self, entries: Iterable[Entry], *, now: datetime, stable_after: timedelta
    ) -> list[Entry]:
        """Note what is there; return the files to read now, oldest change first.

        A file is read when two looks at least `stable_after` apart found the same size and time
        of change: one that is still being written is not.
        """
        ready, seen = [], {}
        for entry in entries:
            taken = self.taken.get(entry.name)
            if taken and taken[:2] == (entry.size, entry.mtime_ns):
                continue
            before = self.seen.get(entry.name)
            if before is None or before[:2] != (entry.size, entry.mtime_ns):
                seen[entry.name] = (entry.size, entry.mtime_ns, now)
                continue
            seen[entry.name] = before
            if now - before[2] >= stable_after:
                ready.append(entry)
        # What is no longer there, or changed, starts anew when it is seen again.
        self.seen = seen
        return sorted(ready, key=lambda entry: (entry.mtime_ns, entry.name))

    def take(self, entry: Entry, *, digest: str) -> bool:
        """Note that this file was read; False where these very bytes were taken under this name."""
        known = self.taken.pop(entry.name, None)
        self.taken[entry.name] = (entry.size, entry.mtime_ns, digest)
        self.seen.pop(entry.name, None)
        return known is None or known[2] != digest

    def forget(self, present: Iterable[str]) -> None:
        """Drop the oldest of those that left the folder, beyond REMEMBERED."""
        there = set(present)
        gone = [name for name in self.taken if name not in there]
        for name in gone[: max(0, len(gone) - REMEMBERED)]:
            del self.taken[name]

    def grew(self, entry: Entry) -> None:
        """It changed while it was read: the next look begins anew."""
        self.seen.pop(entry.name, None)
