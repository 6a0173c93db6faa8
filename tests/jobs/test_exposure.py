"""The last units are not sold twice: held back by risk, taken off at the push, lowered before raised."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.durations import Duration
from config.publishing import Publishing, Risk
from core.model.reasons import Reason
from core.rules.risk import Rate
from core.rules.sentences import render
from jobs import exposure, publish, pull, upkeep
from jobs.cli.lags import lags_of
from jobs.clock import ManualClock
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.lags import Kind, Lags
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import decision, dirty_sku, offer
from tests.jobs.builders import line, order, receipt, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

SHOPIFY, AMAZON = "shopify-us", "amazon-us"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    made.channels[SHOPIFY].compare_and_set = True
    made.channels[SHOPIFY].shown["v1"] = 0
    made.list("v1", "TEA")
    made.list("a1", "TEA", channel=AMAZON)
    return made


def sells(shop: Shop, sku: str, **per_day: float) -> None:
    names = {"shopify": SHOPIFY, "amazon": AMAZON}
    with shop.store.transaction() as tx:
        rates = [DemandRate(sku, names[name], rate, rate, 90) for name, rate in per_day.items()]
        Demands(tx).set_rates(rates)


def wanted(shop: Shop) -> dict[str, int]:
    return {row["remote_id"]: row["wanted"] for row in rows(shop.store, offer)}


def steps(shop: Shop, remote_id: str) -> list[str]:
    (row,) = [row for row in rows(shop.store, offer) if row["remote_id"] == remote_id]
    return [code for code, _ in row["steps"]]


def look(shop: Shop, channel: str) -> None:
    publish.push_offers(shop.run(f"{channel}/offers"), channel)


def work(shop: Shop, *, seconds: float, step: float = 30) -> None:
    for _ in range(int(seconds / step)):
        for channel in (SHOPIFY, AMAZON):
            pull.pull_orders(shop.run(f"{channel}/orders"), channel)
            shop.decide()
            look(shop, channel)
        shop.clock.advance(step)


def with_risk(shop: Shop, **settings: object) -> None:
    """The same shop under another configuration."""
    loaded = shop.wiring.loaded
    risk = Risk(**settings)  # type: ignore[arg-type]
    config = loaded.config.model_copy(update={"publishing": Publishing(risk=risk)})
    shop.wiring = replace(shop.wiring, loaded=replace(loaded, config=config))


# --- what is held back ---------------------------------------------------------------------------


def test_the_last_unit_is_shown_where_it_sells_best_and_the_sum_says_why(shop: Shop):
    sells(shop, "TEA", shopify=2.0, amazon=5.0)
    shop.receive("TEA", 1)

    shop.decide()

    assert wanted(shop) == {"a1": 1, "v1": 0}
    assert steps(shop, "v1") == ["units_available", "risk_sold_elsewhere"]
    (row,) = [row for row in rows(shop.store, offer) if row["remote_id"] == "v1"]
    text = render(Reason(*row["steps"][1]), "en")
    assert text.startswith("1 unit held back: within ")


def test_deep_stock_is_shown_whole_on_every_channel(shop: Shop):
    sells(shop, "TEA", shopify=2.0, amazon=5.0)
    shop.receive("TEA", 40)

    shop.decide()

    assert wanted(shop) == {"a1": 40, "v1": 40}
    assert steps(shop, "v1") == ["units_available"]


def test_units_of_a_place_that_is_closed_do_not_cover_the_last_one(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given the last unit on our shelf, and plenty at a supplier that is closed
    gross = "counted_by: acme-files, basis: gross,"
    closing = "calendar: china, closing: {notice: 0, time_zone: Asia/Shanghai},"
    days = "calendars: {china: {closed: [{first: 2026-11-20, last: 2026-12-04}]}}\n"
    changes = {gross: f"{gross} {closing}", "skus:\n": f"{days}skus:\n"}
    shop = open_shop(store, clock, tmp_path, changes=changes)
    shop.list("v1", "TEA")
    shop.list("a1", "TEA", channel=AMAZON)
    sells(shop, "TEA", shopify=2.0, amazon=5.0)
    shop.receive("TEA", 1)
    shop.snapshot(("TEA", 50), at=shop.clock.now())

    shop.decide()

    # then one channel shows it, not both
    assert wanted(shop) == {"a1": 1, "v1": 0}


def test_the_last_unit_is_not_hidden_from_everybody_by_those_who_share_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given two channels that show each unit once, together
    offers = ", offers: {share_components: split_everywhere}"
    named = ["shopify-us: {connection: shopify-us}", "amazon-us: {connection: amazon-us}"]
    changes = {one: one.replace("}", f"{offers}}}") for one in named}
    shop = open_shop(store, clock, tmp_path, changes=changes)
    shop.list("v1", "TEA")
    shop.list("a1", "TEA", channel=AMAZON)
    shop.list("a2", "GIFT", channel=AMAZON)
    shop.receive("CUP", 1)
    shop.receive("TEA", 1)

    # when the Kit sells faster than either page of its part, and slower than both
    sells(shop, "GIFT", amazon=2.0)
    with shop.store.transaction() as tx:
        Demands(tx).set_rates([DemandRate("TEA", EVERYWHERE, 3.0, 3.0, 90)])
    shop.decide()

    # then one of the three shows the unit
    assert sum(wanted(shop).values()) == 1


def test_without_a_target_nothing_is_held_back(shop: Shop):
    with_risk(shop, oversold=None)
    shop.receive("TEA", 1)

    shop.decide()
    with shop.store.transaction() as tx:
        exposure.reckon_again(tx, shop.wiring)

    assert wanted(shop) == {"a1": 1, "v1": 1}


def test_a_sku_on_one_channel_only_keeps_nothing_back(shop: Shop):
    shop.list("v2", "CUP")
    shop.receive("CUP", 1)

    shop.decide()

    assert wanted(shop)["v2"] == 1


def test_stock_a_supplier_counts_is_held_back_by_the_age_of_his_figure(shop: Shop):
    sells(shop, "CUP", shopify=3.0)
    shop.list("v2", "CUP")
    shop.snapshot(("CUP", 4), at=shop.clock.now())

    shop.decide()

    assert wanted(shop)["v2"] == 0
    assert steps(shop, "v2") == ["units_available", "risk_old_figure"]


def test_a_kit_and_its_component_do_not_both_show_the_last_unit(shop: Shop):
    with_risk(shop, runs_low_every=Duration(days=1))
    sells(shop, "GIFT", shopify=8.0)
    sells(shop, "CUP", shopify=9.0)
    shop.list("v2", "CUP")
    shop.list("v3", "GIFT")
    shop.receive("TEA", 30)
    shop.receive("CUP", 1)

    shop.decide()

    assert (wanted(shop)["v2"], wanted(shop)["v3"]) == (1, 0)


def test_a_kit_does_not_show_the_last_unit_beside_its_component_that_is_plenty_elsewhere(
    shop: Shop,
):
    # given one cup on the shelf where the tea is, and many at a supplier
    with_risk(shop, runs_low_every=Duration(days=1), others=0.0)
    sells(shop, "GIFT", shopify=9.0)
    sells(shop, "CUP", shopify=8.0)
    shop.list("v2", "CUP")
    shop.list("v3", "GIFT")
    shop.receive("TEA", 30)
    shop.receive("CUP", 1)
    shop.snapshot(("CUP", 400), at=shop.clock.now())

    # when it is decided
    shop.decide()

    # then the cup is sold alone, and not a second time in the kit
    assert (wanted(shop)["v2"], wanted(shop)["v3"]) == (401, 0)
    assert steps(shop, "v3")[-2:] == ["only_together", "risk_sold_elsewhere"]


def test_what_is_left_is_hidden_where_so_few_are_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    policies = shop.wiring.loaded.policies
    policy = replace(policies.policy_for("TEA", SHOPIFY), hide_below=3)
    monkeypatch.setattr(type(policies), "policy_for", lambda *_, **__: policy)
    with_risk(shop, oversold=0.003)
    sells(shop, "TEA", shopify=20.0, amazon=30.0)
    found = []
    for number in range(8):
        shop.receive("TEA", 1, reference=f"R{number}")
        shop.decide()
        found.append((wanted(shop)["v1"], steps(shop, "v1")[-1]))

    assert not {1, 2} & {quantity for quantity, _ in found}
    assert found[4] == (0, "hidden_below")
    assert found[-1] == (8, "units_available")


def test_a_rate_for_all_channels_together_serves_where_none_is_known_for_each(shop: Shop):
    with shop.store.transaction() as tx:
        Demands(tx).set_rates([DemandRate("TEA", "", 6.0, 6.0, 90)])
        rates = Demands(tx).rates(["TEA"])
    risk = Risk()

    found = exposure.rate_of(rates, "TEA", SHOPIFY, risk, channels=2)

    assert found == Rate(3.0, 3.0, 90)
    assert exposure.rate_of({}, "TEA", SHOPIFY, risk) == Rate(0.5, 0.5, exposure.GUESSED)


def test_what_never_sold_in_ten_days_may_still_sell(shop: Shop):
    with shop.store.transaction() as tx:
        Demands(tx).set_rates([DemandRate("TEA", SHOPIFY, 0.0, 0.0, 10)])
        rates = Demands(tx).rates(["TEA"])

    found = exposure.rate_of(rates, "TEA", SHOPIFY, Risk())

    assert found.per_day == pytest.approx(0.05)


def test_a_channel_with_a_target_of_its_own_is_as_strict_for_all_its_skus(shop: Shop):
    with_risk(shop, oversold=2.0, channels={AMAZON: 0.5})

    assert exposure.target_of(shop.wiring, [SHOPIFY]) == 2.0
    assert exposure.target_of(shop.wiring, [SHOPIFY, AMAZON]) == 0.25


# --- what moves it -------------------------------------------------------------------------------


def test_a_rate_that_moved_decides_again_and_one_that_hardly_moved_does_not(shop: Shop):
    sells(shop, "TEA", shopify=2.0, amazon=5.0)
    shop.receive("TEA", 1)
    shop.decide()

    sells(shop, "TEA", shopify=2.001, amazon=5.001)
    assert rows(shop.store, dirty_sku) == []
    sells(shop, "TEA", shopify=9.0, amazon=5.0)
    shop.decide()

    assert wanted(shop) == {"a1": 0, "v1": 1}


def test_files_that_come_often_are_trusted_more_once_that_is_measured(shop: Shop):
    sells(shop, "CUP", shopify=3.0)
    shop.list("v2", "CUP")
    for number in range(25):
        shop.snapshot(("CUP", 4), at=shop.clock.now(), name=f"{number}.csv")
        shop.clock.advance(300)
    shop.decide()
    assert wanted(shop)["v2"] == 0

    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()

    assert wanted(shop)["v2"] > 0


def test_orders_that_stand_still_hold_more_back_before_a_late_one_tells(shop: Shop):
    sells(shop, "TEA", shopify=2.0, amazon=5.0)
    shop.receive("TEA", 3)
    work(shop, seconds=60)
    assert wanted(shop) == {"a1": 3, "v1": 3}

    shop.clock.advance(30 * 3600)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()

    assert wanted(shop)["v1"] < 3
    with shop.store.reading() as tx:
        assert Lags(tx).in_force()[Kind.ORDERS, AMAZON] > timedelta(hours=29)


def test_delays_that_hardly_move_decide_nothing_again(shop: Shop):
    shop.receive("TEA", 3)
    work(shop, seconds=60)

    for _ in range(3):
        upkeep.look_after(shop.run("core/upkeep"))
        shop.clock.advance(60)

    assert rows(shop.store, dirty_sku) == []


# --- what is measured ----------------------------------------------------------------------------


def test_delays_are_measured_where_they_happen(shop: Shop):
    shop.receive("TEA", 30)
    work(shop, seconds=900)
    at = shop.clock.now() - timedelta(seconds=240)
    shop.record(replace(order("77", line(units=1)), channel=AMAZON, placed_at=at, updated_at=at))

    with shop.store.reading() as tx:
        told = {(one["place"], one["what"]): one for one in lags_of(tx, shop.wiring)}

    recorded = told[AMAZON, "order placed to recorded"]
    assert recorded["observations"] == 1
    assert 240 <= recorded["half"] <= 360
    assert told[SHOPIFY, "quantity written to shown"]["observations"] >= 1
    assert told["acme", "age a stock figure reaches"]["half"] is None
    assert told["acme", "age a stock figure reaches"]["reckoned_with"] == 24 * 3600


def test_old_orders_that_come_in_at_first_are_no_delay(shop: Shop):
    shop.record(order("1", line(units=1)))

    with shop.store.reading() as tx:
        assert Lags(tx).rows(Kind.ORDERS) == []


def test_a_number_that_was_sent_counts_as_shown_when_it_is_read_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    amazon = shop.channels[AMAZON]
    real = amazon.push_offers
    monkeypatch.setattr(
        amazon,
        "push_offers",
        lambda changes, attempt: [
            replace(one, outcome="sent") for one in real(changes, attempt=attempt)
        ],
    )
    shop.receive("TEA", 30)

    work(shop, seconds=900)

    with shop.store.reading() as tx:
        (row,) = Lags(tx).rows(Kind.OFFERS, AMAZON)
    assert row.lag.median >= timedelta(minutes=5)


# --- what a push takes off -----------------------------------------------------------------------


def test_amazon_is_sent_less_by_the_orders_it_may_hide_and_all_once_they_are_known(shop: Shop):
    # given a number on Amazon, and an orders' pull that stood still for hours
    sells(shop, "TEA", amazon=12.0, shopify=1.0)
    shop.receive("TEA", 60)
    work(shop, seconds=300)
    assert shop.channels[AMAZON].shown["a1"] == 60
    shop.clock.advance(6 * 3600)

    # when less is there
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt("TEA", -55, reference="broken")])
    shop.decide()
    look(shop, AMAZON)
    look(shop, AMAZON)

    # then what may have been sold meanwhile is not put back
    assert shop.channels[AMAZON].shown["a1"] < wanted(shop)["a1"] <= 5
    told = [row for row in rows(shop.store, decision) if row["code"] == "unseen_orders"]
    assert told[-1]["args"]["minutes"] >= 360

    # and it is once the orders are in, without an endless to and fro
    before = len(shop.channels[AMAZON].writes)
    work(shop, seconds=1800)
    assert shop.channels[AMAZON].shown["a1"] == wanted(shop)["a1"]
    assert len(shop.channels[AMAZON].writes) == before + 1


def test_a_channel_that_compares_is_sent_what_is_wanted(shop: Shop):
    sells(shop, "TEA", amazon=1.0, shopify=12.0)
    shop.receive("TEA", 60)
    work(shop, seconds=300)
    shop.clock.advance(6 * 3600)

    with shop.store.transaction() as tx:
        Stock(tx).move([receipt("TEA", -55, reference="broken")])
    shop.decide()
    look(shop, SHOPIFY)
    look(shop, SHOPIFY)

    assert shop.channels[SHOPIFY].shown["v1"] == wanted(shop)["v1"]


# --- the order of writes -------------------------------------------------------------------------


@BOTH
def test_only_what_changed_is_written(shop: Shop):
    goods = [f"G{number:03}" for number in range(60)]
    for sku in goods:
        shop.receive(sku, 30)
        shop.list(f"v-{sku}", sku)
        shop.channels[SHOPIFY].shown[f"v-{sku}"] = 0
    work(shop, seconds=120)
    remote = shop.channels[SHOPIFY]
    before = len(remote.writes)
    assert before >= len(goods)

    shop.receive("G007", 5, reference="R2")
    work(shop, seconds=120)

    assert remote.writes[before:] == [("v-G007", 35)]


def test_raising_waits_until_the_other_offers_of_the_same_units_are_lowered(shop: Shop):
    # given the last unit shown on Amazon
    sells(shop, "TEA", amazon=5.0, shopify=2.0)
    shop.receive("TEA", 1)
    work(shop, seconds=300)

    def shown() -> tuple[int | None, int | None]:
        return shop.channels[AMAZON].shown["a1"], shop.channels[SHOPIFY].shown["v1"]

    assert shown() == (1, 0)

    # when it is to move to Shopify
    sells(shop, "TEA", amazon=5.0, shopify=20.0)
    shop.decide()
    assert wanted(shop) == {"a1": 0, "v1": 1}
    for _ in range(3):
        look(shop, SHOPIFY)

    # then it is not shown there before Amazon has let go of it
    assert shown() == (1, 0)
    work(shop, seconds=300)
    assert shown() == (0, 1)
