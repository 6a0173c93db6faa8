"""The `names` section and its table: what is read, what is refused, and where it is told."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import WrittenName
from config.naming import COLUMNS, plain_cell, read_names, safe_cell
from core.model.names import Meaning, OutsideName, Scheme
from tests.config.conftest import Folder

SHOP = """\
connections: {s: {type: shopify}, files: {type: supplier_file}}
channels:
  shop: {connection: s}
locations: {home: {}}
suppliers:
  leaf: {connection: files, restocks: home, items: {TEA: {item: V-77}}}
"""
SKUS = "skus: {accept_channel_skus: false, items: {TEA: {aliases: [T1]}, CUP: {}}}\n"
HEAD = "scheme,place,name,sku,units,note\n"


def names_in(folder: Folder, rows: str = "", *, items: str = "[]", more: str = SKUS) -> Folder:
    folder.write(HEAD + rows, name="names.csv")
    return folder.with_least(f"{SHOP}{more}names:\n  table: names.csv\n  items: {items}\n")


def test_names_are_read_from_the_table_the_yaml_and_the_suppliers_items(folder: Folder) -> None:
    names = names_in(
        folder,
        "upc,,036000291452,TEA,6,six in a box\nlisting,shop,gid://1,CUP,,\nremote_sku,,OLD TEA,TEA,,\n",
        items='[{scheme: asin, name: B0ABCDEFGH, sku: CUP}, {scheme: item, place: files, name: "12", sku: TEA, units: 24}]',
    ).load().names  # fmt: skip

    found = {one.name: (str(one.meaning), one.where.rpartition("/")[2]) for one in names.all()}

    assert found == {
        OutsideName(Scheme.GTIN, "", "00036000291452"): ("6 x TEA", "names.csv: row 2"),
        OutsideName(Scheme.LISTING, "shop", "gid://1"): ("1 x CUP", "names.csv: row 3"),
        OutsideName(Scheme.REMOTE_SKU, "", "OLD TEA"): ("1 x TEA", "names.csv: row 4"),
        OutsideName(Scheme.ASIN, "", "B0ABCDEFGH"): ("1 x CUP", "lockstep.yaml:12:32"),
        OutsideName(Scheme.ITEM, "files", "12"): ("24 x TEA", "lockstep.yaml:12:90"),
        OutsideName(Scheme.ITEM, "leaf", "V-77"): ("1 x TEA", "lockstep.yaml:8:65"),
    }


def test_a_number_of_a_supplier_that_stands_for_two_skus_is_kept_as_both(folder: Folder) -> None:
    names = names_in(folder, more="skus: {items: {TEA: {}}}\n").load().names
    both = SHOP.replace("items: {TEA: {item: V-77}}", "items: {TEA: {item: MTO}, CUP: {item: MTO}}")
    doubled = folder.with_least(both).load().names

    assert len(names.of(OutsideName(Scheme.ITEM, "leaf", "V-77"))) == 1
    found = doubled.of(OutsideName(Scheme.ITEM, "leaf", "MTO"))
    assert [one.meaning for one in found] == [Meaning("TEA"), Meaning("CUP")]


@pytest.mark.parametrize(
    ("row", "where", "wrong"),
    [
        ("upc,,036000291453,TEA,,", "row 2, column name", "its check digit is 2"),
        ("upc,,36000291452,TEA,,", "row 2, column name", "11 digits"),
        ("upc,shop,036000291452,TEA,,", "row 2, column name", "it has no place"),
        ("listing,,gid,TEA,,", "row 2, column name", "its place is the channel"),
        ("item,,V,TEA,,", "row 2, column name", "its place is the supplier"),
        ("vendor,leaf,V,TEA,,", "row 2, column name", "there is no scheme 'vendor'"),
        ("item,leaf,V,TEA,0,", "row 2, column units", "'0' is no number of units"),
        ("item,leaf,V,TEA,-3,", "row 2, column units", "'-3' is no number of units"),
        ("item,leaf,V,,,", "row 2, column sku", "there is no Sku"),
        ("item,leef,V,TEA,,", "row 2", "'leef' is neither a supplier nor a connection"),
        ("listing,shup,gid,TEA,,", "row 2", "there is no channel 'shup'"),
        ("item,leaf,V,TAE,,", "row 2", "'TAE' is no Sku"),
        ("item,leaf,V,T1,,", "row 2", "'T1' is another name of 'TEA'"),
        ("remote_sku,,CUP,TEA,,", "row 2", "'CUP' is 'CUP' itself"),
        ("remote_sku,shop,T1,CUP,,", "row 2", "'T1' is 'TEA' itself, or another name"),
        ("item,leaf,V,TEA,,\nitem,leaf,V,CUP,,", "row 3", "stands at names.csv: row 2 already"),
    ],
)
def test_a_wrong_row_is_told_by_its_place(folder: Folder, row: str, where: str, wrong: str) -> None:
    problem = names_in(folder, row + "\n").problem()

    assert str(problem.where) == f"names.csv: {where}"
    assert wrong in problem.wrong


def test_a_name_written_in_both_places_is_told(folder: Folder) -> None:
    items = '[{scheme: upc, name: "036000291452", sku: TEA}]'

    problem = names_in(folder, "ean,,0036000291452,CUP,,\n", items=items).problem()

    assert "stands at" in problem.wrong
    assert "lockstep.yaml:12:" in problem.wrong


def test_a_pack_that_two_files_tell_differently_is_told(folder: Folder) -> None:
    packs = SKUS.replace("{accept", "{units_per_sale: {shop: {gid: 4, TEA: 4}}, accept")

    problems = names_in(folder, "listing,shop,gid,TEA,6,\nremote_sku,,TEA,TEA,4,\n", more=packs)

    assert "listing shop gid is 6 units here, and skus.units_per_sale.shop says 4" in (
        problems.problem().wrong
    )


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ("scheme,name\n", "there is no column `sku`"),
        ("scheme,name,sku,colour\n", "there is no column 'colour'"),
        ("scheme,name,sku,sku\n", "column 'sku' stands there twice"),
        ("", "there is no column `scheme`"),
    ],
)
def test_a_table_with_other_columns_is_refused(head: str, wrong: str) -> None:
    table = read_names(Path("names.csv"), head.encode(), name="names.csv")

    assert wrong in [problem.wrong for problem in table.problems]
    assert not table.rows


def test_a_table_that_is_not_there_is_told_where_it_is_named(folder: Folder) -> None:
    problem = folder.with_least("names: {table: nowhere.csv}\n").problem()

    assert "the table cannot be read" in problem.wrong


# Cells

CELL = st.text(
    st.sampled_from("'=+-@\"',;\n aZ0é 😀"), max_size=12
).map(str.strip)  # fmt: skip


@given(CELL)
def test_no_cell_is_a_formula_and_every_cell_comes_back(text: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([safe_cell(text), "end"])
    (read,) = csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)

    assert read[0][:1] not in ("=", "+", "-", "@")
    assert plain_cell(read[0]) == text


def test_columns_are_those_of_the_yaml() -> None:
    assert tuple(WrittenName.model_fields) == COLUMNS
