"""Reading single values out of Amazon's records. Absent is None or ""; wrong raises Unreadable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.model.money import Money

Record = Mapping[str, Any]


#: More is a slip: it is no number that any database column or request takes.
MOST_UNITS = 2**31 - 1


class Unreadable(ValueError):
    """A record that lacks what we must know. The words hold no personal data."""


def instant_text(at: datetime) -> str:
    """An instant as Amazon writes it: "2026-11-24T09:15:00Z"; fractions are cut off."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_from(words: str) -> datetime:
    """Reads what Amazon writes, UTC. Raises ValueError."""
    at = datetime.fromisoformat(words)
    if at.tzinfo is None:
        raise ValueError(f"an instant without an offset: {words!r}")
    return at.astimezone(UTC)


def instant(record: Record, name: str) -> datetime:
    """An instant that must be there. Raises Unreadable."""
    try:
        return instant_from(text(record, name))
    except ValueError:
        raise Unreadable(f"{name} is no instant: {text(record, name)[:40]!r}") from None


def money(record: Record, name: str) -> Money | None:
    """None where it is absent (pending orders). Raises Unreadable where it is no money."""
    found = part(record, name)
    if not found:
        return None
    currency = text(found, "currencyCode").upper()
    if not currency:
        raise Unreadable(f"{name} has no currency")
    try:
        return Money.parse(text(found, "amount"), currency)
    except ValueError as error:
        raise Unreadable(f"{name}: {error}") from None


def count(record: Record, name: str) -> int | None:
    """A number of units; None where it is absent. Raises Unreadable where it is none."""
    found = record.get(name)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST_UNITS:
        raise Unreadable(f"{name} is no number of units: {str(found)[:40]}")
    return found


def text(record: Any, name: str) -> str:
    """Its words, empty where it is absent."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return "" if found is None else str(found)


def part(record: Any, name: str) -> Record:
    """A record inside a record; empty where it is absent."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def list_of(record: Record, name: str) -> Sequence[Any]:
    """A list inside a record; empty where it is absent."""
    found = record.get(name)
    return found if isinstance(found, list) else ()
