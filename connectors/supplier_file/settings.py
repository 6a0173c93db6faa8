"""How a place that speaks in files is reached, where its files lie and how they are written."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
    model_validator,
)

from connectors.folders.places import Folder, Ftps, LocalFolder, Pattern, Sftp
from connectors.mail import servers as mail
from connectors.values import Currency, SecretHeaders, TimeZone
from core.model.catalog import LocationId
from core.model.fulfillment import AcknowledgmentStatus


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError("no encoding that is known; utf-8, gbk, cp1252, ...") from None


Encoding = Annotated[str, AfterValidator(_encoding)]


class Https(Model):
    """Files at addresses. Nothing can be written there."""

    kind: Literal["https"]
    #: what the paths of the folders below are joined to: https://feeds.acme.example/v2/
    url: str
    username: str | None = None
    password: SecretStr | None = None
    #: sent as `Authorization: Bearer ...`
    bearer: SecretStr | None = None
    #: headers with secrets of their own: {X-Api-Key: ...}
    headers: SecretHeaders = {}
    ca_file: str | None = None
    call_timeout: float = Field(default=60.0, gt=0)

    @field_validator("url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        host = value.removeprefix("https://").split("/")[0]
        if not value.startswith("https://") or not host or "@" in host:
            raise ValueError("no address; https://host/folder/, without a name or password in it")
        return value if value.endswith("/") else f"{value}/"

    @model_validator(mode="after")
    def _one_way_in(self) -> Https:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.username is not None and self.bearer is not None:
            raise ValueError("a password and a bearer token are two ways in; keep one")
        return self


class Imap(mail.Imap):
    """A mailbox that files are sent to."""

    kind: Literal["imap"]


# How a file is laid out

#: A column: its heading, its place counted from 1, or a value worked out from others.
Heading = Annotated[str, Field(max_length=200)]
Place = Annotated[int, Field(ge=1, le=1_000)]


class Formula(Model):
    """A value worked out from a line. `value` is CEL over the names given below it."""

    value: str
    #: name -> column that holds a whole number
    numbers: dict[str, Heading | Place] = {}
    #: name -> column that holds a number with decimals
    decimals: dict[str, Heading | Place] = {}
    #: name -> column that is taken as it stands
    texts: dict[str, Heading | Place] = {}

    def sample(self) -> dict[str, object]:
        """What `value` may name, with a value of its kind: how it is checked before it is used."""
        return {
            **dict.fromkeys(self.texts, ""),
            **dict.fromkeys(self.decimals, 1.0),
            **dict.fromkeys(self.numbers, 1),
        }

    @model_validator(mode="after")
    def _names_are_names(self) -> Formula:
        names = [*self.numbers, *self.decimals, *self.texts]
        for name in names:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name!r} is no name; letters, digits and _ only")
        if len(names) > len(set(names)):
            raise ValueError("a name stands for two columns; give each its own")
        return self


def _kind_of_column(value: object) -> str:
    if isinstance(value, Formula | dict):
        return "formula"
    return "place" if isinstance(value, int) and not isinstance(value, bool) else "heading"


Column = Annotated[
    Annotated[Heading, Tag("heading")]
    | Annotated[Place, Tag("place")]
    | Annotated[Formula, Tag("formula")],
    Discriminator(_kind_of_column),
]
#: The line with the headings: its number from 1, 0 where there is none (columns are then named by
#: their places), or headings that it must have: the first line that has all of them.
Header = Annotated[int, Field(ge=0, le=1_000)] | Annotated[tuple[Heading, ...], Field(min_length=1)]


class Csv(Model):
    """Cells between delimiters, in quotes where needed."""

    kind: Literal["csv"]
    #: left out: that of `format`
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    header: Header = 1


class Tsv(Model):
    """Cells between tabs; a quote is a letter like any other."""

    kind: Literal["tsv"]
    header: Header = 1


class Xlsx(Model):
    """A workbook: XLSX, and what else holds sheets (XLS, XLSB, ODS)."""

    kind: Literal["xlsx"]
    #: its name, or its place counted from 1
    sheet: Heading | Annotated[int, Field(ge=1)] = 1
    header: Header = 1
    #: digits a column has: a UPC that was read as a number gets its zeros back
    widths: dict[Heading | Place, Annotated[int, Field(ge=1, le=40)]] = {}


class FixedWidth(Model):
    """Lines whose cells stand at fixed places."""

    kind: Literal["fixed"]
    #: name -> first and last letter, counted from 1
    columns: dict[str, tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]]
    #: lines before the first one
    skip: int = Field(default=0, ge=0)

    @field_validator("columns")
    @classmethod
    def _forward(cls, value: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for name, (first, last) in value.items():
            if last < first or last > 10_000:
                raise ValueError(f"{name!r} ends before it begins; write [first, last]")
        return value


class Json(Model):
    """Objects in a list, or one on each line."""

    kind: Literal["json"]
    #: where the list is: stock.items; "": the document itself
    rows: str = ""
    #: every line is an object of its own (JSON lines)
    lines: bool = False


QuantityMeaning = Literal["available", "on_hand", "ignored"]
#: What QTY01 usually means (X12 data element 673). 02 and 20 mean many things: a partner says which.
X12_QUANTITIES: Mapping[str, QuantityMeaning] = {
    "33": "available",
    "QA": "available",
    "17": "on_hand",
}
#: Qualifiers of an item's identity in LIN, the best first (X12 data element 235).
X12_ITEMS = ("UP", "EN", "UK", "VN", "VP", "SK", "BP", "IN")


class X12(Model):
    """An X12 interchange with inventory (846). Its columns are sku, item, quantity, unit, as_of,
    cost, currency, lead_days and discontinued; `format.stock` need not name them."""

    kind: Literal["x12"]
    #: ISA06; interchanges of others are refused. Left out: whoever it is from
    sender: str = ""
    #: which of an item's identities is the SKU, in this order
    items: tuple[str, ...] = X12_ITEMS
    #: QTY01 -> available, on_hand or ignored; what is not here is ignored
    quantities: dict[str, QuantityMeaning] = dict(X12_QUANTITIES)
    #: the figure that counts where both are told
    figure: Literal["available", "on_hand"] = "available"
    #: BIA01 of a report that tells changes only; one of another code is the whole stock
    changes: tuple[str, ...] = ("04", "25", "52")
    #: elements that this partner is known to get wrong, like SE01: not told each time
    tolerated: tuple[str, ...] = ()


Layout = Annotated[Csv | Tsv | Xlsx | FixedWidth | Json | X12, Field(discriminator="kind")]


class InFolder(Model):
    """Where their files appear. They are read, never moved or deleted."""

    #: a folder; the file itself over https; a mailbox over imap
    path: Folder
    #: of file names; of attachments over imap; not used over https
    pattern: Pattern = "*.csv"
    layout: Layout = Csv(kind="csv")


class Folders(Model):
    """What is exchanged with this place; a folder that is absent here is not used."""

    stock_in: InFolder | None = None
    requests_out: Folder | None = None
    acknowledgments_in: InFolder | None = None
    shipments_in: InFolder | None = None
    #: purchase orders that restock us, and the answers to them
    purchases_out: Folder | None = None
    purchase_answers_in: InFolder | None = None
    invoices_in: InFolder | None = None


class PriceBreak(Model):
    """From so many units on, one costs what this column says."""

    units: int = Field(gt=1)
    cost: Column


class StockColumns(Model):
    """Their headings, compared without case and outer blanks; or places; or values worked out.

    Only `sku` and `quantity` must be there. The terms below `as_of` are read where the file has
    such a column.
    """

    sku: Column = "sku"
    quantity: Column = "quantity"
    #: the instant the figures speak of
    as_of: Column = "as_of"
    #: what they call the item; left out: as in `sku`
    item: Column = "item"
    #: the word for what is counted, see `format.units`: quantity, least and cost are in it
    unit: Column = "unit"
    #: units in one pack
    pack: Column = "pack"
    #: the least that can be ordered
    least: Column = "least"
    cost: Column = "cost"
    #: of the costs, where the file tells it
    currency: Column = "currency"
    breaks: tuple[PriceBreak, ...] = ()
    #: days from order to ready
    lead_days: Column = "lead_days"
    discontinued: Column = "discontinued"
    #: packs: quantity, least and costs are in packs, not in units
    counted_in: Literal["units", "packs"] = "units"


class AcknowledgmentColumns(Model):
    key: str = "key"
    status: str = "status"
    #: optional in the file
    reason: str = "reason"
    reference: str = "reference"
    at: str = "at"
    #: a line of the request: their word for the thing, or our Sku; empty: it speaks of all of it
    item: str = "item"
    #: units that this answer is about
    quantity: str = "quantity"
    #: the day they leave, where they come later
    ready_on: str = "ready_on"


class ShipmentColumns(Model):
    key: str = "key"
    sku: str = "sku"
    quantity: str = "quantity"
    carrier: str = "carrier"
    tracking: str = "tracking"
    #: optional in the file
    service: str = "service"
    shipped_at: str = "shipped_at"
    #: their number of the notice: without one, what is told twice of a parcel is the same twice
    document: str = "document"
    #: the day it is to arrive
    expected_on: str = "expected_on"


class PurchaseAnswerColumns(Model):
    #: the purchase order's number
    order: str = "order"
    #: what they call the thing, or our Sku
    item: str = "item"
    #: units that will come; 0: none
    quantity: str = "quantity"
    #: optional in the file: the day it leaves them
    ready_on: str = "ready_on"
    reference: str = "reference"
    at: str = "at"


class InvoiceColumns(Model):
    """One line for each thing; what is about the whole invoice stands on each of its lines."""

    invoice: str = "invoice"
    #: the purchase order's number, or the key of our request
    order: str = "order"
    date: str = "date"
    #: what they call the thing, or our Sku
    item: str = "item"
    quantity: str = "quantity"
    #: of all units of the line; where the file has it, unit_price is not looked at
    amount: str = "amount"
    #: optional in the file, as those below
    unit_price: str = "unit_price"
    currency: str = "currency"
    #: freight and other charges less allowances, of the whole invoice
    charges: str = "charges"
    #: of the whole invoice; left out: what its parts come to
    total: str = "total"
    #: "credit" on what gives money back
    kind: str = "kind"


class Format(Model):
    """How their files are written."""

    #: tried after a byte order mark and strict UTF-8: gbk, cp1252, ...
    encoding: Encoding = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    #: for instants written without an offset
    timezone: TimeZone = "UTC"
    #: strptime patterns tried after ISO 8601: "%m/%d/%Y %H:%M"
    instants: tuple[str, ...] = ()
    stock: StockColumns = StockColumns()
    acknowledgment: AcknowledgmentColumns = AcknowledgmentColumns()
    shipment: ShipmentColumns = ShipmentColumns()
    purchase_answer: PurchaseAnswerColumns = PurchaseAnswerColumns()
    invoice: InvoiceColumns = InvoiceColumns()
    #: their words for an answer, beside the usual ones; compared without case
    statuses: dict[str, AcknowledgmentStatus] = {}
    #: their words for a carrier, beside the usual ones: {"brown": ups}
    carriers: dict[str, str] = {}
    #: their words for what is counted, beside the usual ones: {"ctn24": 24}
    units: dict[str, Annotated[int, Field(gt=0, le=100_000)]] = {}
    #: of costs, where the file tells none
    currency: Currency = "USD"
    #: their words for "discontinued" and for "not", beside the usual ones
    discontinued: dict[str, bool] = {}


PrintedLine = Annotated[str, Field(min_length=1, max_length=200)]


class Papers(Model):
    """For each request a PDF: a pick list for the warehouse, a packing slip for the buyer."""

    #: name and address of the shop, at the head of the packing slip
    shop: Annotated[tuple[PrintedLine, ...], Field(min_length=1, max_length=12)]
    #: where they are put; left out: beside the CSV, under the same name
    folder: Folder | None = None
    #: letter in the US, a4 elsewhere
    paper: Literal["letter", "a4"] = "letter"
    #: a TrueType file (.ttf) with letters that are asked first: what is used of it goes into the PDF.
    #: Left out, and for what it lacks: Chinese, Japanese, Korean, Cyrillic and Greek print all the same
    font: str | None = None
    #: at the foot of the packing slip: thanks, how to return
    words: Annotated[tuple[PrintedLine, ...], Field(max_length=20)] = ()


#: Transports that nothing can be written over.
READ_ONLY = frozenset({"https", "imap"})


class Settings(Model):
    type: Literal["supplier_file"]
    transport: Annotated[LocalFolder | Sftp | Ftps | Https | Imap, Field(discriminator="kind")]
    folders: Folders
    format: Format = Format()
    #: the StockLocation their stock file speaks of
    location: LocationId = ""
    #: seconds a stock figure is older than its file, where the file states no instant
    as_of_lag: float = Field(default=0.0, ge=0)
    #: seconds between two looks that must find a file unchanged before it is read
    stable_after: float = Field(default=30.0, ge=0)
    #: bytes; a larger file is not read
    largest_file: int = Field(default=64 * 1024 * 1024, gt=0)
    #: lines of one file that are read; a longer one is refused
    most_lines: int = Field(default=1_000_000, gt=0)
    #: left out: requests are CSV alone. With it they have columns for what is on the papers
    papers: Papers | None = None

    @model_validator(mode="after")
    def _can_be_written_to(self) -> Settings:
        if self.folders.requests_out and self.transport.kind in READ_ONLY:
            raise ValueError(
                f"requests_out: nothing can be written over {self.transport.kind}; "
                "leave it out, or send requests through a connection of their own"
            )
        return self

    @model_validator(mode="after")
    def _papers_belong_to_requests(self) -> Settings:
        if self.papers and not self.folders.requests_out:
            raise ValueError(
                "papers: no request goes out here that they could belong to; name "
                "`requests_out` under `folders`, or leave them out"
            )
        return self

    @model_validator(mode="after")
    def _layouts_of_answers(self) -> Settings:
        for folder in (self.folders.acknowledgments_in, self.folders.shipments_in):
            if folder and folder.layout.kind == "x12":
                raise ValueError("only stock is read from X12; answers come in another layout")
        return self

    @model_validator(mode="after")
    def _stock_has_a_place(self) -> Settings:
        if self.folders.stock_in and not self.location:
            raise ValueError("location is needed: which StockLocation does the stock file count?")
        return self
