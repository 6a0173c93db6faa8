"""What a person's yes does: a quarantined snapshot comes into force, an unsafe plan goes out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update

from core.model.stock import Figures, StockSnapshot
from jobs import counts
from jobs.store.plans import Plans
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import offer, snapshot


def approve(tx: Tx, case: Row[Any], *, by: str, note: str | None) -> bool:
    """Do what the Case stopped. False: this kind of Case has nothing to approve."""
    if case.kind == "snapshot_quarantined":
        done = _apply_snapshot(tx, case.subject.removeprefix("snapshot "))
    elif case.kind == "count_variance":
        counts.apply(tx, int(case.subject.removeprefix("count ")), by=by, note=note)
        return True
    elif case.kind == "unsafe_plan":
        done = _let_out(tx, case.subject.removeprefix("channel "), by)
    elif case.kind in ("other_writer", "drift_found"):
        # The channel's own run sees the closed Case and lets repair go on.
        tx.wake(f"{case.subject.removeprefix('channel ')}/drift")
        done = True
    else:
        return False
    if done:
        tx.close_case(case.kind, case.subject, by=by, note=note)
        tx.audit(by, "approve case", case.subject, note=note)
    return done


def _apply_snapshot(tx: Tx, location: str) -> bool:
    """The newest quarantined snapshot of the location comes into force."""
    row = tx.connection.execute(
        select(snapshot)
        .where(snapshot.c.location == location, snapshot.c.state == "quarantined")
        .order_by(snapshot.c.as_of.desc(), snapshot.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return False
    stock = Stock(tx)
    stock.apply_snapshot(
        StockSnapshot(
            location=location,
            as_of=row.as_of,
            name=row.name,
            digest=row.digest,
            rows=Figures(dict(row.content["rows"])),
            complete=row.content.get("complete", True),
        )
    )
    tx.connection.execute(
        update(snapshot).where(snapshot.c.id == row.id).values(state="applied", content=None)
    )
    tx.wake("core/offers", "core/upkeep")
    return True


def _let_out(tx: Tx, channel: str, by: str) -> bool:
    Plans(tx).add("offers", channel, {}, by=by, state="approved")
    tx.connection.execute(
        update(offer).where(offer.c.channel == channel, offer.c.wanted == 0).values(look_at=tx.now)
    )
    tx.wake(f"{channel}/offers")
    return True
