"""The JSON Schema that editors complete and check configurations by."""

from __future__ import annotations

import re
from typing import Any

from pydantic.json_schema import models_json_schema

import connectors.registry
from config.model import Config
from config.validation import Registry

#: The first line of a configuration, for editors that know the YAML language server.
MODELINE = "# yaml-language-server: $schema=lockstep.schema.json"

_REFERENCE = {"type": "string", "pattern": r"\$\{(env|file):[^}]+\}"}
#: Keywords beside which a `${env:NAME}` would be refused.
_NARROW = frozenset({"pattern", "enum", "const", "format", "minLength"})
#: Keywords whose values are values, not schemas.
_VALUES = frozenset({"default", "examples", "enum", "const", "required", "mapping"})


def schema(*, registry: Registry = connectors.registry) -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole tree, connector settings told apart by `type`."""
    settings = {kind: registry.settings_of(kind) for kind in registry.kinds()}
    references, whole = models_json_schema(
        [(Config, "validation"), *((model, "validation") for model in settings.values())],
        ref_template="#/$defs/{model}",
    )
    definitions = {name: _widened(made) for name, made in whole["$defs"].items()}
    top = definitions.pop(_name(references[(Config, "validation")]))
    choices = {kind: references[(model, "validation")] for kind, model in settings.items()}
    top["properties"]["connections"]["additionalProperties"] = {
        "oneOf": list(choices.values()),
        "discriminator": {
            "propertyName": "type",
            "mapping": {kind: choice["$ref"] for kind, choice in choices.items()},
        },
    }
    required = top.pop("required", [])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "Lockstep configuration",
        "properties": {"include": _include(), **top["properties"]},
        # A file that includes others may leave to them what is required.
        "anyOf": [{"required": required}, {"required": ["include"]}],
        "$defs": definitions,
    }


def _include() -> dict[str, Any]:
    return {
        "description": "files whose maps are merged into this one; no key may be in both",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }


def _name(reference: dict[str, Any]) -> str:
    return re.sub(r"^#/\$defs/", "", str(reference["$ref"]))


def _widened(made: Any) -> Any:
    """The schema with a reference allowed wherever a plain value is narrower than text."""
    if isinstance(made, list):
        return [_widened(one) for one in made]
    if not isinstance(made, dict):
        return made
    opened = {key: one if key in _VALUES else _widened(one) for key, one in made.items()}
    if "properties" in made:
        # A property may be called like a keyword.
        opened["properties"] = {name: _widened(one) for name, one in made["properties"].items()}
    if not _is_narrow(opened):
        return opened
    told = {key: opened.pop(key) for key in ("description", "default", "title") if key in opened}
    return {**told, "anyOf": [opened, _REFERENCE]}


def _is_narrow(made: dict[str, Any]) -> bool:
    kind = made.get("type")
    if "const" in made:
        return False  # a discriminator has to be readable as it stands
    if kind in ("integer", "number", "boolean"):
        return True
    return kind == "string" and bool(_NARROW & made.keys())
