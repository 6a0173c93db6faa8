"""The mutations: what each does with its arguments, and what they share (keys, userErrors)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphql import FieldNode, value_from_ast_untyped

from connectors.shopify.simulator import (
    fulfilling,
    inventory_writing,
    ordering,
    paying_back,
    returning,
)
from connectors.shopify.simulator.access import Rule
from connectors.shopify.simulator.call import Call
from connectors.shopify.simulator.idempotency import (
    NEED_A_KEY,
    Mismatch,
    PreviousAttemptFailed,
)
from connectors.shopify.simulator.refusal import UserErrors, refuse, top_level, user_error
from connectors.shopify.simulator.resolving import Resolvers, checked_id, may_see
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import ZERO, FulfillmentOrder, Order, Product, Refund
from connectors.shopify.simulator.state_returns import Return

RESOLVERS = Resolvers()

Payload = dict[str, Any]
Mutation = Callable[[Call, dict[str, Any]], Payload]

#: @idempotent and changeFromQuantity are demanded from this version on.
STRICT_FROM = "2026-04"
_KIND_RULES = {"Order": Rule(("write_orders",)), "Product": Rule(("write_products",))}
MAX_STAFF_NOTE = 255


def mutation(name: str) -> Callable[[Mutation], Mutation]:
    """Register: the key is checked first, refusals become userErrors, replays change nothing."""

    def register(work: Mutation) -> Mutation:
        def resolve(source: Any, call: Call, arguments: dict[str, Any]) -> Payload:
            key = key_of(call.info.field_nodes[0], call.info.variable_values.coerced)
            if key is None:
                if name in NEED_A_KEY and call.version >= STRICT_FROM:
                    raise top_level(
                        "The @idempotent directive is required for this mutation but was not"
                        " provided.",
                        code="BAD_REQUEST",
                    )
                return _answered(work, call, arguments)
            now = call.shop.clock.now()
            try:
                earlier = call.attempts.replay(key, name, arguments, now=now)
            except (Mismatch, PreviousAttemptFailed) as error:
                return {"userErrors": [user_error(str(error), code=error.code)]}
            if earlier is not None:
                return earlier
            made = _answered(work, call, arguments)
            call.attempts.keep(key, name, arguments, made, now=now)
            return made

        RESOLVERS["Mutation", name] = resolve
        return work

    return register


def key_of(node: FieldNode, variables: dict[str, Any]) -> str | None:
    """The key of the field's @idempotent directive."""
    for directive in node.directives or ():
        if directive.name.value == "idempotent":
            for argument in directive.arguments or ():
                key = value_from_ast_untyped(argument.value, variables)
                return None if key is None else str(key)
    return None


def _answered(work: Mutation, call: Call, arguments: dict[str, Any]) -> Payload:
    try:
        return {"userErrors": [], **work(call, arguments)}
    except UserErrors as refusal:
        # orderCancel shows its errors in two lists; the other payloads have no such field
        errors = refusal.errors
        return {"userErrors": errors, "orderCancelUserErrors": errors, **refusal.shown}


# -- inventory


@mutation("inventorySetQuantities")
def _set_quantities(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    if call.version >= STRICT_FROM:
        inventory_writing.require_compare(wish["quantities"], of="InventoryQuantityInput")
    group = inventory_writing.set_quantities(call.shop, wish)
    items = [row["inventoryItemId"] for row in wish["quantities"]]
    call.wrote(*items, changed=group is not None)
    return {"inventoryAdjustmentGroup": group}


@mutation("inventoryAdjustQuantities")
def _adjust_quantities(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    if call.version >= STRICT_FROM:
        inventory_writing.require_compare(wish["changes"], of="InventoryChangeInput")
    group = inventory_writing.adjust_quantities(call.shop, wish)
    items = [row["inventoryItemId"] for row in wish["changes"]]
    call.wrote(*items, changed=group is not None)
    return {"inventoryAdjustmentGroup": group}


@mutation("inventoryMoveQuantities")
def _move_quantities(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    if call.version >= STRICT_FROM:
        ends = [end for row in wish["changes"] for end in (row["from"], row["to"])]
        inventory_writing.require_compare(ends, of="InventoryMoveQuantityTerminalInput")
    group = inventory_writing.move_quantities(call.shop, wish)
    items = [row["inventoryItemId"] for row in wish["changes"]]
    call.wrote(*items, changed=group is not None)
    return {"inventoryAdjustmentGroup": group}


@mutation("inventoryActivate")
def _activate(call: Call, arguments: dict[str, Any]) -> Payload:
    level, changed = inventory_writing.activate(
        call.shop,
        arguments["inventoryItemId"],
        arguments["locationId"],
        available=arguments.get("available"),
        on_hand=arguments.get("onHand"),
    )
    call.wrote(level.item.id, changed=changed)
    return {"inventoryLevel": level}


# -- fulfillments


@mutation("fulfillmentCreate")
def _fulfill(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["fulfillment"]
    made = fulfilling.create(
        call.shop, wish["lineItemsByFulfillmentOrder"], tracking=wish.get("trackingInfo")
    )
    call.wrote(made.order.id)
    return {"fulfillment": made}


@mutation("fulfillmentCancel")
def _cancel_fulfillment(call: Call, arguments: dict[str, Any]) -> Payload:
    found = call.shop.fulfillments.get(arguments["id"])
    if found is None:
        raise refuse("Fulfillment not found.", field=["id"])
    call.wrote(found.order.id, changed=fulfilling.cancel(call.shop, found))
    return {"fulfillment": found}


@mutation("fulfillmentTrackingInfoUpdate")
def _track(call: Call, arguments: dict[str, Any]) -> Payload:
    found = call.shop.fulfillments.get(arguments["fulfillmentId"])
    if found is None:
        raise refuse("Fulfillment does not exist.", field=["fulfillmentId"])
    changed = fulfilling.update_tracking(call.shop, found, arguments["trackingInfoInput"])
    call.wrote(found.order.id, changed=changed)
    return {"fulfillment": found}


# -- fulfillment orders


@mutation("fulfillmentOrderMove")
def _move(call: Call, arguments: dict[str, Any]) -> Payload:
    part = _part(call, arguments["id"])
    target = call.shop.locations.get(arguments["newLocationId"])
    if target is None:
        raise refuse("Location not found.", field=["id"])
    divided = fulfilling.move(
        call.shop, part, target, arguments.get("fulfillmentOrderLineItems") or None
    )
    call.wrote(part.order.id)
    return {
        "movedFulfillmentOrder": divided.part,
        "originalFulfillmentOrder": divided.rest or divided.part,
        "remainingFulfillmentOrder": divided.rest,
    }


@mutation("fulfillmentOrderHold")
def _hold(call: Call, arguments: dict[str, Any]) -> Payload:
    part = _part(call, arguments["id"])
    made, divided = fulfilling.hold(call.shop, part, arguments["fulfillmentHold"])
    call.wrote(part.order.id)
    return {
        "fulfillmentHold": made,
        "fulfillmentOrder": divided.part,
        "remainingFulfillmentOrder": divided.rest,
    }


@mutation("fulfillmentOrderReleaseHold")
def _release(call: Call, arguments: dict[str, Any]) -> Payload:
    part = _part(call, arguments["id"])
    before = len(part.fulfillment_holds)
    fulfilling.release(call.shop, part, arguments.get("holdIds"))
    call.wrote(part.order.id, changed=len(part.fulfillment_holds) < before)
    return {"fulfillmentOrder": part}


@mutation("fulfillmentOrderSplit")
def _split(call: Call, arguments: dict[str, Any]) -> Payload:
    results = []
    for row, wish in enumerate(arguments["fulfillmentOrderSplits"]):
        part = call.shop.fulfillment_orders.get(wish["fulfillmentOrderId"])
        where: list[str | int] = ["fulfillmentOrderSplits", row, "fulfillmentOrderLineItems"]
        if part is None:
            raise refuse("Fulfillment order does not exist.", code="FULFILLMENT_ORDER_NOT_FOUND")
        lines = wish["fulfillmentOrderLineItems"]
        if not lines:
            raise refuse(
                "There must be at least one item selected in this fulfillment to split it.",
                field=where,
                code="NO_LINE_ITEMS_PROVIDED_TO_SPLIT",
            )
        for column, line in enumerate(lines):
            if line["quantity"] <= 0:
                raise refuse(
                    "You must select at least one item to split into a new fulfillment order.",
                    field=[*where, column, "quantity"],
                    code="GREATER_THAN",
                )
        divided = fulfilling.split(call.shop, part, lines)
        call.wrote(part.order.id, changed=divided.rest is not None)
        results.append(
            {
                "fulfillmentOrder": divided.rest or divided.part,
                "remainingFulfillmentOrder": divided.part,
            }
        )
    return {"fulfillmentOrderSplits": results}


def _part(call: Call, identity: str) -> FulfillmentOrder:
    found = call.shop.fulfillment_orders.get(checked_id(identity, "FulfillmentOrder"))
    if found is None or not may_see(call, found):
        raise top_level(f"Invalid id: {identity}", code="RESOURCE_NOT_FOUND")
    return found


# -- orders


@mutation("orderCancel")
def _cancel_order(call: Call, arguments: dict[str, Any]) -> Payload:
    """Accepted now, done by a job a little later; irreversible."""
    order = call.shop.orders.get(arguments["orderId"])
    if order is None:
        raise refuse("Order does not exist", field=["orderId"], code="NOT_FOUND")
    note = arguments.get("staffNote")
    if note is not None and len(note) > MAX_STAFF_NOTE:
        raise refuse(
            f"Staff note is too long. Maximum length is {MAX_STAFF_NOTE} characters.",
            field=["staffNote"],
            code="INVALID",
        )
    method = arguments.get("refundMethod")
    if method is not None and arguments.get("refund") is not None:
        raise refuse(
            "Only one of the arguments `refund` or `refund_method` is allowed.",
            field=["refund"],
            code="INVALID",
        )
    if order.id in call.shop.canceling:
        raise refuse("Cancellation is already in progress")
    problem = ordering.why_not_cancel(order)
    if problem:
        raise refuse(problem, field=["orderId"], code="INVALID")
    refund = bool(arguments.get("refund") or (method or {}).get("originalPaymentMethodsRefund"))
    job = ordering.cancel_later(
        call.shop,
        order,
        reason=arguments["reason"],
        restock=arguments["restock"],
        refund=refund,
        staff_note=note,
    )
    call.wrote(order.id)
    return {"job": job, "orderCancelUserErrors": []}


# -- money back


@mutation("refundCreate")
def _refund(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    order = call.shop.orders.get(wish["orderId"])
    if order is None:
        raise refuse("Order does not exist", field=["orderId"])
    try:
        made = _refunded(call, order, wish)
    except UserErrors as refusal:
        # Its order is shown all the same (recorded).
        raise UserErrors(refusal.errors, order=order) from refusal
    call.wrote(order.id, made.id)
    return {"refund": made, "order": order}


def _refunded(call: Call, order: Order, wish: dict[str, Any]) -> Refund:
    foreign = order.presentment_currency_code != order.currency_code
    if foreign and wish.get("currency") != order.presentment_currency_code:
        # The schema says that it is required; its words were not recorded.
        raise refuse("Currency must be the currency that the buyer paid in", field=["currency"])
    units = paying_back.units_of(call.shop, order, wish.get("refundLineItems") or [])
    payments = paying_back.payments_of(order, wish.get("transactions") or [])
    paying_back.refuse_too_much(order, payments)
    told = wish.get("shipping") or {}
    amount = order.shipping_left if told.get("fullRefund") else ZERO
    if told.get("amount") is not None:
        amount = paying_back.in_shop_money(order, told["amount"])
    return paying_back.make(
        call.shop,
        order,
        units=units,
        payments=payments,
        shipping=paying_back.shipping_of(order, amount),
        note=wish.get("note"),
    )


#: returnDeclineRequest's limit (documentation of ReturnDeclineRequestInput.declineNote).
MAX_DECLINE_NOTE = 500


def _stepped(
    call: Call, identity: str, step: Callable[[Shop, Return], None], field: list[str]
) -> Payload:
    """A return that a step moves on, or Shopify's refusal of the step."""
    found = call.shop.returns.get(identity)
    if found is None:
        raise refuse("Return not found.", field=field, code="NOT_FOUND")
    try:
        step(call.shop, found)
    except ValueError as error:
        raise refuse(str(error), field=field, code="INVALID_STATE") from error
    call.wrote(found.order.id, found.id)
    return {"return": found}


@mutation("returnApproveRequest")
def _approve_return(call: Call, arguments: dict[str, Any]) -> Payload:
    return _stepped(call, arguments["input"]["id"], returning.approve, ["input", "id"])


@mutation("returnDeclineRequest")
def _decline_return(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    note = wish.get("declineNote")
    if len(note or "") > MAX_DECLINE_NOTE:
        # the limit is documented; nobody recorded its message
        raise refuse("Decline note is too long.", field=["input", "declineNote"], code="TOO_LONG")
    decline = partial(returning.decline, reason=wish["declineReason"], note=note)
    return _stepped(call, wish["id"], decline, ["input", "id"])


@mutation("returnClose")
def _close_return(call: Call, arguments: dict[str, Any]) -> Payload:
    return _stepped(call, arguments["id"], returning.close, ["id"])


@mutation("returnCancel")
def _cancel_return(call: Call, arguments: dict[str, Any]) -> Payload:
    return _stepped(call, arguments["id"], returning.cancel, ["id"])


@mutation("returnReopen")
def _reopen_return(call: Call, arguments: dict[str, Any]) -> Payload:
    return _stepped(call, arguments["id"], returning.reopen, ["id"])


@mutation("returnProcess")
def _process(call: Call, arguments: dict[str, Any]) -> Payload:
    wish = arguments["input"]
    found = call.shop.returns.get(wish["returnId"])
    if found is None:
        raise refuse("Return not found.", field=["input", "returnId"], code="NOT_FOUND")
    returning.process(call.shop, found, wish)
    call.wrote(found.order.id, found.id)
    return {"return": found}


@mutation("tagsAdd")
def _tags_add(call: Call, arguments: dict[str, Any]) -> Payload:
    found = _taggable(call, arguments["id"])
    new = [tag for tag in arguments["tags"] if tag not in found.tags]
    return _tagged(call, found, [*found.tags, *new])


@mutation("tagsRemove")
def _tags_remove(call: Call, arguments: dict[str, Any]) -> Payload:
    found = _taggable(call, arguments["id"])
    return _tagged(call, found, [tag for tag in found.tags if tag not in arguments["tags"]])


def _taggable(call: Call, identity: str) -> Order | Product:
    for kind, rule in _KIND_RULES.items():
        if identity.startswith(f"gid://shopify/{kind}/"):
            call.require(rule, field=call.info.field_name)
            found = call.shop.find(identity)
            if isinstance(found, Order | Product):
                return found
            raise refuse(f"{kind} does not exist", field=["id"])
    raise top_level(f"Invalid id: {identity}", code="RESOURCE_NOT_FOUND")


def _tagged(call: Call, found: Order | Product, tags: list[str]) -> Payload:
    changed = tags != found.tags
    found.tags = tags
    if changed:
        call.shop.touch(found)
    call.wrote(found.id, changed=changed)
    return {"node": found}
