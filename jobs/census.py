"""CENSUS: the orders a channel has, by its own list, against those that are recorded.

Pulls bring in what changed. An order that the channel's search never shows (an index that lost it, a
page that was skipped) would never come, and nobody would miss it but its buyer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from core.errors import Rejected, Unavailable
from core.model.cases import Case
from core.model.catalog import ChannelId
from core.model.orders import Order
from core.model.reasons import Reason
from core.ports import Batch, Listed, OrderCensus, OrderSource
from jobs.pull import record_batch
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.lags import Kind, Lags
from jobs.store.orders import Orders
from jobs.store.store import Tx
from jobs.store.tables import cases, orders

#: Orders placed so long ago are looked for; after a time without a census as far back as the last one,
#: up to what channels list (a report of Amazon's: 30 days).
WINDOW, FURTHEST = timedelta(days=3), timedelta(days=29)
#: How soon a list that is being made is looked for again.
SOON = timedelta(minutes=1)
#: Missing orders fetched by one run; the rest is found by the next.
MOST = 200
#: Of them so many may fail before the channel itself is taken for what fails.
MOST_FAILED = 5
#: A Case about an order that is listed, and not shown when it is asked for.
_UNSEEN = "order_unseen"
#: Orders named in a Case.
_NAMED = 10


def take_census(run: Run, channel: ChannelId) -> timedelta | None:
    """Compare, and bring in what is missing. Returns how soon to go on where that is not over.

    A list that breaks off, or that has fewer orders than the channel counts, is compared as far as it
    goes; the run fails all the same, and the next one begins at the same day.
    """
    source = run.wiring.channel(channel, OrderCensus)
    with run.reading() as tx:
        pulled_to = run.store.units.complete_to(tx.connection, f"{channel}/orders")
        last = run.store.units.complete_to(tx.connection, f"{channel}/census")
        first = _first(tx.now, last)
    if pulled_to is None:
        # Everything comes with the first walk: nothing is missing before it is over.
        return None
    listed: list[Listed] = []
    whole: Batch[Listed] | None = None
    try:
        for batch in source.list_orders(since=run.lease.cursor, first=first):
            listed.extend(batch.items)
            if batch.complete_to is not None:
                whole = batch
                break
            if not batch.items:
                with run.transaction() as tx:
                    tx.advance(batch.cursor)
    except Unavailable:
        if listed:
            _compare(run, channel, listed, None, pulled_to=pulled_to)
        raise
    return _compare(run, channel, listed, whole, pulled_to=pulled_to) if whole else SOON


def _first(now: datetime, last: datetime | None) -> datetime:
    """From when on orders are listed."""
    begin = now - WINDOW if last is None else max(min(last, now - WINDOW), now - FURTHEST)
    return begin.replace(microsecond=0)


def _compare(
    run: Run,
    channel: ChannelId,
    listed: Sequence[Listed],
    last: Batch[Listed] | None,
    *,
    pulled_to: datetime,
) -> timedelta | None:
    """`last`: the end of a list that is whole."""
    # What was placed since the last walk ended comes with the next one.
    due = [one for one in listed if one.placed_at < pulled_to]
    with run.reading() as tx:
        missing = _not_recorded(tx, channel, due)
    found, failed = [], []
    for one in missing[:MOST]:
        try:
            if _fetch(run, channel, one):
                found.append(one)
        except Unavailable as error:
            # One that the channel cannot show now keeps no other out.
            failed.append(error)
            if len(failed) > MOST_FAILED:
                break
    with run.transaction() as tx:
        _close_seen(tx, channel)
        if found:
            _tell(tx, channel, due, found)
        if last is not None and not failed:
            tx.advance(last.cursor, complete_to=last.complete_to)
    if failed:
        raise failed[0]
    return SOON if len(missing) > MOST else None


def _not_recorded(tx: Tx, channel: ChannelId, listed: Sequence[Listed]) -> list[Listed]:
    """The oldest first. What could not be read is no mystery: its Case is open."""
    known: set[str] = set()
    for chunk in chunks([one.remote_id for one in listed], 500):
        known.update(
            tx.connection.execute(
                select(orders.c.remote_id).where(
                    orders.c.channel == channel, orders.c.remote_id.in_(chunk)
                )
            ).scalars()
        )
    unread = _unread(tx)
    return sorted(
        (
            one
            for one in listed
            if one.remote_id not in known and _subject(channel, one.remote_id) not in unread
        ),
        key=lambda one: (one.placed_at, one.remote_id),
    )


def _unread(tx: Tx) -> set[str]:
    """Orders that are known to be there, by an open Case of their own."""
    return set(
        tx.connection.execute(
            select(cases.c.subject).where(
                cases.c.kind.in_(["unreadable_record", _UNSEEN]), cases.c.state == "open"
            )
        ).scalars()
    )


def _subject(channel: ChannelId, remote_id: str) -> str:
    return f"order {channel} {remote_id}"


def _fetch(run: Run, channel: ChannelId, one: Listed) -> bool:
    """Bring one order in as a pull would have. False: the channel lists it and does not show it."""
    source = run.wiring.channel(channel, OrderSource)
    batch: Batch[Order] = Batch((), "")
    # One it refuses to show is as one it does not know.
    with contextlib.suppress(Rejected):
        batch = source.get_order(one.remote_id)
    new: list[int] = []

    def saved(tx: Tx, changed: Sequence[int]) -> None:
        new.extend(changed)
        if not batch.items and not batch.rejects:
            reason = Reason.of("order_unseen", order=one.remote_id, channel=channel)
            tx.open_case(Case(_UNSEEN, _subject(channel, one.remote_id), reason))
        if changed:
            # A pull may have been faster, then nothing was missing.
            minutes = int((tx.now - one.placed_at).total_seconds() // 60)
            tx.decide(
                _subject(channel, one.remote_id),
                Reason.of(
                    "order_was_missing", order=batch.items[0].name, channel=channel, minutes=minutes
                ),
            )
            Lags(tx).seen(Kind.MISSED, channel, [tx.now - one.placed_at])

    record_batch(run, channel, batch, saved)
    return bool(new)


def _close_seen(tx: Tx, channel: ChannelId) -> None:
    """What was listed and not shown came after all, by whatever way."""
    for subject in tx.connection.execute(
        select(cases.c.subject).where(
            cases.c.kind == _UNSEEN,
            cases.c.state == "open",
            cases.c.subject.startswith(_subject(channel, ""), autoescape=True),
        )
    ).scalars():
        if Orders(tx).find(channel, subject.removeprefix(_subject(channel, ""))) is not None:
            tx.close_case(_UNSEEN, subject)


def _tell(tx: Tx, channel: ChannelId, due: Sequence[Listed], found: Sequence[Listed]) -> None:
    oldest = min(one.placed_at for one in found)
    named = ", ".join(one.remote_id for one in found[:_NAMED])
    more = len(found) - _NAMED
    reason = Reason.of(
        "orders_missed",
        channel=channel,
        count=len(found),
        listed=len(due),
        minutes=int((tx.now - oldest).total_seconds() // 60),
        orders=f"{named}, +{more}" if more > 0 else named,
    )
    tx.renew_case(Case("orders_missed", f"channel {channel}", reason))
