"""Our Mail as an RFC 5322 message. Pure.

`EmailMessage` with the SMTP policy refuses line breaks in headers, which is what header injection
is made of (https://docs.python.org/3/library/email.policy.html).
"""

from __future__ import annotations

import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from connectors.mail.servers import plain_address
from core.ports import Mail

#: Not every server takes 8-bit bodies; encoded ones pass everywhere.
_POLICY = SMTP.clone(cte_type="7bit")

_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>", re.ASCII)


def message(mail: Mail, *, sender: str, at: datetime) -> bytes:
    """The whole message with CRLF line ends. Raises ValueError that says what cannot be sent."""
    made = EmailMessage(policy=_POLICY)
    made["From"] = sender
    made["To"] = address(mail.recipient)
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(at)
    # The same mail sent again carries the same id: that is how a reader's program knows it.
    made["Message-ID"] = _message_id(mail.message_id)
    if mail.in_reply_to:
        made["In-Reply-To"] = made["References"] = _message_id(mail.in_reply_to)
    # Answering machines stay silent (RFC 3834).
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text)
    if mail.html:
        made.add_alternative(mail.html, subtype="html")
    return made.as_bytes()


def address(recipient: str) -> str:
    """One plain ASCII address. Raises ValueError: lists and names would be other recipients."""
    if not plain_address(recipient):
        raise ValueError("the recipient is no single plain address")
    return recipient


def _message_id(text: str) -> str:
    if not _MESSAGE_ID.fullmatch(text):
        raise ValueError(f"{text!r} is no Message-ID")
    return text
