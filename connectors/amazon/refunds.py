"""Refunds at Amazon: what an order's items are worth, and an OrderAdjustment that pays them back.

OrderAdjustment.xsd (POST_PAYMENT_ADJUSTMENT_DATA): AmazonOrderID, then each AdjustedItem with
AmazonOrderItemCode, MerchantAdjustmentItemID, AdjustmentReason and ItemPriceAdjustments by component;
"all amounts are totals for the quantity", and nothing in it says how many units. The schema's order is
from memory, checked against published feed builders and the help page of the feed.

The MerchantAdjustmentItemID is "not used by Amazon": the same one twice pays twice. So an adjustment
is sent once, and whoever lost an answer looks at feeds and Finances (jobs.repay).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Record, Unreadable, count, list_of, money, part, text
from connectors.amazon.finances import GOODS, SHIPPING, SHIPPING_TAX, TAX, Finances, PaidBack
from connectors.amazon.operations import GET_ORDER
from connectors.amazon.order_feeds import OrderFeeds, message_id
from core.errors import Rejected
from core.model.money import Money
from core.model.returns import (
    QuotedLine,
    Refund,
    RefundedLine,
    RefundQuote,
    RefundRequest,
)
from core.ports import Key, RemoteRef

KIND = "refund"
#: AdjustmentReason, from Amazon's own client library: for units that came back, and for money alone.
CAME_BACK, MONEY_ALONE = "CustomerReturn", "GeneralAdjustment"
#: ItemProceeds.breakdowns type -> component. The buyer's discount lessens the goods.
_BOUGHT = {"ITEM": GOODS, "GIFT_WRAP": GOODS, "SHIPPING": SHIPPING}
_SHIPPED = ("SHIPPED", "PARTIALLY_SHIPPED")


@dataclass(frozen=True, slots=True)
class Bought:
    """One item of an order, as its buyer paid for it."""

    item: str
    sku: str
    units: int
    #: minor units by component, for all units
    amounts: Mapping[str, int]

    @property
    def worth(self) -> int:
        """Minor units of goods and tax."""
        return self.amounts[GOODS] + self.amounts[TAX]


class Refunds:
    """Refunds of one account."""

    def __init__(
        self, name: str, amazon: SellingPartner, feeds: OrderFeeds, finances: Finances
    ) -> None:
        self._name = name
        self._amazon = amazon
        self._feeds = feeds
        self._finances = finances

    def told(self, paid: PaidBack) -> Refund:
        """A payment that Finances shows, by the lines of its order. Raises Rejected, Unreadable."""
        bought = items_of(self._order(paid.order))
        lines = [
            RefundedLine(item, units, Money(goods, paid.currency))
            for item, units, goods in lines_of(paid, bought)
        ]
        return Refund(
            channel=self._name, remote_id=paid.ref, order=paid.order, made_at=paid.at,
            total=Money(paid.total, paid.currency), lines=tuple(lines),
            chargeback=paid.chargeback,
        )  # fmt: skip

    def quote(self, order: str, units: Mapping[str, int]) -> RefundQuote:
        """Raises Rejected."""
        with self._readable():
            return self._quote(order, units)

    def _quote(self, order: str, units: Mapping[str, int]) -> RefundQuote:
        record = self._order(order)
        status = text(part(record, "fulfillment"), "fulfillmentStatus")
        if status not in _SHIPPED:
            raise self._no(f"the order is {status or 'not stated'}: nothing was charged yet")
        bought, currency = items_of(record), _currency(record)
        left, gone = self._standing(order, bought)
        lines = []
        for line, wanted in units.items():
            one, before = self._check_units(bought, gone, line, wanted), gone[line]
            goods, tax = (
                _share(one.amounts[name], before, wanted, one.units) for name in (GOODS, TAX)
            )
            lines.append(QuotedLine(line, wanted, Money(goods, currency), Money(tax, currency)))
        shipping = sum(max(0, one[SHIPPING] + one[SHIPPING_TAX]) for one in left.values())
        most = sum(max(0, sum(one.values())) for one in left.values())
        return RefundQuote(tuple(lines), Money(shipping, currency), Money(most, currency))

    def push(self, refund: RefundRequest, *, key: Key) -> RemoteRef:
        """Begin the feed; its id. Raises Rejected before it where it asks for too much."""
        with self._readable():
            record = self._order(refund.order)
            bought = items_of(record)
            left, gone = self._standing(refund.order, bought)
            for line in refund.lines:
                self._check_units(bought, gone, line.line, line.quantity)
            parts = self._parts(refund, bought, left)
            message = adjustment(refund, parts, key=key, currency=_currency(record))
        return self._feeds.submit(KIND, "OrderAdjustment", message, key=key)

    def find(self, refund: RefundRequest) -> RemoteRef | None:
        """A payment of exactly this on the order, that Finances shows."""
        with self._readable():
            return self._find(refund)

    def _find(self, refund: RefundRequest) -> RemoteRef | None:
        bought = items_of(self._order(refund.order))
        wanted = Counter({one.line: one.amount.amount for one in refund.lines})
        for paid in self._finances.of_order(refund.order):
            goods = Counter({item: cents for item, _, cents in lines_of(paid, bought)})
            if paid.total == refund.total.amount and goods == wanted:
                return paid.ref
        return None

    def _check_units(
        self, bought: Mapping[str, Bought], gone: Mapping[str, int], line: str, wanted: int
    ) -> Bought:
        """The item a line is. Raises Rejected where so many units of it are not left."""
        one = bought.get(line)
        if one is None:
            raise self._no(f"the order has no item {line}")
        if wanted > one.units - gone[line]:
            raise self._no(f"{one.units - gone[line]} of item {line} are left, not {wanted}")
        return one

    def _standing(
        self, order: str, bought: Mapping[str, Bought]
    ) -> tuple[dict[str, Counter[str]], Counter[str]]:
        """Minor units left of each item by component, and units of each that are settled.

        Only of what Finances shows: what was paid a moment ago may be missing. Amazon itself refuses
        what is more than was paid, and our own units are counted by us.
        """
        left = {item: Counter(one.amounts) for item, one in bought.items()}
        gone: Counter[str] = Counter()
        for paid in self._finances.of_order(order):
            for one, item in _placed(paid, bought):
                left[item].subtract(one.amounts)
            for item, units, _ in lines_of(paid, bought):
                gone[item] += units
        return left, gone

    def _parts(
        self, refund: RefundRequest, bought: Mapping[str, Bought],
        left: Mapping[str, Counter[str]],
    ) -> dict[str, dict[str, int]]:  # fmt: skip
        """Item -> component -> minor units; together exactly what is asked for."""
        parts: dict[str, dict[str, int]] = {}
        for line in refund.lines:
            one, wanted, room = bought[line.line], line.amount.amount, left[line.line]
            goods = wanted * one.amounts[GOODS] // max(1, one.worth)
            # Rounded parts must not add up to a cent more than was paid of either.
            goods = max(min(goods, room[GOODS]), wanted - room[TAX])
            if goods > room[GOODS]:
                raise self._no(f"{line.amount} of item {line.line} is more than is left of it")
            parts[line.line] = {GOODS: goods, TAX: wanted - goods}
        due = refund.shipping.amount
        for item, room in left.items():
            for name in (SHIPPING, SHIPPING_TAX):
                taken = min(due, max(0, room[name]))
                if taken:
                    parts.setdefault(item, {})[name] = taken
                    due -= taken
        if due:
            raise self._no(f"{refund.shipping} is more than is left of the shipping")
        return parts

    def _order(self, order: str) -> Record:
        """Raises Rejected where there is none."""
        answer = self._amazon.call(
            GET_ORDER, order, query={"includedData": "PROCEEDS,FULFILLMENT"}
        )  # fmt: skip
        found = part(answer, "order")
        if not found:
            raise self._no("there is no such order")
        return found

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """What cannot be read is no ground for a payment. Raises Rejected."""
        try:
            yield
        except Unreadable as error:
            raise self._no(str(error)) from None

    def _no(self, words: str) -> Rejected:
        return Rejected(words, connector=self._name, operation=KIND)


def adjustment(
    refund: RefundRequest, parts: Mapping[str, Mapping[str, int]], *, key: Key, currency: str
) -> Element:
    """The message; its elements in the schema's order."""
    made = Element("OrderAdjustment")
    SubElement(made, "AmazonOrderID").text = refund.order
    units = {one.line: one.quantity for one in refund.lines}
    for number, (item, amounts) in enumerate(parts.items(), start=1):
        one = SubElement(made, "AdjustedItem")
        SubElement(one, "AmazonOrderItemCode").text = item
        SubElement(one, "MerchantAdjustmentItemID").text = f"{message_id(key)}-{number}"
        reason = CAME_BACK if units.get(item) else MONEY_ALONE
        SubElement(one, "AdjustmentReason").text = reason
        prices = SubElement(one, "ItemPriceAdjustments")
        for name, cents in amounts.items():
            if cents:
                component = SubElement(prices, "Component")
                SubElement(component, "Type").text = name
                amount = SubElement(component, "Amount", currency=currency)
                amount.text = str(Money(cents, currency)).split()[0]
    return made


def items_of(record: Record) -> dict[str, Bought]:
    """What was paid for each item of an order, read with PROCEEDS. Raises Unreadable."""
    return {text(one, "orderItemId"): _bought(one) for one in list_of(record, "orderItems")}


def _bought(item: Any) -> Bought:
    amounts = dict.fromkeys((GOODS, TAX, SHIPPING, SHIPPING_TAX), 0)
    for one in list_of(part(item, "proceeds"), "breakdowns"):
        word, found = text(one, "type"), money(one, "subtotal")
        cents = found.amount if found else 0
        if word == "TAX":
            detail = {
                text(inner, "subtype"): money(inner, "value")
                for inner in list_of(one, "detailedBreakdowns")
            }
            shipping = detail.get("SHIPPING")
            amounts[SHIPPING_TAX] += shipping.amount if shipping else 0
            amounts[TAX] += cents - (shipping.amount if shipping else 0)
        elif word == "DISCOUNT":
            _take_off(amounts, one, cents)
        elif word in _BOUGHT:
            amounts[_BOUGHT[word]] += cents
    return Bought(
        text(item, "orderItemId"), text(part(item, "product"), "sellerSku"),
        count(item, "quantityOrdered") or 0, amounts,
    )  # fmt: skip


def _take_off(amounts: dict[str, int], one: Any, cents: int) -> None:
    """A discount, whichever sign it is written with: the model does not say."""
    detail = {
        text(inner, "subtype"): money(inner, "value")
        for inner in list_of(one, "detailedBreakdowns")
    }
    shipping = detail.get("SHIPPING")
    of_shipping = abs(shipping.amount) if shipping else 0
    amounts[SHIPPING] -= of_shipping
    amounts[GOODS] -= abs(cents) - of_shipping


def _placed(paid: PaidBack, bought: Mapping[str, Bought]) -> list[tuple[Any, str]]:
    """Each item of a payment with the order item it is of: Finances names a SKU alone."""
    placed = []
    for one in paid.items:
        alike = [item for item, known in bought.items() if known.sku == one.sku]
        if not alike:
            raise Unreadable(f"a refund of {one.sku[:40] or 'no SKU'}, which its order has not")
        placed.append((one, max(alike, key=lambda item: bought[item].worth)))
    return placed


def lines_of(paid: PaidBack, bought: Mapping[str, Bought]) -> list[tuple[str, int, int]]:
    """(item, units, minor units of goods and tax) of a payment. Raises Unreadable.

    Units are what the goods' money is worth, rounded, and at most what is stated: of a payment of
    money alone Amazon states the units that were sold.
    """
    found = []
    for one, item in _placed(paid, bought):
        known = bought[item]
        goods = one.amounts.get(GOODS, 0)
        whole = known.amounts[GOODS]
        worth = (2 * goods * known.units + whole) // (2 * whole) if whole > 0 else 0
        cents = goods + one.amounts.get(TAX, 0)
        found.append((item, max(0, min(worth, one.units, known.units)), cents))
    return found


def _share(whole: int, before: int, units: int, of: int) -> int:
    """What some units have of a whole, after others had theirs; together exactly all of it."""
    return whole * (before + units) // of - whole * before // of


def _currency(record: Record) -> str:
    """Raises Unreadable."""
    total = money(part(record, "proceeds"), "grandTotal")
    if total is None:
        raise Unreadable("the order states no price yet")
    return total.currency
