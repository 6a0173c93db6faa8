"""Feeds 2021-06-30: listing feeds and order feeds from upload to processing report."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator import order_feeds
from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.documents import DocumentStore
from connectors.amazon.simulator.listings import read_patches
from connectors.amazon.simulator.rates import LISTINGS_FEED, TokenBuckets
from connectors.amazon.simulator.reports import invalid, places_of
from connectors.amazon.simulator.submissions import AVAILABILITY, Patch, apply, issues_of, submit
from connectors.amazon.simulator.wire import (
    ApiError,
    Parameters,
    instant,
    millis_text,
    quota_exceeded,
)
from connectors.simulation import Response

JSON_LISTINGS = "JSON_LISTINGS_FEED"
MOST_MESSAGES = 25_000
#: Listing feeds in XML and flat files end FATAL since 2025-07-31 ("feeds best practices").
DEAD_TYPES = frozenset(
    {
        "POST_PRODUCT_DATA", "POST_INVENTORY_AVAILABILITY_DATA", "POST_PRODUCT_PRICING_DATA",
        "POST_PRODUCT_IMAGE_DATA", "POST_PRODUCT_RELATIONSHIP_DATA", "POST_FLAT_FILE_INVLOADER_DATA",
        "POST_FLAT_FILE_PRICEANDQUANTITYONLY_UPDATE_DATA", "POST_FLAT_FILE_LISTINGS_DATA",
    }
)  # fmt: skip
_OPERATIONS = ("UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE")


@dataclass(slots=True)
class Feed:
    feed_id: str
    feed_type: str
    document_id: str
    created: datetime
    starts: datetime
    ends: datetime
    canceled: bool = False
    fatal: bool = False
    result_document_id: str = ""
    #: it never ends by itself (selling-partner-api issue reports of feeds stuck IN_PROGRESS)
    stuck: bool = False
    #: it ends FATAL, whatever is in it
    broken: bool = False

    def status(self, now: datetime) -> str:
        if self.canceled:
            return "CANCELLED"
        if now < self.starts:
            return "IN_QUEUE"
        if self.stuck or now < self.ends:
            return "IN_PROGRESS"
        return "FATAL" if self.fatal else "DONE"


@dataclass(frozen=True, slots=True)
class _Search:
    """A getFeeds query, kept for its next pages."""

    types: tuple[str, ...]
    statuses: tuple[str, ...]
    since: datetime
    size: int
    offset: int


class FeedsApi:
    def __init__(self, account: Account, documents: DocumentStore, buckets: TokenBuckets) -> None:
        self._account = account
        self._documents = documents
        self._buckets = buckets
        self.feeds: dict[str, Feed] = {}
        #: "stuck", "broken": how the next feed will fare
        self.fate = ""
        self._pages: dict[str, _Search] = {}

    def doom(self, fate: str) -> None:
        """The next feed gets stuck IN_PROGRESS, or ends FATAL. Raises ValueError."""
        if fate not in ("stuck", "broken", ""):
            raise ValueError(f"a feed can be stuck or broken, not {fate!r}")
        self.fate = fate

    def free(self, *, now: datetime) -> None:
        """Feeds that are stuck go on, and end now."""
        for feed in self.feeds.values():
            if feed.stuck:
                feed.stuck, feed.ends = False, max(now, feed.ends)
                self._finish(feed, feed.ends)

    def create_document(self, body: dict[str, Any], *, base: str, now: datetime) -> Response:
        content_type = body.get("contentType")
        if not isinstance(content_type, str) or not content_type:
            raise invalid("contentType is required")
        document_id = f"amzn1.tortuga.4.na.{self._account.uuid()}"
        document = self._documents.expect(document_id, content_type=content_type)
        url = self._documents.url(base, document, method="PUT", now=now)
        body = {"feedDocumentId": document_id, "url": url}
        return Response.json(body, status=201, took_effect=True, subject=document_id)

    def create(self, body: dict[str, Any], *, now: datetime) -> Response:
        feed_type = body.get("feedType")
        if feed_type not in (JSON_LISTINGS, *order_feeds.KINDS, *DEAD_TYPES):
            alive = ", ".join((JSON_LISTINGS, *order_feeds.KINDS))
            raise invalid(f"feedType: the simulator processes {alive}")
        if self._account.marketplace_id not in places_of(body):
            raise invalid("marketplaceIds: the seller does not sell there")
        document = self._documents.documents.get(str(body.get("inputFeedDocumentId")))
        if document is None or document.content is None:
            raise invalid("inputFeedDocumentId: nothing was uploaded there")
        if feed_type == JSON_LISTINGS and not self._buckets.take(LISTINGS_FEED, now=now):
            raise quota_exceeded()
        feed = self._queue(str(feed_type), document.document_id, now=now)
        return Response.json(
            {"feedId": feed.feed_id}, status=202, took_effect=True, subject=feed.feed_id
        )

    def _queue(self, feed_type: str, document_id: str, *, now: datetime) -> Feed:
        """A feed waits for the one before it, then works, and comes true as a whole at its end."""
        behavior = self._account.behavior
        free = max((feed.ends for feed in self.feeds.values() if not feed.canceled), default=now)
        starts = max(now + self._account.delay(behavior.queue_delay), free)
        ends = starts + self._account.delay(behavior.apply_delay)
        feed = Feed(self._account.digits(12), feed_type, document_id, now, starts, ends)
        feed.stuck, feed.broken, self.fate = self.fate == "stuck", self.fate == "broken", ""
        self.feeds[feed.feed_id] = feed
        self._account.agenda.at(ends, lambda at: self._finish(feed, at))
        return feed

    def _known(self, feed_id: str) -> Feed:
        feed = self.feeds.get(feed_id)
        if feed is None:
            raise ApiError(404, "NotFound", f"Feed {feed_id} was not found.")
        return feed

    def get(self, feed_id: str, *, now: datetime) -> Response:
        return Response.json(self._shown(self._known(feed_id), now), subject=feed_id)

    def _shown(self, feed: Feed, now: datetime) -> dict[str, Any]:
        body: dict[str, Any] = {
            "feedId": feed.feed_id,
            "feedType": feed.feed_type,
            "marketplaceIds": [self._account.marketplace_id],
            "createdTime": millis_text(feed.created),
            "processingStatus": feed.status(now),
        }
        if not feed.canceled and now >= feed.starts:
            body["processingStartTime"] = millis_text(feed.starts)
        if not feed.canceled and not feed.stuck and now >= feed.ends:
            body["processingEndTime"] = millis_text(feed.ends)
        if feed.result_document_id:
            body["resultFeedDocumentId"] = feed.result_document_id
        return body

    def search(self, parameters: Parameters, *, now: datetime) -> Response:
        """getFeeds: the newest first. Kept 90 days; by default feeds of any type and state."""
        token = parameters.one("nextToken")
        if token is not None:
            # "the only parameter": everything else comes with it.
            query = self._pages.get(token)
            if query is None:
                raise invalid("nextToken is not one of ours")
        else:
            types = parameters.many("feedTypes")
            if not types:
                raise invalid("feedTypes or nextToken is required")
            since = parameters.one("createdSince")
            size = parameters.whole_number("pageSize", default=10, least=1, most=100)
            start = instant(since, name="createdSince") if since else now - timedelta(days=90)
            query = _Search(types, parameters.many("processingStatuses"), start, size, 0)
        found = [
            feed
            for feed in sorted(self.feeds.values(), key=lambda one: one.created, reverse=True)
            if feed.feed_type in query.types
            and feed.created >= query.since
            and (not query.statuses or feed.status(now) in query.statuses)
        ]
        page = found[query.offset : query.offset + query.size]
        body: dict[str, Any] = {"feeds": [self._shown(feed, now) for feed in page]}
        if len(found) > query.offset + query.size:
            body["nextToken"] = self._account.uuid()
            self._pages[body["nextToken"]] = replace(query, offset=query.offset + query.size)
        return Response.json(body)

    def cancel(self, feed_id: str, *, now: datetime) -> Response:
        feed = self._known(feed_id)
        if feed.status(now) != "IN_QUEUE":
            raise invalid("only a feed that is IN_QUEUE can be canceled")
        feed.canceled = True
        return Response.json({}, took_effect=True, subject=feed_id)

    def get_document(self, document_id: str, *, base: str, now: datetime) -> Response:
        document = self._documents.documents.get(document_id)
        if document is None or document.content is None:
            raise ApiError(404, "NotFound", f"Feed document {document_id} was not found.")
        body = {
            "feedDocumentId": document_id,
            "url": self._documents.url(base, document, method="GET", now=now),
        }
        return Response.json(
            body | ({"compressionAlgorithm": "GZIP"} if document.compressed else {}),
            subject=document_id,
        )

    # Processing

    def _finish(self, feed: Feed, at: datetime) -> None:
        if feed.canceled or feed.stuck:
            return
        if feed.feed_type in DEAD_TYPES or feed.broken:
            feed.fatal = True
            return
        whole, content, content_type = self._carry_out(feed, at)
        feed.fatal = not whole
        feed.result_document_id = f"amzn1.tortuga.4.na.{self._account.uuid()}"
        self._documents.put(feed.result_document_id, content, content_type=content_type)

    def _carry_out(self, feed: Feed, at: datetime) -> tuple[bool, bytes, str]:
        """Whether the feed could be read; its processing report and that one's type."""
        content = self._documents.documents[feed.document_id].text()
        kind = order_feeds.KINDS.get(feed.feed_type)
        if kind is not None:
            whole, told = order_feeds.process(self._account, kind, feed.feed_id, content, at)
            return whole, told, "text/xml; charset=UTF-8"
        report = _Processing(self._account, feed, at)
        whole = report.run(content)
        told = json.dumps(report.as_json(), ensure_ascii=False).encode()
        return whole, told, "application/json; charset=UTF-8"


class _Unreadable(Exception):
    """The feed as a whole cannot be read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Processing:
    """One run over a feed's messages, and the processing report of it."""

    def __init__(self, account: Account, feed: Feed, at: datetime) -> None:
        self._account = account
        self._feed = feed
        self._at = at
        self._issues: list[dict[str, Any]] = []
        self._processed = 0
        self._numbers: set[Any] = set()
        self._accepted = 0

    def run(self, content: bytes) -> bool:
        """False when the feed as a whole cannot be read."""
        try:
            messages = self._messages(content)
        except _Unreadable as trouble:
            self._note(trouble.code, str(trouble))
            return False
        for message in messages:
            # Each identifier once, or nothing could be told of it.
            number = message.get("messageId") if isinstance(message, dict) else None
            if number in self._numbers:
                self._processed += 1
                self._note("4002008", f"The messageId {number} is used more than once.")
                continue
            self._numbers.add(number)
            self._processed += 1
            self._accepted += self._take(message)
        return True

    def _messages(self, content: bytes) -> list[Any]:
        try:
            document = json.loads(content)
        except ValueError:
            raise _Unreadable("4002001", "The feed content is not valid JSON.") from None
        header = document.get("header") if isinstance(document, dict) else None
        if not isinstance(header, dict) or header.get("sellerId") != self._account.seller_id:
            raise _Unreadable("4002005", "The header attribute 'sellerId' is missing or wrong.")
        if header.get("version") != "2.0":
            raise _Unreadable("4002006", "The header attribute 'version' must be '2.0'.")
        messages = document.get("messages")
        if not isinstance(messages, list) or not 1 <= len(messages) <= MOST_MESSAGES:
            raise _Unreadable("4002008", f"'messages' must have 1 to {MOST_MESSAGES} entries.")
        return messages

    def _note(self, code: str, message: str) -> None:
        """An issue that belongs to no message."""
        self._issues.append({"code": code, "severity": "ERROR", "message": message})

    def _take(self, message: Any) -> bool:
        """Apply one message; False when it is invalid."""
        if not isinstance(message, dict) or not isinstance(message.get("messageId"), int):
            self._note("4002008", "A message has no messageId.")
            return False
        number, sku = message["messageId"], message.get("sku")
        if not isinstance(sku, str) or message.get("operationType") not in _OPERATIONS:
            return self._refuse(
                number, str(sku), "4002008", "The message does not match the schema."
            )
        listing = self._account.listings.get(sku)
        if message["operationType"] == "DELETE":
            self._account.listings.pop(sku, None)
            return True
        try:
            patches = _patches(message)
        except ApiError as error:
            return self._refuse(number, sku, "4002008", error.details)
        if listing is None:
            # As with a patch: accepted, and nothing comes of it (selling-partner-api-models#4402).
            return True
        issues = issues_of(patches, listing)
        for issue in issues:
            self._refuse(number, sku, issue.code, issue.message, attribute=issue.attribute)
        if issues:
            return False
        submit(patches, listing, now=self._at)
        apply(patches, listing, now=self._at)
        self._account.counts["feed messages applied"] += 1
        return True

    def _refuse(
        self, number: int, sku: str, code: str, message: str, *, attribute: str = AVAILABILITY
    ) -> bool:
        self._issues.append(
            {
                "messageId": number,
                "sku": sku,
                "code": code,
                "severity": "ERROR",
                "message": message,
                "attributeName": attribute,
            }
        )
        return False

    def as_json(self) -> dict[str, Any]:
        return {
            "header": {
                "sellerId": self._account.seller_id,
                "version": "2.0",
                "feedId": self._feed.feed_id,
            },
            "issues": self._issues,
            "summary": {
                "errors": len(self._issues),
                "warnings": 0,
                "messagesProcessed": self._processed,
                "messagesAccepted": self._accepted,
                "messagesInvalid": self._processed - self._accepted,
            },
        }


def _patches(message: dict[str, Any]) -> list[Patch]:
    """PARTIAL_UPDATE is a `replace` of each attribute it names; an UPDATE is taken as one too:
    this simulator does not wipe the attributes an UPDATE leaves out. Raises ApiError 400."""
    if message["operationType"] == "PATCH":
        for name in ("attributes", "requirements"):
            if name in message:
                raise invalid(f"{name} is not applicable to PATCH")
        return read_patches(message)
    attributes = message.get("attributes")
    if not isinstance(attributes, dict):
        raise invalid("attributes is required")
    patches = [
        {"op": "replace", "path": f"/attributes/{name}", "value": value}
        for name, value in attributes.items()
    ]
    return read_patches({"productType": message.get("productType"), "patches": patches})
