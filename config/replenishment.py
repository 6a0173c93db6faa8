"""Who sells to us and on which terms, when to buy again, and what a bought unit costs in the end.

Amounts of money are decimals in text ("3.10"); rates and duties are dated, and the newest one that
has begun holds.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from config.durations import Duration
from config.part import Day, Part, TimeZone, Units
from config.reminding import Reminding
from core.model.money import Money

AlertName = Literal["static", "days_of_cover", "reorder_point"]


def _decimal(value: Any) -> Any:
    # A float has lost what was written: 0.1 is not a tenth.
    if isinstance(value, bool):
        raise ValueError("true and false are no amounts; write 3.10")
    return str(value) if isinstance(value, int | float) else value


def _amount(value: Decimal) -> Decimal:
    if not value.is_finite() or value < 0:
        raise ValueError(f"{value} is no amount; write 3.10")
    return value


def _rate(value: Decimal) -> Decimal:
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{value} is no rate; write 0.1398")
    return value


def _tariff(code: str) -> str:
    digits = code.replace(".", "")
    if not digits.isascii() or not digits.isdecimal() or not 2 <= len(digits) <= 10:
        raise ValueError(f"{code!r} is no tariff code; write 2 to 10 digits such as '6911.10.37'")
    return code


Amount = Annotated[Decimal, BeforeValidator(_decimal), AfterValidator(_amount)]
Rate = Annotated[Decimal, BeforeValidator(_decimal), AfterValidator(_rate)]
Country = Annotated[str, Field(pattern="^([A-Z]{2})?$")]
Tariff = Annotated[str, AfterValidator(_tariff)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class Terms(Part):
    """One Sku as this supplier sells it. What their files tell stands where a field is left out."""

    item: str | None = Field(None, description="what the supplier calls it; left out: our Sku")
    pack: Units | None = Field(None, description="units in one pack; only whole packs are ordered")
    least: Units | None = Field(None, description="fewest units in one order")
    cost: Amount | None = Field(None, description="of one unit, in the supplier's currency")
    breaks: dict[Units, Amount] = Field(
        {}, description="price breaks: from so many units on -> the cost of one"
    )
    lead_days: int | None = Field(None, ge=0, description="days from the order until it is here")
    discontinued: bool | None = Field(None, description="true: it cannot be ordered any more")
    most_days: int | None = Field(
        None, ge=1, description="never buy for more days than these (shelf life)"
    )
    volume: int = Field(0, ge=0, description="of one unit, cubic centimeters: shares the freight")
    weight: int = Field(0, ge=0, description="of one unit, grams: shares the freight")
    hts: Tariff | None = Field(None, description="US tariff code, in quotes: '6911.10.37'")
    origin: Country = Field("", description="ISO country it is made in")

    @model_validator(mode="after")
    def _only_cheaper(self) -> Terms:
        prices = [] if self.cost is None else [self.cost]
        for least, price in sorted(self.breaks.items()):
            if prices and price > prices[-1]:
                raise ValueError(
                    f"from {least} units on one costs more ({price}) than before ({prices[-1]}); "
                    "a price break lowers the price"
                )
            prices.append(price)
        return self


class Freight(Part):
    """What the way here costs, where a receipt does not say it."""

    by: Literal["volume", "weight", "value"] = Field(
        "volume", description="what a receipt's freight is shared by"
    )
    per_cubic_meter: Amount = Field(Decimal(0), description="in the shop's currency")
    per_kilogram: Amount = Field(Decimal(0), description="in the shop's currency")


class Supplier(Part):
    """Somebody we buy from."""

    connection: str = Field(
        "", description="the connection that takes purchase orders; left out: a person sends them"
    )
    mail: str = Field("", description="where a person sends them, shown with the order")
    restocks: str = Field(description="the location that receives what we buy")
    currency: Currency = Field("USD", description="of their prices, ISO 4217")
    calendar: str = Field("", description="the days they work; left out: every day")
    time_zone: TimeZone | None = Field(
        None, description="in which their days begin; left out: the shop's"
    )
    lane: str = Field("", description="the way their goods take, from `lanes`; left out: none told")
    lead_days: int = Field(
        14, ge=0, description="days they work from the order until it is here, without better terms"
    )
    order_minimum: Amount = Field(Decimal(0), description="least value of one order; 0: none")
    counts: tuple[str, ...] = Field(
        (),
        description="locations whose units meet the demand; left out: all but the ones this "
        "supplier's own connection counts",
    )
    price_tolerance: int = Field(
        0, ge=0, le=100, description="percent that a told price may differ before a person is asked"
    )
    acknowledge_within: Duration | None = Field(
        Duration(days=3),
        description="an order sent through their connection and not answered is a Case after so "
        "long, and a critical one after twice as long; days of `calendar` that are closed do not "
        "count; null: never",
    )
    remind: Reminding = Field(Reminding(), description="before that, they are reminded")
    extra_charges: int = Field(
        15,
        ge=0,
        le=1_000,
        description="percent of the goods that an invoice may add for freight "
        "and the like before a person is asked",
    )
    goods_within: Duration = Field(
        Duration(days=14), description="an invoice may come so long before its goods"
    )
    returns_days: int = Field(
        0, ge=0, description="they take goods back for so long after the receipt; 0: never"
    )
    freight: Freight = Field(Freight(), description="where a receipt does not say what it was")
    inbound_fee: Amount = Field(
        Decimal(0), description="of one unit, in the shop's currency: unloading, FBA inbound, prep"
    )
    items: dict[str, Terms] = Field({}, description="our Sku -> its terms")

    @model_validator(mode="after")
    def _in_whole_minor_units(self) -> Supplier:
        amounts = [self.order_minimum]
        for terms in self.items.values():
            amounts += [*([] if terms.cost is None else [terms.cost]), *terms.breaks.values()]
        for amount in amounts:
            Money.parse(str(amount), self.currency)  # its words tell what is wrong
        return self


Suppliers = dict[str, Supplier]


class BuyingPolicy(Part):
    """When and how much to buy. Unset fields fall through to the wider policy."""

    alert: AlertName | None = Field(
        None,
        description="what makes a Sku low. static: its `low_stock` units; days_of_cover: units for "
        "`cover_days`; reorder_point: demand until an order made at the next look could be here",
    )
    service: int | None = Field(
        None, ge=51, le=99, description="percent of the cases in which stock must last"
    )
    cover_days: int | None = Field(None, ge=1, description="for days_of_cover")
    review_days: int | None = Field(
        None, ge=1, description="days until somebody looks and orders again"
    )
    order_days: int | None = Field(
        None, ge=1, description="days an order lasts beyond the reorder point"
    )
    most_days: int | None = Field(None, ge=1, description="never buy for more days than these")


class BuyingRule(BuyingPolicy):
    """A policy for the Skus its condition picks. Later rules win field by field."""

    name: str = Field(description="shown in explanations")
    when: str | None = Field(
        None, description="CEL over `sku`: '\"season\" in sku.tags'; unset: every Sku"
    )


class SlowMovers(Part):
    """When stock lies too long."""

    cover_days: int = Field(180, ge=1, description="more days of cover than this are too many")
    silent_days: int = Field(60, ge=1, description="no sale in so many days is silence")


class Replenishment(Part):
    """Buying again."""

    alert: AlertName = Field(
        "static", description="what makes a Sku low where nothing else is said"
    )
    service: int = Field(
        95, ge=51, le=99, description="percent of the cases in which stock must last"
    )
    cover_days: int = Field(14, ge=1, description="for days_of_cover")
    review_days: int = Field(7, ge=1, description="days until somebody looks and orders again")
    order_days: int = Field(30, ge=1, description="days an order lasts beyond the reorder point")
    most_days: int = Field(365, ge=1, description="never buy for more days than these")
    every: Duration = Field(Duration(hours=1), description="how often proposals are worked out")
    remind: Duration = Field(
        Duration(days=1), description="between mails about an order nobody has made yet"
    )
    rules: tuple[BuyingRule, ...] = Field((), description="by condition, later ones win by field")
    skus: dict[str, BuyingPolicy] = Field({}, description="a Sku's own policy, over all rules")
    slow: SlowMovers = Field(SlowMovers(), description="for `lockstep replenish slow`")


class Hours(Part):
    """Hours in which people are told of what is not critical."""

    first: int = Field(
        0, ge=0, le=23, description="the hour from which on, in the shop's time zone"
    )
    last: int = Field(24, ge=1, le=24, description="the hour until which")

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        if self.last <= self.first:
            raise ValueError(f"{self.last} does not come after {self.first}")
        return self


class DutyRate(Part):
    """A rate of duty that somebody looked up."""

    hts: Tariff = Field(description="the beginning of a US tariff code, in quotes: '6911.10'")
    origin: Country = Field("", description="ISO country; left out: from anywhere")
    since: Day = Field(description="the first day it holds")
    percent: Amount = Field(description="of the value of the goods")


#: currency -> first day -> units of the shop's currency that one unit of it costs
Currencies = dict[Currency, dict[Day, Rate]]
Duties = tuple[DutyRate, ...]


def exact(value: Decimal) -> Fraction:
    """A decimal as a number that loses nothing when it is reckoned with."""
    return Fraction(value)
