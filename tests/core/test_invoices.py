"""An invoice against what was ordered and what came."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.model.invoices import Invoice, InvoicedLine, InvoiceState
from core.model.money import Money
from core.rules.invoices import Supplied, Terms, match

NAMES = {"V-77": "MUG", "MUG": "MUG", "V-88": "TEA", "TEA": "TEA"}


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def bill(*lines: tuple[str, int, int], extras: int = 0, **changes: object) -> Invoice:
    """(item, units, cents together)."""
    made = tuple(InvoicedLine(item, units, usd(cents)) for item, units, cents in lines)
    total = usd(sum(cents for *_, cents in lines) + extras)
    one = Invoice("INV-1", "PO-1", date(2026, 11, 24), "USD", made, usd(extras), total)
    return replace(one, **changes)  # type: ignore[arg-type]


def mugs(*, ordered: int = 10, came: int = 10, billed: int = 0) -> dict[str, Supplied]:
    return {"MUG": Supplied(ordered, came, billed, usd(400)), "TEA": Supplied(5, 5, 0, None)}


def told(
    invoice: Invoice, supplied: dict[str, Supplied] | None, *, overdue: bool = False, **terms: int
) -> tuple[InvoiceState, list[str]]:
    found = match(invoice, supplied, names=NAMES, terms=Terms(**terms), overdue=overdue)
    return found.state, [one.code for one in found.differences]


MATCHED, WAITING, DIFFERS = InvoiceState.MATCHED, InvoiceState.WAITING, InvoiceState.DIFFERS


def test_what_was_ordered_came_and_costs_what_was_agreed_is_matched() -> None:
    assert told(bill(("V-77", 10, 4000)), mugs()) == (MATCHED, [])


def test_goods_that_have_not_come_are_waited_for_until_that_is_too_long() -> None:
    some = bill(("V-77", 10, 4000))
    assert told(some, mugs(came=6)) == (WAITING, ["invoice_ahead"])
    assert told(some, mugs(came=6), overdue=True) == (DIFFERS, ["invoice_ahead"])


def test_what_may_still_come_is_not_told_beside_what_is_wrong() -> None:
    some = bill(("V-77", 10, 5000))
    assert told(some, mugs(came=6)) == (DIFFERS, ["invoice_price"])
    assert told(some, mugs(came=6), overdue=True)[1] == ["invoice_price", "invoice_ahead"]


@pytest.mark.parametrize(
    ("invoice", "code"),
    [
        (bill(("V-77", 11, 4400)), "invoice_over"),
        (bill(("V-77", 10, 4200)), "invoice_price"),
        (bill(("V-77", 10, 3000)), "invoice_price"),
        (bill(("TEA", 5, 999)), "invoice_no_price"),
        (bill(("V-99", 1, 100)), "invoice_strange"),
        (bill(("V-77", 10, 4000), extras=500), "invoice_extras"),
        (bill(("V-77", 10, 4000), total=usd(4100)), "invoice_total"),
    ],
)
def test_every_other_difference_is_for_a_person_at_once(invoice: Invoice, code: str) -> None:
    assert told(invoice, mugs()) == (DIFFERS, [code])


def test_the_same_goods_on_a_second_invoice_are_billed_twice() -> None:
    assert told(bill(("V-77", 10, 4000)), mugs(billed=10)) == (DIFFERS, ["invoice_over"])


def test_an_order_nobody_knows_is_told_as_that_alone() -> None:
    assert told(bill(("V-77", 11, 1)), None) == (DIFFERS, ["invoice_no_order"])


def test_tolerances_are_percent_of_the_line_and_of_the_goods() -> None:
    some = bill(("V-77", 10, 4080), extras=400)
    assert told(some, mugs(), price=2, extras=10) == (MATCHED, [])
    assert told(some, mugs(), price=1, extras=9)[1] == ["invoice_price", "invoice_extras"]


def test_another_currency_is_a_difference_whatever_the_amount() -> None:
    line = InvoicedLine("V-77", 10, Money(4000, "CAD"))
    cad = Money(4000, "CAD")
    one = Invoice("INV-1", "PO-1", date(2026, 11, 24), "CAD", (line,), Money(0, "CAD"), cad)
    assert told(one, mugs()) == (DIFFERS, ["invoice_currency"])


def test_a_unit_price_that_does_not_come_out_even_is_no_difference() -> None:
    # given 24 in a carton for 95.99
    assert told(bill(("V-77", 24, 9599)), mugs(ordered=24, came=24)) == (MATCHED, [])


def test_a_credit_may_give_back_what_was_billed_and_no_more() -> None:
    back = bill(("V-77", 2, 800), credit=True)
    assert told(back, mugs(billed=10)) == (MATCHED, [])
    assert told(back, mugs(billed=1)) == (DIFFERS, ["invoice_credits_more"])
