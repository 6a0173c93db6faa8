"""Files to one tree: includes joined, duplicate keys refused, references filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path as File

import yaml

from config.nodes import Entry, Node, Scalar, Sheet, Trouble
from config.problems import Path, Position
from config.secrets import References, Unresolved
from config.yaml12 import compose, scalar

#: An alias that is used again and again inside aliases grows without bound ("billion laughs").
_MOST_NODES = 300_000
_DEEPEST = 60


class _TooLarge(Exception):
    """Aliases made a file larger or deeper than any configuration is."""

    def __init__(self, at: Position, path: Path) -> None:
        super().__init__()
        self.at = at
        self.path = path


class Tree:
    """Reads the main file and all it includes. `sheet` has what was read and what went wrong."""

    def __init__(self, main: File, *, environment: Mapping[str, str]) -> None:
        self._main = main
        self._root = main.absolute().parent.resolve()
        self._references = References(environment, folder=main.parent)
        self._digest = hashlib.sha256()
        self._yaml: list[File] = []
        self._nodes = 0
        self.sheet = Sheet(root=_empty(Position(str(main), 1, 1)))
        self.sheet.root = self._file(main, path=(), open_files=())

    @property
    def files(self) -> tuple[File, ...]:
        """Every file that was read, secret files too: a change of any may change the result."""
        return (*self._yaml, *self._references.files)

    def digest(self, *more: bytes) -> str:
        """A name for the text that was read. Secrets are no part of it: it is shown and stored."""
        whole = self._digest.copy()
        for part in more:
            whole.update(hashlib.sha256(part).digest())
        return whole.hexdigest()

    def _trouble(
        self, at: Position, path: Path, wrong: str, expected: str = "", fix: str = ""
    ) -> None:
        self.sheet.troubles.append(Trouble(at, path, wrong, expected, fix))

    # Files

    def _file(self, file: File, *, path: Path, open_files: tuple[File, ...]) -> Node:
        """The tree of one file, with all it includes."""
        name = str(file)
        start = Position(name, 1, 1)
        content = self._content(file, start, path)
        if content is None:
            return _empty(start)
        self.sheet.lines[name] = [line.rstrip("\r") for line in content.split("\n")]
        composed, troubles = compose(name, content)
        self.sheet.troubles.extend(troubles)
        self.sheet.broken |= bool(troubles)
        if composed is None:
            self.sheet.broken |= bool(troubles)
            return _empty(start)
        open_files = (*open_files, file.resolve())
        try:
            node = self._node(composed, name, path, open_files, depth=0)
        except _TooLarge as error:
            self._trouble(error.at, error.path, "too large or too deep", "", "take aliases apart")
            self.sheet.broken = True
            return _empty(start)
        return self._joined(node, path, open_files)

    def _content(self, file: File, at: Position, path: Path) -> str | None:
        try:
            content = file.read_bytes()
        except OSError as error:
            self._trouble(at, path, f"the file cannot be read: {error.strerror}")
            self.sheet.broken = True
            return None
        self._yaml.append(file)
        self._digest.update(hashlib.sha256(content).digest())
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            at = Position(str(file), line, 1)
            self._trouble(at, path, "this is no UTF-8 text", "", "save the file as UTF-8")
            self.sheet.broken = True
            return None

    def _included(
        self, name: object, at: Position, path: Path, open_files: tuple[File, ...]
    ) -> Node | None:
        """The tree of a file named in `!include` or `include:`; None when it is refused."""
        if not isinstance(name, str) or not name.strip():
            self._trouble(at, path, "no file is named here", "expected the name of a YAML file")
            return None
        file = File(at.file).parent / name
        if not file.resolve().is_relative_to(self._root):
            self._trouble(at, path, f"{name} lies outside the folder of {self._main.name}")
            return None
        if file.resolve() in open_files:
            self._trouble(at, path, f"{name} includes itself, directly or through others")
            return None
        if not file.is_file():
            self._trouble(at, path, f"there is no file {name}", f"looked for {file}")
            self.sheet.broken = True
            return None
        return self._file(file, path=path, open_files=open_files)

    def _joined(self, node: Node, path: Path, open_files: tuple[File, ...]) -> Node:
        """The node with the files of its `include` merged into it. Only a file's top has one."""
        if not isinstance(node.value, dict) or "include" not in node.value:
            return node
        listed = node.value.pop("include").node
        names = listed.value if isinstance(listed.value, list) else [listed]
        for one in names:
            other = self._included(one.value, one.at, path, open_files)
            if other is not None and other.value is not None:
                self._merge(node, other, path)
        return node

    def _merge(self, into: Node, other: Node, path: Path) -> None:
        """Maps are joined key by key; anything else may be written once."""
        if not isinstance(into.value, dict) or not isinstance(other.value, dict):
            self._trouble(other.at, path, "keys and values were expected here")
            return
        for key, entry in other.value.items():
            mine = into.value.get(key)
            if mine is None:
                into.value[key] = entry
            elif isinstance(mine.node.value, dict) and isinstance(entry.node.value, dict):
                self._merge(mine.node, entry.node, (*path, key))
            else:
                self._duplicate(key, entry.at, mine.at, path)

    def _duplicate(self, key: str, at: Position, first: Position, path: Path) -> None:
        where = f"line {first.line}" if first.file == at.file else f"{first.file}:{first.line}"
        self._trouble(
            at, (*path, key), f"duplicate key {key!r} (first at {where})", "", "keep one of them"
        )

    # Nodes

    def _node(
        self, made: yaml.Node, file: str, path: Path, open_files: tuple[File, ...], *, depth: int
    ) -> Node:
        at, end = _position(file, made.start_mark), _position(file, made.end_mark)
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > _DEEPEST:
            raise _TooLarge(at, path)
        if isinstance(made, yaml.MappingNode):
            return Node(at, end, self._mapping(made, file, path, open_files, depth=depth))
        if isinstance(made, yaml.SequenceNode):
            items = [
                self._node(one, file, (*path, index), open_files, depth=depth + 1)
                for index, one in enumerate(made.value)
            ]
            return Node(at, end, items)
        if not isinstance(made, yaml.ScalarNode):
            raise TypeError(f"PyYAML made a {type(made).__name__}")
        if made.tag == "!include":
            return self._included(made.value, at, path, open_files) or Node(at, end, None)
        return self._scalar(made, Node(at, end, None), path)

    def _mapping(
        self,
        made: yaml.MappingNode,
        file: str,
        path: Path,
        open_files: tuple[File, ...],
        *,
        depth: int,
    ) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in made.value:
            at = _position(file, key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self._trouble(at, path, "a key that is no plain word", "expected `key: value`")
                continue
            # Keys are names: `10045:` is the Sku "10045", whatever YAML would make of it.
            key = str(key_node.value)
            node = self._node(value_node, file, (*path, key), open_files, depth=depth + 1)
            if key in entries:
                self._duplicate(key, at, entries[key].at, path)
            else:
                entries[key] = Entry(at, node)
        return entries

    def _scalar(self, made: yaml.ScalarNode, node: Node, path: Path) -> Node:
        node.written = str(made.value)
        node.quoted = made.style is not None
        self.sheet.spans.append((path, node))
        try:
            node.value = value = scalar(made)
            if isinstance(value, str) and "$" in value:
                node.value, node.referenced = self._references.fill(value)
        except Unresolved as error:
            # The text as it stands keeps the place filled, so that nothing else is reported.
            node.value, node.referenced = node.written, True
            self.sheet.troubles.append(
                Trouble(node.at, path, error.wrong, error.expected, error.fix)
            )
        except ValueError:
            self._trouble(
                node.at,
                path,
                "text that begins with ! is a tag, and this one is not known",
                "expected !include or a plain value",
                "quote the text",
            )
        return node


def _position(file: str, mark: yaml.Mark) -> Position:
    return Position(file, mark.line + 1, mark.column + 1)


def _empty(at: Position) -> Node:
    value: Scalar | dict[str, Entry] = {}
    return Node(at, at, value)
