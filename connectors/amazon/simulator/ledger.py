"""What buyers paid for each item and what of it was paid back: the account's own book.

Components are those of a BuyerPrice (amzn-base.xsd): Principal, Tax, Shipping, ShippingTax.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.orders_state import AMAZON, Item, OrderRecord, Status
from core.model.money import Money

COMPONENTS = ("Principal", "Tax", "Shipping", "ShippingTax")
REFUND, CHARGEBACK = "Refund", "Chargeback"


class TooMuch(ValueError):
    """More would be paid back than the buyer paid."""


@dataclass(frozen=True, slots=True)
class PaidItem:
    item_id: str
    #: minor units by component; the buyer gets them
    amounts: Mapping[str, int]
    #: units, as Finances states them
    units: int


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment back."""

    refund_id: str
    order_id: str
    #: Refund, Chargeback
    kind: str
    items: tuple[PaidItem, ...]
    made_at: datetime
    #: Finances shows it from then on
    shown_from: datetime
    #: "feed", "seller", "amazon", "bank"
    by: str
    #: MerchantAdjustmentItemIDs: taken and, as the help page says, "not used by Amazon"
    merchant_ids: tuple[str, ...] = ()


def bought(item: Item) -> dict[str, int]:
    """Minor units of each component that the buyer paid for all units of an item."""
    return {
        "Principal": (item.unit_price * item.quantity).amount,
        "Tax": item.tax,
        "Shipping": item.shipping,
        "ShippingTax": 0,
    }


class Ledger:
    """Payments back of one account, oldest first."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.paid: list[Paid] = []

    def left(self, order_id: str, item: Item) -> Counter[str]:
        """Minor units of each component that can be paid back still."""
        left = Counter(bought(item))
        for one in self.paid:
            for part in one.items:
                if one.order_id == order_id and part.item_id == item.item_id:
                    left.subtract(part.amounts)
        return left

    def pay(
        self, record: OrderRecord, items: Mapping[str, Mapping[str, int]], *, now: datetime,
        by: str, kind: str = REFUND, units: Mapping[str, int] | None = None,
        merchant_ids: tuple[str, ...] = (),
    ) -> Paid:  # fmt: skip
        """Pay so much back for each item. Raises TooMuch, and then nothing was paid."""
        known = {item.item_id: item for item in record.now.items}
        for item_id, amounts in items.items():
            left = self.left(record.now.order_id, known[item_id])
            over = [name for name, cents in amounts.items() if cents > left[name]]
            if over:
                raise TooMuch(f"{over[0]} of item {item_id}: more than the buyer paid")
        made = Paid(
            refund_id=self._account.digits(15),
            order_id=record.now.order_id,
            kind=kind,
            items=tuple(
                PaidItem(
                    item_id, dict(amounts),
                    (units or {}).get(item_id, known[item_id].quantity),
                )
                for item_id, amounts in items.items()
            ),
            made_at=now,
            shown_from=now + self._account.delay(self._account.behavior.post_delay),
            by=by,
            merchant_ids=merchant_ids,
        )  # fmt: skip
        self.paid.append(made)
        self._account.counts[f"refunds by {by}"] += 1
        return made

    def pay_units(
        self, record: OrderRecord, sku: str, units: int, *, now: datetime, by: str,
        kind: str = REFUND, amount: str = "",
    ) -> Paid:  # fmt: skip
        """Somebody pays units of a SKU back, with their tax, or an amount of it. Raises ValueError."""
        item = next((one for one in record.now.items if one.sku == sku), None)
        if item is None:
            raise ValueError(f"order {record.now.order_id} has no {sku}")
        if not is_out(record):
            raise ValueError(f"order {record.now.order_id} is not shipped")
        if amount:
            amounts = {"Principal": Money.parse(amount, item.unit_price.currency).amount}
        else:
            amounts = {
                "Principal": item.unit_price.amount * units,
                "Tax": item.tax * units // item.quantity,
            }
        wanted = {item.item_id: amounts}
        return self.pay(record, wanted, now=now, by=by, kind=kind, units={item.item_id: units})

    def books(self) -> list[dict[str, Any]]:
        return [
            {
                "id": one.refund_id,
                "order": one.order_id,
                "kind": one.kind,
                "by": one.by,
                "at": one.made_at.isoformat(),
                "items": [
                    {
                        "item_id": part.item_id,
                        "units": part.units,
                        **{name: cents for name, cents in part.amounts.items() if cents},
                        "total": sum(part.amounts.values()),
                    }
                    for part in one.items
                ],
            }
            for one in self.paid
        ]


def is_out(record: OrderRecord) -> bool:
    """Whether some of it left: the money was taken with that."""
    order = record.now
    if order.fulfilled_by == AMAZON:
        return order.status is Status.SHIPPED
    return bool(record.received)
