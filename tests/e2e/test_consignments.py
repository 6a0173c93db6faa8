"""Goods on their way: a container with what was bought, a truck to FBA, and what is missing of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.tables import consignment, mail, purchase_order, transfer
from tests.e2e.house import House, house
from tests.e2e.test_buying import SKU, plan_of, sell, sells_to_us


def ships_in(tree: dict[str, Any]) -> None:
    sells_to_us(tree)
    tree["suppliers"]["acme"]["lane"] = "sea"
    tree["lanes"] = {
        "sea": {"legs": {"ready": 10, "sailed": 5, "port": 20, "receiving": 3}, "settle_days": 4},
        "truck": {"legs": {"loaded": 1, "delivered": 3, "receiving": 3}},
    }
    tree["locations"]["fba"] = {
        "counted_by": "amazon-us",
        "channels": ["amazon-us"],
        "refill": {"origins": ["newark"], "lane": "truck"},
    }


def listed(home: House, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(home.cli("consignment", *words, "--json").stdout)
    return rows


def bought(home: House) -> str:
    """A purchase order that the supplier has acknowledged."""
    sell(home, 15)
    home.live(300)
    home.cli("mode", "act", "--connection", "acme")
    home.cli("replenish", "approve", str(plan_of(home)["plan"]), "--by", "olga")
    home.until(
        lambda: home.rows(select(purchase_order.c.state))[0].state == "acknowledged", seconds=900
    )
    (row,) = home.rows(select(purchase_order.c.number))
    return str(row.number)


def test_a_container_is_followed_leg_by_leg_to_the_shelf(tmp_path: Path):
    with house(tmp_path, edit=ships_in) as home:
        home.go_live()
        home.live(120)
        order = bought(home)

        # Said once, it is on its way; said of a day that cannot be, it is refused with why.
        home.cli("consignment", "ship", "MSKU-1", "--purchase", order, "--by", "olga")
        home.cli("consignment", "leg", "MSKU-1", "ready", "--on", "2026-11-24")
        home.cli("consignment", "leg", "MSKU-1", "sailed", "--on", "2026-11-24")
        home.cli("consignment", "leg", "MSKU-1", "port", "--planned", "2026-12-20")
        refused = home.cli("consignment", "leg", "MSKU-1", "port", "--on", "2027-12-20", check=2)
        assert "still to come; tell it as planned" in refused.stderr
        (row,) = listed(home, "list")
        assert (row["leg"], row["expected"]) == ("port", "2026-12-23")
        (whole,) = listed(home, "show", "MSKU-1")
        assert [leg["leg"] for leg in whole["legs"]] == ["ready", "sailed", "port", "receiving"]
        assert whole["lines"][0]["purchase"] == order

        # All but two come; days later the two are told by mail with the day to claim them by.
        units = whole["units"]
        slip = tmp_path / "slip.csv"
        slip.write_text(f"sku,quantity\n{SKU},{units - 2}\n")
        told = home.cli("consignment", "receive", "MSKU-1", str(slip), "--freight", "90.00").stdout
        again = home.cli("consignment", "receive", "MSKU-1", str(slip)).stdout
        assert f"{units - 2} units received" in told
        assert "2 still on the way" in told
        assert "nothing was changed" in again
        home.cli("consignment", "close", "MSKU-1", "--note", "two boxes burst")
        (case,) = home.cases("consignment_short")
        assert f"2 units of consignment MSKU-1 ({SKU} x2) did not arrive at newark" in case

        # What the supplier owes it still owes, and every balance holds.
        with home.app.store.reading() as tx:
            assert [*Stock(tx).verify(), *Purchases(tx).verify()] == []
            found = Purchases(tx).get(order)
        assert found is not None
        assert sum(line.coming for line in found.lines) == 2
        home.until(
            lambda: [one for one in home.rows(select(mail.c.text)) if "MSKU-1" in one.text],
            seconds=900,
        )
        home.cli("verify")


def test_a_shipment_made_in_seller_central_is_followed_and_its_loss_told(tmp_path: Path):
    with house(tmp_path, edit=ships_in) as home:
        home.go_live()
        amazon = home.world.amazon
        sku = home.world.fba_skus()[0]

        # Somebody makes a shipment to FBA; it is seen before it leaves, and then leg by leg.
        made = amazon.place_order({"inbound": {"send": {sku: 40}}})["id"]
        home.until(lambda: home.rows(select(consignment)), seconds=7200, step=600)
        for word in ("READY_TO_SHIP", "SHIPPED", "IN_TRANSIT", "DELIVERED"):
            amazon.place_order({"inbound": {"move": made, "to": word}})
        home.live(7200, step=600)
        (row,) = listed(home, "list")
        assert (row["consignment"], row["to"], row["units"]) == (made, "fba", 40)

        # It books in 37 and says that it is done.
        amazon.place_order({"inbound": {"receive": made, "units": {sku: 37}}})
        amazon.place_order({"inbound": {"move": made, "to": "CLOSED"}})
        home.until(lambda: home.cases("consignment_short"), seconds=7200, step=600)
        (case,) = home.cases("consignment_short")
        assert f"3 units of consignment {made} ({sku} x3) did not arrive at fba" in case
        assert "Claim them by 2027-01-23" in case

        # Amazon finds them days later: the Case goes by itself.
        home.live(2 * 86_400, step=12 * 3600)
        amazon.place_order({"inbound": {"receive": made, "units": {sku: 3}}})
        home.until(lambda: not home.cases("consignment_short"), seconds=7200, step=600)
        assert home.rows(select(consignment.c.state))[0].state == "received"


def test_a_transfer_to_fba_leaves_the_shelf_once_and_arrives_by_fbas_word(tmp_path: Path):
    with house(tmp_path, edit=ships_in) as home:
        home.go_live()
        amazon = home.world.amazon
        sku = home.world.fba_skus()[0]
        home.cli(
            "stock", "receive", sku, "300", "--location", "newark", "--reason", "purchase",
            "--reference", "opening",
        )  # fmt: skip
        amazon.set_quantity(sku, 40)

        # FBA sells; the proposal says what to send and why.
        for _ in range(6):
            amazon.place_order({"lines": [{"sku": sku, "quantity": 4}]})
            home.live(86_400, step=12 * 3600)
        proposals = json.loads(home.cli("consignment", "proposals", "--json").stdout)
        (line,) = [one for one in proposals if one["sku"] == sku]
        assert (line["from"], line["to"]) == ("newark", "fba")
        home.cli("consignment", "send", str(line["plan"]), "T-1")
        refused = home.cli("consignment", "send", str(line["plan"]), "T-2", check=2)
        assert "waits" in refused.stderr

        # The shipment is made at Amazon under the same name: it is the same one.
        made = amazon.place_order(
            {"inbound": {"send": {sku: line["units"]}, "name": "T-1", "step": 600}}
        )["id"]
        home.until(
            lambda: home.rows(select(transfer.c.state))[0].state == "closed",
            seconds=86_400,
            step=1800,
        )
        (one,) = home.rows(select(consignment))
        assert (one.number, one.ref, one.state) == ("T-1", made, "received")
        home.cli("verify")
