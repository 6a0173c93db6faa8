"""Cycle counts: a file becomes a plan with variances, and changes the ledger once a person approved it.

The plan keeps what was counted, never the variances: they are worked out again when it is applied,
for a parcel that is told of meanwhile may explain them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from config.table import cells_of, text_of
from core.errors import ConfigError, LockstepError
from core.model.cases import Case
from core.model.catalog import LocationId, Sku
from core.model.stock import MovementKind, StockMovement
from core.rules.counting import Counted, CountLimits, Variance, Worth, impossible, too_far
from jobs.movements import known, serve_again
from jobs.store.counting import balances, set_counted
from jobs.store.plans import Plans
from jobs.store.stock import Stock
from jobs.store.store import Store, Tx
from jobs.store.tables import change_plan
from jobs.wiring import Wiring
from jobs.worth import worth_of

KIND = "count"
_COLUMNS = ("sku", "location", "quantity", "counted_at")


class CannotCount(LockstepError):
    """This count cannot be planned or applied."""


@dataclass(frozen=True)
class CountFile:
    name: str
    digest: str
    lines: tuple[Counted, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.name,
            "digest": self.digest,
            "lines": [[one.sku, one.location, one.quantity, one.at.isoformat()] for one in self.lines],
        }  # fmt: skip

    @classmethod
    def from_json(cls, body: Any) -> CountFile:
        lines = tuple(
            Counted(sku, location, quantity, datetime.fromisoformat(at))
            for sku, location, quantity, at in body["lines"]
        )
        return cls(body["file"], body["digest"], lines)


# --- the file ------------------------------------------------------------------------------------


def read_file(
    path: Path, wiring: Wiring, *, location: str | None, counted_at: datetime | None, now: datetime
) -> CountFile:
    """A CSV or XLSX: sku, quantity, and location and counted_at unless they are given for all lines.

    Instants without an offset are the shop's own time. Raises ConfigError with every bad cell.
    """
    try:
        content = path.read_bytes()
        rows = cells_of(path, content)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
    heading = [text_of(cell).lower() for cell in rows[0]] if rows else []
    given = {"location": location, "counted_at": counted_at}
    missing = [name for name in _COLUMNS if name not in heading and not given.get(name)]
    if missing:
        raise ConfigError(
            f"{path}: column {', '.join(missing)} is missing; found {', '.join(heading) or 'nothing'}; "
            "where all lines have the same, say --location and --at instead"
        )
    problems: list[str] = []
    lines: dict[tuple[Sku, LocationId], tuple[int, Counted]] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = dict(zip(heading, row, strict=False))
        if not any(text_of(cell) for cell in cells.values()):
            continue
        try:
            one = _line(cells, wiring, location, counted_at, now)
        except ValueError as wrong:
            problems.append(f"{path}:{number}: {wrong}")
            continue
        key = (one.sku, one.location)
        if key in lines:
            problems.append(
                f"{path}:{number}: {one.sku} at {one.location} stands in line {lines[key][0]} already; "
                "add the two up"
            )
        lines.setdefault(key, (number, one))
    if problems:
        raise ConfigError("\n".join(problems))
    if not lines:
        raise ConfigError(f"{path}: nothing was counted: there is no line under the heading")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return CountFile(path.name, digest, tuple(one for _, one in lines.values()))


def _line(
    cells: dict[str, Any],
    wiring: Wiring,
    location: str | None,
    counted_at: datetime | None,
    now: datetime,
) -> Counted:
    name, quantity = text_of(cells.get("sku")), text_of(cells.get("quantity"))
    sku = wiring.loaded.catalog.sku_for(name)
    if not name or sku is None:
        raise ValueError(f"{name!r} is no Sku that is known here")
    parts = wiring.loaded.catalog.components_of(sku)
    if parts:
        raise ValueError(f"{sku} is a Kit; count its components ({', '.join(sorted(parts))})")
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) < 10):
        raise ValueError(f"quantity {quantity!r} is no whole number of units")
    place = text_of(cells.get("location")) or location or ""
    found = wiring.location(place)
    if found is None:
        raise ValueError(f"there is no location {place!r}")
    if found.basis is not None:
        counted_by = wiring.config.locations[place].counted_by
        raise ValueError(f"{place} is counted by {counted_by}, whose figure is the truth there")
    at = moment(cells.get("counted_at"), wiring.config.shop.time_zone) or counted_at
    if at is None:
        raise ValueError("counted_at is empty: when was it counted?")
    if at > now:
        raise ValueError(f"counted at {at.isoformat()}, which is still to come")
    return Counted(sku, place, int(quantity), at)


def moment(cell: Any, zone: str) -> datetime | None:
    """A cell (or a person's words) as an instant; None: empty. Without an offset it is in `zone`.

    Raises ValueError; a day without a time too: what moved on that day would be before or after.
    """
    text = cell.isoformat() if isinstance(cell, date) else text_of(cell)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text) if ":" in text else None
    except ValueError:
        at = None
    if at is None:
        raise ValueError(
            f"{text!r} is no instant; write 2026-11-24 18:30 or 2026-11-24T18:30:00-05:00"
        )
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))


# --- the plan ------------------------------------------------------------------------------------


def propose(
    store: Store, wiring: Wiring, file: CountFile, *, by: str
) -> tuple[int, list[Variance]]:
    """Keep the count as a plan, and list its variances. Nothing else is written. Raises CannotCount.

    The very same file again replaces the plan that waits; where it was applied it is refused.
    """
    places = ", ".join(sorted({one.location for one in file.lines}))
    scope = f"{places} {file.digest}"
    with store.transaction() as tx:
        _check_known(tx, wiring, file)
        applied = tx.connection.execute(
            select(change_plan.c.id).where(
                change_plan.c.kind == KIND,
                change_plan.c.scope == scope,
                change_plan.c.state == "done",
            )
        ).scalar()
        if applied is not None:
            raise CannotCount(f"{file.name} was applied already, as plan {applied}")
        plan = Plans(tx).add(KIND, scope, file.as_json(), by=by)
        variances = valued(tx, wiring, file.lines)
        reason = too_far(
            variances,
            _limits(wiring),
            currency=wiring.config.shop.currency,
            plan=plan,
            location=places,
        )
        if reason:
            tx.open_case(Case("count_variance", f"count {plan}", reason))
        tx.audit(by, "count proposed", scope, after={"plan": plan, "lines": len(file.lines)})
    return plan, variances


def valued(tx: Tx, wiring: Wiring, lines: Sequence[Counted]) -> list[Variance]:
    """The variances of a count, and what they are worth."""
    worth = worth_of(tx, wiring, {one.sku for one in lines})
    return compare(tx, lines, worth=worth)


def compare(tx: Tx, lines: Sequence[Counted], *, worth: Mapping[Sku, Worth]) -> list[Variance]:
    """Each line beside the ledger at its own instant."""
    ledger = balances(tx.connection, lines)
    found = []
    for one in sorted(lines, key=lambda line: (line.location, line.sku)):
        balance = ledger[one.sku, one.location]
        newer = balance.counted_at is not None and balance.counted_at > one.at
        found.append(
            Variance(
                one, balance.then, balance.on_hand, balance.committed, worth.get(one.sku), newer
            )
        )
    return found


def _limits(wiring: Wiring) -> CountLimits:
    counts = wiring.config.ledger.counts
    return CountLimits(counts.most_units, counts.most_value)


def _check_known(tx: Tx, wiring: Wiring, file: CountFile) -> None:
    unknown = sorted(
        {one.sku for one in file.lines} - known(tx, wiring, {one.sku for one in file.lines})
    )
    if unknown:
        raise CannotCount(
            f"{file.name}: no listing and no place has {', '.join(unknown[:20])}; check the spelling, or "
            "write them in the table of Skus"
        )


# --- a person's word -----------------------------------------------------------------------------


def apply(
    tx: Tx, plan_id: int, *, by: str, note: str | None = None, anyway: bool = False, wiring: Wiring | None = None
) -> list[Variance]:  # fmt: skip
    """Write a waiting count into the ledger; what it changed. Raises CannotCount.

    Refused where a shelf would hold less than nothing (`anyway` is the explicit word for it), and
    where the location is no longer counted by us (asked when `wiring` is given).
    """
    row = Plans(tx).get(plan_id)
    if row is None or row.kind != KIND or row.state != "waiting":
        raise CannotCount(f"there is no count {plan_id} waiting; `lockstep plan` lists them")
    if not Plans(tx).settle(plan_id, "done", by=by):
        raise CannotCount(f"count {plan_id} was settled by somebody else just now")
    file = CountFile.from_json(row.body)
    if wiring is not None:
        for place in sorted({one.location for one in file.lines}):
            found = wiring.location(place)
            if found is None or found.basis is not None:
                raise CannotCount(f"{place} is not counted by Lockstep any more")
    stock = Stock(tx)
    # Held before the ledger is read: no movement slips in between the sum and its correction.
    stock.levels((one.sku for one in file.lines), lock=True)
    variances = compare(tx, file.lines, worth={})
    below = impossible(variances)
    if below and not anyway:
        named = ", ".join(
            f"{one.counted.sku} at {one.counted.location}: {one.after}" for one in below[:10]
        )
        raise CannotCount(
            f"after this count there would be less than nothing ({named}): units the count did not find "
            "have left since. Count again, or say --anyway"
        )
    reference = f"count/{plan_id}/{file.digest}"
    changing = [one for one in variances if one.units]
    stock.move(
        [
            StockMovement(
                one.counted.sku, one.counted.location, MovementKind.COUNT, one.units, reference,
                one.counted.at, cause="count", person=by, note=note or "",
            )
            for one in changing
        ]
    )  # fmt: skip
    set_counted(tx.connection, (one.counted for one in variances if not one.superseded))
    tx.close_case("count_variance", f"count {plan_id}", by=by, note=note)
    tx.audit(
        by,
        "count applied",
        row.scope,
        after={
            "plan": plan_id,
            "lines": len(variances),
            "changed": len(changing),
            "units": sum(one.units for one in changing),
        },
        note=note,
    )
    serve_again(tx, ((one.counted.sku, one.counted.location) for one in changing if one.units < 0))
    return variances


def reject(tx: Tx, plan_id: int, *, by: str, note: str | None = None) -> None:
    """A count that is not believed. Raises CannotCount."""
    row = Plans(tx).get(plan_id)
    if row is None or row.kind != KIND or not Plans(tx).settle(plan_id, "rejected", by=by):
        raise CannotCount(f"there is no count {plan_id} waiting; `lockstep plan` lists them")
    tx.close_case("count_variance", f"count {plan_id}", by=by, note=note)
    tx.audit(by, "count rejected", row.scope, after={"plan": plan_id}, note=note)


def totals(variances: Iterable[Variance]) -> tuple[Counter[str], int]:
    """(currency -> net worth of all variances, units whose worth nobody knows)."""
    money: Counter[str] = Counter()
    unknown = 0
    for one in variances:
        if one.value is None:
            unknown += abs(one.units)
        else:
            money[one.value.currency] += one.value.amount
    return money, unknown
