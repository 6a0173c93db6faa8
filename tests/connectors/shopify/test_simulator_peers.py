"""Others use the simulator: Shopify's own app package, and many threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import shopify_app

from tests.connectors.shopify.simulator_rig import Caller, running, sold


class _ToLoopback(httpx.BaseTransport):
    """Sends what is meant for https://demo.myshopify.com to the simulator."""

    def __init__(self, base: str) -> None:
        self._base = httpx.URL(base)
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == "demo.myshopify.com"
        request.url = request.url.copy_with(
            scheme="http", host=self._base.host, port=self._base.port
        )
        return self._inner.handle_request(request)


def test_shopifys_own_app_package_gets_a_token_and_reads_the_shop() -> None:
    with running(static_token=None) as caller:
        client = httpx.Client(transport=_ToLoopback(caller.simulator.url))
        app = {"client_id": "simulated-client", "client_secret": "simulated-secret"}

        exchange = shopify_app.exchange_using_client_credentials("demo", app, http_client=client)
        assert exchange.ok, exchange.log
        result = shopify_app.admin_graphql_request(
            "{ shop { myshopifyDomain } }",
            shop="demo",
            access_token=exchange.access_token.token,
            api_version="2026-10",
            http_client=client,
        )

        assert result.ok, result.log
        assert result.data == {"shop": {"myshopifyDomain": "demo.myshopify.com"}}
        assert result.extensions["cost"]["requestedQueryCost"] == 1


def test_shopifys_own_app_package_understands_a_refusal() -> None:
    with running(static_token=None) as caller:
        client = httpx.Client(transport=_ToLoopback(caller.simulator.url))
        app = {"client_id": "simulated-client", "client_secret": "wrong"}

        exchange = shopify_app.exchange_using_client_credentials("demo", app, http_client=client)

        assert not exchange.ok
        assert exchange.log.code == "invalid_client"


def _buy_and_ship(caller: Caller, number: int) -> str:
    """One order of one unit, shipped twice: the second try must be refused. "" when sold out."""
    try:
        order = sold(caller, ("MUG", 1))
    except ValueError:
        return ""
    part = order["fulfillment_orders"][0]["id"]
    with httpx.Client(base_url=caller.simulator.url, timeout=30) as http:
        mine = Caller(caller.simulator, http, caller.clock)
        first, second = mine.fulfill(part, number=f"1Z{number}"), mine.fulfill(part)
    assert first["userErrors"] == []
    assert second["fulfillment"] is None
    return str(order["id"])


def test_eight_threads_at_once_leave_consistent_books() -> None:
    with running(bucket=(20_000, 1000)) as caller:
        caller.simulator.add_location("East")
        caller.simulator.add_product("MUG", quantities={"East": 60})

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda number: _buy_and_ship(caller, number), range(80)))

        books = caller.simulator.books()
        placed = [order for order in made if order]
        assert len(placed) == len(set(placed)) == books["counts"]["orders"] == 60
        assert books["counts"]["sold_out_refusals"] == 20
        assert set(books["fulfillments_by_order"].values()) == {1}
        assert books["writes"] == {"Fulfill": 60}
        (level,) = books["quantities"]
        assert (level["available"], level["committed"], level["on_hand"]) == (0, 0, 0)
        numbers = [entry.number for entry in caller.simulator.log.entries()]
        assert numbers == list(range(1, 121))
