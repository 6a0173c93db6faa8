"""Sheets of ours that come back filled in. Nothing is guessed. Pure."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from imap_tools import MailAttachment, MailMessage

from connectors.sheets import plain_cell
from connectors.supplier_email.mapping import ANSWER_COLUMNS
from core.ports import Reject

_UNITS = re.compile(r"[0-9]{1,7}")
#: Lines of one sheet, and letters of an order's number or a thing's name.
_MOST_LINES = 5_000
_LONGEST_NAME = 200


class Unread(Exception):
    """A line that says something, but not what."""


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One line under the headings."""

    #: of the file
    file: str
    #: counted from 1, the headings included
    line: int
    #: by heading in small letters
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    @property
    def item(self) -> str:
        return self["sku"] or self["item"]

    def order(self, number: str) -> str:
        """The order that it names, else the one that the message is about."""
        return self["order"] or number

    def names(self, number: str) -> tuple[str, str]:
        """(order, thing). Raises Unread."""
        item, order = self.item, self.order(number)
        if not (0 < len(item) <= _LONGEST_NAME and 0 < len(order) <= _LONGEST_NAME):
            raise Unread("it names no thing, or no order")
        return order, item

    def units(self, column: str) -> int:
        """Raises Unread."""
        if not _UNITS.fullmatch(self[column]):
            raise Unread(f"{column} is {self[column][:20]!r}; units are expected, 0 for none")
        return int(self[column])

    def day(self, column: str, patterns: Sequence[str]) -> date | None:
        """None where it is empty. Raises Unread."""
        text = self[column]
        if not text:
            return None
        for pattern in ("%Y-%m-%d", *patterns):
            with contextlib.suppress(ValueError):
                # A day has no zone: `datetime` only reads it.
                return datetime.strptime(text, pattern).date()  # noqa: DTZ007
        # 03/04 is two days: nobody can tell which, unless `replies.days` says it.
        raise Unread(f"{column} is {text[:20]!r}; a day like 2026-12-31")


def sheet_lines(message: MailMessage) -> Iterator[SheetLine | tuple[SheetLine, str]]:
    """The lines of all its sheets that have our columns; with what is wrong where one is too long."""
    for attachment in message.attachments:
        if (attachment.filename or "").casefold().endswith(".csv"):
            yield from _lines(attachment)


def _lines(attachment: MailAttachment) -> Iterator[SheetLine | tuple[SheetLine, str]]:
    name = "".join(c if c.isprintable() else "?" for c in attachment.filename)[:100]
    try:
        text = attachment.payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = attachment.payload.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings = {str(one).strip().casefold(): one for one in rows.fieldnames or ()}
    if ANSWER_COLUMNS[0] not in headings or not {"sku", "item"} & headings.keys():
        return
    for line, cells in enumerate(rows, 2):
        row = {key: plain_cell(str(cells[one] or "")) for key, one in headings.items()}
        if line > _MOST_LINES:
            yield SheetLine(name, line, row), f"only {_MOST_LINES} lines are read"
            return
        yield SheetLine(name, line, row)


def reject(
    kind: str, order: str, at: datetime, line: SheetLine, why: str, *, columns: Iterable[str] = ()
) -> Reject:
    """One that says nothing we understand. `columns`: those that may be kept of it; (): all."""
    record = (
        f"{order or 'mail'} of {at.isoformat(timespec='seconds')}: {line.file} line {line.line}"
    )
    kept = {key: cell for key, cell in line.cells.items() if not columns or key in set(columns)}
    return Reject(kind, record, why, json.dumps(kept, ensure_ascii=False))
