"""Every order in which asking, answering, shipping and changing one's mind can happen to one order.

A place that can be told not to ship, and one that cannot. However it goes: nothing is shipped that
was not asked for, the books are right, and what ships against the buyer's will is told.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import or_, select

from core.model.fulfillment import AcknowledgmentStatus, ShipRequest
from core.model.money import Money
from core.model.orders import Cancellation, CancelReason, OrderLine
from core.model.returns import Refund, RefundedLine
from core.ports import AskedFor, CancellationTarget, CheckReport, RequestService, RequestStatus
from jobs import cancel, cancellations, refunds, requests
from jobs.clock import ManualClock
from jobs.decide import decide_orders
from jobs.store.database import Database
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import cases, fulfillment_line, orders
from tests.jobs.builders import HOME, NOON, line, minutes, order
from tests.jobs.shop import Remote, Shop, open_shop

UNITS = 3


@dataclass
class Caller(RequestService):
    """A place that is called. `tells` whether it can be told not to ship."""

    tells: bool
    name: str = "home-files"
    #: key -> units of each Sku it was asked for
    asked: dict[str, dict[str, int]] = field(default_factory=dict)
    called_off: set[str] = field(default_factory=set)
    #: the same of what it shipped
    shipped: dict[str, dict[str, int]] = field(default_factory=dict)

    request_settle = timedelta(0)
    request_repeat_is_same = False
    can_find_requests = True
    ask_every = None

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        return json.dumps({one.sku: one.quantity for one in request.lines}).encode()

    def submit_request(self, key: str, document: bytes) -> str:
        assert key not in self.asked, "asked twice under one key"
        self.asked[key] = json.loads(document)
        return key

    def find_submitted(self, asked: AskedFor) -> str | None:
        return asked.key if asked.key in self.asked else None

    @property
    def can_cancel_requests(self) -> bool:
        return self.tells

    def cancel_request(self, asked: AskedFor) -> bool:
        if asked.key in self.shipped:
            return False
        self.called_off.add(asked.key)
        return True

    def request_status(self, asked: AskedFor) -> RequestStatus:
        return RequestStatus(None)

    def open(self, order: str) -> list[str]:
        over = self.called_off | set(self.shipped)
        return [key for key in self.asked if of_order(key, order) and key not in over]


class Channel(Remote, CancellationTarget):
    """A channel that cancels what it is told to."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.ended: set[str] = set()

    @property
    def cancels_lines(self) -> bool:
        return False

    @property
    def cancels_units(self) -> bool:
        return False

    def push_cancellation(self, cancellation: Cancellation, *, key: str) -> str:
        self.ended.add(cancellation.order)
        return "job"

    def find_cancellation(self, cancellation: Cancellation, *, key: str) -> bool:
        return cancellation.order in self.ended


@dataclass
class Story:
    """One order, and what happens to it."""

    shop: Shop
    place: Caller
    channel: Channel
    #: its remote id
    order: str
    told: int = 0
    current: int = UNITS
    canceled: bool = False
    #: units of a line that was not there at first
    added: int = 0
    #: the bank took the money back
    bank: bool = False
    #: units that were paid back after they had left: the buyer may keep them
    kept: int = 0

    def happen(self, event: str) -> None:
        self.shop.clock.advance(1)
        getattr(self, event)()

    def begin(self) -> None:
        self._say(line(units=UNITS))

    def decide(self) -> None:
        decide_orders(self.shop.run("core/orders"))

    def ask(self) -> None:
        requests.submit_requests(self.shop.run("home-files/requests"), "home-files")

    def accept(self) -> None:
        for key in self.place.open(self.order):
            self.shop.answer(key, AcknowledgmentStatus.ACCEPTED)

    def ship(self) -> None:
        for key in self.place.open(self.order):
            self.place.shipped[key] = self.place.asked[key]
            self.shop.ship(key, *self.place.asked[key].items(), number=f"1Z{key}")

    def regret(self) -> None:
        """The channel cancels it."""
        self.canceled = True
        self._tell()

    def lower(self) -> None:
        self.current = UNITS - 1
        self._tell()

    def add(self) -> None:
        """The buyer wants something more, in a line of its own."""
        self.added = 1
        self._tell()

    def pay_back(self) -> None:
        """Somebody at the channel takes a unit off the order and pays it back."""
        self.kept = int(any(of_order(key, self.order) for key in self.place.shipped))
        self._money(1)
        self.lower()

    def charge_back(self) -> None:
        self.bank = True
        self._money(0, chargeback=True)

    def _money(self, units: int, *, chargeback: bool = False) -> None:
        amount = Money(1999, "USD")
        one = Refund(
            "shopify-us", f"R{self.order}", self.order, self.shop.clock.now(), amount,
            (RefundedLine("L1", units, amount),), chargeback=chargeback,
        )  # fmt: skip
        with self.shop.store.transaction() as tx:
            refunds.record_refund(tx, self.shop.wiring, one)

    def end(self) -> None:
        """We cancel it."""
        try:
            with self.shop.store.transaction() as tx:
                cancel.cancel(
                    tx, self.shop.wiring, f"#{self.order}", CancelReason.OTHER, by="ann",
                    note="as she said",
                )  # fmt: skip
        except cancel.CannotCancel:
            pass

    def push(self) -> None:
        cancellations.push_cancellations(self.shop.run("shopify-us/orders"), "shopify-us")
        if self.order in self.channel.ended and not self.canceled:
            self.regret()

    def _tell(self) -> None:
        self.told += 1
        at = minutes(self.told)
        lines = [replace(line(units=UNITS), current=0 if self.canceled else self.current)]
        if self.added:
            more = line("L2", sku="CUP", units=self.added)
            lines.append(replace(more, current=0 if self.canceled else self.added))
        self._say(*lines, updated_at=at, canceled_at=at if self.canceled else None)

    def _say(self, *lines: OrderLine, **changes: Any) -> None:
        # Each from a door of its own: none looks like another.
        door = replace(HOME, line1=f"{self.order} Main St")
        self.shop.record(replace(order(self.order, *lines, **changes), ship_to=door))


def of_order(key: str, order: str) -> bool:
    return key.startswith(f"shopify-us:{order}:")


def settle(one: Story) -> None:
    """Everybody does what is left to do, until nothing changes."""
    for _ in range(2):
        for event in ("decide", "ask", "push", "decide", "ask", "accept"):
            one.happen(event)
    one.happen("ship")
    for _ in range(2):
        for event in ("decide", "ask", "push"):
            one.happen(event)
    one.happen("decide")


def check(one: Story, events: tuple[str, ...]) -> None:
    number = one.order
    mine = or_(
        cases.c.subject == f"order shopify-us {number}",
        cases.c.subject.like(f"request shopify-us:{number}:%"),
    )
    with one.shop.store.reading() as tx:
        assert differences(tx.connection) == [], events
        (row,) = tx.connection.execute(select(orders).where(orders.c.remote_id == number)).all()
        told = set(tx.connection.execute(select(cases.c.kind).where(mine)).scalars())
        recorded = Counter[str]()
        for of in tx.connection.execute(
            select(fulfillment_line).where(fulfillment_line.c.order_id == row.id)
        ):
            recorded[of.sku] += of.shipped
    sent_of = Counter[str]()
    for key, units in one.place.shipped.items():
        if of_order(key, number):
            sent_of.update(units)
    assert sent_of == +recorded, events
    sent = sent_of["TEA"]
    assert sent <= UNITS, events
    assert "wrong_units_shipped" not in told, events
    wanted = 0 if one.canceled else one.current
    if one.bank:
        # Either it was out already, or it stays until a person says so; told in any case.
        assert "charged_back" in told, events
        assert sent in (0, wanted), events
        return
    if not one.canceled:
        assert sent_of["CUP"] == one.added, (events, sent_of)
    if sent == wanted + one.kept:
        assert "shipped_though_reduced" not in told, events
    elif sent > wanted:
        against = {
            "canceled_after_request", "shipped_though_canceled", "shipped_though_reduced",
            "cancellation_too_late",
        }  # fmt: skip
        assert told & against, (events, told)
    else:
        assert sent == wanted, (events, sent, wanted, told)
    if one.canceled and not sent:
        assert row.stage == "canceled", events


#: What may happen beside the daemon's own work, each once.
CHANGES = {
    "the buyer cancels": ("ask", "accept", "ship", "regret"),
    "the buyer wants fewer": ("ask", "accept", "ship", "lower"),
    "we cancel": ("ask", "accept", "ship", "end"),
    "fewer, then none": ("ask", "ship", "lower", "regret"),
    "we cancel and so does the buyer": ("ask", "ship", "end", "regret"),
    "the buyer wants more": ("ask", "accept", "ship", "add"),
    "a unit is paid back there": ("ask", "accept", "ship", "pay_back"),
    "the bank takes it back": ("ask", "accept", "ship", "charge_back"),
}


@contextmanager
def opened(template: Path, folder: Path, *, tells: bool) -> Iterator[tuple[Shop, Caller, Channel]]:
    """One shop with one place that ships; the order of events is the same on either database."""
    shutil.copy(template, folder / "lockstep.db")
    clock = ManualClock(NOON)
    store = Store(Database(f"sqlite:///{folder / 'lockstep.db'}"), clock)
    shop, place, channel = (
        open_shop(store, clock, folder),
        Caller(tells),
        Channel("shopify-us", clock),
    )
    shop.channels["shopify-us"] = channel
    shop.wiring = replace(
        shop.wiring,
        connectors={**shop.wiring.connectors, "home-files": place, "shopify-us": channel},
    )
    shop.receive("TEA", 5_000)
    shop.receive("CUP", 5_000)
    try:
        yield shop, place, channel
    finally:
        store.close()


#: What the place can be told makes no difference to these.
EITHER_WAY = ("the buyer wants more", "a unit is paid back there", "the bank takes it back")


@pytest.mark.parametrize(
    ("name", "tells"),
    [
        (name, tells)
        for name in CHANGES
        for tells in (True, False)
        if name not in EITHER_WAY or not tells
    ],
)
def test_every_interleaving_ends_well(
    sqlite_template: Path, tmp_path: Path, name: str, tells: bool
) -> None:
    with opened(sqlite_template, tmp_path, tells=tells) as (shop, place, channel):
        number = 0
        for events in itertools.permutations(CHANGES[name]):
            # The daemon decides after each event, or only after every other one.
            for decides in ((True,) * 4, (False, True) * 2):
                number += 1
                one = Story(shop, place, channel, str(number))
                one.begin()
                one.happen("decide")
                for event, decide in zip(events, decides, strict=True):
                    one.happen(event)
                    if decide:
                        one.happen("decide")
                settle(one)
                check(one, events)
    assert number == 48
