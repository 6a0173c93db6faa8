"""UPS's own specification and payloads: the simulator agrees with one, the mapping reads the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from connectors.journeys import STORIES
from connectors.ups import mapping
from connectors.ups.simulator import UpsSimulator
from core.model.fulfillment import TrackingStatus as S
from jobs.clock import ManualClock
from tests.connectors.ups.conftest import NOON

PAYLOADS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "carriers" / "payloads"
NUMBER = "1Z5R89390357567127"

needs_payloads = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the reference payloads are not beside this checkout"
)


def payload(name: str) -> dict[str, Any]:
    return json.loads((PAYLOADS / f"ups_{name}.json").read_text())  # type: ignore[no-any-return]


def closed(schema: Any) -> Any:
    """The schema, refusing every property it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: closed(value) for key, value in schema.items() if key not in ("example", "description")
    }
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {k: closed(v) for k, v in schema["properties"].items()}
        made["additionalProperties"] = False
    return made


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    # UPS's file has a tab where YAML wants blanks.
    text = (PAYLOADS / "ups_tracking_openapi.yaml").read_text().expandtabs()
    return closed(yaml.safe_load(text))  # type: ignore[no-any-return]


def validate(body: Any, name: str, specification: dict[str, Any]) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": specification["components"]}
    jsonschema.Draft4Validator(schema).validate(body)


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(carrier: UpsSimulator) -> Iterator[Ask]:
    """A second client, written from the specification alone; a fresh token for every question."""
    with httpx.Client(base_url=carrier.url, trust_env=False) as client:

        def get(number: str, **headers: str) -> httpx.Response:
            token = client.post(
                "/security/v1/oauth/token",
                auth=(carrier.client_id, carrier.client_secret),
                data={"grant_type": "client_credentials"},
            ).json()
            usual = {
                "Authorization": f"{token['token_type']} {token['access_token']}",
                "transId": "t-1",
                "transactionSrc": "testing",
            }
            return client.get(f"/api/track/v1/details/{number}", headers=usual | headers)

        yield get


@needs_payloads
@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_simulator_s_parcels_agree_with_the_specification(
    carrier: UpsSimulator,
    clock: ManualClock,
    ask: Ask,
    specification: dict[str, Any],
    story: str,
) -> None:
    carrier.register(NUMBER, NOON, story=story)

    for _ in range(5):
        answer = ask(NUMBER)
        assert answer.status_code == 200
        validate(answer.json(), "TrackApiResponse", specification)
        clock.advance(0.5 * 86_400)


@needs_payloads
def test_the_simulator_s_refusals_agree_with_the_specification_and_the_payloads(
    ask: Ask, specification: dict[str, Any]
) -> None:
    unknown, no_number = ask(NUMBER), ask("1Z")
    no_header = ask(NUMBER, transId="")
    no_token = ask(NUMBER, Authorization="Bearer stolen")

    assert unknown.status_code == 200
    assert unknown.json() == payload("TrackingNumberNotFoundResponseJSON")
    assert no_number.json() == payload("InvalidTrackingNumberResponseJSON")
    assert [r.status_code for r in (no_number, no_header, no_token)] == [400, 400, 401]
    validate(unknown.json(), "TrackApiResponse", specification)
    for refusal in (no_number, no_header, no_token):
        validate(refusal.json(), "Response", specification)


@needs_payloads
def test_the_published_parcel_normalizes() -> None:
    report = mapping.report("1Z023E2X0214323462", payload("TrackingResponseJSON"))

    [event] = report.events
    # The placeholder says "released by customs", "Delivered" and 003 at once: the code decides.
    assert event.status is S.LABEL_CREATED
    assert (event.raw_type, event.raw_code, event.raw_status_code) == ("X", "SR", "003")
    assert (event.local_time, event.place) == ("2021-02-10T07:13:56", "Wayne, NJ, US")
    assert report.estimated_delivery is None
    assert json.loads(report.raw) == payload("TrackingResponseJSON")


@needs_payloads
@pytest.mark.parametrize(
    "name", ["TrackingNumberNotFoundResponseJSON", "InvalidTrackingNumberResponseJSON", "AuthError"]
)
def test_a_published_refusal_has_no_events(name: str) -> None:
    assert mapping.report(NUMBER, payload(name)).events == ()


@pytest.mark.parametrize(
    ("type_", "code", "status_code", "status"),
    [
        # the three-digit code decides, whatever the others say
        ("D", "KB", "011", S.DELIVERED),
        ("X", "SR", "003", S.LABEL_CREATED),
        ("I", "OT", "021", S.OUT_FOR_DELIVERY),
        ("D", "ZP", "040", S.AVAILABLE_FOR_PICKUP),
        ("X", "", "48", S.DELAYED),
        ("X", "", "035", S.RETURNING),
        ("X", "", "029", S.ACTION_REQUIRED),
        # then the two-character one
        ("I", "OT", "", S.OUT_FOR_DELIVERY),
        ("I", "OT", "999", S.OUT_FOR_DELIVERY),
        ("I", "ZP", "", S.AVAILABLE_FOR_PICKUP),
        # then the type
        ("M", "??", "", S.LABEL_CREATED),
        ("MV", "", "", S.VOIDED),
        ("P", "", "", S.PICKED_UP),
        ("RS", "", "", S.RETURNED),
        # the delivery group covers loaded and out for delivery: never delivered by type alone
        ("D", "??", "", S.UNKNOWN),
        ("U", "", "", S.UNKNOWN),
        ("NA", "", "", S.UNKNOWN),
        ("", "", "", S.UNKNOWN),
    ],
)
def test_a_status_is_read_by_its_codes(type_: str, code: str, status_code: str, status: S) -> None:
    assert mapping.status_of(type_=type_, code=code, status_code=status_code) is status


@pytest.mark.parametrize(
    ("activity", "at"),
    [
        # UTC as stated, with a leading zero dropped, with colons
        ({"gmtDate": "20210210", "gmtTime": "74700"}, datetime(2021, 2, 10, 7, 47, tzinfo=UTC)),
        ({"gmtDate": "20210210", "gmtTime": "12:13:56"}, datetime(2021, 2, 10, 12, 13, 56, tzinfo=UTC)),
        # the wall clock with its offset
        (
            {"date": "20210210", "time": "200000", "gmtOffset": "-05:00"},
            datetime(2021, 2, 11, 1, tzinfo=UTC),
        ),
        # nothing but the wall clock
        ({"date": "20210210", "time": "071356"}, datetime(2021, 2, 10, 7, 13, 56, tzinfo=UTC)),
        # UTC wins over the wall clock
        (
            {"date": "20210209", "time": "235900", "gmtDate": "20210210", "gmtTime": "045900",
             "gmtOffset": "-05:00"},
            datetime(2021, 2, 10, 4, 59, tzinfo=UTC),
        ),
    ],
)  # fmt: skip
def test_an_instant_is_right_in_utc(activity: dict[str, str], at: datetime) -> None:
    event = mapping.event_of(NUMBER, activity)

    assert event is not None
    assert event.at == at


def test_a_scan_without_a_date_is_left_out() -> None:
    assert mapping.event_of(NUMBER, {"status": {"type": "I"}}) is None


def test_a_rescheduled_day_beats_the_scheduled_one() -> None:
    package = {
        "deliveryDate": [{"type": "SDD", "date": "20261125"}, {"type": "RDD", "date": "20261127"}],
        "deliveryTime": {"type": "EDW", "startTime": "140000", "endTime": "180000"},
        "activity": [{"date": "20261124", "time": "070000", "gmtOffset": "-05:00"}],
    }
    body = {"trackResponse": {"shipment": [{"package": [package]}]}}

    report = mapping.report(NUMBER, body)

    assert report.estimated_delivery == datetime(2026, 11, 27, 23, tzinfo=UTC)


def test_of_a_shipment_s_parcels_only_the_one_that_was_asked_for_counts() -> None:
    def package(number: str, at: timedelta) -> dict[str, Any]:
        scan = {"gmtDate": f"{NOON + at:%Y%m%d}", "gmtTime": "120000", "status": {"type": "I"}}
        return {"trackingNumber": number, "activity": [scan]}

    packages = [package("1Z1", timedelta(0)), package("1z 2", timedelta(days=1))]
    body = {"trackResponse": {"shipment": [{"package": packages}]}}

    assert [e.at for e in mapping.report("1Z2", body).events] == [NOON + timedelta(days=1)]
    assert mapping.report("1Z3", body).events == ()
    assert (
        len(
            mapping.report(
                "1Z9", {"trackResponse": {"shipment": [{"package": packages[:1]}]}}
            ).events
        )
        == 1
    )


@pytest.mark.parametrize(
    "body",
    [{}, {"trackResponse": None}, {"trackResponse": {"shipment": "x"}},
     {"trackResponse": {"shipment": [None, {"package": [{"activity": [{"status": "x"}]}]}]}}],
)  # fmt: skip
def test_an_answer_of_another_shape_has_no_events(body: dict[str, Any]) -> None:
    assert mapping.report(NUMBER, body).events == ()
