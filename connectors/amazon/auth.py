"""Login with Amazon: one access token per credential, behind one lock, on the project clock.

The library's own cache is keyed by the refresh token alone (two apps or two addresses in one
process get each other's tokens), never forgets a refused token, and has no lock; ours is none of
that. Source: developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.amazon.settings import Settings
from connectors.http import USER_AGENT, excerpt
from core.errors import ConnectorError, Unauthorized, Unavailable
from core.ports import Inside

#: The name failures of the token endpoint carry.
OPERATION = "token"
#: Clock seconds before its end when a token is no longer used.
MARGIN = timedelta(seconds=60)
#: Words of RFC 6749, 5.2 that speak of the server's trouble, not of ours.
_SERVER_TROUBLE = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    usable_until: datetime


#: Access tokens of this process by credential. A lost entry costs one request.
_TOKENS: dict[str, _Token] = {}


class Tokens:
    """The access token of one credential."""

    def __init__(
        self, settings: Settings, inside: Inside, http: httpx.Client, *, connector: str
    ) -> None:
        self._settings = settings
        self._inside = inside
        self._http = http
        self._connector = connector
        parts = (
            settings.token_url,
            settings.lwa_app_id,
            settings.lwa_client_secret.get_secret_value(),
            settings.refresh_token.get_secret_value(),
        )
        # A digest, so that no lock name and no key of the cache is a secret.
        self._credential = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def current(self) -> str:
        """A token that is good now; asks for one where there is none.

        Raises Unauthorized when Amazon refuses the credential, Unavailable on any other trouble.
        """
        token = self._held()
        if token:
            return token
        with self._inside.lock(f"lwa:{self._credential}"):
            return self._held() or self._renew()

    def evict(self, token: str) -> None:
        """Forget this token: the seller API refused it. A newer one stays."""
        held = _TOKENS.get(self._credential)
        if held and held.value == token:
            _TOKENS.pop(self._credential, None)

    def _held(self) -> str | None:
        token = _TOKENS.get(self._credential)
        return token.value if token and self._inside.clock.now() < token.usable_until else None

    def _renew(self) -> str:
        asked_at = self._inside.clock.now()
        try:
            response = self._http.post(
                self._settings.token_url,
                data={
                    "grant_type": "refresh_token",
                    "refresh_token": self._settings.refresh_token.get_secret_value(),
                    "client_id": self._settings.lwa_app_id,
                    "client_secret": self._settings.lwa_client_secret.get_secret_value(),
                },
                headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            )
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from None
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._unavailable(f"HTTP {response.status_code} {excerpt(response.content)}")
        value = answer.get("access_token")
        if response.status_code != 200 or not isinstance(value, str) or not value:
            raise self._refusal(response.status_code, answer)
        lifetime = timedelta(seconds=_seconds(answer.get("expires_in")))
        _TOKENS[self._credential] = _Token(value, asked_at + lifetime - min(MARGIN, lifetime / 2))
        return value

    def _refusal(self, status: int, answer: dict[str, Any]) -> ConnectorError:
        code = str(answer.get("error", ""))
        words = excerpt(f"HTTP {status} {code}: {answer.get('error_description', '')}")
        if 400 <= status < 500 and status != 429 and code and code not in _SERVER_TROUBLE:
            return Unauthorized(words, connector=self._connector, operation=OPERATION)
        return self._unavailable(words)

    def _unavailable(self, words: str) -> Unavailable:
        return Unavailable(words, connector=self._connector, operation=OPERATION)


def _seconds(value: object) -> float:
    """A token's life; an hour where the answer does not say it in a number."""
    return float(value) if isinstance(value, (int, float)) and value > 0 else 3600.0
