"""Bringing a database to this version's tables.

On SQLite migrations run with foreign keys off (a batch migration of a parent with cascades deletes
its children otherwise) and are checked afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from core.errors import LockstepError
from jobs.store.database import Database

#: The newest migration; start-up compares it before it imports Alembic.
HEAD = "0026"
MIGRATIONS = Path(__file__).parent / "migrations"
#: PostgreSQL's advisory lock that one migrating process holds: two workers may start together.
_LOCK = 0x10C57E9


class MigrationFailed(LockstepError):
    """The database could not be brought to this version."""


def version(database: Database) -> str | None:
    """The database's migration, None when it is empty."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def upgrade(
    database: Database, *, scripts: Sequence[Path] = (MIGRATIONS / "versions",), to: str = HEAD
) -> None:
    """Migrate to HEAD, whole or not at all; nothing to do costs one query. Raises MigrationFailed."""
    if version(database) == to:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.set_main_option("path_separator", "newline")
    settings.set_main_option("version_locations", "\n".join(map(str, scripts)))
    engine = _engine(database)
    try:
        with database.exclusively(), engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            settings.attributes["connection"] = connection
            command.upgrade(settings, to)
            if database.is_sqlite:
                _check_parents(connection)
    except CommandError as error:
        # The database knows a migration that this version does not.
        raise MigrationFailed(f"{error}: was a newer Lockstep here before?") from None
    finally:
        engine.dispose()


def _engine(database: Database) -> Engine:
    """An engine that migrates: DDL rolls back with its transaction on SQLite too."""
    if not database.is_sqlite:
        return create_engine(database.url)
    engine = create_engine(database.url, connect_args={"isolation_level": None, "timeout": 30})
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
    event.listen(engine, "begin", lambda one: one.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _check_parents(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
    if broken:
        raise MigrationFailed(f"rows without their parent after migrating: {broken[:5]}")
