"""What a location's units count for: one that fell silent, one that closes, one with a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.model.calendars import Calendar, Closure
from core.model.catalog import LocationId
from core.model.reasons import Reason
from core.rules.calendars import NeverOpen, closures
from core.rules.freshness import Rhythm, after_open_time, stale_at

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Term:
    """What narrows the units of one location before they count, and why."""

    #: its `quantity` is filled in with the units it holds back, where they are known
    reason: Reason
    #: the share of the units that counts, rounded down
    percent: int = 100
    #: units of each Sku held back there
    buffer: int = 0
    #: never more than this from there
    cap: int | None = None

    def left_of(self, units: int) -> int:
        """The units that count of so many that are there."""
        left = units * self.percent // 100 - self.buffer
        if self.cap is not None and left > self.cap:
            return self.cap
        return left if left > 0 else 0


def narrowed(units: int, terms: Sequence[Term]) -> int:
    """The units of a location that count, after all of its terms; none below zero."""
    for term in terms:
        units = term.left_of(units) if units > 0 else 0
    return max(units, 0)


@dataclass(frozen=True, slots=True)
class StaleRule:
    """When a location's figures are too old, and how much of them is still shown."""

    rhythm: Rhythm
    #: percent of its units held back for each day of open time begun since they are stale; 100:
    #: nothing is shown
    percent_per_day: int


@dataclass(frozen=True, slots=True)
class Staleness:
    """What a location's last figure is worth now."""

    #: None: it is fresh
    term: Term | None
    #: when time alone will change that; None: never
    changes_at: datetime | None


def staleness(
    location: LocationId,
    *,
    as_of: datetime | None,
    watched_from: datetime,
    now: datetime,
    rule: StaleRule,
) -> Staleness:
    """A figure of `as_of` is believed until it is stale; then a day at a time less of it.

    Days on which the place is closed do not count, as in `freshness`, whose `as_of` and
    `watched_from` these are. Raises NeverOpen.
    """
    at = stale_at(as_of or watched_from, rule.rhythm)
    if now < at:
        return Staleness(None, at)
    percent = rule.percent_per_day
    changes_at: datetime | None = None
    while percent < 100:
        try:
            at = after_open_time(at, _DAY, rule.rhythm)
        except NeverOpen:
            # It opens no more: what is held back stays held back.
            break
        if now < at:
            changes_at = at
            break
        percent += rule.percent_per_day
    percent = min(100, percent)
    if as_of is None:
        reason = Reason.of("place_stale_never", location=location, percent=percent, quantity=0)
    else:
        days = (now - as_of) // _DAY
        reason = Reason.of("place_stale", location=location, days=days, percent=percent, quantity=0)
    return Staleness(Term(reason, percent=100 - percent), changes_at)


@dataclass(frozen=True, slots=True)
class ClosingRule:
    """What happens to a location's offers before and while it is closed."""

    #: days before its first closed day on which it counts as closing
    notice: int
    #: shorter runs of closed days, a usual weekend among them, are no closure
    at_least: int


def closing(calendar: Calendar, *, today: date, rule: ClosingRule) -> Closure | None:
    """The closure that is on, or near enough to count; None while the place is simply open.

    `today` is a day of the place's own time zone. A calendar without an open day in sight is
    closed from today on for as long as anybody can see.
    """
    try:
        found = closures(
            calendar, today, today + _DAY * rule.notice, at_least=max(rule.at_least, 1)
        )
        return next(found, None)
    except NeverOpen:
        return Closure(today, date.max)


def closed(location: LocationId, closure: Closure) -> Term:
    """Nothing of this location is shown."""
    reason = Reason.of(
        "place_closed",
        location=location,
        first=closure.first.isoformat(),
        last=closure.last.isoformat(),
        quantity=0,
    )
    return Term(reason, percent=0)


def handling_days(closure: Closure, today: date) -> int:
    """Days from an order of today to the first day on which the place can ship it."""
    return (closure.last - today).days + 1
