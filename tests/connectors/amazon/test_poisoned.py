"""An order that makes every page with it fail keeps no other out."""

from __future__ import annotations

from typing import Any

from core.model.orders import Order
from core.ports import Batch
from tests.connectors.amazon.test_connector import PAST_THE_SNAPSHOT, Shop, shop
from tests.connectors.poisoned import ids, rejects


def sell(amazon: Shop, count: int, **wish: Any) -> list[str]:
    made = []
    for _ in range(count):
        amazon.clock.advance(60.5)
        made.append(amazon.order(**wish))
    return made


def walk(amazon: Shop, since: str | None) -> list[Batch[Order]]:
    amazon.clock.advance(PAST_THE_SNAPSHOT)
    batches = amazon.pull(since)
    assert [one.complete_to is not None for one in batches] == [False] * (len(batches) - 1) + [True]
    return batches


def test_an_order_whose_details_cannot_be_shown_is_stepped_over_by_its_id() -> None:
    with shop() as amazon:
        # given orders of which one has an address that makes its page fail
        since = walk(amazon, None)[-1].cursor
        others = sell(amazon, 2)
        (bad,) = sell(amazon, 1, address={"line1": "77 Poison St"})
        others += sell(amazon, 2)
        amazon.faults({"operation": "*", "kind": "500", "holding": "77 Poison St"})
        before = amazon.calls("searchOrders")

        # when they are walked
        found = walk(amazon, since)

        # then the others come, it is named, and few of the scarce calls are used
        assert ids(found) == {*others}
        assert rejects(found) == [("order", bad)]
        assert amazon.calls("searchOrders") - before == 4


def test_where_no_search_shows_it_the_time_of_the_walk_is_halved_down_to_its_second() -> None:
    with shop(rate_scale=1e4) as amazon:
        # given an order that makes every search fail that finds it
        since = walk(amazon, None)[-1].cursor
        orders = sell(amazon, 3)
        bad = orders[1]
        amazon.faults({"operation": "searchOrders", "kind": "500", "holding": bad})

        # when the account is walked, then the others come, and its second is told
        found = walk(amazon, since)
        assert ids(found) == {orders[0], orders[2]}
        # Both ends of a search count: at a full second that is two.
        told = rejects(found)
        assert 1 <= len(told) <= 2
        updated = amazon.amazon.get_order(bad).items[0].updated_at
        for kind, span in told:
            assert kind == "order page"
            assert span.split("/")[0] <= f"{updated:%Y-%m-%dT%H:%M:%SZ}" <= span.split("/")[1]

        # and the next walks go around it, until it is tried again after an hour
        soon = walk(amazon, found[-1].cursor)
        assert (bad in ids(soon), rejects(soon)) == (False, [])
        amazon.faults()
        amazon.clock.advance(3600)
        mended = walk(amazon, soon[-1].cursor)
        assert [name for one in mended for name in one.mended] == told
        assert bad in ids(mended)
