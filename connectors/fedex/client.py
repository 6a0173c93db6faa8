"""FedEx's OAuth and Track v1 over HTTP: one token, thirty numbers a call.

https://developer.fedex.com (Authorization, Track); specification in
reference/carriers/payloads/fedex_track_v1_openapi.json. Limits: reference/carriers_suppliers.md A.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.bearer import Bearer, Token
from connectors.fedex.settings import Settings
from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from core.errors import Rejected, Unavailable
from core.ports import Inside

#: What FedEx says when it does not give `expires_in`.
USUAL_LIFE = timedelta(seconds=3_599)

_OPERATION = "track"


class Client:
    """One project's credential. Safe to use from several threads."""

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

    def results(self, asked: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The completeTrackResults for these trackingInfo; numbers may be missing among them.

        Raises Unauthorized, RateLimited, Unavailable.
        """
        body = {"includeDetailedScans": True, "trackingInfo": list(asked)}
        try:
            answer = retrying(
                self._clock, lambda: self._bearer.call(lambda token: self._ask(body, token))
            )
        except Rejected as error:
            # What is wrong with one number is said of that number in a 200: this is about none of them.
            said = f"HTTP {error.code}, {error}"
            raise Unavailable(said, connector=self._name, operation=_OPERATION) from None
        told = answer.json()
        output = told.get("output") if isinstance(told, dict) else None
        results = output.get("completeTrackResults") if isinstance(output, dict) else None
        if not isinstance(results, list):
            raise Unavailable(
                "an answer without results", connector=self._name, operation=_OPERATION
            )
        return [one for one in results if isinstance(one, dict)]

    def _ask(self, body: Mapping[str, Any], token: Token) -> Answer:
        rate = self._settings.calls_per_day / 86_400
        burst = self._settings.burst
        self._pace.wait(_OPERATION, operation=_OPERATION, rate=rate, burst=burst)
        return self._http.call(
            "POST",
            f"{self._settings.base_url}/track/v1/trackingnumbers",
            operation=_OPERATION,
            # It changes nothing there.
            write=False,
            json=body,
            headers={"Authorization": f"Bearer {token.value}", "X-locale": "en_US"},
        )

    def _ask_token(self) -> Answer:
        return self._http.call(
            "POST",
            f"{self._settings.base_url}/oauth/token",
            operation="get token",
            write=False,
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value(),
            },
        )
