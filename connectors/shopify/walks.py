"""Walking what changed: frozen query, one page at a time, a place that can be taken up again.

Shopify's search is an index that lags, `updated_at` has whole seconds, and rows move to the end
while one pages. So a walk asks from a margin before the last complete one, keeps its query
unchanged to the end, and only its end moves the watermark: to the walk's start less the lag.

A page that cannot be shown is asked for by its ids, and each record alone; where Shopify cannot show the
ids either, the time of the walk is halved, see connectors.spans.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from connectors.shopify import documents, mapping
from connectors.shopify.answers import PartialAnswer
from connectors.shopify.client import Client
from connectors.shopify.documents import Document
from connectors.shopify.values import Unreadable
from connectors.spans import KIND, MOST_IN_A_ROW, Span, Spans
from core.errors import Rejected, Unavailable
from core.model.catalog import ChannelId, Listing
from core.model.orders import Order
from core.ports import Batch, Clock, Cursor, Reject

T = TypeVar("T")

#: No shop has an order from before Shopify opened.
_FIRST_SHOP = datetime(2006, 6, 1, tzinfo=UTC)

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands. `query` never changes within a walk: an `after` belongs to it."""

    watermark: datetime | None
    started: datetime | None = None
    query: str | None = None
    after: str | None = None
    #: what is left of the walk where it was taken apart, and what was stepped over
    spans: Spans = field(default_factory=Spans)

    @classmethod
    def read(cls, cursor: Cursor | None) -> Place:
        """What `str` wrote. Text that is not ours starts from the beginning."""
        try:
            told = json.loads(cursor or "{}")
            walk = told.get("walk") or {}
            return cls(
                watermark=_instant(told.get("watermark")),
                started=_instant(walk.get("started")),
                query=walk.get("query"),
                after=walk.get("after"),
                spans=Spans.read(told.get("spans") or {}),
            )
        except (AttributeError, TypeError, ValueError):
            return cls(None)

    def __str__(self) -> str:
        told: dict[str, Any] = {"watermark": self.watermark.isoformat() if self.watermark else None}
        if self.started:
            told["walk"] = {
                "started": self.started.isoformat(),
                "query": self.query,
                "after": self.after,
            }
        if self.spans.told:
            told["spans"] = self.spans.told
        return json.dumps(told)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return instant


@dataclass(frozen=True, slots=True)
class Margins:
    """How far a walk looks back, and how late the index may be."""

    overlap: timedelta
    index_lag: timedelta


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What became of one page's records."""

    items: tuple[T, ...]
    rejects: tuple[Reject, ...]
    raw: tuple[tuple[str, str], ...]


class Walk(Generic[T]):
    """Pages of one connection sorted by UPDATED_AT, as batches."""

    def __init__(
        self,
        client: Client,
        *,
        document: Document,
        root: str,
        page_size: int,
        clock: Clock,
        margins: Margins,
        read: Callable[[Mapping[str, Any], Sequence[Node], frozenset[int]], Read[T]],
        more: Mapping[str, Any] | None = None,
        ids: Document | None = None,
        one: Document | None = None,
    ) -> None:
        """`ids` and `one`: the same page without what its records hold, and one record; a walk without
        them stops at what cannot be shown.

        `more`: variables of the document besides those of every walk. Once one is another, what
        was walked before did not show what is asked for now: the next walk starts afresh."""
        self._client = client
        self._document = document
        self._root = root
        self._page_size = page_size
        self._clock = clock
        self._margins = margins
        #: (whole data, nodes of the page, positions that came incomplete) -> records
        self._read = read
        self._more = more or {}
        self._ids = ids
        self._one = one

    def batches(self, since: Cursor | None) -> Iterator[Batch[T]]:
        """One batch per page; the last has `complete_to`, and its cursor starts the next walk."""
        place = Place.read(since if self._is_mine(since) else None)
        if place.started is None:
            place = self._start(place.watermark, place.spans)
        in_a_row = 0
        while True:
            try:
                place, data, broken = self._shown(place, apart=not in_a_row)
            except Unavailable as error:
                in_a_row += 1
                if self._ids is None or in_a_row > MOST_IN_A_ROW:
                    raise
                batch, place = self._around(place, error)
                if batch is None:
                    continue
            else:
                in_a_row = 0
                batch, place = self._next(data, broken, place)
            yield batch
            if batch.complete_to is not None:
                return

    def _next(
        self, data: Mapping[str, Any], broken: frozenset[int], place: Place
    ) -> tuple[Batch[T], Place]:
        """What one page brought, and where the walk stands after it."""
        connection = data[self._root]
        read = self._read(data, connection["nodes"], broken)
        if connection["pageInfo"]["hasNextPage"]:
            place = replace(place, after=connection["pageInfo"]["endCursor"])
            return Batch(read.items, self._cursor(place), read.rejects, read.raw), place
        spans, mended = place.spans.done()
        place, complete_to = self._go_on(place, spans)
        batch = Batch(
            read.items, self._cursor(place), read.rejects, read.raw, complete_to,
            ((KIND, str(mended)),) if mended else (),
        )  # fmt: skip
        return batch, place

    def _around(self, place: Place, error: Unavailable) -> tuple[Batch[T] | None, Place]:
        """Halve the time of what failed. A batch where it is alone, and stepped over."""
        spans, alone = place.spans.failed(self._whole(place), now=self._clock.now())
        place, complete_to = self._go_on(place, spans)
        if alone is None:
            return None, place
        reject = Reject(KIND, str(alone), str(error), "{}")
        return Batch((), self._cursor(place), (reject,), complete_to=complete_to), place

    def _whole(self, place: Place) -> Span:
        assert place.started is not None, "a page is read in a started walk only"
        first = place.watermark - self._margins.overlap if place.watermark else _FIRST_SHOP
        end = place.started.replace(microsecond=0) + timedelta(seconds=1)
        return Span(first.replace(microsecond=0), end)

    def _go_on(self, place: Place, spans: Spans) -> tuple[Place, datetime | None]:
        """The place at the next span; or after the walk, and up to when it shows everything."""
        if spans.now is not None:
            query = f"{_since(spans.now.first)} updated_at:<'{_text(spans.now.until)}'"
            return replace(place, query=query, after=None, spans=spans), None
        assert place.started is not None, "a page is read in a started walk only"
        complete_to = place.started - self._margins.index_lag
        if place.watermark is not None:
            complete_to = max(complete_to, place.watermark)
        return Place(complete_to, spans=Spans(over=spans.over)), complete_to

    def _shown(
        self, place: Place, *, apart: bool
    ) -> tuple[Place, Mapping[str, Any], frozenset[int]]:
        """One page, its records one by one where it must be taken `apart`."""
        try:
            return self._page(place)
        except Unavailable:
            if not apart or self._ids is None or self._one is None:
                raise
            return place, *self._one_by_one(self._ids, self._one, place)

    def _one_by_one(
        self, ids: Document, one: Document, place: Place
    ) -> tuple[Mapping[str, Any], frozenset[int]]:
        """The page put together of what each record shows alone, and the positions of those that do not."""
        page = self._client.read(ids, self._variables(place))[self._root]
        nodes: list[Node] = []
        broken = set()
        for gid in (node["id"] for node in page["nodes"]):
            try:
                (found,) = self._client.read(one, {"id": gid}).values()
            except Unavailable:
                broken.add(len(nodes))
                if len(broken) > MOST_IN_A_ROW:
                    raise
                found = {"id": gid}
            if found is not None:
                nodes.append(found)
        return {self._root: {**page, "nodes": nodes}}, frozenset(broken)

    def _cursor(self, place: Place) -> Cursor:
        return (
            json.dumps({**json.loads(str(place)), "more": self._more}) if self._more else str(place)
        )

    def _is_mine(self, cursor: Cursor | None) -> bool:
        try:
            return dict(json.loads(cursor or "{}").get("more") or {}) == dict(self._more)
        except (AttributeError, TypeError, ValueError):
            return False

    def _start(self, watermark: datetime | None, spans: Spans) -> Place:
        now, query = self._clock.now(), None
        if watermark is not None:
            query = _since(watermark - self._margins.overlap)
        place = Place(watermark, now, query)
        spans = spans.begin(self._whole(place), now=now)
        return replace(place, spans=spans) if spans.now is None else self._go_on(place, spans)[0]

    def _page(self, place: Place) -> tuple[Place, Mapping[str, Any], frozenset[int]]:
        """Read one page; a place that is no longer known restarts the walk from its watermark."""
        try:
            return place, *self._ask(place)
        except Rejected as error:
            if place.after is None or not _names_the_cursor(error):
                raise
        place = self._start(place.watermark, place.spans.anew)
        return place, *self._ask(place)

    def _ask(self, place: Place) -> tuple[Mapping[str, Any], frozenset[int]]:
        try:
            variables = {**self._more, **self._variables(place)}
            return self._client.read(self._document, variables), frozenset()
        except PartialAnswer as partial:
            broken = _positions(partial.paths, self._root)
            if broken is None or partial.data.get(self._root) is None:
                raise
            return partial.data, broken

    def _variables(self, place: Place) -> dict[str, Any]:
        return {"first": self._page_size, "after": place.after, "query": place.query}


def _since(at: datetime) -> str:
    return f"updated_at:>='{_text(at)}'"


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _names_the_cursor(error: Rejected) -> bool:
    """ "Invalid cursor for current pagination sort.", "Malformed cursor": with or without a code."""
    return "cursor" in str(error).lower() or error.code == "BAD_REQUEST"


def _positions(paths: Sequence[tuple[str | int, ...]], root: str) -> frozenset[int] | None:
    """Which nodes are incomplete; None where an error is not inside a node."""
    found = set()
    for path in paths:
        match path:
            case (name, "nodes", int(position), *_) if name == root:
                found.add(position)
            case _:
                return None
    return frozenset(found)


def rest_of(
    client: Client, document: Document, *, parent_id: str, path: tuple[str, str], first: Node
) -> list[Node]:
    """All nodes of a nested connection, the first page of which is at hand. Raises Unreadable
    when the parent is gone meanwhile."""
    parent, connection = path
    nodes = list(first["nodes"])
    page = first["pageInfo"]
    while page["hasNextPage"]:
        data = client.read(document, {"id": parent_id, "after": page["endCursor"]})
        if data[parent] is None:
            raise Unreadable(f"the {parent} is gone")
        nodes += data[parent][connection]["nodes"]
        page = data[parent][connection]["pageInfo"]
    return nodes


class OrderReader:
    """Order records with everything that belongs to them, one bad one not stopping the others."""

    def __init__(self, client: Client, *, channel: ChannelId) -> None:
        self._client = client
        self._channel = channel

    def page(
        self, data: Mapping[str, Any], nodes: Sequence[Node], broken: frozenset[int]
    ) -> Read[Order]:
        items, rejects, raw = [], [], []
        for position, node in enumerate(nodes):
            try:
                if position in broken or node is None:
                    raise Unreadable("Shopify could not read all of it")
                item, record = self._one(node)
            except Unreadable as problem:
                rejects.append(reject_of("order", node, str(problem)))
            else:
                items.append(item)
                raw.append((item.remote_id, record))
        return Read(tuple(items), tuple(rejects), tuple(raw))

    def _one(self, node: Node) -> tuple[Order, str]:
        """The order and its complete raw record."""
        try:
            gid, lines, assigned = node["id"], node["lineItems"], node["fulfillmentOrders"]
            lines = self._rest(documents.ORDER_LINES, gid, ("order", "lineItems"), lines)
            assigned = self._rest(
                documents.ORDER_ASSIGNMENTS, gid, ("order", "fulfillmentOrders"), assigned
            )
            assigned = [self._with_all_lines(one) for one in assigned]
        except (KeyError, TypeError):
            raise Unreadable("a field is missing or of another kind") from None
        order = mapping.order(node, channel=self._channel, lines=lines, fulfillment_orders=assigned)
        whole = {
            **node,
            "lineItems": {"nodes": lines},
            "fulfillmentOrders": {"nodes": assigned},
        }
        return order, json.dumps(whole, ensure_ascii=False)

    def _with_all_lines(self, assigned: Node) -> Node:
        lines = self._rest(
            documents.FULFILLMENT_ORDER_LINES,
            assigned["id"],
            ("fulfillmentOrder", "lineItems"),
            assigned["lineItems"],
        )
        return {**assigned, "lineItems": {"nodes": lines}}

    def _rest(self, document: Document, gid: str, path: tuple[str, str], first: Node) -> list[Node]:
        return rest_of(self._client, document, parent_id=gid, path=path, first=first)


class ListingReader:
    """Variants of products as listings."""

    def __init__(self, client: Client, *, channel: ChannelId) -> None:
        self._client = client
        self._channel = channel

    def page(
        self, data: Mapping[str, Any], nodes: Sequence[Node], broken: frozenset[int]
    ) -> Read[Listing]:
        currency = data["shop"]["currencyCode"]
        items: list[Listing] = []
        rejects: list[Reject] = []
        raw: list[tuple[str, str]] = []
        for position, product in enumerate(nodes):
            try:
                if position in broken or product is None:
                    raise Unreadable("Shopify could not read all of it")
                variants = self._variants(product)
            except Unreadable as problem:
                rejects.append(reject_of("product", product, str(problem)))
                continue
            for variant in variants:
                self._one(variant, product, currency, items, rejects, raw)
        return Read(tuple(items), tuple(rejects), tuple(raw))

    def _variants(self, product: Node) -> list[Node]:
        try:
            return rest_of(
                self._client,
                documents.PRODUCT_VARIANTS,
                parent_id=product["id"],
                path=("product", "variants"),
                first=product["variants"],
            )
        except (KeyError, TypeError):
            raise Unreadable("a field is missing or of another kind") from None

    def _one(
        self,
        variant: Node,
        product: Node,
        currency: str,
        items: list[Listing],
        rejects: list[Reject],
        raw: list[tuple[str, str]],
    ) -> None:
        try:
            item = mapping.listing(variant, product, channel=self._channel, currency=currency)
        except Unreadable as problem:
            rejects.append(reject_of("listing", variant, str(problem)))
            return
        items.append(item)
        page = {name: value for name, value in product.items() if name != "variants"}
        raw.append((item.remote_id, json.dumps({**variant, "product": page}, ensure_ascii=False)))


def reject_of(kind: str, node: Node | None, problem: str) -> Reject:
    gid = str((node or {}).get("id") or "")
    return Reject(
        kind=kind,
        remote_id=mapping.order_number(gid),
        problem=problem,
        raw=json.dumps(node, ensure_ascii=False),
    )
