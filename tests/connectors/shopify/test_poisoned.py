"""An order that makes every page with it fail keeps no other out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from core.errors import Unavailable
from core.model.orders import Order
from core.ports import Batch
from tests.connectors.poisoned import ids, rejects
from tests.connectors.shopify.test_connector_simulated import Rig, rig_of


@pytest.fixture
def rig() -> Iterator[Rig]:
    # The bucket is none of these tests' matter.
    yield from rig_of({"bucket": (1e6, 1e6)})


def sell(rig: Rig, count: int) -> list[str]:
    made = []
    for _ in range(count):
        made.append(rig.order(rig.sell(("MUG", 1))).remote_id)
        rig.clock.advance(60)
    return made


def poison(rig: Rig, order: str, *operations: str) -> None:
    held = f'gid://shopify/Order/{order}"'
    rules = [{"operation": one, "kind": "500", "holding": held} for one in operations]
    rig.simulator.faults.set(rules)


def walk(rig: Rig, since: str | None) -> list[Batch[Order]]:
    rig.clock.advance(60)
    batches = list(rig.connector.pull_orders(since=since))
    assert [one.complete_to is not None for one in batches] == [False] * (len(batches) - 1) + [True]
    return batches


def test_an_order_that_cannot_be_shown_is_stepped_over_by_its_id(rig: Rig) -> None:
    # given a shop that was walked, and five orders more, of which one cannot be shown
    since = walk(rig, None)[-1].cursor
    orders = sell(rig, 5)
    poison(rig, orders[2], "Orders", "Order")

    # when it is walked again, then the others come, and that one is named
    found = walk(rig, since)
    assert ids(found) == {*orders} - {orders[2]}
    assert rejects(found) == [("order", orders[2])]
    assert all(one.complete_to for one in found[-1:])

    # and what can be shown alone is no reject
    poison(rig, orders[2], "Orders")
    again = walk(rig, since)
    assert (ids(again), rejects(again)) == ({*orders}, [])


def test_where_no_list_shows_it_the_time_of_the_walk_is_halved_down_to_its_second(rig: Rig) -> None:
    # given an order that makes everything fail that has it
    since = walk(rig, None)[-1].cursor
    orders = sell(rig, 7)
    at = rig.clock.now() - timedelta(seconds=60 * 4)
    poison(rig, orders[3], "*")

    # when the shop is walked, then the others come, and the second it was placed in is told
    found = walk(rig, since)
    assert ids(found) == {*orders} - {orders[3]}
    ((kind, span),) = rejects(found)
    first, until = span.split("/")
    assert (kind, first) == ("order page", f"{at:%Y-%m-%dT%H:%M:%SZ}")
    assert until == f"{at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"

    # and it is not tried again with every walk, but after an hour
    soon = walk(rig, found[-1].cursor)
    assert (orders[3] in ids(soon), rejects(soon)) == (False, [])
    rig.clock.advance(3600)
    later = walk(rig, soon[-1].cursor)
    assert rejects(later) == [("order page", span)]
    rig.simulator.faults.set([])
    rig.clock.advance(3600)
    mended = walk(rig, later[-1].cursor)
    assert [one.mended for one in mended if one.mended] == [(("order page", span),)]
    assert orders[3] in ids(mended)


def test_two_bad_orders_are_stepped_over_each(rig: Rig) -> None:
    since = walk(rig, None)[-1].cursor
    orders = sell(rig, 6)
    rig.simulator.faults.set(
        [
            {"operation": "*", "kind": "503-html", "holding": f'gid://shopify/Order/{one}"'}
            for one in (orders[1], orders[4])
        ]
    )

    found = walk(rig, since)

    assert ids(found) == {*orders} - {orders[1], orders[4]}
    assert len(rejects(found)) == 2


def test_a_shop_that_is_down_is_not_taken_for_one_with_bad_orders(rig: Rig) -> None:
    since = walk(rig, None)[-1].cursor
    sell(rig, 3)
    before = len(rig.simulator.log.entries())
    rig.fault("*", "500", probability=1.0)

    with pytest.raises(Unavailable):
        walk(rig, since)

    assert len(rig.simulator.log.entries()) - before < 30


def test_the_list_of_all_orders_goes_around_it_too(rig: Rig) -> None:
    orders = sell(rig, 6)
    at = rig.clock.now() - timedelta(seconds=60 * 4)
    poison(rig, orders[2], "*")

    began = rig.clock.now()
    first = began - timedelta(days=3)
    batches = list(rig.connector.list_orders(since=None, first=first))

    assert {one.remote_id for batch in batches for one in batch.items} == {*orders} - {orders[2]}
    (reject,) = (one for batch in batches for one in batch.rejects)
    assert (reject.kind, reject.remote_id.split("/")[0]) == (
        "order list", f"{at:%Y-%m-%dT%H:%M:%SZ}"
    )  # fmt: skip
    assert batches[-1].complete_to == began
