"""What was paid back, as Finances (2024-06-19, listTransactions) shows it.

Facts: the model, and reports of real answers for the words it leaves open: a refund's breakdowns are
a tree whose leaves are named OurPricePrincipal, OurPriceTax, ShippingPrincipal and so on, negative;
fees, and tax that Amazon collects itself and takes back (MarketplaceFacilitatorTax…), stand beside
them and are not the buyer's money. An item is named by its SKU alone, never by its order item, and
nothing shows an id that we gave an adjustment ("not used by Amazon", says the help page of the feed).
Orders of the last 48 hours may be missing, and pages may be empty in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Record, Unreadable, instant, instant_text, list_of, part, text
from connectors.amazon.operations import LIST_TRANSACTIONS
from connectors.amazon.settings import Settings
from core.errors import Unavailable
from core.model.money import Money

#: transactionType -> whether a bank took it. Guarantee claims (A-to-z) are decided by Amazon.
KINDS = {
    "Refund": False, "ChargeRefund": False, "GuaranteeClaim": False, "GuaranteeClaimRefund": False,
    "Chargeback": True, "ChargebackRefund": True,
}  # fmt: skip
#: Leaves that are the buyer's money -> what of the order they are.
GOODS, TAX, SHIPPING, SHIPPING_TAX = "Principal", "Tax", "Shipping", "ShippingTax"
LEAVES = {
    "OurPricePrincipal": GOODS, "Principal": GOODS, "OurPriceDiscount": GOODS,
    "GiftwrapPrincipal": GOODS, "Giftwrap": GOODS, "OurPriceTax": TAX, "GiftwrapTax": TAX,
    "OurPriceTaxDiscount": TAX, "ShippingPrincipal": SHIPPING, "ShippingDiscount": SHIPPING,
    "ShippingTax": SHIPPING_TAX, "ShippingTaxDiscount": SHIPPING_TAX,
}  # fmt: skip
#: Groups that are told by their own amount where they have no leaves.
GROUPS = {"ProductCharges": GOODS, "Tax": TAX, "Shipping": SHIPPING, "ShippingCharges": SHIPPING}


@dataclass(frozen=True, slots=True)
class PaidItem:
    sku: str
    #: units as stated; of a refund of money alone it may be the units that were sold
    units: int
    #: minor units the buyer got, by component
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PaidBack:
    """One payment back."""

    ref: str
    order: str
    at: datetime
    currency: str
    items: tuple[PaidItem, ...]
    chargeback: bool
    #: the transaction as it came, without fees
    raw: Record

    @property
    def total(self) -> int:
        return sum(sum(one.amounts.values()) for one in self.items)


class Finances:
    """Reads of one account's transactions."""

    def __init__(self, name: str, amazon: SellingPartner, settings: Settings) -> None:
        self._name = name
        self._amazon = amazon
        self._marketplace = settings.marketplace_id

    def of_order(self, order: str) -> list[PaidBack]:
        """All payments back that an order shows. Raises Unavailable where one cannot be read."""
        query = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order}
        found: dict[str, PaidBack] = {}
        for page in self.pages(query):
            for record in page:
                try:
                    one = paid_back(record)
                except Unreadable as error:
                    raise self._trouble(str(error)) from None
                if one is not None:
                    found.setdefault(one.ref, one)
        return list(found.values())

    def between(self, after: datetime, before: datetime) -> Iterator[list[Record]]:
        """Pages of payments back posted in a time, as they came."""
        return self.pages(
            {"postedAfter": instant_text(after), "postedBefore": instant_text(before)}
        )

    def pages(self, query: Mapping[str, str]) -> Iterator[list[Record]]:
        """Without a marketplaceId: with one, orders that sellers in the US ship are left out."""
        token = ""
        while True:
            more = {"nextToken": token} if token else {}
            payload = part(self._amazon.call(LIST_TRANSACTIONS, query={**query, **more}), "payload")
            if "transactions" not in payload:
                raise self._trouble("an answer without transactions")
            yield [one for one in list_of(payload, "transactions") if self._is_refund(one)]
            following = text(payload, "nextToken")
            if following and following == token:
                raise self._trouble("a page that names itself as the next")
            token = following
            if not token:
                return

    def _is_refund(self, record: Any) -> bool:
        place = text(part(record, "marketplaceDetails"), "marketplaceId")
        place = place or text(part(record, "sellingPartnerMetadata"), "marketplaceId")
        return text(record, "transactionType") in KINDS and place in ("", self._marketplace)

    def _trouble(self, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=LIST_TRANSACTIONS.name)


def paid_back(record: Record) -> PaidBack | None:
    """None where no money of the buyer's is in it, as in an entry of fees. Raises Unreadable."""
    named = {
        text(one, "relatedIdentifierName"): text(one, "relatedIdentifierValue")
        for one in list_of(record, "relatedIdentifiers")
    }
    # A deferred payment comes again when it is released, as a transaction of its own.
    ref = (
        named.get("REFUND_ID")
        or named.get("DEFERRED_TRANSACTION_ID")
        or text(record, "transactionId")
    )
    order = named.get("ORDER_ID", "")
    if not ref or not order:
        raise Unreadable("a refund without an id or an order")
    found = [_item(one) for one in list_of(record, "items")]
    currencies = {currency for _, currency in found if currency}
    if len(currencies) > 1:
        raise Unreadable("a refund in several currencies")
    items = tuple(one for one, _ in found if sum(one.amounts.values()))
    if not items:
        return None
    return PaidBack(
        ref, order, instant(record, "postedDate"), currencies.pop(), items,
        KINDS.get(text(record, "transactionType"), False), record,
    )  # fmt: skip


def _item(record: Any) -> tuple[PaidItem, str]:
    context: Record = next(
        (one for one in list_of(record, "contexts") if text(one, "sku")), {}
    )  # fmt: skip
    amounts: dict[str, int] = {}
    currency = ""
    for component, found in _leaves(list_of(record, "breakdowns")):
        currency = found.currency
        # A refund is a loss of ours: what the buyer got is its negative.
        amounts[component] = amounts.get(component, 0) - found.amount
    stated = text(context, "quantityShipped")
    units = int(stated) if stated.isdecimal() and stated.isascii() else 0
    return PaidItem(text(context, "sku"), units, amounts), currency


def _leaves(breakdowns: Any) -> Iterator[tuple[str, Money]]:
    """(component, amount) of each leaf that is the buyer's money. Raises Unreadable."""
    for one in breakdowns:
        name, inner = text(one, "breakdownType"), list_of(one, "breakdowns")
        component = LEAVES.get(name) or (None if inner else GROUPS.get(name))
        if component is not None:
            yield component, _money(part(one, "breakdownAmount"))
        elif inner:
            yield from _leaves(inner)


def _money(record: Record) -> Money:
    """Amounts are JSON numbers; Python reads them as the shortest decimals, which are the cents."""
    try:
        return Money.parse(text(record, "currencyAmount"), text(record, "currencyCode").upper())
    except ValueError as error:
        raise Unreadable(f"breakdownAmount: {error}") from None
