"""The simulated seller account behind one port: token endpoint, API, documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import unquote

from connectors.amazon.simulator import buyers, catalog, inbound_wish
from connectors.amazon.simulator.account import Account, Behavior, Span
from connectors.amazon.simulator.books import books
from connectors.amazon.simulator.documents import DocumentStore
from connectors.amazon.simulator.feeds import FeedsApi
from connectors.amazon.simulator.finances import FinancesApi
from connectors.amazon.simulator.inbound import InboundApi
from connectors.amazon.simulator.inbound_state import Dock
from connectors.amazon.simulator.inventory import InventoryApi
from connectors.amazon.simulator.ledger import Ledger
from connectors.amazon.simulator.listings import ListingsApi
from connectors.amazon.simulator.orders import OrdersApi
from connectors.amazon.simulator.orders_state import OrderRecord
from connectors.amazon.simulator.outbound import OutboundApi
from connectors.amazon.simulator.outbound_state import Floor, OutboundPace
from connectors.amazon.simulator.rates import TokenBuckets
from connectors.amazon.simulator.reports import ReportsApi
from connectors.amazon.simulator.sent_back import Returns
from connectors.amazon.simulator.shipments import confirm
from connectors.amazon.simulator.tokens import (
    ALL_ROLES,
    SHIPPING_PII,
    TAX_PII,
    LoginWithAmazon,
    expired,
    invalid_grant,
)
from connectors.amazon.simulator.wire import (
    HTML_BAD_REQUEST,
    ApiError,
    Parameters,
    access_denied,
    body_object,
    internal_failure,
    quota_exceeded,
)
from connectors.simulation import (
    HTTP_FAULTS,
    LOOPBACK,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

TOKEN = "token"
DOCUMENT = "document"
UNKNOWN = "unknown"
_ORDERS = "orders/2026-01-01/orders"
_LISTINGS = "listings/2021-08-01/items"
_REPORTS = "reports/2021-06-30"
_FEEDS = "feeds/2021-06-30"
_INBOUND = "fba/inbound/v0"
_OUTBOUND = "fba/outbound/2020-07-01/fulfillmentOrders"
#: Method, path ("*" is one segment), operation id of the model.
ROUTES = tuple(
    (method, tuple(path.split("/")), operation)
    for method, path, operation in (
        ("POST", "auth/o2/token", TOKEN),
        ("PUT", "documents/*", DOCUMENT),
        ("GET", "documents/*", DOCUMENT),
        ("GET", _ORDERS, "searchOrders"),
        ("GET", f"{_ORDERS}/*", "getOrder"),
        ("POST", "orders/v0/orders/*/shipmentConfirmation", "confirmShipment"),
        ("GET", f"{_LISTINGS}/*", "searchListingsItems"),
        ("GET", f"{_LISTINGS}/*/*", "getListingsItem"),
        ("PATCH", f"{_LISTINGS}/*/*", "patchListingsItem"),
        ("POST", f"{_REPORTS}/reports", "createReport"),
        ("GET", f"{_REPORTS}/reports/*", "getReport"),
        ("GET", f"{_REPORTS}/documents/*", "getReportDocument"),
        ("POST", f"{_FEEDS}/documents", "createFeedDocument"),
        ("GET", f"{_FEEDS}/documents/*", "getFeedDocument"),
        ("POST", f"{_FEEDS}/feeds", "createFeed"),
        ("GET", f"{_FEEDS}/feeds", "getFeeds"),
        ("GET", f"{_FEEDS}/feeds/*", "getFeed"),
        ("DELETE", f"{_FEEDS}/feeds/*", "cancelFeed"),
        ("GET", "fba/inventory/v1/summaries", "getInventorySummaries"),
        ("GET", f"{_INBOUND}/shipments", "getShipments"),
        ("GET", f"{_INBOUND}/shipments/*/items", "getShipmentItemsByShipmentId"),
        ("GET", f"{_INBOUND}/shipmentItems", "getShipmentItems"),
        ("POST", _OUTBOUND, "createFulfillmentOrder"),
        ("GET", f"{_OUTBOUND}/*", "getFulfillmentOrder"),
        ("PUT", f"{_OUTBOUND}/*/cancel", "cancelFulfillmentOrder"),
        ("GET", "finances/2024-06-19/transactions", "listTransactions"),
        ("GET", "sellers/v1/marketplaceParticipations", "getMarketplaceParticipations"),
    )
)


@dataclass(frozen=True, slots=True)
class _Call:
    request: Request
    parameters: Parameters
    #: the path's "*" segments, decoded: a SKU may hold a slash
    path: tuple[str, ...]
    now: datetime


class AmazonSimulator(HttpSimulator):
    """One Amazon seller account. All times are of `clock`; all chance comes from `seed`.

    Real where it hurts: lists lag behind by `snapshot_age` seconds, accepted patches come true
    after `apply_delay`, tokens expire, each operation has its token bucket (times `rate_scale`).
    `roles` opens operations; without `pii_role` buyers' names and addresses are silently missing.
    """

    kind: ClassVar[str] = "amazon"
    fault_kinds: ClassVar[Mapping[str, str]] = HTTP_FAULTS | {
        "403-expired": "403 as for an access token that has expired",
        "403-role": "403 as for an operation the application has no role for",
        "internal-failure": "500 with Amazon's InternalFailure body, the request not applied",
        "lwa-400": "operation token only: 400 invalid_grant, as for a revoked refresh token",
        "lwa-503": "operation token only: 503 with an HTML page",
    }

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        seller_id: str = "A2LOCKSTEPDEMO",
        marketplace_id: str = "ATVPDKIKX0DER",
        app_id: str = "amzn1.application-oa2-client.simulated",
        client_secret: str = "amzn1.oa2-cs.v1.simulated",
        refresh_token: str = "Atzr|simulated",
        store_name: str = "Lockstep Demo Store",
        token_seconds: int = 3600,
        rate_scale: float = 1.0,
        snapshot_age: float = 120.0,
        apply_delay: Span = (5.0, 90.0),
        confirm_delay: Span = (2.0, 30.0),
        queue_delay: Span = (5.0, 45.0),
        fba_ship_delay: Span = (3600.0, 6 * 3600.0),
        outbound: OutboundPace | None = None,
        on_ship: Callable[[str, datetime], None] | None = None,
        auto_cancel_days: int = 7,
        post_delay: Span = (60.0, 600.0),
        pii_role: bool = True,
        roles: Collection[str] = ALL_ROLES,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        behavior = Behavior(
            snapshot_age,
            apply_delay,
            confirm_delay,
            queue_delay,
            fba_ship_delay,
            auto_cancel_days,
            post_delay,
        )
        self.account = Account(
            seller_id=seller_id,
            marketplace_id=marketplace_id,
            store_name=store_name,
            behavior=behavior,
            seed=seed,
        )
        self.account.ledger = Ledger(self.account)
        self.account.returns = Returns(self.account)
        self.lwa = LoginWithAmazon(
            app_id=app_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            token_seconds=token_seconds,
            roles=(*roles, SHIPPING_PII, TAX_PII) if pii_role else roles,
            seed=seed,
        )
        self._requests = 0
        self._buckets = TokenBuckets(scale=rate_scale)
        self._documents = DocumentStore(seed=seed)
        self._orders = OrdersApi(self.account, roles=self.lwa.roles, seed=seed)
        self._listings = ListingsApi(self.account, seed=seed)
        self._reports = ReportsApi(self.account, self._documents)
        self._feeds = FeedsApi(self.account, self._documents, self._buckets)
        self._finances = FinancesApi(self.account, seed=seed)
        self.dock = Dock(self.account)
        self._inbound = InboundApi(self.account, self.dock, seed=seed)
        self._inventory = InventoryApi(self.account, self.dock, seed=seed)
        self._floor = Floor(self.account, outbound or OutboundPace(), on_ship=on_ship)
        self._outbound = OutboundApi(self.account, self._floor)

    # HTTP

    def operation(self, request: Request) -> str:
        return _route(request)[0]

    def answer(self, request: Request, operation: str) -> Response:
        now = self._catch_up()
        if operation == TOKEN:
            return self.lwa.answer(request, now=now)
        path = _route(request)[1]
        if operation == DOCUMENT:
            return self._documents.answer(request, path[0], now=now)
        if self._malformed(request):
            return Response(400, HTML_BAD_REQUEST, content_type="text/html")
        try:
            self.lwa.admit(request, operation, now=now)
            if not self._buckets.take(operation, now=now):
                raise quota_exceeded()
            call = _Call(request, Parameters(request.query), path, now)
            response = self._dispatch(operation, call)
        except ApiError as error:
            response = error.response(subject=path[-1] if path else "")
        return self._with_headers(response, operation)

    def _catch_up(self) -> datetime:
        now = self.clock.now()
        self.account.agenda.run_due(now)
        return now

    def _malformed(self, request: Request) -> bool:
        """A GET with a body or a wrong Host never reaches the API (changelog "API request
        validation for 400 errors with HTML response"; the client library cuts Host short)."""
        host = request.headers.get("host", "")
        wrong_host = host not in (f"{LOOPBACK}:{self.port}", f"localhost:{self.port}")
        return wrong_host or (request.method == "GET" and bool(request.body))

    def _with_headers(self, response: Response, operation: str) -> Response:
        self._requests += 1
        headers = {
            **response.headers,
            "x-amzn-RequestId": f"00000000-0000-4000-8000-{self._requests:012x}",
            **self._buckets.limit_header(operation, status=response.status),
        }
        return replace(response, headers=headers)

    def _dispatch(self, operation: str, call: _Call) -> Response:
        calls: dict[str, Callable[[_Call], Response]] = {
            "searchOrders": lambda c: self._orders.search(c.parameters, now=c.now),
            "getOrder": lambda c: self._orders.get(c.path[0], c.parameters, now=c.now),
            "confirmShipment": lambda c: confirm(
                self.account, c.path[0], body_object(c.request), now=c.now
            ),
            "searchListingsItems": lambda c: self._listings.search(
                c.path[0], c.parameters, now=c.now
            ),
            "getListingsItem": lambda c: self._listings.get(c.path[0], c.path[1], c.parameters),
            "patchListingsItem": lambda c: self._listings.patch(
                c.path[0], c.path[1], c.parameters, body_object(c.request), now=c.now
            ),
            "createReport": lambda c: self._reports.create(body_object(c.request), now=c.now),
            "getReport": lambda c: self._reports.get(c.path[0], now=c.now),
            "getReportDocument": lambda c: self._reports.get_document(
                c.path[0], base=self.url, now=c.now
            ),
            "createFeedDocument": lambda c: self._feeds.create_document(
                body_object(c.request), base=self.url, now=c.now
            ),
            "getFeedDocument": lambda c: self._feeds.get_document(
                c.path[0], base=self.url, now=c.now
            ),
            "createFeed": lambda c: self._feeds.create(body_object(c.request), now=c.now),
            "getFeeds": lambda c: self._feeds.search(c.parameters, now=c.now),
            "getFeed": lambda c: self._feeds.get(c.path[0], now=c.now),
            "cancelFeed": lambda c: self._feeds.cancel(c.path[0], now=c.now),
            "getInventorySummaries": lambda c: self._inventory.summaries(c.parameters, now=c.now),
            "getShipments": lambda c: self._inbound.shipments(c.parameters, now=c.now),
            "getShipmentItemsByShipmentId": lambda c: self._inbound.items_of(c.path[0], now=c.now),
            "getShipmentItems": lambda c: self._inbound.items(c.parameters, now=c.now),
            "createFulfillmentOrder": lambda c: self._outbound.create(
                body_object(c.request), now=c.now
            ),
            "getFulfillmentOrder": lambda c: self._outbound.get(c.path[0]),
            "cancelFulfillmentOrder": lambda c: self._outbound.cancel(c.path[0], now=c.now),
            "listTransactions": lambda c: self._finances.transactions(c.parameters, now=c.now),
            "getMarketplaceParticipations": lambda c: self._participations(),
        }
        known = calls.get(operation)
        if known is None:
            raise ApiError(404, "NotFound", "The simulator does not serve this operation.")
        return known(call)

    def _participations(self) -> Response:
        marketplace = {
            "id": self.account.marketplace_id,
            "countryCode": "US",
            "name": "Amazon.com",
            "defaultCurrencyCode": "USD",
            "defaultLanguageCode": "en_US",
            "domainName": "www.amazon.com",
        }
        participation = {"isParticipating": True, "hasSuspendedListings": False}
        entry = {
            "marketplace": marketplace,
            "storeName": self.account.store_name,
            "participation": participation,
        }
        return Response.json({"payload": [entry]})

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        """Amazon's own bodies; a token kind on another operation (or the reverse) does nothing."""
        if operation == TOKEN:
            return {
                "lwa-400": invalid_grant(),
                "lwa-503": Response(503, HTML_BAD_REQUEST, content_type="text/html"),
            }.get(rule.kind)
        error = {
            "429": quota_exceeded(),
            "403-expired": expired(),
            "403-role": access_denied(),
            "internal-failure": internal_failure(),
        }.get(rule.kind)
        if error is None or operation == DOCUMENT:
            return None
        return self._with_headers(error.response(), operation)

    # What buyers and others do

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """A buyer orders, cancels or asks to; another writer sets a quantity; the seller revokes.

        One of {"lines": [{"sku", "quantity"}], "fulfilled_by", "pending_for" s, "cancel_after" s,
        "hidden_for" s, "ship_by_hours", "service_level", "programs", "address"},
        {"cancel": id}, {"request_cancel": id, "skus"}, {"set_quantity": {"sku", "quantity"}},
        {"next_feed": "stuck" | "broken"}, {"free_feeds": true}: what is stuck ends;
        {"block": {"sku", "code"}}: Amazon refuses every submission for it ("" again takes them);
        {"revoke": true}, {"grant": true}. {"inbound": …}: the seller sends goods to FBA, they
        travel, Amazon counts them (`inbound_wish.fulfill`). {"lose": {"sku", "units"}}: so many
        are on no shelf of FBA; {"give_up": id}: a center cannot ship a fulfillment order, another
        one does.
        travel, Amazon counts them (`inbound_wish.fulfill`). {"send_back": …}, {"return_status": …},
        {"pay_back": …}, {"charge_back": …}: what comes back and is paid back (`sent_back.Returns.wish`).
        Returns {"id", "status"} of an order or a shipment, else {}.
        Raises ValueError: "sold out", unknown keys or SKUs, too late to cancel.
        """
        with self.lock:
            now = self._catch_up()
            match order:
                case {"cancel": str(order_id), **rest} if not rest:
                    return _receipt(buyers.cancel(self.account, order_id, now=now))
                case {"request_cancel": str(order_id), **rest} if not set(rest) - {"skus"}:
                    skus = tuple(rest.get("skus", ()))
                    return _receipt(
                        buyers.request_cancel(self.account, order_id, now=now, skus=skus)
                    )
                case {"set_quantity": {"sku": str(sku), "quantity": int(quantity)}, **rest} if not rest:  # fmt: skip
                    self.account.set_quantity(sku, quantity, now=now)
                    return {}
                case {"next_feed": str(fate), **rest} if not rest:
                    self._feeds.doom(fate)
                    return {}
                case {"free_feeds": True, **rest} if not rest:
                    self._feeds.free(now=now)
                    return {}
                case {"block": {"sku": str(sku), "code": str(code)}, **rest} if not rest:
                    self.account.block(sku, code)
                    return {}
                case {"inbound": dict(wish), **rest} if not rest:
                    return inbound_wish.fulfill(self.dock, wish, now=now)
                case {"lose": {"sku": str(sku), "units": int(units)}, **rest} if not rest:
                    self._floor.lose(sku, units)
                    return {}
                case {"give_up": str(order_id), **rest} if not rest:
                    self._floor.give_up(order_id, now=now)
                    return {}
                case {"send_back": _} | {"return_status": _} | {"pay_back": _} | {"charge_back": _}:
                    return self.account.returns.wish(order, now=now)
                case {"revoke": True, **rest} if not rest:
                    self.lwa.revoke()
                    return {}
                case {"grant": True, **rest} if not rest:
                    self.lwa.grant_again()
                    return {}
                case _:
                    return _receipt(buyers.order(self.account, order, now=now))

    def add_listing(self, sku: str, **listing: Any) -> None:
        """Keywords: asin, title, price ("19.99"), currency, quantity, channel (DEFAULT or
        AMAZON_NA), lead_time (days), product_type, condition. Raises ValueError."""
        with self.lock:
            self.account.add_listing(sku, now=self._catch_up(), **listing)

    def load_catalog(self, listings: Iterable[Mapping[str, Any]] | None = None) -> None:
        """Add many listings (keywords of `add_listing`); None: the default catalog of the seed."""
        for listing in catalog.seeded(seed=self.seed) if listings is None else listings:
            self.add_listing(**listing)

    def set_quantity(self, sku: str, quantity: int) -> None:
        """Another writer sets what is shown, at once. Raises ValueError."""
        with self.lock:
            self.account.set_quantity(sku, quantity, now=self._catch_up())

    def revoke_refresh_token(self) -> None:
        with self.lock:
            self.lwa.revoke()

    def books(self) -> dict[str, Any]:
        """See `books.books`; also "feeds" with their states, "inbound", "fulfillment_orders" and
        "tokens_issued"."""
        with self.lock:
            now = self._catch_up()
            return books(self.account, now=now) | {
                "feeds": [
                    {"id": feed.feed_id, "type": feed.feed_type, "status": feed.status(now)}
                    for feed in self._feeds.feeds.values()
                ],
                "reports": [
                    {"id": report.report_id, "status": report.status(now)}
                    for report in self._reports.reports.values()
                ],
                "inbound": self.dock.books(),
                "fulfillment_orders": self._floor.books(),
                "refunds": self.account.ledger.books(),
                "tokens_issued": self.lwa.issued,
            }


def _route(request: Request) -> tuple[str, tuple[str, ...]]:
    """The operation and the decoded "*" segments. %2F splits no segment: decoding comes after."""
    segments = tuple(request.path.strip("/").split("/"))
    for method, pattern, operation in ROUTES:
        if method == request.method and len(pattern) == len(segments):
            pairs = list(zip(pattern, segments, strict=True))
            if all(wanted in ("*", segment) for wanted, segment in pairs):
                return operation, tuple(unquote(s) for wanted, s in pairs if wanted == "*")
    return UNKNOWN, ()


def _receipt(record: OrderRecord) -> dict[str, Any]:
    order = record.now
    return {
        "id": order.order_id,
        "status": order.status.value,
        "created": order.created.isoformat(),
    }
