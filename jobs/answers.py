"""What places that ship say to our requests: yes, no, in part, later, and what they sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from core.model.cases import Case, Severity
from core.model.catalog import Sku
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    ConfirmedLine,
    FulfillmentState,
    ShipmentNotice,
)
from core.model.names import Meaning
from core.model.reasons import Reason
from core.model.stock import MovementKind, SnapshotBasis, StockMovement
from core.ports import FulfillmentSource
from core.rules.answers import AskedLine, Judged, judge, repriced
from jobs.goods import expected_prices, names_of_goods, price_tolerance, ships_through
from jobs.naming import in_our_units, other_words
from jobs.rejections import CASES, doubt, reject, route_again, take_back
from jobs.run import Run
from jobs.store.held import Held
from jobs.store.orders import Orders
from jobs.store.parcels import Parcels, Requested
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring


def pull_acknowledgments(run: Run, connection: str) -> None:
    """Take what places say to our requests."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_acknowledgments(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                record_acknowledgment(tx, run.wiring, connection, one)
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor)


def record_acknowledgment(tx: Tx, wiring: Wiring, connection: str, answer: Acknowledgment) -> None:
    """Accepted: their figure has taken the units off. Rejected, wholly or in part: routed elsewhere."""
    parcels = Parcels(tx)
    found = parcels.requested(answer.key)
    if found is None or ships_through(wiring, found.location) != connection:
        _open_unknown(tx, connection, answer.key)
        return
    status = answer.status
    judged = None
    if lines := _lines_of(found, answer):
        names = names_of_goods(tx, wiring, found)
        lines = in_our_units(tx, wiring, connection, names, lines)
        judged = judge(_asked(found), lines, names=names)
        _tell_oddities(tx, wiring, found, lines, judged, names)
        if all(one.status is AcknowledgmentStatus.UNKNOWN for one in lines):
            status = AcknowledgmentStatus.UNKNOWN
        elif judged.nothing_left:
            status = AcknowledgmentStatus.REJECTED
        else:
            status = AcknowledgmentStatus.ACCEPTED
    waiting = found.state in (FulfillmentState.PLANNED, FulfillmentState.REQUESTED)
    # A place may accept and find its shelf empty later; a refusal from before is older.
    newer = found.acknowledged_at is None or answer.at > found.acknowledged_at
    taken_back = newer and found.state is FulfillmentState.ACKNOWLEDGED
    in_part = newer and found.state is FulfillmentState.PARTIALLY_SHIPPED
    if status is AcknowledgmentStatus.ACCEPTED and found.acknowledged_at is None:
        # Also where its parcel was told first: the figure lacks the units since the earlier one.
        _absorb(tx, wiring, found, after=answer.at)
    if status is AcknowledgmentStatus.REJECTED and (waiting or taken_back) and found.called_off:
        # The answer to our telling it not to ship got lost; this is that answer.
        take_back(tx, wiring, found, elsewhere=found.called_off == "overdue")
    elif status is AcknowledgmentStatus.REJECTED and (waiting or taken_back):
        reject(tx, wiring, found, word=answer.raw_status, reference=answer.reference)
    elif status is AcknowledgmentStatus.UNKNOWN and waiting:
        reason = Reason.of(
            "unreadable_record",
            source=connection,
            kind="acknowledgment",
            record=found.key,
            problem=f"unknown status {answer.raw_status!r}",
        )
        tx.open_case(Case("unreadable_record", f"acknowledgment {found.key}", reason))
    elif status is not AcknowledgmentStatus.UNKNOWN:
        if waiting:
            _accepted(tx, found, answer)
        if judged is not None and judged.declined and (waiting or taken_back or in_part):
            _declined(tx, wiring, found, judged)


def _accepted(tx: Tx, found: Requested, answer: Acknowledgment) -> None:
    Parcels(tx).mark(
        found.order_id,
        found.number,
        state=str(FulfillmentState.ACKNOWLEDGED),
        acknowledged_at=answer.at,
        reference=answer.reference,
    )
    tx.close_case("request_overdue", f"request {found.key}")
    tx.decide(
        found.subject, Reason.of("request_acknowledged", key=found.key, location=found.location)
    )


def _declined(tx: Tx, wiring: Wiring, found: Requested, judged: Judged) -> None:
    """A part of it will not come: those units are asked of others, the rest is waited for."""
    Parcels(tx).decline(found, judged.declined)
    Stock(tx).let_go(found.order_id, found.number, judged.declined)
    if found.state is FulfillmentState.PARTIALLY_SHIPPED and all(
        quantity - judged.declined.get(key, 0) <= shipped
        for key, (quantity, _, shipped) in found.lines.items()
    ):
        # What was sent is all there will be.
        Parcels(tx).mark(found.order_id, found.number, state=str(FulfillmentState.SHIPPED))
        for kind in CASES:
            tx.close_case(kind, f"request {found.key}")
    units: dict[Sku, int] = {}
    for (_, sku), count in judged.declined.items():
        units[sku] = units.get(sku, 0) + count
    reason = Reason.of(
        "request_declined", key=found.key, location=found.location, units=_listed(units)
    )
    tx.decide(found.subject, reason)
    if judged.broken:
        # What it still ships of a kit is of no use to the buyer alone.
        args = {"key": found.key, "location": found.location, "skus": ", ".join(judged.broken)}
        broken = Reason.of("request_breaks_kit", **args)
        tx.open_case(Case("request_breaks_kit", f"request {found.key}", broken, Severity.CRITICAL))
    doubt(tx, wiring, found.location)
    route_again(tx, wiring, found)


def _tell_oddities(
    tx: Tx, wiring: Wiring, found: Requested, lines: Sequence[AnsweredLine], judged: Judged,
    names: Mapping[str, Sku],
) -> None:  # fmt: skip
    """What a person has to know of an answer: strange goods, units that come later, other prices."""
    subject, where = f"request {found.key}", {"key": found.key, "location": found.location}
    if judged.strange:
        reason = Reason.of("request_answer_strange", **where, items=", ".join(judged.strange))
        tx.open_case(Case("request_answer_strange", subject, reason))
    if judged.late:
        told = ", ".join(
            f"{one.sku} x{one.units} {one.ready_on.isoformat() if one.ready_on else '?'}"
            for one in judged.late
        )
        reason = Reason.of("request_backordered", **where, units=told)
        if tx.open_case(Case("request_backordered", subject, reason, Severity.WARNING)):
            tx.decide(found.subject, reason)
    else:
        tx.close_case("request_backordered", subject)
    prices = expected_prices(tx, wiring, found)
    off = repriced(
        lines,
        names=names,
        expected=prices,
        tolerance=price_tolerance(wiring, found.location),
    )
    if off:
        told = ", ".join(f"{one.sku}: {one.told} for {one.expected}" for one in off)
        reason = Reason.of("request_repriced", **where, prices=told)
        tx.open_case(Case("request_repriced", subject, reason, Severity.WARNING))
    elif any(one.price for one in lines):
        tx.close_case("request_repriced", subject)


def _lines_of(found: Requested, answer: Acknowledgment) -> Sequence[AnsweredLine]:
    """Line by line; one word for all of it where that does what a line does. (): yes, no or unknown."""
    if answer.lines or answer.status is not AcknowledgmentStatus.BACKORDERED:
        return answer.lines
    return [
        AnsweredLine(sku, answer.status, quantity - shipped, answer.ready_on)
        for (_, sku), (quantity, _, shipped) in found.lines.items()
    ]


def _asked(found: Requested) -> dict[tuple[str, Sku], AskedLine]:
    return {
        key: AskedLine(
            quantity + found.declined.get(key, 0), per_unit, shipped, found.declined.get(key, 0)
        )
        for key, (quantity, per_unit, shipped) in found.lines.items()
    }


def _listed(units: Mapping[Sku, int]) -> str:
    return ", ".join(f"{sku} x{count}" for sku, count in sorted(units.items()))


def _absorb(tx: Tx, wiring: Wiring, found: Requested, *, after: datetime) -> None:
    """A place with a net figure took the units of a request off it."""
    location = wiring.location(found.location)
    if location and location.basis is SnapshotBasis.NET and not location.learns_from_us:
        Held(tx).absorb(found.order_id, found.number, after=after)


def pull_notices(run: Run, connection: str) -> None:
    """Take what places say they shipped."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_shipments(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                record_notice(tx, run, connection, one)
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor)


def record_notice(tx: Tx, run: Run, connection: str, notice: ShipmentNotice) -> None:
    """A parcel: its units leave the ledger, its confirmation and its tracking become work."""
    parcels = Parcels(tx)
    found = parcels.requested(notice.key)
    if found is None or ships_through(run.wiring, found.location) != connection:
        _open_unknown(tx, connection, notice.key)
        return
    known = parcels.lines_of_parcel(found.order_id, notice.tracking_number)
    if known is not None:
        _tell_more(tx, run.wiring, found, notice, known)
        return
    taken, left_over = _match(found, _in_our_words(tx, run.wiring, found, notice))
    if left_over:
        reason = Reason.of(
            "wrong_units_shipped", key=found.key, location=found.location, units=_listed(left_over)
        )
        tx.open_case(Case("wrong_units_shipped", f"request {found.key}", reason, Severity.CRITICAL))
    for (line, sku), units in taken.items():
        parcels.add_shipped(found, line, sku, units)
    lines = _confirmed_lines(found, taken)
    number = parcels.add_parcel(
        found,
        carrier=notice.carrier,
        tracking_number=notice.tracking_number,
        service=notice.service,
        shipped_at=notice.shipped_at,
        remote_location=run.wiring.twin(found.channel, found.location),
        lines=lines,
        ask_at=tx.now if notice.carrier in run.wiring.carriers else None,
    )
    _consume(tx, run, found, taken, at=notice.shipped_at, reference=f"{found.key}/{number}")
    whole = all(
        shipped + taken.get(key, 0) >= quantity
        for key, (quantity, _, shipped) in found.lines.items()
    )
    state = FulfillmentState.SHIPPED if whole else FulfillmentState.PARTIALLY_SHIPPED
    parcels.mark(found.order_id, found.number, state=str(state), shipped_at=notice.shipped_at)
    if whole:
        for kind in ("shipment_overdue", "request_backordered"):
            tx.close_case(kind, f"request {found.key}")
    tx.close_case("request_overdue", f"request {found.key}")
    tx.decide(
        found.subject,
        Reason.of(
            "shipment_received",
            key=found.key,
            location=found.location,
            carrier=notice.carrier,
            number=notice.tracking_number,
            units=sum(line.quantity for line in lines),
        ),
    )
    Orders(tx).decide_again([found.order_id])
    tx.wake("core/orders", f"{found.channel}/shipments", *run.wiring.tracking_units)


def _tell_more(
    tx: Tx, wiring: Wiring, found: Requested, notice: ShipmentNotice, known: Mapping[str, int]
) -> None:
    """A parcel that is told again: with the units it had it is the same, with more a person decides.

    Whether those came into it later, or the first notice was wrong, nobody says; the channel was told
    what was in it.
    """
    had: dict[Sku, int] = {}
    lines = Counter(line for line, _ in found.lines)
    for (line, sku), (_, per_unit, _) in found.lines.items():
        had[sku] = had.get(sku, 0) + known.get(line, 0) * per_unit
    # All that is left of a request was not in the parcel, whatever was.
    units = _in_our_words(tx, wiring, found, notice)
    more = {sku: count - (0 if notice.whole else had.get(sku, 0)) for sku, count in units.items()}
    taken, _ = _match(found, {sku: count for sku, count in more.items() if count > 0})
    new: Counter[Sku] = Counter()
    for (line, sku), count in taken.items():
        # What a parcel held of a Kit that was not whole yet is not kept by parcel.
        if lines[line] == 1:
            new[sku] += count
    if not new:
        return
    reason = Reason.of(
        "parcel_tells_more",
        key=found.key,
        location=found.location,
        number=notice.tracking_number,
        units=_listed(new),
    )
    case = Case("parcel_tells_more", f"request {found.key}", reason, Severity.CRITICAL)
    tx.open_case(case, once=True)


def _in_our_words(
    tx: Tx, wiring: Wiring, found: Requested, notice: ShipmentNotice
) -> dict[Sku, int]:
    """Units by Sku; a place may call a thing by its own word, one nobody knows stays as it is."""
    if notice.whole:
        left: dict[Sku, int] = {}
        for (_, sku), (quantity, _, shipped) in found.lines.items():
            left[sku] = left.get(sku, 0) + quantity - shipped
        return left
    ours = {sku for _, sku in found.lines}
    named = all(one.sku in ours for one in notice.lines)
    names: Mapping[str, Sku] = {} if named else names_of_goods(tx, wiring, found)
    by = ships_through(wiring, found.location)
    others = {} if named else other_words(tx, wiring, by, names, (one.sku for one in notice.lines))
    units: dict[Sku, int] = {}
    for one in notice.lines:
        meant = others.get(one.sku) or Meaning(names.get(one.sku, one.sku))
        units[meant.sku] = units.get(meant.sku, 0) + one.quantity * meant.units
    return units


def _match(
    found: Requested, units: Mapping[Sku, int]
) -> tuple[dict[tuple[str, Sku], int], dict[Sku, int]]:
    """The parcel's units on the request's lines; what fits none is left over."""
    left = dict(units)
    taken: dict[tuple[str, Sku], int] = {}
    for (line, sku), (quantity, _, shipped) in sorted(found.lines.items()):
        count = min(left.get(sku, 0), quantity - shipped)
        if count > 0:
            taken[line, sku] = count
            left[sku] -= count
    return taken, {sku: count for sku, count in left.items() if count}


def _confirmed_lines(found: Requested, taken: dict[tuple[str, Sku], int]) -> list[ConfirmedLine]:
    """Units of order lines that became whole with this parcel: a Kit counts once all of it is out."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for (line, sku), (_, per_unit, shipped) in found.lines.items():
        now = shipped + taken.get((line, sku), 0)
        before[line] = min(before.get(line, shipped // per_unit), shipped // per_unit)
        after[line] = min(after.get(line, now // per_unit), now // per_unit)
    return [
        ConfirmedLine(line, after[line] - before[line])
        for line in sorted(after)
        if after[line] > before[line]
    ]


def _consume(
    tx: Tx,
    run: Run,
    found: Requested,
    taken: dict[tuple[str, Sku], int],
    *,
    at: datetime,
    reference: str,
) -> None:
    """Shipped units leave our ledger; at a place a remote counts, they wait for its next figure."""
    stock, held = Stock(tx), Held(tx)
    location = run.wiring.location(found.location)
    if location and location.basis is not None:
        if location.learns_from_us:
            # Who ships is not who counts: the figure learns of it from us, or knew of the sale.
            held.ship(found.order_id, found.number, taken, after=None)
            return
        if location.basis is SnapshotBasis.NET and found.acknowledged_at is None:
            held.absorb(found.order_id, found.number, after=at)
        held.ship(found.order_id, found.number, taken, after=at)
        return
    stock.consume(found.order_id, found.number, taken)
    units: dict[Sku, int] = {}
    for (_, sku), quantity in taken.items():
        units[sku] = units.get(sku, 0) + quantity
    stock.move(
        [
            StockMovement(
                sku, found.location, MovementKind.SHIPMENT, -quantity, reference, at, cause="parcel"
            )
            for sku, quantity in sorted(units.items())
        ]
    )


def _open_unknown(tx: Tx, connection: str, key: str) -> None:
    reason = Reason.of("unknown_request", source=connection, key=key)
    tx.open_case(Case("unknown_request", f"request {connection} {key}", reason))
