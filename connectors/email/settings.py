"""Which SMTP server carries our mails, and in whose name."""

from __future__ import annotations

import ipaddress
from email.headerregistry import Address
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

#: The usual submission ports (RFC 6409, RFC 8314).
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["email"]
    host: str = Field(min_length=1)
    #: the usual one for `tls` where it is not given
    port: int | None = Field(default=None, ge=1, le=65535)
    #: starttls: required, never "if offered"; none: on loopback only
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    #: the From address: alerts@example.com
    sender: str
    #: a PEM file with the authority to trust instead of the system's
    ca_file: str | None = None
    #: seconds of real time for each step of the conversation
    timeout: float = Field(default=30.0, gt=0)

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        try:
            address = Address(addr_spec=value)
        except Exception:
            # The parser raises IndexError and others of its own for odd text.
            raise ValueError("an address without a name: alerts@example.com") from None
        if not (value.isascii() and address.username and address.domain):
            raise ValueError("an address without a name: alerts@example.com")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Settings:
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
