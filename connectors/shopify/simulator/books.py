"""What the shop itself knows, as JSON: orders, parcels, quantities shown, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from connectors.shopify.simulator.schema import iso
from connectors.shopify.simulator.search import fulfillment_status
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import (
    QUANTITY_NAMES,
    Fulfillment,
    FulfillmentOrder,
    Order,
)
from connectors.simulation import LogEntry


def books(shop: Shop, log: Iterable[LogEntry]) -> dict[str, Any]:
    """Everything, with instants in ISO 8601."""
    orders = [order_entry(order) for order in shop.orders.values()]
    return {
        "shop": shop.name,
        "now": iso(shop.clock.now()),
        "orders": orders,
        "fulfillments_by_order": {
            entry["name"]: sum(one["status"] == "SUCCESS" for one in entry["fulfillments"])
            for entry in orders
        },
        "quantities": _quantities(shop),
        "counts": _counts(shop),
        "writes": dict(Counter(entry.operation for entry in log if entry.took_effect)),
    }


def order_entry(order: Order) -> dict[str, Any]:
    """One order as the books show it. No personal data."""
    return {
        "id": order.id,
        "name": order.name,
        "placed": iso(order.created_at),
        "updated": iso(order.updated_at),
        "canceled": iso(order.cancelled_at) if order.cancelled_at else None,
        "payment": order.financial_status,
        "fulfillment": fulfillment_status(order),
        "test": order.test,
        "tags": list(order.tags),
        "oversold": order.oversold,
        "lines": [
            {
                "id": line.id,
                "sku": line.sku,
                "quantity": line.quantity,
                "current_quantity": line.current_quantity,
                "fulfilled_quantity": line.fulfilled_quantity,
            }
            for line in order.lines
        ],
        "fulfillment_orders": [_part(part) for part in order.routed],
        "fulfillments": [_fulfillment(one) for one in order.fulfillments],
    }


def _part(part: FulfillmentOrder) -> dict[str, Any]:
    return {
        "id": part.id,
        "status": part.status,
        "location": part.location.id,
        "location_name": part.location.name,
        "holds": [hold.reason for hold in part.fulfillment_holds],
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.total_quantity,
                "remaining": line.remaining_quantity,
            }
            for line in part.lines
        ],
    }


def _fulfillment(fulfillment: Fulfillment) -> dict[str, Any]:
    first = fulfillment.tracking[0] if fulfillment.tracking else {}
    return {
        "id": fulfillment.id,
        "status": fulfillment.status,
        "created": iso(fulfillment.created_at),
        "updated": iso(fulfillment.updated_at),
        "company": first.get("company"),
        "number": first.get("number"),
        "tracking": fulfillment.tracking,
        "location": fulfillment.location.id,
        "location_name": fulfillment.location.name,
        "external": fulfillment.external,
        "lines": [
            {
                "line_item": line.line_item.id,
                "sku": line.line_item.sku,
                "quantity": line.quantity,
            }
            for line in fulfillment.lines
        ],
    }


def _quantities(shop: Shop) -> list[dict[str, Any]]:
    return [
        {
            "sku": level.item.sku,
            "inventory_item": level.item.id,
            "location": level.location.id,
            "location_name": level.location.name,
            "active": level.is_active,
            "updated": iso(level.updated_at),
            **{name: level.quantity(name) for name in QUANTITY_NAMES},
        }
        for level in shop.levels.values()
    ]


def _counts(shop: Shop) -> dict[str, int]:
    orders = list(shop.orders.values())
    fulfillments = list(shop.fulfillments.values())
    return {
        "orders": len(orders),
        "canceled": sum(order.cancelled_at is not None for order in orders),
        "fulfilled": sum(fulfillment_status(order) == "FULFILLED" for order in orders),
        "fulfillments": sum(one.status == "SUCCESS" for one in fulfillments),
        "external_fulfillments": sum(one.external for one in fulfillments),
        "canceled_fulfillments": sum(one.status == "CANCELLED" for one in fulfillments),
        "sold_out_refusals": shop.counts["sold out refusals"],
        "oversold_orders": sum(order.oversold > 0 for order in orders),
        "oversold_units": shop.counts["oversold units"],
        "late_cancellations": shop.counts["late cancellations"],
        "products": len(shop.products),
        "variants": len(shop.variants),
        "locations": len(shop.locations),
    }
