"""What a location's units count for: one that fell silent, one that closes, one with a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.model.calendars import Calendar, Closure
from core.model.catalog import LocationId
from core.model.reasons import Reason
from core.rules.calendars import NeverOpen, closures

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

    after: timedelta
    #: percent of its units held back for each day begun since then; 100: nothing is shown
    percent_per_day: int


@dataclass(frozen=True, slots=True)
class Staleness:
    """What a location's last figure is worth now."""

    #: None: it is fresh
    term: Term | None
    #: when time alone will change that; None: never
    changes_at: datetime | None


def staleness(
    location: LocationId, *, as_of: datetime, now: datetime, rule: StaleRule
) -> Staleness:
    """A figure of `as_of` is believed for `after`; then a day at a time less of it."""
    stale_at = as_of + rule.after
    if now < stale_at:
        return Staleness(None, stale_at)
    days = (now - stale_at) // _DAY + 1
    percent = min(100, days * rule.percent_per_day)
    reason = Reason.of(
        "place_stale",
        location=location,
        days=(now - as_of) // _DAY,
        percent=percent,
        quantity=0,
    )
    changing = 0 < percent < 100
    return Staleness(
        Term(reason, percent=100 - percent), stale_at + days * _DAY if changing else None
    )


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
