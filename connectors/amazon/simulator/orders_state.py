"""Orders as Amazon keeps them: immutable states, each with the instant from which it is true."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.model.money import Money


class Status(StrEnum):
    """fulfillmentStatus of Orders 2026-01-01 (CANCELLED has two L there)."""

    PENDING = "PENDING"
    UNSHIPPED = "UNSHIPPED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


MERCHANT = "MERCHANT"
AMAZON = "AMAZON"


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    line1: str
    city: str
    state: str
    postal_code: str
    country: str = "US"
    line2: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    item_id: str
    sku: str
    asin: str
    title: str
    quantity: int
    unit_price: Money
    #: minor units, for all of its units
    tax: int = 0
    shipping: int = 0
    #: why the buyer asks for a cancellation; "" while the buyer does not
    cancel_reason: str = ""
    #: BUYER, MERCHANT or AMAZON once the item is canceled, and the reason given
    canceled_by: str = ""
    canceled_why: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A parcel as the last confirmation states it."""

    reference: str
    #: Amazon's code; "Other" for a carrier that is not listed
    carrier_code: str
    #: the code, or the name given beside "Other"
    carrier: str
    tracking_number: str
    service: str
    ship_time: datetime
    #: order item id -> units
    items: dict[str, int]
    #: when Amazon received the first confirmation; late shipments are counted by it
    confirmed_at: datetime
    #: 1 and one more for each edit that changed something
    effects: int = 1
    #: calls answered 204, identical repeats too
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Order:
    """One state of an order. `updated` is Amazon's lastUpdatedTime."""

    order_id: str
    created: datetime
    updated: datetime
    status: Status
    fulfilled_by: str
    items: tuple[Item, ...]
    ship_by: datetime
    deliver_by: datetime
    address: Address
    buyer_name: str
    buyer_email: str
    service_level: str = "STANDARD"
    programs: tuple[str, ...] = ()
    #: BUYER, MERCHANT or AMAZON once the order is canceled
    canceled_by: str = ""
    #: parcels as reads show them
    packages: tuple[Package, ...] = ()

    @property
    def total(self) -> Money:
        first, *others = (
            Money(
                item.unit_price.amount * item.quantity + item.tax + item.shipping,
                item.unit_price.currency,
            )
            for item in self.items
        )
        return sum(others, first)

    def fulfilled(self, item_id: str) -> int:
        if self.fulfilled_by == AMAZON:
            item = next(item for item in self.items if item.item_id == item_id)
            return item.quantity if self.status is Status.SHIPPED else 0
        return sum(package.items.get(item_id, 0) for package in self.packages)


@dataclass(slots=True)
class OrderRecord:
    """An order's whole history, oldest state first."""

    states: list[Order]
    #: list operations do not show the order before this instant (an index that lags)
    listed_from: datetime
    #: parcels as received: what validation and the books go by, ahead of what reads show
    received: dict[str, Package] = field(default_factory=dict)
    canceled_at: datetime | None = None

    @property
    def now(self) -> Order:
        return self.states[-1]

    def change(self, at: datetime, to: Order) -> Order:
        """Enter a new state. States are never older than the one before."""
        state = replace(to, updated=max(at, self.now.updated))
        self.states.append(state)
        return state

    def as_of(self, instant: datetime) -> Order | None:
        """The state a snapshot of that instant holds; None when it holds none."""
        if instant < self.listed_from:
            return None
        for state in reversed(self.states):
            if state.updated <= instant:
                return state
        return None

    def confirmed_units(self, *, without: str = "") -> dict[str, int]:
        """Order item id -> units in received parcels, one parcel left out."""
        units: dict[str, int] = {}
        for reference, package in self.received.items():
            if reference == without:
                continue
            for item_id, quantity in package.items.items():
                units[item_id] = units.get(item_id, 0) + quantity
        return units

    def first_confirmation(self) -> datetime | None:
        return min((package.confirmed_at for package in self.received.values()), default=None)


def add_business_days(start: datetime, days: int) -> datetime:
    """Monday to Friday; public holidays are not known here."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day
