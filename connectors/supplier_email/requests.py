"""Our request to ship as a mail: an order that goes to the buyer's door. Pure.

It is called by its key in few letters, in the mails that follow it too. The buyer's address stands
in this one mail.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import datetime

from connectors.sheets import ADDRESS_COLUMNS, address_cells, price_cells, safe_cell, stamp
from connectors.supplier_email import mapping
from connectors.supplier_email.mapping import ANSWER_COLUMNS, goods_listed, subject_of
from connectors.supplier_email.paper import request_pdf, ship_by
from connectors.supplier_email.settings import Settings
from connectors.values import one_line
from core.model.fulfillment import CallOff, RequestReminder, ShipRequest
from core.ports import AnswerPages

#: What they fill in when it has left.
PARCEL_COLUMNS = ("carrier", "tracking_number", "shipped_quantity")
_COLUMNS = (
    "order", "item", "sku", "title", "quantity", "unit_price", "currency", *ADDRESS_COLUMNS,
    "service", "ship_by", "requested_at", "our_order", "note",
)  # fmt: skip
_LONGEST_NOTE = 500


def request_csv(request: ShipRequest) -> bytes:
    """One line per thing, the address on each, with columns to answer in: UTF-8 with a mark."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    theirs = (*ANSWER_COLUMNS, *PARCEL_COLUMNS)
    writer.writerow((*_COLUMNS, *theirs))
    tail = (
        *address_cells(request.ship_to), safe_cell(request.service), stamp(request.ship_by),
        stamp(request.requested_at), safe_cell(request.order_name), safe_cell(request.note),
        *("" for _ in theirs),
    )  # fmt: skip
    for line in request.by_sku():
        names = (request.short_key, line.item or line.sku, line.sku)
        title = request.titles.get(line.sku, "")
        writer.writerow(
            (*map(safe_cell, (*names, title)), line.quantity, *price_cells(line.price), *tail)
        )
    return out.getvalue().encode("utf-8-sig")


def document(request: ShipRequest, settings: Settings) -> bytes:
    """All of the mail that is known when it is written, as JSON."""
    number = request.short_key
    made = {
        "number": number,
        "subject": subject_of(number, settings),
        "text": _words(request),
        "csv": base64.b64encode(request_csv(request)).decode(),
        "pdf": base64.b64encode(request_pdf(request, settings)).decode(),
    }
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _words(request: ShipRequest) -> str:
    """Without the address, which is in the files: a mail's text is quoted in every answer to it."""
    number = request.short_key
    goods = [(line.quantity, line.item or line.sku) for line in request.by_sku()]
    note = f"Note: {one_line(request.note, _LONGEST_NOTE)}\n" if request.note else ""
    service = one_line(request.service, 100) or "as agreed"
    return (
        f"Please ship to our customer, under our purchase order {number} (units, item):\n\n"
        f"{goods_listed(goods)}\n\n"
        f"Ship by: {ship_by(request)}\nService: {service}\n{note}\n"
        "Where it goes is in the files, to be read (PDF) and to be loaded (CSV).\n"
        f"It is one order, however often this mail reaches you: please name {number} on\n"
        "parcels and invoices.\n"
    )


_BY_LINK = """
To say whether you will ship it, open this page. It can be used once:

{answer}

When it has left, open this one and enter carrier and tracking number:

{parcel}

Keep the addresses to yourself: whoever has them can answer for you. They expire.
"""
#: No line of these reads as an answer: programs quote them back to us.
_BY_MAIL = """
{also} answer to this mail. Write one word alone into your first line: ACCEPTED, where you
ship all of it in time; REJECTED, where you ship none of it. Otherwise send the CSV file back
and fill in in each of its lines how many units you ship (confirmed_quantity; 0: none), and
only where they leave late on which day (confirmed_date, like 2026-12-31).

When it has left, answer again with a line that begins with SHIPPED and a colon, followed by
the carrier and the tracking number. Where a parcel does not hold all that is left, send the
CSV file back instead, with carrier, tracking_number and shipped_quantity in each line of it.
"""
_IN_WORDS = """
Please answer to this mail: whether you ship it, and under which tracking number.
"""


def message(made: bytes, settings: Settings, *, at: datetime, pages: AnswerPages) -> bytes:
    """The whole message with CRLF line ends. Raises ValueError that says what cannot be sent."""
    return mapping.ordering(made, settings, at=at, how=_how_to_answer(settings, pages))


def _how_to_answer(settings: Settings, pages: AnswerPages) -> str:
    linked = bool(pages.answer and pages.parcel)
    text = _BY_LINK.format(answer=pages.answer, parcel=pages.parcel) if linked else ""
    if settings.replies is not None:
        return text + _BY_MAIL.format(also="Or" if linked else "Please")
    return text or _IN_WORDS


def reminder(
    told: RequestReminder, settings: Settings, *, at: datetime, pages: AnswerPages
) -> bytes:
    """A mail in the thread of the request, without its files. Raises ValueError as `message`."""
    number = told.short_key
    lacks = "know of no parcel that holds it all" if told.shipment else "have no answer"
    owed = "that it ships" if told.shipment else "an answer"
    text = (
        f"This only reminds you of our purchase order {number}. Nothing is ordered by it:\n"
        "please do not enter it again.\n\n"
        f"We mailed it on {told.sent_at:%Y-%m-%d at %H:%M} UTC and {lacks} yet. Agreed was\n"
        f"{owed} until {told.due_at:%Y-%m-%d, %H:%M} UTC. It is about (units, item):\n\n"
        f"{goods_listed(told.goods)}\n\n"
        "If you do not have the order, or will not ship it, please say so.\n"
    )
    text += _how_to_answer(settings, pages)
    return mapping.following(number, settings, at=at, text=text, name=reminder_id(told, settings))


def reminder_id(told: RequestReminder, settings: Settings) -> str:
    """The fixed Message-ID of it."""
    of = mapping.shipment_reminder_id if told.shipment else mapping.reminder_id
    return of(told.short_key, told.number, settings)


_ASKED_BY_LINK = """
Please say on this page whether you stopped it. It can be used once, and only until it expires:

{page}
"""
_ASKED_BY_MAIL = """
{also} answer to this mail with one word alone in your first line: STOPPED, where it will not
leave; SHIPS, where it is too late.
"""


def call_off(told: CallOff, settings: Settings, *, at: datetime, answer_at: str) -> bytes:
    """A mail in the thread of the request that asks not to ship it. Raises ValueError as `message`."""
    number = told.short_key
    text = (
        f"Please do NOT ship our purchase order {number}, or what is left of it.\n\n"
        "Until you have said that it will not leave, we take it that it does.\n"
    )
    text += _ASKED_BY_LINK.format(page=answer_at) if answer_at else ""
    if settings.replies is not None:
        text += _ASKED_BY_MAIL.format(also="Or" if answer_at else "Please")
    elif not answer_at:
        text += "\nPlease answer to this mail.\n"
    name = mapping.call_off_id(number, settings)
    return mapping.following(number, settings, at=at, text=text, name=name)


def message_id(made: bytes, settings: Settings) -> str:
    """The fixed Message-ID of the mail with this request."""
    return mapping.message_id(json.loads(made)["number"], settings)
