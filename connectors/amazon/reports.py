"""The listings report, from asking for it to its text. It takes minutes: runs ask, later ones look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.amazon import listings
from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Unreadable, instant, text
from connectors.amazon.operations import (
    CREATE_REPORT,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
)
from connectors.amazon.settings import Settings
from connectors.amazon.walks import ReportWalk
from core.errors import Rejected, Unavailable
from core.model.catalog import OfferKey, OfferReading
from core.ports import Batch, Clock, Cursor

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
#: Readings saved in one transaction.
READINGS_PER_BATCH = 5000


class Reports:
    """Reports of all listings of one account and marketplace."""

    def __init__(
        self, name: str, amazon: SellingPartner, settings: Settings, *, clock: Clock
    ) -> None:
        self._name = name
        self._amazon = amazon
        self._settings = settings
        self._clock = clock

    def ask(self) -> ReportWalk:
        """Order a report. One more than needed is waste, not harm."""
        asked_at = self._clock.now()
        answer = self._amazon.call(
            CREATE_REPORT,
            body={
                "reportType": REPORT_TYPE,
                "marketplaceIds": [self._settings.marketplace_id],
            },
        )
        report = text(answer, "reportId")
        if not report:
            raise self.trouble(CREATE_REPORT.name, "an answer without a reportId")
        return ReportWalk(report, asked_at)

    def find(self, walk: ReportWalk) -> dict[str, Any] | None:
        """The report as it is now; None where Amazon no longer knows it."""
        try:
            return self._amazon.call(GET_REPORT, walk.report)
        except Rejected:
            return None

    def rows(self, document: str) -> Iterator[tuple[str, dict[str, str]]]:
        """(raw line, cells by column name). Raises Unreadable where a column is missing."""
        answer = self._amazon.call(GET_REPORT_DOCUMENT, document)
        content, content_type = self._amazon.download(
            text(answer, "url"), compression=answer.get("compressionAlgorithm")
        )
        return listings.report_rows(listings.report_text(content, content_type))

    def trouble(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=operation)

    def shown(self, since: Cursor | None) -> Iterator[Batch[OfferReading]]:
        """What every listing of ours showed when the report was begun; see ports.ShelfReport."""
        walk = ReportWalk.parse(since)
        if not walk.report or walk.late(now=self._clock.now()):
            walk = self.ask()
            yield Batch((), walk.cursor)
        found = self.find(walk)
        status = text(found, "processingStatus")
        if status == "DONE" and found is not None:
            yield from self._readings(walk, found)
        elif found is None or status in ("CANCELLED", "FATAL"):
            yield Batch((), ReportWalk().cursor)
            raise self.trouble(
                GET_REPORT.name, f"report {walk.report} ended as {status or 'not found'}"
            )
        else:
            yield Batch((), walk.cursor)

    def _readings(self, walk: ReportWalk, found: dict[str, Any]) -> Iterator[Batch[OfferReading]]:
        # The rows are those of the start. Nothing says how long before they were copied, and old
        # ones were reported (selling-partner-api-models #1659): who asked compares with care.
        read_at = (
            instant(found, "processingStartTime")
            if "processingStartTime" in found
            else walk.asked_at
        )
        assert read_at is not None, "a report that was asked for has an instant"
        try:
            rows = self._each(self.rows(text(found, "reportDocumentId")), read_at)
            readings = list(rows)
        except Unreadable as error:
            yield Batch((), ReportWalk().cursor)
            raise Rejected(
                str(error), connector=self._name, operation=REPORT_TYPE, code="columns"
            ) from None
        left = iter(readings)
        while part := tuple(islice(left, READINGS_PER_BATCH)):
            yield Batch(part, walk.cursor)
        yield Batch((), ReportWalk().cursor, complete_to=read_at)

    def _each(
        self, rows: Iterator[tuple[str, dict[str, str]]], read_at: datetime
    ) -> Iterator[OfferReading]:
        for _, row in rows:
            sku, quantity = row.get("seller-sku", ""), row.get("quantity", "").strip()
            ours = row.get("fulfillment-channel", "").strip() == listings.MERCHANT_CHANNEL
            # Without a number the row says nothing: the column is empty for what Amazon keeps.
            if sku.strip() and ours and quantity.isdecimal():
                yield OfferReading(OfferKey(self._name, sku), int(quantity), read_at)
