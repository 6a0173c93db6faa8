"""Made-up places that ship by calendars, and what their services ask for an order of an instant.

Places lie in real three-digit ZIP areas, keep the hours of those, and work the days that an admin could
have written. When they ship, how far it is and what being late costs is worked out by the product's own
rules, as `jobs.routing` does; nothing of it is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from config.calendars import Days, OpenDays, calendar_of
from core.model.calendars import Calendar
from core.model.carriage import Dispatch, Lateness, Service
from core.model.catalog import LocationId
from core.model.orders import Address
from core.model.routing import Way
from core.rules.carriage import Buyer, ships_on, ways

POUND = 454
#: ZIP area -> its middle (latitude, longitude, as in config/zip3.csv) and the hours it keeps
AREAS: Mapping[str, tuple[float, float, str]] = {
    "021": (42.3352, -71.0662, "America/New_York"),
    "071": (40.7455, -74.1897, "America/New_York"),
    "303": (33.8018, -84.3855, "America/New_York"),
    "331": (25.7632, -80.2745, "America/New_York"),
    "481": (42.2165, -83.4841, "America/Detroit"),
    "551": (44.9501, -93.1023, "America/Chicago"),
    "606": (41.8669, -87.6755, "America/Chicago"),
    "752": (32.8096, -96.7995, "America/Chicago"),
    "802": (39.7427, -104.9780, "America/Denver"),
    "850": (33.5228, -112.0813, "America/Phoenix"),
    "902": (33.9399, -118.3401, "America/Los_Angeles"),
    "981": (47.5908, -122.3346, "America/Los_Angeles"),
    "967": (20.8835, -157.0723, "Pacific/Honolulu"),
    "995": (61.1788, -149.2566, "America/Anchorage"),
}
_MIDDLES = {area: (north, east) for area, (north, east, _) in AREAS.items()}
_YEAR = 2026
#: Half of the orders come in these weeks: Thanksgiving, Christmas, New Year.
_HOLIDAYS = (datetime(_YEAR, 11, 20, tzinfo=UTC), datetime(_YEAR + 1, 1, 2, tzinfo=UTC))
_COST = Lateness(once=150, each_day=100)

_FIVE = OpenDays(holidays="US")
_SIX = OpenDays(weekdays=("mon", "tue", "wed", "thu", "fri", "sat"), holidays="US")
#: How places work: usual weeks, a weekend before Christmas worked, two weeks of counting stock.
_WEEKS = (
    _FIVE,
    _SIX,
    OpenDays(weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
    OpenDays(weekdays=("tue", "wed", "thu", "fri", "sat"), holidays="US"),
    OpenDays(holidays="US", opened=(Days(first=date(2026, 12, 19), last=date(2026, 12, 20)),)),
    OpenDays(holidays="US", closed=(Days(first=date(2026, 12, 24), last=date(2027, 1, 6)),)),
)


@cache
def _calendar(week: OpenDays) -> Calendar:
    return calendar_of(week, first_year=_YEAR)


@cache
def services() -> Mapping[str, Service]:
    """By road on workdays, some of it later than usual; by air on Saturdays too."""
    steps = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)

    def service(
        name: str, factor: int, days: tuple[int, ...], week: OpenDays, late: tuple[int, ...]
    ) -> Service:
        rates = {
            zone: tuple(
                (POUND * pounds, factor * (700 + 20 * zone + (35 + 7 * zone) * pounds) // 10)
                for pounds in steps
            )
            for zone in range(1, 9)
        }
        return Service(
            name, "carrier", rates, dict(enumerate(days, start=1)), _calendar(week), late,
            volume_per_kilogram=5_022,
        )  # fmt: skip

    return {
        "ground": service("ground", 10, (1, 1, 2, 2, 3, 4, 4, 5), _FIVE, (8, 3, 1)),
        "air": service("air", 24, (1, 1, 1, 2, 2, 2, 2, 2), _SIX, (3, 1)),
    }


def order_of(chance: random.Random) -> tuple[datetime, Buyer]:
    """When an order comes, where it goes, and by when it was promised; some were promised nothing."""
    first, last = _HOLIDAYS
    if chance.random() < 0.5:
        first, last = datetime(_YEAR, 1, 5, tzinfo=UTC), first
    now = first + timedelta(minutes=chance.randrange(int((last - first).total_seconds()) // 60))
    today = now.date()
    buyer = Buyer(
        Address(postal_code=f"{chance.choice(sorted(AREAS))}01", country="US"),
        deliver_by=today + timedelta(days=chance.randrange(3, 9))
        if chance.random() < 0.9
        else None,
        ship_by=today + timedelta(days=chance.randrange(1, 4)) if chance.random() < 0.9 else None,
    )
    return now, buyer


def dispatch_of(chance: random.Random, place: LocationId) -> Dispatch:
    """Where a place is, which days it works, and until when it takes what is to leave that day."""
    area = chance.choice(sorted(AREAS))
    return Dispatch(
        place,
        f"{area}01",
        ZoneInfo(AREAS[area][2]),
        _calendar(chance.choice(_WEEKS)),
        cut_off=chance.choice((None, time(11), time(14), time(15, 30), time(17))),
        handling_days=chance.choice((0, 0, 1, 2)),
        services=("air", "ground"),
    )


def ways_of(dispatch: Dispatch, now: datetime, buyer: Buyer) -> tuple[Way, ...]:
    """By which services the place ships an order of now, with what being late is expected to cost."""
    ship_day = ships_on(dispatch, now)
    assert ship_day is not None, "every calendar here opens"
    found = ways(dispatch, services(), _MIDDLES, buyer, shipped=ship_day.day, cost=_COST)
    return found.ways
