"""What is proposed to be bought: the sum, the supplier, the day, the price of waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from config.load import load
from core.model.money import Money
from core.model.stock import MovementKind, StockMovement
from core.rules.sentences import render
from jobs import slow, tell
from jobs.buying import Line
from jobs.clock import ManualClock
from jobs.horizons import calendars_too_short
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import alert, change_plan
from tests.jobs.builders import NOON, line, order, rows
from tests.jobs.buying import SUPPLIERS, Market, open_market


@pytest.fixture
def market(store: Store, clock: ManualClock, tmp_path: Path) -> Market:
    return open_market(store, clock, tmp_path)


def steps(line: Line) -> list[str]:
    return [code for code, _ in line.steps]


def test_a_sku_below_its_reorder_point_is_proposed_from_the_cheapest_supplier(market: Market):
    # given three sales a day, 20 on the shelf, and a way of ten to fourteen days
    market.shop.list("v1", "TEA", price=Money(500, "USD"))
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)

    # when plans are worked out
    plans = market.plans()

    # then the mill is asked for whole packs, up to what lasts until the order after
    _, lines = plans["mill"]
    line = lines["TEA"]
    assert line.position == 20
    assert line.level > 3 * 17
    assert line.quantity % 12 == 0
    assert line.position + line.quantity >= line.level + 3 * 19
    assert line.cost == line.quantity * 150
    assert steps(line)[:3] == [
        "replenish_position",
        "replenish_reorder_point",
        "replenish_target",
    ]
    assert "replenish_cheapest" in steps(line)
    assert "dear" not in plans
    # and it says that it comes too late, and what waiting would cost
    assert line.runs_out < line.arrives
    assert "replenish_late" in steps(line)
    assert line.order_by == market.shop.wiring.day(NOON).isoformat()
    assert line.lost >= 3 * 6
    assert line.loss == line.lost * 350


FAR_AND_NEAR = """
suppliers:
  far:
    restocks: home
    lead_days: 10
    freight: {by: volume, per_cubic_meter: "500.00"}
    inbound_fee: "1.00"
    items:
      TEA: {cost: "1.00", volume: 4000, hts: "6911.10", origin: CN}
  near:
    restocks: home
    lead_days: 3
    items:
      TEA: {cost: "1.20"}
duties: [{hts: "6911.10", origin: CN, since: 2026-01-01, percent: "26.5"}]
replenishment: {alert: reorder_point, order_days: 20}
"""


def test_a_low_price_with_freight_duty_and_fees_on_top_is_not_the_cheapest(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a unit at 1.00 with 2.00 freight, 0.27 duty and 1.00 fees, and one at 1.20 next door
    market = open_market(store, clock, tmp_path, more=FAR_AND_NEAR)
    market.shop.list("v1", "TEA", price=Money(400, "USD"))
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)

    # when plans are worked out
    ((supplier, (_, lines)),) = market.plans().items()
    line = lines["TEA"]
    said = dict(line.steps)

    # then the near one is asked, and the sum says what a unit of either costs on the shelf
    assert supplier == "near"
    assert said["replenish_landed"]["each"] == "1.20 USD"
    assert said["replenish_cheapest"]["than"] == "4.27 USD"


def test_what_waiting_costs_is_the_margin_over_the_landed_cost(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given only the far one, whose unit costs 4.265 on the shelf, and a price of 9.00
    near = FAR_AND_NEAR.index("  near:"), FAR_AND_NEAR.index("duties:")
    more = FAR_AND_NEAR[: near[0]] + FAR_AND_NEAR[near[1] :]
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.list("v1", "TEA", price=Money(900, "USD"))
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)

    # when its plan is worked out
    line = market.plans()["far"][1]["TEA"]

    # then a lost sale loses what the unit would have earned, not what its bare price says
    assert line.lost > 0
    assert line.cost == line.quantity * 100
    assert line.landed is not None
    assert abs(line.landed - line.quantity * 426.5) < 1
    assert line.loss == line.lost * (900 - 427)


def test_a_sku_with_enough_on_the_shelf_is_not_proposed(market: Market):
    # given three sales a day and a shelf for half a year
    market.shop.receive("TEA", 600)
    market.sell("TEA", 3)

    # then there is nothing to order
    assert market.plans() == {}


def test_a_plan_keeps_its_number_until_what_it_would_buy_changes(market: Market):
    # given a plan
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)
    first, lines = market.plans()["mill"]

    # when it is worked out again, then again after other figures, then after another need
    again, _ = market.plans()["mill"]
    market.shop.receive("TEA", 40, reference="R2")
    other, fewer = market.plans()["mill"]

    # then only the last one is another plan
    assert again == first
    assert other != first
    assert fewer["TEA"].quantity < lines["TEA"].quantity
    states = {row["id"]: row["state"] for row in rows(market.shop.store, change_plan)}
    assert states == {first: "replaced", other: "waiting"}


def test_a_plan_ends_when_nothing_is_low_any_more(market: Market):
    # given a plan
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)
    market.plans()

    # when the shelf fills in another way, then no plan is left
    market.shop.receive("TEA", 900, reference="R2")
    assert market.plans() == {}


def test_an_order_made_before_a_closure_covers_it(store: Store, clock: ManualClock, tmp_path: Path):
    # given a supplier that closes for two weeks, ten days from now
    first, last = NOON.date() + timedelta(days=10), NOON.date() + timedelta(days=23)
    closed = SUPPLIERS.replace("lead_days: 10", "lead_days: 10\n    calendar: mill", 1)
    closed += f"calendars:\n  mill: {{closed: [{{first: {first}, last: {last}}}]}}\n"
    open_all_year = open_market(store, clock, tmp_path)
    open_all_year.shop.receive("TEA", 95)
    open_all_year.sell("TEA", 3)
    without = open_all_year.plans()

    # when plans are worked out with the closure in sight
    market = open_market(store, clock, tmp_path, more=closed)
    line = market.plans()["mill"][1]["TEA"]

    # then it is ordered now, for an order of next week would come after it
    assert without == {}
    assert line.later > last.isoformat()
    assert line.level >= 3 * 31
    assert line.order_by <= first.isoformat()
    assert "closure_covered" in steps(line)


def test_a_proposal_that_arrives_after_what_is_announced_says_so(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier in China, one that takes a week and one that takes two months
    calendar = "calendars:\n  mill: {weekdays: [mon, tue, wed, thu, fri, sat, sun], holidays: CN}\n"
    soon = SUPPLIERS.replace("lead_days: 10", "lead_days: 10\n    calendar: mill", 1) + calendar
    late = soon.replace("lead_days: 10", "lead_days: 60")
    near = open_market(store, clock, tmp_path, more=soon)
    near.shop.receive("TEA", 20)
    near.sell("TEA", 3)
    known = near.shop.wiring.loaded.calendars["mill"].known_until
    assert known is not None
    days = (known - NOON.date()).days
    assert days > 20, "the package knows another year: choose other lead days"

    # when plans are worked out
    before = near.plans()["mill"][1]["TEA"]
    with store.reading() as tx:
        assert list(calendars_too_short(tx, near.shop.wiring)) == []
    far = open_market(store, clock, tmp_path, more=late.replace("60", f"{days + 20}"))
    after = far.plans()["mill"][1]["TEA"]

    # then the one that arrives later says that later holidays are not announced
    assert "holidays_unannounced" not in steps(before)
    [told] = [args for code, args in after.steps if code == "holidays_unannounced"]
    assert told["known_until"] == known.isoformat() < told["arrives"]

    # and `check` says so of the calendar
    with store.reading() as tx:
        [(name, reason)] = calendars_too_short(tx, far.shop.wiring)
    assert (name, reason.args["supplier"]) == ("mill", "mill")
    assert "`closed`" in render(reason)
    assert "`closed`" in render(reason, "zh")


def test_days_of_cover_and_a_skus_own_policy_say_what_low_is(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given one Sku by days of cover, and a cap on what may lie
    more = SUPPLIERS.replace(
        "replenishment: {",
        "replenishment: {skus: {TEA: {alert: days_of_cover, cover_days: 10, most_days: 20}}, ",
    )
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.receive("TEA", 29)
    market.sell("TEA", 3)

    line = market.plans()["mill"][1]["TEA"]

    assert line.level == 30
    assert steps(line)[1] == "replenish_days_of_cover"
    # 60 sell within the cap, 29 are there: two packs of twelve fit
    assert line.quantity == 24
    assert "replenish_capped" in steps(line)


def test_a_suppliers_catalogue_of_things_we_never_had_is_no_shopping_list(market: Market):
    # given a supplier that sells what was never on a shelf and never sold
    market.look()

    # then nothing is proposed
    assert market.plans() == {}


def test_the_alert_says_what_to_buy_and_stays_silent_about_what_is_on_its_way(market: Market):
    # given a low Sku
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)
    plan, lines = market.plans()["mill"]
    tell.decide_alerts(market.shop.run("core/alerts"))
    before = [(row["code"], row["args"]["quantity"]) for row in rows(market.shop.store, alert)]

    # when it is ordered
    market.approve(plan)
    market.plans()
    tell.decide_alerts(market.shop.run("core/alerts"))

    # then the alert is over
    assert before == [("alert_buy", lines["TEA"].quantity)]
    with market.shop.store.reading() as tx:
        open_now = tx.rows(select(alert).where(alert.c.resolved_at.is_(None)))
    assert open_now == []


def test_stock_that_nobody_buys_is_told_with_its_age_and_a_proposal(market: Market):
    # given a Sku that sells, and one that came seven weeks ago and never did
    market.shop.receive("TEA", 20)
    market.shop.receive("CUP", 30, reference="R2")
    market.shop.clock.advance(49 * 86_400)
    market.sell("TEA", 3, days=40)

    with market.shop.store.reading() as tx:
        found = slow.slow_movers(tx, market.shop.wiring)

    assert [(one.found.sku, one.units, one.age_days) for one in found] == [("CUP", 30, 49)]
    assert found[0].unsold_days == 49
    assert str(found[0].found.step) == "promote"
    assert isinstance(market.shop.wiring.day(NOON), date)


def test_stock_that_was_never_bought_here_has_an_estimated_value_and_the_age_of_its_first_units(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given cups counted in when the shop began, which a supplier sells in yuan
    more = SUPPLIERS.replace("restocks: home", "restocks: home\n    currency: CNY", 1)
    more += "currencies: {CNY: {2026-11-01: '0.14'}}\n"
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.receive("TEA", 20)
    with store.transaction() as tx:
        Stock(tx).move(
            [StockMovement("CUP", "home", MovementKind.COUNT, 3_000, "C1", NOON, cause="count")]
        )

    # when nobody buys any for seven weeks
    market.shop.clock.advance(49 * 86_400)
    market.sell("TEA", 3, days=40)
    with store.reading() as tx:
        (one,) = slow.slow_movers(tx, market.shop.wiring)

    # then they are worth what they would cost today, and that is said
    assert (one.found.sku, one.value, one.estimated) == ("CUP", Money(126_000, "USD"), True)
    assert one.age_days == 49


# --- Kits ----------------------------------------------------------------------------------------


def low_now(market: Market) -> dict[str, str]:
    """Sku -> the code it is told with, as alerts are worked out now."""
    tell.decide_alerts(market.shop.run("core/alerts"))
    with market.shop.store.reading() as tx:
        found = tx.rows(select(alert).where(alert.c.resolved_at.is_(None)))
    return {dict(one.labels)["sku"]: one.code for one in found if one.rule == "low_stock"}


def test_a_kit_with_a_level_is_low_when_its_parts_make_no_more_than_that(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given two Kits of which only one has a level, and many parts
    more = SUPPLIERS + "alerts: {clear_margin: 2}\n"
    market = open_market(store, clock, tmp_path, more=more)
    path = tmp_path / "lockstep.yaml"
    path.write_text(
        path.read_text().replace(
            "GIFT: {components: {TEA: 1, CUP: 1}}",
            "GIFT: {low_stock: 5, components: {TEA: 1, CUP: 2}}\n"
            "    SET: {components: {TEA: 1, CUP: 1}}",
        )
    )
    loaded = load(path, environment={"SECRET": "hush"})
    market.shop.wiring = replace(market.shop.wiring, loaded=loaded)
    market.shop.receive("TEA", 50)
    market.shop.receive("CUP", 30, reference="R2")
    plenty = low_now(market)

    # when cups are left for five Kits, one of which an order holds
    market.shop.list("gift", "GIFT")
    with store.transaction() as tx:
        Stock(tx).move([StockMovement("CUP", "home", MovementKind.DAMAGE, -18, "D1", clock.now())])
    market.shop.record(order("1", line(sku="GIFT", listing_remote_id="gift")))
    few = low_now(market)
    with store.reading() as tx:
        (told,) = [row.args for row in tx.rows(select(alert)) if row.code == "alert_low_kit"]

    # then the Kit is told with the part it lacks, until there are enough again
    assert plenty == {}
    assert few == {"GIFT": "alert_low_kit"}
    assert (told["available"], told["part"], told["free"], told["per"]) == (5, "CUP", 10, 2)
    market.shop.receive("CUP", 4, reference="R3")
    assert low_now(market) == {}
