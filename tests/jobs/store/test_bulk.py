"""One statement for many rows: it writes what differs, and says which."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    select,
    text,
)

from jobs.store.bulk import CHUNK, upsert
from jobs.store.store import Store
from jobs.store.types import Instant, Json
from tests.jobs.builders import NOON, many, minutes

#: A table of every type there is.
thing = Table(
    "thing",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("name", Text),
    Column("big", BigInteger),
    Column("flag", Boolean),
    Column("ratio", Float),
    Column("extra", Json),
    Column("at", Instant),
    Column("first", Text),
    Column("version", Integer, nullable=False, default=0),
    Column("state", Text),
    Index("ix_thing_open", "name", unique=True, sqlite_where=text("state = 'open'"),
          postgresql_where=text("state = 'open'")),
)  # fmt: skip
KEY = ["id", "part"]


@pytest.fixture(autouse=True)
def _table(store: Store) -> None:
    with store.database.write() as connection:
        thing.create(connection)


def put(store: Store, *rows: dict[str, Any], **how: Any) -> list[tuple[Any, ...]]:
    how.setdefault("key", KEY)
    with store.database.write() as connection:
        return sorted(tuple(row) for row in upsert(connection, thing, rows, **how))


def stored(store: Store, *columns: str) -> list[tuple[Any, ...]]:
    with store.database.read() as connection:
        return sorted(tuple(r) for r in connection.execute(select(*(thing.c[c] for c in columns))))


def row(id: str = "a", part: int = 1, **values: Any) -> dict[str, Any]:  # noqa: A002 - the column
    return {"id": id, "part": part, "version": 0, **values}


def test_fresh_rows_are_written_and_returned(store: Store) -> None:
    values = {
        "name": "茶 'tea' \\ \" :x 😀", "big": 2**62, "flag": True, "ratio": 0.1,
        "extra": {"b": [1, None], "a": "ü"}, "at": minutes(1),
    }  # fmt: skip

    changed = put(store, row(**values), row("b", **dict.fromkeys(values)))

    assert changed == [("a", 1), ("b", 1)]
    found = stored(store, "id", *values)
    assert found == [("a", *values.values()), ("b", *[None] * 6)]
    assert [type(one) for one in found[0][1:5]] == [str, int, bool, float]


def test_what_did_not_change_is_neither_written_nor_returned(store: Store) -> None:
    rows = [row("a", name=None, flag=False, ratio=1e-7, extra={"b": 1, "a": 2}, at=NOON)]
    put(store, *rows)

    again = put(store, row("a", name=None, flag=False, ratio=1e-7, extra={"a": 2, "b": 1}, at=NOON),
                bump="version")  # fmt: skip

    assert again == []
    assert stored(store, "version") == [(0,)]


def test_only_what_changed_is_returned_none_to_value_and_back_included(store: Store) -> None:
    put(store, row("a", name="x"), row("b", name=None), row("c", name="z"), row("d", name="d"))

    changed = put(
        store, row("a", name="x"), row("b", name=""), row("c", name=None), row("d", name="D")
    )

    assert changed == [("b", 1), ("c", 1), ("d", 1)]
    assert stored(store, "id", "name") == [("a", "x"), ("b", ""), ("c", None), ("d", "D")]


def test_an_older_version_never_replaces_a_newer_one_and_the_same_instant_may(store: Store) -> None:
    put(store, row(name="new", at=minutes(5)))

    older = put(store, row(name="old", at=minutes(4)), newer="at")
    same = put(store, row(name="same second", at=minutes(5)), newer="at")
    newer = put(store, row(name="newest", at=minutes(6)), newer="at")

    assert (older, same, newer) == ([], [("a", 1)], [("a", 1)])
    assert stored(store, "name") == [("newest",)]


def test_a_counter_grows_with_every_change_that_counts_as_one(store: Store) -> None:
    how = {"bump": "version", "compare": ["big"]}
    put(store, row(big=5, name="a"), **how)
    assert put(store, row(big=5, name="other words"), **how) == []
    assert put(store, row(big=7, name="b"), **how) == [("a", 1)]

    assert put(store, row(big=5, name="c"), **how) == [("a", 1)]

    assert stored(store, "big", "name", "version") == [(5, "c", 2)]


def test_kept_columns_are_written_once(store: Store) -> None:
    put(store, row(name="a", first="first"), keep=["first"])

    unchanged = put(store, row(name="a", first="second"), keep=["first"])
    changed = put(store, row(name="b", first="third"), keep=["first"])

    assert (unchanged, changed) == ([], [("a", 1)])
    assert stored(store, "name", "first") == [("b", "first")]


def test_a_key_that_is_unique_among_open_rows_only(store: Store) -> None:
    how = {"key": ["name"], "keep": ["id", "part", "state", "version"], "where_open": True,
           "returning": ["id"]}  # fmt: skip
    assert put(store, row("a", name="n", state="open"), **how) == [("a",)]
    assert put(store, row("b", name="n", state="open"), **how) == []
    with store.database.write() as connection:
        connection.execute(thing.update().values(state="closed"))

    assert put(store, row("c", name="n", state="open"), **how) == [("c",)]

    assert stored(store, "id", "state") == [("a", "closed"), ("c", "open")]


def test_more_rows_than_one_statement_takes(store: Store) -> None:
    count = CHUNK * 2 + 1
    rows = [row(f"{n:05}", name=f"茶 {n}", big=n) for n in range(count)]
    assert len(put(store, *rows)) == count
    rows[0]["big"] = rows[CHUNK]["big"] = rows[-1]["big"] = -1

    changed = put(store, *rows)

    assert [one[0] for one in changed] == ["00000", f"{CHUNK:05}", f"{count - 1:05}"]


def test_nothing_is_asked_of_the_database_for_no_rows(store: Store) -> None:
    assert put(store) == []


def test_two_workers_that_hold_a_row_that_is_there_wait_for_each_other(store: Store) -> None:
    put(store, row("a"))
    seen: list[int] = []

    def hold(_: int) -> None:
        with store.database.write() as connection:
            upsert(connection, thing, [row()], key=KEY, keep=["version"], returning=[], hold=True)
            seen.append(1)
            before = connection.execute(select(thing.c.version)).scalar_one()
            connection.execute(thing.update().values(version=before + 1))

    many(6, hold)

    # A lost update here is a row that was read before it was held.
    assert stored(store, "version") == [(6,)]
    assert len(seen) == 6


texts = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
rows_of_things = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 1)),
    st.fixed_dictionaries(
        {
            "name": texts,
            "big": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            "flag": st.one_of(st.none(), st.booleans()),
            "extra": st.one_of(st.none(), st.lists(st.integers(0, 3)), st.dictionaries(texts.filter(bool), texts)),
            "at": st.integers(0, 3).map(minutes),
            "first": texts,
        }
    ),
    max_size=8,
)  # fmt: skip


def test_it_does_what_one_row_after_the_other_would_do(store: Store) -> None:
    @given(batches=st.lists(rows_of_things, max_size=4), guarded=st.booleans())
    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def same(batches: list[dict[tuple[str, int], dict[str, Any]]], guarded: bool) -> None:
        with store.database.write() as connection:
            connection.execute(delete(thing))
        naive: dict[tuple[str, int], dict[str, Any]] = {}
        for batch in batches:
            expected = []
            for key, values in batch.items():
                before = naive.get(key)
                if before is None:
                    naive[key] = dict(values, version=0)
                    expected.append(key)
                    continue
                new = {name: value for name, value in values.items() if name != "first"}
                old = {name: before[name] for name in new}
                if new == old or (guarded and new["at"] < old["at"]):
                    continue
                naive[key] = {**before, **new, "version": before["version"] + 1}
                expected.append(key)

            changed = put(
                store,
                *(row(*key, **values) for key, values in batch.items()),
                keep=["first"],
                newer="at" if guarded else None,
                bump="version",
            )

            assert changed == sorted(expected)
        columns = ("name", "big", "flag", "extra", "at", "first", "version")
        found = {one[:2]: one[2:] for one in stored_by_key(store, columns)}
        assert found == {k: tuple(v[c] for c in columns) for k, v in naive.items()}

    same()


def stored_by_key(store: Store, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    with store.database.read() as connection:
        query = select(*(thing.c[name] for name in (*KEY, *columns)))
        return [tuple(one) for one in connection.execute(query)]
