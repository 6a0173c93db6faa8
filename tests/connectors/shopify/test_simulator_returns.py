"""The simulated shop's money and returns: refusals and state as recorded on real stores."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.shopify.simulator_rig import Caller, running, sold

REFUND = """mutation Refund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id note totalRefundedSet { shopMoney { amount } } }
    order { id displayFinancialStatus totalRefundedSet { shopMoney { amount } } }
    userErrors { field message }
  }
}"""
WITHOUT_KEY = """mutation Refund($input: RefundInput!) {
  refundCreate(input: $input) { userErrors { message } }
}"""
PROCESS = """mutation Process($input: ReturnProcessInput!) {
  returnProcess(input: $input) {
    return { id status order { returnStatus } refunds(first: 5) { nodes { id } } }
    userErrors { code field message }
  }
}"""
ORDER = """query Money($id: ID!) { order(id: $id) {
  displayFinancialStatus displayFulfillmentStatus returnStatus updatedAt
  currentTotalPriceSet { shopMoney { amount } } totalReceivedSet { shopMoney { amount } }
  netPaymentSet { shopMoney { amount } }
  transactions(first: 9) { id kind gateway }
  lineItems(first: 9) { nodes { id quantity currentQuantity refundableQuantity
    unfulfilledQuantity nonFulfillableQuantity } }
  returns(first: 5) { nodes { id status name returnLineItems(first: 5) { nodes {
    id quantity processableQuantity processedQuantity refundableQuantity refundedQuantity } } } }
} }"""


@pytest.fixture
def caller() -> Iterator[Caller]:
    with running() as one:
        one.simulator.add_location("Main")
        one.simulator.add_product("MUG", price="10.00", quantities={"Main": 20})
        yield one


def money(caller: Caller, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = caller.data(ORDER, {"id": order["id"]})["order"]
    return found


def wish(caller: Caller, order: dict[str, Any], amount: str, units: int = 0, **more: Any) -> Any:
    now = money(caller, order)
    (line,) = now["lineItems"]["nodes"]
    rows = [{"lineItemId": line["id"], "quantity": units, "restockType": "NO_RESTOCK"}]
    paid = {
        "orderId": order["id"],
        "gateway": "bogus",
        "kind": "REFUND",
        "amount": amount,
        "parentId": now["transactions"][0]["id"],
        **more,
    }
    return {
        "orderId": order["id"],
        "refundLineItems": rows if units else [],
        "transactions": [paid],
    }


def refund(caller: Caller, wanted: dict[str, Any], key: str = "") -> dict[str, Any]:
    variables = {"input": wanted, "key": key or str(uuid.uuid4())}
    found: dict[str, Any] = caller.data(REFUND, variables)["refundCreate"]
    return found


def said(payload: dict[str, Any]) -> list[tuple[Any, str]]:
    return [(one["field"], one["message"]) for one in payload["userErrors"]]


# --- money


def test_a_refund_takes_units_out_and_moves_money_and_the_day(caller: Caller) -> None:
    # given an order of 2 x 10.00 and 5.00 of shipping
    order = sold(caller, ("MUG", 2))
    before = money(caller, order)
    caller.clock.advance(60)

    # when one unit is paid back
    made = refund(caller, {**wish(caller, order, "10.00", 1), "note": "broken"})

    # then everything follows
    after = money(caller, order)
    assert made["refund"]["totalRefundedSet"]["shopMoney"]["amount"] == "10.0"
    assert made["refund"]["note"] == "broken"
    assert after["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert after["updatedAt"] > before["updatedAt"]
    assert [one["currentQuantity"] for one in after["lineItems"]["nodes"]] == [1]
    amounts = [
        after[name]["shopMoney"]["amount"]
        for name in ("currentTotalPriceSet", "totalReceivedSet", "netPaymentSet")
    ]
    assert amounts == ["15.0", "25.0", "15.0"]


def test_all_of_it_paid_back_is_refunded(caller: Caller) -> None:
    order = sold(caller, ("MUG", 2))

    made = refund(caller, wish(caller, order, "25.00", 2))

    assert made["order"]["displayFinancialStatus"] == "REFUNDED"


def test_more_than_is_left_is_refused_even_where_that_is_allowed(caller: Caller) -> None:
    # given 25.00 received and 10.00 paid back
    order = sold(caller, ("MUG", 2))
    refund(caller, wish(caller, order, "10.00", 1))

    # when 25.00 are asked for, with and without leave to
    asked = wish(caller, order, "25.00")
    answers = [refund(caller, {**asked, "allowOverRefunding": leave}) for leave in (False, True)]

    # then both are refused in the words that were recorded, and the order is shown all the same
    words = "Refund amount $25.00 is greater than net payment received $15.00"
    assert [said(one) for one in answers] == [[(None, words)]] * 2
    assert [one["order"]["displayFinancialStatus"] for one in answers] == ["PARTIALLY_REFUNDED"] * 2
    assert all(one["refund"] is None for one in answers)


def test_more_units_than_are_left_are_refused(caller: Caller) -> None:
    order = sold(caller, ("MUG", 2))
    refund(caller, wish(caller, order, "10.00", 1))

    refused = refund(caller, wish(caller, order, "10.00", 2))

    assert said(refused) == [
        (
            ["refundLineItems", "0", "quantity"],
            "Quantity cannot refund more items than were purchased",
        )
    ]


def test_an_unknown_order_is_refused(caller: Caller) -> None:
    refused = refund(caller, {"orderId": "gid://shopify/Order/1"})

    assert said(refused) == [(["orderId"], "Order does not exist")]
    assert refused["order"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "AUTHORIZATION"}, (None, "Kind authorization is not a valid transaction")),
        (
            {"parentId": "gid://shopify/OrderTransaction/1"},
            (["transactions"], "Transactions require a parent_id associated with the order"),
        ),
    ],
)
def test_a_transaction_that_is_no_refund_of_a_payment_is_refused(
    caller: Caller, change: dict[str, str], words: Any
) -> None:
    order = sold(caller, ("MUG", 1))

    assert said(refund(caller, wish(caller, order, "1.00", **change))) == [words]


def test_money_goes_back_by_the_gateway_it_came_by_whatever_is_said(caller: Caller) -> None:
    order = sold(caller, ("MUG", 1))

    refund(caller, wish(caller, order, "1.00", gateway="manual"))

    assert [one["gateway"] for one in money(caller, order)["transactions"]] == ["bogus", "bogus"]


def test_without_a_key_it_does_not_run(caller: Caller) -> None:
    order = sold(caller, ("MUG", 1))

    answer = caller.ask(WITHOUT_KEY, {"input": wish(caller, order, "1.00")})

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "@idempotent directive is required" in error["message"]
    assert money(caller, order)["displayFinancialStatus"] == "PAID"


def test_a_key_is_one_refund_for_a_day_and_no_other(caller: Caller) -> None:
    # given a refund under a key
    order = sold(caller, ("MUG", 2))
    asked = wish(caller, order, "1.00")
    first = refund(caller, asked, "k-1")

    # when the key is used again for the same, for something else, and for the same two days later
    same = refund(caller, asked, "k-1")
    other = refund(caller, wish(caller, order, "2.00"), "k-1")
    caller.clock.advance(25 * 3600)
    later = refund(caller, asked, "k-1")

    # then the same is the first, something else is refused, and a forgotten key pays again
    assert same["refund"]["id"] == first["refund"]["id"] != later["refund"]["id"]
    assert said(other) == [
        (None, "The same idempotency key cannot be used with different operation parameters.")
    ]
    assert later["order"]["totalRefundedSet"]["shopMoney"]["amount"] == "2.0"


# --- what comes back


def came(caller: Caller, units: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """A shipped order of two, with a return that was asked for."""
    order = sold(caller, ("MUG", 2))
    caller.simulator.place_order({"fulfill": order["id"]})
    row = {"sku": "MUG", "quantity": units, "reason": "too-big"}
    asked = caller.simulator.place_order({"send_back": order["id"], "lines": [row]})
    return order, asked["returns"][0]


def process(caller: Caller, found: dict[str, Any], units: int, **more: Any) -> dict[str, Any]:
    rows = [{"id": found["lines"][0]["id"], "quantity": units}]
    wanted = {"returnId": found["id"], "returnLineItems": rows, **more}
    answer: dict[str, Any] = caller.data(PROCESS, {"input": wanted})["returnProcess"]
    return answer


def test_the_orders_return_status_follows_its_returns(caller: Caller) -> None:
    # given a return that is asked for, approved, and closed
    order, found = came(caller)
    seen = [money(caller, order)["returnStatus"]]
    for deed in ("approve", "close_return"):
        caller.simulator.place_order({deed: found["name"]})
        seen.append(money(caller, order)["returnStatus"])

    # then
    assert seen == ["RETURN_REQUESTED", "IN_PROGRESS", "RETURNED"]


def test_a_declined_return_counts_for_nothing_and_its_units_may_be_asked_for_again(
    caller: Caller,
) -> None:
    order, found = came(caller)
    caller.simulator.place_order({"decline": found["name"]})

    rows = [{"sku": "MUG", "quantity": 2}]
    again = caller.simulator.place_order({"send_back": order["id"], "lines": rows})

    assert [one["status"] for one in again["returns"]] == ["DECLINED", "REQUESTED"]


@pytest.mark.parametrize(
    "lines", [[], [{"sku": "MUG", "quantity": 1}], [{"sku": "X", "quantity": 1}]]
)
def test_units_that_did_not_go_out_or_are_in_a_return_cannot_come_back(
    caller: Caller, lines: list[dict[str, Any]]
) -> None:
    order, _ = came(caller, units=2)

    with pytest.raises(ValueError, match=r"quantity|needs lines"):
        caller.simulator.place_order({"send_back": order["id"], "lines": lines})


def test_a_processed_return_stays_open_and_its_units_leave_the_order(caller: Caller) -> None:
    # given an approved return of both units
    order, found = came(caller)
    caller.simulator.place_order({"approve": found["name"]})
    parent = money(caller, order)["transactions"][0]["id"]
    amount = {"amount": "20.00", "currencyCode": "USD"}
    paid = {"orderTransactions": [{"parentId": parent, "transactionAmount": amount}]}

    # when all of it is processed and paid
    done = process(caller, found, 2, financialTransfer={"issueRefund": paid})

    # then it is open all the same, until somebody closes it (recorded)
    now = money(caller, order)
    assert done["return"]["status"] == "OPEN"
    assert done["return"]["order"]["returnStatus"] == "IN_PROGRESS"
    assert len(done["return"]["refunds"]["nodes"]) == 1
    (row,) = now["returns"]["nodes"][0]["returnLineItems"]["nodes"]
    assert (row["processableQuantity"], row["processedQuantity"], row["refundedQuantity"]) == (
        0,
        2,
        2,
    )
    assert [one["currentQuantity"] for one in now["lineItems"]["nodes"]] == [0]


def test_units_may_be_processed_without_money(caller: Caller) -> None:
    order, found = came(caller)
    caller.simulator.place_order({"approve": found["name"]})

    done = process(caller, found, 1)

    now = money(caller, order)
    assert done["return"]["refunds"]["nodes"] == []
    assert [one["currentQuantity"] for one in now["lineItems"]["nodes"]] == [1]
    assert now["displayFinancialStatus"] == "PAID"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"returnId": "gid://shopify/Return/1"}, "NOT_FOUND", "returnId"),
        (
            {"returnLineItems": [{"id": "gid://shopify/ReturnLineItem/1", "quantity": 1}]},
            "NOT_FOUND",
            "id",
        ),
    ],
)
def test_a_return_or_a_line_that_is_not_there_is_refused(
    caller: Caller, change: dict[str, Any], code: str, field: str
) -> None:
    _, found = came(caller)
    caller.simulator.place_order({"approve": found["name"]})

    refused = process(caller, found, 1, **change)

    (error,) = refused["userErrors"]
    assert (error["code"], error["field"][-1]) == (code, field)


def test_more_than_is_left_to_process_is_refused_and_nothing_is_done(caller: Caller) -> None:
    # given a return of two, one of them processed
    order, found = came(caller)
    caller.simulator.place_order({"approve": found["name"]})
    process(caller, found, 1)

    # when two more are processed, with money
    parent = money(caller, order)["transactions"][0]["id"]
    amount = {"amount": "20.00", "currencyCode": "USD"}
    paid = {"orderTransactions": [{"parentId": parent, "transactionAmount": amount}]}
    refused = process(caller, found, 2, financialTransfer={"issueRefund": paid})

    # then it is refused whole
    assert [one["code"] for one in refused["userErrors"]] == ["INVALID"]
    assert money(caller, order)["displayFinancialStatus"] == "PAID"


def test_a_return_that_was_only_asked_for_is_not_processed(caller: Caller) -> None:
    _, found = came(caller)

    refused = process(caller, found, 1)

    assert [one["code"] for one in refused["userErrors"]] == ["INVALID_STATE"]


def test_what_is_restocked_is_on_the_shelf_again_and_nothing_else(caller: Caller) -> None:
    # given both units back, waiting to be disposed of
    _, found = came(caller)
    caller.simulator.place_order({"approve": found["name"]})
    reverse = caller.simulator.shop.returns[found["id"]].reverse[0].lines[0]
    place = next(iter(caller.simulator.shop.locations))

    # when one is restocked and the other is not
    rows = [
        {
            "reverseFulfillmentOrderLineItemId": reverse.id,
            "quantity": 1,
            "dispositionType": kind,
            "locationId": place if kind == "RESTOCKED" else None,
        }
        for kind in ("RESTOCKED", "NOT_RESTOCKED")
    ]
    lines = [{"id": found["lines"][0]["id"], "quantity": 2, "dispositions": rows}]
    done = process(caller, found, 2, returnLineItems=lines)

    # then one is there
    assert done["userErrors"] == []
    (level,) = caller.simulator.books()["quantities"]
    assert (level["available"], level["on_hand"]) == (19, 19)


def test_the_books_say_what_was_paid_back_per_line(caller: Caller) -> None:
    # given two payments for one line
    order = sold(caller, ("MUG", 3))
    refund(caller, wish(caller, order, "10.00", 1))
    refund(caller, wish(caller, order, "19.00", 2))

    # when the books are read
    (entry,) = caller.simulator.books()["orders"]

    # then they count payments, units and what the units were worth, and list what was paid
    (line,) = entry["lines"]
    assert (line["refunds"], line["refunded_quantity"], line["refunded_amount"]) == (2, 3, "30.00")
    assert [one["amount"] for one in entry["refunds"]] == ["10.00", "19.00"]
