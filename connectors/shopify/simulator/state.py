"""What the simulated shop knows: plain records, named as the Admin API names their fields.

A field of the GraphQL API is read from the attribute of the same name (`updatedAt` from
`updated_at`); what a record derives is a property. Rules live in inventory.py, ordering.py and
fulfilling.py, those of money paid back in paying_back.py and returning.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.shopify.simulator.state_returns import Dispute, Return

#: The states that make up `on_hand`.
STOCKED = ("available", "committed", "damaged", "quality_control", "reserved", "safety_stock")
#: Every quantity name of an inventory level.
QUANTITY_NAMES = (*STOCKED, "incoming", "on_hand")

ZERO = Decimal(0)
CENT = Decimal("0.01")


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def number_of(identity: str) -> int:
    """The numeric part of a gid, the `legacyResourceId`."""
    return int(identity.rsplit("/", 1)[1].partition("?")[0])


def share(total: Decimal, units: int, *, of: int, after: int) -> Decimal:
    """What `units` of a total for `of` units come to, `after` others: all of them make the total."""
    upto = [(total * count / of).quantize(CENT) for count in (after, after + units)]
    return upto[1] - upto[0]


@dataclass(eq=False)
class Record:
    """Anything with a gid."""

    id: str

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)


@dataclass(eq=False)
class FulfillmentService:
    id: str
    handle: str
    service_name: str
    type: str = "THIRD_PARTY"


@dataclass(eq=False)
class Location(Record):
    name: str
    updated_at: datetime
    address: dict[str, str | None]
    is_active: bool = True
    deactivated_at: str | None = None
    fulfills_online_orders: bool = True
    ships_inventory: bool = True
    fulfillment_service: FulfillmentService | None = None

    @property
    def is_fulfillment_service(self) -> bool:
        return self.fulfillment_service is not None


@dataclass(eq=False)
class Level(Record):
    """One inventory item at one location. `on_hand` is the sum of its parts, as in Shopify."""

    item: InventoryItem
    location: Location
    updated_at: datetime
    is_active: bool = True
    amounts: dict[str, int] = field(default_factory=dict)
    changed_at: dict[str, datetime] = field(default_factory=dict)

    def quantity(self, name: str) -> int:
        if name == "on_hand":
            return sum(self.amounts.get(part, 0) for part in STOCKED)
        return self.amounts.get(name, 0)


@dataclass(eq=False)
class InventoryItem(Record):
    created_at: datetime
    updated_at: datetime
    tracked: bool = True
    requires_shipping: bool = True
    #: False: quantities may not be written through the API (a parent bundle)
    mutable: bool = True
    unit_cost: Decimal | None = None
    levels: dict[str, Level] = field(default_factory=dict)
    variant: Variant = field(init=False)

    country_code_of_origin = None
    harmonized_system_code = None

    @property
    def sku(self) -> str | None:
        return self.variant.sku


@dataclass(eq=False)
class Variant(Record):
    product: Product
    inventory_item: InventoryItem
    title: str
    #: "" is a blank SKU; two variants may share one
    sku: str | None
    price: Decimal
    position: int
    created_at: datetime
    updated_at: datetime
    inventory_policy: str = "DENY"
    barcode: str | None = None
    compare_at_price: Decimal | None = None
    taxable: bool = True
    is_gift_card: bool = False

    @property
    def inventory_quantity(self) -> int:
        return sum(level.quantity("available") for level in self.inventory_item.levels.values())

    @property
    def available_for_sale(self) -> bool:
        unlimited = not self.inventory_item.tracked or self.inventory_policy == "CONTINUE"
        return unlimited or self.inventory_quantity > 0

    @property
    def display_name(self) -> str:
        return f"{self.product.title} - {self.title}"

    @property
    def selected_options(self) -> list[dict[str, str]]:
        return [{"name": "Title", "value": self.title}]


@dataclass(eq=False)
class Product(Record):
    title: str
    handle: str
    vendor: str
    created_at: datetime
    updated_at: datetime
    status: str = "ACTIVE"
    product_type: str = ""
    tags: list[str] = field(default_factory=list)
    published_at: datetime | None = None
    variants: list[Variant] = field(default_factory=list)

    @property
    def total_inventory(self) -> int:
        return sum(variant.inventory_quantity for variant in self.variants)

    @property
    def tracks_inventory(self) -> bool:
        return any(variant.inventory_item.tracked for variant in self.variants)

    @property
    def is_gift_card(self) -> bool:
        return any(variant.is_gift_card for variant in self.variants)

    @property
    def has_only_default_variant(self) -> bool:
        return len(self.variants) == 1

    @property
    def variants_count(self) -> dict[str, Any]:
        return {"count": len(self.variants), "precision": "EXACT"}


@dataclass(eq=False)
class LineItem(Record):
    order: Order
    variant: Variant
    quantity: int
    #: less what was removed by an edit or a cancellation
    current_quantity: int
    unit_price: Decimal
    title: str
    sku: str | None
    requires_shipping: bool
    is_gift_card: bool
    #: taken off for all its units, discounts of the whole order included
    discount: Decimal = ZERO
    #: 0.08: 8 % on top of what is paid for the goods
    tax_rate: Decimal = ZERO

    @property
    def name(self) -> str:
        return self.title

    @property
    def goods(self) -> Decimal:
        """What all its units were sold for, tax not counted."""
        return self.unit_price * self.quantity - self.discount

    @property
    def tax(self) -> Decimal:
        return (self.goods * self.tax_rate).quantize(CENT)

    def worth(self, units: int, *, after: int | None = None) -> tuple[Decimal, Decimal]:
        """(goods, tax) of units that leave the order now, or `after` others of the line."""
        gone = self.quantity - self.current_quantity if after is None else after
        return (
            share(self.goods, units, of=self.quantity, after=gone),
            share(self.tax, units, of=self.quantity, after=gone),
        )

    @property
    def vendor(self) -> str:
        return self.variant.product.vendor

    @property
    def product(self) -> Product:
        return self.variant.product

    @property
    def variant_title(self) -> str | None:
        return None if self.variant.title == "Default Title" else self.variant.title

    @property
    def fulfilled_quantity(self) -> int:
        return sum(
            part.quantity
            for fulfillment in self.order.fulfillments
            if fulfillment.status == "SUCCESS"
            for part in fulfillment.lines
            if part.line_item is self
        )

    @property
    def unfulfilled_quantity(self) -> int:
        """Still to ship. Units that were shipped and came back are not: they left once."""
        parts = (held for part in self.order.routed for held in part.lines)
        return sum(held.remaining_quantity for held in parts if held.line_item is self)

    @property
    def non_fulfillable_quantity(self) -> int:
        return self.quantity - self.fulfilled_quantity - self.unfulfilled_quantity

    @property
    def refundable_quantity(self) -> int:
        return self.current_quantity

    @property
    def custom_attributes(self) -> list[Any]:
        return []

    @property
    def original_unit_price_set(self) -> dict[str, Any]:
        return self.order.bag(self.unit_price)

    @property
    def discounted_unit_price_after_all_discounts_set(self) -> dict[str, Any]:
        return self.order.bag(self.goods / self.quantity)


@dataclass(eq=False)
class Hold(Record):
    reason: str
    handle: str | None
    reason_notes: str | None
    held_by_requesting_app: bool = True
    #: the part this hold was split from; releasing the hold merges it back
    sibling: FulfillmentOrder | None = None

    @property
    def display_reason(self) -> str:
        return self.reason.replace("_", " ").capitalize()


@dataclass(eq=False)
class FulfillmentOrderLine(Record):
    line_item: LineItem
    total_quantity: int
    remaining_quantity: int

    @property
    def sku(self) -> str | None:
        return self.line_item.sku

    @property
    def variant(self) -> Variant:
        return self.line_item.variant

    @property
    def vendor(self) -> str:
        return self.line_item.vendor

    @property
    def inventory_item_id(self) -> str:
        return self.line_item.variant.inventory_item.id

    @property
    def requires_shipping(self) -> bool:
        return self.line_item.requires_shipping

    @property
    def product_title(self) -> str:
        return self.line_item.product.title

    @property
    def variant_title(self) -> str | None:
        return self.line_item.variant_title


@dataclass(eq=False)
class FulfillmentOrder(Record):
    order: Order
    location: Location
    #: SHIPPING, or NONE for what needs no parcel
    method: str
    method_id: str
    destination_id: str
    created_at: datetime
    updated_at: datetime
    lines: list[FulfillmentOrderLine] = field(default_factory=list)
    status: str = "OPEN"
    request_status: str = "UNSUBMITTED"
    fulfillment_holds: list[Hold] = field(default_factory=list)
    #: made by a split: it may be merged again
    split: bool = False

    fulfill_by = None

    @property
    def fulfill_at(self) -> datetime:
        return self.order.created_at.replace(minute=0, second=0)

    @property
    def order_id(self) -> str:
        return self.order.id

    @property
    def order_name(self) -> str:
        return self.order.name

    @property
    def order_processed_at(self) -> datetime:
        return self.order.processed_at

    @property
    def open_quantity(self) -> int:
        return sum(line.remaining_quantity for line in self.lines)

    @property
    def is_closed(self) -> bool:
        return self.status in ("CLOSED", "CANCELLED", "INCOMPLETE")


@dataclass(eq=False)
class FulfillmentLine(Record):
    line_item: LineItem
    quantity: int
    #: where the units came from; a canceled fulfillment gives them back there
    source: FulfillmentOrder
    source_line: FulfillmentOrderLine


@dataclass(eq=False)
class Fulfillment(Record):
    order: Order
    location: Location
    name: str
    created_at: datetime
    updated_at: datetime
    tracking: list[dict[str, str | None]]
    lines: list[FulfillmentLine] = field(default_factory=list)
    status: str = "SUCCESS"
    display_status: str = "FULFILLED"
    #: made by somebody other than the requesting app
    external: bool = False

    delivered_at = None
    estimated_delivery_at = None
    in_transit_at = None

    @property
    def total_quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def service(self) -> FulfillmentService | None:
        return self.location.fulfillment_service

    @property
    def sources(self) -> list[FulfillmentOrder]:
        return list(dict.fromkeys(line.source for line in self.lines))


@dataclass(eq=False)
class Transaction(Record):
    order: Order
    kind: str
    amount: Decimal
    created_at: datetime
    parent_transaction: Transaction | None = None
    status: str = "SUCCESS"
    gateway: str = "bogus"

    @property
    def amount_set(self) -> dict[str, Any]:
        return self.order.bag(self.amount)

    @property
    def left(self) -> Decimal:
        """Of a payment: what was not paid back of it yet."""
        back = (t.amount for t in self.order.transactions if t.parent_transaction is self)
        return self.amount - sum(back, ZERO)


@dataclass(eq=False)
class RefundLine(Record):
    line_item: LineItem
    quantity: int
    restock_type: str
    restocked: bool
    location: Location | None
    #: goods, tax not counted
    subtotal: Decimal
    tax: Decimal

    @property
    def price_set(self) -> dict[str, Any]:
        return self.line_item.order.bag(self.line_item.unit_price)

    @property
    def subtotal_set(self) -> dict[str, Any]:
        return self.line_item.order.bag(self.subtotal)

    @property
    def total_tax_set(self) -> dict[str, Any]:
        return self.line_item.order.bag(self.tax)


@dataclass(eq=False)
class RefundShipping(Record):
    order: Order
    amount: Decimal
    tax: Decimal

    @property
    def subtotal_amount_set(self) -> dict[str, Any]:
        return self.order.bag(self.amount)

    @property
    def tax_amount_set(self) -> dict[str, Any]:
        return self.order.bag(self.tax)


@dataclass(eq=False)
class Adjustment(Record):
    """The difference between what was paid back and what its lines come to."""

    order: Order
    amount: Decimal
    reason: str = "REFUND_DISCREPANCY"

    @property
    def amount_set(self) -> dict[str, Any]:
        return self.order.bag(self.amount)

    @property
    def tax_amount_set(self) -> dict[str, Any]:
        return self.order.bag(ZERO)


@dataclass(eq=False)
class Refund(Record):
    order: Order
    created_at: datetime
    amount: Decimal
    lines: list[RefundLine]
    transactions: list[Transaction]
    note: str | None = None
    return_: Return | None = None
    shipping: list[RefundShipping] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)

    @property
    def updated_at(self) -> datetime:
        return self.created_at

    @property
    def processed_at(self) -> datetime:
        return self.created_at

    @property
    def total_refunded_set(self) -> dict[str, Any]:
        return self.order.bag(self.amount)


@dataclass(eq=False)
class Order(Record):
    number: int
    created_at: datetime
    updated_at: datetime
    #: None where the buyer gave none
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    email: str | None
    phone: str | None
    shipping_price: Decimal
    test: bool
    #: PENDING, AUTHORIZED, PAID; what a cancellation makes of it
    financial_status: str
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    risk_recommendation: str = "ACCEPT"
    lines: list[LineItem] = field(default_factory=list)
    routed: list[FulfillmentOrder] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    staff_note: str | None = None
    closed_at: datetime | None = None
    edited: bool = False
    #: units sold beyond what was available (policy CONTINUE)
    oversold: int = 0
    #: on shipping; lines have their own
    tax_rate: Decimal = ZERO
    returns: list[Return] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    #: what the buyer saw and paid in, and how much of it is one unit of the shop's currency
    presentment_currency_code: str = "USD"
    rate: Decimal = Decimal(1)

    confirmed = True
    currency_code = "USD"
    po_number = None
    source_name = "web"
    source_identifier = None
    taxes_included = False

    def bag(self, amount: Decimal) -> dict[str, Any]:
        """A MoneyBag: `amount` in the shop's currency, and what the buyer saw of it."""
        currency = self.presentment_currency_code
        paid = amount if currency == self.currency_code else (amount * self.rate).quantize(CENT)
        return {
            "shopMoney": {"amount": amount, "currencyCode": self.currency_code},
            "presentmentMoney": {"amount": paid, "currencyCode": currency},
        }

    @property
    def return_status(self) -> str:
        """As observed 2026-04: declined and canceled returns do not count."""
        statuses = {one.status for one in self.returns}
        for status, shown in _RETURN_STATUS:
            if status in statuses:
                return shown
        return "NO_RETURN"

    @property
    def name(self) -> str:
        return f"#{self.number}"

    @property
    def processed_at(self) -> datetime:
        return self.created_at

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    @property
    def open_parts(self) -> Iterator[FulfillmentOrder]:
        return (part for part in self.routed if not part.is_closed)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.goods for line in self.lines), ZERO)

    @property
    def current_subtotal(self) -> Decimal:
        return sum((line.worth(line.current_quantity)[0] for line in self.lines), ZERO)

    @property
    def shipping_tax(self) -> Decimal:
        return (self.shipping_price * self.tax_rate).quantize(CENT)

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), self.shipping_tax)

    @property
    def current_tax(self) -> Decimal:
        taxes = (line.worth(line.current_quantity)[1] for line in self.lines)
        return sum(taxes, self.shipping_tax - sum(self._shipping_back("tax"), ZERO))

    @property
    def shipping_left(self) -> Decimal:
        """Of the price of shipping: what was not paid back yet. Tax is not counted."""
        return self.shipping_price - sum(self._shipping_back("amount"), ZERO)

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.shipping_price + self.tax

    @property
    def current_total(self) -> Decimal:
        if self.cancelled_at is not None:
            return ZERO
        return self.current_subtotal + self.shipping_left + self.current_tax

    def _shipping_back(self, name: str) -> Iterator[Decimal]:
        return (getattr(one, name) for refund in self.refunds for one in refund.shipping)

    @property
    def received(self) -> Decimal:
        return self._sum_of("SALE", "CAPTURE")

    @property
    def refunded(self) -> Decimal:
        return self._sum_of("REFUND")

    def _sum_of(self, *kinds: str) -> Decimal:
        return sum((t.amount for t in self.transactions if t.kind in kinds), ZERO)


_RETURN_STATUS = (
    ("OPEN", "IN_PROGRESS"),
    ("REQUESTED", "RETURN_REQUESTED"),
    ("CLOSED", "RETURNED"),
)
