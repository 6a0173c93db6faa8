"""Which SMTP server carries our mails, and in whose name."""

from __future__ import annotations

from typing import Literal

from connectors.mail.servers import Smtp


class Settings(Smtp):
    type: Literal["email"]
