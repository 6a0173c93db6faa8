"""Fulfillment Outbound 2020-07-01: createFulfillmentOrder, getFulfillmentOrder, cancelFulfillmentOrder.

Validation is the model's; words of refusals are Amazon's where somebody recorded them, else from
memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.outbound_state import (
    Floor,
    OutboundItem,
    OutboundOrder,
    OutboundShipment,
    OutboundStatus,
)
from connectors.amazon.simulator.wire import ApiError, instant, invalid_input, seconds_text
from connectors.simulation import Response

_STRINGS = {
    "sellerFulfillmentOrderId": 40, "displayableOrderId": 40, "displayableOrderComment": 750,
    "displayableOrderDate": 40, "shippingSpeedCategory": 40,
}  # fmt: skip
_ITEM_STRINGS = {"sellerSku": 50, "sellerFulfillmentOrderItemId": 50}
_SPEEDS = ("Standard", "Expedited", "Priority", "ScheduledDelivery")
_ACTIONS = ("Ship", "Hold")
_POLICIES = ("FillOrKill", "FillAll", "FillAllAvailable")
_FEATURES = (
    "BLOCK_AMZL", "BLANK_BOX", "OVERBOX", "PACKING_SLIP", "SIGNATURE_CONFIRMATION",
    "DELIVER_TOGETHER",
)  # fmt: skip
_FEATURE_POLICIES = ("Required", "NotRequired")
_ADDRESS = ("name", "addressLine1", "postalCode", "countryCode")
#: of one order (docs mcf-best-practices)
MOST_LINES = 100
MOST_UNITS = 250


class OutboundApi:
    def __init__(self, account: Account, floor: Floor) -> None:
        self._account = account
        self._floor = floor

    def create(self, body: Mapping[str, Any], *, now: datetime) -> Response:
        order = self._read(body, now=now)
        if order.order_id in self._floor.orders:
            raise invalid_input(
                f"A fulfillment order with sellerFulfillmentOrderId {order.order_id} already exists."
            )
        self._floor.take(order, now=now)
        self._account.counts["fulfillment orders created"] += 1
        return Response.json({}, took_effect=True, subject=order.order_id)

    def get(self, order_id: str) -> Response:
        order = self._found(order_id)
        return Response.json({"payload": self._payload(order)}, subject=order.order_id)

    def cancel(self, order_id: str, *, now: datetime) -> Response:
        """200 says that it is tried. A second time, or too late, it is refused."""
        order = self._found(order_id)
        if not self._floor.cancel(order, now=now):
            raise invalid_input(
                f"Fulfillment order {order_id} has status {order.status} and cannot be cancelled."
            )
        return Response.json({}, took_effect=True, subject=order.order_id)

    def _found(self, order_id: str) -> OutboundOrder:
        # A plus in a name is read as a space, however it was written (models issue #5374).
        found = self._floor.orders.get(order_id.replace("+", " "))
        if found is None:
            raise ApiError(404, "NotFound", f"Fulfillment order {order_id} does not exist.")
        return found

    # What comes in

    def _read(self, body: Mapping[str, Any], *, now: datetime) -> OutboundOrder:
        _check_strings(body, _STRINGS)
        instant(body["displayableOrderDate"], name="displayableOrderDate")
        _check_displayed(body["displayableOrderId"])
        if body.get("marketplaceId", self._account.marketplace_id) != self._account.marketplace_id:
            raise invalid_input("Invalid Input", "marketplaceId is not one the seller sells in")
        speed = _one_of(body, "shippingSpeedCategory", _SPEEDS)
        if speed == "ScheduledDelivery":
            raise invalid_input("Invalid Input", "ScheduledDelivery is available in JP only")
        action = _one_of(body, "fulfillmentAction", _ACTIONS, default="Ship")
        policy = _one_of(body, "fulfillmentPolicy", _POLICIES, default="FillOrKill")
        _check_address(body.get("destinationAddress"))
        _check_features(body.get("featureConstraints", []))
        return OutboundOrder(
            order_id=body["sellerFulfillmentOrderId"],
            body={**body, "fulfillmentAction": action, "fulfillmentPolicy": policy},
            items=self._items(body.get("items")),
            received=now,
            status=OutboundStatus.NEW,
            updated=now,
            policy=policy,
        )

    def _items(self, lines: object) -> list[OutboundItem]:
        if not isinstance(lines, list) or not 1 <= len(lines) <= MOST_LINES:
            raise invalid_input("Invalid Input", f"items: 1 to {MOST_LINES} are expected")
        made = []
        for line in lines:
            if not isinstance(line, dict):
                raise invalid_input("Invalid Input", "items: objects are expected")
            _check_strings(line, _ITEM_STRINGS)
            quantity = line.get("quantity")
            if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
                raise invalid_input("Invalid Input", "items: quantity must be a positive integer")
            listing = self._account.listings.get(line["sellerSku"])
            item_id = line["sellerFulfillmentOrderItemId"]
            if listing is None or not listing.by_amazon:
                # Recorded: selling-partner-api-docs issue #2407.
                raise invalid_input(f"the SellerSKU for Item Id: {item_id} is invalid.")
            made.append(OutboundItem(item_id, line["sellerSku"], quantity))
        if len({item.item_id for item in made}) < len(made):
            raise invalid_input("Invalid Input", "sellerFulfillmentOrderItemId is not unique")
        if sum(item.quantity for item in made) > MOST_UNITS:
            raise invalid_input("Invalid Input", f"items: at most {MOST_UNITS} units")
        return made

    # What goes out

    def _payload(self, order: OutboundOrder) -> dict[str, Any]:
        named = (
            "displayableOrderId", "displayableOrderComment", "shippingSpeedCategory",
            "destinationAddress", "fulfillmentAction", "fulfillmentPolicy", "featureConstraints",
            "notificationEmails",
        )  # fmt: skip
        ordered = instant(order.body["displayableOrderDate"], name="displayableOrderDate")
        payload: dict[str, Any] = {
            "fulfillmentOrder": {
                "sellerFulfillmentOrderId": order.order_id,
                "marketplaceId": self._account.marketplace_id,
                "displayableOrderDate": seconds_text(ordered),
                "receivedDate": seconds_text(order.received),
                "fulfillmentOrderStatus": order.status.value,
                "statusUpdatedDate": seconds_text(order.updated),
                **{name: order.body[name] for name in named if name in order.body},
            },
            "fulfillmentOrderItems": [
                {
                    "sellerSku": item.sku,
                    "sellerFulfillmentOrderItemId": item.item_id,
                    "quantity": item.quantity,
                    "cancelledQuantity": item.cancelled,
                    "unfulfillableQuantity": item.unfulfillable,
                    "fulfillmentNetworkSku": self._account.listings[item.sku].fnsku,
                    "orderItemDisposition": "Sellable",
                }
                for item in order.items
            ],
            "returnItems": [],
            "returnAuthorizations": [],
        }
        if order.shipments:
            payload["fulfillmentShipments"] = [_shipment(order, one) for one in order.shipments]
        return payload


def _shipment(order: OutboundOrder, shipment: OutboundShipment) -> dict[str, Any]:
    """Packages have numbers once they left; a canceled shipment has no date (model)."""
    skus = {item.item_id: item.sku for item in order.items}
    made: dict[str, Any] = {
        "amazonShipmentId": shipment.shipment_id,
        "fulfillmentCenterId": shipment.center,
        "fulfillmentShipmentStatus": shipment.status,
        "fulfillmentShipmentItem": [
            {
                "sellerSku": skus[item_id],
                "sellerFulfillmentOrderItemId": item_id,
                "quantity": units,
                "packageNumber": package.number,
            }
            for package in shipment.packages
            for item_id, units in package.items.items()
        ],
    }
    if shipment.status in ("PENDING", "SHIPPED"):
        made["shippingDate"] = seconds_text(shipment.at)
    if shipment.status == "SHIPPED":
        made["fulfillmentShipmentPackage"] = [
            {
                "packageNumber": package.number,
                "carrierCode": package.carrier,
                "trackingNumber": package.tracking_number,
            }
            for package in shipment.packages
        ]
    return made


def _check_strings(record: Mapping[str, Any], longest: Mapping[str, int]) -> None:
    for name, most in longest.items():
        value = record.get(name)
        if value is None:
            raise invalid_input("Invalid Input", f"{name} is required")
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise invalid_input("Invalid Input", f"{name}: a string of 1 to {most} is expected")


def _check_displayed(name: str) -> None:
    """ "alpha-numeric or ISO 8859-1 compliant …. Cannot contain two spaces in a row" (model)."""
    try:
        name.encode("iso-8859-1")
    except UnicodeEncodeError:
        raise invalid_input("Invalid Input", "displayableOrderId is not ISO 8859-1") from None
    if "  " in name:
        raise invalid_input("Invalid Input", "displayableOrderId has two spaces in a row")


def _check_address(address: object) -> None:
    if not isinstance(address, dict):
        raise invalid_input("Invalid Input", "destinationAddress is required")
    needed = _ADDRESS if address.get("countryCode") == "JP" else (*_ADDRESS, "city")
    for name in needed:
        value = address.get(name)
        if not isinstance(value, str) or not value.strip():
            raise invalid_input("Invalid Input", f"destinationAddress.{name} is required")
    if len(address["countryCode"]) != 2:
        raise invalid_input("Invalid Input", "destinationAddress.countryCode has two letters")


def _check_features(features: object) -> None:
    if not isinstance(features, list):
        raise invalid_input("Invalid Input", "featureConstraints is no list")
    for one in features:
        wanted = one if isinstance(one, dict) else {}
        if wanted.get("featureName") not in _FEATURES:
            raise invalid_input("Invalid Input", "featureConstraints: no such feature")
        _one_of(wanted, "featureFulfillmentPolicy", _FEATURE_POLICIES, default="NotRequired")


def _one_of(
    record: Mapping[str, Any], name: str, allowed: tuple[str, ...], *, default: str = ""
) -> str:
    value = record.get(name, default)
    if value not in allowed:
        raise invalid_input("Invalid Input", f"{name} must be one of {', '.join(allowed)}")
    return str(value)
