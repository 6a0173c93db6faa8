"""DEMAND: how fast each Sku sells, once a day and where an old day changed.

Others read the rates from the store: buffers, alerts, purchases. A rate that did not move in
earnest is left as it is, so that a quiet day makes no work for anybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, timedelta

from core.model.catalog import ChannelId, Sku
from core.model.demand import Forecast
from core.rules.forecasting import material
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.sales import WINDOW, Sales
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Days counted anew, and Skus worked out, in one transaction: a writer holds others up so long.
DAYS_AT_ONCE, SKUS_AT_ONCE = 50, 1_000
EVERY = timedelta(hours=1)
#: Of the draws that covers are made with.
SEED = 7
_DAY = timedelta(days=1)


def decide_demand(run: Run) -> timedelta | None:
    """Count the days that changed; once a day look at the shelves and work out every rate."""
    wiring = run.wiring
    with run.reading() as tx:
        now = tx.now
    today = wiring.day(now)
    # Another zone makes other days; another configuration other Kits and events.
    zone = wiring.config.shop.time_zone
    done = f"{zone} {today.isoformat()} {wiring.loaded.digest}"
    if (run.lease.cursor or "").split(" ")[0] != zone:
        _mark_everything(run, today)
    changed = _count_days(run, today, zone)
    if run.lease.cursor != done:
        _rate_everything(run, today)
    else:
        _rate(run, _with_parts(wiring, changed))
    if changed or run.lease.cursor != done:
        with run.transaction() as tx:
            tx.advance(done)
    return min(EVERY, wiring.begin(today + _DAY) - now)


def _mark_everything(run: Run, today: date) -> None:
    """Nothing was counted yet, or days begin elsewhere now."""
    oldest = today - _DAY * WINDOW
    with run.transaction() as tx:
        sales = Sales(tx)
        for channel, first, last in sales.spans():
            begin, end = max(run.wiring.day(first) - _DAY, oldest), run.wiring.day(last) + _DAY
            sales.mark((channel, begin + _DAY * number) for number in range((end - begin).days + 1))


def _count_days(run: Run, today: date, zone: str) -> set[Sku]:
    """Count the marked days that are over; the Skus, as they are sold, of which a day changed."""
    changed: set[Sku] = set()
    while True:
        with run.transaction() as tx:
            sales = Sales(tx)
            marked = sales.marked(before=today, limit=DAYS_AT_ONCE)
            for channel, day in marked:
                begin, end = run.wiring.begin(day), run.wiring.begin(day + _DAY)
                changed |= sales.count(channel, day, begin=begin, end=end)
            if changed:
                # Who dies before the rates are in place leaves word that they are not.
                tx.advance(zone)
        if len(marked) < DAYS_AT_ONCE:
            return changed


def _rate_everything(run: Run, today: date) -> None:
    with run.transaction() as tx:
        sales = Sales(tx)
        sales.look_at_shelves(today)
        sold = sales.sold_since(today - _DAY * WINDOW)
        rated = Demands(tx).rated()
    _rate(run, sorted({*_with_parts(run.wiring, sold), *rated}))


def _rate(run: Run, skus: Sequence[Sku]) -> None:
    """Work out rates while others write; write only those that moved."""
    for chunk in chunks(skus, SKUS_AT_ONCE):
        with run.reading() as tx:
            moved = moved_rates(tx, run.wiring, chunk)
        if moved:
            with run.transaction() as tx:
                Demands(tx).set_rates(moved)
                tx.mark_dirty({one.sku for one in moved})


def _with_parts(wiring: Wiring, sold: Iterable[Sku]) -> list[Sku]:
    """These as they are sold, for what is shown of them, and what they ship as, for what is bought."""
    return sorted({one for sku in sold for one in (sku, *wiring.components(sku, 1))})


def moved_rates(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> list[DemandRate]:
    """The rates of these Skus that are no longer what is in force."""
    # numpy comes with it, which an idle command line need not load.
    from jobs.forecast import forecasts, histories

    found = histories(tx, wiring, skus)
    made = forecasts([found[sku] for sku in skus], today=wiring.day(tx.now), seed=SEED)
    before = Demands(tx).rates(skus)
    known: dict[Sku, set[ChannelId]] = defaultdict(set)
    for sku, channel in before:
        known[sku].add(channel)
    return [
        new
        for one in made
        for new in _rates(one, found[one.sku].channels, known[one.sku])
        if _moved(before.get((new.sku, new.channel)), new)
    ]


def _moved(old: DemandRate | None, new: DemandRate) -> bool:
    return material(old.per_day, new.per_day) if old else new.per_day > 0


def _rates(
    forecast: Forecast, shares: Mapping[ChannelId, float], known: Set[ChannelId]
) -> Iterator[DemandRate]:
    """The rate everywhere, and on each channel that sells the Sku or did.

    Each unit goes to a channel by chance: with mean m, variance v and share s of a day's units, the
    channel's have mean sm and variance s²v + s(1-s)m.
    """
    mean, variance, days = forecast.level, forecast.variance, forecast.days
    yield DemandRate(forecast.sku, EVERYWHERE, mean, variance, days)
    for channel in sorted({*shares, *known} - {EVERYWHERE}):
        share = shares.get(channel, 0.0)
        spread = share * share * variance + share * (1 - share) * mean
        yield DemandRate(forecast.sku, channel, share * mean, spread, days)
