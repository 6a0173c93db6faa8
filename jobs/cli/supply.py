"""What suppliers told of a Sku, for `explain sku`."""

from __future__ import annotations

from typing import Any

from core.model.catalog import Sku
from core.model.purchasing import SupplierItem
from jobs.store.demand import Demands
from jobs.store.store import Tx


def supply_of(tx: Tx, sku: Sku) -> list[dict[str, Any]]:
    """Each supplier's terms, those that are not told left out."""
    return [_told(one) for one in Demands(tx).items([sku]).get(sku, [])]


def supply_line(one: dict[str, Any]) -> str:
    """The same for a person."""
    parts = [f"{one['supplier']}: item {one['item']}"]
    if one["pack"] > 1:
        parts.append(f"packs of {one['pack']}")
    if one["least"] > 1:
        parts.append(f"at least {one['least']}")
    parts += [f"{one['cost']} each"] if one["cost"] else []
    parts += [f"{cost} from {units} on" for units, cost in one["breaks"]]
    parts += [f"{one['lead_days']} days"] if one["lead_days"] is not None else []
    parts += ["DISCONTINUED"] if one["discontinued"] else []
    return ", ".join(parts)


def _told(one: SupplierItem) -> dict[str, Any]:
    return {
        "supplier": one.supplier,
        "item": one.item,
        "pack": one.pack,
        "least": one.least,
        "cost": str(one.cost) if one.cost else None,
        "breaks": [[units, str(cost)] for units, cost in one.breaks],
        "lead_days": one.lead_days,
        "discontinued": one.discontinued,
    }
