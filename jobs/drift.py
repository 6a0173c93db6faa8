"""DRIFT: what channels show is read again in slices, and wholly by report; differences are judged.

A difference waits until the orders it may stem from are pulled and the number was computed again.
What they do not explain is put right by the push, unless a Case stops it: by policy, or because
somebody else writes the same offers again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, OfferKey, OfferReading
from core.model.reasons import Reason
from core.ports import OfferTarget, ShelfReport, ShelfSource
from core.rules.drift import WriterGuard, judge, may_judge, overwritten, slice_size
from jobs.readings import DRIFT_FOUND, OTHER_WRITER, take
from jobs.run import Run
from jobs.store.drift import Drifts
from jobs.store.store import Tx

#: The most offers one slice reads, and how many in one call.
SLICE = 5_000
OFFERS_PER_CALL = 250
#: Offers a Case names.
NAMED = 10
#: The longest that a difference waits for readings of the same listing at other places.
OTHER_PLACES = timedelta(hours=1)
#: How soon a report is looked for again.
UNFINISHED = timedelta(seconds=30)


def read_slice(run: Run, channel: ChannelId) -> timedelta | None:
    """Settle what was found before, then read the offers whose readings are the oldest."""
    _settle(run, channel)
    described = run.wiring.config.drift
    target = run.wiring.channel(channel, OfferTarget)
    reported = isinstance(target, ShelfReport)
    with run.reading() as tx:
        drifts = Drifts(tx)
        size = slice_size(
            rate=run.wiring.channel(channel, ShelfSource).offers_per_second,
            share=described.share,
            every=described.every,
            offers=drifts.count(channel),
            whole=None if reported else described.whole,
            most=SLICE,
        )
        verified = run.wiring.config.channels[channel].verify_after
        rows = drifts.oldest(
            channel, before=tx.now - described.rest, verify_before=tx.now - verified, limit=size
        )
    for start in range(0, len(rows), OFFERS_PER_CALL):
        part = rows[start : start + OFFERS_PER_CALL]
        readings = target.read_offers([row.change for row in part])
        with run.transaction() as tx:
            before = {row.change.key: row for row in part}
            for key, sent, shown in take(tx, run, channel, readings):
                reason = Reason.of(
                    "offer_lost", sku=before[key].sku, channel=channel, sent=sent, shown=shown
                )
                tx.decide(f"sku {before[key].sku}", reason)
            if any(one.quantity != before[one.key].state.wanted for one in readings):
                tx.wake(f"{channel}/offers")
    return None


def read_report(run: Run, channel: ChannelId) -> timedelta | None:
    """Compare all offers with the channel's own report; what differs is read by itself."""
    source = run.wiring.channel(channel, ShelfReport)
    settle = run.wiring.config.channels[channel].settle
    complete = False
    for batch in source.pull_shown(since=run.lease.cursor):
        with run.transaction() as tx:
            _compare(tx, run, channel, batch.items, settle)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
        complete = batch.complete_to is not None
    return None if complete else UNFINISHED


def _compare(
    tx: Tx, run: Run, channel: ChannelId, items: Sequence[OfferReading], settle: timedelta
) -> None:
    drifts = Drifts(tx)
    known = drifts.known(channel, {one.key for one in items})
    same: list[OfferReading] = []
    confirmed: list[OfferReading] = []
    other: list[OfferKey] = []
    for one in items:
        row = known.get(one.key)
        if row is None or row.wanted is None or row.feed is not None or row.shown_at is None:
            continue
        if row.sent is not None:
            if one.read_at < row.sent_at + settle:
                continue
            if one.quantity == row.sent:
                confirmed.append(one)
            else:
                other.append(one.key)
        elif one.read_at > row.shown_at:
            if one.quantity == row.shown:
                same.append(one)
            else:
                other.append(one.key)
    if same:
        drifts.seen_again([one.key for one in same], at=same[0].read_at)
    take(tx, run, channel, confirmed)
    drifts.read_soon(other)
    if other:
        tx.wake(f"{channel}/offers")


# --- judging -------------------------------------------------------------------------------------


def _settle(run: Run, channel: ChannelId) -> None:
    """Judge, stop and let go, in one transaction; costs two queries when nothing is open."""
    with run.reading() as tx:
        drifts = Drifts(tx)
        busy = drifts.open(channel) or any(
            drifts.stopped(channel, kind) for kind in (OTHER_WRITER, DRIFT_FOUND)
        )
        complete_to = run.store.units.complete_to(tx.connection, f"{channel}/orders")
    if not busy:
        return
    lag = timedelta(seconds=run.wiring.channel(channel, OfferTarget).order_lag)
    with run.transaction() as tx:
        Drifts(tx).forget(before=tx.now - run.wiring.config.drift.keep)
        for row in Drifts(tx).open(channel):
            if row.wanted is None:
                Drifts(tx).end([row.id], "moot")
            elif row.state == "found":
                if may_judge(
                    row.found_at,
                    orders_complete_to=complete_to,
                    lag=lag,
                    undecided=bool(row.undecided),
                ):
                    _judge(tx, channel, row)
            elif row.sent is None and row.shown == row.wanted and row.shown_at >= row.found_at:
                _repaired(tx, channel, row)
        _watch_writer(tx, run, channel)
        _let_go(tx, channel)
        _tell_found(tx, channel)


def _judge(tx: Tx, channel: ChannelId, row: Row[Any]) -> None:
    drifts = Drifts(tx)
    unread = drifts.unread_elsewhere(row)
    if unread and tx.now < row.found_at + OTHER_PLACES:
        # One sale would explain what is missing at each of them.
        drifts.read_soon(unread)
        tx.wake(f"{channel}/offers")
        return
    difference, ours = drifts.difference(row)
    judgment = judge(difference)
    state = "explained" if judgment.explained else "repairing"
    if row.stopped_by == DRIFT_FOUND:
        if judgment.explained:
            drifts.let_go([_key(row)])
            tx.wake(f"{channel}/offers")
        else:
            state = "stopped"
    drifts.judged(row, judgment, state=state, ours=ours)
    args = {"sku": row.sku, "channel": channel, **judgment.reason.args}
    tx.decide(f"sku {row.sku}", Reason(judgment.reason.code, args))
    if state == "repairing":
        tx.wake(f"{channel}/offers")


def _repaired(tx: Tx, channel: ChannelId, row: Row[Any]) -> None:
    Drifts(tx).end([row.id], "repaired" if row.state == "repairing" else "moot")
    minutes = int((row.shown_at - row.since).total_seconds() // 60)
    reason = Reason.of(
        "drift_repaired", sku=row.sku, channel=channel, shown=row.shown, minutes=minutes
    )
    tx.decide(f"sku {row.sku}", reason)


def _watch_writer(tx: Tx, run: Run, channel: ChannelId) -> None:
    """Stop repair of offers that somebody else overwrites again and again; one Case for all."""
    described = run.wiring.config.drift.other_writer
    guard = WriterGuard(described.overwrites, described.within, described.offers)
    drifts = Drifts(tx)
    subject = f"channel {channel}"
    settled = drifts.last_settled(OTHER_WRITER, channel)
    since = max(at for at in (settled, tx.now - guard.within) if at is not None)
    times = drifts.overwrites(channel, since=since)
    before = drifts.stopped(channel, OTHER_WRITER)
    found = overwritten(
        {key: [row.found_at for row in rows] for key, rows in times.items()},
        now=tx.now,
        guard=guard,
    )
    # A stopped offer that lowered since then and was overwritten once more is stopped at that.
    again = {_key(row) for row in drifts.open(channel) if row.state == "repairing"} & before
    new = {key for key in found if key not in before}
    drifts.stop(sorted(new | again, key=_name), OTHER_WRITER)
    stopped = before | new
    if not new or not stopped:
        return
    rows = {key: each for key, each in times.items() if key in stopped}
    args: dict[str, Any] = {
        "channel": channel,
        "offers": len(stopped),
        "overwrites": sum(len(each) for each in rows.values()),
        "examples": _examples(
            f"{each[-1].sku} {each[-1].expected} -> {_shown(each[-1].found)} ({len(each)}x)"
            for each in rows.values()
        ),
    }
    reason = Reason("other_writer", args)
    if not tx.open_case(Case(OTHER_WRITER, subject, reason, Severity.CRITICAL)):
        drifts.say(OTHER_WRITER, subject, args)
    for key in sorted(new, key=_name):
        sku = times[key][-1].sku
        tx.decide(
            f"sku {sku}",
            Reason.of("repair_stops", sku=sku, channel=channel, overwrites=len(times[key])),
        )


def _let_go(tx: Tx, channel: ChannelId) -> None:
    """Once a person closed the Case, repair goes on."""
    drifts = Drifts(tx)
    open_keys = {_key(row) for row in drifts.open(channel) if row.judged_at is None}
    for kind in (OTHER_WRITER, DRIFT_FOUND):
        if tx.has_open_case(kind, f"channel {channel}"):
            continue
        keys = drifts.stopped(channel, kind)
        if kind == DRIFT_FOUND:
            # Stopped when it was read; its Case comes with the judgment.
            waiting = {_key(row) for row in drifts.open(channel) if _untold(tx, channel, row)}
            keys -= open_keys | waiting
        if keys:
            drifts.let_go(keys)
            tx.wake(f"{channel}/offers")


def _untold(tx: Tx, channel: ChannelId, row: Row[Any]) -> bool:
    """Judged in this very transaction: no Case has told it yet."""
    return bool(row.state == "stopped" and row.judged_at == tx.now)


def _tell_found(tx: Tx, channel: ChannelId) -> None:
    """One Case for all differences that wait for a person."""
    drifts = Drifts(tx)
    subject = f"channel {channel}"
    rows = [
        row
        for row in drifts.open(channel)
        if row.state == "stopped" and row.stopped_by == DRIFT_FOUND
    ]
    if not rows:
        tx.close_case(DRIFT_FOUND, subject)
        return
    args: dict[str, Any] = {
        "channel": channel,
        "offers": len(rows),
        "examples": _examples(f"{row.sku} {row.expected} -> {_shown(row.found)}" for row in rows),
    }
    if not tx.open_case(Case(DRIFT_FOUND, subject, Reason("drift_found", args))):
        drifts.say(DRIFT_FOUND, subject, args)


def _examples(words: Iterable[str]) -> str:
    named = list(words)
    more = ["..."] if len(named) > NAMED else []
    return "; ".join([*named[:NAMED], *more])


def _shown(quantity: int | None) -> str:
    return "-" if quantity is None else str(quantity)


def _key(row: Row[Any]) -> OfferKey:
    return OfferKey(row.channel, row.remote_id, row.remote_location)


def _name(key: OfferKey) -> tuple[str, str]:
    return (key.remote_id, key.remote_location)
