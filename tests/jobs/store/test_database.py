"""One way to write: nothing lost, nobody blocked, nothing half done."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import StatementError

from jobs.store.database import Busy, Database
from jobs.store.permissions import EVERYWHERE, Permissions
from jobs.store.store import Store
from jobs.store.tables import audit, movement, orders, rate_bucket, stock_level
from jobs.store.types import json_text
from tests.jobs.builders import NOON, SHOP, line, many, number_of, order, receipt, record, rows
from tests.jobs.conftest import Open


def test_eight_threads_that_read_and_write_lose_nothing(store: Store) -> None:
    with store.transaction() as tx:
        tx.connection.execute(insert(rate_bucket).values(key="count", tat=0.0))

    def count(_: int) -> None:
        for _ in range(200):
            with store.transaction() as tx:
                query = select(rate_bucket.c.tat).where(rate_bucket.c.key == "count")
                if not store.database.is_sqlite:
                    # READ COMMITTED: what is read to be written back is held.
                    query = query.with_for_update()
                before = tx.connection.execute(query).scalar_one()
                tx.connection.execute(update(rate_bucket).values(tat=before + 1))

    many(8, count)

    assert rows(store, rate_bucket) == [{"key": "count", "tat": 1600.0}]


def test_a_reader_is_not_blocked_by_a_writer(store: Store) -> None:
    wrote, read = threading.Event(), threading.Event()

    def write(_: int) -> bool:
        with store.transaction() as tx:
            tx.audit("test", "write", "x")
            wrote.set()
            return read.wait(timeout=20)

    def look(_: int) -> int:
        assert wrote.wait(timeout=20)
        found = len(rows(store, audit))
        read.set()
        return found

    waited, seen = many(2, lambda number: (write, look)[number](number))

    assert waited is True, "the reader came back while the writer still had its transaction open"
    assert seen == 0
    assert len(rows(store, audit)) == 1


def test_an_exception_rolls_everything_back(store: Store) -> None:
    class Broken(Exception):
        pass

    def break_off() -> None:
        with store.transaction() as tx:
            tx.audit("test", "write", "x")
            tx.mark_dirty(["TEA"])
            raise Broken

    with pytest.raises(Broken):
        break_off()

    assert rows(store, audit) == []
    with store.transaction() as tx:
        tx.audit("test", "write", "y")
    assert [row["subject"] for row in rows(store, audit)] == ["y"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_second_daemon_on_the_same_file_is_refused_while_the_command_line_may_write(
    store: Store, open_store: Open
) -> None:
    store.database.claim_daemon()
    beside = open_store()

    with pytest.raises(Busy, match="another Lockstep daemon"):
        beside.database.claim_daemon()
    with beside.transaction() as tx:
        Permissions(tx).stop(EVERYWHERE, by="ada")

    with store.reading() as tx:
        assert Permissions(tx).scope("shop", "offers").stopped
    store.database.close()
    beside.database.claim_daemon()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sqlite_is_opened_so_that_a_power_cut_undoes_nothing(store: Store) -> None:
    with store.reading() as tx:
        asked = {
            name: tx.connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_naive_instant_is_refused(store: Store) -> None:
    naive = datetime(2026, 11, 24, 12, 0)  # noqa: DTZ001 - that is the point

    with pytest.raises(StatementError, match="naive"), store.transaction() as tx:
        tx.connection.execute(
            insert(audit).values(at=naive, who="test", action="write", subject="x")
        )
    with pytest.raises(ValueError, match="naive"):
        record(store, order(updated_at=naive))

    assert rows(store, audit) == []
    assert rows(store, orders) == []


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 24, 12, 0, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2026, 3, 8, 7, 0, 0, 4, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=8))),
    ],
)
def test_an_instant_comes_back_as_the_same_instant_in_utc(store: Store, at: datetime) -> None:
    with store.transaction() as tx:
        tx.connection.execute(insert(audit).values(at=at, who="t", action="w", subject="one"))
    record(store, order(placed_at=at))

    (written,), (bulk,) = rows(store, audit), rows(store, orders)

    assert written["at"] == at
    assert written["at"].utcoffset() == timedelta(0)
    assert bulk["placed_at"] == at
    assert bulk["placed_at"].utcoffset() == timedelta(0)


def test_instants_are_ordered_by_time_and_not_by_their_text(store: Store) -> None:
    later = datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=-5)))
    earlier = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
    with store.transaction() as tx:
        for at, subject in ((later, "later"), (earlier, "earlier")):
            tx.connection.execute(insert(audit).values(at=at, who="t", action="w", subject=subject))

    with store.reading() as tx:
        found = list(tx.connection.execute(select(audit.c.subject).order_by(audit.c.at)).scalars())

    assert found == ["earlier", "later"]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, {"ü": "你好 😀"}]},
        [],
        "text",
        0,
        False,
        {"q": 'it\'s "q" \\ ?:x'},
    ],
)
def test_json_comes_back_as_it_was(store: Store, value: object) -> None:
    with store.transaction() as tx:
        tx.audit("test", "write", "x", after=value)

    (row,) = rows(store, audit)

    assert row["after"] == value
    assert type(row["after"]) is type(value)
    assert row["before"] is None


def test_equal_values_are_equal_text_whatever_the_order_of_their_keys() -> None:
    assert json_text({"b": 1, "a": {"d": 1, "c": 2}}) == json_text({"a": {"c": 2, "d": 1}, "b": 1})


def test_money_is_kept_to_the_cent_however_much_it_is(store: Store) -> None:
    from core.model.money import Money
    from jobs.store.orders import Orders

    much = Money(9_007_199_254_740_993, "USD")  # 2**53 + 1: a float cannot hold it
    one = order("1", line(unit_price=much, presentment_price=Money(1, "CAD")), total=much)
    record(store, one)

    with store.reading() as tx:
        found = Orders(tx).load([number_of(store, one)])[0].order

    assert found.total == much
    assert found.lines[0].unit_price == much
    assert found.lines[0].presentment_price == Money(1, "CAD")


def test_text_that_no_database_can_keep_does_not_keep_an_order_out(store: Store) -> None:
    cut = line(title="half an emoji \ud83d", sku="A\x00B")

    changed = record(store, order("1", cut, tags=("\ud83d", "\x00")))
    again = record(store, order("1", cut, tags=("\ud83d", "\x00")))

    assert len(changed) == 1
    assert again == []


def test_a_balance_below_nothing_promised_is_refused_by_the_database(store: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    from jobs.store.stock import Stock

    with store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 5)])

    with pytest.raises(IntegrityError), store.transaction() as tx:
        tx.connection.execute(update(stock_level).values(committed=-1))

    assert rows(store, stock_level)[0]["committed"] == 0
    assert len(rows(store, movement)) == 1


def test_a_url_without_a_file_is_refused() -> None:
    from core.errors import ConfigError
    from jobs.store.database import Database

    with pytest.raises(ConfigError, match="needs a file"):
        Database("sqlite://")


def test_two_stores_on_one_file_wait_for_each_other(store: Store, open_store: Open) -> None:
    beside = open_store()

    def write(number: int) -> None:
        one = (store, beside)[number % 2]
        for count in range(20):
            record(one, order(f"{number}-{count}", updated_at=NOON))

    many(4, write)

    assert len(rows(store, orders)) == 80
    assert {row["channel"] for row in rows(store, orders)} == {SHOP}


def test_a_database_says_what_it_is_and_what_its_version_asks_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.database.is_sqlite:
        assert store.database.described().startswith("PostgreSQL ")
        return

    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 1))
    assert store.database.described().endswith("let no other program write to the file")

    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 52, 0))
    assert "older" not in store.database.described()


def test_a_new_file_is_opened_while_another_process_writes_its_first_tables(tmp_path: Path) -> None:
    # given a file that is no WAL database yet, and a writer: SQLite refuses the switch at once,
    # however long one would wait
    file = tmp_path / "new.db"
    writer = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    writer.execute("CREATE TABLE one (id INTEGER)")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO one VALUES (1)")
    database = Database(f"sqlite:///{file}")

    # when it is opened, and the writer ends
    threading.Timer(0.2, writer.execute, args=("COMMIT",)).start()
    with database.read() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        found = connection.execute(text("SELECT id FROM one")).scalars().all()

    # then nothing failed
    assert (mode, found) == ("wal", [1])
    database.close()
    writer.close()
