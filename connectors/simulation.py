"""What every simulator shares: HTTP serving, faults on demand, a request log, the control API.

A simulator is worth what its fidelity is worth: it keeps state, enforces the remote's own limits
and rules, and misbehaves when told to. It is never softened to make a test pass.

The control API (its own port, loopback): GET /__sim__/books, POST /__sim__/orders,
POST /__sim__/clock, POST /__sim__/faults, GET /__sim__/log.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import random
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

from core.ports import Clock

LOOPBACK = "127.0.0.1"


class SimulatorClock(Clock, Protocol):
    """A clock a test may move."""

    def set(self, *, at: datetime | None = None, speed: float | None = None) -> None: ...

    def real_seconds(self, seconds: float) -> float: ...


#: What any HTTP simulator can be told to do wrong. A simulator adds kinds of its own in `fault_kinds`.
HTTP_FAULTS = {
    "429": "429 with a JSON error body",
    "429-empty": "429 with an empty body",
    "500": "500 with an empty body, the request not applied",
    "503-html": "503 with an HTML page, the request not applied",
    "400-html": "400 with an HTML page, the request not applied",
    "empty": "the request is applied, the answer is 200 with an empty body",
    "truncated": "the request is applied, the answer's JSON is cut in half",
    "slow": "the answer comes after `seconds` of real time",
    "lost-request": "the connection is cut before the request is applied",
    "lost-answer": "the request is applied, then the connection is cut",
    "502-applied": "the request is applied, the answer is 502 with an HTML page",
}


@dataclass
class FaultRule:
    """Misbehave on matching operations: each time with `probability`, or exactly on the nth call."""

    #: a glob over operation names: "orders*", "fulfillmentCreate", "*"
    operation: str
    kind: str
    probability: float = 0.0
    #: 1-based call numbers (of matching calls, counted from when the rule was set)
    nth: frozenset[int] = frozenset()
    #: how often it may strike; None: without limit
    times: int | None = None
    seconds: float = 1.0
    seed: int = 0
    #: it strikes every answer that would hold this text (an order's id), and no other; with kinds of
    #: which the request is not applied. "": it strikes whatever the answer is
    holding: str = ""
    calls: int = 0
    strikes: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    def strikes_now(self) -> bool:
        self.calls += 1
        if self.times is not None and self.strikes >= self.times:
            return False
        hit = self.calls in self.nth or self.random.random() < self.probability
        self.strikes += hit
        return hit


class Faults:
    """The rules in force. Deterministic by seed and order of calls."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def set(self, rules: list[dict[str, Any]]) -> None:
        """Replace all rules. Raises ValueError that names what is wrong."""
        made = []
        for number, rule in enumerate(rules):
            unknown = set(rule) - {
                "operation", "kind", "probability", "nth", "times", "seconds", "seed", "holding",
            }  # fmt: skip
            if unknown:
                raise ValueError(f"faults[{number}]: unknown keys {sorted(unknown)}")
            if rule.get("kind") not in self._kinds:
                raise ValueError(
                    f"faults[{number}]: kind {rule.get('kind')!r} is none of {sorted(self._kinds)}"
                )
            if rule.get("holding") and rule["kind"] not in ("500", "503-html"):
                raise ValueError(f"faults[{number}]: holding goes with 500 and 503-html only")
            nth = rule.get("nth", [])
            seed = int(rule.get("seed", number))
            made.append(
                FaultRule(
                    operation=str(rule.get("operation", "*")),
                    kind=rule["kind"],
                    probability=float(rule.get("probability", 0.0)),
                    nth=frozenset([nth] if isinstance(nth, int) else nth),
                    times=rule.get("times"),
                    seconds=float(rule.get("seconds", 1.0)),
                    seed=seed,
                    holding=str(rule.get("holding", "")),
                    random=random.Random(seed),
                )
            )
        with self._lock:
            self._rules = made

    def strike(self, operation: str) -> FaultRule | None:
        """The first rule that strikes this call, if one does."""
        with self._lock:
            for rule in self._rules:
                if rule.holding or not fnmatch.fnmatchcase(operation, rule.operation):
                    continue
                if rule.strikes_now():
                    return rule
        return None

    def spoils(self, operation: str, body: bytes) -> FaultRule | None:
        """The first rule that strikes because of what this answer would hold."""
        with self._lock:
            for rule in self._rules:
                held = rule.holding and rule.holding.encode() in body
                if held and fnmatch.fnmatchcase(operation, rule.operation):
                    return rule
        return None


@dataclass(frozen=True, slots=True)
class LogEntry:
    number: int
    at: datetime
    operation: str
    #: what it was about: an order id, a SKU, a file name
    subject: str
    status: int
    #: a write that changed the remote's state
    took_effect: bool
    fault: str

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "operation": self.operation,
            "subject": self.subject,
            "status": self.status,
            "took_effect": self.took_effect,
            "fault": self.fault,
        }


class RequestLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[LogEntry] = []
        self._lock = threading.Lock()

    def add(
        self, operation: str, *, subject: str = "", status: int, took_effect: bool, fault: str = ""
    ) -> None:
        with self._lock:
            self._entries.append(
                LogEntry(
                    number=len(self._entries) + 1,
                    at=self._clock.now(),
                    operation=operation,
                    subject=subject,
                    status=status,
                    took_effect=took_effect,
                    fault=fault,
                )
            )

    def entries(self) -> list[LogEntry]:
        with self._lock:
            return list(self._entries)


class Simulator(ABC):
    """One simulated remote: start, use over its own protocol, look into its books, stop."""

    kind: ClassVar[str]
    fault_kinds: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *, clock: SimulatorClock, seed: int) -> None:
        self.clock = clock
        self.seed = seed
        #: guards the simulator's whole state; handlers run under it
        self.lock = threading.RLock()
        self.log = RequestLog(clock)
        self.faults = Faults(self.fault_kinds)
        self._control: _Server | None = None

    @abstractmethod
    def start(self, port: int = 0) -> None:
        """Listen on loopback; 0 picks a free port."""

    @abstractmethod
    def stop(self) -> None: ...

    @property
    @abstractmethod
    def port(self) -> int: ...

    @abstractmethod
    def books(self) -> dict[str, Any]:
        """What the remote itself knows, as JSON: records, counts, instants."""

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """A buyer orders (or cancels). ValueError says what is wrong with the request."""
        raise ValueError(f"the {self.kind} simulator has no buyers")

    def start_control(self, port: int = 0) -> int:
        """Serve the control API on loopback; returns the port."""
        self._control = _Server(_control_handler(self), port)
        return self._control.port

    def stop_control(self) -> None:
        if self._control:
            self._control.stop()
            self._control = None


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, list[str]]
    #: lower-case names
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    #: a write that changed state, for the log
    took_effect: bool = False
    subject: str = ""

    @classmethod
    def json(
        cls,
        body: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        took_effect: bool = False,
        subject: str = "",
    ) -> Response:
        return cls(
            status,
            json.dumps(body).encode(),
            headers or {},
            took_effect=took_effect,
            subject=subject,
        )


_ERROR_PAGE = (
    b"<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>"
)


class HttpSimulator(Simulator):
    """A remote that speaks HTTP. A subclass says what an operation is called and answers it."""

    fault_kinds: ClassVar[Mapping[str, str]] = HTTP_FAULTS

    def __init__(self, *, clock: SimulatorClock, seed: int) -> None:
        super().__init__(clock=clock, seed=seed)
        self._server: _Server | None = None

    @abstractmethod
    def operation(self, request: Request) -> str:
        """The remote's own name for what is asked: "searchOrders", "InventorySet"."""

    @abstractmethod
    def answer(self, request: Request, operation: str) -> Response:
        """Do it. Runs under `self.lock`."""

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        """An answer for a fault kind of the simulator's own; None: the kind is a common one."""
        return None

    def start(self, port: int = 0) -> None:
        self._server = _Server(_http_handler(self), port)

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None
        self.stop_control()

    @property
    def port(self) -> int:
        assert self._server, "the simulator is not started"
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def respond(self, request: Request) -> Response | None:
        """The answer with its fault, logged; None cuts the connection."""
        operation = self.operation(request)
        rule = self.faults.strike(operation)
        fault = rule.kind if rule else ""
        if rule:
            with self.lock:
                own = self.answer_fault(rule, request, operation)
            before = own or {
                "429": Response.json({"errors": [{"code": "QuotaExceeded", "message": "Slow down"}]}, status=429),
                "429-empty": Response(429),
                "500": Response(500),
                "503-html": Response(503, _ERROR_PAGE, content_type="text/html"),
                "400-html": Response(400, _ERROR_PAGE, content_type="text/html"),
            }.get(rule.kind)  # fmt: skip
            if before:
                self.log.add(
                    operation,
                    status=before.status,
                    took_effect=before.took_effect,
                    subject=before.subject,
                    fault=fault,
                )
                return before
            if rule.kind == "lost-request":
                self.log.add(operation, status=0, took_effect=False, fault=fault)
                return None
            if rule.kind == "slow":
                threading.Event().wait(rule.seconds)
        with self.lock:
            response = self.answer(request, operation)
            spoiled = self.faults.spoils(operation, response.body)
            if spoiled is not None:
                fault = spoiled.kind
                empty = fault == "500"
                response = Response(500) if empty else Response(503, _ERROR_PAGE)
            self.log.add(
                operation,
                status=response.status,
                took_effect=response.took_effect,
                subject=response.subject,
                fault=fault,
            )
        if fault == "lost-answer":
            return None
        if fault == "empty":
            return Response(200)
        if fault == "502-applied":
            return Response(502, _ERROR_PAGE, content_type="text/html")
        if fault == "truncated":
            cut = response.body[: max(1, len(response.body) // 2)]
            return Response(response.status, cut, response.headers, response.content_type)
        return response


class _Server:
    """A threading HTTP server on loopback in a thread of its own."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int) -> None:
        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is not our trouble; the tests kill daemons mid-call."""

        self._server = Server((LOOPBACK, port), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            # Seconds between looks whether to stop: whoever stops it waits for half of them.
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.01},
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(respond: Callable[[Request], Response | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes; without this the second waits for a delayed ACK.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """The request log is ours."""

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length) if length else b""
            url = urlsplit(self.path)
            response = respond(
                Request(
                    self.command,
                    url.path,
                    parse_qs(url.query, keep_blank_values=True),
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                )
            )
            if response is None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(response.status)
            if response.body or response.status not in (204, 304):
                self.send_header("Content-Type", response.content_type)
                self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base's names

    return Handler


def _http_handler(simulator: HttpSimulator) -> type[BaseHTTPRequestHandler]:
    return _handler(simulator.respond)


def _control_handler(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    def respond(request: Request) -> Response:
        try:
            match request.method, request.path:
                case "GET", "/__sim__/books":
                    with simulator.lock:
                        return Response.json(simulator.books())
                case "GET", "/__sim__/log":
                    return Response.json([entry.as_json() for entry in simulator.log.entries()])
                case "POST", "/__sim__/orders":
                    with simulator.lock:
                        return Response.json(simulator.place_order(request.json()), status=201)
                case "POST", "/__sim__/faults":
                    simulator.faults.set(request.json())
                    return Response(204)
                case "POST", "/__sim__/clock":
                    wish = request.json()
                    at = datetime.fromisoformat(wish["at"]) if "at" in wish else None
                    simulator.clock.set(at=at, speed=wish.get("speed"))
                    return Response.json({"now": simulator.clock.now().isoformat()})
                case _:
                    return Response.json({"error": "no such control"}, status=404)
        except (KeyError, TypeError, ValueError) as error:
            return Response.json({"error": str(error)}, status=400)

    return _handler(respond)
