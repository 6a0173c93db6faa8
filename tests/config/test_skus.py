"""The Sku table, aliases, Kits, and the policy that holds for a Sku on a channel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import pytest

from config.table import read_table
from core.rules.availability import PlacePolicy, Policy
from tests.config.conftest import Folder
from tests.config.test_expressions import _order

CHANNELS = """\
connections: {s: {type: shopify}, z: {type: amazon}}
channels:
  shop: {connection: s, offers: {percent: 90, buffer: 2}}
  amazon: {connection: z}
"""


def _with_table(folder: Folder, table: str, more: str = "") -> Folder:
    folder.write(table, name="skus.csv")
    return folder.with_least(f"skus:\n  table: skus.csv\n{more}")


def test_a_table_says_what_the_yaml_could(folder: Folder) -> None:
    _with_table(
        folder,
        "\ufeffSKU;Title;tags;low_stock;sell;percent;buffer;buffer_days;cap;hide_below;fixed;preorder;"
        "backorder;share_components;components;aliases\n"
        "A;Mug;x y;5;no;50%;1;7;2;3;4;20 until 2027-03-01;5 until 2027-12-31;split;;a1 a2\n"
        "K;Set;;;;;;;;;;;;;A:2 B:1;\n",
    )

    catalog = folder.load().catalog

    mug = catalog.settings("A")
    assert (mug.title, mug.tags, mug.low_stock, mug.aliases) == ("Mug", ("x", "y"), 5, ("a1", "a2"))
    assert mug.offers.model_dump() == {
        "sell": False, "percent": 50, "buffer": 1, "buffer_days": 7, "cap": 2, "hide_below": 3,
        "fixed": 4, "preorder": {"units": 20, "until": date(2027, 3, 1)},
        "backorder": {"units": 5, "until": date(2027, 12, 31)}, "share_components": "split",
    }  # fmt: skip
    assert catalog.components_of("K") == {"A": 2, "B": 1}


@pytest.mark.parametrize(
    ("column", "cell", "wrong"),
    [
        ("low_stock", "many", "'many' is no whole number"),
        ("low_stock", "-1", "'-1' is no whole number"),
        ("low_stock", "1.5", "'1.5' is no whole number"),
        ("percent", "101", "101 is too large"),
        ("sell", "maybe", "'maybe' is neither yes nor no"),
        ("preorder", "20", "'20' is no number of units until a day"),
        (
            "preorder",
            "0 until 2027-03-01",
            "'0 until 2027-03-01' is no number of units until a day",
        ),
        (
            "backorder",
            "x until 2027-03-01",
            "'x until 2027-03-01' is no number of units until a day",
        ),
        ("backorder", "2 until spring", "'2 until spring' is no number of units until a day"),
        ("share_components", "fairly", "'fairly' is no way to share"),
        ("components", "A", "'A' is no component"),
        ("components", "A:0", "'A:0' is no component"),
        ("components", "A:1 A:2", "'A' stands there twice"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(column: str, cell: str, wrong: str) -> None:
    content = f"sku,{column}\nX,\n\nY,{cell}\n".encode()

    table = read_table(Path("skus.csv"), content, name="skus.csv")

    assert [(problem.where, problem.wrong) for problem in table.problems] == [
        (f"skus.csv: row 4, column {column}", wrong)
    ]


def test_every_bad_cell_of_a_table_is_told() -> None:
    content = b"sku,low_stock,percent,colour\nA,x,y,red\n,1,,\nA,1,,\nA,1,,,extra\n"

    table = read_table(Path("skus.csv"), content, name="t")

    assert [problem.where for problem in table.problems] == [
        "t: row 1",
        "t: row 2, column low_stock",
        "t: row 2, column percent",
        "t: row 3, column sku",
        "t: row 4, column sku",
        "t: row 5, column 5",
        "t: row 5, column sku",
    ]


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("t.csv", b"", "no column `sku`"),
        ("t.csv", b"name\nA\n", "no column `sku`"),
        ("t.csv", b"sku,sku\nA,B\n", "stands there twice"),
        ("t.csv", b"sku\n\xb2\xe2\n", "line 2 is no UTF-8"),
        ("t.csv", b'sku,title\nA,"x\n', "no CSV"),
        ("t.csv", b"sku\nT\0EA\n", "'T\\x00EA' holds a control character"),
        ("t.csv", b'sku\n"T\nEA"\n', "holds a control character"),
        ("t.xlsx", b"sku\nA\n", "no XLSX"),
    ],
)
def test_a_table_that_cannot_be_read_is_told(name: str, content: bytes, wrong: str) -> None:
    table = read_table(Path(name), content, name=name)

    assert wrong in str(table.problems[0])


def test_a_workbook_is_read_as_people_see_it(folder: Folder) -> None:
    _workbook(
        folder.path / "skus.xlsx", [["sku", "low_stock", "sell"], [10045, 5, True], ["B", "x"]]
    )
    folder.with_least("skus: {table: skus.xlsx}")

    problem = folder.problem()
    _workbook(folder.path / "skus.xlsx", [["sku", "low_stock", "sell"], [10045, 5, True]])
    loaded = folder.load()

    assert str(problem.where) == "skus.xlsx: row 3, column low_stock"
    assert loaded.catalog.settings("10045").low_stock == 5
    assert loaded.catalog.settings("10045").offers.sell is True


def test_a_table_that_is_not_there_is_told_at_its_name(folder: Folder) -> None:
    folder.with_least("skus: {table: absent.csv}")

    problem = folder.problem()

    assert "the table cannot be read" in problem.wrong
    assert problem.path == ("skus", "table")


def test_a_remote_sku_is_found_by_name_by_alias_or_as_it_stands(folder: Folder) -> None:
    folder.with_least("skus: {items: {A: {aliases: [old-a]}}}")

    catalog = folder.load().catalog

    assert [catalog.sku_for(name) for name in ("A", " old-a ", "new", "", "  ")] == [
        "A", "A", "new", None, None,
    ]  # fmt: skip


def test_only_what_is_written_is_known_where_the_shop_wants_it_so(folder: Folder) -> None:
    folder.with_least("skus: {accept_channel_skus: false, items: {A: {aliases: [old-a]}}}")

    catalog = folder.load().catalog

    assert [catalog.sku_for(name) for name in ("A", "old-a", "new")] == ["A", "A", None]


def test_a_kit_within_a_kit_is_taken_apart(folder: Folder) -> None:
    folder.with_least(
        "skus: {items: {PAIR: {components: {A: 2}}, BOX: {components: {PAIR: 3, A: 1, B: 1}}}}"
    )

    catalog = folder.load().catalog

    assert catalog.components_of("BOX") == {"A": 7, "B": 1}
    assert catalog.components_of("A") == {}
    assert set(catalog.kits_with("A")) == {"PAIR", "BOX"}


def test_a_kit_that_is_part_of_itself_is_refused(folder: Folder) -> None:
    _with_table(folder, "sku,components\nA,B:1\n", "  items: {B: {components: {A: 1}}}\n")

    problem = folder.problem()

    assert "part of itself: A -> B -> A" in problem.wrong
    assert problem.where == "skus.csv: row 2, column components"


def test_an_unknown_component_is_refused_where_only_the_written_is_known(folder: Folder) -> None:
    folder.with_least(
        "skus: {accept_channel_skus: false, items: {MUG-BLUE: {}, K: {components: {MUG-BLU: 1}}}}"
    )

    problem = folder.problem()

    assert "'MUG-BLU' is no Sku" in problem.wrong
    assert problem.fix == "did you mean 'MUG-BLUE'?"


def test_an_alias_cannot_mean_two_skus(folder: Folder) -> None:
    folder.with_least("skus: {items: {A: {aliases: [x, B]}, B: {aliases: [x]}}}")

    wrong = [problem.wrong for problem in folder.problems()]

    assert sorted(wrong) == ["'B' means 'B' already", "'x' means 'A' already"]


def test_a_sku_stands_in_the_table_or_in_the_yaml(folder: Folder) -> None:
    _with_table(folder, "sku\nA\n", "  items:\n    A: {}\n")

    problem = folder.problem()

    assert "is written at" in problem.wrong
    assert "lockstep.yaml:6:5" in problem.wrong


def test_the_narrower_policy_wins_field_by_field(folder: Folder) -> None:
    folder.with_least(
        CHANNELS
        + """\
policies:
  - {name: all, buffer: 1}
  - {name: fragile, when: '"fragile" in sku.tags', cap: 9, buffer: 3}
  - {name: no amazon, when: 'sku.id == "A"', channels: [amazon], sell: false}
skus: {items: {A: {tags: [fragile], offers: {cap: 5}}, B: {tags: [fragile]}}}
"""
    )

    policies = folder.load().policies

    assert policies.policy_for("A", "shop") == Policy(percent=90, buffer=3, cap=5)
    assert policies.policy_for("A", "amazon") == Policy(buffer=3, cap=5, sell=False)
    assert policies.policy_for("B", "shop") == Policy(percent=90, buffer=3, cap=9)
    assert policies.policy_for("unwritten", "shop") == Policy(percent=90, buffer=1)
    assert policies.rules_for("A", "amazon") == ("all", "fragile", "no amazon")


def test_a_rule_for_places_narrows_each_of_them(folder: Folder) -> None:
    folder.with_least(
        CHANNELS
        + """\
locations: {own: {}, acme: {}, beta: {}}
location_groups: {suppliers: [acme, beta]}
policies:
  - {name: doubt, locations: [suppliers], percent: 80}
  - {name: not here, locations: [beta], channels: [amazon], sell: false}
  - {name: whole, buffer: 1}
"""
    )

    policies = folder.load().policies

    assert policies.policy_for("A", "shop").places == (
        ("acme", PlacePolicy(percent=80)),
        ("beta", PlacePolicy(percent=80)),
    )
    assert policies.policy_for("A", "amazon").places == (
        ("acme", PlacePolicy(percent=80)),
        ("beta", PlacePolicy(percent=80, sell=False)),
    )
    assert policies.policy_for("A", "amazon").buffer == 1


def test_a_place_is_barred_where_a_rule_does_not_sell_from_it(folder: Folder) -> None:
    folder.with_least(
        CHANNELS
        + """\
locations: {own: {}, acme: {}, beta: {}}
location_groups: {suppliers: [acme, beta]}
policies:
  - {name: not here, locations: [suppliers], channels: [amazon], sell: false}
  - {name: but gifts, when: '"gift" in sku.tags', locations: [beta], sell: true}
  - {name: nothing counts, locations: [own], percent: 0}
skus: {items: {A: {}, B: {tags: [gift]}}}
seasons:
  - {name: feast, first: 2026-12-01, last: 2026-12-24, policies: [
      {name: ours, locations: [own], channels: [shop], sell: false}]}
"""
    )

    policies = folder.load().policies

    feast = date(2026, 12, 2)
    assert policies.barred("A", "amazon", today=feast) == {"acme", "beta"}
    assert policies.barred("B", "amazon", today=feast) == {"acme"}
    assert policies.barred("A", "shop", today=feast) == {"own"}
    assert policies.barred("A", "shop", today=date(2026, 11, 30)) == frozenset()


def test_while_a_condition_fails_every_place_is_barred_that_a_rule_may_bar(
    folder: Folder,
) -> None:
    folder.with_least(
        CHANNELS
        + """\
locations: {own: {}, acme: {}, beta: {}}
policies:
  - {name: broken, when: '10 / (size(sku.id) - 1) != 0', cap: 9}
  - {name: not here, when: 'sku.kit', locations: [beta], channels: [amazon], sell: false}
  - {name: doubt, locations: [acme], percent: 80}
skus: {items: {A: {}}}
"""
    )

    policies = folder.load().policies

    assert policies.barred("A", "amazon") == {"beta"}
    assert policies.barred("A", "shop") == frozenset()
    assert policies.barred("12", "amazon") == frozenset()


def test_a_season_wins_over_the_skus_own_policy_between_its_days(folder: Folder) -> None:
    folder.with_least(
        CHANNELS
        + """\
policies: [{name: all, buffer: 1, preorder: {units: 4, until: 2027-01-10}}]
skus: {items: {A: {tags: [gift], offers: {buffer: 3, backorder: {units: 2, until: 2027-02-01}}}}}
seasons:
  - {name: gifts, first: 2026-12-01, last: 2026-12-24, policies: [
      {name: deep, when: '"gift" in sku.tags', buffer: 9, share_components: split}]}
  - {name: late, first: 2026-12-24, last: 2026-12-24, policies: [{name: none, buffer: 12}]}
"""
    )

    policies = folder.load().policies

    def buffer(sku: str, month: int, day: int) -> int:
        return policies.policy_for(sku, "shop", today=date(2026, month, day)).buffer

    days = ((11, 30), (12, 1), (12, 23), (12, 24), (12, 25))
    assert [buffer("A", *day) for day in days] == [3, 9, 9, 12, 3]
    assert [buffer("B", *day) for day in days] == [1, 1, 1, 12, 1]
    assert policies.rules_for("A", "shop", today=date(2026, 12, 2)) == ("all", "gifts: deep")
    assert policies.rules_for("A", "shop") == ("all",)
    assert policies.turning_days == {
        date(2026, 12, 1), date(2026, 12, 24), date(2026, 12, 25), date(2027, 1, 10),
        date(2027, 2, 1),
    }  # fmt: skip
    assert policies.turns("A", "shop", after=date(2026, 11, 30), until=date(2026, 12, 1))
    assert not policies.turns("B", "shop", after=date(2026, 11, 30), until=date(2026, 12, 1))
    assert policies.turns("A", "shop", after=date(2027, 1, 31), until=date(2027, 2, 1))
    assert not policies.turns("B", "shop", after=date(2027, 1, 31), until=date(2027, 2, 1))
    assert policies.shares


def test_a_sku_is_looked_at_once_however_often_it_is_asked_for(folder: Folder) -> None:
    folder.with_least(CHANNELS + "policies: [{name: a, when: 'sku.kit', cap: 1}]")
    policies = folder.load().policies

    first = policies.policy_for("A", "shop")

    assert policies.policy_for("A", "shop") is first
    assert policies.policy_for("B", "shop") is first


def test_an_order_is_held_by_each_rule_that_picks_it(folder: Folder) -> None:
    folder.with_least(
        """\
        review:
          rules:
            - {name: dear, when: 'order.total > 100000'}
            - {name: gift, when: '"gift" in order.tags'}
            - {name: ours, when: 'order.lines.exists(l, l.sku == "MUG")'}
        skus: {items: {MUG: {aliases: [A]}}}
        """
    )

    hits = folder.load().order_rules.met(_order()).holds

    assert hits == ("gift", "ours")


def test_a_rule_that_fails_on_an_order_holds_it(folder: Folder) -> None:
    folder.with_least(
        "review: {rules: [{name: odd, when: 'size(order.tags) < 2 && false || "
        'size(order.tags) > 1 && order.tags[5] == "x"\'}]}'
    )
    rules = folder.load().order_rules

    hits = rules.met(replace(_order(), tags=("a", "b"))).holds

    assert hits == ("odd",)
    assert rules.met(_order()).holds == ()


def _workbook(path: Path, rows: list[list[object]]) -> None:
    """The least an XLSX file is: a zip with one sheet (ECMA-376)."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    cells = "".join(
        f'<row r="{number}">{"".join(_cell(value) for value in row)}</row>'
        for number, row in enumerate(rows, start=1)
    )
    with ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
            'ContentType="application/xml"/><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="Skus" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        file.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        )


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
