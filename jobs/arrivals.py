"""What has come of goods that were under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from core.model.catalog import Sku
from jobs.store.consignments import RECEIVED, Consignments
from jobs.store.store import Tx

#: Cases that are about one consignment; they end with it, but for what is missing of it.
CASES = ("consignment_late", "consignment_unclear", "consignment_unknown_items")


def subject_of(number: str) -> str:
    return f"consignment {number}"


def came(tx: Tx, purchase: str, units: Mapping[Sku, int], *, first: str = "") -> None:
    """Goods of a purchase order came: the consignments that carried them owe less.

    `first`: the consignment they came with; else those that were expected soonest.
    """
    consignments = Consignments(tx)
    rest = Counter({sku: count for sku, count in units.items() if count > 0})
    found = sorted(consignments.carrying(purchase), key=lambda one: one.number != first)
    for one in found:
        lines = []
        for line in one.lines:
            if line.purchase != purchase or line.sku is None or not rest[line.sku]:
                continue
            took = rest[line.sku] if one.number == first else min(rest[line.sku], line.left)
            if took:
                lines.append(replace(line, received=line.received + took))
                rest[line.sku] -= took
        if lines:
            consignments.put(one.number, lines)
            finish(tx, one.number)


def finish(tx: Tx, number: str) -> None:
    """Settle a consignment of which everything has come."""
    found = Consignments(tx).get(number, lock=True)
    if found is not None and found.open and not found.missing:
        Consignments(tx).settle(number, RECEIVED)
        for kind in (*CASES, "consignment_short"):
            tx.close_case(kind, subject_of(number))
        tx.wake("core/replenishment")
