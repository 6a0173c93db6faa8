"""Workbooks and JSON documents, which must be read whole, are turned into CSV by a process of their own.

It has a ceiling of memory, time and output, and it is gone afterwards: what a hostile or merely
large file needs is never the daemon's. The child is `unfolding_child.py`, run by path.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from connectors.supplier_file.files import MOST_COLUMNS, File
from connectors.supplier_file.settings import Csv, Json, Xlsx

_CHILD = Path(__file__).with_name("unfolding_child.py")
#: Bytes and processor seconds the child may use.
MEMORY = 1 << 30
OUTPUT = 1 << 29
SECONDS = 120
#: How the child ends when it has something to say.
TOLD = 3


def workbook(file: File, layout: Xlsx) -> File:
    """One sheet as CSV, every cell as text. Raises Rejected "not-a-workbook", "too-large"."""
    return _unfolded(file, {"kind": "workbook", "sheet": layout.sheet})


def document(file: File, layout: Json, columns: Sequence[str]) -> File:
    """Objects as CSV with a heading for each column that any of them has. Raises "not-json"."""
    asked = {"kind": "json", "rows": layout.rows, "lines": layout.lines, "columns": columns}
    return _unfolded(file, asked)


def _unfolded(file: File, asked: Mapping[str, object]) -> File:
    wishes = {**asked, "memory": MEMORY, "output": OUTPUT, "seconds": SECONDS}
    wishes |= {"most_columns": MOST_COLUMNS, "most_lines": file.most_lines}
    unfolded = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the File that holds it
    file.body.seek(0)
    ended = subprocess.run(
        # Isolated: neither the environment nor the current folder has a say in what it imports.
        [sys.executable, "-I", str(_CHILD), json.dumps(wishes)],
        stdin=file.body, stdout=unfolded, stderr=subprocess.PIPE, check=False,
        timeout=10 * SECONDS,
    )  # fmt: skip
    if ended.returncode:
        raise _refused(file, ended.returncode, ended.stderr)
    unfolded.seek(0)
    return replace(
        file,
        body=unfolded,
        layout=Csv(kind="csv", delimiter=","),
        format=file.format.model_copy(update={"encoding": "utf-8", "delimiter": ","}),
    )


def _refused(file: File, code: int, words: bytes) -> Exception:
    if code == TOLD:
        told = json.loads(words)
        return file.refused(told["words"], code=told["code"])
    # Killed by a limit, or by its own allocator, which cannot raise.
    return file.refused(
        f"it needs more than {MEMORY >> 20} MB of memory or {SECONDS} s to be read; "
        "is it damaged, or packed to do harm? Ask for CSV",
        code="too-large",
    )
