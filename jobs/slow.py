"""Which stock lies too long: its days of cover, its age, its value, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from sqlalchemy import func, select

from core.model.catalog import LocationId, Sku
from core.model.money import Money
from core.model.stock import MovementKind
from core.rules.replenishment import Slow, SlowLimits, slow_mover
from jobs.forecast import History, histories
from jobs.store.bulk import chunks
from jobs.store.costs import Costs
from jobs.store.demand import EVERYWHERE, Demands
from jobs.store.store import Tx
from jobs.store.tables import movement, purchase_order, receipt_cost, stock_level
from jobs.wiring import Wiring
from jobs.worth import cost_of

#: Skus looked at together.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class SlowStock:
    found: Slow
    units: int
    #: days since the last receipt, or since the first units stood in the ledger where none was
    #: received; None: not known
    age_days: int | None
    #: days since the last sale, or since the Sku was first known
    unsold_days: int
    #: at landed cost, or as estimated; None: not known
    value: Money | None
    #: nothing of it was received against a purchase order: the value is what a supplier asks today
    estimated: bool = False


def slow_movers(tx: Tx, wiring: Wiring) -> list[SlowStock]:
    """What lies too long at places that our own ledger counts, the most money first."""
    rows = tx.rows(
        select(stock_level.c.sku, func.sum(stock_level.c.on_hand).label("units"))
        .where(stock_level.c.location.in_(_ours(wiring)))
        .group_by(stock_level.c.sku)
        .order_by(stock_level.c.sku)
    )
    units = {row.sku: int(row.units) for row in rows if row.units > 0}
    found = [one for some in chunks(units, AT_ONCE) for one in _slow_of(tx, wiring, some, units)]
    return sorted(found, key=lambda one: (-(one.value.amount if one.value else 0), one.found.sku))


def _ours(wiring: Wiring) -> list[LocationId]:
    return [name for name, one in wiring.config.locations.items() if one.counted_by == "lockstep"]


def _slow_of(tx: Tx, wiring: Wiring, skus: Sequence[Sku], units: dict[Sku, int]) -> list[SlowStock]:
    today = wiring.day(tx.now)
    section = wiring.config.replenishment.slow
    limits = SlowLimits(section.cover_days, section.silent_days)
    rates = Demands(tx).rates(skus)
    past = histories(tx, wiring, skus)
    came = _last_receipts(tx, wiring, skus)
    opened = _first_movements(tx, wiring, [sku for sku in skus if sku not in came])
    bought_from = _last_suppliers(tx, skus)
    costs = Costs(tx).unit_cost(skus)
    asked = cost_of(tx, wiring, [sku for sku in skus if sku not in costs])
    made = []
    for sku in skus:
        rate = rates.get((sku, EVERYWHERE))
        age = (today - came[sku]).days if sku in came else None
        supplier = wiring.config.suppliers.get(bought_from.get(sku, ""))
        unsold = (today - _last_sale(past[sku])).days
        slow = slow_mover(
            sku,
            units=units[sku],
            per_day=rate.per_day if rate else 0.0,
            unsold_days=unsold,
            age_days=age,
            returns_days=supplier.returns_days if supplier else 0,
            limits=limits,
        )
        if slow is not None:
            if age is None and sku in opened:
                # Shown only: how long it lay elsewhere before, and who would take it back, is not
                # known, so that nothing is decided by it.
                age = (today - opened[sku]).days
            value = None
            if sku in costs:
                value = costs[sku].of(units[sku])
            elif sku in asked:
                value = asked[sku].unit * units[sku]
            estimated = value is not None and sku not in costs
            made.append(SlowStock(slow, units[sku], age, unsold, value, estimated))
    return made


def _last_sale(history: History) -> date:
    """The last day on which it sold; the day it was first known where it never did."""
    sold = np.flatnonzero(history.units)
    return history.first + timedelta(days=int(sold[-1]) if len(sold) else 0)


def _last_receipts(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> dict[Sku, date]:
    """The day of each Sku's last receipt; a first count of the shelf is none."""
    rows = tx.rows(
        select(movement.c.sku, func.max(movement.c.at).label("at"))
        .where(movement.c.sku.in_(skus), movement.c.kind == str(MovementKind.RECEIPT))
        .group_by(movement.c.sku)
    )
    return {row.sku: wiring.day(row.at) for row in rows}


def _first_movements(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> dict[Sku, date]:
    """The day on which units of each Sku first stood in our own ledger."""
    rows = tx.rows(
        select(movement.c.sku, func.min(movement.c.at).label("at"))
        .where(
            movement.c.sku.in_(skus),
            movement.c.location.in_(_ours(wiring)),
            movement.c.quantity > 0,
        )
        .group_by(movement.c.sku)
    )
    return {row.sku: wiring.day(row.at) for row in rows}


def _last_suppliers(tx: Tx, skus: Sequence[Sku]) -> dict[Sku, str]:
    rows = tx.rows(
        select(receipt_cost.c.sku, purchase_order.c.supplier)
        .join(purchase_order, purchase_order.c.number == receipt_cost.c.purchase)
        .where(receipt_cost.c.sku.in_(skus))
        .order_by(receipt_cost.c.id)
    )
    return {row.sku: row.supplier for row in rows}
