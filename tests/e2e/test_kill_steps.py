"""kill -9 at every step of a request, for each way a request can go out: one supply, told once.

What was supplied is read from the places' own books, what was told from the channel's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.journeys import ups_number
from core.rules.effects import short_key
from jobs.store.effects import Effects
from jobs.store.tables import effect
from tests.e2e.house import House, house
from tests.e2e.mortal import Mortal
from tests.e2e.test_fulfiller import with_cedar
from tests.e2e.test_modes_and_stops import sell
from tests.e2e.test_order_mails import with_birch
from tests.e2e.test_request_mails import shipping
from tests.e2e.test_trading import QUICK, is_over, proved, with_partner

#: Fewer steps than these and the drill looks at nothing.
LEAST = 5


@dataclass
class Way:
    """One way a request goes out and its answers come in."""

    shop: House
    connection: str
    #: key or short key -> how often the place got it
    taken: Callable[[], Counter[str]]
    #: units it sent
    sent: Callable[[], int]
    answers: tuple[str, ...]
    #: an answer is taken when it was seen twice: a file may be half written
    twice: bool = True
    #: people there and here do what they see is to be done
    live: Callable[[], object] = lambda: None

    def asking(self) -> list[str]:
        return ["shopify-us/orders", "core/orders", f"{self.connection}/requests"]

    def finish(self, name: str) -> None:
        """Only these units, minute by minute, until the order is shipped and the channel knows."""
        for _ in range(120):
            self.shop.clock.advance(60)
            self.live()
            self.shop.run(*self.asking(), *self.hearing())
            if is_over(self.shop, name) and min(fulfillments(self.shop)):
                return
        raise AssertionError((name, self.shop.errors(), self.shop.cases()))

    def hearing(self) -> list[str]:
        heard = [f"{self.connection}/{flow}" for flow in self.answers]
        return [*heard, "core/orders", "shopify-us/shipments"]


@contextmanager
def by_file(folder: Path) -> Iterator[Way]:
    def first(tree: dict[str, Any]) -> None:
        tree["locations"]["acme"] |= {"priority": 1}
        tree["connections"]["acme"]["papers"] = {"shop": ["Harbor Goods"]}

    with house(folder, pace=QUICK, edit=first) as shop:
        shop.go_live()
        acme = shop.world.acme

        def taken() -> Counter[str]:
            known = acme.books()["requests"]
            # Whoever picks up a request finds its papers beside it.
            assert all(one["papers"] == one["count"] for one in known.values()), known
            return Counter({k: one["count"] for k, one in known.items()})

        def sent() -> int:
            return sum(
                line["quantity"] for one in acme.books()["shipments"] for line in one["lines"]
            )

        yield Way(shop, "acme", taken, sent, ("acknowledgments", "notices"))


@contextmanager
def by_x12(folder: Path) -> Iterator[Way]:
    with with_partner(folder) as (shop, partner):
        shop.go_live()
        shop.cli("mode", "act", "--connection", "acme-edi")

        def taken() -> Counter[str]:
            return Counter({k: one["count"] for k, one in partner.books()["orders"].items()})

        def sent() -> int:
            return sum(sum(one["lines"].values()) for one in partner.books()["parcels"])

        flows = ("receipts", "acknowledgments", "notices")
        yield Way(shop, "acme-edi", taken, sent, flows)


@contextmanager
def by_api(folder: Path) -> Iterator[Way]:
    with with_cedar(folder) as (shop, cedars):

        def taken() -> Counter[str]:
            return Counter(one["reference"] for one in cedars.books()["orders"])

        def sent() -> int:
            cedars.live()
            return sum(
                line["quantity"]
                for one in cedars.books()["orders"]
                for parcel in one["parcels"]
                for line in parcel["items"]
            )

        yield Way(shop, "cedar", taken, sent, ("statuses",), twice=False)


@contextmanager
def by_mail(folder: Path) -> Iterator[Way]:
    """Nobody can be asked whether a mail came: a person asks the supplier, or they answer it."""
    with with_birch(folder, also=shipping, pace=QUICK) as (shop, desk):
        shop.go_live()
        numbers: dict[str, str] = {}

        def taken() -> Counter[str]:
            return Counter({number: one["count"] for number, one in desk.books().items()})

        def live() -> None:
            came = taken()
            for number in came:
                if number not in numbers:
                    numbers[number] = ups_number("BIRCH0", len(numbers))
                    desk.answer_in_words(number, f"SHIPPED: UPS {numbers[number]}")
            with shop.app.store.transaction() as tx:
                for row in tx.rows(select(effect.c.key).where(effect.c.state == "parked")):
                    parked = Effects(tx).parked_as(row.key)
                    if parked is not None and short_key(row.key) not in came:
                        # They say by phone that nothing came.
                        Effects(tx).planned_again(parked)

        def sent() -> int:
            live()
            return len(numbers)

        yield Way(
            shop, "birch", taken, sent, ("acknowledgments", "notices"), twice=False, live=live
        )


WAYS = {"file": by_file, "x12": by_x12, "api": by_api, "mail": by_mail}


def fulfillments(shop: House) -> list[int]:
    """How many fulfillments the channel has of each order."""
    return [len(one["fulfillments"]) for one in shop.world.shopify.books()["orders"]]


def bought(shop: House, number: int) -> str:
    """One unit of something only that place has, by somebody who never bought before."""
    if number % 20 == 0:
        shop.world.restock()
        shop.world.acme.place_order({"publish": True})
        shop.live(300)
    stocked = [one.sku for one in shop.world.goods if one.supplier and not one.warehouse]
    return sell(
        shop,
        stocked[number % len(stocked)],
        email=f"buyer{number}@buyers.example",
        address={"address1": f"{number} Main Street", "phone": f"+1212555{number:04d}"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["asking", "hearing"])
@pytest.mark.parametrize("way", WAYS)
def test_a_request_is_supplied_once_wherever_it_is_killed(
    tmp_path: Path, way: str, phase: str
) -> None:
    with WAYS[way](tmp_path) as one:
        shop = one.shop
        shop.live(300)
        mortal = Mortal(shop)
        try:
            at, killed = 0, True
            while killed:
                at += 1
                before = one.sent()
                name = bought(shop, at)
                # given an order that the channel shows, or a parcel whose files were seen once
                shop.clock.advance(60)
                if phase == "hearing":
                    shop.run(*one.asking())
                    deadline = shop.clock.now() + timedelta(hours=2)
                    while one.sent() == before and shop.clock.now() < deadline:
                        shop.clock.advance(60)
                    if one.twice:
                        shop.run(*one.hearing())
                    shop.clock.advance(90)
                units = one.asking() if phase == "asking" else one.hearing()

                # when the process dies at its nth step, and the next one goes on
                killed = mortal.run(at, units)
                one.finish(name)

                # then one parcel was sent, and the channel was told once
                assert set(one.taken().values()) == {1}, (at, one.taken())
                assert one.sent() == before + 1
                assert set(fulfillments(shop)) == {1}, at
        finally:
            mortal.close()
        assert at > LEAST
        assert len(one.taken()) == at
        assert proved(shop)
