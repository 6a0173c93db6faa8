"""Shopify's search syntax (a subset) and the index behind it, which may lag.

`field:value`, `field:>='2026-11-20T10:00:00Z'`, `-field:value`, `NOT`, `AND`, `OR`, parentheses,
`value*`, `a,b`. A field that is not searchable is no error: the term is dropped with a warning
and the rest of the query decides (so a query of one wrong term returns everything).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.shopify.simulator.state import (
    FulfillmentOrder,
    InventoryItem,
    Level,
    Location,
    Order,
    Product,
    Record,
    Variant,
)

#: What a record can be searched by: each field's values, ready to compare.
Fields = Mapping[str, tuple[Any, ...]]

_FULFILLMENT_WORDS = {
    "UNFULFILLED": ("unfulfilled", "unshipped"),
    "FULFILLED": ("fulfilled", "shipped"),
    "PARTIALLY_FULFILLED": ("partial", "unfulfilled"),
}


def fulfillment_status(order: Order) -> str:
    """The order's `displayFulfillmentStatus`. A canceled order stays UNFULFILLED."""
    fulfilled = sum(line.fulfilled_quantity for line in order.lines)
    wanted = sum(line.current_quantity for line in order.lines)
    if fulfilled and fulfilled >= wanted:
        return "FULFILLED"
    if fulfilled:
        return "PARTIALLY_FULFILLED"
    statuses = {part.status for part in order.open_parts}
    for status in ("ON_HOLD", "IN_PROGRESS", "SCHEDULED"):
        if status in statuses:
            return status
    return "UNFULFILLED"


def _order(order: Order) -> Fields:
    state = "cancelled" if order.cancelled_at else "closed" if order.closed else "open"
    states = ("any", state) if state != "open" else ("any", "open", "not_closed")
    fulfillment = fulfillment_status(order)
    return {
        "id": (order.legacy_resource_id,),
        "name": (order.name.lower(), str(order.number)),
        "created_at": (order.created_at,),
        "processed_at": (order.processed_at,),
        "updated_at": (order.updated_at,),
        "status": states,
        "financial_status": (order.financial_status.lower(), "any"),
        "fulfillment_status": (*_FULFILLMENT_WORDS.get(fulfillment, (fulfillment.lower(),)), "any"),
        "tag": tuple(tag.lower() for tag in order.tags),
        "sku": tuple((line.sku or "").lower() for line in order.lines),
        "test": (str(order.test).lower(),),
        "source_name": (order.source_name,),
    }


def _product(product: Product) -> Fields:
    return {
        "id": (product.legacy_resource_id,),
        "created_at": (product.created_at,),
        "updated_at": (product.updated_at,),
        "title": (product.title.lower(),),
        "handle": (product.handle,),
        "status": (product.status.lower(),),
        "vendor": (product.vendor.lower(),),
        "product_type": (product.product_type.lower(),),
        "tag": tuple(tag.lower() for tag in product.tags),
        "sku": tuple((variant.sku or "").lower() for variant in product.variants),
    }


def _variant(variant: Variant) -> Fields:
    return {
        "id": (variant.legacy_resource_id,),
        "product_id": (variant.product.legacy_resource_id,),
        "sku": ((variant.sku or "").lower(),),
        "barcode": ((variant.barcode or "").lower(),),
        "title": (variant.title.lower(),),
        "updated_at": (variant.updated_at,),
        "product_status": (variant.product.status.lower(),),
    }


def _item(item: InventoryItem) -> Fields:
    return {
        "id": (item.legacy_resource_id,),
        "sku": ((item.sku or "").lower(),),
        "created_at": (item.created_at,),
        "updated_at": (item.updated_at,),
    }


def _level(level: Level) -> Fields:
    return {
        "inventory_item_id": (level.item.legacy_resource_id,),
        "created_at": (level.item.created_at,),
        "updated_at": (level.updated_at,),
    }


def _location(location: Location) -> Fields:
    return {
        "id": (location.legacy_resource_id,),
        "name": (location.name.lower(),),
        "active": (str(location.is_active).lower(),),
    }


def _fulfillment_order(part: FulfillmentOrder) -> Fields:
    return {
        "id": (part.legacy_resource_id,),
        "status": (part.status.lower(),),
        "assigned_location_id": (part.location.legacy_resource_id,),
        "updated_at": (part.updated_at,),
    }


_FIELDS: dict[type, Callable[[Any], Fields]] = {
    Order: _order,
    Product: _product,
    Variant: _variant,
    InventoryItem: _item,
    Level: _level,
    Location: _location,
    FulfillmentOrder: _fulfillment_order,
}
#: Fields whose values are instants, and numbers.
_INSTANTS = {"created_at", "processed_at", "updated_at"}
_NUMBERS = {"id", "product_id", "inventory_item_id", "assigned_location_id"}
#: What a word without a field is looked for in.
_TEXT = ("name", "sku", "title", "tag")
_SEARCHABLE = {
    Order: {
        "id", "name", "created_at", "processed_at", "updated_at", "status", "financial_status",
        "fulfillment_status", "tag", "tag_not", "sku", "test", "source_name",
    },
    Product: {
        "id", "created_at", "updated_at", "title", "handle", "status", "vendor", "product_type",
        "tag", "tag_not", "sku",
    },
    Variant: {"id", "product_id", "sku", "barcode", "title", "updated_at", "product_status"},
    InventoryItem: {"id", "sku", "created_at", "updated_at"},
    Level: {"inventory_item_id", "created_at", "updated_at"},
    Location: {"id", "name", "active"},
    FulfillmentOrder: {"id", "status", "assigned_location_id", "updated_at"},
}  # fmt: skip


class Index:
    """What searches see. A record that changed is seen with its old fields until `lag` has passed."""

    def __init__(self, *, lag: float) -> None:
        #: seconds of the simulator's clock
        self.lag = lag
        self._versions: dict[str, list[tuple[datetime, Fields]]] = {}
        #: records that the index never heard of
        self._lost: set[str] = set()

    def lose(self, record: Record) -> None:
        """No search finds it any more, whatever becomes of it; lists without a query do."""
        self._lost.add(record.id)

    def put(self, record: Record, *, at: datetime) -> None:
        versions = self._versions.setdefault(record.id, [])
        versions.append((at, _FIELDS[type(record)](record)))
        seen = [n for n, (when, _) in enumerate(versions) if when <= self._horizon(at)]
        del versions[: seen[-1] if seen else 0]

    def fields(self, record: Record, *, at: datetime) -> Fields | None:
        """The fields a search at this instant sees; None: not indexed yet."""
        if record.id in self._lost:
            return None
        versions = self._versions.get(record.id)
        if versions is None:
            return _FIELDS[type(record)](record)
        seen = [fields for when, fields in versions if when <= self._horizon(at)]
        return seen[-1] if seen else None

    def _horizon(self, at: datetime) -> datetime:
        return at - timedelta(seconds=self.lag)


@dataclass(frozen=True)
class Query:
    """A parsed query: what it says, and whether a record's fields match."""

    text: str
    parsed: Any
    warnings: list[dict[str, str]]
    matches: Callable[[Fields], bool]


def parse_query(text: str, *, kind: type) -> Query:
    """Read a query for records of this type. Never fails: what makes no sense is a warning."""
    reader = _Reader(_tokens(text), kind)
    node = reader.either()
    return Query(
        text,
        node.parsed if node else {},
        reader.warnings,
        node.matches if node else lambda fields: True,
    )


@dataclass(frozen=True)
class _Node:
    parsed: Any
    matches: Callable[[Fields], bool]


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<paren>[()])
    | (?P<negation>-(?=[\w(])|NOT\b)
    | (?P<junction>AND\b|OR\b)
    | (?P<field>[A-Za-z_][\w.]*):(?P<comparison>>=|<=|>|<)?(?P<fvalue>'[^']*'|"[^"]*"|[^\s()]*)
    | (?P<word>'[^']*'|"[^"]*"|[^\s()]+)
    )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    ">": ("gt", lambda mine, wanted: mine > wanted),
    ">=": ("gte", lambda mine, wanted: mine >= wanted),
    "<": ("lt", lambda mine, wanted: mine < wanted),
    "<=": ("lte", lambda mine, wanted: mine <= wanted),
}


def _tokens(text: str) -> list[re.Match[str]]:
    found, at = [], 0
    while match := _TOKEN.match(text, at):
        found.append(match)
        at = match.end()
    return found


@dataclass
class _Reader:
    """Recursive descent: OR binds loosest, AND may be left out."""

    tokens: list[re.Match[str]]
    kind: type
    warnings: list[dict[str, str]] = field(default_factory=list)
    at: int = 0

    def either(self) -> _Node | None:
        nodes = [self.all_of()]
        while self._is("junction", "OR"):
            self.at += 1
            nodes.append(self.all_of())
        return _join("or", any, [node for node in nodes if node])

    def all_of(self) -> _Node | None:
        nodes = []
        while self.at < len(self.tokens):
            if self._is("junction", "OR") or self._is("paren", ")"):
                break
            if self._is("junction", "AND"):
                self.at += 1
                continue
            nodes.append(self.one())
        return _join("and", all, [node for node in nodes if node])

    def one(self) -> _Node | None:
        token = self.tokens[self.at]
        self.at += 1
        if token["negation"]:
            inner = self.one() if self.at < len(self.tokens) else None
            if inner is None:
                return None
            return _Node({"not": inner.parsed}, lambda fields: not inner.matches(fields))
        if token["paren"]:
            inside = self.either()
            self.at += 1
            return inside
        if token["field"]:
            return self._term(token["field"], token["comparison"] or "", _bare(token["fvalue"]))
        return _words(_bare(token["word"]))

    def _term(self, name: str, comparison: str, value: str) -> _Node | None:
        if name not in _SEARCHABLE[self.kind]:
            self._warn(name, "Invalid search field for this query.", "invalid_field")
            return None
        if name == "tag_not":
            inner = _equal("tag", [value])
            return _Node({"not": inner.parsed}, lambda fields: not inner.matches(fields))
        wanted = [_value(name, part) for part in value.split(",")]
        if any(part is None for part in wanted):
            self._warn(name, f"Input `{value}` is not an accepted value.", "invalid_value")
            return None
        if not comparison:
            return _equal(name, wanted)
        word, compare = _COMPARISONS[comparison]
        return _Node(
            {"field": name, "range": {word: value}},
            lambda fields: any(compare(mine, wanted[0]) for mine in fields.get(name, ())),
        )

    def _warn(self, name: str, message: str, code: str) -> None:
        self.warnings.append({"field": name, "message": message, "code": code})

    def _is(self, group: str, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][group] == text


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0] else value


def _value(name: str, text: str) -> Any | None:
    """The text as the field's own type; None where it is none."""
    try:
        if name in _INSTANTS:
            instant = datetime.fromisoformat(text)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if name in _NUMBERS:
            return int(text.rsplit("/", 1)[-1])
    except ValueError:
        return None
    return text.lower()


def _equal(name: str, wanted: list[Any]) -> _Node:
    def matches(fields: Fields) -> bool:
        return any(_same(mine, value) for mine in fields.get(name, ()) for value in wanted)

    return _Node({"field": name, "match_all": ",".join(str(value) for value in wanted)}, matches)


def _same(mine: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and wanted.endswith("*"):
        return str(mine).startswith(wanted[:-1])
    return bool(mine == wanted)


def _words(text: str) -> _Node:
    wanted = text.lower().rstrip("*")

    def matches(fields: Fields) -> bool:
        return any(wanted in str(mine) for name in _TEXT for mine in fields.get(name, ()))

    return _Node({"field": "default", "match_all": text}, matches)


def _join(word: str, decide: Callable[[list[bool]], bool], nodes: list[_Node]) -> _Node | None:
    if len(nodes) < 2:
        return nodes[0] if nodes else None
    return _Node(
        {word: [node.parsed for node in nodes]},
        lambda fields: decide([node.matches(fields) for node in nodes]),
    )
