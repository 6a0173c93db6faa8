"""Canceling an order at Shopify: accepted at once, done by a job a little later, irreversible.

`orderCancel` has no idempotency key; the order itself tells whether it is canceled, and an order
that is being canceled refuses a second time (FACTS 8; reference/shopify).
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.shopify import documents
from connectors.shopify.client import Client
from core.errors import Rejected
from core.model.orders import CancelReason
from core.ports import RemoteRef

#: Our reasons as OrderCancelReason.
REASONS: Mapping[CancelReason, str] = {
    CancelReason.OUT_OF_STOCK: "INVENTORY",
    CancelReason.BUYER: "CUSTOMER",
    CancelReason.FRAUD: "FRAUD",
    CancelReason.PAYMENT: "DECLINED",
    CancelReason.OTHER: "OTHER",
}
#: Words of a refusal that say that it is done, or on its way.
_DONE = ("already been canceled", "already in progress")


class Cancellations:
    """Cancellations of one shop."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client

    def push(self, order: str, reason: CancelReason) -> RemoteRef:
        """Cancel and refund all of it. The job's gid. Raises Rejected with Shopify's words."""
        # What is out of stock was never there to be put back.
        restock = reason is not CancelReason.OUT_OF_STOCK
        told = self._client.write(
            documents.ORDER_CANCEL,
            {"id": _gid(order), "reason": REASONS[reason], "restock": restock},
        )["orderCancel"]
        errors = told["orderCancelUserErrors"]
        if not errors:
            return str((told["job"] or {}).get("id", ""))
        words = "; ".join(str(one["message"]) for one in errors)
        if any(done in words for done in _DONE):
            return "canceled before"
        raise Rejected(
            words, connector=self._name, operation="cancel order", code=str(errors[0]["code"])
        )

    def find(self, order: str) -> bool:
        """Whether it is canceled. Raises Rejected where there is no such order."""
        found = self._client.read(documents.ORDER_CANCELED, {"id": _gid(order)})["order"]
        if found is None:
            raise Rejected("there is no such order", connector=self._name, operation="read order")
        return found["cancelledAt"] is not None


def _gid(order: str) -> str:
    return order if order.startswith("gid://") else f"gid://shopify/Order/{order}"
