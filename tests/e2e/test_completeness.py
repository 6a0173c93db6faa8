"""Orders that a channel's search never shows are found, on every channel, within one census."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.store.tables import orders
from tests.e2e.house import House, house
from tests.e2e.test_modes_and_stops import QUIET, handed_over, sell, sell_on_amazon

HOUR = 3600.0


def recorded(shop: House) -> set[str]:
    return {row.name for row in shop.rows(select(orders.c.name))}


@pytest.mark.slow
def test_an_order_hidden_from_pulls_is_found_within_one_census_and_ships_once(
    tmp_path: Path,
) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given orders on both channels, of which one each is never shown by a search
        shop.go_live()
        shop.live(600, step=120)
        seen = [sell(shop), sell_on_amazon(shop)]
        lost = sell(shop, "TEAPOT")
        shop.world.shopify.place_order({"hide": lost})
        unlisted = sell_on_amazon(shop, "MUG-GREEN", hidden_for=1e9)
        shop.live(1200, step=120)
        assert recorded(shop) == set(seen)

        # when the next census is taken on each
        shop.live(1.3 * HOUR, step=180)

        # then they are recorded and shipped once, and a person is told, once for each channel
        assert recorded(shop) == {*seen, lost, unlisted}
        assert list(handed_over(shop).values()) == [1] * 4
        told = shop.cases("orders_missed")
        assert len(told) == 2, shop.cases()
        assert any(unlisted in one and "amazon-us" in one for one in told)
        assert any("shopify-us" in one for one in told)
        mails = [one for one in shop.world.smtp.books()["mails"] if "pull" in one["text"]]
        assert len(mails) == 1, [one["subject"] for one in mails]
        assert "order no pull brought to found" in shop.cli("status").stdout

        # and nothing more is found later
        shop.live(2 * HOUR, step=900)
        assert len(shop.cases("orders_missed")) == 2
        assert list(handed_over(shop).values()) == [1] * 4


@pytest.mark.slow
def test_a_busy_day_raises_no_false_alarm(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        # given a day with an order every half hour, some canceled, some paid late
        shop.go_live()
        placed = 0
        for n in range(24):
            with suppress(ValueError):  # sold out: no order
                if n % 2:
                    sell_on_amazon(shop, "MUG-BLUE", pending_for=900.0 * (n % 4))
                else:
                    sell(shop, "CANDLE-3", **({"cancel_after": 60.0} if n % 5 == 0 else {}))
                placed += 1
            shop.live(1800, step=600)

        # then every census found what was there already
        assert placed > 15
        assert len(recorded(shop)) == placed
        for state in ("open", "closed"):
            assert shop.cases("orders_missed", state=state) == []
