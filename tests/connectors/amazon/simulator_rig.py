"""A bare seller over HTTP for the simulator's own tests, and the published models as a judge.

`Seller.call` sends what it is told, without retry or repair, and has every answer judged by the
Swagger model of its operation: status declared, rate header where declared, body valid, no
property the model does not know.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest

from connectors.amazon.simulator import AmazonSimulator
from connectors.amazon.simulator.server import ROUTES
from jobs.clock import ManualClock

SHARED = Path(__file__).parents[3] / ".." / "shared" / "reference" / "amazon"
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # a Monday
US = "ATVPDKIKX0DER"
SELLER = "A2LOCKSTEPDEMO"
CREDENTIALS = {
    "client_id": "amzn1.application-oa2-client.simulated",
    "client_secret": "amzn1.oa2-cs.v1.simulated",
}
REFRESH_TOKEN = "Atzr|simulated"
MODELS = {
    "searchOrders": "orders_2026-01-01",
    "getOrder": "orders_2026-01-01",
    "confirmShipment": "ordersV0",
    "searchListingsItems": "listingsItems_2021-08-01",
    "getListingsItem": "listingsItems_2021-08-01",
    "patchListingsItem": "listingsItems_2021-08-01",
    "createReport": "reports_2021-06-30",
    "getReport": "reports_2021-06-30",
    "getReportDocument": "reports_2021-06-30",
    "createFeedDocument": "feeds_2021-06-30",
    "getFeedDocument": "feeds_2021-06-30",
    "createFeed": "feeds_2021-06-30",
    "getFeed": "feeds_2021-06-30",
    "getFeeds": "feeds_2021-06-30",
    "cancelFeed": "feeds_2021-06-30",
    "getInventorySummaries": "fbaInventory",
    "getShipments": "fulfillmentInboundV0",
    "getShipmentItemsByShipmentId": "fulfillmentInboundV0",
    "getShipmentItems": "fulfillmentInboundV0",
    "createFulfillmentOrder": "fulfillmentOutbound_2020-07-01",
    "getFulfillmentOrder": "fulfillmentOutbound_2020-07-01",
    "cancelFulfillmentOrder": "fulfillmentOutbound_2020-07-01",
    "listTransactions": "finances_2024-06-19",
    "getMarketplaceParticipations": "sellers",
}
needs_models = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the published models (../shared) are not here"
)

_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def published(path: str) -> Any:
    return json.loads((SHARED / path).read_text())


@functools.cache
def _model(name: str) -> dict[str, Any]:
    model = published(f"models/{name}.json")
    for definition in model["definitions"].values():
        _close(definition)
    if name == "finances_2024-06-19":
        # It says that a context is of all types at once; its own examples are each of one.
        base, *types = model["definitions"]["Context"]["allOf"]
        for one in types:
            kind = model["definitions"][one["$ref"].rpartition("/")[2]]
            kind["properties"] |= base["properties"]
        model["definitions"]["Context"] = {"anyOf": types}
    if name == "fulfillmentInboundV0":
        # It can be asked for, and Amazon answers it; the answer's list forgot it (docs issue #1716).
        model["definitions"]["ShipmentStatus"]["enum"].append("READY_TO_SHIP")
    return model


def _close(schema: dict[str, Any]) -> None:
    """Swagger leaves objects open; a misspelled property would pass unseen."""
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
        for part in schema["properties"].values():
            _close(part)
    if isinstance(schema.get("items"), dict):
        _close(schema["items"])


@functools.cache
def declared_by_model(operation: str) -> dict[str, Any]:
    """The model's own entry for the operation."""
    paths = _model(MODELS[operation])["paths"]
    for path in paths.values():
        for verb in path.values():
            # fbaInventory and sellers name operations as the others do; "parameters" is a list.
            if isinstance(verb, dict) and verb.get("operationId") == operation:
                return verb
    raise AssertionError(f"{operation} is in no model")


def judge(operation: str, response: httpx.Response) -> None:
    """AssertionError or ValidationError when the model would not allow this answer."""
    if not SHARED.is_dir() or operation not in MODELS:
        return
    declared = declared_by_model(operation)["responses"]
    assert str(response.status_code) in declared, (operation, response.status_code)
    answer = declared[str(response.status_code)]
    assert "x-amzn-RequestId" in response.headers
    # The sellers model alone declares the rate on refusals too; FACTS, section 5, has the rule.
    limited = response.is_success or response.status_code in (400, 404)
    assert ("x-amzn-RateLimit-Limit" in response.headers) == limited
    assert not limited or "x-amzn-RateLimit-Limit" in answer["headers"]
    if "schema" not in answer or response.status_code == 204:
        return
    # Swagger 2 is JSON Schema draft 4 with its definitions beside.
    schema = copy.copy(answer["schema"]) | {"definitions": _model(MODELS[operation])["definitions"]}
    jsonschema.Draft4Validator(schema, format_checker=_formats).validate(response.json())


class Seller:
    """An HTTP client with a token and no manners."""

    def __init__(self, simulator: AmazonSimulator, clock: ManualClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.http = httpx.Client(base_url=simulator.url, trust_env=False, timeout=10)
        self.token = ""

    def log_in(self, **form: str) -> httpx.Response:
        body = {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN, **CREDENTIALS}
        response = self.http.post("/auth/o2/token", data=body | form)
        if response.is_success:
            self.token = response.json()["access_token"]
        return response

    def call(
        self,
        operation: str,
        *path: str,
        params: dict[str, Any] | None = None,
        body: object = None,
    ) -> httpx.Response:
        method, url = _address(operation, path)
        response = self.http.request(
            method,
            url,
            params=params,
            json=body if body is not None else None,
            headers={"x-amz-access-token": self.token},
        )
        if response.headers.get("content-type") != "text/html":
            judge(operation, response)
        return response

    # Shorthand

    def search(self, **params: Any) -> httpx.Response:
        return self.call("searchOrders", params=params)

    def ids(self, **params: Any) -> set[str]:
        response = self.search(**params)
        assert response.status_code == 200, response.text
        return {order["orderId"] for order in response.json()["orders"]}

    def order(self, order_id: str, *included: str) -> dict[str, Any]:
        response = self.call("getOrder", order_id, params={"includedData": ",".join(included)})
        assert response.status_code == 200, response.text
        return response.json()["order"]

    def listing(self, sku: str, *included: str) -> dict[str, Any]:
        params = {"marketplaceIds": US, "includedData": ",".join(included)}
        response = self.call("getListingsItem", SELLER, sku, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def shown(self, sku: str) -> int | None:
        entries = self.listing(sku, "fulfillmentAvailability")["fulfillmentAvailability"]
        return next(e.get("quantity") for e in entries if e["fulfillmentChannelCode"] == "DEFAULT")

    def patch(
        self, sku: str, value: object, *, op: str = "merge", attribute: str = "fulfillment_availability", **params: str
    ) -> httpx.Response:  # fmt: skip
        body = {
            "productType": "PRODUCT",
            "patches": [{"op": op, "path": f"/attributes/{attribute}", "value": value}],
        }
        return self.call(
            "patchListingsItem", SELLER, sku, params={"marketplaceIds": US, **params}, body=body
        )

    def set_quantity(self, sku: str, quantity: object, *, op: str = "merge") -> httpx.Response:
        return self.patch(
            sku, [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}], op=op
        )

    def parcel(self, order_id: str, **changes: Any) -> dict[str, Any]:
        """A correct confirmation of the whole order, with changes."""
        items = self.simulator.account.orders[order_id].now.items
        return {
            "packageReferenceId": "1",
            "carrierCode": "UPS",
            "trackingNumber": "1Z999AA10123456784",
            "shipDate": self.clock.now().isoformat(),
            "orderItems": [{"orderItemId": i.item_id, "quantity": i.quantity} for i in items],
        } | changes

    def confirm(self, order_id: str, parcel: dict[str, Any] | None = None) -> httpx.Response:
        body = {"marketplaceId": US, "packageDetail": parcel or self.parcel(order_id)}
        return self.call("confirmShipment", order_id, body=body)


def _address(operation: str, path: tuple[str, ...]) -> tuple[str, str]:

    for method, pattern, name in ROUTES:
        if name == operation:
            parts = iter(path)
            return method, "/" + "/".join(
                quote(next(parts), safe="") if segment == "*" else segment for segment in pattern
            )
    raise AssertionError(operation)


@contextmanager
def running(**options: Any) -> Iterator[tuple[AmazonSimulator, Seller, ManualClock]]:
    """A started simulator with plenty of rate and a long-lived token, a seller who is logged in,
    and their clock."""
    clock = ManualClock(START)
    simulator = AmazonSimulator(
        clock=clock, **{"seed": 7, "rate_scale": 1e6, "token_seconds": 10**6, **options}
    )
    simulator.start()
    seller = Seller(simulator, clock)
    try:
        seller.log_in(refresh_token=options.get("refresh_token", REFRESH_TOKEN))
        yield simulator, seller, clock
    finally:
        seller.http.close()
        simulator.stop()


def ago(**span: float) -> str:
    return (START - timedelta(**span)).isoformat().replace("+00:00", "Z")


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
