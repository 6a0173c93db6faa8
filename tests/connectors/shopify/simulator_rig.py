"""A running simulated shop, and a bare caller that knows nothing of our client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from connectors.shopify.simulator import ShopifySimulator
from connectors.shopify.simulator.state import Location, Variant
from jobs.clock import ManualClock

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = "shpat_test"
REFERENCE = Path(__file__).parents[3] / ".." / "shared" / "reference" / "shopify"

FULFILLMENT_ORDERS = """query Parts($id: ID!) { order(id: $id) {
  displayFulfillmentStatus updatedAt cancelledAt displayFinancialStatus closed
  fulfillmentOrders(first: 20) { nodes {
    id status requestStatus supportedActions { action } assignedLocation { location { id } }
    fulfillmentHolds { id reason }
    lineItems(first: 20) { nodes { id sku totalQuantity remainingQuantity } }
  } }
} }"""
FULFILL = """mutation Fulfill($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id name status displayStatus trackingInfo { company number } }
    userErrors { field message }
  }
}"""
LEVEL = """query Level($item: ID!, $location: ID!) { inventoryItem(id: $item) {
  inventoryLevel(locationId: $location) { id quantities(names: [
    "available", "on_hand", "committed", "reserved", "incoming", "damaged", "safety_stock",
    "quality_control"
  ]) { name quantity } }
} }"""


@dataclass
class Caller:
    """Sends GraphQL over HTTP and hands back what came."""

    simulator: ShopifySimulator
    http: httpx.Client
    clock: ManualClock

    def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        version: str = "2026-10",
        token: str = TOKEN,
    ) -> httpx.Response:
        body = {"query": query, "variables": variables or {}, "operationName": name}
        return self.http.post(
            f"/admin/api/{version}/graphql.json",
            json=body,
            headers={"X-Shopify-Access-Token": token},
        )

    def ask(self, query: str, variables: dict[str, Any] | None = None, **kw: Any) -> dict[str, Any]:
        """The whole answer, errors and all."""
        answer: dict[str, Any] = self.post(query, variables, **kw).json()
        return answer

    def data(self, query: str, variables: dict[str, Any] | None = None, **kw: Any) -> Any:
        """The data of an answer that must have no errors."""
        answer = self.ask(query, variables, **kw)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def order(self, identity: str) -> dict[str, Any]:
        """Status fields and fulfillment orders."""
        found: dict[str, Any] = self.data(FULFILLMENT_ORDERS, {"id": identity})["order"]
        return found

    def parts(self, identity: str) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self.order(identity)["fulfillmentOrders"]["nodes"]
        return nodes

    def quantities(self, variant: Variant, location: Location) -> dict[str, int]:
        ids = {"item": variant.inventory_item.id, "location": location.id}
        level = self.data(LEVEL, ids)["inventoryItem"]["inventoryLevel"]
        return {row["name"]: row["quantity"] for row in level["quantities"]}

    def fulfill(
        self, *parts: str, lines: Sequence[dict[str, Any]] | None = None, number: str = "1Z999"
    ) -> dict[str, Any]:
        """fulfillmentCreate of whole fulfillment orders, or of `lines` of the only one."""
        groups: list[dict[str, Any]] = [{"fulfillmentOrderId": part} for part in parts]
        if lines is not None:
            groups[0]["fulfillmentOrderLineItems"] = list(lines)
        tracking = {"company": "UPS", "number": number}
        wish = {"lineItemsByFulfillmentOrder": groups, "trackingInfo": tracking}
        payload: dict[str, Any] = self.data(FULFILL, {"fulfillment": wish})["fulfillmentCreate"]
        return payload


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Caller]:
    """A shop with a static token; options as ShopifySimulator."""
    clock = ManualClock(START)
    simulator = ShopifySimulator(clock=clock, seed=7, **{"static_token": TOKEN, **options})
    simulator.start()
    try:
        with httpx.Client(base_url=simulator.url, timeout=10) as http:
            yield Caller(simulator, http, clock)
    finally:
        simulator.stop()


def sold(caller: Caller, *lines: tuple[str, int], **spec: Any) -> dict[str, Any]:
    """A buyer orders: (sku, quantity) per line."""
    rows = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    return caller.simulator.place_order({"lines": rows, **spec})
