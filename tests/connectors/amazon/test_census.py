"""The account's own list of its orders, by report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.errors import Rejected, Unavailable
from core.ports import Batch, Listed
from tests.connectors.amazon.scripted import scripted, settings
from tests.connectors.amazon.test_connector import (
    PAST_THE_SNAPSHOT,
    Amazon,
    FakeInside,
    Shop,
    script_report,
    shop,
)

HEADER = "amazon-order-id\tpurchase-date\tsku\n"


def take(amazon: Shop, since: str | None = None, *, days: float = 3) -> list[Batch[Listed]]:
    first = amazon.clock.now() - timedelta(days=days)
    return list(amazon.amazon.list_orders(since=since, first=first))


def listed(amazon: Shop, **more: float) -> set[str]:
    """What the report says, once it is made."""
    asked = take(amazon, **more)[-1]
    assert (asked.items, asked.complete_to) == ((), None)
    amazon.clock.advance(PAST_THE_SNAPSHOT)
    (last,) = take(amazon, asked.cursor, **more)
    assert last.complete_to is not None
    return {one.remote_id for one in last.items}


def test_every_order_is_listed_once_whatever_its_state_and_who_ships_it() -> None:
    with shop() as amazon:
        two_items = amazon.simulator.place_order(
            {"lines": [{"sku": "MUG", "quantity": 1}, {"sku": "MUG/XL a", "quantity": 2}]}
        )["id"]
        canceled, pending = amazon.order(), amazon.order(pending_for=9e5)
        amazon.simulator.place_order({"cancel": canceled})
        fba = amazon.order("LAMP-FBA")

        assert listed(amazon) == {two_items, canceled, pending, fba}


def test_an_order_no_search_shows_is_listed_and_read_by_its_number() -> None:
    with shop() as amazon:
        lost, seen = amazon.order(hidden_for=1e9), amazon.order()
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        walked = {one.remote_id for batch in amazon.pull() for one in batch.items}

        assert walked == {seen}
        assert listed(amazon) == {lost, seen}
        (found,) = amazon.amazon.get_order(lost).items
        assert found.remote_id == lost


def test_only_the_days_asked_for_are_listed_with_when_each_was_placed() -> None:
    with shop() as amazon:
        amazon.order()
        amazon.clock.advance(4 * 86_400)
        placed_at = amazon.clock.now()
        new = amazon.order()
        asked = take(amazon)[-1]
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        (last,) = take(amazon, asked.cursor)

        assert last.items == (Listed(new, placed_at),)
        assert last.complete_to is not None
        assert placed_at <= last.complete_to <= amazon.clock.now()


def test_a_list_without_orders_is_a_report_amazon_cancels() -> None:
    with shop() as amazon:
        assert listed(amazon) == set()


def test_listings_and_orders_have_reports_of_their_own() -> None:
    with shop() as amazon:
        amazon.order()
        listings = list(amazon.amazon.pull_listings(since=None))[-1]
        orders = take(amazon)[-1]
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        told = list(amazon.amazon.pull_listings(since=listings.cursor))
        (census,) = take(amazon, orders.cursor)

        assert {one.remote_id for batch in told for one in batch.items} >= {"MUG", "LAMP-FBA"}
        assert len(census.items) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("amazon-order-id\tsku\n1\tA\n", "the report has no column purchase-date"),
        (f"{HEADER}1\tlast Monday\tA\n", "a row without a date"),
        (f"{HEADER}1\n", "a row without a date"),
    ],
)
def test_a_report_that_cannot_be_read_says_nothing_of_orders(content: str, problem: str) -> None:
    with scripted() as amazon:
        script_report(amazon, content)
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        batches = connector.list_orders(since=None, first=FakeInside().clock.now())
        with pytest.raises(Rejected, match=problem):
            for batch in batches:
                assert batch.complete_to is None


def test_what_was_sold_elsewhere_is_in_the_report_and_not_of_this_channel() -> None:
    with scripted() as amazon:
        rows = [
            ("111-1", "Amazon.com"),
            ("S01-2", "Non-Amazon US"),
            ("701-3", "Amazon.ca"),
            ("111-4", ""),
            ("111-5", "sim1.stores.amazon.com"),
        ]
        told = "".join(f"{order}\t2026-11-24T09:00:00Z\tA\t{site}\n" for order, site in rows)
        script_report(amazon, f"amazon-order-id\tpurchase-date\tsku\tsales-channel\n{told}")
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        batches = connector.list_orders(since=None, first=FakeInside().clock.now())

        assert [one.remote_id for one in list(batches)[-1].items] == ["111-1", "111-4", "111-5"]


def test_a_report_that_failed_is_asked_for_again() -> None:
    with scripted() as amazon:
        script_report(amazon, "", "FATAL")
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        with pytest.raises(Unavailable, match="report R1 ended as FATAL"):
            list(connector.list_orders(since=None, first=FakeInside().clock.now()))
