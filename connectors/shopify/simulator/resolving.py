"""What resolvers share: the table of them, ids, paging, searching, sorting.

A field that is not in the table is an attribute of its record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from connectors.shopify.simulator import inventory
from connectors.shopify.simulator.call import Call, Resolver
from connectors.shopify.simulator.paging import Key, Slice, connection
from connectors.shopify.simulator.refusal import top_level
from connectors.shopify.simulator.search import Fields, parse_query
from connectors.shopify.simulator.state import (
    Fulfillment,
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderLine,
    InventoryItem,
    Level,
    LineItem,
    Location,
    Order,
    Product,
    Refund,
    Variant,
)
from connectors.shopify.simulator.state_returns import Return, ReturnLine, ReverseShipping

#: What `node(id:)` calls a record.
TYPE_NAMES: dict[type, str] = {
    Order: "Order",
    LineItem: "LineItem",
    Product: "Product",
    Variant: "ProductVariant",
    InventoryItem: "InventoryItem",
    Level: "InventoryLevel",
    Location: "Location",
    FulfillmentOrder: "FulfillmentOrder",
    FulfillmentOrderLine: "FulfillmentOrderLineItem",
    Fulfillment: "Fulfillment",
    FulfillmentLine: "FulfillmentLineItem",
    Refund: "Refund",
    Return: "Return",
    ReturnLine: "ReturnLineItem",
    ReverseShipping: "ReverseDeliveryShippingDeliverable",
    inventory.AdjustmentGroup: "InventoryAdjustmentGroup",
}
#: On 2026-11-23. An older version falls forward to the first of them.
SUPPORTED_VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")

GID = re.compile(r"gid://shopify/(\w+)/[1-9]\d*(?:\?\S+)?")


class Resolvers(dict[tuple[str, str], Resolver]):
    """(type, field) -> resolver. Each module of resolvers has one; execution.py joins them."""

    def reads(self, parent: str, *names: str) -> Callable[[Resolver], Resolver]:
        """Register the resolver of these fields."""

        def register(resolver: Resolver) -> Resolver:
            for name in names:
                self[parent, name] = resolver
            return resolver

        return register


def checked_id(identity: str, kind: str) -> str:
    """The id, if it is one of this kind. Raises GraphQLError (RESOURCE_NOT_FOUND)."""
    found = GID.fullmatch(identity)
    if found is None or found[1] != kind:
        raise top_level(f"Invalid id: {identity}", code="RESOURCE_NOT_FOUND")
    return identity


def may_see(call: Call, part: FulfillmentOrder) -> bool:
    """Which scope shows a fulfillment order depends on who manages its location."""
    owner = "third_party" if part.location.is_fulfillment_service else "merchant_managed"
    return f"read_{owner}_fulfillment_orders" in call.scopes


def page(
    rows: Iterable[Any], arguments: dict[str, Any], *, key: Key, bound_to: str
) -> dict[str, Any]:
    return connection(list(rows), Slice.of(arguments), key=key, bound_to=bound_to)


def searched(
    call: Call, rows: Iterable[Any], arguments: dict[str, Any], *, kind: type, sorts: dict[str, Key]
) -> dict[str, Any]:
    """A connection with `query` and `sortKey`. With a query, what the index knows decides."""
    text, sort = arguments.get("query") or "", arguments.get("sortKey", "ID")
    bound_to = f"{kind.__name__} {sort} {text}"
    if not text.strip():
        return page(rows, arguments, key=sorts[sort], bound_to=bound_to)
    rows = list(rows)
    seen = matching(call, rows, arguments, kind=kind)
    found = [row for row in rows if row.id in seen]
    key = sorts[sort]
    if sort == "UPDATED_AT":
        key = _indexed(seen)
    return page(found, arguments, key=key, bound_to=bound_to)


def matching(
    call: Call, rows: Iterable[Any], arguments: dict[str, Any], *, kind: type
) -> dict[str, Fields]:
    """Id -> fields of the rows that the index finds by `query`; without one all rows, as they are."""
    text = arguments.get("query") or ""
    if not text.strip():
        return {row.id: {} for row in rows}
    query = parse_query(text, kind=kind)
    if query.warnings:
        call.searches.append(
            {
                "path": [key for key in call.info.path.as_list() if isinstance(key, str)],
                "query": text,
                "parsed": query.parsed,
                "warnings": query.warnings,
            }
        )
    now = call.shop.clock.now()
    seen: dict[str, Fields] = {}
    for row in rows:
        fields = call.shop.index.fields(row, at=now)
        if fields is not None and query.matches(fields):
            seen[row.id] = fields
    return seen


def _indexed(seen: dict[str, Fields]) -> Key:
    return lambda row: seen[row.id]["updated_at"][0]


def by_id_alone(row: Any) -> int:
    """Sorted by id alone: every row's sort value is the same."""
    return 0


BY_ID: dict[str, Key] = {"ID": by_id_alone}
ORDER_SORTS: dict[str, Key] = {
    **BY_ID,
    "CREATED_AT": lambda order: order.created_at,
    "PROCESSED_AT": lambda order: order.processed_at,
    "UPDATED_AT": lambda order: order.updated_at,
    "ORDER_NUMBER": lambda order: order.number,
}
PRODUCT_SORTS: dict[str, Key] = {
    **BY_ID,
    "CREATED_AT": lambda product: product.created_at,
    "UPDATED_AT": lambda product: product.updated_at,
    "TITLE": lambda product: product.title,
}
VARIANT_SORTS: dict[str, Key] = {
    **BY_ID,
    "POSITION": lambda variant: variant.position,
    "SKU": lambda variant: variant.sku or "",
    "TITLE": lambda variant: variant.title,
}
