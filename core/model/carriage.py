"""How parcels travel: services, what they cost by zone and weight, how long they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo

from core.model.calendars import Calendar
from core.model.catalog import LocationId
from core.model.money import Money


@dataclass(frozen=True, slots=True)
class Live:
    """Whom to ask what a service really costs."""

    connection: str
    #: the carrier's own code of the service: UPS's "03" is Ground
    code: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service of one carrier, with its rate table."""

    #: our name for it: "ups-ground"
    name: str
    #: our word for the carrier: "ups"
    carrier: str
    #: zone -> what one parcel costs up to so many billable grams: (grams, cents), both rising.
    #: A zone that is not in it is not served.
    rates: Mapping[int, tuple[tuple[int, int], ...]]
    #: zone -> days it travels, counted in open days of `calendar`; a zone that is not in it: the
    #: most days of all zones
    days: Mapping[int, int]
    #: days on which it moves parcels and delivers
    calendar: Calendar = field(default_factory=Calendar)
    #: parts of a hundred that come 1, 2, 3, ... open days later than `days` says
    late: tuple[int, ...] = ()
    #: cubic centimeters billed as a kilogram; 0: only weight is billed
    volume_per_kilogram: int = 0
    #: heaviest unit and longest side it takes; 0: no limit
    most_grams: int = 0
    longest: int = 0
    hazmat: bool = False
    #: whether it delivers to PO boxes, and to military addresses (APO, FPO, DPO)
    po_box: bool = False
    military: bool = False
    #: countries it delivers to, territories of the US among them by either name; and the US states, by
    #: two letters; none: all
    countries: frozenset[str] = frozenset({"US"})
    states: frozenset[str] = frozenset()
    #: the channels' own words for what a buyer paid for ("Standard", "Expedited") that it fulfills;
    #: empty: any
    meets: frozenset[str] = frozenset()
    #: who is asked for its real prices; None: the table is all there is
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """From where to where a price is asked: no more of anybody's address than this."""

    #: five digits, and the two-letter state they are in
    origin: str
    origin_state: str
    destination: str
    destination_state: str

    @property
    def area(self) -> str:
        """The three-digit ZIP area that a price of this lane is taken for."""
        return self.destination[:3]


@dataclass(frozen=True, slots=True)
class RateQuestion:
    """What one parcel would cost by each service of a carrier."""

    lane: Lane
    #: billable weight: room counts in it already
    grams: int
    #: the day it would be handed over
    ships_on: date


@dataclass(frozen=True, slots=True)
class RateAnswer:
    """What a carrier says that one parcel costs by one service."""

    #: the carrier's own code
    service: str
    #: the whole charge in the carrier's currency; None: what it said is no amount of money
    price: Money | None
    #: business days it travels; None: it did not say
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that a carrier named for one service on one lane: of parcels up to so many grams."""

    grams: int
    #: minor units of the shop's currency
    cents: int
    days: int | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How a place ships, beside what stock it has."""

    place: LocationId
    #: five digits: where parcels start; "": not known, every buyer is in the furthest zone
    postal_code: str
    zone: tzinfo
    #: the days on which it ships
    calendar: Calendar
    #: orders that come later on a day count as the next open day's; None: midnight
    cut_off: time | None = None
    #: open days it needs before it ships
    handling_days: int = 0
    #: names of services, any order
    services: tuple[str, ...] = ()
    #: orders it can take on one day; None: any number
    capacity: int | None = None
    #: cents of work for each parcel, each order line and each unit, and the shop's own preference
    parcel: int = 0
    line: int = 0
    unit: int = 0
    preference: int = 0


@dataclass(frozen=True, slots=True)
class Lateness:
    """What it costs the shop, in its own eyes, when a parcel comes after the promised day."""

    #: cents at once, and for each day
    once: int = 0
    each_day: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """What a channel asks of whoever ships an order that it sold under a promise of its own (Prime)."""

    #: our name for it: "prime"
    name: str
    #: places that may ship it, and services by which; None: any
    places: frozenset[LocationId] | None = None
    services: frozenset[str] | None = None
    #: being late costs what it costs; False: it never leaves nor arrives late
    may_be_late: bool = False
