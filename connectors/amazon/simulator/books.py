"""What Amazon itself knows, as JSON: for tests, the demo's summary and a user's own checks.

No buyer's name or address and no secret is in the books.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.listings_state import Listing
from connectors.amazon.simulator.orders_state import (
    MERCHANT,
    Order,
    OrderRecord,
    Package,
    Status,
)


def books(account: Account, *, now: datetime) -> dict[str, Any]:
    """{"now", "orders", "listings", "counts", "metrics"}; instants in ISO 8601."""
    records = list(account.orders.values())
    return {
        "now": now.isoformat(),
        "orders": [_order(record) for record in records],
        "listings": [_listing(listing) for listing in account.listings.values()],
        "counts": dict(account.counts)
        | {"orders": len(records), "listings": len(account.listings)}
        | {f"orders {status}": count for status, count in _statuses(records).items()},
        "metrics": metrics(records, now=now),
    }


def _statuses(records: list[OrderRecord]) -> Counter[str]:
    return Counter(record.now.status.value for record in records)


def _order(record: OrderRecord) -> dict[str, Any]:
    order = record.now
    confirmed = record.confirmed_units()
    first = record.first_confirmation()
    return {
        "id": order.order_id,
        "status": order.status.value,
        "fulfilled_by": order.fulfilled_by,
        "created": order.created.isoformat(),
        "updated": order.updated.isoformat(),
        "ship_by": order.ship_by.isoformat(),
        "canceled_at": record.canceled_at.isoformat() if record.canceled_at else None,
        "canceled_by": order.canceled_by,
        "cancel_requested": any(item.cancel_reason for item in order.items),
        "lines": [
            {
                "item_id": item.item_id,
                "sku": item.sku,
                "quantity": item.quantity,
                "canceled_by": item.canceled_by,
                "canceled_why": item.canceled_why,
                "confirmed": confirmed.get(item.item_id, 0),
                "fulfilled": order.fulfilled(item.item_id),
            }
            for item in order.items
        ],
        "packages": [_package(package, order) for package in record.received.values()],
        "first_confirmed_at": first.isoformat() if first else None,
        "late": is_late(record),
    }


def _package(package: Package, order: Order) -> dict[str, Any]:
    return {
        "reference": package.reference,
        "carrier": package.carrier,
        "tracking_number": package.tracking_number,
        "items": dict(package.items),
        "confirmed_at": package.confirmed_at.isoformat(),
        "shown": any(shown.reference == package.reference for shown in order.packages),
        #: confirmShipment calls that took effect: the first and each edit that changed something
        "effects": package.effects,
        "edits": package.effects - 1,
        #: calls answered 204, identical repeats too
        "calls": package.calls,
    }


def _listing(listing: Listing) -> dict[str, Any]:
    submitted = {
        entry["fulfillment_channel_code"]: entry.get("quantity") for entry in listing.submitted
    }
    return {
        "sku": listing.sku,
        "asin": listing.asin,
        "price": str(listing.price),
        "fulfilled_by": "AMAZON" if listing.by_amazon else MERCHANT,
        #: units buyers can order now; for FBA what is fulfillable
        "quantity": listing.quantity("AMAZON_NA" if listing.by_amazon else "DEFAULT"),
        "submitted": submitted.get("DEFAULT"),
        "reserved": listing.reserved,
        "channels": sorted(listing.current),
        "lead_time_to_ship_max_days": None if listing.by_amazon else listing.lead_days,
        "updated": listing.updated.isoformat(),
    }


def is_late(record: OrderRecord) -> bool:
    """Confirmed after ship-by; the instant the confirmation was received counts, not shipDate."""
    first = record.first_confirmation()
    return first is not None and first > record.now.ship_by


def metrics(records: list[OrderRecord], *, now: datetime) -> dict[str, Any]:
    """Numerators and denominators of the seller metrics, over all seller-fulfilled orders.

    late_shipment_rate: confirmed late / confirmed. pre_fulfillment_cancel_rate: canceled by the
    seller or by Amazon / all orders (a buyer's own cancellation does not count).
    valid_tracking_rate: parcels of a listed carrier / parcels; scans are not known here.
    """
    own = [record for record in records if record.now.fulfilled_by == MERCHANT]
    confirmed = [record for record in own if record.received]
    late = sum(is_late(record) for record in confirmed)
    canceled = [record for record in own if record.now.status is Status.CANCELLED]
    counted = sum(record.now.canceled_by != "BUYER" for record in canceled)
    parcels = [package for record in own for package in record.received.values()]
    listed = sum(package.carrier_code != "Other" for package in parcels)
    overdue = sum(
        not record.received and record.now.status is Status.UNSHIPPED and record.now.ship_by < now
        for record in own
    )
    return {
        "orders": len(own),
        "confirmed": len(confirmed),
        "late": late,
        "overdue": overdue,
        "canceled": len(canceled),
        "canceled_counting": counted,
        "parcels": len(parcels),
        "parcels_listed_carrier": listed,
        "late_shipment_rate": _share(late, len(confirmed)),
        "pre_fulfillment_cancel_rate": _share(counted, len(own)),
        "valid_tracking_rate": _share(listed, len(parcels)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
