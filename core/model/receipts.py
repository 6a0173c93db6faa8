"""Whether a document could be read by who got it: what trading partners tell one another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """A partner could read a document of ours, or could not. It says nothing about doing it."""

    #: the number the document went out under
    serial: int
    accepted: bool
    at: datetime
    #: what it found wrong, as it stands there; "" where nothing is
    faults: str = ""


@dataclass(frozen=True, slots=True)
class OwedReceipt:
    """What a partner is to be told about a document of its own."""

    #: made of the document's own number and content: the same for a document that came twice
    key: str
    #: the beginning of `key` that is made of its number alone; another content under it is an incident
    number: str
    #: what it says, for ReceiptSource.receipt_document
    told: str
