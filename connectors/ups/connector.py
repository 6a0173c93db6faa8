"""UPS as a source of tracking."""

from __future__ import annotations

from connectors.ups import mapping
from connectors.ups.client import Client
from connectors.ups.settings import TESTING, Settings
from core.ports import CheckReport, Inside, TrackingReport, TrackingSource


class Ups(TrackingSource):
    """One UPS app's view of parcels. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client) -> None:
        self.name = name
        self._settings = settings
        self._client = client

    def close(self) -> None:
        self._client.close()

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("ups",)

    def check(self) -> CheckReport:
        """Get a token. Whether Tracking is granted to the app shows at the first parcel."""
        token = self._client.token()
        testing = self._settings.base_url == TESTING
        return CheckReport(
            name=self._settings.base_url,
            facts=(("token until", token.expires_at.isoformat(timespec="seconds")),),
            problems=("this is UPS's testing host: parcels are made up",) if testing else (),
        )

    def pull_tracking(self, tracking_number: str) -> TrackingReport:
        """Every scan UPS has. Without events: the number is not known (yet), or forgotten (120 days).

        Raises Rejected (code "400") where it is no number of theirs.
        """
        body = self._client.details(tracking_number)
        if body is None:
            return TrackingReport(tracking_number, ())
        return mapping.report(tracking_number, body)


def connect(name: str, settings: Settings, inside: Inside) -> Ups:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Ups(name, settings=settings, client=client)
