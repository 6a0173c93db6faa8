"""What comes back: returns, what is given instead, parcels on their way back, disputes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.shopify.simulator.state import (
    FulfillmentLine,
    LineItem,
    Location,
    Order,
    Record,
    Variant,
    gid,
)


@dataclass(frozen=True)
class ReasonDefinition:
    """Of Shopify's published list of reasons (github.com/Shopify/product-taxonomy)."""

    id: str
    handle: str
    name: str
    deleted: bool = False


@dataclass(eq=False)
class ReturnLine(Record):
    fulfillment_line_item: FulfillmentLine
    quantity: int
    return_reason_definition: ReasonDefinition | None
    return_reason_note: str = ""
    customer_note: str | None = None
    processed_quantity: int = 0
    refunded_quantity: int = 0
    return_: Return = field(init=False)

    @property
    def line_item(self) -> LineItem:
        return self.fulfillment_line_item.line_item

    @property
    def unprocessed_quantity(self) -> int:
        return self.quantity - self.processed_quantity

    @property
    def processable_quantity(self) -> int:
        return self.unprocessed_quantity if self.return_.status == "OPEN" else 0

    @property
    def refundable_quantity(self) -> int:
        return self.quantity - self.refunded_quantity


@dataclass(eq=False)
class ExchangeLine(Record):
    variant: Variant
    quantity: int
    processed_quantity: int = 0
    line_items: list[LineItem] = field(default_factory=list)

    @property
    def variant_id(self) -> str:
        return self.variant.id

    @property
    def variant_sku(self) -> str | None:
        return self.variant.sku

    @property
    def unprocessed_quantity(self) -> int:
        return self.quantity - self.processed_quantity

    processable_quantity = unprocessed_quantity


@dataclass(eq=False)
class Disposition(Record):
    type: str
    quantity: int
    created_at: datetime
    location: Location | None


@dataclass(eq=False)
class ReverseLine(Record):
    fulfillment_line_item: FulfillmentLine
    total_quantity: int
    dispositions: list[Disposition] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Units that nothing was done with yet."""
        return self.total_quantity - sum(one.quantity for one in self.dispositions)


@dataclass(frozen=True)
class ReverseShipping:
    """How a parcel comes back."""

    tracking: dict[str, str | None] | None
    label: dict[str, Any] | None


@dataclass(eq=False)
class ReverseDelivery(Record):
    deliverable: ReverseShipping


@dataclass(eq=False)
class ReverseFulfillmentOrder(Record):
    order: Order
    status: str = "OPEN"
    lines: list[ReverseLine] = field(default_factory=list)
    deliveries: list[ReverseDelivery] = field(default_factory=list)


@dataclass(eq=False)
class Return(Record):
    order: Order
    name: str
    created_at: datetime
    lines: list[ReturnLine]
    status: str = "REQUESTED"
    request_approved_at: datetime | None = None
    closed_at: datetime | None = None
    decline: dict[str, str | None] | None = None
    exchange_lines: list[ExchangeLine] = field(default_factory=list)
    reverse: list[ReverseFulfillmentOrder] = field(default_factory=list)

    @property
    def total_quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def is_dead(self) -> bool:
        return self.status in ("DECLINED", "CANCELED")


@dataclass(eq=False)
class Dispute(Record):
    """A bank asks for money back. Its order shows a summary of it, under an id of its own."""

    order: Order
    amount: Decimal
    type: str
    status: str
    initiated_at: datetime
    finalized_on: datetime | None
    #: False: another payment provider's, of which Shopify tells the summary alone
    shopify_payments: bool

    @property
    def summary(self) -> dict[str, str]:
        identity = gid("OrderDisputeSummary", self.legacy_resource_id + 1)
        return {"id": identity, "initiatedAs": self.type, "status": self.status}
