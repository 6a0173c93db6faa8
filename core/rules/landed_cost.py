"""What a unit really cost: price, freight, duty and fees, in the shop's own money.

Integer minor units throughout; a sum that is shared out adds up to itself exactly (the largest
remainders get the odd cents). Rates are what the admin wrote, with the day they hold from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from core.model.catalog import Sku

T = TypeVar("T")


class ShareBy(StrEnum):
    """What a receipt's freight is shared by."""

    VOLUME = "volume"
    WEIGHT = "weight"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """One Sku of a receipt."""

    sku: Sku
    units: int
    #: of all units, minor units of the purchase currency
    price: int
    #: of one unit, cubic centimeters; 0: not known
    volume: int = 0
    #: of one unit, grams; 0: not known
    weight: int = 0
    #: of the value in the shop's money, percent
    duty: Fraction = Fraction(0)
    #: inbound fees of one unit, minor units of the shop's currency
    fee: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class LandedLine:
    """The same in minor units of the shop's currency, for all units of the line."""

    sku: Sku
    units: int
    goods: int
    freight: int
    duty: int
    fees: int

    @property
    def total(self) -> int:
        return self.goods + self.freight + self.duty + self.fees


def landed(
    lines: Sequence[ReceivedLine], *, rate: Fraction, freight: int, by: ShareBy
) -> tuple[LandedLine, ...]:
    """Every line at its landed cost.

    `rate`: minor units of the shop's currency for one minor unit of the purchase currency (the
    exponents of the two are in it). `freight`: of the whole receipt, in the shop's money. A line
    without volume or weight is shared by value with all others, for a share of nothing would put
    its freight on them.
    """
    prices = [line.price for line in lines]
    goods = shared(nearest(sum(prices) * rate), prices)
    freights = shared(freight, freight_weights(lines, goods, by))
    return tuple(
        LandedLine(
            sku=line.sku,
            units=line.units,
            goods=value,
            freight=share,
            duty=nearest(value * line.duty / 100),
            fees=nearest(line.fee * line.units),
        )
        for line, value, share in zip(lines, goods, freights, strict=True)
    )


def freight_weights(lines: Sequence[ReceivedLine], goods: Sequence[int], by: ShareBy) -> list[int]:
    """What the freight of these lines is shared by; `goods`: their values in the shop's money."""
    each = {
        ShareBy.VOLUME: [line.volume * line.units for line in lines],
        ShareBy.WEIGHT: [line.weight * line.units for line in lines],
        ShareBy.VALUE: list(goods),
    }[by]
    return each if all(each) else list(goods)


def nearest(amount: Fraction | int) -> int:
    """The nearest minor unit, halves up."""
    return int((amount * 2 + 1) // 2)


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in shares that are as near to the weights as can be and add up to it exactly.

    Weights are 0 or more; where all are 0, the shares are as even as can be.
    """
    if not weights:
        return []
    whole = sum(weights)
    parts = list(weights) if whole else [1] * len(weights)
    whole = whole or len(parts)
    shares = [total * part // whole for part in parts]
    rests = [total * part % whole for part in parts]
    odd = total - sum(shares)
    for index in sorted(range(len(parts)), key=lambda one: (-rests[one], one))[:odd]:
        shares[index] += 1
    return shares


# --- what an admin wrote, by day -----------------------------------------------------------------


def in_force(dated: Mapping[date, T], day: date) -> tuple[date, T] | None:
    """The newest entry that holds on this day; None: none does yet."""
    begun = [since for since in dated if since <= day]
    return (max(begun), dated[max(begun)]) if begun else None


@dataclass(frozen=True, slots=True)
class Duty:
    """A rate of duty, in percent of the value."""

    #: the beginning of a tariff code, digits only
    hts: str
    #: ISO country; "": from anywhere
    origin: str
    since: date
    percent: Fraction


def duty_for(duties: Iterable[Duty], *, hts: str, origin: str, day: date) -> Duty | None:
    """The rate that holds: the longest code, then the one of the country, then the newest."""
    code = hts.replace(".", "")
    fitting = [
        one
        for one in duties
        if code.startswith(one.hts) and one.origin in ("", origin) and one.since <= day
    ]
    return max(fitting, key=lambda one: (len(one.hts), one.origin != "", one.since), default=None)


# --- the moving average --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool:
    """What the units of one Sku cost together, in minor units of the shop's currency."""

    units: int
    value: int

    def of(self, units: int) -> int:
        """The value of so many of them."""
        return nearest(Fraction(self.value * units, self.units)) if self.units else 0


def still_there(before: Pool | None, *, on_hand: int, units: int, sold: int) -> int:
    """Units that were there before `units` came, where the shelf may have them in its count already.

    A remote that counts a place raises its figure at one time and tells the receipt at another. What
    was there after the last receipt, less what was `sold` since, says which; the count says between
    which bounds.
    """
    last = before.units - sold if before is not None else 0
    return max(0, min(on_hand, max(on_hand - units, last)))


def averaged(before: Pool | None, *, on_hand: int, units: int, cost: int) -> Pool:
    """The pool after `units` came at `cost` to the `on_hand` that were there.

    Where the cost of what was there is not known, or nothing was, the receipt alone counts.
    """
    kept = max(0, on_hand) if before is not None and before.units else 0
    value = before.of(kept) if before is not None else 0
    return Pool(kept + units, value + cost)
