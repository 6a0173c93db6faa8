"""USPS as a source of tracking."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.usps import mapping
from connectors.usps.client import Client
from connectors.usps.settings import TESTING, Settings
from core.model.fulfillment import Untold
from core.ports import AskedParcel, CheckReport, Inside, TrackingReport, TrackingSource


class Usps(TrackingSource):
    """One USPS app's view of parcels. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client) -> None:
        self.name = name
        self._settings = settings
        self._client = client

    def close(self) -> None:
        self._client.close()

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("usps",)

    def check(self) -> CheckReport:
        """Get a token, and see whether it opens Tracking: USPS grants that to each app by itself."""
        token = self._client.token()
        problems = []
        if token.scope and "tracking" not in token.scope.split():
            problems.append("USPS has not granted Tracking to this app: ask for it there")
        if self._settings.base_url == TESTING:
            problems.append("this is USPS's testing host: parcels are made up")
        return CheckReport(
            name=self._settings.base_url,
            facts=(
                ("token until", token.expires_at.isoformat(timespec="seconds")),
                ("calls an hour", str(self._settings.calls_per_hour)),
            ),
            problems=tuple(problems),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan USPS has. Without events: not known (yet), or `untold`."""
        return [self._report(one.number) for one in asked]

    def _report(self, number: str) -> TrackingReport:
        body = self._client.details(number)
        if body is None or isinstance(body, Untold):
            return TrackingReport(number, (), untold=body)
        return mapping.report(number, body)


def connect(name: str, settings: Settings, inside: Inside) -> Usps:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Usps(name, settings=settings, client=client)
