"""Which orders the account has, by report: orders were seen that no search shows
(selling-partner-api-models issue 3945)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.amazon.fields import Unreadable, instant, instant_from, text
from connectors.amazon.reports import ORDERS, Reports
from connectors.amazon.walks import ReportWalk
from core.ports import Batch, Cursor, Listed

_ID, _PLACED = "amazon-order-id", "purchase-date"


def list_orders(
    reports: Reports, *, since: Cursor | None, first: datetime
) -> Iterator[Batch[Listed]]:
    """See ports.OrderCensus."""
    ready = yield from reports.awaited(since, ORDERS, first=first)
    if ready is None:
        return
    walk, found = ready
    begun = instant(found, "processingStartTime") if "processingStartTime" in found else None
    listed: dict[str, Listed] = {}
    # Amazon cancels a report without data: nothing was ordered.
    if text(found, "processingStatus") == "DONE":
        try:
            for _, row in reports.rows(found, needed=(_ID, _PLACED)):
                if row[_ID].strip():
                    listed[row[_ID]] = Listed(row[_ID].strip(), instant_from(row[_PLACED]))
        except (Unreadable, KeyError, ValueError) as error:
            yield Batch((), ReportWalk().cursor)
            wrong = error if isinstance(error, Unreadable) else Unreadable("a row without a date")
            raise reports.misread(wrong, ORDERS) from None
    yield Batch(tuple(listed.values()), ReportWalk().cursor, complete_to=begun or walk.asked_at)
