"""Resolvers of everything that is read. A field that is not here is an attribute of its record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from connectors.shopify.simulator import fulfilling, inventory
from connectors.shopify.simulator.access import TYPE_RULES
from connectors.shopify.simulator.call import Call, Resolver
from connectors.shopify.simulator.paging import Key, Slice, connection
from connectors.shopify.simulator.refusal import top_level
from connectors.shopify.simulator.search import Fields, fulfillment_status, parse_query
from connectors.shopify.simulator.state import (
    QUANTITY_NAMES,
    STOCKED,
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
    money_bag,
)

RESOLVERS: dict[tuple[str, str], Resolver] = {}

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
    inventory.AdjustmentGroup: "InventoryAdjustmentGroup",
}
#: On 2026-11-23. An older version falls forward to the first of them.
SUPPORTED_VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")

_GID = re.compile(r"gid://shopify/(\w+)/[1-9]\d*(?:\?\S+)?")


def reads(parent: str, *names: str) -> Callable[[Resolver], Resolver]:
    def register(resolver: Resolver) -> Resolver:
        for name in names:
            RESOLVERS[parent, name] = resolver
        return resolver

    return register


def checked_id(identity: str, kind: str) -> str:
    """The id, if it is one of this kind. Raises GraphQLError (RESOURCE_NOT_FOUND)."""
    found = _GID.fullmatch(identity)
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
    found = [row for row in rows if row.id in seen]
    key = sorts[sort]
    if sort == "UPDATED_AT":
        key = _indexed(seen)
    return page(found, arguments, key=key, bound_to=bound_to)


def _indexed(seen: dict[str, Fields]) -> Key:
    return lambda row: seen[row.id]["updated_at"][0]


def _nothing(row: Any) -> int:
    """Sorted by id alone: every row's sort value is the same."""
    return 0


_BY_ID: dict[str, Key] = {"ID": _nothing}
_ORDER_SORTS: dict[str, Key] = {
    **_BY_ID,
    "CREATED_AT": lambda order: order.created_at,
    "PROCESSED_AT": lambda order: order.processed_at,
    "UPDATED_AT": lambda order: order.updated_at,
    "ORDER_NUMBER": lambda order: order.number,
}
_PRODUCT_SORTS: dict[str, Key] = {
    **_BY_ID,
    "CREATED_AT": lambda product: product.created_at,
    "UPDATED_AT": lambda product: product.updated_at,
    "TITLE": lambda product: product.title,
}
_VARIANT_SORTS: dict[str, Key] = {
    **_BY_ID,
    "POSITION": lambda variant: variant.position,
    "SKU": lambda variant: variant.sku or "",
    "TITLE": lambda variant: variant.title,
}


# -- roots


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
    rows = list(call.shop.orders.values())
    return searched(call, rows, arguments, kind=Order, sorts=_ORDER_SORTS)


@reads("QueryRoot", "products")
def _products(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.products.values())
    return searched(call, rows, arguments, kind=Product, sorts=_PRODUCT_SORTS)


@reads("QueryRoot", "productVariants")
def _variants(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.variants.values())
    return searched(call, rows, arguments, kind=Variant, sorts=_VARIANT_SORTS)


@reads("QueryRoot", "inventoryItems")
def _items(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = list(call.shop.items.values())
    return searched(call, rows, arguments, kind=InventoryItem, sorts=_BY_ID)


@reads("QueryRoot", "locations")
def _locations(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [
        one
        for one in call.shop.locations.values()
        if (one.is_active or arguments["includeInactive"])
        and (not one.is_fulfillment_service or arguments["includeLegacy"])
    ]
    sorts: dict[str, Key] = {**_BY_ID, "NAME": lambda location: location.name}
    return searched(call, rows, arguments, kind=Location, sorts=sorts)


@reads("QueryRoot", "fulfillmentOrders")
def _fulfillment_orders(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [
        part
        for part in call.shop.fulfillment_orders.values()
        if may_see(call, part) and (arguments["includeClosed"] or not part.is_closed)
    ]
    sorts: dict[str, Key] = {**_BY_ID, "UPDATED_AT": lambda part: part.updated_at}
    return searched(call, rows, arguments, kind=FulfillmentOrder, sorts=sorts)


@reads("QueryRoot", "assignedFulfillmentOrders")
def _assigned(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    """Those at fulfillment services of the requesting app: it has none here."""
    return page([], arguments, key=_nothing, bound_to="assignedFulfillmentOrders")


def _by_id(drawer: str, kind: str) -> Resolver:
    def resolve(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
        found = getattr(call.shop, drawer).get(checked_id(arguments["id"], kind))
        if isinstance(found, FulfillmentOrder) and not may_see(call, found):
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
    if not _GID.fullmatch(identity):
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


# -- orders


@reads("Order", "lineItems")
def _line_items(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return page(order.lines, arguments, key=_nothing, bound_to="lineItems")


@reads("Order", "fulfillmentOrders")
def _of_order(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [part for part in order.routed if may_see(call, part)]
    return searched(call, rows, arguments, kind=FulfillmentOrder, sorts=_BY_ID)


@reads("Order", "fulfillments", "refunds", "transactions")
def _listed(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    rows = getattr(order, call.info.field_name)
    return rows[: arguments["first"]] if arguments.get("first") is not None else rows


@reads("Order", "returns")
def _returns(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return page([], arguments, key=_nothing, bound_to="returns")


@reads("Order", "displayFulfillmentStatus")
def _fulfillment_status(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfillment_status(order)


_ORDER_FIELDS: dict[str, Callable[[Order], Any]] = {
    "displayFinancialStatus": lambda order: order.financial_status,
    "fulfillable": lambda order: any(part.open_quantity for part in order.open_parts),
    "requiresShipping": lambda order: any(line.requires_shipping for line in order.lines),
    "cancellation": lambda order: {"staffNote": order.staff_note} if order.cancelled_at else None,
    "risk": lambda order: {"recommendation": order.risk_recommendation, "assessments": []},
    "billingAddress": lambda order: order.shipping_address,
    "customAttributes": lambda order: [],
    "app": lambda order: {"id": "gid://shopify/App/580111", "name": "Online Store"},
    "capturable": lambda order: order.financial_status == "AUTHORIZED",
    "fullyPaid": lambda order: order.received >= order.total,
    "refundable": lambda order: order.received > order.refunded,
    "paymentGatewayNames": lambda order: ["bogus"] if order.transactions else [],
    "currentSubtotalLineItemsQuantity": lambda order: sum(
        line.current_quantity for line in order.lines
    ),
    "shippingLine": lambda order: {
        "title": "Standard",
        "code": "Standard",
        "source": "shopify",
        "carrierIdentifier": None,
        "originalPriceSet": money_bag(order.shipping_price),
    },
    "currentTotalPriceSet": lambda order: money_bag(order.current_total),
    "currentSubtotalPriceSet": lambda order: money_bag(order.current_subtotal),
    "currentTotalTaxSet": lambda order: money_bag(order.total * 0),
    "subtotalPriceSet": lambda order: money_bag(order.subtotal),
    "totalPriceSet": lambda order: money_bag(order.total),
    "totalTaxSet": lambda order: money_bag(order.total * 0),
    "totalDiscountsSet": lambda order: money_bag(order.total * 0),
    "totalShippingPriceSet": lambda order: money_bag(order.shipping_price),
    "totalRefundedSet": lambda order: money_bag(order.refunded),
    "totalOutstandingSet": lambda order: money_bag(
        max(order.total * 0, order.current_total - order.received + order.refunded)
    ),
}


def _derived(rule: Callable[[Order], Any]) -> Resolver:
    return lambda order, call, arguments: rule(order)


for _name, _rule in _ORDER_FIELDS.items():
    RESOLVERS["Order", _name] = _derived(_rule)


@reads("MailingAddress", "name")
def _full_name(address: dict[str, Any], call: Call, arguments: dict[str, Any]) -> Any:
    words = [address.get("firstName"), address.get("lastName")]
    return " ".join(word for word in words if word) or None


@reads("MailingAddress", "formatted")
def _formatted(address: dict[str, Any], call: Call, arguments: dict[str, Any]) -> Any:
    names = ("address1", "address2", "city", "province", "zip", "country")
    return [address[name] for name in names if address.get(name)]


@reads("Refund", "return")
def _return(refund: Refund, call: Call, arguments: dict[str, Any]) -> Any:
    return refund.return_


@reads("Refund", "refundLineItems")
def _refund_lines(refund: Refund, call: Call, arguments: dict[str, Any]) -> Any:
    return {"nodes": refund.lines[: arguments.get("first")]}


@reads("Refund", "transactions")
def _refund_transactions(refund: Refund, call: Call, arguments: dict[str, Any]) -> Any:
    return {"nodes": refund.transactions[: arguments.get("first")]}


# -- fulfillment orders and fulfillments


@reads("FulfillmentOrder", "lineItems")
def _parts_lines(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return page(part.lines, arguments, key=_nothing, bound_to="fulfillmentOrderLineItems")


@reads("FulfillmentOrder", "assignedLocation")
def _assigned_location(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return {**part.location.address, "name": part.location.name, "location": part.location}


@reads("FulfillmentOrder", "supportedActions")
def _actions(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfilling.supported_actions(part)


@reads("FulfillmentOrder", "deliveryMethod")
def _method(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    shipped = part.method == "SHIPPING"
    return {
        "id": part.method_id,
        "methodType": part.method,
        "serviceCode": "Standard" if shipped else None,
        "presentedName": "Standard" if shipped else None,
    }


@reads("FulfillmentOrder", "destination")
def _destination(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    address = part.order.shipping_address
    if address is None or part.method == "NONE":
        return None
    return {
        **address,
        "id": part.destination_id,
        "countryCode": address.get("countryCodeV2"),
        "email": part.order.email,
    }


@reads("FulfillmentOrder", "fulfillments")
def _parts_fulfillments(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [each for each in part.order.fulfillments if part in each.sources]
    return page(rows, arguments, key=_nothing, bound_to="fulfillments")


@reads("FulfillmentOrder", "locationsForMove")
def _for_move(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    rows = []
    for location in call.shop.locations.values():
        if location is part.location or not location.is_active:
            continue
        movable = all(fulfilling.stocks(location, line.line_item) for line in part.lines)
        message = None if movable else "No items are stocked at this location."
        rows.append({"location": location, "movable": movable, "message": message})
    return page(rows, arguments, key=_place_number, bound_to="locationsForMove")


def _place_number(row: dict[str, Any]) -> int:
    location: Location = row["location"]
    return location.legacy_resource_id


@reads("Fulfillment", "trackingInfo")
def _tracking(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfillment.tracking[: arguments.get("first")]


@reads("Fulfillment", "fulfillmentLineItems")
def _fulfilled_lines(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return page(fulfillment.lines, arguments, key=_nothing, bound_to="fulfillmentLineItems")


@reads("Fulfillment", "fulfillmentOrders")
def _sources(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [part for part in fulfillment.sources if may_see(call, part)]
    return page(rows, arguments, key=_nothing, bound_to="fulfillment.fulfillmentOrders")


@reads("Fulfillment", "events")
def _events(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return {"nodes": []}


# -- catalog and stock


@reads("Product", "variants")
def _variants_of(product: Product, call: Call, arguments: dict[str, Any]) -> Any:
    sort = arguments["sortKey"]
    return page(product.variants, arguments, key=_VARIANT_SORTS[sort], bound_to=f"variants {sort}")


@reads("Product", "options")
def _options(product: Product, call: Call, arguments: dict[str, Any]) -> Any:
    return [
        {
            "id": f"gid://shopify/ProductOption/{product.legacy_resource_id}",
            "name": "Title",
            "position": 1,
            "values": [variant.title for variant in product.variants],
        }
    ][: arguments.get("first")]


@reads("InventoryItem", "variants")
def _variants_of_item(item: InventoryItem, call: Call, arguments: dict[str, Any]) -> Any:
    return page([item.variant], arguments, key=_nothing, bound_to="item.variants")


@reads("InventoryItem", "duplicateSkuCount")
def _duplicates(item: InventoryItem, call: Call, arguments: dict[str, Any]) -> Any:
    return len(call.shop.variants_with(item.sku)) - 1 if item.sku else 0


@reads("InventoryItem", "unitCost")
def _unit_cost(item: InventoryItem, call: Call, arguments: dict[str, Any]) -> Any:
    if item.unit_cost is None:
        return None
    return {"amount": item.unit_cost, "currencyCode": "USD"}


@reads("InventoryItem", "inventoryLevel")
def _level_at(item: InventoryItem, call: Call, arguments: dict[str, Any]) -> Any:
    found = item.levels.get(arguments["locationId"])
    return found if found and (found.is_active or arguments["includeInactive"]) else None


@reads("Location", "inventoryLevel")
def _level_of(location: Location, call: Call, arguments: dict[str, Any]) -> Any:
    item = call.shop.items.get(arguments["inventoryItemId"])
    found = item.levels.get(location.id) if item else None
    return found if found and found.is_active else None


@reads("InventoryItem", "inventoryLevels")
def _levels_of_item(item: InventoryItem, call: Call, arguments: dict[str, Any]) -> Any:
    return _levels(call, item.levels.values(), arguments)


@reads("Location", "inventoryLevels")
def _levels_at(location: Location, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [level for level in call.shop.levels.values() if level.location is location]
    return _levels(call, rows, arguments)


def _levels(call: Call, rows: Iterable[Level], arguments: dict[str, Any]) -> Any:
    shown = [level for level in rows if level.is_active or arguments["includeInactive"]]
    return searched(call, shown, arguments, kind=Level, sorts=_BY_ID)


@reads("InventoryLevel", "quantities")
def _quantities(level: Level, call: Call, arguments: dict[str, Any]) -> Any:
    wrong = [name for name in arguments["names"] if name not in QUANTITY_NAMES]
    if wrong:
        raise top_level(
            f"The specified quantity name is invalid. Valid values are: "
            f"{', '.join(sorted(QUANTITY_NAMES))}.",
            code="INVALID_FIELD_ARGUMENTS",
        )
    number, item = level.legacy_resource_id, level.item.legacy_resource_id
    return [
        {
            "id": f"gid://shopify/InventoryQuantity/{number}?inventory_item_id={item}&name={name}",
            "name": name,
            "quantity": level.quantity(name),
            "updatedAt": level.changed_at.get(name),
        }
        for name in arguments["names"]
    ]


@reads("InventoryAdjustmentGroup", "changes")
def _changes(group: inventory.AdjustmentGroup, call: Call, arguments: dict[str, Any]) -> Any:
    names = arguments.get("quantityNames")
    return [change for change in group.changes if names is None or change.name in names]
