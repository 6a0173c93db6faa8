"""By which services a place can ship to a buyer today, what that costs, and when it arrives.

Zones are worked out from the middle of the three-digit ZIP areas: the great circle between them, cut
at the miles below, is the zone USPS has in 85 of 100 cases and never more than one off in 999 of 1,000
(220,268 pairs of 2018). That is good enough to choose by, and no bill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

from core.model.carriage import Dispatch, Lateness, Program, Service
from core.model.orders import Address
from core.model.reasons import Arg, Reason
from core.model.routing import Piece, Way
from core.rules.addresses import countries_of, is_american, is_military, is_po_box, state_of
from core.rules.calendars import NeverOpen, after_open_days, next_open
from core.rules.programs import last_day

_DAY = timedelta(days=1)
#: Miles up to which zones 1, 2, 3, ... 7 reach; zone 8 is beyond.
_CUTS = (50, 150, 300, 600, 1_000, 1_400, 1_800)
FURTHEST = len(_CUTS) + 1
_EARTH_MILES = 3_958.8

#: Three-digit ZIP area -> (latitude, longitude) of its middle, degrees
Centroids = Mapping[str, tuple[float, float]]


def zone(origin: str, destination: str, centroids: Centroids) -> int | None:
    """The zone between two ZIP codes, 1 to 8; None where the place of one of them is not known."""
    here, there = (centroids.get(area_of(code)) for code in (origin, destination))
    if here is None or there is None:
        return None
    miles = _miles(here, there)
    return next((number for number, most in enumerate(_CUTS, start=1) if miles <= most), FURTHEST)


def zone_to(dispatch: Dispatch, to: Address, centroids: Centroids) -> int:
    """The zone from a place to a buyer; the furthest abroad, where five digits are no ZIP, and where the
    ZIP of one of them is not known."""
    if not dispatch.postal_code or (to.country.strip() and not is_american(to)):
        return FURTHEST
    return zone(dispatch.postal_code, to.postal_code, centroids) or FURTHEST


def area_of(code: str) -> str:
    """The three-digit area of a ZIP code; "": it is none."""
    digits = code.strip()[:5]
    return digits[:3] if len(digits) == 5 and digits.isdecimal() and digits.isascii() else ""


def _miles(here: tuple[float, float], there: tuple[float, float]) -> float:
    """The great circle between two points, by the haversine."""
    (south, west), (north, east) = (map(math.radians, point) for point in (here, there))
    half = (
        math.sin((north - south) / 2) ** 2
        + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    )
    return 2 * _EARTH_MILES * math.asin(min(1.0, math.sqrt(half)))


def piece(
    services: Mapping[str, Service],
    *,
    grams: int = 0,
    sides: tuple[int, int, int] = (0, 0, 0),
    hazmat: bool = False,
    alone: bool = False,
) -> Piece:
    """One unit of a Sku as carriers see it. `sides` in centimeters; 0: not known, and no reason to
    refuse it."""
    refused = frozenset(
        name
        for name, one in services.items()
        if (one.most_grams and grams > one.most_grams)
        or (one.longest and max(sides) > one.longest)
        or (hazmat and not one.hazmat)
    )
    return Piece(grams, math.prod(sides), alone, refused)


# --- the day a place ships -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShipDay:
    """The place's own day on which it ships an order of now."""

    day: date
    #: the day it would have been, had the order come before today's cut-off; None: it did
    missed: date | None = None


def ships_on(dispatch: Dispatch, now: datetime, *, full: Set[date] = frozenset()) -> ShipDay | None:
    """When the place ships what is asked of it now; None: its calendar never opens.

    After the cut-off an order counts as one of the next open day. On `full` days it takes no more.
    """
    local = now.astimezone(dispatch.zone)
    today = local.date()
    late = dispatch.cut_off is not None and local.time() >= dispatch.cut_off
    try:
        day = _free_day(dispatch, today + _DAY if late else today, full)
        missed = _free_day(dispatch, today, full) if late else None
    except NeverOpen:
        return None
    return ShipDay(day, missed if missed != day else None)


def _free_day(dispatch: Dispatch, since: date, full: Set[date]) -> date:
    day = after_open_days(dispatch.calendar, since, dispatch.handling_days)
    while day in full:
        day = next_open(dispatch.calendar, day + _DAY)
    return day


# --- when it arrives, and what it costs to be late ------------------------------------------------


def lateness(service: Service, zone: int, shipped: date, promised: date, cost: Lateness) -> int:
    """Cents expected to be lost when a parcel of that day comes later than promised."""
    days = _usual_days(service, zone)
    expected = Fraction(0)
    for share, later in _shares(service.late):
        try:
            arrives = after_open_days(service.calendar, shipped, days + later)
        except NeverOpen:
            return 0
        late = (arrives - promised).days
        if late > 0:
            expected += share * (cost.once + cost.each_day * late)
    return math.floor(expected + Fraction(1, 2))


def _usual_days(service: Service, zone: int) -> int:
    return service.days.get(zone, max(service.days.values(), default=0))


def _shares(late: Sequence[int]) -> list[tuple[Fraction, int]]:
    """(share of the parcels, open days later than usual)."""
    shares = [(Fraction(percent, 100), later) for later, percent in enumerate(late, start=1)]
    return [(1 - sum((share for share, _ in shares), Fraction(0)), 0), *shares]


def ship_lateness(shipped: date, ship_by: date | None, cost: Lateness) -> int:
    """Cents lost when a place ships after the day the channel asks for."""
    late = (shipped - ship_by).days if ship_by is not None else 0
    return cost.once + cost.each_day * late if late > 0 else 0


# --- ways ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Buyer:
    """Where an order goes, what was paid for, and what was promised."""

    ship_to: Address
    #: the channel's word for the service bought
    service: str = ""
    #: the last days on which it must arrive, and be shipped; None: nothing was promised
    deliver_by: date | None = None
    ship_by: date | None = None
    #: service -> the restriction that keeps it from carrying what was bought to this address
    barred: Mapping[str, str] = field(default_factory=dict)
    #: the shop's rules want one of these; None: any
    only: tuple[str, ...] | None = None
    #: what the channel asks of who ships it; None: nothing
    program: Program | None = None
    #: the instants of its last days, which a Program that is never late keeps to the hour
    ship_until: datetime | None = None
    deliver_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """How one place can ship to one buyer."""

    ways: tuple[Way, ...]
    #: why the place, or services of it, are no way to this buyer
    left_out: tuple[Reason, ...]
    #: False: the place must not ship it, whatever it costs
    may: bool = True


def ways(
    dispatch: Dispatch,
    services: Mapping[str, Service],
    centroids: Centroids,
    buyer: Buyer,
    *,
    shipped: date,
    cost: Lateness,
) -> Ways:
    """The services by which a parcel of that day reaches this buyer, with what they cost.

    `services` may have a carrier's own prices from here to the buyer in them, by
    `core.rules.live_rates.quoted`, which says how the rates of every Way rise. A buyer whose ZIP
    nobody knows is in the furthest zone: too dear rather than too cheap.
    """
    if (must_not := _kept_from(dispatch, buyer, shipped)) is not None:
        return Ways((), (must_not,), may=False)
    found, left_out = [], []
    reached = zone_to(dispatch, buyer.ship_to, centroids)
    late = ship_lateness(shipped, buyer.ship_by, cost)
    for name in sorted(dispatch.services):
        service = services[name]
        why = _unfit(service, reached, buyer)
        if why is None and (broken := _breaks(dispatch, service, reached, buyer, shipped)):
            left_out.append(broken)
            continue
        if why:
            told: dict[str, Arg] = {"location": dispatch.place, "service": name, "zone": reached}
            if name in buyer.barred:
                told["rule"] = buyer.barred[name]
            elif why == "service_not_to_country":
                told["country"] = buyer.ship_to.country.strip().upper()
            elif why == "service_not_to_state":
                told["region"] = state_of(buyer.ship_to)
            left_out.append(Reason(why, told))
            continue
        more = 0
        if buyer.deliver_by is not None:
            more = lateness(service, reached, shipped, buyer.deliver_by, cost)
        found.append(
            Way(name, service.rates[reached], service.volume_per_kilogram, max(late, more))
        )
    return Ways(tuple(found), tuple(left_out), may=bool(found) or not dispatch.services)


def refuses(service: Service, buyer: Buyer) -> str | None:
    """The code of the reason why a service must not carry anything to this buyer; None: it may."""
    if service.name in buyer.barred:
        return "service_restricted"
    if buyer.only is not None and service.name not in buyer.only:
        return "service_not_asked"
    if service.meets and buyer.service not in service.meets:
        return "service_not_bought"
    to = buyer.ship_to
    # What nobody told is no other country: an address without one is held for that.
    if to.country.strip() and not countries_of(to) & service.countries:
        return "service_not_to_country"
    if is_american(to) and service.states and state_of(to) not in service.states:
        return "service_not_to_state"
    if not service.po_box and is_po_box(buyer.ship_to):
        return "service_no_po_box"
    if not service.military and is_military(buyer.ship_to):
        return "service_no_military"
    return None


def _unfit(service: Service, zone: int, buyer: Buyer) -> str | None:
    """The same, with how far it reaches."""
    return refuses(service, buyer) or (None if zone in service.rates else "service_not_there")


def _kept_from(dispatch: Dispatch, buyer: Buyer, shipped: date) -> Reason | None:
    """Why the buyer's program keeps the whole place from shipping; None: it does not."""
    program, place = buyer.program, dispatch.place
    if program is None:
        return None
    if program.places is not None and place not in program.places:
        return Reason.of("place_not_in_program", location=place, program=program.name)
    strict = not program.may_be_late
    if strict and buyer.ship_until is not None:
        last = last_day(buyer.ship_until, dispatch.zone, after=dispatch.cut_off)
        if shipped > last:
            return Reason.of(
                "place_ships_late", location=place, program=program.name,
                day=shipped.isoformat(), last=last.isoformat(),
            )  # fmt: skip
    asks = program.services is not None or (strict and buyer.deliver_until is not None)
    if asks and not dispatch.services:
        return Reason.of("place_without_services", location=place, program=program.name)
    return None


def _breaks(
    dispatch: Dispatch, service: Service, zone: int, buyer: Buyer, shipped: date
) -> Reason | None:
    """Why the buyer's program keeps a service from carrying it; None: it does not."""
    program, place = buyer.program, dispatch.place
    if program is None:
        return None
    if program.services is not None and service.name not in program.services:
        return Reason.of(
            "service_not_in_program", location=place, service=service.name, program=program.name
        )
    if program.may_be_late or buyer.deliver_until is None:
        return None
    last = last_day(buyer.deliver_until, dispatch.zone)
    arrives = _arrives(service, zone, shipped)
    if arrives is not None and arrives <= last:
        return None
    return Reason.of(
        "service_arrives_late", location=place, service=service.name, program=program.name,
        day=arrives.isoformat() if arrives else "-", last=last.isoformat(),
    )  # fmt: skip


def _arrives(service: Service, zone: int, shipped: date) -> date | None:
    """The day a parcel comes as a rule; None: nobody said how long it travels."""
    if not service.days:
        return None
    try:
        return after_open_days(service.calendar, shipped, _usual_days(service, zone))
    except NeverOpen:
        return None
