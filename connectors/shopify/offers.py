"""Quantities shown: read as `available`, written by compare-and-set, never blindly.

`inventorySetQuantities` takes up to 250 quantities and does all of them or none: one stale
compare refuses the whole chunk. So the ones it names get their own result, and the rest is sent
once more without them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from connectors.shopify import documents
from connectors.shopify.client import Client
from connectors.shopify.documents import MOST
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import OfferChange, OfferKey, OfferOutcome, OfferReading, OfferResult
from core.ports import Clock

#: InventorySetQuantitiesUserErrorCode -> what it means for the quantity it names. Others: REFUSED.
_OUTCOMES = {
    "CHANGE_FROM_QUANTITY_STALE": OfferOutcome.STALE,
    "COMPARE_QUANTITY_STALE": OfferOutcome.STALE,
    # Our own request with this key is still running there.
    "IDEMPOTENCY_CONCURRENT_REQUEST": OfferOutcome.UNKNOWN,
    # A later attempt has a key of its own.
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": OfferOutcome.LATER,
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": OfferOutcome.LATER,
}

#: Idempotency keys are UUIDs made of the attempt and the place of the call in it.
_NAMESPACE = uuid.UUID("6f0e7a0c-3f0b-5f5e-9d53-0a2a6b7f3c11")


class Offers:
    """Reads and writes of `available`, for one shop."""

    def __init__(self, client: Client, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def read(self, changes: Sequence[OfferChange]) -> list[OfferReading]:
        """What is shown at each (inventory item, location). None: not stocked there, or gone.

        Raises Unauthorized, RateLimited, Rejected, Unavailable.
        """
        readings = []
        for location, at_location in _by_location(changes).items():
            for chunk in _chunks(at_location, MOST):
                shown = self._available(chunk, location)
                # After the answer: orders up to here may be in the figure.
                read_at = self._clock.now()
                readings += [
                    OfferReading(change.key, shown.get(change.inventory_id), read_at)
                    for change in chunk
                ]
        return readings

    def _available(self, changes: Sequence[OfferChange], location: str) -> dict[str, int]:
        ids = sorted({change.inventory_id for change in changes if change.inventory_id})
        if not ids or not location:
            return {}
        data = self._client.read(documents.INVENTORY_LEVELS, {"ids": ids, "location": location})
        found = {}
        for item in data["nodes"]:
            quantity = _available_of((item or {}).get("inventoryLevel"))
            if quantity is not None:
                found[item["id"]] = quantity
        return found

    def push(self, changes: Sequence[OfferChange], *, attempt: str) -> list[OfferResult]:
        """Write quantities; one result per change.

        Raises Unauthorized, RateLimited or Unavailable only when nothing was written at all.
        """
        push = _Push(self._client, attempt)
        # The same offer twice: the later decision counts.
        wanted = {change.key: change for change in changes}.values()
        push.settle(_unwritable(wanted))
        fresh = [change for change in wanted if change.key not in push.results]
        known = [change for change in fresh if change.shown is not None]
        unread = [change for change in fresh if change.shown is None]
        for number, chunk in enumerate(_chunks(known, MOST)):
            push.attempt(chunk, partial(push.set, chunk, number))
        push.attempt(unread, partial(self._push_unread, unread, push))
        return [push.results[change.key] for change in changes]

    def _push_unread(self, changes: Sequence[OfferChange], push: _Push) -> None:
        """Changes that were never read: read them now, and stock only what is not stocked.

        What is stocked is STALE: the caller must see the figure before it is replaced. What is not
        has none to compare with; activating sets it, and is refused where somebody else was faster.
        """
        shown = {reading.key: reading.quantity for reading in self.read(changes)}
        for change in changes:
            if shown[change.key] is not None:
                push.settle([OfferResult(change.key, OfferOutcome.STALE)])
            else:
                push.attempt([change], partial(push.activate, change))


@dataclass
class _Push:
    """One call of `push_offers`: its results so far, by key."""

    client: Client
    attempt_key: str
    results: dict[OfferKey, OfferResult] = field(default_factory=dict)
    #: something of this call may have been written
    wrote: bool = False
    #: the connection stopped working: what is left is LATER
    stopped: bool = False

    def settle(self, results: Iterable[OfferResult]) -> None:
        for result in results:
            self.results[result.key] = result

    def attempt(self, changes: Sequence[OfferChange], write: Callable[[], None]) -> None:
        """Run one write and see that every change of it has a result afterwards."""
        try:
            if changes and not self.stopped:
                write()
        except (Unauthorized, RateLimited, Unavailable):
            if not self.wrote:
                raise
            # Results of earlier chunks must not be lost; the next call meets the trouble again.
            self.stopped = True
        except Rejected as error:
            self.settle(_refused(change, error.code, str(error)) for change in changes)
        self.settle(
            OfferResult(change.key, OfferOutcome.LATER)
            for change in changes
            if change.key not in self.results
        )

    def set(self, changes: Sequence[OfferChange], number: int) -> None:
        """Write a chunk; what is named in errors gets its result, the rest is sent once more."""
        for turn in (1, 2):
            left = [change for change in changes if change.key not in self.results]
            if not left:
                return
            self.settle(self._set_once(left, key=self._key("set", number, turn)))

    def _set_once(self, changes: Sequence[OfferChange], *, key: str) -> list[OfferResult]:
        try:
            data = self.client.write(
                documents.INVENTORY_SET, {"input": set_input(changes), "key": key}
            )
        except UnknownOutcome as error:
            self.wrote = True
            return [_result(change, OfferOutcome.UNKNOWN, "", str(error)) for change in changes]
        payload = data["inventorySetQuantities"]
        if payload is None:
            self.wrote = True
            return [OfferResult(change.key, OfferOutcome.UNKNOWN) for change in changes]
        if payload["userErrors"]:
            return _results_of_errors(changes, payload["userErrors"])
        self.wrote = True
        group = payload["inventoryAdjustmentGroup"] or {}
        return [
            OfferResult(change.key, OfferOutcome.SHOWN, submission=group.get("id") or "")
            for change in changes
        ]

    def activate(self, change: OfferChange) -> None:
        """Stock an item at a location with its quantity."""
        variables = {
            "item": change.inventory_id,
            "location": change.key.remote_location,
            "available": change.quantity,
            "key": self._key("activate", change.inventory_id, change.key.remote_location),
        }
        try:
            data = self.client.write(documents.INVENTORY_ACTIVATE, variables)
        except UnknownOutcome as error:
            self.wrote = True
            self.settle([_result(change, OfferOutcome.UNKNOWN, "", str(error))])
            return
        payload = data["inventoryActivate"] or {}
        self.settle([_activated(change, payload)])
        self.wrote = True

    def _key(self, *place: object) -> str:
        return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, (self.attempt_key, *place)))))


def _unwritable(changes: Iterable[OfferChange]) -> Iterator[OfferResult]:
    """Results of changes that cannot be sent as they are."""
    seen: set[tuple[str, str]] = set()
    for change in changes:
        place = (change.inventory_id, change.key.remote_location)
        if not all(place):
            yield _refused(change, "incomplete", "no inventory item or no location")
        elif place in seen:
            # Two variants may share one item; the same place twice refuses the whole chunk.
            yield OfferResult(change.key, OfferOutcome.LATER)
        seen.add(place)


def set_input(changes: Sequence[OfferChange]) -> dict[str, Any]:
    """An InventorySetQuantitiesInput that compares each quantity with what was read."""
    return {
        "name": "available",
        "reason": "correction",
        "quantities": [
            {
                "inventoryItemId": change.inventory_id,
                "locationId": change.key.remote_location,
                "quantity": change.quantity,
                # Always present: absent is an error, null skips the comparison.
                "changeFromQuantity": change.shown,
            }
            for change in changes
        ],
    }


def outcome_of(code: str) -> OfferOutcome:
    """What an error's code means for the quantity it names."""
    return _OUTCOMES.get(code, OfferOutcome.REFUSED)


def _results_of_errors(
    changes: Sequence[OfferChange], errors: Sequence[Mapping[str, Any]]
) -> list[OfferResult]:
    """Results of the changes the errors name; one that names none speaks of all."""
    results = {}
    for error in errors:
        position = _position(error.get("field"), len(changes))
        named = changes if position is None else changes[position : position + 1]
        code = error.get("code") or ""
        for change in named:
            if position is None and change.key in results:
                continue
            results[change.key] = _result(change, outcome_of(code), code, str(error.get("message")))
    return list(results.values())


def _position(path: Sequence[str] | None, length: int) -> int | None:
    """The index in ["input", "quantities", "3", "quantity"]."""
    for part in path or ():
        if str(part).isdigit() and int(part) < length:
            return int(part)
    return None


def _activated(change: OfferChange, payload: Mapping[str, Any]) -> OfferResult:
    errors = payload.get("userErrors") or []
    if errors:
        message = "; ".join(str(error.get("message")) for error in errors)
        # "… when the item is already active at the location.": somebody stocked it meanwhile.
        stale = "already active" in message
        return _result(
            change, OfferOutcome.STALE if stale else OfferOutcome.REFUSED, "activate", message
        )
    # Reactivating brings old quantities back; only the figure we wanted is shown.
    shown = _available_of(payload.get("inventoryLevel"))
    return OfferResult(
        change.key,
        OfferOutcome.SHOWN if shown == change.quantity else OfferOutcome.STALE,
        submission=(payload.get("inventoryLevel") or {}).get("id") or "",
    )


def _available_of(level: Mapping[str, Any] | None) -> int | None:
    if not level or not level["isActive"]:
        return None
    quantities = {one["name"]: one["quantity"] for one in level["quantities"]}
    return quantities.get("available")


def _result(change: OfferChange, outcome: OfferOutcome, code: str, message: str) -> OfferResult:
    return OfferResult(change.key, outcome, code=code, message=message)


def _refused(change: OfferChange, code: str, message: str) -> OfferResult:
    return _result(change, OfferOutcome.REFUSED, code, message)


def _by_location(changes: Sequence[OfferChange]) -> dict[str, list[OfferChange]]:
    groups: dict[str, list[OfferChange]] = {}
    for change in changes:
        groups.setdefault(change.key.remote_location, []).append(change)
    return groups


def _chunks(changes: Sequence[OfferChange], size: int) -> Iterator[Sequence[OfferChange]]:
    for start in range(0, len(changes), size):
        yield changes[start : start + size]
