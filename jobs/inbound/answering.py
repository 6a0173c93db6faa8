"""Pages on which a partner answers, once, by an address that nobody can guess.

Mail scanners open every link: looking changes nothing, only what is sent from the page does. What
it says goes the way of every other answer (jobs.purchase, jobs.answers).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model.purchasing import PurchaseAnswer
from jobs import links
from jobs.inbound import lines
from jobs.inbound.lines import Line
from jobs.inbound.pages import Form, Page, Taken, filled_in, shown, template
from jobs.inbound.shipping import form_of
from jobs.purchase import record_answers
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Store, Tx
from jobs.wiring import Wiring

#: Pages in one minute, whoever asks for them; more are told to come later.
PAGES_A_MINUTE = 120
#: The largest answer: 5,000 lines with three short fields each.
MOST_BYTES = 500_000
_UNKNOWN = ("This page is not known", "Use the whole address, as it stands in our mail.")
_LATE = (
    "This page is closed",
    "It was used, or its time is over. Answer to our mail where something is to be changed.",
)
_LINES = template(lines.FIELDS)


class Answers:
    """Pages by their tokens. Called from many threads."""

    def __init__(self, store: Store, wiring: Wiring) -> None:
        self._store = store
        self._wiring = wiring
        self._left = float(PAGES_A_MINUTE)
        self._at = store.clock.now()
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        """One page more, of PAGES_A_MINUTE."""
        now = self._store.clock.now()
        with self._lock:
            passed = max(0.0, (now - self._at).total_seconds())
            self._left = min(PAGES_A_MINUTE, self._left + passed * PAGES_A_MINUTE / 60)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def show(self, token: str) -> Page:
        """The page of a token: to be filled in, closed (410), or none (404)."""
        with self._store.reading() as tx:
            found = self._open(tx, token, lock=False)
            if isinstance(found, Page):
                return found
            _, form = found
            return form.page(200, (), {})

    def answer(self, token: str, given: Mapping[str, str]) -> Page:
        """Take an answer, and close the page: 200; 422 with what is missing, and it stays open."""
        with self._store.transaction() as tx:
            found = self._open(tx, token, lock=True)
            if isinstance(found, Page):
                return found
            link, form = found
            taken = form.read(given, at=tx.now)
            if not isinstance(taken, Taken):
                return form.page(422, taken, given)
            if taken.once and not links.spend(tx, link):
                return shown(410, *_LATE)
            taken.record(tx)
        return shown(200, "Thank you", taken.thanks)

    def _open(self, tx: Tx, token: str, *, lock: bool) -> tuple[links.Link, Form] | Page:
        link = links.find(tx, token)
        if link is None:
            return shown(404, *_UNKNOWN)
        if link.spent_at is not None or link.expires_at <= tx.now:
            return shown(410, *_LATE)
        form: Form | None = form_of(tx, self._wiring, link, lock=lock)
        order = Purchases(tx).get(link.key, lock=lock)
        if order is not None and order.connection == link.connection and order.open:
            form = _PurchaseForm(self._wiring, order)
        return shown(410, *_LATE) if form is None else (link, form)


@dataclass(frozen=True)
class _PurchaseForm:
    """What of an order that restocks us will come, and when."""

    wiring: Wiring
    order: PurchaseRecord

    @property
    def _asked(self) -> list[Line]:
        return [Line(one.item, one.sku, one.quantity) for one in self.order.lines]

    def page(self, status: int, problems: Sequence[str], given: Mapping[str, str]) -> Page:
        return filled_in(
            status, f"Purchase order {self.order.number}", _LINES, problems=problems, given=given,
            lines=self._asked, choices=lines.CHOICES,
        )  # fmt: skip

    def read(self, given: Mapping[str, str], *, at: datetime) -> Taken | list[str]:
        said, problems = lines.read(self._asked, given)
        if problems:
            return problems
        order, reference = self.order, lines.plain(given.get("reference", ""))
        answers = [
            PurchaseAnswer(order.number, one.line.sku, one.units, at, one.ready_on, reference)
            for one in said
        ]

        def record(tx: Tx) -> None:
            record_answers(tx, self.wiring, order.connection, order.number, answers)
            tx.audit(
                f"{order.supplier}, by link",
                "answer purchase",
                order.number,
                after={one.item: [one.quantity, str(one.ready_on or "")] for one in answers},
            )

        return Taken(record, f"Your answer to {order.number} was received.")
