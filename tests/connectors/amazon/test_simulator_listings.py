"""Listings of the simulator: submitted and current, patch operations, order of application."""

from __future__ import annotations

import pytest

from tests.connectors.amazon.simulator_rig import SELLER, US, running

FBM, FBA = {"fulfillment_channel_code": "DEFAULT"}, {"fulfillment_channel_code": "AMAZON_NA"}


def _submitted(seller, sku):
    return seller.listing(sku, "attributes")["attributes"]["fulfillment_availability"]


def test_an_accepted_quantity_is_submitted_at_once_and_shown_later():
    with running(apply_delay=(60, 60)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5, lead_time=3)

        answer = seller.set_quantity("A", 8).json()
        clock.advance(59)
        before = (_submitted(seller, "A"), seller.shown("A"))
        clock.advance(1)

        assert answer["status"] == "ACCEPTED"
        assert answer["submissionId"]
        assert before == ([FBM | {"quantity": 8, "lead_time_to_ship_max_days": 3}], 5)
        assert seller.shown("A") == 8


def test_a_sale_counts_the_shown_quantity_down_and_leaves_the_submitted_one():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=5)

        simulator.place_order({"lines": [{"sku": "A", "quantity": 2}], "pending_for": 60})

        assert seller.shown("A") == 3
        assert _submitted(seller, "A")[0]["quantity"] == 5


def test_a_patch_in_flight_overwrites_a_sale_that_came_meanwhile():
    with running(apply_delay=(60, 60)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)
        seller.set_quantity("A", 5)

        simulator.place_order({"lines": [{"sku": "A", "quantity": 2}]})
        clock.advance(60)

        assert seller.shown("A") == 5


def _after(op: str, value: object) -> tuple[list[dict], dict]:
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5, lead_time=4)
        assert seller.patch("A", value, op=op).json()["status"] == "ACCEPTED"
        clock.advance(100)
        return _submitted(seller, "A"), simulator.account.listings["A"].current


def test_merge_keeps_the_handling_time_and_replace_wipes_it():
    merged, merged_now = _after("merge", [FBM | {"quantity": 7}])
    replaced, replaced_now = _after("replace", [FBM | {"quantity": 7}])

    kept = FBM | {"quantity": 7, "lead_time_to_ship_max_days": 4}
    assert (merged, merged_now["DEFAULT"]) == ([kept], kept)
    assert (replaced, replaced_now["DEFAULT"]) == ([FBM | {"quantity": 7}], FBM | {"quantity": 7})


def test_a_replace_that_names_the_other_channel_adds_it_instead_of_switching():
    submitted, current = _after("replace", [FBA])

    assert submitted == [FBA]
    assert set(current) == {"DEFAULT", "AMAZON_NA"}


def test_delete_takes_the_channel_away_and_add_puts_it_back():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)
        seller.patch("A", [FBM], op="delete")
        clock.advance(100)
        gone = seller.listing("A", "fulfillmentAvailability")["fulfillmentAvailability"]

        seller.patch("A", [FBM | {"quantity": 2}], op="add")
        clock.advance(100)

        assert gone == []
        assert seller.shown("A") == 2


def test_a_wiped_handling_time_falls_back_to_two_business_days_for_the_next_order():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5, lead_time=0)
        line = {"lines": [{"sku": "A", "quantity": 1}]}
        same_day = simulator.place_order(line)["id"]

        seller.set_quantity("A", 5, op="replace")
        clock.advance(100)
        slow = simulator.place_order(line)["id"]

        def ship_by(order_id: str) -> str:
            return seller.order(order_id, "FULFILLMENT")["fulfillment"]["shipByWindow"][
                "latestDateTime"
            ]

        assert ship_by(same_day) == "2026-11-23T15:00:00Z"
        assert ship_by(slow) == "2026-11-25T15:01:40Z"


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("fulfillment_availability", [FBM | {"quantity": -1}], "90000900"),
        ("fulfillment_availability", [FBM | {"quantity": "7"}], "90000900"),
        ("fulfillment_availability", [FBM | {"quantity": 1.5}], "90000900"),
        ("fulfillment_availability", [FBM | {"quantity": True}], "90000900"),
        ("fulfillment_availability", [{"quantity": 7}], "99022"),
        ("fulfillment_availability", [{"fulfillment_channel_code": "MFN", "quantity": 7}], "90000900"),
        ("fulfillment_availability", [FBA | {"quantity": 7}], "90000900"),
        ("fulfillment_availability", [FBM | {"lead_time_to_ship_max_days": -1}], "90000900"),
        ("fulfillment_availability", None, "90220"),
        ("fulfillmentAvailability", [FBM | {"quantity": 7}], "90000900"),
        ("purchasable_offer", [{"currency": "USD", "our_price": []}], "99022"),
    ],
)  # fmt: skip
def test_a_bad_value_is_answered_200_with_invalid_and_its_issue_and_changes_nothing(
    attribute, value, code
):
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)
        before = simulator.books()["listings"]

        answer = seller.patch("A", value, attribute=attribute)
        clock.advance(1000)

        assert (answer.status_code, answer.json()["status"]) == (200, "INVALID")
        assert [issue["code"] for issue in answer.json()["issues"]] == [code]
        assert simulator.books()["listings"] == before
        assert not any(e.took_effect for e in simulator.log.entries())


def test_the_quantity_of_what_amazon_fulfills_cannot_be_set_through_either_channel():
    with running() as (simulator, seller, _):
        simulator.add_listing("F", quantity=5, channel="AMAZON_NA")

        answers = [
            seller.patch("F", [channel | {"quantity": 9}], op=op).json()["status"]
            for channel in (FBM, FBA)
            for op in ("merge", "replace", "add")
        ]

        assert answers == ["INVALID"] * 6
        assert seller.listing("F", "fulfillmentAvailability")["fulfillmentAvailability"] == [
            {"fulfillmentChannelCode": "AMAZON_NA"}
        ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"productType": "PRODUCT"},
        {"productType": "PRODUCT", "patches": []},
        {"patches": [{"op": "merge", "path": "/attributes/item_name", "value": []}]},
        {"productType": "PRODUCT", "patches": [{"op": "move", "path": "/attributes/item_name"}]},
        {"productType": "PRODUCT", "patches": [{"op": "merge", "path": "/item_name", "value": []}]},
        {"productType": "P", "patches": [{"op": "merge", "path": "/attributes/a/0/b", "value": []}]},
        {"productType": "P", "patches": [{"op": "merge", "path": "/attributes/a", "value": {"q": 1}}]},
        [1],
    ],
)  # fmt: skip
def test_a_patch_that_is_no_patch_is_a_bad_request(body):
    with running() as (simulator, seller, _):
        simulator.add_listing("A")

        answer = seller.call(
            "patchListingsItem", SELLER, "A", params={"marketplaceIds": US}, body=body
        )

        assert answer.status_code == 400


def test_a_validation_preview_says_valid_or_invalid_and_changes_nothing():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5)

        good = seller.patch("A", [FBM | {"quantity": 7}], mode="VALIDATION_PREVIEW")
        bad = seller.patch("A", [FBM | {"quantity": -7}], mode="VALIDATION_PREVIEW")
        clock.advance(1000)

        assert (good.json()["status"], bad.json()["status"]) == ("VALID", "INVALID")
        assert (seller.shown("A"), _submitted(seller, "A")[0]["quantity"]) == (5, 5)


def test_patches_of_one_sku_come_true_in_their_order_whatever_their_delays():
    with running(apply_delay=(5, 90)) as (simulator, seller, clock):
        for number in range(20):
            simulator.add_listing(f"S{number}", quantity=0)
        for quantity in (1, 2, 3):
            for number in range(20):
                seller.set_quantity(f"S{number}", quantity)
            clock.advance(1)

        clock.advance(90)

        assert {seller.shown(f"S{number}") for number in range(20)} == {3}


def test_a_patch_of_an_unknown_sku_is_accepted_and_only_reading_it_back_tells():
    with running() as (simulator, seller, clock):
        answer = seller.set_quantity("gone", 7)
        clock.advance(1000)
        read = seller.call("getListingsItem", SELLER, "gone", params={"marketplaceIds": US})

        assert answer.json()["status"] == "ACCEPTED"
        assert read.status_code == 404
        assert read.json()["errors"][0] == {
            "code": "NOT_FOUND",
            "message": f"SKU 'gone' not found in marketplace {US}",
            "details": "",
        }
        assert not any(e.took_effect for e in simulator.log.entries())


@pytest.mark.parametrize("sku", ["A/B", "A B+C", "50%", "#1", "Ünï ✓", "a.b_c-d"])
def test_any_sku_can_stand_in_a_path(sku):
    with running() as (simulator, seller, clock):
        simulator.add_listing(sku, quantity=1)

        seller.set_quantity(sku, 4)
        clock.advance(100)

        assert seller.shown(sku) == 4
        assert simulator.log.entries()[1].subject == sku


def test_another_writer_changes_what_is_shown_at_once():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=5)

        simulator.place_order({"set_quantity": {"sku": "A", "quantity": 40}})

        assert (seller.shown("A"), _submitted(seller, "A")[0]["quantity"]) == (40, 40)


def test_a_new_price_and_a_new_title_show_after_their_delay():
    with running(apply_delay=(60, 60)) as (simulator, seller, clock):
        simulator.add_listing("A", price="10.00", quantity=1)
        offer = {
            "currency": "USD",
            "audience": "ALL",
            "our_price": [{"schedule": [{"value_with_tax": 12.5}]}],
        }

        seller.patch("A", [offer], attribute="purchasable_offer", op="replace")
        seller.patch("A", [{"value": "New"}], attribute="item_name", op="replace")
        before = seller.listing("A", "offers", "summaries")
        clock.advance(60)
        after = seller.listing("A", "offers", "summaries")

        assert before["offers"][0]["price"]["amount"] == "10.00"
        assert after["offers"][0]["price"]["amount"] == "12.50"
        assert after["summaries"][0]["itemName"] == "New"


def test_a_search_pages_through_everything_it_can_reach():
    with running() as (simulator, seller, _):
        for number in range(45):
            simulator.add_listing(f"S{number:02d}", quantity=number)

        seen, params = (
            [],
            {"marketplaceIds": US, "pageSize": 20, "sortBy": "sku", "sortOrder": "ASC"},
        )
        while True:
            page = seller.call("searchListingsItems", SELLER, params=params).json()
            seen += [item["sku"] for item in page["items"]]
            if "nextToken" not in page.get("pagination", {}):
                break
            params["pageToken"] = page["pagination"]["nextToken"]

        assert page["numberOfResults"] == 45
        assert seen == [f"S{number:02d}" for number in range(45)]


def test_no_more_than_a_thousand_items_can_be_paged_through():
    with running() as (simulator, seller, _):
        for number in range(1010):
            simulator.add_listing(f"S{number}")

        count, params = 0, {"marketplaceIds": US, "pageSize": 20}
        while True:
            page = seller.call("searchListingsItems", SELLER, params=params).json()
            count += len(page["items"])
            if "nextToken" not in page["pagination"]:
                break
            params["pageToken"] = page["pagination"]["nextToken"]

        assert (page["numberOfResults"], count) == (1010, 1000)


def test_a_search_finds_by_identifier_and_by_status():
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=0)
        simulator.add_listing("B", quantity=3, asin="B000000001")

        def found(**params: str) -> list[str]:
            query = {"marketplaceIds": US} | params
            answer = seller.call("searchListingsItems", SELLER, params=query)
            return sorted(item["sku"] for item in answer.json()["items"])

        assert found(identifiersType="SKU", identifiers="A,nothing") == ["A"]
        assert found(identifiersType="ASIN", identifiers="B000000001") == ["B"]
        assert found(withStatus="BUYABLE") == ["B"]
        assert found(withoutStatus="BUYABLE") == ["A"]
        alone = seller.call(
            "searchListingsItems", SELLER, params={"marketplaceIds": US, "identifiers": "A"}
        )
        assert alone.status_code == 400


def test_another_sellers_shelf_is_closed():
    with running() as (simulator, seller, _):
        simulator.add_listing("A")

        answer = seller.call("getListingsItem", "A1OTHER", "A", params={"marketplaceIds": US})

        assert answer.status_code == 403
