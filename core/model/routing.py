"""What it costs to ship an order from a place, in cents of the shop's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.model.catalog import LocationId, Sku


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit of a component Sku as a carrier sees it."""

    #: 0: not known, it weighs nothing
    grams: int = 0
    #: cubic centimeters of its box; 0: not known, it takes no room
    volume: int = 0
    #: every unit travels in a parcel of its own
    alone: bool = False
    #: services that must not carry it: hazmat, too long, too heavy
    refused_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Way:
    """One service from one place to one buyer, chosen today."""

    service: str
    #: what one parcel costs up to so many billable grams: (grams, cents), both rising
    rates: tuple[tuple[int, int], ...]
    #: cubic centimeters that are billed as a kilogram; 0: only weight is billed
    volume_per_kilogram: int = 0
    #: cents expected for coming late
    lateness: int = 0


@dataclass(frozen=True, slots=True)
class Costs:
    """The parts of what a Plan costs, in cents."""

    #: what carriers get
    carriage: int = 0
    #: work for parcels and lines
    handling: int = 0
    #: what the goods cost here above where they cost least, with fees
    goods: int = 0
    #: expected for coming late
    lateness: int = 0
    #: expected loss of sales elsewhere, for units that are scarce here
    scarcity: int = 0
    #: what the shop would pay to ship from somewhere else
    preference: int = 0

    @property
    def total(self) -> int:
        return (
            self.carriage + self.handling + self.goods + self.lateness + self.scarcity
            + self.preference
        )  # fmt: skip

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            self.carriage + other.carriage,
            self.handling + other.handling,
            self.goods + other.goods,
            self.lateness + other.lateness,
            self.scarcity + other.scarcity,
            self.preference + other.preference,
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """A place that may ship some of an order, and what that costs."""

    place: LocationId
    #: lower comes first where costs are equal
    priority: int = 0
    #: how it may travel; empty: nobody knows what carriage costs here, it counts as nothing
    ways: tuple[Way, ...] = ()
    #: cents for each parcel, for each order line it ships some of, and once
    parcel: int = 0
    line: int = 0
    preference: int = 0
    #: cents one unit of a Sku costs here, above the cheapest place
    goods: Mapping[Sku, int] = field(default_factory=dict)
    #: cents expected to be lost elsewhere by taking 1, 2, 3, ... units from here: rising ever faster.
    #: Units beyond cost what the last one did.
    scarcity: Mapping[Sku, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What one place ships of an order."""

    place: LocationId
    #: "": no service is known
    service: str
    parcels: int
    #: order line -> units of the line
    units: Mapping[str, int]
    costs: Costs


@dataclass(frozen=True, slots=True)
class Plan:
    """Who ships what of one order."""

    parts: tuple[Part, ...]

    @property
    def costs(self) -> Costs:
        return sum((one.costs for one in self.parts), Costs())

    @property
    def places(self) -> frozenset[LocationId]:
        return frozenset(one.place for one in self.parts)
