"""Hands that are not the API's, about returns and money: the buyer, the merchant, the bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.shopify.simulator import ordering, paying_back, returning
from connectors.shopify.simulator.books import order_entry
from connectors.shopify.simulator.paying_back import Payment, Unit
from connectors.shopify.simulator.refusal import UserErrors
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import ZERO, Order
from connectors.shopify.simulator.state_returns import (
    Dispute,
    Return,
    ReverseDelivery,
    ReverseShipping,
)

Wish = Mapping[str, Any]


def _ask(shop: Shop, wish: Wish) -> Order:
    """The buyer asks to send back: {send_back: order, lines: [{sku, quantity, reason, note}]}."""
    order = shop.order_called(wish["send_back"])
    returning.request(shop, order, wish["lines"])
    return order


def _approve(shop: Shop, wish: Wish) -> Order:
    """{approve: return, exchange: [{sku, quantity}]}."""
    found = _return(shop, wish["approve"])
    returning.approve(shop, found, wish.get("exchange", ()))
    return found.order


def _decline(shop: Shop, wish: Wish) -> Order:
    found = _return(shop, wish["decline"])
    returning.decline(shop, found)
    return found.order


def _cancel(shop: Shop, wish: Wish) -> Order:
    found = _return(shop, wish["cancel_return"])
    returning.cancel(shop, found)
    return found.order


def _close(shop: Shop, wish: Wish) -> Order:
    found = _return(shop, wish["close_return"])
    returning.close(shop, found)
    return found.order


def _post(shop: Shop, wish: Wish) -> Order:
    """The parcel is on its way: {post_return: return, carrier, number, label: bool}."""
    found = _return(shop, wish["post_return"])
    if not found.reverse:
        raise ValueError(f"{found.name} is not approved")
    now = shop.now()
    label = {"createdAt": now, "updatedAt": now, "publicFileUrl": "https://labels.example/1.pdf"}
    made = ReverseDelivery(
        shop.new_id("ReverseDelivery"),
        ReverseShipping(
            tracking={
                "carrierName": wish.get("carrier"),
                "number": wish.get("number"),
                "url": None,
            },
            label=label if wish.get("label") else None,
        ),
    )
    found.reverse[0].deliveries.append(made)
    shop.touch(found.order)
    return found.order


def _process(shop: Shop, wish: Wish) -> Order:
    """The merchant processes all of it, exchange too: {process_return: return, amount}."""
    found = _return(shop, wish["process_return"])
    money = None
    if wish.get("amount"):
        paid = ordering.payments(found.order)[0]
        amount = {
            "amount": wish["amount"],
            "currencyCode": found.order.presentment_currency_code,
        }
        money = {"orderTransactions": [{"parentId": paid.id, "transactionAmount": amount}]}
    asked = {
        "returnLineItems": [
            {"id": line.id, "quantity": line.processable_quantity}
            for line in found.lines
            if line.processable_quantity
        ],
        "exchangeLineItems": [
            {"id": line.id, "quantity": line.unprocessed_quantity}
            for line in found.exchange_lines
            if line.unprocessed_quantity
        ],
        "financialTransfer": {"issueRefund": money},
    }
    returning.process(shop, found, asked)
    return found.order


def _pay_back(shop: Shop, wish: Wish) -> Order:
    """The merchant refunds: {pay_back: order, lines: [{sku, quantity}], amount, restock, note}.

    Without an amount: what the lines come to.
    """
    order = shop.order_called(wish["pay_back"])
    rows = [
        {
            "lineItemId": _line_id(order, row["sku"]),
            "quantity": row["quantity"],
            "restockType": wish.get("restock", "NO_RESTOCK"),
            "locationId": next(iter(shop.locations)),
        }
        for row in wish.get("lines", ())
    ]
    units = paying_back.units_of(shop, order, rows)
    amount = _worth(units) if wish.get("amount") is None else Decimal(wish["amount"])
    payments = _ways(order, amount)
    paying_back.refuse_too_much(order, payments)
    paying_back.make(shop, order, units=units, payments=payments, note=wish.get("note"))
    return order


def _worth(units: list[Unit]) -> Decimal:
    return sum((part for unit in units for part in unit.line.worth(unit.quantity)), ZERO)


def _ways(order: Order, amount: Decimal) -> list[Payment]:
    """An amount by the ways it came; what none of them covers is asked of the last one."""
    found = []
    paid = ordering.payments(order)
    if not paid:
        raise ValueError(f"nothing was received for {order.name}")
    for one in paid:
        take = amount if one is paid[-1] else min(amount, one.left)
        amount -= take
        if take:
            found.append(Payment(one, take))
    return found


def _line_id(order: Order, sku: str) -> str:
    for line in order.lines:
        if line.sku == sku and line.refundable_quantity:
            return line.id
    raise ValueError(f"{order.name} has no line {sku!r}")


def _charge_back(shop: Shop, wish: Wish) -> Order:
    """The buyer's bank asks for the money: {charge_back: order, status: LOST, type: CHARGEBACK,
    amount: what is left, shopify_payments: true}. No refund comes of it: the bank takes it."""
    order = shop.order_called(wish["charge_back"])
    status = wish.get("status", "LOST")
    ended = status in ("ACCEPTED", "LOST", "WON", "CHARGE_REFUNDED")
    made = Dispute(
        shop.new_id("ShopifyPaymentsDispute"),
        order=order,
        amount=Decimal(wish.get("amount", order.received - order.refunded)),
        type=wish.get("type", "CHARGEBACK"),
        status=status,
        initiated_at=shop.now(),
        finalized_on=shop.now() if ended else None,
        shopify_payments=wish.get("shopify_payments", True),
    )
    order.disputes.append(made)
    shop.touch(order)
    return order


def _return(shop: Shop, reference: str) -> Return:
    for one in shop.returns.values():
        if reference in (one.id, one.name):
            return one
    raise ValueError(f"no return {reference!r}")


def _told(deed: Callable[[Shop, Wish], Order]) -> Callable[[Shop, Wish], dict[str, Any]]:
    """The order as the books show it; a refusal of the API's is one here too."""

    def run(shop: Shop, wish: Wish) -> dict[str, Any]:
        try:
            return order_entry(deed(shop, wish))
        except UserErrors as error:
            raise ValueError(str(error)) from error

    return run


DEEDS: dict[str, Callable[[Shop, Wish], dict[str, Any]]] = {
    "send_back": _told(_ask),
    "approve": _told(_approve),
    "decline": _told(_decline),
    "cancel_return": _told(_cancel),
    "close_return": _told(_close),
    "post_return": _told(_post),
    "process_return": _told(_process),
    "pay_back": _told(_pay_back),
    "charge_back": _told(_charge_back),
}
