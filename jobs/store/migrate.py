"""Bringing a database to this version's tables.

On SQLite migrations run with foreign keys off (a batch migration of a parent with cascades deletes
its children otherwise) and are checked afterwards.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, event, inspect, text

from core.errors import LockstepError
from jobs.store.database import Database

#: The newest migration; start-up compares it before it imports Alembic.
HEAD = "0001"


class MigrationFailed(LockstepError):
    """The database could not be brought to this version."""


def version(database: Database) -> str | None:
    """The database's migration, None when it is empty."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def upgrade(database: Database) -> None:
    """Migrate to HEAD; nothing to do costs one query. Raises MigrationFailed."""
    if version(database) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database._exclusively():
        engine = create_engine(database.url)
        if database.is_sqlite:
            event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
        try:
            with engine.begin() as connection:
                settings.attributes["connection"] = connection
                command.upgrade(settings, "head")
                if database.is_sqlite:
                    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                    if broken:
                        raise MigrationFailed(
                            f"rows without their parent after migrating: {broken[:5]}"
                        )
        finally:
            engine.dispose()
