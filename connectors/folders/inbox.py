"""A folder that a partner puts files into: read, never moved or deleted. What was taken is the cursor."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from connectors.folders.cursor import Walk
from connectors.folders.transport import (
    Arrival,
    Entry,
    Transport,
    digest_of,
    one_component,
    spooled,
)
from core.errors import Rejected

#: Names that uploading programs give to what is not whole yet.
_UNFINISHED = (".part", ".filepart", ".tmp", ".partial")


class Inbox:
    """The folders of one server, as Deliveries."""

    def __init__(self, transport: Transport, *, stable_after: timedelta, largest: int) -> None:
        self._transport = transport
        self._stable_after = stable_after
        #: bytes; a larger file is not read
        self._largest = largest

    def arrivals(
        self, folder: str, pattern: str, *, since: str | None, now: datetime
    ) -> Iterator[Arrival]:
        """Files that two looks found unchanged and whose bytes are new, oldest change first."""
        walk = Walk.of(since)
        entries = [one for one in self._transport.entries(folder) if _wanted(one, pattern)]
        for entry in walk.look(entries, now=now, stable_after=self._stable_after):
            if found := self._take(walk, folder, entry):
                yield found
        walk.forget(entry.name for entry in entries)
        yield Arrival("", now, "", walk.cursor(), None)

    def look(self, folder: str) -> str:
        count = len(self._transport.entries(folder))
        return f"{count} file{'s' if count != 1 else ''}"

    def close(self) -> None:
        """The transport is its owner's."""

    def _take(self, walk: Walk, folder: str, entry: Entry) -> Arrival | None:
        changed_at = datetime.fromtimestamp(entry.mtime_ns / 1e9, UTC)
        refused = self._refused(entry)
        if refused:
            walk.take(entry, digest="")
            return Arrival(_shown(entry.name), changed_at, "", walk.cursor(), None, refused)
        body = spooled()
        try:
            digest = self._fetched(walk, folder, entry, body)
        except BaseException:
            body.close()
            raise
        if not digest:
            body.close()
            return None
        return Arrival(_shown(entry.name), changed_at, digest, walk.cursor(), body)

    def _refused(self, entry: Entry) -> str:
        if not one_component(entry.name):
            return "its name leads out of its folder: it is not read"
        if entry.size > self._largest:
            return f"{entry.size} bytes; the largest that is read has {self._largest}"
        return ""

    def _fetched(self, walk: Walk, folder: str, entry: Entry, body: BinaryIO) -> str:
        """The digest of what was copied; "" where it is not to be read (now)."""
        try:
            self._transport.fetch(folder, entry.name, body)
        except Rejected as error:
            if error.code != "no-such-file":
                raise
            walk.grew(entry)  # its owner took it away between two looks
            return ""
        if body.tell() != entry.size:
            walk.grew(entry)
            return ""
        digest = digest_of(body)
        # Touched, not changed: it is not read again.
        return digest if walk.take(entry, digest=digest) else ""


def _wanted(entry: Entry, pattern: str) -> bool:
    return fnmatch.fnmatchcase(entry.name, pattern) and (
        not entry.name.lower().endswith(_UNFINISHED)
    )


def _shown(name: str) -> str:
    """A file name as text that any table or mail can hold (GBK names arrive as odd bytes)."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
