"""How 17TRACK is asked, and about whose parcels. The token is the access key of an API account there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.values import known_host

PRODUCTION = "https://api.17track.net"

#: Our words for carriers, and 17TRACK's keys (its apicarrier.all.json, as users copied it).
KEYS: Mapping[str, int] = {
    "4px": 190094,
    "cainiao": 190271,
    "china_post": 3011,
    "dhl": 100001,
    "fedex": 100003,
    "ontrac": 100049,
    "ups": 100002,
    "usps": 21051,
    "yanwen": 190012,
    "yunexpress": 190008,
}


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["seventeen_track"]
    token: SecretStr
    #: production, or a simulator on loopback
    base_url: str = PRODUCTION
    #: our words for the carriers whose parcels 17TRACK is asked about
    carriers: tuple[str, ...] = Field(min_length=1)
    #: our word for a carrier: 17TRACK's key, where it is not one of the usual ones
    keys: dict[str, int] = Field(default_factory=dict)
    #: parcels made known to 17TRACK in 24 hours: each costs one of the account's quota, once
    registrations_per_day: int = Field(default=100, ge=2, le=1_000_000)

    @field_validator("base_url")
    @classmethod
    def _theirs_or_loopback(cls, value: str) -> str:
        return known_host(value, PRODUCTION)

    @model_validator(mode="after")
    def _each_has_a_key(self) -> Settings:
        if strange := [one for one in self.carriers if not self.key(one)]:
            known = ", ".join(KEYS)
            raise ValueError(
                f"carriers: 17TRACK's key for {', '.join(strange)} is not known here; "
                f"say it in keys, or name some of {known}"
            )
        return self

    def key(self, carrier: str) -> int:
        """17TRACK's key of a carrier; 0 where it is not known."""
        return self.keys.get(carrier) or KEYS.get(carrier, 0)
