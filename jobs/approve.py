"""What a person's yes does: a quarantined snapshot comes into force, an unsafe plan goes out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, update

from jobs import counts, quarantine
from jobs.store.offers import Offers
from jobs.store.plans import Plans
from jobs.store.store import Tx
from jobs.store.tables import offer


def approve(tx: Tx, case: Row[Any], *, by: str, note: str | None) -> bool:
    """Do what the Case stopped. False: this kind of Case has nothing to approve."""
    if case.kind == "snapshot_quarantined":
        done = quarantine.approve(tx, case.subject.removeprefix("snapshot "), case.args)
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


def dismiss(tx: Tx, case: Row[Any]) -> None:
    """What follows when a person closes a Case without a yes."""
    if case.kind == "snapshot_quarantined":
        quarantine.dismiss(tx, case.subject.removeprefix("snapshot "))


def _let_out(tx: Tx, channel: str, by: str) -> bool:
    Plans(tx).add("offers", channel, {}, by=by, state="approved")
    Offers(tx).forget_zeroed(channel)
    tx.connection.execute(
        update(offer).where(offer.c.channel == channel, offer.c.wanted == 0).values(look_at=tx.now)
    )
    tx.wake(f"{channel}/offers")
    return True
