"""The simulator's answers against Amazon's published models, in many states.

Every call of the rig is judged; these tests make sure every served operation is judged at least
once in every state that shapes its answer.
"""

from __future__ import annotations

import gzip
import json

import httpx
import jsonschema
import pytest

from connectors.amazon.simulator import rates, server
from tests.connectors.amazon.simulator_rig import (
    MODELS,
    SELLER,
    SHARED,
    US,
    Seller,
    ago,
    declared_by_model,
    judge,
    needs_models,
    published,
    running,
)

EVERYTHING = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,"
    "FULFILLMENT_ORDERS"
)
ALL_LISTING_DATA = (
    "summaries,attributes,issues,offers,fulfillmentAvailability,procurement,relationships,"
    "productTypes"
)


@needs_models
def test_every_served_operation_is_in_a_published_model_under_the_same_path_and_method():
    for method, pattern, operation in server.ROUTES:
        if operation in (server.TOKEN, server.DOCUMENT):
            continue
        model = published(f"models/{MODELS[operation]}.json")

        paths = [
            path
            for path, verbs in model["paths"].items()
            if verbs.get(method.lower(), {}).get("operationId") == operation
        ]

        assert len(paths) == 1
        declared = [
            "*" if part.startswith("{") else part for part in paths[0].strip("/").split("/")
        ]
        assert declared == list(pattern)


@needs_models
def test_every_rate_and_burst_is_the_one_in_the_models_usage_plan():
    for operation, plan in rates.PLANS.items():
        description = declared_by_model(operation).get("description", "")
        rows = [
            [cell.strip() for cell in line.strip("| ").split("|")]
            for line in description.splitlines()
            if line.startswith("|")
        ]

        numbers = [row for row in rows if row[0].replace(".", "").isdigit()]

        # listings and sellers models carry other words or no table; FACTS section 3 has those.
        if numbers:
            assert [float(cell) for cell in numbers[0][:2]] == [plan.rate, plan.burst], operation


@needs_models
def test_the_judge_refuses_an_order_without_its_creation_time_and_an_unknown_property():
    request = httpx.Request("GET", "http://x")
    headers = {"x-amzn-RateLimit-Limit": "1", "x-amzn-RequestId": "1"}
    order = {
        "orderId": "1", "createdTime": "2026-01-01T00:00:00Z", "orderItems": [],
        "lastUpdatedTime": "2026-01-01T00:00:00Z", "salesChannel": {"channelName": "AMAZON"},
    }  # fmt: skip

    def answered(body: object) -> httpx.Response:
        return httpx.Response(200, json=body, headers=headers, request=request)

    judge("getOrder", answered({"order": order}))
    for wrong in (
        {k: v for k, v in order.items() if k != "createdTime"},
        order | {"fulfilmentStatus": "SHIPPED"},
        order | {"createdTime": "yesterday"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            judge("getOrder", answered({"order": wrong}))


@needs_models
def test_orders_of_every_state_answer_as_the_model_declares():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=50)
        simulator.add_listing("F", quantity=50, channel="AMAZON_NA")
        line = [{"sku": "A", "quantity": 2}]
        places = {
            "PENDING": {"lines": line, "pending_for": 90_000},
            "UNSHIPPED": {"lines": line},
            "PARTIALLY_SHIPPED": {"lines": line},
            "SHIPPED": {"lines": line},
            "CANCELLED": {"lines": line, "cancel_after": 60},
            "asked to cancel": {"lines": line},
            "by Amazon": {"lines": [{"sku": "F", "quantity": 1}]},
        }
        ids = {name: simulator.place_order(wish)["id"] for name, wish in places.items()}
        part = seller.parcel(ids["PARTIALLY_SHIPPED"])
        part["orderItems"][0]["quantity"] = 1
        seller.confirm(ids["PARTIALLY_SHIPPED"], part)
        seller.confirm(ids["SHIPPED"])
        simulator.place_order({"request_cancel": ids["asked to cancel"]})
        clock.advance(7 * 3600)

        page = seller.search(lastUpdatedAfter=ago(days=1), includedData=EVERYTHING).json()["orders"]
        states = {order["orderId"]: order["fulfillment"]["fulfillmentStatus"] for order in page}
        single = {name: seller.order(order_id, EVERYTHING) for name, order_id in ids.items()}

        assert states == {
            order_id: {"asked to cancel": "UNSHIPPED", "by Amazon": "SHIPPED"}.get(name, name)
            for name, order_id in ids.items()
        }
        assert single["by Amazon"]["fulfillment"]["fulfilledBy"] == "AMAZON"
        assert single["asked to cancel"]["orderItems"][0]["cancellation"] == {
            "cancellationRequest": {"requester": "BUYER", "cancelReason": "BUYER_REQUESTED_CANCEL"}
        }


@needs_models
def test_listings_inventory_and_participations_answer_as_the_models_declare():
    with running() as (simulator, seller, _):
        simulator.load_catalog()
        fbm, fba = "WB-BLK-000", "TM-BLK-005-FBA"

        for sku in (fbm, fba):
            assert seller.listing(sku, ALL_LISTING_DATA)["sku"] == sku
        found = seller.call(
            "searchListingsItems", SELLER,
            params={"marketplaceIds": US, "includedData": ALL_LISTING_DATA, "pageSize": 20},
        )  # fmt: skip
        stock = seller.call(
            "getInventorySummaries",
            params={"granularityType": "Marketplace", "granularityId": US, "marketplaceIds": US, "details": "true"},
        )  # fmt: skip
        shops = seller.call("getMarketplaceParticipations").json()["payload"]

        assert found.json()["numberOfResults"] == 50
        assert fba in {s["sellerSku"] for s in stock.json()["payload"]["inventorySummaries"]}
        assert shops[0]["marketplace"]["id"] == US


@needs_models
def test_refusals_of_every_kind_answer_as_the_models_declare():
    with running(rate_scale=1.0, token_seconds=3600) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)

        def status(operation: str, *path: str, **rest: object) -> int:
            return seller.call(operation, *path, **rest).status_code  # type: ignore[arg-type]

        assert status("searchOrders") == 400
        assert status("getOrder", "111-0000000-0000000") == 404
        assert status("confirmShipment", "111-0000000-0000000", body={}) == 404
        assert status("getListingsItem", SELLER, "gone", params={"marketplaceIds": US}) == 404
        assert status("getListingsItem", SELLER, "A") == 400
        assert (
            status("patchListingsItem", SELLER, "A", params={"marketplaceIds": US}, body={}) == 400
        )
        assert (
            status("searchListingsItems", SELLER, params={"marketplaceIds": US, "pageSize": 21})
            == 400
        )
        assert status("createReport", body={"reportType": "NOT_ONE", "marketplaceIds": [US]}) == 400
        assert status("getReport", "1") == 404
        assert status("getReportDocument", "1") == 404
        assert status("createFeedDocument", body={}) == 400
        assert status("createFeed", body={}) == 400
        assert status("getFeed", "1") == 404
        assert status("getFeedDocument", "1") == 404
        assert status("cancelFeed", "1") == 404
        assert status("getShipments") == 400
        assert status("getShipmentItems") == 400
        assert status("getShipmentItemsByShipmentId", "FBA0") == 404
        assert status("getInventorySummaries") == 400
        assert 429 in {status("getInventorySummaries") for _ in range(3)}
        clock.advance(3601)
        for operation in MODELS:
            path = {"getListingsItem": (SELLER, "A"), "patchListingsItem": (SELLER, "A")}
            assert status(operation, *path.get(operation, ("1",))) == 403
        seller.log_in()
        simulator.faults.set([{"operation": "*", "kind": "internal-failure", "probability": 1}])
        for operation in MODELS:
            assert status(operation, *path.get(operation, ("1",))) == 500


def _processing_report(seller: Seller, feed_id: str) -> dict[str, object]:
    feed = seller.call("getFeed", feed_id).json()
    document = seller.call("getFeedDocument", feed["resultFeedDocumentId"]).json()
    return json.loads(gzip.decompress(httpx.get(document["url"], trust_env=False).content))


@needs_models
def test_the_published_example_feed_is_processed_and_its_report_fits_the_published_schema():
    with running() as (simulator, seller, clock):
        for sku in ("My-SKU-A", "My-SKU-B", "My-SKU-D"):
            simulator.add_listing(sku, quantity=1)
        feed = published("schemas/feeds/listings-feed-schema-v2.example.json")
        feed["header"]["sellerId"] = SELLER
        kind = "application/json; charset=UTF-8"
        place = seller.call("createFeedDocument", body={"contentType": kind}).json()
        httpx.put(place["url"], json=feed, headers={"Content-Type": kind}, trust_env=False)

        made = seller.call(
            "createFeed",
            body={"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [US],
                  "inputFeedDocumentId": place["feedDocumentId"]},
        )  # fmt: skip
        clock.advance(3600)
        report = _processing_report(seller, made.json()["feedId"])

        schema = published("schemas/feeds/listings-feed-processing-report-schema-v2.json")
        jsonschema.Draft7Validator(schema).validate(report)
        assert report["summary"]["messagesProcessed"] == len(feed["messages"])
        assert seller.shown("My-SKU-B") == 10


@needs_models
def test_the_models_are_where_the_tests_look_for_them():
    assert {f"{name}.json" for name in MODELS.values()} <= {
        path.name for path in (SHARED / "models").iterdir()
    }
