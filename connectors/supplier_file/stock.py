"""Stock files: the figures at once, the terms of their items line by line when somebody asks.

Nothing is kept per line but a figure per SKU: 200,000 lines are a matter of a second and of 25 MB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from connectors.supplier_file.cells import Unreadable, instant_of, quantity_of, required
from connectors.supplier_file.files import File
from connectors.supplier_file.settings import Column, StockColumns
from connectors.supplier_file.tables import Cells, Table, Value, plain, table_of
from core.model.money import Money
from core.model.purchasing import SupplierItem, UnreadTerms
from core.model.stock import Figures, StockSnapshot
from core.ports import Reject

#: The kind of a Reject that tells a fault of an X12 envelope.
ENVELOPE = "stock envelope"
#: Lines that cannot be read are kept up to this many; the others are counted.
KEPT_PROBLEMS = 1_000
#: Letters of such a line that are kept.
_SHOWN = 2_000

#: Usual words for what is counted, lower case -> units (X12 data element 355 among them).
UNITS = {
    "": 1, "ea": 1, "each": 1, "pc": 1, "pcs": 1, "pce": 1, "piece": 1, "pieces": 1, "un": 1,
    "unit": 1, "units": 1, "st": 1, "set": 1, "个": 1, "件": 1,
    "pr": 2, "pair": 2, "dz": 12, "doz": 12, "dozen": 12, "gr": 144, "gs": 144, "gross": 144,
    "th": 1000, "打": 12,
}  # fmt: skip
#: Usual words for "no longer made", lower case.
DISCONTINUED = {
    "": False, "n": False, "no": False, "false": False, "0": False, "active": False, "a": False,
    "y": True, "yes": True, "true": True, "1": True, "x": True, "d": True, "discontinued": True,
    "obsolete": True, "停产": True,
}  # fmt: skip
#: A number that a spreadsheet rounded: 4.00638E+12.
_ROUNDED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE | re.ASCII)


@dataclass
class _Problems:
    kept: list[tuple[int, str, str]] = field(default_factory=list)
    more: int = 0
    repeated: int = 0
    negative: int = 0

    def add(self, line: int, text: str, why: str) -> None:
        if len(self.kept) < KEPT_PROBLEMS:
            self.kept.append((line, text[:_SHOWN], why))
        else:
            self.more += 1


def stock_snapshot(file: File, *, location: str, lag: timedelta) -> StockSnapshot:
    """The whole file as one figure for one location.

    `as_of` is the oldest instant the rows state, else the file's time less `lag`. What was odd is
    in `problems`: unreadable lines are left out; a negative figure counts as 0; of figures that
    contradict each other the smallest counts, for units that may not be there must not be sold.
    """
    return stock_of(file, location=location, lag=lag)[0]


def stock_of(
    file: File, *, location: str, lag: timedelta
) -> tuple[StockSnapshot, tuple[Reject, ...]]:
    """The same, and what is wrong with the envelope it came in, by the element that is wrong."""
    table = table_of(file, _asked(file.format.stock))
    quantities: dict[str, int] = {}
    problems = _Problems()
    stated = _read_figures(table, quantities, problems)
    report = table.report
    snapshot = StockSnapshot(
        location=location,
        as_of=stated if stated else file.changed_at - lag,
        name=file.name,
        digest=file.digest,
        rows=Figures(quantities),
        problems=tuple(problems.kept),
        more_problems=problems.more,
        repeated=problems.repeated,
        negative=problems.negative,
        complete=report is None or not report.changes_only,
        terms=Terms(table) if Terms.told_in(table) else (),
    )
    # Named for the element, not for the file: a partner who counts wrong does it every time.
    faults = (
        {code: Reject(ENVELOPE, code, why, file.name) for _, code, why in report.problems}
        if report
        else {}
    )
    return snapshot, tuple(faults.values())


def _asked(columns: StockColumns) -> list[Column]:
    plain_ones = [
        getattr(columns, name)
        for name in StockColumns.model_fields
        if name not in ("breaks", "counted_in")
    ]
    return [*plain_ones, *(one.cost for one in columns.breaks)]  # fmt: skip


def _read_figures(table: Table, quantities: dict[str, int], problems: _Problems) -> datetime | None:
    """Fill in the figures; the oldest instant that the lines state."""
    columns = table.file.format.stock
    sku_in, quantity_in = table.needed(columns.sku, columns.quantity)
    as_of_in = table.column(columns.as_of)
    factor_in = _factor(table)
    width, oldest, last_as_of = table.width, None, ""
    for line, cells in table.lines:
        try:
            if len(cells) != width:
                raise Unreadable(f"{len(cells)} cells under {width} headings")
            sku = sku_in(cells).strip()
            if not sku or "\0" in sku or "E+" in sku:
                _refuse_sku(sku, columns.sku)
            text = quantity_in(cells)
            # Nearly always plain digits, and then there is nothing to find out.
            if text.isdigit() and text.isascii() and len(text) < 8:
                quantity = int(text)
            else:
                quantity = quantity_of(required(text, columns.quantity))
            if factor_in is not None:
                quantity = _multiplied(quantity, factor_in(cells))
            if as_of_in is not None and (as_of := as_of_in(cells)) != last_as_of:
                last_as_of = as_of
                at = instant_of(as_of.strip(), table.file.format) if as_of.strip() else None
                oldest = at if oldest is None or (at and at < oldest) else oldest
        except Unreadable as why:
            problems.add(line, table.text(cells), str(why))
            continue
        if quantity < 0:
            problems.negative += 1
            problems.add(line, table.text(cells), "negative; taken as 0")
            quantity = 0
        before = quantities.get(sku)
        if before is not None:
            problems.repeated += 1
            twice = f"{sku} is there twice; the smaller figure is taken"
            problems.add(line, table.text(cells), twice)
            quantity = min(quantity, before)
        quantities[sku] = quantity
    return oldest


def _refuse_sku(sku: str, column: Column) -> None:
    if not sku:
        raise Unreadable(f"{column if isinstance(column, str) else 'sku'} is empty")
    if "\0" in sku:
        raise Unreadable("a NUL in its SKU")
    if _ROUNDED.fullmatch(sku):
        raise Unreadable(f"{sku} is a number that a spreadsheet rounded")


def _multiplied(quantity: int, factor: int) -> int:
    return quantity_of(str(quantity * factor))


def _factor(table: Table) -> Callable[[Cells], int] | None:
    """What reads how many units one of theirs is; None where they count in units."""
    columns = table.file.format.stock
    if columns.counted_in == "packs":
        (pack_in,) = table.needed(columns.pack)
        return lambda cells: _pack(pack_in(cells))
    unit_in = table.column(columns.unit)
    if unit_in is None:
        return None
    words = UNITS | {plain(word): units for word, units in table.file.format.units.items()}
    return lambda cells: _units(unit_in(cells), words)


def _pack(text: str) -> int:
    pack = quantity_of(text.strip() or "1")
    if pack < 1:
        raise Unreadable(f"a pack of {pack}")
    return pack


def _units(word: str, words: dict[str, int]) -> int:
    found = words.get(plain(word))
    if found is None:
        raise Unreadable(f"{word.strip()!r} is no unit that is known; name it in format.units")
    return found


# Terms


class Terms:
    """The terms of the items in a stock file. Going through it reads the spooled file once more.

    A term that cannot be read is not told, and the lines with such ones are told together at the
    end. Of an item that is there twice the last line counts.
    """

    #: Columns without which a file tells no terms.
    _TELLING = ("pack", "least", "cost", "lead_days", "discontinued")

    def __init__(self, table: Table) -> None:
        self._file = table.file
        self._again = table.again

    @classmethod
    def told_in(cls, table: Table) -> bool:
        columns = table.file.format.stock
        named = [getattr(columns, name) for name in cls._TELLING]
        return bool(columns.breaks) or any(table.column(one) is not None for one in named)

    def __iter__(self) -> Iterator[SupplierItem | UnreadTerms]:
        table = self._again()
        read = _Reader(table)
        unread, first = 0, ("", "")
        for line, cells in table.lines:
            if len(cells) != table.width or not (sku := read.sku(cells).strip()) or "\0" in sku:
                continue  # told as a problem of its figure already
            try:
                yield read.item(sku, cells)
            except Unreadable:
                continue  # its unit: told already as well
            if read.wrong:
                unread += 1
                first = first if first[0] else (f"line {line}: {read.wrong}", table.text(cells))
        if unread:
            yield UnreadTerms(self._file.name, unread, first[0], first[1][:_SHOWN])


class _Reader:
    """Reads a line's terms. `wrong` says what of the last line could not be read."""

    def __init__(self, table: Table) -> None:
        columns, self._format = table.file.format.stock, table.file.format
        self._supplier = table.file.connector
        self.wrong = ""
        (self.sku,) = table.needed(columns.sku)
        self._factor = _factor(table)
        self._item = table.column(columns.item)
        self._pack = table.column(columns.pack)
        self._least = table.column(columns.least)
        self._cost = table.column(columns.cost)
        self._currency = table.column(columns.currency)
        self._breaks = [
            (one.units, value)
            for one in sorted(columns.breaks, key=lambda one: one.units)
            if (value := table.column(one.cost)) is not None
        ]
        self._lead_days = table.column(columns.lead_days)
        self._discontinued = table.column(columns.discontinued)
        self._words = DISCONTINUED | {
            plain(word): meant for word, meant in self._format.discontinued.items()
        }

    def item(self, sku: str, cells: Cells) -> SupplierItem:
        self.wrong = ""
        factor = 1 if self._factor is None else self._factor(cells)
        currency = _text(self._currency, cells).upper() or self._format.currency
        breaks = [
            (units, cost)
            for units, value in self._breaks
            if (cost := self._money(value(cells).strip(), currency, factor)) is not None
        ]
        return SupplierItem(
            supplier=self._supplier,
            sku=sku,
            item=_text(self._item, cells) or sku,
            pack=max(1, self._count(self._pack, cells) or 1),
            least=max(1, (self._count(self._least, cells) or 1) * factor),
            cost=self._money(_text(self._cost, cells), currency, factor),
            breaks=tuple(breaks),
            lead_days=self._count(self._lead_days, cells),
            discontinued=self._stopped(_text(self._discontinued, cells)),
        )

    def _count(self, value: Value | None, cells: Cells) -> int | None:
        text = _text(value, cells)
        if not text:
            return None
        try:
            return max(0, int(text) if text.isdigit() and len(text) < 8 else quantity_of(text))
        except (Unreadable, ValueError) as why:
            self.wrong = str(why)
            return None

    def _money(self, text: str, currency: str, factor: int) -> Money | None:
        if not text:
            return None
        cost = _cost(text, currency, factor)
        if cost is None:
            self.wrong = f"{text[:40]} {currency[:10]} is no cost"
        return cost

    def _stopped(self, word: str) -> bool:
        found = self._words.get(plain(word))
        if found is None:
            self.wrong = f"{word[:40]!r} says neither discontinued nor not; name it in the format"
        return bool(found)


def _text(value: Value | None, cells: Cells) -> str:
    return "" if value is None else value(cells).strip()


@lru_cache(maxsize=20_000)
def _cost(text: str, currency: str, factor: int) -> Money | None:
    """The cost of one unit, a part of a minor unit rounded up: never cheaper than it is."""
    if not re.fullmatch(r"\$?\s*\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        return None
    if not re.fullmatch("[A-Z]{3}", currency):
        return None
    whole = Money.parse("1", currency).amount
    minor = Decimal(text.removeprefix("$").strip()) * whole / factor
    return Money(int(minor.to_integral_value(ROUND_CEILING)), currency)
