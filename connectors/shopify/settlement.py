"""A Shopify return and its units: what is left to process, what it is worth, processing it.

`returnProcess` takes units of return lines, says what became of each (here always NOT_RESTOCKED:
our own figures do the restocking) and moves the money in the same step. It has no idempotency key;
units that were processed cannot be processed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.shopify import documents, values
from connectors.shopify.client import Client
from connectors.shopify.walks import Node
from core.errors import Rejected, UnknownOutcome
from core.model.money import Money
from core.model.returns import QuotedLine, RefundRequest

#: ReturnErrorCode values under which some of it may have been done all the same.
_IN_DOUBT = frozenset({"INTERNAL_ERROR", "NOTIFICATION_FAILED"})


@dataclass(frozen=True, slots=True)
class _Line:
    """Units of one parcel's line that come back."""

    id: str
    #: the order line's gid
    line: str
    parcel_line: str
    processable: int


@dataclass(frozen=True, slots=True)
class _Open:
    """A return: its lines, and units waiting to be disposed of, by id of their row."""

    lines: tuple[_Line, ...]
    #: row id -> (parcel line, units)
    waiting: Mapping[str, tuple[str, int]]


class Settlement:
    """Returns of one shop, one at a time."""

    def __init__(self, client: Client, *, name: str) -> None:
        self._client = client
        self._name = name

    def quote(
        self, return_id: str, units: Mapping[str, int], *, tax_included: bool
    ) -> tuple[QuotedLine, ...]:
        """What units of these order lines are worth, by the return itself. Raises Rejected."""
        operation = documents.RETURN_OUTCOME.name
        state = self._read(return_id, operation)
        return tuple(
            self._worth(return_id, line, quantity, state, tax_included)
            for line, quantity in units.items()
        )

    def _worth(
        self, return_id: str, line: str, quantity: int, state: _Open, tax_included: bool
    ) -> QuotedLine:
        rows = [
            {"id": one.id, "quantity": taken}
            for one, taken in self._pick(state, line, quantity, documents.RETURN_OUTCOME.name)
        ]
        # Asked line by line: the outcome of several is told in one sum.
        data = self._client.read(documents.RETURN_OUTCOME, {"id": return_id, "lines": rows})
        outcome = (data["return"] or {}).get("suggestedFinancialOutcome")
        if outcome is None:
            raise self._no(
                "Shopify suggests nothing for it", documents.RETURN_OUTCOME.name, "not_open"
            )
        goods = values.shop_money(outcome, "discountedSubtotal")
        tax = values.shop_money(outcome, "totalTax")
        if tax_included:
            goods = Money(goods.amount - tax.amount, goods.currency)
        return QuotedLine(line, quantity, goods, tax)

    def process(self, refund: RefundRequest, asked: Mapping[str, Any]) -> list[Node]:
        """Process the refund's units, with the money that `asked` moves; the return's refunds now.

        Raises Rejected (return_not_found, not_open, more_than_returned, or Shopify's code),
        UnknownOutcome, and what the client raises.
        """
        operation = documents.RETURN_PROCESS.name
        state = self._read(refund.return_remote_id, operation)
        rows = [
            {
                "id": line.id,
                "quantity": taken,
                "dispositions": list(_dispositions(state, line, taken)),
            }
            for wanted in refund.lines
            if wanted.quantity
            for line, taken in self._pick(state, wanted.line, wanted.quantity, operation)
        ]
        wish = {"returnId": refund.return_remote_id, "returnLineItems": rows, **asked}
        told = self._client.write(documents.RETURN_PROCESS, {"input": wish, "returns": True})[
            "returnProcess"
        ]
        if told is None:
            raise UnknownOutcome(
                "an answer without a result", connector=self._name, operation=operation
            )
        errors = told["userErrors"]
        if not errors:
            return list(((told["return"] or {}).get("refunds") or {}).get("nodes") or ())
        words = "; ".join(str(one["message"]) for one in errors)[:300]
        codes = {str(one["code"] or "") for one in errors}
        if codes & _IN_DOUBT:
            raise UnknownOutcome(words, connector=self._name, operation=operation)
        raise self._no(words, operation, min(codes))

    def _pick(
        self, state: _Open, line: str, quantity: int, operation: str
    ) -> list[tuple[_Line, int]]:
        """Rows of the return that hold so many units of an order line. Raises Rejected."""
        found, left = [], quantity
        for one in state.lines:
            taken = min(left, one.processable) if one.line == line else 0
            if taken:
                found.append((one, taken))
                left -= taken
        if left:
            raise self._no(
                f"{quantity} of {line}: only {quantity - left} are left to settle in the return",
                operation,
                "more_than_returned",
            )
        return found

    def _read(self, return_id: str, operation: str) -> _Open:
        lines: list[_Line] = []
        after: str | None = None
        while True:
            told = self._client.read(documents.RETURN_OPEN, {"id": return_id, "after": after})[
                "return"
            ]
            if told is None:
                raise self._no("there is no such return", operation, "return_not_found")
            if told["status"] != "OPEN":
                raise self._no(f"the return is {told['status']}", operation, "not_open")
            lines += _lines(told["returnLineItems"]["nodes"])
            page = told["returnLineItems"]["pageInfo"]
            if not page["hasNextPage"]:
                return _Open(tuple(lines), dict(_waiting(told)))
            after = page["endCursor"]

    def _no(self, words: str, operation: str, code: str) -> Rejected:
        return Rejected(words, connector=self._name, operation=operation, code=code)


def _lines(nodes: list[Node]) -> Iterator[_Line]:
    for node in nodes:
        parcel = node.get("fulfillmentLineItem") or {}
        if parcel:  # an unverified line names no units of the order
            yield _Line(
                node["id"], parcel["lineItem"]["id"], parcel["id"], node["processableQuantity"]
            )


def _waiting(told: Node) -> Iterator[tuple[str, tuple[str, int]]]:
    for reverse in told["reverseFulfillmentOrders"]["nodes"]:
        for row in reverse["lineItems"]["nodes"]:
            parcel = (row["fulfillmentLineItem"] or {}).get("id", "")
            done = sum(one["quantity"] for one in row["dispositions"])
            yield row["id"], (parcel, row["totalQuantity"] - done)


def _dispositions(state: _Open, line: _Line, quantity: int) -> Iterator[dict[str, Any]]:
    """Not restocked there. Units that somebody disposed of already are left as they are."""
    for row, (parcel, units) in state.waiting.items():
        taken = min(quantity, units) if parcel == line.parcel_line else 0
        if taken > 0:
            yield {
                "reverseFulfillmentOrderLineItemId": row,
                "quantity": taken,
                "dispositionType": "NOT_RESTOCKED",
            }
            quantity -= taken
