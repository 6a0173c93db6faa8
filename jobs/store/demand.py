"""How fast Skus sell, and what suppliers tell of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.model.catalog import ChannelId, Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import demand, supplier_item

#: The channel of a rate that speaks of all channels together.
EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class DemandRate:
    """Units a day one Sku is expected to sell on one channel (EVERYWHERE: on all of them)."""

    sku: Sku
    channel: ChannelId
    per_day: float
    #: of the units of one day
    variance: float
    #: days of history it rests on
    days: int


class Demands:
    """Statements about demand and supply, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def rates(self, skus: Iterable[Sku]) -> dict[tuple[Sku, ChannelId], DemandRate]:
        """Every known rate of these Skus; a Sku without history has none."""
        found = {}
        for chunk in chunks(sorted(set(skus)), 5_000):
            for row in self._tx.rows(select(demand).where(demand.c.sku.in_(chunk))):
                rate = DemandRate(row.sku, row.channel, row.per_day, row.variance, row.days)
                found[row.sku, row.channel] = rate
        return found

    def rated(self) -> set[Sku]:
        """The Skus that are taken to sell at all."""
        return set(
            self._tx.connection.execute(
                select(demand.c.sku).where(demand.c.channel == EVERYWHERE, demand.c.per_day > 0)
            ).scalars()
        )

    def set_rates(self, rates: Sequence[DemandRate]) -> set[Sku]:
        """Put new rates in place; the Skus whose rate changed."""
        rows = [
            {
                "sku": one.sku,
                "channel": one.channel,
                "per_day": one.per_day,
                "variance": one.variance,
                "days": one.days,
                "at": self._tx.now,
            }
            for one in rates
        ]
        compare = ["per_day", "variance", "days"]
        changed = upsert(
            self._tx.connection,
            demand,
            rows,
            key=["sku", "channel"],
            compare=compare,
            returning=["sku"],
        )
        return {row.sku for row in changed}

    def items(self, skus: Iterable[Sku]) -> dict[Sku, list[SupplierItem]]:
        """What suppliers told of these Skus."""
        found: dict[Sku, list[SupplierItem]] = {}
        for chunk in chunks(sorted(set(skus)), 5_000):
            query = select(supplier_item).where(supplier_item.c.sku.in_(chunk))
            for row in self._tx.rows(query.order_by(supplier_item.c.supplier)):
                found.setdefault(row.sku, []).append(
                    SupplierItem(
                        supplier=row.supplier,
                        sku=row.sku,
                        item=row.item,
                        pack=row.pack,
                        least=row.least,
                        cost=None if row.cost is None else Money(row.cost, row.currency),
                        breaks=tuple(
                            (units, Money(cost, row.currency)) for units, cost in row.breaks
                        ),
                        lead_days=row.lead_days,
                        discontinued=row.discontinued,
                    )
                )
        return found

    def set_items(self, items: Sequence[SupplierItem]) -> set[Sku]:
        """Take down what a supplier told; the Skus about which it told something new.

        All prices of one item are in one currency.
        """
        rows = [
            {
                "supplier": one.supplier,
                "sku": one.sku,
                "item": one.item,
                "pack": one.pack,
                "least": one.least,
                "cost": one.cost.amount if one.cost else None,
                "currency": one.cost.currency
                if one.cost
                else one.breaks[0][1].currency
                if one.breaks
                else None,
                "breaks": [[units, cost.amount] for units, cost in one.breaks],
                "lead_days": one.lead_days,
                "discontinued": one.discontinued,
                "at": self._tx.now,
            }
            for one in items
        ]
        changed = upsert(
            self._tx.connection,
            supplier_item,
            rows,
            key=["supplier", "sku"],
            compare=[
                name for name in (rows[0] if rows else {}) if name not in ("supplier", "sku", "at")
            ],
            returning=["sku"],
        )
        return {row.sku for row in changed}
