"""Independent clients read the simulator without complaint.

The official SDK's generated models refuse answers that lack required properties; the library that
production uses pollutes its requests. Both are given nothing but addresses and credentials.
"""

from __future__ import annotations

import io
import logging
import uuid
from types import SimpleNamespace

from tests.connectors.amazon.simulator_rig import (
    CREDENTIALS,
    REFRESH_TOKEN,
    SELLER,
    US,
    ago,
    running,
)


def _world(simulator, clock) -> tuple[str, str]:
    simulator.add_listing("A/1 b", quantity=20, title="Café Press ✓")
    simulator.add_listing("F", quantity=20, channel="AMAZON_NA")
    line = [{"sku": "A/1 b", "quantity": 1}]
    shipped = simulator.place_order({"lines": line})["id"]
    simulator.place_order({"lines": line, "pending_for": 9000})
    simulator.place_order({"lines": line, "cancel_after": 10})
    asked = simulator.place_order({"lines": line})["id"]
    simulator.place_order({"request_cancel": asked})
    fba = simulator.place_order({"lines": [{"sku": "F", "quantity": 1}]})["id"]
    clock.advance(200)
    return shipped, fba


def test_the_official_sdk_reads_and_writes_through_its_strict_models():
    # Imported here: it sets up logging for the whole process and loads two thousand modules.
    level = logging.getLogger().level
    from spapi import SPAPIClient, SPAPIConfig
    from spapi.api.fba_inventory_v1.fba_inventory_api import FbaInventoryApi
    from spapi.api.listings_items_v2021_08_01.listings_api import ListingsApi
    from spapi.api.orders_v0.orders_v0_api import OrdersV0Api
    from spapi.api.orders_v2026_01_01.get_order_api import GetOrderApi
    from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi
    from spapi.models.listings_items_v2021_08_01 import ListingsItemPatchRequest, PatchOperation

    logging.getLogger().setLevel(level)
    with running() as (simulator, seller, clock):
        shipped, fba = _world(simulator, clock)
        config = SPAPIConfig(
            client_id=CREDENTIALS["client_id"],
            client_secret=CREDENTIALS["client_secret"],
            refresh_token=REFRESH_TOKEN,
            region="NA",
        )
        api = SPAPIClient(
            config, oauth_endpoint=f"{simulator.url}/auth/o2/token", endpoint=simulator.url
        ).api_client
        blocks = ["BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT", "PACKAGES"]

        OrdersV0Api(api).confirm_shipment(
            shipped, {"marketplaceId": US, "packageDetail": seller.parcel(shipped)}
        )
        clock.advance(300)
        page = SearchOrdersApi(api).search_orders(
            last_updated_after=ago(days=1), marketplace_ids=[US], included_data=blocks
        )
        order = GetOrderApi(api).get_order(shipped, included_data=blocks).order
        listings = ListingsApi(api)
        item = listings.get_listings_item(
            SELLER, "A/1 b", [US],
            included_data=["summaries", "attributes", "offers", "fulfillmentAvailability"],
        )  # fmt: skip
        found = listings.search_listings_items(SELLER, [US])
        value = [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]
        patch = PatchOperation(op="merge", path="/attributes/fulfillment_availability", value=value)
        accepted = listings.patch_listings_item(
            SELLER, "A/1 b", [US],
            ListingsItemPatchRequest(product_type="PRODUCT", patches=[patch]),
        )  # fmt: skip
        stock = FbaInventoryApi(api).get_inventory_summaries("Marketplace", US, [US], details=True)

        assert len(page.orders) == 5
        assert order.fulfillment.fulfillment_status == "SHIPPED"
        assert order.packages[0].tracking_number == "1Z999AA10123456784"
        assert fba in {o.order_id for o in page.orders}
        assert item.summaries[0].item_name == "Café Press ✓"
        assert found.number_of_results == 2
        assert accepted.status == "ACCEPTED"
        assert stock.payload.inventory_summaries[0].inventory_details.fulfillable_quantity == 19


def test_the_production_library_with_its_polluted_requests_is_understood(monkeypatch):
    from sp_api.api import (
        FeedsV20210630,
        ListingsItemsV20210801,
        OrdersV0,
        OrdersV20260101,
        Reports,
    )
    from sp_api.auth import AccessTokenClient

    monkeypatch.delenv("SP_API_DEFAULT_MARKETPLACE", raising=False)

    def with_host(kind: type, netloc: str) -> type:
        """The library cuts Host short for http addresses; the simulator refuses that."""

        class Repaired(kind):  # type: ignore[misc,valid-type]
            @property
            def headers(self):
                return super().headers | {"host": netloc}

        return Repaired

    # Its token cache is keyed by the refresh token alone: tokens leak between simulators.
    refresh_token = f"Atzr|{uuid.uuid4()}"
    with running(queue_delay=(1, 1), refresh_token=refresh_token) as (simulator, seller, clock):
        shipped, _ = _world(simulator, clock)
        netloc = simulator.url.removeprefix("http://")

        class LocalAuth(AccessTokenClient):
            scheme, host = "http://", netloc

        def client(kind: type):
            return with_host(kind, netloc)(
                marketplace=SimpleNamespace(
                    endpoint=simulator.url, marketplace_id=US, region="us-east-1"
                ),
                credentials={
                    "refresh_token": refresh_token,
                    "lwa_app_id": CREDENTIALS["client_id"],
                    "lwa_client_secret": CREDENTIALS["client_secret"],
                },
                auth_token_client_class=LocalAuth,
            )

        orders = client(OrdersV20260101).search_orders(lastUpdatedAfter=ago(days=1)).payload
        client(OrdersV0).confirm_shipment(
            shipped, marketplaceId=US, packageDetail=seller.parcel(shipped)
        )
        listings = client(ListingsItemsV20210801)
        value = [{"fulfillment_channel_code": "DEFAULT", "quantity": 7}]
        patch = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}
        accepted = listings.patch_listings_item(
            SELLER, "A/1 b", marketplaceIds=US, body={"productType": "PRODUCT", "patches": [patch]}
        ).payload
        found = listings.search_listings_items(
            SELLER, identifiers=["A/1 b", "F"], identifiersType="SKU"
        ).payload
        reports = client(Reports)
        report = reports.create_report(reportType="GET_MERCHANT_LISTINGS_ALL_DATA").payload
        clock.advance(10)
        state = reports.get_report(report["reportId"]).payload
        table = reports.get_report_document(
            state["reportDocumentId"], download=True, character_code="utf-8"
        ).payload
        feeds = client(FeedsV20210630)
        feed = feeds.submit_feed(
            "JSON_LISTINGS_FEED", io.BytesIO(b"{}"), content_type="application/json"
        )

        assert len(orders["orders"]) == 5
        assert simulator.account.orders[shipped].received["1"].carrier == "UPS"
        assert accepted["status"] == "ACCEPTED"
        assert found["numberOfResults"] == 2
        assert "Café Press ✓" in table["document"]
        assert simulator.books()["feeds"][0]["id"] == feed[1].payload["feedId"]
