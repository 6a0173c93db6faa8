"""A connector of each kind with its simulator, on a clock that only tests move.

A new connector folder needs a rig here: the contract tests find connectors through the registry
and fail by name for one that has none.
"""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from connectors import registry
from connectors.amazon import queue
from connectors.amazon.simulator import AmazonSimulator
from connectors.amazon.simulator.notifications import order_change
from connectors.amazon.simulator.outbound_state import OutboundPace
from connectors.amazon.simulator.queue import QueueSimulator
from connectors.dhl.simulator import DhlSimulator
from connectors.easypost.simulator import EasypostSimulator
from connectors.edi.simulator import EdiSimulator
from connectors.email.simulator import SmtpSimulator
from connectors.fedex.simulator import FedexSimulator
from connectors.fulfiller.simulator import TOKEN, FulfillerSimulator
from connectors.seventeen_track.simulator import SeventeenTrackSimulator
from connectors.shopify.simulator import ShopifySimulator
from connectors.simulation import Simulator
from connectors.supplier_email.simulator import OrderDesk, ReminderMail
from connectors.supplier_file.mail_simulator import MailboxSimulator
from connectors.supplier_file.simulator import SupplierSimulator
from connectors.ups.simulator import UpsSimulator
from connectors.usps.simulator import UspsSimulator
from core.model.fulfillment import ConfirmedLine, Shipment
from core.model.money import Money
from core.model.orders import Order
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.model.returns import ReturnStep
from core.ports import AnswerPages, Connector
from core.rules.effects import short_key
from jobs.clock import ManualClock

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TRACKING = "1Z999AA10123456784"
SKU = "MUG-BLUE"
UNITS = 20


class Inside:
    """Buckets that are honest on the clock, and one lock per name."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._levels: dict[str, tuple[float, datetime]] = {}
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)

    @property
    def rates(self) -> Inside:
        return self

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        level, at = self._levels.get(bucket, (burst, self.clock.now()))
        passed = (self.clock.now() - at).total_seconds()
        level = min(burst, level + passed * rate) - cost
        self._levels[bucket] = (level, self.clock.now())
        return max(0.0, -level / rate)

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None:
        self._levels[bucket] = (available, self.clock.now())

    def lock(self, name: str) -> contextlib.AbstractContextManager[object]:
        return self._locks[name]


class Rig(ABC):
    """What the contracts need to know of a remote beyond its connector."""

    #: clock seconds until what was done there can be seen from outside
    settle = 0.0

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.clock = ManualClock(NOON)
        self.simulator = self.start()
        settings = registry.settings_of(kind).model_validate(self.settings())
        self.connector: Any = registry.connect(kind, "it", settings, Inside(self.clock))

    @abstractmethod
    def start(self) -> Simulator:
        """The remote, stocked and listening."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The connection to it."""

    def close(self) -> None:
        self.connector.close()
        self.simulator.stop()

    def pass_time(self, seconds: float | None = None) -> None:
        self.clock.advance(self.settle if seconds is None else seconds)

    # Of remotes that count for us:

    #: what it calls the places it counts, where it counts several
    places: tuple[str, ...] = ()

    def stock_up(self) -> None:
        """The remote has UNITS of SKU to count."""
        raise NotImplementedError

    def recount(self, units: int) -> None:
        """It counts again, and finds so many."""
        raise NotImplementedError

    # Of remotes that call us:

    #: the flow that finds out what a call is about
    hurried = "orders"

    def call(self) -> tuple[dict[str, str], bytes]:
        """How it calls when something changed: headers in small letters, and the body."""
        raise NotImplementedError("this remote calls nobody")

    # Of remotes that ship for us:

    def shippable(self) -> str:
        """What it calls a thing that it can be asked to ship two of."""
        return SKU

    def received(self, key: str) -> int:
        """How often it got a request under this key."""
        raise NotImplementedError

    # Of remotes that receive goods for us:

    def send(self, units: int) -> str:
        """We announce a shipment of so many units of a thing to it; its id there."""
        raise NotImplementedError

    def receive(self, ref: str, units: int, *, close: bool) -> None:
        """It books in so many more, and expects nothing more where it closes the shipment."""
        raise NotImplementedError

    def call_off(self, ref: str) -> None:
        """The shipment will not come."""
        raise NotImplementedError


class ChannelRig(Rig):
    """A place that sells."""

    #: the operation, or a pattern of it, that cancels an order there
    cancel_call = "*ancel*"

    def sell(self, *, quantity: int = 1) -> str:
        """A buyer orders; the order's name."""
        line = {"sku": SKU, "quantity": quantity}
        placed = self.simulator.place_order({"lines": [line]})
        return str(placed.get("name") or placed["id"])

    @abstractmethod
    def tracking_numbers(self, order: Order) -> list[str]:
        """Parcels of the order, as the remote's own books show them."""

    # Of places that take back and pay back:

    #: whether what is pulled of a refund names our key and our return
    names_us = True
    #: pulls, one after the other, that one walk over returns takes, and seconds before each
    walk = (0.0,)

    def deliver(self, order: Order) -> None:
        """Whatever must be before money can go back."""

    def asked_back(self, order: Order, *, units: int) -> str:
        """It was shipped, and its buyer asks to send units of its first line back; the return's id."""
        raise NotImplementedError

    def do_there(self, return_id: str, step: ReturnStep) -> None:
        """A person there does the step."""
        raise NotImplementedError

    def lose_step(self, step: ReturnStep) -> None:
        """The next step of that kind is made there, and its answer is lost."""
        raise NotImplementedError

    def come_back(self, order: Order, *, units: int) -> str:
        """It was shipped, and units of its first line come back: approved; the return's id there."""
        raise NotImplementedError

    def pay_back(self, order: Order, *, units: int) -> None:
        """Somebody there pays units of the first line back."""
        raise NotImplementedError

    def paid_back(self, order: Order) -> list[tuple[str, int, int]]:
        """Each payment of its first line by its own books: (line, units, cents paid for all)."""
        raise NotImplementedError

    def lose_refund(self, *, of_return: bool) -> None:
        """The next refund is made there, and its answer is lost."""
        raise NotImplementedError

    def parcel(self, order: Order) -> Shipment:
        """All of the order in one parcel."""
        return Shipment(
            channel="it",
            order=order.remote_id,
            package_number=1,
            location="newark",
            carrier="ups",
            tracking_number=TRACKING,
            shipped_at=self.clock.now(),
            lines=tuple(ConfirmedLine(line.remote_id, line.current) for line in order.lines),
        )


class ShopifyRig(ChannelRig):
    simulator: ShopifySimulator
    #: past the margin a walk keeps from now
    settle = 30.0

    def start(self) -> Simulator:
        made = ShopifySimulator(clock=self.clock, seed=11)
        made.add_location("Main")
        for sku in (SKU, "TEAPOT", "TRAY"):
            made.add_product(sku, quantities={"Main": UNITS})
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "shopify",
            "shop": "demo.myshopify.com",
            "client_id": "simulated-client",
            "client_secret": "simulated-secret",
            "base_url": self.simulator.url,
            "page_size": 2,
            "returns": True,
        }

    @property
    def places(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.simulator.shop.locations)

    def call(self) -> tuple[dict[str, str], bytes]:
        # Nobody listens there: only what is sent is looked at.
        hooks = self.simulator.subscribe("http://127.0.0.1:9/hooks")
        self.sell()
        sent = hooks.settle()[0]
        return {name.lower(): value for name, value in hooks.headers(sent).items()}, sent.body

    def stock_up(self) -> None:
        """It has them already."""

    def recount(self, units: int) -> None:
        self.simulator.place_order({"set_quantity": {"sku": SKU, "quantity": units}})

    @property
    def item(self) -> str:
        """What it calls the thing it counts."""
        (found,) = [one for one in self.simulator.books()["quantities"] if one["sku"] == SKU]
        return str(found["inventory_item"])

    def standing(self) -> tuple[int, int, int]:
        """(available, reserved, on hand)."""
        (found,) = [one for one in self.simulator.books()["quantities"] if one["sku"] == SKU]
        return found["available"], found["reserved"], found["on_hand"]

    def lose_answers(self, operation: str) -> None:
        """The next call of it is carried out, and nobody hears of it."""
        rule = {"operation": operation, "kind": "lost-answer", "nth": 1, "probability": 0}
        self.simulator.faults.set([rule])

    def come_back(self, order: Order, *, units: int) -> str:
        made = self.asked_back(order, units=units)
        self.do_there(made, ReturnStep.APPROVE)
        return made

    def asked_back(self, order: Order, *, units: int) -> str:
        self.simulator.place_order({"fulfill": order.name})
        row = {"sku": SKU, "quantity": units, "reason": "too-small"}
        asked = self.simulator.place_order({"send_back": order.name, "lines": [row]})
        return str(asked["returns"][-1]["id"])

    def do_there(self, return_id: str, step: ReturnStep) -> None:
        deeds = {ReturnStep.CLOSE: "close_return", ReturnStep.CANCEL: "cancel_return"}
        self.simulator.place_order({deeds.get(step, str(step)): return_id})

    def lose_step(self, step: ReturnStep) -> None:
        self.lose_answers(f"Return{step.value.title()}")

    def pay_back(self, order: Order, *, units: int) -> None:
        rows = [{"sku": SKU, "quantity": units}]
        self.simulator.place_order({"pay_back": order.name, "lines": rows})

    def paid_back(self, order: Order) -> list[tuple[str, int, int]]:
        return [
            (row["line_item"], row["quantity"], round(float(refund["amount"]) * 100))
            for refund in self._entry(order)["refunds"]
            for row in refund["lines"]
            if row["line_item"] == order.lines[0].remote_id
        ]

    def lose_refund(self, *, of_return: bool) -> None:
        self.lose_answers("ReturnProcess" if of_return else "RefundCreate")

    def tracking_numbers(self, order: Order) -> list[str]:
        return [one["number"] for one in self._entry(order)["fulfillments"]]

    def _entry(self, order: Order) -> dict[str, Any]:
        entries: list[dict[str, Any]] = self.simulator.books()["orders"]
        (found,) = [one for one in entries if one["name"] == order.name]
        return found


class AmazonRig(ChannelRig):
    simulator: AmazonSimulator
    #: older than the 2 minutes searchOrders leaves out, and than any patch is applied after
    settle = 900.0
    cancel_call = "createFeed"

    def start(self) -> Simulator:
        # Nothing is accepted before the contracts look at it for the first time.
        pace = OutboundPace(
            receive=(960.0, 960.0), plan=(60.0,) * 2, pick=(60.0,) * 2, ship=(600.0,) * 2
        )
        made = AmazonSimulator(clock=self.clock, seed=7, outbound=pace)
        for sku in (SKU, "TEAPOT", "TRAY"):
            made.add_listing(sku, quantity=UNITS, price="10.00")
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "amazon",
            "seller_id": "A2LOCKSTEPDEMO",
            "lwa_app_id": "amzn1.application-oa2-client.simulated",
            "lwa_client_secret": "amzn1.oa2-cs.v1.simulated",
            "refresh_token": "Atzr|simulated",
            "secret_expires_on": "2027-05-01",
            "cancels_lines": True,
            "returns": True,
            **({"orders_queue": self._queue()} if queue.installed() else {}),
            "endpoint": self.simulator.url,
            "lwa_url": f"{self.simulator.url}/auth/o2/token",
        }

    def _queue(self) -> dict[str, str]:
        """The queue is another server, and listens from the first look on."""
        if not hasattr(self, "queue"):
            self.queue = QueueSimulator(clock=self.clock, seed=7)
            self.queue.start()
        return {
            "url": self.queue.queue_url,
            "region": "us-east-1",
            "access_key_id": "AKIASIMULATED",
            "secret_access_key": "simulated-secret",
        }

    def close(self) -> None:
        super().close()
        if hasattr(self, "queue"):
            self.queue.stop()

    def hint(self, order: str, *, duplicates: int = 0) -> None:
        """Amazon tells of an order; more than once, as it may."""
        message = order_change(self.simulator.account, order, now=self.clock.now())
        self.queue.send(message, duplicates=duplicates)

    def stock_up(self) -> None:
        self.simulator.add_listing("FBA", quantity=UNITS, channel="AMAZON_NA")

    def recount(self, units: int) -> None:
        self.simulator.place_order({"set_quantity": {"sku": "FBA", "quantity": units}})

    def shippable(self) -> str:
        if "FBA" not in self.simulator.account.listings:
            self.stock_up()
        return "FBA"

    def received(self, key: str) -> int:
        orders = self.simulator.books()["fulfillment_orders"]
        return sum(one["id"] == short_key(key) for one in orders)

    def inbound(self, **wish: Any) -> dict[str, Any]:
        return self.simulator.place_order({"inbound": wish})

    def send(self, units: int) -> str:
        return str(self.inbound(send={self.shippable(): units})["id"])

    def receive(self, ref: str, units: int, *, close: bool) -> None:
        self.inbound(receive=ref, units={"FBA": units})
        if close:
            self.inbound(move=ref, to="CLOSED")

    def call_off(self, ref: str) -> None:
        self.inbound(move=ref, to="DELETED")

    names_us = False
    #: it asks for reports, and reads them; an hour is between two of a kind
    walk = (3600.0, 900.0)

    def deliver(self, order: Order) -> None:
        self.connector.push_shipment(self.parcel(order), key=f"confirm:it:{order.remote_id}:1")
        self.pass_time(60)

    def come_back(self, order: Order, *, units: int) -> str:
        wish = {"send_back": order.remote_id, "sku": SKU, "quantity": units}
        return str(self.simulator.place_order(wish)["id"])

    def pay_back(self, order: Order, *, units: int) -> None:
        wish = {"pay_back": order.remote_id, "sku": SKU, "quantity": units}
        self.simulator.place_order(wish)
        self.pass_time()

    def paid_back(self, order: Order) -> list[tuple[str, int, int]]:
        """Its books know no units of an adjustment: what the cents are worth at the order's price."""
        return [
            (item["item_id"], round(item["total"] / 1000), item["total"])
            for refund in self.simulator.books()["refunds"]
            for item in refund["items"]
            if refund["order"] == order.remote_id and item["item_id"] == order.lines[0].remote_id
        ]

    def lose_refund(self, *, of_return: bool) -> None:
        rule = {"operation": "createFeed", "kind": "lost-answer", "nth": 1, "probability": 0}
        self.simulator.faults.set([rule])

    def tracking_numbers(self, order: Order) -> list[str]:
        entries = self.simulator.books()["orders"]
        (found,) = [one for one in entries if one["id"] == order.remote_id]
        return [one["tracking_number"] for one in found["packages"]]


class PartnerRig(Rig):
    """A place that takes our requests and purchase orders as files."""

    simulator: Any

    def pass_time(self, seconds: float | None = None) -> None:
        super().pass_time(seconds)
        self.simulator.live()

    def sftp(self) -> dict[str, Any]:
        """The way to its folders."""
        return {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": self.simulator.port,
            "username": self.simulator.username,
            "password": self.simulator.password,
            "host_key": self.simulator.host_key,
            "call_timeout": 5,
        }

    def hand_over(self, number: str, document: bytes) -> None:
        """A purchase order, all the way to where it is picked up."""
        self.connector.stage_purchase(number, document)
        self.connector.release_purchase(number)

    def hand_over_request(self, key: str, document: bytes) -> None:
        """The same of a request to ship."""
        self.connector.stage_request(key, document)
        self.connector.release_request(key)

    @abstractmethod
    def purchased(self, number: str) -> int:
        """How often it got this purchase order."""

    @abstractmethod
    def short(self, item: str, units: int) -> None:
        """It has no more of this item than so many."""

    @abstractmethod
    def bill(self, item: str, units: int) -> str:
        """It bills so many units at 2.50 USD; the number of our order."""


class EdiRig(PartnerRig):
    simulator: EdiSimulator
    settle = 60.0

    def start(self) -> Simulator:
        made = EdiSimulator(
            clock=self.clock,
            seed=7,
            autonomous=False,
            pick_up_every=1.0,
            answer_after=(60.0, 60.0),
            ship_after=(600.0, 600.0),
        )
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "edi",
            "transport": self.sftp(),
            "outbox": "orders",
            "inbox": {"path": "answers"},
            "us": {"id": "LOCKSTEP"},
            "them": {"id": "ACME"},
            "stable_after": 10.0,
        }

    def received(self, key: str) -> int:
        return self.purchased(short_key(key))

    def purchased(self, number: str) -> int:
        found = self.simulator.books()["orders"].get(number)
        return int(found["count"]) if found else 0

    def short(self, item: str, units: int) -> None:
        self.simulator.place_order({"set_stock": {item: units}})

    def bill(self, item: str, units: int) -> str:
        line = PurchaseLine(item, item, units, Money(250, "USD"))
        order = PurchaseOrder("PO-20261124-0A0A0A0A", "acme", "warehouse", (line,), NOON)
        self.hand_over(order.number, self.connector.purchase_document(order, serial=1))
        for _ in range(3):
            self.pass_time(600)
        return order.number

    def receipts(self) -> int:
        """How many of our receipts it read."""
        return len(self.simulator.books()["receipts"])


class FulfillerRig(Rig):
    simulator: FulfillerSimulator
    #: longer than its search lags
    settle = 60.0

    def start(self) -> Simulator:
        made = FulfillerSimulator(
            clock=self.clock, seed=7, accept_after=(120.0, 120.0), ship_after=(600.0, 600.0)
        )
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return cedar(self.simulator.url)

    hurried = "statuses"

    def call(self) -> tuple[dict[str, str], bytes]:
        calls: list[tuple[dict[str, str], bytes]] = []
        self.simulator.subscribe(lambda *one: calls.append(one), CALL_SECRET)
        asked = {"reference": "R", "items": [{"sku": SKU, "quantity": 1}]}
        order = {**asked, "recipient": {"postal_code": "07470"}}
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = httpx.post(f"{self.simulator.url}/orders", json=order, headers=headers)
        assert answer.status_code == 201
        self.pass_time(120)
        self.simulator.live()
        sent, body = calls[0]
        return {name.lower(): value for name, value in sent.items()}, body

    def received(self, key: str) -> int:
        """How often it took an order under this key."""
        return sum(one["reference"] == key for one in self.simulator.books()["orders"])


CALL_SECRET = "simulated-call-secret"


def cedar(url: str, token: str = TOKEN) -> dict[str, Any]:
    """The worked example of config/example.yaml, spoken to on loopback."""
    tree = yaml.safe_load((ROOT / "config" / "example.yaml").read_text())["connections"]["cedar"]
    for name in ("signature", "ca_file"):
        del tree[name]
    tree["hook"]["secret"] = CALL_SECRET
    return {**tree, "base_url": url, "headers": {"Authorization": f"Bearer {token}"}}


class SupplierRig(PartnerRig):
    simulator: SupplierSimulator
    #: longer than a file must stand still
    settle = 60.0

    def start(self) -> Simulator:
        made = SupplierSimulator(
            clock=self.clock,
            seed=7,
            stock={SKU: UNITS},
            autonomous=False,
            pick_up_every=1.0,
            acknowledge_after=(60.0, 60.0),
            ship_after=(600.0, 600.0),
            publish_every=1e9,
        )
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "supplier_file",
            "transport": self.sftp(),
            "folders": {
                "stock_in": {"path": "stock"},
                "requests_out": "requests",
                "acknowledgments_in": {"path": "acknowledgments"},
                "shipments_in": {"path": "shipments"},
                "purchases_out": "purchases",
                "purchase_answers_in": {"path": "purchase-answers"},
                "invoices_in": {"path": "invoices"},
            },
            "location": "acme",
            "stable_after": 10.0,
        }

    def stock_up(self) -> None:
        self.simulator.live()

    def recount(self, units: int) -> None:
        self.simulator.place_order({"set_stock": {SKU: units}})
        self.simulator.place_order({"publish": True})

    def received(self, key: str) -> int:
        found = self.simulator.books()["requests"].get(key)
        return int(found["count"]) if found else 0

    def purchased(self, number: str) -> int:
        found = self.simulator.books()["purchases"].get(number)
        return int(found["count"]) if found else 0

    def short(self, item: str, units: int) -> None:
        self.simulator.place_order({"short": {item: units}})

    def bill(self, item: str, units: int) -> str:
        number = "PO-20261124-0A0A0A0A"
        self.simulator.place_order({"bill": number, "item": item, "units": units, "price": "2.50"})
        return number


class CarrierRig(Rig):
    """Who tells where parcels are."""

    simulator: (
        UpsSimulator
        | UspsSimulator
        | FedexSimulator
        | DhlSimulator
        | EasypostSimulator
        | SeventeenTrackSimulator
    )

    def ship(self) -> str:
        """A parcel whose label was just made."""
        self.simulator.register(TRACKING, self.clock.now() - timedelta(seconds=1), story="")
        return TRACKING


class UpsRig(CarrierRig):
    simulator: UpsSimulator

    def start(self) -> Simulator:
        made = UpsSimulator(clock=self.clock, seed=7, transit=(86_400.0, 86_400.0))
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "ups",
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            "base_url": self.simulator.url,
            "account_number": self.simulator.desk.account_number,
        }


class UspsRig(CarrierRig):
    simulator: UspsSimulator

    def start(self) -> Simulator:
        made = UspsSimulator(
            clock=self.clock, seed=7, transit=(86_400.0, 86_400.0), late=timedelta(hours=1)
        )
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "usps",
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            "base_url": self.simulator.url,
        }


class FedexRig(CarrierRig):
    simulator: FedexSimulator

    def start(self) -> Simulator:
        made = FedexSimulator(clock=self.clock, seed=7, transit=(86_400.0, 86_400.0))
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "fedex",
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            "base_url": self.simulator.url,
        }


class DhlRig(CarrierRig):
    simulator: DhlSimulator

    def start(self) -> Simulator:
        made = DhlSimulator(clock=self.clock, seed=7, transit=(86_400.0, 86_400.0))
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "dhl",
            "api_key": self.simulator.api_key,
            "base_url": self.simulator.url,
        }


class EasypostRig(CarrierRig):
    simulator: EasypostSimulator

    def start(self) -> Simulator:
        made = EasypostSimulator(clock=self.clock, seed=7, transit=(86_400.0, 86_400.0))
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "easypost",
            "api_key": self.simulator.api_key,
            "base_url": self.simulator.url,
            "carriers": ["ontrac"],
        }


class SeventeenTrackRig(CarrierRig):
    simulator: SeventeenTrackSimulator

    def start(self) -> Simulator:
        made = SeventeenTrackSimulator(clock=self.clock, seed=7, transit=(86_400.0, 86_400.0))
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "seventeen_track",
            "token": self.simulator.token,
            "base_url": self.simulator.url,
            "carriers": ["yunexpress"],
        }


class EmailRig(Rig):
    simulator: SmtpSimulator

    def start(self) -> Simulator:
        made = SmtpSimulator(clock=self.clock, seed=7)
        made.start()
        return made

    def settings(self) -> dict[str, Any]:
        return {
            "type": "email",
            "host": "127.0.0.1",
            "port": self.simulator.port,
            "tls": "starttls",
            "username": self.simulator.username,
            "password": self.simulator.password,
            "sender": "alerts@shop.example",
            "ca_file": str(self.simulator.ca_file),
            "timeout": 5,
        }


class SupplierEmailRig(Rig):
    """A supplier's people, between a mail server and a mailbox."""

    simulator: SmtpSimulator

    def start(self) -> Simulator:
        made = SmtpSimulator(clock=self.clock, seed=7)
        made.start()
        self.mailbox = MailboxSimulator(
            clock=self.clock, seed=7, certificate=made.ca_file, key=made.key_file
        )
        self.mailbox.start()
        self.desk = OrderDesk(lambda: made.contents, self.mailbox.deliver, now=self.clock.now)
        self.short_of: dict[str, int] = {}
        self.answered: set[str] = set()
        return made

    def close(self) -> None:
        super().close()
        self.mailbox.stop()

    def settings(self) -> dict[str, Any]:
        return {
            "type": "supplier_email",
            "smtp": {
                "host": "127.0.0.1",
                "port": self.simulator.port,
                "username": self.simulator.username,
                "password": self.simulator.password,
                "sender": "purchasing@shop.example",
                "ca_file": str(self.simulator.ca_file),
                "timeout": 5,
            },
            "to": "orders@acme.example",
            "buyer": ["Example Shop LLC", "1 Main St", "Newark, NJ 07102"],
            "deliver_to": {"home": ["Example Shop Receiving", "9 Dock Rd", "Newark, NJ 07105"]},
            "replies": {
                "host": "127.0.0.1",
                "port": self.mailbox.port,
                "username": self.mailbox.username,
                "password": self.mailbox.password,
                "senders": ["orders@acme.example"],
                "ca_file": str(self.simulator.ca_file),
                "call_timeout": 5,
            },
        }

    def pass_time(self, seconds: float | None = None) -> None:
        """The desk answers what it has not answered, once, with what it has, and ships requests."""
        super().pass_time(seconds)
        for number in self.desk.books():
            if number.startswith("R-"):
                self._see_to(number, seconds or 0)
        day = (self.clock.now() + timedelta(days=10)).date().isoformat()
        for number, order in self.desk.books().items():
            if self.short_of:
                self.desk.answer_by_sheet(
                    number,
                    {
                        one["sku"]: (str(self.short_of.get(one["item"], one["quantity"])), day)
                        for one in order["lines"]
                    },
                )
        self.short_of = {}

    def _see_to(self, number: str, seconds: float) -> None:
        """It accepts after two minutes, and ships after twenty."""
        if seconds >= 120 and number not in self.answered:
            self.answered.add(number)
            self.desk.answer_in_words(number, "Accepted.\r\n\r\nThe desk")
        elif seconds >= 1200:
            (mail,) = [one for one in self.desk.mails() if one.number == number]
            parcel = {
                row["sku"]: ("UPS", "1Z999AA10123456784", row["quantity"]) for row in mail.rows
            }
            self.desk.ship_by_sheet(number, parcel)

    def hand_over(self, number: str, document: bytes) -> None:
        self.connector.submit_purchase(number, document, answer_at="")

    def hand_over_request(self, key: str, document: bytes) -> None:
        self.connector.mail_request(key, document, pages=AnswerPages())

    def received(self, key: str) -> int:
        return self.purchased(short_key(key))

    def purchased(self, number: str) -> int:
        """How often it got this purchase order."""
        return int(self.desk.books().get(number, {"count": 0})["count"])

    def page(self, number: str) -> str:
        """Where it was told to answer."""
        return next(one.page for one in self.desk.mails() if one.number == number)

    def reminders(self, number: str) -> list[ReminderMail]:
        """What reminded of this order, in its thread."""
        told = {one.message_id for one in self.desk.mails() if one.number == number}
        return [one for one in self.desk.reminders() if one.in_reply_to in told]

    def short(self, item: str, units: int) -> None:
        self.short_of[item] = units

    def lose_the_answer(self) -> None:
        self.simulator.faults.set([{"operation": "data", "kind": "lost-after-data", "nth": 1}])

    def refuse_for_now(self) -> None:
        self.simulator.faults.set([{"operation": "rcpt", "kind": "451", "nth": 1}])


RIGS: dict[str, Callable[[str], Rig]] = {
    "amazon": AmazonRig,
    "edi": EdiRig,
    "email": EmailRig,
    "seventeen_track": SeventeenTrackRig,
    "fulfiller": FulfillerRig,
    "shopify": ShopifyRig,
    "supplier_email": SupplierEmailRig,
    "supplier_file": SupplierRig,
    "dhl": DhlRig,
    "easypost": EasypostRig,
    "fedex": FedexRig,
    "ups": UpsRig,
    "usps": UspsRig,
}


def class_of(kind: str) -> type[Connector]:
    """The connector class of a folder: the one it defines and no other of its classes subclasses."""
    module = __import__(f"connectors.{kind}.connector", fromlist=["connect"])
    (found,) = [
        one
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, Connector)
        and one.__module__ == module.__name__
    ]
    return found


def kinds_with(capability: type[Connector]) -> list[str]:
    """Every connector that declares it."""
    return [kind for kind in registry.kinds() if issubclass(class_of(kind), capability)]


@contextlib.contextmanager
def rig_of(kind: str) -> Iterator[Any]:
    """The kind's rig, started. AssertionError that says what to do where there is none."""
    assert kind in RIGS, (
        f"connectors/{kind} has no rig: add one to tests/contracts/rigs.py, so that its "
        "capabilities are held to their contracts"
    )
    rig = RIGS[kind](kind)
    try:
        yield rig
    finally:
        rig.close()
