"""The Sku table: a CSV or XLSX file, one Sku per row, every bad cell told by row and column."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from config.catalog import NO_POLICY, CatalogSku
from config.offers import Beyond, OfferPolicy
from config.problems import Problem
from config.shipping import NO_PARCEL, Parcel
from config.validation import near
from core.model.catalog import Sku
from core.rules.availability import Sharing

#: Cells as they come: text from CSV; text, numbers and booleans from XLSX.
Cell = Any
_MOST_SKU_LETTERS = 200


@dataclass(slots=True)
class SkuTable:
    """What a table says. `rows` tells in which row (from 1, as spreadsheets count) a Sku stands."""

    name: str
    skus: list[CatalogSku] = field(default_factory=list)
    rows: dict[Sku, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, sku: Sku, column: str) -> str:
        """`skus.xlsx: row 7, column components`."""
        return f"{self.name}: row {self.rows[sku]}, column {column}"


class _Bad(ValueError):
    """A cell that cannot be read: (wrong, expected)."""

    def __init__(self, wrong: str, expected: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected


def read_table(file: Path, content: bytes, *, name: str) -> SkuTable:
    """Read a table. Never raises: what is wrong is in `problems`."""
    table = SkuTable(name)
    try:
        rows = _xlsx(content) if file.suffix.lower() == ".xlsx" else _csv(content)
    except _Bad as bad:
        table.problems.append(Problem(name, (), bad.wrong, bad.expected))
        return table
    header = [_text(cell).lower() for cell in rows[0]] if rows else []
    if not _usable(header, table):
        return table
    interned: dict[Any, Any] = {}
    for number, row in enumerate(rows[1:], start=2):
        if any(_text(cell) for cell in row):
            _row(number, header, row, table, interned)
    return table


def cells_of(file: Path, content: bytes) -> list[Sequence[Cell]]:
    """Every row of a CSV or XLSX file, headings included. Raises ValueError that says what is wrong."""
    try:
        return _xlsx(content) if file.suffix.lower() == ".xlsx" else _csv(content)
    except _Bad as bad:
        raise ValueError("; ".join(word for word in (bad.wrong, bad.expected) if word)) from bad


def _xlsx(content: bytes) -> list[Sequence[Cell]]:
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        # Empty rows at the top count too: people look for the row their spreadsheet shows.
        return list(sheet.to_python(skip_empty_area=False))
    except (CalamineError, IndexError, ValueError) as error:
        raise _Bad(
            "this is no XLSX file", "expected a workbook with the Skus in its first sheet"
        ) from error


def _csv(content: bytes) -> list[Sequence[Cell]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Bad(f"line {line} is no UTF-8 text", "expected CSV saved as UTF-8") from None
    first = text.split("\n", 1)[0]
    # Spreadsheets of half the world write semicolons.
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _Bad(f"this is no CSV: {error}") from None


def _usable(header: list[str], table: SkuTable) -> bool:
    """Whether rows can be read under this header; what is wrong with it is told."""
    told = len(table.problems)
    where = f"{table.name}: row 1"
    if "sku" not in header:
        expected = f"expected columns among {', '.join(COLUMNS)}"
        table.problems.append(Problem(where, (), "there is no column `sku`", expected))
    for index, column in enumerate(header):
        if column and column not in COLUMNS:
            fix = near(column, COLUMNS)
            expected = "" if fix else f"expected one of {', '.join(COLUMNS)}"
            table.problems.append(
                Problem(where, (), f"there is no column {column!r}", expected, fix)
            )
        if column and column in header[:index]:
            table.problems.append(Problem(where, (), f"column {column!r} stands there twice"))
    # Rows under an unknown column can still be checked; without `sku` they mean nothing.
    return "sku" in header and len(table.problems) - told < len(COLUMNS)


def _row(
    number: int,
    header: list[str],
    row: Sequence[Cell],
    table: SkuTable,
    interned: dict[Any, Any],
) -> None:
    values: dict[str, Any] = {}
    for index, cell in enumerate(row):
        column = header[index] if index < len(header) else ""
        if not column:
            if _text(cell):
                where = f"{table.name}: row {number}, column {index + 1}"
                table.problems.append(Problem(where, (), "a cell without a column name above it"))
            continue
        if column not in COLUMNS or _text(cell) == "":
            continue
        try:
            values[column] = COLUMNS[column](cell)
        except _Bad as bad:
            where = f"{table.name}: row {number}, column {column}"
            table.problems.append(Problem(where, (), bad.wrong, bad.expected))
    _keep(number, values, table, interned)


def _keep(number: int, values: dict[str, Any], table: SkuTable, interned: dict[Any, Any]) -> None:
    sku = values.get("sku")
    where = f"{table.name}: row {number}, column sku"
    if sku is None:
        if not any(str(one.where) == where for one in table.problems[-len(COLUMNS) :]):
            table.problems.append(Problem(where, (), "there is no Sku in this row"))
    elif sku in table.rows:
        wrong = f"{sku!r} stands in row {table.rows[sku]} already"
        table.problems.append(Problem(where, (), wrong, "", "keep one of the rows"))
    else:
        table.rows[sku] = number
        table.skus.append(_made(values, interned))


def _made(values: dict[str, Any], interned: dict[Any, Any]) -> CatalogSku:
    """Equal tags and policies are shared: most rows have the same few."""
    offers = {name: values[name] for name in OfferPolicy.model_fields if name in values}
    key = tuple(offers.items())
    policy = (
        interned.setdefault(key, OfferPolicy(**offers)) if key not in interned else interned[key]
    )
    tags = values.get("tags", ())
    return CatalogSku(
        sku=values["sku"],
        title=values.get("title", ""),
        tags=interned.setdefault(("tags", tags), tags),
        low_stock=values.get("low_stock"),
        components=values.get("components", _NO_COMPONENTS),
        aliases=values.get("aliases", ()),
        offers=policy if offers else NO_POLICY,
        parcel=_parcel(values, interned),
    )


def _parcel(values: dict[str, Any], interned: dict[Any, Any]) -> Parcel:
    given = {name: values[name] for name in Parcel.model_fields if name in values}
    if not given:
        return NO_PARCEL
    key = ("parcel", *given.items())
    if key not in interned:
        interned[key] = Parcel(**given)
    made: Parcel = interned[key]
    return made


_NO_COMPONENTS: dict[Sku, int] = {}


# Cells


def text_of(cell: Cell) -> str:
    """A cell as text, for other tables than this one."""
    return _text(cell)


def _text(cell: Cell) -> str:
    """A cell as text. A spreadsheet keeps the Sku 10045 as the number 10045.0."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _sku(cell: Cell) -> Sku:
    text = _text(cell)
    if len(text) > _MOST_SKU_LETTERS:
        raise _Bad(f"longer than {_MOST_SKU_LETTERS} letters")
    if any(unicodedata.category(one) == "Cc" for one in text):
        # No database, file or remote takes all of them.
        raise _Bad(f"{text!r} holds a control character, like a line's end")
    return text


def _words(cell: Cell) -> tuple[str, ...]:
    return tuple(_text(cell).split())


def _whole(cell: Cell) -> int:
    text = _text(cell)
    # isdecimal knows other scripts' digits, and so does int: both mean the same number.
    if isinstance(cell, bool) or not text.removeprefix("+").isdecimal() or len(text) > 12:
        raise _Bad(f"{text!r} is no whole number", "expected 0 or more")
    return int(text)


def _percent(cell: Cell) -> int:
    number = _whole(_text(cell).removesuffix("%").strip())
    if number > 100:
        raise _Bad(f"{number} is too large", "expected 0 to 100")
    return number


def _truth(cell: Cell) -> bool:
    text = _text(cell).lower()
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise _Bad(f"{_text(cell)!r} is neither yes nor no", "expected yes or no")


def _beyond(cell: Cell) -> Beyond:
    units, _, day = _text(cell).partition(" until ")
    try:
        return Beyond.model_validate({"units": _whole(units.strip()), "until": day.strip()})
    except ValueError:
        raise _Bad(
            f"{_text(cell)!r} is no number of units until a day", "expected 20 until 2027-03-01"
        ) from None


def _sharing(cell: Cell) -> str:
    word = _text(cell).lower()
    if word not in tuple(Sharing):
        raise _Bad(f"{_text(cell)!r} is no way to share", f"expected {', '.join(Sharing)}")
    return word


def _parts(cell: Cell) -> dict[Sku, int]:
    parts: dict[Sku, int] = {}
    for word in _words(cell):
        sku, _, units = word.rpartition(":")
        if not sku or not units.isdecimal() or int(units) < 1:
            raise _Bad(f"{word!r} is no component", "expected SKU:UNITS, as in A:2 B:1")
        if sku in parts:
            raise _Bad(f"{sku!r} stands there twice", "expected each component once")
        parts[sku] = int(units)
    return parts


def _sides(cell: Cell) -> tuple[int, ...]:
    sides = tuple(_text(cell).lower().replace(" ", "").split("x"))
    if len(sides) != 3 or not all(one.isascii() and one.isdecimal() for one in sides):
        raise _Bad(f"{_text(cell)!r} is no size", "expected three sides in centimeters: 30x20x10")
    return tuple(int(one) for one in sides)


#: column -> how its cells are read
COLUMNS: dict[str, Callable[[Cell], Any]] = {
    "sku": _sku,
    "title": _text,
    "tags": _words,
    "low_stock": _whole,
    "sell": _truth,
    "percent": _percent,
    "buffer": _whole,
    "buffer_days": _whole,
    "cap": _whole,
    "hide_below": _whole,
    "fixed": _whole,
    "preorder": _beyond,
    "backorder": _beyond,
    "share_components": _sharing,
    "components": _parts,
    "aliases": _words,
    "weight": _whole,
    "size": _sides,
    "alone": _truth,
    "hazmat": _truth,
}
