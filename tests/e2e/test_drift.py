"""From a number changed by hand at a remote to its repair, over real clients and simulators."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.model.stock import MovementKind, StockMovement
from jobs.store.stock import Stock
from jobs.store.tables import decision, drift, offer, submission
from tests.e2e.house import House, house

SKU = "CANDLE-3"
#: The slowest that may happen: rest, then a slice; orders past the reading (Amazon shows them three
#: minutes late and lets us ask each three minutes); the patch; its verification.
LIMIT = {"shopify-us": 20 * 60, "amazon-us": 35 * 60}


def by_hand(home: House, remote: str, sku: str, quantity: int) -> datetime:
    """Somebody sets a number at the remote, through its control API; the instant."""
    simulator = home.world.simulators[remote]
    request = urllib.request.Request(
        f"http://127.0.0.1:{simulator.start_control()}/__sim__/orders",
        data=json.dumps({"set_quantity": {"sku": sku, "quantity": quantity}}).encode(),
        headers={"content-type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status < 300
    simulator.stop_control()
    return home.clock.now()


def shown(home: House, channel: str, sku: str) -> Any:
    (row,) = home.rows(select(offer).where(offer.c.channel == channel, offer.c.sku == sku))
    return row


def differences(home: House) -> list[Any]:
    return home.rows(select(drift).order_by(drift.c.id))


def test_a_number_changed_by_hand_is_put_right_on_both_channels_in_time(tmp_path: Path):
    with house(tmp_path) as home:
        # given a shop at work whose channels show what is wanted
        home.go_live()
        home.live(1800, step=60)
        wanted = {channel: shown(home, channel, SKU).wanted for channel in LIMIT}
        assert differences(home) == []

        # when somebody raises the number on each
        raised_at = {
            channel: by_hand(home, channel.split("-")[0], SKU, wanted[channel] + 7)
            for channel in LIMIT
        }
        home.live(300, step=60)
        home.until(lambda: differences(home), seconds=1800, step=60)
        listed = json.loads(home.cli("drift", "--json").stdout)
        home.until(
            lambda: [row.state for row in differences(home)] == ["repaired"] * 2,
            seconds=3600,
            step=60,
        )

        # then each is found, named, listed while it is open, and put right in time
        found = {row.channel: row for row in differences(home)}
        for channel, limit in LIMIT.items():
            assert found[channel].cause == "by_hand"
            assert found[channel].unexplained == 7
            seconds = (found[channel].ended_at - raised_at[channel]).total_seconds()
            assert 0 < seconds <= limit, (channel, seconds)
            assert shown(home, channel, SKU).shown == wanted[channel]
        assert {row["sku"] for row in listed} == {SKU}
        codes = {row.code for row in home.rows(select(decision.c.code).distinct())}
        assert {"drift_by_hand", "drift_repaired"} <= codes
        assert json.loads(home.cli("drift", "--json", "--channel", "amazon-us").stdout) == []
        assert "there is no channel" in home.cli("drift", "--channel", "nowhere", check=2).stderr


def few_leave_as_a_file(tree: dict[str, Any]) -> None:
    for channel in tree["channels"].values():
        channel["bulk"] = {"least": 3}


def move(home: House, units: dict[str, int], reference: str) -> None:
    """Units come to the warehouse, or go missing there."""
    with home.app.store.transaction() as tx:
        Stock(tx).move(
            [
                StockMovement(sku, "newark", MovementKind.COUNT, count, reference, home.clock.now())
                for sku, count in units.items()
            ]
        )


def on_amazon(home: House, sku: str) -> int:
    return int(home.world.amazon.account.listings[sku].quantity("DEFAULT"))


def test_a_feed_and_a_bulk_operation_carry_many_changes_and_a_patch_that_lowers_stands(
    tmp_path: Path,
):
    with house(tmp_path, edit=few_leave_as_a_file) as home:
        # given a shop at work where three changes are many
        home.go_live()
        home.live(1800, step=60)
        goods = [
            row.sku
            for row in home.rows(select(offer).where(offer.c.channel == "amazon-us"))
            if row.wanted is not None and row.shown == row.wanted
        ]
        assert len(goods) >= 4

        # when stock arrives for all, and one of it is gone while Amazon's feed runs
        move(home, dict.fromkeys(goods, 30), "arrived")
        home.until(
            lambda: home.rows(
                select(submission).where(
                    submission.c.channel == "amazon-us", submission.c.state == "running"
                )
            ),
            step=15,
        )
        carried = shown(home, "amazon-us", goods[0]).sent
        move(home, {goods[0]: -25}, "gone")
        home.until(
            lambda: (
                {row.state for row in home.rows(select(submission.c.state))} <= {"ended", "dropped"}
            ),
            step=30,
        )
        home.live(2400, step=60)

        # then both channels show what is wanted, the lowered one too
        for row in home.rows(select(offer).where(offer.c.sku.in_(goods))):
            assert (row.shown, row.sent, row.feed) == (row.wanted, None, None), row
        wanted = shown(home, "amazon-us", goods[0]).wanted
        assert on_amazon(home, goods[0]) == wanted
        assert wanted < carried
        kinds = {row.channel for row in home.rows(select(submission)) if row.state == "ended"}
        assert kinds == {"amazon-us", "shopify-us"}
