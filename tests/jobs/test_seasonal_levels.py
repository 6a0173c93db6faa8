"""A season's low-stock levels hold on its days, and on no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import alert
from jobs.tell import decide_alerts
from tests.jobs.builders import rows
from tests.jobs.shop import open_shop

#: The clock of these tests begins on 2026-11-24, at noon UTC.
SEASON = """
alerts: {low_stock: 4}
seasons:
  - {name: black friday, first: 2026-11-25, last: 2026-11-30, low_stock_percent: 160}
  - {name: gift wrap, first: 2026-11-25, last: 2026-12-24}
"""


@pytest.mark.parametrize(
    ("days", "fires"), [(0, []), (1, ["low_stock"]), (6, ["low_stock"]), (9, [])]
)
def test_what_is_enough_on_a_usual_day_is_low_in_the_season(
    store: Store, clock: ManualClock, tmp_path: Path, days: int, fires: list[str]
) -> None:
    # given six units, where four are low on a usual day and seven in the season
    shop = open_shop(store, clock, tmp_path, more=SEASON)
    shop.receive("TEA", 6)
    shop.decide()

    # when alerts are worked out on that day
    clock.advance(days * 86_400)
    decide_alerts(shop.run("core/alerts"))

    # then it fires in the season alone, a season that says nothing of levels beside it
    found = [one["rule"] for one in rows(store, alert) if one["resolved_at"] is None]
    assert [one for one in found if one == "low_stock"] == fires
