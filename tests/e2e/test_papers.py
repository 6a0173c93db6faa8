"""A warehouse that works by paper: what is printed is what the shop sold, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pypdf import PdfReader
from sqlalchemy import select

from jobs.store.tables import effect
from tests.e2e.house import house
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_trading import QUICK, proved


def test_a_warehouse_finds_list_and_slip_beside_each_request(tmp_path: Path) -> None:
    # given a warehouse that wants papers, and a channel that sells a tea set as one thing
    def by_paper(tree: dict[str, Any]) -> None:
        tree["connections"]["warehouse"]["papers"] = {"shop": ["Harbor Goods", "1 Quay Street"]}
        tree.setdefault("skus", {}).setdefault("items", {})["TRAY-OAK"] = {
            "title": "Tray, oak",
            "components": {"CANDLE-3": 2, "VASE-TALL": 1},
        }

    with house(tmp_path, pace=QUICK, edit=by_paper) as shop:
        shop.go_live()

        # when somebody buys two of them
        name = sell(shop, "TRAY-OAK", 2)
        shop.until(lambda: shop.world.warehouse.books()["requests"])

        # then list and slip were there when the request was picked up, once
        (told,) = shop.world.warehouse.books()["requests"].values()
        assert (told["count"], told["papers"]) == (1, 1)
        (printed,) = shop.world.warehouse.processed.glob("*.pdf")
        pick, slip = (page.extract_text() for page in PdfReader(printed).pages)
        lines = [line.strip() for line in pick.splitlines() if line.strip()]
        at = next(number for number, line in enumerate(lines) if line.startswith("for "))
        assert lines[at].startswith("for 2 x Oak tray")
        assert lines[at + 1 :] == [
            "- CANDLE-3", "Candles, set of three", "4", "- VASE-TALL", "Tall vase", "2",
            "2 lines, 6 units in all",
        ]  # fmt: skip
        assert "Oak tray" in slip
        assert f"Packing slip {name}" in slip
        assert "Harbor Goods" in slip

        # and what we kept of it is the CSV alone
        (kept,) = shop.rows(select(effect.c.document).where(effect.c.kind == "request"))
        assert b"%PDF" not in (kept.document or b"")
        assert proved(shop)
