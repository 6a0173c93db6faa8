"""FedEx on loopback: OAuth and Track v1, thirty numbers a call.

Answers agree with reference/carriers/payloads/fedex_track_v1_openapi.json (contract tests). Numbers that
FedEx used before are told with both parcels. Which code it has for a number of another form is not
published: TRACKING.TRACKINGNUMBER.INVALID is ours.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs

from connectors.journeys import GivenTokens, Journeys, Parcel, Scan, Site, Step
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

TOKEN_PATH = "/oauth/token"
TRACK_PATH = "/track/v1/trackingnumbers"

#: Seconds a token lives.
TOKEN_LIFE = 3_599
#: Numbers of one call.
MOST_AT_ONCE = 30
KEPT = timedelta(days=90)

FAULTS = HTTP_FAULTS | {
    "expired-token": "operation track: every token given out so far stops working",
    "reordered": "operation track: results and scans come in no order",
    "missing": "operation track: the last number's result is left out",
}


class Words(NamedTuple):
    """How FedEx tells a step: derivedStatusCode, eventType, eventDescription."""

    derived: str
    code: str
    text: str
    #: exceptionCode
    exception: str = ""


WORDS: Mapping[Step, Words] = {
    Step.LABEL: Words("IN", "OC", "Shipment information sent to FedEx"),
    Step.PICKED_UP: Words("PU", "PU", "Picked up"),
    Step.DEPARTED: Words("IT", "DP", "Left FedEx origin facility"),
    Step.ARRIVED: Words("IT", "AR", "Arrived at FedEx location"),
    Step.OUT: Words("OD", "OD", "On FedEx vehicle for delivery"),
    Step.DELIVERED: Words("DL", "DL", "Delivered"),
    Step.WEATHER: Words("IT", "DY", "Delay", "71"),
    Step.ATTEMPTED: Words("DE", "DE", "Delivery exception", "08"),
    Step.HELD: Words("HP", "HP", "Ready for recipient pickup"),
    Step.ADDRESS: Words("SE", "SE", "Shipment exception", "03"),
    Step.DAMAGED: Words("SE", "SE", "Shipment exception", "10"),
    Step.REFUSED: Words("SE", "SE", "Shipment exception", "07"),
    Step.RETURNING: Words("RS", "RS", "Returning package to shipper"),
    Step.RETURNED: Words("DL", "DL", "Delivered"),
}


class FedexSimulator(HttpSimulator):
    """`transit` is (least, most) clock seconds from label to door; `exceptions` the share of parcels
    with another story, chosen by seed and number."""

    kind: ClassVar[str] = "fedex"
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
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.client_id, self.client_secret = client_id, client_secret
        self._journeys = Journeys(clock=clock, seed=seed, transit=transit, exceptions=exceptions)
        #: earlier parcels of numbers that are used again
        self._earlier = Journeys(clock=clock, seed=seed + 1, transit=transit)
        self._random = random.Random(seed)
        self._tokens = GivenTokens(seed=seed, life=timedelta(seconds=TOKEN_LIFE))
        self._calls = 0
        self._fault = ""

    # parcels

    def register(self, tracking: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is."""
        with self.lock:
            self._journeys.register(tracking, shipped_at, story=story)

    def register_earlier(self, tracking: str, shipped_at: datetime) -> None:
        """The number had another parcel before."""
        with self.lock:
            self._earlier.register(tracking, shipped_at, story="")

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": instant or now, "story": "", weather, attempted, ...}."""
        with self.lock:
            return self._journeys.place(order)

    def books(self) -> dict[str, Any]:
        """Every parcel with its story, and how often it was asked for."""
        with self.lock:
            return {
                "tokens_given": self._tokens.given,
                "calls": self._calls,
                "parcels": {
                    parcel.number: {"story": parcel.story, "asked": len(parcel.asked_at)}
                    for parcel in self._journeys
                },
            }

    # the API

    def operation(self, request: Request) -> str:
        return {TOKEN_PATH: "token", TRACK_PATH: "track"}.get(request.path, "unknown")

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "429":
            return _error(429, "TOO.MANY.REQUESTS", "Too many requests.")
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
            case "POST", "track":
                return self._track(request, fault)
            case _:
                return _error(404, "NOT.FOUND.ERROR", "The resource you requested is not found.")

    def _give_token(self, request: Request) -> Response:
        told = parse_qs(request.body.decode("utf-8", "replace"))
        if told.get("grant_type") != ["client_credentials"]:
            return _error(422, "OAUTH.GRANTTYPE.INVALID", "The grant type is not supported.")
        if (told.get("client_id"), told.get("client_secret")) != (
            [self.client_id],
            [self.client_secret],
        ):
            return _error(
                401, "NOT.AUTHORIZED.ERROR", "The given client credentials were not valid."
            )
        token = self._tokens.give(self.clock.now())
        return Response.json(
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": TOKEN_LIFE,
                "scope": "CXS",
            }
        )

    def _track(self, request: Request, fault: str) -> Response:
        now = self.clock.now()
        if not self._tokens.let_in(request, now):
            return _error(401, "NOT.AUTHORIZED.ERROR", "Access token expired.")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _error(415, "UNSUPPORTED.MEDIA.TYPE", "JSON is expected.")
        try:
            asked = _asked(request)
        except (AttributeError, KeyError, TypeError, ValueError):
            return _error(400, "TRACKING.DATA.NOTUNIQUE", "The request does not fit the schema.")
        if not 1 <= len(asked) <= MOST_AT_ONCE:
            return _error(400, "TRACKING.TRACKINGNUMBER.LIMIT", "1 to 30 numbers are expected.")
        self._calls += 1
        results = [self._result(number, since, until) for number, since, until in asked]
        if fault == "missing":
            results.pop()
        if fault == "reordered":
            self._random.shuffle(results)
            for result in results:
                for one in result["trackResults"]:
                    self._random.shuffle(one.get("scanEvents", []))
        body = {
            "transactionId": f"{self._random.getrandbits(128):032x}",
            "output": {"completeTrackResults": results},
        }
        return Response.json(body)

    def _result(self, number: str, since: date | None, until: date | None) -> dict[str, Any]:
        told: list[dict[str, Any]] = []
        if not (8 <= len(number) <= 34 and number.isascii() and number.isalnum()):
            told.append(_unknown(number, "TRACKING.TRACKINGNUMBER.INVALID"))
            return {"trackingNumber": number, "trackResults": told}
        for turn, journeys in enumerate((self._journeys, self._earlier)):
            parcel = journeys.find(number, kept=KEPT)
            if parcel is None or not _shipped_between(parcel, since, until):
                continue
            parcel.asked_at.append(self.clock.now())
            told.append(_told(parcel, parcel.seen(self.clock.now()), turn))
        if not told:
            told.append(_unknown(number, "TRACKING.TRACKINGNUMBER.NOTFOUND"))
        return {"trackingNumber": number, "trackResults": told}


def _asked(request: Request) -> list[tuple[str, date | None, date | None]]:
    """(number, first day, last day) of each; raises where the schema is not kept."""
    body = json.loads(request.body)
    if not isinstance(body["includeDetailedScans"], bool):
        raise TypeError
    made = []
    for one in body["trackingInfo"]:
        number = one["trackingNumberInfo"]["trackingNumber"]
        if not isinstance(number, str):
            raise TypeError
        since, until = (
            date.fromisoformat(one[key]) if one.get(key) else None
            for key in ("shipDateBegin", "shipDateEnd")
        )
        made.append((number, since, until))
    return made


def _shipped_between(parcel: Parcel, since: date | None, until: date | None) -> bool:
    shipped = parcel.scans[0].local.date()
    return (since or shipped) <= shipped <= (until or shipped)


def _error(status: int, code: str, message: str) -> Response:
    body = {"transactionId": "t-1", "errors": [{"code": code, "message": message}]}
    return Response.json(body, status=status)


def _unknown(number: str, code: str) -> dict[str, Any]:
    words = "Tracking number cannot be found. Please correct the tracking number and try again."
    return {
        "trackingNumberInfo": {"trackingNumber": number},
        "error": {"code": code, "message": words},
    }


def _told(parcel: Parcel, seen: list[Scan], turn: int) -> dict[str, Any]:
    newest = max(seen, key=lambda scan: scan.at)
    words = WORDS[newest.step]
    planned = parcel.first(Step.DELIVERED)
    made: dict[str, Any] = {
        "trackingNumberInfo": {
            "trackingNumber": parcel.number,
            "carrierCode": "FDXG",
            "trackingNumberUniqueId": f"{245_822 + turn}~{parcel.number}~FDEG",
        },
        "latestStatusDetail": {
            "scanLocation": _address(newest.site),
            "code": words.code,
            "derivedCode": words.derived,
            "statusByLocale": words.text,
            "description": words.text,
        },
        "serviceDetail": {
            "type": "FEDEX_GROUND",
            "description": "FedEx Ground",
            "shortDescription": "FG",
        },
        "scanEvents": [_scan(scan) for scan in seen],
    }
    if planned and newest.step is not Step.DELIVERED:
        day = planned.local.replace(hour=20, minute=0, second=0, microsecond=0)
        made["estimatedDeliveryTimeWindow"] = {
            "window": {"begins": day.replace(hour=8).isoformat(), "ends": day.isoformat()}
        }
    return made


def _scan(scan: Scan) -> dict[str, Any]:
    words = WORDS[scan.step]
    made: dict[str, Any] = {
        "date": scan.local.replace(microsecond=0).isoformat(),
        "derivedStatus": words.text,
        "derivedStatusCode": words.derived,
        "eventType": words.code,
        "eventDescription": words.text,
        "scanLocation": _address(scan.site),
        "locationId": scan.site.slic,
        "locationType": "FEDEX_FACILITY",
    }
    if words.exception:
        made["exceptionCode"] = words.exception
        made["exceptionDescription"] = words.text
    if scan.step is Step.WEATHER:
        made["delayDetail"] = {"type": "WEATHER", "subType": "SNOW", "status": "DELAYED"}
    return made


def _address(site: Site) -> dict[str, Any]:
    return {
        "city": site.city.upper(),
        "stateOrProvinceCode": site.state,
        "postalCode": site.postal_code,
        "countryCode": "US",
        "residential": False,
    }
