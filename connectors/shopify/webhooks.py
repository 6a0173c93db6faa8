"""What Shopify calls us with: who sent it, and what it means there is to do.

Nothing of a payload is used. Deliveries come twice, late, in any order, or not at all
(reference/shopify/FACTS.md, D), so they only hurry the pulls that find out.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256

#: Topic -> the flows that have work then.
TOPICS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/edited",
            "orders/risk_assessment_changed", "fulfillments/create", "fulfillments/update",
            "fulfillment_orders/moved", "fulfillment_orders/hold_released",
            "fulfillment_orders/placed_on_hold", "disputes/create", "disputes/update",
        ),
        frozenset({"orders"}),
    ),
    # What comes back or is paid back takes units out of its order, or brings others in.
    **dict.fromkeys(
        (
            "refunds/create", "returns/request", "returns/approve", "returns/update",
            "returns/process", "returns/close", "returns/reopen", "returns/decline",
            "returns/cancel", "reverse_deliveries/attach_deliverable",
        ),
        frozenset({"orders", "returns"}),
    ),
    **dict.fromkeys(("products/create", "products/update", "products/delete"), frozenset({"listings"})),
    "inventory_levels/update": frozenset({"stock"}),
    "bulk_operations/finish": frozenset({"bulk"}),
    # The next pull is refused, and that is told as what it is.
    "app/uninstalled": frozenset({"orders"}),
}  # fmt: skip


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether one of the secrets signed exactly these bytes (base64 of HMAC-SHA256)."""
    given = signature.encode("ascii", "replace")
    found = False
    for secret in secrets:
        wanted = base64.b64encode(hmac.new(secret.encode(), body, sha256).digest())
        found |= hmac.compare_digest(wanted, given)
    return found


def flows(topic: str) -> frozenset[str]:
    return TOPICS.get(topic.strip().lower(), frozenset())
