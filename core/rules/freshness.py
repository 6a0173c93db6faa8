"""Whether a place's figures still come: fresh, silent, or so old that they count as stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from core.model.calendars import Calendar
from core.model.catalog import LocationId
from core.model.reasons import Reason
from core.rules.calendars import next_open

_DAY = timedelta(days=1)


class Freshness(StrEnum):
    FRESH = "fresh"
    #: a figure was due and none came
    SILENT = "silent"
    #: the figure in force is too old to sell from as if nothing were
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When figures are due. Days on which the place is closed do not count."""

    #: a new figure comes this often
    every: timedelta
    #: so long after it was due the location is stale
    stale_after: timedelta
    calendar: Calendar
    #: the days of the calendar are days there
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Verdict:
    state: Freshness
    reason: Reason
    #: when the state began; FRESH: when the figure in force was taken
    since: datetime


def freshness(
    location: LocationId,
    *,
    received_at: datetime | None,
    as_of: datetime | None,
    watched_from: datetime,
    rhythm: Rhythm,
    now: datetime,
) -> Verdict:
    """The state of a location that a remote counts.

    `received_at` is when its last figure came, believed or not: a quarantined file is no silence.
    `as_of` is of the figure in force: a location whose files are all put aside grows stale all the
    same. None: there never was one; then all counts from `watched_from`. Raises NeverOpen.
    """
    due = after_open_time(received_at or watched_from, rhythm.every, rhythm)
    stale = stale_at(as_of or watched_from, rhythm)
    if now >= stale:
        code = "feed_stale" if as_of else "feed_stale_never"
        args = {"as_of": as_of.isoformat()} if as_of else {}
        return Verdict(Freshness.STALE, Reason(code, {"location": location, **args}), stale)
    if now >= due:
        code = "feed_silent" if received_at else "feed_never"
        args = {"location": location, "due": due.isoformat()}
        return Verdict(Freshness.SILENT, Reason(code, args), due)
    reason = Reason.of("feed_fresh", location=location, due=due.isoformat())
    return Verdict(Freshness.FRESH, reason, as_of or watched_from)


def stale_at(as_of: datetime, rhythm: Rhythm) -> datetime:
    """When a figure of `as_of` is too old to sell from as if nothing were: the one clock of what is
    told of a location and of what is shown of its units. Raises NeverOpen."""
    return after_open_time(as_of, rhythm.every + rhythm.stale_after, rhythm)


def after_open_time(start: datetime, length: timedelta, rhythm: Rhythm) -> datetime:
    """The instant by which `length` has passed on open days alone. Raises NeverOpen.

    A day of a clock change counts with the hours it has.
    """
    left, at = length, start
    while True:
        here = at.astimezone(rhythm.zone)
        day = next_open(rhythm.calendar, here.date())
        if day != here.date():
            at = _midnight(day, rhythm)
        end = _midnight(day + _DAY, rhythm)
        if left <= end - at:
            return at + left
        left -= end - at
        at = end


def _midnight(day: date, rhythm: Rhythm) -> datetime:
    # In UTC: the difference of two instants of one zone would leave out a clock change.
    return datetime.combine(day, time.min, rhythm.zone).astimezone(UTC)
