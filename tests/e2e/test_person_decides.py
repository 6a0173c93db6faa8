"""What only a person may decide goes out when the person says so, and not before."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, update

from core.rules.modes import Mode
from jobs.demo.reckoning import picked_up, shown
from jobs.store.tables import effect, fulfillment
from tests.e2e.house import house

CHANNEL = "shopify-us"


def test_proposed_quantities_go_out_when_a_person_releases_them_and_a_later_want_asks_again(
    tmp_path: Path,
):
    with house(tmp_path) as home:
        home.go_live()
        home.live(1800)
        home.switch(Mode.PROPOSE)
        before = shown(home.world)

        home.world.amazon.place_order({"lines": [{"sku": "CANDLE-3", "quantity": 2}]})
        home.live(1800)

        assert shown(home.world)[CHANNEL, "CANDLE-3"] == before[CHANNEL, "CANDLE-3"]

        home.cli("release", CHANNEL, "--by", "olga")
        home.live(600)

        assert shown(home.world)[CHANNEL, "CANDLE-3"] == before[CHANNEL, "CANDLE-3"] - 2

        home.world.amazon.place_order({"lines": [{"sku": "CANDLE-3", "quantity": 1}]})
        home.live(1800)

        assert shown(home.world)[CHANNEL, "CANDLE-3"] == before[CHANNEL, "CANDLE-3"] - 2


def _park_the_request(home) -> str:  # type: ignore[no-untyped-def]
    """An order whose request was handed over, and nobody could tell: as if it had been parked."""
    home.world.shopify.place_order({"lines": [{"sku": "CANDLE-3", "quantity": 1}]})
    home.until(lambda: home.rows(select(effect).where(effect.c.state == "done")))
    (row,) = home.rows(select(effect.c.key, effect.c.order_id).where(effect.c.kind == "request"))
    with home.app.store.transaction() as tx:
        tx.connection.execute(update(effect).where(effect.c.key == row.key).values(state="parked"))
        tx.connection.execute(
            update(fulfillment).where(fulfillment.c.key == row.key).values(state="planned")
        )
    return str(row.key)


def test_a_write_in_doubt_that_a_person_found_is_not_sent_again(tmp_path: Path):
    with house(tmp_path) as home:
        home.go_live()
        key = _park_the_request(home)

        home.cli("settle", key, "--landed", "--by", "olga")
        home.until(lambda: home.rows(select(effect).where(effect.c.kind == "confirmation")))

        assert picked_up(home.world) == {key: 1}
        home.cli("settle", key, "--landed", check=1)


def test_a_write_in_doubt_that_a_person_did_not_find_is_sent_again(tmp_path: Path):
    with house(tmp_path) as home:
        home.go_live()
        key = _park_the_request(home)

        home.cli("settle", key, "--again", "--by", "olga")
        home.until(lambda: picked_up(home.world)[key] == 2)

        (state,) = home.rows(select(effect.c.state).where(effect.c.key == key))
        assert state == ("done",)


def test_an_order_is_found_with_and_without_its_number_sign(tmp_path: Path):
    with house(tmp_path) as home:
        home.go_live()
        placed = home.world.shopify.place_order({"lines": [{"sku": "CANDLE-3", "quantity": 1}]})
        home.live(600)

        with_sign = home.cli("explain", "order", placed["name"]).stdout
        without = home.cli("explain", "order", placed["name"].removeprefix("#")).stdout

        assert "CANDLE-3" in with_sign
        assert with_sign == without
