"""searchOrders and getOrder of the simulator: windows, snapshots, pages, blocks, privacy."""

from __future__ import annotations

import pytest

from tests.connectors.amazon.simulator_rig import START, US, ago, running, text

LINE = [{"sku": "A", "quantity": 1}]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"createdAfter": ago(days=1), "lastUpdatedAfter": ago(days=1)},
        {"createdAfter": ago(days=1), "lastUpdatedBefore": ago(hours=1)},
        {"lastUpdatedAfter": ago(days=1), "createdBefore": ago(hours=1)},
        {"lastUpdatedAfter": ago(days=1), "lastUpdatedBefore": ago(seconds=119)},
        {"lastUpdatedAfter": ago(days=1), "lastUpdatedBefore": ago(days=2)},
        {"lastUpdatedAfter": "yesterday"},
        {"lastUpdatedAfter": "2026-11-22T00:00:00"},
        {"lastUpdatedAfter": ago(days=1), "maxResultsPerPage": 0},
        {"lastUpdatedAfter": ago(days=1), "maxResultsPerPage": 101},
        {"lastUpdatedAfter": ago(days=1), "includedData": "EVERYTHING"},
        {"lastUpdatedAfter": ago(days=1), "fulfillmentStatuses": "Unshipped"},
        {"lastUpdatedAfter": ago(days=1), "fulfilledBy": "MFN"},
        {"lastUpdatedAfter": ago(days=1), "paginationToken": "made-up"},
        {"lastUpdatedAfter": ago(days=1), "marketplaceIds": ",".join(["X"] * 51)},
    ],
)
def test_a_search_outside_the_rules_is_refused(wrong):
    with running() as (_, seller, _):
        answer = seller.search(**wrong)

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "InvalidInput"


def test_a_before_of_exactly_two_minutes_ago_is_allowed_and_echoed():
    with running() as (_, seller, _):
        answer = seller.search(lastUpdatedAfter=ago(days=1), lastUpdatedBefore=ago(seconds=120))

        assert answer.status_code == 200
        assert answer.json()["lastUpdatedBefore"] == "2026-11-23T14:58:00Z"


def test_the_answered_bound_names_the_window_that_was_asked_for():
    with running() as (_, seller, _):
        updated = seller.search(lastUpdatedAfter=ago(days=1)).json()
        created = seller.search(createdAfter=ago(days=1)).json()

        assert updated == {"orders": [], "lastUpdatedBefore": "2026-11-23T14:58:00Z"}
        assert created == {"orders": [], "createdBefore": "2026-11-23T14:58:00Z"}


def test_a_list_shows_an_order_only_when_its_snapshot_has_it_but_an_id_finds_it_at_once():
    with running(snapshot_age=120) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)

        order_id = simulator.place_order({"lines": LINE})["id"]
        at_once = seller.order(order_id)
        clock.advance(119)
        early = seller.ids(lastUpdatedAfter=ago(days=1))
        clock.advance(1)
        late = seller.ids(lastUpdatedAfter=ago(days=1))

        assert at_once["orderId"] == order_id
        assert (early, late) == (set(), {order_id})


def test_a_snapshot_shows_the_state_of_its_instant_not_todays():
    with running(snapshot_age=120) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        order_id = simulator.place_order({"lines": LINE})["id"]
        clock.advance(200)

        simulator.place_order({"cancel": order_id})
        listed = seller.search(lastUpdatedAfter=ago(days=1), includedData="FULFILLMENT").json()
        now = seller.order(order_id, "FULFILLMENT")

        assert listed["orders"][0]["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
        assert now["fulfillment"]["fulfillmentStatus"] == "CANCELLED"


def test_an_index_that_lags_hides_an_order_behind_an_answered_bound_that_has_passed_it():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        order_id = simulator.place_order({"lines": LINE, "hidden_for": 7200})["id"]
        clock.advance(3600)

        before = seller.search(lastUpdatedAfter=ago(days=1)).json()
        clock.advance(7200)
        after = seller.ids(lastUpdatedAfter=ago(days=1))

        assert before["orders"] == []
        assert before["lastUpdatedBefore"] > seller.order(order_id)["lastUpdatedTime"]
        assert after == {order_id}


def test_a_change_moves_an_order_out_of_old_update_windows_but_not_out_of_creation_windows():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        order_id = simulator.place_order({"lines": LINE})["id"]
        clock.advance(3600)
        simulator.place_order({"cancel": order_id})
        clock.advance(300)

        window = {"After": ago(hours=1), "Before": text(START.replace(minute=30))}
        by_update = seller.ids(**{f"lastUpdated{k}": v for k, v in window.items()})
        by_creation = seller.ids(**{f"created{k}": v for k, v in window.items()})

        assert (by_update, by_creation) == (set(), {order_id})


def test_pages_hold_every_order_once_and_the_last_one_has_no_pagination():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=99)
        placed = {simulator.place_order({"lines": LINE})["id"] for _ in range(7)}
        clock.advance(200)

        query = {"lastUpdatedAfter": ago(days=1), "maxResultsPerPage": 3}
        pages = [seller.search(**query).json()]
        while "pagination" in pages[-1]:
            token = pages[-1]["pagination"]["nextToken"]
            pages.append(seller.search(**query, paginationToken=token).json())

        seen = [order["orderId"] for page in pages for order in page["orders"]]
        assert [len(page["orders"]) for page in pages] == [3, 3, 1]
        assert (len(seen), set(seen)) == (7, placed)


def test_a_walk_keeps_its_bound_so_that_what_changes_meanwhile_is_found_by_the_next_walk():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=99)
        placed = {simulator.place_order({"lines": LINE})["id"] for _ in range(6)}
        clock.advance(200)
        query = {"lastUpdatedAfter": ago(days=1), "maxResultsPerPage": 2}
        first = seller.search(**query).json()
        seen = {order["orderId"] for order in first["orders"]}

        moved = min(placed - seen)
        simulator.place_order({"cancel": moved})
        clock.advance(600)
        page = first
        while "pagination" in page:
            page = seller.search(**query, paginationToken=page["pagination"]["nextToken"]).json()
            seen |= {order["orderId"] for order in page["orders"]}
        following = seller.ids(lastUpdatedAfter=first["lastUpdatedBefore"])

        assert seen == placed - {moved}
        assert page["lastUpdatedBefore"] == first["lastUpdatedBefore"]
        assert moved in following


def test_a_page_token_dies_after_a_day_and_with_any_changed_filter():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=99)
        for _ in range(3):
            simulator.place_order({"lines": LINE})
        clock.advance(200)
        query = {"lastUpdatedAfter": ago(days=1), "marketplaceIds": US}
        token = seller.search(**query, maxResultsPerPage=1).json()["pagination"]["nextToken"]

        def again(**changes: str) -> int:
            return seller.search(**query | {"paginationToken": token} | changes).status_code

        assert again(maxResultsPerPage="2", includedData="BUYER") == 200
        assert again(lastUpdatedAfter=ago(days=2)) == 400
        assert again(fulfilledBy="MERCHANT") == 400
        clock.advance(24 * 3600 - 1)
        assert again() == 200
        clock.advance(1)
        assert again() == 400


def test_filters_choose_by_status_fulfiller_and_marketplace_in_either_list_spelling():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        simulator.add_listing("F", quantity=9, channel="AMAZON_NA")
        mine = simulator.place_order({"lines": LINE})["id"]
        theirs = simulator.place_order({"lines": [{"sku": "F", "quantity": 1}]})["id"]
        pending = simulator.place_order({"lines": LINE, "pending_for": 9000})["id"]
        clock.advance(200)

        def ids(**params: object) -> set[str]:
            return seller.ids(lastUpdatedAfter=ago(days=1), **params)

        assert ids(fulfilledBy="AMAZON") == {theirs}
        assert ids(fulfilledBy=["AMAZON", "MERCHANT"]) == {mine, theirs, pending}
        assert ids(fulfillmentStatuses="PENDING,SHIPPED") == {pending}
        assert ids(fulfillmentStatuses=["UNSHIPPED", "SHIPPED"]) == {mine, theirs}
        assert ids(marketplaceIds="A2EUQ1WTGCTBG2") == set()
        assert ids(MarketplaceId=US, marketplace_ids="x", Unknown="1") == {mine, theirs, pending}


def test_blocks_appear_only_when_asked_for():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=9, price="12.50")
        order_id = simulator.place_order({"lines": [{"sku": "A", "quantity": 2}]})["id"]

        bare = seller.order(order_id)
        full = seller.order(order_id, "BUYER", "RECIPIENT", "PROCEEDS", "FULFILLMENT", "PACKAGES")

        blocks = {"buyer", "recipient", "proceeds", "fulfillment", "packages"}
        assert not blocks & set(bare)
        assert "fulfillment" not in bare["orderItems"][0]
        assert blocks <= set(full)
        assert full["proceeds"]["grandTotal"] == {"amount": "25.00", "currencyCode": "USD"}
        assert full["orderItems"][0]["product"]["price"]["unitPrice"]["amount"] == "12.50"
        assert full["orderItems"][0]["fulfillment"] == {
            "quantityFulfilled": 0,
            "quantityUnfulfilled": 2,
        }


def test_a_pending_order_has_no_price_and_no_address_until_it_is_paid():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        order_id = simulator.place_order({"lines": LINE, "pending_for": 1800})["id"]

        pending = seller.order(order_id, "RECIPIENT", "BUYER", "PROCEEDS", "FULFILLMENT")
        clock.advance(1800)
        paid = seller.order(order_id, "RECIPIENT", "BUYER", "PROCEEDS", "FULFILLMENT")

        assert pending["fulfillment"]["fulfillmentStatus"] == "PENDING"
        assert not {"recipient", "buyer", "proceeds"} & set(pending)
        assert "price" not in pending["orderItems"][0]["product"]
        assert paid["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
        assert {"recipient", "buyer", "proceeds"} <= set(paid)
        assert paid["lastUpdatedTime"] == "2026-11-23T15:30:00Z"


def test_without_the_restricted_roles_personal_blocks_are_silently_missing():
    with running(pii_role=False) as (simulator, seller, _):
        simulator.add_listing("A", quantity=9)
        order_id = simulator.place_order({"lines": LINE})["id"]

        order = seller.order(order_id, "RECIPIENT", "BUYER", "PROCEEDS")

        assert not {"recipient", "buyer"} & set(order)
        assert "proceeds" in order


def test_an_address_part_can_be_missing_and_amazons_own_orders_tell_no_street():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=9)
        simulator.add_listing("F", quantity=9, channel="AMAZON_NA")
        torn = simulator.place_order({"lines": LINE, "address": {"postal_code": ""}})["id"]
        theirs = simulator.place_order({"lines": [{"sku": "F", "quantity": 1}]})["id"]

        own = seller.order(torn, "RECIPIENT")["recipient"]["deliveryAddress"]
        fba = seller.order(theirs, "RECIPIENT")["recipient"]["deliveryAddress"]

        assert "postalCode" not in own
        assert own["addressLine1"]
        assert "addressLine1" not in fba
        assert fba["postalCode"]
