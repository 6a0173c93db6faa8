"""Rates from recorded orders: whole flows, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.model.orders import Order
from jobs.clock import ManualClock
from jobs.demand import decide_demand
from jobs.forecast import histories
from jobs.store.store import Store
from tests.jobs.builders import NOON, line, order
from tests.jobs.shop import Shop, open_shop

DAY = timedelta(days=1)
TODAY = NOON.date()


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_shop(store, clock, tmp_path)


def sale(number: int, *, ago: int, channel: str = "shopify-us", **changes: Any) -> Order:
    """One order of so many days ago, at noon UTC."""
    given = {"placed_at": NOON - ago * DAY, "updated_at": NOON - ago * DAY, **changes}
    lines = given.pop("lines", (line(),))
    return order(f"{number}", *lines, channel=channel, **given)


def sold(shop: Shop, sku: str = "TEA") -> dict[date, float]:
    """Units of each day on which any were wanted, as `histories` tells them."""
    with shop.store.reading() as tx:
        found = histories(tx, shop.wiring, [sku])[sku]
    days = (found.first + number * DAY for number in range(len(found.units)))
    return {day: float(units) for day, units in zip(days, found.units, strict=True) if units}


def work(shop: Shop) -> timedelta | None:
    return decide_demand(shop.run("core/demand"))


def test_orders_count_on_the_day_they_were_placed_and_today_is_not_history_yet(shop: Shop) -> None:
    shop.record(sale(1, ago=3), sale(2, ago=3), sale(3, ago=1), sale(4, ago=0))

    work(shop)

    assert sold(shop) == {TODAY - 3 * DAY: 2.0, TODAY - DAY: 1.0}
