"""SHIP IN, told by the supplier: its ship notices say what of a purchase order left, and when it comes.

What goes under one number is one consignment. What its documents say together is what is on it, as far
as the order still owes it; what comes is counted against it, like against one that a person put together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.model.cases import Case
from core.model.catalog import Sku
from core.model.fulfillment import ShipmentNotice
from core.model.inbound import Leg
from core.model.reasons import Reason
from core.rules.consignments import leg_done
from core.rules.notices import Said, Words, hear, total
from jobs import arrivals, consignments
from jobs.consignments import LOCKSTEP, CannotShip
from jobs.goods import listed
from jobs.naming import in_skus
from jobs.purchase import FARTHEST
from jobs.store.consignments import (
    CANCELED,
    OPEN,
    RECEIVED,
    ConsignmentLine,
    ConsignmentRecord,
    Consignments,
)
from jobs.store.effects import Effects
from jobs.store.notices import Notices
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Tx
from jobs.wiring import Wiring


def announce(tx: Tx, wiring: Wiring, order: PurchaseRecord, notice: ShipmentNotice) -> None:
    """Goods of this order are on their way. `order`: held. What cannot be so is a Case."""
    subject = f"purchase {order.number}"
    names = {line.item: line.sku for line in order.lines} | {
        line.sku: line.sku for line in order.lines
    }
    units = in_skus(tx, wiring, order.connection, names, notice.lines)
    store = Notices(tx, order.number)
    before = store.said().get(notice.tracking_number, {})
    known: dict[str | None, Words] = dict(before.items())
    heard = hear(units, document=notice.document, replaces=notice.replaces, before=known)
    if heard.doubtful:
        reason = Reason.of(
            "notice_contradicts", number=order.number, supplier=order.supplier,
            consignment=notice.tracking_number, units=listed(units),
            before=listed(total(before.values())),
        )  # fmt: skip
        tx.open_case(Case("notice_contradicts", subject, reason), once=True)
        return
    if before and not heard.more and not heard.less and not notice.replaces:
        return
    was = before.get(notice.document, {})
    words = {sku: Said(units.get(sku, 0), units.get(sku, 0)) for sku in {*units, *was}}
    said = store.said()
    said.setdefault(notice.tracking_number, {})[notice.document] = words
    order = _proved_sent(tx, order)
    try:
        found = _put(tx, wiring, order, notice.tracking_number, said)
    except CannotShip as problem:
        # Not kept: told again, it is tried again.
        _unplaced(tx, order, notice.tracking_number, str(problem))
        return
    store.keep(notice.tracking_number, notice.document, words)
    _tell_units(tx, order, said)
    if heard.more or heard.less:
        reason = Reason.of(
            "purchase_announced", number=order.number, supplier=order.supplier,
            units=sum(units.values()), consignment=notice.tracking_number,
            document=notice.document,
        )  # fmt: skip
        tx.decide(subject, reason)
    if found is not None and found.open:
        _tell_days(tx, wiring, order, found, notice)


def _proved_sent(tx: Tx, order: PurchaseRecord) -> PurchaseRecord:
    """Who ships it has it, and has answered, whether or not our own record of sending came first."""
    purchases = Purchases(tx)
    if order.sent_at is None and Effects(tx).tried(order.number):
        purchases.sent(order.number)
    purchases.shipped(order.number)
    tx.close_case("purchase_unanswered", f"purchase {order.number}")
    found = purchases.get(order.number, lock=True)
    assert found is not None, order.number
    return found


# --- what is on it -------------------------------------------------------------------------------


def _put(
    tx: Tx, wiring: Wiring, order: PurchaseRecord, number: str,
    said: Mapping[str, Mapping[str, Words]],
) -> ConsignmentRecord | None:  # fmt: skip
    """What documents say of this number, as far as it is owed, is on its consignment.

    None: nothing ever was. Raises CannotShip.
    """
    found = consignments.named(tx, order.location, number)
    lines = {
        line.sku: line
        for line in (found.lines if found else ())
        if line.purchase == order.number and line.sku is not None
    }
    others = [
        one
        for one in Consignments(tx).carrying(order.number)
        if not found or one.number != found.number
    ]
    here = total(said[number].values())
    wanted = _wanted(order, here, lines, others)
    if any(count > (lines[sku].units if sku in lines else 0) for sku, count in wanted.items()):
        if not order.open or order.sent_at is None:
            raise CannotShip(f"{order.number} is {order.state}: nothing of it can be on its way")
        if found is not None and found.state in (RECEIVED, CANCELED):
            # More of it left than was thought: it is not all here.
            Consignments(tx).settle(found.number, OPEN)
        some = {sku: count for sku, count in wanted.items() if count}
        consignments.ship(tx, wiring, number, [order.number], units=some, by=LOCKSTEP)
    if found is not None and found.open:
        _take_off(tx, wiring, found.number, lines, wanted)
    _tell_elsewhere(
        tx, order, number, here, wanted, [one for one in others if one.number not in said]
    )
    return consignments.named(tx, order.location, number)


def _wanted(
    order: PurchaseRecord, here: Mapping[Sku, int], lines: Mapping[Sku, ConsignmentLine],
    others: Sequence[ConsignmentRecord],
) -> dict[Sku, int]:  # fmt: skip
    """Units on this consignment: what came with it, and what is owed and nowhere else, at most."""
    elsewhere = _owed_on(others, order.number)
    booked = {sku: line.booked for sku, line in lines.items()}
    return {
        one.sku: min(
            here.get(one.sku, 0),
            booked.get(one.sku, 0) + max(0, one.coming - elsewhere[one.sku]),
        )
        for one in order.lines
    }


def _owed_on(some: Sequence[ConsignmentRecord], purchase: str) -> Counter[Sku]:
    owed: Counter[Sku] = Counter()
    for one in some:
        for line in one.lines:
            if line.purchase == purchase and line.sku is not None:
                owed[line.sku] += line.owed
    return owed


def _take_off(
    tx: Tx, wiring: Wiring, number: str, lines: Mapping[Sku, ConsignmentLine],
    wanted: Mapping[Sku, int],
) -> None:  # fmt: skip
    """A notice was corrected: fewer left. What is in our books stays there."""
    fewer = []
    for sku, line in lines.items():
        units = max(wanted.get(sku, 0), line.booked)
        if units < line.units:
            fewer.append(replace(line, units=units, loaded=units))
    if not fewer:
        return
    Consignments(tx).put(number, fewer)
    left = consignments.expect(tx, wiring, number)
    if not left.sent and not left.received:
        consignments.end(tx, wiring, left, CANCELED, by=LOCKSTEP)
    else:
        arrivals.finish(tx, number)


# --- what a person has to know -------------------------------------------------------------------


def _tell_elsewhere(
    tx: Tx, order: PurchaseRecord, number: str, here: Mapping[Sku, int],
    wanted: Mapping[Sku, int], others: Sequence[ConsignmentRecord],
) -> None:  # fmt: skip
    """Units that somebody put on a consignment of another name: they may be these, or not."""
    owed = _owed_on(others, order.number)
    twice = {sku: min(here[sku] - wanted.get(sku, 0), owed[sku]) for sku in here if owed[sku]}
    twice = {sku: count for sku, count in twice.items() if count > 0}
    if not twice:
        tx.close_case("notice_unplaced", f"purchase {order.number}")
        return
    names = ", ".join(sorted(one.number for one in others))
    _unplaced(tx, order, number, f"{listed(twice)} stand on {names} already")


def _unplaced(tx: Tx, order: PurchaseRecord, number: str, why: str) -> None:
    reason = Reason.of(
        "notice_unplaced", number=order.number, supplier=order.supplier, consignment=number, why=why
    )
    tx.renew_case(Case("notice_unplaced", f"purchase {order.number}", reason))


def _tell_units(
    tx: Tx, order: PurchaseRecord, said: Mapping[str, Mapping[str, Words]]
) -> None:  # fmt: skip
    """More than was ordered, in all notices together, or what was not ordered at all."""
    told = total(words for documents in said.values() for words in documents.values())
    ordered = {line.sku: line.quantity for line in order.lines}
    over = {
        sku: count - ordered[sku] for sku, count in told.items() if count > ordered.get(sku, count)
    }
    strange = {sku: count for sku, count in told.items() if count and sku not in ordered}
    for code, units in (("notice_over", over), ("notice_strange", strange)):
        subject = f"purchase {order.number}"
        if not units:
            tx.close_case(code, subject)
            continue
        args = {"number": order.number, "supplier": order.supplier, "lines": listed(units)}
        reason = (
            Reason.of("notice_over", **args)
            if code == "notice_over"
            else Reason.of("notice_strange", **args)
        )
        tx.renew_case(Case(code, subject, reason))


# --- when it comes -------------------------------------------------------------------------------


def _tell_days(
    tx: Tx, wiring: Wiring, order: PurchaseRecord, found: ConsignmentRecord,
    notice: ShipmentNotice,
) -> None:  # fmt: skip
    """The day it left, and the one it is to arrive; what somebody told before stands."""
    today, left = wiring.day(tx.now), wiring.day(notice.shipped_at)
    if leg_done(found.legs, Leg.LOADED) is None:
        done = max([found.started_on, left, *(one.actual for one in found.legs if one.actual)])
        days = {"planned": left} if left > today else {"actual": min(done, today)}
        consignments.tell_leg(tx, wiring, found.number, Leg.LOADED, **days, by=LOCKSTEP)
    planned = next((one.planned for one in found.legs if one.leg is Leg.DELIVERED), None)
    told = notice.expected_on
    if told is not None and told > (tx.now + FARTHEST).date():
        # 9999-12-31 is what many programs write where they know no day.
        told = None
    if told is None and planned is None and not found.lane:
        # No way is described: the day the order was reckoned with is the best there is.
        told = order.expected_on
    if told is not None and told != planned and leg_done(found.legs, Leg.DELIVERED) is None:
        consignments.tell_leg(
            tx, wiring, found.number, Leg.DELIVERED, planned=told, by=LOCKSTEP
        )  # fmt: skip
