"""Buyers and the merchant's own hand: placing, paying, editing and canceling orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.shopify.simulator import inventory
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import (
    ZERO,
    FulfillmentOrder,
    FulfillmentOrderLine,
    LineItem,
    Location,
    Order,
    Refund,
    RefundLine,
    Transaction,
    Variant,
)

BUYER = {
    "firstName": "Ada",
    "lastName": "Buyer",
    "company": None,
    "address1": "350 Fifth Avenue",
    "address2": None,
    "city": "New York",
    "province": "New York",
    "provinceCode": "NY",
    "zip": "10118",
    "country": "United States",
    "countryCodeV2": "US",
    "phone": "+12125550123",
}
PAYMENTS = ("PAID", "PENDING", "AUTHORIZED")
CANCEL_REASONS = ("CUSTOMER", "DECLINED", "FRAUD", "INVENTORY", "OTHER", "STAFF")
SHIPPING_PRICE = Decimal("5.00")


@dataclass(frozen=True)
class Wanted:
    """A line of an order to be placed."""

    variant: Variant
    quantity: int
    discount: Decimal = ZERO


def place(shop: Shop, spec: Mapping[str, Any]) -> Order:
    """A buyer orders.

    `spec`: lines [{sku | variant, quantity, discount (off the whole line)}], payment, test, address
    (fields over the default one; None: none), billing (the same; left out: as address), email,
    note, tags, risk, tax (a rate: "0.08"), presentment {currency, rate}, gift_card (the part that
    is paid with one). Raises ValueError; "sold
    out" where a variant with policy DENY has too few.
    """
    wanted = [_wanted(shop, line) for line in spec["lines"]]
    if not wanted:
        raise ValueError("an order needs lines")
    payment = spec.get("payment", "PAID")
    if payment not in PAYMENTS:
        raise ValueError(f"payment {payment!r} is none of {PAYMENTS}")
    for each in wanted:
        _places(shop, each.variant)
    short = _units_short(wanted)
    order = _open_order(shop, spec, payment)
    order.oversold = short
    shop.counts["oversold units"] += short
    for each in wanted:
        add_line(shop, order, each)
    _take_payment(shop, order, gift_card=Decimal(spec.get("gift_card", 0)))
    route(shop, order, order.lines)
    shop.touch(order)
    return order


def pay(shop: Shop, order: Order) -> None:
    """The buyer's money arrives. Raises ValueError for an order that is paid or canceled."""
    if order.financial_status not in ("PENDING", "AUTHORIZED") or order.cancelled_at:
        raise ValueError(f"{order.name} is {order.financial_status}")
    kind = "CAPTURE" if order.financial_status == "AUTHORIZED" else "SALE"
    order.financial_status = "PAID"
    add_transaction(shop, order, kind, order.current_total)
    shop.touch(order)


def edit(shop: Shop, order: Order, lines: list[Mapping[str, Any]]) -> None:
    """The merchant lowers quantities of unfulfilled lines (restocked). Raises ValueError."""
    if order.cancelled_at:
        raise ValueError(f"{order.name} is canceled")
    for change in lines:
        line = next((line for line in order.lines if line.sku == change["sku"]), None)
        if line is None:
            raise ValueError(f"{order.name} has no line {change['sku']!r}")
        drop = line.current_quantity - int(change["quantity"])
        if not 0 <= drop <= line.unfulfilled_quantity:
            raise ValueError(f"{line.sku}: only unfulfilled units can be removed")
        line.current_quantity -= drop
        withdraw(shop, order, line, drop)
    order.edited = True
    shop.touch(order)


def cancel(
    shop: Shop,
    order: Order,
    *,
    reason: str,
    restock: bool,
    refund: bool,
    staff_note: str | None = None,
) -> None:
    """End the order. Its fulfillment orders close at 0/0 and it stays UNFULFILLED (observed).

    Raises ValueError with Shopify's own words.
    """
    problem = why_not_cancel(order)
    if problem:
        raise ValueError(problem)
    places = {part.location.id: part.location for part in order.open_parts}
    homes = {
        line.id: _home_of(order, line) or next(iter(places.values()), None) for line in order.lines
    }
    returned = [
        RefundLine(
            shop.new_id("RefundLineItem"),
            line_item=line,
            quantity=line.current_quantity,
            restock_type="CANCEL" if restock else "NO_RESTOCK",
            restocked=restock,
            location=homes[line.id] if restock else None,
            subtotal=goods,
            tax=tax,
        )
        for line in order.lines
        if line.current_quantity
        for goods, tax in [line.worth(line.current_quantity)]
    ]
    for part in list(order.open_parts):
        for held in part.lines:
            inventory.uncommit(
                shop, held.line_item, part.location, held.remaining_quantity, restock=restock
            )
        close(shop, part)
    for line in order.lines:
        line.current_quantity = 0
    now = shop.now()
    order.cancelled_at = order.closed_at = now
    order.cancel_reason, order.staff_note = reason, staff_note
    if refund and order.received > order.refunded:
        _refund(shop, order, returned)
    elif not order.received:
        order.financial_status = "VOIDED"
    shop.touch(order)


def cancel_later(
    shop: Shop,
    order: Order,
    *,
    reason: str,
    restock: bool,
    refund: bool,
    staff_note: str | None,
) -> dict[str, Any]:
    """Accept a cancellation; the Job that does it ends `shop.job_seconds` later."""
    job: dict[str, Any] = {"id": shop.new_id("Job"), "done": False}
    shop.jobs[job["id"]] = job
    shop.canceling.add(order.id)

    def run() -> None:
        shop.canceling.discard(order.id)
        job["done"] = True
        if why_not_cancel(order) is None:  # it may have been fulfilled meanwhile
            cancel(
                shop, order, reason=reason, restock=restock, refund=refund, staff_note=staff_note
            )

    shop.later(shop.job_seconds, run)
    return job


def why_not_cancel(order: Order) -> str | None:
    """Shopify's own words for what stands against canceling."""
    if order.cancelled_at:
        return "Cannot cancel an order that has already been canceled"
    if any(fulfillment.status == "SUCCESS" for fulfillment in order.fulfillments):
        return "Cannot cancel an order that has outstanding fulfillments"
    return None


def close(shop: Shop, part: FulfillmentOrder) -> None:
    """End a fulfillment order with nothing left on it."""
    part.status = "CLOSED"
    part.fulfillment_holds.clear()
    part.updated_at = shop.now()
    for line in part.lines:
        line.total_quantity = line.remaining_quantity = 0


def new_part(
    shop: Shop,
    order: Order,
    *,
    location: Location,
    lines: list[tuple[LineItem, int]],
    method: str,
    at: datetime,
) -> FulfillmentOrder:
    """A fulfillment order for these units at this location. Moves no stock."""
    part = FulfillmentOrder(
        shop.new_id("FulfillmentOrder"),
        order=order,
        location=location,
        method=method,
        method_id=shop.new_id("DeliveryMethod"),
        destination_id=shop.new_id("FulfillmentOrderDestination"),
        created_at=at,
        updated_at=at,
    )
    part.lines = [
        FulfillmentOrderLine(shop.new_id("FulfillmentOrderLineItem"), line, quantity, quantity)
        for line, quantity in lines
    ]
    order.routed.append(part)
    shop.fulfillment_orders[part.id] = part
    for line in part.lines:
        shop.others[line.id] = line
    return part


def _wanted(shop: Shop, line: Mapping[str, Any]) -> Wanted:
    quantity = int(line["quantity"])
    if quantity < 1:
        raise ValueError("a line needs a quantity of at least 1")
    if "variant" in line:
        variant = shop.variants.get(line["variant"])
        found = [variant] if variant else []
    else:
        found = shop.variants_with(line["sku"])
    if not found:
        raise ValueError(f"no variant {line.get('variant') or line.get('sku')!r}")
    return Wanted(found[0], quantity, Decimal(line.get("discount", 0)))


def _units_short(wanted: list[Wanted]) -> int:
    """Units ordered beyond what is available. Raises ValueError where the shop would refuse."""
    asked: dict[str, Wanted] = {}
    for each in wanted:
        before = asked.get(each.variant.id)
        asked[each.variant.id] = Wanted(
            each.variant, each.quantity + (before.quantity if before else 0)
        )
    short = 0
    for each in asked.values():
        if not each.variant.inventory_item.tracked:
            continue
        missing = each.quantity - max(0, each.variant.inventory_quantity)
        if missing > 0 and each.variant.inventory_policy == "DENY":
            raise ValueError(f"sold out: {each.variant.sku!r}")
        short += max(0, missing)
    return short


def _open_order(shop: Shop, spec: Mapping[str, Any], payment: str) -> Order:
    address = spec.get("address", {})
    shop.last_order_number += 1
    now = shop.now()
    order = Order(
        shop.new_id("Order"),
        number=shop.last_order_number,
        created_at=now,
        updated_at=now,
        shipping_address=None if address is None else {**BUYER, **address},
        billing_address=_billing(spec, address),
        email=spec.get("email", "ada@example.com"),
        phone=spec.get("phone"),
        shipping_price=SHIPPING_PRICE,
        test=bool(spec.get("test", False)),
        financial_status=payment,
        note=spec.get("note"),
        tags=list(spec.get("tags", [])),
        risk_recommendation=spec.get("risk", "ACCEPT"),
        tax_rate=Decimal(spec.get("tax", 0)),
    )
    if "presentment" in spec:
        order.presentment_currency_code = spec["presentment"]["currency"]
        order.rate = Decimal(spec["presentment"]["rate"])
    for one in (order.shipping_address, order.billing_address):
        if one is not None:
            one["id"] = shop.new_id("MailingAddress")
    shop.orders[order.id] = order
    shop.counts["orders placed"] += 1
    return order


def _billing(spec: Mapping[str, Any], address: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Where the order ships to, unless something else is said."""
    told = spec.get("billing", address)
    return None if told is None else {**BUYER, **told}


def add_line(shop: Shop, order: Order, wanted: Wanted) -> LineItem:
    """A line more of an order; nothing is promised for it yet."""
    variant = wanted.variant
    line = LineItem(
        shop.new_id("LineItem"),
        order=order,
        variant=variant,
        quantity=wanted.quantity,
        current_quantity=wanted.quantity,
        unit_price=variant.price,
        title=variant.product.title,
        sku=variant.sku,
        requires_shipping=variant.inventory_item.requires_shipping,
        is_gift_card=variant.is_gift_card,
        discount=wanted.discount,
        tax_rate=order.tax_rate,
    )
    shop.others[line.id] = line
    order.lines.append(line)
    return line


def _take_payment(shop: Shop, order: Order, *, gift_card: Decimal) -> None:
    kind = {"PAID": "SALE", "AUTHORIZED": "AUTHORIZATION"}.get(order.financial_status)
    if kind is None:
        return
    if gift_card:
        add_transaction(shop, order, "SALE", gift_card, gateway="gift_card")
    add_transaction(shop, order, kind, order.total - gift_card)


def add_transaction(
    shop: Shop,
    order: Order,
    kind: str,
    amount: Decimal,
    *,
    parent: Transaction | None = None,
    gateway: str = "bogus",
) -> Transaction:
    """Money moves; back the way it came, where it is paid back (recorded)."""
    made = Transaction(
        shop.new_id("OrderTransaction"),
        order,
        kind,
        amount,
        shop.now(),
        parent_transaction=parent,
        gateway=gateway if parent is None else parent.gateway,
    )
    order.transactions.append(made)
    return made


def route(shop: Shop, order: Order, lines: Sequence[LineItem]) -> None:
    """Assign lines to locations by stock, and promise the units there.

    One location for all where there is one (Shopify's default rule, fewest parcels), else per
    line; units that no location has go to the first that stocks the item.
    """
    groups: dict[tuple[str, str], list[tuple[LineItem, int]]] = {}
    together = _place_for_all(shop, lines)
    for line in lines:
        method = "SHIPPING" if line.requires_shipping else "NONE"
        for location, quantity in _split(shop, line, together):
            groups.setdefault((location.id, method), []).append((line, quantity))
            inventory.commit(shop, line, location, quantity)
    for (location_id, method), units in groups.items():
        new_part(
            shop,
            order,
            location=shop.locations[location_id],
            lines=units,
            method=method,
            at=shop.now(),
        )


def _places(shop: Shop, variant: Variant) -> list[Location]:
    """Where it could ship from, in the merchant's order. Raises ValueError: nowhere."""
    online = [
        one for one in shop.locations.values() if one.is_active and one.fulfills_online_orders
    ]
    stocking = [one for one in online if one.id in variant.inventory_item.levels]
    places = stocking or [one for one in online if not one.is_fulfillment_service] or online
    if not places:
        raise ValueError("no location fulfills online orders")
    return places


def _place_for_all(shop: Shop, lines: Sequence[LineItem]) -> Location | None:
    needed: dict[str, int] = {}
    for line in lines:
        needed[line.variant.id] = needed.get(line.variant.id, 0) + line.quantity
    for location in shop.locations.values():
        if all(
            _has(shop, location, shop.variants[key], quantity) for key, quantity in needed.items()
        ):
            return location
    return None


def _has(shop: Shop, location: Location, variant: Variant, quantity: int) -> bool:
    item = variant.inventory_item
    enough = not item.tracked or inventory.available(item, location) >= quantity
    return enough and location in _places(shop, variant)


def _split(shop: Shop, line: LineItem, together: Location | None) -> list[tuple[Location, int]]:
    places = _places(shop, line.variant)
    item = line.variant.inventory_item
    if together or not item.tracked:
        return [(together or places[0], line.quantity)]
    for location in places:
        if inventory.available(item, location) >= line.quantity:
            return [(location, line.quantity)]
    parts: dict[str, int] = {}
    left = line.quantity
    for location in places:
        take = min(left, max(0, inventory.available(item, location)))
        if take:
            parts[location.id] = take
            left -= take
    if left:
        parts[places[0].id] = parts.get(places[0].id, 0) + left
    return [(shop.locations[key], quantity) for key, quantity in parts.items()]


def withdraw(
    shop: Shop, order: Order, line: LineItem, quantity: int, *, restock: bool = True
) -> None:
    """Take units of a line out of its open fulfillment orders."""
    for part in list(order.open_parts):
        for held in part.lines:
            if held.line_item is not line or not quantity:
                continue
            take = min(quantity, held.remaining_quantity)
            held.remaining_quantity -= take
            held.total_quantity -= take
            quantity -= take
            part.updated_at = shop.now()
            inventory.uncommit(shop, line, part.location, take, restock=restock)
        if part.open_quantity == 0:
            part.status = "CLOSED"


def _home_of(order: Order, line: LineItem) -> Location | None:
    for part in order.open_parts:
        if any(held.line_item is line for held in part.lines):
            return part.location
    return None


def _refund(shop: Shop, order: Order, lines: list[RefundLine]) -> None:
    """Pay back all that is left, by every way it came."""
    amount = order.received - order.refunded
    paid_back = [
        add_transaction(shop, order, "REFUND", paid.left, parent=paid)
        for paid in payments(order)
        if paid.left
    ]
    made = Refund(shop.new_id("Refund"), order, shop.now(), amount, lines, paid_back)
    order.refunds.append(made)
    shop.refunds[made.id] = made
    order.financial_status = "REFUNDED"


def payments(order: Order) -> list[Transaction]:
    """Money that was received, oldest first."""
    return [t for t in order.transactions if t.kind in ("SALE", "CAPTURE")]
