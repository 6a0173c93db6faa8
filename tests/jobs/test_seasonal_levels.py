"""A season's low-stock levels and thresholds hold on its days, and on no other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jobs import publish, upkeep
from jobs.clock import ManualClock
from jobs.store.feeds import Feeds
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import alert, cases, offer, snapshot
from jobs.tell import decide_alerts
from tests.jobs.builders import NOON, receipt, rows
from tests.jobs.buying import SUPPLIERS, open_market
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


#: From a season's first day on; the one beside it is for another place.
THRESHOLDS = """
location_groups: {others: [home]}
seasons:
  - name: black friday
    first: 2026-11-25
    last: 2026-11-30
    most_zeroed: 60
    stale_after: 12h
    snapshots: [{locations: [acme], zeros: 90, units_fallen: 90}, {locations: [others], zeros: 1}]
publishing: {risk: {oversold: null}}
"""


@pytest.mark.parametrize(
    ("days", "state"), [(0, "quarantined"), (1, "applied"), (7, "quarantined")]
)
def test_a_file_that_is_doubted_on_a_usual_day_is_believed_in_the_season(
    store: Store, clock: ManualClock, tmp_path: Path, days: int, state: str
) -> None:
    # given a file of ten
    shop = open_shop(store, clock, tmp_path, more=THRESHOLDS)
    clock.advance(days * 86_400)
    skus = [f"S{number}" for number in range(10)]
    shop.snapshot(*((sku, 5) for sku in skus), at=clock.now(), name="all.csv")

    # when eight of them are sold out an hour later
    clock.advance(3_600)
    figures = [(sku, 5 if number < 2 else 0) for number, sku in enumerate(skus)]
    shop.snapshot(*figures, at=clock.now(), name="few.csv")

    # then it depends on the day whether that is believed
    assert rows(store, snapshot)[-1]["state"] == state


@pytest.mark.parametrize(("days", "shown"), [(0, 30), (1, 15), (7, 30)])
def test_more_may_sell_out_in_the_season_before_a_person_is_asked(
    store: Store, clock: ManualClock, tmp_path: Path, days: int, shown: int
) -> None:
    # given thirty offers that show what there is
    shop = open_shop(store, clock, tmp_path, more=THRESHOLDS)
    remote = shop.channels["shopify-us"]
    clock.advance(days * 86_400)
    skus = [f"S{number:02}" for number in range(30)]
    for sku in skus:
        shop.receive(sku, 3, reference=sku)
        shop.list(f"v-{sku}", sku)
        remote.shown[f"v-{sku}"] = 3

    # when half of them are lost
    shop.decide()
    with store.transaction() as tx:
        Stock(tx).move([receipt(sku, -3, reference="lost") for sku in skus[15:]])
    shop.decide()
    for _ in range(3):
        clock.advance(600)
        publish.push_offers(shop.run("shopify-us/offers"), "shopify-us")

    # then they are taken down in the season, and a Case on other days
    assert sum(1 for units in remote.shown.values() if units) == shown
    kinds = [row["kind"] for row in rows(store, cases)]
    assert kinds == ([] if shown == 15 else ["unsafe_plan"])


def test_a_place_is_stale_sooner_in_the_season(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a place that is stale three days after its last file, and a day and a half in the season
    changes = {"basis: gross,": "basis: gross, feed: {every: 1d, stale_after: 2d},"}
    shop = open_shop(store, clock, tmp_path, more=THRESHOLDS, changes=changes)
    shop.snapshot(("TEA", 5), at=NOON)
    shop.list("tea", "TEA")

    # when nothing comes
    seen = []
    for hours in (0, 30, 36):
        clock.advance((NOON + timedelta(hours=hours) - clock.now()).total_seconds())
        shop.runner.run("core/dates")
        upkeep.look_after(shop.run("core/upkeep"))
        shop.decide()
        with store.reading() as tx:
            state = Feeds(tx).states()["acme"].state
        seen.append((str(state), rows(store, offer)[0]["wanted"]))

    # then it is told and shown by the season's time
    assert seen == [("fresh", 5), ("silent", 5), ("stale", 0)]


def test_what_must_last_into_a_season_lasts_more_surely(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a season that begins in ten days, and one that nothing bought now has to last into
    near = """seasons:
  - {name: gifts, first: 2026-12-04, last: 2026-12-24, service: 99}
  - {name: summer, first: 2027-07-01, last: 2027-07-31, service: 60}
"""
    usual = open_market(store, clock, tmp_path, more=SUPPLIERS)
    usual.shop.receive("TEA", 20)
    usual.sell("TEA", 3)
    before = usual.plans()["mill"][1]["TEA"]

    # when plans are worked out with it
    then = open_market(store, clock, tmp_path, more=SUPPLIERS + near).plans()["mill"][1]["TEA"]

    # then the level is not lower, and the sum says why
    assert then.level >= before.level
    told = [args for code, args in then.steps if code == "replenish_season"]
    assert told == [{"season": "gifts", "service": 99}]
    assert "replenish_season" not in [code for code, _ in before.steps]
