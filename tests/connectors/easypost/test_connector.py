"""EasyPost's trackers as ours: stories by codes, each paid for once, and never more than a day's."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from connectors.easypost import mapping
from connectors.easypost.connector import MOST_AT_ONCE, Easypost
from connectors.easypost.settings import SPELLINGS, Settings
from connectors.easypost.simulator import EasypostSimulator
from connectors.journeys import STORIES
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus as S
from core.model.fulfillment import Untold
from core.ports import AskedParcel, TrackingReport
from core.rules.parcels import status_of
from jobs.clock import ManualClock
from tests.connectors.easypost.conftest import NOON, connection
from tests.connectors.inside import Buckets, Inside

NUMBER = "9400110200881269505160"


def ask(
    easypost: Easypost, *numbers: str, carrier: str = "usps", shipped_at: datetime = NOON
) -> list[TrackingReport]:
    """What EasyPost tells of parcels of one carrier."""
    return list(easypost.pull_tracking([AskedParcel(one, shipped_at, carrier) for one in numbers]))


@pytest.mark.parametrize(
    ("statuses", "details", "expected"),
    [
        ("unknown error shipped", "status_update unknown nonsense", S.UNKNOWN),
        ("pre_transit", "label_created status_update unknown", S.LABEL_CREATED),
        ("in_transit", "in_transit arrived_at_facility departed_facility", S.IN_TRANSIT),
        ("in_transit", "arrived_at_destination departed_origin_facility", S.IN_TRANSIT),
        (
            "in_transit",
            "received_at_origin_facility received_at_destination_facility",
            S.IN_TRANSIT,
        ),
        ("in_transit", "transferred_to_destination_carrier expired nonsense", S.IN_TRANSIT),
        ("in_transit", "delayed weather_delay missorted", S.DELAYED),
        ("in_transit failure", "damaged address_correction held", S.EXCEPTION),
        ("in_transit failure", "delivery_exception transit_exception", S.EXCEPTION),
        ("failure", "failure refused", S.EXCEPTION),
        ("in_transit failure", "awaiting_information", S.ACTION_REQUIRED),
        ("in_transit failure unknown", "lost", S.LOST),
        ("in_transit failure", "return", S.RETURNING),
        ("unknown in_transit", "arrived_at_pickup_location", S.AVAILABLE_FOR_PICKUP),
        ("in_transit", "out_for_delivery", S.OUT_FOR_DELIVERY),
        ("unknown", "cancelled", S.VOIDED),
        # These statuses are exact: no detail makes less of them.
        ("out_for_delivery", "out_for_delivery delayed", S.OUT_FOR_DELIVERY),
        ("delivered", "arrived_at_destination damaged", S.DELIVERED),
        ("available_for_pickup", "held", S.AVAILABLE_FOR_PICKUP),
        ("return_to_sender", "refused lost", S.RETURNING),
        ("cancelled", "status_update", S.VOIDED),
    ],
)
def test_codes(statuses: str, details: str, expected: S) -> None:
    told = {
        mapping.status_of(status, detail)
        for status in statuses.split()
        for detail in details.split()
    }

    assert told == {expected}


@pytest.mark.parametrize("fault", ["", "reordered", "local"])
@pytest.mark.parametrize(
    ("story", "last"),
    [
        ("", S.DELIVERED),
        ("weather", S.DELIVERED),
        ("attempted", S.DELIVERED),
        ("held", S.DELIVERED),
        # Delivered to the sender has the code of a delivery.
        ("refused", S.RETURNED),
        ("address", S.RETURNED),
        ("damaged", S.EXCEPTION),
        ("lost", S.IN_TRANSIT),
        ("label only", S.LABEL_CREATED),
    ],
)
def test_every_story_ends_as_it_should(
    easypost: Easypost, aggregator: EasypostSimulator, clock: ManualClock,
    story: str, last: S, fault: str,
) -> None:  # fmt: skip
    aggregator.register(NUMBER, NOON, story=story)
    [first] = ask(easypost, NUMBER)
    clock.set(at=NOON + timedelta(days=3))
    if fault:
        aggregator.faults.set([{"operation": "list", "kind": fault, "nth": 1}])

    [report] = ask(easypost, NUMBER)

    assert first.events == ()
    assert status_of(report.events) is last
    assert len(report.events) == len(STORIES[story])
    assert [one.at for one in report.events] == sorted(one.at for one in report.events)
    assert report.events[0].at == NOON
    # UTC is no wall clock of the place.
    assert report.events[0].local_time == ("2026-11-24T07:00:00" if fault == "local" else "")


def test_a_tracker_is_paid_for_once_and_many_are_read_in_one_call(
    easypost: Easypost, aggregator: EasypostSimulator, clock: ManualClock
) -> None:
    numbers = [f"94001102008812695{n:05}" for n in range(MOST_AT_ONCE)]
    for number in numbers:
        aggregator.register(number, NOON, story="")
    ask(easypost, *numbers)
    clock.set(at=NOON + timedelta(days=45))

    reports = ask(easypost, *numbers)
    books = aggregator.books()

    assert [one.tracking_number for one in reports] == numbers
    assert {status_of(one.events) for one in reports} == {S.DELIVERED}
    assert (books["lists"], len(books["trackers"])) == (2, MOST_AT_ONCE)


def test_a_tracker_whose_answer_was_lost_is_found_and_not_paid_for_again(
    easypost: Easypost, aggregator: EasypostSimulator, clock: ManualClock
) -> None:
    aggregator.register(NUMBER, NOON, story="")
    aggregator.faults.set([{"operation": "create", "kind": "lost-answer", "nth": 1}])

    with pytest.raises(Unavailable):
        ask(easypost, NUMBER)
    clock.advance(7_200)
    [report] = ask(easypost, NUMBER)

    assert report.events
    assert aggregator.books()["trackers"] == [[NUMBER, "USPS"]]


def test_beyond_the_days_trackers_a_parcel_waits_and_those_known_are_told(
    aggregator: EasypostSimulator, inside: Inside, clock: ManualClock
) -> None:
    inside.rates = Buckets(clock)
    easypost = connection(aggregator, inside, trackers_per_day=4)
    numbers = [f"94001102008812695{n:05}" for n in range(8)]
    for number in numbers:
        aggregator.register(number, NOON, story="")
    made = []

    for hour in range(1, 25):
        clock.set(at=NOON + timedelta(hours=hour))
        reports = ask(easypost, *numbers)
        made.append(len(aggregator.books()["trackers"]))
    easypost.close()

    # Half of them at once, half as the day goes by.
    assert (made[0], made[-1]) == (2, 3)
    assert [bool(one.events) for one in reports] == [True] * 3 + [False] * 5
    assert {one.untold for one in reports} == {None}


def test_a_number_used_again_gets_a_tracker_of_its_own(
    easypost: Easypost, aggregator: EasypostSimulator, clock: ManualClock
) -> None:
    aggregator.register(NUMBER, NOON, story="")
    ask(easypost, NUMBER)
    clock.set(at=NOON + timedelta(days=50))

    [soon] = ask(easypost, NUMBER, shipped_at=clock.now())
    clock.set(at=NOON + timedelta(days=100))
    [later] = ask(easypost, NUMBER, shipped_at=clock.now())

    # Within three months EasyPost has but the older parcel's.
    assert soon.events == later.events == ()
    assert len(aggregator.books()["trackers"]) == 2


def test_each_parcel_is_asked_about_under_its_carriers_name(
    easypost: Easypost, aggregator: EasypostSimulator
) -> None:
    aggregator.register(NUMBER, NOON, carrier="USPS")
    aggregator.register("D10010880000000", NOON, carrier="OnTrac")

    reports = [
        *ask(easypost, NUMBER, carrier="usps"),
        *ask(easypost, "D10010880000000", carrier="ontrac"),
        *ask(easypost, NUMBER, carrier="ontrac"),
    ]

    assert aggregator.books()["trackers"] == [[NUMBER, "USPS"], ["D10010880000000", "OnTrac"]]
    assert [one.untold for one in reports] == [None, None, Untold.NO_NUMBER]


@pytest.mark.parametrize(
    ("fault", "untold"), [("in-flight", None), ("no-account", Untold.NOT_YOURS)]
)
def test_a_tracker_that_is_refused_stops_no_other(
    easypost: Easypost, aggregator: EasypostSimulator, fault: str, untold: Untold | None
) -> None:
    aggregator.faults.set([{"operation": "create", "kind": fault, "nth": 2}])

    reports = ask(easypost, "9400110200881269505161", "9400110200881269505162", "☃", NUMBER)

    assert [one.untold for one in reports] == [None, untold, Untold.NO_NUMBER, None]
    assert len(aggregator.books()["trackers"]) == 2


@pytest.mark.parametrize("operation", ["list", "create"])
@pytest.mark.parametrize(
    "kind", ["500", "503-html", "400-html", "empty", "truncated", "429", "429-empty"]
)
def test_trouble_that_lasts_is_told_and_is_about_no_parcel(
    easypost: Easypost, aggregator: EasypostSimulator, operation: str, kind: str
) -> None:
    aggregator.faults.set([{"operation": operation, "kind": kind, "probability": 1}])

    with pytest.raises((Unavailable, RateLimited)):
        ask(easypost, NUMBER)


def test_no_secret_is_in_what_a_refused_credential_raises(
    aggregator: EasypostSimulator, inside: Inside
) -> None:
    easypost = connection(aggregator, inside, api_key="hush-hush")

    for asked in (easypost.check, lambda: ask(easypost, NUMBER)):
        with pytest.raises(Unauthorized) as raised:
            asked()
        assert "hush" not in repr(raised.value) + str(raised.value)
    easypost.close()


def test_a_carrier_without_a_known_spelling_is_refused_unless_it_is_said() -> None:
    told = {"type": "easypost", "api_key": "x", "carriers": ["gofo", "usps"]}

    with pytest.raises(ValidationError, match="how EasyPost spells gofo is not known"):
        Settings.model_validate(told)
    settings = Settings.model_validate(told | {"spellings": {"gofo": "Gofo"}})

    assert settings.spelling("gofo") == "Gofo"
    assert settings.spelling("dhl_ecommerce") == "DhlEcs"
    assert all(one == one.lower() for one in SPELLINGS)


def test_the_simulator_lists_as_documented(
    aggregator: EasypostSimulator, clock: ManualClock
) -> None:
    def codes(**params: object) -> list[str]:
        told = client.get("/v2/trackers", params=params).json()
        return [one["tracking_code"] for one in told["trackers"]] + ["more"] * told["has_more"]

    with httpx.Client(base_url=aggregator.url, trust_env=False) as client:
        client.auth = httpx.BasicAuth(aggregator.api_key, "")
        made = []
        for number in (
            "9400110200881269505161",
            "9400110200881269505162",
            "9400110200881269505162",
        ):
            made.append(client.post("/v2/trackers", json={"tracker": {"tracking_code": number}}))
            clock.advance(60)
        newest_first = codes()
        pages = [codes(page_size=1), codes(page_size=1, before_id=made[1].json()["id"])]
        clock.advance(40 * 86_400)
        a_month = codes()
        all_of_them = codes(
            start_datetime="2026-11-01T00:00:00Z", end_datetime="2027-02-01T00:00:00Z"
        )
        too_many = client.get("/v2/trackers", params={"page_size": 101})

    assert [one.status_code for one in made] == [201, 201, 200]
    assert made[1].json()["id"] == made[2].json()["id"]
    assert newest_first == all_of_them == ["9400110200881269505162", "9400110200881269505161"]
    assert pages == [["9400110200881269505162", "more"], ["9400110200881269505161"]]
    assert a_month == []
    assert too_many.status_code == 422
