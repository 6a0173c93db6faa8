"""The Selling Partner API through python-amazon-sp-api 2.1.35, with its traps closed.

The library shapes and sends each request; what an answer means, tokens, rates and time-outs are
ours. Left to itself the library lets the environment redirect calls to another marketplace, takes
credentials from the environment and from files, sends a wrong Host header for http addresses,
waits 5 s at most or for ever, turns every failure whose body is not JSON into an empty success,
and keeps state per client that threads would share (all reproduced; each has a test).
"""

from __future__ import annotations

import gzip
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx

from connectors.amazon.auth import Tokens
from connectors.amazon.operations import GET_REPORT_DOCUMENT, Operation
from connectors.amazon.settings import Settings, on_loopback
from connectors.http import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    USER_AGENT,
    Answer,
    Http,
    authorities,
    classify,
    excerpt,
    retrying,
)
from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.ports import Inside


class NotThere(Rejected):
    """Amazon has no such order, listing or report."""


@contextmanager
def _environment_set_aside(*names: str) -> Iterator[None]:
    """The library reads these when it is imported; a word it does not know would stop us there."""
    held = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)


with _environment_set_aside(
    "AWS_ENV", "SP_API_DEFAULT_MARKETPLACE", "SP_API_AUTH_CACHE_SIZE", "SP_API_AUTH_CACHE_TTL"
):
    # Only the library's core: `sp_api.api` would import the clients of every API there is.
    from sp_api.auth import AccessTokenResponse
    from sp_api.base import fill_query_params
    from sp_api.base._transport_httpx import HttpxTransport
    from sp_api.base.client import Client


class Call(Client):  # type: ignore[misc]  # the library has no types
    """One request. The library keeps the method and token of a request on its client: never shared."""

    user_agent = USER_AGENT

    def __init__(self, settings: Settings, token: str, transport: HttpxTransport) -> None:
        # Not the library's constructor: it looks up the environment and opens two sockets' worth
        # of clients without time-outs. A test proves that these are all the attributes it sets.
        self.credentials = None
        self.endpoint = settings.api_url
        self.marketplace_id = settings.marketplace_id
        self.region = settings.region
        self.restricted_data_token = None
        self._auth = SimpleNamespace(get_auth=lambda: AccessTokenResponse(access_token=token))
        self.proxies = None
        self.timeout = None
        self.version = None
        self.verify = True
        self._transport = transport

    @property
    def headers(self) -> dict[str, str]:
        headers: dict[str, str] = super().headers
        # The library cuts "https://" off by length: wrong for http. httpx knows the right one.
        del headers["host"]
        return headers

    def _check_response(self, res: httpx.Response, *_: object) -> Answer:
        # The library would call an empty 429 or an HTML 503 a success; we judge ourselves.
        return Answer(res.status_code, res.headers, res.content)

    def send(
        self, operation: Operation, parts: tuple[str, ...], query: Mapping[str, str], body: Any
    ) -> Answer:
        """Send it; whatever comes back is the answer. Raises httpx.HTTPError."""
        answer: Answer = self._request(
            fill_query_params(operation.path, *parts),
            params={"method": operation.method, **query},
            data=body,
            # Or the library adds four spellings of the marketplace to the query or the body.
            add_marketplace=False,
        )
        return answer


class SellingPartner:
    """Amazon's seller API for one account: paced, judged, and safe to share between threads."""

    def __init__(self, name: str, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._inside = inside
        self._http = httpx.Client(
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
            follow_redirects=False,
            verify=authorities(),
            # A proxy from the environment would see every token.
            trust_env=False,
        )
        self._documents = Http(connector=name, clock=inside.clock)
        self._transport = HttpxTransport(client=self._http)
        self._tokens = Tokens(settings, inside, self._http, connector=name)
        #: rates Amazon answered that differ from the defaults, by operation
        self._answered_rates: dict[str, float] = {}

    def close(self) -> None:
        self._http.close()
        self._documents.close()

    def call(
        self,
        operation: Operation,
        *parts: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> dict[str, Any]:
        """Do it: the answer's JSON object, {} where success has no body.

        Reads are repeated over short trouble; writes never are. Raises Unauthorized, RateLimited,
        Unavailable, Rejected, and for writes UnknownOutcome.
        """

        def once() -> dict[str, Any]:
            return self._authorized(operation, parts, query or {}, body)

        return once() if operation.writes else retrying(self._inside.clock, once)

    def look(self, operation: Operation, *, query: Mapping[str, str]) -> dict[str, Any]:
        """The answer of a read that is not repeated over trouble: it is to find out what fails."""
        return self._authorized(operation, (), query, None)

    def download(
        self, url: str, *, compression: str | None, operation: str = GET_REPORT_DOCUMENT.name
    ) -> tuple[bytes, str]:
        """A document's bytes and their content type, from its presigned address.

        Without our token: the address is another host's. Raises Unavailable (the address lives for
        5 minutes; the next run asks for a new one) and Rejected.
        """
        self._check_address(url, operation)
        if compression not in (None, "GZIP"):
            raise self._error(Rejected, operation, f"unknown compression {excerpt(compression)}")
        try:
            answer = self._documents.call(
                "GET", url, operation=operation, write=False, expect_json=False
            )
        except (Rejected, Unauthorized):
            # The storage's refusal says nothing about our credential: the address expired. Its
            # words are left out: they repeat the signed address.
            raise self._error(
                Unavailable, operation, "the document's address was refused"
            ) from None
        try:
            content = gzip.decompress(answer.body) if compression else answer.body
        except (OSError, EOFError, zlib.error):
            raise self._error(Unavailable, operation, "the document is not whole") from None
        return content, answer.headers.get("content-type", "")

    def upload(self, url: str, content: bytes, *, content_type: str, operation: str) -> None:
        """Put a document at its presigned address, with the content type the address was made for.

        Nothing comes of it until it is named in a call, so trouble is Unavailable: upload again.
        """
        self._check_address(url, operation)
        try:
            self._documents.call(
                "PUT",
                url,
                operation=operation,
                write=False,
                expect_json=False,
                content=content,
                headers={"content-type": content_type},
            )
        except (Rejected, Unauthorized):
            # The storage's words repeat the signed address.
            raise self._error(Unavailable, operation, "the upload's address was refused") from None

    def _check_address(self, url: str, operation: str) -> None:
        secure = urlsplit(url).scheme == "https"
        if not secure and not (on_loopback(url) and on_loopback(self._settings.api_url)):
            raise self._error(Rejected, operation, "the document's address is not https")

    def _authorized(
        self, operation: Operation, parts: tuple[str, ...], query: Mapping[str, str], body: Any
    ) -> dict[str, Any]:
        """One paced call; a second one with a new token where the first one's was refused."""
        for last in (False, True):
            token = self._tokens.current()
            self._wait_for_turn(operation)
            answer = self._send(operation, token, parts, query, body)
            self._learn_rate(operation, answer)
            errors = _errors(answer.body)
            if answer.status == 403 and _token_refused(errors):
                self._tokens.evict(token)
                if not last:
                    continue
            return self._judge(operation, answer, errors)
        raise AssertionError("unreachable: the second round returns or raises")

    def _send(
        self,
        operation: Operation,
        token: str,
        parts: tuple[str, ...],
        query: Mapping[str, str],
        body: Any,
    ) -> Answer:
        try:
            call = Call(self._settings, token, self._transport)
            return call.send(operation, parts, query, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # The connection was never made: nothing of ours was sent.
            raise self._error(Unavailable, operation.name, type(error).__name__) from None
        except httpx.HTTPError as error:
            raise self._lost(operation, type(error).__name__) from None

    def _judge(
        self, operation: Operation, answer: Answer, errors: list[tuple[str, str]]
    ) -> dict[str, Any]:
        """The answer as JSON, or the error named for what happens next."""
        if answer.status == 204 and operation.empty_answer:
            return {}
        if 200 <= answer.status < 300 and operation.any_answer and not errors:
            return {}
        if 200 <= answer.status < 300 and not operation.empty_answer and not errors:
            try:
                found = json.loads(answer.body)
            except ValueError:
                found = None
            if isinstance(found, dict):
                return found
        if 200 <= answer.status < 300 and not errors:
            words = f"HTTP {answer.status} without the answer: {excerpt(answer.body)}"
            raise self._lost(operation, words)
        raise self._failure(operation, answer, errors)

    def _failure(
        self, operation: Operation, answer: Answer, errors: list[tuple[str, str]]
    ) -> ConnectorError:
        status = answer.status
        words = excerpt(
            f"HTTP {status} "
            + ("; ".join(t for _, t in errors) or excerpt(answer.body) or "with an empty body")
        )
        code = errors[0][0] if errors else ""
        if status == 403:
            missing = None if _token_refused(errors) or not errors else operation.role
            return Unauthorized(
                words, connector=self._name, operation=operation.name, missing=missing
            )
        if status == 429 and (code == "QuotaExceeded" or not operation.writes):
            # The usage plan refuses before the operation runs: nothing changed. Its bucket is
            # empty there, so ours is too.
            self._inside.rates.correct(
                self._bucket(operation),
                rate=self._rate(operation),
                burst=operation.burst,
                available=0.0,
            )
            return RateLimited(
                words,
                connector=self._name,
                operation=operation.name,
                retry_after=1.0 / self._rate(operation),
            )
        if errors and (status < 300 or _refused(status)):
            refusal = NotThere if status == 404 else Rejected
            return refusal(words, connector=self._name, operation=operation.name, code=code)
        if _refused(status):
            # Not the seller API's own words: its front door turned the request away (it answers
            # malformed HTTP with an HTML 400). Nothing ran, and nothing was said about the content.
            return self._error(Unavailable, operation.name, words)
        return classify(
            status,
            answer.headers,
            answer.body,
            connector=self._name,
            operation=operation.name,
            write=operation.writes,
            now=self._inside.clock.now(),
        )

    def _wait_for_turn(self, operation: Operation) -> None:
        """Take a token of the operation's bucket; raises RateLimited where the wait is too long."""
        bucket, rate = self._bucket(operation), self._rate(operation)
        wait = self._inside.rates.take(bucket, rate=rate, burst=operation.burst)
        if wait > operation.patience:
            # Given back: or every early look would push the next token further away.
            self._inside.rates.take(bucket, rate=rate, burst=operation.burst, cost=-1.0)
            raise RateLimited(
                "the usage plan's tokens are used up",
                connector=self._name,
                operation=operation.name,
                retry_after=wait,
            )
        self._inside.clock.sleep(wait)

    def _learn_rate(self, operation: Operation, answer: Answer) -> None:
        """Follow the rate Amazon grants this seller, where it says one (best effort, often absent)."""
        try:
            rate = float(answer.headers.get("x-amzn-ratelimit-limit", ""))
        except ValueError:
            return
        if not (math.isfinite(rate) and rate > 0) or rate == self._rate(operation):
            return
        self._answered_rates[operation.name] = rate
        # What was left under the old rate says nothing under the new one: begin empty.
        self._inside.rates.correct(
            self._bucket(operation), rate=rate, burst=operation.burst, available=0.0
        )

    def _rate(self, operation: Operation) -> float:
        return self._answered_rates.get(operation.name, operation.rate)

    def _bucket(self, operation: Operation) -> str:
        # Amazon counts per (application, seller account), whatever we call the connection.
        return f"amazon:{self._settings.lwa_app_id}:{self._settings.seller_id}:{operation.name}"

    def _lost(self, operation: Operation, words: str) -> ConnectorError:
        kind = UnknownOutcome if operation.writes else Unavailable
        return self._error(kind, operation.name, words)

    def _error(self, kind: type[ConnectorError], operation: str, words: str) -> ConnectorError:
        return kind(words, connector=self._name, operation=operation)


def _errors(body: bytes) -> list[tuple[str, str]]:
    """(code, all words) of each error in Amazon's own error list; empty where the body has none."""
    try:
        found = json.loads(body)
    except ValueError:
        return []
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        return []
    return [
        (
            str(error.get("code", "")),
            " ".join(str(error.get(part) or "") for part in ("code", "message", "details")).strip(),
        )
        for error in errors
        if isinstance(error, dict)
    ]


def _refused(status: int) -> bool:
    """Whether the request itself was at fault, and not who asked, when, or how often."""
    return 400 <= status < 500 and status not in (401, 403, 408, 429)


def _token_refused(errors: list[tuple[str, str]]) -> bool:
    """Whether a 403 speaks of the token (expired, revoked, malformed), not of a missing role."""
    return any("access token" in words.lower() for _, words in errors)
