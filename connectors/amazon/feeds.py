"""Many quantities as one JSON_LISTINGS_FEED (Feeds API 2021-06-30, listings feed schema v2).

Each message is a PATCH with `merge`: an UPDATE or PARTIAL_UPDATE replaces the whole attribute, and
with it the handling time and restock date that stand beside the quantity. DONE means processed,
not accepted: the processing report tells of each message.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from connectors.amazon import listings
from connectors.amazon.client import SellingPartner
from connectors.amazon.feed_calls import FeedCalls
from connectors.amazon.fields import Record, count, list_of, part, text
from connectors.amazon.operations import CANCEL_FEED, GET_FEED_DOCUMENT
from connectors.amazon.settings import Settings
from core.errors import ConnectorError
from core.model.catalog import OfferChange, OfferOutcome, OfferResult
from core.ports import BulkProgress, BulkStage, RemoteRef

FEED_TYPE = "JSON_LISTINGS_FEED"
CONTENT_TYPE = "application/json; charset=UTF-8"
#: The most messages of one feed ("feeds best practices").
MOST_MESSAGES = 25_000

#: processingStatus -> where a feed is. A word we do not know is taken for "not over".
STAGES = {
    "IN_QUEUE": BulkStage.QUEUED,
    "IN_PROGRESS": BulkStage.RUNNING,
    "DONE": BulkStage.ENDED,
    "FATAL": BulkStage.FAILED,
    "CANCELLED": BulkStage.FAILED,
}
#: Of several feeds taken for one, the one that is furthest from its end tells where they are.
_FIRST = (BulkStage.RUNNING, BulkStage.QUEUED, BulkStage.FAILED, BulkStage.ENDED)
_SEVERAL = ","


class Feeds:
    """Listing feeds of one account and marketplace. A reference may name several feeds."""

    def __init__(self, amazon: SellingPartner, settings: Settings, calls: FeedCalls) -> None:
        self._amazon = amazon
        self._settings = settings
        self._calls = calls

    def stage(self, changes: Sequence[OfferChange]) -> str:
        """Upload the feed; the document's id."""
        content = json.dumps(self.feed(changes), ensure_ascii=False).encode()
        return self._calls.upload(content, content_type=CONTENT_TYPE)

    def feed(self, changes: Sequence[OfferChange]) -> dict[str, Any]:
        """The feed's document; message numbers count from 1 in the order of the changes."""
        return {
            "header": {
                "sellerId": self._settings.seller_id,
                "version": "2.0",
                "issueLocale": "en_US",
            },
            "messages": [
                {
                    "messageId": number,
                    "sku": change.key.remote_id,
                    "operationType": "PATCH",
                    **listings.quantity_patch(change),
                }
                for number, change in enumerate(changes, start=1)
                # Writing to what Amazon counts would open a second channel for it.
                if not listings.amazon_fulfills(change)
            ],
        }

    def submit(self, document: str) -> RemoteRef:
        return self._calls.create(FEED_TYPE, document)

    def find(self, *, since: datetime, known: Collection[RemoteRef]) -> RemoteRef | None:
        """Listing feeds that began since then and are not known.

        A feed does not tell which document it was made of, so none of them can be ruled out.
        """
        ours = {feed for ref in known for feed in ref.split(_SEVERAL)}
        return _SEVERAL.join(self._calls.begun(FEED_TYPE, since=since, known=ours)) or None

    def look(self, ref: RemoteRef) -> BulkProgress:
        stages = [self._stage(feed) for feed in ref.split(_SEVERAL)]
        return min(stages, key=lambda one: _FIRST.index(one.stage))

    def _stage(self, feed: str) -> BulkProgress:
        answer = self._calls.get(feed)
        if answer is None:
            return BulkProgress(BulkStage.FAILED, "Amazon does not know this feed")
        word = text(answer, "processingStatus")
        stage = STAGES.get(word, BulkStage.RUNNING)
        if stage is BulkStage.FAILED:
            return BulkProgress(stage, f"{word} {self._why(answer)}".strip())
        return BulkProgress(stage, word)

    def _why(self, feed: Record) -> str:
        """What the report of a feed that failed says; "" where there is none to read."""
        document = text(feed, "resultFeedDocumentId")
        if not document:
            return ""
        try:
            issues = list_of(self._report(document), "issues")
        except ConnectorError:
            return ""
        return "; ".join(f"{text(one, 'code')} {text(one, 'message')}" for one in issues[:3])

    def cancel(self, ref: RemoteRef) -> None:
        for feed in ref.split(_SEVERAL):
            self._amazon.call(CANCEL_FEED, feed)

    def results(self, ref: RemoteRef, changes: Sequence[OfferChange]) -> list[OfferResult]:
        """Each change by its message. Of several feeds nothing is believed but a reading."""
        if _SEVERAL in ref:
            return [OfferResult(one.key, OfferOutcome.UNKNOWN) for one in changes]
        document = text(self._calls.get(ref), "resultFeedDocumentId")
        if not document:
            return [OfferResult(one.key, OfferOutcome.UNKNOWN, submission=ref) for one in changes]
        return results_of(self._report(document), changes, feed=ref)

    def _report(self, document: str) -> Record:
        try:
            found = json.loads(self._calls.document(document))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._calls.trouble(
                GET_FEED_DOCUMENT.name, "a processing report that is not JSON"
            )
        return found


def results_of(report: Record, changes: Sequence[OfferChange], *, feed: str) -> list[OfferResult]:
    """Results of the changes, from the processing report of the feed that carried them.

    A message with an error was refused, the others were taken - if the summary adds up. Where it
    does not, or another feed's report was handed to us, only a reading can tell.
    """
    refused: dict[str, Record] = {}
    for issue in list_of(report, "issues"):
        if text(issue, "severity") == "ERROR" and text(issue, "sku"):
            refused.setdefault(text(issue, "sku"), issue)
    carried = sum(not listings.amazon_fulfills(change) for change in changes)
    summary = part(report, "summary")
    invalid, accepted = count(summary, "messagesInvalid"), count(summary, "messagesAccepted")
    whole = (
        text(part(report, "header"), "feedId") == feed
        and invalid == len(refused)
        and accepted is not None
        and accepted + len(refused) >= carried
    )
    return [_result(change, refused.get(change.key.remote_id), whole, feed) for change in changes]


def _result(change: OfferChange, issue: Record | None, whole: bool, feed: str) -> OfferResult:
    if listings.amazon_fulfills(change):
        return listings.left_to_amazon(change)
    if issue is not None:
        return OfferResult(
            change.key,
            OfferOutcome.REFUSED,
            submission=feed,
            code=text(issue, "code"),
            message=text(issue, "message")[:500],
        )
    outcome = OfferOutcome.SENT if whole else OfferOutcome.UNKNOWN
    return OfferResult(change.key, outcome, submission=feed)
