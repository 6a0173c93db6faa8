"""Which lowerings of a channel come from orders: a guard against mistakes must not stop those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from core.model.catalog import ChannelId, LocationId, OfferKey, Sku
from core.rules.plans import Behind, sold_out
from jobs.store.offers import Offers
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring


def sold_out_offers(tx: Tx, wiring: Wiring, channel: ChannelId) -> frozenset[OfferKey]:
    """The offers that would go from more to 0 because orders hold the units.

    Read only when a plan looks unsafe: it costs what that plan is large.
    """
    return _sold_out(tx, wiring, channel, Offers(tx).zeroed(channel))


def sold_out_among(
    tx: Tx, wiring: Wiring, channel: ChannelId, remote_ids: Iterable[str]
) -> frozenset[OfferKey]:
    """The same, of these listings alone: it costs what is asked for."""
    return _sold_out(tx, wiring, channel, Offers(tx).zeroed_of(channel, remote_ids))


def _sold_out(
    tx: Tx, wiring: Wiring, channel: ChannelId, zeroed: Sequence[Row[Any]]
) -> frozenset[OfferKey]:
    ours = {one.id for one in wiring.eligible(channel, routing=False)}
    parts = {row.sku: wiring.components(row.sku, 1) for row in zeroed}
    touched = {part for components in parts.values() for part in components}
    on_hand, held = _units(tx, touched, ours)
    return frozenset(
        OfferKey(channel, row.remote_id, row.remote_location)
        for row in zeroed
        if sold_out(
            row.shown,
            [
                Behind(per * row.units_per_sale, on_hand[part], held[part])
                for part, per in parts[row.sku].items()
            ],
        )
    )


def _units(tx: Tx, skus: set[Sku], ours: set[LocationId]) -> tuple[Counter[Sku], Counter[Sku]]:
    stock = Stock(tx)
    on_hand, held = Counter[Sku](), Counter[Sku](stock.unallocated(skus))
    for sku, levels in stock.levels(skus).items():
        for level in levels:
            if level.location in ours:
                on_hand[sku] += level.on_hand
                held[sku] += level.committed
    return on_hand, held
