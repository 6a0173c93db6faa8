"""Shopify's records as Lockstep's own. Pure tables; a word we do not know stays unknown.

Orders are keyed by the number in their gid ("5501"), since the key is printed on requests to
ship and used in file names; lines, variants, inventory items and locations keep their gids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.shopify import values
from connectors.shopify.values import Unreadable
from core.model.catalog import ChannelId, FulfilledBy, Listing, ListingStatus
from core.model.orders import Address, Order, OrderLine, PaymentStatus, Risk
from core.ports import Listed

_ORDER_GID = "gid://shopify/Order/"

#: Order.displayFinancialStatus. Null or another word: UNKNOWN, the raw word kept in attributes.
PAYMENT = {
    "AUTHORIZED": PaymentStatus.AUTHORIZED,
    "EXPIRED": PaymentStatus.EXPIRED,
    "PAID": PaymentStatus.PAID,
    "PARTIALLY_PAID": PaymentStatus.PARTIALLY_PAID,
    "PARTIALLY_REFUNDED": PaymentStatus.PARTIALLY_REFUNDED,
    "PENDING": PaymentStatus.PENDING,
    "REFUNDED": PaymentStatus.REFUNDED,
    "VOIDED": PaymentStatus.VOIDED,
}

#: Order.risk.recommendation. NONE or another word: UNKNOWN, the raw word kept in attributes.
RISK = {"ACCEPT": Risk.LOW, "INVESTIGATE": Risk.MEDIUM, "CANCEL": Risk.HIGH}

#: Product.status.
LISTING_STATUS = {
    "ACTIVE": ListingStatus.ACTIVE,
    # Not shown in collections and searches, still sold to who has the link.
    "UNLISTED": ListingStatus.ACTIVE,
    "ARCHIVED": ListingStatus.INACTIVE,
    "DRAFT": ListingStatus.INACTIVE,
}

#: Order.displayFulfillmentStatus under which no fulfillment can be created yet.
NOT_YET = frozenset({"ON_HOLD", "SCHEDULED"})

#: Our word for a carrier -> as Shopify's list of tracking companies spells it (case matters:
#: only a listed name gets links and status updates). A carrier not here is sent as given.
CARRIERS = {
    "ups": "UPS",
    "usps": "USPS",
    "fedex": "FedEx",
    "dhl": "DHL Express",
    "dhl_express": "DHL Express",
    "dhl_ecommerce": "DHL eCommerce",
    "ontrac": "OnTrac",
    "lasership": "Lasership",
    "lso": "Lone Star Overnight",
    "uds": "United Delivery Service",
    "tforce": "TForce Final Mile",
    "amazon": "Amazon",
    "estes": "Estes",
    "xpo": "XPO Logistics",
    "gls": "GLS",
    "pitney_bowes": "Pitney Bowes",
    "asendia": "Asendia USA",
    "canada_post": "Canada Post",
    "purolator": "Purolator",
    "yunexpress": "YunExpress",
    "sf_express": "SF Express",
    "4px": "4PX",
}


def order_gid(remote_id: str) -> str:
    """The gid of an order we know by its number (a gid stays as it is)."""
    return remote_id if remote_id.startswith(_ORDER_GID) else _ORDER_GID + remote_id


def order_number(gid: str) -> str:
    """The number in an order's gid."""
    return gid.removeprefix(_ORDER_GID)


def carrier_name(carrier: str) -> str:
    """A carrier as Shopify spells it."""
    return CARRIERS.get(carrier.strip().casefold().replace(" ", "_").replace("-", "_"), carrier)


# --- orders ---------------------------------------------------------------------------------


def order(
    node: Mapping[str, Any],
    *,
    channel: ChannelId,
    lines: Sequence[Mapping[str, Any]],
    fulfillment_orders: Sequence[Mapping[str, Any]],
) -> Order:
    """An order, with all its lines and fulfillment orders (`node` may hold the first page only).

    Raises Unreadable.
    """
    try:
        return _order(node, channel, lines, _by_line(fulfillment_orders), fulfillment_orders)
    except (AttributeError, KeyError, TypeError) as error:
        # Only field names are in a KeyError here, and nothing of the record in the other two.
        field = f" {error.args[0]}" if isinstance(error, KeyError) else ""
        raise Unreadable(f"a field{field} is missing or of another kind") from None


def listed(node: Mapping[str, Any]) -> Listed:
    """An order as a census shows it. `createdAt` is when it came to be there. Raises Unreadable."""
    return Listed(order_number(values.text(node, "id")), values.required_instant(node, "createdAt"))


def _order(
    node: Mapping[str, Any],
    channel: ChannelId,
    lines: Sequence[Mapping[str, Any]],
    by_line: Mapping[str, _Units],
    fulfillment_orders: Sequence[Mapping[str, Any]],
) -> Order:
    if not lines:
        raise Unreadable("an order without lines")
    if len({line["id"] for line in lines}) < len(lines):
        # Kept under their ids, one of them would be lost.
        raise Unreadable("an order with two lines of one id")
    payment = node["displayFinancialStatus"]
    return Order(
        channel=channel,
        remote_id=order_number(values.text(node, "id")),
        name=values.text(node, "name"),
        # `processedAt` is when the buyer bought; `createdAt` may be the day of an import.
        placed_at=values.instant(node, "processedAt") or values.required_instant(node, "createdAt"),
        updated_at=values.required_instant(node, "updatedAt"),
        # An import takes its units off when it is made; an edit, when it was made.
        taken_at=values.required_instant(node, "updatedAt" if node.get("edited") else "createdAt"),
        payment=PAYMENT.get(payment, PaymentStatus.UNKNOWN),
        canceled_at=values.instant(node, "cancelledAt"),
        pending=node["displayFulfillmentStatus"] in NOT_YET,
        test=bool(node["test"]),
        currency=values.text(node, "currencyCode"),
        total=values.money(node["currentTotalPriceSet"], "shopMoney", "currentTotalPriceSet"),
        lines=tuple(_line(line, by_line.get(values.text(line, "id"))) for line in lines),
        ship_to=_address(node),
        ship_by=_ship_by(fulfillment_orders),
        risk=RISK.get((node.get("risk") or {}).get("recommendation") or "", Risk.UNKNOWN),
        bill_to=_billed(node),
        service=((node.get("shippingLine") or {}).get("title") or ""),
        tags=tuple(node.get("tags") or ()),
        presentment_currency=node.get("presentmentCurrencyCode") or "",
        cancel_reason=node.get("cancelReason") or "",
        attributes=_attributes(node),
    )


#: What an operator may want to see or a rule may ask for; no personal data.
_ATTRIBUTES = (
    ("financial_status", "displayFinancialStatus"),
    ("fulfillment_status", "displayFulfillmentStatus"),
    ("return_status", "returnStatus"),
    ("source", "sourceName"),
    ("source_id", "sourceIdentifier"),
)


def _attributes(node: Mapping[str, Any]) -> dict[str, str]:
    found = {name: str(node[field]) for name, field in _ATTRIBUTES if node.get(field)}
    recommendation = (node.get("risk") or {}).get("recommendation")
    if recommendation:
        found["risk"] = str(recommendation)
    if node.get("edited"):
        found["edited"] = "true"
    # How much a bank took back is not told here, only that it asks for it and how that stands.
    disputes = [f"{one['initiatedAs']} {one['status']}" for one in node.get("disputes") or ()]
    if disputes:
        found["disputes"] = ", ".join(disputes)
    return found


class _Units:
    """Units of one line, by who is to ship them."""

    def __init__(self) -> None:
        self.ours = 0
        self.others = 0
        #: not shipped yet, at another service
        self.others_open = 0
        #: ours, by the location whose figure Shopify took them off
        self.places: Counter[str] = Counter()

    @property
    def place(self) -> str:
        """The one location of our part; "" where there are several, or it was deleted."""
        return next(iter(self.places)) if len(self.places) == 1 else ""


def _by_line(fulfillment_orders: Sequence[Mapping[str, Any]]) -> dict[str, _Units]:
    """Who ships what, from the locations the fulfillment orders are assigned to.

    A fulfillment service's location belongs to another app that ships from it. A deleted location
    (null) tells nothing and counts as ours.
    """
    units: dict[str, _Units] = {}
    for assigned in fulfillment_orders:
        location = assigned["assignedLocation"].get("location") or {}
        foreign = bool(location.get("isFulfillmentService"))
        for line in assigned["lineItems"]["nodes"]:
            of_line = units.setdefault(line["lineItem"]["id"], _Units())
            if foreign:
                of_line.others += values.count(line, "totalQuantity")
                of_line.others_open += values.count(line, "remainingQuantity")
            else:
                of_line.ours += values.count(line, "totalQuantity")
                if location.get("id"):
                    of_line.places[location["id"]] += values.count(line, "totalQuantity")
    return units


def _line(line: Mapping[str, Any], units: _Units | None) -> OrderLine:
    variant = line.get("variant") or {}
    needs_shipping = bool(line["requiresShipping"])
    gift_card = bool(line["isGiftCard"])
    elsewhere = units is not None and units.others > 0 and units.ours == 0
    # A line that is shared keeps our part only: what the other service still ships is not ours.
    shared = units.others_open if units is not None and not elsewhere else 0
    price = line["discountedUnitPriceAfterAllDiscountsSet"]
    unit_price = values.money(price, "shopMoney", "discountedUnitPriceAfterAllDiscountsSet")
    paid = values.money(price, "presentmentMoney", "discountedUnitPriceAfterAllDiscountsSet")
    other = elsewhere or gift_card or not needs_shipping
    fulfilled, returned = _fulfilled(line)
    return OrderLine(
        remote_id=values.text(line, "id"),
        # The line keeps the SKU it was bought under; the variant may be renamed or deleted.
        remote_sku=(line.get("sku") or variant.get("sku") or "").strip(),
        listing_remote_id=variant.get("id") or "",
        title=values.text(line, "name"),
        ordered=values.count(line, "quantity"),
        current=values.count(line, "currentQuantity"),
        fulfilled=fulfilled + shared,
        returned=returned,
        unit_price=unit_price,
        requires_shipping=needs_shipping,
        fulfilled_by=FulfilledBy.OTHER if other else FulfilledBy.US,
        presentment_price=paid if paid and unit_price and paid != unit_price else None,
        assigned=units.place if units is not None else "",
        taken_from=None if units is None else tuple(sorted(units.places.items())),
    )


def _fulfilled(line: Mapping[str, Any]) -> tuple[int, int]:
    """Units that left, so that `current` less this is what is still to ship; and those beside them
    that were paid back after they left.

    quantity = fulfilled + unfulfilledQuantity + nonFulfillableQuantity, where the last are units
    refunded before they left; currentQuantity is without all refunded units, also those that came
    back. Of 3 bought, 2 shipped and 1 of these returned, 2 are current and 1 is still to ship: the
    returned unit must not stand for it.
    """
    unfulfilled = values.count(line, "unfulfilledQuantity")
    left = (
        values.count(line, "quantity") - unfulfilled - values.count(line, "nonFulfillableQuantity")
    )
    left = max(0, left)
    if not unfulfilled:
        return left, 0
    counted = max(0, min(left, values.count(line, "currentQuantity") - unfulfilled))
    return counted, left - counted


def _address(node: Mapping[str, Any]) -> Address | None:
    told = node["shippingAddress"]
    if told is None:
        return None
    both = " ".join(part for part in (told.get("firstName"), told.get("lastName")) if part)
    return Address(
        name=told.get("name") or both,
        company=told.get("company") or "",
        line1=told.get("address1") or "",
        line2=told.get("address2") or "",
        city=told.get("city") or "",
        region=told.get("provinceCode") or "",
        postal_code=told.get("zip") or "",
        country=told.get("countryCodeV2") or "",
        phone=told.get("phone") or node.get("phone") or "",
        email=node.get("email") or "",
    )


def _billed(node: Mapping[str, Any]) -> Address | None:
    """As much of the billing address as says how far from the shipping address it is."""
    told = node.get("billingAddress")
    if not told:
        return None
    return Address(
        region=told.get("provinceCode") or "",
        postal_code=told.get("zip") or "",
        country=told.get("countryCodeV2") or "",
    )


def _ship_by(fulfillment_orders: Sequence[Mapping[str, Any]]) -> datetime | None:
    told = (
        values.instant(one, "fulfillBy") for one in fulfillment_orders if one["status"] != "CLOSED"
    )
    return min((instant for instant in told if instant is not None), default=None)


# --- listings -------------------------------------------------------------------------------


def listing(
    variant: Mapping[str, Any],
    product: Mapping[str, Any],
    *,
    channel: ChannelId,
    currency: str,
) -> Listing:
    """A variant as a listing; its quantity is kept by its inventory item. Raises Unreadable."""
    try:
        return _listing(variant, product, channel, currency)
    except (AttributeError, KeyError, TypeError) as error:
        field = f" {error.args[0]}" if isinstance(error, KeyError) else ""
        raise Unreadable(f"a field{field} is missing or of another kind") from None


def _listing(
    variant: Mapping[str, Any], product: Mapping[str, Any], channel: ChannelId, currency: str
) -> Listing:
    item = variant["inventoryItem"]
    ships = bool(item["requiresShipping"]) and not product["isGiftCard"]
    option = values.text(variant, "title")
    title = values.text(product, "title")
    updated = (values.instant(variant, "updatedAt"), values.instant(product, "updatedAt"))
    return Listing(
        channel=channel,
        remote_id=values.text(variant, "id"),
        remote_sku=(variant.get("sku") or "").strip(),
        # A product without options has one variant with this title.
        title=title if option == "Default Title" else f"{title} - {option}",
        status=LISTING_STATUS.get(product["status"], ListingStatus.UNKNOWN),
        fulfilled_by=FulfilledBy.US if ships else FulfilledBy.OTHER,
        inventory_id=values.text(item, "id"),
        tracked=bool(item["tracked"]),
        attributes=(
            ("product_id", values.text(product, "id")),
            ("product_status", str(product["status"])),
            ("inventory_policy", str(variant.get("inventoryPolicy") or "")),
        ),
        price=values.amount(variant["price"], currency, "price"),
        updated_at=max((instant for instant in updated if instant is not None), default=None),
        codes=(("gtin", barcode),) if (barcode := (variant.get("barcode") or "").strip()) else (),
    )
