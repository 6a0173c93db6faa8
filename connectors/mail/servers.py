"""Which servers carry mail, and in whose name: the part of the settings that connectors share."""

from __future__ import annotations

import ipaddress
from email.headerregistry import Address
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

#: The usual submission ports (RFC 6409, RFC 8314).
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def plain_address(text: str) -> bool:
    """Whether it is one ASCII address without a name: lists and names would be other recipients."""
    try:
        address = Address(addr_spec=text)
    except Exception:
        # The parser raises IndexError and others of its own for odd text.
        return False
    return bool(text.isascii() and address.username and address.domain)


def _one_address(text: str) -> str:
    if not plain_address(text):
        raise ValueError("an address without a name: alerts@example.com")
    return text


MailAddress = Annotated[str, AfterValidator(_one_address)]


class Smtp(Model):
    """A server that takes our mail."""

    host: str = Field(min_length=1)
    #: the usual one for `tls` where it is not given
    port: int | None = Field(default=None, ge=1, le=65535)
    #: starttls: required, never "if offered"; none: on loopback only
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    #: the From address: alerts@example.com
    sender: MailAddress
    #: a PEM file with the authority to trust instead of the system's
    ca_file: str | None = None
    #: seconds of real time for each step of the conversation
    timeout: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Smtp:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("tls: none is for loopback only; starttls or tls")
        return self

    @property
    def port_in_use(self) -> int:
        return self.port or PORTS[self.tls]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Imap(Model):
    """A mailbox. It is opened read-only: nothing is deleted or marked."""

    host: str
    #: left out: 993, or 143 where `tls` is starttls
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: Literal["implicit", "starttls"] = "implicit"
    username: str
    password: SecretStr
    ca_file: str | None = None
    #: the only addresses whose mails are read; a From address can be forged: use a mailbox whose
    #: server checks DMARC
    senders: Annotated[tuple[str, ...], Field(min_length=1)]
    call_timeout: float = Field(default=60.0, gt=0)

    @field_validator("senders")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            name, _, domain = one.partition("@")
            if not name or "." not in domain or any(mark in one for mark in " <>,*"):
                raise ValueError(f"{one!r} is no address; feeds@acme.example")
        return tuple(one.casefold() for one in value)

    @property
    def real_port(self) -> int:
        return self.port or (993 if self.tls == "implicit" else 143)
