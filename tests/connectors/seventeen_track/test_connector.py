"""17TRACK's numbers as ours: stories by codes, parcels handed over, and quota that is spent once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.journeys import STORIES
from connectors.seventeen_track import mapping
from connectors.seventeen_track.connector import MOST_AT_ONCE, SeventeenTrack
from connectors.seventeen_track.settings import KEYS, Settings
from connectors.seventeen_track.simulator import SeventeenTrackSimulator
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus as S
from core.model.fulfillment import Untold
from core.ports import AskedParcel, TrackingReport
from core.rules.parcels import status_of
from jobs.clock import ManualClock
from tests.connectors.inside import Inside
from tests.connectors.seventeen_track.conftest import NOON, connection

NUMBER = "YT2432821272000123"
LAST_MILE = "9400110200881269505160"


def ask(
    seventeen: SeventeenTrack, *numbers: str, carrier: str = "yunexpress"
) -> list[TrackingReport]:
    """What 17TRACK tells of parcels of one carrier."""
    return list(seventeen.pull_tracking([AskedParcel(one, NOON, carrier) for one in numbers]))


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("NotFound_Other NotFound_InvalidCode", S.NOT_FOUND),
        ("InfoReceived", S.LABEL_CREATED),
        ("InTransit_PickedUp", S.PICKED_UP),
        ("InTransit_Other InTransit_Departure InTransit_Arrival", S.IN_TRANSIT),
        ("InTransit_CustomsProcessing InTransit_CustomsReleased", S.IN_TRANSIT),
        ("InTransit_CustomsRequiringInformation", S.ACTION_REQUIRED),
        ("Expired_Other Exception_Delayed", S.DELAYED),
        ("AvailableForPickup_Other", S.AVAILABLE_FOR_PICKUP),
        ("OutForDelivery_Other", S.OUT_FOR_DELIVERY),
        ("DeliveryFailure_Other DeliveryFailure_NoBody", S.ATTEMPTED),
        ("DeliveryFailure_Security DeliveryFailure_Rejected", S.EXCEPTION),
        ("DeliveryFailure_InvalidAddress Exception_Other Exception_NoBody", S.EXCEPTION),
        ("Exception_Security Exception_Damage Exception_Rejected", S.EXCEPTION),
        ("Delivered_Other", S.DELIVERED),
        ("Exception_Returning", S.RETURNING),
        ("Exception_Returned", S.RETURNED),
        ("Exception_Lost Exception_Destroyed", S.LOST),
        ("Exception_Cancel", S.VOIDED),
        ("InTransit_New", S.UNKNOWN),
    ],
)
def test_sub_statuses(codes: str, status: S) -> None:
    told = {"time_utc": "2026-11-24T09:00:00Z", "description": "Delivered", "stage": None}

    events = [mapping.event_of(NUMBER, told | {"sub_status": one}) for one in codes.split()]

    assert {one.status for one in events if one} == {status}


@pytest.mark.parametrize(
    ("stages", "status"),
    [
        ("InfoReceived", S.LABEL_CREATED),
        ("PickedUp", S.PICKED_UP),
        ("Departure Arrival", S.IN_TRANSIT),
        ("AvailableForPickup", S.AVAILABLE_FOR_PICKUP),
        ("OutForDelivery", S.OUT_FOR_DELIVERY),
        ("Delivered", S.DELIVERED),
        ("Returning", S.RETURNING),
        ("Returned", S.RETURNED),
        ("Somewhere", S.UNKNOWN),
    ],
)
def test_stages_where_there_is_no_sub_status(stages: str, status: S) -> None:
    told = {"time_iso": "2026-11-24T17:00:00+08:00", "time_utc": None}

    events = [mapping.event_of(NUMBER, told | {"stage": one}) for one in stages.split()]

    assert {one.status for one in events if one} == {status}
    assert {one.at for one in events if one} == {datetime(2026, 11, 24, 9, tzinfo=UTC)}


@pytest.mark.parametrize("fault", ["", "reordered", "doubled"])
@pytest.mark.parametrize(
    ("story", "last"),
    [
        ("", S.DELIVERED),
        ("weather", S.DELIVERED),
        ("attempted", S.DELIVERED),
        ("held", S.DELIVERED),
        ("refused", S.RETURNED),
        ("address", S.RETURNED),
        ("damaged", S.EXCEPTION),
        ("lost", S.IN_TRANSIT),
        ("label only", S.LABEL_CREATED),
    ],
)
def test_every_story_ends_as_it_should_under_whatever_number(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, clock: ManualClock,
    story: str, last: S, fault: str,
) -> None:  # fmt: skip
    aggregator.register(NUMBER, NOON, story=story, last_mile=LAST_MILE)
    [first] = ask(seventeen, NUMBER)
    clock.set(at=NOON + timedelta(days=30))
    if fault:
        aggregator.faults.set([{"operation": "gettrackinfo", "kind": fault, "nth": 1}])

    [report] = ask(seventeen, NUMBER)

    assert (first.events, first.untold) == ((), None)
    assert status_of(report.events) is last
    # What both carriers tell is one scan.
    assert len(report.events) == len(STORIES[story])
    assert [one.at for one in report.events] == sorted(one.at for one in report.events)
    assert S.UNKNOWN not in {one.status for one in report.events}
    assert not any("JOHN" in one.text for one in report.events)


def test_a_parcel_handed_over_to_usps_is_one_parcel_with_both_numbers(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, clock: ManualClock
) -> None:
    aggregator.register(NUMBER, NOON, story="", last_mile=LAST_MILE)
    ask(seventeen, NUMBER)

    clock.set(at=NOON + timedelta(days=5))
    [before] = ask(seventeen, NUMBER)
    clock.set(at=NOON + timedelta(days=8.5))
    [after] = ask(seventeen, NUMBER)

    assert (before.also_known_as, after.also_known_as) == ((), (LAST_MILE,))
    assert set(before.events) < set(after.events)
    assert {one.tracking_number for one in after.events} == {NUMBER}
    assert [one.at for one in after.events] == [
        NOON + timedelta(days=10 * share) for share in (0, 0.08, 0.2, 0.45, 0.55, 0.8)
    ]
    # The clocks of Shenzhen and of the buyer.
    assert after.events[0].local_time == "2026-11-24T20:00:00"
    assert after.events[0].place == "SHENZHEN, Guangdong, CN"
    assert after.estimated_delivery is not None
    assert after.estimated_delivery.date() >= (NOON + timedelta(days=10)).date()


def test_a_number_costs_quota_once_and_forty_are_one_call(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, clock: ManualClock
) -> None:
    numbers = [f"YT24328212720001{n:02}" for n in range(MOST_AT_ONCE)]
    for number in numbers:
        aggregator.register(number, NOON, story="")
    ask(seventeen, *numbers)
    ask(seventeen, *numbers)
    clock.set(at=NOON + timedelta(days=12))

    reports = ask(seventeen, *numbers)
    books = aggregator.books()

    assert [one.tracking_number for one in reports] == numbers
    assert {status_of(one.events) for one in reports} == {S.DELIVERED}
    assert books["registered"] == [[number, KEYS["yunexpress"]] for number in numbers]
    assert (books["calls"], books["refused"]) == (4, 0)


def test_a_registration_whose_answer_was_lost_is_not_made_twice(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, clock: ManualClock
) -> None:
    aggregator.register(NUMBER, NOON, story="")
    aggregator.faults.set([{"operation": "register", "kind": "lost-answer", "nth": 1}])

    with pytest.raises(Unavailable):
        ask(seventeen, NUMBER)
    clock.advance(3_600)
    [report] = ask(seventeen, NUMBER)

    assert report.events
    assert len(aggregator.books()["registered"]) == 1


def test_beyond_the_days_registrations_a_parcel_waits_and_those_known_are_told(
    aggregator: SeventeenTrackSimulator, inside: Inside, clock: ManualClock
) -> None:
    seventeen = connection(aggregator, inside, registrations_per_day=4)
    numbers = [f"YT24328212720001{n:02}" for n in range(8)]
    for number in numbers:
        aggregator.register(number, NOON, story="")
    made = []

    for hour in range(1, 25):
        clock.set(at=NOON + timedelta(hours=hour))
        reports = ask(seventeen, *numbers)
        made.append(len(aggregator.books()["registered"]))
    seventeen.close()

    # Half of them at once, half as the day goes by.
    assert (made[0], made[-1]) == (2, 3)
    assert [bool(one.events) for one in reports] == [True] * 3 + [False] * 5
    assert {one.untold for one in reports} == {None}


def test_what_is_refused_about_one_number_stops_no_other(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, clock: ManualClock
) -> None:
    aggregator.register(NUMBER, NOON, story="")
    ask(seventeen, NUMBER)
    clock.advance(3_600)
    aggregator.faults.set([{"operation": "register", "kind": "no-quota", "nth": 1}])

    reports = ask(seventeen, "☃", NUMBER, "YT2432821272000999")

    assert [one.untold for one in reports] == [Untold.NO_NUMBER, None, None]
    assert [bool(one.events) for one in reports] == [False, True, False]


@pytest.mark.parametrize(
    ("code", "untold"),
    [
        (-18010011, Untold.NO_NUMBER),
        (-18019903, Untold.NO_NUMBER),
        (-18010018, Untold.NOT_YOURS),
        (-18010019, Untold.NOT_YOURS),
        (-18010020, Untold.NOT_YOURS),
        # These pass: quota, a slip in the settings, nothing known yet, already registered.
        (-18019907, None),
        (-18019908, None),
        (-18019909, None),
        (-18019910, None),
        (-18019901, None),
    ],
)
def test_codes_of_refusals(code: int, untold: Untold | None) -> None:
    assert mapping.REFUSALS.get(code) is untold


@pytest.mark.parametrize("operation", ["gettrackinfo", "register"])
@pytest.mark.parametrize(
    "kind", ["500", "503-html", "400-html", "empty", "truncated", "429", "429-empty"]
)
def test_trouble_that_lasts_is_told_and_is_about_no_parcel(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator, operation: str, kind: str
) -> None:
    aggregator.faults.set([{"operation": operation, "kind": kind, "probability": 1}])

    with pytest.raises((Unavailable, RateLimited)):
        ask(seventeen, NUMBER)


def test_no_secret_is_in_what_a_refused_token_raises(
    aggregator: SeventeenTrackSimulator, inside: Inside
) -> None:
    seventeen = connection(aggregator, inside, token="hush-hush")

    with pytest.raises(Unauthorized) as raised:
        ask(seventeen, NUMBER)
    seventeen.close()

    assert "hush" not in repr(raised.value) + str(raised.value)


def test_an_account_that_is_disabled_is_told_as_such(
    seventeen: SeventeenTrack, aggregator: SeventeenTrackSimulator
) -> None:
    aggregator.faults.set([{"operation": "*", "kind": "disabled", "nth": 1}])

    with pytest.raises(Unauthorized, match="-18010004"):
        ask(seventeen, NUMBER)


def test_the_check_tells_that_the_quota_is_used_up(clock: ManualClock, inside: Inside) -> None:
    stingy = SeventeenTrackSimulator(clock=clock, seed=7, quota=1)
    stingy.start()
    seventeen = connection(stingy, inside)

    fresh = seventeen.check()
    ask(seventeen, NUMBER)
    used_up = seventeen.check()
    seventeen.close()
    stingy.stop()

    assert ("quota left", "1") in fresh.facts
    assert fresh.problems == ()
    assert used_up.problems == ("the quota is used up: no new parcel is followed",)


def test_a_carrier_without_a_known_key_is_refused_unless_it_is_said() -> None:
    told = {"type": "seventeen_track", "token": "x", "carriers": ["gofo", "4px"]}

    with pytest.raises(ValidationError, match="17TRACK's key for gofo is not known"):
        Settings.model_validate(told)
    settings = Settings.model_validate(told | {"keys": {"gofo": 100_900}})

    assert (settings.key("gofo"), settings.key("4px")) == (100_900, 190_094)


def test_the_simulator_is_as_strict_as_documented(
    aggregator: SeventeenTrackSimulator, clock: ManualClock
) -> None:
    def post(verb: str, body: Any) -> httpx.Response:
        clock.advance(1)
        return client.post(f"/track/v2.2/{verb}", json=body)

    with httpx.Client(base_url=aggregator.url, trust_env=False) as client:
        wrong = client.post("/track/v2.2/register", json=[])
        client.headers["17token"] = aggregator.token
        too_many = post("register", [{"number": f"YT{n:010}"} for n in range(41)]).json()
        no_list = post("register", {"number": NUMBER}).json()
        unknown = post("gettrackinfo", [{"number": NUMBER}]).json()["data"]
        taken = post("register", [{"number": NUMBER, "carrier": 190008}]).json()["data"]
        twice = post("register", [{"number": NUMBER, "carrier": 190008}]).json()["data"]
        early = post("gettrackinfo", [{"number": NUMBER}]).json()["data"]
        clock.advance(10)
        paces = [client.post("/track/v2.2/getquota", json=[]).status_code for _ in range(4)]

    def code(data: dict[str, Any]) -> int:
        return int(data["rejected"][0]["error"]["code"])

    assert (wrong.status_code, wrong.json()["code"]) == (401, -18010002)
    assert (too_many["code"], no_list["code"]) == (-18010014, -18010013)
    assert taken["accepted"] == [{"origin": 1, "number": NUMBER, "carrier": 190008}]
    assert [code(one) for one in (unknown, twice, early)] == [-18019902, -18019901, -18019909]
    assert paces == [200, 200, 200, 429]
