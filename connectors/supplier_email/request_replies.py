"""What came back about a request to ship: a sheet, a word we asked for, or words for a person.

Nothing is guessed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imap_tools import MailMessage

from connectors.mail.mailbox import Envelope
from connectors.supplier_email.filled import SheetLine, Unread, reject, sheet_lines
from connectors.supplier_email.mapping import (
    ANSWER_COLUMNS,
    asks_to_stop,
    is_request,
    numbers_in,
)
from connectors.supplier_email.replies import (
    REPORT,
    about,
    bounced,
    is_automatic,
    thread_of,
    words_of,
)
from connectors.supplier_email.requests import PARCEL_COLUMNS
from connectors.supplier_email.settings import Settings
from connectors.values import CARRIER_WORDS
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    CallOffAnswer,
    RequestBounce,
    RequestLetter,
    ShipmentNotice,
    ShippedLine,
)
from core.ports import Reject

# People tell of a parcel again where nobody answers: each parcel is a document of its own, and what
# they say of it last holds, whether by sheet, by a line, or on the page.

#: One word alone in the first line, small letters -> what it says.
_WORDS = {
    "accepted": AcknowledgmentStatus.ACCEPTED,
    "rejected": AcknowledgmentStatus.REJECTED,
}
_STOPPED = {"stopped": True, "ships": False}
#: "SHIPPED: UPS 1Z999AA10123456784". A number has a digit and no blank: of one that is written in
#: groups nobody can tell where it begins.
_SHIPPED = re.compile(
    r"\s*SHIPPED:\s*(\w(?:(?!\d{4})[\w .&-]){0,40}?)\s+((?=\S*\d)[A-Za-z0-9-]{6,40})\s*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[A-Za-z0-9-]{6,40}")
#: What may be kept of a line that cannot be read: never whom it goes to.
_KEPT = ("order", "item", "sku", "quantity", *ANSWER_COLUMNS, *PARCEL_COLUMNS)
_LONGEST = 100

Answer = Acknowledgment | CallOffAnswer | RequestLetter | RequestBounce


@dataclass(frozen=True, slots=True)
class RequestReply:
    """What one message says."""

    answers: tuple[Answer, ...] = ()
    notices: tuple[ShipmentNotice, ...] = ()
    rejects: tuple[Reject, ...] = ()


def read(message: MailMessage, envelope: Envelope, settings: Settings) -> RequestReply:
    """Nothing where it is about no request of ours."""
    if envelope.content_type == REPORT:
        bounce = bounced(message.obj, settings)
        if bounce is None or not is_request(bounce.number):
            return RequestReply()
        told = RequestBounce(bounce.number, bounce.code, bounce.text, later=bounce.reminder)
        return RequestReply((told,))
    key = about(message, settings)
    sheets = _Sheets(key, envelope, settings)
    sheets.read(message)
    if sheets.rejects or sheets.lines or sheets.parcels:
        return sheets.reply()
    if not is_request(key) or is_automatic(message.obj):
        # Mail about other things, and machines that say that somebody is on holiday.
        return RequestReply()
    return _in_words(message, envelope, key, settings)


def _in_words(
    message: MailMessage, envelope: Envelope, key: str, settings: Settings
) -> RequestReply:
    own = list(_own_lines(message.text))
    first = own[0].strip(" .!").casefold() if own else ""
    parcels = {(one[1], one[2]) for line in own if (one := _SHIPPED.fullmatch(line))}
    answers: tuple[Answer, ...] = ()
    thread = " ".join(thread_of(message))
    # Who rejects that it is called off does not reject the request.
    is_answer = bool(numbers_in(thread, settings)) and not asks_to_stop(thread, settings)
    if first in _WORDS and is_answer:
        answers = (Acknowledgment(key, _WORDS[first], envelope.at, raw_status=first),)
    elif first in _STOPPED:
        answers = (CallOffAnswer(key, _STOPPED[first], envelope.at),)
    if len(parcels) == 1:
        ((carrier, number),) = parcels
        notice = ShipmentNotice(
            key, carrier_of(carrier), number, envelope.at, (), whole=True, document=number,
            replaces=True,
        )  # fmt: skip
        return RequestReply(answers, (notice,))
    if answers and not parcels:
        return RequestReply(answers)
    # Of several parcels nobody can tell which holds what.
    return RequestReply((RequestLetter(key, envelope.sender, words_of(message)),))


def _own_lines(text: str) -> Iterator[str]:
    """Lines that are not empty, and not marked as quoted."""
    return (line for line in text.splitlines() if line.strip() and not line.startswith(">"))


def carrier_of(word: str) -> str:
    """Our word for a carrier, theirs in small letters where it is none we know."""
    plain = " ".join(word.split()).casefold()[:_LONGEST]
    return CARRIER_WORDS.get(plain, plain)


def number_of(text: str) -> str:
    """A tracking number without the blanks people group it by. Raises Unread."""
    number = "".join(text.split())
    if not _NUMBER.fullmatch(number):
        raise Unread(f"tracking_number is {text[:20]!r}; 6 to 40 letters and digits are expected")
    return number


class _Sheets:
    """The filled lines of the sheets of one message, by request."""

    def __init__(self, key: str, envelope: Envelope, settings: Settings) -> None:
        self._key, self._at = key, envelope.at
        self._days = settings.replies.days if settings.replies else ()
        self.lines: dict[str, list[AnsweredLine]] = {}
        self._references: dict[str, str] = {}
        #: (request, number) -> carrier, and what is in it
        self.parcels: dict[tuple[str, str], tuple[str, list[ShippedLine]]] = {}
        self.rejects: list[Reject] = []

    def read(self, message: MailMessage) -> None:
        for found in sheet_lines(message):
            line, why = found if isinstance(found, tuple) else (found, "")
            if not is_request(line.order(self._key)):
                continue
            try:
                if why:
                    raise Unread(why)
                self._take(line)
            except Unread as wrong:
                self.rejects.append(
                    reject("request answer", self._key, self._at, line, str(wrong), columns=_KEPT)
                )

    def _take(self, line: SheetLine) -> None:
        answered = any(line[one] for one in ANSWER_COLUMNS[:2])
        shipped = any(line[one] for one in PARCEL_COLUMNS)
        if not answered and not shipped:
            return
        key, item = line.names(self._key)
        # All of the line is read before any of it counts.
        lines = self._answered(line, item) if answered else []
        parcel = _parcel(line) if shipped else None
        if answered:
            self.lines.setdefault(key, []).extend(lines)
            self._references.setdefault(key, line[ANSWER_COLUMNS[2]][:_LONGEST])
        if parcel is not None:
            carrier, number, units = parcel
            held = self.parcels.setdefault((key, number), (carrier, []))
            held[1].append(ShippedLine(item, units))

    def _answered(self, line: SheetLine, item: str) -> list[AnsweredLine]:
        """What of it comes, in time or on that day, and what does not come."""
        asked, units = line.units("quantity"), line.units(ANSWER_COLUMNS[0])
        day = line.day(ANSWER_COLUMNS[1], self._days)
        status = AcknowledgmentStatus.BACKORDERED if day else AcknowledgmentStatus.ACCEPTED
        made = [AnsweredLine(item, status, units, day)] if units else []
        if units < asked:
            made.append(AnsweredLine(item, AcknowledgmentStatus.REJECTED, asked - units))
        return made

    def reply(self) -> RequestReply:
        answers = tuple(
            Acknowledgment(
                key, AcknowledgmentStatus.ACCEPTED, self._at, reference=self._references[key],
                lines=tuple(lines),
            )
            for key, lines in self.lines.items()
        )  # fmt: skip
        notices = tuple(
            ShipmentNotice(
                key, carrier, number, self._at, tuple(lines), document=number, replaces=True
            )
            for (key, number), (carrier, lines) in self.parcels.items()
        )
        return RequestReply(answers, notices, tuple(self.rejects))


def _parcel(line: SheetLine) -> tuple[str, str, int]:
    """(carrier, number, units). Raises Unread."""
    carrier, number, units = PARCEL_COLUMNS
    if not line[carrier] or not line[number]:
        raise Unread("a parcel has a carrier, a tracking_number and a shipped_quantity")
    count = line.units(units)
    if not count:
        raise Unread("shipped_quantity is 0; leave the line out of the parcel")
    return carrier_of(line[carrier]), number_of(line[number]), count
