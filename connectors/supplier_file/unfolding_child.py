"""Run as a program: a workbook or a JSON document on stdin, CSV in UTF-8 on stdout.

It imports nothing of ours. What is wrong with the file is told as JSON on stderr, exit code 3.
"""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, NoReturn


def main() -> None:
    wishes = json.loads(sys.argv[1])
    for limit, most in (
        (resource.RLIMIT_AS, wishes["memory"]),
        (resource.RLIMIT_CPU, wishes["seconds"]),
        (resource.RLIMIT_FSIZE, wishes["output"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    rows = _workbook if wishes["kind"] == "workbook" else _document
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="")
    try:
        csv.writer(out).writerows(_counted(rows(sys.stdin.buffer, wishes), wishes["most_lines"]))
        out.flush()
    except MemoryError:
        refuse(f"it needs more than {wishes['memory'] >> 20} MB of memory", "too-large")
    except RecursionError:
        refuse("lists within lists without end", "not-json")


def refuse(words: str, code: str) -> NoReturn:
    sys.stderr.write(json.dumps({"words": words, "code": code}))
    sys.stderr.flush()
    # What is still held back for stdout is of no use to anybody.
    os._exit(3)


def _counted(rows: Iterable[list[str]], most: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if number > most:
            refuse(f"more than {most:,} lines; set most_lines if that is right", "too-many-lines")
        yield row


# Workbooks


def _workbook(stdin: BinaryIO, wishes: dict[str, Any]) -> Iterator[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook

    content = stdin.read()
    _unpacks_to(content, wishes["memory"])
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = _sheet(book, wishes["sheet"])
    except (CalamineError, OSError, ValueError) as error:
        refuse(f"it is no workbook that can be read: {error}"[:300], "not-a-workbook")
    if sheet.width > wishes["most_columns"]:
        refuse(f"{sheet.width:,} columns; {wishes['most_columns']:,} are read", "too-wide")
    # Rows and columns before the first that is used are counted, as whoever looks at it counts.
    top, left = sheet.start or (0, 0)
    indent = [""] * left
    for _ in range(min(top, wishes["most_lines"])):
        yield [*indent, ""]
    for row in sheet.iter_rows():
        yield [*indent, *map(_text, row)]


def _unpacks_to(content: bytes, most: int) -> None:
    """What the archive says of itself; one that lies meets the ceiling of memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return  # no ZIP: an older format, or nothing that can be read
    if size > most:
        refuse(f"packed {len(content):,} bytes, unpacked {size:,}: more than are read", "too-large")


def _sheet(book: Any, wanted: str | int) -> Any:
    names = list(book.sheet_names)
    if isinstance(wanted, int):
        if wanted > len(names):
            refuse(f"there is no sheet {wanted}; it has {len(names)}", "not-a-workbook")
        return book.get_sheet_by_index(wanted - 1)
    if wanted not in names:
        refuse(f"there is no sheet {wanted!r}; found {', '.join(names)}"[:300], "not-a-workbook")
    return book.get_sheet_by_name(wanted)


def _text(cell: object) -> str:
    """A typed cell as a person would type it; a formula's is what it came to when it was saved."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # Beyond 15 digits the sheet itself has lost some: shown as it is shown there.
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell).upper()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    return "" if cell is None else str(cell)


# JSON


def _document(stdin: BinaryIO, wishes: dict[str, Any]) -> Iterator[list[str]]:
    paths = {name: name.split(".") for name in wishes["columns"]}
    objects = list(_json_lines(stdin)) if wishes["lines"] else _listed(stdin, wishes["rows"])
    there = [
        name for name, path in paths.items() if any(_at(one, path) is not None for one in objects)
    ]
    yield there or [""]
    for one in objects:
        cells = [_json_text(_at(one, paths[name])) for name in there]
        # One cell too many: whoever reads it tells the line instead of taking it for a blank one.
        yield cells if any(cells) else [json.dumps(one, ensure_ascii=False)[:200], *cells]


def _parsed(text: bytes | str, where: str) -> Any:
    try:
        # Numbers stay as they are written: 0.10 is a price, 12345678901234567890 an identity.
        return json.loads(text, parse_float=str, parse_int=str)
    except ValueError as error:
        refuse(f"{where}no JSON: {error}"[:300], "not-json")


def _json_lines(stdin: BinaryIO) -> Iterator[Any]:
    for number, line in enumerate(stdin, 1):
        if line.strip():
            yield _parsed(line.decode("utf-8-sig", "replace"), f"line {number}: ")


def _listed(stdin: BinaryIO, rows: str) -> list[Any]:
    found = _parsed(stdin.read(), "")
    for step in filter(None, rows.split(".")):
        if not isinstance(found, dict) or step not in found:
            known = f"; found {', '.join(found)}" if isinstance(found, dict) else ""
            refuse(f"there is no {step!r} of {rows!r}{known}"[:300], "not-json")
        found = found[step]
    if not isinstance(found, list):
        refuse(f"{rows or 'the document'} is no list", "not-json")
    return found


def _at(one: Any, path: list[str]) -> Any:
    for step in path:
        if not isinstance(one, dict):
            return None
        one = one.get(step)
    return one


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
