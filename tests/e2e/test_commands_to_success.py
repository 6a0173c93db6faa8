"""`once`, `adopt` and `simulate`, from the command line to the end they promise."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from jobs.store.tables import orders, stock_level, unit
from tests.e2e.house import ROOT, environment, house


@pytest.mark.slow
def test_once_runs_every_unit_and_says_that_all_went_well(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.world.shopify.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})

        home.cli("once")

        ran = {row.id for row in home.rows(select(unit).where(unit.c.last_ok_at.is_not(None)))}
        assert ran == set(home.runner.units)
        assert len(home.rows(select(orders))) == 1


@pytest.mark.slow
def test_once_says_so_when_a_unit_failed(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.world.ups.stop()
        home.world.shopify.stop()

        home.cli("once", check=1)

        assert "shopify-us/orders" in home.errors()


@pytest.mark.slow
def test_a_channel_is_adopted_by_the_number_of_its_plan(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.first_import()
        count = tmp_path / "count.csv"
        count.write_text("sku,location,quantity\nMUG-BLUE,newark,38\nTEAPOT,newark,11\n")

        plan = json.loads(home.cli("adopt", "shopify-us", "--count", str(count), "--json").stdout)
        home.cli("adopt", "shopify-us", "--apply", str(plan[0]["plan"]), "--by", "ann")

        levels = select(stock_level.c.sku, stock_level.c.on_hand).where(
            stock_level.c.location == "newark", stock_level.c.on_hand > 0
        )
        assert dict(tuple(row) for row in home.rows(levels)) == {"MUG-BLUE": 38, "TEAPOT": 11}
        home.cli("adopt", "shopify-us", "--apply", str(plan[0]["plan"]), check=2)
        home.cli("verify")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shopify", "amazon", "supplier", "ups", "smtp"])
def test_a_simulator_alone_tells_its_ports_serves_its_books_and_ends_when_asked(kind: str) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "jobs", "simulate", kind, "--seed", "3"],
        cwd=ROOT,
        env=environment(None),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        told = json.loads(started.stdout.readline())
        control = f"http://127.0.0.1:{told['control']}/__sim__"

        books = httpx.get(f"{control}/books", trust_env=False)
        log = httpx.get(f"{control}/log", trust_env=False)

        assert told["kind"] == kind
        assert told["port"]
        assert books.status_code == log.status_code == 200
        assert books.json()
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(timeout=20) == 0
