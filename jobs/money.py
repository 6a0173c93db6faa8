"""Prices of several currencies in the shop's own money, by the rates an admin wrote."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from config.replenishment import exact
from core.model.money import Money, exponent
from core.rules.landed_cost import in_force, nearest
from jobs.wiring import Wiring


def rate_on(wiring: Wiring, currency: str, day: date) -> tuple[Fraction, str, date | None] | None:
    """(minor units of the shop's currency for one of this, the rate as written, since when).

    None where no rate holds on that day. The shop's own currency is 1, since ever.
    """
    own = wiring.config.shop.currency
    if currency == own:
        return Fraction(1), "1", None
    found = in_force(wiring.config.currencies.get(currency, {}), day)
    if found is None:
        return None
    since, rate = found
    scale = Fraction(10) ** (exponent(own) - exponent(currency))
    return exact(rate) * scale, str(rate), since


def in_shop_money(wiring: Wiring, amount: Money | None, day: date) -> Money | None:
    """An amount in the shop's currency at that day's rate; None where one of them is not known."""
    rate = rate_on(wiring, amount.currency, day) if amount is not None else None
    if amount is None or rate is None:
        return None
    return Money(nearest(amount.amount * rate[0]), wiring.config.shop.currency)


def margin_of(price: Money | None, cost: int | None, currency: str) -> Money | None:
    """What one sold unit leaves; None where price or cost is not known. Never below 0: a unit that
    is sold at a loss is not missed."""
    if price is None or cost is None:
        return None
    return Money(max(0, price.amount - cost), currency)
