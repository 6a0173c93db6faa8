"""Every answer Amazon's static sandbox gives to the operations we use is accepted by our mappings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.amazon.connector import Amazon
from connectors.amazon.feeds import STAGES
from connectors.amazon.inbound_records import report_from, without_address
from connectors.amazon.listings import listing_from_item, result_of, shown_quantity
from connectors.amazon.mapping import confirmation_of, order_from
from connectors.amazon.operations import OPERATIONS, Operation
from connectors.simulation import Response
from core.errors import Rejected
from core.model.catalog import OfferChange, OfferKey, OfferOutcome
from core.model.fulfillment import ConfirmedLine, Shipment
from core.model.inbound import InboundItem, InboundState
from tests.connectors.amazon.scripted import NOW, FakeInside, client, scripted, settings

MODELS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "amazon" / "models"
FILES = (
    "orders_2026-01-01",
    "ordersV0",
    "listingsItems_2021-08-01",
    "reports_2021-06-30",
    "feeds_2021-06-30",
    "fulfillmentInboundV0",
    "finances_2024-06-19",
    "sellers",
)
OURS = {operation.name: operation for operation in OPERATIONS}
CHANGE = OfferChange(OfferKey("amazon-us", "GM-ZDPI-9B4E"), 1, None)

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the published models (../shared) are not here"
)


def examples() -> Iterator[tuple[Operation, int, dict[str, Any], Any]]:
    """(operation, status, request parameters, answer) of each static example of ours."""
    for name in FILES:
        file = MODELS / f"{name}.json"
        if not file.is_file():
            return
        for path, verbs in json.loads(file.read_text())["paths"].items():
            for verb in verbs.values():
                operation = OURS.get(verb.get("operationId", "")) if isinstance(verb, dict) else None  # fmt: skip
                if operation and path.split("/")[1:3] == operation.path.split("/")[1:3]:
                    yield from _static(operation, verb["responses"])


def _static(
    operation: Operation, responses: dict[str, Any]
) -> Iterator[tuple[Operation, int, dict[str, Any], Any]]:
    for status, response in responses.items():
        for example in response.get("x-amzn-api-sandbox", {}).get("static", []):
            asked = example["request"].get("parameters", {})
            yield operation, int(status), asked, example.get("response")


EXAMPLES = [
    pytest.param(*example, id=f"{example[0].name}-{example[1]}-{number}")
    for number, example in enumerate(examples())
]
SUCCESSES = [example for example in EXAMPLES if example.values[1] < 300]
REFUSALS = [example for example in EXAMPLES if example.values[1] >= 400]


#: The models of FBA inventory and of Fulfillment Outbound have a dynamic sandbox and no examples.
WITHOUT_EXAMPLES = {
    "getInventorySummaries",
    "createFulfillmentOrder",
    "getFulfillmentOrder",
    "cancelFulfillmentOrder",
}


def test_there_are_examples_of_every_operation_we_use() -> None:
    assert OURS.keys() - WITHOUT_EXAMPLES == {example.values[0].name for example in SUCCESSES}  # type: ignore[union-attr]


@pytest.mark.parametrize(("operation", "status", "asked", "answer"), SUCCESSES)
def test_a_success_is_read_as_one(
    operation: Operation, status: int, asked: dict[str, Any], answer: Any
) -> None:
    parts = ["x"] * operation.path.count("{}")
    body = Response(204) if status == 204 else Response.json(answer, status=status)
    with scripted(body) as amazon:
        found = client(amazon).call(operation, *parts)

    assert ({} if status == 204 or answer is None else answer) == found
    _accept(operation, found)


def _accept(operation: Operation, answer: Any) -> None:
    match operation.name:
        case "searchOrders":
            assert answer["orders"]
            for record in answer["orders"]:
                _accept_order(record)
        case "getOrder":
            _accept_order(answer["order"])
        case "getListingsItem":
            marketplace = answer["summaries"][0]["marketplaceId"]
            listing = listing_from_item(answer, channel="amazon-us", marketplace=marketplace)
            assert (answer["sku"], "LUGGAGE") == (
                listing.remote_id,
                dict(listing.attributes)["product_type"],
            )
            assert shown_quantity(answer) == 100
        case "patchListingsItem":
            outcome = {
                "ACCEPTED": OfferOutcome.SENT,
                "INVALID": OfferOutcome.REFUSED,
                "VALID": OfferOutcome.UNKNOWN,
            }[answer["status"]]
            assert outcome is result_of(answer, CHANGE).outcome
        case "getReport":
            assert answer["processingStatus"] == "IN_PROGRESS"
        case "createReport":
            assert answer["reportId"]
        case "getReportDocument":
            assert answer["url"]
        case "createFeedDocument" | "getFeedDocument":
            assert answer["url"]
        case "listTransactions":
            assert answer["payload"]["transactions"]
        case "createFeed":
            assert answer["feedId"]
        case "getFeed":
            assert answer["processingStatus"] in STAGES
        case "getFeeds":
            assert all(one["processingStatus"] in STAGES for one in answer["feeds"])
        case "cancelFeed":
            assert answer in ({}, None)
        case "getShipments":
            (shipment,) = answer["payload"]["ShipmentData"]
            report = report_from(shipment, (), as_of=NOW)
            assert (report.ref, report.state) == ("FBA15DJ9S3J5", InboundState.ON_THE_WAY)
            assert "Fairview" not in str(without_address(shipment))
        case "getShipmentItems" | "getShipmentItemsByShipmentId":
            for item in answer.get("payload", {}).get("ItemData", ()):
                report = report_from({"ShipmentId": "FBA1"}, [item], as_of=NOW)
                assert report.items == (InboundItem("CR-47K6-H6QN", 4, 0),)
        case "getMarketplaceParticipations":
            assert answer["payload"][0]["marketplace"]["id"]
        case "confirmShipment":
            pass
        case _:
            raise AssertionError(f"no mapping was tried for {operation.name}")


def _accept_order(record: Any) -> None:
    order = order_from(record, channel="amazon-us")

    assert record["orderId"] == order.remote_id
    assert record["fulfillment"]["fulfillmentStatus"] == order.attributes["status"]
    assert [i["quantityOrdered"] for i in record["orderItems"]] == [x.ordered for x in order.lines]
    assert order.total is not None
    assert order.total.currency == record["proceeds"]["grandTotal"]["currencyCode"]
    assert order.ship_to is not None


@pytest.mark.parametrize(("operation", "status", "asked", "answer"), REFUSALS)
def test_a_refusal_is_read_as_one(
    operation: Operation, status: int, asked: dict[str, Any], answer: Any
) -> None:
    parts = ["x"] * operation.path.count("{}")
    with scripted(Response.json(answer, status=status)) as amazon, pytest.raises(Rejected) as told:
        client(amazon).call(operation, *parts)

    assert answer["errors"][0]["code"] == told.value.code


def test_our_confirmation_has_the_shape_of_amazons_own() -> None:
    (asked,) = (
        e.values[2]["body"]["value"] for e in SUCCESSES if e.values[0].name == "confirmShipment"
    )
    theirs = asked["packageDetail"]
    shipment = Shipment(
        channel="amazon-us",
        order="902-1106328-1059050",
        package_number=int(theirs["packageReferenceId"]),
        location="warehouse",
        carrier="fedex",
        tracking_number=theirs["trackingNumber"],
        shipped_at=datetime(2022, 2, 11, 1, tzinfo=UTC),
        lines=(ConfirmedLine("79039765272157", 1),),
        service="FedEx Ground",
    )

    ours = confirmation_of(
        shipment, marketplace=asked["marketplaceId"], now=datetime(2022, 3, 1, tzinfo=UTC)
    )

    detail = {k: v for k, v in theirs.items() if k != "shipFromSupplySourceId"}
    detail["shipDate"] = "2022-02-11T01:00:00Z"
    detail["orderItems"] = [{"orderItemId": "79039765272157", "quantity": 1}]
    assert {"marketplaceId": asked["marketplaceId"], "packageDetail": detail} == ours


def test_a_whole_page_of_examples_goes_through_the_connector() -> None:
    pages = [e.values[3] for e in SUCCESSES if e.values[0].name == "searchOrders"]
    records = [record for page in pages for record in page["orders"]]
    with scripted(Response.json({"orders": records})) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        (batch,) = connector.pull_orders(since=None)

    assert ([], len(records)) == (list(batch.rejects), len(batch.items))
