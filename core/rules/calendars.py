"""Counting open days and open time: what is due when, and which closures stand before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from core.model.calendars import Calendar, Closure

_DAY = timedelta(days=1)
#: A calendar without an open day in this many days has none: a mistake, never a wait.
_FURTHEST = 400


class NeverOpen(ValueError):
    """The calendar has no open day within a year."""


def is_open(calendar: Calendar, day: date) -> bool:
    if day in calendar.opened:
        return True
    return day.weekday() in calendar.weekdays and day not in calendar.closed


def next_open(calendar: Calendar, day: date) -> date:
    """The first open day, `day` itself included. Raises NeverOpen."""
    for _ in range(_FURTHEST):
        if is_open(calendar, day):
            return day
        day += _DAY
    raise NeverOpen


def last_open(calendar: Calendar, day: date) -> date:
    """The last open day, `day` itself included. Raises NeverOpen."""
    for _ in range(_FURTHEST):
        if is_open(calendar, day):
            return day
        day -= _DAY
    raise NeverOpen


def after_open_days(calendar: Calendar, day: date, count: int) -> date:
    """The day by which `count` open days have passed after `day` (0: the first open one from it).

    Raises NeverOpen.
    """
    day = next_open(calendar, day)
    for _ in range(count):
        day = next_open(calendar, day + _DAY)
    return day


def after_open_time(
    calendar: Calendar, start: datetime, length: timedelta, *, zone: tzinfo
) -> datetime:
    """The instant, UTC and on an open day, by which so much open time has passed since `start`.

    An open day counts from midnight to midnight in `zone`: 23 or 25 hours where the clocks change.
    Without a closed day on the way it is `start + length`. `start`: aware. Raises NeverOpen.
    """
    at, left = start.astimezone(UTC), length
    day = at.astimezone(zone).date()
    while True:
        day = next_open(calendar, day)
        begin, end = max(at, _midnight(day, zone)), _midnight(day + _DAY, zone)
        if left < end - begin:
            return begin + left
        left -= max(timedelta(0), end - begin)
        day += _DAY


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Where the clocks jump over midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def open_days(calendar: Calendar, first: date, last: date) -> int:
    """Open days from `first` to `last`, both included; 0 where `last` is earlier."""
    return sum(
        is_open(calendar, first + _DAY * number) for number in range((last - first).days + 1)
    )


def closures(
    calendar: Calendar, first: date, last: date, *, at_least: int = 3
) -> Iterator[Closure]:
    """Runs of `at_least` closed days that touch first..last; a usual weekend is shorter than 3.

    A run is told whole, also where it began earlier or ends later. Raises NeverOpen.
    """
    day = first
    while day <= last:
        if is_open(calendar, day):
            day += _DAY
            continue
        begin = last_open(calendar, day) + _DAY
        end = next_open(calendar, day) - _DAY
        run = Closure(begin, end)
        if run.days >= at_least:
            yield run
        day = end + _DAY
