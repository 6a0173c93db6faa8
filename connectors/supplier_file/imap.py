"""Attachments out of a mailbox, which is opened read-only: nothing is deleted, moved or marked.

RFC 3501. The place in the walk is UIDVALIDITY with the highest UID that is done, and those above it
that are: the newest message is taken first, for an older stock file is worth nothing beside it.
"""

from __future__ import annotations

import email
import email.utils
import fnmatch
import hashlib
import imaplib
import json
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailMessage, U
from imap_tools.errors import (
    MailboxFolderSelectError,
    MailboxFolderStatusError,
    MailboxLoginError,
    UnexpectedCommandStatusError,
)

from connectors.folders.transport import Arrival, one_component, spooled
from connectors.supplier_file.settings import Imap
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
class _Envelope:
    """What is known of a message before it is fetched."""

    size: int
    #: when it was sent or when it arrived, whichever is earlier
    at: datetime
    #: the only sender; "" where there are none or several
    sender: str


#: (name, instant, digest, body or None, why refused) of an attachment that is wanted
_Found = tuple[str, datetime, str, BinaryIO | None, str]


class ImapDeliveries:
    """A connection for each walk: mailboxes do not like to be kept waiting."""

    def __init__(self, settings: Imap, *, connector: str, largest: int) -> None:
        self._settings = settings
        self._connector = connector
        self._largest = largest

    def arrivals(
        self, folder: str, pattern: str, *, since: str | None, now: datetime
    ) -> Iterator[Arrival]:
        """Attachments of new messages from allowed senders, the newest message first."""
        operation = f"read {folder}"
        with self._mailbox(folder, operation) as (mailbox, validity):
            place = _Place.of(since)
            if place.validity != validity:
                # The server numbers anew: what was taken is recognized by its bytes.
                place = _Place(validity)
            new = self._new(mailbox, place, now, operation)
            for uid in sorted(new - place.taken, reverse=True):
                found = list(self._message(mailbox, uid, pattern, operation))
                for number, (name, at, digest, body, refused) in enumerate(found, 1):
                    if number == len(found):
                        place.taken.add(uid)
                    yield Arrival(name, at, digest, place.text(), body, refused)
                place.taken.add(uid)
            place.uid, place.taken = max(new, default=place.uid), set()
        yield Arrival("", now, "", place.text(), None)

    def look(self, folder: str) -> str:
        with self._mailbox(folder, f"list {folder}") as (mailbox, _):
            count = len(mailbox.uids("ALL", charset=None))
        return f"{count} message{'s' if count != 1 else ''}"

    def close(self) -> None:
        """Nothing is held open."""

    def _new(self, mailbox: BaseMailBox, place: _Place, now: datetime, operation: str) -> set[int]:
        with self._errors(operation):
            if place.uid:
                # `n:*` names the last message too where it is older than n.
                found = mailbox.uids(AND(uid=U(str(place.uid + 1), "*")), charset=None)
            else:
                found = mailbox.uids(AND(date_gte=(now - FIRST_LOOK).date()), charset=None)
        return {int(uid) for uid in found if int(uid) > place.uid}

    def _message(
        self, mailbox: BaseMailBox, uid: int, pattern: str, operation: str
    ) -> Iterator[_Found]:
        with self._errors(operation):
            envelope = self._envelope(mailbox, uid)
        if envelope is None or envelope.sender not in self._settings.senders:
            return
        if envelope.size > self._largest * _GROWTH + _AROUND:
            why = f"a message of {envelope.size} bytes; files of up to {self._largest} are read"
            yield f"message {uid}", envelope.at, "", None, why
            return
        with self._errors(operation):
            messages = list(mailbox.fetch(AND(uid=str(uid)), charset=None, mark_seen=False))
        for message in messages:
            yield from self._attachments(message, envelope, pattern)

    def _attachments(
        self, message: MailMessage, envelope: _Envelope, pattern: str
    ) -> Iterator[_Found]:
        for attachment in message.attachments:
            name = attachment.filename or ""
            shown = "".join(one if one.isprintable() else "?" for one in name)[:200]
            if not fnmatch.fnmatchcase(name, pattern):
                continue
            if not one_component(name):
                yield (
                    shown,
                    envelope.at,
                    "",
                    None,
                    "its name leads out of its folder: it is not read",
                )
                continue
            content = attachment.payload
            if len(content) > self._largest:
                why = f"{len(content)} bytes; the largest that is read has {self._largest}"
                yield shown, envelope.at, "", None, why
                continue
            body = spooled()
            body.write(content)
            yield shown, envelope.at, hashlib.sha256(content).hexdigest(), body, ""

    def _envelope(self, mailbox: BaseMailBox, uid: int) -> _Envelope | None:
        asked = "(RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (FROM DATE)])"
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
        return _Envelope(int(size[1]), min(at, sent) if sent else at, only)

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
