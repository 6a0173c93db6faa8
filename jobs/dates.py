"""What time alone changes: silence grows, places close, seasons begin and end, preorders run out.

The unit keeps in its cursor what the shown numbers rest on. A run looks whether that is another
now, and marks the Skus it concerns; it is due again when the next of them changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from config.expressions import RuleFailed
from core.model.catalog import LocationId, Sku
from jobs.places import Moment, midnights, moment
from jobs.run import Run
from jobs.store.dates import Dates
from jobs.store.orders import Orders
from jobs.store.store import Tx
from jobs.store.untrusted import untrusted
from jobs.wiring import Wiring

#: Its work is due at known instants; this is how late it may be where a clock was set.
EVERY = timedelta(minutes=15)


def follow_dates(run: Run) -> timedelta | None:
    """Mark the Skus whose numbers another moment, or another configuration, changes."""
    wiring = run.wiring
    with run.reading() as tx:
        at = moment(tx, wiring)
        basis = _basis(wiring, at, untrusted(tx))
        before = json.loads(run.lease.cursor or "{}")
        touched = _touched(tx, wiring, before, basis) if before != basis else set()
        waiting = _promised_to(tx, wiring, touched)
    if before != basis:
        with run.transaction() as tx:
            tx.mark_dirty(touched)
            # Another day, another rule: what nobody may ship as it is is looked at again.
            if again := [*waiting, *Orders(tx).unroutable()]:
                Orders(tx).decide_again(again)
                tx.wake("core/orders")
            tx.advance(json.dumps(basis))
    now = run.clock.now()
    changes = [*midnights(wiring.config, now), *([at.changes_at] if at.changes_at else [])]
    return min(max(min(changes) - now, timedelta(0)), EVERY)


def _promised_to(tx: Tx, wiring: Wiring, touched: set[Sku]) -> list[int]:
    """Orders that wait for units of these Skus: until when they were promised may be another."""
    if not touched:
        return []
    parts = {part for sku in touched for part in wiring.components(sku, 1)}
    return sorted(number for number, skus in Orders(tx).short().items() if skus & parts)


def _basis(wiring: Wiring, at: Moment, doubted: Iterable[LocationId]) -> dict[str, Any]:
    """What the numbers rest on besides units and demand."""
    places = {location: f"stale {100 - term.percent}" for location, term in at.stale.items()}
    for location, one in at.shutting.items():
        # A handling time is another one every day.
        day = f" on {one.today}" if one.longer_handling else ""
        word = f"closed {one.closure.first} {one.closure.last}{day}"
        places[location] = f"{places.get(location, '')} {word}".strip()
    for location in doubted:
        places[location] = f"{places.get(location, '')} untrusted".strip()
    return {
        "policies": wiring.loaded.policy_digest,
        "configuration": wiring.loaded.digest,
        "day": at.today.isoformat(),
        "places": dict(sorted(places.items())),
    }


def _touched(tx: Tx, wiring: Wiring, before: dict[str, Any], now: dict[str, Any]) -> set[Sku]:
    dates = Dates(tx)
    if before.get("policies") != now["policies"]:
        return {sku for sku, _ in dates.listed()}
    found: set[Sku] = set()
    for location in before["places"].keys() | now["places"].keys():
        if before["places"].get(location) != now["places"].get(location):
            found |= dates.stocked_at(location)
    last, today = date.fromisoformat(before["day"]), date.fromisoformat(now["day"])
    if any(last < day <= today for day in wiring.loaded.policies.turning_days):
        found |= _turned(dates, wiring, last, today)
    return found


def _turned(dates: Dates, wiring: Wiring, last: date, today: date) -> set[Sku]:
    """Skus of which some channel's policy is another today."""
    found: set[Sku] = set()
    for sku, channel in dates.listed():
        if sku in found or channel not in wiring.config.channels:
            continue
        try:
            turned = wiring.loaded.policies.turns(sku, channel, after=last, until=today)
        except RuleFailed:
            turned = True  # it is told where the number is decided
        if turned:
            found.add(sku)
    return found
