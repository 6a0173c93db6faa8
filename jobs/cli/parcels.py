"""Commands about parcels whose tracking number is doubted: what a person says to it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from jobs import numbers
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show

OrderArgument = Annotated[str, typer.Argument(help="the order's name or remote id")]
NumberArgument = Annotated[str, typer.Argument(help="the tracking number as it was told")]
NoteOption = Annotated[str, typer.Option(help="who said so")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Parcels whose tracking number is doubted: their channel waits.", no_args_is_help=True
    )
    group.command(name="list")(listed)
    group.command(name="correct")(correct)
    group.command(name="accept")(accept)
    app.add_typer(group, name="parcels")


def listed(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Parcels that their channel is not told of yet, and when it will be."""
    with application(config) as app, app.store.reading() as tx:
        rows = [
            {
                "channel": one.channel,
                "order": one.order,
                "from": one.location,
                "carrier": one.carrier,
                "number": one.number,
                "told at": one.tell_at,
            }
            for one in numbers.doubted(tx)
        ]
        show(
            rows,
            columns=("channel", "order", "from", "carrier", "number", "told at"),
            as_json=as_json,
            title="Doubted numbers",
            empty="no parcel's number is doubted",
            zone=app.wiring.config.shop.time_zone,
        )


def correct(
    order: OrderArgument,
    number: NumberArgument,
    right: Annotated[str, typer.Option(help="the right number")],
    note: NoteOption,
    carrier: Annotated[str, typer.Option(help="whose it is [default: as its form says]")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Put the right number in the place of a wrong one, before the channel is told."""
    with application(config) as app, app.store.transaction() as tx:
        numbers.correct(
            tx, app.wiring, order, number,
            right=right, carrier=carrier, by=person(by), note=note,
        )  # fmt: skip
    console().print(Text(f"{number} is {right} now"))


def accept(
    order: OrderArgument,
    number: NumberArgument,
    note: NoteOption,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Say that a doubted number is right: the channel is told of the parcel."""
    with application(config) as app, app.store.transaction() as tx:
        numbers.accept(tx, order, number, by=person(by), note=note)
    console().print(Text(f"{number} is told to the channel"))
