"""DHL's answers as ours: stories by codes, Express at MyDHL, numbers used again, and a day's quota."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from connectors.dhl import mapping
from connectors.dhl.connector import Dhl
from connectors.dhl.simulator import DhlSimulator
from connectors.journeys import STORIES
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus as S
from core.model.fulfillment import Untold
from core.ports import AskedParcel
from core.rules.parcels import status_of
from jobs.clock import ManualClock
from tests.connectors.dhl.conftest import NOON, connection, mydhl
from tests.connectors.inside import Buckets, Inside, track

PAYLOADS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "carriers" / "payloads"
NUMBER = "GM2951173225174494"
WAYBILL = "3821724944"

needs_payloads = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the reference payloads are not beside this checkout"
)


@pytest.fixture
def express(carrier: DhlSimulator, inside: Inside) -> Dhl:
    """A connection with MyDHL."""
    return connection(carrier, inside, express=mydhl(carrier))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pre-transit", S.LABEL_CREATED),
        ("transit", S.IN_TRANSIT),
        ("delivered", S.DELIVERED),
        ("failure", S.EXCEPTION),
        ("unknown", S.UNKNOWN),
        # The words beside it say more; they are not read.
        ("customs", S.UNKNOWN),
    ],
)
def test_unified_codes(code: str, status: S) -> None:
    told = {"timestamp": "2026-11-24T09:00:00", "statusCode": code, "description": "Delivered"}

    event = mapping.event_of(NUMBER, told)

    assert event is not None
    assert (event.status, event.raw_type) == (status, code)


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("PU", S.PICKED_UP),
        ("PL DF AF AR CR RR", S.IN_TRANSIT),
        ("WC", S.OUT_FOR_DELIVERY),
        ("OK", S.DELIVERED),
        ("CA NH", S.ATTEMPTED),
        ("BA RD OH", S.EXCEPTION),
        ("RT", S.RETURNED),
        ("ZZ", S.UNKNOWN),
    ],
)
def test_type_codes_of_mydhl(codes: str, status: S) -> None:
    told = {"date": "2026-11-24", "time": "09:00:00", "GMTOffset": "+09:00"}

    events = [mapping.express_event_of(WAYBILL, told | {"typeCode": one}) for one in codes.split()]

    assert {one.status for one in events if one} == {status}
    assert {one.at for one in events if one} == {datetime(2026, 11, 24, tzinfo=UTC)}


@pytest.mark.parametrize("fault", ["", "reordered"])
@pytest.mark.parametrize(
    ("story", "last", "of_express"),
    [
        ("", S.DELIVERED, S.DELIVERED),
        ("weather", S.DELIVERED, S.DELIVERED),
        ("attempted", S.DELIVERED, S.DELIVERED),
        ("held", S.DELIVERED, S.DELIVERED),
        # Unified has one word for all that goes wrong.
        ("refused", S.EXCEPTION, S.RETURNED),
        ("address", S.EXCEPTION, S.RETURNED),
        ("damaged", S.EXCEPTION, S.UNKNOWN),
        ("lost", S.IN_TRANSIT, S.IN_TRANSIT),
        ("label only", S.LABEL_CREATED, S.LABEL_CREATED),
    ],
)
def test_every_story_ends_as_it_should(
    express: Dhl, carrier: DhlSimulator, clock: ManualClock,
    story: str, last: S, of_express: S, fault: str,
) -> None:  # fmt: skip
    carrier.register(NUMBER, NOON, story=story)
    carrier.register(WAYBILL, NOON, story=story)
    clock.set(at=NOON + timedelta(days=3))
    if fault:
        carrier.faults.set([{"operation": "*", "kind": fault, "probability": 1}])

    events = track(express, NUMBER).events
    of_waybill = track(express, WAYBILL).events

    assert (status_of(events), status_of(of_waybill)) == (last, of_express)
    assert len(events) == len(STORIES[story])
    assert [event.at for event in of_waybill] == sorted(event.at for event in of_waybill)


def test_express_tells_each_instant_and_all_else_the_wall_clock(
    dhl: Dhl, express: Dhl, carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.register(WAYBILL, NOON, story="")
    clock.set(at=NOON + timedelta(days=3))

    events, of_waybill = (track(one, WAYBILL).events for one in (dhl, express))

    share = [0.08, 0.2, 0.45, 0.55, 0.8, 0.88, 1]
    assert [event.at for event in of_waybill] == [NOON + timedelta(days=one) for one in share]
    # A clock without an offset is read in the east of its country: never later than it was.
    early = [one.at - event.at for one, event in zip(of_waybill, events[1:], strict=True)]
    assert set(early) == {timedelta(0), timedelta(hours=3)}
    assert [one.local_time for one in of_waybill] == [one.local_time for one in events[1:]]
    assert events[0].place == "EDISON, US"


def test_who_signed_is_not_kept(express: Dhl, carrier: DhlSimulator, clock: ManualClock) -> None:
    for number in (NUMBER, WAYBILL):
        carrier.register(number, NOON, story="")
    clock.set(at=NOON + timedelta(days=3))

    told = [event.text for number in (NUMBER, WAYBILL) for event in track(express, number).events]

    assert "Picked up" in told
    assert not any("JESSICA" in one or "ALBY" in one for one in told)


def test_a_waybill_that_mydhl_does_not_know_is_asked_of_all_dhl(
    express: Dhl, carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.register(WAYBILL, NOON, story="label only")
    clock.advance(3_600)

    events = track(express, WAYBILL).events
    unknown = track(express, "8487135506")

    assert status_of(events) is S.LABEL_CREATED
    assert (unknown.events, unknown.untold) == ((), None)
    assert (carrier.books()["express_calls"], carrier.books()["calls"]) == (2, 2)


def test_of_two_parcels_of_one_number_the_one_shipped_about_then_is_meant(
    dhl: Dhl, carrier: DhlSimulator, clock: ManualClock
) -> None:
    both, hidden = NUMBER, "GM295117494011169042"
    for number in (both, hidden):
        carrier.register(number, NOON, story="")
        carrier.register_earlier(number, NOON - timedelta(days=30), alone=number == hidden)
    clock.set(at=NOON + timedelta(days=0.3))

    reports = [track(dhl, number, NOON) for number in (both, hidden)]
    calls = carrier.books()["calls"]
    older = track(dhl, hidden, NOON - timedelta(days=29))

    assert [status_of(one.events) for one in reports] == [S.IN_TRANSIT] * 2
    # Which of DHL's services has the other one is asked only where the first one's parcel is older.
    assert calls == 3
    assert status_of(older.events) is S.DELIVERED


def test_an_older_parcel_of_the_number_is_not_this_one(
    dhl: Dhl, carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.register_earlier(NUMBER, NOON - timedelta(days=30))

    assert track(dhl, NUMBER, NOON).events == ()


def test_our_pace_keeps_within_the_quota_of_each_day(clock: ManualClock) -> None:
    stingy = DhlSimulator(clock=clock, seed=7)
    stingy.start()
    inside = Inside(clock)
    inside.rates = Buckets(clock)
    dhl = connection(stingy, inside)

    end = NOON + timedelta(hours=48)
    while clock.now() < end:
        try:
            track(dhl, NUMBER)
        except RateLimited as later:
            clock.advance(later.retry_after)
    books = stingy.books()
    dhl.close()
    stingy.stop()

    assert books["refused"] == 0
    assert 2 * 250 - 60 <= books["calls"] <= 2 * 250


def test_a_day_that_is_used_up_is_tried_again_hourly_and_after_midnight(
    dhl: Dhl, carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.faults.set([{"operation": "track", "kind": "429", "probability": 1}])

    waits = []
    for at in (NOON, NOON.replace(hour=23, minute=50)):
        clock.set(at=at)
        with pytest.raises(RateLimited) as raised:
            track(dhl, NUMBER)
        waits.append(raised.value.retry_after)

    assert waits == [3_600, 600]
    assert len(carrier.log.entries()) == 2


@pytest.mark.parametrize("number", ["1Z", "☃", "x" * 60])
def test_what_is_no_number_is_told_as_such(dhl: Dhl, number: str) -> None:
    assert track(dhl, number).untold is Untold.NO_NUMBER


@pytest.mark.parametrize(
    "kind", ["500", "503-html", "400-html", "empty", "truncated", "429", "429-empty"]
)
@pytest.mark.parametrize("number", [NUMBER, WAYBILL])
def test_trouble_that_lasts_is_told_and_is_about_no_parcel(
    express: Dhl, carrier: DhlSimulator, clock: ManualClock, kind: str, number: str
) -> None:
    carrier.register(number, NOON)
    clock.advance(3_600)
    carrier.faults.set([{"operation": "*", "kind": kind, "probability": 1}])

    with pytest.raises((Unavailable, RateLimited)):
        track(express, number)


@pytest.mark.parametrize("wrong", ["api_key", "password"])
def test_no_secret_is_in_what_a_refused_credential_raises(
    carrier: DhlSimulator, inside: Inside, wrong: str
) -> None:
    account = mydhl(carrier) | ({"password": "hush-hush"} if wrong == "password" else {})
    key = {"api_key": "hush-hush"} if wrong == "api_key" else {}
    dhl = connection(carrier, inside, express=account, **key)

    for ask in (dhl.check, lambda: track(dhl, WAYBILL)):
        with pytest.raises(Unauthorized) as raised:
            ask()
        assert "hush" not in repr(raised.value) + str(raised.value)
    dhl.close()


# the published specification and sample


def sample() -> dict[str, Any]:
    told = json.loads((PAYLOADS / "dhl_unified_tracking_sample.json").read_text("utf-8"))
    return dict(told)


def within(told: Any, published: Any) -> bool:
    """Whether `told` has no key and no kind of value that the sample does not have."""
    if isinstance(told, dict) and isinstance(published, dict):
        return all(key in published and within(told[key], published[key]) for key in told)
    if isinstance(told, list) and isinstance(published, list):
        return all(within(one, published[0]) for one in told)
    return isinstance(told, type(published)) or isinstance(published, int)


@needs_payloads
def test_the_simulator_agrees_with_the_sample_of_unified(
    carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON, story="")
    carrier.register_earlier(NUMBER, NOON - timedelta(days=30), alone=True)
    clock.advance(0.9 * 86_400)

    headers = {"DHL-API-Key": carrier.api_key}
    with httpx.Client(base_url=carrier.url, trust_env=False, headers=headers) as client:
        told, unknown = (
            client.get("/track/shipments", params={"trackingNumber": number}).json()
            for number in (NUMBER, "GM0000000000")
        )

    assert within(told, sample()["trackingResponse"])
    assert told["possibleAdditionalShipmentsUrl"]
    assert within(unknown, sample()["error"])
    assert unknown["title"] == "No result found"


def mydhl_schema(name: str) -> dict[str, Any]:
    # It is indented with tabs here and there.
    text = (PAYLOADS / "mydhl_3.1.1.yaml").read_text("utf-8").expandtabs(2)
    schemas = yaml.load(text, Loader=yaml.CSafeLoader)["components"]["schemas"]
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}


@needs_payloads
def test_the_simulator_agrees_with_the_specification_of_mydhl_and_reads_its_example(
    carrier: DhlSimulator, clock: ManualClock
) -> None:
    carrier.register(WAYBILL, NOON, story="attempted")
    clock.advance(1.2 * 86_400)
    schema = mydhl_schema("supermodelIoLogisticsExpressTrackingResponse")
    refusal = schema | {"$ref": "#/components/schemas/supermodelIoLogisticsExpressErrorResponse"}

    with httpx.Client(base_url=f"{carrier.url}/mydhlapi", trust_env=False) as client:
        client.auth = httpx.BasicAuth(carrier.username, carrier.password)
        client.headers["x-version"] = "3.1.0"
        path = f"/shipments/{WAYBILL}/tracking"
        told = client.get(path, params={"requestGMTOffsetPerEvent": "true"})
        plain = client.get(path)
        refused = [
            client.get(path, params={"trackingView": "nonsense"}),
            client.get("/shipments/1099255990/tracking"),
            client.get(path, auth=("somebody", "else")),
        ]

    for one in (told, plain):
        jsonschema.Draft4Validator(schema).validate(one.json())
    assert "GMTOffset" in told.text
    assert "GMTOffset" not in plain.text
    assert [one.status_code for one in refused] == [400, 404, 401]
    for one in refused:
        jsonschema.Draft4Validator(refusal).validate(one.json())


@needs_payloads
def test_the_published_sample_is_read() -> None:
    shipments = mapping.shipments_of(sample())

    report = mapping.report(AskedParcel("7777777770", datetime(2018, 3, 1, tzinfo=UTC)), shipments)

    [event] = report.events
    assert event.status is S.LABEL_CREATED
    # In Amsterdam, where no offset is written.
    assert event.at == datetime(2018, 3, 2, 6, 53, 47, tzinfo=UTC)
    assert event.local_time == "2018-03-02T07:53:47"
    assert report.estimated_delivery == datetime(2018, 8, 3, 22, 0, tzinfo=UTC)
    assert mapping.other_services(sample()) == ["parcel-de", "parcel-nl"]
