"""Which orders the account has, by report: orders were seen that no search shows
(selling-partner-api-models issue 3945)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from connectors.amazon.fields import Unreadable, instant, instant_from, text
from connectors.amazon.reports import ORDERS, Reports
from connectors.amazon.walks import ReportWalk
from core.ports import Batch, Cursor, Listed

_ID, _PLACED, _SOLD_ON = "amazon-order-id", "purchase-date", "sales-channel"
#: Marketplace -> what the report calls it. The report tells of every marketplace of the seller whatever
#: it is asked for (selling-partner-api-docs issue 1404), as "Amazon.ca".
_SITES = {
    "ATVPDKIKX0DER": "amazon.com", "A2EUQ1WTGCTBG2": "amazon.ca", "A1AM78C64UM0Y8": "amazon.com.mx",
    "A2Q3Y263D00KWC": "amazon.com.br",
}  # fmt: skip
_SITE = re.compile(r"amazon\.[a-z.]+")
#: What Amazon ships for another channel (MCF), as "Non-Amazon US": no buyer of Amazon's placed it.
_NOT_SOLD = "non-amazon"


def list_orders(
    reports: Reports, *, marketplace: str, since: Cursor | None, first: datetime
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
                if row[_ID].strip() and _is_sold_on(marketplace, row.get(_SOLD_ON, "")):
                    listed[row[_ID]] = Listed(row[_ID].strip(), instant_from(row[_PLACED]))
        except (Unreadable, KeyError, ValueError) as error:
            yield Batch((), ReportWalk().cursor)
            wrong = error if isinstance(error, Unreadable) else Unreadable("a row without a date")
            raise reports.misread(wrong, ORDERS) from None
    yield Batch(tuple(listed.values()), ReportWalk().cursor, complete_to=begun or walk.asked_at)


def _is_sold_on(marketplace: str, told: str) -> bool:
    """Whether a row is of this marketplace; what it does not tell is asked for."""
    site = told.strip().lower()
    if site.startswith(_NOT_SOLD):
        return False
    return not _SITE.fullmatch(site) or site == _SITES.get(marketplace, site)
