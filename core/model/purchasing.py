"""What suppliers sell us, and on which terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from core.model.catalog import LocationId, Sku
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

    def price(self, units: int) -> Money | None:
        """Of one unit in an order of so many; None: not told."""
        price = self.cost
        for least, lower in self.breaks:
            if units >= least:
                price = lower
        return price


class PurchaseState(StrEnum):
    """Where a restock purchase order stands."""

    #: a person approved it; it is not at the supplier yet
    DRAFT = "draft"
    SENT = "sent"
    #: the supplier said what will come
    ACKNOWLEDGED = "acknowledged"
    PARTLY_RECEIVED = "partly_received"
    #: everything came
    RECEIVED = "received"
    #: a person expects nothing more of it
    CLOSED = "closed"
    #: it was taken back before it was sent
    CANCELED = "canceled"


#: States in which units are still to come.
OPEN_PURCHASES = (
    PurchaseState.DRAFT,
    PurchaseState.SENT,
    PurchaseState.ACKNOWLEDGED,
    PurchaseState.PARTLY_RECEIVED,
)


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    sku: Sku
    #: what the supplier calls it
    item: str
    #: units, never packs
    quantity: int
    #: of one unit, as we know it; None: not known
    price: Money | None = None
    #: units in one pack
    pack: int = 1


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What we order from a supplier to restock a place: told once, under `number`."""

    #: printed on the order, echoed in their answers and on the packing slip
    number: str
    supplier: str
    #: the place that receives it
    location: LocationId
    lines: tuple[PurchaseLine, ...]
    ordered_at: datetime
    #: when we need it there; None: as soon as can be
    needed_on: date | None = None


@dataclass(frozen=True, slots=True)
class PurchaseReminder:
    """A supplier is asked for its answer once more. It orders nothing."""

    order: PurchaseOrder
    #: counts from 1 within the order
    number: int
    #: when the order went out, and until when an answer was agreed
    sent_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class PurchaseAnswer:
    """A supplier's answer about one Sku of a purchase order."""

    #: the purchase order's number
    number: str
    #: their word for the thing, ours where they use it
    item: str
    #: units that will come; fewer than ordered is short, 0 is none
    quantity: int
    #: the instant it speaks of
    at: datetime
    #: the day it leaves them; None: not told
    ready_on: date | None = None
    #: their own reference for the order
    reference: str = ""
    #: of one unit, as they reckon it; None: not told
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class PurchaseVerdict:
    """A supplier's answer to all of a purchase order, without a word about its lines."""

    number: str
    #: all of it, as it was ordered; False: none of it
    comes: bool
    #: the instant it speaks of
    at: datetime
    #: their own reference for the order
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PurchaseLetter:
    """A supplier wrote about a purchase order in words: a person reads it, nothing is guessed."""

    number: str
    #: one of the addresses that the configuration names
    sender: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PurchaseBounce:
    """A mail server tells that a purchase order did not reach the supplier."""

    number: str
    #: as RFC 3463 has it: "5.1.1"
    code: str
    text: str = field(repr=False)
    #: it was a reminder that did not: the order itself may have
    reminder: bool = False


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
