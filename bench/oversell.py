"""Oversold units: the same buyers, on two channels that hear of each other late, under three policies.

A discrete-event simulation around the real rules: what may be shown (`core.rules.availability`), what
of it is held back (`core.rules.risk`), when it is read and written (`core.rules.publishing`). Only the
channels, the buyers and a supplier are made up. Skus do not touch each other and run one by one.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.figures import Figures
from core.rules.availability import Policy, sellable
from core.rules.publishing import Move, OfferState, Pace, next_step
from core.rules.risk import NONE, Amount, Held, Rate, Situation, kept, withheld

REFERENCE = Path(__file__).parents[2] / "shared/reference/demand/online_retail_daily.csv.gz"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0
SHOP, MARKET = 0, 1
#: What the shop sells of all that both sell.
SHOP_SHARE = 0.6
#: Days of sales the rates are estimated from, and days that are simulated.
HISTORY, DAYS = 60, 120
#: Days until a restock arrives, and that it lasts on average. It is ordered too late: what is there
#: sells out each time, which is where units are oversold.
LEAD, LASTS = 7, 21
#: Units in one order, and how often.
SIZES, WEIGHTS = (1, 2, 3, 5), (85, 10, 3, 2)
BUSIEST, RUNS_LOW, TARGET = 1.5, 14.0, 1.0
#: A fixed buffer is searched up to here.
MOST_FIXED = 4_096


@dataclass(frozen=True)
class Lags:
    """Seconds, on average; each one lasts from half of it to half more."""

    api: float
    #: between two files of the supplier that counts the stock; 0: we count it
    file: float
    #: where the search for a fixed buffer starts
    guess: int = 1


#: API lag at stock of our own, then the age of a supplier's file at an API lag of 5 minutes.
SCENARIOS = (
    Lags(5, 0), Lags(60, 0), Lags(300, 0), Lags(1_200, 0, 2),
    Lags(300, 3_600, 4), Lags(300, 6 * 3_600, 12), Lags(300, 24 * 3_600, 24),
)  # fmt: skip


@dataclass(frozen=True)
class Good:
    """One Sku: its buyers, and what is known of it beforehand."""

    #: (second, channel or None: somebody else buys at the supplier, units)
    buyers: tuple[tuple[float, int, int], ...]
    others: tuple[tuple[float, int], ...]
    #: estimated, by channel
    rates: tuple[Rate, Rate]
    per_day: float


@dataclass
class Told:
    """What came of it."""

    orders: int = 0
    sold: int = 0
    oversold: int = 0
    lost: int = 0
    #: unit-days that were there and not shown, both channels together
    withheld: float = 0.0

    def add(self, other: Told) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


# --- buyers --------------------------------------------------------------------------------------


def generated(skus: int, *, seed: int) -> Iterator[Good]:
    """Skus from one sale in ten days to some dozens a day; days differ, so do the hours."""
    chance = random.Random(seed)
    for _ in range(skus):
        per_day = min(60.0, max(0.1, chance.lognormvariate(0.4, 1.3)))
        uneven = chance.uniform(0.0, 0.5)

        def orders_of(per_day: float = per_day, uneven: float = uneven) -> int:
            shape = 1 / uneven if uneven > 0.01 else 0
            rate = per_day * (chance.gammavariate(shape, uneven) if shape else 1.0)
            return _poisson(rate, chance)

        yield _good([orders_of() for _ in range(HISTORY + DAYS)],
                    [orders_of() for _ in range(DAYS)], chance)  # fmt: skip


def real(skus: int, *, seed: int) -> Iterator[Good]:
    """Order lines a day of real Skus (UCI Online Retail), each a buyer; others buy as on other days."""
    chance = random.Random(seed)
    days: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(REFERENCE, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            days[row["sku"]][row["date"]] = int(row["order_lines"])
    calendar = sorted({day for found in days.values() for day in found})[-(HISTORY + DAYS) :]
    series = {
        sku: [found.get(day, 0) for day in calendar]
        for sku, found in days.items()
        if sum(found.get(day, 0) for day in calendar[:HISTORY]) >= HISTORY / 10
    }
    for sku in chance.sample(sorted(series), min(skus, len(series))):
        later = series[sku][HISTORY:]
        yield _good(series[sku], chance.sample(later, len(later)), chance)


def _good(orders: Sequence[int], others: Sequence[int], chance: random.Random) -> Good:
    share = min(0.95, max(0.05, chance.gauss(SHOP_SHARE, 0.15)))
    days: list[list[tuple[float, int, int]]] = []
    for day, count in enumerate(orders):
        days.append([
            (_at(day - HISTORY, chance), SHOP if chance.random() < share else MARKET,
             chance.choices(SIZES, WEIGHTS)[0])
            for _ in range(count)
        ])  # fmt: skip
    known = [
        [sum(n for _, channel, n in day if channel == one) for day in days[:HISTORY]]
        for one in (SHOP, MARKET)
    ]
    buyers = tuple(sorted(one for day in days[HISTORY:] for one in day))
    elsewhere = tuple(
        sorted(
            (_at(day, chance), chance.choices(SIZES, WEIGHTS)[0])
            for day, count in enumerate(others)
            for _ in range(count)
        )
    )
    rates = (_rate(known[SHOP]), _rate(known[MARKET]))
    return Good(buyers, elsewhere, rates, sum(n for _, _, n in buyers) / DAYS)


def _rate(units: Sequence[int]) -> Rate:
    least = 0.5 / len(units)
    mean = max(statistics.fmean(units), least)
    return Rate(mean, max(statistics.pvariance(units), mean), len(units))


def _at(day: int, chance: random.Random) -> float:
    """A second of the day; the evening is twice as busy as the mean, the night is quiet."""
    while True:
        hour = chance.uniform(0, 24)
        if chance.uniform(0, 2) < 1 - math.cos((hour - 8) / 24 * 2 * math.pi):
            return (day + hour / 24) * DAY


def _poisson(mean: float, chance: random.Random) -> int:
    count, at = 0, chance.expovariate(1.0)
    while at < mean:
        count, at = count + 1, at + chance.expovariate(1.0)
    return count


# --- policies ------------------------------------------------------------------------------------

#: (units known to be there, of them counted by a supplier) -> what each channel should show
Shows = Callable[[int, int], tuple[int, int]]
#: (quantity, age in seconds of what is known of the market's orders) -> units to take off
Hidden = Callable[[int, float], int]


def fixed(buffer: int) -> Shows:
    """What is there less a fixed buffer, as an admin would write it."""
    policy = Policy(buffer=buffer)

    def shows(units: int, counted: int) -> tuple[int, int]:
        quantity = _sellable(units, policy)
        return quantity, quantity

    return shows


def _sellable(units: int, policy: Policy) -> int:
    return sellable(
        components={"it": 1}, units_per_sale=1, available={"it": [("home", units)]},
        unallocated={}, policy=policy,
    ).quantity  # fmt: skip


def risk(good: Good, lags: Lags) -> tuple[Shows, Hidden]:
    """The risk rule, with the averages of the delays as they would have been measured."""
    order = sorted((SHOP, MARKET), key=lambda one: -good.rates[one].per_day)
    window = timedelta(seconds=3 * lags.api + 2)
    per_day = sum(one.per_day for one in good.rates)
    offers = tuple(good.rates[one].within(window * BUSIEST) for one in order)
    ours = Situation(offers, NONE, per_day * RUNS_LOW, TARGET / 2)
    everything = Rate(per_day, sum(one.variance for one in good.rates), HISTORY)
    # Eight in ten figures get no older, see jobs/exposure.py.
    age = timedelta(seconds=1.3 * lags.file + lags.api)
    even = BUSIEST if age < timedelta(hours=6) else 1.0
    theirs = replace(ours, taken=everything.within(age * even)) if lags.file else ours
    held, old = Held(ours), Held(theirs)
    shown: dict[tuple[int, int], tuple[int, int]] = {}
    market = good.rates[MARKET]
    soon = market.within(timedelta(seconds=2 * lags.api) * BUSIEST)
    hidden: dict[tuple[int, Amount], int] = {}

    def shows(units: int, counted: int) -> tuple[int, int]:
        found = shown.get((units, counted))
        if found is None:
            quantity = _sellable(units, Policy())
            by = dict(zip(order, kept(held, old, units=units, counted=counted), strict=True))
            found = max(0, quantity - by[SHOP].units), max(0, quantity - by[MARKET].units)
            shown[units, counted] = found
        return found

    def unseen(quantity: int, age: float) -> int:
        taken = market.within(timedelta(seconds=age) * BUSIEST).coarse()
        key = (quantity, taken)
        if key not in hidden:
            one = Situation((soon,), taken, market.per_day * RUNS_LOW, TARGET / 2, once=True)
            hidden[key] = withheld(one, units=quantity)[0]
        return hidden[key]

    return shows, unseen


# --- the world -----------------------------------------------------------------------------------


@dataclass
class World:
    """One Sku for some months. `pool` are the units that are really there, less all that is sold."""

    good: Good
    lags: Lags
    shows: Shows
    hidden: Hidden | None
    chance: random.Random
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.batch = max(3, round(self.good.per_day * LASTS * (2 if self.lags.file else 1)))
        self.low = round(self.batch / LASTS * LEAD / 2)
        self.pool = self.batch
        #: what we believe is there
        self.known = self.batch
        self.coming = False
        #: sold and not recorded yet, and all that was ever recorded
        self.recorded = 0
        self.shown = [0, 0]
        self.lands = 0.0
        self.offers = [OfferState(0, None, None, None, None, True) for _ in (SHOP, MARKET)]
        self.looks = [math.inf, math.inf]
        longest = timedelta(seconds=max(1.0, 1.5 * self.lags.api))
        self.pace = [
            Pace(longest, 2 * longest, timedelta(hours=6), compares, timedelta(0))
            for compares in (True, False)
        ]
        self._since, self._less = 0.0, 0

    def run(self) -> Told:
        for at, channel, units in self.good.buyers:
            self._plan(at, partial(self._buy, channel, units))
        if self.lags.file:
            for at, units in self.good.others:
                self._plan(at, partial(self._take, units))
            self._plan(self._about(self.lags.file), self._file)
        self._decide()
        end = DAYS * DAY
        while self._events and self._events[0][0] < end:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self._count_withheld(end)
        return self.told

    def _plan(self, at: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, happen))

    def _about(self, seconds: float) -> float:
        return seconds * self.chance.uniform(0.5, 1.5)

    # what others do

    def _buy(self, channel: int, wanted: int) -> None:
        units = min(wanted, self.shown[channel])
        could = max(0, min(wanted, self.pool))
        self.told.orders += units > 0
        self.told.lost += max(0, could - units)
        if not units:
            return
        self.told.sold += units
        self.told.oversold += max(0, units - max(0, self.pool))
        self.pool -= units
        self.shown[channel] -= units
        self._plan(self.now + self._about(self.lags.api), partial(self._record, channel, units))
        self._restock()

    def _take(self, units: int) -> None:
        self.pool -= max(0, min(units, self.pool))
        self._restock()

    def _restock(self) -> None:
        if self.pool <= self.low and not self.coming:
            self.coming = True
            self._plan(self.now + LEAD * DAY, self._arrive)

    def _arrive(self) -> None:
        self.coming = False
        self.pool = max(0, self.pool) + self.batch
        if not self.lags.file:
            self._believe(self.pool + self._unrecorded())
        self._restock()

    def _unrecorded(self) -> int:
        return self.told.sold - self.recorded

    # what we hear

    def _record(self, channel: int, units: int) -> None:
        self.recorded += units
        self.offers[channel] = replace(self.offers[channel], read_due=True)
        self._believe(max(0, self.known - units))

    def _file(self) -> None:
        """A figure as of now: what is there, with the orders that the supplier has not heard of."""
        figure = max(0, self.pool + self._unrecorded())
        before = self.recorded
        self._plan(self.now + self._about(self.lags.api), partial(self._figure, figure, before))
        self._plan(self.now + self._about(self.lags.file), self._file)

    def _figure(self, figure: int, before: int) -> None:
        self._believe(max(0, figure - (self.recorded - before)))

    def _believe(self, units: int) -> None:
        self._count_withheld(self.now)
        self.known = units
        self._decide()

    def _decide(self) -> None:
        wanted = self.shows(self.known, self.known if self.lags.file else 0)
        self._less = sum(max(0, self.known - one) for one in wanted)
        for channel in (SHOP, MARKET):
            self.offers[channel] = replace(self.offers[channel], wanted=wanted[channel])
            self._look(channel)

    def _count_withheld(self, until: float) -> None:
        self.told.withheld += self._less * (until - self._since) / DAY
        self._since = until

    # what we do

    def _look(self, channel: int) -> None:
        """Read and write until the rule says to wait."""
        now = START + timedelta(seconds=self.now)
        complete = now - timedelta(seconds=1.5 * self.lags.api)
        while True:
            offer = self.offers[channel]
            if self.hidden and channel == MARKET and offer.wanted:
                offer = offer.less(self.hidden(offer.wanted, 1.5 * self.lags.api))
            step = next_step(offer, orders_complete_to=complete, now=now, pace=self.pace[channel])
            if step.move is Move.READ:
                self.offers[channel] = replace(
                    self.offers[channel], shown=self.shown[channel], shown_at=now, sent=None,
                    sent_at=None, read_due=False,
                )  # fmt: skip
            elif step.move is Move.PUSH:
                assert offer.wanted is not None
                self._write(channel, offer.wanted, now)
                return
            else:
                at = (step.not_before - START).total_seconds() if step.not_before else math.inf
                if self.now < at < self.looks[channel] or self.looks[channel] <= self.now:
                    self.looks[channel] = at
                    if at < math.inf:
                        self._plan(at, partial(self._look_at, channel, at))
                return

    def _look_at(self, channel: int, at: float) -> None:
        if self.looks[channel] == at:
            self.looks[channel] = math.inf
            self._look(channel)

    def _write(self, channel: int, quantity: int, now: datetime) -> None:
        self.offers[channel] = replace(self.offers[channel], sent=quantity, sent_at=now)
        if channel == SHOP:
            expected = self.offers[SHOP].shown
            self._plan(self.now + 2, partial(self._compare_and_set, expected, quantity))
            return
        # Patches of one listing are applied in their order.
        self.lands = max(self.lands, self.now + self._about(self.lags.api))
        self._plan(self.lands, partial(self._land, quantity))
        at = self.now + self.pace[MARKET].verify_after.total_seconds()
        self.looks[MARKET] = at
        self._plan(at, partial(self._look_at, MARKET, at))

    def _land(self, quantity: int) -> None:
        self.shown[MARKET] = quantity

    def _compare_and_set(self, expected: int | None, quantity: int) -> None:
        offer = self.offers[SHOP]
        now = START + timedelta(seconds=self.now)
        if self.shown[SHOP] == expected:
            self.shown[SHOP] = quantity
            offer = replace(offer, shown=quantity, shown_at=now, sent=None, sent_at=None)
        else:
            offer = replace(offer, sent=None, sent_at=None, read_due=True)
        self.offers[SHOP] = offer
        self._look(SHOP)


# --- measuring -----------------------------------------------------------------------------------


Chooses = Callable[[Good], tuple[Shows, Hidden | None]]


def _simulate(
    goods: Sequence[Good], lags: Lags, policy: Chooses, *, seed: int, most: float = math.inf
) -> Told:
    """All Skus one by one; given up once more than `most` units are oversold."""
    told = Told()
    for number, good in enumerate(goods):
        shows, hidden = policy(good)
        told.add(World(good, lags, shows, hidden, random.Random(seed * 100_003 + number)).run())
        if told.oversold > most:
            break
    return told


def _per_10_000(told: Told) -> float:
    return told.oversold / max(1, told.orders) * 10_000


def _smallest_fixed(goods: Sequence[Good], lags: Lags, *, seed: int) -> tuple[int | None, Told]:
    """The smallest fixed buffer that reaches the target; None: none up to the most.

    It is looked for from a guess on: a wrong one costs time and changes nothing.
    """

    # Every buyer served, and still more than the target.
    most = sum(len(good.buyers) for good in goods) * TARGET / 10_000

    def told_of(buffer: int) -> Told:
        return _simulate(goods, lags, lambda good: (fixed(buffer), None), seed=seed, most=most)

    low, high, found = 0, lags.guess, told_of(lags.guess)
    while _per_10_000(found) >= TARGET:
        if high >= MOST_FIXED:
            return None, found
        low, high = high, 2 * high
        found = told_of(high)
    # Just below first: a good guess needs no more.
    middle = high - 1
    while low < middle < high:
        told = told_of(middle)
        if _per_10_000(told) < TARGET:
            high, found = middle, told
        else:
            low = middle
        middle = (low + high) // 2
    return high, found


#: Where buyers come from: a generator of this benchmark's, or order lines of real Skus.
SOURCES: dict[str, Callable[..., Iterator[Good]]] = {"generated": generated, "online retail": real}


def measure(
    *,
    seed: int,
    skus: int = 50,
    seeds: int = 2,
    scenarios: Sequence[Lags] = SCENARIOS,
    sources: Sequence[str] = tuple(SOURCES),
) -> Figures:
    found = Figures(
        "oversell: two channels, one stock",
        "goal: risk buffer under 1 oversold per 10,000 orders, and fewer unit-days withheld than the "
        "smallest fixed buffer that reaches it",
    )
    for name in sources:
        if name == "online retail" and not REFERENCE.exists():
            print(f"no {REFERENCE}: only generated buyers", file=sys.stderr)
            continue
        goods = [
            good for number in range(seeds) for good in SOURCES[name](skus, seed=seed + number)
        ]
        for lags in scenarios:
            plain = _simulate(goods, lags, lambda good: (fixed(0), None), seed=seed)
            least: int | None = 0
            told = plain
            if _per_10_000(plain) >= TARGET:
                least, told = _smallest_fixed(goods, lags, seed=seed)
            for policy, result in (
                ("plain push", plain),
                (f"fixed {MOST_FIXED} misses" if least is None else f"fixed {least}", told),
                ("risk", _simulate(goods, lags, partial(risk, lags=lags), seed=seed)),
            ):
                found.add(
                    demand=name,
                    api_lag_s=int(lags.api),
                    file_every_h=lags.file / 3_600,
                    policy=policy,
                    orders=result.orders,
                    oversold=result.oversold,
                    per_10_000=_per_10_000(result),
                    withheld_unit_days=round(result.withheld),
                    lost_units=result.lost,
                )
                # It takes some minutes: what is known already is shown.
                print(*found.rows[-1].values(), sep=" | ", file=sys.stderr)
    return found
