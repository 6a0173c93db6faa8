"""Spreadsheets that go out: cells that nobody runs as formulas, and the lines of a purchase order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from core.model.money import Money
from core.model.purchasing import PurchaseOrder

#: One line per thing.
PURCHASE_COLUMNS = (
    "order", "item", "sku", "quantity", "packs", "pack", "unit_price", "currency",
    "deliver_to", "needed_on", "ordered_at",
)  # fmt: skip

#: A cell that begins like this is run as a formula by spreadsheets
#: (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """One line that no spreadsheet runs as a formula."""
    one_line = "".join(c if c.isprintable() else " " for c in text).strip()
    return f"'{one_line}" if one_line.startswith(_FORMULA_STARTS) else one_line


def plain_cell(cell: str) -> str:
    """What `safe_cell` made this of, when it comes back."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA_STARTS) else text


def purchase_rows(order: PurchaseOrder) -> Iterator[tuple[str | int, ...]]:
    """The cells of each line, as `PURCHASE_COLUMNS` has them; quantities are units."""
    needed = order.needed_on.isoformat() if order.needed_on else ""
    at = order.ordered_at.astimezone(UTC).isoformat(timespec="seconds")
    for line in order.lines:
        price, currency = _price(line.price)
        yield (
            *map(safe_cell, (order.number, line.item, line.sku)),
            line.quantity,
            line.quantity // line.pack,
            line.pack,
            price,
            currency,
            safe_cell(order.location),
            needed,
            at,
        )


def _price(price: Money | None) -> tuple[str, str]:
    if price is None:
        return "", ""
    amount, _, currency = str(price).partition(" ")
    return amount, currency
