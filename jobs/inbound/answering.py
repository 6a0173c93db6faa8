"""The page on which a supplier answers a purchase order, once, by an address that nobody can guess.

Mail scanners open every link: looking changes nothing, only what is sent from the page does. What
it says goes the way of every other answer (jobs.purchase).
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from jinja2 import Environment, StrictUndefined

from core.model.purchasing import PurchaseAnswer
from jobs import links
from jobs.purchase import record_answers
from jobs.store.purchases import LineRecord, PurchaseRecord, Purchases
from jobs.store.store import Store, Tx
from jobs.wiring import Wiring

#: Pages in one minute, whoever asks for them; more are told to come later.
PAGES_A_MINUTE = 120
#: The largest answer: 5,000 lines with three short fields each.
MOST_BYTES = 500_000
_UNITS = re.compile(r"[0-9]{1,7}")
_CHOICES = ("all", "later", "fewer", "none")

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1c2330;max-width:52rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "padding:.4rem;border-bottom:1px solid #dde1e7;vertical-align:top}.wrong{color:#a3201b}"
    "button{font:inherit;padding:.5rem 1.5rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: With every page: nothing is run, framed, sent elsewhere, kept, or told to other sites.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
{% if told %}<p>{{ told }}</p>{% endif %}
{% if order %}
{% for problem in problems %}<p class="wrong">{{ problem }}</p>
{% endfor %}
<form method="post">
<table><thead><tr><th>Item</th><th>Ordered</th><th>Your answer</th><th>Units</th><th>Leaves you on</th></tr></thead><tbody>
{% for line in order.lines %}{% set n = loop.index0 %}
<tr><td>{{ line.item }}{% if line.item != line.sku %}<br><small>{{ line.sku }}</small>{% endif %}</td><td>{{ line.quantity }}</td>
<td><select name="choice-{{ n }}">
{% for value, words in choices %}<option value="{{ value }}"{% if given.get("choice-%d" % n, "all") == value %} selected{% endif %}>{{ words }}</option>
{% endfor %}</select></td>
<td><input name="units-{{ n }}" inputmode="numeric" size="7" maxlength="7" value="{{ given.get("units-%d" % n, "") }}"></td>
<td><input name="day-{{ n }}" type="date" value="{{ given.get("day-%d" % n, "") }}"></td></tr>
{% endfor %}</tbody></table>
<p><label>Your reference <input name="reference" maxlength="60" value="{{ given.get("reference", "") }}"></label></p>
<p>Sent once, it cannot be changed here.</p>
<button type="submit">Send this answer</button>
</form>
{% endif %}
</body></html>
"""
_CHOICE_WORDS = (
    ("all", "All of it"),
    ("later", "All of it, later (say the day)"),
    ("fewer", "Fewer (say how many)"),
    ("none", "None of it"),
)
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: an HTTP status and HTML."""

    status: int
    html: str
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def _shown(status: int, title: str, told: str = "", **more: object) -> Page:
    given: dict[str, object] = {"order": None, "problems": [], "given": {}} | more
    html = _TEMPLATE.render(
        title=title, told=told, style=_STYLE, choices=_CHOICE_WORDS, **given
    )  # fmt: skip
    return Page(status, html)


_UNKNOWN = ("This page is not known", "Use the whole address, as it stands in our mail.")
_LATE = (
    "This page is closed",
    "It was used, or its time is over. Answer to our mail where something is to be changed.",
)


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
        _, order = found
        return _form(200, order)

    def answer(self, token: str, given: Mapping[str, str]) -> Page:
        """Take an answer, and close the page: 200; 422 with what is missing, and it stays open."""
        with self._store.transaction() as tx:
            found = self._open(tx, token, lock=True)
            if isinstance(found, Page):
                return found
            link, order = found
            answers, problems = _read(order, given, at=tx.now)
            if problems:
                return _form(422, order, problems=problems, given=given)
            if not links.spend(tx, link):
                return _shown(410, *_LATE)
            record_answers(tx, self._wiring, link.connection, link.key, answers)
            tx.audit(
                f"{order.supplier}, by link",
                "answer purchase",
                order.number,
                after={one.item: [one.quantity, str(one.ready_on or "")] for one in answers},
            )
        return _shown(200, "Thank you", f"Your answer to {order.number} was received.")

    def _open(self, tx: Tx, token: str, *, lock: bool) -> tuple[links.Link, PurchaseRecord] | Page:
        link = links.find(tx, token)
        if link is None:
            return _shown(404, *_UNKNOWN)
        order = Purchases(tx).get(link.key, lock=lock)
        if (
            order is None
            or order.connection != link.connection
            or not order.open
            or link.spent_at is not None
            or link.expires_at <= tx.now
        ):
            return _shown(410, *_LATE)
        return link, order


def _form(
    status: int, order: PurchaseRecord, *, problems: list[str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Page:  # fmt: skip
    return _shown(
        status,
        f"Purchase order {order.number}",
        order=order,
        problems=problems or [],
        given=dict(given or {}),
    )


def _read(
    order: PurchaseRecord, given: Mapping[str, str], *, at: datetime
) -> tuple[list[PurchaseAnswer], list[str]]:
    """An answer for each line, and what is wrong with those that are none."""
    answers: list[PurchaseAnswer] = []
    problems: list[str] = []
    reference = "".join(c for c in given.get("reference", "") if c.isprintable()).strip()[:60]
    for number, line in enumerate(order.lines):
        try:
            units, ready_on = _line(
                line,
                given.get(f"choice-{number}", ""),
                given.get(f"units-{number}", "").strip(),
                given.get(f"day-{number}", "").strip(),
            )
        except ValueError as why:
            problems.append(f"{line.item}: {why}")
            continue
        answers.append(PurchaseAnswer(order.number, line.sku, units, at, ready_on, reference))
    return answers, problems


def _line(line: LineRecord, choice: str, units: str, day: str) -> tuple[int, date | None]:
    """(units that will come, the day they leave). Raises ValueError with words for who wrote it."""
    if choice not in _CHOICES:
        raise ValueError("choose an answer")
    ready_on = None
    if day and choice != "none":
        try:
            ready_on = date.fromisoformat(day)
        except ValueError:
            raise ValueError("write the day as 2026-12-31") from None
    if choice == "none":
        return 0, None
    if choice == "later" and ready_on is None:
        raise ValueError("on which day does it leave you?")
    if choice != "fewer":
        return line.quantity, ready_on
    if not _UNITS.fullmatch(units) or int(units) >= line.quantity:
        raise ValueError(f"how many units will come? Fewer than {line.quantity}")
    return int(units), ready_on
