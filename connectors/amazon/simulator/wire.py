"""How the Selling Partner API writes things down: errors, instants, money, lists, page tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from connectors.simulation import Request, Response
from core.model.money import Money

HTML_BAD_REQUEST = (
    b"<html><head><title>400 Bad Request</title></head>"
    b"<body><center><h1>400 Bad Request</h1></center></body></html>"
)


class ApiError(Exception):
    """An answer with an error list: every SP-API model has the same `ErrorList` shape."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details

    def response(self, *, subject: str = "") -> Response:
        error = {"code": self.code, "message": str(self), "details": self.details}
        headers = {"x-amzn-ErrorType": "AccessDeniedException"} if self.status == 403 else {}
        return Response.json(
            {"errors": [error]}, status=self.status, headers=headers, subject=subject
        )


def invalid_input(message: str, details: str = "") -> ApiError:
    return ApiError(400, "InvalidInput", message, details)


def quota_exceeded() -> ApiError:
    """The recorded body of a throttled call (selling-partner-api-docs#553)."""
    return ApiError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def access_denied(details: str = "") -> ApiError:
    return ApiError(403, "Unauthorized", "Access to requested resource is denied.", details)


def internal_failure() -> ApiError:
    return ApiError(500, "InternalFailure", "We encountered an internal error. Please try again.")


def seconds_text(instant: datetime) -> str:
    """As the orders API writes an instant: whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def millis_text(instant: datetime) -> str:
    """As listings, reports and feeds write one: milliseconds."""
    moment = instant.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def instant(text: object, *, name: str) -> datetime:
    """Read an ISO 8601 instant with an offset. Raises ApiError 400."""
    try:
        value = datetime.fromisoformat(str(text))
    except ValueError:
        raise invalid_input("Invalid Input", f"{name} is not an ISO 8601 date-time") from None
    if value.tzinfo is None:
        raise invalid_input("Invalid Input", f"{name} has no offset from UTC")
    return value.astimezone(UTC)


def money(value: Money) -> dict[str, str]:
    return {"amount": amount(value), "currencyCode": value.currency}


def amount(value: Money) -> str:
    return str(value).rpartition(" ")[0]


class Parameters:
    """A query: lists come repeated or comma-separated, unknown keys are ignored (the client
    library adds `MarketplaceId` and three other spellings to everything)."""

    def __init__(self, query: Mapping[str, list[str]]) -> None:
        self._query = query

    def one(self, name: str) -> str | None:
        values = self._query.get(name)
        return values[-1] if values and values[-1] != "" else None

    def many(self, name: str) -> tuple[str, ...]:
        return tuple(
            part for value in self._query.get(name, []) for part in value.split(",") if part
        )

    def enums(self, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
        """A list whose values must be of the model's enumeration. Raises ApiError 400."""
        values = self.many(name)
        for value in values:
            if value not in allowed:
                raise invalid_input("Invalid Input", f"{name}: {value} is not a valid value")
        return values

    def flag(self, name: str) -> bool:
        """A boolean; Amazon's own SDK writes "True"."""
        return (self.one(name) or "").lower() == "true"

    def whole_number(self, name: str, *, default: int, least: int, most: int) -> int:
        text = self.one(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise invalid_input("Invalid Input", f"{name} must be between {least} and {most}")
        return value

    def instant(self, name: str) -> datetime | None:
        text = self.one(name)
        # A "+" of an offset that was not percent-encoded arrives as a space.
        return instant(text.replace(" ", "+"), name=name) if text else None

    def fingerprint(self, names: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What must stay the same while a list is paged through."""
        return tuple((name, tuple(sorted(self.many(name)))) for name in sorted(names))


def body_object(request: Request) -> dict[str, Any]:
    """The JSON object of a body. Raises ApiError 400."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid_input("Invalid Input", "the body is not a JSON object")
    return body


@dataclass(frozen=True, slots=True)
class _Place:
    fingerprint: object
    position: Any
    expires: datetime


class PageTokens:
    """Opaque tokens that name a place in one walk, for a while."""

    def __init__(self, *, seed: int, lifetime: float) -> None:
        self._seed = seed
        self._lifetime = timedelta(seconds=lifetime)
        self._places: dict[str, _Place] = {}
        self._numbers = count()

    def issue(self, position: Any, *, fingerprint: object, now: datetime) -> str:
        if len(self._places) > 10_000:
            self._places = {t: p for t, p in self._places.items() if p.expires > now}
        token = hashlib.sha256(f"{self._seed}:{next(self._numbers)}".encode()).hexdigest()
        self._places[token] = _Place(fingerprint, position, now + self._lifetime)
        return token

    def redeem(self, token: str, *, fingerprint: object, now: datetime) -> Any:
        """The place. Raises ApiError 400 when the token is unknown, too old, or when other
        parameters changed; Amazon's own words for these are not known."""
        place = self._places.get(token)
        if place is None or place.expires <= now:
            raise invalid_input("Invalid Input", "the pagination token is invalid or has expired")
        if place.fingerprint != fingerprint:
            raise invalid_input(
                "Invalid Input", "the parameters differ from those the token was issued for"
            )
        return place.position
