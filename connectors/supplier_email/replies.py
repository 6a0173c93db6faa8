"""What came back by mail: a filled sheet is an answer, words are for a person, a bounce is a bounce.

Nothing is guessed. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

from imap_tools import MailMessage

from connectors.mail.mailbox import Envelope
from connectors.supplier_email.filled import SheetLine, Unread, reject, sheet_lines
from connectors.supplier_email.mapping import (
    ANSWER_COLUMNS,
    is_later,
    is_request,
    numbers_in,
)
from connectors.supplier_email.settings import Settings
from core.model.purchasing import PurchaseAnswer, PurchaseBounce, PurchaseLetter
from core.ports import Reject

#: What our numbers look like, where somebody wrote one into a subject (jobs.purchase, and
#: core.rules.effects.short_key).
_NUMBER = re.compile(r"\b(?:PO-\d{8}-[0-9A-F]{8}|R-[0-9A-HJKMNP-TV-Z]{12})\b", re.IGNORECASE)
#: Letters of a message that are kept.
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
    """Nothing where it is about no purchase order of ours."""
    if envelope.content_type == REPORT:
        bounce = bounced(message.obj, settings)
        if bounce is None or is_request(bounce.number):
            return Reply()
        return Reply((bounce,))
    number = about(message, settings)
    told = _sheets(message, envelope, number, settings)
    if told.items or told.rejects:
        return told
    if not number or is_request(number) or is_automatic(message.obj):
        # Mail about other things, and machines that say that somebody is on holiday.
        return Reply()
    return Reply((PurchaseLetter(number, envelope.sender, words_of(message)),))


def words_of(message: MailMessage) -> str:
    return (message.text or message.html)[:_MOST_TEXT]


def about(message: MailMessage, settings: Settings) -> str:
    """The order that a message answers: by the mail it answers, else by a number in its subject."""
    for text in thread_of(message):
        found = numbers_in(text, settings)
        if len(found) == 1:
            return found[0]
    named = {one.upper() for one in _NUMBER.findall(message.subject)}
    return named.pop() if len(named) == 1 else ""


def thread_of(message: MailMessage) -> list[str]:
    """Which mails it answers, by their Message-IDs: the last one, then all of them."""
    headers = message.obj
    return [" ".join(map(str, headers.get_all(name, []))) for name in ("In-Reply-To", "References")]


def is_automatic(headers: Message) -> bool:
    """RFC 3834."""
    return str(headers.get("Auto-Submitted", "no")).split(";")[0].strip().casefold() != "no"


# --- sheets --------------------------------------------------------------------------------------


def _sheets(message: MailMessage, envelope: Envelope, number: str, settings: Settings) -> Reply:
    """The filled lines of its sheets; one with nothing filled in says nothing."""
    days = settings.replies.days if settings.replies else ()
    answers: list[PurchaseAnswer] = []
    rejects: list[Reject] = []
    raw: list[tuple[str, str]] = []
    for found in sheet_lines(message):
        line, why = found if isinstance(found, tuple) else (found, "")
        if is_request(line.order(number)):
            continue
        if not why and not any(line[one] for one in ANSWER_COLUMNS[:2]):
            continue
        try:
            if why:
                raise Unread(why)
            answer = _answer(line, number, envelope.at, days)
        except Unread as wrong:
            rejects.append(reject("purchase answer", number, envelope.at, line, str(wrong)))
            continue
        answers.append(answer)
        kept = json.dumps(line.cells, ensure_ascii=False)
        raw.append((f"{answer.number} {answer.item}", kept))
    return Reply(tuple(answers), tuple(rejects), tuple(raw))


def _answer(line: SheetLine, number: str, at: datetime, days: Sequence[str]) -> PurchaseAnswer:
    order, item = line.names(number)
    return PurchaseAnswer(
        number=order,
        item=item,
        quantity=line.units(ANSWER_COLUMNS[0]),
        at=at,
        ready_on=line.day(ANSWER_COLUMNS[1], days),
        reference=line[ANSWER_COLUMNS[2]][:100],
    )


# --- bounces -------------------------------------------------------------------------------------


def bounced(report: Message, settings: Settings) -> PurchaseBounce | None:
    """Whether a mail server gave up one of our mails; delays and receipts are not that.

    `reminder`: it was a later mail of the thread.
    """
    failed = ""
    numbers: list[str] = []
    later = False
    # Never the mail itself, where it came back whole: a buyer's address may stand in it.
    kept: list[str] = []
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            for fields in part.get_payload():
                if not isinstance(fields, Message):
                    continue
                kept.append(fields.as_string())
                if _word(fields, "Action") == "failed":
                    failed = _word(fields, "Status") or "5.0.0"
        elif part.get_content_type() in ("text/rfc822-headers", "message/rfc822"):
            told = part.get_payload()
            first = told[0] if isinstance(told, list) else told
            text = first.as_string() if isinstance(first, Message) else str(first)
            headers = text.split("\n\n")[0]
            kept.append(headers)
            numbers += numbers_in(headers, settings)
            # Its thread names the order too, which may have arrived.
            later = later or is_later(headers, settings)
    if not failed or len(set(numbers)) != 1:
        return None
    return PurchaseBounce(numbers[0], failed[:12], "\n".join(kept)[:_MOST_TEXT], reminder=later)


def _word(fields: Message, name: str) -> str:
    return str(fields.get(name, "")).strip().casefold()
