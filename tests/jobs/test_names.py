"""Names of channels and suppliers over the real store: orders wait for them, stock is counted by them,
what does not fit is a Case, and nothing that was understood changes afterwards."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.model.catalog import Sku
from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine
from core.model.names import Meaning, OutsideName, Scheme, Source
from core.model.reasons import Reason
from core.rules.sentences import render
from jobs import mapping, renaming
from jobs.clock import ManualClock
from jobs.mapping import CannotName, Said
from jobs.naming import Naming
from jobs.store.names import OutsideNames
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, decision, hold, listing, order_line, orders
from tests.jobs.builders import line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

UPC, OTHER_UPC = "036000291452", "012345678905"
#: Only what is written is a Sku.
WRITTEN = {"skus:\n  items:": "skus:\n  accept_channel_skus: false\n  items:"}
LEAF = """
suppliers:
  leaf: {connection: home-files, restocks: home, items: {TEA: {item: V-77, cost: 4.00}}}
"""
Opened = Callable[..., Shop]


@pytest.fixture
def opened(store: Store, clock: ManualClock, tmp_path: Path) -> Opened:
    def one(
        more: str = "", table: str = "", gone: Mapping[str, str] | None = None, **guard: Any
    ) -> Shop:
        if table:
            head = "scheme,place,name,sku,units,note\n"
            (tmp_path / "names.csv").write_text(head + table, encoding="utf-8")
            more += "names: {table: names.csv}\n"
        return open_shop(
            store, clock, tmp_path, changes=WRITTEN | dict(gone or {}), more=more, **guard
        )

    return one


def follow(shop: Shop) -> None:
    renaming.follow_names(shop.run("core/names"))


def say(shop: Shop, scheme: Scheme, name: str, sku: Sku, units: int = 1, *, place: str = "") -> int:
    with shop.store.transaction() as tx:
        said = Said(OutsideName(scheme, place, name), Meaning(sku, units))
        return mapping.say(tx, shop.wiring, [said], by="ann", note="on the box")


def lines(shop: Shop) -> list[tuple[str | None, int]]:
    return [(row["sku"], row["units_per_sale"]) for row in rows(shop.store, order_line)]


def open_cases(shop: Shop) -> dict[str, str]:
    """Kind -> words, of Cases about names."""
    return {
        row["kind"]: render(Reason(row["code"], row["args"]))
        for row in rows(shop.store, cases)
        if row["state"] == "open" and row["kind"] in (*renaming.KINDS, "figures_in_doubt")
    }


def held(shop: Shop, sku: Sku, location: str) -> int:
    with shop.store.reading() as tx:
        return Stock(tx).on_hand(location, [sku]).get(sku, -1)


# Orders


def test_an_order_waits_for_the_name_and_goes_on_by_itself_in_packs(opened: Opened) -> None:
    shop = opened()
    shop.receive("TEA", 20)
    shop.record(order("5501", line(sku="TEA-SIX", units=2)))
    shop.decide()
    assert [row["code"] for row in rows(shop.store, hold)] == ["unknown_sku"]

    say(shop, Scheme.REMOTE_SKU, "TEA-SIX", "TEA", 6)
    follow(shop)
    shop.decide()

    assert lines(shop) == [("TEA", 6)]
    (found,) = rows(shop.store, hold)
    assert found["released_at"] is not None
    assert found["released_by"] is None
    assert rows(shop.store, orders)[0]["stage"] == "routed"
    with shop.store.reading() as tx:
        assert Stock(tx).levels(["TEA"])["TEA"][0].committed == 12
    told = [row for row in rows(shop.store, decision) if row["code"] == "name_written"]
    assert render(Reason("name_written", told[0]["args"])) == (
        "TEA-SIX is 6 x TEA, for remote_sku TEA-SIX says so (ann)"
    )


def test_what_was_understood_stays_when_the_name_means_something_else_later(opened: Opened) -> None:
    shop = opened()
    say(shop, Scheme.REMOTE_SKU, "BOX", "TEA", 6)
    shop.record(order("5501", line(sku="BOX")))
    shop.clock.advance(60)

    say(shop, Scheme.REMOTE_SKU, "BOX", "CUP", 2)
    follow(shop)
    changed = order("5501", line(sku="BOX", units=3), updated_at=shop.clock.now())
    shop.record(changed)
    shop.record(order("5502", line(sku="BOX")))

    assert lines(shop) == [("TEA", 6), ("CUP", 2)]


def test_a_line_that_comes_into_force_later_does_so_at_its_instant(opened: Opened) -> None:
    shop = opened()
    begins = shop.clock.now() + timedelta(hours=2)
    name = OutsideName(Scheme.REMOTE_SKU, "", "NEXT")
    with shop.store.transaction() as tx:
        said = [Said(name, Meaning("TEA"))]
        mapping.say(tx, shop.wiring, said, by="ann", note="from noon", begins=begins)
    shop.record(order("5501", line(sku="NEXT")))
    follow(shop)
    assert lines(shop) == [(None, 1)]

    shop.clock.advance(7200)
    follow(shop)

    assert lines(shop) == [("TEA", 1)]
    with shop.store.reading() as tx:
        names = OutsideNames(tx)
        assert names.said_by_people([name], at=begins - timedelta(seconds=1)) == {}
        assert names.said_by_people([name], at=begins)[name].meaning == Meaning("TEA")
    with shop.store.transaction() as tx, pytest.raises(CannotName, match="is past"):
        mapping.say(tx, shop.wiring, said, by="ann", note="late", begins=begins - timedelta(days=1))


@BOTH
def test_a_listing_whose_code_is_another_sku_s_is_in_doubt_and_its_orders_wait(
    opened: Opened,
) -> None:
    shop = opened(table=f"upc,,{UPC},CUP,,\n")
    shop.receive("TEA", 5)
    shop.list("v1", "TEA", codes=(("gtin", UPC),))
    shop.record(order("5501", line(sku="TEA", listing_remote_id="v1")))
    shop.decide()
    follow(shop)

    assert lines(shop) == [(None, 1)]
    (found,) = rows(shop.store, hold)
    assert "TEA (L1) ~ CUP / TEA" in render(Reason(found["code"], found["args"]))
    assert "may be CUP, TEA" in open_cases(shop)["listing_in_doubt"]
    with shop.store.reading() as tx:
        assert Stock(tx).levels(["TEA"])["TEA"][0].committed == 0

    say(shop, Scheme.LISTING, "v1", "TEA", place="shopify-us")
    follow(shop)
    shop.decide()

    assert lines(shop) == [("TEA", 1)]
    assert open_cases(shop) == {}
    assert rows(shop.store, listing)[0]["sku"] == "TEA"


def test_a_listing_is_known_by_its_code_alone(opened: Opened) -> None:
    shop = opened(table=f"upc,,{UPC},TEA,6,\nasin,,B0ABCDEFGH,CUP,,\n")

    shop.list("v1", "", codes=(("gtin", f"0{UPC}"),))
    shop.list("AMZ", "AMZ", channel="amazon-us", codes=(("asin", "b0abcdefgh"),))
    shop.record(order("5501", line(sku="", listing_remote_id="v1")))

    found = {
        row["remote_id"]: (row["sku"], row["units_per_sale"]) for row in rows(shop.store, listing)
    }
    assert found == {"v1": ("TEA", 6), "AMZ": ("CUP", 1)}
    assert lines(shop) == [("TEA", 6)]


# Suppliers


def test_a_stock_file_is_read_by_item_number_upc_and_case(opened: Opened) -> None:
    table = f"item,acme-files,V-77,TEA,,\nitem,acme-files,V-77-CASE,TEA,24,\nupc,,{UPC},CUP,,\n"
    shop = opened(table=table)

    shop.snapshot(("V-77", 5), ("V-77-CASE", 2), (UPC, 7), ("ELSE", 9), at=shop.clock.now())

    assert (held(shop, "TEA", "acme"), held(shop, "CUP", "acme")) == (53, 7)
    with shop.store.reading() as tx:
        assert "ELSE" not in Stock(tx).levels(["ELSE"])


def test_a_row_in_doubt_changes_the_stock_of_none_of_the_skus_it_may_be(opened: Opened) -> None:
    anything = {"unknown": 100, "units_fallen": 100, "rows_gone": 100}
    table = f"item,acme-files,V-77,TEA,,\nupc,,{UPC},CUP,,\n"
    shop = opened(table=table, acme_guard=anything)
    shop.snapshot(("V-77", 5), ("CUP", 8), ("GIFT", 3), at=shop.clock.now())
    # The UPC is used as an old number of tea, too.
    say(shop, Scheme.REMOTE_SKU, UPC, "TEA")
    shop.clock.advance(3600)

    shop.snapshot((UPC, 70), ("CUP", 1), ("GIFT", 4), at=shop.clock.now(), name="later.csv")

    assert (held(shop, "TEA", "acme"), held(shop, "CUP", "acme")) == (5, 8)
    assert held(shop, "GIFT", "acme") == 4
    assert f"1 name: {UPC} (CUP / TEA)" in open_cases(shop)["figures_in_doubt"]

    # And once a person says which it is, it counts.
    with shop.store.transaction() as tx:
        name = OutsideName(Scheme.REMOTE_SKU, "", UPC)
        mapping.take_back(tx, name, by="ann", note="that number is gone")
    shop.clock.advance(3600)
    shop.snapshot((UPC, 70), ("GIFT", 4), at=shop.clock.now(), name="last.csv")
    assert held(shop, "CUP", "acme") == 70
    assert open_cases(shop) == {}


def test_an_answer_by_upc_and_by_the_case_is_one_about_our_goods(opened: Opened) -> None:
    shop = opened(LEAF, f"upc,,{UPC},TEA,6,\n")
    shop.receive("TEA", 50)
    shop.record(order("5501", line(units=12)))
    shop.decide()
    key = "shopify-us:5501:F1"

    accepted = AnsweredLine(UPC, AcknowledgmentStatus.ACCEPTED, 2)
    shop.answer(key, AcknowledgmentStatus.ACCEPTED, accepted)
    shop.ship(key, (UPC, 2))

    assert rows(shop.store, cases) == []
    assert held(shop, "TEA", "home") == 38


# Conflicts


@BOTH
def test_what_a_person_said_before_the_file_is_overruled_until_it_is_taken_back(
    opened: Opened,
) -> None:
    first = opened()
    say(first, Scheme.ASIN, "B0ABCDEFGH", "CUP")
    shop = opened(table="asin,,B0ABCDEFGH,TEA,6,\n")

    follow(shop)
    follow(shop)

    told = "asin B0ABCDEFGH is 6 x TEA by names.csv: row 2, and 1 x CUP by a person."
    assert told in open_cases(shop)["name_overruled"]
    assert len(rows(shop.store, cases)) == 1
    with shop.store.transaction() as tx:
        name = OutsideName(Scheme.ASIN, "", "B0ABCDEFGH")
        mapping.take_back(tx, name, by="ben", note="the file is right")
    follow(shop)
    assert open_cases(shop) == {}
    with shop.store.reading() as tx:
        history = [
            (one.source, str(one.meaning) if one.meaning else None, one.who, one.note)
            for one in OutsideNames(tx).history(name)
        ]
    assert history == [
        (Source.PERSON, "1 x CUP", "ann", "on the box"),
        (Source.FILE, "6 x TEA", "names.csv: row 2", ""),
        (Source.PERSON, None, "ben", "the file is right"),
    ]
    with shop.store.transaction() as tx, pytest.raises(CannotName, match="the files win"):
        mapping.say(tx, shop.wiring, [Said(name, Meaning("CUP"))], by="ann", note="again")


@BOTH
def test_one_code_on_two_skus_and_a_code_that_cannot_be_are_told_once_and_end(
    opened: Opened,
) -> None:
    shop = opened()
    shop.list("v1", "TEA", codes=(("gtin", UPC),))
    shop.list("CUP", "CUP", channel="amazon-us", codes=(("gtin", UPC),))
    shop.list("v2", "GIFT", codes=(("gtin", "036000291453"), ("gtin", "SHELF 7")))

    follow(shop)
    follow(shop)

    told = open_cases(shop)
    assert "amazon-us CUP = CUP, shopify-us v1 = TEA" in told["code_of_two"]
    assert "1 barcode on shopify-us" in told["codes_wrong"]
    assert "036000291453 (v2)" in told["codes_wrong"]
    assert len(rows(shop.store, cases)) == 2
    shop.list("v1", "TEA", codes=(("gtin", OTHER_UPC),))
    shop.list("v2", "GIFT", codes=())
    follow(shop)
    assert open_cases(shop) == {}


def test_a_name_of_a_sku_that_is_gone_holds_its_orders_and_is_told(opened: Opened) -> None:
    first = opened()
    say(first, Scheme.REMOTE_SKU, "OLD", "CUP")
    shop = opened(gone={"CUP: {}": "CUPS: {}", "CUP: 1": "CUPS: 1"})

    shop.record(order("5501", line(sku="OLD")))
    follow(shop)

    assert lines(shop) == [(None, 1)]
    assert "means CUP (nearest known: CUPS)" in open_cases(shop)["name_of_nothing"]


def test_a_person_cannot_say_what_cannot_be(opened: Opened) -> None:
    shop = opened(LEAF)
    wrong = {
        "CUP is CUP itself": Said(OutsideName(Scheme.REMOTE_SKU, "", "CUP"), Meaning("TEA")),
        "did you mean 'TEA'": Said(OutsideName(Scheme.ASIN, "", "B0ABCDEFGH"), Meaning("TEAA")),
        "no channel 'ebay'": Said(OutsideName(Scheme.LISTING, "ebay", "1"), Meaning("TEA")),
        "the files win": Said(OutsideName(Scheme.ITEM, "leaf", "V-77"), Meaning("CUP")),
    }

    for why, said in wrong.items():
        with shop.store.transaction() as tx, pytest.raises(CannotName, match=why):
            mapping.say(tx, shop.wiring, [said], by="ann", note="?")

    with shop.store.reading() as tx:
        assert OutsideNames(tx).count() == 0


# Tables


@BOTH
def test_a_table_comes_back_to_the_very_same_and_is_taken_whole_or_not_at_all(
    opened: Opened, tmp_path: Path
) -> None:
    shop = opened()
    names = [
        Said(OutsideName(Scheme.REMOTE_SKU, "", '=HYPERLINK("x")'), Meaning("TEA", 2), "+1 more"),
        Said(OutsideName(Scheme.REMOTE_SKU, "shopify-us", "'=a, b"), Meaning("CUP"), ""),
        Said(OutsideName(Scheme.ITEM, "acme-files", "0012"), Meaning("TEA", 24), "a \"case\""),
        Said(OutsideName(Scheme.GTIN, "", "00036000291452"), Meaning("CUP"), "😀"),
    ]  # fmt: skip
    with shop.store.transaction() as tx:
        assert mapping.say(tx, shop.wiring, names, by="ann", note="") == 4
    file = tmp_path / "out.csv"

    with shop.store.reading() as tx:
        text = mapping.written_table(tx, shop.wiring, files=False, at=shop.clock.now())
    file.write_text(text, encoding="utf-8", newline="")
    read = mapping.read_table(file)

    assert sorted((one.name, one.note) for one in read) == sorted(
        (one.name, one.note) for one in names
    )
    assert {one.name: one.meaning for one in read} == {one.name: one.meaning for one in names}
    assert not [
        cell for row in csv.reader(text.splitlines()) for cell in row if cell.startswith(("=", "+"))
    ]
    with shop.store.transaction() as tx:
        assert mapping.say(tx, shop.wiring, read, by="ann", note="") == 0
    file.write_text(text + "asin,,B0ABCDEFGH,CUP,,\nasin,,B0ABCDEFGG,NOBODY,,\n")
    with (
        shop.store.transaction() as tx,
        pytest.raises(CannotName, match=r"out\.csv: row 7: nobody"),
    ):
        mapping.say(tx, shop.wiring, mapping.read_table(file), by="ann", note="")
    with shop.store.reading() as tx:
        assert len(OutsideNames(tx).in_force(Source.PERSON, at=shop.clock.now())) == 4


def test_the_files_words_are_kept_with_their_history(
    opened: Opened, store: Store, clock: ManualClock
) -> None:
    follow(opened(table=f"upc,,{UPC},TEA,6,\nitem,acme-files,V-1,CUP,,\n"))
    first = clock.now()
    clock.advance(3600)

    follow(opened(table=f"upc,,{UPC},TEA,4,\n"))

    with store.reading() as tx:
        names = OutsideNames(tx)
        then, now = (names.in_force(Source.FILE, at=at) for at in (first, clock.now()))
    assert {str(name): str(one.meaning) for name, one in then.items()} == {
        f"gtin 00{UPC}": "6 x TEA", "item acme-files V-1": "1 x CUP",
    }  # fmt: skip
    assert {str(name): str(one.meaning) for name, one in now.items()} == {
        f"gtin 00{UPC}": "4 x TEA"
    }


def test_a_supplier_s_number_of_two_skus_is_in_doubt(opened: Opened) -> None:
    both = LEAF.replace("V-77, cost: 4.00}}", "MTO}, CUP: {item: MTO}}")
    shop = opened(both)

    with shop.store.reading() as tx:
        found = Naming(tx, shop.wiring).supplied("home-files", ["MTO", "TEA"])

    assert (found["MTO"].sku, found["MTO"].perhaps) == (None, ("CUP", "TEA"))
    assert found["TEA"].sku == "TEA"
