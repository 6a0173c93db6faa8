"""How USPS is asked. Client id and secret are those of an app on developers.usps.com with Tracking."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.values import known_host

PRODUCTION = "https://apis.usps.com"
#: USPS's testing environment for mailers
TESTING = "https://apis-tem.usps.com"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["usps"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    #: production, USPS's testing host, or a simulator on loopback
    base_url: str = PRODUCTION
    #: calls in an hour over all of USPS's APIs, tokens included: 60 unless USPS raised it for you
    calls_per_hour: int = Field(default=60, ge=2, le=1_000_000)
    #: of these, calls that may come at once
    burst: int = Field(default=5, ge=1, le=1_000)

    @field_validator("base_url")
    @classmethod
    def _usps_or_loopback(cls, value: str) -> str:
        return known_host(value, PRODUCTION, TESTING)

    @model_validator(mode="after")
    def _some_left(self) -> Settings:
        if self.burst >= self.calls_per_hour:
            raise ValueError("burst: fewer than calls_per_hour, of which it is a part")
        return self
