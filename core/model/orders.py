"""What a buyer bought, as the channel states it. Facts: recorded, never edited by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.model.catalog import ChannelId, FulfilledBy
from core.model.money import Money
from core.model.reasons import Reason


class CancelReason(StrEnum):
    """Why we end an order at its channel. Each channel has words of its own for it."""

    OUT_OF_STOCK = "out_of_stock"
    #: the buyer asked for it
    BUYER = "buyer"
    FRAUD = "fraud"
    #: the money did not come
    PAYMENT = "payment"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PartOfLine:
    """Units of a line that end while others of it stay."""

    line: str
    #: how many end
    quantity: int
    #: how many stay; where no more than these are left, somebody else was faster
    staying: int


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What we end of an order at its channel."""

    #: the order's remote id
    order: str
    reason: CancelReason
    #: remote ids of the lines that end, each with all of its units
    lines: tuple[str, ...]
    #: these are all of the order: it ends with them
    whole: bool
    #: lines of which only some units end; none of them is in `lines`
    parts: tuple[PartOfLine, ...] = ()


class PaymentStatus(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Risk(StrEnum):
    """How likely an order is a fraud, as the channel states it."""

    UNKNOWN = ""
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes. Personal data: lives in the `party` table only, with an erase-after instant."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    line3: str = ""
    city: str = ""
    #: two-letter USPS code for US addresses
    region: str = ""
    postal_code: str = ""
    #: ISO 3166-1 alpha-2
    country: str = ""
    phone: str = ""
    email: str = ""

    def __repr__(self) -> str:
        # A buyer's address must not reach a log through a stray repr (I8).
        return f"Address({self.postal_code[:3]}**, {self.country})"


@dataclass(frozen=True, slots=True)
class OrderLine:
    remote_id: str
    remote_sku: str
    #: the listing it was bought from, where the channel says (Shopify variant gid, Amazon seller SKU)
    listing_remote_id: str
    title: str
    #: units bought at first
    ordered: int
    #: units the buyer still wants: ordered less canceled and removed
    current: int
    #: units the channel knows to be fulfilled already; `current` less these is still to ship
    fulfilled: int
    unit_price: Money | None
    requires_shipping: bool = True
    fulfilled_by: FulfilledBy = FulfilledBy.US
    #: the same price in what the buyer paid with, where that differs
    presentment_price: Money | None = None
    #: the buyer asked (Amazon) for this line to be canceled
    cancel_requested: bool = False
    #: units that left and were paid back since, in neither `current` nor `fulfilled`; told only while
    #: others of the line are still to ship
    returned: int = 0
    #: the channel's own place it is assigned to; "": several, or not told. Where it lies is no part
    #: of what was bought: two lines that differ in it alone are the same line.
    assigned: str = field(default="", compare=False)
    #: (the channel's own location, units) it took off its figures for this line; None: not told
    taken_from: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Keyed (channel, remote_id). `version` grows with every change at the remote."""

    channel: ChannelId
    remote_id: str
    #: what people call it: "#1001", "902-1845936-5435065"
    name: str
    placed_at: datetime
    #: the remote's own last change; an older one never replaces a newer one
    updated_at: datetime
    payment: PaymentStatus
    #: not None when the whole order is canceled at the channel
    canceled_at: datetime | None
    #: the channel says nothing may ship yet (Amazon PENDING)
    pending: bool
    test: bool
    currency: str
    total: Money | None
    lines: tuple[OrderLine, ...]
    ship_to: Address | None
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    #: the channel's word for the service bought ("Standard", "STANDARD")
    service: str = ""
    tags: tuple[str, ...] = ()
    presentment_currency: str = ""
    cancel_reason: str = ""
    risk: Risk = Risk.UNKNOWN
    #: only country, region and postal code are kept of it; None: not told
    bill_to: Address | None = None
    #: remote words outside the model, small and without personal data (programs, source)
    attributes: Mapping[str, str] = field(default_factory=dict)
    #: the channel's figures of later lack its units; None: since it was placed
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shop's rules ask of an order, beside its Holds. Decided by us."""

    #: higher: it gets scarce units first
    priority: int = 0
    tags: tuple[str, ...] = ()
    #: told to who ships it
    notes: tuple[str, ...] = ()
    #: it travels by one of these; None: by any
    services: tuple[str, ...] | None = None


class OrderStage(StrEnum):
    """How far we are with an order. Decided by us, beside the facts."""

    #: recorded, its units claimed, no decision yet
    NEW = "new"
    #: a Hold is open
    HELD = "held"
    #: accepted, waits for units
    WAITING = "waiting"
    #: who ships what is decided; requests are on their way or handed over
    ROUTED = "routed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    #: fulfilled by others, before the cut-over, or handed over elsewhere: recorded, never routed
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Hold:
    """A named reason why an order must not be routed yet."""

    reason: Reason
    #: it ends then, of itself; None: not by time
    until: datetime | None = None

    @property
    def code(self) -> str:
        return self.reason.code
