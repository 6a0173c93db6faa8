"""Requests as Amazon's fulfillment orders, and Amazon's words about them in ours."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.amazon.connector import Amazon
from connectors.simulation import Response
from core.errors import Rejected, UnknownOutcome
from core.model.fulfillment import (
    AcknowledgmentStatus,
    AnsweredLine,
    CountedAs,
    FulfillmentLine,
    ShippedLine,
    ShipRequest,
)
from core.model.orders import Address
from core.ports import AskedFor
from tests.connectors.amazon.scripted import NOW, FakeInside, error, scripted, settings
from tests.connectors.amazon.simulator_rig import declared_by_model, needs_models

KEY, SHORT = "shopify-us:5501:F1", "R-7K3M9Q2XPA4F"
ASKED = AskedFor(KEY, SHORT, SHORT)
TO = Address(
    name="Ann Buyer", company="Buyers Ltd", line1="1 Main St", city="Wayne", region="NJ",
    postal_code="07470", country="US", phone="+1 212 555 0100", email="ann@buyers.example",
)  # fmt: skip
HALF_PAST = "2026-11-24T08:30:00Z"
NO_ORDER = error("NotFound", status=404)
#: Amazon's words for it are not published.
TAKEN = error("InvalidInput", "this name is taken", status=400)
OTHERWISE = error("InvalidInput", "the SellerSKU for Item Id: 1 is invalid.", status=400)


def request(**changes: Any) -> ShipRequest:
    whole: dict[str, Any] = {
        "key": KEY, "location": "fba", "order_name": "#1001", "short_key": SHORT, "ship_to": TO,
        "lines": (FulfillmentLine("11", "MUG", 2),), "service": "", "requested_at": NOW,
    }  # fmt: skip
    return ShipRequest(**(whole | changes))


def amazon(url: str, **multi_channel: Any) -> Amazon:
    return Amazon("amazon-us", settings(url, multi_channel=multi_channel), FakeInside())  # type: ignore[arg-type]


def written(changed: ShipRequest, **multi_channel: Any) -> dict[str, Any]:
    nobody = amazon("http://127.0.0.1:9", **multi_channel)
    made: dict[str, Any] = json.loads(nobody.request_document(changed, serial=1))
    return made


# --- what goes out -------------------------------------------------------------------------------


def test_a_request_is_one_order_under_our_short_key_and_names_no_mail_address() -> None:
    body = written(request(), features={"BLANK_BOX": "Required"}, comment="Thanks!")

    assert body == {
        "marketplaceId": "ATVPDKIKX0DER",
        "sellerFulfillmentOrderId": SHORT,
        "displayableOrderId": "#1001",
        "displayableOrderDate": "2026-11-24T09:00:00Z",
        "displayableOrderComment": "Thanks!",
        "shippingSpeedCategory": "Standard",
        "destinationAddress": {
            "name": "Ann Buyer", "addressLine1": "1 Main St", "addressLine2": "Buyers Ltd",
            "city": "Wayne", "stateOrRegion": "NJ", "postalCode": "07470", "countryCode": "US",
            "phone": "+1 212 555 0100",
        },
        "fulfillmentAction": "Ship",
        "fulfillmentPolicy": "FillOrKill",
        "items": [{"sellerSku": "MUG", "sellerFulfillmentOrderItemId": "1", "quantity": 2}],
        "featureConstraints": [
            {"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Required"}
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("service", "speed"),
    [
        ("", "Standard"),
        ("Express", "Expedited"),
        ("ground/express", "Expedited"),
        ("PRIORITY", "Priority"),
        ("drone", "Standard"),
    ],
)
def test_the_routed_service_says_how_fast(service: str, speed: str) -> None:
    body = written(request(service=service), speeds={"express": "Expedited"})

    assert body["shippingSpeedCategory"] == speed


@pytest.mark.parametrize("name", ["", "订单 7", "two  spaces", "x" * 41, "tab\there"])
def test_an_order_name_that_amazon_cannot_print_is_printed_as_ours(name: str) -> None:
    assert written(request(order_name=name))["displayableOrderId"] == SHORT


def test_a_sku_is_asked_for_as_what_amazon_counts_it() -> None:
    # given a Sku that stands in two lines, and that Amazon counts under two names
    lines = (FulfillmentLine("11", "MUG", 4), FulfillmentLine("12", "MUG", 3))
    counted = {"MUG": [CountedAs("MUG-OLD", 2), CountedAs("MUG-FBA", 3)]}

    items = written(request(lines=lines, counted=counted))["items"]

    # then the fullest goes first, and what no figure shows is asked of it too
    assert [(one["sellerSku"], one["quantity"]) for one in items] == [
        ("MUG-FBA", 5),
        ("MUG-OLD", 2),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lines": ()}, "nothing to ship"),
        ({"lines": (FulfillmentLine("1", "MUG", 251),)}, "251 units; Amazon takes 250"),
        (
            {"lines": tuple(FulfillmentLine(str(n), f"M{n}", 1) for n in range(101))},
            "101 different things; Amazon takes 100",
        ),
        ({"lines": (FulfillmentLine("1", "M" * 51, 1),)}, "longer than 50 letters"),
        ({"ship_to": Address(country="US")}, "no name, addressLine1, postalCode, city"),
        ({"ship_to": Address(name="A", line1="1 B", postal_code="1", country="JP")}, ""),
        (
            {"ship_to": Address(name="A", line1="1 B", city="C", postal_code="1", country="USA")},
            "no two-letter code",
        ),
    ],
)
def test_what_amazon_would_not_take_is_refused_before_the_call(
    changes: dict[str, Any], words: str
) -> None:
    if not words:
        assert "city" not in written(request(**changes))["destinationAddress"]
        return
    with pytest.raises(Rejected, match=words) as refused:
        written(request(**changes))
    assert refused.value.code == "unwritable"


# --- submitting ----------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_our_order() -> None:
    # given an Amazon that has the order already, and says so in words we do not know
    with scripted(TAKEN, Response.json({"payload": order("New")})) as host:
        one = amazon(host.url)

        assert one.submit_request(KEY, one.request_document(request(), serial=1)) == SHORT


def test_a_refusal_of_what_is_not_there_stays_one() -> None:
    with scripted(OTHERWISE, NO_ORDER) as host:
        one = amazon(host.url)
        with pytest.raises(Rejected, match="the SellerSKU"):
            one.submit_request(KEY, one.request_document(request(), serial=1))


def test_an_answer_that_is_no_answer_leaves_it_open() -> None:
    with scripted(Response(200, b"<html>")) as host:
        one = amazon(host.url)
        with pytest.raises(UnknownOutcome):
            one.submit_request(KEY, one.request_document(request(), serial=1))


@pytest.mark.parametrize(
    ("answer", "word", "said"),
    [
        (Response.json({}), "Cancelled", True),
        (Response.json({}), "Complete", False),
        (TAKEN, "Cancelled", True),
        (TAKEN, "Invalid", True),
        (TAKEN, "PROCESSING", False),
        (TAKEN, "CompletePartialled", False),
        # taken, and not done yet: said again
        (Response.json({}), "Planning", UnknownOutcome),
        (Response.json({}), "Processing", UnknownOutcome),
        (TAKEN, "Planning", Rejected),
    ],
)
def test_whether_an_order_is_canceled_its_status_says(
    answer: Response, word: str, said: bool | type[Exception]
) -> None:
    with scripted(answer, Response.json({"payload": order(word)})) as host:
        one = amazon(host.url)
        if isinstance(said, bool):
            assert one.cancel_request(ASKED) is said
        else:
            with pytest.raises(said):
                one.cancel_request(ASKED)
        assert host.requests[0].path.endswith(f"/fulfillmentOrders/{SHORT}/cancel")


# --- what comes back -----------------------------------------------------------------------------


def order(word: str, *, shipments: Any = (), items: Any = None, **more: Any) -> dict[str, Any]:
    """The payload of getFulfillmentOrder."""
    known = {"sellerSku": "MUG", "quantity": 5, "cancelledQuantity": 0, "unfulfillableQuantity": 0}
    told = {"fulfillmentOrderStatus": word, "statusUpdatedDate": HALF_PAST}
    return {
        "fulfillmentOrder": told | {"destinationAddress": {"name": "Ann Buyer"}} | more,
        "fulfillmentOrderItems": [known] if items is None else items,
        "fulfillmentShipments": list(shipments),
    }


def shipment(*packages: tuple[int, str], status: str = "SHIPPED", **more: Any) -> dict[str, Any]:
    return {
        "fulfillmentShipmentStatus": status,
        "shippingDate": HALF_PAST,
        "fulfillmentShipmentItem": [
            {"sellerSku": "MUG", "quantity": 1, "packageNumber": number} for number, _ in packages
        ],
        "fulfillmentShipmentPackage": [
            {"packageNumber": number, "carrierCode": "UPS", "trackingNumber": tracking}
            for number, tracking in packages
        ],
        **more,
    }


def told(payload: dict[str, Any]) -> Any:
    with scripted(Response.json({"payload": payload})) as host:
        return amazon(host.url).request_status(ASKED)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("New", None),
        ("Received", AcknowledgmentStatus.ACCEPTED),
        ("PLANNING", AcknowledgmentStatus.ACCEPTED),
        ("Processing", AcknowledgmentStatus.ACCEPTED),
        ("Complete", AcknowledgmentStatus.ACCEPTED),
        ("Invalid", AcknowledgmentStatus.REJECTED),
        ("Unfulfillable", AcknowledgmentStatus.REJECTED),
        ("Cancelled", AcknowledgmentStatus.REJECTED),
        ("Levitating", AcknowledgmentStatus.UNKNOWN),
    ],
)
def test_a_status_says_what_becomes_of_it_and_no_address_is_kept(
    word: str, status: AcknowledgmentStatus | None
) -> None:
    found = told(order(word))

    assert (found.acknowledgment and found.acknowledgment.status) == status
    assert status is None or found.acknowledgment.at == NOW - timedelta(minutes=30)
    assert "Ann" not in found.raw


def test_a_moment_ahead_of_our_clock_is_no_later_than_now() -> None:
    found = told(order("Received", statusUpdatedDate="2026-11-24T09:00:20Z"))

    assert found.acknowledgment.at == NOW


@pytest.mark.parametrize(
    ("word", "shipments"),
    [("CompletePartialled", []), ("Unfulfillable", [shipment((1, "1Z1"))])],
)
def test_what_is_missing_in_the_end_is_told_by_item(word: str, shipments: list[Any]) -> None:
    item = {"sellerSku": "MUG", "quantity": 5, "cancelledQuantity": 1, "unfulfillableQuantity": 2}

    found = told(order(word, items=[item], shipments=shipments))

    assert found.acknowledgment.lines == (
        AnsweredLine("MUG", AcknowledgmentStatus.ACCEPTED, 2),
        AnsweredLine("MUG", AcknowledgmentStatus.REJECTED, 3),
    )


def test_what_may_still_be_found_is_not_missing_yet() -> None:
    item = {"sellerSku": "MUG", "quantity": 5, "cancelledQuantity": 0, "unfulfillableQuantity": 2}

    assert told(order("Processing", items=[item])).acknowledgment.lines == ()


def test_each_parcel_that_left_is_told_with_what_is_in_it() -> None:
    # given two boxes, one that is being picked, one its center gave up, and one without a number yet
    gone = shipment((1, "1Z 1"), (2, "TBA2"), (3, ""))
    gone["fulfillmentShipmentPackage"][1]["carrierCode"] = "AMZN_US"
    others = [shipment((1, "1Z9"), status=one) for one in ("PENDING", "CANCELLED_BY_FULFILLER")]

    found = told(order("Complete", shipments=[gone, *others])).notices

    assert [(one.key, one.carrier, one.tracking_number, one.lines) for one in found] == [
        (KEY, "ups", "1Z1", (ShippedLine("MUG", 1),)),
        (KEY, "amazon", "TBA2", (ShippedLine("MUG", 1),)),
    ]


def test_an_item_without_a_package_is_in_the_only_one() -> None:
    item = {"sellerSku": "MUG", "quantity": 2}

    (one,) = told(
        order("Complete", shipments=[shipment((1, "1Z1"), fulfillmentShipmentItem=[item, item])])
    ).notices

    assert one.lines == (ShippedLine("MUG", 4),)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        order("", items=[]),
        order("Received", statusUpdatedDate="yesterday"),
        order("CompletePartialled"),
        order(
            "CompletePartialled",
            items=[{"sellerSku": "M", "quantity": 1, "cancelledQuantity": 2, "unfulfillableQuantity": 0}],
        ),
        order(
            "Complete",
            shipments=[
                shipment(
                    (1, "1Z1"), (2, "1Z2"),
                    fulfillmentShipmentItem=[{"sellerSku": "MUG", "quantity": 2}],
                )
            ],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(payload: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        told(payload)
    assert refused.value.code == "unreadable"


@needs_models
def test_the_models_own_example_is_read() -> None:
    example = declared_by_model("getFulfillmentOrder")["responses"]["200"]["examples"]["payload"]

    found = told(example)

    assert found.acknowledgment.status is AcknowledgmentStatus.ACCEPTED
    assert "Amazon Way" not in found.raw
