"""What the transports over a server's folders have in common: paths below its root, and their errors."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TypeVar

from connectors.folders.transport import one_component
from core.errors import Rejected, Unavailable, UnknownOutcome

T = TypeVar("T")


class Folders:
    """Paths on the server of one connection, and errors that name it."""

    def __init__(self, root: str, *, connector: str) -> None:
        self._root = root
        self._connector = connector

    def _folder(self, folder: str) -> str:
        return posixpath.join(self._root, folder)

    def _file(self, folder: str, name: str) -> str:
        """Raises Rejected where the name would leave the folder: it came from the other side."""
        if not one_component(name):
            raise self._bad_name(folder, name)
        return posixpath.join(self._folder(folder), name)

    def _bad_name(self, folder: str, name: str) -> Rejected:
        return self._rejected(f"open {folder}", f"{name!r} is no file name", code="bad-name")

    def _again(self, call: Callable[[], T], *, kept: bool) -> T:
        """A call that may be repeated: once more at once when a connection kept open had died."""
        try:
            return call()
        except Unavailable:
            if not kept:
                raise
            return call()

    def _check_renamed(self, operation: str, *, left: Callable[[], bool]) -> None:
        """Raises UnknownOutcome unless the old name is seen to be gone; `left` looks for it."""
        try:
            still = left()
        except Unavailable:
            raise self._unknown(operation, "renamed, and lost before it could be seen") from None
        if still:
            raise self._unknown(operation, "the server said yes, and the old name is still there")

    def _rejected(self, operation: str, words: str, *, code: str) -> Rejected:
        return Rejected(words, connector=self._connector, operation=operation, code=code)

    def _unknown(self, operation: str, words: str) -> UnknownOutcome:
        return UnknownOutcome(words, connector=self._connector, operation=operation)

    def _lost(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self._connector, operation=operation)
