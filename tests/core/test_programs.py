"""What a channel's program asks of who ships: its words, its bounds, and its last days to the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from core.model.calendars import Calendar
from core.model.carriage import Dispatch, Lateness, Program, Service
from core.model.orders import Address
from core.rules.carriage import Buyer, Ways, ways
from core.rules.programs import eased, last_day, programs_of
from tests.jobs.builders import order

NEW_YORK = ZoneInfo("America/New_York")
PRIME = Program("prime", frozenset({"newark"}), frozenset({"air", "ground"}))
#: The end of Tuesday the 24th, and of Friday the 27th, as Amazon states it: on the west coast.
TUESDAY, FRIDAY = (datetime(2026, 11, day, 7, 59, 59, tzinfo=UTC) for day in (25, 28))
SERVICES = {
    "air": Service("air", "ups", {8: ((5_000, 4_000),)}, {8: 1}, Calendar()),
    "ground": Service("ground", "ups", {8: ((5_000, 900),)}, {8: 4}, Calendar()),
    "post": Service("post", "usps", {8: ((5_000, 700),)}, {8: 2}, Calendar()),
}


def reached(
    program: Program | None, *, shipped: int = 24, place: str = "newark",
    services: tuple[str, ...] = ("air", "ground", "post"),
) -> Ways:  # fmt: skip
    """How a place reaches a buyer at the other end of the country, by Friday."""
    buyer = Buyer(
        Address(), program=program, ship_until=TUESDAY, deliver_until=FRIDAY,
        deliver_by=date(2026, 11, 27),
    )  # fmt: skip
    return ways(
        Dispatch(place, "07102", NEW_YORK, Calendar(), cut_off=time(14), services=services),
        SERVICES, {}, buyer, shipped=date(2026, 11, shipped), cost=Lateness(300, 0),
    )  # fmt: skip


def names(found: Ways) -> list[str]:
    return [one.service for one in found.ways]


def codes(found: Ways) -> list[str]:
    return [one.code for one in found.left_out]


def test_a_program_is_told_by_the_channel_s_words_in_any_letters():
    premium = Program("premium", may_be_late=True)
    words = {"prime": PRIME, "nextday": premium}

    assert programs_of(order(tags=("PRIME", "AMAZON_BUSINESS")), words) == PRIME
    assert programs_of(order(service="NextDay"), words) == premium
    assert programs_of(order(tags=("PRIMER",)), words) is None


def test_an_order_of_two_programs_keeps_what_both_ask():
    other = Program("premium", frozenset({"newark", "reno"}), frozenset({"air"}), may_be_late=True)

    found = programs_of(order(tags=("a", "b")), {"a": PRIME, "b": other})

    assert found == Program("prime, premium", frozenset({"newark"}), frozenset({"air"}))


def test_without_a_program_the_cheapest_late_way_is_still_a_way():
    assert names(reached(None)) == ["air", "ground", "post"]


def test_only_services_of_the_program_that_arrive_in_time_are_ways():
    found = reached(PRIME)

    assert names(found) == ["air"]
    assert found.may
    # Ground comes on Saturday; the post would be in time and does not count for it.
    assert codes(found) == ["service_arrives_late", "service_not_in_program"]
    assert found.left_out[0].args["day"] == "2026-11-28"
    assert found.left_out[0].args["last"] == "2026-11-27"


def test_a_program_that_may_be_late_pays_for_it_instead():
    found = reached(replace(PRIME, may_be_late=True), shipped=26)

    assert [(one.service, one.lateness) for one in found.ways] == [("air", 0), ("ground", 300)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"place": "reno"}, "place_not_in_program"),
        ({"shipped": 25}, "place_ships_late"),
        ({"services": ()}, "place_without_services"),
    ],
)
def test_a_place_that_must_not_ship_it_says_why(changes: dict[str, object], code: str):
    found = reached(PRIME, **changes)  # type: ignore[arg-type]

    assert (names(found), found.may, codes(found)) == ([], False, [code])


def test_a_place_without_services_ships_what_asks_nothing_of_them():
    assert reached(None, services=()).may
    assert reached(Program("prime", may_be_late=True), services=()).may


@pytest.mark.parametrize(
    ("zone", "after", "last"),
    [
        # It is 02:59 there on the 25th, when no parcel leaves: the 24th is the last day.
        ("America/New_York", time(14), 24),
        ("America/New_York", None, 24),
        ("America/Los_Angeles", time(14), 24),
        ("Pacific/Honolulu", time(14), 24),
        # Parcels that leave after eleven in the evening leave an hour too late.
        ("Pacific/Honolulu", time(23), 23),
        ("America/New_York", time(2), 24),
    ],
)
def test_a_deadline_belongs_to_the_last_day_on_which_a_parcel_can_leave_before_it(
    zone: str, after: time | None, last: int
):
    assert last_day(TUESDAY, ZoneInfo(zone), after=after) == date(2026, 11, last)


def test_each_bound_can_be_taken_away_alone():
    assert dict(eased(PRIME)) == {
        "program_late": replace(PRIME, may_be_late=True),
        "program_place": replace(PRIME, places=None),
        "program_service": replace(PRIME, services=None),
    }
    assert dict(eased(Program("any", may_be_late=True))) == {}
