"""Low stock becomes a mail that names what to buy, a person's yes becomes one order at the supplier."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.tables import effect, mail, purchase_order, receipt_cost
from tests.e2e.house import House, house

SKU = "CANDLE-3"
PURCHASES_SENT = select(effect.c.state).where(effect.c.kind == "purchase")
SUPPLIER = {
    "connection": "acme",
    "restocks": "newark",
    "currency": "CNY",
    "lead_days": 20,
    "order_minimum": "500.00",
    "inbound_fee": "0.35",
    "freight": {"by": "volume", "per_cubic_meter": "200.00"},
    "items": {
        SKU: {
            "item": "AC-77", "pack": 24, "least": 48, "cost": "21.00", "breaks": {120: "16.00"},
            "volume": 1500, "weight": 600, "hts": "3406.00", "origin": "CN",
        }
    },
}  # fmt: skip


def sells_to_us(tree: dict[str, Any]) -> None:
    tree["suppliers"] = {"acme": deepcopy(SUPPLIER)}  # others add to it
    tree["currencies"] = {"CNY": {"2026-11-01": "0.14"}}
    tree["duties"] = [{"hts": "3406", "since": "2026-01-01", "percent": "25"}]
    tree["skus"]["items"][SKU]["low_stock"] = 50
    tree["connections"]["acme"]["folders"] |= {
        "purchases_out": "purchases",
        "purchase_answers_in": {"path": "purchase-answers"},
    }


def sell(home: House, units: int) -> None:
    home.world.shopify.place_order({"lines": [{"sku": SKU, "quantity": units}]})


def mails(home: House) -> list[tuple[str, str]]:
    rows = home.rows(select(mail.c.subject, mail.c.text).order_by(mail.c.id))
    return [(row.subject, row.text) for row in rows if "Order from acme" in row.subject]


def plan_of(home: House) -> dict[str, Any]:
    (row,) = json.loads(home.cli("replenish", "plan", "--supplier", "acme", "--json").stdout)
    return dict(row)


def kill_at_the_hand_over(home: House) -> None:
    """The daemon dies between the rename and the record of it, and is started again."""
    connector: Any = home.app.wiring.connectors["acme"]
    release = connector.release_purchase

    def killed(key: str) -> None:
        release(key)
        raise KeyboardInterrupt

    connector.release_purchase = killed
    with pytest.raises(KeyboardInterrupt):
        home.runner.run("acme/purchases", whenever=True)
    del connector.release_purchase
    home.app.store.units.free_all()


def differences(home: House) -> list[Any]:
    with home.app.store.reading() as tx:
        return [*Stock(tx).verify(), *Purchases(tx).verify()]


def test_low_stock_is_told_planned_approved_sent_once_and_received(tmp_path: Path):
    with house(tmp_path, edit=sells_to_us) as home:
        home.go_live()
        home.live(300)
        sell(home, 15)
        home.until(lambda: mails(home), seconds=900)

        # The mail says what to buy, from whom, how many, by when, and how.
        ((subject, text),) = mails(home)
        assert "Order from acme by 2026-1" in subject
        assert "1 Sku" in subject
        assert "CANDLE-3: order" in text
        assert "packs of 24" in text
        assert "45 free + 0 on the way - 0 promised = 45; low is 50 or fewer" in text

        proposed = plan_of(home)
        assert f"lockstep replenish approve {proposed['plan']}" in text
        assert proposed["quantity"] >= 48
        assert proposed["quantity"] % 24 == 0

        # Observing, an approval is refused with what to do.
        refused = home.cli("replenish", "approve", str(proposed["plan"]), check=2)
        assert "lockstep mode act --connection acme" in refused.stderr
        assert home.rows(select(purchase_order)) == []

        # Approved once and killed just after the hand-over, it is ordered once.
        home.cli("mode", "act", "--connection", "acme")
        home.cli("replenish", "approve", str(proposed["plan"]), "--by", "olga")
        home.cli("replenish", "approve", str(proposed["plan"]), check=2)
        kill_at_the_hand_over(home)
        home.until(lambda: home.world.acme.desk.books(), seconds=900)
        home.until(
            lambda: [row.state for row in home.rows(PURCHASES_SENT)] == ["done"], seconds=900
        )
        (order,) = home.world.acme.desk.books()
        assert order.startswith("PO-2026")
        assert home.world.acme.desk.books()[order]["count"] == 1
        assert home.world.acme.desk.books()[order]["lines"] == [
            {"item": "AC-77", "sku": SKU, "quantity": proposed["quantity"]}
        ]
        assert differences(home) == []

        # The supplier's answer is taken; nothing more is proposed.
        home.until(
            lambda: home.rows(select(purchase_order.c.state))[0].state == "acknowledged",
            seconds=900,
        )
        assert plan_of(home)["quantity"] == 0

        # Half of it comes: the rest stays expected, and is a Case until a person closes it.
        slip = tmp_path / "slip.csv"
        slip.write_text(f"sku,quantity\n{SKU},24\n")
        told = home.cli("replenish", "receive", order, str(slip), "--freight", "90.00").stdout
        again = home.cli("replenish", "receive", order, str(slip)).stdout
        assert "24 units received" in told
        assert "was received before" in again
        (cost,) = home.rows(select(receipt_cost))
        price = 2100 if proposed["quantity"] < 120 else 1600
        goods = round(24 * price * 0.14)
        assert (cost.goods, cost.freight, cost.fees) == (goods, 9000, 840)
        assert cost.duty == round(goods * 0.25)
        assert [row.state for row in home.rows(select(purchase_order.c.state))] == [
            "partly_received"
        ]
        assert home.cases("receipt_short")
        assert differences(home) == []

        home.cli("replenish", "close", order, "--note", "they are out of it")
        assert home.cases("receipt_short") == []
        home.cli("verify")
