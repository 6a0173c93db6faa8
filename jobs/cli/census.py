"""The orders that channels list, day by day, against those recorded."""

from __future__ import annotations

import typer

from jobs.cli.shared import ConfigOption, JsonOption, application, show
from jobs.store.census import CensusDays

_COLUMNS = (
    "channel", "day", "theirs", "stated", "ours", "missing", "fetched", "compared_at", "orders",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command()(census)


def census(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show each day's orders: those a channel lists, those it says there are, and ours.

    `missing` could not be fetched yet, `fetched` came by the comparison and by no pull. Exits 1 where a
    day differs.
    """
    with application(config) as app, app.store.reading() as tx:
        days = CensusDays(tx).rows()
        zone = app.wiring.config.shop.time_zone
    rows = [
        {
            "channel": one.channel,
            "day": one.day.isoformat(),
            "theirs": one.theirs,
            "stated": one.stated,
            "ours": one.ours,
            "missing": len(one.missing),
            "fetched": one.fetched,
            "compared_at": one.compared_at,
            "orders": ", ".join(one.missing),
        }
        for one in days
    ]
    show(
        rows, columns=_COLUMNS, as_json=as_json, title="Orders listed and recorded", zone=zone,
        empty="Nothing was compared yet.",
    )  # fmt: skip
    raise typer.Exit(1 if any(one.differs for one in days) else 0)
