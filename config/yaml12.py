"""YAML 1.2 core resolution over PyYAML's node marks, and one more try after each broken line.

PyYAML speaks YAML 1.1, where `NO` is false, 1_000 a number, 12:30 the number 750 and
2026-11-24 a date (https://yaml.org/spec/1.2.2/#103-core-schema has none of these).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from config.nodes import Scalar, Trouble
from config.problems import Position

_TAG = "tag:yaml.org,2002:"
#: How many broken lines of one file are told.
_MOST = 20


class _Core(BaseResolver):
    """The implicit types of the YAML 1.2 core schema, and no others."""


for _name, _shape, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+0123456789."),
    ),
):
    _Core.add_implicit_resolver(_TAG + _name, re.compile(_shape), _first)


class _Loader(Reader, Scanner, Parser, Composer, _Core):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Core.__init__(self)


def _integer(text: str) -> int:
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return int(text)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_READ: dict[str, Callable[[str], Scalar]] = {
    _TAG + "null": lambda text: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": _integer,
    _TAG + "float": _float,
    _TAG + "str": lambda text: text,
}


def scalar(node: yaml.ScalarNode) -> Scalar:
    """A scalar's value. Raises ValueError for a tag that YAML 1.2's core schema has not."""
    read = _READ.get(str(node.tag))
    if read is None:
        raise ValueError("a tag that is not known here")
    return read(node.value)


def compose(file: str, text: str) -> tuple[yaml.Node | None, list[Trouble]]:
    """The node tree of one file. After a broken line the rest is read without it.

    A YAML parser stops at the first broken line; an admin wants to hear of the others as well.
    So the line is blanked, with what is indented below it, and the file is read once more.
    """
    lines = text.split("\n")
    troubles: list[Trouble] = []
    while len(troubles) < _MOST:
        try:
            # Anchors are legal YAML; what they cost is bounded by the builder.
            return _Loader("\n".join(lines)).get_single_node(), troubles
        except ReaderError as error:
            troubles.append(_unreadable(file, lines, error))
            return None, troubles
        except yaml.MarkedYAMLError as error:
            mark = _culprit(error, lines)
            if mark is None:
                return None, troubles
            troubles.append(_told(file, mark, error))
            _blank(lines, mark.line)
    return None, troubles


def _unreadable(file: str, lines: list[str], error: ReaderError) -> Trouble:
    before = "\n".join(lines)[: error.position]
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Trouble(
        Position(file, line, column), (), "a control character", "", "take it out or escape it"
    )


def _culprit(error: yaml.MarkedYAMLError, lines: list[str]) -> yaml.Mark | None:
    """The mark a person should look at. An open quote or bracket is noticed only much later."""
    began_here = (error.context or "").startswith(
        ("while scanning a quoted", "while scanning a simple", "while parsing a flow")
    )
    marks = [error.problem_mark, error.context_mark]
    if began_here:
        marks.reverse()
    for mark in marks:
        if mark is not None and mark.line < len(lines) and lines[mark.line].strip():
            return mark
    return None


#: PyYAML's words -> ours: (what was wrong, what to do). The words never repeat the file's text:
#: a password that begins with * or ! ends up in exactly these errors.
_WORDS = (
    (
        "mapping values are not allowed",
        "a second `: ` where text was begun",
        "quote text that holds `: `, or indent this line like its neighbors",
    ),
    ("character '\\t'", "a tab", "indent with spaces"),
    (
        "undefined alias",
        "text that begins with * means an alias, and its anchor is not here",
        "quote it",
    ),
    (
        "cannot start any token",
        "text that begins with a character YAML keeps for itself",
        "quote it",
    ),
    ("expected a single document", "a second document", "keep one document per file"),
    ("unexpected end of stream", "a quote that is never closed", "close it"),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("expected ',' or", "a [ or { that is never closed, or a missing comma", "close it"),
    (
        "expected <block end>",
        "an indentation that fits no line above",
        "indent like the lines beside it",
    ),
    ("duplicate anchor", "an anchor that was given before", "give it another name"),
)


def _told(file: str, mark: yaml.Mark, error: yaml.MarkedYAMLError) -> Trouble:
    at = Position(file, mark.line + 1, mark.column + 1)
    for sign, wrong, fix in _WORDS:
        if sign in (error.problem or ""):
            return Trouble(at, (), f"no YAML: {wrong}", "", fix)
    return Trouble(at, (), "no YAML: this cannot be read", "expected `key: value`")


def _blank(lines: list[str], index: int) -> None:
    def indent(line: str) -> int:
        return len(line) - len(line.lstrip(" "))

    depth = indent(lines[index])
    lines[index] = ""
    for below in range(index + 1, len(lines)):
        if lines[below].strip() and indent(lines[below]) <= depth:
            return
        lines[below] = ""
