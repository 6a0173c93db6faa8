"""What an admin says about one Amazon seller account and marketplace."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

#: The seller API's address by region (developer-docs.amazon.com/sp-api/docs/sp-api-endpoints).
ENDPOINTS = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
#: Where access tokens come from: Login with Amazon.
LWA_URL = "https://api.amazon.com/auth/o2/token"


def on_loopback(url: str) -> bool:
    """Whether the address never leaves this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _secure(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("needs a full address: https://host")
    if parts.scheme == "http" and not on_loopback(url):
        raise ValueError("plain http would show the tokens to the network; use https")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("only scheme, host, port and path belong here")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_secure)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


#: shippingSpeedCategory; ScheduledDelivery is Japan's alone, and needs a window nobody tells.
Speed = Literal["Standard", "Expedited", "Priority"]
Feature = Literal[
    "BLANK_BOX", "BLOCK_AMZL", "DELIVER_TOGETHER", "OVERBOX", "PACKING_SLIP",
    "SIGNATURE_CONFIRMATION",
]  # fmt: skip


class OrdersQueue(Model):
    """An SQS queue that gets the seller's ORDER_CHANGE notifications, and nobody else reads."""

    url: Address = Field(
        description="the queue's address: https://sqs.us-east-1.amazonaws.com/123456789012/orders; "
        "a standard queue, FIFO queues get nothing"
    )
    region: str = Field("", description="where it is; empty: as its address says")
    access_key_id: str = Field(
        min_length=1, description="of a user who may only receive and delete its messages"
    )
    secret_access_key: SecretStr = Field(min_length=1, description="that user's secret")

    @model_validator(mode="after")
    def _in_a_region(self) -> Self:
        if not self.region_name:
            raise ValueError("region: the address does not tell it")
        return self

    @property
    def region_name(self) -> str:
        """us-east-1"""
        if self.region:
            return self.region
        host = (urlsplit(self.url).hostname or "").split(".")
        return host[1] if len(host) > 2 and host[0] == "sqs" else ""


class MultiChannel(Model):
    """How Amazon ships other channels' orders from FBA stock (Multi-Channel Fulfillment)."""

    speed: Speed = Field("Standard", description="of orders whose service says nothing else")
    speeds: dict[str, Speed] = Field(
        {},
        description="service of ours, or what buyers chose -> Amazon's: {express: Expedited}; Amazon's own words mean themselves",
    )
    fill: Literal["FillOrKill", "FillAll", "FillAllAvailable"] = Field(
        "FillOrKill",
        description="where Amazon has not all of it: nothing is shipped; it waits up to 24 hours for the rest; or what there is is shipped, the rest comes from elsewhere",
    )
    features: dict[Feature, Literal["Required", "NotRequired"]] = Field(
        {},
        description="{BLANK_BOX: Required}: Required refuses what cannot be shipped so; some cost a fee",
    )
    comment: str = Field(
        "Thank you for your order.",
        min_length=1,
        max_length=750,
        description="printed on the packing slip, for the buyer",
    )
    ask_every: float = Field(
        15.0, gt=0, description="minutes between two questions about one order"
    )
    settle: float = Field(
        60.0, ge=0, description="seconds after which an order that was taken shows in questions"
    )


class Settings(Model):
    """One marketplace of one Amazon seller account."""

    type: Literal["amazon"] = Field(description="amazon")
    seller_id: str = Field(
        min_length=1, description="merchant token, from Seller Central, Account Info: A2EXAMPLE"
    )
    marketplace_id: str = Field(
        "ATVPDKIKX0DER", min_length=1, description="ATVPDKIKX0DER is the United States"
    )
    region: Literal["na", "eu", "fe"] = Field(
        "na", description="where the marketplace is: na Americas, eu Europe and India, fe Far East"
    )
    lwa_app_id: str = Field(
        min_length=1,
        description="client id of the private app, from the Solution Provider Portal: amzn1.application-oa2-client.…",
    )
    lwa_client_secret: SecretStr = Field(
        min_length=1, description="its client secret; must be rotated every 180 days"
    )
    refresh_token: SecretStr = Field(
        min_length=1, description="from authorizing the app for the seller account: Atzr|…"
    )
    secret_expires_on: date | None = Field(
        None, description="the day the client secret expires; check warns 30 days before"
    )
    overlap: int = Field(
        120,
        ge=0,
        le=86_400,
        description="seconds each pull of orders starts before the last one's end, for changes Amazon shows late",
    )
    first_orders_days: int = Field(
        30,
        ge=1,
        le=730,
        description="how many days back the very first pull of orders looks (2,000 orders at once, then 100 each 3 minutes)",
    )
    first_inbound_days: int = Field(
        90,
        ge=1,
        le=365,
        description="how many days back the very first pull looks for shipments to FBA that ended or changed; open ones are always seen",
    )
    orders_queue: OrdersQueue | None = Field(
        None,
        description="a queue with ORDER_CHANGE notifications: orders are read within seconds of a change. "
        "Needs the extra `sqs` (requirements-sqs.lock)",
    )
    returns: bool = Field(
        False,
        description="whether returns and refunds are read and settled here: two reports an hour, and "
        "the role Finance and Accounting",
    )
    cancels_lines: bool = Field(
        False,
        description="whether `lockstep cancel --line` may end single lines of an order. No text of Amazon's "
        "says that an acknowledgement of Failure for some items leaves the others: try it on one order first",
    )
    multi_channel: MultiChannel = Field(
        MultiChannel(),
        description="how orders of other channels are shipped from FBA, by a location with `ships_through` this connection",
    )
    endpoint: Address | None = Field(
        None, description="another address of the seller API; plain http on loopback only"
    )
    lwa_url: Address | None = Field(
        None, description="another address for access tokens; plain http on loopback only"
    )

    @model_validator(mode="after")
    def _both_addresses_or_none(self) -> Self:
        # A simulator must never get tokens bought at the real Amazon, nor the other way round.
        if (self.endpoint is None) != (self.lwa_url is None):
            raise ValueError("endpoint and lwa_url belong together: give both or none")
        return self

    @property
    def api_url(self) -> str:
        """The seller API's address, without a trailing slash."""
        return self.endpoint or ENDPOINTS[self.region]

    @property
    def token_url(self) -> str:
        """Where access tokens come from."""
        return self.lwa_url or LWA_URL
