"""The connector's walks, quantities and shipments against scripted answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.shopify.connector import SCOPES, Shopify
from core.errors import Rejected, Stale, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import FulfilledBy, OfferChange, OfferKey, OfferOutcome, OfferResult
from core.model.fulfillment import ConfirmedLine, Shipment
from core.model.orders import Order
from core.ports import Batch, OfferTarget, OrderSource, ShipmentTarget
from tests.connectors.shopify import records
from tests.connectors.shopify.records import assignment, line, page, waiting
from tests.connectors.shopify.scripted import (
    NOW,
    FakeInside,
    ScriptedShop,
    Told,
    data,
    errors,
)

Answer = Callable[[dict[str, Any]], Told]


def connect(shop: ScriptedShop, inside: FakeInside, **settings: Any) -> Shopify:
    connector = registry.connect("shopify", "shopify-us", shop.settings(**settings), inside)
    assert isinstance(connector, Shopify)
    return connector


def answering(shop: ScriptedShop, **by_operation: Answer) -> None:
    """Answer each operation by a function of its variables."""
    shop.answer = lambda asked: by_operation[asked.operation](asked.variables)


def sent(shop: ScriptedShop, operation: str) -> list[dict[str, Any]]:
    return [asked.variables for asked in shop.asked if asked.operation == operation]


def test_the_registry_finds_the_connector_and_connecting_makes_no_call(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    connector = connect(shop, inside, client_id="a", client_secret="b")

    assert isinstance(connector, OrderSource)
    assert isinstance(connector, OfferTarget)
    assert isinstance(connector, ShipmentTarget)
    assert connector.name == "shopify-us"
    assert (connector.compare_and_set, connector.order_lag) == (True, 10)
    assert not connector.shipment_repeat_is_edit
    assert shop.asked == []
    connector.close()
    connector.close()


# --- walking orders


def orders_page(*nodes: Any, after: str | None = None) -> Told:
    return data(orders=page(*nodes, after=after))


def test_the_first_walk_shows_all_orders_and_ends_at_its_start_less_the_lag(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend([orders_page(records.order(1), after="c1"), orders_page(records.order(2))])

    first, last = connect(shop, inside).pull_orders(since=None)

    assert [order.remote_id for order in (*first.items, *last.items)] == ["1", "2"]
    assert first.complete_to is None
    assert last.complete_to == NOW - timedelta(seconds=10)
    assert sent(shop, "Orders") == [
        {"first": 50, "after": None, "query": None},
        {"first": 50, "after": "c1", "query": None},
    ]


def test_the_next_walk_asks_from_a_margin_before_the_last_complete_one(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend([orders_page(), orders_page()])
    connector = connect(shop, inside, overlap=300, index_lag=10)
    (batch,) = connector.pull_orders(since=None)
    inside.clock.advance(60)

    list(connector.pull_orders(since=batch.cursor))

    # 09:00:00 less 10 s of lag, less 300 s of overlap
    assert sent(shop, "Orders")[1]["query"] == "updated_at:>='2026-11-24T08:54:50Z'"


def test_a_walk_left_after_a_page_is_taken_up_there_with_its_query_unchanged(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend(
        [
            orders_page(),
            orders_page(records.order(1), after="c1"),
            orders_page(records.order(2), after="c2"),
            orders_page(records.order(3)),
        ]
    )
    (done,) = connect(shop, inside).pull_orders(since=None)
    inside.clock.advance(3600)
    left = next(iter(connect(shop, inside).pull_orders(since=done.cursor)))
    started = inside.clock.now()
    inside.clock.advance(3600)

    *_, last = connect(shop, inside).pull_orders(since=left.cursor)

    first, *rest = sent(shop, "Orders")[1:]
    assert [asked["after"] for asked in rest] == ["c1", "c2"]
    assert {asked["query"] for asked in (first, *rest)} == {first["query"]}
    # Changes after the walk's own start may not have been shown.
    assert last.complete_to == started - timedelta(seconds=10)


@pytest.mark.parametrize(
    "refusal",
    [
        errors("BAD_REQUEST", message="Malformed cursor"),
        errors("", message="Invalid cursor for current pagination sort."),
    ],
)
def test_a_place_that_expired_restarts_the_walk_from_its_watermark(
    shop: ScriptedShop, inside: FakeInside, refusal: Told
) -> None:
    shop.answers.extend(
        [orders_page(), orders_page(records.order(1), after="c1"), refusal, orders_page()]
    )
    connector = connect(shop, inside)
    (done,) = connector.pull_orders(since=None)
    left = next(iter(connector.pull_orders(since=done.cursor)))

    (last,) = connector.pull_orders(since=left.cursor)

    assert sent(shop, "Orders")[3] == {**sent(shop, "Orders")[1], "after": None}
    assert last.complete_to is not None


def test_a_refusal_that_is_not_about_the_place_is_no_reason_to_walk_again(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend([orders_page(records.order(1), after="c1"), errors("MAX_COST_EXCEEDED")])
    walk = connect(shop, inside).pull_orders(since=None)
    next(walk)

    with pytest.raises(Rejected):
        next(walk)


@pytest.mark.parametrize("cursor", ["not json", "[]", '{"watermark": "soon"}', "{}", '"x"'])
def test_a_cursor_that_is_not_ours_starts_from_the_beginning(
    shop: ScriptedShop, inside: FakeInside, cursor: str
) -> None:
    shop.answers.append(orders_page())

    list(connect(shop, inside).pull_orders(since=cursor))

    assert sent(shop, "Orders")[0]["query"] is None


def test_the_watermark_never_goes_back(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(orders_page())
    ahead = NOW + timedelta(hours=1)

    (batch,) = connect(shop, inside).pull_orders(since=json.dumps({"watermark": ahead.isoformat()}))

    assert batch.complete_to == ahead


def test_lines_and_assignments_beyond_the_first_page_are_read(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    node = records.order(
        7,
        lineItems=page(line(1), after="l1"),
        fulfillmentOrders=page(
            assignment(number=1, lineItems=page(waiting(1), after="f1")), after="a1"
        ),
    )
    theirs = assignment(waiting(3), service=True, number=2)
    answering(
        shop,
        Orders=lambda _: orders_page(node),
        OrderLines=lambda asked: data(
            order={
                "id": asked["id"],
                "lineItems": page(line(2), after="l2") if asked["after"] == "l1" else page(line(3)),
            }
        ),
        OrderAssignments=lambda _: data(order={"fulfillmentOrders": page(theirs)}),
        FulfillmentOrderLines=lambda _: data(fulfillmentOrder={"lineItems": page(waiting(2))}),
    )

    (batch,) = connect(shop, inside).pull_orders(since=None)

    (order,) = batch.items
    assert [(one.remote_id[-1], one.fulfilled_by) for one in order.lines] == [
        ("1", FulfilledBy.US),
        ("2", FulfilledBy.US),
        ("3", FulfilledBy.OTHER),
    ]
    ((remote_id, raw),) = batch.raw
    assert remote_id == "7"
    assert len(json.loads(raw)["lineItems"]["nodes"]) == 3


def test_an_order_that_cannot_be_read_is_a_reject_and_the_others_go_through(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    bad = records.order(2, updatedAt=None)
    shop.answers.append(orders_page(records.order(1), bad, None, records.order(3)))

    (batch,) = connect(shop, inside).pull_orders(since=None)

    assert [order.remote_id for order in batch.items] == ["1", "3"]
    reject, nothing = batch.rejects
    assert (reject.kind, reject.remote_id, reject.problem) == (
        "order",
        "2",
        "updatedAt is missing",
    )
    assert json.loads(reject.raw) == bad
    assert nothing.remote_id == ""
    assert batch.complete_to is not None


def test_an_order_the_shop_itself_cannot_read_whole_is_a_reject(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    # Its address is null because it failed, not because there is none.
    half = records.order(2, shippingAddress=None)
    shop.answer = lambda asked: errors(
        "INTERNAL_SERVER_ERROR",
        body={"orders": page(records.order(1), half)},
        path=["orders", "nodes", 1, "shippingAddress"],
    )

    (batch,) = connect(shop, inside).pull_orders(since=None)

    assert [order.remote_id for order in batch.items] == ["1"]
    assert [reject.remote_id for reject in batch.rejects] == ["2"]
    # Only after it was asked for again.
    assert len(shop.asked) == 3


def test_an_answer_that_lacks_more_than_single_orders_is_unavailable(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answer = lambda asked: errors(
        "INTERNAL_SERVER_ERROR", body={"orders": page()}, path=["orders", "pageInfo"]
    )

    with pytest.raises(Unavailable):
        list(connect(shop, inside).pull_orders(since=None))


def test_an_order_that_vanishes_while_it_is_read_is_a_reject(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    node = records.order(7, lineItems=page(line(1), after="l1"))
    answering(shop, Orders=lambda _: orders_page(node), OrderLines=lambda _: data(order=None))

    (batch,) = connect(shop, inside).pull_orders(since=None)

    assert batch.items == ()
    assert batch.rejects[0].problem == "the order is gone"


@pytest.mark.parametrize("remote_id", ["5501", "gid://shopify/Order/5501"])
def test_one_order_is_read_by_number_or_gid(
    shop: ScriptedShop, inside: FakeInside, remote_id: str
) -> None:
    shop.answers.append(data(order=records.order(5501)))

    batch: Batch[Order] = connect(shop, inside).get_order(remote_id)

    assert [order.name for order in batch.items] == ["#5501"]
    assert sent(shop, "Order") == [{"id": "gid://shopify/Order/5501"}]


def test_an_order_that_is_not_there_is_no_item(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(data(order=None))

    batch = connect(shop, inside).get_order("5501")

    assert (batch.items, batch.rejects) == ((), ())


# --- walking listings


def test_every_variant_is_a_listing_also_beyond_the_first_page(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    many = records.product(1, variants=page(records.variant(1), after="v1"))
    answering(
        shop,
        Products=lambda asked: data(
            shop={"currencyCode": "USD"},
            products=page(many, after="p1")
            if asked["after"] is None
            else page(records.product(2, records.variant(4), records.variant(5, price="?"))),
        ),
        ProductVariants=lambda asked: data(
            product={"variants": page(records.variant(2), records.variant(3))}
        ),
    )

    first, last = connect(shop, inside).pull_listings(since=None)

    assert [listing.remote_id[-1] for listing in (*first.items, *last.items)] == list("1234")
    assert [reject.remote_id[-1] for reject in last.rejects] == ["5"]
    assert last.complete_to == NOW - timedelta(seconds=10)
    assert [remote_id for remote_id, _ in first.raw] == [one.remote_id for one in first.items]


def test_the_next_walk_of_listings_asks_for_changes_only(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    answering(shop, Products=lambda asked: data(shop={"currencyCode": "USD"}, products=page()))
    connector = connect(shop, inside)
    (batch,) = connector.pull_listings(since=None)

    list(connector.pull_listings(since=batch.cursor))

    assert sent(shop, "Products")[1]["query"] == "updated_at:>='2026-11-24T08:54:50Z'"


# --- quantities

HERE, THERE = "gid://shopify/Location/1", "gid://shopify/Location/2"


def change(
    number: int, quantity: int = 5, *, shown: int | None = 7, location: str = HERE
) -> OfferChange:
    return OfferChange(
        key=OfferKey("shopify-us", f"gid://shopify/ProductVariant/{number}", location),
        quantity=quantity,
        shown=shown,
        inventory_id=f"gid://shopify/InventoryItem/{number}",
    )


def level(quantity: int | None, *, active: bool = True) -> dict[str, Any] | None:
    if quantity is None:
        return None
    quantities = [{"name": "available", "quantity": quantity}]
    return {"id": "gid://shopify/InventoryLevel/1", "isActive": active, "quantities": quantities}


def levels(**by_number: Any) -> Answer:
    """Levels by the item's number: `_1=level(3)`; other items are gone."""

    def answer(asked: dict[str, Any]) -> Told:
        numbers = [gid.rpartition("/")[2] for gid in asked["ids"]]
        return data(
            nodes=[
                {"id": f"gid://shopify/InventoryItem/{one}", "inventoryLevel": by_number[f"_{one}"]}
                if f"_{one}" in by_number
                else None
                for one in numbers
            ]
        )

    return answer


def was_set(*problems: tuple[str, int | None]) -> Told:
    """An answer of inventorySetQuantities: (code, index) of each userError."""
    listed = [
        {
            "code": code,
            "field": None if at is None else ["input", "quantities", str(at), "quantity"],
            "message": f"{code} words",
        }
        for code, at in problems
    ]
    group = None if listed else {"id": "gid://shopify/InventoryAdjustmentGroup/9"}
    return data(inventorySetQuantities={"inventoryAdjustmentGroup": group, "userErrors": listed})


def outcomes(results: Any) -> list[str]:
    return [result.outcome.value for result in results]


def test_active_locations_are_listed_page_by_page(shop: ScriptedShop, inside: FakeInside) -> None:
    one = {"id": HERE, "name": "New Jersey", "isActive": True}
    closed = {"id": "x", "name": "Closed", "isActive": False}
    two = {"id": THERE, "name": "Ohio", "isActive": True}
    answering(
        shop,
        Locations=lambda asked: data(
            locations=page(two) if asked["after"] else page(one, closed, after="c1")
        ),
    )

    assert connect(shop, inside).remote_locations() == [(HERE, "New Jersey"), (THERE, "Ohio")]


def test_quantities_are_read_by_location_250_at_a_time(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    answering(shop, InventoryLevels=levels(**{f"_{n}": level(n) for n in range(300)}))
    changes = [change(n) for n in range(300)] + [change(7, location=THERE)]

    readings = connect(shop, inside).read_offers(changes)

    assert {reading.key: reading.quantity for reading in readings} == {
        **{change(n).key: n for n in range(300)},
        change(7, location=THERE).key: 7,
    }
    assert [(len(asked["ids"]), asked["location"]) for asked in sent(shop, "InventoryLevels")] == [
        (250, HERE),
        (50, HERE),
        (1, THERE),
    ]


@pytest.mark.parametrize("shown", [{"_1": None}, {"_1": level(3, active=False)}, {}])
def test_what_is_not_stocked_there_shows_no_quantity(
    shop: ScriptedShop, inside: FakeInside, shown: dict[str, Any]
) -> None:
    answering(shop, InventoryLevels=levels(**shown))

    (reading,) = connect(shop, inside).read_offers([change(1)])

    assert reading.quantity is None


def test_quantities_are_written_as_available_with_compare_and_set(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(was_set())

    results = connect(shop, inside).push_offers([change(1, 5, shown=7)], attempt="a1")

    assert results == [
        OfferResult(
            change(1).key,
            OfferOutcome.SHOWN,
            submission="gid://shopify/InventoryAdjustmentGroup/9",
        )
    ]
    ((asked),) = sent(shop, "InventorySet")
    assert asked["input"] == {
        "name": "available",
        "reason": "correction",
        "quantities": [
            {
                "inventoryItemId": "gid://shopify/InventoryItem/1",
                "locationId": HERE,
                "quantity": 5,
                "changeFromQuantity": 7,
            }
        ],
    }
    assert uuid.UUID(asked["key"])


def test_every_call_of_every_attempt_has_a_key_of_its_own(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    # Keys replay for 24 h: one made from Sku and quantity would swallow the second 5 of 5-7-5.
    shop.answer = lambda asked: was_set()
    connector = connect(shop, inside)
    changes = [change(n) for n in range(300)]

    connector.push_offers(changes, attempt="a1")
    connector.push_offers(changes, attempt="a2")
    connector.push_offers(changes, attempt="a1")

    keys = [asked["key"] for asked in sent(shop, "InventorySet")]
    assert len(set(keys[:4])) == 4
    assert keys[4:] == keys[:2]


def test_one_stale_quantity_does_not_keep_the_others_of_its_chunk(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend(
        [was_set(("CHANGE_FROM_QUANTITY_STALE", 1), ("INVALID_INVENTORY_ITEM", 3)), was_set()]
    )

    results = connect(shop, inside).push_offers([change(n) for n in range(4)], attempt="a1")

    assert outcomes(results) == ["shown", "stale", "shown", "refused"]
    assert (results[3].code, results[3].message) == (
        "INVALID_INVENTORY_ITEM",
        "INVALID_INVENTORY_ITEM words",
    )
    first, second = sent(shop, "InventorySet")
    assert [one["inventoryItemId"][-1] for one in second["input"]["quantities"]] == ["0", "2"]
    assert first["key"] != second["key"]


def test_what_is_refused_a_second_time_is_left_for_later(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    stale = "CHANGE_FROM_QUANTITY_STALE"
    shop.answers.extend([was_set((stale, 0)), was_set((stale, 0))])

    results = connect(shop, inside).push_offers([change(n) for n in range(3)], attempt="a1")

    assert outcomes(results) == ["stale", "stale", "later"]
    assert len(shop.asked) == 2


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("CHANGE_FROM_QUANTITY_STALE", "stale"),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", "unknown"),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "later"),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "later"),
        ("INVALID_REASON", "refused"),
        ("A_CODE_OF_NEXT_YEAR", "refused"),
    ],
)
def test_an_error_that_names_no_quantity_speaks_of_all(
    shop: ScriptedShop, inside: FakeInside, code: str, outcome: str
) -> None:
    shop.answers.append(was_set((code, None)))

    results = connect(shop, inside).push_offers([change(1), change(2)], attempt="a1")

    assert outcomes(results) == [outcome, outcome]
    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    "told",
    [
        Told(status=502),
        Told(status=429),
        Told(cut=True),
        Told(),
        errors("THROTTLED"),
        data(inventorySetQuantities=None),
    ],
    ids=["502", "429", "cut", "empty", "throttled", "null payload"],
)
def test_a_quantity_write_without_an_answer_is_to_be_read_back(
    shop: ScriptedShop, inside: FakeInside, told: Told
) -> None:
    shop.answers.append(told)

    results = connect(shop, inside).push_offers([change(1), change(2)], attempt="a1")

    assert outcomes(results) == ["unknown", "unknown"]
    assert len(shop.asked) == 1


def test_a_quantity_that_was_never_read_is_not_written_blindly(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    answering(shop, InventoryLevels=levels(_1=level(3)))

    results = connect(shop, inside).push_offers([change(1, shown=None)], attempt="a1")

    assert outcomes(results) == ["stale"]
    assert shop.operations() == ["InventoryLevels"]


def activated(shown: int | None, problem: str = "") -> Told:
    problems = [{"field": ["available"], "message": problem}] if problem else []
    return data(inventoryActivate={"inventoryLevel": level(shown), "userErrors": problems})


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (activated(5), "shown"),
        # Old quantities came back.
        (activated(8), "stale"),
        (
            activated(
                None,
                "Not allowed to set available quantity when the item is already active at the"
                " location.",
            ),
            "stale",
        ),
        (
            activated(None, "The product couldn't be stocked because the product was deleted."),
            "refused",
        ),
        (Told(status=500), "unknown"),
        (errors("RESOURCE_NOT_FOUND"), "refused"),
    ],
)
def test_what_is_not_stocked_there_is_stocked_with_its_quantity(
    shop: ScriptedShop, inside: FakeInside, told: Told, outcome: str
) -> None:
    answering(shop, InventoryLevels=levels(_1=None), InventoryActivate=lambda _: told)

    results = connect(shop, inside).push_offers([change(1, 5, shown=None)], attempt="a1")

    assert outcomes(results) == [outcome]
    (asked,) = sent(shop, "InventoryActivate")
    assert (asked["item"], asked["location"], asked["available"]) == (
        "gid://shopify/InventoryItem/1",
        HERE,
        5,
    )


def test_changes_that_name_no_place_are_refused_and_doubled_places_wait(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(was_set())
    twin = replace(change(2), key=OfferKey("shopify-us", "gid://shopify/ProductVariant/3", HERE))
    lost = replace(change(4), inventory_id="")
    nowhere = change(5, location="")

    results = connect(shop, inside).push_offers([change(2), twin, lost, nowhere], attempt="a1")

    assert outcomes(results) == ["shown", "later", "refused", "refused"]
    assert len(sent(shop, "InventorySet")[0]["input"]["quantities"]) == 1


def test_trouble_with_the_connection_is_raised_when_nothing_was_written(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(Told(status=403))

    with pytest.raises(Unauthorized):
        connect(shop, inside).push_offers([change(1)], attempt="a1")


def test_trouble_after_a_first_chunk_does_not_lose_its_results(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend([was_set(), Told(status=403)])

    results = connect(shop, inside).push_offers(
        [change(n) for n in range(600)] + [change(700, shown=None)], attempt="a1"
    )

    assert outcomes(results) == ["shown"] * 250 + ["later"] * 351
    assert len(shop.asked) == 2


# --- shipments

ORDER = "gid://shopify/Order/5501"


def shipment(*units: tuple[int, int], **fields: Any) -> Shipment:
    """A parcel with (line number, units)."""
    return replace(
        Shipment(
            channel="shopify-us",
            order="5501",
            package_number=1,
            location="warehouse-nj",
            carrier="ups",
            tracking_number="1Z999AA10123456784",
            shipped_at=NOW,
            lines=tuple(
                ConfirmedLine(f"gid://shopify/LineItem/{number}", quantity)
                for number, quantity in units
            ),
        ),
        **fields,
    )


class Parcels:
    """A shop that keeps one order's fulfillment orders and does what it is told with them."""

    def __init__(self, shop: ScriptedShop) -> None:
        #: id -> {location, status, actions, lines: {line number: units}}
        self.waiting: dict[str, dict[str, Any]] = {}
        self.parcels: list[dict[str, Any]] = []
        self.moves_allowed = True
        #: what to answer instead of doing the next fulfillment
        self.instead: list[Told] = []
        #: answers given after the fulfillment was made
        self.after: list[Told] = []
        self.made: list[dict[str, Any]] = []
        answering(
            shop,
            OrderParcels=self._read,
            FulfillmentOrderMove=self._move,
            FulfillmentCreate=self._create,
            FulfillmentLines=lambda asked: data(
                fulfillment={"fulfillmentLineItems": page(self._line(2, 1))}
            ),
            FulfillmentOrderLines=lambda asked: data(
                fulfillmentOrder={"lineItems": page(self._waiting_line("77", 2, 1))}
            ),
        )

    def wait(
        self,
        number: str,
        lines: dict[int, int],
        *,
        location: str = HERE,
        status: str = "OPEN",
        actions: tuple[str, ...] = ("CREATE_FULFILLMENT", "MOVE"),
        service: bool = False,
        more: str | None = None,
    ) -> None:
        self.waiting[f"gid://shopify/FulfillmentOrder/{number}"] = {
            "location": location,
            "status": status,
            "actions": actions,
            "lines": lines,
            "service": service,
            "more": more,
        }

    def parcel(
        self, number: str | None, units: dict[int, int], *, status: str = "SUCCESS", **fields: Any
    ) -> str:
        gid = f"gid://shopify/Fulfillment/{len(self.parcels) + 1}"
        self.parcels.append(
            {
                "id": gid,
                "status": status,
                "trackingInfo": [{"company": "UPS", "number": number}] if number else [],
                "fulfillmentLineItems": page(*(self._line(n, q) for n, q in units.items())),
                **fields,
            }
        )
        return gid

    @staticmethod
    def _line(number: int, quantity: int) -> dict[str, Any]:
        return {
            "id": "x",
            "quantity": quantity,
            "lineItem": {"id": f"gid://shopify/LineItem/{number}"},
        }

    @staticmethod
    def _waiting_line(order: str, number: int, quantity: int) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/FulfillmentOrderLineItem/{order}-{number}",
            "remainingQuantity": quantity,
            "lineItem": {"id": f"gid://shopify/LineItem/{number}"},
        }

    def _read(self, asked: dict[str, Any]) -> Told:
        assert asked["id"] == ORDER
        # Two fulfillment orders a page, the cursor being how many were shown.
        start = int(asked["after"] or 0)
        shown = list(self.waiting.items())
        nodes = [
            {
                "id": gid,
                "status": one["status"],
                "assignedLocation": {
                    "location": {"id": one["location"], "isFulfillmentService": one["service"]}
                },
                "supportedActions": [{"action": action} for action in one["actions"]],
                "lineItems": page(
                    *(
                        self._waiting_line(gid.rpartition("/")[2], number, quantity)
                        for number, quantity in one["lines"].items()
                    ),
                    after=one["more"],
                ),
            }
            for gid, one in shown[start : start + 2]
        ]
        after = str(start + 2) if len(shown) > start + 2 else None
        return data(
            order={
                "id": ORDER,
                "fulfillments": self.parcels,
                "fulfillmentOrders": page(*nodes, after=after),
            }
        )

    def _move(self, asked: dict[str, Any]) -> Told:
        if not self.moves_allowed:
            problem = {"code": None, "field": None, "message": "Cannot change location."}
            return data(
                fulfillmentOrderMove={"movedFulfillmentOrder": None, "userErrors": [problem]}
            )
        source = self.waiting.pop(asked["id"])
        moved: dict[int, int] = {}
        for one in asked["lines"]:
            number = int(one["id"].rpartition("-")[2])
            moved[number] = one["quantity"]
            source["lines"][number] -= one["quantity"]
        # Both parts get new ids: whoever kept the old ones writes into the void.
        fresh = len(self.waiting) + 90
        self.waiting[f"gid://shopify/FulfillmentOrder/{fresh}"] = source
        self.wait(str(fresh + 1), moved, location=asked["location"])
        return data(fulfillmentOrderMove={"movedFulfillmentOrder": {"id": "x"}, "userErrors": []})

    def _create(self, asked: dict[str, Any]) -> Told:
        if self.instead:
            return self.instead.pop(0)
        wish = asked["fulfillment"]
        groups = wish["lineItemsByFulfillmentOrder"]
        places = {self.waiting[group["fulfillmentOrderId"]]["location"] for group in groups}
        if len(places) > 1:
            return refused("All fulfillment orders must be assigned to a single location.")
        units: dict[int, int] = {}
        for group in groups:
            lines = self.waiting[group["fulfillmentOrderId"]]["lines"]
            for one in group["fulfillmentOrderLineItems"]:
                number = int(one["id"].rpartition("-")[2])
                assert one["quantity"] <= lines[number]
                lines[number] -= one["quantity"]
                units[number] = units.get(number, 0) + one["quantity"]
        gid = self.parcel(wish.get("trackingInfo", {}).get("number"), units)
        self.made.append({**wish, "location": places.pop(), "units": units})
        if self.after:
            return self.after.pop(0)
        return data(
            fulfillmentCreate={"fulfillment": {"id": gid, "status": "SUCCESS"}, "userErrors": []}
        )


def refused(message: str) -> Told:
    problem = {"field": ["fulfillment"], "message": message}
    return data(fulfillmentCreate={"fulfillment": None, "userErrors": [problem]})


@pytest.fixture
def parcels(shop: ScriptedShop) -> Parcels:
    return Parcels(shop)


def push(shop: ScriptedShop, inside: FakeInside, parcel: Shipment, **settings: Any) -> str:
    return connect(shop, inside, **settings).push_shipment(parcel, key="k")


def test_a_parcel_is_confirmed_with_its_lines_carrier_and_number(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2, 2: 3})

    reference = push(shop, inside, shipment((1, 2), (2, 1)))

    assert reference == "gid://shopify/Fulfillment/1"
    (made,) = parcels.made
    assert made["units"] == {1: 2, 2: 1}
    assert made["trackingInfo"] == {"company": "UPS", "number": "1Z999AA10123456784"}
    assert made["notifyCustomer"] is True
    assert shop.operations() == ["OrderParcels", "FulfillmentCreate"]


def test_the_buyer_is_not_mailed_where_the_settings_say_so(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})

    push(shop, inside, shipment((1, 2)), notify_customer=False)

    assert parcels.made[0]["notifyCustomer"] is False


@pytest.mark.parametrize("number", ["1Z999AA10123456784", "1z999aa1 0123456784"])
def test_a_parcel_that_is_there_already_is_not_confirmed_again(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels, number: str
) -> None:
    parcels.wait("1", {1: 2})
    there = parcels.parcel(number, {1: 2})

    reference = push(shop, inside, shipment((1, 2)))

    assert reference == there
    assert parcels.made == []


@pytest.mark.parametrize("status", ["CANCELLED", "ERROR", "FAILURE"])
def test_a_void_fulfillment_does_not_count_as_confirmed(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels, status: str
) -> None:
    parcels.wait("1", {1: 2})
    parcels.parcel("1Z999AA10123456784", {1: 2}, status=status)

    push(shop, inside, shipment((1, 2)))

    assert len(parcels.made) == 1


def test_only_what_is_missing_of_a_half_confirmed_parcel_is_sent(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2, 2: 1})
    parcels.parcel("1Z999AA10123456784", {1: 1})

    reference = push(shop, inside, shipment((1, 2), (2, 1)))

    assert parcels.made[0]["units"] == {1: 1, 2: 1}
    assert reference == "gid://shopify/Fulfillment/1,gid://shopify/Fulfillment/2"


def test_a_repeat_after_a_lost_answer_finds_the_parcel(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    parcels.after.append(Told(status=502))
    connector = connect(shop, inside)
    with pytest.raises(UnknownOutcome):
        connector.push_shipment(shipment((1, 2)), key="k")

    found = connector.find_shipment(shipment((1, 2)), key="k")
    again = connector.push_shipment(shipment((1, 2)), key="k")

    assert found == again == "gid://shopify/Fulfillment/1"
    assert len(parcels.made) == 1


def test_a_parcel_is_not_found_while_units_of_it_are_missing(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    parcels.parcel("1Z999AA10123456784", {1: 1})

    assert connect(shop, inside).find_shipment(shipment((1, 2)), key="k") is None


def test_a_parcel_without_number_is_known_by_its_units(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    plain = shipment((1, 2), tracking_number="")
    connector = connect(shop, inside)

    reference = connector.push_shipment(plain, key="k")

    assert "trackingInfo" not in parcels.made[0]
    assert connector.find_shipment(plain, key="k") == reference


def test_units_move_to_the_routed_location_before_they_are_fulfilled(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2, 2: 1})

    push(shop, inside, shipment((1, 1), remote_location=THERE))

    assert [(one["location"], one["units"]) for one in parcels.made] == [(THERE, {1: 1})]
    # Ids do not survive a move: the order is read again before each write.
    assert shop.operations() == [
        "OrderParcels",
        "FulfillmentOrderMove",
        "OrderParcels",
        "FulfillmentCreate",
    ]


def test_units_that_are_there_already_are_not_moved(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 1})
    parcels.wait("2", {1: 1}, location=THERE)

    push(shop, inside, shipment((1, 1), remote_location=THERE))

    assert [one["location"] for one in parcels.made] == [THERE]
    assert "FulfillmentOrderMove" not in shop.operations()


@pytest.mark.parametrize("how", ["not supported", "refused"])
def test_units_that_may_not_move_are_fulfilled_where_they_are(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels, how: str
) -> None:
    parcels.moves_allowed = how != "refused"
    actions = ("CREATE_FULFILLMENT", *(["MOVE"] if how == "refused" else []))
    parcels.wait("1", {1: 2}, actions=actions)

    push(shop, inside, shipment((1, 2), remote_location=THERE))

    assert [one["location"] for one in parcels.made] == [HERE]


def test_units_at_several_locations_are_one_fulfillment_each(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 1})
    parcels.wait("2", {1: 1}, location=THERE)
    parcels.wait("3", {2: 1})

    reference = push(shop, inside, shipment((1, 2), (2, 1)))

    assert [(one["location"], one["units"]) for one in parcels.made] == [
        (HERE, {1: 1, 2: 1}),
        (THERE, {1: 1}),
    ]
    assert reference == "gid://shopify/Fulfillment/1,gid://shopify/Fulfillment/2"


def test_lines_beyond_the_first_page_are_found(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.parcel(
        "1Z999AA10123456784", {}, fulfillmentLineItems=page(Parcels._line(1, 1), after="c")
    )

    found = connect(shop, inside).find_shipment(shipment((1, 1), (2, 1)), key="k")

    assert found == "gid://shopify/Fulfillment/1"


def test_waiting_lines_beyond_the_first_page_are_fulfilled(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    # The second page names line 2, which the first does not.
    parcels.wait("77", {1: 1}, more="c")
    parcels.instead.append(
        data(fulfillmentCreate={"fulfillment": {"id": "f", "status": "SUCCESS"}, "userErrors": []})
    )

    push(shop, inside, shipment((2, 1)))

    ((group,),) = [
        asked["fulfillment"]["lineItemsByFulfillmentOrder"]
        for asked in sent(shop, "FulfillmentCreate")
    ]
    assert group["fulfillmentOrderLineItems"] == [
        {"id": "gid://shopify/FulfillmentOrderLineItem/77-2", "quantity": 1}
    ]


def test_nothing_left_to_fulfill_is_for_a_person(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 0, 2: 1}, status="CLOSED", actions=())
    parcels.parcel("ANOTHER", {1: 2})

    with pytest.raises(Rejected) as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "nothing_to_fulfill"
    assert parcels.made == []


def test_a_parcel_with_more_units_than_are_left_is_for_a_person(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 1})

    with pytest.raises(Rejected) as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "more_than_left"


def test_units_on_hold_are_for_a_person(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2}, status="ON_HOLD", actions=("RELEASE_HOLD", "MOVE"))

    with pytest.raises(Rejected, match="ON_HOLD") as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "not_fulfillable"


def test_units_at_a_foreign_service_are_never_confirmed(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2}, service=True)

    with pytest.raises(Rejected) as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "nothing_to_fulfill"
    assert parcels.made == []


def test_an_order_that_is_not_there_is_for_a_person(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(data(order=None))

    with pytest.raises(Rejected) as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "order_not_found"


@pytest.mark.parametrize(
    "message",
    [
        "Fulfillment order does not exist.",
        "Fulfillment order 12 has an unfulfillable status= closed.",
        "Invalid fulfillment order line item quantity requested.",
    ],
)
def test_a_refusal_because_the_order_moved_on_is_answered_by_reading_again(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels, message: str
) -> None:
    parcels.wait("1", {1: 2})
    parcels.instead.append(refused(message))

    push(shop, inside, shipment((1, 2)))

    assert shop.operations() == ["OrderParcels", "FulfillmentCreate"] * 2


def test_a_refusal_that_stays_is_for_a_person(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    parcels.instead += [refused("Fulfillment order does not exist.")] * 9

    with pytest.raises(Rejected, match="does not exist") as caught:
        push(shop, inside, shipment((1, 2)))

    assert caught.value.code == "refused"
    assert len(sent(shop, "FulfillmentCreate")) == 3


def test_any_other_refusal_is_final_at_once(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    parcels.instead.append(refused("Something about the number."))

    with pytest.raises(Rejected, match="Something"):
        push(shop, inside, shipment((1, 2)))

    assert len(sent(shop, "FulfillmentCreate")) == 1


@pytest.mark.parametrize(
    "told",
    [
        Told(status=500),
        Told(status=429),
        errors("THROTTLED"),
        data(fulfillmentCreate=None),
        data(fulfillmentCreate={"fulfillment": None, "userErrors": []}),
    ],
    ids=["500", "429", "throttled", "null payload", "empty payload"],
)
def test_a_confirmation_without_an_answer_is_unknown_and_sent_once(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels, told: Told
) -> None:
    parcels.wait("1", {1: 2})
    parcels.instead.append(told)

    with pytest.raises(UnknownOutcome):
        push(shop, inside, shipment((1, 2)))

    assert len(sent(shop, "FulfillmentCreate")) == 1


def test_a_reading_that_does_not_show_our_own_fulfillment_yet_is_no_reason_to_repeat_it(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    # Two locations; the reading between them still shows no parcel.
    parcels.wait("1", {1: 1})
    parcels.wait("2", {2: 1}, location=THERE)
    inner = parcels._read

    def stale(asked: dict[str, Any]) -> Told:
        kept, parcels.parcels = parcels.parcels, []
        told = inner(asked)
        parcels.parcels = kept
        return told

    answering(shop, OrderParcels=stale, FulfillmentCreate=parcels._create)

    push(shop, inside, shipment((1, 1), (2, 1)))

    assert [one["units"] for one in parcels.made] == [{1: 1}, {2: 1}]


def test_an_order_that_never_stands_still_is_stale(
    shop: ScriptedShop, inside: FakeInside, parcels: Parcels
) -> None:
    parcels.wait("1", {1: 2})
    answering(
        shop,
        OrderParcels=parcels._read,
        FulfillmentOrderMove=lambda _: data(
            fulfillmentOrderMove={"movedFulfillmentOrder": {"id": "x"}, "userErrors": []}
        ),
    )

    with pytest.raises(Stale):
        push(shop, inside, shipment((1, 2), remote_location=THERE))


# --- check


def shop_answer(*scopes: str, domain: str = "acme.myshopify.com") -> dict[str, Any]:
    return {
        "shop": {
            "id": "gid://shopify/Shop/1",
            "name": "Acme",
            "myshopifyDomain": domain,
            "currencyCode": "USD",
            "ianaTimezone": "America/New_York",
            "plan": {
                "publicDisplayName": "Basic",
                "partnerDevelopment": False,
                "shopifyPlus": False,
            },
        },
        "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in scopes]},
    }


def test_a_check_names_shop_plan_currency_version_and_token_without_a_write(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    told = data(**shop_answer(*(name for name, _ in SCOPES)))
    shop.answers.append(Told(told.body, headers={"X-Shopify-API-Version": "2026-10"}))

    report = connect(shop, inside).check()

    assert report.name == "Acme"
    assert dict(report.facts) == {
        "shop": "acme.myshopify.com",
        "plan": "Basic",
        "currency": "USD",
        "time zone": "America/New_York",
        "API version": "2026-10",
        "access token": "static",
    }
    assert all(right.granted for right in report.rights)
    assert report.problems == ()
    assert shop.operations() == ["Shop"]


def test_a_check_says_when_a_granted_token_ends(shop: ScriptedShop, inside: FakeInside) -> None:
    token = {"access_token": "granted-token-1", "expires_in": 86_399}
    shop.answers.extend([Told.json(token), data(**shop_answer())])

    report = connect(shop, inside, client_id="a", client_secret="b").check()

    assert dict(report.facts)["access token"] == "renewed before 2026-11-25 08:59 UTC"


def test_a_missing_scope_is_told_with_what_stops_without_it(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    # A write scope includes its read scope; customer_… is no scope of ours, and no reason to fail.
    shop.answers.append(data(**shop_answer("write_inventory", "customer_read_orders")))

    report = connect(shop, inside).check()

    rights = {right.name: right for right in report.rights}
    assert rights["read_inventory"].granted
    assert rights["write_inventory"].granted
    assert not rights["read_orders"].granted
    assert rights["read_orders"].without_it == "orders cannot be read"


def test_a_check_tells_of_another_version_and_another_shop(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    told = data(**shop_answer(domain="other.myshopify.com"))
    shop.answers.append(Told(told.body, headers={"X-Shopify-API-Version": "2027-01"}))

    report = connect(shop, inside).check()

    assert report.problems == (
        "asked for API version 2026-10, answered by 2027-01",
        "configured as acme.myshopify.com, answered by other.myshopify.com",
    )
