"""What came back by mail: a filled sheet is an answer, words are for a person, a bounce is a bounce.

Nothing is guessed. Pure.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.message import Message

from imap_tools import MailAttachment, MailMessage

from connectors.mail.mailbox import Envelope
from connectors.sheets import plain_cell
from connectors.supplier_email.mapping import ANSWER_COLUMNS, is_reminder, numbers_in
from connectors.supplier_email.settings import Settings
from core.model.purchasing import PurchaseAnswer, PurchaseBounce, PurchaseLetter
from core.ports import Reject

#: What our numbers look like, where somebody wrote one into a subject (jobs.purchase).
_NUMBER = re.compile(r"\bPO-\d{8}-[0-9A-F]{8}\b", re.IGNORECASE)
_UNITS = re.compile(r"[0-9]{1,7}")
#: Letters of an order's number or a thing's name.
_LONGEST_NAME = 200
#: Lines of one sheet, and letters of a message that are kept.
_MOST_LINES = 5_000
_MOST_TEXT = 100_000
#: A report of a mail server about a mail that did not arrive (RFC 3464).
REPORT = "multipart/report"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one message says."""

    items: tuple[PurchaseAnswer | PurchaseLetter | PurchaseBounce, ...] = ()
    rejects: tuple[Reject, ...] = ()
    raw: tuple[tuple[str, str], ...] = ()


def read(message: MailMessage, envelope: Envelope, settings: Settings) -> Reply:
    """Nothing where it is about no order of ours."""
    if envelope.content_type == REPORT:
        return _bounce(message.obj, envelope, settings)
    number = _about(message, settings)
    days = settings.replies.days if settings.replies else ()
    told = _Sheets(number, envelope, days)
    for attachment in message.attachments:
        if (attachment.filename or "").casefold().endswith(".csv"):
            told.read(attachment)
    if told.answers or told.rejects:
        return Reply(tuple(told.answers), tuple(told.rejects), tuple(told.raw))
    if not number or _is_automatic(message.obj):
        # Mail about other things, and machines that say that somebody is on holiday.
        return Reply()
    text = (message.text or message.html)[:_MOST_TEXT]
    return Reply((PurchaseLetter(number, envelope.sender, text),))


def _about(message: MailMessage, settings: Settings) -> str:
    """The order that a message answers: by the mail it answers, else by a number in its subject."""
    headers = message.obj
    for name in ("In-Reply-To", "References"):
        found = numbers_in(" ".join(map(str, headers.get_all(name, []))), settings)
        if len(found) == 1:
            return found[0]
    named = {one.upper() for one in _NUMBER.findall(message.subject)}
    return named.pop() if len(named) == 1 else ""


def _is_automatic(headers: Message) -> bool:
    """RFC 3834."""
    return str(headers.get("Auto-Submitted", "no")).split(";")[0].strip().casefold() != "no"


# --- sheets --------------------------------------------------------------------------------------


class _Unread(Exception):
    """A line that says something, but not what."""


class _Sheets:
    """The filled lines of the sheets of one message."""

    def __init__(self, number: str, envelope: Envelope, days: Sequence[str]) -> None:
        self._number = number
        self._envelope = envelope
        self._days = days
        self.answers: list[PurchaseAnswer] = []
        self.rejects: list[Reject] = []
        self.raw: list[tuple[str, str]] = []

    def read(self, attachment: MailAttachment) -> None:
        """A sheet without our columns, or with nothing filled in, says nothing."""
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
            if line > _MOST_LINES:
                self._reject(name, line, cells, f"only {_MOST_LINES} lines are read")
                return
            row = {key: plain_cell(str(cells[one] or "")) for key, one in headings.items()}
            if not any(row.get(one) for one in ANSWER_COLUMNS[:2]):
                continue
            try:
                answer = _answer(row, self._number, self._envelope.at, self._days)
            except _Unread as why:
                self._reject(name, line, cells, str(why))
                continue
            self.answers.append(answer)
            kept = json.dumps(row, ensure_ascii=False)
            self.raw.append((f"{answer.number} {answer.item}", kept))

    def _reject(self, name: str, line: int, cells: Mapping[str, object], why: str) -> None:
        at = self._envelope.at.isoformat(timespec="seconds")
        record = f"{self._number or 'mail'} of {at}: {name} line {line}"
        raw = json.dumps({str(key): str(cell) for key, cell in cells.items()}, ensure_ascii=False)
        self.rejects.append(Reject("purchase answer", record, why, raw))


def _answer(
    row: Mapping[str, str], number: str, at: datetime, days: Sequence[str]
) -> PurchaseAnswer:
    units = row[ANSWER_COLUMNS[0]]
    item = row.get("sku") or row.get("item") or ""
    named = row.get("order") or number
    if not (0 < len(item) <= _LONGEST_NAME and 0 < len(named) <= _LONGEST_NAME):
        raise _Unread("it names no thing, or no order")
    if not _UNITS.fullmatch(units):
        raise _Unread(f"confirmed_quantity is {units[:20]!r}; units are expected, 0 for none")
    return PurchaseAnswer(
        number=named,
        item=item,
        quantity=int(units),
        at=at,
        ready_on=_day(row.get(ANSWER_COLUMNS[1], ""), days),
        reference=row.get(ANSWER_COLUMNS[2], "")[:100],
    )


def _day(text: str, days: Sequence[str]) -> date | None:
    if not text:
        return None
    for pattern in ("%Y-%m-%d", *days):
        with contextlib.suppress(ValueError):
            # A day has no zone: `datetime` only reads it.
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007
    # 03/04 is two days: nobody can tell which, unless `replies.days` says it.
    raise _Unread(f"confirmed_date is {text[:20]!r}; a day like 2026-12-31")


# --- bounces -------------------------------------------------------------------------------------


def _bounce(report: Message, envelope: Envelope, settings: Settings) -> Reply:
    """Whether a mail server gave up one of our orders; delays and receipts are not that."""
    failed = ""
    numbers: list[str] = []
    reminds = False
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            for fields in part.get_payload():
                if isinstance(fields, Message) and _word(fields, "Action") == "failed":
                    failed = _word(fields, "Status") or "5.0.0"
        elif part.get_content_type() in ("text/rfc822-headers", "message/rfc822"):
            told = part.get_payload()
            first = told[0] if isinstance(told, list) else told
            text = first.as_string() if isinstance(first, Message) else str(first)
            headers = text.split("\n\n")[0]
            numbers += numbers_in(headers, settings)
            # Its thread names the order too, which may have arrived.
            reminds = reminds or is_reminder(headers, settings)
    if not failed or len(set(numbers)) != 1:
        return Reply()
    text = report.as_string()[:_MOST_TEXT]
    return Reply((PurchaseBounce(numbers[0], failed[:12], text, reminder=reminds),))


def _word(fields: Message, name: str) -> str:
    return str(fields.get(name, "")).strip().casefold()
