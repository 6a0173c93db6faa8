"""How partners are reminded of what they have not answered or not shipped."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, field_validator

from config.part import Part
from connectors.mail.servers import MailAddress


class Reminding(Part):
    """Before a person hears of it, the partner does."""

    at: Annotated[tuple[Annotated[int, Field(ge=1, le=400)], ...], Field(max_length=5)] = Field(
        (75,),
        description="when, in percent of the time it has to answer or to ship; more than 100: it is "
        "late already; []: never",
    )
    mail: MailAddress | None = Field(
        None,
        description="who is written to there, through `alerts.through`; a supplier whose orders go by "
        "mail is reminded in the same thread, whatever stands here",
    )
    call: str = Field(
        "",
        max_length=100,
        description="whom a person calls: 'Ms. Li, +86 574 5550 1234'; without a mail, a Case asks "
        "for that call when a reminder is due",
    )

    @field_validator("at")
    @classmethod
    def _ascending(cls, at: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= sooner for sooner, later in pairwise(at)):
            raise ValueError("each reminder comes after the one before: write them ascending")
        return at
