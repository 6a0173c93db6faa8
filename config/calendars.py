"""Days on which places are open, as an admin writes them, and as `core` counts them.

Public holidays come from the package `holidays` (python-holidays), the days that China works
instead of a weekend included. It is imported only where a calendar asks for a country.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from config.part import Day, Part
from core.model.calendars import Calendar

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Holidays are worked out for this many years from the one before the cut-over.
YEARS = 8
#: Countries that announce each year's closures, and the days worked for them, shortly before it
#: begins. Of later years only the holidays themselves are known, not how long places close.
ANNOUNCED_YEARLY = frozenset({"CN"})


class Days(Part):
    """Some days: `{first: 2027-02-04, last: 2027-02-20}`."""

    first: Day = Field(description="the first of them")
    last: Day = Field(description="the last of them")

    @model_validator(mode="after")
    def _in_order(self) -> Days:
        if self.last < self.first:
            raise ValueError(f"{self.last} comes before {self.first}")
        return self


class OpenDays(Part):
    """When a place is open."""

    weekdays: tuple[Weekday, ...] = Field(
        ("mon", "tue", "wed", "thu", "fri"), description="the days of a usual week"
    )
    holidays: str = Field(
        "",
        description="a country's public holidays, by its ISO code: US, CN; empty: none. Where they "
        "are announced yearly (CN), write the closures of later years under `closed`",
    )
    closed: tuple[Day | Days, ...] = Field(
        (), description="its own closures: a day, or {first: ..., last: ...}"
    )
    opened: tuple[Day | Days, ...] = Field(
        (), description="days it works although a weekday or a holiday says otherwise"
    )

    @field_validator("holidays")
    @classmethod
    def _a_country(cls, code: str) -> str:
        if code and not supported(code):
            raise ValueError(
                f"no holidays are known of {code!r}; write an ISO code such as US or CN"
            )
        return code


Calendars = dict[str, OpenDays]


def supported(country: str) -> bool:
    """Whether holidays of this country are known."""
    import holidays

    return country in holidays.list_supported_countries(include_aliases=False)


def calendar_of(described: OpenDays, *, first_year: int) -> Calendar:
    """The calendar in the core's words, with holidays of YEARS years from `first_year`: all that
    are known, or announced where they are announced yearly."""
    closed, opened = set(_each(described.closed)), set(_each(described.opened))
    known_until = None
    if described.holidays:
        import holidays

        years = range(first_year, first_year + YEARS)
        found = holidays.country_holidays(described.holidays, years=years)
        closed |= set(found.keys())
        opened |= {day for day in found.weekend_workdays if day.year in years} - set(
            _each(described.closed)
        )
        last = years[-1]
        if described.holidays in ANNOUNCED_YEARLY:
            # Days worked instead are told with the closures: the last year that has some is known.
            worked = [day.year for day in found.weekend_workdays if day.year in years]
            last = max(worked, default=first_year - 1)
        known_until = date(last, 12, 31)
    return Calendar(
        weekdays=frozenset(_WEEKDAYS.index(day) for day in described.weekdays),
        closed=frozenset(closed),
        opened=frozenset(opened),
        known_until=known_until,
    )


def _each(spans: tuple[Day | Days, ...]) -> Iterator[date]:
    for span in spans:
        first, last = (span.first, span.last) if isinstance(span, Days) else (span, span)
        for number in range((last - first).days + 1):
            yield first + timedelta(days=number)
