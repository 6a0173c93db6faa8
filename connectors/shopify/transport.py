"""The `shopify` package without its traps: one request in, one whole answer out.

What shopifyapi 12.7.0 does on its own, and why each class here exists: `GraphQL.execute` has no
time-out, follows redirects with the token, honors proxies from the environment, prints error
bodies and loses them; sessions live in class attributes and thread-locals, so that one shop's
token can reach another shop; the connection's debug log holds every header. Nothing here touches
`ShopifyResource`, and no object is shared between two calls that could mix them up.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from typing import Any

import shopify
from pyactiveresource import connection as active_resource
from shopify.base import ShopifyConnection

from connectors.http import USER_AGENT

#: A logger outside the logging tree that drops everything: the library logs tokens and bodies.
_MUTE = logging.Logger("shopify.mute", level=logging.CRITICAL + 1)


class NotSent(Exception):
    """The connection was never made: nothing of ours reached the shop."""


class AnswerLost(Exception):
    """The request may have been sent; no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Any answer, whatever its status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The default would resend X-Shopify-Access-Token to whatever the answer names."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class _WholeBody:
    """A response that must arrive complete before a deadline.

    urllib's time-out limits each read, not all of them: a byte every 20 seconds never ends.
    """

    def __init__(self, response: Any, *, until: float) -> None:
        self._response = response
        self._until = until
        self.code: int = response.code
        self.msg: str = response.msg
        self.headers: Message = response.headers

    def read(self) -> bytes:
        parts = []
        while part := self._response.read1(65_536):
            parts.append(part)
            if time.monotonic() > self._until:
                raise TimeoutError("the answer took too long")
        body = b"".join(parts)
        announced = self.headers.get("Content-Length")
        if announced is not None and announced.isdigit() and len(body) < int(announced):
            raise http.client.IncompleteRead(body, int(announced) - len(body))
        return body

    def close(self) -> None:
        self._response.close()


class _Connection(ShopifyConnection):  # type: ignore[misc]  # the library has no types
    """One request. Every status is an answer: `answers.py` alone tells what each one means."""

    def __init__(self, site: str, *, opener: urllib.request.OpenerDirector, timeout: float) -> None:
        super().__init__(site, timeout=timeout)
        self.log = _MUTE
        self._opener = opener
        self._until = time.monotonic() + timeout

    def _urlopen(self, request: urllib.request.Request) -> Any:
        return self._opener.open(request, timeout=self.timeout)

    def _handle_error(self, err: Any) -> _WholeBody:
        return _WholeBody(err, until=self._until)


class _ShopSession(shopify.Session):  # type: ignore[misc]  # the library has no types
    """A session whose address belongs to the instance (the library's is global to all shops)."""

    def __init__(self, shop: str, *, version: str, token: str, root: str) -> None:
        super().__init__(shop, version, token)
        self._root = root

    @property
    def site(self) -> str:
        return str(self.api_version.api_path(self._root))


class _ShopGraphQL(shopify.GraphQL):  # type: ignore[misc]  # the library has no types
    """A GraphQL call that keeps its own endpoint and headers."""

    def __init__(self, session: _ShopSession, connection: _Connection) -> None:
        # Not super().__init__(): that reads the thread's current shop and its live header dict.
        self.endpoint = session.site + "/graphql.json"
        self.headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "X-Shopify-Access-Token": session.token,
        }
        self._connection = connection

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Any:
        # Nulls stay: `changeFromQuantity: null` and an absent one mean different things.
        body = {"query": query, "variables": variables, "operationName": operation_name}
        return self._connection.post(self.endpoint, self.headers, json.dumps(body).encode())


@cache
def _authorities() -> ssl.SSLContext:
    """Whom the system trusts, for every shop of this process: to read them takes 20 ms each time."""
    return ssl.create_default_context()


class Transport:
    """Sends documents to one shop. Safe to use from several threads at once."""

    def __init__(self, *, shop: str, version: str, root: str, timeout: float) -> None:
        self._shop = shop
        self._version = version
        self._root = root
        self._timeout = timeout
        self._opener = urllib.request.build_opener(
            _NoRedirect,
            # A proxy from the environment would see every token.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=_authorities()),
        )

    def send(self, query: str, *, variables: Mapping[str, Any], name: str, token: str) -> Reply:
        """One POST, one answer of any status. Raises NotSent or AnswerLost."""
        session = _ShopSession(self._shop, version=self._version, token=token, root=self._root)
        connection = _Connection(session.site, opener=self._opener, timeout=self._timeout)
        try:
            response = _ShopGraphQL(session, connection).execute(query, variables, name)
        except active_resource.Error as error:
            # The library wraps what urllib reports before an answer began: connect and send.
            raise _lost_before_answer(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise AnswerLost(type(error).__name__) from None
        return Reply(
            response.code,
            {name.lower(): value for name, value in response.headers.items()},
            response.body,
        )


def _lost_before_answer(error: active_resource.Error) -> NotSent | AnswerLost:
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, urllib.error.URLError) else cause
    words = type(reason).__name__
    # gaierror, refused, unknown certificate: surely nothing was sent. A time-out may be in the
    # middle of sending, so it is not among them.
    never = (ConnectionRefusedError, ssl.SSLCertVerificationError)
    if isinstance(reason, never) or words == "gaierror":
        return NotSent(words)
    return AnswerLost(words)
