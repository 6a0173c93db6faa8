"""What an answer means: data, or the error that is named for what happens next.

Statuses and bodies as Shopify gives them (response codes, and top-level GraphQL errors, which
come with status 200). No page says that a throttled mutation did not run, so for a write neither
THROTTLED nor 429 proves anything: both are unknown outcomes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.http import classify, excerpt, redact
from connectors.shopify.transport import Reply
from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)

#: Statuses under which nobody gets in until a person did something, and what that is.
_SHUT = {
    402: "the shop is frozen: its bill must be paid",
    403: "access is forbidden",
    404: "there is no such shop, or no such API version",
    423: "the shop is locked",
}
#: "Slow down", the second as a security rejection; clock seconds to wait where none are told.
_SLOW_DOWN = {429: 2.0, 430: 60.0}

#: Top-level codes that say nothing about our request.
_TROUBLE = frozenset({"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"})

_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+[a-z]")


class PartialAnswer(Unavailable):
    """Some of what was asked for could not be read; `data` is the rest, `paths` what is missing."""

    def __init__(
        self,
        message: str,
        *,
        connector: str,
        operation: str,
        data: Mapping[str, Any],
        paths: Sequence[tuple[str | int, ...]],
    ) -> None:
        super().__init__(message, connector=connector, operation=operation)
        self.data = data
        self.paths = tuple(paths)


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, for the words and the kind of an error."""

    connector: str
    operation: str
    write: bool
    now: datetime

    def lost(self, words: str) -> Unavailable | UnknownOutcome:
        """The error for an answer that tells nothing."""
        kind = UnknownOutcome if self.write else Unavailable
        return kind(words, connector=self.connector, operation=self.operation)


@dataclass(frozen=True, slots=True)
class Cost:
    """`extensions.cost`: points, and points per second."""

    requested: float
    available: float
    maximum: float
    restore: float

    @property
    def wait(self) -> float:
        """Seconds until the bucket holds what was requested."""
        return max(0.0, (self.requested - self.available) / self.restore)


def body_of(reply: Reply, call: Call) -> dict[str, Any]:
    """The JSON object of a 200 answer. Raises the error for anything else."""
    if reply.status != 200:
        raise _refused(reply, call)
    try:
        body = json.loads(reply.body)
    except ValueError:
        words = excerpt(reply.body) or "an empty body"
        raise call.lost(f"an answer that is not JSON: {words}") from None
    if not isinstance(body, dict):
        raise call.lost("an answer that is no JSON object")
    return body


def _refused(reply: Reply, call: Call) -> ConnectorError:
    where = {"connector": call.connector, "operation": call.operation}
    words = f"HTTP {reply.status} {excerpt(reply.body)}".strip()
    if reply.status in _SHUT:
        return Unauthorized(f"{_SHUT[reply.status]} ({words})", **where)
    if reply.status in _SLOW_DOWN:
        return classify(
            429,
            reply.headers,
            reply.body,
            write=call.write,
            now=call.now,
            default_wait=_SLOW_DOWN[reply.status],
            connector=call.connector,
            operation=call.operation,
        )
    if 400 <= reply.status < 500 and reply.status != 401 and not _is_json(reply.body):
        # The API says no in JSON; a page in HTML comes from something in between.
        return call.lost(words)
    if 200 <= reply.status < 300:
        return call.lost(words)
    return classify(
        reply.status,
        reply.headers,
        reply.body,
        connector=call.connector,
        operation=call.operation,
        write=call.write,
        now=call.now,
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def cost_of(body: Mapping[str, Any]) -> Cost | None:
    """What the call cost and what is left, where the answer tells."""
    try:
        cost = body["extensions"]["cost"]
        status = cost["throttleStatus"]
        told = Cost(
            requested=float(cost["requestedQueryCost"]),
            available=float(status["currentlyAvailable"]),
            maximum=float(status["maximumAvailable"]),
            restore=float(status["restoreRate"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return told if told.restore > 0 and told.maximum > 0 else None


def search_warnings(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Search fields Shopify did not understand: it then answers unfiltered, without an error."""
    extensions = body.get("extensions")
    searches = extensions.get("search") if isinstance(extensions, dict) else None
    return tuple(
        f"{warning.get('field')}: {warning.get('code')}"
        for search in searches or ()
        for warning in search.get("warnings") or ()
    )


def data_of(body: Mapping[str, Any], call: Call, *, cost: Cost | None) -> dict[str, Any]:
    """The data of an answer without errors. Raises the error for any other.

    Rejected, Unauthorized, RateLimited, Unavailable (PartialAnswer where there is something), and
    for writes UnknownOutcome.
    """
    data = body.get("data")
    errors = body.get("errors")
    if not errors:
        if not isinstance(data, dict):
            raise call.lost("an answer without data")
        return data
    where = {"connector": call.connector, "operation": call.operation}
    if not isinstance(errors, list):
        raise Rejected(redact(str(errors))[:300], **where)
    codes = tuple(_code(error) for error in errors)
    words = "; ".join(_words(error) for error in errors)[:300]
    some = isinstance(data, dict) and any(value is not None for value in data.values())
    if "THROTTLED" in codes:
        raise _throttled(call, cost)
    if call.write and some:
        raise call.lost(f"it ran, but its answer is incomplete: {words}")
    if "ACCESS_DENIED" in codes:
        raise Unauthorized(words, missing=_missing(errors), **where)
    if call.write:
        if _TROUBLE.isdisjoint(codes):
            raise Rejected(words, code=_first(codes), **where)
        raise call.lost(words)
    if some:
        paths = [tuple(error.get("path") or ()) for error in errors if isinstance(error, dict)]
        raise PartialAnswer(words, data=data or {}, paths=paths, **where)
    if _TROUBLE.isdisjoint(codes):
        raise Rejected(words, code=_first(codes), **where)
    raise call.lost(words)


def _throttled(call: Call, cost: Cost | None) -> ConnectorError:
    if call.write:
        return call.lost("Throttled")
    return RateLimited(
        "Throttled",
        connector=call.connector,
        operation=call.operation,
        # Without figures: the back-off Shopify recommends.
        retry_after=cost.wait if cost else 1.0,
    )


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code") or "") if isinstance(extensions, dict) else ""


def _words(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return redact(" ".join(str(message).split()))


def _first(codes: Sequence[str]) -> str:
    return next((code for code in codes if code), "")


def _missing(errors: Sequence[Any]) -> str | None:
    """The scopes the first denied field wants: "read_orders", or several "a or b"."""
    for error in errors:
        if _code(error) != "ACCESS_DENIED":
            continue
        required = error.get("extensions", {}).get("requiredAccess") or error.get("message") or ""
        return " or ".join(dict.fromkeys(_SCOPE.findall(str(required)))) or None
    return None
