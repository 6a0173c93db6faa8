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
from tests.contracts.rigs import cedar
from tests.e2e.house import House, house
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_trading import QUICK, by_place, is_over, proved, requests


@contextmanager
def with_cedar(
    folder: Path, *, connection: dict[str, Any] | None = None, **simulated: Any
) -> Iterator[tuple[House, FulfillerSimulator]]:
    made: list[FulfillerSimulator] = []

    def prepare(world: World) -> None:
        cedars = FulfillerSimulator(
            clock=world.clock, seed=3, accept_after=(60.0, 60.0), ship_after=(300.0, 300.0),
            on_ship=world.ups.register, **simulated,
        )  # fmt: skip
        cedars.start()
        made.append(cedars)

    def edit(tree: dict[str, Any]) -> None:
        (folder / "cedar-token").write_text(f"Bearer {TOKEN}")
        known = cedar(made[0].url)
        known["headers"] = {"Authorization": f"${{file:{folder / 'cedar-token'}}}"}
        tree["connections"]["cedar"] = {**known, "ask_every": 1, **(connection or {})}
        tree["locations"]["acme"] |= {"ships_through": "cedar", "priority": 1}

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


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "500", "503-html", "502-applied", "429-empty"]
)
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
