"""Three-way match: an invoice against what was ordered and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.model.catalog import Sku
from core.model.invoices import Invoice, InvoiceState
from core.model.money import Money
from core.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Supplied:
    """Units of one Sku of the order that an invoice names."""

    ordered: int
    #: received by us, or shipped to the buyer
    came: int
    #: by other invoices of the same order, credits taken off
    billed: int
    #: of one unit, as agreed; None: not known
    price: Money | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What may differ without a person, in percent."""

    #: of a line's amount
    price: int = 0
    #: of the goods, for freight and other charges
    extras: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    state: InvoiceState
    #: what does not fit; () where all does
    differences: tuple[Reason, ...]


def match(
    invoice: Invoice, supplied: Mapping[Sku, Supplied] | None, *, names: Mapping[str, Sku],
    terms: Terms, overdue: bool,
) -> Match:  # fmt: skip
    """Hold an invoice against its order; None: nobody knows that order.

    `overdue`: it has waited for its goods long enough. Quantities that have not come yet are
    waited for until then; everything else is for a person at once.
    """
    if supplied is None:
        return Match(InvoiceState.DIFFERS, (Reason.of("invoice_no_order", order=invoice.order),))
    found = [*_sums(invoice), *_strange(invoice, names)]
    waits: list[Reason] = []
    for sku, (units, amount) in _by_sku(invoice, names).items():
        one = supplied[sku]
        found += _price(sku, units, amount, one, terms)
        if invoice.credit:
            if units > one.billed:
                found.append(
                    Reason.of("invoice_credits_more", sku=sku, units=units, billed=one.billed)
                )
        elif one.billed + units > one.ordered:
            found.append(
                Reason.of(
                    "invoice_over", sku=sku, units=units, ordered=one.ordered, billed=one.billed
                )
            )
        elif one.billed + units > one.came:
            waits.append(
                Reason.of("invoice_ahead", sku=sku, units=units, came=one.came, billed=one.billed)
            )
    if not invoice.credit and invoice.extras.amount * 100 > terms.extras * invoice.goods.amount:
        found.append(
            Reason.of("invoice_extras", extras=str(invoice.extras), goods=str(invoice.goods))
        )
    if found or (waits and overdue):
        # What may still come is no quarrel yet.
        return Match(InvoiceState.DIFFERS, (*found, *(waits if overdue else ())))
    return Match(InvoiceState.WAITING if waits else InvoiceState.MATCHED, tuple(waits))


def _sums(invoice: Invoice) -> list[Reason]:
    if invoice.total == invoice.reckoned:
        return []
    return [Reason.of("invoice_total", total=str(invoice.total), reckoned=str(invoice.reckoned))]


def _strange(invoice: Invoice, names: Mapping[str, Sku]) -> list[Reason]:
    strange = sorted({one.item for one in invoice.lines if one.item not in names and one.quantity})
    return [Reason.of("invoice_strange", items=", ".join(strange))] if strange else []


def _by_sku(invoice: Invoice, names: Mapping[str, Sku]) -> dict[Sku, tuple[int, Money]]:
    made: dict[Sku, tuple[int, Money]] = {}
    for one in invoice.lines:
        if (sku := names.get(one.item)) is not None:
            units, amount = made.get(sku, (0, Money(0, invoice.currency)))
            made[sku] = units + one.quantity, amount + one.amount
    return made


def _price(sku: Sku, units: int, amount: Money, one: Supplied, terms: Terms) -> list[Reason]:
    """The line's amount against so many units at the agreed price; to a cent a unit is not told."""
    if one.price is None:
        # Nothing to hold it against: whatever they bill would fit.
        return [Reason.of("invoice_no_price", sku=sku, units=units, told=str(amount))]
    expected = one.price * units
    other = amount.currency != expected.currency
    # Prices of packs need not come out even by the unit.
    near = 50 * units
    if (
        not other
        and abs(amount.amount - expected.amount) * 100 <= terms.price * expected.amount + near
    ):
        return []
    if other:
        return [
            Reason.of(
                "invoice_currency", sku=sku, units=units, told=str(amount), expected=str(expected)
            )
        ]
    return [
        Reason.of("invoice_price", sku=sku, units=units, told=str(amount), expected=str(expected))
    ]
