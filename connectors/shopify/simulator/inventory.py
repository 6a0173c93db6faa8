"""The rules of quantities: what moves with what.

`on_hand` is the sum of available, committed, damaged, quality_control, reserved and safety_stock;
so changing one of them moves on_hand by the same delta, `incoming` does not, and setting on_hand
moves available (observed 2026-04).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import InventoryItem, Level, LineItem, Location


@dataclass(frozen=True)
class Change:
    """One line of an InventoryAdjustmentGroup."""

    name: str
    delta: int
    item: InventoryItem
    location: Location
    ledger_document_uri: str | None = None

    #: null in every recording
    quantity_after_change = None


@dataclass(frozen=True)
class AdjustmentGroup:
    """What one inventory mutation did."""

    id: str
    created_at: datetime
    reason: str
    reference_document_uri: str | None
    changes: list[Change]


def add(level: Level, name: str, delta: int, *, at: datetime) -> list[Change]:
    """Move one quantity and what mirrors it; returns what changed, the named quantity first."""
    if delta == 0:
        return []
    part = "available" if name == "on_hand" else name
    level.amounts[part] = level.amounts.get(part, 0) + delta
    level.is_active = True
    level.updated_at = at
    names = [name] if name == "incoming" else list(dict.fromkeys((name, part, "on_hand")))
    for each in names:
        level.changed_at[each] = at
    return [Change(each, delta, level.item, level.location) for each in names]


def commit(shop: Shop, line: LineItem, location: Location, quantity: int) -> None:
    """An order takes units: available - n, committed + n; on_hand stays."""
    _shift(shop, line, location, "available", "committed", quantity)


def uncommit(
    shop: Shop, line: LineItem, location: Location, quantity: int, *, restock: bool
) -> None:
    """An order gives units back; without restock they leave on_hand too."""
    if restock:
        _shift(shop, line, location, "committed", "available", quantity)
    else:
        ship(shop, line, location, quantity)


def ship(shop: Shop, line: LineItem, location: Location, quantity: int) -> None:
    """Units leave the building: committed - n, on_hand - n."""
    if level := _counted(shop, line, location):
        add(level, "committed", -quantity, at=shop.now())


def unship(shop: Shop, line: LineItem, location: Location, quantity: int) -> None:
    """A canceled fulfillment: the units are on the shelf and promised again."""
    if level := _counted(shop, line, location):
        add(level, "committed", quantity, at=shop.now())


def recommit(
    shop: Shop, line: LineItem, *, source: Location, target: Location, quantity: int
) -> None:
    """A fulfillment order moved: the promise moves from one location to the other."""
    uncommit(shop, line, source, quantity, restock=True)
    commit(shop, line, target, quantity)


def available(item: InventoryItem, location: Location) -> int:
    level = item.levels.get(location.id)
    return level.quantity("available") if level and level.is_active else 0


def _shift(
    shop: Shop, line: LineItem, location: Location, source: str, target: str, quantity: int
) -> None:
    if level := _counted(shop, line, location):
        add(level, source, -quantity, at=shop.now())
        add(level, target, quantity, at=shop.now())


def _counted(shop: Shop, line: LineItem, location: Location) -> Level | None:
    """The level to change; None where the item is not tracked."""
    item = line.variant.inventory_item
    return shop.level(item, location) if item.tracked else None
