"""PULL what a receiver says of goods that are sent to it: FBA, or a 3PL that tells.

A report is whole and absolute: it replaces what was said before. What it adds to the units that
were received is booked under the purchase orders it carries, or arrives from the transfer that sent
it; a remote that counts the place moves the shelf by its own figures, never by these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.model.cases import Case
from core.model.catalog import LocationId, Sku
from core.model.inbound import InboundItem, InboundReport, InboundState
from core.model.reasons import Reason
from core.ports import InboundSource
from core.rules.consignments import Part, done_with, shared_out
from jobs import arrivals, consignments, receive
from jobs.arrivals import CASES, subject_of
from jobs.consignments import LOCKSTEP, CannotShip
from jobs.naming import Naming, shown
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

#: While it says this, the goods are not there.
_UNDELIVERED = (InboundState.PLANNED, InboundState.ON_THE_WAY)


def pull_inbound(run: Run, connection: str) -> None:
    """Take what a receiver says of each shipment to it."""
    # What was under way before we looked first left our shelves before they were counted.
    watched = run.lease.cursor is not None
    source = run.wiring.connector(connection, InboundSource)
    place = run.wiring.counted_place(connection, "")
    for batch in source.pull_inbound(since=run.lease.cursor):
        with run.transaction() as tx:
            for report in batch.items:
                if place is not None:
                    record_report(tx, run.wiring, connection, place.id, report, watched=watched)
            tx.keep_payloads(connection, "inbound shipment", list(batch.raw))
            tx.close_rejects(connection, "inbound shipment", (one.ref for one in batch.items))
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)


def record_report(
    tx: Tx, wiring: Wiring, connection: str, place: LocationId, report: InboundReport, *,
    watched: bool = True,
) -> None:  # fmt: skip
    """One shipment as its receiver sees it now; `watched`: not for the first time we looked."""
    found = _found(tx, wiring, connection, place, report)
    if found is None:
        return
    _take(tx, wiring, found, report, _in_skus(tx, wiring, place, report.items))
    if watched:
        _ask_origin(tx, wiring, consignments.known(tx, found.number), before=found.told)


def _take(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport,
    told: Sequence[_Told],
) -> None:  # fmt: skip
    _reached(tx, wiring, found, report)
    lines = _lines(found, told)
    _book(tx, wiring, found, lines)
    Consignments(tx).tell(
        found.number,
        str(report.state),
        name=report.name,
        undelivered_on=wiring.day(report.as_of) if report.state in _UNDELIVERED else None,
    )
    _tell_unknown(tx, found, lines)
    consignments.expect(tx, wiring, found.number)
    _settle(tx, wiring, consignments.known(tx, found.number), report, before=found.told)


def _found(
    tx: Tx, wiring: Wiring, connection: str, place: LocationId, report: InboundReport
) -> ConsignmentRecord | None:
    """The consignment a report is about: known by its id, or our number is its name or id, or new."""
    store = Consignments(tx)
    found = store.told_by(connection, report.ref)
    if found is not None:
        return found
    for ours in (report.name, report.ref):
        named = store.get(ours, lock=True) if ours else None
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
        by=LOCKSTEP,
        connection=connection,
        ref=report.ref,
        # What was under way before we looked teaches nothing of how long it takes.
        watched=report.state is InboundState.PLANNED,
    )
    consignments.ask_whether_ours(tx, place)
    return consignments.known(tx, number)


def _reached(tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport) -> None:
    """The leg that is done by what the receiver says, on the day we first hear of it."""
    leg = done_with(report.state)
    if leg is None or any(one.leg is leg and one.actual for one in found.legs):
        return
    day = wiring.day(report.as_of)
    # Between the last look at which it was not there, or the leg before it, and this look; what we
    # sent ourselves not before that; else nobody can say.
    last = max((one.actual for one in found.legs if one.actual), default=None)
    if last is None and any(line.transfer is not None for line in found.lines):
        last = found.started_on
    since = found.undelivered_on or last
    Consignments(tx).set_leg(found.number, leg, actual=day, not_before=since)
    tx.decide(
        subject_of(found.number),
        Reason.of(
            "consignment_told", number=found.number, location=found.destination, state=report.word
        ),
    )


# --- what is in it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What a receiver says of one thing. Units are of the Sku."""

    #: its words for it: several where they are the same Sku
    items: tuple[str, ...]
    #: None: nobody here knows it
    sku: Sku | None
    sent: int
    received: int

    def is_about(self, line: ConsignmentLine) -> bool:
        """By the Sku; by the item where no order says what it is."""
        if self.sku is not None and line.sku == self.sku:
            return True
        return line.item in self.items and not line.purchase


def _lines(found: ConsignmentRecord, told: Sequence[_Told]) -> list[ConsignmentLine]:
    """The lines as they were told. Goods that several orders bring are shared out in turn."""
    rest = list(found.lines)
    made: list[ConsignmentLine] = []
    for one in told:
        mine = [line for line in rest if one.is_about(line)]
        rest = [line for line in rest if line not in mine]
        made += _shared(one, mine)
    for line in rest:
        # What the receiver does not know of is not on its way to it, but for what left our shelf.
        gone = line.loaded if line.transfer is not None else line.booked
        if line.bound:
            made.append(replace(line, units=gone, received=line.booked))
    return made


def _shared(told: _Told, lines: Sequence[ConsignmentLine]) -> list[ConsignmentLine]:
    """One Sku: orders in turn, then transfers, then what nobody said whose it is."""
    parts = sorted(
        (line for line in lines if line.bound), key=lambda one: (not one.purchase, one.purchase)
    )
    parts += [line for line in lines if not line.bound][:1]
    if not parts:
        parts = [ConsignmentLine(told.items[0], told.sku, 0)]
    shares = shared_out(
        [Part(line.loaded, line.booked) for line in parts], sent=told.sent, received=told.received
    )
    made = []
    for line, (units, received) in zip(parts, shares, strict=True):
        if line.transfer is not None:
            # They left our shelf, whatever the receiver was told.
            units = max(units, line.loaded)
        if line.bound or units or received or len(parts) == 1:
            # What left our shelf is what it was, whatever its item means by now.
            sku = line.sku if line.bound else told.sku
            made.append(replace(line, sku=sku, units=units, received=received))
    return made


def _in_skus(
    tx: Tx, wiring: Wiring, place: LocationId, items: Sequence[InboundItem]
) -> list[_Told]:
    """A receiver's items in our words; one that nobody here knows keeps its own name."""
    location = wiring.location(place)
    channel = (location.counting_channel if location else None) or ""
    made: dict[tuple[Sku | None, str], _Told] = {}
    goods = {one.item: shown(channel, one.item, one.item) for one in items}
    meant = Naming(tx, wiring).sold(goods.values())
    for one in items:
        sku, each = meant[goods[one.item]].sku, meant[goods[one.item]].units
        key = (sku, "" if sku else one.item)
        before = made.get(key, _Told((), sku, 0, 0))
        made[key] = _Told(
            tuple(dict.fromkeys((*before.items, one.item))),
            sku,
            before.sent + one.sent * each,
            before.received + one.received * each,
        )
    return list(made.values())


def _book(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, lines: Sequence[ConsignmentLine]
) -> None:
    """Write the lines, and take what they add into the orders and transfers they belong to.

    What was booked is in our books; where the receiver has fewer, a person takes it off.
    """
    kept = list(lines)
    more: Counter[Sku] = Counter()
    for line in lines:
        if line.purchase and line.sku and line.received > line.booked:
            more[line.sku] += line.received - line.booked
    for purchase in sorted({line.purchase for line in kept if line.purchase and line.sku}):
        if _receive(tx, wiring, found, purchase, kept, more):
            kept = [
                replace(line, booked=max(line.booked, line.received))
                if line.purchase == purchase
                else line
                for line in kept
            ]
    for index, line in enumerate(kept):
        if line.transfer is not None and line.received > line.booked:
            _arrive(tx, line.transfer, line.received - line.booked, found.number)
            kept[index] = replace(line, booked=line.received)
    Consignments(tx).rewrite(found.number, kept)


def _receive(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, purchase: str,
    lines: Sequence[ConsignmentLine], told: Mapping[Sku, int],
) -> bool:  # fmt: skip
    """Book under one order what its receiver has beyond what was booked; False: it cannot be yet.

    `told`: what the receiver has more in all, under whatever order.
    """
    mine = [line for line in lines if line.purchase == purchase and line.sku]
    units: Counter[Sku] = Counter()
    for line in mine:
        if line.sku is not None and line.received > line.booked:
            units[line.sku] += line.received - line.booked
    subject = f"{subject_of(found.number)} {purchase}"
    if not units:
        tx.close_case("consignment_unbooked", subject)
        return False
    # Never fewer than before, so this number is another for each booking.
    slip = f"{found.number}/{sum(max(line.booked, line.received) for line in mine)}"
    try:
        receive.receive(tx, wiring, purchase, units, slip=slip, told=told, by=LOCKSTEP)
    except CannotBuy as problem:
        reason = Reason.of(
            "consignment_unbooked", number=found.number, purchase=purchase, why=str(problem)
        )
        tx.renew_case(Case("consignment_unbooked", subject, reason))
        return False
    tx.close_case("consignment_unbooked", subject)
    return True


def book_what_waits(tx: Tx, wiring: Wiring) -> None:
    """Try again what could not be booked; its receiver may never speak of it again."""
    for number in Consignments(tx).to_book():
        found = consignments.known(tx, number)
        _book(tx, wiring, found, found.lines)


def _arrive(tx: Tx, transfer: int, units: int, number: str) -> None:
    row = Transfers(tx).get(transfer, lock=True)
    if row is None:
        return
    rest = row.quantity - row.arrived - row.lost
    if lost := min(max(0, units - rest), row.lost):
        # They were given up, and turn up.
        Transfers(tx).regain(transfer, lost)
    if came := min(units, rest + lost):
        Transfers(tx).arrive(transfer, came, person=LOCKSTEP, note=number)


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


def _settle(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, report: InboundReport, *, before: str
) -> None:
    """`before`: what it said last."""
    subject = subject_of(found.number)
    if report.state is InboundState.UNCLEAR:
        reason = Reason.of(
            "consignment_unclear", number=found.number, location=found.destination, word=report.word
        )
        tx.renew_case(Case("consignment_unclear", subject, reason))
        return
    tx.close_case("consignment_unclear", subject)
    if before != report.state and _goes_on(found, report.state):
        found = _reopened(tx, found)
    if report.state is InboundState.CANCELED:
        _canceled(tx, wiring, found)
    elif report.state is InboundState.CLOSED:
        if found.open and found.missing:
            consignments.end(tx, wiring, found, CLOSED, by=LOCKSTEP)
        elif found.open:
            arrivals.finish(tx, found.number)
        else:
            _corrected(tx, wiring, found)
    elif found.state == CLOSED:
        _corrected(tx, wiring, found)


def _goes_on(found: ConsignmentRecord, state: InboundState) -> bool:
    """It was over, and its receiver says something new of it that is not the end."""
    if found.open or state is InboundState.CANCELED:
        return False
    if found.state == CANCELED:
        return True
    return state is not InboundState.CLOSED and bool(found.missing)


def _reopened(tx: Tx, found: ConsignmentRecord) -> ConsignmentRecord:
    """What was taken for lost or canceled is on its way after all."""
    Consignments(tx).settle(found.number, OPEN)
    for kind in ("consignment_canceled", "consignment_short"):
        tx.close_case(kind, subject_of(found.number))
    for line in found.lines:
        row = Transfers(tx).get(line.transfer, lock=True) if line.transfer is not None else None
        if line.transfer is not None and row is not None and row.lost:
            Transfers(tx).regain(line.transfer, row.lost)
    return consignments.known(tx, found.number)


def _corrected(tx: Tx, wiring: Wiring, found: ConsignmentRecord) -> None:
    """Units were found, or taken off again, after the receiver was done."""
    if not found.missing and found.state == CLOSED:
        Consignments(tx).settle(found.number, RECEIVED)
    if found.state != CANCELED:
        consignments.tell_missing(tx, wiring, found, ended=True)


def _canceled(tx: Tx, wiring: Wiring, found: ConsignmentRecord) -> None:
    if not found.open:
        return
    consignments.end(tx, wiring, found, CANCELED, by=LOCKSTEP)
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


# --- which shelf it left -------------------------------------------------------------------------


def _ask_origin(tx: Tx, wiring: Wiring, found: ConsignmentRecord, *, before: str) -> None:
    """Goods leave to a receiver, and nobody said what they are: they may still lie on our shelf.

    `before`: what the receiver said last. Asked once, when they leave.
    """
    subject = subject_of(found.number)
    loose = {line.sku: line.unsaid for line in found.lines if line.sku and line.unsaid}
    # More than we sent with it travels as it.
    more = any(line.transfer is not None and line.unsaid for line in found.lines)
    asked = tx.has_open_case("consignment_origin", subject)
    left = before in ("", InboundState.PLANNED) and found.told not in (
        InboundState.PLANNED,
        InboundState.CANCELED,
    )
    counted = [one.id for one in wiring.locations if one.basis is None]
    if not loose or found.told == InboundState.CANCELED:
        tx.close_case("consignment_origin", subject)
    elif counted and found.told != InboundState.PLANNED and (left or asked or more):
        reason = Reason.of(
            "consignment_origin",
            number=found.number,
            location=found.destination,
            units=sum(loose.values()),
            lines=", ".join(f"{sku} x{units}" for sku, units in sorted(loose.items())),
        )
        tx.renew_case(Case("consignment_origin", subject, reason))


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
    if told is not None and any(line.bound for line in told.lines):
        raise CannotShip(f"{ref} is {told.number} already")
    if told is not None:
        for kind in (*CASES, "consignment_short", "consignment_stranger", "consignment_origin"):
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
        Consignments(tx).set_leg(
            found.number, leg.leg, planned=leg.planned, actual=leg.actual,
            not_before=leg.not_before,
        )  # fmt: skip
    state = InboundState(told.told or InboundState.PLANNED)
    report = InboundReport(told.ref, told.told_name, state, told.told, tx.now, ())
    said = [_Told((line.item,), line.sku, line.units, line.received) for line in told.lines]
    _take(tx, wiring, consignments.known(tx, found.number), report, said)
