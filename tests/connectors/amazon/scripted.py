"""An Amazon that says what a test tells it to, on loopback, and the inside a connector is given."""

from __future__ import annotations

import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.amazon.auth import _TOKENS
from connectors.amazon.client import SellingPartner
from connectors.amazon.settings import Settings
from connectors.simulation import HttpSimulator, Request, Response
from jobs.clock import ManualClock

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"

Answer = Response | Callable[[Request], Response]


def error(code: str, message: str = "no", details: str = "", *, status: int) -> Response:
    """A refusal in the seller API's own form."""
    listed = {"code": code, "message": message, "details": details}
    return Response.json({"errors": [listed]}, status=status)


EXPIRED = error(
    "Unauthorized",
    "Access to requested resource is denied.",
    "The access token you provided has expired.",
    status=403,
)
ROLE_MISSING = error("Unauthorized", "Access to requested resource is denied.", status=403)
QUOTA = error("QuotaExceeded", "You exceeded your quota for the requested resource.", status=429)
HTML_400 = Response(400, HTML, content_type="text/html")
HTML_503 = Response(503, HTML, content_type="text/html")


class ScriptedAmazon(HttpSimulator):
    """Answers in the order of `answers`, the last one for ever; tokens are counted."""

    kind = "amazon"

    def __init__(self) -> None:
        super().__init__(clock=ManualClock(NOW), seed=0)
        self.answers: list[Answer] = [Response.json({})]
        self.token_answers: list[Response] = []
        self.requests: list[Request] = []
        self.tokens: list[dict[str, list[str]]] = []

    def operation(self, request: Request) -> str:
        return "token" if request.path == "/auth/o2/token" else "call"

    def answer(self, request: Request, operation: str) -> Response:
        if operation == "token":
            self.tokens.append(parse_qs(request.body.decode()))
            if self.token_answers:
                return self.token_answers.pop(0)
            number = len(self.tokens)
            return Response.json({"access_token": f"Atza|token-{number}", "expires_in": 3600})
        self.requests.append(request)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return answer if isinstance(answer, Response) else answer(request)

    def books(self) -> dict[str, Any]:
        return {}

    @property
    def request(self) -> Request:
        """The only call there was."""
        (request,) = self.requests
        return request

    @property
    def sent(self) -> Any:
        """The body of the only call there was."""
        return json.loads(self.request.body)


class FakeRates:
    """Buckets by the same rule as the store's, in memory."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self.buckets: list[str] = []

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        self.buckets.append(bucket)
        now = self._clock.now().timestamp()
        full_at = max(self._full_at.get(bucket, now), now) + cost / rate
        self._full_at[bucket] = full_at
        return max(0.0, full_at - now - burst / rate)

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None:
        now = self._clock.now().timestamp()
        self._full_at[bucket] = now + (burst - available) / rate


class FakeInside:
    """What bootstrap hands a connector."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(NOW)
        self.rates = FakeRates(self.clock)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.locks: list[str] = []

    def lock(self, name: str) -> AbstractContextManager[object]:
        self.locks.append(name)
        return self._locks[name]


def settings(url: str, **changes: Any) -> Settings:
    """Settings of a seller nobody else in this process has: tokens are kept per credential."""
    return Settings.model_validate(
        {
            "type": "amazon",
            "seller_id": "A1SELLER",
            "lwa_app_id": "amzn1.application-oa2-client.test",
            "lwa_client_secret": "amzn1.oa2-cs.v1.0badc0de",
            "refresh_token": f"Atzr|{secrets.token_hex(8)}",
            "endpoint": url,
            "lwa_url": f"{url}/auth/o2/token",
        }
        | changes
    )


@contextmanager
def scripted(*answers: Answer) -> Iterator[ScriptedAmazon]:
    """A started server that gives these answers."""
    # Ports come again within a process; a token of an earlier test must not.
    _TOKENS.clear()
    amazon = ScriptedAmazon()
    if answers:
        amazon.answers = list(answers)
    amazon.start()
    try:
        yield amazon
    finally:
        amazon.stop()


def client(
    amazon: ScriptedAmazon, inside: FakeInside | None = None, **changes: Any
) -> SellingPartner:
    return SellingPartner("amazon-us", settings(amazon.url, **changes), inside or FakeInside())
