"""17TRACK on loopback: numbers are registered for quota, and followed from then on.

Shapes and codes are those of https://asset.17track.net/api/document/v2.2_en/index.html and its help pages, as
quoted and recorded by those who use it; there is no published schema. Not verified, so ours: how long a
number is without information after it was registered (`late`), which scans have a stage, and that the
last mile's own number appears with its first scan. A parcel goes from Shenzhen over Carson to the
buyer; from its last hub on it is another carrier's, under another number.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from connectors.journeys import Journeys, Parcel, Scan, Site, Step
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

PATH = "/track/v2.2/"
VERBS = frozenset({"register", "gettrackinfo", "getquota"})

MOST_AT_ONCE = 40
CALLS_PER_SECOND = 3
KEPT = timedelta(days=120)

SHENZHEN = Site("Shenzhen", "Guangdong", "518000", "Asia/Shanghai", "")
CARSON = Site("Carson", "CA", "90745", "America/Los_Angeles", "")
#: key of the carrier that brings parcels to the door
LAST_MILE = (21051, "USPS")
LINE = (190008, "YunExpress")

FAULTS = HTTP_FAULTS | {
    "reordered": "operation gettrackinfo: providers and scans come in no order",
    "doubled": "operation gettrackinfo: the line tells the last mile's scans too",
    "no-quota": "operation register: the account's quota is used up",
    "disabled": "any operation: the account is disabled",
}


class Words(NamedTuple):
    """How 17TRACK tells a step."""

    stage: str | None
    sub_status: str
    description: str


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words("InfoReceived", "InfoReceived", "Shipment information received"),
    Step.PICKED_UP: Words("PickedUp", "InTransit_PickedUp", "Parcel picked up"),
    Step.DEPARTED: Words(None, "InTransit_Other", "Departed from facility"),
    Step.ARRIVED: Words(None, "InTransit_Other", "Arrived at facility"),
    Step.OUT: Words("OutForDelivery", "OutForDelivery_Other", "Out for delivery"),
    Step.DELIVERED: Words("Delivered", "Delivered_Other", "Delivered, signed by JOHN DOE"),
    Step.WEATHER: Words(None, "Exception_Delayed", "Delayed by weather"),
    Step.ATTEMPTED: Words(None, "DeliveryFailure_NoBody", "Notice left"),
    Step.HELD: Words("AvailableForPickup", "AvailableForPickup_Other", "Available for pickup"),
    Step.ADDRESS: Words(None, "DeliveryFailure_InvalidAddress", "Address insufficient"),
    Step.DAMAGED: Words(None, "Exception_Damage", "Damaged"),
    Step.REFUSED: Words(None, "DeliveryFailure_Rejected", "Refused"),
    Step.RETURNING: Words("Returning", "Exception_Returning", "Return to sender"),
    Step.RETURNED: Words("Returned", "Exception_Returned", "Returned to sender"),
}
#: Stages that milestones are told of, in 17TRACK's order.
STAGES = (
    "InfoReceived",
    "PickedUp",
    "Departure",
    "Arrival",
    "AvailableForPickup",
    "OutForDelivery",
    "Delivered",
    "Returning",
    "Returned",
)


@dataclass(slots=True)
class Registration:
    number: str
    carrier: int
    at: datetime


class SeventeenTrackSimulator(HttpSimulator):
    """`quota` numbers may be registered; of each, something is known `late` after it was."""

    kind: ClassVar[str] = "seventeen_track"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        token: str = "simulated-token",
        transit: tuple[float, float] = (8 * 86_400.0, 15 * 86_400.0),
        exceptions: float = 0.0,
        quota: int = 10_000,
        late: timedelta = timedelta(minutes=10),
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.token = token
        self._journeys = Journeys(
            clock=clock, seed=seed, transit=transit, exceptions=exceptions,
            origin=SHENZHEN, hub=CARSON,
        )  # fmt: skip
        #: number -> that of the carrier that brings it
        self._last_mile: dict[str, str] = {}
        self._registered: dict[str, Registration] = {}
        self._quota, self._late = quota, late
        self._calls: deque[datetime] = deque()
        self._random = random.Random(seed)
        self._asked = self._refused = 0
        self._fault = ""

    # parcels

    def register(
        self, tracking: str, shipped_at: datetime, *, story: str | None = None, last_mile: str = ""
    ) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)
            if last_mile:
                self._last_mile[tracking] = last_mile

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": ..., "story": ..., "last_mile": number}."""
        with self.lock:
            last_mile = order.pop("last_mile", "")
            made = self._journeys.place(order)
            if last_mile:
                self._last_mile[str(made["parcel"])] = str(last_mile)
            return made

    def books(self) -> dict[str, Any]:
        """Every parcel with its story; every number that cost quota; calls refused for their pace."""
        with self.lock:
            return {
                "calls": self._asked,
                "refused": self._refused,
                "registered": [[one.number, one.carrier] for one in self._registered.values()],
                "parcels": {parcel.number: {"story": parcel.story} for parcel in self._journeys},
            }

    # the API

    def operation(self, request: Request) -> str:
        verb = request.path.removeprefix(PATH)
        return verb if request.path.startswith(PATH) and verb in VERBS else "unknown"

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "429":
            return Response(429)
        if rule.kind == "disabled":
            return _failed(-18010004, "Account is disabled.")
        if rule.kind not in HTTP_FAULTS:
            self._fault = rule.kind
        return None

    def answer(self, request: Request, operation: str) -> Response:
        fault, self._fault = self._fault, ""
        if request.headers.get("17token") != self.token:
            return _failed(-18010002, "Invalid security key.", status=401)
        if operation == "unknown" or request.method != "POST":
            return Response(404)
        now = self.clock.now()
        while self._calls and now - self._calls[0] >= timedelta(seconds=1):
            self._calls.popleft()
        if len(self._calls) >= CALLS_PER_SECOND:
            self._refused += 1
            return Response(429)
        self._calls.append(now)
        self._asked += 1
        if operation == "getquota":
            used = len(self._registered)
            told = {
                "quota_total": self._quota,
                "quota_used": used,
                "quota_remain": self._quota - used,
            }
            return Response.json({"code": 0, "data": told})
        return self._many(request, operation, fault)

    def _many(self, request: Request, operation: str, fault: str) -> Response:
        try:
            asked = [(one["number"], int(one.get("carrier", 0))) for one in request.json()]
        except (AttributeError, KeyError, TypeError, ValueError):
            return _failed(-18010013, "Invalid submitted data.")
        if len(asked) > MOST_AT_ONCE:
            return _failed(-18010014, "Tracking numbers exceed the 40 limit.")
        accepted: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        for number, carrier in asked:
            if operation == "register":
                told = self._register(number, carrier, fault)
            else:
                told = self._info(number, carrier, fault)
            (rejected if "error" in told else accepted).append(told)
        return Response.json({"code": 0, "data": {"accepted": accepted, "rejected": rejected}})

    def _register(self, number: object, carrier: int, fault: str) -> dict[str, Any]:
        if not _is_number(number):
            return _rejected(number, -18010012, "The format of data number is invalid.")
        if number in self._registered:
            return _rejected(number, -18019901, "Tracking number is already registered.")
        if fault == "no-quota" or len(self._registered) >= self._quota:
            return _rejected(number, -18019908, "Quota is used up.")
        carrier = carrier or LINE[0]
        self._registered[str(number)] = Registration(str(number), carrier, self.clock.now())
        return {"origin": 1, "number": number, "carrier": carrier}

    def _info(self, number: object, carrier: int, fault: str) -> dict[str, Any]:
        if not _is_number(number):
            return _rejected(number, -18010012, "The format of data number is invalid.")
        known = self._registered.get(str(number))
        if known is None or carrier not in (0, known.carrier):
            return _rejected(number, -18019902, "Tracking number is not registered yet.")
        now = self.clock.now()
        if now - known.at < self._late:
            return _rejected(number, -18019909, "No tracking information at the moment.")
        parcel = self._journeys.find(known.number, kept=KEPT)
        info = self._track_info(known, parcel, parcel.seen(now) if parcel else [], fault)
        return {
            "number": known.number,
            "carrier": known.carrier,
            "param": None,
            "tag": None,
            "track_info": info,
        }

    def _track_info(
        self, known: Registration, parcel: Parcel | None, seen: list[Scan], fault: str
    ) -> dict[str, Any]:
        """`seen` newest first."""
        number = self._last_mile.get(known.number, "")
        brought = [one for one in seen if number and _is_last_mile(one, seen)]
        line = [one for one in seen if fault == "doubled" or one not in brought]
        newest = _event(seen[0]) if seen else None
        sub_status = WORDS[seen[0].step].sub_status if seen else "NotFound_Other"
        providers = [_provider(known.carrier, LINE[1], line)]
        if brought:
            providers.append(_provider(*LAST_MILE, brought))
        if fault == "reordered":
            self._random.shuffle(providers)
            for one in providers:
                self._random.shuffle(one["events"])
        planned = parcel.first(Step.DELIVERED) if parcel else None
        window: dict[str, str | None] = {"source": None, "from": None, "to": None}
        if planned:
            told = planned.local.replace(hour=20, minute=0, second=0, microsecond=0).isoformat()
            window = {"source": "Official", "from": told, "to": told}
        return {
            "shipping_info": {
                "shipper_address": _address(SHENZHEN),
                "recipient_address": _address(parcel.destination) if parcel else None,
            },
            "latest_status": {
                "status": sub_status.partition("_")[0],
                "sub_status": sub_status,
                "sub_status_descr": None,
            },
            "latest_event": newest,
            "time_metrics": {
                "days_after_order": 0,
                "days_of_transit": 0,
                "days_of_transit_done": 0,
                "days_after_last_update": 0,
                "estimated_delivery_date": window,
            },
            "milestone": [_milestone(stage, seen) for stage in STAGES],
            "misc_info": {
                "risk_factor": 0,
                "service_type": None,
                "weight_raw": None,
                "weight_kg": None,
                "pieces": None,
                "dimensions": None,
                "customer_number": None,
                "reference_number": None,
                "local_number": number if brought else "",
                "local_provider": LAST_MILE[1] if brought else "",
                "local_key": LAST_MILE[0] if brought else 0,
            },
            "tracking": {"providers_hash": 1, "providers": providers},
        }


def _is_number(number: object) -> bool:
    return (
        isinstance(number, str) and 5 <= len(number) <= 50 and number.isascii() and number.isalnum()
    )


def _is_last_mile(scan: Scan, seen: list[Scan]) -> bool:
    """Whether it came after the parcel left the hub for the first time."""
    handed_over = [one.at for one in seen if one.site == CARSON and one.step is Step.DEPARTED]
    return bool(handed_over) and scan.at > min(handed_over)


def _failed(code: int, message: str, *, status: int = 200) -> Response:
    body = {"code": code, "data": {"errors": [{"code": code, "message": message}]}}
    return Response.json(body, status=status)


def _rejected(number: object, code: int, message: str) -> dict[str, Any]:
    return {"number": number, "error": {"code": code, "message": message}}


def _provider(key: int, name: str, scans: list[Scan]) -> dict[str, Any]:
    return {
        "provider": {
            "key": key,
            "name": name,
            "alias": name,
            "tel": None,
            "homepage": "",
            "country": "",
        },
        "service_type": None,
        "latest_sync_status": "Success",
        "latest_sync_time": None,
        "events_hash": 1,
        "events": [_event(one) for one in scans],
    }


def _event(scan: Scan) -> dict[str, Any]:
    words, local = WORDS[scan.step], scan.local.replace(microsecond=0)
    return {
        "time_iso": local.isoformat(),
        "time_utc": _utc(scan),
        "time_raw": {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M:%S}", "timezone": None},
        "description": words.description,
        "location": f"{scan.site.city}, {scan.site.state}",
        "stage": words.stage,
        "sub_status": words.sub_status,
        "address": _address(scan.site),
    }


def _milestone(stage: str, seen: list[Scan]) -> dict[str, Any]:
    """The first scan of a stage."""
    scan = next((one for one in reversed(seen) if WORDS[one.step].stage == stage), None)
    return {
        "key_stage": stage,
        "time_iso": scan.local.replace(microsecond=0).isoformat() if scan else None,
        "time_utc": _utc(scan) if scan else None,
    }


def _utc(scan: Scan) -> str:
    return f"{scan.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _address(site: Site) -> dict[str, Any]:
    return {
        "country": "CN" if site == SHENZHEN else "US",
        "state": site.state,
        "city": site.city.upper(),
        "street": None,
        "postal_code": site.postal_code,
        "coordinates": {"longitude": None, "latitude": None},
    }
