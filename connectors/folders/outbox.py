"""A folder that a partner takes our files from: staged, then handed over by a rename.

`KEY.part` is renamed to `KEY` with its suffix, never over an existing name; nothing else is done.
What only goes along with such a file is staged under a name of its own.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from connectors.folders.transport import Transport, one_component
from core.errors import ConnectorError, Rejected
from core.ports import Handover, Key, RemoteRef

#: Bytes: what most file systems allow, less the suffix and the room OpenSSH's link needs.
_LONGEST_STEM = 240


class Outbox:
    """One folder. See core.ports.RequestTarget for what the three steps promise."""

    def __init__(
        self,
        transport: Transport,
        folder: str,
        *,
        suffix: str,
        connector: str,
        staging: str = ".part",
    ) -> None:
        self._transport = transport
        self._folder = folder
        self._suffix, self._staging = suffix, staging
        self._connector = connector

    def stage(self, key: Key, document: bytes) -> None:
        """Upload under the staging name, replacing what an earlier attempt left there."""
        self._transport.write(self._folder, f"{self._stem(key)}{self._staging}", document)

    def release(self, key: Key) -> RemoteRef:
        """The final name. Raises Rejected "exists" or "no-such-file", UnknownOutcome."""
        stem = self._stem(key)
        final = f"{stem}{self._suffix}"
        self._transport.rename(self._folder, f"{stem}{self._staging}", final)
        return final

    def release_beside(self, key: Key) -> None:
        """As `release`, for what goes along with another file. May be repeated: one that is gone
        went before, and one that lies there from an earlier attempt is written over."""
        try:
            self.release(key)
        except Rejected as error:
            if error.code == "exists" and (content := self.staged(key)) is not None:
                self._transport.write(self._folder, f"{self._stem(key)}{self._suffix}", content)
            elif error.code not in ("exists", "no-such-file"):
                raise

    def staged(self, key: Key) -> bytes | None:
        """What lies there under the staging name; None: nothing."""
        return self._content(f"{self._stem(key)}{self._staging}")

    def find(self, key: Key, document: bytes) -> Handover:
        """Where it is; ABSENT after `staged` was committed means handed over."""
        stem = self._stem(key)
        part, final = f"{stem}{self._staging}", f"{stem}{self._suffix}"
        # Listed first: a folder that is gone must never look like "handed over".
        staged = self._content(part) if part in self._names() else None
        if staged is not None and part not in self._names():
            staged = None  # renamed while we looked
        delivered = self._content(final)
        if delivered is not None:
            whole = staged is None and delivered == document
            return Handover.DELIVERED if whole else Handover.DOUBT
        if staged is None:
            return Handover.ABSENT
        return Handover.STAGED if staged == document else Handover.PARTIAL

    def _stem(self, key: Key) -> str:
        stem = file_name(key)
        if len(stem) > _LONGEST_STEM or not one_component(stem):
            raise Rejected(
                f"{key!r} is too long or empty for a file name",
                connector=self._connector,
                operation="name request",
                code="bad-name",
            )
        return stem

    def _content(self, name: str) -> bytes | None:
        try:
            return self._transport.read(self._folder, name)
        except ConnectorError as error:
            if isinstance(error, Rejected) and error.code == "no-such-file":
                return None
            raise

    def _names(self) -> set[str]:
        return {entry.name for entry in self._transport.entries(self._folder)}


def file_name(key: str) -> str:
    """A key as the stem of a file name, reversibly: what is not [A-Za-z0-9_-.~] is %XX."""
    stem = quote(key, safe="")
    return f"%2E{stem[1:]}" if stem.startswith(".") else stem


def key_of(stem: str) -> str:
    """The key that `file_name` made this stem of."""
    return unquote(stem)
