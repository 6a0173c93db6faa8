"""An SFTP server on loopback for simulators that exchange files: asyncssh's own, locked into a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
from abc import abstractmethod
from pathlib import Path

import asyncssh

from connectors.simulation import LOOPBACK, Simulator, SimulatorClock

#: SFTP version 3 status codes (draft-ietf-secsh-filexfer-02, section 7), as the log shows them.
OK, FAILURE = 0, 4

#: What may go wrong at the door and with a file of ours.
FAULTS = {
    "refuse-connection": "operation connect: cut before a word is said",
    "auth": "operation auth: the log-in is refused",
    "cut-before-write": "operations write, rename: the connection dies, nothing was done",
    "cut-after-write": "operations write, rename: it is done, then the connection dies",
}


class Keeper(Simulator):
    """A simulator whose folder others may write into, and who looks after it in a life of its own.

    It lives on the clock: `live` does whatever is due at its instant; a thread calls it, unless it is
    not `autonomous`, and a test may call it itself.
    """

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        name: str,
        base: Path | None = None,
        username: str = "lockstep",
        password: str = "simulated",
        client_key: str = "",
        autonomous: bool = True,
    ) -> None:
        """`base` holds what is shown and what is not; None: a folder that goes with it."""
        super().__init__(clock=clock, seed=seed)
        self.name = name
        self.username, self.password = username, password
        #: the server's own public key, OpenSSH text, to be pinned
        self.host_key = ""
        self._temporary = base is None
        self._base = Path(tempfile.mkdtemp(prefix=f"partner-{name}-")) if base is None else base
        #: the folder that is shown, and the one that is out of everybody's reach
        self.root, self.processed = self._base / "sftp", self._base / "processed"
        self.processed.mkdir(parents=True, exist_ok=True)
        self._client_key = client_key
        self._autonomous = autonomous
        self._server = SftpServer(self)
        self._stopped = threading.Event()
        self._life: threading.Thread | None = None

    @abstractmethod
    def live(self) -> None:
        """Do everything that is due at the clock's instant."""

    def start(self, port: int = 0) -> None:
        self.host_key = self._server.start(port, authorized_key=self._client_key)
        self._stopped.clear()
        if self._autonomous:
            self._life = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._life.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._life:
            self._life.join(5)
        self._server.stop()
        self.stop_control()
        if self._temporary:
            shutil.rmtree(self._base, ignore_errors=True)

    @property
    def port(self) -> int:
        return self._server.port

    def _run(self) -> None:
        # Real time between two looks at the clock; what is due is decided by the clock alone.
        while not self._stopped.wait(0.05):
            self.live()


class SftpServer:
    """asyncssh's server in an event loop of its own."""

    def __init__(self, simulator: Keeper) -> None:
        self._simulator = simulator
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._key: asyncssh.SSHKey | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    @property
    def port(self) -> int:
        assert self._acceptor, "the simulator is not started"
        return self._acceptor.get_port()

    def start(self, port: int, *, authorized_key: str) -> str:
        # The key outlives a stop: a server that comes back is the same server.
        self._key = self._key or asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(port, authorized_key), self._loop)
        self._acceptor = listening.result(10)
        return self._key.export_public_key().decode().strip()

    async def _listen(self, port: int, authorized_key: str) -> asyncssh.SSHAcceptor:
        simulator, connections = self._simulator, self._connections
        assert self._key
        return await asyncssh.listen(
            LOOPBACK,
            port,
            server_host_keys=[self._key],
            server_factory=lambda: _Door(simulator, connections),
            authorized_client_keys=(
                asyncssh.import_authorized_keys(authorized_key) if authorized_key else None
            ),
            sftp_factory=lambda channel: _Folder(channel, simulator),
            sftp_version=3,
        )

    def stop(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        self._loop = self._thread = None

    async def _close(self) -> None:
        for connection in list(self._connections):
            connection.abort()
        if self._acceptor:
            self._acceptor.close()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._acceptor.wait_closed(), 2)


class _Door(asyncssh.SSHServer):
    """Who may come in."""

    def __init__(self, simulator: Keeper, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._simulator = simulator
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)
        rule = self._simulator.faults.strike("connect")
        refused = rule is not None and rule.kind == "refuse-connection"
        self._simulator.log.add(
            "connect",
            status=FAILURE if refused else OK,
            took_effect=False,
            fault=rule.kind if rule else "",
        )
        if refused:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        rule = self._simulator.faults.strike("auth")
        right = (username, password) == (self._simulator.username, self._simulator.password)
        granted = right and not (rule and rule.kind == "auth")
        self._simulator.log.add(
            "auth",
            subject=username,
            status=OK if granted else FAILURE,
            took_effect=False,
            fault=rule.kind if rule else "",
        )
        return granted


class _Folder(asyncssh.SFTPServer):
    """The simulator's root and nothing above it; the calls that matter are logged and may fail."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], simulator: Keeper) -> None:
        super().__init__(channel, chroot=os.fsencode(simulator.root))
        self._simulator = simulator
        self._writing: dict[int, str] = {}

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        writes = bool(pflags & asyncssh.FXF_WRITE)
        name = _name(path)
        rule = self._simulator.faults.strike("write") if writes else None
        if rule and rule.kind == "cut-before-write":
            self._cut("write", name, rule.kind, took_effect=False)
        file = super().open(path, pflags, attrs)
        if writes:
            self._writing[id(file)] = rule.kind if rule else ""
        else:
            self._simulator.log.add("read", subject=name, status=OK, took_effect=False)
        return file

    def close(self, file_obj: object) -> None:
        name = _name(os.fsencode(getattr(file_obj, "name", b"")))
        fault = self._writing.pop(id(file_obj), None)
        super().close(file_obj)
        if fault == "cut-after-write":
            self._cut("write", name, fault, took_effect=True)
        if fault is not None:
            self._simulator.log.add("write", subject=name, status=OK, took_effect=True, fault=fault)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        name = _name(newpath)
        rule = self._simulator.faults.strike("rename")
        fault = rule.kind if rule else ""
        if fault == "cut-before-write":
            self._cut("rename", name, fault, took_effect=False)
        try:
            # Under the supplier's own lock: it never sees a file in two places.
            with self._simulator.lock:
                super().rename(oldpath, newpath)
        except (OSError, asyncssh.SFTPError):
            self._simulator.log.add("rename", subject=name, status=FAILURE, took_effect=False)
            # What a version 3 server says: one code for everything but a missing file.
            raise
        if fault == "cut-after-write":
            self._cut("rename", name, fault, took_effect=True)
        self._simulator.log.add("rename", subject=name, status=OK, took_effect=True, fault=fault)

    def _cut(self, operation: str, name: str, fault: str, *, took_effect: bool) -> None:
        self._simulator.log.add(
            operation, subject=name, status=FAILURE, took_effect=took_effect, fault=fault
        )
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")


def _name(path: bytes) -> str:
    return os.fsdecode(path).rsplit("/", 1)[-1]
