"""Files that are damaged, or made to do harm: refused with words, and nothing else stops."""

from __future__ import annotations

import io
import resource
import zipfile
from typing import Any

import pytest

from connectors.supplier_file import unfolding
from connectors.supplier_file.stock import KEPT_PROBLEMS
from core.errors import Rejected
from tests.connectors.supplier_file.reading import snapshot
from tests.connectors.supplier_file.workbooks import workbook


def refused(content: str | bytes, **kwargs: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        snapshot(content, **kwargs)
    return caught.value


def test_an_archive_that_says_it_unpacks_to_more_than_is_read_is_not_unpacked() -> None:
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet,
    ):
        for _ in range(1_100):
            sheet.write(bytes(1 << 20))

    told = refused(made.getvalue(), layout={"kind": "xlsx"})

    assert told.code == "too-large"
    assert f"unpacked {1_100 << 20:,}" in str(told)


def test_a_workbook_that_needs_more_memory_than_it_may_have_ends_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unfolding, "MEMORY", 150 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    book = workbook([["sku", "quantity"]], more=b"<row><c><v>1</v></c></row>" * 4_000_000)

    told = refused(book, layout={"kind": "xlsx"})

    assert told.code == "too-large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


def test_what_is_no_workbook_is_refused() -> None:
    for content in (
        b"",
        b"sku,quantity\nA,1\n",
        b"PK\x03\x04 and nothing",
        workbook([["a"]])[:200],
    ):
        assert refused(content, layout={"kind": "xlsx"}).code == "not-a-workbook"


def test_a_line_without_end_is_refused() -> None:
    told = refused("sku,quantity\n" + "A" * 1_200_000 + ",1\n")

    assert told.code == "too-long"


def test_a_quote_that_never_closes_is_refused_with_its_line() -> None:
    told = refused('sku,quantity\n"A,1\n' + "B,2\n" * 100_000)

    assert told.code == "not-csv"
    assert "field larger than field limit" in str(told)


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (",".join(f"c{n}" for n in range(10_000)) + "\n", {"kind": "csv"}),
        (workbook([[f"c{n}" for n in range(10_000)]]), {"kind": "xlsx"}),
    ],
)
def test_ten_thousand_columns_are_no_stock_file(
    content: str | bytes, layout: dict[str, Any]
) -> None:
    told = refused(content, layout=layout)

    assert told.code == "too-wide"
    assert "10,000 columns; 1,000 are read" in str(told)


def test_more_lines_than_expected_are_refused_before_they_fill_the_memory() -> None:
    csv = refused("sku,quantity\n" + "A,1\n" * 20, most_lines=10)
    xlsx = refused(
        workbook([["sku", "quantity"], *([["A", 1]] * 20)]), layout={"kind": "xlsx"}, most_lines=10
    )

    assert (csv.code, xlsx.code) == ("too-many-lines", "too-many-lines")
    assert "set most_lines" in str(csv)


def test_nuls_are_told_whether_in_a_cell_or_everywhere() -> None:
    read = snapshot("sku,quantity\nA\0B,1\nC,2\n")
    everywhere = refused("sku,quantity\nA,1\n".encode("utf-16-le"))

    assert dict(read.by_sku) == {"C": 2}
    assert read.problems[0][2] == "a NUL in its SKU"
    assert "is it UTF-16 without a mark?" in str(everywhere)


def test_two_encodings_in_one_file_are_none() -> None:
    mixed = "sku,quantity\n杯,1\n".encode() + "杯子,2\n".encode("gbk")

    told = refused(mixed, encoding="cp1252")

    assert told.code == "encoding"
    assert "not utf-8 at byte" in str(told)


def test_a_number_of_thousands_of_digits_is_one_bad_line() -> None:
    read = snapshot(f"sku,quantity\nA,{'9' * 6_000}\nB,2\n")

    assert dict(read.by_sku) == {"B": 2}


def test_of_a_hundred_thousand_bad_lines_some_are_kept_and_all_are_counted() -> None:
    read = snapshot("sku,quantity\n" + "A,many\n" * 100_000)

    assert len(read.problems) == KEPT_PROBLEMS
    assert read.more_problems == 100_000 - KEPT_PROBLEMS
