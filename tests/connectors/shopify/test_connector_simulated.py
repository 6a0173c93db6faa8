"""The connector over real HTTP against the simulated shop, faults and all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from connectors.shopify.connector import SCOPES, Shopify, connect
from connectors.shopify.settings import Settings
from connectors.shopify.simulator import ShopifySimulator
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import FulfilledBy, OfferChange, OfferKey, OfferOutcome
from core.model.fulfillment import ConfirmedLine, Shipment
from core.model.orders import Order, PaymentStatus
from jobs.clock import ManualClock
from tests.connectors.shopify.scripted import NOW, FakeInside

CLIENT = {"client_id": "simulated-client", "client_secret": "simulated-secret"}


@dataclass
class Rig:
    simulator: ShopifySimulator
    connector: Shopify
    clock: ManualClock

    def sell(self, *lines: tuple[str, int], **more: Any) -> dict[str, Any]:
        wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        return self.simulator.place_order({"lines": wanted, **more})

    def order(self, entry: dict[str, Any]) -> Order:
        (order,) = self.connector.get_order(entry["id"]).items
        return order

    def change(
        self, sku: str, quantity: int, *, shown: int | None, location: str = "Main"
    ) -> OfferChange:
        (item,) = [
            row for row in self.simulator.shop.variants.values() if row.inventory_item.sku == sku
        ]
        return OfferChange(
            OfferKey("shopify-us", item.id, self.location(location)),
            quantity,
            shown,
            inventory_id=item.inventory_item.id,
        )

    def location(self, name: str) -> str:
        (found,) = [one.id for one in self.simulator.shop.locations.values() if one.name == name]
        return found

    def available(self, sku: str, location: str = "Main") -> int | None:
        return next(
            (
                row["available"]
                for row in self.simulator.books()["quantities"]
                if row["sku"] == sku and row["location_name"] == location and row["active"]
            ),
            None,
        )

    def fault(self, operation: str, kind: str, **more: Any) -> None:
        self.simulator.faults.set([{"operation": operation, "kind": kind, **more}])

    def books_of(self, order: dict[str, Any]) -> dict[str, Any]:
        entries = self.simulator.books()["orders"]
        return next(entry for entry in entries if entry["id"] == order["id"])


def rig_of(request: dict[str, Any] | None = None, **settings: Any) -> Iterator[Rig]:
    clock = ManualClock(NOW)
    simulator = ShopifySimulator(clock=clock, seed=11, **(request or {}))
    for name in ("Main", "East"):
        simulator.add_location(name)
    simulator.add_location("3PL", fulfillment_service=True)
    simulator.add_product("MUG", title="Mug", price="19.99", quantities={"Main": 20, "East": 20})
    simulator.add_product("TEE", title="Tee", quantities={"Main": 10})
    simulator.add_product("FAR", title="Far", quantities={"3PL": 10})
    simulator.start()
    inside = FakeInside(clock)
    given = {"type": "shopify", "shop": "demo.myshopify.com", "base_url": simulator.url, **CLIENT}
    connector = connect("shopify-us", Settings.model_validate({**given, **settings}), inside)
    try:
        yield Rig(simulator, connector, clock)
    finally:
        connector.close()
        simulator.stop()


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield from rig_of(page_size=2)


def shipment(order: Order, *units: int, **more: Any) -> Shipment:
    """A parcel with so many units of the order's lines, in their order."""
    given = {
        "package_number": 1,
        "location": "warehouse-nj",
        "carrier": "ups",
        "tracking_number": "1Z999AA10123456784",
        "shipped_at": NOW,
        **more,
    }
    lines = tuple(
        ConfirmedLine(line.remote_id, quantity)
        for line, quantity in zip(order.lines, units, strict=False)
        if quantity
    )
    return Shipment("shopify-us", order.remote_id, lines=lines, **given)


# --- orders


@pytest.fixture
def closely() -> Iterator[Rig]:
    """A connector whose walks overlap by half a minute only."""
    yield from rig_of(page_size=2, overlap=30)


def test_orders_are_walked_in_pages_and_then_only_what_changed(closely: Rig) -> None:
    rig = closely
    sold = []
    for _ in range(5):
        sold.append(rig.sell(("MUG", 1)))
        rig.clock.advance(60)
    first = list(rig.connector.pull_orders(since=None))
    rig.clock.advance(3600)
    rig.simulator.place_order({"cancel": sold[1]["id"], "reason": "CUSTOMER"})
    rig.clock.advance(5)

    second = list(rig.connector.pull_orders(since=first[-1].cursor))

    assert [len(batch.items) for batch in first] == [2, 2, 1]
    assert [order.name for batch in first for order in batch.items] == [
        entry["name"] for entry in sold
    ]
    (changed,) = [order for batch in second for order in batch.items]
    assert changed.name == sold[1]["name"]
    assert changed.canceled_at is not None
    assert [(line.current, line.fulfilled) for line in changed.lines] == [(0, 0)]


def test_an_order_that_the_index_shows_late_is_not_lost() -> None:
    for rig in rig_of({"index_lag": 8.0}, overlap=0):
        (before,) = rig.connector.pull_orders(since=None)
        rig.clock.advance(60)
        rig.sell(("MUG", 1))
        rig.clock.advance(2)
        (early,) = rig.connector.pull_orders(since=before.cursor)
        rig.clock.advance(60)

        (late,) = rig.connector.pull_orders(since=early.cursor)

        assert (len(early.items), len(late.items)) == (0, 1)


def test_a_place_the_shop_no_longer_knows_restarts_the_walk(rig: Rig) -> None:
    for _ in range(3):
        rig.sell(("MUG", 1))
    left = next(iter(rig.connector.pull_orders(since=None)))
    spoiled = json.loads(left.cursor)
    spoiled["walk"]["after"] = "bm9uc2Vuc2U="

    batches = list(rig.connector.pull_orders(since=json.dumps(spoiled)))

    assert sum(len(batch.items) for batch in batches) == 3


def test_what_the_order_says_is_what_the_buyer_did(rig: Rig) -> None:
    entry = rig.sell(("MUG", 2), ("TEE", 1), payment="PENDING", test=True, tags=["vip"])

    order = rig.order(entry)

    assert order.payment is PaymentStatus.PENDING
    assert order.test
    assert order.tags == ("vip",)
    assert [(line.remote_sku, line.ordered, line.current) for line in order.lines] == [
        ("MUG", 2, 2),
        ("TEE", 1, 1),
    ]
    assert order.ship_to is not None
    assert (order.ship_to.region, order.ship_to.country) == ("NY", "US")


def test_units_another_app_shipped_and_units_taken_off_are_seen(rig: Rig) -> None:
    entry = rig.sell(("MUG", 3), ("TEE", 2))
    rig.simulator.place_order({"fulfill": entry["id"], "lines": [{"sku": "MUG", "quantity": 1}]})
    rig.simulator.place_order({"edit": entry["id"], "lines": [{"sku": "TEE", "quantity": 1}]})

    order = rig.order(entry)

    assert [(line.ordered, line.current, line.fulfilled) for line in order.lines] == [
        (3, 3, 1),
        (2, 1, 0),
    ]


def test_a_line_at_a_foreign_service_is_told_from_ours(rig: Rig) -> None:
    entry = rig.sell(("FAR", 1), ("MUG", 1))

    order = rig.order(entry)

    assert {line.remote_sku: line.fulfilled_by for line in order.lines} == {
        "FAR": FulfilledBy.OTHER,
        "MUG": FulfilledBy.US,
    }


# --- listings


def test_blank_and_doubled_skus_are_listings_of_their_own(rig: Rig) -> None:
    rig.simulator.add_product("", title="Sticker", quantities={"Main": 1})
    rig.simulator.add_product("MUG", title="Mug again", quantities={"Main": 1})
    rig.simulator.add_product("GIFT", title="Gift Card", gift_card=True, tracked=False)

    batches = list(rig.connector.pull_listings(since=None))

    listings = [listing for batch in batches for listing in batch.items]
    assert sorted(listing.remote_sku for listing in listings) == [
        "", "FAR", "GIFT", "MUG", "MUG", "TEE",
    ]  # fmt: skip
    assert len({listing.remote_id for listing in listings}) == 6
    (gift,) = [listing for listing in listings if listing.remote_sku == "GIFT"]
    assert (gift.tracked, gift.fulfilled_by) == (False, FulfilledBy.OTHER)
    assert batches[-1].complete_to == NOW - timedelta(seconds=10)


# --- quantities


def test_locations_are_ours_alone(rig: Rig) -> None:
    names = {name for _, name in rig.connector.remote_locations()}

    assert {"Main", "East"} <= names


def test_a_quantity_is_read_set_and_shown(rig: Rig) -> None:
    changes = [rig.change("MUG", 7, shown=20), rig.change("TEE", 3, shown=10)]

    results = rig.connector.push_offers(changes, attempt="a1")

    assert [result.outcome for result in results] == [OfferOutcome.SHOWN] * 2
    readings = rig.connector.read_offers(changes)
    assert [reading.quantity for reading in readings] == [7, 3]


def test_a_sale_between_reading_and_writing_makes_only_that_one_stale(rig: Rig) -> None:
    rig.sell(("MUG", 1))

    results = rig.connector.push_offers(
        [rig.change("MUG", 7, shown=20), rig.change("TEE", 3, shown=10)], attempt="a1"
    )

    assert [result.outcome for result in results] == [OfferOutcome.STALE, OfferOutcome.SHOWN]
    assert (rig.available("MUG"), rig.available("TEE")) == (19, 3)


def test_five_seven_five_is_written_three_times(rig: Rig) -> None:
    shown = 20
    for attempt, quantity in enumerate((5, 7, 5)):
        (result,) = rig.connector.push_offers(
            [rig.change("MUG", quantity, shown=shown)], attempt=str(attempt)
        )
        assert result.outcome is OfferOutcome.SHOWN
        shown = quantity

    assert rig.available("MUG") == 5


def test_an_item_that_is_not_stocked_at_a_location_is_stocked_there(rig: Rig) -> None:
    change = rig.change("TEE", 4, shown=None, location="East")
    (before,) = rig.connector.read_offers([change])

    (result,) = rig.connector.push_offers([change], attempt="a1")

    assert before.quantity is None
    assert result.outcome is OfferOutcome.SHOWN
    assert rig.available("TEE", "East") == 4


def test_one_item_that_is_gone_does_not_stop_the_others(rig: Rig) -> None:
    gone = rig.change("MUG", 1, shown=20)
    gone = OfferChange(gone.key, 1, 20, inventory_id="gid://shopify/InventoryItem/1")

    results = rig.connector.push_offers([gone, rig.change("TEE", 3, shown=10)], attempt="a1")

    assert [result.outcome for result in results] == [OfferOutcome.REFUSED, OfferOutcome.SHOWN]
    assert results[0].code == "INVALID_INVENTORY_ITEM"


@pytest.mark.parametrize("kind", ["lost-answer", "502-applied", "empty", "truncated"])
def test_a_quantity_whose_answer_was_lost_is_unknown_and_can_be_read_back(
    rig: Rig, kind: str
) -> None:
    rig.fault("InventorySet", kind, nth=1)
    change = rig.change("MUG", 7, shown=20)

    (result,) = rig.connector.push_offers([change], attempt="a1")

    assert result.outcome is OfferOutcome.UNKNOWN
    (reading,) = rig.connector.read_offers([change])
    assert reading.quantity == 7


# --- shipments


def test_a_parcel_reaches_the_shop_with_carrier_and_number(rig: Rig) -> None:
    entry = rig.sell(("MUG", 2), ("TEE", 1))
    order = rig.order(entry)

    reference = rig.connector.push_shipment(shipment(order, 2, 1), key="k")

    (made,) = rig.books_of(entry)["fulfillments"]
    assert (made["id"], made["company"], made["number"]) == (
        reference,
        "UPS",
        "1Z999AA10123456784",
    )
    assert rig.books_of(entry)["fulfillment"] == "FULFILLED"
    assert [line.fulfilled for line in rig.order(entry).lines] == [2, 1]


def test_units_move_to_the_location_that_shipped_them(rig: Rig) -> None:
    entry = rig.sell(("MUG", 3))
    order = rig.order(entry)

    rig.connector.push_shipment(shipment(order, 2, remote_location=rig.location("East")), key="k")

    (made,) = rig.books_of(entry)["fulfillments"]
    assert (made["location_name"], made["lines"][0]["quantity"]) == ("East", 2)
    assert [line.current - line.fulfilled for line in rig.order(entry).lines] == [1]


def test_units_that_may_not_move_are_fulfilled_where_they_are(rig: Rig) -> None:
    # East does not stock it.
    entry = rig.sell(("TEE", 1))
    order = rig.order(entry)

    rig.connector.push_shipment(shipment(order, 1, remote_location=rig.location("East")), key="k")

    assert [one["location_name"] for one in rig.books_of(entry)["fulfillments"]] == ["Main"]


def test_two_parcels_of_one_order_are_two_fulfillments(rig: Rig) -> None:
    entry = rig.sell(("MUG", 2))
    order = rig.order(entry)

    one = rig.connector.push_shipment(shipment(order, 1), key="k1")
    two = rig.connector.push_shipment(
        shipment(order, 1, package_number=2, tracking_number="1Z999AA10123456795"), key="k2"
    )

    assert one != two
    assert len(rig.books_of(entry)["fulfillments"]) == 2


@pytest.mark.parametrize("kind", ["lost-answer", "502-applied", "empty", "truncated"])
def test_a_confirmation_whose_answer_was_lost_is_found_and_not_repeated(
    rig: Rig, kind: str
) -> None:
    entry = rig.sell(("MUG", 2))
    parcel = shipment(rig.order(entry), 2)
    rig.fault("FulfillmentCreate", kind, nth=1)
    with pytest.raises(UnknownOutcome):
        rig.connector.push_shipment(parcel, key="k")

    found = rig.connector.find_shipment(parcel, key="k")
    again = rig.connector.push_shipment(parcel, key="k")

    assert found == again
    assert len(rig.books_of(entry)["fulfillments"]) == 1


def test_what_another_app_shipped_meanwhile_is_for_a_person(rig: Rig) -> None:
    entry = rig.sell(("MUG", 1))
    order = rig.order(entry)
    rig.simulator.place_order({"fulfill": entry["id"]})

    with pytest.raises(Rejected) as caught:
        rig.connector.push_shipment(shipment(order, 1), key="k")

    assert caught.value.code == "nothing_to_fulfill"


def test_a_canceled_order_is_for_a_person(rig: Rig) -> None:
    entry = rig.sell(("MUG", 1))
    order = rig.order(entry)
    rig.simulator.place_order({"cancel": entry["id"]})

    with pytest.raises(Rejected) as caught:
        rig.connector.push_shipment(shipment(order, 1), key="k")

    assert caught.value.code == "nothing_to_fulfill"


# --- access and pace


def test_the_check_shows_what_is_granted_and_makes_no_write() -> None:
    granted = [name for name, _ in SCOPES if name != "read_all_orders"]
    for rig in rig_of({"scopes": granted}):
        report = rig.connector.check()

        missing = {right.name for right in report.rights if not right.granted}
        assert missing == {"read_all_orders"}
        assert report.problems == ()
        assert rig.simulator.books()["writes"] == {}


def test_a_missing_scope_stops_the_connection_and_is_named() -> None:
    for rig in rig_of({"scopes": ("read_products",)}):
        with pytest.raises(Unauthorized) as caught:
            list(rig.connector.pull_orders(since=None))

        assert "read_orders" in (caught.value.missing or "")


def test_expired_and_revoked_tokens_are_replaced_without_a_word() -> None:
    for rig in rig_of({"token_seconds": 120}):
        rig.sell(("MUG", 1))
        for _ in range(3):
            rig.clock.advance(300)
            list(rig.connector.pull_orders(since=None))
        rig.fault("Orders", "expire-tokens", nth=1)

        (batch,) = rig.connector.pull_orders(since=None)

        assert len(batch.items) == 1


def test_a_wrong_secret_stops_the_connection() -> None:
    for rig in rig_of(client_secret="wrong"):
        with pytest.raises(Unauthorized):
            rig.connector.check()


def test_the_pace_is_what_the_bucket_allows_and_never_throttled() -> None:
    # A small bucket: each page costs more than it restores in a second.
    for rig in rig_of({"bucket": (1000, 50)}, page_size=1):
        for _ in range(30):
            rig.sell(("MUG", 1), payment="PENDING")

        count = sum(len(batch.items) for batch in rig.connector.pull_orders(since=None))

        assert count == 30
        log = [entry for entry in rig.simulator.log.entries() if entry.operation == "Orders"]
        assert len(log) == count


def test_reads_go_on_when_the_bucket_is_emptied_by_another_app(rig: Rig) -> None:
    rig.sell(("MUG", 1))
    rig.fault("Orders", "throttled", nth=1)

    (batch,) = rig.connector.pull_orders(since=None)

    assert len(batch.items) == 1
    assert rig.clock.now() > NOW


STORM = (
    "429", "429-empty", "500", "503-html", "400-html", "empty", "truncated", "lost-request",
    "lost-answer", "502-applied", "internal", "throttled",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_in_a_storm_each_parcel_is_confirmed_once_and_each_order_is_seen(seed: int) -> None:
    for rig in rig_of(page_size=3):
        rig.simulator.load_catalog([{"sku": "BULK", "quantities": {"Main": 500}}])
        sold = [rig.sell(("BULK", 2)) for _ in range(12)]
        orders = {entry["id"]: rig.order(entry) for entry in sold}
        rig.simulator.faults.set(
            [
                # Not by chance: a fresh token that is refused at once is a revoked credential.
                {"operation": "*", "kind": "expire-tokens", "nth": [5, 20, 35]},
                *(
                    {
                        "operation": "*",
                        "kind": kind,
                        "probability": 0.03,
                        "seed": 100 * seed + place,
                    }
                    for place, kind in enumerate(STORM)
                ),
            ]
        )

        for entry in sold:
            parcel = shipment(orders[entry["id"]], 2, tracking_number=f"1Z{entry['name'][1:]}")
            confirm(rig, parcel)
        seen = walk(rig)

        rig.simulator.faults.set([])
        assert all(len(rig.books_of(entry)["fulfillments"]) == 1 for entry in sold)
        assert {entry["name"] for entry in sold} <= seen


def confirm(rig: Rig, parcel: Shipment) -> None:
    """As the effect runner does it: an unknown outcome is asked about before it is repeated."""
    asked = False
    for _ in range(60):
        try:
            if asked and rig.connector.find_shipment(parcel, key="k"):
                return
            rig.connector.push_shipment(parcel, key="k")
        except UnknownOutcome:
            asked = True
        except (Unavailable, RateLimited):
            rig.clock.advance(30)
        else:
            return
    raise AssertionError("never confirmed")


def walk(rig: Rig) -> set[str]:
    """As the pull job does it: the last saved place is where the next run begins."""
    seen: set[str] = set()
    cursor = None
    for _ in itertools.repeat(None, 60):
        try:
            for batch in rig.connector.pull_orders(since=cursor):
                seen |= {order.name for order in batch.items}
                cursor = batch.cursor
                if batch.complete_to:
                    return seen
        except (Unavailable, RateLimited):
            rig.clock.advance(30)
    raise AssertionError("the walk never ended")
