"""Orders per second, from a page of a channel to durable routed orders with their reasons.

Each page of 50 is recorded in one transaction (units reserved, raw records kept, place in the walk
saved); then `core/orders` reviews and routes what is new, 200 to a transaction.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from sqlalchemy import func, select

from bench import world
from bench.figures import Figures
from core.model.orders import Order, OrderStage
from jobs.decide import decide_offers, decide_orders
from jobs.pull import record_orders
from jobs.store.stock import Stock
from jobs.store.tables import decision, effect
from jobs.store.tables import orders as orders_table

PAGE = 50
SKUS = 2_000
SIZES = (1_000, 4_000, 16_000)
#: Every look at orders that is not taken unless an admin asks for it; none of them holds one here.
CHECKS = (
    'billing: {apart: zip, over: "1.00"}',
    'high_value: "90000.00"',
    'first_order: "80000.00"',
    "velocity: {orders: 50, within: 24h}",
    'freight_forwarders: ["33166", "97230"]',
    "price_differs: 60",
    "quantity: {units: 12, times: 4}",
    "duplicates_within: 24h",
    "restrictions: [{name: nothing to bases, when: 'sku.id.endsWith(\"3\")', military: true}]",
)
#: What a channel's JSON of one order weighs, kept as the raw record.
RAW = '{"raw": "' + "x" * 2_000 + '"}'


def measure(*, seed: int, sizes: tuple[int, ...] = SIZES) -> Figures:
    found = Figures("orders: page to routed", "goal: 500 orders/s on SQLite, 2 cores")
    for kind in world.DATABASES:
        for count in sizes:
            with world.folder() as within, world.database(kind, within) as url:
                _measure(found, kind, url, within, count, seed)
    with world.folder() as within, world.database("sqlite", within) as url:
        _measure(found, "sqlite", url, within, sizes[-1], seed, review=CHECKS)
    return found


def _measure(
    found: Figures, kind: str, url: str, within: Path, count: int, seed: int,
    review: tuple[str, ...] = (),
) -> None:  # fmt: skip
    # Units enough for everybody; the first location runs dry now and then, so some orders split.
    scarce = 3 * count // SKUS + 4
    units = {"newark": scarce // 2, "reno": scarce, "acme": 4 * scarce}
    everything = world.orders(count, skus=SKUS, chance=random.Random(seed), lines=(1, 3))
    with world.shop(url, within, review=review) as shop:
        world.stock(shop, skus=SKUS, units=units)
        offers = shop.run("core/offers")
        decide_offers(offers)
        pages = [
            (channel, [one for one in everything if one.channel == channel])
            for channel in world.CHANNELS
        ]
        recording, processor = 0.0, time.process_time()
        for channel, mine in pages:
            recording += _record(shop, channel, mine)
        run = shop.run("core/orders")
        began = time.perf_counter()
        decide_orders(run)
        deciding = time.perf_counter() - began
        processor = time.process_time() - processor
        reasons = _check(shop, count)
    found.add(
        database=kind,
        review="every check" if review else "as it is",
        orders=count,
        recording_s=recording,
        routing_s=deciding,
        processor_s=processor,
        orders_per_s=count / (recording + deciding),
        reasons_per_order=reasons / count,
    )


def _record(shop: world.Shop, channel: str, mine: list[Order]) -> float:
    """Seconds to record all pages of a channel."""
    run = shop.run(f"{channel}/orders")
    began = time.perf_counter()
    for start in range(0, len(mine), PAGE):
        page = mine[start : start + PAGE]
        with run.transaction() as tx:
            record_orders(tx, run, channel, page, raw=[(one.remote_id, RAW) for one in page])
            tx.advance(f"page {start}")
    return time.perf_counter() - began


def _check(shop: world.Shop, count: int) -> int:
    """Reasons kept. A bench that did not do the work must not have figures."""
    with shop.application.store.reading() as tx:
        routed = tx.connection.execute(
            select(func.count())
            .select_from(orders_table)
            .where(orders_table.c.stage == str(OrderStage.ROUTED), ~orders_table.c.decide)
        ).scalar_one()
        requests = tx.connection.execute(select(func.count()).select_from(effect)).scalar_one()
        assert routed == count <= requests, (
            f"{routed} of {count} orders routed, {requests} requests"
        )
        assert not Stock(tx).verify(), "the ledger does not add up"
        return int(
            tx.connection.execute(
                select(func.count())
                .select_from(decision)
                .where(decision.c.subject.startswith("order "))
            ).scalar_one()
        )
