"""Their invoices as our facts. Pure, like `mapping`.

An invoice of which a line cannot be read is refused whole: its sum would be wrong.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import date
from decimal import Decimal, InvalidOperation

from connectors.supplier_file.cells import Unreadable, quantity_of
from connectors.supplier_file.files import File
from connectors.supplier_file.mapping import Row, cell_of, day_of, reject_of, required_of, rows_of
from core.model.invoices import Invoice, InvoicedLine
from core.model.money import Money
from core.ports import Reject

#: Words for an invoice that gives money back, lower case.
_CREDITS = ("credit", "credit note", "credit memo", "cr")


def invoices(file: File) -> tuple[list[Invoice], list[Reject], list[tuple[str, str]]]:
    """Invoices, what could not be read, and each invoice's raw lines as JSON by its number."""
    columns = file.format.invoice
    rows: dict[str, list[Row]] = defaultdict(list)
    rejects: list[Reject] = []
    for row in rows_of(
        file,
        needed=(columns.invoice, columns.order, columns.date, columns.item, columns.quantity),
        optional=(
            columns.amount, columns.unit_price, columns.currency, columns.charges, columns.total,
            columns.kind,
        ),
    ):  # fmt: skip
        if not isinstance(row, Row):
            rejects.append(reject_of(file, "invoice", *row))
            continue
        try:
            rows[required_of(row, columns.invoice)].append(row)
        except Unreadable as why:
            rejects.append(reject_of(file, "invoice", row.line, row.text, str(why)))
    items: list[Invoice] = []
    raw: list[tuple[str, str]] = []
    for number, mine in rows.items():
        try:
            items.append(_invoice(number, mine, file))
        except Unreadable as why:
            text = "\n".join(row.text for row in mine)
            rejects.append(reject_of(file, "invoice", mine[0].line, text, f"{number}: {why}"))
            continue
        cells = [dict(row.cells) for row in mine]
        raw.append((number, json.dumps(cells, ensure_ascii=False)))
    return items, rejects, raw


def _invoice(number: str, rows: list[Row], file: File) -> Invoice:
    columns = file.format.invoice
    currency = (_same(rows, columns.currency) or file.format.currency).upper()
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Unreadable(f"{currency[:20]!r} is no currency; three letters as USD are expected")
    lines = [_line(row, currency, file) for row in rows]
    charges = _money(_same(rows, columns.charges) or "0", currency)
    goods = Money(sum(one.amount.amount for one in lines), currency)
    total = _same(rows, columns.total)
    return Invoice(
        number=number,
        order=_same(rows, columns.order),
        on=_day(rows, file),
        currency=currency,
        lines=tuple(lines),
        extras=charges,
        total=_money(total, currency) if total else goods + charges,
        credit=_same(rows, columns.kind).lower() in _CREDITS,
    )


def _line(row: Row, currency: str, file: File) -> InvoicedLine:
    columns = file.format.invoice
    quantity = quantity_of(required_of(row, columns.quantity))
    if quantity < 0:
        raise Unreadable(f"{quantity} units on a line; what is given back is an invoice of its own")
    if amount := cell_of(row, columns.amount):
        money = _money(amount, currency)
    else:
        price = _decimal(required_of(row, columns.unit_price))
        money = _money(format(price * quantity, "f"), currency)
    return InvoicedLine(required_of(row, columns.item), quantity, money)


def _day(rows: list[Row], file: File) -> date:
    found = day_of(_same(rows, file.format.invoice.date), file)
    if found is None:
        raise Unreadable(f"{file.format.invoice.date} is empty")
    return found


def _same(rows: list[Row], column: str) -> str:
    """What stands on every line of one invoice; some write it on the first alone."""
    found = {cell for row in rows if (cell := cell_of(row, column))}
    if len(found) > 1:
        raise Unreadable(f"{column} is not the same on its lines: {', '.join(sorted(found)[:3])}")
    return found.pop() if found else ""


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise Unreadable(f"{text[:20]!r} is no amount") from None
    if not value.is_finite() or value.adjusted() > 12:
        raise Unreadable(f"{text[:20]!r} is no amount")
    return value


def _money(text: str, currency: str) -> Money:
    return Money.rounded(_decimal(text), currency)
