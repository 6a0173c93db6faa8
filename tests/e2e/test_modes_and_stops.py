"""What may be written, by whom, and from when: modes, stops, holds, and what others ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.rules.modes import Mode, bucket
from jobs import adopt
from jobs.demo import go_live
from jobs.demo.world import Pace
from jobs.store.tables import effect, fulfillment, hold, mail, offer, orders, stock_level
from tests.e2e import drill
from tests.e2e.house import House, cli, house

#: The supplier says nothing new, and places answer late enough to look in between.
QUIET = Pace(publish_every=1e9, acknowledge=(600.0, 600.0), ship=(3600.0, 3600.0))


def sell(shop: House, sku: str = "MUG-BLUE", quantity: int = 1, **more: Any) -> str:
    lines = [{"sku": sku, "quantity": quantity}]
    return str(shop.world.shopify.place_order({"lines": lines, **more})["name"])


def sell_on_amazon(shop: House, sku: str = "MUG-BLUE", **more: Any) -> str:
    lines = [{"sku": sku, "quantity": 1}]
    return str(shop.world.amazon.place_order({"lines": lines, **more})["id"])


def stage(shop: House, name: str) -> str:
    (row,) = shop.rows(select(orders.c.stage).where(orders.c.name == name))
    return str(row.stage)


def handed_over(shop: House) -> dict[str, int]:
    """Request -> how often a place got it."""
    return {
        key: one["count"]
        for place in (shop.world.warehouse, shop.world.acme)
        for key, one in place.books()["requests"].items()
    }


def patched(shop: House) -> set[str]:
    """Skus whose quantity somebody wrote on Amazon."""
    entries = shop.world.amazon.log.entries()
    return {one.subject for one in entries if one.operation == "patchListingsItem"}


def committed(shop: House) -> int:
    (row,) = shop.rows(select(func.coalesce(func.sum(stock_level.c.committed), 0)))
    return int(row[0])


def count(shop: House, **units: int) -> None:
    """A person counts the shelf again."""
    levels = {(name.replace("_", "-"), "newark"): found for name, found in units.items()}
    wish = adopt.Wish("shopify-us", shop.app.wiring.config.orders.route_from, levels, (), ())
    plan, _ = adopt.propose(shop.app.store, shop.app.wiring, wish, by="tester")
    adopt.apply(shop.app.store, shop.app.wiring, plan, by="tester")


# --- modes ---------------------------------------------------------------------------------------


def test_observe_writes_nothing_and_what_it_decided_is_decided_afresh_in_act(
    tmp_path: Path,
) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a shop taken over and watched, with orders that would go to our own shelf
        shop.go_live()
        shop.switch(Mode.OBSERVE)
        before = shop.writes()
        name = sell(shop, "TEAPOT")
        sell_on_amazon(shop)
        shop.live(600, step=60)

        # then everything is decided and nothing is written
        assert stage(shop, name) == "routed"
        assert {row.shadow for row in shop.rows(select(fulfillment))} == {True}
        assert not shop.rows(select(effect))
        assert shop.writes() == before

        # when the shelf turns out to be empty, and the mode is changed
        count(shop, TEAPOT=0)
        shop.cli("mode", "act", "--by", "ann")
        shop.live(300, step=60)

        # then the order goes where the units are now, once, and not where it would have gone
        requests = shop.world.acme.books()["requests"]
        lines = [line["sku"] for one in requests.values() for line in one["lines"]]
        assert lines == ["TEAPOT"]
        assert set(handed_over(shop).values()) == {1}
        assert len(handed_over(shop)) == 2
        assert not any(
            line["sku"] == "TEAPOT"
            for one in shop.world.warehouse.books()["requests"].values()
            for line in one["lines"]
        )


def test_propose_waits_for_a_person_order_by_order(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a shop that proposes
        shop.go_live()
        shop.cli("mode", "propose", "--flow", "requests", "--by", "ann")
        first, second = sell(shop), sell(shop)
        shop.live(300, step=60)

        # then both requests are parked, and shown as what would be written
        keys = {row.name: row.key for row in shop.rows(_keys())}
        assert set(keys) == {first, second}
        assert handed_over(shop) == {}
        plan = json.loads(shop.cli("plan", "--json").stdout)
        waiting = {row["subject"] for row in plan if row["state"] == "proposed"}
        assert waiting == set(keys.values())

        # when one of them is released, and released again
        shop.cli("release", keys[first], "--by", "ann")
        shop.cli("release", keys[first], "--by", "ann", check=1)
        shop.live(180, step=60)

        # then that one goes out, once
        assert handed_over(shop) == {keys[first]: 1}


def _keys() -> Any:
    return select(orders.c.name, effect.c.key).join(effect, effect.c.order_id == orders.c.id)


def test_act_for_a_list_touches_nothing_else(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a shop that may act for one Sku only
        shop.go_live()
        shop.switch(Mode.OBSERVE)
        shop.cli("mode", "act", "--sku", "TEAPOT", "--by", "ann")
        before = patched(shop)
        sell(shop, "TEAPOT")
        sell(shop, "MUG-BLUE")
        shop.live(600, step=60)

        # then its quantity is written and its order goes out, and no other's
        assert patched(shop) - before <= {"TEAPOT"}
        lines = [
            line["sku"]
            for one in shop.world.warehouse.books()["requests"].values()
            for line in one["lines"]
        ]
        assert lines == ["TEAPOT"]


def test_act_for_a_share_touches_that_share_only(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a first import, and a share that splits the catalogue
        shop.go_live()
        shop.switch(Mode.OBSERVE)
        skus = [one.sku for one in shop.world.goods]
        share = sorted(bucket(sku) for sku in skus)[len(skus) // 2]
        chosen = {sku for sku in skus if bucket(sku) < share}
        assert chosen
        assert chosen != set(skus)

        # when every number would change, and the mode is switched for that share
        for sku in skus:
            shop.world.shopify.place_order({"set_quantity": {"sku": sku, "quantity": 1}})
        before = {key: units for key, units in _shown(shop).items() if key not in chosen}
        shop.cli("mode", "act", "--share", str(share), "--flow", "offers", "--by", "ann")
        shop.live(900, step=60)

        # then only Skus of the share have a new number
        assert {key: units for key, units in _shown(shop).items() if key not in chosen} == before
        assert any(_shown(shop)[sku] != 1 for sku in chosen)


def _shown(shop: House) -> dict[str, int]:
    rows = shop.world.shopify.books()["quantities"]
    return {row["sku"]: row["available"] for row in rows if row["active"]}


# --- stops ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stop_holds_within_five_seconds_and_over_a_restart(tmp_path: Path) -> None:
    with drill.world(speed=60, seed=5) as made:
        path = made.write_config(tmp_path / "shop", language="en")
        with drill.application(path, made) as app:
            go_live(app, made)
        daemon = drill.Daemon(path, made)
        daemon.start()
        assert drill.wait_until(lambda: _patches(made) >= 3, patience=60), daemon.log()

        def command(*words: str) -> None:
            cli(*words, "--by", "ann", path=path, clock=made.clock)

        def sell_everywhere() -> None:
            for sku in ("MUG-BLUE", "MUG-GREEN", "CANDLE-3"):
                made.shopify.place_order({"lines": [{"sku": sku, "quantity": 2}]})

        try:
            # given a daemon at work, and a stop for one channel
            command("stop", "writes", "amazon-us")
            drill.wait_until(lambda: False, patience=5)
            before = _patches(made)

            # when the other channel sells what Amazon shows
            sell_everywhere()
            assert drill.wait_until(lambda: _recorded(path, made) == 3, patience=30)
            drill.wait_until(lambda: False, patience=4)

            # then Amazon is left alone, also by the next daemon
            assert _patches(made) == before
            daemon.kill()
            daemon.start()
            drill.wait_until(lambda: False, patience=6)
            assert _patches(made) == before

            # when writes are resumed
            command("resume", "writes", "amazon-us")

            # then the numbers go down
            assert drill.wait_until(lambda: _patches(made) > before, patience=40), daemon.log()
        finally:
            daemon.terminate()


def _patches(made: Any) -> int:
    return sum(one.operation == "patchListingsItem" for one in made.amazon.log.entries())


def _recorded(path: Path, made: Any) -> int:
    with drill.application(path, made) as app, app.store.reading() as tx:
        return int(tx.connection.execute(select(func.count()).select_from(orders)).scalar_one())


def test_a_stop_everywhere_delays_requests_and_unmakes_none(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a shop whose writes are stopped
        shop.go_live()
        shop.live(300, step=60)
        shop.cli("stop", "writes", "--by", "ann")
        before = shop.writes()
        name = sell(shop)
        shop.live(300, step=60)

        # then the order is routed and waits, and status says why
        assert stage(shop, name) == "routed"
        assert shop.writes() == before
        assert "WRITES STOPPED" in shop.cli("status").stdout

        # when they are resumed, twice
        shop.cli("resume", "writes", "--by", "ann")
        shop.cli("resume", "writes", "--by", "ann", check=1)
        shop.live(180, step=60)

        # then it goes out, once
        assert list(handed_over(shop).values()) == [1]


# --- telling -------------------------------------------------------------------------------------


def test_a_first_import_is_one_mail_with_groups_and_counts(tmp_path: Path) -> None:
    def alert_all(tree: dict[str, Any]) -> None:
        tree["alerts"]["low_stock"] = 1000

    with house(tmp_path, pace=QUIET, edit=alert_all) as shop:
        # given a catalogue in which every Sku runs low, and orders no place can fill
        for _ in range(3):
            sell(shop, "TRAY-OAK")
        shop.first_import()

        # when it is told
        shop.live(1200, step=60)

        # then it is one mail, with the findings counted and not each told alone
        first, *more = shop.world.smtp.books()["mails"]
        assert not more, [one["subject"] for one in more]
        assert "First import" in first["subject"]
        found = len(shop.world.goods)
        assert "Low stock (" in first["text"]
        assert first["text"].count("\n- ") <= found + 5
        assert len(shop.rows(select(mail))) == 1


# --- buyers --------------------------------------------------------------------------------------


def test_an_order_canceled_before_it_was_sent_gives_its_units_back(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order that is routed, its request not sent
        shop.go_live()
        shop.cli("stop", "writes", "--by", "ann")
        name = sell(shop, quantity=2)
        shop.live(120, step=60)
        assert stage(shop, name) == "routed"
        assert committed(shop) == 2

        # when the buyer cancels, and writes are on again
        shop.world.shopify.place_order({"cancel": name})
        shop.live(120, step=60)
        shop.cli("resume", "writes", "--by", "ann")
        shop.live(300, step=60)

        # then nothing was sent, no unit is held, and nobody is bothered
        assert stage(shop, name) == "canceled"
        assert handed_over(shop) == {}
        assert committed(shop) == 0
        assert shop.cases() == []


def test_an_order_canceled_after_it_was_sent_is_one_case(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order whose request was handed over
        shop.go_live()
        name = sell(shop)
        shop.live(180, step=60)
        assert list(handed_over(shop).values()) == [1]

        # when the buyer cancels
        shop.world.shopify.place_order({"cancel": name})
        shop.live(600, step=60)

        # then a person is asked, once, by the order's name
        (told,) = shop.cases()
        assert name in told
        assert list(handed_over(shop).values()) == [1]


HELD = {
    "unpaid": {"payment": "PENDING"},
    "authorized only": {"payment": "AUTHORIZED"},
    "test order": {"test": True},
    "no house number": {"address": {"address1": ""}},
    "no ZIP code": {"address": {"zip": "1011"}},
    "no address": {"address": None},
}


def test_orders_that_must_not_go_out_yet_are_held_and_their_units_kept(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order of every kind that must wait, and one of a Sku nobody knows
        shop.go_live()
        names = {why: sell(shop, **more) for why, more in HELD.items()}
        blank = shop.world.shopify.add_product(None, title="Sticker", quantities=_everywhere(shop))
        placed = shop.world.shopify.place_order({"lines": [{"variant": blank.id, "quantity": 1}]})
        names["unknown Sku"] = placed["name"]
        shop.live(300, step=60)

        # then each has a Hold of its own with a reason, its units kept, and none went out
        assert {why: stage(shop, name) for why, name in names.items()} == dict.fromkeys(
            names, "held"
        )
        holds = shop.rows(
            select(orders.c.name, hold.c.code).join(hold, hold.c.order_id == orders.c.id)
        )
        assert {row.name for row in holds} == set(names.values())
        assert handed_over(shop) == {}
        assert committed(shop) == len(HELD)
        for name in names.values():
            told = shop.cli("explain", "order", name).stdout
            assert "held" in told
            assert "350 Fifth" not in told

        # when one is paid
        shop.world.shopify.place_order({"pay": names["unpaid"]})
        shop.live(180, step=60)

        # then it goes out of its own
        assert stage(shop, names["unpaid"]) == "routed"
        assert list(handed_over(shop).values()) == [1]


def _everywhere(shop: House) -> dict[str, int]:
    return dict.fromkeys(shop.world.shopify.shop.locations, 5)


def test_what_amazon_ships_is_recorded_and_otherwise_left_alone(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given an order of what lies in Amazon's warehouse
        shop.go_live()
        number = sell_on_amazon(shop, "FBA-SOCKS")
        shop.live(900, step=60)

        # then it is recorded, and neither reserved, sent, confirmed nor given a quantity
        (row,) = shop.rows(select(orders).where(orders.c.remote_id == number))
        assert row.stage == "recorded"
        assert committed(shop) == 0
        assert handed_over(shop) == {}
        assert not patched(shop) & set(shop.world.fba_skus())
        operations = {one.operation for one in shop.world.amazon.log.entries()}
        assert "confirmShipment" not in operations
        wanted = shop.rows(
            select(offer.c.wanted).where(
                offer.c.channel == "amazon-us", offer.c.sku.in_(shop.world.fba_skus())
            )
        )
        assert {one.wanted for one in wanted} <= {None}
