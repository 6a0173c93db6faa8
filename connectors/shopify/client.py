"""Asks one shop, at the pace its bucket allows, and names every failure for what happens next."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from connectors.http import retrying
from connectors.shopify.answers import Call, Cost, body_of, cost_of, data_of, search_warnings
from connectors.shopify.documents import Document
from connectors.shopify.settings import Settings
from connectors.shopify.tokens import Token, tokens_of
from connectors.shopify.transport import AnswerLost, NotSent, Reply, Transport
from core.errors import RateLimited, Unauthorized, Unavailable
from core.ports import Inside

#: The standard plan's bucket, assumed until the first answer tells the shop's own.
FIRST_RATE = 100.0
FIRST_BURST = 2000.0
#: Clock seconds a call waits for the bucket; beyond, the run ends and its unit is due later.
LONGEST_WAIT = 30.0

_log = structlog.get_logger("lockstep.shopify")


class Client:
    """Reads and writes of one shop, paced, with a valid token. Safe to use from several threads."""

    def __init__(self, name: str, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._inside = inside
        self._version = settings.api_version
        self._tokens = tokens_of(name, settings, inside)
        self._transport = Transport(
            shop=settings.shop,
            version=settings.api_version,
            root=settings.root,
            timeout=settings.timeout,
        )
        # Points belong to an app in a shop.
        self._bucket = f"shopify {settings.shop} {settings.client_id or name}"
        self._rate, self._burst = FIRST_RATE, FIRST_BURST
        self._costs: dict[str, float] = {}
        #: requested points of calls under way; the answered `currentlyAvailable` may not know them
        self._under_way = 0.0
        self._guard = threading.Lock()
        self._told: set[str] = set()
        self.answered_version = ""

    def close(self) -> None:
        self._tokens.close()

    def token_expires_at(self) -> datetime | None:
        """When the token in use ends; None for a static one."""
        return self._tokens.current().expires_at

    def read(self, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a query; short trouble is waited out.

        Raises Unauthorized, RateLimited, Rejected, Unavailable (PartialAnswer where some of it
        could be read).
        """
        assert not document.write, document.name
        return retrying(
            self._inside.clock, lambda: self._once(document, variables), longest=LONGEST_WAIT
        )

    def write(self, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a mutation, sent once.

        Raises UnknownOutcome when it may have run. Unauthorized, RateLimited, Rejected and
        Unavailable each mean that it did not.
        """
        assert document.write, document.name
        return self._once(document, variables)

    def _once(self, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
        token = self._tokens.current()
        call = Call(self._name, document.name, document.write, self._inside.clock.now())
        reply = self._paced(document, variables, token, call)
        if reply.status == 401 and (other := self._tokens.replace(token)) is not None:
            token = other
            reply = self._paced(document, variables, token, call)
        if reply.status == 401:
            raise Unauthorized(
                "the access token is not accepted", connector=self._name, operation=document.name
            )
        self._note_version(reply)
        # An error page may repeat the request; what is not here cannot reach an error or a log.
        body = body_of(replace(reply, body=_without(reply.body, token)), call)
        cost = cost_of(body)
        if cost is not None:
            self._learn(document, cost)
        for warning in search_warnings(body):
            self._tell_once("shopify.search_field_ignored", warning, operation=document.name)
        return data_of(body, call, cost=cost)

    def _paced(
        self, document: Document, variables: Mapping[str, Any], token: Token, call: Call
    ) -> Reply:
        """Wait for the bucket, send, take the answer. Raises RateLimited, Unavailable, UnknownOutcome."""
        cost = self._costs.get(document.name, float(document.cost))
        wait = self._inside.rates.take(self._bucket, rate=self._rate, burst=self._burst, cost=cost)
        if wait > LONGEST_WAIT:
            self._give_back(cost)
            raise RateLimited(
                "the bucket is used up; nothing was sent",
                connector=self._name,
                operation=document.name,
                retry_after=wait,
            )
        self._inside.clock.sleep(wait)
        with self._guard:
            self._under_way += cost
        try:
            return self._transport.send(
                document.text, variables=variables, name=document.name, token=token.value
            )
        except NotSent as error:
            self._give_back(cost)
            raise Unavailable(
                f"no connection: {error}", connector=self._name, operation=document.name
            ) from None
        except AnswerLost as error:
            raise call.lost(f"no whole answer: {error}") from None
        finally:
            with self._guard:
                self._under_way -= cost

    def _give_back(self, cost: float) -> None:
        """Points that were taken from the bucket for a call that was not sent."""
        self._inside.rates.take(self._bucket, rate=self._rate, burst=self._burst, cost=-cost)

    def _learn(self, document: Document, cost: Cost) -> None:
        """Keep the answered cost, and set the bucket to what the shop says is left."""
        with self._guard:
            self._costs[document.name] = cost.requested
            self._rate, self._burst = cost.restore, cost.maximum
            available = max(0.0, cost.available - self._under_way)
        self._inside.rates.correct(
            self._bucket, rate=cost.restore, burst=cost.maximum, available=available
        )

    def _note_version(self, reply: Reply) -> None:
        """A version that is no longer served is silently answered by the oldest that is."""
        answered = reply.headers.get("x-shopify-api-version", "")
        if not answered:
            return
        self.answered_version = answered
        if answered != self._version:
            self._tell_once("shopify.other_api_version", answered, asked=self._version)

    def _tell_once(self, event: str, subject: str, **more: str) -> None:
        with self._guard:
            if f"{event} {subject}" in self._told:
                return
            self._told.add(f"{event} {subject}")
        _log.warning(event, connector=self._name, subject=subject, **more)


def _without(body: bytes, token: Token) -> bytes:
    return body.replace(token.value.encode(), b"[redacted]")
