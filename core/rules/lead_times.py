"""How long a supplier takes, and the last day on which to order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from core.model.calendars import Calendar
from core.model.demand import LeadTime
from core.model.reasons import Reason
from core.rules.calendars import closures, is_open, last_open, next_open

_DAY = timedelta(days=1)
#: What a supplier states counts as so many receipts: its word fades as its deeds are seen.
STATED_COUNTS = 4
#: One in ten orders takes about so much longer than was said (percent), until we know better.
LATE_BY = 40
#: Shorter runs of closed days are weekends, which lead times contain already.
CLOSURE = 3


def lead_time(observed: Sequence[int], *, stated: int | None, assumed: int) -> LeadTime:
    """A supplier's lead time in calendar days from what it did (`observed`: ordered to received)
    and what it says (`stated`); `assumed` where it neither did nor says anything."""
    word = stated
    if word is None and not observed:
        word = assumed
    days = sorted(observed)
    if word is not None:
        late = -(-word * (100 + LATE_BY) // 100)
        days = sorted([*days, *[word] * (STATED_COUNTS - 1), late])
    elif len(days) < STATED_COUNTS:
        # The slowest of few is not the slowest of ten.
        days.append(-(-days[-1] * (100 + LATE_BY) // 100))
    p50, p90 = _nearest(days, 50), _nearest(days, 90)
    if observed and stated is not None:
        reason = Reason.of("lead_mixed", receipts=len(observed), stated=stated, p50=p50, p90=p90)
    elif observed:
        reason = Reason.of("lead_observed", receipts=len(observed), p50=p50, p90=p90)
    elif stated is not None:
        reason = Reason.of("lead_stated", stated=stated, p90=p90)
    else:
        reason = Reason.of("lead_assumed", days=assumed, p90=p90)
    return LeadTime(p50, p90, len(observed), reason)


def _nearest(days: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile of ascending days."""
    return days[-(-len(days) * percent // 100) - 1]


def arrives(calendar: Calendar, ordered_on: date, lead: int, *, transit: int = 0) -> date:
    """When goods come that are ordered on this day. Raises NeverOpen.

    An order on a closed day is read on the next open one. The place works `lead` calendar days on
    it, its usual weekends among them; closures come on top. `transit` days under way follow, which
    no closure stops: a ship sails through the New Year.
    """
    day = next_open(calendar, ordered_on)
    for _ in range(lead):
        day = _outside(calendar, day + _DAY)
    return day + _DAY * transit


def order_by(calendar: Calendar, needed_on: date, lead: int, *, transit: int = 0) -> date:
    """The last open day on which to order so that the goods are there on `needed_on`.

    Where a closure lies between, the day falls before it and covers it. Raises NeverOpen.
    """
    ready = needed_on - _DAY * transit
    day = last_open(calendar, _before(calendar, ready, lead))
    # The last steps before an open day may lie on a weekend, which the walk forward passes over.
    while arrives(calendar, day, lead, transit=transit) > needed_on:
        day = last_open(calendar, day - _DAY)
    return day


def unannounced(calendar: Calendar, arriving_on: date) -> Reason | None:
    """Told where an order arrives after the last day whose holidays are known: it may come later."""
    if calendar.known_until is None or arriving_on <= calendar.known_until:
        return None
    return Reason.of(
        "holidays_unannounced",
        known_until=calendar.known_until.isoformat(),
        arrives=arriving_on.isoformat(),
    )


def closure_before(calendar: Calendar, ordered_on: date, arriving_on: date) -> Reason | None:
    """The first closure that an order of this day has to sit out, to be told with "order by"."""
    for one in closures(calendar, ordered_on, arriving_on, at_least=CLOSURE):
        return Reason.of(
            "closure_covered",
            first=one.first.isoformat(),
            last=one.last.isoformat(),
            days=one.days,
        )
    return None


def _before(calendar: Calendar, day: date, lead: int) -> date:
    for _ in range(lead):
        day -= _DAY
        while _in_closure(calendar, day):
            day -= _DAY
    return day


def _outside(calendar: Calendar, day: date) -> date:
    while _in_closure(calendar, day):
        day += _DAY
    return day


def _in_closure(calendar: Calendar, day: date) -> bool:
    if is_open(calendar, day):
        return False
    begin, end = last_open(calendar, day), next_open(calendar, day)
    return (end - begin).days - 1 >= CLOSURE
