"""Connections: sorted, sliced, with opaque cursors that are bound to their sort and query.

A cursor is a place in the order (sort value, id), not a row number: a row that changes while a
walk is under way shows up again further on, as in Shopify.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.shopify.simulator.refusal import top_level

MAX_PAGE = 250


@dataclass(frozen=True)
class Slice:
    """The paging arguments of a connection field."""

    first: int | None = None
    last: int | None = None
    after: str | None = None
    before: str | None = None
    reverse: bool = False

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Slice:
        return cls(**{name: arguments[name] for name in cls.__match_args__ if name in arguments})


#: What rows are sorted by: a value that JSON can carry and Python can compare, made unique by id.
Key = Callable[[Any], Any]


def connection(
    rows: Sequence[Any], slice_: Slice, *, key: Key, bound_to: str, limit_needed: bool = True
) -> dict[str, Any]:
    """The rows as edges, nodes and pageInfo.

    `bound_to` names field, sort and query; a cursor from another walk is "Malformed cursor".
    Raises GraphQLError (BAD_REQUEST) for that, and for a missing or too large page size.
    """
    _check_size(slice_, limit_needed)
    seal = hashlib.sha256(bound_to.encode()).hexdigest()[:12]
    placed = sorted(((_place(row, key), row) for row in rows), key=lambda pair: _order(pair[0]))
    if slice_.reverse:
        placed.reverse()
    start, stop = 0, len(placed)
    if slice_.after is not None:
        place = _opened(slice_.after, seal)
        start = sum(1 for at, _ in placed if not _beyond(at, place, slice_.reverse))
    if slice_.before is not None:
        place = _opened(slice_.before, seal)
        stop = sum(1 for at, _ in placed if _beyond(place, at, slice_.reverse))
    window = placed[start:stop]
    page = window
    if slice_.first is not None:
        page = window[: slice_.first]
    elif slice_.last is not None:
        page = window[max(0, len(window) - slice_.last) :]
    return _shown(page, seal, placed)


def _check_size(slice_: Slice, limit_needed: bool) -> None:
    if slice_.first is None and slice_.last is None:
        if limit_needed:
            raise top_level("you must provide one of first or last", code="BAD_REQUEST")
        return
    for name, size in (("first", slice_.first), ("last", slice_.last)):
        if size is not None and not 0 <= size <= MAX_PAGE:
            bound = f"exceed {MAX_PAGE}" if size > MAX_PAGE else "be negative"
            raise top_level(f"{name} cannot {bound}", code="BAD_REQUEST")


def _place(row: Any, key: Key) -> list[Any]:
    value = key(row)
    return [value.isoformat() if isinstance(value, datetime) else value, _identity(row)]


def _identity(row: Any) -> Any:
    number = getattr(row, "legacy_resource_id", None)
    return number if number is not None else str(getattr(row, "id", ""))


def _order(place: list[Any]) -> tuple[Any, Any]:
    return (place[0], place[1])


def _beyond(place: list[Any], other: list[Any], reverse: bool) -> bool:
    """Is `place` later in the walk than `other`?"""
    return _order(place) < _order(other) if reverse else _order(place) > _order(other)


def _opened(cursor: str, seal: str) -> list[Any]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if place.pop("s") != seal:
            raise ValueError
        return [place["v"], place["i"]]
    except (AttributeError, KeyError, ValueError) as error:
        raise top_level("Malformed cursor", code="BAD_REQUEST") from error


def _cursor(place: list[Any], seal: str) -> str:
    text = json.dumps({"v": place[0], "i": place[1], "s": seal}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _shown(
    page: list[tuple[list[Any], Any]], seal: str, placed: list[tuple[list[Any], Any]]
) -> dict[str, Any]:
    edges = [{"cursor": _cursor(place, seal), "node": row} for place, row in page]
    return {
        "edges": edges,
        "nodes": [row for _, row in page],
        "pageInfo": {
            "hasNextPage": bool(page) and page[-1] is not placed[-1],
            "hasPreviousPage": bool(page) and page[0] is not placed[0],
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }
