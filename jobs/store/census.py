"""How the orders that channels list compare with those recorded, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, delete, select

from core.model.catalog import ChannelId
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import census_day


@dataclass(frozen=True, slots=True)
class CensusDay:
    """One day of the shop on one channel, as it was compared last."""

    channel: ChannelId
    day: date
    #: orders the channel lists; and that it says there are, where it does
    theirs: int
    stated: int | None
    #: orders recorded, after what was missing came; of them those the comparisons fetched
    ours: int
    fetched: int
    #: ids it lists that could not be fetched yet
    missing: tuple[str, ...]
    compared_at: datetime

    @property
    def uncounted(self) -> int:
        """Orders that the channel counts and does not list."""
        return max(0, (self.stated or 0) - self.theirs)

    @property
    def differs(self) -> bool:
        return bool(self.missing or self.uncounted)


class CensusDays:
    """Statements about compared days, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def rows(self, channel: ChannelId | None = None) -> Sequence[CensusDay]:
        """Of one channel or of all, the newest first."""
        query = select(census_day).order_by(census_day.c.day.desc(), census_day.c.channel)
        if channel is not None:
            query = query.where(census_day.c.channel == channel)
        return [_day(row) for row in self._tx.rows(query)]

    def record(self, days: Iterable[CensusDay]) -> None:
        """Keep what was compared now. `fetched` of each counts what earlier comparisons fetched as well."""
        made = list(days)
        before = {(one.channel, one.day): one.fetched for one in self.rows()}
        upsert(
            self._tx.connection,
            census_day,
            [
                asdict(replace(one, fetched=one.fetched + before.get((one.channel, one.day), 0)))
                for one in made
            ],
            key=["channel", "day"],
            returning=[],
        )

    def forget(self, channel: ChannelId, *, before: date) -> None:
        """Days that nobody looks at any more."""
        self._tx.connection.execute(
            delete(census_day).where(census_day.c.channel == channel, census_day.c.day < before)
        )


def _day(row: Row[Any]) -> CensusDay:
    return CensusDay(**{**row._asdict(), "missing": tuple(row.missing)})
