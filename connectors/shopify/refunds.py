"""Paying a buyer back at Shopify: asked what it would pay, told what to pay, found again.

A refund that settles no return is `refundCreate`: Shopify keeps our idempotency key for 24 hours.
One that settles a return is `returnProcess`, which has no key. So every refund's note ends with our
key, and whatever was made before is looked for by it before anything is sent.

Nothing is put back on the shelf by Shopify: we publish absolute quantities ourselves, and a unit
that it put back would be counted twice. Only what never left its shelf goes back there (`cancels`).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.shopify import documents, mapping, mapping_returns, values
from connectors.shopify.client import Client
from connectors.shopify.settlement import Settlement
from connectors.shopify.values import Unreadable
from connectors.shopify.walks import Node
from core.errors import Rejected, UnknownOutcome
from core.model.money import Money, exponent
from core.model.orders import Cancellation
from core.model.returns import QuotedLine, RefundedLine, RefundQuote, RefundRequest
from core.ports import Key, RemoteRef

_NAMESPACE = uuid.UUID("0c7a2f1e-93d4-5b1b-9f0e-5a6f4e8d2c17")
#: Names of the same refund, tried in turn: one whose attempt failed is of no use for 24 hours.
_MOST_NAMES = 5

#: refundCreate's errors have no code; these are the words of the codes that others have.
_FAILED_BEFORE = "previous request with this idempotency key failed"
_ANOTHER_REFUND = "cannot be used with different operation parameters"
_UNDER_WAY = "currently in progress"


@dataclass(frozen=True, slots=True)
class _Payment:
    """Money that was received one way, and what of it can go back that way."""

    id: str
    gateway: str
    left: int


@dataclass(frozen=True, slots=True)
class _Order:
    """What was received for an order, and what was paid back."""

    id: str
    currency: str
    payments: tuple[_Payment, ...]
    refunds: tuple[Node, ...]


class Refunds:
    """Refunds of one shop."""

    def __init__(self, client: Client, *, name: str, notify_customer: bool, returns: bool) -> None:
        self._client = client
        self._name = name
        self._notify = notify_customer
        #: returns may be read
        self._returns = returns
        self._settlement = Settlement(client, name=name)

    # --- asking

    def quote(self, order: str, units: Mapping[str, int], *, return_id: str) -> RefundQuote:
        """See ports.RefundTarget.

        Raises Rejected (order_not_found, other_currency, more_than_left, more_than_returned, and
        those of a return that is not open).
        """
        operation = documents.SUGGESTED_REFUND.name
        gid = mapping.order_gid(order)
        told = self._client.read(documents.REFUNDABLE, {"id": gid, "lines": sorted(units)})
        facts = self._own_currency(told["order"], operation)
        taxed = bool(facts["taxesIncluded"])
        if return_id:
            lines = self._settlement.quote(return_id, units, tax_included=taxed)
            suggested = self._suggested(gid, {})
        else:
            self._refuse_more_than_left(told["nodes"], units)
            suggested = self._suggested(gid, units)
            lines = _quoted(suggested, tax_included=taxed)
        return RefundQuote(
            lines=lines,
            shipping=_shipping_left(suggested),
            most=values.shop_money(suggested, "maximumRefundableSet"),
        )

    def _refuse_more_than_left(self, nodes: Sequence[Node], units: Mapping[str, int]) -> None:
        left = {one["id"]: one["refundableQuantity"] for one in nodes if one}
        for line, quantity in units.items():
            if not 0 < quantity <= left.get(line, 0):
                raise self._no(
                    f"{quantity} of {line}: only {left.get(line, 0)} can be paid back",
                    documents.SUGGESTED_REFUND.name,
                    "more_than_left",
                )

    # --- lines that end

    def cancel_units(self, wanted: Cancellation, *, note: str, key: Key) -> RemoteRef:
        """Take units of lines that never shipped off an order, and pay back what was paid for them.

        Raises Rejected (unknown_line, shipped), and what `push` raises.
        """
        left = self._lines_left(wanted)
        units = {line: count for line, count in _still_to_end(wanted, left).items() if count}
        if not units:
            return "canceled before"
        for line, count in units.items():
            if count > left[line]["unfulfilledQuantity"]:
                raise self._no(
                    f"{count} of {line}: only {left[line]['unfulfilledQuantity']} did not ship",
                    documents.REFUND_CREATE.name,
                    "shipped",
                )
        quote = self.quote(wanted.order, units, return_id="")
        worth = sum((one.goods + one.tax for one in quote.lines), Money(0, quote.most.currency))
        # Nothing was received yet for an order whose money is only authorized.
        total = min(worth, quote.most)
        request = RefundRequest(
            order=wanted.order,
            lines=tuple(
                RefundedLine(one.line, one.quantity, one.goods + one.tax) for one in quote.lines
            ),
            shipping=Money(0, total.currency),
            total=total,
            note=note,
            cancels=True,
        )
        return self.push(request, key=key)

    def units_ended(self, wanted: Cancellation, *, key: Key) -> bool:
        """Whether they are off the order, by whomever they were ended, or by our key."""
        if not any(_still_to_end(wanted, self._lines_left(wanted)).values()):
            return True
        order = self._money(wanted.order)
        return _by_key((order or {}).get("refunds", ()), key) is not None

    def _lines_left(self, wanted: Cancellation) -> dict[str, Node]:
        """The lines it names. Raises Rejected where one is not there."""
        lines = sorted({*wanted.lines, *(one.line for one in wanted.parts)})
        told = self._client.read(
            documents.REFUNDABLE, {"id": mapping.order_gid(wanted.order), "lines": lines}
        )
        found = {str(one["id"]): one for one in told["nodes"] if one}
        for line in lines:
            if line not in found:
                raise self._no(
                    f"there is no line {line}", documents.REFUNDABLE.name, "unknown_line"
                )
        return found

    # --- paying

    def push(self, refund: RefundRequest, *, key: Key) -> RemoteRef:
        """Have it paid, unless our key shows that it was.

        Raises Rejected (order_not_found, other_currency, more_than_paid, transaction_failed, those
        of a quote, or Shopify's own), UnknownOutcome, and what the client raises.
        """
        order = self._read(refund, documents.REFUND_CREATE.name)
        made = _by_key(order.refunds, key)
        if made is not None:
            return self._paid(made)
        if refund.return_remote_id and any(one.quantity for one in refund.lines):
            return self._settle(refund, order, key)
        # Money alone settles no units: the mutation with the key is the safer of the two.
        return self._create(self._input(refund, order, key), key)

    def find(self, refund: RefundRequest, *, key: Key) -> RemoteRef | None:
        """The refund with our key. Of a return also one without any key that pays the same for the
        same units: Shopify does not say that the note given with a processed return becomes its
        refund's, and who paid just that for just these units has paid it.

        One whose payment failed is none: pushed again, it is refused for that.
        """
        order = self._money(refund.order)
        refunds = [
            one for one in (order or {}).get("refunds", ()) if not mapping_returns.has_failed(one)
        ]
        made = _by_key(refunds, key)
        if made is None and refund.return_remote_id and self._returns:
            made = next((one for one in refunds if _is_alike(one, refund)), None)
        return None if made is None else str(made["id"])

    def _settle(self, refund: RefundRequest, order: _Order, key: Key) -> RemoteRef:
        """Process the return's units with the money, and read which refund came of it."""
        if not refund.total.amount:
            # Without money there is no refund that could be found again.
            raise self._no("nothing is to be paid", documents.RETURN_PROCESS.name, "nothing_to_pay")
        ways = [
            {"parentId": payment.id, "transactionAmount": _money_input(amount)}
            for payment, amount in self._ways(refund, order)
        ]
        asked: dict[str, Any] = {
            "note": mapping_returns.note_with(refund.note, key),
            "notifyCustomer": self._notify,
            "financialTransfer": {"issueRefund": {"orderTransactions": ways}},
        }
        if refund.shipping.amount:
            part, _ = self._shipping(refund, order)
            asked["refundShipping"] = {"shippingRefundAmount": _money_input(part)}
        before = {one["id"] for one in order.refunds}
        after = self._settlement.process(refund, asked)
        new = [one for one in after if one["id"] not in before]
        made = _by_key(new, key) or next((one for one in new if _is_alike(one, refund)), None)
        if made is None:
            raise self._in_doubt(
                "the return was processed, and no refund of it shows", documents.RETURN_PROCESS.name
            )
        return self._paid(made)

    def _create(self, wish: Mapping[str, Any], key: Key) -> RemoteRef:
        operation = documents.REFUND_CREATE.name
        for number in range(_MOST_NAMES):
            name = str(uuid.uuid5(_NAMESPACE, f"{key} {number}"))
            told = self._client.write(documents.REFUND_CREATE, {"input": wish, "key": name})[
                "refundCreate"
            ]
            if told is None:
                raise self._in_doubt("an answer without a result", operation)
            if not told["userErrors"] and told["refund"] is not None:
                return self._paid(told["refund"])
            words = "; ".join(str(one["message"]) for one in told["userErrors"])[:300]
            if _FAILED_BEFORE in words:
                continue  # nothing was done under this name
            if _UNDER_WAY in words or not words:
                raise self._in_doubt(words or "an answer without a refund", operation)
            raise self._no(words, operation, "other_refund" if _ANOTHER_REFUND in words else "")
        raise self._no("every attempt under our key failed", operation, "attempts_failed")

    def _input(self, refund: RefundRequest, order: _Order, key: Key) -> dict[str, Any]:
        """RefundInput. Amounts that differ from the lines' worth are noted there by Shopify."""
        wish: dict[str, Any] = {
            "orderId": order.id,
            "note": mapping_returns.note_with(refund.note, key),
            "notify": self._notify,
            "refundLineItems": self._lines(refund, order),
            "transactions": [
                {
                    "orderId": order.id,
                    "parentId": payment.id,
                    "gateway": payment.gateway,
                    "kind": "REFUND",
                    "amount": _decimal(amount),
                }
                for payment, amount in self._ways(refund, order)
            ],
        }
        if refund.shipping.amount:
            part, whole = self._shipping(refund, order)
            wish["shipping"] = {"fullRefund": True} if whole else {"amount": _decimal(part)}
        return wish

    def _lines(self, refund: RefundRequest, order: _Order) -> list[dict[str, Any]]:
        units = {one.line: one.quantity for one in refund.lines if one.quantity}
        if not refund.cancels:
            return [
                {"lineItemId": line, "quantity": quantity, "restockType": "NO_RESTOCK"}
                for line, quantity in units.items()
            ]
        # Units go back to where they were promised; the suggestion names the place.
        told = self._suggested(order.id, units, restock="CANCEL") if units else {}
        return [
            {
                "lineItemId": one["lineItem"]["id"],
                "quantity": one["quantity"],
                "restockType": "CANCEL",
                "locationId": (one["location"] or {}).get("id"),
            }
            for one in told.get("refundLineItems", ())
        ]

    def _shipping(self, refund: RefundRequest, order: _Order) -> tuple[Money, bool]:
        """(what of it is without tax, whether it is all that is left). Raises Rejected."""
        told = self._suggested(order.id, {})
        left = _shipping_left(told)
        if refund.shipping.amount > left.amount:
            raise self._no(
                f"{refund.shipping} of shipping: only {left} can be paid back",
                documents.REFUND_CREATE.name,
                "more_than_paid",
            )
        untaxed = values.shop_money(told["shipping"], "amountSet")
        part = Decimal(refund.shipping.amount * untaxed.amount) / left.amount
        rounded = int(part.to_integral_value(ROUND_HALF_UP))
        return Money(rounded, left.currency), refund.shipping == left

    def _ways(self, refund: RefundRequest, order: _Order) -> list[tuple[_Payment, Money]]:
        """The total by the ways the money came, the oldest first. Raises Rejected."""
        found, rest = [], refund.total.amount
        for payment in order.payments:
            part = min(rest, payment.left)
            if part > 0:
                found.append((payment, Money(part, order.currency)))
                rest -= part
        if rest:
            left = Money(sum(one.left for one in order.payments), order.currency)
            raise self._no(
                f"{refund.total} is more than the {left} that was received and not paid back",
                documents.REFUND_CREATE.name,
                "more_than_paid",
            )
        return found

    # --- reading

    def _money(self, order: str) -> Node | None:
        told = {"id": mapping.order_gid(order), "returns": self._returns}
        found: Node | None = self._client.read(documents.ORDER_MONEY, told)["order"]
        return found

    def _read(self, refund: RefundRequest, operation: str) -> _Order:
        told = self._own_currency(self._money(refund.order), operation)
        currency = str(told["currencyCode"])
        if {refund.total.currency, refund.shipping.currency} != {currency}:
            raise self._no(
                f"{refund.total} is not in the shop's currency, {currency}",
                operation,
                "other_currency",
            )
        try:
            return _Order(
                str(told["id"]),
                currency,
                _payments(told["transactions"]),
                tuple(told["refunds"]),
            )
        except Unreadable as problem:
            raise self._no(str(problem), operation, "unreadable") from None

    def _own_currency(self, order: Node | None, operation: str) -> Node:
        """Of an order in the shop's currency alone.

        Shopify pays back in what the buyer paid in and converts by its own rate of the day: a sum
        in the shop's currency cannot be asked for to the cent.
        """
        if order is None:
            raise self._no("there is no such order", operation, "order_not_found")
        paid, own = order["presentmentCurrencyCode"], order["currencyCode"]
        if paid != own:
            raise self._no(
                f"the buyer paid in {paid} and the shop counts in {own}: pay it back by hand there",
                operation,
                "other_currency",
            )
        return order

    def _suggested(
        self, order: str, units: Mapping[str, int], *, restock: str = "NO_RESTOCK"
    ) -> dict[str, Any]:
        rows = [
            {"lineItemId": line, "quantity": quantity, "restockType": restock}
            for line, quantity in units.items()
        ]
        data = self._client.read(documents.SUGGESTED_REFUND, {"id": order, "lines": rows})
        found: dict[str, Any] | None = (data["order"] or {}).get("suggestedRefund")
        if found is None:
            raise self._no(
                "nothing can be paid back on it", documents.SUGGESTED_REFUND.name, "more_than_left"
            )
        return found

    def _paid(self, refund: Node) -> RemoteRef:
        """Its id, unless its money did not move. Raises Rejected."""
        if mapping_returns.has_failed(refund):
            raise self._no(
                f"{refund['id']} was made, but its payment failed",
                documents.REFUND_CREATE.name,
                "transaction_failed",
            )
        return str(refund["id"])

    def _no(self, words: str, operation: str, code: str) -> Rejected:
        return Rejected(words, connector=self._name, operation=operation, code=code)

    def _in_doubt(self, words: str, operation: str) -> UnknownOutcome:
        return UnknownOutcome(words, connector=self._name, operation=operation)


def _payments(transactions: Sequence[Node]) -> tuple[_Payment, ...]:
    """What was received, less what went back of each; a refund under way counts as gone."""
    back: Counter[str] = Counter()
    for one in transactions:
        if one["kind"] == "REFUND" and one["status"] not in mapping_returns.NOT_PAID:
            parent = (one["parentTransaction"] or {}).get("id", "")
            back[parent] += values.shop_money(one, "amountSet").amount
    return tuple(
        _Payment(
            str(one["id"]),
            str(one["gateway"] or ""),
            max(0, values.shop_money(one, "amountSet").amount - back[one["id"]]),
        )
        for one in transactions
        if one["kind"] in ("SALE", "CAPTURE") and one["status"] == "SUCCESS"
    )


def _by_key(refunds: Sequence[Node], key: Key) -> Node | None:
    return next((one for one in refunds if mapping_returns.key_in(one["note"]) == key), None)


def _still_to_end(wanted: Cancellation, left: Mapping[str, Node]) -> dict[str, int]:
    """Line -> units that are still to be taken off, of what is left of it there."""
    units = {line: int(left[line]["currentQuantity"]) for line in wanted.lines}
    for one in wanted.parts:
        more = int(left[one.line]["currentQuantity"]) - one.staying
        units[one.line] = max(0, min(one.quantity, more))
    return units


def _is_alike(made: Node, wanted: RefundRequest) -> bool:
    """A refund of the same return without a key of ours, of the same sum for the same units."""
    units: Counter[str] = Counter()
    for line in made["refundLineItems"]["nodes"]:
        units[line["lineItem"]["id"]] += line["quantity"]
    return (
        (made["return"] or {}).get("id") == wanted.return_remote_id
        and not mapping_returns.key_in(made["note"])
        and values.shop_money(made, "totalRefundedSet") == wanted.total
        and units == Counter({one.line: one.quantity for one in wanted.lines if one.quantity})
    )


def _quoted(suggested: Node, *, tax_included: bool) -> tuple[QuotedLine, ...]:
    found = []
    for one in suggested["refundLineItems"]:
        goods = values.shop_money(one, "subtotalSet")
        tax = values.shop_money(one, "totalTaxSet")
        if tax_included:
            goods = Money(goods.amount - tax.amount, goods.currency)
        found.append(QuotedLine(one["lineItem"]["id"], one["quantity"], goods, tax))
    return tuple(found)


def _shipping_left(suggested: Node) -> Money:
    """All of it was suggested, so what is suggested is what is left."""
    shipping = suggested["shipping"]
    return values.shop_money(shipping, "amountSet") + values.shop_money(shipping, "taxSet")


def _decimal(money: Money) -> str:
    places = exponent(money.currency)
    return f"{Decimal(money.amount).scaleb(-places):.{places}f}"


def _money_input(money: Money) -> dict[str, str]:
    return {"amount": _decimal(money), "currencyCode": money.currency}
