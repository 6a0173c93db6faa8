"""The simulator's schema against the real one, its prices against the measured formula."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
    parse,
    validate,
)
from graphql.utilities.print_schema import print_input_value

from connectors.shopify import documents
from connectors.shopify.simulator.access import (
    ALL_SCOPES,
    FIELD_RULES,
    PROTECTED_FIELDS,
    TYPE_RULES,
    Rule,
)
from connectors.shopify.simulator.cost import Costing, size
from connectors.shopify.simulator.schema import load_schema
from tests.connectors.shopify.simulator_rig import REFERENCE

OURS = load_schema()
OWN = sorted(
    name for name in OURS.type_map if not name.startswith("__") and name not in ("ID", "String")
)
#: The schema does not say what these need; the documentation of locations and fulfillments does. For
#: refundCreate it says "orders": the pair of scopes, of which a mutation needs the one that writes.
UNSTATED = {
    ("QueryRoot", "locations"),
    ("Mutation", "fulfillmentCancel"),
    ("Mutation", "refundCreate"),
}
#: Stated on the field, and the same as (or wider than) what its type needs anyway.
LOOSER = {
    ("QueryRoot", "fulfillment"),
    ("QueryRoot", "fulfillmentOrders"),
    ("InventoryItem", "inventoryLevel"),
    ("InventoryItem", "inventoryLevels"),
    ("Location", "id"),
}
#: Operations of the reference that the simulator serves.
SERVED_FILES = (
    "01_shop_and_scopes", "02_locations", "03_orders_incremental", "04_order_detail",
    "05_fulfillment_orders_sync", "06_products_sync", "07_inventory_sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def introspection() -> dict[str, Any]:
    path = REFERENCE / "schema" / "admin_2026-10.json.gz"
    if not path.exists():
        pytest.skip("the real schema lies beside the repository, in shared/reference")
    with gzip.open(path) as file:
        found: dict[str, Any] = json.load(file)["data"]
        return found


@pytest.fixture(scope="module")
def real(introspection: Any) -> GraphQLSchema:
    return build_client_schema(introspection, assume_valid=True)


@pytest.fixture(scope="module")
def real_fields(introspection: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """What the introspection says of each field that the simulator serves, access included."""
    return {
        (kind["name"], field["name"]): field
        for kind in introspection["__schema"]["types"]
        for field in kind["fields"] or ()
        if field["name"] in getattr(OURS.type_map.get(kind["name"]), "fields", {})
    }


def _shown(arguments: dict[str, Any]) -> dict[str, str]:
    """Name -> "name: Type = default"."""
    return {
        name: print_input_value(name, argument).partition(" @")[0]
        for name, argument in arguments.items()
    }


def _required(arguments: dict[str, Any]) -> set[str]:
    return {
        name
        for name, argument in arguments.items()
        if str(argument.type).endswith("!") and argument.default is None
    }


@pytest.mark.parametrize("name", OWN)
def test_a_type_of_ours_is_a_part_of_the_real_one(name: str, real: GraphQLSchema) -> None:
    ours, theirs = OURS.type_map[name], real.type_map[name]

    assert type(ours) is type(theirs)
    if is_object_type(ours) or is_interface_type(ours):
        assert {one.name for one in ours.interfaces} <= {one.name for one in theirs.interfaces}  # type: ignore[attr-defined]  # same kind
        for field_name, field in ours.fields.items():
            twin = theirs.fields[field_name]  # type: ignore[attr-defined]  # same kind
            assert str(field.type) == str(twin.type), field_name
            assert _shown(field.args).items() <= _shown(twin.args).items(), field_name
            assert _required(twin.args) <= set(field.args), field_name
    elif is_input_object_type(ours):
        assert ours.is_one_of == theirs.is_one_of  # type: ignore[attr-defined]  # same kind
        assert _shown(ours.fields).items() <= _shown(theirs.fields).items()  # type: ignore[attr-defined]  # same kind
        assert _required(theirs.fields) <= set(ours.fields)  # type: ignore[attr-defined]  # same kind
    elif is_enum_type(ours):
        assert set(ours.values) <= set(theirs.values)  # type: ignore[attr-defined]  # same kind


def test_the_idempotent_directive_is_the_real_one(real: GraphQLSchema) -> None:
    ours, theirs = OURS.get_directive("idempotent"), real.get_directive("idempotent")

    assert ours is not None
    assert theirs is not None
    assert list(ours.locations) == list(theirs.locations)
    assert _shown(ours.args) == _shown(theirs.args)
    assert ours.is_repeatable == theirs.is_repeatable


@pytest.mark.parametrize("document", documents.ALL, ids=lambda document: document.name)
def test_every_document_of_our_client_is_served(document: documents.Document) -> None:
    problems = validate(OURS, parse(document.text))

    assert problems == []


def test_a_page_weighs_two_logarithms_of_its_size() -> None:
    recorded = {1: 1, 2: 1, 5: 3, 10: 4, 20: 5, 50: 7, 100: 9, 250: 11}

    assert {first: size(first) for first in recorded} == recorded


@pytest.mark.parametrize("file", SERVED_FILES)
def test_a_query_costs_what_the_measured_formula_says(file: str) -> None:
    path = REFERENCE / "operations" / f"{file}.graphql"
    if not path.exists():
        pytest.skip("the reference operations lie beside the repository, in shared/reference")
    model = _cost_model()
    text = path.read_text()
    document = parse(text)
    fragments = {d.name.value: d for d in document.definitions if d.kind == "fragment_definition"}  # type: ignore[attr-defined]  # fragments have names

    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            assert operation.name
            variables = {"first": 25}
            expected = model.requested_cost(OURS, text, variables, operation.name.value)
            costing = Costing(OURS, fragments, variables)  # type: ignore[arg-type]  # filtered by kind
            assert costing.requested(operation) == expected, operation.name.value


def _cost_model() -> Any:
    path = REFERENCE / "patterns" / "cost_model.py"
    spec = importlib.util.spec_from_file_location("measured_cost_model", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_protected_customer_data_is_what_the_real_schema_protects(real_fields: Any) -> None:
    protected = {key for key, field in real_fields.items() if field["isProtected"]}

    assert protected == PROTECTED_FIELDS


def test_scopes_are_those_the_real_schema_asks_for(real_fields: Any, introspection: Any) -> None:
    types = {kind["name"]: kind["requiredAccess"] for kind in introspection["__schema"]["types"]}

    for name, rule in TYPE_RULES.items():
        assert _scopes(rule) <= _asked(types[name]), name
    for key, rule in FIELD_RULES.items():
        if key in UNSTATED:
            continue
        assert _scopes(rule) <= _asked(real_fields[key]["requiredAccess"]), key
    stated = {
        key
        for key, field in real_fields.items()
        if _asked(field["requiredAccess"]) & set(ALL_SCOPES)
    }
    assert stated <= set(FIELD_RULES) | LOOSER, stated - set(FIELD_RULES)


def _scopes(rule: Rule) -> set[str]:
    return set(rule.scopes)


def _asked(text: str | None) -> set[str]:
    return set(re.findall(r"`(\w+)`", text or ""))
