"""What goods cost until they lie on our shelf: one sum for a receipt and for an order in mind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from config.replenishment import Supplier, exact
from core.model.catalog import Sku
from core.model.money import Money, exponent
from core.rules.landed_cost import (
    Duty,
    LandedLine,
    ReceivedLine,
    ShareBy,
    duty_for,
    freight_weights,
    landed,
    nearest,
    shared,
)
from jobs.money import rate_on
from jobs.wiring import Wiring

_CUBIC_METER, _KILOGRAM = 1_000_000, 1_000


@dataclass(frozen=True, slots=True)
class Landing:
    """Goods of one supplier at their landed cost, in the shop's currency."""

    lines: tuple[LandedLine, ...]
    #: the rates each line was reckoned with, as JSON
    basis: dict[Sku, dict[str, Any]]


def land(
    wiring: Wiring, supplier: Supplier, goods: Mapping[Sku, tuple[int, int]], *,
    currency: str, day: date, freight: Money | None = None,
) -> Landing | None:  # fmt: skip
    """`goods`: Sku -> (units, price of one in minor units of `currency`). Rates are those of `day`.

    `freight`: of all of them, in the shop's currency; None: as the supplier's rates have it. None
    comes back where no rate to the shop's currency holds.
    """
    found = rate_on(wiring, currency, day)
    if found is None:
        return None
    rate, written, since = found
    lines: list[ReceivedLine] = []
    basis: dict[Sku, dict[str, Any]] = {}
    for sku, (_, price) in goods.items():
        terms = supplier.items.get(sku)
        duty = None
        if terms is not None and terms.hts:
            duty = duty_for(_duties(wiring), hts=terms.hts, origin=terms.origin, day=day)
        plain = _line(supplier, sku, goods[sku])
        lines.append(
            replace(
                plain,
                duty=duty.percent if duty else Fraction(0),
                fee=exact(supplier.inbound_fee) * 10 ** exponent(wiring.config.shop.currency),
            )
        )
        basis[sku] = {
            "price": str(Money(price, currency)),
            "rate": written,
            "rate_since": since.isoformat() if since else None,
            "freight": "stated" if freight is not None else "by the supplier's rates",
            "shared_by": supplier.freight.by,
            "duty_percent": str(float(duty.percent)) if duty else "0",
            "hts": terms.hts if terms else None,
            "origin": terms.origin if terms else "",
        }
    if not lines:
        return Landing((), {})
    total = freight.amount if freight is not None else _freight(wiring, supplier, lines)
    made = landed(lines, rate=rate, freight=total, by=ShareBy(supplier.freight.by))
    return Landing(made, basis)


def _line(supplier: Supplier, sku: Sku, goods: tuple[int, int]) -> ReceivedLine:
    """`goods`: units, price of one."""
    terms = supplier.items.get(sku)
    units, price = goods
    return ReceivedLine(
        sku=sku,
        units=units,
        price=price * units,
        volume=terms.volume if terms else 0,
        weight=terms.weight if terms else 0,
    )


@dataclass(frozen=True, slots=True)
class Goods:
    """What one order brings: Sku -> (units, price of one in minor units of `currency`)."""

    supplier: Supplier
    priced: Mapping[Sku, tuple[int, int]]
    currency: str


def freight_shares(
    wiring: Wiring, goods: Sequence[Goods], freight: Money, *, day: date
) -> list[Money] | None:
    """The part of each order in what they cost to bring together; the parts add up to it.

    Shared by what their suppliers' freight is shared by; by value where those differ. None comes
    back where no rate to the shop's currency holds.
    """
    lines: list[ReceivedLine] = []
    values: list[int] = []
    for one in goods:
        found = rate_on(wiring, one.currency, day)
        if found is None:
            return None
        some = [_line(one.supplier, sku, each) for sku, each in one.priced.items()]
        lines += some
        values += shared(
            nearest(sum(line.price for line in some) * found[0]), [line.price for line in some]
        )
    ways = {one.supplier.freight.by for one in goods}
    by = ShareBy(ways.pop()) if len(ways) == 1 else ShareBy.VALUE
    parts = iter(shared(freight.amount, freight_weights(lines, values, by)))
    return [Money(sum(next(parts) for _ in one.priced), freight.currency) for one in goods]


def _duties(wiring: Wiring) -> list[Duty]:
    return [
        Duty(one.hts.replace(".", ""), one.origin, one.since, exact(one.percent))
        for one in wiring.config.duties
    ]


def _freight(wiring: Wiring, supplier: Supplier, lines: Sequence[ReceivedLine]) -> int:
    """By the supplier's rates: cubic meters and kilograms, in minor units."""
    volume = sum(line.volume * line.units for line in lines)
    weight = sum(line.weight * line.units for line in lines)
    each = exact(supplier.freight.per_cubic_meter) * Fraction(volume, _CUBIC_METER)
    each += exact(supplier.freight.per_kilogram) * Fraction(weight, _KILOGRAM)
    return nearest(each * 10 ** exponent(wiring.config.shop.currency))
