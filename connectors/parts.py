"""Parts of a carrier's JSON answer, whatever stands in their place: a wrong shape is an absent part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list.

    >>> objects([{"a": 1}, None, "b"]), objects(None)
    ([{'a': 1}], [])
    """
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_of(value: object) -> Mapping[str, Any]:
    """An object; empty where it is something else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """
    >>> text(" 05 "), text(5), text(None)
    ('05', '5', '')
    """
    return str(value).strip() if value is not None else ""


def place(address: Mapping[str, Any], *parts: str) -> str:
    """City, region and country as printed; no street.

    >>> place({"city": "WAYNE", "state": None, "country": "US"}, "city", "state", "country")
    'WAYNE, US'
    """
    return ", ".join(found for part in parts if (found := text(address.get(part))))


def clock(value: object) -> datetime | None:
    """An ISO 8601 instant, or a wall clock where it has no offset.

    >>> clock("2018-02-02T12:01:00-07:00").utcoffset().total_seconds(), clock("soon")
    (-25200.0, None)
    """
    try:
        return datetime.fromisoformat(text(value))
    except ValueError:
        return None


def same_number(one: object, other: str) -> bool:
    """Whether two tracking numbers are one: blanks and the case of letters do not matter."""
    return "".join(text(one).split()).upper() == "".join(other.split()).upper()
