"""`lockstep demand SKU`, in both languages and for machines."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from core.model.purchasing import SupplierItem
from jobs.bootstrap import build
from jobs.cli import app
from jobs.store.demand import Demands
from jobs.store.tables import sales_day, stock_out

DAY = timedelta(days=1)
_CONFIG = """
shop: {{name: Small shop, language: {language}}}
orders: {{route_from: "2026-11-01T00:00:00Z"}}
store: {{url: "sqlite:///{folder}/lockstep.db"}}
"""


def shop(folder: Path, language: str) -> tuple[Path, date]:
    """A shop in which TEA sold three a day for sixty days, and was out for four of them."""
    path = folder / "lockstep.yaml"
    path.write_text(_CONFIG.format(folder=folder, language=language))
    opened = build(path, environment={})
    with opened.store.transaction() as tx:
        today = opened.wiring.day(tx.now)
        tx.connection.execute(
            insert(sales_day),
            [
                {"sku": sku, "channel": "shopify-us", "day": today - ago * DAY, "units": 3}
                for sku in ("TEA", "")
                for ago in range(1, 61)
                if ago not in range(10, 14)
            ],
        )
        tx.connection.execute(
            insert(stock_out).values(sku="TEA", day=today - 13 * DAY, until=today - 9 * DAY)
        )
        Demands(tx).set_items([SupplierItem("acme", "TEA", "A1", lead_days=30)])
    opened.close()
    return path, today


def said(path: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["demand", *words, "-c", str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_sku_is_shown_with_its_weeks_its_forecast_and_why(tmp_path: Path) -> None:
    path, today = shop(tmp_path, "en")

    told = said(path, "TEA")

    assert "TEA: 3.00 units a day" in told
    assert "56 of 60 days observed" in told
    assert "It sold on 56 of 56 days: a smoothed level" in told
    assert "4 days without stock and without a sale tell nothing" in told
    assert f"{(today - 7 * DAY).isoformat()}  {'█' * 40} 21" in told
    assert "days without stock)" in told
    assert "By channel: shopify-us 100%" in told
    assert "The supplier states 30 days" in told
    assert "37 days: 110.9 units on average" in told


def test_it_is_told_in_chinese_where_the_shop_speaks_it(tmp_path: Path) -> None:
    path, _ = shop(tmp_path, "zh")

    told = said(path, "TEA")

    assert "每天 3.00 件" in told
    assert "供应商称需要 30 天" in told
    assert "安全库存" in told


def test_machines_get_every_figure(tmp_path: Path) -> None:
    path, _ = shop(tmp_path, "en")

    told = json.loads(said(path, "TEA", "--json", "--service", "0.5", "--review", "0"))

    assert told["method"] == "fast"
    assert told["per_day"] == pytest.approx(3, rel=0.01)
    assert (sum(told["observed"]), len(told["units"])) == (56, 60)
    assert told["cover"]["days"] == told["lead_days"]["p50"] == 30
    assert told["cover"]["level"] == pytest.approx(90, abs=2)


def test_a_sku_nobody_knows_is_no_sku_that_sells_nothing(tmp_path: Path) -> None:
    path, _ = shop(tmp_path, "en")

    result = CliRunner().invoke(app, ["demand", "GHOST", "-c", str(path)])

    assert result.exit_code == 1
    assert "Nothing is known of GHOST before today" in result.output
