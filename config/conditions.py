"""Looks into CEL source: which fields a condition names, and which parts are conditions.

The CEL package gives no syntax tree, and a trial run alone is no proof: `false && order.totl > 1`
never looks at `totl`. So the names are checked in the source, and the operands one by one.
Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<number>0x[0-9a-fA-F]+u?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][-+]?\d+)?[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL,
)
#: Macros that bind their first argument to each item of the list they are called on.
_BINDING = frozenset({"all", "exists", "exists_one", "filter", "map"})
_OPENING = {"(": ")", "[": "]", "{": "}"}
#: Names that are no variables: literals, operators and the names of types.
_WORDS = frozenset(
    {"true", "false", "null", "in", "int", "uint", "double", "bool", "string", "bytes", "list"}
    | {"map", "type", "timestamp", "duration"}
)
#: The shape of what nothing is known about: results of calls.
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name nothing stands behind. `known` are the names that would have been possible."""

    name: str
    offset: int
    known: tuple[str, ...]


def tokens(source: str) -> list[Token]:
    """The source without blanks and comments."""
    return [
        Token(str(match.lastgroup), match.group(), match.start())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def unknown_names(source: str, sample: Mapping[str, Any]) -> Iterator[UnknownName]:
    """Every variable and field of the source that the sample does not have."""
    yield from _Names(tokens(source)).walk(0, None, dict(sample))


class _Names:
    """Follows chains such as `order.ship_to.country` through the sample."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found

    def walk(self, start: int, end: int | None, scope: dict[str, Any]) -> Iterator[UnknownName]:
        index = start
        end = len(self._tokens) if end is None else end
        while index < end:
            token = self._tokens[index]
            follows_dot = index > 0 and self._tokens[index - 1].text == "."
            if token.kind != "name" or follows_dot or token.text in _WORDS:
                index += 1
            elif self._text(index + 1) in ("(", "{"):
                index += 1  # a function's name; its arguments are walked like everything else
            else:
                index = yield from self._chain(index, end, scope)

    def _chain(self, index: int, end: int, scope: dict[str, Any]) -> Any:
        """One chain from its variable on. Returns the index after it."""
        shape = yield from self._field(scope, self._tokens[index])
        index += 1
        while index < end:
            if self._text(index) == "." and self._text(index + 2) == "(":
                index, shape = yield from self._call(index + 1, shape, scope)
            elif self._text(index) == "." and index + 1 < end:
                shape = yield from self._field(shape, self._tokens[index + 1])
                index += 2
            elif self._text(index) == "[":
                close = self._close(index)
                yield from self.walk(index + 1, close, scope)
                shape = yield from self._item(shape, self._tokens[index + 1 : close])
                index = close + 1
            else:
                return index
        return index

    def _call(self, index: int, shape: Any, scope: dict[str, Any]) -> Any:
        """`.name(arguments)`. Returns (the index after it, the shape of its result)."""
        name, close = self._text(index), self._close(index + 1)
        if name not in _BINDING:
            yield from self.walk(index + 2, close, scope)
            return close + 1, _UNKNOWN
        bound = {**scope, self._text(index + 2): _first(shape)}
        # The first argument is the variable's name and the comma after it.
        yield from self.walk(index + 4, close, bound)
        return close + 1, shape if name == "filter" else _UNKNOWN

    def _field(self, shape: Any, token: Token) -> Any:
        if shape is _UNKNOWN:
            return _UNKNOWN
        if isinstance(shape, dict) and token.text in shape:
            return shape[token.text]
        known = tuple(shape) if isinstance(shape, dict) else ()
        yield UnknownName(token.text, token.offset, known)
        return _UNKNOWN

    def _item(self, shape: Any, inside: Sequence[Token]) -> Any:
        if isinstance(shape, dict) and len(inside) == 1 and inside[0].kind == "string":
            plain = Token("name", inside[0].text.strip("\"'"), inside[0].offset)
            return (yield from self._field(shape, plain))
        return _first(shape)

    def _text(self, index: int) -> str:
        return self._tokens[index].text if index < len(self._tokens) else ""

    def _close(self, index: int) -> int:
        return closing(self._tokens, index)


#: Macros that make a new list, which the package copies for each item they add.
_COLLECTING = frozenset({"filter", "map"})
#: What such a copy of one item costs, in the looks at one token that everything else is counted in.
_COPY = 20


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro: what its body costs for each item, without and with the macros within."""

    tokens: int
    within: tuple[Loop, ...]
    collects: bool

    def steps(self, items: int) -> int:
        """Looks at a token, at most, over a list of so many items."""
        body = self.tokens + steps(self.within, items)
        return items * body + (_COPY * items * items if self.collects else 0)


def steps(found: Sequence[Loop], items: int) -> int:
    """What these loops cost over lists of so many items each: they grow with every loop within another.

    The package has no limit of its own, and keeps all other threads waiting: this is known before.
    """
    return sum(one.steps(items) for one in found)


def loops(source: str) -> tuple[Loop, ...]:
    """The macros of a condition, each with those within it."""
    return _loops(tokens(source))


def _loops(found: Sequence[Token]) -> tuple[Loop, ...]:
    made, index = [], 0
    while index < len(found):
        text = found[index].text
        called = index > 0 and found[index - 1].text == "." and found[index + 1 : index + 2]
        if text in _BINDING and called and called[0].text == "(":
            close = closing(found, index + 1)
            inside = found[index + 2 : close]
            made.append(Loop(len(inside), _loops(inside), text in _COLLECTING))
            index = close
        index += 1
    return tuple(made)


def longest_list(source: str) -> int:
    """More items than any list has that is written in a condition, and how often lists are joined."""
    return sum(1 for one in tokens(source) if one.text in (",", "+"))


def closing(found: Sequence[Token], index: int) -> int:
    """The index of the bracket that closes the one at `index`; the end where none does."""
    depth = 0
    for at in range(index, len(found)):
        if found[at].text in _OPENING and found[at].kind == "sign":
            depth += 1
        elif found[at].text in _OPENING.values() and found[at].kind == "sign":
            depth -= 1
            if depth == 0:
                return at
    return len(found)


def operands(source: str) -> list[tuple[int, str]]:
    """(offset, source) of the conditions that `&&`, `||`, `!` and `? :` join; itself if none."""
    return [
        (found[0].offset, source[found[0].offset : found[-1].offset + len(found[-1].text)])
        for found in _operands(tokens(source))
    ]


def _operands(found: list[Token]) -> Iterator[list[Token]]:
    parts: list[list[Token]] = [[]]
    index = 0
    while index < len(found):
        text = found[index].text
        if found[index].kind == "sign" and text in ("&&", "||", "?", ":"):
            parts.append([])
            index += 1
            continue
        after = closing(found, index) + 1 if text in _OPENING else index + 1
        parts[-1].extend(found[index:after])
        index = after
    for part in parts:
        yield from _opened(part)


def _opened(part: list[Token]) -> Iterator[list[Token]]:
    """A part without its `!` and the brackets around it, split further."""
    inner = part
    while inner and inner[0].text == "!":
        inner = inner[1:]
    if inner and inner[0].text == "(" and closing(inner, 0) == len(inner) - 1:
        yield from _operands(inner[1:-1])
    elif inner:
        yield inner


def _first(shape: Any) -> Any:
    return shape[0] if isinstance(shape, list) and shape else _UNKNOWN
