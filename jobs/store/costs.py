"""What units cost us: frozen with each receipt, averaged over what is in stock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from core.model.catalog import LocationId, Sku
from core.model.money import Money
from core.rules.landed_cost import LandedLine, Pool, averaged, still_there
from jobs.store.bulk import chunks
from jobs.store.store import Tx
from jobs.store.tables import order_line, orders, receipt_cost, stock_level


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The moving average of one Sku at landed cost, as of its last receipt."""

    pool: Pool
    currency: str
    #: of the last receipt
    at: datetime

    def of(self, units: int) -> Money:
        """What so many units cost; one rounding, however many they are."""
        return Money(self.pool.of(units), self.currency)


class Costs:
    """Statements about costs, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def unit_cost(self, skus: Iterable[Sku]) -> dict[Sku, UnitCost]:
        """The landed cost of these Skus; one that was never received against a purchase has none."""
        found = {}
        for chunk in chunks(sorted(set(skus)), 5_000):
            last = (
                select(func.max(receipt_cost.c.id))
                .where(receipt_cost.c.sku.in_(chunk))
                .group_by(receipt_cost.c.sku)
            )
            for row in self._tx.rows(select(receipt_cost).where(receipt_cost.c.id.in_(last))):
                pool = Pool(row.pool_units, row.pool_value)
                found[row.sku] = UnitCost(pool, row.currency, row.at)
        return found

    def freeze(
        self,
        reference: str,
        lines: Sequence[LandedLine],
        *,
        purchase: str,
        location: LocationId,
        currency: str,
        basis: Mapping[Sku, Any],
        owned: Collection[LocationId],
        told: Mapping[Sku, int] | None = None,
    ) -> None:
        """Keep what a receipt cost. Called once per receipt, before its units move.

        `owned`: the locations whose units are ours; what lies elsewhere we never paid for, and it
        must not thin the average. `told`: a remote's own figures move the shelf, before or
        after; units of each Sku that it tells at once.
        """
        before = self.unit_cost(line.sku for line in lines)
        there = self._ours([line.sku for line in lines], {*owned, location})
        for line in lines:
            known = before.get(line.sku)
            pool = known.pool if known else None
            on_hand = there.get(line.sku, 0)
            if told is not None and known is not None and known.at == self._tx.now:
                # Told together with this one: nothing went in between.
                on_hand = known.pool.units
            elif told is not None and known is not None:
                sold, units = self._sold(line.sku, since=known.at), told.get(line.sku, line.units)
                on_hand = still_there(pool, on_hand=on_hand, units=units, sold=sold)
            pool = averaged(pool, on_hand=on_hand, units=line.units, cost=line.total)
            self._tx.connection.execute(
                insert(receipt_cost).values(
                    reference=reference,
                    sku=line.sku,
                    purchase=purchase,
                    location=location,
                    at=self._tx.now,
                    units=line.units,
                    currency=currency,
                    goods=line.goods,
                    freight=line.freight,
                    duty=line.duty,
                    fees=line.fees,
                    basis=basis[line.sku],
                    pool_units=pool.units,
                    pool_value=pool.value,
                )
            )

    def _sold(self, sku: Sku, *, since: datetime) -> int:
        """Units that orders placed since then asked for, and were not canceled."""
        units = self._tx.connection.execute(
            select(func.sum(order_line.c.current * order_line.c.units_per_sale))
            .join(orders, orders.c.id == order_line.c.order_id)
            .where(
                order_line.c.sku == sku,
                orders.c.placed_at > since,
                orders.c.canceled_at.is_(None),
                orders.c.test.is_(False),
            )
        ).scalar()
        return int(units or 0)

    def _ours(self, skus: Sequence[Sku], places: Collection[LocationId]) -> dict[Sku, int]:
        """Units on these shelves and on their way between them."""
        units = stock_level.c.on_hand + stock_level.c.in_transit
        rows = self._tx.rows(
            select(stock_level.c.sku, func.sum(units).label("units"))
            .where(stock_level.c.sku.in_(skus), stock_level.c.location.in_(sorted(places)))
            .group_by(stock_level.c.sku)
        )
        return {row.sku: int(row.units) for row in rows}
