"""The FTPS transport: ftplib over verified TLS, commands and contents alike.

RFC 959, RFC 3659 (MLSD, SIZE, MDTM), RFC 4217 (AUTH TLS, PROT P). One connection, made at the first
call and again after it was lost; one call at a time, as FTP has it.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import posixpath
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO, TypeVar

from connectors.folders.paths import Folders
from connectors.folders.places import Ftps
from connectors.folders.transport import Entry
from core.errors import ConnectorError, Unauthorized, Unavailable

T = TypeVar("T")

_PIECE = 1 << 18
#: The server does not know the command, or not with these words.
_UNKNOWN_COMMAND = ("500", "501", "502", "504")


class _Client(ftplib.FTP_TLS):
    """Each data connection goes on with the TLS session of the control connection: vsftpd, ProFTPD
    and FileZilla demand it by default, and ftplib does not do it."""

    def __init__(self, *, context: ssl.SSLContext, timeout: float, implicit: bool) -> None:
        super().__init__(context=context, timeout=timeout, encoding="utf-8")
        self._implicit = implicit

    def connect(
        self,
        host: str = "",
        port: int = 0,
        timeout: float = -999,
        source_address: tuple[str, int] | None = None,
    ) -> str:
        if not self._implicit:
            return super().connect(host, port, timeout, source_address)
        self.host, self.port = host, port
        plain = socket.create_connection((host, port), self.timeout)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            return self.context.wrap_socket(plain, server_hostname=self.host, session=session), size
        except BaseException:
            plain.close()
            raise

    def pull(self, command: str, into: BinaryIO) -> None:
        with self.transfercmd(command) as data:
            while piece := data.recv(_PIECE):
                into.write(piece)
            _farewell(data)
        self.voidresp()

    def push(self, command: str, content: bytes) -> None:
        with self.transfercmd(command) as data:
            data.sendall(content)
            _farewell(data)
        self.voidresp()


def _farewell(data: socket.socket) -> None:
    """Many servers cut instead of saying goodbye: whether all came through, sizes tell."""
    if isinstance(data, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            data.unwrap()


class FtpsTransport(Folders):
    """One connection, one call at a time."""

    def __init__(self, settings: Ftps, *, connector: str) -> None:
        super().__init__(settings.root, connector=connector)
        self._settings = settings
        self._lock = threading.Lock()
        self._client: _Client | None = None

    # what the connector asks for

    def entries(self, folder: str) -> list[Entry]:
        path = self._folder(folder)

        def run(client: _Client) -> list[Entry]:
            try:
                return [entry for line in _lines(client, f"MLSD {path}") if (entry := _fact(line))]
            except ftplib.error_perm as error:
                if str(error)[:3] not in _UNKNOWN_COMMAND:
                    raise
            return _one_by_one(client, path)

        return self._read(run, f"list {folder}", missing="no-such-folder")

    def read(self, folder: str, name: str) -> bytes:
        into = io.BytesIO()
        self.fetch(folder, name, into)
        return into.getvalue()

    def fetch(self, folder: str, name: str, into: BinaryIO) -> None:
        path = self._file(folder, name)

        def run(client: _Client) -> None:
            into.seek(0)
            into.truncate()
            client.pull(f"RETR {path}", into)

        self._read(run, f"read {folder}")

    def write(self, folder: str, name: str, content: bytes) -> None:
        path = self._file(folder, name)

        def run(client: _Client) -> None:
            client.push(f"STOR {path}", content)
            size = client.size(path)
            if size != len(content):
                raise self._lost(f"write {folder}", f"{size} of {len(content)} bytes arrived")

        # Replacing our own staging file again does no harm: a lost answer is no doubt.
        self._read(run, f"write {folder}", missing="no-such-folder")

    def rename(self, folder: str, old: str, new: str) -> None:
        operation = f"rename {folder}"
        source, target = self._file(folder, old), self._file(folder, new)
        if self._read(lambda client: _exists(client, target), operation):
            # RNTO overwrites on many servers.
            raise self._rejected(operation, "the name is taken", code="exists")
        sent = False

        def run(client: _Client) -> None:
            nonlocal sent
            client.sendcmd(f"RNFR {source}")
            sent = True
            client.voidcmd(f"RNTO {target}")

        try:
            self._call(run, operation)
        except Unavailable:
            if not sent:
                raise
            raise self._unknown(operation, "the answer was lost") from None
        self._check_renamed(
            operation, left=lambda: self._read(lambda client: _exists(client, source), operation)
        )

    def close(self) -> None:
        with self._lock:
            self._drop()

    # one call

    def _read(
        self, run: Callable[[_Client], T], operation: str, *, missing: str = "no-such-file"
    ) -> T:
        return self._again(
            lambda: self._call(run, operation, missing=missing), kept=self._client is not None
        )

    def _call(
        self, run: Callable[[_Client], T], operation: str, *, missing: str = "no-such-file"
    ) -> T:
        with self._lock:
            client = self._client or self._connect(operation)
            try:
                return run(client)
            except (ftplib.error_perm, ftplib.error_temp) as error:
                raise self._refused(error, operation, missing=missing) from None
            except (ftplib.Error, OSError, EOFError, UnicodeError, ValueError) as error:
                self._drop()
                raise self._lost(operation, type(error).__name__) from None
            except ConnectorError:
                self._drop()
                raise

    def _refused(self, error: ftplib.Error, operation: str, *, missing: str) -> ConnectorError:
        words = str(error)[:200]
        code = words[:3]
        if code == "530" or (code == "550" and "permission" in words.lower()):
            return Unauthorized(
                words, connector=self._connector, operation=operation, missing=operation
            )
        if code == "550":
            return self._rejected(operation, missing.replace("-", " "), code=missing)
        if code == "552" or code.startswith("4"):
            # Busy, full, or about to hang up: it may be better later.
            self._drop()
            return self._lost(operation, words)
        return self._rejected(operation, words, code="refused")

    # the connection

    def _connect(self, operation: str) -> _Client:
        told = self._settings
        try:
            context = ssl.create_default_context(cafile=told.ca_file)
            client = _Client(
                context=context, timeout=told.connect_timeout, implicit=told.tls == "implicit"
            )
        except OSError as error:
            raise Unauthorized(
                f"ca_file cannot be read: {error.strerror or error}",
                connector=self._connector, operation=operation, missing="ca_file",
            ) from None  # fmt: skip
        try:
            client.connect(told.host, told.real_port)
            # Without this the password would wait for nobody: login begins with AUTH TLS.
            client.login(told.username, told.password.get_secret_value())
            client.prot_p()
            # SIZE is refused in text mode, and a file of theirs is bytes.
            client.voidcmd("TYPE I")
        except ssl.SSLCertVerificationError as error:
            client.close()
            raise Unauthorized(
                f"nobody trusted vouches for the server: {error.verify_message}",
                connector=self._connector, operation=operation, missing="certificate",
            ) from None  # fmt: skip
        except ftplib.error_perm as error:
            client.close()
            if str(error)[:3] not in ("530", "430", "331", "332"):
                raise self._lost(operation, f"no connection: {str(error)[:100]}") from None
            raise Unauthorized(
                f"log-in refused for {told.username}",
                connector=self._connector,
                operation=operation,
            ) from None
        except (ftplib.Error, OSError, EOFError, ValueError) as error:
            client.close()
            raise self._lost(operation, f"no connection: {type(error).__name__}") from None
        assert client.sock is not None
        client.sock.settimeout(told.call_timeout)
        client.timeout = told.call_timeout
        self._client = client
        return client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    # paths and errors

    def _file(self, folder: str, name: str) -> str:
        # A line break would begin a command of its own.
        if not name.isprintable():
            raise self._bad_name(folder, name)
        return super()._file(folder, name)


def _lines(client: _Client, command: str) -> list[str]:
    into = io.BytesIO()
    client.pull(command, into)
    return into.getvalue().decode("utf-8", "surrogateescape").splitlines()


def _fact(line: str) -> Entry | None:
    """A regular file as MLSD tells it: `type=file;size=12;modify=20261124120000; name`."""
    facts, _, name = line.partition(" ")
    parts = (one.partition("=") for one in facts.split(";"))
    told = {key.lower(): value for key, _, value in parts}
    if told.get("type", "").lower() != "file" or not told.get("size", "").isdigit():
        return None
    at = _instant_ns(told.get("modify", ""))
    return None if at is None else Entry(name, int(told["size"]), at)


def _instant_ns(text: str) -> int | None:
    """YYYYMMDDHHMMSS with or without a fraction, in UTC (RFC 3659, 2.3)."""
    try:
        at = datetime.strptime(text.partition(".")[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 1_000_000_000


def _one_by_one(client: _Client, path: str) -> list[Entry]:
    """For servers without MLSD: names first, then what each of them is."""
    found = []
    for line in _lines(client, f"NLST {path}"):
        name = posixpath.basename(line)
        try:
            size = client.size(posixpath.join(path, name))
            told = client.sendcmd(f"MDTM {posixpath.join(path, name)}")
        except ftplib.error_perm:
            continue  # a folder, or gone meanwhile
        at = _instant_ns(told[4:].strip())
        if size is not None and at is not None:
            found.append(Entry(name, size, at))
    return found


def _exists(client: _Client, path: str) -> bool:
    try:
        client.size(path)
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            return False
        raise
    return True
