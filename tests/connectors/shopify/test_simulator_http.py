"""The edge: tokens, versions, prices and throttling, errors of a request, paging, search, faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.connectors.shopify.simulator_rig import TOKEN, Caller, running, sold

ORDERS = """query Orders($first: Int, $after: String, $query: String, $reverse: Boolean) {
  orders(first: $first, after: $after, query: $query, reverse: $reverse, sortKey: UPDATED_AT) {
    nodes { name updatedAt } pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture
def caller() -> Iterator[Caller]:
    with running() as one:
        one.simulator.add_location("East")
        one.simulator.add_product("MUG", quantities={"East": 1000})
        yield one


def _code(answer: dict[str, Any]) -> str:
    code: str = answer["errors"][0]["extensions"]["code"]
    return code


def _names(answer: dict[str, Any]) -> list[str]:
    return [row["name"] for row in answer["data"]["orders"]["nodes"]]


def _token(caller: Caller, **fields: str) -> httpx.Response:
    form = {
        "client_id": "simulated-client",
        "client_secret": "simulated-secret",
        "grant_type": "client_credentials",
        **fields,
    }
    return caller.http.post("/admin/oauth/access_token", data=form)


# -- who may come in


def test_a_token_of_the_grant_opens_the_shop_until_it_expires() -> None:
    with running(static_token=None, token_seconds=100) as caller:
        granted = _token(caller).json()
        token = granted["access_token"]

        inside = caller.post("{ shop { name } }", token=token)
        caller.clock.advance(100)
        outside = caller.post("{ shop { name } }", token=token)

        assert granted["expires_in"] == 100
        assert "write_inventory" in granted["scope"].split(",")
        assert inside.json()["data"] == {"shop": {"name": "Demo"}}
        assert outside.status_code == 401
        assert outside.json() == {
            "errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"
        }


def test_a_token_request_may_be_json_too(caller: Caller) -> None:
    body = {
        "client_id": "simulated-client",
        "client_secret": "simulated-secret",
        "grant_type": "client_credentials",
    }

    answer = caller.http.post("/admin/oauth/access_token", json=body)

    assert answer.json()["access_token"].startswith("shpat_")
    assert caller.simulator.log.entries()[-1].operation == "token"


def test_a_wrong_secret_and_a_foreign_shop_are_told_apart(caller: Caller) -> None:
    wrong = _token(caller, client_secret="nope")
    caller.simulator.gate.installed = False
    foreign = _token(caller)

    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    assert (foreign.status_code, foreign.json()["error"]) == (400, "shop_not_permitted")


def test_a_missing_scope_denies_one_field_and_keeps_the_rest() -> None:
    with running(scopes=["read_products"]) as caller:
        answer = caller.ask("""{ shop { name } order(id: "gid://shopify/Order/1") { id } }""")

        (error,) = answer["errors"]
        assert error["message"] == (
            "Access denied for order field. Required access: `read_orders` access scope."
        )
        assert error["extensions"]["code"] == "ACCESS_DENIED"
        assert error["extensions"]["requiredAccess"] == "`read_orders` access scope."
        assert error["path"] == ["order"]
        assert answer["data"] == {"shop": {"name": "Demo"}, "order": None}


def test_a_third_partys_fulfillment_orders_need_their_own_scope() -> None:
    scopes = ["read_orders", "read_merchant_managed_fulfillment_orders", "read_locations"]
    with running(scopes=scopes) as caller:
        caller.simulator.add_location("Ours")
        caller.simulator.add_location("Theirs", fulfillment_service=True)
        caller.simulator.add_product("A", quantities={"Ours": 1})
        caller.simulator.add_product("B", quantities={"Theirs": 1})

        order = sold(caller, ("A", 1), ("B", 1))

        assert len(order["fulfillment_orders"]) == 2
        assert [line["lineItems"]["nodes"][0]["sku"] for line in caller.parts(order["id"])] == ["A"]


# -- versions


@pytest.mark.parametrize(
    ("asked", "answered"), [("2026-10", "2026-10"), ("2026-04", "2026-04"), ("2024-10", "2026-01")]
)
def test_an_old_version_falls_forward_and_the_answer_says_so(
    asked: str, answered: str, caller: Caller
) -> None:
    answer = caller.post("{ shop { name } }", version=asked)

    assert answer.headers["X-Shopify-API-Version"] == answered
    assert len(answer.headers["X-Request-Id"]) == 36


def test_a_version_yet_to_come_is_not_found(caller: Caller) -> None:
    assert caller.post("{ shop { name } }", version="2031-01").status_code == 404


def test_a_shop_may_be_named_in_the_path(caller: Caller) -> None:
    answer = caller.http.post(
        "/demo/admin/api/2026-10/graphql.json",
        json={"query": "{ shop { name } }"},
        headers={"X-Shopify-Access-Token": TOKEN},
    )

    assert answer.json()["data"] == {"shop": {"name": "Demo"}}


# -- errors of the request itself


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "query Q { shop { nope } }",
            "undefinedField",
            "Field 'nope' doesn't exist on type 'Shop'",
        ),
        (
            "query Q { shop }",
            "selectionMismatch",
            "Field must have selections (field 'shop' returns Shop but has no selections."
            " Did you mean 'shop { ... }'?)",
        ),
        (
            "query Q { order { id } }",
            "missingRequiredArguments",
            "Field 'order' is missing required arguments: id",
        ),
        (
            "query Q($a: Int) { shop { id } }",
            "variableNotUsed",
            "Variable $a is declared by Q but not used",
        ),
        (
            "query Q { shop @nope { id } }",
            "undefinedDirective",
            "Directive @nope is not defined",
        ),
        (
            "query Q {\n  shop {\n    id\n",
            "PARSE_ERROR",
            "syntax error, unexpected end of file at [3, 5]",
        ),
    ],
)
def test_a_wrong_document_is_answered_in_shopifys_words(
    query: str, code: str, message: str, caller: Caller
) -> None:
    response = caller.post(query)

    answer = response.json()
    assert response.status_code == 200
    assert (_code(answer), answer["errors"][0]["message"]) == (code, message)
    assert set(answer) == {"errors"}


def test_a_literal_that_does_not_fit_is_named(caller: Caller) -> None:
    answer = caller.ask('{ orders(first: "x") { nodes { id } } }')

    assert _code(answer) == "argumentLiteralsIncompatible"
    assert answer["errors"][0]["path"] == ["query", "orders", "first"]


def test_a_variable_that_does_not_fit_is_told_with_its_problems(caller: Caller) -> None:
    mutation = """mutation M($input: InventorySetQuantitiesInput!) {
      inventorySetQuantities(input: $input) @idempotent(key: "a") { userErrors { message } }
    }"""
    row = {"inventoryItemId": "a", "locationId": "b", "quantity": 1, "compareQuantity": 2}
    wish = {"name": "available", "reason": "correction", "quantities": [row]}

    gone = caller.ask(mutation, {"input": wish})
    absent = caller.ask(mutation, {})

    assert _code(gone) == _code(absent) == "INVALID_VARIABLE"
    assert gone["errors"][0]["extensions"]["problems"] == [
        {
            "path": ["quantities", 0, "compareQuantity"],
            "explanation": "Field is not defined on InventoryQuantityInput",
        }
    ]
    assert absent["errors"][0]["message"] == (
        "Variable $input of type InventorySetQuantitiesInput! was provided invalid value"
    )
    assert absent["errors"][0]["extensions"]["problems"] == [
        {"path": [], "explanation": "Expected value to not be null"}
    ]


def test_several_operations_need_a_name(caller: Caller) -> None:
    both = "query A { shop { id } } query B { shop { name } }"

    nameless = caller.ask(both)
    named = caller.ask(both, name="B")

    assert nameless == {"errors": [{"message": "An operation name is required"}]}
    assert named["data"] == {"shop": {"name": "Demo"}}
    assert caller.simulator.log.entries()[-1].operation == "B"


def test_an_array_of_251_is_refused_before_execution(caller: Caller) -> None:
    ids = ["gid://shopify/Order/1"] * 251

    answer = caller.ask("query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})

    assert _code(answer) == "MAX_INPUT_SIZE_EXCEEDED"
    assert answer["errors"][0]["message"] == (
        "The input array size of 251 is greater than the maximum allowed of 250."
    )


def test_an_unknown_id_is_null_and_a_wrong_kind_of_id_is_an_error(caller: Caller) -> None:
    unknown = caller.ask('{ order(id: "gid://shopify/Order/1") { id } }')
    wrong = caller.ask('{ order(id: "gid://shopify/Product/1") { id } }')

    assert unknown["data"] == {"order": None}
    assert "errors" not in unknown
    assert _code(wrong) == "RESOURCE_NOT_FOUND"


# -- prices


def test_every_executed_answer_names_its_cost_and_the_bucket(caller: Caller) -> None:
    answer = caller.ask(ORDERS, {"first": 50})

    cost = answer["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 9
    assert cost["actualQueryCost"] <= 9
    assert cost["throttleStatus"] == {
        "maximumAvailable": 2000,
        "currentlyAvailable": 2000 - cost["actualQueryCost"],
        "restoreRate": 100,
    }


def test_unused_cost_is_given_back(caller: Caller) -> None:
    sold(caller, ("MUG", 1))
    sold(caller, ("MUG", 1))

    cost = caller.ask(ORDERS, {"first": 250})["extensions"]["cost"]

    assert cost["requestedQueryCost"] == 13
    assert cost["actualQueryCost"] < 5
    assert cost["throttleStatus"]["currentlyAvailable"] == 2000 - cost["actualQueryCost"]


def test_an_empty_bucket_throttles_and_time_refills_it() -> None:
    with running(bucket=(20, 10)) as caller:
        query = "{ orders(first: 250) { nodes { id } } }"
        answers = [caller.ask(query) for _ in range(2)]

        throttled = answers[1]
        assert throttled["errors"][0]["message"] == "Throttled"
        assert _code(throttled) == "THROTTLED"
        assert "data" not in throttled
        cost = throttled["extensions"]["cost"]
        assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (13, None)
        missing = cost["requestedQueryCost"] - cost["throttleStatus"]["currentlyAvailable"]
        caller.clock.advance(missing / cost["throttleStatus"]["restoreRate"])
        assert "errors" not in caller.ask(query)


def test_a_query_over_1000_points_is_refused_before_execution(caller: Caller) -> None:
    query = """{ orders(first: 250) { nodes { lineItems(first: 250) { nodes {
      variant { inventoryItem { inventoryLevels(first: 50) { nodes { location { id } } } } }
    } } } } }"""

    answer = caller.ask(query)

    assert _code(answer) == "MAX_COST_EXCEEDED"
    assert answer["errors"][0]["extensions"]["cost"] > 1000
    assert caller.simulator.bucket.available(caller.clock.now()) == 2000


# -- paging and search


def test_a_walk_shows_every_order_once_and_changed_ones_again(caller: Caller) -> None:
    orders = []
    for _ in range(5):
        orders.append(sold(caller, ("MUG", 1)))
        caller.clock.advance(1)

    first = caller.ask(ORDERS, {"first": 2})
    caller.simulator.place_order({"fulfill": orders[0]["id"]})
    seen, page = _names(first), first["data"]["orders"]["pageInfo"]
    while page["hasNextPage"]:
        answer = caller.ask(ORDERS, {"first": 2, "after": page["endCursor"]})
        seen += _names(answer)
        page = answer["data"]["orders"]["pageInfo"]

    assert seen == ["#1001", "#1002", "#1003", "#1004", "#1005", "#1001"]


def test_a_cursor_belongs_to_its_query_and_sort(caller: Caller) -> None:
    for _ in range(3):
        sold(caller, ("MUG", 1))
    cursor = caller.ask(ORDERS, {"first": 1, "query": "test:false"})["data"]["orders"]["pageInfo"]
    after = cursor["endCursor"]

    same = caller.ask(ORDERS, {"first": 1, "after": after, "query": "test:false"})
    other = caller.ask(ORDERS, {"first": 1, "after": after, "query": "test:true"})
    rubbish = caller.ask(ORDERS, {"first": 1, "after": "rubbish"})

    assert _names(same) == ["#1002"]
    for answer in (other, rubbish):
        assert answer["errors"][0]["message"] == "Malformed cursor"
        assert _code(answer) == "BAD_REQUEST"


def test_reverse_and_last_read_from_the_other_end(caller: Caller) -> None:
    for _ in range(3):
        sold(caller, ("MUG", 1))

    reversed_page = caller.ask(ORDERS, {"first": 2, "reverse": True})
    last_page = caller.ask("{ orders(last: 2) { nodes { name } } }")

    assert _names(reversed_page) == ["#1003", "#1002"]
    assert _names(last_page) == ["#1002", "#1003"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [("", "you must provide one of first or last"), ("(first: 251)", "first cannot exceed 250")],
)
def test_a_connection_needs_a_page_size_it_can_serve(
    arguments: str, message: str, caller: Caller
) -> None:
    answer = caller.ask(f"{{ orders{arguments} {{ nodes {{ id }} }} }}")

    assert (answer["errors"][0]["message"], _code(answer)) == (message, "BAD_REQUEST")
    assert answer["data"] is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("updated_at:>='2026-11-23T12:00:10Z'", ["#1002", "#1003"]),
        ("updated_at:>'2026-11-23T12:00:10Z'", ["#1003"]),
        ("updated_at:>=2026-11-23T12:00:10Z AND updated_at:<'2026-11-23T12:00:20Z'", ["#1002"]),
        ("name:#1002", ["#1002"]),
        ("name:1002 OR name:1003", ["#1002", "#1003"]),
        ("-name:1001 test:false", ["#1003"]),
        ("NOT (name:1001 OR name:1003)", ["#1002"]),
        ("status:cancelled", ["#1001"]),
        ("status:open", ["#1002", "#1003"]),
        ("financial_status:pending", ["#1003"]),
        ("tag:vip", ["#1002"]),
        ("sku:MU*", ["#1001", "#1002", "#1003"]),
        ("sku:CAP", []),
    ],
)
def test_a_search_finds_what_it_says(query: str, names: list[str], caller: Caller) -> None:
    sold(caller, ("MUG", 1), cancel_after=0)
    caller.simulator.books()
    caller.clock.advance(10)
    sold(caller, ("MUG", 1), test=True, tags=["vip"])
    caller.clock.advance(10)
    sold(caller, ("MUG", 1), payment="PENDING")

    answer = caller.ask(ORDERS, {"first": 10, "query": query})

    assert _names(answer) == names
    assert "search" not in answer["extensions"]


def test_a_wrong_search_field_is_a_warning_and_its_term_is_dropped(caller: Caller) -> None:
    sold(caller, ("MUG", 1))
    sold(caller, ("MUG", 1), test=True)

    alone = caller.ask(ORDERS, {"first": 10, "query": "updatedat:>'2030-01-01'"})
    beside = caller.ask(ORDERS, {"first": 10, "query": "colour:red test:true"})

    assert _names(alone) == ["#1001", "#1002"]
    assert _names(beside) == ["#1002"]
    (search,) = beside["extensions"]["search"]
    assert search["path"] == ["orders"]
    assert search["query"] == "colour:red test:true"
    assert search["warnings"] == [
        {
            "field": "colour",
            "message": "Invalid search field for this query.",
            "code": "invalid_field",
        }
    ]


def test_the_search_index_lags_and_reading_by_id_does_not() -> None:
    with running(index_lag=5.0) as caller:
        caller.simulator.add_location("East")
        caller.simulator.add_product("MUG", quantities={"East": 9})
        caller.clock.advance(60)
        order = sold(caller, ("MUG", 1))
        query = {"first": 5, "query": "updated_at:>='2026-11-23T12:00:00Z'"}

        fresh, by_id = caller.ask(ORDERS, query), caller.order(order["id"])
        caller.clock.advance(5)
        settled = caller.ask(ORDERS, query)
        caller.simulator.place_order({"cancel": order["id"]})
        still_open = caller.ask(ORDERS, {"first": 5, "query": "status:open"})

        assert _names(fresh) == []
        assert by_id["updatedAt"] == "2026-11-23T12:01:00Z"
        assert _names(settled) == ["#1001"]
        assert _names(still_open) == ["#1001"]
        assert _names(caller.ask(ORDERS, {"first": 5})) == ["#1001"]


# -- faults


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttled", 200, "THROTTLED"),
        ("access-denied", 200, "ACCESS_DENIED"),
        ("internal", 200, "INTERNAL_SERVER_ERROR"),
        ("frozen-402", 402, None),
        ("locked-423", 423, None),
        ("429", 429, None),
        ("503-html", 503, None),
    ],
)
def test_a_fault_strikes_once_and_writes_nothing(
    kind: str, status: int, code: str | None, caller: Caller
) -> None:
    order = sold(caller, ("MUG", 1))
    mutation = """mutation Tag($id: ID!) {
      tagsAdd(id: $id, tags: ["seen"]) { node { id } userErrors { message } }
    }"""
    caller.simulator.faults.set([{"operation": "Tag", "kind": kind, "nth": 1}])

    struck = caller.post(mutation, {"id": order["id"]})
    tags_then = caller.simulator.books()["orders"][0]["tags"]
    caller.clock.advance(60)
    after = caller.post(mutation, {"id": order["id"]})

    assert struck.status_code == status
    if code:
        assert _code(struck.json()) == code
    assert tags_then == []
    assert after.json()["data"]["tagsAdd"]["userErrors"] == []
    log = [(e.operation, e.status, e.fault, e.took_effect) for e in caller.simulator.log.entries()]
    assert log == [("Tag", status, kind, False), ("Tag", 200, "", True)]


def test_a_lost_answer_is_a_write_that_landed(caller: Caller) -> None:
    order = sold(caller, ("MUG", 1))
    part = order["fulfillment_orders"][0]["id"]
    caller.simulator.faults.set([{"operation": "Fulfill", "kind": "lost-answer", "nth": 1}])

    with pytest.raises(httpx.TransportError):
        caller.fulfill(part)

    assert caller.simulator.books()["counts"]["fulfillments"] == 1
    assert caller.simulator.books()["writes"] == {"Fulfill": 1}


def test_expired_tokens_are_dead_and_a_new_one_works() -> None:
    with running(static_token=None) as caller:
        token = _token(caller).json()["access_token"]
        caller.simulator.faults.set([{"operation": "shop", "kind": "expire-tokens", "nth": 1}])

        statuses = [caller.post("{ shop { id } }", token=token).status_code for _ in range(2)]
        renewed = _token(caller).json()["access_token"]

        assert statuses == [401, 401]
        assert caller.post("{ shop { id } }", token=renewed).status_code == 200


def test_no_secret_is_in_books_or_log(caller: Caller) -> None:
    _token(caller)
    caller.post("{ shop { id } }")

    shown = json.dumps(caller.simulator.books())
    shown += json.dumps([entry.as_json() for entry in caller.simulator.log.entries()])

    assert TOKEN not in shown
    assert "shpat_" not in shown
    assert "simulated-secret" not in shown


def test_the_control_api_takes_an_order_and_shows_it(caller: Caller) -> None:
    port = caller.simulator.start_control()
    control = httpx.Client(base_url=f"http://127.0.0.1:{port}")

    placed = control.post("/__sim__/orders", json={"lines": [{"sku": "MUG", "quantity": 2}]})
    refused = control.post("/__sim__/orders", json={"lines": [{"sku": "MUG", "quantity": 2000}]})
    books = control.get("/__sim__/books").json()

    assert placed.status_code == 201
    assert (refused.status_code, refused.json()["error"]) == (400, "sold out: 'MUG'")
    assert [order["name"] for order in books["orders"]] == ["#1001"]
    assert books["quantities"][0]["committed"] == 2


def test_the_same_seed_is_the_same_shop() -> None:
    with running() as one, running() as two:
        for caller in (one, two):
            caller.simulator.load_catalog()

        assert one.simulator.books() == two.simulator.books()
        skus = [row["sku"] for row in one.simulator.books()["quantities"]]
        assert "" in skus
        assert len(set(skus)) < len(skus)


def test_buyers_data_is_null_with_an_error_for_an_app_without_approval() -> None:
    with running(protected_data=False) as caller:
        caller.simulator.add_location("East")
        caller.simulator.add_product("MUG", quantities={"East": 9})
        order = sold(caller, ("MUG", 1))
        query = "query Q($id: ID!) { order(id: $id) { email shippingAddress { city zip } } }"

        answer = caller.ask(query, {"id": order["id"]})

        assert answer["data"]["order"] == {
            "email": None,
            "shippingAddress": {"city": "New York", "zip": None},
        }
        assert {tuple(error["path"]) for error in answer["errors"]} == {
            ("order", "email"),
            ("order", "shippingAddress", "zip"),
        }


def test_orders_older_than_60_days_need_a_scope_of_their_own() -> None:
    with running(scopes=["read_orders"]) as caller:
        caller.simulator.add_location("East")
        caller.simulator.add_product("MUG", quantities={"East": 9})
        old = sold(caller, ("MUG", 1))
        caller.clock.advance(61 * 24 * 3600)
        sold(caller, ("MUG", 1))

        shown = _names(caller.ask(ORDERS, {"first": 5}))
        by_id = caller.data("query Q($id: ID!) { order(id: $id) { id } }", {"id": old["id"]})

        assert shown == ["#1002"]
        assert by_id == {"order": None}
