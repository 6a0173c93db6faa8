"""config/example.yaml shows every option there is, and loads."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

import connectors.registry
from config.fields import flat
from config.load import Loaded, load
from config.model import Config
from config.problems import ConfigProblems
from config.reading import Tree
from config.schema import MODELINE, schema
from config.table import COLUMNS

EXAMPLE = Path(__file__).parents[2] / "config" / "example.yaml"
ENVIRONMENT = {
    "SHOPIFY_CLIENT_ID": "id",
    "SHOPIFY_CLIENT_SECRET": "shpss_x",
    "AMAZON_APP_ID": "amzn1.application-oa2-client.x",
    "AMAZON_CLIENT_SECRET": "x",
    "AMAZON_REFRESH_TOKEN": "Atzr|x",
    "SQS_KEY_ID": "AKIA",
    "SQS_SECRET": "x",
    "ACME_PASSWORD": "x",
    "CEDAR_TOKEN": "x",
    "CEDAR_SIGNING_KEY": "x",
    "CEDAR_CALL_SECRET": "x",
    "PURCHASING_SMTP_PASSWORD": "x",
    "PURCHASING_IMAP_PASSWORD": "x",
    "BOLT_PASSWORD": "x",
    "ORION_TOKEN": "x",
    "ORION_KEY": "x",
    "PRIME_PASSWORD": "x",
    "FEEDS_PASSWORD": "x",
    "UPS_CLIENT_ID": "x",
    "UPS_CLIENT_SECRET": "x",
    "UPS_ACCOUNT_NUMBER": "A1B2C3",
    "USPS_CLIENT_ID": "x",
    "USPS_CLIENT_SECRET": "x",
    "FEDEX_API_KEY": "x",
    "FEDEX_SECRET_KEY": "x",
    "DHL_API_KEY": "x",
    "MYDHL_USERNAME": "x",
    "MYDHL_PASSWORD": "x",
    "EASYPOST_API_KEY": "x",
    "SEVENTEEN_TRACK_TOKEN": "x",
    "SMTP_PASSWORD": "x",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The example with its secret files where a test can write."""
    for name in ("outlet_token", "acme_key"):
        (tmp_path / name).write_text("secret\n")
    text = EXAMPLE.read_text(encoding="utf-8").replace("/run/secrets/", f"{tmp_path}/")
    (tmp_path / "example.yaml").write_text(text, encoding="utf-8")
    for beside in ("example-names.csv", "example-skus.csv", "example-rates.csv"):
        shutil.copy(EXAMPLE.with_name(beside), tmp_path)
    return tmp_path / "example.yaml"


def test_it_loads(copy: Path) -> None:
    loaded = load(copy, environment=ENVIRONMENT)

    assert isinstance(loaded, Loaded)
    assert {settings.type for settings in loaded.config.connections.values()} == set(
        connectors.registry.kinds()
    )


def test_without_its_environment_each_variable_is_asked_for(copy: Path) -> None:
    with pytest.raises(ConfigProblems) as raised:
        load(copy, environment={})

    asked = [problem.wrong for problem in raised.value.problems]
    assert asked == [f"environment variable {name} is not set" for name in ENVIRONMENT]


def test_an_address_to_deliver_to_is_that_of_a_location(copy: Path) -> None:
    right = "warehouse-nj: [Example Shop Receiving"
    text = copy.read_text(encoding="utf-8")
    assert text.count(right) == 1
    copy.write_text(text.replace(right, right.replace("-nj", "-ny")), encoding="utf-8")

    with pytest.raises(ConfigProblems, match="'warehouse-ny' names no location"):
        load(copy, environment=ENVIRONMENT)


def test_every_option_of_every_model_appears() -> None:
    written = yaml.load(EXAMPLE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    shown: dict[type[BaseModel], set[str]] = {}
    for model, keys in _shown(Config, written):
        shown.setdefault(model, set()).update(keys)
    for settings in written["connections"].values():
        for model, keys in _shown(connectors.registry.settings_of(settings["type"]), settings):
            shown.setdefault(model, set()).update(keys)

    missing = {
        f"{model.__module__}.{model.__name__}.{name}"
        for model in _models()
        for name in set(model.model_fields) - shown.get(model, set())
    }

    # A SKU's policy and a channel's are the same model; each field is shown once somewhere.
    assert missing == set()


def test_every_column_of_the_sku_table_appears() -> None:
    header = EXAMPLE.with_name("example-skus.csv").read_text(encoding="utf-8").splitlines()[0]

    assert set(header.split(",")) == set(COLUMNS)


def test_editors_accept_it_by_its_first_line() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    made = schema()

    assert text.startswith(MODELINE)
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.validate(_as_yaml_12(EXAMPLE), made)


@pytest.mark.parametrize("kind", connectors.registry.kinds())
def test_settings_refuse_unknown_keys_and_do_not_change(kind: str) -> None:
    settings = connectors.registry.settings_of(kind)

    assert settings.model_config["extra"] == "forbid"
    assert settings.model_config["frozen"] is True


def _shown(annotation: Any, written: Any) -> Iterator[tuple[type[BaseModel], set[str]]]:
    """(model, keys) for each place of the example that the annotation describes."""
    for one in flat(annotation):
        arguments = getattr(one, "__args__", ())
        if isinstance(one, type) and issubclass(one, BaseModel) and isinstance(written, dict):
            if set(written) <= set(one.model_fields):
                yield one, set(written)
                for base in one.__mro__[1:]:
                    if issubclass(base, BaseModel):
                        yield base, set(written) & set(base.model_fields)
                for name, value in written.items():
                    yield from _shown(one.model_fields[name].annotation, value)
        elif arguments and isinstance(written, dict):
            for value in written.values():
                yield from _shown(arguments[-1], value)
        elif arguments and isinstance(written, list):
            for value in written:
                yield from _shown(arguments[0], value)


def _models() -> set[type[BaseModel]]:
    """Every model that a configuration may consist of."""
    found: set[type[BaseModel]] = set()

    def visit(annotation: Any) -> None:
        for one in flat(annotation):
            if isinstance(one, type) and issubclass(one, BaseModel):
                if one not in found:
                    found.add(one)
                    for field in one.model_fields.values():
                        visit(field.annotation)
            else:
                for argument in getattr(one, "__args__", ()):
                    visit(argument)

    visit(Config)
    for kind in connectors.registry.kinds():
        visit(connectors.registry.settings_of(kind))
    return found


def _as_yaml_12(path: Path) -> Any:
    return Tree(path, environment=dict.fromkeys(ENVIRONMENT, "x")).sheet.root.plain()


def test_no_slip_of_the_pen_ends_in_anything_but_problems(copy: Path) -> None:
    chance = random.Random(20261124)
    letters = list(copy.read_text(encoding="utf-8"))
    environment = dict.fromkeys(ENVIRONMENT, "never-to-be-shown")
    told: list[str] = []

    for _ in range(60):
        slipped = letters.copy()
        for _ in range(3):
            at = chance.randrange(len(slipped))
            slipped[at : at + chance.choice([0, 1, 30])] = chance.choice(
                "\t:{}[]'\"#&*!|>-%@`,\n\a"
            )
        copy.write_text("".join(slipped), encoding="utf-8")
        try:
            load(copy, environment=environment)
        except ConfigProblems as problems:
            told.append(str(problems))

    assert len(told) > 20
    assert "never-to-be-shown" not in "".join(told)
