"""Invoices in CSV: one line for each thing, whole or not at all."""

from __future__ import annotations

from datetime import date

from connectors.supplier_file.invoices import invoices
from core.model.invoices import InvoicedLine
from core.model.money import Money
from tests.connectors.supplier_file.test_mapping import file


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def test_lines_of_one_invoice_are_one_invoice_with_its_charges() -> None:
    read = file(
        "invoice,order,date,item,quantity,unit_price,charges,total\n"
        "I-1,PO-1,2026-11-24,V-77,10,4.00,6.50,71.49\n"
        "I-1,PO-1,2026-11-24,V-88,6,4.165,6.50,71.49\n"
        "I-2,PO-1,2026-11-24T23:30:00-05:00,V-77,1,4,,\n"
    )
    (first, second), rejects, raw = invoices(read)

    # then half a cent is rounded as bills are, and the total is what they say, right or wrong
    assert first.lines == (
        InvoicedLine("V-77", 10, usd(4000)),
        InvoicedLine("V-88", 6, usd(2499)),
    )
    assert (first.extras, first.total, first.reckoned) == (usd(650), usd(7149), usd(7149))
    assert (second.on, second.total) == (date(2026, 11, 25), usd(400))
    assert rejects == []
    assert [number for number, _ in raw] == ["I-1", "I-2"]


def test_an_amount_counts_before_a_price_and_a_credit_says_so() -> None:
    read = file(
        "invoice,order,date,item,quantity,amount,unit_price,kind,currency\n"
        'C-1,PO-1,2026-11-24,V-77,2,"1,800.00",4.00,Credit Memo,cny\n'
    )
    ((one,), rejects, _) = invoices(read)
    assert one.credit
    assert one.lines[0].amount == Money(180_000, "CNY")
    assert rejects == []


def test_an_invoice_with_an_unreadable_line_is_refused_whole_and_the_others_go_through() -> None:
    read = file(
        "invoice,order,date,item,quantity,unit_price,total,currency\n"
        "I-1,PO-1,2026-11-24,V-77,10,4.00,,\n"
        "I-1,PO-1,2026-11-24,V-88,-2,4.00,,\n"
        "I-2,PO-1,2026-11-24,V-77,1,4.00,4.00,\n"
        "I-2,PO-1,2026-11-24,V-88,1,4.00,5.00,\n"
        "I-3,PO-1,2026-11-24,V-77,1,NaN,,\n"
        "I-4,PO-1,,V-77,1,4.00,,\n"
        ",PO-1,2026-11-24,V-77,1,4.00,,\n"
        "I-5,,2026-11-24,V-77,1,4.00,,\n"
        "I-6,PO-1,2026-11-24,V-77,1,4.00,,Dollars\n"
    )
    ((one,), rejects, _) = invoices(read)
    assert (one.number, one.order) == ("I-5", "")
    assert [reject.problem for reject in rejects] == [
        "invoice is empty",
        "I-1: -2 units on a line; what is given back is an invoice of its own",
        "I-2: total is not the same on its lines: 4.00, 5.00",
        "I-3: 'NaN' is no amount",
        "I-4: date is empty",
        "I-6: 'DOLLARS' is no currency; three letters as USD are expected",
    ]
