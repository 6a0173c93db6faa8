"""How a place that speaks in files is reached, where its files lie and how they are written."""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from core.model.catalog import LocationId
from core.model.fulfillment import AcknowledgmentStatus


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _inside_root(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
        raise ValueError("a folder below the root, like stock or out/stock, without ..")
    return str(PurePosixPath(path))


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError("no encoding that is known; utf-8, gbk, cp1252, ...") from None


def _one_file_name(pattern: str) -> str:
    if "/" in pattern or not pattern:
        raise ValueError("a pattern for file names, like stock-*.csv, without a folder")
    return pattern


#: a folder below the transport's root
Folder = Annotated[str, AfterValidator(_inside_root)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Pattern = Annotated[str, AfterValidator(_one_file_name)]


class LocalFolder(Model):
    """A folder of this machine, or one mounted into it."""

    kind: Literal["local"]
    root: str


class Sftp(Model):
    """An SFTP server whose host key is known beforehand."""

    kind: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    password: SecretStr | None = None
    #: an OpenSSH or PEM private key as text: `${file:/run/secrets/acme_key}`
    private_key: SecretStr | None = None
    #: the server's public host key, OpenSSH text ("ssh-ed25519 AAAA..."), got by another way than
    #: by asking the server; a server that shows another one gets no password of ours
    host_key: str
    root: str = "/"
    #: seconds of real time for a connection, log-in included
    connect_timeout: float = Field(default=15.0, gt=0)
    #: seconds of real time for one call: a listing, a file read or written, a rename
    call_timeout: float = Field(default=60.0, gt=0)

    @field_validator("host_key")
    @classmethod
    def _is_a_public_key(cls, value: str) -> str:
        kind, _, rest = value.strip().partition(" ")
        if not kind.startswith(("ssh-", "ecdsa-", "sk-")) or not rest.startswith("AAAA"):
            raise ValueError("a public host key as ssh-keyscan prints it: ssh-ed25519 AAAA...")
        return value.strip()

    @model_validator(mode="after")
    def _can_log_in(self) -> Sftp:
        if self.password is None and self.private_key is None:
            raise ValueError("password or private_key is needed")
        return self


class InFolder(Model):
    """Where their files appear. They are read, never moved or deleted."""

    path: Folder
    pattern: Pattern = "*.csv"


class Folders(Model):
    """What is exchanged with this place; a folder that is absent here is not used."""

    stock_in: InFolder | None = None
    requests_out: Folder | None = None
    acknowledgments_in: InFolder | None = None
    shipments_in: InFolder | None = None
    #: purchase orders that restock us, and the answers to them
    purchases_out: Folder | None = None
    purchase_answers_in: InFolder | None = None


class StockColumns(Model):
    """Their headings, compared without case and outer blanks."""

    sku: str = "sku"
    quantity: str = "quantity"
    #: optional in the file: the instant the figures speak of
    as_of: str = "as_of"


class AcknowledgmentColumns(Model):
    key: str = "key"
    status: str = "status"
    #: optional in the file
    reason: str = "reason"
    reference: str = "reference"
    at: str = "at"


class ShipmentColumns(Model):
    key: str = "key"
    sku: str = "sku"
    quantity: str = "quantity"
    carrier: str = "carrier"
    tracking: str = "tracking"
    #: optional in the file
    service: str = "service"
    shipped_at: str = "shipped_at"


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


class Format(Model):
    """How their files are written."""

    #: tried after a byte order mark and strict UTF-8: gbk, cp1252, ...
    encoding: Encoding = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    #: for instants written without an offset
    timezone: str = "UTC"
    #: strptime patterns tried after ISO 8601: "%m/%d/%Y %H:%M"
    instants: tuple[str, ...] = ()
    stock: StockColumns = StockColumns()
    acknowledgment: AcknowledgmentColumns = AcknowledgmentColumns()
    shipment: ShipmentColumns = ShipmentColumns()
    purchase_answer: PurchaseAnswerColumns = PurchaseAnswerColumns()
    #: their words for an answer, beside the usual ones; compared without case
    statuses: dict[str, AcknowledgmentStatus] = {}
    #: their words for a carrier, beside the usual ones: {"brown": ups}
    carriers: dict[str, str] = {}

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no time zone; America/New_York, Asia/Shanghai, UTC, ...") from None
        return value


class Settings(Model):
    type: Literal["supplier_file"]
    transport: Annotated[LocalFolder | Sftp, Field(discriminator="kind")]
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

    @model_validator(mode="after")
    def _stock_has_a_place(self) -> Settings:
        if self.folders.stock_in and not self.location:
            raise ValueError("location is needed: which StockLocation does the stock file count?")
        return self
