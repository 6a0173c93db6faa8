"""Rates from recorded orders: whole flows, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from core.model.orders import Order
from core.model.stock import MovementKind, StockMovement
from jobs import upkeep
from jobs.clock import ManualClock
from jobs.demand import decide_demand
from jobs.forecast import History, histories
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.sales import Sales
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import demand, dirty_sku, order_line, sales_day, sales_mark, stock_out, unit
from tests.jobs.builders import NOON, line, order, rows
from tests.jobs.conftest import BOTH, Open
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

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


def history(shop: Shop, sku: str = "TEA") -> History:
    with shop.store.reading() as tx:
        return histories(tx, shop.wiring, [sku])[sku]


def sold(shop: Shop, sku: str = "TEA") -> dict[date, float]:
    """Units of each day on which any were wanted, as `histories` tells them."""
    found = history(shop, sku)
    days = (found.first + number * DAY for number in range(len(found.units)))
    return {day: float(units) for day, units in zip(days, found.units, strict=True) if units}


def rates(shop: Shop, sku: str = "TEA") -> dict[str, DemandRate]:
    with shop.store.reading() as tx:
        return {channel: rate for (_, channel), rate in Demands(tx).rates([sku]).items()}


def old_marks(shop: Shop) -> list[date]:
    """Days that are over and must be counted anew."""
    return [row["day"] for row in rows(shop.store, sales_mark) if row["day"] < TODAY]


def work(shop: Shop) -> timedelta | None:
    return decide_demand(shop.run("core/demand"))


def move(shop: Shop, units: int, *, reference: str, sku: str = "TEA") -> None:
    kind = MovementKind.RECEIPT if units > 0 else MovementKind.DAMAGE
    with shop.store.transaction() as tx:
        Stock(tx).move([StockMovement(sku, "home", kind, units, reference, tx.now)])


def later(clock: ManualClock, span: timedelta) -> None:
    clock.advance(span.total_seconds())


def clean(shop: Shop) -> None:
    with shop.store.transaction() as tx:
        tx.connection.execute(delete(dirty_sku))


# --- counting ------------------------------------------------------------------------------------


def test_orders_count_on_the_day_they_were_placed_and_today_is_not_history_yet(shop: Shop) -> None:
    shop.record(sale(1, ago=3), sale(2, ago=3), sale(3, ago=1), sale(4, ago=0))

    work(shop)

    assert sold(shop) == {TODAY - 3 * DAY: 2.0, TODAY - DAY: 1.0}


def test_canceled_removed_and_test_units_were_not_wanted_and_returned_ones_were(shop: Shop) -> None:
    shop.record(
        sale(1, ago=9, canceled_at=NOON, cancel_reason="CUSTOMER"),
        sale(2, ago=8, test=True),
        sale(3, ago=7, lines=(line(units=5, current=3),)),
        sale(4, ago=6, lines=(line(units=4, current=1, fulfilled=4),)),
        sale(5, ago=5, lines=(line(units=2, requires_shipping=False),)),
    )

    work(shop)

    assert sold(shop) == {TODAY - 7 * DAY: 3.0, TODAY - 6 * DAY: 4.0}


def test_what_was_canceled_for_want_of_units_was_wanted(shop: Shop) -> None:
    lost = line(units=6, current=0)
    shop.record(sale(1, ago=2, canceled_at=NOON, cancel_reason="INVENTORY", lines=(lost,)))

    work(shop)

    assert sold(shop) == {TODAY - 2 * DAY: 6.0}


def test_kits_are_taken_apart_and_packs_multiplied(shop: Shop) -> None:
    packs = {"amazon-us": {"TEA-3": 3}}
    skus = shop.wiring.config.skus.model_copy(update={"units_per_sale": packs})
    loaded = replace(
        shop.wiring.loaded, config=shop.wiring.config.model_copy(update={"skus": skus})
    )
    shop.wiring = replace(shop.wiring, loaded=loaded)
    pack = line(sku="TEA", units=2, listing_remote_id="TEA-3")
    shop.record(sale(1, ago=2, lines=(line(sku="GIFT", units=4), line("L2", units=1))))
    shop.record(sale(2, ago=1, channel="amazon-us", lines=(pack,)))

    work(shop)

    assert sold(shop, "TEA") == {TODAY - 2 * DAY: 5.0, TODAY - DAY: 6.0}
    assert sold(shop, "CUP") == {TODAY - 2 * DAY: 4.0}
    assert history(shop).channels == pytest.approx({"amazon-us": 6 / 11, "shopify-us": 5 / 11})


@pytest.mark.parametrize(
    ("placed", "day"),
    [
        # New York leaves summer time on November 1, 2026: that day has 25 hours ...
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), date(2026, 10, 31)),
        (datetime(2026, 11, 1, 4, 0, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 5, 0, tzinfo=UTC), date(2026, 11, 2)),
        # ... and March 8 had 23.
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_days_are_the_shops_own_also_where_they_have_23_or_25_hours(
    shop: Shop, placed: datetime, day: date
) -> None:
    shop.record(sale(1, ago=0, placed_at=placed))

    work(shop)

    assert sold(shop) == {day: 1.0}


@BOTH
def test_orders_recorded_before_there_was_a_count_are_counted(shop: Shop) -> None:
    shop.record(sale(1, ago=20), sale(2, ago=1))
    with shop.store.transaction() as tx:
        tx.connection.execute(delete(sales_mark))

    work(shop)

    assert sold(shop) == {TODAY - 20 * DAY: 1.0, TODAY - DAY: 1.0}


def test_a_cancellation_of_an_old_order_changes_its_day_and_no_other(shop: Shop) -> None:
    shop.record(sale(1, ago=5), sale(2, ago=5), sale(3, ago=1))
    work(shop)

    shop.record(sale(2, ago=5, updated_at=NOON, canceled_at=NOON))

    assert old_marks(shop) == [TODAY - 5 * DAY]
    work(shop)
    assert sold(shop) == {TODAY - 5 * DAY: 1.0, TODAY - DAY: 1.0}
    assert old_marks(shop) == []


@BOTH
def test_another_time_zone_makes_other_days(shop: Shop) -> None:
    shop.record(sale(1, ago=2, placed_at=datetime(2026, 11, 20, 2, 0, tzinfo=UTC)))
    work(shop)
    assert sold(shop) == {date(2026, 11, 19): 1.0}

    moved = shop.wiring.config.shop.model_copy(update={"time_zone": "Asia/Shanghai"})
    config = shop.wiring.config.model_copy(update={"shop": moved})
    shop.wiring = replace(shop.wiring, loaded=replace(shop.wiring.loaded, config=config))
    work(shop)

    assert sold(shop) == {date(2026, 11, 20): 1.0}


@BOTH
def test_a_mark_that_is_being_written_is_left_to_its_writer(
    shop: Shop, open_store: Open, backend: str
) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with shop.store.transaction() as tx:
        Sales(tx).mark([("amazon-us", TODAY - DAY)])
    with open_store().transaction() as writing:
        Sales(writing).mark([("amazon-us", TODAY - DAY), ("amazon-us", TODAY - 2 * DAY)])

        with shop.store.transaction() as tx:
            taken = Sales(tx).marked(before=TODAY, limit=10)

    assert taken == []
    assert len(rows(shop.store, sales_mark)) == 2


# --- days without stock --------------------------------------------------------------------------


def test_days_on_which_nothing_was_there_to_buy_are_not_observed(
    shop: Shop, clock: ManualClock
) -> None:
    shop.record(sale(1, ago=10))
    move(shop, 5, reference="first")
    work(shop)
    later(clock, DAY)
    move(shop, -5, reference="flood")
    work(shop)
    later(clock, 4 * DAY)
    move(shop, 9, reference="again")
    work(shop)
    later(clock, 2 * DAY)
    work(shop)

    found = history(shop)

    assert rows(shop.store, stock_out) == [
        {"sku": "TEA", "day": TODAY + DAY, "until": TODAY + 5 * DAY}
    ]
    hidden = [
        found.first + number * DAY for number, there in enumerate(found.observed) if not there
    ]
    assert hidden == [TODAY + number * DAY for number in (1, 2, 3, 4)]


def test_a_sale_on_a_day_without_stock_is_a_demand_that_was_seen(
    shop: Shop, clock: ManualClock
) -> None:
    shop.record(sale(1, ago=10))
    move(shop, 1, reference="first")
    move(shop, -1, reference="gone")
    work(shop)
    later(clock, 3 * DAY)
    shop.record(sale(2, ago=0, placed_at=NOON + DAY, updated_at=NOON + DAY))

    work(shop)

    found = history(shop)
    assert found.observed[-3:].tolist() == [False, True, False]
    assert found.units[-2] == 1.0


def test_units_at_one_place_are_enough_to_be_in_stock(shop: Shop) -> None:
    shop.record(sale(1, ago=3))
    move(shop, -4, reference="owed")
    shop.snapshot(("TEA", 2), at=NOON)

    work(shop)

    assert rows(shop.store, stock_out) == []


def test_shelves_may_be_looked_at_several_times_a_day(shop: Shop) -> None:
    move(shop, -2, reference="owed")
    for number, units in enumerate((5, -5, 5, -5)):
        with shop.store.transaction() as tx:
            Sales(tx).look_at_shelves(TODAY)
        move(shop, units, reference=f"R{number}")

    with shop.store.transaction() as tx:
        Sales(tx).look_at_shelves(TODAY)

    assert rows(shop.store, stock_out) == [{"sku": "TEA", "day": TODAY, "until": None}]


# --- rates ---------------------------------------------------------------------------------------


def test_rates_are_told_of_all_channels_together_and_of_each(shop: Shop) -> None:
    shop.record(*(sale(number, ago=number) for number in range(1, 41)))
    shop.record(*(sale(100 + n, ago=n, channel="amazon-us") for n in range(1, 41, 2)))

    work(shop)

    found = rates(shop)
    everywhere = found[EVERYWHERE]
    assert everywhere.per_day == pytest.approx(1.5, rel=0.02)
    assert everywhere.days == 40
    assert found["shopify-us"].per_day == pytest.approx(everywhere.per_day * 2 / 3)
    assert found["amazon-us"].per_day == pytest.approx(everywhere.per_day / 3)
    assert rows(shop.store, dirty_sku) == [{"sku": "TEA"}]


def test_a_kit_has_the_rate_at_which_it_is_sold_itself(shop: Shop) -> None:
    # given a part that sells alone each day, and in a Kit every second one
    shop.record(*(sale(number, ago=number) for number in range(1, 41)))
    kits = (sale(100 + n, ago=n, lines=(line(sku="GIFT"),)) for n in range(1, 41, 2))
    shop.record(*kits)

    work(shop)

    # then what is bought follows both, and what is shown of the Kit its own
    assert rates(shop, "TEA")[EVERYWHERE].per_day == pytest.approx(1.5, rel=0.02)
    assert rates(shop, "GIFT")[EVERYWHERE].per_day == pytest.approx(0.5, rel=0.1)


@BOTH
def test_a_kit_is_not_observed_while_a_part_of_it_is_out_of_stock(shop: Shop) -> None:
    # given a Kit of which one part was not there for two days
    move(shop, 5, reference="shelf")
    shop.record(sale(1, ago=6, lines=(line(sku="GIFT"),)))
    work(shop)
    with shop.store.transaction() as tx:
        tx.connection.execute(
            insert(stock_out).values(sku="CUP", day=TODAY - 4 * DAY, until=TODAY - 2 * DAY)
        )

    # then those days tell nothing of it, and of its other part they do
    assert list(history(shop, "GIFT").observed) == [True, True, False, False, True, True]
    assert history(shop, "TEA").observed.all()


@BOTH
def test_a_run_without_news_writes_nothing(shop: Shop) -> None:
    shop.record(sale(1, ago=3))
    work(shop)
    clean(shop)
    before = [rows(shop.store, table) for table in (demand, sales_day, sales_mark, stock_out)]

    again = work(shop)

    assert [
        rows(shop.store, table) for table in (demand, sales_day, sales_mark, stock_out)
    ] == before
    assert rows(shop.store, dirty_sku) == []
    assert again == timedelta(hours=1)


def test_a_rate_that_hardly_moved_makes_no_work_for_others(shop: Shop, clock: ManualClock) -> None:
    shop.record(*(sale(number, ago=number) for number in range(1, 61)))
    work(shop)
    clean(shop)
    first = rates(shop)[EVERYWHERE]
    later(clock, DAY)
    shop.record(sale(900, ago=0))
    clean(shop)

    work(shop)

    assert rates(shop)[EVERYWHERE] == first
    assert rows(shop.store, dirty_sku) == []


def test_a_rate_falls_when_a_sku_sells_no_more(shop: Shop, clock: ManualClock) -> None:
    shop.record(*(sale(number, ago=number) for number in range(1, 61)))
    work(shop)
    first = rates(shop)
    clean(shop)

    later(clock, 30 * DAY)
    work(shop)

    now = rates(shop)
    assert now[EVERYWHERE].per_day < 0.9 * first[EVERYWHERE].per_day
    assert now["shopify-us"].per_day == now[EVERYWHERE].per_day
    assert rows(shop.store, dirty_sku) == [{"sku": "TEA"}]


def test_a_sku_of_long_ago_is_taken_to_sell_no_more(shop: Shop, clock: ManualClock) -> None:
    shop.record(sale(1, ago=1))
    work(shop)

    later(clock, 460 * DAY)
    work(shop)

    assert {rate.per_day for rate in rates(shop).values()} == {0.0}


def test_the_next_run_is_not_later_than_the_next_day_of_the_shop(
    shop: Shop, clock: ManualClock
) -> None:
    later(clock, timedelta(hours=16, minutes=40))

    again = work(shop)

    assert again == timedelta(minutes=20)


def test_a_run_that_died_halfway_is_made_up_for(shop: Shop, monkeypatch: Any) -> None:
    shop.record(sale(1, ago=3))
    monkeypatch.setattr("jobs.demand._rate_everything", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work(shop)
    monkeypatch.undo()

    work(shop)

    assert rates(shop)[EVERYWHERE].per_day > 0


def test_a_late_order_of_an_old_day_moves_its_rate_within_the_hour(shop: Shop) -> None:
    shop.record(sale(1, ago=3))
    work(shop)
    first = rates(shop)[EVERYWHERE].per_day

    shop.record(sale(2, ago=2, lines=(line(units=9),)))
    work(shop)

    assert rates(shop)[EVERYWHERE].per_day > 5 * first


@BOTH
def test_the_unit_is_part_of_every_configuration(shop: Shop) -> None:
    assert "core/demand" in shop.runner.units
    assert "core/demand" in {row["id"] for row in rows(shop.store, unit)}


@BOTH
def test_a_sku_that_gets_its_name_late_is_counted_then(shop: Shop) -> None:
    shop.record(sale(1, ago=3, lines=(line(sku=""),)))
    work(shop)
    assert sold(shop) == {}

    with shop.store.transaction() as tx:
        tx.connection.execute(update(order_line).values(remote_sku="TEA"))
    upkeep.look_after(shop.run("core/upkeep"))
    work(shop)

    assert sold(shop) == {TODAY - 3 * DAY: 1.0}


def test_a_run_that_died_before_its_rates_leaves_word_of_it(shop: Shop, monkeypatch: Any) -> None:
    shop.record(sale(1, ago=3))
    work(shop)
    shop.record(sale(2, ago=2, lines=(line(units=9),)))
    monkeypatch.setattr("jobs.demand.moved_rates", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work(shop)
    monkeypatch.undo()
    before = rates(shop)[EVERYWHERE].per_day

    work(shop)

    assert rates(shop)[EVERYWHERE].per_day > 5 * before
