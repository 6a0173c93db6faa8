"""What suppliers told of a Sku and what others call it, for `explain sku`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.model.catalog import Sku
from core.model.names import Source
from core.model.purchasing import SupplierItem
from core.model.reasons import Reason
from core.rules.names import in_force
from core.rules.sentences import render
from jobs.store.demand import Demands
from jobs.store.names import OutsideNames
from jobs.store.store import Tx
from jobs.wiring import Wiring


def supply_of(tx: Tx, sku: Sku) -> list[dict[str, Any]]:
    """Each supplier's terms, those that are not told left out."""
    return [_told(one) for one in Demands(tx).items([sku]).get(sku, [])]


def names_of(tx: Tx, wiring: Wiring, sku: Sku) -> list[dict[str, Any]]:
    """Names that mean the Sku now. Where files and people say something, what files say."""
    said = OutsideNames(tx).of_sku(sku)
    people = {
        one.name: now[Source.PERSON]
        for one in said
        if Source.PERSON
        in (now := in_force((each for each in said if each.name == one.name), at=tx.now))
    }
    files = wiring.loaded.names
    named = [
        *((one.name, one.meaning, one.where) for one in files.all() if one.meaning.sku == sku),
        *((name, one.meaning, one.who) for name, one in people.items() if not files.of(name)),
    ]
    return [
        {"by": str(name), "units": meaning.units, "sku": sku, "where": where}
        for name, meaning, where in sorted(named, key=lambda one: (one[0], one[2]))
        if meaning is not None and meaning.sku == sku
    ]


def supply_line(one: dict[str, Any], language: str = "en") -> str:
    """The same for a person."""
    return ", ".join(render(part, language) for part in _parts(one))


def _parts(one: dict[str, Any]) -> Iterator[Reason]:
    yield Reason.of("supply_item", supplier=one["supplier"], item=one["item"])
    if one["pack"] > 1:
        yield Reason.of("supply_pack", pack=one["pack"])
    if one["least"] > 1:
        yield Reason.of("supply_least", least=one["least"])
    if one["cost"]:
        yield Reason.of("supply_cost", cost=one["cost"])
    for units, cost in one["breaks"]:
        yield Reason.of("supply_break", units=units, cost=cost)
    if one["lead_days"] is not None:
        yield Reason.of("supply_days", days=one["lead_days"])
    if one["discontinued"]:
        yield Reason.of("supply_discontinued")


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
