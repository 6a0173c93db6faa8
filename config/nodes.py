"""The YAML tree with the place of everything in it, and the troubles met on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.problems import Path, Position

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Entry:
    """One key of a mapping and what stands behind it."""

    at: Position
    node: Node


@dataclass(slots=True)
class Node:
    """A scalar, a mapping or a list, from `at` up to `end` (exclusive)."""

    at: Position
    end: Position
    value: Scalar | dict[str, Entry] | list[Node]
    #: the scalar as it stands in the file, before references are filled in
    written: str = ""
    #: a value that came through ${env:…} or ${file:…}: it may be a secret, wherever it stands
    referenced: bool = False
    quoted: bool = False

    def child(self, step: str | int) -> Node | None:
        """What stands behind one key or list position; None where nothing does."""
        if isinstance(self.value, dict) and isinstance(step, str):
            entry = self.value.get(step)
            return entry.node if entry else None
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> object:
        """The tree as dicts, lists and scalars, for pydantic."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem before its source line is known and masked. Its words hold no value of the file
    that may be secret."""

    at: Position | str
    path: Path
    wrong: str
    expected: str = ""
    fix: str = ""
    #: may be a mere consequence of a line that could not be read
    consequence: bool = False


@dataclass(slots=True)
class Sheet:
    """Everything that was read: the tree, the lines of each file, what went wrong."""

    root: Node
    lines: dict[str, list[str]] = field(default_factory=dict)
    #: every scalar with its path, those of dropped duplicates too: what may have to be masked
    spans: list[tuple[Path, Node]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    #: some line could not be read, so missing things may only seem to be missing
    broken: bool = False

    def find(self, path: Path) -> Node | None:
        """The node at the path; None where there is none."""
        node: Node | None = self.root
        for step in path:
            node = node.child(step) if node else None
        return node

    def key(self, path: Path) -> Position:
        """Where the last key of the path stands; for a missing one, where its parent stands."""
        parent = self.find(path[:-1]) if path else None
        if parent and isinstance(parent.value, dict) and path[-1] in parent.value:
            return parent.value[str(path[-1])].at
        if parent and (found := parent.child(path[-1])):
            return found.at
        return self.key(path[:-1]) if path else self.root.at

    def at(self, path: Path) -> Position:
        """Where the value of the path stands; for a missing one, where its parent's key stands."""
        node = self.find(path)
        if node is None:
            return self.key(path)
        # A mapping's own mark is its first key; the key above it is where a person looks.
        return self.key(path) if isinstance(node.value, dict) and path else node.at
