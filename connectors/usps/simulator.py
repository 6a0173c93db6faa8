"""USPS on loopback: OAuth v3 and Tracking v3, stingy as the real one.

Answers agree with reference/carriers/payloads/usps_tracking_v3_openapi.yaml (contract tests). The quota
counts every call of the app, tokens too, and a label is not known for its first hours. What USPS says
to those who ask about another mailer's parcel is not published: 403 and these words are ours, as are
the codes of what weather and damage do to a parcel.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

from connectors.journeys import ORIGIN, GivenTokens, Journeys, Parcel, Scan, Step
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

TOKEN_PATH = "/oauth2/v3/token"
TRACK_PATH = "/tracking/v3/tracking/"
VERSION = "/tracking/v3"

#: Seconds a token lives.
TOKEN_LIFE = 28_799
#: USPS keeps scans of most classes this long.
KEPT = timedelta(days=120)

FAULTS = HTTP_FAULTS | {
    "expired-token": "operation track: every token given out so far stops working",
    "reordered": "operation track: the events come in no order",
    "no-gmt": "operation track: the events have their wall clock and offset only",
    "403-scope": "operation track: the app is not granted Tracking",
}


class Words(NamedTuple):
    """How USPS tells a step."""

    code: str
    text: str
    category: str


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words("GX", "Shipping Label Created, USPS Awaiting Item", "Pre-Shipment"),
    Step.PICKED_UP: Words("03", "USPS picked up item", "Accepted"),
    Step.DEPARTED: Words("T1", "Departed USPS Regional Facility", "In Transit"),
    Step.ARRIVED: Words("A1", "Arrived at USPS Regional Facility", "In Transit"),
    Step.OUT: Words("OF", "Out for Delivery", "Out for Delivery"),
    Step.DELIVERED: Words("01", "Delivered, Front Door/Porch", "Delivered"),
    Step.WEATHER: Words("DE", "Delayed, Severe Weather", "Alert"),
    Step.ATTEMPTED: Words(
        "02", "Notice Left (No Authorized Recipient Available)", "Delivery Attempt"
    ),
    Step.HELD: Words("14", "Available for Pickup", "Available for Pickup"),
    Step.ADDRESS: Words("05", "Undeliverable as Addressed", "Alert"),
    Step.DAMAGED: Words("DG", "Item Damaged", "Alert"),
    Step.REFUSED: Words("04", "Refused", "Alert"),
    Step.RETURNING: Words("09", "Return to Sender Processed", "Alert"),
    Step.RETURNED: Words("01", "Delivered, To Original Sender", "Delivered"),
}


class UspsSimulator(HttpSimulator):
    """`per_hour` and `at_once` are the app's quota; a label is known `late` after it was made.

    Numbers in `foreign` belong to another mailer.
    """

    kind: ClassVar[str] = "usps"
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
        per_hour: int = 60,
        at_once: int = 5,
        late: timedelta = timedelta(hours=3),
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.client_id, self.client_secret = client_id, client_secret
        self.foreign: set[str] = set()
        self._journeys = Journeys(clock=clock, seed=seed, transit=transit, exceptions=exceptions)
        self._per_hour, self._at_once, self._late = per_hour, at_once, late
        self._calls: deque[datetime] = deque()
        self._random = random.Random(seed)
        self._tokens = GivenTokens(seed=seed, life=timedelta(seconds=TOKEN_LIFE))
        self._refused = 0
        self._fault = ""

    # parcels

    def register(self, tracking: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": ..., "story": ..., "foreign": true}."""
        with self.lock:
            foreign = order.pop("foreign", False)
            made = self._journeys.place(order)
            if foreign:
                self.foreign.add(str(made["parcel"]))
            return made

    def books(self) -> dict[str, Any]:
        """Every parcel with its story, and how often it was asked for; calls refused for the quota."""
        with self.lock:
            return {
                "tokens_given": self._tokens.given,
                "refused": self._refused,
                "parcels": {
                    parcel.number: {"story": parcel.story, "asked": len(parcel.asked_at)}
                    for parcel in self._journeys
                },
            }

    # the API

    def operation(self, request: Request) -> str:
        if request.path == TOKEN_PATH:
            return "token"
        return "track" if request.path.startswith(TRACK_PATH) else "unknown"

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "429":
            return _too_many(60)
        if rule.kind == "403-scope":
            return _error(403, "Insufficient OAuth scope", "The token's scope has no tracking.")
        if rule.kind == "expired-token":
            self._tokens.forget()
        if rule.kind not in HTTP_FAULTS:
            self._fault = rule.kind
        return None

    def answer(self, request: Request, operation: str) -> Response:
        fault, self._fault = self._fault, ""
        wait = self._over_quota(self.clock.now())
        if wait is not None:
            self._refused += 1
            return _too_many(wait)
        match request.method, operation:
            case "POST", "token":
                return self._give_token(request)
            case "GET", "track":
                return self._track(request, fault)
            case _:
                return _error(404, "Not Found", "No such resource.")

    def _over_quota(self, now: datetime) -> int | None:
        """Seconds until the next call may come; None: now. Refused calls are not counted."""
        while self._calls and now - self._calls[0] >= timedelta(hours=1):
            self._calls.popleft()
        minute = [at for at in self._calls if now - at < timedelta(minutes=1)]
        if len(self._calls) >= self._per_hour:
            return int((self._calls[0] + timedelta(hours=1) - now).total_seconds()) + 1
        if len(minute) >= self._at_once:
            return int((minute[0] + timedelta(minutes=1) - now).total_seconds()) + 1
        self._calls.append(now)
        return None

    def _give_token(self, request: Request) -> Response:
        try:
            told = json.loads(request.body)
        except ValueError:
            told = {}
        told = told if isinstance(told, dict) else {}
        if (told.get("client_id"), told.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return Response.json(
                {
                    "error": "invalid_client",
                    "error_description": "Client authentication failed.",
                    "error_uri": "https://datatracker.ietf.org/doc/html/rfc6749#page-45",
                },
                status=401,
            )
        if told.get("grant_type") != "client_credentials":
            return Response.json({"error": "unsupported_grant_type"}, status=400)
        now = self.clock.now()
        token = self._tokens.give(now)
        body = {
            "access_token": token,
            "token_type": "Bearer",
            "issued_at": int(now.timestamp() * 1000),
            "expires_in": TOKEN_LIFE,
            "status": "approved",
            "scope": "addresses tracking",
            "client_id": self.client_id,
        }
        return Response.json(body)

    def _track(self, request: Request, fault: str) -> Response:
        number = unquote(request.path.removeprefix(TRACK_PATH))
        now = self.clock.now()
        if not self._tokens.let_in(request, now):
            return _error(401, "Unauthorized", "The token is missing, wrong or too old.")
        if not 8 <= len(number) <= 34 or not number.isalnum():
            return _error(400, "Invalid tracking number", "It has 8 to 34 letters and digits.")
        if number in self.foreign:
            words = "The Mailer ID of this mail piece belongs to another customer."
            return _error(403, "Access denied", words, subject=number)
        parcel = self._journeys.find(number, kept=KEPT)
        if parcel is None or now - parcel.shipped_at < self._late:
            words = "A status update is not yet available on this package."
            return _error(404, "Not Found", words, subject=number)
        parcel.asked_at.append(now)
        seen = parcel.seen(now)
        if request.query.get("expand") != ["DETAIL"]:
            lines = [f"{WORDS[s.step].text}, {s.local:%B %d, %Y, %H:%M}" for s in seen]
            return Response.json({"trackingNumber": number, "eventSummaries": lines})
        if fault == "reordered":
            self._random.shuffle(seen)
        return Response.json(_details(parcel, seen, gmt=fault != "no-gmt"), subject=number)


def _too_many(wait: int) -> Response:
    answer = _error(429, "Too Many Requests", "The application's quota is used up.")
    return replace(answer, headers={"Retry-After": str(wait)})


def _error(status: int, message: str, detail: str, *, subject: str = "") -> Response:
    one = {"status": str(status), "title": message, "detail": detail}
    error = {"code": str(status), "message": message, "errors": [one]}
    return Response.json({"apiVersion": VERSION, "error": error}, status=status, subject=subject)


def _details(parcel: Parcel, seen: list[Scan], *, gmt: bool) -> dict[str, Any]:
    newest = max(seen, key=lambda scan: scan.at)
    words = WORDS[newest.step]
    planned = parcel.first(Step.DELIVERED)
    body: dict[str, Any] = {
        "trackingNumber": parcel.number,
        "destinationCity": parcel.destination.city,
        "destinationState": parcel.destination.state,
        "destinationZIP": parcel.destination.postal_code,
        "originCity": ORIGIN.city,
        "originState": ORIGIN.state,
        "originZIP": ORIGIN.postal_code,
        "serviceTypeCode": "001",
        "status": words.text,
        "statusCategory": words.category,
        "statusSummary": f"{words.text} on {newest.local:%B %d, %Y} in {newest.site.city}.",
        "tableCode": "T",
        "accessControl": "FREE",
        "trackingEvents": [_event(scan, gmt=gmt) for scan in seen],
    }
    if planned and newest.step not in (Step.DELIVERED, Step.RETURNED):
        body["predictedDeliveryDate"] = f"{planned.local:%Y-%m-%d}"
    return body


def _event(scan: Scan, *, gmt: bool) -> dict[str, Any]:
    words, offset = WORDS[scan.step], f"{scan.local:%z}"
    event = {
        "eventType": words.text,
        "eventTimestamp": f"{scan.local:%Y-%m-%dT%H:%M:%S}",
        "GMTTimestamp": f"{scan.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "GMTOffset": f"{offset[:3]}:{offset[3:]}",
        "eventCity": scan.site.city.upper(),
        "eventState": scan.site.state,
        "eventZIP": scan.site.postal_code,
        "authorizedAgent": False,
        "eventCode": words.code,
    }
    if not gmt:
        del event["GMTTimestamp"]
    return event
