"""Messages out of a mailbox, which is opened read-only: nothing is deleted, moved or marked.

RFC 3501. The place in the walk is UIDVALIDITY with the highest UID that is done, and those above it
that are: whoever reads says which message comes first.
"""

from __future__ import annotations

import email
import email.utils
import imaplib
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailMessage, U
from imap_tools.errors import (
    MailboxFolderSelectError,
    MailboxFolderStatusError,
    MailboxLoginError,
    UnexpectedCommandStatusError,
)

from connectors.mail.servers import Imap
from core.errors import Rejected, Unauthorized, Unavailable

#: How far back the very first walk looks.
FIRST_LOOK = timedelta(days=14)
#: A message is larger than its attachment: base64, and words and pictures around it (bytes).
_GROWTH = 1.5
_AROUND = 1 << 16


@dataclass
class _Place:
    validity: int = 0
    #: all messages up to this UID are done
    uid: int = 0
    #: those above it that are done
    taken: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, since: str | None) -> _Place:
        told = json.loads(since) if since else {}
        return cls(told.get("validity", 0), told.get("uid", 0), set(told.get("taken", ())))

    def text(self) -> str:
        told = {"validity": self.validity, "uid": self.uid, "taken": sorted(self.taken)}
        return json.dumps(told, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a message before it is fetched."""

    size: int
    #: when it was sent or when it arrived, whichever is earlier
    at: datetime
    #: the only sender; "" where there are none or several
    sender: str
    content_type: str
    message_id: str


#: Whether a message is fetched at all.
Wanted = Callable[[Envelope], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """One message that was asked for."""

    uid: int
    envelope: Envelope
    #: None: it is not read, `refused` says why
    message: MailMessage | None
    refused: str = ""
    #: the place in the walk before it, and after it
    before: str = ""
    after: str = ""


class Mailbox:
    """A connection for each walk: mailboxes do not like to be kept waiting."""

    def __init__(self, settings: Imap, *, connector: str, largest: int) -> None:
        """`largest`: bytes of an attachment; messages that cannot hold one of them are not read."""
        self._settings = settings
        self._connector = connector
        self._largest = largest

    def newest_first(
        self, folder: str, *, since: str | None, now: datetime, wanted: Wanted
    ) -> Iterator[Found | str]:
        """New messages that are wanted; at last the place after all of them."""
        return self._walk(folder, since=since, now=now, wanted=wanted, newest=True)

    def oldest_first(
        self, folder: str, *, since: str | None, now: datetime, wanted: Wanted
    ) -> Iterator[Found | str]:
        """As `newest_first`, in the order they came in: where a later one corrects an earlier."""
        return self._walk(folder, since=since, now=now, wanted=wanted, newest=False)

    def look(self, folder: str) -> str:
        with self._mailbox(folder, f"list {folder}") as (mailbox, _):
            count = len(mailbox.uids("ALL", charset=None))
        return f"{count} message{'s' if count != 1 else ''}"

    def _walk(
        self, folder: str, *, since: str | None, now: datetime, wanted: Wanted, newest: bool
    ) -> Iterator[Found | str]:
        operation = f"read {folder}"
        with self._mailbox(folder, operation) as (mailbox, validity):
            place = _Place.of(since)
            if place.validity != validity:
                # The server numbers anew: what was taken is recognized by whoever reads it.
                place = _Place(validity)
            new = self._new(mailbox, place, now, operation)
            for uid in sorted(new - place.taken, reverse=newest):
                found = self._message(mailbox, uid, wanted, operation)
                before = place.text()
                place.taken.add(uid)
                if found is not None:
                    yield replace(found, before=before, after=place.text())
            place.uid, place.taken = max(new, default=place.uid), set()
        yield place.text()

    def _new(self, mailbox: BaseMailBox, place: _Place, now: datetime, operation: str) -> set[int]:
        with self._errors(operation):
            if place.uid:
                # `n:*` names the last message too where it is older than n.
                found = mailbox.uids(AND(uid=U(str(place.uid + 1), "*")), charset=None)
            else:
                found = mailbox.uids(AND(date_gte=(now - FIRST_LOOK).date()), charset=None)
        return {int(uid) for uid in found if int(uid) > place.uid}

    def _message(
        self, mailbox: BaseMailBox, uid: int, wanted: Wanted, operation: str
    ) -> Found | None:
        with self._errors(operation):
            envelope = self._envelope(mailbox, uid)
        if envelope is None or not wanted(envelope):
            return None
        if envelope.size > self._largest * _GROWTH + _AROUND:
            why = f"a message of {envelope.size} bytes; files of up to {self._largest} are read"
            return Found(uid, envelope, None, why)
        with self._errors(operation):
            messages = list(mailbox.fetch(AND(uid=str(uid)), charset=None, mark_seen=False))
        return Found(uid, envelope, messages[0]) if messages else None

    def _envelope(self, mailbox: BaseMailBox, uid: int) -> Envelope | None:
        asked = "(RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (FROM DATE CONTENT-TYPE MESSAGE-ID)])"
        _, answer = mailbox.client.uid("FETCH", str(uid), asked)
        told = next((one for one in answer if isinstance(one, tuple)), None)
        if told is None:
            return None  # gone meanwhile
        facts = b" ".join(one if isinstance(one, bytes) else one[0] for one in answer if one)
        size = re.search(rb"RFC822\.SIZE (\d+)", facts)
        arrived = imaplib.Internaldate2tuple(facts)
        if size is None or arrived is None:
            return None
        at = datetime.fromtimestamp(time.mktime(arrived), UTC)
        headers = email.message_from_bytes(told[1])
        sent = _instant(headers.get("Date", ""))
        senders = email.utils.getaddresses(headers.get_all("From", []))
        only = senders[0][1].casefold() if len(senders) == 1 else ""
        return Envelope(
            size=int(size[1]),
            at=min(at, sent) if sent else at,
            sender=only,
            content_type=headers.get_content_type(),
            message_id=str(headers.get("Message-ID", "")).strip(),
        )

    # the connection

    @contextmanager
    def _mailbox(self, folder: str, operation: str) -> Iterator[tuple[BaseMailBox, int]]:
        told = self._settings
        with self._errors(operation):
            mailbox = self._open()
        try:
            with self._errors(operation):
                mailbox.login(told.username, told.password.get_secret_value(), None)
                status = mailbox.folder.status(folder, ["UIDVALIDITY"])
                # EXAMINE: the server itself keeps us from changing anything.
                mailbox.folder.set(folder, readonly=True)
            yield mailbox, int(status["UIDVALIDITY"])
        finally:
            try:
                mailbox.logout()
            except (imaplib.IMAP4.error, OSError, UnexpectedCommandStatusError):
                mailbox.client.shutdown()

    def _open(self) -> BaseMailBox:
        told = self._settings
        context = ssl.create_default_context(cafile=told.ca_file)
        if told.tls == "starttls":
            return MailBoxStartTls(
                told.host, told.real_port, timeout=told.call_timeout, ssl_context=context
            )
        return MailBox(told.host, told.real_port, timeout=told.call_timeout, ssl_context=context)

    @contextmanager
    def _errors(self, operation: str) -> Iterator[None]:
        place = {"connector": self._connector, "operation": operation}
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Unauthorized(
                f"nobody trusted vouches for the server: {error.verify_message}",
                **place, missing="certificate",
            ) from None  # fmt: skip
        except MailboxLoginError:
            words = f"log-in refused for {self._settings.username}"
            raise Unauthorized(words, **place) from None
        except (MailboxFolderSelectError, MailboxFolderStatusError):
            raise Rejected("no such mailbox", **place, code="no-such-folder") from None
        except FileNotFoundError as error:
            words = f"ca_file cannot be read: {error.strerror}"
            raise Unauthorized(words, **place, missing="ca_file") from None
        except (imaplib.IMAP4.error, UnexpectedCommandStatusError, OSError, ValueError) as error:
            raise Unavailable(type(error).__name__, **place) from None


def _instant(text: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
