"""What was measured, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import resource
import sqlite3
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

#: A figure of one row: a name, and what it was.
Row = dict[str, Any]


@dataclass
class Figures:
    """The rows of one measurement; all rows have the same columns."""

    title: str
    goal: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(self, **row: Any) -> None:
        self.rows.append(row)

    def show(self, console: Console) -> None:
        table = Table(title=self.title, caption=self.goal or None, title_justify="left")
        for name in self.rows[0]:
            number = isinstance(self.rows[0][name], int | float)
            table.add_column(name.replace("_", " "), justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*(_text(value) for value in row.values()))
        console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> Row:
    """Where this was measured: processor, cores, memory, versions, commit."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    """The commit measured, with a + where files differ from it; "unknown" outside a checkout."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip() or "unknown"


def memory_of(process: int | None = None, *, peak: bool = False) -> float:
    """Resident memory of a process (this one: None) in MB, now or its peak.

    The kernel's own figure for this address space: getrusage also counts what the parent had
    before exec, so it is asked only where there is no /proc.
    """
    name = "VmHWM:" if peak else "VmRSS:"
    try:
        lines = Path(f"/proc/{process or 'self'}/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def print_json(found: list[Figures]) -> None:
    body = {"machine": machine(), "measured": {one.title: one.rows for one in found}}
    print(json.dumps(body, indent=2))
