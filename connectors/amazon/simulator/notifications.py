"""ORDER_CHANGE as Amazon sends it (OrderChangeNotification.json, PayloadVersion 1.0)."""

from __future__ import annotations

import json
from datetime import datetime

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.orders_state import AMAZON, Order, Status
from connectors.amazon.simulator.wire import millis_text

#: The status words of Orders v0, which this notification still uses.
_STATUS = {
    Status.PENDING: "Pending",
    Status.UNSHIPPED: "Unshipped",
    Status.PARTIALLY_SHIPPED: "PartiallyShipped",
    Status.SHIPPED: "Shipped",
    Status.CANCELLED: "Canceled",
}


def order_change(account: Account, order_id: str, *, now: datetime) -> str:
    """The message about an order as it is now."""
    order = account.orders[order_id].now
    asked = any(item.cancel_reason for item in order.items)
    message = {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": millis_text(order.updated),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": account.seller_id,
                "AmazonOrderId": order.order_id,
                "OrderChangeType": "BuyerRequestedChange" if asked else "OrderStatusChange",
                "OrderChangeTrigger": {
                    "TimeOfOrderChange": millis_text(order.updated),
                    "ChangeReason": "Buyer Requested Cancel" if asked else "Order status change",
                },
                "Summary": _summary(account, order),
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "app-id-simulated",
            "SubscriptionId": "subscription-id-simulated",
            "PublishTime": millis_text(now),
            "NotificationId": account.uuid(),
        },
    }
    return json.dumps(message)


def _summary(account: Account, order: Order) -> dict[str, object]:
    shipped = sum(order.fulfilled(item.item_id) for item in order.items)
    return {
        "MarketplaceId": account.marketplace_id,
        "OrderStatus": _STATUS[order.status],
        "PurchaseDate": millis_text(order.created),
        "DestinationPostalCode": order.address.postal_code,
        "FulfillmentType": "AFN" if order.fulfilled_by == AMAZON else "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": shipped,
        "NumberOfItemsUnshipped": sum(item.quantity for item in order.items) - shipped,
        "EarliestShipDate": millis_text(order.created),
        "LatestShipDate": millis_text(order.ship_by),
        "EarliestDeliveryDate": millis_text(order.ship_by),
        "LatestDeliveryDate": millis_text(order.deliver_by),
        "OrderItems": [
            {
                "OrderItemId": item.item_id,
                "SellerSKU": item.sku,
                "SupplySourceId": "",
                "OrderItemStatus": _STATUS[order.status],
                "Quantity": item.quantity,
                "QuantityShipped": order.fulfilled(item.item_id),
                "IsBuyerRequestedCancel": bool(item.cancel_reason),
            }
            for item in order.items
        ],
    }
