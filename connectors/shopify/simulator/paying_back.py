"""Paying buyers back: what Shopify suggests, what it refuses, and what a refund does to an order.

Messages as recorded on real stores in 2025-01 and 2026-04 (observed_user_errors.tsv); where none
was recorded, the comment says so. Amounts come in what the buyer paid in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.shopify.simulator import inventory, ordering
from connectors.shopify.simulator.refusal import UserErrors, refuse, top_level
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import (
    CENT,
    ZERO,
    Adjustment,
    LineItem,
    Location,
    Order,
    Refund,
    RefundLine,
    RefundShipping,
    Transaction,
)
from connectors.shopify.simulator.state_returns import Return

TOO_MANY = "Quantity cannot refund more items than were purchased"

#: A GraphQL input object: names as the API spells them.
Input = Mapping[str, Any]


@dataclass(frozen=True)
class Unit:
    """Units of a line that are paid back."""

    line: LineItem
    quantity: int
    restock_type: str = "NO_RESTOCK"
    location: Location | None = None


@dataclass(frozen=True)
class Payment:
    """Money that goes back the way it came, in the shop's currency."""

    parent: Transaction
    amount: Decimal


@dataclass(frozen=True)
class Shipping:
    """Of what was paid for shipping; tax is not counted in `amount`."""

    amount: Decimal
    tax: Decimal


# -- what is suggested


def suggested(shop: Shop, order: Order, arguments: Input) -> dict[str, Any]:
    """SuggestedRefund of some lines, or of all that can be refunded."""
    rows = arguments.get("refundLineItems") or []
    if arguments.get("suggestFullRefund"):
        rows = [
            {"lineItemId": line.id, "quantity": line.refundable_quantity}
            for line in order.lines
            if line.refundable_quantity
        ]
    try:
        units = units_of(shop, order, rows)
    except UserErrors as error:
        # It has no userErrors; how it refuses was not recorded.
        raise top_level(str(error), code="INVALID_FIELD_ARGUMENTS") from error
    lines = [_line(order, unit, identity="") for unit in units]
    wanted = order.shipping_left if arguments.get("refundShipping") else ZERO
    if arguments.get("shippingAmount") is not None:
        wanted = in_shop_money(order, arguments["shippingAmount"])
    goods = sum((line.subtotal for line in lines), ZERO)
    tax = sum((line.tax for line in lines), ZERO)
    shipping = shipping_of(order, wanted)
    net = order.received - order.refunded
    amount = min(net, goods + tax + shipping.amount + shipping.tax)
    return {
        "amountSet": order.bag(amount),
        "maximumRefundableSet": order.bag(net),
        "discountedSubtotalSet": order.bag(goods),
        "subtotalSet": order.bag(goods),
        "totalTaxSet": order.bag(tax),
        "refundLineItems": lines,
        "shipping": shown_shipping(order, shipping),
        "suggestedTransactions": _suggested_transactions(order, amount),
    }


def shown_shipping(order: Order, shipping: Shipping) -> dict[str, Any]:
    """A ShippingRefund."""
    return {
        "amountSet": order.bag(shipping.amount),
        "maximumRefundableSet": order.bag(order.shipping_left),
        "taxSet": order.bag(shipping.tax),
    }


def _suggested_transactions(order: Order, amount: Decimal) -> list[dict[str, Any]]:
    found = []
    for paid in ordering.payments(order):
        take = min(amount, paid.left)
        amount -= take
        if paid.left:
            found.append(
                {
                    "amountSet": order.bag(take),
                    "gateway": paid.gateway,
                    "kind": "SUGGESTED_REFUND",
                    "maximumRefundableSet": order.bag(paid.left),
                    "parentTransaction": paid,
                }
            )
    return found


# -- reading what is asked for


def in_shop_money(order: Order, amount: Any) -> Decimal:
    """What the buyer paid in, as the shop counts it."""
    return (Decimal(str(amount)) / order.rate).quantize(CENT)


def units_of(shop: Shop, order: Order, rows: Sequence[Input]) -> list[Unit]:
    """RefundLineItemInput rows. Raises UserErrors."""
    taken: Counter[str] = Counter()
    units = []
    for row, wish in enumerate(rows):
        where: list[str | int] = ["refundLineItems", row]
        line = next((one for one in order.lines if one.id == wish["lineItemId"]), None)
        if line is None:
            # its message was never recorded
            raise refuse("Line item does not exist", field=[*where, "lineItemId"])
        if wish["quantity"] < 1:
            # its message was never recorded
            raise refuse("Quantity must be greater than 0", field=[*where, "quantity"])
        taken[line.id] += wish["quantity"]
        if taken[line.id] > line.refundable_quantity:
            raise refuse(TOO_MANY, field=[*where, "quantity"])
        location = shop.locations.get(wish.get("locationId") or "")
        units.append(
            Unit(line, wish["quantity"], wish.get("restockType") or "NO_RESTOCK", location)
        )
    return units


def payments_of(order: Order, rows: Sequence[Input]) -> list[Payment]:
    """OrderTransactionInput rows. Raises UserErrors."""
    found = []
    for wish in rows:
        if wish["kind"] != "REFUND":
            raise refuse(f"Kind {wish['kind'].lower()} is not a valid transaction")
        parent = parent_of(order, wish.get("parentId"))
        if parent is None:
            raise refuse(
                "Transactions require a parent_id associated with the order",
                field=["transactions"],
            )
        found.append(Payment(parent, in_shop_money(order, wish["amount"])))
    return found


def parent_of(order: Order, identity: str | None) -> Transaction | None:
    """The payment that is paid back of."""
    return next((paid for paid in ordering.payments(order) if paid.id == identity), None)


def refuse_too_much(order: Order, payments: Sequence[Payment], *, code: str | None = None) -> None:
    """More than was received, and not paid back yet. `allowOverRefunding` does not help (recorded)."""
    amount = sum((one.amount for one in payments), ZERO)
    by_parent: Counter[str] = Counter()
    for one in payments:
        by_parent[one.parent.id] += int(one.amount / CENT)
    net = order.received - order.refunded
    over = any(by_parent[paid.id] * CENT > paid.left for paid in ordering.payments(order))
    if amount > net or over:
        raise refuse(
            f"Refund amount ${amount:.2f} is greater than net payment received ${net:.2f}",
            code=code,
        )


def shipping_of(order: Order, amount: Decimal) -> Shipping:
    """With its tax. More than is left of it is not paid back as shipping."""
    part = min(amount, order.shipping_left)
    return Shipping(part, (part * order.tax_rate).quantize(CENT))


# -- doing it


def make(
    shop: Shop,
    order: Order,
    *,
    units: Sequence[Unit],
    payments: Sequence[Payment],
    shipping: Shipping | None = None,
    note: str | None = None,
    return_: Return | None = None,
) -> Refund:
    """Take the units out of the order, and pay."""
    lines = []
    for unit in units:
        lines.append(_line(order, unit, identity=shop.new_id("RefundLineItem")))
        take_out(shop, order, unit)
    paid = [
        ordering.add_transaction(shop, order, "REFUND", one.amount, parent=one.parent)
        for one in payments
        if one.amount
    ]
    amount = sum((one.amount for one in paid), ZERO)
    made = Refund(shop.new_id("Refund"), order, shop.now(), amount, lines, paid, note, return_)
    if shipping is not None and shipping.amount:
        row = RefundShipping(
            shop.new_id("RefundShippingLine"), order, shipping.amount, shipping.tax
        )
        made.shipping.append(row)
    difference = amount - _comes_to(made)
    if difference:
        made.adjustments.append(Adjustment(shop.new_id("OrderAdjustment"), order, difference))
    order.refunds.append(made)
    shop.refunds[made.id] = made
    if amount:
        whole = order.refunded >= order.received
        order.financial_status = "REFUNDED" if whole else "PARTIALLY_REFUNDED"
    shop.touch(order)
    return made


def _comes_to(refund: Refund) -> Decimal:
    lines = sum((line.subtotal + line.tax for line in refund.lines), ZERO)
    return sum((one.amount + one.tax for one in refund.shipping), lines)


def take_out(shop: Shop, order: Order, unit: Unit) -> None:
    """Units leave the order: first those that were shipped, or that wait where they are canceled."""
    line = unit.line
    waiting = line.unfulfilled_quantity
    if unit.restock_type == "CANCEL":
        open_units = min(unit.quantity, waiting)
    else:
        open_units = max(0, unit.quantity - (line.current_quantity - waiting))
    line.current_quantity -= unit.quantity
    back = unit.restock_type in ("CANCEL", "RETURN")
    if open_units:
        ordering.withdraw(shop, order, line, open_units, restock=back)
    item, shipped = line.variant.inventory_item, unit.quantity - open_units
    if back and shipped and unit.location is not None and item.tracked:
        inventory.add(shop.level(item, unit.location), "available", shipped, at=shop.now())


def _line(order: Order, unit: Unit, *, identity: str) -> RefundLine:
    goods, tax = unit.line.worth(unit.quantity)
    return RefundLine(
        identity,
        line_item=unit.line,
        quantity=unit.quantity,
        restock_type=unit.restock_type,
        restocked=unit.restock_type in ("CANCEL", "RETURN"),
        location=unit.location or _home(order, unit),
        subtotal=goods,
        tax=tax,
    )


def _home(order: Order, unit: Unit) -> Location | None:
    """Where units that are put back would go: a suggestion names it."""
    if unit.restock_type == "NO_RESTOCK":
        return None
    waiting = (
        part.location
        for part in order.open_parts
        if any(held.line_item is unit.line for held in part.lines)
    )
    return next(waiting, None)
