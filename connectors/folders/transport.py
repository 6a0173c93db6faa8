"""A folder far or near: list, read, write, rename without overwriting. Nothing else is ever done.

Names that come from the remote never leave the configured root: a name is one path component, and
only regular files are seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome

#: linux/fcntl.h, linux/fs.h
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file as its folder shows it."""

    name: str
    #: bytes
    size: int
    #: last change, nanoseconds since the epoch (SFTP v3 tells whole seconds)
    mtime_ns: int


class Transport(Protocol):
    """One root with folders. `folder` is from the settings, `name` may be foreign text.

    Every method raises Unauthorized, Unavailable, or Rejected with code "no-such-folder",
    "no-such-file", "exists", "bad-name"; `rename` raises UnknownOutcome when the answer was lost.
    """

    def entries(self, folder: str) -> list[Entry]:
        """The regular files of a folder, in no order."""

    def read(self, folder: str, name: str) -> bytes:
        """A file of our own, which is small."""

    def fetch(self, folder: str, name: str, into: BinaryIO) -> None:
        """Copy a file of theirs piece by piece."""

    def write(self, folder: str, name: str, content: bytes) -> None:
        """Create or replace a file of our own. May be repeated freely."""

    def rename(self, folder: str, old: str, new: str) -> None:
        """Give a file its final name; Rejected "exists" where that name is taken."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """One whole file out of a place that has no folders."""

    #: what it is called, as text that may stand anywhere
    name: str
    changed_at: datetime
    #: sha256 of its bytes, hexadecimal
    digest: str
    #: the place in the walk after it
    cursor: str
    #: None: there is nothing to read; `refused` says why, or is "" where only the place is new
    body: BinaryIO | None
    refused: str = ""


class Deliveries(Protocol):
    """A place that hands out whole files, and that nothing can be written to."""

    def arrivals(
        self, folder: str, pattern: str, *, since: str | None, now: datetime
    ) -> Iterator[Arrival]:
        """What is new since the cursor. Raises Unauthorized, Unavailable, RateLimited, Rejected."""

    def look(self, folder: str) -> str:
        """What is there, in a word or two, for whoever checks the connection."""

    def close(self) -> None: ...


def spooled() -> BinaryIO:
    """A file without a name on our disk: what comes in must not be held in memory."""
    return cast(BinaryIO, tempfile.TemporaryFile(prefix="lockstep-feed-"))


def digest_of(body: BinaryIO) -> str:
    """sha256 of all of it, hexadecimal."""
    digest = hashlib.sha256()
    body.seek(0)
    while piece := body.read(1 << 18):
        digest.update(piece)
    return digest.hexdigest()


def one_component(name: str) -> bool:
    """Whether a name stays in its folder on any system we may run on."""
    return name not in ("", ".", "..") and not any(mark in name for mark in "/\\\0")


class LocalTransport:
    """A folder of this machine."""

    def __init__(self, root: Path, *, connector: str) -> None:
        self._root = root
        self._connector = connector

    def entries(self, folder: str) -> list[Entry]:
        found = []
        with self._errors(f"list {folder}", missing="no-such-folder"):
            for item in os.scandir(self._folder(folder)):
                with contextlib.suppress(FileNotFoundError):  # taken away while we looked
                    facts = item.stat(follow_symlinks=False)
                    # A symbolic link could point out of the root: it is no regular file.
                    if stat.S_ISREG(facts.st_mode):
                        found.append(Entry(item.name, facts.st_size, facts.st_mtime_ns))
        return found

    def read(self, folder: str, name: str) -> bytes:
        with self._errors(f"read {folder}"), self._opened(folder, name) as file:
            return file.read()

    def fetch(self, folder: str, name: str, into: BinaryIO) -> None:
        with self._errors(f"read {folder}"), self._opened(folder, name) as file:
            shutil.copyfileobj(file, into, 1 << 20)

    def _opened(self, folder: str, name: str) -> BinaryIO:
        path = self._file(folder, name)
        return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")

    def write(self, folder: str, name: str, content: bytes) -> None:
        with self._errors(f"write {folder}", missing="no-such-folder"):
            path = self._file(folder, name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

    def rename(self, folder: str, old: str, new: str) -> None:
        with self._errors(f"rename {folder}"):
            source, target = self._file(folder, old), self._file(folder, new)
            _rename_to_free_name(source, target)
            _fsync_folder(source.parent)

    def close(self) -> None:
        """Nothing is held open."""

    def _folder(self, folder: str) -> Path:
        root = self._root.resolve()
        path = (root / folder).resolve()
        if not path.is_relative_to(root):
            raise self._rejected(f"list {folder}", "leads out of the root", code="bad-name")
        return path

    def _file(self, folder: str, name: str) -> Path:
        if not one_component(name):
            raise self._rejected(f"open {folder}", f"{name!r} is no file name", code="bad-name")
        return self._folder(folder) / name

    def _rejected(self, operation: str, words: str, *, code: str) -> Rejected:
        return Rejected(words, connector=self._connector, operation=operation, code=code)

    @contextlib.contextmanager
    def _errors(self, operation: str, *, missing: str = "no-such-file") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise self._rejected(operation, missing.replace("-", " "), code=missing) from None
        except NotADirectoryError:
            raise self._rejected(operation, "no such folder", code="no-such-folder") from None
        except FileExistsError:
            raise self._rejected(operation, "the name is taken", code="exists") from None
        except PermissionError:
            raise Unauthorized(
                "permission denied",
                connector=self._connector,
                operation=operation,
                missing=operation,
            ) from None
        except OSError as error:
            # A network mount that lost the answer may have renamed.
            lost = UnknownOutcome if operation.startswith("rename") else Unavailable
            raise lost(
                error.strerror or type(error).__name__,
                connector=self._connector,
                operation=operation,
            ) from None


def _rename_to_free_name(source: Path, target: Path) -> None:
    """One step, or FileExistsError. Never link and unlink: killed between the two, a request
    would keep its staging name after it was picked up, and recovery would hand it over again."""
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        at, names = _AT_FDCWD, (os.fsencode(source), os.fsencode(target))
        if renameat2(at, names[0], at, names[1], _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise OSError(code, os.strerror(code))
    # A file system without the flag (NFS, some mounts). Only we write this name.
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    source.rename(target)


def _fsync_folder(folder: Path) -> None:
    """A rename outlives a power cut only once its folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
