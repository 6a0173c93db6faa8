"""How many units of a listing a channel may show, and the sum that led there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.model.catalog import LocationId, Sku
from core.model.reasons import Arg, Reason
from core.rules.places import Term, narrowed
from core.rules.sharing import Part
from core.rules.together import may_wait, sales_at


class Sharing(StrEnum):
    """What listings show that draw on the same units: a Kit and its component, two Kits, two pages."""

    #: each shows all of them; the first sale lowers the others
    OVERLAP = "overlap"
    #: those of one channel show them once, together
    SPLIT = "split"
    #: those of all channels that say so show them once, together
    SPLIT_EVERYWHERE = "split_everywhere"


@dataclass(frozen=True, slots=True)
class Beyond:
    """Units of a Sku a listing may show that are not there yet."""

    units: int
    #: the first day on which they are no longer shown
    until: date


@dataclass(frozen=True, slots=True)
class PlacePolicy:
    """How much of one location's units may count."""

    sell: bool = True
    percent: int = 100
    buffer: int = 0
    cap: int | None = None

    def term(self, location: LocationId) -> Term:
        if not self.sell:
            return Term(Reason.of("place_not_sold", location=location, quantity=0), percent=0)
        reason = Reason.of("place_policy", location=location, quantity=0)
        return Term(reason, percent=self.percent, buffer=self.buffer, cap=self.cap)


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of what is there one channel may show."""

    #: False: not sold here, the channel shows 0
    sell: bool = True
    #: share of the units, rounded down
    percent: int = 100
    #: units held back
    buffer: int = 0
    #: or as many as are sold in so many days, if that is more
    buffer_days: int = 0
    #: never show more
    cap: int | None = None
    #: show 0 when fewer than this would be shown
    hide_below: int = 0
    #: always show this, whatever the stock
    fixed: int | None = None
    #: shown while none has arrived
    preorder: Beyond | None = None
    #: shown on top of what is there
    backorder: Beyond | None = None
    share_components: Sharing = Sharing.OVERLAP
    #: what narrows the units of single locations
    places: tuple[tuple[LocationId, PlacePolicy], ...] = ()


@dataclass(frozen=True, slots=True)
class Sellable:
    """A quantity to show; `steps` are the sum, each with the running total in its argument `left`."""

    quantity: int
    steps: tuple[Reason, ...]


#: location -> what narrows its units, in this order
Terms = Mapping[LocationId, Sequence[Term]]

_NOT_SOLD = Sellable(0, (Reason("not_sold_here", {"left": 0}),))
_NOTHING_BEHIND = Sellable(0, (Reason("no_components", {"left": 0}),))
_NO_TERMS: Terms = {}


def sellable(
    *,
    components: Mapping[Sku, int],
    units_per_sale: int,
    available: Mapping[Sku, Sequence[tuple[LocationId, int]]],
    unallocated: Mapping[Sku, int],
    policy: Policy,
    terms: Terms = _NO_TERMS,
    part: Part | None = None,
    per_day: float | None = None,
    today: date = date.min,
) -> Sellable:
    """What a channel may show for a listing that sells `units_per_sale` of these components.

    `components` are the units in one sellable unit ({sku: 1} unless a Kit); `available` lists the
    locations this channel may sell from, `terms` what narrows them; `unallocated` is demand nobody
    has units for, served first; `part` is what sharing leaves this listing; `per_day` are the units
    of its Sku that are sold a day, None where nobody knows. A Kit or pack counts only where a place
    has all of its units: that is how orders for it are shipped. Called once per listing and
    recompute: built for 10 microseconds, not for elegance.
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
        places = available.get(sku, ())
        kits = _units(sku, places, unallocated.get(sku, 0), terms, steps) // per_kit
        if left < 0 or kits < left:
            left, scarcest = kits, sku
    if len(components) > 1 or components[scarcest] != 1:
        per_kit = components[scarcest]
        steps.append(Reason("kit_limited", {"sku": scarcest, "per": per_kit, "left": left}))
    if units_per_sale > 1:
        left //= units_per_sale
        steps.append(Reason("sold_in_packs", {"per": units_per_sale, "left": left}))
    lacking = 0
    if units_per_sale > 1 or len(components) > 1 or components[scarcest] != 1:
        left, lacking = _together(
            left, components, units_per_sale, available, unallocated, terms, steps
        )
    there = left
    if part is not None and part.sales < left:
        left = part.sales
        steps.append(Reason("components_shared", {"listings": part.others, "left": left}))
    left = _kept_back(left, policy, per_day, units_per_sale, steps)
    if policy.preorder is not None or policy.backorder is not None:
        short = max(lacking, _short(components, units_per_sale, available, unallocated, terms))
        left = _beyond(left, there, short, policy, units_per_sale, today, steps)
    return Sellable(_narrow(left, policy, steps), tuple(steps))


def _units(
    sku: Sku,
    places: Sequence[tuple[LocationId, int]],
    promised: int,
    terms: Terms,
    steps: list[Reason],
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
    if terms:
        left = _termed(left, places, terms, steps)
    if promised > 0:
        left = left - promised if left > promised else 0
        steps.append(Reason("units_promised", {"sku": sku, "quantity": promised, "left": left}))
    return left


def _termed(
    left: int, places: Sequence[tuple[LocationId, int]], terms: Terms, steps: list[Reason]
) -> int:
    for location, there in places:
        units = there
        for term in terms.get(location, ()):
            counted = term.left_of(units) if units > 0 else units
            if counted < units:
                left -= units - counted
                args = {**term.reason.args, "quantity": units - counted, "left": left}
                steps.append(Reason(term.reason.code, args))
            units = counted
    return left


def _together(
    left: int,
    components: Mapping[Sku, int],
    units_per_sale: int,
    available: Mapping[Sku, Sequence[tuple[LocationId, int]]],
    unallocated: Mapping[Sku, int],
    terms: Terms,
    steps: list[Reason],
) -> tuple[int, int]:
    """(sales that are left, sales that wait and cannot be made of what is there)."""
    per_sale = {sku: per * units_per_sale for sku, per in components.items()}
    together = sum(
        sales_at(
            per_sale,
            lambda sku: (
                (location, narrowed(units, terms.get(location, ())))
                for location, units in available.get(sku, ())
            ),
        ).values()
    )
    waiting = may_wait(per_sale, unallocated)
    if together < left:
        left = together
        steps.append(Reason("only_together", {"quantity": together, "left": left}))
    if together - waiting < left:
        left = together - waiting if together > waiting else 0
        steps.append(Reason("together_promised", {"quantity": waiting, "left": left}))
    return left, waiting - together


def _kept_back(
    left: int, policy: Policy, per_day: float | None, units_per_sale: int, steps: list[Reason]
) -> int:
    """Percent, then buffer: what is there and not shown."""
    if policy.percent != 100:
        left = left * policy.percent // 100
        steps.append(Reason("percent_shown", {"percent": policy.percent, "left": left}))
    buffer = policy.buffer
    if policy.buffer_days:
        if per_day is None:
            steps.append(Reason("cover_unknown", {"days": policy.buffer_days, "left": left}))
        elif (cover := _cover(policy.buffer_days, per_day, units_per_sale)) > buffer:
            left = left - cover if left > cover else 0
            steps.append(
                Reason(
                    "cover_kept",
                    {
                        "quantity": cover,
                        "days": policy.buffer_days,
                        "per_day": f"{per_day:.2f}",
                        "left": left,
                    },
                )
            )
            return left
    if buffer > 0:
        left = left - buffer if left > buffer else 0
        steps.append(Reason("buffer_kept", {"quantity": buffer, "left": left}))
    return left


def _cover(days: int, per_day: float, units_per_sale: int) -> int:
    """Sales of so many days, rounded up."""
    return math.ceil(days * per_day / units_per_sale)


def _short(
    components: Mapping[Sku, int],
    units_per_sale: int,
    available: Mapping[Sku, Sequence[tuple[LocationId, int]]],
    unallocated: Mapping[Sku, int],
    terms: Terms,
) -> int:
    """Sales that waiting orders ask for beyond what is there, by the component that lacks most."""
    most = 0
    for sku, per_kit in components.items():
        there = sum(
            narrowed(units, terms.get(location, ())) for location, units in available.get(sku, ())
        )
        lacking = unallocated.get(sku, 0) - there
        most = max(most, -(-lacking // (per_kit * units_per_sale)))
    return most


def _beyond(
    left: int,
    there: int,
    short: int,
    policy: Policy,
    units_per_sale: int,
    today: date,
    steps: list[Reason],
) -> int:
    """Units that are not there yet, less those that waiting orders have taken of them."""
    for code, beyond, holds in (
        ("preorder_shown", policy.preorder, there == 0),
        ("backorder_shown", policy.backorder, True),
    ):
        if beyond is not None and holds and today < beyond.until:
            taken = min(short, beyond.units // units_per_sale)
            more = beyond.units // units_per_sale - taken
            left += more
            until = beyond.until.isoformat()
            args: dict[str, Arg] = {"quantity": more, "taken": taken, "until": until, "left": left}
            steps.append(Reason(code, args))
            break
    return left


def promised_until(policy: Policy, *, placed_on: date) -> date | None:
    """The first day on which units that an order of `placed_on` waits for are late.

    None: nothing promised the buyer units that were not there.
    """
    if not policy.sell or policy.fixed is not None:
        return None
    days = [
        beyond.until
        for beyond in (policy.preorder, policy.backorder)
        if beyond is not None and placed_on < beyond.until
    ]
    return max(days, default=None)


def _narrow(left: int, policy: Policy, steps: list[Reason]) -> int:
    """What the channel shows of what it may: cap, hide-below."""
    if policy.cap is not None and left > policy.cap:
        left = policy.cap
        steps.append(Reason("capped", {"cap": policy.cap, "left": left}))
    if 0 < left < policy.hide_below:
        left = 0
        steps.append(Reason("hidden_below", {"level": policy.hide_below, "left": 0}))
    return left


def most_needed(policy: Policy, *, per_day: float | None, units_per_sale: int) -> int | None:
    """The sales behind a listing beyond which it would not show more; None: it shows all."""
    if policy.cap is None:
        return None
    if policy.percent == 0:
        return 0
    buffer = policy.buffer
    if policy.buffer_days and per_day is not None:
        buffer = max(buffer, _cover(policy.buffer_days, per_day, units_per_sale))
    return -(-(policy.cap + buffer) * 100 // policy.percent)
