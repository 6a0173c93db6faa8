"""Reports, feeds and the FBA inventory of the simulator."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import timedelta

import httpx
import pytest

from tests.connectors.amazon.simulator_rig import SELLER, US, running

JSON_TYPE = "application/json; charset=UTF-8"


def _download(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False)


def _ask_for_listings(seller) -> str:
    body = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [US]}
    return seller.call("createReport", body=body).json()["reportId"]


def _rows(content: bytes) -> list[dict[str, str]]:
    text = gzip.decompress(content).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def test_a_report_waits_works_and_holds_the_listings_of_the_moment_it_started():
    with running(queue_delay=(10, 10)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=5, title="Café Press ✓", price="12.00")
        simulator.add_listing("F", quantity=9, channel="AMAZON_NA")
        simulator.add_listing("Z", quantity=0)

        report_id = _ask_for_listings(seller)
        states = [seller.call("getReport", report_id).json()]
        clock.advance(10)
        states.append(seller.call("getReport", report_id).json())
        simulator.set_quantity("A", 77)
        clock.advance(10)
        states.append(seller.call("getReport", report_id).json())
        document = seller.call("getReportDocument", states[-1]["reportDocumentId"]).json()
        download = _download(document["url"])

        rows = {row["seller-sku"]: row for row in _rows(download.content)}
        assert [state["processingStatus"] for state in states] == [
            "IN_QUEUE",
            "IN_PROGRESS",
            "DONE",
        ]
        assert document["compressionAlgorithm"] == "GZIP"
        assert "charset" not in download.headers["content-type"]
        assert (rows["A"]["item-name"], rows["A"]["quantity"]) == ("Café Press ✓", "5")
        assert (rows["A"]["fulfillment-channel"], rows["A"]["status"]) == ("DEFAULT", "Active")
        assert (rows["F"]["fulfillment-channel"], rows["F"]["quantity"]) == ("AMAZON_NA", "")
        assert rows["Z"]["status"] == "Inactive"


def test_a_report_about_nothing_is_canceled():
    with running(queue_delay=(1, 1)) as (_, seller, clock):
        report_id = _ask_for_listings(seller)
        clock.advance(5)

        state = seller.call("getReport", report_id).json()

        assert state["processingStatus"] == "CANCELLED"
        assert "reportDocumentId" not in state


def test_a_presigned_address_needs_no_token_lives_five_minutes_and_cannot_be_altered():
    with running(queue_delay=(1, 1)) as (simulator, seller, clock):
        simulator.add_listing("A")
        report_id = _ask_for_listings(seller)
        clock.advance(5)
        document_id = seller.call("getReport", report_id).json()["reportDocumentId"]
        url = seller.call("getReportDocument", document_id).json()["url"]

        clock.advance(300)
        alive = _download(url)
        clock.advance(1)
        dead = _download(url)
        longer = _download(url.replace("X-Amz-Until=", "X-Amz-Until=9"))
        fresh = _download(seller.call("getReportDocument", document_id).json()["url"])

        assert alive.status_code == fresh.status_code == 200
        assert dead.status_code == 403
        assert "Request has expired" in dead.text
        assert longer.status_code == 403
        assert "SignatureDoesNotMatch" in longer.text


def test_an_upload_with_another_content_type_does_not_match_its_signature():
    with running() as (_, seller, _):
        place = seller.call("createFeedDocument", body={"contentType": JSON_TYPE}).json()

        wrong = httpx.put(
            place["url"], content=b"{}", headers={"Content-Type": "text/plain"}, trust_env=False
        )
        right = httpx.put(
            place["url"], content=b"{}", headers={"Content-Type": JSON_TYPE}, trust_env=False
        )

        assert (wrong.status_code, right.status_code) == (403, 200)


def _feed(*messages: dict, **header: object) -> bytes:
    head = {"sellerId": SELLER, "version": "2.0", "issueLocale": "en_US"} | header
    return json.dumps({"header": head, "messages": messages}).encode()


def _stock(number: int, sku: str, quantity: object, **extra: object) -> dict:
    value = [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}]
    patch = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}
    return {
        "messageId": number, "sku": sku, "operationType": "PATCH", "productType": "PRODUCT",
        "patches": [patch],
    } | extra  # fmt: skip


def _submit(seller, content: bytes, feed_type: str = "JSON_LISTINGS_FEED") -> str:
    place = seller.call("createFeedDocument", body={"contentType": JSON_TYPE}).json()
    headers = {"Content-Type": JSON_TYPE}
    httpx.put(place["url"], content=content, headers=headers, trust_env=False).raise_for_status()
    body = {
        "feedType": feed_type,
        "marketplaceIds": [US],
        "inputFeedDocumentId": place["feedDocumentId"],
    }
    return seller.call("createFeed", body=body).json()["feedId"]


def _result(seller, feed_id: str) -> dict:
    state = seller.call("getFeed", feed_id).json()
    document = seller.call("getFeedDocument", state["resultFeedDocumentId"]).json()
    assert document["compressionAlgorithm"] == "GZIP"
    return json.loads(gzip.decompress(_download(document["url"]).content))


def test_a_feed_comes_true_when_it_is_done_and_tells_accepted_from_invalid():
    with running(queue_delay=(10, 10), apply_delay=(30, 30)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=1)
        simulator.add_listing("B", quantity=1)

        feed_id = _submit(seller, _feed(_stock(1, "A", 5), _stock(2, "B", -5)))
        states = [seller.call("getFeed", feed_id).json()["processingStatus"]]
        clock.advance(39)
        states.append(seller.call("getFeed", feed_id).json()["processingStatus"])
        early = seller.shown("A")
        clock.advance(1)
        states.append(seller.call("getFeed", feed_id).json()["processingStatus"])
        report = _result(seller, feed_id)

        assert states == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
        assert (early, seller.shown("A"), seller.shown("B")) == (1, 5, 1)
        assert report["summary"] == {
            "errors": 1, "warnings": 0,
            "messagesProcessed": 2, "messagesAccepted": 1, "messagesInvalid": 1,
        }  # fmt: skip
        assert [(issue["messageId"], issue["sku"]) for issue in report["issues"]] == [(2, "B")]


def test_a_feed_that_was_sent_earlier_can_overwrite_a_patch_that_was_sent_later():
    with running(queue_delay=(60, 60), apply_delay=(30, 30)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=9)
        _submit(seller, _feed(_stock(1, "A", 8)))

        clock.advance(5)
        seller.set_quantity("A", 2)
        clock.advance(30)
        between = seller.shown("A")
        clock.advance(60)

        assert (between, seller.shown("A")) == (2, 8)


def test_a_partial_update_wipes_the_handling_time_and_a_delete_takes_the_listing_away():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=1, lead_time=5)
        simulator.add_listing("B", quantity=1)
        value = [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]
        partial = {
            "messageId": 1, "sku": "A", "operationType": "PARTIAL_UPDATE", "productType": "PRODUCT",
            "attributes": {"fulfillment_availability": value},
        }  # fmt: skip

        _submit(seller, _feed(partial, {"messageId": 2, "sku": "B", "operationType": "DELETE"}))
        clock.advance(500)

        assert seller.listing("A", "attributes")["attributes"]["fulfillment_availability"] == value
        gone = seller.call("getListingsItem", SELLER, "B", params={"marketplaceIds": US})
        assert gone.status_code == 404


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not json", "4002001"),
        (_feed(_stock(1, "A", 5), sellerId="A1OTHER"), "4002005"),
        (_feed(_stock(1, "A", 5), version="1.0"), "4002006"),
        (_feed(), "4002008"),
    ],
)
def test_a_feed_that_cannot_be_read_is_fatal_and_says_why(content, code):
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=1)
        feed_id = _submit(seller, content)
        clock.advance(500)

        state = seller.call("getFeed", feed_id).json()["processingStatus"]

        assert state == "FATAL"
        assert _result(seller, feed_id)["issues"][0]["code"] == code
        assert seller.shown("A") == 1


def test_messages_outside_the_schema_are_invalid_and_the_others_go_through():
    with running() as (simulator, seller, clock):
        simulator.add_listing("A", quantity=1)
        messages = [
            {"sku": "A"},
            _stock(2, "A", 9, operationType="MOVE"),
            _stock(3, "A", 9, patches=[{"op": "merge", "path": "/quantity", "value": []}]),
            {"messageId": 4, "sku": "A", "operationType": "UPDATE", "productType": "PRODUCT"},
            _stock(5, "A", 4),
            _stock(6, "gone", 4),
        ]

        feed_id = _submit(seller, _feed(*messages))
        clock.advance(500)
        report = _result(seller, feed_id)

        assert [issue.get("messageId") for issue in report["issues"]] == [None, 2, 3, 4]
        # A message about an unknown SKU counts as accepted, and nothing comes of it.
        assert report["summary"]["messagesAccepted"] == 2
        assert seller.shown("A") == 4


def test_the_old_listing_feeds_end_fatal():
    with running() as (_, seller, clock):
        feed_id = _submit(seller, b"<xml/>", "POST_INVENTORY_AVAILABILITY_DATA")
        clock.advance(500)

        assert seller.call("getFeed", feed_id).json()["processingStatus"] == "FATAL"


def test_only_a_waiting_feed_can_be_canceled_and_then_it_changes_nothing():
    with running(queue_delay=(10, 10), apply_delay=(30, 30)) as (simulator, seller, clock):
        simulator.add_listing("A", quantity=1)
        waiting, working = _submit(seller, _feed(_stock(1, "A", 5))), None
        canceled = seller.call("cancelFeed", waiting).status_code
        working = _submit(seller, _feed(_stock(1, "A", 6)))
        clock.advance(10)

        too_late = seller.call("cancelFeed", working).status_code
        clock.advance(15)
        between = seller.shown("A")
        clock.advance(500)

        assert (canceled, too_late) == (200, 400)
        assert seller.call("getFeed", waiting).json()["processingStatus"] == "CANCELLED"
        assert (between, seller.shown("A")) == (1, 6)


def test_a_feed_without_an_upload_is_refused():
    with running() as (_, seller, _):
        place = seller.call("createFeedDocument", body={"contentType": JSON_TYPE}).json()
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [US],
            "inputFeedDocumentId": place["feedDocumentId"],
        }

        assert seller.call("createFeed", body=body).status_code == 400


def _inventory(seller, **params: object) -> httpx.Response:
    place = {"granularityType": "Marketplace", "granularityId": US, "marketplaceIds": US}
    return seller.call("getInventorySummaries", params=place | {"details": "true"} | params)


def test_the_inventory_tells_what_amazon_can_ship_and_what_orders_hold_until_it_ships():
    with running(fba_ship_delay=(3600, 3600)) as (simulator, seller, clock):
        simulator.add_listing("F", quantity=10, channel="AMAZON_NA")
        simulator.add_listing("A", quantity=10)
        simulator.place_order({"lines": [{"sku": "F", "quantity": 3}]})

        def read() -> tuple[int, int, int]:
            (summary,) = _inventory(seller).json()["payload"]["inventorySummaries"]
            details = summary["inventoryDetails"]
            reserved = details["reservedQuantity"]["totalReservedQuantity"]
            return details["fulfillableQuantity"], reserved, summary["totalQuantity"]

        before = read()
        clock.advance(3600)

        assert (before, read()) == ((7, 3, 10), (7, 0, 7))


def test_an_inventory_token_lives_thirty_seconds():
    with running() as (simulator, seller, clock):
        for number in range(60):
            simulator.add_listing(f"F{number}", quantity=1, channel="AMAZON_NA")

        first = _inventory(seller).json()
        token = first["pagination"]["nextToken"]
        clock.advance(29)
        second = _inventory(seller, nextToken=token)
        clock.advance(1)
        late = _inventory(seller, nextToken=token)

        assert len(first["payload"]["inventorySummaries"]) == 50
        assert len(second.json()["payload"]["inventorySummaries"]) == 10
        assert "pagination" not in second.json()
        assert late.status_code == 400


def test_the_inventory_since_a_moment_has_what_was_sold_or_shipped_since():
    with running(fba_ship_delay=(3600, 3600)) as (simulator, seller, clock):
        for sku in ("F1", "F2"):
            simulator.add_listing(sku, quantity=5, channel="AMAZON_NA")

        def since(minutes: float) -> list[str]:
            start = (clock.now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
            found = _inventory(seller, startDateTime=start)
            return [one["sellerSku"] for one in found.json()["payload"]["inventorySummaries"]]

        clock.advance(600)
        nothing = since(5)
        simulator.place_order({"lines": [{"sku": "F2", "quantity": 1}]})
        sold = since(5)
        clock.advance(3600)

        assert (nothing, sold, since(5)) == ([], ["F2"], ["F2"])
        assert _inventory(seller, startDateTime="2020-01-01T00:00:00Z").status_code == 400


def test_the_inventory_can_be_asked_for_single_skus():
    with running() as (simulator, seller, _):
        for sku in ("F1", "F2", "F3"):
            simulator.add_listing(sku, quantity=1, channel="AMAZON_NA")

        answer = _inventory(seller, sellerSkus="F1,F3").json()

        found = {summary["sellerSku"] for summary in answer["payload"]["inventorySummaries"]}
        assert found == {"F1", "F3"}
        assert _inventory(seller, sellerSkus=",".join(["F1"] * 51)).status_code == 400


def test_the_inventory_can_be_asked_for_what_changed_since():
    with running() as (simulator, seller, clock):
        for sku in ("F1", "F2"):
            simulator.add_listing(sku, quantity=9, channel="AMAZON_NA")
        clock.advance(60)
        since = clock.now().isoformat()
        simulator.place_order({"lines": [{"sku": "F2", "quantity": 1}]})

        answer = _inventory(seller, startDateTime=since, details="false").json()

        (summary,) = answer["payload"]["inventorySummaries"]
        assert summary["sellerSku"] == "F2"
        assert "inventoryDetails" not in summary
