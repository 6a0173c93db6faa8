"""JSON out of a tree with names in it: values go in as values, and wrong names are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.fulfiller.template import at, faults, filled, list_at, path_of, text_at
from core.model.fulfillment import FulfillmentLine, ShipRequest
from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import SupplierItem

REQUEST = ShipRequest(
    key="shopify-us:55/01:F1",
    location="cedar",
    order_name='#1001", "admin": "yes',
    lines=(
        FulfillmentLine("1", "MUG/1 ☕", 2),
        FulfillmentLine("2", "TEA", 1),
        FulfillmentLine("3", "MUG/1 ☕", 1),
    ),
    ship_to=Address(name="王小明", line1="1 Main St", city="Wayne", region="NJ"),
    service="",
    requested_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    short_key="R-0D9WC34600M2",
    goods={"TEA": SupplierItem("cedar", "TEA", "C-TEA", cost=Money(250, "USD"))},
)


def test_values_go_in_as_they_are_lines_are_repeated_and_what_is_empty_is_left_out() -> None:
    made = filled(
        {
            "ref": "$key",
            "name": "$order_name",
            "service": "$service",
            "cost": "$$5",
            "to": {"name": "$ship_to.name", "line2": "$ship_to.line2"},
            "items": [{"sku": "$line.item", "n": "$line.quantity", "price": "$line.price"}],
            "flags": [True, 3],
        },
        REQUEST,
    )
    assert made == {
        "ref": "shopify-us:55/01:F1",
        "name": '#1001", "admin": "yes',
        "cost": "$5",
        "to": {"name": "王小明"},
        "items": [{"sku": "MUG/1 ☕", "n": 3}, {"sku": "C-TEA", "n": 1, "price": "2.50"}],
        "flags": [True, 3],
    }


def test_a_request_of_four_hundred_lines_is_one_of_four_hundred_items() -> None:
    lines = tuple(FulfillmentLine(str(n), f"SKU-{n}", 1) for n in range(400))
    made: Any = filled({"items": [{"sku": "$line.sku"}]}, replace(REQUEST, lines=lines))
    assert len(made["items"]) == 400


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"a": {"b": "$ordername"}}, "body.a.b: $ordername is no name"),
        ({"sku": "$line.sku"}, "body.sku: $line.sku has a value only in a list with one thing"),
        (
            {"items": [{"sku": "$line.sku"}, "$line.sku"]},
            "body.items[0].sku: $line.sku has a value",
        ),
    ],
)
def test_a_name_that_does_not_exist_or_has_no_value_there_is_told(
    tree: dict[str, Any], words: str
) -> None:
    (first, *_) = faults(tree)
    assert first.startswith(words)


def test_names_in_an_address_are_one_component_each() -> None:
    assert (
        path_of("orders/{reference}?r={key}", key="a/../b?c", short_key="", reference="x y/z")
        == "orders/x%20y%2Fz?r=a%2F..%2Fb%3Fc"
    )


def test_values_are_found_by_their_path() -> None:
    tree = {"data": {"orders": [{"id": 7, "tags": ["a"]}]}}
    assert at(tree, "data.orders.0.id") == 7
    assert at(tree, "data.orders.1.id") is None
    assert at(tree, "data.id.x") is None
    assert text_at(tree, "data.orders.0.id") == "7"
    assert text_at(tree, "data.orders") == ""
    assert list_at(tree, "data.orders.0.tags") == ["a"]
    assert list_at(tree, None) == []
