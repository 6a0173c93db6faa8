"""UPS's OAuth, Track API v1 and Rating API v2409 over HTTP: one token, paced calls.

https://developer.ups.com/api/reference (Tracking, Rating, OAuth Client Credentials); specifications
in reference/carriers/payloads/ups_tracking_openapi.yaml and Rating.yaml of
github.com/UPS-API/api-documentation.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.bearer import Bearer, Token
from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from connectors.ups.settings import Settings
from core.errors import Rejected, Unavailable
from core.model.fulfillment import Untold
from core.ports import Inside

#: What UPS says when it does not give `expires_in` (14,399 s in all answers seen).
USUAL_LIFE = timedelta(seconds=14_399)


class Client:
    """One credential. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._inside = inside
        self._http = Http(connector=name, clock=inside.clock)
        self._paced = Pace(name, inside=inside)
        self._bearer = Bearer(name, inside=inside, ask=self._ask_token, usual_life=USUAL_LIFE)

    def close(self) -> None:
        self._http.close()

    def details(self, tracking_number: str) -> dict[str, Any] | Untold | None:
        """The answer for one number; None where UPS answers 404: it does not know it (yet).

        Raises Unauthorized, RateLimited, Unavailable.
        """
        try:
            return self._object("track", lambda token: self._ask_details(tracking_number, token))
        except Rejected as error:
            # Only UPS's own words are about this parcel: a gateway's page is not.
            if error.code in ("400", "404") and '"code"' in str(error):
                return Untold.NO_NUMBER if error.code == "400" else None
            said = f"HTTP {error.code} that is not UPS's own"
            raise Unavailable(said, connector=self._name, operation="track") from None

    def rates(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a RateRequest: what UPS asks by each of its services, with transit times.

        Raises Unauthorized, RateLimited, Unavailable, Rejected (it does not price such a parcel).
        """
        try:
            return self._object("rate", lambda token: self._ask_rates(request, token))
        except Rejected as error:
            if '"code"' in str(error):
                raise
            # A gateway's page is no word of UPS's about this parcel.
            said = f"HTTP {error.code} that is not UPS's own"
            raise Unavailable(said, connector=self._name, operation="rate") from None

    def token(self) -> Token:
        """A token that lives for a while yet."""
        return self._bearer.current()

    def _object(self, operation: str, ask: Callable[[Token], Answer]) -> dict[str, Any]:
        body = retrying(self._inside.clock, lambda: self._bearer.call(ask)).json()
        if not isinstance(body, dict):
            raise Unavailable(
                "an answer that is no object", connector=self._name, operation=operation
            )
        return body

    def _ask_details(self, tracking_number: str, token: Token) -> Answer:
        self._pace("track")
        return self._http.call(
            "GET",
            f"{self._settings.base_url}/api/track/v1/details/{quote(tracking_number, safe='')}",
            operation="track",
            write=False,
            params={"locale": "en_US", "returnSignature": "false"},
            headers=_headers(token),
        )

    def _ask_rates(self, request: Mapping[str, Any], token: Token) -> Answer:
        self._spend_a_quote()
        self._pace("rate")
        return self._http.call(
            "POST",
            f"{self._settings.base_url}/api/rating/v2409/Shoptimeintransit",
            operation="rate",
            # It changes nothing there.
            write=False,
            json=request,
            headers=_headers(token),
        )

    def _pace(self, operation: str) -> None:
        rate, burst = self._settings.calls_per_second, self._settings.burst
        self._paced.wait(operation, operation=operation, rate=rate, burst=burst)

    def _spend_a_quote(self) -> None:
        """One of the questions of 24 hours; those of an hour may come at once."""
        a_day = self._settings.quotes_per_day
        burst = max(1.0, a_day / 24)
        self._paced.wait("quotes", operation="rate", rate=a_day / 86_400, burst=burst)

    def _ask_token(self) -> Answer:
        secret = self._settings.client_secret.get_secret_value()
        return self._http.call(
            "POST",
            f"{self._settings.base_url}/security/v1/oauth/token",
            operation="get token",
            write=False,
            auth=(self._settings.client_id, secret),
            data={"grant_type": "client_credentials"},
        )


def _headers(token: Token) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token.value}",
        "transId": uuid.uuid4().hex,
        "transactionSrc": "lockstep",
    }
