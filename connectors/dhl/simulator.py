"""DHL on loopback: Shipment Tracking - Unified, and MyDHL API's tracking of Express waybills.

Answers have the keys of reference/carriers/payloads/dhl_unified_tracking_sample.json, and agree with
mydhl_3.1.1.yaml (contract tests). Unified's quota is that of a new app: so many calls from 00:00 GMT to
00:00 GMT, one every five seconds. Not published, so ours: that Unified calls what comes back to its
sender a failure to the end, MyDHL's codes WX (weather) and DM (damage), which it has no rows for, and
what MyDHL does with too many calls (nothing). Unified's scans have wall clocks without an offset, as
the sample has them.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

from connectors.journeys import ORIGIN, Journeys, Parcel, Scan, Site, Step
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

UNIFIED_PATH = "/track/shipments"
EXPRESS_PATH = "/mydhlapi"
_SHIPMENTS, _TRACKING = f"{EXPRESS_PATH}/shipments/", "/tracking"

KEPT = timedelta(days=90)
#: Least seconds between two calls of Unified's.
SPACING = timedelta(seconds=5)
#: What MyDHL takes as trackingView.
VIEWS = frozenset(
    {
        "all-checkpoints",
        "all-checkpoints-with-remarks",
        "last-checkpoint",
        "shipment-details-only",
        "advance-shipment",
        "bbx-children",
    }
)

FAULTS = HTTP_FAULTS | {
    "reordered": "operation track or express: the scans come in no order",
    "offset": "operation track: the scans have their offset",
    "no-offset": "operation express: the scans have none",
}


class Words(NamedTuple):
    """How DHL tells a step: Unified's statusCode and words, MyDHL's typeCode and words."""

    code: str
    text: str
    #: none: MyDHL tells nothing of it
    type_code: str
    express_text: str


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words("pre-transit", "LABEL CREATED", "", ""),
    Step.PICKED_UP: Words("transit", "PICKED UP", "PU", "Shipment picked up"),
    Step.DEPARTED: Words("transit", "DEPARTED", "DF", "Shipment has departed from a DHL facility"),
    Step.ARRIVED: Words("transit", "ARRIVED", "AF", "Arrived at DHL Sort Facility"),
    Step.OUT: Words(
        "transit", "OUT FOR DELIVERY", "WC", "Shipment is out with courier for delivery"
    ),
    Step.DELIVERED: Words("delivered", "DELIVERED", "OK", "Delivered : ALBY H"),
    Step.WEATHER: Words("transit", "DELAY", "WX", "Shipment is delayed by weather"),
    Step.ATTEMPTED: Words("failure", "DELIVERY ATTEMPTED", "NH", "Recipient not home"),
    Step.HELD: Words("transit", "HELD FOR PICKUP", "OH", "Shipment on hold"),
    Step.ADDRESS: Words("failure", "ADDRESS", "BA", "Address information needed"),
    Step.DAMAGED: Words("failure", "DAMAGED", "DM", "Shipment damaged"),
    Step.REFUSED: Words("failure", "REFUSED", "RD", "Recipient refused delivery"),
    Step.RETURNING: Words("failure", "RETURNING", "RT", "Returned to shipper"),
    Step.RETURNED: Words("failure", "RETURNED", "OK", "Delivered : SHIPPER"),
}


class DhlSimulator(HttpSimulator):
    """`per_day` is the quota of Unified's key; a label is known `late` after it was made."""

    kind: ClassVar[str] = "dhl"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        api_key: str = "simulated-key",
        username: str = "simulated-user",
        password: str = "simulated-password",
        transit: tuple[float, float] = (86_400.0, 5 * 86_400.0),
        exceptions: float = 0.0,
        per_day: int = 250,
        spacing: timedelta = SPACING,
        late: timedelta = timedelta(minutes=30),
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.api_key, self.username, self.password = api_key, username, password
        self._journeys = Journeys(clock=clock, seed=seed, transit=transit, exceptions=exceptions)
        #: earlier parcels of numbers that are used again, in another of DHL's services
        self._earlier = Journeys(clock=clock, seed=seed + 1, transit=transit)
        self._first_found: set[str] = set()
        self._per_day, self._spacing, self._late = per_day, spacing, late
        self._day: tuple[date, int] | None = None
        self._last: datetime | None = None
        self._random = random.Random(seed)
        self._calls = self._express_calls = self._refused = 0
        self._fault = ""

    # parcels

    def register(self, tracking: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)

    def register_earlier(self, tracking: str, shipped_at: datetime, *, alone: bool = False) -> None:
        """The number had another parcel before; `alone`: only its service is told unless another is asked."""
        with self.lock:
            self._earlier.register(tracking, shipped_at, story="")
            if alone:
                self._first_found.add(tracking)

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": instant or now, "story": "", weather, attempted, ...}."""
        with self.lock:
            return self._journeys.place(order)

    def books(self) -> dict[str, Any]:
        """Every parcel with its story, and how often it was asked for; calls refused for the quota."""
        with self.lock:
            return {
                "calls": self._calls,
                "express_calls": self._express_calls,
                "refused": self._refused,
                "parcels": {
                    parcel.number: {"story": parcel.story, "asked": len(parcel.asked_at)}
                    for parcel in self._journeys
                },
            }

    # the APIs

    def operation(self, request: Request) -> str:
        if request.path == UNIFIED_PATH:
            return "track"
        inside = request.path.startswith(_SHIPMENTS) and request.path.endswith(_TRACKING)
        return "express" if inside else "unknown"

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "429":
            return _problem(429, "Too many requests", "Too many requests")
        if rule.kind not in HTTP_FAULTS:
            self._fault = rule.kind
        return None

    def answer(self, request: Request, operation: str) -> Response:
        fault, self._fault = self._fault, ""
        match request.method, operation:
            case "GET", "track":
                return self._unified(request, fault)
            case "GET", "express":
                return self._express(request, fault)
            case _:
                return _problem(404, "Not Found", "There is no such resource.")

    def _unified(self, request: Request, fault: str) -> Response:
        if request.headers.get("dhl-api-key") != self.api_key:
            return _problem(401, "Unauthorized", "Unauthorized for given resource.")
        if self._over_quota(self.clock.now()):
            self._refused += 1
            return _problem(429, "Too many requests", "Too many requests")
        self._calls += 1
        number, service = (
            request.query.get(name, [""])[0] for name in ("trackingNumber", "service")
        )
        if not 6 <= len(number) <= 40 or not number.isascii():
            return _problem(400, "Bad Request", "The tracking number is not valid.")
        told = self._shipments(number, fault)
        others = []
        if service:
            told = [one for one in told if one["service"] == service]
        elif number in self._first_found and len(told) > 1:
            others = [
                f"{UNIFIED_PATH.removeprefix('/track')}?trackingNumber={number}&service={one['service']}"
                for one in told[:-1]
            ]
            told = told[-1:]
        if not told:
            words = "No shipment with given tracking number found."
            return _problem(404, "No result found", words, subject=number)
        pages = dict.fromkeys(
            ("url", "firstUrl", "lastUrl"), f"/shipments?trackingNumber={number}?offset=0&limit=5"
        )
        body = {**pages, "shipments": told, "possibleAdditionalShipmentsUrl": others}
        return Response.json(body, subject=number)

    def _over_quota(self, now: datetime) -> bool:
        """Refused calls are not counted."""
        day, used = self._day or (now.date(), 0)
        used = used if day == now.date() else 0
        if used >= self._per_day or (self._last and now - self._last < self._spacing):
            return True
        self._day, self._last = (now.date(), used + 1), now
        return False

    def _shipments(self, number: str, fault: str) -> list[dict[str, Any]]:
        """The parcels of a number, of which the last is found first."""
        now, told = self.clock.now(), []
        service = "express" if _is_waybill(number) else "ecommerce"
        for journeys, of_service in ((self._journeys, service), (self._earlier, "parcel-de")):
            parcel = journeys.find(number, kept=KEPT)
            if parcel is None or now - parcel.shipped_at < self._late:
                continue
            parcel.asked_at.append(now)
            seen = parcel.seen(now)
            if fault == "reordered":
                self._random.shuffle(seen)
            told.append(_shipment(parcel, of_service, seen, offset=fault == "offset"))
        return told

    def _express(self, request: Request, fault: str) -> Response:
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        right = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if kind != "Basic" or secret != right:
            return _express_problem(request, 401, "Unauthorized", "Invalid Credentials")
        self._express_calls += 1
        if not request.headers.get("x-version"):
            return _express_problem(request, 400, "Missing parameters", "x-version is expected.")
        view = request.query.get("trackingView", ["all-checkpoints"])[0]
        offset = request.query.get("requestGMTOffsetPerEvent", ["false"])[0]
        if view not in VIEWS or offset not in ("true", "false"):
            return _express_problem(
                request, 400, "Validation error", "A parameter is none of its values."
            )
        number = unquote(request.path.removeprefix(_SHIPMENTS).removesuffix(_TRACKING))
        now = self.clock.now()
        parcel = self._journeys.find(number, kept=KEPT) if _is_waybill(number) else None
        seen = [one for one in parcel.seen(now) if WORDS[one.step].type_code] if parcel else []
        if parcel is None or not seen or now - parcel.shipped_at < self._late:
            words = f"No Shipments Found for TrackingID | {number}"
            return _express_problem(request, 404, "Not data found", words)
        parcel.asked_at.append(now)
        if fault == "reordered":
            self._random.shuffle(seen)
        with_offset = offset == "true" and fault != "no-offset"
        return Response.json(_express_shipment(parcel, seen, offset=with_offset), subject=number)


def _is_waybill(number: str) -> bool:
    return len(number) in (10, 11) and number.isascii() and number.isdecimal()


def _problem(status: int, title: str, detail: str, *, subject: str = "") -> Response:
    body = {"title": title, "detail": detail, "status": status, "instance": f"/shipment/{subject}"}
    return Response.json(body, status=status, subject=subject)


def _express_problem(request: Request, status: int, title: str, detail: str) -> Response:
    body = {
        "instance": request.path.replace(EXPRESS_PATH, "/expressapi", 1),
        "detail": detail,
        "title": title,
        "message": title,
        "status": str(status),
    }
    return Response.json(body, status=status)


def _shipment(parcel: Parcel, service: str, seen: list[Scan], *, offset: bool) -> dict[str, Any]:
    newest = max(seen, key=lambda scan: scan.at)
    planned = parcel.first(Step.DELIVERED)
    made: dict[str, Any] = {
        "id": parcel.number,
        "service": service,
        "origin": {"address": _address(ORIGIN)},
        "destination": {"address": _address(parcel.destination)},
        "status": _scan(newest, offset=offset),
        "details": {
            "product": {"productName": "UNKNOWN - Product unknown"},
            "totalNumberOfPieces": 1,
        },
        "events": [_scan(scan, offset=offset) for scan in seen],
    }
    if planned and newest.step is not Step.DELIVERED:
        day = planned.local.replace(tzinfo=None, microsecond=0)
        made["estimatedTimeOfDelivery"] = day.isoformat()
        made["estimatedDeliveryTimeFrame"] = {
            "estimatedFrom": day.replace(hour=8, minute=0, second=0).isoformat(),
            "estimatedThrough": day.replace(hour=20, minute=0, second=0).isoformat(),
        }
    return made


def _scan(scan: Scan, *, offset: bool) -> dict[str, Any]:
    words, local = WORDS[scan.step], scan.local.replace(microsecond=0)
    return {
        "timestamp": (local if offset else local.replace(tzinfo=None)).isoformat(),
        "location": {"address": _address(scan.site)},
        "statusCode": words.code,
        "status": words.text,
        "description": "JESSICA" if scan.step is Step.DELIVERED else words.text.capitalize(),
    }


def _address(site: Site) -> dict[str, str]:
    return {
        "countryCode": "US",
        "postalCode": site.postal_code,
        "addressLocality": site.city.upper(),
    }


def _express_shipment(parcel: Parcel, seen: list[Scan], *, offset: bool) -> dict[str, Any]:
    newest = max(seen, key=lambda scan: scan.at)
    planned = parcel.first(Step.DELIVERED)
    made: dict[str, Any] = {
        "shipmentTrackingNumber": parcel.number,
        "status": "Success",
        "shipmentTimestamp": f"{parcel.scans[0].local:%Y-%m-%dT%H:%M:%S}",
        "productCode": "N",
        "description": "TEA",
        "shipperDetails": {"name": "", "postalAddress": _express_address(ORIGIN)},
        "receiverDetails": {"name": "", "postalAddress": _express_address(parcel.destination)},
        "totalWeight": 0.99,
        "unitOfMeasurements": "metric",
        "events": [_express_scan(scan, offset=offset) for scan in seen],
        "numberOfPieces": 1,
    }
    if planned and newest.step is not Step.DELIVERED:
        made["estimatedDeliveryDate"] = f"{planned.local:%Y-%m-%d}"
    return {"shipments": [made]}


def _express_address(site: Site) -> dict[str, str]:
    return {
        "cityName": "",
        "postalCode": site.postal_code,
        "provinceCode": site.state,
        "countryCode": "US",
    }


def _express_scan(scan: Scan, *, offset: bool) -> dict[str, Any]:
    words, told = WORDS[scan.step], f"{scan.local:%z}"
    event: dict[str, Any] = {
        "date": f"{scan.local:%Y-%m-%d}",
        "time": f"{scan.local:%H:%M:%S}",
        "typeCode": words.type_code,
        "description": words.express_text,
        "serviceArea": [
            {"code": scan.site.city[:3].upper(), "description": f"{scan.site.city.upper()}-US"}
        ],
    }
    if offset:
        event["GMTOffset"] = f"{told[:3]}:{told[3:]}"
    if scan.step is Step.DELIVERED:
        event["signedBy"] = ""
    return event
