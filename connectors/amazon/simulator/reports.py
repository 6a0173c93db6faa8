"""Reports 2021-06-30: createReport, getReport, getReportDocument for the catalog and orders as TSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.documents import DocumentStore
from connectors.amazon.simulator.listings_state import AMAZON_NA, Listing
from connectors.amazon.simulator.orders_state import AMAZON, Order, Status
from connectors.amazon.simulator.sent_back import (
    FBA_COLUMNS,
    FBA_RETURNS,
    FBM_COLUMNS,
    FBM_RETURNS,
)
from connectors.amazon.simulator.wire import ApiError, amount, millis_text, seconds_text
from connectors.simulation import Response

ALL_LISTINGS = "GET_MERCHANT_LISTINGS_ALL_DATA"
ORDERS_PLACED = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
KINDS = (ALL_LISTINGS, ORDERS_PLACED, FBM_RETURNS, FBA_RETURNS)
#: From memory; the buyer is in none of them.
ORDER_COLUMNS = (
    "amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status",
    "fulfillment-channel", "sales-channel", "order-channel", "url", "ship-service-level",
    "product-name", "sku", "asin", "item-status", "quantity", "currency", "item-price",
)  # fmt: skip
#: Report.orderStatus as these reports spell it.
_REPORTED = {
    Status.PENDING: "Pending", Status.UNSHIPPED: "Unshipped", Status.SHIPPED: "Shipped",
    Status.PARTIALLY_SHIPPED: "Shipped", Status.CANCELLED: "Cancelled",
}  # fmt: skip
#: The US columns, from memory; they change without notice, so parse by header.
COLUMNS = (
    "item-name", "item-description", "listing-id", "seller-sku", "price", "quantity", "open-date",
    "image-url", "item-is-marketplace", "product-id-type", "zshop-shipping-fee", "item-note",
    "item-condition", "zshop-category1", "zshop-browse-path", "zshop-storefront-feature", "asin1",
    "asin2", "asin3", "will-ship-internationally", "expedited-shipping", "zshop-boldface",
    "product-id", "bid-for-featured-placement", "add-delete", "pending-quantity",
    "fulfillment-channel", "merchant-shipping-group", "status",
)  # fmt: skip


def invalid(details: str) -> ApiError:
    """The sandbox's own 400 body of the reports and feeds models."""
    return ApiError(400, "400", "Invalid input", details)


@dataclass(slots=True)
class Report:
    report_id: str
    kind: str
    created: datetime
    starts: datetime
    ends: datetime
    document_id: str = ""
    #: Amazon cancels a report without data
    empty: bool = False

    def status(self, now: datetime) -> str:
        if now < self.starts:
            return "IN_QUEUE"
        if now < self.ends:
            return "IN_PROGRESS"
        return "CANCELLED" if self.empty else "DONE"


class ReportsApi:
    def __init__(self, account: Account, documents: DocumentStore) -> None:
        self._account = account
        self._documents = documents
        self.reports: dict[str, Report] = {}

    def create(self, body: dict[str, Any], *, now: datetime) -> Response:
        kind = str(body.get("reportType"))
        if kind not in KINDS:
            raise invalid(f"the simulator makes {', '.join(KINDS)} only")
        first = _instant(body.get("dataStartTime")) or now - timedelta(days=30)
        if kind == ORDERS_PLACED and now - first > timedelta(days=31):
            raise invalid("dataStartTime: the report tells of 30 days at most")
        if kind in (FBM_RETURNS, FBA_RETURNS) and now - first > timedelta(days=61):
            raise invalid("dataStartTime: the report tells of 60 days at most")
        if self._account.marketplace_id not in places_of(body):
            raise invalid("marketplaceIds: the seller does not sell there")
        starts = now + self._account.delay(self._account.behavior.queue_delay)
        ends = starts + self._account.delay(self._account.behavior.queue_delay)
        report = Report(self._account.digits(12), kind, now, starts, ends)
        self.reports[report.report_id] = report
        # The rows are those of the start: what changes meanwhile is in the next report.
        self._account.agenda.at(starts, lambda at: self._write(report, first, at))
        return Response.json(
            {"reportId": report.report_id}, status=202, took_effect=True, subject=report.report_id
        )

    def _write(self, report: Report, first: datetime, at: datetime) -> None:
        if report.kind == ORDERS_PLACED:
            # Not through the search, so that what it hides is here.
            rows = [
                row
                for record in self._account.orders.values()
                if record.now.created >= first
                for row in _order_rows(record.now)
            ]
            content = _tsv(ORDER_COLUMNS, rows)
        elif report.kind in (FBM_RETURNS, FBA_RETURNS):
            rows = self._account.returns.rows(report.kind, first=first)
            columns = FBM_COLUMNS if report.kind == FBM_RETURNS else FBA_COLUMNS
            content = _tsv(columns, rows)
        else:
            rows = [_row(listing) for listing in self._account.listings.values()]
            content = _tsv(COLUMNS, rows)
        report.empty = not rows
        if rows:
            report.document_id = f"amzn1.spdoc.1.4.na.{self._account.uuid()}"
            # UTF-8 without saying so: clients that guess Latin-1 get mojibake.
            self._documents.put(report.document_id, content, content_type="text/plain")

    def get(self, report_id: str, *, now: datetime) -> Response:
        report = self.reports.get(report_id)
        if report is None:
            raise ApiError(404, "NotFound", f"Report {report_id} was not found.")
        status = report.status(now)
        body: dict[str, Any] = {
            "reportType": report.kind,
            "processingStatus": status,
            "reportId": report_id,
            "marketplaceIds": [self._account.marketplace_id],
            "createdTime": millis_text(report.created),
        }
        if now >= report.starts:
            body["processingStartTime"] = millis_text(report.starts)
        if now >= report.ends:
            body["processingEndTime"] = millis_text(report.ends)
        if status == "DONE":
            body["reportDocumentId"] = report.document_id
        return Response.json(body, subject=report_id)

    def get_document(self, document_id: str, *, base: str, now: datetime) -> Response:
        document = self._documents.documents.get(document_id)
        done = any(
            report.document_id == document_id and report.status(now) == "DONE"
            for report in self.reports.values()
        )
        if document is None or not done:
            raise ApiError(404, "NotFound", f"Report document {document_id} was not found.")
        body = {
            "reportDocumentId": document_id,
            "url": self._documents.url(base, document, method="GET", now=now),
            "compressionAlgorithm": "GZIP",
        }
        return Response.json(body, subject=document_id)


def places_of(body: dict[str, Any]) -> list[str]:
    """`marketplaceIds` of a report or feed: 1 to 25. Raises ApiError 400."""
    places = body.get("marketplaceIds")
    if not isinstance(places, list) or not 1 <= len(places) <= 25:
        raise invalid("marketplaceIds must have 1 to 25 values")
    return places


def _instant(words: Any) -> datetime | None:
    if words is None:
        return None
    try:
        at = datetime.fromisoformat(str(words))
    except ValueError:
        raise invalid(f"no date-time: {words}") from None
    if at.tzinfo is None:
        raise invalid(f"no date-time: {words}")
    return at


def _tsv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(name, "") for name in columns) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _order_rows(order: Order) -> list[dict[str, str]]:
    """One for each item."""
    return [
        {
            "amazon-order-id": order.order_id,
            "purchase-date": seconds_text(order.created),
            "last-updated-date": seconds_text(order.updated),
            "order-status": _REPORTED[order.status],
            "fulfillment-channel": "Amazon" if order.fulfilled_by == AMAZON else "Merchant",
            "sales-channel": "Amazon.com",
            "sku": item.sku,
            "quantity": str(item.quantity),
            "currency": "USD",
        }
        for item in order.items
    ]


def _row(listing: Listing) -> dict[str, str]:
    channel = AMAZON_NA if listing.by_amazon else "DEFAULT"
    return {
        "item-name": " ".join(listing.title.split()),
        "listing-id": f"0101{listing.asin[2:]}",
        "seller-sku": listing.sku,
        "price": amount(listing.price),
        # Amazon tells no quantity of what it keeps itself.
        "quantity": "" if listing.by_amazon else str(listing.quantity(channel)),
        # The real column is in Pacific time with a zone name.
        "open-date": f"{listing.created:%Y-%m-%d %H:%M:%S} UTC",
        "item-is-marketplace": "y",
        "product-id-type": "1",
        "item-condition": "11",
        "asin1": listing.asin,
        "product-id": listing.asin,
        "pending-quantity": "" if listing.by_amazon else "0",
        "fulfillment-channel": channel,
        "merchant-shipping-group": "Migrated Template",
        "status": "Active" if listing.buyable else "Inactive",
    }
