"""Differences on a channel with several places: an order takes units at one of them, not at each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.model.catalog import OfferChange, OfferOutcome, OfferReading, OfferResult
from jobs import drift
from jobs.clock import ManualClock
from jobs.store import tables
from jobs.store.offers import Offers
from jobs.store.store import Store
from tests.jobs.builders import line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shelf import CHANNEL, Shelf, configure, live, put_shelf
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

#: The channel's own names of our two places.
HERE, THERE = "L1", "L2"


class TwoPlaces(Shelf):
    """Shows a number at each of its places: `shown` is keyed `listing place`. It has no report."""

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        return ((HERE, "Here"), (THERE, "There"))

    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        self.reads += 1
        now = self.clock.now()
        return [OfferReading(one.key, self.shown.get(_name(one)), now) for one in changes]

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        for one in changes:
            self.writes.append((_name(one), one.quantity))
            self.shown[_name(one)] = one.quantity
        return [OfferResult(one.key, OfferOutcome.SHOWN) for one in changes]


def _name(change: OfferChange) -> str:
    return f"{change.key.remote_id} {change.key.remote_location}"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """20 TEA shown here, 30 there; what no order explains waits for a person."""
    twins = f"twins: {{{HERE}: [home], {THERE}: [acme]}}"
    made = open_shop(
        store,
        clock,
        tmp_path,
        changes={"{connection: shopify-us}": f"{{connection: shopify-us, {twins}}}"},
        more="publishing: {risk: {oversold: null}}\n",
    )
    put_shelf(made, TwoPlaces(CHANNEL, clock))
    configure(made, unexplained="case")
    with store.transaction() as tx:
        Offers(tx).set_remote_locations(CHANNEL, [(HERE, "Here"), (THERE, "There")])
    made.receive("TEA", 20)
    made.snapshot(("TEA", 30), at=clock.now())
    made.list("v1", "TEA")
    live(made)
    assert shown(made) == [20, 30]
    return made


def remote(shop: Shop) -> TwoPlaces:
    found = shop.channels[CHANNEL]
    assert isinstance(found, TwoPlaces)
    return found


def shown(shop: Shop) -> list[int | None]:
    return [remote(shop).shown[f"v1 {place}"] for place in (HERE, THERE)]


def differences(shop: Shop) -> dict[str, tuple[str, str | None, int | None]]:
    """Place -> (state, cause, unexplained)."""
    return {
        row["remote_location"]: (row["state"], row["cause"], row["unexplained"])
        for row in rows(shop.store, tables.drift)
    }


def open_cases(shop: Shop) -> list[str]:
    return [row["kind"] for row in rows(shop.store, tables.cases) if row["state"] == "open"]


def five_sold_here(shop: Shop, **told: object) -> None:
    """As the channel tells it with the next pull; it took the units off the number here."""
    now = shop.clock.now()
    sold = line(units=5, listing_remote_id="v1", **told)
    remote(shop).orders = [order("77", sold, placed_at=now, updated_at=now)]
    remote(shop).shown[f"v1 {HERE}"] = 15


TOLD = [{"taken_from": ((HERE, 5),)}, {"assigned": HERE}, {}]


@pytest.mark.parametrize("told", TOLD)
def test_a_sale_at_one_place_does_not_explain_a_hand_at_another(shop: Shop, told: dict[str, str]):
    # given 5 sold here, while somebody takes 4 off there; the channel tells the place, or does not
    five_sold_here(shop, **told)
    remote(shop).shown[f"v1 {THERE}"] = 26
    remote(shop).writes.clear()

    # when time passes
    live(shop, seconds=3000)

    # then what was changed there is a Case, and stays until somebody decides
    assert differences(shop)[THERE] == ("stopped", "by_hand", -4)
    assert open_cases(shop) == ["drift_found"]
    assert shown(shop) == [15, 26]
    assert remote(shop).writes == []


@pytest.mark.parametrize("told", TOLD)
def test_a_sale_alone_asks_nobody(shop: Shop, told: dict[str, str]):
    five_sold_here(shop, **told)

    live(shop, seconds=3000)

    assert shown(shop) == [15, 30]
    assert open_cases(shop) == []
    assert set(differences(shop).values()) <= {("explained", "channel_sale", 0)}


def test_a_sale_split_over_places_explains_a_part_at_each(shop: Shop):
    # given 5 sold, 2 from here and 3 from there, as the channel tells
    five_sold_here(shop, taken_from=((HERE, 2), (THERE, 3)))
    remote(shop).shown |= {f"v1 {HERE}": 18, f"v1 {THERE}": 27}

    # when the places are read
    live(shop, seconds=3000)

    # then no difference is left to anybody
    assert open_cases(shop) == []


@BOTH
def test_a_place_that_is_read_later_is_waited_for(shop: Shop):
    # given a sale nobody tells the place of, and a hand at the place that is read first
    shop.clock.advance(700)
    five_sold_here(shop)
    remote(shop).shown[f"v1 {THERE}"] = 26
    both = remote(shop).read_offers

    def one_at_a_time(changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        first = [one for one in changes if one.key.remote_location == THERE]
        return both(first or changes)

    remote(shop).read_offers = one_at_a_time  # type: ignore[method-assign]

    # when the other one follows
    live(shop, seconds=3000, step=75)

    # then the sale explains the place we ship it from
    assert differences(shop)[THERE] == ("stopped", "by_hand", -4)
    assert shown(shop) == [15, 26]


def test_an_order_placed_after_the_reading_explains_nothing_of_it(shop: Shop):
    # given units somebody takes off here, found by a reading
    remote(shop).shown[f"v1 {HERE}"] = 17
    remote(shop).order_lag = 600.0  # type: ignore[misc]
    shop.clock.advance(700)
    drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)
    assert differences(shop)[HERE][0] == "found"

    # when a buyer takes more of them later, before anybody judged
    shop.clock.advance(300)
    now = shop.clock.now()
    sold = line(units=5, listing_remote_id="v1", taken_from=((HERE, 5),))
    remote(shop).orders = [order("78", sold, placed_at=now, updated_at=now)]
    remote(shop).shown[f"v1 {HERE}"] = 12
    live(shop, seconds=3000)

    # then the hand is found all the same
    assert differences(shop)[HERE] == ("stopped", "by_hand", -3)
    assert open_cases(shop) == ["drift_found"]
