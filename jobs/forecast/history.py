"""What was wanted of each Sku on each day, as far as it can be known.

Days are the shop's own. Orders count on the day they were placed; the day that is running is not
history yet. A day on which a Sku was out of stock everywhere and sold nothing tells nothing: it is
not observed, which is something else than a demand of zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from core.model.catalog import ChannelId, Sku
from core.model.demand import Uplift
from core.rules.forecasting import uplift_on
from jobs.store.sales import WINDOW, Sales
from jobs.store.store import Tx
from jobs.wiring import Wiring

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Shares of the channels are those of so many days.
SHARES_OF = 91

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """Units of all Skus together, day by day, of the same days in every year looked at."""

    first: date
    units: Floats

    def between(self, first: date, days: int) -> Floats | None:
        """The days from `first` on; None where one of them is not known."""
        at = (first - self.first).days
        return self.units[at : at + days] if 0 <= at <= len(self.units) - days else None


NO_SHOP = Shop(date(1970, 1, 1), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One Sku, a value for each day from `first` on. Kits are taken apart, packs multiplied."""

    sku: Sku
    first: date
    #: units wanted, less canceled and test ones; returned units were wanted all the same
    units: Floats
    #: False: out of stock everywhere and nothing sold
    observed: Flags
    #: share of each channel in the last weeks; the shares of all add up to 1, {}: nothing sold
    channels: Mapping[ChannelId, float] = field(default_factory=dict)
    #: factor of the events of each day: 1.5 where half as much again was to be expected
    lifted: Floats | None = None
    shop: Shop = NO_SHOP

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.first + _DAY * len(self.units)

    @property
    def usual(self) -> Floats:
        """The units as they would have been without the events of their days."""
        return self.units if self.lifted is None else self.units / self.lifted

    def until(self, today: date) -> History:
        """The same as it was known at the beginning of `today`."""
        days = max(0, (today - self.first).days)
        if days >= len(self.units):
            return self
        return History(
            self.sku,
            self.first,
            self.units[:days],
            self.observed[:days],
            self.channels,
            None if self.lifted is None else self.lifted[:days],
            Shop(self.shop.first, self.shop.units[: max(0, (today - self.shop.first).days)]),
        )


def uplifts_of(wiring: Wiring, sku: Sku) -> tuple[Uplift, ...]:
    """The events (`seasons`) that are configured for this Sku. Raises RuleFailed."""
    return wiring.loaded.uplifts.of(sku)


def histories(tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> dict[Sku, History]:
    """The history of each of these Skus, up to yesterday: a Kit's own sales, a part's also in Kits.

    It begins with the day on which the Sku was first seen, sold or in stock, at most WINDOW days
    ago. A Sku that was never seen has an empty one. Read from daily sums, not from orders.
    """
    wanted = sorted(set(skus))
    today = wiring.day(tx.now)
    begin = today - _DAY * WINDOW
    found = _Gathered(tx, wiring, wanted, begin, today)
    return {sku: found.history(sku) for sku in wanted}


class _Gathered:
    """The rows of many Skus, read with a handful of statements."""

    def __init__(self, tx: Tx, wiring: Wiring, skus: list[Sku], begin: date, today: date) -> None:
        self._wiring = wiring
        self._begin, self._today = begin, today
        self._days = (today - begin).days
        sales = Sales(tx)
        made_of = _sold_as(wiring, skus)
        self._rows: dict[Sku, list[tuple[date, ChannelId, int]]] = defaultdict(list)
        for row in sales.of(made_of, first=begin, until=today):
            for part, units in made_of[row.sku].items():
                self._rows[part].append((row.day, row.channel, row.units * units))
        self._parts = {sku: wiring.components(sku, 1) for sku in skus}
        parts = {part for found in self._parts.values() for part in found}
        self._out = sales.out_of_stock(parts, first=begin)
        self._stocked = {sku: wiring.day(at) for sku, at in sales.first_moved(parts).items()}
        totals = np.zeros(self._days)
        for day, units in sales.totals(first=begin, until=today):
            totals[(day - begin).days] = units
        known = np.flatnonzero(totals)
        start = int(known[0]) if len(known) else self._days
        self._shop = Shop(begin + _DAY * start, totals[start:])

    def history(self, sku: Sku) -> History:
        rows = self._rows.get(sku, [])
        units = np.zeros(self._days)
        recent: dict[ChannelId, int] = defaultdict(int)
        shares_from = self._today - _DAY * SHARES_OF
        for day, channel, count in rows:
            units[(day - self._begin).days] += count
            if day >= shares_from:
                recent[channel] += count
        if rows and not recent:
            for _, channel, count in rows:
                recent[channel] += count
        out = np.zeros(self._days, dtype=bool)
        # A Kit is out of stock while any of its parts is.
        for first, until in (span for part in self._parts[sku] for span in self._out.get(part, ())):
            end = self._days if until is None else max(0, (until - self._begin).days)
            out[max(0, (first - self._begin).days) : end] = True
        seen = [day for day, _, _ in rows]
        stocked = [self._stocked.get(part) for part in self._parts[sku]]
        if None not in stocked:
            seen.append(max(day for day in stocked if day))
        first = min(max(min(seen), self._begin), self._today) if seen else self._today
        start = (first - self._begin).days
        total = sum(recent.values())
        return History(
            sku,
            first,
            units[start:],
            (~out | (units > 0))[start:],
            {channel: count / total for channel, count in sorted(recent.items()) if count},
            self._lifted(sku, first),
            self._shop,
        )

    def _lifted(self, sku: Sku, first: date) -> Floats | None:
        uplifts = uplifts_of(self._wiring, sku)
        if not any(one.last >= first and one.first < self._today for one in uplifts):
            return None
        days = (self._today - first).days
        factors = [uplift_on(uplifts, first + _DAY * number) for number in range(days)]
        # A day on which nothing was to be sold tells nothing about usual days: it stays as it is.
        return np.array([factor or 1.0 for factor in factors])


def _sold_as(wiring: Wiring, skus: Iterable[Sku]) -> dict[Sku, dict[Sku, int]]:
    """What is sold -> units in each of those asked for: a Sku is in itself, and parts are in Kits."""
    catalog = wiring.loaded.catalog
    asked = set(skus)
    sold: dict[Sku, dict[Sku, int]] = {}
    for sku in {*asked, *(kit for part in asked for kit in catalog.kits_with(part))}:
        parts = wiring.components(sku, 1)
        sold[sku] = {part: units for part, units in parts.items() if part in asked}
        if sku in asked:
            sold[sku][sku] = 1
    return sold
