"""Drift: from a number changed by hand to the wanted number shown again, in minutes of the clock.

The flows themselves run (pull, push, slices) against a channel that only remembers, on a clock that
is moved a minute at a time; the machine's speed does not count. The channel reads at the rate of the
real one, shows orders as late, and applies a write as late. No report is made: slices alone find.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

from sqlalchemy import update

from bench import world
from bench.figures import Figures
from core.model.catalog import OfferChange, OfferOutcome, OfferReading, OfferResult
from core.model.orders import Order
from core.ports import Batch, CheckReport, OfferTarget, OrderSource, ShelfSource
from core.rules.drift import slice_size
from jobs import drift, log, publish, pull
from jobs.clock import ManualClock
from jobs.decide import decide_offers
from jobs.run import Run
from jobs.store.tables import lease, offer
from jobs.wiring import Wiring

CHANNEL = "amazon-us"
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Kind:
    """What the real channel takes."""

    #: offers a second
    rate: float
    #: seconds until an order is shown
    lag: float
    #: minutes between complete pulls of orders
    pull: int
    #: seconds until a write is applied, from and to; (0, 0): at once
    applies: tuple[float, float]


KINDS = {
    "amazon": Kind(5.0, 180.0, 3, (5.0, 90.0)),
    "shopify": Kind(100 / 3 * 250, 10.0, 2, (0.0, 0.0)),
}
#: (kind, offers, share of the rate in percent)
CASES = (
    ("amazon", 1_000, 10),
    ("amazon", 1_000, 20),
    ("amazon", 1_000, 50),
    ("amazon", 5_000, 20),
    ("shopify", 1_000, 20),
)


class Shelf(OrderSource, OfferTarget, ShelfSource):
    """Shows numbers, and what others put in their place."""

    compare_and_set = False
    order_lag = 0.0
    offers_per_second = 0.0

    def __init__(self, kind: Kind, clock: ManualClock, chance: random.Random) -> None:
        self.name = CHANNEL
        self.offers_per_second = kind.rate
        self.order_lag = kind.lag
        self.shown: dict[str, int] = {}
        self._kind = kind
        self._clock = clock
        self._chance = chance
        self._coming: list[tuple[datetime, str, int]] = []

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def pull_orders(self, *, since: str | None) -> Iterator[Batch[Order]]:
        yield Batch((), "end", complete_to=self._clock.now())

    def get_order(self, remote_id: str) -> Batch[Order]:
        return Batch((), "")

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        return ()

    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        self.come_true()
        now = self._clock.now()
        return [OfferReading(one.key, self.shown[one.key.remote_id], now) for one in changes]

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        later = self._kind.applies[1] > 0
        for one in changes:
            wait = timedelta(seconds=self._chance.uniform(*self._kind.applies))
            self._coming.append((self._clock.now() + wait, one.key.remote_id, one.quantity))
        outcome = OfferOutcome.SENT if later else OfferOutcome.SHOWN
        self.come_true()
        return [OfferResult(one.key, outcome) for one in changes]

    def come_true(self) -> None:
        now = self._clock.now()
        for at, remote_id, quantity in self._coming:
            if at <= now:
                self.shown[remote_id] = quantity
        self._coming = [one for one in self._coming if one[0] > now]


@dataclass
class Trial:
    """One shop, and the changes made in it by hand."""

    shop: world.Shop
    wiring: Wiring
    shelf: Shelf
    clock: ManualClock
    kind: Kind
    #: remote id -> (when it was changed, what was wanted, raised)
    changed: dict[str, tuple[datetime, int, bool]] = field(default_factory=dict)
    #: minutes until the wanted number was shown again: where others raised it, where they lowered it
    repaired: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})

    def run(self, flow: str) -> Run:
        store = self.shop.application.store
        with store.database.write() as connection:
            connection.execute(
                update(lease)
                .where(lease.c.unit == f"{CHANNEL}/{flow}")
                .values(owner=None, until=None)
            )
        held = store.units.claim(f"{CHANNEL}/{flow}", owner="bench", ttl=3600.0, now=None)
        assert held is not None
        return Run(flow, store, held, self.wiring, log.get())

    def minute(self, number: int) -> None:
        """What a daemon does in a minute, flow by flow."""
        if number % self.kind.pull == 0:
            pull.pull_orders(self.run("orders"), CHANNEL)
        publish.push_offers(self.run("offers"), CHANNEL)
        drift.read_slice(self.run("drift"), CHANNEL)
        publish.push_offers(self.run("offers"), CHANNEL)
        self.clock.advance(60)
        self.shelf.come_true()
        for remote_id, (at, wanted, raised) in list(self.changed.items()):
            if self.shelf.shown[remote_id] == wanted:
                self.repaired[raised].append((self.clock.now() - at) / MINUTE)
                del self.changed[remote_id]


def measure(
    *, seed: int, cases: tuple[tuple[str, int, int], ...] = CASES, changes: int = 60
) -> Figures:
    found = Figures("drift: minutes from a change by hand to its repair", "slices only, no report")
    for kind, offers, share in cases:
        found.add(**_measured(kind, offers, share, changes=changes, seed=seed))
    return found


def _measured(name: str, offers: int, share: int, *, changes: int, seed: int) -> dict[str, Any]:
    kind, chance, clock = KINDS[name], random.Random(seed), ManualClock(START)
    with world.folder() as within:
        url = f"sqlite:///{within / 'lockstep.db'}"
        with world.shop(url, within, clock=clock) as shop:
            trial = _prepared(shop, kind, offers, share, chance, clock)
            size = slice_size(
                rate=kind.rate, share=share, every=MINUTE, offers=offers,
                whole=timedelta(days=1), most=drift.SLICE,
            )  # fmt: skip
            turn = max(-(-offers // size), 10)
            left = sorted(chance.uniform(0, 2 * turn) for _ in range(changes))
            names = iter(chance.sample(sorted(trial.shelf.shown), changes))
            number = 0
            while left or trial.changed:
                while left and left[0] <= number:
                    left.pop(0)
                    _by_hand(trial, next(names), raised=bool(len(left) % 2))
                trial.minute(number)
                number += 1
                assert number < 10 * turn + 60, f"{len(trial.changed)} are never repaired"
    row: dict[str, Any] = {
        "channel": name, "offers": offers, "share": f"{share} %", "slice": size, "turn_min": turn,
    }  # fmt: skip
    for raised, word in ((True, "raised"), (False, "lowered")):
        cuts = quantiles(trial.repaired[raised], n=20)
        row |= {f"{word}_p50": cuts[9], f"{word}_p95": cuts[18]}
    return row


def _prepared(
    shop: world.Shop, kind: Kind, offers: int, share: int, chance: random.Random, clock: ManualClock
) -> Trial:
    """Every offer shows what is wanted, and was read at some time of the last turn."""
    world.stock(shop, skus=offers, units={"newark": 20})
    run = shop.run("core/offers")
    decide_offers(run)
    shop.release(run)
    wiring = shop.application.wiring
    config = wiring.config.model_copy(
        update={"drift": wiring.config.drift.model_copy(update={"share": share})}
    )
    shelf = Shelf(kind, clock, chance)
    made = replace(
        wiring,
        loaded=replace(wiring.loaded, config=config),
        connectors={**wiring.connectors, CHANNEL: shelf},
    )
    trial = Trial(shop, made, shelf, clock, kind)
    turn = max(offers / max(1.0, kind.rate * share / 100 * 60), 10.0)
    with shop.application.store.transaction() as tx:
        for row in tx.rows(offer.select().where(offer.c.channel == CHANNEL)):
            shelf.shown[row.remote_id] = row.wanted
            age = timedelta(minutes=chance.uniform(0, turn))
            tx.connection.execute(
                update(offer)
                .where(offer.c.channel == CHANNEL, offer.c.remote_id == row.remote_id)
                .values(
                    shown=row.wanted, shown_at=START - age, read_due=False, look_at=None,
                    found=row.wanted,
                )
            )  # fmt: skip
    return trial


def _by_hand(trial: Trial, remote_id: str, *, raised: bool) -> None:
    wanted = trial.shelf.shown[remote_id]
    trial.changed[remote_id] = (trial.clock.now(), wanted, raised)
    trial.shelf.shown[remote_id] = wanted + 5 if raised else max(0, wanted - 5)
