"""A supplier on loopback: an SFTP server, and somebody behind it who counts, packs and ships.

The server is asyncssh's own, locked into a folder. The supplier lives on the clock: `live` does
whatever is due at the clock's instant; a thread calls it, and a test may call it itself. It is as
dumb as real ones are: a request that is handed over twice is shipped twice, and its books show it.
"""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from connectors.journeys import ups_number
from connectors.sftp_server import FAULTS as SERVER_FAULTS
from connectors.sftp_server import OK, Keeper
from connectors.simulation import SimulatorClock
from connectors.supplier_file.sales_desk import SalesDesk

STOCK, REQUESTS = "stock", "requests"
ACKNOWLEDGMENTS, SHIPMENTS = "acknowledgments", "shipments"
PURCHASES, ANSWERS = "purchases", "purchase-answers"
INVOICES = "invoices"

FAULTS = {
    "half-file": "operation stock-file: half of the rows are missing",
    "zeros": "operation stock-file: every quantity is 0",
    "missing-column": "operation stock-file: the quantity column has another heading",
    "gbk": "operations *-file: written in GBK instead of UTF-8",
    "slow-write": "operations *-file: the second half is written `seconds` of clock time later",
    "duplicate-file": "operations *-file: the same file appears under a second name too",
    **SERVER_FAULTS,
}


@dataclass
class Line:
    line: str
    sku: str
    quantity: int


@dataclass
class Work:
    """One request as it was picked up; a second copy of it is work of its own."""

    key: str
    lines: list[Line]
    picked_up_at: datetime
    acknowledge_at: datetime
    ship_at: datetime
    #: picked_up -> accepted -> shipped, or rejected
    state: str = "picked_up"


@dataclass
class RequestRecord:
    """Everything that was ever received under one key."""

    key: str
    picked_up_at: list[datetime] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    #: of each time it was picked up: the PDF that lay beside it; empty: none did
    papers: list[bytes] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass
class Unfinished:
    """The rest of a file that is being written slowly."""

    path: Path
    rest: bytes
    at: datetime


class SupplierSimulator(Keeper):
    """`stock` is what it has (None: whatever is asked for); delays are (least, most) clock seconds.

    `publish_every` None: it never tells its stock (the seller's own warehouse). `basis` "net": the
    stock file already leaves out what it has accepted. `on_ship(tracking number, instant)` tells
    the carrier.
    """

    kind: ClassVar[str] = "supplier"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        name: str = "acme",
        stock: Mapping[str, int] | None = None,
        root: Path | None = None,
        publish_every: float | None = 900.0,
        basis: str = "net",
        pick_up_every: float = 30.0,
        acknowledge_after: tuple[float, float] = (60.0, 180.0),
        ship_after: tuple[float, float] = (1800.0, 7200.0),
        on_ship: Callable[[str, datetime], None] | None = None,
        username: str = "lockstep",
        password: str = "simulated",
        client_key: str = "",
        autonomous: bool = True,
    ) -> None:
        if basis not in ("net", "gross"):
            raise ValueError("basis is net or gross")
        super().__init__(
            clock=clock, seed=seed, name=name, base=root, username=username, password=password,
            client_key=client_key, autonomous=autonomous,
        )  # fmt: skip
        for folder in (
            STOCK, REQUESTS, ACKNOWLEDGMENTS, SHIPMENTS, PURCHASES, ANSWERS, INVOICES,
        ):  # fmt: skip
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.random = random.Random(f"{seed} {name}")
        self._shipper = "".join(self.random.choices("ABCEFHRVWXY0123456789", k=6))
        self._parcels = self.random.randrange(1_000_000)
        self._files = 0
        self._on_hand: dict[str, int] | None = None if stock is None else dict(stock)
        self._committed: dict[str, int] = {}
        self._publish_every, self._basis = publish_every, basis
        self._pick_up_every = pick_up_every
        self._acknowledge_after, self._ship_after = acknowledge_after, ship_after
        self._on_ship = on_ship
        self._publish_at = self._pick_up_at = clock.now()
        self._held: set[str] = set()
        self._refused: dict[str, str] = {}
        self._work: list[Work] = []
        self.desk = SalesDesk()
        self._unfinished: list[Unfinished] = []
        self._requests: dict[str, RequestRecord] = {}
        self._acknowledgments: list[dict[str, Any]] = []
        self._shipments: list[dict[str, Any]] = []
        self._published: list[dict[str, Any]] = []

    # life

    def live(self) -> None:
        """Do everything that is due at the clock's instant."""
        with self.lock:
            now = self.clock.now()
            self._finish_files(now)
            if now >= self._pick_up_at:
                self._pick_up(now)
                self._take_purchases(now)
                self._pick_up_at = now + timedelta(seconds=self._pick_up_every)
            self._acknowledge(now)
            if answers := self.desk.answers(now):
                self._write("purchase-answer-file", ANSWERS, "answer", answers)
            self._ship(now)
            if self._publish_every is not None and now >= self._publish_at:
                self._publish(now)
                self._publish_at = now + timedelta(seconds=self._publish_every)

    def _pick_up(self, now: datetime) -> None:
        for path in sorted((self.root / REQUESTS).glob("*.csv")):
            text = path.read_bytes().decode("utf-8", "replace")
            rows = _requested(text)
            if not rows:
                # Left lying: a person in the warehouse will wonder about it.
                continue
            self._files += 1
            # Out of reach of the SFTP server: the sender sees that it is gone, nothing else.
            shutil.move(path, self.processed / f"{self._files:06d}-{path.name}")
            paper = path.with_suffix(".pdf")
            drawn = paper.read_bytes() if paper.exists() else b""
            if drawn:
                # Printed with the request that was taken, and only then.
                shutil.move(paper, self.processed / f"{self._files:06d}-{paper.name}")
            for key in dict.fromkeys(key for key, _ in rows):
                mine = [line for whose, line in rows if whose == key]
                self._receive(key, mine, text, now)
                self._requests[key].papers.append(drawn)

    def _take_purchases(self, now: datetime) -> None:
        for path in sorted((self.root / PURCHASES).glob("*.csv")):
            text = path.read_bytes().decode("utf-8", "replace")
            if not self.desk.take(text, now=now, answer_after=self._delay(self._acknowledge_after)):
                continue
            self._files += 1
            shutil.move(path, self.processed / f"{self._files:06d}-{path.name}")
            self.log.add("pick-up", subject=path.stem, status=OK, took_effect=True)

    def _receive(self, key: str, lines: list[Line], text: str, now: datetime) -> None:
        record = self._requests.setdefault(key, RequestRecord(key))
        record.picked_up_at.append(now)
        record.documents.append(text)
        record.lines = lines
        answer_at = now + self._delay(self._acknowledge_after)
        ship_at = answer_at + self._delay(self._ship_after)
        self._work.append(Work(key, lines, now, answer_at, ship_at))
        self.log.add("pick-up", subject=key, status=OK, took_effect=True)

    def _acknowledge(self, now: datetime) -> None:
        due = [w for w in self._work if w.state == "picked_up" and now >= w.acknowledge_at]
        answers = []
        for work in due:
            why = self._refused.get(work.key) or self._shortage(work)
            work.state = "rejected" if why else "accepted"
            if not why:
                for line in work.lines:
                    self._committed[line.sku] = self._committed.get(line.sku, 0) + line.quantity
            answers.append(
                {
                    "key": work.key,
                    "status": work.state,
                    "reason": why,
                    "reference": f"{self.name.upper()}-{len(self._acknowledgments) + 1:05d}",
                    "at": now.isoformat(),
                }
            )
            self._acknowledgments.append(answers[-1])
        if answers:
            self._write("acknowledgment-file", ACKNOWLEDGMENTS, "ack", answers)

    def _shortage(self, work: Work) -> str:
        if self._on_hand is None:
            return ""
        wanted: dict[str, int] = {}
        for line in work.lines:
            wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
        short = [
            sku
            for sku, units in wanted.items()
            if self._on_hand.get(sku, 0) - self._committed.get(sku, 0) < units
        ]
        return f"out of stock: {', '.join(short)}" if short else ""

    def _ship(self, now: datetime) -> None:
        due = [
            w
            for w in self._work
            if w.state == "accepted" and now >= w.ship_at and w.key not in self._held
        ]
        rows = []
        for work in due:
            work.state = "shipped"
            tracking = self._next_tracking_number()
            for line in work.lines:
                self._committed[line.sku] -= line.quantity
                if self._on_hand is not None:
                    self._on_hand[line.sku] -= line.quantity
                rows.append(
                    {
                        "key": work.key,
                        "sku": line.sku,
                        "quantity": line.quantity,
                        "carrier": "UPS",
                        "tracking": tracking,
                        "service": "Ground",
                        "shipped_at": now.isoformat(),
                    }
                )
            self._shipments.append(
                {
                    "key": work.key,
                    "tracking": tracking,
                    "shipped_at": now.isoformat(),
                    "lines": [{"sku": w.sku, "quantity": w.quantity} for w in work.lines],
                }
            )
            if self._on_ship:
                self._on_ship(tracking, now)
        if rows:
            self._write("shipment-file", SHIPMENTS, "ship", rows)

    def _publish(self, now: datetime) -> None:
        on_hand = self._on_hand or {}
        rows = [
            {
                "sku": sku,
                "quantity": units - (self._committed.get(sku, 0) if self._basis == "net" else 0),
                "as_of": now.isoformat(),
                "description": f"库存 {sku}",
            }
            for sku, units in sorted(on_hand.items())
        ]
        self._write("stock-file", STOCK, "stock", rows)

    def _bill(self, number: str, item: str, units: int, price: str) -> None:
        now = self.clock.now()
        row = {
            "invoice": f"{self.name.upper()}-INV-{self._files + 1:05d}",
            "order": number,
            "date": f"{now:%Y-%m-%d}",
            "item": item,
            "quantity": units,
            "unit_price": price,
        }
        self._write("invoice-file", INVOICES, "invoice", [row])

    def _delay(self, span: tuple[float, float]) -> timedelta:
        return timedelta(seconds=self.random.uniform(*span))

    def _next_tracking_number(self) -> str:
        self._parcels += 1
        return ups_number(self._shipper, self._parcels)

    # files

    def _write(self, operation: str, folder: str, stem: str, rows: list[dict[str, Any]]) -> None:
        now = self.clock.now()
        rule = self.faults.strike(operation)
        fault = rule.kind if rule else ""
        if fault == "half-file":
            rows = rows[: len(rows) // 2]
        if fault == "zeros":
            rows = [row | {"quantity": 0} for row in rows]
        columns = list(rows[0]) if rows else ["sku", "quantity", "as_of", "description"]
        headings = [
            "qty_new" if fault == "missing-column" and c == "quantity" else c for c in columns
        ]
        content = _csv(headings, [[row[c] for c in columns] for row in rows])
        encoded = content.encode("gbk" if fault == "gbk" else "utf-8")
        name = self._next_name(stem, now)
        if rule and fault == "slow-write":
            half = len(encoded) // 2
            rest_at = now + timedelta(seconds=rule.seconds)
            path = self._put(folder, name, encoded[:half])
            self._unfinished.append(Unfinished(path, encoded[half:], rest_at))
        else:
            self._put(folder, name, encoded)
        if fault == "duplicate-file":
            self._put(folder, self._next_name(stem, now), encoded)
        self._published.append(
            {
                "folder": folder,
                "name": name,
                "rows": len(rows),
                "at": now.isoformat(),
                "fault": fault,
            }
        )
        self.log.add(operation, subject=name, status=OK, took_effect=True, fault=fault)

    def _next_name(self, stem: str, now: datetime) -> str:
        self._files += 1
        return f"{stem}-{now:%Y%m%dT%H%M%S}-{self._files:06d}.csv"

    def _put(self, folder: str, name: str, content: bytes) -> Path:
        path = self.root / folder / name
        path.write_bytes(content)
        self._stamp(path)
        return path

    def _stamp(self, path: Path) -> None:
        """The file's time is the clock's, not the machine's."""
        at = self.clock.now().timestamp()
        os.utime(path, (at, at))

    def _finish_files(self, now: datetime) -> None:
        for file in [file for file in self._unfinished if now >= file.at]:
            with file.path.open("ab") as out:
                out.write(file.rest)
            self._stamp(file.path)
            self._unfinished.remove(file)

    # the outside's view

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """What a person in the warehouse does: {"set_stock": {sku: n}}, {"hold": key} (accepted,
        not shipped), {"release": key}, {"reject": key, "reason": ...}, {"publish": true},
        {"short": {item: n}} (no more of it than that comes on a purchase order), {"bill": order,
        "item": ..., "units": n, "price": "2.50"} (an invoice)."""
        match order:
            case {"set_stock": dict() as levels}:
                self._on_hand = dict(self._on_hand or {}) | {s: int(n) for s, n in levels.items()}
            case {"hold": str() as key}:
                self._held.add(key)
            case {"release": str() as key}:
                self._held.discard(key)
            case {"reject": str() as key}:
                self._refused[key] = str(order.get("reason", "refused"))
            case {"publish": True}:
                self._publish(self.clock.now())
            case {"short": dict() as most}:
                self.desk.short |= {item: int(units) for item, units in most.items()}
            case {"bill": str() as number, "item": str() as item}:
                self._bill(number, item, int(order["units"]), str(order["price"]))
            case _:
                raise ValueError(
                    "set_stock, hold, release, reject, publish, short or bill is expected"
                )
        return {"done": order}

    def books(self) -> dict[str, Any]:
        """Stock, every request ever picked up with its count, answers, parcels, files written."""
        with self.lock:
            return {
                "name": self.name,
                "stock": {
                    sku: {"on_hand": units, "committed": self._committed.get(sku, 0)}
                    for sku, units in sorted((self._on_hand or {}).items())
                },
                "requests": {key: self._told(record) for key, record in self._requests.items()},
                "acknowledgments": list(self._acknowledgments),
                "shipments": list(self._shipments),
                "purchases": self.desk.books(),
                "files": list(self._published),
            }

    def _told(self, record: RequestRecord) -> dict[str, Any]:
        return {
            "count": len(record.picked_up_at),
            "picked_up_at": [at.isoformat() for at in record.picked_up_at],
            "lines": [vars(line) for line in record.lines],
            "states": [work.state for work in self._work if work.key == record.key],
            "held": record.key in self._held,
            "papers": sum(bool(drawn) for drawn in record.papers),
        }


def _requested(text: str) -> list[tuple[str, Line]]:
    """(key, line) of every row; nothing where the file is no request."""
    try:
        return [
            (row["key"], Line(row["line"], row["sku"], int(row["quantity"])))
            for row in csv.DictReader(io.StringIO(text, newline=""))
        ]
    except (KeyError, TypeError, ValueError, csv.Error):
        return []


def _csv(headings: list[str], rows: list[list[Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(headings)
    writer.writerows(rows)
    return out.getvalue()
