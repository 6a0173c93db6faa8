"""What an admin says about one Shopify shop. Descriptions become the reference page."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

#: The version every document of ours is validated against (served until at least 2027-10-01).
PINNED_VERSION = "2026-10"
#: Older versions lack `@idempotent` and `changeFromQuantity`, which our writes depend on.
OLDEST_VERSION = "2026-04"

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseModel):
    """One shop and the credential of one app that is installed in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["shopify"] = Field(description="Which connector this is.")
    shop: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$",
        description="The shop's permanent name, such as acme.myshopify.com (Settings > Domains).",
    )
    client_id: str | None = Field(
        None,
        min_length=1,
        description="Client ID of the app made in the Dev Dashboard; goes with client_secret.",
    )
    client_secret: SecretStr | None = Field(
        None,
        min_length=1,
        description="Client secret of that app, by reference: ${env:SHOPIFY_CLIENT_SECRET}. "
        "Tokens are fetched with it and renewed before their 24 hours are over.",
    )
    access_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="Static Admin API token (shpat_…) of an older custom app, by reference, "
        "instead of client_id and client_secret.",
    )
    webhook_secrets: tuple[SecretStr, ...] = Field(
        (),
        description="Further secrets that webhooks may be signed with, by reference: the API secret "
        "key beside an access_token, or for an hour the old client secret after it was changed.",
    )
    api_version: str = Field(
        PINNED_VERSION,
        pattern=r"^20\d\d-(01|04|07|10)$",
        description="Version of the Admin API to ask for. Lockstep is tested with the default.",
    )
    base_url: str | None = Field(
        None,
        description="Only for simulators: where to send requests instead of https://<shop>. "
        "Plain http is accepted for this machine (loopback) alone.",
    )
    index_lag: float = Field(
        10.0,
        ge=0,
        le=600,
        description="Seconds a change may take to appear in Shopify's search index.",
    )
    overlap: float = Field(
        300.0,
        ge=0,
        le=86_400,
        description="Seconds before the last complete walk that the next one looks at again.",
    )
    page_size: int = Field(
        50, ge=1, le=100, description="Orders or products per page; larger pages cost little more."
    )
    timeout: float = Field(
        30.0, gt=0, le=300, description="Real seconds after which a call is given up."
    )
    notify_customer: bool = Field(
        True,
        description="Whether Shopify mails the buyer when a shipment is confirmed or money is paid back.",
    )
    disputes: bool = Field(
        False,
        description="Whether chargebacks that were lost are read as money paid back. Of Shopify "
        "Payments only; needs the scope read_shopify_payments_disputes.",
    )
    returns: bool = Field(
        False,
        description="Whether returns are read and settled here: needs the scopes read_returns and "
        "write_returns. Refunds are read all the same.",
    )

    @field_validator("api_version")
    @classmethod
    def _has_what_we_write_with(cls, value: str) -> str:
        if value < OLDEST_VERSION:
            raise ValueError(f"versions before {OLDEST_VERSION} lack what safe writes need")
        return value

    @field_validator("base_url")
    @classmethod
    def _secrets_travel_encrypted(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("expected http://host:port or https://host, with or without a path")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("no user, password, query or fragment belongs into base_url")
        if url.scheme == "http" and url.hostname not in _LOOPBACK:
            raise ValueError("plain http is for simulators on this machine; use https")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        by_grant = self.client_id is not None or self.client_secret is not None
        if by_grant and self.access_token is not None:
            raise ValueError("give client_id and client_secret, or access_token, not both")
        if by_grant and (self.client_id is None or self.client_secret is None):
            raise ValueError("client_id and client_secret go together")
        if not by_grant and self.access_token is None:
            raise ValueError(
                "a credential is missing: client_id and client_secret, or access_token"
            )
        return self

    @property
    def root(self) -> str:
        """Where requests go, without a trailing slash."""
        return self.base_url or f"https://{self.shop}"
