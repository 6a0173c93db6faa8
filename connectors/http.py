"""One policy for every HTTP remote: time-outs, quick retries, redaction, status -> error.

Clients built on other people's libraries (shopifyapi's urllib, python-amazon-sp-api's httpx) use
`classify`, `retrying` and `redact`; our own thin clients use `Http`, which is all of them at once.
"""

from __future__ import annotations

import email.utils
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, BinaryIO, TypeVar

import httpx
import tenacity

from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.ports import Clock

#: Seconds of real time: no call of ours may hang longer, whatever the library's own default is.
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

#: Redirects within one host; more are a circle.
MOST_REDIRECTS = 3
#: Bytes of a refusal's body that are looked at.
_EXCERPT = 1 << 16

USER_AGENT = "Lockstep/0.1 (Language=Python)"

_SECRET_WORDS = re.compile(
    r"(?i)(access[_-]?token|refresh[_-]?token|client[_-]?secret|api[_-]?key|password|authorization"
    r"|x-shopify-access-token|x-amz-access-token)([\"']?\s*[:=]\s*[\"']?)([^\s\"',&}]+(?: [\w.~+/=-]{12,})?)"
)
_SECRET_SHAPES = re.compile(
    r"(Atz[ar]\|[\w.|~+/=-]+|Atc\|[\w.|~+/=-]+|shp(?:at|ca|pa|ss|rt|ua)_[\w-]+"
    r"|amzn1\.oa2-cs\.v1\.\w+|Bearer\s+[\w.~+/=-]+|Basic\s+[\w+/=]{8,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*)"
)
_PAGE = re.compile(r"\s*<(!doctype html|html)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>", re.IGNORECASE)


def redact(text: str) -> str:
    """Take what looks like a secret out of text that will be logged, stored or shown."""
    return _SECRET_SHAPES.sub("[redacted]", _SECRET_WORDS.sub(r"\1\2[redacted]", text))


def excerpt(body: bytes | str, *, limit: int = 300) -> str:
    """The start of an answer, in one line and without secrets, for an error message.

    Of a page made for people only the title is told: its markup would fill mails and tables.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if _PAGE.match(text):
        title = _TITLE.search(text)
        text = f"an HTML page, {title[1].strip()!r}" if title else "an HTML page"
    return redact(" ".join(text.split())[:limit])


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds from a Retry-After header (a number or an HTTP date); None where there is none."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - now).total_seconds())


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    connector: str,
    operation: str,
    write: bool,
    now: datetime,
    default_wait: float = 5.0,
) -> ConnectorError:
    """The error for an answer that is no success, named for what happens next.

    A write answered by 5xx may have landed: UnknownOutcome. A 429 is taken as "did not run" only
    for reads; connectors that can prove it for a write say so themselves.
    """
    words = f"HTTP {status} {excerpt(body)}".strip()
    if status in (401, 403):
        return Unauthorized(words, connector=connector, operation=operation)
    if status == 429:
        if write:
            return UnknownOutcome(words, connector=connector, operation=operation)
        wait = retry_after(headers, now=now)
        return RateLimited(
            words,
            connector=connector,
            operation=operation,
            retry_after=default_wait if wait is None else wait,
        )
    if status >= 500 or status == 408:
        kind = UnknownOutcome if write else Unavailable
        return kind(words, connector=connector, operation=operation)
    if 300 <= status < 400:
        # Following would hand our token to whoever the answer names.
        return Rejected(
            f"unexpected redirect, {words}",
            connector=connector,
            operation=operation,
            code=str(status),
        )
    return Rejected(words, connector=connector, operation=operation, code=str(status))


T = TypeVar("T")


def retrying(clock: Clock, call: Callable[[], T], *, attempts: int = 3, longest: float = 8.0) -> T:
    """Repeat a READ over short trouble (Unavailable, short RateLimited); longer waits belong to the unit.

    Raises what the last attempt raised.
    """

    def worth_it(error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_after <= longest
        return isinstance(error, Unavailable)

    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=longest)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited):
            return error.retry_after
        return float(backoff(state))

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts),
        wait=wait,
        retry=tenacity.retry_if_exception(worth_it),
        sleep=clock.sleep,
        reraise=True,
    )(call)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@cache
def authorities() -> ssl.SSLContext:
    """Whom httpx trusts, for every client of this process: to read them takes 20 ms each time."""
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """A thin client: verified TLS, time-outs on everything, no redirects, errors by `classify`."""

    def __init__(
        self,
        *,
        connector: str,
        clock: Clock,
        read_timeout: float = READ_TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`context`: who may vouch for the remote; None: the authorities httpx trusts."""
        self._connector = connector
        self._clock = clock
        self._client = httpx.Client(
            timeout=httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
            follow_redirects=False,
            verify=context or authorities(),
            headers={"User-Agent": USER_AGENT},
            # A proxy from the environment would see every token.
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        write: bool,
        expect_json: bool = True,
        **request: Any,
    ) -> Answer:
        """One request, one answer with status 200..299 and, where expected, a JSON body.

        Raises Unauthorized, RateLimited, Unavailable, Rejected, and for writes UnknownOutcome.
        """
        lost = UnknownOutcome if write else Unavailable
        try:
            response = self._client.request(method, url, **request)
            body = response.content
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            # The connection was never made: nothing of ours was sent.
            raise Unavailable(
                type(error).__name__, connector=self._connector, operation=operation
            ) from None
        except httpx.HTTPError as error:
            raise lost(
                type(error).__name__, connector=self._connector, operation=operation
            ) from None
        if not 200 <= response.status_code < 300:
            raise classify(
                response.status_code,
                response.headers,
                body,
                connector=self._connector,
                operation=operation,
                write=write,
                now=self._clock.now(),
            )
        if expect_json:
            try:
                json.loads(body)
            except ValueError:
                raise lost(
                    f"an answer that is not JSON: {excerpt(body)}",
                    connector=self._connector,
                    operation=operation,
                ) from None
        return Answer(response.status_code, response.headers, body)

    def download(
        self,
        url: str,
        *,
        into: BinaryIO,
        largest: int,
        operation: str,
        headers: Mapping[str, str],
    ) -> Answer:
        """GET a file piece by piece; status 200 with its bytes in `into`, or 304 with none.

        A redirect is followed only where scheme, host and port stay: another host would get our
        secrets. Raises Unauthorized, RateLimited, Unavailable, Rejected ("too-large" and others).
        """
        place = {"connector": self._connector, "operation": operation}
        # What is packed may be a thousand times larger than what is counted.
        asked = {**headers, "Accept-Encoding": "identity"}
        at = httpx.URL(url)
        for _ in range(MOST_REDIRECTS + 1):
            into.seek(0)
            into.truncate()
            try:
                with self._client.stream("GET", at, headers=asked) as response:
                    onward = _within_host(response)
                    if onward is not None:
                        at = onward
                        continue
                    return self._downloaded(response, into, largest, operation)
            except httpx.HTTPError as error:
                raise Unavailable(type(error).__name__, **place) from None
        raise Rejected("redirected in circles", **place, code="redirects")

    def _downloaded(
        self, response: httpx.Response, into: BinaryIO, largest: int, operation: str
    ) -> Answer:
        place = {"connector": self._connector, "operation": operation}
        if response.status_code not in (200, 304):
            beginning = next(response.iter_raw(_EXCERPT), b"")
            raise classify(
                response.status_code,
                response.headers,
                beginning,
                connector=self._connector,
                operation=operation,
                write=False,
                now=self._clock.now(),
            )
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Rejected("it comes packed, though it was asked for plain", **place, code="packed")
        size = 0
        for piece in response.iter_raw(1 << 18):
            size += len(piece)
            if size > largest:
                words = f"more than {largest} bytes, the largest that is read"
                raise Rejected(words, **place, code="too-large")
            into.write(piece)
        return Answer(response.status_code, response.headers, b"")


def _within_host(response: httpx.Response) -> httpx.URL | None:
    """Where a redirect leads, if that is the same host."""
    if not response.has_redirect_location:
        return None
    try:
        here, onward = response.url, response.url.join(response.headers["location"])
    except httpx.InvalidURL:
        return None
    same = (here.scheme, here.host, here.port) == (onward.scheme, onward.host, onward.port)
    return onward if same else None
