"""The HTTP server of a daemon: loopback unless told otherwise, a proxy in front speaks TLS.

It answers at once and does nothing: remotes count a slow answer as none (Shopify: 5 seconds).
"""

from __future__ import annotations

import socket
import threading
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.errors import LockstepError, Unauthorized
from jobs.inbound.answering import MOST_BYTES as MOST_ANSWERED
from jobs.inbound.answering import Answers
from jobs.inbound.hints import Hints
from jobs.links import PATH

#: The largest body that is read. An order of 500 lines is some 2 MB.
MOST_BYTES = 5_000_000
#: Fields of one answer: three for each line of the longest order.
MOST_FIELDS = 20_000
#: Seconds after which one who was refused may ask again.
_LATER = {"Retry-After": "60"}
#: Real seconds to stop.
PATIENCE = 5.0
#: Requests handled at once; more are refused, and sent again by who sent them.
AT_ONCE = 64


class TooLarge(Exception):
    """More bytes than are read."""


def application(hints: Hints, log: Any, answers: Answers | None = None) -> Starlette:
    """`POST /hooks/{connection}`: 200 for a hint, 401 for a forged one, 404 for nobody's."""
    refused = [0]

    async def hook(request: Request) -> Response:
        try:
            body = await _body(request)
        except TooLarge:
            return PlainTextResponse("too large\n", 413)
        connection = request.path_params["connection"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            await run_in_threadpool(hints.receive, connection, headers, body)
        except KeyError:
            return PlainTextResponse("not found\n", 404)
        except Unauthorized:
            refused[0] += 1
            # Anybody may knock: told at the 1st, 10th, 100th time, and never what was said.
            if str(refused[0]).rstrip("0") == "1":
                # Only a connection of ours can refuse: its name is no foreign text.
                log.warning("hint refused", connection=connection, times=refused[0])
            return PlainTextResponse("not signed by who it should be from\n", 401)
        return PlainTextResponse("ok\n")

    pages = [] if answers is None else [_answer_route(answers)]
    return Starlette(routes=[Route("/hooks/{connection}", hook, methods=["POST"]), *pages])


def _answer_route(answers: Answers) -> Route:
    """`GET` and `POST /answer/{token}`: a supplier's page. Nothing of a request is logged."""

    async def page(request: Request) -> Response:
        if not answers.may_ask():
            return PlainTextResponse("too many at once; come back in a minute\n", 429, _LATER)
        token = request.path_params["token"]
        if request.method != "POST":
            made = await run_in_threadpool(answers.show, token)
        else:
            try:
                body = await _body(request, most=MOST_ANSWERED)
                fields = parse_qs(
                    body.decode("ascii", "replace"), keep_blank_values=True,
                    max_num_fields=MOST_FIELDS,
                )  # fmt: skip
            except (TooLarge, ValueError):
                return PlainTextResponse("too large\n", 413)
            given = {name: values[0] for name, values in fields.items()}
            made = await run_in_threadpool(answers.answer, token, given)
        return HTMLResponse(made.html, made.status, dict(made.headers))

    return Route(f"{PATH}{{token}}", page, methods=["GET", "POST"])


async def _body(request: Request, *, most: int = MOST_BYTES) -> bytes:
    """The whole body. Raises TooLarge as soon as it is."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


class Receiver:
    """The server in a thread of its own. `port` 0: any free one."""

    def __init__(
        self, hints: Hints, log: Any, *, host: str, port: int, answers: Answers | None = None
    ) -> None:
        config = uvicorn.Config(
            application(hints, log, answers),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=AT_ONCE,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        self._host, self._port = host, port
        # In a thread it leaves signals alone.
        self._server = uvicorn.Server(config)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises LockstepError when it cannot listen there."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            self._listener = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            raise LockstepError(
                f"cannot listen on {self._host}:{self._port} (inbound): {error.strerror}. Name another "
                "port or host under `inbound`, or leave it out"
            ) from None
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listener],), name="inbound", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listener is not None, "it was started"
        return int(self._listener.getsockname()[1])

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(PATIENCE)
