"""Webhooks: what a shop calls its subscribers with. Twice, late or in another order, when it is told to.

Headers and signature: reference/shopify/FACTS.md, D. Payloads are REST-shaped there; only what tells
which record it is about is in ours.
"""

from __future__ import annotations

import base64
import hmac
import json
import queue
import threading
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx

from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import Order, Record

#: Shopify waits so many real seconds for an answer.
PATIENCE = 5.0


@dataclass
class Delivery:
    """One call. The same `webhook_id` again is the same delivery again."""

    topic: str
    webhook_id: str
    body: bytes
    #: HTTP statuses answered, 0 where nobody did
    answers: list[int] = field(default_factory=list)


class Webhooks:
    """One subscriber of all topics. Deliveries leave in a thread; what fails is not sent again."""

    def __init__(self, shop: Shop, *, secret: str, address: str, twice: bool = False) -> None:
        """`twice`: everything is sent again, after what comes next.

        Shopify refuses addresses that are not https; this is for receivers on this machine.
        """
        self._shop = shop
        self._secret = secret
        self._address = address
        self._twice = twice
        self._held: Delivery | None = None
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self.sent: list[Delivery] = []
        threading.Thread(target=self._deliver, name="webhooks", daemon=True).start()

    def changed(self, record: Record) -> None:
        """A record changed in the shop."""
        if not isinstance(record, Order):
            return
        topic = "orders/cancelled" if record.cancelled_at else "orders/updated"
        if record.created_at == record.updated_at and not record.cancelled_at:
            topic = "orders/create"
        body = {
            "id": int(record.legacy_resource_id),
            "admin_graphql_api_id": record.id,
            "updated_at": record.updated_at.isoformat(),
        }
        self._shop.counts["webhooks"] += 1
        number = f"00000000-0000-4000-8000-{self._shop.counts['webhooks']:012d}"
        made = Delivery(topic, number, json.dumps(body).encode())
        self._queue.put(made)
        if self._twice:
            if self._held is not None:
                self._queue.put(self._held)
            self._held = made

    def headers(self, delivery: Delivery) -> dict[str, str]:
        signed = hmac.new(self._secret.encode(), delivery.body, sha256).digest()
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": delivery.topic,
            "X-Shopify-Hmac-Sha256": base64.b64encode(signed).decode(),
            "X-Shopify-Shop-Domain": f"{self._shop.name}.myshopify.com",
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": delivery.webhook_id,
        }

    def settle(self) -> list[Delivery]:
        """Wait until everything was delivered; what was."""
        self._queue.join()
        return self.sent

    def stop(self) -> None:
        self._queue.put(None)

    def _deliver(self) -> None:
        with httpx.Client(timeout=PATIENCE) as http:
            while (one := self._queue.get()) is not None:
                try:
                    answer = http.post(self._address, content=one.body, headers=self.headers(one))
                    one.answers.append(answer.status_code)
                except httpx.HTTPError:
                    one.answers.append(0)
                self.sent.append(one)
                self._queue.task_done()
            self._queue.task_done()


def told(deliveries: list[Delivery]) -> list[dict[str, Any]]:
    """For the books."""
    return [
        {"topic": one.topic, "id": one.webhook_id, "answers": list(one.answers)}
        for one in deliveries
    ]
