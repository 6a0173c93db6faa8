"""Pages on which a place answers a request to ship: whether it will, in which parcel it did, and
whether it stopped it. No word about the buyer stands there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.values import CARRIER_WORDS
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    FulfillmentState,
    ShipmentNotice,
    ShippedLine,
)
from core.rules.effects import short_key
from jobs.answers import record_acknowledgment
from jobs.correspondence import record_call_off_answer
from jobs.goods import owed, ships_through
from jobs.inbound import lines
from jobs.inbound.lines import Line
from jobs.inbound.pages import Form, Page, Taken, filled_in, template
from jobs.links import PARCEL, Link
from jobs.notices import record_notice
from jobs.overdue import CALL_OFF
from jobs.store.effects import Effects
from jobs.store.parcels import Parcels, Requested
from jobs.store.store import Tx
from jobs.wiring import Wiring

_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9-]{6,40}")
_OVER = (FulfillmentState.REJECTED, FulfillmentState.CANCELED, FulfillmentState.DELIVERED)
_UNTOUCHED = (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED)

_LINES = template(lines.FIELDS)
_PARCEL_FIELDS = """\
<p><label>Carrier <input name="carrier" maxlength="40" value="{{ given.get("carrier", "") }}"></label></p>
<p><label>Tracking number <input name="number" maxlength="60" value="{{ given.get("number", "") }}"></label></p>
<p>Where the parcel holds all that is left, leave the units empty.</p>
<table><thead><tr><th>Item</th><th>Left</th><th>Units in this parcel</th></tr></thead><tbody>
{% for line in lines %}{% set n = loop.index0 %}
<tr><td>{{ line.item }}{% if line.item != line.sku %}<br><small>{{ line.sku }}</small>{% endif %}</td><td>{{ line.quantity }}</td>
<td><input name="units-{{ n }}" inputmode="numeric" size="7" maxlength="7" value="{{ given.get("units-%d" % n, "") }}"></td></tr>
{% endfor %}</tbody></table>"""
_PARCEL_PAGE = template(
    _PARCEL_FIELDS, once="The page stays open until everything has left. A number tells once."
)
_STOP_PAGE = template("""\
<p><label><input type="radio" name="stopped" value="yes"> It will not leave</label></p>
<p><label><input type="radio" name="stopped" value="no"> It is too late: it leaves, or has left</label></p>""")


def form_of(tx: Tx, wiring: Wiring, link: Link, *, lock: bool) -> Form | None:
    """What the page of this link asks; None: it is about no request, or nothing is asked any more."""
    stopping, telling = link.key.startswith(f"{CALL_OFF}:"), link.key.startswith(PARCEL)
    key = link.key.removeprefix(f"{CALL_OFF}:").removeprefix(PARCEL)
    if lock:
        # Of a form that is sent twice at once the second sees what the first told.
        Parcels(tx).hold(key)
    found = Parcels(tx).requested(key)
    if found is None or found.state in _OVER:
        return None
    if ships_through(wiring, found.location) != link.connection:
        return None
    if found.state is FulfillmentState.PLANNED and not _may_have_it(tx, key):
        return None
    if stopping:
        asked = found.called_off and found.state in _UNTOUCHED
        return _StopForm(wiring, found) if asked else None
    left = _left(tx, wiring, found)
    if not left:
        return None
    form = _ParcelForm if telling else _AnswerForm
    return form(wiring, link.connection, found, left)


def _may_have_it(tx: Tx, key: str) -> bool:
    """A mail in doubt may be there; one that came back, or was taken back, is not."""
    state = Effects(tx).request_of(key)
    return state in ("sending", "unknown", "parked")


def _left(tx: Tx, wiring: Wiring, found: Requested) -> list[Line]:
    return [Line(name, sku, units) for sku, units, name in owed(tx, wiring, found)]


def _title(found: Requested) -> str:
    return f"Purchase order {short_key(found.key)}"


@dataclass(frozen=True)
class _RequestForm:
    wiring: Wiring
    connection: str
    found: Requested
    #: what it agreed to ship, or may, and has not
    left: Sequence[Line]


class _AnswerForm(_RequestForm):
    """Whether it will ship."""

    def page(self, status: int, problems: Sequence[str], given: Mapping[str, str]) -> Page:
        return filled_in(
            status, _title(self.found), _LINES, problems=problems, given=given, lines=self.left,
            choices=lines.CHOICES,
        )  # fmt: skip

    def read(self, given: Mapping[str, str], *, at: datetime) -> Taken | list[str]:
        said, problems = lines.read(self.left, given)
        if problems:
            return problems
        answer = Acknowledgment(
            self.found.key,
            AcknowledgmentStatus.ACCEPTED,
            at,
            raw_status="by link",
            reference=lines.plain(given.get("reference", "")),
            lines=tuple(each for one in said for each in self._answered(one)),
        )

        def record(tx: Tx) -> None:
            record_acknowledgment(tx, self.wiring, self.connection, answer)
            tx.audit(
                f"{self.found.location}, by link",
                "answer request",
                self.found.key,
                after={one.line.sku: [one.units, str(one.ready_on or "")] for one in said},
            )

        return Taken(
            record, "Your answer was received. Please tell us the parcel when it has left."
        )

    def _answered(self, one: lines.Said) -> list[AnsweredLine]:
        """An answer speaks of the whole request: what was declined before is declined."""
        status = AcknowledgmentStatus.ACCEPTED
        if one.ready_on is not None:
            status = AcknowledgmentStatus.BACKORDERED
        before = sum(
            count for (_, sku), count in self.found.declined.items() if sku == one.line.sku
        )
        made = []
        if one.units:
            made.append(AnsweredLine(one.line.sku, status, one.units, one.ready_on))
        if refused := one.line.quantity - one.units + before:
            made.append(AnsweredLine(one.line.sku, AcknowledgmentStatus.REJECTED, refused))
        return made


class _ParcelForm(_RequestForm):
    """In which parcel it left."""

    def page(self, status: int, problems: Sequence[str], given: Mapping[str, str]) -> Page:
        return filled_in(
            status, _title(self.found), _PARCEL_PAGE, problems=problems, given=given,
            lines=self.left,
        )  # fmt: skip

    def read(self, given: Mapping[str, str], *, at: datetime) -> Taken | list[str]:
        carrier = " ".join(lines.plain(given.get("carrier", "")).split()).casefold()
        number = "".join(lines.plain(given.get("number", "")).split())
        problems = [] if carrier else ["which carrier has it?"]
        if not _NUMBER.fullmatch(number):
            problems.append("the tracking number: 6 to 40 letters and digits")
        held: list[ShippedLine] = []
        for at_line, line in enumerate(self.left):
            text = given.get(f"units-{at_line}", "").strip()
            if text and (not lines.UNITS.fullmatch(text) or int(text) > line.quantity):
                problems.append(f"{line.item}: units up to {line.quantity}")
            elif text and int(text):
                held.append(ShippedLine(line.sku, int(text)))
        if problems:
            return problems
        whole = not held or [one.quantity for one in held] == [one.quantity for one in self.left]
        notice = ShipmentNotice(
            self.found.key, CARRIER_WORDS.get(carrier, carrier), number, at,
            () if whole else tuple(held), whole=whole, document=number, replaces=True,
        )  # fmt: skip

        def record(tx: Tx) -> None:
            record_notice(tx, self.wiring, self.connection, notice)
            tx.audit(
                f"{self.found.location}, by link", "tell parcel", self.found.key,
                after={"carrier": notice.carrier, "number": number},
            )  # fmt: skip

        more = "" if whole else " For the rest, open the same page again."
        # A number that is sent twice tells nothing more, whatever else is left.
        return Taken(record, f"The parcel was received.{more}", once=False)


@dataclass(frozen=True)
class _StopForm:
    """Whether it stopped what we want no more."""

    wiring: Wiring
    found: Requested

    def page(self, status: int, problems: Sequence[str], given: Mapping[str, str]) -> Page:
        title = f"Do not ship {short_key(self.found.key)}"
        return filled_in(status, title, _STOP_PAGE, problems=problems, given=given)

    def read(self, given: Mapping[str, str], *, at: datetime) -> Taken | list[str]:
        said = given.get("stopped", "")
        if said not in ("yes", "no"):
            return ["did you stop it?"]
        stopped = said == "yes"

        def record(tx: Tx) -> None:
            record_call_off_answer(tx, self.wiring, self.found, stopped=stopped)
            tx.audit(
                f"{self.found.location}, by link", "answer call-off", self.found.key,
                after={"stopped": stopped},
            )  # fmt: skip

        return Taken(record, "Thank you: nothing more is to be done." if stopped else "Thank you.")
