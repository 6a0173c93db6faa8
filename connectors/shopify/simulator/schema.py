"""The simulator's own schema: the subset of the Admin API it serves, read from schema.graphql."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from graphql import GraphQLScalarType, GraphQLSchema, build_schema


@functools.cache
def load_schema() -> GraphQLSchema:
    """Built once per process; resolvers are looked up by name, so shops can share it."""
    text = (Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(text)
    for name, written in _WRITTEN.items():
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.coerce_output_value = written
    return schema


def iso(instant: datetime) -> str:
    """An instant as Shopify writes it: whole seconds, Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date_time(value: Any) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _decimal(value: Any) -> str:
    """A MoneyV2 amount: "20.0", "10.99" (recorded)."""
    text = f"{Decimal(value).quantize(Decimal('0.01'))}"
    return text[:-1] if text.endswith("0") else text


def _money(value: Any) -> str:
    """The Money scalar: "20.00"."""
    return f"{Decimal(value).quantize(Decimal('0.01'))}"


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "DateTime": _date_time,
    "Decimal": _decimal,
    "Money": _money,
    "UnsignedInt64": str,
}
