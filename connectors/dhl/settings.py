"""How DHL is asked. The key is that of an app on developer.dhl.com with Shipment Tracking - Unified."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.values import known_host

UNIFIED = "https://api-eu.dhl.com"
EXPRESS = "https://express.api.dhl.com/mydhlapi"
#: MyDHL's test environment: it knows fifteen waybills and no other
EXPRESS_TESTING = "https://express.api.dhl.com/mydhlapi/test"


class Express(BaseModel):
    """A MyDHL API account: DHL Express tells it more, and each event with its offset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str = Field(min_length=1)
    password: SecretStr
    base_url: str = EXPRESS
    #: calls in 24 hours: as agreed with DHL Express
    calls_per_day: int = Field(default=500, ge=24, le=10_000_000)

    @field_validator("base_url")
    @classmethod
    def _express_or_loopback(cls, value: str) -> str:
        return known_host(value, EXPRESS, EXPRESS_TESTING)


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["dhl"]
    api_key: SecretStr
    #: production, or a simulator on loopback: DHL has no test environment for customers
    base_url: str = UNIFIED
    #: calls in a day that begins at 00:00 GMT: a new app has 250
    calls_per_day: int = Field(default=250, ge=24, le=10_000_000)
    #: of these, calls that need not be spread over the day
    burst: int = Field(default=20, ge=1, le=1_000)
    #: seconds between two calls: a new app may call every fifth second
    seconds_between: float = Field(default=5.0, gt=0, le=60)
    #: without it DHL Express is asked about as all other DHL is
    express: Express | None = None

    @field_validator("base_url")
    @classmethod
    def _dhl_or_loopback(cls, value: str) -> str:
        return known_host(value, UNIFIED)

    @model_validator(mode="after")
    def _burst_within_the_day(self) -> Settings:
        if self.burst >= self.calls_per_day:
            raise ValueError("burst: fewer than calls_per_day, of which they are")
        return self
