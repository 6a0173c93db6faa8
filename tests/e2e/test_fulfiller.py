"""A 3PL behind an HTTP API: submitted once through lost answers, followed to the door.

What was supplied is read from the 3PL's own books.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.fulfiller.simulator import TOKEN, FulfillerSimulator
from jobs.demo.world import World
from jobs.store.tables import effect
from tests.contracts.rigs import CALL_SECRET, cedar
from tests.e2e.house import Edit, House, house
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_trading import QUICK, by_place, is_over, proved, requests


@contextmanager
def with_cedar(
    folder: Path,
    *,
    connection: dict[str, Any] | None = None,
    also: Edit | None = None,
    **simulated: Any,
) -> Iterator[tuple[House, FulfillerSimulator]]:
    made: list[FulfillerSimulator] = []

    def prepare(world: World) -> None:
        pace = {"accept_after": (60.0, 60.0), "ship_after": (300.0, 300.0)}
        cedars = FulfillerSimulator(
            clock=world.clock, seed=3, on_ship=world.ups.register, **{**pace, **simulated}
        )
        cedars.start()
        made.append(cedars)

    def edit(tree: dict[str, Any]) -> None:
        (folder / "cedar-token").write_text(f"Bearer {TOKEN}")
        known = cedar(made[0].url)
        known["headers"] = {"Authorization": f"${{file:{folder / 'cedar-token'}}}"}
        (folder / "cedar-calls").write_text(CALL_SECRET)
        known["hook"]["secret"] = f"${{file:{folder / 'cedar-calls'}}}"
        tree["connections"]["cedar"] = {**known, "ask_every": 1, **(connection or {})}
        tree["locations"]["acme"] |= {"ships_through": "cedar", "priority": 1}
        if also:
            also(tree)

    try:
        with house(folder, pace=QUICK, prepare=prepare, edit=edit) as shop:
            shop.go_live()
            yield shop, made[0]
    finally:
        for one in made:
            one.stop()


def shipped(cedars: FulfillerSimulator) -> int:
    """Units it sent."""
    return sum(
        line["quantity"]
        for order in cedars.books()["orders"]
        for parcel in order["parcels"]
        for line in parcel["items"]
    )


def test_an_order_is_submitted_followed_and_confirmed(tmp_path: Path) -> None:
    with with_cedar(tmp_path) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: is_over(shop, name))
        (order,) = cedars.books()["orders"]
        assert order["items"] == {"MUG-BLUE": 3}
        assert order["reference"] in requests(shop)
        assert order["parcels"][0]["tracking_number"] in str(shop.world.shopify.books()["orders"])
        assert shop.cases() == []
        assert proved(shop)
        (made,) = shop.rows(select(effect).where(effect.c.kind == "request"))
        assert (made.state, made.remote_ref) == ("done", order["id"])


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "502-applied"])
def test_through_lost_answers_each_order_is_there_once(tmp_path: Path, fault: str) -> None:
    with with_cedar(tmp_path) as (shop, cedars):
        # given a place that swallows every second answer
        cedars.faults.set([{"operation": "createOrder", "kind": fault, "nth": [1, 3]}])
        names = [sell(shop, "MUG-BLUE", 1) for _ in range(3)]
        shop.until(lambda: all(is_over(shop, name) for name in names))
        references = [one["reference"] for one in cedars.books()["orders"]]
        assert len(references) == len(set(references)) == 3
        assert shipped(cedars) == 3
        assert by_place(shop) == {"newark": {}}
        assert proved(shop)


def test_where_nobody_can_be_asked_a_person_is(tmp_path: Path) -> None:
    with with_cedar(tmp_path, connection={"find": None}) as (shop, cedars):
        cedars.faults.set([{"operation": "createOrder", "kind": "lost-answer", "nth": [1]}])
        sell(shop, "MUG-BLUE", 1)
        shop.live(1200)
        assert len(cedars.books()["orders"]) == 1
        assert shop.cases("effect_parked")


def test_what_it_has_not_got_comes_from_the_warehouse(tmp_path: Path) -> None:
    with with_cedar(tmp_path, stock={"MUG-BLUE": 1}) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: is_over(shop, name))
        assert shipped(cedars) == 0
        assert by_place(shop) == {"newark": {"MUG-BLUE": 3}}
        assert proved(shop)


def test_an_order_it_cancels_after_it_accepted_it_comes_from_the_warehouse(tmp_path: Path) -> None:
    with with_cedar(tmp_path) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: "acknowledged" in requests(shop).values())
        (order,) = cedars.books()["orders"]
        cedars.place_order({"cancel": order["reference"], "reason": "damaged in the aisle"})
        shop.until(lambda: is_over(shop, name))
        assert shipped(cedars) == 0
        assert by_place(shop) == {"newark": {"MUG-BLUE": 2}}
        assert proved(shop)


def test_one_status_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    with with_cedar(tmp_path) as (shop, cedars):
        first, second = (sell(shop, "MUG-BLUE", 1) for _ in range(2))
        shop.until(lambda: len(cedars.books()["orders"]) == 2)
        with cedars.lock:
            cedars._orders["C000001"].parcels = [
                {"tracking_number": "1Z", "items": [{"sku": "MUG-BLUE", "quantity": "?"}]}
            ]
        shop.until(lambda: is_over(shop, first) or is_over(shop, second))
        (words,) = shop.cases("request_status_unreadable")
        assert "units are expected" in words


# --- telling it not to ship ----------------------------------------------------------------------

#: Time enough to change one's mind.
SLOW = (3600.0, 3600.0)


def asked(shop: House, cedars: FulfillerSimulator) -> dict[str, int]:
    """What it was asked for and has not canceled: units by Sku."""
    units: dict[str, int] = {}
    for order in cedars.books()["orders"]:
        if order["status"] != "cancelled":
            for sku, count in order["items"].items():
                units[sku] = units.get(sku, 0) + count
    return units


def test_an_order_that_its_buyer_cancels_is_called_off(tmp_path: Path) -> None:
    with with_cedar(tmp_path, ship_after=SLOW) as (shop, cedars):
        # given an order that the place accepted
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: "acknowledged" in requests(shop).values())

        # when it is canceled on the channel
        shop.world.shopify.place_order({"cancel": name})
        shop.live(600)

        # then the place confirmed that it will not ship it, and nobody is bothered
        (order,) = cedars.books()["orders"]
        assert (order["status"], order["reason"]) == ("cancelled", "on request")
        assert list(requests(shop).values()) == ["canceled"]
        assert shop.cases() == []
        assert proved(shop)
        assert "confirmed that it will not ship" in shop.cli("explain", "order", name).stdout
        shop.live(7200, step=600)
        assert shipped(cedars) == 0


def test_what_is_left_of_an_order_is_asked_for_again_once_all_of_it_is_called_off(
    tmp_path: Path,
) -> None:
    with with_cedar(tmp_path, ship_after=SLOW) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: "acknowledged" in requests(shop).values())
        shop.world.shopify.place_order(
            {"edit": name, "lines": [{"sku": "MUG-BLUE", "quantity": 2}]}
        )
        shop.until(lambda: is_over(shop, name))
        assert shipped(cedars) == 2
        assert sorted(requests(shop).values()) == ["canceled", "shipped"]
        assert shop.cases() == []
        assert proved(shop)


def test_where_it_is_too_late_a_person_is_told(tmp_path: Path) -> None:
    with with_cedar(tmp_path, connection={"ask_every": 600}) as (shop, cedars):
        # given an order that left before we asked again
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: shipped(cedars) or cedars.live(), step=60)
        shop.world.shopify.place_order({"cancel": name})
        shop.live(600)
        (words,) = shop.cases("canceled_after_request")
        assert name in words
        assert shipped(cedars) == 2


@pytest.mark.parametrize("fault", ["lost-answer", "503-html"])
def test_a_lost_answer_to_a_call_off_is_asked_again(tmp_path: Path, fault: str) -> None:
    with with_cedar(tmp_path, ship_after=SLOW) as (shop, cedars):
        name = sell(shop, "MUG-BLUE", 2)
        shop.until(lambda: "acknowledged" in requests(shop).values())
        cedars.faults.set([{"operation": "cancelOrder", "kind": fault, "nth": [1, 2]}])
        shop.world.shopify.place_order({"cancel": name})
        shop.until(lambda: "canceled" in requests(shop).values())
        assert asked(shop, cedars) == {}
        assert proved(shop)


def test_one_that_takes_too_long_is_reminded_told_called_off_and_only_then_asked_of_others(
    tmp_path: Path,
) -> None:
    def patient(tree: dict[str, Any]) -> None:
        tree["locations"]["acme"] |= {
            "acknowledge_within": "10m", "ship_within": "1h", "escalate_after": "30m",
            "reroute_after": "2h", "remind": {"mail": "desk@cedar.example", "call": "Ann, 555"},
        }  # fmt: skip

    with with_cedar(tmp_path, also=patient, ship_after=SLOW) as (shop, cedars):
        # given a place that accepted two orders and stands still
        names = [sell(shop, "MUG-BLUE", units) for units in (2, 1)]
        shop.until(lambda: list(requests(shop).values()) == ["acknowledged"] * 2)
        keys = {
            order["items"]["MUG-BLUE"]: order["reference"] for order in cedars.books()["orders"]
        }
        cedars.place_order({"hold": True})

        # when most of its time is over, then it is reminded of each once, before anybody else hears
        shop.live(3000, step=300)
        told = reminders(shop)
        assert len(told) == 2
        assert sum(keys[2] in text and "2  MUG-BLUE" in text for text in told) == 1
        buyer = {str(part) for one in cedars.books()["orders"] for part in one["address"].values()}
        assert not any(part in text for text in told for part in buyer if len(part) > 3)
        assert shop.cases() == []

        # when all of it is, then a person is told whom to call, then louder
        shop.live(1200, step=300)
        assert "acme (Ann, 555)" in shop.cases("shipment_overdue")[0]
        shop.live(1800, step=300)
        assert all("much too late" in words for words in shop.cases("shipment_overdue"))

        # and while it cannot be reached to be told not to ship, nobody else is asked
        cedars.faults.set([{"operation": "cancelOrder", "kind": "503-html", "probability": 1.0}])
        shop.live(3600, step=300)
        assert by_place(shop) == {"newark": {}}
        assert asked(shop, cedars) == {"MUG-BLUE": 3}

        # until it confirms of the one, and has shipped the other after all
        cedars.place_order({"ship": keys[1]})
        cedars.faults.set([])
        shop.until(lambda: all(is_over(shop, name) for name in names))
        assert asked(shop, cedars) == {"MUG-BLUE": 1}
        assert shipped(cedars) == 1
        assert by_place(shop) == {"newark": {"MUG-BLUE": 2}}
        shop.live(300, step=300)
        assert shop.cases() == []
        assert len(reminders(shop)) == 2
        assert proved(shop)


def reminders(shop: House) -> list[str]:
    """What came to its desk."""
    mails = shop.world.smtp.books()["mails"]
    return [one["text"] for one in mails if one["to"] == ["desk@cedar.example"]]
