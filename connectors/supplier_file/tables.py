"""Files of every layout as headings and lines of cells, and columns found in them."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from connectors.supplier_file import unfolding
from connectors.supplier_file.cells import Unreadable
from connectors.supplier_file.files import MOST_COLUMNS, File, lines_of
from connectors.supplier_file.settings import (
    X12,
    Column,
    Csv,
    FixedWidth,
    Formula,
    Json,
    Tsv,
    Xlsx,
)
from connectors.supplier_file.x12.inventory import COLUMNS, Inventory

Cells = Sequence[str]
#: A line's number, counted from 1, and its cells.
Line = tuple[int, list[str]]
#: A column of a line.
Value = Callable[[Cells], str]

#: Lines in which headings are looked for.
_SEARCHED = 200
#: Answers of one formula that are remembered: a feed has few different inputs.
_REMEMBERED = 20_000


def _never() -> Table:
    raise NotImplementedError("only a whole table can be read again")


@dataclass(frozen=True, slots=True)
class Table:
    file: File
    #: in plain form; () where columns have places only
    headings: Sequence[str]
    #: cells each line must have
    width: int
    #: what is there, blank lines left out
    lines: Iterator[Line]
    #: what an X12 report says of itself beside its lines
    report: Inventory | None = None
    #: the same table from its first line
    again: Callable[[], Table] = field(default=_never)

    def text(self, cells: Cells) -> str:
        """A line for a person."""
        return (self.file.format.delimiter if self.file.layout.kind == "csv" else ",").join(cells)

    def place(self, column: str | int) -> int | None:
        """The index of a column; None where the file has none. Raises Rejected for twins."""
        if isinstance(column, int):
            return column - 1 if column <= self.width else None
        name = plain(column)
        places = [index for index, heading in enumerate(self.headings) if heading == name]
        if len(places) > 1:
            raise self.file.refused(
                f"column {column!r} is there {len(places)} times; name it by its place",
                code="missing-column",
            )
        return places[0] if places else None

    def column(self, column: Column) -> Value | None:
        """What reads this column of a line; None where the file has no such column."""
        if isinstance(column, Formula):
            return self._worked_out(column)
        place = self.place(column)
        return None if place is None else itemgetter(place)

    def needed(self, *columns: Column) -> list[Value]:
        """What reads these columns. Raises Rejected "missing-column", which names those found."""
        found = [self.column(column) for column in columns]
        missing = [repr(c) for c, value in zip(columns, found, strict=True) if value is None]
        if missing:
            there = ", ".join(self.headings) or f"{self.width} columns without headings"
            raise self.file.refused(
                f"no column {', '.join(missing)}; found {there[:2_000]}", code="missing-column"
            )
        return [value for value in found if value is not None]

    def _worked_out(self, formula: Formula) -> Value:
        program = self.file.formulas(formula.value, formula.sample())
        names: list[str] = []
        readers: list[Callable[[str], object]] = []
        places: list[int] = []
        for group, reader in (
            (formula.numbers, _number),
            (formula.decimals, _decimal),
            (formula.texts, str.strip),
        ):
            for name, column in group.items():
                place = self.place(column)
                if place is None:
                    raise self.file.refused(
                        f"no column {column!r}, which a formula needs; "
                        f"found {', '.join(self.headings)[:2_000]}",
                        code="missing-column",
                    )
                names.append(name)
                readers.append(reader)
                places.append(place)
        known: dict[tuple[str, ...], str] = {}

        def value(cells: Cells) -> str:
            key = tuple([cells[place] for place in places])
            told = known.get(key)
            if told is None:
                seen = {}
                for name, reader, text in zip(names, readers, key, strict=True):
                    try:
                        seen[name] = reader(text)
                    except ValueError:
                        raise Unreadable(f"{name} is {text!r}, which is no number") from None
                try:
                    told = _told(program(seen))
                except ValueError as error:
                    raise Unreadable(str(error)) from None
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[key] = told
            return told

        return value


def plain(heading: str) -> str:
    return heading.strip().casefold()


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", text.strip(), re.ASCII):
        raise ValueError(text)
    return int(text.strip().partition(".")[0])


def _decimal(text: str) -> float:
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", text.strip(), re.ASCII):
        raise ValueError(text)
    return float(text)


def _told(value: object) -> str:
    """What a formula came to, as a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # 0.6 * 3 is 1.7999999999999998: nobody means that.
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return str(value)


def table_of(file: File, columns: Iterable[Column]) -> Table:
    """The file as a table. `columns` are those that will be asked for (JSON has no others)."""
    layout, again = file.layout, _reading(file, columns)
    table = again()
    if isinstance(layout, Xlsx) and layout.widths:
        return replace(_padded(table, layout), again=lambda: _padded(again(), layout))
    return replace(table, again=again)


def _reading(file: File, columns: Iterable[Column]) -> Callable[[], Table]:
    """What reads the file from its beginning, as often as it is asked; unfolded only once."""
    layout = file.layout
    if isinstance(layout, Xlsx):
        sheet = unfolding.workbook(file, layout)
        return lambda: _separated(sheet, header=layout.header)
    if isinstance(layout, Json):
        listed = unfolding.document(file, layout, _names(columns))
        return lambda: _separated(listed, header=1)
    if isinstance(layout, FixedWidth):
        return lambda: _fixed(file, layout)
    if isinstance(layout, Csv | Tsv):
        return lambda: _separated(file, header=layout.header)
    return lambda: _x12(file, layout)


def _x12(file: File, layout: X12) -> Table:
    report = Inventory(file, layout)
    return Table(file, COLUMNS, len(COLUMNS), report.lines(), report)


def _names(columns: Iterable[Column]) -> list[str]:
    """The headings that may be asked for, those inside formulas too."""
    found: dict[str, None] = {}
    for column in columns:
        if isinstance(column, Formula):
            inner = (*column.numbers.values(), *column.decimals.values(), *column.texts.values())
            found |= dict.fromkeys(one for one in inner if isinstance(one, str))
        elif isinstance(column, str):
            found[column] = None
    return list(found)


def _separated(file: File, *, header: int | tuple[str, ...]) -> Table:
    lines = _lines(file)
    if header == 0:
        first = next(lines, None)
        if first is None:
            raise file.refused("it is empty", code="empty")
        return Table(file, (), len(first[1]), itertools.chain([first], lines))
    headings = _headings(file, lines, header)
    if len(headings) > MOST_COLUMNS:
        raise file.refused(f"{len(headings):,} columns; {MOST_COLUMNS:,} are read", code="too-wide")
    if any("\0" in one for one in headings):
        raise file.refused(
            "NULs in its headings; is it UTF-16 without a mark? Set format.encoding",
            code="encoding",
        )
    return Table(file, headings, len(headings), lines)


def _headings(file: File, lines: Iterator[Line], header: int | tuple[str, ...]) -> list[str]:
    if isinstance(header, int):
        # Blank lines count as lines here, as they do for whoever looks at the sheet.
        found = next((cells for number, cells in lines if number >= header), [])
        headings = [plain(cell) for cell in found]
        if not any(headings):
            raise file.refused("it is empty", code="empty")
        return headings
    wanted = {plain(one) for one in header}
    for _, cells in itertools.islice(lines, _SEARCHED):
        headings = [plain(cell) for cell in cells]
        if wanted <= set(headings):
            return headings
    raise file.refused(
        f"none of its first {_SEARCHED} lines has the headings {', '.join(header)}",
        code="missing-column",
    )


def _lines(file: File) -> Iterator[Line]:
    """Lines that are not blank, with the number of the text line they begin on."""
    tabs = isinstance(file.layout, Tsv)
    own = file.layout.delimiter if isinstance(file.layout, Csv) else None
    reader = csv.reader(
        lines_of(file),
        delimiter="\t" if tabs else own or file.format.delimiter,
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if any(map(str.strip, cells)):
                yield line, cells
    except csv.Error as error:
        raise file.refused(f"line {reader.line_num}: {error}", code="not-csv") from None


def _padded(table: Table, layout: Xlsx) -> Table:
    """Numbers that lost their zeros get them back, in the columns that say how many digits."""
    widths = {
        place: digits
        for column, digits in layout.widths.items()
        if (place := table.place(column)) is not None
    }
    if not widths:
        return table

    def lines() -> Iterator[Line]:
        for number, cells in table.lines:
            for place, digits in widths.items():
                if place < len(cells) and cells[place].isdigit():
                    cells[place] = cells[place].zfill(digits)
            yield number, cells

    return replace(table, lines=lines())


def _fixed(file: File, layout: FixedWidth) -> Table:
    spans = [(first - 1, last) for first, last in layout.columns.values()]

    def lines() -> Iterator[Line]:
        for number, line in enumerate(lines_of(file), 1):
            if number > layout.skip and line.strip():
                whole = line.rstrip("\r\n")
                yield number, [whole[first:last].strip() for first, last in spans]

    return Table(file, [plain(name) for name in layout.columns], len(spans), lines())
