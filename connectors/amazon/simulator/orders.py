"""Orders 2026-01-01: searchOrders and getOrder (the API's only two operations)."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.orders_state import AMAZON, MERCHANT, Item, Order, Package, Status
from connectors.amazon.simulator.tokens import SHIPPING_PII, TAX_PII
from connectors.amazon.simulator.wire import (
    ApiError,
    PageTokens,
    Parameters,
    invalid_input,
    money,
    seconds_text,
)
from connectors.simulation import Response
from core.model.money import Money

INCLUDED_DATA = (
    "BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT",
    "PACKAGES", "TAX", "PAYMENT", "FULFILLMENT_ORDERS",
)  # fmt: skip
#: All of the model's enumeration; this simulator has no pre-orders and no multi-channel orders.
STATUSES = (*Status, "PENDING_AVAILABILITY", "UNFULFILLABLE")
#: A *Before younger than this is refused with an opaque 400 (selling-partner-api-models#974).
YOUNGEST_BEFORE = timedelta(minutes=2)
PAGE_TOKEN_SECONDS = 24 * 3600
#: Everything else must stay the same from page to page.
_FROZEN = (
    "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore",
    "fulfillmentStatuses", "marketplaceIds", "fulfilledBy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Window:
    #: "created" or "lastUpdated"
    of: str
    after: datetime
    before: datetime

    def holds(self, order: Order) -> bool:
        moment = order.created if self.of == "created" else order.updated
        return self.after <= moment <= self.before


class OrdersApi:
    def __init__(self, account: Account, *, roles: Collection[str], seed: int) -> None:
        self._account = account
        self._roles = roles
        self._tokens = PageTokens(seed=seed, lifetime=PAGE_TOKEN_SECONDS)

    def search(self, parameters: Parameters, *, now: datetime) -> Response:
        """A page of orders from a snapshot. Order among results is not promised by the model, so
        none is given: pages follow a checksum of the order id."""
        included = parameters.enums("includedData", INCLUDED_DATA)
        size = parameters.whole_number("maxResultsPerPage", default=100, least=1, most=100)
        snapshot = now - timedelta(seconds=self._account.behavior.snapshot_age)
        window, last = self._place(parameters, snapshot=snapshot, now=now)
        found = self._found(parameters, window, snapshot=snapshot, after=last)
        page, rest = found[:size], found[size:]
        body: dict[str, Any] = {
            "orders": [self._view(order, included, now=now) for _, order in page],
            f"{window.of}Before": seconds_text(window.before),
        }
        if rest:
            token = self._tokens.issue(
                (window, page[-1][0]), fingerprint=parameters.fingerprint(_FROZEN), now=now
            )
            body["pagination"] = {"nextToken": token}
        return Response.json(body)

    def _place(
        self, parameters: Parameters, *, snapshot: datetime, now: datetime
    ) -> tuple[_Window, tuple[int, str] | None]:
        window = _window(parameters, snapshot=snapshot, now=now)
        token = parameters.one("paginationToken")
        if token is None:
            return window, None
        fingerprint = parameters.fingerprint(_FROZEN)
        place: tuple[_Window, tuple[int, str]] = self._tokens.redeem(
            token, fingerprint=fingerprint, now=now
        )
        return place

    def _found(
        self,
        parameters: Parameters,
        window: _Window,
        *,
        snapshot: datetime,
        after: tuple[int, str] | None,
    ) -> list[tuple[tuple[int, str], Order]]:
        statuses = parameters.enums("fulfillmentStatuses", STATUSES)
        fulfilled_by = parameters.enums("fulfilledBy", (MERCHANT, AMAZON))
        marketplaces = parameters.many("marketplaceIds")
        if len(marketplaces) > 50:
            raise invalid_input("Invalid Input", "marketplaceIds: at most 50 values")
        if marketplaces and self._account.marketplace_id not in marketplaces:
            return []
        found = []
        for order_id, record in self._account.orders.items():
            order = record.as_of(snapshot)
            key = (zlib.crc32(order_id.encode()), order_id)
            if (
                order is not None
                and window.holds(order)
                and (after is None or key > after)
                and (not statuses or order.status in statuses)
                and (not fulfilled_by or order.fulfilled_by in fulfilled_by)
            ):
                found.append((key, order))
        return sorted(found, key=lambda entry: entry[0])

    def get(self, order_id: str, parameters: Parameters, *, now: datetime) -> Response:
        """One order as it is now: no snapshot (orders missing from lists are found by id,
        selling-partner-api-models#3945)."""
        included = parameters.enums("includedData", INCLUDED_DATA)
        record = self._account.orders.get(order_id)
        if record is None:
            raise ApiError(404, "NotFound", f"The order {order_id} was not found.")
        return Response.json({"order": self._view(record.now, included, now=now)}, subject=order_id)

    def _view(self, order: Order, included: Collection[str], *, now: datetime) -> dict[str, Any]:
        """An order as the model's `Order`; blocks appear only when asked for."""
        view: dict[str, Any] = {
            "orderId": order.order_id,
            "orderAliases": [{"aliasId": order.order_id, "aliasType": "SELLER_ORDER_ID"}],
            "createdTime": seconds_text(order.created),
            "lastUpdatedTime": seconds_text(order.updated),
            "programs": list(order.programs),
            "salesChannel": {
                "channelName": "AMAZON",
                "marketplaceId": self._account.marketplace_id,
                "marketplaceName": "Amazon.com",
            },
            "orderItems": [_item(order, item, included) for item in order.items],
        }
        if "FULFILLMENT" in included:
            view["fulfillment"] = _fulfillment(order)
        if "PACKAGES" in included and order.fulfilled_by == MERCHANT:
            view["packages"] = [_package(package) for package in order.packages]
        # A pending order has neither price nor address yet.
        if order.status is Status.PENDING:
            return view
        if "PROCEEDS" in included:
            view["proceeds"] = {"grandTotal": money(order.total)}
        if "RECIPIENT" in included and SHIPPING_PII in self._roles:
            view["recipient"] = {"deliveryAddress": _delivery_address(order, now=now)}
        if "BUYER" in included and TAX_PII in self._roles:
            view["buyer"] = {"buyerName": order.buyer_name, "buyerEmail": order.buyer_email}
        return view


def _window(parameters: Parameters, *, snapshot: datetime, now: datetime) -> _Window:
    created, updated = parameters.instant("createdAfter"), parameters.instant("lastUpdatedAfter")
    if (created is None) == (updated is None):
        raise invalid_input(
            "Invalid Input", "exactly one of createdAfter and lastUpdatedAfter is required"
        )
    of, other = ("created", "lastUpdated") if created else ("lastUpdated", "created")
    if parameters.one(f"{other}Before"):
        raise invalid_input("Invalid Input", f"{other}Before cannot be used with {of}After")
    after = created or updated
    assert after is not None  # one of the two is given
    before = parameters.instant(f"{of}Before")
    if before is None:
        return _Window(of, after, snapshot)
    if before < after or before > now - YOUNGEST_BEFORE:
        # The real body does not say which rule was broken.
        raise invalid_input("Invalid Input", "Invalid Input")
    return _Window(of, after, before)


def _item(order: Order, item: Item, included: Collection[str]) -> dict[str, Any]:
    product: dict[str, Any] = {
        "asin": item.asin,
        "title": item.title,
        "sellerSku": item.sku,
        "condition": {"conditionType": "NEW", "conditionSubtype": "NEW", "conditionNote": ""},
    }
    view: dict[str, Any] = {
        "orderItemId": item.item_id,
        "quantityOrdered": item.quantity,
        "product": product,
    }
    if order.status is not Status.PENDING:
        product["price"] = {"unitPrice": money(item.unit_price)}
        if "PROCEEDS" in included:
            view["proceeds"] = _item_proceeds(item)
    if "FULFILLMENT" in included:
        fulfilled = order.fulfilled(item.item_id)
        ended = order.status is Status.CANCELLED or item.canceled_by
        open_units = 0 if ended else item.quantity - fulfilled
        view["fulfillment"] = {"quantityFulfilled": fulfilled, "quantityUnfulfilled": open_units}
    if "CANCELLATION" in included and (item.cancel_reason or item.canceled_by):
        view["cancellation"] = _cancellation(item)
    return view


def _item_proceeds(item: Item) -> dict[str, Any]:
    goods, currency = item.unit_price * item.quantity, item.unit_price.currency
    tax, shipping = Money(item.tax, currency), Money(item.shipping, currency)
    parts: list[dict[str, Any]] = [{"type": "ITEM", "subtotal": money(goods)}]
    if tax.amount:
        detail = [{"subtype": "ITEM", "value": money(tax)}]
        parts.append({"type": "TAX", "subtotal": money(tax), "detailedBreakdowns": detail})
    if shipping.amount:
        parts.append({"type": "SHIPPING", "subtotal": money(shipping)})
    return {"proceedsTotal": money(goods + tax + shipping), "breakdowns": parts}


def _cancellation(item: Item) -> dict[str, Any]:
    view: dict[str, Any] = {}
    if item.cancel_reason:
        view["cancellationRequest"] = {"requester": "BUYER", "cancelReason": item.cancel_reason}
    if item.canceled_by:
        done = {"cancelledBy": item.canceled_by, "cancelReason": item.canceled_why}
        view["cancellationExecution"] = {name: value for name, value in done.items() if value}
    return view


def _fulfillment(order: Order) -> dict[str, Any]:
    return {
        "fulfillmentStatus": order.status.value,
        "fulfilledBy": order.fulfilled_by,
        "fulfillmentServiceLevel": order.service_level,
        "shipByWindow": {
            "earliestDateTime": seconds_text(order.created),
            "latestDateTime": seconds_text(order.ship_by),
        },
        "deliverByWindow": {
            "earliestDateTime": seconds_text(order.ship_by),
            "latestDateTime": seconds_text(order.deliver_by),
        },
    }


def _package(package: Package) -> dict[str, Any]:
    return {
        "packageReferenceId": package.reference,
        "createdTime": seconds_text(package.confirmed_at),
        "packageStatus": {"status": "SHIPPED"},
        "carrier": package.carrier,
        "shipTime": seconds_text(package.ship_time),
        "shippingService": package.service,
        "trackingNumber": package.tracking_number,
        "packageItems": [
            {"orderItemId": item_id, "quantity": quantity}
            for item_id, quantity in package.items.items()
        ],
    }


def _delivery_address(order: Order, *, now: datetime) -> dict[str, str]:
    address = order.address
    parts = {
        "city": address.city,
        "stateOrRegion": address.state,
        "postalCode": address.postal_code,
        "countryCode": address.country,
        "addressType": "RESIDENTIAL",
    }
    if order.fulfilled_by == MERCHANT:
        # Amazon tells no street of an order that it ships itself (from memory).
        parts |= {
            "name": address.name,
            "addressLine1": address.line1,
            "addressLine2": address.line2,
        }
        late = order.status is Status.SHIPPED and now > order.deliver_by
        parts["phone"] = "" if late else address.phone
    return {name: value for name, value in parts.items() if value}
