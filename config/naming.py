"""What the files say outside names mean, read from the `names` section and its table, and checked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from config.model import Config
from config.nodes import Sheet, Trouble
from config.problems import Position, Problem
from config.table import cells_of, text_of
from config.validation import near
from core.model.catalog import Sku
from core.model.names import CODES, Known, Meaning, OutsideName, Scheme, Source
from core.rules.names import BadName, normal

COLUMNS = ("scheme", "place", "name", "sku", "units", "note")
_NEEDED = ("scheme", "name", "sku")
#: what people write -> the scheme; UPC and EAN are kinds of GTIN
_SCHEMES: Mapping[str, Scheme] = {
    **{str(one): one for one in Scheme},
    "upc": Scheme.GTIN,
    "ean": Scheme.GTIN,
}
_MOST_UNITS = 1_000_000
#: What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FileNames:
    """Every name that is written in a file. A hundred thousand of them are kept as bare tuples."""

    def __init__(self) -> None:
        self._said: dict[OutsideName, tuple[tuple[Meaning, str | int], ...]] = {}
        #: the schemes and places that have any
        self.places: set[tuple[Scheme, str]] = set()
        self._table = ""

    def __len__(self) -> int:
        return len(self._said)

    def add(self, name: OutsideName, meaning: Meaning, where: str | int) -> None:
        """`where`: a place of the YAML, or the row of the table."""
        self._said[name] = (*self._said.get(name, ()), (meaning, where))
        self.places.add((name.scheme, name.place))

    def of(self, name: OutsideName) -> list[Known]:
        """What the files say of a name: usually nothing or one thing."""
        return [
            Known(name, meaning, Source.FILE, self._where(where))
            for meaning, where in self._said.get(name, ())
        ]

    def all(self) -> Iterator[Known]:
        for name in self._said:
            yield from self.of(name)

    def from_table(self, table: NameTable) -> None:
        """Take in the rows of the table, which are told by their numbers."""
        self._table = table.name
        shared: dict[Meaning, Meaning] = {}
        for row in table.rows:
            self.add(row.name, shared.setdefault(row.meaning, row.meaning), row.number)

    def _where(self, where: str | int) -> str:
        return where if isinstance(where, str) else f"{self._table}: row {where}"


@dataclass(frozen=True, slots=True)
class NameRow:
    """A row of a table of names, and what it says. `number` counts as spreadsheets do."""

    number: int
    name: OutsideName
    meaning: Meaning
    note: str = ""


@dataclass(slots=True)
class NameTable:
    """A table as far as it could be read; what could not is in `problems`."""

    name: str
    rows: list[NameRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def scheme_of(word: str) -> Scheme | None:
    """None: there is no such scheme."""
    return _SCHEMES.get(word.strip().lower())


def outside_name(word: str, place: str, value: str) -> OutsideName:
    """A name as people write it. Raises BadName; places are not looked up."""
    scheme = scheme_of(word)
    if scheme is None:
        raise BadName(f"there is no scheme {word!r}; expected one of {', '.join(_SCHEMES)}")
    if scheme in CODES and place:
        raise BadName(f"a {word} means the same everywhere: it has no place")
    if scheme in (Scheme.LISTING, Scheme.ITEM) and not place:
        whose = "the channel" if scheme is Scheme.LISTING else "the supplier or its connection"
        raise BadName(f"whose is this {word}? its place is {whose}")
    return OutsideName(scheme, place, normal(scheme, value))


def wrong_place(name: OutsideName, config: Config) -> str:
    """Why the place of a name cannot be; "" where it is one."""
    if not name.place:
        return ""
    if name.scheme is Scheme.ITEM:
        known: Container[str] = {*config.suppliers, *config.connections}
        return (
            "" if name.place in known else f"{name.place!r} is neither a supplier nor a connection"
        )
    return "" if name.place in config.channels else f"there is no channel {name.place!r}"


# --- tables --------------------------------------------------------------------------------------


def read_names(file: File, content: bytes, *, name: str) -> NameTable:
    """Read a table of names. Never raises: what is wrong is in `problems`."""
    table = NameTable(name)
    try:
        cells = cells_of(file, content)
    except ValueError as wrong:
        table.problems.append(Problem(name, (), str(wrong)))
        return table
    heading = [text_of(cell).lower() for cell in cells[0]] if cells else []
    unusable = [f"there is no column `{one}`" for one in _NEEDED if one not in heading]
    unusable += [f"there is no column {one!r}" for one in heading if one and one not in COLUMNS]
    unusable += [f"column {one!r} stands there twice" for one in COLUMNS if heading.count(one) > 1]
    for told in unusable:
        expected = f"expected the columns {', '.join(COLUMNS)}"
        table.problems.append(Problem(f"{name}: row 1", (), told, expected))
    if unusable:
        return table
    for number, row in enumerate(cells[1:], start=2):
        texts = dict(zip(heading, map(plain_cell, row), strict=False))
        if any(texts.values()):
            _row(table, number, texts)
    return table


def _row(table: NameTable, number: int, texts: Mapping[str, str]) -> None:
    column = "name"
    try:
        name = outside_name(texts.get("scheme", ""), texts.get("place", ""), texts.get("name", ""))
        column = "sku"
        if not texts.get("sku"):
            raise BadName("there is no Sku in this row")
        column = "units"
        units = units_of(texts.get("units", ""))
    except BadName as wrong:
        where = f"{table.name}: row {number}, column {column}"
        table.problems.append(Problem(where, (), str(wrong)))
        return
    meaning = Meaning(texts["sku"], units)
    table.rows.append(NameRow(number, name, meaning, texts.get("note", "")))


def units_of(text: str) -> int:
    """Units in one of it; nothing written is one. Raises BadName."""
    if not text:
        return 1
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= _MOST_UNITS):
        raise BadName(f"{text!r} is no number of units; expected 1 to {_MOST_UNITS}")
    return int(text)


def plain_cell(cell: Any) -> str:
    """A cell as `safe_cell` was given it."""
    text = text_of(cell)
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(_FORMULA) else text


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `plain_cell` gives the text back."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


# --- the configuration's names -------------------------------------------------------------------


def file_names(
    config: Config,
    sheet: Sheet,
    table: NameTable | None,
    *,
    skus: Container[Sku],
    aliases: Mapping[str, Sku],
    accept: bool,
) -> tuple[FileNames, list[Trouble], list[Problem]]:
    """All names the files say, and what is wrong with them. `skus` and `aliases` are the list's."""
    names = FileNames()
    troubles: list[Trouble] = []
    problems = list(table.problems if table else ())
    check = _Check(config, skus, aliases, accept=accept)
    for at, path, row in _written(config, sheet):
        try:
            name = outside_name(row.scheme, row.place, row.name)
        except BadName as wrong:
            troubles.append(Trouble(at, path, str(wrong)))
            continue
        meaning = Meaning(row.sku, row.units)
        troubles += [Trouble(at, path, *words) for words in check.wrong(name, meaning, str(at))]
        names.add(name, meaning, str(at))
    for row in table.rows if table else ():
        where = f"{table.name if table else ''}: row {row.number}"
        problems += [
            Problem(where, (), wrong, "", fix)
            for wrong, _, fix in check.wrong(row.name, row.meaning, where)
        ]
    if table:
        names.from_table(table)
    # A supplier may call several Skus by one number (what is printed to order): no error, in doubt.
    for name, meaning, where in _item_numbers(config, sheet):
        names.add(name, meaning, where)
    return names, troubles, problems


def _written(config: Config, sheet: Sheet) -> Iterator[tuple[Position, tuple[str | int, ...], Any]]:
    for index, row in enumerate(config.names.items):
        path = ("names", "items", index)
        yield sheet.at((*path, "name")), path, row


def _item_numbers(config: Config, sheet: Sheet) -> Iterator[tuple[OutsideName, Meaning, str]]:
    for supplier, described in config.suppliers.items():
        for sku, terms in described.items.items():
            if terms.item and terms.item != sku:
                at = sheet.at(("suppliers", supplier, "items", sku, "item"))
                name = OutsideName(Scheme.ITEM, supplier, terms.item.strip())
                yield name, Meaning(sku), str(at)


class _Check:
    """What can be wrong with a name that reads well."""

    def __init__(
        self, config: Config, skus: Container[Sku], aliases: Mapping[str, Sku], *, accept: bool
    ) -> None:
        self._config, self._skus, self._aliases = config, skus, aliases
        self._accept = accept
        self._first: dict[OutsideName, str] = {}

    def wrong(self, name: OutsideName, said: Meaning, where: str) -> Iterator[tuple[str, str, str]]:
        """(wrong, expected, fix) of everything that is."""
        if (first := self._first.setdefault(name, where)) != where:
            yield f"{name} stands at {first} already", "", "keep one of them"
        if wrong := wrong_place(name, self._config):
            yield wrong, "", near(name.place, self._places(name))
        if said.sku in self._aliases:
            yield f"{said.sku!r} is another name of {self._aliases[said.sku]!r}", "", "write that"
        elif not self._accept and said.sku not in self._skus:
            yield f"{said.sku!r} is no Sku that is written in `skus`", "", ""
        if name.scheme is Scheme.REMOTE_SKU:
            own = name.value if name.value in self._skus else self._aliases.get(name.value)
            if own not in (None, said.sku):
                yield f"{name.value!r} is {own!r} itself, or another name of it", "", "keep one"
        packs = self._config.skus.units_per_sale
        for channel in [name.place] if name.place else list(packs):
            pack = packs.get(channel, {}).get(name.value)
            if name.scheme in (Scheme.LISTING, Scheme.REMOTE_SKU) and pack not in (
                None,
                said.units,
            ):
                told = f"skus.units_per_sale.{channel} says {pack}"
                yield f"{name} is {said.units} units here, and {told}", "", "write the same in both"

    def _places(self, name: OutsideName) -> Iterable[str]:
        if name.scheme is Scheme.ITEM:
            return (*self._config.suppliers, *self._config.connections)
        return self._config.channels


def table_rows(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of texts as cells that are safe in a spreadsheet."""
    return [[safe_cell(text) for text in row] for row in rows]
