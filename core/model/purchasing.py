"""What suppliers sell us, and on which terms."""

from __future__ import annotations

from dataclasses import dataclass

from core.model.catalog import Sku
from core.model.money import Money


@dataclass(frozen=True, slots=True)
class SupplierItem:
    """One Sku as one supplier sells it. Units are ours, never packs."""

    supplier: str
    sku: Sku
    #: what the supplier calls it
    item: str
    #: units in one pack; only whole packs are ordered
    pack: int = 1
    #: fewest units in one order
    least: int = 1
    #: of one unit; None: not told
    cost: Money | None = None
    #: (units, cost of one unit from there on), ascending
    breaks: tuple[tuple[int, Money], ...] = ()
    #: days from order to ready, as stated; None: not told
    lead_days: int | None = None
    discontinued: bool = False


@dataclass(frozen=True, slots=True)
class UnreadTerms:
    """Terms in a supplier's file that could not be read, all of them together."""

    #: the file
    name: str
    #: lines with such terms
    lines: int
    #: the first of them and why, for an operator
    first: str
    #: that line as it stood
    text: str
