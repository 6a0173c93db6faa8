"""How places ship and what that costs: services with their rates, cut-offs, work, lateness."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from config.durations import Duration
from config.part import Part, TimeZone, TwoLetters
from config.places import expanded
from config.replenishment import Amount
from core.model.calendars import Calendar
from core.model.carriage import Lateness, Live, Program, Service
from core.model.money import exponent

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
#: A pound has 453.59237 grams; an inch 2.54 centimeters.
CUBIC_CENTIMETERS = Decimal("16.387064")
_GRAMS_A_POUND = Decimal("453.59237")


def _clock(value: Any) -> time:
    """14:00, as text; in YAML 1.1 it would be the number 840."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no time of day; write 14:00")
    return time(int(found[1]), int(found[2]))


Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[int, Field(ge=1, le=9)]
#: zone -> price of a parcel up to so many grams
Rates = dict[Zone, dict[Annotated[int, Field(ge=1)], Amount]]


def _rising(rates: Rates) -> Rates:
    for zone, prices in rates.items():
        if not prices:
            raise ValueError(f"zone {zone} has no price")
        found = sorted(prices.items())
        for (lighter, before), (heavier, price) in itertools.pairwise(found):
            if price < before:
                raise ValueError(
                    f"zone {zone}: up to {heavier} g costs less ({price}) than up to {lighter} g "
                    f"({before})"
                )
    return rates


class LiveRates(Part):
    """Whom to ask what a service really costs."""

    connection: str = Field(description="a connection to a carrier that quotes rates")
    code: str = Field(
        pattern=r"^[0-9A-Za-z_]{1,30}$",
        description="the carrier's own code of the service, in quotes; UPS: '03' Ground, '02' 2nd Day "
        "Air, '12' 3 Day Select, '13' Next Day Air Saver, '01' Next Day Air",
    )


class CarrierService(Part):
    """One service of one carrier."""

    carrier: str = Field(description="our word for the carrier: ups")
    rates: str | Annotated[Rates, AfterValidator(_rising)] = Field(
        {},
        description="a CSV or XLSX file beside the main YAML file: a column `pounds`, `kilograms` or "
        "`grams` (up to which weight), then one for each zone, with prices in the shop's currency; or "
        "the same here: zone -> grams -> price. A zone that is not in it is not served. Only a "
        "service with `live` may be without",
    )
    live: LiveRates | None = Field(
        None,
        description="ask the carrier ahead for its prices, in USD; what it does not say, or said too "
        "long ago, is priced by `rates`",
    )
    days: dict[Zone, Annotated[int, Field(ge=0, le=60)]] = Field(
        {}, description="zone -> days it travels, counted in its own open days"
    )
    calendar: str = Field("", description="the days on which it moves parcels; empty: every day")
    late: tuple[Annotated[int, Field(ge=0, le=100)], ...] = Field(
        (), description="percent of the parcels that come 1, 2, 3, ... of its days later than that"
    )
    inches_per_pound: int | None = Field(
        None, ge=1, description="cubic inches billed as a pound: 139; unset: only weight is billed"
    )
    most_weight: int = Field(0, ge=0, description="grams of one unit it takes; 0: any")
    longest_side: int = Field(0, ge=0, description="centimeters of one unit it takes; 0: any")
    hazmat: bool = Field(False, description="whether it takes Skus with `hazmat`")
    po_box: bool = Field(False, description="whether it delivers to PO boxes")
    military: bool = Field(False, description="whether it delivers to APO, FPO and DPO addresses")
    countries: tuple[TwoLetters, ...] = Field(
        ("US",),
        min_length=1,
        description="countries it delivers to: [US, CA]; rates abroad are those of zone 8",
    )
    states: tuple[TwoLetters, ...] = Field(
        (), description="US states and territories it delivers to: [CA, NV]; empty: all"
    )
    meets: tuple[str, ...] = Field(
        (), description="channels' words for what buyers paid for, that it fulfills; empty: all"
    )

    @model_validator(mode="after")
    def _priced(self) -> CarrierService:
        if not self.rates and self.live is None:
            raise ValueError("it has no `rates`: name a table, write prices here, or ask `live`")
        return self

    @model_validator(mode="after")
    def _no_more_than_all(self) -> CarrierService:
        if sum(self.late) > 100:
            raise ValueError(f"`late` adds up to {sum(self.late)} percent of the parcels")
        return self


Services = dict[str, CarrierService]


class Dispatching(Part):
    """How a location ships, and what that costs there."""

    postal_code: str = Field(
        "", pattern=r"^(\d{5})?$", description="ZIP code its parcels start from, in quotes"
    )
    time_zone: TimeZone | None = Field(
        None, description="in which its days and cut-off are; unset: the shop's"
    )
    services: tuple[str, ...] = Field((), description="names of `services` that pick up there")
    cut_off: Clock | None = Field(
        None, description="'14:00': orders from then on ship on the next open day; unset: midnight"
    )
    handling_days: int = Field(0, ge=0, le=60, description="open days it needs before it ships")
    capacity: int | None = Field(
        None, ge=0, description="orders it can ship on one day; what comes more ships on the next"
    )
    parcel: Amount = Field(Decimal(0), description="work for one parcel, in the shop's currency")
    line: Amount = Field(Decimal(0), description="work for one order line")
    unit: Amount = Field(Decimal(0), description="fee for one unit")
    preference: Amount = Field(
        Decimal(0), description="what the shop would pay for an order not to ship from there"
    )


class SeasonDispatch(Part):
    """How some locations ship in a season. What is left out stays as it is."""

    locations: tuple[str, ...] = Field((), description="locations or groups; empty: all")
    cut_off: Clock | None = Field(None, description="as in `dispatch`")
    handling_days: int | None = Field(None, ge=0, le=60, description="as in `dispatch`")
    capacity: int | None = Field(None, ge=0, description="as in `dispatch`")
    preference: Amount | None = Field(None, description="as in `dispatch`")


class LateCost(Part):
    """What it is worth to the shop that a parcel is in time."""

    once: Amount = Field(Decimal(0), description="for a parcel that comes, or ships, late")
    each_day: Amount = Field(Decimal(0), description="and for each day")


class Scarce(Part):
    """What it costs to take the last units of a place that other channels sell from."""

    days: int = Field(
        0, ge=0, le=365, description="until more arrive, as a rule; 0: it is not counted"
    )


class Untrusted(Part):
    """When a place that refuses what it is asked to ship is asked no more."""

    refusals: int = Field(
        3, ge=0, le=1000, description="requests it refused within that time, at least; 0: never"
    )
    share: int = Field(
        30, ge=1, le=100, description="and percent of those it was sent in that time, at least"
    )
    within: Duration = Field(Duration(days=1), description="the time that is looked at")


class Quotes(Part):
    """How long a price that a carrier named holds, and for which orders prices are asked."""

    valid: Duration = Field(
        Duration(days=3), description="so long a price is used; asked again before it ends"
    )
    recent: Duration = Field(
        Duration(days=14),
        description="prices are asked where open orders go, and where those of this time went",
    )


class Routing(Part):
    """Which location ships an order: the least of all that it costs."""

    most_splits: int = Field(
        3, ge=1, le=6, description="locations that one order may ship from; more of them waits"
    )
    late: LateCost = Field(LateCost(), description="what being late costs")
    untrusted: Untrusted = Field(
        Untrusted(),
        description="when a location that does not find what its figures say ships no more orders "
        "until a person closes its Case",
    )
    scarce: Scarce = Field(
        Scarce(), description="what the last units of a place are worth elsewhere"
    )
    quotes: Quotes = Field(
        Quotes(), description="prices that carriers name, for services with `live`"
    )


class ChannelProgram(Part):
    """What a channel asks of who ships the orders of one of its programs."""

    words: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="the channel's words for it, among an order's programs and tags or for the "
        "service bought, in large or small letters; empty: the name it has here",
    )
    locations: tuple[str, ...] = Field(
        (), description="locations, or groups of them, that may ship it; empty: all"
    )
    services: tuple[str, ...] = Field((), description="services it may travel by; empty: all")
    late: Literal["never", "cost"] = Field(
        "never",
        description="never: it leaves and, as a rule, arrives by the last days the channel states, "
        "or waits for a person; cost: being late costs what `routing.late` says",
    )


class Parcel(Part):
    """One unit of a Sku as a carrier sees it."""

    weight: int = Field(
        0, ge=0, description="grams; 0: not known, it costs as if it weighed nothing"
    )
    size: tuple[int, int, int] = Field(
        (0, 0, 0), description="sides of its box, centimeters: [30, 20, 10]"
    )
    alone: bool = Field(False, description="every unit travels in a parcel of its own")
    hazmat: bool = Field(False, description="only services with `hazmat` take it")

    @model_validator(mode="after")
    def _no_less_than_nothing(self) -> Parcel:
        if min(self.size) < 0:
            raise ValueError(f"a side is shorter than nothing: {list(self.size)}")
        return self


NO_PARCEL = Parcel()


def rate_table(written: Rates, currency: str) -> dict[int, tuple[tuple[int, int], ...]]:
    """Zone -> (grams, minor units of the currency), rising."""
    return {
        zone: tuple((grams, cents(price, currency)) for grams, price in sorted(prices.items()))
        for zone, prices in written.items()
    }


def cents(amount: Decimal, currency: str) -> int:
    """An amount in minor units, rounded where the currency has fewer decimals."""
    return round(amount.scaleb(exponent(currency)))


def service_of(
    name: str,
    described: CarrierService,
    rates: Rates,
    calendars: Mapping[str, Calendar],
    currency: str,
) -> Service:
    """The service in the core's words."""
    per = described.inches_per_pound
    volume = per * CUBIC_CENTIMETERS / _GRAMS_A_POUND * 1000 if per else Decimal(0)
    return Service(
        name=name,
        carrier=described.carrier,
        rates=rate_table(rates, currency),
        days=described.days,
        calendar=calendars[described.calendar] if described.calendar else Calendar(),
        late=described.late,
        volume_per_kilogram=round(volume),
        most_grams=described.most_weight,
        longest=described.longest_side,
        hazmat=described.hazmat,
        po_box=described.po_box,
        military=described.military,
        countries=frozenset(described.countries),
        states=frozenset(described.states),
        meets=frozenset(described.meets),
        live=Live(described.live.connection, described.live.code) if described.live else None,
    )


def lateness_of(late: LateCost, currency: str) -> Lateness:
    """The cost of lateness in the core's words."""
    return Lateness(cents(late.once, currency), cents(late.each_day, currency))


def program_of(
    name: str, described: ChannelProgram, groups: Mapping[str, tuple[str, ...]]
) -> Program:
    """The program in the core's words."""
    return Program(
        name,
        expanded(described.locations, groups) if described.locations else None,
        frozenset(described.services) if described.services else None,
        described.late == "cost",
    )


#: Connection type -> its words for programs that take a certified place: until the configuration
#: names one, their orders ship from none. A Prime order of ours is Seller Fulfilled Prime.
_CERTIFIED = {"amazon": ("PRIME",)}


def programs_by_word(
    described: Mapping[str, ChannelProgram], groups: Mapping[str, tuple[str, ...]], *, kind: str
) -> dict[str, Program]:
    """The channel's words, in small letters -> the program they stand for. `kind`: of connection."""
    found = {
        word.casefold(): Program(word, places=frozenset()) for word in _CERTIFIED.get(kind, ())
    }
    for name, one in described.items():
        program = program_of(name, one, groups)
        found |= {word.casefold(): program for word in one.words or (name,)}
    return found
