"""The truth at the end, read from the remotes' own books and never from our tables.

The demo prints it; the end-to-end tests demand it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.demo.world import World

_NONE: Mapping[str, int] = {}


@dataclass(frozen=True)
class Sold:
    """An order as its channel knows it."""

    channel: str
    id: str
    name: str
    by_amazon: bool
    canceled: bool
    #: sku -> units the buyer wants
    units: Counter[str]
    #: sku -> units the channel was told are on their way
    confirmed: Counter[str]
    #: tracking numbers, one per parcel the channel was told of
    parcels: tuple[str, ...]


def sold(world: World) -> list[Sold]:
    """Every order of both channels."""
    with world.shopify.lock:
        shopify = world.shopify.books()
    with world.amazon.lock:
        amazon = world.amazon.books()
    return [
        *(_shopify_order(order) for order in shopify["orders"]),
        *(_amazon_order(order) for order in amazon["orders"]),
    ]


def _shopify_order(order: dict[str, Any]) -> Sold:
    told = [one for one in order["fulfillments"] if one["status"] == "SUCCESS"]
    confirmed: Counter[str] = Counter()
    for line in order["lines"]:
        confirmed[line["sku"]] += line["fulfilled_quantity"]
    units: Counter[str] = Counter()
    for line in order["lines"]:
        units[line["sku"]] += line["current_quantity"]
    for back in order["returns"]:
        # What came back left the order, and was wanted and shipped all the same.
        for line in back["lines"]:
            units[line["sku"]] += line["processed"]
    return Sold(
        channel="shopify-us",
        # We know an order by its number, the shop's books by its gid.
        id=order["id"].rpartition("/")[2],
        name=order["name"],
        by_amazon=False,
        canceled=order["canceled"] is not None,
        units=units,
        confirmed=+confirmed,
        parcels=tuple(number for one in told for number in _numbers(one)),
    )


def _numbers(fulfillment: dict[str, Any]) -> list[str]:
    return [one["number"] for one in fulfillment["tracking"]]


def _amazon_order(order: dict[str, Any]) -> Sold:
    units: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for line in order["lines"]:
        units[line["sku"]] += line["quantity"]
        confirmed[line["sku"]] += line["confirmed"]
    return Sold(
        channel="amazon-us",
        id=order["id"],
        name=order["id"],
        by_amazon=order["fulfilled_by"] == "AMAZON",
        canceled=order["status"] == "CANCELLED",
        units=Counter() if order["status"] == "CANCELLED" else units,
        confirmed=+confirmed,
        parcels=tuple(package["tracking_number"] for package in order["packages"]),
    )


def picked_up(world: World) -> Counter[str]:
    """Request key -> how often a place picked it up."""
    counted: Counter[str] = Counter()
    for place in (world.warehouse, world.acme):
        with place.lock:
            books = place.books()
        for key, request in books["requests"].items():
            counted[key] += request["count"]
    return counted


def shipped(world: World) -> dict[str, Counter[str]]:
    """Order id (as it stands in the request keys) -> sku -> units the places shipped."""
    units: dict[str, Counter[str]] = {}
    for place in (world.warehouse, world.acme):
        with place.lock:
            books = place.books()
        for parcel in books["shipments"]:
            order = order_of(parcel["key"])
            for line in parcel["lines"]:
                units.setdefault(order, Counter())[line["sku"]] += line["quantity"]
    return units


def order_of(key: str) -> str:
    """`shopify-us:5501:F2` -> `shopify-us:5501`."""
    return key.rpartition(":")[0]


def problems(world: World, *, waiting: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong, in words; empty when all is as it must be.

    `waiting` are orders (`channel:id`) that could not be filled: each must be known to a person.
    """
    wrong = [
        f"{key} was handed over {count} times"
        for key, count in picked_up(world).items()
        if count != 1
    ]
    sent = shipped(world)
    for order in sold(world):
        wrong.extend(_wrong_with(order, sent, waiting))
    return wrong


def _wrong_with(order: Sold, sent: dict[str, Counter[str]], waiting: frozenset[str]) -> list[str]:
    key = f"{order.channel}:{order.id}"
    units = sent.get(key, Counter())
    if order.by_amazon:
        return [f"{order.name} is Amazon's to ship, and we shipped it"] if units else []
    wrong = []
    for sku, quantity in units.items():
        if quantity > order.units[sku] and not order.canceled:
            wrong.append(f"{order.name}: {quantity} of {sku} shipped, {order.units[sku]} wanted")
    if len(order.parcels) != len(set(order.parcels)):
        wrong.append(f"{order.name}: one parcel confirmed twice: {order.parcels}")
    if order.canceled:
        return wrong
    if key in waiting:
        if units:
            wrong.append(f"{order.name} waits for units, and some were shipped")
        return wrong
    if units != order.units:
        wrong.append(f"{order.name}: shipped {dict(units)}, wanted {dict(order.units)}")
    if order.confirmed != order.units:
        wrong.append(f"{order.name}: confirmed {dict(order.confirmed)}, wanted {dict(order.units)}")
    return wrong


def shown(world: World) -> dict[tuple[str, str], int]:
    """(channel, sku) -> the quantity buyers see, of what we fulfill."""
    with world.shopify.lock:
        shopify = world.shopify.books()
    with world.amazon.lock:
        amazon = world.amazon.books()
    found = {("shopify-us", row["sku"]): int(row["available"]) for row in shopify["quantities"]}
    found |= {
        ("amazon-us", row["sku"]): int(row["quantity"])
        for row in amazon["listings"]
        if row["fulfilled_by"] == "MERCHANT"
    }
    return found


def paid_back(world: World) -> list[dict[str, Any]]:
    """Each return that the shop's own books have, with how often its units were paid for there."""
    with world.shopify.lock:
        books = world.shopify.books()["orders"]
    return [
        {
            "order": order["name"],
            "status": back["status"],
            "units": sum(line["quantity"] for line in back["lines"]),
            "refunded": sum(line["refunded"] for line in back["lines"]),
            "refunds": len(order["refunds"]),
        }
        for order in books
        for back in order["returns"]
    ]


def sent_instead(world: World, replaced: Collection[str]) -> int:
    """Units that places shipped for these orders, which replace something."""
    sent = shipped(world)
    return sum(sum(sent.get(key, Counter()).values()) for key in replaced)


def wrong_returns(
    world: World, *, refunded: str, replaced: Mapping[str, Counter[str]]
) -> list[str]:
    """What is wrong with what came back. `refunded`: the order of the unit that is to be paid back
    ("": none); `replaced`: request key of an order that replaces something -> what is to be sent."""
    found = paid_back(world)
    wrong = [
        f"{one['order']}: {one['refunds']} refunds for {one['units']} units, return {one['status']}"
        for one in found
        if (one["refunds"], one["refunded"], one["status"]) != (1, one["units"], "CLOSED")
    ]
    if [one["order"] for one in found] != [refunded] * bool(refunded):
        wrong.append(f"{refunded or 'nothing'} is to come back, the shop has {found}")
    sent = shipped(world)
    for key, units in replaced.items():
        if sent.get(key) != units:
            wrong.append(f"{key}: {dict(sent.get(key, {}))} sent as replacement, not {dict(units)}")
    return wrong


def sellable(
    world: World, *, waiting: frozenset[str] = frozenset(), restocked: Mapping[str, int] = _NONE
) -> dict[str, int]:
    """Sku -> units that may still be sold once everything is settled, from the places' own books.

    `restocked`: units that came back and are on the shelf of our warehouse again.
    """
    left = {one.sku: one.warehouse + restocked.get(one.sku, 0) for one in world.goods}
    with world.warehouse.lock:
        parcels = world.warehouse.books()["shipments"]
    for parcel in parcels:
        for line in parcel["lines"]:
            left[line["sku"]] -= line["quantity"]
    with world.acme.lock:
        theirs = world.acme.books()["stock"]
    for sku, figure in theirs.items():
        left[sku] += figure["on_hand"] - figure["committed"]
    for order in sold(world):
        if f"{order.channel}:{order.id}" in waiting:
            for sku, quantity in order.units.items():
                left[sku] -= quantity
    return {sku: max(0, units) for sku, units in left.items()}


def wrongly_shown(
    world: World, *, waiting: frozenset[str] = frozenset(), restocked: Mapping[str, int] = _NONE
) -> list[str]:
    """Where a channel does not show what may be sold."""
    may = sellable(world, waiting=waiting, restocked=restocked)
    return [
        f"{channel} shows {units} of {sku}, {may[sku]} may be sold"
        for (channel, sku), units in sorted(shown(world).items())
        if units != may[sku]
    ]
