"""How FedEx is asked. Key and secret are those of a Track project on developer.fedex.com."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.values import known_host

PRODUCTION = "https://apis.fedex.com"
#: FedEx's sandbox
TESTING = "https://apis-sandbox.fedex.com"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["fedex"]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    #: production, FedEx's sandbox, or a simulator on loopback
    base_url: str = PRODUCTION
    #: calls in 24 hours, spread over them: a Track project has 100,000 unless FedEx says otherwise
    calls_per_day: int = Field(default=100_000, ge=24, le=10_000_000)
    #: of these, calls at once
    burst: int = Field(default=20, ge=1, le=1_000)

    @field_validator("base_url")
    @classmethod
    def _fedex_or_loopback(cls, value: str) -> str:
        return known_host(value, PRODUCTION, TESTING)
