"""Measured delays, for `lockstep status`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from config.durations import Duration
from jobs.cli.shared import show
from jobs.exposure import assumed, watched
from jobs.store.lags import Kind, Lags
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Measured for people: no quantity reckons with it.
UNRECKONED = (Kind.SNAPSHOT, Kind.MISSED)
WHAT = {
    Kind.ORDERS: "order placed to recorded",
    Kind.MISSED: "order no pull brought to found",
    Kind.OFFERS: "quantity written to shown",
    Kind.SNAPSHOT: "stock figure to its file",
    Kind.FIGURE: "age a stock figure reaches",
}


def lags_of(tx: Tx, wiring: Wiring) -> list[dict[str, Any]]:
    """Seconds of each delay: half of them, nine in ten, and what quantities reckon with."""
    known = {(row.kind, row.place): row for row in Lags(tx).rows()}
    places = [(kind, place) for kind, place, _ in watched(tx, wiring)]
    told = []
    for kind, place in sorted({*known, *places}):
        row, usual = known.get((kind, place)), assumed(wiring, kind, place)
        reckoned = row.in_force if row and row.in_force is not None else usual
        measured = row is not None and row.lag.weight > 0
        told.append(
            {
                "place": place,
                "what": WHAT[kind],
                "half": _seconds(row.lag.median) if row and measured else None,
                "nine_in_ten": _seconds(row.lag.ninth) if row and measured else None,
                "observations": round(row.lag.weight) if row else 0,
                "reckoned_with": None if kind in UNRECKONED else _seconds(reckoned),
            }
        )
    return told


def print_lags(told: list[dict[str, Any]]) -> None:
    """The same as a table; empty where nothing was measured yet."""
    spans = ("half", "nine_in_ten", "reckoned_with")
    show(
        [{**row, **{name: _words(row[name]) for name in spans}} for row in told],
        columns=["place", "what", "half", "nine_in_ten", "observations", "reckoned_with"],
        as_json=False,
        title="Lags",
        empty="No channel and no place whose stock others count.",
    )


def _seconds(span: timedelta) -> float:
    return span.total_seconds()


def _words(seconds: float | None) -> str:
    return "" if seconds is None else str(Duration(seconds=max(1, round(seconds))))
