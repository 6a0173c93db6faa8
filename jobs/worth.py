"""What one unit of a Sku is worth to us, in the shop's currency, and where that figure comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from config.buying import names_of, terms_of
from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.rules.counting import Worth
from jobs.money import in_shop_money
from jobs.store.bulk import chunks
from jobs.store.costs import Costs
from jobs.store.demand import Demands
from jobs.store.store import Tx
from jobs.store.tables import listing
from jobs.wiring import Wiring


def worth_of(tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> dict[Sku, Worth]:
    """What a unit costs us; its lowest price where no cost is known. Nothing where neither is."""
    asked = sorted(set(skus))
    found = cost_of(tx, wiring, asked)
    return {**_priced(tx, wiring, [sku for sku in asked if sku not in found]), **found}


def cost_of(tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> dict[Sku, Worth]:
    """The landed cost of a unit; the lowest price a supplier asks today where none was received.

    A price in a currency without a rate today is as good as none.
    """
    asked = sorted(set(skus))
    found = {
        sku: Worth(cost.of(1), "landed", "")
        for sku, cost in Costs(tx).unit_cost(asked).items()
        if cost.pool.units
    }
    today = wiring.day(tx.now)
    for sku, items in terms(tx, wiring, [one for one in asked if one not in found]).items():
        costs = [
            (cost.amount, one.supplier, cost)
            for one in items
            if (cost := in_shop_money(wiring, one.price(one.least), today)) is not None
        ]
        if costs:
            _, supplier, cost = min(costs, key=lambda one: one[:2])
            found[sku] = Worth(cost, "cost", supplier)
    return found


def terms(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> dict[Sku, list[SupplierItem]]:
    """How every supplier sells these Skus: what is written over what files tell."""
    told = Demands(tx).items(skus)
    found: dict[Sku, list[SupplierItem]] = defaultdict(list)
    known: set[str] = set()
    for name, described in wiring.config.suppliers.items():
        names = names_of(name, described)
        known.update(names)
        theirs = {sku: one for sku, items in told.items() for one in items if one.supplier in names}
        terms = terms_of(name, described, theirs)
        for sku in skus:
            if sku in terms:
                found[sku].append(terms[sku])
    for sku, items in told.items():
        # Files of a connection that is no configured supplier's: a cost all the same.
        found[sku] += [one for one in items if one.supplier not in known]
    return found


def _priced(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> dict[Sku, Worth]:
    """The lowest price of one unit that a channel shows, in the shop's currency."""
    found: dict[Sku, Worth] = {}
    currency = wiring.config.shop.currency
    for chunk in chunks(skus, 5_000):
        for row in tx.rows(
            select(listing.c.sku, listing.c.channel, listing.c.price, listing.c.units_per_sale)
            .where(
                listing.c.sku.in_(chunk),
                listing.c.price.is_not(None),
                listing.c.currency == currency,
            )
            .order_by(listing.c.channel)
        ):
            price = Money(row.price // max(1, row.units_per_sale), currency)
            if row.sku not in found or price.amount < found[row.sku].unit.amount:
                found[row.sku] = Worth(price, "price", row.channel)
    return found


def selling_prices(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> dict[Sku, Money]:
    """The lowest price of one unit that a channel shows, in the shop's currency."""
    found: dict[Sku, Money] = {}
    currency = wiring.config.shop.currency
    for chunk in chunks(sorted(set(skus)), 5_000):
        rows = tx.rows(
            select(
                listing.c.sku, func.min(listing.c.price / listing.c.units_per_sale).label("price")
            )
            .where(
                listing.c.sku.in_(chunk),
                listing.c.currency == currency,
                listing.c.price > 0,
                listing.c.status == "active",
            )
            .group_by(listing.c.sku)
        )
        found |= {row.sku: Money(int(row.price), currency) for row in rows}
    return found
