"""How many units of a listing a channel may show, and the sum that led there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of what is there one channel may show."""

    #: False: not sold here, the channel shows 0
    sell: bool = True
    #: share of the units, rounded down
    percent: int = 100
    #: units held back
    buffer: int = 0
    #: never show more
    cap: int | None = None
    #: show 0 when fewer than this would be shown
    hide_below: int = 0
    #: always show this, whatever the stock
    fixed: int | None = None


@dataclass(frozen=True, slots=True)
class Sellable:
    """A quantity to show; `steps` are the sum, each with the running total in its argument `left`."""

    quantity: int
    steps: tuple[Reason, ...]


_NOT_SOLD = Sellable(0, (Reason("not_sold_here", {"left": 0}),))
_NOTHING_BEHIND = Sellable(0, (Reason("no_components", {"left": 0}),))


def sellable(
    *,
    components: Mapping[Sku, int],
    units_per_sale: int,
    available: Mapping[Sku, Sequence[tuple[LocationId, int]]],
    unallocated: Mapping[Sku, int],
    policy: Policy,
) -> Sellable:
    """What a channel may show for a listing that sells `units_per_sale` of these components.

    `components` are the units in one sellable unit ({sku: 1} unless a Kit); `available` lists the
    locations this channel may sell from; `unallocated` is demand nobody has units for, served
    first. Called once per listing and recompute: built for 10 microseconds, not for elegance.
    """
    if not policy.sell:
        return _NOT_SOLD
    if policy.fixed is not None:
        fixed = policy.fixed if policy.fixed > 0 else 0
        return Sellable(fixed, (Reason("fixed_quantity", {"left": fixed}),))
    if not components:
        return _NOTHING_BEHIND
    steps: list[Reason] = []
    left = -1
    scarcest = ""
    for sku, per_kit in components.items():
        kits = _units(sku, available.get(sku, ()), unallocated.get(sku, 0), steps) // per_kit
        if left < 0 or kits < left:
            left, scarcest = kits, sku
    if len(components) > 1 or components[scarcest] != 1:
        per_kit = components[scarcest]
        steps.append(Reason("kit_limited", {"sku": scarcest, "per": per_kit, "left": left}))
    if units_per_sale > 1:
        left //= units_per_sale
        steps.append(Reason("sold_in_packs", {"per": units_per_sale, "left": left}))
    return Sellable(_narrow(left, policy, steps), tuple(steps))


def _units(
    sku: Sku, places: Sequence[tuple[LocationId, int]], promised: int, steps: list[Reason]
) -> int:
    """Units of one component: what the locations have, less demand that is served first."""
    left = 0
    found = 0
    for _, units in places:
        if units > 0:
            left += units
            found += 1
    steps.append(
        Reason("units_available", {"sku": sku, "locations": found, "quantity": left, "left": left})
    )
    if promised > 0:
        left = left - promised if left > promised else 0
        steps.append(Reason("units_promised", {"sku": sku, "quantity": promised, "left": left}))
    return left


def _narrow(left: int, policy: Policy, steps: list[Reason]) -> int:
    """The channel's policy, in its fixed order: percent, buffer, cap, hide-below."""
    if policy.percent != 100:
        left = left * policy.percent // 100
        steps.append(Reason("percent_shown", {"percent": policy.percent, "left": left}))
    if policy.buffer > 0:
        left = left - policy.buffer if left > policy.buffer else 0
        steps.append(Reason("buffer_kept", {"quantity": policy.buffer, "left": left}))
    if policy.cap is not None and left > policy.cap:
        left = policy.cap
        steps.append(Reason("capped", {"cap": policy.cap, "left": left}))
    if 0 < left < policy.hide_below:
        left = 0
        steps.append(Reason("hidden_below", {"level": policy.hide_below, "left": 0}))
    return left
