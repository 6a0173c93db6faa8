"""Files of every layout: the same figures, whatever they are written in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.supplier_file import unfolding
from core.errors import Rejected
from core.model.money import Money
from tests.connectors.supplier_file.reading import quantities, snapshot
from tests.connectors.supplier_file.workbooks import workbook

FIGURES = {"MUG-1": 5, "CUP-9": 40}


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ("sku\tquantity\nMUG-1\t5\nCUP-9\t40\n", {"kind": "tsv"}),
        ('sku\tquantity\n"MUG-1\t5\nCUP-9\t40\n'.replace('"', ""), {"kind": "csv", "delimiter": "\t"}),
        ("MUG-1    5\nCUP-9   40\n",
         {"kind": "fixed", "columns": {"sku": [1, 6], "quantity": [7, 11]}}),
        ("STOCK LIST\n\nMUG-1    5\nCUP-9   40\n",
         {"kind": "fixed", "skip": 2, "columns": {"sku": [1, 6], "quantity": [7, 11]}}),
        (json.dumps([{"sku": "MUG-1", "quantity": 5}, {"sku": "CUP-9", "quantity": "40"}]),
         {"kind": "json"}),
        (json.dumps({"stock": {"items": [{"sku": s, "quantity": n} for s, n in FIGURES.items()]}}),
         {"kind": "json", "rows": "stock.items"}),
        ('{"sku": "MUG-1", "quantity": 5}\n\n{"sku": "CUP-9", "quantity": 40.0}\n',
         {"kind": "json", "lines": True}),
        (workbook([["sku", "quantity"], ["MUG-1", 5], ["CUP-9", 40.0]]), {"kind": "xlsx"}),
    ],
)  # fmt: skip
def test_every_layout_tells_the_same_figures(content: str | bytes, layout: dict[str, Any]) -> None:
    assert quantities(content, layout=layout) == FIGURES


def test_a_quote_in_a_tab_separated_file_is_a_letter() -> None:
    read = quantities('sku\tquantity\tname\nA\t5\t3/4" pipe\nB\t6\tx\n', layout={"kind": "tsv"})

    assert read == {"A": 5, "B": 6}


# headings


def test_columns_may_be_named_by_their_places_where_there_are_no_headings() -> None:
    read = quantities(
        "x,A,5\ny,B,6\n", layout={"kind": "csv", "header": 0}, stock={"sku": 2, "quantity": 3}
    )

    assert read == {"A": 5, "B": 6}


@pytest.mark.parametrize("header", [4, ["SKU", "On hand"]])
def test_headings_are_found_below_titles_by_number_or_by_what_they_must_have(header: Any) -> None:
    rows = [["Acme weekly stock", None, None], [None, None, None], ["as of Monday", None, None],
            [None, "sku", "on hand"], [None, "A", 5]]  # fmt: skip

    read = quantities(
        workbook(rows),
        layout={"kind": "xlsx", "header": header},
        stock={"sku": "SKU", "quantity": "On Hand"},
    )

    assert read == {"A": 5}


def test_headings_that_are_nowhere_are_named() -> None:
    with pytest.raises(Rejected, match="none of its first 200 lines has the headings Nr, Units"):
        snapshot("a,b\n1,2\n", layout={"kind": "csv", "header": ["Nr", "Units"]})


def test_a_heading_that_is_there_twice_is_not_guessed_between() -> None:
    with pytest.raises(Rejected, match="column 'quantity' is there 2 times; name it by its place"):
        snapshot("sku,quantity,quantity\nA,5,50\n")


# cells of workbooks


def test_a_upc_that_was_read_as_a_number_gets_its_zeros_back() -> None:
    rows = [["UPC", "Qty"], [76123400003.0, 5], ["000123456789", 6], ["SPECIAL", 7]]

    read = quantities(
        workbook(rows),
        layout={"kind": "xlsx", "widths": {"UPC": 12}},
        stock={"sku": "UPC", "quantity": "Qty"},
    )

    assert read == {"076123400003": 5, "000123456789": 6, "SPECIAL": 7}


def test_a_formula_counts_for_what_it_came_to_and_text_like_one_is_data() -> None:
    read = quantities(
        workbook([["sku", "quantity"], ["=1+1", 7], ["@cmd", 8]], formula="SUM(A1:A9)"),
        layout={"kind": "xlsx"},
    )

    assert read == {"=1+1": 7, "@cmd": 8}


def test_a_sheet_is_chosen_by_name_and_a_wrong_name_is_told_with_those_there_are() -> None:
    book = workbook([["sku", "quantity"], ["A", 1]], sheet="Bestand")

    assert quantities(book, layout={"kind": "xlsx", "sheet": "Bestand"}) == {"A": 1}
    with pytest.raises(Rejected, match="there is no sheet 'Stock'; found Bestand") as refused:
        snapshot(book, layout={"kind": "xlsx", "sheet": "Stock"})
    assert refused.value.code == "not-a-workbook"


def test_an_identity_that_a_spreadsheet_rounded_is_no_identity() -> None:
    read = snapshot("sku,quantity\n4.00638E+12,5\nA,1\n")

    assert dict(read.by_sku) == {"A": 1}
    assert read.problems[0][2] == "4.00638E+12 is a number that a spreadsheet rounded"


# JSON


def test_numbers_in_json_keep_every_digit() -> None:
    read = quantities('[{"sku": 12345678901234567890, "quantity": 3}]', layout={"kind": "json"})

    assert read == {"12345678901234567890": 3}


def test_columns_in_json_are_paths_and_odd_rows_are_told() -> None:
    told = [{"id": {"sku": "A"}, "level": {"free": 5}}, "nonsense", {"other": 1}]

    read = snapshot(
        json.dumps(told), layout={"kind": "json"}, stock={"sku": "id.sku", "quantity": "level.free"}
    )

    assert dict(read.by_sku) == {"A": 5}
    assert [why for _, _, why in read.problems] == ["3 cells under 2 headings"] * 2


@pytest.mark.parametrize(
    ("content", "layout", "words"),
    [
        ("{", {"kind": "json"}, "no JSON"),
        ('{"a": []}', {"kind": "json", "rows": "b"}, "there is no 'b' of 'b'; found a"),
        ('{"a": 1}', {"kind": "json", "rows": "a"}, "a is no list"),
        ('{"sku": 1}\nx\n', {"kind": "json", "lines": True}, "line 2: no JSON"),
        ("[" * 100_000, {"kind": "json"}, "lists within lists without end|no JSON"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(
    content: str, layout: dict[str, Any], words: str
) -> None:
    with pytest.raises(Rejected, match=words) as refused:
        snapshot(content, layout=layout)

    assert refused.value.code == "not-json"


def test_a_workbook_with_terms_is_unfolded_once_with_its_headings_and_zeros(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[object] = []
    real = unfolding.subprocess.run
    monkeypatch.setattr(
        unfolding.subprocess,
        "run",
        lambda *given, **told: started.append(1) or real(*given, **told),
    )
    rows = [["Stock list"], ["UPC", "Qty", "Cost"], [76123400003.0, 5, 4.5]]

    read = snapshot(
        workbook(rows),
        layout={"kind": "xlsx", "header": 2, "widths": {"UPC": 12}},
        stock={"sku": "UPC", "quantity": "Qty", "cost": "Cost"},
    )
    [item] = list(read.terms)

    assert (item.sku, item.cost) == ("076123400003", Money(450, "USD"))
    assert len(started) == 1
