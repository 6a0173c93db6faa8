"""Zones, the day a place ships, what lateness costs, and which services are a way to a buyer."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.model.calendars import MONDAY_TO_FRIDAY, Calendar
from core.model.carriage import Dispatch, Lateness, Service
from core.model.orders import Address
from core.rules.carriage import (
    Buyer,
    ShipDay,
    lateness,
    piece,
    ship_lateness,
    ships_on,
    ways,
    zone,
)

REFERENCE = Path(__file__).parents[3] / "shared/reference/geo/usps_zones"
NEW_YORK = ZoneInfo("America/New_York")
WORKDAYS = Calendar(MONDAY_TO_FRIDAY, closed=frozenset({date(2026, 11, 26)}))
#: Newark, Reno, Denver
MIDDLES = {"071": (40.73, -74.17), "895": (39.53, -119.81), "802": (39.74, -104.99)}
RATES = ((454, 800), (4_540, 1_400))


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    """A New York wall clock of November 2026, which is 5 hours behind."""
    return datetime(2026, 11, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def newark(**more: object) -> Dispatch:
    said: dict[str, object] = {
        "postal_code": "07102", "zone": NEW_YORK, "calendar": WORKDAYS, "cut_off": time(14),
        "services": ("ground",), **more,
    }  # fmt: skip
    return Dispatch("newark", **said)  # type: ignore[arg-type]


def ground(**more: object) -> Service:
    said: dict[str, object] = {
        "rates": {2: RATES, 8: ((454, 1_100),)}, "days": {2: 1, 8: 5},
        "calendar": Calendar(MONDAY_TO_FRIDAY), **more,
    }  # fmt: skip
    return Service("ground", "ups", **said)  # type: ignore[arg-type]


def test_a_zone_is_the_distance_between_the_middles_of_two_zip_areas():
    assert zone("07102", "07130-1234", MIDDLES) == 1
    assert zone("07102", "80202", MIDDLES) == 7
    assert zone("07102", "89501", MIDDLES) == 8


@pytest.mark.parametrize("code", ["", "07", "K1A 0B1", "０７１０２", "99999"])
def test_a_zone_is_not_known_where_the_place_is_not(code: str):
    assert zone("07102", code, MIDDLES) is None


def test_zones_are_those_of_the_post_nearly_always():
    if not REFERENCE.exists():
        pytest.skip(f"no {REFERENCE}")
    zip3 = pytest.importorskip("config.zip3", reason="zones need the table that set-up builds")
    middles = zip3.centroids()
    exact = near = pairs = 0
    with gzip.open(REFERENCE / "zip3_zones_sample_2018.csv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found = zone(row["o"] + "01", row["d"] + "01", middles)
            told = int(row["zone"])
            if found is None or told > 8:
                continue
            pairs += 1
            exact += found == told
            near += abs(found - told) <= 1
    assert pairs > 150_000
    assert exact / pairs > 0.83
    assert near / pairs > 0.998


# --- the day a place ships -----------------------------------------------------------------------


def test_what_comes_before_the_cut_off_ships_the_same_day():
    assert ships_on(newark(), at(13, 59)) == ShipDay(date(2026, 11, 24))


def test_what_comes_at_the_cut_off_ships_the_next_open_day_and_says_which_it_missed():
    assert ships_on(newark(), at(14)) == ShipDay(date(2026, 11, 25), date(2026, 11, 24))
    # The 26th is a holiday.
    assert ships_on(newark(), at(14, day=25)) == ShipDay(date(2026, 11, 27), date(2026, 11, 25))


def test_on_a_closed_day_no_cut_off_is_missed():
    assert ships_on(newark(), at(9, day=28)) == ShipDay(date(2026, 11, 30))
    assert ships_on(newark(), at(20, day=28)) == ShipDay(date(2026, 11, 30))


def test_handling_days_are_open_days():
    assert ships_on(newark(handling_days=2), at(9)) == ShipDay(date(2026, 11, 27))


def test_days_are_the_places_own():
    reno = newark(zone=ZoneInfo("America/Los_Angeles"))

    # 16:30 in New York is half past one in Reno.
    assert ships_on(reno, at(16, 30)) == ShipDay(date(2026, 11, 24))
    assert ships_on(newark(cut_off=None), at(23, 59)) == ShipDay(date(2026, 11, 24))


def test_a_full_day_takes_no_more():
    full = {date(2026, 11, 24), date(2026, 11, 25)}

    assert ships_on(newark(), at(9), full=full) == ShipDay(date(2026, 11, 27))


def test_a_place_that_never_opens_ships_on_no_day():
    assert ships_on(newark(calendar=Calendar(frozenset())), at(9)) is None


# --- lateness ------------------------------------------------------------------------------------


def test_lateness_is_what_each_day_costs_by_how_likely_it_is():
    service = ground(late=(10, 5))
    tuesday, cost = date(2026, 11, 24), Lateness(once=300, each_day=200)

    # A day's travel: Wednesday as a rule, Thursday in 10 and Friday in 5 of 100 cases.
    assert lateness(service, 2, tuesday, date(2026, 11, 27), cost) == 0
    assert lateness(service, 2, tuesday, date(2026, 11, 26), cost) == 25  # 5 % of 500
    assert lateness(service, 2, tuesday, date(2026, 11, 25), cost) == 85  # 10 % of 500, 5 % of 700
    assert (
        lateness(service, 2, tuesday, tuesday, cost) == 540
    )  # 85 % of 500, 10 % of 700, 5 % of 900


def test_parcels_do_not_travel_on_closed_days():
    friday, monday = date(2026, 11, 27), date(2026, 11, 30)

    assert lateness(ground(), 2, friday, monday, Lateness(100, 0)) == 0
    assert lateness(ground(), 2, friday, date(2026, 11, 29), Lateness(100, 10)) == 110
    # Shipped on a Saturday it moves on Monday.
    assert lateness(ground(), 2, date(2026, 11, 28), monday, Lateness(100, 10)) == 110


def test_a_zone_without_days_takes_as_long_as_the_longest():
    assert lateness(ground(), 5, date(2026, 11, 24), date(2026, 11, 30), Lateness(100, 0)) == 100
    assert lateness(ground(), 2, date(2026, 11, 24), date(2026, 11, 30), Lateness(100, 0)) == 0


def test_shipping_after_the_day_the_channel_asks_for_costs_as_well():
    cost = Lateness(once=300, each_day=200)

    assert ship_lateness(date(2026, 11, 24), date(2026, 11, 24), cost) == 0
    assert ship_lateness(date(2026, 11, 27), date(2026, 11, 24), cost) == 900
    assert ship_lateness(date(2026, 11, 27), None, cost) == 0


# --- ways ----------------------------------------------------------------------------------------


def reached(buyer: Buyer, *services: Service, **more: object):
    return ways(
        newark(services=tuple(one.name for one in services), **more),
        {one.name: one for one in services},
        MIDDLES,
        buyer,
        shipped=date(2026, 11, 24),
        cost=Lateness(300, 200),
    )


def test_a_way_has_the_rates_of_its_zone_and_the_lateness_of_its_days():
    denver = Address(line1="1 Main St", region="CO", postal_code="80202")
    service = ground(rates={7: RATES}, days={7: 4})

    found = reached(Buyer(denver, deliver_by=date(2026, 11, 27)), service)

    (way,) = found.ways
    assert (way.service, way.rates) == ("ground", RATES)
    # Four open days from Tuesday is Monday, three days late.
    assert way.lateness == 900


def test_a_buyer_nobody_can_place_is_as_far_away_as_can_be():
    found = reached(Buyer(Address(postal_code="")), ground())

    assert [way.rates for way in found.ways] == [((454, 1_100),)]
    assert reached(Buyer(Address(postal_code="07130")), ground(), postal_code="").ways == found.ways


@pytest.mark.parametrize(
    ("buyer", "service", "code"),
    [
        (Buyer(Address(line1="PO Box 1", postal_code="07130")), ground(rates={1: RATES}),
         "service_no_po_box"),
        (Buyer(Address(line1="Unit 3", region="AP", postal_code="96203")), ground(),
         "service_no_military"),
        (Buyer(Address(postal_code="07130")), ground(), "service_not_there"),
        (Buyer(Address(postal_code="07130"), service="Expedited"),
         ground(rates={1: RATES}, meets=frozenset({"Standard"})), "service_not_bought"),
        (Buyer(Address(country="DE", postal_code="07130")), ground(), "service_not_to_country"),
        (Buyer(Address(country="US", region="Hawaii", postal_code="07130")),
         ground(rates={1: RATES}, states=frozenset({"NJ"})), "service_not_to_state"),
    ],
)  # fmt: skip
def test_a_service_that_is_no_way_says_why(buyer: Buyer, service: Service, code: str):
    found = reached(buyer, service)

    assert found.ways == ()
    assert [reason.code for reason in found.left_out] == [code]


@pytest.mark.parametrize(
    ("country", "served"), [("CA", {"US", "CA"}), ("PR", {"US"}), ("PR", {"PR"}), ("", {"US"})]
)
def test_abroad_is_as_far_away_as_can_be_where_a_service_goes_there(country: str, served: set[str]):
    buyer = Buyer(Address(country=country, postal_code="07130" if country == "CA" else ""))

    (way,) = reached(buyer, ground(countries=frozenset(served))).ways
    assert way.rates == ((454, 1_100),)


def test_a_post_office_box_is_reached_by_a_service_that_delivers_there():
    buyer = Buyer(Address(line1="PO Box 1", region="AE", postal_code="07130"))

    assert reached(buyer, ground(rates={1: RATES}, po_box=True, military=True)).ways


def test_a_piece_knows_who_must_not_carry_it():
    services = {
        "air": Service("air", "ups", {}, {}, most_grams=1_000, longest=60),
        "ground": Service("ground", "ups", {}, {}, hazmat=True),
    }

    assert piece(services, grams=900, sides=(60, 10, 2)).refused_by == frozenset()
    assert piece(services, grams=1_001).refused_by == {"air"}
    assert piece(services, sides=(61, 1, 1)).refused_by == {"air"}
    assert piece(services, hazmat=True).refused_by == {"air"}
    assert piece(services, grams=5, sides=(4, 3, 2), alone=True).volume == 24
