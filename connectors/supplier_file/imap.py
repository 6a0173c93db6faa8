"""Attachments out of a mailbox: the newest message first, for an older stock file is worth nothing
beside it.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from imap_tools import MailMessage

from connectors.folders.transport import Arrival, one_component, spooled
from connectors.mail.mailbox import Envelope, Mailbox
from connectors.supplier_file.settings import Imap

#: (name, digest, body or None, why refused) of an attachment that is wanted
_Found = tuple[str, str, BinaryIO | None, str]


class ImapDeliveries:
    """Files that arrive as attachments."""

    def __init__(self, settings: Imap, *, connector: str, largest: int) -> None:
        self._senders = settings.senders
        self._largest = largest
        self._mailbox = Mailbox(settings, connector=connector, largest=largest)

    def arrivals(
        self, folder: str, pattern: str, *, since: str | None, now: datetime
    ) -> Iterator[Arrival]:
        """Attachments of new messages from allowed senders, the newest message first."""
        walk = self._mailbox.newest_first(folder, since=since, now=now, wanted=self._is_allowed)
        for one in walk:
            if isinstance(one, str):
                yield Arrival("", now, "", one, None)
                continue
            at = one.envelope.at
            if one.message is None:
                yield Arrival(f"message {one.uid}", at, "", one.after, None, one.refused)
                continue
            found = list(self._attachments(one.message, pattern))
            for number, (name, digest, body, refused) in enumerate(found, 1):
                cursor = one.after if number == len(found) else one.before
                yield Arrival(name, at, digest, cursor, body, refused)

    def look(self, folder: str) -> str:
        return self._mailbox.look(folder)

    def close(self) -> None:
        """Nothing is held open."""

    def _is_allowed(self, envelope: Envelope) -> bool:
        return envelope.sender in self._senders

    def _attachments(self, message: MailMessage, pattern: str) -> Iterator[_Found]:
        for attachment in message.attachments:
            name = attachment.filename or ""
            shown = "".join(one if one.isprintable() else "?" for one in name)[:200]
            if not fnmatch.fnmatchcase(name, pattern):
                continue
            if not one_component(name):
                yield shown, "", None, "its name leads out of its folder: it is not read"
                continue
            content = attachment.payload
            if len(content) > self._largest:
                why = f"{len(content)} bytes; the largest that is read has {self._largest}"
                yield shown, "", None, why
                continue
            body = spooled()
            body.write(content)
            yield shown, hashlib.sha256(content).hexdigest(), body, ""
