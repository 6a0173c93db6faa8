"""Amazon as a connection: what its capabilities do, call by call."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from connectors.amazon import census, checks, listings, mapping
from connectors.amazon.cancellations import Cancellations
from connectors.amazon.client import NotThere, SellingPartner
from connectors.amazon.feed_calls import FeedCalls
from connectors.amazon.feeds import MOST_MESSAGES, Feeds
from connectors.amazon.fields import Unreadable
from connectors.amazon.finances import Finances
from connectors.amazon.inbound import FbaInbound
from connectors.amazon.operations import (
    CONFIRM_SHIPMENT,
    GET_LISTINGS_ITEM,
    GET_ORDER,
    PATCH_LISTINGS_ITEM,
)
from connectors.amazon.order_feeds import OrderFeeds
from connectors.amazon.order_walk import OrderReader
from connectors.amazon.outbound import FbaOutbound
from connectors.amazon.queue import Queue
from connectors.amazon.refunds import Refunds
from connectors.amazon.reports import LISTINGS, Reports
from connectors.amazon.returns import ReturnWalker
from connectors.amazon.settings import Settings
from connectors.amazon.stock import FbaStock
from connectors.amazon.walks import ReportWalk
from core.errors import (
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.model.catalog import Listing, OfferChange, OfferOutcome, OfferReading, OfferResult
from core.model.fulfillment import Shipment, ShipRequest
from core.model.inbound import InboundReport
from core.model.orders import Cancellation, Order
from core.model.returns import Refund, RefundQuote, RefundRequest, Return
from core.model.stock import StockSnapshot
from core.ports import (
    AskedFor,
    Batch,
    BulkOfferTarget,
    BulkProgress,
    CancellationTarget,
    CheckReport,
    Cursor,
    Hint,
    HintQueue,
    InboundSource,
    Inside,
    Key,
    Listed,
    ListingSource,
    OrderCensus,
    OrderSource,
    RefundTarget,
    Reject,
    RemoteRef,
    RequestService,
    RequestStatus,
    ReturnSource,
    ShelfReport,
    ShelfSource,
    ShipmentTarget,
    StockSource,
    SubmissionTarget,
    Told,
)

#: Listings saved in one transaction.
LISTINGS_PER_BATCH = 5000
#: Unknown outcomes in a row after which a push stops trying: each may cost a whole time-out.
UNKNOWNS_IN_A_ROW = 3
#: Seconds until searchOrders shows a new order: its 2-minute rule, and 3 minutes are typical
#: (selling-partner-api-docs issue #2131).
ORDER_LAG = 180.0
#: Feeds take "several minutes" (Amazon-SP-API-CSharp issue #928); one that is still not over after
#: this is waited for all the same, as getFeeds shows it.
FEED_SETTLE = timedelta(minutes=10)
FEED_LOOK = timedelta(minutes=1)


def connect(name: str, settings: Settings, inside: Inside) -> Amazon:
    """Build the connector. Makes no call."""
    return Amazon(name, settings, inside)


class Amazon(
    OrderSource,
    OrderCensus,
    HintQueue,
    ListingSource,
    BulkOfferTarget,
    ShelfSource,
    ShelfReport,
    ShipmentTarget,
    CancellationTarget,
    SubmissionTarget,
    ReturnSource,
    RefundTarget,
    StockSource,
    InboundSource,
    RequestService,
):
    """One marketplace of one seller account."""

    def __init__(self, name: str, settings: Settings, inside: Inside) -> None:
        self.name = name
        self._settings = settings
        self._clock = inside.clock
        self._amazon = SellingPartner(name, settings, inside)
        queue = settings.orders_queue
        self._queue = None if queue is None else Queue(name, settings, queue)
        calls = FeedCalls(name, self._amazon, settings)
        self._feeds = Feeds(self._amazon, settings, calls)
        self._order_feeds = OrderFeeds(settings, calls)
        self._cancellations = Cancellations(name, self._amazon, self._order_feeds)
        self._reports = Reports(name, self._amazon, settings, clock=inside.clock)
        finances = Finances(name, self._amazon, settings)
        self._refunds = Refunds(name, self._amazon, self._order_feeds, finances)
        self._returns = ReturnWalker(
            name, self._reports, finances, self._refunds, clock=inside.clock
        )
        self._orders = OrderReader(name, self._amazon, settings, clock=inside.clock)
        self._stock = FbaStock(self._amazon, settings, name=name, clock=inside.clock)
        self._inbound = FbaInbound(self._amazon, settings, name=name, clock=inside.clock)
        self._outbound = FbaOutbound(self._amazon, settings, name=name, clock=inside.clock)

    def close(self) -> None:
        self._amazon.close()
        if self._queue is not None:
            self._queue.close()

    def check(self) -> CheckReport:
        """Ask for one page of orders and one listing; write nothing."""
        return checks.report(self._amazon, self._settings, now=self._clock.now())

    # Orders

    def pull_orders(self, *, since: Cursor | None) -> Iterator[Batch[Order]]:
        return self._orders.pull(since=since)

    def get_order(self, remote_id: str) -> Batch[Order]:
        return self._orders.get(remote_id)

    def list_orders(self, *, since: Cursor | None, first: datetime) -> Iterator[Batch[Listed]]:
        """See ports.OrderCensus: by report, which does not go through the search that pulls use."""
        return census.list_orders(
            self._reports, marketplace=self._settings.marketplace_id, since=since, first=first
        )

    @property
    def has_queue(self) -> bool:
        return self._queue is not None

    def read_hints(self) -> Sequence[Hint]:
        assert self._queue is not None, "only where a queue is configured"
        return self._queue.read()

    def forget_hints(self, hints: Sequence[Hint]) -> None:
        assert self._queue is not None, "only where a queue is configured"
        self._queue.forget(hints)

    # Listings

    def pull_listings(self, *, since: Cursor | None) -> Iterator[Batch[Listing]]:
        """All listings by report. A report takes minutes: a run asks for it, later ones look.

        A run that finds it not ready ends with an empty batch whose cursor holds the report's id.
        """
        ready = yield from self._reports.with_data(since, LISTINGS)
        if ready is not None:
            yield from self._listings_of(*ready)

    def get_listing(self, sku: str) -> Batch[Listing]:
        """Read one listing (getListingsItem): 0 or 1 items, or a reject."""
        item = self._item(sku, "summaries,offers,fulfillmentAvailability")
        if item is None:
            return Batch((), cursor="")
        raw = json.dumps(item, ensure_ascii=False)
        try:
            listing = listings.listing_from_item(
                item, channel=self.name, marketplace=self._settings.marketplace_id
            )
        except Unreadable as error:
            return Batch((), "", (Reject("listing", sku, str(error), raw),))
        return Batch((listing,), "", raw=((listing.remote_id, raw),))

    def _listings_of(self, walk: ReportWalk, found: dict[str, Any]) -> Iterator[Batch[Listing]]:
        """The report's rows in batches; those saved by an earlier run are passed over."""
        rows = self._reports.rows(found)
        try:
            read = self._read_rows(rows)
            first = list(islice(read, walk.rows, walk.rows + LISTINGS_PER_BATCH))
        except Unreadable as error:
            yield Batch((), ReportWalk().cursor)
            raise self._reports.misread(error, LISTINGS) from None
        done = walk.rows
        while True:
            rest = list(islice(read, LISTINGS_PER_BATCH)) if first else []
            done += len(first)
            last = not rest
            cursor = ReportWalk() if last else replace(walk, rows=done)
            yield _batch(first, cursor.cursor, complete_to=walk.asked_at if last else None)
            if last:
                return
            first = rest

    def _read_rows(
        self, rows: Iterator[tuple[str, dict[str, str]]]
    ) -> Iterator[tuple[str, Listing | Reject]]:
        """Each row as (raw, listing) or (raw, reject). A SKU that comes twice is read once."""
        seen: set[str] = set()
        for number, (raw, row) in enumerate(rows, start=2):
            try:
                listing = listings.listing_from_row(
                    row, channel=self.name, marketplace=self._settings.marketplace_id
                )
                if listing.remote_id in seen:
                    raise Unreadable("its seller-sku came in an earlier row already")
            except Unreadable as error:
                name = row.get("seller-sku", "").strip() or f"line {number} of the report"
                yield raw, Reject("listing", name, str(error), raw)
            else:
                seen.add(listing.remote_id)
                yield raw, listing

    # Stock in Amazon's warehouses

    def pull_stock(
        self, *, since: Cursor | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        """FBA units of this marketplace, all of them each time; `since` is not needed."""
        return self._stock.pull()

    def pull_inbound(self, *, since: Cursor | None) -> Iterator[Batch[InboundReport]]:
        """Shipments to FBA: the open ones each time, others that changed since the last whole pull."""
        return self._inbound.pull(since=since)

    # Offers

    @property
    def compare_and_set(self) -> bool:
        """No: a patch overwrites whatever is there."""
        return False

    @property
    def order_lag(self) -> float:
        return ORDER_LAG

    @property
    def longest_handling(self) -> int:
        return listings.LONGEST_HANDLING

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        """None: Amazon keeps one number per listing."""
        return ()

    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        """What is shown now, one call each; None for a listing that is gone."""
        readings = []
        for change in changes:
            # Attributes are long; they are asked for only where their handling time is ours.
            more = "" if change.handling_days is None else ",attributes"
            item = self._item(change.key.remote_id, f"fulfillmentAvailability{more}")
            quantity = listings.shown_quantity(item) if item is not None else None
            handling = listings.stated_handling(item) if item is not None else None
            readings.append(OfferReading(change.key, quantity, self._clock.now(), handling))
        return readings

    @property
    def offers_per_second(self) -> float:
        """getListingsItem reads one listing."""
        return GET_LISTINGS_ITEM.rate

    def pull_shown(self, *, since: Cursor | None) -> Iterator[Batch[OfferReading]]:
        """By a listings report of its own."""
        return self._reports.shown(since)

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        """Patch quantities one by one. ACCEPTED is `sent`: only a reading makes it `shown`.

        A patch has no room for a key, so `attempt` is not used: a repeat writes the same number. Once anything was tried, trouble with the connection makes
        the rest LATER, so that what was tried is told; before that it is raised.
        """
        results: list[OfferResult] = []
        unknowns = 0
        for change in changes:
            if unknowns >= UNKNOWNS_IN_A_ROW:
                break
            try:
                result = self._patch(change)
            except UnknownOutcome as error:
                result = OfferResult(change.key, OfferOutcome.UNKNOWN, message=str(error))
            except (RateLimited, Unauthorized, Unavailable):
                if not results:
                    raise
                break
            results.append(result)
            unknowns = unknowns + 1 if result.outcome is OfferOutcome.UNKNOWN else 0
        later = (OfferResult(c.key, OfferOutcome.LATER) for c in changes[len(results) :])
        return [*results, *later]

    def _patch(self, change: OfferChange) -> OfferResult:
        if listings.amazon_fulfills(change):
            return listings.left_to_amazon(change)
        try:
            answer = self._amazon.call(
                PATCH_LISTINGS_ITEM,
                self._settings.seller_id,
                change.key.remote_id,
                query={"marketplaceIds": self._settings.marketplace_id},
                body=listings.quantity_patch(change),
            )
        except Rejected as error:
            return OfferResult(
                change.key, OfferOutcome.REFUSED, code=error.code, message=error.args[0]
            )
        return listings.result_of(answer, change)

    def _item(self, sku: str, parts: str) -> dict[str, Any] | None:
        """None where there is no such listing (any more)."""
        try:
            return self._amazon.call(
                GET_LISTINGS_ITEM,
                self._settings.seller_id,
                sku,
                query={"marketplaceIds": self._settings.marketplace_id, "includedData": parts},
            )
        except NotThere:
            return None

    # Offers by feed

    @property
    def bulk_most(self) -> int:
        return MOST_MESSAGES

    def stage_bulk(self, changes: Sequence[OfferChange], *, key: Key) -> str:
        """The id of the feed's document. What Amazon fulfills has no place in `changes`."""
        return self._feeds.stage(changes)

    def submit_bulk(self, staged: str, *, key: Key) -> RemoteRef:
        return self._feeds.submit(staged)

    def find_bulk(
        self, *, key: Key, since: datetime, known: Collection[RemoteRef]
    ) -> RemoteRef | None:
        return self._feeds.find(since=since, known=known)

    def look_at_bulk(self, ref: RemoteRef) -> BulkProgress:
        return self._feeds.look(ref)

    def cancel_bulk(self, ref: RemoteRef) -> None:
        self._feeds.cancel(ref)

    def bulk_results(self, ref: RemoteRef, changes: Sequence[OfferChange]) -> Sequence[OfferResult]:
        return self._feeds.results(ref, changes)

    # Shipments

    @property
    def shipment_repeat_is_edit(self) -> bool:
        """Yes: the same packageReferenceId again edits that package."""
        return True

    def push_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef:
        """Confirm one parcel (confirmShipment v0). The package's number in its order is its name."""
        self._amazon.call(
            CONFIRM_SHIPMENT,
            shipment.order,
            body=mapping.confirmation_of(
                shipment, marketplace=self._settings.marketplace_id, now=self._clock.now()
            ),
        )
        return str(shipment.package_number)

    def find_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef | None:
        """Look for the parcel in the order's packages. They may show it a while after the 204."""
        answer = self._amazon.call(GET_ORDER, shipment.order, query={"includedData": "PACKAGES"})
        order = answer.get("order")
        return mapping.package_reference(order, shipment) if isinstance(order, Mapping) else None

    # Cancellations, and what else leaves as an order feed

    @property
    def cancels_lines(self) -> bool:
        return self._settings.cancels_lines

    @property
    def cancels_units(self) -> bool:
        """An item of an OrderAcknowledgement has no quantity."""
        return False

    def push_cancellation(self, cancellation: Cancellation, *, key: Key) -> RemoteRef:
        """Begin a feed; nothing is canceled with it. The feed's id."""
        return self._cancellations.push(cancellation, key=key)

    def find_cancellation(self, cancellation: Cancellation, *, key: Key) -> bool:
        # No key of ours stays with what a feed did.
        return self._cancellations.find(cancellation)

    @property
    def submission_settle(self) -> timedelta:
        return FEED_SETTLE

    @property
    def look_every(self) -> timedelta:
        return FEED_LOOK

    def look_at_submission(self, ref: RemoteRef, *, key: Key) -> Told:
        return self._order_feeds.look(ref, key=key)

    def find_submissions(
        self, kind: str, *, since: datetime, known: Collection[RemoteRef]
    ) -> Sequence[RemoteRef]:
        """Order feeds of this kind's type; a feed tells nothing of its content before it failed."""
        return self._order_feeds.begun(kind, since=since, known=known)

    # Orders of other channels, shipped from Amazon's warehouses

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        return self._outbound.document(request)

    def submit_request(self, key: Key, document: bytes) -> RemoteRef:
        return self._outbound.submit(document)

    @property
    def request_settle(self) -> timedelta:
        return self._outbound.settle

    @property
    def request_repeat_is_same(self) -> bool:
        """A name is taken once; yet asking first costs little, and rests on no word of the model."""
        return False

    @property
    def can_find_requests(self) -> bool:
        return True

    def find_submitted(self, asked: AskedFor) -> RemoteRef | None:
        return self._outbound.find(asked)

    @property
    def can_cancel_requests(self) -> bool:
        return True

    def cancel_request(self, asked: AskedFor) -> bool:
        return self._outbound.cancel(asked)

    @property
    def ask_every(self) -> timedelta | None:
        return self._outbound.ask_every

    def request_status(self, asked: AskedFor) -> RequestStatus:
        return self._outbound.status(asked)

    # Returns and refunds

    def pull_returns(self, *, since: Cursor | None) -> Iterator[Batch[Return | Refund]]:
        """Two reports and Finances; nothing where `returns` is off."""
        if self._settings.returns:
            yield from self._returns.pull(self.name, since=since)

    def quote_refund(
        self, order: str, units: Mapping[str, int], *, return_remote_id: str
    ) -> RefundQuote:
        """From the order's own prices, less what Finances shows as paid back."""
        self._check_returns()
        return self._refunds.quote(order, units)

    def push_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef:
        """Begin a feed; nothing is paid with it. The feed's id. A repeat would pay again."""
        self._check_returns()
        return self._refunds.push(refund, key=key)

    def find_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef | None:
        """A payment of exactly this that Finances shows, whose id we cannot tell from our key. It may
        show one days after it was made: None proves nothing."""
        return self._refunds.find(refund)

    def _check_returns(self) -> None:
        """Raises Rejected."""
        if not self._settings.returns:
            words = "returns are off at this connection: `returns: true` switches them on"
            raise Rejected(words, connector=self.name, operation="refund", code="off")

    def _unavailable(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self.name, operation=operation)


def _batch(
    rows: Sequence[tuple[str, Listing | Reject]], cursor: Cursor, *, complete_to: datetime | None
) -> Batch[Listing]:
    found = [(raw, item) for raw, item in rows if isinstance(item, Listing)]
    return Batch(
        tuple(listing for _, listing in found),
        cursor,
        tuple(item for _, item in rows if isinstance(item, Reject)),
        tuple((listing.remote_id, json.dumps(raw, ensure_ascii=False)) for raw, listing in found),
        complete_to,
    )
