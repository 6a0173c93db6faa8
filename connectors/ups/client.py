"""UPS's OAuth and Track API v1 over HTTP: one token, paced calls.

https://developer.ups.com/api/reference (Tracking, OAuth Client Credentials); specification in
reference/carriers/payloads/ups_tracking_openapi.yaml.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.http import Answer, Http, retrying
from connectors.ups.settings import Settings
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable
from core.ports import Inside

#: Renewed this long before it ends, so that no call starts with a token about to die.
RENEW_EARLY = timedelta(minutes=5)

#: What UPS says when it does not give `expires_in` (14,399 s in all answers seen).
USUAL_LIFE = timedelta(seconds=14_399)

#: Clock seconds a call waits for the bucket; beyond, the run ends and its unit is due later.
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    expires_at: datetime


class Client:
    """One credential. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._inside = inside
        self._http = Http(connector=name, clock=inside.clock)
        self._token: Token | None = None

    def close(self) -> None:
        self._http.close()

    def details(self, tracking_number: str) -> dict[str, Any] | None:
        """The answer for one number; None where UPS answers 404: it does not know it (yet).

        Raises Unauthorized, RateLimited, Unavailable, Rejected (code "400": no number of theirs).
        """
        try:
            answer = retrying(self._inside.clock, lambda: self._details(tracking_number))
        except Rejected as error:
            # Only UPS's own words mean "unknown": a gateway's 404 page does not.
            if error.code == "404" and '"code"' in str(error):
                return None
            raise
        body = answer.json()
        if not isinstance(body, dict):
            raise Unavailable(
                "an answer that is no object", connector=self._name, operation="track"
            )
        return body

    def token(self) -> Token:
        """A token that lives for a while yet; one renewal at a time."""
        with self._inside.lock(f"ups token {self._name}"):
            token, now = self._token, self._inside.clock.now()
            if token is None or now >= token.expires_at - RENEW_EARLY:
                token = self._token = self._new_token()
            return token

    def _details(self, tracking_number: str) -> Answer:
        token = self.token()
        try:
            return self._ask(tracking_number, token)
        except Unauthorized as error:
            # Revoked or forgotten by UPS; 403 (a blocked merchant) would not get better.
            if "HTTP 401" not in str(error):
                raise
            self._discard(token)
            return self._ask(tracking_number, self.token())

    def _ask(self, tracking_number: str, token: Token) -> Answer:
        self._pace()
        return self._http.call(
            "GET",
            f"{self._settings.base_url}/api/track/v1/details/{quote(tracking_number, safe='')}",
            operation="track",
            write=False,
            params={"locale": "en_US", "returnSignature": "false"},
            headers={
                "Authorization": f"Bearer {token.value}",
                "transId": uuid.uuid4().hex,
                "transactionSrc": "lockstep",
            },
        )

    def _pace(self) -> None:
        rate, burst = self._settings.calls_per_second, self._settings.burst
        wait = self._inside.rates.take(f"{self._name} track", rate=rate, burst=burst)
        if wait > LONGEST_WAIT:
            self._inside.rates.take(f"{self._name} track", rate=rate, burst=burst, cost=-1.0)
            raise RateLimited(
                "our own pace", connector=self._name, operation="track", retry_after=wait
            )
        self._inside.clock.sleep(wait)

    def _discard(self, token: Token) -> None:
        with self._inside.lock(f"ups token {self._name}"):
            # Another thread may have renewed it already.
            if self._token == token:
                self._token = None

    def _new_token(self) -> Token:
        asked_at = self._inside.clock.now()
        secret = self._settings.client_secret.get_secret_value()
        answer = self._http.call(
            "POST",
            f"{self._settings.base_url}/security/v1/oauth/token",
            operation="get token",
            write=False,
            auth=(self._settings.client_id, secret),
            data={"grant_type": "client_credentials"},
        )
        try:
            body = json.loads(answer.body)
            life = timedelta(seconds=float(body.get("expires_in", USUAL_LIFE.total_seconds())))
            return Token(str(body["access_token"]), asked_at + life)
        except (AttributeError, KeyError, TypeError, ValueError):
            # The body may hold a token: none of it is told.
            raise Unavailable(
                "a token answer without a token", connector=self._name, operation="get token"
            ) from None
