"""Which orders the shop has, by another way than the walks that bring them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connectors.shopify import documents, mapping
from connectors.shopify.client import Client
from core.ports import Batch, Clock, Cursor, Listed


def list_orders(
    client: Client, *, clock: Clock, since: Cursor | None, first: datetime
) -> Iterator[Batch[Listed]]:
    """See ports.OrderCensus: one call for each 250 orders, without the search. The newest come first, so that what is placed
    meanwhile moves nothing out of the pages to come; the next census lists it."""
    started = clock.now()
    after: str | None = None
    while True:
        data = client.read(documents.CENSUS, {"after": after})
        page = [mapping.listed(node) for node in data["orders"]["nodes"]]
        found = tuple(one for one in page if one.placed_at >= first)
        info = data["orders"]["pageInfo"]
        if len(found) < len(page) or not info["hasNextPage"]:
            break
        after = info["endCursor"]
        yield Batch(found, since or "")
    yield Batch(found, since or "", complete_to=started)


def count_orders(client: Client, *, first: datetime, until: datetime) -> int | None:
    """See ports.OrderCount."""
    query = f"created_at:>='{_text(first)}' created_at:<'{_text(until)}'"
    counted = client.read(documents.ORDER_COUNT, {"query": query})["ordersCount"]
    return int(counted["count"]) if counted and counted["precision"] == "EXACT" else None


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
