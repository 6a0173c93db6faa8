"""A supplier who ships for us and works by mail, with a server that loses the answer to a mail.

What was asked for is read from the supplier's own books, what was told from the channel's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.house import House
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_order_mails import open_pages, with_birch
from tests.e2e.test_trading import QUICK, by_place, is_over, proved

UPS_NUMBER = "1Z999AA10123456784"


def shipping(tree: dict[str, Any]) -> None:
    """The place `acme` is asked first, by mail."""
    tree["locations"]["acme"] |= {"ships_through": "birch", "priority": 1}
    tree["suppliers"]["birch"]["items"] = {"MUG-BLUE": {"item": "B-12", "cost": 4.10}}


def told(shop: House, name: str) -> list[str]:
    """Tracking numbers that the channel shows its buyer."""
    books = shop.world.shopify.books()
    (order,) = [one for one in books["orders"] if one["name"] == name]
    return [one["number"] for one in order["fulfillments"]]


def test_orders_are_mailed_once_shipped_by_the_supplier_or_by_others_and_told_to_the_channel(
    tmp_path: Path,
) -> None:
    with with_birch(tmp_path, also=shipping, pace=QUICK) as (shop, desk):
        # given two orders, and a mail of which nobody here knows that it came
        shop.go_live()
        shop.live(120, step=60)
        shop.world.smtp.faults.set([{"operation": "data", "kind": "lost-after-data", "nth": 1}])
        names = [sell(shop, "MUG-BLUE", 2) for _ in range(2)]
        shop.until(lambda: shop.cases("effect_parked"), step=60)
        assert [one["count"] for one in desk.books().values()] == [1, 1]

        # when the one is accepted on its page and shipped by mail, and the other refused
        first, second = desk.mails()
        with open_pages(shop) as post:
            assert post(first.page, {"choice-0": "all"}) == 200
        desk.answer_in_words(first.number, f"SHIPPED: UPS {UPS_NUMBER}")
        desk.answer_in_words(second.number, "Rejected")
        shop.until(lambda: all(is_over(shop, name) for name in names), step=60)
        shop.until(lambda: all(told(shop, name) for name in names), step=60)

        # then each came once, nothing left twice, and the channel was told of one parcel each
        assert [one["count"] for one in desk.books().values()] == [1, 1]
        assert by_place(shop) == {"newark": {"MUG-BLUE": 2}}
        assert [len(told(shop, name)) for name in names] == [1, 1]
        assert UPS_NUMBER in told(shop, names[0]) + told(shop, names[1])
        assert shop.cases() == []
        assert proved(shop)
