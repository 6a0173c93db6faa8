"""Commands about what suppliers bill: what does not fit, and what a person says to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from core.model.invoices import InvoiceState
from core.rules.sentences import render
from jobs import invoices
from jobs.bootstrap import Application
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.store.invoices import InvoiceRecord, Invoices
from jobs.store.store import Tx

ConnectionArgument = Annotated[str, typer.Argument(help="the connection that sent it")]
NumberArgument = Annotated[str, typer.Argument(help="its number, as it stands on it")]
NoteOption = Annotated[str, typer.Option(help="why, and who agreed")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Invoices of suppliers.", no_args_is_help=True)
    group.command(name="list")(listed)
    group.command(name="accept")(accept)
    group.command(name="reject")(reject)
    app.add_typer(group, name="invoices")


def listed(
    config: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="settled ones too")] = False,
    as_json: JsonOption = False,
) -> None:
    """Invoices that do not fit, or wait for their goods, and why."""
    with application(config) as app, app.store.reading() as tx:
        rows = [_row(app, tx, one) for one in Invoices(tx).listed(settled=every)]
        show(
            rows,
            columns=("connection", "number", "on", "order", "total", "state", "why"),
            as_json=as_json,
            title="Invoices",
            empty="no invoice waits for anything",
            zone=app.wiring.config.shop.time_zone,
        )


def _row(app: Application, tx: Tx, one: InvoiceRecord) -> dict[str, Any]:
    open_ = one.state in (InvoiceState.WAITING, InvoiceState.DIFFERS)
    found = invoices.differences(tx, app.wiring, one) if open_ else ()
    total = f"-{one.invoice.total}" if one.invoice.credit else str(one.invoice.total)
    return {
        "connection": one.connection,
        "number": one.invoice.number,
        "on": one.invoice.on.isoformat(),
        "order": one.key or one.invoice.order,
        "total": total,
        "state": f"{one.state} by {one.settled_by}" if one.settled_by else str(one.state),
        "why": " ".join(render(reason, "en") for reason in found),
    }


def accept(
    connection: ConnectionArgument, number: NumberArgument, note: NoteOption,
    config: ConfigOption = None, by: ByOption = None,
) -> None:  # fmt: skip
    """Take an invoice as it is: what it bills counts as billed."""
    _settle(connection, number, InvoiceState.ACCEPTED, config, by, note)


def reject(
    connection: ConnectionArgument, number: NumberArgument, note: NoteOption,
    config: ConfigOption = None, by: ByOption = None,
) -> None:  # fmt: skip
    """Refuse an invoice: it bills nothing, and another may bill the same goods."""
    _settle(connection, number, InvoiceState.REJECTED, config, by, note)


def _settle(
    connection: str, number: str, state: InvoiceState, config: str | None, by: str | None, note: str
) -> None:
    with application(config) as app, app.store.transaction() as tx:
        invoices.settle(tx, connection, number, state, by=person(by), note=note)
    console().print(Text(f"invoice {number} of {connection}: {state}"))
