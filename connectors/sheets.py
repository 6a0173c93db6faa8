"""Spreadsheets that go out: cells that nobody runs as formulas, and the lines of a purchase order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import PurchaseOrder

#: One line per thing.
PURCHASE_COLUMNS = (
    "order", "item", "sku", "quantity", "packs", "pack", "unit_price", "currency",
    "deliver_to", "needed_on", "ordered_at",
)  # fmt: skip

#: Where a parcel goes, one word of it a cell.
ADDRESS_COLUMNS = (
    "name", "company", "address1", "address2", "address3",
    "city", "region", "postal_code", "country", "phone",
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
    at = stamp(order.ordered_at)
    for line in order.lines:
        price, currency = price_cells(line.price)
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


def price_cells(price: Money | None) -> tuple[str, str]:
    """(amount, currency); empty where it is not known."""
    if price is None:
        return "", ""
    amount, _, currency = str(price).partition(" ")
    return amount, currency


def address_cells(to: Address) -> tuple[str, ...]:
    """As ADDRESS_COLUMNS. The buyer's email is not passed on."""
    cells = (to.name, to.company, to.line1, to.line2, to.line3)
    place = (to.city, to.region, to.postal_code, to.country, to.phone)
    return tuple(map(safe_cell, cells + place))


def stamp(at: datetime | None) -> str:
    """An instant; "" where there is none."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def address_lines(cells: Mapping[str, str]) -> list[str]:
    """As labels have it; a phone number is no part of it. `cells`: by ADDRESS_COLUMNS."""
    place = " ".join(part for part in (cells["region"], cells["postal_code"]) if part)
    city = ", ".join(part for part in (cells["city"], place) if part)
    lines = (
        cells["name"], cells["company"], cells["address1"], cells["address2"], cells["address3"],
        city, cells["country"],
    )  # fmt: skip
    return [line for line in lines if line]
