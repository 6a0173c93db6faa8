"""Commands about what others call our goods."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from config.naming import outside_name, units_of
from core.model.names import Meaning, NameChange, OutsideName, Source
from core.rules.names import BadName
from core.rules.sentences import render
from jobs import mapping
from jobs.bootstrap import Application
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.counts import moment
from jobs.mapping import CannotName, Said
from jobs.naming import Naming, shown
from jobs.store.names import OutsideNames

SchemeArgument = Annotated[
    str, typer.Argument(help="listing, remote_sku, item, gtin (or upc, ean), asin")
]
NameArgument = Annotated[str, typer.Argument(help="the name itself, as the others write it")]
PlaceOption = Annotated[
    str,
    typer.Option(
        help="a listing's or remote_sku's channel; an item's supplier or connection [default: all]"
    ),
]
NoteOption = Annotated[str, typer.Option(help="why")]
FromOption = Annotated[
    str, typer.Option("--from", help="in force from here on: 2026-12-01 08:00 [default: now]")
]
_COLUMNS = ("scheme", "place", "name", "means", "from", "who", "note")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What others call our goods.", no_args_is_help=True)
    group.command(name="set")(set_)
    group.command(name="remove")(remove)
    group.command(name="list")(listed)
    group.command(name="history")(history)
    group.command(name="ask")(ask)
    group.command(name="import")(import_)
    group.command(name="export")(export)
    app.add_typer(group, name="map")


def set_(
    scheme: SchemeArgument, name: NameArgument,
    sku: Annotated[str, typer.Argument(help="our Sku that it means")],
    note: NoteOption,
    units: Annotated[str, typer.Option(help="units of the Sku in one of it: a pack, a case")] = "1",
    place: PlaceOption = "", begins: FromOption = "",
    config: ConfigOption = None, by: ByOption = None,
) -> None:  # fmt: skip
    """Say what a name means. Orders and listings that waited for it go on by themselves."""
    with application(config) as app, app.store.transaction() as tx:
        said = Said(_name(scheme, place, name), Meaning(sku.strip(), _units(units)))
        changed = mapping.say(
            tx, app.wiring, [said], by=person(by), note=note, begins=_instant(app, begins)
        )
    told = f"{said.name} means {said.meaning}"
    console().print(Text(told if changed else f"{told} already"))


def remove(
    scheme: SchemeArgument, name: NameArgument, note: NoteOption, place: PlaceOption = "",
    begins: FromOption = "", config: ConfigOption = None, by: ByOption = None,
) -> None:  # fmt: skip
    """Take back what was said of a name. What was read meanwhile stays as it was understood."""
    with application(config) as app, app.store.transaction() as tx:
        taken = _name(scheme, place, name)
        mapping.take_back(tx, taken, by=person(by), note=note, begins=_instant(app, begins))
    console().print(Text(f"{taken}: taken back"))


def listed(
    config: ConfigOption = None,
    sku: Annotated[str, typer.Option(help="names of this Sku only")] = "",
    at: Annotated[str, typer.Option(help="as of an instant: 2026-12-01 08:00")] = "",
    as_json: JsonOption = False,
) -> None:
    """What names mean, by files and by people. Where both say something the file is in force."""
    with application(config) as app, app.store.reading() as tx:
        instant = _instant(app, at) or tx.now
        names = OutsideNames(tx)
        rows = [
            one
            for source in (Source.FILE, Source.PERSON)
            for one in names.in_force(source, at=instant).values()
            if not sku or (one.meaning is not None and one.meaning.sku == sku)
        ]
        _show(app, sorted(rows, key=lambda one: (one.name, one.source)), as_json=as_json)


def history(
    scheme: SchemeArgument, name: NameArgument, place: PlaceOption = "",
    config: ConfigOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Everything that was ever said of a name, by whom, when and why."""
    with application(config) as app, app.store.reading() as tx:
        _show(app, OutsideNames(tx).history(_name(scheme, place, name)), as_json=as_json)


def ask(
    name: NameArgument,
    place: Annotated[str, typer.Option(help="the channel, supplier or connection that says it")],
    config: ConfigOption = None,
) -> None:
    """What a name would be taken for, and why. Exit code 1: for nothing that is certain."""
    with application(config) as app, app.store.reading() as tx:
        naming = Naming(tx, app.wiring)
        if place in app.wiring.config.channels:
            found = next(iter(naming.sold([shown(place, name, name)]).values()))
        else:
            supplier = app.wiring.config.suppliers.get(place)
            by = supplier.connection if supplier else place
            found = naming.supplied(by, [name])[name]
        console().print(Text(render(found.why, app.wiring.config.shop.language)))
    if found.sku is None:
        raise typer.Exit(1)


def import_(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX: scheme place name sku units note")],
    note: NoteOption,
    begins: FromOption = "", config: ConfigOption = None, by: ByOption = None,
) -> None:  # fmt: skip
    """Say what many names mean: all of the file, or nothing of it. Others stay as they are."""
    with application(config) as app, app.store.transaction() as tx:
        rows = mapping.read_table(file)
        changed = mapping.say(
            tx, app.wiring, rows, by=person(by), note=note, begins=_instant(app, begins)
        )
    console().print(Text(f"{len(rows)} names read, {changed} of them new or changed"))


def export(
    file: Annotated[Path, typer.Argument(help="the CSV file to write")],
    config: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="what files say too")] = False,
    at: Annotated[str, typer.Option(help="as of an instant: 2026-12-01 08:00")] = "",
) -> None:
    """Write what names mean as CSV; `map import` reads it back to the very same."""
    with application(config) as app, app.store.reading() as tx:
        text = mapping.written_table(tx, app.wiring, files=every, at=_instant(app, at) or tx.now)
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CannotName(f"{file} cannot be written: {error.strerror}") from error
    console().print(Text(f"{file}: written"))


def _show(app: Application, lines: Iterable[NameChange], *, as_json: bool) -> None:
    show(
        [_row(one) for one in lines],
        columns=_COLUMNS,
        as_json=as_json,
        title="Names",
        empty="nothing is said of any such name",
        zone=app.wiring.config.shop.time_zone,
    )


def _row(one: NameChange) -> dict[str, Any]:
    return {
        "scheme": str(one.name.scheme),
        "place": one.name.place,
        "name": one.name.value,
        "means": str(one.meaning) if one.meaning else "nothing",
        "from": one.begins,
        "told_at": one.told_at,
        "source": str(one.source),
        "who": one.who,
        "note": one.note,
    }


def _name(scheme: str, place: str, name: str) -> OutsideName:
    try:
        return outside_name(scheme, place, name)
    except BadName as wrong:
        raise CannotName(str(wrong)) from None


def _units(text: str) -> int:
    try:
        return units_of(text.strip())
    except BadName as wrong:
        raise CannotName(str(wrong)) from None


def _instant(app: Application, text: str) -> datetime | None:
    try:
        return moment(text, app.wiring.config.shop.time_zone)
    except ValueError as wrong:
        raise CannotName(str(wrong)) from None
