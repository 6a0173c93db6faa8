"""A trading partner that speaks X12 over folders. Imports no client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.folders.places import Folder, Ftps, LocalFolder, Pattern, Sftp
from connectors.values import Currency, TimeZone, without_papers
from core.model.fulfillment import AcknowledgmentStatus


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


#: What may stand in an ISA or GS: X12's basic letters, none of them a usual delimiter.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9 .&/+()-]{1,15}$")]


class Side(Model):
    """Who sends or receives."""

    #: ISA05 or ISA07: ZZ mutually agreed, 01 DUNS, 12 telephone, 14 DUNS and suffix
    qualifier: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")] = "ZZ"
    #: ISA06 or ISA08
    id: Name
    #: GS02 or GS03; left out: as `id`
    group: Name | None = None


class Marks(Model):
    """The letters between elements, components and segments of what we write."""

    element: Annotated[str, Field(min_length=1, max_length=1)] = "*"
    component: Annotated[str, Field(min_length=1, max_length=1)] = ">"
    segment: Annotated[str, Field(min_length=1, max_length=1)] = "~"

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Marks:
        letters = (self.element, self.component, self.segment)
        if len(set(letters)) < 3 or any(one.isalnum() or one == " " for one in letters):
            raise ValueError("three different marks that are no letters or digits: * > ~")
        return self


class Pack(Model):
    """What they count a thing in."""

    #: data element 355: CT carton, CA case, PK pack, DZ dozen
    unit: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")]
    #: our units in one of it
    units: int = Field(gt=1, le=100_000)


class Receipts(Model):
    """997s: what could be read."""

    #: hours in which they confirm each document; null: they never do
    hours: float | None = Field(default=24.0, gt=0)


class InFolder(Model):
    """Where what they send appears. It is read, never moved or deleted."""

    path: Folder
    pattern: Pattern = "*"


#: ACK01 -> what becomes of the units (X12 data element 668). What is not here stays unknown.
ANSWERS: Mapping[str, AcknowledgmentStatus] = {
    **dict.fromkeys(
        ("IA", "IC", "IE", "IP", "IQ", "IS", "AA", "AC", "AR", "BP", "DR", "SP"),
        AcknowledgmentStatus.ACCEPTED,
    ),
    **dict.fromkeys(("IB", "IF", "IH", "IW"), AcknowledgmentStatus.BACKORDERED),
    **dict.fromkeys(
        ("ID", "IR", "R1", "R2", "R3", "R4", "R5", "R6"), AcknowledgmentStatus.REJECTED
    ),
}
#: Standard Carrier Alpha Codes, and how TD505 usually begins, in our words.
CARRIERS: Mapping[str, str] = {
    **dict.fromkeys(("UPSN", "UPSS", "UPS"), "ups"),
    **dict.fromkeys(("FDEG", "FDEN", "FDXE", "FDE", "FEDX", "FEDEX"), "fedex"),
    **dict.fromkeys(("USPS", "USPSP"), "usps"),
    **dict.fromkeys(("DHLC", "DHLX", "DHL"), "dhl"),
    **dict.fromkeys(("ONTC", "ONTRAC"), "ontrac"),
}


class Settings(Model):
    type: Literal["edi"]
    transport: Annotated[LocalFolder | Sftp | Ftps, Field(discriminator="kind")]
    #: where they pick up what we send
    outbox: Folder
    inbox: InFolder
    us: Side
    them: Side
    #: GS08
    version: Annotated[str, Field(pattern=r"^\d{6}[A-Z]{0,6}$")] = "004010"
    marks: Marks = Marks()
    #: ISA15 is T: they are to treat everything as a test
    test: bool = False
    #: qualifiers of an item's identity in what they send, the one that counts first (element 235)
    items: Annotated[tuple[str, ...], Field(min_length=1)] = ("VP", "VN", "SK", "BP", "IN", "UP")
    #: the qualifier under which we send their word for a thing
    their_item: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")] = "VP"
    #: the one for our Sku; "": it is not sent
    our_item: Annotated[str, Field(pattern="^([A-Z0-9]{2})?$")] = "BP"
    #: the code for one unit
    unit: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")] = "EA"
    #: their word for a thing, or our Sku -> what it is counted in, where that is not `unit`
    packs: dict[str, Pack] = {}
    #: our place -> what they call it (N104)
    places: dict[str, str] = {}
    #: our word for a service -> theirs (TD505), "" where it is theirs anyway and is not sent; what is
    #: not here is sent as we call it
    services: dict[str, Annotated[str, Field(max_length=35)]] = {}
    #: of their prices, where they tell none, ISO 4217
    currency: Currency = "USD"
    #: ACK01 -> what becomes of the units, beside the usual ones
    answers: dict[str, AcknowledgmentStatus] = {}
    #: SCAC, or the first word of TD505 -> our word for the carrier, beside the usual ones
    carriers: dict[str, str] = {}
    receipts: Receipts = Receipts()
    #: faults of their envelopes that are known and accepted, like SE01: not told, not refused
    tolerated: tuple[str, ...] = ()
    #: of their times, which have no offset
    timezone: TimeZone = "America/New_York"
    #: seconds between two looks that must find a file unchanged before it is read
    stable_after: float = Field(default=30.0, ge=0)
    #: bytes; a larger file is not read
    largest_file: int = Field(default=16 * 1024 * 1024, gt=0)

    _no_papers = model_validator(mode="before")(without_papers)

    @model_validator(mode="after")
    def _two_sides(self) -> Settings:
        if (self.us.qualifier, self.us.id) == (self.them.qualifier, self.them.id):
            raise ValueError("us and them are the same; each needs its own id")
        return self

    @model_validator(mode="after")
    def _two_folders(self) -> Settings:
        if self.outbox == self.inbox.path:
            raise ValueError("outbox and inbox are the same folder: we would read what we wrote")
        return self
