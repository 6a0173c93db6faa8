"""DHL's Shipment Tracking - Unified, and MyDHL API for Express, over HTTP: one number a call.

https://developer.dhl.com/api-reference/shipment-tracking and .../dhl-express-mydhl-api; sample and
specification in reference/carriers/payloads (dhl_unified_tracking_sample.json, mydhl_3.1.1.yaml).
MyDHL takes many numbers in one call too, but gives the offsets of events for a single one only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from connectors.dhl.settings import Express, Settings
from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from core.errors import RateLimited, Rejected, Unavailable
from core.model.fulfillment import Untold
from core.ports import Inside

#: Of MyDHL, which it wants told.
EXPRESS_VERSION = "3.1.0"

_OPERATION = "track"
_DAY = 86_400.0
#: Calls to MyDHL at once.
_EXPRESS_BURST = 10

Found = Mapping[str, Any] | Untold | None


class Client:
    """One app's key, and one MyDHL account where there is one. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._clock = inside.clock
        self._http = Http(connector=name, clock=inside.clock)
        self._pace = Pace(name, inside=inside)

    def close(self) -> None:
        self._http.close()

    def shipments(self, number: str, *, service: str = "") -> Found:
        """The answer about a number, of one of DHL's services or whichever knows it; None: none does.

        Raises Unauthorized, RateLimited, Unavailable.
        """
        params = {"trackingNumber": number} | ({"service": service} if service else {})
        return self._found(lambda: self._unified(params), unknown="No result found")

    def express(self, number: str, account: Express) -> Found:
        """MyDHL's answer about a waybill; None: not known (yet). Raises as `shipments`."""
        return self._found(lambda: self._mydhl(number, account), unknown='"detail"')

    def _found(self, ask: Callable[[], Answer], *, unknown: str) -> Found:
        try:
            body = retrying(self._clock, ask).json()
        except Rejected as error:
            if error.code == "404" and unknown in str(error):
                return None
            if error.code == "400" and '"detail"' in str(error):
                return Untold.NO_NUMBER
            # A gateway's page is no word of DHL's about this parcel.
            said = f"HTTP {error.code} that is not DHL's own"
            raise Unavailable(said, connector=self._name, operation=_OPERATION) from None
        if not isinstance(body, dict):
            raise Unavailable(
                "an answer that is no object", connector=self._name, operation=_OPERATION
            )
        return body

    def _unified(self, params: Mapping[str, str]) -> Answer:
        settings = self._settings
        self._wait("spacing", rate=1 / settings.seconds_between, burst=1)
        self._wait_of_day("calls", settings.calls_per_day, settings.burst)
        try:
            return self._http.call(
                "GET",
                f"{settings.base_url}/track/shipments",
                operation=_OPERATION,
                write=False,
                params=params,
                headers={"DHL-API-Key": settings.api_key.get_secret_value()},
            )
        except RateLimited as error:
            # It does not say for how long. The day's quota is full again at 00:00 GMT; until then it is
            # tried once an hour, as a raised quota would show.
            error.retry_after = max(
                error.retry_after, min(3_600.0, _until_midnight(self._clock.now()))
            )
            raise

    def _mydhl(self, number: str, account: Express) -> Answer:
        self._wait_of_day("express calls", account.calls_per_day, _EXPRESS_BURST)
        return self._http.call(
            "GET",
            f"{account.base_url}/shipments/{quote(number, safe='')}/tracking",
            operation=_OPERATION,
            write=False,
            params={"trackingView": "all-checkpoints", "requestGMTOffsetPerEvent": "true"},
            headers={"x-version": EXPRESS_VERSION},
            auth=(account.username, account.password.get_secret_value()),
        )

    def _wait_of_day(self, bucket: str, calls: int, burst: int) -> None:
        """In any 24 hours not more than `calls`, those at once among them."""
        self._wait(bucket, rate=(calls - burst) / _DAY, burst=burst)

    def _wait(self, bucket: str, *, rate: float, burst: float) -> None:
        self._pace.wait(bucket, operation=_OPERATION, rate=rate, burst=burst)


def _until_midnight(now: datetime) -> float:
    """Seconds to 00:00 GMT."""
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return (today + timedelta(days=1) - now).total_seconds()
