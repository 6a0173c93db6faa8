"""What people say outside names mean: said, taken back, and whole tables of it at once.

Nothing is ever changed or deleted: each word is a line of history with who, when, why and from
which instant. What a file says cannot be said otherwise here, for the files win.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.naming import COLUMNS, read_names, table_rows, wrong_place
from core.errors import ConfigError
from core.model.names import Meaning, OutsideName, Scheme, Source
from jobs.naming import real_skus
from jobs.store.names import NewLine, OutsideNames
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: Problems of a table that are told at once.
_MOST_TOLD = 50


class CannotName(ConfigError):
    """A name cannot be given this meaning."""


@dataclass(frozen=True, slots=True)
class Said:
    """A name and what it is to mean. `where`: "names.csv: row 7", or "" where it is the only one."""

    name: OutsideName
    meaning: Meaning
    note: str = ""
    where: str = ""


def say(
    tx: Tx, wiring: Wiring, said: Sequence[Said], *, by: str, note: str,
    begins: datetime | None = None,
) -> int:  # fmt: skip
    """From `begins` on (now, or an instant to come) the names mean this; all of them, or none.

    Returns how many mean something else than before. Raises CannotName with every problem.
    """
    begins = _begins(tx, begins)
    if problems := list(_problems(tx, wiring, said)):
        more = len(problems) - _MOST_TOLD
        told = problems[:_MOST_TOLD] + ([f"and {more} problems more"] if more > 0 else [])
        raise CannotName("\n".join(told))
    names = OutsideNames(tx)
    before = names.said_by_people([one.name for one in said], at=begins)
    lines = [
        NewLine(one.name, Source.PERSON, one.meaning, begins, by, one.note or note)
        for one in said
        if (old := before.get(one.name)) is None
        or old.meaning != one.meaning
        or (one.note and old.note != one.note)
    ]
    names.add(lines)
    for line in lines if len(lines) == 1 else ():
        old = before.get(line.name)
        tx.audit(
            by, "map set", f"name {line.name}", before=str(old.meaning) if old else None,
            after=str(line.meaning), note=note,
        )  # fmt: skip
    if len(lines) > 1:
        tx.audit(by, "map import", f"{len(lines)} names", note=note)
    _wake(tx, lines)
    return len(lines)


def take_back(
    tx: Tx, name: OutsideName, *, by: str, note: str, begins: datetime | None = None
) -> None:
    """From `begins` on no person says anything of the name. Raises CannotName where none does."""
    begins = _begins(tx, begins)
    old = OutsideNames(tx).said_by_people([name], at=begins).get(name)
    if old is None:
        raise CannotName(f"nobody said what {name} means; `lockstep map list` shows what was said")
    line = NewLine(name, Source.PERSON, None, begins, by, note)
    OutsideNames(tx).add([line])
    tx.audit(by, "map remove", f"name {name}", before=str(old.meaning), note=note)
    _wake(tx, [line])


def _begins(tx: Tx, begins: datetime | None) -> datetime:
    if begins is not None and begins < tx.now:
        raise CannotName(
            f"{begins.isoformat()} is past: what was read since then stays as it was understood"
        )
    return begins or tx.now


def _wake(tx: Tx, lines: Sequence[NewLine]) -> None:
    if any(one.begins <= tx.now for one in lines):
        tx.wake("core/names")


def _problems(tx: Tx, wiring: Wiring, said: Sequence[Said]) -> Iterator[str]:
    catalog, files = wiring.loaded.catalog, wiring.loaded.names
    known = real_skus(tx, wiring, {one.meaning.sku for one in said})
    first: dict[OutsideName, str] = {}
    for one in said:
        head, sku = f"{one.where}: " if one.where else "", one.meaning.sku
        before = first.setdefault(one.name, one.where)
        if before != one.where:
            yield f"{head}{one.name} stands at {before} already; keep one of them"
        if wrong := wrong_place(one.name, wiring.config):
            yield f"{head}{wrong}"
        if in_file := [each for each in files.of(one.name) if each.meaning != one.meaning]:
            yield (
                f"{head}{one.name} is {in_file[0].meaning} by {in_file[0].where}; the files win: "
                "change it there"
            )
        if sku not in catalog.skus and (own := catalog.written(sku)):
            yield f"{head}{sku} is another name of {own}: write {own}"
        elif sku not in known:
            near = catalog.nearest(sku)
            yield f"{head}nobody knows the Sku {sku!r}" + (
                f"; did you mean {near!r}?" if near else ""
            )
        own = catalog.written(one.name.value)
        if one.name.scheme is Scheme.REMOTE_SKU and own not in (None, sku):
            yield f"{head}{one.name.value} is {own} itself, or another name of it"


# --- tables --------------------------------------------------------------------------------------


def read_table(path: Path) -> list[Said]:
    """The rows of a CSV or XLSX file. Raises CannotName with every problem, by its row."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CannotName(f"{path} cannot be read: {error.strerror}") from error
    table = read_names(path, content, name=path.name)
    if table.problems:
        raise CannotName("\n".join(str(one) for one in table.problems[:_MOST_TOLD]))
    return [
        Said(row.name, row.meaning, row.note, f"{path.name}: row {row.number}")
        for row in table.rows
    ]


def written_table(tx: Tx, wiring: Wiring, *, files: bool, at: datetime) -> str:
    """What people say at this instant, as CSV that `read_table` reads back to the very same.

    `files`: what files say too. No cell is taken for a formula.
    """
    rows = [
        (one.name, one.meaning, one.note)
        for one in OutsideNames(tx).in_force(Source.PERSON, at=at).values()
        if one.meaning is not None
    ]
    if files:
        from_files = {one.name: one.meaning for one in wiring.loaded.names.all()}
        rows = [row for row in rows if row[0] not in from_files]
        rows += [(name, meaning, "") for name, meaning in from_files.items()]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for name, meaning, note in sorted(rows, key=lambda row: row[0]):
        cells = (str(name.scheme), name.place, name.value, meaning.sku, str(meaning.units), note)
        writer.writerows(table_rows([cells]))
    return out.getvalue()
