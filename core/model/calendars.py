"""The days a place works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

#: Monday is 0, as in datetime.date.weekday().
MONDAY_TO_FRIDAY = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Calendar:
    """A place's open days, in the place's own time zone.

    After `known_until` only what a law fixes or an admin wrote is known: a place may be closed on
    more days than these.
    """

    weekdays: frozenset[int] = EVERY_DAY
    #: holidays and closures
    closed: frozenset[date] = frozenset()
    #: days worked although the weekday or a holiday says otherwise
    opened: frozenset[date] = frozenset()
    #: the last day whose holidays are all known; None: no holidays are asked for
    known_until: date | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """A run of closed days: both days are closed, the days around them are open."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1
