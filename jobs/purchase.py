"""BUY: approved lines become purchase orders, orders become files at the supplier, answers come back.

A purchase order's number is its Effect's key. It is made of what was approved, so that a restored
copy of the database that approves the same plan again makes the same order, not a second one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from operator import gt, lt
from typing import Any

from sqlalchemy import Row

from config.replenishment import Supplier
from core.errors import ConfigError
from core.model.cases import Case, Severity
from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import (
    PurchaseAnswer,
    PurchaseBounce,
    PurchaseLetter,
    PurchaseLine,
    PurchaseOrder,
    PurchaseState,
    PurchaseVerdict,
)
from core.model.reasons import Reason
from core.ports import PurchaseAnswerSource, PurchaseOrderTarget
from core.rules.answers import deviates
from core.rules.modes import may_write
from jobs.buying import NOT_IN_SIGHT, OPEN_ALWAYS, PLAN, Line, item_of
from jobs.forecast import arrives, lead_time
from jobs.naming import in_our_units
from jobs.push import Handing, hand_over
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.permissions import PURCHASES, Permissions
from jobs.store.plans import Plans
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

KIND = "purchase"
#: A promise for a later day is none.
FARTHEST = timedelta(days=3 * 365)


class CannotBuy(ConfigError):
    """What a person asked for cannot be ordered as it stands."""


# --- approving -----------------------------------------------------------------------------------


def approve(
    tx: Tx, wiring: Wiring, plan: int, *, skus: Sequence[Sku] = (),
    quantities: Mapping[Sku, int] | None = None, below_minimum: bool = False, by: str,
) -> PurchaseOrder:  # fmt: skip
    """Make a purchase order of a plan's lines (all with a quantity, where `skus` is empty).

    Raises CannotBuy. What the plan holds besides is proposed again with the next look.
    """
    row, lines = _waiting(tx, plan)
    supplier = wiring.config.suppliers.get(row.scope)
    if supplier is None:
        raise CannotBuy(f"plan {plan}: there is no supplier {row.scope!r} in the configuration")
    ordered = _ordered(tx, wiring, lines, skus, quantities or {}, plan)
    if not below_minimum:
        _check_minimum(supplier, ordered)
    if supplier.connection:
        permission = may_write(Permissions(tx).scope(supplier.connection, PURCHASES), sku=None)
        if permission.reason.code == "mode_observe":
            raise CannotBuy(
                f"{PURCHASES} to {supplier.connection!r} are only observed: nothing would be sent; "
                f"`lockstep mode act --connection {supplier.connection}` switches"
            )
    order = PurchaseOrder(
        number=_number(row, ordered, wiring.day(row.created_at)),
        supplier=row.scope,
        location=supplier.restocks,
        lines=tuple(ordered),
        ordered_at=tx.now,
        needed_on=_needed(lines[line.sku] for line in ordered),
    )
    # Before anything is made: of two people who say yes at once, one does.
    if not Plans(tx).settle(plan, "done", by=by):
        raise CannotBuy(f"plan {plan} was settled at this moment by somebody else")
    add(tx, wiring, supplier, order, by=by)
    # What is left of the plan is worked out again.
    tx.wake("core/replenishment", "core/alerts")
    return order


def _waiting(tx: Tx, plan: int) -> tuple[Row[Any], dict[Sku, Line]]:
    row = Plans(tx).get(plan)
    if row is None or row.kind != PLAN:
        raise CannotBuy(f"there is no purchase plan {plan}; `lockstep replenish plan` lists them")
    if row.state == "replaced":
        newer = [
            one.id for one in Plans(tx).waiting() if (one.kind, one.scope) == (PLAN, row.scope)
        ]
        now = f"plan {newer[0]} took its place; look at it first" if newer else "none is left"
        raise CannotBuy(f"what plan {plan} proposed has changed: {now}")
    if row.state != "waiting":
        raise CannotBuy(f"plan {plan} was settled by {row.settled_by}")
    return row, {one["sku"]: Line(**one) for one in row.body["lines"]}


def _ordered(
    tx: Tx, wiring: Wiring, lines: Mapping[Sku, Line], skus: Sequence[Sku],
    quantities: Mapping[Sku, int], plan: int,
) -> list[PurchaseLine]:  # fmt: skip
    wanted = skus or [sku for sku, line in lines.items() if line.quantity or sku in quantities]
    unknown = sorted({*wanted, *quantities} - lines.keys())
    if unknown:
        raise CannotBuy(f"plan {plan} has no line for {', '.join(unknown)}")
    made = []
    for sku in dict.fromkeys(wanted):
        line = lines[sku]
        units = quantities.get(sku, line.quantity)
        if units != line.quantity or not units:
            line = _changed(tx, wiring, line, units)
        price = None if line.price is None else Money(line.price, line.currency)
        made.append(PurchaseLine(sku, line.item, line.quantity, price, line.pack))
    if not made:
        raise CannotBuy(f"plan {plan} has nothing to order")
    return sorted(made, key=lambda one: one.sku)


def _changed(tx: Tx, wiring: Wiring, line: Line, units: int) -> Line:
    """Another quantity than was proposed: whole packs, the supplier's minimum, its own price."""
    item = item_of(tx, wiring, line.supplier, line.sku)
    if units < max(1, item.least):
        raise CannotBuy(
            f"{line.sku}: {units} is fewer than {line.supplier} takes ({max(1, item.least)})"
        )
    if units % item.pack:
        down, up = units // item.pack * item.pack, -(-units // item.pack) * item.pack
        raise CannotBuy(
            f"{line.sku}: {units} is no number of whole packs of {item.pack}; take {down} or {up}"
        )
    price = item.price(units)
    return replace(line, quantity=units, price=None if price is None else price.amount)


def _check_minimum(supplier: Supplier, lines: Sequence[PurchaseLine]) -> None:
    if any(line.price is None for line in lines):
        return
    total = sum(line.price.amount * line.quantity for line in lines if line.price)
    least = Money.parse(str(supplier.order_minimum), supplier.currency)
    if total < least.amount:
        missing = Money(least.amount - total, supplier.currency)
        raise CannotBuy(
            f"the order comes to {Money(total, supplier.currency)}; {missing} are missing to the "
            f"minimum of {least}: order more, or add --below-minimum where they agreed"
        )


def _needed(lines: Iterable[Line]) -> date | None:
    days = [one.runs_out for one in lines if one.runs_out not in ("", NOT_IN_SIGHT)]
    return date.fromisoformat(min(days)) if days else None


def _number(row: Row[Any], lines: Sequence[PurchaseLine], day: date) -> str:
    """PO-20261126-3F9C2A7B: the same approval of the same plan is the same number.

    20 letters whatever the supplier is called: X12 has room for 22 (data element 324).
    """
    what = [row.scope, row.created_at.isoformat(), [[one.sku, one.quantity] for one in lines]]
    digest = hashlib.sha256(json_text(what).encode()).hexdigest()[:8].upper()
    return f"PO-{day:%Y%m%d}-{digest}"


def add(tx: Tx, wiring: Wiring, supplier: Supplier, order: PurchaseOrder, *, by: str) -> None:
    purchases = Purchases(tx)
    calendar = wiring.loaded.calendars.get(supplier.calendar, OPEN_ALWAYS)
    stated = max(
        item_of(tx, wiring, order.supplier, line.sku).lead_days or supplier.lead_days
        for line in order.lines
    )
    lead = lead_time(purchases.lead_days(order.supplier), stated=stated, assumed=supplier.lead_days)
    added = purchases.add(
        order,
        connection=supplier.connection,
        currency=supplier.currency,
        expected_on=arrives(calendar, wiring.day(tx.now), lead.p50),
        by=by,
    )
    if not added:
        raise CannotBuy(f"{order.number} was ordered already; `lockstep replenish orders` shows it")
    units = sum(line.quantity for line in order.lines)
    subject = f"purchase {order.number}"
    tx.decide(
        subject,
        Reason.of(
            "purchase_approved", number=order.number, supplier=order.supplier, units=units, by=by
        ),
    )
    tx.audit(
        by,
        "approve purchase",
        order.number,
        after={line.sku: line.quantity for line in order.lines},
    )
    if supplier.connection:
        Effects(tx).plan(
            [
                Intent(
                    kind=KIND,
                    connection=supplier.connection,
                    scope=supplier.connection,
                    subject=subject,
                    order_id=None,
                    number=0,
                    key=order.number,
                    request=json_text([[one.sku, one.quantity] for one in order.lines]),
                )
            ]
        )
        tx.wake(f"{supplier.connection}/{PURCHASES}")


# --- sending -------------------------------------------------------------------------------------


def push_purchases(run: Run, connection: str) -> None:
    """Hand approved purchase orders to the supplier, each exactly once."""
    target = run.wiring.connector(connection, PurchaseOrderTarget)

    def document(tx: Tx, effect: EffectRow) -> bytes | None:
        return document_of(tx, effect, target.purchase_document)

    def handed_over(tx: Tx, effect: EffectRow, reference: str) -> None:
        record_sent(tx, effect, reference)

    hand_over(
        run,
        connection,
        Handing(
            kind=KIND,
            flow=PURCHASES,
            document=document,
            stage=target.stage_purchase,
            release=target.release_purchase,
            find=target.find_purchase,
            handed_over=handed_over,
        ),
    )


def document_of(tx: Tx, effect: EffectRow, write: Callable[..., bytes]) -> bytes | None:
    """The order as its supplier reads it; None: it is not wanted (any more)."""
    order = Purchases(tx).get(effect.key)
    if order is None or order.state is not PurchaseState.DRAFT:
        return None
    # What an earlier attempt made is sent again as it is.
    return effect.document or write(order.order(), serial=Effects(tx).number(effect))


def record_sent(tx: Tx, effect: EffectRow, reference: str) -> None:
    """It lies where the supplier picks it up."""
    Effects(tx).done(effect, remote_ref=reference)
    Purchases(tx).sent(effect.key)
    tx.decide(
        effect.subject,
        Reason.of("purchase_sent", number=effect.key, supplier=effect.connection),
    )


def sent_by_hand(tx: Tx, number: str, *, by: str) -> None:
    """A person sent it: for suppliers without a connection. Raises CannotBuy."""
    order = _known(tx, number)
    if order.connection or order.state is not PurchaseState.DRAFT:
        raise CannotBuy(f"{number} is {order.state}, sent through {order.connection or 'a person'}")
    Purchases(tx).sent(number)
    tx.decide(
        f"purchase {number}", Reason.of("purchase_sent", number=number, supplier=order.supplier)
    )
    tx.audit(by, "send purchase", number)


def _known(tx: Tx, number: str) -> PurchaseRecord:
    order = Purchases(tx).get(number, lock=True)
    if order is None:
        raise CannotBuy(
            f"there is no purchase order {number!r}; `lockstep replenish orders` lists them"
        )
    return order


# --- taking back, and closing --------------------------------------------------------------------


def close(tx: Tx, number: str, *, note: str | None, by: str) -> PurchaseState:
    """Expect nothing more of it. One that is not sent yet is canceled, and never will be.

    Raises CannotBuy where it is settled, or on its way out at this moment.
    """
    order = _known(tx, number)
    if not order.open:
        raise CannotBuy(f"{number} is {order.state} already")
    state = PurchaseState.CLOSED
    if order.state is PurchaseState.DRAFT:
        state = PurchaseState.CANCELED
        if order.connection and not Effects(tx).cancel_unsent(number):
            raise CannotBuy(
                f"{number} is on its way out or in doubt: look again in a minute; where a Case says "
                f"that nobody can tell, `lockstep settle {number}` comes first"
            )
    Purchases(tx).settle(order, state)
    for kind in CASES:
        tx.close_case(kind, f"purchase {number}", by=by, note=note)
    missing = sum(line.coming for line in order.lines)
    code = "purchase_canceled" if state is PurchaseState.CANCELED else "purchase_closed"
    tx.decide(f"purchase {number}", Reason.of(code, number=number, units=missing, by=by))
    tx.audit(by, "close purchase", number, after={"state": str(state)}, note=note)
    tx.wake("core/replenishment")
    return state


#: Cases that are about one purchase order; they end with it.
CASES = (
    "purchase_short", "purchase_over", "purchase_repriced", "receipt_short", "purchase_late",
    "purchase_refused", "purchase_words", "purchase_bounced", "purchase_answer_older",
    "purchase_unanswered", "reminder_call", "notice_contradicts", "notice_over", "notice_strange",
    "notice_unplaced",
)  # fmt: skip


# --- answers -------------------------------------------------------------------------------------


def pull_answers(run: Run, connection: str) -> None:
    """Take what suppliers say will come, and when; what they say in words is for a person."""
    source = run.wiring.connector(connection, PurchaseAnswerSource)
    for batch in source.pull_purchase_answers(since=run.lease.cursor):
        with run.transaction() as tx:
            by_order: dict[str, list[PurchaseAnswer]] = defaultdict(list)
            tx.keep_payloads(connection, "purchase answer", list(batch.raw))
            for one in batch.items:
                if isinstance(one, PurchaseAnswer):
                    by_order[one.number].append(one)
                elif isinstance(one, PurchaseVerdict):
                    by_order[one.number] += _of_each_line(tx, one)
                else:
                    _open_letter(tx, connection, one)
            for number, answers in sorted(by_order.items()):
                record_answers(tx, run.wiring, connection, number, answers)
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)


def _of_each_line(tx: Tx, told: PurchaseVerdict) -> list[PurchaseAnswer]:
    order = Purchases(tx).get(told.number)
    return [
        PurchaseAnswer(
            told.number, line.sku, line.quantity if told.comes else 0, told.at,
            reference=told.reference,
        )
        for line in (order.lines if order else ())
    ]  # fmt: skip


def _open_letter(tx: Tx, connection: str, letter: PurchaseLetter | PurchaseBounce) -> None:
    """Words about an order, or the news that it never arrived: its text is kept apart, for a while."""
    order = Purchases(tx).get(letter.number)
    if order is None or order.connection != connection:
        _open_unknown(tx, connection, letter.number)
        return
    if isinstance(letter, PurchaseLetter):
        reason = Reason.of(
            "purchase_words", number=order.number, supplier=order.supplier, sender=letter.sender
        )
        case = Case("purchase_words", f"purchase {order.number}", reason, Severity.WARNING)
    elif letter.reminder:
        # The order came before it, by the same address: nobody can tell whether they have it.
        reason = Reason.of(
            "reminder_bounced", number=order.number, supplier=order.supplier, status=letter.code
        )
        case = Case("purchase_bounced", f"purchase {order.number}", reason, Severity.CRITICAL)
    else:
        reason = Reason.of(
            "purchase_bounced", number=order.number, supplier=order.supplier, status=letter.code
        )
        case = Case("purchase_bounced", f"purchase {order.number}", reason, Severity.CRITICAL)
        told = Effects(tx).done_as(order.number)
        if told is not None and order.state is PurchaseState.SENT:
            # Not repeated by itself: the address is wrong, or their mailbox is full.
            Effects(tx).refused(told, response=f"the mail came back: {letter.code}")
            Purchases(tx).came_back(order.number)
    digest = hashlib.sha256(letter.text.encode()).hexdigest()[:16]
    kept = tx.keep_payload(connection, "purchase letter", f"{order.number} {digest}", letter.text)
    tx.open_case(case, payload_id=kept)
    tx.decide(f"purchase {order.number}", reason)


def _open_unknown(tx: Tx, connection: str, number: str) -> None:
    reason = Reason.of("unknown_purchase", source=connection, number=number)
    tx.open_case(Case("unknown_purchase", f"purchase {connection} {number}", reason))


def record_answers(
    tx: Tx, wiring: Wiring, connection: str, number: str, answers: Sequence[PurchaseAnswer]
) -> None:
    """A supplier's answer to one purchase order; fewer than ordered or another price is a Case."""
    purchases = Purchases(tx)
    order = purchases.get(number, lock=True)
    if order is None or order.connection != connection:
        _open_unknown(tx, connection, number)
        return
    named = {line.item: line.sku for line in order.lines} | {
        line.sku: line.sku for line in order.lines
    }
    answers = in_our_units(tx, wiring, connection, named, answers)
    # Of two answers read at once the later one counts, in whatever order they lay there.
    given = sorted(answers, key=lambda one: one.at)
    told = {named[one.item]: _believed(one, at=tx.now) for one in given if one.item in named}
    strange = sorted({one.item for one in answers} - named.keys())
    if strange:
        reason = Reason.of(
            "purchase_answer_strange", number=number, source=connection, items=", ".join(strange)
        )
        tx.open_case(Case("purchase_answer_strange", f"purchase {number}", reason))
    if order.open:
        told = _without_older(tx, order, told)
    if not told or not order.open:
        return
    ready = max((one.ready_on for one in told.values() if one.ready_on), default=None)
    # Ready is not here: an earlier promise does not bring it sooner than it was reckoned with.
    expected = max(order.expected_on, ready) if ready else order.expected_on
    purchases.confirmed(order, told, expected_on=expected)
    for kind in ("purchase_unanswered", "reminder_call"):
        tx.close_case(kind, f"purchase {number}")
    _prove_landed(tx, number)
    tx.decide(
        f"purchase {number}",
        Reason.of(
            "purchase_answered",
            number=number,
            supplier=order.supplier,
            units=sum(one.quantity for one in told.values()),
            ready=ready.isoformat() if ready else "",
        ),
    )
    _tell_units(tx, order, told)
    _tell_prices(tx, wiring, order, told)
    tx.wake("core/replenishment")


def _believed(one: PurchaseAnswer, *, at: datetime) -> PurchaseAnswer:
    """Without a day that only says that there is none; 9999-12-31 is what many programs write.

    Nor given later than now: a clock of theirs that is ahead would shut out all that they say next.
    """
    far = one.ready_on is not None and one.ready_on > (at + FARTHEST).date()
    return replace(one, at=min(one.at, at), ready_on=None if far else one.ready_on)


def _without_older(
    tx: Tx, order: PurchaseRecord, told: Mapping[Sku, PurchaseAnswer]
) -> dict[Sku, PurchaseAnswer]:
    """A mail may be read after the page was used that was answered later: what stands is newer.

    When each line was answered is not kept, only when the order last was. So an answer that is
    passed over and says otherwise is told: it may be the newest about its own line.
    """
    since = order.acknowledged_at
    stands = {one.sku: one.confirmed for one in order.lines if one.confirmed is not None}
    older = {sku for sku, one in told.items() if since and sku in stands and one.at < since}
    otherwise = [
        f"{sku} {told[sku].quantity}/{stands[sku]}"
        for sku in sorted(older)
        if told[sku].quantity != stands[sku]
    ]
    if otherwise:
        reason = Reason.of(
            "purchase_answer_older",
            number=order.number,
            supplier=order.supplier,
            lines=", ".join(otherwise),
        )
        case = Case("purchase_answer_older", f"purchase {order.number}", reason, Severity.WARNING)
        if tx.open_case(case, once=True):
            tx.decide(f"purchase {order.number}", reason)
    return {sku: one for sku, one in told.items() if sku not in older}


def _tell_units(tx: Tx, order: PurchaseRecord, told: Mapping[Sku, PurchaseAnswer]) -> None:
    """Fewer units than were ordered, or more, which would come and be billed.

    An answer about some lines leaves standing what was said of the others.
    """
    said = {one.sku: one.confirmed for one in order.lines if one.confirmed is not None} | {
        sku: one.quantity for sku, one in told.items()
    }
    short = _differing(order, said, lt)
    more = _differing(order, said, gt)
    named = {"number": order.number, "supplier": order.supplier}
    reasons = [
        (short, Reason.of("purchase_short", **named, lines=short)),
        (more, Reason.of("purchase_over", **named, lines=more)),
    ]
    for lines, reason in reasons:
        subject = f"purchase {order.number}"
        if lines:
            tx.open_case(Case(reason.code, subject, reason, Severity.WARNING))
        else:
            tx.close_case(reason.code, subject)


def _differing(
    order: PurchaseRecord, said: Mapping[Sku, int], which: Callable[[int, int], bool]
) -> str:
    return ", ".join(
        f"{one.sku} {said[one.sku]}/{one.quantity}"
        for one in order.lines
        if one.sku in said and which(said[one.sku], one.quantity)
    )


def _prove_landed(tx: Tx, number: str) -> None:
    """Nobody could tell whether the order went out: who answers it has it."""
    parked = Effects(tx).parked_as(number)
    if parked is not None and parked.kind == KIND:
        record_sent(tx, parked, parked.remote_ref)
        tx.close_case("effect_parked", f"{KIND} {number}")


def answered_by_person(
    tx: Tx, wiring: Wiring, number: str, told: Mapping[Sku, tuple[int, date | None]], *,
    reference: str, note: str | None, by: str,
) -> None:  # fmt: skip
    """What a person read or heard: Sku -> (units that will come, the day they leave).

    Raises CannotBuy. What the supplier wrote is settled by it.
    """
    order = _known(tx, number)
    if not order.open:
        raise CannotBuy(f"{number} is {order.state}: nothing is expected of it")
    if order.state is PurchaseState.DRAFT and not Effects(tx).tried(number):
        raise CannotBuy(f"{number} was not sent yet: nobody can have answered it")
    unknown = sorted(told.keys() - {line.sku for line in order.lines})
    if unknown:
        raise CannotBuy(f"{number} holds no {', '.join(unknown)}")
    answers = [
        PurchaseAnswer(number, sku, units, tx.now, ready_on, reference)
        for sku, (units, ready_on) in sorted(told.items())
    ]
    record_answers(tx, wiring, order.connection, number, answers)
    for kind in ("purchase_words", "purchase_answer_older"):
        tx.close_case(kind, f"purchase {number}", by=by, note=note)
    tx.audit(
        by,
        "answer purchase",
        number,
        after={sku: [units, str(day or "")] for sku, (units, day) in sorted(told.items())},
        note=note,
    )


def _tell_prices(
    tx: Tx, wiring: Wiring, order: PurchaseRecord, told: Mapping[Sku, PurchaseAnswer]
) -> None:
    supplier = wiring.config.suppliers.get(order.supplier)
    tolerance = supplier.price_tolerance if supplier else 0
    off = [
        f"{line.sku}: {price} for {line.price}"
        for line in order.lines
        if line.price is not None
        and line.sku in told
        and (price := told[line.sku].price) is not None
        and deviates(line.price, price, tolerance=tolerance)
    ]
    if not off:
        if any(one.price for one in told.values()):
            tx.close_case("purchase_repriced", f"purchase {order.number}")
    else:
        reason = Reason.of(
            "purchase_repriced",
            number=order.number,
            supplier=order.supplier,
            prices=", ".join(sorted(off)),
        )
        tx.open_case(
            Case("purchase_repriced", f"purchase {order.number}", reason, Severity.WARNING)
        )
