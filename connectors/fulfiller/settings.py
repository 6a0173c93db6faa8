"""How one place's HTTP API is spoken to. Imports no client."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.fulfiller.template import NAMES, PATH_NAMES, faults
from connectors.values import HeaderName, SecretHeaders, TimeZone, without_papers
from core.model.fulfillment import AcknowledgmentStatus


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _relative(path: str) -> str:
    if path.startswith("/") or "://" in path or ".." in path.split("/"):
        raise ValueError("a path below base_url: orders/{reference}")
    try:
        names = [name for _, name, _, _ in Formatter().parse(path) if name is not None]
    except ValueError:
        raise ValueError("braces belong around names: orders/{reference}") from None
    for name in names:
        if name not in PATH_NAMES:
            raise ValueError(f"{{{name}}} is no name; there are {', '.join(PATH_NAMES)}")
    return path


Path = Annotated[str, AfterValidator(_relative)]
#: Where something stands in an answer: data.order.id; numbers count from 0 in lists.
At = Annotated[str, Field(max_length=200, pattern=r"^[^\s]*$")]
Method = Literal["POST", "PUT", "PATCH"]


class Signature(Model):
    """HMAC-SHA256 over the body's bytes, so that they know it is from us."""

    header: HeaderName = "X-Signature"
    secret: SecretStr
    encoding: Literal["hex", "base64"] = "hex"
    #: stands before it: "sha256="
    prefix: str = ""


class Hook(Signature):
    """Their calls to us when something changed at their end; they only hurry what is asked."""

    #: where our key or their id stands in the body: order.id. Left out: a call hurries no one order
    names: tuple[At, ...] = ()
    #: what to subscribe to there, in their words: `lockstep check` shows it
    topics: tuple[str, ...] = ("order changes",)


class Submit(Model):
    """An order to ship."""

    method: Method = "POST"
    path: Path
    body: dict[str, Any]
    #: with this request alone: {Idempotency-Key: $key}
    headers: dict[HeaderName, str] = {}
    #: their own id in the answer; left out: they use ours
    reference: At | None = None
    #: statuses that say that they have an order of this name already
    exists: tuple[Annotated[int, Field(ge=400, le=499)], ...] = (409,)
    #: the same order sent twice under one name is one order, for ever
    repeat_is_same: bool = False

    @field_validator("body")
    @classmethod
    def _names_exist(cls, value: dict[str, Any]) -> dict[str, Any]:
        for problem in faults(value):
            raise ValueError(problem)
        return value

    @field_validator("headers")
    @classmethod
    def _header_values_exist(cls, value: dict[str, str]) -> dict[str, str]:
        for text in value.values():
            if text.startswith("$") and text[1:] not in NAMES:
                raise ValueError(f"{text} is no name; there are {', '.join(NAMES)}")
        return value


class Find(Model):
    """Whether they have an order: asked after an answer was lost, before anything is repeated."""

    path: Path
    #: an object or a list; nothing there, an empty list or a 404: they have none
    found: At = ""
    #: their own id in what was found; left out: they use ours
    reference: At | None = None


class Cancel(Model):
    """Telling them not to ship. An answer of 2xx means that they will not, but 202 that they will
    see: they are told again until they say so, or their status does."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: Path
    body: dict[str, Any] = {}
    #: statuses that say that it is too late
    too_late: tuple[Annotated[int, Field(ge=400, le=499)], ...] = (409, 422)


class ParcelPaths(Model):
    """Where things stand in one parcel."""

    tracking: At
    carrier: At | None = None
    service: At | None = None
    shipped_at: At | None = None
    #: the list of what is in it; left out: all of the order
    lines: At | None = None
    item: At = "sku"
    quantity: At = "quantity"


class LinePaths(Model):
    """Where things stand in one line of their answer."""

    list: At
    item: At = "sku"
    quantity: At = "quantity"
    status: At = "status"
    ready_on: At | None = None


class Status(Model):
    """What became of an order."""

    path: Path
    #: their word for it
    state: At
    #: that word -> accepted, backordered, rejected; waiting: it says nothing yet
    words: dict[str, AcknowledgmentStatus | Literal["waiting"]]
    reason: At | None = None
    #: the day all of it leaves, where it comes later
    ready_on: At | None = None
    lines: LinePaths | None = None
    #: the list of parcels
    parcels: At | None = None
    parcel: ParcelPaths | None = None

    @model_validator(mode="after")
    def _parcels_have_paths(self) -> Status:
        if (self.parcels is None) != (self.parcel is None):
            raise ValueError(
                "parcels (where the list is) and parcel (what is in one) belong together"
            )
        return self


class Settings(Model):
    type: Literal["fulfiller"]
    #: what the paths below are joined to
    base_url: str
    #: with every request: {Authorization: "Bearer ${env:TOKEN}"}
    headers: SecretHeaders = {}
    signature: Signature | None = None
    ca_file: str | None = None
    submit: Submit
    find: Find | None = None
    cancel: Cancel | None = None
    status: Status | None = None
    #: left out: they call nobody, and are asked every `ask_every`
    hook: Hook | None = None
    #: seconds after which what was sent shows in what is asked for
    settle: float = Field(default=60.0, ge=0)
    #: minutes between two questions about one order
    ask_every: float = Field(default=15.0, gt=0)
    #: their words for a carrier -> ours
    carriers: dict[str, str] = {}
    #: for instants and days without an offset
    timezone: TimeZone = "UTC"
    call_timeout: float = Field(default=30.0, gt=0)
    calls_per_second: float = Field(default=2.0, gt=0)

    _no_papers = model_validator(mode="before")(without_papers)

    @model_validator(mode="after")
    def _a_hook_hurries_something(self) -> Settings:
        if self.hook is not None and self.status is None:
            raise ValueError("hook: a call only hurries the asking; describe `status`")
        return self

    @field_validator("base_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        url = urlsplit(value)
        loopback = url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")
        plain = url.hostname and not (url.query or url.fragment or url.username or url.password)
        if not plain or not (url.scheme == "https" or loopback):
            raise ValueError("no address; https://host/v1/, without a name or password in it")
        return value if value.endswith("/") else f"{value}/"
