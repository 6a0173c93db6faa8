"""What a patch may say, and when it comes true. Shared by patchListingsItem and the feed."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.listings_state import (
    AMAZON_NA,
    CHANNELS,
    DEFAULT,
    Listing,
    in_force,
    patched,
)
from core.model.money import Money

OPS = ("add", "replace", "merge", "delete")
AVAILABILITY = "fulfillment_availability"
#: Top-level attributes of product type PRODUCT that are known here; others are 90000900.
KNOWN_ATTRIBUTES = frozenset(
    {
        AVAILABILITY, "purchasable_offer", "item_name", "condition_type", "list_price", "brand",
        "bullet_point", "product_description", "merchant_suggested_asin", "generic_keyword",
        "merchant_shipping_group", "main_product_image_locator", "manufacturer", "skip_offer",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Issue:
    code: str
    message: str
    attribute: str
    category: str = "INVALID_ATTRIBUTE"

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "severity": "ERROR",
            "attributeNames": [self.attribute],
            "categories": [self.category],
        }


@dataclass(frozen=True, slots=True)
class Patch:
    op: str
    attribute: str
    value: list[dict[str, Any]] | None


def issues_of(patches: list[Patch], listing: Listing) -> list[Issue]:
    """Why Amazon would call the submission INVALID; empty when it would take it."""
    found: list[Issue] = []
    if listing.blocked:
        found.append(Issue(listing.blocked, "This listing may not be changed.", AVAILABILITY))
    for patch in patches:
        if patch.attribute not in KNOWN_ATTRIBUTES:
            found.append(Issue("90000900", "The attributes are invalid.", patch.attribute))
        elif patch.value is None and patch.op != "delete":
            message = f"'{patch.attribute}' is required but not supplied."
            found.append(Issue("90220", message, patch.attribute, "MISSING_ATTRIBUTE"))
        elif patch.attribute == AVAILABILITY:
            found += [
                i
                for entry in patch.value or []
                for i in _availability_issues(entry, patch.op, listing)
            ]
        elif patch.attribute == "purchasable_offer" and patch.op != "delete":
            found += _price_issues(patch.value or [])
    return found


def _availability_issues(entry: dict[str, Any], op: str, listing: Listing) -> list[Issue]:
    code = entry.get("fulfillment_channel_code")
    if code is None:
        message = (
            "The field 'fulfillment_channel_code' for the attribute 'fulfillment_availability' does "
            "not have enough values. The required minimum is '1' value(s)."
        )
        return [Issue("99022", message, AVAILABILITY, "MISSING_ATTRIBUTE")]
    if code not in CHANNELS:
        return [_bad_value("fulfillment_channel_code", code)]
    if op == "delete":
        return []
    found = []
    if "quantity" in entry:
        quantity = entry["quantity"]
        if not _whole(quantity) or quantity < 0:
            found.append(_bad_value("quantity", quantity))
        elif code == AMAZON_NA or listing.by_amazon:
            # Amazon counts these units itself. The issue's own code and words are not known.
            message = "The quantity of an item that is fulfilled by Amazon cannot be set."
            found.append(Issue("90000900", message, AVAILABILITY))
    lead = entry.get("lead_time_to_ship_max_days", 1)
    if not _whole(lead) or not 0 <= lead <= 30:
        found.append(_bad_value("lead_time_to_ship_max_days", lead))
    return found


def _bad_value(name: str, value: object) -> Issue:
    return Issue("90000900", f"The value '{value}' of '{name}' is invalid.", AVAILABILITY)


def _price_issues(offers: list[dict[str, Any]]) -> list[Issue]:
    return [
        Issue("99022", "The field 'our_price' does not have enough values.", "purchasable_offer")
        for offer in offers
        if "our_price" in offer and _price_of([offer]) is None
    ]


def _price_of(offers: list[dict[str, Any]]) -> Money | None:
    """The B2C price of a `purchasable_offer`, written as a number or a quoted string."""
    for offer in offers:
        try:
            value = offer["our_price"][0]["schedule"][0]["value_with_tax"]
            return Money.parse(str(value), str(offer.get("currency", "USD")))
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    return None


def submit(patches: list[Patch], listing: Listing, *, now: datetime) -> None:
    """Take the patches as submitted: `attributes` show them at once."""
    for patch in patches:
        before = listing.attributes.get(patch.attribute, [])
        if patch.attribute == AVAILABILITY:
            after = patched(before, patch.op, patch.value)
        else:
            after = _generic(before, patch)
        if after:
            listing.attributes[patch.attribute] = after
        else:
            listing.attributes.pop(patch.attribute, None)
    listing.updated = now


def _generic(before: list[dict[str, Any]], patch: Patch) -> list[dict[str, Any]]:
    if patch.op == "delete":
        return []
    value = copy.deepcopy(patch.value or [])
    if patch.op == "merge" and before and len(value) == 1:
        return [{**before[0], **value[0]}, *before[1:]]
    return value


def apply(patches: list[Patch], listing: Listing, *, now: datetime) -> bool:
    """Let the patches come true; True when that changed what buyers see."""
    before = (copy.deepcopy(listing.current), listing.price, listing.title)
    for patch in patches:
        value = copy.deepcopy(patch.value)
        if patch.attribute == AVAILABILITY:
            units = listing.current.get(AMAZON_NA, {}).get("quantity", 0)
            listing.current = in_force(listing.current, patch.op, value)
            if AMAZON_NA in listing.current:
                # A submission never moves the units in Amazon's own warehouses.
                listing.current[AMAZON_NA]["quantity"] = units
            if DEFAULT in listing.current:
                listing.current[DEFAULT].setdefault("quantity", 0)
        elif patch.attribute == "purchasable_offer":
            listing.price = _price_of(value or []) or listing.price
        elif patch.attribute == "item_name" and value:
            listing.title = str(value[0].get("value", listing.title))
    changed = before != (listing.current, listing.price, listing.title)
    if changed:
        listing.updated = now
    return changed


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
