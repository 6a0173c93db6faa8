"""What a channel's programs (Prime) ask of who ships an order: places, services, days it keeps.

They are bounds and no costs: what breaks them is no way to ship the order, however cheap it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo

from core.model.carriage import Program
from core.model.orders import Order

#: Parcels leave and arrive after it: a deadline in the morning is that of the day before.
_NOON = time(12)


def programs_of(order: Order, words: Mapping[str, Program]) -> Program | None:
    """All that the order's programs ask together; None: nothing.

    `words`: the channel's words, in small letters, among an order's tags or for the service bought.
    """
    said = {one.casefold() for one in (*order.tags, order.service)}
    return _together(words[one] for one in sorted(said & words.keys()))


def _together(programs: Iterable[Program]) -> Program | None:
    """What keeps all of them."""
    found: Program | None = None
    for one in programs:
        if found is None or one == found:
            found = one
            continue
        found = Program(
            f"{found.name}, {one.name}",
            _both(found.places, one.places),
            _both(found.services, one.services),
            found.may_be_late and one.may_be_late,
        )
    return found


def _both(these: frozenset[str] | None, those: frozenset[str] | None) -> frozenset[str] | None:
    if these is None or those is None:
        return those if these is None else these
    return these & those


def last_day(until: datetime, zone: tzinfo, *, after: time | None = None) -> date:
    """The last day in `zone` on which what is done after noon, or a later time, is done by `until`.

    Amazon ends a day at midnight in the west: 02:59 in New York is no time to ship on that day.
    """
    local = until.astimezone(zone)
    early = local.time() < max(_NOON, after or _NOON)
    return local.date() - timedelta(days=1) if early else local.date()


def eased(program: Program) -> Iterator[tuple[str, Program]]:
    """The program without one of its bounds, and the code that tells which one."""
    if not program.may_be_late:
        yield "program_late", replace(program, may_be_late=True)
    if program.places is not None:
        yield "program_place", replace(program, places=None)
    if program.services is not None:
        yield "program_service", replace(program, services=None)
