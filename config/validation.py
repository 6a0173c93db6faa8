"""The tree against the models: pydantic's findings in an admin's words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from config.fields import Shape
from config.model import Config
from config.nodes import Node, Sheet, Trouble
from config.problems import Path, dotted
from config.secrets import without

Model = TypeVar("Model", bound=BaseModel)
#: (wrong, expected, fix)
Words = tuple[str, str, str]


class Registry(Protocol):
    """Which connectors there are; the module connectors.registry is one."""

    def kinds(self) -> tuple[str, ...]: ...

    def settings_of(self, kind: str) -> type[Any]: ...


def near(name: str, known: Iterable[str]) -> str:
    """`did you mean 'token'?`, or "" when nothing is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else ""


def connector_settings(sheet: Sheet, registry: Registry) -> dict[str, type[BaseModel]]:
    """Connection -> the model of its settings. An absent or unknown `type` becomes a trouble."""
    found: dict[str, type[BaseModel]] = {}
    connections = sheet.find(("connections",))
    if connections is None or not isinstance(connections.value, dict):
        return found
    kinds = registry.kinds()
    for name, entry in connections.value.items():
        path: Path = ("connections", name)
        kind = entry.node.child("type")
        expected = f"expected one of {', '.join(kinds)}"
        if kind is None:
            wrong = "`type` is missing" if isinstance(entry.node.value, dict) else "no settings"
            sheet.troubles.append(Trouble(entry.at, path, wrong, expected, consequence=True))
        elif kind.value in kinds:
            found[name] = registry.settings_of(str(kind.value))
        else:
            text = str(kind.value)
            wrong = "no such connector" if kind.referenced else f"there is no connector {text!r}"
            sheet.troubles.append(
                Trouble(kind.at, (*path, "type"), wrong, expected, near(text, kinds))
            )
    return found


def validated(sheet: Sheet, settings: Mapping[str, type[BaseModel]], shape: Shape) -> Config | None:
    """The configuration; None when it has troubles, which are then in `sheet.troubles`."""
    plain = sheet.root.plain()
    config = _read(Config, plain, (), sheet, shape)
    connections: dict[str, BaseModel] = {}
    for name, model in settings.items():
        path: Path = ("connections", name)
        node = sheet.find(path)
        made = _read(model, node.plain() if node else None, path, sheet, shape)
        if made is not None:
            connections[name] = made
    sheet.troubles.extend(_literal_secrets(sheet, shape))
    if config is None:
        return None
    return config.model_copy(update={"connections": connections})


def _read(
    model: type[Model], plain: object, base: Path, sheet: Sheet, shape: Shape
) -> Model | None:
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        # A value whose reading failed (a reference that leads nowhere) is told once.
        told = {trouble.path for trouble in sheet.troubles if trouble.path}
        found = (_trouble(one, base, sheet, shape) for one in error.errors(include_url=False))
        sheet.troubles.extend(trouble for trouble in found if trouble.path not in told)
        return None


def _literal_secrets(sheet: Sheet, shape: Shape) -> Iterator[Trouble]:
    """Secrets stand in the environment or in files of their own, never in the YAML."""
    for path, node in sheet.spans:
        if node.referenced or not node.written or not shape.at(path) or not shape.secret(path):
            continue
        if path == ("store", "url") and "@" not in node.written:
            continue  # a file's name is no secret; a password stands before an @
        yield Trouble(
            node.at,
            path,
            "a secret stands here in plain text",
            "expected a reference: ${env:NAME} or ${file:/run/secrets/name}",
            "move it there, and change it at the remote if this file was shared",
        )


def _trouble(error: Any, base: Path, sheet: Sheet, shape: Shape) -> Trouble:
    kind = str(error["type"])
    path = _tree_path(base, error["loc"], sheet)
    if kind == "extra_forbidden":
        return _unknown_key(path, sheet, shape)
    if kind == "missing":
        return _missing(path, sheet, shape)
    node = sheet.find(path)
    hidden = _hidden(node, path, sheet, shape)
    is_group = node is not None and isinstance(node.value, dict | list)
    shown = "this" if node is None or (hidden and not is_group) else _shown(node)
    words = _words(kind, shown, error, node)
    wrong, expected, fix = (without(hidden, part) for part in words)
    # All that stood below it may be among the lines that could not be read.
    emptied = node is not None and node.value is None and not node.written
    return Trouble(sheet.at(path), path, wrong, expected, fix, consequence=emptied)


def _tree_path(base: Path, location: Iterable[str | int], sheet: Sheet) -> Path:
    """Pydantic's location without the tags of unions and validators, which the tree has not."""
    steps = list(location)
    path = base
    for index, step in enumerate(steps):
        node = sheet.find(path)
        if node is None:
            break
        last = index == len(steps) - 1
        if node.child(step) is not None or (last and isinstance(node.value, dict)):
            path = (*path, step)
    return path


def _hidden(node: Node | None, path: Path, sheet: Sheet, shape: Shape) -> list[str]:
    """Texts at or below the node that no message may show."""
    if node is None:
        return []
    if not isinstance(node.value, dict | list):
        return [str(node.value)] if node.referenced or shape.secret(path) else []
    # A validator of a whole model may have put any of its values into its message.
    return [
        str(one.value)
        for below, one in sheet.spans
        if below[: len(path)] == path
        and len(str(one.value)) > 3
        and (one.referenced or shape.secret(below))
    ]


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a group of keys"
    if isinstance(node.value, list):
        return "a list"
    if not isinstance(node.value, str) and node.written:
        return node.written
    text = node.written if len(node.written) <= 60 else node.written[:57] + "..."
    return repr(text) if text else "nothing"


def _unknown_key(path: Path, sheet: Sheet, shape: Shape) -> Trouble:
    names = shape.names(path[:-1])
    fix = near(str(path[-1]), names)
    expected = "" if fix or not names else f"expected one of {', '.join(names)}"
    return Trouble(sheet.key(path), path, f"there is no key {path[-1]!r} here", expected, fix)


def _missing(path: Path, sheet: Sheet, shape: Shape) -> Trouble:
    name = str(path[-1])
    described = ""
    for model in shape.at(path[:-1]):
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(name)
            described = (field.description or "") if field else ""
    at = sheet.key(path[:-1]) if len(path) > 1 else sheet.root.at
    parent = dotted(path[:-1])
    wrong = f"`{name}` is missing"
    expected = f"expected: {described}" if described else ""
    return Trouble(at, path[:-1] if parent else (), wrong, expected, "", consequence=True)


#: pydantic's error type -> what was expected
_EXPECTED: dict[str, tuple[str, str]] = {
    "int_type": ("{shown} is no whole number", "expected a whole number such as 5"),
    "int_parsing": ("{shown} is no whole number", "expected a whole number such as 5"),
    "int_from_float": ("{shown} is no whole number", "expected a whole number such as 5"),
    "float_type": ("{shown} is no number", "expected a number such as 2.5"),
    "float_parsing": ("{shown} is no number", "expected a number such as 2.5"),
    "bool_type": ("{shown} is neither true nor false", "expected true or false"),
    "bool_parsing": ("{shown} is neither true nor false", "expected true or false"),
    "model_type": ("{shown} stands here", "expected keys and values below it"),
    "model_attributes_type": ("{shown} stands here", "expected keys and values below it"),
    "dict_type": ("{shown} stands here", "expected names with their settings below it"),
    "tuple_type": ("{shown} is no list", "expected a list: [a, b]"),
    "list_type": ("{shown} is no list", "expected a list: [a, b]"),
    "set_type": ("{shown} is no list", "expected a list: [a, b]"),
    "frozen_set_type": ("{shown} is no list", "expected a list: [a, b]"),
    "datetime_type": ("{shown} is no instant", "expected 2026-11-24T00:00:00Z"),
    "datetime_parsing": ("{shown} is no instant", "expected 2026-11-24T00:00:00Z"),
    "datetime_from_date_parsing": ("{shown} is no instant", "expected 2026-11-24T00:00:00Z"),
    "greater_than_equal": ("{shown} is too small", "expected {ge} or more"),
    "greater_than": ("{shown} is too small", "expected more than {gt}"),
    "less_than_equal": ("{shown} is too large", "expected {le} or less"),
    "less_than": ("{shown} is too large", "expected less than {lt}"),
    "string_pattern_mismatch": ("{shown} has not the form that is needed", "expected {pattern}"),
    "string_too_short": ("{shown} is too short", "expected at least {min_length} letters"),
    "too_short": ("too few items", "expected at least {min_length}"),
    "literal_error": ("{shown} is not known here", "expected {expected}"),
    "enum": ("{shown} is not known here", "expected {expected}"),
    "union_tag_invalid": ("`{tag}` is not known here", "expected {expected_tags}"),
}


def _words(kind: str, shown: str, error: Any, node: Node | None) -> Words:
    context = error.get("ctx", {})
    if kind == "string_type" and node is not None:
        return _no_text(shown, node)
    if kind in ("model_type", "dict_type") and node is not None and node.value is None:
        return "nothing stands below it", "expected keys and values", "leave the line out instead"
    if kind == "union_tag_not_found":
        tag = str(context.get("discriminator", "")).strip("'")
        return f"`{tag}` is missing", "it says which kind this is", ""
    if kind in ("value_error", "assertion_error"):
        return _own_words(context, error)
    if kind not in _EXPECTED:
        return str(error["msg"]), "", ""
    wrong, expected = (part.format_map(_Blanks(context, shown=shown)) for part in _EXPECTED[kind])
    fix = ""
    if kind in ("literal_error", "enum") and node is not None and not node.referenced:
        fix = near(str(node.value), str(context.get("expected", "")).split("'"))
    return wrong, expected, fix


class _Blanks(dict[str, object]):
    """A sentence's blanks; what pydantic does not tell is left open."""

    def __missing__(self, key: str) -> str:
        return "..."


def _no_text(shown: str, node: Node) -> Words:
    if isinstance(node.value, dict | list):
        return f"{shown} stands here", "expected text", ""
    return f"{shown} is no text", "expected text", "put it in quotes" if node.written else ""


def _own_words(context: Mapping[str, object], error: Any) -> Words:
    """A validator of ours says what was wrong and, after a semicolon, what to do."""
    text = str(context.get("error") or error["msg"]).removeprefix("Value error, ")
    wrong, _, fix = text.partition("; ")
    return wrong, "", fix
