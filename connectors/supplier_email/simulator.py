"""A supplier's order desk: people who read mail, key orders in, and answer as people do.

As dumb as real ones: an order that is mailed twice is keyed in twice, and the books show it. Mail
itself is carried by the simulators of mail servers.
"""

from __future__ import annotations

import csv
import email.policy
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

_LINK = re.compile(r"^https?://\S+/answer/\S+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OrderMail:
    """One mail with an order, taken apart."""

    number: str
    message_id: str
    text: str
    pdf: bytes
    sheet: str
    #: address of the page to answer on; "": there is none
    page: str
    reply_to: str
    #: of the page to tell a parcel on
    parcel_page: str = ""

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.sheet, newline="")))


@dataclass(frozen=True, slots=True)
class ReminderMail:
    """One mail without an order in it: it is read, and nothing is keyed in."""

    subject: str
    message_id: str
    in_reply_to: str
    text: str
    page: str
    parcel_page: str = ""


class OrderDesk:
    """`inbox`: every mail as it came; `send`: carries one to whoever answers are for."""

    def __init__(
        self,
        inbox: Callable[[], Sequence[bytes]],
        send: Callable[[bytes], object],
        *,
        address: str = "orders@acme.example",
        now: Callable[[], datetime],
    ) -> None:
        self._inbox, self._send = inbox, send
        self._address, self._now = address, now

    def mails(self) -> list[OrderMail]:
        """Those that hold an order, as they came."""
        return [made for one in self._inbox() if isinstance(made := _taken_apart(one), OrderMail)]

    def reminders(self) -> list[ReminderMail]:
        """Those that hold none, as they came."""
        return [
            made for one in self._inbox() if isinstance(made := _taken_apart(one), ReminderMail)
        ]

    def books(self) -> dict[str, Any]:
        """Every order that was keyed in, with how often it came."""
        mails = self.mails()
        return {
            one.number: {
                "count": sum(other.number == one.number for other in mails),
                "lines": [
                    {"item": row["item"], "sku": row["sku"], "quantity": int(row["quantity"])}
                    for row in one.rows
                ],
            }
            for one in mails
        }

    def answer_by_sheet(
        self, number: str, told: Mapping[str, tuple[str, str]], *, delimiter: str = ","
    ) -> None:
        """Fill our sheet in, Sku -> (units, day), and send it back; other lines stay empty."""
        columns = ("confirmed_quantity", "confirmed_date")
        self._fill(number, columns, told, delimiter=delimiter)

    def ship_by_sheet(self, number: str, told: Mapping[str, tuple[str, str, str]]) -> None:
        """Send it back with parcels, Sku -> (carrier, tracking number, units)."""
        self._fill(number, ("carrier", "tracking_number", "shipped_quantity"), told)

    def _fill(
        self, number: str, columns: Sequence[str], told: Mapping[str, Sequence[str]], *,
        delimiter: str = ",",
    ) -> None:  # fmt: skip
        mail = self._mail(number)
        rows = mail.rows
        for row in rows:
            row.update(zip(columns, told.get(row["sku"], [""] * len(columns)), strict=True))
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        answer = self._reply(mail, "See the file.")
        answer.add_attachment(
            out.getvalue().encode(), maintype="text", subtype="csv", filename=f"{number}.csv"
        )
        self._send(answer.as_bytes())

    def answer_in_words(
        self, number: str, words: str, *, sender: str = "", threaded: bool = True,
        automatic: bool = False, after: str = "",
    ) -> None:  # fmt: skip
        """`threaded`: as a mail program answers; not: a new mail that names the number.

        `after`: the Message-ID of a later mail of ours that is answered, not the order itself.
        """
        answer = self._reply(self._mail(number), words, threaded=threaded)
        if after:
            answer.replace_header("In-Reply-To", after)
            answer.replace_header("References", f"{answer['References']} {after}")
        if sender:
            answer.replace_header("From", sender)
        if automatic:
            answer["Auto-Submitted"] = "auto-replied"
        self._send(answer.as_bytes())

    def give_up(
        self, number: str, *, action: str = "failed", status: str = "5.1.1", reminder: bool = False,
        whole: bool = False,
    ) -> None:  # fmt: skip
        """The mail server reports about the mail with this order, or its reminder (RFC 3464).

        `whole`: with the mail as it was, as some do; else with its headers.
        """
        mail = self._mail(number)
        headers = f"Message-ID: {mail.message_id}"
        if reminder:
            late = next(one for one in self.reminders() if one.in_reply_to == mail.message_id)
            headers = f"Message-ID: {late.message_id}\r\nIn-Reply-To: {mail.message_id}"
        kind = "text/rfc822-headers"
        if whole:
            named = f"Message-ID: {mail.message_id}".encode()
            kind, headers = (
                "message/rfc822",
                next(one for one in self._inbox() if named in one).decode("ascii"),
            )
        report = (
            "From: MAILER-DAEMON@mx.acme.example\r\n"
            f"To: {mail.reply_to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            f"Date: {format_datetime(self._now())}\r\nMIME-Version: 1.0\r\n"
            "Message-ID: <report-1@mx.acme.example>\r\nAuto-Submitted: auto-replied\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            "Reporting-MTA: dns; mx.acme.example\r\n\r\n"
            f"Final-Recipient: rfc822; {self._address}\r\nAction: {action}\r\n"
            f"Status: {status}\r\n\r\n"
            f"--b\r\nContent-Type: {kind}\r\n\r\n"
            f"{headers}\r\n\r\n--b--\r\n"
        )
        self._send(report.encode())

    def _mail(self, number: str) -> OrderMail:
        return next(one for one in self.mails() if one.number == number)

    def _reply(self, mail: OrderMail, words: str, *, threaded: bool = True) -> EmailMessage:
        made = EmailMessage(policy=email.policy.SMTP)
        made["From"], made["To"] = f"Acme Orders <{self._address}>", mail.reply_to
        made["Date"] = format_datetime(self._now())
        made["Message-ID"] = f"<{self._now():%Y%m%d%H%M%S%f}@acme.example>"
        if threaded:
            made["In-Reply-To"] = made["References"] = mail.message_id
        made["Subject"] = f"RE: Purchase order {mail.number}"
        made.set_content(words)
        return made


def _taken_apart(content: bytes) -> OrderMail | ReminderMail:
    mail = message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("plain",))
    text = str(body.get_content()) if body else ""
    files = {
        part.get_content_type(): part.get_payload(decode=True) for part in mail.iter_attachments()
    }
    page, parcel_page, *_ = [*_LINK.findall(text), "", ""]
    if not files:
        return ReminderMail(
            str(mail["Subject"]), str(mail["Message-ID"]), str(mail["In-Reply-To"]), text, page,
            parcel_page,
        )  # fmt: skip
    sheet, pdf = files["text/csv"], files["application/pdf"]
    assert isinstance(sheet, bytes)
    assert isinstance(pdf, bytes)
    return OrderMail(
        number=str(mail["Subject"]).split()[2],
        message_id=str(mail["Message-ID"]),
        text=text,
        pdf=pdf,
        sheet=sheet.decode("utf-8-sig"),
        page=page,
        parcel_page=parcel_page,
        reply_to=str(mail["Reply-To"] or mail["From"]),
    )
