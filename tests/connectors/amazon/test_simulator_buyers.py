"""Buyers, the control API and the books of the simulator."""

from __future__ import annotations

import json
import random
import threading
import time

import httpx
import pytest

from connectors.amazon.simulator import AmazonSimulator
from jobs.clock import ManualClock
from tests.connectors.amazon.simulator_rig import START, Seller, ago, running


def _quantity(simulator, sku: str) -> int:
    return next(row["quantity"] for row in simulator.books()["listings"] if row["sku"] == sku)


def test_the_last_unit_is_sold_once():
    with running() as (simulator, _, _):
        simulator.add_listing("A", quantity=1)
        simulator.place_order({"lines": [{"sku": "A", "quantity": 1}]})

        with pytest.raises(ValueError, match="sold out"):
            simulator.place_order({"lines": [{"sku": "A", "quantity": 1}]})

        assert _quantity(simulator, "A") == 0
        assert simulator.books()["counts"]["orders"] == 1
        assert simulator.books()["counts"]["buyers refused"] == 1


def test_two_lines_of_one_sku_are_counted_together_and_refused_whole():
    with running() as (simulator, _, _):
        simulator.add_listing("A", quantity=3)
        simulator.add_listing("B", quantity=3)
        lines = [
            {"sku": "B", "quantity": 1},
            {"sku": "A", "quantity": 2},
            {"sku": "A", "quantity": 2},
        ]

        with pytest.raises(ValueError, match="sold out"):
            simulator.place_order({"lines": lines})

        assert (_quantity(simulator, "A"), _quantity(simulator, "B")) == (3, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"lines": []},
        {"lines": [{"quantity": 1}]},
        {"lines": "A"},
        {"lines": [{"sku": "A", "quantity": 0}]},
        {"lines": [{"sku": "nothing", "quantity": 1}]},
        {"lines": [{"sku": "A", "quantity": 1}], "fulfilled_by": "US"},
        {"lines": [{"sku": "A", "quantity": 1}], "fulfilled_by": "AMAZON"},
        {"lines": [{"sku": "A", "quantity": 1}], "pendingfor": 5},
        {"lines": [{"sku": "A", "quantity": 1}], "cancel_after": "soon"},
        {"lines": [{"sku": "A", "quantity": 1}], "ship_by_hours": "never"},
        {"lines": [{"sku": "A", "quantity": 1}], "address": {"zip": "1"}},
        {"cancel": "111-1111111-1111111"},
        {"request_cancel": "111-1111111-1111111"},
        {"set_quantity": {"sku": "nothing", "quantity": 1}},
        {"set_quantity": {"sku": "A", "quantity": -1}},
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_and_changes_nothing(wrong):
    with running() as (simulator, _, _):
        simulator.add_listing("A", quantity=3)

        with pytest.raises(ValueError, match=r"."):
            simulator.place_order(wrong)

        assert (_quantity(simulator, "A"), simulator.books()["orders"]) == (3, [])


def test_a_canceled_order_gives_its_units_back_and_a_confirmed_one_cannot_be_canceled():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)
        line = {"lines": [{"sku": "A", "quantity": 2}]}
        regretted = simulator.place_order(line | {"cancel_after": 60})["id"]
        shipped = simulator.place_order(line | {"cancel_after": 60})["id"]
        seller.confirm(shipped)

        clock.advance(60)

        status = {order["id"]: order["status"] for order in simulator.books()["orders"]}
        assert status == {regretted: "CANCELLED", shipped: "SHIPPED"}
        assert _quantity(simulator, "A") == 3
        for refused in ({"cancel": shipped}, {"request_cancel": shipped}, {"cancel": regretted}):
            with pytest.raises(ValueError, match=r"cancel"):
                simulator.place_order(refused)


def test_amazon_ships_its_own_orders_by_itself():
    with running(fba_ship_delay=(600, 600)) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=5, channel="AMAZON_NA")
        order_id = simulator.place_order(
            {"lines": [{"sku": "F", "quantity": 2}], "pending_for": 60}
        )["id"]

        def status() -> str:
            return seller.order(order_id, "FULFILLMENT")["fulfillment"]["fulfillmentStatus"]

        seen = [status()]
        for seconds in (60, 599, 1):
            clock.advance(seconds)
            seen.append(status())

        assert seen == ["PENDING", "UNSHIPPED", "UNSHIPPED", "SHIPPED"]
        assert "packages" not in seller.order(order_id, "PACKAGES")
        assert simulator.books()["metrics"]["orders"] == 0


def test_amazon_ships_what_was_ordered_although_the_listing_is_gone_by_then():
    with running(fba_ship_delay=(600, 600)) as (simulator, _, clock):
        simulator.add_listing("F", quantity=5, channel="AMAZON_NA")
        simulator.place_order({"lines": [{"sku": "F", "quantity": 2}]})
        del simulator.account.listings["F"]

        clock.advance(600)

        assert simulator.books()["orders"][0]["status"] == "SHIPPED"


@pytest.mark.parametrize(
    "wrong", [{"sku": "A"}, {"sku": "B", "channel": "MFN"}, {"sku": "B", "quantity": -1}]
)
def test_a_listing_that_cannot_be_is_refused(wrong):
    with running() as (simulator, _, _):
        simulator.add_listing("A", asin="B000000001")

        with pytest.raises(ValueError, match=r"listed already|none of|negative"):
            simulator.add_listing(**wrong)

        assert [row["sku"] for row in simulator.books()["listings"]] == ["A"]


def test_what_was_due_while_nobody_asked_happens_at_its_own_instant():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)
        order_id = simulator.place_order(
            {"lines": [{"sku": "A", "quantity": 1}], "pending_for": 60, "cancel_after": 120}
        )["id"]

        clock.advance(9000)
        order = simulator.account.orders[order_id]
        seller.order(order_id)

        instants = [(state.updated - START).total_seconds() for state in order.states]
        assert instants == [0, 60, 120]


def test_the_same_seed_and_wishes_make_the_same_world():
    def world(seed: int) -> str:
        with running(seed=seed) as (simulator, _, clock):
            simulator.load_catalog()
            for sku in ("WB-BLK-000", "WB-BLU-001"):
                simulator.set_quantity(sku, 9)
                simulator.place_order({"lines": [{"sku": sku, "quantity": 1}]})
            clock.advance(100)
            return json.dumps(simulator.books())

    assert world(3) == world(3)
    assert world(3) != world(4)


def test_the_control_api_places_orders_sets_faults_moves_the_clock_and_shows_books_and_log():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=1)
        control = httpx.Client(
            base_url=f"http://127.0.0.1:{simulator.start_control()}/__sim__", trust_env=False
        )
        order = {"lines": [{"sku": "A", "quantity": 1}]}

        placed = control.post("/orders", json=order)
        refused = control.post("/orders", json=order)
        moved = control.post("/clock", json={"at": "2026-11-24T00:00:00+00:00"})
        fault = control.post(
            "/faults", json=[{"operation": "getOrder", "kind": "403-role", "nth": 1}]
        )
        struck = seller.call("getOrder", placed.json()["id"])

        assert (placed.status_code, refused.status_code) == (201, 400)
        assert "sold out" in refused.json()["error"]
        assert moved.json()["now"].startswith("2026-11-24T00:00:00")
        assert (fault.status_code, struck.status_code) == (204, 403)
        assert control.get("/books").json()["orders"][0]["id"] == placed.json()["id"]
        assert control.get("/log").json()[-1]["fault"] == "403-role"


def test_the_log_names_operations_and_subjects_and_only_real_changes_took_effect():
    with running() as (simulator, seller, _):
        simulator.add_listing("A/1", quantity=5)
        order_id = simulator.place_order({"lines": [{"sku": "A/1", "quantity": 1}]})["id"]
        seller.search(lastUpdatedAfter=ago(days=1))
        seller.order(order_id)
        seller.set_quantity("A/1", 3)
        seller.set_quantity("A/1", -3)
        seller.confirm(order_id)
        seller.confirm(order_id, seller.parcel(order_id, packageReferenceId="x"))

        entries = [
            (e.operation, e.subject, e.status, e.took_effect) for e in simulator.log.entries()
        ]

        assert entries == [
            ("token", "", 200, False),
            ("searchOrders", "", 200, False),
            ("getOrder", order_id, 200, False),
            ("patchListingsItem", "A/1", 200, True),
            ("patchListingsItem", "A/1", 200, False),
            ("confirmShipment", order_id, 204, True),
            ("confirmShipment", order_id, 400, False),
        ]


def test_eight_threads_lose_no_unit_and_no_confirmation():
    clock = ManualClock(START)
    simulator = AmazonSimulator(clock=clock, seed=1, rate_scale=1e6, confirm_delay=(0, 0))
    simulator.start()
    simulator.add_listing("A", quantity=100)
    confirmed: list[str] = []
    troubles: list[str] = []

    def shop(number: int) -> None:
        seller = Seller(simulator, clock)
        seller.log_in()
        chance = random.Random(number)
        while True:
            try:
                order_id = simulator.place_order(
                    {"lines": [{"sku": "A", "quantity": chance.randrange(1, 4)}]}
                )["id"]
            except ValueError:
                break
            answers = [seller.confirm(order_id).status_code for _ in range(2)]
            if answers != [204, 204] or seller.search(createdAfter=ago(days=1)).is_error:
                troubles.append(f"{order_id} {answers}")
            confirmed.append(order_id)
        seller.http.close()

    threads = [threading.Thread(target=shop, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    books = simulator.books()
    simulator.stop()

    sold = sum(line["quantity"] for order in books["orders"] for line in order["lines"])
    assert troubles == []
    assert sold + books["listings"][0]["quantity"] == 100
    assert sorted(confirmed) == sorted(order["id"] for order in books["orders"])
    assert all(order["packages"][0]["effects"] == 1 for order in books["orders"])
    assert all(order["packages"][0]["calls"] == 2 for order in books["orders"])
    assert all(order["status"] == "SHIPPED" for order in books["orders"])


def test_it_starts_at_once_and_answers_fast_enough_to_be_waited_for():
    started = time.perf_counter()
    with running() as (simulator, seller, clock):
        simulator.load_catalog()
        ready = time.perf_counter() - started
        for _ in range(100):
            simulator.set_quantity("WB-BLK-000", 1)
            simulator.place_order({"lines": [{"sku": "WB-BLK-000", "quantity": 1}]})
        clock.advance(200)

        started = time.perf_counter()
        headers = {"x-amz-access-token": seller.token}
        url = "/orders/2026-01-01/orders"
        for _ in range(50):
            seller.http.get(
                url, params={"createdAfter": ago(days=1), "maxResultsPerPage": 10}, headers=headers
            )
        rate = 50 / (time.perf_counter() - started)

        # Far below what it does: a loaded machine must not fail, a quadratic walk must.
        assert ready < 5
        assert rate > 20
