"""Mails to people."""

from __future__ import annotations

from connectors.email import mapping
from connectors.email.settings import Settings
from connectors.mail.smtp import Client
from core.errors import Rejected
from core.ports import AlertTarget, CheckReport, Inside, Mail


class Email(AlertTarget):
    """One SMTP server. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, client: Client, inside: Inside) -> None:
        self.name = name
        self._settings = settings
        self._client = client
        self._clock = inside.clock

    def check(self) -> CheckReport:
        """Connect, encrypt and log in; send nothing."""
        where = f"{self._settings.host}:{self._settings.port_in_use}"
        return CheckReport(name=where, facts=self._client.look())

    def push_mail(self, mail: Mail) -> None:
        """Hand one mail to the server.

        Raises Rejected (refused, or cannot be written as a mail: code "mail"), Unauthorized,
        Unavailable (not sent), UnknownOutcome (the answer to the text was lost).
        """
        try:
            content = mapping.message(mail, sender=self._settings.sender, at=self._clock.now())
        except ValueError as error:
            raise Rejected(
                str(error), connector=self.name, operation="write mail", code="mail"
            ) from None
        self._client.send(content, recipient=mail.recipient)


def connect(name: str, settings: Settings, inside: Inside) -> Email:
    """Build the connector. Makes no call."""
    return Email(name, settings=settings, client=Client(name, settings=settings), inside=inside)
