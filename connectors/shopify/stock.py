"""What Shopify counts at locations of its own.

Shopify keeps eight quantities of an item at a location. `on_hand` is what stands there, the sum of
`available`, `committed` (sold, not shipped), `reserved` (set aside by apps: drafts, transfers, our
own sales elsewhere), `damaged`, `safety_stock` and `quality_control`; `incoming` is on its way.

Our figure is **`available`**, and it is a net one: every order Shopify has, and whatever was set
aside, is off it already. A negative one (sold beyond what was there) counts as 0 for us: nothing
is left to sell. The other seven are kept beside it in Shopify's words, to be looked at.

A walk of everything comes at the beginning and once a day; in between only levels that changed are
asked for (`updated_at`), and these batches say nothing of the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.shopify import documents
from connectors.shopify.client import Client
from connectors.shopify.documents import MOST
from core.errors import Rejected
from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import Batch, Clock, Cursor

#: Everything is walked this often, whatever the incremental walks saw.
COMPLETE_EVERY = timedelta(hours=24)
#: Shopify writes whole seconds, and its clock may differ from ours: a figure is never taken for
#: newer than it is, or a sale of a moment ago would be believed to be in it.
CLOCK_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far the walks of one location came."""

    complete_at: datetime | None = None
    #: every change up to here was told
    watermark: datetime | None = None


class StockReader:
    """Walks of inventory levels, for one shop."""

    def __init__(self, client: Client, *, name: str, clock: Clock, overlap: timedelta) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._overlap = overlap

    def batches(
        self, since: Cursor | None, places: Sequence[str]
    ) -> Iterator[Batch[StockSnapshot]]:
        """The locations one after the other; the cursor moves at the end of each walk.

        Raises Rejected (code location_not_found), and what the client raises.
        """
        known = _places(since)
        for place in places:
            walked = known.get(place, _Place())
            began = self._clock.now()
            if walked.complete_at is None or began - walked.complete_at >= COMPLETE_EVERY:
                snapshot = self._whole(place)
                known[place] = _Place(began, began)
                yield Batch((snapshot,), _cursor(known), complete_to=began)
                continue
            assert walked.watermark is not None, "a complete walk sets it"
            for snapshot in self._changed(place, walked.watermark - self._overlap):
                yield Batch((snapshot,), _cursor(known))
            known[place] = _Place(walked.complete_at, began)
            yield Batch((), _cursor(known), complete_to=began)

    def _whole(self, place: str) -> StockSnapshot:
        """Every level of a location, as of the walk's beginning."""
        as_of = self._clock.now() - CLOCK_MARGIN
        rows = [row for _, page in self._pages(place, query=None) for row in page]
        return _snapshot(place, as_of, rows, complete=True)

    def _changed(self, place: str, since: datetime) -> Iterator[StockSnapshot]:
        """Levels that changed, page by page, each as of the moment it was asked for."""
        query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
        for asked_at, rows in self._pages(place, query=query):
            if rows:
                yield _snapshot(place, asked_at - CLOCK_MARGIN, rows, complete=False)

    def _pages(
        self, place: str, *, query: str | None
    ) -> Iterator[tuple[datetime, list[SnapshotRow]]]:
        after: str | None = None
        while True:
            asked_at = self._clock.now()
            variables = {"location": place, "first": MOST, "after": after, "query": query}
            data = self._client.read(documents.STOCK_LEVELS, variables)
            if data["location"] is None:
                raise Rejected(
                    f"the shop has no location {place}",
                    connector=self._name,
                    operation=documents.STOCK_LEVELS.name,
                    code="location_not_found",
                )
            levels = data["location"]["inventoryLevels"]
            yield asked_at, [_row(node) for node in levels["nodes"] if node["item"]["tracked"]]
            if not levels["pageInfo"]["hasNextPage"]:
                return
            after = levels["pageInfo"]["endCursor"]


def _row(node: Mapping[str, Any]) -> SnapshotRow:
    figures = {one["name"]: one["quantity"] for one in node["quantities"]}
    return SnapshotRow(
        sku=(node["item"]["sku"] or "").strip(),
        quantity=max(0, figures["available"]),
        item=node["item"]["id"],
        words=tuple((name, units) for name, units in figures.items() if units),
    )


def _snapshot(
    place: str, as_of: datetime, rows: Sequence[SnapshotRow], *, complete: bool
) -> StockSnapshot:
    text = json.dumps([[row.item, row.quantity, row.words] for row in rows])
    return StockSnapshot(
        location=place,
        as_of=as_of,
        name="all levels" if complete else "changed levels",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        rows=tuple(rows),
        complete=complete,
    )


def _places(since: Cursor | None) -> dict[str, _Place]:
    """What `_cursor` wrote. Text that is not ours begins everything anew."""
    try:
        return {
            place: _Place(datetime.fromisoformat(complete_at), datetime.fromisoformat(watermark))
            for place, (complete_at, watermark) in json.loads(since or "{}").items()
        }
    except (AttributeError, TypeError, ValueError):
        return {}


def _cursor(places: Mapping[str, _Place]) -> Cursor:
    return json.dumps(
        {
            place: [one.complete_at.isoformat(), one.watermark.isoformat()]
            for place, one in places.items()
            if one.complete_at and one.watermark
        }
    )
