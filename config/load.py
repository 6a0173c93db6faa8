"""YAML to one frozen configuration, or to every problem at once.

`load` is all that others need; `reload` keeps what is in force when the new files are wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File
from typing import Any

import connectors.registry
from config import checks
from config.buying import BuyingPolicies
from config.calendars import calendar_of
from config.catalog import Catalog, CatalogSku
from config.expressions import Misread, Predicate, order_predicate, sku_predicate
from config.fields import Shape
from config.formulas import derived, formula
from config.model import Config, SkuSettings
from config.naming import FileNames, NameTable, file_names, read_names
from config.nodes import Node, Sheet, Trouble
from config.policies import Policies
from config.problems import ConfigProblems, Path, Position, Problem
from config.rates import read_rates
from config.reading import Tree
from config.returning import ReturnPolicies
from config.reviewing import OrderRules, Restrictions
from config.secrets import masked, suspicious_masked, without, without_logins
from config.shipping import Rates, service_of
from config.table import SkuTable, read_table
from config.uplifts import Uplifts
from config.validation import Registry, connector_settings, validated
from config.zip3 import states
from core.model.calendars import Calendar
from core.model.carriage import Service


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is whole: validated, conditions compiled, Skus known."""

    config: Config
    catalog: Catalog
    policies: Policies
    #: which orders wait for a person, and what is asked of some
    order_rules: OrderRules
    #: what must not go where
    restrictions: Restrictions
    #: three-digit ZIP area -> its states; empty where addresses are not looked at
    states: Mapping[str, tuple[str, ...]]
    #: when and how much to buy, per Sku
    buying: BuyingPolicies
    #: what holds for goods that come back, per Sku and channel
    returns: ReturnPolicies
    uplifts: Uplifts
    #: what others call our goods, as far as it is written in a file
    names: FileNames
    #: name -> the days a place is open
    calendars: Mapping[str, Calendar]
    #: name -> a carrier's service, with its rates
    services: Mapping[str, Service]
    #: every file that was read, secret files and the Sku table too: watch these for changes
    files: tuple[File, ...]
    #: SHA-256 over the text of all files but secret ones, in hexadecimal
    digest: str
    #: the same over what decides the quantities that channels show
    policy_digest: str


def load(
    path: File | str,
    *,
    environment: Mapping[str, str],
    registry: Registry = connectors.registry,
) -> Loaded:
    """Read a configuration. Raises ConfigProblems with everything that is wrong, ConfigError where
    set-up was not done."""
    return _Reading(File(path), environment, registry).loaded()


def reload(
    previous: Loaded,
    path: File | str,
    *,
    environment: Mapping[str, str],
    registry: Registry = connectors.registry,
) -> Loaded | ConfigProblems:
    """The configuration as it stands now; `previous` itself when nothing changed.

    Problems are returned, not raised: the caller tells them and goes on with `previous`.
    """
    try:
        now = load(path, environment=environment, registry=registry)
    except ConfigProblems as problems:
        return problems
    same = now.digest == previous.digest and now.config == previous.config
    return previous if same else now


#: The parts of the configuration that decide what channels show.
_SHOWN_BY = frozenset(
    {
        "shop",
        "channels",
        "locations",
        "location_groups",
        "skus",
        "policies",
        "seasons",
        "calendars",
        "publishing",
    }
)


def _policy_digest(config: Config, table: bytes) -> str:
    # How often orders are pulled is how long one may be unheard of: part of what is held back.
    parts: dict[str, Any] = {**dict.fromkeys(_SHOWN_BY, True), "pace": {"orders"}}
    return hashlib.sha256(config.model_dump_json(include=parts).encode() + table).hexdigest()


#: Shorter values cannot be told from the words around them.
_SHORTEST_SECRET = 4


class _Reading:
    """One pass over the files: each step adds its troubles, and the last one looks at them."""

    def __init__(self, path: File, environment: Mapping[str, str], registry: Registry) -> None:
        self._path = path
        self._tree = Tree(path, environment=environment)
        self._sheet: Sheet = self._tree.sheet
        self._settings = connector_settings(self._sheet, registry)
        self._shape = Shape(self._settings, look=self._text)
        self._table_file: File | None = None
        self._table_content = b""
        #: rate file -> its bytes
        self._rate_files: dict[File, bytes] = {}
        self._rate_problems: list[Problem] = []
        self._names_file: File | None = None
        self._names_content = b""
        self._name_problems: list[Problem] = []

    def loaded(self) -> Loaded:
        config = validated(self._sheet, self._settings, self._shape)
        self._sheet.troubles.extend(checks.names(self._sheet))
        if config is not None and len(config.connections) == len(self._settings):
            self._sheet.troubles.extend(checks.sense(config, self._sheet))
            self._sheet.troubles.extend(self._misread_formulas(config))
        rates = self._rates(config)
        table = self._table()
        skus = tuple(self._skus(table))
        names = self._names(config, skus)
        picks = self._conditions(("policies",), sku_predicate)
        seasonal = [
            self._conditions(("seasons", index, "policies"), sku_predicate)
            for index in range(self._count(("seasons",)))
        ]
        holds = self._conditions(("review", "rules"), order_predicate)
        restricted = self._conditions(("review", "restrictions"), sku_predicate)
        buys = self._conditions(("replenishment", "rules"), sku_predicate)
        back = self._conditions(("returns", "rules"), sku_predicate)
        lifts = self._season_conditions()
        problems = self._problems(table)
        if problems or config is None:
            raise ConfigProblems(problems)
        calendars = {
            name: calendar_of(one, first_year=config.orders.route_from.year - 1)
            for name, one in config.calendars.items()
        }
        catalog = Catalog(skus, accept_channel_skus=config.skus.accept_channel_skus)
        services = {
            name: service_of(name, one, rates[name], calendars, config.shop.currency)
            for name, one in config.services.items()
        }
        return Loaded(
            config=config,
            catalog=catalog,
            policies=Policies(config, catalog, picks, seasonal),
            order_rules=OrderRules(config.review.rules, holds, catalog, services),
            restrictions=Restrictions(config.review.restrictions, restricted, catalog),
            states=states() if config.review.hold_undeliverable else {},
            buying=BuyingPolicies(config.replenishment, catalog, buys),
            returns=ReturnPolicies(config.returns, catalog, back, config.shop.currency),
            uplifts=Uplifts(config.seasons, lifts, catalog),
            names=names,
            calendars=calendars,
            services=services,
            files=(
                *self._tree.files,
                *((self._table_file,) if self._table_file else ()),
                *((self._names_file,) if self._names_file else ()),
                *self._rate_files,
            ),
            digest=self._tree.digest(
                self._table_content, self._names_content, *self._rate_files.values()
            ),
            policy_digest=_policy_digest(config, self._table_content),
        )

    def _text(self, path: Path) -> object:
        node = self._sheet.find(path)
        return node.value if node and not isinstance(node.value, dict | list) else None

    def _count(self, path: Path) -> int:
        node = self._sheet.find(path)
        return len(node.value) if node and isinstance(node.value, list) else 0

    # Rates

    def _rates(self, config: Config | None) -> dict[str, Rates]:
        """What each service costs, from its file or as written."""
        found: dict[str, Rates] = {}
        for name, described in (config.services if config else {}).items():
            rates = described.rates
            found[name] = self._rate_file(name, rates) if isinstance(rates, str) else rates
            self._sheet.troubles.extend(
                checks.service_days(name, described, found[name], self._sheet)
            )
        return found

    def _rate_file(self, service: str, name: str) -> Rates:
        path: Path = ("services", service, "rates")
        file = self._path.parent / name
        if file not in self._rate_files:
            try:
                self._rate_files[file] = file.read_bytes()
            except OSError as error:
                wrong = f"the rates cannot be read: {error.strerror}"
                at = self._sheet.at(path)
                self._sheet.troubles.append(Trouble(at, path, wrong, f"looked for {file}"))
                return {}
        rates, problems = read_rates(file, self._rate_files[file], name=name)
        self._rate_problems.extend(problems)
        return rates

    # Skus

    def _table(self) -> SkuTable | None:
        found = self._beside(("skus", "table"))
        if found is None:
            return None
        self._table_file, self._table_content, name = found
        return read_table(self._table_file, self._table_content, name=name)

    def _beside(self, path: Path) -> tuple[File, bytes, str] | None:
        """The table that is named at this place: its file, its bytes, its name; None: there is none."""
        name = self._text(path)
        if not isinstance(name, str) or not name:
            return None
        file = self._path.parent / name
        try:
            return file, file.read_bytes(), name
        except OSError as error:
            at = self._sheet.at(path)
            wrong = f"the table cannot be read: {error.strerror}"
            self._sheet.troubles.append(Trouble(at, path, wrong, f"looked for {file}"))
            return None

    def _skus(self, table: SkuTable | None) -> Iterable[CatalogSku]:
        """Those of the YAML and those of the table. A wrong one in the YAML has been told."""
        items: dict[str, CatalogSku] = {}
        written = self._sheet.find(("skus", "items"))
        entries = written.value if written and isinstance(written.value, dict) else {}
        for sku, entry in entries.items():
            try:
                items[sku] = CatalogSku.of(sku, SkuSettings.model_validate(entry.node.plain()))
            except ValueError:
                items[sku] = CatalogSku(sku)
        accept = self._text(("skus", "accept_channel_skus")) is not False
        self._sheet.troubles.extend(checks.skus(items, table, self._sheet, accept=accept))
        return (*(table.skus if table else ()), *items.values())

    # Names

    def _names(self, config: Config | None, skus: Sequence[CatalogSku]) -> FileNames:
        """What the files say others call our goods."""
        table = self._name_table()
        if config is None:
            self._name_problems = list(table.problems if table else ())
            return FileNames()
        names, troubles, self._name_problems = file_names(
            config,
            self._sheet,
            table,
            skus={one.sku for one in skus},
            aliases={alias: one.sku for one in skus for alias in one.aliases},
            accept=config.skus.accept_channel_skus,
        )
        self._sheet.troubles.extend(troubles)
        return names

    def _name_table(self) -> NameTable | None:
        found = self._beside(("names", "table"))
        if found is None:
            return None
        self._names_file, self._names_content, name = found
        return read_names(self._names_file, self._names_content, name=name)

    # Conditions

    def _conditions(
        self, path: Path, compile_: Callable[..., Predicate]
    ) -> tuple[Predicate | None, ...]:
        """The `when` of each rule in a list; None where a rule has none."""
        rules = self._sheet.find(path)
        made: list[Predicate | None] = []
        for index, rule in enumerate(
            rules.value if rules and isinstance(rules.value, list) else ()
        ):
            when, name = rule.child("when"), rule.child("name")
            made.append(None)
            if when is None or not isinstance(when.value, str):
                continue
            try:
                made[-1] = compile_(when.value, rule=str(name.value) if name else f"{index}")
            except Misread as misread:
                at = _inside(when, misread.offset, self._sheet)
                where = (*path, index, "when")
                words = (misread.wrong, misread.expected, misread.fix)
                if when.referenced:
                    words = ("the condition behind this reference cannot be used", "", "")
                self._sheet.troubles.append(Trouble(at, where, *words))
        return tuple(made)

    def _season_conditions(self) -> list[tuple[Predicate | None, ...]]:
        seasons = self._sheet.find(("seasons",))
        made = []
        for index, season in enumerate(
            seasons.value if seasons and isinstance(seasons.value, list) else ()
        ):
            name = season.child("name")
            compile_ = partial(_named_predicate, str(name.value) if name else f"{index}")
            made.append(self._conditions(("seasons", index, "uplift"), compile_))
        return made

    def _misread_formulas(self, config: Config) -> Iterator[Trouble]:
        """Formulas in connectors' settings that cannot be used."""
        for name, settings in config.connections.items():
            for path, one in derived(settings, ("connections", name)):
                try:
                    formula(one.value, one.sample())
                except Misread as misread:
                    where = (*path, "value")
                    node = self._sheet.find(where)
                    at = (
                        _inside(node, misread.offset, self._sheet) if node else self._sheet.at(path)
                    )
                    words = (misread.wrong, misread.expected, misread.fix)
                    yield Trouble(at, where, *words)

    # Problems

    def _problems(self, table: SkuTable | None) -> list[Problem]:
        troubles = [
            one for one in self._sheet.troubles if not (self._sheet.broken and one.consequence)
        ]
        order = {name: index for index, name in enumerate(self._sheet.lines)}

        def place(one: Trouble) -> tuple[int, int, int]:
            if isinstance(one.at, str):
                return (len(order), 0, 0)
            return (order.get(one.at.file, -1), one.at.line, one.at.column)

        hidden = self._hidden() if troubles else ()
        told = [self._problem(one, hidden) for one in sorted(troubles, key=place)]
        read = (*(table.problems if table else ()), *self._rate_problems, *self._name_problems)
        return list(dict.fromkeys((*told, *read)))

    def _hidden(self) -> tuple[str, ...]:
        """What no message may repeat: secrets, and all that came through a reference."""
        return tuple(
            {
                str(node.value)
                for path, node in self._sheet.spans
                if len(str(node.value)) >= _SHORTEST_SECRET
                and (node.referenced or (self._shape.at(path) and self._shape.secret(path)))
            }
        )

    def _problem(self, one: Trouble, hidden: tuple[str, ...]) -> Problem:
        source, caret = "", 0
        if isinstance(one.at, Position):
            source, caret = self._line(one.at)
        words = (without(hidden, part) for part in (one.wrong, one.expected, one.fix))
        wrong, expected, fix, source = map(without_logins, (*words, source))
        return Problem(one.at, one.path, wrong, expected, fix, source, caret)

    def _line(self, at: Position) -> tuple[str, int]:
        """The source line without secrets, and where the caret stands in it."""
        lines = self._sheet.lines.get(at.file, [])
        line = lines[at.line - 1] if at.line <= len(lines) else ""
        # An alias makes one place of a file several values: it is secret if any of them is.
        regions: dict[tuple[int, int], bool] = {}
        for path, node in self._sheet.spans:
            if node.at.file == at.file and node.at.line <= at.line <= node.end.line:
                start = node.at.column - 1 if node.at.line == at.line else 0
                end = node.end.column - 1 if node.end.line == at.line else len(line)
                if not regions.get((start, end)):
                    regions[start, end] = self._shape.secret(path)
        if not regions:
            # No value was read from this line: it may be a broken one.
            return suspicious_masked(line), at.column
        caret = at.column
        for (start, end), secret in sorted(regions.items(), reverse=True):
            shown = masked(line[start:end]) if secret else line[start:end]
            if end < at.column:
                caret += len(shown) - (end - start)
            line = line[:start] + shown + line[end:]
        return line, caret


def _named_predicate(season: str, source: str, *, rule: str) -> Predicate:
    return sku_predicate(source, rule=f"{season}, uplift {rule}")


def _inside(node: Node, offset: int, sheet: Sheet) -> Position:
    """The place of a letter of a scalar; the scalar's own where escapes or folds move letters."""
    lines = sheet.lines[node.at.file]
    text = node.value if isinstance(node.value, str) else ""
    first, column = node.at.line - 1, node.at.column - 1
    start = column + (1 if node.quoted else 0)
    # An unexpected end points behind the last letter, which may be a line further.
    offset = min(offset, len(text.rstrip()))
    if lines[first][start : start + len(text)] == text:
        return Position(node.at.file, node.at.line, start + 1 + offset)
    if lines[first][column : column + 1] == "|":
        row = text.count("\n", 0, offset)
        within = offset - (text.rfind("\n", 0, offset) + 1)
        told, line = text.split("\n")[row], lines[min(first + 1 + row, len(lines) - 1)]
        if told and line.endswith(told):
            return Position(node.at.file, first + 2 + row, len(line) - len(told) + 1 + within)
    return node.at
