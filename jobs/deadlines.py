"""Until when a partner has time, by the days it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from config.model import Location
from config.replenishment import Supplier
from core.model.calendars import Calendar
from core.rules.calendars import NeverOpen, after_open_time
from jobs.wiring import Wiring


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A partner's open days, in its own time zone."""

    calendar: Calendar
    zone: tzinfo

    def after(self, start: datetime, length: timedelta) -> datetime:
        """The instant by which so much of it has passed since `start`, which is never sooner than
        `start + length`."""
        try:
            return after_open_time(self.calendar, start, length, zone=self.zone)
        except NeverOpen:
            # A calendar that never opens is a mistake, and no reason to wait for ever.
            return start + length


def of_place(wiring: Wiring, place: Location) -> WorkingTime:
    closing = place.closing.time_zone if place.closing else None
    return _of(wiring, place.calendar, place.dispatch.time_zone or closing)


def of_supplier(wiring: Wiring, supplier: Supplier) -> WorkingTime:
    return _of(wiring, supplier.calendar, supplier.time_zone)


def _of(wiring: Wiring, calendar: str, zone: str | None) -> WorkingTime:
    known = wiring.loaded.calendars.get(calendar, Calendar())
    return WorkingTime(known, ZoneInfo(zone or wiring.config.shop.time_zone))
