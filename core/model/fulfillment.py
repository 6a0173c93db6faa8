"""Who ships which lines, the parcels, and what the carrier saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from core.model.catalog import ChannelId, LocationId, Sku
from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import PurchaseLine, SupplierItem


class FulfillmentState(StrEnum):
    #: decided; the request to ship is not handed over yet
    PLANNED = "planned"
    #: the request is handed over
    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    #: some units are on their way
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    #: the place said no
    REJECTED = "rejected"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    #: the order line's remote id
    line: str
    #: the component Sku to pick
    sku: Sku
    #: units of `sku`
    quantity: int
    #: units of `sku` in one unit of the line (1 unless a Kit or a pack)
    per_unit: int = 1


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """One place ships these lines of one order. `number` counts from 1 within the order."""

    channel: ChannelId
    order: str
    number: int
    location: LocationId
    lines: tuple[FulfillmentLine, ...]


@dataclass(frozen=True, slots=True)
class CountedAs:
    """One of a place's own items that is one unit of a Sku of ours."""

    #: what the place calls it
    item: str
    #: as many as it last told to be free
    units: int


@dataclass(frozen=True, slots=True)
class SoldAs:
    """What an order line was sold as: our Sku for it (a Kit's own), and what the channel calls it."""

    sku: Sku
    title: str


@dataclass(frozen=True, slots=True)
class ShipRequest:
    """What a place that ships for us is told: once, under `key`."""

    #: `<channel>:<order remote id>:F<number>`; printed on the request, echoed in their answers
    key: str
    location: LocationId
    order_name: str
    lines: tuple[FulfillmentLine, ...]
    ship_to: Address
    service: str
    requested_at: datetime
    ship_by: datetime | None = None
    #: what the shop's rules say to who packs it
    note: str = ""
    #: the key in 14 letters, for those with room for few; it may be echoed instead
    short_key: str = ""
    #: on which terms the place sells us these Skus; without those it told nothing of
    goods: Mapping[Sku, SupplierItem] = field(default_factory=dict)
    #: as what the place itself counts these Skus, unit for unit; without those it told nothing of
    counted: Mapping[Sku, Sequence[CountedAs]] = field(default_factory=dict)
    #: order line -> what the buyer ordered with it, for the people who pack it
    sold: Mapping[str, SoldAs] = field(default_factory=dict)
    #: what we call these Skus; without those that have no title
    titles: Mapping[Sku, str] = field(default_factory=dict)

    def by_sku(self) -> list[PurchaseLine]:
        """One line a Sku, for those who answer by item and could not tell two lines of one apart."""
        units: dict[Sku, int] = {}
        for line in self.lines:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
        made = []
        for sku, count in units.items():
            terms = self.goods.get(sku)
            # Without a word of theirs it is called as we do.
            item = terms.item if terms and terms.item != sku else ""
            made.append(PurchaseLine(sku, item, count, terms.price(count) if terms else None))
        return made


class AcknowledgmentStatus(StrEnum):
    """What becomes of a request, or of units of it."""

    ACCEPTED = "accepted"
    #: they come, later
    BACKORDERED = "backordered"
    #: they will never come on this request
    REJECTED = "rejected"
    #: a word nobody knows
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """So many units of one thing, and what becomes of them; one thing may have several."""

    #: their word for the thing, ours where they use it
    item: str
    status: AcknowledgmentStatus
    #: units
    quantity: int
    #: the day they leave; None: not told
    ready_on: date | None = None
    #: of one unit, as they reckon it; None: not told
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """A place's answer to a ShipRequest. With `lines` those count, and `status` is only its word."""

    key: str
    status: AcknowledgmentStatus
    #: the instant it speaks of
    at: datetime
    #: its own word and reason, kept raw
    raw_status: str = ""
    message: str = ""
    #: its own reference for the request
    reference: str = ""
    #: line by line; what none speaks of is not answered yet. (): the answer is for all of it
    lines: tuple[AnsweredLine, ...] = ()
    #: the day all of it leaves, where it comes later; None: not told
    ready_on: date | None = None


@dataclass(frozen=True, slots=True)
class RequestReminder:
    """A place is asked once more for its answer to a request, or for its parcel. It orders nothing."""

    key: str
    short_key: str
    #: counts from 1 within what is waited for
    number: int
    #: it answered, and what it agreed to ship has not left
    shipment: bool
    #: when the request went out, and until when an answer or the parcel was agreed
    sent_at: datetime
    due_at: datetime
    #: (units still owed, what their people call the thing)
    goods: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class CallOff:
    """A place is told not to ship a request that it was mailed."""

    key: str
    short_key: str


@dataclass(frozen=True, slots=True)
class CallOffAnswer:
    """What a place says to being told not to ship a request."""

    #: our key, long or short
    key: str
    #: it will not ship it; else it is too late
    stopped: bool
    #: the instant it speaks of
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestLetter:
    """A place wrote about a request in words: a person reads it, nothing is guessed."""

    key: str
    #: one of the addresses that the configuration names
    sender: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestBounce:
    """A mail server tells that a request did not reach its place."""

    key: str
    #: as RFC 3463 has it: "5.1.1"
    code: str
    text: str = field(repr=False)
    #: it was a later mail of its thread that did not: the request itself may have
    later: bool = False


@dataclass(frozen=True, slots=True)
class ShippedLine:
    sku: Sku
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """A parcel as the place that shipped it states it."""

    key: str
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: tuple[ShippedLine, ...]
    service: str = ""
    #: all that is left of the request is in it; `lines` is empty then
    whole: bool = False
    #: what its writer calls the document: the same name again is the same one; "": none is told
    document: str = ""
    #: it says all there is to say, instead of what was said before under that name
    replaces: bool = False
    #: the day it is to arrive, as they reckon; None: not told
    expected_on: date | None = None


def by_number(notices: Iterable[ShipmentNotice]) -> tuple[ShipmentNotice, ...]:
    """What one answer says, parcel by parcel: cartons that go under one number are one parcel."""
    made: dict[str, ShipmentNotice] = {}
    for one in notices:
        first = made.get(one.tracking_number)
        made[one.tracking_number] = (
            one if first is None else replace(first, lines=first.lines + one.lines)
        )
    return tuple(made.values())


@dataclass(frozen=True, slots=True)
class ConfirmedLine:
    """Units of an order line (not of components) that are in the parcel."""

    line: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ToldBeside:
    """Another confirmation under the same tracking number that the channel has."""

    #: what the channel calls it, as its connector returned it
    reference: str
    lines: tuple[ConfirmedLine, ...]


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel as the channel is told about it. (channel, order, package_number) is its key."""

    channel: ChannelId
    order: str
    #: counts from 1 within the order; Amazon's packageReferenceId
    package_number: int
    location: LocationId
    #: our word for the carrier ("ups"); the connector spells it as its channel does
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: tuple[ConfirmedLine, ...]
    #: the channel's own location to fulfill from, where it has several ("" = where assigned)
    remote_location: str = ""
    service: str = ""
    #: what the channel has under this number already: none of it is this one's
    beside: tuple[ToldBeside, ...] = ()


class TrackingStatus(StrEnum):
    """Where a parcel is. Unknown remote codes stay UNKNOWN, the raw triple kept."""

    LABEL_CREATED = "label_created"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    ATTEMPTED = "attempted"
    DELAYED = "delayed"
    EXCEPTION = "exception"
    ACTION_REQUIRED = "action_required"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    VOIDED = "voided"
    LOST = "lost"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class Untold(StrEnum):
    """Why a carrier will not tell about a parcel, however often it is asked."""

    #: it tells only whoever shipped the parcel: a supplier's own label, a mailer id of another
    NOT_YOURS = "not_yours"
    #: it could not be a number of this carrier's
    NO_NUMBER = "no_number"


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """One scan."""

    tracking_number: str
    at: datetime
    #: the local wall clock the carrier printed, "" where it gave none: "2026-11-24T09:15:00"
    local_time: str
    status: TrackingStatus
    #: the carrier's own triple, kept
    raw_type: str
    raw_code: str
    raw_status_code: str
    text: str
    #: city, region, country as printed; no street
    place: str = ""
