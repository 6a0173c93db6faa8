"""What the units of each location count for at this moment: it may be silent, or about to close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from config.model import Config, Location
from config.places import Stale
from core.model.calendars import Calendar, Closure
from core.model.catalog import LocationId
from core.model.stock import StockLocation
from core.rules.calendars import NeverOpen
from core.rules.freshness import Rhythm
from core.rules.places import (
    ClosingRule,
    Staleness,
    StaleRule,
    Term,
    closed,
    closing,
    handling_days,
    staleness,
)
from jobs.store.dates import Dates
from jobs.store.feeds import Feeds
from jobs.store.store import Tx
from jobs.wiring import Wiring


@dataclass(frozen=True)
class Shutting:
    """A location that is closed, or closes so soon that it counts."""

    closure: Closure
    #: of its own time zone
    today: date
    #: its units are shown with a longer handling time where the channel can say so
    longer_handling: bool

    @property
    def handling_days(self) -> int:
        """From an order of today to the day it ships again."""
        return handling_days(self.closure, self.today)


@dataclass(frozen=True)
class Moment:
    """What the clock and the calendars say: an argument of every number shown."""

    #: the shop's day
    today: date
    #: places whose figures are too old, as `watch` tells them
    stale: Mapping[LocationId, Term]
    shutting: Mapping[LocationId, Shutting]
    #: when time alone will make another moment of it; None: not before midnight somewhere
    changes_at: datetime | None

    def terms(self, *, carries: int = 0) -> dict[LocationId, list[Term]]:
        """What narrows the units of each location. `carries`: the longest handling time in days
        for which a closing location's units may still be shown."""
        found = {location: [term] for location, term in self.stale.items()}
        for location, one in self.shutting.items():
            if not self.handled(one, carries):
                found.setdefault(location, []).append(closed(location, one.closure))
        return found

    @staticmethod
    def handled(one: Shutting, carries: int) -> bool:
        return one.longer_handling and one.handling_days <= carries


def moment(tx: Tx, wiring: Wiring) -> Moment:
    """The moment of this transaction."""
    config, now = wiring.config, tx.now
    stale: dict[LocationId, Term] = {}
    changes: list[datetime] = []
    for location, worth in _worth(tx, wiring).items():
        if worth.term:
            stale[location] = worth.term
        if worth.changes_at:
            changes.append(worth.changes_at)
    shutting: dict[LocationId, Shutting] = {}
    for location, one in config.locations.items():
        if found := _shutting(config, one, wiring.loaded.calendars, now):
            shutting[location] = found
    return Moment(shop_day(config, now), stale, shutting, min(changes, default=None))


def closed_now(wiring: Wiring, now: datetime) -> dict[LocationId, Closure]:
    """The locations that ship nothing at this moment: one that closes soon still does."""
    found = {}
    for location, one in wiring.config.locations.items():
        shutting = _shutting(wiring.config, one, wiring.loaded.calendars, now)
        if shutting and shutting.closure.first <= shutting.today:
            found[location] = shutting.closure
    return found


def _worth(tx: Tx, wiring: Wiring) -> dict[LocationId, Staleness]:
    """What the figures in force are worth, of each location whose figures are waited for."""
    due = {
        one.id: rhythm
        for one in wiring.locations
        if (rhythm := rhythm_of(wiring, one, now=tx.now)) is not None
    }
    if not due:
        return {}
    last, watched = Dates(tx).last_figures(due), Feeds(tx).states()
    found = {}
    for location, rhythm in due.items():
        said = wiring.config.locations[location].stale or Stale()
        rule = StaleRule(rhythm, said.grows if said.show == "buffer" else 100)
        state = watched.get(location)
        try:
            found[location] = staleness(
                location,
                as_of=last.get(location),
                watched_from=state.watched_from if state else tx.now,
                now=tx.now,
                rule=rule,
            )
        except NeverOpen:
            # It sends nothing because it never opens, and nothing is due.
            continue
    return found


def rhythm_of(wiring: Wiring, place: StockLocation, *, now: datetime) -> Rhythm | None:
    """When the location's figures are due, by the seasons of now; None: nobody waits for any."""
    described = wiring.config.locations[place.id]
    if place.basis is None or described.feed.every is None:
        return None
    return Rhythm(
        described.feed.every,
        wiring.stale_after(place.id, today=wiring.day(now)),
        wiring.loaded.calendars[described.calendar] if described.calendar else Calendar(),
        zone_of(wiring.config, described),
    )


def zone_of(config: Config, location: Location) -> ZoneInfo:
    """In which the location's days begin and end."""
    own = location.closing.time_zone if location.closing else None
    return ZoneInfo(own or config.shop.time_zone)


def shop_day(config: Config, now: datetime) -> date:
    return now.astimezone(ZoneInfo(config.shop.time_zone)).date()


def _shutting(
    config: Config, location: Location, calendars: Mapping[str, Calendar], now: datetime
) -> Shutting | None:
    described = location.closing
    if described is None:
        return None
    today = now.astimezone(zone_of(config, location)).date()
    rule = ClosingRule(described.notice, described.at_least)
    closure = closing(calendars[location.calendar], today=today, rule=rule)
    if closure is None:
        return None
    return Shutting(closure, today, described.show == "longer_handling")


def midnights(config: Config, now: datetime) -> list[datetime]:
    """When the next day begins where the shop is, and where each closing location is."""
    zones: Sequence[str] = sorted(
        {
            config.shop.time_zone,
            *(
                one.closing.time_zone
                for one in config.locations.values()
                if one.closing and one.closing.time_zone
            ),
        }
    )
    return [_midnight(now, ZoneInfo(zone)) for zone in zones]


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
