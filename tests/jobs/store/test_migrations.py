"""Both databases come to the same tables, whole or not at all, and no child row is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from jobs.store.database import Database
from jobs.store.migrate import HEAD, MIGRATIONS, MigrationFailed, upgrade, version
from jobs.store.orders import Orders
from jobs.store.store import Store
from jobs.store.tables import metadata
from tests.jobs.builders import many, number_of, order, record

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("orders", recreate="auto") as batch:
        batch.alter_column("name", new_column_name="label")
        batch.alter_column("service", existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column("weight", sa.BigInteger(), server_default="7"))
"""
BROKEN = LATER + '    op.execute("INSERT INTO no_such_table VALUES (1)")\n'
ORPHANS = LATER + '    op.execute("DELETE FROM orders")\n'


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def later(folder: Path, script: str) -> dict[str, Any]:
    """What `upgrade` takes to run one migration more."""
    folder.mkdir()
    (folder / "9001_later.py").write_text(script.format(head=HEAD))
    return {"scripts": (MIGRATIONS / "versions", folder), "to": "9001"}


def counts(store: Store) -> dict[str, int]:
    with store.database.read() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("orders", "order_line", "party")
        }


def test_an_empty_database_gets_the_tables_the_code_knows(empty: Database) -> None:
    assert version(empty) is None

    upgrade(empty)

    assert version(empty) == HEAD
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        assert compare_metadata(context, metadata) == []


def test_a_database_that_is_up_to_date_is_left_alone(empty: Database) -> None:
    upgrade(empty)

    upgrade(empty, scripts=(Path("nowhere"),))

    assert version(empty) == HEAD


def test_two_processes_that_start_together_migrate_once(empty: Database, empty_url: str) -> None:
    def start(_: int) -> str | None:
        database = Database(empty_url)
        try:
            upgrade(database)
            return version(database)
        finally:
            database.close()

    assert many(4, start) == [HEAD] * 4


def test_rebuilding_a_parent_keeps_its_children(store: Store, tmp_path: Path) -> None:
    record(store, *(order(str(n)) for n in range(3)))
    before = counts(store)

    upgrade(store.database, **later(tmp_path / "later", LATER))

    assert counts(store) == before == {"orders": 3, "order_line": 3, "party": 3}
    with store.database.read() as connection:
        found = connection.execute(text("SELECT label, weight FROM orders ORDER BY label")).all()
    assert [tuple(row) for row in found] == [("#0", 7), ("#1", 7), ("#2", 7)]
    # The children still have a parent that takes them along.
    with store.database.write() as connection:
        connection.execute(text("DELETE FROM orders WHERE label = '#1'"))
    assert counts(store) == {"orders": 2, "order_line": 2, "party": 2}


def test_a_migration_that_fails_leaves_everything_as_it_was(store: Store, tmp_path: Path) -> None:
    one = order()
    record(store, one)

    with pytest.raises(Exception, match="no_such_table"):
        upgrade(store.database, **later(tmp_path / "later", BROKEN))

    assert version(store.database) == HEAD
    names = {column["name"] for column in inspect(store.database.engine).get_columns("orders")}
    assert "weight" not in names
    assert not [t for t in inspect(store.database.engine).get_table_names() if "_alembic_tmp" in t]
    with store.reading() as tx:
        assert Orders(tx).load([number_of(store, one)])[0].order == one


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_migration_that_leaves_rows_without_a_parent_is_undone(
    store: Store, tmp_path: Path
) -> None:
    record(store, order())
    before = counts(store)

    with pytest.raises(MigrationFailed, match="without their parent"):
        upgrade(store.database, **later(tmp_path / "later", ORPHANS))

    assert (version(store.database), counts(store)) == (HEAD, before)


def test_a_database_of_a_newer_version_is_refused_in_words(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(MigrationFailed, match=r"9999.*newer Lockstep"):
        upgrade(store.database)


def test_slips_that_were_booked_before_stay_booked(empty: Database) -> None:
    # given a consignment of which one slip was received under its order, by an older version
    upgrade(empty, to="0014")
    at = "2026-11-01T00:00:00.000000Z"
    with empty.write() as connection:
        for statement in (
            "INSERT INTO purchase_order (number, supplier, connection, location, state, currency, "
            "expected_on, reference, created_at, created_by) VALUES ('PO-A', 'mill', '', 'home', "
            f"'sent', 'USD', '2026-11-01', '', '{at}', 'olga')",
            "INSERT INTO consignment (number, destination, lane, connection, ref, state, told, "
            "started_on, watched, expected_on, late_on, created_at, created_by) VALUES ('BOX/1', "
            f"'home', '', '', '', 'open', '', '2026-11-01', true, '2026-11-01', '2026-11-01', '{at}', "
            "'olga')",
            "INSERT INTO consignment_line (consignment, item, purchase, sku, units, received) "
            "VALUES ('BOX/1', 'TEA', 'PO-A', 'TEA', 10, 4)",
            "INSERT INTO movement (sku, location, kind, quantity, reference, at, person) VALUES "
            f"('TEA', 'home', 'receipt', 4, 'PO-A/BOX/1/S-7', '{at}', 'olga')",
        ):
            connection.execute(text(statement))

    upgrade(empty)

    with empty.read() as connection:
        slips = connection.execute(text("SELECT consignment, slip, person FROM consignment_slip"))
        lines = connection.execute(text("SELECT loaded, booked FROM consignment_line"))
        assert [tuple(row) for row in slips] == [("BOX/1", "S-7", "olga")]
        assert [tuple(row) for row in lines] == [(10, 4)]
