"""Parcels are followed at a simulated UPS and EasyPost: what is told of one stops nothing about others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.easypost.simulator import EasypostSimulator
from connectors.ups.simulator import UpsSimulator
from jobs import push
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import fulfillment, shipment
from tests.jobs.builders import line, order, rows
from tests.jobs.shop import Shop
from tests.jobs.test_routing import open_cases, opened, told

DATABASES = ["sqlite"]
NUMBER = "1Z5R89390357567127"
CONNECTION = """
  ups: {{type: ups, client_id: simulated-client, client_secret: "${{env:SECRET}}", base_url: "{ups}"}}
  many: {{type: easypost, api_key: "${{env:SECRET}}", carriers: [lasership, ontrac], base_url: "{many}"}}
channels:
"""


@pytest.fixture
def ups(clock: ManualClock) -> Iterator[UpsSimulator]:
    made = UpsSimulator(clock=clock, seed=7, client_secret="hush", transit=(86_400, 86_400))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def many(clock: ManualClock) -> Iterator[EasypostSimulator]:
    made = EasypostSimulator(clock=clock, seed=7, api_key="hush", transit=(86_400, 86_400))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def shop(
    store: Store, clock: ManualClock, tmp_path: Path, ups: UpsSimulator, many: EasypostSimulator
) -> Shop:
    connections = CONNECTION.format(ups=ups.url, many=many.url)
    return opened(store, clock, tmp_path, changes={"channels:\n": connections})


def shipped(shop: Shop, *parcels: tuple[str, str], carrier: str = "ups") -> None:
    """An order for each (remote id, number)."""
    for remote_id, _ in parcels:
        shop.record(order(remote_id, line(units=1)))
    shop.decide()
    for place in ("home-files", "acme-files"):
        push.push_requests(shop.run(f"{place}/requests"), place)
    numbers = dict(parcels)
    for one in rows(shop.store, fulfillment):
        remote_id = one["key"].split(":")[1]
        shop.ship(
            one["key"], ("TEA", 1), number=numbers[remote_id], carrier=carrier,
            through=f"{one['location']}-files",
        )  # fmt: skip


def followed(shop: Shop) -> dict[str, tuple[str, bool]]:
    """number -> (status, whether it is asked about again)"""
    return {
        row["tracking_number"]: (row["status"], row["ask_at"] is not None)
        for row in rows(shop.store, shipment)
    }


def test_a_number_that_is_none_is_told_once_and_the_others_are_followed(
    shop: Shop, ups: UpsSimulator, clock: ManualClock
) -> None:
    shipped(shop, ("6001", "1Z"), ("6002", NUMBER))
    ups.register(NUMBER, clock.now(), story="")
    clock.advance(2 * 86_400)

    went = [shop.runner.run("ups/tracking", whenever=True) for _ in range(2)]

    assert went == [True, True]
    assert followed(shop) == {"1Z": ("unknown", False), NUMBER: ("delivered", False)}
    assert open_cases(shop) == [
        ("parcel_number_wrong", "order shopify-us 6001 parcel 1Z"),
        ("parcel_no_number", "parcel 1Z"),
    ]
    assert told(shop, "6001")[-1].startswith(
        "ups says that 1Z, the parcel of order 6001, is no number"
    )


def test_who_follows_many_carriers_is_told_whose_a_parcel_is(
    shop: Shop, many: EasypostSimulator, clock: ManualClock
) -> None:
    shipped(shop, ("6001", "D10010880000000"), carrier="ontrac")
    many.register("D10010880000000", clock.now(), story="", carrier="OnTrac")

    for _ in range(2):
        shop.runner.run("many/tracking", whenever=True)
        clock.advance(2 * 86_400)

    assert many.books()["trackers"] == [["D10010880000000", "OnTrac"]]
    assert followed(shop) == {"D10010880000000": ("delivered", False)}
