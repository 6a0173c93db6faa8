"""Suppliers' files in the store: only what differs is written, terms come with the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from config.load import load
from core.model.money import Money
from core.model.purchasing import SupplierItem, UnreadTerms
from core.model.stock import Figures, StockSnapshot
from jobs import pull
from jobs.approve import approve
from jobs.cli.supply import supply_line, supply_of
from jobs.clock import ManualClock
from jobs.store.demand import Demands
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, decision, movement, stock_level, supplier_item
from tests.jobs.builders import rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

TEA = SupplierItem("acme-files", "TEA", "AC-1", pack=12, cost=Money(450, "CNY"), lead_days=35)
CUP = SupplierItem("acme-files", "CUP", "AC-2")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_shop(store, clock, tmp_path, acme_guard={"unknown": 100})


def take(shop: Shop, terms: Any = (), *, complete: bool = True, **units: int) -> None:
    """A file that lies there now."""
    shop.clock.advance(60)
    at = shop.clock.now()
    taken = StockSnapshot(
        "acme", at, f"{at}.csv", "d", Figures(units), complete=complete, terms=terms
    )
    run = shop.run("acme-files/stock")
    with run.transaction() as tx:
        pull.record_snapshot(tx, run, taken)


def items(shop: Shop, sku: str) -> list[SupplierItem]:
    with shop.store.reading() as tx:
        return Demands(tx).items([sku]).get(sku, [])


def codes(shop: Shop, subject: str) -> list[str]:
    with shop.store.reading() as tx:
        return [row.code for row in tx.rows(select(decision).where(decision.c.subject == subject).order_by(decision.c.id))]  # fmt: skip


def on_hand(shop: Shop) -> dict[str, int]:
    return {row["sku"]: row["on_hand"] for row in rows(shop.store, stock_level)}


@BOTH
def test_only_figures_that_differ_are_written(shop: Shop) -> None:
    # given a file of many figures
    many = {f"S{number:03}": number for number in range(200)}
    take(shop, **many)
    written: list[str] = []

    # when one of them differs in the next
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        written.append(statement)

    event.listen(shop.store.database.engine, "before_cursor_execute", note)
    take(shop, **{**many, "S007": 707})
    event.remove(shop.store.database.engine, "before_cursor_execute", note)

    # then one line is added to the ledger and no statement touches the other levels
    moved = [row for row in rows(shop.store, movement) if row["quantity"] == 700]
    assert len(moved) == 1
    assert len(rows(shop.store, movement)) == 199 + 1, "S000 was 0 and never moved"
    assert not [one for one in written if one.startswith("UPDATE stock_level")]
    assert on_hand(shop) == {**many, "S007": 707}


def test_a_report_of_changes_leaves_the_rest_as_it_is(shop: Shop) -> None:
    # given stock of two things
    take(shop, TEA=5, CUP=7)

    # when a report of changes names one, and then a whole file does
    take(shop, complete=False, TEA=4)
    changed = on_hand(shop)
    take(shop, TEA=9, CUP=0)

    # then the other is untouched by the first only
    assert changed == {"TEA": 4, "CUP": 7}
    assert on_hand(shop) == {"TEA": 9, "CUP": 0}


def test_a_small_report_of_changes_is_not_suspicious(shop: Shop) -> None:
    # given a place with many things
    take(shop, **{f"S{number}": 10 for number in range(40)})

    # when it tells that one is sold out, and when it has nothing to tell
    take(shop, complete=False, S1=0)
    take(shop, complete=False)

    # then nothing is put aside
    assert rows(shop.store, cases) == []
    assert on_hand(shop)["S1"] == 0


def test_a_report_of_changes_is_no_measure_for_the_next_whole_file(shop: Shop) -> None:
    # given a place where most things are sold out
    many = {f"S{number}": 0 if number else 10 for number in range(40)}
    take(shop, **many)

    # when one figure changes, and then the whole file comes as it was
    take(shop, complete=False, S0=9)
    take(shop, **many)

    # then its many zeros are nothing new
    assert rows(shop.store, cases) == []


def test_approving_a_report_of_changes_does_not_empty_the_shelf(shop: Shop) -> None:
    # given a report of changes that is put aside for an absurd figure
    take(shop, TEA=5, CUP=7)
    take(shop, complete=False, TEA=2_000_000)
    with shop.store.reading() as tx:
        [case] = tx.rows(select(cases))

    # when a person says that it is right
    with shop.store.transaction() as tx:
        assert approve(tx, case, by="ops", note=None)

    # then what it did not name is as it was
    assert on_hand(shop) == {"TEA": 2_000_000, "CUP": 7}


def test_lines_that_were_odd_are_told_with_the_first_of_them(shop: Shop) -> None:
    # given a file with odd lines
    shop.clock.advance(60)
    odd = tuple((number, f"X{number},-1", "negative; taken as 0") for number in range(2, 5))
    taken = StockSnapshot(
        "acme",
        shop.clock.now(),
        "a.csv",
        "d",
        Figures({"TEA": 5} | {f"S{n}": 1 for n in range(20)}),
        problems=odd,
        more_problems=4,
    )
    run = shop.run("acme-files/stock")

    # when it is taken
    with run.transaction() as tx:
        pull.record_snapshot(tx, run, taken)

    # then that is kept with its reason
    assert codes(shop, "snapshot acme") == ["file_odd_lines", "snapshot_applied"]


def test_new_things_get_levels_though_nothing_of_them_is_there(shop: Shop) -> None:
    # given one thing, when another appears with none and a third with some
    take(shop, TEA=5)
    take(shop, TEA=5, CUP=0, JAR=3)

    # then all are known at the place
    assert on_hand(shop) == {"TEA": 5, "CUP": 0, "JAR": 3}
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []


def test_terms_are_kept_in_the_transaction_of_their_figures(shop: Shop) -> None:
    # given terms that fail to be read halfway
    def broken() -> Iterator[SupplierItem]:
        yield TEA
        raise OSError("the disk is gone")

    # when they are told with figures
    with pytest.raises(OSError, match="the disk is gone"):
        take(shop, broken(), TEA=5)

    # then neither is there
    assert rows(shop.store, supplier_item) == []
    assert on_hand(shop) == {}

    # and both are, the next time
    take(shop, iter([TEA, CUP]), TEA=5, CUP=1)
    assert items(shop, "TEA") == [TEA]
    assert items(shop, "CUP") == [CUP]


def test_terms_of_a_file_that_is_not_believed_are_not_taken(shop: Shop) -> None:
    # given a place whose file suddenly has nothing
    take(shop, **{f"S{number}": 10 for number in range(40)})
    take(shop, [TEA], TEA=5)

    # then it is put aside whole
    assert [row["kind"] for row in rows(shop.store, cases)] == ["snapshot_quarantined"]
    assert items(shop, "TEA") == []


def say_yes(shop: Shop) -> None:
    with shop.store.transaction() as tx:
        (case,) = tx.rows(select(cases).where(cases.c.kind == "snapshot_quarantined"))
        assert approve(tx, case, by="ops", note=None)


@BOTH
def test_a_person_who_believes_a_file_believes_its_terms(shop: Shop) -> None:
    # given a file that is put aside, with another price of one thing and terms nobody can read
    take(shop, [TEA, CUP], **{f"S{number}": 10 for number in range(40)})
    stopped = replace(
        TEA, cost=Money(999, "CNY"), breaks=((48, Money(900, "CNY")),), discontinued=True
    )
    take(shop, iter([stopped, CUP, UnreadTerms("a.csv", 3, "line 2", "JAR,x")]), TEA=5)
    before = items(shop, "TEA")

    # when a person says that it is right
    say_yes(shop)

    # then they are in force as those of any other file
    assert before == [TEA]
    assert items(shop, "TEA") == [stopped]
    assert items(shop, "CUP") == [CUP]
    assert codes(shop, "sku TEA") == ["item_discontinued"]
    opened = {row["kind"] for row in rows(shop.store, cases) if row["state"] == "open"}
    assert opened == {"terms_unreadable"}


def test_terms_that_were_told_since_stand_over_those_a_person_approves(shop: Shop) -> None:
    # given a file that is put aside, and a later report of changes with another price
    take(shop, [TEA], **{f"S{number}": 10 for number in range(40)})
    take(shop, [replace(TEA, cost=Money(999, "CNY"))], TEA=5)
    newer = replace(TEA, cost=Money(500, "CNY"))
    take(shop, [newer], complete=False, S1=9)

    # when the file is approved after all
    say_yes(shop)

    # then the later price stands
    assert items(shop, "TEA") == [newer]


@BOTH
def test_terms_that_are_as_they_were_are_not_written_again(shop: Shop) -> None:
    # given terms that were told
    take(shop, [TEA, CUP], TEA=5)
    before = {row["sku"]: row["at"] for row in rows(shop.store, supplier_item)}

    # when only one of them changes
    take(shop, [replace(TEA, least=24), CUP], TEA=6)

    # then the other was not touched
    after = {row["sku"]: row["at"] for row in rows(shop.store, supplier_item)}
    assert after["CUP"] == before["CUP"]
    assert after["TEA"] > before["TEA"]
    assert items(shop, "TEA") == [replace(TEA, least=24)]


def test_a_thing_that_is_discontinued_is_told_once_and_shown(shop: Shop) -> None:
    # given a thing that was made
    take(shop, [TEA], TEA=5)

    # when its supplier stops making it, says so twice, and makes it again
    stopped = replace(TEA, discontinued=True)
    take(shop, [stopped], TEA=4)
    take(shop, [replace(stopped, lead_days=10)], TEA=3)
    with shop.store.reading() as tx:
        shown = [supply_line(one) for one in supply_of(tx, "TEA")]
    take(shop, [TEA], TEA=30)

    # then each change is told once, with its reason, and what is left stays for sale
    assert codes(shop, "sku TEA") == ["item_discontinued", "item_resumed"]
    assert shown == ["acme-files: item AC-1, packs of 12, 4.50 CNY each, 10 days, DISCONTINUED"]
    assert on_hand(shop) == {"TEA": 30}


def test_terms_that_cannot_be_read_are_one_case_until_they_can(shop: Shop) -> None:
    # given files with the same bad cells, one after the other
    unread = UnreadTerms("a.csv", 3, "line 2: 'x' is no cost", "TEA,x")
    take(shop, [CUP, unread], TEA=5)
    take(shop, [CUP, replace(unread, name="b.csv")], TEA=5)
    during = [(row["kind"], row["state"]) for row in rows(shop.store, cases)]

    # when they are mended
    take(shop, [CUP], TEA=5)

    # then there was one Case, which is closed, and the figures were taken all along
    assert during == [("terms_unreadable", "open")]
    assert [(row["kind"], row["state"]) for row in rows(shop.store, cases)] == [
        ("terms_unreadable", "closed")
    ]


def test_names_of_the_supplier_become_our_skus_in_figures_and_terms(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a supplier that calls our TEA something else
    shop = open_shop(store, clock, tmp_path)
    path = tmp_path / "lockstep.yaml"
    path.write_text(path.read_text().replace("TEA: {}", "TEA: {aliases: [ACM-TEA]}"))

    loaded = load(path, environment={"SECRET": "hush"})
    shop.wiring = replace(shop.wiring, loaded=loaded)

    # when it tells of it
    take(shop, [replace(TEA, sku="ACM-TEA")], **{"ACM-TEA": 5, "CUP": 1})

    # then it is ours
    assert on_hand(shop) == {"TEA": 5, "CUP": 1}
    assert items(shop, "TEA") == [TEA]
