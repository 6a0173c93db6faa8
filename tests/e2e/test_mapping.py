"""A box of six on Shopify and a supplier's case of 24, known by a barcode and an item number alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.demo.world import goods
from jobs.store.stock import Stock
from jobs.store.tables import hold, listing, offer, order_line, shipment_line
from tests.e2e.house import House, house

UPC, CASE = "036000291452", "AC-MUG-C24"
NAMES = f"""scheme,place,name,sku,units,note
item,acme,{CASE},MUG-BLUE,24,'=their list of May
asin,,B0EXAMPLE1,CANDLE-3,,
"""


def _only_written_skus(tree: dict[str, Any]) -> None:
    skus = {one.sku: {} for one in goods(scarce=False)}
    tree["skus"] = {"accept_channel_skus": False, "items": skus}


def _told(home: House, location: str) -> int:
    with home.app.store.reading() as tx:
        return Stock(tx).on_hand(location, ["MUG-BLUE"])["MUG-BLUE"]


def test_a_box_and_a_case_are_sold_and_counted_as_units_once_their_names_are_said(tmp_path: Path):
    with house(tmp_path, edit=_only_written_skus) as home:
        # given a box of six whose SKU nobody knows, on sale and sold; a supplier who counts cases
        shopify, acme = home.world.shopify, home.world.acme
        shelf = {"Harbor Goods, Newark": 5}
        box = shopify.add_product("HG/6 blau", price="60.00", barcode=UPC, quantities=shelf)
        home.go_live()
        shopify.place_order({"lines": [{"sku": "HG/6 blau", "quantity": 2}]})
        home.until(lambda: home.rows(select(hold).where(hold.c.code == "unknown_sku")))
        before = _told(home, "acme")
        acme.place_order({"set_stock": {CASE: 2}})

        # when their names are said, one by one and by a table
        words = ["--units", "6", "--note", "a box of six"]
        home.cli("map", "set", "upc", UPC, "MUG-BLUE", *words)
        (tmp_path / "names.csv").write_text(NAMES)
        home.cli("map", "import", str(tmp_path / "names.csv"), "--note", "from the old system")

        # then the order goes out by itself as twelve units, confirmed to Shopify as two boxes
        home.until(lambda: home.rows(select(shipment_line)), step=120)
        assert home.rows(select(order_line.c.sku, order_line.c.units_per_sale)) == [("MUG-BLUE", 6)]
        asked = [
            (line["sku"], line["quantity"])
            for place in (home.world.warehouse, acme)
            for one in place.books()["requests"].values()
            for line in one["lines"]
        ]
        assert asked == [("MUG-BLUE", 12)]

        def confirmed() -> list[int]:
            sold = shopify.books()["orders"][0]
            return [line["fulfilled_quantity"] for line in sold["lines"]]

        home.until(lambda: confirmed() == [2], step=120)

        # and the box shows as many as there are sixes, the supplier's cases count
        home.until(lambda: _told(home, "acme") == before + 48, step=120)
        wanted = select(offer.c.wanted).where(offer.c.remote_id == box.id)
        single = (
            select(offer.c.wanted)
            .join(
                listing,
                (listing.c.remote_id == offer.c.remote_id) & (listing.c.channel == offer.c.channel),
            )
            .where(offer.c.channel == "shopify-us", listing.c.remote_sku == "MUG-BLUE")
        )
        home.until(
            lambda: home.rows(wanted)[0].wanted == home.rows(single)[0].wanted // 6, step=120
        )

        # and what was understood says why
        why = home.cli("explain", "order", "#1001").stdout
        assert f"HG/6 blau is 6 x MUG-BLUE, for gtin 00{UPC} says so" in " ".join(why.split())
        told = json.loads(home.cli("explain", "sku", "MUG-BLUE", "--json").stdout)
        assert {(one["by"], one["units"]) for one in told["names"]} == {
            (f"gtin 00{UPC}", 6), (f"item acme {CASE}", 24),
        }  # fmt: skip
