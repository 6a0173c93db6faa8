"""Fulfillment Inbound v0: getShipments, getShipmentItemsByShipmentId, getShipmentItems.

As the model says, and as sellers met it where the model says nothing: a token comes with the last
page too (docs issue #321), filters beside it bring the first page again (docs #164), and more than
200 items of a shipment are seen through getShipmentItems alone (models #5102).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.inbound_state import (
    Dock,
    InboundItem,
    InboundShipment,
    InboundStatus,
)
from connectors.amazon.simulator.wire import ApiError, PageTokens, Parameters, invalid_input
from connectors.simulation import Response

#: "the first list with the 50 shipments" (models issue #822).
PAGE_SIZE = 50
#: "200 items max" (models #5102).
ITEMS_SHOWN = 200
MOST_IDS = 999
#: Not stated for this API. Short, so that a walk which dawdles meets it.
PAGE_TOKEN_SECONDS = 1800
_FILTERS = ("ShipmentStatusList", "ShipmentIdList", "LastUpdatedAfter", "LastUpdatedBefore")
_RANGE = ("LastUpdatedAfter", "LastUpdatedBefore")
_SHIPMENTS, _ITEMS = "getShipments", "getShipmentItems"

#: The place of one item: (shipment id, SKU).
_ItemKey = tuple[str, str]


class InboundApi:
    def __init__(self, account: Account, dock: Dock, *, seed: int) -> None:
        self._account = account
        self._dock = dock
        self._tokens = PageTokens(seed=seed, lifetime=PAGE_TOKEN_SECONDS)

    def shipments(self, parameters: Parameters, *, now: datetime) -> Response:
        self._check_place(parameters)
        query = _query_type(parameters, ("SHIPMENT", "DATE_RANGE", "NEXT_TOKEN"))
        if query == "NEXT_TOKEN":
            ids, start = self._redeem(_SHIPMENTS, parameters, now=now)
        else:
            ids, start = self._found(parameters, by_range=query == "DATE_RANGE"), 0
        page = ids[start : start + PAGE_SIZE]
        payload: dict[str, Any] = {
            "ShipmentData": [_shipment(self._dock.shipments[one]) for one in page]
        }
        if not parameters.many("ShipmentIdList"):
            # Restricted by ids, one page is all (docs issue #321).
            payload |= self._token(_SHIPMENTS, ids, start + PAGE_SIZE, page, now=now)
        return Response.json({"payload": payload})

    def items_of(self, shipment_id: str, *, now: datetime) -> Response:
        """Its token is for getShipmentItems (jlevers/selling-partner-api #523)."""
        shipment = self._dock.shipments.get(shipment_id)
        if shipment is None:
            raise ApiError(404, "NotFound", f"No shipment {shipment_id}.")
        keys = [(shipment_id, sku) for sku in shipment.items]
        return self._items_page(keys, 0, size=ITEMS_SHOWN, now=now)

    def items(self, parameters: Parameters, *, now: datetime) -> Response:
        self._check_place(parameters)
        if _query_type(parameters, ("DATE_RANGE", "NEXT_TOKEN")) == "NEXT_TOKEN":
            keys, start = self._redeem(_ITEMS, parameters, now=now)
        else:
            within = _within(parameters)
            keys, start = [key for key, one in self._all_items() if within(one.updated)], 0
        return self._items_page(keys, start, size=PAGE_SIZE, now=now)

    def _check_place(self, parameters: Parameters) -> None:
        if parameters.one("MarketplaceId") != self._account.marketplace_id:
            raise invalid_input("MarketplaceId is required and must be one the seller sells in")

    def _found(self, parameters: Parameters, *, by_range: bool) -> list[str]:
        """Ids of the shipments asked for, as they are now: what changes later moves no page."""
        statuses = parameters.enums("ShipmentStatusList", tuple(InboundStatus))
        ids = parameters.many("ShipmentIdList")
        if len(ids) > MOST_IDS:
            raise invalid_input(f"ShipmentIdList: at most {MOST_IDS} values")
        within = _within(parameters) if by_range else lambda _: True
        if not statuses and not ids:
            # In date ranges too, whatever the model says (models issues #888, #2001).
            raise invalid_input(
                "At least one of ShipmentStatusList and ShipmentIdList must be provided"
            )
        return [
            shipment.shipment_id
            for shipment in self._dock.shipments.values()
            if (not statuses or shipment.status in statuses)
            and (not ids or shipment.shipment_id in ids)
            and within(shipment.updated)
        ]

    def _all_items(self) -> list[tuple[_ItemKey, InboundItem]]:
        return [
            ((shipment.shipment_id, item.sku), item)
            for shipment in self._dock.shipments.values()
            for item in shipment.items.values()
        ]

    def _items_page(
        self, keys: Sequence[_ItemKey], start: int, *, size: int, now: datetime
    ) -> Response:
        page = keys[start : start + size]
        return Response.json(
            {
                "payload": {
                    "ItemData": [self._item(*key) for key in page],
                    **self._token(_ITEMS, keys, start + size, page, now=now),
                }
            }
        )

    def _token(
        self, walk: str, keys: Sequence[Any], start: int, page: Sequence[Any], *, now: datetime
    ) -> dict[str, str]:
        """None with an empty page, one with every other, the last one too (docs issue #321)."""
        if not page:
            return {}
        return {"NextToken": self._tokens.issue((keys, start), fingerprint=walk, now=now)}

    def _redeem(self, walk: str, parameters: Parameters, *, now: datetime) -> tuple[Any, int]:
        token = parameters.one("NextToken")
        if not token:
            raise invalid_input("NextToken must not be empty")
        keys, start = self._tokens.redeem(token, fingerprint=walk, now=now)
        return keys, 0 if any(parameters.many(name) for name in _FILTERS) else start

    def _item(self, shipment_id: str, sku: str) -> dict[str, Any]:
        item = self._dock.shipments[shipment_id].items[sku]
        return {
            "ShipmentId": shipment_id,
            "SellerSKU": sku,
            "FulfillmentNetworkSKU": self._account.listings[sku].fnsku,
            "QuantityShipped": item.sent,
            "QuantityReceived": item.received,
            "QuantityInCase": 0,
            "PrepDetailsList": [{"PrepInstruction": "Labeling", "PrepOwner": "SELLER"}],
        }


def _shipment(shipment: InboundShipment) -> dict[str, Any]:
    """As the model's InboundShipmentInfo. No instant is in it (docs issue #2706)."""
    return {
        "ShipmentId": shipment.shipment_id,
        "ShipmentName": shipment.name,
        "ShipFromAddress": {
            "Name": "Ada Sender",
            "AddressLine1": "501 Fairview Ave N",
            "City": "Seattle",
            "StateOrProvinceCode": "WA",
            "CountryCode": "US",
            "PostalCode": "98109",
        },
        "DestinationFulfillmentCenterId": shipment.center,
        "ShipmentStatus": shipment.status.value,
        "LabelPrepType": "SELLER_LABEL",
        "AreCasesRequired": False,
        "BoxContentsSource": "INTERACTIVE",
    }


def _query_type(parameters: Parameters, allowed: tuple[str, ...]) -> str:
    found = parameters.one("QueryType")
    if found not in allowed:
        raise invalid_input(f"QueryType must be one of {', '.join(allowed)}")
    return found


def _within(parameters: Parameters) -> Callable[[datetime], bool]:
    """Whether an update lies in the range asked for; both its ends count, to the second."""
    after, before = (parameters.instant(name) for name in _RANGE)
    if after is None or before is None:
        raise invalid_input(
            "Either the ShipmentId or a pair of LastUpdatedAfter and LastUpdatedBefore must be "
            "passed in input"
        )
    if after > before:
        raise invalid_input("LastUpdatedAfter is after LastUpdatedBefore")
    return lambda updated: after <= updated.replace(microsecond=0) <= before
