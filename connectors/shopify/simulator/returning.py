"""Returns: asked for, approved, declined, canceled, processed, closed.

A return stays OPEN when all of it is processed; it is closed by hand (recorded 2026-04). Units
leave the order when they are processed, exchanged ones come into it then. Messages as recorded;
where none was, the comment says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.shopify.simulator import inventory, ordering, paying_back
from connectors.shopify.simulator.ordering import Wanted
from connectors.shopify.simulator.paying_back import Input, Payment, Shipping, Unit
from connectors.shopify.simulator.refusal import refuse
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import ZERO, FulfillmentLine, Order, Variant
from connectors.shopify.simulator.state_returns import (
    Disposition,
    ExchangeLine,
    ReasonDefinition,
    Return,
    ReturnLine,
    ReverseFulfillmentOrder,
    ReverseLine,
)

#: The first of Shopify's published list of return reasons, which has 470, and two of category lists.
REASONS = {
    handle: ReasonDefinition(f"gid://shopify/ReturnReasonDefinition/{number}", handle, name)
    for number, handle, name in (
        (1, "unknown", "Unknown"),
        (2, "changed-my-mind", "Changed my mind"),
        (3, "item-not-as-described", "Item not as described"),
        (4, "received-the-wrong-item", "Received the wrong item"),
        (5, "other-reason", "Other"),
        (6, "damaged-or-defective", "Damaged or defective"),
        (7, "too-small", "Too small"),
        (8, "too-big", "Too big"),
        (9, "style", "Style"),
        (10, "color", "Color"),
        (24, "arrived-late", "Arrived late"),
        (21, "animal-refused", "Animal refused"),
    )
}
BAD_QUANTITY = "Return line item has an invalid quantity."


# -- the buyer and the merchant


def request(shop: Shop, order: Order, rows: Sequence[Mapping[str, Any]]) -> Return:
    """The buyer asks to send back: rows of {sku, quantity, reason (a handle or None), note}.

    Raises ValueError with Shopify's words.
    """
    lines = []
    for row in rows:
        lines += _return_lines(shop, order, row)
    if not lines:
        raise ValueError("a return needs lines")
    made = Return(
        shop.new_id("Return"),
        order=order,
        name=f"{order.name}-R{len(order.returns) + 1}",
        created_at=shop.now(),
        lines=lines,
    )
    for line in lines:
        line.return_ = made
        shop.others[line.id] = line
    order.returns.append(made)
    shop.returns[made.id] = made
    shop.touch(order)
    return made


def _return_lines(shop: Shop, order: Order, row: Mapping[str, Any]) -> list[ReturnLine]:
    """Of the parcels that the units went out with."""
    left = int(row["quantity"])
    handle = row.get("reason", "unknown")
    reason = None if handle is None else _reason(handle)
    made = []
    for parcel in _parcels_of(order, row["sku"]):
        take = min(left, _returnable(order, parcel))
        if take > 0:
            made.append(
                ReturnLine(
                    shop.new_id("ReturnLineItem"),
                    fulfillment_line_item=parcel,
                    quantity=take,
                    return_reason_definition=reason,
                    return_reason_note=row.get("note", ""),
                )
            )
            left -= take
    if left or not made:
        raise ValueError(BAD_QUANTITY)
    return made


def _reason(handle: str) -> ReasonDefinition:
    """A reason of the list, or one that the merchant's list has besides."""
    number = 900_000 + len(handle)
    made = ReasonDefinition(
        f"gid://shopify/ReturnReasonDefinition/{number}", handle, handle.title()
    )
    return REASONS.get(handle, made)


def _parcels_of(order: Order, sku: str) -> list[FulfillmentLine]:
    return [
        line
        for fulfillment in order.fulfillments
        if fulfillment.status == "SUCCESS"
        for line in fulfillment.lines
        if line.line_item.sku == sku
    ]


def _returnable(order: Order, parcel: FulfillmentLine) -> int:
    """Units of a parcel that are neither in another return nor paid back already."""
    coming = [line for one in order.returns if not one.is_dead for line in one.lines]
    of_parcel = sum(one.quantity for one in coming if one.fulfillment_line_item is parcel)
    waiting = sum(one.unprocessed_quantity for one in coming if one.line_item is parcel.line_item)
    line = parcel.line_item
    kept = line.current_quantity - line.unfulfilled_quantity - waiting
    return min(parcel.quantity - of_parcel, kept)


def approve(shop: Shop, return_: Return, exchange: Sequence[Mapping[str, Any]] = ()) -> None:
    """The units may come; `exchange` rows {sku, quantity} are what the buyer gets instead.

    Raises ValueError with Shopify's words.
    """
    if return_.status != "REQUESTED":
        raise ValueError(
            "Return is not approvable. Only returns with status REQUESTED can be approved."
        )
    return_.status, return_.request_approved_at = "OPEN", shop.now()
    return_.exchange_lines = [
        ExchangeLine(
            shop.new_id("ExchangeLineItem"), _variant(shop, row["sku"]), int(row["quantity"])
        )
        for row in exchange
    ]
    reverse = ReverseFulfillmentOrder(shop.new_id("ReverseFulfillmentOrder"), return_.order)
    reverse.lines = [
        ReverseLine(
            shop.new_id("ReverseFulfillmentOrderLineItem"),
            line.fulfillment_line_item,
            line.quantity,
        )
        for line in return_.lines
    ]
    return_.reverse.append(reverse)
    shop.touch(return_.order)


def _variant(shop: Shop, sku: str) -> Variant:
    found = shop.variants_with(sku)
    if not found:
        raise ValueError(f"no variant {sku!r}")
    return found[0]


def decline(shop: Shop, return_: Return, *, reason: str = "OTHER", note: str | None = None) -> None:
    if return_.status == "DECLINED":
        raise ValueError("The return is already declined.")
    if return_.status != "REQUESTED":
        raise ValueError(
            "Return is not declinable. Only non-refunded returns with status REQUESTED can be"
            " declined."
        )
    return_.decline = {"reason": reason, "note": note}
    _end(shop, return_, "DECLINED")


def cancel(shop: Shop, return_: Return) -> None:
    """Before anything was done about it: an inspection or a refund (documentation of returnCancel)."""
    worked = any(line.processed_quantity for line in return_.lines) or any(
        line.dispositions for reverse in return_.reverse for line in reverse.lines
    )
    if return_.status not in ("REQUESTED", "OPEN") or worked:
        raise ValueError("Return is not cancelable.")
    _end(shop, return_, "CANCELED")


def close(shop: Shop, return_: Return) -> None:
    if return_.status != "OPEN":
        raise ValueError("Return status is invalid.")
    return_.closed_at = shop.now()
    _end(shop, return_, "CLOSED")


def reopen(shop: Shop, return_: Return) -> None:
    if return_.status != "CLOSED":
        raise ValueError("Return status is invalid.")
    return_.status, return_.closed_at = "OPEN", None
    for reverse in return_.reverse:
        reverse.status = "OPEN"
    shop.touch(return_.order)


def _end(shop: Shop, return_: Return, status: str) -> None:
    return_.status = status
    for reverse in return_.reverse:
        reverse.status = "CLOSED" if status == "CLOSED" else "CANCELED"
    shop.touch(return_.order)


# -- processing


def process(shop: Shop, return_: Return, wish: Input) -> None:
    """returnProcess: units come out of the order, exchanged ones come in, money goes back.

    Everything is checked before anything is done. Raises UserErrors.
    """
    if return_.status != "OPEN":
        # its message for this mutation was never recorded; this is returnClose's
        raise refuse("Return status is invalid.", field=["input", "returnId"], code="INVALID_STATE")
    picked = _picked(return_, wish.get("returnLineItems") or [])
    disposed = [
        each for line, _, rows in picked for each in _dispositions(shop, return_, line, rows)
    ]
    swapped = _exchanged(return_, wish.get("exchangeLineItems") or [])
    payments = _payments(return_.order, (wish.get("financialTransfer") or {}).get("issueRefund"))
    paying_back.refuse_too_much(return_.order, payments, code="INVALID")
    for reverse, disposition in disposed:
        _dispose(shop, reverse, disposition)
    for line, quantity, _ in picked:
        line.processed_quantity += quantity
    _bring_in(shop, return_.order, swapped)
    _pay(shop, return_, picked, payments, wish)
    shop.touch(return_.order)


_Picked = list[tuple[ReturnLine, int, Sequence[Input]]]


def _picked(return_: Return, rows: Sequence[Input]) -> _Picked:
    found: _Picked = []
    for row, wish in enumerate(rows):
        where: list[str | int] = ["input", "returnLineItems", row]
        line = next((one for one in return_.lines if one.id == wish["id"]), None)
        if line is None:
            raise refuse("Return line item was not found.", field=[*where, "id"], code="NOT_FOUND")
        before = sum(quantity for one, quantity, _ in found if one is line)
        if not 0 < wish["quantity"] <= line.processable_quantity - before:
            # recorded for returnCreate
            raise refuse(BAD_QUANTITY, field=[*where, "quantity"], code="INVALID")
        found.append((line, wish["quantity"], wish.get("dispositions") or []))
    return found


def _dispositions(
    shop: Shop, return_: Return, line: ReturnLine, rows: Sequence[Input]
) -> list[tuple[ReverseLine, Disposition]]:
    """None of its messages was recorded; the codes are the enum's."""
    found: list[tuple[ReverseLine, Disposition]] = []
    known = {one.id: one for reverse in return_.reverse for one in reverse.lines}
    for wish in rows:
        reverse = known.get(wish["reverseFulfillmentOrderLineItemId"])
        if reverse is None or reverse.fulfillment_line_item is not line.fulfillment_line_item:
            raise refuse("Reverse fulfillment order line item was not found.", code="NOT_FOUND")
        before = sum(each.quantity for one, each in found if one is reverse)
        if not 0 < wish["quantity"] <= reverse.left - before:
            raise refuse("Disposition has an invalid quantity.", code="INVALID")
        location = shop.locations.get(wish.get("locationId") or "")
        if wish["dispositionType"] == "RESTOCKED" and location is None:
            raise refuse("A location is required to restock.", code="BLANK")
        made = Disposition(
            shop.new_id("ReverseFulfillmentOrderDisposition"),
            wish["dispositionType"],
            wish["quantity"],
            shop.now(),
            location,
        )
        found.append((reverse, made))
    return found


def _dispose(shop: Shop, reverse: ReverseLine, disposition: Disposition) -> None:
    reverse.dispositions.append(disposition)
    item = reverse.fulfillment_line_item.line_item.variant.inventory_item
    if disposition.type == "RESTOCKED" and disposition.location is not None and item.tracked:
        level = shop.level(item, disposition.location)
        inventory.add(level, "available", disposition.quantity, at=shop.now())


def _exchanged(return_: Return, rows: Sequence[Input]) -> list[tuple[ExchangeLine, int]]:
    found = []
    for wish in rows:
        line = next((one for one in return_.exchange_lines if one.id == wish["id"]), None)
        if line is None or not 0 < wish["quantity"] <= line.unprocessed_quantity:
            raise refuse("Exchange line item was not found.", code="NOT_FOUND")
        found.append((line, wish["quantity"]))
    return found


def _bring_in(shop: Shop, order: Order, swapped: Sequence[tuple[ExchangeLine, int]]) -> None:
    """Order lines, with fulfillment orders, for what the buyer gets instead."""
    made = []
    for exchange, quantity in swapped:
        line = ordering.add_line(shop, order, Wanted(exchange.variant, quantity))
        exchange.processed_quantity += quantity
        exchange.line_items.append(line)
        made.append(line)
    if made:
        ordering.route(shop, order, made)


def _payments(order: Order, wish: Input | None) -> list[Payment]:
    found = []
    for row in (wish or {}).get("orderTransactions") or []:
        parent = paying_back.parent_of(order, row.get("parentId"))
        money = row["transactionAmount"]
        if parent is None or money["currencyCode"] != order.presentment_currency_code:
            # refundCreate's words; nobody recorded this mutation's
            raise refuse(
                "Transactions require a parent_id associated with the order",
                field=["input", "financialTransfer", "issueRefund", "orderTransactions"],
                code="INVALID",
            )
        found.append(Payment(parent, paying_back.in_shop_money(order, money["amount"])))
    return found


def _pay(
    shop: Shop, return_: Return, picked: _Picked, payments: Sequence[Payment], wish: Input
) -> None:
    """A refund where money goes back; else the units only leave the order."""
    order = return_.order
    # What becomes of the units stands in the dispositions.
    units = [Unit(line.line_item, quantity) for line, quantity, _ in picked]
    if not payments:
        for unit in units:
            paying_back.take_out(shop, order, unit)
        return
    paying_back.make(
        shop,
        order,
        units=units,
        payments=payments,
        shipping=_shipping(order, wish.get("refundShipping")),
        note=wish.get("note") if shop.return_notes else None,
        return_=return_,
    )
    for line, quantity, _ in picked:
        line.refunded_quantity += quantity


def _shipping(order: Order, wish: Input | None) -> Shipping:
    money = (wish or {}).get("shippingRefundAmount")
    if money:
        return paying_back.shipping_of(order, paying_back.in_shop_money(order, money["amount"]))
    whole = bool((wish or {}).get("fullRefund"))
    return paying_back.shipping_of(order, order.shipping_left if whole else ZERO)


def outcome(return_: Return, arguments: Input) -> dict[str, Any]:
    """SuggestedReturnFinancialOutcome of units of some lines. Raises UserErrors (never recorded)."""
    order = return_.order
    goods = tax = Decimal(0)
    before: dict[str, int] = {}
    for line, quantity, _ in _picked(return_, arguments["returnLineItems"]):
        item = line.line_item
        gone = item.quantity - item.current_quantity + before.get(item.id, 0)
        more = item.worth(quantity, after=gone)
        goods, tax = goods + more[0], tax + more[1]
        before[item.id] = before.get(item.id, 0) + quantity
    return {
        "discountedSubtotal": order.bag(goods),
        "maximumRefundable": order.bag(order.received - order.refunded),
        "shipping": paying_back.shown_shipping(
            order, _shipping(order, arguments.get("refundShipping"))
        ),
        "totalTax": order.bag(tax),
    }
