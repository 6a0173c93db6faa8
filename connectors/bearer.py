"""Tokens of OAuth's client credentials grant: one per credential, renewed before it ends.

Shared by the thin clients of carriers. A token is fetched by one thread at a time, some minutes
before the old one ends, and once more when the carrier no longer knows the one it gave.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.http import Answer
from core.errors import Unauthorized, Unavailable
from core.ports import Inside

#: Renewed this long before it ends, so that no call starts with a token about to die.
RENEW_EARLY = timedelta(minutes=5)

_OPERATION = "get token"


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    expires_at: datetime
    #: what it opens, where the carrier says so: words between blanks
    scope: str = ""


class Bearer:
    """The token of one credential. `ask` sends the credential; nothing is asked before a call needs it.

    Safe to use from several threads.
    """

    def __init__(
        self, name: str, *, inside: Inside, ask: Callable[[], Answer], usual_life: timedelta
    ) -> None:
        self._name = name
        self._inside = inside
        self._ask = ask
        self._usual_life = usual_life
        self._token: Token | None = None

    def current(self) -> Token:
        """A token that lives for a while yet. Raises Unauthorized, RateLimited, Unavailable."""
        with self._inside.lock(f"token {self._name}"):
            token, now = self._token, self._inside.clock.now()
            if token is None or now >= token.expires_at - RENEW_EARLY:
                token = self._token = self._fetched()
            return token

    def call(self, ask: Callable[[Token], Answer]) -> Answer:
        """What `ask` gets with a token; with another one where the first is not known any more."""
        token = self.current()
        try:
            return ask(token)
        except Unauthorized as error:
            # Revoked or forgotten by the carrier; 403 (not granted, blocked) would not get better.
            if "HTTP 401" not in str(error):
                raise
            self._discard(token)
            return ask(self.current())

    def _discard(self, token: Token) -> None:
        with self._inside.lock(f"token {self._name}"):
            # Another thread may have renewed it already.
            if self._token == token:
                self._token = None

    def _fetched(self) -> Token:
        asked_at = self._inside.clock.now()
        answer = self._ask()
        try:
            body = json.loads(answer.body)
            life = float(body.get("expires_in", self._usual_life.total_seconds()))
            ends = asked_at + timedelta(seconds=life)
            return Token(str(body["access_token"]), ends, str(body.get("scope", "")))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            # The body may hold a token: none of it is told.
            raise Unavailable(
                "a token answer without a token", connector=self._name, operation=_OPERATION
            ) from None
