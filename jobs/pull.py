"""PULL and RECORD: what others say, saved page by page together with the place in the walk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from core.model.catalog import ChannelId, Listing, Sku
from core.model.orders import Order
from core.model.reasons import Reason
from core.model.stock import StockSnapshot
from core.ports import (
    Batch,
    ListingSource,
    OfferTarget,
    OrderSource,
    Reject,
    StockSource,
)
from core.rules.freshness import Freshness
from core.rules.names import Understood
from core.rules.snapshots import Guard, Previous
from jobs import counted, quarantine
from jobs.apart import ITS_OWN, words
from jobs.claims import hold_units, ship_external
from jobs.naming import Naming, codes_of, goods_of, sold_as
from jobs.refunds import look_for_sent
from jobs.run import Run
from jobs.store.counted import CountedItems
from jobs.store.feeds import Feeds
from jobs.store.lags import Kind, Lags
from jobs.store.names import ListingCodes
from jobs.store.offers import Offers
from jobs.store.orders import OrderRecord, Orders, Resolved
from jobs.store.sales import Sales
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.types import storable
from jobs.terms import record_terms

#: How soon a walk that could not be completed is gone on with.
UNFINISHED = timedelta(seconds=20)

# --- orders --------------------------------------------------------------------------------------


def pull_orders(run: Run, channel: ChannelId) -> None:
    """Bring new and changed orders in; a page and its place are saved together."""
    source = run.wiring.channel(channel, OrderSource)
    for batch in source.pull_orders(since=run.lease.cursor):

        def saved(tx: Tx, _: Sequence[int], page: Batch[Order] = batch) -> None:
            tx.advance(page.cursor, complete_to=page.complete_to)
            if page.complete_to is not None:
                # Raising a quantity waits until the orders past its reading are in.
                tx.wake(f"{channel}/offers")

        record_batch(run, channel, batch, saved)


def record_batch(
    run: Run, channel: ChannelId, batch: Batch[Order], then: Callable[[Tx, Sequence[int]], None]
) -> None:
    """Record a page, its rejects and what `then` writes in one transaction.

    `then` is told the changed numbers. Orders that cannot be recorded become rejects as well.
    """

    def record(page: Batch[Order]) -> None:
        with run.transaction() as tx:
            changed = record_orders(tx, run, channel, page.items, raw=page.raw)
            tx.close_rejects(channel, "order", (one.remote_id for one in page.items))
            tx.open_rejects(channel, page.rejects)
            for kind, remote_id in page.mended:
                tx.close_rejects(channel, kind, [remote_id])
            then(tx, changed)

    try:
        record(batch)
    except ITS_OWN:
        record(_without_bad(run, channel, batch))


def _without_bad(run: Run, channel: ChannelId, batch: Batch[Order]) -> Batch[Order]:
    """Record each order alone: those that break become rejects. The others stay in the batch, where
    they are repeats."""
    raw = dict(batch.raw)
    good, bad = [], []
    for one in batch.items:
        try:
            with run.transaction() as tx:
                record_orders(tx, run, channel, [one])
        except ITS_OWN as error:
            told = storable(one.remote_id)
            run.log.error("order cannot be recorded", order=told, problem=words(error))
            bad.append(Reject("order", told, words(error), raw.get(one.remote_id, "")))
        else:
            good.append(one)
    kept = {one.remote_id for one in good}
    return replace(
        batch,
        items=tuple(good),
        rejects=(*batch.rejects, *bad),
        raw=tuple(one for one in batch.raw if one[0] in kept),
    )


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
    # A line that was understood stays what it was: units are held of it.
    before = orders.understood(channel, [order.remote_id for order in items])
    lines = {
        key: (line.listing_remote_id, line.remote_sku)
        for order in items
        for line in order.lines
        if (key := (order.remote_id, line.remote_id)) not in before
    }
    meant = sold_as(tx, run.wiring, channel, lines)
    resolve = before | {key: Resolved(one.sku, one.units) for key, one in meant.items()}
    changed = orders.record(items, resolve=resolve)
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
        _tell_names(tx, record, meant)
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
        look_for_sent(tx, records)
        # What sold on these days is counted anew, and only that.
        Sales(tx).mark((channel, run.wiring.day(one.order.placed_at)) for one in records)
        # What the channel sold it has taken off its own number: read that again before writing.
        Offers(tx).moved(
            channel, (line.listing_remote_id for record in records for line in record.order.lines)
        )
        tx.wake("core/orders")
    return changed


def _tell_names(tx: Tx, record: OrderRecord, meant: Mapping[tuple[str, str], Understood]) -> None:
    """Why a line is taken for the Sku it is taken for, where that is not its very name."""
    for line in record.order.lines:
        one = meant.get((record.order.remote_id, line.remote_id))
        if one is not None and one.why.code in ("name_written", "name_of_two", "pack_of_two"):
            tx.decide(record.subject, one.why)


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
            changed = record_listings(tx, run, items)
            Stock(tx).mark_dirty(changed)
            tx.close_rejects(channel, "listing", (one.remote_id for one in items))
            tx.open_rejects(channel, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
            complete = batch.complete_to is not None
    return None if complete else UNFINISHED


def record_listings(tx: Tx, run: Run, items: Sequence[Listing]) -> set[Sku]:
    """Record listings with their codes and the Skus they show; returns the Skus to decide again."""
    codes = {(one.channel, one.remote_id): codes_of(one) for one in items}
    ListingCodes(tx).record(codes.items())
    goods = {
        key: goods_of(one, codes[key]) for one in items if (key := (one.channel, one.remote_id))
    }
    meant = Naming(tx, run.wiring).sold(goods.values())
    changed = Offers(tx).record_listings(
        items,
        resolve={key: (meant[one].sku, meant[one].units) for key, one in goods.items()},
    )
    tx.wake("core/names")
    return changed


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
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor)


def record_snapshot(tx: Tx, run: Run, snapshot: StockSnapshot) -> None:
    """One snapshot: late ones are kept and ignored, suspicious ones kept and shown to a person."""
    stock = Stock(tx)
    by = run.wiring.counted_by(snapshot.location)
    meant = partial(Naming(tx, run.wiring).supplied, by)
    found = counted.in_our_words(tx, run.wiring, snapshot)
    counted.tell_doubt(tx, found)
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
        quarantine.put_aside(tx, found, doubts, previous, meant=meant)
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
    record_terms(tx, snapshot, meant=meant)
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
