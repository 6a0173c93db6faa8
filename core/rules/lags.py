"""How long things really take, remembered as a small histogram that forgets (no samples are kept)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

#: Each bucket ends at 1.5 times the one before, from one second to about ten days.
_STEP = 1.5
BUCKETS = 35
#: What was seen this long ago counts half.
HALF_LIFE = timedelta(days=7)
#: The past never weighs more than this many observations: a new pace shows soon.
MOST_WEIGHT = 200.0
#: What is assumed weighs this many observations.
PRIOR_WEIGHT = 3.0
#: An estimate in force stays until a new one differs by more than this factor: two buckets.
MOVES = 1.6


@dataclass(frozen=True, slots=True)
class Lag:
    """Observations of one kind of delay, by bucket."""

    counts: tuple[float, ...] = (0.0,) * BUCKETS

    def seen(self, delays: Iterable[timedelta], *, since: timedelta) -> Lag:
        """With these new observations; `since` the last ones the old ones have lost weight."""
        kept = 0.5 ** (max(since, timedelta(0)) / HALF_LIFE)
        counts = [count * kept for count in self.counts]
        for delay in delays:
            counts[_bucket(delay.total_seconds())] += 1.0
        weight = sum(counts)
        if weight > MOST_WEIGHT:
            counts = [count * MOST_WEIGHT / weight for count in counts]
        return Lag(tuple(round(count, 4) for count in counts))

    @property
    def weight(self) -> float:
        """How many observations it rests on, the older ones in part."""
        return sum(self.counts)

    def quantile(self, share: float, *, prior: timedelta) -> timedelta:
        """A time within which this share of it happened; `prior` is what is assumed beforehand."""
        assumed = [0.0] * BUCKETS
        assumed[_bucket(prior.total_seconds())] = PRIOR_WEIGHT
        return _quantile([a + b for a, b in zip(self.counts, assumed, strict=True)], share)

    def mean(self, *, prior: timedelta) -> timedelta:
        """The average, as far as buckets tell; `prior` is what is assumed beforehand."""
        total = prior.total_seconds() * PRIOR_WEIGHT
        for bucket, count in enumerate(self.counts):
            # The middle of the bucket, on the scale on which buckets are equal.
            total += count * _STEP ** (bucket - 0.5)
        return timedelta(seconds=round(total / (self.weight + PRIOR_WEIGHT), 1))

    @property
    def median(self) -> timedelta:
        """Half of what was seen took no longer; nothing is assumed."""
        return _quantile(self.counts, 0.5)

    @property
    def ninth(self) -> timedelta:
        """Nine in ten took no longer."""
        return _quantile(self.counts, 0.9)


def _quantile(counts: Sequence[float], share: float) -> timedelta:
    """The end of the bucket in which this share is reached."""
    wanted, reached = share * sum(counts) - 1e-9, 0.0
    bucket = 0
    for number, count in enumerate(counts):
        if reached < wanted:
            bucket = number
        reached += count
    # Never shorter than the bucket: what was seen at its very end happened within it.
    return timedelta(seconds=math.ceil(_STEP**bucket * 10) / 10)


def moved(before: timedelta | None, now: timedelta) -> bool:
    """Whether an estimate differs so much from the one in force that numbers must follow."""
    if before is None:
        return True
    low, high = sorted((before, now))
    return high > low * MOVES


def lag_of(counts: Sequence[float]) -> Lag:
    """A remembered histogram; one of another size is forgotten."""
    return Lag(tuple(counts)) if len(counts) == BUCKETS else Lag()


def _bucket(seconds: float) -> int:
    if seconds <= 1.0:
        return 0
    return min(BUCKETS - 1, math.ceil(math.log(seconds, _STEP) - 1e-9))
