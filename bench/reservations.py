"""Reservations per second: single-line orders claim their units, one or fifty to a transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import func, select

from bench import world
from bench.figures import Figures
from jobs.claims import Claims
from jobs.store.bulk import chunks
from jobs.store.orders import Orders, Resolved
from jobs.store.stock import Stock
from jobs.store.tables import reservation

SKUS = 2_000
SIZES = (1_000, 4_000)
THREADS = (1, 8)
#: Orders claimed in one transaction: alone, and as a page brings them.
TOGETHER = (1, 50)


def measure(*, seed: int, sizes: tuple[int, ...] = SIZES) -> Figures:
    found = Figures("reservations: single-line orders")
    for kind in world.DATABASES:
        for count in sizes:
            for together in TOGETHER:
                for threads in THREADS:
                    with world.folder() as within, world.database(kind, within) as url:
                        seconds = _seconds(url, within, count, together, threads, seed)
                    found.add(
                        database=kind,
                        reservations=count,
                        per_transaction=together,
                        threads=threads,
                        seconds=seconds,
                        reservations_per_s=count / seconds,
                    )
    return found


def _seconds(url: str, within: Path, count: int, together: int, threads: int, seed: int) -> float:
    chance = random.Random(seed)
    everything = world.orders(count, skus=SKUS, chance=chance, lines=(1, 1))
    with world.shop(url, within) as shop:
        world.stock(shop, skus=SKUS, units=dict.fromkeys(world.LOCATIONS, 10 + count // 100))
        with shop.application.store.transaction() as tx:
            resolve = {
                (one.remote_id, line.remote_id): Resolved(line.remote_sku)
                for one in everything
                for line in one.lines
            }
            numbers = Orders(tx).record(everything, resolve=resolve)
        work = list(chunks(numbers, together))
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda mine: _claim(shop, mine), work):
                pass
        seconds = time.perf_counter() - began
        _check(shop, count)
    return seconds


def _claim(shop: world.Shop, numbers: Sequence[int]) -> None:
    application = shop.application
    with application.store.transaction() as tx:
        records = Orders(tx).load(numbers)
        claims = Claims.open(tx, application.wiring, records)
        for record in records:
            claims.settle(record)
        claims.write()


def _check(shop: world.Shop, count: int) -> None:
    with shop.application.store.reading() as tx:
        made = tx.connection.execute(
            select(func.count()).select_from(reservation).where(reservation.c.location.is_not(None))
        ).scalar_one()
        assert made == count, f"{made} reservations for {count} orders"
        assert not Stock(tx).verify(), "the ledger does not add up"
