"""Requests and confirmations: once, and only while they are still wanted (I4, I10)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import Unavailable, UnknownOutcome
from core.model.fulfillment import AcknowledgmentStatus
from core.rules.modes import Mode
from jobs import once, push
from jobs.clock import ManualClock
from jobs.store.permissions import Permissions
from jobs.store.store import Store
from jobs.store.tables import cases, effect, fulfillment
from tests.jobs.builders import HOME, line, minutes, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

KEY = "shopify-us:1:F1"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    made.receive("TEA", 50)
    return made


def send(shop: Shop) -> None:
    push.push_requests(shop.run("home-files/requests"), "home-files")


def states(shop: Shop) -> list[str]:
    return [row["state"] for row in rows(shop.store, effect)]


def lost(operation: str) -> UnknownOutcome:
    return UnknownOutcome(connector="home-files", operation=operation)


def test_a_request_in_doubt_is_not_repeated_for_an_order_canceled_meanwhile(shop: Shop):
    # given a request whose upload got lost on the way
    shop.record(order("1"))
    shop.decide()
    shop.places["home-files"].trouble["stage"] = lost("stage")
    send(shop)
    assert states(shop) == ["unknown"]

    # when the order is canceled before anybody could look
    shop.record(order("1", updated_at=minutes(1), canceled_at=minutes(1)))
    shop.decide()
    for _ in range(4):
        shop.clock.advance(120)
        send(shop)
        shop.decide()

    # then nothing goes out
    assert shop.places["home-files"].received == {}
    assert states(shop) == ["canceled"]


def test_a_cancellation_that_is_not_decided_yet_stops_a_request(shop: Shop):
    # given a planned request
    shop.record(order("1"))
    shop.decide()

    # when the cancellation is recorded, and requests are pushed before it is decided
    shop.record(order("1", updated_at=minutes(1), canceled_at=minutes(1)))
    send(shop)

    # then nothing goes out
    assert shop.places["home-files"].received == {}


def test_a_hold_stops_a_request_that_was_planned_before(shop: Shop):
    # given a planned request
    shop.record(order("1"))
    shop.decide()

    # when the buyer asks to cancel
    shop.record(order("1", line(cancel_requested=True), updated_at=minutes(1)))
    shop.decide()
    send(shop)

    # then it waits for a person
    assert shop.places["home-files"].received == {}

    # and goes when the buyer has thought again
    shop.record(order("1", updated_at=minutes(2)))
    shop.decide()
    send(shop)
    assert list(shop.places["home-files"].received) == [KEY]


def test_nothing_is_renamed_into_place_while_observing(shop: Shop):
    # given a request that is staged
    shop.record(order("1"))
    shop.decide()
    shop.places["home-files"].trouble["release"] = lost("release")
    send(shop)
    assert states(shop) == ["staged"]

    # when the mode goes back to observe
    shop.switch(Mode.OBSERVE)
    shop.clock.advance(120)
    send(shop)

    # then it stays where it is, until the mode is act again
    assert shop.places["home-files"].received == {}
    shop.switch(Mode.ACT)
    shop.clock.advance(120)
    send(shop)
    assert list(shop.places["home-files"].received) == [KEY]


def test_an_answer_that_is_faster_than_our_record_is_kept(shop: Shop):
    # given a request that was handed over just before a kill
    shop.record(order("1"))
    shop.decide()
    place = shop.places["home-files"]
    release = place.release_request

    def killed(key: str) -> str:
        release(key)
        raise KeyboardInterrupt

    place.release_request = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        send(shop)

    # when the place answers and ships before the record is made up
    shop.answer(KEY, AcknowledgmentStatus.ACCEPTED)
    shop.ship(KEY, ("TEA", 1))
    shop.clock.advance(120)
    send(shop)

    # then it is shipped, not merely requested
    assert states(shop) == ["done"]
    assert [row["state"] for row in rows(shop.store, fulfillment)] == ["shipped"]


def test_requests_that_may_not_go_out_do_not_keep_others_from_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    # given more stopped requests than one reading brings, and one of another channel behind them
    monkeypatch.setattr(once, "EFFECTS_AT_ONCE", 3)
    shop.record(*(order(str(number)) for number in range(1, 6)))
    shop.decide()
    shop.record(order("77", channel="amazon-us"))
    shop.decide()
    with shop.store.transaction() as tx:
        Permissions(tx).stop("shopify-us", by="tester")

    # when requests are pushed
    send(shop)

    # then the other channel's is out
    assert list(shop.places["home-files"].received) == ["amazon-us:77:F1"]


def test_one_request_that_cannot_be_looked_for_does_not_stop_the_others(shop: Shop):
    # given one in doubt, whose place refuses the question, and a new one
    shop.record(order("1"))
    shop.decide()
    place = shop.places["home-files"]
    place.trouble["stage"] = lost("stage")
    send(shop)
    shop.record(order("2"))
    shop.decide()
    shop.clock.advance(120)
    place.trouble["find"] = lost("find")

    # when requests are pushed
    send(shop)

    # then the new one is out, and the doubtful one is looked for again
    assert list(place.received) == ["shopify-us:2:F1"]
    send(shop)
    assert set(place.received) == {KEY, "shopify-us:2:F1"}


def test_a_remote_in_trouble_leaves_the_request_planned(shop: Shop):
    # given a place that is down
    shop.record(order("1"))
    shop.decide()
    shop.places["home-files"].trouble["stage"] = Unavailable(
        connector="home-files", operation="stage"
    )

    # when requests are pushed
    with pytest.raises(Unavailable):
        send(shop)

    # then the next run sends it at once
    assert states(shop) == ["planned"]
    send(shop)
    assert states(shop) == ["done"]


@BOTH
def test_a_parcel_without_a_whole_unit_of_a_line_is_not_confirmed(shop: Shop):
    # given a kit of two parts, requested
    shop.receive("CUP", 5)
    shop.record(order("1", line(sku="GIFT")))
    shop.decide()
    send(shop)

    # when its parts leave in two parcels
    shop.ship(KEY, ("TEA", 1), number="1Z1")
    push.push_confirmations(shop.run("shopify-us/shipments"), "shopify-us")
    confirmed = list(shop.channels["shopify-us"].confirmed)
    shop.ship(KEY, ("CUP", 1), number="1Z2")
    push.push_confirmations(shop.run("shopify-us/shipments"), "shopify-us")

    # then the kit is confirmed once, with the parcel that made it whole
    assert confirmed == []
    assert [one.tracking_number for one in shop.channels["shopify-us"].confirmed] == ["1Z2"]


@BOTH
def test_a_rejection_after_an_acceptance_is_routed_again(shop: Shop):
    # given a request the place accepted, and stock elsewhere
    shop.snapshot(("TEA", 5), at=minutes(-10))
    shop.record(order("1"))
    shop.decide()
    send(shop)
    shop.answer(KEY, AcknowledgmentStatus.ACCEPTED)

    # when it changes its mind
    shop.clock.advance(60)
    shop.answer(KEY, AcknowledgmentStatus.REJECTED)
    shop.decide()

    # then another place is asked
    with shop.store.reading() as tx:
        found = tx.rows(select(fulfillment.c.location, fulfillment.c.state))
    assert [tuple(row) for row in found] == [("home", "rejected"), ("acme", "planned")]


# --- addresses that change ---------------------------------------------------------------------------

MOVED = replace(HOME, line1="9 Other St")


def address_cases(shop: Shop) -> list[tuple[str, str]]:
    return [
        (row["subject"], row["state"])
        for row in rows(shop.store, cases)
        if row["kind"] == "address_changed"
    ]


def test_a_request_that_did_not_land_is_made_again_for_the_address_of_now(shop: Shop):
    # given a request that was made, and the place was not reached
    shop.record(order("1"))
    shop.decide()
    for _ in range(2):
        shop.places["home-files"].trouble["stage"] = Unavailable(
            "down", connector="home-files", operation="stage"
        )
        with pytest.raises(Unavailable):
            send(shop)
        shop.clock.advance(300)
    (frozen,) = (row["document"] for row in rows(shop.store, effect))

    # when nothing changed, it is the same request
    with pytest.raises(Unavailable):
        shop.places["home-files"].trouble["stage"] = Unavailable(
            "down", connector="home-files", operation="stage"
        )
        send(shop)
    assert [row["document"] for row in rows(shop.store, effect)] == [frozen]

    # when the buyer moves, it goes to the new address, once, and nobody is bothered
    shop.record(order("1", updated_at=minutes(5), ship_to=MOVED))
    shop.decide()
    shop.clock.advance(300)
    send(shop)
    shop.decide()
    assert b"9 Other St" in shop.places["home-files"].received[KEY]
    assert address_cases(shop) == []


def test_an_address_that_changes_after_the_request_is_a_case_until_it_is_right_again(shop: Shop):
    # given a request that was handed over
    shop.record(order("1"))
    shop.decide()
    send(shop)

    # when the buyer moves, and the channel tells it twice
    shop.record(order("1", updated_at=minutes(1), ship_to=MOVED))
    shop.decide()
    shop.record(order("1", updated_at=minutes(2), ship_to=MOVED, tags=("vip",)))
    shop.decide()

    # then it is one Case, without the address
    assert address_cases(shop) == [(f"request {KEY}", "open")]
    (case,) = (row for row in rows(shop.store, cases) if row["kind"] == "address_changed")
    assert "Other" not in str(case["args"])

    # when he moves back, it is over; what differs in spelling only was never news
    shop.record(order("1", updated_at=minutes(3), ship_to=replace(HOME, line1="1  main st")))
    shop.decide()
    assert address_cases(shop) == [(f"request {KEY}", "closed")]

    # when he moves again, it is another one
    shop.record(order("1", updated_at=minutes(4), ship_to=replace(MOVED, line1="10 Other St")))
    shop.decide()
    assert [state for _, state in address_cases(shop)] == ["closed", "open"]

    # when the channel shows no address any more, nothing is new
    shop.record(order("1", updated_at=minutes(5), ship_to=None))
    shop.decide()
    assert [state for _, state in address_cases(shop)] == ["closed", "open"]
