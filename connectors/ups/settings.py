"""How UPS is asked. Client id and secret are those of an app on developer.ups.com with Tracking, and
with Rating where prices are asked."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.values import known_host

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
    #: six letters and digits: the account whose negotiated prices are quoted; unset: list prices
    account_number: SecretStr | None = None
    #: whether buyers' doors are homes: UPS charges more for them
    residential: bool = True
    #: questions for prices in 24 hours, spread over them
    quotes_per_day: int = Field(default=500, ge=1, le=1_000_000)

    @field_validator("account_number")
    @classmethod
    def _six_characters(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            told = value.get_secret_value()
            if not (len(told) == 6 and told.isalnum() and told.isascii()):
                raise ValueError("a UPS account number has six letters and digits")
        return value

    @field_validator("base_url")
    @classmethod
    def _ups_or_loopback(cls, value: str) -> str:
        # The client secret goes there: nobody else gets it by a slip of the pen.
        return known_host(value, PRODUCTION, TESTING)
