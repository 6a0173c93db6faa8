"""PULL and RECORD: what others say, saved page by page together with the place in the walk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, LocationId, Sku
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    ConfirmedLine,
    FulfillmentState,
    ShipmentNotice,
    TrackingEvent,
)
from core.model.orders import Order
from core.model.reasons import Reason
from core.model.stock import MovementKind, SnapshotBasis, StockMovement, StockSnapshot
from core.ports import (
    FulfillmentSource,
    ListingSource,
    OfferTarget,
    OrderSource,
    Reject,
    StockSource,
    TrackingSource,
)
from core.rules import parcels as parcel_rules
from core.rules.freshness import Freshness
from core.rules.snapshots import Guard, Previous
from jobs import counted, quarantine
from jobs.claims import hold_units, ship_external
from jobs.run import Run
from jobs.store.counted import CountedItems
from jobs.store.feeds import Feeds
from jobs.store.held import Held
from jobs.store.lags import Kind, Lags
from jobs.store.offers import Offers
from jobs.store.orders import Orders, Resolved
from jobs.store.parcels import Parcel, Parcels, Requested
from jobs.store.sales import Sales
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.untrusted import KIND as UNTRUSTED
from jobs.store.untrusted import refusals, subject_of
from jobs.terms import record_terms
from jobs.wiring import Wiring

#: How soon a walk that could not be completed is gone on with.
UNFINISHED = timedelta(seconds=20)

# --- orders --------------------------------------------------------------------------------------


def pull_orders(run: Run, channel: ChannelId) -> None:
    """Bring new and changed orders in; a page and its place are saved together."""
    source = run.wiring.channel(channel, OrderSource)
    for batch in source.pull_orders(since=run.lease.cursor):
        with run.transaction() as tx:
            record_orders(tx, run, channel, batch.items, raw=batch.raw)
            tx.close_rejects(channel, "order", (one.remote_id for one in batch.items))
            open_rejects(tx, channel, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
            if batch.complete_to is not None:
                # Raising a quantity waits until the orders past its reading are in.
                tx.wake(f"{channel}/offers")


def record_orders(
    tx: Tx,
    run: Run,
    channel: ChannelId,
    items: Sequence[Order],
    *,
    raw: Iterable[tuple[str, str]] = (),
) -> list[int]:
    """Record orders and hold their units in the same transaction (I1, I3); the changed numbers."""
    items = [one if one.channel == channel else replace(one, channel=channel) for one in items]
    orders = Orders(tx)
    changed = orders.record(items, resolve=_resolve(tx, run, channel, items))
    records = orders.load(changed)
    shipped_by_others = [record.id for record in records if ship_external(tx, run.wiring, record)]
    if shipped_by_others:
        records = orders.load(changed)
    allocations = hold_units(tx, run.wiring, records)
    if run.store.units.complete_to(tx.connection, f"{channel}/orders") is not None:
        # Not while a channel's old orders come in for the first time: they were not waited for.
        new_ones = [record for record in records if record.recorded_at == tx.now]
        Lags(tx).seen(Kind.ORDERS, channel, [tx.now - one.order.placed_at for one in new_ones])
    for record in records:
        allocation = allocations[record.id]
        new = record.recorded_at == tx.now
        tx.decide(
            record.subject,
            Reason.of(
                "order_recorded" if new else "order_changed",
                order=record.order.name,
                channel=channel,
                lines=len(record.order.lines),
                units=sum(line.current for line in record.order.lines),
            ),
        )
        for claim in allocation.claims:
            args: dict[str, str | int] = {
                "sku": claim.sku,
                "quantity": claim.quantity,
                "order": record.order.name,
            }
            if claim.location is None:
                tx.decide(record.subject, Reason.of("units_unallocated", **args))
            elif new:
                tx.decide(
                    record.subject, Reason.of("units_reserved", location=claim.location, **args)
                )
    tx.keep_payloads(channel, "order", list(raw))
    if changed:
        # What sold on these days is counted anew, and only that.
        Sales(tx).mark((channel, run.wiring.day(one.order.placed_at)) for one in records)
        # What the channel sold it has taken off its own number: read that again before writing.
        Offers(tx).moved(
            channel, (line.listing_remote_id for record in records for line in record.order.lines)
        )
        tx.wake("core/orders")
    return changed


def _resolve(
    tx: Tx, run: Run, channel: ChannelId, items: Sequence[Order]
) -> dict[tuple[str, str], Resolved]:
    lines = [(order.remote_id, line) for order in items for line in order.lines]
    known = Offers(tx).of_listings(
        (channel, line.listing_remote_id) for _, line in lines if line.listing_remote_id
    )
    resolved: dict[tuple[str, str], Resolved] = {}
    for order, line in lines:
        sku, units = known.get((channel, line.listing_remote_id), (None, 1))
        if sku is None:
            sku, units = run.wiring.sku_of(channel, line.listing_remote_id, line.remote_sku)
        resolved[order, line.remote_id] = Resolved(sku, units)
    return resolved


def open_rejects(tx: Tx, source: str, rejects: Iterable[Reject]) -> None:
    for reject in rejects:
        tx.open_reject(source, reject)


# --- listings ------------------------------------------------------------------------------------


def pull_listings(run: Run, channel: ChannelId) -> timedelta | None:
    """Bring listings in; their Skus' quantities are decided again where something changed.

    A walk that is not complete (Amazon makes a report first) is gone on with soon.
    """
    complete = False
    source = run.wiring.channel(channel, ListingSource)
    if isinstance(source, OfferTarget):
        places = source.remote_locations()
        with run.transaction() as tx:
            Offers(tx).set_remote_locations(channel, places)
    for batch in source.pull_listings(since=run.lease.cursor):
        items = [
            one if one.channel == channel else replace(one, channel=channel) for one in batch.items
        ]
        with run.transaction() as tx:
            changed = Offers(tx).record_listings(
                items,
                resolve={
                    (channel, one.remote_id): run.wiring.sku_of(
                        channel, one.remote_id, one.remote_sku
                    )
                    for one in items
                },
            )
            Stock(tx).mark_dirty(changed)
            tx.close_rejects(channel, "listing", (one.remote_id for one in items))
            open_rejects(tx, channel, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
            complete = batch.complete_to is not None
    return None if complete else UNFINISHED


# --- stock ---------------------------------------------------------------------------------------


def pull_stock(run: Run, connection: str) -> None:
    """Take a counting remote's snapshots: apply what is plausible, quarantine what is not."""
    source = run.wiring.connector(connection, StockSource)
    places = run.wiring.counted_ids(connection)
    named = {"places": places} if places else {}
    for batch in source.pull_stock(since=run.lease.cursor, **named):
        with run.transaction() as tx:
            if batch.items:
                # A newer file is there whole: what was wrong with older ones is of no use to anybody.
                tx.close_rejects(connection, "stock file")
                tx.close_rejects(connection, "stock line")
                if not any(one.kind == "stock envelope" for one in batch.rejects):
                    tx.close_rejects(connection, "stock envelope")
            for snapshot in batch.items:
                place = run.wiring.counted_place(connection, snapshot.location)
                if place is not None:
                    record_snapshot(tx, run, replace(snapshot, location=place.id))
            open_rejects(tx, connection, batch.rejects)
            tx.advance(batch.cursor)


def record_snapshot(tx: Tx, run: Run, snapshot: StockSnapshot) -> None:
    """One snapshot: late ones are kept and ignored, suspicious ones kept and shown to a person."""
    stock = Stock(tx)
    found = counted.in_our_words(tx, run.wiring, snapshot)
    snapshot = found.snapshot
    if not (snapshot.complete or snapshot.rows):
        return
    in_force = stock.in_force(snapshot.location)
    previous = (
        Previous(*in_force, Feeds(tx).unknown_in_force(snapshot.location)) if in_force else None
    )
    if stock.told_since(snapshot):
        stock.keep_snapshot(snapshot, state="late", reasons=())
        return
    compared = stock.compare(snapshot)
    # Where any name is a Sku: one that no table, no channel and no earlier file has is a stranger.
    strangers = set(compared.new) - run.wiring.loaded.catalog.skus.keys()
    found = replace(found, unknown=found.unknown + Feeds(tx).unlisted(strangers))
    guard = run.wiring.snapshot_guard(snapshot.location, today=run.wiring.day(tx.now))
    doubts = counted.doubts(
        stock,
        found,
        compared=compared,
        previous=previous,
        guard=Guard(
            guard.rows_gone,
            guard.units_fallen,
            guard.zeros,
            guard.oldest,
            guard.largest,
            unknown=guard.unknown,
            repeated=guard.repeated,
            negative=guard.negative,
        ),
    )
    if doubts:
        sku_for = run.wiring.loaded.catalog.sku_for
        quarantine.put_aside(tx, found, doubts, previous, sku_for=sku_for)
        return
    whole = counted.totals(stock, snapshot, previous)
    if (
        stock.keep_snapshot(
            snapshot, state="applied", reasons=(), whole=whole, unknown=found.unknown
        )
        is None
    ):
        return
    # Orders that wait for units are woken by the Skus that moved (core/offers).
    moved = stock.apply_snapshot(snapshot, compared=compared)
    subject = f"snapshot {snapshot.location}"
    if snapshot.problems:
        line, text, why = snapshot.problems[0]
        tx.decide(
            subject,
            Reason.of(
                "file_odd_lines",
                name=snapshot.name,
                lines=snapshot.odd_lines,
                line=line,
                text=text[:200],
                why=why,
            ),
        )
    record_terms(tx, snapshot, sku_for=run.wiring.loaded.catalog.sku_for)
    CountedItems(tx).keep(
        snapshot.location, found.items, as_of=snapshot.as_of, complete=snapshot.complete
    )
    watched = Feeds(tx).state_of(snapshot.location)
    if watched is not None and watched.state is not Freshness.FRESH:
        tx.wake("core/upkeep")
    Lags(tx).seen(Kind.SNAPSHOT, snapshot.location, [tx.now - snapshot.as_of])
    if previous is not None:
        Lags(tx).seen(Kind.FIGURE, snapshot.location, [tx.now - previous.as_of])
    if snapshot.complete:
        # A change that was put aside is not made good by another one.
        quarantine.good_came(tx, snapshot)
    tx.decide(
        subject,
        Reason.of(
            "snapshot_applied",
            location=snapshot.location,
            name=snapshot.name,
            rows=len(snapshot.rows),
            changed=moved,
        ),
    )


# --- answers from places that ship ---------------------------------------------------------------


def pull_acknowledgments(run: Run, connection: str) -> None:
    """Take what places say to our requests."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_acknowledgments(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                record_acknowledgment(tx, run.wiring, connection, one)
            open_rejects(tx, connection, batch.rejects)
            tx.advance(batch.cursor)


def _doubt(tx: Tx, wiring: Wiring, place: LocationId) -> None:
    """A place that refuses again and again does not have what its figures say."""
    rule = wiring.config.routing.untrusted
    refused, sent = refusals(tx, place, since=tx.now - rule.within)
    if not rule.refusals or refused < rule.refusals or refused * 100 < rule.share * sent:
        return
    reason = Reason.of(
        "location_untrusted", location=place, refused=refused, sent=sent, within=str(rule.within)
    )
    if tx.open_case(Case(UNTRUSTED, subject_of(place), reason, Severity.CRITICAL)):
        tx.decide(subject_of(place), reason)
        tx.wake("core/dates")


def record_acknowledgment(tx: Tx, wiring: Wiring, connection: str, answer: Acknowledgment) -> None:
    """Accepted: their figure has taken the units off. Rejected: the units are routed elsewhere."""
    parcels = Parcels(tx)
    found = parcels.requested(answer.key)
    if found is None or _ships_through(wiring, found.location) != connection:
        _open_unknown(tx, connection, answer.key)
        return
    subject = f"order {found.channel} {found.order}"
    waiting = found.state in (FulfillmentState.PLANNED, FulfillmentState.REQUESTED)
    refused = answer.status is AcknowledgmentStatus.REJECTED
    # A place may accept and find its shelf empty later; a refusal from before is older.
    taken_back = (
        refused
        and found.state is FulfillmentState.ACKNOWLEDGED
        and (found.acknowledged_at is None or answer.at > found.acknowledged_at)
    )
    if answer.status is AcknowledgmentStatus.ACCEPTED and found.acknowledged_at is None:
        # Also where its parcel was told first: the figure lacks the units since the earlier one.
        _absorb(tx, wiring, found, after=answer.at)
    if not (waiting or taken_back):
        return
    if refused:
        parcels.mark(
            found.order_id,
            found.number,
            state=str(FulfillmentState.REJECTED),
            reference=answer.reference,
        )
        for kind in ("request_overdue", "shipment_overdue"):
            tx.close_case(kind, f"request {answer.key}")
        stock = Stock(tx)
        stock.release([row.id for row in parcels.open_reservations(found.order_id, found.number)])
        tx.decide(
            subject,
            Reason.of(
                "request_rejected", key=answer.key, location=found.location, word=answer.raw_status
            ),
        )
        _doubt(tx, wiring, found.location)
        orders = Orders(tx)
        orders.decide_again([found.order_id])
        # Never without a claim, not even until it is routed again (I3).
        hold_units(tx, wiring, orders.load([found.order_id]))
        tx.wake("core/orders")
    elif answer.status is AcknowledgmentStatus.ACCEPTED:
        parcels.mark(
            found.order_id,
            found.number,
            state=str(FulfillmentState.ACKNOWLEDGED),
            acknowledged_at=answer.at,
            reference=answer.reference,
        )
        tx.close_case("request_overdue", f"request {answer.key}")
        tx.decide(
            subject, Reason.of("request_acknowledged", key=answer.key, location=found.location)
        )
    else:
        reason = Reason.of(
            "unreadable_record",
            source=connection,
            kind="acknowledgment",
            record=answer.key,
            problem=f"unknown status {answer.raw_status!r}",
        )
        tx.open_case(Case("unreadable_record", f"acknowledgment {answer.key}", reason))


def _absorb(tx: Tx, wiring: Wiring, found: Requested, *, after: datetime) -> None:
    """A place with a net figure took the units of a request off it."""
    location = wiring.location(found.location)
    if location and location.basis is SnapshotBasis.NET and not location.counting_channel:
        Held(tx).absorb(found.order_id, found.number, after=after)


def pull_notices(run: Run, connection: str) -> None:
    """Take what places say they shipped."""
    source = run.wiring.connector(connection, FulfillmentSource)
    for batch in source.pull_shipments(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                record_notice(tx, run, connection, one)
            open_rejects(tx, connection, batch.rejects)
            tx.advance(batch.cursor)


def record_notice(tx: Tx, run: Run, connection: str, notice: ShipmentNotice) -> None:
    """A parcel: its units leave the ledger, its confirmation and its tracking become work."""
    parcels = Parcels(tx)
    found = parcels.requested(notice.key)
    if found is None or _ships_through(run.wiring, found.location) != connection:
        _open_unknown(tx, connection, notice.key)
        return
    if parcels.has_parcel(found.order_id, notice.tracking_number):
        return
    subject = f"order {found.channel} {found.order}"
    taken, left_over = _match(found, notice)
    if left_over:
        wrong = ", ".join(f"{sku} x{units}" for sku, units in sorted(left_over.items()))
        reason = Reason.of(
            "wrong_units_shipped", key=notice.key, location=found.location, units=wrong
        )
        tx.open_case(
            Case("wrong_units_shipped", f"request {notice.key}", reason, Severity.CRITICAL)
        )
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
    _consume(tx, run, found, taken, at=notice.shipped_at, reference=f"{notice.key}/{number}")
    whole = all(
        shipped + taken.get(key, 0) >= quantity
        for key, (quantity, _, shipped) in found.lines.items()
    )
    state = FulfillmentState.SHIPPED if whole else FulfillmentState.PARTIALLY_SHIPPED
    parcels.mark(found.order_id, found.number, state=str(state), shipped_at=notice.shipped_at)
    if whole:
        tx.close_case("shipment_overdue", f"request {notice.key}")
    tx.close_case("request_overdue", f"request {notice.key}")
    tx.decide(
        subject,
        Reason.of(
            "shipment_received",
            key=notice.key,
            location=found.location,
            carrier=notice.carrier,
            number=notice.tracking_number,
            units=sum(line.quantity for line in lines),
        ),
    )
    Orders(tx).decide_again([found.order_id])
    tx.wake("core/orders", f"{found.channel}/shipments", *run.wiring.tracking_units)


def _match(
    found: Requested, notice: ShipmentNotice
) -> tuple[dict[tuple[str, Sku], int], dict[Sku, int]]:
    """The notice's units on the request's lines; what fits none is left over."""
    left: dict[Sku, int] = {}
    for one in notice.lines:
        left[one.sku] = left.get(one.sku, 0) + one.quantity
    taken: dict[tuple[str, Sku], int] = {}
    for (line, sku), (quantity, _, shipped) in sorted(found.lines.items()):
        units = min(left.get(sku, 0), quantity - shipped)
        if units > 0:
            taken[line, sku] = units
            left[sku] -= units
    return taken, {sku: units for sku, units in left.items() if units}


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
        if location.counting_channel:
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


def _ships_through(wiring: Wiring, location: LocationId) -> str:
    found = wiring.location(location)
    return found.ships_through if found else ""


def _open_unknown(tx: Tx, connection: str, key: str) -> None:
    reason = Reason.of("unknown_request", source=connection, key=key)
    tx.open_case(Case("unknown_request", f"request {connection} {key}", reason))


# --- tracking ------------------------------------------------------------------------------------


def pull_tracking(run: Run, connection: str, *, carriers: Sequence[str], limit: int = 200) -> None:
    """Ask the carrier about parcels whose question is due."""
    source = run.wiring.connector(connection, TrackingSource)
    with run.reading() as tx:
        due = Parcels(tx).to_ask(carriers, limit=limit)
    paces = run.wiring.config.asking
    asking = parcel_rules.Asking(paces.label, paces.moving, paces.out_for_delivery, paces.not_found)
    for parcel in due:
        report = source.pull_tracking(parcel.tracking_number)
        with run.transaction() as tx:
            _record_scans(tx, parcel, report.events, asking)


def _record_scans(
    tx: Tx, parcel: Parcel, events: Sequence[TrackingEvent], asking: parcel_rules.Asking
) -> None:
    parcels = Parcels(tx)
    parcels.add_events(parcel, events)
    status = parcel_rules.status_of(events)
    newest = max((event.at for event in events), default=None)
    parcels.asked(
        parcel,
        status=status,
        status_at=newest,
        ask_at=parcel_rules.ask_again(
            status,
            last_asked=tx.now,
            last_event=newest,
            shipped_at=parcel.shipped_at,
            now=tx.now,
            asking=asking,
        ),
    )
    if status is parcel.status:
        return
    tx.decide(
        f"order {parcel.channel} {parcel.order}",
        Reason.of(
            "parcel_status",
            carrier=parcel.carrier,
            number=parcel.tracking_number,
            status=str(status),
        ),
    )
    Orders(tx).decide_again([parcel.order_id])
    tx.wake("core/orders")
