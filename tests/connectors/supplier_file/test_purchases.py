"""Our purchase order as a file, their answers as our facts."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from connectors.supplier_file import purchases
from core.errors import Rejected
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder
from tests.connectors.supplier_file.test_mapping import NOON, file

LINES = (
    PurchaseLine("MUG", "AC-7", 48, Money(1850, "CNY"), pack=24),
    PurchaseLine("=cmd()", "@sum", 5),
)


def order(**changes: object) -> PurchaseOrder:
    facts = {"number": "PO-acme-1", "supplier": "acme", "location": "newark", "lines": LINES,
             "ordered_at": NOON, "needed_on": date(2026, 12, 24), **changes}  # fmt: skip
    return PurchaseOrder(**facts)  # type: ignore[arg-type]


def test_an_order_says_units_packs_prices_and_when_and_runs_no_formula() -> None:
    document = purchases.purchase_document(order())

    first, second = csv.DictReader(io.StringIO(document.decode(), newline=""))
    assert first == {
        "order": "PO-acme-1", "item": "AC-7", "sku": "MUG", "quantity": "48", "packs": "2",
        "pack": "24", "unit_price": "18.50", "currency": "CNY", "deliver_to": "newark",
        "needed_on": "2026-12-24", "ordered_at": "2026-11-24T12:00:00+00:00",
    }  # fmt: skip
    assert (second["item"], second["sku"], second["unit_price"]) == ("'@sum", "'=cmd()", "")


def test_an_order_without_a_day_asks_for_none() -> None:
    assert b",,2026-11-24T12" in purchases.purchase_document(order(needed_on=None))


def test_answers_are_read_and_bad_lines_are_told_with_their_reason() -> None:
    content = (
        "order,item,quantity,ready_on,reference\n"
        "PO-1,AC-7,24,2026-12-03,SO-9\n"
        "PO-1,AC-8,0,,\n"
        "PO-1,AC-9,12/24,,\n"
        "PO-1,AC-10,-1,,\n"
        "PO-1,AC-11,5,soon,\n"
        ",AC-12,5,,\n"
        "PO-1,AC-13\n"
    )

    items, rejects, raw = purchases.answers(file(content))

    assert [(one.item, one.quantity, one.ready_on) for one in items] == [
        ("AC-7", 24, date(2026, 12, 3)),
        ("AC-8", 0, None),
    ]
    assert items[0].reference == "SO-9"
    assert items[0].at == NOON
    assert [one.remote_id for one in rejects] == [f"theirs.csv line {n}" for n in (4, 5, 6, 7, 8)]
    assert [one.problem for one in rejects][:3] == [
        "'12/24' is no whole number",
        "-1 units cannot come",
        "'soon' is no instant",
    ]
    assert dict(raw).keys() == {"PO-1 AC-7", "PO-1 AC-8"}


def test_their_headings_and_days_are_read_as_they_write_them() -> None:
    content = "PO;Artikel;Menge;Fertig\nPO-1;AC-7;24;12/03/2026 23:30\n"
    columns = {"order": "PO", "item": "Artikel", "quantity": "Menge", "ready_on": "Fertig"}

    read = file(
        content, delimiter=";", purchase_answer=columns, instants=["%m/%d/%Y %H:%M"],
        timezone="Asia/Shanghai",
    )  # fmt: skip
    (one,), _, _ = purchases.answers(read)

    assert one.ready_on == date(2026, 12, 3)


def test_a_file_without_a_column_that_is_needed_is_refused_whole() -> None:
    with pytest.raises(Rejected, match="no column 'quantity'"):
        purchases.answers(file("order,item\nPO-1,AC-7\n"))
