"""What we would have done beside what the old way of working did, for channels we only observe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.model.catalog import LocationId, Sku


@dataclass(frozen=True, slots=True)
class Quantity:
    """One offer: what we would show, and what is shown."""

    sku: Sku
    listing: str
    place: str
    ours: int
    theirs: int
    #: of one sale, minor units of the shop's currency; None: not known
    price: int | None

    @property
    def weight(self) -> int:
        """How much the difference is worth; for the order in which differences are told."""
        return abs(self.ours - self.theirs) * (self.price or 0)


@dataclass(frozen=True, slots=True)
class Route:
    """One order that somebody shipped: from where we would have, and from where it was."""

    order: str
    ours: tuple[LocationId, ...]
    #: our locations the channel's own place stands for; (): the channel does not say
    theirs: tuple[LocationId, ...]
    #: minor units of the shop's currency; None: not known, or in another currency
    value: int | None

    @property
    def same(self) -> bool:
        return bool(self.ours) and set(self.ours) <= set(self.theirs)


@dataclass(frozen=True, slots=True)
class QuantityAgreement:
    compared: int
    same: int
    #: units shown beyond ours, and their price: what may be oversold
    more: int
    more_value: int
    #: units we would have shown besides, and their price: what was not offered
    less: int
    less_value: int
    #: the worth of the difference decides the order
    differences: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class RouteAgreement:
    compared: int
    same: int
    #: shipped, and nobody says from where
    unknown: int
    #: of the orders that went another way
    value: int
    differences: tuple[Route, ...]


def percent(same: int, compared: int) -> int:
    """Whole percent, rounded down: 100 is said of a whole agreement only. `compared` is not 0."""
    return same * 100 // compared


def compare_quantities(found: Iterable[Quantity]) -> QuantityAgreement:
    every = list(found)
    differ = sorted(
        (one for one in every if one.ours != one.theirs),
        key=lambda one: (-one.weight, one.sku, one.listing, one.place),
    )
    above = [one for one in differ if one.theirs > one.ours]
    below = [one for one in differ if one.theirs < one.ours]
    return QuantityAgreement(
        compared=len(every),
        same=len(every) - len(differ),
        more=sum(one.theirs - one.ours for one in above),
        more_value=sum(one.weight for one in above),
        less=sum(one.ours - one.theirs for one in below),
        less_value=sum(one.weight for one in below),
        differences=tuple(differ),
    )


def compare_routes(found: Sequence[Route]) -> RouteAgreement:
    known = [one for one in found if one.theirs]
    differ = sorted(
        (one for one in known if not one.same), key=lambda one: (-(one.value or 0), one.order)
    )
    return RouteAgreement(
        compared=len(known),
        same=len(known) - len(differ),
        unknown=len(found) - len(known),
        value=sum(one.value or 0 for one in differ),
        differences=tuple(differ),
    )
