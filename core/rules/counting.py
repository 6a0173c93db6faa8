"""Counts of a shelf against the ledger, and what a shelf can give at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model.catalog import LocationId, Sku
from core.model.money import Money
from core.model.reasons import Arg, Reason


@dataclass(frozen=True, slots=True)
class Counted:
    """What a person found of one Sku at one place, units of open orders included."""

    sku: Sku
    location: LocationId
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Worth:
    """What one unit is worth, and where that figure comes from."""

    unit: Money
    #: "landed" (what it cost on our shelf), "cost" (a supplier's terms, where nothing of it was
    #: received against a purchase) or "price" (of a listing, where no cost is known either)
    basis: str
    #: the supplier or the channel; "" for landed
    source: str


@dataclass(frozen=True, slots=True)
class Variance:
    """One counted line beside the ledger at the very same instant."""

    counted: Counted
    #: what the ledger says was there at that instant
    ledger: int
    #: what is there now, by the ledger, before the count is applied
    on_hand: int
    committed: int
    #: None: nobody knows what a unit is worth
    worth: Worth | None
    #: it was counted again since: the newer count stands, this line changes nothing
    superseded: bool = False

    @property
    def units(self) -> int:
        """Found more than the ledger said (positive) or less (negative)."""
        return 0 if self.superseded else self.counted.quantity - self.ledger

    @property
    def after(self) -> int:
        """On hand once it is applied: what moved after the count is not undone."""
        return self.on_hand + self.units

    @property
    def value(self) -> Money | None:
        return (
            None if self.worth is None else Money(self.units * self.worth.unit.amount, self.worth.unit.currency)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CountLimits:
    """What a count may change before it becomes a Case; the limits are exclusive."""

    #: percent of the counted Skus' units in the ledger that may differ, plus and minus both counted
    units: int
    #: minor units of the shop's currency that may differ; None: not asked
    value: int | None


def too_far(
    variances: Sequence[Variance],
    limits: CountLimits,
    *,
    currency: str,
    plan: int,
    location: str,
) -> Reason | None:
    """Why a person should look at the count again before it is believed, or None.

    Found and missing units do not cancel one another out: ten of one Sku lying among another's is
    twenty units wrong. Units whose worth in the shop's currency nobody knows cannot be held against
    the limit of money: the reason says how many they are.
    """
    ledger = sum(max(one.ledger, 0) for one in variances if not one.superseded)
    differ = sum(abs(one.units) for one in variances)
    value = unknown = 0
    for one in variances:
        if one.value is not None and one.value.currency == currency:
            value += abs(one.value.amount)
        else:
            unknown += abs(one.units)
    by_units = differ * 100 > ledger * limits.units
    by_value = limits.value is not None and value > limits.value
    if not (by_units or by_value):
        return None
    args: dict[str, Arg] = {
        "plan": plan, "location": location, "units": differ, "ledger": ledger,
        "percent": limits.units, "value": str(Money(value, currency)),
    }  # fmt: skip
    if unknown:
        return Reason("count_variance_unknown", {**args, "unknown": unknown})
    return Reason("count_variance", args)


def impossible(variances: Iterable[Variance]) -> list[Variance]:
    """Lines after which there would be less than nothing: the count or a movement is wrong."""
    return [one for one in variances if one.after < 0 and one.units]


def cannot_take(
    *, sku: Sku, location: LocationId, on_hand: int, committed: int, units: int, by_choice: bool
) -> Reason | None:
    """Why so many units cannot leave a shelf, or None.

    Nothing can leave that is not there. What leaves `by_choice` (a transfer, a return to the
    supplier) must not be promised to an order either; what is broken or stolen is gone all the same.
    """
    args: dict[str, str | int] = {
        "sku": sku, "location": location, "units": units, "on_hand": on_hand,
    }  # fmt: skip
    if units > on_hand:
        return Reason("cannot_take_more", args)
    if by_choice and units > on_hand - committed:
        return Reason("cannot_take_promised", {**args, "committed": committed})
    return None
