"""Shipments to Amazon's warehouses (FBA): every open one each pull, and those that changed since.

Fulfillment Inbound v0 (model fulfillmentInboundV0). These reads are not deprecated, and v2024-03-20
does not tell what was received (changelog "General availability of Fulfillment Inbound API
v2024-03-20"; selling-partner-api-models issue #558). What its model does not say:

- a date range needs ShipmentStatusList or ShipmentIdList too (models #888, #2001, pull #5375);
- beside NextToken other parameters bring the first page again (docs issue #164), and a token comes
  with nearly every page, the last one too: an empty page is the end (docs #321);
- a shipment whose quantities alone changed is in no date range of getShipments (docs #3152), so
  the items that changed are asked for, and name their shipments;
- getShipmentItemsByShipmentId tells 200 items at most and its token belongs into getShipmentItems
  (models #5102; jlevers/selling-partner-api #523); used where it came from it loops (docs #107).

No answer states when a shipment changed (docs #2706). All lists are read before the first batch, so
a pull that was left begins anew; only a whole one moves the watermark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import Unreadable, instant_text, list_of, part, text
from connectors.amazon.inbound_records import (
    OPEN_STATUSES,
    SHIPMENT_STATUS,
    report_from,
    shipment_id,
    without_address,
)
from connectors.amazon.operations import (
    GET_SHIPMENT_ITEMS,
    GET_SHIPMENT_ITEMS_BY_SHIPMENT_ID,
    GET_SHIPMENTS,
    Operation,
)
from connectors.amazon.settings import Settings
from connectors.amazon.stock import CLOCK_MARGIN
from connectors.amazon.walks import InboundWalk
from core.errors import Rejected, Unavailable
from core.model.inbound import InboundReport
from core.ports import Batch, Clock, Cursor, Reject

#: Changes are asked for from this long before the last pull: how late Amazon lists one is not known.
OVERLAP = timedelta(hours=1)
#: Shipments saved in one transaction; each costs a call, 2 a second.
SHIPMENTS_PER_BATCH = 50
#: What getShipments shows on a page (models issue #822).
PAGE_SIZE = 50
#: Ids in one getShipments: as many as come on a page (999 would be taken).
IDS_PER_CALL = PAGE_SIZE
#: getShipmentItemsByShipmentId shows so many; fewer are all there are, whatever token comes along.
ITEMS_SHOWN = 200
#: A list is begun anew once where a page token was refused: they expire, nobody says when.
MOST_WALKS = 2


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry of a list, and when it was asked for."""

    asked_at: datetime
    record: Any


#: The records of one, and when it was asked for.
_Page = tuple[datetime, list[Any]]


class FbaInbound:
    """Reads of the shipments to one marketplace's FBA warehouses."""

    def __init__(
        self, amazon: SellingPartner, settings: Settings, *, name: str, clock: Clock
    ) -> None:
        self._amazon = amazon
        self._name = name
        self._settings = settings
        self._clock = clock

    def pull(self, *, since: Cursor | None) -> Iterator[Batch[InboundReport]]:
        """Each shipment once, in batches; the last one has `complete_to`.

        Raises Unavailable where a list cannot be read whole.
        """
        walk = InboundWalk.parse(since)
        now = self._clock.now()
        found = self._shipments(self._window(walk, now=now))
        ended = walk.complete(at=now)
        for start in range(0, max(1, len(found)), SHIPMENTS_PER_BATCH):
            last = start + SHIPMENTS_PER_BATCH >= len(found)
            read = [
                self._read(listed, number=number)
                for number, listed in enumerate(found[start : start + SHIPMENTS_PER_BATCH], start)
            ]
            yield Batch(
                tuple(report for _, report in read if isinstance(report, InboundReport)),
                (ended if last else walk).cursor,
                tuple(reject for _, reject in read if isinstance(reject, Reject)),
                tuple((one.ref, raw) for raw, one in read if isinstance(one, InboundReport)),
                ended.watermark if last else None,
            )

    def _window(self, walk: InboundWalk, *, now: datetime) -> dict[str, str]:
        """The stretch of changes to ask for; a clock that went back asks for a whole one still."""
        if walk.watermark:
            after = min(walk.watermark, now) - OVERLAP
        else:
            after = now - timedelta(days=self._settings.first_inbound_days)
        return {"LastUpdatedAfter": instant_text(after), "LastUpdatedBefore": instant_text(now)}

    # Lists

    def _shipments(self, window: Mapping[str, str]) -> list[_Listed]:
        """Those that are open, those that changed, and those with an item that changed."""
        found: dict[str, _Listed] = {}

        def add(query: Mapping[str, str]) -> None:
            for listed in self._list(GET_SHIPMENTS, query, "ShipmentData"):
                # What has no id is told as unreadable, once.
                found[text(listed.record, "ShipmentId") or json.dumps(listed.record)] = listed

        add({"QueryType": "SHIPMENT", "ShipmentStatusList": ",".join(OPEN_STATUSES)})
        every = ",".join(SHIPMENT_STATUS)
        add({"QueryType": "DATE_RANGE", "ShipmentStatusList": every, **window})
        changed = self._list(GET_SHIPMENT_ITEMS, {"QueryType": "DATE_RANGE", **window}, "ItemData")
        for ids in _others(changed, found):
            add({"QueryType": "SHIPMENT", "ShipmentIdList": ids})
        return list(found.values())

    def _list(self, operation: Operation, query: Mapping[str, str], name: str) -> list[_Listed]:
        """All of a list. Raises Unavailable where its pages make no whole."""
        first = {"MarketplaceId": self._settings.marketplace_id, **query}
        try:
            return self._walk(lambda: self._amazon.call(operation, query=first), operation, name)
        except Unreadable as problem:
            raise Unavailable(
                str(problem), connector=self._name, operation=operation.name
            ) from None

    def _walk(
        self,
        first: Callable[[], dict[str, Any]],
        rest: Operation,
        name: str,
        *,
        whole_below: int = 1,
    ) -> list[_Listed]:
        """Every record of a list: `first` asks for its first page, tokens go to `rest`.

        A first page with fewer records than `whole_below` is all there is. Raises Unreadable where
        tokens are refused again and again, or lead back.
        """
        for _ in range(MOST_WALKS):
            pages: list[_Page] = []
            token = ""
            try:
                while True:
                    asked_at = self._clock.now()
                    answer = self._next(rest, token) if token else first()
                    page = _records(answer, name)
                    if page in [records for _, records in pages]:
                        _check_end(page)
                        return _joined(pages)
                    pages.append((asked_at, page))
                    token = text(part(answer, "payload"), "NextToken")
                    if not token or len(page) < (whole_below if len(pages) == 1 else 1):
                        return _joined(pages)
            except Rejected:
                # A first page that is refused says something; a later one, that its token expired.
                if not token:
                    raise
        raise Unreadable("page tokens were refused before the list's end")

    def _next(self, operation: Operation, token: str) -> dict[str, Any]:
        """The page a token names, with nothing else in the query: or the first one comes again."""
        query = {
            "QueryType": "NEXT_TOKEN",
            "MarketplaceId": self._settings.marketplace_id,
            "NextToken": token,
        }
        return self._amazon.call(operation, query=query)

    # One shipment

    def _read(self, listed: _Listed, *, number: int) -> tuple[str, InboundReport | Reject]:
        """The raw record, and what it says; a reject says why it says nothing, and stops no other."""
        kept = without_address(listed.record)
        try:
            ref = shipment_id(listed.record)
            items = self._items(ref)
            kept = {**kept, "ItemData": items}
            report = report_from(listed.record, items, as_of=listed.asked_at - CLOCK_MARGIN)
        except (Unreadable, Rejected) as problem:
            name = text(listed.record, "ShipmentId") or f"record {number + 1} of a pull"
            raw = json.dumps(kept, ensure_ascii=False)
            return raw, Reject("inbound shipment", name, str(problem), raw)
        return json.dumps(kept, ensure_ascii=False), report

    def _items(self, ref: str) -> list[Any]:
        """What is in one shipment (its MarketplaceId is "Deprecated. Do not use.").

        Raises Unreadable where more than one page is not to be had, Rejected.
        """
        pages = self._walk(
            lambda: self._amazon.call(GET_SHIPMENT_ITEMS_BY_SHIPMENT_ID, ref),
            GET_SHIPMENT_ITEMS,
            "ItemData",
            whole_below=ITEMS_SHOWN,
        )
        return [listed.record for listed in pages]


def _records(answer: Mapping[str, Any], name: str) -> list[Any]:
    """The records of a page. Raises Unreadable."""
    payload = part(answer, "payload")
    if not isinstance(payload.get(name), list):
        raise Unreadable(f"an answer without {name}")
    return list(list_of(payload, name))


def _joined(pages: list[_Page]) -> list[_Listed]:
    return [_Listed(asked_at, record) for asked_at, records in pages for record in records]


def _check_end(page: list[Any]) -> None:
    """A page that came before: its token led back, and what lies behind a full one is not seen.

    Raises Unreadable. One that was not full was the last: its token leads nowhere, and some were
    shown the same list again for it (docs issues #471, #164).
    """
    if len(page) >= PAGE_SIZE:
        raise Unreadable("a full page came twice, so the list cannot be read whole")


def _others(items: list[_Listed], known: Collection[str]) -> Iterator[str]:
    """Ids of shipments not known yet that these items are in, as lists for getShipments."""
    named = dict.fromkeys(text(item.record, "ShipmentId") for item in items)
    ids = [name for name in named if name and name not in known]
    for start in range(0, len(ids), IDS_PER_CALL):
        yield ",".join(ids[start : start + IDS_PER_CALL])
