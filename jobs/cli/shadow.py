"""`lockstep shadow`: what we would have done beside what was done."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from core.errors import ConfigError
from core.model.reasons import Reason
from core.rules.sentences import render
from jobs.cli.shared import ConfigOption, JsonOption, application, console
from jobs.shadow import compare
from jobs.store.shadows import Shadows


def register(app: typer.Typer) -> None:
    app.command()(shadow)


def shadow(
    config: ConfigOption = None,
    day: Annotated[
        str | None,
        typer.Option(help="a day whose report was made: 2026-11-24 [default: as of now]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what we decide with what the channels show and ship, where they are only observed.

    Exits 1 when there is no report of that day.
    """
    asked = _day(day)
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        if asked is None:
            today = tx.now.astimezone(ZoneInfo(app.wiring.config.shop.time_zone)).date()
            made = [compare(tx, app.wiring, one, today) for one in app.wiring.config.channels]
            told: list[dict[str, Any]] = [one.as_json() for one in made if one is not None]
        else:
            told = [body for body, _ in Shadows(tx).kept(asked).values()]
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        out = console()
        for one in told:
            for code, args in one["reasons"]:
                out.print(Text(render(Reason(code, args), language)))
        if not told:
            out.print(
                Text("No channel is only observed." if asked is None else f"No report of {asked}.")
            )
    raise typer.Exit(0 if told or asked is None else 1)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--day {text!r} is no day; write 2026-11-24") from None
