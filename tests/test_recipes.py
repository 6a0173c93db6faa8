"""RECIPES.md: every block loads beside the least there must be, and every command in it exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

from config.fields import flat
from config.load import load
from config.model import Config
from config.offers import OfferPolicy, PolicyRule
from jobs.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "RECIPES.md").read_text(encoding="utf-8")
#: Built of hundreds of options: once, not for each command line that is tried.
COMMANDS: Any = typer.main.get_command(app)

#: What the README's configuration names, without what recipes say instead.
LEAST = """
shop: {name: Acme Mugs, time_zone: America/New_York}
orders: {route_from: 2026-12-01T00:00:00-05:00}
connections:
  shopify-us: {type: shopify, shop: a.myshopify.com, client_id: c, client_secret: "${env:SECRET}"}
  amazon-us:
    {type: amazon, seller_id: A2EXAMPLE, lwa_app_id: c, lwa_client_secret: "${env:SECRET}",
      refresh_token: "${env:SECRET}"}
  warehouse:
    type: supplier_file
    transport: {kind: local, root: warehouse}
    folders: {requests_out: requests, shipments_in: {path: shipments}}
  acme:
    type: supplier_file
    transport: {kind: local, root: acme}
    folders:
      {stock_in: {path: stock}, requests_out: orders, shipments_in: {path: shipments},
        purchases_out: purchases}
    location: acme-supplies
  mail: {type: email, host: 127.0.0.1, tls: none, sender: alerts@example.com}
channels:
  shopify-us: {connection: shopify-us}
  amazon-us: {connection: amazon-us}
locations:
  warehouse-nj: {counted_by: lockstep, priority: 10, ships_through: warehouse}
  acme-supplies: {counted_by: acme, basis: net, priority: 20, ships_through: acme}
skus: {table: skus.csv}
"""

#: Parts of the configuration that are neither a policy nor a guard nor an alert: how things are
#: reached, found, named and paced.
NOT_RECIPES = {
    "shop", "orders", "store", "connections", "include", "pace", "asking", "running",
}  # fmt: skip


def recipes() -> dict[str, str]:
    """Heading -> its block of YAML."""
    parts = re.split(r"^##+ (.*)$", TEXT, flags=re.M)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S):
            assert heading not in found, heading
            found[heading] = block
    return found


def commands() -> list[list[str]]:
    """Every `./lockstep …` in the text, as words."""
    return [shlex.split(one)[1:] for one in re.findall(r"`(\./lockstep [a-z][^`\n]*)`", TEXT)]


@pytest.mark.parametrize(("heading", "block"), recipes().items(), ids=recipes())
def test_a_recipe_loads_beside_the_least_there_must_be(heading: str, block: str, tmp_path: Path):
    # given a recipe in a file of its own
    (tmp_path / "recipe.yaml").write_text(block, encoding="utf-8")
    (tmp_path / "least.yaml").write_text(LEAST, encoding="utf-8")
    (tmp_path / "lockstep.yaml").write_text("include: [least.yaml, recipe.yaml]\n")
    (tmp_path / "skus.csv").write_text("sku,tags\nMUG-BLUE,mug bestseller\nTRAY,fragile\n")

    # when it is loaded with the rest
    loaded = load(tmp_path / "lockstep.yaml", environment={"SECRET": "x"})

    # then it is in order, and says something
    least = load(tmp_path / "least.yaml", environment={"SECRET": "x"})
    assert loaded.config != least.config, heading


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_a_recipe_exists_with_its_options(words: list[str]):
    command = COMMANDS
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]

    # Parses names, types and counts, and runs nothing.
    command.make_context(command.name, words)


def test_every_recipe_names_a_command_that_shows_it():
    parts = re.split(r"^##+ (.*)$", TEXT, flags=re.M)
    without = [
        heading
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
        if heading in recipes() and "`./lockstep " not in text
    ]

    assert without == []


def test_every_part_that_decides_something_has_a_recipe():
    written = {key for block in recipes().values() for key in _plain(block)}

    assert set(Config.model_fields) - NOT_RECIPES - written == set()


@pytest.mark.parametrize("model", [OfferPolicy, PolicyRule])
def test_every_field_of_a_policy_is_in_a_recipe(model: type[BaseModel]):
    named = {
        name for block in recipes().values() for rule in _rules(_plain(block)) for name in rule
    }

    assert set(model.model_fields) - named == set()


GUARDS = [
    "locations.snapshot", "locations.stale", "locations.closing", "locations.feed", "plan",
    "drift.other_writer", "ledger.counts", "locations.dispatch", "routing", "routing.late",
    "routing.untrusted", "review", "review.billing", "review.velocity", "review.quantity",
    "review.restrictions", "review.rules",
]  # fmt: skip


@pytest.mark.parametrize("path", GUARDS)
def test_every_field_of_a_guard_is_in_a_recipe(path: str):
    *_, model = _models(path.split("."))
    named = {name for block in recipes().values() for name in _said(_plain(block), path.split("."))}

    assert set(model.model_fields) - named == set()


def _plain(block: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(block, Loader=yaml.BaseLoader)
    return found


def _rules(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from block.get("policies", [])
    for season in block.get("seasons", []):
        yield from season["policies"]


def _models(path: list[str]) -> Iterator[type[BaseModel]]:
    """The model of the configuration and of each part on the path; names of places are passed over."""
    model: type[BaseModel] = Config
    yield model
    for name in path:
        model = next(_parts(model.model_fields[name].annotation))
        yield model


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    for one in flat(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one
        else:
            for argument in getattr(one, "__args__", ()):
                yield from _parts(argument)


def _said(block: dict[str, Any], path: list[str]) -> set[str]:
    """Keys that a block says of the part at the end of the path."""
    head, *rest = path
    part = block.get(head, {})
    if head == "locations":
        return {key for place in part.values() for key in _said(place, rest)}
    if isinstance(part, list):
        return {key for one in part for key in one}
    return _said(part, rest) if rest else set(part)
