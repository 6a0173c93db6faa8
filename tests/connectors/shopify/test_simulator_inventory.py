"""Quantities: what mirrors what, compare-and-set, idempotency keys, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.shopify.simulator.state import Location, Variant
from tests.connectors.shopify.simulator_rig import Caller, running

SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes(quantityNames: ["available", "on_hand"]) {
      name delta quantityAfterChange
    } }
    userErrors { code field message }
  }
}"""
ADJUST = """mutation Adjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id } userErrors { code field message }
  }
}"""
SHIFT = """mutation Shift($input: InventoryMoveQuantitiesInput!, $key: String!) {
  inventoryMoveQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id } userErrors { code field message }
  }
}"""
ACTIVATE = """mutation Activate($item: ID!, $location: ID!, $available: Int, $onHand: Int, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available,
    onHand: $onHand) @idempotent(key: $key) {
    inventoryLevel { id isActive } userErrors { field message }
  }
}"""
NO_KEY = SET.replace(" @idempotent(key: $key)", "").replace(", $key: String!", "")


@dataclass
class Stock:
    """One item at one location, and short words for the mutations."""

    caller: Caller
    variant: Variant
    location: Location
    keys: Any = field(default_factory=itertools.count)

    def row(self, **fields: Any) -> dict[str, Any]:
        where = {"inventoryItemId": self.variant.inventory_item.id, "locationId": self.location.id}
        return {**where, "changeFromQuantity": None, **fields}

    def wish(self, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {"name": "available", "reason": "correction", "quantities": list(rows), **fields}

    def set(self, *rows: dict[str, Any], key: str | None = None, **fields: Any) -> dict[str, Any]:
        variables = {"input": self.wish(*rows, **fields), "key": key or self.new_key()}
        payload: dict[str, Any] = self.caller.data(SET, variables)["inventorySetQuantities"]
        return payload

    def adjust(self, **fields: Any) -> dict[str, Any]:
        name = fields.pop("name", "available")
        wish = {"name": name, "reason": "correction", "changes": [self.row(**fields)]}
        answer = self.caller.data(ADJUST, {"input": wish, "key": self.new_key()})
        payload: dict[str, Any] = answer["inventoryAdjustQuantities"]
        return payload

    def new_key(self) -> str:
        return f"key-{next(self.keys)}"

    @property
    def shown(self) -> dict[str, int]:
        return self.caller.quantities(self.variant, self.location)


@pytest.fixture
def stock() -> Iterator[Stock]:
    with running() as caller:
        location = caller.simulator.add_location("East")
        variant = caller.simulator.add_product("MUG", quantities={"East": 10})
        yield Stock(caller, variant, location)


def _codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_available_and_on_hand_mirror_each_other(stock: Stock) -> None:
    group = stock.set(stock.row(quantity=7))["inventoryAdjustmentGroup"]
    first = stock.shown
    stock.set(stock.row(quantity=20), name="on_hand")

    assert {row["name"]: row["delta"] for row in group["changes"]} == {
        "available": -3,
        "on_hand": -3,
    }
    assert {row["quantityAfterChange"] for row in group["changes"]} == {None}
    assert (first["available"], first["on_hand"]) == (7, 7)
    assert (stock.shown["available"], stock.shown["on_hand"]) == (20, 20)


def test_damaged_units_are_on_hand_and_incoming_ones_are_not(stock: Stock) -> None:
    ledger = "gid://lockstep/Count/1"

    damaged = stock.adjust(name="damaged", delta=2, ledgerDocumentUri=ledger)
    incoming = stock.adjust(name="incoming", delta=5, ledgerDocumentUri=ledger)

    assert _codes(damaged) == _codes(incoming) == []
    shown = stock.shown
    assert (shown["damaged"], shown["incoming"], shown["on_hand"]) == (2, 5, 12)


def test_units_move_from_available_to_reserved_and_stay_on_hand(stock: Stock) -> None:
    end = {"locationId": stock.location.id, "changeFromQuantity": None}
    ledger = {"ledgerDocumentUri": "gid://lockstep/Sale/1"}
    change = {
        "inventoryItemId": stock.variant.inventory_item.id,
        "quantity": 4,
        "from": {**end, "name": "available"},
        "to": {**end, "name": "reserved", **ledger},
    }
    wish = {"reason": "other", "referenceDocumentUri": "gid://lockstep/Sale/1", "changes": [change]}

    payload = stock.caller.data(SHIFT, {"input": wish, "key": "a"})["inventoryMoveQuantities"]

    assert payload["userErrors"] == []
    shown = stock.shown
    assert (shown["available"], shown["reserved"], shown["on_hand"]) == (6, 4, 10)


def test_a_stale_compare_refuses_the_whole_mutation(stock: Stock) -> None:
    cap = stock.caller.simulator.add_product("CAP", quantities={"East": 1})
    other = {"inventoryItemId": cap.inventory_item.id}

    payload = stock.set(
        stock.row(quantity=3, changeFromQuantity=10),
        {**stock.row(quantity=3, changeFromQuantity=9), **other},
    )

    (error,) = payload["userErrors"]
    assert error["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert error["field"] == ["input", "quantities", "1", "changeFromQuantity"]
    assert stock.shown["available"] == 10
    assert stock.caller.simulator.log.entries()[-2].took_effect is False


def test_a_compare_that_holds_sets_the_quantity(stock: Stock) -> None:
    payload = stock.set(stock.row(quantity=3, changeFromQuantity=10))

    assert payload["userErrors"] == []
    assert stock.shown["available"] == 3
    entry = next(one for one in stock.caller.simulator.log.entries() if one.took_effect)
    assert (entry.operation, entry.subject) == ("Set", stock.variant.inventory_item.id)


def test_a_dropped_compare_is_an_error_and_null_is_not(stock: Stock) -> None:
    row = stock.row(quantity=3)
    del row["changeFromQuantity"]

    dropped = stock.caller.ask(SET, {"input": stock.wish(row), "key": "a"})
    null = stock.set(stock.row(quantity=3))

    (error,) = dropped["errors"]
    assert error["message"] == (
        "InventoryQuantityInput must include the following argument: changeFromQuantity."
    )
    assert error["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert dropped["data"] == {"inventorySetQuantities": None}
    assert null["userErrors"] == []


def test_a_key_is_demanded_from_2026_04_on(stock: Stock) -> None:
    variables = {"input": stock.wish(stock.row(quantity=3))}

    strict = stock.caller.ask(NO_KEY, variables, version="2026-04")
    before = stock.caller.ask(NO_KEY, variables, version="2026-01")

    (error,) = strict["errors"]
    assert error["message"] == (
        "The @idempotent directive is required for this mutation but was not provided."
    )
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["path"] == ["inventorySetQuantities"]
    assert "errors" not in before


def test_the_same_key_replays_for_a_day_and_never_writes_twice(stock: Stock) -> None:
    first = stock.set(stock.row(quantity=5), key="k")
    stock.set(stock.row(quantity=7))

    replay = stock.set(stock.row(quantity=5), key="k")
    after_replay = stock.shown["available"]
    stock.caller.clock.advance(24 * 3600)
    stock.set(stock.row(quantity=5), key="k")

    assert replay["inventoryAdjustmentGroup"]["id"] == first["inventoryAdjustmentGroup"]["id"]
    assert after_replay == 7
    assert stock.shown["available"] == 5


def test_the_same_key_with_other_parameters_is_a_mismatch(stock: Stock) -> None:
    stock.set(stock.row(quantity=5), key="k")

    payload = stock.set(stock.row(quantity=6), key="k")

    assert _codes(payload) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    assert stock.shown["available"] == 5


def test_a_broken_attempt_spoils_its_key(stock: Stock) -> None:
    stock.caller.simulator.faults.set([{"operation": "Set", "kind": "internal", "nth": 1}])

    broken = stock.caller.ask(SET, {"input": stock.wish(stock.row(quantity=5)), "key": "k"})
    again = stock.set(stock.row(quantity=5), key="k")

    assert broken["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert broken["data"] is None
    assert _codes(again) == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
    assert stock.shown["available"] == 10


@pytest.mark.parametrize(
    ("fields", "row", "code"),
    [
        ({"name": "committed"}, {}, "INVALID_NAME"),
        ({"reason": "because"}, {}, "INVALID_REASON"),
        ({"referenceDocumentUri": "no uri"}, {}, "INVALID_REFERENCE_DOCUMENT"),
        ({}, {"inventoryItemId": "gid://shopify/InventoryItem/1"}, "INVALID_INVENTORY_ITEM"),
        ({}, {"locationId": "gid://shopify/Location/1"}, "INVALID_LOCATION"),
        ({}, {"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
        ({}, {"quantity": -1_000_000_001}, "INVALID_QUANTITY_TOO_LOW"),
        ({"name": "on_hand"}, {"quantity": -1}, "INVALID_QUANTITY_NEGATIVE"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(
    fields: dict[str, Any], row: dict[str, Any], code: str, stock: Stock
) -> None:
    payload = stock.set({**stock.row(quantity=1), **row}, **fields)

    assert _codes(payload) == [code]
    assert stock.shown["available"] == 10


def test_available_may_be_set_below_zero(stock: Stock) -> None:
    payload = stock.set(stock.row(quantity=-4))

    assert payload["userErrors"] == []
    assert stock.shown["available"] == -4


def test_the_same_item_twice_in_one_input_is_refused(stock: Stock) -> None:
    payload = stock.set(stock.row(quantity=1), stock.row(quantity=2))

    assert _codes(payload) == ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"]


def test_an_item_the_api_may_not_write_is_refused(stock: Stock) -> None:
    bundle = stock.caller.simulator.add_product("BUNDLE", mutable=False, quantities={"East": 3})

    payload = stock.set({**stock.row(quantity=1), "inventoryItemId": bundle.inventory_item.id})

    assert _codes(payload) == ["NON_MUTABLE_INVENTORY_ITEM"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "on_hand"}, "INVALID_QUANTITY_NAME"),
        ({"name": "reserved"}, "INVALID_QUANTITY_DOCUMENT"),
        ({"ledgerDocumentUri": "gid://lockstep/A/1"}, "INVALID_AVAILABLE_DOCUMENT"),
        (
            {"name": "reserved", "ledgerDocumentUri": "gid://shopify/Order/1"},
            "INTERNAL_LEDGER_DOCUMENT",
        ),
    ],
)
def test_an_adjustment_obeys_the_rules_of_names_and_documents(
    fields: dict[str, Any], code: str, stock: Stock
) -> None:
    payload = stock.adjust(delta=1, **fields)

    assert code in _codes(payload)
    assert stock.shown["on_hand"] == 10


def test_setting_what_is_already_so_changes_nothing(stock: Stock) -> None:
    payload = stock.set(stock.row(quantity=10))

    assert payload == {"inventoryAdjustmentGroup": None, "userErrors": []}
    assert not any(entry.took_effect for entry in stock.caller.simulator.log.entries())


def test_an_item_is_activated_once_with_one_quantity(stock: Stock) -> None:
    west = stock.caller.simulator.add_location("West")
    where = {"item": stock.variant.inventory_item.id, "location": west.id}

    def activate(**fields: Any) -> list[str]:
        variables = {**where, **fields, "key": stock.new_key()}
        payload = stock.caller.data(ACTIVATE, variables)["inventoryActivate"]
        return [error["message"] for error in payload["userErrors"]]

    assert len(activate(available=1, onHand=1)) == 2
    assert activate(available=4) == []
    assert activate(available=5) == [
        "Not allowed to set available quantity when the item is already active at the location."
    ]
    assert activate() == []
    assert stock.caller.quantities(stock.variant, west)["available"] == 4


def test_another_writer_can_set_a_quantity_by_hand(stock: Stock) -> None:
    stock.caller.simulator.place_order(
        {"set_quantity": {"sku": "MUG", "location": "East", "quantity": 2}}
    )

    assert stock.shown["available"] == 2
    payload = stock.set(stock.row(quantity=3, changeFromQuantity=10))
    assert _codes(payload) == ["CHANGE_FROM_QUANTITY_STALE"]


def test_blank_and_doubled_skus_are_possible(stock: Stock) -> None:
    for sku in ("", None, "MUG"):
        stock.caller.simulator.add_product(sku, title="Odd", quantities={"East": 1})

    answer = stock.caller.data(
        """{ productVariants(first: 9, query: "sku:MUG") {
          nodes { sku inventoryItem { duplicateSkuCount } } } }"""
    )

    assert [
        row["inventoryItem"]["duplicateSkuCount"] for row in answer["productVariants"]["nodes"]
    ] == [1, 1]
    everything = stock.caller.data("{ productVariants(first: 9) { nodes { sku } } }")
    assert [row["sku"] for row in everything["productVariants"]["nodes"]] == [
        "MUG",
        "",
        None,
        "MUG",
    ]
