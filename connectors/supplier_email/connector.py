"""A supplier that is written to, and writes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from imap_tools import MailMessage

from connectors.mail.mailbox import Envelope, Mailbox
from connectors.mail.smtp import Client
from connectors.supplier_email import mapping, replies, request_replies, requests
from connectors.supplier_email.settings import Settings
from core.errors import Rejected
from core.model.fulfillment import CallOff, RequestReminder, ShipmentNotice, ShipRequest
from core.model.purchasing import (
    PurchaseAnswer,
    PurchaseBounce,
    PurchaseLetter,
    PurchaseOrder,
    PurchaseReminder,
)
from core.ports import (
    AnswerPages,
    Batch,
    CheckReport,
    Cursor,
    FulfillmentSource,
    Inside,
    Key,
    MailedRequestTarget,
    PurchaseAnswerSource,
    PurchaseOrderService,
    PurchaseReminderTarget,
    Reject,
    RemoteRef,
)

#: A record that cannot be read at all: nobody knows whether it is about purchases or requests, and
#: both are told the same.
_MAIL = "mail"
Said = TypeVar("Said", replies.Reply, request_replies.RequestReply)


class SupplierEmail(
    PurchaseOrderService, PurchaseReminderTarget, PurchaseAnswerSource, MailedRequestTarget,
    FulfillmentSource,
):  # fmt: skip
    """One supplier, who may ship for us too. Makes no call until a method is used."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        smtp: Client,
        mailbox: Mailbox | None,
        inside: Inside,
    ) -> None:
        self.name = name
        self._settings = settings
        self._smtp = smtp
        self._mailbox = mailbox
        self._clock = inside.clock

    def check(self) -> CheckReport:
        """Log in to both servers; send nothing, change nothing."""
        settings = self._settings
        facts = [("orders go to", settings.to), *self._smtp.look()]
        if self._mailbox is not None and settings.replies is not None:
            folder = settings.replies.folder
            facts.append(("answers", f"{folder}: {self._mailbox.look(folder)}"))
        where = f"{settings.smtp.host}:{settings.smtp.port_in_use}"
        return CheckReport(name=where, facts=tuple(facts))

    # what goes out

    def purchase_document(self, order: PurchaseOrder, *, serial: int) -> bytes:
        """Words, PDF and CSV of the order."""
        return mapping.document(order, self._settings)

    def submit_purchase(self, key: Key, document: bytes, *, answer_at: str) -> RemoteRef:
        """Mail it; its Message-ID.

        Raises Rejected (refused, or cannot be written as a mail), Unauthorized, Unavailable (not
        sent), UnknownOutcome (the answer to the text was lost).
        """
        at = self._clock.now()
        self._mail(lambda: mapping.message(document, self._settings, at=at, answer_at=answer_at))
        return mapping.message_id(key, self._settings)

    def push_reminder(self, reminder: PurchaseReminder, *, answer_at: str) -> RemoteRef:
        """Mail it in the order's thread; its Message-ID. Raises as `submit_purchase` does."""
        at = self._clock.now()
        self._mail(lambda: mapping.reminder(reminder, self._settings, at=at, answer_at=answer_at))
        return mapping.reminder_id(reminder.order.number, reminder.number, self._settings)

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """Words, PDF and CSV of it."""
        return requests.document(request, self._settings)

    def mail_request(self, key: Key, document: bytes, *, pages: AnswerPages) -> RemoteRef:
        """Mail it; its Message-ID. Raises as `submit_purchase` does."""
        at = self._clock.now()
        self._mail(lambda: requests.message(document, self._settings, at=at, pages=pages))
        return requests.message_id(document, self._settings)

    def mail_reminder(self, reminder: RequestReminder, *, pages: AnswerPages) -> RemoteRef:
        """Mail it in the request's thread; its Message-ID. Raises as `submit_purchase` does."""
        at = self._clock.now()
        self._mail(lambda: requests.reminder(reminder, self._settings, at=at, pages=pages))
        return requests.reminder_id(reminder, self._settings)

    def mail_call_off(self, call_off: CallOff, *, answer_at: str) -> RemoteRef:
        """Mail it in the request's thread; its Message-ID. Raises as `submit_purchase` does."""
        at = self._clock.now()
        self._mail(lambda: requests.call_off(call_off, self._settings, at=at, answer_at=answer_at))
        return mapping.call_off_id(call_off.short_key, self._settings)

    def _mail(self, write: Callable[[], bytes]) -> None:
        try:
            content = write()
        except ValueError as error:
            raise Rejected(
                str(error), connector=self.name, operation="write mail", code="unwritable"
            ) from None
        self._smtp.send(content, recipient=self._settings.to)

    @property
    def answer_page_for(self) -> timedelta | None:
        return self._settings.link_open_for

    # what comes back

    def pull_purchase_answers(
        self, *, since: Cursor | None
    ) -> Iterator[Batch[PurchaseAnswer | PurchaseLetter | PurchaseBounce]]:
        """One message a batch, oldest first: a later one corrects an earlier."""
        for reply, cursor in self._messages(since, replies.read):
            if isinstance(reply, Reject):
                yield Batch((), cursor, rejects=(reply,))
            elif reply is None:
                yield Batch((), cursor, complete_to=self._clock.now())
            else:
                yield Batch(reply.items, cursor, rejects=reply.rejects, raw=reply.raw)

    def pull_acknowledgments(
        self, *, since: Cursor | None
    ) -> Iterator[Batch[request_replies.Answer]]:
        """What they say to requests, one message a batch, oldest first."""
        for reply, cursor in self._messages(since, request_replies.read):
            if isinstance(reply, Reject):
                yield Batch((), cursor, rejects=(reply,))
            elif reply is None:
                yield Batch((), cursor, complete_to=self._clock.now())
            else:
                yield Batch(reply.answers, cursor, rejects=reply.rejects)

    def pull_shipments(self, *, since: Cursor | None) -> Iterator[Batch[ShipmentNotice]]:
        """The parcels that they tell of, one message a batch, oldest first."""
        for reply, cursor in self._messages(since, request_replies.read):
            if isinstance(reply, request_replies.RequestReply):
                yield Batch(reply.notices, cursor)
            else:
                done = self._clock.now() if reply is None else None
                yield Batch((), cursor, complete_to=done)

    def _messages(
        self,
        since: Cursor | None,
        read: Callable[[MailMessage, Envelope, Settings], Said],
    ) -> Iterator[tuple[Said | Reject | None, Cursor]]:
        """What each new message says, or why it cannot be read, and where that is; None: no more."""
        told = self._settings.replies
        if told is None or self._mailbox is None:
            yield None, since or "{}"
            return
        now = self._clock.now()
        walk = self._mailbox.oldest_first(told.folder, since=since, now=now, wanted=self._is_wanted)
        for one in walk:
            if isinstance(one, str):
                yield None, one
            elif one.message is None:
                name = one.envelope.message_id or str(one.uid)
                yield Reject(_MAIL, name, one.refused, ""), one.after
            else:
                yield self._read(one.message, one.envelope, read), one.after

    def _read(
        self, message: MailMessage, envelope: Envelope,
        read: Callable[[MailMessage, Envelope, Settings], Said],
    ) -> Said | Reject:  # fmt: skip
        """A message that cannot even be taken apart is told, and keeps no other waiting."""
        try:
            return read(message, envelope, self._settings)
        except Exception as error:
            # Parsers of mail raise whatever they like: an encoding nobody knows, a field of a megabyte.
            name = f"{envelope.message_id[:100]} of {envelope.at.isoformat()}"
            return Reject(_MAIL, name, f"it cannot be taken apart: {type(error).__name__}", "")

    def _is_wanted(self, envelope: Envelope) -> bool:
        """Mail servers report from addresses of their own."""
        told = self._settings.replies
        allowed = told is not None and envelope.sender in told.senders
        return allowed or envelope.content_type == replies.REPORT


def connect(name: str, settings: Settings, inside: Inside) -> SupplierEmail:
    """Build the connector. Makes no call."""
    mailbox = None
    if settings.replies is not None:
        mailbox = Mailbox(settings.replies, connector=name, largest=settings.replies.largest_file)
    smtp = Client(name, settings=settings.smtp)
    return SupplierEmail(name, settings=settings, smtp=smtp, mailbox=mailbox, inside=inside)
