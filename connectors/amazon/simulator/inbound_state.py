"""Shipments to FBA as Amazon keeps them: sent, under way, counted in at the dock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.listings_state import AMAZON_NA


class InboundStatus(StrEnum):
    """The words of the model, in the order a shipment meets them; then those that end or stop it."""

    WORKING = "WORKING"
    READY_TO_SHIP = "READY_TO_SHIP"
    SHIPPED = "SHIPPED"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    CHECKED_IN = "CHECKED_IN"
    RECEIVING = "RECEIVING"
    CLOSED = "CLOSED"
    #: canceled before it was sent
    DELETED = "DELETED"
    #: canceled after it was sent
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"


WAY = tuple(InboundStatus)[:8]
#: Nothing of them is under way to Amazon any more.
ENDED = (InboundStatus.CLOSED, InboundStatus.DELETED, InboundStatus.CANCELLED)
_UNSENT = (InboundStatus.WORKING, InboundStatus.READY_TO_SHIP)


@dataclass(slots=True)
class InboundItem:
    sku: str
    sent: int
    updated: datetime
    received: int = 0


@dataclass(slots=True)
class InboundShipment:
    shipment_id: str
    name: str
    center: str
    #: by SKU
    items: dict[str, InboundItem]
    status: InboundStatus
    #: of the shipment alone: units booked in change their item and not this (docs issue #3152)
    updated: datetime


class Dock:
    """What is on its way to Amazon's warehouses, and what they have counted of it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.shipments: dict[str, InboundShipment] = {}

    def send(
        self, units: Mapping[str, int], *, name: str = "", now: datetime
    ) -> InboundShipment:  # fmt: skip
        """A new shipment, WORKING. ValueError: nothing in it, or a SKU that is not Amazon's to ship."""
        if not units or any(quantity < 1 for quantity in units.values()):
            raise ValueError("a shipment needs items, each with a quantity of at least 1")
        for sku in units:
            self._check_listing(sku)
        made = InboundShipment(
            shipment_id=f"FBA15{self._account.uuid()[:7].upper()}",
            name=name or f"FBA ({now:%m/%d/%Y %H:%M}) - {len(self.shipments) + 1}",
            center=self._account.pick(("MKC6", "ABE8", "ONT8", "IND9")),
            items={sku: InboundItem(sku, quantity, now) for sku, quantity in units.items()},
            status=InboundStatus.WORKING,
            updated=now,
        )
        self.shipments[made.shipment_id] = made
        self._account.counts["inbound shipments"] += 1
        return made

    def move(self, shipment_id: str, status: str, *, now: datetime) -> InboundShipment:
        """Forward on its way, or off it. ValueError: unknown shipment or word, or a way back."""
        shipment = self._shipment(shipment_id)
        wanted = InboundStatus(status)
        if not _may_become(shipment.status, wanted):
            raise ValueError(f"a shipment that is {shipment.status} does not become {wanted}")
        shipment.status, shipment.updated = wanted, now
        return shipment

    def receive(
        self, shipment_id: str, units: Mapping[str, int], *, now: datetime
    ) -> InboundShipment:
        """Count units in: they can be sold at once. Fewer or more than were sent may come.

        One that has not arrived is RECEIVING from then on. After CLOSED it corrects the count, and
        less than nothing takes units out again. ValueError: unknown shipment or SKU, more taken
        out than was booked in or is there, or a shipment that never comes.
        """
        shipment = self._shipment(shipment_id)
        if shipment.status in (InboundStatus.DELETED, InboundStatus.CANCELLED):
            raise ValueError(f"a shipment that is {shipment.status} is not received")
        for sku, quantity in units.items():
            self._check_count(shipment, sku, quantity)
        for sku, quantity in units.items():
            self._book(shipment.items[sku], quantity, now=now)
        if shipment.status not in (InboundStatus.RECEIVING, InboundStatus.CLOSED):
            shipment.status, shipment.updated = InboundStatus.RECEIVING, now
        return shipment

    def travel(self, shipment_id: str, *, step: float, now: datetime) -> None:
        """Let it go its whole way, `step` seconds from word to word; all that was sent arrives."""

        def on(at: datetime) -> None:
            shipment = self.shipments[shipment_id]
            if shipment.status not in WAY[:-1]:
                return
            following = WAY[WAY.index(shipment.status) + 1]
            if following is InboundStatus.CLOSED:
                missing = {i.sku: i.sent - i.received for i in shipment.items.values()}
                self.receive(shipment_id, {s: n for s, n in missing.items() if n > 0}, now=at)
            self.move(shipment_id, following, now=at)
            self._account.agenda.at(at + timedelta(seconds=step), on)

        self._account.agenda.at(now + timedelta(seconds=step), on)

    def under_way(self, sku: str) -> tuple[int, int, int]:
        """(working, shipped, receiving) units of the SKU, as getInventorySummaries tells them.

        Working: announced. Shipped: with a tracking number. Receiving: not counted in yet, of a
        shipment of which others are (model fbaInventory).
        """
        working = shipped = receiving = 0
        for shipment in self.shipments.values():
            item = shipment.items.get(sku)
            if item is None or shipment.status in (*ENDED, InboundStatus.ERROR):
                continue
            if shipment.status in _UNSENT:
                working += item.sent
            elif shipment.status is InboundStatus.RECEIVING:
                receiving += max(0, item.sent - item.received)
            else:
                shipped += item.sent
        return working, shipped, receiving

    def books(self) -> list[dict[str, Any]]:
        """Each shipment: id, name, status, items with sku, sent and received; instants ISO 8601."""
        return [
            {
                "id": shipment.shipment_id,
                "name": shipment.name,
                "status": shipment.status.value,
                "updated": shipment.updated.isoformat(),
                "items": [
                    {"sku": item.sku, "sent": item.sent, "received": item.received}
                    for item in shipment.items.values()
                ],
            }
            for shipment in self.shipments.values()
        ]

    def _shipment(self, shipment_id: str) -> InboundShipment:
        found = self.shipments.get(shipment_id)
        if found is None:
            raise ValueError(f"no shipment {shipment_id}")
        return found

    def _check_listing(self, sku: str) -> None:
        listing = self._account.listings.get(sku)
        if listing is None or not listing.by_amazon:
            raise ValueError(f"no FBA listing {sku}")

    def _check_count(self, shipment: InboundShipment, sku: str, quantity: int) -> None:
        if sku not in shipment.items:
            raise ValueError(f"shipment {shipment.shipment_id} has no {sku}")
        there = self._account.listings[sku].quantity(AMAZON_NA)
        if min(shipment.items[sku].received, there) + quantity < 0:
            raise ValueError(f"{-quantity} of {sku} cannot be taken out again")

    def _book(self, item: InboundItem, quantity: int, *, now: datetime) -> None:
        listing = self._account.listings[item.sku]
        listing.current[AMAZON_NA]["quantity"] = listing.quantity(AMAZON_NA) + quantity
        listing.updated = item.updated = now
        item.received += quantity


def _may_become(now: InboundStatus, wanted: InboundStatus) -> bool:
    """Steps may be left out, as Amazon's own tracking does; nothing goes back, nor on from its end."""
    if now in ENDED:
        return False
    if wanted is InboundStatus.DELETED:
        return now in _UNSENT
    if wanted is InboundStatus.CANCELLED:
        return now not in _UNSENT
    if wanted is InboundStatus.ERROR or now is InboundStatus.ERROR:
        return now is not wanted
    return WAY.index(wanted) > WAY.index(now)
