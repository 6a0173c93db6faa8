"""Fulfillment orders in the simulator: what is taken, what becomes of it, and whose units go.

Every answer is judged by Amazon's model (see simulator_rig).
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.amazon.simulator import AmazonSimulator
from connectors.amazon.simulator.outbound_state import OutboundPace
from tests.connectors.amazon.simulator_rig import US, Seller, running

PACE = OutboundPace(
    receive=(60.0,) * 2, plan=(60.0,) * 2, pick=(600.0,) * 2, ship=(600.0,) * 2,
    cancel=(10.0,) * 2, box=4,
)  # fmt: skip
ITEM = {"sellerSku": "F", "sellerFulfillmentOrderItemId": "1", "quantity": 2}
TO = {
    "name": "Ann Buyer", "addressLine1": "1 Main St", "city": "Wayne", "stateOrRegion": "NJ",
    "postalCode": "07470", "countryCode": "US",
}  # fmt: skip
BODY: dict[str, Any] = {
    "marketplaceId": US,
    "sellerFulfillmentOrderId": "R-1",
    "displayableOrderId": "#1001",
    "displayableOrderDate": "2026-11-23T15:00:00Z",
    "displayableOrderComment": "Thank you.",
    "shippingSpeedCategory": "Standard",
    "destinationAddress": TO,
    "items": [ITEM],
}


def create(seller: Seller, **changes: Any) -> httpx.Response:
    return seller.call("createFulfillmentOrder", body=BODY | changes)


def get(seller: Seller, name: str = "R-1") -> dict[str, Any]:
    answer = seller.call("getFulfillmentOrder", name)
    assert answer.status_code == 200, answer.text
    payload: dict[str, Any] = answer.json()["payload"]
    return payload


def status(seller: Seller, name: str = "R-1") -> str:
    return str(get(seller, name)["fulfillmentOrder"]["fulfillmentOrderStatus"])


def fba(simulator: AmazonSimulator) -> tuple[int, int]:
    """(fulfillable, reserved) units."""
    (found,) = [one for one in simulator.books()["listings"] if one["sku"] == "F"]
    return found["quantity"], found["reserved"]


def left(simulator: AmazonSimulator) -> dict[str, int]:
    found: dict[str, int] = simulator.books()["fulfillment_orders"][0]["shipped"]
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"sellerFulfillmentOrderId": None},
        {"sellerFulfillmentOrderId": "x" * 41},
        {"displayableOrderId": "订单"},
        {"displayableOrderId": "a  b"},
        {"displayableOrderComment": "x" * 751},
        {"displayableOrderDate": "yesterday"},
        {"shippingSpeedCategory": "Slow"},
        {"shippingSpeedCategory": "ScheduledDelivery"},
        {"fulfillmentPolicy": "FillSome"},
        {"fulfillmentAction": "Wait"},
        {"marketplaceId": "A1F83G8C2ARO7P"},
        {"destinationAddress": {**TO, "city": ""}},
        {"destinationAddress": {**TO, "countryCode": "USA"}},
        {"featureConstraints": [{"featureName": "GIFT_BOX"}]},
        {"items": []},
        {"items": [{**ITEM, "quantity": 0}]},
        {"items": [{**ITEM, "quantity": 251}]},
        {"items": [{**ITEM, "sellerSku": "FBM"}]},
        {"items": [{**ITEM, "sellerSku": "NOBODY"}]},
        {"items": [ITEM, ITEM]},
        {
            "items": [
                {**ITEM, "sellerFulfillmentOrderItemId": str(n), "quantity": 1} for n in range(101)
            ]
        },
    ],
)
def test_what_the_model_does_not_allow_is_refused_and_makes_nothing(
    shared: tuple[AmazonSimulator, Seller], changes: dict[str, Any]
) -> None:
    simulator, seller = shared
    body = {name: value for name, value in (BODY | changes).items() if value is not None}

    answer = seller.call("createFulfillmentOrder", body=body)

    assert answer.status_code == 400
    assert simulator.books()["fulfillment_orders"] == []


@pytest.fixture(scope="module")
def shared() -> Any:
    with running() as (simulator, seller, _):
        simulator.add_listing("F", quantity=300, channel="AMAZON_NA")
        simulator.add_listing("FBM", quantity=300)
        yield simulator, seller


def test_an_order_goes_its_way_and_its_units_are_taken_when_it_is_received() -> None:
    with running(outbound=PACE) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        # given an order for more than fits in one box
        assert create(seller, items=[{**ITEM, "quantity": 6}]).json() == {}
        assert (status(seller), fba(simulator)) == ("New", (10, 0))
        # a second one of its name is none
        assert create(seller).status_code == 400

        # when time passes
        seen = []
        for seconds in (60, 60, 600, 600):
            clock.advance(seconds)
            seen.append((status(seller), fba(simulator)))

        # then its units are reserved, picked and gone
        assert seen == [
            ("Received", (4, 6)),
            ("Planning", (4, 6)),
            ("Processing", (4, 6)),
            ("Complete", (4, 0)),
        ]
        (shipment,) = get(seller)["fulfillmentShipments"]
        items = [(one["packageNumber"], one["quantity"]) for one in shipment["fulfillmentShipmentItem"]]  # fmt: skip
        assert items == [(1, 4), (2, 2)]
        assert len({one["trackingNumber"] for one in shipment["fulfillmentShipmentPackage"]}) == 2
        assert left(simulator) == {"F": 6}
        assert "Ann" not in str(simulator.books())


def test_an_order_can_be_canceled_until_somebody_picks_it() -> None:
    with running(outbound=PACE) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        create(seller)
        create(seller, sellerFulfillmentOrderId="R-2")
        clock.advance(120)

        # when one is canceled in time, the other one a moment before it is picked
        assert seller.call("cancelFulfillmentOrder", "R-1").json() == {}
        assert status(seller) == "Planning"
        clock.advance(10)
        assert (status(seller), fba(simulator)) == ("Cancelled", (8, 2))
        clock.advance(585)
        assert seller.call("cancelFulfillmentOrder", "R-2").status_code == 200
        clock.advance(10)

        # then it is too late for the other one, and what is canceled is canceled once
        assert status(seller, "R-2") == "Processing"
        for name in ("R-1", "R-2"):
            assert seller.call("cancelFulfillmentOrder", name).status_code == 400
        assert seller.call("cancelFulfillmentOrder", "R-3").status_code == 404


@pytest.mark.parametrize(
    ("policy", "word", "units", "stock"),
    [
        ("FillOrKill", "Unfulfillable", {}, (6, 0)),
        ("FillAllAvailable", "CompletePartialled", {"F": 1}, (5, 0)),
        ("FillAll", "Processing", {"F": 1}, (5, 0)),
    ],
)
def test_a_shelf_with_fewer_than_the_records_say(
    policy: str, word: str, units: dict[str, int], stock: tuple[int, int]
) -> None:
    with running(outbound=PACE) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        create(seller, items=[{**ITEM, "quantity": 5}], fulfillmentPolicy=policy)
        simulator.place_order({"lose": {"sku": "F", "units": 4}})
        for seconds in (60, 60, 600, 600):
            clock.advance(seconds)

        assert (status(seller), fba(simulator)) == (word, stock)
        assert left(simulator) == units
        clock.advance(86_400)
        assert status(seller) == {"Processing": "CompletePartialled"}.get(word, word)


def test_what_the_records_do_not_have_and_where_nobody_lives_is_invalid() -> None:
    with running(outbound=PACE) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=1, channel="AMAZON_NA")
        create(seller)
        wrong = {**TO, "postalCode": "NJ 07470"}
        create(
            seller, sellerFulfillmentOrderId="R-2", destinationAddress=wrong,
            items=[{**ITEM, "quantity": 1}],
        )  # fmt: skip
        clock.advance(60)

        assert [status(seller, name) for name in ("R-1", "R-2")] == ["Invalid"] * 2
        assert fba(simulator) == (1, 0)


def test_a_center_that_gives_up_is_followed_by_another_and_a_held_order_waits() -> None:
    with running(outbound=PACE) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        create(seller, featureConstraints=[{"featureName": "BLOCK_AMZL"}])
        create(seller, sellerFulfillmentOrderId="R-2", fulfillmentAction="Hold")
        for seconds in (60, 60, 600):
            clock.advance(seconds)
        simulator.place_order({"give_up": "R-1"})
        clock.advance(600)

        states = [one["fulfillmentShipmentStatus"] for one in get(seller)["fulfillmentShipments"]]
        assert states == ["CANCELLED_BY_FULFILLER", "SHIPPED"]
        assert left(simulator) == {"F": 2}
        assert status(seller, "R-2") == "Received"
        clock.advance(14 * 86_400)
        seller.log_in()
        assert status(seller, "R-2") == "Cancelled"


def test_a_plus_in_a_name_is_read_as_a_space() -> None:
    with running() as (simulator, seller, _):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        create(seller, sellerFulfillmentOrderId="A+B")

        assert seller.call("getFulfillmentOrder", "A+B").status_code == 404


def test_without_its_role_nothing_is_taken() -> None:
    with running(roles=("Product Listing",)) as (simulator, seller, _):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")

        assert create(seller).status_code == 403
