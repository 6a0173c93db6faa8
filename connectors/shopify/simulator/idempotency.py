"""The store behind @idempotent(key:): 24 hours per key, bound to the operation's parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

KEPT = timedelta(hours=24)
#: Mutations that need a key from 2026-04 on (of those the simulator serves).
NEED_A_KEY = frozenset(
    {
        "inventorySetQuantities",
        "inventoryAdjustQuantities",
        "inventoryMoveQuantities",
        "inventoryActivate",
        "refundCreate",
    }
)


@dataclass
class _Attempt:
    parameters: str
    at: datetime
    #: None: it failed
    payload: dict[str, Any] | None


class Mismatch(Exception):
    """The same idempotency key cannot be used with different operation parameters."""

    code = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"


class PreviousAttemptFailed(Exception):
    """A previous request with this idempotency key failed. Retry with a new idempotency key."""

    code = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


class Attempts:
    """What each key did. A replay is rebuilt from current state: payloads hold live records."""

    def __init__(self) -> None:
        self._attempts: dict[str, _Attempt] = {}

    def replay(
        self, key: str, field: str, arguments: dict[str, Any], *, now: datetime
    ) -> dict[str, Any] | None:
        """The payload of the earlier attempt; None: there was none. Raises what speaks against it."""
        earlier = self._attempts.get(key)
        if earlier is None or now - earlier.at >= KEPT:
            return None
        if earlier.parameters != _digest(field, arguments):
            raise Mismatch(Mismatch.__doc__)
        if earlier.payload is None:
            raise PreviousAttemptFailed(PreviousAttemptFailed.__doc__)
        return earlier.payload

    def keep(
        self,
        key: str,
        field: str,
        arguments: dict[str, Any],
        payload: dict[str, Any] | None,
        *,
        now: datetime,
    ) -> None:
        self._attempts[key] = _Attempt(_digest(field, arguments), now, payload)


def _digest(field: str, arguments: dict[str, Any]) -> str:
    text = json.dumps([field, arguments], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
