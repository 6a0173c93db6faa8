"""The calls of the Feeds API (2021-06-30) that feeds of every type have in common."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from connectors.amazon.client import NotThere, SellingPartner
from connectors.amazon.fields import Record, instant_text, list_of, text
from connectors.amazon.operations import (
    CREATE_FEED,
    CREATE_FEED_DOCUMENT,
    GET_FEED,
    GET_FEED_DOCUMENT,
    GET_FEEDS,
)
from connectors.amazon.settings import Settings
from core.errors import Unavailable, UnknownOutcome
from core.ports import RemoteRef


class FeedCalls:
    """Feeds of one account and marketplace, whatever is in them."""

    def __init__(self, name: str, amazon: SellingPartner, settings: Settings) -> None:
        self._name = name
        self._amazon = amazon
        self._marketplace = settings.marketplace_id

    def upload(self, content: bytes, *, content_type: str) -> str:
        """The id of a document with this content. Nothing comes of it until a feed names it."""
        answer = self._amazon.call(CREATE_FEED_DOCUMENT, body={"contentType": content_type})
        document, url = text(answer, "feedDocumentId"), text(answer, "url")
        if not document or not url:
            raise self.trouble(CREATE_FEED_DOCUMENT.name, "an answer without an address")
        self._amazon.upload(
            url, content, content_type=content_type, operation=CREATE_FEED_DOCUMENT.name
        )
        return document

    def create(self, feed_type: str, document: str) -> RemoteRef:
        """Begin a feed of an uploaded document; its feedId. Raises UnknownOutcome."""
        answer = self._amazon.call(
            CREATE_FEED,
            body={
                "feedType": feed_type,
                "marketplaceIds": [self._marketplace],
                "inputFeedDocumentId": document,
            },
        )
        feed = text(answer, "feedId")
        if not feed:
            raise UnknownOutcome(
                "an answer without a feedId", connector=self._name, operation=CREATE_FEED.name
            )
        return feed

    def begun(self, feed_type: str, *, since: datetime, known: Collection[RemoteRef]) -> list[str]:
        """Ids of feeds of this type created since then, but for the known ones, sorted."""
        query = {
            "feedTypes": feed_type,
            "marketplaceIds": self._marketplace,
            "createdSince": instant_text(since),
            "pageSize": "100",
        }
        found: set[str] = set()
        while True:
            answer = self._amazon.call(GET_FEEDS, query=query)
            found |= {text(one, "feedId") for one in list_of(answer, "feeds")}
            token = text(answer, "nextToken")
            if not token:
                return sorted(found - {*known, ""})
            # The only parameter of the next page.
            query = {"nextToken": token}

    def get(self, feed: str) -> Record | None:
        """The feed as it is now; None: Amazon does not know it."""
        try:
            return self._amazon.call(GET_FEED, feed)
        except NotThere:
            return None

    def document(self, document: str) -> bytes:
        """What is in a document of Amazon's."""
        answer = self._amazon.call(GET_FEED_DOCUMENT, document)
        content, _ = self._amazon.download(
            text(answer, "url"),
            compression=answer.get("compressionAlgorithm"),
            operation=GET_FEED_DOCUMENT.name,
        )
        return content

    def trouble(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=operation)
