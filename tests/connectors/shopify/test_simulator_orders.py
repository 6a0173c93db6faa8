"""Orders, fulfillment orders, fulfillments: the state machine as observed on real stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.shopify.simulator_rig import Caller, running, sold

MOVE = """mutation Move($id: ID!, $location: ID!, $lines: [FulfillmentOrderLineItemInput!]) {
  fulfillmentOrderMove(id: $id, newLocationId: $location, fulfillmentOrderLineItems: $lines) {
    movedFulfillmentOrder { id status assignedLocation { location { id } } }
    originalFulfillmentOrder { id } remainingFulfillmentOrder { id }
    userErrors { code field message }
  }
}"""
HOLD = """mutation Hold($id: ID!, $hold: FulfillmentOrderHoldInput!) {
  fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) {
    fulfillmentHold { id } fulfillmentOrder { id status supportedActions { action } }
    remainingFulfillmentOrder { id status }
    userErrors { code field message }
  }
}"""
RELEASE = """mutation Release($id: ID!, $ids: [ID!]) {
  fulfillmentOrderReleaseHold(id: $id, holdIds: $ids) {
    fulfillmentOrder { id status lineItems(first: 5) { nodes { remainingQuantity } } }
    userErrors { code message }
  }
}"""
CANCEL = """mutation Cancel($id: ID!, $restock: Boolean!, $refund: OrderCancelRefundMethodInput) {
  orderCancel(orderId: $id, reason: INVENTORY, restock: $restock, refundMethod: $refund) {
    job { id done } orderCancelUserErrors { code field message }
  }
}"""
UNFULFILL = """mutation Unfulfill($id: ID!) {
  fulfillmentCancel(id: $id) { fulfillment { status displayStatus } userErrors { message } }
}"""


@pytest.fixture
def caller() -> Iterator[Caller]:
    with running() as one:
        one.simulator.add_location("East")
        one.simulator.add_location("West")
        yield one


def _messages(payload: dict[str, Any]) -> list[str]:
    return [error["message"] for error in payload["userErrors"]]


def test_a_new_order_promises_units_where_they_lie(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"West": 5})
    west = caller.simulator.shop.locations[next(iter(mug.inventory_item.levels))]

    order = sold(caller, ("MUG", 2))

    shown = caller.quantities(mug, west)
    assert (shown["available"], shown["committed"], shown["on_hand"]) == (3, 2, 5)
    (part,) = caller.parts(order["id"])
    assert part["assignedLocation"]["location"]["id"] == west.id
    assert (part["status"], part["requestStatus"]) == ("OPEN", "UNSUBMITTED")
    actions = [row["action"] for row in part["supportedActions"]]
    assert actions == ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", "SPLIT"]


def test_lines_that_no_location_has_together_are_routed_apart(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    caller.simulator.add_product("CAP", quantities={"West": 5})

    order = sold(caller, ("MUG", 1), ("CAP", 1))

    places = {part["location_name"] for part in order["fulfillment_orders"]}
    assert places == {"East", "West"}


def test_one_location_that_has_everything_gets_everything(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5, "West": 5})
    caller.simulator.add_product("CAP", quantities={"West": 5})

    order = sold(caller, ("MUG", 1), ("CAP", 1))

    assert [part["location_name"] for part in order["fulfillment_orders"]] == ["West"]


def test_a_shop_refuses_what_it_does_not_have_and_counts_it(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 1})

    with pytest.raises(ValueError, match="sold out"):
        sold(caller, ("MUG", 2))
    with pytest.raises(ValueError, match="sold out"):
        sold(caller, ("MUG", 1), ("MUG", 1))

    books = caller.simulator.books()
    assert books["counts"]["sold_out_refusals"] == 2
    assert books["orders"] == []
    assert mug.inventory_quantity == 1


def test_a_variant_that_may_be_oversold_goes_below_zero_and_is_counted(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 1}, policy="CONTINUE")

    sold(caller, ("MUG", 3))

    assert mug.inventory_quantity == -2
    assert caller.simulator.books()["counts"]["oversold_units"] == 2


def test_a_fulfillment_takes_units_out_of_the_house(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5})
    east = next(iter(caller.simulator.shop.locations.values()))
    order = sold(caller, ("MUG", 2))
    caller.clock.advance(60)

    payload = caller.fulfill(order["fulfillment_orders"][0]["id"], number="1Z42")

    assert payload["userErrors"] == []
    assert payload["fulfillment"]["status"] == "SUCCESS"
    assert payload["fulfillment"]["trackingInfo"] == [{"company": "UPS", "number": "1Z42"}]
    shown = caller.quantities(mug, east)
    assert (shown["available"], shown["committed"], shown["on_hand"]) == (3, 0, 3)
    after = caller.order(order["id"])
    assert after["displayFulfillmentStatus"] == "FULFILLED"
    assert after["updatedAt"] == "2026-11-23T12:01:00Z"
    assert after["fulfillmentOrders"]["nodes"][0]["status"] == "CLOSED"


def test_the_same_fulfillment_again_is_refused_because_nothing_is_open(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    part = sold(caller, ("MUG", 2))["fulfillment_orders"][0]["id"]
    caller.fulfill(part)

    again = caller.fulfill(part)

    number = part.rsplit("/", 1)[1]
    assert again["fulfillment"] is None
    assert _messages(again) == [f"Fulfillment order {number} has an unfulfillable status= closed."]
    assert caller.simulator.books()["counts"]["fulfillments"] == 1


def test_a_part_of_a_fulfillment_order_can_be_fulfilled_and_then_the_rest(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    order = sold(caller, ("MUG", 3))
    (part,) = caller.parts(order["id"])
    line = part["lineItems"]["nodes"][0]["id"]

    caller.fulfill(part["id"], lines=[{"id": line, "quantity": 1}])

    middle = caller.order(order["id"])
    assert middle["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
    (left,) = middle["fulfillmentOrders"]["nodes"]
    assert left["id"] == part["id"]
    assert left["lineItems"]["nodes"][0]["remainingQuantity"] == 2
    caller.fulfill(part["id"])
    assert caller.order(order["id"])["displayFulfillmentStatus"] == "FULFILLED"


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, "Quantity must be greater than 0"),
        (4, "Invalid fulfillment order line item quantity requested."),
    ],
)
def test_a_quantity_that_is_not_open_is_refused(
    quantity: int, message: str, caller: Caller
) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    order = sold(caller, ("MUG", 3))
    (part,) = caller.parts(order["id"])
    line = part["lineItems"]["nodes"][0]["id"]

    payload = caller.fulfill(part["id"], lines=[{"id": line, "quantity": quantity}])

    assert _messages(payload) == [message]
    assert caller.simulator.log.entries()[-1].took_effect is False


def test_one_fulfillment_is_one_order_at_one_location(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    caller.simulator.add_product("CAP", quantities={"West": 5})
    first = sold(caller, ("MUG", 1), ("CAP", 1))["fulfillment_orders"]
    second = sold(caller, ("MUG", 1))["fulfillment_orders"]

    apart = caller.fulfill(first[0]["id"], first[1]["id"])
    strangers = caller.fulfill(first[0]["id"], second[0]["id"])
    missing = caller.fulfill("gid://shopify/FulfillmentOrder/1")

    assert _messages(apart)[0].startswith(
        "All fulfillment orders must be assigned to a single location."
    )
    assert _messages(strangers)[0].startswith(
        "All fulfillment orders must belong to the same order."
    )
    assert _messages(missing) == ["Fulfillment order does not exist."]


def test_two_fulfillment_orders_of_one_location_ship_together(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    caller.simulator.add_product("CODE", requires_shipping=False, quantities={"East": 5})
    order = sold(caller, ("MUG", 1), ("CODE", 1))
    first, second = (part["id"] for part in order["fulfillment_orders"])

    payload = caller.fulfill(first, second)

    assert payload["userErrors"] == []
    (entry,) = caller.simulator.books()["orders"]
    assert len(entry["fulfillments"]) == 1
    assert {line["sku"] for line in entry["fulfillments"][0]["lines"]} == {"MUG", "CODE"}


def test_a_canceled_fulfillment_opens_its_units_again_and_twice_is_no_error(
    caller: Caller,
) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5})
    east = next(iter(caller.simulator.shop.locations.values()))
    order = sold(caller, ("MUG", 2))
    made = caller.fulfill(order["fulfillment_orders"][0]["id"])["fulfillment"]["id"]

    once = caller.data(UNFULFILL, {"id": made})["fulfillmentCancel"]
    twice = caller.data(UNFULFILL, {"id": made})["fulfillmentCancel"]

    assert once["fulfillment"] == {"status": "CANCELLED", "displayStatus": "CANCELED"}
    assert twice == once
    assert [entry.took_effect for entry in caller.simulator.log.entries()[-2:]] == [True, False]
    (part,) = caller.parts(order["id"])
    assert part["status"] == "OPEN"
    assert part["lineItems"]["nodes"][0]["remainingQuantity"] == 2
    shown = caller.quantities(mug, east)
    assert (shown["available"], shown["committed"], shown["on_hand"]) == (3, 2, 5)


def test_moving_a_whole_fulfillment_order_keeps_its_id_and_takes_the_promise_along(
    caller: Caller,
) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5, "West": 5})
    east, west = caller.simulator.shop.locations.values()
    part = sold(caller, ("MUG", 2))["fulfillment_orders"][0]["id"]

    payload = caller.data(MOVE, {"id": part, "location": west.id})["fulfillmentOrderMove"]

    assert payload["movedFulfillmentOrder"]["id"] == part
    assert payload["originalFulfillmentOrder"]["id"] == part
    assert payload["remainingFulfillmentOrder"] is None
    assert caller.quantities(mug, east)["committed"] == 0
    assert caller.quantities(mug, west)["committed"] == 2


def test_moving_some_units_makes_a_new_fulfillment_order(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5, "West": 5})
    east, west = caller.simulator.shop.locations.values()
    order = sold(caller, ("MUG", 3))
    (part,) = caller.parts(order["id"])
    lines = [{"id": part["lineItems"]["nodes"][0]["id"], "quantity": 2}]

    payload = caller.data(MOVE, {"id": part["id"], "location": west.id, "lines": lines})

    moved = payload["fulfillmentOrderMove"]["movedFulfillmentOrder"]
    assert moved["id"] != part["id"]
    assert moved["assignedLocation"]["location"]["id"] == west.id
    assert payload["fulfillmentOrderMove"]["remainingFulfillmentOrder"]["id"] == part["id"]
    assert caller.quantities(mug, east)["committed"] == 1
    assert caller.quantities(mug, west)["committed"] == 2
    remaining = [
        row["lineItems"]["nodes"][0]["remainingQuantity"] for row in caller.parts(order["id"])
    ]
    assert sorted(remaining) == [1, 2]


def test_what_is_closed_or_not_stocked_there_cannot_be_moved(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    west = list(caller.simulator.shop.locations.values())[1]
    part = sold(caller, ("MUG", 1))["fulfillment_orders"][0]["id"]

    unstocked = caller.data(MOVE, {"id": part, "location": west.id})["fulfillmentOrderMove"]
    caller.fulfill(part)
    closed = caller.data(MOVE, {"id": part, "location": west.id})["fulfillmentOrderMove"]
    unknown = caller.ask(MOVE, {"id": "gid://shopify/FulfillmentOrder/0", "location": west.id})

    assert _messages(unstocked) == ["Cannot change location."]
    assert _messages(closed) == ["Cannot change location."]
    assert unknown["errors"][0]["message"] == "Invalid id: gid://shopify/FulfillmentOrder/0"
    assert unknown["errors"][0]["extensions"]["code"] == "RESOURCE_NOT_FOUND"
    assert unknown["data"] == {"fulfillmentOrderMove": None}


def test_a_hold_stops_fulfillment_until_it_is_released(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    order = sold(caller, ("MUG", 1))
    part = order["fulfillment_orders"][0]["id"]

    held = caller.data(HOLD, {"id": part, "hold": {"reason": "OTHER"}})["fulfillmentOrderHold"]

    assert held["fulfillmentOrder"]["status"] == "ON_HOLD"
    actions = [row["action"] for row in held["fulfillmentOrder"]["supportedActions"]]
    assert actions == ["RELEASE_HOLD", "HOLD", "MOVE"]
    assert "unfulfillable status= on_hold" in _messages(caller.fulfill(part))[0]
    assert caller.order(order["id"])["displayFulfillmentStatus"] == "ON_HOLD"
    caller.data(RELEASE, {"id": part})
    assert caller.fulfill(part)["userErrors"] == []


def test_a_partial_hold_splits_and_its_release_merges_back(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    order = sold(caller, ("MUG", 3))
    (part,) = caller.parts(order["id"])
    lines = [{"id": part["lineItems"]["nodes"][0]["id"], "quantity": 1}]
    hold = {"reason": "OTHER", "fulfillmentOrderLineItems": lines}

    held = caller.data(HOLD, {"id": part["id"], "hold": hold})["fulfillmentOrderHold"]
    sibling = held["remainingFulfillmentOrder"]
    released = caller.data(RELEASE, {"id": part["id"]})["fulfillmentOrderReleaseHold"]

    assert sibling["status"] == "OPEN"
    merged = released["fulfillmentOrder"]
    assert merged["status"] == "OPEN"
    assert merged["lineItems"]["nodes"] == [{"remainingQuantity": 3}]
    assert {row["id"]: row["status"] for row in caller.parts(order["id"])} == {
        part["id"]: "OPEN",
        sibling["id"]: "CLOSED",
    }


def test_an_eleventh_hold_and_a_doubled_handle_are_refused(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    part = sold(caller, ("MUG", 1))["fulfillment_orders"][0]["id"]

    def hold(handle: str) -> list[str]:
        wish = {"id": part, "hold": {"reason": "OTHER", "handle": handle}}
        payload = caller.data(HOLD, wish)["fulfillmentOrderHold"]
        return [error["code"] for error in payload["userErrors"]]

    assert [hold(str(number)) for number in range(5)] == [[]] * 5
    assert hold("0") == ["DUPLICATE_FULFILLMENT_HOLD_HANDLE"]
    assert [hold(str(number)) for number in range(5, 10)] == [[]] * 5
    assert hold("10") == ["FULFILLMENT_ORDER_HOLD_LIMIT_REACHED"]


def test_canceling_is_a_job_that_restocks_refunds_and_closes(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5})
    east = next(iter(caller.simulator.shop.locations.values()))
    order = sold(caller, ("MUG", 2))
    wish = {"id": order["id"], "restock": True, "refund": {"originalPaymentMethodsRefund": True}}

    job = caller.data(CANCEL, wish)["orderCancel"]["job"]
    during = caller.data(CANCEL, wish)["orderCancel"]["orderCancelUserErrors"]

    assert job["done"] is False
    assert during[0]["message"] == "Cancellation is already in progress"
    assert caller.order(order["id"])["cancelledAt"] is None
    caller.clock.advance(2)
    done = caller.data("query($id: ID!) { job(id: $id) { done } }", {"id": job["id"]})
    assert done["job"]["done"] is True
    after = caller.order(order["id"])
    assert after["cancelledAt"] == "2026-11-23T12:00:02Z"
    assert (after["closed"], after["displayFinancialStatus"]) == (True, "REFUNDED")
    assert after["displayFulfillmentStatus"] == "UNFULFILLED"
    (part,) = after["fulfillmentOrders"]["nodes"]
    assert part["status"] == "CLOSED"
    assert part["lineItems"]["nodes"][0]["totalQuantity"] == 0
    assert part["lineItems"]["nodes"][0]["remainingQuantity"] == 0
    shown = caller.quantities(mug, east)
    assert (shown["available"], shown["committed"], shown["on_hand"]) == (5, 0, 5)
    again = caller.data(CANCEL, wish)["orderCancel"]["orderCancelUserErrors"]
    assert again[0]["message"] == "Cannot cancel an order that has already been canceled"


def test_canceling_without_restock_takes_the_units_out(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 5})
    east = next(iter(caller.simulator.shop.locations.values()))
    order = sold(caller, ("MUG", 2))

    caller.data(CANCEL, {"id": order["id"], "restock": False})
    caller.clock.advance(2)

    shown = caller.quantities(mug, east)
    assert (shown["available"], shown["committed"], shown["on_hand"]) == (3, 0, 3)
    assert caller.order(order["id"])["displayFinancialStatus"] == "PAID"


def test_an_order_with_a_parcel_out_cannot_be_canceled(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    order = sold(caller, ("MUG", 2))
    caller.fulfill(order["fulfillment_orders"][0]["id"])

    payload = caller.data(CANCEL, {"id": order["id"], "restock": True})["orderCancel"]

    (error,) = payload["orderCancelUserErrors"]
    assert error["message"] == "Cannot cancel an order that has outstanding fulfillments"
    assert error["code"] == "INVALID"


def test_a_buyer_who_changes_her_mind_cancels_later_if_nothing_has_left(caller: Caller) -> None:
    caller.simulator.add_product("MUG", quantities={"East": 5})
    early = sold(caller, ("MUG", 1), cancel_after=100)
    late = sold(caller, ("MUG", 1), cancel_after=100)
    caller.fulfill(late["fulfillment_orders"][0]["id"])

    caller.clock.advance(101)

    books = {entry["id"]: entry for entry in caller.simulator.books()["orders"]}
    assert books[early["id"]]["canceled"] == "2026-11-23T12:01:41Z"
    assert books[late["id"]]["canceled"] is None
    assert caller.simulator.books()["counts"]["late_cancellations"] == 1


def test_payment_edits_and_other_apps_change_an_order_from_outside(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 9})
    order = sold(caller, ("MUG", 4), payment="PENDING", test=True)
    simulator = caller.simulator

    paid = simulator.place_order({"pay": order["name"]})
    edited = simulator.place_order({"edit": order["id"], "lines": [{"sku": "MUG", "quantity": 3}]})
    shipped = simulator.place_order(
        {"fulfill": order["id"], "lines": [{"sku": "MUG", "quantity": 2}]}
    )

    assert (order["payment"], paid["payment"]) == ("PENDING", "PAID")
    assert edited["lines"][0]["current_quantity"] == 3
    assert mug.inventory_quantity == 6
    assert shipped["fulfillments"][0]["external"] is True
    assert shipped["fulfillment"] == "PARTIALLY_FULFILLED"
    assert simulator.log.entries() == []


def test_control_says_what_is_wrong_with_a_request(caller: Caller) -> None:
    for wish, words in (
        ({}, "asks for nothing known"),
        ({"lines": []}, "needs lines"),
        ({"lines": [{"sku": "NO", "quantity": 1}]}, "no variant"),
        ({"lines": [], "colour": 1}, "unknown keys"),
        ({"cancel": "#9"}, "no order"),
    ):
        with pytest.raises(ValueError, match=words):
            caller.simulator.place_order(wish)


def test_two_lines_of_one_sku_are_counted_together_when_routed(caller: Caller) -> None:
    mug = caller.simulator.add_product("MUG", quantities={"East": 1, "West": 1})

    order = sold(caller, ("MUG", 1), ("MUG", 1))

    assert {part["location_name"] for part in order["fulfillment_orders"]} == {"East", "West"}
    assert all(level.quantity("available") == 0 for level in mug.inventory_item.levels.values())
