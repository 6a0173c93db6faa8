"""Resolvers of the query root."""

from __future__ import annotations

from typing import Any

from connectors.shopify.simulator.access import ORDERS_SEEN, TYPE_RULES
from connectors.shopify.simulator.call import Call, Resolver
from connectors.shopify.simulator.paging import Key
from connectors.shopify.simulator.refusal import top_level
from connectors.shopify.simulator.resolving import (
    BY_ID,
    GID,
    ORDER_SORTS,
    PRODUCT_SORTS,
    SUPPORTED_VERSIONS,
    TYPE_NAMES,
    VARIANT_SORTS,
    Resolvers,
    by_id_alone,
    checked_id,
    matching,
    may_see,
    page,
    searched,
)
from connectors.shopify.simulator.state import (
    QUANTITY_NAMES,
    STOCKED,
    FulfillmentOrder,
    InventoryItem,
    Location,
    Order,
    Product,
    Variant,
)

RESOLVERS = Resolvers()
reads = RESOLVERS.reads


@reads("QueryRoot", "shop")
def _shop(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    host = f"{call.shop.name}.myshopify.com"
    return {
        "id": "gid://shopify/Shop/1",
        "name": call.shop.name.title(),
        "myshopifyDomain": host,
        "email": f"owner@{call.shop.name}.example",
        "currencyCode": "USD",
        "ianaTimezone": "America/New_York",
        "timezoneAbbreviation": "EST",
        "url": f"https://{host}",
        "weightUnit": "POUNDS",
        "primaryDomain": {"id": "gid://shopify/Domain/1", "host": host},
        "plan": {
            "publicDisplayName": call.shop.plan,
            "partnerDevelopment": False,
            "shopifyPlus": False,
        },
    }


@reads("QueryRoot", "currentAppInstallation")
def _installation(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return {
        "id": "gid://shopify/AppInstallation/1",
        "accessScopes": [{"handle": scope} for scope in sorted(call.scopes)],
    }


@reads("QueryRoot", "publicApiVersions")
def _versions(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return [
        {"handle": handle, "displayName": handle, "supported": True}
        for handle in SUPPORTED_VERSIONS
    ]


@reads("QueryRoot", "orders")
def _orders(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [order for order in call.shop.orders.values() if _is_seen(call, order)]
    return searched(call, rows, arguments, kind=Order, sorts=ORDER_SORTS)


@reads("QueryRoot", "ordersCount")
def _orders_count(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    """The same search as `orders`; `limit: null` counts all."""
    rows = [order for order in call.shop.orders.values() if _is_seen(call, order)]
    count, limit = len(matching(call, rows, arguments, kind=Order)), arguments.get("limit")
    capped = limit is not None and count > limit
    return {"count": limit if capped else count, "precision": "AT_LEAST" if capped else "EXACT"}


def _is_seen(call: Call, order: Order) -> bool:
    """Older orders need read_all_orders."""
    age = call.shop.clock.now() - order.created_at
    return "read_all_orders" in call.scopes or age <= ORDERS_SEEN


@reads("QueryRoot", "products")
def _products(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.products.values())
    return searched(call, rows, arguments, kind=Product, sorts=PRODUCT_SORTS)


@reads("QueryRoot", "productVariants")
def _variants(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.variants.values())
    return searched(call, rows, arguments, kind=Variant, sorts=VARIANT_SORTS)


@reads("QueryRoot", "inventoryItems")
def _items(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.items.values())
    return searched(call, rows, arguments, kind=InventoryItem, sorts=BY_ID)


@reads("QueryRoot", "locations")
def _locations(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [
        one
        for one in call.shop.locations.values()
        if (one.is_active or arguments["includeInactive"])
        and (not one.is_fulfillment_service or arguments["includeLegacy"])
    ]
    sorts: dict[str, Key] = {**BY_ID, "NAME": lambda location: location.name}
    return searched(call, rows, arguments, kind=Location, sorts=sorts)


@reads("QueryRoot", "fulfillmentOrders")
def _fulfillment_orders(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [
        part
        for part in call.shop.fulfillment_orders.values()
        if may_see(call, part) and (arguments["includeClosed"] or not part.is_closed)
    ]
    sorts: dict[str, Key] = {**BY_ID, "UPDATED_AT": lambda part: part.updated_at}
    return searched(call, rows, arguments, kind=FulfillmentOrder, sorts=sorts)


@reads("QueryRoot", "assignedFulfillmentOrders")
def _assigned(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    """Those at fulfillment services of the requesting app: it has none here."""
    return page([], arguments, key=by_id_alone, bound_to="assignedFulfillmentOrders")


def _by_id(drawer: str, kind: str) -> Resolver:
    def resolve(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
        found = getattr(call.shop, drawer).get(checked_id(arguments["id"], kind))
        if isinstance(found, FulfillmentOrder) and not may_see(call, found):
            return None
        if isinstance(found, Order) and not _is_seen(call, found):
            return None
        return found

    return resolve


for _root, _drawer, _kind in (
    ("order", "orders", "Order"),
    ("product", "products", "Product"),
    ("productVariant", "variants", "ProductVariant"),
    ("inventoryItem", "items", "InventoryItem"),
    ("inventoryLevel", "levels", "InventoryLevel"),
    ("fulfillmentOrder", "fulfillment_orders", "FulfillmentOrder"),
    ("fulfillment", "fulfillments", "Fulfillment"),
    ("refund", "refunds", "Refund"),
    ("return", "returns", "Return"),
):
    RESOLVERS["QueryRoot", _root] = _by_id(_drawer, _kind)


@reads("QueryRoot", "job")
def _job(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return call.shop.jobs.get(checked_id(arguments["id"], "Job"))


@reads("QueryRoot", "location")
def _location(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    if arguments.get("id") is None:  # the shop's primary location
        return next(iter(call.shop.locations.values()), None)
    return call.shop.locations.get(checked_id(arguments["id"], "Location"))


@reads("QueryRoot", "node")
def _node(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return _any_node(call, arguments["id"])


@reads("QueryRoot", "nodes")
def _nodes(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return [_any_node(call, identity) for identity in arguments["ids"]]


def _any_node(call: Call, identity: str) -> Any:
    if not GID.fullmatch(identity):
        raise top_level(f"Invalid id: {identity}", code="RESOURCE_NOT_FOUND")
    found = call.shop.find(identity)
    if found is None:
        return None
    rule = TYPE_RULES.get(TYPE_NAMES[type(found)])
    if rule:
        call.require(rule, field=call.info.field_name)
    if isinstance(found, FulfillmentOrder) and not may_see(call, found):
        return None
    return found


@reads("QueryRoot", "inventoryProperties")
def _properties(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return {
        "quantityNames": [
            {
                "name": name,
                "belongsTo": ["on_hand"] if name in STOCKED else [],
                "comprises": list(STOCKED) if name == "on_hand" else [],
                "isInUse": True,
            }
            for name in QUANTITY_NAMES
        ]
    }
