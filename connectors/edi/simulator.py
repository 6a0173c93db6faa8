"""A trading partner on loopback: an SFTP server, and somebody behind it who reads and writes X12.

Like the supplier of `supplier_file` it lives on the clock and is as dumb as real ones are: an order
that is handed over twice is shipped and invoiced twice, and its books show it. It reads with our
envelope reader alone; what a stranger makes of our documents is shown with mock-edi in the tests.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from connectors.journeys import ups_number
from connectors.sftp_server import FAULTS as SERVER_FAULTS
from connectors.sftp_server import OK, Keeper
from connectors.simulation import SimulatorClock
from connectors.x12.envelope import Envelopes
from connectors.x12.writer import Party, Trade, interchange

#: What we write into, and what the partner writes into.
ORDERS, ANSWERS = "orders", "answers"

FAULTS = {
    "truncated": "operation answer-file: it ends in the middle",
    "wrong-count": "operation answer-file: SE01 counts one segment too many",
    "duplicate-file": "operation answer-file: the same file appears under a second name too",
    "no-x12": "operation answer-file: a web page instead of X12",
    **SERVER_FAULTS,
}


@dataclass
class Line:
    item: str
    units: int
    price: str


@dataclass
class Work:
    """One order as it was picked up; a second copy of it is work of its own."""

    number: str
    #: SA for a stock order, DS for a drop-ship one
    kind: str
    lines: list[Line]
    answer_at: datetime
    ship_at: datetime
    #: item -> units that will be shipped, once it was answered
    will_ship: dict[str, int] = field(default_factory=dict)
    #: picked_up -> answered -> shipped
    state: str = "picked_up"


class EdiSimulator(Keeper):
    """`stock` is what it has of its own items (None: whatever is asked for)."""

    kind: ClassVar[str] = "edi"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        name: str = "ACME",
        customer: str = "LOCKSTEP",
        stock: Mapping[str, int] | None = None,
        pick_up_every: float = 30.0,
        answer_after: tuple[float, float] = (60.0, 180.0),
        ship_after: tuple[float, float] = (1800.0, 7200.0),
        on_ship: Callable[[str, datetime], None] | None = None,
        autonomous: bool = True,
    ) -> None:
        super().__init__(clock=clock, seed=seed, name=name, autonomous=autonomous)
        self.customer = customer
        for folder in (ORDERS, ANSWERS):
            (self.root / folder).mkdir(parents=True)
        self.random = random.Random(f"{seed} {name}")
        self._stock = None if stock is None else dict(stock)
        self._pick_up_every, self._pick_up_at = pick_up_every, clock.now()
        self._answer_after, self._ship_after = answer_after, ship_after
        self._on_ship = on_ship
        self._trade = Trade(Party("ZZ", name, name), Party("ZZ", customer, customer))
        self._written = self._files = self._invoices = 0
        self._parcels = self.random.randrange(1_000_000)
        self._work: list[Work] = []
        self._silent = self._refuses = False
        self._refused: set[str] = set()
        self._held: set[str] = set()
        self._late: dict[str, str] = {}
        self._prices: dict[str, str] = {}
        self._orders: dict[str, int] = {}
        self._parcels_sent: list[dict[str, Any]] = []
        self._invoiced: list[dict[str, Any]] = []
        #: (their control number, A or R) of our 997s
        self._receipts: list[tuple[str, str]] = []

    # life

    def live(self) -> None:
        """Do everything that is due at the clock's instant."""
        with self.lock:
            now = self.clock.now()
            if now >= self._pick_up_at:
                self._pick_up(now)
                self._pick_up_at = now + timedelta(seconds=self._pick_up_every)
            for work in self._work:
                if work.state == "picked_up" and now >= work.answer_at and not self._silent:
                    self._answer(work, now)
            for work in self._work:
                held = work.number in self._held or self._silent
                if work.state == "answered" and now >= work.ship_at and not held:
                    self._ship(work, now)

    def _pick_up(self, now: datetime) -> None:
        for path in sorted((self.root / ORDERS).glob("*.edi")):
            text = path.read_bytes().decode("ascii")
            self._files += 1
            # Out of reach of the SFTP server: the sender sees that it is gone, nothing else.
            shutil.move(path, self.processed / f"{self._files:06d}-{path.name}")
            self.log.add("pick-up", subject=path.stem, status=OK, took_effect=True)
            self._take(text, now)

    def _take(self, text: str, now: datetime) -> None:
        group = kind = ""
        body: list[list[str]] = []
        for _, segment, context in Envelopes([text]).segments():
            if segment[0] == "ST":
                group, kind, body = context.gs[6], segment[1], []
            elif segment[0] != "SE":
                body.append(segment)
            elif kind == "997":
                closing = {one[0]: one for one in body}
                self._receipts.append((closing["AK1"][2], closing["AK9"][1]))
            else:
                self._order(body, group, now)

    def _order(self, body: Sequence[list[str]], group: str, now: datetime) -> None:
        heading = next(one for one in body if one[0] == "BEG")
        if not self._silent:
            verdict = "R" if self._refuses else "A"
            sets = [["AK2", "850", "0001"], ["AK5", verdict, *(["5"] if self._refuses else [])]]
            if self._refuses:
                sets.insert(1, ["AK3", "PO1", "6", "", "8"])
            told = [
                ["997"],
                ["AK1", "PO", group],
                *sets,
                ["AK9", verdict, "1", "1", "0" if self._refuses else "1"],
            ]
            self._write("FA", told)
        if self._refuses:
            return
        lines = [_line(one) for one in body if one[0] == "PO1"]
        answer_at = now + self._delay(self._answer_after)
        ship_at = answer_at + self._delay(self._ship_after)
        self._work.append(Work(heading[3], heading[2], lines, answer_at, ship_at))
        self._orders[heading[3]] = self._orders.get(heading[3], 0) + 1

    def _answer(self, work: Work, now: datetime) -> None:
        work.state = "answered"
        day = f"{now:%Y%m%d}"
        # What is to stock a shelf leaves them days later, what a buyer waits for at once.
        leaves = f"{now + timedelta(days=3 if work.kind == 'SA' else 0):%Y%m%d}"
        refused = work.number in self._refused
        told: list[list[str]] = []
        changed = refused
        for number, line in enumerate(work.lines, start=1):
            units = 0 if refused else self._take_off(line)
            work.will_ship[line.item] = work.will_ship.get(line.item, 0) + units
            price = self._prices.get(line.item, line.price)
            told.append(["PO1", str(number), str(line.units), "EA", price, "", "VP", line.item])
            late = self._late.get(line.item)
            if units:
                code = "IB" if late else "IA"
                told.append(["ACK", code, str(units), "EA", "068", late or leaves])
            if units < line.units:
                changed = True
                told.append(["ACK", "IR", str(line.units - units), "EA"])
        code = "RD" if refused else ("AC" if changed else "AD")
        head = ["BAK", "00", code, work.number, day, "", "", "", f"{self.name}-{len(self._orders)}"]
        self._write("PR", [["855"], head, *told, ["CTT", str(len(work.lines))]])

    def _take_off(self, line: Line) -> int:
        if self._stock is None:
            return line.units
        units = min(line.units, self._stock.get(line.item, 0))
        self._stock[line.item] = self._stock.get(line.item, 0) - units
        return units

    def _ship(self, work: Work, now: datetime) -> None:
        work.state = "shipped"
        lines = [(item, units) for item, units in work.will_ship.items() if units]
        if not lines:
            return
        self._parcels += 1
        tracking = ups_number("EDI000", self._parcels)
        levels = [
            ["HL", "1", "", "S"], ["TD5", "", "2", "UPSN", "", "UPS GROUND"],
            ["REF", "2I", tracking], ["DTM", "011", f"{now:%Y%m%d}", f"{now:%H%M}"],
            ["HL", "2", "1", "O"], ["PRF", work.number],
        ]  # fmt: skip
        for number, (item, units) in enumerate(lines, start=3):
            levels += [
                ["HL", str(number), "2", "I"],
                ["LIN", "", "VP", item],
                ["SN1", "", str(units), "EA"],
            ]
        # What is to stock a shelf is on its way for days.
        arrives = f"{now + timedelta(days=5):%Y%m%d}"
        levels[3:4] += [["DTM", "017", arrives]] if work.kind == "SA" else []
        head = ["BSN", "00", tracking[-10:], f"{now:%Y%m%d}", f"{now:%H%M}"]
        self._write("SH", [["856"], head, *levels, ["CTT", str(len(lines))]])
        self._parcels_sent.append(
            {"number": work.number, "tracking": tracking, "lines": dict(lines)}
        )
        self._invoice(work, lines, now)
        if self._on_ship:
            self._on_ship(tracking, now)

    def _tell(self, told: Mapping[str, Any]) -> None:
        """A ship notice that somebody types in: it goes out as it is."""
        now = self.clock.now()
        levels = [
            ["HL", "1", "", "S"], ["REF", "CN", str(told["tracking"])],
            ["DTM", "011", f"{now:%Y%m%d}", f"{now:%H%M}"],
            *([["DTM", "017", str(told["arrives"])]] if told.get("arrives") else []),
            ["HL", "2", "1", "O"], ["PRF", str(told["number"])],
        ]  # fmt: skip
        for place, (item, units) in enumerate(told["items"].items(), start=3):
            levels += [["HL", str(place), "2", "I"], ["LIN", "", "VP", str(item)]]
            levels += [["SN1", "", str(int(units)), "EA"]]
        purpose = str(told.get("purpose") or "00")
        head = ["BSN", purpose, str(told["notice"]), f"{now:%Y%m%d}", f"{now:%H%M}"]
        self._write("SH", [["856"], head, *levels, ["CTT", str(len(told["items"]))]])

    def _invoice(self, work: Work, lines: Sequence[tuple[str, int]], now: datetime) -> None:
        self._invoices += 1
        number = f"INV{self._invoices:06d}"
        prices = {line.item: self._prices.get(line.item, line.price) for line in work.lines}
        total = sum((Decimal(prices[item] or 0) * units for item, units in lines), Decimal(0))
        billed = [
            ["IT1", str(place), str(units), "EA", prices[item] or "0", "", "VP", item]
            for place, (item, units) in enumerate(lines, start=1)
        ]
        head = ["BIG", f"{now:%Y%m%d}", number, "", work.number]
        body = [["810"], head, ["CUR", "SE", "USD"], *billed, ["TDS", str(int(total * 100))]]
        self._write("IN", [*body, ["CTT", str(len(lines))]])
        self._invoiced.append({"invoice": number, "number": work.number, "total": str(total)})

    def _delay(self, span: tuple[float, float]) -> timedelta:
        return timedelta(seconds=self.random.uniform(*span))

    # files

    def _write(self, group: str, body: list[list[str]]) -> None:
        now = self.clock.now()
        rule = self.faults.strike("answer-file")
        fault = rule.kind if rule else ""
        self._written += 1
        text = interchange(self._trade, group=group, sets=[body], control=self._written, at=now)
        if fault == "truncated":
            text = text[: len(text) * 2 // 3]
        elif fault == "wrong-count":
            count = len(body) + 1
            text = text.replace(f"SE*{count}*", f"SE*{count + 1}*")
        elif fault == "no-x12":
            text = "<html><body>Service unavailable</body></html>"
        for _ in range(2 if fault == "duplicate-file" else 1):
            self._put(text, body[0][0], now)
        self.log.add("answer-file", subject=body[0][0], status=OK, took_effect=True, fault=fault)

    def _put(self, text: str, kind: str, now: datetime) -> None:
        self._files += 1
        path = self.root / ANSWERS / f"{kind}-{self._files:06d}.edi"
        path.write_text(text)
        # The file's time is the clock's, not the machine's.
        os.utime(path, (now.timestamp(), now.timestamp()))

    # the outside's view

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """What a person there does: {"set_stock": {item: n}}, {"reject": number}, {"hold": number}
        (answered, not shipped), {"release": number}, {"silent": bool} (nothing is answered),
        {"refuse": bool} (997s say that nothing could be read), {"late": {item: "20261204"}},
        {"reprice": {item: "4.25"}}, {"tell": {"number", "tracking", "notice", "items": {item: n}}}
        (a ship notice by hand; "purpose": BSN01, "arrives": "20261204")."""
        match order:
            case {"set_stock": dict() as levels}:
                self._stock = dict(self._stock or {}) | {s: int(n) for s, n in levels.items()}
            case {"reject": str() as number}:
                self._refused.add(number)
            case {"hold": str() as number}:
                self._held.add(number)
            case {"release": str() as number}:
                self._held.discard(number)
            case {"silent": bool() as silent}:
                self._silent = silent
            case {"refuse": bool() as refuses}:
                self._refuses = refuses
            case {"late": dict() as days}:
                self._late |= {item: str(day) for item, day in days.items()}
            case {"reprice": dict() as prices}:
                self._prices |= {item: str(price) for item, price in prices.items()}
            case {"tell": dict() as told}:
                self._tell(told)
            case _:
                raise ValueError(
                    "set_stock, reject, hold, release, silent, refuse, late, reprice or tell is "
                    "expected"
                )
        return {"done": order}

    def books(self) -> dict[str, Any]:
        """Stock, every order ever picked up with its count, parcels, invoices, our receipts."""
        with self.lock:
            return {
                "name": self.name,
                "stock": dict(self._stock or {}),
                "orders": {
                    number: {
                        "count": count,
                        "kind": next(work.kind for work in self._work if work.number == number),
                        "states": [work.state for work in self._work if work.number == number],
                    }
                    for number, count in self._orders.items()
                },
                "parcels": list(self._parcels_sent),
                "invoices": list(self._invoiced),
                "receipts": list(self._receipts),
            }


def _line(segment: list[str]) -> Line:
    names = dict(zip(segment[6::2], segment[7::2], strict=False))
    item = names.get("VP") or names.get("BP", "")
    return Line(item, int(segment[2]), segment[4])
