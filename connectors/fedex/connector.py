"""FedEx as a source of tracking."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.fedex import mapping
from connectors.fedex.client import Client
from connectors.fedex.settings import TESTING, Settings
from core.ports import AskedParcel, CheckReport, Inside, TrackingReport, TrackingSource

#: Numbers FedEx takes in one call.
MOST_AT_ONCE = 30


class Fedex(TrackingSource):
    """One FedEx project's view of parcels. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client) -> None:
        self.name = name
        self._settings = settings
        self._client = client

    def close(self) -> None:
        self._client.close()

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("fedex",)

    @property
    def most_at_once(self) -> int:
        return MOST_AT_ONCE

    def check(self) -> CheckReport:
        """Get a token. Whether Track is granted to the project shows at the first question."""
        token = self._client.token()
        testing = self._settings.base_url == TESTING
        return CheckReport(
            name=self._settings.base_url,
            facts=(("token until", token.expires_at.isoformat(timespec="seconds")),),
            problems=("this is FedEx's sandbox: parcels are made up",) if testing else (),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan FedEx has. Without events: not known (yet), or `untold`."""
        results = self._client.results([mapping.question(one) for one in asked])
        return [mapping.report(one, results) for one in asked]


def connect(name: str, settings: Settings, inside: Inside) -> Fedex:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Fedex(name, settings=settings, client=client)
