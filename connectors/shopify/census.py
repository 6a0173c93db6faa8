"""Which orders the shop has, by another way than the walks that bring them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.shopify import documents, mapping
from connectors.shopify.client import Client
from connectors.spans import MOST_IN_A_ROW, Span, Spans
from core.errors import Unavailable
from core.ports import Batch, Clock, Cursor, Listed, Reject

#: What a Reject about a time of which no list is shown is called.
KIND = "order list"


def list_orders(
    client: Client, *, clock: Clock, since: Cursor | None, first: datetime
) -> Iterator[Batch[Listed]]:
    """See ports.OrderCensus: one call for each 250 orders, without the search. The newest come first, so
    that what is placed meanwhile moves nothing out of the pages to come; the next census lists it.

    A page that cannot be shown is walked around by the search, see connectors.spans.
    """
    started = clock.now()
    after: str | None = None
    rejects: tuple[Reject, ...] = ()
    reached = started
    while True:
        try:
            page, info = _page(client, after=after, query=None)
        except Unavailable as error:
            rest = Span(_second(first), _second(reached) + timedelta(seconds=1))
            page, rejects = _around(client, rest, error, now=started)
            break
        if not info["hasNextPage"] or (page and page[-1].placed_at < first):
            break
        after, reached = info["endCursor"], page[-1].placed_at if page else reached
        yield Batch(tuple(page), since or "")
    found = tuple(one for one in page if one.placed_at >= first)
    yield Batch(found, since or "", rejects, complete_to=started)


def count_orders(client: Client, *, first: datetime, until: datetime) -> int | None:
    """See ports.OrderCount."""
    query = _placed(Span(first, until))
    counted = client.read(documents.ORDER_COUNT, {"query": query})["ordersCount"]
    return int(counted["count"]) if counted and counted["precision"] == "EXACT" else None


def _page(
    client: Client, *, after: str | None, query: str | None
) -> tuple[list[Listed], dict[str, Any]]:
    data = client.read(documents.CENSUS, {"after": after, "query": query})["orders"]
    return [mapping.listed(node) for node in data["nodes"]], data["pageInfo"]


def _around(
    client: Client, whole: Span, error: Unavailable, *, now: datetime
) -> tuple[list[Listed], tuple[Reject, ...]]:
    """The orders placed in that time, but for seconds of which Shopify shows no list."""
    spans, _ = Spans().failed(whole, now=now)
    found: list[Listed] = []
    in_a_row = 0
    while spans.now is not None:
        try:
            shown = _of(client, spans.now)
        except Unavailable:
            in_a_row += 1
            if in_a_row > MOST_IN_A_ROW:
                raise
            spans, _ = spans.failed(whole, now=now)
        else:
            in_a_row, found = 0, found + shown
            spans, _ = spans.done()
    return found, tuple(Reject(KIND, str(span), str(error), "{}") for span, _ in spans.over)


def _of(client: Client, span: Span) -> list[Listed]:
    found: list[Listed] = []
    after = None
    while True:
        page, info = _page(client, after=after, query=_placed(span))
        found += page
        if not info["hasNextPage"]:
            return found
        after = info["endCursor"]


def _placed(span: Span) -> str:
    return f"created_at:>='{_text(span.first)}' created_at:<'{_text(span.until)}'"


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
