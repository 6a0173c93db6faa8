"""What stops an order before it is routed, and what the shop's rules ask of it."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.durations import Duration
from config.part import Part, TwoLetters
from config.replenishment import Amount
from config.shipping import cents
from core.model.orders import Risk
from core.rules.suspicion import Apart, Limits

_ZIP_BEGINNING = re.compile(r"\d{1,5}")


def _zip_beginning(value: str) -> str:
    if not _ZIP_BEGINNING.fullmatch(value):
        raise ValueError(
            f"{value!r} is no beginning of a ZIP code; write '331' or '97230', in quotes"
        )
    return value


ZipBeginning = Annotated[str, AfterValidator(_zip_beginning)]
Percent = Annotated[int, Field(ge=1, le=100)]


class OrderRule(Part):
    """What is done about the orders its condition picks. Without anything else they are held."""

    name: str = Field(description="shown as the reason")
    when: str = Field(
        description="CEL over `order`: 'order.total > 50000 && order.ship_to.country != \"US\"'"
    )
    hold: bool | None = Field(
        None, description="wait for a person; unset: only where the rule asks for nothing else"
    )
    priority: int = Field(
        0,
        ge=-1_000,
        le=1_000,
        description="higher gets scarce units first; of several rules the highest",
    )
    tags: tuple[str, ...] = Field((), description="shown with the order")
    note: str = Field("", description="told to who ships it, with the order's lines")
    carriers: tuple[str, ...] = Field((), description="it travels with one of these carriers")
    services: tuple[str, ...] = Field((), description="it travels by one of these `services`")

    @property
    def holds(self) -> bool:
        asks = self.priority or self.tags or self.note or self.carriers or self.services
        return not asks if self.hold is None else self.hold


class GoodsRestriction(Part):
    """Goods that must not go where all of this is so, or not by these carriers."""

    name: str = Field(description="shown as the reason")
    when: str | None = Field(
        None,
        description="CEL over `sku` picks the goods: '\"lithium\" in sku.tags'; unset: all goods",
    )
    skus: tuple[str, ...] = Field((), description="goods by name; with `when`: those as well")
    countries: tuple[TwoLetters, ...] = Field(
        (), description="where it goes: US, CA; empty: anywhere"
    )
    states: tuple[TwoLetters, ...] = Field((), description="US states: [AK, HI, PR]; empty: any")
    zips: tuple[ZipBeginning, ...] = Field((), description="beginnings of ZIP codes, in quotes")
    po_box: bool = Field(False, description="only where it goes to a PO box")
    military: bool = Field(False, description="only where it goes to an APO, FPO or DPO address")
    carriers: tuple[str, ...] = Field(
        (), description="carriers that must not take it there; without carriers and services the "
        "order is held"
    )  # fmt: skip
    services: tuple[str, ...] = Field((), description="`services` that must not take it there")


class Many(Part):
    """When a quantity is odd."""

    units: int = Field(0, ge=0, description="so many units of one line, at least; 0: never")
    times: int = Field(
        5, ge=1, description="and more than so many times what four of five other buyers of it took"
    )


class Velocity(Part):
    """When one buyer orders too often."""

    orders: int = Field(
        0, ge=0, description="so many orders of one buyer, or to one address; 0: never"
    )
    within: Duration = Field(Duration(hours=1), description="in so long a time")


class Billing(Part):
    """When a billing address is too far from where the order goes."""

    apart: Literal["country", "state", "zip"] | None = Field(
        None, description="what must not differ, and all above it; unset: it may be anywhere"
    )
    over: Amount = Field(
        Decimal(0), description="only orders worth as much, in the shop's currency"
    )


class Review(Part):
    """What stops an order before it is routed."""

    hold_unpaid: bool = Field(True, description="hold what is not paid")
    ships_authorized: bool = Field(
        False, description="ship what is authorized, and capture the money when it ships"
    )
    hold_test: bool = Field(True, description="hold test orders")
    hold_incomplete_address: bool = Field(
        True, description="hold what no carrier could deliver for want of an address part"
    )
    hold_undeliverable: bool = Field(
        True,
        description="hold addresses of stopgaps (`asdf`), without any number, in letters no label "
        "shows, or with a ZIP code of another state or of none",
    )
    risk: Literal["low", "medium", "high", "never"] = Field(
        "medium", description="hold what the channel says is so likely a fraud, or more"
    )
    billing: Billing = Field(Billing(), description="billed to somewhere else")
    high_value: Amount | None = Field(
        None, description="orders worth so much, in the shop's currency, wait for a person"
    )
    first_order: Amount | None = Field(
        None,
        description="the same for buyers of whom no order is known; buyers are known as long as "
        "`orders.keep_personal_data` says",
    )
    hold_unknown_worth: bool = Field(
        True,
        description="where one of these two is looked at: hold orders whose worth is not known, for "
        "want of a price or of a rate in `currencies`",
    )
    velocity: Velocity = Field(Velocity(), description="many orders in a short time")
    freight_forwarders: tuple[ZipBeginning, ...] = Field(
        (), description="beginnings of ZIP codes at which forwarders send parcels on, in quotes"
    )
    price_differs: Percent | None = Field(
        None,
        description="percent that a line's price may differ from what its listing asks; discounts "
        "count; unset: it is not looked at",
    )
    quantity: Many = Field(Many(), description="far more units than usual")
    duplicates_within: Duration = Field(
        Duration(0),
        description="hold what looks like an earlier order: the same goods to the same address by the "
        "same buyer, placed within that time of it; 0s: not looked for",
    )
    tell_after: Duration = Field(
        Duration(minutes=15),
        description="who looks after an order is mailed once it was held so long for a person",
    )
    restrictions: tuple[GoodsRestriction, ...] = Field(
        (), description="what must not go where, or not by whom; Lockstep brings no legal list"
    )
    rules: tuple[OrderRule, ...] = Field(
        (), description="the shop's own reasons to hold an order, and what it asks of some"
    )

    def limits(self, currency: str, *, known: timedelta) -> Limits:
        """The same for the rules, money in minor units of the shop's currency. `known`: how long buyers
        are known after an order."""
        return Limits(
            risk=None if self.risk == "never" else Risk(self.risk),
            billing=Apart(self.billing.apart) if self.billing.apart else None,
            billing_from=cents(self.billing.over, currency),
            high_value=_cents(self.high_value, currency),
            first_order=_cents(self.first_order, currency),
            known_days=known.days,
            unknown_worth=self.hold_unknown_worth,
            velocity=self.velocity.orders,
            velocity_within=self.velocity.within,
            forwarders=self.freight_forwarders,
            price=self.price_differs,
            many=self.quantity.units,
            many_times=self.quantity.times,
            duplicate_within=self.duplicates_within,
        )


def _cents(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else cents(amount, currency)
