"""The connector against the simulated UPS, over real HTTP."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors import registry
from connectors.journeys import STORIES
from connectors.ups.connector import Ups, connect
from connectors.ups.settings import Settings
from connectors.ups.simulator import TOKEN_LIFE, UpsSimulator
from core.errors import RateLimited, Unauthorized, Unavailable
from core.model.fulfillment import TrackingStatus, Untold
from jobs.clock import ManualClock
from tests.connectors.inside import track
from tests.connectors.ups.conftest import NOON, Inside

NUMBER = "1Z5R89390357567127"


def statuses(ups: Ups) -> list[str]:
    return [event.status.value for event in track(ups, NUMBER).events]


def test_a_parcel_is_followed_from_the_label_to_the_door(
    ups: Ups, carrier: UpsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    seen = [statuses(ups)[-1]]
    for share in (0.1, 0.3, 0.9, 1.0):
        clock.set(at=NOON + timedelta(days=share))
        seen.append(statuses(ups)[-1])

    report = track(ups, NUMBER)

    assert seen == ["label_created", "picked_up", "in_transit", "out_for_delivery", "delivered"]
    assert [event.at for event in report.events] == sorted(event.at for event in report.events)
    assert report.events[-1].at == NOON + timedelta(days=1)
    assert carrier.books()["parcels"][NUMBER]["delivered_at"] == "2026-11-25T12:00:00+00:00"


def test_instants_are_utc_and_the_local_clock_is_kept(ups: Ups, carrier: UpsSimulator) -> None:
    carrier.register(NUMBER, NOON)

    [label] = track(ups, NUMBER).events

    assert (label.at, label.local_time) == (NOON, "2026-11-24T07:00:00")
    assert (label.raw_type, label.raw_code, label.raw_status_code) == ("M", "MP", "003")
    assert label.place == "Edison, NJ, US"


@pytest.mark.parametrize("faults", [[], [{"operation": "track", "kind": "unknown-404", "nth": 1}]])
def test_an_unknown_number_has_no_events_whether_200_or_404(
    ups: Ups, carrier: UpsSimulator, faults: list[dict[str, Any]]
) -> None:
    carrier.faults.set(faults)

    report = track(ups, NUMBER)

    assert report.events == ()
    assert report.estimated_delivery is None


def test_what_is_no_number_of_theirs_is_told_as_such(ups: Ups) -> None:
    assert track(ups, "1Z").untold is Untold.NO_NUMBER


def test_scans_in_no_order_come_out_in_order(
    ups: Ups, carrier: UpsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    clock.set(at=NOON + timedelta(days=2))
    in_order = statuses(ups)
    carrier.faults.set([{"operation": "track", "kind": "reordered", "probability": 1}])

    assert [statuses(ups) for _ in range(5)] == [in_order] * 5


def test_a_parcel_is_forgotten_after_120_days(
    ups: Ups, carrier: UpsSimulator, clock: ManualClock
) -> None:
    carrier.register(NUMBER, NOON)
    clock.set(at=NOON + timedelta(days=121))

    assert track(ups, NUMBER).events == ()


@pytest.mark.parametrize(
    ("story", "last"),
    [
        ("", TrackingStatus.DELIVERED),
        ("weather", TrackingStatus.DELIVERED),
        ("attempted", TrackingStatus.DELIVERED),
        ("refused", TrackingStatus.RETURNED),
        ("lost", TrackingStatus.IN_TRANSIT),
        ("held", TrackingStatus.DELIVERED),
        ("address", TrackingStatus.RETURNED),
        ("damaged", TrackingStatus.EXCEPTION),
        ("label only", TrackingStatus.LABEL_CREATED),
    ],
)
def test_every_story_ends_as_it_should(
    ups: Ups, carrier: UpsSimulator, clock: ManualClock, story: str, last: TrackingStatus
) -> None:
    carrier.register(NUMBER, NOON, story=story)
    clock.set(at=NOON + timedelta(days=3))

    events = track(ups, NUMBER).events

    assert events[-1].status is last
    assert len(events) == len(STORIES[story])
    assert TrackingStatus.UNKNOWN not in {event.status for event in events}


# tokens and pace


def test_one_token_serves_many_calls_and_threads(
    ups: Ups, carrier: UpsSimulator, inside: Inside
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: track(ups, NUMBER), range(16)))

    assert carrier.books()["tokens_given"] == 1
    assert inside.rates.taken == [1.0] * 16


def test_a_token_is_renewed_five_minutes_before_it_ends(
    ups: Ups, carrier: UpsSimulator, clock: ManualClock
) -> None:
    track(ups, NUMBER)
    clock.advance(TOKEN_LIFE - 301)
    track(ups, NUMBER)
    before = carrier.books()["tokens_given"]

    clock.advance(2)
    track(ups, NUMBER)

    assert (before, carrier.books()["tokens_given"]) == (1, 2)


def test_a_token_that_ups_forgot_is_renewed_once(ups: Ups, carrier: UpsSimulator) -> None:
    carrier.register(NUMBER, NOON)
    track(ups, NUMBER)
    carrier.faults.set([{"operation": "track", "kind": "expired-token", "nth": 1}])

    report = track(ups, NUMBER)

    assert len(report.events) == 1
    assert carrier.books()["tokens_given"] == 2


def test_tokens_that_never_work_are_unauthorized_after_one_renewal(
    ups: Ups, carrier: UpsSimulator
) -> None:
    carrier.faults.set([{"operation": "track", "kind": "expired-token", "probability": 1}])

    with pytest.raises(Unauthorized):
        track(ups, NUMBER)

    assert carrier.books()["tokens_given"] == 2


def test_a_wrong_secret_is_unauthorized_and_named_nowhere(
    carrier: UpsSimulator, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(
        type="ups", client_id="me", client_secret="hunter2-hunter2", base_url=carrier.url
    )
    stranger = connect("ups", settings, inside)

    with pytest.raises(Unauthorized) as refused:
        stranger.check()

    told = str(refused.value) + repr(refused.value) + repr(settings) + caplog.text
    assert "hunter2" not in told
    assert "10401" in told
    stranger.close()


def test_the_check_gets_a_token_and_asks_for_no_parcel(ups: Ups, carrier: UpsSimulator) -> None:
    report = ups.check()

    assert report.facts == (("token until", "2026-11-24T15:59:59+00:00"),)
    assert {entry.operation for entry in carrier.log.entries()} == {"token"}


def test_a_short_429_is_waited_out(ups: Ups, carrier: UpsSimulator, clock: ManualClock) -> None:
    carrier.register(NUMBER, NOON)
    carrier.faults.set([{"operation": "track", "kind": "429", "nth": 1}])

    report = track(ups, NUMBER)

    assert len(report.events) == 1
    assert clock.now() > NOON


def test_our_own_pace_beyond_half_a_minute_ends_the_run_and_gives_back_the_token(
    ups: Ups, inside: Inside
) -> None:
    inside.rates.wait = 40.0

    with pytest.raises(RateLimited) as limited:
        track(ups, NUMBER)

    assert limited.value.retry_after == 40.0
    assert inside.rates.taken == [1.0, -1.0]


@pytest.mark.parametrize("kind", ["500", "503-html", "empty", "truncated", "lost-answer"])
def test_trouble_that_lasts_is_unavailable(ups: Ups, carrier: UpsSimulator, kind: str) -> None:
    carrier.faults.set([{"operation": "track", "kind": kind, "probability": 1}])

    with pytest.raises(Unavailable):
        track(ups, NUMBER)


def test_trouble_that_passes_is_not_noticed(ups: Ups, carrier: UpsSimulator) -> None:
    carrier.register(NUMBER, NOON)
    carrier.faults.set([{"operation": "*", "kind": "503-html", "nth": [1, 3]}])

    assert len(track(ups, NUMBER).events) == 1


# settings and the simulator


@pytest.mark.parametrize(
    "url",
    ["http://onlinetools.ups.com", "https://ups.example.com", "http://127.0.0.1@evil.example"],
)
def test_the_secret_goes_to_ups_or_loopback_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(type="ups", client_id="me", client_secret="s", base_url=url)


def test_the_registry_finds_this_connector_by_its_folder() -> None:
    assert "ups" in registry.kinds()
    assert registry.settings_of("ups") is Settings


def test_parcels_are_registered_by_control_and_known_ones_stay(
    carrier: UpsSimulator, ups: Ups
) -> None:
    url = f"http://127.0.0.1:{carrier.start_control()}/__sim__"

    made = httpx.post(f"{url}/orders", json={"parcel": NUMBER, "story": "lost"}, trust_env=False)
    refused = httpx.post(f"{url}/orders", json={"parcel": "1Z9", "story": "x"}, trust_env=False)
    carrier.register(NUMBER, NOON - timedelta(days=9))

    assert (made.status_code, refused.status_code) == (201, 400)
    assert carrier.books()["parcels"][NUMBER]["story"] == "lost"
    assert statuses(ups) == ["label_created"]


def test_the_same_seed_and_number_are_the_same_parcel(clock: ManualClock) -> None:
    books = []
    for order in (["1Z1111111", "1Z2222222"], ["1Z2222222", "1Z1111111"]):
        carrier = UpsSimulator(clock=clock, seed=3, exceptions=0.5)
        for number in order:
            carrier.register(number, NOON - timedelta(days=9))
        books.append(carrier.books()["parcels"])

    assert books[0] == books[1]


def test_a_client_that_runs_away_is_throttled(carrier: UpsSimulator) -> None:
    auth = (carrier.client_id, carrier.client_secret)
    with httpx.Client(base_url=carrier.url, trust_env=False) as client:
        token = client.post(
            "/security/v1/oauth/token", auth=auth, data={"grant_type": "client_credentials"}
        ).json()["access_token"]
        headers = {
            "Authorization": f"Bearer {token}", "transId": "t", "transactionSrc": "test",
        }  # fmt: skip
        answers = [
            client.get(f"/api/track/v1/details/{NUMBER}", headers=headers) for _ in range(25)
        ]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
    assert answers[-1].json()["response"]["errors"][0]["code"] == "10429"
