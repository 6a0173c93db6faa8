"""A place and a channel with books of their own, and orders that change while they are shipped."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.errors import Rejected, UnknownOutcome
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
)
from core.model.money import Money
from core.model.orders import Cancellation, CancelReason, Order
from core.model.returns import Refund, RefundedLine
from core.ports import (
    AskedFor,
    Batch,
    CancellationTarget,
    CheckReport,
    RequestService,
    RequestStatus,
    SubmissionTarget,
    Told,
    Verdict,
)
from jobs import answers, cancel, cancellations, notices, refunds, requests
from jobs.clock import ManualClock
from jobs.decide import decide_orders
from jobs.endings import CannotCancel
from tests.jobs.builders import HOME, NOON, line, order
from tests.jobs.shop import Remote, Shop

#: What each line is of, and how many were bought at first.
SKUS = {"L1": "TEA", "L2": "CUP", "L3": "POT"}
UNITS = {"L1": 3, "L2": 1}
#: A window in which new orders wait.
WINDOW = timedelta(minutes=10)

Units = Counter[str]


@dataclass
class Caller(RequestService):
    """A place that is called. `tells` whether it can be told not to ship."""

    tells: bool
    name: str = "home-files"
    #: order -> key -> units of each Sku it was asked for
    asked: dict[str, dict[str, Units]] = field(default_factory=lambda: defaultdict(dict))
    #: the same of what it shipped
    shipped: dict[str, dict[str, Units]] = field(default_factory=lambda: defaultdict(dict))
    called_off: set[str] = field(default_factory=set)
    #: where each is to go
    doors: dict[str, str] = field(default_factory=dict)
    #: orders of which it takes the first request, and the answer is lost
    losing: set[str] = field(default_factory=set)

    request_settle = timedelta(0)
    request_repeat_is_same = False
    can_find_requests = True
    ask_every = None

    def check(self) -> CheckReport:
        return CheckReport(self.name)

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        units = {one.sku: one.quantity for one in request.lines}
        return json.dumps([units, request.ship_to.line1]).encode()

    def submit_request(self, key: str, document: bytes) -> str:
        name = order_of(key)
        assert key not in self.asked[name], "asked twice under one key"
        units, self.doors[key] = json.loads(document)
        self.asked[name][key] = Counter(units)
        if name in self.losing:
            self.losing.discard(name)
            raise UnknownOutcome("no answer", connector=self.name, operation="submit")
        return key

    def find_submitted(self, asked: AskedFor) -> str | None:
        return asked.key if asked.key in self.asked[order_of(asked.key)] else None

    @property
    def can_cancel_requests(self) -> bool:
        return self.tells

    def cancel_request(self, asked: AskedFor) -> bool:
        if asked.key in self.shipped[order_of(asked.key)]:
            return False
        self.called_off.add(asked.key)
        return True

    def request_status(self, asked: AskedFor) -> RequestStatus:
        return RequestStatus(None)

    def open(self, name: str) -> dict[str, Units]:
        """Of each request the units that are still to leave."""
        left = {
            key: units - self.shipped[name].get(key, Counter())
            for key, units in self.asked[name].items()
            if key not in self.called_off
        }
        return {key: units for key, units in left.items() if units}

    def sent(self, name: str) -> Units:
        return sum(self.shipped[name].values(), Counter[str]())

    def may_leave(self, name: str) -> Units:
        return sum(self.open(name).values(), Counter[str]())


def order_of(key: str) -> str:
    return key.split(":")[1]


@dataclass
class Sale:
    """One order as its channel has it."""

    name: str
    #: line -> units bought, and those of them that are not taken off
    bought: Units = field(default_factory=lambda: Counter(UNITS))
    left: Units = field(default_factory=lambda: Counter(UNITS))
    canceled: bool = False
    #: lines that the buyer asks to cancel
    asking: set[str] = field(default_factory=set)
    door: str = "Main St"
    version: int = 0

    def told(self) -> Order:
        lines = [
            replace(
                line(name, sku=SKUS[name], units=units),
                current=0 if self.canceled else self.left[name],
                cancel_requested=name in self.asking and not self.canceled,
            )
            for name, units in self.bought.items()
        ]
        at = NOON + timedelta(seconds=self.version)
        # Each from a door of its own: none looks like another.
        return replace(
            order(self.name, *lines, updated_at=at, canceled_at=at if self.canceled else None),
            ship_to=replace(HOME, line1=f"{self.name} {self.door}"),
        )

    def wanted(self, name: str) -> int:
        return 0 if self.canceled else self.left[name]


class Channel(Remote, CancellationTarget):
    """A channel that takes off what it is told to, and never what left or may leave."""

    def __init__(self, name: str, clock: ManualClock, place: Caller) -> None:
        super().__init__(name, clock)
        self.place = place
        self.sales: dict[str, Sale] = {}
        self.changed: set[str] = set()
        self.made = Counter[str]()
        #: orders of which it does what it is told to, and the answer is lost
        self.losing: set[str] = set()

    cancels_lines = True  # type: ignore[assignment]
    cancels_units = True  # type: ignore[assignment]

    def get_order(self, remote_id: str) -> Batch[Order]:
        return Batch((self.sales[remote_id].told(),), "")

    def push_cancellation(self, cancellation: Cancellation, *, key: str) -> str:
        self.end(cancellation, key)
        if cancellation.order in self.losing:
            self.losing.discard(cancellation.order)
            raise UnknownOutcome("no answer", connector=self.name, operation="cancel")
        return "done"

    def find_cancellation(self, cancellation: Cancellation, *, key: str) -> bool:
        return bool(self.made[key]) or not self._to_end(cancellation)

    def end(self, wanted: Cancellation, key: str) -> None:
        sale = self.sales[wanted.order]
        if not (units := self._to_end(wanted)):
            return
        for name, count in units.items():
            sku = SKUS[name]
            out = self.place.sent(sale.name)[sku]
            if out > sale.left[name] - count:
                raise Rejected("it was shipped", connector=self.name, operation="cancel")
            going = self.place.may_leave(sale.name)[sku]
            assert out + going <= sale.left[name] - count, ("may leave", sale, wanted)
        sale.canceled = sale.canceled or wanted.whole
        sale.left -= units
        self.made[key] += 1
        self.touch(sale)

    def _to_end(self, wanted: Cancellation) -> Units:
        sale = self.sales[wanted.order]
        if sale.canceled:
            return Counter()
        if wanted.whole:
            return +sale.left
        units = Counter({name: sale.left[name] for name in wanted.lines})
        for one in wanted.parts:
            units[one.line] = min(one.quantity, sale.left[one.line] - one.staying)
        return +units

    def keys_of(self, name: str) -> list[str]:
        """The names under which something of an order was ended."""
        return [key for key in self.made if key.split(":")[2] == name]

    def touch(self, sale: Sale) -> None:
        sale.version += 1
        self.changed.add(sale.name)


class Queue(Channel, SubmissionTarget):
    """One that takes cancellations in, and carries them out later; of units it takes none."""

    cancels_units = False  # type: ignore[assignment]
    submission_settle = timedelta(0)  # type: ignore[assignment]
    look_every = timedelta(0)  # type: ignore[assignment]

    def __init__(self, name: str, clock: ManualClock, place: Caller) -> None:
        super().__init__(name, clock, place)
        self.taken_in: list[tuple[Cancellation, str, datetime]] = []

    def push_cancellation(self, cancellation: Cancellation, *, key: str) -> str:
        assert not cancellation.parts
        self.taken_in.append((cancellation, key, self.clock.now()))
        if cancellation.order in self.losing:
            self.losing.discard(cancellation.order)
            raise UnknownOutcome("no answer", connector=self.name, operation="cancel")
        return str(len(self.taken_in) - 1)

    def look_at_submission(self, ref: str, *, key: str) -> Told:
        cancellation, name, _ = self.taken_in[int(ref)]
        if name != key:
            return Told(Verdict.TAKEN)
        try:
            self.end(cancellation, key)
        except Rejected as error:
            return Told(Verdict.REFUSED, str(error))
        return Told(Verdict.TAKEN)

    def find_submissions(
        self, kind: str, *, since: datetime, known: Collection[str]
    ) -> Sequence[str]:
        return [
            str(ref)
            for ref, (_, _, at) in enumerate(self.taken_in)
            if at >= since and str(ref) not in known
        ]


@dataclass
class Story:
    """One order, and what happens to it beside the daemon's own work."""

    shop: Shop
    place: Caller
    channel: Channel
    sale: Sale
    #: (slot, what happens)
    events: Sequence[tuple[int, str]]
    #: the bank took the money back
    bank: bool = False
    #: units that were paid back after some had left: the buyer may keep them
    kept: int = 0

    #: requests that had left, or were taken back, before the buyer moved
    on_way: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.sale.name

    @property
    def at_old_door(self) -> bool:
        """A parcel left for an address that its buyer had changed before."""
        shipped = set(self.place.shipped[self.name]) - self.on_way
        return any(not self.place.doors[key].endswith(self.sale.door) for key in shipped)

    # --- what buyers and the channel do

    def regret(self) -> None:
        self.sale.canceled = True
        self.channel.touch(self.sale)

    def lower(self) -> None:
        self._take_off("L1", 1)

    def drop(self) -> None:
        self._take_off("L2", 1)

    def more(self) -> None:
        self._more("L1")

    def add(self) -> None:
        self._more("L3")

    def ask(self) -> None:
        self.sale.asking = set(SKUS)
        self.channel.touch(self.sale)

    def ask_part(self) -> None:
        self.sale.asking = {"L2"}
        self.channel.touch(self.sale)

    def move(self) -> None:
        """The buyer wants it at another address; what is not out goes to the old one."""
        self.sale.door = "Other St"
        self.on_way = set(self.place.asked[self.name]) - set(self.place.open(self.name))
        self.channel.touch(self.sale)

    def pay_back(self) -> None:
        """Somebody at the channel takes a unit off the order and pays it back."""
        if self.sale.wanted("L1"):
            self.kept += int(bool(self.place.sent(self.name)["TEA"]))
            self._money(1)
            self.lower()

    def charge_back(self) -> None:
        self.bank = True
        self._money(0, chargeback=True)

    def _take_off(self, name: str, units: int) -> None:
        self.sale.left -= Counter({name: units})
        self.channel.touch(self.sale)

    def _more(self, name: str) -> None:
        if not self.sale.canceled:
            self.sale.bought[name] += 1
            self.sale.left[name] += 1
            self.channel.touch(self.sale)

    def _money(self, units: int, *, chargeback: bool = False) -> None:
        amount = Money(1999, "USD")
        one = Refund(
            "shopify-us", f"R{self.name}-{self.sale.version}", self.name, self.shop.clock.now(),
            amount, (RefundedLine("L1", units, amount),), chargeback=chargeback,
        )  # fmt: skip
        with self.shop.store.transaction() as tx:
            refunds.record_refund(tx, self.shop.wiring, one)

    # --- what we do

    def end(self) -> None:
        self._end()

    def end_line(self) -> None:
        self._end("L2")

    def end_unit(self) -> None:
        self._end("L1", units=(1,))

    def _end(self, *lines: str, units: Sequence[int] = ()) -> None:
        self._decide(
            lambda: cancel.cancel(
                self.tx, self.shop.wiring, f"#{self.name}", CancelReason.OTHER, by="ann",
                note="as she said", lines=lines, units=units,
            )
        )  # fmt: skip

    def keep(self) -> None:
        self._decide(lambda: cancel.keep(self.tx, f"#{self.name}", by="ann", note="found it"))

    def _decide(self, what: Callable[[], object]) -> None:
        try:
            with self.shop.store.transaction() as self.tx:
                what()
        except CannotCancel:
            pass


@dataclass
class Floor:
    """Many orders at once in one shop: each step of the daemon's is a step of all of them."""

    shop: Shop
    place: Caller
    channel: Channel
    stories: Sequence[Story]

    def pull(self) -> None:
        if self.channel.changed:
            self.shop.record(*(self.channel.sales[name].told() for name in self.channel.changed))
            self.channel.changed.clear()

    def decide(self) -> None:
        self.shop.clock.advance(1)
        self.pull()
        decide_orders(self.shop.run("core/orders"))

    def route(self) -> None:
        """New orders come out of their window."""
        self.shop.clock.advance(WINDOW.total_seconds())
        self.decide()

    def request(self) -> None:
        requests.submit_requests(self.shop.run("home-files/requests"), "home-files")

    def push(self) -> None:
        self.shop.clock.advance(1)
        cancellations.push_cancellations(self.shop.run("shopify-us/orders"), "shopify-us")

    def accept(self) -> None:
        run = self.shop.run("home-files/acknowledgments")
        with run.transaction() as tx:
            for key in self._open_keys():
                answer = Acknowledgment(key, AcknowledgmentStatus.ACCEPTED, self.shop.clock.now())
                answers.record_acknowledgment(tx, run.wiring, "home-files", answer)

    def refuse_some(self) -> None:
        """One of what there is most of, of each first request."""
        self._refuse(lambda units: Counter({"TEA": min(1, units["TEA"])}))

    def refuse_all(self) -> None:
        """Each first request, whole."""
        self._refuse(lambda units: units)

    def _refuse(self, what: Callable[[Units], Units]) -> None:
        self.shop.clock.advance(1)
        run = self.shop.run("home-files/acknowledgments")
        with run.transaction() as tx:
            for name in [one.name for one in self.stories]:
                for key, units in self.place.open(name).items():
                    refused = +what(units)
                    if not key.endswith(":F1") or self.place.shipped[name].get(key) or not refused:
                        continue
                    self.place.asked[name][key] -= refused
                    lines = [
                        AnsweredLine(sku, status, count)
                        for status, counts in (
                            (AcknowledgmentStatus.ACCEPTED, units - refused),
                            (AcknowledgmentStatus.REJECTED, refused),
                        )
                        for sku, count in counts.items()
                    ]
                    answers.record_acknowledgment(
                        tx, run.wiring, "home-files",
                        Acknowledgment(
                            key,
                            AcknowledgmentStatus.ACCEPTED if units - refused else AcknowledgmentStatus.REJECTED,
                            self.shop.clock.now(), lines=tuple(lines),
                        ),
                    )  # fmt: skip

    def ship_some(self) -> None:
        """Two of the three that there are most of."""
        self._ship(lambda units: Counter({"TEA": min(2, units["TEA"])}))

    def ship_rest(self) -> None:
        self._ship(lambda units: units)

    def _ship(self, what: Callable[[Units], Units]) -> None:
        self.shop.clock.advance(1)
        run = self.shop.run("home-files/notices")
        with run.transaction() as tx:
            for name in [one.name for one in self.stories]:
                for key, open_units in self.place.open(name).items():
                    units = +what(open_units)
                    if not units:
                        continue
                    before = self.place.shipped[name].get(key, Counter())
                    self.place.shipped[name][key] = before + units
                    lines = tuple(ShippedLine(*one) for one in units.items())
                    number = f"1Z{key}{before.total()}"
                    notice = ShipmentNotice(key, "other", number, self.shop.clock.now(), lines)
                    notices.record_notice(tx, run.wiring, "home-files", notice)

    def _open_keys(self) -> Iterable[str]:
        return [key for one in self.stories for key in self.place.open(one.name)]

    def happen(self, slot: int) -> None:
        self.shop.clock.advance(1)
        for story in self.stories:
            for at, event in story.events:
                if at == slot:
                    getattr(story, event)()

    def daemon(self) -> None:
        """Everything that is due is done."""
        self.decide()
        self.push()
        self.decide()

    def settle(self) -> None:
        """Everybody does what is left to do, until nothing changes."""
        for _ in range(2):
            # New orders come out of their window, and whatever is in doubt is looked at.
            self.shop.clock.advance(WINDOW.total_seconds())
            for step in (self.daemon, self.request, self.daemon, self.request, self.accept):
                step()
        self.ship_rest()
        for _ in range(2):
            for step in (self.daemon, self.request):
                step()
        self.ship_rest()
        self.daemon()
