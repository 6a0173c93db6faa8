"""Sales made elsewhere, told to the location they are sold from: one mutation each.

`available` -> `reserved` when sold, back when it is not needed, off `reserved` (and so off
`on_hand`) when shipped. Each write names the figures it replaces on both ends, and carries an
idempotency key: within 24 hours the same key and content is the same write, whatever became of its
answer. Afterwards the key is forgotten, and only the figures can tell.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.shopify import documents
from connectors.shopify.client import Client
from core.errors import Rejected, Stale, UnknownOutcome
from core.model.reservations import ReservationMove, ReservationStep
from core.ports import Landed, RemoteRef

#: Idempotency keys are kept for 24 hours; the rest is for clocks that differ, and for the call.
REPLAY = timedelta(hours=23)
#: Clocks differ by less than this.
CLOCK_MARGIN = timedelta(seconds=5)

#: step -> (from, to, reason); "" is out of the building.
_STEPS = {
    ReservationStep.RESERVE: ("available", "reserved", "reservation_created"),
    ReservationStep.RELEASE: ("reserved", "available", "reservation_deleted"),
    ReservationStep.SHIP: ("reserved", "", "reservation_deleted"),
}
#: Nothing changed; a new attempt, with figures read afresh, may succeed.
_NOT_DONE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"})
#: It may be running right now, or its key was used for something else: nobody knows.
_IN_DOUBT = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"})

_NAMESPACE = uuid.UUID("2b4a1c5e-6a0d-5b7c-8e4f-7d1c9a3b5e21")

Figures = Mapping[str, Mapping[str, tuple[int, datetime]]]


class Reservations:
    """Units set aside at the locations of one shop."""

    def __init__(self, client: Client, *, name: str) -> None:
        self._client = client
        self._name = name

    def document(self, move: ReservationMove) -> bytes:
        """The mutation's input, with the figures it expects to replace. Raises Rejected (not_stocked)."""
        source, target, reason = _STEPS[move.step]
        figures = self._figures(sorted(move.items), move.place)
        missing = sorted(set(move.items) - set(figures))
        if missing:
            raise Rejected(
                f"not stocked at {move.place}: {', '.join(missing)}",
                connector=self._name,
                operation=documents.INVENTORY_MOVE.name,
                code="not_stocked",
            )
        changes = []
        for item, units in sorted(move.items.items()):
            end = {
                name: {
                    "locationId": move.place,
                    "name": name,
                    # `available` has no ledger document; the other names need one of the app's own.
                    "ledgerDocumentUri": None if name == "available" else move.reference,
                    "changeFromQuantity": figures[item][name][0],
                }
                for name in (source, target)
                if name
            }
            if target:
                changes.append(
                    {
                        "inventoryItemId": item,
                        "quantity": units,
                        "from": end[source],
                        "to": end[target],
                    }
                )
            else:
                one = end[source]
                changes.append(
                    {
                        "inventoryItemId": item,
                        "locationId": move.place,
                        "delta": -units,
                        "ledgerDocumentUri": one["ledgerDocumentUri"],
                        "changeFromQuantity": one["changeFromQuantity"],
                    }
                )
        wish: dict[str, Any] = {
            "reason": reason,
            "referenceDocumentUri": move.reference,
            "changes": changes,
        }
        if not target:
            wish["name"] = source
        return json.dumps({"step": str(move.step), "place": move.place, "input": wish}).encode()

    def push(self, document: bytes, *, attempt: str) -> RemoteRef:
        """Make the write. Raises Stale where it proved not to be made, and what the client raises."""
        frozen = json.loads(document)
        ships = frozen["step"] == ReservationStep.SHIP
        sent = documents.INVENTORY_ADJUST if ships else documents.INVENTORY_MOVE
        field = "inventoryAdjustQuantities" if ships else "inventoryMoveQuantities"
        key = str(uuid.uuid5(_NAMESPACE, attempt))
        payload = self._client.write(sent, {"input": frozen["input"], "key": key})[field]
        if payload is None:
            raise self._unknown(sent.name, "an answer without a result")
        errors = payload["userErrors"]
        if not errors:
            return str((payload["inventoryAdjustmentGroup"] or {}).get("id") or attempt)
        codes = {str(error.get("code") or "") for error in errors}
        words = "; ".join(str(error.get("message")) for error in errors)[:300]
        if codes & _IN_DOUBT:
            raise self._unknown(sent.name, words)
        if codes <= _NOT_DONE:
            raise Stale(words, connector=self._name, operation=sent.name)
        raise Rejected(words, connector=self._name, operation=sent.name, code=min(codes))

    def find(self, document: bytes, *, sent_at: datetime) -> Landed:
        """Whether it was made, from the figures alone.

        Proved not: the figure it would have moved was not touched since. Proved: every figure is
        what it would have made of it. Anything else may have come from others as well.
        """
        frozen = json.loads(document)
        changes: Sequence[Mapping[str, Any]] = frozen["input"]["changes"]
        items = sorted({one["inventoryItemId"] for one in changes})
        figures = self._figures(items, frozen["place"])
        if set(items) - set(figures):
            return Landed.UNTOLD
        moved = [_ends(one, frozen["input"].get("name", "")) for one in changes]
        if all(figures[item]["reserved"][1] < sent_at - CLOCK_MARGIN for item, _ in moved):
            return Landed.NO
        if all(figures[item][name][0] == figure for item, ends in moved for name, figure in ends):
            return Landed.YES
        return Landed.UNTOLD

    def _figures(self, items: Sequence[str], place: str) -> Figures:
        data = self._client.read(
            documents.RESERVATION_LEVELS, {"ids": list(items), "location": place}
        )
        found = {}
        for item in data["nodes"]:
            level = (item or {}).get("inventoryLevel")
            if level:
                found[item["id"]] = {
                    one["name"]: (
                        one["quantity"],
                        # Never touched: null.
                        datetime.fromisoformat(one["updatedAt"] or "1970-01-01T00:00:00+00:00"),
                    )
                    for one in level["quantities"]
                }
        return found

    def _unknown(self, operation: str, words: str) -> UnknownOutcome:
        return UnknownOutcome(words, connector=self._name, operation=operation)


def _ends(change: Mapping[str, Any], name: str) -> tuple[str, list[tuple[str, int]]]:
    """(item, [(quantity name, what it is once the change was made)])."""
    if "delta" in change:
        return change["inventoryItemId"], [(name, change["changeFromQuantity"] + change["delta"])]
    source, target, units = change["from"], change["to"], change["quantity"]
    return change["inventoryItemId"], [
        (source["name"], source["changeFromQuantity"] - units),
        (target["name"], target["changeFromQuantity"] + units),
    ]
