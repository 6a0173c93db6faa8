"""A loopback server that answers as it is told, and an inside made of fakes that keep their word."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connectors.shopify.settings import Settings
from jobs.clock import ManualClock

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SHOP = "acme.myshopify.com"
TOKEN = "shpat_00000000000000000000000000000000"


class Buckets:
    """Token buckets on a clock; `taken` remembers (bucket, cost)."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._level: dict[str, tuple[float, datetime]] = {}
        self.taken: list[tuple[str, float]] = []
        self.corrections: list[tuple[str, float]] = []

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        self.taken.append((bucket, cost))
        level, at = self._level.get(bucket, (burst, self._clock.now()))
        passed = (self._clock.now() - at).total_seconds()
        level = min(burst, level + passed * rate) - cost
        self._level[bucket] = (level, self._clock.now())
        return max(0.0, -level / rate)

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None:
        self.corrections.append((bucket, available))
        self._level[bucket] = (available, self._clock.now())


@dataclass
class FakeInside:
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))

    def __post_init__(self) -> None:
        self.rates = Buckets(self.clock)
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def lock(self, name: str) -> contextlib.AbstractContextManager[object]:
        return self._locks[name]


@dataclass(frozen=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def operation(self) -> str:
        return self.body.get("operationName", "") if isinstance(self.body, dict) else ""

    @property
    def variables(self) -> dict[str, Any]:
        return self.body["variables"]


@dataclass(frozen=True)
class Told:
    """An answer: a status, a body, and how it is sent."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Content-Length announced beyond the body: the connection is cut in the middle
    missing: int = 0
    #: cut the connection without a word
    cut: bool = False
    #: never answer (until the server stops)
    silent: bool = False
    #: one byte at a time, `pause` seconds apart
    pause: float = 0.0

    @classmethod
    def json(cls, body: Any, **more: Any) -> Told:
        return cls(json.dumps(body).encode(), **more)


def data(*, cost: tuple[float, float] = (10, 1990), **fields: Any) -> Told:
    """A 200 answer with data; `cost` is (requested, currently available) of a 2000/100 bucket."""
    return Told.json({"data": fields, "extensions": cost_of(*cost)})


def errors(*codes: str, body: Any = None, message: str = "It failed", **more: Any) -> Told:
    """A 200 answer with top-level errors."""
    listed = [
        {"message": message, "extensions": {"code": code} if code else {}, **more} for code in codes
    ]
    answer: dict[str, Any] = {"errors": listed}
    if body is not None:
        answer["data"] = body
    return Told.json(answer)


def cost_of(requested: float, available: float) -> dict[str, Any]:
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": requested,
            "throttleStatus": {
                "maximumAvailable": 2000.0,
                "currentlyAvailable": available,
                "restoreRate": 100.0,
            },
        }
    }


class ScriptedShop:
    """Answers each request with the next of `answers`, or by `answer` where that is set."""

    def __init__(self) -> None:
        self.answers: deque[Told] = deque()
        self.answer: Callable[[Asked], Told] | None = None
        self.asked: list[Asked] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                asked = Asked(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(body) if body else None,
                )
                with shop._lock:
                    shop.asked.append(asked)
                    told = None if shop.answer else shop.answers.popleft()
                shop._send(self, told or shop.answer(asked))

            do_GET = do_POST = _serve  # noqa: N815 - the base's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def operations(self) -> list[str]:
        return [asked.operation for asked in self.asked]

    def settings(self, **more: Any) -> Settings:
        given = {"type": "shopify", "shop": SHOP, "base_url": self.url, **more}
        if "client_id" not in given:
            given.setdefault("access_token", TOKEN)
        return Settings.model_validate(given)

    def _send(self, handler: BaseHTTPRequestHandler, told: Told) -> None:
        if told.silent:
            self._stopped.wait(10)
        if told.cut or told.silent:
            handler.close_connection = True
            with contextlib.suppress(OSError):
                handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(told.status)
        for name, value in told.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(told.body) + told.missing))
        handler.end_headers()
        with contextlib.suppress(OSError):
            if told.pause:
                for byte in told.body:
                    handler.wfile.write(bytes([byte]))
                    if self._stopped.wait(told.pause):
                        return
            else:
                handler.wfile.write(told.body)
        if told.missing:
            handler.close_connection = True

    def __enter__(self) -> ScriptedShop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
