"""PUBLISH: the quantities channels show. Levels, not Effects: written as often as it takes.

An unknown outcome is read back and planned again (I5); lowering never waits, raising does (I6).
"""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from config.model import Plan
from core.errors import ConnectorError, LeaseLost
from core.model.cases import Case, Severity
from core.model.catalog import (
    ChannelId,
    OfferKey,
    OfferOutcome,
    OfferReading,
    OfferResult,
    Sku,
)
from core.model.reasons import Reason
from core.ports import OfferTarget
from core.rules.modes import Scope, may_write
from core.rules.plans import unsafe
from core.rules.publishing import Move, Pace, next_step
from jobs.bulk import gather
from jobs.exposure import unseen
from jobs.readings import take, trusted_for
from jobs.run import Run
from jobs.sales import sold_out_among, sold_out_offers
from jobs.store.lags import Kind, Lags
from jobs.store.offers import OfferRow, Offers, Zeroing
from jobs.store.permissions import Permissions
from jobs.store.plans import Plans
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Offers looked at in one run of a channel's push; what is left makes the unit due at once.
OFFERS_AT_ONCE = 1_000
#: Offers per call to a remote.
OFFERS_PER_CALL = 250
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: How soon an offer is looked at again that waits for its channel's orders, or for a person.
WHILE_BEHIND = timedelta(seconds=15)
WHILE_UNSAFE = timedelta(minutes=5)
#: The longest that raising one offer waits for another one of the same Sku to be lowered.
OTHERS_WAIT = timedelta(minutes=30)


def push_offers(run: Run, channel: ChannelId) -> timedelta | None:
    """Write what differs, lowering first; at once again when more is left than one run looks at."""
    target = run.wiring.channel(channel, OfferTarget)
    pace = pace_of(run.wiring, channel)
    with run.reading() as tx:
        offers = Offers(tx)
        due = offers.to_look_at(channel, limit=OFFERS_AT_ONCE)
        approved = Plans(tx).approved("offers", channel)
        if not due and not approved:
            # Most runs: counting what is zeroed looks at every offer of the channel.
            return None
        complete_to = run.store.units.complete_to(tx.connection, f"{channel}/orders")
        scope = Permissions(tx).scope(channel, "offers")
        due, taken_off = aim(tx, run.wiring, channel, due, complete_to)
        guard = run.wiring.plan_on(run.wiring.day(tx.now))
        zeroing = offers.zeroing(channel, since=tx.now - guard.within)
    danger = _danger(channel, zeroing, guard, sold=0)
    sold: frozenset[OfferKey] = frozenset()
    if danger and not approved:
        with run.reading() as tx:
            sold = sold_out_offers(tx, run.wiring, channel)
        danger = _danger(channel, zeroing, guard, sold=len(sold))
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
        elif step.move is Move.PUSH and barred(row, scope) is not None:
            # Not for ever: what bars it may be gone before this is recorded.
            waiting.append((row, run.clock.now() + pace.read_every))
        elif (
            step.move is Move.PUSH
            and danger
            and row.change.quantity == 0
            and row.change.key not in sold
        ):
            waiting.append((row, run.clock.now() + WHILE_UNSAFE))
        elif step.move is Move.READ:
            reading.append(row)
        elif step.move is Move.PUSH:
            pushing.append(row)
        elif step.move is Move.WAIT:
            waiting.append((row, step.not_before or run.clock.now() + WHILE_BEHIND))
        elif row.change.key in taken_off:
            # As much as may be shown now, and more once we have heard of every order.
            waiting.append((row, run.clock.now() + pace.verify_after))
        else:
            waiting.append((row, step.not_before))
    with run.transaction() as tx:
        offers = Offers(tx)
        for row, until in waiting:
            offers.wait([row], until=until)
        _tell_danger(tx, channel, danger)
    _read(run, channel, target, reading, pace)
    _tell_unseen(run, channel, pushing, taken_off, complete_to)
    pushing = gather(run, channel, target, pushing)
    # What a person approved is no measure of what may go out unseen.
    taken_down = frozenset() if approved else _taken_down(run, channel, pushing, taken_off)
    # Lower before anything is raised: the other order can sell what is gone.
    lowering = [row for row in pushing if row.state.lowers]
    raising = [row for row in pushing if not row.state.lowers]
    for group in (lowering, raising):
        for start in range(0, len(group), OFFERS_PER_CALL):
            part = group[start : start + OFFERS_PER_CALL]
            _push(run, channel, target, part, pace, soon=taken_off, taken_down=taken_down)
    return timedelta(0) if len(due) == OFFERS_AT_ONCE else None


def aim(
    tx: Tx,
    wiring: Wiring,
    channel: ChannelId,
    due: Sequence[OfferRow],
    complete_to: datetime | None,
) -> tuple[list[OfferRow], dict[OfferKey, int]]:
    """The offers as they are to be written now, and what that is less than wanted.

    Less by orders that exist there and are not recorded yet; and raised only after the other offers
    of the same units are lowered, on whatever channel.
    """
    rows = [row for row in due if row.state.wanted is not None]
    hidden = unseen(tx, wiring, channel, rows, complete_to=complete_to)
    raising = {row.sku for row in rows if not row.state.lowers}
    behind = _still_high(tx, wiring, raising)
    found: list[OfferRow] = []
    taken_off: dict[OfferKey, int] = {}
    for row in due:
        key = row.change.key
        state = row.state.less(hidden.get(key, 0))
        if row.sku in behind:
            state = replace(state, others_lower=bool(behind[row.sku] - {key}))
        if state.wanted is not None and state.wanted != row.state.wanted:
            taken_off[key] = row.change.quantity - state.wanted
            row = replace(row, change=replace(row.change, quantity=state.wanted))
        found.append(replace(row, state=state))
    return found, taken_off


def _still_high(tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> dict[Sku, set[OfferKey]]:
    """Offers of these Skus that show more than they should, where we may write and just have to.

    What a channel refuses, or what it does not take for a long time, keeps nobody waiting.
    """
    permissions = Permissions(tx)
    found: dict[Sku, set[OfferKey]] = {}
    for sku, key in Offers(tx).lowering(skus, since=tx.now - OTHERS_WAIT):
        if key.channel in wiring.config.channels:
            scope = permissions.scope(key.channel, "offers")
            if may_write(scope, sku=sku).allowed:
                found.setdefault(sku, set()).add(key)
    return found


def _tell_unseen(
    run: Run,
    channel: ChannelId,
    pushing: Sequence[OfferRow],
    taken_off: Mapping[OfferKey, int],
    complete_to: datetime | None,
) -> None:
    told = [row for row in pushing if row.change.key in taken_off]
    if not told or complete_to is None:
        return
    with run.transaction() as tx:
        minutes = max(1, round((tx.now - complete_to) / timedelta(minutes=1)))
        for row in told:
            units = taken_off[row.change.key]
            tx.decide(
                f"sku {row.sku}",
                Reason.of(
                    "unseen_orders", sku=row.sku, channel=channel, quantity=units, minutes=minutes
                ),
            )


def barred(row: OfferRow, scope: Scope) -> Reason | None:
    """Why it is not written as it is: refused, or not ours to write. None: it may be.

    Looked at again when the want or the mode changes.
    """
    if row.refused_version == row.wanted_version:
        return Reason.of("refused_as_it_is")
    permission = may_write(scope, sku=row.sku)
    released = row.released_version == row.wanted_version
    if permission.allowed or (permission.reason.code == "mode_propose" and released):
        return None
    return permission.reason


def pace_of(wiring: Wiring, channel: ChannelId) -> Pace:
    described = wiring.config.channels[channel]
    target = wiring.channel(channel, OfferTarget)
    return Pace(
        settle=described.settle,
        verify_after=described.verify_after,
        read_every=trusted_for(wiring, channel),
        compare_and_set=target.compare_and_set,
        index_lag=timedelta(seconds=target.order_lag),
    )


def _danger(channel: ChannelId, zeroing: Zeroing, guard: Plan, *, sold: int) -> Reason | None:
    """Why what would go to 0 waits for a person, `sold` offers that orders emptied left out."""
    return unsafe(
        zeroed=zeroing.zeroed - sold,
        live=zeroing.live,
        before=zeroing.before,
        within=guard.within,
        most_zeroed=guard.most_zeroed,
        least_offers=guard.least_offers,
        channel=channel,
    )


def _taken_down(
    run: Run,
    channel: ChannelId,
    rows: Sequence[OfferRow],
    taken_off: Container[OfferKey],
) -> frozenset[OfferKey]:
    """Of the offers about to be written those that go to 0 for another reason than orders."""
    down = {
        row.change.key
        for row in rows
        if row.change.quantity == 0
        and (row.change.shown or 0) > 0
        # Wanted is more, but there may be orders we have not heard of.
        and row.change.key not in taken_off
    }
    if not down:
        return frozenset()
    with run.reading() as tx:
        sold = sold_out_among(tx, run.wiring, channel, {key.remote_id for key in down})
    return frozenset(down - sold)


def _tell_danger(tx: Tx, channel: ChannelId, danger: Reason | None) -> None:
    subject = f"channel {channel}"
    if danger:
        tx.open_case(Case("unsafe_plan", subject, danger, Severity.CRITICAL))
    else:
        tx.close_case("unsafe_plan", subject)


def _read(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow], pace: Pace
) -> None:
    for start in range(0, len(rows), OFFERS_PER_CALL):
        part = rows[start : start + OFFERS_PER_CALL]
        readings = target.read_offers([row.change for row in part])
        with run.transaction() as tx:
            lost = take(tx, run, channel, readings)
            Lags(tx).seen(Kind.OFFERS, channel, _until_shown(part, readings))
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


def _until_shown(rows: Sequence[OfferRow], readings: Sequence[OfferReading]) -> list[timedelta]:
    """How long the numbers took that were sent and are read back now for the first time."""
    sent = {
        row.change.key: (row.state.sent, row.state.sent_at)
        for row in rows
        if row.state.sent is not None
    }
    found = []
    for one in readings:
        quantity, at = sent.get(one.key, (None, None))
        if at is not None and quantity == one.quantity:
            found.append(one.read_at - at)
    return found


def _push(
    run: Run,
    channel: ChannelId,
    target: OfferTarget,
    rows: Sequence[OfferRow],
    pace: Pace,
    *,
    soon: Container[OfferKey],
    taken_down: Container[OfferKey],
) -> None:
    with run.transaction() as tx:
        Offers(tx).sending(rows, look_at=tx.now + CALL, taken_down=taken_down)
    run.before_write(channel, "offers")
    began = run.clock.now()
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
            again = pace.verify_after if result.key in soon else pace.read_every
            _record_result(tx, channel, by_key[result.key], result, replace(pace, read_every=again))
        if any(result.outcome is OfferOutcome.SHOWN for result in results):
            Lags(tx).seen(Kind.OFFERS, channel, [tx.now - began])


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
            # Found there later, it is a number of ours, and nobody's change by hand.
            tx.decide(f"sku {row.sku}", Reason.of("offer_unclear", **args))
        case OfferOutcome.REFUSED:
            words = f"{result.code} {result.message}".strip()[:300]
            offers.refused(row, words=words)
            reason = Reason.of("offer_refused", **args, words=words)
            tx.decide(f"sku {row.sku}", reason)
            tx.open_case(
                Case("offer_refused", f"offer {channel} {row.change.key.remote_id}", reason)
            )
