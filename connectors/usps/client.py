"""USPS's OAuth v3 and Tracking v3 over HTTP: one token, and few calls.

https://developers.usps.com (OAuth v3, Tracking v3); specification in
reference/carriers/payloads/usps_tracking_v3_openapi.yaml. The quota is about 60 calls an hour over
all APIs of an app, 5 a minute at once; a 429 says with Retry-After when to come back
(reference/carriers_suppliers.md A.3).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.bearer import Bearer, Token
from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from connectors.usps.settings import Settings
from core.errors import Rejected, Unauthorized, Unavailable
from core.model.fulfillment import Untold
from core.ports import Inside

#: What USPS says when it does not give `expires_in`.
USUAL_LIFE = timedelta(seconds=28_799)


class Client:
    """One app's credential. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._clock = inside.clock
        self._http = Http(connector=name, clock=inside.clock)
        self._pace = Pace(name, inside=inside)
        self._bearer = Bearer(name, inside=inside, ask=self._ask_token, usual_life=USUAL_LIFE)

    def close(self) -> None:
        self._http.close()

    def token(self) -> Token:
        """A token that lives for a while yet."""
        return self._bearer.current()

    def details(self, tracking_number: str) -> dict[str, Any] | Untold | None:
        """TrackingDetails of one number; None where USPS does not know it (for hours after a label).

        Raises Unauthorized, RateLimited, Unavailable.
        """
        try:
            answer = retrying(
                self._clock, lambda: self._bearer.call(lambda t: self._ask(tracking_number, t))
            )
        except Unauthorized as error:
            # Since 2026-04-01 it tells of other mailers' parcels by contract only: that is about this
            # parcel. An app without the scope is about all of them, as is a page without its words.
            said = str(error)
            if "HTTP 403" in said and '"error"' in said and "scope" not in said:
                return Untold.NOT_YOURS
            raise
        except Rejected as error:
            if '"error"' in str(error) and error.code in ("400", "404"):
                return Untold.NO_NUMBER if error.code == "400" else None
            # A gateway's page is no word of USPS's about this parcel.
            said = f"HTTP {error.code} that is not USPS's own"
            raise Unavailable(said, connector=self._name, operation="track") from None
        body = answer.json()
        if not isinstance(body, dict):
            raise Unavailable(
                "an answer that is no object", connector=self._name, operation="track"
            )
        return body

    def _ask(self, tracking_number: str, token: Token) -> Answer:
        self._wait("track")
        return self._http.call(
            "GET",
            f"{self._settings.base_url}/tracking/v3/tracking/{quote(tracking_number, safe='')}",
            operation="track",
            write=False,
            params={"expand": "DETAIL"},
            headers={"Authorization": f"Bearer {token.value}"},
        )

    def _ask_token(self) -> Answer:
        self._wait("get token")
        return self._http.call(
            "POST",
            f"{self._settings.base_url}/oauth2/v3/token",
            operation="get token",
            write=False,
            json={
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value(),
                "grant_type": "client_credentials",
            },
        )

    def _wait(self, operation: str) -> None:
        """Tokens count too: one bucket for all. What may come at once is part of the hour's calls."""
        burst = self._settings.burst
        rate = (self._settings.calls_per_hour - burst) / 3_600
        self._pace.wait("calls", operation=operation, rate=rate, burst=burst)
