"""The shop's drawers: every record by its id, and the time that writes are stamped with."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from connectors.shopify.simulator.search import Index
from connectors.shopify.simulator.state import (
    Fulfillment,
    FulfillmentOrder,
    FulfillmentService,
    InventoryItem,
    Level,
    Location,
    Order,
    Product,
    Record,
    Refund,
    Variant,
    gid,
)
from connectors.shopify.simulator.state_returns import Return
from core.ports import Clock

R = TypeVar("R", bound=Record)

WAREHOUSE_ADDRESS = {
    "address1": "1 Dock Street",
    "address2": None,
    "city": "Columbus",
    "provinceCode": "OH",
    "province": "Ohio",
    "countryCode": "US",
    "zip": "43004",
    "phone": None,
}


class Shop:
    """All state of one simulated shop. Not locked: the simulator's lock guards it."""

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int,
        name: str,
        plan: str = "Basic",
        index_lag: float = 0.0,
        job_seconds: float = 1.0,
        return_notes: bool = True,
    ) -> None:
        self.clock = clock
        #: whether the note of returnProcess becomes its refund's; nobody recorded it
        self.return_notes = return_notes
        self.name = name
        self.plan = plan
        #: how long an asynchronous job takes, in seconds of the clock
        self.job_seconds = job_seconds
        self.random = random.Random(seed)
        self._next_number = 5_000_000_000_000 + self.random.randrange(1_000_000_000)
        self.index = Index(lag=index_lag)
        self.locations: dict[str, Location] = {}
        self.products: dict[str, Product] = {}
        self.variants: dict[str, Variant] = {}
        self.items: dict[str, InventoryItem] = {}
        self.levels: dict[str, Level] = {}
        self.orders: dict[str, Order] = {}
        self.fulfillment_orders: dict[str, FulfillmentOrder] = {}
        self.fulfillments: dict[str, Fulfillment] = {}
        self.refunds: dict[str, Refund] = {}
        self.returns: dict[str, Return] = {}
        #: staged files and bulk operations; bulk.Bulk, set by the server
        self.bulk: Any = None
        self.jobs: dict[str, dict[str, Any]] = {}
        #: orders whose cancellation was accepted and is not done yet
        self.canceling: set[str] = set()
        #: every other record that `node(id:)` may be asked for
        self.others: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        #: told of every order and product that changed
        self.listeners: list[Callable[[Record], None]] = []
        self.last_order_number = 1000
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._agenda_number = itertools.count()

    # -- time and identity

    def now(self) -> datetime:
        """The instant a write is stamped with; Shopify shows whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def new_id(self, kind: str) -> str:
        self._next_number += self.random.randrange(1, 40)
        return gid(kind, self._next_number)

    def touch(self, record: Order | Product) -> None:
        """The record, or a child of it, changed: raise `updatedAt` and tell the search index."""
        record.updated_at = self.now()
        self.reindex(record)
        for listener in self.listeners:
            listener(record)

    def reindex(self, record: Record) -> None:
        self.index.put(record, at=self.clock.now())

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something when the clock has moved on; `catch_up` runs it."""
        due = self.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (due, next(self._agenda_number), action))

    def catch_up(self) -> None:
        """Run what is due. Called before every request and before every look into the books."""
        while self._agenda and self._agenda[0][0] <= self.clock.now():
            heapq.heappop(self._agenda)[2]()

    # -- set-up

    def add_location(self, name: str, *, fulfillment_service: bool = False) -> Location:
        service = None
        if fulfillment_service:
            handle = name.lower().replace(" ", "-")
            service = FulfillmentService(self.new_id("FulfillmentService"), handle, name)
        location = Location(
            self.new_id("Location"),
            name=name,
            updated_at=self.now(),
            address=dict(WAREHOUSE_ADDRESS),
            fulfillment_service=service,
        )
        self.locations[location.id] = location
        return location

    def add_product(
        self,
        *,
        title: str,
        vendor: str = "Demo",
        status: str = "ACTIVE",
        tags: Iterable[str] = (),
    ) -> Product:
        now = self.now()
        product = Product(
            self.new_id("Product"),
            title=title,
            handle=f"{'-'.join(title.lower().split())}-{len(self.products) + 1}",
            vendor=vendor,
            created_at=now,
            updated_at=now,
            status=status,
            tags=list(tags),
            published_at=now if status == "ACTIVE" else None,
        )
        self.products[product.id] = product
        return product

    def add_variant(
        self,
        product: Product,
        *,
        sku: str | None,
        price: str,
        quantities: Mapping[str, int],
        title: str = "Default Title",
        policy: str = "DENY",
        tracked: bool = True,
        requires_shipping: bool = True,
        gift_card: bool = False,
        mutable: bool = True,
        barcode: str | None = None,
    ) -> Variant:
        """Raises ValueError for a location that is not there."""
        now = self.now()
        item = InventoryItem(
            self.new_id("InventoryItem"),
            created_at=now,
            updated_at=now,
            tracked=tracked,
            requires_shipping=requires_shipping and not gift_card,
            mutable=mutable,
        )
        variant = Variant(
            self.new_id("ProductVariant"),
            product=product,
            inventory_item=item,
            title=title,
            sku=sku,
            price=Decimal(price),
            position=len(product.variants) + 1,
            created_at=now,
            updated_at=now,
            inventory_policy=policy,
            barcode=barcode,
            is_gift_card=gift_card,
        )
        item.variant = variant
        product.variants.append(variant)
        self.items[item.id] = item
        self.variants[variant.id] = variant
        for location_id, quantity in quantities.items():
            if location_id not in self.locations:
                raise ValueError(f"no location {location_id}")
            level = self.level(item, self.locations[location_id])
            level.amounts["available"] = quantity
        self.touch(product)
        self.reindex(variant)
        self.reindex(item)
        return variant

    # -- lookups

    def level(self, item: InventoryItem, location: Location) -> Level:
        """The item's level at the location, made where there was none."""
        found = item.levels.get(location.id)
        if found is None:
            number = self.new_id("InventoryLevel")
            found = Level(
                f"{number}?inventory_item_id={item.legacy_resource_id}",
                item=item,
                location=location,
                updated_at=self.now(),
            )
            item.levels[location.id] = found
            self.levels[found.id] = found
        return found

    def order_called(self, reference: str) -> Order:
        """By its id or its name. Raises ValueError."""
        for order in self.orders.values():
            if reference in (order.id, order.name):
                return order
        raise ValueError(f"no order {reference!r}")

    def variants_with(self, sku: str) -> list[Variant]:
        return [variant for variant in self.variants.values() if variant.sku == sku]

    def find(self, identity: str) -> Any | None:
        """Any record by its gid."""
        for drawer in (
            self.orders,
            self.products,
            self.variants,
            self.items,
            self.levels,
            self.locations,
            self.fulfillment_orders,
            self.fulfillments,
            self.refunds,
            self.returns,
            self.others,
        ):
            if identity in drawer:
                return drawer[identity]
        return None
