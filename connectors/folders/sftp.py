"""The SFTP transport: asyncssh in an event loop of its own, behind plain blocking calls.

asyncssh 2.24 (https://asyncssh.readthedocs.io); SFTP version 3, draft-ietf-secsh-filexfer-02.
"""

from __future__ import annotations

import asyncio
import contextlib
import stat
import threading
from collections.abc import Awaitable, Callable
from typing import BinaryIO, TypeVar

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_REGULAR
from asyncssh.public_key import get_default_public_key_algs

from connectors.folders.paths import Folders
from connectors.folders.places import Sftp
from connectors.folders.transport import Entry
from core.errors import ConnectorError, Rejected, Unauthorized, Unavailable

T = TypeVar("T")

#: Bytes asked for at once; the library asks for the parts of it side by side.
_PIECE = 4 << 20

#: What tells that the connection is gone, and with it the answer to the call.
_LOST = (
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    ConnectionError,
    TimeoutError,
    asyncio.IncompleteReadError,
    OSError,
)


class _PinnedKey(asyncssh.SSHClient):
    """Accepts one host key; remembers the one it was shown."""

    def __init__(self, pinned: asyncssh.SSHKey) -> None:
        self._pinned = pinned
        self.shown: str = ""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.shown = key.get_fingerprint()
        return key.public_data == self._pinned.public_data


class SftpTransport(Folders):
    """One connection, made at the first call and again after it was lost."""

    def __init__(self, settings: Sftp, *, connector: str) -> None:
        super().__init__(settings.root, connector=connector)
        self._settings = settings
        self._start = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connecting = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    # what the connector asks for

    def entries(self, folder: str) -> list[Entry]:
        async def run(client: asyncssh.SFTPClient) -> list[Entry]:
            return [
                Entry(_text(item.filename), item.attrs.size or 0, _mtime_ns(item.attrs))
                async for item in client.scandir(self._folder(folder))
                if _is_regular(item.attrs)
            ]

        return self._read(run, f"list {folder}", missing="no-such-folder")

    def read(self, folder: str, name: str) -> bytes:
        async def run(client: asyncssh.SFTPClient) -> bytes:
            async with client.open(self._file(folder, name), "rb") as file:
                content: str | bytes = await file.read()
                assert isinstance(content, bytes)  # opened without an encoding
                return content

        return self._read(run, f"read {folder}")

    def fetch(self, folder: str, name: str, into: BinaryIO) -> None:
        async def run(client: asyncssh.SFTPClient) -> None:
            into.seek(0)
            into.truncate()
            async with client.open(self._file(folder, name), "rb") as file:
                while piece := await file.read(_PIECE):
                    assert isinstance(piece, bytes)  # opened without an encoding
                    into.write(piece)

        self._read(run, f"read {folder}")

    def write(self, folder: str, name: str, content: bytes) -> None:
        async def run(client: asyncssh.SFTPClient) -> None:
            path = self._file(folder, name)
            async with client.open(path, "wb") as file:
                await file.write(content)
            size = (await client.stat(path)).size
            if size != len(content):
                raise self._lost(f"write {folder}", f"{size} of {len(content)} bytes arrived")

        # Replacing our own staging file again does no harm: a lost answer is no doubt.
        self._read(run, f"write {folder}", missing="no-such-folder")

    def rename(self, folder: str, old: str, new: str) -> None:
        operation = f"rename {folder}"
        source, target = self._file(folder, old), self._file(folder, new)
        if self._read(lambda client: client.exists(target), operation):
            # Version 3 servers differ: some overwrite what they should refuse.
            raise self._rejected(operation, "the name is taken", code="exists")

        self._rename(operation, source, target)
        self._check_renamed(
            operation, left=lambda: self._read(lambda client: client.exists(source), operation)
        )

    def close(self) -> None:
        with self._start:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._drop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        if not thread.is_alive():
            # Left to the garbage collector at exit, it complains on stderr with a traceback.
            loop.close()

    # one call

    def _read(
        self,
        run: Callable[[asyncssh.SFTPClient], Awaitable[T]],
        operation: str,
        *,
        missing: str = "no-such-file",
    ) -> T:
        return self._again(
            lambda: self._call(run, operation, missing=missing), kept=self._client is not None
        )

    def _rename(self, operation: str, source: str, target: str) -> None:
        sent = False

        async def run(client: asyncssh.SFTPClient) -> None:
            nonlocal sent
            sent = True
            # Plain SSH_FXP_RENAME. Never posix_rename, which replaces the target.
            await client.rename(source, target)

        try:
            self._call(run, operation)
        except Unavailable:
            if not sent:
                raise
            raise self._unknown(operation, "the answer was lost") from None
        except Rejected as error:
            if error.code != "refused":
                raise
            # Version 3 has one code for every failure: look what it was.
            if self._read(lambda client: client.exists(target), operation):
                raise self._rejected(operation, "the name is taken", code="exists") from None
            if not self._read(lambda client: client.exists(source), operation):
                raise self._rejected(operation, "no such file", code="no-such-file") from None
            raise

    def _call(
        self,
        run: Callable[[asyncssh.SFTPClient], Awaitable[T]],
        operation: str,
        *,
        missing: str = "no-such-file",
    ) -> T:
        async def whole() -> T:
            client = await self._connected(operation)
            try:
                async with asyncio.timeout(self._settings.call_timeout):
                    return await run(client)
            except _LOST as error:
                # Not the one another thread may have made meanwhile.
                if self._client is client:
                    await self._drop()
                raise self._lost(operation, type(error).__name__) from None
            except asyncssh.SFTPError as error:
                raise self._refused(error, operation, missing=missing) from None

        return asyncio.run_coroutine_threadsafe(whole(), self._running()).result()

    def _refused(
        self, error: asyncssh.SFTPError, operation: str, *, missing: str
    ) -> ConnectorError:
        if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
            return self._rejected(operation, missing.replace("-", " "), code=missing)
        if isinstance(error, asyncssh.SFTPFileAlreadyExists):
            return self._rejected(operation, "the name is taken", code="exists")
        if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
            return Unauthorized(
                "permission denied",
                connector=self._connector,
                operation=operation,
                missing=operation,
            )
        if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
            return self._lost(operation, "the server's disk is full")
        return self._rejected(operation, error.reason or type(error).__name__, code="refused")

    # the connection

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._start:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=f"sftp {self._connector}", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _connected(self, operation: str) -> asyncssh.SFTPClient:
        async with self._connecting:
            if self._client is None or self._connection is None or self._connection.is_closed():
                await self._drop()
                self._connection, self._client = await self._connect(operation)
            return self._client

    async def _connect(
        self, operation: str
    ) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        pinned, ours = self._keys(operation)
        witness = _PinnedKey(pinned)
        connection: asyncssh.SSHClientConnection | None = None
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                connection = await asyncssh.connect(
                    self._settings.host,
                    self._settings.port,
                    # No file and no agent of this machine has a say: settings are all there is.
                    config=[],
                    agent_path=None,
                    gss_host=None,
                    client_keys=ours,
                    username=self._settings.username,
                    password=_reveal(self._settings.password),
                    # Nobody is trusted beforehand: the callback decides, and sees what was shown.
                    known_hosts=([], [], []),
                    server_host_key_algs=_algorithms(pinned),
                    client_factory=lambda: witness,
                    keepalive_interval=15,
                )
                client = await connection.start_sftp_client(
                    path_errors="surrogateescape", sftp_version=3
                )
        except asyncssh.HostKeyNotVerifiable:
            raise Unauthorized(
                f"the server shows host key {witness.shown}, pinned is {pinned.get_fingerprint()}",
                connector=self._connector,
                operation=operation,
                missing="host_key",
            ) from None
        except asyncssh.PermissionDenied:
            raise Unauthorized(
                f"log-in refused for {self._settings.username}",
                connector=self._connector,
                operation=operation,
            ) from None
        except (*_LOST, asyncssh.Error, asyncssh.SFTPError) as error:
            if connection is not None:
                connection.abort()
            raise self._lost(operation, f"no connection: {type(error).__name__}") from None
        return connection, client

    def _keys(self, operation: str) -> tuple[asyncssh.SSHKey, list[asyncssh.SSHKey] | None]:
        try:
            pinned = asyncssh.import_public_key(self._settings.host_key)
            text = _reveal(self._settings.private_key)
            return pinned, [asyncssh.import_private_key(text)] if text else None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            # The library's words never quote the key itself.
            raise Unauthorized(
                f"a key in the settings cannot be read: {type(error).__name__}",
                connector=self._connector,
                operation=operation,
            ) from None

    async def _drop(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.wait_closed(), 2)


def _reveal(secret: object) -> str | None:
    return secret.get_secret_value() if hasattr(secret, "get_secret_value") else None


def _algorithms(key: asyncssh.SSHKey) -> list[str]:
    """How a server may prove who it is: with the pinned kind of key if it has one (an RSA key signs
    in several ways), else with any, so that a wrong key is shown instead of a connection cut."""
    wanted = [name for name in key.sig_algorithms if name != b"ssh-rsa"]
    names = dict.fromkeys([*wanted, *get_default_public_key_algs()])
    return [name.decode("ascii") for name in names]


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name


def _mtime_ns(attrs: asyncssh.SFTPAttrs) -> int:
    return int(attrs.mtime or 0) * 1_000_000_000 + int(attrs.mtime_ns or 0)


def _is_regular(attrs: asyncssh.SFTPAttrs) -> bool:
    if attrs.permissions is not None:
        return stat.S_ISREG(attrs.permissions)
    return bool(attrs.type == FILEXFER_TYPE_REGULAR)
