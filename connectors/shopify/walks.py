"""Walking what changed: frozen query, one page at a time, a place that can be taken up again.

Shopify's search is an index that lags, `updated_at` has whole seconds, and rows move to the end
while one pages. So a walk asks from a margin before the last complete one, keeps its query
unchanged to the end, and only its end moves the watermark: to the walk's start less the lag.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from connectors.shopify import documents, mapping
from connectors.shopify.answers import PartialAnswer
from connectors.shopify.client import Client
from connectors.shopify.documents import Document
from connectors.shopify.values import Unreadable
from core.errors import Rejected
from core.model.catalog import ChannelId, Listing
from core.model.orders import Order
from core.ports import Batch, Clock, Cursor, Reject

T = TypeVar("T")

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands. `query` never changes within a walk: an `after` belongs to it."""

    watermark: datetime | None
    started: datetime | None = None
    query: str | None = None
    after: str | None = None

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
    ) -> None:
        """`more`: variables of the document besides those of every walk. Once one is another, what
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

    def batches(self, since: Cursor | None) -> Iterator[Batch[T]]:
        """One batch per page; the last has `complete_to`, and its cursor starts the next walk."""
        place = Place.read(since if self._is_mine(since) else None)
        if place.started is None:
            place = self._start(place.watermark)
        while True:
            place, data, broken = self._page(place)
            connection = data[self._root]
            read = self._read(data, connection["nodes"], broken)
            if not connection["pageInfo"]["hasNextPage"]:
                yield self._last(read, place)
                return
            place = Place(
                place.watermark, place.started, place.query, connection["pageInfo"]["endCursor"]
            )
            yield Batch(read.items, self._cursor(place), read.rejects, read.raw)

    def _cursor(self, place: Place) -> Cursor:
        return (
            json.dumps({**json.loads(str(place)), "more": self._more}) if self._more else str(place)
        )

    def _is_mine(self, cursor: Cursor | None) -> bool:
        try:
            return dict(json.loads(cursor or "{}").get("more") or {}) == dict(self._more)
        except (AttributeError, TypeError, ValueError):
            return False

    def _start(self, watermark: datetime | None) -> Place:
        query = None
        if watermark is not None:
            since = (watermark - self._margins.overlap).astimezone(UTC)
            query = f"updated_at:>='{since:%Y-%m-%dT%H:%M:%SZ}'"
        return Place(watermark, self._clock.now(), query)

    def _last(self, read: Read[T], place: Place) -> Batch[T]:
        assert place.started is not None, "a page is read in a started walk only"
        complete_to = place.started - self._margins.index_lag
        if place.watermark is not None:
            complete_to = max(complete_to, place.watermark)
        cursor = self._cursor(Place(complete_to))
        return Batch(read.items, cursor, read.rejects, read.raw, complete_to)

    def _page(self, place: Place) -> tuple[Place, Mapping[str, Any], frozenset[int]]:
        """Read one page; a place that is no longer known restarts the walk from its watermark."""
        try:
            return place, *self._ask(place)
        except Rejected as error:
            if place.after is None or not _names_the_cursor(error):
                raise
        place = self._start(place.watermark)
        return place, *self._ask(place)

    def _ask(self, place: Place) -> tuple[Mapping[str, Any], frozenset[int]]:
        place_now = {"first": self._page_size, "after": place.after, "query": place.query}
        variables = {**self._more, **place_now}
        try:
            return self._client.read(self._document, variables), frozenset()
        except PartialAnswer as partial:
            broken = _positions(partial.paths, self._root)
            if broken is None or partial.data.get(self._root) is None:
                raise
            return partial.data, broken


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
