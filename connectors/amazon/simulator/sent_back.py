"""Buyers send things back, and what the reports of returns tell of it.

Columns of the FBM report as a published answer of it shows them, with the "Order Item ID" some sellers
get at its end; of the FBA report as its help page lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.ledger import CHARGEBACK, REFUND, is_out
from connectors.amazon.simulator.orders_state import AMAZON, Item, OrderRecord

FBM_RETURNS = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA_RETURNS = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
FBM_COLUMNS = (
    "Order ID", "Order date", "Return request date", "Return request status", "Amazon RMA ID",
    "Merchant RMA ID", "Label type", "Label cost", "Currency code", "Return carrier", "Tracking ID",
    "Label to be paid by", "A-to-Z Claim", "Is prime", "ASIN", "Merchant SKU", "Item Name",
    "Return quantity", "Return Reason", "In policy", "Return type", "Resolution", "Invoice number",
    "Return delivery date", "Order Amount", "Order quantity", "SafeT Action reason",
    "SafeT claim id", "SafeT claim state", "SafeT claim creation time",
    "SafeT claim reimbursement amount", "Refunded Amount", "Order Item ID",
)  # fmt: skip
FBA_COLUMNS = (
    "return-date", "order-id", "sku", "asin", "fnsku", "product-name", "quantity",
    "fulfillment-center-id", "detailed-disposition", "reason", "status", "license-plate-number",
    "customer-comments",
)  # fmt: skip
_STATUSES = ("Pending", "Approved", "Completed", "Denied", "Canceled")


@dataclass(frozen=True, slots=True)
class SentBack:
    """Units of one item of an order on their way back, or back at FBA."""

    rma: str
    order_id: str
    item: Item
    units: int
    reason: str
    status: str
    requested: datetime
    by_amazon: bool = False
    carrier: str = ""
    number: str = ""
    label: str = "AmazonPrePaidLabel"
    paid_by: str = "Customer"
    disposition: str = ""


class Returns:
    """Returns of one account, oldest first."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.all: list[SentBack] = []

    def wish(self, wish: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        """{"send_back": order, "sku", "quantity", "reason", "status", "disposition"},
        {"return_status": rma, "to": status, "carrier", "number"},
        {"pay_back": order, "sku", "quantity", "amount"} by a person in Seller Central,
        {"charge_back": order, "sku", "quantity"} by a bank. Raises ValueError."""
        match wish:
            case {"send_back": str(order), **rest}:
                return self._send_back(self._record(order), rest, now=now)
            case {"return_status": str(rma), "to": str(status), **rest} if status in _STATUSES:
                return self._move(rma, status, rest)
            case {"pay_back": str(order), **rest}:
                return self._pay(self._record(order), rest, now=now, kind=REFUND)
            case {"charge_back": str(order), **rest}:
                return self._pay(self._record(order), rest, now=now, kind=CHARGEBACK)
        raise ValueError(f"unknown keys {sorted(wish)}")

    def _record(self, order: str) -> OrderRecord:
        found = self._account.orders.get(order)
        if found is None:
            raise ValueError(f"no order {order}")
        return found

    def _send_back(
        self, record: OrderRecord, rest: Mapping[str, Any], *, now: datetime
    ) -> dict[str, Any]:
        _only(rest, "sku", "quantity", "reason", "status", "disposition")
        order = record.now
        item = next((one for one in order.items if one.sku == rest.get("sku")), None)
        units = int(rest.get("quantity", 1))
        if item is None or not is_out(record):
            raise ValueError(f"order {order.order_id} has no such item that was shipped")
        back = sum(one.units for one in self.all if one.item.item_id == item.item_id)
        if not 0 < units <= order.fulfilled(item.item_id) - back:
            raise ValueError(f"{units} of {item.sku} cannot come back: {back} came already")
        by_amazon = order.fulfilled_by == AMAZON
        # One row of the FBA report is one unit with a license plate of its own.
        for _ in range(units if by_amazon else 1):
            digits = self._account.digits(9)
            made = SentBack(
                rma=f"LPNRR{digits}" if by_amazon else f"D{digits}RRMA",
                order_id=order.order_id, item=item, units=1 if by_amazon else units,
                reason=str(rest.get("reason", "UNWANTED_ITEM" if by_amazon else "CR-UNWANTED_ITEM")),
                status=str(rest.get("status", "Approved")), requested=now, by_amazon=by_amazon,
                disposition=str(rest.get("disposition", "SELLABLE")),
            )  # fmt: skip
            self.all.append(made)
        if by_amazon:
            # Amazon pays the buyers of its own orders back, unasked.
            self._account.ledger.pay_units(record, item.sku, units, now=now, by="amazon")
        return {"id": made.rma}

    def _move(self, rma: str, status: str, rest: Mapping[str, Any]) -> dict[str, Any]:
        _only(rest, "carrier", "number")
        known = [place for place, one in enumerate(self.all) if one.rma == rma]
        if not known:
            raise ValueError(f"no return {rma}")
        for place in known:
            one = self.all[place]
            carrier, number = rest.get("carrier", one.carrier), rest.get("number", one.number)
            self.all[place] = replace(one, status=status, carrier=carrier, number=number)
        return {"id": rma}

    def _pay(
        self, record: OrderRecord, rest: Mapping[str, Any], *, now: datetime, kind: str
    ) -> dict[str, Any]:
        _only(rest, "sku", "quantity", "amount")
        made = self._account.ledger.pay_units(
            record, str(rest.get("sku")), int(rest.get("quantity", 1)), now=now, kind=kind,
            by="bank" if kind == CHARGEBACK else "seller", amount=str(rest.get("amount", "")),
        )  # fmt: skip
        return {"id": made.refund_id}

    def rows(self, kind: str, *, first: datetime) -> list[dict[str, str]]:
        """Of the FBM or the FBA report, of what was asked for since `first`."""
        by_amazon = kind == FBA_RETURNS
        found = [
            one for one in self.all if one.by_amazon is by_amazon and one.requested >= first
        ]  # fmt: skip
        return [_fba(one) if by_amazon else self._fbm(one) for one in found]

    def _fbm(self, one: SentBack) -> dict[str, str]:
        order = self._account.orders[one.order_id].now
        return {
            "Order ID": one.order_id,
            "Order date": f"{order.created:%d-%b-%Y}",
            "Return request date": f"{one.requested:%d-%b-%Y}",
            "Return request status": one.status,
            "Amazon RMA ID": one.rma,
            "Label type": one.label,
            "Label cost": "4.14",
            "Currency code": "USD",
            "Return carrier": one.carrier,
            "Tracking ID": one.number,
            "Label to be paid by": one.paid_by,
            "A-to-Z Claim": "N",
            "Is prime": "N",
            "ASIN": one.item.asin,
            "Merchant SKU": one.item.sku,
            "Item Name": " ".join(one.item.title.split()),
            "Return quantity": str(one.units),
            "Return Reason": one.reason,
            "In policy": "Y",
            "Return type": "C-Returns",
            "Resolution": "StandardRefund",
            "Order Amount": str(order.total).split()[0],
            "Order quantity": str(one.item.quantity),
            "Order Item ID": one.item.item_id,
        }


def _fba(one: SentBack) -> dict[str, str]:
    return {
        "return-date": f"{one.requested:%Y-%m-%dT%H:%M:%S}+00:00",
        "order-id": one.order_id,
        "sku": one.item.sku,
        "asin": one.item.asin,
        "fnsku": f"X00{one.item.asin[-7:]}",
        "product-name": " ".join(one.item.title.split()),
        "quantity": str(one.units),
        "fulfillment-center-id": "PHX7",
        "detailed-disposition": one.disposition,
        "reason": one.reason,
        "status": "Unit returned to inventory",
        "license-plate-number": one.rma,
        "customer-comments": "Not what I thought, call me: Ann",
    }


def _only(rest: Mapping[str, Any], *names: str) -> None:
    unknown = set(rest) - set(names)
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}; known are {names}")
