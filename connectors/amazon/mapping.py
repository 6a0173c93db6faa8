"""Amazon's orders into ours (API 2026-01-01), and our parcels into its confirmations (v0).

Pure; tables where there is a choice. A word we do not know stays unknown; a record that cannot be
read raises Unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.amazon.carriers import spell
from connectors.amazon.fields import (
    Record,
    Unreadable,
    count,
    instant,
    instant_text,
    list_of,
    money,
    part,
    text,
)
from core.model.catalog import FulfilledBy
from core.model.fulfillment import Shipment
from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, PaymentStatus


@dataclass(frozen=True, slots=True)
class _Status:
    payment: PaymentStatus
    #: nothing may ship yet
    pending: bool
    canceled: bool = False


#: fulfillmentStatus -> what it means to us. Amazon releases an order (UNSHIPPED) once it is paid.
ORDER_STATUS = {
    "PENDING_AVAILABILITY": _Status(PaymentStatus.PENDING, pending=True),
    "PENDING": _Status(PaymentStatus.PENDING, pending=True),
    "UNSHIPPED": _Status(PaymentStatus.PAID, pending=False),
    "PARTIALLY_SHIPPED": _Status(PaymentStatus.PAID, pending=False),
    "SHIPPED": _Status(PaymentStatus.PAID, pending=False),
    "CANCELLED": _Status(PaymentStatus.VOIDED, pending=False, canceled=True),
    # only Amazon-fulfilled orders from outside Amazon's own site
    "UNFULFILLABLE": _Status(PaymentStatus.UNKNOWN, pending=False),
}
#: A word that is new to us: the units are claimed, nothing ships, and the payment says "unknown".
UNKNOWN_STATUS = _Status(PaymentStatus.UNKNOWN, pending=True)

#: fulfillment.fulfilledBy -> who ships
FULFILLED_BY = {"MERCHANT": FulfilledBy.US, "AMAZON": FulfilledBy.AMAZON}


def order_from(record: Record, *, channel: str) -> Order:
    """An order of searchOrders or getOrder, asked with FULFILLMENT. Raises Unreadable."""
    remote_id = text(record, "orderId")
    if not remote_id:
        raise Unreadable("it has no orderId")
    fulfillment = part(record, "fulfillment")
    word = text(fulfillment, "fulfillmentStatus")
    if not word:
        raise Unreadable("it does not state its fulfillment status")
    status = ORDER_STATUS.get(word, UNKNOWN_STATUS)
    fulfilled_by = FULFILLED_BY.get(text(fulfillment, "fulfilledBy"))
    if fulfilled_by is None:
        # Ship what Amazon ships, or leave what we must ship: both are harm. A person looks.
        who = text(fulfillment, "fulfilledBy")
        raise Unreadable(f"who fulfills it is not known: {who[:40] or 'not stated'}")
    updated_at = instant(record, "lastUpdatedTime")
    items = record.get("orderItems")
    if not isinstance(items, list):
        raise Unreadable("it has no orderItems")
    lines = tuple(
        _line(item, word=word, status=status, fulfilled_by=fulfilled_by) for item in items
    )
    if not lines and not status.canceled:
        raise Unreadable("its orderItems are empty, and it is not canceled")
    if len({line.remote_id for line in lines}) < len(lines):
        # Kept under their ids, one of them would be lost.
        raise Unreadable("two of its items have one orderItemId")
    total = money(part(record, "proceeds"), "grandTotal")
    return Order(
        channel=channel,
        remote_id=remote_id,
        name=remote_id,
        placed_at=instant(record, "createdTime"),
        updated_at=updated_at,
        payment=status.payment,
        # Amazon tells no instant of the cancellation; the last change is the nearest it has.
        canceled_at=updated_at if status.canceled else None,
        pending=status.pending,
        test=False,
        currency=_currency(total, lines),
        total=total,
        lines=lines,
        ship_to=_address(part(part(record, "recipient"), "deliveryAddress")),
        ship_by=_window_end(fulfillment, "shipByWindow"),
        deliver_by=_window_end(fulfillment, "deliverByWindow"),
        service=text(fulfillment, "fulfillmentServiceLevel"),
        tags=tuple(str(program) for program in list_of(record, "programs")),
        cancel_reason=_cancel_reason(items),
        attributes=_attributes(record, word),
    )


def _line(item: Record, *, word: str, status: _Status, fulfilled_by: FulfilledBy) -> OrderLine:
    if not isinstance(item, Mapping) or not text(item, "orderItemId"):
        raise Unreadable("an item has no orderItemId")
    product = part(item, "product")
    sku = text(product, "sellerSku")
    ordered = count(item, "quantityOrdered")
    if ordered is None:
        raise Unreadable(f"item {text(item, 'orderItemId')} has no quantityOrdered")
    progress = part(item, "fulfillment")
    fulfilled = count(progress, "quantityFulfilled")
    if fulfilled is None:
        fulfilled = ordered if word == "SHIPPED" else 0
    cancellation = part(item, "cancellation")
    return OrderLine(
        remote_id=text(item, "orderItemId"),
        remote_sku=sku,
        listing_remote_id=sku,
        title=text(product, "title"),
        ordered=ordered,
        current=_current(item, ordered=ordered, fulfilled=fulfilled, canceled=status.canceled),
        fulfilled=fulfilled,
        unit_price=money(part(product, "price"), "unitPrice"),
        fulfilled_by=fulfilled_by,
        cancel_requested=bool(part(cancellation, "cancellationRequest")),
    )


def _current(item: Record, *, ordered: int, fulfilled: int, canceled: bool) -> int:
    """Units still wanted. Amazon states no canceled quantity: what is shipped or to ship remains."""
    if canceled:
        return 0
    if not part(part(item, "cancellation"), "cancellationExecution"):
        return ordered
    waiting = count(part(item, "fulfillment"), "quantityUnfulfilled") or 0
    return min(ordered, fulfilled + waiting)


def _address(address: Record) -> Address | None:
    """None where Amazon gives none: pending orders, Amazon-fulfilled ones, or a missing role."""
    found = Address(
        name=text(address, "name"),
        company=text(address, "companyName"),
        line1=text(address, "addressLine1"),
        line2=text(address, "addressLine2"),
        line3=text(address, "addressLine3"),
        city=text(address, "city"),
        region=text(address, "stateOrRegion"),
        postal_code=text(address, "postalCode"),
        country=text(address, "countryCode"),
        phone=text(address, "phone"),
    )
    return None if found == Address() else found


def _attributes(record: Record, status: str) -> dict[str, str]:
    sold_by = part(record, "salesChannel")
    found = {
        "status": status,
        "sales_channel": text(sold_by, "channelName"),
        "marketplace": text(sold_by, "marketplaceId"),
    }
    for alias in list_of(record, "orderAliases"):
        if text(alias, "aliasType") == "SELLER_ORDER_ID":
            found["seller_order_id"] = text(alias, "aliasId")
    for order in list_of(record, "associatedOrders"):
        if text(order, "associationType") == "REPLACEMENT_ORIGINAL_ID":
            found["replaces"] = text(order, "orderId")
    return {name: value for name, value in found.items() if value}


def _cancel_reason(items: Sequence[Any]) -> str:
    """The first reason given, of a cancellation that was made or else asked for."""
    for step in ("cancellationExecution", "cancellationRequest"):
        for item in items:
            reason = text(part(part(item, "cancellation"), step), "cancelReason")
            if reason:
                return reason
    return ""


def _currency(total: Money | None, lines: Sequence[OrderLine]) -> str:
    """What it is paid in; "" on a pending order that states no price."""
    prices = [total, *(line.unit_price for line in lines)]
    return next((price.currency for price in prices if price), "")


def marketplace_of(record: Record) -> str:
    """The marketplace an order was placed in, "" where it does not say."""
    return text(part(record, "salesChannel"), "marketplaceId")


def package_reference(record: Record, shipment: Shipment) -> str | None:
    """The packageReferenceId under which an order shows this parcel; None: it does not."""
    wanted = _plain(shipment.tracking_number)
    others = {one.reference for one in shipment.beside}
    for package in list_of(record, "packages"):
        reference = text(package, "packageReferenceId")
        if reference in others:
            # Another confirmation under the same number.
            continue
        shown = _plain(text(package, "trackingNumber"))
        ours = reference == str(shipment.package_number)
        # The number names the parcel, whoever confirmed it; without one only our reference does.
        if shown == wanted or (ours and not shown):
            return reference
    return None


def confirmation_of(shipment: Shipment, *, marketplace: str, now: datetime) -> dict[str, Any]:
    """The body of confirmShipment. Sent again for the same package number it edits that package."""
    code, carrier = spell(shipment.carrier)
    detail: dict[str, Any] = {
        # A JSON string holding a positive number, since January 2026 (models issue #5094).
        "packageReferenceId": str(shipment.package_number),
        "carrierCode": code,
        "carrierName": carrier,
        "trackingNumber": shipment.tracking_number,
        # A supplier's clock may run ahead of ours; a date to come is refused.
        "shipDate": instant_text(min(shipment.shipped_at, now)),
        "orderItems": [
            {"orderItemId": line.line, "quantity": line.quantity} for line in shipment.lines
        ],
    }
    if shipment.service:
        detail["shippingMethod"] = shipment.service
    return {"marketplaceId": marketplace, "packageDetail": detail}


def _window_end(fulfillment: Record, name: str) -> datetime | None:
    window = part(fulfillment, name)
    return instant(window, "latestDateTime") if window.get("latestDateTime") else None


def _plain(tracking_number: str) -> str:
    """A number as it is compared: people and systems differ in spaces and case."""
    return "".join(tracking_number.split()).upper()
