"""PUBLISH: the quantities channels show. Levels, not Effects: written as often as it takes.

An unknown outcome is read back and planned again (I5); lowering never waits, raising does (I6).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.errors import ConnectorError, LeaseLost
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, OfferOutcome, OfferResult
from core.model.reasons import Reason
from core.ports import OfferTarget
from core.rules.modes import Scope, may_write
from core.rules.plans import unsafe
from core.rules.publishing import Move, Pace, next_step
from jobs.run import Run
from jobs.store.offers import OfferRow, Offers
from jobs.store.permissions import Permissions
from jobs.store.plans import Plans
from jobs.store.store import Tx

#: Offers looked at in one run of a channel's push; what is left makes the unit due at once.
OFFERS_AT_ONCE = 1_000
#: Offers per call to a remote.
OFFERS_PER_CALL = 250
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: How soon an offer is looked at again that waits for its channel's orders, or for a person.
WHILE_BEHIND = timedelta(seconds=15)
WHILE_UNSAFE = timedelta(minutes=5)


def push_offers(run: Run, channel: ChannelId) -> timedelta | None:
    """Write what differs, lowering first; at once again when more is left than one run looks at."""
    target = run.wiring.channel(channel, OfferTarget)
    pace = _pace(run, channel)
    with run.reading() as tx:
        offers = Offers(tx)
        due = offers.to_look_at(channel, limit=OFFERS_AT_ONCE)
        complete_to = run.store.units.complete_to(tx.connection, f"{channel}/orders")
        scope = Permissions(tx).scope(channel, "offers")
        zeroed, live = offers.zeroing(channel)
        approved = Plans(tx).approved("offers", channel)
    guard = run.wiring.config.plan
    danger = unsafe(
        zeroed=zeroed, live=live, most_zeroed=guard.most_zeroed, least_offers=guard.least_offers
    )
    if approved and danger is None:
        with run.transaction() as tx:
            Plans(tx).use_up("offers", channel)
    if not due:
        return None
    if approved:
        danger = None
    counted = {one.remote_id for one in run.wiring.counted_by_channel(channel) if one.remote_id}
    reading: list[OfferRow] = []
    pushing: list[OfferRow] = []
    waiting: list[tuple[OfferRow, datetime | None]] = []
    for row in due:
        step = next_step(row.state, orders_complete_to=complete_to, now=run.clock.now(), pace=pace)
        if row.change.key.remote_location in counted:
            # It counts that place itself since; what we wanted there before is nobody's number.
            waiting.append((row, None))
        elif step.move is Move.PUSH and _barred(row, scope):
            # Not for ever: what bars it may be gone before this is recorded.
            waiting.append((row, run.clock.now() + pace.read_every))
        elif step.move is Move.PUSH and danger and row.change.quantity == 0:
            waiting.append((row, run.clock.now() + WHILE_UNSAFE))
        elif step.move is Move.READ:
            reading.append(row)
        elif step.move is Move.PUSH:
            pushing.append(row)
        elif step.move is Move.WAIT:
            waiting.append((row, step.not_before or run.clock.now() + WHILE_BEHIND))
        else:
            waiting.append((row, step.not_before))
    with run.transaction() as tx:
        offers = Offers(tx)
        for row, until in waiting:
            offers.wait([row], until=until)
        _tell_danger(tx, channel, danger)
    _read(run, channel, target, reading, pace)
    # Lower before anything is raised: the other order can sell what is gone.
    lowering = [row for row in pushing if _lowers(row)]
    raising = [row for row in pushing if not _lowers(row)]
    for group in (lowering, raising):
        for start in range(0, len(group), OFFERS_PER_CALL):
            _push(run, channel, target, group[start : start + OFFERS_PER_CALL], pace)
    return timedelta(0) if len(due) == OFFERS_AT_ONCE else None


def _lowers(row: OfferRow) -> bool:
    return row.change.shown is None or row.change.quantity < row.change.shown


def _barred(row: OfferRow, scope: Scope) -> bool:
    """Refused as it is, or not ours to write: looked at again when the want or the mode changes."""
    if row.refused_version == row.wanted_version:
        return True
    permission = may_write(scope, sku=row.sku)
    released = row.released_version == row.wanted_version
    return not (permission.allowed or (permission.reason.code == "mode_propose" and released))


def _pace(run: Run, channel: ChannelId) -> Pace:
    described = run.wiring.config.channels[channel]
    target = run.wiring.channel(channel, OfferTarget)
    return Pace(
        settle=described.settle,
        verify_after=described.verify_after,
        read_every=run.wiring.config.pace.offers_read,
        compare_and_set=target.compare_and_set,
        index_lag=timedelta(seconds=target.order_lag),
    )


def _tell_danger(tx: Tx, channel: ChannelId, danger: Reason | None) -> None:
    subject = f"channel {channel}"
    if danger:
        args = {**danger.args, "channel": channel}
        tx.open_case(Case("unsafe_plan", subject, Reason(danger.code, args), Severity.CRITICAL))
    else:
        tx.close_case("unsafe_plan", subject)


def _read(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow], pace: Pace
) -> None:
    for start in range(0, len(rows), OFFERS_PER_CALL):
        part = rows[start : start + OFFERS_PER_CALL]
        readings = target.read_offers([row.change for row in part])
        with run.transaction() as tx:
            lost = Offers(tx).read(readings, look_at=tx.now)
            answered = {one.key for one in readings}
            silent = [row for row in part if row.change.key not in answered]
            Offers(tx).wait(silent, until=tx.now + max(pace.settle, WHILE_BEHIND))
            for key, sent, shown in lost:
                row = next(row for row in part if row.change.key == key)
                tx.decide(
                    f"sku {row.sku}",
                    Reason.of("offer_lost", sku=row.sku, channel=channel, sent=sent, shown=shown),
                )
            # What is shown may differ because of an order we have not seen: look at the channel's orders.
            tx.wake(f"{channel}/offers")


def _push(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow], pace: Pace
) -> None:
    with run.transaction() as tx:
        Offers(tx).sending(rows, look_at=tx.now + CALL)
    run.before_write(channel, "offers")
    by_key = {row.change.key: row for row in rows}
    try:
        results = target.push_offers([row.change for row in rows], attempt=uuid.uuid4().hex)
    except LeaseLost:
        raise
    except ConnectorError:
        with run.transaction() as tx:
            for row in rows:
                Offers(tx).not_sent(row, read_due=True, look_at=tx.now + timedelta(seconds=30))
        raise
    with run.transaction() as tx:
        for result in results:
            _record_result(tx, channel, by_key[result.key], result, pace)


def _record_result(
    tx: Tx, channel: ChannelId, row: OfferRow, result: OfferResult, pace: Pace
) -> None:
    offers = Offers(tx)
    args: dict[str, str | int] = {
        "sku": row.sku,
        "channel": channel,
        "quantity": row.change.quantity,
    }
    if (
        result.outcome in (OfferOutcome.SHOWN, OfferOutcome.SENT)
        and row.refused_version is not None
    ):
        tx.close_case("offer_refused", f"offer {channel} {row.change.key.remote_id}")
    match result.outcome:
        case OfferOutcome.SHOWN:
            offers.shown(
                row, at=tx.now, submission=result.submission, look_at=tx.now + pace.read_every
            )
            tx.decide(f"sku {row.sku}", Reason.of("offer_shown", **args))
        case OfferOutcome.SENT:
            offers.sent(row, submission=result.submission, look_at=tx.now + pace.verify_after)
            tx.decide(f"sku {row.sku}", Reason.of("offer_sent", **args))
        case OfferOutcome.STALE:
            offers.not_sent(row, read_due=True, look_at=tx.now)
            tx.wake(f"{channel}/orders", f"{channel}/offers")
        case OfferOutcome.LATER:
            offers.not_sent(row, read_due=False, look_at=tx.now)
        case OfferOutcome.UNKNOWN:
            offers.not_sent(row, read_due=True, look_at=tx.now + pace.settle)
        case OfferOutcome.REFUSED:
            words = f"{result.code} {result.message}".strip()[:300]
            offers.refused(row, words=words)
            reason = Reason.of("offer_refused", **args, words=words)
            tx.decide(f"sku {row.sku}", reason)
            tx.open_case(
                Case("offer_refused", f"offer {channel} {row.change.key.remote_id}", reason)
            )
