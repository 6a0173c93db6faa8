"""Listings as Amazon keeps them: what the seller submitted beside what is in force.

The two differ by design (selling-partner-api-models#5327): `attributes.fulfillment_availability`
is the last submission, `fulfillmentAvailability` is what buyers see and what sales count down.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.model.money import Money

DEFAULT = "DEFAULT"
AMAZON_NA = "AMAZON_NA"
CHANNELS = (DEFAULT, AMAZON_NA)
#: Amazon's handling time where the seller set none: 2 business days (FACTS, section 6).
DEFAULT_LEAD_DAYS = 2

#: One entry of `fulfillment_availability`.
Availability = dict[str, Any]


@dataclass(slots=True)
class Listing:
    sku: str
    asin: str
    fnsku: str
    title: str
    price: Money
    product_type: str
    condition: str
    created: datetime
    updated: datetime
    #: in force, keyed by fulfillment_channel_code
    current: dict[str, Availability]
    #: as submitted last; the other attributes beside it
    attributes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: FBA only: units in Amazon's warehouses that orders claimed
    reserved: int = 0
    #: the code with which every submission for it is refused; "": none
    blocked: str = ""

    @property
    def by_amazon(self) -> bool:
        return AMAZON_NA in self.current

    @property
    def submitted(self) -> list[Availability]:
        return self.attributes.get("fulfillment_availability", [])

    def quantity(self, channel: str) -> int:
        """Units buyers can order now. FBA units are counted here too but never shown as quantity."""
        return int(self.current.get(channel, {}).get("quantity") or 0)

    def take(self, channel: str, units: int) -> None:
        entry = self.current[channel]
        entry["quantity"] = self.quantity(channel) - units
        if channel == AMAZON_NA:
            self.reserved += units

    def give_back(self, channel: str, units: int) -> None:
        """A canceled order returns its units (from memory: Amazon puts them on sale again)."""
        if channel in self.current:
            self.current[channel]["quantity"] = self.quantity(channel) + units
        if channel == AMAZON_NA:
            self.reserved -= units

    @property
    def lead_days(self) -> int:
        return int(
            self.current.get(DEFAULT, {}).get("lead_time_to_ship_max_days", DEFAULT_LEAD_DAYS)
        )

    @property
    def buyable(self) -> bool:
        return any(self.quantity(channel) > 0 for channel in self.current)


def patched(
    entries: list[Availability], op: str, value: list[Availability] | None
) -> list[Availability]:
    """`fulfillment_availability` after one patch operation, selected by fulfillment_channel_code.

    `merge` keeps the sibling fields it does not name, `replace` wipes them
    (selling-partner-api-models#4406; "merge a listing" page), `add` puts entries beside the
    others, `delete` takes matching entries out (all of them without a value).
    """
    if op == "replace":
        return copy.deepcopy(value or [])
    if op == "delete":
        if value is None:
            return []
        return [entry for entry in entries if not any(_matches(entry, gone) for gone in value)]
    after = {entry["fulfillment_channel_code"]: dict(entry) for entry in entries}
    for entry in value or []:
        code = entry["fulfillment_channel_code"]
        before = after.get(code, {}) if op == "merge" else {}
        after[code] = {**before, **entry}
    return list(after.values())


def _matches(entry: Availability, selector: Availability) -> bool:
    return all(entry.get(name) == wanted for name, wanted in selector.items())


def in_force(
    current: dict[str, Availability], op: str, value: list[Availability] | None
) -> dict[str, Availability]:
    """What is in force after the patch. A `replace` that names another channel adds that channel
    instead of switching to it (selling-partner-api-models#2061)."""
    after = {
        entry["fulfillment_channel_code"]: entry
        for entry in patched(list(current.values()), op, value)
    }
    if op == "replace":
        return {**current, **after}
    return after
