"""A 3PL on loopback with an API of its own design: the worked example of config/example.yaml.

It takes an order under the customer's reference, and keeps two where the same reference comes with
another body; its search lags behind. It is as dumb as real ones: what is ordered twice is shipped
twice, unless it is told to look at the references.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.journeys import ups_number
from connectors.simulation import (
    HTTP_FAULTS,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

TOKEN = "simulated-token"


@dataclass
class Order:
    id: str
    reference: str
    items: dict[str, int]
    address: dict[str, Any]
    received_at: datetime
    answer_at: datetime
    ship_at: datetime
    #: received -> accepted -> shipped, or cancelled
    state: str = "received"
    reason: str = ""
    parcels: list[dict[str, Any]] = field(default_factory=list)


class FulfillerSimulator(HttpSimulator):
    """`stock` is what it has (None: whatever is asked for); delays are (least, most) clock seconds."""

    kind: ClassVar[str] = "fulfiller"
    fault_kinds: ClassVar[Mapping[str, str]] = HTTP_FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        stock: Mapping[str, int] | None = None,
        unique: bool = False,
        search_lag: float = 5.0,
        accept_after: tuple[float, float] = (60.0, 180.0),
        ship_after: tuple[float, float] = (1800.0, 7200.0),
        on_ship: Callable[[str, datetime], None] | None = None,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self._stock = None if stock is None else dict(stock)
        #: a reference is taken once: 409
        self._unique = unique
        self._search_lag = timedelta(seconds=search_lag)
        self._accept_after, self._ship_after = accept_after, ship_after
        self._on_ship = on_ship
        self._random = random.Random(f"{seed} fulfiller")
        self._orders: dict[str, Order] = {}
        self._parcels = self._random.randrange(1_000_000)
        self._held = False
        self._subscriber: tuple[Callable[[dict[str, str], bytes], object], str] | None = None

    def subscribe(self, send: Callable[[dict[str, str], bytes], object], secret: str) -> None:
        """Call with headers and body at each change of an order, signed."""
        self._subscriber = (send, secret)

    def _call(self, one: Order) -> None:
        if self._subscriber is None:
            return
        send, secret = self._subscriber
        told = {"event": f"order.{one.state}", "order": {"id": one.id, "reference": one.reference}}
        body = json.dumps(told).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        send({"X-Cedar-Signature": f"sha256={digest}"}, body)

    def operation(self, request: Request) -> str:
        if request.method == "POST":
            return "cancelOrder" if request.path.endswith("/cancel") else "createOrder"
        return "searchOrders" if request.query else "getOrder"

    def answer(self, request: Request, operation: str) -> Response:
        token = request.headers.get("authorization", "")
        if not hmac.compare_digest(token, f"Bearer {TOKEN}"):
            return Response.json({"error": "who are you?"}, status=401)
        self.live()
        if operation == "createOrder":
            return self._create(request.json())
        if operation == "searchOrders":
            return self._search(request.query.get("reference", [""])[0])
        name = request.path.removesuffix("/cancel").rsplit("/", 1)[-1]
        found = self._orders.get(name)
        if found is None:
            return Response.json({"error": "no such order"}, status=404)
        if operation == "cancelOrder":
            if found.state == "shipped":
                return Response.json({"error": "it is on its way"}, status=409)
            found.state, found.reason = "cancelled", "on request"
            return Response.json(
                {"order": self._told(found)}, took_effect=True, subject=found.reference
            )
        return Response.json({"order": self._told(found)})

    def _create(self, body: dict[str, Any]) -> Response:
        items = {one["sku"]: int(one["quantity"]) for one in body.get("items", [])}
        reference = str(body.get("reference", ""))
        if not items or not reference or not body.get("recipient", {}).get("postal_code"):
            return Response.json({"error": "reference, items and recipient are needed"}, status=422)
        if self._unique and any(one.reference == reference for one in self._orders.values()):
            return Response.json({"error": "this reference is taken"}, status=409)
        now = self.clock.now()
        answer_at = now + self._delay(self._accept_after)
        made = Order(
            f"C{len(self._orders) + 1:06d}", reference, items, body["recipient"], now, answer_at,
            answer_at + self._delay(self._ship_after),
        )  # fmt: skip
        self._orders[made.id] = made
        return Response.json(
            {"order": self._told(made)}, status=201, took_effect=True, subject=reference
        )

    def _search(self, reference: str) -> Response:
        shown = self.clock.now() - self._search_lag
        found = [
            self._told(one)
            for one in self._orders.values()
            if one.reference == reference and one.received_at <= shown
        ]
        return Response.json({"orders": found})

    def _told(self, one: Order) -> dict[str, Any]:
        return {
            "id": one.id,
            "reference": one.reference,
            "status": one.state,
            "reason": one.reason,
            "parcels": one.parcels,
        }

    def live(self) -> None:
        """Do everything that is due at the clock's instant."""
        with self.lock:
            now = self.clock.now()
            for one in self._orders.values():
                if one.state == "received" and now >= one.answer_at and not self._held:
                    self._decide(one)
                    self._call(one)
                if one.state == "accepted" and now >= one.ship_at and not self._held:
                    self._ship(one, now)
                    self._call(one)

    def _decide(self, one: Order) -> None:
        if self._stock is not None:
            short = [sku for sku, units in one.items.items() if self._stock.get(sku, 0) < units]
            if short:
                one.state, one.reason = "cancelled", f"out of stock: {', '.join(short)}"
                return
            for sku, units in one.items.items():
                self._stock[sku] -= units
        one.state = "accepted"

    def _ship(self, one: Order, now: datetime) -> None:
        one.state = "shipped"
        self._parcels += 1
        tracking = ups_number("CEDAR0", self._parcels)
        one.parcels.append(
            {
                "tracking_number": tracking,
                "carrier": "UPS",
                "service": "Ground",
                "shipped_at": now.isoformat(),
                "items": [{"sku": sku, "quantity": units} for sku, units in one.items.items()],
            }
        )
        if self._on_ship:
            self._on_ship(tracking, now)

    def _delay(self, span: tuple[float, float]) -> timedelta:
        return timedelta(seconds=self._random.uniform(*span))

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """What a person there does: {"set_stock": {sku: n}}, {"hold": bool} (nothing moves on),
        {"ship": reference} (whatever is held), {"cancel": reference, "reason": ...} (an order that
        is not shipped)."""
        match order:
            case {"set_stock": dict() as levels}:
                self._stock = dict(self._stock or {}) | {s: int(n) for s, n in levels.items()}
            case {"hold": bool() as held}:
                self._held = held
            case {"ship": str() as reference}:
                for one in self._orders.values():
                    if one.reference == reference and one.state == "accepted":
                        self._ship(one, self.clock.now())
                        self._call(one)
            case {"cancel": str() as reference}:
                for one in self._orders.values():
                    if one.reference == reference and one.state != "shipped":
                        one.state, one.reason = "cancelled", str(order.get("reason", "cancelled"))
            case _:
                raise ValueError("set_stock, hold, ship or cancel is expected")
        return {"done": order}

    def books(self) -> dict[str, Any]:
        """Every order ever taken, and what was sent."""
        with self.lock:
            return {
                "orders": [
                    {**self._told(one), "items": dict(one.items), "address": dict(one.address)}
                    for one in self._orders.values()
                ]
            }
