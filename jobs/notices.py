"""What places say they sent: parcels to buyers, and goods of purchase orders to our own shelf.

What is in a parcel is what the documents about it say together, each in its latest words. Units that
are new leave the ledger once, and are told to the channel as a confirmation of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from core.model.cases import Case, Severity
from core.model.catalog import Sku
from core.model.fulfillment import ConfirmedLine, FulfillmentState, ShipmentNotice
from core.model.reasons import Reason
from core.model.stock import MovementKind, SnapshotBasis, StockMovement
from core.ports import FulfillmentSource
from core.rules.notices import NAMELESS, Heard, Said, Words, hear, total
from jobs.announced import announce
from jobs.correspondence import heard_of
from jobs.goods import listed, names_of_goods, ships_through
from jobs.naming import in_skus
from jobs.numbers import judged
from jobs.rejections import open_unknown_request
from jobs.run import Run
from jobs.store.held import Held
from jobs.store.notices import Notices
from jobs.store.orders import Orders
from jobs.store.parcels import Parcels, Requested
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: A request's line and a Sku of it -> units of the Sku.
Units = dict[tuple[str, Sku], int]


def pull_notices(run: Run, connection: str) -> None:
    """Take what places say they shipped."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_shipments(since=run.lease.cursor):
        with run.transaction() as tx:
            record_notices(tx, run.wiring, connection, batch.items)
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor)


def record_notices(
    tx: Tx, wiring: Wiring, connection: str, notices: Iterable[ShipmentNotice]
) -> None:  # fmt: skip
    """Take in what was read together: whole documents, and what each of them dropped."""
    documents: dict[tuple[str, str], list[ShipmentNotice]] = defaultdict(list)
    for one in notices:
        documents[one.key, one.document].append(one)
    for (key, document), said in documents.items():
        dropped: Iterable[ShipmentNotice] = ()
        if document != NAMELESS and said[0].replaces:
            # A parcel it spoke of before and does not any more: nothing of it is in there.
            before = Notices(tx, _key_of(tx, key)).said()
            gone = {number for number, by in before.items() if document in by}
            gone -= {one.tracking_number for one in said}
            dropped = [
                replace(said[0], tracking_number=one, lines=(), whole=False) for one in sorted(gone)
            ]
        for notice in (*dropped, *said):
            record_notice(tx, wiring, connection, notice)


def _key_of(tx: Tx, key: str) -> str:
    """Ours, where a place knows it by the short one."""
    found = Parcels(tx).requested(key)
    return found.key if found else key


def record_notice(tx: Tx, wiring: Wiring, connection: str, notice: ShipmentNotice) -> None:
    """A parcel: its units leave the ledger, its confirmation and its tracking become work."""
    found = Parcels(tx).requested(notice.key)
    if found is None:
        bought = Purchases(tx).get(notice.key, lock=True)
        if bought is not None and bought.connection == connection:
            announce(tx, wiring, bought, notice)
            return
    if found is None or ships_through(wiring, found.location) != connection:
        open_unknown_request(tx, connection, notice.key)
        return
    heard_of(tx, found)
    documents = Notices(tx, found.key).said().get(notice.tracking_number, {})
    before: dict[str | None, Words] = dict(documents.items())
    units = _in_our_words(tx, wiring, found, notice)
    if not before:
        had = _told_before(found, Parcels(tx).lines_of_parcel(found, notice.tracking_number))
        if had is not None:
            before[None] = had
            units = {sku: count for sku, count in units.items() if sku in had}
    if notice.whole and before:
        # All that is left of a request was not in the parcel, whatever was.
        heard = Heard(doubtful=any(units.values()))
    else:
        heard = hear(units, document=notice.document, replaces=notice.replaces, before=before)
    if notice.document and notice.replaces and not units and not before:
        # It calls off what was never told; told later all the same, it contradicts itself.
        _keep(tx, found, notice, {}, {}, {})
        return
    _tell_doubt(tx, found, notice, heard, units=units, before=total(before.values()))
    if not before or heard.more:
        taken = _book(tx, wiring, found, notice, heard.more, first=not before)
    elif notice.whole or heard.doubtful or notice.document not in documents:
        return
    else:
        taken = {}
    _keep(tx, found, notice, units, taken, documents.get(notice.document, {}))


def _told_before(found: Requested, known: Mapping[str, int] | None) -> dict[Sku, Said] | None:
    """A parcel of before the words of each document were kept; None: there is none.

    What it held of a Kit that was not whole yet was not kept by parcel: no word about those Skus.
    """
    if known is None:
        return None
    lines = Counter(line for line, _ in found.lines)
    had: dict[Sku, int] = {}
    for (line, sku), (_, per_unit, _) in found.lines.items():
        if lines[line] == 1:
            had[sku] = had.get(sku, 0) + known.get(line, 0) * per_unit
    return {sku: Said(count, count) for sku, count in had.items()}


def _keep(
    tx: Tx, found: Requested, notice: ShipmentNotice, units: Mapping[Sku, int], taken: Units,
    before: Words,
) -> None:  # fmt: skip
    counted = Counter({sku: one.taken for sku, one in before.items()})
    for (_, sku), count in taken.items():
        counted[sku] += count
    words = {sku: Said(units.get(sku, 0), counted[sku]) for sku in {*units, *before, *counted}}
    Notices(tx, found.key).keep(notice.tracking_number, notice.document, words)


def _tell_doubt(
    tx: Tx, found: Requested, notice: ShipmentNotice, heard: Heard, *,
    units: Mapping[Sku, int], before: Mapping[Sku, int],
) -> None:  # fmt: skip
    """What a person has to know: words that do not go together, units that are taken back."""
    subject = f"request {found.key}"
    where = {"key": found.key, "location": found.location, "number": notice.tracking_number}
    if heard.doubtful:
        reason = Reason.of("parcel_tells_more", **where, units=listed(units), before=listed(before))
        tx.open_case(Case("parcel_tells_more", subject, reason, Severity.CRITICAL), once=True)
    if heard.less:
        reason = Reason.of("parcel_taken_back", **where, units=listed(heard.less))
        tx.open_case(
            Case(
                "parcel_taken_back",
                f"{subject} {notice.tracking_number}",
                reason,
                Severity.CRITICAL,
            )
        )
        tx.decide(found.subject, reason)


def _book(
    tx: Tx, wiring: Wiring, found: Requested, notice: ShipmentNotice, units: Mapping[Sku, int], *,
    first: bool,
) -> Units:  # fmt: skip
    """Units left: what of them the request asked for. `first`: the parcel was not known before."""
    parcels = Parcels(tx)
    taken, left_over = _match(found, units)
    if left_over:
        reason = Reason.of(
            "wrong_units_shipped", key=found.key, location=found.location, units=listed(left_over)
        )
        tx.open_case(Case("wrong_units_shipped", f"request {found.key}", reason, Severity.CRITICAL))
    if not taken and not first:
        return taken
    for (line, sku), count in taken.items():
        parcels.add_shipped(found, line, sku, count)
    lines = _confirmed_lines(found, taken)
    carrier, tell_at = judged(tx, wiring, found, notice)
    number = parcels.add_parcel(
        found,
        carrier=carrier,
        tracking_number=notice.tracking_number,
        service=notice.service,
        shipped_at=notice.shipped_at,
        remote_location=wiring.twin(found.channel, found.location),
        lines=lines,
        ask_at=tx.now if carrier in wiring.carriers else None,
        tell_at=tell_at,
    )
    _consume(tx, wiring, found, taken, at=notice.shipped_at, reference=f"{found.key}/{number}")
    _move_on(tx, found, taken, at=notice.shipped_at)
    tx.decide(
        found.subject,
        Reason.of(
            "shipment_received",
            key=found.key,
            location=found.location,
            carrier=carrier,
            number=notice.tracking_number,
            units=sum(line.quantity for line in lines),
        ),
    )
    Orders(tx).decide_again([found.order_id])
    tx.wake("core/orders", f"{found.channel}/shipments", *wiring.tracking_units)
    return taken


def _move_on(tx: Tx, found: Requested, taken: Units, *, at: datetime) -> None:
    """The request is shipped, or in part; nothing of it is overdue."""
    whole = all(
        shipped + taken.get(key, 0) >= quantity
        for key, (quantity, _, shipped) in found.lines.items()
    )
    state = FulfillmentState.SHIPPED if whole else FulfillmentState.PARTIALLY_SHIPPED
    Parcels(tx).mark(found.order_id, found.number, state=str(state), shipped_at=at)
    if whole:
        for kind in ("shipment_overdue", "request_backordered"):
            tx.close_case(kind, f"request {found.key}")
    tx.close_case("request_overdue", f"request {found.key}")


def _in_our_words(
    tx: Tx, wiring: Wiring, found: Requested, notice: ShipmentNotice
) -> dict[Sku, int]:
    """Units by Sku; a place may call a thing by its own word, one nobody knows stays as it is."""
    if notice.whole:
        left: dict[Sku, int] = {}
        for (_, sku), (quantity, _, shipped) in found.lines.items():
            left[sku] = left.get(sku, 0) + quantity - shipped
        return left
    ours = {sku: sku for _, sku in found.lines}
    named = all(one.sku in ours for one in notice.lines)
    names = ours if named else names_of_goods(tx, wiring, found)
    return in_skus(tx, wiring, ships_through(wiring, found.location), names, notice.lines)


def _match(found: Requested, units: Mapping[Sku, int]) -> tuple[Units, dict[Sku, int]]:
    """The parcel's units on the request's lines; what fits none is left over."""
    left = dict(units)
    taken: Units = {}
    for (line, sku), (quantity, _, shipped) in sorted(found.lines.items()):
        count = min(left.get(sku, 0), quantity - shipped)
        if count > 0:
            taken[line, sku] = count
            left[sku] -= count
    return taken, {sku: count for sku, count in left.items() if count}


def _confirmed_lines(found: Requested, taken: Units) -> list[ConfirmedLine]:
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
    wiring: Wiring,
    found: Requested,
    taken: Units,
    *,
    at: datetime,
    reference: str,
) -> None:
    """Shipped units leave our ledger; at a place a remote counts, they wait for its next figure."""
    stock, held = Stock(tx), Held(tx)
    location = wiring.location(found.location)
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
