"""A channel whose shelf can be read in slices and by report, for tests of drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.model.catalog import OfferKey, OfferReading
from core.model.orders import Order
from core.ports import Batch, ShelfReport, ShelfSource
from jobs import decide, drift, log, publish, pull
from jobs.runner import Runner
from tests.jobs.shop import Remote, Shop

CHANNEL = "shopify-us"


class Shelf(Remote, ShelfSource, ShelfReport):
    """`orders` are what a pull brings, once; a report tells what `reported` holds, or the shelf."""

    offers_per_second = 10.0

    def __init__(self, name, clock):  # type: ignore[no-untyped-def]
        super().__init__(name, clock)
        self.orders: list[Order] = []
        self.reported: dict[str, int] | None = None

    def pull_orders(self, *, since: str | None) -> Iterator[Batch[Order]]:
        batch = tuple(self.orders)
        self.orders = []
        yield Batch(batch, "end", complete_to=self.clock.now())

    def pull_shown(self, *, since: str | None) -> Iterator[Batch[OfferReading]]:
        shown = self.shown if self.reported is None else self.reported
        now = self.clock.now()
        items = tuple(
            OfferReading(OfferKey(self.name, remote_id), quantity, now)
            for remote_id, quantity in shown.items()
        )
        yield Batch(items, "end", complete_to=now)


def put_shelf(shop: Shop, shelf: Remote) -> None:
    """The channel is this one from now on."""
    shop.channels[shelf.name] = shelf
    shop.wiring = replace(shop.wiring, connectors={**shop.wiring.connectors, shelf.name: shelf})
    shop.runner = Runner(shop.store, shop.wiring, log.get())
    shop.runner.declare()


def configure(shop: Shop, **changes: object) -> None:
    """Other settings of drift."""
    loaded = shop.wiring.loaded
    config = loaded.config.model_copy(
        update={"drift": loaded.config.drift.model_copy(update=changes)}
    )
    shop.wiring = replace(shop.wiring, loaded=replace(loaded, config=config))


def live(shop: Shop, *, seconds: float = 1200, step: float = 150) -> None:
    """Orders, offers and slices, turn by turn, while time passes."""
    for _ in range(int(seconds / step)):
        pull.pull_orders(shop.run(f"{CHANNEL}/orders"), CHANNEL)
        decide.decide_offers(shop.run("core/offers"))
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)
        shop.clock.advance(step)
