"""Listings Items 2021-08-01: getListingsItem, patchListingsItem, searchListingsItems."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.listings_state import AMAZON_NA, Listing
from connectors.amazon.simulator.submissions import OPS, Patch, apply, issues_of, submit
from connectors.amazon.simulator.wire import (
    ApiError,
    PageTokens,
    Parameters,
    millis_text,
    money,
)
from connectors.simulation import Response

INCLUDED_DATA = (
    "summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement",
    "relationships", "productTypes",
)  # fmt: skip
#: No more than this many items can be paged through; the report has the whole catalog.
MOST_PAGED = 1000
#: Not stated for this API; taken from the orders API.
PAGE_TOKEN_SECONDS = 24 * 3600
_FROZEN = (
    "marketplaceIds", "identifiers", "identifiersType", "createdAfter", "createdBefore",
    "lastUpdatedAfter", "lastUpdatedBefore", "withStatus", "withoutStatus", "withIssueSeverity",
    "sortBy", "sortOrder",
)  # fmt: skip


def bad_request(details: str) -> ApiError:
    return ApiError(400, "BAD_REQUEST", "Invalid parameters provided.", details)


class ListingsApi:
    def __init__(self, account: Account, *, seed: int) -> None:
        self._account = account
        self._tokens = PageTokens(seed=seed, lifetime=PAGE_TOKEN_SECONDS)
        #: when the newest patch of a SKU comes true: patches keep their order among themselves
        self._newest: dict[str, datetime] = {}

    def get(self, seller_id: str, sku: str, parameters: Parameters) -> Response:
        self._check_place(seller_id, parameters)
        listing = self._account.listings.get(sku)
        if listing is None:
            raise self._unknown(sku)
        return Response.json(view(listing, self._included(parameters), self._account), subject=sku)

    def _unknown(self, sku: str) -> ApiError:
        place = self._account.marketplace_id
        return ApiError(404, "NOT_FOUND", f"SKU '{sku}' not found in marketplace {place}")

    def _check_place(self, seller_id: str, parameters: Parameters) -> None:
        if seller_id != self._account.seller_id:
            raise ApiError(403, "Unauthorized", "Access to requested resource is denied.")
        places = parameters.many("marketplaceIds")
        if not places:
            raise bad_request("marketplaceIds is required")
        if self._account.marketplace_id not in places:
            raise bad_request("marketplaceIds: the seller does not sell there")

    def _included(self, parameters: Parameters) -> tuple[str, ...]:
        return parameters.enums("includedData", INCLUDED_DATA) or ("summaries",)

    # Search

    def search(self, seller_id: str, parameters: Parameters, *, now: datetime) -> Response:
        self._check_place(seller_id, parameters)
        included = self._included(parameters)
        size = parameters.whole_number("pageSize", default=10, least=1, most=20)
        fingerprint = parameters.fingerprint(_FROZEN)
        token = parameters.one("pageToken")
        start = self._tokens.redeem(token, fingerprint=fingerprint, now=now) if token else 0
        found = self._found(parameters)
        reachable = found[:MOST_PAGED]
        page = reachable[start : start + size]
        pagination = {}
        if start + size < len(reachable):
            pagination["nextToken"] = self._tokens.issue(
                start + size, fingerprint=fingerprint, now=now
            )
        if start > 0:
            pagination["previousToken"] = self._tokens.issue(
                max(0, start - size), fingerprint=fingerprint, now=now
            )
        body: dict[str, Any] = {
            "numberOfResults": len(found),
            "items": [view(listing, included, self._account) for listing in page],
        }
        return Response.json(body | ({"pagination": pagination} if pagination else {}))

    def _found(self, parameters: Parameters) -> list[Listing]:
        wanted = _filter(parameters)
        found = [listing for listing in self._account.listings.values() if wanted(listing)]
        sort_by = parameters.one("sortBy") or "lastUpdatedDate"
        keys: dict[str, Callable[[Listing], Any]] = {
            "sku": lambda listing: listing.sku,
            "createdDate": lambda listing: (listing.created, listing.sku),
            "lastUpdatedDate": lambda listing: (listing.updated, listing.sku),
        }
        if sort_by not in keys:
            raise bad_request(f"sortBy: {sort_by} is not a valid value")
        descending = (parameters.one("sortOrder") or "DESC") == "DESC"
        return sorted(found, key=keys[sort_by], reverse=descending)

    # Patch

    def patch(
        self,
        seller_id: str,
        sku: str,
        parameters: Parameters,
        body: dict[str, Any],
        *,
        now: datetime,
    ) -> Response:
        """ACCEPTED is queued, not applied; a bad value is 200 with INVALID, not a 4xx."""
        self._check_place(seller_id, parameters)
        patches = read_patches(body)
        preview = parameters.one("mode") == "VALIDATION_PREVIEW"
        listing = self._account.listings.get(sku)
        if listing is None:
            return self._patch_of_nothing(sku, preview=preview)
        issues = [issue.as_json() for issue in issues_of(patches, listing)]
        if issues:
            self._account.counts["patches invalid"] += 1
            return self._submission(sku, "INVALID", issues=issues)
        if preview:
            return self._submission(sku, "VALID")
        submit(patches, listing, now=now)
        self._apply_later(sku, patches, now=now)
        self._account.counts["patches accepted"] += 1
        return self._submission(sku, "ACCEPTED", took_effect=True)

    def _patch_of_nothing(self, sku: str, *, preview: bool) -> Response:
        """The model declares no 404 for a patch: an unknown SKU is accepted and nothing comes of
        it (selling-partner-api-models#2797, #4402, #5021). Reading it back is the 404."""
        self._account.counts["patches of unknown SKUs"] += 1
        return self._submission(sku, "VALID" if preview else "ACCEPTED")

    def _submission(
        self,
        sku: str,
        status: str,
        *,
        issues: list[dict[str, Any]] | None = None,
        took_effect: bool = False,
    ) -> Response:
        body = {
            "sku": sku,
            "status": status,
            "submissionId": self._account.uuid().replace("-", ""),
            "issues": issues or [],
        }
        return Response.json(body, took_effect=took_effect, subject=sku)

    def _apply_later(self, sku: str, patches: list[Patch], *, now: datetime) -> None:
        """Patches of one SKU come true in their order; against a feed no order is kept."""
        account = self._account
        due = now + account.delay(account.behavior.apply_delay)
        due = self._newest[sku] = max(due, self._newest.get(sku, due))

        def come_true(at: datetime) -> None:
            listing = account.listings.get(sku)
            if listing:
                apply(patches, listing, now=at)
                account.counts["patches applied"] += 1

        account.agenda.at(due, come_true)


def read_patches(body: dict[str, Any]) -> list[Patch]:
    """`productType` and `patches` of a patch body or a feed message. Raises ApiError 400."""
    if not isinstance(body.get("productType"), str) or not body["productType"]:
        raise bad_request("productType is required")
    patches = body.get("patches")
    if not isinstance(patches, list) or not patches:
        raise bad_request("patches is required")
    return [_read_patch(patch) for patch in patches]


def _read_patch(patch: object) -> Patch:
    if not isinstance(patch, dict) or patch.get("op") not in OPS:
        raise bad_request(f"op must be one of {', '.join(OPS)}")
    path, value = patch.get("path"), patch.get("value")
    parts = path.split("/") if isinstance(path, str) else []
    if len(parts) != 3 or parts[:2] != ["", "attributes"] or not parts[2]:
        raise bad_request("path: only top-level attributes can be patched")
    if value is not None and not (
        isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    ):
        raise bad_request("value must be a list of objects")
    return Patch(patch["op"], parts[2], value)


def _filter(parameters: Parameters) -> Callable[[Listing], bool]:
    """Which listings a search wants. Issues are never kept here, so a severity finds nothing."""
    identifiers, kind = parameters.many("identifiers"), parameters.one("identifiersType")
    if bool(identifiers) != bool(kind):
        raise bad_request("identifiers and identifiersType belong together")
    if len(identifiers) > 20:
        raise bad_request("identifiers: at most 20 values")
    of: dict[str, Callable[[Listing], str]] = {
        "SKU": lambda listing: listing.sku,
        "ASIN": lambda listing: listing.asin,
        "FNSKU": lambda listing: listing.fnsku,
    }
    if kind and kind not in of:
        raise bad_request("identifiersType: the simulator knows SKU, ASIN and FNSKU")
    created = (parameters.instant("createdAfter"), parameters.instant("createdBefore"))
    updated = (parameters.instant("lastUpdatedAfter"), parameters.instant("lastUpdatedBefore"))
    with_status = set(parameters.enums("withStatus", ("BUYABLE", "DISCOVERABLE")))
    without = set(parameters.enums("withoutStatus", ("BUYABLE", "DISCOVERABLE")))
    severities = parameters.enums("withIssueSeverity", ("WARNING", "ERROR"))

    def wanted(listing: Listing) -> bool:
        status = set(_status(listing))
        return (
            (kind is None or of[kind](listing) in identifiers)
            and _within(listing.created, created)
            and _within(listing.updated, updated)
            and with_status <= status
            and not without & status
            and not severities
        )

    return wanted


def _within(moment: datetime, bounds: tuple[datetime | None, datetime | None]) -> bool:
    after, before = bounds
    return (after is None or moment >= after) and (before is None or moment <= before)


def _status(listing: Listing) -> list[str]:
    return ["BUYABLE", "DISCOVERABLE"] if listing.buyable else ["DISCOVERABLE"]


def view(listing: Listing, included: Collection[str], account: Account) -> dict[str, Any]:
    """A listing as the model's `Item`; data sets appear only when asked for."""
    blocks: dict[str, Callable[[], Any]] = {
        "summaries": lambda: [_summary(listing, account)],
        "attributes": lambda: listing.attributes,
        "issues": list,
        "offers": lambda: [_offer(listing, account)],
        "fulfillmentAvailability": lambda: _shown(listing),
        "procurement": list,
        "relationships": list,
        "productTypes": lambda: [
            {"marketplaceId": account.marketplace_id, "productType": listing.product_type}
        ],
    }
    return {"sku": listing.sku} | {name: blocks[name]() for name in included}


def _summary(listing: Listing, account: Account) -> dict[str, Any]:
    summary = {
        "marketplaceId": account.marketplace_id,
        "asin": listing.asin,
        "productType": listing.product_type,
        "conditionType": listing.condition,
        "status": _status(listing),
        "itemName": listing.title,
        "createdDate": millis_text(listing.created),
        "lastUpdatedDate": millis_text(listing.updated),
    }
    return summary | ({"fnSku": listing.fnsku} if listing.by_amazon else {})


def _offer(listing: Listing, account: Account) -> dict[str, Any]:
    return {
        "marketplaceId": account.marketplace_id,
        "offerType": "B2C",
        "price": money(listing.price),
        "audience": {"value": "ALL", "displayName": "Sell on Amazon"},
    }


def _shown(listing: Listing) -> list[dict[str, Any]]:
    """What is in force. Of FBA the channel alone is told (processing report example)."""
    return [
        {"fulfillmentChannelCode": code}
        | ({} if code == AMAZON_NA else {"quantity": listing.quantity(code)})
        for code in listing.current
    ]
