"""The access token: given once, or fetched by the client credentials grant and renewed in time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from connectors.http import Http
from connectors.shopify.settings import Settings
from core.errors import Rejected, Unauthorized, Unavailable
from core.ports import Inside

_OPERATION = "token"

#: OAuth's own words for no. A 4xx page without any comes from something in between.
_OAUTH_REFUSAL = re.compile(
    r"invalid_client|invalid_request|shop_not_permitted|unsupported_grant_type"
    r"|application_cannot_be_found|\"error\""
)
#: Frozen, no such shop, locked: refusals without a word of OAuth.
_SHUT = frozenset({"402", "404", "423"})


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    #: None: it does not expire by itself
    expires_at: datetime | None


class Tokens(Protocol):
    """Where a call gets its token from."""

    def current(self) -> Token:
        """A token that is not about to expire."""

    def replace(self, refused: Token) -> Token | None:
        """Another token after a 401; None where there is no other."""

    def close(self) -> None: ...


class StaticToken:
    """A token from the configuration (custom apps made before 2026)."""

    def __init__(self, value: str) -> None:
        self._token = Token(value, None)

    def current(self) -> Token:
        return self._token

    def replace(self, refused: Token) -> Token | None:
        return None

    def close(self) -> None:
        """Holds nothing open."""


class GrantedTokens:
    """Tokens of the client credentials grant: one fetch at a time, renewed before expiry.

    POST /admin/oauth/access_token {client_id, client_secret, grant_type} -> {access_token, scope,
    expires_in: 86399}.
    """

    def __init__(
        self, *, connector: str, client_id: str, client_secret: str, root: str, inside: Inside
    ) -> None:
        self._connector = connector
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = f"{root}/admin/oauth/access_token"
        self._inside = inside
        self._lock = f"shopify token {client_id} {root}"
        self._http = Http(connector=connector, clock=inside.clock)
        self._token: Token | None = None
        self._renew_at: datetime | None = None

    def current(self) -> Token:
        """Raises Unauthorized, Unavailable or RateLimited when none can be fetched."""
        with self._inside.lock(self._lock):
            now = self._inside.clock.now()
            if self._token is None or (self._renew_at is not None and now >= self._renew_at):
                return self._fetch()
            return self._token

    def replace(self, refused: Token) -> Token | None:
        """Fetch anew, unless another thread already replaced the refused one."""
        with self._inside.lock(self._lock):
            if self._token is not None and self._token.value != refused.value:
                return self._token
            return self._fetch()

    def close(self) -> None:
        self._http.close()

    def _fetch(self) -> Token:
        asked_at = self._inside.clock.now()
        try:
            answer = self._http.call(
                "POST",
                self._url,
                operation=_OPERATION,
                write=False,
                json={
                    "client_id": self._client_id,
                    "client_secret": self._client_secret,
                    "grant_type": "client_credentials",
                },
            )
        except Rejected as error:
            raise self._refused(error) from None
        try:
            told = answer.json()
            value, lifetime = str(told["access_token"]), float(told["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise Unavailable(
                "an answer without a token", connector=self._connector, operation=_OPERATION
            ) from None
        # A tenth of its life, at most five minutes, is left when it is replaced.
        margin = min(300.0, lifetime / 10)
        self._renew_at = asked_at + timedelta(seconds=lifetime - margin)
        self._token = Token(value, asked_at + timedelta(seconds=lifetime))
        return self._token

    def _refused(self, error: Rejected) -> Unauthorized | Unavailable:
        # The body is left out of the words: it may repeat what we sent.
        told = _OAUTH_REFUSAL.search(str(error))
        if told is None and error.code not in _SHUT:
            return Unavailable(
                f"no token (HTTP {error.code})", connector=self._connector, operation=_OPERATION
            )
        word = told[0] if told else "no such shop, or it is shut"
        return Unauthorized(
            f"no token for this client ID and secret (HTTP {error.code}, {word}); is the app "
            "installed in a shop of its own organization?",
            connector=self._connector,
            operation=_OPERATION,
        )


def tokens_of(name: str, settings: Settings, inside: Inside) -> Tokens:
    """Where this shop's tokens come from. Makes no call."""
    if settings.access_token is not None:
        return StaticToken(settings.access_token.get_secret_value())
    assert settings.client_id is not None, "the settings demand one credential"
    assert settings.client_secret is not None, "the settings demand one credential"
    return GrantedTokens(
        connector=name,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        root=settings.root,
        inside=inside,
    )
