"""What stands in a cell, read one way everywhere. Each raises Unreadable with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.supplier_file.settings import Column, Format

#: More units of one thing than any place we know holds: a bar code in the wrong column, most likely.
ABSURD_QUANTITY = 10_000_000


class Unreadable(Exception):
    """One line cannot be read; its text is the reason."""


def required(text: str, column: Column) -> str:
    found = text.strip()
    if not found:
        raise Unreadable(f"{column if isinstance(column, str) else f'column {column}'} is empty")
    return found


def quantity_of(text: str) -> int:
    """A whole number as files write it: 12, 12.0, +12. Never 1,200: it means two things."""
    if not re.fullmatch(r"[+-]?\d+(\.0*)?", text, re.ASCII):
        raise Unreadable(f"{text[:100]!r} is no whole number")
    digits = text.partition(".")[0]
    # Thousands of digits are no number either, and Python refuses to read them.
    quantity = int(digits) if len(digits) < 20 else ABSURD_QUANTITY + 1
    if abs(quantity) > ABSURD_QUANTITY:
        raise Unreadable(f"{digits[:40]} units cannot be")
    return quantity


def instant(text: str, format_: Format) -> datetime:
    """ISO 8601 or one of the configured patterns; without an offset, in the configured zone.

    Raises ValueError.
    """
    for read in (datetime.fromisoformat, *(_by(pattern) for pattern in format_.instants)):
        try:
            at = read(text)
            if at.tzinfo is None:
                at = at.replace(tzinfo=ZoneInfo(format_.timezone))
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"{text[:100]!r} is no instant")


def _by(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone comes next


def instant_of(text: str, format_: Format) -> datetime:
    try:
        return instant(text, format_)
    except ValueError as error:
        raise Unreadable(str(error)) from None
