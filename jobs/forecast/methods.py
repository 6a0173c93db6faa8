"""Croston's family and a smoothed level, for many Skus at once.

Arrays are days by Skus: row `d` holds all Skus' values of one day, oldest first. Days that were not
observed change nothing. All of these are scale equivariant: twice the units, twice the rate.

Sources: Croston 1972; Syntetos and Boylan 2005 (SBA); Teunter, Syntetos and Babai 2011 (TSB).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.forecast.history import Flags, Floats

Days = NDArray[np.int64]

#: How fast the chance of a sale (each day) and its size (each sale) follow what happens, and how
#: fast sizes and pauses do in Croston's way. Chosen with bench/replenishment: the quicker ones of
#: the books (0.1 to 0.3) chase single large orders, and cost up to four points of fill rate.
ALPHA_CHANCE, ALPHA_SIZE, ALPHA_CROSTON = 0.015, 0.03, 0.05
#: Days after which an observation of a smoothed level counts half.
HALF_LIFE = 60.0


def tsb(
    units: Floats,
    observed: Flags,
    *,
    chance: Floats,
    size: Floats,
    alpha_chance: float = ALPHA_CHANCE,
    alpha_size: float = ALPHA_SIZE,
) -> Floats:
    """Units a day: the chance of a sale times its size. Falls each day without a sale.

    `chance` and `size` are where each Sku starts.
    """
    chance, size = chance.astype(np.float64), size.astype(np.float64)
    sold = observed & (units > 0)
    for day in range(len(units)):
        hit = sold[day]
        chance += (alpha_chance * observed[day]) * (hit - chance)
        size += (alpha_size * hit) * (units[day] - size)
    return chance * size


def sba(
    units: Floats,
    observed: Flags,
    *,
    pause: Floats,
    size: Floats,
    alpha: float = ALPHA_CROSTON,
) -> Floats:
    """Units a day: the size of a sale over the pause between two, less Croston's bias.

    `pause` (observed days from one sale to the next) and `size` are where each Sku starts. Only a
    sale changes anything: a Sku that died keeps its rate, which is what TSB is for.
    """
    pause, size = pause.astype(np.float64), size.astype(np.float64)
    # How long nothing sold before the first sale we know of, nobody knows.
    waited = np.full_like(size, np.nan)
    sold = observed & (units > 0)
    for day in range(len(units)):
        waited += observed[day]
        hit = alpha * sold[day]
        size += hit * (units[day] - size)
        pause += hit * np.where(np.isnan(waited), 0.0, waited - pause)
        waited[sold[day]] = 0.0
    return (1 - alpha / 2) * size / pause


def weights(observed: Flags, *, half_life: float = HALF_LIFE) -> Floats:
    """How much each observed day counts; the last one counts 1, ages are in observed days."""
    age = np.cumsum(observed[::-1], axis=0)[::-1] - 1
    return np.where(observed, 0.5 ** (age / half_life), 0.0)


def smoothed(units: Floats, profile: Floats, weight: Floats) -> Floats:
    """Units on an average day; `profile` is each day's weekday factor for each Sku."""
    return _over((weight * units).sum(axis=0), (weight * profile).sum(axis=0))


def week(units: Floats, observed: Flags, weekdays: Days, shop: Floats, *, worth: float) -> Floats:
    """The factor of each weekday for each Sku: 7 by Skus, mean 1.

    A Sku's own week counts by what it sold; the shop's week (`shop`, mean 1) stands in for `worth`
    units. `weekdays` is the weekday of each day.
    """
    usual = _over(units.sum(axis=0), observed.sum(axis=0))
    made = np.empty((7, units.shape[1]))
    for day in range(7):
        rows = weekdays == day
        mean = _over(units[rows].sum(axis=0), observed[rows].sum(axis=0), usual)
        made[day] = _over(mean, usual, np.ones_like(usual))
    own = units.sum(axis=0)
    own = own / (own + worth)
    made = own * made + (1 - own) * shop[:, None]
    profile: Floats = made / made.mean(axis=0)
    return profile


def _over(upper: Floats, lower: Floats, otherwise: Floats | None = None) -> Floats:
    """A quotient; 0 (or `otherwise`) where nothing is divided."""
    out = np.zeros_like(upper, dtype=np.float64) if otherwise is None else otherwise.copy()
    return np.divide(upper, lower, out=out, where=lower > 0)
