"""Prices that UPS names, asked ahead of a simulated UPS: which orders go by them, and by the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.ups.rating_simulator import Tariff
from connectors.ups.simulator import UpsSimulator
from jobs.clock import ManualClock
from jobs.store.store import Store
from tests.jobs.builders import line, order
from tests.jobs.shop import Shop
from tests.jobs.test_routing import at, opened, routed, told

#: The table says 8.00 for slow from Reno, 12.00 for quick; tea weighs two pounds.
SERVICES = """
services:
  slow:
    carrier: ups
    rates: {1: {453: "7.00", 907: "8.00", 5000: "14.00"}, 8: {453: "11.00", 907: "12.00", 5000: "19.00"} }
    live: {connection: ups, code: "03"}
  quick:
    carrier: ups
    rates: {1: {5000: "12.00"}, 8: {5000: "30.00"} }
    live: {connection: ups, code: "12"}
"""
DISPATCH = '{postal_code: "89501", services: [slow, quick]}'
CONNECTION = """
  ups: {{type: ups, client_id: simulated-client, client_secret: "${{env:SECRET}}",
    base_url: "{url}", account_number: "${{file:{folder}/account}}"}}
channels:
"""


@pytest.fixture
def ups(clock: ManualClock) -> Iterator[UpsSimulator]:
    made = UpsSimulator(clock=clock, seed=7, client_secret="hush")
    # List prices in cents for two pounds to a home in the same place: slow 9.00, quick 5.00.
    made.desk.tariffs = {
        "03": Tariff("UPS Ground", 700, 50, 70, 4),
        "12": Tariff("UPS 3 Day Select", 300, 50, 70, 3),
    }
    made.start()
    yield made
    made.stop()


Open = Callable[..., Shop]


@pytest.fixture
def shop_of(store: Store, clock: ManualClock, tmp_path: Path, ups: UpsSimulator) -> Open:
    def made(services: str = SERVICES, **changes: str) -> Shop:
        (tmp_path / "account").write_text(ups.desk.account_number)
        return opened(
            store, clock, tmp_path, services=services,
            home='{preference: "100.00"}', acme=DISPATCH,
            changes={
                "channels:\n": CONNECTION.format(url=ups.url, folder=tmp_path),
                "    TEA: {}": "    TEA: {parcel: {weight: 907}}",
                **changes,
            },
        )  # fmt: skip

    return made


def ask(shop: Shop) -> bool:
    """The unit runs as the engine runs it; whether that went well."""
    return shop.runner.run("ups/rates", whenever=True)


def trouble(ups: UpsSimulator, kind: str) -> None:
    """Every question for prices meets it."""
    ups.faults.set([{"operation": "rate", "kind": kind, "probability": 1.0}] if kind else [])


def asked_for(ups: UpsSimulator) -> list[tuple[str, str, str]]:
    """(from, to, pounds) of every question it answered."""
    return [
        (
            one["Shipment"]["ShipFrom"]["Address"]["PostalCode"],
            one["Shipment"]["ShipTo"]["Address"]["PostalCode"],
            one["Shipment"]["Package"][0]["PackageWeight"]["Weight"],
        )
        for one in ups.desk.asked
    ]


def service(shop: Shop, number: str, **more: Any) -> str:
    """By what a new order for tea, to Reno, travels."""
    ((_, by, _),) = routed(shop, order(number, line(units=1), **more))
    return by


def test_an_order_goes_by_what_the_quote_makes_cheaper_and_by_the_table_once_it_ran_out(
    shop_of: Open, ups: UpsSimulator, clock: ManualClock
):
    shop = shop_of()
    # Nothing was asked yet: the table says slow.
    assert service(shop, "1") == "slow"
    assert (
        "slow from acme is priced by its rate table: the carrier's own price for such a parcel is not known now."
        in told(shop, "1")
    )

    assert ask(shop)
    assert asked_for(ups) == [("89501", "89501", "2.0"), ("89501", "89501", "11.1")]
    assert service(shop, "2", ship_to=at("89523")) == "quick"
    said = told(shop, "2")
    assert any("by quick for 4.00 USD" in one for one in said)
    assert "quick from acme is priced as ups said at 2026-11-24 07:00." in said

    # Three days later nobody answers, and the quotes have run out.
    trouble(ups, "500")
    clock.advance(3 * 86_400 + 1)
    assert not ask(shop)
    assert service(shop, "3") == "slow"
