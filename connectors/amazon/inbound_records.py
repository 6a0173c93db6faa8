"""Amazon's shipments to its warehouses into ours (Fulfillment Inbound v0). Pure; a table of states.

A word we do not know is UNCLEAR; a record that cannot be read raises Unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.amazon.fields import Record, Unreadable, count, text
from core.model.inbound import InboundItem, InboundReport, InboundState

#: ShipmentStatus -> where the goods stand; the comments are the model's own words, shortened.
SHIPMENT_STATUS = {
    # created by the seller, not shipped yet
    "WORKING": InboundState.PLANNED,
    # the labels are printed
    "READY_TO_SHIP": InboundState.PLANNED,
    # picked up by the carrier
    "SHIPPED": InboundState.ON_THE_WAY,
    # the carrier has told the fulfillment center of it
    "IN_TRANSIT": InboundState.ON_THE_WAY,
    # delivered by the carrier to the fulfillment center
    "DELIVERED": InboundState.DELIVERED,
    # checked in at its receiving dock
    "CHECKED_IN": InboundState.DELIVERED,
    # arrived; not all items are marked as received
    "RECEIVING": InboundState.RECEIVING,
    # arrived; all items are marked as received. Short ones are closed too (models issue #558).
    "CLOSED": InboundState.CLOSED,
    # canceled by the seller after it was sent
    "CANCELLED": InboundState.CANCELED,
    # canceled by the seller before it was sent
    "DELETED": InboundState.CANCELED,
    # "There was an error with the shipment and it was not processed by Amazon."
    "ERROR": InboundState.UNCLEAR,
}
#: What more may come of: asked for whole, each time.
OPEN_STATUSES = (
    "WORKING", "READY_TO_SHIP", "SHIPPED", "IN_TRANSIT", "DELIVERED", "CHECKED_IN", "RECEIVING",
    "ERROR",
)  # fmt: skip


def report_from(shipment: Record, items: Sequence[Any], *, as_of: datetime) -> InboundReport:
    """One entry of getShipments, with all its entries of getShipmentItems. Raises Unreadable."""
    word = text(shipment, "ShipmentStatus")
    return InboundReport(
        ref=shipment_id(shipment),
        name=text(shipment, "ShipmentName"),
        state=SHIPMENT_STATUS.get(word, InboundState.UNCLEAR),
        word=word,
        as_of=as_of,
        items=_items(items),
    )


def shipment_id(shipment: Any) -> str:
    """Amazon's id of it: "FBA15DJ9SVVD". Raises Unreadable."""
    found = text(shipment, "ShipmentId")
    if not found:
        raise Unreadable("it has no ShipmentId")
    return found


def without_address(shipment: Any) -> Any:
    """The record as it is kept: ShipFromAddress names a person and a street, and is not needed."""
    if not isinstance(shipment, Mapping):
        return shipment
    return {name: value for name, value in shipment.items() if name != "ShipFromAddress"}


def _items(records: Sequence[Any]) -> tuple[InboundItem, ...]:
    """By SellerSKU: one that comes several times (in several boxes or preparations) is one thing."""
    units: dict[str, tuple[int, int]] = {}
    for record in records:
        sku = text(record, "SellerSKU")
        if not sku:
            raise Unreadable("an item has no SellerSKU")
        sent = count(record, "QuantityShipped")
        if sent is None:
            raise Unreadable(f"item {sku[:40]} has no QuantityShipped")
        # Optional in the model, absent until something was booked in.
        received = count(record, "QuantityReceived") or 0
        before = units.get(sku, (0, 0))
        units[sku] = (before[0] + sent, before[1] + received)
    return tuple(InboundItem(sku, sent, received) for sku, (sent, received) in units.items())
