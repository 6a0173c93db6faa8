"""A month of buying, editing and canceling: every day agrees, and what no pull shows is found at once."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from connectors.shopify.simulator import ShopifySimulator
from jobs import log
from jobs.bootstrap import build
from jobs.cli import app
from jobs.clock import ManualClock
from jobs.runner import Runner
from jobs.store.census import CensusDays
from jobs.store.tables import cases, decision, orders

#: In New York clocks go back on the first of November.
START = datetime(2026, 10, 14, 12, tzinfo=UTC)
CONFIG = """
shop: {name: Month, time_zone: America/New_York}
orders: {route_from: "2030-01-01T00:00:00Z"}
store: {url: "${env:STORE}"}
pace: {census: 24h}
connections:
  shopify-us: {type: shopify, shop: demo.myshopify.com, base_url: "%s", page_size: 50,
    client_id: simulated-client, client_secret: "${env:SHOPIFY}"}
channels: {shopify-us: {connection: shopify-us}}
locations: {home: {}}
skus: {items: {MUG: {}, TEE: {}}}
"""


def test_a_month_raises_no_false_alarm_and_one_hidden_order_is_found_by_one_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a shop in which buyers order, edit and cancel, early and days later; the index loses one order
    clock, chance = ManualClock(START), random.Random(5)
    shopify = ShopifySimulator(clock=clock, seed=5, index_lag=5.0, bucket=(1e6, 1e6))
    shopify.add_location("Main")
    for sku in ("MUG", "TEE"):
        shopify.add_product(sku, quantities={"Main": 10**6})
    shopify.start()
    log.configure(level="error")
    path = tmp_path / "lockstep.yaml"
    path.write_text(CONFIG % shopify.url)
    secrets = {"STORE": f"sqlite:///{tmp_path / 'month.db'}", "SHOPIFY": "simulated-secret"}
    application = build(path, environment=secrets, clock=clock)
    try:
        runner = Runner(application.store, application.wiring, log.get())
        runner.declare()
        names: list[str] = []
        kept: list[str] = []
        hidden = ""
        for day in range(30):
            for _ in range(7):
                clock.advance(chance.uniform(600, 20_000))
                more = {"cancel_after": chance.uniform(60, 90_000)} if chance.random() < 0.1 else {}
                made = shopify.place_order({"lines": [{"sku": "MUG", "quantity": 3}], **more})
                names.append(made["name"])
                if len(names) == 100:
                    hidden = made["name"]
                    shopify.place_order({"hide": hidden})
                elif not more:
                    kept.append(made["id"])
                if len(names) % 7 == 0:
                    # An order of just now, or of days ago.
                    edited = kept.pop(-1 if chance.random() < 0.5 else -min(30, len(kept)))
                    lines = [{"sku": "MUG", "quantity": 2}]
                    shopify.place_order({"edit": edited, "lines": lines})
            ends = START + (day + 1) * timedelta(days=1)
            clock.advance(max(60.0, (ends - clock.now()).total_seconds()))

            # when they are pulled and compared
            runner.run("shopify-us/orders", whenever=True)
            runner.run("shopify-us/census", whenever=True)

        # then all are recorded, and nothing was told but the one that no pull brought
        with application.store.reading() as tx:
            recorded = set(tx.connection.execute(select(orders.c.name)).scalars())
            told = tx.connection.execute(select(cases.c.kind, cases.c.args)).all()
            found = tx.connection.execute(
                select(decision.c.args).where(decision.c.code == "order_was_missing")
            ).scalars()
            (late,) = list(found)
            days = CensusDays(tx).rows()
        assert recorded == {*names}
        assert [one.kind for one in told] == ["orders_missed"]
        assert (late["order"], late["minutes"] <= 24 * 60) == (hidden, True)
        assert len(days) == 33
        assert all(one.theirs == one.ours for one in days), days
        # The search, which counts, has lost one of that day.
        (odd,) = (one for one in days if one.stated != one.theirs)
        assert (odd.stated, odd.fetched) == (odd.theirs - 1, 1)
        assert sum(one.theirs for one in days) == len(names) == 210
        assert sum(one.fetched for one in days) == 1

        # and a person can see it
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        shown = CliRunner().invoke(app, ["census", "-c", str(path)], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, shown.output
        assert "2026-11-01" in shown.output
    finally:
        application.close()
        shopify.stop()
