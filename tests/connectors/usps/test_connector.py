"""USPS's answers as ours: stories by codes, its quota, and parcels it tells nobody about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from connectors.journeys import STORIES
from connectors.usps import mapping
from connectors.usps.connector import Usps
from connectors.usps.simulator import UspsSimulator
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus as S
from core.model.fulfillment import Untold
from core.rules.parcels import status_of
from jobs.clock import ManualClock
from tests.connectors.inside import Buckets, Inside, track
from tests.connectors.usps.conftest import NOON, connection

PAYLOADS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "carriers" / "payloads"
NUMBER = "9400110200881269505160"
OTHERS = "9361289692090831412207"

needs_payloads = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the reference payloads are not beside this checkout"
)


@pytest.mark.parametrize(
    ("story", "last", "unknown"),
    [
        ("", S.DELIVERED, 0),
        ("weather", S.DELIVERED, 1),
        ("attempted", S.DELIVERED, 0),
        ("held", S.DELIVERED, 0),
        # "Delivered, To Original Sender" has the code of a delivery.
        ("refused", S.RETURNED, 0),
        ("address", S.RETURNED, 0),
        ("damaged", S.UNKNOWN, 1),
        ("lost", S.IN_TRANSIT, 0),
        ("label only", S.LABEL_CREATED, 0),
    ],
)
def test_every_story_ends_as_it_should(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock, story: str, last: S, unknown: int
) -> None:
    carrier.register(NUMBER, NOON, story=story)
    clock.set(at=NOON + timedelta(days=3))

    events = track(usps, NUMBER).events

    assert status_of(events) is last
    assert len(events) == len(STORIES[story])
    # A code that no table has stays unknown: it is not guessed from the words beside it.
    assert [event.status for event in events].count(S.UNKNOWN) == unknown


@pytest.mark.parametrize("fault", ["", "reordered", "no-gmt"])
def test_instants_are_utc_in_order_and_the_local_clock_is_kept(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock, fault: str
) -> None:
    carrier.register(NUMBER, NOON, story="")
    clock.set(at=NOON + timedelta(days=3))
    if fault:
        carrier.faults.set([{"operation": "track", "kind": fault, "nth": 1}])

    events = track(usps, NUMBER).events

    share = [0, 0.08, 0.2, 0.45, 0.55, 0.8, 0.88, 1]
    assert [event.at for event in events] == [NOON + timedelta(days=one) for one in share]
    assert events[0].local_time == "2026-11-24T07:00:00"
    assert events[0].place == "EDISON, NJ"


def test_a_fresh_label_is_not_known_for_hours(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)

    early = track(usps, NUMBER)
    clock.advance(4 * 3_600)
    later = track(usps, NUMBER)

    assert (early.events, early.untold) == ((), None)
    assert later.events


def test_another_mailers_parcel_is_told_as_such_and_stops_nothing(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    carrier.register(OTHERS, NOON)
    carrier.foreign.add(OTHERS)
    clock.advance(4 * 3_600)

    reports = [track(usps, number) for number in (OTHERS, NUMBER)]

    assert [bool(report.events) for report in reports] == [False, True]
    assert [report.untold for report in reports] == [Untold.NOT_YOURS, None]
    assert carrier.books()["tokens_given"] == 1


def test_an_app_without_tracking_is_refused_as_a_whole(usps: Usps, carrier: UspsSimulator) -> None:
    carrier.faults.set([{"operation": "track", "kind": "403-scope", "nth": 1}])

    with pytest.raises(Unauthorized, match="scope"):
        track(usps, NUMBER)


@pytest.mark.parametrize("number", ["1Z", "☃", "../../secret", "9400 1102 0088", "x" * 60])
def test_what_is_no_number_is_told_as_such(usps: Usps, number: str) -> None:
    assert track(usps, number).untold is Untold.NO_NUMBER


def test_our_pace_keeps_within_the_quota_for_a_day(
    carrier: UspsSimulator, clock: ManualClock
) -> None:
    stingy = UspsSimulator(clock=clock, seed=7)
    stingy.start()
    inside = Inside(clock)
    inside.rates = Buckets(clock)
    usps = connection(stingy, inside)
    asked = 0

    end = NOON + timedelta(hours=24)
    while clock.now() < end:
        try:
            track(usps, NUMBER)
            asked += 1
        except RateLimited as later:
            clock.advance(later.retry_after)
    books = stingy.books()
    usps.close()
    stingy.stop()

    assert books["refused"] == 0
    # 55 an hour and 5 at once keep any hour within 60; a token every eight hours takes one.
    assert 24 * 55 - 10 <= asked <= 24 * 55 + 5


def test_a_429_says_when_to_come_back(usps: Usps, carrier: UspsSimulator) -> None:
    carrier.faults.set([{"operation": "track", "kind": "429", "probability": 1}])

    with pytest.raises(RateLimited) as raised:
        track(usps, NUMBER)

    assert raised.value.retry_after == 60


def test_a_token_that_usps_forgot_is_renewed_once(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    clock.advance(4 * 3_600)
    carrier.faults.set([{"operation": "track", "kind": "expired-token", "nth": 2}])

    reports = [track(usps, NUMBER) for _ in range(3)]

    assert all(report.events for report in reports)
    assert carrier.books()["tokens_given"] == 2


@pytest.mark.parametrize("kind", ["500", "503-html", "400-html", "empty", "truncated", "429-empty"])
def test_trouble_that_lasts_is_told_and_is_about_no_parcel(
    usps: Usps, carrier: UspsSimulator, clock: ManualClock, kind: str
) -> None:
    carrier.register(NUMBER, NOON)
    clock.advance(4 * 3_600)
    carrier.faults.set([{"operation": "track", "kind": kind, "probability": 1}])

    with pytest.raises((Unavailable, RateLimited)):
        track(usps, NUMBER)


def test_no_secret_is_in_what_a_refused_credential_raises(
    carrier: UspsSimulator, inside: Inside
) -> None:
    usps = connection(carrier, inside, client_secret="hush-hush")

    with pytest.raises(Unauthorized) as raised:
        track(usps, NUMBER)

    assert "hush" not in repr(raised.value) + str(raised.value)


def test_the_check_gets_a_token_and_asks_for_no_parcel(usps: Usps, carrier: UspsSimulator) -> None:
    report = usps.check()

    assert report.problems == ()
    assert ("calls an hour", "60") in report.facts
    assert carrier.books()["tokens_given"] == 1


# the published specification and payloads


def schema_of(name: str) -> dict[str, Any]:
    told = yaml.safe_load((PAYLOADS / "usps_tracking_v3_openapi.yaml").read_text("utf-8"))
    return {"$ref": f"#/components/schemas/{name}", "components": told["components"]}


@needs_payloads
@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_simulator_agrees_with_the_specification(
    carrier: UspsSimulator, clock: ManualClock, story: str
) -> None:
    carrier.register(NUMBER, NOON, story=story)
    carrier.foreign.add(OTHERS)
    details = jsonschema.Draft4Validator(schema_of("TrackingDetails"))
    refusal = jsonschema.Draft4Validator(schema_of("ErrorMessage"))
    named = set(details.schema["components"]["schemas"]["TrackingDetails"]["properties"])
    scans = set(details.schema["components"]["schemas"]["TrackingEvent"]["properties"])

    with httpx.Client(base_url=carrier.url, trust_env=False) as client:
        credential = {
            "client_id": carrier.client_id, "client_secret": carrier.client_secret,
            "grant_type": "client_credentials",
        }  # fmt: skip

        def log_in() -> None:
            token = client.post("/oauth2/v3/token", json=credential).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"

        path = "/tracking/v3/tracking/"
        log_in()
        unknown = client.get(f"{path}{NUMBER}")
        others = client.get(f"{path}{OTHERS}", params={"expand": "DETAIL"})
        clock.advance(1.2 * 86_400)
        log_in()
        short = client.get(f"{path}{NUMBER}")
        told = client.get(f"{path}{NUMBER}", params={"expand": "DETAIL"}).json()

    details.validate(told)
    assert set(told) <= named
    assert all(set(one) <= scans for one in told["trackingEvents"])
    assert (unknown.status_code, others.status_code) == (404, 403)
    refusal.validate(unknown.json())
    refusal.validate(others.json())
    assert set(short.json()) == {"trackingNumber", "eventSummaries"}


@needs_payloads
def test_the_published_payload_is_read() -> None:
    body = json.loads((PAYLOADS / "usps_TrackingResponse.json").read_text("utf-8"))

    report = mapping.report(NUMBER, body)

    assert report.events[-1].status is S.DELIVERED
    assert report.events[-1].at == datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC)
    assert report.events[-1].local_time == "2024-11-22T13:58:00"
    assert report.events[-1].place == "HERNANDO, FL"
    assert S.UNKNOWN not in {event.status for event in report.events}
    assert len(report.events) == len(body["trackingEvents"])
