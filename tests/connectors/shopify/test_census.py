"""The shop's own list of its orders, by another way than the walks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.shopify import documents
from core.errors import Unavailable
from tests.connectors.shopify.scripted import NOW
from tests.connectors.shopify.test_connector_simulated import Rig, rig_of


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield from rig_of()


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders to a page."""
    small = documents.CENSUS.text.replace(f"first: {documents.MOST}", "first: 2")
    monkeypatch.setattr(
        documents, "CENSUS", documents.Document("Census", small, documents.CENSUS.cost)
    )


def listed(rig: Rig, *, days: float = 3) -> list[str]:
    """Numbers of the orders, in the order told."""
    batches = list(
        rig.connector.list_orders(since="x", first=rig.clock.now() - timedelta(days=days))
    )
    assert [one.complete_to is not None for one in batches] == [False] * (len(batches) - 1) + [True]
    assert batches[-1].complete_to == rig.clock.now()
    assert {one.cursor for one in batches} == {"x"}
    return [one.remote_id for batch in batches for one in batch.items]


def place(rig: Rig, count: int, *, every: float = 60) -> list[str]:
    made = []
    for _ in range(count):
        made.append(rig.order(rig.sell(("MUG", 1))).remote_id)
        rig.clock.advance(every)
    return made


@pytest.mark.usefixtures("paged")
def test_every_order_of_the_last_days_is_listed_once_the_newest_first(rig: Rig) -> None:
    old = place(rig, 2)
    rig.clock.advance(86_400)
    new = place(rig, 5)

    assert listed(rig, days=0.5) == new[::-1]
    assert listed(rig) == (old + new)[::-1]


def test_a_shop_without_orders_lists_none(rig: Rig) -> None:
    assert listed(rig) == []


@pytest.mark.usefixtures("paged")
def test_an_order_no_search_shows_is_listed(rig: Rig) -> None:
    first, lost, last = place(rig, 3)
    rig.simulator.place_order({"hide": f"gid://shopify/Order/{lost}"})
    rig.clock.advance(600)

    walked = {
        one.remote_id for batch in rig.connector.pull_orders(since=None) for one in batch.items
    }
    cursor = [batch.cursor for batch in rig.connector.pull_orders(since=None)][-1]
    later = [one for batch in rig.connector.pull_orders(since=cursor) for one in batch.items]

    assert lost in walked, "a first walk asks without a query"
    assert lost not in {one.remote_id for one in later}
    assert listed(rig) == [last, lost, first]
    (found,) = rig.connector.get_order(lost).items
    assert found.remote_id == lost


def test_the_shop_counts_the_orders_of_a_time(rig: Rig) -> None:
    began = rig.clock.now()
    place(rig, 3, every=3600)

    def counted(hours: float, more: float) -> int | None:
        first = began + timedelta(hours=hours)
        return rig.connector.count_orders(first=first, until=first + timedelta(hours=more))

    assert [counted(0, 3), counted(0, 1), counted(1, 1), counted(3, 1)] == [3, 1, 1, 0]


def test_a_page_that_fails_ends_the_census_and_the_next_begins_anew(rig: Rig) -> None:
    made = place(rig, 2)
    rig.fault("Census", "503-html", probability=1.0)

    with pytest.raises(Unavailable):
        listed(rig)

    rig.simulator.faults.set([])
    assert listed(rig) == made[::-1]
    assert rig.clock.now() > NOW
