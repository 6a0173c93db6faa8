"""Resolvers of products, inventory items, levels and locations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.shopify.simulator import inventory
from connectors.shopify.simulator.call import Call
from connectors.shopify.simulator.refusal import top_level
from connectors.shopify.simulator.resolving import (
    BY_ID,
    VARIANT_SORTS,
    Resolvers,
    by_id_alone,
    page,
    searched,
)
from connectors.shopify.simulator.state import (
    QUANTITY_NAMES,
    InventoryItem,
    Level,
    Location,
    Product,
)

RESOLVERS = Resolvers()
reads = RESOLVERS.reads


@reads("Product", "variants")
def _variants_of(product: Product, call: Call, arguments: dict[str, Any]) -> Any:
    sort = arguments["sortKey"]
    return page(product.variants, arguments, key=VARIANT_SORTS[sort], bound_to=f"variants {sort}")


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
    return page([item.variant], arguments, key=by_id_alone, bound_to="item.variants")


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
    return searched(call, shown, arguments, kind=Level, sorts=BY_ID)


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
