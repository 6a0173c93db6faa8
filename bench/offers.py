"""Offers: Skus whose stock moved, through the rules with their reasons, to committed changes.

Two channels show every Sku. A fresh process does the measured work, so that its peak memory is that
of the work and not of setting the shop up.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from bench import world
from bench.figures import Figures, Row, memory_of
from core.model.stock import MovementKind, StockMovement
from jobs.decide import decide_offers
from jobs.store.stock import Stock
from jobs.store.tables import decision, dirty_sku

SIZES = (25_000, 100_000)
SHARES = (0.01, 1.0)
#: 1,000 Skus of a small and of a very large catalogue, and all of the large one.
CATALOGUES = ((10_000, (0.1,)), (1_000_000, (0.001, 1.0)))


def measure(*, seed: int, sizes: tuple[int, ...] = SIZES) -> Figures:
    found = Figures(
        "offers: recompute", "goal: 1 % of 100,000 Skus x 2 channels in 3 s and 200 MB, SQLite"
    )
    return _measured(found, [(count, SHARES) for count in sizes], seed)


def measure_catalogues(
    *, seed: int, catalogues: Sequence[tuple[int, Sequence[float]]] = CATALOGUES
) -> Figures:
    """Whether 1,000 changed Skus cost the same in any catalogue, and what a million cost."""
    found = Figures("catalogue: recompute", "goal: 1,000 Skus cost the same in every catalogue")
    return _measured(found, catalogues, seed)


def _measured(
    found: Figures, catalogues: Sequence[tuple[int, Sequence[float]]], seed: int
) -> Figures:
    for count, shares in catalogues:
        with world.folder() as within:
            url = f"sqlite:///{within / 'lockstep.db'}"
            _child("prepare", url, within, count, 1.0, seed)
            for share in shares:
                told = _child("recompute", url, within, count, share, seed)
                found.add(skus=count, offers=2 * count, share_changed=share, **told)
    return found


def _child(step: str, url: str, within: Path, count: int, share: float, seed: int) -> Row:
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-m", "bench.offers", step, url, str(within), str(count), str(share), str(seed)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return dict(json.loads(told.stdout or b"{}"))


def _prepare(shop: world.Shop, count: int) -> None:
    world.stock(shop, skus=count, units={"newark": 20, "reno": 10, "acme": 40})
    run = shop.run("core/offers")
    decide_offers(run)
    shop.release(run)


def _recompute(shop: world.Shop, count: int, share: float, seed: int) -> None:
    store = shop.application.store
    chosen = random.Random(seed).sample(range(count), round(count * share))
    idle = memory_of()
    for start in range(0, len(chosen), world.AT_ONCE):
        with store.transaction() as tx:
            Stock(tx).move(
                [
                    # Few enough that no policy's cap hides the change.
                    StockMovement(
                        world.sku(number), "reno", MovementKind.COUNT, -1 - round(share), f"{share}",
                        world.PLACED,
                    )
                    for number in chosen[start : start + world.AT_ONCE]
                ]
            )  # fmt: skip
    run = shop.run("core/offers")
    before = _told(shop)
    began = time.perf_counter()
    decide_offers(run)
    seconds = time.perf_counter() - began
    changed = _told(shop) - before
    shop.release(run)
    with store.reading() as tx:
        left = tx.connection.execute(select(func.count()).select_from(dirty_sku)).scalar_one()
    assert left == 0, f"{left} Skus are not decided"
    assert changed > len(chosen), f"{changed} offers changed for {len(chosen)} Skus"
    told = {
        "offers_changed": changed,
        "seconds": seconds,
        "offers_per_s": 2 * len(chosen) / seconds,
        "peak_mb": memory_of(peak=True),
        "before_mb": idle,
    }
    print(json.dumps(told))


def _told(shop: world.Shop) -> int:
    """Changes of offers kept with their reasons."""
    with shop.application.store.reading() as tx:
        return int(
            tx.connection.execute(
                select(func.count()).where(decision.c.code == "offer_wanted")
            ).scalar_one()
        )


def _main(step: str, url: str, within: str, count: str, share: str, seed: str) -> None:
    with world.shop(url, Path(within)) as shop:
        if step == "prepare":
            _prepare(shop, int(count))
        else:
            _recompute(shop, int(count), float(share), int(seed))


if __name__ == "__main__":
    _main(*sys.argv[1:])
