"""A shop without remotes: a real configuration and store, and connectors that only remember."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from config.load import load
from core.model.catalog import (
    FulfilledBy,
    Listing,
    ListingStatus,
    OfferChange,
    OfferOutcome,
    OfferReading,
    OfferResult,
)
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    Shipment,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
)
from core.model.orders import Order
from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import (
    Batch,
    CheckReport,
    FulfillmentSource,
    Handover,
    ListingSource,
    OfferTarget,
    OrderSource,
    RequestTarget,
    ShipmentTarget,
    StockSource,
)
from core.rules.modes import Mode
from jobs import answers, decide, log, notices, pull
from jobs.bootstrap import wire
from jobs.clock import ManualClock
from jobs.run import Run
from jobs.runner import Runner
from jobs.store.permissions import WRITING_FLOWS, Permissions
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import lease
from jobs.wiring import Wiring
from tests.jobs.builders import receipt

_CONFIG = """
shop: {{name: Small shop}}
orders: {{route_from: "2026-11-01T00:00:00Z"}}
store: {{url: "sqlite:///{folder}/unused.db"}}
connections:
  shopify-us: {{type: shopify, shop: s.myshopify.com, client_id: c, client_secret: "{secret}"}}
  amazon-us:
    {{type: amazon, seller_id: A2BENCH, lwa_app_id: c, lwa_client_secret: "{secret}",
      refresh_token: "{secret}"}}
  home-files: {{type: supplier_file, transport: {{kind: local, root: {folder}/home}},
    folders: {{requests_out: in, shipments_in: {{path: out}}}}}}
  acme-files: {{type: supplier_file, transport: {{kind: local, root: {folder}/acme}},
    folders: {{requests_out: in, shipments_in: {{path: out}}, stock_in: {{path: stock}}}},
    location: acme}}
  letters: {{type: email, host: 127.0.0.1, tls: none, sender: shop@shop.example}}
channels:
  shopify-us: {{connection: shopify-us}}
  amazon-us: {{connection: amazon-us}}
locations:
  home: {{priority: 10, ships_through: home-files}}
  acme: {{priority: 20, ships_through: acme-files, counted_by: acme-files, basis: {basis}, snapshot: {guard}}}
{more}
skus:
  items:
    TEA: {{}}
    CUP: {{}}
    GIFT: {{components: {{TEA: 1, CUP: 1}}}}
"""


class Remote(OrderSource, ListingSource, OfferTarget, ShipmentTarget):
    """A channel that shows what it was told and remembers what it was asked."""

    compare_and_set = False
    order_lag = 0.0
    shipment_repeat_is_edit = False
    longest_handling = 30

    def __init__(self, name: str, clock: ManualClock) -> None:
        self.name = name
        self.clock = clock
        self.shown: dict[str, int | None] = {}
        self.silent: set[str] = set()
        self.reads = 0
        self.writes: list[tuple[str, int]] = []
        #: days from order to shipment, as stated last and each time
        self.stated: dict[str, int] = {}
        self.restated: list[tuple[str, int]] = []
        self.confirmed: list[Shipment] = []

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def pull_orders(self, *, since: str | None) -> Iterator[Batch[Order]]:
        yield Batch((), "end", complete_to=self.clock.now())

    def get_order(self, remote_id: str) -> Batch[Order]:
        return Batch((), "")

    def pull_listings(self, *, since: str | None) -> Iterator[Batch[Listing]]:
        yield Batch((), "end", complete_to=self.clock.now())

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        return ()

    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        self.reads += 1
        return [
            OfferReading(
                one.key,
                self.shown.get(one.key.remote_id),
                self.clock.now(),
                self.stated.get(one.key.remote_id),
            )
            for one in changes
            if one.key.remote_id not in self.silent
        ]

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        for one in changes:
            self.writes.append((one.key.remote_id, one.quantity))
            self.shown[one.key.remote_id] = one.quantity
            if one.handling_days is not None:
                self.stated[one.key.remote_id] = one.handling_days
                self.restated.append((one.key.remote_id, one.handling_days))
        return [OfferResult(one.key, OfferOutcome.SHOWN) for one in changes]

    def push_shipment(self, shipment: Shipment, *, key: str) -> str:
        self.confirmed.append(shipment)
        return key

    def find_shipment(self, shipment: Shipment, *, key: str) -> str | None:
        return key if shipment in self.confirmed else None


class Place(RequestTarget, FulfillmentSource, StockSource):
    """A place that ships. `trouble` is raised once by the next call of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.staged: dict[str, bytes] = {}
        self.received: dict[str, bytes] = {}
        self.trouble: dict[str, Exception] = {}

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def _fail(self, operation: str) -> None:
        if operation in self.trouble:
            raise self.trouble.pop(operation)

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        # When it was asked is part of it, as in a real file: a request made anew is another one.
        made = (request.key, request.lines, request.ship_to.line1, request.requested_at)
        return repr(made).encode()

    def stage_request(self, key: str, document: bytes) -> None:
        self._fail("stage")
        self.staged[key] = document

    def release_request(self, key: str) -> str:
        self._fail("release")
        self.received[key] = self.staged.pop(key)
        return key

    def pull_acknowledgments(self, *, since: str | None) -> Iterator[Batch[Acknowledgment]]:
        return iter(())

    def pull_shipments(self, *, since: str | None) -> Iterator[Batch[ShipmentNotice]]:
        return iter(())

    def pull_stock(
        self, *, since: str | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        return iter(())

    def find_request(self, key: str, document: bytes) -> Handover:
        self._fail("find")
        if key in self.received:
            return Handover.DELIVERED
        return Handover.STAGED if key in self.staged else Handover.ABSENT


@dataclass
class Shop:
    store: Store
    clock: ManualClock
    wiring: Wiring
    channels: dict[str, Remote]
    places: dict[str, Place]
    runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self.runner = Runner(self.store, self.wiring, log.get())
        self.runner.declare()

    def run(self, unit: str) -> Run:
        """A run that holds the unit's lease, as after a claim; an earlier run of it is a zombie."""
        with self.store.database.write() as connection:
            connection.execute(
                update(lease).where(lease.c.unit == unit).values(owner=None, until=None)
            )
        held = self.store.units.claim(unit, owner="tests", ttl=3600.0, now=None)
        assert held is not None
        return Run("test", self.store, held, self.wiring, log.get())

    def switch(self, to: Mode) -> None:
        with self.store.transaction() as tx:
            for channel in self.channels:
                for flow in WRITING_FLOWS:
                    Permissions(tx).set_mode(channel, flow, to, skus=None, share=None, by="tester")

    def receive(
        self, sku: str, units: int, *, reference: str = "R1", location: str = "home"
    ) -> None:
        with self.store.transaction() as tx:
            Stock(tx).move([receipt(sku, units, location=location, reference=reference)])

    def record(self, *items: Order) -> None:
        channel = items[0].channel
        run = self.run(f"{channel}/orders")
        with run.transaction() as tx:
            pull.record_orders(tx, run, channel, items)

    def decide(self) -> None:
        """What is marked is decided until nothing is: offers first, as the engine may choose."""
        for _ in range(3):
            decide.decide_offers(self.run("core/offers"))
            decide.decide_orders(self.run("core/orders"))

    def snapshot(self, *figures: tuple[str, int], at: Any, name: str = "stock.csv") -> None:
        run = self.run("acme-files/stock")
        taken = StockSnapshot(
            "acme", at, name, f"{at}{figures}", tuple(SnapshotRow(*one) for one in figures)
        )
        with run.transaction() as tx:
            pull.record_snapshot(tx, run, taken)

    def answer(
        self,
        key: str,
        status: AcknowledgmentStatus,
        *lines: AnsweredLine,
        through: str = "home-files",
    ) -> None:
        run = self.run(f"{through}/acknowledgments")
        with run.transaction() as tx:
            one = Acknowledgment(key, status, self.clock.now(), lines=lines)
            answers.record_acknowledgment(tx, run.wiring, through, one)

    def ship(
        self, key: str, *units: tuple[str, int], number: str = "1Z1", carrier: str = "other",
        through: str = "home-files", **more: Any,
    ) -> None:  # fmt: skip
        run = self.run(f"{through}/notices")
        lines = tuple(ShippedLine(*one) for one in units)
        with run.transaction() as tx:
            notice = ShipmentNotice(key, carrier, number, self.clock.now(), lines, **more)
            notices.record_notices(tx, run.wiring, through, [notice])

    def list(
        self, remote_id: str, sku: str, *, channel: str = "shopify-us", **changes: Any
    ) -> None:
        one = Listing(
            channel, remote_id, sku, sku, ListingStatus.ACTIVE, FulfilledBy.US,
            inventory_id=f"i-{remote_id}",
        )  # fmt: skip
        remote = self.channels[channel]
        run = self.run(f"{channel}/listings")
        page = Batch((replace(one, **changes),), "end", complete_to=self.clock.now())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remote, "pull_listings", lambda *, since: iter([page]))
            pull.pull_listings(run, channel)


def open_shop(
    store: Store,
    clock: ManualClock,
    folder: Path,
    *,
    changes: Mapping[str, str] = {},
    more: str = "",
    acme_basis: str = "gross",
    acme_guard: dict[str, int] | None = None,
    more_locations: str = "",
) -> Shop:
    """In the mode `act`, empty. `changes` stand in its configuration for what was there, `more` is
    YAML after the shop's own."""
    path = folder / "lockstep.yaml"
    text = _CONFIG.format(
        folder=folder,
        secret="${env:SECRET}",
        basis=acme_basis,
        guard=json.dumps(acme_guard or {}),
        more=more_locations,
    )
    text += more
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    loaded = load(path, environment={"SECRET": "hush"})
    wiring = wire(loaded, store)
    channels = {name: Remote(name, clock) for name in ("shopify-us", "amazon-us")}
    places = {"home-files": Place("home-files"), "acme-files": Place("acme-files")}
    real = {**wiring.connectors}
    shop = Shop(
        store, clock, replace(wiring, connectors={**real, **channels, **places}), channels, places
    )
    shop.switch(Mode.ACT)
    return shop
