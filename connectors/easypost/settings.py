"""How EasyPost is asked, and about whose parcels. The key is a production key of its dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.values import known_host

PRODUCTION = "https://api.easypost.com"

#: Our words for carriers, and EasyPost's (its "Carrier API strings"). uniuni is from its list of names,
#: to be rechecked with a real parcel.
SPELLINGS: Mapping[str, str] = {
    "canada_post": "CanadaPost",
    "canpar": "Canpar",
    "dhl": "DHLExpress",
    "dhl_ecommerce": "DhlEcs",
    "dpd": "DPD",
    "fedex": "FedEx",
    "lasership": "LaserShipV2",
    "ontrac": "OnTrac",
    "purolator": "Purolator",
    "speedee": "SpeeDee",
    "uniuni": "UniUni",
    "ups": "UPS",
    "usps": "USPS",
    "veho": "Veho",
    "yanwen": "Yanwen",
}


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["easypost"]
    api_key: SecretStr
    #: production, or a simulator on loopback
    base_url: str = PRODUCTION
    #: our words for the carriers whose parcels EasyPost is asked about
    carriers: tuple[str, ...] = Field(min_length=1)
    #: our word for a carrier: EasyPost's, where it is not one of the usual ones
    spellings: dict[str, str] = Field(default_factory=dict)
    #: parcels made known to EasyPost in 24 hours: each costs money, once
    trackers_per_day: int = Field(default=200, ge=2, le=1_000_000)
    calls_per_minute: int = Field(default=60, ge=1, le=6_000)

    @field_validator("base_url")
    @classmethod
    def _easypost_or_loopback(cls, value: str) -> str:
        return known_host(value, PRODUCTION)

    @model_validator(mode="after")
    def _each_is_spelled(self) -> Settings:
        if strange := [one for one in self.carriers if not self.spelling(one)]:
            known = ", ".join(SPELLINGS)
            raise ValueError(
                f"carriers: how EasyPost spells {', '.join(strange)} is not known here; "
                f"say it in spellings, or name some of {known}"
            )
        return self

    def spelling(self, carrier: str) -> str:
        """EasyPost's word for a carrier; empty where it is not known."""
        return self.spellings.get(carrier) or SPELLINGS.get(carrier, "")
