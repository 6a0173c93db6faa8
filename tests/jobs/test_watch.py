"""Silent feeds, doubtful files, units held too long, and lowerings that come from orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from config.durations import Duration
from config.ledger import Feed
from core.model.catalog import OfferKey
from core.model.orders import OrderStage, PaymentStatus
from core.model.reasons import Reason
from core.rules.freshness import Freshness
from core.rules.sentences import render
from jobs import approve, publish, pull, tell, upkeep
from jobs.clock import ManualClock
from jobs.sales import sold_out_offers
from jobs.store.feeds import Feeds
from jobs.store.offers import Offers
from jobs.store.orders import Orders
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import alert, cases, decision, hold, offer, orders, reservation, snapshot
from tests.jobs.builders import NOON, line, minutes, number_of, order, rows
from tests.jobs.shop import Shop, open_shop

DAY = 24 * 3600.0


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_shop(store, clock, tmp_path)


def configured(shop: Shop, **changes: Any) -> None:
    """The same shop under other settings."""
    config = shop.wiring.config.model_copy(update=changes)
    shop.wiring = replace(shop.wiring, loaded=replace(shop.wiring.loaded, config=config))


def waits_for_acme(shop: Shop) -> None:
    """Acme owes a file a day; it is stale two days after one was due."""
    acme = shop.wiring.config.locations["acme"]
    feed = Feed(every=Duration(days=1), stale_after=Duration(days=2))
    locations = {**shop.wiring.config.locations, "acme": acme.model_copy(update={"feed": feed})}
    configured(shop, locations=locations)


def look(shop: Shop) -> Freshness | None:
    """Upkeep and alerts run; how fresh acme is."""
    upkeep.look_after(shop.run("core/upkeep"))
    tell.decide_alerts(shop.run("core/alerts"))
    with shop.store.reading() as tx:
        found = Feeds(tx).state_of("acme")
    return found.state if found else None


def firing(shop: Shop) -> set[str]:
    return {row["rule"] for row in rows(shop.store, alert) if row["resolved_at"] is None}


# --- feeds ---------------------------------------------------------------------------------------


def test_a_feed_falls_silent_then_stale_and_comes_back(shop: Shop) -> None:
    # given a place whose file came at noon
    waits_for_acme(shop)
    shop.snapshot(("TEA", 5), at=NOON)
    assert look(shop) is Freshness.FRESH

    # when none comes for a day, then for two more
    shop.clock.advance(DAY)
    assert look(shop) is Freshness.SILENT
    assert firing(shop) == {"feed_silent"}
    shop.clock.advance(2 * DAY)

    # then it is stale since that very moment, and told as that alone
    assert look(shop) is Freshness.STALE
    assert firing(shop) == {"feed_stale"}
    with shop.store.reading() as tx:
        state = Feeds(tx).states()["acme"]
    assert state.since == NOON + timedelta(days=3)
    assert "stale" in render(state.reason)

    # and when a file comes again, it is over
    shop.snapshot(("TEA", 4), at=shop.clock.now())
    assert look(shop) is Freshness.FRESH
    assert firing(shop) == set()
    told = [row["code"] for row in rows(shop.store, decision) if row["subject"] == "location acme"]
    assert told == ["feed_silent", "feed_stale", "feed_fresh"]


def test_a_change_of_freshness_has_quantities_decided_again(shop: Shop) -> None:
    # given a place with stock whose file is old
    waits_for_acme(shop)
    shop.snapshot(("TEA", 5), at=NOON)
    look(shop)
    shop.decide()
    shop.clock.advance(3 * DAY)

    # when it turns out stale, then its Skus are marked; a second look costs nothing
    look(shop)
    with shop.store.transaction() as tx:
        assert "TEA" in Stock(tx).take_dirty(10)
    before = len(rows(shop.store, decision))
    look(shop)
    assert len(rows(shop.store, decision)) == before


def test_nobody_waits_where_nothing_is_due(shop: Shop) -> None:
    # given a place that was watched and is not any more
    waits_for_acme(shop)
    look(shop)
    shop.clock.advance(3 * DAY)
    assert look(shop) is Freshness.STALE

    # when the interval is taken out
    acme = shop.wiring.config.locations["acme"].model_copy(update={"feed": Feed()})
    configured(shop, locations={**shop.wiring.config.locations, "acme": acme})

    # then there is no state and no alert
    assert look(shop) is None
    assert firing(shop) == set()


def test_a_file_that_is_put_aside_is_no_silence(shop: Shop) -> None:
    waits_for_acme(shop)
    shop.snapshot(("TEA", 5), ("CUP", 5), at=NOON)
    look(shop)
    shop.clock.advance(DAY - 60)
    shop.snapshot(at=shop.clock.now())
    shop.clock.advance(120)

    assert look(shop) is Freshness.FRESH
    assert len(rows(shop.store, snapshot)) == 2


# --- doubtful files ------------------------------------------------------------------------------


def test_a_case_shows_the_numbers_and_how_the_file_begins(shop: Shop) -> None:
    # given a place with two Skus
    shop.snapshot(("TEA", 50), ("CUP", 50), at=NOON)

    # when everything falls to one
    shop.clock.advance(60)
    shop.snapshot(("TEA", 1), ("CUP", 0), at=minutes(1))

    # then the Case says how much, and begins as the file does
    (case,) = [row for row in rows(shop.store, cases) if row["kind"] == "snapshot_quarantined"]
    words = render(Reason(case["code"], case["args"]))
    assert "TEA=1, CUP=0" in words
    assert "100 units" in words
    assert case["args"]["units"] == 1


def test_skus_nobody_knows_are_counted_and_their_share_is_guarded(shop: Shop) -> None:
    # given a shop that knows only what is written, and a file with one stranger
    catalog = shop.wiring.loaded.catalog
    catalog.accepts = False  # as `skus.accept_channel_skus: false`
    shop.snapshot(("TEA", 50), ("CUP", 50), ("X0", 1), at=NOON)
    assert rows(shop.store, snapshot)[0]["unknown"] == 1

    # when the next has five of them
    shop.clock.advance(60)
    shop.snapshot(("TEA", 50), ("CUP", 50), *((f"X{n}", 1) for n in range(5)), at=minutes(1))

    # then it is put aside, the last good one in force
    late = rows(shop.store, snapshot)[-1]
    assert (late["state"], late["unknown"]) == ("quarantined", 5)
    assert [code for code, _ in late["reasons"]] == ["snapshot_unknown"]


def test_where_any_name_is_a_sku_a_flood_of_new_ones_is_doubted(shop: Shop) -> None:
    # given a file whose names were seen before, listed, or written down
    shop.list("v-NEW", "NEW")
    shop.snapshot(("TEA", 50), ("OLD", 50), at=NOON)

    # when a file has them, and one listed name more, then nobody doubts it
    shop.clock.advance(60)
    shop.snapshot(("TEA", 50), ("OLD", 50), ("NEW", 50), ("CUP", 1), at=minutes(1))
    assert [(row["state"], row["unknown"]) for row in rows(shop.store, snapshot)][-1] == (
        "applied",
        0,
    )

    # when half of it is names that nobody has
    shop.clock.advance(60)
    strange = [(f"X{n}", 50) for n in range(4)]
    shop.snapshot(("TEA", 50), ("OLD", 50), ("NEW", 50), ("CUP", 1), *strange, at=minutes(2))

    # then it is put aside
    assert [code for code, _ in rows(shop.store, snapshot)[-1]["reasons"]] == ["snapshot_unknown"]


# --- units held too long -------------------------------------------------------------------------


def held_unpaid(shop: Shop) -> Any:
    """An order for the last unit, not paid for; units are let go after an hour."""
    ledger = shop.wiring.config.ledger.model_copy(update={"expire": {"unpaid": Duration(hours=1)}})
    configured(shop, ledger=ledger)
    shop.receive("TEA", 1)
    one = order("1", line(units=1), payment=PaymentStatus.PENDING)
    shop.record(one)
    shop.decide()
    return one


def reservations(shop: Shop) -> list[tuple[str, str | None]]:
    return [(row["state"], row["location"]) for row in rows(shop.store, reservation)]


def free(shop: Shop) -> int:
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
        return Stock(tx).available(["TEA"])["TEA", "home"]


def stage(shop: Shop, one: Any) -> OrderStage:
    with shop.store.reading() as tx:
        return Orders(tx).load([number_of(shop.store, one)])[0].stage


def test_units_of_an_order_nobody_pays_for_are_let_go_in_time(shop: Shop) -> None:
    # given the last unit, held for an order that is not paid
    one = held_unpaid(shop)
    upkeep.look_after(shop.run("core/upkeep"))
    assert free(shop) == 0

    # when the hour is over
    shop.clock.advance(3600)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()

    # then the unit is free, the order held still, and it says why
    assert free(shop) == 1
    assert reservations(shop) == [("expired", "home")]
    assert stage(shop, one) is OrderStage.HELD
    told = [row for row in rows(shop.store, decision) if row["code"] == "units_expired"]
    assert [(row["args"]["units"], row["args"]["hold"]) for row in told] == [(1, "unpaid")]

    # and another look lets nothing go again
    upkeep.look_after(shop.run("core/upkeep"))
    assert len([r for r in rows(shop.store, decision) if r["code"] == "units_expired"]) == 1


def test_a_payment_asks_for_the_unit_again_at_once(shop: Shop) -> None:
    # given an order whose unit was let go
    one = held_unpaid(shop)
    shop.clock.advance(3600)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()

    # when it is paid for, then the unit is claimed before anything is decided
    paid = replace(one, payment=PaymentStatus.PAID, updated_at=minutes(61))
    shop.record(paid)
    assert free(shop) == 0
    shop.decide()
    assert stage(shop, one) is OrderStage.ROUTED


def test_a_person_who_releases_the_hold_gets_the_order_its_unit(shop: Shop) -> None:
    # given an order whose unit was let go, and sold to another meanwhile
    one = held_unpaid(shop)
    shop.clock.advance(3600)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    shop.record(order("2", line(units=1)))
    shop.decide()

    # when a person releases it
    with shop.store.transaction() as tx:
        tx.connection.execute(update(hold).values(released_at=tx.now, released_by="ann"))
        Orders(tx).decide_again([number_of(shop.store, one)])
    shop.decide()

    # then it waits for a unit, promised by nobody twice
    assert stage(shop, one) is OrderStage.WAITING
    assert "units_asked_again" in {row["code"] for row in rows(shop.store, decision)}
    assert free(shop) == 0


def test_what_others_ship_of_an_order_whose_units_were_let_go_leaves_the_shelf(shop: Shop) -> None:
    # given an order whose unit was let go
    held_unpaid(shop)
    shop.clock.advance(3600)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    assert free(shop) == 1

    # when somebody ships it by hand all the same
    shop.record(order("1", line(units=1, fulfilled=1), updated_at=minutes(61)))
    shop.decide()

    # then it is on no shelf of ours any more
    assert free(shop) == 0
    assert reservations(shop) == [("consumed", "home")]


def test_without_a_policy_units_are_held_for_ever(shop: Shop) -> None:
    shop.receive("TEA", 1)
    shop.record(order("1", line(units=1), payment=PaymentStatus.PENDING))
    shop.decide()
    shop.clock.advance(400 * DAY)

    upkeep.look_after(shop.run("core/upkeep"))

    assert free(shop) == 0
    assert rows(shop.store, orders)[0]["expired_at"] is None


# --- lowerings that come from orders -------------------------------------------------------------


def live(shop: Shop, count: int, units: int = 5) -> list[str]:
    """So many Skus at acme, each shown on Shopify as it is, whatever else might sell them."""
    publishing = shop.wiring.config.publishing
    risk = publishing.risk.model_copy(update={"oversold": None})
    configured(shop, publishing=publishing.model_copy(update={"risk": risk}))
    skus = [f"S{number:02}" for number in range(count)]
    shop.snapshot(*((sku, units) for sku in skus), at=NOON)
    with shop.store.transaction() as tx:
        Offers(tx).set_remote_locations("shopify-us", [])
    for sku in skus:
        shop.list(f"v-{sku}", sku)
        shop.channels["shopify-us"].shown[f"v-{sku}"] = units
    shop.decide()
    push(shop)
    return skus


def push(shop: Shop) -> None:
    for _ in range(3):
        shop.clock.advance(600)
        with shop.store.transaction() as tx:
            tx.connection.execute(update(offer).values(look_at=tx.now))
        publish.push_offers(shop.run("shopify-us/offers"), "shopify-us")


def test_what_orders_sold_out_goes_out_although_a_file_zeroed_the_shop(shop: Shop) -> None:
    # given thirty live offers, two of them bought empty, and a file that empties the rest
    skus = live(shop, 30)
    sold = skus[:2]
    shop.record(order("1", *(line(f"L{sku}", sku=sku, units=5) for sku in sold), test=True))
    acme = shop.wiring.config.locations["acme"]
    believed = acme.snapshot.model_copy(update={"units_fallen": 100, "zeros": 100})
    locations = {
        **shop.wiring.config.locations,
        "acme": acme.model_copy(update={"snapshot": believed}),
    }
    configured(shop, locations=locations)
    figures = [(sku, 5 if sku in sold else 0) for sku in skus]
    shop.snapshot(*figures, at=shop.clock.now(), name="empty.csv")
    shop.decide()

    # when it is pushed
    push(shop)

    # then what was sold is at zero, the rest waits for a person
    shown = shop.channels["shopify-us"].shown
    assert [shown[f"v-{sku}"] for sku in sold] == [0, 0]
    assert {shown[f"v-{sku}"] for sku in skus[2:]} == {5}
    (case,) = [row for row in rows(shop.store, cases) if row["kind"] == "unsafe_plan"]
    assert (case["args"]["zeroed"], case["args"]["live"]) == (28, 30)


def test_a_day_on_which_much_is_sold_is_no_mistake(shop: Shop) -> None:
    # given thirty live offers, twenty of them bought empty
    skus = live(shop, 30)
    shop.record(order("1", *(line(f"L{sku}", sku=sku, units=5) for sku in skus[:20]), test=True))
    shop.decide()
    with shop.store.reading() as tx:
        assert len(sold_out_offers(tx, shop.wiring, "shopify-us")) == 20
        assert OfferKey("shopify-us", "v-S29", "") not in sold_out_offers(
            tx, shop.wiring, "shopify-us"
        )

    # when it is pushed, then all of it goes out and nobody is asked
    push(shop)
    shown = shop.channels["shopify-us"].shown
    assert sum(units == 0 for units in shown.values()) == 20
    with shop.store.reading() as tx:
        assert not tx.rows(select(cases).where(cases.c.kind == "unsafe_plan"))


# --- lowerings that come in pieces ---------------------------------------------------------------


def believe_files(shop: Shop) -> None:
    """No file of acme's is put aside for what it lacks."""
    acme = shop.wiring.config.locations["acme"]
    guard = acme.snapshot.model_copy(update={"units_fallen": 100, "zeros": 100})
    located = {**shop.wiring.config.locations, "acme": acme.model_copy(update={"snapshot": guard})}
    configured(shop, locations=located)


def send(shop: Shop, skus: list[str], *, left: int) -> None:
    """A file that has the first `left` Skus, decided and pushed."""
    figures = [(sku, 5 if number < left else 0) for number, sku in enumerate(skus)]
    shop.snapshot(*figures, at=shop.clock.now(), name=f"left-{left}.csv")
    shop.decide()
    push(shop)


def showing(shop: Shop) -> int:
    return sum(1 for units in shop.channels["shopify-us"].shown.values() if units)


def waiting_plans(shop: Shop) -> list[dict[str, Any]]:
    return [
        row
        for row in rows(shop.store, cases)
        if row["kind"] == "unsafe_plan" and row["closed_at"] is None
    ]


def test_small_plans_one_after_the_other_are_one_large_one(shop: Shop) -> None:
    # given forty live offers, and files that each take down less than a third of what is left
    skus = live(shop, 40)
    believe_files(shop)
    send(shop, skus, left=29)
    assert showing(shop) == 29
    assert waiting_plans(shop) == []

    # when the next one comes
    send(shop, skus, left=21)

    # then it waits, and says what went before
    assert showing(shop) == 29
    (case,) = waiting_plans(shop)
    assert case["code"] == "unsafe_plans"
    told = case["args"]
    assert (told["zeroed"], told["before"], told["live"], told["hours"]) == (8, 11, 40, 24)

    # and what was taken down that long ago counts no more
    shop.clock.advance(DAY)
    send(shop, skus, left=21)
    assert showing(shop) == 21
    assert waiting_plans(shop) == []


def test_what_a_person_approved_counts_against_no_later_plan(shop: Shop) -> None:
    # given a plan that waits because of what went before
    skus = live(shop, 40)
    believe_files(shop)
    send(shop, skus, left=29)
    send(shop, skus, left=21)
    (case,) = waiting_plans(shop)

    # when a person approves it
    with shop.store.transaction() as tx:
        (row,) = tx.rows(select(cases).where(cases.c.id == case["id"]))
        assert approve.approve(tx, row, by="ann", note=None)
    push(shop)
    assert showing(shop) == 21

    # then the next small one asks nobody
    send(shop, skus, left=17)
    assert showing(shop) == 17
    assert waiting_plans(shop) == []


def test_what_came_back_and_what_orders_sold_out_is_not_counted(shop: Shop) -> None:
    # given eleven offers that were taken down and came back
    skus = live(shop, 40)
    believe_files(shop)
    send(shop, skus, left=29)
    send(shop, skus, left=40)
    for _ in range(2):
        # Nothing is raised before the channel's orders are known.
        pull.pull_orders(shop.run("shopify-us/orders"), "shopify-us")
        push(shop)
    assert showing(shop) == 40

    # when ten are bought empty
    sold = skus[30:]
    shop.record(order("1", *(line(f"L{sku}", sku=sku, units=5) for sku in sold), test=True))
    shop.decide()
    push(shop)
    assert showing(shop) == 30

    # then a file may take down as many as if nothing had been before
    figures = [(sku, 0 if sku in skus[:8] else 5) for sku in skus]
    shop.snapshot(*figures, at=shop.clock.now(), name="later.csv")
    shop.decide()
    push(shop)
    assert showing(shop) == 22
    assert waiting_plans(shop) == []


def test_being_told_nothing_twice_forgets_nothing(shop: Shop) -> None:
    # given offers that were taken down, and are written once more as they are
    skus = live(shop, 40)
    believe_files(shop)
    send(shop, skus, left=29)
    with shop.store.transaction() as tx:
        tx.connection.execute(update(offer).where(offer.c.shown == 0).values(look_at=tx.now))
        down = Offers(tx).to_look_at("shopify-us", limit=100)
        Offers(tx).sending(down, look_at=tx.now, taken_down=())
        assert Offers(tx).zeroing("shopify-us", since=tx.now - timedelta(days=1)).before == 11
