"""A place its remote counts: told of each sale elsewhere once, and never given a quantity."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import Rejected, Stale, Unavailable, UnknownOutcome
from core.model.orders import Order
from core.model.reservations import ReservationMove
from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import Batch, Landed, ReservationTarget, StockSource
from core.rules.modes import Mode
from jobs import decide, log, pull, push
from jobs.clock import ManualClock
from jobs.reservations import push_reservations
from jobs.runner import Runner
from jobs.store.permissions import Permissions
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, effect, offer, reservation
from tests.jobs.builders import line, minutes, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Remote, Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

PLACE = "gid://shopify/Location/1"
FRONT = f"""
  front: {{counted_by: shopify-us, remote_id: "{PLACE}", priority: 1, ships_through: home-files,
    snapshot: {{rows_gone: 100, units_fallen: 100, zeros: 100}}}}
"""
UNITS = 10
AMAZON = {"channel": "amazon-us"}


class Shelf(Remote, StockSource, ReservationTarget):
    """A channel that counts a place: figures, and writes that are compared and kept by attempt."""

    reservation_replay = timedelta(hours=23)

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.available, self.reserved, self.on_hand = UNITS, 0, UNITS
        self.kept: dict[str, str] = {}
        self.moves: list[tuple[str, int]] = []
        #: what happens to the next pushes: "lost" before, "silent" after it was made, an error
        self.trouble: list[str | Exception] = []
        self.touched: datetime | None = None

    def remote_locations(self) -> Sequence[tuple[str, str]]:
        return ((PLACE, "Front"), ("other", "Other"))

    def pull_stock(
        self, *, since: str | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        assert places == (PLACE,)
        now = self.clock.now()
        row = SnapshotRow("TEA", self.available, "item-tea", (("available", self.available),))
        yield Batch((StockSnapshot(PLACE, now, "levels", f"{now}", (row,)),), "on")

    def reservation_document(self, move: ReservationMove) -> bytes:
        (units,) = move.items.values()
        return json.dumps([str(move.step), units, self.available, self.reserved]).encode()

    def push_reservation(self, document: bytes, *, attempt: str) -> str:
        trouble = self.trouble.pop(0) if self.trouble else ""
        if isinstance(trouble, Exception):
            raise trouble
        if trouble == "lost":
            raise UnknownOutcome(connector=self.name, operation="move")
        if attempt not in self.kept:
            step, units, available, reserved = json.loads(document)
            if (available, reserved) != (self.available, self.reserved):
                raise Stale(connector=self.name, operation="move")
            self.kept[attempt] = f"group-{len(self.kept)}"
            self.moves.append((step, units))
            self.touched = self.clock.now()
            sign = {"reserve": (-1, 1, 0), "release": (1, -1, 0), "ship": (0, -1, -1)}[step]
            self.available += sign[0] * units
            self.reserved += sign[1] * units
            self.on_hand += sign[2] * units
        if trouble == "silent":
            raise UnknownOutcome(connector=self.name, operation="move")
        return self.kept[attempt]

    def find_reservation(self, document: bytes, *, sent_at: datetime) -> Landed:
        _, _, available, _ = json.loads(document)
        if self.touched is None or self.touched < sent_at:
            return Landed.NO
        return Landed.UNTOLD if self.available > available else Landed.YES


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path, more_locations=FRONT)
    front = Shelf("shopify-us", clock)
    made.channels["shopify-us"] = front
    connectors = {**made.wiring.connectors, "shopify-us": front}
    made.wiring = replace(made.wiring, connectors=connectors)
    made.runner = Runner(store, made.wiring, log.get())
    made.runner.declare()
    count(made)
    return made


def shelf(shop: Shop) -> Shelf:
    found = shop.channels["shopify-us"]
    assert isinstance(found, Shelf)
    return found


def count(shop: Shop) -> None:
    """The place is counted now."""
    shop.clock.advance(60)
    pull.pull_stock(shop.run("shopify-us/stock"), "shopify-us")


def tell(shop: Shop) -> None:
    shop.clock.advance(60)
    push_reservations(shop.run("shopify-us/reservations"), "shopify-us")


def settle(shop: Shop) -> None:
    """Everything decided, told, and told on."""
    shop.decide()
    for _ in range(4):
        tell(shop)


def free(shop: Shop) -> int:
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
        return Stock(tx).available(["TEA"]).get(("TEA", "front"), 0)


def states(shop: Shop) -> Counter[str]:
    return Counter(row["state"] for row in rows(shop.store, effect) if row["kind"] == "reservation")


def sale(number: str = "A1", units: int = 2, **changes: Any) -> Order:
    return order(number, line(units=units, fulfilled=0), **{**AMAZON, **changes})


def hand_over(shop: Shop) -> None:
    push.push_requests(shop.run("home-files/requests"), "home-files")


def test_a_sale_elsewhere_is_set_aside_once_and_subtracted_once(shop: Shop):
    # given a place that Shopify counts, and an order from Amazon
    shop.record(sale())
    assert free(shop) == UNITS - 2

    # when it is told, told again, and the place is counted
    settle(shop)
    assert free(shop) == UNITS - 2
    count(shop)

    # then the remote has set the units aside once, and nobody subtracts them twice
    assert shelf(shop).moves == [("reserve", 2)]
    assert shelf(shop).available == UNITS - 2
    assert free(shop) == UNITS - 2
    settle(shop)
    assert shelf(shop).moves == [("reserve", 2)]


def test_what_is_canceled_is_for_sale_there_again(shop: Shop):
    # given a sale that was told
    shop.record(sale())
    settle(shop)
    count(shop)

    # when the buyer cancels
    shop.record(sale(updated_at=minutes(30), canceled_at=minutes(30)))
    settle(shop)
    count(shop)

    # then the units are back, there and here
    assert shelf(shop).moves == [("reserve", 2), ("release", 2)]
    assert (shelf(shop).available, shelf(shop).reserved) == (UNITS, 0)
    assert free(shop) == UNITS


@BOTH
def test_a_part_that_is_canceled_is_given_back_alone(shop: Shop):
    # given a sale of three that was told and counted
    shop.record(sale(units=3))
    settle(shop)
    count(shop)

    # when the buyer keeps two of them
    shop.record(order("A1", line(units=3, current=2), updated_at=minutes(30), **AMAZON))
    settle(shop)
    count(shop)

    # then one is for sale again
    assert shelf(shop).moves == [("reserve", 3), ("release", 1)]
    assert free(shop) == UNITS - 2


def test_what_was_shipped_leaves_the_shelf_that_the_remote_counts(shop: Shop):
    # given a sale that was told and asked for
    shop.record(sale())
    settle(shop)
    hand_over(shop)
    count(shop)

    # when it is shipped
    shop.ship("amazon-us:A1:F1", ("TEA", 2))
    settle(shop)
    count(shop)

    # then it is off its shelf, and what is left is free once
    assert shelf(shop).moves == [("reserve", 2), ("ship", 2)]
    assert (shelf(shop).on_hand, shelf(shop).reserved) == (UNITS - 2, 0)
    assert free(shop) == UNITS - 2
    settle(shop)
    assert len(shelf(shop).moves) == 2


def test_a_parcel_that_is_faster_than_we_are_is_told_all_the_same(shop: Shop):
    # given a sale that was shipped before the remote was told of it
    shop.record(sale())
    shop.decide()
    hand_over(shop)
    shop.ship("amazon-us:A1:F1", ("TEA", 2))
    count(shop)
    assert free(shop) == UNITS - 2

    # when it is told
    settle(shop)
    count(shop)

    # then it is set aside and taken off, and free once
    assert shelf(shop).moves == [("reserve", 2), ("ship", 2)]
    assert (shelf(shop).available, shelf(shop).on_hand) == (UNITS - 2, UNITS - 2)
    assert free(shop) == UNITS - 2


def test_what_others_shipped_before_it_was_told_is_told_too(shop: Shop):
    # given a sale that somebody fulfilled by hand at once
    shop.record(sale())
    shop.record(order("A1", line(units=2, fulfilled=2), updated_at=minutes(5), **AMAZON))
    count(shop)
    assert free(shop) == UNITS - 2

    # when it is told
    settle(shop)
    count(shop)

    # then it left the remote's shelf, and is subtracted once
    assert shelf(shop).moves == [("reserve", 2), ("ship", 2)]
    assert shelf(shop).on_hand == UNITS - 2
    assert free(shop) == UNITS - 2


def test_a_sale_of_the_counting_channel_is_not_told_to_it(shop: Shop):
    # given an order that Shopify sold, off its figure already
    shelf(shop).available -= 2
    count(shop)
    shop.record(order("S1", line(units=2, taken_from=((PLACE, 2),)), placed_at=shop_time(shop, -2)))

    # when all is settled, then nothing is told, and its units are subtracted once
    settle(shop)
    assert shelf(shop).moves == []
    assert free(shop) == UNITS - 2
    held = [row for row in rows(shop.store, reservation) if row["state"] == "absorbed"]
    assert [(row["location"], row["quantity"]) for row in held] == [("front", 2)]


@BOTH
def test_the_last_unit_that_the_channel_sold_itself_is_still_there_for_its_order(shop: Shop):
    # given a figure of nothing, because Shopify sold all of it
    shelf(shop).available = 0
    count(shop)

    # when its order is recorded after that, and decided again and again
    shop.record(
        order("S1", line(units=UNITS, taken_from=((PLACE, UNITS),)), placed_at=shop_time(shop, -2))
    )
    shop.decide()
    shop.decide()

    # then it is routed to where its units are, and nobody else gets them
    assert free(shop) == 0
    places = {(row["location"], row["state"]) for row in rows(shop.store, reservation)}
    assert places == {("front", "absorbed")}
    shop.record(sale("A9", 1))
    assert [row["location"] for row in rows(shop.store, reservation)][-1] is None


def test_an_order_that_took_its_units_elsewhere_is_not_served_from_here(shop: Shop):
    # given an order whose units Shopify took off another location
    shop.record(order("S1", line(units=2, taken_from=(("gid://shopify/Location/9", 2),))))

    # then no unit of this place is held for it
    assert free(shop) == UNITS
    assert [row["location"] for row in rows(shop.store, reservation)] == [None]


def shop_time(shop: Shop, offset: float) -> datetime:
    return shop.clock.now() + timedelta(minutes=offset)


@BOTH
@pytest.mark.parametrize("trouble", ["lost", "silent"])
def test_an_unknown_outcome_is_settled_by_the_same_write(shop: Shop, trouble: str):
    # given a write whose answer got lost, made or not
    shelf(shop).trouble = [trouble, "lost"]
    shop.record(sale())
    shop.decide()
    tell(shop)
    assert states(shop) == {"unknown": 1}

    # when it is asked about, once in vain
    for _ in range(4):
        shop.clock.advance(120)
        tell(shop)

    # then it was made once
    assert shelf(shop).moves == [("reserve", 2)]
    assert states(shop) == {"done": 1}
    count(shop)
    assert free(shop) == UNITS - 2


def test_a_repeat_that_the_remote_is_too_busy_for_proves_nothing(shop: Shop):
    # given a write that was made, whose answer got lost, and a remote in trouble when it is asked
    busy = Unavailable(connector="shopify-us", operation="move")
    shelf(shop).trouble = ["silent", busy]
    shop.record(sale())
    shop.decide()
    tell(shop)
    shop.clock.advance(120)
    with pytest.raises(Unavailable):
        tell(shop)

    # when it is asked again
    assert states(shop) == {"unknown": 1}
    shop.clock.advance(120)
    tell(shop)

    # then it was made once
    assert shelf(shop).moves == [("reserve", 2)]
    assert states(shop) == {"done": 1}


@pytest.mark.parametrize(
    ("trouble", "buyer", "state"),
    [("silent", 0, "done"), ("lost", 0, "done"), ("silent", 3, "parked")],
)
def test_after_the_replay_the_figures_tell_or_a_person_does(
    shop: Shop, trouble: str, buyer: int, state: str
):
    # given a write in doubt that nobody asked about for a day
    shelf(shop).trouble = [trouble]
    shop.record(sale())
    shop.decide()
    tell(shop)
    shelf(shop).available += buyer
    shop.clock.advance(86_400 * 2)
    shelf(shop).kept.clear()

    # when it is asked about
    tell(shop)
    tell(shop)

    # then it was made once; where the figures moved since, a person looks
    assert states(shop) == {state: 1}
    assert shelf(shop).moves == [("reserve", 2)]
    parked = [row["kind"] for row in rows(shop.store, cases)]
    assert ("effect_parked" in parked) is (state == "parked")


def test_figures_that_moved_are_read_again(shop: Shop):
    # given a buyer who is faster than each of the first two writes
    stale = Stale(connector="shopify-us", operation="move")
    shelf(shop).trouble = [stale, stale]
    shop.record(sale())
    shop.decide()

    # when it is told
    tell(shop)

    # then the third one was made
    assert shelf(shop).moves == [("reserve", 2)]
    assert states(shop) == {"done": 1}


def test_a_refused_sale_is_a_case_and_is_not_tried_again_as_it_is(shop: Shop):
    # given a remote that says no
    no = Rejected("gone", connector="shopify-us", operation="move", code="INVALID_INVENTORY_ITEM")
    shelf(shop).trouble = [no]
    shop.record(sale())

    # when it is told, and looked at again
    settle(shop)

    # then there is one Case, one effect, and the units stay subtracted here
    assert states(shop) == {"refused": 1}
    assert [row["kind"] for row in rows(shop.store, cases)] == ["reservation_refused"]
    assert free(shop) == UNITS - 2


@BOTH
def test_in_observe_nothing_is_told_and_what_shipped_then_never_is(shop: Shop):
    # given a channel whose sales elsewhere the old way of working tells
    with shop.store.transaction() as tx:
        Permissions(tx).set_mode(
            "shopify-us", "reservations", Mode.OBSERVE, skus=None, share=None, by="tester"
        )
    shop.record(sale("A1"), sale("A2", 1))
    settle(shop)
    hand_over(shop)
    shop.ship("amazon-us:A1:F1", ("TEA", 2))
    settle(shop)
    assert shelf(shop).moves == []
    assert states(shop) == {}

    # when we take over
    shop.switch(Mode.ACT)
    settle(shop)

    # then only what is still held is told
    assert shelf(shop).moves == [("reserve", 1)]


@BOTH
def test_a_stop_holds_a_telling_back(shop: Shop):
    # given writes to Shopify that a person stopped
    with shop.store.transaction() as tx:
        Permissions(tx).stop("shopify-us", by="tester")
    shop.record(sale())
    settle(shop)
    assert shelf(shop).moves == []

    # when they go on, then it is told
    with shop.store.transaction() as tx:
        Permissions(tx).resume("shopify-us", by="tester")
    settle(shop)
    assert shelf(shop).moves == [("reserve", 2)]


def test_a_place_its_channel_counts_is_never_given_a_quantity(shop: Shop):
    # given a listing, and a channel that shows one place it counts and one it does not
    shop.list("v-tea", "TEA")
    decide.decide_offers(shop.run("core/offers"))

    # then only the other one has a number of ours
    wanted = {
        row["remote_location"] for row in rows(shop.store, offer) if row["wanted"] is not None
    }
    assert wanted == {"other"}
