"""The last unit: 50 threads in 4 processes reserve it at the same time, again and again.

Each thread stands for a buyer whose order is recorded already. A round puts one unit on the shelf,
lets all of them claim it through the production path, and counts who holds it. On SQLite the
processes meet at the lock of the data directory, on PostgreSQL at the rows.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy import select

from bench import world
from bench.figures import Figures
from jobs.bootstrap import build
from jobs.claims import Claims
from jobs.store.orders import Orders, Resolved
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import reservation
from jobs.wiring import Wiring

ROUNDS = 1_000
THREADS = 50
PROCESSES = 4
#: Real seconds after which a round counts as hung.
PATIENCE = 120.0


def measure(*, seed: int, rounds: int = ROUNDS) -> Figures:
    found = Figures("the last unit", "goal: exactly one holds it, every time")
    for kind in world.DATABASES:
        with world.folder() as within, world.database(kind, within) as url:
            began = time.perf_counter()
            winners = race(url, within, rounds=rounds, seed=seed)
            seconds = time.perf_counter() - began
        found.add(
            database=kind,
            rounds=rounds,
            threads=THREADS,
            processes=PROCESSES,
            exactly_one=sum(count == 1 for count in winners),
            nobody=sum(count == 0 for count in winners),
            several=sum(count > 1 for count in winners),
            seconds=seconds,
        )
    return found


def race(url: str, within: Path, *, rounds: int, seed: int) -> list[int]:
    """How many orders held the one unit after each round."""
    with world.shop(url, within) as shop:
        store, wiring = shop.application.store, shop.application.wiring
        contested = world.sku(0)
        buyers = [
            replace(one, lines=tuple(replace(line, ordered=1, current=1) for line in one.lines))
            for one in world.orders(THREADS, skus=1, chance=random.Random(seed), lines=(1, 1))
        ]
        with store.transaction() as tx:
            resolve = {
                (one.remote_id, line.remote_id): Resolved(contested)
                for one in buyers
                for line in one.lines
            }
            numbers = Orders(tx).record(buyers, resolve=resolve)
        for number in numbers:
            claim(store, wiring, number)
        world.stock(shop, skus=1, units={world.LOCATIONS[0]: 1})
        # Forked off a server that imported all this once: no thread and no connection comes along.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        gate = context.Barrier(THREADS + 1)
        processes = [
            context.Process(
                target=_contend,
                args=(str(within / "lockstep.yaml"), url, numbers[start::PROCESSES], rounds, gate),
                daemon=True,
            )
            for start in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        winners = [_round(store, gate) for _ in range(rounds)]
        for process in processes:
            process.join(timeout=PATIENCE)
            assert process.exitcode == 0, f"a contender ended with {process.exitcode}"
        with store.reading() as tx:
            assert not Stock(tx).verify(), "the ledger does not add up"
        return winners


def _round(store: Store, gate: Barrier) -> int:
    """Start everybody, wait for everybody, count who holds it, and take it back."""
    gate.wait(PATIENCE)
    gate.wait(PATIENCE)
    with store.transaction() as tx:
        holding = select(reservation.c.id).where(
            reservation.c.state == "open", reservation.c.location.is_not(None)
        )
        found = list(tx.connection.execute(holding).scalars())
        Stock(tx).release(found)
    return len(found)


def _contend(path: str, url: str, numbers: list[int], rounds: int, gate: Barrier) -> None:
    """One process: a thread for each of its orders."""
    environment = {**os.environ, "BENCH_STORE": url, "BENCH_SECRET": "none"}
    application = build(Path(path), environment=environment)
    failed = threading.Event()

    def buyer(number: int) -> None:
        for _ in range(rounds):
            gate.wait(PATIENCE)
            try:
                claim(application.store, application.wiring, number)
            except Exception:
                failed.set()
                raise
            finally:
                gate.wait(PATIENCE)

    try:
        with ThreadPoolExecutor(len(numbers)) as pool:
            for _ in pool.map(buyer, numbers):
                pass
    finally:
        application.close()
    assert not failed.is_set()


def claim(store: Store, wiring: Wiring, number: int) -> None:
    """What recording an order does with its units."""
    with store.transaction() as tx:
        (record,) = Orders(tx).load([number])
        claims = Claims.open(tx, wiring, [record])
        claims.settle(record)
        claims.write()
