"""Fill rate against average stock: a year of real demand, replayed with three ways of ordering.

Daily demand of 2,636 real Skus over 374 days (`reference/demand`, UCI Online Retail). Stock is
reviewed each week; what is ordered comes after the lead time; what cannot be served at once is
lost. At each review every method knows the days before it and nothing else. The orders of each
method are made with several settings; its fill rate is told at the stock the others have too, by
straight lines between those settings. The data has no prices: every unit has the same value.

- this method: what the module jobs.forecast says is enough for lead time and review period.
- normal theory: mean and standard deviation of the last half year, for lead time plus review.
- static min/max: set once from the days before the replay starts, and never touched again.

The settings in jobs/forecast were chosen with half of the Skus (every second one); what is told
here is the other half.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from bench.figures import Figures
from jobs.forecast import History, Shop, forecasts
from jobs.forecast.covering import draws, enough, expected_days
from jobs.forecast.history import Floats

DATA = Path(__file__).parents[2] / "shared" / "reference" / "demand" / "online_retail_daily.csv.gz"
#: Days before the replay, from which the first orders are worked out.
KNOWN = 150
REVIEW = 7
LEADS = (7, 21, 65)
SERVICES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)
#: Where curves are compared: this method's stock at these services.
AT = (0.8, 0.9, 0.95, 0.98)
#: Trailing days of the normal theory's mean and deviation, and its safety factors: far enough to
#: reach every stock that the others have.
TRAILING = 182
FACTORS = (-0.5, 0.0, 0.25, 0.5, 0.84, 1.04, 1.28, 1.64, 2.05, 2.33, 3.0, 4.0, 5.0, 7.0, 10.0)
#: A static min is so many times the mean demand of lead time and review.
STATIC = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """Days by Skus."""

    skus: tuple[str, ...]
    first: date
    units: Floats

    def reviews(self) -> range:
        return range(KNOWN, len(self.units), REVIEW)


def read(path: Path, *, part: int = 1, most: int | None = None) -> World:
    """Every second Sku (`part` 0 or 1) that sold before the replay begins. Units sold less those
    canceled the same day; a day without a line is a day without a sale."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    first = date.fromisoformat(min(row["date"] for row in rows))
    days = (date.fromisoformat(max(row["date"] for row in rows)) - first).days + 1
    skus = sorted({row["sku"] for row in rows})
    place = {sku: number for number, sku in enumerate(skus)}
    units = np.zeros((days, len(skus)))
    for row in rows:
        at = (date.fromisoformat(row["date"]) - first).days
        units[at, place[row["sku"]]] = max(0, int(row["sold"]) - int(row["cancelled"]))
    chosen = np.flatnonzero((units[:KNOWN] > 0).any(axis=0))[part::2][:most]
    return World(tuple(skus[number] for number in chosen), first, units[:, chosen])


#: review day -> the level to order up to, of each Sku, for each setting
Levels = dict[int, Floats]


def this_method(world: World, lead: int, seed: int) -> Levels:
    """Settings by Skus for each review."""
    made: Levels = {}
    shop = Shop(world.first, world.units.sum(axis=1))
    sold = world.units > 0
    begins = sold.argmax(axis=0)
    span = lead + REVIEW
    for review in world.reviews():
        today = world.first + _DAY * review
        found = [
            History(
                sku,
                world.first + _DAY * int(begins[number]),
                world.units[begins[number] : review, number],
                np.ones(review - begins[number], dtype=bool),
                shop=shop,
            )
            for number, sku in enumerate(world.skus)
        ]
        levels = np.zeros((len(SERVICES), len(found)))
        for number, one in enumerate(forecasts(found, today=today, seed=seed)):
            if one.level > 0:
                mean = expected_days(one, found[number], first=today, days=span).sum()
                drawn = draws(one, found[number], days=span, expected=float(mean))
                levels[:, number] = enough(drawn, SERVICES)
        made[review] = levels
    return made


def normal_theory(world: World, lead: int) -> Levels:
    span = lead + REVIEW
    factors = np.array(FACTORS)[:, None]
    made: Levels = {}
    for review in world.reviews():
        recent = world.units[max(0, review - TRAILING) : review]
        mean, deviation = recent.mean(axis=0), recent.std(axis=0, ddof=1)
        made[review] = np.ceil(np.maximum(mean * span + factors * deviation * span**0.5, 0))
    return made


@dataclass(frozen=True)
class Outcome:
    """Of one setting: units served per unit asked for, the mean of that over Skus, average stock."""

    fill: float
    mean_fill: float
    stock: float


def replay(
    world: World, lead: int, level: Callable[[int, Floats], Floats], start: Floats
) -> Outcome:
    """`level(review, position)` is the position each Sku is brought to at a review."""
    on_hand = start.copy()
    coming = np.zeros((len(world.units) + lead + 1, len(start)))
    served, asked = np.zeros(len(start)), np.zeros(len(start))
    held, days = 0.0, 0
    reviews = set(world.reviews())
    # Judged from the day on which the first order of the replay has come: what it starts with
    # is no method's doing.
    judged = KNOWN + lead
    for day in range(KNOWN, len(world.units)):
        on_hand += coming[day]
        if day in reviews:
            position = on_hand + coming[day + 1 :].sum(axis=0)
            coming[day + lead] += np.maximum(level(day, position) - position, 0)
        wanted = world.units[day]
        sold = np.minimum(on_hand, wanted)
        on_hand -= sold
        if day >= judged:
            served += sold
            asked += wanted
            held += on_hand.sum()
            days += 1
    some = asked > 0
    return Outcome(
        served.sum() / asked.sum(), float((served[some] / asked[some]).mean()), held / days
    )


def curve(world: World, lead: int, levels: Levels) -> list[Outcome]:
    first = levels[KNOWN]
    return [
        replay(world, lead, lambda day, _, row=row: levels[day][row], first[row])
        for row in range(len(first))
    ]


def static(world: World, lead: int) -> list[Outcome]:
    """Min: a multiple of the mean demand until the next order comes. Max: a month more."""
    mean = world.units[:KNOWN].mean(axis=0)
    made = []
    for multiple in STATIC:
        least = np.ceil(mean * (lead + REVIEW) * multiple)
        most = least + np.ceil(mean * 28)
        made.append(
            replay(
                world,
                lead,
                lambda _, position, least=least, most=most: np.where(
                    position <= least, most, position
                ),
                most,
            )
        )
    return made


def at_stock(found: Sequence[Outcome], stock: float) -> tuple[float, float] | None:
    """(fill, mean fill) of a curve at this stock; None outside of it."""
    ordered = sorted(found, key=lambda one: one.stock)
    stocks = [one.stock for one in ordered]
    if not stocks[0] <= stock <= stocks[-1]:
        return None
    return (
        float(np.interp(stock, stocks, [one.fill for one in ordered])),
        float(np.interp(stock, stocks, [one.mean_fill for one in ordered])),
    )


def measure(
    *, seed: int, leads: Sequence[int] = LEADS, most: int | None = None, part: int = 1
) -> Figures:
    found = Figures("replenishment: fill rate at the same stock, percent of units (mean of Skus)")
    if not DATA.exists():
        found.add(
            skipped="there is no reference/demand: the demand of real Skus is not part of the project"
        )
        return found
    world = read(DATA, part=part, most=most)
    for lead in leads:
        began = time.perf_counter()
        ours = curve(world, lead, this_method(world, lead, seed))
        seconds = time.perf_counter() - began
        normal = curve(world, lead, normal_theory(world, lead))
        fixed = static(world, lead)
        for service in AT:
            mine = ours[SERVICES.index(service)]
            found.add(
                lead_days=lead,
                service=service,
                skus=len(world.skus),
                average_stock=round(mine.stock),
                this_method=_percent((mine.fill, mine.mean_fill)),
                normal_theory=_percent(at_stock(normal, mine.stock)),
                static_min_max=_percent(at_stock(fixed, mine.stock)),
                seconds=seconds,
            )
    return found


def _percent(fills: tuple[float, float] | None) -> str:
    return "-" if fills is None else f"{100 * fills[0]:.1f} ({100 * fills[1]:.1f})"
