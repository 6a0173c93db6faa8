"""core decides; it looks at nothing but its arguments."""

from __future__ import annotations

import ast
from pathlib import Path

CORE = Path(__file__).parents[2] / "core"
PURE = {
    "__future__", "abc", "bisect", "collections", "contextlib", "core", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "math", "re", "statistics", "typing", "unicodedata",
}  # fmt: skip
#: What asks the machine for the time although its module may be imported.
CLOCKS = {"now", "utcnow", "today"}


def test_core_imports_nothing_that_looks_outside():
    imported = {
        (path.name, name.split(".")[0])
        for path in CORE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert {(path, name) for path, name in imported if name not in PURE} == set()
    assert len(imported) > 20


def test_core_asks_no_clock():
    asked = [
        f"{path.name}:{node.lineno}"
        for path in CORE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and ast.unparse(node.func.value) in ("datetime", "date", "datetime.datetime")
    ]

    assert asked == []
