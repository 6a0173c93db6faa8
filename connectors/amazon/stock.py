"""What Amazon counts in its own warehouses (FBA): one whole walk a pull.

getInventorySummaries hands out page tokens that live for 30 seconds, so no walk is left and taken
up again by a later run: a pull reads all pages at once, and begins anew where a token expired
(waiting for the usage plan may take that long). Nothing is asked by `startDateTime`: it does not
show changes of what is inbound (model fbaInventory).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Record, Unreadable, count, instant_text, list_of, part, text
from connectors.amazon.operations import GET_INVENTORY_SUMMARIES
from connectors.amazon.settings import Settings
from core.errors import Rejected, Unavailable
from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import Batch, Clock

#: Amazon's clock and ours may differ by this much; a figure is never taken for newer than it is.
CLOCK_MARGIN = timedelta(seconds=5)
#: Walks begun anew before a pull gives up: the next one tries again.
MOST_WALKS = 3

#: Our figure is `fulfillableQuantity`: what a buyer can order now, net of every order Amazon has.
#: The rest is kept in Amazon's words, to be looked at: (path in inventoryDetails, word).
_WORDS = (
    (("fulfillableQuantity",), "fulfillable"),
    (("reservedQuantity", "totalReservedQuantity"), "reserved"),
    (("inboundWorkingQuantity",), "inbound_working"),
    (("inboundShippedQuantity",), "inbound_shipped"),
    (("inboundReceivingQuantity",), "inbound_receiving"),
    (("unfulfillableQuantity", "totalUnfulfillableQuantity"), "unfulfillable"),
    (("researchingQuantity", "totalResearchingQuantity"), "researching"),
)


class FbaStock:
    """Reads of one marketplace's FBA inventory."""

    def __init__(
        self, amazon: SellingPartner, settings: Settings, *, name: str, clock: Clock
    ) -> None:
        self._amazon = amazon
        self._name = name
        self._marketplace = settings.marketplace_id
        self._clock = clock

    def pull(self) -> Iterator[Batch[StockSnapshot]]:
        """One batch with one complete snapshot. Raises Unavailable where tokens keep expiring."""
        began, summaries = self._walk()
        rows, problems = [], []
        for number, summary in enumerate(summaries, start=1):
            try:
                rows.append(_row(summary))
            except Unreadable as problem:
                problems.append(
                    (number, json.dumps(summary, ensure_ascii=False)[:200], str(problem))
                )
        snapshot = StockSnapshot(
            location="",
            as_of=began - CLOCK_MARGIN,
            name=f"{GET_INVENTORY_SUMMARIES.name} {self._marketplace}",
            digest=_digest(rows),
            rows=tuple(rows),
            problems=tuple(problems),
        )
        yield Batch((snapshot,), json.dumps({"walked": instant_text(began)}), complete_to=began)

    def _walk(self) -> tuple[datetime, list[Any]]:
        """When the walk that came to its end began, and every summary of it."""
        for _ in range(MOST_WALKS):
            began = self._clock.now()
            summaries: list[Any] = []
            token = ""
            try:
                while True:
                    answer = self._page(token)
                    summaries += self._summaries(answer)
                    following = text(part(answer, "pagination"), "nextToken")
                    if not following:
                        return began, summaries
                    if following == token:
                        raise self._unavailable("a page that names itself as the next")
                    token = following
            except Rejected:
                # A first page that is refused says something; a later one, that its token expired.
                if not token:
                    raise
        raise self._unavailable("page tokens expired before the walk's end")

    def _page(self, token: str) -> dict[str, Any]:
        query = {
            "details": "true",
            "granularityType": "Marketplace",
            "granularityId": self._marketplace,
            "marketplaceIds": self._marketplace,
        }
        if token:
            query["nextToken"] = token
        return self._amazon.call(GET_INVENTORY_SUMMARIES, query=query)

    def _summaries(self, answer: Record) -> list[Any]:
        payload = answer.get("payload")
        if not isinstance(payload, dict) or "inventorySummaries" not in payload:
            raise self._unavailable("an answer without inventorySummaries")
        return list(list_of(payload, "inventorySummaries"))

    def _unavailable(self, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=GET_INVENTORY_SUMMARIES.name)


def _row(summary: Any) -> SnapshotRow:
    sku = text(summary, "sellerSku")
    if not sku:
        raise Unreadable("it has no sellerSku")
    details = part(summary, "inventoryDetails")
    words = tuple((word, units) for path, word in _WORDS if (units := _units(details, path)))
    fulfillable = count(details, "fulfillableQuantity")
    if fulfillable is None:
        raise Unreadable("it has no fulfillableQuantity")
    return SnapshotRow(sku, fulfillable, item=sku, words=words)


def _units(details: Record, path: tuple[str, ...]) -> int:
    for name in path[:-1]:
        details = part(details, name)
    return count(details, path[-1]) or 0


def _digest(rows: list[SnapshotRow]) -> str:
    text = json.dumps([[row.sku, row.quantity, row.words] for row in rows])
    return hashlib.sha256(text.encode()).hexdigest()
