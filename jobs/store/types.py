"""Column types: instants that refuse to be naive, JSON as text on every database."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_SURROGATE = re.compile("[\ud800-\udfff]")


def instant_text(at: datetime) -> str:
    """Fixed width, so that text order is time order: 2026-11-24T01:02:03.000004+00:00."""
    if at.tzinfo is UTC:
        # The usual case, on the way of every bulk write.
        return at.isoformat(timespec="microseconds")
    if at.tzinfo is None:
        raise ValueError(f"a naive instant cannot be stored: {at!r}")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(text: str) -> str:
    """The text as both databases can keep it.

    PostgreSQL has no NUL, and half a surrogate pair (a remote cut a title in the middle of an emoji)
    cannot be encoded: one such letter would keep a whole page of orders out for ever.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, fixed-width text on SQLite.

    SQLAlchemy's own DateTime drops the zone on SQLite without a word.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = instant_text(value)
        return text if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        at: datetime = value
        return at.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON as text: the same bytes on both databases, and cheap in a recordset."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def json_text(value: Any) -> str:
    """Compact JSON in a stable key order, so that equal values are equal text."""
    return storable(_ENCODER.encode(value))


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


#: Made once: json.dumps makes an encoder for every call that wants anything but the defaults.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_plain
)
