"""Opening the database, and the one way to write to it.

SQLite: WAL, synchronous=FULL (a power cut must not undo `sending`), foreign keys, BEGIN IMMEDIATE
for writers, and one write lock per database file: a thread lock plus an flock around each write
transaction, shared by the daemon and the command line. pysqlite's default transaction handling
lost 76 % of concurrent updates when it was measured. Readers are never blocked.
PostgreSQL: psycopg 3, READ COMMITTED, time-outs on locks and idle transactions.

No network call is made inside a transaction, ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import QueuePool
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from core.errors import ConfigError, LockstepError

#: Below this SQLite may corrupt a WAL database when two connections checkpoint at once; our write
#: lock keeps us clear of it. `lockstep check` tells the version.
SAFE_SQLITE = (3, 51, 3)


#: A second daemon looks this often, so many real seconds apart, before it gives up.
LOOKS, LOOK = 5, 0.05


class Busy(LockstepError):
    """Another Lockstep daemon already works on this database."""


class Database:
    """One database, with its write lock. Nothing is opened before first use."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._write_lock = threading.Lock()
        self._daemon_lock: int | None = None
        if self.is_sqlite:
            if not self.url.database or self.url.database == ":memory:":
                raise ConfigError("store.url: SQLite needs a file: sqlite:///data/lockstep.db")
            self.path: Path | None = Path(self.url.database)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.engine = self._sqlite()
        else:
            self.path = None
            self.engine = self._postgresql()

    def _sqlite(self) -> Engine:
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=16,
            max_overflow=16,
            connect_args={"timeout": 30, "check_same_thread": False, "isolation_level": None},
        )

        @event.listens_for(engine, "connect")
        def configure(connection: sqlite3.Connection, record: Any) -> None:
            _switch_to_wal(connection)
            for pragma in (
                "synchronous=FULL",
                "foreign_keys=ON",
                "busy_timeout=30000",
                "cache_size=-16000",
                "temp_store=MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            writing = connection.get_execution_options().get("writing", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

        return engine

    def _postgresql(self) -> Engine:
        options = "-c lock_timeout=30000 -c idle_in_transaction_session_timeout=120000"
        return create_engine(
            self.url, pool_size=16, max_overflow=16, pool_pre_ping=True,
            connect_args={"options": options},
        )  # fmt: skip

    def described(self) -> str:
        """What it is and which version, for `lockstep check`."""
        if self.is_sqlite:
            old = sqlite3.sqlite_version_info < SAFE_SQLITE
            safe = ".".join(map(str, SAFE_SQLITE))
            note = f", older than {safe}: let no other program write to the file" if old else ""
            return f"SQLite {sqlite3.sqlite_version}{note}"
        with self.read() as connection:
            return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: commits at the end, rolls back on any exception."""
        with self.exclusively(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(writing=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; writes nothing."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the write lock of the database file; PostgreSQL needs none."""
        if self.path is None:
            yield
            return
        with self._write_lock:
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def claim_daemon(self) -> None:
        """Be the only daemon on this database file, until the process ends. Raises Busy."""
        if self.path is None:
            return
        descriptor = os.open(f"{self.path}.daemon", os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(LOOKS):
            if _locked(descriptor, fcntl.LOCK_EX):
                self._daemon_lock = descriptor
                return
            # It may only be somebody looking whether a daemon runs.
            time.sleep(LOOK)
        os.close(descriptor)
        raise Busy(f"another Lockstep daemon already works on {self.path}")

    def has_daemon(self) -> bool:
        """Whether a daemon holds this database file, here or in another container. Only SQLite knows."""
        try:
            descriptor = os.open(f"{self.path}.daemon", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _locked(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        self.engine.dispose()
        if self._daemon_lock is not None:
            os.close(self._daemon_lock)
            self._daemon_lock = None


def _is_busy(error: BaseException) -> bool:
    # The low byte; the rest tells why.
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, sqlite3.OperationalError) and code & 0xFF == sqlite3.SQLITE_BUSY


@retry(
    retry=retry_if_exception(_is_busy),
    stop=stop_after_delay(30),
    wait=wait_random(0.005, 0.05),
    reraise=True,
)
def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Of processes that open a new file together one makes the switch, and SQLite tells the others
    at once that it is locked, however long they would wait."""
    connection.execute("PRAGMA journal_mode=WAL")


def _locked(descriptor: int, how: int) -> bool:
    """Take the lock if nobody else has it."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
