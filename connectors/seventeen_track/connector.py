"""17TRACK as a source of tracking: for lines from China, and whoever brings their parcels to the door."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.seventeen_track import mapping
from connectors.seventeen_track.client import Client
from connectors.seventeen_track.settings import Settings
from core.ports import AskedParcel, CheckReport, Inside, TrackingReport, TrackingSource

#: Numbers 17TRACK takes in one call.
MOST_AT_ONCE = 40


class SeventeenTrack(TrackingSource):
    """One account's registered numbers. Makes no call until a method is used."""

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
        """Ask for the account's quota: without any, no new parcel is followed."""
        left = self._client.quota().get("quota_remain")
        return CheckReport(
            name=self._settings.base_url,
            facts=(("carriers", ", ".join(self._settings.carriers)), ("quota left", str(left))),
            problems=("the quota is used up: no new parcel is followed",) if left == 0 else (),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan 17TRACK has. Without events: not known (yet), or `untold`.

        A parcel that is not registered is, within `registrations_per_day`; its scans come with a later
        question.
        """
        told = self._client.infos([self._question(one) for one in asked])
        refused = dict(told.rejected)
        new = [
            one
            for one in asked
            if mapping.refusal(one, refused) == mapping.NOT_REGISTERED
            and self._client.affords_one_more()
        ]
        if new:
            refused |= self._client.register([self._question(one) for one in new]).rejected
        return [self._report(one, mapping.report(one, told.accepted), refused) for one in asked]

    def _question(self, asked: AskedParcel) -> dict[str, object]:
        return mapping.question(asked, self._settings.key(asked.carrier))

    def _report(
        self, asked: AskedParcel, report: TrackingReport, refused: dict[str, int]
    ) -> TrackingReport:
        code = mapping.refusal(asked, refused)
        if report.events or code is None:
            return report
        return TrackingReport(asked.number, (), untold=mapping.REFUSALS.get(code))


def connect(name: str, settings: Settings, inside: Inside) -> SeventeenTrack:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return SeventeenTrack(name, settings=settings, client=client)
