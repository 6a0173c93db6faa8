"""PULL what a receiver says of goods that are sent to it: FBA, or a 3PL that tells.

A report is whole and absolute: it replaces what was said before. What it adds to the units that
were received is booked under the purchase orders it carries, or arrives from the transfer that sent
it; a remote that counts the place moves the shelf by its own figures, never by these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from core.model.cases import Case
from core.model.catalog import LocationId
from core.model.inbound import InboundItem, InboundReport, InboundState
from core.model.reasons import Reason
from core.ports import InboundSource
from core.rules.consignments import done_with
from jobs import arrivals, consignments, receive
from jobs.arrivals import CASES, subject_of
from jobs.consignments import CannotShip
from jobs.purchase import CannotBuy
from jobs.run import Run
from jobs.store.consignments import (
    CANCELED,
    CLOSED,
    OPEN,
    RECEIVED,
    ConsignmentLine,
    ConsignmentRecord,
    Consignments,
)
from jobs.store.store import Tx
from jobs.store.transfers import Transfers
from jobs.wiring import Wiring

_BY = "lockstep"


def pull_inbound(run: Run, connection: str) -> None:
    """Take what a receiver says of each shipment to it."""
    source = run.wiring.connector(connection, InboundSource)
    place = run.wiring.counted_place(connection, "")
    for batch in source.pull_inbound(since=run.lease.cursor):
        with run.transaction() as tx:
            for report in batch.items:
                if place is not None:
                    record_report(tx, run.wiring, connection, place.id, report)
            tx.keep_payloads(connection, "inbound shipment", list(batch.raw))
            tx.close_rejects(connection, "inbound shipment", (one.ref for one in batch.items))
            for reject in batch.rejects:
                tx.open_reject(connection, reject)
            tx.advance(batch.cursor, complete_to=batch.complete_to)


def record_report(
    tx: Tx, wiring: Wiring, connection: str, place: LocationId, report: InboundReport
) -> None:
    """One shipment as its receiver sees it now."""
    found = _found(tx, wiring, connection, place, report)
    if found is None:
        return
    _take(tx, wiring, found, report, _in_skus(wiring, place, report.items))


def _take(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport,
    told: Sequence[ConsignmentLine],
) -> None:  # fmt: skip
    _reached(tx, wiring, found, report)
    lines = _lines(found, told)
    _book(tx, wiring, found, lines)
    Consignments(tx).tell(found.number, str(report.state))
    _tell_unknown(tx, found, lines)
    consignments.expect(tx, wiring, found.number)
    _settle(tx, wiring, consignments.known(tx, found.number), report)


def _found(
    tx: Tx, wiring: Wiring, connection: str, place: LocationId, report: InboundReport
) -> ConsignmentRecord | None:
    """The consignment a report is about: known by its id, or by our number in its name, or new."""
    store = Consignments(tx)
    found = store.told_by(connection, report.ref)
    if found is not None:
        return found
    named = store.get(report.name, lock=True) if report.name else None
    if named is not None and named.open and named.destination == place and not named.ref:
        store.link(named.number, connection=connection, ref=report.ref)
        return consignments.known(tx, named.number)
    if report.state is InboundState.CANCELED:
        return None
    refill = wiring.config.locations[place].refill
    number = report.ref if store.get(report.ref) is None else f"{connection} {report.ref}"
    store.add(
        number,
        destination=place,
        lane=refill.lane if refill else "",
        started_on=wiring.day(report.as_of),
        by=_BY,
        connection=connection,
        ref=report.ref,
        # What was under way before we looked teaches nothing of how long it takes.
        watched=report.state is InboundState.PLANNED,
    )
    _ask_whether_ours(tx, number, place)
    return consignments.known(tx, number)


def _ask_whether_ours(tx: Tx, number: str, place: LocationId) -> None:
    """Goods of ours that wait for a receiver's id may be these: counted twice, too few are bought."""
    waiting = [
        one.number
        for one in Consignments(tx).listed()
        if one.destination == place and not one.ref and one.number != number
    ]
    if waiting:
        reason = Reason.of(
            "consignment_stranger", number=number, location=place, waiting=", ".join(waiting)
        )
        tx.open_case(Case("consignment_stranger", subject_of(number), reason))


def _reached(tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport) -> None:
    """The leg that is done by what the receiver says, on the day we first hear of it."""
    leg = done_with(report.state)
    if leg is None or any(one.leg is leg and one.actual for one in found.legs):
        return
    Consignments(tx).set_leg(found.number, leg, actual=wiring.day(report.as_of))
    tx.decide(
        subject_of(found.number),
        Reason.of(
            "consignment_told", number=found.number, location=found.destination, state=report.word
        ),
    )


# --- what is in it -------------------------------------------------------------------------------


def _lines(found: ConsignmentRecord, told: Sequence[ConsignmentLine]) -> list[ConsignmentLine]:
    """The lines as they were told. Goods that several orders bring are shared out in turn."""
    known: dict[str, list[ConsignmentLine]] = defaultdict(list)
    for line in found.lines:
        known[line.sku or line.item].append(line)
    made: list[ConsignmentLine] = []
    for one in told:
        lines = known.pop(one.sku or one.item, [])
        made += _shared(lines, sent=one.units, received=one.received) if lines else [one]
    # What the receiver does not know of is not on its way to it.
    for left in known.values():
        made += [replace(line, units=line.received) for line in left]
    return made


def _shared(lines: Sequence[ConsignmentLine], *, sent: int, received: int) -> list[ConsignmentLine]:
    """Several lines of one Sku: each gets its own part, the last one what is over."""
    made = []
    for index, line in enumerate(lines):
        last = index == len(lines) - 1
        units = sent if last else min(line.units, sent)
        came = received if last else min(units, received)
        made.append(replace(line, units=units, received=came))
        sent, received = sent - units, received - came
    return made


def _in_skus(
    wiring: Wiring, place: LocationId, items: Sequence[InboundItem]
) -> list[ConsignmentLine]:
    """A receiver's items in our words; one that nobody here knows keeps its own name."""
    location = wiring.location(place)
    channel = (location.counting_channel if location else None) or ""
    made: dict[str, ConsignmentLine] = {}
    for one in items:
        sku, each = wiring.sku_of(channel, one.item, one.item)
        name = sku or one.item
        line = made.get(name, ConsignmentLine(one.item, sku, 0))
        made[name] = replace(
            line, units=line.units + one.sent * each, received=line.received + one.received * each
        )
    return list(made.values())


def _book(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, lines: Sequence[ConsignmentLine]
) -> None:
    """Write the lines, and what they add under the orders and transfers they belong to."""
    before = {(line.item, line.purchase): line.received for line in found.lines}
    added: dict[str, dict[str, int]] = defaultdict(dict)
    kept = []
    for line in lines:
        known = before.get((line.item, line.purchase), 0)
        more = line.received - known
        if line.purchase and more < 0:
            # What was booked in is in our books; a person takes it off where it was wrong.
            line = replace(line, received=known)
        if line.purchase and line.sku and more > 0:
            added[line.purchase][line.sku] = more
        if line.transfer is not None and more > 0:
            _arrive(tx, line.transfer, more, found.number)
        kept.append(line)
    for purchase, units in sorted(added.items()):
        # What was booked is never taken back here, so this number is another for each booking.
        came = sum(line.received for line in kept if line.purchase == purchase)
        slip = f"{found.number}/{came}"
        try:
            receive.receive(tx, wiring, purchase, units, slip=slip, told=True, by=_BY)
        except CannotBuy as problem:
            # Booked with the next report that finds it mended; until then it stays owed.
            reason = Reason.of(
                "consignment_unbooked", number=found.number, purchase=purchase, why=str(problem)
            )
            tx.renew_case(Case("consignment_unbooked", subject_of(found.number), reason))
            kept = [
                replace(line, received=before.get((line.item, line.purchase), 0))
                if line.purchase == purchase
                else line
                for line in kept
            ]
        else:
            tx.close_case("consignment_unbooked", subject_of(found.number))
    Consignments(tx).put(found.number, kept)


def _arrive(tx: Tx, transfer: int, units: int, number: str) -> None:
    row = Transfers(tx).get(transfer, lock=True)
    rest = row.quantity - row.arrived - row.lost if row is not None else 0
    if row is not None and min(units, rest) > 0:
        Transfers(tx).arrive(transfer, min(units, rest), person=_BY, note=number)


def _tell_unknown(tx: Tx, found: ConsignmentRecord, lines: Sequence[ConsignmentLine]) -> None:
    subject = subject_of(found.number)
    unknown = [line.item for line in lines if line.sku is None]
    if not unknown:
        tx.close_case("consignment_unknown_items", subject)
        return
    reason = Reason.of(
        "consignment_unknown_items",
        number=found.number,
        location=found.destination,
        items=", ".join(unknown),
    )
    tx.renew_case(Case("consignment_unknown_items", subject, reason))


# --- how it ends ---------------------------------------------------------------------------------


def _settle(tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport) -> None:
    subject = subject_of(found.number)
    if report.state is InboundState.UNCLEAR:
        reason = Reason.of(
            "consignment_unclear", number=found.number, location=found.destination, word=report.word
        )
        tx.renew_case(Case("consignment_unclear", subject, reason))
        return
    tx.close_case("consignment_unclear", subject)
    if report.state is InboundState.CANCELED:
        _canceled(tx, wiring, found)
    elif report.state is InboundState.CLOSED:
        if found.open and found.missing:
            consignments.end(tx, wiring, found, CLOSED, by=_BY)
        elif found.open:
            arrivals.finish(tx, found.number)
        else:
            _corrected(tx, wiring, found)
    elif found.state in (CLOSED, CANCELED):
        # It goes on after all.
        Consignments(tx).settle(found.number, OPEN)


def _corrected(tx: Tx, wiring: Wiring, found: ConsignmentRecord) -> None:
    """Units were found, or taken off again, after the receiver was done."""
    if not found.missing and found.state == CLOSED:
        Consignments(tx).settle(found.number, RECEIVED)
    if found.state != CANCELED:
        consignments.tell_missing(tx, wiring, found, ended=True)


def _canceled(tx: Tx, wiring: Wiring, found: ConsignmentRecord) -> None:
    if not found.open:
        return
    consignments.end(tx, wiring, found, CANCELED, by=_BY)
    gone = [line for line in found.lines if line.transfer is not None and line.left]
    if gone:
        reason = Reason.of(
            "consignment_canceled",
            number=found.number,
            location=found.destination,
            transfers=", ".join(str(line.transfer) for line in gone),
            units=sum(line.left for line in gone),
        )
        tx.renew_case(Case("consignment_canceled", subject_of(found.number), reason))


# --- whose shipment it is ------------------------------------------------------------------------


def link(tx: Tx, wiring: Wiring, number: str, ref: str, *, by: str) -> ConsignmentRecord:
    """Say what the receiver calls a consignment of ours; its reports are about it from now on.

    A consignment that was made from those reports gives way to ours, which takes over what was
    told. Raises CannotShip.
    """
    found = consignments.known(tx, number)
    connection = wiring.counted_by(found.destination)
    if not isinstance(wiring.connectors.get(connection), InboundSource):
        raise CannotShip(
            f"{found.destination} is counted by {connection}, which does not tell what it receives"
        )
    if found.ref:
        raise CannotShip(f"{number} is {found.ref} at {found.connection} already")
    store = Consignments(tx)
    told = store.told_by(connection, ref)
    if told is not None and any(line.purchase or line.transfer for line in told.lines):
        raise CannotShip(f"{ref} is {told.number} already")
    if told is not None:
        for kind in (*CASES, "consignment_short", "consignment_stranger"):
            tx.close_case(kind, subject_of(told.number), by=by)
        store.forget(told.number)
    store.link(number, connection=connection, ref=ref)
    if told is not None:
        _take_over(tx, wiring, consignments.known(tx, number), told)
    tx.wake(f"{connection}/inbound", "core/replenishment")
    tx.audit(by, "link consignment", number, after={"connection": connection, "ref": ref})
    return consignments.known(tx, number)


def _take_over(tx: Tx, wiring: Wiring, found: ConsignmentRecord, told: ConsignmentRecord) -> None:
    for leg in told.legs:
        Consignments(tx).set_leg(found.number, leg.leg, planned=leg.planned, actual=leg.actual)
    state = InboundState(told.told or InboundState.PLANNED)
    report = InboundReport(told.ref, found.number, state, told.told, tx.now, ())
    _take(tx, wiring, consignments.known(tx, found.number), report, told.lines)
