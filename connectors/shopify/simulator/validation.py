"""graphql-core's complaints in the words and codes of Shopify's server.

Codes, paths and sentences as recorded from real stores; a complaint without a recorded twin keeps
its own sentence with the code "invalid".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    print_ast,
    type_from_ast,
    validate_input_value,
    value_from_ast_untyped,
)

#: Arrays longer than this are refused before execution.
MAX_ARRAY = 250

Shown = dict[str, Any]
Rewording = tuple[re.Pattern[str], Callable[[re.Match[str], GraphQLError], tuple[str, Shown]]]


def _unknown_field(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    name, kind = match.groups()
    return (
        f"Field '{name}' doesn't exist on type '{kind}'",
        {"code": "undefinedField", "typeName": kind, "fieldName": name},
    )


def _missing_argument(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    field, argument = match.groups()
    return (
        f"Field '{field}' is missing required arguments: {argument}",
        {
            "code": "missingRequiredArguments",
            "className": "Field",
            "name": field,
            "arguments": argument,
        },
    )


def _unknown_argument(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    argument, field = match.groups()
    return (
        f"Field '{field}' doesn't accept argument '{argument}'",
        {
            "code": "argumentNotAccepted",
            "name": field,
            "typeName": "Field",
            "argumentName": argument,
        },
    )


def _no_selection(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    field, kind = match.groups()
    kind = kind.strip("[]!")
    return (
        f"Field must have selections (field '{field}' returns {kind} but has no selections."
        f" Did you mean '{field} {{ ... }}'?)",
        {"code": "selectionMismatch", "nodeName": f"field '{field}'", "typeName": kind},
    )


def _selection_on_leaf(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    field, kind = match.groups()
    kind = kind.strip("[]!")
    return (
        f"Selections can't be made on scalars (field '{field}' returns {kind} but has selections)",
        {"code": "selectionMismatch", "nodeName": f"field '{field}'", "typeName": kind},
    )


def _unused_variable(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    variable, operation = match.groups()
    return (
        f"Variable ${variable} is declared by {operation or 'anonymous query'} but not used",
        {"code": "variableNotUsed", "variableName": variable},
    )


def _undefined_variable(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    variable, operation = match.groups()
    return (
        f"Variable ${variable} is used by {operation or 'anonymous query'} but not declared",
        {"code": "variableNotDefined", "variableName": variable},
    )


def _undefined_directive(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    return (
        f"Directive @{match[1]} is not defined",
        {"code": "undefinedDirective", "directiveName": match[1]},
    )


def _bad_literal(match: re.Match[str], error: GraphQLError) -> tuple[str, Shown]:
    value = print_ast(error.nodes[0]) if error.nodes else ""
    return (
        f"Argument has an invalid value ({value}). {match.string}",
        {"code": "argumentLiteralsIncompatible", "typeName": "CoercionError"},
    )


_REWORDINGS: tuple[Rewording, ...] = (
    (re.compile(r"Cannot query field '(\w+)' on type '(\w+)'"), _unknown_field),
    (
        re.compile(r"Argument '\w+\.(\w+)\((\w+):\)' of type '.+' is required"),
        _missing_argument,
    ),
    (re.compile(r"Unknown argument '(\w+)' on field '\w+\.(\w+)'"), _unknown_argument),
    (re.compile(r"Field '(\w+)' of type '(.+)' must have a selection"), _no_selection),
    (
        re.compile(r"Field '(\w+)' must not have a selection since type '(.+)' has"),
        _selection_on_leaf,
    ),
    (
        re.compile(r"Variable '\$(\w+)' is never used(?: in operation '(\w+)')?"),
        _unused_variable,
    ),
    (
        re.compile(r"Variable '\$(\w+)' is not defined(?: by operation '(\w+)')?"),
        _undefined_variable,
    ),
    (re.compile(r"Unknown directive '@(\w+)'"), _undefined_directive),
    (
        re.compile(r"(\w+ cannot represent|Value '.+' does not exist|Expected value of)"),
        _bad_literal,
    ),
)


def parse_error(error: GraphQLError, text: str) -> Shown:
    """PARSE_ERROR. An end that comes too early is placed at the last word (recorded)."""
    place = error.locations[0] if error.locations else None
    line, column = (place.line, place.column) if place else (1, 1)
    unexpected = re.search(r"(?:found|Unexpected) (.+?)\.?$", error.message)
    what = unexpected[1] if unexpected else error.message
    if "<EOF>" in what:
        what = "end of file"
        words = list(re.finditer(r"\w+|[^\w\s]", text))
        if words:
            before = text[: words[-1].start()]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return {
        "message": f"syntax error, unexpected {what} at [{line}, {column}]",
        "locations": [{"line": line, "column": column}],
        "extensions": {"code": "PARSE_ERROR"},
    }


def reworded(error: GraphQLError, document: DocumentNode) -> Shown:
    """A validation error as Shopify shows it."""
    message, extensions = error.message, {"code": "invalid"}
    for pattern, word in _REWORDINGS:
        if match := pattern.match(error.message):
            message, extensions = word(match, error)
            break
    shown: Shown = {"message": message}
    if error.locations:
        first = error.locations[0]
        shown["locations"] = [{"line": first.line, "column": first.column}]
    if error.nodes:
        shown["path"] = _path_to(error.nodes[0], document)
    shown["extensions"] = extensions
    return shown


def _path_to(target: Node, document: DocumentNode) -> list[str]:
    """ "query Name", then field by field, down to the node."""

    def walk(node: Any, path: list[str]) -> list[str] | None:
        here = [*path, *_step(node)]
        if node is target:
            return here
        for name in node.keys:
            below = getattr(node, name, None)
            for child in below if isinstance(below, tuple | list) else (below,):
                if isinstance(child, Node):
                    found = walk(child, here)
                    if found is not None:
                        return found
        return None

    for definition in document.definitions:
        found = walk(definition, [])
        if found is not None:
            return found
    return []


def _step(node: Any) -> list[str]:
    name = getattr(getattr(node, "name", None), "value", "")
    if node.kind == "operation_definition":
        return [f"{node.operation.value} {name}".strip()]
    if node.kind == "fragment_definition":
        return [f"fragment {name}"]
    if node.kind == "field":
        return [node.alias.value if node.alias else name]
    return [name] if node.kind in ("argument", "object_field") else []


# -- variables


def variable_errors(
    schema: GraphQLSchema, operation: OperationDefinitionNode, values: Mapping[str, Any]
) -> list[Shown]:
    """INVALID_VARIABLE for each variable whose value does not fit."""
    found = []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name not in values and definition.default_value is not None:
            continue
        kind = type_from_ast(schema, definition.type)
        required = definition.type.kind == "non_null_type"
        if kind is None or (name not in values and not required):
            continue
        value = values.get(name)
        problems: list[Shown] = []
        if value is None and required:
            problems.append({"path": [], "explanation": "Expected value to not be null"})
        elif value is not None:
            _collect_problems(value, kind, problems)
        if problems:
            found.append(_invalid_variable(name, definition, value, problems))
    return found


def _collect_problems(value: Any, kind: Any, problems: list[Shown]) -> None:
    def on_error(error: GraphQLError, path: list[str | int]) -> None:
        at, explanation = _explained(error.message, list(path))
        problems.append({"path": at, "explanation": explanation})

    validate_input_value(value, kind, on_error, hide_suggestions=True)


def _explained(message: str, path: list[str | int]) -> tuple[list[str | int], str]:
    if match := re.match(r"Expected value of type '(\w+)' not to include unknown field '(\w+)'", message):  # fmt: skip
        return [*path, match[2]], f"Field is not defined on {match[1]}"
    if match := re.match(r"Expected value of type '.+' to include required field '(\w+)'", message):
        return [*path, match[1]], "Expected value to not be null"
    if message.startswith("Expected value of non-null type"):
        return path, "Expected value to not be null"
    if match := re.match(r"(\w+) cannot represent [\w -]+ value: (.*)", message, re.DOTALL):
        return path, f"Could not coerce value {match[2]} to {match[1]}"
    return path, message


def _invalid_variable(name: str, definition: Any, value: Any, problems: list[Shown]) -> Shown:
    told = ", ".join(
        f"{'.'.join(str(step) for step in problem['path'])} ({problem['explanation']})"
        for problem in problems
        if problem["path"]
    )
    place = definition.loc.source.get_location(definition.loc.start)
    message = f"Variable ${name} of type {print_ast(definition.type)} was provided invalid value"
    return {
        "message": message + (f" for {told}" if told else ""),
        "locations": [{"line": place.line, "column": place.column}],
        "extensions": {"code": "INVALID_VARIABLE", "value": value, "problems": problems},
    }


def array_errors(operation: OperationDefinitionNode, values: Mapping[str, Any]) -> list[Shown]:
    """MAX_INPUT_SIZE_EXCEEDED for each argument that holds too long an array."""
    found = []
    for field in operation.selection_set.selections:
        if not isinstance(field, FieldNode):
            continue
        for argument in field.arguments or ():
            given = value_from_ast_untyped(argument.value, dict(values))
            for path, length in _too_long(given, [argument.name.value]):
                assert argument.loc, "parsed with locations"
                place = argument.loc.source.get_location(argument.loc.start)
                found.append(
                    {
                        "message": f"The input array size of {length} is greater than the maximum"
                        f" allowed of {MAX_ARRAY}.",
                        "locations": [{"line": place.line, "column": place.column}],
                        "path": [field.name.value, *path],
                        "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"},
                    }
                )
    return found


def _too_long(value: Any, path: list[str]) -> list[tuple[list[str], int]]:
    if isinstance(value, list):
        here = [(path, len(value))] if len(value) > MAX_ARRAY else []
        return here + [
            hit
            for number, each in enumerate(value)
            for hit in _too_long(each, [*path, str(number)])
        ]
    if isinstance(value, dict):
        return [hit for name, each in value.items() for hit in _too_long(each, [*path, name])]
    return []
