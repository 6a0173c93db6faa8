"""What suppliers bill us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.model.money import Money


class InvoiceState(StrEnum):
    #: it fits what was ordered and what came
    MATCHED = "matched"
    #: it fits, once the goods are here
    WAITING = "waiting"
    #: a person decides
    DIFFERS = "differs"
    #: a person took it as it is
    ACCEPTED = "accepted"
    #: a person refused it: it bills nothing
    REJECTED = "rejected"


#: States that are looked at again when goods come.
OPEN_INVOICES = (InvoiceState.WAITING, InvoiceState.DIFFERS)


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    #: their word for the thing, or our Sku
    item: str
    #: units, never packs
    quantity: int
    #: what these units cost together, without charges of the whole
    amount: Money


@dataclass(frozen=True, slots=True)
class Invoice:
    """One bill. Money is in its own currency; a credit gives money back, its amounts are positive."""

    number: str
    #: the purchase order's number or the request's key that it names; "": none
    order: str
    on: date
    currency: str
    lines: tuple[InvoicedLine, ...]
    #: freight and other charges less allowances
    extras: Money
    #: as it stands there, which need not be what its parts come to
    total: Money
    credit: bool = False

    @property
    def goods(self) -> Money:
        return Money(sum(one.amount.amount for one in self.lines), self.currency)

    @property
    def reckoned(self) -> Money:
        """What its parts come to."""
        return self.goods + self.extras
