"""DHL as a source of tracking."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.dhl import mapping
from connectors.dhl.client import Client
from connectors.dhl.settings import EXPRESS_TESTING, Settings
from core.model.fulfillment import Untold
from core.ports import AskedParcel, CheckReport, Inside, TrackingReport, TrackingSource

#: Services asked one by one about a number that another parcel has: each costs a call.
_MOST_OTHERS = 3


class Dhl(TrackingSource):
    """One app's view of DHL's parcels. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client) -> None:
        self.name = name
        self._settings = settings
        self._client = client

    def close(self) -> None:
        self._client.close()

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("dhl", "dhl_ecommerce")

    def check(self) -> CheckReport:
        """Ask about a number that no parcel has: a key that is refused shows."""
        self._client.shipments("0000000000")
        express = self._settings.express
        if express:
            self._client.express("0000000000", express)
        testing = express is not None and express.base_url == EXPRESS_TESTING
        return CheckReport(
            name=self._settings.base_url,
            facts=(
                ("calls a day", str(self._settings.calls_per_day)),
                ("MyDHL", express.base_url if express else "not connected"),
            ),
            problems=("this is MyDHL's test environment: it knows no real waybill",)
            if testing
            else (),
        )

    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Of each: every scan DHL has. Without events: not known (yet), or `untold`."""
        return [self._report(one) for one in asked]

    def _report(self, asked: AskedParcel) -> TrackingReport:
        """MyDHL's word on what may be a waybill; Unified's on the others and what MyDHL does not know."""
        express = self._settings.express
        if express and mapping.is_express(asked.number):
            body = self._client.express("".join(asked.number.split()), express)
            if body is not None and not isinstance(body, Untold):
                report = mapping.express_report(asked, body)
                if report.events:
                    return report
        return self._unified_report(asked)

    def _unified_report(self, asked: AskedParcel) -> TrackingReport:
        body = self._client.shipments(asked.number)
        if body is None or isinstance(body, Untold):
            return TrackingReport(asked.number, (), untold=body)
        shipments = mapping.shipments_of(body)
        report = mapping.report(asked, shipments)
        # Without a service named, DHL tells of the first that knows the number.
        for service in mapping.other_services(body)[:_MOST_OTHERS]:
            if report.events:
                break
            other = self._client.shipments(asked.number, service=service)
            if other is not None and not isinstance(other, Untold):
                shipments += mapping.shipments_of(other)
                report = mapping.report(asked, shipments)
        return report


def connect(name: str, settings: Settings, inside: Inside) -> Dhl:
    """Build the connector. Makes no call."""
    client = Client(name, settings=settings, inside=inside)
    return Dhl(name, settings=settings, client=client)
