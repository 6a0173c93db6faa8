"""Orders that wait for a person: what is listed, what is mailed, and how they go on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.store.tables import effect
from tests.e2e.house import House, house
from tests.e2e.test_modes_and_stops import QUIET, committed, handed_over, sell, stage


def cautious(tree: dict[str, Any]) -> None:
    tree["review"] = {
        "duplicates_within": "2h",
        "billing": {"apart": "country"},
        "rules": [
            {"name": "gifts", "when": '"gift" in order.tags', "hold": False, "note": "=wrap it"}
        ],
    }
    tree["channels"]["shopify-us"]["release_window"] = "10m"


def holds(shop: House) -> dict[str, dict[str, Any]]:
    """Order -> what `lockstep holds` says of it."""
    return {one["order"]: one for one in json.loads(shop.cli("holds", "--json").stdout)}


def test_a_careful_shop_sends_what_is_good_and_asks_about_the_rest(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET, edit=cautious) as shop:
        # given a shop with a window, and four orders of which one is good
        shop.go_live()
        good = sell(shop, "TEAPOT", tags=["gift"])
        twin = sell(shop, "TEAPOT")
        risky = sell(shop, "MUG-BLUE", risk="CANCEL")
        abroad = sell(shop, "MUG-GREEN", billing={"countryCodeV2": "CA", "provinceCode": "ON"})
        regretted = sell(shop, "CANDLE-3")
        shop.live(240, step=60)

        # then all wait for the window, with their units, and nothing was sent
        assert {stage(shop, one) for one in (good, twin, risky, abroad, regretted)} == {"held"}
        assert handed_over(shop) == {}
        assert committed(shop) == 5

        # when one buyer thinks again, and the window is over
        shop.world.shopify.place_order({"cancel": regretted})
        shop.live(900, step=60)

        # then the good one goes out, once, with its note, which no spreadsheet runs
        assert list(handed_over(shop).values()) == [1]
        (request,) = shop.rows(select(effect.c.document).where(effect.c.kind == "request"))
        (row,) = csv.DictReader(io.StringIO(request.document.decode()))
        assert (row["order"], row["note"]) == (good, "'=wrap it")
        assert stage(shop, regretted) == "canceled"

        # and the others are listed with who looks after them
        listed = holds(shop)
        assert {name: (one["hold"], one["owner"]) for name, one in listed.items()} == {
            twin: ("duplicate", "support"),
            risky: ("risk_stated", "risk"),
            abroad: ("billing_elsewhere", "risk"),
        }
        assert good in listed[twin]["why"]
        assert "held, support" in shop.cli("explain", "order", twin).stdout

        # and mailed, by role, without a word about the buyer
        shop.live(1200, step=60)
        mails = [one for one in shop.world.smtp.books()["mails"] if "held" in one["subject"]]
        assert len(mails) == 2, [one["subject"] for one in mails]
        said = " ".join(one["text"] for one in mails)
        assert all(name in said for name in (twin, risky, abroad))
        assert "Fifth" not in said
        assert "ada@" not in said
        assert "--hold risk_stated --note" in said

        # when a person looked at one and says why it may go, and not before
        shop.cli("release", risky, "--hold", "risk_stated", "--by", "ann", check=2)
        shop.cli(
            "release", risky, "--hold", "risk_stated", "--note", "called the buyer", "--by", "ann"
        )
        shop.live(300, step=60)

        # then it goes out, once, and the reason is kept
        assert list(handed_over(shop).values()) == [1, 1]
        told = shop.cli("explain", "order", risky).stdout
        assert 'risk_stated released by ann "called the buyer"' in told

        # when the order that another looked like is canceled too late, that one may go
        shop.world.shopify.place_order({"cancel": good})
        shop.live(300, step=60)
        assert stage(shop, twin) == "routed"
        assert list(handed_over(shop).values()) == [1, 1, 1]
