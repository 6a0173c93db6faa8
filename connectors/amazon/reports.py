"""Reports, from asking for one to its text. That takes minutes: runs ask, later ones look."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.amazon import listings
from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Unreadable, instant, instant_text, text
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

LISTINGS = "GET_MERCHANT_LISTINGS_ALL_DATA"
#: One row for each item of each order placed in a time, whatever its state; no buyer's data. From
#: memory, as its columns are.
ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
#: Readings saved in one transaction.
READINGS_PER_BATCH = 5000


class Reports:
    """Reports of one account and marketplace."""

    def __init__(
        self, name: str, amazon: SellingPartner, settings: Settings, *, clock: Clock
    ) -> None:
        self._name = name
        self._amazon = amazon
        self._settings = settings
        self._clock = clock

    def awaited(
        self, since: Cursor | None, kind: str, *, first: datetime | None = None
    ) -> Generator[Batch[Any], None, tuple[ReportWalk, dict[str, Any]] | None]:
        """The report of this kind that the cursor waits for, once it is over; a new one where it waits
        for none. `first`: the report tells of what came from then on.

        Yields empty batches whose cursor waits. Returns None while it is made, otherwise the report,
        which is DONE or CANCELLED: that also stands for "no data". Raises Unavailable for one that
        failed, which the next run asks for anew.
        """
        walk = ReportWalk.parse(since)
        if not walk.report or walk.late(now=self._clock.now()):
            walk = self._ask(kind, first)
            yield Batch((), walk.cursor)
        found = self._find(walk)
        status = text(found, "processingStatus")
        if found is not None and status in ("DONE", "CANCELLED"):
            return walk, found
        if found is not None and status != "FATAL":
            yield Batch((), walk.cursor)
            return None
        # Forgotten before it is told: the next run asks for a new one.
        yield Batch((), ReportWalk().cursor)
        raise self._ended(walk, status)

    def with_data(
        self, since: Cursor | None, kind: str
    ) -> Generator[Batch[Any], None, tuple[ReportWalk, dict[str, Any]] | None]:
        """As `awaited`, of a report that always has data: without any it failed."""
        ready = yield from self.awaited(since, kind)
        if ready is not None and text(ready[1], "processingStatus") == "CANCELLED":
            yield Batch((), ReportWalk().cursor)
            raise self._ended(ready[0], "CANCELLED")
        return ready

    def _ask(self, kind: str, first: datetime | None) -> ReportWalk:
        """Order a report. One more than needed is waste, not harm."""
        asked_at = self._clock.now()
        body = {"reportType": kind, "marketplaceIds": [self._settings.marketplace_id]}
        if first is not None:
            body["dataStartTime"] = instant_text(first)
        answer = self._amazon.call(CREATE_REPORT, body=body)
        report = text(answer, "reportId")
        if not report:
            raise self._trouble(CREATE_REPORT.name, "an answer without a reportId")
        return ReportWalk(report, asked_at)

    def _find(self, walk: ReportWalk) -> dict[str, Any] | None:
        """The report as it is now; None where Amazon no longer knows it."""
        try:
            return self._amazon.call(GET_REPORT, walk.report)
        except Rejected:
            return None

    def rows(
        self, found: dict[str, Any], *, needed: Sequence[str] = listings.REQUIRED_COLUMNS
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """(raw line, cells by column name). Raises Unreadable where a column is missing."""
        answer = self._amazon.call(GET_REPORT_DOCUMENT, text(found, "reportDocumentId"))
        content, content_type = self._amazon.download(
            text(answer, "url"), compression=answer.get("compressionAlgorithm")
        )
        return listings.report_rows(listings.report_text(content, content_type), needed=needed)

    def _ended(self, walk: ReportWalk, status: str) -> Unavailable:
        words = f"report {walk.report} ended as {status or 'not found'}"
        return self._trouble(GET_REPORT.name, words)

    def _trouble(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=operation)

    def misread(self, error: Unreadable, kind: str) -> Rejected:
        return Rejected(str(error), connector=self._name, operation=kind, code="columns")

    def shown(self, since: Cursor | None) -> Iterator[Batch[OfferReading]]:
        """What every listing of ours showed when the report was begun; see ports.ShelfReport."""
        ready = yield from self.with_data(since, LISTINGS)
        if ready is not None:
            yield from self._readings(*ready)

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
            readings = list(self._each(self.rows(found), read_at))
        except Unreadable as error:
            yield Batch((), ReportWalk().cursor)
            raise self.misread(error, LISTINGS) from None
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
