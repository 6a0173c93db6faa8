"""Order feeds: writes about orders as XML, taken in at once and told about later, message by message.

An AmazonEnvelope (amzn-envelope.xsd 1.01) carries the messages of one feed; the processing report
(ProcessingReport.xsd) names those that failed, by MessageID, and counts the others. DONE means
processed, not accepted. Feeds API 2021-06-30, "order feed type values".

One feed carries one message: what became of a feed is then what became of its message, and a feed
that fails takes nothing else with it. The price is the quota of createFeed, one each two minutes
after the first fifteen.

A feed does not tell which document it was made of, and a report names only what failed. So a feed
whose createFeed answer was lost is recognized by its type and time, and by our MessageID where it
failed; whether it did what we asked only the order itself says. Whoever repeats a write must look
at both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from connectors.amazon.feed_calls import FeedCalls
from connectors.amazon.fields import text
from connectors.amazon.operations import GET_FEED_DOCUMENT
from connectors.amazon.settings import Settings
from core.ports import Key, RemoteRef, Told, Verdict

CONTENT_TYPE = "text/xml; charset=UTF-8"
#: Kinds of Effects that leave as order feeds -> feedType.
FEED_TYPES = {
    "cancellation": "POST_ORDER_ACKNOWLEDGEMENT_DATA",
    "refund": "POST_PAYMENT_ADJUSTMENT_DATA",
}
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
#: A report declares no entities; one that does is not Amazon's.
_FOREIGN = (b"<!DOCTYPE", b"<!ENTITY")


def message_id(key: Key) -> str:
    """The MessageID of an Effect's message: up to 18 digits, the same for the same key.

    amzn-base.xsd allows 20 digits. 59 bits: two of a million messages are alike once in a million.
    """
    return str((int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> 5) or 1)


class OrderFeeds:
    """Order feeds of one account and marketplace."""

    def __init__(self, settings: Settings, calls: FeedCalls) -> None:
        self._merchant = settings.seller_id
        self._calls = calls

    def submit(self, kind: str, message_type: str, message: Element, *, key: Key) -> RemoteRef:
        """Begin a feed of one message. Its feedId; UnknownOutcome where it may have begun."""
        content = envelope(self._merchant, message_type, message, number=message_id(key))
        document = self._calls.upload(content, content_type=CONTENT_TYPE)
        return self._calls.create(FEED_TYPES[kind], document)

    def begun(self, kind: str, *, since: datetime, known: Collection[RemoteRef]) -> list[RemoteRef]:
        return self._calls.begun(FEED_TYPES[kind], since=since, known=known)

    def look(self, feed: RemoteRef, *, key: Key) -> Told:
        """What became of the message of this key in a feed."""
        found = self._calls.get(feed)
        if found is None:
            return Told(Verdict.UNTOLD, "Amazon does not know this feed")
        status = text(found, "processingStatus")
        if status == "CANCELLED":
            # "The feed was cancelled before it started processing."
            return Told(Verdict.DROPPED, status)
        if status not in ("DONE", "FATAL"):
            return Told(Verdict.WAITING, status)
        document = text(found, "resultFeedDocumentId")
        if not document:
            # A FATAL feed may have been carried out in part or whole, says the model.
            return Told(Verdict.UNTOLD, f"{status} without a processing report")
        report = self._report(self._calls.document(document))
        told = told_by(report, feed=feed, number=message_id(key))
        if status == "FATAL" and told.verdict is Verdict.TAKEN:
            return Told(Verdict.UNTOLD, status)
        return told

    def _report(self, content: bytes) -> Element:
        if not any(foreign in content for foreign in _FOREIGN):
            try:
                return fromstring(content)
            except ParseError:
                pass
        raise self._calls.trouble(
            GET_FEED_DOCUMENT.name, "a processing report that is not plain XML"
        )


def envelope(merchant: str, message_type: str, message: Element, *, number: str) -> bytes:
    """The document of a feed of one message, in UTF-8."""
    root = Element("AmazonEnvelope")
    root.set("xmlns:xsi", _XSI)
    root.set("xsi:noNamespaceSchemaLocation", "amzn-envelope.xsd")
    header = SubElement(root, "Header")
    SubElement(header, "DocumentVersion").text = "1.01"
    SubElement(header, "MerchantIdentifier").text = merchant
    SubElement(root, "MessageType").text = message_type
    one = SubElement(root, "Message")
    SubElement(one, "MessageID").text = number
    one.append(message)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def told_by(report: Element, *, feed: RemoteRef, number: str) -> Told:
    """What a processing report says of one message. One of another feed, or of no count, says nothing."""
    found = report.find("Message/ProcessingReport")
    if found is None or found.findtext("DocumentTransactionID", "").strip() != feed:
        return Told(Verdict.UNTOLD, "the processing report is another feed's")
    failed = [one for one in found.findall("Result") if _says(one, "ResultCode") == "Error"]
    # 0 is where it puts what is wrong with the feed as a whole.
    ours = [one for one in failed if _says(one, "MessageID") in (number, "0")]
    if ours:
        return Told(
            Verdict.REFUSED,
            _says(ours[0], "ResultDescription")[:500],
            _says(ours[0], "ResultMessageCode"),
        )
    summary = found.find("ProcessingSummary")
    counts = [_says(summary, f"Messages{word}") for word in ("Processed", "Successful")]
    whole = _says(found, "StatusCode") == "Complete" and counts == ["1", "1"] and not failed
    return Told(Verdict.TAKEN if whole else Verdict.UNTOLD, _says(found, "StatusCode"))


def _says(element: Element | None, name: str) -> str:
    return "" if element is None else element.findtext(name, "").strip()
