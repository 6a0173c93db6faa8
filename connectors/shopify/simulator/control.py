"""The hands that are not the API's: buyers, the merchant in the admin, another app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.shopify.simulator import bulk, control_returns, fulfilling, inventory, ordering
from connectors.shopify.simulator.books import order_entry
from connectors.shopify.simulator.refusal import UserErrors
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import QUANTITY_NAMES, Fulfillment, Location, Order

_ORDER_KEYS = {
    "lines", "payment", "test", "address", "email", "phone", "note", "tags", "risk",
    "billing", "cancel_after", "tax", "presentment", "gift_card",
}  # fmt: skip


def act(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `POST /__sim__/orders` asks. Raises ValueError that says what is wrong with it.

    One of: lines (a buyer orders; see ordering.place, and `cancel_after` in seconds), cancel, hide, pay,
    fulfill (another app ships), unfulfill, edit, each with an order's id or name; set_quantity; what
    control_returns.DEEDS has.
    """
    for word, deed in _DEEDS.items():
        if word in wish:
            return deed(shop, wish)
    raise ValueError(f"asks for nothing known: one of lines, {', '.join(sorted(_DEEDS))}")


def _place(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(wish) - _ORDER_KEYS
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    try:
        order = ordering.place(shop, wish)
    except ValueError as error:
        shop.counts["sold out refusals"] += str(error).startswith("sold out")
        raise
    if "cancel_after" in wish:
        shop.later(float(wish["cancel_after"]), lambda: _change_of_mind(shop, order))
    return order_entry(order)


def _change_of_mind(shop: Shop, order: Order) -> None:
    """The buyer cancels; too late where something was shipped."""
    if ordering.why_not_cancel(order):
        shop.counts["late cancellations"] += 1
    else:
        ordering.cancel(shop, order, reason="CUSTOMER", restock=True, refund=True)


def _hide(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The search index loses an order: pulls of what changed never show it."""
    order = shop.order_called(wish["hide"])
    shop.index.lose(order)
    shop.counts["orders hidden"] += 1
    return order_entry(order)


def _cancel(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    order = shop.order_called(wish["cancel"])
    reason = wish.get("reason", "CUSTOMER")
    if reason not in ordering.CANCEL_REASONS:
        raise ValueError(f"reason {reason!r} is none of {ordering.CANCEL_REASONS}")
    ordering.cancel(
        shop,
        order,
        reason=reason,
        restock=wish.get("restock", True),
        refund=wish.get("refund", True),
    )
    return order_entry(order)


def _pay(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    order = shop.order_called(wish["pay"])
    ordering.pay(shop, order)
    return order_entry(order)


def _edit(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    order = shop.order_called(wish["edit"])
    ordering.edit(shop, order, wish["lines"])
    return order_entry(order)


def _fulfill(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Another app ships what is open: all of it, or `lines` [{sku, quantity}]."""
    order = shop.order_called(wish["fulfill"])
    tracking = wish.get("tracking", {"company": "USPS", "number": "9400100000000000000000"})
    try:
        for group in _groups(order, wish.get("lines")):
            fulfilling.create(shop, [group], tracking=tracking, external=True)
    except UserErrors as error:
        raise ValueError(str(error)) from error
    return order_entry(order)


def _unfulfill(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    order = shop.order_called(wish["unfulfill"])
    shipped: list[Fulfillment] = [one for one in order.fulfillments if one.status == "SUCCESS"]
    if not shipped:
        raise ValueError(f"{order.name} has no fulfillment")
    fulfilling.cancel(shop, shipped[-1])
    return order_entry(order)


def _groups(order: Order, lines: list[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    open_parts = [part for part in order.open_parts if part.open_quantity]
    if not open_parts:
        raise ValueError(f"{order.name} has nothing open")
    if lines is None:
        return [{"fulfillmentOrderId": part.id} for part in open_parts]
    left = {line["sku"]: int(line["quantity"]) for line in lines}
    groups = []
    for part in open_parts:
        picked = []
        for line in part.lines:
            take = min(left.get(line.sku or "", 0), line.remaining_quantity)
            if take:
                left[line.sku or ""] -= take
                picked.append({"id": line.id, "quantity": take})
        if picked:
            groups.append({"fulfillmentOrderId": part.id, "fulfillmentOrderLineItems": picked})
    if any(left.values()):
        raise ValueError(f"{order.name} has fewer open units than {lines}")
    return groups


def _set_quantity(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Another writer sets a quantity: {sku | inventory_item, location, quantity, name}."""
    wanted = wish["set_quantity"]
    name = wanted.get("name", "available")
    if name not in QUANTITY_NAMES:
        raise ValueError(f"no quantity {name!r}")
    if "inventory_item" in wanted:
        item = shop.items.get(wanted["inventory_item"])
    else:
        found = shop.variants_with(wanted["sku"])
        item = found[0].inventory_item if found else None
    if item is None:
        raise ValueError(f"no inventory item for {wanted}")
    level = shop.level(item, _location(shop, wanted.get("location")))
    delta = int(wanted["quantity"]) - level.quantity(name)
    inventory.add(level, name, delta, at=shop.now())
    return {
        "inventory_item": item.id,
        "sku": item.sku,
        "location": level.location.id,
        **{each: level.quantity(each) for each in QUANTITY_NAMES},
    }


def _next_bulk(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The next bulk operation gets "stuck", or fails half-way: "broken"."""
    shop.bulk.doom(wish["next_bulk"])
    return {}


def _free_bulk(shop: Shop, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Bulk operations that are stuck end now."""
    bulk.free(shop)
    return {}


def _location(shop: Shop, reference: str | None) -> Location:
    for location in shop.locations.values():
        if reference is None or reference in (location.id, location.name):
            return location
    raise ValueError(f"no location {reference!r}")


#: `edit` and `fulfill` may carry lines too, so a new order is asked for last.
_DEEDS: dict[str, Callable[[Shop, Mapping[str, Any]], dict[str, Any]]] = {
    "cancel": _cancel,
    "hide": _hide,
    "pay": _pay,
    "edit": _edit,
    "fulfill": _fulfill,
    "unfulfill": _unfulfill,
    "set_quantity": _set_quantity,
    "next_bulk": _next_bulk,
    "free_bulk": _free_bulk,
    **control_returns.DEEDS,
    "lines": _place,
}
