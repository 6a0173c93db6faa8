"""FBA Inventory v1: getInventorySummaries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.inbound_state import Dock
from connectors.amazon.simulator.listings_state import AMAZON_NA, Listing
from connectors.amazon.simulator.wire import PageTokens, Parameters, invalid_input, seconds_text
from connectors.simulation import Response

#: "The string token will expire 30 seconds after being created" (model).
PAGE_TOKEN_SECONDS = 30
PAGE_SIZE = 50
#: `startDateTime` may not be earlier than 18 months ago (model).
OLDEST_START = timedelta(days=548)
_FROZEN = ("granularityType", "granularityId", "marketplaceIds", "sellerSkus", "sellerSku", "startDateTime", "details")  # fmt: skip


class InventoryApi:
    def __init__(self, account: Account, dock: Dock, *, seed: int) -> None:
        self._account = account
        self._dock = dock
        self._tokens = PageTokens(seed=seed, lifetime=PAGE_TOKEN_SECONDS)

    def summaries(self, parameters: Parameters, *, now: datetime) -> Response:
        self._check_place(parameters)
        fingerprint = parameters.fingerprint(_FROZEN)
        token = parameters.one("nextToken")
        start = self._tokens.redeem(token, fingerprint=fingerprint, now=now) if token else 0
        found = self._found(parameters, now=now)
        details = parameters.flag("details")
        body: dict[str, Any] = {
            "payload": {
                "granularity": {
                    "granularityType": "Marketplace",
                    "granularityId": self._account.marketplace_id,
                },
                "inventorySummaries": [
                    _summary(listing, self._dock.under_way(listing.sku), details=details)
                    for listing in found[start : start + PAGE_SIZE]
                ],
            }
        }
        if start + PAGE_SIZE < len(found):
            token = self._tokens.issue(start + PAGE_SIZE, fingerprint=fingerprint, now=now)
            body["pagination"] = {"nextToken": token}
        return Response.json(body)

    def _check_place(self, parameters: Parameters) -> None:
        here = self._account.marketplace_id
        if (
            parameters.one("granularityType") != "Marketplace"
            or parameters.one("granularityId") != here
            or parameters.many("marketplaceIds") != (here,)
        ):
            raise invalid_input(
                "Invalid Input", "granularityType, granularityId and one marketplaceId are required"
            )

    def _found(self, parameters: Parameters, *, now: datetime) -> list[Listing]:
        listings = [listing for listing in self._account.listings.values() if listing.by_amazon]
        since = parameters.instant("startDateTime")
        if since:
            # SKUs are ignored beside a start (model).
            if since < now - OLDEST_START:
                raise invalid_input("Invalid Input", "startDateTime: more than 18 months ago")
            return [listing for listing in listings if listing.updated >= since]
        single = parameters.one("sellerSku")
        skus = parameters.many("sellerSkus") or ((single,) if single else ())
        if len(skus) > 50:
            raise invalid_input("Invalid Input", "sellerSkus: at most 50 values")
        return [listing for listing in listings if not skus or listing.sku in skus]


def _summary(listing: Listing, under_way: tuple[int, int, int], *, details: bool) -> dict[str, Any]:
    """`totalQuantity`: "units in an inbound shipment or in Amazon fulfillment centers" (model)."""
    working, shipped, receiving = under_way
    fulfillable = listing.quantity(AMAZON_NA)
    summary: dict[str, Any] = {
        "asin": listing.asin,
        "fnSku": listing.fnsku,
        "sellerSku": listing.sku,
        "condition": "NewItem",
        "lastUpdatedTime": seconds_text(listing.updated),
        "productName": listing.title,
        "totalQuantity": fulfillable + listing.reserved + sum(under_way),
    }
    if details:
        summary["inventoryDetails"] = {
            "fulfillableQuantity": fulfillable,
            "inboundWorkingQuantity": working,
            "inboundShippedQuantity": shipped,
            "inboundReceivingQuantity": receiving,
            "reservedQuantity": {
                "totalReservedQuantity": listing.reserved,
                "pendingCustomerOrderQuantity": listing.reserved,
                "pendingTransshipmentQuantity": 0,
                "fcProcessingQuantity": 0,
            },
        }
    return summary
