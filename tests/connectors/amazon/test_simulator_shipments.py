"""confirmShipment of the simulator: validation, edits, parts, delay, metrics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.connectors.amazon.simulator_rig import START, US, running, text


def _stocked(simulator, **wish):
    simulator.add_listing("A", quantity=90)
    return simulator.place_order({"lines": [{"sku": "A", "quantity": 3}]} | wish)["id"]


def _book(simulator, order_id):
    return next(order for order in simulator.books()["orders"] if order["id"] == order_id)


def test_a_confirmation_is_answered_with_nothing_and_shows_in_reads_later():
    with running(confirm_delay=(10, 10)) as (simulator, seller, clock):
        order_id = _stocked(simulator)

        answer = seller.confirm(order_id)
        at_once = seller.order(order_id, "FULFILLMENT", "PACKAGES")
        clock.advance(10)
        later = seller.order(order_id, "FULFILLMENT", "PACKAGES")

        assert (answer.status_code, answer.content) == (204, b"")
        assert at_once["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
        assert at_once["packages"] == []
        assert later["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
        assert later["packages"][0]["trackingNumber"] == "1Z999AA10123456784"
        assert later["packages"][0]["carrier"] == "UPS"
        assert later["lastUpdatedTime"] == "2026-11-23T15:00:10Z"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"packageReferenceId": 1}, "invalid type [packageDetail.packageReferenceId]"),
        ({"packageReferenceId": "P-1"}, "PackageReferenceId: is invalid, must be a positive"),
        ({"packageReferenceId": "0"}, "PackageReferenceId: is invalid, must be a positive"),
        ({"packageReferenceId": "-1"}, "PackageReferenceId: is invalid, must be a positive"),
        ({"carrierCode": "ups"}, "CarrierCode is invalid"),
        ({"carrierCode": "Other"}, "CarrierName is required"),
        ({"carrierCode": "Other", "carrierName": " "}, "CarrierName is required"),
        ({"trackingNumber": ""}, "Invalid Input"),
        ({"shipDate": "02/21/2022"}, "Invalid Input"),
        ({"shipDate": "2026-11-23T15:00:00"}, "Invalid Input"),
        ({"shipDate": text(START + timedelta(seconds=61))}, "Invalid Input"),
        ({"shipDate": text(START - timedelta(seconds=1))}, "Invalid Input"),
        ({"orderItems": []}, "Invalid Input"),
        ({"orderItems": [{"orderItemId": "1", "quantity": 1}]}, "OrderItemId  is invalid"),
    ],
)
def test_a_parcel_outside_the_rules_is_refused_and_changes_nothing(changes, words):
    with running() as (simulator, seller, clock):
        order_id = _stocked(simulator)
        clock.advance(60)

        answer = seller.confirm(order_id, seller.parcel(order_id, **changes))

        assert answer.status_code == 400
        assert words in answer.json()["errors"][0]["message"]
        assert _book(simulator, order_id)["packages"] == []
        assert not simulator.log.entries()[-1].took_effect


@pytest.mark.parametrize("quantity", [0, -1, 4, "3", 1.0, True])
def test_a_quantity_that_is_none_or_more_than_was_ordered_is_refused(quantity):
    with running() as (simulator, seller, _):
        order_id = _stocked(simulator)
        parcel = seller.parcel(order_id)
        parcel["orderItems"][0]["quantity"] = quantity

        answer = seller.confirm(order_id, parcel)

        assert answer.status_code == 400


@pytest.mark.parametrize(
    "missing", ["packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems"]
)
def test_every_required_part_of_a_parcel_is_required(missing):
    with running() as (simulator, seller, _):
        order_id = _stocked(simulator)
        parcel = seller.parcel(order_id)
        del parcel[missing]

        assert seller.confirm(order_id, parcel).status_code == 400


def test_orders_that_wait_are_canceled_or_belong_to_amazon_cannot_be_confirmed():
    with running() as (simulator, seller, _):
        simulator.add_listing("F", quantity=9, channel="AMAZON_NA")
        pending = _stocked(simulator, pending_for=3600)
        canceled = simulator.place_order({"lines": [{"sku": "A", "quantity": 1}]})["id"]
        simulator.place_order({"cancel": canceled})
        theirs = simulator.place_order({"lines": [{"sku": "F", "quantity": 1}]})["id"]
        labeled = simulator.place_order(
            {"lines": [{"sku": "A", "quantity": 1}], "programs": ["FBM_SHIP_PLUS"]}
        )["id"]

        answers = [seller.confirm(order_id) for order_id in (pending, canceled, theirs, labeled)]

        assert [answer.status_code for answer in answers] == [400] * 4


def test_another_marketplace_or_an_unknown_order_is_refused():
    with running() as (simulator, seller, _):
        order_id = _stocked(simulator)
        body = {"marketplaceId": "A2EUQ1WTGCTBG2", "packageDetail": seller.parcel(order_id)}

        elsewhere = seller.call("confirmShipment", order_id, body=body)
        unknown = seller.call(
            "confirmShipment", "111-1111111-1111111", body=body | {"marketplaceId": US}
        )

        assert (elsewhere.status_code, unknown.status_code) == (400, 404)


def test_an_unlisted_carrier_goes_as_other_with_its_name():
    with running() as (simulator, seller, clock):
        order_id = _stocked(simulator)
        parcel = seller.parcel(order_id, carrierCode="Other", carrierName="Joe's Trucks")

        assert seller.confirm(order_id, parcel).status_code == 204
        clock.advance(60)

        assert seller.order(order_id, "PACKAGES")["packages"][0]["carrier"] == "Joe's Trucks"
        assert simulator.books()["metrics"]["valid_tracking_rate"] == 0.0


def test_parts_add_up_and_units_cannot_be_shipped_twice():
    with running() as (simulator, seller, clock):
        order_id = _stocked(simulator)
        item = seller.parcel(order_id)["orderItems"][0]["orderItemId"]

        def ship(reference: str, quantity: int) -> int:
            lines = [{"orderItemId": item, "quantity": quantity}]
            parcel = seller.parcel(order_id, packageReferenceId=reference, orderItems=lines)
            return seller.confirm(order_id, parcel).status_code

        def status() -> str:
            clock.advance(60)
            order = seller.order(order_id, "FULFILLMENT")
            fulfilled = order["orderItems"][0]["fulfillment"]["quantityFulfilled"]
            return f"{order['fulfillment']['fulfillmentStatus']} {fulfilled}"

        assert (ship("1", 1), status()) == (204, "PARTIALLY_SHIPPED 1")
        # Refused although the second parcel alone is no more than was ordered.
        assert (ship("2", 3), status()) == (400, "PARTIALLY_SHIPPED 1")
        assert (ship("2", 2), status()) == (204, "SHIPPED 3")
        assert (ship("3", 1), status()) == (400, "SHIPPED 3")


def test_units_of_a_parcel_not_yet_shown_count_already():
    with running(confirm_delay=(900, 900)) as (simulator, seller, _):
        order_id = _stocked(simulator)
        seller.confirm(order_id)

        again = seller.confirm(order_id, seller.parcel(order_id, packageReferenceId="2"))

        assert again.status_code == 400
        assert "PackageToUpdateNotFound" in again.json()["errors"][0]["message"]


def test_the_same_reference_edits_and_an_identical_repeat_changes_nothing():
    with running() as (simulator, seller, clock):
        order_id = _stocked(simulator)
        parcel = seller.parcel(order_id)

        answers = [
            seller.confirm(order_id, parcel),
            seller.confirm(order_id, parcel),
            seller.confirm(order_id, parcel | {"trackingNumber": "1Z999AA10123456785"}),
        ]
        clock.advance(60)

        (package,) = _book(simulator, order_id)["packages"]
        effects = [
            e.took_effect for e in simulator.log.entries() if e.operation == "confirmShipment"
        ]
        assert [answer.status_code for answer in answers] == [204] * 3
        assert effects == [True, False, True]
        assert (package["effects"], package["edits"], package["calls"]) == (2, 1, 3)
        assert package["tracking_number"] == "1Z999AA10123456785"
        assert len(seller.order(order_id, "PACKAGES")["packages"]) == 1


def test_late_is_counted_from_when_the_confirmation_was_received_whatever_the_ship_date_says():
    with running() as (simulator, seller, clock):
        in_time, late = (_stocked(simulator, ship_by_hours=24), None)
        late = simulator.place_order({"lines": [{"sku": "A", "quantity": 1}], "ship_by_hours": 24})[
            "id"
        ]
        shipped = clock.now().isoformat()
        clock.advance(24 * 3600)
        seller.confirm(in_time)
        clock.advance(1)

        seller.confirm(late, seller.parcel(late, shipDate=shipped))

        metrics = simulator.books()["metrics"]
        assert not _book(simulator, in_time)["late"]
        assert _book(simulator, late)["late"]
        assert (metrics["confirmed"], metrics["late"], metrics["late_shipment_rate"]) == (2, 1, 0.5)
        assert metrics["valid_tracking_rate"] == 1.0


def test_an_order_nobody_confirms_is_canceled_by_amazon_and_counts_against_the_seller():
    with running(auto_cancel_days=7) as (simulator, seller, clock):
        forgotten = _stocked(simulator, ship_by_hours=24)
        regretted = simulator.place_order({"lines": [{"sku": "A", "quantity": 1}]})["id"]
        simulator.place_order({"cancel": regretted})

        clock.advance(24 * 3600)
        waiting = _book(simulator, forgotten)["status"]
        # Tuesday and seven business days: Thursday of the week after.
        clock.advance(9 * 24 * 3600)

        metrics = simulator.books()["metrics"]
        assert waiting == "UNSHIPPED"
        assert _book(simulator, forgotten)["canceled_by"] == "AMAZON"
        assert (metrics["canceled"], metrics["canceled_counting"]) == (2, 1)
        assert seller.confirm(forgotten).status_code == 400
