"""From observing, through acting, back to the old way of working: by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select

from core.rules.modes import Mode
from jobs.demo.world import Pace
from jobs.store.permissions import Permissions
from jobs.store.tables import offer
from tests.e2e.house import House, house

CHANNEL = "shopify-us"


def shown(shop: House) -> dict[str, int]:
    rows = shop.rows(select(offer).where(offer.c.channel == CHANNEL, offer.c.wanted.is_not(None)))
    return {f"{row.remote_id} {row.remote_location}": row.shown for row in rows}


def found(shop: House) -> dict[str, int]:
    rows = shop.rows(select(offer).where(offer.c.channel == CHANNEL, offer.c.wanted.is_not(None)))
    return {f"{row.remote_id} {row.remote_location}": row.found for row in rows}


def quantities_written(shop: House) -> list[str]:
    return [one for one in shop.writes() if one.startswith("shopify: InventorySet")]


def test_a_channel_is_compared_taken_over_and_given_back(tmp_path: Path) -> None:
    with house(tmp_path, pace=Pace(publish_every=1e9)) as shop:
        # given a shop that is only observed: what we would do is compared, and nothing written
        shop.first_import()
        shop.live(180, step=60)
        told = json.loads(shop.cli("shadow", "--json").stdout)
        assert {one["channel"] for one in told} == set(shop.app.wiring.config.channels)
        assert all(0 <= one["quantities"]["percent"] <= 100 for one in told)
        assert "what we would show" in shop.cli("shadow").stdout
        shop.cli("shadow", "--day", "2020-01-01", check=1)
        shop.cli("shadow", "--day", "today", check=2)
        assert shop.writes() == []

        # given it is taken over, and shows our numbers
        shop.go_live()
        shop.live(900, step=60)
        assert shown(shop) != found(shop)

        # when going back is planned, then every difference is listed and nothing changes
        plan = json.loads(shop.cli("rollback", CHANNEL, "--by", "ann", "--json").stdout)
        assert {one["then"] for one in plan} <= set(found(shop).values())
        writes = shop.writes()
        shop.live(120, step=60)
        assert shop.writes() == writes

        # when it is applied
        written = len(quantities_written(shop))
        number = str(plan[0]["plan"])
        told_ = shop.cli("rollback", CHANNEL, "--apply", number, "--by", "ann").stdout
        assert "only observed" in told_
        shop.until(lambda: shown(shop) == found(shop))

        assert len(quantities_written(shop)) > written

        # then the shop itself shows it, and is only observed from there on
        def observed() -> bool:
            with shop.app.store.reading() as tx:
                return Permissions(tx).scope(CHANNEL, "offers").mode is Mode.OBSERVE

        shop.until(observed)
        written = len(quantities_written(shop))
        shop.live(900, step=60)
        assert len(quantities_written(shop)) == written
        shop.cli("rollback", CHANNEL, "--apply", number, check=2)
        shop.cli("rollback", "ebay", check=2)
        shop.cli("verify")
