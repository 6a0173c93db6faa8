"""Our purchase order as a mail, with PDF and CSV. Pure.

What is frozen when an order goes out is all of it but two things: the date, and the address of the
page where they may answer, which is a secret that nothing keeps.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import quote, unquote

from connectors.sheets import PURCHASE_COLUMNS, purchase_rows
from connectors.supplier_email.paper import delivered_to, purchase_pdf, total_of
from connectors.supplier_email.settings import Settings
from connectors.values import one_line
from core.model.purchasing import PurchaseOrder, PurchaseReminder

#: What they fill in; empty where they have not answered.
ANSWER_COLUMNS = ("confirmed_quantity", "confirmed_date", "reference")

#: Not every server takes 8-bit bodies; encoded ones pass everywhere.
_POLICY = SMTP.clone(cte_type="7bit")

#: The mail with an order, and those that follow it.
_LATER = r"(?:(?:reminder|shipment)-\d+|call-off)"
_OURS = re.compile(rf"<(?:order|{_LATER})\.([A-Za-z0-9%._~-]+)@([^<>@\s]+)>")
_FOLLOWS = re.compile(rf"<{_LATER}\.[A-Za-z0-9%._~-]+@([^<>@\s]+)>")
_STOPS = re.compile(r"<call-off\.[A-Za-z0-9%._~-]+@([^<>@\s]+)>")
#: What a request to ship is called there: the key in few letters (core.rules.effects.short_key).
_REQUEST = re.compile(r"R-[0-9A-HJKMNP-TV-Z]{12}")
#: Lines that a reminder names.
_MOST_LINES = 50
_LONGEST_NAME = 80


def purchase_csv(order: PurchaseOrder) -> bytes:
    """One line per thing, with columns to answer in: UTF-8 with a mark that spreadsheets look for."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow((*PURCHASE_COLUMNS, *ANSWER_COLUMNS))
    writer.writerows((*row, *("" for _ in ANSWER_COLUMNS)) for row in purchase_rows(order))
    return out.getvalue().encode("utf-8-sig")


def document(order: PurchaseOrder, settings: Settings) -> bytes:
    """All of the mail that is known when it is written, as JSON."""
    made = {
        "number": order.number,
        "subject": subject_of(order.number, settings),
        "text": _words(order, settings),
        "csv": base64.b64encode(purchase_csv(order)).decode(),
        "pdf": base64.b64encode(purchase_pdf(order, settings)).decode(),
    }
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _words(order: PurchaseOrder, settings: Settings) -> str:
    units = sum(line.quantity for line in order.lines)
    total = total_of(order.lines)
    needed = order.needed_on.isoformat() if order.needed_on else "as soon as can be"
    deliver_to = "\n".join(f"  {line}" for line in delivered_to(order, settings))
    money = f"\nTotal: {total}" if total is not None else ""
    terms = "".join(f"\n{line}\n" for line in settings.terms)
    return (
        f"Please supply, under our purchase order {order.number}:\n\n"
        f"{len(order.lines)} items, {units} units in all; the order is attached, to be read (PDF)\n"
        f"and to be loaded (CSV).{money}\n"
        f"Needed on: {needed}\nDeliver to:\n{deliver_to}\n\n"
        f"It is one order, however often this mail reaches you: please name {order.number} on\n"
        f"papers, parcels and invoices.\n{terms}"
    )


_BY_LINK = """
To answer, open this page. It can be used once, and only until it expires:

{page}

Keep the address to yourself: whoever has it can answer for you.
"""
_BY_MAIL = """
{also} answer to this mail with the CSV file attached, and fill in in each of its lines
how many units will come (confirmed_quantity; 0: none) and on which day they leave
(confirmed_date, like 2026-12-31).
"""
_BY_FIRST_MAIL = """
{also} answer to this mail with the CSV file of our first mail, filled in.
"""
_IN_WORDS = """
Please answer to this mail: what will come, and on which day it leaves.
"""


def subject_of(number: str, settings: Settings) -> str:
    return f"Purchase order {number} from {settings.buyer[0]}"


def message(made: bytes, settings: Settings, *, at: datetime, answer_at: str) -> bytes:
    """The whole message with CRLF line ends. Raises ValueError that says what cannot be sent."""
    how = _how_to_answer(settings, answer_at, sheet=_BY_MAIL)
    return ordering(made, settings, at=at, how=how)


def ordering(made: bytes, settings: Settings, *, at: datetime, how: str) -> bytes:
    """A mail with its files. `how`: in which ways they answer. Raises ValueError as `message`."""
    told = json.loads(made)
    number = told["number"]
    mail = _addressed(settings, subject=told["subject"], at=at)
    # SMTP itself can bring a mail twice: a reader's program knows it by this.
    mail["Message-ID"] = message_id(number, settings)
    mail.set_content(_signed(told["text"] + how, settings))
    for kind, subtype in (("application", "pdf"), ("text", "csv")):
        name = f"{quote(number, safe='')}.{subtype}"
        content = base64.b64decode(told[subtype])
        mail.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return mail.as_bytes()


def reminder(told: PurchaseReminder, settings: Settings, *, at: datetime, answer_at: str) -> bytes:
    """A mail in the thread of the order, without its files: nobody keys in what is not attached.

    Raises ValueError that says what cannot be sent.
    """
    number = told.order.number
    text = _reminding(told) + _how_to_answer(settings, answer_at, sheet=_BY_FIRST_MAIL)
    name = reminder_id(number, told.number, settings)
    return following(number, settings, at=at, text=text, name=name)


def following(number: str, settings: Settings, *, at: datetime, text: str, name: str) -> bytes:
    """A mail in the thread of the order `number`. `name`: its Message-ID."""
    # Some programs make a thread of one subject, others of the ids.
    mail = _addressed(settings, subject=f"Re: {subject_of(number, settings)}", at=at)
    mail["Message-ID"] = name
    mail["In-Reply-To"] = mail["References"] = message_id(number, settings)
    mail.set_content(_signed(text, settings))
    return mail.as_bytes()


def goods_listed(goods: Sequence[tuple[int, str]]) -> str:
    """(units, thing), a line each."""
    lines = [f"  {units:>7}  {one_line(item, _LONGEST_NAME)}" for units, item in goods]
    more = [f"  and {len(lines) - _MOST_LINES} more, as in the order"]
    return "\n".join([*lines[:_MOST_LINES], *(more if len(lines) > _MOST_LINES else [])])


def _reminding(told: PurchaseReminder) -> str:
    order = told.order
    goods = [(line.quantity, line.item) for line in order.lines]
    return (
        f"This only reminds you of our purchase order {order.number}. Nothing is ordered by it:\n"
        "please do not enter it again.\n\n"
        f"We mailed it on {told.sent_at:%Y-%m-%d at %H:%M} UTC and have no answer yet. Agreed was an\n"
        f"answer until {told.due_at:%Y-%m-%d, %H:%M} UTC. We ordered (units, item):\n\n"
        + goods_listed(goods)
        + "\n\nIf you do not have the order, please say so.\n"
    )


def _addressed(settings: Settings, *, subject: str, at: datetime) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = settings.smtp.sender
    mail["To"] = settings.to
    if settings.reply_to:
        mail["Reply-To"] = settings.reply_to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    # Answering machines stay silent (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _how_to_answer(settings: Settings, page: str, *, sheet: str) -> str:
    text = _BY_LINK.format(page=page) if page else ""
    if settings.replies is not None:
        return text + sheet.format(also="Or" if page else "Please")
    return text or _IN_WORDS


def _signed(text: str, settings: Settings) -> str:
    return f"{text}\n-- \n" + "\n".join(settings.buyer) + "\n"


def reminder_id(number: str, count: int, settings: Settings) -> str:
    """The fixed Message-ID of one reminder of this order."""
    return f"<reminder-{count}.{quote(number, safe='')}@{_domain(settings)}>"


def is_later(headers: str, settings: Settings) -> bool:
    """Whether these are the headers of a mail of ours that follows one with an order."""
    return any(one.casefold() == _domain(settings) for one in _FOLLOWS.findall(headers))


def asks_to_stop(headers: str, settings: Settings) -> bool:
    """Whether a mail of ours is named here that asks not to ship."""
    return any(one.casefold() == _domain(settings) for one in _STOPS.findall(headers))


def is_request(number: str) -> bool:
    """Whether it is a request to ship, not an order that restocks us."""
    return bool(_REQUEST.fullmatch(number))


def shipment_reminder_id(number: str, count: int, settings: Settings) -> str:
    """The fixed Message-ID of one reminder of what this request should have shipped."""
    return f"<shipment-{count}.{quote(number, safe='')}@{_domain(settings)}>"


def call_off_id(number: str, settings: Settings) -> str:
    """The fixed Message-ID of the mail that asks not to ship it."""
    return f"<call-off.{quote(number, safe='')}@{_domain(settings)}>"


def message_id(number: str, settings: Settings) -> str:
    """The fixed Message-ID of the mail with this order."""
    return f"<order.{quote(number, safe='')}@{_domain(settings)}>"


def numbers_in(text: str, settings: Settings) -> list[str]:
    """The orders whose mails are named here by their Message-IDs, the first one first."""
    found = [
        unquote(number)
        for number, domain in _OURS.findall(text)
        if domain.casefold() == _domain(settings)
    ]
    return list(dict.fromkeys(found))


def _domain(settings: Settings) -> str:
    return settings.smtp.sender.rpartition("@")[2].casefold()
