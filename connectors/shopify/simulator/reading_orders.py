"""Resolvers of orders, fulfillment orders and fulfillments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.shopify.simulator import fulfilling
from connectors.shopify.simulator.call import Call, Resolver
from connectors.shopify.simulator.resolving import (
    BY_ID,
    Resolvers,
    by_id_alone,
    may_see,
    page,
    searched,
)
from connectors.shopify.simulator.search import fulfillment_status
from connectors.shopify.simulator.state import (
    ZERO,
    Fulfillment,
    FulfillmentOrder,
    Location,
    Order,
)

RESOLVERS = Resolvers()
reads = RESOLVERS.reads


@reads("Order", "lineItems")
def _line_items(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return page(order.lines, arguments, key=by_id_alone, bound_to="lineItems")


@reads("Order", "fulfillmentOrders")
def _of_order(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [part for part in order.routed if may_see(call, part)]
    return searched(call, rows, arguments, kind=FulfillmentOrder, sorts=BY_ID)


@reads("Order", "fulfillments", "refunds", "transactions")
def _listed(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    rows = getattr(order, call.info.field_name)
    return rows[: arguments["first"]] if arguments.get("first") is not None else rows


@reads("Order", "displayFulfillmentStatus")
def _fulfillment_status(order: Order, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfillment_status(order)


_ORDER_FIELDS: dict[str, Callable[[Order], Any]] = {
    "displayFinancialStatus": lambda order: order.financial_status,
    "fulfillable": lambda order: any(part.open_quantity for part in order.open_parts),
    "requiresShipping": lambda order: any(line.requires_shipping for line in order.lines),
    "cancellation": lambda order: {"staffNote": order.staff_note} if order.cancelled_at else None,
    "risk": lambda order: {"recommendation": order.risk_recommendation, "assessments": []},
    "billingAddress": lambda order: order.billing_address,
    "customAttributes": lambda order: [],
    "app": lambda order: {"id": "gid://shopify/App/580111", "name": "Online Store"},
    "capturable": lambda order: order.financial_status == "AUTHORIZED",
    "fullyPaid": lambda order: order.received >= order.total,
    "refundable": lambda order: order.received > order.refunded,
    "paymentGatewayNames": lambda order: ["bogus"] if order.transactions else [],
    "currentSubtotalLineItemsQuantity": lambda order: sum(
        line.current_quantity for line in order.lines
    ),
    "shippingLine": lambda order: {
        "title": "Standard",
        "code": "Standard",
        "source": "shopify",
        "carrierIdentifier": None,
        "originalPriceSet": order.bag(order.shipping_price),
    },
    "currentTotalPriceSet": lambda order: order.bag(order.current_total),
    "currentSubtotalPriceSet": lambda order: order.bag(order.current_subtotal),
    "currentTotalTaxSet": lambda order: order.bag(order.current_tax),
    "subtotalPriceSet": lambda order: order.bag(order.subtotal),
    "totalPriceSet": lambda order: order.bag(order.total),
    "totalTaxSet": lambda order: order.bag(order.tax),
    "totalDiscountsSet": lambda order: order.bag(
        sum((line.discount for line in order.lines), ZERO)
    ),
    "totalShippingPriceSet": lambda order: order.bag(order.shipping_price),
    "totalRefundedSet": lambda order: order.bag(order.refunded),
    "totalReceivedSet": lambda order: order.bag(order.received),
    "netPaymentSet": lambda order: order.bag(order.received - order.refunded),
    "totalOutstandingSet": lambda order: order.bag(
        max(ZERO, order.current_total - order.received + order.refunded)
    ),
}


def _derived(rule: Callable[[Order], Any]) -> Resolver:
    return lambda order, call, arguments: rule(order)


for _name, _rule in _ORDER_FIELDS.items():
    RESOLVERS["Order", _name] = _derived(_rule)


@reads("MailingAddress", "name")
def _full_name(address: dict[str, Any], call: Call, arguments: dict[str, Any]) -> Any:
    words = [address.get("firstName"), address.get("lastName")]
    return " ".join(word for word in words if word) or None


@reads("MailingAddress", "formatted")
def _formatted(address: dict[str, Any], call: Call, arguments: dict[str, Any]) -> Any:
    names = ("address1", "address2", "city", "province", "zip", "country")
    return [address[name] for name in names if address.get(name)]


@reads("FulfillmentOrder", "lineItems")
def _parts_lines(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return page(part.lines, arguments, key=by_id_alone, bound_to="fulfillmentOrderLineItems")


@reads("FulfillmentOrder", "assignedLocation")
def _assigned_location(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return {**part.location.address, "name": part.location.name, "location": part.location}


@reads("FulfillmentOrder", "supportedActions")
def _actions(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfilling.supported_actions(part)


@reads("FulfillmentOrder", "deliveryMethod")
def _method(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    shipped = part.method == "SHIPPING"
    return {
        "id": part.method_id,
        "methodType": part.method,
        "serviceCode": "Standard" if shipped else None,
        "presentedName": "Standard" if shipped else None,
    }


@reads("FulfillmentOrder", "destination")
def _destination(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    address = part.order.shipping_address
    if address is None or part.method == "NONE":
        return None
    return {
        **address,
        "id": part.destination_id,
        "countryCode": address.get("countryCodeV2"),
        "email": part.order.email,
    }


@reads("FulfillmentOrder", "fulfillments")
def _parts_fulfillments(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [each for each in part.order.fulfillments if part in each.sources]
    return page(rows, arguments, key=by_id_alone, bound_to="fulfillments")


@reads("FulfillmentOrder", "locationsForMove")
def _for_move(part: FulfillmentOrder, call: Call, arguments: dict[str, Any]) -> Any:
    rows = []
    for location in call.shop.locations.values():
        if location is part.location or not location.is_active:
            continue
        movable = all(fulfilling.stocks(location, line.line_item) for line in part.lines)
        message = None if movable else "No items are stocked at this location."
        rows.append({"location": location, "movable": movable, "message": message})
    return page(rows, arguments, key=_place_number, bound_to="locationsForMove")


def _place_number(row: dict[str, Any]) -> int:
    location: Location = row["location"]
    return location.legacy_resource_id


@reads("Fulfillment", "trackingInfo")
def _tracking(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return fulfillment.tracking[: arguments.get("first")]


@reads("Fulfillment", "fulfillmentLineItems")
def _fulfilled_lines(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return page(fulfillment.lines, arguments, key=by_id_alone, bound_to="fulfillmentLineItems")


@reads("Fulfillment", "fulfillmentOrders")
def _sources(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    rows = [part for part in fulfillment.sources if may_see(call, part)]
    return page(rows, arguments, key=by_id_alone, bound_to="fulfillment.fulfillmentOrders")


@reads("Fulfillment", "events")
def _events(fulfillment: Fulfillment, call: Call, arguments: dict[str, Any]) -> Any:
    return {"nodes": []}
