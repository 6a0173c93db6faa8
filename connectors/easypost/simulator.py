"""EasyPost on loopback: its trackers, made once per number and carrier, each for money.

Shapes are those of https://docs.easypost.com/docs/trackers and of answers recorded by its own clients'
tests; there is no published schema. Not verified, so ours: the form of the array (tracking_codes[]), 200
for a tracker that was there, how long EasyPost takes to hear of a scan (`late`), and which of its
documented error codes a number gets that its carrier could not have (TRACKER.CARRIER_CODE_MISMATCH).
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from connectors.journeys import Journeys, Parcel, Scan, Step
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

PATH = "/v2/trackers"

#: A number of a carrier that has a tracker gets that one for so long.
SAME_FOR = timedelta(days=91)
#: What a list without bounds looks back.
WINDOW = timedelta(days=31)
KEPT = timedelta(days=120)
PAGE, MOST_OF_PAGE = 20, 100

FAULTS = HTTP_FAULTS | {
    "reordered": "operation list: the scans come in no order",
    "local": "operation list: the scans have the offset of their place",
    "in-flight": "operation create: another request for the same number is under way",
    "no-account": "operation create: the carrier tells only its own customers",
}


class Words(NamedTuple):
    """How EasyPost tells a step."""

    status: str
    detail: str
    message: str


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words("pre_transit", "label_created", "Shipping Label Created"),
    Step.PICKED_UP: Words("in_transit", "received_at_origin_facility", "Accepted"),
    Step.DEPARTED: Words("in_transit", "departed_facility", "Departed Facility"),
    Step.ARRIVED: Words("in_transit", "arrived_at_facility", "Arrived at Facility"),
    Step.OUT: Words("out_for_delivery", "out_for_delivery", "Out for Delivery"),
    Step.DELIVERED: Words("delivered", "arrived_at_destination", "Delivered"),
    Step.WEATHER: Words("in_transit", "weather_delay", "Delayed by Weather"),
    Step.ATTEMPTED: Words("failure", "delivery_exception", "Delivery Attempted"),
    Step.HELD: Words("available_for_pickup", "arrived_at_pickup_location", "Available for Pickup"),
    Step.ADDRESS: Words("failure", "address_correction", "Address Insufficient"),
    Step.DAMAGED: Words("failure", "damaged", "Damaged"),
    Step.REFUSED: Words("failure", "refused", "Refused"),
    Step.RETURNING: Words("return_to_sender", "return", "Return to Sender"),
    Step.RETURNED: Words("delivered", "arrived_at_destination", "Delivered to Sender"),
}


@dataclass(slots=True)
class Tracker:
    id: str
    number: str
    carrier: str
    created_at: datetime


class EasypostSimulator(HttpSimulator):
    """Scans are heard of `late` after they happen."""

    kind: ClassVar[str] = "easypost"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        api_key: str = "simulated-key",
        transit: tuple[float, float] = (86_400.0, 5 * 86_400.0),
        exceptions: float = 0.0,
        late: timedelta = timedelta(minutes=30),
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.api_key = api_key
        self._journeys = Journeys(clock=clock, seed=seed, transit=transit, exceptions=exceptions)
        #: number -> whose it is, where that was said
        self._carriers: dict[str, str] = {}
        #: oldest first
        self._trackers: list[Tracker] = []
        self._late = late
        self._random = random.Random(seed)
        self._lists = 0
        self._fault = ""

    # parcels

    def register(
        self, tracking: str, shipped_at: datetime, *, story: str | None = None, carrier: str = ""
    ) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)
            if carrier:
                self._carriers[tracking] = carrier

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": ..., "story": ..., "carrier": "USPS"}."""
        with self.lock:
            carrier = order.pop("carrier", "")
            made = self._journeys.place(order)
            if carrier:
                self._carriers[str(made["parcel"])] = str(carrier)
            return made

    def books(self) -> dict[str, Any]:
        """Every parcel with its story; every tracker that was paid for."""
        with self.lock:
            return {
                "lists": self._lists,
                "trackers": [[one.number, one.carrier] for one in self._trackers],
                "parcels": {parcel.number: {"story": parcel.story} for parcel in self._journeys},
            }

    # the API

    def operation(self, request: Request) -> str:
        if request.path != PATH:
            return "unknown"
        return {"GET": "list", "POST": "create"}.get(request.method, "unknown")

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "429":
            return _error(429, "RATE_LIMITED", "You've exceeded the rate limit.")
        if rule.kind == "in-flight":
            return _error(422, "TRACKER.CREATE.ERROR", "A duplicate request is currently in-flight")
        if rule.kind == "no-account":
            return _error(422, "TRACKER.NO_CARRIER_ACCOUNT", "A carrier account is required.")
        if rule.kind not in HTTP_FAULTS:
            self._fault = rule.kind
        return None

    def answer(self, request: Request, operation: str) -> Response:
        fault, self._fault = self._fault, ""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind != "Basic" or secret != base64.b64encode(f"{self.api_key}:".encode()).decode():
            return _error(401, "APIKEY.INACTIVE", "This api key is no longer active.")
        match operation:
            case "list":
                return self._list(request, fault)
            case "create":
                return self._create(request)
            case _:
                return _error(404, "NOT_FOUND", "The requested resource could not be found.")

    def _create(self, request: Request) -> Response:
        try:
            told = json.loads(request.body)["tracker"]
            number, carrier = told["tracking_code"], told.get("carrier", "")
        except (AttributeError, KeyError, TypeError, ValueError):
            return _error(422, "PARAMETER.REQUIRED", "Missing required parameter.")
        if not isinstance(number, str) or not 4 <= len(number) <= 50 or not number.isascii():
            return _error(422, "TRACKER.NO_CARRIER_FOR_CODE", "No carrier has such a code.")
        known = self._carriers.get(number, "")
        if carrier and known and carrier != known:
            return _error(422, "TRACKER.CARRIER_CODE_MISMATCH", "The carrier has no such code.")
        carrier = carrier or known or "USPS"
        now = self.clock.now()
        for one in self._trackers:
            if (one.number, one.carrier) == (number, carrier) and now - one.created_at < SAME_FOR:
                return Response.json(self._told(one), subject=number)
        made = Tracker(f"trk_{self._random.getrandbits(128):032x}", number, carrier, now)
        self._trackers.append(made)
        return Response.json(self._told(made), status=201, took_effect=True, subject=number)

    def _list(self, request: Request, fault: str) -> Response:
        query, now = request.query, self.clock.now()
        self._lists += 1
        try:
            size = int(query.get("page_size", [str(PAGE)])[0])
            since, until = (
                datetime.fromisoformat(query[name][0]) if name in query else None
                for name in ("start_datetime", "end_datetime")
            )
        except ValueError:
            return _error(422, "PARAMETER.INVALID", "A parameter is of the wrong kind.")
        if not 1 <= size <= MOST_OF_PAGE:
            return _error(422, "PARAMETER.INVALID", "page_size is between 1 and 100.")
        # One bound alone sets the other a month apart.
        since = since or (until or now) - WINDOW
        until = until or min(since + WINDOW, now)
        wanted = query.get("tracking_codes[]", [])
        found = [
            one
            for one in reversed(self._trackers)
            if since <= one.created_at <= until
            and (not wanted or one.number in wanted)
            and one.carrier in query.get("carrier", [one.carrier])
        ]
        if before := query.get("before_id"):
            ids = [one.id for one in found]
            found = found[ids.index(before[0]) + 1 :] if before[0] in ids else []
        body = {
            "trackers": [self._told(one, fault=fault) for one in found[:size]],
            "has_more": len(found) > size,
        }
        return Response.json(body)

    def _told(self, tracker: Tracker, *, fault: str = "") -> dict[str, Any]:
        now = self.clock.now()
        parcel = self._journeys.find(tracker.number, kept=KEPT)
        # Oldest first.
        seen = list(reversed(parcel.seen(now - self._late))) if parcel else []
        newest = WORDS[seen[-1].step] if seen else Words("unknown", "unknown", "")
        if fault == "reordered":
            self._random.shuffle(seen)
        return {
            "id": tracker.id,
            "object": "Tracker",
            "mode": "production",
            "tracking_code": tracker.number,
            "status": newest.status,
            "status_detail": newest.detail,
            "created_at": _written(tracker.created_at),
            "updated_at": _written(now),
            "signed_by": "JOHN DOE" if newest.status == "delivered" else None,
            "weight": None,
            "est_delivery_date": _estimate(parcel) if parcel and seen else None,
            "shipment_id": None,
            "carrier": tracker.carrier,
            "tracking_details": [
                _detail(one, tracker.carrier, local=fault == "local") for one in seen
            ],
            "carrier_detail": None,
            "finalized": True,
            "is_return": False,
            "public_url": f"https://track.easypost.com/{tracker.id}",
            "fees": [
                {
                    "object": "Fee",
                    "type": "TrackerFee",
                    "amount": "0.02000",
                    "charged": True,
                    "refunded": False,
                }
            ],
        }


def _error(status: int, code: str, message: str) -> Response:
    return Response.json({"error": {"code": code, "message": message, "errors": []}}, status=status)


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _estimate(parcel: Parcel) -> str | None:
    planned = parcel.first(Step.DELIVERED)
    return _written(planned.at) if planned else None


def _detail(scan: Scan, carrier: str, *, local: bool) -> dict[str, Any]:
    words = WORDS[scan.step]
    return {
        "object": "TrackingDetail",
        "message": words.message,
        "description": None,
        "status": words.status,
        "status_detail": words.detail,
        "datetime": scan.local.replace(microsecond=0).isoformat() if local else _written(scan.at),
        "source": carrier,
        "carrier_code": None,
        "tracking_location": {
            "object": "TrackingLocation",
            "city": scan.site.city.upper(),
            "state": scan.site.state,
            "country": "US",
            "zip": scan.site.postal_code,
        },
    }
