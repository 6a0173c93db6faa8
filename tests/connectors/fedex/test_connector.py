"""FedEx's answers as ours: stories by codes, many numbers a call, and numbers used again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from connectors.fedex import mapping
from connectors.fedex.connector import MOST_AT_ONCE, Fedex
from connectors.fedex.simulator import FedexSimulator
from connectors.journeys import STORIES
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus as S
from core.model.fulfillment import Untold
from core.ports import AskedParcel
from core.rules.parcels import status_of
from jobs.clock import ManualClock
from tests.connectors.fedex.conftest import NOON, connection
from tests.connectors.inside import Inside, track

PAYLOADS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "carriers" / "payloads"
NUMBER = "986578788855"

needs_payloads = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the reference payloads are not beside this checkout"
)


@pytest.mark.parametrize("fault", ["", "reordered"])
@pytest.mark.parametrize(
    ("story", "last"),
    [
        ("", S.DELIVERED),
        ("weather", S.DELIVERED),
        ("attempted", S.DELIVERED),
        ("held", S.DELIVERED),
        # Delivered to the shipper has the code of a delivery.
        ("refused", S.RETURNED),
        ("address", S.RETURNED),
        ("damaged", S.EXCEPTION),
        ("lost", S.IN_TRANSIT),
        ("label only", S.LABEL_CREATED),
    ],
)
def test_every_story_ends_as_it_should(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock, story: str, last: S, fault: str
) -> None:
    carrier.register(NUMBER, NOON, story=story)
    clock.set(at=NOON + timedelta(days=3))
    if fault:
        carrier.faults.set([{"operation": "track", "kind": fault, "probability": 1}])

    events = track(fedex, NUMBER).events

    assert status_of(events) is last
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert len(events) == len(STORIES[story])
    assert S.UNKNOWN not in {event.status for event in events}


def test_a_parcel_that_fedex_calls_late_is_delayed_and_local_clocks_are_kept(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON, story="weather")
    clock.set(at=NOON + timedelta(days=0.7))

    report = track(fedex, NUMBER)

    assert report.events[-1].status is S.DELAYED
    assert report.events[0].at == NOON
    assert report.events[0].local_time == "2026-11-24T07:00:00"
    assert report.events[0].place == "EDISON, NJ, US"
    assert report.estimated_delivery is not None
    assert report.estimated_delivery > NOON + timedelta(days=1)


@pytest.mark.parametrize("fault", ["", "reordered"])
def test_thirty_numbers_are_one_call_and_each_gets_its_own_report(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock, fault: str
) -> None:
    numbers = [f"9865787888{n:02}" for n in range(MOST_AT_ONCE)]
    for number in numbers[:-2]:
        carrier.register(number, NOON, story="lost" if number.endswith("7") else "")
    clock.set(at=NOON + timedelta(days=3))
    carrier.faults.set([{"operation": "track", "kind": fault, "nth": 1}] if fault else [])

    reports = fedex.pull_tracking([AskedParcel(one, NOON) for one in [*numbers[:-1], "☃"]])

    assert [report.tracking_number for report in reports] == [*numbers[:-1], "☃"]
    assert [status_of(one.events) for one in reports[:10]] == [
        *[S.DELIVERED] * 7, S.IN_TRANSIT, S.DELIVERED, S.DELIVERED,
    ]  # fmt: skip
    assert [one.untold for one in reports[-3:]] == [None, None, Untold.NO_NUMBER]
    assert reports[-2].events == ()
    assert carrier.books()["calls"] == 1


def test_a_number_that_is_left_out_is_not_known_yet(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    clock.advance(3_600)
    carrier.faults.set([{"operation": "track", "kind": "missing", "nth": 1}])

    reports = [track(fedex, NUMBER) for _ in range(2)]

    assert (reports[0].events, reports[0].untold) == ((), None)
    assert reports[1].events


def test_of_two_parcels_of_one_number_the_one_shipped_about_then_is_meant(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock
) -> None:
    carrier.register_earlier(NUMBER, NOON - timedelta(days=10))
    carrier.register(NUMBER, NOON, story="")
    clock.set(at=NOON + timedelta(days=0.3))

    mine = track(fedex, NUMBER, NOON)
    other = track(fedex, NUMBER, NOON - timedelta(days=9))
    older = track(fedex, NUMBER, NOON - timedelta(days=60))

    assert (status_of(mine.events), mine.events[0].at) == (S.IN_TRANSIT, NOON)
    assert status_of(other.events) is S.DELIVERED
    assert older.events == ()


def test_a_token_that_fedex_forgot_is_renewed_once(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    clock.advance(3_600)
    carrier.faults.set([{"operation": "track", "kind": "expired-token", "nth": 2}])

    reports = [track(fedex, NUMBER) for _ in range(3)]

    assert all(report.events for report in reports)
    assert carrier.books()["tokens_given"] == 2


@pytest.mark.parametrize(
    "kind", ["500", "503-html", "400-html", "empty", "truncated", "429", "429-empty"]
)
def test_trouble_that_lasts_is_told_and_is_about_no_parcel(
    fedex: Fedex, carrier: FedexSimulator, clock: ManualClock, kind: str
) -> None:
    carrier.register(NUMBER, NOON)
    clock.advance(3_600)
    carrier.faults.set([{"operation": "track", "kind": kind, "probability": 1}])

    with pytest.raises((Unavailable, RateLimited)):
        track(fedex, NUMBER)


def test_no_secret_is_in_what_a_refused_credential_raises(
    carrier: FedexSimulator, inside: Inside
) -> None:
    fedex = connection(carrier, inside, client_secret="hush-hush")

    with pytest.raises(Unauthorized) as raised:
        track(fedex, NUMBER)

    assert "hush" not in repr(raised.value) + str(raised.value)


# the published specification and payloads


def schema_of(name: str) -> dict[str, Any]:
    told = json.loads((PAYLOADS / "fedex_track_v1_openapi.json").read_text("utf-8"))
    return {"$ref": f"#/components/schemas/{name}", "components": told["components"]}


@needs_payloads
@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_simulator_agrees_with_the_specification(
    carrier: FedexSimulator, clock: ManualClock, story: str
) -> None:
    carrier.register(NUMBER, NOON, story=story)
    result = jsonschema.Draft4Validator(schema_of("CompleteTrackResult"))
    schemas = result.schema["components"]["schemas"]
    named, scans = (set(schemas[name]["properties"]) for name in ("TrackResult", "ScanEvent"))
    clock.advance(1.2 * 86_400)

    with httpx.Client(base_url=carrier.url, trust_env=False) as client:
        credential = {
            "client_id": carrier.client_id, "client_secret": carrier.client_secret,
            "grant_type": "client_credentials",
        }  # fmt: skip
        token = client.post("/oauth/token", data=credential).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        def ask(*numbers: str) -> httpx.Response:
            asked = [{"trackingNumberInfo": {"trackingNumber": one}} for one in numbers]
            body = {"includeDetailedScans": True, "trackingInfo": asked}
            return client.post("/track/v1/trackingnumbers", json=body)

        told = ask(NUMBER, "000000000000").json()["output"]["completeTrackResults"]
        too_many = ask(*[NUMBER] * 31)

    for one in told:
        result.validate(one)
        assert set(one["trackResults"][0]) <= named
        assert all(set(scan) <= scans for scan in one["trackResults"][0].get("scanEvents", []))
    assert told[1]["trackResults"][0]["error"]["code"] == "TRACKING.TRACKINGNUMBER.NOTFOUND"
    assert too_many.status_code == 400


@needs_payloads
def test_our_question_fits_the_specification() -> None:
    asked = mapping.question(AskedParcel(NUMBER, NOON))

    body = {"includeDetailedScans": True, "trackingInfo": [asked]}

    jsonschema.Draft4Validator(schema_of("Full_Schema_Tracking_Numbers")).validate(body)


@needs_payloads
def test_the_published_payload_is_read() -> None:
    body = json.loads((PAYLOADS / "fedex_TrackingResponse.json").read_text("utf-8"))
    results = body["output"]["completeTrackResults"]

    report = mapping.report(AskedParcel("123456789012", NOON), results)

    [event] = report.events
    assert event.status is S.PICKED_UP
    assert event.at == datetime(2018, 2, 2, 19, 1, tzinfo=UTC)
    assert event.local_time == "2018-02-02T12:01:00"
    assert event.place == "SEATTLE, WA, US"
