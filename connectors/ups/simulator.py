"""UPS on loopback: OAuth, Track v1 over parcels whose scans happen as the clock goes on, and Rating.

Answers agree with reference/carriers/payloads/ups_tracking_openapi.yaml and with the published shape
of prices (contract tests); how prices are made is in `rating_simulator`.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, unquote
from zoneinfo import ZoneInfo

from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)
from connectors.ups.rating_simulator import FAULTS as PRICE_FAULTS
from connectors.ups.rating_simulator import RatingDesk, Refused

TOKEN_PATH = "/security/v1/oauth/token"
TRACK_PATH = "/api/track/v1/details/"
RATE_PATH = "/api/rating/"

#: Seconds a token lives (every answer seen says 14399).
TOKEN_LIFE = 14_399

#: UPS forgets a parcel after this many days.
KEPT = timedelta(days=120)

FAULTS = (
    HTTP_FAULTS
    | PRICE_FAULTS
    | {
        "expired-token": "operation track or rate: every token given out so far stops working",
        "reordered": "operation track: the activities come in no order",
        "unknown-404": "operation track: an unknown number is 404 instead of 200 with a warning",
    }
)


class Site(NamedTuple):
    city: str
    state: str
    postal_code: str
    zone: str
    slic: str


ORIGIN = Site("Edison", "NJ", "08817", "America/New_York", "0886")
HUB = Site("Louisville", "KY", "40213", "America/Kentucky/Louisville", "4009")
DESTINATIONS = (
    Site("Los Angeles", "CA", "90001", "America/Los_Angeles", "9016"),
    Site("Denver", "CO", "80202", "America/Denver", "8029"),
    Site("Austin", "TX", "78701", "America/Chicago", "7879"),
    Site("Boston", "MA", "02108", "America/New_York", "0219"),
)


class Scan(NamedTuple):
    type: str
    code: str
    status_code: str
    text: str


LABEL = Scan("M", "MP", "003", "Shipper created a label, UPS has not received the package yet. ")
PICKED_UP = Scan("P", "PU", "038", "Pickup Scan")
DEPARTED = Scan("I", "DP", "005", "Departed from Facility")
ARRIVED = Scan("I", "AR", "005", "Arrived at Facility")
OUT = Scan("I", "OT", "021", "Out For Delivery Today")
DELIVERED = Scan("D", "FS", "011", "DELIVERED")
WEATHER = Scan("X", "WA", "053", "Severe weather conditions have delayed delivery.")
ATTEMPTED = Scan("X", "48", "014", "The customer was not available on the 1st attempt.")
REFUSED = Scan("X", "PR", "013", "The receiver did not want the product and refused this delivery.")
RETURNING = Scan("X", "RS", "035", "Your package is being returned to the sender.")
RETURNED = Scan("RS", "RT", "016", "Returned to Shipper")

#: What happens to a parcel: (share of its transit time, site, scan).
_TO_THE_DOOR = (
    (0.0, "origin", LABEL),
    (0.08, "origin", PICKED_UP),
    (0.2, "origin", DEPARTED),
    (0.45, "hub", ARRIVED),
    (0.55, "hub", DEPARTED),
    (0.8, "destination", ARRIVED),
    (0.88, "destination", OUT),
)
STORIES = {
    "": (*_TO_THE_DOOR, (1.0, "destination", DELIVERED)),
    "weather": (
        *_TO_THE_DOOR[:5],
        (0.6, "hub", WEATHER),
        *((share + 0.4, site, scan) for share, site, scan in _TO_THE_DOOR[5:]),
        (1.4, "destination", DELIVERED),
    ),
    "attempted": (
        *_TO_THE_DOOR,
        (1.0, "destination", ATTEMPTED),
        (1.4, "destination", OUT),
        (1.5, "destination", DELIVERED),
    ),
    "refused": (
        *_TO_THE_DOOR,
        (1.0, "destination", REFUSED),
        (1.1, "destination", RETURNING),
        (1.5, "hub", ARRIVED),
        (2.0, "origin", RETURNED),
    ),
    # Scanned once and never again.
    "lost": _TO_THE_DOOR[:3],
}


@dataclass
class Activity:
    at: datetime
    site: Site
    scan: Scan


@dataclass
class Parcel:
    number: str
    shipped_at: datetime
    destination: Site
    story: str
    activities: list[Activity]
    #: instants it was asked for
    asked_at: list[datetime] = field(default_factory=list)

    def seen(self, now: datetime) -> list[Activity]:
        """What happened by now, newest first, as UPS lists it."""
        return [activity for activity in reversed(self.activities) if activity.at <= now]


class UpsSimulator(HttpSimulator):
    """`transit` is (least, most) clock seconds from label to door; `exceptions` the share of parcels
    with a story (weather, attempted, refused, lost), chosen by seed and number."""

    kind: ClassVar[str] = "ups"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        client_id: str = "simulated-client",
        client_secret: str = "simulated-secret",
        transit: tuple[float, float] = (86_400.0, 5 * 86_400.0),
        exceptions: float = 0.0,
        enforced_rate: float = 20.0,
        account_number: str = "A1B2C3",
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.client_id, self.client_secret = client_id, client_secret
        self._transit, self._exceptions = transit, exceptions
        self._rate = enforced_rate
        self._allowance, self._allowance_at = enforced_rate, clock.now()
        self._random = random.Random(seed)
        self._parcels: dict[str, Parcel] = {}
        #: access token -> when it ends
        self._tokens: dict[str, datetime] = {}
        self._tokens_given = 0
        self._fault = ""
        self.desk = RatingDesk(account_number)

    # parcels

    def register(self, tracking: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        if story is not None and story not in STORIES:
            raise ValueError(f"story {story!r} is none of {sorted(STORIES)}")
        with self.lock:
            if tracking in self._parcels:
                return
            # By number, not by order of registration: threads do not change what happens.
            chance = random.Random(f"{self.seed} {tracking}")
            if story is None:
                odd = chance.random() < self._exceptions
                story = chance.choice(sorted(STORIES)[1:]) if odd else ""
            destination = chance.choice(DESTINATIONS)
            seconds = chance.uniform(*self._transit)
            sites = {"origin": ORIGIN, "hub": HUB, "destination": destination}
            activities = [
                Activity(shipped_at + timedelta(seconds=share * seconds), sites[site], scan)
                for share, site, scan in STORIES[story]
            ]
            self._parcels[tracking] = Parcel(tracking, shipped_at, destination, story, activities)

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": instant or now, "story": "", weather, attempted, ...}."""
        number = order.get("parcel")
        if not isinstance(number, str) or set(order) - {"parcel", "shipped_at", "story"}:
            raise ValueError("parcel, and maybe shipped_at and story, are expected")
        at = order.get("shipped_at")
        shipped_at = datetime.fromisoformat(at).astimezone(UTC) if at else self.clock.now()
        self.register(number, shipped_at, story=order.get("story"))
        return {"parcel": number}

    def books(self) -> dict[str, Any]:
        """Every parcel with its story, the scans so far, and how often it was asked for."""
        with self.lock:
            now = self.clock.now()
            return {
                "tokens_given": self._tokens_given,
                "parcels": {number: self._told(p, now) for number, p in self._parcels.items()},
                "priced": list(self.desk.asked),
            }

    def _told(self, parcel: Parcel, now: datetime) -> dict[str, Any]:
        scans = [(a.at.isoformat(), a.scan.status_code, a.scan.text) for a in parcel.seen(now)]
        delivered = [a.at for a in parcel.activities if a.scan is DELIVERED and a.at <= now]
        return {
            "shipped_at": parcel.shipped_at.isoformat(),
            "story": parcel.story,
            "scans": scans[::-1],
            "delivered_at": delivered[0].isoformat() if delivered else None,
            "asked": len(parcel.asked_at),
        }

    # the API

    def operation(self, request: Request) -> str:
        if request.path == TOKEN_PATH:
            return "token"
        if request.path.startswith(RATE_PATH):
            return "rate"
        return "track" if request.path.startswith(TRACK_PATH) else "unknown"

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        # UPS's own 429: a code in the body and no Retry-After.
        if rule.kind == "429":
            return _error(429, "10429", "Too Many Requests")
        if rule.kind == "expired-token":
            self._tokens.clear()
        if rule.kind not in HTTP_FAULTS:
            self._fault = rule.kind
        return None

    def answer(self, request: Request, operation: str) -> Response:
        fault, self._fault = self._fault, ""
        match request.method, operation:
            case "POST", "token":
                return self._give_token(request)
            case "GET", "track":
                return self._track(request, fault)
            case "POST", "rate":
                return self._price(request, fault)
            case _:
                return _error(404, "9400", "Invalid resource path")

    def _give_token(self, request: Request) -> Response:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            pair = base64.b64decode(encoded, validate=True).decode().split(":", 1)
        except (binascii.Error, UnicodeDecodeError):
            pair = []
        if kind != "Basic" or pair != [self.client_id, self.client_secret]:
            return _error(401, "10401", "ClientId is Invalid")
        if parse_qs(request.body.decode()).get("grant_type") != ["client_credentials"]:
            return _error(400, "10400", "Invalid/Missing Grant Type")
        now = self.clock.now()
        token = f"{self._random.getrandbits(256):064x}"
        self._tokens[token] = now + timedelta(seconds=TOKEN_LIFE)
        self._tokens_given += 1
        body = {
            "token_type": "Bearer",
            "issued_at": str(int(now.timestamp() * 1000)),
            "client_id": self.client_id,
            "access_token": token,
            # A number in a string, as UPS writes it.
            "expires_in": str(TOKEN_LIFE),
            "status": "approved",
        }
        return Response.json(body)

    def _track(self, request: Request, fault: str) -> Response:
        number = unquote(request.path.removeprefix(TRACK_PATH))
        now = self.clock.now()
        if not self._is_let_in(request, now):
            return _error(401, "250002", "Invalid Authentication Information.")
        for header in ("transid", "transactionsrc"):
            if not request.headers.get(header):
                return _error(400, "VSS002", f"Missing {header}")
        if not self._within_rate(now):
            return _error(429, "10429", "Too Many Requests")
        if not 7 <= len(number) <= 34 or not number.isalnum():
            return _error(400, "TV1002", "Invalid inquiry number", subject=number)
        parcel = self._parcels.get(number)
        seen = parcel.seen(now) if parcel and now - parcel.shipped_at < KEPT else []
        if not parcel or not seen:
            return _not_found(number, status=404 if fault == "unknown-404" else 200)
        parcel.asked_at.append(now)
        if fault == "reordered":
            self._random.shuffle(seen)
        return Response.json(_body(parcel, seen), subject=number)

    def _price(self, request: Request, fault: str) -> Response:
        """Rating v2409. Its two headers are optional there, so none is asked for."""
        now = self.clock.now()
        if not self._is_let_in(request, now):
            return _error(401, "250002", "Invalid Authentication Information.")
        if not self._within_rate(now):
            return _error(429, "10429", "Too Many Requests")
        version, _, option = request.path.removeprefix(RATE_PATH).partition("/")
        try:
            body = self.desk.rate(version, option, request.body, now=now, fault=fault)
        except Refused as refused:
            return _error(400, refused.code, str(refused))
        return Response.json(body)

    def _is_let_in(self, request: Request, now: datetime) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self._tokens.get(token, now) > now

    def _within_rate(self, now: datetime) -> bool:
        """UPS publishes no figure; this one lets a paced client through and stops a runaway one."""
        passed = max(0.0, (now - self._allowance_at).total_seconds())
        self._allowance = min(self._rate, self._allowance + passed * self._rate)
        self._allowance_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _error(status: int, code: str, message: str, *, subject: str = "") -> Response:
    body = {"response": {"errors": [{"code": code, "message": message}]}}
    return Response.json(body, status=status, subject=subject)


def _not_found(number: str, *, status: int) -> Response:
    words = "Tracking Information Not Found"
    if status == 404:
        return _error(404, "TW0001", words, subject=number)
    warning = {"warnings": [{"code": "TW0001", "message": words}]}
    return Response.json({"trackResponse": {"shipment": [warning]}}, subject=number)


def _body(parcel: Parcel, seen: list[Activity]) -> dict[str, Any]:
    newest = max(seen, key=lambda activity: activity.at)
    package: dict[str, Any] = {
        "trackingNumber": parcel.number,
        "deliveryDate": _delivery_dates(parcel, newest),
        "activity": [_activity(activity) for activity in seen],
        "currentStatus": _status(newest.scan),
        "packageAddress": [
            {"type": "ORIGIN", "address": _address(ORIGIN)},
            {"type": "DESTINATION", "address": _address(parcel.destination)},
        ],
        "service": {"code": "518", "levelCode": "003", "description": "UPS Ground"},
        "packageCount": 1,
    }
    return {"trackResponse": {"shipment": [{"inquiryNumber": parcel.number, "package": [package]}]}}


def _delivery_dates(parcel: Parcel, newest: Activity) -> list[dict[str, str]]:
    if newest.scan is DELIVERED:
        return [{"type": "DEL", "date": f"{_local(newest):%Y%m%d}"}]
    planned = next((a for a in parcel.activities if a.scan is DELIVERED), None)
    return [{"type": "SDD", "date": f"{_local(planned):%Y%m%d}"}] if planned else []


def _activity(activity: Activity) -> dict[str, Any]:
    local, gmt = _local(activity), activity.at.astimezone(UTC)
    offset = f"{local:%z}"
    return {
        "location": {"address": _address(activity.site), "slic": activity.site.slic},
        "status": _status(activity.scan),
        "date": f"{local:%Y%m%d}",
        "time": f"{local:%H%M%S}",
        "gmtDate": f"{gmt:%Y%m%d}",
        "gmtTime": f"{gmt:%H:%M:%S}",
        "gmtOffset": f"{offset[:3]}:{offset[3:]}",
    }


def _local(activity: Activity) -> datetime:
    return activity.at.astimezone(ZoneInfo(activity.site.zone))


def _status(scan: Scan) -> dict[str, str]:
    return {
        "type": scan.type,
        "code": scan.code,
        "statusCode": scan.status_code,
        "description": scan.text,
        "simplifiedTextDescription": scan.text.strip().rstrip("."),
    }


def _address(site: Site) -> dict[str, str]:
    return {
        "city": site.city,
        "stateProvince": site.state,
        "postalCode": site.postal_code,
        "country": "US",
        "countryCode": "US",
    }
