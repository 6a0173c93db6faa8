"""A channel without orders: told once, by what its own history says, and over with the next order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jobs import silence
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import cases
from tests.jobs.builders import order, rows
from tests.jobs.shop import Shop, open_shop


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """Sells every half hour of the day and night for four weeks, on Shopify alone."""
    made = open_shop(store, clock, tmp_path)
    begin = clock.now() - timedelta(days=28)
    made.record(
        *(
            order(f"O{number}", placed_at=at, updated_at=at)
            for number in range(28 * 48)
            for at in [begin + timedelta(minutes=30 * number)]
        )
    )
    return made


def look(shop: Shop, *, known_to: timedelta = timedelta(0)) -> list[str]:
    """Every order is known up to so long ago; the channels that are called silent."""
    run = shop.run("shopify-us/orders")
    with run.transaction() as tx:
        tx.advance("end", complete_to=shop.clock.now() - known_to)
    silence.watch_channels(shop.run("core/silence"))
    return [
        row["subject"]
        for row in rows(shop.store, cases)
        if row["kind"] == "channel_silent" and row["state"] == "open"
    ]


def test_a_channel_that_stops_selling_is_told_until_it_sells_again(shop: Shop):
    # given no order for two hours, of which four would have come
    shop.clock.advance(2 * 3_600)
    assert look(shop) == []

    # when twenty would have come, then it is told, once
    shop.clock.advance(10 * 3_600)
    assert look(shop) == ["channel shopify-us"]
    assert look(shop) == ["channel shopify-us"]
    (told,) = [row for row in rows(shop.store, cases) if row["kind"] == "channel_silent"]
    assert told["severity"] == "critical"
    assert told["args"]["least"] == 10

    # when an order comes, then it is over
    at = shop.clock.now()
    shop.record(order("NEW", placed_at=at, updated_at=at))
    assert look(shop) == []


def test_orders_that_could_not_be_pulled_are_no_silence(shop: Shop):
    shop.clock.advance(12 * 3_600)

    assert look(shop, known_to=timedelta(hours=11)) == []


def test_a_person_who_knows_why_is_not_told_again_of_the_same_silence(shop: Shop):
    shop.clock.advance(12 * 3_600)
    look(shop)
    with shop.store.transaction() as tx:
        tx.close_case("channel_silent", "channel shopify-us", by="olga", note="closed for a day")

    shop.clock.advance(3_600)
    assert look(shop) == []


def test_a_channel_may_be_left_alone(store: Store, clock: ManualClock, tmp_path: Path):
    changes = {"shopify-us: {connection: shopify-us": "shopify-us: {silent_after: 0, connection: shopify-us"}  # fmt: skip
    shop = open_shop(store, clock, tmp_path, changes=changes)
    at = clock.now() - timedelta(days=20)
    shop.record(
        *(order(f"O{n}", placed_at=at + timedelta(hours=n), updated_at=at) for n in range(19 * 24))
    )
    assert look(shop) == []
