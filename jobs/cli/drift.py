"""`lockstep drift`: what channels show that we did not write."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import Row

from core.errors import ConfigError
from jobs.cli.shared import ConfigOption, JsonOption, application, show
from jobs.store.drift import Drifts


def register(app: typer.Typer) -> None:
    app.command(name="drift")(list_drift)


def list_drift(
    config: ConfigOption = None,
    channel: Annotated[str | None, typer.Option(help="one channel [default: all]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Offers that show another number than we knew: since when, why, and what becomes of it."""
    with application(config) as app:
        described = app.wiring.config
        if channel is not None and channel not in described.channels:
            raise ConfigError(
                f"there is no channel {channel!r}; channels are {', '.join(described.channels)}"
            )
        with app.store.reading() as tx:
            found = Drifts(tx).open(channel)
        show(
            [_row(row) for row in found],
            columns=(
                "since", "channel", "sku", "remote_id", "expected", "found", "wanted", "cause", "state",
            ),
            as_json=as_json,
            title="Open differences",
            empty="Every channel shows what it was last known to show",
            zone=described.shop.time_zone,
        )  # fmt: skip


def _row(row: Row[Any]) -> dict[str, Any]:
    return {
        "since": row.since,
        "found_at": row.found_at,
        "channel": row.channel,
        "sku": row.sku,
        "remote_id": row.remote_id,
        "remote_location": row.remote_location,
        "expected": row.expected,
        "found": row.found,
        "wanted": row.wanted,
        "unexplained": row.unexplained,
        "cause": row.cause or "waits for orders",
        "state": row.state,
    }
