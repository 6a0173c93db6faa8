"""What an admin writes down later reaches what is recorded already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.store.tables import hold, listing, offer, orders
from tests.e2e.house import edit_config, house, opened


def _only_written_skus(tree: dict[str, Any]) -> None:
    tree["skus"] = {"accept_channel_skus": False, "items": {"CANDLE-3": {}}}


def _and_the_mug(tree: dict[str, Any]) -> None:
    tree["skus"]["items"]["MUG-BLUE"] = {}


def test_an_order_for_an_unknown_sku_is_released_when_the_sku_is_written_down(tmp_path: Path):
    with house(tmp_path, edit=_only_written_skus) as home:
        home.first_import()
        home.world.shopify.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
        home.until(lambda: home.rows(select(hold).where(hold.c.code == "unknown_sku")))

        edit_config(home.path, _and_the_mug)
        assert home.rows(select(orders.c.stage)) == [("held",)]
        with opened(home.path, home.world, home.clock) as changed:
            assert changed.rows(select(orders.c.stage)) == [("held",)]

            def mug() -> str | None:
                (row,) = changed.rows(
                    select(listing.c.sku).where(
                        listing.c.channel == "shopify-us", listing.c.remote_sku == "MUG-BLUE"
                    )
                )
                return row.sku

            assert mug() is None
            changed.until(lambda: mug() == "MUG-BLUE", seconds=900)
            changed.until(
                lambda: not changed.rows(select(orders).where(orders.c.stage == "held")),
                seconds=900,
            )


def _hold_back(tree: dict[str, Any]) -> None:
    tree["channels"]["amazon-us"]["offers"] = {"buffer": 7}


def test_a_larger_buffer_reaches_the_channel_without_a_sale(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.go_live()
        mug = select(offer.c.wanted, offer.c.shown).where(
            offer.c.channel == "amazon-us", offer.c.sku == "MUG-BLUE"
        )
        home.until(lambda: home.rows(mug) == [(100, 100)])

        edit_config(home.path, _hold_back)

        with opened(home.path, home.world, home.clock) as changed:
            changed.until(lambda: changed.rows(mug) == [(93, 93)], seconds=1800)


def _show_newark_elsewhere(tree: dict[str, Any]) -> None:
    tree["channels"]["shopify-us"]["twins"] = {"gid://shopify/Location/9": ["newark", "acme"]}


def test_a_place_that_shows_none_of_ours_any_more_gets_no_number(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.go_live()
        wanted = select(offer.c.wanted).where(
            offer.c.channel == "shopify-us", offer.c.sku == "MUG-BLUE"
        )
        home.until(lambda: home.rows(wanted) == [(100,)])

        edit_config(home.path, _show_newark_elsewhere)

        with opened(home.path, home.world, home.clock) as changed:
            changed.until(lambda: changed.rows(wanted) == [(None,)], seconds=900)
            before = len(changed.writes())
            changed.world.shopify.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
            changed.live(1800)
            assert not [
                one for one in changed.writes()[before:] if one.startswith("shopify: inventory")
            ]
