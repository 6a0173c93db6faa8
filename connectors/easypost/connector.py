"""EasyPost as a source of tracking: for carriers that are not asked directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.easypost import mapping
from connectors.easypost.client import Client, Refused
from connectors.easypost.settings import Settings
from core.ports import AskedParcel, CheckReport, Inside, TrackingReport, TrackingSource

#: Numbers of one question: each has few trackers, a page of them a hundred.
MOST_AT_ONCE = 40
#: A tracker may be older than the word that its parcel was shipped: labels are made early.
_EARLIER = timedelta(days=30)


class Easypost(TrackingSource):
    """One account's trackers. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client) -> None:
        self.name = name
        self._settings = settings
        self._client = client

    def close(self) -> None:
        self._client.close()

    @property
    def carriers(self) -> tuple[str, ...]:
        return self._settings.carriers

    @property
    def most_at_once(self) -> int:
        return MOST_AT_ONCE

    def check(self) -> CheckReport:
        """Look for the tracker of a number that no parcel has: a key that is refused shows."""
        self._client.trackers(["EZ0000000000"], since=self._client.now() - _EARLIER)
        return CheckReport(
            name=self._settings.base_url,
            facts=(
                ("carriers", ", ".join(self._settings.carriers)),
                ("new trackers a day", str(self._settings.trackers_per_day)),
            ),
            problems=(),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan EasyPost has. Without events: not known (yet), or `untold`.

        A parcel without a tracker gets one, within `trackers_per_day`: beyond, it is not known yet.
        """
        since = min(one.shipped_at for one in asked) - _EARLIER
        trackers = self._client.trackers([one.number for one in asked], since=since)
        return [self._report(one, trackers) for one in asked]

    def _report(self, asked: AskedParcel, trackers: Sequence[Mapping[str, Any]]) -> TrackingReport:
        carrier = self._settings.spelling(asked.carrier)
        own = mapping.of_parcel(asked, carrier, trackers)
        if not own:
            if not self._client.affords_one_more():
                return TrackingReport(asked.number, ())
            try:
                own = [self._client.make_tracker(asked.number, carrier)]
            except Refused as refused:
                untold = mapping.REFUSALS.get(refused.code)
                return TrackingReport(asked.number, (), untold=untold)
        return mapping.report(asked, own)


def connect(name: str, settings: Settings, inside: Inside) -> Easypost:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Easypost(name, settings=settings, client=client)
