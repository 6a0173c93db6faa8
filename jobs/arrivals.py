"""What has come of goods that were under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from core.model.catalog import Sku
from core.model.inbound import Leg
from core.rules.consignments import leg_done
from jobs.store.consignments import RECEIVED, ConsignmentRecord, Consignments
from jobs.store.store import Tx

#: Cases that are about one consignment; they end with it, but for what is missing of it.
CASES = ("consignment_late", "consignment_unclear", "consignment_unknown_items")


def subject_of(number: str) -> str:
    return f"consignment {number}"


def came(
    tx: Tx, purchase: str, units: Mapping[Sku, int], *, first: str = "", day: date
) -> None:  # fmt: skip
    """Goods of a purchase order came on this day: the consignments that carried them owe less.

    `first`: the consignment they came with, over or not; else those that were expected soonest.
    """
    consignments = Consignments(tx)
    rest = Counter({sku: count for sku, count in units.items() if count > 0})
    named = consignments.get(first, lock=True) if first else None
    others = [one for one in consignments.carrying(purchase) if one.number != first]
    for one in [*([named] if named else []), *others]:
        lines = []
        for line in one.lines:
            if line.purchase != purchase or line.sku is None or not rest[line.sku]:
                continue
            took = rest[line.sku] if one.number == first else min(rest[line.sku], line.left)
            if took:
                lines.append(line.came(took))
                rest[line.sku] -= took
        if lines:
            consignments.put(one.number, lines)
            reached(tx, one, day)
            finish(tx, one.number)


def reached(tx: Tx, found: ConsignmentRecord, day: date) -> None:
    """Goods that are booked in were delivered: that day, where nobody told another one."""
    if leg_done(found.legs, Leg.DELIVERED) is None:
        Consignments(tx).set_leg(found.number, Leg.DELIVERED, actual=day, not_before=day)


def finish(tx: Tx, number: str) -> None:
    """Settle a consignment of which everything has come."""
    found = Consignments(tx).get(number, lock=True)
    if found is not None and found.open and not found.missing:
        Consignments(tx).settle(number, RECEIVED)
        for kind in (*CASES, "consignment_short"):
            tx.close_case(kind, subject_of(number))
        tx.wake("core/replenishment")
