"""Any order of sales, cancellations, snapshots, counts, parcels, lost writes and restarts: the ledger
adds up (I2), no unit is promised twice and no claim is lost (I3), channels come to show what is
wanted (I5), and no earlier number has the last word (I6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from core.model.catalog import OfferChange, OfferOutcome, OfferResult
from core.model.fulfillment import AcknowledgmentStatus
from core.model.orders import Order
from core.model.stock import HELD, MovementKind
from jobs import publish, push
from jobs.clock import ManualClock
from jobs.movements import Moving, arrive, move, transfer
from jobs.store.orders import FulfillmentRow, Orders
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import metadata, offer, orders, reservation
from tests.jobs.builders import NOON, line, order, unlock_ledger
from tests.jobs.shop import Remote, Shop, open_shop

KIT = {"TEA": {"TEA": 1}, "CUP": {"CUP": 1}, "GIFT": {"TEA": 1, "CUP": 1}}
#: (channel, listing, Sku)
LISTINGS = (
    ("shopify-us", "s-tea", "TEA"),
    ("shopify-us", "s-gift", "GIFT"),
    ("amazon-us", "a-tea", "TEA"),
    ("amazon-us", "a-cup", "CUP"),
)

#: What risk holds back of the last units would hide most of what this is about.
CERTAIN = "publishing: {risk: {oversold: null}}\n"
#: A second shelf of ours, to move units to.
LOFT = "  loft: {priority: 15, ships_through: home-files}\n"
OURS = ("home", "loft")

plain = st.sampled_from(["TEA", "CUP"])
few = st.integers(1, 4)
which = st.integers(0, 50)


class ComparingRemote(Remote):
    """Shopify's way: a write names what it expects to replace. One in `lost` never arrives."""

    compare_and_set = True
    lost = 0

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        results = []
        for one in changes:
            name = one.key.remote_id
            if self.lost:
                self.lost -= 1
                results.append(OfferResult(one.key, OfferOutcome.UNKNOWN))
            elif self.shown.get(name) != one.shown:
                results.append(OfferResult(one.key, OfferOutcome.STALE))
            else:
                self.shown[name] = one.quantity
                results.append(OfferResult(one.key, OfferOutcome.SHOWN))
        return results


class AcceptingRemote(Remote):
    """Amazon's way: accepted is not applied. What was accepted comes to be later, or never."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.accepted: list[tuple[str, int]] = []

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        self.accepted += [(one.key.remote_id, one.quantity) for one in changes]
        return [OfferResult(one.key, OfferOutcome.SENT, submission=attempt) for one in changes]

    def apply(self, *, losing: bool = False) -> None:
        for name, quantity in self.accepted:
            if not losing:
                self.shown[name] = quantity
        self.accepted.clear()


@dataclass
class Bought:
    """An order as its channel knows it."""

    order: Order
    sku: str
    units: int
    shipped: Counter[str] = field(default_factory=Counter)

    @property
    def asks_for(self) -> Counter[str]:
        if self.order.canceled_at:
            return Counter()
        return Counter({part: per * self.units for part, per in KIT[self.sku].items()})


def machine(store: Store, folder: Path) -> type[RuleBasedStateMachine]:
    clock = store.clock
    assert isinstance(clock, ManualClock)

    class Selling(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            clock.set(at=NOON)
            with store.database.write() as connection:
                unlock_ledger(connection)
                for table in reversed(metadata.sorted_tables):
                    connection.execute(delete(table))
            self.shopify = ComparingRemote("shopify-us", clock)
            self.amazon = AcceptingRemote("amazon-us", clock)
            self.restart()
            self.numbers = 0
            self.bought: list[Bought] = []
            self.unseen: list[Bought] = []
            self.acme: Counter[str] = Counter()
            self.figures: list[tuple[datetime, dict[str, int]]] = []
            #: a count or damage took units that were promised already
            self.short: set[str] = set()
            #: (number, units) on their way between our shelves
            self.transfers: list[tuple[int, int]] = []
            for channel, remote_id, sku in LISTINGS:
                self.remote(channel).shown[remote_id] = 0
                self.shop.list(remote_id, sku, channel=channel)
            # A shop at work: without units on sale, chance alone would hardly ever get to an order.
            for sku in ("TEA", "CUP"):
                self.move(sku, 5, MovementKind.RECEIPT)
                self.acme[sku] = 4
            self.the_supplier_counts()
            self.a_figure_arrives(0)
            for _ in range(2):
                self.everything_runs()

        def remote(self, channel: str) -> Remote:
            return self.shop.channels[channel]

        def number(self) -> int:
            self.numbers += 1
            return self.numbers

        @rule()
        def restart(self) -> None:
            """Nothing lives in memory between runs: a new process goes on."""
            self.shop: Shop = open_shop(store, clock, folder, more=CERTAIN, more_locations=LOFT)
            remotes = {"shopify-us": self.shopify, "amazon-us": self.amazon}
            places = getattr(self, "places", self.shop.places)
            self.places = places
            connectors = {**self.shop.wiring.connectors, **remotes, **places}
            self.shop.wiring = replace(self.shop.wiring, connectors=connectors)
            self.shop.channels, self.shop.places = remotes, places

        @rule(seconds=st.sampled_from([1, 40, 400, 4000]))
        def time_passes(self, seconds: int) -> None:
            clock.advance(seconds)

        # --- what buyers do ----------------------------------------------------------------------

        @rule(listing=st.sampled_from(LISTINGS), units=few)
        def a_buyer_orders(self, listing: tuple[str, str, str], units: int) -> None:
            channel, remote_id, sku = listing
            shown = self.remote(channel).shown[remote_id] or 0
            if not (units := min(units, shown)):
                return
            self.remote(channel).shown[remote_id] = shown - units
            sold = line(sku=sku, units=units, listing_remote_id=remote_id)
            one = order(
                f"{self.number()}",
                sold,
                channel=channel,
                placed_at=clock.now(),
                updated_at=clock.now(),
            )
            self.unseen.append(Bought(one, sku, units))

        @initialize(
            bought=st.lists(st.tuples(st.sampled_from(LISTINGS), few), min_size=3, max_size=6),
            parcels=st.lists(which, min_size=1, max_size=3),
        )
        def the_first_day(
            self, bought: list[tuple[tuple[str, str, str], int]], parcels: list[int]
        ) -> None:
            """Every example begins with orders of all kinds: sent, shipped and waiting ones."""
            self.a_day_passes(bought, parcels)
            self.two_buyers_at_once(LISTINGS[1], LISTINGS[2], 1, decided=False)

        @rule(
            bought=st.lists(st.tuples(st.sampled_from(LISTINGS), few), min_size=1, max_size=3),
            parcels=st.lists(which, max_size=2),
        )
        def a_day_passes(
            self, bought: list[tuple[tuple[str, str, str], int]], parcels: list[int]
        ) -> None:
            for listing, units in bought:
                self.a_buyer_orders(listing, units)
            self.everything_runs()
            for number in parcels:
                self.a_parcel_leaves(number)

        @rule(
            listing=st.sampled_from(LISTINGS),
            others=st.sampled_from(LISTINGS),
            units=few,
            decided=st.booleans(),
        )
        def two_buyers_at_once(
            self,
            listing: tuple[str, str, str],
            others: tuple[str, str, str],
            units: int,
            decided: bool,
        ) -> None:
            """Neither channel has heard of the other's sale."""
            self.a_buyer_orders(listing, units)
            self.a_buyer_orders(others, units)
            self.orders_are_pulled(4, 0)
            if decided:
                self.shop.decide()

        @precondition(lambda self: self.unseen)
        @rule(count=few, again=which)
        def orders_are_pulled(self, count: int, again: int) -> None:
            """In the channel's order; pages overlap, so old ones come again."""
            page = [self.unseen.pop(0) for _ in range(min(count, len(self.unseen)))]
            self.bought += page
            if again < len(self.bought):
                page.append(self.bought[again])
            for one in page:
                self.shop.record(one.order)

        @precondition(lambda self: self.bought)
        @rule(number=which)
        def a_buyer_cancels(self, number: int) -> None:
            one = self.bought[number % len(self.bought)]
            if one.order.canceled_at or one.shipped:
                return
            clock.advance(1)
            sold = replace(one.order.lines[0], current=0)
            one.order = replace(
                one.order, canceled_at=clock.now(), updated_at=clock.now(), lines=(sold,)
            )
            self.shop.record(one.order)

        # --- what happens to stock ---------------------------------------------------------------

        @rule(
            sku=plain,
            units=few,
            kind=st.sampled_from([MovementKind.RECEIPT, MovementKind.RETURN]),
        )
        def units_come(self, sku: str, units: int, kind: MovementKind) -> None:
            self.move(sku, units, kind)

        @rule(
            sku=plain,
            units=few,
            kind=st.sampled_from([MovementKind.COUNT, MovementKind.DAMAGE]),
        )
        def units_are_missing(self, sku: str, units: int, kind: MovementKind) -> None:
            on_hand, committed = self.level(sku, "home")
            units = min(units, on_hand)
            if units:
                self.move(sku, -units, kind)
                if on_hand - units < committed:
                    self.short.add(sku)

        def move(self, sku: str, units: int, kind: MovementKind) -> None:
            asked = Moving(
                kind, sku, "home", units, "counted", "tester", reference=f"M{self.number()}"
            )
            move(store, self.shop.wiring, asked, anyway=True)

        @rule(sku=plain, units=few, back=st.booleans(), on_the_way=st.booleans())
        def units_change_shelves(self, sku: str, units: int, back: bool, on_the_way: bool) -> None:
            origin, to = reversed(OURS) if back else OURS
            on_hand, committed = self.level(sku, origin)
            if not (units := min(units, on_hand - committed)) > 0:
                return
            asked = Moving(MovementKind.TRANSFER, sku, origin, units, "move", "tester")
            number = transfer(store, self.shop.wiring, asked, to=to, on_the_way=on_the_way)
            if on_the_way:
                self.transfers.append((number, units))

        @precondition(lambda self: self.transfers)
        @rule(lost=st.booleans())
        def a_transfer_arrives(self, lost: bool) -> None:
            number, units = self.transfers.pop(0)
            arrive(store, number, units - lost, person="tester", rest_lost=True)

        @rule(sku=plain, units=few)
        def the_supplier_gets_units(self, sku: str, units: int) -> None:
            self.acme[sku] += units

        @rule()
        def the_supplier_counts(self) -> None:
            clock.advance(1)
            self.figures.append((clock.now(), {sku: self.acme[sku] for sku in ("TEA", "CUP")}))

        @precondition(lambda self: self.figures)
        @rule(number=which)
        def a_figure_arrives(self, number: int) -> None:
            """The newest, an old one, or the same once more."""
            at, figure = self.figures[-1 - number % len(self.figures)]
            clock.advance(1)
            self.shop.snapshot(*figure.items(), at=at, name=f"stock-{at:%H%M%S}.csv")

        # --- what we do --------------------------------------------------------------------------

        @rule()
        def decide(self) -> None:
            self.shop.decide()

        @rule()
        def everything_runs(self) -> None:
            """A minute of a daemon in order."""
            while self.unseen:
                self.orders_are_pulled(4, 999)
            self.shop.decide()
            self.requests_are_sent()
            for channel in self.shop.channels:
                with self.shop.run(f"{channel}/orders").transaction() as tx:
                    tx.advance("end", complete_to=clock.now() + timedelta(hours=1))
                self.quantities_are_pushed(channel, 0)
            self.amazon.apply()
            clock.advance(400)

        @rule()
        def requests_are_sent(self) -> None:
            for place in ("home-files", "acme-files"):
                push.push_requests(self.shop.run(f"{place}/requests"), place)

        @rule(number=which, refused=st.booleans())
        def a_place_answers(self, number: int, refused: bool) -> None:
            asked = [(place, key) for place, one in self.places.items() for key in one.received]
            if asked:
                place, key = asked[number % len(asked)]
                answer = AcknowledgmentStatus.REJECTED if refused else AcknowledgmentStatus.ACCEPTED
                if refused and any(self.fulfillment(key).values()):
                    return  # a place that shipped does not refuse
                self.shop.answer(key, answer, through=place)

        @rule(number=which)
        def a_parcel_leaves(self, number: int) -> None:
            asked = [(place, key) for place, one in self.places.items() for key in one.received]
            if not asked:
                return
            place, key = asked[number % len(asked)]
            one = self.order_of(key)
            left = self.left_to_ship(key)
            if one.order.canceled_at or not left:
                return
            here = self.record_of(key).location
            shelf = Counter({sku: self.level(sku, here)[0] for sku in left})
            shelf = self.acme if place == "acme-files" else shelf
            taken = {sku: min(units, shelf[sku]) for sku, units in left.items()}
            if not all(taken.values()):
                return
            if place == "acme-files":
                self.acme.subtract(taken)
            one.shipped.update(taken)
            self.shop.ship(key, *taken.items(), number=f"T{self.number()}", through=place)

        def left_to_ship(self, key: str) -> Counter[str]:
            return Counter(
                {sku: left for (_, sku), left in self.fulfillment(key, left=True).items() if left}
            )

        def fulfillment(self, key: str, *, left: bool = False) -> dict[tuple[str, str], int]:
            """(line, Sku) -> units shipped, or left, of a live fulfillment."""
            found = self.record_of(key)
            dead = str(found.state) in ("rejected", "canceled")
            return {
                name: (0 if dead else quantity - shipped) if left else shipped
                for name, (quantity, _, shipped) in found.lines.items()
            }

        def record_of(self, key: str) -> FulfillmentRow:
            with store.reading() as tx:
                channel, remote_id, _ = key.split(":")
                number = Orders(tx).find(channel, remote_id)
                assert number is not None
                (record,) = Orders(tx).load([number])
            return next(one for one in record.fulfillments if one.key == key)

        def order_of(self, key: str) -> Bought:
            channel, remote_id, _ = key.split(":")
            return next(
                one
                for one in self.bought
                if (one.order.channel, one.order.remote_id) == (channel, remote_id)
            )

        @rule(channel=st.sampled_from(["shopify-us", "amazon-us"]), lost=st.integers(0, 1))
        def quantities_are_pushed(self, channel: str, lost: int) -> None:
            self.shopify.lost = lost
            publish.push_offers(self.shop.run(f"{channel}/offers"), channel)
            self.shopify.lost = 0

        @rule(losing=st.booleans())
        def amazon_applies_what_it_accepted(self, losing: bool) -> None:
            self.amazon.apply(losing=losing)

        # --- what must always be true ------------------------------------------------------------

        def level(self, sku: str, location: str) -> tuple[int, int]:
            with store.reading() as tx:
                for one in Stock(tx).levels([sku])[sku]:
                    if one.location == location:
                        return one.on_hand, one.committed
            return 0, 0

        @invariant()
        def every_balance_adds_up(self) -> None:
            with store.reading() as tx:
                assert Stock(tx).verify() == []

        @invariant()
        def no_unit_on_our_shelf_is_promised_twice(self) -> None:
            for sku, place in product(("TEA", "CUP"), OURS):
                on_hand, committed = self.level(sku, place)
                assert committed <= on_hand or sku in self.short, (sku, on_hand, committed)

        @invariant()
        def no_claim_is_lost_or_doubled(self) -> None:
            """What a buyer asked for is held or shipped, to the unit, from the first record on."""
            held: dict[tuple[str, str], Counter[str]] = {}
            with store.reading() as tx:
                query = (
                    select(
                        orders.c.channel,
                        orders.c.remote_id,
                        reservation.c.sku,
                        reservation.c.quantity,
                    )
                    .join(orders, orders.c.id == reservation.c.order_id)
                    # Shipped from a shelf a remote counts, and not in its figure yet: no claim.
                    .where(reservation.c.state.in_(HELD), ~reservation.c.shipped)
                )
                for row in tx.rows(query):
                    mine = held.setdefault((row.channel, row.remote_id), Counter())
                    mine[row.sku] += row.quantity
            for one in self.bought:
                key = (one.order.channel, one.order.remote_id)
                if not one.order.canceled_at:
                    mine = held.get(key, Counter())
                    assert mine + one.shipped == one.asks_for, (key, one.shipped)
                # A canceled one lets go when it is decided, unless a place has been asked to ship it.
                elif not self.undecided(key) and not self.asked(key):
                    assert key not in held

        def undecided(self, key: tuple[str, str]) -> bool:
            with store.reading() as tx:
                query = select(orders.c.decide).where(
                    orders.c.channel == key[0], orders.c.remote_id == key[1]
                )
                return bool(tx.connection.execute(query).scalar_one())

        def asked(self, key: tuple[str, str]) -> bool:
            return any(
                name.startswith(f"{key[0]}:{key[1]}:")
                for place in self.places.values()
                for name in (*place.received, *place.staged)
            )

        def teardown(self) -> None:
            """Nothing changes any more: channels come to show what there is (I5)."""
            if not hasattr(self, "numbers"):
                return
            for _ in range(12):
                self.everything_runs()
            free, gifts = self.free_units()
            for channel, remote_id, sku in LISTINGS:
                there = gifts if sku == "GIFT" else free[sku]
                assert self.wanted(channel, remote_id) == there, (channel, remote_id)
                assert self.remote(channel).shown[remote_id] == there, (channel, remote_id)
            self.every_kit_that_is_shown_can_be_shipped(gifts)

        def free_units(self) -> tuple[Counter[str], int]:
            """(units that nobody waits for, kits that can be made of them in one place or another)."""
            free: Counter[str] = Counter()
            there: dict[str, Counter[str]] = {}
            with store.reading() as tx:
                promised = Stock(tx).unallocated(["TEA", "CUP"])
                for sku, levels in Stock(tx).levels(["TEA", "CUP"]).items():
                    free[sku] = max(0, sum(max(0, one.available) for one in levels) - promised[sku])
                    for one in levels:
                        there.setdefault(one.location, Counter())[sku] = max(0, one.available)
            together = sum(min(one["TEA"], one["CUP"]) for one in there.values())
            # Kits that wait ask for both.
            together -= min(promised["TEA"], promised["CUP"])
            return free, max(0, min(together, free["TEA"], free["CUP"]))

        def every_kit_that_is_shown_can_be_shipped(self, count: int) -> None:
            """Bought one by one, each finds all of its units (I3)."""
            sold = line(sku="GIFT", units=1, listing_remote_id="s-gift")
            names = [f"last-{self.number()}" for _ in range(count)]
            for name in names:
                self.shop.record(order(name, sold, placed_at=clock.now(), updated_at=clock.now()))
            with store.reading() as tx:
                query = (
                    select(orders.c.remote_id)
                    .join(reservation, reservation.c.order_id == orders.c.id)
                    .where(orders.c.remote_id.in_(names), reservation.c.location.is_(None))
                )
                assert not tx.connection.execute(query).scalars().all()

        def wanted(self, channel: str, remote_id: str) -> Any:
            with store.reading() as tx:
                query = select(offer.c.wanted).where(
                    offer.c.channel == channel, offer.c.remote_id == remote_id
                )
                return tx.connection.execute(query).scalar_one_or_none()

    return Selling


def test_no_order_of_events_promises_a_unit_twice_or_leaves_a_channel_wrong(
    store: Store, tmp_path: Path
) -> None:
    run_state_machine_as_test(
        machine(store, tmp_path),
        settings=settings(
            max_examples=8,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
