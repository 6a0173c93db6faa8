"""What places that ship say to our requests: yes, no, in part, later."""

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
    FulfillmentState,
)
from core.model.reasons import Reason
from core.model.stock import SnapshotBasis
from core.ports import FulfillmentSource
from core.rules.answers import AskedLine, Judged, judge, repriced
from jobs.correspondence import heard_of, record_written
from jobs.goods import expected_prices, listed, names_of_goods, price_tolerance, ships_through
from jobs.naming import in_our_units
from jobs.rejections import (
    CASES,
    doubt,
    open_unknown_request,
    reject,
    route_again,
    take_back,
)
from jobs.run import Run
from jobs.store.held import Held
from jobs.store.parcels import Parcels, Requested
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: It was not to ship it any more.
_ENDED = (FulfillmentState.REJECTED, FulfillmentState.CANCELED)


def pull_acknowledgments(run: Run, connection: str) -> None:
    """Take what places say to our requests."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_acknowledgments(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                if isinstance(one, Acknowledgment):
                    record_acknowledgment(tx, run.wiring, connection, one)
                else:
                    record_written(tx, run.wiring, connection, one)
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor)


def record_acknowledgment(tx: Tx, wiring: Wiring, connection: str, answer: Acknowledgment) -> None:
    """Accepted: their figure has taken the units off. Rejected, wholly or in part: routed elsewhere."""
    parcels = Parcels(tx)
    found = parcels.requested(answer.key)
    if found is None or ships_through(wiring, found.location) != connection:
        open_unknown_request(tx, connection, answer.key)
        return
    heard_of(tx, found)
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
    if newer and status is AcknowledgmentStatus.ACCEPTED:
        _tell_promised(tx, found, judged)
    if status is AcknowledgmentStatus.REJECTED and (waiting or taken_back) and found.called_off:
        # The answer to our telling it not to ship got lost; this is that answer.
        take_back(tx, wiring, found, elsewhere=found.called_off == "overdue")
    elif status is AcknowledgmentStatus.REJECTED and (waiting or taken_back):
        reject(tx, wiring, found, word=answer.raw_status, at=answer.at, reference=answer.reference)
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
            _declined(tx, wiring, found, judged, at=answer.at)


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


def _declined(
    tx: Tx, wiring: Wiring, found: Requested, judged: Judged, *, at: datetime
) -> None:  # fmt: skip
    """A part of it will not come: those units are asked of others, the rest is waited for."""
    Parcels(tx).decline(found, judged.declined)
    Parcels(tx).mark(found.order_id, found.number, acknowledged_at=at)
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
        "request_declined", key=found.key, location=found.location, units=listed(units)
    )
    tx.decide(found.subject, reason)
    if judged.broken:
        # What it still ships of a kit is of no use to the buyer alone.
        args = {"key": found.key, "location": found.location, "skus": ", ".join(judged.broken)}
        broken = Reason.of("request_breaks_kit", **args)
        tx.open_case(Case("request_breaks_kit", f"request {found.key}", broken, Severity.CRITICAL))
    doubt(tx, wiring, found.location)
    route_again(tx, wiring, found)


def _tell_promised(tx: Tx, found: Requested, judged: Judged | None) -> None:
    """A yes after a no: others are asked for these units by now, and the buyer would get both."""
    units: Mapping[Sku, int] = judged.promised if judged else {}
    if found.state in _ENDED:
        every: dict[Sku, int] = {}
        for (_, sku), (quantity, _, shipped) in found.lines.items():
            every[sku] = every.get(sku, 0) + quantity - shipped
        units = +Counter(every)
    if not units:
        return
    reason = Reason.of(
        "request_accepted_after_all",
        key=found.key, location=found.location, units=listed(units), order=found.order,
    )  # fmt: skip
    if tx.open_case(
        Case(reason.code, f"request {found.key}", reason, Severity.CRITICAL), once=True
    ):
        tx.decide(found.subject, reason)


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


def _absorb(tx: Tx, wiring: Wiring, found: Requested, *, after: datetime) -> None:
    """A place with a net figure took the units of a request off it."""
    location = wiring.location(found.location)
    if location and location.basis is SnapshotBasis.NET and not location.learns_from_us:
        Held(tx).absorb(found.order_id, found.number, after=after)
