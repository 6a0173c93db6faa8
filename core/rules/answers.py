"""What a place's answer, line by line, makes of a request to ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.model.catalog import Sku
from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine
from core.model.money import Money

#: (order line, Sku)
LineKey = tuple[str, Sku]


@dataclass(frozen=True, slots=True)
class AskedLine:
    """Units of one Sku that a place was asked for."""

    #: as they were asked for, those declined since included
    quantity: int
    #: units of the Sku in one unit of the order line
    per_unit: int
    shipped: int
    #: declined in an earlier answer
    declined: int


@dataclass(frozen=True, slots=True)
class Late:
    """Units that will come, but not now."""

    sku: Sku
    units: int
    #: None: no day is told
    ready_on: date | None


@dataclass(frozen=True, slots=True)
class Repriced:
    """A unit costs something else than was reckoned with."""

    sku: Sku
    expected: Money
    told: Money


@dataclass(frozen=True, slots=True)
class Judged:
    #: units that will not come and that no earlier answer declined
    declined: Mapping[LineKey, int]
    late: tuple[Late, ...]
    #: their words for what was not asked for, or not so many of
    strange: tuple[str, ...]
    #: Skus of which a part would come that is of no use alone: kits
    broken: tuple[Sku, ...]
    #: nothing of the request will come
    nothing_left: bool
    #: units that will come after all, though an earlier answer declined them
    promised: Mapping[Sku, int]


def judge(
    asked: Mapping[LineKey, AskedLine], lines: Sequence[AnsweredLine], *, names: Mapping[str, Sku]
) -> Judged:
    """Read an answer against what was asked for. `names`: their word for a thing -> our Sku.

    An answer speaks of the whole request, so the same answer twice declines once. Of a Sku that
    stands in several lines of the order, the last ones lose first.
    """
    rejected: dict[Sku, int] = {}
    told: dict[Sku, int] = {}
    coming: dict[Sku, int] = {}
    late: list[Late] = []
    strange: list[str] = []
    for one in lines:
        sku = names.get(one.item)
        if sku is None:
            if one.quantity:
                strange.append(one.item)
            continue
        told[sku] = told.get(sku, 0) + one.quantity
        if one.status is AcknowledgmentStatus.REJECTED:
            rejected[sku] = rejected.get(sku, 0) + one.quantity
        elif one.status is not AcknowledgmentStatus.UNKNOWN:
            coming[sku] = coming.get(sku, 0) + one.quantity
        if one.status is AcknowledgmentStatus.BACKORDERED and one.quantity:
            late.append(Late(sku, one.quantity, one.ready_on))
    wanted: dict[Sku, int] = {}
    for (_, sku), line in asked.items():
        wanted[sku] = wanted.get(sku, 0) + line.quantity
    strange += [sku for sku, units in told.items() if units > wanted[sku]]
    declined = _declined(asked, rejected)
    left = {
        key: line.quantity - line.declined - declined.get(key, 0) for key, line in asked.items()
    }
    return Judged(
        {key: units for key, units in declined.items() if units},
        tuple(late),
        tuple(dict.fromkeys(strange)),
        _broken(asked, left),
        not any(left.values()),
        _promised(asked, coming),
    )


def _promised(asked: Mapping[LineKey, AskedLine], coming: Mapping[Sku, int]) -> dict[Sku, int]:
    """Of each Sku what is to come beyond what was left to it, as far as it was declined before."""
    left: dict[Sku, int] = {}
    before: dict[Sku, int] = {}
    for (_, sku), line in asked.items():
        left[sku] = left.get(sku, 0) + line.quantity - line.declined
        before[sku] = before.get(sku, 0) + line.declined
    more = {sku: min(units - left[sku], before[sku]) for sku, units in coming.items()}
    return {sku: units for sku, units in more.items() if units > 0}


def _declined(
    asked: Mapping[LineKey, AskedLine], rejected: Mapping[Sku, int]
) -> dict[LineKey, int]:
    """Units to take off each line; what was shipped or declined before is not taken off again."""
    before: dict[Sku, int] = {}
    for (_, sku), line in asked.items():
        before[sku] = before.get(sku, 0) + line.declined
    left = {sku: max(0, units - before[sku]) for sku, units in rejected.items()}
    taken: dict[LineKey, int] = {}
    for key in sorted(asked, reverse=True):
        line, sku = asked[key], key[1]
        units = min(left.get(sku, 0), line.quantity - line.declined - line.shipped)
        if units > 0:
            taken[key] = units
            left[sku] -= units
    return taken


def _broken(asked: Mapping[LineKey, AskedLine], left: Mapping[LineKey, int]) -> tuple[Sku, ...]:
    """Of an order line made of several things: those that would come without the others."""
    whole: dict[str, int] = {}
    for (line, sku), one in asked.items():
        whole[line] = min(
            whole.get(line, left[line, sku] // one.per_unit), left[line, sku] // one.per_unit
        )
    alone = {
        sku
        for (line, sku), one in asked.items()
        if left[line, sku] > whole[line] * one.per_unit and left[line, sku] > one.shipped
    }
    return tuple(sorted(alone))


def repriced(
    lines: Sequence[AnsweredLine], *, names: Mapping[str, Sku], expected: Mapping[Sku, Money],
    tolerance: int,
) -> tuple[Repriced, ...]:  # fmt: skip
    """Units that cost something else than expected, beyond `tolerance` percent; other currencies too."""
    found: dict[Sku, Repriced] = {}
    for one in lines:
        sku = names.get(one.item)
        price = None if sku is None else expected.get(sku)
        if sku is None or price is None or one.price is None:
            continue
        if deviates(price, one.price, tolerance=tolerance):
            found[sku] = Repriced(sku, price, one.price)
    return tuple(found.values())


def deviates(expected: Money, told: Money, *, tolerance: int) -> bool:
    """Another currency, or further off than `tolerance` percent, up or down."""
    if expected.currency != told.currency:
        return True
    return abs(told.amount - expected.amount) * 100 > tolerance * expected.amount
