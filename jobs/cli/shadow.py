"""`lockstep shadow`: what we would have done beside what was done."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from core.errors import ConfigError
from core.model.reasons import Reason
from core.rules.sentences import render
from jobs.adopt import read_rows
from jobs.cli.shared import ConfigOption, JsonOption, application, console
from jobs.shadow import compare, compare_shipped
from jobs.store.shadows import Shadows
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Orders that are named one by one.
MOST_NAMED = 10


def register(app: typer.Typer) -> None:
    app.command()(shadow)


def shadow(
    config: ConfigOption = None,
    day: Annotated[
        str | None,
        typer.Option(help="a day whose report was made: 2026-11-24 [default: as of now]"),
    ] = None,
    shipped: Annotated[
        Path | None,
        typer.Option(
            help="CSV order,place: from where orders were shipped, where no channel tells"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what we decide with what the channels show and ship, where they are only observed.

    Exits 1 when there is no report of that day.
    """
    asked = _day(day)
    if asked is not None and shipped is not None:
        raise ConfigError("--day shows a report that was made, --shipped compares now: say one")
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        told: list[dict[str, Any]]
        today = tx.now.astimezone(ZoneInfo(app.wiring.config.shop.time_zone)).date()
        left: list[Reason] = []
        if shipped is not None:
            told, left = _beside_file(tx, app.wiring, today, shipped)
        elif asked is None:
            made = [compare(tx, app.wiring, one, today) for one in app.wiring.config.channels]
            told = [one.as_json() for one in made if one is not None]
        else:
            told = [body for body, _ in Shadows(tx).kept(asked).values()]
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        out = console()
        for one in told:
            for code, args in one["reasons"]:
                out.print(Text(render(Reason(code, args), language)))
        for reason in left:
            out.print(Text(render(reason, language)))
        if not told and not left:
            out.print(
                Text("No channel is only observed." if asked is None else f"No report of {asked}.")
            )
    raise typer.Exit(0 if told or asked is None else 1)


def _beside_file(
    tx: Tx, wiring: Wiring, today: date, path: Path
) -> tuple[list[dict[str, Any]], list[Reason]]:
    """Reports of the orders in a file, and what is to be said of those that could not be compared."""
    shipped = _read_shipped(path, wiring)
    told, compared = [], set[str]()
    for channel in wiring.config.channels:
        report, orders = compare_shipped(tx, wiring, channel, today, shipped)
        compared |= orders
        told += [report.as_json()] if report is not None else []
    missing = sorted(shipped.keys() - compared)
    if not missing:
        return told, []
    named = ", ".join(missing[:MOST_NAMED]) + (", ..." if len(missing) > MOST_NAMED else "")
    return told, [Reason.of("shadow_not_compared", count=len(missing), orders=named)]


def _read_shipped(path: Path, wiring: Wiring) -> dict[str, tuple[str, ...]]:
    """Order -> our places it was shipped from. Raises ConfigError with every unknown place."""
    found: dict[str, tuple[str, ...]] = {}
    problems = []
    for number, row in enumerate(read_rows(path, ("order", "place")), start=2):
        if row["place"] not in wiring.config.locations:
            places = ", ".join(wiring.config.locations)
            problems.append(f"{path}:{number}: place {row['place']!r} is none of {places}")
        else:
            found[row["order"]] = (*found.get(row["order"], ()), row["place"])
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--day {text!r} is no day; write 2026-11-24") from None
