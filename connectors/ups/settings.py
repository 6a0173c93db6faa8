"""How UPS is asked. Client id and secret are those of an app on developer.ups.com with Tracking."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

PRODUCTION = "https://onlinetools.ups.com"
#: UPS's customer integration environment
TESTING = "https://wwwcie.ups.com"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["ups"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    #: production, UPS's testing host, or a simulator on loopback
    base_url: str = PRODUCTION
    #: calls a second and at once; UPS publishes no limit (429 with code 10429 says it is reached)
    calls_per_second: float = Field(default=2.0, gt=0)
    burst: float = Field(default=5.0, ge=1)

    @field_validator("base_url")
    @classmethod
    def _ups_or_loopback(cls, value: str) -> str:
        url = urlsplit(value)
        loopback = url.scheme in ("http", "https") and url.hostname in (
            "127.0.0.1",
            "localhost",
            "::1",
        )
        plain = not (url.query or url.fragment or url.username)
        if value.rstrip("/") in (PRODUCTION, TESTING) or (loopback and plain):
            return value.rstrip("/")
        # The client secret goes there: nobody else gets it by a slip of the pen.
        raise ValueError(f"{PRODUCTION}, {TESTING} or a simulator on loopback")
