"""UPS as a source of tracking and of prices."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.ups import mapping, rating
from connectors.ups.client import Client
from connectors.ups.settings import TESTING, Settings
from core.model.carriage import RateAnswer, RateQuestion
from core.model.fulfillment import Untold
from core.ports import AskedParcel, CheckReport, Inside, RateSource, TrackingReport, TrackingSource


class Ups(TrackingSource, RateSource):
    """One UPS app's view of parcels and prices. Makes no call until a method is used."""

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
        """Get a token. Whether Tracking and Rating are granted to the app shows at the first question."""
        token = self._client.token()
        testing = self._settings.base_url == TESTING
        return CheckReport(
            name=self._settings.base_url,
            facts=(("token until", token.expires_at.isoformat(timespec="seconds")),),
            problems=("this is UPS's testing host: parcels are made up",) if testing else (),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan UPS has. Without events: not known (yet), forgotten (120 days), or `untold`."""
        return [self._report(one.number) for one in asked]

    def _report(self, number: str) -> TrackingReport:
        body = self._client.details(number)
        if body is None or isinstance(body, Untold):
            return TrackingReport(number, (), untold=body)
        return mapping.report(number, body)

    @property
    def price_basis(self) -> str:
        said = [
            "residential" if self._settings.residential else "commercial",
            "negotiated" if self._settings.account_number else "list prices",
        ]
        # Prices made up for tests never count in earnest.
        return ", ".join([*said, "testing host"] if self._settings.base_url == TESTING else said)

    def quote_rates(self, question: RateQuestion) -> Sequence[RateAnswer]:
        """By every service of UPS's on that lane, at the account's own prices where it has any.

        Raises Rejected (code "400") where UPS does not take such a parcel there.
        """
        account = self._settings.account_number
        request = rating.request(
            question,
            account_number=account.get_secret_value() if account else "",
            residential=self._settings.residential,
        )
        return rating.answers(self._client.rates(request), connector=self.name)


def connect(name: str, settings: Settings, inside: Inside) -> Ups:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Ups(name, settings=settings, client=client)
