"""One Shopify shop: orders, returns and listings in, quantities, shipments and refunds out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import shopify

from connectors.http import Http
from connectors.shopify import census, documents, mapping, webhooks
from connectors.shopify.bulk import MOST_LINES, BulkMutations
from connectors.shopify.cancellations import REASONS, Cancellations
from connectors.shopify.client import FIRST_RATE, Client
from connectors.shopify.offers import Offers
from connectors.shopify.refunds import Refunds
from connectors.shopify.reservations import REPLAY, Reservations
from connectors.shopify.return_steps import DECLINE_REASONS, ReturnSteps
from connectors.shopify.returns import ReturnReader
from connectors.shopify.settings import Settings
from connectors.shopify.shipments import Shipments
from connectors.shopify.stock import StockReader
from connectors.shopify.walks import ListingReader, Margins, OrderReader, Walk
from core.errors import Unauthorized
from core.model.catalog import Listing, OfferChange, OfferReading, OfferResult
from core.model.fulfillment import Shipment
from core.model.orders import Cancellation, Order
from core.model.reservations import ReservationMove
from core.model.returns import (
    Refund,
    RefundQuote,
    RefundRequest,
    Return,
    ReturnMove,
    ReturnStatus,
)
from core.model.stock import StockSnapshot
from core.ports import (
    Batch,
    BulkOfferTarget,
    BulkProgress,
    CancellationTarget,
    CheckReport,
    Cursor,
    HintSource,
    Inside,
    Key,
    Landed,
    Listed,
    ListingSource,
    OrderCensus,
    OrderCount,
    OrderSource,
    RefundTarget,
    RemoteRef,
    ReservationTarget,
    ReturnSource,
    ReturnTarget,
    Right,
    ShelfSource,
    ShipmentTarget,
    StockSource,
)

#: Scopes, and what stops without each.
SCOPES = (
    ("read_orders", "orders cannot be read"),
    ("write_orders", "orders cannot be canceled or paid back"),
    ("read_all_orders", "orders older than 60 days cannot be seen"),
    ("read_products", "listings cannot be read"),
    ("read_inventory", "quantities shown cannot be read"),
    ("write_inventory", "quantities cannot be written"),
    ("read_locations", "locations cannot be listed"),
    ("read_merchant_managed_fulfillment_orders", "it cannot be seen which lines wait where"),
    ("write_merchant_managed_fulfillment_orders", "shipments cannot be confirmed"),
    (
        "read_third_party_fulfillment_orders",
        "lines another service ships cannot be told from ours",
    ),
)
#: The same, where returns are used.
RETURN_SCOPES = (
    ("read_returns", "returns cannot be read"),
    ("write_returns", "returns cannot be settled"),
)
#: The same, where disputes are read.
DISPUTE_SCOPES = (("read_shopify_payments_disputes", "chargebacks cannot be read"),)


class Shopify(
    OrderSource,
    OrderCensus,
    OrderCount,
    HintSource,
    ListingSource,
    BulkOfferTarget,
    ShelfSource,
    ShipmentTarget,
    StockSource,
    ReservationTarget,
    CancellationTarget,
    ReturnSource,
    ReturnTarget,
    RefundTarget,
):
    """The capabilities of one shop. Makes no call before a method is used."""

    def __init__(self, name: str, settings: Settings, inside: Inside) -> None:
        self.name = name
        self._settings = settings
        self._clock = inside.clock
        self._client = Client(name, settings, inside)
        margins = Margins(
            overlap=timedelta(seconds=settings.overlap),
            index_lag=timedelta(seconds=settings.index_lag),
        )
        self._order_reader = OrderReader(self._client, channel=name)
        self._orders = Walk(
            self._client,
            document=documents.ORDERS,
            root="orders",
            page_size=settings.page_size,
            clock=inside.clock,
            margins=margins,
            read=self._order_reader.page,
            ids=documents.ORDER_IDS,
            one=documents.ORDER,
        )
        self._listings = Walk(
            self._client,
            document=documents.PRODUCTS,
            root="products",
            page_size=settings.page_size,
            clock=inside.clock,
            margins=margins,
            read=ListingReader(self._client, channel=name).page,
        )
        self._returns = Walk(
            self._client,
            document=documents.RETURNS,
            root="orders",
            page_size=settings.page_size,
            clock=inside.clock,
            margins=margins,
            read=ReturnReader(self._client, channel=name, disputes=settings.disputes).page,
            more={"returns": settings.returns},
        )
        self._refunds = Refunds(
            self._client,
            name=name,
            notify_customer=settings.notify_customer,
            returns=settings.returns,
        )
        self._return_steps = ReturnSteps(
            self._client, name=name, notify_customer=settings.notify_customer
        )
        self._offers = Offers(self._client, clock=inside.clock)
        self._stock = StockReader(
            self._client, name=name, clock=inside.clock, overlap=margins.overlap
        )
        self._reservations = Reservations(self._client, name=name)
        self._http = Http(connector=name, clock=inside.clock)
        self._bulk = BulkMutations(name, self._client, self._http)
        self._cancellations = Cancellations(name, self._client)
        self._shipments = Shipments(
            self._client, name=name, notify_customer=settings.notify_customer
        )

    def close(self) -> None:
        self._client.close()
        self._http.close()

    # --- pulls

    def pull_orders(self, *, since: Cursor | None) -> Iterator[Batch[Order]]:
        return self._orders.batches(since)

    def get_order(self, remote_id: str) -> Batch[Order]:
        """One order now, by its number or its gid. The batch's cursor is empty: this is no walk."""
        data = self._client.read(documents.ORDER, {"id": mapping.order_gid(remote_id)})
        nodes = [data["order"]] if data["order"] is not None else []
        read = self._order_reader.page(data, nodes, frozenset())
        return Batch(read.items, "", read.rejects, read.raw)

    # --- hints

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(webhooks.TOPICS)

    def hinted(self, headers: Mapping[str, str], body: bytes) -> frozenset[str]:
        """See ports.HintSource: signed with the app's secret, and about this shop."""
        known = [*self._settings.webhook_secrets]
        if self._settings.client_secret is not None:
            known.append(self._settings.client_secret)
        signature = headers.get("x-shopify-hmac-sha256", "")
        signed = webhooks.is_signed(body, signature, [one.get_secret_value() for one in known])
        if not signed or headers.get("x-shopify-shop-domain", "").lower() != self._settings.shop:
            raise Unauthorized(
                "a webhook that this shop did not sign", connector=self.name, operation="webhook"
            )
        return webhooks.flows(headers.get("x-shopify-topic", ""))

    def list_orders(self, *, since: Cursor | None, first: datetime) -> Iterator[Batch[Listed]]:
        """See ports.OrderCensus."""
        return census.list_orders(self._client, clock=self._clock, since=since, first=first)

    def count_orders(self, *, first: datetime, until: datetime) -> int | None:
        """See ports.OrderCount."""
        return census.count_orders(self._client, first=first, until=until)

    def pull_listings(self, *, since: Cursor | None) -> Iterator[Batch[Listing]]:
        return self._listings.batches(since)

    # --- stock of locations that Shopify counts

    def pull_stock(
        self, *, since: Cursor | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        """`available` at these locations (gids): all of it daily, in between what changed."""
        return self._stock.batches(since, places)

    def reservation_document(self, move: ReservationMove) -> bytes:
        return self._reservations.document(move)

    def push_reservation(self, document: bytes, *, attempt: str) -> RemoteRef:
        return self._reservations.push(document, attempt=attempt)

    def find_reservation(self, document: bytes, *, sent_at: datetime) -> Landed:
        return self._reservations.find(document, sent_at=sent_at)

    @property
    def reservation_replay(self) -> timedelta:
        return REPLAY

    # --- quantities

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        """Active locations of the shop's own; those of fulfillment services keep their own numbers."""
        found: list[tuple[str, str]] = []
        after: str | None = None
        while True:
            page = self._client.read(documents.LOCATIONS, {"after": after})["locations"]
            found += [(node["id"], node["name"]) for node in page["nodes"] if node["isActive"]]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    @property
    def compare_and_set(self) -> bool:
        return True

    @property
    def order_lag(self) -> float:
        return self._settings.index_lag

    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        return self._offers.read(changes)

    @property
    def offers_per_second(self) -> float:
        """A query of MOST items costs what one costs; the bucket's rate is the standard plan's."""
        return FIRST_RATE / documents.INVENTORY_LEVELS.cost * documents.MOST

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        return self._offers.push(changes, attempt=attempt)

    # --- quantities in bulk

    @property
    def bulk_most(self) -> int:
        return MOST_LINES

    def stage_bulk(self, changes: Sequence[OfferChange], *, key: Key) -> str:
        return self._bulk.stage(changes, key=key)

    def submit_bulk(self, staged: str, *, key: Key) -> RemoteRef:
        return self._bulk.submit(staged, key=key)

    def find_bulk(
        self, *, key: Key, since: datetime, known: Collection[RemoteRef]
    ) -> RemoteRef | None:
        """By the key, which is part of what runs there."""
        return self._bulk.find(key=key, since=since)

    def look_at_bulk(self, ref: RemoteRef) -> BulkProgress:
        return self._bulk.look(ref)

    def cancel_bulk(self, ref: RemoteRef) -> None:
        self._bulk.cancel(ref)

    def bulk_results(self, ref: RemoteRef, changes: Sequence[OfferChange]) -> Sequence[OfferResult]:
        return self._bulk.results(ref, changes)

    # --- shipments

    def push_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef:
        """Confirm a parcel; several fulfillments' gids are joined by commas.

        Shopify knows no key here: the order's own state tells what was pushed before.
        """
        return self._shipments.push(shipment)

    def find_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef | None:
        return self._shipments.find(shipment)

    @property
    def shipment_repeat_is_edit(self) -> bool:
        return False

    # --- cancellations

    @property
    def cancels_lines(self) -> bool:
        """By a refund of all their units (refundCreate, restockType CANCEL)."""
        return True

    @property
    def cancels_units(self) -> bool:
        """The same, of as many units as the refund's lines say."""
        return True

    def push_cancellation(self, cancellation: Cancellation, *, key: Key) -> RemoteRef:
        if cancellation.whole:
            return self._cancellations.push(cancellation.order, cancellation.reason)
        return self._refunds.cancel_units(cancellation, note=REASONS[cancellation.reason], key=key)

    def find_cancellation(self, cancellation: Cancellation, *, key: Key) -> bool:
        if cancellation.whole:
            return self._cancellations.find(cancellation.order)
        return self._refunds.units_ended(cancellation, key=key)

    # --- what comes back, and what is paid back

    def pull_returns(self, *, since: Cursor | None) -> Iterator[Batch[Return | Refund]]:
        """Refunds, and returns where the settings say that they are used."""
        return self._returns.batches(since)

    @property
    def decline_reasons(self) -> Sequence[str]:
        return DECLINE_REASONS

    def push_return_step(self, move: ReturnMove, *, key: Key) -> RemoteRef:
        return self._return_steps.push(move)

    def find_return_status(self, remote_id: str) -> ReturnStatus:
        return self._return_steps.status(remote_id)

    def quote_refund(
        self, order: str, units: Mapping[str, int], *, return_remote_id: str
    ) -> RefundQuote:
        return self._refunds.quote(order, units, return_id=return_remote_id)

    def push_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef:
        return self._refunds.push(refund, key=key)

    def find_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef | None:
        return self._refunds.find(refund, key=key)

    # --- check

    def check(self) -> CheckReport:
        """Shop, plan, currency, versions, scopes, token. Raises Unauthorized, Unavailable."""
        data = self._client.read(documents.SHOP, {})
        shop = data["shop"]
        scopes = [scope["handle"] for scope in data["currentAppInstallation"]["accessScopes"]]
        return CheckReport(
            name=shop["name"],
            facts=self._facts(shop),
            rights=_rights(scopes, self._scopes()),
            problems=tuple(self._problems(shop)),
        )

    def _scopes(self) -> tuple[tuple[str, str], ...]:
        """What it needs of what this shop's settings use."""
        returns = RETURN_SCOPES if self._settings.returns else ()
        disputes = DISPUTE_SCOPES if self._settings.disputes else ()
        return (*SCOPES, *returns, *disputes)

    def _facts(self, shop: dict[str, object]) -> tuple[tuple[str, str], ...]:
        plan = shop["plan"]
        assert isinstance(plan, dict)
        expires_at = self._client.token_expires_at()
        return (
            ("shop", str(shop["myshopifyDomain"])),
            ("plan", str(plan["publicDisplayName"])),
            ("currency", str(shop["currencyCode"])),
            ("time zone", str(shop["ianaTimezone"])),
            ("API version", self._client.answered_version or self._settings.api_version),
            (
                "access token",
                f"renewed before {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "static",
            ),
        )

    def _problems(self, shop: dict[str, object]) -> Iterator[str]:
        asked, answered = self._settings.api_version, self._client.answered_version
        if answered and answered != asked:
            yield f"asked for API version {asked}, answered by {answered}"
        if shop["myshopifyDomain"] != self._settings.shop:
            yield f"configured as {self._settings.shop}, answered by {shop['myshopifyDomain']}"


def _rights(scopes: Sequence[str], needed: Sequence[tuple[str, str]]) -> tuple[Right, ...]:
    # The library knows that a write scope includes its read scope, and refuses to hold scopes of
    # another form (customer_read_orders).
    granted = shopify.ApiAccess([one for one in scopes if shopify.ApiAccess.SCOPE_RE.match(one)])
    return tuple(
        Right(name, granted.covers(shopify.ApiAccess(name)), loss) for name, loss in needed
    )


def connect(name: str, settings: Settings, inside: Inside) -> Shopify:
    """The connector for one configured shop. Makes no call."""
    return Shopify(name, settings, inside)
