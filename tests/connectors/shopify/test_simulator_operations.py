"""Every reference operation that the simulator serves is executed, one life of an order through."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from connectors.shopify.simulator.schema import load_schema
from tests.connectors.shopify.simulator_rig import REFERENCE, Caller, running, sold

#: Served by nobody here: service-side requests, item and order edits, events.
UNSERVED = {
    "InventoryTrack", "FulfillmentEventCreate", "FulfillmentOrderSubmitRequest",
    "FulfillmentOrderAcceptRequest", "FulfillmentOrderRejectRequest",
    "FulfillmentOrderAcceptCancellation", "FulfillmentOrderClose",
    "FulfillmentOrderReportProgress", "OrderUpdateNote",
}  # fmt: skip


def _operations() -> dict[str, str]:
    """Operation name -> a document of it and the fragments of its file."""
    found: dict[str, str] = {}
    for path in sorted((REFERENCE / "operations").glob("*.graphql")):
        if not "01" <= path.name[:2] <= "11":
            continue
        text = path.read_text()
        definitions = parse(text).definitions
        for one in definitions:
            if isinstance(one, OperationDefinitionNode) and one.name:
                assert one.loc
                used = _with_fragments(text, one, definitions)
                found[one.name.value] = used
    return found


def _with_fragments(text: str, operation: Any, definitions: Any) -> str:
    parts, wanted = [text[operation.loc.start : operation.loc.end]], ""
    fragments = {
        one.name.value: text[one.loc.start : one.loc.end]
        for one in definitions
        if one.kind == "fragment_definition"
    }
    while wanted != (wanted := "\n".join(parts)):
        for name, body in fragments.items():
            if f"...{name}" in wanted.replace("... ", "...") and body not in parts:
                parts.append(body)
    return wanted


OPERATIONS = _operations()


@pytest.fixture
def caller() -> Any:
    if not OPERATIONS:
        pytest.skip("the reference operations lie beside the repository, in shared/reference")
    with running() as one:
        yield one


def _variables(caller: Caller) -> dict[str, dict[str, Any]]:
    """Sample variables that name things that are there."""
    shop = caller.simulator
    first, second = shop.add_location("First"), shop.add_location("Second")
    mug = shop.add_product("MUG", quantities={"First": 20, "Second": 5})
    cap = shop.add_product("CAP", quantities={"First": 20})
    orders = [sold(caller, ("MUG", 2)) for _ in range(6)]
    part = [order["fulfillment_orders"][0]["id"] for order in orders]
    shipped = caller.fulfill(part[1])["fulfillment"]["id"]
    line = caller.parts(orders[2]["id"])[0]["lineItems"]["nodes"][0]["id"]
    hold = caller.data(
        OPERATIONS["FulfillmentOrderHold"],
        {"id": part[4], "fulfillmentHold": {"reason": "OTHER"}},
    )["fulfillmentOrderHold"]["fulfillmentHold"]["id"]
    page: dict[str, Any] = {"first": 5}
    recent = "updated_at:>='2026-11-20T10:00:00Z'"
    item = {"inventoryItemId": mug.inventory_item.id, "locationId": first.id}
    cancel = {"orderId": orders[5]["id"], "reason": "INVENTORY", "restock": True}
    job = caller.data(OPERATIONS["OrderCancel"], cancel)["orderCancel"]["job"]["id"]
    return {
        "ShopAndScopes": {},
        "Locations": page,
        "OrdersIncremental": {**page, "query": recent},
        "OrderDetail": {"id": orders[1]["id"]},
        "FulfillmentOrdersSync": {**page, "query": recent},
        "AssignedFulfillmentOrders": {**page, "status": "FULFILLMENT_REQUESTED"},
        "ProductsSync": {**page, "query": recent},
        "VariantsBySku": {**page, "query": "sku:'MUG'"},
        "InventoryItemsSync": page,
        "LocationInventory": {**page, "locationId": first.id},
        "InventoryLevelOf": item,
        "InventoryStates": {},
        "InventorySet": {
            "key": "a",
            "input": {
                "name": "available",
                "reason": "correction",
                "quantities": [{**item, "quantity": 9, "changeFromQuantity": None}],
            },
        },
        "InventoryAdjust": {
            "key": "b",
            "input": {
                "name": "available",
                "reason": "correction",
                "changes": [{**item, "delta": -1, "changeFromQuantity": None}],
            },
        },
        "InventoryActivate": {
            "key": "c",
            "inventoryItemId": cap.inventory_item.id,
            "locationId": second.id,
            "available": 3,
        },
        "FulfillmentCreate": {
            "fulfillment": {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": part[0]}]}
        },
        "FulfillmentTrackingInfoUpdate": {
            "fulfillmentId": shipped,
            "trackingInfoInput": {"company": "UPS", "numbers": ["1Z1", "1Z2"]},
        },
        "FulfillmentCancel": {"id": shipped},
        "FulfillmentOrderMove": {"id": part[2], "newLocationId": second.id},
        "FulfillmentOrderHold": {
            "id": part[3],
            "fulfillmentHold": {"reason": "INVENTORY_OUT_OF_STOCK", "handle": "lockstep"},
        },
        "FulfillmentOrderReleaseHold": {"id": part[4], "holdIds": [hold]},
        "FulfillmentOrderSplit": {
            "splits": [
                {
                    "fulfillmentOrderId": part[2],
                    "fulfillmentOrderLineItems": [{"id": line, "quantity": 1}],
                }
            ]
        },
        "OrderCancel": {"orderId": orders[0]["id"], "reason": "INVENTORY", "restock": True},
        "JobStatus": {"id": job},
    }


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - UNSERVED))
def test_a_reference_operation_is_answered_without_an_error(name: str, caller: Caller) -> None:
    variables = _variables(caller)[name]

    answer = caller.ask(OPERATIONS[name], variables, name=name)

    assert "errors" not in answer, answer["errors"]
    for payload in answer["data"].values():
        if isinstance(payload, dict):
            assert payload.get("userErrors", []) == []


def test_what_is_not_served_is_not_in_the_schema(caller: Caller) -> None:
    fields = load_schema().mutation_type.fields  # type: ignore[union-attr]  # it has mutations

    answers = {name: caller.ask(OPERATIONS[name], name=name) for name in UNSERVED}

    assert "fulfillmentEventCreate" not in fields
    assert all(
        answer["errors"][0]["extensions"]["code"] in ("undefinedField", "invalid")
        for answer in answers.values()
    )
