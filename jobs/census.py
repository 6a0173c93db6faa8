"""CENSUS: the orders a channel has, by its own list, against those that are recorded.

Pulls bring in what changed. An order that the channel's search never shows (an index that lost it, a
page that was skipped) would never come, and nobody would miss it but its buyer.

One walk over the list is split into the shop's days by us. What it costs: the calls of the list (at
Shopify one for each 250 orders of the window, at Amazon one report), one call for each day where the
channel states a count (four as a rule), and one for each order that is missing.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from core.errors import ConfigError, Rejected, Unavailable
from core.model.cases import Case
from core.model.catalog import ChannelId
from core.model.orders import Order
from core.model.reasons import Reason
from core.ports import Batch, Listed, OrderCensus, OrderCount, OrderSource, Reject
from jobs.pull import record_batch
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.census import CensusDay, CensusDays
from jobs.store.lags import Kind, Lags
from jobs.store.orders import Orders
from jobs.store.store import Tx
from jobs.store.tables import cases, orders
from jobs.wiring import Wiring

#: Orders placed so long ago are looked for; after a time without a census as far back as the last one,
#: up to what channels list (a report of Amazon's: 30 days). Whole days of the shop either way.
WINDOW, FURTHEST = timedelta(days=3), timedelta(days=29)
#: How soon a list that is being made is looked for again.
SOON = timedelta(minutes=1)
#: Missing orders fetched by one run; the rest is found by the next.
MOST = 200
#: Of those that could not be fetched before so many are tried again.
MOST_AGAIN = 20
#: Of all so many may fail before the channel itself is taken for what fails.
MOST_FAILED = 5
#: What was compared is kept so long for people to look at.
_KEPT = timedelta(days=90)
_DAY = timedelta(days=1)
#: Rejects about times of which a channel shows no list.
_UNLISTED = "order list"
#: A Case about a day of which a channel has other orders than are recorded.
_DIFFERS = "census_day_differs"
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
        first = _first(run.wiring, tx.now, last)
    if pulled_to is None:
        # Everything comes with the first walk: nothing is missing before it is over.
        return None
    listed: list[Listed] = []
    unlisted: list[Reject] = []
    whole: Batch[Listed] | None = None
    try:
        for batch in source.list_orders(since=run.lease.cursor, first=first):
            listed.extend(batch.items)
            unlisted.extend(batch.rejects)
            if batch.complete_to is not None:
                whole = batch
                break
            if not batch.items:
                with run.transaction() as tx:
                    tx.advance(batch.cursor)
    except Unavailable:
        if listed:
            with run.reading() as tx:
                due = [one for one in listed if one.placed_at < pulled_to]
                missing = _not_recorded(tx, channel, due)
            _fetch_all(run, channel, due, missing, tried=frozenset())
        raise
    if whole is None:
        return SOON
    with run.transaction() as tx:
        # Times of which no list is shown: told while that is so.
        tx.keep_rejects(channel, _UNLISTED, unlisted)
    return _compare(run, channel, listed, whole, first=first, pulled_to=pulled_to)


def _first(wiring: Wiring, now: datetime, last: datetime | None) -> datetime:
    """From when on orders are listed: the beginning of a day."""
    begin = wiring.begin(wiring.day(min(last or now, now - WINDOW)))
    furthest = now - FURTHEST
    return begin if begin >= furthest else wiring.begin(wiring.day(furthest) + _DAY)


def _compare(
    run: Run,
    channel: ChannelId,
    listed: Sequence[Listed],
    last: Batch[Listed],
    *,
    first: datetime,
    pulled_to: datetime,
) -> timedelta | None:
    """`last`: the end of a list that is whole."""
    assert last.complete_to is not None
    # What was placed since the last walk ended comes with the next one.
    due = [one for one in listed if first <= one.placed_at < pulled_to]
    _read_again(run, channel, due)
    with run.reading() as tx:
        missing = _not_recorded(tx, channel, due)
        tried = {name for day in CensusDays(tx).rows(channel) for name in day.missing}
    done = _fetch_all(run, channel, due, missing, tried=tried)
    until = min(pulled_to, last.complete_to).replace(microsecond=0)
    days = list(_days(run.wiring, first, until))
    stated, uncountable = _stated(run, channel, days)
    with run.transaction() as tx:
        _follow_older(tx, channel, before=run.wiring.day(first))
        made = _by_day(tx, run.wiring, channel, due, days, stated, done, tried)
        CensusDays(tx).record(made)
        CensusDays(tx).forget(channel, before=run.wiring.day(tx.now - _KEPT))
        for one in made:
            # What could not be asked for just now may be there with the next comparison.
            telling = [name for name in one.missing if name in done.refused or name in tried]
            _tell_day(tx, one, telling)
        if not done.failed and not uncountable and not any(one.uncounted for one in made):
            tx.advance(last.cursor, complete_to=last.complete_to)
    for error in (*done.failed.values(), *uncountable):
        raise error
    return SOON if done.more else None


# --- fetching what is missing --------------------------------------------------------------------


@dataclass(slots=True)
class _Fetched:
    """What became of the orders that were missing."""

    found: list[Listed] = field(default_factory=list)
    #: the channel lists them, and does not show them
    refused: set[str] = field(default_factory=set)
    failed: dict[str, Unavailable] = field(default_factory=dict)
    #: there are more than one run asks for
    more: bool = False

    @property
    def asked(self) -> set[str]:
        """Those that did not come."""
        return {*self.refused, *self.failed}


def _fetch_all(
    run: Run, channel: ChannelId, due: Sequence[Listed], missing: Sequence[Listed], *,
    tried: Collection[str],
) -> _Fetched:  # fmt: skip
    """Bring the oldest in first; those that could not be fetched before (`tried`) keep no other out."""
    fresh = [one for one in missing if one.remote_id not in tried]
    again = [one for one in missing if one.remote_id in tried]
    done = _Fetched(more=len(fresh) > MOST)
    for one in (*fresh[:MOST], *again[:MOST_AGAIN]):
        try:
            came = _fetch(run, channel, one)
        except Unavailable as error:
            # One that the channel cannot show now keeps no other out.
            done.failed[one.remote_id] = error
            if len(done.failed) > MOST_FAILED:
                break
        else:
            if came is None:
                done.refused.add(one.remote_id)
            elif came:
                done.found.append(one)
    if done.found:
        with run.transaction() as tx:
            _tell(tx, channel, due, done.found)
    return done


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
                cases.c.kind == "unreadable_record", cases.c.state == "open"
            )
        ).scalars()
    )


def _subject(channel: ChannelId, remote_id: str) -> str:
    return f"order {channel} {remote_id}"


def _fetch(run: Run, channel: ChannelId, one: Listed) -> bool | None:
    """Bring one order in as a pull would have. None: the channel lists it and does not show it; False: a
    pull was faster."""
    source = run.wiring.channel(channel, OrderSource)
    batch: Batch[Order] = Batch((), "")
    # One it refuses to show is as one it does not know.
    with contextlib.suppress(Rejected):
        batch = source.get_order(one.remote_id)
    new: list[int] = []

    def saved(tx: Tx, changed: Sequence[int]) -> None:
        new.extend(changed)
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
    return bool(new) if batch.items or batch.rejects else None


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


def _read_again(run: Run, channel: ChannelId, due: Sequence[Listed]) -> None:
    """Orders that could not be read, or shown, may be now: those that are listed or recorded."""
    listed = {one.remote_id for one in due}
    with run.reading() as tx:
        start = _subject(channel, "")
        names = [one.removeprefix(start) for one in sorted(_unread(tx)) if one.startswith(start)]
        there = [
            name for name in names if name in listed or Orders(tx).find(channel, name) is not None
        ]
    source = run.wiring.channel(channel, OrderSource)
    for name in there[:MOST_AGAIN]:
        with contextlib.suppress(Rejected, Unavailable):
            record_batch(run, channel, source.get_order(name), lambda tx, changed: None)


# --- day by day ----------------------------------------------------------------------------------


def _days(
    wiring: Wiring, first: datetime, until: datetime
) -> Iterator[tuple[date, datetime, datetime]]:
    """Each day of the shop between the two, with its own bounds there."""
    day = wiring.day(first)
    while (begin := max(first, wiring.begin(day))) < until:
        day += _DAY
        yield day - _DAY, begin, min(until, wiring.begin(day))


def _stated(
    run: Run, channel: ChannelId, days: Sequence[tuple[date, datetime, datetime]]
) -> tuple[Mapping[date, int | None], Sequence[Unavailable]]:
    """How many orders of each day there are by the channel's own count, where it has one; and what kept
    it from saying."""
    try:
        source = run.wiring.channel(channel, OrderCount)
    except ConfigError:
        return {}, ()
    found: dict[date, int | None] = {}
    try:
        for day, begin, end in days:
            found[day] = source.count_orders(first=begin, until=end)
    except Unavailable as error:
        return found, (error,)
    return found, ()


def _by_day(
    tx: Tx, wiring: Wiring, channel: ChannelId, due: Sequence[Listed],
    days: Sequence[tuple[date, datetime, datetime]], stated: Mapping[date, int | None],
    done: _Fetched, tried: Collection[str],
) -> list[CensusDay]:  # fmt: skip
    """The days as they stand now that what was missing was fetched."""
    if not days:
        return []
    first, until = days[0][1], days[-1][2]
    placed = select(orders.c.placed_at).where(
        orders.c.channel == channel, orders.c.placed_at >= first, orders.c.placed_at < until
    )
    ours = Counter(map(wiring.day, tx.connection.execute(placed).scalars()))
    theirs = Counter(wiring.day(one.placed_at) for one in due if one.placed_at < until)
    fetched = Counter(wiring.day(one.placed_at) for one in done.found)
    missing = defaultdict(list)
    for one in _not_recorded(tx, channel, due):
        # What is to be asked for in a minute is not missed yet.
        if one.remote_id in done.asked or one.remote_id in tried:
            missing[wiring.day(one.placed_at)].append(one.remote_id)
    return [
        CensusDay(
            channel, day, theirs[day], stated.get(day), ours[day], fetched[day],
            tuple(missing[day]), tx.now,
        )
        for day, _, _ in days
    ]  # fmt: skip


def _tell_day(tx: Tx, one: CensusDay, telling: Sequence[str]) -> None:
    """A Case while a day stays different, in the words of now."""
    subject = f"channel {one.channel} {one.day.isoformat()}"
    if not one.differs:
        tx.close_case(_DIFFERS, subject)
    elif telling or one.uncounted:
        more = len(telling) - _NAMED
        named = ", ".join(telling[:_NAMED])
        reason = Reason.of(
            _DIFFERS,
            channel=one.channel,
            day=one.day.isoformat(),
            orders=f"{named}, +{more}" if more > 0 else named,
            uncounted=one.uncounted,
        )
        tx.renew_case(Case(_DIFFERS, subject, reason))


def _follow_older(tx: Tx, channel: ChannelId, *, before: date) -> None:
    """Days that are compared no more: what came of them after all, by whatever way."""
    for one in CensusDays(tx).rows(channel):
        if one.day >= before or not one.missing:
            continue
        at = one.compared_at
        left = _not_recorded(tx, channel, [Listed(name, at) for name in one.missing])
        now = replace(one, missing=tuple(each.remote_id for each in left), fetched=0)
        if now.missing != one.missing:
            CensusDays(tx).record([now])
            _tell_day(tx, now, now.missing)
