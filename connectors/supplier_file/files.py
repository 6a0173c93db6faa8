"""A file of theirs, on our disk: what it is called, how it is written, its text line by line.

What is fetched is spooled, never held: memory stays small whatever the file. A file that cannot be
read as a whole raises Rejected with one of the codes "encoding", "empty", "missing-column",
"not-csv", "too-long", "too-wide", "too-many-lines", "too-large", "not-a-workbook", "not-json",
"not-x12", "truncated".
"""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from connectors.supplier_file.settings import Csv, Format, Layout
from core.errors import Rejected

#: Letters of one line; a longer one is no table.
LONGEST_LINE = 1_000_000
#: Cells of one line that are looked at.
MOST_COLUMNS = 1_000
_CHUNK = 1 << 20

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: (CEL, a value for every name in it) -> what works it out. See core.ports.Inside.formula.
Formulas = Callable[[str, Mapping[str, object]], Callable[[Mapping[str, object]], object]]


def no_formulas(source: str, sample: Mapping[str, object]) -> Callable[..., object]:
    """For whoever reads files without an inside."""
    raise NotImplementedError("formulas are compiled by the inside")


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was taken, and what is needed to read it."""

    name: str
    #: seekable; read from its beginning, as often as needed
    body: BinaryIO
    #: sha256, hexadecimal
    digest: str
    #: its last change as the remote tells it
    changed_at: datetime
    format: Format
    #: the connection's name, for errors
    connector: str
    layout: Layout = field(default_factory=lambda: Csv(kind="csv"))
    most_lines: int = 1_000_000
    formulas: Formulas = no_formulas

    def refused(self, words: str, *, code: str) -> Rejected:
        return Rejected(
            f"{self.name}: {words}", connector=self.connector, operation="read file", code=code
        )

    def beginning(self, count: int) -> bytes:
        self.body.seek(0)
        return self.body.read(count)


def encoding_of(file: File) -> str:
    """By the ladder: byte order mark, strict UTF-8, the configured encoding.

    Never guesses: detectors call cp1252 many other things. Raises Rejected "encoding".
    """
    start, tried = file.beginning(4), []
    by_mark = next((name for mark, name in _BOMS if start.startswith(mark)), None)
    for encoding in [by_mark] if by_mark else dict.fromkeys(["utf-8", file.format.encoding]):
        wrong_at = _first_wrong_byte(file, encoding)
        if wrong_at is None:
            return encoding
        tried.append(f"not {encoding} at byte {wrong_at}")
    raise file.refused(
        f"its encoding is unknown ({', '.join(tried)}); set format.encoding", code="encoding"
    )


def _first_wrong_byte(file: File, encoding: str) -> int | None:
    """Where the file is not in this encoding; None where all of it is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.body.seek(0)
    before = 0
    while True:
        chunk = file.body.read(_CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return before - pending + error.start
        if not chunk:
            return None
        before += len(chunk)


def lines_of(file: File) -> Iterator[str]:
    """Its lines with their ends. Raises Rejected "encoding", "too-long", "too-many-lines"."""
    encoding = encoding_of(file)
    file.body.seek(0)
    text = io.TextIOWrapper(file.body, encoding=encoding, newline="")
    try:
        left = file.most_lines
        while line := text.readline(LONGEST_LINE):
            if len(line) >= LONGEST_LINE:
                raise file.refused(
                    f"a line of more than {LONGEST_LINE:,} letters; is it a table?", code="too-long"
                )
            left -= 1
            if left < 0:
                raise file.refused(
                    f"more than {file.most_lines:,} lines; set most_lines if that is right",
                    code="too-many-lines",
                )
            yield line
    finally:
        # The spool outlives this reading of it; a reading that was left off may outlive the spool.
        with contextlib.suppress(ValueError):
            text.detach()
