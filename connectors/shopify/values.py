"""Values of Shopify's records, each read or refused in words that name its field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from core.model.money import Money

#: Int of the schema is signed and has 32 bits.
MOST_UNITS = 2**31 - 1


class Unreadable(Exception):
    """A record that does not say what we need; the words name fields, never their contents."""


def text(node: Mapping[str, Any], field: str) -> str:
    value = node[field]
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{field} is no text")
    return value


def count(node: Mapping[str, Any], field: str) -> int:
    value = node[field]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_UNITS:
        raise Unreadable(f"{field} is no count")
    return value


def instant(node: Mapping[str, Any], field: str) -> datetime | None:
    value = node.get(field)
    if value is None:
        return None
    try:
        told = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Unreadable(f"{field} is no instant") from None
    if told.tzinfo is None:
        raise Unreadable(f"{field} has no time zone")
    return told


def required_instant(node: Mapping[str, Any], field: str) -> datetime:
    told = instant(node, field)
    if told is None:
        raise Unreadable(f"{field} is missing")
    return told


def shop_money(node: Mapping[str, Any], field: str) -> Money:
    """What a MoneyBag says in the shop's currency."""
    told = money(node[field], "shopMoney", field)
    if told is None:
        raise Unreadable(f"{field} is missing")
    return told


def money(bag: Mapping[str, Any], side: str, field: str) -> Money | None:
    """One side of a MoneyBag; None where that side is absent."""
    told = bag.get(side)
    return None if told is None else amount(told["amount"], told["currencyCode"], field)


def amount(text: str, currency: str, field: str) -> Money:
    try:
        return Money.parse(text, currency)
    except ValueError:
        pass
    # A unit price after discounts is approximate by its definition and may have more decimals.
    try:
        rounded = Decimal(text).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        return Money.parse(str(rounded), currency)
    except (InvalidOperation, ValueError):
        raise Unreadable(f"{field} is no amount of money") from None
