"""Which orders the shop has, by another way than the walks that bring them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connectors.shopify import documents, mapping
from connectors.shopify.client import Client
from core.errors import Unavailable
from core.ports import Batch, Clock, Cursor, Listed


def list_orders(
    client: Client, *, name: str, clock: Clock, since: Cursor | None, first: datetime
) -> Iterator[Batch[Listed]]:
    """See ports.OrderCensus. The newest come first, so that what is placed meanwhile moves nothing out
    of the pages to come; the next census lists it."""
    started = clock.now()
    query = f"created_at:>='{first.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    after: str | None = None
    counted, listed = None, 0
    while True:
        data = client.read(documents.CENSUS, {"after": after, "query": query})
        counted = counted or data["ordersCount"]
        page = [mapping.listed(node) for node in data["orders"]["nodes"]]
        found = tuple(one for one in page if one.placed_at >= first)
        listed += len(found)
        info = data["orders"]["pageInfo"]
        if len(found) < len(page) or not info["hasNextPage"]:
            break
        after = info["endCursor"]
        yield Batch(found, since or "")
    if counted and counted["precision"] == "EXACT" and counted["count"] > listed:
        raise Unavailable(
            f"it counts {counted['count']} orders and lists {listed}",
            connector=name,
            operation=documents.CENSUS.name,
        )
    yield Batch(found, since or "", complete_to=started)
