"""Telling Shopify about a parcel: read where the units are, move them if asked, fulfill them.

`fulfillmentCreate` has no idempotency key, takes one order and one location, and ids of
fulfillment orders do not survive a move or a split. So every write comes straight after a reading
of the order, and the reading itself is the guard: what a fulfillment with this tracking number
already has is not sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.shopify import documents, mapping
from connectors.shopify.client import Client
from connectors.shopify.walks import rest_of
from core.errors import Rejected, Stale, UnknownOutcome
from core.model.fulfillment import Shipment
from core.ports import RemoteRef

#: Fulfillments that no longer hold units (FulfillmentStatus).
_VOID = frozenset({"CANCELLED", "ERROR", "FAILURE"})

#: Words of a refusal that only say the order changed since it was read.
_MOVED_ON = (
    "does not exist",
    "unfulfillable status",
    "Invalid fulfillment order line item quantity",
    "assigned to a single location",
)

#: Readings per push: a move and a fulfillment for each of several locations, and some races.
_MOST_ROUNDS = 20

#: FulfillmentOrderLineItemsInput takes at most 512 lines.
_MOST_LINES = 512


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A fulfillment that exists."""

    id: str
    numbers: frozenset[str]
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Open:
    """Units of one order line waiting in one fulfillment order."""

    fulfillment_order: str
    #: the fulfillment order line's own id
    id: str
    line: str
    remaining: int
    location: str
    status: str
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _State:
    parcels: tuple[_Parcel, ...]
    open: tuple[_Open, ...]


@dataclass(frozen=True, slots=True)
class _Pick:
    """Units to take from one fulfillment order line."""

    source: _Open
    quantity: int

    def as_input(self) -> dict[str, Any]:
        return {"id": self.source.id, "quantity": self.quantity}


class Shipments:
    """Confirmations for one shop."""

    def __init__(self, client: Client, *, name: str, notify_customer: bool) -> None:
        self._client = client
        self._name = name
        self._notify = notify_customer

    def find(self, shipment: Shipment) -> RemoteRef | None:
        """The fulfillments that hold this parcel's units, None unless they hold all of them."""
        found, missing = _confirmed(self._read(shipment).parcels, shipment)
        return None if missing else found

    def push(self, shipment: Shipment) -> RemoteRef:
        """Confirm what is not confirmed yet.

        Raises Rejected (codes order_not_found, nothing_to_fulfill, more_than_left,
        not_fulfillable, refused), Stale when the order keeps changing, and what the client raises.
        """
        unmovable: set[str] = set()
        made: list[_Parcel] = []
        refusals = 0
        for _ in range(_MOST_ROUNDS):
            state = self._read(shipment)
            # What we made a moment ago counts even where the reading does not show it yet.
            found, missing = _confirmed([*state.parcels, *_unseen(made, state)], shipment)
            if not missing:
                return found
            picks = self._pick(state, missing, shipment)
            away = _to_move(picks, shipment.remote_location, unmovable)
            if away:
                if not self._move(away, shipment.remote_location):
                    unmovable.add(away[0].source.fulfillment_order)
                continue
            result = self._fulfill(_at_one_location(picks), shipment)
            if isinstance(result, _Parcel):
                made.append(result)
                if sum(result.units.values()) == sum(missing.values()):
                    return ",".join(filter(None, (found, result.id)))
                continue
            refusals += 1
            if refusals > 2 or not _moved_on(result):
                raise self._rejected("refused", result)
        raise Stale("the order keeps changing", connector=self._name, operation="FulfillmentCreate")

    def _read(self, shipment: Shipment) -> _State:
        gid = mapping.order_gid(shipment.order)
        data = self._client.read(documents.ORDER_PARCELS, {"id": gid, "after": None})
        order = data["order"]
        if order is None:
            raise self._rejected("order_not_found", "the shop has no such order")
        parcels = tuple(
            self._parcel(one) for one in order["fulfillments"] if one["status"] not in _VOID
        )
        assigned = rest_of(
            self._client,
            documents.ORDER_PARCELS,
            parent_id=gid,
            path=("order", "fulfillmentOrders"),
            first=order["fulfillmentOrders"],
        )
        return _State(parcels, tuple(line for one in assigned for line in self._open(one)))

    def _parcel(self, fulfillment: Mapping[str, Any]) -> _Parcel:
        units: Counter[str] = Counter()
        for line in rest_of(
            self._client,
            documents.FULFILLMENT_LINES,
            parent_id=fulfillment["id"],
            path=("fulfillment", "fulfillmentLineItems"),
            first=fulfillment["fulfillmentLineItems"],
        ):
            units[line["lineItem"]["id"]] += line["quantity"] or 0
        numbers = (one["number"] for one in fulfillment["trackingInfo"])
        return _Parcel(
            fulfillment["id"], frozenset(_plain(number) for number in numbers if number), units
        )

    def _open(self, assigned: Mapping[str, Any]) -> Iterator[_Open]:
        location = assigned["assignedLocation"]["location"] or {}
        if location.get("isFulfillmentService"):
            # Another service ships these units, even where Shopify would let us say otherwise.
            return
        lines = rest_of(
            self._client,
            documents.FULFILLMENT_ORDER_LINES,
            parent_id=assigned["id"],
            path=("fulfillmentOrder", "lineItems"),
            first=assigned["lineItems"],
        )
        for line in lines:
            if line["remainingQuantity"] > 0:
                yield _Open(
                    fulfillment_order=assigned["id"],
                    id=line["id"],
                    line=line["lineItem"]["id"],
                    remaining=line["remainingQuantity"],
                    location=location.get("id") or "",
                    status=assigned["status"],
                    actions=frozenset(one["action"] for one in assigned["supportedActions"]),
                )

    def _pick(self, state: _State, missing: Mapping[str, int], shipment: Shipment) -> list[_Pick]:
        """Which units to take for the missing ones. Raises Rejected where there are not enough."""
        if not any(source.line in missing for source in state.open):
            raise self._rejected(
                "nothing_to_fulfill",
                "nothing of this parcel is left to fulfill, and no fulfillment has its number",
            )
        picks: list[_Pick] = []
        for line, quantity in missing.items():
            waiting = [source for source in state.open if source.line == line]
            if sum(source.remaining for source in waiting) < quantity:
                raise self._rejected(
                    "more_than_left", f"the parcel has more units of {line} than are left"
                )
            ready = [source for source in waiting if "CREATE_FULFILLMENT" in source.actions]
            if sum(source.remaining for source in ready) < quantity:
                statuses = ", ".join(sorted({source.status for source in waiting}))
                raise self._rejected(
                    "not_fulfillable", f"units of {line} cannot be fulfilled now ({statuses})"
                )
            # Where they are wanted first: that needs no move.
            ready.sort(key=lambda source: source.location != shipment.remote_location)
            picks += _take(ready, quantity)
        return picks

    def _move(self, picks: Sequence[_Pick], location: str) -> bool:
        """Assign units of one fulfillment order to a location. False: Shopify does not allow it."""
        data = self._client.write(
            documents.FULFILLMENT_ORDER_MOVE,
            {
                "id": picks[0].source.fulfillment_order,
                "location": location,
                "lines": [pick.as_input() for pick in picks],
            },
        )
        payload = data["fulfillmentOrderMove"]
        if payload is None:
            raise self._unknown("FulfillmentOrderMove")
        return not payload["userErrors"]

    def _fulfill(self, picks: Sequence[_Pick], shipment: Shipment) -> _Parcel | str:
        """Create one fulfillment: the parcel it holds, or Shopify's words where it refused."""
        groups: dict[str, list[dict[str, Any]]] = {}
        units: Counter[str] = Counter()
        for pick in picks[:_MOST_LINES]:
            units[pick.source.line] += pick.quantity
            groups.setdefault(pick.source.fulfillment_order, []).append(pick.as_input())
        fulfillment: dict[str, Any] = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": one, "fulfillmentOrderLineItems": lines}
                for one, lines in groups.items()
            ],
            "notifyCustomer": self._notify,
        }
        if shipment.tracking_number:
            fulfillment["trackingInfo"] = {
                "company": mapping.carrier_name(shipment.carrier),
                "number": shipment.tracking_number,
            }
        data = self._client.write(documents.FULFILLMENT_CREATE, {"fulfillment": fulfillment})
        payload = data["fulfillmentCreate"]
        if payload is None or not (payload["userErrors"] or payload["fulfillment"]):
            raise self._unknown("FulfillmentCreate")
        problems = [str(error["message"]) for error in payload["userErrors"]]
        if problems:
            return "; ".join(problems)
        return _Parcel(
            payload["fulfillment"]["id"],
            frozenset(filter(None, [_plain(shipment.tracking_number)])),
            units,
        )

    def _rejected(self, code: str, words: str) -> Rejected:
        return Rejected(words, connector=self._name, operation="FulfillmentCreate", code=code)

    def _unknown(self, operation: str) -> UnknownOutcome:
        return UnknownOutcome(
            "an answer without a result", connector=self._name, operation=operation
        )


def _unseen(made: Sequence[_Parcel], state: _State) -> list[_Parcel]:
    seen = {parcel.id for parcel in state.parcels}
    return [parcel for parcel in made if parcel.id not in seen]


def _confirmed(parcels: Sequence[_Parcel], shipment: Shipment) -> tuple[RemoteRef, dict[str, int]]:
    """The fulfillments with this parcel's number, and the units that none of them has.

    What other confirmations told under this number is theirs: it stands for none of these units.
    """
    number = _plain(shipment.tracking_number)
    there = [one for one in parcels if (number in one.numbers if number else not one.numbers)]
    ids = {one.id for one in there}
    have: Counter[str] = Counter()
    theirs: set[str] = set()
    for parcel in there:
        have.update(parcel.units)
    for told in shipment.beside:
        named = set(told.reference.split(","))
        if named & ids:
            theirs |= named
            have.subtract({line.line: line.quantity for line in told.lines})
    missing: Counter[str] = Counter()
    found = []
    for line in shipment.lines:
        missing[line.line] += line.quantity
    for parcel in sorted(there, key=lambda one: one.id in theirs):
        if any(missing[line] > 0 and have[line] > 0 for line in parcel.units):
            found.append(parcel.id)
            took = {line: min(count, max(0, have[line])) for line, count in parcel.units.items()}
            missing.subtract(took)
            have.subtract(took)
    return ",".join(found), {line: units for line, units in missing.items() if units > 0}


def _plain(number: str) -> str:
    """A tracking number without the spaces and case people give it."""
    return "".join(number.split()).upper()


def _take(sources: Sequence[_Open], quantity: int) -> Iterator[_Pick]:
    for source in sources:
        if quantity <= 0:
            return
        yield _Pick(source, min(source.remaining, quantity))
        quantity -= source.remaining


def _to_move(picks: Sequence[_Pick], location: str, unmovable: set[str]) -> list[_Pick]:
    """Picks of the first fulfillment order that sits elsewhere and may be moved: one at a time,
    since the others' ids may not survive it."""
    if not location:
        return []
    for pick in picks:
        source = pick.source
        if (
            source.location != location
            and "MOVE" in source.actions
            and source.fulfillment_order not in unmovable
        ):
            return [
                one for one in picks if one.source.fulfillment_order == source.fulfillment_order
            ]
    return []


def _at_one_location(picks: Sequence[_Pick]) -> list[_Pick]:
    """The picks of the first location; the others follow after another reading."""
    return [pick for pick in picks if pick.source.location == picks[0].source.location]


def _moved_on(words: str) -> bool:
    return any(phrase in words for phrase in _MOVED_ON)
