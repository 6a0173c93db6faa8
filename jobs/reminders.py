"""REMIND: who has not answered or shipped in most of the agreed time is reminded, before a person is told.

A reminder is an Effect (I4) with a key of its own, and orders nothing. Whether it is still wanted is
looked up in the transaction that commits `sending`. One in doubt is never sent again: another
reminder follows, or the Case about silence does (jobs.overdue).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from config.reminding import Reminding
from connectors.values import one_line
from core.model.cases import Case
from core.model.fulfillment import FulfillmentState, RequestReminder
from core.model.purchasing import PurchaseReminder, PurchaseState
from core.model.reasons import Reason
from core.ports import AlertTarget, Mail, MailedRequestTarget, PurchaseReminderTarget
from core.rules.effects import EffectState, EffectStep, message_id, short_key
from jobs import links
from jobs.deadlines import WorkingTime, of_place, of_supplier
from jobs.goods import owed
from jobs.once import Write, each_effect, send
from jobs.overdue import UNSHIPPED, to_ask
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.parcels import Parcels
from jobs.store.permissions import PURCHASES
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Tx
from jobs.store.tables import cases, fulfillment
from jobs.store.types import json_text
from jobs.wiring import Wiring

KIND = "reminder"
#: A Case that asks a person to remind a partner by phone.
CALL_CASE = "reminder_call"
#: Who answered in words did answer: a person reads it, and nobody is reminded.
_WORDS = ("purchase_words", "request_words")
#: What is waited for: an answer to a purchase order, an answer to a request to ship, its shipment.
PURCHASE, ANSWER, SHIPMENT = "purchase", "answer", "shipment"
#: Lines that a mail names, and letters of a name.
_MOST_LINES = 50
_LONGEST_NAME = 80
#: Nobody resolves it: a fixed domain for Message-IDs.
_DOMAIN = "lockstep.invalid"


@dataclass(frozen=True, slots=True)
class _Wait:
    """Something that a partner owes us."""

    what: str
    #: the key of the purchase order or request
    of: str
    partner: str
    since: datetime
    term: timedelta
    time: WorkingTime
    remind: Reminding
    #: the connection that took the order
    connection: str

    @property
    def due(self) -> datetime:
        return self.time.after(self.since, self.term)

    def reminders(self, now: datetime) -> int:
        """How many of them are due."""
        shares = (self.term * percent / 100 for percent in self.remind.at)
        return sum(self.time.after(self.since, share) <= now for share in shares)

    @property
    def subject(self) -> str:
        return f"{'purchase' if self.what == PURCHASE else 'request'} {self.of}"


def _key(what: str, of: str, number: int) -> str:
    return f"reminder:{what}:{of}:{number}"


# --- what is waited for --------------------------------------------------------------------------


def _waits(tx: Tx, wiring: Wiring) -> Iterator[_Wait]:
    letters = tx.rows(select(cases.c.subject).where(cases.c.kind.in_(_WORDS)))
    wrote = {row.subject for row in letters}
    for order in Purchases(tx).listed():
        found = _purchase(wiring, order)
        if found and found.subject not in wrote:
            yield found
    open_ones = select(fulfillment).where(fulfillment.c.state.in_([str(one) for one in UNSHIPPED]))
    for row in tx.rows(open_ones):
        for what in (ANSWER, SHIPMENT):
            found = _request(wiring, row, what)
            if found and not (what == ANSWER and found.subject in wrote):
                yield found


def _still(tx: Tx, wiring: Wiring, what: str, of: str) -> _Wait | None:
    """What is waited for under this key; None: it is settled."""
    if what == PURCHASE:
        order = Purchases(tx).get(of)
        found = None if order is None else _purchase(wiring, order)
    else:
        row = tx.connection.execute(select(fulfillment).where(fulfillment.c.key == of)).first()
        found = None if row is None else _request(wiring, row, what)
    if found is None or what == SHIPMENT:
        return found
    letter = select(cases.c.id).where(cases.c.kind.in_(_WORDS), cases.c.subject == found.subject)
    return None if tx.connection.execute(letter).first() else found


def _purchase(wiring: Wiring, order: PurchaseRecord) -> _Wait | None:
    """None: no answer to it is waited for (any more)."""
    if order.state is not PurchaseState.SENT or order.sent_at is None:
        return None
    terms = wiring.config.suppliers.get(order.supplier)
    if terms is None or terms.connection != order.connection != "":
        return None
    if terms.acknowledge_within is None:
        return None
    return _Wait(
        PURCHASE, order.number, order.supplier, order.sent_at, terms.acknowledge_within,
        of_supplier(wiring, terms), terms.remind, order.connection,
    )  # fmt: skip


def _request(wiring: Wiring, row: Row[Any], what: str) -> _Wait | None:
    """None: it is not waited for (any more), or we told the place not to ship it."""
    if row.requested_at is None or row.call_off is not None:
        return None
    waits = (FulfillmentState.REQUESTED,) if what == ANSWER else UNSHIPPED
    place = wiring.config.locations.get(row.location)
    if place is None or row.state not in [str(one) for one in waits]:
        return None
    term = place.acknowledge_within if what == ANSWER else place.ship_within
    return _Wait(
        what, row.key, row.location, row.requested_at, term, of_place(wiring, place), place.remind,
        place.ships_through,
    )  # fmt: skip


# --- deciding ------------------------------------------------------------------------------------


def plan_reminders(tx: Tx, run: Run) -> None:
    """Plan the reminders that are due; where nothing can be mailed, ask a person to call."""
    asked: set[str] = set()
    for one in _waits(tx, run.wiring):
        number = one.reminders(tx.now)
        through = _through(run.wiring, one)
        if not number:
            continue
        if through:
            _plan(tx, one, number, through)
        elif one.remind.call and tx.now <= one.due:
            # From then on the Case about the silence names whom to call.
            asked.add(one.subject)
            reason = Reason.of(
                "reminder_call", partner=to_ask(one.partner, one.remind), key=one.of,
                until=f"{one.due.astimezone(one.time.zone):%Y-%m-%d %H:%M %Z}",
            )  # fmt: skip
            tx.renew_case(Case(CALL_CASE, one.subject, reason))
    told = select(cases.c.subject).where(cases.c.kind == CALL_CASE, cases.c.state == "open")
    for row in tx.rows(told):
        if row.subject not in asked:
            tx.close_case(CALL_CASE, row.subject)


def _through(wiring: Wiring, one: _Wait) -> str:
    """The connection that carries reminders of it; "": none can be mailed."""
    thread = wiring.connectors.get(one.connection)
    kind = PurchaseReminderTarget if one.what == PURCHASE else MailedRequestTarget
    if isinstance(thread, kind):
        return one.connection
    return wiring.config.alerts.through if one.remind.mail else ""


def _plan(tx: Tx, one: _Wait, number: int, through: str) -> None:
    key = _key(one.what, one.of, number)
    effects = Effects(tx)
    original = effects.latest_as(one.of)
    if original is None or original.state is not EffectState.DONE or effects.exists(key):
        return
    said = {"what": one.what, "of": one.of, "number": number}
    effects.plan(
        [
            Intent(
                kind=KIND,
                connection=through,
                # Who may not be asked may not be reminded.
                scope=original.scope,
                subject=original.subject,
                order_id=None,
                number=number,
                key=key,
                request=key,
                told=json_text(said),
            )
        ]
    )
    tx.wake(f"{through}/reminders")


# --- sending -------------------------------------------------------------------------------------


def push_reminders(run: Run, connection: str) -> None:
    """Send what is planned, each at most once, and nothing that was answered meanwhile."""

    def ready(tx: Tx, one: EffectRow) -> Callable[[], str] | None:
        call = _call(tx, run, connection, one)
        if call is None and Effects(tx).cancel_unsent(one.key):
            tx.decide(one.subject, Reason.of("reminder_spared", key=one.key))
        return call

    def sent(one: EffectRow, _: object, reference: str) -> None:
        with run.transaction() as tx:
            Effects(tx).done(one, remote_ref=reference)
            tx.decide(one.subject, Reason.of("reminder_sent", key=one.key))

    def remind(one: EffectRow) -> None:
        what = json.loads(one.told or "{}")["what"]
        flow = PURCHASES if what == PURCHASE else "requests"
        send(run, Write(flow, ready, lambda _, call: call(), sent), one)

    _drop_doubts(run, connection)
    each_effect(run, connection, KIND, can_ask=False, steps={EffectStep.SEND: remind})


def _drop_doubts(run: Run, connection: str) -> None:
    """It came or it did not. Twice would tell them that nobody here keeps count."""
    with run.transaction() as tx:
        for one in Effects(tx).live(connection, KIND):
            in_doubt = one.state in (EffectState.SENDING, EffectState.UNKNOWN)
            if in_doubt and one.settle_until is not None and one.settle_until <= tx.now:
                Effects(tx).done(one, remote_ref="")
                tx.decide(one.subject, Reason.of("reminder_in_doubt", key=one.key))


def _call(tx: Tx, run: Run, connection: str, one: EffectRow) -> Callable[[], str] | None:
    """What tells it; None: it is answered, shipped, called off, or nobody is to be reminded."""
    said = json.loads(one.told or "{}")
    what, of, number = said["what"], said["of"], said["number"]
    wiring = run.wiring
    found = _still(tx, wiring, what, of)
    if found is None or _through(wiring, found) != connection:
        return None
    target = wiring.connectors[connection]
    if what != PURCHASE and isinstance(target, MailedRequestTarget):
        asked = RequestReminder(
            of, short_key(of), number, what == SHIPMENT, found.since, found.due,
            tuple(_goods(tx, wiring, found)),
        )  # fmt: skip
        pages = links.pages_of(tx, wiring, connection, of, open_for=target.answer_page_for)
        return lambda: target.mail_reminder(asked, pages=pages)
    if isinstance(target, PurchaseReminderTarget):
        order = Purchases(tx).get(of)
        assert order is not None, of
        told = PurchaseReminder(order.order(), number, found.since, found.due)
        page = links.issue(tx, wiring, connection, of, open_for=target.answer_page_for)
        return lambda: target.push_reminder(told, answer_at=page)
    mail = _written(tx, wiring, found, number)
    post = wiring.connector(connection, AlertTarget)
    return lambda: (post.push_mail(mail), mail.message_id)[1]


# --- words ---------------------------------------------------------------------------------------


def _written(tx: Tx, wiring: Wiring, one: _Wait, number: int) -> Mail:
    """No word about the buyer: whom a request is for stands in the request."""
    recipient = str(one.remind.mail)
    first, this = (
        message_id(_key(one.what, one.of, count), count, recipient, _DOMAIN)
        for count in (1, number)
    )
    shop = one_line(wiring.config.shop.name, _LONGEST_NAME)
    named = one.of if one.what == PURCHASE else f"{one.of} ({short_key(one.of)})"
    order = "purchase order" if one.what == PURCHASE else "request to ship"
    owed = "ships" if one.what == SHIPMENT else "is answered"
    lacks = "has not shipped whole" if one.what == SHIPMENT else "has no answer"
    text = (
        f"This only reminds you of our {order} {named}. Nothing is ordered by it:\n"
        "please do not enter it again.\n\n"
        f"You have it since {one.since:%Y-%m-%d, %H:%M} UTC and it {lacks} as far as we know.\n"
        f"Agreed was that it {owed} until {one.due:%Y-%m-%d, %H:%M} UTC. It is about (units, item):\n\n"
        + "\n".join(_lines(tx, wiring, one))
        + "\n\nPlease answer the way you always do. If you do not have it, or will not ship it, "
        f"please say so.\n\n-- \n{shop}\n"
    )
    return Mail(
        message_id=this,
        in_reply_to="" if number == 1 else first,
        recipient=recipient,
        subject=f"[{shop}] Reminder: {order} {named}",
        text=text,
        html="",
    )


def _lines(tx: Tx, wiring: Wiring, one: _Wait) -> list[str]:
    goods = [(units, what) for units, what in _goods(tx, wiring, one) if units > 0]
    lines = [f"  {units:>7}  {one_line(what, _LONGEST_NAME)}" for units, what in goods]
    more = [f"  and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return [*lines[:_MOST_LINES], *more]


def _goods(tx: Tx, wiring: Wiring, one: _Wait) -> Iterable[tuple[int, str]]:
    """Units still owed, and what their people call the thing."""
    if one.what == PURCHASE:
        order = Purchases(tx).get(one.of)
        assert order is not None, one.of
        return [(line.coming, line.item) for line in order.lines]
    found = Parcels(tx).requested(one.of)
    assert found is not None, one.of
    return [(units, name) for _, units, name in owed(tx, wiring, found)]
