"""Resolvers of refunds, returns and what the shop suggests to pay back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.shopify.simulator import paying_back, returning
from connectors.shopify.simulator.call import Call, Resolver
from connectors.shopify.simulator.refusal import UserErrors, top_level
from connectors.shopify.simulator.resolving import Resolvers, by_id_alone, page
from connectors.shopify.simulator.state import Order, Refund
from connectors.shopify.simulator.state_returns import Dispute, Return, ReverseDelivery, ReverseLine

RESOLVERS = Resolvers()
reads = RESOLVERS.reads


@reads("Order", "suggestedRefund")
def _suggested(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return paying_back.suggested(call.shop, order, arguments)


@reads("Return", "suggestedFinancialOutcome")
def _outcome(return_: Return, call: Call, arguments: dict[str, Any]) -> Any:
    try:
        return returning.outcome(return_, arguments)
    except UserErrors as error:
        # It has no userErrors; how it refuses was not recorded.
        raise top_level(str(error), code="INVALID_FIELD_ARGUMENTS") from error


@reads("Refund", "return")
def _return(refund: Refund, call: Call, arguments: dict[str, Any]) -> Any:
    return refund.return_


@reads("Order", "disputes")
def _summaries(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return [one.summary for one in order.disputes]


@reads("QueryRoot", "disputes")
def _disputes(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    rows = (one for order in call.shop.orders.values() for one in order.disputes)
    own = [one for one in rows if one.shopify_payments]
    return page(own, arguments, key=by_id_alone, bound_to="disputes")


@reads("ShopifyPaymentsDispute", "amount")
def _disputed(dispute: Dispute, call: Call, arguments: dict[str, Any]) -> Any:
    """In what the buyer paid in."""
    return dispute.order.bag(dispute.amount)["presentmentMoney"]


@reads("ReverseDelivery", "deliverable")
def _deliverable(delivery: ReverseDelivery, call: Call, arguments: dict[str, Any]) -> Any:
    return delivery.deliverable


@reads("ReverseFulfillmentOrderLineItem", "dispositions")
def _dispositions(line: ReverseLine, call: Call, arguments: dict[str, Any]) -> Any:
    return line.dispositions


def _refunds_of(return_: Return) -> Sequence[Refund]:
    return [one for one in return_.order.refunds if one.return_ is return_]


#: (type, connection) -> its rows
_CONNECTIONS: dict[tuple[str, str], Callable[[Any], Sequence[Any]]] = {
    ("Order", "returns"): lambda order: order.returns,
    ("Refund", "refundLineItems"): lambda refund: refund.lines,
    ("Refund", "refundShippingLines"): lambda refund: refund.shipping,
    ("Refund", "orderAdjustments"): lambda refund: refund.adjustments,
    ("Refund", "transactions"): lambda refund: refund.transactions,
    ("Return", "returnLineItems"): lambda return_: return_.lines,
    ("Return", "exchangeLineItems"): lambda return_: return_.exchange_lines,
    ("Return", "reverseFulfillmentOrders"): lambda return_: return_.reverse,
    ("Return", "refunds"): _refunds_of,
    ("ReverseFulfillmentOrder", "lineItems"): lambda reverse: reverse.lines,
    ("ReverseFulfillmentOrder", "reverseDeliveries"): lambda reverse: reverse.deliveries,
}


def _paged(name: str, rows: Callable[[Any], Sequence[Any]]) -> Resolver:
    return lambda source, call, arguments: page(
        rows(source), arguments, key=by_id_alone, bound_to=name
    )


for (_parent, _field), _rows in _CONNECTIONS.items():
    RESOLVERS[_parent, _field] = _paged(f"{_parent}.{_field}", _rows)
