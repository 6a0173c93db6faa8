"""Buyers of the simulated world: seeded, and refused like anybody when a shop has sold out."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from jobs.demo.world import World

#: A demo without end needs a supplier that is supplied.
RESTOCK_EVERY = 60


@dataclass
class Buyers:
    """Place orders until `count` are in (0: for ever). One thread; the same seed, the same wishes."""

    world: World
    count: int
    seed: int
    #: clock seconds between two wishes, on average
    every: float = 20.0
    placed: int = 0
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._buy, name="buyers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(5)

    @property
    def done(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def _buy(self) -> None:
        chance = random.Random(self.seed)
        # Where everything is sold out nobody waits for ever: a wish too many ends the shopping.
        wishes = self.count * 4 if self.count else None
        while not self._stop.is_set():
            if self.count and self.placed >= self.count:
                return
            if wishes is not None and self.placed + self.refused >= wishes:
                return
            self.place(chance)
            wait = chance.expovariate(1 / self.every)
            self._stop.wait(self.world.clock.real_seconds(wait))

    def place(self, chance: random.Random) -> None:
        """One wish: on either channel, now and then pending, canceled soon, or shipped by Amazon."""
        on_amazon = chance.random() < 0.45
        picked = chance.sample(self.world.goods, k=1 if chance.random() < 0.75 else 2)
        lines = [{"sku": one.sku, "quantity": chance.choice((1, 1, 1, 2))} for one in picked]
        wish: dict[str, Any] = {"lines": lines}
        mood = chance.random()
        if mood < 0.06:
            wish["cancel_after"] = chance.choice((30.0, 90.0, 600.0))
        if on_amazon:
            if mood > 0.92:
                wish["pending_for"] = 240.0
            if chance.random() < 0.12:
                sku = chance.choice(self.world.fba_skus())
                wish = {"lines": [{"sku": sku, "quantity": 1}], "fulfilled_by": "AMAZON"}
        shop = self.world.amazon if on_amazon else self.world.shopify
        try:
            with shop.lock:
                shop.place_order(wish)
        except ValueError:
            self.refused += 1
        else:
            self.placed += 1
            if not self.count and self.placed % RESTOCK_EVERY == 0:
                self.world.restock()
