"""The simulated supplier's sales desk: takes purchase orders, answers what will come and when.

Part of the simulator, in memory only: files are the simulator's business. As dumb as real ones: an
order that comes twice is taken twice, and the books show it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass
class Wanted:
    """One line of a purchase order."""

    item: str
    sku: str
    quantity: int


@dataclass
class Order:
    """A purchase order as it was taken; a second copy is an order of its own."""

    number: str
    lines: list[Wanted]
    taken_at: datetime
    answer_at: datetime
    answered: bool = False


@dataclass
class SalesDesk:
    #: days until goods are ready
    lead_days: int = 10
    #: item -> the most units that will come of it
    short: dict[str, int] = field(default_factory=dict)
    taken: list[Order] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    def take(self, text: str, *, now: datetime, answer_after: timedelta) -> bool:
        """Take the orders of one file. False: it is no purchase order, and is left lying."""
        try:
            rows = [
                (row["order"], Wanted(row["item"], row["sku"], int(row["quantity"])))
                for row in csv.DictReader(io.StringIO(text, newline=""))
            ]
        except (KeyError, TypeError, ValueError, csv.Error):
            return False
        for number in dict.fromkeys(number for number, _ in rows):
            mine = [line for whose, line in rows if whose == number]
            self.taken.append(Order(number, mine, now, now + answer_after))
        self.documents.append(text)
        return bool(rows)

    def answers(self, now: datetime) -> list[dict[str, Any]]:
        """The rows of the answers that are due; each is given once."""
        rows = []
        for number, order in enumerate(self.taken, start=1):
            if order.answered or now < order.answer_at:
                continue
            order.answered = True
            ready = (now + timedelta(days=self.lead_days)).date().isoformat()
            rows += [
                {
                    "order": order.number,
                    "item": line.item,
                    "quantity": min(line.quantity, self.short.get(line.item, line.quantity)),
                    "ready_on": ready,
                    "reference": f"SO-{number:05d}",
                    "at": now.isoformat(),
                }
                for line in order.lines
            ]
        return rows

    def books(self) -> dict[str, Any]:
        """Every purchase order ever taken, with how often it came."""
        return {
            order.number: {
                "count": sum(one.number == order.number for one in self.taken),
                "lines": [vars(line) for line in order.lines],
                "answered": order.answered,
            }
            for order in self.taken
        }
