"""Shipments to FBA in the simulator: what may be asked, what comes back, what a count changes."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from connectors.amazon.simulator import AmazonSimulator
from tests.connectors.amazon.simulator_rig import US, Seller, ago, running, text

ALL = "WORKING,READY_TO_SHIP,SHIPPED,IN_TRANSIT,DELIVERED,CHECKED_IN,RECEIVING,CLOSED,CANCELLED,DELETED,ERROR"
WAY = tuple(ALL.split(",")[:8])


def wish(simulator: AmazonSimulator, **what: Any) -> str:
    return str(simulator.place_order({"inbound": what})["id"])


def shipments(seller: Seller, **params: Any) -> httpx.Response:
    query = {"QueryType": "SHIPMENT", "MarketplaceId": US, "ShipmentStatusList": ALL}
    return seller.call("getShipments", params=query | params)


def following(seller: Seller, token: str, operation: str = "getShipments", **params: Any) -> Any:
    query = {"QueryType": "NEXT_TOKEN", "MarketplaceId": US, "NextToken": token}
    return seller.call(operation, params=query | params)


def refs(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["ShipmentId"] for one in answer.json()["payload"]["ShipmentData"]]


def items(seller: Seller, ref: str) -> dict[str, tuple[int, int]]:
    answer = seller.call("getShipmentItemsByShipmentId", ref).json()["payload"]["ItemData"]
    return {one["SellerSKU"]: (one["QuantityShipped"], one["QuantityReceived"]) for one in answer}


def changed_items(seller: Seller, **params: Any) -> httpx.Response:
    query = {"QueryType": "DATE_RANGE", "MarketplaceId": US, "LastUpdatedAfter": ago(hours=1)}
    return seller.call(
        "getShipmentItems", params=query | {"LastUpdatedBefore": text(seller.clock.now())} | params
    )


def stock(seller: Seller) -> dict[str, int]:
    place = {"granularityType": "Marketplace", "granularityId": US, "marketplaceIds": US}
    answer = seller.call("getInventorySummaries", params=place | {"details": "true"})
    (summary,) = answer.json()["payload"]["inventorySummaries"]
    details = summary["inventoryDetails"]
    names = ("fulfillable", "inboundWorking", "inboundShipped", "inboundReceiving")
    return {name: details[f"{name}Quantity"] for name in names} | {
        "total": summary["totalQuantity"]
    }


def test_every_word_of_a_shipment_answers_as_the_model_declares():
    with running() as (simulator, seller, _):
        simulator.add_listing("F", channel="AMAZON_NA")
        ref = wish(simulator, send={"F": 5})
        told = []

        # Each answer is judged by the model on its way.
        for status in (*WAY[1:], ""):
            told.append(shipments(seller).json()["payload"]["ShipmentData"][0]["ShipmentStatus"])
            if status:
                wish(simulator, move=ref, to=status)

        assert tuple(told) == WAY
        assert re.fullmatch(r"FBA[0-9A-Z]{9}", ref)


@pytest.mark.parametrize(
    "wrong",
    [
        {"QueryType": None},
        {"QueryType": "ALL"},
        {"MarketplaceId": None},
        {"MarketplaceId": "A1F83G8C2ARO7P"},
        {"ShipmentStatusList": None},
        {"ShipmentStatusList": "WORKING,LOST"},
        {"ShipmentStatusList": None, "ShipmentIdList": ",".join(f"F{n}" for n in range(1000))},
        {"QueryType": "DATE_RANGE"},
        {"QueryType": "DATE_RANGE", "LastUpdatedAfter": ago(days=1)},
        {"QueryType": "DATE_RANGE", "LastUpdatedAfter": ago(days=1), "LastUpdatedBefore": ago(days=2)},
        {"QueryType": "DATE_RANGE", "LastUpdatedAfter": "soon", "LastUpdatedBefore": ago(days=0)},
        {"QueryType": "DATE_RANGE", "LastUpdatedAfter": ago(days=1), "LastUpdatedBefore": ago(days=0),
         "ShipmentStatusList": None},
        {"QueryType": "NEXT_TOKEN"},
        {"QueryType": "NEXT_TOKEN", "NextToken": "nothing"},
    ],
)  # fmt: skip
def test_a_list_that_is_asked_for_wrongly_is_refused(wrong: dict[str, Any]):
    with running() as (_, seller, _):
        params = {"QueryType": "SHIPMENT", "MarketplaceId": US, "ShipmentStatusList": ALL} | wrong

        answer = seller.call(
            "getShipments", params={name: value for name, value in params.items() if value}
        )

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "InvalidInput"


def test_lists_are_narrowed_by_status_by_id_and_by_the_change_of_the_shipment_itself():
    with running() as (simulator, seller, clock):
        simulator.add_listing("F", channel="AMAZON_NA")
        old, new = (wish(simulator, send={"F": 5}) for _ in range(2))
        wish(simulator, receive=old, units={"F": 4})
        clock.advance(3600)
        since = {"LastUpdatedAfter": text(clock.now()), "QueryType": "DATE_RANGE"}
        wish(simulator, move=new, to="SHIPPED")
        wish(simulator, receive=old, units={"F": 1})
        clock.advance(60)
        span = since | {"LastUpdatedBefore": text(clock.now())}

        assert refs(shipments(seller)) == [old, new]
        assert refs(shipments(seller, ShipmentStatusList="RECEIVING")) == [old]
        assert refs(shipments(seller, ShipmentStatusList="RECEIVING", ShipmentIdList=new)) == []
        assert refs(shipments(seller, ShipmentStatusList="", ShipmentIdList=f"{old},{new}")) == [
            old,
            new,
        ]
        # More units of a shipment that was RECEIVING already: its items changed, it did not.
        assert refs(shipments(seller, **span)) == [new]
        span.pop("QueryType")
        found = changed_items(seller, **span).json()["payload"]["ItemData"]
        assert [one["ShipmentId"] for one in found] == [old]


def test_tokens_come_with_every_page_that_is_not_empty_and_beside_filters_begin_anew():
    with running() as (simulator, seller, clock):
        simulator.add_listing("F", channel="AMAZON_NA")
        sent = [wish(simulator, send={"F": 1}) for _ in range(60)]

        first = shipments(seller)
        token = first.json()["payload"]["NextToken"]
        second = following(seller, token)
        third = following(seller, second.json()["payload"]["NextToken"])
        again = following(seller, token, ShipmentStatusList=ALL)
        elsewhere = following(seller, token, "getShipmentItems")
        by_id = shipments(seller, ShipmentIdList=sent[0])
        clock.advance(1800)
        late = following(seller, token)

        assert refs(first) + refs(second) == sent
        assert third.json() == {"payload": {"ShipmentData": []}}
        assert refs(again) == refs(first)
        assert (elsewhere.status_code, late.status_code) == (400, 400)
        assert "NextToken" not in by_id.json()["payload"]


def test_two_hundred_items_are_shown_and_the_rest_through_the_other_call():
    with running() as (simulator, seller, _):
        for number in range(230):
            simulator.add_listing(f"F{number}", channel="AMAZON_NA")
        ref = wish(simulator, send={f"F{number}": 1 for number in range(230)})

        shown = seller.call("getShipmentItemsByShipmentId", ref).json()["payload"]
        again = seller.call(
            "getShipmentItemsByShipmentId", ref, params={"NextToken": shown["NextToken"]}
        ).json()["payload"]
        rest = following(seller, shown["NextToken"], "getShipmentItems").json()["payload"]

        assert (len(shown["ItemData"]), len(rest["ItemData"])) == (200, 30)
        assert again["ItemData"] == shown["ItemData"]


def test_an_unknown_shipment_is_not_found_and_items_need_a_whole_range():
    with running() as (_, seller, _):
        assert seller.call("getShipmentItemsByShipmentId", "FBA0").status_code == 404
        assert changed_items(seller, LastUpdatedBefore="").status_code == 400
        assert changed_items(seller, QueryType="SHIPMENT").status_code == 400
        assert changed_items(seller).json() == {"payload": {"ItemData": []}}


def test_a_burst_of_thirty_calls_is_let_through_and_two_a_second_after_it():
    with running(rate_scale=1.0) as (_, seller, clock):
        answers = [shipments(seller).status_code for _ in range(31)]
        clock.advance(0.5)
        later = [shipments(seller).status_code for _ in range(2)]

        assert answers == [200] * 30 + [429]
        assert later == [200, 429]


def test_the_role_for_fulfillment_opens_it():
    with running(roles=("Product Listing",)) as (_, seller, _):
        assert shipments(seller).status_code == 403
        assert seller.call("getShipmentItemsByShipmentId", "FBA0").status_code == 403


def test_the_inventory_follows_a_shipment_until_what_came_can_be_sold():
    with running() as (simulator, seller, _):
        simulator.add_listing("F", quantity=1, channel="AMAZON_NA")
        ref = wish(simulator, send={"F": 10})

        def told() -> tuple[int, ...]:
            return tuple(stock(seller).values())

        seen = {"WORKING": told()}
        for status in ("READY_TO_SHIP", "SHIPPED", "CHECKED_IN"):
            wish(simulator, move=ref, to=status)
            seen[status] = told()
        wish(simulator, receive=ref, units={"F": 7})
        seen["RECEIVING"] = told()
        wish(simulator, move=ref, to="CLOSED")
        seen["CLOSED"] = told()

        # fulfillable, then inbound as working, shipped and receiving, then the total
        assert seen == {
            "WORKING": (1, 10, 0, 0, 11),
            "READY_TO_SHIP": (1, 10, 0, 0, 11),
            "SHIPPED": (1, 0, 10, 0, 11),
            "CHECKED_IN": (1, 0, 10, 0, 11),
            "RECEIVING": (8, 0, 0, 3, 11),
            "CLOSED": (8, 0, 0, 0, 8),
        }
        assert items(seller, ref) == {"F": (10, 7)}


def test_more_than_was_sent_may_come_and_a_closed_count_may_be_corrected():
    with running() as (simulator, seller, _):
        simulator.add_listing("F", channel="AMAZON_NA")
        ref = wish(simulator, send={"F": 10})

        wish(simulator, receive=ref, units={"F": 12})
        over = stock(seller)
        wish(simulator, move=ref, to="CLOSED")
        wish(simulator, receive=ref, units={"F": -3})

        assert (over["fulfillable"], over["inboundReceiving"]) == (12, 0)
        assert items(seller, ref) == {"F": (10, 9)}
        assert stock(seller)["fulfillable"] == 9
        assert simulator.books()["inbound"][0]["status"] == "CLOSED"


def test_a_shipment_with_steps_goes_its_way_and_arrives_complete():
    with running() as (simulator, seller, clock):
        simulator.add_listing("F", channel="AMAZON_NA")
        ref = wish(simulator, send={"F": 10}, step=3600)
        seen = []

        for _ in WAY:
            seen.append(simulator.books()["inbound"][0]["status"])
            clock.advance(3600)

        assert tuple(seen) == WAY
        assert items(seller, ref) == {"F": (10, 10)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"send": {}},
        {"send": {"F": 0}},
        {"send": {"GONE": 1}},
        {"send": {"OURS": 1}},
        {"send": {"F": 1}, "when": "now"},
        {"move": "FBA0", "to": "SHIPPED"},
        {"move": "sent", "to": "WORKING"},
        {"move": "sent", "to": "DELETED"},
        {"move": "sent", "to": "ABROAD"},
        {"move": "gone", "to": "RECEIVING"},
        {"receive": "gone", "units": {"F": 1}},
        {"receive": "sent", "units": {"GONE": 1}},
        {"receive": "sent", "units": {"F": -1}},
        {"lose": "sent"},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(wrong: dict[str, Any]):
    with running() as (simulator, _, _):
        simulator.add_listing("F", quantity=5, channel="AMAZON_NA")
        simulator.add_listing("OURS", quantity=5)
        known = {"sent": wish(simulator, send={"F": 2}), "gone": wish(simulator, send={"F": 2})}
        wish(simulator, move=known["sent"], to="SHIPPED")
        wish(simulator, move=known["gone"], to="DELETED")
        before = simulator.books()
        wanted = {
            name: known.get(value, value) if isinstance(value, str) else value
            for name, value in wrong.items()
        }

        with pytest.raises(ValueError, match=r"."):
            simulator.place_order({"inbound": wanted})

        assert simulator.books() == before
