"""Orders sold under a channel's program ship only from where, how and when it says; else a person is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from core.model.catalog import FulfilledBy
from core.model.fulfillment import AcknowledgmentStatus
from core.model.orders import Order
from jobs import push
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import effect, fulfillment
from tests.jobs.builders import line, minutes, order, rows
from tests.jobs.shop import Shop, open_shop
from tests.jobs.test_routing import at, open_cases
from tests.jobs.test_routing import told as told_of

# Other files run every kind of statement made here on PostgreSQL.
DATABASES = ["sqlite"]

#: Our own warehouse is in Newark and certified; the supplier's is in Reno, where buyers live.
PROGRAM = "{locations: [home], services: [air]}"
SERVICES = """
services:
  ground:
    {carrier: ups, rates: {1: {5000: "7.00"}, 8: {5000: "12.00"}}, days: {1: 1, 8: 5}}
  air:
    {carrier: ups, rates: {1: {5000: "20.00"}, 8: {5000: "40.00"}}, days: {1: 1, 8: 2}}
"""
HOME = 'postal_code: "07102", services: [ground, air]'
#: The ends of Tuesday the 24th (today) and of Friday the 27th on the west coast, as Amazon states them.
TODAY, FRIDAY = (datetime(2026, 11, day, 7, 59, 59, tzinfo=UTC) for day in (25, 28))


def opened(
    store: Store, clock: ManualClock, folder: Path, *, program: str = PROGRAM, home: str = HOME,
    more: str = "", tea: int = 9,
) -> Shop:  # fmt: skip
    """The supplier has all that is sold; we have so much tea, and cups."""
    shop = open_shop(
        store, clock, folder, more=SERVICES + more,
        changes={
            "amazon-us: {connection: amazon-us}":
                f"amazon-us: {{connection: amazon-us, programs: {{prime: {program}}}}}",
            "home: {priority: 10,": f"home: {{priority: 10, dispatch: {{{home}}},",
            "acme: {priority: 20,":
                'acme: {priority: 20, dispatch: {postal_code: "89501", services: [ground, air]},',
        },
    )  # fmt: skip
    if tea:
        shop.receive("TEA", tea)
    shop.receive("CUP", 9, reference="R2")
    shop.snapshot(("TEA", 9), ("CUP", 9), at=minutes(-1))
    shop.decide()
    return shop


def prime(remote_id: str, *lines: Any, **more: Any) -> Order:
    said = {"tags": ("PRIME",), "ship_by": TODAY, "deliver_by": FRIDAY, **more}
    return order(remote_id, *lines, channel="amazon-us", **said)


def routed(shop: Shop, one: Order) -> list[tuple[str, str, date | None]]:
    """(place, service, day it ships) of what is asked for."""
    shop.record(one)
    shop.decide()
    return shipping(shop, one.remote_id)


def shipping(shop: Shop, remote_id: str) -> list[tuple[str, str, date | None]]:
    return [
        (row["location"], row["service"], row["ship_on"])
        for row in rows(shop.store, fulfillment)
        if row["key"].split(":")[1] == remote_id and row["state"] != "canceled"
    ]


def told(shop: Shop, remote_id: str) -> list[str]:
    return told_of(shop, remote_id, "amazon-us")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return opened(store, clock, tmp_path)


def test_a_prime_order_ships_from_the_certified_place_by_its_service_though_it_costs_more(
    shop: Shop,
):
    assert routed(shop, prime("1", tags=())) == [("acme", "ground", date(2026, 11, 24))]

    assert routed(shop, prime("2")) == [("home", "air", date(2026, 11, 24))]
    said = told(shop, "2")
    assert "It is sold under prime, so only some may ship it." in said
    assert "acme is not one of the locations that may ship prime orders." in said
    assert "ground of home is not one of the services of prime orders." in said


def test_what_only_others_have_waits_with_a_case_and_ships_when_the_certified_place_has_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given tea at the supplier's alone
    shop = opened(store, clock, tmp_path, tea=0)

    # when a prime buyer buys some
    found = routed(shop, prime("1"))

    # then nobody is asked to ship it, its unit is held, and a person reads what would change that
    assert found == []
    assert [row for row in rows(store, effect) if row["kind"] == "request"] == []
    assert open_cases(shop) == [("unroutable_program_place", "order amazon-us 1")]
    flip = (
        "Were prime orders allowed to ship from anywhere, it would from acme by air on 2026-11-24."
    )
    assert told(shop, "1").count(flip) == 1
    shop.decide()
    assert told(shop, "1").count(flip) == 1

    # when we have some
    shop.receive("TEA", 1, reference="R3")
    shop.decide()

    # then it ships from us, and the Case is closed
    assert shipping(shop, "1") == [("home", "air", date(2026, 11, 24))]
    assert open_cases(shop) == []


def test_a_prime_order_after_the_cut_off_waits_and_says_which_cut_off_it_missed(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a cut-off at six in the morning, an hour ago
    shop = opened(store, clock, tmp_path, home=f'{HOME}, cut_off: "06:00"')

    # when an order must leave today, and another must not before tomorrow
    late, early = prime("1"), prime("2", ship_by=datetime(2026, 11, 26, 7, 59, 59, tzinfo=UTC))

    # then only the other ships
    assert routed(shop, late) == []
    assert routed(shop, early) == [("home", "air", date(2026, 11, 25))]
    assert open_cases(shop) == [("unroutable_program_late", "order amazon-us 1")]
    said = told(shop, "1")
    assert "home ships on 2026-11-25 at the earliest; prime orders leave by 2026-11-24." in said
    assert "It would have been home, had the order come before 06:00, the cut-off of home." in said


def test_a_certified_place_that_missed_its_day_is_told_where_another_ships_in_time(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(
        store,
        clock,
        tmp_path,
        program="{services: [ground, air]}",
        home=f'{HOME}, cut_off: "06:00"',
    )
    assert routed(shop, prime("1", ship_to=at("07102"))) == [("acme", "air", date(2026, 11, 24))]

    said = told(shop, "1")
    assert "home ships on 2026-11-25 at the earliest; prime orders leave by 2026-11-24." in said
    assert "It would have been home, had the order come before 06:00, the cut-off of home." in said


def test_what_the_certified_place_refuses_goes_to_no_other(shop: Shop):
    # given a prime order that the certified place was asked to ship
    assert routed(shop, prime("1")) == [("home", "air", date(2026, 11, 24))]
    push.push_requests(shop.run("home-files/requests"), "home-files")
    (key,) = [row["key"] for row in rows(shop.store, fulfillment)]
    shop.clock.advance(60)

    # when it refuses
    shop.answer(key, AcknowledgmentStatus.REJECTED, through="home-files")
    shop.decide()

    # then the supplier, who has one and would be in time, is not asked, and a person is
    assert [row["location"] for row in rows(shop.store, fulfillment)] == ["home"]
    assert ("unroutable_program_place", "order amazon-us 1") in open_cases(shop)


def test_a_closed_certified_place_is_not_waited_for(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(
        store, clock, tmp_path,
        home=f"{HOME}}}, calendar: shut, closing: {{show: zero, notice: 0, at_least: 1",
        more="calendars: {shut: {closed: [{first: 2026-11-24, last: 2026-11-30}]}}\n",
    )  # fmt: skip

    # The supplier would be in time, and may not.
    assert routed(shop, prime("1")) == []
    assert open_cases(shop) == [("unroutable_program_place", "order amazon-us 1")]


def test_what_no_service_of_the_program_brings_in_time_waits(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(store, clock, tmp_path, program="{locations: [home], services: [ground]}")

    assert routed(shop, prime("1")) == []
    assert open_cases(shop) == [("unroutable_program_late", "order amazon-us 1")]
    said = told(shop, "1")
    assert "ground of home arrives on 2026-11-29; this prime order is due by 2026-11-27." in said
    assert (
        "Were prime orders allowed to travel by any service, it would ship from home by air on "
        "2026-11-24." in said
    )


def test_a_prime_order_of_a_shop_that_says_nothing_of_prime_is_a_case(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(store, clock, tmp_path, program="{words: [PREMIUM]}")

    assert routed(shop, prime("1")) == []
    assert open_cases(shop) == [("unroutable_program_place", "order amazon-us 1")]
    assert "acme is not one of the locations that may ship PRIME orders." in told(shop, "1")
    # A word of that kind on another channel is anybody's own tag.
    shop.record(order("2", tags=("PRIME",)))
    shop.decide()
    assert shipping(shop, "2") == [("acme", "ground", date(2026, 11, 24))]


def test_a_program_may_say_that_being_late_only_costs(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(
        store, clock, tmp_path, program="{locations: [home], services: [ground], late: cost}"
    )

    assert routed(shop, prime("1")) == [("home", "ground", date(2026, 11, 24))]
    assert open_cases(shop) == []


def test_orders_decided_together_never_push_a_prime_order_to_a_place_that_may_not_ship_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given one tea with us
    shop = opened(store, clock, tmp_path, tea=1)

    # when a prime order comes together with one that pays most where it is sent from elsewhere
    shop.record(prime("1"), order("2", channel="amazon-us", ship_to=at("07030")))
    shop.decide()

    # then the prime order keeps the unit, though the other would gain by it
    assert shipping(shop, "1") == [("home", "air", date(2026, 11, 24))]
    assert shipping(shop, "2") == [("acme", "ground", date(2026, 11, 24))]


def test_what_is_there_of_an_old_prime_order_ships_from_the_certified_place_alone(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given tea that nobody has, cups that all have, and a channel that ships in parts at once
    shop = opened(
        store, clock, tmp_path, tea=0,
        program=f"{PROGRAM}}}, ships_partly_after: 0s, offers: {{",
    )  # fmt: skip
    shop.snapshot(("TEA", 0), ("CUP", 9), at=minutes(1), name="2.csv")

    found = routed(shop, prime("1", line("L1"), line("L2", sku="CUP")))

    assert found == [("home", "air", date(2026, 11, 24))]


def test_what_amazon_ships_is_never_routed_whatever_the_program(shop: Shop):
    theirs = replace(line(), fulfilled_by=FulfilledBy.AMAZON)

    assert routed(shop, prime("1", theirs)) == []
    assert open_cases(shop) == []
    assert [row for row in rows(shop.store, effect) if row["kind"] == "request"] == []
