"""UPS on loopback: OAuth, Track v1 over parcels whose scans happen as the clock goes on, and Rating.

Answers agree with reference/carriers/payloads/ups_tracking_openapi.yaml and with the published shape
of prices (contract tests); how prices are made is in `rating_simulator`.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, unquote

from connectors.journeys import ORIGIN, GivenTokens, Journeys, Parcel, Scan, Site, Step
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


class Words(NamedTuple):
    """How UPS tells a step."""

    type: str
    code: str
    status_code: str
    text: str


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words(
        "M", "MP", "003", "Shipper created a label, UPS has not received the package yet. "
    ),
    Step.PICKED_UP: Words("P", "PU", "038", "Pickup Scan"),
    Step.DEPARTED: Words("I", "DP", "005", "Departed from Facility"),
    Step.ARRIVED: Words("I", "AR", "005", "Arrived at Facility"),
    Step.OUT: Words("I", "OT", "021", "Out For Delivery Today"),
    Step.DELIVERED: Words("D", "FS", "011", "DELIVERED"),
    Step.WEATHER: Words("X", "WA", "053", "Severe weather conditions have delayed delivery."),
    Step.ATTEMPTED: Words("X", "48", "014", "The customer was not available on the 1st attempt."),
    Step.HELD: Words("I", "ZP", "017", "Your package is being held for pickup."),
    Step.ADDRESS: Words("X", "A1", "029", "The address is incorrect: we need more information."),
    Step.DAMAGED: Words("X", "DM", "013", "Merchandise was damaged in transit."),
    Step.REFUSED: Words(
        "X", "PR", "013", "The receiver did not want the product and refused this delivery."
    ),
    Step.RETURNING: Words("X", "RS", "035", "Your package is being returned to the sender."),
    Step.RETURNED: Words("RS", "RT", "016", "Returned to Shipper"),
}


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
        self._journeys = Journeys(clock=clock, seed=seed, transit=transit, exceptions=exceptions)
        self._rate = enforced_rate
        self._allowance, self._allowance_at = enforced_rate, clock.now()
        self._random = random.Random(seed)
        self._tokens = GivenTokens(seed=seed, life=timedelta(seconds=TOKEN_LIFE))
        self._fault = ""
        self.desk = RatingDesk(account_number)

    # parcels

    def register(self, tracking: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": instant or now, "story": "", weather, attempted, ...}."""
        with self.lock:
            return self._journeys.place(order)

    def books(self) -> dict[str, Any]:
        """Every parcel with its story, the scans so far, and how often it was asked for."""
        with self.lock:
            now = self.clock.now()
            return {
                "tokens_given": self._tokens.given,
                "parcels": {parcel.number: _told(parcel, now) for parcel in self._journeys},
                "priced": list(self.desk.asked),
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
            self._tokens.forget()
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
        token = self._tokens.give(now)
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
        if not self._tokens.let_in(request, now):
            return _error(401, "250002", "Invalid Authentication Information.")
        for header in ("transid", "transactionsrc"):
            if not request.headers.get(header):
                return _error(400, "VSS002", f"Missing {header}")
        if not self._within_rate(now):
            return _error(429, "10429", "Too Many Requests")
        if not 7 <= len(number) <= 34 or not number.isalnum():
            return _error(400, "TV1002", "Invalid inquiry number", subject=number)
        parcel = self._journeys.find(number, kept=KEPT)
        if parcel is None:
            return _not_found(number, status=404 if fault == "unknown-404" else 200)
        seen = parcel.seen(now)
        parcel.asked_at.append(now)
        if fault == "reordered":
            self._random.shuffle(seen)
        return Response.json(_body(parcel, seen), subject=number)

    def _price(self, request: Request, fault: str) -> Response:
        """Rating v2409. Its two headers are optional there, so none is asked for."""
        now = self.clock.now()
        if not self._tokens.let_in(request, now):
            return _error(401, "250002", "Invalid Authentication Information.")
        if not self._within_rate(now):
            return _error(429, "10429", "Too Many Requests")
        version, _, option = request.path.removeprefix(RATE_PATH).partition("/")
        try:
            body = self.desk.rate(version, option, request.body, now=now, fault=fault)
        except Refused as refused:
            return _error(400, refused.code, str(refused))
        return Response.json(body)

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


def _told(parcel: Parcel, now: datetime) -> dict[str, Any]:
    """A line of the books."""
    seen = [(scan, WORDS[scan.step]) for scan in reversed(parcel.seen(now))]
    delivered = parcel.first(Step.DELIVERED)
    return {
        "shipped_at": parcel.shipped_at.isoformat(),
        "story": parcel.story,
        "scans": [(scan.at.isoformat(), words.status_code, words.text) for scan, words in seen],
        "delivered_at": delivered.at.isoformat() if delivered and delivered.at <= now else None,
        "asked": len(parcel.asked_at),
    }


def _body(parcel: Parcel, seen: list[Scan]) -> dict[str, Any]:
    newest = max(seen, key=lambda scan: scan.at)
    package: dict[str, Any] = {
        "trackingNumber": parcel.number,
        "deliveryDate": _delivery_dates(parcel, newest),
        "activity": [_activity(scan) for scan in seen],
        "currentStatus": _status(newest.step),
        "packageAddress": [
            {"type": "ORIGIN", "address": _address(ORIGIN)},
            {"type": "DESTINATION", "address": _address(parcel.destination)},
        ],
        "service": {"code": "518", "levelCode": "003", "description": "UPS Ground"},
        "packageCount": 1,
    }
    return {"trackResponse": {"shipment": [{"inquiryNumber": parcel.number, "package": [package]}]}}


def _delivery_dates(parcel: Parcel, newest: Scan) -> list[dict[str, str]]:
    if newest.step is Step.DELIVERED:
        return [{"type": "DEL", "date": f"{newest.local:%Y%m%d}"}]
    planned = parcel.first(Step.DELIVERED)
    return [{"type": "SDD", "date": f"{planned.local:%Y%m%d}"}] if planned else []


def _activity(scan: Scan) -> dict[str, Any]:
    local, gmt = scan.local, scan.at.astimezone(UTC)
    offset = f"{local:%z}"
    return {
        "location": {"address": _address(scan.site), "slic": scan.site.slic},
        "status": _status(scan.step),
        "date": f"{local:%Y%m%d}",
        "time": f"{local:%H%M%S}",
        "gmtDate": f"{gmt:%Y%m%d}",
        "gmtTime": f"{gmt:%H:%M:%S}",
        "gmtOffset": f"{offset[:3]}:{offset[3:]}",
    }


def _status(step: Step) -> dict[str, str]:
    words = WORDS[step]
    return {
        "type": words.type,
        "code": words.code,
        "statusCode": words.status_code,
        "description": words.text,
        "simplifiedTextDescription": words.text.strip().rstrip("."),
    }


def _address(site: Site) -> dict[str, str]:
    return {
        "city": site.city,
        "stateProvince": site.state,
        "postalCode": site.postal_code,
        "country": "US",
        "countryCode": "US",
    }
