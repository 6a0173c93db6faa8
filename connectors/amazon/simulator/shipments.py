"""confirmShipment (Orders v0): 204 at once, in reads later; the same packageReferenceId edits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.orders_state import AMAZON, Order, OrderRecord, Package, Status
from connectors.amazon.simulator.wire import ApiError, instant, invalid_input
from connectors.simulation import Response

#: `CarrierCode` of Amazon's amzn-base.xsd as quoted in selling-partner-api-docs#712. A code must
#: match exactly, else it is "Other" with a carrierName (selling-partner-api-docs#772).
CARRIER_CODES = frozenset(
    {
        "USPS", "UPS", "UPSMI", "FedEx", "DHL", "Fastway", "GLS", "GO!", "Hermes Logistik Gruppe",
        "Royal Mail", "Parcelforce", "City Link", "TNT", "Target", "SagawaExpress",
        "NipponExpress", "YamatoTransport", "DHL Global Mail", "UPS Mail Innovations",
        "FedEx SmartPost", "OSM", "OnTrac", "Streamlite", "Newgistics", "Canada Post",
        "Blue Package", "Chronopost", "Deutsche Post", "DPD", "La Poste", "Other",
    }
)  # fmt: skip
_STRINGS = ("packageReferenceId", "carrierCode", "trackingNumber", "shipDate")


@dataclass(frozen=True, slots=True)
class _Confirmation:
    reference: str
    carrier_code: str
    carrier: str
    tracking_number: str
    service: str
    ship_date: datetime
    items: dict[str, int]


def confirm(account: Account, order_id: str, body: dict[str, Any], *, now: datetime) -> Response:
    """One parcel of one order. Raises ApiError 400 or 404 with the texts recorded in the facts."""
    record = account.orders.get(order_id)
    if record is None:
        raise ApiError(404, "NotFound", f"The order {order_id} was not found.")
    if body.get("marketplaceId") != account.marketplace_id:
        raise invalid_input("Invalid Input", "marketplaceId is not the order's marketplace")
    confirmation = _read(body.get("packageDetail"))
    _check(record, confirmation, now=now)
    changed = _receive(record, confirmation, now=now)
    if changed:
        visible = now + account.delay(account.behavior.confirm_delay)
        account.agenda.at(visible, lambda at: _show(record, at))
    account.counts["shipments confirmed" if changed else "shipments repeated"] += 1
    return Response(204, took_effect=changed, subject=order_id)


def _read(detail: object) -> _Confirmation:
    if not isinstance(detail, dict):
        raise invalid_input("Invalid Input", "packageDetail is required")
    required = (*_STRINGS, "orderItems")
    missing = [name for name in required if name not in detail]
    if missing:
        raise invalid_input("Invalid Input", f"packageDetail: {', '.join(missing)} is required")
    wrong = [name for name in _STRINGS if not isinstance(detail[name], str)]
    if wrong:
        names = ", ".join(f"packageDetail.{name}" for name in wrong)
        raise invalid_input(f"Please check the fields with invalid type [{names}].")
    reference = detail["packageReferenceId"]
    if not reference.isascii() or not reference.isdigit() or int(reference) < 1:
        raise invalid_input("PackageReferenceId: is invalid, must be a positive numeric value.")
    return _Confirmation(
        reference,
        detail["carrierCode"],
        _carrier(detail),
        _tracking_number(detail),
        str(detail.get("shippingMethod") or ""),
        _ship_date(detail["shipDate"]),
        _items(detail["orderItems"]),
    )


def _carrier(detail: dict[str, Any]) -> str:
    code = detail["carrierCode"]
    if code not in CARRIER_CODES:
        raise invalid_input("CarrierCode is invalid.", "use a listed carrier or Other")
    if code != "Other":
        return str(code)
    name = detail.get("carrierName")
    if not isinstance(name, str) or not name.strip():
        raise invalid_input("CarrierName is required when CarrierCode is Other.")
    return name


def _tracking_number(detail: dict[str, Any]) -> str:
    number: str = detail["trackingNumber"]
    if not number.strip():
        raise invalid_input("Invalid Input", "trackingNumber is empty")
    return number


def _ship_date(text: str) -> datetime:
    try:
        return instant(text, name="shipDate")
    except ApiError:
        # The sandbox's own body for "02/21/2022" (its code has a blank).
        raise ApiError(400, "Invalid Input", "Invalid Input") from None


def _items(lines: object) -> dict[str, int]:
    if not isinstance(lines, list) or not lines:
        raise invalid_input("Invalid Input", "orderItems is empty")
    units: Counter[str] = Counter()
    for line in lines:
        part = line if isinstance(line, dict) else {}
        item_id, quantity = part.get("orderItemId"), part.get("quantity")
        if not isinstance(item_id, str):
            raise invalid_input(
                "Please check the fields with invalid type [packageDetail.orderItems.orderItemId]."
            )
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise invalid_input("Invalid Input", "orderItems: quantity must be a positive integer")
        units[item_id] += quantity
    return dict(units)


def _check(record: OrderRecord, confirmation: _Confirmation, *, now: datetime) -> None:
    order = record.now
    if order.fulfilled_by == AMAZON:
        raise invalid_input("Invalid Input", "the order is fulfilled by Amazon")
    if "FBM_SHIP_PLUS" in order.programs:
        raise invalid_input("Invalid Input", "Ship+ orders are confirmed by their label")
    if order.status in (Status.PENDING, Status.CANCELLED):
        raise invalid_input("Invalid Input", f"the order is {order.status}")
    # From memory: no later than now, no earlier than the order. A clock may run a little ahead.
    if not order.created.replace(microsecond=0) <= confirmation.ship_date <= now:
        raise invalid_input("Invalid Input", "shipDate is in the future or before the order")
    _check_units(record, order, confirmation)


def _check_units(record: OrderRecord, order: Order, confirmation: _Confirmation) -> None:
    ordered = {item.item_id: 0 if item.canceled_by else item.quantity for item in order.items}
    others = record.confirmed_units(without=confirmation.reference)
    for item_id, quantity in confirmation.items.items():
        if item_id not in ordered:
            raise invalid_input(
                "OrderItemId  is invalid, please obtain the value through the getOrderItems API "
                "or Manage Orders page"
            )
        if others.get(item_id, 0) + quantity > ordered[item_id]:
            raise invalid_input(
                "Failed to create package due to not finding a matching package or order already "
                "fulfilled. ErrorMessage(errorCode=GeneralError, "
                "errorMetric=PackageToUpdateNotFound)"
            )


def _receive(record: OrderRecord, confirmation: _Confirmation, *, now: datetime) -> bool:
    """Keep the parcel; True when that is news. Late shipments are counted by this instant."""
    before = record.received.get(confirmation.reference)
    if before is None:
        record.received[confirmation.reference] = Package(
            reference=confirmation.reference,
            carrier_code=confirmation.carrier_code,
            carrier=confirmation.carrier,
            tracking_number=confirmation.tracking_number,
            service=confirmation.service,
            ship_time=confirmation.ship_date,
            items=confirmation.items,
            confirmed_at=now,
        )
        return True
    after = replace(
        before,
        carrier_code=confirmation.carrier_code,
        carrier=confirmation.carrier,
        tracking_number=confirmation.tracking_number,
        service=confirmation.service,
        ship_time=confirmation.ship_date,
        items=confirmation.items,
    )
    changed = after != before
    record.received[confirmation.reference] = replace(
        after, calls=before.calls + 1, effects=before.effects + changed
    )
    return changed


def _show(record: OrderRecord, at: datetime) -> None:
    """Let reads see what was received by now."""
    packages = tuple(record.received.values())
    units = record.confirmed_units()
    whole = all(
        item.canceled_by or units.get(item.item_id, 0) == item.quantity for item in record.now.items
    )
    status = Status.SHIPPED if whole else Status.PARTIALLY_SHIPPED
    record.change(at, replace(record.now, packages=packages, status=status))
