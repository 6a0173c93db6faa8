"""What is wrong with a configuration, told so that a person can put it right at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import ConfigError

#: The keys and list positions that lead to a value: ("policies", 0, "when").
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file. Line and column count from 1, the column in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. Never holds a secret: `source` is masked when it is filled in.

    `where` is a Position, or the cell of a table ("skus.xlsx: row 7, column low_stock").
    """

    where: Position | str
    path: Path
    #: what was wrong
    wrong: str
    #: what was expected, "" where that is plain
    expected: str = ""
    #: what to do, "" where that is plain
    fix: str = ""
    #: the source line, masked
    source: str = ""
    #: the column under which the caret stands; 0: no caret
    caret: int = 0

    def __str__(self) -> str:
        path = dotted(self.path)
        words = "; ".join(part for part in (self.wrong, self.expected, self.fix) if part)
        told = f"{self.where}: {path + ': ' if path else ''}{words}"
        if not self.source:
            return told
        # Tabs stay tabs, so that the caret stands where the terminal shows the column.
        lead = "".join("\t" if letter == "\t" else " " for letter in self.source[: self.caret - 1])
        return f"{told}\n    {self.source}\n    {lead}^"


class ConfigProblems(ConfigError):
    """The configuration cannot be used; every problem is listed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the configuration"
        super().__init__("\n".join((head, *(str(problem) for problem in self.problems))))


def dotted(path: Path) -> str:
    """`policies[0].when`, as people name places in a tree."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
