"""What is sold, and where it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.money import Money

#: The seller's own identity of a sellable thing; the join key between systems.
Sku = str
#: The name of a Channel in the configuration: "shopify-us".
ChannelId = str
#: The name of a StockLocation in the configuration: "warehouse-nj".
LocationId = str


class FulfilledBy(StrEnum):
    """Who ships what a listing or an order line sells."""

    US = "us"
    AMAZON = "amazon"
    #: another service the channel talks to itself (a 3PL app, a gift card, a digital download)
    OTHER = "other"


class ListingStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    #: the remote's word was not in our table; kept raw, treated as inactive
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KitComponent:
    sku: Sku
    #: units of the component in one Kit
    quantity: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A page on one channel, keyed (channel, remote_id)."""

    channel: ChannelId
    #: the remote's own key of the page: a Shopify variant's gid, an Amazon seller SKU
    remote_id: str
    #: what the channel calls the thing; may be blank or not unique (Shopify)
    remote_sku: str
    title: str
    status: ListingStatus
    fulfilled_by: FulfilledBy
    #: what quantity is written to, where that is another thing (a Shopify inventory item's gid)
    inventory_id: str = ""
    #: False where the channel does not count this listing's units (Shopify `tracked`)
    tracked: bool = True
    #: remote words the connector needs to write (Amazon product type); opaque to everyone else
    attributes: tuple[tuple[str, str], ...] = ()
    price: Money | None = None
    updated_at: datetime | None = None
    #: (gtin or asin, as the channel shows it); see core.model.names.Scheme
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OfferKey:
    """Where a quantity is shown: a listing, at one remote location where the channel has several."""

    channel: ChannelId
    remote_id: str
    #: a Shopify location's gid; "" where the channel has one number per listing
    remote_location: str = ""


@dataclass(frozen=True, slots=True)
class OfferReading:
    """What a channel shows for one offer, read back from it."""

    key: OfferKey
    #: None: the channel shows none here (not stocked, listing gone)
    quantity: int | None
    read_at: datetime
    #: days from order to shipment it states; None: not asked for, or none stated
    handling_days: int | None = None


@dataclass(frozen=True, slots=True)
class OfferChange:
    """One quantity to write, as `available`."""

    key: OfferKey
    quantity: int
    #: what we last read there, for compare-and-set; None where never read
    shown: int | None
    #: opaque words of the Listing the connector asked for (inventory id, product type)
    inventory_id: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    #: days from order to shipment to state with it; None: left as it is
    handling_days: int | None = None


class OfferOutcome(StrEnum):
    #: the remote shows it now (Shopify)
    SHOWN = "shown"
    #: the remote will apply it later; only a read-back is `shown` (Amazon ACCEPTED)
    SENT = "sent"
    #: compare-and-set failed: the world moved
    STALE = "stale"
    #: the remote said no to this one
    REFUSED = "refused"
    #: not attempted in this call (rate, time); try again later
    LATER = "later"
    #: the write may have landed; read it back
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OfferResult:
    key: OfferKey
    outcome: OfferOutcome
    #: the remote's submission or adjustment id, "" where it gave none
    submission: str = ""
    #: the remote's own code and words where REFUSED
    code: str = ""
    message: str = ""
