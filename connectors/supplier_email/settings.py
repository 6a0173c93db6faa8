"""Where one supplier's orders are mailed to, what is printed on them, and where answers arrive."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.mail.servers import Imap, MailAddress, Smtp

#: One line of what is printed.
Line = Annotated[str, Field(min_length=1, max_length=80)]
Lines = Annotated[tuple[Line, ...], Field(max_length=8)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Replies(Imap):
    """The mailbox that their answers come to."""

    folder: str = "INBOX"
    #: strptime patterns of days tried after ISO 8601, for spreadsheets that write their own:
    #: "%m/%d/%Y"
    days: tuple[str, ...] = ()
    #: bytes of one attached file
    largest_file: int = Field(default=1_000_000, gt=0)


class Settings(Model):
    type: Literal["supplier_email"]
    #: who carries our mail
    smtp: Smtp
    #: where orders go
    to: MailAddress
    #: where answers are to go; left out: to the sender
    reply_to: MailAddress | None = None
    #: name and address of the buyer, at the head of an order
    buyer: Annotated[Lines, Field(min_length=1)]
    #: our location -> its address as it is printed; one that is not here is printed by its name
    deliver_to: dict[str, Lines] = {}
    #: at the foot of an order: payment, packing, labels
    terms: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    #: letter in the US, a4 elsewhere
    paper: Literal["letter", "a4"] = "letter"
    #: days in which they may answer by the link in the mail, once; 0: there is no link. It leads to
    #: `inbound.public_url`
    answer_link_days: int = Field(default=21, ge=0, le=365)
    #: left out: answers by mail are read by people
    replies: Replies | None = None

    @property
    def answers_go_to(self) -> str:
        return self.reply_to or self.smtp.sender

    @property
    def link_open_for(self) -> timedelta | None:
        return timedelta(days=self.answer_link_days) if self.answer_link_days else None
