"""What others call our goods: names and codes that mean so many units of one Sku."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.catalog import Sku


class Scheme(StrEnum):
    """Whose names these are. What `place` of a name says depends on it."""

    #: a channel's own id of a page: a Shopify variant's gid, an Amazon seller SKU; place: the channel
    LISTING = "listing"
    #: what is written in a page's SKU field, or used instead of our Sku; place: a channel, "" for all
    REMOTE_SKU = "remote_sku"
    #: a supplier's item number; place: the supplier, or the connection it speaks through
    ITEM = "item"
    #: UPC, EAN and the like, as 14 digits (GS1 General Specifications, 3.2); place: ""
    GTIN = "gtin"
    #: Amazon's number of a product page; place: ""
    ASIN = "asin"


#: Schemes whose names mean one thing wherever they are read.
CODES = (Scheme.GTIN, Scheme.ASIN)


@dataclass(frozen=True, slots=True, order=True)
class OutsideName:
    scheme: Scheme
    place: str
    value: str

    def __str__(self) -> str:
        return " ".join(word for word in (self.scheme, self.place, self.value) if word)


@dataclass(frozen=True, slots=True)
class Meaning:
    sku: Sku
    #: units of the Sku in one of it: 6 for a pack of six, 24 for a case
    units: int = 1

    def __str__(self) -> str:
        return f"{self.units} x {self.sku}"


class Source(StrEnum):
    """Who says what a name means. What the files say wins."""

    FILE = "file"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Known:
    """What is written of a name, and where: "names.csv: row 7", or the person who set it."""

    name: OutsideName
    meaning: Meaning
    source: Source
    where: str


@dataclass(frozen=True, slots=True)
class NameChange:
    """One line of a name's history. Lines are added, never changed."""

    id: int
    name: OutsideName
    source: Source
    #: None: from then on this source says nothing of it
    meaning: Meaning | None
    #: in force from here on
    begins: datetime
    told_at: datetime
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """What somebody outside shows or sells, by all its names."""

    #: the channel, or the connection of a supplier
    place: str
    #: a channel's id of the page, a supplier's item number; "": it has none
    remote_id: str
    remote_sku: str = ""
    #: (gtin or asin, as it was told)
    codes: tuple[tuple[str, str], ...] = ()
