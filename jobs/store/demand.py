"""How fast Skus sell, and what suppliers tell of theirs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from core.model.catalog import ChannelId, Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.rules.risk import Rate
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import demand, supplier_item
from jobs.store.types import storable

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


def _moved(before: DemandRate | None, now: DemandRate) -> bool:
    """Whether the amounts that risk reckons with are others: they come in steps."""
    if before is None:
        return True
    day = timedelta(days=1)
    old, new = (
        Rate(one.per_day, one.variance, one.days).within(day).coarse() for one in (before, now)
    )
    return old != new


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
        """Put new rates in place; the Skus whose rate changed.

        Where one moved so much that a risk buffer may, what channels show is decided again.
        """
        before = self.rates({one.sku for one in rates})
        self._tx.mark_dirty(
            one.sku for one in rates if _moved(before.get((one.sku, one.channel)), one)
        )
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

    def set_items(self, items: Iterable[SupplierItem]) -> set[Sku]:
        """Take down what suppliers told; the Skus about which they told something new.

        All prices of one item are in one currency. A long catalogue may be an iterator: terms that
        are as they were are recognized by their digest and cost no write.
        """
        changed: set[Sku] = set()
        for chunk in chunks(items):
            for supplier, by_sku in _by_supplier(chunk).items():
                digests = {sku: _digest(one) for sku, one in by_sku.items()}
                new = self._differing(supplier, digests)
                rows = [self._row(by_sku[sku], digests[sku]) for sku in sorted(new)]
                upsert(
                    self._tx.connection,
                    supplier_item,
                    rows,
                    key=["supplier", "sku"],
                    returning=[],
                )
                changed |= new
        return changed

    def new_terms(self, items: Iterable[SupplierItem]) -> set[Sku]:
        """The Skus of which these items tell something new; nothing is written."""
        new: set[Sku] = set()
        for supplier, by_sku in _by_supplier(items).items():
            new |= self._differing(supplier, {sku: _digest(one) for sku, one in by_sku.items()})
        return new

    def told_since(self, at: datetime, skus: Iterable[Sku]) -> set[tuple[str, Sku]]:
        """(supplier, Sku) of the terms of these Skus that were written after this instant."""
        found: set[tuple[str, Sku]] = set()
        for chunk in chunks(sorted(set(skus)), 5_000):
            query = select(supplier_item.c.supplier, supplier_item.c.sku).where(
                supplier_item.c.sku.in_(chunk), supplier_item.c.at > at
            )
            found.update((row.supplier, row.sku) for row in self._tx.rows(query))
        return found

    def discontinued(self, supplier: str, skus: Iterable[Sku]) -> set[Sku]:
        """Those of the Skus that the supplier says it will not make again."""
        found: set[Sku] = set()
        for chunk in chunks(sorted(set(skus)), 5_000):
            query = select(supplier_item.c.sku).where(
                supplier_item.c.supplier == supplier,
                supplier_item.c.sku.in_(chunk),
                supplier_item.c.discontinued,
            )
            found.update(row.sku for row in self._tx.rows(query))
        return found

    def _differing(self, supplier: str, digests: Mapping[Sku, str]) -> set[Sku]:
        """The Skus whose terms are others than those kept, or not kept yet."""
        words = _DIFFERING[self._tx.connection.dialect.name == "sqlite"]
        shown = {storable(sku): digest for sku, digest in digests.items()}
        found = self._tx.connection.execute(
            text(words), {"supplier": supplier, "told": json.dumps(shown, ensure_ascii=False)}
        )
        return set(found.scalars())

    def _row(self, one: SupplierItem, digest: str) -> dict[str, Any]:
        currency = (
            one.cost.currency if one.cost else one.breaks[0][1].currency if one.breaks else None
        )
        return {
            "supplier": one.supplier,
            "sku": one.sku,
            "item": one.item,
            "pack": one.pack,
            "least": one.least,
            "cost": one.cost.amount if one.cost else None,
            "currency": currency,
            "breaks": [[units, cost.amount] for units, cost in one.breaks],
            "lead_days": one.lead_days,
            "discontinued": one.discontinued,
            "terms": digest,
            "at": self._tx.now,
        }  # fmt: skip


#: SQLite or not -> the Skus of a JSON object {Sku: digest} that are not kept with that digest.
_DIFFERING = {
    True: (
        "SELECT j.key FROM json_each(:told) AS j LEFT JOIN supplier_item AS s "
        "ON s.supplier = :supplier AND s.sku = j.key WHERE s.terms IS NOT j.value"
    ),
    False: (
        "SELECT j.key FROM jsonb_each_text(CAST(:told AS jsonb)) AS j LEFT JOIN supplier_item AS s "
        "ON s.supplier = :supplier AND s.sku = j.key WHERE s.terms IS DISTINCT FROM j.value"
    ),
}


def _by_supplier(items: Iterable[SupplierItem]) -> dict[str, dict[Sku, SupplierItem]]:
    told: dict[str, dict[Sku, SupplierItem]] = {}
    for one in items:
        told.setdefault(one.supplier, {})[one.sku] = one
    return told


def _digest(one: SupplierItem) -> str:
    cost = one.cost and (one.cost.amount, one.cost.currency)
    breaks = [(units, price.amount, price.currency) for units, price in one.breaks]
    terms = (one.item, one.pack, one.least, cost, breaks, one.lead_days, one.discontinued)
    return hashlib.blake2b(repr(terms).encode("utf-8", "replace"), digest_size=8).hexdigest()
