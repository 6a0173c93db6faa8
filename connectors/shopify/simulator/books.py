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
    ZERO,
    Fulfillment,
    FulfillmentOrder,
    LineItem,
    Order,
    Refund,
)
from connectors.shopify.simulator.state_returns import Return
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
                **_paid_back(order, line),
            }
            for line in order.lines
        ],
        "fulfillment_orders": [_part(part) for part in order.routed],
        "fulfillments": [_fulfillment(one) for one in order.fulfillments],
        "refunds": [_refund(one) for one in order.refunds],
        "returns": [_return(one) for one in order.returns],
    }


def _paid_back(order: Order, line: LineItem) -> dict[str, Any]:
    """What was paid back for a line: how often, for how many units, how much by the lines' worth."""
    rows = [row for refund in order.refunds for row in refund.lines if row.line_item is line]
    return {
        "refunds": len(rows),
        "refunded_quantity": sum(row.quantity for row in rows),
        "refunded_amount": str(sum((row.subtotal + row.tax for row in rows), ZERO)),
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "made": iso(refund.created_at),
        "amount": str(refund.amount),
        "note": refund.note,
        "return": refund.return_.id if refund.return_ else None,
        "shipping": str(sum((one.amount + one.tax for one in refund.shipping), ZERO)),
        "transactions": [str(one.amount) for one in refund.transactions],
        "lines": [
            {
                "line_item": row.line_item.id,
                "sku": row.line_item.sku,
                "quantity": row.quantity,
                "restock": row.restock_type,
                "amount": str(row.subtotal + row.tax),
            }
            for row in refund.lines
        ],
    }


def _return(return_: Return) -> dict[str, Any]:
    return {
        "id": return_.id,
        "name": return_.name,
        "status": return_.status,
        "decline": return_.decline,
        "lines": [
            {
                "id": line.id,
                "line_item": line.line_item.id,
                "sku": line.line_item.sku,
                "quantity": line.quantity,
                "processed": line.processed_quantity,
                "refunded": line.refunded_quantity,
            }
            for line in return_.lines
        ],
        "dispositions": [
            {"type": one.type, "quantity": one.quantity}
            for reverse in return_.reverse
            for row in reverse.lines
            for one in row.dispositions
        ],
        "exchange": [
            {"sku": one.variant_sku, "quantity": one.quantity, "processed": one.processed_quantity}
            for one in return_.exchange_lines
        ],
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
        "refunds": len(shop.refunds),
        "returns": len(shop.returns),
        "late_cancellations": shop.counts["late cancellations"],
        "products": len(shop.products),
        "variants": len(shop.variants),
        "locations": len(shop.locations),
    }
