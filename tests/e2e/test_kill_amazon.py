"""kill -9 at every step of what Amazon takes by feed: a refund, a cancellation.

Amazon takes a feed in and says later what became of it, so it is killed twice over: while the feed is
handed over, and while its outcome is read. Each is done once, by Amazon's own book.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e import test_cancel_amazon, test_returns_amazon
from tests.e2e.house import House, house
from tests.e2e.mortal import Mortal
from tests.e2e.test_returns import looked_at
from tests.e2e.test_trading import QUICK, proved

#: Clock seconds between two looks, and how many of them there are at most: a feed may take hours.
STEP, LOOKS = 600, 660


@dataclass
class Deed:
    """Something that is decided here and done once there."""

    #: has one be decided; its order
    decide: Callable[[], str]
    #: the unit that tells it, and those whose facts it needs
    unit: str
    also: tuple[str, ...]
    #: how often Amazon did it, and whether we know
    done: Callable[[str], int]
    known: Callable[[str], bool]


def refund(shop: House) -> Deed:
    def decide() -> str:
        name = test_returns_amazon.shipped(shop)
        back = test_returns_amazon.sent_back(shop, name)
        test_returns_amazon.go_on(
            shop, lambda: test_returns_amazon.states(shop, name) == ["expected"]
        )
        looked_at(shop, back)
        return name

    return Deed(
        decide, "amazon-us/refunds", ("amazon-us/returns",),
        done=lambda name: len(test_returns_amazon.paid(shop, name)),
        known=partial(test_returns_amazon.is_made, shop),
    )  # fmt: skip


def cancellation(shop: House) -> Deed:
    def decide() -> str:
        name = test_cancel_amazon.sell(shop, "MUG-BLUE")
        test_cancel_amazon.pulled(shop)
        test_cancel_amazon.cancel(shop, name)
        return name

    names: list[str] = []

    def done(name: str) -> int:
        names.extend([] if name in names else [name])
        # Its book counts the orders that the seller ended: not more than we had ended.
        assert test_cancel_amazon.times(shop) <= len(names)
        return int({by for by, _ in test_cancel_amazon.ended(shop, name)} == {"MERCHANT"})

    return Deed(
        decide, "amazon-us/cancellations", ("amazon-us/orders", "core/orders"), done,
        known=partial(test_cancel_amazon.canceled, shop),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    # With fewer steps the drill would look at nothing.
    ("when", "least"),
    [("handing over", 3), ("reading the outcome", 2)],
)
@pytest.mark.parametrize("make", [refund, cancellation])
def test_what_a_feed_asks_for_is_done_once_wherever_it_is_killed(
    tmp_path: Path, make: Callable[[House], Deed], when: str, least: int
) -> None:
    with house(tmp_path, pace=QUICK, edit=test_returns_amazon.by_rules) as shop:
        shop.go_live()
        deed, mortal, names = make(shop), Mortal(shop), list[str]()
        try:
            killed = True
            while killed:
                # given something that was decided, and taken in where its outcome is the question
                names.append(deed.decide())
                if when == "reading the outcome":
                    shop.run(deed.unit)
                    for _ in range(LOOKS):
                        if deed.done(names[-1]):
                            break
                        shop.clock.advance(STEP)
                        shop.run(*deed.also)

                # when the process dies at its nth step, and the next one goes on
                killed = mortal.run(len(names), [deed.unit])
                for _ in range(LOOKS):
                    if deed.done(names[-1]) and deed.known(names[-1]):
                        break
                    shop.clock.advance(STEP)
                    shop.run(deed.unit, *deed.also)

                # then it was done once, and we know
                assert deed.done(names[-1]) == 1, (names, shop.errors(), shop.cases())
                assert deed.known(names[-1]), (names, shop.errors(), shop.cases())
        finally:
            mortal.close()
        assert len(names) >= least

        # and once it stays
        for _ in range(2):
            shop.clock.advance(86_400)
            shop.run(deed.unit, *deed.also)
        assert {deed.done(name) for name in names} == {1}
        assert proved(shop)
