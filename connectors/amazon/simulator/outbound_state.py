"""Fulfillment orders as Amazon keeps them: validated, planned, picked, shipped from FBA stock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

from connectors.amazon.simulator.account import Account, Span
from connectors.amazon.simulator.listings_state import AMAZON_NA, Listing
from connectors.journeys import ups_number


class OutboundStatus(StrEnum):
    """fulfillmentOrderStatus, in the words of the model."""

    NEW = "New"
    RECEIVED = "Received"
    PLANNING = "Planning"
    PROCESSING = "Processing"
    CANCELLED = "Cancelled"
    COMPLETE = "Complete"
    COMPLETE_PARTIALLED = "CompletePartialled"
    UNFULFILLABLE = "Unfulfillable"
    INVALID = "Invalid"


#: "The seller can cancel a fulfillment order that has a status of Received", of Planning (model).
CANCELABLE = (OutboundStatus.NEW, OutboundStatus.RECEIVED, OutboundStatus.PLANNING)
#: "If you use the FillAll policy …, and there are unshipped items, then the order becomes
#: Unfulfillable or CompletePartialled after 24 hours" (model).
FILL_ALL_WAITS = timedelta(hours=24)
#: "Hold orders are automatically canceled after 14 days" (model).
LONGEST_HOLD = timedelta(days=14)
#: Amazon Logistics: what BLOCK_AMZL blocks.
AMZL = "AMZN_US"


@dataclass(frozen=True, slots=True)
class OutboundPace:
    """How long each step takes, in clock seconds; and what parcels are like."""

    #: from New to Received or Invalid
    receive: Span = (20.0, 120.0)
    plan: Span = (60.0, 600.0)
    #: from Planning to Processing: no way back from there
    pick: Span = (1800.0, 7200.0)
    ship: Span = (1800.0, 7200.0)
    #: a cancellation that was taken comes true after this long, if nobody picks before
    cancel: Span = (1.0, 15.0)
    carriers: tuple[str, ...] = ("UPS",)
    #: units in one package
    box: int = 12


@dataclass(slots=True)
class OutboundItem:
    item_id: str
    sku: str
    quantity: int
    #: units Amazon took off what can be sold for it
    taken: int = 0
    cancelled: int = 0
    unfulfillable: int = 0


@dataclass(slots=True)
class OutboundPackage:
    number: int
    carrier: str
    tracking_number: str
    #: item id -> units
    items: dict[str, int]


@dataclass(slots=True)
class OutboundShipment:
    shipment_id: str
    center: str
    status: str
    at: datetime
    packages: list[OutboundPackage]


@dataclass(slots=True)
class OutboundOrder:
    order_id: str
    #: as it was sent, with what Amazon fills in
    body: dict[str, Any]
    items: list[OutboundItem]
    received: datetime
    status: OutboundStatus
    updated: datetime
    policy: str
    shipments: list[OutboundShipment] = field(default_factory=list)

    def move(self, to: OutboundStatus, at: datetime) -> None:
        self.status, self.updated = to, at


class Floor:
    """Amazon's fulfillment centers, as far as orders from elsewhere go."""

    def __init__(
        self,
        account: Account,
        pace: OutboundPace,
        *,
        on_ship: Callable[[str, datetime], None] | None,
    ) -> None:
        self._account = account
        self._pace = pace
        self._on_ship = on_ship
        self.orders: dict[str, OutboundOrder] = {}
        #: units that the records have and the shelf has not, by SKU
        self._lost: Counter[str] = Counter()
        self._numbers = count(1)

    def take(self, order: OutboundOrder, *, now: datetime) -> None:
        """A new order, not validated yet."""
        self.orders[order.order_id] = order
        self._later(self._pace.receive, self._validate, order, now)

    def cancel(self, order: OutboundOrder, *, now: datetime) -> bool:
        """Whether it is tried; it fails if picking begins first."""
        if order.status not in CANCELABLE:
            return False
        self._later(self._pace.cancel, self._cancel, order, now)
        return True

    def _later(
        self, span: Span, step: Callable[[OutboundOrder, datetime], None], order: OutboundOrder,
        now: datetime,
    ) -> None:  # fmt: skip
        due = now + self._account.delay(span)
        self._account.agenda.at(due, lambda at: step(order, at))

    # Steps

    def _validate(self, order: OutboundOrder, at: datetime) -> None:
        if order.status is not OutboundStatus.NEW:
            return
        free = {item.sku: self._free(item.sku) for item in order.items}
        for item in order.items:
            item.taken = min(item.quantity, free[item.sku])
            free[item.sku] -= item.taken
        short = any(item.taken < item.quantity for item in order.items)
        nothing = not any(item.taken for item in order.items)
        if not _deliverable(order) or nothing or (short and order.policy == "FillOrKill"):
            for item in order.items:
                item.taken = 0
            order.move(OutboundStatus.INVALID, at)
            return
        for item in order.items:
            self._listing(item.sku, at).take(AMAZON_NA, item.taken)
            item.unfulfillable = item.quantity - item.taken
        order.move(OutboundStatus.RECEIVED, at)
        if order.body["fulfillmentAction"] == "Hold":
            self._account.agenda.at(at + LONGEST_HOLD, lambda then: self._cancel(order, then))
            return
        self._later(self._pace.plan, self._plan, order, at)

    def _plan(self, order: OutboundOrder, at: datetime) -> None:
        if order.status is OutboundStatus.RECEIVED:
            order.move(OutboundStatus.PLANNING, at)
            self._later(self._pace.pick, self._pick, order, at)

    def _pick(self, order: OutboundOrder, at: datetime) -> None:
        """Workers go for it, and may not find what the records say."""
        if order.status is not OutboundStatus.PLANNING:
            return
        missing = False
        for item in order.items:
            lost = min(item.taken, self._lost[item.sku])
            if lost:
                self._lost[item.sku] -= lost
                self._listing(item.sku, at).reserved -= lost
                item.taken -= lost
                item.unfulfillable += lost
                missing = True
        if not any(item.taken for item in order.items):
            order.move(OutboundStatus.UNFULFILLABLE, at)
        elif missing and order.policy == "FillOrKill":
            for item in order.items:
                self._give_back(item, at)
                item.unfulfillable = item.quantity
            order.move(OutboundStatus.UNFULFILLABLE, at)
        else:
            order.shipments.append(self._shipment(order, at))
            order.move(OutboundStatus.PROCESSING, at)
            self._later(self._pace.ship, self._ship, order, at)

    def _ship(self, order: OutboundOrder, at: datetime) -> None:
        (shipment,) = (one for one in order.shipments if one.status == "PENDING")
        shipment.status, shipment.at = "SHIPPED", at
        for item in order.items:
            self._listing(item.sku, at).reserved -= item.taken
        for package in shipment.packages:
            if self._on_ship:
                self._on_ship(package.tracking_number, at)
        if all(item.taken == item.quantity for item in order.items):
            order.move(OutboundStatus.COMPLETE, at)
        elif order.policy == "FillAll":
            end = at + FILL_ALL_WAITS
            self._account.agenda.at(
                end, lambda then: order.move(OutboundStatus.COMPLETE_PARTIALLED, then)
            )
        else:
            order.move(OutboundStatus.COMPLETE_PARTIALLED, at)

    def _cancel(self, order: OutboundOrder, at: datetime) -> None:
        if order.status not in CANCELABLE:
            return
        for item in order.items:
            self._give_back(item, at)
            item.cancelled, item.unfulfillable = item.quantity, 0
        order.move(OutboundStatus.CANCELLED, at)

    # What people there do

    def lose(self, sku: str, units: int) -> None:
        """So many units are on no shelf, whatever the records say. ValueError: no such FBA SKU."""
        if not self._is_fba(sku):
            raise ValueError(f"no FBA listing {sku}")
        self._lost[sku] += units

    def give_up(self, order_id: str, *, now: datetime) -> None:
        """A center cannot fulfill its shipment: another one does. ValueError: there is none."""
        order = self.orders.get(order_id)
        pending = [one for one in order.shipments if one.status == "PENDING"] if order else []
        if order is None or not pending:
            raise ValueError(f"order {order_id} is not being picked")
        pending[0].status = "CANCELLED_BY_FULFILLER"
        order.shipments.append(self._shipment(order, now))

    def books(self) -> list[dict[str, Any]]:
        """Each order: id, status, and units by SKU that were asked for and that left. No address."""
        return [
            {
                "id": order.order_id,
                "displayed": order.body["displayableOrderId"],
                "status": order.status.value,
                "speed": order.body["shippingSpeedCategory"],
                "features": {
                    one["featureName"]: one.get("featureFulfillmentPolicy", "NotRequired")
                    for one in order.body.get("featureConstraints", [])
                },
                "items": _by_sku(order, lambda item: item.quantity),
                "shipped": dict(self._shipped(order)),
                "tracking_numbers": [package.tracking_number for package in _packages(order)],
            }
            for order in self.orders.values()
        ]

    def _shipped(self, order: OutboundOrder) -> Counter[str]:
        skus = {item.item_id: item.sku for item in order.items}
        units: Counter[str] = Counter()
        for package in _packages(order):
            for item_id, quantity in package.items.items():
                units[skus[item_id]] += quantity
        return units

    def _shipment(self, order: OutboundOrder, at: datetime) -> OutboundShipment:
        carriers = self._pace.carriers
        if any(one["featureName"] == "BLOCK_AMZL" for one in order.body.get("featureConstraints", [])):  # fmt: skip
            carriers = tuple(one for one in carriers if one != AMZL) or ("UPS",)
        carrier = self._account.pick(carriers)
        packages = [
            OutboundPackage(number, carrier, self._tracking_number(carrier), items)
            for number, items in enumerate(self._boxes(order), start=1)
        ]
        return OutboundShipment(
            f"D{self._account.digits(8)}",
            self._account.pick(("MKC6", "ABE8", "ONT8", "IND9")),
            "PENDING", at, packages,
        )  # fmt: skip

    def _tracking_number(self, carrier: str) -> str:
        number = next(self._numbers)
        return f"TBA{number:012d}" if carrier == AMZL else ups_number("MCF000", number)

    def _boxes(self, order: OutboundOrder) -> Iterator[dict[str, int]]:
        box: Counter[str] = Counter()
        for item in order.items:
            left = item.taken
            while left:
                units = min(left, self._pace.box - box.total())
                box[item.item_id] += units
                left -= units
                if box.total() == self._pace.box:
                    yield dict(box)
                    box = Counter()
        if box:
            yield dict(box)

    def _give_back(self, item: OutboundItem, at: datetime) -> None:
        if item.taken:
            self._listing(item.sku, at).give_back(AMAZON_NA, item.taken)
            item.taken = 0

    def _listing(self, sku: str, at: datetime) -> Listing:
        found = self._account.listings[sku]
        found.updated = at
        return found

    def _is_fba(self, sku: str) -> bool:
        listing = self._account.listings.get(sku)
        return listing is not None and listing.by_amazon

    def _free(self, sku: str) -> int:
        return self._account.listings[sku].quantity(AMAZON_NA) if self._is_fba(sku) else 0


def _packages(order: OutboundOrder) -> Iterator[OutboundPackage]:
    for shipment in order.shipments:
        if shipment.status == "SHIPPED":
            yield from shipment.packages


def _by_sku(order: OutboundOrder, units: Callable[[OutboundItem], int]) -> dict[str, int]:
    made: Counter[str] = Counter()
    for item in order.items:
        made[item.sku] += units(item)
    return dict(made)


def _deliverable(order: OutboundOrder) -> bool:
    """Whether there is such an address: here, whether a US ZIP is one."""
    address: Mapping[str, str] = order.body["destinationAddress"]
    code = address["postalCode"]
    return address["countryCode"] != "US" or (code[:5].isdigit() and code[:5] != "00000")
