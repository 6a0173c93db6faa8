"""One seller account in one marketplace: its listings, its orders, and what is still to happen."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.amazon.simulator.agenda import Agenda
from connectors.amazon.simulator.listings_state import (
    AMAZON_NA,
    CHANNELS,
    DEFAULT,
    DEFAULT_LEAD_DAYS,
    Availability,
    Listing,
)
from connectors.amazon.simulator.orders_state import OrderRecord
from core.model.money import Money

if TYPE_CHECKING:
    from connectors.amazon.simulator.ledger import Ledger
    from connectors.amazon.simulator.sent_back import Returns

_ASIN_LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXYZ"

#: Seconds, from and to.
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Behavior:
    """How long things take, in clock seconds. Spans are drawn from by seed."""

    #: list operations read a copy at least this old
    snapshot_age: float
    #: a patch or a feed comes true after this long
    apply_delay: Span
    #: a confirmed parcel shows in reads after this long
    confirm_delay: Span
    #: a report or a feed waits this long, and then works as long again
    queue_delay: Span
    #: Amazon ships an FBA order after this long
    fba_ship_delay: Span
    #: business days after ship-by until Amazon cancels an unconfirmed order
    auto_cancel_days: int
    #: Finances shows a payment after this long
    post_delay: Span


class Account:
    """State only; the operations live in modules of their own."""

    #: what was paid back, and what comes back; whoever builds an account gives it these
    ledger: Ledger
    returns: Returns

    def __init__(
        self, *, seller_id: str, marketplace_id: str, store_name: str, behavior: Behavior, seed: int
    ) -> None:
        self.seller_id = seller_id
        self.marketplace_id = marketplace_id
        self.store_name = store_name
        self.behavior = behavior
        self.agenda = Agenda()
        self.listings: dict[str, Listing] = {}
        self.orders: dict[str, OrderRecord] = {}
        #: "patches accepted", "patches invalid", "buyers refused" ...
        self.counts: Counter[str] = Counter()
        self._ids = random.Random(f"ids {seed}")
        self._delays = random.Random(f"delays {seed}")

    def delay(self, span: Span) -> timedelta:
        return timedelta(seconds=self._delays.uniform(*span))

    def digits(self, count: int) -> str:
        return f"{self._ids.randrange(10 ** (count - 1), 10**count)}"

    def uuid(self) -> str:
        text = f"{self._ids.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def pick(self, choices: tuple[str, ...]) -> str:
        return self._ids.choice(choices)

    def new_order_id(self) -> str:
        while True:
            order_id = f"11{self._ids.randrange(1, 5)}-{self.digits(7)}-{self.digits(7)}"
            if order_id not in self.orders:
                return order_id

    def add_listing(
        self,
        sku: str,
        *,
        now: datetime,
        asin: str | None = None,
        title: str | None = None,
        price: str = "19.99",
        currency: str = "USD",
        quantity: int = 0,
        channel: str = DEFAULT,
        lead_time: int | None = None,
        product_type: str = "PRODUCT",
        condition: str = "new_new",
    ) -> Listing:
        """Put a listing on the shelf. ValueError: SKU taken, unknown channel, negative quantity."""
        if sku in self.listings:
            raise ValueError(f"SKU {sku} is listed already")
        if channel not in CHANNELS:
            raise ValueError(f"channel {channel!r} is none of {CHANNELS}")
        if quantity < 0:
            raise ValueError(f"quantity {quantity} is negative")
        entry: Availability = {"fulfillment_channel_code": channel, "quantity": quantity}
        if channel == DEFAULT:
            entry["lead_time_to_ship_max_days"] = (
                DEFAULT_LEAD_DAYS if lead_time is None else lead_time
            )
        listing = Listing(
            sku=sku,
            asin=asin or "B0" + "".join(self._ids.choices(_ASIN_LETTERS, k=8)),
            fnsku=f"X00{self.digits(7)}",
            title=title or f"Item {sku}",
            price=Money.parse(price, currency),
            product_type=product_type,
            condition=condition,
            created=now,
            updated=now,
            current={channel: entry},
        )
        # Units in Amazon's warehouses were never submitted by the seller.
        submitted = {k: v for k, v in entry.items() if channel != AMAZON_NA or k != "quantity"}
        listing.attributes = self._attributes(listing, submitted)
        self.listings[sku] = listing
        return listing

    def _attributes(
        self, listing: Listing, submitted: Availability
    ) -> dict[str, list[dict[str, object]]]:
        place = {"marketplace_id": self.marketplace_id}
        amount = float(str(listing.price).split()[0])
        return {
            "item_name": [{"value": listing.title, "language_tag": "en_US", **place}],
            "condition_type": [{"value": listing.condition, **place}],
            "merchant_suggested_asin": [{"value": listing.asin, **place}],
            "purchasable_offer": [
                {
                    "currency": listing.price.currency,
                    "audience": "ALL",
                    "our_price": [{"schedule": [{"value_with_tax": amount}]}],
                    **place,
                }
            ],
            "fulfillment_availability": [submitted],
        }

    def block(self, sku: str, code: str) -> None:
        """Amazon refuses submissions for a listing (a brand gate, a compliance check)."""
        if sku not in self.listings:
            raise ValueError(f"no listing {sku}")
        self.listings[sku].blocked = code

    def set_quantity(self, sku: str, quantity: int, *, now: datetime) -> None:
        """Somebody else (a person in Seller Central, Amazon's receiving dock) moves the quantity."""
        listing = self.listings.get(sku)
        if listing is None:
            raise ValueError(f"no listing {sku}")
        if quantity < 0:
            raise ValueError(f"quantity {quantity} is negative")
        if listing.by_amazon:
            listing.current[AMAZON_NA]["quantity"] = quantity
        else:
            listing.current[DEFAULT]["quantity"] = quantity
            for entry in listing.submitted:
                if entry["fulfillment_channel_code"] == DEFAULT:
                    entry["quantity"] = quantity
        listing.updated = now
        self.counts["quantities set by others"] += 1
