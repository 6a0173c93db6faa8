"""BULK: many quantities as one file, and what becomes of each.

A submission is a row before it is a call: gathering, staging, staged, submitting, running, ended,
with a commit between each. While it is not over, its offers are held: they are patched only to be
lowered, and are read back and sent again once it is (I6).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from core.errors import RateLimited, Rejected, Unavailable
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, OfferOutcome, OfferResult
from core.model.reasons import Reason
from core.ports import BulkOfferTarget, BulkStage, OfferTarget
from core.rules.bulk import by_file
from core.rules.modes import Mode
from jobs.readings import trusted_for
from jobs.run import Run
from jobs.store.offers import OfferRow, stated
from jobs.store.permissions import Permissions
from jobs.store.store import Tx
from jobs.store.submissions import Held, Submissions

#: A file is sent once nothing was added to it for so long, or it is full.
QUIET = timedelta(seconds=30)
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: Between looks at one that runs: a tenth of its age, within these.
SOONEST, LATEST = timedelta(seconds=15), timedelta(minutes=5)
#: Clocks differ by so much when a remote is asked what began since.
CLOCKS_DIFFER = timedelta(minutes=2)
#: Results recorded in one transaction.
RESULTS_AT_ONCE = 1_000


def gather(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow]
) -> list[OfferRow]:
    """Put into a file what need not be written one by one; returns what must be."""
    described = run.wiring.config.channels[channel].bulk
    if not rows or not described.least or not isinstance(target, BulkOfferTarget):
        return list(rows)
    with run.reading() as tx:
        submissions = Submissions(tx)
        under_way = submissions.open(channel)
        gathering = [row for row in under_way if row.state == "gathering"]
        waiting = submissions.waiting(channel)
        size = submissions.size(gathering[0].id) if gathering else 0
    if under_way and not gathering:
        # One file at a time: what changes meanwhile is patched, or waits for the next.
        return list(rows)
    chosen = by_file(
        [row.change for row in rows],
        waiting=waiting + size,
        least=described.least,
        compare_and_set=target.compare_and_set,
    )
    room = min(target.bulk_most, described.most) - size
    # What a file holds already is patched, whatever else there is.
    taken = [one for one in sorted(chosen) if not rows[one].state.held_by_feed][:room]
    if taken:
        key = gathering[0].key if gathering else uuid.uuid4().hex
        with run.transaction() as tx:
            Submissions(tx).add(channel, key, [rows[position] for position in taken])
            tx.wake(f"{channel}/bulk")
    left = set(range(len(rows))) - set(taken)
    return [rows[position] for position in sorted(left)]


def carry(run: Run, channel: ChannelId) -> timedelta | None:
    """Take the channel's submissions as far as they come now; says when to look again."""
    target = run.wiring.channel(channel, BulkOfferTarget)
    with run.reading() as tx:
        under_way = Submissions(tx).open(channel)
    waits = [wait for row in under_way if (wait := _carry_one(run, channel, target, row.id))]
    return min(waits, default=None)


def _carry_one(
    run: Run, channel: ChannelId, target: BulkOfferTarget, number: int
) -> timedelta | None:
    """Step by step, until it is over or has to wait."""
    while True:
        with run.reading() as tx:
            found = [row for row in Submissions(tx).open(channel) if row.id == number]
        if not found:
            return None
        (row,) = found
        match row.state:
            case "gathering":
                wait = _close(run, channel, target, row)
            case "staging":
                wait = _stage(run, channel, target, row)
            case "staged":
                wait = _submit(run, channel, target, row)
            case "submitting":
                wait = _ask(run, channel, target, row)
            case _:
                wait = _look(run, channel, target, row)
        if wait is not None:
            return wait


def _close(
    run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any]
) -> timedelta | None:
    """Enough was gathered: nothing is added any more."""
    now = run.clock.now()
    described = run.wiring.config.channels[channel].bulk
    with run.transaction() as tx:
        submissions = Submissions(tx)
        full = submissions.size(row.id) >= min(target.bulk_most, described.most)
        if not full and now < row.added_at + QUIET:
            wait: timedelta = row.added_at + QUIET - now
            return wait
        submissions.note(row.id, state="staging")
    return None


def _stage(
    run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any]
) -> timedelta | None:
    """Upload what is still wanted. Nothing is applied by it, so a crash may repeat it."""
    with run.transaction() as tx:
        submissions = Submissions(tx)
        held = submissions.held(row.id)
        may = Permissions(tx).scope(channel, "offers")
        dropped = may.stopped or may.mode is Mode.OBSERVE
        out = [one for one in held if dropped or not one.unchanged]
        for one in out:
            _let_go(tx, submissions, one)
        if out:
            submissions.drop(row.id, [one.number for one in out])
            tx.wake(f"{channel}/offers")
        gone = {one.number for one in out}
        left = [one for one in held if one.number not in gone]
        if not left:
            submissions.note(row.id, state="dropped", ended_at=tx.now)
            return None
    staged = target.stage_bulk([one.change for one in left], key=row.key)
    with run.transaction() as tx:
        Submissions(tx).note(row.id, state="staged", staged=staged)
    return None


def _submit(
    run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any]
) -> timedelta | None:
    """The intent is committed before the call; what is not answered is asked about."""
    settle = CALL + run.wiring.config.channels[channel].settle
    with run.transaction() as tx:
        scope = Permissions(tx).scope(channel, "offers")
        if scope.stopped or scope.mode is Mode.OBSERVE:
            # What is not sent now is decided afresh later (I10).
            Submissions(tx).note(row.id, state="staging")
            return None
        Submissions(tx).note(
            row.id, state="submitting", sent_at=tx.now, settle_until=tx.now + settle
        )
    run.before_write(channel, "offers")
    try:
        ref = target.submit_bulk(row.staged, key=row.key)
    except (RateLimited, Unavailable):
        # Proven not to have begun.
        with run.transaction() as tx:
            Submissions(tx).note(row.id, state="staging", sent_at=None, settle_until=None)
        raise
    except Rejected as error:
        _fail(run, channel, row, str(error))
        return None
    _begun(run, channel, row, ref)
    return None


def _begun(run: Run, channel: ChannelId, row: Row[Any], ref: str) -> None:
    with run.transaction() as tx:
        Submissions(tx).note(row.id, state="running", remote_ref=ref)
        tx.decide(
            f"channel {channel}",
            Reason.of("bulk_sent", channel=channel, offers=len(Submissions(tx).held(row.id))),
        )


def _ask(run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any]) -> timedelta | None:
    """Nobody knows whether it began. Asked after the remote had time to show it."""
    now = run.clock.now()
    if now < row.settle_until:
        return timedelta(seconds=(row.settle_until - now).total_seconds())
    since = row.sent_at - CLOCKS_DIFFER
    with run.reading() as tx:
        known = Submissions(tx).known_refs(channel, since=since, but=row.id)
    ref = target.find_bulk(key=row.key, since=since, known=known)
    if ref is not None:
        _begun(run, channel, row, ref)
        return None
    with run.transaction() as tx:
        Submissions(tx).note(row.id, state="staging", sent_at=None, settle_until=None)
    return None


def _look(run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any]) -> timedelta | None:
    progress = target.look_at_bulk(row.remote_ref)
    if progress.stage is BulkStage.ENDED:
        with run.reading() as tx:
            held = Submissions(tx).held(row.id)
        _record(run, channel, target, row, held)
        return None
    if progress.stage is BulkStage.FAILED:
        _fail(run, channel, row, progress.words)
        return None
    age = run.clock.now() - row.sent_at
    if progress.words != row.progress:
        with run.transaction() as tx:
            Submissions(tx).note(row.id, progress=progress.words)
    if age > run.wiring.config.channels[channel].bulk.stuck_after:
        _stuck(run, channel, target, row, progress.stage, progress.words)
    pause: timedelta = min(max(age / 10, SOONEST), LATEST)
    return pause


def _stuck(
    run: Run,
    channel: ChannelId,
    target: BulkOfferTarget,
    row: Row[Any],
    stage: BulkStage,
    words: str,
) -> None:
    """Tell a person, once; one that has not begun is canceled and its offers are sent otherwise."""
    reason = Reason.of(
        "bulk_stuck",
        channel=channel,
        submission=row.remote_ref,
        progress=words,
        since=row.sent_at.isoformat(),
    )
    with run.transaction() as tx:
        case = Case("bulk_stuck", f"submission {row.remote_ref}", reason, Severity.WARNING)
        tx.open_case(case, once=True)
    if stage is BulkStage.QUEUED:
        run.before_write(channel, "offers")
        try:
            target.cancel_bulk(row.remote_ref)
        except Rejected:
            # It began in this very moment; the next look tells.
            return


# --- results -------------------------------------------------------------------------------------


def _record(
    run: Run, channel: ChannelId, target: BulkOfferTarget, row: Row[Any], held: Sequence[Held]
) -> None:
    """Each change by its own result. Over does not mean accepted."""
    results = {
        one.key: one for one in target.bulk_results(row.remote_ref, [each.change for each in held])
    }
    left = [one for one in held if not one.settled]
    counted = {"taken": 0, "refused": 0}
    for start in range(0, len(left), RESULTS_AT_ONCE):
        part = left[start : start + RESULTS_AT_ONCE]
        with run.transaction() as tx:
            submissions = Submissions(tx)
            for one in part:
                result = results[one.change.key]
                taken = result.outcome in (OfferOutcome.SHOWN, OfferOutcome.SENT)
                counted["taken"] += taken
                counted["refused"] += result.outcome is OfferOutcome.REFUSED
                if one.ours:
                    _record_one(tx, run, channel, target, submissions, one, result)
            submissions.settled(row.id, [one.number for one in part])
            tx.wake(f"{channel}/offers")
    with run.transaction() as tx:
        Submissions(tx).note(row.id, state="ended", ended_at=tx.now)
        tx.close_case("bulk_stuck", f"submission {row.remote_ref}")
        tx.close_case("bulk_failed", f"channel {channel}")
        tx.decide(
            f"channel {channel}",
            Reason.of(
                "bulk_ended",
                channel=channel,
                submission=row.remote_ref,
                offers=len(held),
                **counted,
            ),
        )
        # A report tells of all of them at once what reading one by one would take hours for.
        tx.wake(f"{channel}/shelf")


def _record_one(
    tx: Tx,
    run: Run,
    channel: ChannelId,
    target: BulkOfferTarget,
    submissions: Submissions,
    one: Held,
    result: OfferResult,
) -> None:
    args: dict[str, str | int] = {
        "sku": one.sku,
        "channel": channel,
        "quantity": one.change.quantity,
    }
    subject = f"offer {channel} {one.change.key.remote_id}"
    landed = result.outcome in (OfferOutcome.SHOWN, OfferOutcome.SENT)
    if landed and one.refused_version is not None:
        tx.close_case("offer_refused", subject)
    if not one.unchanged:
        _again(tx, target, submissions, one, result)
    elif result.outcome is OfferOutcome.SHOWN:
        submissions.release(
            one,
            look_at=tx.now + trusted_for(run.wiring, channel),
            shown=one.change.quantity,
            shown_at=tx.now,
            sent=None,
            sent_version=None,
            submission=result.submission,
            read_due=False,
            **stated(one.change),
        )
        tx.decide(f"sku {one.sku}", Reason.of("offer_shown", **args))
    elif result.outcome is OfferOutcome.SENT:
        submissions.release(
            one,
            look_at=_verify_at(tx, run, channel),
            sent_at=tx.now,
            submission=result.submission,
            read_due=False,
            **stated(one.change),
        )
        tx.decide(f"sku {one.sku}", Reason.of("offer_sent", **args))
    elif result.outcome is OfferOutcome.REFUSED:
        words = f"{result.code} {result.message}".strip()[:300]
        submissions.release(
            one,
            look_at=None,
            sent=None,
            sent_version=None,
            refused=words,
            refused_version=one.version,
        )
        reason = Reason.of("offer_refused", **args, words=words)
        tx.decide(f"sku {one.sku}", reason)
        tx.open_case(Case("offer_refused", subject, reason))
    else:
        _read_back(tx, submissions, one)


def _verify_at(tx: Tx, run: Run, channel: ChannelId) -> datetime:
    """Slices and the report verify most of them before the push has to."""
    described = run.wiring.config
    return tx.now + max(described.channels[channel].verify_after, described.drift.rest * 3)


def _again(
    tx: Tx, target: BulkOfferTarget, submissions: Submissions, one: Held, result: OfferResult
) -> None:
    """It was lowered while the file ran, or is wanted otherwise now: nobody knows which came last.

    Where the remote compares, reading tells. Where it does not, the file's number is taken for
    what is shown, so that a lower one is sent at once and a higher one by the usual rules.
    """
    landed = result.outcome in (OfferOutcome.SENT, OfferOutcome.SHOWN)
    if target.compare_and_set or not landed:
        _read_back(tx, submissions, one)
    else:
        submissions.release(
            one,
            look_at=tx.now,
            sent=one.change.quantity,
            sent_version=one.version,
            sent_at=tx.now,
            read_due=True,
        )


def _read_back(tx: Tx, submissions: Submissions, one: Held) -> None:
    submissions.release(one, look_at=tx.now, sent=None, sent_version=None, read_due=True)


def _let_go(tx: Tx, submissions: Submissions, one: Held) -> None:
    """Taken out before anything was sent; a number patched in the meantime stays as it was sent."""
    if not one.ours:
        return
    values = {} if one.patched else {"sent": None, "sent_version": None}
    submissions.release(one, look_at=tx.now, **values)


def _fail(run: Run, channel: ChannelId, row: Row[Any], words: str) -> None:
    """It is over, and says nothing of its changes: each is read back before anything else."""
    with run.transaction() as tx:
        submissions = Submissions(tx)
        held = submissions.held(row.id)
        for one in held:
            if one.ours:
                _read_back(tx, submissions, one)
        submissions.settled(row.id, [one.number for one in held])
        submissions.note(row.id, state="failed", ended_at=tx.now, words=words[:500])
        tx.close_case("bulk_stuck", f"submission {row.remote_ref}")
        reason = Reason.of(
            "bulk_failed",
            channel=channel,
            submission=row.remote_ref or row.key,
            offers=len(held),
            words=words[:300],
        )
        tx.decide(f"channel {channel}", reason)
        tx.open_case(Case("bulk_failed", f"channel {channel}", reason))
        tx.wake(f"{channel}/offers")
