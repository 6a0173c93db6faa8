"""What we send is valid at Shopify, as far as its published schemas can tell."""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    NoDeprecatedCustomRule,
    build_client_schema,
    parse,
    validate,
)

from connectors.shopify import documents
from connectors.shopify.documents import Document

REFERENCE = Path(__file__).parents[3] / ".." / "shared" / "reference" / "shopify"
VERSIONS = ("2026-04", "2026-07", "2026-10")

pytestmark = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="the published schemas are not beside this checkout"
)


@cache
def schema_of(version: str) -> GraphQLSchema:
    with gzip.open(REFERENCE / "schema" / f"admin_{version}.json.gz") as file:
        return build_client_schema(json.load(file)["data"], assume_valid=True)


@cache
def cost_model() -> Any:
    spec = importlib.util.spec_from_file_location(
        "cost_model", REFERENCE / "patterns" / "cost_model.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def every(document: Document) -> str:
    return document.name


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", documents.ALL, ids=every)
def test_a_document_is_valid_in_every_version_we_allow(document: Document, version: str) -> None:
    schema = schema_of(version)

    problems = validate(schema, parse(document.text))

    assert [problem.message for problem in problems] == []


@pytest.mark.parametrize("document", documents.ALL, ids=every)
def test_a_document_uses_no_deprecated_field(document: Document) -> None:
    schema = schema_of("2026-10")

    problems = validate(schema, parse(document.text), [NoDeprecatedCustomRule])

    assert [problem.message for problem in problems] == []


@pytest.mark.parametrize("document", documents.ALL, ids=every)
def test_the_cost_we_pace_by_is_not_below_the_measured_formula(document: Document) -> None:
    largest = {"first": 100}

    cost = cost_model().requested_cost(schema_of("2026-10"), document.text, largest)

    assert cost <= document.cost <= 1000


def test_every_document_of_the_module_is_checked() -> None:
    defined = {value for value in vars(documents).values() if isinstance(value, Document)}

    assert defined == set(documents.ALL)


@pytest.mark.parametrize("document", documents.ALL, ids=every)
def test_an_operation_is_named_as_its_document_and_writes_are_marked(document: Document) -> None:
    (operation, *_) = parse(document.text).definitions

    assert operation.name.value == document.name
    assert (operation.operation.value == "mutation") is document.write


@pytest.mark.parametrize("name", ["INVENTORY_SET", "INVENTORY_ACTIVATE"])
def test_inventory_writes_carry_an_idempotency_key(name: str) -> None:
    # Required at run time since 2026-04; the schema does not show it.
    document: Document = getattr(documents, name)

    assert "@idempotent(key: $key)" in document.text
