"""Drift: from a number changed by hand to its repair, by catalogue size and share of the rate.

The flows themselves run (pull, decide, push, slices) against a channel that remembers, on a clock
that is moved a minute at a time: the time measured is the clock's, and depends on no machine.
The channel reads as fast as Amazon lets us (5 offers a second), shows orders 3 minutes late and
applies a patch after 5 to 90 s. A report, where there is one, is compared once a day.
"""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.figures import Figures
from core.rules.drift import slice_size

MINUTE = timedelta(minutes=1)
#: getListingsItem, by Amazon's usage plan; a Shopify query of 250 at 3 of 100 points a second
RATES = {"amazon": 5.0, "shopify": 100 / 3 * 250}
SHARES = (10, 20, 50)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
REST = timedelta(minutes=10)
#: Settings of the flows: how often each runs, and what the remotes take.
LAG = {"amazon": timedelta(minutes=3), "shopify": timedelta(seconds=10)}
PULL = {"amazon": timedelta(minutes=3), "shopify": timedelta(minutes=2)}
DAY = timedelta(days=1)
START = datetime(2026, 11, 24, tzinfo=UTC)


def measure(*, seed: int, sizes: tuple[int, ...] = SIZES, trials: int = 2_000) -> Figures:
    """Repair times of changes that raise (the slow kind: lowered offers are put right at once)."""
    found = Figures(
        "drift: minutes from a change by hand to its repair",
        "no goal was set; the slice's own wait is what share and catalogue size decide",
    )
    chance = random.Random(seed)
    for channel, rate in RATES.items():
        for size in sizes:
            for share in SHARES:
                found.add(**_row(channel, rate, size, share, chance, trials))
    return found


def _row(
    channel: str, rate: float, size: int, share: int, chance: random.Random, trials: int
) -> dict[str, Any]:
    whole = DAY if channel == "shopify" else None
    one = slice_size(rate=rate, share=share, every=MINUTE, offers=size, whole=whole, most=5_000)
    turn = max(MINUTE * -(-size // one), REST)
    times = sorted(_repair(channel, turn, chance) for _ in range(trials))
    cuts = quantiles(times, n=20)
    return {
        "channel": channel,
        "offers": size,
        "share": f"{share} %",
        "slice": one,
        "turn_min": turn / MINUTE,
        "p50_min": cuts[9],
        "p95_min": cuts[18],
    }


def _repair(channel: str, turn: timedelta, chance: random.Random) -> float:
    """Minutes of one change: found by its slice or by the report, judged, written."""
    seen = turn * chance.random()
    if channel == "amazon":
        # The report is made once a day, and takes minutes; what it tells is read by itself.
        seen = min(seen, DAY * chance.random() + MINUTE * chance.uniform(1, 5))
    pulled = PULL[channel] * -(-(seen + LAG[channel]) // PULL[channel])
    pushed = MINUTE * -(-pulled // MINUTE)
    applied = timedelta(seconds=chance.uniform(5, 90)) if channel == "amazon" else timedelta(0)
    return (pushed + applied) / MINUTE
