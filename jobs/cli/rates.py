"""`lockstep rates list`: what carriers said that parcels cost."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.model.money import Money
from jobs.cli.shared import ConfigOption, JsonOption, application, show
from jobs.quoted import live_services
from jobs.store.quotes import Quotes

_COLUMNS = ("service", "from", "to", "grams", "price", "days", "asked_at", "valid_until", "basis")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Prices that carriers named.", no_args_is_help=True)
    group.command(name="list")(listed)
    # One command alone would be the group itself.
    group.callback()(lambda: None)
    app.add_typer(group, name="rates")


def listed(
    service: Annotated[str, typer.Option(help="name of one of `services` [default: all]")] = "",
    area: Annotated[
        str, typer.Option(help="first three digits of where it goes [default: all]")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the prices that are used instead of rate tables now, and why others are not."""
    with application(config) as app, app.store.reading() as tx:
        zone = app.wiring.config.shop.time_zone
        told: list[dict[str, Any]] = []
        for name, one in live_services(app.wiring).items():
            if one.live is None or service not in ("", name):
                continue
            for row in Quotes(tx).rows(one.live.connection, after=tx.now):
                if row.service != one.live.code or area not in ("", row.area):
                    continue
                told.append(
                    {
                        "service": name,
                        "from": row.origin,
                        "to": row.area,
                        "grams": row.grams,
                        "price": str(Money(row.cents, app.wiring.config.shop.currency))
                        if row.cents is not None
                        else row.problem.replace("_", " "),
                        "days": row.days,
                        "asked_at": row.asked_at,
                        "valid_until": row.valid_until,
                        "basis": row.basis,
                    }
                )
    show(
        told, columns=_COLUMNS, as_json=as_json, title="Prices that carriers named",
        zone=zone, empty="No price is known: no service has `live`, or nothing was asked yet.",
    )  # fmt: skip
